/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include "base/hex.h"
#include "overlay/ident/identity.h"
#include "overlay/ident/trust.h"
#include "overlay/wire/message.h"
#include "tests/overlay/testcert.h"
#include "base/universe.h"
#include "tests/support/test.h"

#define OVERLAY "interop.example.org"
#define URI GNUTLS_SAN_URI
#define DAY ((gint64) 24 * 60 * 60)

static PlUniverse *universe;
static PlEnv *env;

static void
setup (void)
{
  universe = pl_universe_new (1);
  env = pl_universe_env (universe);
}

static void
teardown (void)
{
  g_clear_pointer (&universe, pl_universe_free);
}

/* --- the vectors --- */

static PlTrust *
vector_trust (const char *overlay)
{
  PlTrust *trust = pl_trust_new (env, overlay);
  g_autoptr (GBytes) ca = pl_test_data ("vectors/pki/ca.der");

  ck_assert (pl_trust_add_root (trust, ca, NULL));
  return trust;
}

static JsonParser *
load_vector (const char *file)
{
  JsonParser *parser = json_parser_new ();
  g_autofree char *name = g_strdup_printf ("vectors/%s", file);
  g_autoptr (GBytes) text = pl_test_data (name);

  ck_assert (json_parser_load_from_data (parser, g_bytes_get_data (text, NULL), g_bytes_get_size (text), NULL));
  return parser;
}

static PlCert *
verify (PlTrust *trust, PlMessage *message, PlNodeId *signer, GError **error)
{
  gsize len;
  const guint8 *contents = g_bytes_get_data (message->contents, &len);

  return pl_trust_verify_message (trust, message->certificates, message->header.overlay, message->header.transaction_id,
                                  contents, len, &message->signature, signer, error);
}

START_TEST (trust_verifies_every_message_of_the_vectors) /* S1-11, S1-22, S1-33, S1-19, S1-54 */
{
  g_autofree char *path = pl_test_path ("data/vectors");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_autoptr (PlTrust) trust = vector_trust (OVERLAY);
  g_autoptr (GBytes) java = NULL;
  const char *file;
  guint n = 0;

  while ((file = g_dir_read_name (dir)))
    {
      g_autoptr (JsonParser) parser = g_str_has_suffix (file, ".json") ? load_vector (file) : NULL;
      JsonObject *json = parser ? json_node_get_object (json_parser_get_root (parser)) : NULL;
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GError) error = NULL;
      g_auto (PlMessage) message = { 0 };
      g_autoptr (PlCert) cert = NULL;
      PlNodeId signer;

      if (!json || !g_str_equal (json_object_get_string_member (json, "kind"), "message")
          || !json_object_get_boolean_member_with_default (json, "signature_valid", FALSE)
          || g_str_has_prefix (file, "java-")) /* of an overlay and authority of its own */
        continue;
      bytes = pl_hex_to_bytes (json_object_get_string_member (json, "hex"));
      ck_assert_msg (pl_message_read (bytes, &message) == PL_WIRE_OK, "%s", file);
      cert = verify (trust, &message, &signer, &error);
      ck_assert_msg (cert != NULL, "%s: %s", file, error ? error->message : "");
      ck_assert (pl_cert_has_node_id (cert, &signer));
      ck_assert (g_str_has_prefix (pl_cert_aor (cert), json_object_get_string_member (json, "signer")));
      n++;
    }
  ck_assert_uint_ge (n, 25);
}
END_TEST

static void
read_vector (const char *file, PlMessage *message)
{
  g_autoptr (JsonParser) parser = load_vector (file);
  JsonObject *json = json_node_get_object (json_parser_get_root (parser));
  g_autoptr (GBytes) bytes = pl_hex_to_bytes (json_object_get_string_member (json, "hex"));

  ck_assert_int_eq (pl_message_read (bytes, message), PL_WIRE_OK);
}

