/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* --- forward's questions and news --- */

static gboolean
is_responsible (gpointer user, const PlNodeId *place)
{
  return pl_topology_responsible (((PlNode *) user)->topology, place);
}

static guint
next_hops (gpointer user, const PlNodeId *place, PlNodeId *hops, guint max)
{
  return pl_node_hops (user, place, hops, max);
}

static gboolean
carries_for_others (gpointer user)
{
  PlTopologyState state = pl_topology_state (((PlNode *) user)->topology);

  return state == PL_TOPOLOGY_JOINED || state == PL_TOPOLOGY_LEAVING;
}

static gboolean
needs_link (gpointer user, const PlNodeId *id)
{
  return g_strcmp0 (pl_topology_role_of (((PlNode *) user)->topology, id), "other") != 0;
}

static void
on_message (gpointer user, GBytes *message, const PlNodeId *from)
{
  pl_trans_deliver (((PlNode *) user)->trans, message, from);
}

static void
on_refuse (gpointer user, const PlForwardingHeader *header, const PlNodeId *from, guint16 error, const char *text)
{
  pl_trans_refuse_transit (((PlNode *) user)->trans, header, from, error, text);
}

static void
log_link (const char *sentence, const PlNodeId *id, const char *reason)
{
  g_autofree char *hex = NULL;

  if (!pl_log_enabled (PL_LOG_INFO))
    return;
  hex = pl_node_id_dup_hex (id);
  pl_info ("node", sentence, "node", hex, "reason", reason, NULL);
}

static void
on_link_up (gpointer user, const PlNodeId *id, gboolean again)
{
  PlNode *node = user;

  log_link ("link is up", id, again ? "replaces another" : "new");
  pl_topology_link_up (node->topology, id);
  pl_node_attach_link_up (node, id);
  pl_node_app_link_up (node);
  pl_trans_kick (node->trans);
}

static void
on_link_down (gpointer user, const PlNodeId *id, const char *reason)
{
  PlNode *node = user;

  log_link ("link is down", id, reason ? reason : "closed");
  pl_topology_link_down (node->topology, id);
  pl_node_boot_check (node);
}

static const PlForwardHandlers forward_handlers = {
  .responsible = is_responsible,
  .hops = next_hops,
  .transit = carries_for_others,
  .keep = needs_link,
  .deliver = on_message,
  .refuse = on_refuse,
  .link_up = on_link_up,
  .link_down = on_link_down,
};

/* --- transactions --- */

static gboolean
send_message (gpointer user, GBytes *message)
{
  return pl_forward_send (((PlNode *) user)->forward, message);
}

static gboolean
is_plausible (gpointer user, const PlNodeId *place, const PlNodeId *signer)
{
  return pl_topology_plausible (((PlNode *) user)->topology, place, signer);
}

static void
on_request (gpointer user, PlIncoming *incoming)
{
  pl_node_on_request (user, incoming);
}

static void
on_outdated (gpointer user, const PlNodeId *id)
{
  pl_node_config_send (user, id);
}

static gboolean
on_direct (gpointer user, const PlDirectResponse *to, GBytes *answer)
{
  return pl_node_direct_answer (user, to, answer);
}

static const PlTransHandlers trans_handlers = {
  .send = send_message, .direct = on_direct, .plausible = is_plausible, .request = on_request, .outdated = on_outdated,
};

/* --- the topology's host --- */

typedef struct {
  PlNode *node;
  guint16 code;
  PlTopologyDone done;
  gpointer data;
  GDestroyNotify destroy;
} TopologyCall;

static void
call_free (gpointer data)
{
  TopologyCall *call = data;

  if (call->destroy)
    call->destroy (call->data);
  g_free (call);
}

static void
on_topology_answer (gpointer user, const PlTransAnswer *answer)
{
  TopologyCall *call = user;

  if (answer && call->code == PL_MESSAGE_PROBE_REQ)
    pl_topology_on_extensions (call->node->topology, &answer->signer, answer->extensions);
  if (!call->done)
    return;
  if (answer)
    call->done (call->data, answer->error_code, &answer->signer, answer->body);
  else
    call->done (call->data, PL_TOPOLOGY_NO_ANSWER, NULL, NULL);
}

static void
host_request (gpointer user, const PlTopologyRequest *request, PlTopologyDone done, gpointer data, GDestroyNotify destroy)
{
  PlNode *node = user;
  TopologyCall *call = g_new0 (TopologyCall, 1);
  PlTransRequest message = { .code = request->code, .body = request->body, .certs = request->certs,
                             .timeout = request->timeout };
  g_autoptr (GArray) extensions = request->code == PL_MESSAGE_PROBE_REQ ? pl_topology_dup_extensions (node->topology) : NULL;
  PlResourceId resource;

  message.extensions = extensions;
  call->node = node;
  call->code = request->code;
  call->done = done;
  call->data = data;
  call->destroy = destroy;
  message.has_via = request->target.has_via;
  message.via = request->target.via;
  pl_resource_id_from_node_id (&resource, &request->target.id);
  message.to = request->target.is_place ? pl_destination_resource (&resource) : pl_destination_node (&request->target.id);
  pl_trans_request (node->trans, &message, on_topology_answer, call, call_free);
}

