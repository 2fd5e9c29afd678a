/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include "base/hex.h"
#include "overlay/ident/aor.h"
#include "overlay/ident/ident-priv.h"
#include "overlay/ident/identity.h"
#include "overlay/ident/key.h"
#include "tests/overlay/testcert.h"
#include "tests/support/test.h"

#define URI GNUTLS_SAN_URI
#define MAIL GNUTLS_SAN_RFC822NAME
#define OTHER_URI "reload://0110ffffffffffffffff0123456789abcdef@example.org/"

/* --- certificates --- */

START_TEST (cert_of_the_vectors_has_the_listed_names) /* S1-21 */
{
  static const char *const names[] = { "alice", "bob", "carol", "dave", "erin", "expired", "selfmulti", "selfsha1", "selfsha256" };
  g_autofree char *der_name = g_strdup_printf ("vectors/pki/%s.der", names[_i]);
  g_autofree char *json_name = g_strdup_printf ("vectors/pki/%s.json", names[_i]);
  g_autoptr (GBytes) der = pl_test_data (der_name);
  g_autoptr (GBytes) text = pl_test_data (json_name);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PlCert) cert = pl_cert_new (der, &error);
  g_autofree char *fingerprint = NULL;
  JsonObject *expected;
  JsonArray *ids;

  ck_assert_msg (cert != NULL, "%s: %s", names[_i], error ? error->message : "");
  ck_assert (json_parser_load_from_data (parser, g_bytes_get_data (text, NULL), g_bytes_get_size (text), NULL));
  expected = json_node_get_object (json_parser_get_root (parser));
  ids = json_object_get_array_member (expected, "node_ids");
  fingerprint = pl_hex_dup (pl_cert_fingerprint (cert), PL_SHA256_LEN);
  ck_assert_str_eq (pl_cert_aor (cert), json_object_get_string_member (expected, "user"));
  ck_assert_str_eq (pl_cert_overlay (cert), json_object_get_string_member (expected, "overlay"));
  ck_assert_str_eq (fingerprint, json_object_get_string_member (expected, "sha256"));
  ck_assert_uint_eq (pl_cert_n_node_ids (cert), json_array_get_length (ids));
  for (guint i = 0; i < pl_cert_n_node_ids (cert); i++)
    {
      g_autofree char *hex = pl_node_id_dup_hex (pl_cert_node_id (cert, i));

      ck_assert_str_eq (hex, json_array_get_string_element (ids, i));
    }
}
END_TEST

/* 14.15 and E18: the last slash may be missing. */
static const struct { TestName names[4]; const char *aor; } good[] = {
  { { { URI, TEST_URI, -1 }, { MAIL, "alice@example.org", -1 } }, "alice@example.org" },
  { { { URI, "reload://0110" TEST_NODE "@example.org", -1 }, { MAIL, "Alice@Example.ORG", -1 } }, "alice@example.org" },
  { { { URI, "RELOAD://0110" TEST_NODE "@EXAMPLE.org/", -1 } }, NULL },
  { { { URI, TEST_URI, -1 }, { URI, OTHER_URI, -1 }, { MAIL, "b@c.example", -1 } }, "b@c.example" },
  { { { URI, "https://example.org/", -1 }, { URI, TEST_URI, -1 }, { GNUTLS_SAN_DNSNAME, "example.org", -1 } }, NULL },
};

START_TEST (cert_with_usual_names_is_read)
{
  TestSpec spec = { 0 };
  g_autoptr (TestCert) made = NULL;
  g_autoptr (PlCert) cert = NULL;
  g_autoptr (GError) error = NULL;
  PlNodeId id;

  memcpy (spec.names, good[_i].names, sizeof good[_i].names);
  made = test_cert_new (&spec, NULL);
  cert = pl_cert_new (made->der, &error);
  ck_assert_msg (cert != NULL, "%s", error ? error->message : "");
  ck_assert (g_strcmp0 (pl_cert_aor (cert), good[_i].aor) == 0);
  ck_assert (pl_node_id_parse (TEST_NODE, &id));
  ck_assert (pl_cert_has_node_id (cert, &id));
}
END_TEST

