/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* Connectivity pings (10.7.1): links tell a dead far end only when something is sent. Of each
 * pair the first to find the link quiet asks, and both have heard the other. */

#define LOOK_EVERY (10 * PL_USEC_PER_SEC)
#define NEAR_QUIET (45 * PL_USEC_PER_SEC)     /* neighbours: 1.3 kB a ping stay near 25 B/s */
#define FAR_QUIET (180 * PL_USEC_PER_SEC)
/* A link of ours that became neither neighbour nor finger: the far side may still look for us. */
#define SPARE_AFTER (60 * PL_USEC_PER_SEC)
#define ASK_AGAIN (3 * PL_USEC_PER_SEC)

typedef struct {
  PlChord *chord;
  PlNodeId id;
} Pulse;

static void
on_pulse (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  Pulse *pulse = data;
  PlChordLink *link = pl_chord_link (pulse->chord, &pulse->id);

  if (!link)
    return;
  link->asked = 0;
  if (error_code == PL_TOPOLOGY_NO_ANSWER)
    pulse->chord->host.disconnect (pulse->chord->user, &pulse->id);
}

void
pl_chord_pulse_now (PlChord *chord, const PlNodeId *id)
{
  PlChordLink *link = pl_chord_link (chord, id);
  gint64 now = pl_env_now (chord->config.env);
  PlPingReq ping = { 0 };
  g_autoptr (GBytes) body = NULL;
  PlTopologyRequest request = { .target = { .id = *id }, .code = PL_MESSAGE_PING_REQ };
  Pulse *pulse;

  if (!link || (link->asked && now - link->asked < PL_CHORD_ASK_MAX))
    return;
  link->asked = now;
  body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);
  request.body = body;
  pulse = g_new0 (Pulse, 1);
  pulse->chord = chord;
  pulse->id = *id;
  chord->host.request (chord->user, &request, on_pulse, pulse, g_free);
}

void
pl_chord_pulse (PlChord *chord, const PlNodeId *id)
{
  if (pl_chord_link (chord, id)
      && pl_env_now (chord->config.env) - chord->host.heard (chord->user, id) >= ASK_AGAIN)
    pl_chord_pulse_now (chord, id);
}

/* Those that `list` should name, were they alive in the sender's eyes: a neighbour of ours
 * within the span of what it told. */
void
pl_chord_pulse_missing (PlChord *chord, const PlNodeId *from, GArray *list, gboolean after)
{
  const PlNodeId *last = list && list->len ? &g_array_index (list, PlNodeId, MIN (list->len, PL_CHORD_LIST_MAX) - 1) : NULL;

  for (guint i = 0; last && i < 2 * pl_ring_breadth (chord->ring); i++)
    {
      const PlNodeId *id = i % 2 ? pl_ring_successor (chord->ring, i / 2) : pl_ring_predecessor (chord->ring, i / 2);
      gboolean named = FALSE;

      if (!id || pl_node_id_equal (id, from)
          || !(after ? pl_node_id_between (id, from, last) : pl_node_id_between (id, last, from)))
        continue;
      for (guint j = 0; j < list->len && j < PL_CHORD_LIST_MAX; j++)
        named = named || pl_node_id_equal (&g_array_index (list, PlNodeId, j), id);
      if (!named)
        pl_chord_pulse (chord, id);
    }
}

gboolean
pl_chord_is_near (PlChord *chord, const PlNodeId *id)
{
  if (chord->want_peer || chord->state == PL_TOPOLOGY_JOINED)
    return pl_ring_is_neighbour (chord->ring, id);
  return pl_ring_has (chord->ring, id) && pl_ring_wants (chord->ring, id, PL_CHORD_CLIENT_LINKS, 0);
}

/* One that we made, for a place that others have now. */
static gboolean
is_spare (PlChord *chord, const PlChordLink *link)
{
  gint64 now = pl_env_now (chord->config.env);

  return chord->state == PL_TOPOLOGY_JOINED && link->ours && link->peer && now - link->up > SPARE_AFTER
         && !pl_chord_needs (chord, &link->id);
}

static void
look (gpointer data)
{
  PlChord *chord = data;
  gint64 now = pl_env_now (chord->config.env);
  g_autoptr (GArray) quiet = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  g_autoptr (GArray) spare = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PlChordLink *link = value;
      gint64 silence = now - chord->host.heard (chord->user, &link->id);

      if (is_spare (chord, link))
        g_array_append_val (spare, link->id);
      else if (link->peer && silence > (pl_chord_is_near (chord, &link->id) ? NEAR_QUIET : FAR_QUIET))
        g_array_append_val (quiet, link->id);
    }
  for (guint i = 0; i < quiet->len; i++)
    pl_chord_pulse (chord, &g_array_index (quiet, PlNodeId, i));
  for (guint i = 0; i < spare->len; i++)
    chord->host.disconnect (chord->user, &g_array_index (spare, PlNodeId, i));
  pl_chord_history_tidy (chord);
  pl_chord_pulse_start (chord);
}

void
pl_chord_pulse_start (PlChord *chord)
{
  gint64 offset = pl_env_random_below (chord->config.env, LOOK_EVERY / 2);

  pl_env_arm (chord->config.env, &chord->pulse_timer, LOOK_EVERY * 3 / 4 + offset, look, chord);
}

void
pl_chord_pulse_clear (PlChord *chord)
{
  pl_timer_clear (&chord->pulse_timer);
}
