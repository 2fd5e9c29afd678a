/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/diagnostics.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

typedef enum { FORM_RAW, FORM_NUMBER, FORM_INSTANCES, FORM_MESSAGES } Form;

static const struct {
  const char *name;
  Form form;
  guint8 width;
} kinds[PL_DIAGNOSTIC_LAST + 1] = {
  [PL_DIAGNOSTIC_STATUS_INFO] = { "STATUS_INFO", FORM_NUMBER, 1 },
  [PL_DIAGNOSTIC_ROUTING_TABLE_SIZE] = { "ROUTING_TABLE_SIZE", FORM_NUMBER, 4 },
  [PL_DIAGNOSTIC_PROCESS_POWER] = { "PROCESS_POWER", FORM_NUMBER, 8 },
  [PL_DIAGNOSTIC_UPSTREAM_BANDWIDTH] = { "UPSTREAM_BANDWIDTH", FORM_NUMBER, 8 },
  [PL_DIAGNOSTIC_DOWNSTREAM_BANDWIDTH] = { "DOWNSTREAM_BANDWIDTH", FORM_NUMBER, 8 },
  [PL_DIAGNOSTIC_SOFTWARE_VERSION] = { "SOFTWARE_VERSION", FORM_RAW, 0 },
  [PL_DIAGNOSTIC_MACHINE_UPTIME] = { "MACHINE_UPTIME", FORM_NUMBER, 8 },
  [PL_DIAGNOSTIC_APP_UPTIME] = { "APP_UPTIME", FORM_NUMBER, 8 },
  [PL_DIAGNOSTIC_MEMORY_FOOTPRINT] = { "MEMORY_FOOTPRINT", FORM_NUMBER, 8 },
  [PL_DIAGNOSTIC_DATASIZE_STORED] = { "DATASIZE_STORED", FORM_NUMBER, 8 },
  [PL_DIAGNOSTIC_INSTANCES_STORED] = { "INSTANCES_STORED", FORM_INSTANCES, 0 },
  [PL_DIAGNOSTIC_MESSAGES_SENT_RCVD] = { "MESSAGES_SENT_RCVD", FORM_MESSAGES, 0 },
  [PL_DIAGNOSTIC_EWMA_BYTES_SENT] = { "EWMA_BYTES_SENT", FORM_NUMBER, 4 },
  [PL_DIAGNOSTIC_EWMA_BYTES_RCVD] = { "EWMA_BYTES_RCVD", FORM_NUMBER, 4 },
  [PL_DIAGNOSTIC_UNDERLAY_HOP] = { "UNDERLAY_HOP", FORM_NUMBER, 1 },
  [PL_DIAGNOSTIC_BATTERY_STATUS] = { "BATTERY_STATUS", FORM_NUMBER, 1 },
};

const char *
pl_diagnostic_kind_name (guint16 kind)
{
  return kind <= PL_DIAGNOSTIC_LAST ? kinds[kind].name : NULL;
}

static Form
form_of (guint16 kind)
{
  return kind <= PL_DIAGNOSTIC_LAST ? kinds[kind].form : FORM_RAW;
}

/* --- lists with two lengths --- */

/* Opens the list; `child` ends with it. */
static void
list_open (PlReader *reader, PlReader *child)
{
  guint32 len = pl_reader_u32 (reader);

  pl_reader_open (reader, child, 4);
  if (pl_reader_ok (reader) && pl_reader_left (child) != len)
    pl_reader_fail (child, PL_WIRE_LENGTH);
}

static void
list_write (PlWriter *writer, GArray *list, PlWireWriteFunc write)
{
  g_auto (PlWriter) inner;
  g_autoptr (GBytes) bytes = NULL;

  pl_writer_init (&inner);
  pl_wire_list_write (&inner, list, write);
  bytes = pl_writer_finish (&inner);
  if (!bytes || g_bytes_get_size (bytes) > G_MAXUINT32)
    {
      pl_writer_fail (writer, PL_WIRE_TOO_LONG);
      return;
    }
  pl_writer_u32 (writer, (guint32) g_bytes_get_size (bytes));
  pl_writer_opaque (writer, bytes, 4);
}

/* --- the request --- */

static gboolean
extension_read (PlReader *reader, PlDiagnosticExtension *extension)
{
  extension->type = pl_reader_u16 (reader);
  extension->contents = pl_reader_opaque (reader, 4);
  return pl_reader_ok (reader);
}