static const struct { const char *why; TestName names[4]; } bad[] = {
  { "no reload URI", { { MAIL, "a@example.org", -1 } } },
  { "two names", { { URI, TEST_URI, -1 }, { MAIL, "a@example.org", -1 }, { MAIL, "b@example.org", -1 } } },
  { "two overlays", { { URI, TEST_URI, -1 }, { URI, "reload://0110ffffffffffffffff0123456789abcdef@example.net/", -1 } } },
  { "the same Node-ID twice", { { URI, TEST_URI, -1 }, { URI, TEST_URI, -1 } } },
  { "the wildcard", { { URI, "reload://0110ffffffffffffffffffffffffffffffff@example.org/", -1 } } },
  { "the Node-ID zero", { { URI, "reload://011000000000000000000000000000000000@example.org/", -1 } } },
  { "a bare Node-ID", { { URI, "reload://" TEST_NODE "@example.org/", -1 } } },
  { "a resource", { { URI, "reload://0211" "10" TEST_NODE "@example.org/", -1 } } },
  { "a specifier", { { URI, TEST_URI "00", -1 } } },
  { "no overlay", { { URI, "reload://0110" TEST_NODE "@/", -1 } } },
  { "no destination", { { URI, "reload://@example.org/", -1 } } },
  { "a second at sign", { { URI, "reload://0110" TEST_NODE "@example.org@example.net/", -1 } } },
  { "an overlay with a slash", { { URI, "reload://0110" TEST_NODE "@example.org//", -1 } } },
  { "a short Node-ID", { { URI, "reload://0110" "00112233" "@example.org/", -1 } } },
  { "a URI as name", { { URI, TEST_URI, -1 }, { MAIL, "sip:bob@example.org", -1 } } },
  { "a name with password", { { URI, TEST_URI, -1 }, { MAIL, "bob:pw@example.org", -1 } } },
  { "a name with parameters", { { URI, TEST_URI, -1 }, { MAIL, "bob@example.org;x=y", -1 } } },
  { "a name with a port", { { URI, TEST_URI, -1 }, { MAIL, "bob@example.org:5060", -1 } } },
  { "a name with brackets", { { URI, TEST_URI, -1 }, { MAIL, "<bob@example.org>", -1 } } },
  { "a name with an escape", { { URI, TEST_URI, -1 }, { MAIL, "b%6fb@example.org", -1 } } },
  { "a name without user", { { URI, TEST_URI, -1 }, { MAIL, "@example.org", -1 } } },
};

START_TEST (cert_with_strange_names_is_refused)
{
  TestSpec spec = { 0 };
  g_autoptr (TestCert) made = NULL;
  g_autoptr (PlCert) cert = NULL;
  g_autoptr (GError) error = NULL;

  memcpy (spec.names, bad[_i].names, sizeof bad[_i].names);
  made = test_cert_new (&spec, NULL);
  cert = pl_cert_new (made->der, &error);
  ck_assert_msg (cert == NULL && error != NULL, "accepted: %s", bad[_i].why);
}
END_TEST

START_TEST (cert_with_a_weak_key_is_refused) /* S2-18 */
{
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) made = NULL;

  if (_i == 0)
    {
      spec.pk = GNUTLS_PK_RSA;
      spec.bits = 1024;
    }
  else if (_i == 1)
    spec.bits = GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP384R1);
  else
    {
      spec.pk = GNUTLS_PK_EDDSA_ED25519;
      spec.digest = GNUTLS_DIG_SHA512;
      spec.bits = 256;
    }
  made = test_cert_new (&spec, NULL);
  ck_assert_ptr_null (pl_cert_new (made->der, NULL));
}
END_TEST

