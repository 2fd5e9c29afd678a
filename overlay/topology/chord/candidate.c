/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

#include <string.h>

/* Nobody's word makes a neighbour: a Node-ID someone named is attached to first, and enters
 * the ring when its own Update came (S1-12, S2-41, RFC 6940 10.7.3). */

#define FORGET_AFTER (60 * PL_USEC_PER_SEC)
#define RETRY_AFTER (5 * PL_USEC_PER_SEC)
/* A neighbour whose link was lost is most often dead: one Ping asks before an Attach is repeated into
 * nowhere by each of its six neighbours. Who names it within the next time has not noticed yet. */
#define GONE_ASK_AFTER (2 * PL_USEC_PER_SEC)
#define GONE_ASK_TIME (2 * PL_USEC_PER_SEC)
#define GONE_FOR (20 * PL_USEC_PER_SEC)

typedef struct {
  PlNodeId id;
  PlNodeId from;           /* who named it */
  gboolean has_from, busy;
  gboolean gone;           /* its link was lost: is it there at all? */
  guint tries;
  gint64 not_before, named;
} Candidate;

typedef struct {
  PlChord *chord;
  PlNodeId id;
} Attempt;

void
pl_chord_candidates_init (PlChord *chord)
{
  chord->candidates = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, g_free, NULL);
}

void
pl_chord_candidates_free (PlChord *chord)
{
  pl_timer_clear (&chord->candidate_timer);
  g_hash_table_unref (chord->candidates);
}

void
pl_chord_candidate_forget (PlChord *chord, const PlNodeId *id)
{
  Candidate *candidate = g_hash_table_lookup (chord->candidates, id);

  if (candidate && !candidate->busy)
    g_hash_table_remove (chord->candidates, id);
}

static gboolean
is_old (gpointer key, gpointer value, gpointer user_data)
{
  Candidate *candidate = value;
  gint64 now = *(gint64 *) user_data;

  return !candidate->busy && now - candidate->named > FORGET_AFTER && now > candidate->not_before;
}

static gboolean
is_wanted (PlChord *chord, const PlNodeId *id)
{
  if (chord->want_peer || chord->state == PL_TOPOLOGY_JOINED)
    return pl_ring_wants (chord->ring, id, pl_ring_breadth (chord->ring), pl_ring_breadth (chord->ring));
  return pl_ring_wants (chord->ring, id, PL_CHORD_CLIENT_LINKS, 0);
}

/* Others came to stand nearer. */
static gboolean
is_useless (gpointer key, gpointer value, gpointer user_data)
{
  PlChord *chord = user_data;
  gint64 now = pl_env_now (chord->config.env);

  return is_old (key, value, &now) && !is_wanted (chord, key);
}

/* One peer that lies must not keep us from those that others name. */
static gboolean
from_has_room (PlChord *chord, const PlNodeId *from, gboolean busy, guint max)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, chord->candidates);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Candidate *candidate = value;

      n += candidate->has_from && (!busy || candidate->busy) && pl_node_id_equal (&candidate->from, from);
    }
  return n < max;
}

void
pl_chord_candidate (PlChord *chord, const PlNodeId *id, const PlNodeId *from, gint64 delay)
{
  gint64 now = pl_env_now (chord->config.env);
  Candidate *candidate = g_hash_table_lookup (chord->candidates, id);

  if (pl_node_id_equal (id, &chord->config.self) || pl_node_id_is_wildcard (id) || pl_chord_link (chord, id))
    return;
  if (!candidate)
    {
      if (from && !is_wanted (chord, id))
        return;
      if (g_hash_table_size (chord->candidates) >= PL_CHORD_CANDIDATES_MAX
          || (from && !from_has_room (chord, from, FALSE, PL_CHORD_NAMED_MAX)))
        g_hash_table_foreach_remove (chord->candidates, is_old, &now);
      if (from && !from_has_room (chord, from, FALSE, PL_CHORD_NAMED_MAX))
        return;
      if (g_hash_table_size (chord->candidates) >= PL_CHORD_CANDIDATES_MAX)
        return;
      candidate = g_new0 (Candidate, 1);
      candidate->id = *id;
      candidate->not_before = now + delay;
      g_hash_table_add (chord->candidates, candidate);
    }
  /* Somebody still sees it long after we gave up: it may be back. */
  if (!candidate->busy && candidate->tries >= PL_CHORD_ATTACH_TRIES && now > candidate->not_before)
    candidate->tries = 0;
  candidate->named = now;
  if (from && candidate->tries == 0)
    {
      candidate->from = *from;
      candidate->has_from = TRUE;
    }
}

