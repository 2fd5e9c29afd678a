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

/* Topology plug-ins: RFC 6940 section 10, and the same with RFC 7363. */
#define PL_TOPOLOGY_CHORD "CHORD-RELOAD"
#define PL_TOPOLOGY_SELF_TUNING "CHORD-SELF-TUNING"

typedef enum { PL_ACCESS_USER_MATCH, PL_ACCESS_NODE_MATCH, PL_ACCESS_USER_NODE_MATCH, PL_ACCESS_NODE_MULTIPLE,
               PL_ACCESS_COPIES /* doc/PROTOCOL, of our own Kind only */ } PlAccess;

typedef struct {
  guint32 id;
  PlDataModel model;
  PlAccess access;
  guint32 max_count;
  guint32 max_size;
  guint32 max_node_multiple;    /* copies: the greatest i */
} PlKind;

/* Copies of registrations (doc/PROTOCOL): a private Kind (14.6), at places of its own. */
#define PL_KIND_REGISTRATION_COPY 0xf0000010u
#define PL_REGISTRATION_PLACES 3      /* with the first, in our own documents */
#define PL_REGISTRATION_PLACES_MAX 8

/* Who may ask everybody about a kind of RFC 7851 (its section 7). */
typedef struct { guint16 kind; PlNodeId node; } PlDiagnosticGrant;

typedef struct { char *host; guint16 port; } PlHostPort;
#define PL_BOOTSTRAP_PORT 6084        /* RFC 6940, section 11.1 */
/* Of "HOST", "HOST:PORT" or "[ADDRESS]:PORT"; the host, a name or an address, is the caller's. */
gboolean pl_host_port_parse (const char *text, guint16 otherwise, PlHostPort *place, GError **error);

/* How somebody gets in, one of three. */
typedef enum {
  PL_MODE_CERTIFICATES,         /* an authority says who is who (11.3) */
  PL_MODE_SELF_SIGNED,          /* keys say so themselves (11.3.1): names prove nothing, keys are pinned */
  PL_MODE_SHARED_SECRET,        /* the same, among those who have a secret (13.4, doc/PROTOCOL) */
} PlMode;

typedef struct PlKindBlob PlKindBlob;

typedef struct PlDocument {
  guint refs;                   /* pl_document_ref */
  char *instance_name;          /* overlay name */
  guint16 sequence;
  gboolean has_sequence;
  gint64 expiration;            /* seconds since 1970, 0: none given */
  GPtrArray *root_certs;        /* GBytes, DER */
  GArray *bootstrap_nodes;      /* PlHostPort */
  GArray *stun_servers;         /* PlHostPort, own namespace (doc/PROTOCOL) */
  GArray *multicast_groups;     /* PlHostPort, own namespace: where peers of the LAN are asked for (doc/PROTOCOL) */
  guint registration_places;    /* own namespace; 1: no copies */
  GArray *kinds;                /* PlKind: required kinds plus the registered ones; IANA wins */
  GPtrArray *kind_blobs;        /* PlKindBlob: what each kind-block's signature is over */
  GArray *bad_nodes;            /* PlNodeId */
  GArray *configuration_signers;/* PlNodeId */
  GArray *kind_signers;         /* PlNodeId */
  GPtrArray *enrollment_servers;/* char *, https */
  gboolean clients_permitted, no_ice, self_signed_permitted, chord_reactive;
  GChecksumType self_signed_digest;
  gboolean secret_links;        /* own namespace: links have a shared secret, which is not in the document */
  gboolean shared_secret;       /* one is given; its text stays in `xml` alone */
  guint8 initial_ttl;           /* default 100 */
  guint32 max_message_size;     /* bytes, default 5000 */
  guint32 reliability_timer;    /* ms, default 3000, at least 200 */
  guint32 chord_update_interval;/* s, default 600 */
  guint32 chord_ping_interval;  /* s, default 3600 */
  guint32 turn_density;
  gboolean domains_restricted;  /* RFC 7904: only AoRs of these domains are registered and looked up here */
  GPtrArray *domain_patterns;   /* char *, POSIX extended, each for a whole domain; none: the overlay's own name alone */
  GArray *diagnostic_grants;    /* PlDiagnosticGrant */
  guint peers_to_probe;         /* RFC 7363 section 7, default 4 */
  GBytes *xml;                  /* the document as received, whole */
  GBytes *blob;                 /* "<configuration ...> .. </configuration>", a slice of it */
  GPtrArray *signatures;        /* char *, base64, the signature elements after it */
  char *topology;               /* PL_TOPOLOGY_CHORD or PL_TOPOLOGY_SELF_TUNING */
  GPtrArray *link_protocols;    /* char *; never empty, default "TLS" */
  GPtrArray *mandatory_extensions; /* char *, namespaces */
  GPtrArray *kind_updates;      /* GBytes: kind-blocks that came later than the document (6.5.4) */
  guint node_id_length;         /* bytes, default 16; with another no Node-ID of the document is read */
  GPtrArray *unknown_kinds;     /* char *: required Kinds whose name, model or policy we don't know */
} PlDocument;

