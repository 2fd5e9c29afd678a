/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/store/store.h"

#include "base/log.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/routing.h"
#include "base/universe.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>
#include <string.h>

#define T0 G_GUINT64_CONSTANT (1767225600000) /* 2026-01-01, ms */
#define DAY 86400

static PlUniverse *universe;
static PlEnv *env;
static PlTestPki *pki;
static PlTrust *trust;
static PlStore *store;
static PlIdentity *alice, *bob;
static PlResourceId alice_place;
static char *path;
static PlStoreAns last_answer;
static GBytes *last_info;

static void
setup (void)
{
  universe = pl_universe_new (7);
  env = pl_universe_env (universe);
  pki = pl_test_pki_new (env);
  trust = pl_test_pki_trust (pki, env);
  store = pl_store_new (env, pl_test_pki_document (pki), trust, NULL, NULL);
  alice = pl_test_pki_identity (pki, "alice@example.org", NULL);
  bob = pl_test_pki_identity (pki, "bob@example.net", NULL);
  pl_aor_resource ("alice@example.org", &alice_place);
  path = g_build_filename (g_get_home_dir (), "records", NULL);
}

static void
teardown (void)
{
  pl_store_free (store);
  pl_identity_unref (alice);
  pl_identity_unref (bob);
  pl_trust_free (trust);
  pl_test_pki_free (pki);
  pl_universe_free (universe);
  pl_store_ans_clear (&last_answer);
  g_clear_pointer (&last_info, g_bytes_unref);
  g_unlink (path);
  g_free (path);
}

/* --- making values --- */

typedef struct {
  guint32 kind;
  guint32 index;
  const void *key;
  gsize key_len;
  const char *text;      /* NULL: exists is false */
  guint64 time;
  guint32 lifetime;      /* 0: a day */
} Spec;

static void
make_value (PlIdentity *identity, const PlResourceId *place, const Spec *spec, PlStoredData *data)
{
  memset (data, 0, sizeof *data);
  data->storage_time = spec->time;
  data->lifetime = spec->lifetime ? spec->lifetime : DAY;
  data->value.model = pl_test_model (spec->kind, pl_test_pki_document (pki));
  data->value.index = spec->index;
  data->value.key = spec->key ? g_bytes_new (spec->key, spec->key_len) : NULL;
  data->value.value.exists = spec->text != NULL;
  data->value.value.value = spec->text ? g_bytes_new (spec->text, strlen (spec->text)) : NULL;
  ck_assert (pl_identity_sign_value (identity, place, spec->kind, data, NULL));
}

static void
request_init (PlStoreReq *request, const PlResourceId *place, guint8 replica)
{
  memset (request, 0, sizeof *request);
  request->resource = *place;
  request->replica_number = replica;
  request->kind_data = pl_store_kind_data_list_new ();
}

/* `data` is taken. */
static void
request_add (PlStoreReq *request, guint32 kind, guint64 generation, const PlStoredData *data)
{
  PlStoreKindData item = { .kind = kind, .generation_counter = generation, .values = pl_stored_data_list_new () };

  g_array_append_val (item.values, *data);
  g_array_append_val (request->kind_data, item);
}

static GPtrArray *
certs_of (PlIdentity *identity)
{
  GPtrArray *certs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  g_ptr_array_add (certs, g_bytes_ref (pl_cert_der (pl_identity_cert (identity))));
  return certs;
}

/* `certs` (PlCert) is taken. */
static GPtrArray *
ders_of (GPtrArray *certs)
{
  GPtrArray *ders = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (guint i = 0; i < certs->len; i++)
    g_ptr_array_add (ders, g_bytes_ref (pl_cert_der (g_ptr_array_index (certs, i))));
  g_ptr_array_unref (certs);
  return ders;
}

static guint16
put (PlStoreReq *request, PlIdentity *sender, PlIdentity *value_signer)
{
  g_autoptr (GPtrArray) certs = certs_of (value_signer);

  pl_store_ans_clear (&last_answer);
  memset (&last_answer, 0, sizeof last_answer);
  g_clear_pointer (&last_info, g_bytes_unref);
  return pl_store_put (store, request, pl_identity_cert (sender), pl_identity_node_id (sender), certs, &last_answer,
                       &last_info);
}

static guint16
put_at (PlIdentity *identity, const PlResourceId *place, const Spec *spec)
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data;

  make_value (identity, place, spec, &data);
  request_init (&request, place, 0);
  request_add (&request, spec->kind, 0, &data);
  return put (&request, identity, identity);
}

static guint16
put_alice (const Spec *spec)
{
  return put_at (alice, &alice_place, spec);
}

static guint16
put_replica (PlIdentity *sender, const Spec *spec, guint64 generation)
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data;

  make_value (alice, &alice_place, spec, &data);
  request_init (&request, &alice_place, 1);
  request_add (&request, spec->kind, generation, &data);
  return put (&request, sender, alice);
}

#define SINGLE(t, when) (&(Spec){ .kind = PL_TEST_KIND_SINGLE, .text = (t), .time = (when) })
#define ELEMENT(i, t, when) (&(Spec){ .kind = PL_TEST_KIND_ARRAY, .index = (i), .text = (t), .time = (when) })
#define ENTRY(k, t, when) \
  (&(Spec){ .kind = PL_TEST_KIND_DICTIONARY, .key = (k), .key_len = strlen (k), .text = (t), .time = (when) })

/* --- reading --- */

static guint16
get (const PlResourceId *place, const PlStoredDataSpecifier *specifier, PlFetchAns *answer)
{
  PlFetchReq request = { .resource = *place, .specifiers = g_array_new (FALSE, TRUE, sizeof (PlStoredDataSpecifier)) };
  guint16 code;

  memset (answer, 0, sizeof *answer);
  g_clear_pointer (&last_info, g_bytes_unref);
  g_array_append_val (request.specifiers, *specifier);
  code = pl_store_get (store, &request, answer, &last_info);
  g_array_unref (request.specifiers);
  return code;
}

