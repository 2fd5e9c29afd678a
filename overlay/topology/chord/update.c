/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

#include <string.h>

/* Changes of a moment are told once; those farther away can wait longer. */
#define ANNOUNCE_NEAR (100 * PL_USEC_PER_MSEC)
#define ANNOUNCE_CLIENTS (2 * PL_USEC_PER_SEC)
#define ANNOUNCE_FAR (10 * PL_USEC_PER_SEC)
/* Lists help those who may take us for a neighbour; others need them only for our range, and are told
 * that we are there while it is the same (10.7). */
#define CLOSE(chord) (2 * pl_ring_breadth ((chord)->ring))
/* A peer that does not list us though it should is told about us, this often. */
#define REMIND_EVERY (2 * PL_USEC_PER_SEC)

void
pl_chord_updates_clear (PlChord *chord)
{
  pl_timer_clear (&chord->announce_timer);
  pl_timer_clear (&chord->announce_clients_timer);
  pl_timer_clear (&chord->announce_far_timer);
  pl_timer_clear (&chord->stabilise_timer);
}

static GArray *
side_list (PlChord *chord, const PlNodeId *(*nth) (const PlRing *ring, guint i))
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (PlNodeId));

  for (guint i = 0; i < pl_ring_breadth (chord->ring) && nth (chord->ring, i); i++)
    g_array_append_vals (list, nth (chord->ring, i), 1);
  return list;
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  return pl_node_id_compare (a, b);
}

static GArray *
finger_list (PlChord *chord)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, chord->links);
  while (list->len < PL_CHORD_LIST_MAX && g_hash_table_iter_next (&iter, NULL, &value))
    if (((PlChordLink *) value)->peer && ((PlChordLink *) value)->finger)
      g_array_append_vals (list, &((PlChordLink *) value)->id, 1);
  g_array_sort (list, compare_ids);
  return list;
}

static void
on_update_answer (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
}

/* `to` knows our predecessor; from now on it does. */
static gboolean
knows_range (PlChord *chord, PlChordLink *link)
{
  const PlNodeId *now = pl_ring_predecessor (chord->ring, 0);
  gboolean known = now && link->has_said && pl_node_id_equal (&link->said, now);

  if ((link->has_said = now != NULL))
    link->said = *now;
  return known;
}

void
pl_chord_update_send (PlChord *chord, const PlNodeId *to, gboolean full)
{
  PlChordLink *link = pl_chord_link (chord, to);
  g_auto (PlChordUpdate) update = { 0 };
  g_autoptr (GBytes) body = NULL;
  gboolean known;

  if (!link)
    return;
  known = knows_range (chord, link);
  update.uptime = (pl_env_now (chord->config.env) - chord->born) / PL_USEC_PER_SEC;
  if (full)
    update.type = PL_CHORD_UPDATE_FULL;
  else if (!known || !link->peer || pl_ring_wants (chord->ring, to, CLOSE (chord), CLOSE (chord)))
    update.type = PL_CHORD_UPDATE_NEIGHBORS;
  else
    update.type = PL_CHORD_UPDATE_PEER_READY;
  update.predecessors = side_list (chord, pl_ring_predecessor);
  update.successors = side_list (chord, pl_ring_successor);
  if (full)
    update.fingers = finger_list (chord);
  body = pl_body_write (pl_body_type (PL_MESSAGE_UPDATE_REQ), &update);
  link->told = pl_env_now (chord->config.env);
  pl_chord_send (chord, to, PL_MESSAGE_UPDATE_REQ, body, on_update_answer);
}

/* --- telling the others (10.7.3) --- */

typedef enum { NEAR, CLIENTS, FAR } Audience;

static Audience
audience_of (PlChord *chord, const PlChordLink *link)
{
  if (pl_ring_is_neighbour (chord->ring, &link->id))
    return NEAR;
  return link->peer ? FAR : CLIENTS;
}

static void
announce_to (PlChord *chord, Audience audience)
{
  GHashTableIter iter;
  gpointer key, value;

  if (chord->state != PL_TOPOLOGY_JOINED)
    return;
  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (audience_of (chord, value) == audience)
      pl_chord_update_send (chord, key, FALSE);
}

static void
announce_near (gpointer data)
{
  announce_to (data, NEAR);
}

/* Those who have never heard of us (RFC 7363 5.2). */
static void
announce_new (gpointer data)
{
  PlChord *chord = data;
  GHashTableIter iter;
  gpointer key, value;

  if (chord->state != PL_TOPOLOGY_JOINED)
    return;
  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (audience_of (chord, value) == NEAR && ((PlChordLink *) value)->told == 0)
      pl_chord_update_send (chord, key, FALSE);
}

static void
announce_clients (gpointer data)
{
  announce_to (data, CLIENTS);
}

static void
announce_far (gpointer data)
{
  announce_to (data, FAR);
}

void
pl_chord_tell_all (PlChord *chord)
{
  pl_timer_clear (&chord->announce_timer);
  pl_timer_clear (&chord->announce_clients_timer);
  pl_timer_clear (&chord->announce_far_timer);
  announce_to (chord, NEAR);
  announce_to (chord, CLIENTS);
  announce_to (chord, FAR);
}

