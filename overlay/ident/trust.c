/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/trust.h"

#include <string.h>

#include "overlay/ident/ident-priv.h"

/* A node meets some hundred others in a day; an entry takes about 2 kB. */
#define CERT_CACHE_MAX 512
#define NODE_INDEX_MAX 1024   /* Node-IDs of them, for cert_hash_node_id */
#define VALUE_CACHE_MAX 4096  /* 100 bytes each */
#define CHAIN_MAX 4           /* certificates between a node's and a root */
#define BUCKET_MAX 64         /* certificates looked at in one security block */

G_DEFINE_QUARK (pl-trust-error-quark, pl_trust_error)

struct PlTrust {
  PlEnv *env;
  char *overlay;
  gnutls_x509_trust_list_t roots;
  GHashTable *bad_nodes;     /* of PlNodeId */
  gboolean self_signed;
  GChecksumType self_signed_digest;
  PlLru *certs;              /* SHA-256 of the DER -> Entry */
  PlLru *nodes;              /* SHA-256 of Node-ID || DER -> PlCert */
  PlLru *values;             /* SHA-256 of input, signature and signer -> anything */
};

/* A certificate whose chain was verified, and when all of that chain is valid. */
typedef struct {
  PlCert *cert;
  gint64 from, until;
} Entry;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  pl_cert_unref (entry->cert);
  g_free (entry);
}

static void
fail (GError **error, PlTrustError code, const char *why)
{
  g_set_error_literal (error, PL_TRUST_ERROR, code, why);
}

/* --- life cycle --- */

PlTrust *
pl_trust_new (PlEnv *env, const char *overlay)
{
  PlTrust *trust = g_new0 (PlTrust, 1);

  trust->env = env;
  trust->overlay = g_strdup (overlay);
  gnutls_x509_trust_list_init (&trust->roots, 0);
  trust->bad_nodes = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, g_free, NULL);
  trust->certs = pl_lru_new (CERT_CACHE_MAX, entry_free);
  trust->nodes = pl_lru_new (NODE_INDEX_MAX, (GDestroyNotify) pl_cert_unref);
  trust->values = pl_lru_new (VALUE_CACHE_MAX, NULL);
  return trust;
}

void
pl_trust_free (PlTrust *trust)
{
  if (!trust)
    return;
  gnutls_x509_trust_list_deinit (trust->roots, 1);
  g_hash_table_unref (trust->bad_nodes);
  pl_lru_free (trust->certs);
  pl_lru_free (trust->nodes);
  pl_lru_free (trust->values);
  g_free (trust->overlay);
  g_free (trust);
}

void
pl_trust_expect (PlTrust *trust, guint nodes)
{
  pl_lru_set_max (trust->certs, MAX (nodes, CERT_CACHE_MAX));
  pl_lru_set_max (trust->nodes, MAX (2 * nodes, NODE_INDEX_MAX));
  pl_lru_set_max (trust->values, MAX (8 * nodes, VALUE_CACHE_MAX));
}

static void
forget (PlTrust *trust)
{
  pl_lru_clear (trust->certs);
  pl_lru_clear (trust->nodes);
  pl_lru_clear (trust->values);
}

PlEnv *
pl_trust_env (PlTrust *trust)
{
  return trust->env;
}

void
pl_trust_replace (PlTrust *trust, PlTrust *from)
{
  PlTrust old = *trust;

  *trust = *from;
  *from = old;
  pl_trust_free (from);
}

gboolean
pl_trust_add_root (PlTrust *trust, GBytes *der, GError **error)
{
  g_auto (gnutls_x509_crt_t) crt = pl_crt_import (der, error);

  if (!crt)
    return FALSE;
  if (gnutls_x509_crt_get_ca_status (crt, NULL) <= 0)
    {
      fail (error, PL_TRUST_ERROR_UNTRUSTED, "the root certificate is not one of a certificate authority");
      return FALSE;
    }
  if (gnutls_x509_trust_list_add_cas (trust->roots, &crt, 1, 0) != 1)
    {
      fail (error, PL_TRUST_ERROR_UNTRUSTED, "cannot add the root certificate");
      return FALSE;
    }
  crt = NULL;
  forget (trust);
  return TRUE;
}

void
pl_trust_set_bad_nodes (PlTrust *trust, const PlNodeId *ids, guint n)
{
  g_hash_table_remove_all (trust->bad_nodes);
  for (guint i = 0; i < n; i++)
    g_hash_table_add (trust->bad_nodes, g_memdup2 (&ids[i], sizeof ids[i]));
}