static PlFetchKindResponse *
response_of (PlFetchAns *answer)
{
  ck_assert_uint_eq (answer->kind_responses->len, 1);
  return &g_array_index (answer->kind_responses, PlFetchKindResponse, 0);
}

static PlStoredData *
value_of (PlFetchAns *answer, guint i)
{
  ck_assert_uint_lt (i, response_of (answer)->values->len);
  return &g_array_index (response_of (answer)->values, PlStoredData, i);
}

static gboolean
text_is (const PlStoredData *data, const char *text)
{
  GBytes *value = data->value.value.value;
  gsize len = value ? g_bytes_get_size (value) : 0;

  if (!text)
    return !data->value.value.exists && len == 0;
  return data->value.value.exists && len == strlen (text) && memcmp (g_bytes_get_data (value, NULL), text, len) == 0;
}

static void
get_single (PlFetchAns *answer)
{
  PlStoredDataSpecifier specifier = { .kind = PL_TEST_KIND_SINGLE, .model = PL_DATA_SINGLE };

  ck_assert_uint_eq (get (&alice_place, &specifier, answer), 0);
}

static void
assert_single (const char *text)
{
  g_auto (PlFetchAns) answer = { 0 };

  get_single (&answer);
  ck_assert (text_is (value_of (&answer, 0), text));
}

static guint16
get_range (guint32 first, guint32 last, PlFetchAns *answer)
{
  PlArrayRange range = { first, last };
  PlStoredDataSpecifier specifier = { .kind = PL_TEST_KIND_ARRAY, .model = PL_DATA_ARRAY };
  guint16 code;

  specifier.indices = g_array_new (FALSE, FALSE, sizeof range);
  g_array_append_val (specifier.indices, range);
  code = get (&alice_place, &specifier, answer);
  g_array_unref (specifier.indices);
  return code;
}

/* --- storing --- */

START_TEST (a_stored_value_comes_back_with_less_life) /* 194, 195, 208, 209 */
{
  g_auto (PlFetchAns) answer = { 0 };
  g_autoptr (PlCert) signer = NULL;
  g_autoptr (GPtrArray) certs = NULL;
  PlNodeId node;

  ck_assert_uint_eq (put_alice (SINGLE ("hello", T0)), 0);
  ck_assert_uint_eq (g_array_index (last_answer.kind_responses, PlStoreKindResponse, 0).generation_counter, 1);
  pl_universe_run (universe, 100 * PL_USEC_PER_SEC);
  get_single (&answer);
  ck_assert (text_is (value_of (&answer, 0), "hello"));
  ck_assert_uint_eq (value_of (&answer, 0)->lifetime, DAY - 100);
  ck_assert_uint_eq (response_of (&answer)->generation, 1);
  certs = ders_of (pl_store_dup_certs_of_answer (store, &answer));
  ck_assert_uint_eq (certs->len, 1);
  signer = pl_trust_verify_value (trust, certs, &alice_place, PL_TEST_KIND_SINGLE, value_of (&answer, 0), &node, NULL);
  ck_assert_ptr_nonnull (signer);
  ck_assert (pl_node_id_equal (&node, pl_identity_node_id (alice)));
}
END_TEST

START_TEST (an_older_or_equal_storage_time_is_refused) /* S1-08, S1-28, S2-03, S2-66, S2-92, 172, S2-02 */
{
  ck_assert_uint_eq (put_alice (SINGLE ("new", T0)), 0);
  ck_assert_uint_eq (put_alice (SINGLE ("old", T0 - 1)), PL_ERROR_DATA_TOO_OLD);
  ck_assert_uint_eq (put_alice (SINGLE ("same time", T0)), PL_ERROR_DATA_TOO_OLD);
  ck_assert_uint_eq (put_alice (SINGLE ("new", T0)), PL_ERROR_DATA_TOO_OLD);
  assert_single ("new");
  ck_assert_uint_eq (put_alice (SINGLE ("newer", T0 + 1)), 0);
  assert_single ("newer");
}
END_TEST

START_TEST (the_same_bytes_as_a_replica_change_nothing) /* 191, 242 */
{
  g_auto (PlFetchAns) answer = { 0 };
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data, again = { 0 };

  make_value (alice, &alice_place, SINGLE ("x", T0), &data);
  pl_stored_data_copy (&again, &data);
  request_init (&request, &alice_place, 1);
  request_add (&request, PL_TEST_KIND_SINGLE, 5, &data);
  ck_assert_uint_eq (put (&request, bob, alice), 0);
  pl_universe_run (universe, 1000 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (put (&request, bob, alice), 0);
  get_single (&answer);
  ck_assert_uint_eq (value_of (&answer, 0)->lifetime, DAY - 1000);
  ck_assert_uint_eq (response_of (&answer)->generation, 5);
  pl_stored_data_clear (&again);
}
END_TEST

START_TEST (a_replica_takes_any_sender_but_only_proven_newer_values) /* S1-13, S1-35, 188, 191, 196 */
{
  ck_assert_uint_eq (put_replica (bob, SINGLE ("x", T0), 0), PL_ERROR_INVALID_MESSAGE);
  ck_assert_uint_eq (put_replica (bob, SINGLE ("x", T0), 9), 0);
  ck_assert_uint_eq (put_replica (bob, SINGLE ("old", T0 - 5), 10), PL_ERROR_DATA_TOO_OLD);
  ck_assert_uint_eq (put_replica (bob, SINGLE ("y", T0 + 5), 3), 0);
  assert_single ("y");
  ck_assert_uint_eq (g_array_index (last_answer.kind_responses, PlStoreKindResponse, 0).generation_counter, 3);
}
END_TEST

START_TEST (a_changed_value_is_refused) /* S1-44, 185, S2-04, S2-12 */
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data;

  make_value (alice, &alice_place, SINGLE ("hello", T0), &data);
  g_bytes_unref (data.value.value.value);
  data.value.value.value = g_bytes_new_static ("hellp", 5);
  g_clear_pointer (&data.value_bytes, g_bytes_unref);
  request_init (&request, &alice_place, 0);
  request_add (&request, PL_TEST_KIND_SINGLE, 0, &data);
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_FORBIDDEN);
  g_array_index (g_array_index (request.kind_data, PlStoreKindData, 0).values, PlStoredData, 0).storage_time++;
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_store_n_resources (store), 0);
}
END_TEST

