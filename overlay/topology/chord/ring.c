/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/ring.h"

#include <string.h>

#define STEP 8     /* peers that there is room for more */

struct PlRing {
  PlNodeId self;
  PlNodeId *peers; /* ascending by distance clockwise from self */
  guint len;
  guint breadth;
};

PlRing *
pl_ring_new (const PlNodeId *self)
{
  PlRing *ring = g_new0 (PlRing, 1);

  ring->self = *self;
  ring->breadth = PL_RING_NEIGHBOURS;
  return ring;
}

void
pl_ring_free (PlRing *ring)
{
  if (!ring)
    return;
  g_free (ring->peers);
  g_free (ring);
}

static const PlNodeId *
peer_at (const PlRing *ring, guint i)
{
  return &ring->peers[i];
}

/* Index of the first peer whose distance from us is at least that of `id`. */
static guint
position (const PlRing *ring, const PlNodeId *id)
{
  PlNodeId distance = pl_node_id_sub (id, &ring->self);
  guint low = 0, high = ring->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      PlNodeId there = pl_node_id_sub (peer_at (ring, middle), &ring->self);

      if (pl_node_id_compare (&there, &distance) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

gboolean
pl_ring_has (const PlRing *ring, const PlNodeId *id)
{
  guint i = position (ring, id);

  return i < ring->len && pl_node_id_equal (peer_at (ring, i), id);
}

gboolean
pl_ring_add (PlRing *ring, const PlNodeId *id)
{
  PlNodeId copy = *id;
  guint at = position (ring, id);

  if (pl_node_id_equal (id, &ring->self) || pl_node_id_is_wildcard (id) || pl_ring_has (ring, id))
    return FALSE;
  if (ring->len % STEP == 0)
    ring->peers = g_renew (PlNodeId, ring->peers, ring->len + STEP);
  memmove (&ring->peers[at + 1], &ring->peers[at], (ring->len++ - at) * sizeof *ring->peers);
  ring->peers[at] = copy;
  return TRUE;
}

gboolean
pl_ring_remove (PlRing *ring, const PlNodeId *id)
{
  guint at = position (ring, id);

  if (!pl_ring_has (ring, id))
    return FALSE;
  memmove (&ring->peers[at], &ring->peers[at + 1], (--ring->len - at) * sizeof *ring->peers);
  return TRUE;
}

guint
pl_ring_size (const PlRing *ring)
{
  return ring->len;
}

const PlNodeId *
pl_ring_successor (const PlRing *ring, guint i)
{
  return i < ring->len ? peer_at (ring, i) : NULL;
}

const PlNodeId *
pl_ring_predecessor (const PlRing *ring, guint i)
{
  return i < ring->len ? peer_at (ring, ring->len - 1 - i) : NULL;
}

const PlNodeId *
pl_ring_first_from (const PlRing *ring, const PlNodeId *place)
{
  guint i = position (ring, place);

  return i < ring->len ? peer_at (ring, i) : NULL;
}

guint
pl_ring_breadth (const PlRing *ring)
{
  return ring->breadth;
}

void
pl_ring_set_breadth (PlRing *ring, guint breadth)
{
  ring->breadth = CLAMP (breadth, PL_RING_NEIGHBOURS, PL_RING_NEIGHBOURS_MAX);
}

gboolean
pl_ring_is_neighbour (const PlRing *ring, const PlNodeId *id)
{
  return pl_ring_has (ring, id) && pl_ring_wants (ring, id, ring->breadth, ring->breadth);
}

gboolean
pl_ring_wants (const PlRing *ring, const PlNodeId *id, guint successors, guint predecessors)
{
  guint before = position (ring, id);
  guint after = ring->len - before;

  if (pl_node_id_equal (id, &ring->self))
    return FALSE;
  if (before < ring->len && pl_node_id_equal (peer_at (ring, before), id))
    after--;
  return before < successors || after < predecessors;
}

gboolean
pl_ring_owns (const PlRing *ring, const PlNodeId *k)
{
  const PlNodeId *predecessor = pl_ring_predecessor (ring, 0);

  return !predecessor || pl_node_id_between (k, predecessor, &ring->self);
}

gboolean
pl_ring_keeps (const PlRing *ring, const PlNodeId *k)
{
  const PlNodeId *third = pl_ring_predecessor (ring, PL_RING_REPLICAS);

  return !third || pl_node_id_between (k, third, &ring->self);
}

gboolean
pl_ring_may_hold (const PlRing *ring, const PlNodeId *k, const PlNodeId *who)
{
  PlNodeId theirs = pl_node_id_sub (who, k), ours = pl_node_id_sub (&ring->self, k);
  guint nearer = pl_node_id_compare (&ours, &theirs) < 0;

  for (guint i = 0; i < ring->len; i++)
    {
      PlNodeId distance = pl_node_id_sub (peer_at (ring, i), k);

      nearer += pl_node_id_compare (&distance, &theirs) < 0;
    }
  return nearer <= PL_RING_REPLICAS;
}

guint
pl_ring_hops (const PlRing *ring, const PlNodeId *k, PlNodeId *hops, guint max)
{
  guint at = position (ring, k), n = 0, after = at;

  if (at < ring->len && pl_node_id_equal (peer_at (ring, at), k) && n < max)
    hops[n++] = *peer_at (ring, after++);
  for (guint i = at; i > 0 && n < max; i--)
    hops[n++] = *peer_at (ring, i - 1);
  for (guint i = after; i < ring->len && n < max; i++)
    hops[n++] = *peer_at (ring, i);
  return n;
}

guint
pl_ring_holders (const PlRing *ring, const PlNodeId *k, PlNodeId *holders, guint max)
{
  guint n = 0;

  for (guint i = position (ring, k); i < ring->len && n < max; i++)
    holders[n++] = *peer_at (ring, i);
  return n;
}

gboolean
pl_ring_has_between (const PlRing *ring, const PlNodeId *from, const PlNodeId *upto)
{
  for (guint i = 0; i < ring->len; i++)
    if (pl_node_id_equal (peer_at (ring, i), from) || pl_node_id_between (peer_at (ring, i), from, upto))
      return TRUE;
  return FALSE;
}