static void
host_attach (gpointer user, const PlTopologyTarget *target, PlTopologyDone done, gpointer data, GDestroyNotify destroy)
{
  pl_node_attach (user, target, done, data, destroy);
}

static gint64
host_heard (gpointer user, const PlNodeId *id)
{
  return pl_forward_heard (((PlNode *) user)->forward, id);
}

static gboolean
host_suspect (gpointer user, const PlNodeId *id)
{
  PlLink *link = pl_forward_link (((PlNode *) user)->forward, id);

  return !link || pl_link_suspect (link);
}

static void
host_disconnect (gpointer user, const PlNodeId *id)
{
  pl_forward_disconnect (((PlNode *) user)->forward, id);
}

static void
host_merge (gpointer user, const PlNodeId *from, const PlResourceId *resource)
{
  pl_node_merge (user, from, resource);
}

static void
promote (gpointer data)
{
  PlNode *node = data;

  pl_topology_set_peer (node->topology, TRUE);
}

void
pl_node_promote (PlNode *node)
{
  node->reluctant = FALSE;
  if (node->state == PL_NODE_CLIENT)
    pl_env_arm (node->env, &node->promote_timer, 0, promote, node);
}

static void
promote_later (PlNode *node)
{
  if (node->options.role == PL_ROLE_AUTO && !node->reluctant && !node->promote_timer)
    pl_env_arm (node->env, &node->promote_timer,
                node->document->clients_permitted ? node->options.promote_after : 0, promote, node);
}

static void
set_online (PlNode *node, gboolean online)
{
  pl_registrations_set_online (node->registrations, online);
  pl_certificates_set_online (node->certificates, online);
}

static void
host_state_changed (gpointer user, PlTopologyState state)
{
  PlNode *node = user;

  if (node->state == PL_NODE_LEAVING || node->state == PL_NODE_LEFT)
    return;
  switch (state)
    {
    case PL_TOPOLOGY_OUTSIDE:
      pl_timer_clear (&node->promote_timer);
      set_online (node, FALSE);
      pl_node_enter (node, PL_NODE_CONNECTING);
      break;
    case PL_TOPOLOGY_CLIENT:
      promote_later (node);
      set_online (node, TRUE);
      pl_node_enter (node, PL_NODE_CLIENT);
      break;
    case PL_TOPOLOGY_JOINING:
      pl_node_enter (node, PL_NODE_JOINING);
      break;
    case PL_TOPOLOGY_JOINED:
      set_online (node, TRUE);
      pl_node_enter (node, PL_NODE_PEER);
      break;
    case PL_TOPOLOGY_LEAVING:
      break;
    }
}

static void
host_range_changed (gpointer user)
{
  PlNode *node = user;
  PlNodeId via = { { 0 } };

  pl_topology_guest_of (node->topology, &via);
  if (pl_node_id_equal (&via, &node->entry))
    return;
  node->entry = via;
  if (node->state == PL_NODE_CLIENT)
    pl_registrations_set_online (node->registrations, TRUE);
}

static const PlTopologyHost topology_host = {
  .request = host_request,
  .attach = host_attach,
  .heard = host_heard,
  .suspect = host_suspect,
  .disconnect = host_disconnect,
  .merge = host_merge,
  .state_changed = host_state_changed,
  .range_changed = host_range_changed,
};

/* --- life --- */

static const char *const state_names[] = { "offline", "connecting", "client", "joining", "peer", "leaving", "left" };

void
pl_node_enter (PlNode *node, PlNodeState state)
{
  if (node->state == state)
    return;
  pl_info ("node", "state changed", "from", state_names[node->state], "to", state_names[state], NULL);
  node->state = state;
  pl_node_turn_set_state (node);
  if (node->handlers.state_changed)
    node->handlers.state_changed (node->user, state);
}

static void
on_accept (gpointer user, PlCarrier *carrier)
{
  PlNode *node = user;

  if (node->state == PL_NODE_LEAVING || node->state == PL_NODE_LEFT
      || pl_node_id_equal (&pl_carrier_info (carrier)->node, &node->self))
    {
      pl_carrier_close (carrier);
      pl_carrier_free (carrier);
      return;
    }
  pl_forward_add (node->forward, carrier, FALSE);
}

gint64
pl_node_reliability (const PlDocument *document)
{
  return MAX (document->reliability_timer, 200) * PL_USEC_PER_MSEC;
}

