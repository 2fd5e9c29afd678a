/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode-fields.h"

static void
empty (PlJsonOut *out, const char *name)
{
  pl_fields_open (out, name, "Empty");
  pl_json_out_end_object (out);
}

static void
bytes_list (PlJsonOut *out, const char *name, GPtrArray *list)
{
  pl_json_out_array (out, name);
  for (guint i = 0; list && i < list->len; i++)
    pl_json_out_bytes (out, NULL, g_ptr_array_index (list, i));
  pl_json_out_end_array (out);
}

static void
nodes (PlJsonOut *out, const char *name, GArray *list)
{
  pl_fields_list (out, name, list, (PlFieldsFunc) pl_fields_node_id);
}

/* --- stored values --- */

/* Opens the object of an array or dictionary entry, with what tells it apart. */
static void
open_entry (PlJsonOut *out, const char *name, const char *type, PlDataModel model, guint32 index, GBytes *key)
{
  pl_fields_open (out, name, type);
  if (model == PL_DATA_ARRAY)
    pl_json_out_uint (out, "index", index);
  else
    pl_json_out_bytes (out, "key", key);
}

static void
data_value (PlJsonOut *out, const char *name, const PlDataValue *value)
{
  pl_fields_open (out, name, "DataValue");
  pl_json_out_boolean (out, "exists", value->exists);
  pl_json_out_bytes (out, "value", value->value);
  pl_json_out_end_object (out);
}

void
pl_fields_stored_data (PlJsonOut *out, const char *name, const PlStoredData *data)
{
  const PlStoredDataValue *value = &data->value;

  pl_fields_open (out, name, "StoredData");
  pl_json_out_uint (out, "storage_time", data->storage_time);
  pl_json_out_uint (out, "lifetime", data->lifetime);
  if (value->model == PL_DATA_SINGLE)
    data_value (out, "value", &value->value);
  else
    {
      open_entry (out, "value", value->model == PL_DATA_ARRAY ? "ArrayEntry" : "DictionaryEntry", value->model,
                  value->index, value->key);
      data_value (out, "value", &value->value);
      pl_json_out_end_object (out);
    }
  pl_fields_signature (out, "signature", &data->signature);
  pl_json_out_end_object (out);
}

static void
data_value_meta (PlJsonOut *out, const char *name, const PlMetaDataValue *metadata)
{
  pl_fields_open (out, name, "DataValueMeta");
  pl_json_out_boolean (out, "exists", metadata->exists);
  pl_json_out_uint (out, "value_length", metadata->value_length);
  pl_fields_enum (out, "hash_algorithm", PL_ENUM_HASH, metadata->hash_algorithm);
  pl_json_out_bytes (out, "hash_value", metadata->hash_value);
  pl_json_out_end_object (out);
}

void
pl_fields_stored_meta_data (PlJsonOut *out, const char *name, const PlStoredMetaData *data)
{
  const PlMetaDataValue *metadata = &data->metadata;

  pl_fields_open (out, name, "StoredMetaData");
  pl_json_out_uint (out, "storage_time", data->storage_time);
  pl_json_out_uint (out, "lifetime", data->lifetime);
  if (metadata->model == PL_DATA_SINGLE)
    data_value_meta (out, "metadata", metadata);
  else
    {
      open_entry (out, "metadata", metadata->model == PL_DATA_ARRAY ? "ArrayEntryMeta" : "DictionaryEntryMeta",
                  metadata->model, metadata->index, metadata->key);
      data_value_meta (out, "value", metadata);
      pl_json_out_end_object (out);
    }
  pl_json_out_end_object (out);
}

static void
array_range (PlJsonOut *out, const char *name, const PlArrayRange *range)
{
  pl_fields_open (out, name, "ArrayRange");
  pl_json_out_uint (out, "first", range->first);
  pl_json_out_uint (out, "last", range->last);
  pl_json_out_end_object (out);
}

void
pl_fields_specifier (PlJsonOut *out, const char *name, const PlStoredDataSpecifier *specifier)
{
  pl_fields_open (out, name, "StoredDataSpecifier");
  pl_json_out_uint (out, "kind_id", specifier->kind);
  pl_json_out_uint (out, "generation", specifier->generation);
  switch (specifier->model)
    {
    case PL_DATA_SINGLE:
      empty (out, "specifier");
      break;
    case PL_DATA_ARRAY:
      pl_fields_list (out, "specifier", specifier->indices, (PlFieldsFunc) array_range);
      break;
    case PL_DATA_DICTIONARY:
      bytes_list (out, "specifier", specifier->keys);
      break;
    default:
      pl_json_out_bytes (out, "specifier", specifier->raw);
      break;
    }
  pl_json_out_end_object (out);
}

