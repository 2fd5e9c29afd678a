/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A topology plug-in (RFC 6940 6.4): who is responsible, who is the next hop, and how a
 * node joins, keeps and leaves the overlay. It sends through PlTopologyHost, which the node
 * implements; it never sees links, headers or signatures. An engine: time from the env.
 */
#pragma once
#include "base/env.h"
#include "overlay/enroll/document.h"
#include "overlay/store/store.h"
#include "overlay/wire/id.h"

G_BEGIN_DECLS

typedef struct PlTopology PlTopology;

typedef enum {
  PL_TOPOLOGY_OUTSIDE,  /* no place found yet */
  PL_TOPOLOGY_CLIENT,   /* attached to the peer responsible for our Node-ID */
  PL_TOPOLOGY_JOINING,
  PL_TOPOLOGY_JOINED,
  PL_TOPOLOGY_LEAVING,
} PlTopologyState;

/* Where a request goes: a node, or the peer responsible for a place on the ring; source-
 * routed through `via` when has_via (10.6). */
typedef struct {
  PlNodeId id;
  gboolean is_place;
  PlNodeId via;
  gboolean has_via;
} PlTopologyTarget;

/* `error_code` 0: answered, `signer` and `body` set. An RFC error code: that error.
 * PL_TOPOLOGY_NO_ANSWER: nobody answered. */
#define PL_TOPOLOGY_NO_ANSWER 0xffff
typedef void (*PlTopologyDone) (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body);

/* `body` is borrowed; `certs` (GPtrArray of PlCert, may be NULL) go into the security block. */
typedef struct {
  PlTopologyTarget target;
  guint16 code;
  GBytes *body;
  GPtrArray *certs;
  gint64 timeout;         /* microseconds, 0: as long as any request */
} PlTopologyRequest;

typedef struct {
  /* Sends a request; `done` is called once, never before this returns, unless the host goes
   * away first; `destroy` always, after it. */
  void (*request) (gpointer user, const PlTopologyRequest *request, PlTopologyDone done, gpointer data, GDestroyNotify destroy);
  /* Attaches with send_update; `done` when the link stands (signer: who) or will not come. The
   * link itself is told by pl_topology_link_up. */
  void (*attach) (gpointer user, const PlTopologyTarget *target, PlTopologyDone done, gpointer data, GDestroyNotify destroy);
  /* When a message last came from this connected node, env time. */
  gint64 (*heard) (gpointer user, const PlNodeId *id);
  /* Something sent to this connected node waits for longer than a round trip takes. */
  gboolean (*suspect) (gpointer user, const PlNodeId *id);
  /* Closes a link nobody needs any more. */
  void (*disconnect) (gpointer user, const PlNodeId *id);
  /* Fetches `resource` from `node` and merges what is newer into the store (7.4.1.1). */
  void (*merge) (gpointer user, const PlNodeId *node, const PlResourceId *resource);
  void (*state_changed) (gpointer user, PlTopologyState state);
  /* The peer responsible for our Node-ID, or our range, changed. */
  void (*range_changed) (gpointer user);
} PlTopologyHost;

typedef struct {
  PlEnv *env;
  const PlDocument *document;
  PlStore *store;
  PlNodeId self;
  guint fingers;          /* size of the finger table, 0: 16, at most 128 (10.7.4.3) */
  guint finger_split;     /* a peer in each of 2^split parts of a finger's range, at most 3 */
  gboolean strict_hops;   /* 10.3 to the letter: what others say of their range is not used */
  guint joins;            /* of one node, before it is kept out for a while; 0: as often as it likes */
  gboolean need_all;      /* join only when links to all neighbours stand (role auto) */
} PlTopologyConfig;

/* What self-tuning (RFC 7363) came to. */
typedef struct {
  double size;            /* peers of the overlay */
  gint64 interval;        /* between stabilisations, microseconds */
} PlTopologyTuning;

typedef struct {
  const char *name;       /* topology-plugin of the configuration document */
  PlTopology *(*create) (const PlTopologyConfig *config, const PlTopologyHost *host, gpointer user);
  void (*free) (PlTopology *topology);
  void (*start_ring) (PlTopology *topology);
  void (*set_peer) (PlTopology *topology, gboolean peer);
  void (*leave) (PlTopology *topology, void (*done) (gpointer data), gpointer data);
  PlTopologyState (*state) (PlTopology *topology);
  void (*link_up) (PlTopology *topology, const PlNodeId *id);
  void (*link_down) (PlTopology *topology, const PlNodeId *id);
  guint16 (*handle) (PlTopology *topology, guint16 code, const PlNodeId *signer, const PlNodeId *link, GBytes *body, GBytes **answer);
  gboolean (*responsible) (PlTopology *topology, const PlNodeId *place);
  guint (*hops) (PlTopology *topology, const PlNodeId *place, PlNodeId *hops, guint max);
  gboolean (*plausible) (PlTopology *topology, const PlNodeId *place, const PlNodeId *signer);
  gboolean (*replica_ok) (PlTopology *topology, const PlNodeId *place, const PlNodeId *sender);
  void (*stored) (PlTopology *topology, const PlResourceId *resource, const PlNodeId *from);
  guint (*replicas) (PlTopology *topology, PlNodeId *ids, guint max);
  gboolean (*guest_of) (PlTopology *topology, PlNodeId *via);
  const char *(*role_of) (PlTopology *topology, const PlNodeId *id);
  gboolean (*is_peer) (PlTopology *topology, const PlNodeId *id);
  guint (*share_ppb) (PlTopology *topology);
  void (*probe_partition) (PlTopology *topology, const PlNodeId *bootstrap);
  void (*set_document) (PlTopology *topology, const PlDocument *document);
  GArray *(*dup_extensions) (PlTopology *topology);
  void (*on_extensions) (PlTopology *topology, const PlNodeId *signer, GArray *extensions);
  gboolean (*tuning) (PlTopology *topology, PlTopologyTuning *out);
} PlTopologyFuncs;

