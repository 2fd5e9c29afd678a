/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/ideal.h"

#define FINGERS 16          /* as overlay/topology/chord has */
#define NEIGHBOURS 3
#define KNOWN (FINGERS + 2 * NEIGHBOURS)

struct PlIdeal {
  GArray *ids;
  guint (*known)[KNOWN];    /* indices; [0] of an unused row is G_MAXUINT */
};

static const PlNodeId *
id_at (PlIdeal *ideal, guint i)
{
  return &g_array_index (ideal->ids, PlNodeId, i % ideal->ids->len);
}

/* The first at or after a place. */
static guint
responsible (PlIdeal *ideal, const PlNodeId *place)
{
  guint low = 0, high = ideal->ids->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (pl_node_id_compare (id_at (ideal, middle), place) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low % ideal->ids->len;
}

PlIdeal *
pl_ideal_new (GArray *ids)
{
  PlIdeal *ideal = g_new0 (PlIdeal, 1);

  ideal->ids = ids;
  ideal->known = g_malloc_n (MAX (ids->len, 1), sizeof *ideal->known);
  for (guint i = 0; i < ids->len; i++)
    ideal->known[i][0] = G_MAXUINT;
  return ideal;
}

void
pl_ideal_free (PlIdeal *ideal)
{
  if (!ideal)
    return;
  g_array_unref (ideal->ids);
  g_free (ideal->known);
  g_free (ideal);
}

static const guint *
known_of (PlIdeal *ideal, guint at)
{
  guint *known = ideal->known[at], n = ideal->ids->len;

  if (known[0] != G_MAXUINT)
    return known;
  for (guint i = 0; i < FINGERS; i++)
    {
      PlNodeId place = pl_node_id_add_power (id_at (ideal, at), 127 - i);

      known[i] = responsible (ideal, &place);
    }
  for (guint i = 0; i < NEIGHBOURS; i++)
    {
      known[FINGERS + 2 * i] = (at + i + 1) % n;
      known[FINGERS + 2 * i + 1] = (at + n - (i + 1) % n) % n;
    }
  return known;
}

/* The known peer that comes last before the place, or else the next on the ring. */
static guint
next_hop (PlIdeal *ideal, guint at, const PlNodeId *place)
{
  const guint *known = known_of (ideal, at);
  PlNodeId best = { { 0 } }, whole = pl_node_id_sub (place, id_at (ideal, at));
  guint hop = (at + 1) % ideal->ids->len;

  for (guint i = 0; i < KNOWN; i++)
    {
      PlNodeId distance = pl_node_id_sub (id_at (ideal, known[i]), id_at (ideal, at));

      if (known[i] == at || pl_node_id_compare (&distance, &whole) > 0 || pl_node_id_compare (&distance, &best) <= 0)
        continue;
      best = distance;
      hop = known[i];
    }
  return hop;
}

guint
pl_ideal_hops (PlIdeal *ideal, const PlNodeId *from, const PlNodeId *place)
{
  guint at = responsible (ideal, from), goal = responsible (ideal, place), hops = 0;

  for (; at != goal && hops < ideal->ids->len; hops++)
    at = next_hop (ideal, at, place);
  return hops;
}
