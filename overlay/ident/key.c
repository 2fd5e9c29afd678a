/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/key.h"

#include <string.h>

#include "base/secret.h"
#include "overlay/ident/ident-priv.h"

#define LOCKED_HEAD "-----BEGIN ENCRYPTED PRIVATE KEY-----"

G_DEFINE_QUARK (pl-key-error-quark, pl_key_error)

static gboolean
good (int rc, const char *what, GError **error)
{
  if (rc >= 0)
    return TRUE;
  if (rc == GNUTLS_E_PKCS11_PIN_ERROR || rc == GNUTLS_E_PKCS11_PIN_EXPIRED)
    g_set_error_literal (error, PL_KEY_ERROR, PL_KEY_WRONG, "the token of the private key wants another PIN");
  else if (rc == GNUTLS_E_DECRYPTION_FAILED)
    g_set_error_literal (error, PL_KEY_ERROR, PL_KEY_WRONG, "the passphrase is not that of the private key");
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: %s", what, gnutls_strerror (rc));
  return FALSE;
}

gboolean
pl_key_is_token (const char *text)
{
  return g_str_has_prefix (text, PL_KEY_TOKEN_SCHEME);
}

gboolean
pl_key_is_locked (const char *text)
{
  if (pl_key_is_token (text))
    return !strstr (text, "pin-value=") && !strstr (text, "pin-source=");
  return strstr (text, LOCKED_HEAD) != NULL;
}

/* A copy in GLib's memory; the datum is wiped. */
static char *
take_text (gnutls_datum_t *datum)
{
  char *text = g_strndup ((const char *) datum->data, datum->size);

  gnutls_memset (datum->data, 0, datum->size);
  gnutls_free (datum->data);
  return text;
}

static char *
unlock_token (const char *text, const char *passphrase)
{
  g_autofree char *uri = g_strndup (text, strcspn (text, "\r\n"));
  char *pin = passphrase ? g_uri_escape_string (passphrase, NULL, FALSE) : NULL;
  char *whole = g_strconcat (uri, !pin ? NULL : strchr (uri, '?') ? "&pin-value=" : "?pin-value=", pin, NULL);

  pl_wipe_text (pin);
  return whole;
}

char *
pl_key_unlock (const char *text, const char *passphrase, GError **error)
{
  gnutls_datum_t datum = { (guint8 *) text, strlen (text) }, pem = { NULL, 0 };
  g_auto (gnutls_x509_privkey_t) key = NULL;

  if (pl_key_is_token (text))
    return unlock_token (text, pl_key_is_locked (text) ? passphrase : NULL);
  if (!pl_key_is_locked (text))
    return g_strdup (text);
  if (!passphrase)
    {
      g_set_error_literal (error, PL_KEY_ERROR, PL_KEY_LOCKED, "the private key is locked with a passphrase");
      return NULL;
    }
  gnutls_x509_privkey_init (&key);
  if (!good (gnutls_x509_privkey_import2 (key, &datum, GNUTLS_X509_FMT_PEM, passphrase, 0), "cannot read the private key", error)
      || !good (gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), "cannot read the private key", error))
    return NULL;
  return take_text (&pem);
}

char *
pl_key_protect (const char *text, const char *passphrase, GError **error)
{
  gnutls_datum_t datum = { (guint8 *) text, strlen (text) }, pem = { NULL, 0 };
  g_auto (gnutls_x509_privkey_t) key = NULL;

  gnutls_x509_privkey_init (&key);
  if (!good (gnutls_x509_privkey_import2 (key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0), "cannot read the private key", error)
      || !good (gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, passphrase, GNUTLS_PKCS_PBES2_AES_256, &pem),
                "cannot encrypt the private key", error))
    return NULL;
  return take_text (&pem);
}

static int
import (gnutls_privkey_t handle, const char *text)
{
  gnutls_datum_t datum = { (guint8 *) text, strlen (text) };
  g_auto (gnutls_x509_privkey_t) key = NULL;
  int rc;

  if (pl_key_is_token (text))
    return gnutls_privkey_import_url (handle, text, 0);
  gnutls_x509_privkey_init (&key);
  rc = gnutls_x509_privkey_import2 (key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
  if (rc < 0)
    return rc;
  rc = gnutls_privkey_import_x509 (handle, key, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
  if (rc >= 0)
    key = NULL;
  return rc;
}

gpointer
pl_key_import (const char *text, GError **error)
{
  g_auto (gnutls_privkey_t) handle = NULL;

  gnutls_privkey_init (&handle);
  if (!good (import (handle, text), "cannot read the private key", error))
    return NULL;
  return g_steal_pointer (&handle);
}