START_TEST (trust_refuses_the_vector_with_a_bad_signature)
{
  g_autoptr (PlTrust) trust = vector_trust (OVERLAY);
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GError) error = NULL;

  read_vector ("neg-bad-signature.json", &message);
  ck_assert_ptr_null (verify (trust, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_SIGNATURE));
}
END_TEST

START_TEST (trust_refuses_messages_of_another_authority_or_overlay)
{
  g_autoptr (PlTrust) other = pl_trust_new (env, OVERLAY);
  g_autoptr (PlTrust) elsewhere = vector_trust ("elsewhere.example.org");
  g_autoptr (GBytes) ca = pl_test_data ("vectors/pki-other/ca.der");
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GError) error = NULL;

  read_vector ("ping-req.json", &message);
  ck_assert (pl_trust_add_root (other, ca, NULL));
  ck_assert_ptr_null (verify (other, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_UNTRUSTED));
  g_clear_error (&error);
  ck_assert_ptr_null (verify (elsewhere, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_OVERLAY));
}
END_TEST

/* S1-27, S1-46: each wrong thing has its own code. */
START_TEST (trust_names_what_is_wrong_with_a_signature) /* S1-09 */
{
  g_autoptr (PlTrust) trust = vector_trust (OVERLAY);
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GError) error = NULL;

  read_vector ("ping-req.json", &message);
  message.signature.hash_alg = PL_HASH_SHA1;
  ck_assert_ptr_null (verify (trust, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_ALGORITHM));
  g_clear_error (&error);
  message.signature.hash_alg = PL_HASH_SHA256;
  message.signature.sign_alg = PL_SIGN_ECDSA;
  ck_assert_ptr_null (verify (trust, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_SIGNATURE));
  g_clear_error (&error);
  message.signature.sign_alg = PL_SIGN_RSA;
  message.signature.identity.hash_alg = PL_HASH_SHA1;
  ck_assert_ptr_null (verify (trust, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_ALGORITHM));
  g_clear_error (&error);
  message.signature.identity.hash_alg = PL_HASH_SHA256;
  message.signature.identity.type = PL_SIGNER_NONE;
  ck_assert_ptr_null (verify (trust, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_ALGORITHM));
  g_clear_error (&error);
  message.signature.identity.type = PL_SIGNER_CERT_HASH_NODE_ID;
  ck_assert_ptr_null (verify (trust, &message, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_SIGNER));
}
END_TEST

START_TEST (trust_remembers_the_certificate_of_a_message_it_verified)
{
  g_autoptr (PlTrust) trust = vector_trust (OVERLAY);
  g_auto (PlMessage) message = { 0 };
  g_autoptr (PlCert) cert = NULL;
  g_autoptr (PlCert) again = NULL;
  g_autoptr (PlCert) signer = NULL;
  g_autoptr (GError) error = NULL;

  read_vector ("ping-req.json", &message);
  g_ptr_array_ref (message.certificates);
  ck_assert_ptr_null (pl_trust_ref_signer (trust, &message.signature));
  cert = verify (trust, &message, NULL, NULL);
  ck_assert_ptr_nonnull (cert);
  g_ptr_array_set_size (message.certificates, 0);
  again = verify (trust, &message, NULL, &error);
  ck_assert_ptr_eq (again, cert);
  signer = pl_trust_ref_signer (trust, &message.signature);
  ck_assert_ptr_eq (signer, cert);
  g_ptr_array_unref (message.certificates);
}
END_TEST

