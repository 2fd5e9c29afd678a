/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/authority.h"

#include <gnutls/abstract.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <string.h>

#include "base/aor.h"
#include "base/hex.h"
#include "overlay/ident/cert.h"
#include "overlay/ident/key.h"

#define SERIAL_LEN 16
#define SAN_MAX 32
#define SAN_LEN_MAX 1024
#define SECONDS_PER_DAY (24 * 60 * 60)
#define ROOT_LIFETIME ((gint64) PL_AUTHORITY_ROOT_DAYS * SECONDS_PER_DAY)
#define URI_SCHEME "reload://"

G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_crt_t, gnutls_x509_crt_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_privkey_t, gnutls_privkey_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_pubkey_t, gnutls_pubkey_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_crq_t, gnutls_x509_crq_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_privkey_t, gnutls_x509_privkey_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_subject_alt_names_t, gnutls_subject_alt_names_deinit, NULL)

struct PlAuthority {
  PlEnv *env;
  char *overlay;
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t crt;
  GBytes *der;
  gint64 lifetime;    /* s, of certificates for people */
};

static gboolean
good (int rc, const char *intent, GError **error)
{
  if (rc >= 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot %s: %s", intent, gnutls_strerror (rc));
  return FALSE;
}

/* A copy in GLib's memory; the datum is wiped, as it may be a key. */
static char *
take_text (gnutls_datum_t *datum)
{
  char *text = g_strndup ((const char *) datum->data, datum->size);

  gnutls_memset (datum->data, 0, datum->size);
  gnutls_free (datum->data);
  return text;
}

/* --- keys and requests --- */

char *
pl_key_make (GError **error)
{
  g_auto (gnutls_x509_privkey_t) key = NULL;
  gnutls_datum_t pem = { NULL, 0 };

  gnutls_x509_privkey_init (&key);
  if (!good (gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0),
             "make a key", error)
      || !good (gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem),
                "write the key", error))
    return NULL;
  return take_text (&pem);
}

static gnutls_x509_privkey_t
import_key (const char *pem, GError **error)
{
  gnutls_datum_t datum = { (guint8 *) pem, strlen (pem) };
  g_auto (gnutls_x509_privkey_t) key = NULL;

  gnutls_x509_privkey_init (&key);
  if (!good (gnutls_x509_privkey_import2 (key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0), "read the private key", error))
    return NULL;
  return g_steal_pointer (&key);
}

static gnutls_pubkey_t
public_of (gnutls_privkey_t key, GError **error)
{
  g_auto (gnutls_pubkey_t) public = NULL;

  gnutls_pubkey_init (&public);
  return good (gnutls_pubkey_import_privkey (public, key, 0, 0), "read the key", error) ? g_steal_pointer (&public) : NULL;
}

char *
pl_request_make (const char *key_text, const char *aor, const char *overlay, GError **error)
{
  g_auto (gnutls_privkey_t) key = pl_key_import (key_text, error);
  g_auto (gnutls_pubkey_t) public = key ? public_of (key, error) : NULL;
  g_auto (gnutls_x509_crq_t) crq = NULL;
  g_autofree char *uri = g_strdup_printf (URI_SCHEME "%s/", overlay);
  gnutls_datum_t pem = { NULL, 0 };

  if (!public)
    return NULL;
  gnutls_x509_crq_init (&crq);
  if (!good (gnutls_x509_crq_set_pubkey (crq, public), "make the request", error)
      || !good (gnutls_x509_crq_set_version (crq, 1), "make the request", error)
      || !good (gnutls_x509_crq_set_subject_alt_name (crq, GNUTLS_SAN_RFC822NAME, aor, strlen (aor), GNUTLS_FSAN_SET),
                "put the name into the request", error)
      || !good (gnutls_x509_crq_set_subject_alt_name (crq, GNUTLS_SAN_URI, uri, strlen (uri), GNUTLS_FSAN_APPEND),
                "put the overlay into the request", error)
      || !good (gnutls_x509_crq_privkey_sign (crq, key, GNUTLS_DIG_SHA256, 0), "sign the request", error)
      || !good (gnutls_x509_crq_export2 (crq, GNUTLS_X509_FMT_PEM, &pem), "write the request", error))
    return NULL;
  return take_text (&pem);
}