START_TEST (a_value_moved_to_another_place_or_kind_is_refused) /* 175, S2-04 */
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data;

  make_value (alice, &alice_place, SINGLE ("hello", T0), &data);
  request_init (&request, &alice_place, 0);
  request_add (&request, PL_TEST_KIND_NODE, 0, &data);
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_FORBIDDEN);
  g_array_index (request.kind_data, PlStoreKindData, 0).kind = PL_TEST_KIND_SINGLE;
  request.resource.b[0] ^= 1;
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_FORBIDDEN);
  request.resource.b[0] ^= 1;
  ck_assert_uint_eq (put (&request, alice, alice), 0);
}
END_TEST

START_TEST (an_unsigned_value_is_refused) /* S1-03, S2-37, S2-56, S2-96, S2-97, 193 */
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data;

  make_value (alice, &alice_place, SINGLE ("hello", T0), &data);
  pl_signature_clear (&data.signature);
  pl_signature_init_none (&data.signature);
  request_init (&request, &alice_place, 1);
  request_add (&request, PL_TEST_KIND_SINGLE, 1, &data);
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_FORBIDDEN);
}
END_TEST

START_TEST (a_value_after_its_signers_certificate_is_not_valid) /* S1-36, 217, 211 */
{
  g_auto (PlFetchAns) answer = { 0 };

  ck_assert_uint_eq (put_alice (&(Spec){ .kind = PL_TEST_KIND_SINGLE, .text = "x", .time = T0, .lifetime = 0xffffffff }), 0);
  pl_universe_run (universe, (gint64) 366 * DAY * PL_USEC_PER_SEC);
  ck_assert_uint_eq (pl_store_n_resources (store), 0);
  ck_assert_uint_eq (put_alice (SINGLE ("y", T0 + 1)), PL_ERROR_FORBIDDEN);
}
END_TEST

/* --- access --- */

START_TEST (user_match_lets_only_the_named_user_write) /* S1-59, S1-63, S2-25, S2-47, S2-93, 186, 187, 223 */
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data;

  ck_assert_uint_eq (put_at (bob, &alice_place, SINGLE ("mine now", T0)), PL_ERROR_FORBIDDEN);
  make_value (alice, &alice_place, SINGLE ("hello", T0), &data);
  request_init (&request, &alice_place, 0);
  request_add (&request, PL_TEST_KIND_SINGLE, 0, &data);
  ck_assert_uint_eq (put (&request, bob, alice), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (put (&request, alice, alice), 0);
}
END_TEST

START_TEST (user_node_match_wants_the_signers_node_as_key) /* S2-25, S2-47, S2-93, S2-53, S2-94, 225, 348 */
{
  const PlNodeId *self = pl_identity_node_id (alice);
  PlNodeId other = pl_node_id_add_power (self, 3);
  Spec good = { .kind = PL_KIND_SIP_REGISTRATION, .key = self->b, .key_len = 16, .text = "r", .time = T0 };
  Spec bad = { .kind = PL_KIND_SIP_REGISTRATION, .key = other.b, .key_len = 16, .text = "r", .time = T0 };
  g_autoptr (PlIdentity) phone = pl_test_pki_identity (pki, "alice@example.org", NULL);

  ck_assert_uint_eq (put_alice (&good), 0);
  ck_assert_uint_eq (put_alice (&bad), PL_ERROR_FORBIDDEN);
  bad.key_len = 15;
  ck_assert_uint_eq (put_alice (&bad), PL_ERROR_FORBIDDEN);
  good.key = pl_identity_node_id (bob)->b;
  ck_assert_uint_eq (put_at (bob, &alice_place, &good), PL_ERROR_FORBIDDEN);
  /* another device of hers has its own entry, and cannot write over the first */
  good.time++, good.key = self->b;
  ck_assert_uint_eq (put_at (phone, &alice_place, &good), PL_ERROR_FORBIDDEN);
  good.key = pl_identity_node_id (phone)->b;
  pl_test_pki_document (pki)->domains_restricted = TRUE; /* 356: to the overlay's own name */
  ck_assert_uint_eq (put_at (phone, &alice_place, &good), PL_ERROR_FORBIDDEN);
  pl_test_pki_document (pki)->domains_restricted = FALSE;
  ck_assert_uint_eq (put_at (phone, &alice_place, &good), 0);
}
END_TEST

START_TEST (node_match_wants_the_hash_of_the_signers_node) /* 224 */
{
  const PlNodeId *self = pl_identity_node_id (alice);
  PlResourceId place, plain;
  Spec spec = { .kind = PL_TEST_KIND_NODE, .text = "x", .time = T0 };

  pl_resource_id_from_name (&place, self->b, sizeof self->b);
  pl_resource_id_from_node_id (&plain, self);
  ck_assert_uint_eq (put_at (alice, &place, &spec), 0);
  ck_assert_uint_eq (put_at (alice, &plain, &spec), PL_ERROR_FORBIDDEN);
  spec.time++;
  ck_assert_uint_eq (put_at (bob, &place, &spec), PL_ERROR_FORBIDDEN);
}
END_TEST

