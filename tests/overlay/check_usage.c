/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/overlay/usagenet.h"

#include "overlay/usage/certificates.h"
#include "overlay/usage/registration.h"

#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/sip.h"

#include <string.h>

/* --- registration --- */

static PlRegistrations *
registered (void)
{
  PlRegistrations *registrations = pl_registrations_new (env, net, pl_identity_node_id (alice));

  pl_registrations_set_online (registrations, TRUE);
  ck_assert (pl_registrations_add (registrations, "sip:Alice@EXAMPLE.org"));
  pl_universe_run (universe, SEC);
  return registrations;
}

START_TEST (a_registration_is_our_node_under_our_node) /* S1-65, 348, 349, 350, S2-12 */
{
  g_autoptr (PlRegistrations) registrations = registered ();
  const Kept *k = kept_at (ALICE, PL_KIND_SIP_REGISTRATION);
  const PlNodeId *self = pl_identity_node_id (alice);
  g_auto (PlSipRegistration) registration = { 0 };
  PlReader reader;

  ck_assert_ptr_nonnull (k);
  ck_assert_uint_eq (k->lifetime, 900);
  ck_assert_uint_eq (g_bytes_get_size (k->fetched.data->value.key), PL_NODE_ID_LEN);
  ck_assert_mem_eq (g_bytes_get_data (k->fetched.data->value.key, NULL), self->b, PL_NODE_ID_LEN);
  pl_reader_init_bytes (&reader, k->fetched.data->value.value.value);
  ck_assert (pl_sip_registration_read (&reader, &registration));
  ck_assert_uint_eq (registration.type, PL_SIP_REGISTRATION_ROUTE);
  ck_assert_uint_eq (registration.destination_list->len, 1);
  ck_assert (pl_node_id_equal (&pl_destination_list_get (registration.destination_list, 0)->node_id, self));
  ck_assert_int_gt (pl_registrations_time (registrations, ALICE), 0);
  ck_assert_int_eq (pl_registrations_time (registrations, BOB), 0);
}
END_TEST

START_TEST (a_registration_is_refreshed_at_about_a_third) /* S2-22 */
{
  g_autoptr (PlRegistrations) registrations = registered ();

  ck_assert_uint_eq (n_stores, 1);
  pl_universe_run (universe, 240 * SEC);
  ck_assert_uint_eq (n_stores, 1);
  pl_universe_run (universe, 61 * SEC);
  ck_assert_uint_eq (n_stores, 2);
  pl_universe_run (universe, 3600 * SEC);
  ck_assert_uint_ge (n_stores, 13);
  ck_assert_uint_le (n_stores, 17);
}
END_TEST

START_TEST (a_failed_registration_is_tried_again_with_back_off)
{
  g_autoptr (PlRegistrations) registrations = pl_registrations_new (env, net, pl_identity_node_id (alice));

  answer_code = PL_USAGE_ERROR_NO_ANSWER;
  pl_registrations_set_online (registrations, TRUE);
  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 10 * MINUTE);
  ck_assert_uint_ge (n_stores, 8);
  ck_assert_uint_le (n_stores, 20);
  ck_assert_int_eq (pl_registrations_time (registrations, ALICE), 0);
  answer_code = -1;
  pl_universe_run (universe, 91 * SEC);
  ck_assert_ptr_nonnull (kept_at (ALICE, PL_KIND_SIP_REGISTRATION));
}
END_TEST

START_TEST (nothing_is_sent_while_offline_and_soon_after)
{
  g_autoptr (PlRegistrations) registrations = pl_registrations_new (env, net, pl_identity_node_id (alice));

  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 5 * MINUTE);
  ck_assert_uint_eq (n_stores, 0);
  pl_registrations_set_online (registrations, TRUE);
  pl_universe_run (universe, 200 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (n_stores, 1);
  /* the node moved */
  pl_registrations_set_online (registrations, TRUE);
  pl_universe_run (universe, 2 * SEC);
  ck_assert_uint_eq (n_stores, 2);
}
END_TEST