static gnutls_x509_crq_t
import_request (const char *pem, GError **error)
{
  gnutls_datum_t datum = { (guint8 *) pem, strlen (pem) };
  g_auto (gnutls_x509_crq_t) crq = NULL;

  gnutls_x509_crq_init (&crq);
  if (datum.size > PL_REQUEST_MAX)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot read the request: too large");
      return NULL;
    }
  if (strstr (pem, "-----BEGIN CERTIFICATE-----"))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           "this is a certificate, not a request: who asked for it brings it in with 'peerline identity import'");
      return NULL;
    }
  if (!good (gnutls_x509_crq_import (crq, &datum, GNUTLS_X509_FMT_PEM), "read the request", error)
      || !good (gnutls_x509_crq_verify (crq, 0), "believe the request, whose own signature is wrong", error))
    return NULL;
  return g_steal_pointer (&crq);
}

/* The overlay of "reload://overlay/": a request has no Node-ID to name. */
static char *
overlay_of_uri (const char *uri)
{
  char *name;

  if (g_ascii_strncasecmp (uri, URI_SCHEME, strlen (URI_SCHEME)) != 0 || strchr (uri, '@'))
    return NULL;
  name = g_ascii_strdown (uri + strlen (URI_SCHEME), -1);
  g_strdelimit (name, "/", '\0');
  return name;
}

static void
read_name (gnutls_x509_crq_t crq, guint i, char **aor, char **overlay)
{
  char name[SAN_LEN_MAX + 1];
  size_t len = SAN_LEN_MAX;
  unsigned type = 0, critical;
  int rc = gnutls_x509_crq_get_subject_alt_name (crq, i, name, &len, &type, &critical);

  if (rc < 0 || len > SAN_LEN_MAX)
    return;
  name[len] = '\0';
  if (strlen (name) != len)
    return;
  if (type == GNUTLS_SAN_RFC822NAME && !*aor)
    *aor = pl_aor_canonical (name);
  if (type == GNUTLS_SAN_URI && !*overlay)
    *overlay = overlay_of_uri (name);
}

gboolean
pl_request_read (const char *pem, char **aor, char **overlay, GError **error)
{
  g_auto (gnutls_x509_crq_t) crq = import_request (pem, error);
  g_autofree char *name = NULL;
  g_autofree char *wanted = NULL;

  if (!crq)
    return FALSE;
  for (guint i = 0; i < SAN_MAX; i++)
    read_name (crq, i, &name, &wanted);
  if (aor)
    *aor = g_steal_pointer (&name);
  if (overlay)
    *overlay = g_steal_pointer (&wanted);
  return TRUE;
}

char *
pl_request_dup_key_id (const char *pem, GError **error)
{
  g_auto (gnutls_x509_crq_t) crq = import_request (pem, error);
  guint8 id[64];
  size_t len = sizeof id;

  if (!crq || !good (gnutls_x509_crq_get_key_id (crq, GNUTLS_KEYID_USE_SHA256, id, &len), "name the request's key", error))
    return NULL;
  return pl_hex_dup (id, len);
}

gboolean
pl_request_has_key_of (const char *pem, const PlCert *cert)
{
  g_auto (gnutls_x509_crq_t) crq = import_request (pem, NULL);
  g_auto (gnutls_x509_crt_t) crt = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (pl_cert_der (cert), &size);
  gnutls_datum_t der = { (guint8 *) data, size };
  guint8 a[64], b[64];
  size_t a_len = sizeof a, b_len = sizeof b;

  gnutls_x509_crt_init (&crt);
  return crq && gnutls_x509_crt_import (crt, &der, GNUTLS_X509_FMT_DER) >= 0
         && gnutls_x509_crq_get_key_id (crq, GNUTLS_KEYID_USE_SHA256, a, &a_len) >= 0
         && gnutls_x509_crt_get_key_id (crt, GNUTLS_KEYID_USE_SHA256, b, &b_len) >= 0
         && a_len == b_len && memcmp (a, b, a_len) == 0;
}

/* --- what all our certificates have --- */

static gboolean
set_serial (PlAuthority *authority, gnutls_x509_crt_t crt, GError **error)
{
  guint8 serial[SERIAL_LEN];

  pl_env_random (authority->env, serial, sizeof serial);
  serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always of this length */
  return good (gnutls_x509_crt_set_serial (crt, serial, sizeof serial), "set the serial number", error);
}

static gboolean
set_times (PlAuthority *authority, gnutls_x509_crt_t crt, gint64 lifetime, GError **error)
{
  gint64 now = pl_env_wall (authority->env) / PL_USEC_PER_SEC;

  return good (gnutls_x509_crt_set_activation_time (crt, now - PL_AUTHORITY_BACKDATE), "set the times", error)
         && good (gnutls_x509_crt_set_expiration_time (crt, now + lifetime), "set the times", error);
}

