/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who we are: a key and its certificate, with the Node-ID in use. Signs messages and
 * stored values (RFC 6940 6.3.4, 7.1).
 */
#pragma once
#include "overlay/ident/cert.h"
#include "overlay/wire/data.h"

G_BEGIN_DECLS

typedef struct PlIdentity PlIdentity;

/* `key` is an unlocked text of overlay/ident/key.h; certificate PEM. Refuses a key that is not the
 * certificate's. P-256 and RSA of at least 2048 bits. */
PlIdentity *pl_identity_new (const char *key, const char *cert_pem, GError **error);
/* The same key with another certificate for it: a renewed one. */
PlIdentity *pl_identity_with_cert (PlIdentity *other, const char *cert_pem, GError **error);
/* Key file read by pl_file_read_private, unlocked with `passphrase` (NULL: none); PL_KEY_ERROR when that does
 * not do. */
PlIdentity *pl_identity_load (const char *key_path, const char *cert_path, const char *passphrase, GError **error);
PlIdentity *pl_identity_ref (PlIdentity *identity);
void pl_identity_unref (PlIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlIdentity, pl_identity_unref)

/* The same under another Node-ID of the certificate; NULL when it has no such one. */
PlIdentity *pl_identity_with_node_id (PlIdentity *other, const PlNodeId *id);
/* Takes the certificate of `renewed` instead of its own, for all who have this identity; what they
 * were lent stays good. FALSE: for another key, user or overlay, or without the Node-ID in use. */
gboolean pl_identity_renew (PlIdentity *identity, PlIdentity *renewed);
PlCert *pl_identity_cert (PlIdentity *identity);           /* borrowed */
/* The one in use: pl_cert_device of the certificate unless another was chosen. */
const PlNodeId *pl_identity_node_id (PlIdentity *identity);
/* gnutls_privkey_t for the sessions of overlay/link, borrowed. */
gpointer pl_identity_gnutls_key (PlIdentity *identity);

/* Signs `overlay || transaction_id || contents || SignerIdentity` and fills `signature`. */
gboolean pl_identity_sign_message (PlIdentity *identity, guint32 overlay, guint64 transaction_id,
                                   const guint8 *contents, gsize len, PlSignature *signature, GError **error);
/* Signs a value of `kind` at `resource` and fills data->signature. */
gboolean pl_identity_sign_value (PlIdentity *identity, const PlResourceId *resource, guint32 kind,
                                 PlStoredData *data, GError **error);
/* Signs `input || SignerIdentity`: documents and Kinds. */
gboolean pl_identity_sign_bytes (PlIdentity *identity, const guint8 *input, gsize len, PlSignature *signature,
                                 GError **error);

/* Before the first use of GnuTLS in a program: SSLKEYLOGFILE leaves the environment, unless
 * built with --enable-keylog. */
void pl_ident_init (void);

G_END_DECLS