START_TEST (node_multiple_tries_each_number_up_to_the_kinds_maximum) /* 226, 227 */
{
  guint8 name[PL_NODE_ID_LEN + 1];
  PlResourceId place;
  Spec copy = { .kind = PL_KIND_REGISTRATION_COPY, .key_len = 16, .text = "r", .time = T0 };
  Spec spec = { .kind = PL_TEST_KIND_MULTIPLE, .text = "x", .time = T0 };

  memcpy (name, pl_identity_node_id (alice)->b, PL_NODE_ID_LEN);
  for (guint i = 0; i < 7; i++)
    {
      name[PL_NODE_ID_LEN] = i;
      pl_resource_id_from_name (&place, name, sizeof name);
      ck_assert_uint_eq (put_at (alice, &place, &spec), i <= 4 ? 0 : PL_ERROR_FORBIDDEN);
      ck_assert_uint_eq (put_at (bob, &place, SINGLE ("x", T0)), PL_ERROR_FORBIDDEN);
    }
  for (guint8 i = 0; i < 5; i++) /* doc/PROTOCOL, copies of registrations */
    {
      pl_aor_place ("alice@example.org", i, &place);
      copy.key = pl_identity_node_id (alice)->b;
      ck_assert_uint_eq (put_at (alice, &place, &copy), i == 1 || i == 2 ? 0 : PL_ERROR_FORBIDDEN);
      copy.key = pl_identity_node_id (bob)->b;
      ck_assert_uint_eq (put_at (i % 2 ? alice : bob, &place, &copy), PL_ERROR_FORBIDDEN);
    }
}
END_TEST

/* --- requests --- */

START_TEST (unknown_kinds_are_listed) /* 183, 204 */
{
  g_auto (PlStoreReq) request = { 0 };
  g_auto (PlFetchAns) answer = { 0 };
  g_autoptr (GArray) kinds = NULL;
  PlStoredData data;
  PlStoredDataSpecifier specifier = { .kind = 77, .model = PL_DATA_SINGLE };

  make_value (alice, &alice_place, SINGLE ("x", T0), &data);
  request_init (&request, &alice_place, 0);
  request_add (&request, 4711, 0, &data);
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_UNKNOWN_KIND);
  kinds = pl_unknown_kinds_read (last_info);
  ck_assert_uint_eq (kinds->len, 1);
  ck_assert_uint_eq (g_array_index (kinds, guint32, 0), 4711);
  ck_assert_uint_eq (get (&alice_place, &specifier, &answer), PL_ERROR_UNKNOWN_KIND);
  ck_assert_ptr_nonnull (last_info);
}
END_TEST

START_TEST (a_store_is_all_or_nothing) /* 180 */
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData first, second;

  ck_assert_uint_eq (put_alice (ENTRY ("k", "there", T0)), 0);
  make_value (alice, &alice_place, SINGLE ("x", T0 + 1), &first);
  make_value (alice, &alice_place, ENTRY ("k", "older", T0), &second);
  request_init (&request, &alice_place, 0);
  request_add (&request, PL_TEST_KIND_SINGLE, 0, &first);
  request_add (&request, PL_TEST_KIND_DICTIONARY, 0, &second);
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_DATA_TOO_OLD);
  assert_single (NULL);
  ck_assert_uint_eq (put_alice (SINGLE ("x", T0)), 0);
}
END_TEST

START_TEST (a_kind_twice_in_a_store_is_refused) /* 179 */
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData first, second;

  make_value (alice, &alice_place, SINGLE ("x", T0), &first);
  make_value (alice, &alice_place, SINGLE ("y", T0 + 1), &second);
  request_init (&request, &alice_place, 0);
  request_add (&request, PL_TEST_KIND_SINGLE, 0, &first);
  request_add (&request, PL_TEST_KIND_SINGLE, 0, &second);
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_INVALID_MESSAGE);
  ck_assert_uint_eq (pl_store_n_resources (store), 0);
}
END_TEST

static guint16
put_with_generation (const char *text, guint64 time, guint64 generation)
{
  g_auto (PlStoreReq) request = { 0 };
  PlStoredData data;

  make_value (alice, &alice_place, SINGLE (text, time), &data);
  request_init (&request, &alice_place, 0);
  request_add (&request, PL_TEST_KIND_SINGLE, generation, &data);
  return put (&request, alice, alice);
}

START_TEST (a_generation_counter_must_be_the_stored_one) /* 189, 190, 194 */
{
  g_auto (PlStoreAns) told = { 0 };
  PlReader reader;

  ck_assert_uint_eq (put_with_generation ("a", T0, 0), 0);
  ck_assert_uint_eq (put_with_generation ("b", T0 + 1, 0), 0);
  ck_assert_uint_eq (put_with_generation ("c", T0 + 2, 1), PL_ERROR_GENERATION_COUNTER_TOO_LOW);
  pl_reader_init_bytes (&reader, last_info);
  ck_assert (pl_store_ans_read (&reader, &told));
  ck_assert_uint_eq (g_array_index (told.kind_responses, PlStoreKindResponse, 0).generation_counter, 2);
  ck_assert_uint_eq (g_array_index (told.kind_responses, PlStoreKindResponse, 0).replicas->len, 0);
  ck_assert_uint_eq (put_with_generation ("c", T0 + 2, 2), 0);
  assert_single ("c");
}
END_TEST