static GArray *
neighbours (PlChord *chord)
{
  GArray *list = side_list (chord, pl_ring_predecessor);
  g_autoptr (GArray) successors = side_list (chord, pl_ring_successor);

  g_array_append_vals (list, successors->data, successors->len);
  return list;
}

void
pl_chord_announce (PlChord *chord)
{
  g_autoptr (GArray) now = neighbours (chord);
  const PlNodeId *first = now->len ? &g_array_index (now, PlNodeId, 0) : NULL;
  const PlNodeId *before = chord->announced->len ? &g_array_index (chord->announced, PlNodeId, 0) : NULL;
  gboolean range_same = first && before ? pl_node_id_equal (first, before) : first == before;

  if (now->len == chord->announced->len
      && (now->len == 0 || memcmp (now->data, chord->announced->data, now->len * sizeof (PlNodeId)) == 0))
    return;
  g_array_unref (chord->announced);
  chord->announced = g_array_ref (now);
  /* Self-tuning is of the periodic strategy (RFC 7363 5): only of a new range all hear at once (10.7.3). */
  if (pl_chord_is_tuned (chord) && range_same)
    {
      if (!chord->announce_timer)
        pl_env_arm (chord->config.env, &chord->announce_timer, ANNOUNCE_NEAR, announce_new, chord);
      pl_chord_tune_look (chord);
      return;
    }
  pl_env_arm (chord->config.env, &chord->announce_timer, ANNOUNCE_NEAR, announce_near, chord);
  if (chord->config.document->chord_reactive || !range_same)
    {
      pl_env_arm (chord->config.env, &chord->announce_clients_timer, ANNOUNCE_CLIENTS, announce_clients, chord);
      /* One change after the other must not put it off for ever. */
      if (!chord->announce_far_timer)
        pl_env_arm (chord->config.env, &chord->announce_far_timer, ANNOUNCE_FAR, announce_far, chord);
    }
  if (!range_same)
    chord->host.range_changed (chord->user);
}

/* Of a ring that tunes itself only the first of either side hear of us periodically (RFC 7363 5.2). */
static void
tell_first (PlChord *chord)
{
  const PlNodeId *ends[] = { pl_ring_predecessor (chord->ring, 0), pl_ring_successor (chord->ring, 0) };

  for (guint i = 0; i < G_N_ELEMENTS (ends) && ends[i]; i++)
    if (i == 0 || !pl_node_id_equal (ends[0], ends[1]))
      pl_chord_update_send (chord, ends[i], FALSE);
}

static void
stabilise (gpointer data)
{
  PlChord *chord = data;
  gint64 now = pl_env_now (chord->config.env);

  if (pl_chord_is_tuned (chord))
    {
      pl_chord_tune (chord);
      tell_first (chord);
    }
  else
    announce_near (chord);
  pl_chord_replicas_sync (chord, 0);
  if (now - chord->fingers_searched >= chord->config.document->chord_ping_interval * PL_USEC_PER_SEC)
    {
      chord->fingers_searched = now;
      pl_chord_fingers_run (chord, TRUE);
    }
  pl_chord_stabilise_start (chord);
}

/* About every chord-update-interval, randomly offset (10.7.4.1). */
void
pl_chord_stabilise_start (PlChord *chord)
{
  gint64 interval = pl_chord_stabilise_interval (chord);
  gint64 delay = interval * 3 / 4 + pl_env_random_below (chord->config.env, interval / 2 + 1);

  chord->stabilise_at = pl_env_now (chord->config.env) + delay;
  pl_env_arm (chord->config.env, &chord->stabilise_timer, delay, stabilise, chord);
}

/* --- being told --- */

static gboolean
consider (PlChord *chord, GArray *list, const PlNodeId *from)
{
  gboolean named = FALSE;

  for (guint i = 0; list && i < list->len && i < PL_CHORD_LIST_MAX; i++)
    {
      const PlNodeId *id = &g_array_index (list, PlNodeId, i);

      named = named || pl_node_id_equal (id, &chord->config.self);
      pl_chord_candidate (chord, id, from, 0);
    }
  return named;
}

/* Others route through us as we were before a restart: say that it is over. */
static void
deny (PlChord *chord, PlChordLink *link)
{
  gint64 now = pl_env_now (chord->config.env);

  if (link->told && now - link->told < REMIND_EVERY)
    return;
  link->told = now;
  pl_chord_leave_send (chord, &link->id, on_update_answer);
}

static void
after_update (PlChord *chord, PlChordLink *link, gboolean named, gboolean has_lists)
{
  gint64 now = pl_env_now (chord->config.env);

  switch (chord->state)
    {
    case PL_TOPOLOGY_OUTSIDE:
    case PL_TOPOLOGY_CLIENT:
      if (named)
        deny (chord, link);
      else if (chord->state == PL_TOPOLOGY_CLIENT)
        pl_chord_join_check (chord);
      break;
    case PL_TOPOLOGY_JOINING:
      if (named)
        pl_chord_joined (chord);
      if (named && !chord->want_peer)
        pl_chord_retire (chord);
      break;
    case PL_TOPOLOGY_JOINED:
      if (has_lists && !named && pl_ring_is_neighbour (chord->ring, &link->id)
          && pl_ring_size (chord->ring) <= CLOSE (chord) && now - link->told > REMIND_EVERY)
        pl_chord_update_send (chord, &link->id, FALSE);
      break;
    case PL_TOPOLOGY_LEAVING:
      break;
    }
}

