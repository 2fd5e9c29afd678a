/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whom an overlay trusts: roots, overlay name, bad nodes; verification of certificates and
 * signatures with a bounded cache of what was verified. Certificate validity is looked at
 * on every use, cached or not (RFC 6940 7.1).
 */
#pragma once
#include "base/env.h"
#include "overlay/ident/cert.h"
#include "overlay/wire/data.h"

G_BEGIN_DECLS

typedef struct PlTrust PlTrust;

typedef enum {
  PL_TRUST_ERROR_UNTRUSTED,   /* chain, self-signed, CA flag */
  PL_TRUST_ERROR_EXPIRED,     /* or not yet valid */
  PL_TRUST_ERROR_OVERLAY,     /* names another overlay */
  PL_TRUST_ERROR_BAD_NODE,    /* listed in the configuration document */
  PL_TRUST_ERROR_ALGORITHM,   /* none, SHA-1, unknown */
  PL_TRUST_ERROR_SIGNER,      /* the named signer's certificate is not at hand */
  PL_TRUST_ERROR_SIGNATURE,   /* bytes changed */
} PlTrustError;
#define PL_TRUST_ERROR (pl_trust_error_quark ())
GQuark pl_trust_error_quark (void);

PlTrust *pl_trust_new (PlEnv *env, const char *overlay);
void pl_trust_free (PlTrust *trust);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTrust, pl_trust_free)
PlEnv *pl_trust_env (PlTrust *trust);
/* `trust` becomes what `from` is and forgets all it remembered; `from` is taken. Whoever
 * holds `trust` sees the new roots and bad nodes at once (a new configuration document). */
void pl_trust_replace (PlTrust *trust, PlTrust *from);
gboolean pl_trust_add_root (PlTrust *trust, GBytes *der, GError **error);
void pl_trust_set_bad_nodes (PlTrust *trust, const PlNodeId *ids, guint n);
gboolean pl_trust_is_bad (PlTrust *trust, const PlNodeId *id);
/* The same for any Node-ID of a certificate. */
gboolean pl_trust_has_bad (PlTrust *trust, const PlCert *cert);
/* The caches have room for so many nodes, when more than the usual some hundred: for a trust that
 * many nodes of one process share. */
void pl_trust_expect (PlTrust *trust, guint nodes);
/* Certificates that sign themselves are good when their Node-IDs are the digest of the key
 * (11.3.1); G_CHECKSUM_SHA1 or G_CHECKSUM_SHA256. Names prove nothing there. */
void pl_trust_allow_self_signed (PlTrust *trust, GChecksumType digest);
const char *pl_trust_overlay (PlTrust *trust);

/* Chain, validity now, overlay name, bad nodes. */
gboolean pl_trust_check_cert (PlTrust *trust, PlCert *cert, GError **error);
/* The same from DER; `chain` (GPtrArray of GBytes, may be NULL) may hold certificates between
 * it and a root. The certificate is the caller's; one seen before comes from the cache. */
PlCert *pl_trust_check_der (PlTrust *trust, GBytes *der, GPtrArray *chain, GError **error);

/* Finds the certificate `signature->identity` names among `certs` (GPtrArray of GBytes, DER:
 * PlMessage.certificates as received; may be NULL) and the ones remembered, checks it and the
 * signature over `overlay || transaction_id || contents || SignerIdentity`. Returns the
 * signer's certificate (own reference) and its Node-ID in `signer`, or NULL. `signer` may be
 * NULL. */
PlCert *pl_trust_verify_message (PlTrust *trust, GPtrArray *certs, guint32 overlay, guint64 transaction_id,
                                 const guint8 *contents, gsize len, const PlSignature *signature,
                                 PlNodeId *signer, GError **error);
/* The same for a stored value (7.1), over the value's received bytes. */
PlCert *pl_trust_verify_value (PlTrust *trust, GPtrArray *certs, const PlResourceId *resource, guint32 kind,
                               const PlStoredData *data, PlNodeId *signer, GError **error);
/* The same for any other bytes (documents, Kinds): input || SignerIdentity. */
PlCert *pl_trust_verify_bytes (PlTrust *trust, GPtrArray *certs, const guint8 *input, gsize len,
                               const PlSignature *signature, PlNodeId *signer, GError **error);
/* The verified certificate a signature names, for the security block of an answer that
 * carries the value; NULL when not remembered. Own reference. */
PlCert *pl_trust_ref_signer (PlTrust *trust, const PlSignature *signature);

G_END_DECLS
