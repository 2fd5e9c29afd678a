/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node of one overlay: the facade over transport, forwarding, transactions, topology,
 * storage and usages. What the proxy and other programs include.
 */
#pragma once
#include "base/rate.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/identity.h"
#include "overlay/link/segment.h"
#include "overlay/link/transport.h"
#include "overlay/store/store.h"
#include "overlay/usage/lookup.h"
#include "overlay/usage/turn-offer.h"
#include "overlay/usage/usage.h"

G_BEGIN_DECLS

typedef struct PlNode PlNode;

typedef enum { PL_ROLE_AUTO, PL_ROLE_CLIENT, PL_ROLE_PEER, PL_ROLE_BOOTSTRAP } PlRole;
typedef enum { PL_NODE_OFFLINE, PL_NODE_CONNECTING, PL_NODE_CLIENT, PL_NODE_JOINING, PL_NODE_PEER, PL_NODE_LEAVING, PL_NODE_LEFT } PlNodeState;

typedef struct _PlDiagnosticsPolicy PlDiagnosticsPolicy; /* overlay/diagnostics.h */

/* What others may ask of us: each so much and so often, without names. 0: no bound of ours. */
typedef struct {
  guint messages;        /* a second, over one link; those above are dropped */
  guint stores;          /* a minute, of one node; those above get Error_Request_Timeout */
  guint link_stores;     /* the same over one link, of whomever; copies that the ring passes on don't count */
  guint attaches;        /* Attach and AppAttach, each, a minute, of one node */
  guint joins;           /* of one node, before it is kept out of the ring for a while */
} PlNodeLimits;

/* What a node has that is told nothing else. */
#define PL_NODE_LIMITS { .messages = 1000, .stores = 60, .link_stores = 1200, .attaches = 30, .joins = 6 }

typedef struct {
  PlRole role;
  gint64 promote_after;  /* auto: microseconds as a client before joining */
  gboolean may_start_ring; /* starts the ring when no bootstrap node answers (the first one listed does) */
  guint compress_via;    /* as a peer, Via Lists from this length on stay here and an opaque ID travels (6.1.2); 0: never */
  const PlDiagnosticsPolicy *diagnostics; /* what others may ask; copied; NULL: the defaults */
  /* Peers of last time, "host:port", newest first, NULL-terminated: asked before the document's
   * bootstrap nodes (11.4). Read by pl_node_new; NULL: none. */
  const char *const *cached;
  gboolean find_turn;    /* behind a NAT: use a TURN server of the overlay, when it offers one (9) */
  gboolean needs_turn;   /* with find_turn: wherever we are (candidates=relay-only) */
  const PlTurnOfferOptions *turn; /* one that runs beside this peer; copied; NULL: none */
  /* "ADDRESS:PORT", numeric, where others reach our listener: what we store and fetch asks for answers
   * straight to there, and we answer others so (RFC 7263). Read by pl_node_new; NULL: neither. */
  const char *direct_response;
  const PlNodeLimits *limits; /* copied; NULL: PL_NODE_LIMITS */
  guint fingers;         /* size of the finger table, 0: 16, at most 128 (10.7.4.3) */
  guint finger_split;    /* a peer in each of 2^split parts of a finger's range, at most 3 */
  gboolean strict_hops;  /* next hops by 10.3 to the letter (doc/PROTOCOL, Next hops) */
} PlNodeOptions;

/* A link of an application (SIP), up and mutually certified. */
typedef struct PlAppLink PlAppLink;
typedef struct {
  void (*message) (gpointer user, PlAppLink *link, const guint8 *data, gsize len);
  void (*stalled) (gpointer user, PlAppLink *link);
  void (*closed) (gpointer user, PlAppLink *link, const char *reason);
} PlAppLinkHandlers;

typedef struct {
  void (*state_changed) (gpointer user, PlNodeState state);
  /* A far node AppAttached to us; the link is the handler's (pl_app_link_free). */
  void (*incoming) (gpointer user, PlAppLink *link);
  /* Who to give as PlNodeOptions.cached the next time; may be NULL. */
  void (*cached) (gpointer user, const char *const *addresses);
  /* A newer document of the overlay (6.5.4) is in force when this returns: keep its `xml` for the
   * next start. The handler may still take bootstrap nodes out of it, our own addresses. */
  void (*document) (gpointer user, PlDocument *document);
  /* What is wrong with the overlay's configuration and what to do, for people; NULL: nothing any
   * more. A node that can't follow it leaves by itself, to the state left. */
  void (*trouble) (gpointer user, const char *problem);
} PlNodeHandlers;

/* All borrowed but `transport`, which is taken, and the document, which is referenced: another may
 * take its place in the node, the store and the trust. */
PlNode *pl_node_new (PlEnv *env, const PlDocument *document, PlIdentity *identity, PlTrust *trust,
                     PlTransport *transport, PlStore *store, const PlNodeOptions *options,
                     const PlNodeHandlers *handlers, gpointer user);
void pl_node_free (PlNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlNode, pl_node_free)

void pl_node_start (PlNode *node);
/* Removes registrations, leaves the ring (6.4.2.2, 10.9), closes links; `done` when over, at
 * the latest after 3 s. */
void pl_node_stop (PlNode *node, void (*done) (gpointer data), gpointer data);
/* Role auto: no peer while it is so (on battery, on a metered network); a peer hands over what it
 * keeps and becomes a client, registrations stay. */
void pl_node_set_reluctant (PlNode *node, gboolean reluctant);
/* This machine has these addresses now (numeric, NULL-terminated, loopback too), other than before; NULL:
 * it has slept. Links from an address that is gone end at once, application links after sleep, too; the others
 * must show that they live, and an overlay that is lost is looked for at once. */
