/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/load.h"

#include "overlay/ident/aor.h"
#include "overlay/wire/message.h"
#include "proxy/sim/ideal.h"
#include "proxy/sim/traffic.h"

#define OWNER_UP (30 * PL_USEC_PER_SEC)  /* an owner counts when it has been up for so long */
#define EVENT_TIME (10 * PL_USEC_PER_SEC)
#define DRAWS_MAX 64                     /* peers drawn until one will do */
#define DESTINATION_LEN 18               /* of a Node-ID in a list: type, length, 16 bytes */

typedef struct {
  PlLoad *load;
  PlSimPeer *from, *owner;
  gint64 from_born, owner_born, started;
  gboolean sweep, in_event, seen;
  guint64 transaction;
  guint hops;
} Ask;

struct PlLoad {
  PlSwarm *swarm;
  PlSimOptions options;
  PlSimResult *result;
  PlEnv *env;
  guint left, sweep_next;
  gint64 step, sweep_step, event;
  gboolean marked, halves;
  PlTimer *timer, *sweep_timer;
  Ask *starting;             /* its first Fetch is being sent */
  GHashTable *asks;          /* set of Ask */
  GHashTable *fetches;       /* transaction -> Ask */
  PlTraffic *traffic;        /* since the last pl_load_count_traffic */
  PlIdeal *ideal;            /* while nobody comes or goes */
};

/* --- what goes over the network --- */

/* The answer's way back is the request's way, unless it goes straight: as many nodes as it has hops. */
static void
count_hops (PlLoad *load, const PlGlimpse *seen, const PlSimPeer *from)
{
  Ask *ask;

  if (seen->code == PL_MESSAGE_FETCH_REQ && load->starting && !load->starting->seen && from == load->starting->from
      && seen->via_len == 0)
    {
      load->starting->seen = TRUE;
      load->starting->transaction = seen->transaction;
      g_hash_table_insert (load->fetches, &load->starting->transaction, load->starting);
    }
  else if (load->options.direct && seen->code == PL_MESSAGE_FETCH_REQ
           && (ask = g_hash_table_lookup (load->fetches, &seen->transaction)))
    ask->hops = MAX (ask->hops, seen->via_len / DESTINATION_LEN + 1);
  else if (seen->code == PL_MESSAGE_FETCH_ANS && (ask = g_hash_table_lookup (load->fetches, &seen->transaction)))
    ask->hops = MAX (ask->hops, seen->destination_len / DESTINATION_LEN);
}

/* A silent peer keeps its links and says what is its own; it forwards and answers nothing. */
static gboolean
is_kept_back (const PlGlimpse *seen)
{
  return seen->via_len > 0 || !pl_message_code_is_request (seen->code);
}

static gboolean
on_record (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  PlLoad *load = user;
  PlSimPeer *peer = pl_swarm_find (load->swarm, from);
  PlGlimpse seen;
  gboolean is_message = pl_glimpse (record->data, record->len, &seen);

  peer->bytes += record->len;
  pl_traffic_add (load->traffic, is_message ? &seen : NULL, record->len);
  if (!is_message || (!peer->silent && !load->starting && g_hash_table_size (load->fetches) == 0))
    return TRUE;
  count_hops (load, &seen, peer);
  return !(peer->silent && peer->joined && is_kept_back (&seen));
}

/* --- look-ups --- */

static void
ask_free (gpointer data)
{
  Ask *ask = data;

  if (ask->seen)
    g_hash_table_remove (ask->load->fetches, &ask->transaction);
  g_free (ask);
}

static gboolean
names (const GArray *nodes, const PlNodeId *id)
{
  for (guint i = 0; nodes && i < nodes->len; i++)
    if (pl_node_id_equal (&g_array_index (nodes, PlFoundNode, i).node, id))
      return TRUE;
  return FALSE;
}

static void
count (PlSimTally *tally, gboolean right, double delay)
{
  tally->asked++;
  tally->right += right;
  if (right)
    pl_samples_add (tally->delays, delay);
}

/* Nobody honest keeps the owner's registration at any place. */
static gboolean
is_hidden (PlLoad *load, const PlSimPeer *owner)
{
  g_autoptr (GPtrArray) ring = pl_swarm_dup_ring (load->swarm);

  for (guint i = 0; i < (guint) load->options.places; i++)
    {
      const PlSimPeer *keeper = pl_swarm_keeper (ring, owner, i);

      if (!keeper || !keeper->malicious)
        return FALSE;
    }
  return TRUE;
}

static void
count_wrong (PlSimResult *result, PlLookupResult how)
{
  switch (how)
    {
    case PL_LOOKUP_FOUND: result->wrong_node++; break;
    case PL_LOOKUP_UNKNOWN: result->wrong_unknown++; break;
    case PL_LOOKUP_OFFLINE:
    case PL_LOOKUP_CIRCLE:
    case PL_LOOKUP_ELSEWHERE: result->wrong_offline++; break;
    case PL_LOOKUP_FAILED: result->wrong_failed++; break;
    }
}

static void
on_found (gpointer user, PlLookupResult how, const GArray *nodes)
{
  Ask *ask = user;
  PlLoad *load = ask->load;
  PlSimResult *result = load->result;
  gboolean right = how == PL_LOOKUP_FOUND && names (nodes, &ask->owner->id);
  double delay = (double) (pl_env_now (load->env) - ask->started) / PL_USEC_PER_SEC;

  /* Whoever went away meanwhile can't be asked for. */
  if (ask->owner->node && ask->owner->born == ask->owner_born)
    {
      if (ask->sweep)
        {
          result->owners++;
          result->owners_found += right;
        }
      else
        {
          count (&result->lookups, right, delay);
          result->hidden += load->options.malicious > 0 && is_hidden (load, ask->owner);
          if (ask->in_event)
            count (&result->event, right, delay);
          if (!right)
            count_wrong (result, how);
          else if (ask->hops > 0)
            pl_samples_add (result->hops, ask->hops);
        }
    }
  g_hash_table_remove (load->asks, ask);
}