START_TEST (values_and_their_number_are_limited) /* S2-30, S2-100, 192, S2-49, S2-60 */
{
  g_autofree char *large = g_strnfill (PL_TEST_SIZE + 1, 'x');
  char key[] = "k0";

  ck_assert_uint_eq (put_alice (SINGLE (large, T0)), PL_ERROR_DATA_TOO_LARGE);
  large[PL_TEST_SIZE] = 0;
  ck_assert_uint_eq (put_alice (SINGLE (large, T0)), 0);
  for (guint i = 0; i < PL_TEST_COUNT; i++)
    {
      key[1] = (char) ('0' + i);
      ck_assert_uint_eq (put_alice (ENTRY (key, "v", T0)), 0);
    }
  ck_assert_uint_eq (put_alice (ENTRY ("one more", "v", T0)), PL_ERROR_DATA_TOO_LARGE);
  ck_assert_uint_eq (put_alice (ENTRY ("k1", "new", T0 + 1)), 0);
  ck_assert_uint_eq (put_alice (ENTRY ("k1", NULL, T0 + 2)), 0);
  ck_assert_uint_eq (put_alice (ENTRY ("one more", "v", T0)), 0);
  ck_assert_uint_eq (put_alice (ELEMENT (PL_TEST_COUNT, "v", T0)), PL_ERROR_DATA_TOO_LARGE);
  ck_assert_uint_eq (put_alice (ELEMENT (0xfffffffe, "v", T0)), PL_ERROR_DATA_TOO_LARGE);
}
END_TEST

START_TEST (removed_values_cannot_be_piled_up) /* S2-60, 192, S2-49 */
{
  guint taken = 0;

  for (guint i = 0; i < 400; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);

      taken += put_alice (ENTRY (key, NULL, T0)) == 0 ? 1 : 0;
    }
  ck_assert_uint_le (taken, 256);
}
END_TEST

/* --- models --- */

START_TEST (arrays_append_and_have_gaps) /* 198, 203, 205, 210 */
{
  g_auto (PlFetchAns) all = { 0 }, last = { 0 };

  ck_assert_uint_eq (put_alice (ELEMENT (2, "two", T0)), 0);
  ck_assert_uint_eq (put_alice (ELEMENT (0, NULL, T0)), 0); /* the last one is still the last */
  ck_assert_uint_eq (put_alice (ELEMENT (PL_ARRAY_APPEND, "three", T0)), 0);
  ck_assert_uint_eq (put_alice (ELEMENT (PL_ARRAY_APPEND, "four", T0 + 9)), PL_ERROR_DATA_TOO_LARGE);
  ck_assert_uint_eq (get_range (0, 0xffffffff, &all), 0);
  ck_assert_uint_eq (response_of (&all)->values->len, 4);
  ck_assert (text_is (value_of (&all, 0), NULL));
  ck_assert (pl_signature_is_none (&value_of (&all, 1)->signature));
  ck_assert (text_is (value_of (&all, 2), "two"));
  ck_assert (text_is (value_of (&all, 3), "three"));
  ck_assert_uint_eq (value_of (&all, 3)->value.index, 3);
  ck_assert_uint_eq (get_range (0xffffffff, 0xffffffff, &last), 0);
  ck_assert_uint_eq (response_of (&last)->values->len, 1);
  ck_assert (text_is (value_of (&last, 0), "three"));
}
END_TEST

START_TEST (an_appended_value_verifies_and_cannot_be_replayed) /* 176, S2-02 */
{
  g_auto (PlFetchAns) answer = { 0 };
  g_auto (PlStoreReq) request = { 0 };
  g_autoptr (GPtrArray) certs = certs_of (alice);
  g_autoptr (PlCert) signer = NULL;
  PlStoredData data;
  PlNodeId node;

  ck_assert_uint_eq (put_alice (ELEMENT (PL_ARRAY_APPEND, "zero", T0)), 0);
  make_value (alice, &alice_place, ELEMENT (PL_ARRAY_APPEND, "one", T0 + 1), &data);
  request_init (&request, &alice_place, 0);
  request_add (&request, PL_TEST_KIND_ARRAY, 0, &data);
  ck_assert_uint_eq (put (&request, alice, alice), 0);
  ck_assert_uint_eq (put (&request, alice, alice), PL_ERROR_DATA_TOO_OLD);
  ck_assert_uint_eq (get_range (1, 1, &answer), 0);
  signer = pl_trust_verify_value (trust, certs, &alice_place, PL_TEST_KIND_ARRAY, value_of (&answer, 0), &node, NULL);
  ck_assert_ptr_nonnull (signer);
}
END_TEST

START_TEST (bad_ranges_are_refused) /* 205 */
{
  PlArrayRange ranges[2] = { { 0, 2 }, { 2, 4 } };
  PlStoredDataSpecifier specifier = { .kind = PL_TEST_KIND_ARRAY, .model = PL_DATA_ARRAY };
  g_auto (PlFetchAns) a = { 0 }, b = { 0 }, c = { 0 };

  ck_assert_uint_eq (get_range (3, 2, &a), PL_ERROR_INVALID_MESSAGE);
  specifier.indices = g_array_new (FALSE, FALSE, sizeof *ranges);
  g_array_append_vals (specifier.indices, ranges, 2);
  ck_assert_uint_eq (get (&alice_place, &specifier, &b), PL_ERROR_INVALID_MESSAGE);
  g_array_unref (specifier.indices);
  /* a range of four thousand million makes up a bounded number of values */
  ck_assert_uint_eq (get_range (0, 0xfffffffe, &c), 0);
  ck_assert_uint_le (response_of (&c)->values->len, 64);
}
END_TEST

