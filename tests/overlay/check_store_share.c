/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/store/store.h"

#include "base/universe.h"
#include "overlay/ident/aor.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#include <string.h>

#define ALICE "alice@example.org"
#define T0 1000000

static PlUniverse *universe;
static PlEnv *env;
static PlTestPki *pki;
static PlTrust *trust;
static PlIdentity *alice;
static PlStore *first, *second;

static void
setup (void)
{
  universe = pl_universe_new (7);
  env = pl_universe_env (universe);
  pki = pl_test_pki_new (env);
  trust = pl_test_pki_trust (pki, env);
  alice = pl_test_pki_identity (pki, ALICE, NULL);
  first = pl_store_new (env, pl_test_pki_document (pki), trust, NULL, NULL);
  second = pl_store_new (env, pl_test_pki_document (pki), trust, NULL, NULL);
  pl_store_share (second, first);
}

static void
teardown (void)
{
  pl_store_free (first);
  pl_store_free (second);
  pl_identity_unref (alice);
  pl_trust_free (trust);
  pl_test_pki_free (pki);
  pl_universe_free (universe);
}

static void
put (PlStore *store, const char *text, guint64 time)
{
  g_auto (PlStoreReq) request = { .kind_data = pl_store_kind_data_list_new () };
  PlStoreKindData kind = { .kind = PL_TEST_KIND_SINGLE, .values = pl_stored_data_list_new () };
  PlStoredData data = { .storage_time = time, .lifetime = 600 };
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  g_auto (PlStoreAns) answer = { 0 };
  GBytes *info = NULL;

  pl_aor_resource (ALICE, &request.resource);
  data.value.model = PL_DATA_SINGLE;
  data.value.value.exists = TRUE;
  data.value.value.value = g_bytes_new (text, strlen (text));
  ck_assert (pl_identity_sign_value (alice, &request.resource, kind.kind, &data, NULL));
  g_array_append_val (kind.values, data);
  g_array_append_val (request.kind_data, kind);
  g_ptr_array_add (certs, pl_cert_der (pl_identity_cert (alice)));
  ck_assert_uint_eq (pl_store_put (store, &request, pl_identity_cert (alice), pl_identity_node_id (alice), certs,
                                   &answer, &info), 0);
}

/* The bytes that are kept: answers share them. Own reference. */
static GBytes *
get (PlStore *store)
{
  PlFetchReq request = { .specifiers = pl_stored_data_specifier_list_new () };
  PlStoredDataSpecifier specifier = { .kind = PL_TEST_KIND_SINGLE, .model = PL_DATA_SINGLE };
  g_auto (PlFetchAns) answer = { 0 };
  const PlFetchKindResponse *response;
  GBytes *info = NULL;

  pl_aor_resource (ALICE, &request.resource);
  g_array_append_val (request.specifiers, specifier);
  ck_assert_uint_eq (pl_store_get (store, &request, &answer, &info), 0);
  pl_fetch_req_clear (&request);
  response = &g_array_index (answer.kind_responses, PlFetchKindResponse, 0);
  return g_bytes_ref (g_array_index (response->values, PlStoredData, 0).value.value.value);
}

START_TEST (the_same_value_is_kept_once)
{
  g_autoptr (GBytes) here = NULL, there = NULL;

  put (first, "hello", T0);
  put (second, "hello", T0);
  here = get (first);
  there = get (second);
  ck_assert_ptr_eq (here, there);
}
END_TEST

START_TEST (a_value_stays_when_another_store_replaces_or_forgets_it)
{
  g_autoptr (GBytes) here = NULL, there = NULL;

  put (first, "hello", T0);
  put (second, "hello", T0);
  put (first, "again", T0 + 1);
  here = get (first);
  pl_store_free (g_steal_pointer (&first));
  there = get (second);
  ck_assert (memcmp (g_bytes_get_data (here, NULL), "again", 5) == 0);
  ck_assert (memcmp (g_bytes_get_data (there, NULL), "hello", 5) == 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/store/share");
  TCase *t = tcase_create ("share");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, the_same_value_is_kept_once);
  tcase_add_test (t, a_value_stays_when_another_store_replaces_or_forgets_it);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
