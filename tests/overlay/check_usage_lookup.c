/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/overlay/usagenet.h"

#include "overlay/usage/lookup.h"
#include "overlay/usage/round.h"

#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/sip.h"

#include <string.h>

/* --- look-up --- */

static PlLookupResult result;
static GArray *found;
static guint n_results;

static void
on_lookup (gpointer user, PlLookupResult r, const GArray *nodes)
{
  (void) user;
  result = r;
  n_results++;
  g_array_unref (found);
  found = g_array_ref ((GArray *) nodes);
}

static void
setup_lookup (void)
{
  setup ();
  found = pl_found_nodes_new ();
  n_results = 0;
}

static void
teardown_lookup (void)
{
  g_array_unref (found);
  teardown ();
}

static GBytes *route_prefs;  /* in what is published next, borrowed */

static GBytes *
registration_bytes (const PlNodeId *route, const char *uri, GBytes *prefs)
{
  g_auto (PlSipRegistration) registration = { 0 };
  g_auto (PlWriter) writer = { 0 };

  pl_writer_init (&writer);
  registration.type = route ? PL_SIP_REGISTRATION_ROUTE : PL_SIP_REGISTRATION_URI;
  registration.uri = uri ? g_bytes_new (uri, strlen (uri)) : NULL;
  registration.contact_prefs = prefs ? g_bytes_ref (prefs) : NULL;
  registration.destination_list = pl_destination_list_new ();
  if (route)
    {
      PlDestination destination = pl_destination_node (route);

      g_array_append_val (registration.destination_list, destination);
    }
  pl_sip_registration_write (&writer, &registration);
  return pl_writer_finish (&writer);
}

/* `signer` says at the place of `aor`: key, and a route or an address. */
static void
publish (PlIdentity *signer, const char *aor, const PlNodeId *key, const PlNodeId *route, const char *uri, guint64 time)
{
  g_autoptr (GBytes) key_bytes = g_bytes_new (key->b, PL_NODE_ID_LEN);
  g_autoptr (GBytes) bytes = route || uri ? registration_bytes (route, uri, route_prefs) : NULL;
  PlStoredDataValue value = { PL_DATA_DICTIONARY, 0, key_bytes, { bytes != NULL, bytes } };
  PlResourceId resource;

  pl_aor_resource (aor, &resource);
  keep (kept_new (signer, &resource, PL_KIND_SIP_REGISTRATION, &value, time));
}

static PlLookupResult
look_up (PlLookups *lookups, const char *aor)
{
  guint before = n_results;

  pl_lookups_start (lookups, aor, on_lookup, NULL);
  ck_assert_uint_eq (n_results, before);
  pl_universe_run (universe, 6 * SEC);
  ck_assert_uint_eq (n_results, before + 1);
  return result;
}

START_TEST (every_device_of_a_person_is_found) /* S1-21, S1-47, 351 */
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  g_autoptr (PlIdentity) phone = pl_test_pki_identity (pki, BOB, NULL);
  const PlNodeId *a = pl_identity_node_id (bob), *b = pl_identity_node_id (phone);

  publish (bob, BOB, a, a, NULL, 5);
  publish (phone, BOB, b, b, NULL, 6);
  ck_assert_int_eq (look_up (lookups, "sip:BOB@example.net;transport=tcp"), PL_LOOKUP_FOUND);
  ck_assert_uint_eq (found->len, 2);
  ck_assert (pl_node_id_equal (&g_array_index (found, PlFoundNode, 0).node, a));
}
END_TEST

START_TEST (what_a_device_can_do_comes_with_it) /* RFC 7904, contact_prefs */
{
  static const struct { const char *bytes; gsize len; const char *said; } cases[] = {
    { "audio;q=0.5", 11, "audio;q=0.5" }, { "", 0, "" }, { "a\r\nb", 4, "" }, { "a\0b", 3, "" }, { "\xff", 1, "" },
  };
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  const PlNodeId *b = pl_identity_node_id (bob);
  g_autofree char *longer = g_strnfill (PL_LOOKUP_PREFS_MAX + 1, 'a');

  for (guint i = 0; i <= G_N_ELEMENTS (cases); i++)
    {
      const char *bytes = i < G_N_ELEMENTS (cases) ? cases[i].bytes : longer;
      gsize len = i < G_N_ELEMENTS (cases) ? cases[i].len : strlen (longer);
      g_autoptr (GBytes) prefs = g_bytes_new_static (bytes, len);

      route_prefs = prefs;
      publish (bob, BOB, b, b, NULL, 5 + i);
      route_prefs = NULL;
      ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
      ck_assert_str_eq (g_array_index (found, PlFoundNode, 0).prefs, i < G_N_ELEMENTS (cases) ? cases[i].said : "");
      ck_assert_str_eq (g_array_index (found, PlFoundNode, 0).aor, BOB);
    }
}
END_TEST

