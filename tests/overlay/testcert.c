/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/overlay/testcert.h"

#include <string.h>

#define FROM_DEFAULT 1735689600 /* 2025-01-01 */
#define UNTIL_DEFAULT 2051222400 /* 2035-01-01 */

static void
must (int rc)
{
  if (rc < 0)
    g_error ("test certificate: %s", gnutls_strerror (rc));
}

static void
put_names (gnutls_x509_crt_t crt, const TestSpec *spec)
{
  for (guint i = 0; i < G_N_ELEMENTS (spec->names) && spec->names[i].data; i++)
    {
      const TestName *name = &spec->names[i];

      must (gnutls_x509_crt_set_subject_alt_name (crt, name->type, name->data,
                                                  name->len < 0 ? strlen (name->data) : (gsize) name->len,
                                                  GNUTLS_FSAN_APPEND));
    }
}

static void
sign (TestCert *cert, const TestSpec *spec, TestCert *issuer)
{
  gnutls_digest_algorithm_t digest = spec->digest ? spec->digest : GNUTLS_DIG_SHA256;
  gnutls_datum_t der;

  must (gnutls_x509_crt_sign2 (cert->crt, issuer ? issuer->crt : cert->crt, issuer ? issuer->key : cert->key, digest, 0));
  must (gnutls_x509_crt_export2 (cert->crt, GNUTLS_X509_FMT_DER, &der));
  cert->der = g_bytes_new (der.data, der.size);
  gnutls_free (der.data);
}

TestCert *
test_cert_new (const TestSpec *spec, TestCert *issuer)
{
  static guint8 serial = 1;
  TestCert *cert = g_new0 (TestCert, 1);
  g_autofree char *name = g_strdup_printf ("test %u", serial);
  guint bits = spec->bits ? spec->bits : GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1);

  gnutls_x509_privkey_init (&cert->key);
  must (gnutls_x509_privkey_generate (cert->key, spec->pk ? spec->pk : GNUTLS_PK_ECDSA, bits, 0));
  gnutls_x509_crt_init (&cert->crt);
  must (gnutls_x509_crt_set_version (cert->crt, 3));
  must (gnutls_x509_crt_set_key (cert->crt, cert->key));
  must (gnutls_x509_crt_set_serial (cert->crt, &serial, 1));
  serial++;
  must (gnutls_x509_crt_set_dn_by_oid (cert->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, strlen (name)));
  must (gnutls_x509_crt_set_activation_time (cert->crt, spec->from ? spec->from : FROM_DEFAULT));
  must (gnutls_x509_crt_set_expiration_time (cert->crt, spec->until ? spec->until : UNTIL_DEFAULT));
  must (gnutls_x509_crt_set_basic_constraints (cert->crt, spec->ca, -1));
  must (gnutls_x509_crt_set_key_usage (cert->crt, spec->ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE));
  put_names (cert->crt, spec);
  sign (cert, spec, issuer);
  return cert;
}

void
test_cert_free (TestCert *cert)
{
  if (!cert)
    return;
  gnutls_x509_privkey_deinit (cert->key);
  gnutls_x509_crt_deinit (cert->crt);
  g_bytes_unref (cert->der);
  g_free (cert);
}

static char *
take (gnutls_datum_t *datum)
{
  char *text = g_strndup ((const char *) datum->data, datum->size);

  gnutls_free (datum->data);
  return text;
}

char *
test_cert_dup_key_pem (TestCert *cert)
{
  gnutls_datum_t pem;

  must (gnutls_x509_privkey_export2 (cert->key, GNUTLS_X509_FMT_PEM, &pem));
  return take (&pem);
}

char *
test_cert_dup_pem (TestCert *cert)
{
  gnutls_datum_t pem;

  must (gnutls_x509_crt_export2 (cert->crt, GNUTLS_X509_FMT_PEM, &pem));
  return take (&pem);
}