START_TEST (a_too_old_storage_time_is_learned_and_passed) /* 174 */
{
  g_autoptr (PlRegistrations) registrations = pl_registrations_new (env, net, pl_identity_node_id (alice));
  PlResourceId resource;
  g_autoptr (GBytes) key = g_bytes_new (pl_identity_node_id (alice)->b, PL_NODE_ID_LEN);
  PlStoredDataValue value = { PL_DATA_DICTIONARY, 0, key, { FALSE, NULL } };

  pl_aor_resource (ALICE, &resource);
  keep (kept_new (alice, &resource, PL_KIND_SIP_REGISTRATION, &value, 500000));
  answer_code = PL_ERROR_DATA_TOO_OLD;
  pl_registrations_set_online (registrations, TRUE);
  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 70 * PL_USEC_PER_MSEC);
  answer_code = -1;
  pl_universe_run (universe, 5 * SEC);
  ck_assert_uint_eq (n_fetches, 1);
  ck_assert_uint_eq (kept_at (ALICE, PL_KIND_SIP_REGISTRATION)->fetched.data->storage_time, 500001);
  ck_assert_int_gt (pl_registrations_time (registrations, ALICE), 0);
}
END_TEST

static void
set_true (gpointer data)
{
  *(gboolean *) data = TRUE;
}

START_TEST (withdrawing_and_stopping_remove_the_registration) /* 201 */
{
  g_autoptr (PlRegistrations) registrations = registered ();
  gboolean done = FALSE;

  pl_registrations_add (registrations, "alice2@example.org");
  pl_universe_run (universe, SEC);
  pl_registrations_remove (registrations, ALICE);
  pl_universe_run (universe, SEC);
  ck_assert (!kept_at (ALICE, PL_KIND_SIP_REGISTRATION)->fetched.data->value.value.exists);
  ck_assert_uint_ge (kept_at (ALICE, PL_KIND_SIP_REGISTRATION)->lifetime, 900);
  pl_registrations_stop (registrations, 2 * SEC, set_true, &done);
  ck_assert (!done);
  pl_universe_run (universe, 100 * PL_USEC_PER_MSEC);
  ck_assert (done);
  ck_assert (!kept_at ("alice2@example.org", PL_KIND_SIP_REGISTRATION)->fetched.data->value.value.exists);
}
END_TEST

START_TEST (stopping_does_not_wait_for_a_dead_overlay)
{
  g_autoptr (PlRegistrations) registrations = registered ();
  gboolean done = FALSE;

  silent = TRUE;
  pl_registrations_stop (registrations, 2 * SEC, set_true, &done);
  pl_universe_run (universe, 1900 * PL_USEC_PER_MSEC);
  ck_assert (!done);
  pl_universe_run (universe, 200 * PL_USEC_PER_MSEC);
  ck_assert (done);
  ck_assert_uint_eq (n_cancelled, 1);
}
END_TEST

START_TEST (what_is_no_address_or_too_much_is_not_registered) /* S2-31 */
{
  g_autoptr (PlRegistrations) registrations = registered ();
  g_autoptr (GPtrArray) aors = NULL;

  ck_assert (!pl_registrations_add (registrations, "nobody"));
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *aor = g_strdup_printf ("a%u@example.org", i);

      ck_assert_int_eq (pl_registrations_add (registrations, aor), i < PL_REGISTRATIONS_MAX - 1);
    }
  aors = pl_registrations_dup_aors (registrations);
  ck_assert_uint_eq (aors->len, PL_REGISTRATIONS_MAX);
}
END_TEST

/* Of the place itself and of its copy: where the value of ours leads, "" for a route. */
static char *
dup_uri (guint place)
{
  const Kept *k = NULL;
  g_auto (PlSipRegistration) registration = { 0 };
  PlResourceId resource;
  PlReader reader;

  pl_aor_place (ALICE, place, &resource);
  for (guint i = 0; i < kept->len; i++)
    if (pl_resource_id_equal (&((Kept *) g_ptr_array_index (kept, i))->resource, &resource))
      k = g_ptr_array_index (kept, i);
  if (!k || !k->fetched.data->value.value.exists)
    return NULL;
  pl_reader_init_bytes (&reader, k->fetched.data->value.value.value);
  ck_assert (pl_sip_registration_read (&reader, &registration));
  if (registration.type != PL_SIP_REGISTRATION_URI)
    return g_strdup ("");
  return g_strndup (g_bytes_get_data (registration.uri, NULL), g_bytes_get_size (registration.uri));
}

