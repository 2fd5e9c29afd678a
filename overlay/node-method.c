/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/store.h"

/* Every request here is verified (overlay/trans). */

static void
answer_body (PlNode *node, PlIncoming *incoming, gconstpointer value, GPtrArray *certs)
{
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (incoming->code + 1), value);

  pl_trans_answer (node->trans, incoming, body, certs);
}

static gboolean
read_body (PlNode *node, PlIncoming *incoming, gpointer value)
{
  if (pl_body_read (pl_body_type (incoming->code), incoming->body, pl_node_model, node, value) == PL_WIRE_OK)
    return TRUE;
  pl_trans_refuse_text (node->trans, incoming, PL_ERROR_INVALID_MESSAGE, "malformed request");
  return FALSE;
}

static void
on_ping (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlPingReq) ping = { 0 };
  g_autoptr (GArray) extensions = pl_message_extension_list_new ();
  g_autoptr (GBytes) body = NULL;
  PlPingAns answer;

  if (!read_body (node, incoming, &ping) || !pl_node_diagnose_ping (node, incoming, extensions))
    return;
  answer.response_id = pl_env_random64 (node->env);
  answer.time = pl_env_wall (node->env) / PL_USEC_PER_MSEC;
  body = pl_body_write (pl_body_type (PL_MESSAGE_PING_ANS), &answer);
  pl_trans_answer_extended (node->trans, incoming, body, NULL, extensions);
}

/* What was asked and is known, in that order, and nothing else (6.4.2.5.2). */
static void
on_probe (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlProbeReq) probe = { 0 };
  g_auto (PlProbeAns) answer = { 0 };
  g_autoptr (GArray) extensions = NULL;
  g_autoptr (GBytes) body = NULL;

  if (!read_body (node, incoming, &probe))
    return;
  answer.probe_info = g_array_new (FALSE, TRUE, sizeof (PlProbeInformation));
  for (guint i = 0; i < probe.requested_info->len; i++)
    switch (g_array_index (probe.requested_info, guint8, i))
      {
      case PL_PROBE_RESPONSIBLE_SET:
        pl_probe_ans_add (&answer, PL_PROBE_RESPONSIBLE_SET, pl_topology_share_ppb (node->topology));
        break;
      case PL_PROBE_NUM_RESOURCES:
        pl_probe_ans_add (&answer, PL_PROBE_NUM_RESOURCES, pl_store_n_resources (node->store));
        break;
      case PL_PROBE_UPTIME:
        pl_probe_ans_add (&answer, PL_PROBE_UPTIME, (pl_env_now (node->env) - node->born) / PL_USEC_PER_SEC);
        break;
      default:
        break;
      }
  pl_topology_on_extensions (node->topology, &incoming->signer, incoming->extensions);
  extensions = pl_topology_dup_extensions (node->topology);
  body = pl_body_write (pl_body_type (PL_MESSAGE_PROBE_ANS), &answer);
  pl_trans_answer_extended (node->trans, incoming, body, NULL, extensions);
}

static void
refuse_info (PlNode *node, PlIncoming *incoming, guint16 error, GBytes *info)
{
  if (info)
    pl_trans_refuse (node->trans, incoming, error, info);
  else
    pl_trans_refuse_text (node->trans, incoming, error, pl_error_code_name (error) ? pl_error_code_name (error) : "");
}

static void
name_replicas (PlNode *node, PlStoreAns *answer)
{
  PlNodeId replicas[8];
  guint n = pl_topology_replicas (node->topology, replicas, G_N_ELEMENTS (replicas));

  for (guint i = 0; i < answer->kind_responses->len; i++)
    {
      PlStoreKindResponse *response = &g_array_index (answer->kind_responses, PlStoreKindResponse, i);

      if (!response->replicas)
        response->replicas = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
      g_array_append_vals (response->replicas, replicas, n);
    }
}

/* 0, or why this sender can't store here (7.4.1.1). */
static guint16
check_place (PlNode *node, const PlIncoming *incoming, const PlStoreReq *store)
{
  PlNodeId place;

  if (!pl_resource_id_to_node_id (&store->resource, &place))
    return PL_ERROR_INVALID_MESSAGE;
  if (store->replica_number == 0)
    return pl_topology_responsible (node->topology, &place) ? 0 : PL_ERROR_NOT_FOUND;
  return pl_topology_replica_ok (node->topology, &place, &incoming->signer) ? 0 : PL_ERROR_FORBIDDEN;
}

static void
on_store (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlStoreReq) store = { 0 };
  g_auto (PlStoreAns) answer = { 0 };
  g_autoptr (GBytes) info = NULL;
  guint16 error;

  if (!read_body (node, incoming, &store))
    return;
  if (store.replica_number == 0 && !pl_node_may_store (node, incoming))
    {
      pl_trans_refuse_text (node->trans, incoming, PL_ERROR_REQUEST_TIMEOUT, "too many Stores, try again later");
      return;
    }
  error = check_place (node, incoming, &store);
  if (!error)
    error = pl_store_put (node->store, &store, incoming->cert, &incoming->signer, incoming->certs, &answer, &info);
  if (error)
    {
      refuse_info (node, incoming, error, info);
      return;
    }
  if (store.replica_number == 0)
    name_replicas (node, &answer);
  pl_topology_stored (node->topology, &store.resource, store.replica_number ? &incoming->signer : NULL);
  answer_body (node, incoming, &answer, NULL);
}