static void
extension_write (PlWriter *writer, const PlDiagnosticExtension *extension)
{
  pl_writer_u16 (writer, extension->type);
  pl_writer_opaque (writer, extension->contents, 4);
}

static void
extension_clear (PlDiagnosticExtension *extension)
{
  g_clear_pointer (&extension->contents, g_bytes_unref);
}

gboolean
pl_diagnostics_request_read (PlReader *reader, PlDiagnosticsRequest *request)
{
  PlReader child;

  request->expiration = pl_reader_u64 (reader);
  request->timestamp_initiated = pl_reader_u64 (reader);
  request->flags = pl_reader_u64 (reader);
  request->extensions = pl_wire_list_new (sizeof (PlDiagnosticExtension), (GDestroyNotify) extension_clear);
  list_open (reader, &child);
  pl_wire_list_read (&child, request->extensions, PL_DIAGNOSTICS_MAX, (PlWireReadFunc) extension_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_diagnostics_request_write (PlWriter *writer, const PlDiagnosticsRequest *request)
{
  pl_writer_u64 (writer, request->expiration);
  pl_writer_u64 (writer, request->timestamp_initiated);
  pl_writer_u64 (writer, request->flags);
  list_write (writer, request->extensions, (PlWireWriteFunc) extension_write);
}

void
pl_diagnostics_request_clear (PlDiagnosticsRequest *request)
{
  g_clear_pointer (&request->extensions, g_array_unref);
}

/* --- what a node tells --- */

GArray *
pl_diagnostic_entries_new (void)
{
  return pl_wire_list_new (sizeof (PlDiagnosticEntry), NULL);
}

static gboolean
instances_read (PlReader *reader, PlDiagnosticEntry *entry)
{
  entry->id = pl_reader_u32 (reader);
  entry->one = pl_reader_u64 (reader);
  return pl_reader_ok (reader);
}

static void
instances_write (PlWriter *writer, const PlDiagnosticEntry *entry)
{
  pl_writer_u32 (writer, entry->id);
  pl_writer_u64 (writer, entry->one);
}

static gboolean
messages_read (PlReader *reader, PlDiagnosticEntry *entry)
{
  entry->id = pl_reader_u16 (reader);
  entry->one = pl_reader_u64 (reader);
  entry->two = pl_reader_u64 (reader);
  return pl_reader_ok (reader);
}

static void
messages_write (PlWriter *writer, const PlDiagnosticEntry *entry)
{
  pl_writer_u16 (writer, (guint16) entry->id);
  pl_writer_u64 (writer, entry->one);
  pl_writer_u64 (writer, entry->two);
}

/* As wide as it came: drafts of the RFC had other widths, and the length tells. */
static void
number_read (PlReader *reader, PlDiagnosticInfo *info)
{
  gsize left = pl_reader_left (reader);

  if (pl_reader_ok (reader) && (left < 1 || left > 8))
    pl_reader_fail (reader, PL_WIRE_LENGTH);
  info->width = (guint8) MIN (left, 8);
  for (guint i = 0; i < info->width; i++)
    info->number = info->number << 8 | pl_reader_u8 (reader);
}

static gboolean
info_read (PlReader *reader, PlDiagnosticInfo *info)
{
  PlReader child;

  info->kind = pl_reader_u16 (reader);
  pl_reader_open (reader, &child, 2);
  switch (form_of (info->kind))
    {
    case FORM_NUMBER:
      number_read (&child, info);
      break;
    case FORM_INSTANCES:
      info->entries = pl_diagnostic_entries_new ();
      pl_wire_list_read (&child, info->entries, PL_DIAGNOSTIC_ENTRIES_MAX, (PlWireReadFunc) instances_read);
      break;
    case FORM_MESSAGES:
      info->entries = pl_diagnostic_entries_new ();
      pl_wire_list_read (&child, info->entries, PL_DIAGNOSTIC_ENTRIES_MAX, (PlWireReadFunc) messages_read);
      break;
    case FORM_RAW:
      info->raw = pl_reader_rest (&child);
      break;
    }
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

static void
info_write (PlWriter *writer, const PlDiagnosticInfo *info)
{
  pl_writer_u16 (writer, info->kind);
  pl_writer_open (writer, 2);
  switch (form_of (info->kind))
    {
    case FORM_NUMBER:
      for (guint i = info->width; i > 0; i--)
        pl_writer_u8 (writer, (guint8) (info->number >> (8 * (i - 1))));
      break;
    case FORM_INSTANCES:
      pl_wire_list_write (writer, info->entries, (PlWireWriteFunc) instances_write);
      break;
    case FORM_MESSAGES:
      pl_wire_list_write (writer, info->entries, (PlWireWriteFunc) messages_write);
      break;
    case FORM_RAW:
      pl_writer_bytes (writer, info->raw);
      break;
    }
  pl_writer_close (writer);
}

static void
info_clear (PlDiagnosticInfo *info)
{
  g_clear_pointer (&info->entries, g_array_unref);
  g_clear_pointer (&info->raw, g_bytes_unref);
}

/* --- the response --- */

static GArray *
info_list_new (void)
{
  return pl_wire_list_new (sizeof (PlDiagnosticInfo), (GDestroyNotify) info_clear);
}

gboolean
pl_diagnostics_response_read (PlReader *reader, PlDiagnosticsResponse *response)
{
  PlReader child;

  response->expiration = pl_reader_u64 (reader);
  response->timestamp_initiated = pl_reader_u64 (reader);
  response->timestamp_received = pl_reader_u64 (reader);
  response->hop_counter = pl_reader_u8 (reader);
  response->info = info_list_new ();
  list_open (reader, &child);
  pl_wire_list_read (&child, response->info, PL_DIAGNOSTICS_MAX, (PlWireReadFunc) info_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_diagnostics_response_write (PlWriter *writer, const PlDiagnosticsResponse *response)
{
  pl_writer_u64 (writer, response->expiration);
  pl_writer_u64 (writer, response->timestamp_initiated);
  pl_writer_u64 (writer, response->timestamp_received);
  pl_writer_u8 (writer, response->hop_counter);
  list_write (writer, response->info, (PlWireWriteFunc) info_write);
}

void
pl_diagnostics_response_clear (PlDiagnosticsResponse *response)
{
  g_clear_pointer (&response->info, g_array_unref);
}

PlDiagnosticInfo *
pl_diagnostics_response_add (PlDiagnosticsResponse *response, guint16 kind)
{
  PlDiagnosticInfo info = { .kind = kind, .width = kind <= PL_DIAGNOSTIC_LAST ? kinds[kind].width : 0 };

  if (!response->info)
    response->info = info_list_new ();
  g_array_append_val (response->info, info);
  return &g_array_index (response->info, PlDiagnosticInfo, response->info->len - 1);
}

const PlDiagnosticInfo *
pl_diagnostics_response_find (const PlDiagnosticsResponse *response, guint16 kind)
{
  for (guint i = 0; response->info && i < response->info->len; i++)
    {
      const PlDiagnosticInfo *info = &g_array_index (response->info, PlDiagnosticInfo, i);

      if (info->kind == kind)
        return info;
    }
  return NULL;
}

char *
pl_diagnostic_info_dup_text (const PlDiagnosticInfo *info)
{
  gsize len = 0;
  const char *text = info->raw ? g_bytes_get_data (info->raw, &len) : NULL;

  return g_utf8_make_valid (text ? text : "", text ? (gssize) strnlen (text, len) : 0);
}

/* --- PathTrack --- */

gboolean
pl_path_track_req_read (PlReader *reader, PlPathTrackReq *req)
{
  return pl_destination_read (reader, &req->destination) && pl_diagnostics_request_read (reader, &req->request);
}

void
pl_path_track_req_write (PlWriter *writer, const PlPathTrackReq *req)
{
  pl_destination_write (writer, &req->destination);
  pl_diagnostics_request_write (writer, &req->request);
}

void
pl_path_track_req_clear (PlPathTrackReq *req)
{
  pl_diagnostics_request_clear (&req->request);
}

gboolean
pl_path_track_ans_read (PlReader *reader, PlPathTrackAns *ans)
{
  return pl_destination_read (reader, &ans->next_hop) && pl_diagnostics_response_read (reader, &ans->response);
}

void
pl_path_track_ans_write (PlWriter *writer, const PlPathTrackAns *ans)
{
  pl_destination_write (writer, &ans->next_hop);
  pl_diagnostics_response_write (writer, &ans->response);
}

void
pl_path_track_ans_clear (PlPathTrackAns *ans)
{
  pl_diagnostics_response_clear (&ans->response);
}