START_TEST (trust_checks_self_signed_node_ids_against_the_key) /* S1-17, S2-28, S2-45, S2-55, S2-62, S2-98 */
{
  static const struct { const char *file; GChecksumType digest; } cases[] = {
    { "vectors/pki/selfsha1.der", G_CHECKSUM_SHA1 },
    { "vectors/pki/selfsha256.der", G_CHECKSUM_SHA256 },
    { "vectors/pki/selfmulti.der", G_CHECKSUM_SHA1 },
  };
  g_autoptr (PlTrust) trust = vector_trust (OVERLAY);
  g_autoptr (GBytes) der = pl_test_data (cases[_i].file);
  g_autoptr (PlCert) cert = pl_cert_new (der, NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (!pl_trust_check_cert (trust, cert, NULL));
  pl_trust_allow_self_signed (trust, cases[_i].digest);
  ck_assert_msg (pl_trust_check_cert (trust, cert, &error), "%s", error ? error->message : "");
  pl_trust_allow_self_signed (trust, G_CHECKSUM_MD5);
  ck_assert (!pl_trust_check_cert (trust, cert, NULL));
}
END_TEST

/* --- chains --- */

static TestCert *root;

static PlTrust *
own_trust (void)
{
  TestSpec spec = { .ca = TRUE };
  PlTrust *trust = pl_trust_new (env, "example.org");

  root = test_cert_new (&spec, NULL);
  ck_assert (pl_trust_add_root (trust, root->der, NULL));
  return trust;
}

static int
check (PlTrust *trust, TestCert *cert, GPtrArray *chain)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlCert) found = pl_trust_check_der (trust, cert->der, chain, &error);

  ck_assert (found || error->domain == PL_TRUST_ERROR);
  return found ? -1 : error->code;
}

START_TEST (trust_refuses_a_certificate_signed_by_a_leaf)
{
  g_autoptr (PlTrust) trust = own_trust ();
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) leaf = test_cert_new (&spec, root);
  g_autoptr (TestCert) forged = test_cert_new (&spec, leaf);
  g_autoptr (GPtrArray) chain = g_ptr_array_new ();

  g_ptr_array_add (chain, leaf->der);
  ck_assert_int_eq (check (trust, leaf, NULL), -1);
  ck_assert_int_eq (check (trust, forged, chain), PL_TRUST_ERROR_UNTRUSTED);
  test_cert_free (root);
}
END_TEST

START_TEST (trust_follows_a_chain_given_in_any_order)
{
  g_autoptr (PlTrust) trust = own_trust ();
  TestSpec ca = { .ca = TRUE }, spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) middle = test_cert_new (&ca, root);
  g_autoptr (TestCert) lower = test_cert_new (&ca, middle);
  g_autoptr (TestCert) leaf = test_cert_new (&spec, lower);
  g_autoptr (GPtrArray) chain = g_ptr_array_new ();
  g_autoptr (GBytes) garbage = g_bytes_new_static ("garbage", 7);

  ck_assert_int_eq (check (trust, leaf, NULL), PL_TRUST_ERROR_UNTRUSTED);
  g_ptr_array_add (chain, garbage);
  g_ptr_array_add (chain, middle->der);
  g_ptr_array_add (chain, leaf->der);
  g_ptr_array_add (chain, lower->der);
  ck_assert_int_eq (check (trust, leaf, chain), -1);
  test_cert_free (root);
}
END_TEST

START_TEST (trust_refuses_sha1_in_a_certificate_and_roots_without_ca_flag) /* S1-09, S1-27, S2-18 */
{
  g_autoptr (PlTrust) trust = own_trust ();
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } }, .digest = GNUTLS_DIG_SHA1 };
  g_autoptr (TestCert) weak = test_cert_new (&spec, root);

  ck_assert_int_eq (check (trust, weak, NULL), PL_TRUST_ERROR_UNTRUSTED);
  ck_assert (!pl_trust_add_root (trust, weak->der, NULL));
  test_cert_free (root);
}
END_TEST

