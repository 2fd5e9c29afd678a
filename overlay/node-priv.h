/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The parts of the node share this state: node.c (life, wiring), node-boot.c (bootstrap nodes,
 * states), node-multicast.c (peers of the LAN), node-attach.c (links), node-app.c (application links),
 * node-network.c (another network), node-turn.c (TURN servers), node-method.c (requests of others), node-data.c (store and fetch),
 * node-ways.c (first hops, who is shunned), node-direct.c (answers that go straight),
 * node-config.c (the document while running), node-limits.c (how often others may ask).
 */
#pragma once
#include "overlay/node.h"

#include "overlay/diagnostics.h"
#include "overlay/forward/forward.h"
#include "overlay/repute.h"
#include "overlay/topology/topology.h"
#include "overlay/trans/trans.h"
#include "overlay/usage/certificates.h"
#include "overlay/usage/registration.h"

G_BEGIN_DECLS

/* Exchanges under way that others began, for links and for SIP each: the transport has 64, and
 * some of them stay for what we begin. */
#define PL_NODE_ATTACHES_MAX 24
#define PL_NODE_ATTACH_TIME (15 * PL_USEC_PER_SEC)
#define PL_NODE_CONNECT_TIME (5 * PL_USEC_PER_SEC)
#define PL_NODE_STOP_TIME (3 * PL_USEC_PER_SEC)
#define PL_NODE_KEEPALIVE (22 * PL_USEC_PER_SEC)
#define PL_NODE_VIAS_MAX 256
#define PL_NODE_WAY_HOP_TIME PL_USEC_PER_SEC /* for each answer when a try asks for its way */
#define PL_APPLICATION_SIP 5060           /* 14.5 */

typedef struct PlBoot PlBoot;
typedef struct PlNodeBounds PlNodeBounds;
typedef struct PlCache PlCache;
typedef struct PlDirects PlDirects;
typedef struct PlNodeConfig PlNodeConfig;
typedef struct PlNodeTurn PlNodeTurn;
typedef struct PlNodeMulticast PlNodeMulticast;
typedef struct PlOperation PlOperation;

struct PlNode {
  PlEnv *env;
  const PlDocument *document;
  PlIdentity *identity;
  PlTrust *trust;
  PlTransport *transport;
  PlStore *store;
  PlNodeOptions options;
  PlNodeHandlers handlers;
  gpointer user;
  PlNodeId self;
  PlNodeState state;
  gboolean reluctant;
  PlNodeId entry;            /* the peer whose guest we are, zero: nobody's */
  GHashTable *vias;          /* PlNodeId -> PlNodeId: through whom a node is reached; made when needed */
  gint64 born;

  PlForward *forward;
  PlTrans *trans;
  PlTopology *topology;

  PlRegistrations *registrations;
  PlCertificates *certificates;
  PlLookups *lookups;

  PlBoot *boot;              /* node-boot.c */
  PlCache *cache;            /* node-cache.c */
  GPtrArray *attaches;       /* node-attach.c: Attaching */
  GPtrArray *connects;       /* node-app.c: AppExchange */
  GPtrArray *app_links;      /* node-app.c: PlAppLink, of others */
  PlOperation *operations;   /* node-data.c: under way, newest first */
  PlDiagnosticsPolicy diagnostics; /* node-diagnose.c; `names` is ours */
  GPtrArray *traces;         /* node-trace.c: PlTrace */
  PlNodeBounds *bounds;      /* node-limits.c */
  PlDirects *directs;        /* node-direct.c; NULL: not wanted */
  PlRepute *repute;          /* node-ways.c */
  PlTimer *shun_timer;
  PlNodeConfig *config;      /* node-config.c */
  PlNodeTurn *turn;          /* node-turn.c */
  PlNodeMulticast *multicast; /* node-multicast.c */

  PlTimer *promote_timer, *stop_timer;
  PlTimer *probe_timer;      /* node-network.c */
  gint64 probed;
  void (*stopped) (gpointer data);
  gpointer stopped_data;
};

/* --- node.c --- */
void pl_node_enter (PlNode *node, PlNodeState state);
/* A client of its own choice becomes a peer now. */
void pl_node_promote (PlNode *node);
/* overlay-reliability-timer, microseconds. */
gint64 pl_node_reliability (const PlDocument *document);

/* --- node-boot.c --- */
void pl_node_boot_init (PlNode *node);
void pl_node_boot_free (PlNode *node);
void pl_node_boot_start (PlNode *node);
void pl_node_boot_stop (PlNode *node);
/* The number of links or the place in the overlay changed. */
void pl_node_boot_check (PlNode *node);
/* Where no link is left, at once and not when its time has come. */
void pl_node_boot_hurry (PlNode *node);
gboolean pl_node_boot_is (PlNode *node, const PlNodeId *id);

/* A node of the overlay answered our question from "host:port", where it takes links. */
void pl_node_boot_found (PlNode *node, const char *where, const PlNodeId *id);

/* --- node-multicast.c --- */
void pl_node_multicast_init (PlNode *node);
void pl_node_multicast_free (PlNode *node);
void pl_node_multicast_set_document (PlNode *node);
/* Asks who is there, when the document names a group; not too often. */
void pl_node_multicast_ask (PlNode *node);
/* Answers to the first question may still come. */
gboolean pl_node_multicast_waits (PlNode *node);

/* --- node-cache.c --- */
void pl_node_cache_init (PlNode *node);
void pl_node_cache_free (PlNode *node);
/* Says in an Attach of ours where we take links by address. */
void pl_node_cache_offer (PlNode *node, PlAttachReqAns *message);
/* The addresses that the far side's Attach offers: "host:port", NULL: none. */
GStrv pl_node_cache_dup_offered (const PlAttachReqAns *remote);
/* A link to `id` stands, which offered these. */
void pl_node_cache_add (PlNode *node, const PlNodeId *id, const char *const *addresses);

