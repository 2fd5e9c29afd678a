/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

#include <string.h>

static void
link_free (gpointer data)
{
  g_free (((PlChordLink *) data)->tuning);
  g_free (data);
}

static PlTopology *
chord_create (const PlTopologyConfig *config, const PlTopologyHost *host, gpointer user)
{
  PlChord *chord = g_new0 (PlChord, 1);

  chord->config = *config;
  chord->host = *host;
  chord->user = user;
  chord->born = pl_env_now (config->env);
  chord->ring = pl_ring_new (&config->self);
  chord->links = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, link_free, NULL);
  chord->announced = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  pl_chord_candidates_init (chord);
  pl_chord_replicas_init (chord);
  pl_chord_pulse_start (chord);
  return &chord->topology;
}

static void
chord_free (PlTopology *topology)
{
  PlChord *chord = (PlChord *) topology;

  pl_timer_clear (&chord->leave_timer);
  pl_chord_join_clear (chord);
  pl_chord_updates_clear (chord);
  pl_chord_fingers_clear (chord);
  pl_chord_pulse_clear (chord);
  pl_chord_candidates_free (chord);
  pl_chord_history_free (chord);
  g_free (chord->losses);
  pl_chord_replicas_free (chord);
  g_array_unref (chord->announced);
  g_hash_table_unref (chord->links);
  pl_ring_free (chord->ring);
  g_free (chord);
}

static const char *const state_names[] = { "outside", "client", "joining", "joined", "leaving" };

void
pl_chord_enter (PlChord *chord, PlTopologyState state)
{
  if (chord->state == state)
    return;
  if (pl_log_enabled (PL_LOG_INFO))
    {
      g_autofree char *hex = pl_node_id_dup_hex (&chord->config.self);

      pl_info ("topology", "state changed", "node", hex, "from", state_names[chord->state],
               "to", state_names[state], NULL);
    }
  chord->state = state;
  chord->host.state_changed (chord->user, state);
}

PlChordLink *
pl_chord_link (PlChord *chord, const PlNodeId *id)
{
  return g_hash_table_lookup (chord->links, id);
}

void
pl_chord_link_ours (PlChord *chord, const PlNodeId *id)
{
  PlChordLink *link = pl_chord_link (chord, id);

  if (link)
    link->ours = TRUE;
}

void
pl_chord_send (PlChord *chord, const PlNodeId *to, guint16 code, GBytes *body, PlTopologyDone done)
{
  PlTopologyRequest request = { .target = { .id = *to }, .code = code, .body = body };

  chord->host.request (chord->user, &request, done, chord, NULL);
}

/* Losing every peer means being alone, which only the first node of an overlay may be. */
static void
lost_all (PlChord *chord)
{
  chord->home = FALSE;
  if (chord->state == PL_TOPOLOGY_LEAVING || chord->started_ring)
    return;
  if (chord->state == PL_TOPOLOGY_JOINED)
    pl_notice ("topology", "lost every other peer, looking for the overlay again", NULL);
  pl_chord_enter (chord, PL_TOPOLOGY_OUTSIDE);
}

void
pl_chord_changed (PlChord *chord, gboolean failure)
{
  chord->ring_changed = pl_env_now (chord->config.env);
  if (pl_ring_size (chord->ring) == 0)
    lost_all (chord);
  pl_chord_candidates_run (chord);
  switch (chord->state)
    {
    case PL_TOPOLOGY_OUTSIDE:
      pl_chord_home_run (chord, 0);
      break;
    case PL_TOPOLOGY_CLIENT:
      pl_chord_join_check (chord);
      if (failure)
        pl_chord_home_verify (chord, 0);
      chord->host.range_changed (chord->user);
      break;
    case PL_TOPOLOGY_JOINED:
      pl_chord_announce (chord);
      pl_chord_replicas_sync (chord, failure ? PL_CHORD_HOLD_DOWN : PL_USEC_PER_SEC / 2);
      pl_chord_replicas_give (chord);
      break;
    case PL_TOPOLOGY_JOINING:
    case PL_TOPOLOGY_LEAVING:
      break;
    }
}

static void
chord_start_ring (PlTopology *topology)
{
  PlChord *chord = (PlChord *) topology;

  chord->started_ring = TRUE;
  chord->want_peer = TRUE;
  if (chord->state != PL_TOPOLOGY_JOINED)
    pl_chord_joined (chord);
}