void
pl_chord_candidate_gone (PlChord *chord, const PlNodeId *id)
{
  Candidate *candidate;

  pl_chord_candidate (chord, id, NULL, GONE_ASK_AFTER);
  candidate = g_hash_table_lookup (chord->candidates, id);
  if (candidate && candidate->tries == 0)
    candidate->gone = TRUE;
}

/* In our own range nothing is routed but to whom we are connected: the peer before it knows it. */
static void
set_way (PlChord *chord, const Candidate *candidate, PlTopologyTarget *target)
{
  gboolean by_namer = candidate->has_from && pl_ring_has (chord->ring, &candidate->from);

  target->id = candidate->id;
  if (by_namer && candidate->tries == 0)
    {
      target->via = candidate->from;
      target->has_via = TRUE;
    }
  else if (pl_ring_owns (chord->ring, &candidate->id))
    target->has_via = pl_ring_hops (chord->ring, &candidate->id, &target->via, 1) > 0;
}

/* It lives and is our neighbour, but there is no link: where we stand we tear the ring. */
static void
on_alive (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;

  if (error_code != 0 || chord->state != PL_TOPOLOGY_JOINED || pl_chord_link (chord, signer)
      || !is_wanted (chord, signer))
    return;
  pl_notice ("topology", "a neighbour can't be reached: a client from now on", NULL);
  chord->want_peer = FALSE;
  pl_chord_retire (chord);
}

static void
ask_whether_alive (PlChord *chord, const Candidate *candidate)
{
  PlPingReq ping = { 0 };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);
  PlTopologyRequest request = { .code = PL_MESSAGE_PING_REQ, .body = body };

  set_way (chord, candidate, &request.target);
  chord->host.request (chord->user, &request, on_alive, chord, NULL);
}

static void
on_attached (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  Attempt *attempt = data;
  PlChord *chord = attempt->chord;
  Candidate *candidate = g_hash_table_lookup (chord->candidates, &attempt->id);

  chord->attaching--;
  if (error_code == 0)
    pl_chord_link_ours (chord, signer);
  if (candidate)
    {
      candidate->busy = FALSE;
      candidate->tries++;
      candidate->not_before = pl_env_now (chord->config.env) + candidate->tries * RETRY_AFTER;
      if (error_code == 0)
        g_hash_table_remove (chord->candidates, &attempt->id);
      else if (chord->config.need_all && chord->state == PL_TOPOLOGY_JOINED
               && candidate->tries == PL_CHORD_ATTACH_TRIES && is_wanted (chord, &candidate->id))
        ask_whether_alive (chord, candidate);
    }
  pl_chord_candidates_run (chord);
  if (chord->state != PL_TOPOLOGY_JOINED)
    pl_chord_join_check (chord);
}

static void
on_gone_answer (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  Attempt *attempt = data;
  PlChord *chord = attempt->chord;
  Candidate *candidate = g_hash_table_lookup (chord->candidates, &attempt->id);
  gint64 now = pl_env_now (chord->config.env);

  chord->attaching--;
  if (candidate)
    {
      candidate->busy = candidate->gone = FALSE;
      candidate->tries = error_code ? PL_CHORD_ATTACH_TRIES : 0;
      candidate->not_before = error_code ? now + GONE_FOR : now;
    }
  pl_chord_candidates_run (chord);
  if (chord->state != PL_TOPOLOGY_JOINED)
    pl_chord_join_check (chord);
}