gboolean
pl_trust_is_bad (PlTrust *trust, const PlNodeId *id)
{
  return g_hash_table_contains (trust->bad_nodes, id);
}

gboolean
pl_trust_has_bad (PlTrust *trust, const PlCert *cert)
{
  for (guint i = 0; i < pl_cert_n_node_ids (cert); i++)
    if (pl_trust_is_bad (trust, pl_cert_node_id (cert, i)))
      return TRUE;
  return FALSE;
}

void
pl_trust_allow_self_signed (PlTrust *trust, GChecksumType digest)
{
  trust->self_signed = TRUE;
  trust->self_signed_digest = digest;
  forget (trust);
}

const char *
pl_trust_overlay (PlTrust *trust)
{
  return trust->overlay;
}

/* --- chain --- */

typedef struct {
  gnutls_x509_crt_t crt[CHAIN_MAX + 1]; /* first the certificate itself */
  guint n;
} Chain;

static void
chain_clear (Chain *chain)
{
  for (guint i = 0; i < chain->n; i++)
    gnutls_x509_crt_deinit (chain->crt[i]);
  chain->n = 0;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Chain, chain_clear)

/* Adds the certificates of `bucket` that lead on from the last one, each its issuer. */
static void
chain_extend (Chain *chain, GPtrArray *bucket)
{
  for (gboolean found = TRUE; found && chain->n <= CHAIN_MAX;)
    {
      found = FALSE;
      for (guint i = 0; i < MIN (bucket->len, BUCKET_MAX) && !found; i++)
        {
          g_auto (gnutls_x509_crt_t) crt = pl_crt_import (g_ptr_array_index (bucket, i), NULL);
          gnutls_x509_crt_t last = chain->crt[chain->n - 1];

          if (!crt || gnutls_x509_crt_equals (crt, last) || !gnutls_x509_crt_check_issuer (last, crt)
              || gnutls_x509_crt_get_ca_status (crt, NULL) <= 0)
            continue;
          chain->crt[chain->n++] = g_steal_pointer (&crt);
          found = TRUE;
        }
    }
}

static void
narrow (Entry *entry, gnutls_x509_crt_t crt)
{
  entry->from = MAX (entry->from, (gint64) gnutls_x509_crt_get_activation_time (crt));
  entry->until = MIN (entry->until, (gint64) gnutls_x509_crt_get_expiration_time (crt));
}

/* Our own clock decides about time, on every use; GnuTLS looks at the rest, BasicConstraints
 * and key usage of the issuers, digests and key sizes. */
#define CHAIN_FLAGS \
  (GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS \
   | GNUTLS_PROFILE_TO_VFLAGS (GNUTLS_PROFILE_MEDIUM))

static gboolean
verify_chain (PlTrust *trust, Chain *chain, Entry *entry)
{
  gnutls_x509_crt_t issuer = NULL;
  unsigned status = 0;

  if (gnutls_x509_trust_list_verify_crt (trust->roots, chain->crt, chain->n, CHAIN_FLAGS, &status, NULL) < 0
      || status != 0)
    return FALSE;
  for (guint i = 0; i < chain->n; i++)
    {
      narrow (entry, chain->crt[i]);
      if (gnutls_x509_trust_list_get_issuer (trust->roots, chain->crt[i], &issuer, 0) < 0)
        continue;
      narrow (entry, issuer);
      return TRUE;
    }
  return FALSE;
}

static gboolean
verify_self_signed (PlTrust *trust, Chain *chain, Entry *entry)
{
  unsigned status = 0;

  if (!trust->self_signed || !gnutls_x509_crt_check_issuer (chain->crt[0], chain->crt[0]))
    return FALSE;
  if (gnutls_x509_crt_verify (chain->crt[0], &chain->crt[0], 1,
                              CHAIN_FLAGS | GNUTLS_VERIFY_DISABLE_CA_SIGN, &status) < 0
      || status != 0)
    return FALSE;
  narrow (entry, chain->crt[0]);
  return pl_cert_node_ids_are_of_key (entry->cert, trust->self_signed_digest);
}

