/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The overlay configuration document (RFC 6940 11.1), validated against
 * overlay/enroll/document.rng and turned into one immutable struct.
 */
#pragma once
#include <gio/gio.h>
#include "overlay/ident/identity.h"
#include "overlay/ident/trust.h"

G_BEGIN_DECLS

typedef enum { PL_ACCESS_USER_MATCH, PL_ACCESS_NODE_MATCH, PL_ACCESS_USER_NODE_MATCH, PL_ACCESS_NODE_MULTIPLE } PlAccess;

typedef struct {
  guint32 id;
  PlDataModel model;
  PlAccess access;
  guint32 max_count;
  guint32 max_size;
  guint32 max_node_multiple;
} PlKind;

typedef struct { char *host; guint16 port; } PlHostPort;

typedef struct PlDocument {
  char *instance_name;          /* overlay name */
  guint16 sequence;
  gint64 expiration;            /* seconds since 1970, 0: none given */
  GPtrArray *root_certs;        /* GBytes, DER */
  GArray *bootstrap_nodes;      /* PlHostPort */
  GArray *stun_servers;         /* PlHostPort, own namespace (doc/PROTOCOL) */
  GArray *kinds;                /* PlKind: required kinds plus the registered ones; IANA wins */
  GArray *bad_nodes;            /* PlNodeId */
  GArray *configuration_signers;/* PlNodeId */
  GArray *kind_signers;         /* PlNodeId */
  gboolean clients_permitted, no_ice, self_signed_permitted, chord_reactive;
  guint8 initial_ttl;           /* default 100 */
  guint32 max_message_size;     /* bytes, default 5000 */
  guint32 reliability_timer;    /* ms, default 3000, at least 200 */
  guint32 chord_update_interval;/* s, default 600 */
  guint32 chord_ping_interval;  /* s, default 3600 */
  guint32 turn_density;
  GBytes *xml;                  /* the document as received, whole */
} PlDocument;

#define PL_DOCUMENT_MAX (256 * 1024)

/* Parses and validates. Every problem is said with its line. Does not check the signature. */
PlDocument *pl_document_parse (GBytes *xml, GError **error);
void pl_document_free (PlDocument *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlDocument, pl_document_free)
/* The signature over "<configuration ...> .. </configuration>" by one of `signers`' Node-IDs
 * (configuration-signer elements of the document trusted so far, or its own when NULL: first
 * contact). */
gboolean pl_document_verify (PlDocument *document, PlTrust *trust, PlDocument *previous, GError **error);
/* The definition of a Kind, NULL when unknown. */
const PlKind *pl_document_kind (const PlDocument *document, guint32 id);
/* Roots, overlay name and bad nodes as a trust store. */
PlTrust *pl_document_trust_new (PlDocument *document, PlEnv *env, GError **error);

/* Makes a document: fields set in `document` (xml ignored), signed by `signer`. */
GBytes *pl_document_build (const PlDocument *document, PlIdentity *signer, GError **error);

G_END_DECLS