static void
make_layers (PlNode *node)
{
  PlForwardConfig forward = {
    .self = node->self,
    .cert = pl_identity_cert (node->identity),
    .overlay = pl_overlay_hash (node->document->instance_name),
    .initial_ttl = node->document->initial_ttl,
    .max_message = node->document->max_message_size,
    .reliability = pl_node_reliability (node->document),
    .keepalive = PL_NODE_KEEPALIVE,
    .compress = node->options.compress_via,
    .messages = { node->options.limits->messages, PL_USEC_PER_SEC },
  };
  PlTopologyConfig topology = {
    .env = node->env,
    .document = node->document,
    .store = node->store,
    .self = node->self,
    .fingers = node->options.fingers,
    .finger_split = node->options.finger_split,
    .strict_hops = node->options.strict_hops,
    .need_all = node->options.role == PL_ROLE_AUTO,
    .joins = node->options.limits->joins,
  };

  node->forward = pl_forward_new (node->env, &forward, &forward_handlers, node);
  node->trans = pl_trans_new (node->env, node->document, node->identity, node->trust, &trans_handlers, node);
  node->topology = pl_topology_new (pl_topology_find (node->document->topology), &topology, &topology_host, node);
}

PlNode *
pl_node_new (PlEnv *env, const PlDocument *document, PlIdentity *identity, PlTrust *trust,
             PlTransport *transport, PlStore *store, const PlNodeOptions *options,
             const PlNodeHandlers *handlers, gpointer user)
{
  PlNode *node = g_new0 (PlNode, 1);

  node->env = env;
  pl_node_config_init (node, document);
  node->identity = identity;
  node->trust = trust;
  node->transport = transport;
  node->store = store;
  node->options = *options;
  if (handlers)
    node->handlers = *handlers;
  node->user = user;
  node->self = *pl_identity_node_id (identity);
  node->born = pl_env_now (env);
  pl_node_limits_init (node);
  pl_node_ways_init (node);
  make_layers (node);
  pl_node_attach_init (node);
  pl_node_app_init (node);
  pl_node_diagnose_init (node);
  pl_node_trace_init (node);
  pl_node_boot_init (node);
  pl_node_direct_init (node);
  pl_node_cache_init (node);
  node->registrations = pl_registrations_new (env, pl_node_usage_net (node), &node->self);
  node->certificates = pl_certificates_new (env, pl_node_usage_net (node), identity);
  node->lookups = pl_lookups_new (env, pl_node_usage_net (node));
  pl_node_turn_init (node);
  pl_node_multicast_init (node);
  pl_transport_set_accept (transport, on_accept, node);
  return node;
}

void
pl_node_free (PlNode *node)
{
  if (!node)
    return;
  pl_timer_clear (&node->promote_timer);
  pl_timer_clear (&node->stop_timer);
  pl_timer_clear (&node->probe_timer);
  pl_node_turn_free (node);
  pl_node_multicast_free (node);
  pl_lookups_free (node->lookups);
  pl_certificates_free (node->certificates);
  pl_registrations_free (node->registrations);
  pl_node_boot_stop (node);
  pl_node_config_stop (node);
  pl_node_app_free (node);
  pl_node_attach_free (node);
  pl_trans_free (node->trans);
  pl_node_data_free (node);
  pl_node_trace_free (node);
  pl_node_diagnose_free (node);
  pl_topology_free (node->topology);
  pl_forward_free (node->forward);
  pl_node_ways_free (node);
  pl_transport_free (node->transport);
  pl_node_boot_free (node);
  pl_node_direct_free (node);
  pl_node_cache_free (node);
  pl_node_config_free (node);
  pl_node_limits_free (node);
  g_free (node);
}

void
pl_node_start (PlNode *node)
{
  if (node->state != PL_NODE_OFFLINE)
    return;
  if (node->options.role == PL_ROLE_PEER || node->options.role == PL_ROLE_BOOTSTRAP)
    pl_topology_set_peer (node->topology, TRUE);
  pl_node_enter (node, PL_NODE_CONNECTING);
  pl_node_boot_start (node);
  pl_node_config_start (node);
}

static void
stop_over (gpointer data)
{
  PlNode *node = data;
  void (*stopped) (gpointer) = g_steal_pointer (&node->stopped);

  pl_timer_clear (&node->stop_timer);
  if (!stopped)
    return;
  pl_node_enter (node, PL_NODE_LEFT);
  stopped (node->stopped_data);
}

static void
on_left (gpointer data)
{
  PlNode *node = data;

  pl_env_arm (node->env, &node->stop_timer, 0, stop_over, node);
}

static void
on_withdrawn (gpointer data)
{
  PlNode *node = data;

  pl_topology_leave (node->topology, on_left, node);
}