static Entry *
verify_cert (PlTrust *trust, PlCert *cert, GPtrArray *bucket, GError **error)
{
  g_auto (Chain) chain = { 0 };
  Entry *entry;

  chain.crt[0] = pl_crt_import (pl_cert_der (cert), error);
  if (!chain.crt[0])
    return NULL;
  chain.n = 1;
  if (bucket)
    chain_extend (&chain, bucket);
  entry = g_new0 (Entry, 1);
  entry->cert = pl_cert_ref (cert);
  entry->from = G_MININT64;
  entry->until = G_MAXINT64;
  if (verify_chain (trust, &chain, entry) || verify_self_signed (trust, &chain, entry))
    return entry;
  entry_free (entry);
  fail (error, PL_TRUST_ERROR_UNTRUSTED, "the certificate was not issued by the overlay's authority");
  return NULL;
}

/* --- checks of every use --- */

static gboolean
check_time (PlTrust *trust, const Entry *entry, GError **error)
{
  gint64 now = pl_env_wall (trust->env) / PL_USEC_PER_SEC;
  g_autoptr (GDateTime) when = NULL;
  g_autofree char *text = NULL;

  if (now >= entry->from && now <= entry->until)
    return TRUE;
  when = g_date_time_new_from_unix_utc (now < entry->from ? entry->from : entry->until);
  text = when ? g_date_time_format (when, "%Y-%m-%dT%H:%M:%SZ") : g_strdup ("?");
  if (now < entry->from)
    g_set_error (error, PL_TRUST_ERROR, PL_TRUST_ERROR_EXPIRED,
                 "the certificate is not valid before %s: is this machine's clock right?", text);
  else
    g_set_error (error, PL_TRUST_ERROR, PL_TRUST_ERROR_EXPIRED, "the certificate expired at %s", text);
  return FALSE;
}

static gboolean
check_use (PlTrust *trust, const Entry *entry, GError **error)
{
  PlCert *cert = entry->cert;

  if (g_ascii_strcasecmp (pl_cert_overlay (cert), trust->overlay) != 0)
    {
      g_set_error (error, PL_TRUST_ERROR, PL_TRUST_ERROR_OVERLAY, "the certificate is for overlay %s, not %s",
                   pl_cert_overlay (cert), trust->overlay);
      return FALSE;
    }
  if (pl_trust_has_bad (trust, cert))
    {
      fail (error, PL_TRUST_ERROR_BAD_NODE, "the overlay's configuration lists the node as bad");
      return FALSE;
    }
  return check_time (trust, entry, error);
}

static void
remember (PlTrust *trust, Entry *entry)
{
  PlCert *cert = entry->cert;

  pl_lru_put (trust->certs, pl_cert_fingerprint (cert), entry);
  for (guint i = 0; i < pl_cert_n_node_ids (cert); i++)
    {
      guint8 key[PL_SHA256_LEN];

      pl_cert_node_fingerprint (cert, pl_cert_node_id (cert, i), key);
      pl_lru_put (trust->nodes, key, pl_cert_ref (cert));
    }
}

static gboolean
check_cert (PlTrust *trust, PlCert *cert, GPtrArray *bucket, GError **error)
{
  Entry *entry = pl_lru_get (trust->certs, pl_cert_fingerprint (cert));

  if (!entry)
    {
      entry = verify_cert (trust, cert, bucket, error);
      if (!entry)
        return FALSE;
      remember (trust, entry);
    }
  return check_use (trust, entry, error);
}

gboolean
pl_trust_check_cert (PlTrust *trust, PlCert *cert, GError **error)
{
  return check_cert (trust, cert, NULL, error);
}

PlCert *
pl_trust_check_der (PlTrust *trust, GBytes *der, GPtrArray *chain, GError **error)
{
  guint8 key[PL_SHA256_LEN];
  Entry *entry;
  g_autoptr (PlCert) cert = NULL;

  pl_sha256 (g_bytes_get_data (der, NULL), g_bytes_get_size (der), key);
  entry = pl_lru_get (trust->certs, key);
  if (entry)
    cert = pl_cert_ref (entry->cert);
  else
    cert = pl_cert_new (der, error);
  return cert && check_cert (trust, cert, chain, error) ? g_steal_pointer (&cert) : NULL;
}

/* --- signers --- */

static gboolean
names_by_node (PlCert *cert, const guint8 *hash)
{
  for (guint i = 0; i < pl_cert_n_node_ids (cert); i++)
    {
      guint8 digest[PL_SHA256_LEN];

      pl_cert_node_fingerprint (cert, pl_cert_node_id (cert, i), digest);
      if (memcmp (digest, hash, sizeof digest) == 0)
        return TRUE;
    }
  return FALSE;
}