static void
assert_leads (const char *uri)
{
  pl_universe_run (universe, SEC);
  for (guint i = 0; i < n_places; i++)
    {
      g_autofree char *got = dup_uri (i);

      ck_assert_pstr_eq (got, uri);
    }
}

START_TEST (a_redirection_takes_the_place_of_the_route) /* S1-30, 348, 350, 201 */
{
  g_autoptr (PlRegistrations) registrations = NULL;
  gboolean done = FALSE;

  n_places = 2;
  registrations = registered ();
  assert_leads ("");
  ck_assert (pl_registrations_redirect (registrations, ALICE, "sip:Bob@EXAMPLE.net"));
  assert_leads ("sip:" BOB);
  ck_assert_str_eq (pl_registrations_redirected (registrations, ALICE), BOB);
  pl_registrations_remove (registrations, ALICE); /* the phone goes, the redirection stays */
  assert_leads ("sip:" BOB);
  pl_registrations_add (registrations, ALICE);
  assert_leads ("sip:" BOB);
  ck_assert (pl_registrations_redirect (registrations, ALICE, NULL));
  assert_leads ("");
  pl_registrations_remove (registrations, ALICE);
  assert_leads (NULL);
  ck_assert (pl_registrations_redirect (registrations, ALICE, BOB)); /* without a phone */
  assert_leads ("sip:" BOB);
  ck_assert (pl_registrations_redirect (registrations, ALICE, NULL));
  assert_leads (NULL);
  ck_assert (pl_registrations_redirect (registrations, ALICE, BOB));
  assert_leads ("sip:" BOB);
  pl_registrations_stop (registrations, 2 * SEC, set_true, &done);
  assert_leads (NULL);
  ck_assert (done);
}
END_TEST

static char *
dup_prefs (void)
{
  const Kept *k = kept_at (ALICE, PL_KIND_SIP_REGISTRATION);
  g_auto (PlSipRegistration) registration = { 0 };
  PlReader reader;

  pl_reader_init_bytes (&reader, k->fetched.data->value.value.value);
  ck_assert (pl_sip_registration_read (&reader, &registration));
  return registration.contact_prefs ? g_strndup (g_bytes_get_data (registration.contact_prefs, NULL), g_bytes_get_size (registration.contact_prefs))
                                    : NULL;
}

START_TEST (what_the_phones_can_do_stands_in_the_route) /* RFC 7904, contact_prefs */
{
  g_autoptr (PlRegistrations) registrations = registered ();
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  guint before;

  ck_assert_ptr_null (dup_prefs ());
  pl_registrations_prefer (registrations, ALICE, "audio;q=0.5");
  pl_universe_run (universe, SEC);
  first = dup_prefs ();
  ck_assert_str_eq (first, "audio;q=0.5");
  before = n_stores;
  pl_registrations_prefer (registrations, ALICE, "audio;q=0.5");
  pl_registrations_prefer (registrations, BOB, "video"); /* not ours */
  ck_assert (pl_registrations_add (registrations, ALICE));
  pl_universe_run (universe, SEC);
  ck_assert_uint_eq (n_stores, before);
  pl_registrations_prefer (registrations, ALICE, "");
  pl_universe_run (universe, SEC);
  second = dup_prefs ();
  ck_assert_ptr_null (second);
}
END_TEST

START_TEST (a_redirection_during_a_store_is_stored_next)
{
  g_autoptr (PlRegistrations) registrations = registered ();

  pl_registrations_set_online (registrations, TRUE);
  while (n_stores < 2)
    pl_universe_run (universe, 10 * PL_USEC_PER_MSEC);
  ck_assert (pl_registrations_redirect (registrations, ALICE, BOB));
  pl_universe_run (universe, SEC);
  assert_leads ("sip:" BOB);
  ck_assert (!pl_registrations_redirect (registrations, ALICE, ALICE));
  ck_assert (!pl_registrations_redirect (registrations, ALICE, "nobody"));
  ck_assert (!pl_registrations_redirect (registrations, "nobody", BOB));
  ck_assert_str_eq (pl_registrations_redirected (registrations, ALICE), BOB);
}
END_TEST

/* --- copies (doc/PROTOCOL) --- */