START_TEST (what_others_wrote_there_is_not_believed) /* S1-23, S1-41, S2-37, S2-56, S2-96, S2-97, S2-78, S2-79, 354, S2-48, S2-53, S2-59 */
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  const PlNodeId *a = pl_identity_node_id (alice), *b = pl_identity_node_id (bob);

  publish (alice, BOB, a, a, NULL, 5);   /* another user */
  publish (bob, BOB, a, b, NULL, 6);     /* another's key */
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_UNKNOWN);
  publish (bob, BOB, b, a, NULL, 7);     /* leads to a node that did not agree */
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_OFFLINE);
  publish (bob, BOB, b, b, NULL, 8);
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
  ck_assert_uint_eq (found->len, 1);
}
END_TEST

START_TEST (forwarding_is_followed_without_loops) /* 351 */
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  const PlNodeId *a = pl_identity_node_id (alice), *b = pl_identity_node_id (bob);

  publish (bob, BOB, b, NULL, "sip:" ALICE, 5);
  publish (alice, ALICE, a, NULL, "sip:" BOB, 5);
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_CIRCLE);
  ck_assert_uint_le (n_fetches, 3);
  publish (alice, ALICE, a, a, NULL, 6);
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
  ck_assert (pl_node_id_equal (&g_array_index (found, PlFoundNode, 0).node, a));
  ck_assert_str_eq (g_array_index (found, PlFoundNode, 0).aor, ALICE); /* hers, not whose was asked for */
}
END_TEST

static gboolean
is_of_here (gpointer impl, const char *aor)
{
  (void) impl;
  return g_str_has_suffix (aor, "@example.net") || g_str_has_suffix (aor, "@example.org");
}

START_TEST (forwarding_that_leads_out_of_the_overlay_is_said_to) /* RFC 7904, domain restrictions */
{
  static const char *const targets[] = { "sip:carol@other.example", "tel:+3581234", "mailto:" ALICE, "http://example.org/", "" };
  const PlNodeId *b = pl_identity_node_id (bob);
  PlUsageFuncs funcs = *net.funcs;
  PlUsageNet restricted = { &funcs, net.impl };
  g_autoptr (PlLookups) lookups = NULL;

  funcs.allows = is_of_here;
  lookups = pl_lookups_new (env, restricted);
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      publish (bob, BOB, b, NULL, targets[i], 5 + i);
      ck_assert_msg (look_up (lookups, BOB) == PL_LOOKUP_ELSEWHERE, "%s: %d", targets[i], result);
    }
  publish (bob, BOB, b, NULL, "sip:" ALICE, 50); /* who is not there */
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_OFFLINE);
}
END_TEST

START_TEST (a_long_chain_of_forwarding_ends) /* S2-52 */
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);

  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *from = g_strdup_printf ("u%u@example.org", i);
      g_autofree char *to = g_strdup_printf ("u%u@example.org", i + 1);
      g_autoptr (PlIdentity) user = pl_test_pki_identity (pki, from, NULL);

      publish (user, from, pl_identity_node_id (user), NULL, to, 5);
    }
  ck_assert_int_eq (look_up (lookups, "u0@example.org"), PL_LOOKUP_CIRCLE);
  ck_assert_uint_le (n_fetches, PL_LOOKUP_FETCHES_MAX);
}
END_TEST

START_TEST (an_older_registration_is_not_taken_back) /* 212, S2-02, S2-22 */
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  const PlNodeId *b = pl_identity_node_id (bob);

  publish (bob, BOB, b, NULL, NULL, 10); /* withdrawn */
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_OFFLINE);
  publish (bob, BOB, b, b, NULL, 9);     /* a storing peer brings the old one back */
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_OFFLINE);
  publish (bob, BOB, b, b, NULL, 11);
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
}
END_TEST

START_TEST (offline_unknown_and_failed_differ)
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  PlStoredDataValue value = { PL_DATA_ARRAY, 0, NULL, { TRUE, pl_cert_der (pl_identity_cert (bob)) } };
  PlResourceId resource;
  gint64 start;

  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_UNKNOWN);
  ck_assert_int_eq (look_up (lookups, "not an address"), PL_LOOKUP_UNKNOWN);
  pl_aor_resource (BOB, &resource);
  keep (kept_new (alice, &resource, PL_KIND_CERTIFICATE_BY_USER, &value, 5));
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_UNKNOWN);
  keep (kept_new (bob, &resource, PL_KIND_CERTIFICATE_BY_USER, &value, 5));
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_OFFLINE);
  answer_code = PL_USAGE_ERROR_NO_ANSWER;
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FAILED);
  silent = TRUE;
  start = pl_universe_now (universe);
  pl_lookups_start (lookups, BOB, on_lookup, NULL);
  n_results = 0;
  while (n_results == 0)
    pl_universe_run (universe, 10 * PL_USEC_PER_MSEC);
  ck_assert_int_eq (result, PL_LOOKUP_FAILED);
  ck_assert_int_le (pl_universe_now (universe) - start, 5 * SEC + 10 * PL_USEC_PER_MSEC);
}
END_TEST

