/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A parsed RELOAD certificate (RFC 6940 11.3, 14.15): Node-IDs from reload:// URIs of one
 * overlay, at most one rfc822Name. Parsing proves nothing; overlay/ident/trust.h does.
 */
#pragma once
#include <gio/gio.h>
#include "overlay/wire/id.h"

G_BEGIN_DECLS

typedef struct PlCert PlCert;   /* reference counted, immutable */

/* From DER. Refuses: no reload URI, malformed URI, more than one rfc822Name, two overlays,
 * more than PL_CERT_MAX bytes. The trailing "/" of the URI may be missing (checklist E18). */
#define PL_CERT_MAX 8192
PlCert *pl_cert_new (GBytes *der, GError **error);
/* The first certificate of a PEM text. */
PlCert *pl_cert_new_from_pem (const char *pem, GError **error);
PlCert *pl_cert_ref (PlCert *cert);
void pl_cert_unref (PlCert *cert);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlCert, pl_cert_unref)

GBytes *pl_cert_der (const PlCert *cert);                 /* borrowed */
const char *pl_cert_overlay (const PlCert *cert);
guint pl_cert_n_node_ids (const PlCert *cert);
const PlNodeId *pl_cert_node_id (const PlCert *cert, guint i);
gboolean pl_cert_has_node_id (const PlCert *cert, const PlNodeId *id);
const char *pl_cert_aor (const PlCert *cert);             /* canonical AoR, NULL when it names nobody */
gint64 pl_cert_not_before (const PlCert *cert);           /* seconds since 1970 */
gint64 pl_cert_not_after (const PlCert *cert);
/* SHA-256 of the DER, 32 bytes, borrowed. */
const guint8 *pl_cert_fingerprint (const PlCert *cert);
/* SHA-256 of the key (SubjectPublicKeyInfo), which stays when the certificate is renewed; `out` has 32 bytes. */
#define PL_KEY_FINGERPRINT_LEN 32
void pl_cert_key_fingerprint (const PlCert *cert, guint8 *out);
/* Node-ID `index` (from 1) of `n` that a self-signed certificate has (RFC 6940 11.3.1): the high bits of
 * the digest of the key in DER, with several of them of its index and the key. */
void pl_node_id_of_key (GBytes *spki, GChecksumType digest, guint index, guint n, PlNodeId *id);
gboolean pl_cert_node_ids_are_of_key (const PlCert *cert, GChecksumType digest);
/* Which of its Node-IDs the holder uses when nothing else says so: the last of a certificate that signs
 * itself, whose devices have one more each (doc/PROTOCOL), else the first (0). */
guint pl_cert_device (const PlCert *cert);
/* The key as SubjectPublicKeyInfo in DER; caller's. */
GBytes *pl_cert_dup_spki (const PlCert *cert);
/* The name of its issuer as text (RFC 4514), UTF-8 without controls; caller frees. */
char *pl_cert_dup_issuer (const PlCert *cert);
/* SHA-256 over Node-ID || DER, for cert_hash_node_id (6.3.4). `out` has 32 bytes. */
void pl_cert_node_fingerprint (const PlCert *cert, const PlNodeId *id, guint8 *out);

G_END_DECLS
