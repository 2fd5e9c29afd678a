/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/swarm.h"

#include "overlay/enroll/authority.h"
#include "overlay/ident/aor.h"
#include "overlay/malice.h"
#include "proxy/sim/keys.h"

#include <math.h>
#include <string.h>

#define PORT 6084
#define AWAY_SHARE 2              /* of them there are so many times the peers, when sessions end */
#define PARETO_SHAPE 1.5
#define BIRTH_DELAY PL_USEC_PER_SEC

struct PlSwarm {
  PlSimOptions options;
  PlSimResult *result;
  PlUniverse *universe;
  PlEnv *env;                /* for the swarm's own chance */
  PlVNet *net;
  PlDocument *document;
  PlTrust *trust;            /* one for all: it only remembers what it has verified */
  PlStore *store;            /* nothing is in it: what the stores of all have in common */
  GPtrArray *peers;          /* PlSimPeer */
  GHashTable *by_id;
  guint planned, alive, in;
  gint64 lived;              /* of those that went, since traffic is counted */
  gboolean churning, turned;
  PlGang *gang;
};

/* --- the overlay --- */

static void
add_kind (GArray *kinds, guint32 id, PlDataModel model, PlAccess access)
{
  PlKind kind = { .id = id, .model = model, .access = access, .max_count = 16, .max_size = 4096 };

  for (guint i = 0; i < kinds->len; i++)
    if (g_array_index (kinds, PlKind, i).id == id)
      return;
  g_array_append_val (kinds, kind);
}

static PlDocument *
document_new (PlAuthority *authority, const PlSimOptions *options)
{
  PlDocument *document = pl_document_new (PL_SIM_OVERLAY);

  if (options->self_tuning)
    {
      g_free (document->topology);
      document->topology = g_strdup (PL_TOPOLOGY_SELF_TUNING);
    }
  document->max_message_size = 16384;
  document->reliability_timer = 1000;
  document->chord_reactive = TRUE;
  document->clients_permitted = TRUE;
  g_ptr_array_add (document->root_certs, g_bytes_ref (pl_authority_cert_der (authority)));
  add_kind (document->kinds, PL_KIND_SIP_REGISTRATION, PL_DATA_DICTIONARY, PL_ACCESS_USER_NODE_MATCH);
  add_kind (document->kinds, PL_KIND_CERTIFICATE_BY_NODE, PL_DATA_ARRAY, PL_ACCESS_NODE_MATCH);
  add_kind (document->kinds, PL_KIND_CERTIFICATE_BY_USER, PL_DATA_ARRAY, PL_ACCESS_USER_MATCH);
  pl_document_set_registration_places (document, options->places);
  for (gint i = 0; i < options->bootstraps; i++)
    {
      PlHostPort where = { g_strdup_printf ("bootstrap%u", i), PORT };

      g_array_append_val (document->bootstrap_nodes, where);
    }
  return document;
}

static gboolean
is_bootstrap (const PlSimPeer *peer)
{
  return peer->index < (guint) peer->swarm->options.bootstraps;
}

static gboolean
chance (PlSwarm *swarm, double percent)
{
  return pl_env_random_below (swarm->env, 1000000) < percent * 10000;
}

static gboolean
add_peer (PlSwarm *swarm, PlAuthority *authority, PlIdentity *const *pool, char *const *requests, GError **error)
{
  PlSimPeer *peer = g_new0 (PlSimPeer, 1);
  guint key = swarm->peers->len % PL_SIM_KEYS;
  g_autofree char *cert = NULL;

  peer->swarm = swarm;
  peer->index = swarm->peers->len;
  peer->aor = g_strdup_printf ("user%u@example.org", peer->index);
  g_ptr_array_add (swarm->peers, peer);
  cert = pl_authority_issue (authority, requests[key], peer->aor, NULL, error);
  if (!cert || !(peer->identity = pool[key] ? pl_identity_with_cert (pool[key], cert, error)
                                            : pl_identity_new (pl_sim_keys[key], cert, error)))
    return FALSE;
  peer->id = *pl_identity_node_id (peer->identity);
  peer->env = pl_universe_env (swarm->universe);
  g_hash_table_insert (swarm->by_id, &peer->id, peer);
  if (!is_bootstrap (peer) && chance (swarm, swarm->options.natted))
    peer->nat = chance (swarm, swarm->options.symmetric) ? PL_VNET_SYMMETRIC : PL_VNET_CONE;
  peer->silent = !is_bootstrap (peer) && chance (swarm, swarm->options.silent);
  peer->malicious = swarm->options.malicious > 0 && !is_bootstrap (peer) && chance (swarm, swarm->options.malicious);
  return TRUE;
}

