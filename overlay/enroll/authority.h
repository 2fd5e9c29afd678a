/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A certificate authority of one overlay in a folder: makes its own key, reads certificate
 * requests, issues certificates as RFC 6940 section 11.3 wants them (empty subject, Node-IDs
 * of its own random source and one rfc822Name in a critical subjectAltName). Of a request it
 * takes the public key and nothing else.
 */
#pragma once
#include "base/env.h"
#include "overlay/ident/identity.h"

G_BEGIN_DECLS

typedef struct PlAuthority PlAuthority;

#define PL_AUTHORITY_ROOT_DAYS 3650
#define PL_AUTHORITY_LEAF_DAYS 365
#define PL_AUTHORITY_BACKDATE (60 * 60) /* s: clocks of others may be behind */
#define PL_REQUEST_MAX 16384            /* bytes of PEM */

/* A PEM private key, P-256; wiped with pl_wipe and freed by the caller. */
char *pl_key_make (GError **error);
/* A PKCS#10 request, PEM, for `aor` (rfc822Name) of the overlay, with an unlocked key
 * (overlay/ident/key.h). The names in it are a wish. */
char *pl_request_make (const char *key, const char *aor, const char *overlay, GError **error);
/* What the request asks for, its self-signature checked; both canonical, caller's. Either may
 * be NULL. */
gboolean pl_request_read (const char *pem, char **aor, char **overlay, GError **error);

/* SHA-256 of the request's key in hexadecimal, its self-signature checked; caller's. */
char *pl_request_dup_key_id (const char *pem, GError **error);

/* Whether the request is for the key of `cert`. FALSE for one that can't be read. */
gboolean pl_request_has_key_of (const char *pem, const PlCert *cert);

/* New key and self-signed certificate; nothing is written. */
PlAuthority *pl_authority_new (PlEnv *env, const char *overlay, GError **error);
/* From PEM; refuses a certificate that is no CA, has expired, or isn't the key's. */
PlAuthority *pl_authority_load (PlEnv *env, const char *overlay, const char *key_pem, const char *cert_pem, GError **error);
void pl_authority_free (PlAuthority *authority);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlAuthority, pl_authority_free)
char *pl_authority_dup_key_pem (PlAuthority *authority);
char *pl_authority_dup_cert_pem (PlAuthority *authority);
/* Seconds that certificates for people are good for; PL_AUTHORITY_LEAF_DAYS at first. */
void pl_authority_set_lifetime (PlAuthority *authority, gint64 seconds);
GBytes *pl_authority_cert_der (PlAuthority *authority); /* borrowed */

/* A certificate (PEM) for the key of `request`, naming `aor` (canonical; NULL: nobody, as for
 * the signer of documents, valid as long as the authority) and `node_id`, or a fresh random one when NULL (renewal keeps the
 * Node-ID, 11.3). */
char *pl_authority_issue (PlAuthority *authority, const char *request, const char *aor, const PlNodeId *node_id,
                          GError **error);

/* The same with `n` Node-IDs (1 to PL_AUTHORITY_NODE_IDS_MAX): those of `kept` first (n_kept, may
 * be 0), the rest fresh. For somebody with as many devices (4.2.1, 11.3). */
#define PL_AUTHORITY_NODE_IDS_MAX 16
char *pl_authority_issue_several (PlAuthority *authority, const char *request, const char *aor, const PlNodeId *kept,
                                  guint n_kept, guint n, GError **error);

/* A certificate (PEM) of the key for itself (RFC 6940 11.3.1): nobody vouches for its name, its Node-IDs are
 * the digest of the key. A device has `n_node_ids` of them (1 to PL_AUTHORITY_NODE_IDS_MAX) and uses the
 * last, so that several hold the same key. `aor` NULL: names nobody, as the signer of the document,
 * good as long as an authority. */
typedef struct {
  const char *key, *aor, *overlay;
  GChecksumType digest;
  guint n_node_ids;
} PlSelfSigned;
char *pl_self_signed_issue (PlEnv *env, const PlSelfSigned *self, GError **error);

/* The node that signs the overlay's document: of the authority, names nobody. Key and certificate
 * (PEM) are the caller's, the key to be wiped, also when it fails. */
PlIdentity *pl_authority_make_signer (PlAuthority *authority, char **key_pem, char **cert_pem, GError **error);

G_END_DECLS