START_TEST (dictionaries_give_keys_or_everything) /* 198, 206, 210 */
{
  g_auto (PlFetchAns) all = { 0 }, some = { 0 };
  PlStoredDataSpecifier specifier = { .kind = PL_TEST_KIND_DICTIONARY, .model = PL_DATA_DICTIONARY };

  ck_assert_uint_eq (put_alice (ENTRY ("a", "1", T0)), 0);
  ck_assert_uint_eq (put_alice (ENTRY ("b", "2", T0)), 0);
  ck_assert_uint_eq (put_alice (ENTRY ("a", "3", T0 + 1)), 0);
  ck_assert_uint_eq (get (&alice_place, &specifier, &all), 0);
  ck_assert_uint_eq (response_of (&all)->values->len, 2);
  specifier.keys = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_ptr_array_add (specifier.keys, g_bytes_new_static ("a", 1));
  g_ptr_array_add (specifier.keys, g_bytes_new_static ("nothing", 7));
  ck_assert_uint_eq (get (&alice_place, &specifier, &some), 0);
  ck_assert_uint_eq (response_of (&some)->values->len, 2);
  ck_assert (text_is (value_of (&some, 0), "3"));
  ck_assert (text_is (value_of (&some, 1), NULL));
  ck_assert (pl_signature_is_none (&value_of (&some, 1)->signature));
  g_ptr_array_unref (specifier.keys);
}
END_TEST

START_TEST (a_removed_value_stays_signed_until_it_expires) /* S1-30, 201, 202, 218 */
{
  g_auto (PlFetchAns) answer = { 0 }, later = { 0 };
  Spec removal = { .kind = PL_TEST_KIND_SINGLE, .time = T0 + 1, .lifetime = 900 };

  ck_assert_uint_eq (put_alice (SINGLE ("x", T0)), 0);
  ck_assert_uint_eq (put_alice (&removal), 0);
  get_single (&answer);
  ck_assert (text_is (value_of (&answer, 0), NULL));
  ck_assert (!pl_signature_is_none (&value_of (&answer, 0)->signature));
  ck_assert_uint_eq (put_alice (SINGLE ("x", T0)), PL_ERROR_DATA_TOO_OLD);
  pl_universe_run (universe, 901 * PL_USEC_PER_SEC);
  get_single (&later);
  ck_assert (pl_signature_is_none (&value_of (&later, 0)->signature));
  ck_assert_uint_eq (pl_store_n_resources (store), 0);
}
END_TEST

START_TEST (an_equal_generation_gives_no_values) /* 207 */
{
  g_auto (PlFetchAns) answer = { 0 }, other = { 0 };
  PlStoredDataSpecifier specifier = { .kind = PL_TEST_KIND_SINGLE, .model = PL_DATA_SINGLE, .generation = 1 };

  ck_assert_uint_eq (put_alice (SINGLE ("x", T0)), 0);
  ck_assert_uint_eq (get (&alice_place, &specifier, &answer), 0);
  ck_assert_uint_eq (response_of (&answer)->values->len, 0);
  ck_assert_uint_eq (put_alice (SINGLE ("y", T0 + 1)), 0);
  ck_assert_uint_eq (get (&alice_place, &specifier, &other), 0);
  ck_assert_uint_eq (response_of (&other)->values->len, 1);
}
END_TEST

START_TEST (stat_tells_length_and_digest) /* 213 */
{
  g_auto (PlStatAns) answer = { 0 };
  PlStatReq request = { .resource = alice_place };
  PlStoredDataSpecifier specifier = { .kind = PL_TEST_KIND_SINGLE, .model = PL_DATA_SINGLE };
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) "\0\0\0\5hello", 9);
  const PlStoredMetaData *meta;
  GString *hex = g_string_new (NULL);

  request.specifiers = g_array_new (FALSE, FALSE, sizeof specifier);
  g_array_append_val (request.specifiers, specifier);
  ck_assert_uint_eq (put_alice (SINGLE ("hello", T0)), 0);
  ck_assert_uint_eq (pl_store_stat (store, &request, &answer, &last_info), 0);
  meta = &g_array_index (g_array_index (answer.kind_responses, PlStatKindResponse, 0).values, PlStoredMetaData, 0);
  ck_assert_uint_eq (meta->metadata.value_length, 5);
  ck_assert_uint_eq (meta->metadata.hash_algorithm, PL_HASH_SHA256);
  for (gsize i = 0; i < g_bytes_get_size (meta->metadata.hash_value); i++)
    g_string_append_printf (hex, "%02x", ((const guint8 *) g_bytes_get_data (meta->metadata.hash_value, NULL))[i]);
  ck_assert_str_eq (hex->str, sum);
  g_string_free (hex, TRUE);
  g_array_unref (request.specifiers);
}
END_TEST

START_TEST (find_walks_up_the_ring) /* 214, 216 */
{
  g_auto (PlFindAns) answer = { 0 }, none = { 0 };
  PlFindReq request = { .resource = alice_place, .kinds = g_array_new (FALSE, FALSE, sizeof (guint32)) };
  guint32 kinds[2] = { PL_TEST_KIND_SINGLE, 99 };
  PlResourceId bob_place;
  const PlFindKindData *data;

  pl_aor_resource ("bob@example.net", &bob_place);
  ck_assert_uint_eq (put_alice (SINGLE ("x", T0)), 0);
  ck_assert_uint_eq (put_at (bob, &bob_place, SINGLE ("x", T0)), 0);
  g_array_append_vals (request.kinds, kinds, 2);
  ck_assert_uint_eq (pl_store_find (store, &request, &answer, &last_info), 0);
  data = &g_array_index (answer.results, PlFindKindData, 0);
  ck_assert (pl_resource_id_equal (&data[0].closest, &alice_place));
  for (guint i = 0; i < PL_NODE_ID_LEN; i++)
    ck_assert_uint_eq (data[1].closest.b[i], 0);
  /* from just above it, the next one */
  for (int i = PL_NODE_ID_LEN - 1; i >= 0 && ++request.resource.b[i] == 0; i--)
    ;
  pl_find_ans_clear (&answer);
  memset (&answer, 0, sizeof answer);
  ck_assert_uint_eq (pl_store_find (store, &request, &answer, &last_info), 0);
  data = &g_array_index (answer.results, PlFindKindData, 0);
  ck_assert (pl_resource_id_equal (&data[0].closest, &bob_place));
  kinds[1] = kinds[0];
  g_array_append_vals (request.kinds, kinds, 1);
  ck_assert_uint_eq (pl_store_find (store, &request, &none, &last_info), PL_ERROR_INVALID_MESSAGE);
  g_array_unref (request.kinds);
}
END_TEST