static gboolean
add_peers (PlSwarm *swarm, PlAuthority *authority, GError **error)
{
  guint n = swarm->options.peers * (swarm->options.median_session > 0 ? AWAY_SHARE : 1);
  PlIdentity *pool[PL_SIM_KEYS] = { NULL };
  char *requests[PL_SIM_KEYS + 1] = { NULL };
  gboolean good = TRUE;

  for (guint i = 0; good && i < PL_SIM_KEYS; i++)
    good = (requests[i] = pl_request_make (pl_sim_keys[i], "user@example.org", PL_SIM_OVERLAY, error)) != NULL;
  for (guint i = 0; good && i < n; i++)
    {
      good = add_peer (swarm, authority, pool, requests, error);
      if (good && i < PL_SIM_KEYS)
        pool[i] = ((PlSimPeer *) g_ptr_array_index (swarm->peers, i))->identity;
    }
  for (guint i = 0; i < PL_SIM_KEYS; i++)
    g_free (requests[i]);
  return good;
}

static void
peer_down (PlSimPeer *peer)
{
  g_clear_pointer (&peer->node, pl_node_free);
  g_clear_pointer (&peer->store, pl_store_free);
}

static void
peer_free (gpointer data)
{
  PlSimPeer *peer = data;

  pl_timer_clear (&peer->next);
  peer_down (peer);
  pl_identity_unref (peer->identity);
  g_free (peer->aor);
  g_free (peer);
}

PlSwarm *
pl_swarm_new (const PlSimOptions *options, PlSimResult *result, GError **error)
{
  g_autoptr (PlSwarm) swarm = g_new0 (PlSwarm, 1);
  g_autoptr (PlAuthority) authority = NULL;
  PlVNetConditions conditions = {
    .delay_min = options->delay_min * PL_USEC_PER_MSEC, .delay_max = options->delay_max * PL_USEC_PER_MSEC,
    .loss = lround (options->loss * 100), .duplicate = lround (options->duplicate * 100),
    .reorder = lround (options->reorder * 100),
  };

  swarm->options = *options;
  swarm->result = result;
  swarm->universe = pl_universe_new (options->seed);
  swarm->env = pl_universe_env (swarm->universe);
  swarm->net = pl_vnet_new (swarm->universe);
  pl_vnet_set (swarm->net, &conditions);
  if (options->malicious > 0)
    swarm->gang = pl_gang_new (swarm->net);
  swarm->peers = g_ptr_array_new_with_free_func (peer_free);
  swarm->by_id = g_hash_table_new (pl_node_id_hash, pl_node_id_equal);
  authority = pl_authority_load (swarm->env, PL_SIM_OVERLAY, pl_sim_root_key, pl_sim_root_cert, error);
  if (!authority)
    return NULL;
  swarm->document = document_new (authority, options);
  swarm->trust = pl_document_trust_new (swarm->document, swarm->env, error);
  if (!swarm->trust || !add_peers (swarm, authority, error))
    return NULL;
  swarm->store = pl_store_new (swarm->env, swarm->document, swarm->trust, NULL, NULL);
  pl_trust_expect (swarm->trust, swarm->peers->len);
  return g_steal_pointer (&swarm);
}