/* The document in force is another: its bootstrap nodes. */
void pl_node_boot_set_document (PlNode *node);

/* --- node-config.c --- */
void pl_node_config_init (PlNode *node, const PlDocument *document);
void pl_node_config_free (PlNode *node);
void pl_node_config_start (PlNode *node);
void pl_node_config_stop (PlNode *node);
void pl_node_on_config_update (PlNode *node, PlIncoming *incoming);
/* It has an old document: here is ours (6.3.2.1). */
void pl_node_config_send (PlNode *node, const PlNodeId *id);
/* It does not know this Kind: here is its definition (7.4.1.2). */
void pl_node_config_teach (PlNode *node, const PlNodeId *id, guint32 kind);

/* --- node-attach.c --- */
void pl_node_attach_init (PlNode *node);
void pl_node_attach_free (PlNode *node);
/* For PlTopologyHost. */
void pl_node_attach (PlNode *node, const PlTopologyTarget *target, PlTopologyDone done, gpointer data, GDestroyNotify destroy);
void pl_node_on_attach (PlNode *node, PlIncoming *incoming);
/* Those we began are to be begun anew. */
void pl_node_attach_fail_ours (PlNode *node);
void pl_node_attach_link_up (PlNode *node, const PlNodeId *id);

/* --- node-app.c --- */
void pl_node_app_init (PlNode *node);
void pl_node_app_free (PlNode *node);
void pl_node_on_app_attach (PlNode *node, PlIncoming *incoming);
/* As pl_node_app_connect, for any application. */
PlAppConnect *pl_node_app_open (PlNode *node, guint16 application, const PlNodeId *target, PlAppConnectFunc func, gpointer user);
/* Ends the links that are condemned (NULL: all). */
typedef gboolean (*PlCondemnFunc) (PlNode *node, const PlCarrierInfo *info, gconstpointer data);
void pl_node_app_expel (PlNode *node, PlCondemnFunc condemn, gconstpointer data, const char *reason);
/* There is a way to send requests. */
void pl_node_app_link_up (PlNode *node);
/* Those we began are to be begun anew. */
void pl_node_app_fail_ours (PlNode *node, const char *why);

/* --- node-turn.c --- */
void pl_node_turn_init (PlNode *node);
void pl_node_turn_free (PlNode *node);
void pl_node_turn_set_document (PlNode *node);
void pl_node_turn_set_state (PlNode *node);
/* What ICE gathered for an exchange of ours. */
void pl_node_turn_note (PlNode *node, const PlAttachReqAns *local);
/* Why there was no path to another node, as far as we can tell; static. */
const char *pl_node_turn_explain (PlNode *node);
gboolean pl_node_turn_offers (PlNode *node);
gboolean pl_node_turn_admit (PlNode *node, const PlNodeId *asker);
/* Tells the far side about the server; takes `link`. */
void pl_node_turn_serve (PlNode *node, PlAppLink *link);

/* --- node-method.c --- */
void pl_node_on_request (PlNode *node, PlIncoming *incoming);

/* --- node-diagnose.c --- */
void pl_node_diagnose_init (PlNode *node);
void pl_node_diagnose_free (PlNode *node);
/* Answers the diagnostics extension of a Ping, where there is one, into `extensions`. FALSE: the
 * request has been refused. */
gboolean pl_node_diagnose_ping (PlNode *node, PlIncoming *incoming, GArray *extensions);
void pl_node_on_path_track (PlNode *node, PlIncoming *incoming);

/* --- node-trace.c --- */
void pl_node_trace_init (PlNode *node);
void pl_node_trace_free (PlNode *node);

/* --- node-direct.c --- */
void pl_node_direct_init (PlNode *node);
/* After the transport, which knows our dials. */
void pl_node_direct_free (PlNode *node);
/* For PlTransRequest.options (GArray of PlForwardingOption, borrowed), NULL: none. */
GArray *pl_node_direct_options (PlNode *node);
/* For PlTransHandlers. */
gboolean pl_node_direct_answer (PlNode *node, const PlDirectResponse *to, GBytes *answer);

/* --- node-limits.c --- */
/* The first of all; node->options.limits is ours afterwards. */
void pl_node_limits_init (PlNode *node);
void pl_node_limits_free (PlNode *node);
/* FALSE: its sender, or whose link it came over, asks too often. */
gboolean pl_node_may_store (PlNode *node, const PlIncoming *incoming);
gboolean pl_node_may_attach (PlNode *node, const PlIncoming *incoming);

/* --- node-ways.c --- */
void pl_node_ways_init (PlNode *node);
void pl_node_ways_free (PlNode *node);
/* As pl_topology_hops, those who are shunned last. */
guint pl_node_hops (PlNode *node, const PlNodeId *place, PlNodeId *hops, guint max);
/* Fills `first`, when the request goes out. TRUE: it takes a source route there, since it is not the
 * hop that the request would take by itself. */
gboolean pl_node_choose_first (PlNode *node, const PlResourceId *resource, const PlUsageWay *way, PlUsageTrail *trail);
/* For PlUsageFuncs. */
void pl_node_judge (gpointer impl, const PlNodeId *who, PlVerdict verdict, const PlResourceId *resource);

/* --- node-data.c --- */
void pl_node_data_free (PlNode *node);
/* Data models of the Kinds in the document, for readers; `data` is the node. */
PlDataModel pl_node_model (guint32 kind, gpointer data);
void pl_node_merge (PlNode *node, const PlNodeId *from, const PlResourceId *resource);
PlUsageNet pl_node_usage_net (PlNode *node);

G_END_DECLS