guint16
pl_chord_on_update (PlChord *chord, const PlNodeId *signer, const PlNodeId *link_id, GBytes *body, GBytes **answer)
{
  PlChordLink *link = pl_chord_link (chord, signer);
  PlNodeId from = *signer;
  g_auto (PlChordUpdate) update = { 0 };
  gboolean named;

  if (pl_body_read (pl_body_type (PL_MESSAGE_UPDATE_REQ), body, NULL, NULL, &update) != PL_WIRE_OK)
    return PL_ERROR_INVALID_MESSAGE;
  if (!link || !pl_node_id_equal (signer, link_id))
    return PL_ERROR_FORBIDDEN;
  if (update.type != PL_CHORD_UPDATE_PEER_READY && update.type != PL_CHORD_UPDATE_NEIGHBORS
      && update.type != PL_CHORD_UPDATE_FULL)
    return PL_ERROR_INVALID_MESSAGE;
  if (!link->peer && !pl_chord_history_came (chord, &from))
    return PL_ERROR_FORBIDDEN;
  link->peer = TRUE;
  if (update.type != PL_CHORD_UPDATE_PEER_READY
      && (link->has_before = update.predecessors && update.predecessors->len > 0))
    link->before = g_array_index (update.predecessors, PlNodeId, 0);
  pl_chord_tune_uptime (chord, link, update.uptime);
  if (pl_ring_add (chord->ring, &from))
    pl_chord_changed (chord, FALSE);
  named = consider (chord, update.predecessors, &from);
  named = consider (chord, update.successors, &from) || named;
  pl_chord_pulse_missing (chord, &from, update.predecessors, FALSE);
  pl_chord_pulse_missing (chord, &from, update.successors, TRUE);
  pl_chord_candidates_run (chord);
  if ((link = pl_chord_link (chord, &from)))
    after_update (chord, link, named, update.type != PL_CHORD_UPDATE_PEER_READY);
  *answer = NULL;
  return 0;
}

/* --- leaving (10.9) --- */

void
pl_chord_leave_send (PlChord *chord, const PlNodeId *to, PlTopologyDone done)
{
  const PlNodeId *predecessor = pl_ring_predecessor (chord->ring, 0);
  PlLeaveReq leave = { .leaving_peer_id = chord->config.self };
  g_auto (PlChordLeaveData) data = { 0 };
  g_autoptr (GBytes) specific = NULL, body = NULL;

  /* To those before us we are a successor. */
  if (predecessor && pl_node_id_equal (predecessor, to))
    {
      data.type = PL_CHORD_LEAVE_FROM_SUCC;
      data.successors = side_list (chord, pl_ring_successor);
    }
  else
    {
      data.type = PL_CHORD_LEAVE_FROM_PRED;
      data.predecessors = side_list (chord, pl_ring_predecessor);
    }
  {
    g_auto (PlWriter) writer;

    pl_writer_init (&writer);
    pl_chord_leave_data_write (&writer, &data);
    specific = pl_writer_finish (&writer);
  }
  leave.overlay_specific_data = specific;
  body = pl_body_write (pl_body_type (PL_MESSAGE_LEAVE_REQ), &leave);
  pl_chord_send (chord, to, PL_MESSAGE_LEAVE_REQ, body, done);
}

guint16
pl_chord_on_leave (PlChord *chord, const PlNodeId *signer, const PlNodeId *link_id, GBytes *body, GBytes **answer)
{
  PlChordLink *link = pl_chord_link (chord, signer);
  PlNodeId from = *signer;
  g_auto (PlLeaveReq) leave = { 0 };
  g_auto (PlChordLeaveData) data = { 0 };
  gboolean gone;
  PlReader reader;

  if (pl_body_read (pl_body_type (PL_MESSAGE_LEAVE_REQ), body, NULL, NULL, &leave) != PL_WIRE_OK)
    return PL_ERROR_INVALID_MESSAGE;
  if (!pl_node_id_equal (&leave.leaving_peer_id, signer) || !pl_node_id_equal (link_id, signer) || !link)
    return PL_ERROR_FORBIDDEN;
  *answer = NULL;
  if (!link->peer) /* what a client names is nothing to us */
    return 0;
  pl_chord_tune_lost (chord, &from);
  link->peer = FALSE;
  gone = pl_ring_remove (chord->ring, &from);
  pl_reader_init_bytes (&reader, leave.overlay_specific_data);
  if (pl_chord_leave_data_read (&reader, &data))
    {
      consider (chord, data.successors, &from);
      consider (chord, data.predecessors, &from);
    }
  if (gone)
    pl_chord_changed (chord, FALSE);
  return 0;
}