void
pl_swarm_free (PlSwarm *swarm)
{
  if (!swarm)
    return;
  g_ptr_array_unref (swarm->peers);
  pl_gang_free (swarm->gang);
  g_hash_table_unref (swarm->by_id);
  pl_store_free (swarm->store);
  pl_trust_free (swarm->trust);
  pl_document_free (swarm->document);
  pl_vnet_free (swarm->net);
  pl_universe_free (swarm->universe);
  g_free (swarm);
}

PlUniverse *
pl_swarm_universe (PlSwarm *swarm)
{
  return swarm->universe;
}

PlVNet *
pl_swarm_net (PlSwarm *swarm)
{
  return swarm->net;
}

guint
pl_swarm_size (PlSwarm *swarm)
{
  return swarm->peers->len;
}

PlSimPeer *
pl_swarm_peer (PlSwarm *swarm, guint i)
{
  return g_ptr_array_index (swarm->peers, i);
}

PlSimPeer *
pl_swarm_find (PlSwarm *swarm, const PlNodeId *id)
{
  return g_hash_table_lookup (swarm->by_id, id);
}

guint
pl_swarm_alive (PlSwarm *swarm)
{
  return swarm->alive;
}

gboolean
pl_sim_peer_is_in (const PlSimPeer *peer)
{
  PlNodeState state = peer->node ? pl_node_state (peer->node) : PL_NODE_OFFLINE;

  return state == PL_NODE_PEER || (state == PL_NODE_CLIENT && peer->swarm->options.promote_after >= 0);
}

gboolean
pl_sim_peer_is_other_half (const PlSimPeer *peer)
{
  return peer->index % 2;
}

/* --- births and deaths --- */

static void
turn (PlSimPeer *peer)
{
  if (peer->malicious && peer->joined && peer->swarm->turned)
    pl_gang_turn (peer->swarm->gang, peer->node, (PlMalice) peer->swarm->options.malice);
}

static void
on_state (gpointer user, PlNodeState state)
{
  PlSimPeer *peer = user;

  if (peer->joined || !(state == PL_NODE_PEER || (state == PL_NODE_CLIENT && peer->swarm->options.promote_after >= 0)))
    return;
  peer->joined = pl_env_now (peer->env);
  peer->swarm->in++;
  turn (peer);
  pl_samples_add (peer->swarm->result->joins, (double) (peer->joined - peer->born) / PL_USEC_PER_SEC);
}

static void
on_incoming (gpointer user, PlAppLink *link)
{
  pl_app_link_free (link);
}

static gint64
session (PlSwarm *swarm)
{
  double chance = (pl_env_random_below (swarm->env, G_GINT64_CONSTANT (1) << 52) + 1) / (double) (G_GINT64_CONSTANT (1) << 52);
  double median = swarm->options.median_session;
  double seconds = swarm->options.pareto ? median / pow (2, 1 / PARETO_SHAPE) * pow (chance, -1 / PARETO_SHAPE)
                                         : -log (chance) * median / G_LN2;

  return MIN (seconds, 1e9) * PL_USEC_PER_SEC;
}

static void session_over (gpointer data);

static char *
dup_address (const PlSimPeer *peer)
{
  return g_strdup_printf ("10.%u.%u.%u", peer->index >> 16 & 255, peer->index >> 8 & 255, peer->index & 255);
}

