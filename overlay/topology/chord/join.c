/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* Finding the place (10.5 steps 1 to 4) is the same for clients and peers: attach to whoever
 * is responsible for n + 1, then to the neighbours he names. A peer joins on top of that. */

#define HOME_RETRY_MIN (300 * PL_USEC_PER_MSEC)
#define HOME_RETRY_MAX (3 * PL_USEC_PER_SEC)
#define GUEST_EVERY (30 * PL_USEC_PER_SEC)       /* a client elsewhere looks for a home this often (4.2.1) */
#define VERIFY_EVERY (300 * PL_USEC_PER_SEC)
#define JOIN_SETTLE (20 * PL_USEC_PER_MSEC)
#define JOIN_UPDATE_WAIT (2 * PL_USEC_PER_SEC)   /* for Updates of those attached to */
#define JOIN_TIME_MAX (15 * PL_USEC_PER_SEC)     /* from Join to the Update that names us */
#define JOIN_RETRY (500 * PL_USEC_PER_MSEC)
#define JOIN_RETRY_AUTO (60 * PL_USEC_PER_SEC)   /* some neighbour can't be reached: stay client */

void
pl_chord_join_clear (PlChord *chord)
{
  pl_timer_clear (&chord->home_timer);
  pl_timer_clear (&chord->join_timer);
}

static PlNodeId
next_place (PlChord *chord)
{
  PlNodeId one = { .b = { [PL_NODE_ID_LEN - 1] = 1 } };

  return pl_node_id_add (&chord->config.self, &one);
}

static void
on_home (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;

  chord->home_busy = FALSE;
  if (chord->state != PL_TOPOLOGY_OUTSIDE)
    return;
  if (error_code != 0)
    {
      chord->home_wait = CLAMP (chord->home_wait * 2, HOME_RETRY_MIN, HOME_RETRY_MAX);
      if (pl_ring_size (chord->ring) == 0)
        {
          pl_chord_home_run (chord, chord->home_wait);
          return;
        }
    }
  chord->home_wait = 0;
  chord->home = error_code == 0;
  if (chord->home)
    pl_chord_link_ours (chord, signer);
  pl_chord_enter (chord, PL_TOPOLOGY_CLIENT);
  chord->host.range_changed (chord->user);
  pl_chord_candidates_run (chord);
  pl_chord_home_verify (chord, chord->home ? VERIFY_EVERY : GUEST_EVERY);
  pl_chord_join_check (chord);
}

static void
home_now (gpointer data)
{
  PlChord *chord = data;
  PlTopologyTarget target = { .is_place = TRUE };

  if (chord->home_busy || chord->state != PL_TOPOLOGY_OUTSIDE || g_hash_table_size (chord->links) == 0)
    return;
  chord->home_busy = TRUE;
  target.id = next_place (chord);
  chord->host.attach (chord->user, &target, on_home, chord, NULL);
}

void
pl_chord_home_run (PlChord *chord, gint64 delay)
{
  if (chord->state == PL_TOPOLOGY_OUTSIDE && !chord->home_busy && g_hash_table_size (chord->links) > 0)
    pl_env_arm (chord->config.env, &chord->home_timer, delay, home_now, chord);
}

/* A client whose peer went away, or that has stood for a while, asks who is responsible now
 * (4.2.1): the one that answers is attached to. */
static void
on_verified (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;

  chord->home_busy = FALSE;
  if (chord->state != PL_TOPOLOGY_CLIENT)
    return;
  if (error_code == 0)
    {
      chord->home = pl_chord_link (chord, signer) != NULL;
      chord->host.range_changed (chord->user);
    }
  if (error_code == 0 && !chord->home)
    {
      pl_chord_candidate (chord, signer, NULL, 0);
      pl_chord_candidates_run (chord);
    }
  pl_chord_home_verify (chord, error_code ? PL_USEC_PER_SEC : chord->home ? VERIFY_EVERY : GUEST_EVERY);
}

static void
verify_now (gpointer data)
{
  PlChord *chord = data;
  PlPingReq ping = { 0 };
  g_autoptr (GBytes) body = NULL;
  PlTopologyRequest request = { .code = PL_MESSAGE_PING_REQ };

  if (chord->home_busy || chord->state != PL_TOPOLOGY_CLIENT)
    return;
  body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);
  request.body = body;
  request.target.id = next_place (chord);
  request.target.is_place = TRUE;
  chord->home_busy = TRUE;
  chord->host.request (chord->user, &request, on_verified, chord, NULL);
}

void
pl_chord_home_verify (PlChord *chord, gint64 delay)
{
  if (chord->state == PL_TOPOLOGY_CLIENT && !chord->home_busy)
    pl_env_arm (chord->config.env, &chord->home_timer, delay, verify_now, chord);
}

/* --- the joining node --- */

static void
join_failed (gpointer data)
{
  PlChord *chord = data;

  if (chord->state != PL_TOPOLOGY_JOINING)
    return;
  pl_chord_enter (chord, PL_TOPOLOGY_CLIENT);
  pl_chord_join_check (chord);
}

static void join_now (gpointer data);

