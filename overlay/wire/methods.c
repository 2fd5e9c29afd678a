/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/routing.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

#define UNKNOWN_KINDS_MAX (255 / 4) /* one length byte, four bytes each (7.4.1.2) */

/* --- errors --- */

static const char *const error_names[] = {
  [PL_ERROR_FORBIDDEN] = "Error_Forbidden",
  [PL_ERROR_NOT_FOUND] = "Error_Not_Found",
  [PL_ERROR_REQUEST_TIMEOUT] = "Error_Request_Timeout",
  [PL_ERROR_GENERATION_COUNTER_TOO_LOW] = "Error_Generation_Counter_Too_Low",
  [PL_ERROR_INCOMPATIBLE_WITH_OVERLAY] = "Error_Incompatible_with_Overlay",
  [PL_ERROR_UNSUPPORTED_FORWARDING_OPTION] = "Error_Unsupported_Forwarding_Option",
  [PL_ERROR_DATA_TOO_LARGE] = "Error_Data_Too_Large",
  [PL_ERROR_DATA_TOO_OLD] = "Error_Data_Too_Old",
  [PL_ERROR_TTL_EXCEEDED] = "Error_TTL_Exceeded",
  [PL_ERROR_MESSAGE_TOO_LARGE] = "Error_Message_Too_Large",
  [PL_ERROR_UNKNOWN_KIND] = "Error_Unknown_Kind",
  [PL_ERROR_UNKNOWN_EXTENSION] = "Error_Unknown_Extension",
  [PL_ERROR_RESPONSE_TOO_LARGE] = "Error_Response_Too_Large",
  [PL_ERROR_CONFIG_TOO_OLD] = "Error_Config_Too_Old",
  [PL_ERROR_CONFIG_TOO_NEW] = "Error_Config_Too_New",
  [PL_ERROR_IN_PROGRESS] = "Error_In_Progress",
  [PL_ERROR_EXP_A] = "Error_Exp_A",
  [PL_ERROR_EXP_B] = "Error_Exp_B",
  [PL_ERROR_INVALID_MESSAGE] = "Error_Invalid_Message",
  [PL_ERROR_UNDERLAY_DESTINATION_UNREACHABLE] = "Error_Underlay_Destination_Unreachable",
  [PL_ERROR_UNDERLAY_TIME_EXCEEDED] = "Error_Underlay_Time_Exceeded",
  [PL_ERROR_MESSAGE_EXPIRED] = "Error_Message_Expired",
  [PL_ERROR_UPSTREAM_MISROUTING] = "Error_Upstream_Misrouting",
  [PL_ERROR_LOOP_DETECTED] = "Error_Loop_Detected",
  [PL_ERROR_TTL_HOPS_EXCEEDED] = "Error_TTL_Hops_Exceeded",
};

const char *
pl_error_code_name (guint16 code)
{
  return code < G_N_ELEMENTS (error_names) ? error_names[code] : NULL;
}

