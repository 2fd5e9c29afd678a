/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/cert.h"

#include <string.h>

#include "base/aor.h"
#include "base/hex.h"
#include "overlay/ident/ident-priv.h"

#define SAN_MAX 32               /* names in one certificate */
#define SAN_LEN_MAX 1024         /* bytes in one name */
#define URI_SCHEME "reload://"
#define DESTINATION_NODE "0110"  /* type node(1), 16 bytes (6.3.2.2, 14.15) */
#define OVERLAY_NAME_MAX 253

struct PlCert {
  gatomicrefcount refs;
  GBytes *der;
  gnutls_pubkey_t key;
  char *overlay, *aor;
  GArray *node_ids; /* of PlNodeId */
  gint64 not_before, not_after;
  guint8 fingerprint[PL_SHA256_LEN];
};

void
pl_sha256 (const void *data, gsize len, guint8 *out)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize out_len = PL_SHA256_LEN;

  g_checksum_update (sum, data, len);
  g_checksum_get_digest (sum, out, &out_len);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot use the certificate: %s", why);
  return FALSE;
}

/* DER is one SEQUENCE and nothing after it: the hash that names a certificate is over all
 * the bytes, so a tail would give one certificate many names. */
static gboolean
is_one_sequence (const guint8 *data, gsize len)
{
  gsize n = 0, octets;

  if (len < 2 || data[0] != 0x30)
    return FALSE;
  if (data[1] < 0x80)
    return data[1] == len - 2;
  octets = data[1] & 0x7f;
  if (octets == 0 || octets > 3 || len - 2 < octets)
    return FALSE;
  for (gsize i = 0; i < octets; i++)
    n = n << 8 | data[2 + i];
  return n == len - 2 - octets;
}

gnutls_x509_crt_t
pl_crt_import (GBytes *der, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (der, &len);
  gnutls_datum_t datum = { (guint8 *) data, len };
  gnutls_x509_crt_t crt = NULL;
  int rc;

  if (len > PL_CERT_MAX || !is_one_sequence (data, len))
    {
      refuse (error, len > PL_CERT_MAX ? "too large" : "no DER");
      return NULL;
    }
  gnutls_x509_crt_init (&crt);
  rc = gnutls_x509_crt_import (crt, &datum, GNUTLS_X509_FMT_DER);
  if (rc >= 0)
    return crt;
  gnutls_x509_crt_deinit (crt);
  refuse (error, gnutls_strerror (rc));
  return NULL;
}

guint8
pl_pubkey_sign_alg (gnutls_pubkey_t key)
{
  unsigned bits = 0;
  gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;

  switch (gnutls_pubkey_get_pk_algorithm (key, &bits))
    {
    case GNUTLS_PK_RSA:
      return bits >= PL_RSA_BITS_MIN ? PL_SIGN_RSA : 0;
    case GNUTLS_PK_ECDSA:
      if (gnutls_pubkey_export_ecc_raw2 (key, &curve, NULL, NULL, 0) < 0)
        return 0;
      return curve == GNUTLS_ECC_CURVE_SECP256R1 ? PL_SIGN_ECDSA : 0;
    default:
      return 0;
    }
}

gnutls_sign_algorithm_t
pl_sign_algorithm (guint8 sign_alg)
{
  return sign_alg == PL_SIGN_RSA ? GNUTLS_SIGN_RSA_SHA256 : GNUTLS_SIGN_ECDSA_SHA256;
}

/* --- names --- */

static gboolean
is_overlay_name (const char *name)
{
  gsize len = strlen (name);

  if (len == 0 || len > OVERLAY_NAME_MAX)
    return FALSE;
  for (const char *p = name; *p; p++)
    if (!g_ascii_isalnum (*p) && !strchr ("-._~", *p))
      return FALSE;
  return TRUE;
}

/* All zero and all ones are no node's (6.3.1.1, 6.1.1). */
static gboolean
is_node_id (const PlNodeId *id)
{
  static const PlNodeId zero;

  return !pl_node_id_is_wildcard (id) && !pl_node_id_equal (id, &zero);
}

static gboolean
add_node_id (PlCert *cert, const PlNodeId *id, const char *overlay, GError **error)
{
  if (!is_node_id (id) || pl_cert_has_node_id (cert, id))
    return refuse (error, "a Node-ID that cannot be one, or twice the same");
  if (!is_overlay_name (overlay))
    return refuse (error, "its overlay's name is malformed");
  if (cert->overlay && g_ascii_strcasecmp (cert->overlay, overlay) != 0)
    return refuse (error, "it names two overlays");
  if (!cert->overlay)
    cert->overlay = g_strdup (overlay);
  g_array_append_val (cert->node_ids, *id);
  return TRUE;
}