/* --- store, fetch, stat, find --- */

static void
store_kind_data (PlJsonOut *out, const char *name, const PlStoreKindData *data)
{
  pl_fields_open (out, name, "StoreKindData");
  pl_json_out_uint (out, "kind_id", data->kind);
  pl_json_out_uint (out, "generation_counter", data->generation_counter);
  if (data->unknown)
    pl_json_out_bytes (out, "values", data->raw);
  else
    pl_fields_list (out, "values", data->values, (PlFieldsFunc) pl_fields_stored_data);
  pl_json_out_end_object (out);
}

static void
store_kind_response (PlJsonOut *out, const char *name, const PlStoreKindResponse *response)
{
  pl_fields_open (out, name, "StoreKindResponse");
  pl_json_out_uint (out, "kind_id", response->kind);
  pl_json_out_uint (out, "generation_counter", response->generation_counter);
  nodes (out, "replicas", response->replicas);
  pl_json_out_end_object (out);
}

static void
fetch_kind_response (PlJsonOut *out, const char *name, const PlFetchKindResponse *response)
{
  pl_fields_open (out, name, "FetchKindResponse");
  pl_json_out_uint (out, "kind_id", response->kind);
  pl_json_out_uint (out, "generation", response->generation);
  if (response->unknown)
    pl_json_out_bytes (out, "values", response->raw);
  else
    pl_fields_list (out, "values", response->values, (PlFieldsFunc) pl_fields_stored_data);
  pl_json_out_end_object (out);
}

static void
stat_kind_response (PlJsonOut *out, const char *name, const PlStatKindResponse *response)
{
  pl_fields_open (out, name, "StatKindResponse");
  pl_json_out_uint (out, "kind_id", response->kind);
  pl_json_out_uint (out, "generation", response->generation);
  if (response->unknown)
    pl_json_out_bytes (out, "values", response->raw);
  else
    pl_fields_list (out, "values", response->values, (PlFieldsFunc) pl_fields_stored_meta_data);
  pl_json_out_end_object (out);
}

static void
find_kind_data (PlJsonOut *out, const char *name, const PlFindKindData *data)
{
  pl_fields_open (out, name, "FindKindData");
  pl_json_out_uint (out, "kind_id", data->kind);
  pl_fields_resource_id (out, "closest", &data->closest);
  pl_json_out_end_object (out);
}

static void
store_req (PlJsonOut *out, const PlStoreReq *req)
{
  pl_fields_resource_id (out, "resource", &req->resource);
  pl_json_out_uint (out, "replica_number", req->replica_number);
  pl_fields_list (out, "kind_data", req->kind_data, (PlFieldsFunc) store_kind_data);
}

static void
store_ans (PlJsonOut *out, const PlStoreAns *ans)
{
  pl_fields_list (out, "kind_responses", ans->kind_responses, (PlFieldsFunc) store_kind_response);
}

static void
fetch_req (PlJsonOut *out, const PlFetchReq *req)
{
  pl_fields_resource_id (out, "resource", &req->resource);
  pl_fields_list (out, "specifiers", req->specifiers, (PlFieldsFunc) pl_fields_specifier);
}

static void
fetch_ans (PlJsonOut *out, const PlFetchAns *ans)
{
  pl_fields_list (out, "kind_responses", ans->kind_responses, (PlFieldsFunc) fetch_kind_response);
}

static void
stat_ans (PlJsonOut *out, const PlStatAns *ans)
{
  pl_fields_list (out, "kind_responses", ans->kind_responses, (PlFieldsFunc) stat_kind_response);
}

static void
find_req (PlJsonOut *out, const PlFindReq *req)
{
  pl_fields_resource_id (out, "resource", &req->resource);
  pl_json_out_array (out, "kinds");
  for (guint i = 0; i < req->kinds->len; i++)
    pl_json_out_uint (out, NULL, g_array_index (req->kinds, guint32, i));
  pl_json_out_end_array (out);
}

static void
find_ans (PlJsonOut *out, const PlFindAns *ans)
{
  pl_fields_list (out, "results", ans->results, (PlFieldsFunc) find_kind_data);
}

/* --- attach --- */

static void
attach (PlJsonOut *out, const PlAttachReqAns *body, gboolean application)
{
  pl_json_out_text (out, "username", body->ufrag);
  pl_json_out_text (out, "password", body->password);
  if (application)
    pl_json_out_uint (out, "application", body->application);
  pl_json_out_text (out, "role", body->role);
  pl_fields_list (out, "candidates", body->candidates, (PlFieldsFunc) pl_fields_ice_candidate);
  if (!application)
    pl_json_out_boolean (out, "send_update", body->send_update);
}

