/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/body.h"

#include <string.h>
#include "overlay/wire/attach.h"
#include "overlay/wire/diagnostics.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/store.h"

typedef gboolean (*ReadFunc) (PlReader *reader, gpointer out);
typedef void (*WriteFunc) (PlWriter *writer, gconstpointer body);
typedef void (*ClearFunc) (gpointer body);

#define BODY(code, name, type, prefix) \
  { code, name, sizeof (type), (ReadFunc) prefix##_read, (WriteFunc) prefix##_write, (ClearFunc) prefix##_clear }
#define PLAIN(code, name, type, prefix) \
  { code, name, sizeof (type), (ReadFunc) prefix##_read, (WriteFunc) prefix##_write, NULL }
#define EMPTY(code, name) { code, name, 0, NULL, NULL, NULL }

static const PlBodyType types[] = {
  BODY (PL_MESSAGE_PROBE_REQ, "ProbeReq", PlProbeReq, pl_probe_req),
  BODY (PL_MESSAGE_PROBE_ANS, "ProbeAns", PlProbeAns, pl_probe_ans),
  BODY (PL_MESSAGE_ATTACH_REQ, "AttachReq", PlAttachReqAns, pl_attach_req_ans),
  BODY (PL_MESSAGE_ATTACH_ANS, "AttachAns", PlAttachReqAns, pl_attach_req_ans),
  BODY (PL_MESSAGE_STORE_REQ, "StoreReq", PlStoreReq, pl_store_req),
  BODY (PL_MESSAGE_STORE_ANS, "StoreAns", PlStoreAns, pl_store_ans),
  BODY (PL_MESSAGE_FETCH_REQ, "FetchReq", PlFetchReq, pl_fetch_req),
  BODY (PL_MESSAGE_FETCH_ANS, "FetchAns", PlFetchAns, pl_fetch_ans),
  BODY (PL_MESSAGE_FIND_REQ, "FindReq", PlFindReq, pl_find_req),
  BODY (PL_MESSAGE_FIND_ANS, "FindAns", PlFindAns, pl_find_ans),
  BODY (PL_MESSAGE_JOIN_REQ, "JoinReq", PlJoinReq, pl_join_req),
  BODY (PL_MESSAGE_JOIN_ANS, "JoinAns", PlJoinAns, pl_join_ans),
  BODY (PL_MESSAGE_LEAVE_REQ, "LeaveReq", PlLeaveReq, pl_leave_req),
  EMPTY (PL_MESSAGE_LEAVE_ANS, "LeaveAns"),
  BODY (PL_MESSAGE_UPDATE_REQ, "UpdateReq", PlChordUpdate, pl_chord_update),
  EMPTY (PL_MESSAGE_UPDATE_ANS, "UpdateAns"),
  BODY (PL_MESSAGE_ROUTE_QUERY_REQ, "RouteQueryReq", PlRouteQueryReq, pl_route_query_req),
  PLAIN (PL_MESSAGE_ROUTE_QUERY_ANS, "RouteQueryAns", PlChordRouteQueryAns, pl_chord_route_query_ans),
  BODY (PL_MESSAGE_PING_REQ, "PingReq", PlPingReq, pl_ping_req),
  PLAIN (PL_MESSAGE_PING_ANS, "PingAns", PlPingAns, pl_ping_ans),
  BODY (PL_MESSAGE_STAT_REQ, "StatReq", PlStatReq, pl_fetch_req),
  BODY (PL_MESSAGE_STAT_ANS, "StatAns", PlStatAns, pl_stat_ans),
  { PL_MESSAGE_APP_ATTACH_REQ, "AppAttachReq", sizeof (PlAttachReqAns), (ReadFunc) pl_app_attach_read,
    (WriteFunc) pl_app_attach_write, (ClearFunc) pl_attach_req_ans_clear },
  { PL_MESSAGE_APP_ATTACH_ANS, "AppAttachAns", sizeof (PlAttachReqAns), (ReadFunc) pl_app_attach_read,
    (WriteFunc) pl_app_attach_write, (ClearFunc) pl_attach_req_ans_clear },
  BODY (PL_MESSAGE_CONFIG_UPDATE_REQ, "ConfigUpdateReq", PlConfigUpdateReq, pl_config_update_req),
  EMPTY (PL_MESSAGE_CONFIG_UPDATE_ANS, "ConfigUpdateAns"),
  BODY (PL_MESSAGE_PATH_TRACK_REQ, "PathTrackReq", PlPathTrackReq, pl_path_track_req),
  BODY (PL_MESSAGE_PATH_TRACK_ANS, "PathTrackAns", PlPathTrackAns, pl_path_track_ans),
  BODY (PL_MESSAGE_ERROR, "ErrorResponse", PlErrorResponse, pl_error_response),
};

const PlBodyType *
pl_body_type_nth (guint i)
{
  return i < G_N_ELEMENTS (types) ? &types[i] : NULL;
}

const PlBodyType *
pl_body_type (guint16 code)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].code == code)
      return &types[i];
  return NULL;
}

PlWireStatus
pl_body_read (const PlBodyType *type, GBytes *body, PlModelFunc models, gpointer models_data, gpointer out)
{
  PlReader reader;

  if (type->size > 0)
    memset (out, 0, type->size);
  pl_reader_init_bytes (&reader, body);
  pl_reader_set_models (&reader, models, models_data);
  if (type->read)
    type->read (&reader, out);
  return pl_reader_finish (&reader);
}

GBytes *
pl_body_write (const PlBodyType *type, gconstpointer body)
{
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  if (type->write)
    type->write (&writer, body);
  return pl_writer_finish (&writer);
}

void
pl_body_clear (const PlBodyType *type, gpointer body)
{
  if (type->clear)
    type->clear (body);
}