static void
attempt_start (PlChord *chord, Candidate *candidate)
{
  Attempt *attempt = g_new0 (Attempt, 1);
  PlPingReq ping = { 0 };
  g_autoptr (GBytes) body = NULL;
  PlTopologyRequest request = { .code = PL_MESSAGE_PING_REQ, .timeout = GONE_ASK_TIME };

  /* Through the peer that named it (10.6); the second time by the overlay's own routing. */
  set_way (chord, candidate, &request.target);
  attempt->chord = chord;
  attempt->id = candidate->id;
  candidate->busy = TRUE;
  chord->attaching++;
  if (!candidate->gone)
    {
      chord->host.attach (chord->user, &request.target, on_attached, attempt, g_free);
      return;
    }
  request.body = body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);
  chord->host.request (chord->user, &request, on_gone_answer, attempt, g_free);
}

static void
on_candidate_timer (gpointer data)
{
  pl_chord_candidates_run (data);
}

/* Nearest to us first, so that the ring closes from the inside. */
static Candidate *
next_candidate (PlChord *chord, gint64 now, gint64 *wake)
{
  GHashTableIter iter;
  gpointer value;
  Candidate *best = NULL;
  PlNodeId best_distance = { { 0 } };

  g_hash_table_iter_init (&iter, chord->candidates);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Candidate *candidate = value;
      PlNodeId ahead, behind;

      if (candidate->busy || candidate->tries >= PL_CHORD_ATTACH_TRIES || pl_chord_link (chord, &candidate->id))
        continue;
      if (candidate->has_from
          && (!is_wanted (chord, &candidate->id)
              || !from_has_room (chord, &candidate->from, TRUE, PL_CHORD_ATTACHES_OF_ONE)))
        continue;
      if (candidate->not_before > now)
        {
          *wake = MIN (*wake, candidate->not_before - now);
          continue;
        }
      ahead = pl_node_id_sub (&candidate->id, &chord->config.self);
      behind = pl_node_id_sub (&chord->config.self, &candidate->id);
      if (pl_node_id_compare (&behind, &ahead) < 0)
        ahead = behind;
      if (!best || pl_node_id_compare (&ahead, &best_distance) < 0)
        {
          best = candidate;
          best_distance = ahead;
        }
    }
  return best;
}

void
pl_chord_candidates_run (PlChord *chord)
{
  gint64 now = pl_env_now (chord->config.env), wake = G_MAXINT64;
  Candidate *candidate;

  /* Outside, the place comes first: two exchanges with one node would hinder each other. */
  if (chord->state == PL_TOPOLOGY_OUTSIDE || chord->state == PL_TOPOLOGY_LEAVING
      || g_hash_table_size (chord->links) == 0)
    return;
  while (chord->attaching < PL_CHORD_ATTACHES_MAX && (candidate = next_candidate (chord, now, &wake)))
    attempt_start (chord, candidate);
  if (wake != G_MAXINT64)
    pl_env_arm (chord->config.env, &chord->candidate_timer, wake, on_candidate_timer, chord);
  g_hash_table_foreach_remove (chord->candidates, is_useless, chord);
}

guint
pl_chord_candidates_open (PlChord *chord, guint *failed)
{
  GHashTableIter iter;
  gpointer value;
  guint open = 0;

  *failed = 0;
  g_hash_table_iter_init (&iter, chord->candidates);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Candidate *candidate = value;

      if (pl_chord_link (chord, &candidate->id) || !is_wanted (chord, &candidate->id))
        continue;
      if (candidate->busy || candidate->tries == 0)
        open++;
      else
        (*failed)++;
    }
  return open;
}
