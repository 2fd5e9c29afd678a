/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "base/log.h"

/* Going: for good (10.9), or back to being a client, which hands over and says goodbye as well. */

#define HAND_OVER_TIME PL_USEC_PER_SEC
#define GOODBYE_TIME (300 * PL_USEC_PER_MSEC)

/* Those that stay attached to a client are the peers after its Node-ID (4.2.1). */
static void
become_client (PlChord *chord)
{
  g_autoptr (GArray) held = pl_store_dup_resources (chord->config.store);
  g_autoptr (GList) links = g_hash_table_get_values (chord->links);
  g_autoptr (GArray) spare = g_array_new (FALSE, FALSE, sizeof (PlNodeId));

  for (guint i = 0; i < held->len; i++)
    pl_store_drop (chord->config.store, &g_array_index (held, PlResourceId, i));
  pl_chord_replicas_forget (chord);
  pl_chord_updates_clear (chord);
  pl_chord_fingers_clear (chord);
  g_array_set_size (chord->announced, 0);
  chord->retiring = FALSE;
  chord->started_ring = FALSE;
  pl_chord_enter (chord, PL_TOPOLOGY_CLIENT);
  chord->host.range_changed (chord->user);
  for (GList *l = links; l; l = l->next)
    {
      const PlChordLink *link = l->data;

      if (link->peer && !pl_chord_is_near (chord, &link->id))
        g_array_append_val (spare, link->id);
    }
  for (guint i = 0; i < spare->len; i++)
    chord->host.disconnect (chord->user, &g_array_index (spare, PlNodeId, i));
  pl_chord_home_verify (chord, 0);
}

static void
leave_over (gpointer data)
{
  PlChord *chord = data;
  void (*left) (gpointer) = g_steal_pointer (&chord->left);

  pl_timer_clear (&chord->leave_timer);
  if (left)
    left (chord->left_data);
  else if (chord->retiring)
    become_client (chord);
}

static void
say_goodbye (gpointer data)
{
  PlChord *chord = data;
  GHashTableIter iter;
  gpointer key;

  if (pl_chord_replicas_pending (chord) > 0 && pl_env_now (chord->config.env) < chord->hand_over_until)
    {
      pl_env_arm (chord->config.env, &chord->leave_timer, 50 * PL_USEC_PER_MSEC, say_goodbye, chord);
      return;
    }
  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    pl_chord_leave_send (chord, key, NULL);
  pl_env_arm (chord->config.env, &chord->leave_timer, GOODBYE_TIME, leave_over, chord);
}

static void
hand_over (PlChord *chord)
{
  gboolean joined = chord->state == PL_TOPOLOGY_JOINED;

  if (joined)
    pl_chord_replicas_sync (chord, -1);
  pl_chord_enter (chord, PL_TOPOLOGY_LEAVING);
  chord->hand_over_until = pl_env_now (chord->config.env) + HAND_OVER_TIME;
  pl_env_arm (chord->config.env, &chord->leave_timer, 0, joined ? say_goodbye : leave_over, chord);
}

void
pl_chord_leave (PlTopology *topology, void (*done) (gpointer data), gpointer data)
{
  PlChord *chord = (PlChord *) topology;

  chord->left = done;
  chord->left_data = data;
  chord->retiring = FALSE;
  hand_over (chord);
}

void
pl_chord_retire (PlChord *chord)
{
  /* Alone there is nobody to hand over to. */
  if (chord->state != PL_TOPOLOGY_JOINED || pl_ring_size (chord->ring) == 0)
    return;
  chord->retiring = TRUE;
  hand_over (chord);
}