static void
chord_set_peer (PlTopology *topology, gboolean peer)
{
  PlChord *chord = (PlChord *) topology;

  chord->want_peer = peer;
  if (!peer)
    pl_chord_retire (chord);
  pl_chord_candidates_run (chord);
  pl_chord_join_check (chord);
}

static PlTopologyState
chord_state (PlTopology *topology)
{
  return ((PlChord *) topology)->state;
}

static void
chord_link_up (PlTopology *topology, const PlNodeId *id)
{
  PlChord *chord = (PlChord *) topology;
  PlChordLink *link = pl_chord_link (chord, id);

  if (!link)
    {
      link = g_new0 (PlChordLink, 1);
      link->id = *id;
      g_hash_table_add (chord->links, link);
    }
  link->up = pl_env_now (chord->config.env);
  pl_chord_candidate_forget (chord, id);
  if (chord->state == PL_TOPOLOGY_JOINED)
    pl_chord_update_send (chord, id, FALSE);
  else
    pl_chord_home_run (chord, 0);
}

static void
chord_link_down (PlTopology *topology, const PlNodeId *id)
{
  PlChord *chord = (PlChord *) topology;
  PlNodeId gone = *id;
  PlChordLink *link = pl_chord_link (chord, &gone);
  gboolean was_near, was_finger;

  if (!link)
    return;
  was_near = link->peer && pl_chord_is_near (chord, &gone);
  was_finger = link->finger || (link->peer && pl_chord_needs (chord, &gone));
  pl_chord_tune_lost (chord, &gone);
  g_hash_table_remove (chord->links, &gone);
  pl_chord_replicas_gone (chord, &gone);
  if (was_near && chord->state != PL_TOPOLOGY_LEAVING)
    pl_chord_candidate_gone (chord, &gone);
  if (pl_ring_remove (chord->ring, &gone))
    pl_chord_changed (chord, TRUE);
  if (was_finger && chord->state == PL_TOPOLOGY_JOINED)
    pl_chord_fingers_run (chord, FALSE);
}

/* The first peer at or after the place that we know, if by its own word no other lies between: the
 * place is its, though 10.3 would go through its predecessor. It can't lie to more places than those
 * between it and the peer before it that we know, which could as well. */
static const PlNodeId *
find_owner (PlChord *chord, const PlNodeId *place)
{
  const PlNodeId *first = chord->config.strict_hops ? NULL : pl_ring_first_from (chord->ring, place);
  PlChordLink *link = first ? pl_chord_link (chord, first) : NULL;

  return link && link->has_before && pl_node_id_between (place, &link->before, first) ? first : NULL;
}

static guint
chord_hops (PlTopology *topology, const PlNodeId *place, PlNodeId *hops, guint max)
{
  PlChord *chord = (PlChord *) topology;
  GHashTableIter iter;
  gpointer key;
  const PlNodeId *owner;
  guint n = 0;

  /* We hold the copies, so that its peer is a neighbour: straight to it, and when it is gone we
   * have what it had. */
  if (chord->state == PL_TOPOLOGY_JOINED && max > PL_RING_REPLICAS && pl_ring_keeps (chord->ring, place)
      && !pl_ring_owns (chord->ring, place))
    {
      n = pl_ring_holders (chord->ring, place, hops, PL_RING_REPLICAS);
      hops[n++] = chord->config.self;
      return n;
    }
  if (max > 0 && (owner = find_owner (chord, place)))
    hops[n++] = *owner;
  n += pl_ring_hops (chord->ring, place, hops + n, max - n);
  if (n > 0 || chord->state == PL_TOPOLOGY_JOINED)
    return n;
  /* Nobody has told us about himself yet: the bootstrap node is all there is. */
  g_hash_table_iter_init (&iter, chord->links);
  while (n < max && g_hash_table_iter_next (&iter, &key, NULL))
    hops[n++] = *(PlNodeId *) key;
  return n;
}

static gboolean
destination_place (const PlDestination *destination, PlNodeId *place)
{
  if (destination->type == PL_DESTINATION_RESOURCE)
    return pl_resource_id_to_node_id (&destination->resource_id, place);
  *place = destination->node_id;
  return destination->type == PL_DESTINATION_NODE;
}