void pl_node_network_changed (PlNode *node, const char *const *addresses);
/* Goes on with the certificate of `renewed` in place of the identity's (11.3): no link is closed, no
 * place given up. FALSE: not the same key, user and Node-ID. */
gboolean pl_node_renew (PlNode *node, PlIdentity *renewed);
PlNodeState pl_node_state (PlNode *node);
const PlNodeId *pl_node_id (PlNode *node);
/* The one in force, borrowed until the next event. */
const PlDocument *pl_node_document (PlNode *node);
/* A newer document from a file: judged as one that came by ConfigUpdate (6.5.4.2), in force, and
 * told by the handler, after this returned TRUE. */
gboolean pl_node_take_document (PlNode *node, GBytes *xml, GError **error);

/* --- SIP usage (RFC 7904) --- */

/* Keeps our route stored at hash(aor), refreshed, until withdrawn. The AoR must be the
 * identity's. */
void pl_node_register (PlNode *node, const char *aor);
/* What its devices can do (RFC 7904, contact_prefs): feature parameters as RFC 3840 writes them, ""
 * when nothing is to be said. While it is registered. */
void pl_node_prefer (PlNode *node, const char *aor, const char *prefs);
void pl_node_withdraw (PlNode *node, const char *aor);
/* Whoever looks `aor` up is sent on to `target`; NULL: no more (pl_registrations_redirect). */
gboolean pl_node_redirect (PlNode *node, const char *aor, const char *target);
/* Borrowed until the next call; NULL: not redirected. */
const char *pl_node_redirected (PlNode *node, const char *aor);
/* When the registration was last stored with success, env wall microseconds; 0: not (yet). */
gint64 pl_node_registered (PlNode *node, const char *aor);

/* How many places have said that they keep it, and how many of them do not (overlay/usage/registration.h). */
void pl_node_registration_places (PlNode *node, const char *aor, guint *places, guint *missing);

PlLookup *pl_node_lookup (PlNode *node, const char *aor, PlLookupFunc func, gpointer user);
/* pl_lookup_cancel (overlay/usage/lookup.h) ends it without a callback. */

/* --- application links --- */

typedef struct PlAppConnect PlAppConnect;
typedef void (*PlAppConnectFunc) (gpointer user, PlAppLink *link, const GError *error);
/* AppAttach for application 5060 to `target`. Exactly one of link and error is given; the
 * link is the caller's. Bounded: fails after 5 s without an answer. */
PlAppConnect *pl_node_app_connect (PlNode *node, const PlNodeId *target, PlAppConnectFunc func, gpointer user);
void pl_app_connect_cancel (PlAppConnect *connect);

#define PL_APP_LINK_KEPT_MAX 8 /* messages that came before there was a handler for them; more are dropped */
/* What was kept comes from the loop. */
void pl_app_link_set_handlers (PlAppLink *link, const PlAppLinkHandlers *handlers, gpointer user);
gboolean pl_app_link_send (PlAppLink *link, GBytes *message);
gboolean pl_app_link_pending (PlAppLink *link, const guint8 *data, gsize len);
GPtrArray *pl_app_link_dup_unacknowledged (PlAppLink *link);
const PlCarrierInfo *pl_app_link_info (PlAppLink *link); /* node, cert: who is there */
void pl_app_link_free (PlAppLink *link);

/* --- TURN (9) --- */

typedef enum {
  PL_TURN_NOT_OFFERED, /* turn-density 0, or we don't look (PlNodeOptions.find_turn) */
  PL_TURN_NOT_NEEDED,  /* no NAT was seen (yet) */
  PL_TURN_MISSING,     /* looked for */
  PL_TURN_FOUND,       /* in use for links; good for phones too */
} PlTurnState;

/* `access` (may be NULL) is borrowed until the next event, NULL unless found; `expires`: env wall
 * microseconds, may be NULL. */
PlTurnState pl_node_turn (PlNode *node, const PlTurnAccess **access, gint64 *expires);

/* --- what people and programs look at --- */

typedef struct {
  PlNodeId node;
  char *aor;            /* certified name, may be NULL */
  const char *role;     /* "neighbor", "finger", "client", "bootstrap", "other"; "noticed" when there is no link */
  char *path;           /* PlCarrierInfo.description */
  gint64 rtt, since;    /* microseconds; env time */
  guint noticed[PL_VERDICTS]; /* how often it did so with requests of ours (overlay/repute.h) */
  gboolean shunned;     /* others are preferred to it */
} PlPeerInfo;
void pl_peer_info_free (PlPeerInfo *info);
/* GPtrArray of PlPeerInfo, freed with it. */
GPtrArray *pl_node_dup_peers (PlNode *node);
/* The same of those without a link who have let a request vanish, denied or lied. */
GPtrArray *pl_node_dup_noticed (PlNode *node);

/* What self-tuning (RFC 7363) came to: peers of the overlay, microseconds between stabilisations.
 * FALSE: not a peer, or of an overlay whose document does not have it. */
gboolean pl_node_tuning (PlNode *node, double *size, gint64 *interval);

/* Store and fetch for other usages and tests (RFC 6940 7.4; overlay/usage/usage.h). */
void pl_node_store (PlNode *node, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value,
                    guint32 lifetime, PlStoreFunc func, gpointer user);
void pl_node_fetch (PlNode *node, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user);
/* By iterative routing (4.3): this node itself asks hop by hop for the way, then fetches through
 * its end. Slower, but a node on the way that drops messages is noticed. FALSE: too many at once. */
gboolean pl_node_fetch_iteratively (PlNode *node, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user);

G_END_DECLS