static void
on_fetch (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlFetchReq) fetch = { 0 };
  g_auto (PlFetchAns) answer = { 0 };
  g_autoptr (GBytes) info = NULL;
  g_autoptr (GPtrArray) certs = NULL;
  guint16 error;

  if (!read_body (node, incoming, &fetch))
    return;
  error = pl_store_get (node->store, &fetch, &answer, &info);
  if (error)
    {
      refuse_info (node, incoming, error, info);
      return;
    }
  certs = pl_store_dup_certs_of_answer (node->store, &answer);
  answer_body (node, incoming, &answer, certs);
}

static void
on_stat (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlFetchReq) stat = { 0 };
  g_auto (PlStatAns) answer = { 0 };
  g_autoptr (GBytes) info = NULL;
  guint16 error;

  if (!read_body (node, incoming, &stat))
    return;
  error = pl_store_stat (node->store, &stat, &answer, &info);
  if (error)
    refuse_info (node, incoming, error, info);
  else
    answer_body (node, incoming, &answer, NULL);
}

static void
on_find (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlFindReq) find = { 0 };
  g_auto (PlFindAns) answer = { 0 };
  g_autoptr (GBytes) info = NULL;
  PlNodeId place;
  guint16 error = PL_ERROR_NOT_FOUND;

  if (!read_body (node, incoming, &find))
    return;
  if (pl_resource_id_to_node_id (&find.resource, &place) && pl_topology_responsible (node->topology, &place))
    error = pl_store_find (node->store, &find, &answer, &info);
  if (error)
    refuse_info (node, incoming, error, info);
  else
    answer_body (node, incoming, &answer, NULL);
}

static void
on_topology (PlNode *node, PlIncoming *incoming)
{
  g_autoptr (GBytes) body = NULL;
  guint16 error = pl_topology_handle (node->topology, incoming->code, &incoming->signer, &incoming->from,
                                      incoming->body, &body);

  if (error)
    {
      refuse_info (node, incoming, error, NULL);
      return;
    }
  pl_trans_answer (node->trans, incoming, body, NULL);
}

typedef void (*Method) (PlNode *node, PlIncoming *incoming);

static Method
method_of (guint16 code)
{
  switch (code)
    {
    case PL_MESSAGE_PING_REQ:
      return on_ping;
    case PL_MESSAGE_PROBE_REQ:
      return on_probe;
    case PL_MESSAGE_ATTACH_REQ:
      return pl_node_on_attach;
    case PL_MESSAGE_APP_ATTACH_REQ:
      return pl_node_on_app_attach;
    case PL_MESSAGE_STORE_REQ:
      return on_store;
    case PL_MESSAGE_FETCH_REQ:
      return on_fetch;
    case PL_MESSAGE_STAT_REQ:
      return on_stat;
    case PL_MESSAGE_FIND_REQ:
      return on_find;
    case PL_MESSAGE_JOIN_REQ:
    case PL_MESSAGE_LEAVE_REQ:
    case PL_MESSAGE_UPDATE_REQ:
    case PL_MESSAGE_ROUTE_QUERY_REQ:
      return on_topology;
    case PL_MESSAGE_PATH_TRACK_REQ:
      return pl_node_on_path_track;
    case PL_MESSAGE_CONFIG_UPDATE_REQ:
      return pl_node_on_config_update;
    default:
      return NULL;
    }
}

/* What came only because the peer of this place did not take it gets what we hold as its copy, and
 * no word otherwise: the next repetition may find a peer that knows better. */
static gboolean
may_answer (PlNode *node, const PlIncoming *incoming)
{
  const PlDestination *to = pl_destination_list_get (incoming->header.destination_list, 0);
  PlNodeId place;

  if (to->type != PL_DESTINATION_RESOURCE || !pl_resource_id_to_node_id (&to->resource_id, &place)
      || pl_topology_responsible (node->topology, &place))
    return TRUE;
  return (incoming->code == PL_MESSAGE_FETCH_REQ || incoming->code == PL_MESSAGE_STAT_REQ)
         && pl_store_has (node->store, &to->resource_id);
}

void
pl_node_on_request (PlNode *node, PlIncoming *incoming)
{
  Method method = method_of (incoming->code);

  if (!may_answer (node, incoming))
    pl_trans_drop (node->trans, incoming);
  else if (method)
    method (node, incoming);
  else
    pl_trans_refuse_text (node->trans, incoming, PL_ERROR_INVALID_MESSAGE, "unknown method");
}
