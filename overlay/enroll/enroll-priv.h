/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of this room share.
 */
#pragma once
#include <gio/gio.h>
#include "overlay/enroll/document.h"

#define PL_NS_BASE "urn:ietf:params:xml:ns:p2p:config-base"
#define PL_NS_CHORD "urn:ietf:params:xml:ns:p2p:config-chord"
#define PL_NS_SIP "urn:ietf:params:xml:ns:p2p:config-base:sip" /* RFC 7904 */
#define PL_NS_DIAGNOSTICS "urn:ietf:params:xml:ns:p2p:config-diagnostics" /* RFC 7851 */
#define PL_NS_TUNING "urn:ietf:params:xml:ns:p2p:self-tuning" /* RFC 7363 */
#define PL_NS_OWN "urn:peerline:overlay:1"   /* doc/PROTOCOL */

#define PL_ELEMENTS_MAX 8192   /* elements of one document */

struct PlKindBlob {
  GBytes *blob;        /* "<kind ...> .. </kind>" */
  char *signature;     /* base64, NULL when there is none */
  guint32 id;
  guint line;
};

/* Where an element lies in the text: from "<" to the ">" of its end, both included. */
typedef struct { gsize start, end; } PlExtent;

/* The extents of all elements in document order. Signatures are over bytes, meaning comes from
 * the tree of libxml2; both see the same elements only if they agree where each one is, so
 * the text is read here by the letter: comments, CDATA and instructions are passed over, a
 * DOCTYPE is refused. Caller's. */
GArray *pl_xml_extents (const char *text, gsize len, GError **error);

/* The four registered ones (RFC 6940 14.6, RFC 7904): name, id, model and access of the registry
 * with our sizes; NULL for another. */
const PlKind *pl_kind_registered (guint32 id);
/* 0 for a name that is not registered. */
guint32 pl_kind_id (const char *name);
const char *pl_kind_name (guint32 id);

const char *pl_access_name (PlAccess access);
const char *pl_model_name (PlDataModel model);

/* Empty, with the defaults of the RFC; topology and link protocols are to be filled. */
PlDocument *pl_document_alloc (const char *instance_name);

/* The security block over blob || SignerIdentity in base64; caller's. */
char *pl_blob_sign (PlIdentity *signer, const char *blob, GError **error);
