/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/stub.h"

#include <gnutls/abstract.h>
#include <string.h>
#include <time.h>

#include "proxy/sim/keys.h"

#define DIGEST_LEN 32
#define STUB_LEN 71             /* of most P-256 signatures in DER */

int __real_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                      const gnutls_datum_t *data, gnutls_datum_t *signature);
int __wrap_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                      const gnutls_datum_t *data, gnutls_datum_t *signature);
int __real_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                       const gnutls_datum_t *data, const gnutls_datum_t *signature);
int __wrap_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                       const gnutls_datum_t *data, const gnutls_datum_t *signature);

static struct {
  gboolean stub;
  PlSimCharge charge;
  gpointer user;
} state;

void
pl_sim_stub_start (gboolean stub, PlSimCharge charge, gpointer user)
{
  state.stub = stub;
  state.charge = charge;
  state.user = user;
}

static void
charge (gint64 usec)
{
  if (state.charge)
    state.charge (state.user, usec);
}

/* Takes x and y. */
static void
stub_signature (gnutls_datum_t *x, gnutls_datum_t *y, const gnutls_datum_t *data, guint8 *out)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[DIGEST_LEN];
  gsize len = sizeof digest;

  g_checksum_update (sum, x->data, x->size);
  g_checksum_update (sum, y->data, y->size);
  g_checksum_update (sum, data->data, data->size);
  g_checksum_get_digest (sum, digest, &len);
  for (gsize at = 0; at < STUB_LEN; at++)
    out[at] = digest[at % DIGEST_LEN];
  gnutls_free (x->data);
  gnutls_free (y->data);
}

int
__wrap_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                  const gnutls_datum_t *data, gnutls_datum_t *signature)
{
  gnutls_datum_t x, y, k;

  charge (PL_SIM_SIGN_USEC);
  if (!state.stub || gnutls_privkey_export_ecc_raw2 (key, NULL, &x, &y, &k, 0) < 0)
    return __real_gnutls_privkey_sign_data2 (key, algorithm, flags, data, signature);
  gnutls_free (k.data);
  signature->data = gnutls_malloc (STUB_LEN);
  signature->size = STUB_LEN;
  stub_signature (&x, &y, data, signature->data);
  return 0;
}

int
__wrap_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                   const gnutls_datum_t *data, const gnutls_datum_t *signature)
{
  gnutls_datum_t x, y;
  guint8 expected[STUB_LEN];

  charge (PL_SIM_VERIFY_USEC);
  if (!state.stub || gnutls_pubkey_export_ecc_raw2 (key, NULL, &x, &y, 0) < 0)
    return __real_gnutls_pubkey_verify_data2 (key, algorithm, flags, data, signature);
  stub_signature (&x, &y, data, expected);
  return signature->size == STUB_LEN && memcmp (signature->data, expected, STUB_LEN) == 0
           ? 0 : GNUTLS_E_PK_SIG_VERIFY_FAILED;
}

gint64
pl_sim_cpu_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gboolean
pl_sim_measure (guint times, gsize len, double *sign, double *verify)
{
  gnutls_datum_t pem = { (guint8 *) pl_sim_keys[0], strlen (pl_sim_keys[0]) };
  g_autofree guint8 *bytes = g_malloc0 (len);
  gnutls_datum_t data = { bytes, len }, signature = { NULL, 0 };
  gnutls_privkey_t key;
  gnutls_pubkey_t public;
  gboolean good = TRUE;
  gint64 began;

  gnutls_privkey_init (&key);
  gnutls_pubkey_init (&public);
  good = gnutls_privkey_import_x509_raw (key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0) >= 0
         && gnutls_pubkey_import_privkey (public, key, 0, 0) >= 0;
  began = pl_sim_cpu_time ();
  for (guint i = 0; good && i < times; i++)
    {
      gnutls_free (signature.data);
      good = __real_gnutls_privkey_sign_data2 (key, GNUTLS_SIGN_ECDSA_SHA256, GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE, &data, &signature) >= 0;
    }
  *sign = (double) (pl_sim_cpu_time () - began) / times;
  began = pl_sim_cpu_time ();
  for (guint i = 0; good && i < times; i++)
    good = __real_gnutls_pubkey_verify_data2 (public, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &signature) >= 0;
  *verify = (double) (pl_sim_cpu_time () - began) / times;
  gnutls_free (signature.data);
  gnutls_pubkey_deinit (public);
  gnutls_privkey_deinit (key);
  return good;
}
