/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/certificates.h"
#include "overlay/usage/lookup.h"
#include "overlay/usage/registration.h"

#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/sip.h"
#include "base/universe.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#include <string.h>

#define SEC PL_USEC_PER_SEC
#define MINUTE (60 * SEC)
#define ALICE "alice@example.org"
#define BOB "bob@example.net"

/* --- a net that keeps what is stored, and answers as the test says --- */

typedef struct {
  PlResourceId resource;
  guint32 kind;
  guint32 lifetime;
  PlFetched fetched;
} Kept;

typedef struct {
  gboolean store;
  Kept *kept;           /* store */
  PlResourceId resource;
  guint32 kind;
  PlTimer *timer;
  PlStoreFunc stored;
  PlFetchFunc fetched;
  gpointer user;
} Call;

static PlUniverse *universe;
static PlEnv *env;
static PlTestPki *pki;
static PlIdentity *alice, *bob;
static PlUsageNet net;
static GPtrArray *kept;   /* Kept: the newest per place in the model */
static GPtrArray *calls;  /* Call under way */
static guint n_stores, n_fetches, n_cancelled;
static int answer_code;   /* -1: good, else this error */
static gboolean silent;   /* no answer at all */
static guint64 last_time;
static gint64 delay;
static guint n_places;
static guint liars, sleepers; /* bits: places that know of nothing, or say nothing */

static void
kept_free (gpointer data)
{
  Kept *k = data;

  pl_stored_data_clear (k->fetched.data);
  g_free (k->fetched.data);
  pl_cert_unref (k->fetched.signer_cert);
  g_free (k);
}

static void
call_free (gpointer data)
{
  Call *call = data;

  pl_timer_clear (&call->timer);
  if (call->kept)
    kept_free (call->kept);
  g_free (call);
}

static Kept *
kept_new (PlIdentity *identity, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value, guint64 time)
{
  Kept *k = g_new0 (Kept, 1);

  k->resource = *resource;
  k->kind = kind;
  k->fetched.data = g_new0 (PlStoredData, 1);
  pl_stored_data_value_copy (&k->fetched.data->value, value);
  k->fetched.data->storage_time = time;
  k->fetched.signer_cert = pl_cert_ref (pl_identity_cert (identity));
  k->fetched.signer = *pl_identity_node_id (identity);
  return k;
}

static void
keep (Kept *k)
{
  guint32 end = 0;

  for (guint i = kept->len; i > 0; i--)
    {
      const Kept *other = g_ptr_array_index (kept, i - 1);

      if (other->kind != k->kind || !pl_resource_id_equal (&other->resource, &k->resource))
        continue;
      end = MAX (end, other->fetched.data->value.index + 1);
      if (pl_stored_data_value_same_entry (&other->fetched.data->value, &k->fetched.data->value))
        g_ptr_array_remove_index (kept, i - 1);
    }
  if (k->fetched.data->value.model == PL_DATA_ARRAY && k->fetched.data->value.index == PL_ARRAY_APPEND)
    k->fetched.data->value.index = end;
  g_ptr_array_add (kept, k);
}

/* Which place of BOB's registration this is; 0 also for all else. */
static guint
place_of (const PlResourceId *resource)
{
  for (guint i = 1; i < PL_REGISTRATION_PLACES_MAX; i++)
    {
      PlResourceId place;

      pl_aor_place (BOB, i, &place);
      if (pl_resource_id_equal (&place, resource))
        return i;
    }
  return 0;
}

static void
give_values (Call *call)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new ();

  for (guint i = 0; i < kept->len; i++)
    {
      Kept *k = g_ptr_array_index (kept, i);

      if (liars & 1u << place_of (&call->resource) && call->kind != PL_KIND_CERTIFICATE_BY_USER)
        continue;
      if (k->kind == call->kind && pl_resource_id_equal (&k->resource, &call->resource))
        g_ptr_array_add (values, &k->fetched);
    }
  call->fetched (call->user, values, NULL);
}