static guint
count_at_place (guint place, gboolean exists)
{
  PlResourceId resource;
  guint n = 0;

  pl_aor_place (ALICE, place, &resource);
  for (guint i = 0; i < kept->len; i++)
    {
      const Kept *k = g_ptr_array_index (kept, i);

      n += pl_resource_id_equal (&k->resource, &resource) && k->fetched.data->value.value.exists == exists
           && k->kind == (place ? PL_KIND_REGISTRATION_COPY : PL_KIND_SIP_REGISTRATION);
    }
  return n;
}

START_TEST (copies_are_kept_and_removed_with_the_registration)
{
  g_autoptr (PlRegistrations) registrations = NULL;

  n_places = 3;
  registrations = registered ();
  for (guint i = 0; i < 4; i++)
    ck_assert_uint_eq (count_at_place (i, TRUE), i < 3);
  pl_universe_run (universe, 301 * SEC);
  ck_assert_uint_eq (n_stores, 6);
  pl_registrations_remove (registrations, ALICE);
  pl_universe_run (universe, SEC);
  for (guint i = 0; i < 4; i++)
    ck_assert_uint_eq (count_at_place (i, FALSE), i < 3);
  ck_assert (pl_registrations_add (registrations, ALICE));
  n_places = 4; /* a newer document */
  pl_universe_run (universe, SEC);
  ck_assert_uint_eq (count_at_place (3, TRUE), 1);
}
END_TEST

START_TEST (a_peer_without_copies_is_not_asked_again_and_again)
{
  g_autoptr (PlRegistrations) registrations = pl_registrations_new (env, net, pl_identity_node_id (alice));

  n_places = 2;
  answer_code = PL_ERROR_UNKNOWN_KIND;
  pl_registrations_set_online (registrations, TRUE);
  ck_assert (pl_registrations_add (registrations, ALICE));
  pl_universe_run (universe, 10 * PL_USEC_PER_MSEC);
  pl_universe_run (universe, 200 * PL_USEC_PER_MSEC);
  answer_code = -1;
  pl_universe_run (universe, 60 * SEC);
  ck_assert_uint_eq (count_at_place (0, TRUE), 1);
  ck_assert_uint_eq (count_at_place (1, TRUE), 0);
  pl_universe_run (universe, 300 * SEC);
  ck_assert_uint_eq (count_at_place (1, TRUE), 1);
}
END_TEST

/* --- certificates --- */

static guint
count_kept (guint32 kind)
{
  guint n = 0;

  for (guint i = 0; i < kept->len; i++)
    n += ((Kept *) g_ptr_array_index (kept, i))->kind == kind ? 1 : 0;
  return n;
}

START_TEST (our_certificate_is_kept_in_both_places) /* 229, 230 */
{
  g_autoptr (PlCertificates) certificates = pl_certificates_new (env, net, alice);
  const Kept *k;

  ck_assert (!pl_certificates_stored (certificates));
  pl_certificates_set_online (certificates, TRUE);
  pl_universe_run (universe, 3 * SEC);
  ck_assert (pl_certificates_stored (certificates));
  ck_assert_uint_eq (count_kept (PL_KIND_CERTIFICATE_BY_NODE), 1);
  k = kept_at (ALICE, PL_KIND_CERTIFICATE_BY_USER);
  ck_assert_ptr_nonnull (k);
  ck_assert (g_bytes_equal (k->fetched.data->value.value.value, pl_cert_der (pl_identity_cert (alice))));
  ck_assert_uint_le (k->lifetime, PL_CERTIFICATE_LIFETIME);
}
END_TEST

START_TEST (coming_back_does_not_store_a_certificate_again)
{
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (PlCertificates) certificates = pl_certificates_new (env, net, alice);

      pl_certificates_set_online (certificates, TRUE);
      pl_certificates_set_online (certificates, TRUE);
      pl_universe_run (universe, 10 * SEC);
      ck_assert (pl_certificates_stored (certificates));
    }
  ck_assert_uint_eq (n_stores, 2);
  ck_assert_uint_eq (count_kept (PL_KIND_CERTIFICATE_BY_USER), 1);
}
END_TEST