/* --- passing on --- */

static guint
take_over (PlStore *from, PlStore *to)
{
  g_autoptr (GPtrArray) requests = pl_store_dup_transfers (from, &alice_place, 2, 2000);

  for (guint i = 0; i < requests->len; i++)
    {
      const PlStoreReq *request = g_ptr_array_index (requests, i);
      g_autoptr (GPtrArray) certs = ders_of (pl_store_dup_certs_of_request (from, request));
      g_auto (PlStoreAns) answer = { 0 };
      g_autoptr (GBytes) info = NULL;

      ck_assert_uint_eq (request->replica_number, 2);
      ck_assert_uint_eq (pl_store_put (to, request, pl_identity_cert (bob), pl_identity_node_id (bob), certs, &answer, &info), 0);
    }
  return requests->len;
}

START_TEST (a_resource_passes_on_in_pieces_with_less_life) /* S1-24, 195, 241, 248 */
{
  PlStore *first = store;
  g_autoptr (PlTrust) fresh = pl_test_pki_trust (pki, env);
  g_autoptr (PlStore) other = pl_store_new (env, pl_test_pki_document (pki), fresh, NULL, NULL);
  g_auto (PlFetchAns) answer = { 0 };

  for (guint i = 0; i < PL_TEST_COUNT; i++)
    {
      char key[2] = { (char) ('a' + i), 0 };

      ck_assert_uint_eq (put_alice (ENTRY (key, "v", T0)), 0);
    }
  ck_assert_uint_eq (put_alice (SINGLE ("hello", T0)), 0);
  pl_universe_run (universe, 50 * PL_USEC_PER_SEC);
  ck_assert_uint_ge (take_over (first, other), 2);
  store = other;
  get_single (&answer);
  store = first;
  ck_assert (text_is (value_of (&answer, 0), "hello"));
  ck_assert_uint_eq (value_of (&answer, 0)->lifetime, DAY - 50);
  ck_assert_uint_eq (take_over (first, other), take_over (first, other));
}
END_TEST

START_TEST (a_merge_takes_what_is_newer_and_proven) /* 196, 197, 200 */
{
  g_auto (PlFetchAns) theirs = { 0 };
  g_autoptr (GPtrArray) certs = certs_of (alice);
  PlFetchKindResponse response = { .kind = PL_TEST_KIND_DICTIONARY, .generation = 40, .values = pl_stored_data_list_new () };
  PlStoredData data[3];

  ck_assert_uint_eq (put_alice (ENTRY ("a", "ours", T0 + 10)), 0);
  ck_assert_uint_eq (put_alice (ENTRY ("b", "ours", T0)), 0);
  make_value (alice, &alice_place, ENTRY ("a", "older", T0), &data[0]);
  make_value (alice, &alice_place, ENTRY ("b", "newer", T0 + 1), &data[1]);
  make_value (bob, &alice_place, ENTRY ("c", "forged", T0 + 1), &data[2]);
  g_array_append_vals (response.values, data, 3);
  theirs.kind_responses = pl_fetch_kind_response_list_new ();
  g_array_append_val (theirs.kind_responses, response);
  ck_assert_uint_eq (pl_store_merge (store, &alice_place, &theirs, certs), 1);
  ck_assert_uint_eq (pl_store_merge (store, &alice_place, &theirs, certs), 0);
  ck_assert_uint_eq (put_alice (ENTRY ("b", "between", T0 + 1)), PL_ERROR_DATA_TOO_OLD);
}
END_TEST

START_TEST (a_dropped_resource_is_gone) /* 268 */
{
  ck_assert_uint_eq (put_alice (SINGLE ("x", T0)), 0);
  pl_store_drop (store, &alice_place);
  pl_store_drop (store, &alice_place);
  ck_assert_uint_eq (pl_store_n_resources (store), 0);
  ck_assert_uint_eq (put_alice (SINGLE ("x", T0)), 0);
}
END_TEST

/* --- disk --- */

static void
use_disk (void)
{
  pl_store_free (store);
  store = pl_store_new (env, pl_test_pki_document (pki), trust, path, NULL);
  ck_assert_ptr_nonnull (store);
}

START_TEST (records_survive_a_restart_and_age_meanwhile)
{
  g_auto (PlFetchAns) answer = { 0 };
  Spec brief = { .kind = PL_TEST_KIND_DICTIONARY, .key = "k", .key_len = 1, .text = "v", .time = T0, .lifetime = 60 };

  use_disk ();
  ck_assert_uint_eq (put_alice (SINGLE ("hello", T0)), 0);
  ck_assert_uint_eq (put_alice (&brief), 0);
  pl_universe_run (universe, 2 * PL_USEC_PER_SEC);
  ck_assert (g_file_test (path, G_FILE_TEST_EXISTS));
  pl_universe_step_wall (universe, 1000 * PL_USEC_PER_SEC);
  use_disk ();
  get_single (&answer);
  ck_assert (text_is (value_of (&answer, 0), "hello"));
  ck_assert_uint_eq (value_of (&answer, 0)->lifetime, DAY - 1002);
  ck_assert_uint_eq (put_alice (SINGLE ("hello", T0)), PL_ERROR_DATA_TOO_OLD);
  ck_assert_uint_eq (put_alice (&brief), 0);
}
END_TEST

START_TEST (a_clock_set_back_does_not_lengthen_lives)
{
  g_auto (PlFetchAns) answer = { 0 };

  use_disk ();
  ck_assert_uint_eq (put_alice (SINGLE ("hello", T0)), 0);
  pl_universe_run (universe, 10 * PL_USEC_PER_SEC);
  ck_assert (pl_store_flush (store, NULL));
  pl_universe_step_wall (universe, -600 * PL_USEC_PER_SEC);
  use_disk ();
  get_single (&answer);
  ck_assert_uint_le (value_of (&answer, 0)->lifetime, DAY);
}
END_TEST