static void
answer (gpointer data)
{
  Call *call = data;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < calls->len; i++)
    if (g_ptr_array_index (calls, i) == call)
      {
        g_ptr_array_steal_index (calls, i);
        break;
      }
  if (answer_code >= 0)
    error = g_error_new_literal (PL_USAGE_ERROR, answer_code, "as told");
  if (call->store && !error)
    keep (g_steal_pointer (&call->kept));
  if (call->store)
    call->stored (call->user, error);
  else if (error)
    call->fetched (call->user, NULL, error);
  else
    give_values (call);
  call_free (call);
}

static Call *
call_new (const PlResourceId *resource, guint32 kind, gpointer user)
{
  Call *call = g_new0 (Call, 1);

  call->resource = *resource;
  call->kind = kind;
  call->user = user;
  g_ptr_array_add (calls, call);
  if (!silent && !(sleepers & 1u << place_of (resource) && kind != PL_KIND_CERTIFICATE_BY_USER))
    pl_env_arm (env, &call->timer, delay, answer, call);
  return call;
}

static gpointer
net_store (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value, guint32 lifetime,
           PlStoreFunc func, gpointer user)
{
  Call *call = call_new (resource, kind, user);

  last_time++;
  call->store = TRUE;
  call->stored = func;
  call->kept = kept_new (impl, resource, kind, value, last_time);
  call->kept->lifetime = call->kept->fetched.data->lifetime = lifetime;
  n_stores++;
  return call;
}

static gpointer
net_fetch (gpointer impl, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user)
{
  Call *call = call_new (resource, kind, user);

  (void) impl;
  call->fetched = func;
  n_fetches++;
  return call;
}

static void
net_cancel (gpointer impl, gpointer handle)
{
  (void) impl;
  ck_assert (g_ptr_array_remove (calls, handle));
  n_cancelled++;
}

static void
net_note_time (gpointer impl, guint64 storage_time)
{
  (void) impl;
  last_time = MAX (last_time, storage_time);
}

static guint
net_places (gpointer impl)
{
  (void) impl;
  return n_places;
}

static void
setup (void)
{
  static const PlUsageFuncs funcs = { net_store, net_fetch, net_cancel, net_note_time, net_places };

  universe = pl_universe_new (11);
  env = pl_universe_env (universe);
  pki = pl_test_pki_new (env);
  alice = pl_test_pki_identity (pki, ALICE, NULL);
  bob = pl_test_pki_identity (pki, BOB, NULL);
  net.funcs = &funcs;
  net.impl = alice;
  kept = g_ptr_array_new_with_free_func (kept_free);
  calls = g_ptr_array_new_with_free_func (call_free);
  answer_code = -1;
  silent = FALSE;
  delay = 50 * PL_USEC_PER_MSEC;
  n_places = 1;
  liars = sleepers = 0;
  n_stores = n_fetches = n_cancelled = 0;
  last_time = 1000;
}

static void
teardown (void)
{
  g_ptr_array_unref (calls);
  g_ptr_array_unref (kept);
  pl_identity_unref (alice);
  pl_identity_unref (bob);
  pl_test_pki_free (pki);
  pl_universe_free (universe);
}

static const Kept *
kept_at (const char *aor, guint32 kind)
{
  PlResourceId resource;

  pl_aor_resource (aor, &resource);
  for (guint i = 0; i < kept->len; i++)
    {
      const Kept *k = g_ptr_array_index (kept, i);

      if (k->kind == kind && pl_resource_id_equal (&k->resource, &resource))
        return k;
    }
  return NULL;
}

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

START_TEST (a_registration_is_our_node_under_our_node) /* 348, 349, 350, S2-12 */
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

START_TEST (a_registration_is_refreshed_at_about_a_third)
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

START_TEST (what_is_no_address_or_too_much_is_not_registered)
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

START_TEST (a_redirection_takes_the_place_of_the_route) /* 348, 350, 201 */
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
  g_array_set_size (found, 0);
  g_array_append_vals (found, nodes->data, nodes->len);
}

static void
setup_lookup (void)
{
  setup ();
  found = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  n_results = 0;
}