static guint16
on_route_query (PlChord *chord, const PlNodeId *signer, GBytes *body, GBytes **answer)
{
  const PlBodyType *type = pl_body_type (PL_MESSAGE_ROUTE_QUERY_REQ);
  g_auto (PlRouteQueryReq) request = { 0 };
  PlNodeId place, hop;
  PlChordRouteQueryAns reply = { .next_peer = chord->config.self };

  if (pl_body_read (type, body, NULL, NULL, &request) != PL_WIRE_OK)
    return PL_ERROR_INVALID_MESSAGE;
  if (request.destination.type == PL_DESTINATION_OPAQUE)
    return PL_ERROR_FORBIDDEN; /* whose messages we carry is nobody's business (6.4.2.4.1) */
  if (!destination_place (&request.destination, &place))
    return PL_ERROR_INVALID_MESSAGE;
  if (!(chord->state == PL_TOPOLOGY_JOINED && pl_ring_owns (chord->ring, &place)))
    {
      if (!chord_hops (&chord->topology, &place, &hop, 1))
        return PL_ERROR_NOT_FOUND;
      reply.next_peer = hop;
    }
  if (request.send_update && pl_chord_link (chord, signer) && chord->state == PL_TOPOLOGY_JOINED)
    pl_chord_update_send (chord, signer, TRUE);
  *answer = pl_body_write (pl_body_type (PL_MESSAGE_ROUTE_QUERY_ANS), &reply);
  return 0;
}

static guint16
chord_handle (PlTopology *topology, guint16 code, const PlNodeId *signer, const PlNodeId *link, GBytes *body, GBytes **answer)
{
  PlChord *chord = (PlChord *) topology;

  switch (code)
    {
    case PL_MESSAGE_JOIN_REQ:
      return pl_chord_on_join (chord, signer, link, body, answer);
    case PL_MESSAGE_LEAVE_REQ:
      return pl_chord_on_leave (chord, signer, link, body, answer);
    case PL_MESSAGE_UPDATE_REQ:
      return pl_chord_on_update (chord, signer, link, body, answer);
    case PL_MESSAGE_ROUTE_QUERY_REQ:
      return on_route_query (chord, signer, body, answer);
    default:
      return PL_ERROR_INVALID_MESSAGE;
    }
}

static gboolean
chord_responsible (PlTopology *topology, const PlNodeId *place)
{
  PlChord *chord = (PlChord *) topology;

  return chord->state == PL_TOPOLOGY_JOINED && pl_ring_owns (chord->ring, place);
}

/* A peer we know lies between the place and who claims it. It is asked whether it is still there;
 * one that does not answer, or was quiet for long, says nothing against the claim. */
static gboolean
is_contradicted (PlChord *chord, const PlNodeId *place, const PlNodeId *signer)
{
  PlNodeId theirs = pl_node_id_sub (signer, place);
  gint64 now = pl_env_now (chord->config.env);
  GHashTableIter iter;
  gpointer value;
  gboolean any = FALSE;
  guint asked = 0;

  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const PlChordLink *link = value;
      PlNodeId distance = pl_node_id_sub (&link->id, place);

      if (!link->peer || pl_node_id_compare (&distance, &theirs) >= 0
          || chord->host.suspect (chord->user, &link->id))
        continue;
      any = any || now - chord->host.heard (chord->user, &link->id) < PL_CHORD_ALIVE;
      if (asked++ < PL_RING_NEIGHBOURS)
        pl_chord_pulse_now (chord, &link->id);
    }
  return any;
}

static gboolean
chord_plausible (PlTopology *topology, const PlNodeId *place, const PlNodeId *signer)
{
  PlChord *chord = (PlChord *) topology;

  if (chord->state == PL_TOPOLOGY_JOINED && pl_ring_owns (chord->ring, place))
    return pl_node_id_equal (signer, &chord->config.self);
  return !is_contradicted (chord, place, signer);
}

static gboolean
chord_replica_ok (PlTopology *topology, const PlNodeId *place, const PlNodeId *sender)
{
  PlChord *chord = (PlChord *) topology;
  PlChordLink *link = pl_chord_link (chord, sender);

  if (!link || !link->peer)
    return FALSE;
  if (chord->state == PL_TOPOLOGY_JOINING)
    return pl_ring_wants (chord->ring, sender, PL_RING_NEIGHBOURS, 0); /* the admitting peer hands us ours (10.5) */
  return chord->state == PL_TOPOLOGY_JOINED && pl_ring_keeps (chord->ring, place)
         && pl_ring_may_hold (chord->ring, place, sender);
}

static void
chord_stored (PlTopology *topology, const PlResourceId *resource, const PlNodeId *from)
{
  pl_chord_replicas_stored ((PlChord *) topology, resource, from);
}