/* reload://0110<32 hex digits>@overlay/ (14.15); some issue it without the last slash. */
static gboolean
take_uri (PlCert *cert, const char *uri, GError **error)
{
  g_auto (GStrv) parts = NULL;
  PlNodeId id;
  gsize len;

  if (g_ascii_strncasecmp (uri, URI_SCHEME, strlen (URI_SCHEME)) != 0)
    return TRUE;
  parts = g_strsplit (uri + strlen (URI_SCHEME), "@", 3);
  if (g_strv_length (parts) != 2 || !g_str_has_prefix (parts[0], DESTINATION_NODE)
      || !pl_node_id_parse (parts[0] + strlen (DESTINATION_NODE), &id))
    return refuse (error, "its reload URI is malformed");
  len = strlen (parts[1]);
  if (len > 0 && parts[1][len - 1] == '/')
    parts[1][len - 1] = '\0';
  return add_node_id (cert, &id, parts[1], error);
}

/* An rfc822Name is no URI: what the canonical form would take away from it makes it another
 * name, so it has to be there already, but for case and the spelling of the domain. */
static gboolean
take_mail (PlCert *cert, const char *mail, GError **error)
{
  const char *at = strrchr (mail, '@'), *canonical_at;

  if (cert->aor)
    return refuse (error, "it holds more than one name");
  if (!at || strpbrk (at, ":;?<>/ "))
    return refuse (error, "its name is no address");
  cert->aor = pl_aor_canonical (mail);
  canonical_at = cert->aor ? strrchr (cert->aor, '@') : NULL;
  if (!canonical_at || canonical_at - cert->aor != at - mail
      || g_ascii_strncasecmp (cert->aor, mail, at - mail) != 0)
    return refuse (error, "its name is no address");
  return TRUE;
}

static gboolean
take_names (PlCert *cert, gnutls_x509_crt_t crt, GError **error)
{
  for (guint i = 0; i <= SAN_MAX; i++)
    {
      char name[SAN_LEN_MAX + 1];
      size_t len = SAN_LEN_MAX;
      unsigned type = 0;
      int rc = gnutls_x509_crt_get_subject_alt_name2 (crt, i, name, &len, &type, NULL);

      if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return TRUE;
      if (rc < 0 || len > SAN_LEN_MAX)
        return refuse (error, "its subjectAltName is malformed");
      name[len] = '\0';
      if (type != GNUTLS_SAN_RFC822NAME && type != GNUTLS_SAN_URI)
        continue;
      if (memchr (name, '\0', len))
        return refuse (error, "a name in it holds a NUL");
      if (!(type == GNUTLS_SAN_URI ? take_uri (cert, name, error) : take_mail (cert, name, error)))
        return FALSE;
    }
  return refuse (error, "it holds too many names");
}

static gboolean
take_fields (PlCert *cert, gnutls_x509_crt_t crt, GError **error)
{
  if (!take_names (cert, crt, error))
    return FALSE;
  if (cert->node_ids->len == 0)
    return refuse (error, "it has no reload URI");
  if (gnutls_pubkey_import_x509 (cert->key, crt, 0) < 0 || !pl_pubkey_sign_alg (cert->key))
    return refuse (error, "its key is neither P-256 nor RSA of 2048 bits or more");
  cert->not_before = gnutls_x509_crt_get_activation_time (crt);
  cert->not_after = gnutls_x509_crt_get_expiration_time (crt);
  return TRUE;
}

/* --- life cycle --- */

PlCert *
pl_cert_new (GBytes *der, GError **error)
{
  g_auto (gnutls_x509_crt_t) crt = pl_crt_import (der, error);
  g_autoptr (PlCert) cert = NULL;

  if (!crt)
    return NULL;
  cert = g_new0 (PlCert, 1);
  g_atomic_ref_count_init (&cert->refs);
  cert->der = g_bytes_ref (der);
  cert->node_ids = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  gnutls_pubkey_init (&cert->key);
  pl_sha256 (g_bytes_get_data (der, NULL), g_bytes_get_size (der), cert->fingerprint);
  return take_fields (cert, crt, error) ? g_steal_pointer (&cert) : NULL;
}

PlCert *
pl_cert_new_from_pem (const char *pem, GError **error)
{
  gnutls_datum_t text = { (guint8 *) pem, strlen (pem) }, der = { NULL, 0 };
  g_autoptr (GBytes) bytes = NULL;
  int rc = gnutls_pem_base64_decode2 ("CERTIFICATE", &text, &der);

  if (rc < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot read the certificate: %s", gnutls_strerror (rc));
      return NULL;
    }
  bytes = g_bytes_new (der.data, der.size);
  gnutls_free (der.data);
  return pl_cert_new (bytes, error);
}

PlCert *
pl_cert_ref (PlCert *cert)
{
  g_atomic_ref_count_inc (&cert->refs);
  return cert;
}