START_TEST (a_dying_slot_is_used_again)
{
  g_autoptr (PlCertificates) certificates = pl_certificates_new (env, net, alice);
  PlStoredDataValue value = { PL_DATA_ARRAY, 3, NULL, { TRUE, pl_cert_der (pl_identity_cert (alice)) } };
  PlResourceId resource;
  Kept *k;

  pl_aor_resource (ALICE, &resource);
  k = kept_new (alice, &resource, PL_KIND_CERTIFICATE_BY_USER, &value, 5);
  k->fetched.data->lifetime = 60;
  keep (k);
  pl_certificates_set_online (certificates, TRUE);
  pl_universe_run (universe, 3 * SEC);
  ck_assert_uint_eq (count_kept (PL_KIND_CERTIFICATE_BY_USER), 1);
  ck_assert_uint_eq (kept_at (ALICE, PL_KIND_CERTIFICATE_BY_USER)->fetched.data->value.index, 3);
  ck_assert_uint_gt (kept_at (ALICE, PL_KIND_CERTIFICATE_BY_USER)->fetched.data->storage_time, 5);
}
END_TEST

/* S2-20, S2-37: a peer that keeps what it should have refused. */
START_TEST (what_others_signed_in_our_place_is_nothing_to_us)
{
  g_autoptr (PlCertificates) certificates = pl_certificates_new (env, net, alice);
  PlStoredDataValue value = { PL_DATA_ARRAY, 0, NULL, { TRUE, pl_cert_der (pl_identity_cert (alice)) } };
  const guint32 kinds[] = { PL_KIND_CERTIFICATE_BY_USER, PL_KIND_CERTIFICATE_BY_NODE };
  PlResourceId places[2];

  pl_aor_resource (ALICE, &places[0]);
  pl_resource_id_from_name (&places[1], pl_identity_node_id (alice)->b, PL_NODE_ID_LEN);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      Kept *k = kept_new (bob, &places[i], kinds[i], &value, G_MAXINT64);

      k->fetched.data->lifetime = PL_CERTIFICATE_LIFETIME;
      keep (k);
    }
  pl_certificates_set_online (certificates, TRUE);
  pl_universe_run (universe, 3 * SEC);
  ck_assert_uint_lt (last_time, G_MAXINT64);
  ck_assert_uint_eq (n_stores, 2);
}
END_TEST

START_TEST (many_devices_do_not_make_the_array_grow_for_ever)
{
  for (guint i = 0; i < PL_CERTIFICATE_SLOTS_MAX + 5; i++)
    {
      g_autoptr (PlIdentity) device = pl_test_pki_identity (pki, ALICE, NULL);
      PlUsageNet own = { net.funcs, device };
      g_autoptr (PlCertificates) certificates = pl_certificates_new (env, own, device);

      pl_certificates_set_online (certificates, TRUE);
      pl_universe_run (universe, 3 * SEC);
      ck_assert (pl_certificates_stored (certificates));
    }
  ck_assert_uint_eq (count_kept (PL_KIND_CERTIFICATE_BY_USER), PL_CERTIFICATE_SLOTS_MAX);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/usage");
  TCase *t = tcase_create ("registration");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, a_registration_is_our_node_under_our_node);
  tcase_add_test (t, a_registration_is_refreshed_at_about_a_third);
  tcase_add_test (t, a_failed_registration_is_tried_again_with_back_off);
  tcase_add_test (t, nothing_is_sent_while_offline_and_soon_after);
  tcase_add_test (t, a_too_old_storage_time_is_learned_and_passed);
  tcase_add_test (t, withdrawing_and_stopping_remove_the_registration);
  tcase_add_test (t, stopping_does_not_wait_for_a_dead_overlay);
  tcase_add_test (t, what_is_no_address_or_too_much_is_not_registered);
  tcase_add_test (t, a_redirection_takes_the_place_of_the_route);
  tcase_add_test (t, what_the_phones_can_do_stands_in_the_route);
  tcase_add_test (t, a_redirection_during_a_store_is_stored_next);
  suite_add_tcase (s, t);
  t = tcase_create ("copies");
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, copies_are_kept_and_removed_with_the_registration);
  tcase_add_test (t, a_peer_without_copies_is_not_asked_again_and_again);
  suite_add_tcase (s, t);
  t = tcase_create ("certificates");
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, our_certificate_is_kept_in_both_places);
  tcase_add_test (t, coming_back_does_not_store_a_certificate_again);
  tcase_add_test (t, a_dying_slot_is_used_again);
  tcase_add_test (t, what_others_signed_in_our_place_is_nothing_to_us);
  tcase_add_test (t, many_devices_do_not_make_the_array_grow_for_ever);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