/* No library writes such names: the byte is put into the finished certificate. */
START_TEST (cert_with_a_nul_in_a_name_is_refused)
{
  static const char *const marks[] = { "orgX.evil", "org.Xevil" };
  TestSpec spec = { .names = { { URI, "reload://0110" TEST_NODE "@example.org.Xevil", -1 }, { MAIL, "a@example.orgX.evil.example", -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data (made->der, &len);
  g_autofree guint8 *copy = g_memdup2 (data, len);
  guint8 *mark = memmem (copy, len, marks[_i], strlen (marks[_i]));
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_nonnull (mark);
  *(guint8 *) strchr ((char *) mark, 'X') = '\0';
  bytes = g_bytes_new (copy, len);
  ck_assert_ptr_null (pl_cert_new (bytes, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "NUL"));
}
END_TEST

START_TEST (cert_with_bytes_after_it_is_refused) /* S1-29, S1-49 */
{
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data (made->der, &len);
  g_autofree guint8 *longer = g_malloc0 (len + 1);
  g_autoptr (GBytes) bytes = NULL;

  memcpy (longer, data, len);
  bytes = g_bytes_new (longer, len + 1);
  ck_assert_ptr_null (pl_cert_new (bytes, NULL));
}
END_TEST

START_TEST (cert_cut_off_or_with_flipped_bits_is_refused_or_read)
{
  TestSpec spec = { .names = { { URI, TEST_URI, -1 }, { MAIL, "alice@example.org", -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data (made->der, &len);

  for (gsize i = 0; i < len; i++)
    {
      g_autoptr (GBytes) cut = g_bytes_new (data, i);
      g_autofree guint8 *flipped = g_memdup2 (data, len);
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (PlCert) cert = NULL;

      ck_assert_ptr_null (pl_cert_new (cut, NULL));
      flipped[i] ^= 1 << (i % 8);
      bytes = g_bytes_new (flipped, len);
      cert = pl_cert_new (bytes, NULL);
      ck_assert (!cert || pl_cert_n_node_ids (cert) > 0);
    }
}
END_TEST

START_TEST (aor_resource_is_that_of_the_vector)
{
  PlResourceId resource;
  g_autofree char *hex = NULL;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);

  pl_aor_resource ("alice@example.org", &resource);
  hex = pl_resource_id_dup_hex (&resource);
  g_checksum_update (sum, (const guchar *) "alice@example.org", -1);
  ck_assert_int_eq (strncmp (hex, g_checksum_get_string (sum), 32), 0);
  ck_assert_uint_eq (strlen (hex), 32);
}
END_TEST

/* --- identities --- */

static void
write_file (const char *path, const char *text, int mode)
{
  ck_assert (g_file_set_contents (path, text, -1, NULL));
  ck_assert_int_eq (g_chmod (path, mode), 0);
}

START_TEST (identity_loads_a_private_key_file_only)
{
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);
  g_autofree char *key = test_cert_dup_key_pem (made);
  g_autofree char *cert = test_cert_dup_pem (made);
  g_autofree char *key_path = g_build_filename (g_get_home_dir (), "a.key", NULL);
  g_autofree char *cert_path = g_build_filename (g_get_home_dir (), "a.crt", NULL);
  g_autoptr (PlIdentity) identity = NULL;
  g_autoptr (GError) error = NULL;

  write_file (key_path, key, 0600);
  write_file (cert_path, cert, 0644);
  identity = pl_identity_load (key_path, cert_path, NULL, &error);
  ck_assert_msg (identity != NULL, "%s", error ? error->message : "");
  for (int i = 0; i < 3; i++)
    {
      static const int modes[] = { 0640, 0604, 0660 };
      g_autoptr (GError) why = NULL;

      ck_assert_int_eq (g_chmod (key_path, modes[i]), 0);
      ck_assert_ptr_null (pl_identity_load (key_path, cert_path, NULL, &why));
      ck_assert (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED));
      ck_assert_ptr_nonnull (strstr (why->message, "chmod 600"));
    }
}
END_TEST

START_TEST (identity_key_with_a_passphrase_opens_with_that_alone) /* S2-91 */
{
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);
  g_autofree char *key = test_cert_dup_key_pem (made);
  g_autofree char *cert = test_cert_dup_pem (made);
  g_autofree char *locked = pl_key_protect (key, "open sesame", NULL);
  g_autofree char *key_path = g_build_filename (g_get_home_dir (), "p.key", NULL);
  g_autofree char *cert_path = g_build_filename (g_get_home_dir (), "p.crt", NULL);
  static const char *const wrong[] = { NULL, "open sesam", "" };
  g_autoptr (PlIdentity) identity = NULL;

  write_file (key_path, locked, 0600);
  write_file (cert_path, cert, 0644);
  ck_assert (pl_key_is_locked (locked) && !pl_key_is_locked (key));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      ck_assert_ptr_null (pl_identity_load (key_path, cert_path, wrong[i], &error));
      ck_assert (g_error_matches (error, PL_KEY_ERROR, i == 0 ? PL_KEY_LOCKED : PL_KEY_WRONG));
    }
  identity = pl_identity_load (key_path, cert_path, "open sesame", NULL);
  ck_assert_ptr_nonnull (identity);
}
END_TEST

START_TEST (identity_key_of_a_token_takes_its_pin_in_the_uri)
{
  static const struct { const char *uri, *pin, *unlocked; } cases[] = {
    { "pkcs11:token=a;object=b\n", "12 &34", "pkcs11:token=a;object=b?pin-value=12%20%2634" },
    { "pkcs11:token=a?module-name=x", "1", "pkcs11:token=a?module-name=x&pin-value=1" },
    { "pkcs11:token=a?pin-source=file:/p", "1", "pkcs11:token=a?pin-source=file:/p" },
    { "pkcs11:token=a", NULL, "pkcs11:token=a" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *unlocked = pl_key_unlock (cases[i].uri, cases[i].pin, NULL);

      ck_assert_str_eq (unlocked, cases[i].unlocked);
      ck_assert_int_eq (pl_key_is_locked (cases[i].uri), strstr (cases[i].uri, "pin-") == NULL);
    }
}
END_TEST

START_TEST (identity_refuses_a_key_of_another_certificate)
{
  TestSpec spec = { .names = { { URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) a = test_cert_new (&spec, NULL);
  g_autoptr (TestCert) b = test_cert_new (&spec, NULL);
  g_autofree char *key = test_cert_dup_key_pem (a);
  g_autofree char *cert = test_cert_dup_pem (b);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pl_identity_new (key, cert, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "not that of the certificate"));
  ck_assert_ptr_null (pl_identity_new ("garbage", cert, NULL));
  ck_assert_ptr_null (pl_identity_new (key, "garbage", NULL));
}
END_TEST

START_TEST (lru_keeps_what_was_used_last)
{
  PlLru *lru = pl_lru_new (3, g_free);
  guint8 key[PL_SHA256_LEN] = { 0 };

  for (guint8 i = 1; i <= 3; i++)
    {
      key[0] = i;
      pl_lru_put (lru, key, g_strdup ("x"));
    }
  key[0] = 1;
  ck_assert_ptr_nonnull (pl_lru_get (lru, key));
  key[0] = 4;
  pl_lru_put (lru, key, g_strdup ("x"));
  pl_lru_put (lru, key, g_strdup ("y"));
  ck_assert_uint_eq (pl_lru_size (lru), 3);
  ck_assert_str_eq (pl_lru_get (lru, key), "y");
  key[0] = 2;
  ck_assert_ptr_null (pl_lru_get (lru, key));
  key[0] = 1;
  ck_assert_ptr_nonnull (pl_lru_get (lru, key));
  pl_lru_free (lru);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("ident/cert");

  tcase_set_timeout (tcase, 60);
  tcase_add_loop_test (tcase, cert_of_the_vectors_has_the_listed_names, 0, 9); /* S0-12, S1-47 */
  tcase_add_loop_test (tcase, cert_with_usual_names_is_read, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tcase, cert_with_strange_names_is_refused, 0, G_N_ELEMENTS (bad));
  tcase_add_loop_test (tcase, cert_with_a_weak_key_is_refused, 0, 3);
  tcase_add_loop_test (tcase, cert_with_a_nul_in_a_name_is_refused, 0, 2); /* 11.3 */
  tcase_add_test (tcase, cert_with_bytes_after_it_is_refused);
  tcase_add_test (tcase, cert_cut_off_or_with_flipped_bits_is_refused_or_read);
  tcase_add_test (tcase, aor_resource_is_that_of_the_vector);
  tcase_add_test (tcase, identity_loads_a_private_key_file_only); /* S1-56, S2-91 */
  tcase_add_test (tcase, identity_refuses_a_key_of_another_certificate);
  tcase_add_test (tcase, identity_key_with_a_passphrase_opens_with_that_alone);
  tcase_add_test (tcase, identity_key_of_a_token_takes_its_pin_in_the_uri);
  tcase_add_test (tcase, lru_keeps_what_was_used_last);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