void
pl_cert_unref (PlCert *cert)
{
  if (!cert || !g_atomic_ref_count_dec (&cert->refs))
    return;
  g_bytes_unref (cert->der);
  gnutls_pubkey_deinit (cert->key);
  g_free (cert->overlay);
  g_free (cert->aor);
  g_array_unref (cert->node_ids);
  g_free (cert);
}

/* --- public --- */

gnutls_pubkey_t
pl_cert_pubkey (const PlCert *cert)
{
  return cert->key;
}

GBytes *
pl_cert_der (const PlCert *cert)
{
  return cert->der;
}

const char *
pl_cert_overlay (const PlCert *cert)
{
  return cert->overlay;
}

guint
pl_cert_n_node_ids (const PlCert *cert)
{
  return cert->node_ids->len;
}

const PlNodeId *
pl_cert_node_id (const PlCert *cert, guint i)
{
  g_return_val_if_fail (i < cert->node_ids->len, NULL);
  return &g_array_index (cert->node_ids, PlNodeId, i);
}

gboolean
pl_cert_has_node_id (const PlCert *cert, const PlNodeId *id)
{
  for (guint i = 0; i < cert->node_ids->len; i++)
    if (pl_node_id_equal (pl_cert_node_id (cert, i), id))
      return TRUE;
  return FALSE;
}

const char *
pl_cert_aor (const PlCert *cert)
{
  return cert->aor;
}

gint64
pl_cert_not_before (const PlCert *cert)
{
  return cert->not_before;
}

gint64
pl_cert_not_after (const PlCert *cert)
{
  return cert->not_after;
}

const guint8 *
pl_cert_fingerprint (const PlCert *cert)
{
  return cert->fingerprint;
}

void
pl_cert_node_fingerprint (const PlCert *cert, const PlNodeId *id, guint8 *out)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize len = PL_SHA256_LEN;

  g_checksum_update (sum, id->b, sizeof id->b);
  g_checksum_update (sum, g_bytes_get_data (cert->der, NULL), g_bytes_get_size (cert->der));
  g_checksum_get_digest (sum, out, &len);
}

GBytes *
pl_cert_dup_spki (const PlCert *cert)
{
  gnutls_datum_t spki = { NULL, 0 };
  GBytes *bytes;

  if (gnutls_pubkey_export2 (cert->key, GNUTLS_X509_FMT_DER, &spki) < 0)
    return g_bytes_new (NULL, 0);
  bytes = g_bytes_new (spki.data, spki.size);
  gnutls_free (spki.data);
  return bytes;
}

void
pl_cert_key_fingerprint (const PlCert *cert, guint8 *out)
{
  g_autoptr (GBytes) spki = pl_cert_dup_spki (cert);

  pl_sha256 (g_bytes_get_data (spki, NULL), g_bytes_get_size (spki), out);
}

void
pl_node_id_of_key (GBytes *spki, GChecksumType digest, guint index, guint n, PlNodeId *id)
{
  g_autoptr (GChecksum) sum = g_checksum_new (digest);
  guint32 prefix = GUINT32_TO_BE (index);
  guint8 out[64];
  gsize len = sizeof out;

  if (n > 1)
    g_checksum_update (sum, (guint8 *) &prefix, sizeof prefix);
  g_checksum_update (sum, g_bytes_get_data (spki, NULL), g_bytes_get_size (spki));
  g_checksum_get_digest (sum, out, &len);
  memcpy (id->b, out, PL_NODE_ID_LEN);
}

gboolean
pl_cert_node_ids_are_of_key (const PlCert *cert, GChecksumType digest)
{
  g_autoptr (GBytes) spki = pl_cert_dup_spki (cert);
  guint n = pl_cert_n_node_ids (cert);

  for (guint i = 0; i < n; i++)
    {
      PlNodeId id;

      pl_node_id_of_key (spki, digest, i + 1, n, &id);
      if (!pl_node_id_equal (&id, pl_cert_node_id (cert, i)))
        return FALSE;
    }
  return g_bytes_get_size (spki) > 0;
}

guint
pl_cert_device (const PlCert *cert)
{
  g_auto (gnutls_x509_crt_t) crt = NULL;

  if (cert->node_ids->len < 2)
    return 0;
  crt = pl_crt_import (cert->der, NULL);
  return crt && gnutls_x509_crt_check_issuer (crt, crt) ? cert->node_ids->len - 1 : 0;
}

char *
pl_cert_dup_issuer (const PlCert *cert)
{
  g_auto (gnutls_x509_crt_t) crt = pl_crt_import (cert->der, NULL);
  gnutls_datum_t name = { NULL, 0 };
  g_autofree char *text = NULL;

  if (!crt || gnutls_x509_crt_get_issuer_dn3 (crt, &name, 0) < 0)
    return g_strdup ("");
  text = g_utf8_make_valid ((char *) name.data, name.size);
  gnutls_free (name.data);
  for (char *p = text; *p; p++)
    *p = g_ascii_iscntrl (*p) ? ' ' : *p;
  return g_steal_pointer (&text);
}
