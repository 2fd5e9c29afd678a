/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Certificates of any shape, also those that no authority of ours would issue.
 */
#pragma once
#include <gio/gio.h>
#include <gnutls/x509.h>

typedef struct { guint type; const char *data; gssize len; /* -1: to the NUL */ } TestName;

typedef struct {
  TestName names[40];           /* until data is NULL */
  gboolean ca;
  gint64 from, until;           /* s since 1970; 0: 2025 and 2035 */
  gnutls_digest_algorithm_t digest; /* 0: SHA-256 */
  gnutls_pk_algorithm_t pk;     /* 0: ECDSA */
  guint bits;                   /* 0: P-256 */
} TestSpec;

typedef struct {
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t crt;
  GBytes *der;
} TestCert;

/* Signed by `issuer`, or by itself when NULL. */
TestCert *test_cert_new (const TestSpec *spec, TestCert *issuer);
void test_cert_free (TestCert *cert);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestCert, test_cert_free)
char *test_cert_dup_key_pem (TestCert *cert);
char *test_cert_dup_pem (TestCert *cert);

#define TEST_NODE "0123456789abcdef0123456789abcdef"
#define TEST_URI "reload://0110" TEST_NODE "@example.org/"
