/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/routing.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

static gboolean
node_read (PlReader *reader, PlNodeId *id)
{
  pl_reader_node_id (reader, id);
  return pl_reader_ok (reader);
}

/* NodeId list<0..2^16-1> */
static GArray *
nodes_read (PlReader *reader)
{
  GArray *list = pl_wire_list_new (sizeof (PlNodeId), NULL);
  PlReader child;

  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, list, PL_NODES_MAX, (PlWireReadFunc) node_read);
  pl_reader_close (&child);
  return list;
}

static void
nodes_write (PlWriter *writer, GArray *list)
{
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, list, (PlWireWriteFunc) pl_writer_node_id);
  pl_writer_close (writer);
}

/* --- join --- */

gboolean
pl_join_req_read (PlReader *reader, PlJoinReq *req)
{
  pl_reader_node_id (reader, &req->joining_peer_id);
  req->overlay_specific_data = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

void
pl_join_req_write (PlWriter *writer, const PlJoinReq *req)
{
  pl_writer_node_id (writer, &req->joining_peer_id);
  pl_writer_opaque (writer, req->overlay_specific_data, 2);
}

void
pl_join_req_clear (PlJoinReq *req)
{
  g_clear_pointer (&req->overlay_specific_data, g_bytes_unref);
}

gboolean
pl_join_ans_read (PlReader *reader, PlJoinAns *ans)
{
  ans->overlay_specific_data = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

void
pl_join_ans_write (PlWriter *writer, const PlJoinAns *ans)
{
  pl_writer_opaque (writer, ans->overlay_specific_data, 2);
}

void
pl_join_ans_clear (PlJoinAns *ans)
{
  g_clear_pointer (&ans->overlay_specific_data, g_bytes_unref);
}

/* --- leave --- */

gboolean
pl_leave_req_read (PlReader *reader, PlLeaveReq *req)
{
  pl_reader_node_id (reader, &req->leaving_peer_id);
  req->overlay_specific_data = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

void
pl_leave_req_write (PlWriter *writer, const PlLeaveReq *req)
{
  pl_writer_node_id (writer, &req->leaving_peer_id);
  pl_writer_opaque (writer, req->overlay_specific_data, 2);
}

void
pl_leave_req_clear (PlLeaveReq *req)
{
  g_clear_pointer (&req->overlay_specific_data, g_bytes_unref);
}

gboolean
pl_chord_leave_data_read (PlReader *reader, PlChordLeaveData *data)
{
  memset (data, 0, sizeof *data);
  data->type = pl_reader_u8 (reader);
  if (data->type == PL_CHORD_LEAVE_FROM_SUCC)
    data->successors = nodes_read (reader);
  else if (data->type == PL_CHORD_LEAVE_FROM_PRED)
    data->predecessors = nodes_read (reader);
  else
    pl_reader_fail (reader, PL_WIRE_TYPE);
  return pl_reader_ok (reader);
}

void
pl_chord_leave_data_write (PlWriter *writer, const PlChordLeaveData *data)
{
  pl_writer_u8 (writer, data->type);
  nodes_write (writer, data->type == PL_CHORD_LEAVE_FROM_SUCC ? data->successors : data->predecessors);
}

void
pl_chord_leave_data_clear (PlChordLeaveData *data)
{
  g_clear_pointer (&data->successors, g_array_unref);
  g_clear_pointer (&data->predecessors, g_array_unref);
}

/* --- update --- */

gboolean
pl_chord_update_read (PlReader *reader, PlChordUpdate *update)
{
  memset (update, 0, sizeof *update);
  update->uptime = pl_reader_u32 (reader);
  update->type = pl_reader_u8 (reader);
  switch (update->type)
    {
    case PL_CHORD_UPDATE_PEER_READY:
      break;
    case PL_CHORD_UPDATE_NEIGHBORS:
    case PL_CHORD_UPDATE_FULL:
      update->predecessors = nodes_read (reader);
      update->successors = nodes_read (reader);
      if (update->type == PL_CHORD_UPDATE_FULL)
        update->fingers = nodes_read (reader);
      break;
    default:
      pl_reader_fail (reader, PL_WIRE_TYPE);
      break;
    }
  return pl_reader_ok (reader);
}

void
pl_chord_update_write (PlWriter *writer, const PlChordUpdate *update)
{
  pl_writer_u32 (writer, update->uptime);
  pl_writer_u8 (writer, update->type);
  if (update->type == PL_CHORD_UPDATE_PEER_READY)
    return;
  nodes_write (writer, update->predecessors);
  nodes_write (writer, update->successors);
  if (update->type == PL_CHORD_UPDATE_FULL)
    nodes_write (writer, update->fingers);
}

void
pl_chord_update_clear (PlChordUpdate *update)
{
  g_clear_pointer (&update->predecessors, g_array_unref);
  g_clear_pointer (&update->successors, g_array_unref);
  g_clear_pointer (&update->fingers, g_array_unref);
}

/* --- self-tuning --- */

gboolean
pl_self_tuning_data_read (PlReader *reader, PlSelfTuningData *data)
{
  data->network_size = pl_reader_u32 (reader);
  data->join_rate = pl_reader_u32 (reader);
  data->leave_rate = pl_reader_u32 (reader);
  return pl_reader_ok (reader);
}

void
pl_self_tuning_data_write (PlWriter *writer, const PlSelfTuningData *data)
{
  pl_writer_u32 (writer, data->network_size);
  pl_writer_u32 (writer, data->join_rate);
  pl_writer_u32 (writer, data->leave_rate);
}

/* --- route query --- */

gboolean
pl_route_query_req_read (PlReader *reader, PlRouteQueryReq *req)
{
  memset (req, 0, sizeof *req);
  req->send_update = pl_reader_boolean (reader);
  pl_destination_read (reader, &req->destination);
  req->overlay_specific_data = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

void
pl_route_query_req_write (PlWriter *writer, const PlRouteQueryReq *req)
{
  pl_writer_boolean (writer, req->send_update);
  pl_destination_write (writer, &req->destination);
  pl_writer_opaque (writer, req->overlay_specific_data, 2);
}

void
pl_route_query_req_clear (PlRouteQueryReq *req)
{
  g_clear_pointer (&req->overlay_specific_data, g_bytes_unref);
}

gboolean
pl_chord_route_query_ans_read (PlReader *reader, PlChordRouteQueryAns *ans)
{
  pl_reader_node_id (reader, &ans->next_peer);
  return pl_reader_ok (reader);
}

void
pl_chord_route_query_ans_write (PlWriter *writer, const PlChordRouteQueryAns *ans)
{
  pl_writer_node_id (writer, &ans->next_peer);
}