void
pl_node_stop (PlNode *node, void (*done) (gpointer data), gpointer data)
{
  node->stopped = done;
  node->stopped_data = data;
  pl_node_boot_stop (node);
  pl_node_config_stop (node);
  pl_timer_clear (&node->promote_timer);
  pl_node_enter (node, PL_NODE_LEAVING);
  pl_env_arm (node->env, &node->stop_timer, PL_NODE_STOP_TIME, stop_over, node);
  pl_registrations_stop (node->registrations, PL_NODE_STOP_TIME / 3, on_withdrawn, node);
}

void
pl_node_set_reluctant (PlNode *node, gboolean reluctant)
{
  if (node->options.role != PL_ROLE_AUTO || !node->document->clients_permitted || node->reluctant == reluctant)
    return;
  node->reluctant = reluctant;
  if (reluctant)
    {
      pl_timer_clear (&node->promote_timer);
      pl_topology_set_peer (node->topology, FALSE);
    }
  else if (node->state == PL_NODE_CLIENT)
    promote_later (node);
}

gboolean
pl_node_renew (PlNode *node, PlIdentity *renewed)
{
  if (!pl_identity_renew (node->identity, renewed))
    return FALSE;
  pl_transport_renewed (node->transport);
  pl_forward_renewed (node->forward);
  if (node->state == PL_NODE_CLIENT || node->state == PL_NODE_PEER)
    set_online (node, TRUE); /* what we keep in the overlay is signed by it anew */
  return TRUE;
}

PlNodeState
pl_node_state (PlNode *node)
{
  return node->state;
}

const PlNodeId *
pl_node_id (PlNode *node)
{
  return &node->self;
}

/* --- usages --- */

void
pl_node_register (PlNode *node, const char *aor)
{
  if (!pl_registrations_add (node->registrations, aor))
    pl_notice ("node", "this address can't be registered", "aor", aor, NULL);
}

void
pl_node_prefer (PlNode *node, const char *aor, const char *prefs)
{
  pl_registrations_prefer (node->registrations, aor, prefs);
}

void
pl_node_withdraw (PlNode *node, const char *aor)
{
  pl_registrations_remove (node->registrations, aor);
}

gboolean
pl_node_redirect (PlNode *node, const char *aor, const char *target)
{
  return pl_registrations_redirect (node->registrations, aor, target);
}

const char *
pl_node_redirected (PlNode *node, const char *aor)
{
  return pl_registrations_redirected (node->registrations, aor);
}

gint64
pl_node_registered (PlNode *node, const char *aor)
{
  return pl_registrations_time (node->registrations, aor);
}

void
pl_node_registration_places (PlNode *node, const char *aor, guint *places, guint *missing)
{
  pl_registrations_places (node->registrations, aor, places, missing);
}

PlLookup *
pl_node_lookup (PlNode *node, const char *aor, PlLookupFunc func, gpointer user)
{
  return pl_lookups_start (node->lookups, aor, func, user);
}

/* --- for people --- */

void
pl_peer_info_free (PlPeerInfo *info)
{
  if (!info)
    return;
  g_free (info->aor);
  g_free (info->path);
  g_free (info);
}

static const char *
role_of (PlNode *node, const PlNodeId *id)
{
  const char *role = pl_topology_role_of (node->topology, id);

  if (g_strcmp0 (role, "other") != 0)
    return role;
  if (pl_node_boot_is (node, id))
    return "bootstrap";
  return pl_topology_is_peer (node->topology, id) ? "other" : "client";
}

GPtrArray *
pl_node_dup_peers (PlNode *node)
{
  GPtrArray *peers = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_peer_info_free);
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);

  for (guint i = 0; i < nodes->len; i++)
    {
      const PlNodeId *id = &g_array_index (nodes, PlNodeId, i);
      PlLink *link = pl_forward_link (node->forward, id);
      PlPeerInfo *info = g_new0 (PlPeerInfo, 1);
      PlLinkStats stats;

      pl_link_stats (link, &stats);
      info->node = *id;
      info->aor = g_strdup (pl_cert_aor (pl_link_cert (link)));
      info->role = role_of (node, id);
      info->path = g_strdup (pl_link_description (link));
      info->rtt = stats.srtt;
      info->since = stats.since;
      pl_repute_counts (node->repute, id, info->noticed);
      info->shunned = pl_repute_shuns (node->repute, id);
      g_ptr_array_add (peers, info);
    }
  return peers;
}

gboolean
pl_node_tuning (PlNode *node, double *size, gint64 *interval)
{
  PlTopologyTuning tuning;

  if (!pl_topology_tuning (node->topology, &tuning))
    return FALSE;
  *size = tuning.size;
  *interval = tuning.interval;
  return TRUE;
}