/* The same look-up in an ideal ring. */
static void
ask_ideal (PlLoad *load, const PlSimPeer *from, const PlSimPeer *owner)
{
  PlResourceId resource;
  PlNodeId place;
  guint hops;

  pl_aor_resource (owner->aor, &resource);
  if (!pl_resource_id_to_node_id (&resource, &place))
    return;
  hops = pl_ideal_hops (load->ideal, &from->id, &place);
  if (hops > 0)
    pl_samples_add (load->result->ideal, hops);
}

static void
ask_now (PlLoad *load, PlSimPeer *from, PlSimPeer *owner, gboolean sweep)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->load = load;
  ask->from = from;
  ask->owner = owner;
  ask->from_born = from->born;
  ask->owner_born = owner->born;
  ask->started = pl_env_now (load->env);
  ask->sweep = sweep;
  ask->in_event = load->marked && ask->started - load->event < EVENT_TIME;
  g_hash_table_add (load->asks, ask);
  load->starting = ask;
  pl_node_lookup (from->node, owner->aor, on_found, ask);
  load->starting = NULL;
  if (!sweep && load->ideal)
    ask_ideal (load, from, owner);
}

static PlSimPeer *
draw (PlLoad *load, gint64 up, const PlSimPeer *other)
{
  for (guint i = 0; i < DRAWS_MAX; i++)
    {
      PlSimPeer *peer = pl_swarm_peer (load->swarm, pl_env_random_below (load->env, pl_swarm_size (load->swarm)));

      if (peer != other && peer->node && !peer->silent && !peer->malicious && pl_env_now (load->env) - peer->born >= up
          && (up > 0 || pl_sim_peer_is_in (peer))
          && !(load->halves && other && pl_sim_peer_is_other_half (peer) != pl_sim_peer_is_other_half (other)))
        return peer;
    }
  return NULL;
}

static void
next_lookup (gpointer data)
{
  PlLoad *load = data;
  PlSimPeer *from = draw (load, 0, NULL), *owner = from ? draw (load, OWNER_UP, from) : NULL;

  if (--load->left > 0)
    pl_env_arm (load->env, &load->timer, load->step, next_lookup, load);
  if (owner)
    ask_now (load, from, owner, FALSE);
}

static void
next_sweep (gpointer data)
{
  PlLoad *load = data;
  PlSimPeer *owner = pl_swarm_peer (load->swarm, load->sweep_next++), *from = draw (load, 0, owner);

  if (load->sweep_next < pl_swarm_size (load->swarm))
    pl_env_arm (load->env, &load->sweep_timer, load->sweep_step, next_sweep, load);
  if (owner->node && pl_env_now (load->env) - owner->born >= OWNER_UP && !owner->silent && !owner->malicious && from)
    ask_now (load, from, owner, TRUE);
}

/* --- public --- */

PlLoad *
pl_load_new (PlSwarm *swarm, const PlSimOptions *options, PlSimResult *result)
{
  PlLoad *load = g_new0 (PlLoad, 1);

  load->swarm = swarm;
  load->options = *options;
  load->result = result;
  load->env = pl_universe_env (pl_swarm_universe (swarm));
  load->asks = g_hash_table_new_full (NULL, NULL, ask_free, NULL);
  load->fetches = g_hash_table_new (g_int64_hash, g_int64_equal);
  load->traffic = pl_traffic_new ();
  pl_vnet_set_tap (pl_swarm_net (swarm), on_record, load);
  return load;
}

void
pl_load_free (PlLoad *load)
{
  if (!load)
    return;
  pl_vnet_set_tap (pl_swarm_net (load->swarm), NULL, NULL);
  pl_timer_clear (&load->timer);
  pl_timer_clear (&load->sweep_timer);
  g_hash_table_unref (load->asks);
  g_hash_table_unref (load->fetches);
  pl_traffic_free (load->traffic);
  pl_ideal_free (load->ideal);
  g_free (load);
}

void
pl_load_start (PlLoad *load, guint n, gint64 usec)
{
  load->left = n;
  load->step = n ? usec / n : 0;
  if (n > 0)
    pl_env_arm (load->env, &load->timer, load->step, next_lookup, load);
  if (load->options.median_session <= 0)
    load->ideal = pl_ideal_new (pl_swarm_dup_places (load->swarm));
}

void
pl_load_count_traffic (PlLoad *load)
{
  pl_swarm_count_traffic (load->swarm);
  pl_traffic_zero (load->traffic);
}

void
pl_load_report_traffic (PlLoad *load)
{
  pl_traffic_report (load->traffic, pl_swarm_peer_seconds (load->swarm), load->result);
}

void
pl_load_mark_event (PlLoad *load)
{
  load->marked = TRUE;
  g_clear_pointer (&load->ideal, pl_ideal_free);
  load->event = pl_env_now (load->env);
}

void
pl_load_set_halves (PlLoad *load, gboolean halves)
{
  load->halves = halves;
}

void
pl_load_sweep (PlLoad *load, gint64 usec)
{
  load->sweep_next = 0;
  load->sweep_step = usec / pl_swarm_size (load->swarm);
  pl_env_arm (load->env, &load->sweep_timer, 0, next_sweep, load);
}