static guint
chord_replicas (PlTopology *topology, PlNodeId *ids, guint max)
{
  PlChord *chord = (PlChord *) topology;
  guint n = 0;

  if (chord->state != PL_TOPOLOGY_JOINED)
    return 0;
  for (; n < MIN (max, PL_RING_REPLICAS) && pl_ring_successor (chord->ring, n); n++)
    ids[n] = *pl_ring_successor (chord->ring, n);
  return n;
}

static gboolean
chord_guest_of (PlTopology *topology, PlNodeId *via)
{
  PlChord *chord = (PlChord *) topology;

  if (chord->state != PL_TOPOLOGY_CLIENT || chord->home || pl_ring_size (chord->ring) == 0)
    return FALSE;
  *via = *pl_ring_successor (chord->ring, 0);
  return TRUE;
}

static const char *
chord_role_of (PlTopology *topology, const PlNodeId *id)
{
  PlChord *chord = (PlChord *) topology;

  if (pl_ring_is_neighbour (chord->ring, id))
    return "neighbor";
  return pl_chord_is_finger (chord, id) ? "finger" : "other";
}

static gboolean
chord_is_peer (PlTopology *topology, const PlNodeId *id)
{
  return pl_ring_has (((PlChord *) topology)->ring, id);
}

static guint
chord_share_ppb (PlTopology *topology)
{
  PlChord *chord = (PlChord *) topology;
  const PlNodeId *predecessor = pl_ring_predecessor (chord->ring, 0);
  PlNodeId span;
  guint64 top = 0;

  if (chord->state != PL_TOPOLOGY_JOINED)
    return 0;
  if (!predecessor)
    return 1000000000;
  span = pl_node_id_sub (&chord->config.self, predecessor);
  for (guint i = 0; i < 4; i++)
    top = top << 8 | span.b[i];
  return top * 1000000000 >> 32;
}

static void
on_partition_ping (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;

  if (error_code || chord->state != PL_TOPOLOGY_JOINED || pl_chord_link (chord, signer)
      || pl_node_id_equal (signer, &chord->config.self))
    return;
  pl_notice ("topology", "another peer answers for our place: merging", NULL);
  pl_chord_candidate (chord, signer, NULL, 0);
  pl_chord_candidates_run (chord);
}

static void
chord_probe_partition (PlTopology *topology, const PlNodeId *bootstrap)
{
  PlChord *chord = (PlChord *) topology;
  PlNodeId one = { .b = { [PL_NODE_ID_LEN - 1] = 1 } };
  PlPingReq ping = { 0 };
  PlTopologyRequest request = { .code = PL_MESSAGE_PING_REQ };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);

  if (chord->state != PL_TOPOLOGY_JOINED || !pl_chord_link (chord, bootstrap))
    return;
  request.body = body;
  request.target.id = pl_node_id_add (&chord->config.self, &one);
  request.target.is_place = TRUE;
  request.target.via = *bootstrap;
  request.target.has_via = TRUE;
  chord->host.request (chord->user, &request, on_partition_ping, chord, NULL);
}

/* Its values are looked at when they are needed. */
static void
chord_set_document (PlTopology *topology, const PlDocument *document)
{
  PlChord *chord = (PlChord *) topology;

  chord->config.document = document;
  if (!pl_chord_is_tuned (chord))
    pl_ring_set_breadth (chord->ring, PL_RING_NEIGHBOURS);
}

#define CHORD_FUNCS \
  .create = chord_create, \
  .free = chord_free, \
  .start_ring = chord_start_ring, \
  .set_peer = chord_set_peer, \
  .leave = pl_chord_leave, \
  .state = chord_state, \
  .link_up = chord_link_up, \
  .link_down = chord_link_down, \
  .handle = chord_handle, \
  .responsible = chord_responsible, \
  .hops = chord_hops, \
  .plausible = chord_plausible, \
  .replica_ok = chord_replica_ok, \
  .stored = chord_stored, \
  .replicas = chord_replicas, \
  .guest_of = chord_guest_of, \
  .role_of = chord_role_of, \
  .is_peer = chord_is_peer, \
  .share_ppb = chord_share_ppb, \
  .probe_partition = chord_probe_partition, \
  .set_document = chord_set_document, \
  .dup_extensions = pl_chord_dup_extensions, \
  .on_extensions = pl_chord_on_extensions, \
  .tuning = pl_chord_tuning

const PlTopologyFuncs pl_chord_funcs = { .name = PL_TOPOLOGY_CHORD, CHORD_FUNCS };
const PlTopologyFuncs pl_chord_tuned_funcs = { .name = PL_TOPOLOGY_SELF_TUNING, CHORD_FUNCS };
