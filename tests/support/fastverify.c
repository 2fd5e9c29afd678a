/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For scenarios with thousands of messages: a signature that this very process made over these
 * bytes with this key is known to be good and not calculated again; everything else, a changed
 * bit above all, goes to GnuTLS. Signing is real. PL_TEST_REAL_VERIFY in the environment turns
 * it off. Linked with -Wl,--wrap for the functions below.
 */
#include "config.h"

#include <glib.h>
#include <gnutls/abstract.h>

#define DIGEST_LEN 32
#define MADE_MAX 65536

int __real_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                      const gnutls_datum_t *data, gnutls_datum_t *signature);
int __wrap_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                      const gnutls_datum_t *data, gnutls_datum_t *signature);
int __real_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                       const gnutls_datum_t *data, const gnutls_datum_t *signature);
int __wrap_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                       const gnutls_datum_t *data, const gnutls_datum_t *signature);

static GHashTable *made; /* set of digests */

static void
add (GChecksum *sum, const gnutls_datum_t *datum)
{
  guint32 len = datum->size;

  g_checksum_update (sum, (const guchar *) &len, sizeof len);
  g_checksum_update (sum, datum->data, datum->size);
}

/* Of the public point, the bytes and the signature; NULL for other kinds of keys. */
static GBytes *
digest_of (const gnutls_datum_t *x, const gnutls_datum_t *y, const gnutls_datum_t *data, const gnutls_datum_t *signature)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[DIGEST_LEN];
  gsize len = sizeof digest;

  add (sum, x);
  add (sum, y);
  add (sum, data);
  add (sum, signature);
  g_checksum_get_digest (sum, digest, &len);
  return g_bytes_new (digest, len);
}

int
__wrap_gnutls_privkey_sign_data2 (gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                  const gnutls_datum_t *data, gnutls_datum_t *signature)
{
  int rc = __real_gnutls_privkey_sign_data2 (key, algorithm, flags, data, signature);
  gnutls_datum_t x, y, k;

  if (rc < 0 || gnutls_privkey_export_ecc_raw2 (key, NULL, &x, &y, &k, 0) < 0)
    return rc;
  if (!made)
    made = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  if (g_hash_table_size (made) >= MADE_MAX)
    g_hash_table_remove_all (made);
  g_hash_table_add (made, digest_of (&x, &y, data, signature));
  gnutls_free (x.data);
  gnutls_free (y.data);
  gnutls_free (k.data);
  return rc;
}

int
__wrap_gnutls_pubkey_verify_data2 (gnutls_pubkey_t key, gnutls_sign_algorithm_t algorithm, unsigned flags,
                                   const gnutls_datum_t *data, const gnutls_datum_t *signature)
{
  gnutls_datum_t x, y;
  gboolean known = FALSE;

  if (made && !g_getenv ("PL_TEST_REAL_VERIFY") && gnutls_pubkey_export_ecc_raw2 (key, NULL, &x, &y, 0) >= 0)
    {
      g_autoptr (GBytes) digest = digest_of (&x, &y, data, signature);

      known = g_hash_table_contains (made, digest);
      gnutls_free (x.data);
      gnutls_free (y.data);
    }
  return known ? 0 : __real_gnutls_pubkey_verify_data2 (key, algorithm, flags, data, signature);
}