static void
birth (gpointer data)
{
  static const PlNodeHandlers handlers = { .state_changed = on_state, .incoming = on_incoming };
  PlSimPeer *peer = data;
  PlSwarm *swarm = peer->swarm;
  gboolean ordinary = !is_bootstrap (peer);
  PlNodeOptions options = {
    !ordinary ? PL_ROLE_BOOTSTRAP : swarm->options.promote_after < 0 ? PL_ROLE_PEER : PL_ROLE_AUTO,
    MAX (swarm->options.promote_after, 0) * PL_USEC_PER_SEC, peer->index == 0,
    .finger_split = swarm->options.finger_split, .strict_hops = swarm->options.strict_hops,
  };
  g_autofree char *host = !ordinary ? g_strdup_printf ("bootstrap%u", peer->index) : swarm->options.direct ? dup_address (peer) : NULL;
  g_autofree char *direct = ordinary && host ? g_strdup_printf ("%s:%u", host, PORT) : NULL;
  PlTransport *transport = pl_vnet_transport_behind (swarm->net, peer->env, peer->identity, swarm->trust, host, PORT, peer->nat);

  options.direct_response = direct;
  peer->store = pl_store_new (peer->env, swarm->document, swarm->trust, NULL, NULL);
  pl_store_share (peer->store, swarm->store);
  peer->born = peer->counted = pl_env_now (peer->env);
  peer->joined = 0;
  peer->bytes = 0;
  peer->node = pl_node_new (peer->env, swarm->document, peer->identity, swarm->trust, transport, peer->store, &options,
                            &handlers, peer);
  swarm->alive++;
  swarm->result->births++;
  pl_node_start (peer->node);
  pl_node_register (peer->node, peer->aor);
  if (swarm->churning && ordinary)
    pl_env_arm (peer->env, &peer->next, session (swarm), session_over, peer);
}

static void
down (PlSwarm *swarm, PlSimPeer *peer)
{
  swarm->alive--;
  swarm->lived += pl_env_now (peer->env) - peer->counted;
  swarm->in -= peer->joined != 0;
  swarm->result->deaths++;
  pl_timer_clear (&peer->next);
  peer_down (peer);
}

void
pl_swarm_kill (PlSwarm *swarm, PlSimPeer *peer)
{
  pl_vnet_kill (swarm->net, &peer->id);
  down (swarm, peer);
  pl_vnet_revive (swarm->net, &peer->id);
}

static void
left_now (gpointer data)
{
  PlSimPeer *peer = data;

  down (peer->swarm, peer);
}

static void
on_left (gpointer data)
{
  PlSimPeer *peer = data;

  pl_env_arm (peer->env, &peer->next, 0, left_now, peer);
}

/* Somebody else who is away comes instead. */
static void
replace (PlSwarm *swarm)
{
  guint n = swarm->peers->len, first = pl_env_random_below (swarm->env, n);

  for (guint i = 0; i < n; i++)
    {
      PlSimPeer *peer = g_ptr_array_index (swarm->peers, (first + i) % n);

      if (peer->node || peer->next)
        continue;
      pl_env_arm (peer->env, &peer->next, pl_env_random_below (swarm->env, BIRTH_DELAY), birth, peer);
      return;
    }
}

static void
session_over (gpointer data)
{
  PlSimPeer *peer = data;
  PlSwarm *swarm = peer->swarm;

  replace (swarm);
  if (chance (swarm, swarm->options.goodbye))
    pl_node_stop (peer->node, on_left, peer);
  else
    pl_swarm_kill (swarm, peer);
}

void
pl_swarm_grow (PlSwarm *swarm)
{
  double step = PL_USEC_PER_SEC / swarm->options.join_rate;

  swarm->planned = swarm->options.peers;
  for (guint i = 0; i < swarm->planned; i++)
    {
      PlSimPeer *peer = g_ptr_array_index (swarm->peers, i);

      pl_env_arm (peer->env, &peer->next, i * step, birth, peer);
    }
}

gboolean
pl_swarm_grown (PlSwarm *swarm)
{
  return swarm->in >= swarm->planned;
}

void
pl_swarm_churn (PlSwarm *swarm)
{
  if (swarm->options.median_session <= 0)
    return;
  swarm->churning = TRUE;
  for (guint i = 0; i < swarm->peers->len; i++)
    {
      PlSimPeer *peer = g_ptr_array_index (swarm->peers, i);

      if (peer->node && !is_bootstrap (peer))
        pl_env_arm (peer->env, &peer->next, session (swarm), session_over, peer);
    }
}

void
pl_swarm_turn (PlSwarm *swarm)
{
  if (!swarm->gang)
    return;
  swarm->turned = TRUE;
  for (guint i = 0; i < swarm->peers->len; i++)
    turn (g_ptr_array_index (swarm->peers, i));
  for (guint i = 0; i < swarm->peers->len; i++)
    {
      const PlSimPeer *peer = g_ptr_array_index (swarm->peers, i);

      if (peer->node) /* something new to store, now that it is hard */
        pl_node_prefer (peer->node, peer->aor, "audio");
    }
}

