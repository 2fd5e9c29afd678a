/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The peers of a Chord ring that this node can route to, sorted clockwise from itself
 * (RFC 6940 10.1, 10.3). Pure data: who is neighbour, who is responsible, who is next.
 */
#pragma once
#include "overlay/wire/id.h"

G_BEGIN_DECLS

/* "at least three predecessors and successors" (10.7). */
#define PL_RING_NEIGHBOURS 3
#define PL_RING_NEIGHBOURS_MAX 32     /* of an overlay that tunes itself (RFC 7363 6.2) */
/* Copies beside the responsible peer's own (10.4). */
#define PL_RING_REPLICAS 2

typedef struct PlRing PlRing;

PlRing *pl_ring_new (const PlNodeId *self);
void pl_ring_free (PlRing *ring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlRing, pl_ring_free)

/* TRUE when the ring changed. Ourselves and the wildcard are never entered. */
gboolean pl_ring_add (PlRing *ring, const PlNodeId *id);
gboolean pl_ring_remove (PlRing *ring, const PlNodeId *id);
/* The first at or clockwise after `place`, before ourselves; NULL when there is none. */
const PlNodeId *pl_ring_first_from (const PlRing *ring, const PlNodeId *place);
gboolean pl_ring_has (const PlRing *ring, const PlNodeId *id);
guint pl_ring_size (const PlRing *ring);
/* The i-th peer clockwise (0: successor) or counterclockwise (0: predecessor); NULL past the end. */
const PlNodeId *pl_ring_successor (const PlRing *ring, guint i);
const PlNodeId *pl_ring_predecessor (const PlRing *ring, guint i);
/* How many of either side are neighbours: PL_RING_NEIGHBOURS, or what was set, within its bounds. */
guint pl_ring_breadth (const PlRing *ring);
void pl_ring_set_breadth (PlRing *ring, guint breadth);
/* One of the first pl_ring_breadth of either side. */
gboolean pl_ring_is_neighbour (const PlRing *ring, const PlNodeId *id);
/* Would be among the first `successors` clockwise or `predecessors` counterclockwise. */
gboolean pl_ring_wants (const PlRing *ring, const PlNodeId *id, guint successors, guint predecessors);

/* predecessor < k <= self (10.1); alone we own everything. */
gboolean pl_ring_owns (const PlRing *ring, const PlNodeId *k);
/* k is ours or one of those whose replica we hold: third predecessor < k <= self (10.7.3). */
gboolean pl_ring_keeps (const PlRing *ring, const PlNodeId *k);
/* `who` is one of the three holders of k as we see the ring, or nearer to k than one (7.4.1.1). */
gboolean pl_ring_may_hold (const PlRing *ring, const PlNodeId *k, const PlNodeId *who);
/* Next hops toward k, best first (10.3): k itself, then the largest before k, then the
 * smallest after it. Returns how many of `max` were written. */
guint pl_ring_hops (const PlRing *ring, const PlNodeId *k, PlNodeId *hops, guint max);
/* Those that come before us as holders of k, nearest to k first. */
guint pl_ring_holders (const PlRing *ring, const PlNodeId *k, PlNodeId *holders, guint max);
/* Some peer lies in [from, upto]. */
gboolean pl_ring_has_between (const PlRing *ring, const PlNodeId *from, const PlNodeId *upto);

G_END_DECLS