#define PL_DOCUMENT_MAX (256 * 1024)
#define PL_DOCUMENT_PATTERNS_MAX 64     /* domain_patterns */
#define PL_DOCUMENT_PATTERN_LEN_MAX 256
#define PL_DOCUMENT_GRANTS_MAX 1024     /* diagnostic_grants */
#define PL_DOCUMENT_PROBES_MAX 16       /* peers_to_probe; more is taken for this */
#define PL_DOCUMENT_GROUPS_MAX 4        /* multicast_groups */
#define PL_DOCUMENT_KINDS_MAX 128       /* of one document with its kind_updates */
#define PL_DOCUMENT_SEQUENCES 65535u    /* sequence numbers are 0 .. 65534 and compare modulo (6.3.2.1) */

/* What this program writes for its own overlays, all lists there and empty. */
PlDocument *pl_document_new (const char *instance_name);
/* Parses and validates. Every problem is said with its line. Does not check the signature.
 * Of several configurations `name` is taken, or the first when NULL. */
PlDocument *pl_document_parse (GBytes *xml, const char *name, GError **error);
/* For whoever keeps it; nobody changes it any more then. */
PlDocument *pl_document_ref (const PlDocument *document);
void pl_document_free (PlDocument *document); /* gives one reference back */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlDocument, pl_document_free)
/* Whether this program can be in such an overlay: topology plug-in, link protocol, extensions,
 * required Kinds, admission. The reason and the next step are in `error`. */
gboolean pl_document_check_supported (const PlDocument *document, GError **error);
PlMode pl_document_mode (const PlDocument *document);
const char *pl_mode_name (PlMode mode);
/* FALSE when its expiration has passed. */
gboolean pl_document_check_time (const PlDocument *document, PlEnv *env, GError **error);
/* The signature over "<configuration ...> .. </configuration>" and those over each Kind, by a
 * configuration-signer of `previous` (NULL, first contact: of the document itself) and one
 * of its own kind-signers. `trust` is that of `previous`; then the sequence must be greater and
 * the name the same (6.5.4.2). G_IO_ERROR_NOT_SUPPORTED: rightly signed, for another name. */
gboolean pl_document_verify (const PlDocument *document, PlTrust *trust, const PlDocument *previous, GError **error);
/* Whether `a` is newer than `b`, modulo (6.3.2.1). */
gboolean pl_document_sequence_newer (guint16 a, guint16 b);
/* A copy of `document` with the Kinds of `blocks` added (GBytes, each one kind-block
 * production, 6.5.4.1). PL_TRUST_ERROR: not signed by a kind-signer of the document, or a Kind
 * that is defined otherwise already. */
PlDocument *pl_document_with_kinds (const PlDocument *document, GPtrArray *blocks, PlTrust *trust, GError **error);
/* The kind-block of a Kind as it was received, NULL when it came without one. */
GBytes *pl_document_dup_kind_block (const PlDocument *document, guint32 id);
/* How many places keep a registration, 1 to PL_REGISTRATION_PLACES_MAX; more than 1 defines the Kind
 * of the copies with the limits of SIP-REGISTRATION. FALSE: the document defines that Kind itself. */
gboolean pl_document_set_registration_places (PlDocument *document, guint places);
/* An IPv4 multicast address in its usual form. */
gboolean pl_document_is_group (const char *address);
/* Whether the domain of `aor` (canonical) may be registered here (RFC 7904, domain restrictions). */
gboolean pl_document_allows_aor (const PlDocument *document, const char *aor);
/* `more` ("host:port", NULL-terminated, may be NULL), the document's STUN servers, and its
 * bootstrap nodes, which answer STUN too. NULL-terminated GPtrArray of char *, caller's. */
GPtrArray *pl_document_dup_stun (const PlDocument *document, char *const *more);
/* The definition of a Kind, NULL when unknown. */
const PlKind *pl_document_kind (const PlDocument *document, guint32 id);
/* "0xf0000001:SINGLE:USER-MATCH:1:1000", a private Kind (14.6) with its data model, access policy,
 * max-count and max-size; a NODE-MULTIPLE gets 20 places. */
gboolean pl_kind_parse (const char *text, PlKind *kind, GError **error);
/* Roots, overlay name and bad nodes as a trust store. */
PlTrust *pl_document_trust_new (const PlDocument *document, PlEnv *env, GError **error);

/* Makes a document from the fields of `document` (xml ignored), signed by `signer`, whose
 * Node-ID becomes configuration-signer and kind-signer when these lists are empty. */
GBytes *pl_document_build (const PlDocument *document, PlIdentity *signer, GError **error);

G_END_DECLS