/* Own reference. What is no certificate of ours in the bucket is passed over. */
static PlCert *
find_in_bucket (GPtrArray *bucket, const PlSignerIdentity *identity, const guint8 *hash)
{
  for (guint i = 0; i < MIN (bucket->len, BUCKET_MAX); i++)
    {
      GBytes *der = g_ptr_array_index (bucket, i);
      g_autoptr (PlCert) cert = NULL;
      guint8 digest[PL_SHA256_LEN];

      pl_sha256 (g_bytes_get_data (der, NULL), g_bytes_get_size (der), digest);
      if (identity->type == PL_SIGNER_CERT_HASH && memcmp (digest, hash, sizeof digest) != 0)
        continue;
      cert = pl_cert_new (der, NULL);
      if (cert && (identity->type == PL_SIGNER_CERT_HASH || names_by_node (cert, hash)))
        return g_steal_pointer (&cert);
    }
  return NULL;
}

static PlCert *
find_remembered (PlTrust *trust, const PlSignerIdentity *identity, const guint8 *hash)
{
  Entry *entry;
  PlCert *cert;

  if (identity->type == PL_SIGNER_CERT_HASH)
    {
      entry = pl_lru_get (trust->certs, hash);
      return entry ? pl_cert_ref (entry->cert) : NULL;
    }
  cert = pl_lru_get (trust->nodes, hash);
  return cert ? pl_cert_ref (cert) : NULL;
}

/* The digest that names the signer; NULL for what we don't take. */
static const guint8 *
signer_hash (const PlSignerIdentity *identity)
{
  if (identity->type != PL_SIGNER_CERT_HASH && identity->type != PL_SIGNER_CERT_HASH_NODE_ID)
    return NULL;
  if (identity->hash_alg != PL_HASH_SHA256 || !identity->hash || g_bytes_get_size (identity->hash) != PL_SHA256_LEN)
    return NULL;
  return g_bytes_get_data (identity->hash, NULL);
}

/* Which of the certificate's Node-IDs signed. cert_hash says nothing about it when there are
 * several, so it does not do then (6.3.4). */
static gboolean
find_node (PlCert *cert, const PlSignerIdentity *identity, PlNodeId *node)
{
  const guint8 *hash = signer_hash (identity);

  if (identity->type == PL_SIGNER_CERT_HASH)
    {
      *node = *pl_cert_node_id (cert, 0);
      return pl_cert_n_node_ids (cert) == 1;
    }
  for (guint i = 0; i < pl_cert_n_node_ids (cert); i++)
    {
      guint8 digest[PL_SHA256_LEN];

      *node = *pl_cert_node_id (cert, i);
      pl_cert_node_fingerprint (cert, node, digest);
      if (memcmp (digest, hash, sizeof digest) == 0)
        return TRUE;
    }
  return FALSE;
}

/* The certificate that `signature` names, checked; own reference. */
static PlCert *
check_signer (PlTrust *trust, GPtrArray *bucket, const PlSignature *signature, PlNodeId *node, GError **error)
{
  const guint8 *hash = signer_hash (&signature->identity);
  g_autoptr (PlCert) cert = NULL;

  if (!hash || signature->hash_alg != PL_HASH_SHA256
      || (signature->sign_alg != PL_SIGN_RSA && signature->sign_alg != PL_SIGN_ECDSA))
    {
      fail (error, PL_TRUST_ERROR_ALGORITHM, "it is not signed, or with something else than SHA-256 and RSA or ECDSA");
      return NULL;
    }
  cert = find_remembered (trust, &signature->identity, hash);
  if (!cert && bucket)
    cert = find_in_bucket (bucket, &signature->identity, hash);
  if (!cert)
    {
      fail (error, PL_TRUST_ERROR_SIGNER, "the signer's certificate is not at hand");
      return NULL;
    }
  if (!check_cert (trust, cert, bucket, error))
    return NULL;
  if (!find_node (cert, &signature->identity, node))
    {
      fail (error, PL_TRUST_ERROR_SIGNER, "the certificate has several Node-IDs and none is named as the signer's");
      return NULL;
    }
  return g_steal_pointer (&cert);
}

static gboolean
verify_input (PlCert *cert, GBytes *input, const PlSignature *signature)
{
  gsize len, value_len = 0;
  const guint8 *data = g_bytes_get_data (input, &len);
  const guint8 *value = signature->value ? g_bytes_get_data (signature->value, &value_len) : NULL;
  gnutls_datum_t in = { (guint8 *) data, len }, sig = { (guint8 *) value, value_len };

  if (value_len == 0 || pl_pubkey_sign_alg (pl_cert_pubkey (cert)) != signature->sign_alg)
    return FALSE;
  return gnutls_pubkey_verify_data2 (pl_cert_pubkey (cert), pl_sign_algorithm (signature->sign_alg), 0, &in, &sig) >= 0;
}