static void
on_join_answer (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;

  if (error_code == 0 || chord->state != PL_TOPOLOGY_JOINING)
    return;
  /* Not the right peer, or no answer: our neighbours need another look. He told us who they are. */
  pl_chord_enter (chord, PL_TOPOLOGY_CLIENT);
  pl_chord_candidates_run (chord);
  pl_env_arm (chord->config.env, &chord->join_timer, error_code == PL_ERROR_FORBIDDEN ? JOIN_RETRY_AUTO : JOIN_RETRY, join_now, chord);
}

static gboolean
updates_missing (PlChord *chord)
{
  GHashTableIter iter;
  gpointer value;

  if (pl_env_now (chord->config.env) - chord->ring_changed > JOIN_UPDATE_WAIT)
    return FALSE;
  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (!((PlChordLink *) value)->peer)
      return TRUE;
  return FALSE;
}

static void
join_now (gpointer data)
{
  PlChord *chord = data;
  const PlNodeId *admitting = pl_ring_successor (chord->ring, 0);
  PlJoinReq join = { .joining_peer_id = chord->config.self };
  g_autoptr (GBytes) body = NULL;
  guint failed;

  if (!chord->want_peer || chord->state != PL_TOPOLOGY_CLIENT)
    return;
  if (!chord->home && chord->config.need_all) /* the peer to join through can't be reached */
    {
      pl_env_arm (chord->config.env, &chord->join_timer, JOIN_RETRY_AUTO, join_now, chord);
      return;
    }
  if (!admitting || pl_chord_candidates_open (chord, &failed) > 0 || updates_missing (chord))
    {
      pl_env_arm (chord->config.env, &chord->join_timer, JOIN_UPDATE_WAIT / 4, join_now, chord);
      return;
    }
  if (failed > 0 && chord->config.need_all)
    {
      pl_env_arm (chord->config.env, &chord->join_timer, JOIN_RETRY_AUTO, join_now, chord);
      return;
    }
  body = pl_body_write (pl_body_type (PL_MESSAGE_JOIN_REQ), &join);
  pl_chord_enter (chord, PL_TOPOLOGY_JOINING);
  pl_env_arm (chord->config.env, &chord->join_timer, JOIN_TIME_MAX, join_failed, chord);
  pl_chord_send (chord, admitting, PL_MESSAGE_JOIN_REQ, body, on_join_answer);
}

void
pl_chord_join_check (PlChord *chord)
{
  if (chord->want_peer && chord->state == PL_TOPOLOGY_CLIENT)
    pl_env_arm (chord->config.env, &chord->join_timer, JOIN_SETTLE, join_now, chord);
}

void
pl_chord_joined (PlChord *chord)
{
  pl_timer_clear (&chord->join_timer);
  pl_timer_clear (&chord->home_timer);
  chord->home = TRUE;
  pl_chord_tune_joined (chord);
  pl_chord_enter (chord, PL_TOPOLOGY_JOINED);
  chord->host.range_changed (chord->user);
  pl_chord_changed (chord, FALSE);
  /* Those that wait for a ring can't tell it from our neighbours, of which there may be none. */
  pl_chord_tell_all (chord);
  pl_chord_fingers_run (chord, FALSE);
  pl_chord_stabilise_start (chord);
}

/* --- the admitting peer --- */

/* The Update that names it follows when it has its data (10.5 step 7). */
static void
admit (PlChord *chord, const PlNodeId *node)
{
  PlChordLink *link = pl_chord_link (chord, node);

  if (!link || chord->state != PL_TOPOLOGY_JOINED)
    return;
  link->peer = TRUE;
  if (pl_ring_add (chord->ring, node))
    pl_chord_changed (chord, FALSE);
  pl_chord_update_send (chord, node, FALSE);
}

guint16
pl_chord_on_join (PlChord *chord, const PlNodeId *signer, const PlNodeId *link, GBytes *body, GBytes **answer)
{
  g_auto (PlJoinReq) join = { 0 };
  const PlNodeId *predecessor;
  PlJoinAns reply = { 0 };
  PlNodeId after;

  if (pl_body_read (pl_body_type (PL_MESSAGE_JOIN_REQ), body, NULL, NULL, &join) != PL_WIRE_OK)
    return PL_ERROR_INVALID_MESSAGE;
  if (!pl_node_id_equal (&join.joining_peer_id, signer) || !pl_node_id_equal (link, signer)
      || !pl_chord_link (chord, signer))
    return PL_ERROR_FORBIDDEN;
  if (chord->state != PL_TOPOLOGY_JOINED)
    return PL_ERROR_NOT_FOUND;
  /* One that joins again has lost what it knew, maybe its data too. */
  if (pl_ring_remove (chord->ring, signer))
    pl_chord_link (chord, signer)->peer = FALSE;
  if (!pl_ring_owns (chord->ring, signer))
    {
      pl_chord_update_send (chord, signer, FALSE);
      return PL_ERROR_NOT_FOUND;
    }
  predecessor = pl_ring_predecessor (chord->ring, 0);
  after = predecessor ? *predecessor : chord->config.self;
  /* Each is all of its data: another one only for a node that came anew and has lost the first. */
  if (!pl_chord_replicas_transferring (chord, signer, pl_chord_link (chord, signer)->up))
    {
      if (!pl_chord_history_came (chord, signer))
        return PL_ERROR_FORBIDDEN;
      pl_chord_replicas_transfer (chord, signer, &after, admit);
    }
  *answer = pl_body_write (pl_body_type (PL_MESSAGE_JOIN_ANS), &reply);
  return 0;
}