static gboolean
set_key_ids (PlAuthority *authority, gnutls_x509_crt_t crt, GError **error)
{
  guint8 id[64];
  size_t len = sizeof id;

  if (!good (gnutls_x509_crt_get_key_id (crt, 0, id, &len), "name the key", error)
      || !good (gnutls_x509_crt_set_subject_key_id (crt, id, len), "name the key", error))
    return FALSE;
  len = sizeof id;
  return good (gnutls_x509_crt_get_key_id (authority->crt, 0, id, &len), "name the authority's key", error)
         && good (gnutls_x509_crt_set_authority_key_id (crt, id, len), "name the authority's key", error);
}

static char *
export_pem (gnutls_x509_crt_t crt, GError **error)
{
  gnutls_datum_t pem = { NULL, 0 };

  if (!good (gnutls_x509_crt_export2 (crt, GNUTLS_X509_FMT_PEM, &pem), "write the certificate", error))
    return NULL;
  return take_text (&pem);
}

/* --- the authority --- */

static gboolean
keep_der (PlAuthority *authority, GError **error)
{
  gnutls_datum_t der = { NULL, 0 };

  if (!good (gnutls_x509_crt_export2 (authority->crt, GNUTLS_X509_FMT_DER, &der), "read the authority's certificate", error))
    return FALSE;
  authority->der = g_bytes_new (der.data, der.size);
  gnutls_free (der.data);
  return TRUE;
}

static gboolean
make_root (PlAuthority *authority, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s overlay", authority->overlay);
  gnutls_x509_crt_t crt = authority->crt;

  /* A common name has at most 64 characters (RFC 5280, appendix A). */
  if (strlen (name) > 64)
    name[64] = '\0';
  return good (gnutls_x509_crt_set_version (crt, 3), "make the certificate", error)
         && good (gnutls_x509_crt_set_key (crt, authority->key), "make the certificate", error)
         && set_serial (authority, crt, error)
         && set_times (authority, crt, ROOT_LIFETIME, error)
         && good (gnutls_x509_crt_set_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, strlen (name)),
                  "name the authority", error)
         && good (gnutls_x509_crt_set_basic_constraints (crt, 1, 0), "make the certificate", error)
         && good (gnutls_x509_crt_set_key_usage (crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN),
                  "make the certificate", error)
         && set_key_ids (authority, crt, error)
         && good (gnutls_x509_crt_sign2 (crt, crt, authority->key, GNUTLS_DIG_SHA256, 0), "sign the certificate", error)
         && keep_der (authority, error);
}

static PlAuthority *
authority_alloc (PlEnv *env, const char *overlay)
{
  PlAuthority *authority = g_new0 (PlAuthority, 1);

  authority->env = env;
  authority->lifetime = (gint64) PL_AUTHORITY_LEAF_DAYS * SECONDS_PER_DAY;
  authority->overlay = g_ascii_strdown (overlay, -1);
  gnutls_x509_crt_init (&authority->crt);
  return authority;
}

PlAuthority *
pl_authority_new (PlEnv *env, const char *overlay, GError **error)
{
  g_autoptr (PlAuthority) authority = authority_alloc (env, overlay);

  gnutls_x509_privkey_init (&authority->key);
  if (!good (gnutls_x509_privkey_generate (authority->key, GNUTLS_PK_ECDSA,
                                           GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0),
             "make a key", error)
      || !make_root (authority, error))
    return NULL;
  return g_steal_pointer (&authority);
}

static gboolean
check_root (PlAuthority *authority, GError **error)
{
  gint64 now = pl_env_wall (authority->env) / PL_USEC_PER_SEC;
  guint8 a[64], b[64];
  size_t a_len = sizeof a, b_len = sizeof b;
  const char *why = NULL;

  if (gnutls_x509_crt_get_ca_status (authority->crt, NULL) <= 0)
    why = "the certificate is not one of an authority";
  else if (gnutls_x509_crt_get_key_id (authority->crt, 0, a, &a_len) < 0
           || gnutls_x509_privkey_get_key_id (authority->key, 0, b, &b_len) < 0 || a_len != b_len
           || memcmp (a, b, a_len) != 0)
    why = "the private key is not that of the certificate";
  else if (now > gnutls_x509_crt_get_expiration_time (authority->crt))
    why = "the authority's certificate has expired; make a new overlay or set this machine's clock right";
  else if (now < gnutls_x509_crt_get_activation_time (authority->crt))
    why = "the authority's certificate is not valid yet; is this machine's clock right?";
  if (why)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, why);
  return why == NULL;
}