/* Checklist 106, S1-51: time counts on every use, cached or not. The universe begins 2026-01-01. */
START_TEST (trust_looks_at_the_time_on_every_use)
{
  g_autoptr (PlTrust) trust = own_trust ();
  gint64 now = pl_env_wall (env) / PL_USEC_PER_SEC;
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } }, .from = now - DAY, .until = now + DAY };
  g_autoptr (TestCert) leaf = test_cert_new (&spec, root);

  ck_assert_int_eq (check (trust, leaf, NULL), -1);
  pl_universe_step_wall (universe, 2 * DAY * PL_USEC_PER_SEC);
  ck_assert_int_eq (check (trust, leaf, NULL), PL_TRUST_ERROR_EXPIRED);
  pl_universe_step_wall (universe, -4 * DAY * PL_USEC_PER_SEC);
  ck_assert_int_eq (check (trust, leaf, NULL), PL_TRUST_ERROR_EXPIRED);
  pl_universe_step_wall (universe, 2 * DAY * PL_USEC_PER_SEC);
  ck_assert_int_eq (check (trust, leaf, NULL), -1);
  test_cert_free (root);
}
END_TEST

START_TEST (trust_ends_with_an_issuer_that_expired)
{
  g_autoptr (PlTrust) trust = own_trust ();
  gint64 now = pl_env_wall (env) / PL_USEC_PER_SEC;
  TestSpec ca = { .ca = TRUE, .from = now - DAY, .until = now + DAY }, spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) middle = test_cert_new (&ca, root);
  g_autoptr (TestCert) leaf = test_cert_new (&spec, middle);
  g_autoptr (GPtrArray) chain = g_ptr_array_new ();

  g_ptr_array_add (chain, middle->der);
  ck_assert_int_eq (check (trust, leaf, chain), -1);
  pl_universe_step_wall (universe, 2 * DAY * PL_USEC_PER_SEC);
  ck_assert_int_eq (check (trust, leaf, chain), PL_TRUST_ERROR_EXPIRED);
  test_cert_free (root);
}
END_TEST

/* S2-105 */
START_TEST (trust_refuses_bad_nodes_also_when_remembered) /* S2-90, S2-104 */
{
  g_autoptr (PlTrust) trust = own_trust ();
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) leaf = test_cert_new (&spec, root);
  PlNodeId id;

  ck_assert (pl_node_id_parse (TEST_NODE, &id));
  ck_assert_int_eq (check (trust, leaf, NULL), -1);
  pl_trust_set_bad_nodes (trust, &id, 1);
  ck_assert_int_eq (check (trust, leaf, NULL), PL_TRUST_ERROR_BAD_NODE);
  pl_trust_set_bad_nodes (trust, NULL, 0);
  ck_assert_int_eq (check (trust, leaf, NULL), -1);
  test_cert_free (root);
}
END_TEST

/* --- signing --- */

static PlIdentity *
identity_of (TestCert *cert)
{
  g_autofree char *key = test_cert_dup_key_pem (cert);
  g_autofree char *pem = test_cert_dup_pem (cert);
  PlIdentity *identity = pl_identity_new (key, pem, NULL);

  ck_assert_ptr_nonnull (identity);
  return identity;
}

static const TestSpec signers[] = {
  { .names = { { URI, TEST_URI, -1 } } },
  { .names = { { URI, TEST_URI, -1 }, { URI, "reload://0110ffffffffffffffff0123456789abcdef@example.org/", -1 } } },
  { .names = { { URI, TEST_URI, -1 } }, .pk = GNUTLS_PK_RSA, .bits = 2048 },
};