void
pl_swarm_count_traffic (PlSwarm *swarm)
{
  swarm->lived = 0;
  for (guint i = 0; i < swarm->peers->len; i++)
    {
      PlSimPeer *peer = g_ptr_array_index (swarm->peers, i);

      peer->bytes = 0;
      peer->counted = pl_universe_now (swarm->universe);
    }
}

double
pl_swarm_peer_seconds (PlSwarm *swarm)
{
  gint64 lived = swarm->lived;

  for (guint i = 0; i < swarm->peers->len; i++)
    {
      const PlSimPeer *peer = g_ptr_array_index (swarm->peers, i);

      if (peer->node)
        lived += pl_universe_now (swarm->universe) - peer->counted;
    }
  return MAX ((double) lived / PL_USEC_PER_SEC, 1);
}

/* --- the ring as it should be --- */

static int
compare_places (gconstpointer a, gconstpointer b)
{
  return pl_node_id_compare (&(*(PlSimPeer *const *) a)->id, &(*(PlSimPeer *const *) b)->id);
}

GPtrArray *
pl_swarm_dup_ring (PlSwarm *swarm)
{
  GPtrArray *ring = g_ptr_array_new ();

  for (guint i = 0; i < swarm->peers->len; i++)
    {
      PlSimPeer *peer = g_ptr_array_index (swarm->peers, i);

      if (peer->node && pl_node_state (peer->node) == PL_NODE_PEER)
        g_ptr_array_add (ring, peer);
    }
  g_ptr_array_sort (ring, compare_places);
  return ring;
}

PlSimPeer *
pl_swarm_keeper (GPtrArray *ring, const PlSimPeer *owner, guint i)
{
  PlResourceId resource;
  PlNodeId place;

  pl_aor_place (owner->aor, (guint8) i, &resource);
  if (!pl_resource_id_to_node_id (&resource, &place))
    return NULL;
  for (guint j = 0; j < ring->len; j++)
    if (pl_node_id_compare (&((PlSimPeer *) g_ptr_array_index (ring, j))->id, &place) >= 0)
      return g_ptr_array_index (ring, j);
  return ring->len ? g_ptr_array_index (ring, 0) : NULL;
}

GArray *
pl_swarm_dup_places (PlSwarm *swarm)
{
  g_autoptr (GPtrArray) ring = pl_swarm_dup_ring (swarm);
  GArray *places = g_array_new (FALSE, FALSE, sizeof (PlNodeId));

  for (guint i = 0; i < ring->len; i++)
    g_array_append_vals (places, &((PlSimPeer *) g_ptr_array_index (ring, i))->id, 1);
  return places;
}

static gboolean
has_neighbour (GPtrArray *peers, const PlNodeId *id)
{
  for (guint i = 0; i < peers->len; i++)
    {
      const PlPeerInfo *info = g_ptr_array_index (peers, i);

      if (pl_node_id_equal (&info->node, id))
        return g_strcmp0 (info->role, "neighbor") == 0;
    }
  return FALSE;
}

gboolean
pl_swarm_is_ring (PlSwarm *swarm)
{
  g_autoptr (GPtrArray) ring = pl_swarm_dup_ring (swarm);

  for (guint i = 0; ring->len > 1 && i < ring->len; i++)
    {
      PlSimPeer *peer = g_ptr_array_index (ring, i);
      const PlSimPeer *next = g_ptr_array_index (ring, (i + 1) % ring->len);
      const PlSimPeer *before = g_ptr_array_index (ring, (i + ring->len - 1) % ring->len);
      g_autoptr (GPtrArray) links = pl_node_dup_peers (peer->node);

      if (!has_neighbour (links, &next->id) || !has_neighbour (links, &before->id))
        return FALSE;
    }
  return TRUE;
}