PlAuthority *
pl_authority_load (PlEnv *env, const char *overlay, const char *key_pem, const char *cert_pem, GError **error)
{
  g_autoptr (PlAuthority) authority = authority_alloc (env, overlay);
  gnutls_datum_t datum = { (guint8 *) cert_pem, strlen (cert_pem) };

  authority->key = import_key (key_pem, error);
  if (!authority->key
      || !good (gnutls_x509_crt_import (authority->crt, &datum, GNUTLS_X509_FMT_PEM), "read the authority's certificate", error)
      || !check_root (authority, error) || !keep_der (authority, error))
    return NULL;
  return g_steal_pointer (&authority);
}

void
pl_authority_free (PlAuthority *authority)
{
  if (!authority)
    return;
  g_clear_pointer (&authority->key, gnutls_x509_privkey_deinit);
  gnutls_x509_crt_deinit (authority->crt);
  g_clear_pointer (&authority->der, g_bytes_unref);
  g_free (authority->overlay);
  g_free (authority);
}

char *
pl_authority_dup_key_pem (PlAuthority *authority)
{
  gnutls_datum_t pem = { NULL, 0 };

  if (gnutls_x509_privkey_export2_pkcs8 (authority->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem) < 0)
    return NULL;
  return take_text (&pem);
}

char *
pl_authority_dup_cert_pem (PlAuthority *authority)
{
  return export_pem (authority->crt, NULL);
}

void
pl_authority_set_lifetime (PlAuthority *authority, gint64 seconds)
{
  authority->lifetime = seconds;
}

GBytes *
pl_authority_cert_der (PlAuthority *authority)
{
  return authority->der;
}

/* --- issuing --- */

static gboolean
add_name (gnutls_subject_alt_names_t names, guint type, const char *name, GError **error)
{
  gnutls_datum_t datum = { (guint8 *) name, strlen (name) };

  return good (gnutls_subject_alt_names_set (names, type, &datum, NULL), "put the name into the certificate", error);
}

static gboolean
set_names (PlAuthority *authority, gnutls_x509_crt_t crt, const char *aor, const PlNodeId *ids, guint n, GError **error)
{
  g_auto (gnutls_subject_alt_names_t) names = NULL;
  gnutls_datum_t der = { NULL, 0 };
  gboolean done = TRUE;

  gnutls_subject_alt_names_init (&names);
  for (guint i = 0; i < n && done; i++)
    {
      g_autofree char *hex = pl_node_id_dup_hex (&ids[i]);
      g_autofree char *uri = g_strdup_printf (URI_SCHEME "0110%s@%s/", hex, authority->overlay);

      done = add_name (names, GNUTLS_SAN_URI, uri, error);
    }
  if (!done || (aor && !add_name (names, GNUTLS_SAN_RFC822NAME, aor, error))
      || !good (gnutls_x509_ext_export_subject_alt_names (names, &der), "put the names into the certificate", error))
    return FALSE;
  /* Critical, as the subject is empty (RFC 5280, section 4.2.1.6). */
  done = good (gnutls_x509_crt_set_extension_by_oid (crt, GNUTLS_X509EXT_OID_SAN, der.data, der.size, 1),
               "put the names into the certificate", error);
  gnutls_free (der.data);
  return done;
}

static gboolean
set_usage (gnutls_x509_crt_t crt, GError **error)
{
  return good (gnutls_x509_crt_set_basic_constraints (crt, 0, -1), "make the certificate", error)
         && good (gnutls_x509_crt_set_key_usage (crt, GNUTLS_KEY_DIGITAL_SIGNATURE), "make the certificate", error)
         && good (gnutls_x509_crt_set_key_purpose_oid (crt, GNUTLS_KP_TLS_WWW_CLIENT, 0), "make the certificate", error)
         && good (gnutls_x509_crt_set_key_purpose_oid (crt, GNUTLS_KP_TLS_WWW_SERVER, 0), "make the certificate", error);
}

/* What was issued has to be what everybody else will accept. */
static char *
checked_pem (gnutls_x509_crt_t crt, GError **error)
{
  gnutls_datum_t der = { NULL, 0 };
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PlCert) cert = NULL;

  if (!good (gnutls_x509_crt_export2 (crt, GNUTLS_X509_FMT_DER, &der), "write the certificate", error))
    return NULL;
  bytes = g_bytes_new (der.data, der.size);
  gnutls_free (der.data);
  cert = pl_cert_new (bytes, error);
  return cert ? export_pem (crt, error) : NULL;
}

char *
pl_authority_issue (PlAuthority *authority, const char *request, const char *aor, const PlNodeId *node_id, GError **error)
{
  return pl_authority_issue_several (authority, request, aor, node_id, node_id ? 1 : 0, 1, error);
}