START_TEST (a_cancelled_lookup_says_nothing)
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  PlLookup *lookup = pl_lookups_start (lookups, BOB, on_lookup, NULL);

  pl_lookup_cancel (lookup);
  pl_lookups_start (lookups, BOB, on_lookup, NULL);
  pl_lookups_start (lookups, "nonsense", on_lookup, NULL);
  g_clear_pointer (&lookups, pl_lookups_free);
  pl_universe_run (universe, 6 * SEC);
  ck_assert_uint_eq (n_results, 0);
  ck_assert_uint_eq (n_cancelled, 2);
}
END_TEST

/* --- copies (doc/PROTOCOL) --- */

static void
publish_at (guint place, gboolean exists, guint64 time)
{
  const PlNodeId *node = pl_identity_node_id (bob);
  g_autoptr (GBytes) key = g_bytes_new (node->b, PL_NODE_ID_LEN);
  g_autoptr (GBytes) bytes = exists ? registration_bytes (node, NULL, NULL) : NULL;
  PlStoredDataValue value = { PL_DATA_DICTIONARY, 0, key, { exists, bytes } };
  PlResourceId resource;

  pl_aor_place (BOB, place, &resource);
  keep (kept_new (bob, &resource, place ? PL_KIND_REGISTRATION_COPY : PL_KIND_SIP_REGISTRATION, &value, time));
}

static gint64
time_to_look_up (PlLookups *lookups)
{
  gint64 start = pl_universe_now (universe);
  guint before = n_results;

  pl_lookups_start (lookups, BOB, on_lookup, NULL);
  while (n_results == before)
    pl_universe_run (universe, PL_USEC_PER_MSEC);
  return pl_universe_now (universe) - start;
}

START_TEST (a_copy_is_found_when_the_place_itself_lies_or_sleeps)
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);

  n_places = 3;
  publish_at (0, TRUE, 5);
  publish_at (1, TRUE, 6);
  publish_at (2, TRUE, 7);
  liars = 1;
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
  liars = 1 | 4;
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
  liars = 0;
  ck_assert_int_le (time_to_look_up (lookups), 52 * PL_USEC_PER_MSEC);
  sleepers = 1 | 2;
  ck_assert_int_le (time_to_look_up (lookups), 80 * PL_USEC_PER_MSEC);
  ck_assert_int_eq (result, PL_LOOKUP_FOUND);
  pl_universe_run (universe, 6 * SEC);
  ck_assert_uint_eq (calls->len, 0);
  liars = 4;
  ck_assert_int_ge (time_to_look_up (lookups), PL_ROUND_SILENT_TIME);
  ck_assert_int_eq (result, PL_LOOKUP_UNKNOWN);
}
END_TEST

START_TEST (the_newest_of_a_registration_and_its_copies_wins) /* S2-20, S2-21 */
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);

  n_places = 3;
  publish_at (0, TRUE, 5);
  publish_at (1, FALSE, 9); /* withdrawn where the other places were out of reach */
  publish_at (2, TRUE, 7);
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_OFFLINE);
  publish_at (2, TRUE, 10);
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
  ck_assert_uint_eq (found->len, 1);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/usage/lookup");
  TCase *t = tcase_create ("lookup");

  tcase_add_checked_fixture (t, setup_lookup, teardown_lookup);
  tcase_add_test (t, every_device_of_a_person_is_found);
  tcase_add_test (t, what_a_device_can_do_comes_with_it);
  tcase_add_test (t, what_others_wrote_there_is_not_believed);
  tcase_add_test (t, forwarding_is_followed_without_loops);
  tcase_add_test (t, forwarding_that_leads_out_of_the_overlay_is_said_to);
  tcase_add_test (t, a_long_chain_of_forwarding_ends);
  tcase_add_test (t, an_older_registration_is_not_taken_back);
  tcase_add_test (t, offline_unknown_and_failed_differ);
  tcase_add_test (t, a_cancelled_lookup_says_nothing);
  suite_add_tcase (s, t);
  t = tcase_create ("copies");
  tcase_add_checked_fixture (t, setup_lookup, teardown_lookup);
  tcase_add_test (t, a_copy_is_found_when_the_place_itself_lies_or_sleeps);
  tcase_add_test (t, the_newest_of_a_registration_and_its_copies_wins);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
