/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Private keys as text: PEM as it is, PEM encrypted with a passphrase (PKCS#8), or the PKCS#11 URI of a key
 * that never leaves its token (RFC 7512), whose PIN is the passphrase. What is unlocked is text again, to be
 * wiped: plain PEM, or the URI with its PIN.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_KEY_TEXT_MAX 16384   /* bytes */
#define PL_PASSPHRASE_MAX 1024  /* bytes */
#define PL_KEY_TOKEN_SCHEME "pkcs11:"

typedef enum {
  PL_KEY_LOCKED,   /* a passphrase is needed */
  PL_KEY_WRONG,    /* that one is not it */
} PlKeyError;
#define PL_KEY_ERROR (pl_key_error_quark ())
GQuark pl_key_error_quark (void);

gboolean pl_key_is_locked (const char *text);
gboolean pl_key_is_token (const char *text);
/* `passphrase` NULL: there is none, which does for plain keys and for URIs that have a PIN or need none.
 * NULL with PL_KEY_ERROR; caller wipes and frees. */
char *pl_key_unlock (const char *text, const char *passphrase, GError **error);
/* Plain PEM, encrypted (PBES2, AES-256); caller frees. */
char *pl_key_protect (const char *text, const char *passphrase, GError **error);
/* An unlocked text as gnutls_privkey_t for overlay/enroll and overlay/link, the caller's; NULL with error,
 * PL_KEY_ERROR when a token wants another PIN. */
gpointer pl_key_import (const char *text, GError **error);

G_END_DECLS
