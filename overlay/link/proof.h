/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What each side of a link shows first in an overlay with a shared secret (doc/PROTOCOL): TLS with a
 * secret carries no certificate of a client (RFC 4279), so here it is, with a signature over the session's
 * own bytes, the role and both Node-IDs. An engine without I/O.
 */
#pragma once
#include "overlay/ident/identity.h"
#include "overlay/ident/trust.h"

G_BEGIN_DECLS

#define PL_PROOF_EXPORTER "EXPORTER-peerline-link"
#define PL_PROOF_EXPORTED 32
#define PL_PROOF_RECORD 0                              /* first octet; of no frame, segment or SIP message */
#define PL_PROOF_TIME (2 * PL_USEC_PER_SEC)            /* then the link is closed */
#define PL_PROOF_REPEAT (250 * PL_USEC_PER_MSEC)       /* datagrams get lost */

typedef struct {
  gboolean server;                    /* the signer's role in TLS */
  PlNodeId node, wanted;              /* the signer's, and whom it wants; all zero: any node of the overlay */
  const guint8 *exported;             /* PL_PROOF_EXPORTED bytes */
} PlProof;

/* NULL when it can't be signed. */
GBytes *pl_proof_write (PlIdentity *identity, const PlProof *proof, GError **error);
/* The signer's certificate, checked (own reference), *node its Node-ID. `expected` has the far side's role and
 * what was exported; its node is whom we want (zero: any), wanted is who we are. */
PlCert *pl_proof_read (PlTrust *trust, const PlProof *expected, const guint8 *data, gsize len, PlNodeId *node, GError **error);
gboolean pl_proof_is (const guint8 *data, gsize len);
/* Of one that pl_proof_is: whether the far side has ours. */
gboolean pl_proof_seen (const guint8 *data, gsize len);
/* Not signed: it is about what gets lost. */
void pl_proof_set_seen (guint8 *data, gboolean seen);

G_END_DECLS