static void
overlay_attach (PlJsonOut *out, const PlAttachReqAns *body)
{
  attach (out, body, FALSE);
}

static void
app_attach (PlJsonOut *out, const PlAttachReqAns *body)
{
  attach (out, body, TRUE);
}

/* --- routing --- */

static void
join_req (PlJsonOut *out, const PlJoinReq *req)
{
  pl_fields_node_id (out, "node_id", &req->joining_peer_id);
  pl_json_out_bytes (out, "overlay_data", req->overlay_specific_data);
}

static void
join_ans (PlJsonOut *out, const PlJoinAns *ans)
{
  pl_json_out_bytes (out, "overlay_data", ans->overlay_specific_data);
}

static void
leave_req (PlJsonOut *out, const PlLeaveReq *req)
{
  pl_fields_node_id (out, "node_id", &req->leaving_peer_id);
  pl_json_out_bytes (out, "overlay_data", req->overlay_specific_data);
}

void
pl_fields_chord_leave (PlJsonOut *out, const char *name, const PlChordLeaveData *data)
{
  pl_fields_open (out, name, "ChordLeaveData");
  pl_fields_enum (out, "type", PL_ENUM_CHORD_LEAVE, data->type);
  nodes (out, "node_list", data->type == PL_CHORD_LEAVE_FROM_SUCC ? data->successors : data->predecessors);
  pl_json_out_end_object (out);
}

static void
update_req (PlJsonOut *out, const PlChordUpdate *update)
{
  gboolean full = update->type == PL_CHORD_UPDATE_FULL;

  pl_json_out_uint (out, "uptime", update->uptime);
  pl_fields_enum (out, "type", PL_ENUM_CHORD_UPDATE, update->type);
  if (update->type == PL_CHORD_UPDATE_PEER_READY)
    {
      empty (out, "data");
      return;
    }
  pl_fields_open (out, "data", full ? "NodeNeighborsFingers" : "NodeNeighbors");
  nodes (out, "predecessors", update->predecessors);
  nodes (out, "successors", update->successors);
  if (full)
    nodes (out, "fingers", update->fingers);
  pl_json_out_end_object (out);
}

static void
route_query_req (PlJsonOut *out, const PlRouteQueryReq *req)
{
  pl_json_out_boolean (out, "send_update", req->send_update);
  pl_fields_destination (out, "destination", &req->destination);
  pl_json_out_bytes (out, "overlay_data", req->overlay_specific_data);
}

static void
route_query_ans (PlJsonOut *out, const PlChordRouteQueryAns *ans)
{
  pl_fields_node_id (out, "next_peer", &ans->next_peer);
}

/* --- probe, ping, configuration, errors --- */

static void
probe_req (PlJsonOut *out, const PlProbeReq *req)
{
  pl_json_out_array (out, "requested_info");
  for (guint i = 0; i < req->requested_info->len; i++)
    pl_fields_enum (out, NULL, PL_ENUM_PROBE, g_array_index (req->requested_info, guint8, i));
  pl_json_out_end_array (out);
}

static void
probe_information (PlJsonOut *out, const char *name, const PlProbeInformation *information)
{
  pl_fields_open (out, name, "ProbeInformation");
  pl_fields_enum (out, "type", PL_ENUM_PROBE, information->type);
  if (information->type >= PL_PROBE_RESPONSIBLE_SET && information->type <= PL_PROBE_UPTIME)
    pl_json_out_uint (out, "value", information->value);
  else
    pl_json_out_bytes (out, "value", information->raw);
  pl_json_out_end_object (out);
}

static void
probe_ans (PlJsonOut *out, const PlProbeAns *ans)
{
  pl_fields_list (out, "probe_info", ans->probe_info, (PlFieldsFunc) probe_information);
}

static void
ping_req (PlJsonOut *out, const PlPingReq *req)
{
  pl_json_out_bytes (out, "padding", req->padding);
}

static void
ping_ans (PlJsonOut *out, const PlPingAns *ans)
{
  pl_json_out_uint (out, "id", ans->response_id);
  pl_json_out_uint (out, "time", ans->time);
}

static void
path_track_req (PlJsonOut *out, const PlPathTrackReq *req)
{
  pl_fields_destination (out, "destination", &req->destination);
  pl_fields_diagnostics_request (out, "request", &req->request);
}

static void
path_track_ans (PlJsonOut *out, const PlPathTrackAns *ans)
{
  pl_fields_destination (out, "next_hop", &ans->next_hop);
  pl_fields_diagnostics_response (out, "response", &ans->response);
}