char *
pl_authority_issue_several (PlAuthority *authority, const char *request, const char *aor, const PlNodeId *kept,
                            guint n_kept, guint n, GError **error)
{
  g_auto (gnutls_x509_crq_t) crq = import_request (request, error);
  g_auto (gnutls_x509_crt_t) crt = NULL;
  PlNodeId ids[PL_AUTHORITY_NODE_IDS_MAX];

  g_return_val_if_fail (n >= 1 && n <= G_N_ELEMENTS (ids), NULL);
  if (!crq)
    return NULL;
  for (guint i = 0; i < n; i++)
    if (i < n_kept)
      ids[i] = kept[i];
    else
      pl_env_random (authority->env, ids[i].b, sizeof ids[i].b);
  gnutls_x509_crt_init (&crt);
  if (!good (gnutls_x509_crt_set_version (crt, 3), "make the certificate", error)
      || !good (gnutls_x509_crt_set_crq (crt, crq), "take the key of the request", error)
      || !good (gnutls_x509_crt_set_dn (crt, "", NULL), "make the certificate", error)
      || !set_serial (authority, crt, error)
      || !set_times (authority, crt, aor ? authority->lifetime : ROOT_LIFETIME, error)
      || !set_names (authority, crt, aor, ids, n, error)
      || !set_usage (crt, error)
      || !set_key_ids (authority, crt, error)
      || !good (gnutls_x509_crt_sign2 (crt, authority->crt, authority->key, GNUTLS_DIG_SHA256,
                                       GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE), "sign the certificate", error))
    return NULL;
  return checked_pem (crt, error);
}

PlIdentity *
pl_authority_make_signer (PlAuthority *authority, char **key_pem, char **cert_pem, GError **error)
{
  g_autofree char *request = NULL;

  *cert_pem = NULL;
  *key_pem = pl_key_make (error);
  request = *key_pem ? pl_request_make (*key_pem, "signer@" PACKAGE_NAME ".invalid", authority->overlay, error) : NULL;
  *cert_pem = request ? pl_authority_issue (authority, request, NULL, NULL, error) : NULL;
  return *cert_pem ? pl_identity_new (*key_pem, *cert_pem, error) : NULL;
}

/* --- nobody's authority --- */

static GBytes *
dup_spki (gnutls_pubkey_t public, GError **error)
{
  gnutls_datum_t spki = { NULL, 0 };
  GBytes *bytes;

  if (!good (gnutls_pubkey_export2 (public, GNUTLS_X509_FMT_DER, &spki), "read the key", error))
    return NULL;
  bytes = g_bytes_new (spki.data, spki.size);
  gnutls_free (spki.data);
  return bytes;
}

static gboolean
set_own_names (PlAuthority *authority, gnutls_pubkey_t public, const PlSelfSigned *self, GError **error)
{
  g_autoptr (GBytes) spki = dup_spki (public, error);
  PlNodeId ids[PL_AUTHORITY_NODE_IDS_MAX];

  if (!spki)
    return FALSE;
  for (guint i = 0; i < self->n_node_ids; i++)
    pl_node_id_of_key (spki, self->digest, i + 1, self->n_node_ids, &ids[i]);
  return set_names (authority, authority->crt, self->aor, ids, self->n_node_ids, error);
}

char *
pl_self_signed_issue (PlEnv *env, const PlSelfSigned *self, GError **error)
{
  g_autoptr (PlAuthority) authority = authority_alloc (env, self->overlay);
  gnutls_x509_crt_t crt = authority->crt;
  g_auto (gnutls_privkey_t) key = NULL;
  g_auto (gnutls_pubkey_t) public = NULL;

  g_return_val_if_fail (self->n_node_ids >= 1 && self->n_node_ids <= PL_AUTHORITY_NODE_IDS_MAX, NULL);
  key = pl_key_import (self->key, error);
  public = key ? public_of (key, error) : NULL;
  if (!public
      || !good (gnutls_x509_crt_set_version (crt, 3), "make the certificate", error)
      || !good (gnutls_x509_crt_set_pubkey (crt, public), "make the certificate", error)
      || !good (gnutls_x509_crt_set_dn (crt, "", NULL), "make the certificate", error)
      || !set_serial (authority, crt, error)
      || !set_times (authority, crt, self->aor ? authority->lifetime : ROOT_LIFETIME, error)
      || !set_own_names (authority, public, self, error)
      || !set_usage (crt, error)
      || !set_key_ids (authority, crt, error)
      || !good (gnutls_x509_crt_privkey_sign (crt, crt, key, GNUTLS_DIG_SHA256, 0), "sign the certificate", error))
    return NULL;
  return checked_pem (crt, error);
}