/* The first member of every plug-in's struct. */
struct PlTopology { const PlTopologyFuncs *funcs; };

/* The plug-in of this name, NULL when there is none. */
const PlTopologyFuncs *pl_topology_find (const char *name);

PlTopology *pl_topology_new (const PlTopologyFuncs *funcs, const PlTopologyConfig *config,
                             const PlTopologyHost *host, gpointer user);
void pl_topology_free (PlTopology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTopology, pl_topology_free)

/* We are the first peer of the overlay (6.4.2.1). */
void pl_topology_start_ring (PlTopology *topology);
/* Client (the start) or peer: joins as soon as it can, and hands over to be a client again. */
void pl_topology_set_peer (PlTopology *topology, gboolean peer);
/* Hands over and says goodbye (10.9); `done` at once when not joined, else within 2 s. */
void pl_topology_leave (PlTopology *topology, void (*done) (gpointer data), gpointer data);
PlTopologyState pl_topology_state (PlTopology *topology);
/* The connection table's news. link_up again for a link that replaced another. */
void pl_topology_link_up (PlTopology *topology, const PlNodeId *id);
void pl_topology_link_down (PlTopology *topology, const PlNodeId *id);
/* A verified Join, Leave, Update or RouteQuery of `signer`, which came over the link of
 * `link`. Returns 0 and an answer body (own reference), or an RFC error code. */
guint16 pl_topology_handle (PlTopology *topology, guint16 code, const PlNodeId *signer, const PlNodeId *link,
                            GBytes *body, GBytes **answer);
gboolean pl_topology_responsible (PlTopology *topology, const PlNodeId *place);
/* Best first; returns how many. The last is ourselves where we hold the copies of what its
 * peer, if it does not take the message, can't give. */
guint pl_topology_hops (PlTopology *topology, const PlNodeId *place, PlNodeId *hops, guint max);
/* `signer` may answer for `place` as far as we can see (6.3.4). */
gboolean pl_topology_plausible (PlTopology *topology, const PlNodeId *place, const PlNodeId *signer);
/* `sender` may store a replica for `place` with us (7.4.1.1, 10.4). */
gboolean pl_topology_replica_ok (PlTopology *topology, const PlNodeId *place, const PlNodeId *sender);
/* The store took values for `resource`: from their owner (`from` NULL; copies are made if we
 * are responsible) or as a copy that `from` holds too. */
void pl_topology_stored (PlTopology *topology, const PlResourceId *resource, const PlNodeId *from);
guint pl_topology_replicas (PlTopology *topology, PlNodeId *ids, guint max);
/* TRUE: a client that is not attached to the peer responsible for its Node-ID; `via` is a peer
 * that it is connected to (4.2.1). */
gboolean pl_topology_guest_of (PlTopology *topology, PlNodeId *via);
/* "neighbor", "finger" or "other". */
const char *pl_topology_role_of (PlTopology *topology, const PlNodeId *id);
/* This connected node is a peer, as its own Update said. */
gboolean pl_topology_is_peer (PlTopology *topology, const PlNodeId *id);
/* Our share of the ring in parts per billion (6.4.2.5). */
guint pl_topology_share_ppb (PlTopology *topology);
/* Is the overlay of this directly connected node another ring than ours? Merges (10.7.4.4). */
void pl_topology_probe_partition (PlTopology *topology, const PlNodeId *bootstrap);
/* Another document of the same overlay, borrowed (11.1); it may turn self-tuning on or off. */
void pl_topology_set_document (PlTopology *topology, const PlDocument *document);
/* Of a Probe or its answer (RFC 7363 6.5): what we add (of PlMessageExtension, own; NULL: nothing), and what
 * `signer` did (may be NULL), looked at before the body of an answer and after that of a request. */
GArray *pl_topology_dup_extensions (PlTopology *topology);
void pl_topology_on_extensions (PlTopology *topology, const PlNodeId *signer, GArray *extensions);
/* FALSE: not a peer, or of an overlay that does not tune itself. */
gboolean pl_topology_tuning (PlTopology *topology, PlTopologyTuning *out);

G_END_DECLS
