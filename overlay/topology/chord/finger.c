/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

#include <string.h>

/* A finger is looked for by Ping and attached to only when it is new to us: an Attach to a
 * peer we have a link with would only replace that link (10.5, 10.7.4.2). */

#define SEARCH_PAUSE (50 * PL_USEC_PER_MSEC)
#define RESEARCH_DELAY (2 * PL_USEC_PER_SEC)

void
pl_chord_fingers_clear (PlChord *chord)
{
  pl_timer_clear (&chord->finger_timer);
}

static guint
split (const PlChord *chord)
{
  return MIN (chord->config.finger_split, PL_CHORD_FINGER_SPLIT_MAX);
}

/* Parts of finger ranges that are looked at, counted from 1. */
static guint
n_parts (PlChord *chord)
{
  return MIN (pl_chord_finger_table_size (chord), 128 - split (chord)) << split (chord);
}

/* The range of finger i is [n + 2^(128-i), n + 2^(128-(i-1)) - 1]; its parts are of equal size,
 * 2^bits, which is returned. */
static guint
part_range (PlChord *chord, guint part, PlNodeId *from, PlNodeId *upto)
{
  PlNodeId one = { .b = { [PL_NODE_ID_LEN - 1] = 1 } };
  guint i = ((part - 1) >> split (chord)) + 1, bits = 128 - i - split (chord);
  PlNodeId next;

  *from = pl_node_id_add_power (&chord->config.self, 128 - i);
  for (guint skip = (part - 1) & ((1 << split (chord)) - 1); skip > 0; skip--)
    *from = pl_node_id_add_power (from, bits);
  next = pl_node_id_add_power (from, bits);
  *upto = pl_node_id_sub (&next, &one);
  return bits;
}

gboolean
pl_chord_is_finger (PlChord *chord, const PlNodeId *id)
{
  PlChordLink *link = pl_chord_link (chord, id);

  return link && link->peer && link->finger;
}

/* NULL: none. */
static const PlNodeId *
best_for (PlChord *chord, guint part)
{
  PlNodeId place, upto;

  part_range (chord, part, &place, &upto);
  return pl_ring_first_from (chord->ring, &place);
}

gboolean
pl_chord_needs (PlChord *chord, const PlNodeId *id)
{
  guint parts = n_parts (chord);

  if (pl_ring_is_neighbour (chord->ring, id))
    return TRUE;
  for (guint part = 1; part <= parts; part++)
    {
      const PlNodeId *first = best_for (chord, part);

      if (first && pl_node_id_equal (first, id))
        return TRUE;
    }
  return FALSE;
}

GArray *
pl_chord_dup_fingers (PlChord *chord)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  guint parts = n_parts (chord);

  /* Places come nearer to us from one part to the next, and so do their peers. */
  for (guint part = 1; part <= parts; part++)
    {
      const PlNodeId *first = best_for (chord, part);

      if (first && (list->len == 0 || !pl_node_id_equal (&g_array_index (list, PlNodeId, list->len - 1), first)))
        g_array_append_vals (list, first, 1);
    }
  return list;
}

static void
mark_finger (PlChord *chord, const PlNodeId *id)
{
  PlChordLink *link = pl_chord_link (chord, id);

  if (link)
    link->finger = TRUE;
}

/* The neighbour table covers the place, so its peer is known without asking. */
static gboolean
is_covered (PlChord *chord, const PlNodeId *place)
{
  guint n = MIN (pl_ring_size (chord->ring), pl_ring_breadth (chord->ring));
  const PlNodeId *last = n ? pl_ring_successor (chord->ring, n - 1) : NULL;

  return !last || pl_node_id_between (place, &chord->config.self, last);
}

static void search_next (gpointer data);

static void
search_soon (PlChord *chord)
{
  pl_env_arm (chord->config.env, &chord->finger_timer, SEARCH_PAUSE, search_next, chord);
}

static void
on_finger_attached (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;

  if (error_code == 0)
    {
      pl_chord_link_ours (chord, signer);
      mark_finger (chord, signer);
      pl_chord_tune_probe (chord, signer);
    }
  search_soon (chord);
}

static void
on_finger_ping (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;
  PlTopologyTarget target = { { { 0 } } };

  if (error_code != 0 || pl_node_id_equal (signer, &chord->config.self) || pl_chord_link (chord, signer))
    {
      if (error_code == 0)
        mark_finger (chord, signer);
      search_soon (chord);
      return;
    }
  target.id = *signer;
  chord->host.attach (chord->user, &target, on_finger_attached, chord, NULL);
}

static void
search_place (PlChord *chord, const PlNodeId *place)
{
  PlPingReq ping = { 0 };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);
  PlTopologyRequest request = { .code = PL_MESSAGE_PING_REQ, .body = body };

  request.target.id = *place;
  request.target.is_place = TRUE;
  chord->host.request (chord->user, &request, on_finger_ping, chord, NULL);
}

static PlNodeId
random_offset (PlChord *chord, guint bits)
{
  PlNodeId offset = { { 0 } };

  pl_env_random (chord->config.env, offset.b, sizeof offset.b);
  /* below 2^bits: clear what is above */
  for (guint bit = 0; bit < 128 - bits; bit++)
    offset.b[bit / 8] &= ~(0x80 >> bit % 8);
  return offset;
}

static void
search_next (gpointer data)
{
  PlChord *chord = data;

  while (chord->state == PL_TOPOLOGY_JOINED && chord->finger_next && chord->finger_next <= n_parts (chord))
    {
      PlNodeId from, upto;
      guint bits = part_range (chord, chord->finger_next++, &from, &upto);

      if (is_covered (chord, &from))
        break;
      if (pl_ring_has_between (chord->ring, &from, &upto))
        continue;
      if (chord->finger_random)
        {
          PlNodeId offset = random_offset (chord, bits);

          if (pl_env_random_below (chord->config.env, 2) == 0)
            continue;
          from = pl_node_id_add (&from, &offset);
        }
      search_place (chord, &from);
      return;
    }
  chord->finger_next = 0;
}

void
pl_chord_fingers_run (PlChord *chord, gboolean random)
{
  gboolean running = chord->finger_next != 0;

  chord->finger_next = 1;
  chord->finger_random = random;
  /* A running search goes on from the start when its answer comes. */
  if (!running)
    pl_env_arm (chord->config.env, &chord->finger_timer,
                pl_ring_size (chord->ring) ? RESEARCH_DELAY / 4 : RESEARCH_DELAY, search_next, chord);
}