gboolean
pl_error_response_read (PlReader *reader, PlErrorResponse *error)
{
  error->error_code = pl_reader_u16 (reader);
  error->error_info = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

void
pl_error_response_write (PlWriter *writer, const PlErrorResponse *error)
{
  pl_writer_u16 (writer, error->error_code);
  pl_writer_opaque (writer, error->error_info, 2);
}

void
pl_error_response_clear (PlErrorResponse *error)
{
  g_clear_pointer (&error->error_info, g_bytes_unref);
}

GArray *
pl_unknown_kinds_read (GBytes *info)
{
  g_autoptr (GArray) kinds = pl_wire_list_new (sizeof (guint32), NULL);
  PlReader reader, child;

  pl_reader_init_bytes (&reader, info);
  pl_reader_open (&reader, &child, 1);
  while (pl_reader_more (&child))
    {
      guint32 kind = pl_reader_u32 (&child);

      g_array_append_val (kinds, kind);
    }
  pl_reader_close (&child);
  return pl_reader_finish (&reader) == PL_WIRE_OK ? g_steal_pointer (&kinds) : NULL;
}

GBytes *
pl_unknown_kinds_write (GArray *kinds)
{
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_writer_open (&writer, 1);
  for (guint i = 0; i < kinds->len && i < UNKNOWN_KINDS_MAX; i++)
    pl_writer_u32 (&writer, g_array_index (kinds, guint32, i));
  pl_writer_close (&writer);
  return pl_writer_finish (&writer);
}

/* --- probe --- */

static gboolean
byte_read (PlReader *reader, guint8 *byte)
{
  *byte = pl_reader_u8 (reader);
  if (pl_reader_ok (reader) && *byte == 0)
    pl_reader_fail (reader, PL_WIRE_TYPE);
  return pl_reader_ok (reader);
}

static void
byte_write (PlWriter *writer, const guint8 *byte)
{
  pl_writer_u8 (writer, *byte);
}

gboolean
pl_probe_req_read (PlReader *reader, PlProbeReq *req)
{
  PlReader child;

  req->requested_info = pl_wire_list_new (sizeof (guint8), NULL);
  pl_reader_open (reader, &child, 1);
  pl_wire_list_read (&child, req->requested_info, PL_PROBES_MAX, (PlWireReadFunc) byte_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_probe_req_write (PlWriter *writer, const PlProbeReq *req)
{
  pl_writer_open (writer, 1);
  pl_wire_list_write (writer, req->requested_info, (PlWireWriteFunc) byte_write);
  pl_writer_close (writer);
}

void
pl_probe_req_clear (PlProbeReq *req)
{
  g_clear_pointer (&req->requested_info, g_array_unref);
}

static gboolean
probe_is_number (guint8 type)
{
  return type >= PL_PROBE_RESPONSIBLE_SET && type <= PL_PROBE_UPTIME;
}

static gboolean
probe_information_read (PlReader *reader, PlProbeInformation *information)
{
  PlReader child;

  byte_read (reader, &information->type);
  pl_reader_open (reader, &child, 1);
  if (probe_is_number (information->type))
    information->value = pl_reader_u32 (&child);
  else
    information->raw = pl_reader_rest (&child);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

static void
probe_information_write (PlWriter *writer, const PlProbeInformation *information)
{
  pl_writer_u8 (writer, information->type);
  pl_writer_open (writer, 1);
  if (probe_is_number (information->type))
    pl_writer_u32 (writer, information->value);
  else
    pl_writer_bytes (writer, information->raw);
  pl_writer_close (writer);
}

static void
probe_information_clear (PlProbeInformation *information)
{
  g_clear_pointer (&information->raw, g_bytes_unref);
}

static GArray *
probe_information_list_new (void)
{
  return pl_wire_list_new (sizeof (PlProbeInformation), (GDestroyNotify) probe_information_clear);
}

gboolean
pl_probe_ans_read (PlReader *reader, PlProbeAns *ans)
{
  PlReader child;

  ans->probe_info = probe_information_list_new ();
  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, ans->probe_info, PL_PROBES_MAX, (PlWireReadFunc) probe_information_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_probe_ans_write (PlWriter *writer, const PlProbeAns *ans)
{
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, ans->probe_info, (PlWireWriteFunc) probe_information_write);
  pl_writer_close (writer);
}

void
pl_probe_ans_clear (PlProbeAns *ans)
{
  g_clear_pointer (&ans->probe_info, g_array_unref);
}

void
pl_probe_ans_add (PlProbeAns *ans, guint8 type, guint32 value)
{
  PlProbeInformation information = { .type = type, .value = value };

  if (!ans->probe_info)
    ans->probe_info = probe_information_list_new ();
  g_array_append_val (ans->probe_info, information);
}

/* --- ping --- */

gboolean
pl_ping_req_read (PlReader *reader, PlPingReq *req)
{
  req->padding = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

void
pl_ping_req_write (PlWriter *writer, const PlPingReq *req)
{
  pl_writer_opaque (writer, req->padding, 2);
}

void
pl_ping_req_clear (PlPingReq *req)
{
  g_clear_pointer (&req->padding, g_bytes_unref);
}

gboolean
pl_ping_ans_read (PlReader *reader, PlPingAns *ans)
{
  ans->response_id = pl_reader_u64 (reader);
  ans->time = pl_reader_u64 (reader);
  return pl_reader_ok (reader);
}

void
pl_ping_ans_write (PlWriter *writer, const PlPingAns *ans)
{
  pl_writer_u64 (writer, ans->response_id);
  pl_writer_u64 (writer, ans->time);
}

/* --- configuration --- */

gboolean
pl_config_update_req_read (PlReader *reader, PlConfigUpdateReq *req)
{
  PlReader child, list;

  memset (req, 0, sizeof *req);
  byte_read (reader, &req->type);
  pl_reader_open (reader, &child, 4);
  switch (req->type)
    {
    case PL_CONFIG_UPDATE_CONFIG:
      req->config_data = pl_reader_opaque (&child, 3);
      break;
    case PL_CONFIG_UPDATE_KIND:
      req->kinds = pl_wire_bytes_list_new ();
      pl_reader_open (&child, &list, 3);
      pl_wire_bytes_list_read (&list, req->kinds, PL_KIND_DESCRIPTIONS_MAX);
      pl_reader_close (&list);
      break;
    default: /* "allows for unknown content types" (6.5.4.1) */
      req->raw = pl_reader_rest (&child);
      break;
    }
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_config_update_req_write (PlWriter *writer, const PlConfigUpdateReq *req)
{
  pl_writer_u8 (writer, req->type);
  pl_writer_open (writer, 4);
  switch (req->type)
    {
    case PL_CONFIG_UPDATE_CONFIG:
      pl_writer_opaque (writer, req->config_data, 3);
      break;
    case PL_CONFIG_UPDATE_KIND:
      pl_writer_open (writer, 3);
      pl_wire_bytes_list_write (writer, req->kinds);
      pl_writer_close (writer);
      break;
    default:
      pl_writer_bytes (writer, req->raw);
      break;
    }
  pl_writer_close (writer);
}

void
pl_config_update_req_clear (PlConfigUpdateReq *req)
{
  g_clear_pointer (&req->config_data, g_bytes_unref);
  g_clear_pointer (&req->kinds, g_ptr_array_unref);
  g_clear_pointer (&req->raw, g_bytes_unref);
}