START_TEST (identity_signs_messages_that_verify_until_a_byte_changes)
{
  g_autoptr (PlTrust) trust = own_trust ();
  g_autoptr (TestCert) made = test_cert_new (&signers[_i], root);
  g_autoptr (PlIdentity) identity = identity_of (made);
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  guint8 contents[] = "contents";
  PlSignature signature;
  PlNodeId signer;
  g_autoptr (PlCert) cert = NULL;

  g_ptr_array_add (certs, made->der);
  ck_assert (pl_identity_sign_message (identity, 7, 8, contents, sizeof contents, &signature, NULL));
  ck_assert_int_eq (signature.identity.type, _i == 1 ? PL_SIGNER_CERT_HASH_NODE_ID : PL_SIGNER_CERT_HASH);
  cert = pl_trust_verify_message (trust, certs, 7, 8, contents, sizeof contents, &signature, &signer, NULL);
  ck_assert_ptr_nonnull (cert);
  ck_assert (pl_node_id_equal (&signer, pl_identity_node_id (identity)));
  ck_assert_ptr_null (pl_trust_verify_message (trust, certs, 6, 8, contents, sizeof contents, &signature, NULL, NULL));
  ck_assert_ptr_null (pl_trust_verify_message (trust, certs, 7, 9, contents, sizeof contents, &signature, NULL, NULL));
  contents[3] ^= 1;
  ck_assert_ptr_null (pl_trust_verify_message (trust, certs, 7, 8, contents, sizeof contents, &signature, NULL, NULL));
  pl_signature_clear (&signature);
  test_cert_free (root);
}
END_TEST

START_TEST (identity_signs_under_the_node_id_that_was_chosen) /* 98 */
{
  g_autoptr (PlTrust) trust = own_trust ();
  g_autoptr (TestCert) made = test_cert_new (&signers[1], root);
  g_autoptr (PlIdentity) first = identity_of (made);
  g_autoptr (PlIdentity) second = pl_identity_with_node_id (first, pl_cert_node_id (pl_identity_cert (first), 1));
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  g_autoptr (PlCert) cert = NULL;
  PlNodeId signer, strange = { { 9 } };
  PlSignature signature;

  ck_assert_ptr_null (pl_identity_with_node_id (first, &strange));
  g_ptr_array_add (certs, made->der);
  ck_assert (pl_identity_sign_message (second, 7, 8, (const guint8 *) "x", 1, &signature, NULL));
  cert = pl_trust_verify_message (trust, certs, 7, 8, (const guint8 *) "x", 1, &signature, &signer, NULL);
  ck_assert_ptr_nonnull (cert);
  ck_assert (pl_node_id_equal (&signer, pl_cert_node_id (cert, 1)));
  ck_assert (!pl_node_id_equal (&signer, pl_identity_node_id (first)));
  pl_signature_clear (&signature);
  test_cert_free (root);
}
END_TEST

/* E4: cert_hash does not say which of several Node-IDs signs. */
START_TEST (trust_refuses_cert_hash_of_a_certificate_with_two_node_ids)
{
  g_autoptr (PlTrust) trust = own_trust ();
  g_autoptr (TestCert) made = test_cert_new (&signers[1], root);
  g_autoptr (PlIdentity) identity = identity_of (made);
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  PlSignature signature;

  g_ptr_array_add (certs, made->der);
  ck_assert (pl_identity_sign_message (identity, 7, 8, (const guint8 *) "x", 1, &signature, NULL));
  signature.identity.type = PL_SIGNER_CERT_HASH;
  g_bytes_unref (signature.identity.hash);
  signature.identity.hash = g_bytes_new (pl_cert_fingerprint (pl_identity_cert (identity)), 32);
  ck_assert_ptr_null (pl_trust_verify_message (trust, certs, 7, 8, (const guint8 *) "x", 1, &signature, NULL, &error));
  ck_assert (g_error_matches (error, PL_TRUST_ERROR, PL_TRUST_ERROR_SIGNER));
  pl_signature_clear (&signature);
  test_cert_free (root);
}
END_TEST

/* The same bytes give the same signature: the simulator repeats itself. */
START_TEST (identity_signs_the_same_bytes_the_same_way)
{
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);
  g_autoptr (PlIdentity) identity = identity_of (made);
  PlSignature a, b;

  ck_assert (pl_identity_sign_message (identity, 7, 8, (const guint8 *) "x", 1, &a, NULL));
  ck_assert (pl_identity_sign_message (identity, 7, 8, (const guint8 *) "x", 1, &b, NULL));
  ck_assert (g_bytes_equal (a.value, b.value));
  pl_signature_clear (&a);
  pl_signature_clear (&b);
}
END_TEST

