/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/dtls/seal.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

typedef struct api_aead_cipher_hd_st AeadCipher;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AeadCipher, gnutls_aead_cipher_deinit)

static AeadCipher *
cipher_new (const guint8 *key)
{
  gnutls_datum_t datum = { (unsigned char *) key, PL_SEAL_KEY_LEN };
  gnutls_aead_cipher_hd_t cipher;

  if (gnutls_aead_cipher_init (&cipher, GNUTLS_CIPHER_AES_256_GCM, &datum) < 0)
    return NULL;
  return cipher;
}

GBytes *
pl_seal (const guint8 *key, const guint8 *nonce, const void *data, gsize len, const void *ad, gsize ad_len)
{
  g_autoptr (AeadCipher) cipher = cipher_new (key);
  size_t size = len + PL_SEAL_TAG_LEN;
  g_autofree guint8 *out = g_malloc (size);

  if (!cipher
      || gnutls_aead_cipher_encrypt (cipher, nonce, PL_SEAL_NONCE_LEN, ad, ad_len, PL_SEAL_TAG_LEN, data, len, out,
                                     &size) < 0)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&out), size);
}

GBytes *
pl_seal_open (const guint8 *key, const guint8 *nonce, const void *data, gsize len, const void *ad, gsize ad_len)
{
  g_autoptr (AeadCipher) cipher = NULL;
  size_t size = len;
  g_autofree guint8 *out = NULL;

  if (len < PL_SEAL_TAG_LEN)
    return NULL;
  cipher = cipher_new (key);
  out = g_malloc (len);
  if (!cipher
      || gnutls_aead_cipher_decrypt (cipher, nonce, PL_SEAL_NONCE_LEN, ad, ad_len, PL_SEAL_TAG_LEN, data, len, out,
                                     &size) < 0)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&out), size);
}
