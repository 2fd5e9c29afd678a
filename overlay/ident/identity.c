/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/identity.h"

#include <string.h>

#include "base/file.h"
#include "base/secret.h"
#include "overlay/ident/ident-priv.h"
#include "overlay/ident/key.h"

typedef struct {
  gatomicrefcount refs;
  gnutls_privkey_t handle;
} Key;

struct PlIdentity {
  gatomicrefcount refs;
  Key *key;
  PlCert *cert;
  guint node;              /* which of its Node-IDs */
  GPtrArray *retired;      /* PlCert, those before it; NULL: none */
};

static void
key_unref (Key *key)
{
  if (!key || !g_atomic_ref_count_dec (&key->refs))
    return;
  g_clear_pointer (&key->handle, gnutls_privkey_deinit);
  g_free (key);
}

static gboolean
refuse (GError **error, const char *what, int rc)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s%s%s", what, rc < 0 ? ": " : "",
               rc < 0 ? gnutls_strerror (rc) : "");
  return FALSE;
}

/* --- loading --- */

static gboolean
take_key (PlIdentity *identity, const char *text, GError **error)
{
  gpointer handle = pl_key_import (text, error);

  if (!handle)
    return FALSE;
  identity->key = g_new0 (Key, 1);
  g_atomic_ref_count_init (&identity->key->refs);
  identity->key->handle = handle;
  return TRUE;
}

static gboolean
take_cert (PlIdentity *identity, const char *pem, GError **error)
{
  identity->cert = pl_cert_new_from_pem (pem, error);
  if (identity->cert)
    identity->node = pl_cert_device (identity->cert);
  return identity->cert != NULL;
}

static gboolean
check_pair (PlIdentity *identity, GError **error)
{
  g_auto (gnutls_pubkey_t) own = NULL;
  guint8 a[64], b[64];
  size_t a_len = sizeof a, b_len = sizeof b;
  int rc;

  gnutls_pubkey_init (&own);
  rc = gnutls_pubkey_import_privkey (own, identity->key->handle, 0, 0);
  if (rc < 0)
    return refuse (error, "cannot use the private key", rc);
  if (gnutls_pubkey_get_key_id (own, GNUTLS_KEYID_USE_SHA256, a, &a_len) < 0
      || gnutls_pubkey_get_key_id (pl_cert_pubkey (identity->cert), GNUTLS_KEYID_USE_SHA256, b, &b_len) < 0
      || a_len != b_len || memcmp (a, b, a_len) != 0)
    return refuse (error, "the private key is not that of the certificate", 0);
  return TRUE;
}

PlIdentity *
pl_identity_new (const char *key, const char *cert_pem, GError **error)
{
  g_autoptr (PlIdentity) identity = g_new0 (PlIdentity, 1);

  g_atomic_ref_count_init (&identity->refs);
  if (!take_key (identity, key, error) || !take_cert (identity, cert_pem, error)
      || !check_pair (identity, error))
    return NULL;
  return g_steal_pointer (&identity);
}

PlIdentity *
pl_identity_with_cert (PlIdentity *other, const char *cert_pem, GError **error)
{
  g_autoptr (PlIdentity) identity = g_new0 (PlIdentity, 1);

  g_atomic_ref_count_init (&identity->refs);
  g_atomic_ref_count_inc (&other->key->refs);
  identity->key = other->key;
  if (!take_cert (identity, cert_pem, error) || !check_pair (identity, error))
    return NULL;
  return g_steal_pointer (&identity);
}

PlIdentity *
pl_identity_with_node_id (PlIdentity *other, const PlNodeId *id)
{
  PlIdentity *identity;
  guint node = 0;

  if (!pl_cert_has_node_id (other->cert, id))
    return NULL;
  while (!pl_node_id_equal (pl_cert_node_id (other->cert, node), id))
    node++;
  identity = g_new0 (PlIdentity, 1);
  g_atomic_ref_count_init (&identity->refs);
  g_atomic_ref_count_inc (&other->key->refs);
  identity->key = other->key;
  identity->cert = pl_cert_ref (other->cert);
  identity->node = node;
  return identity;
}

gboolean
pl_identity_renew (PlIdentity *identity, PlIdentity *renewed)
{
  const PlNodeId *id = pl_identity_node_id (identity);
  PlIdentity pair = { .key = identity->key, .cert = renewed->cert };
  guint node = 0;

  if (!check_pair (&pair, NULL) || !pl_cert_has_node_id (renewed->cert, id)
      || g_strcmp0 (pl_cert_aor (renewed->cert), pl_cert_aor (identity->cert)) != 0
      || g_strcmp0 (pl_cert_overlay (renewed->cert), pl_cert_overlay (identity->cert)) != 0)
    return FALSE;
  while (!pl_node_id_equal (pl_cert_node_id (renewed->cert, node), id))
    node++;
  if (!identity->retired)
    identity->retired = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_cert_unref);
  g_ptr_array_add (identity->retired, identity->cert);
  identity->cert = pl_cert_ref (renewed->cert);
  identity->node = node;
  return TRUE;
}