START_TEST (trust_verifies_values_where_they_belong_only) /* S1-13 */
{
  g_autoptr (PlTrust) trust = own_trust ();
  g_autoptr (TestCert) made = test_cert_new (&signers[_i], root);
  g_autoptr (PlIdentity) identity = identity_of (made);
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  g_auto (PlStoredData) data = { .storage_time = 1, .lifetime = 60, .value = { .model = PL_DATA_SINGLE } };
  g_autoptr (PlCert) cert = NULL;
  g_autoptr (PlCert) remembered = NULL;
  PlResourceId here, there;
  PlNodeId signer;

  data.value.value.exists = TRUE;
  data.value.value.value = g_bytes_new ("value", 5);
  pl_resource_id_from_name (&here, "here", 4);
  pl_resource_id_from_name (&there, "there", 5);
  g_ptr_array_add (certs, made->der);
  ck_assert (pl_identity_sign_value (identity, &here, 1, &data, NULL));
  for (int i = 0; i < 2; i++) /* the second time from the cache */
    {
      g_autoptr (PlCert) found = pl_trust_verify_value (trust, certs, &here, 1, &data, &signer, NULL);

      ck_assert_ptr_nonnull (found);
      ck_assert_ptr_null (pl_trust_verify_value (trust, certs, &there, 1, &data, NULL, NULL));
      ck_assert_ptr_null (pl_trust_verify_value (trust, certs, &here, 2, &data, NULL, NULL));
    }
  data.storage_time++;
  ck_assert_ptr_null (pl_trust_verify_value (trust, certs, &here, 1, &data, NULL, NULL));
  data.storage_time--;
  data.lifetime++; /* not signed */
  cert = pl_trust_verify_value (trust, certs, &here, 1, &data, NULL, NULL);
  remembered = pl_trust_ref_signer (trust, &data.signature);
  ck_assert (cert && cert == remembered);
  test_cert_free (root);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("ident/trust");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, trust_verifies_every_message_of_the_vectors); /* S0-10, S1-31, S1-32 */
  tcase_add_test (tcase, trust_refuses_the_vector_with_a_bad_signature);
  tcase_add_test (tcase, trust_refuses_messages_of_another_authority_or_overlay); /* S0-03, S2-14 */
  tcase_add_test (tcase, trust_names_what_is_wrong_with_a_signature);
  tcase_add_test (tcase, trust_remembers_the_certificate_of_a_message_it_verified);
  tcase_add_loop_test (tcase, trust_checks_self_signed_node_ids_against_the_key, 0, 3); /* 11.3.1 */
  tcase_add_test (tcase, trust_refuses_a_certificate_signed_by_a_leaf); /* S1-53, S1-63 */
  tcase_add_test (tcase, trust_follows_a_chain_given_in_any_order);
  tcase_add_test (tcase, trust_refuses_sha1_in_a_certificate_and_roots_without_ca_flag);
  tcase_add_test (tcase, trust_looks_at_the_time_on_every_use);
  tcase_add_test (tcase, trust_ends_with_an_issuer_that_expired);
  tcase_add_test (tcase, trust_refuses_bad_nodes_also_when_remembered);
  tcase_add_loop_test (tcase, identity_signs_messages_that_verify_until_a_byte_changes, 0, G_N_ELEMENTS (signers));
  tcase_add_test (tcase, identity_signs_under_the_node_id_that_was_chosen);
  tcase_add_test (tcase, trust_refuses_cert_hash_of_a_certificate_with_two_node_ids);
  tcase_add_test (tcase, identity_signs_the_same_bytes_the_same_way);
  tcase_add_loop_test (tcase, trust_verifies_values_where_they_belong_only, 0, G_N_ELEMENTS (signers)); /* S1-35, S1-44 */
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
