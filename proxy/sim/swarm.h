/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All simulated peers: whole nodes (overlay/node.h) of one overlay in virtual time, which come
 * and go.
 */
#pragma once
#include "base/universe.h"
#include "overlay/node.h"
#include "overlay/sim/vnet.h"
#include "proxy/sim/sim.h"

G_BEGIN_DECLS

typedef struct PlSwarm PlSwarm;

typedef struct {
  PlSwarm *swarm;
  guint index;
  char *aor;
  PlIdentity *identity;
  PlNodeId id;
  PlEnv *env;
  PlVNetNat nat;
  gboolean silent, malicious;
  PlStore *store;
  PlNode *node;              /* NULL: away */
  PlTimer *next;             /* its birth or death */
  gint64 born, joined;       /* env time; joined 0: not yet */
  guint64 bytes;             /* given to carriers in this life, since `counted` */
  gint64 counted;
} PlSimPeer;

PlSwarm *pl_swarm_new (const PlSimOptions *options, PlSimResult *result, GError **error);
void pl_swarm_free (PlSwarm *swarm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSwarm, pl_swarm_free)

PlUniverse *pl_swarm_universe (PlSwarm *swarm);
PlVNet *pl_swarm_net (PlSwarm *swarm);
guint pl_swarm_size (PlSwarm *swarm);           /* everybody, also who is away */
PlSimPeer *pl_swarm_peer (PlSwarm *swarm, guint i);
PlSimPeer *pl_swarm_find (PlSwarm *swarm, const PlNodeId *id); /* NULL: nobody's */
guint pl_swarm_alive (PlSwarm *swarm);
/* Started and in the ring, or a client of it. */
gboolean pl_sim_peer_is_in (const PlSimPeer *peer);

/* Plans the births of the first `peers`. */
void pl_swarm_grow (PlSwarm *swarm);
/* All that were started are in. */
gboolean pl_swarm_grown (PlSwarm *swarm);
/* From now on sessions end, and others begin in their place. */
void pl_swarm_churn (PlSwarm *swarm);
/* From now on the malicious ones are, once they are in, and all store their registrations anew. */
void pl_swarm_turn (PlSwarm *swarm);
void pl_swarm_count_traffic (PlSwarm *swarm);
/* Since then, of everybody while there. */
double pl_swarm_peer_seconds (PlSwarm *swarm);
/* Dies without a word. */
void pl_swarm_kill (PlSwarm *swarm, PlSimPeer *peer);
/* Sorted clockwise: PlSimPeer in state peer. */
GPtrArray *pl_swarm_dup_ring (PlSwarm *swarm);
/* The peer that keeps place `i` of its registration in truth. */
PlSimPeer *pl_swarm_keeper (GPtrArray *ring, const PlSimPeer *owner, guint i);
/* Their Node-IDs, in the same order (GArray of PlNodeId, own). */
GArray *pl_swarm_dup_places (PlSwarm *swarm);
/* Every peer is linked to its true predecessor and successor as neighbours. */
gboolean pl_swarm_is_ring (PlSwarm *swarm);
/* Each peer is in one half or the other. */
gboolean pl_sim_peer_is_other_half (const PlSimPeer *peer);

G_END_DECLS