PlIdentity *
pl_identity_load (const char *key_path, const char *cert_path, const char *passphrase, GError **error)
{
  g_autoptr (GBytes) key = pl_file_read_private (key_path, PL_KEY_TEXT_MAX, error);
  g_autoptr (GBytes) cert = key ? pl_file_read (cert_path, PL_KEY_TEXT_MAX, error) : NULL;
  g_autofree char *cert_text = NULL;
  char *key_text, *unlocked;
  PlIdentity *identity;

  if (!cert)
    return NULL;
  key_text = g_strndup (g_bytes_get_data (key, NULL), g_bytes_get_size (key));
  cert_text = g_strndup (g_bytes_get_data (cert, NULL), g_bytes_get_size (cert));
  unlocked = pl_key_unlock (key_text, passphrase, error);
  identity = unlocked ? pl_identity_new (unlocked, cert_text, error) : NULL;
  if (!identity)
    g_prefix_error (error, "%s, %s: ", key_path, cert_path);
  pl_wipe_text (unlocked);
  pl_wipe_text (key_text);
  /* The only reference: nobody else sees the bytes change. */
  pl_wipe ((guint8 *) g_bytes_get_data (key, NULL), g_bytes_get_size (key));
  return identity;
}

/* --- life cycle --- */

PlIdentity *
pl_identity_ref (PlIdentity *identity)
{
  g_atomic_ref_count_inc (&identity->refs);
  return identity;
}

void
pl_identity_unref (PlIdentity *identity)
{
  if (!identity || !g_atomic_ref_count_dec (&identity->refs))
    return;
  key_unref (identity->key);
  pl_cert_unref (identity->cert);
  g_clear_pointer (&identity->retired, g_ptr_array_unref);
  g_free (identity);
}

PlCert *
pl_identity_cert (PlIdentity *identity)
{
  return identity->cert;
}

const PlNodeId *
pl_identity_node_id (PlIdentity *identity)
{
  return pl_cert_node_id (identity->cert, identity->node);
}

gpointer
pl_identity_gnutls_key (PlIdentity *identity)
{
  return identity->key->handle;
}

/* --- signing --- */

/* cert_hash when the certificate has one Node-ID, cert_hash_node_id when it has more
 * (6.3.4; 7.3 says cert_hash for both, the latter is meant). */
static void
fill_signature (PlIdentity *identity, PlSignature *signature)
{
  guint8 hash[PL_SHA256_LEN];

  memset (signature, 0, sizeof *signature);
  signature->hash_alg = PL_HASH_SHA256;
  signature->sign_alg = pl_pubkey_sign_alg (pl_cert_pubkey (identity->cert));
  signature->identity.hash_alg = PL_HASH_SHA256;
  if (pl_cert_n_node_ids (identity->cert) == 1)
    {
      signature->identity.type = PL_SIGNER_CERT_HASH;
      memcpy (hash, pl_cert_fingerprint (identity->cert), sizeof hash);
    }
  else
    {
      signature->identity.type = PL_SIGNER_CERT_HASH_NODE_ID;
      pl_cert_node_fingerprint (identity->cert, pl_identity_node_id (identity), hash);
    }
  signature->identity.hash = g_bytes_new (hash, sizeof hash);
}

static gboolean
sign (PlIdentity *identity, GBytes *input, PlSignature *signature, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (input, &len);
  gnutls_datum_t datum = { (guint8 *) data, len }, value = { NULL, 0 };
  /* Nonces from key and data (RFC 6979): a bad random source cannot give the key away, and
   * the simulator repeats itself. */
  gboolean software = gnutls_privkey_get_type (identity->key->handle) == GNUTLS_PRIVKEY_X509; /* a token has its own */
  unsigned flags = software && signature->sign_alg == PL_SIGN_ECDSA ? GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE : 0;
  int rc = gnutls_privkey_sign_data2 (identity->key->handle, pl_sign_algorithm (signature->sign_alg), flags, &datum, &value);

  if (rc < 0)
    {
      pl_signature_clear (signature);
      return refuse (error, "cannot sign", rc);
    }
  signature->value = g_bytes_new (value.data, value.size);
  gnutls_free (value.data);
  return TRUE;
}

gboolean
pl_identity_sign_message (PlIdentity *identity, guint32 overlay, guint64 transaction_id, const guint8 *contents,
                          gsize len, PlSignature *signature, GError **error)
{
  g_autoptr (GBytes) input = NULL;

  fill_signature (identity, signature);
  input = pl_message_signature_input (overlay, transaction_id, contents, len, &signature->identity);
  return sign (identity, input, signature, error);
}

gboolean
pl_identity_sign_value (PlIdentity *identity, const PlResourceId *resource, guint32 kind, PlStoredData *data,
                        GError **error)
{
  g_autoptr (GBytes) input = NULL;

  pl_signature_clear (&data->signature);
  fill_signature (identity, &data->signature);
  input = pl_value_signature_input (resource, kind, data, &data->signature.identity, FALSE);
  return sign (identity, input, &data->signature, error);
}

gboolean
pl_identity_sign_bytes (PlIdentity *identity, const guint8 *input, gsize len, PlSignature *signature, GError **error)
{
  g_auto (PlWriter) writer = { 0 };
  g_autoptr (GBytes) bytes = NULL;

  fill_signature (identity, signature);
  pl_writer_init (&writer);
  pl_writer_raw (&writer, input, len);
  pl_signer_identity_write (&writer, &signature->identity);
  bytes = pl_writer_finish (&writer);
  return sign (identity, bytes, signature, error);
}