static void
config_update_req (PlJsonOut *out, const PlConfigUpdateReq *req)
{
  pl_fields_enum (out, "type", PL_ENUM_CONFIG_UPDATE, req->type);
  if (req->type == PL_CONFIG_UPDATE_KIND)
    bytes_list (out, "data", req->kinds);
  else
    pl_json_out_bytes (out, "data", req->type == PL_CONFIG_UPDATE_CONFIG ? req->config_data : req->raw);
}

static void
error_response (PlJsonOut *out, const PlErrorResponse *error)
{
  pl_fields_enum (out, "code", PL_ENUM_ERROR, error->error_code);
  pl_json_out_bytes (out, "info", error->error_info);
}

/* --- all bodies --- */

typedef void (*BodyFunc) (PlJsonOut *out, gconstpointer body);

static const struct {
  guint16 code;
  const char *type;
  BodyFunc func;
} bodies[] = {
  { PL_MESSAGE_PROBE_REQ, "ProbeRequest", (BodyFunc) probe_req },
  { PL_MESSAGE_PROBE_ANS, "ProbeResponse", (BodyFunc) probe_ans },
  { PL_MESSAGE_ATTACH_REQ, "AttachRequest", (BodyFunc) overlay_attach },
  { PL_MESSAGE_ATTACH_ANS, "AttachResponse", (BodyFunc) overlay_attach },
  { PL_MESSAGE_STORE_REQ, "StoreRequest", (BodyFunc) store_req },
  { PL_MESSAGE_STORE_ANS, "StoreResponse", (BodyFunc) store_ans },
  { PL_MESSAGE_FETCH_REQ, "FetchRequest", (BodyFunc) fetch_req },
  { PL_MESSAGE_FETCH_ANS, "FetchResponse", (BodyFunc) fetch_ans },
  { PL_MESSAGE_FIND_REQ, "FindRequest", (BodyFunc) find_req },
  { PL_MESSAGE_FIND_ANS, "FindResponse", (BodyFunc) find_ans },
  { PL_MESSAGE_JOIN_REQ, "JoinRequest", (BodyFunc) join_req },
  { PL_MESSAGE_JOIN_ANS, "JoinResponse", (BodyFunc) join_ans },
  { PL_MESSAGE_LEAVE_REQ, "LeaveRequest", (BodyFunc) leave_req },
  { PL_MESSAGE_LEAVE_ANS, "LeaveResponse", NULL },
  { PL_MESSAGE_UPDATE_REQ, "UpdateRequest", (BodyFunc) update_req },
  { PL_MESSAGE_UPDATE_ANS, "UpdateResponse", NULL },
  { PL_MESSAGE_ROUTE_QUERY_REQ, "RouteQueryRequest", (BodyFunc) route_query_req },
  { PL_MESSAGE_ROUTE_QUERY_ANS, "RouteQueryResponse", (BodyFunc) route_query_ans },
  { PL_MESSAGE_PING_REQ, "PingRequest", (BodyFunc) ping_req },
  { PL_MESSAGE_PING_ANS, "PingResponse", (BodyFunc) ping_ans },
  { PL_MESSAGE_STAT_REQ, "StatRequest", (BodyFunc) fetch_req },
  { PL_MESSAGE_STAT_ANS, "StatResponse", (BodyFunc) stat_ans },
  { PL_MESSAGE_APP_ATTACH_REQ, "AppAttachRequest", (BodyFunc) app_attach },
  { PL_MESSAGE_APP_ATTACH_ANS, "AppAttachResponse", (BodyFunc) app_attach },
  { PL_MESSAGE_CONFIG_UPDATE_REQ, "ConfigUpdateRequest", (BodyFunc) config_update_req },
  { PL_MESSAGE_CONFIG_UPDATE_ANS, "ConfigUpdateResponse", NULL },
  { PL_MESSAGE_PATH_TRACK_REQ, "PathTrackRequest", (BodyFunc) path_track_req },
  { PL_MESSAGE_PATH_TRACK_ANS, "PathTrackResponse", (BodyFunc) path_track_ans },
  { PL_MESSAGE_ERROR, "ErrorResponse", (BodyFunc) error_response },
};

void
pl_fields_body (PlJsonOut *out, const char *name, guint16 code, gconstpointer body)
{
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    if (bodies[i].code == code)
      {
        pl_fields_open (out, name, bodies[i].type);
        if (bodies[i].func)
          bodies[i].func (out, body);
        pl_json_out_end_object (out);
        return;
      }
  pl_json_out_null (out, name);
}
