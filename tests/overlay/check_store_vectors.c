/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Stores made by another implementation (tests/data/vectors): signatures, policies and the
 * reason of each refusal.
 */
#include "config.h"

#include "overlay/store/store.h"

#include "base/hex.h"
#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"
#include "base/universe.h"
#include "tests/support/test.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define OVERLAY "interop.example.org"

static PlUniverse *universe;
static PlDocument *document;
static PlTrust *trust;
static PlStore *store;

static void
add_kind (guint32 id, PlDataModel model)
{
  PlKind kind = { id, model, PL_ACCESS_USER_MATCH, 8, 4000, 0 };

  g_array_append_val (document->kinds, kind);
}

static void
setup (void)
{
  g_autoptr (GError) error = NULL;

  universe = pl_universe_new (1);
  document = pl_document_new (OVERLAY);
  g_ptr_array_add (document->root_certs, pl_test_data ("vectors/pki/ca.der"));
  add_kind (0xf0000001, PL_DATA_SINGLE);
  add_kind (0xf0000002, PL_DATA_ARRAY);
  add_kind (0xf0000003, PL_DATA_DICTIONARY);
  trust = pl_document_trust_new (document, pl_universe_env (universe), &error);
  ck_assert_msg (trust != NULL, "%s", error ? error->message : "");
  store = pl_store_new (pl_universe_env (universe), document, trust, NULL, NULL);
}

static void
teardown (void)
{
  pl_store_free (store);
  pl_trust_free (trust);
  pl_document_free (document);
  pl_universe_free (universe);
}

static PlDataModel
model_of (guint32 kind, gpointer data)
{
  const PlKind *def = pl_document_kind (document, kind);

  (void) data;
  return def ? def->model : 0;
}

static void
read_message (const char *name, PlMessage *message)
{
  g_autofree char *file = g_strconcat ("vectors/", name, ".json", NULL);
  g_autoptr (GBytes) text = pl_test_data (file);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GBytes) bytes = NULL;

  ck_assert (json_parser_load_from_data (parser, g_bytes_get_data (text, NULL), (gssize) g_bytes_get_size (text), NULL));
  bytes = pl_hex_to_bytes (json_object_get_string_member (json_node_get_object (json_parser_get_root (parser)), "hex"));
  ck_assert_int_eq (pl_message_read (bytes, message), PL_WIRE_OK);
}

static guint16
put (const char *name)
{
  g_auto (PlMessage) message = { 0 };
  g_auto (PlStoreReq) request = { 0 };
  g_auto (PlStoreAns) answer = { 0 };
  g_autoptr (GBytes) info = NULL;
  g_autoptr (PlCert) cert = NULL;
  g_autoptr (GError) error = NULL;
  PlReader reader;
  PlNodeId signer;
  gsize len;
  const guint8 *contents;

  read_message (name, &message);
  contents = g_bytes_get_data (message.contents, &len);
  cert = pl_trust_verify_message (trust, message.certificates, message.header.overlay, message.header.transaction_id,
                                  contents, len, &message.signature, &signer, &error);
  ck_assert_msg (cert != NULL, "%s: %s", name, error ? error->message : "");
  pl_reader_init_bytes (&reader, message.body);
  pl_reader_set_models (&reader, model_of, NULL);
  ck_assert (pl_store_req_read (&reader, &request));
  ck_assert_int_eq (pl_reader_finish (&reader), PL_WIRE_OK);
  return pl_store_put (store, &request, cert, &signer, message.certificates, &answer, &info);
}

START_TEST (good_stores_of_another_implementation_are_kept) /* 171, 175, 223, 225 */
{
  ck_assert_uint_eq (put ("store-req-single"), 0);
  ck_assert_uint_eq (put ("store-req-sip-route"), 0);
  ck_assert_uint_eq (pl_store_n_resources (store), 1);
}
END_TEST

START_TEST (a_good_store_again_is_too_old) /* S2-03, S2-66, 172, S2-02, S2-92 */
{
  ck_assert_uint_eq (put ("store-req-sip-uri"), 0);
  ck_assert_uint_eq (put ("store-req-sip-uri"), PL_ERROR_DATA_TOO_OLD);
}
END_TEST

START_TEST (a_key_that_is_not_the_signers_node_is_forbidden) /* 225: refuse-store-user-node-match-key */
{
  ck_assert_uint_eq (put ("refuse-store-user-node-match-key"), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (pl_store_n_resources (store), 0);
}
END_TEST

START_TEST (values_of_a_fetch_answer_verify_and_merge) /* S1-23, S1-41, 211: fetch-ans */
{
  g_auto (PlMessage) message = { 0 };
  g_auto (PlFetchAns) answer = { 0 };
  PlResourceId place;
  PlReader reader;

  ck_assert_uint_eq (put ("store-req-sip-route"), 0);
  read_message ("fetch-ans", &message);
  pl_reader_init_bytes (&reader, message.body);
  pl_reader_set_models (&reader, model_of, NULL);
  ck_assert (pl_fetch_ans_read (&reader, &answer));
  pl_resource_id_from_name (&place, "nobody@interop.example.org", strlen ("nobody@interop.example.org"));
  ck_assert_uint_eq (pl_store_merge (store, &place, &answer, message.certificates), 0);
  pl_resource_id_from_name (&place, "alice@interop.example.org", strlen ("alice@interop.example.org"));
  ck_assert_uint_gt (pl_store_merge (store, &place, &answer, message.certificates), 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/store vectors");
  TCase *t = tcase_create ("vectors");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, good_stores_of_another_implementation_are_kept);
  tcase_add_test (t, a_good_store_again_is_too_old);
  tcase_add_test (t, a_key_that_is_not_the_signers_node_is_forbidden);
  tcase_add_test (t, values_of_a_fetch_answer_verify_and_merge);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