static PlCert *
finish (PlCert *cert, gboolean good, const PlNodeId *node, PlNodeId *signer, GError **error)
{
  if (!good)
    {
      pl_cert_unref (cert);
      fail (error, PL_TRUST_ERROR_SIGNATURE, "the signature is wrong");
      return NULL;
    }
  if (signer)
    *signer = *node;
  return cert;
}

/* --- public: signatures --- */

PlCert *
pl_trust_verify_message (PlTrust *trust, GPtrArray *certs, guint32 overlay, guint64 transaction_id,
                         const guint8 *contents, gsize len, const PlSignature *signature, PlNodeId *signer,
                         GError **error)
{
  g_autoptr (GBytes) input = NULL;
  PlNodeId node;
  PlCert *cert = check_signer (trust, certs, signature, &node, error);

  if (!cert)
    return NULL;
  input = pl_message_signature_input (overlay, transaction_id, contents, len, &signature->identity);
  return finish (cert, verify_input (cert, input, signature), &node, signer, error);
}

static void
value_key (PlCert *cert, GBytes *input, const PlSignature *signature, guint8 *key)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize len = PL_SHA256_LEN;
  guint8 algorithm[2] = { signature->hash_alg, signature->sign_alg };

  g_checksum_update (sum, pl_cert_fingerprint (cert), PL_SHA256_LEN);
  g_checksum_update (sum, algorithm, sizeof algorithm);
  if (signature->value)
    {
      guint8 digest[PL_SHA256_LEN];

      pl_sha256 (g_bytes_get_data (signature->value, NULL), g_bytes_get_size (signature->value), digest);
      g_checksum_update (sum, digest, sizeof digest);
    }
  g_checksum_update (sum, g_bytes_get_data (input, NULL), g_bytes_get_size (input));
  g_checksum_get_digest (sum, key, &len);
}

static gboolean
verify_value_input (PlTrust *trust, PlCert *cert, GBytes *input, const PlSignature *signature)
{
  guint8 key[PL_SHA256_LEN];

  value_key (cert, input, signature, key);
  if (pl_lru_get (trust->values, key))
    return TRUE;
  if (!verify_input (cert, input, signature))
    return FALSE;
  pl_lru_put (trust->values, key, GINT_TO_POINTER (1));
  return TRUE;
}

PlCert *
pl_trust_verify_value (PlTrust *trust, GPtrArray *certs, const PlResourceId *resource, guint32 kind,
                       const PlStoredData *data, PlNodeId *signer, GError **error)
{
  const PlSignature *signature = &data->signature;
  g_autoptr (GBytes) input = NULL;
  PlNodeId node;
  PlCert *cert = check_signer (trust, certs, signature, &node, error);
  gboolean good;

  if (!cert)
    return NULL;
  input = pl_value_signature_input (resource, kind, data, &signature->identity, FALSE);
  good = verify_value_input (trust, cert, input, signature);
  if (!good && data->value.model == PL_DATA_ARRAY)
    {
      g_autoptr (GBytes) appended = pl_value_signature_input (resource, kind, data, &signature->identity, TRUE);

      good = verify_value_input (trust, cert, appended, signature);
    }
  return finish (cert, good, &node, signer, error);
}

PlCert *
pl_trust_verify_bytes (PlTrust *trust, GPtrArray *certs, const guint8 *input, gsize len,
                       const PlSignature *signature, PlNodeId *signer, GError **error)
{
  g_auto (PlWriter) writer = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  PlNodeId node;
  PlCert *cert = check_signer (trust, certs, signature, &node, error);

  if (!cert)
    return NULL;
  pl_writer_init (&writer);
  pl_writer_raw (&writer, input, len);
  pl_signer_identity_write (&writer, &signature->identity);
  bytes = pl_writer_finish (&writer);
  return finish (cert, bytes && verify_input (cert, bytes, signature), &node, signer, error);
}

PlCert *
pl_trust_ref_signer (PlTrust *trust, const PlSignature *signature)
{
  const guint8 *hash = signer_hash (&signature->identity);

  return hash ? find_remembered (trust, &signature->identity, hash) : NULL;
}