static guint warnings;

static void
count_warnings (PlLogLevel level, const char *line, gpointer data)
{
  (void) line;
  (void) data;
  warnings += level <= PL_LOG_WARNING ? 1 : 0;
}

START_TEST (a_corrupt_file_is_set_aside_and_told)
{
  g_autofree char *aside = g_strconcat (path, ".corrupt", NULL);
  g_autofree char *bytes = NULL;
  gsize len;

  use_disk ();
  ck_assert_uint_eq (put_alice (SINGLE ("hello", T0)), 0);
  ck_assert (pl_store_flush (store, NULL));
  ck_assert (g_file_get_contents (path, &bytes, &len, NULL));
  warnings = 0;
  pl_log_set_sink (count_warnings, NULL);
  for (gsize cut = 0; cut < len; cut += 37)
    {
      ck_assert (g_file_set_contents (path, bytes, (gssize) cut, NULL));
      use_disk ();
      ck_assert_uint_eq (pl_store_n_resources (store), 0);
      bytes[cut] ^= 0x10;
      ck_assert (g_file_set_contents (path, bytes, (gssize) len, NULL));
      use_disk ();
      ck_assert_uint_eq (pl_store_n_resources (store), 0);
      bytes[cut] ^= 0x10;
    }
  pl_log_set_sink (NULL, NULL);
  ck_assert_uint_gt (warnings, 0);
  ck_assert (g_file_test (aside, G_FILE_TEST_EXISTS));
  g_unlink (aside);
}
END_TEST

START_TEST (the_file_is_written_at_most_once_a_second)
{
  guint64 time = T0;
  GStatBuf before, after;

  use_disk ();
  ck_assert_uint_eq (put_alice (SINGLE ("0", time)), 0);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_int_eq (g_stat (path, &before), 0);
  for (guint i = 0; i < 9; i++)
    {
      ck_assert_uint_eq (put_alice (SINGLE ("x", ++time)), 0);
      pl_universe_run (universe, 100 * PL_USEC_PER_MSEC);
    }
  ck_assert_int_eq (g_stat (path, &after), 0);
  ck_assert_uint_eq (before.st_ino, after.st_ino);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  use_disk ();
  assert_single ("x");
}
END_TEST

START_TEST (our_storage_times_only_rise) /* 174 */
{
  guint64 first, last;

  use_disk ();
  first = pl_store_next_time (store);
  ck_assert_uint_eq (first, T0);
  ck_assert_uint_eq (pl_store_next_time (store), T0 + 1);
  pl_universe_step_wall (universe, -5000 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (pl_store_next_time (store), T0 + 2);
  pl_store_note_time (store, T0 + 1000);
  last = pl_store_next_time (store);
  ck_assert_uint_eq (last, T0 + 1001);
  ck_assert (pl_store_flush (store, NULL));
  use_disk ();
  ck_assert_uint_eq (pl_store_next_time (store), T0 + 1002);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/store");
  TCase *t = tcase_create ("put");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, a_stored_value_comes_back_with_less_life);
  tcase_add_test (t, an_older_or_equal_storage_time_is_refused);
  tcase_add_test (t, the_same_bytes_as_a_replica_change_nothing);
  tcase_add_test (t, a_replica_takes_any_sender_but_only_proven_newer_values);
  tcase_add_test (t, a_changed_value_is_refused);
  tcase_add_test (t, a_value_moved_to_another_place_or_kind_is_refused);
  tcase_add_test (t, an_unsigned_value_is_refused);
  tcase_add_test (t, a_value_after_its_signers_certificate_is_not_valid);
  tcase_add_test (t, user_match_lets_only_the_named_user_write);
  tcase_add_test (t, user_node_match_wants_the_signers_node_as_key);
  tcase_add_test (t, node_match_wants_the_hash_of_the_signers_node);
  tcase_add_test (t, node_multiple_tries_each_number_up_to_the_kinds_maximum);
  tcase_add_test (t, unknown_kinds_are_listed);
  tcase_add_test (t, a_store_is_all_or_nothing);
  tcase_add_test (t, a_kind_twice_in_a_store_is_refused);
  tcase_add_test (t, a_generation_counter_must_be_the_stored_one);
  tcase_add_test (t, values_and_their_number_are_limited);
  tcase_add_test (t, removed_values_cannot_be_piled_up);
  suite_add_tcase (s, t);
  t = tcase_create ("get");
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, arrays_append_and_have_gaps);
  tcase_add_test (t, an_appended_value_verifies_and_cannot_be_replayed);
  tcase_add_test (t, bad_ranges_are_refused);
  tcase_add_test (t, dictionaries_give_keys_or_everything);
  tcase_add_test (t, a_removed_value_stays_signed_until_it_expires);
  tcase_add_test (t, an_equal_generation_gives_no_values);
  tcase_add_test (t, stat_tells_length_and_digest);
  tcase_add_test (t, find_walks_up_the_ring);
  tcase_add_test (t, a_resource_passes_on_in_pieces_with_less_life);
  tcase_add_test (t, a_merge_takes_what_is_newer_and_proven);
  tcase_add_test (t, a_dropped_resource_is_gone);
  suite_add_tcase (s, t);
  t = tcase_create ("disk");
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, records_survive_a_restart_and_age_meanwhile);
  tcase_add_test (t, a_clock_set_back_does_not_lengthen_lives);
  tcase_add_test (t, a_corrupt_file_is_set_aside_and_told);
  tcase_add_test (t, the_file_is_written_at_most_once_a_second);
  tcase_add_test (t, our_storage_times_only_rise);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