static void
teardown_lookup (void)
{
  g_array_unref (found);
  teardown ();
}

static GBytes *
registration_bytes (const PlNodeId *route, const char *uri)
{
  g_auto (PlSipRegistration) registration = { 0 };
  g_auto (PlWriter) writer = { 0 };

  pl_writer_init (&writer);
  registration.type = route ? PL_SIP_REGISTRATION_ROUTE : PL_SIP_REGISTRATION_URI;
  registration.uri = uri ? g_bytes_new (uri, strlen (uri)) : NULL;
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
  g_autoptr (GBytes) bytes = route || uri ? registration_bytes (route, uri) : NULL;
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

START_TEST (every_device_of_a_person_is_found) /* 351 */
{
  g_autoptr (PlLookups) lookups = pl_lookups_new (env, net);
  g_autoptr (PlIdentity) phone = pl_test_pki_identity (pki, BOB, NULL);
  const PlNodeId *a = pl_identity_node_id (bob), *b = pl_identity_node_id (phone);

  publish (bob, BOB, a, a, NULL, 5);
  publish (phone, BOB, b, b, NULL, 6);
  ck_assert_int_eq (look_up (lookups, "sip:BOB@example.net;transport=tcp"), PL_LOOKUP_FOUND);
  ck_assert_uint_eq (found->len, 2);
  ck_assert (pl_node_id_equal (&g_array_index (found, PlNodeId, 0), a));
}
END_TEST

START_TEST (what_others_wrote_there_is_not_believed) /* 354, S2-48, S2-53, S2-59 */
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
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_OFFLINE);
  ck_assert_uint_le (n_fetches, 3);
  publish (alice, ALICE, a, a, NULL, 6);
  ck_assert_int_eq (look_up (lookups, BOB), PL_LOOKUP_FOUND);
  ck_assert (pl_node_id_equal (&g_array_index (found, PlNodeId, 0), a));
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
  ck_assert_int_eq (look_up (lookups, "u0@example.org"), PL_LOOKUP_OFFLINE);
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

static void
publish_at (guint place, gboolean exists, guint64 time)
{
  const PlNodeId *node = pl_identity_node_id (bob);
  g_autoptr (GBytes) key = g_bytes_new (node->b, PL_NODE_ID_LEN);
  g_autoptr (GBytes) bytes = exists ? registration_bytes (node, NULL) : NULL;
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
  ck_assert_uint_eq (n_cancelled, 2);
  liars = 4;
  ck_assert_int_ge (time_to_look_up (lookups), PL_LOOKUP_SILENT_TIME);
  ck_assert_int_eq (result, PL_LOOKUP_UNKNOWN);
}
END_TEST

START_TEST (the_newest_of_a_registration_and_its_copies_wins)
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
  tcase_add_test (t, a_redirection_during_a_store_is_stored_next);
  suite_add_tcase (s, t);
  t = tcase_create ("lookup");
  tcase_add_checked_fixture (t, setup_lookup, teardown_lookup);
  tcase_add_test (t, every_device_of_a_person_is_found);
  tcase_add_test (t, what_others_wrote_there_is_not_believed);
  tcase_add_test (t, forwarding_is_followed_without_loops);
  tcase_add_test (t, a_long_chain_of_forwarding_ends);
  tcase_add_test (t, an_older_registration_is_not_taken_back);
  tcase_add_test (t, offline_unknown_and_failed_differ);
  tcase_add_test (t, a_cancelled_lookup_says_nothing);
  suite_add_tcase (s, t);
  t = tcase_create ("copies");
  tcase_add_checked_fixture (t, setup_lookup, teardown_lookup);
  tcase_add_test (t, copies_are_kept_and_removed_with_the_registration);
  tcase_add_test (t, a_peer_without_copies_is_not_asked_again_and_again);
  tcase_add_test (t, a_copy_is_found_when_the_place_itself_lies_or_sleeps);
  tcase_add_test (t, the_newest_of_a_registration_and_its_copies_wins);
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
