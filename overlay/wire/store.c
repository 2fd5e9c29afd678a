/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/store.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

#define KINDS_IN_FIND (255 / 4) /* one length byte, four bytes each */

/* FetchKindResponse and StoreKindData are the same bytes under other names. */
typedef PlStoreKindData KindValues;

/* --- values of one Kind --- */

static void
stored_kind_clear (PlStoreKindData *data)
{
  g_clear_pointer (&data->values, g_array_unref);
  g_clear_pointer (&data->raw, g_bytes_unref);
}

static gboolean
stored_kind_read (PlReader *reader, PlStoreKindData *data)
{
  PlReader child;
  PlDataModel model;

  data->kind = pl_reader_u32 (reader);
  data->generation_counter = pl_reader_u64 (reader);
  data->values = pl_stored_data_list_new ();
  model = pl_wire_model (reader, data->kind);
  data->unknown = model == 0;
  pl_reader_open (reader, &child, 4);
  if (data->unknown)
    data->raw = pl_reader_rest (&child);
  while (pl_reader_more (&child))
    {
      PlStoredData *value = pl_wire_list_add (&child, data->values, PL_VALUES_MAX);

      if (value)
        pl_stored_data_read (&child, model, value);
    }
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

static void
stored_kind_write (PlWriter *writer, const PlStoreKindData *data)
{
  pl_writer_u32 (writer, data->kind);
  pl_writer_u64 (writer, data->generation_counter);
  pl_writer_open (writer, 4);
  if (data->unknown)
    pl_writer_bytes (writer, data->raw);
  else
    pl_wire_list_write (writer, data->values, (PlWireWriteFunc) pl_stored_data_write);
  pl_writer_close (writer);
}

/* --- store --- */

gboolean
pl_store_req_read (PlReader *reader, PlStoreReq *req)
{
  PlReader child;

  memset (req, 0, sizeof *req);
  pl_reader_resource_id (reader, &req->resource);
  req->replica_number = pl_reader_u8 (reader);
  req->kind_data = pl_store_kind_data_list_new ();
  pl_reader_open (reader, &child, 4);
  pl_wire_list_read (&child, req->kind_data, PL_KINDS_MAX, (PlWireReadFunc) stored_kind_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_store_req_write (PlWriter *writer, const PlStoreReq *req)
{
  pl_writer_resource_id (writer, &req->resource);
  pl_writer_u8 (writer, req->replica_number);
  pl_writer_open (writer, 4);
  pl_wire_list_write (writer, req->kind_data, (PlWireWriteFunc) stored_kind_write);
  pl_writer_close (writer);
}

void
pl_store_req_clear (PlStoreReq *req)
{
  g_clear_pointer (&req->kind_data, g_array_unref);
}

static gboolean
node_read (PlReader *reader, PlNodeId *id)
{
  pl_reader_node_id (reader, id);
  return pl_reader_ok (reader);
}

static gboolean
store_kind_response_read (PlReader *reader, PlStoreKindResponse *response)
{
  PlReader child;

  response->kind = pl_reader_u32 (reader);
  response->generation_counter = pl_reader_u64 (reader);
  response->replicas = pl_wire_list_new (sizeof (PlNodeId), NULL);
  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, response->replicas, PL_REPLICAS_MAX, (PlWireReadFunc) node_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

static void
store_kind_response_write (PlWriter *writer, const PlStoreKindResponse *response)
{
  pl_writer_u32 (writer, response->kind);
  pl_writer_u64 (writer, response->generation_counter);
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, response->replicas, (PlWireWriteFunc) pl_writer_node_id);
  pl_writer_close (writer);
}

static void
store_kind_response_clear (PlStoreKindResponse *response)
{
  g_clear_pointer (&response->replicas, g_array_unref);
}

gboolean
pl_store_ans_read (PlReader *reader, PlStoreAns *ans)
{
  PlReader child;

  memset (ans, 0, sizeof *ans);
  ans->kind_responses = pl_store_kind_response_list_new ();
  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, ans->kind_responses, PL_KINDS_MAX, (PlWireReadFunc) store_kind_response_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_store_ans_write (PlWriter *writer, const PlStoreAns *ans)
{
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, ans->kind_responses, (PlWireWriteFunc) store_kind_response_write);
  pl_writer_close (writer);
}

void
pl_store_ans_clear (PlStoreAns *ans)
{
  g_clear_pointer (&ans->kind_responses, g_array_unref);
}

/* --- fetch --- */

static gboolean
fetch_kind_response_read (PlReader *reader, PlFetchKindResponse *response)
{
  KindValues values = { 0 };

  stored_kind_read (reader, &values);
  response->kind = values.kind;
  response->generation = values.generation_counter;
  response->values = values.values;
  response->unknown = values.unknown;
  response->raw = values.raw;
  return pl_reader_ok (reader);
}

static void
fetch_kind_response_write (PlWriter *writer, const PlFetchKindResponse *response)
{
  KindValues values = { response->kind, response->generation, response->values, response->unknown, response->raw };

  stored_kind_write (writer, &values);
}

static void
fetch_kind_response_clear (PlFetchKindResponse *response)
{
  g_clear_pointer (&response->values, g_array_unref);
  g_clear_pointer (&response->raw, g_bytes_unref);
}

gboolean
pl_fetch_ans_read (PlReader *reader, PlFetchAns *ans)
{
  PlReader child;

  memset (ans, 0, sizeof *ans);
  ans->kind_responses = pl_fetch_kind_response_list_new ();
  pl_reader_open (reader, &child, 4);
  pl_wire_list_read (&child, ans->kind_responses, PL_KINDS_MAX, (PlWireReadFunc) fetch_kind_response_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_fetch_ans_write (PlWriter *writer, const PlFetchAns *ans)
{
  pl_writer_open (writer, 4);
  pl_wire_list_write (writer, ans->kind_responses, (PlWireWriteFunc) fetch_kind_response_write);
  pl_writer_close (writer);
}

void
pl_fetch_ans_clear (PlFetchAns *ans)
{
  g_clear_pointer (&ans->kind_responses, g_array_unref);
}

/* --- stat --- */

static void
stat_kind_response_clear (PlStatKindResponse *response)
{
  g_clear_pointer (&response->values, g_array_unref);
  g_clear_pointer (&response->raw, g_bytes_unref);
}

static gboolean
stat_kind_response_read (PlReader *reader, PlStatKindResponse *response)
{
  PlReader child;
  PlDataModel model;

  response->kind = pl_reader_u32 (reader);
  response->generation = pl_reader_u64 (reader);
  response->values = pl_stored_meta_data_list_new ();
  model = pl_wire_model (reader, response->kind);
  response->unknown = model == 0;
  pl_reader_open (reader, &child, 4);
  if (response->unknown)
    response->raw = pl_reader_rest (&child);
  while (pl_reader_more (&child))
    {
      PlStoredMetaData *value = pl_wire_list_add (&child, response->values, PL_VALUES_MAX);

      if (value)
        pl_stored_meta_data_read (&child, model, value);
    }
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

static void
stat_kind_response_write (PlWriter *writer, const PlStatKindResponse *response)
{
  pl_writer_u32 (writer, response->kind);
  pl_writer_u64 (writer, response->generation);
  pl_writer_open (writer, 4);
  if (response->unknown)
    pl_writer_bytes (writer, response->raw);
  else
    pl_wire_list_write (writer, response->values, (PlWireWriteFunc) pl_stored_meta_data_write);
  pl_writer_close (writer);
}

gboolean
pl_stat_ans_read (PlReader *reader, PlStatAns *ans)
{
  PlReader child;

  memset (ans, 0, sizeof *ans);
  ans->kind_responses = pl_stat_kind_response_list_new ();
  pl_reader_open (reader, &child, 4);
  pl_wire_list_read (&child, ans->kind_responses, PL_KINDS_MAX, (PlWireReadFunc) stat_kind_response_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_stat_ans_write (PlWriter *writer, const PlStatAns *ans)
{
  pl_writer_open (writer, 4);
  pl_wire_list_write (writer, ans->kind_responses, (PlWireWriteFunc) stat_kind_response_write);
  pl_writer_close (writer);
}

void
pl_stat_ans_clear (PlStatAns *ans)
{
  g_clear_pointer (&ans->kind_responses, g_array_unref);
}

/* --- find --- */

static gboolean
kind_read (PlReader *reader, guint32 *kind)
{
  *kind = pl_reader_u32 (reader);
  return pl_reader_ok (reader);
}

static void
kind_write (PlWriter *writer, const guint32 *kind)
{
  pl_writer_u32 (writer, *kind);
}

gboolean
pl_find_req_read (PlReader *reader, PlFindReq *req)
{
  PlReader child;

  memset (req, 0, sizeof *req);
  pl_reader_resource_id (reader, &req->resource);
  req->kinds = pl_wire_list_new (sizeof (guint32), NULL);
  pl_reader_open (reader, &child, 1);
  pl_wire_list_read (&child, req->kinds, KINDS_IN_FIND, (PlWireReadFunc) kind_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_find_req_write (PlWriter *writer, const PlFindReq *req)
{
  pl_writer_resource_id (writer, &req->resource);
  pl_writer_open (writer, 1);
  pl_wire_list_write (writer, req->kinds, (PlWireWriteFunc) kind_write);
  pl_writer_close (writer);
}

void
pl_find_req_clear (PlFindReq *req)
{
  g_clear_pointer (&req->kinds, g_array_unref);
}

static gboolean
find_kind_data_read (PlReader *reader, PlFindKindData *data)
{
  data->kind = pl_reader_u32 (reader);
  pl_reader_resource_id (reader, &data->closest);
  return pl_reader_ok (reader);
}

static void
find_kind_data_write (PlWriter *writer, const PlFindKindData *data)
{
  pl_writer_u32 (writer, data->kind);
  pl_writer_resource_id (writer, &data->closest);
}

gboolean
pl_find_ans_read (PlReader *reader, PlFindAns *ans)
{
  PlReader child;

  memset (ans, 0, sizeof *ans);
  ans->results = pl_find_kind_data_list_new ();
  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, ans->results, PL_KINDS_MAX, (PlWireReadFunc) find_kind_data_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_find_ans_write (PlWriter *writer, const PlFindAns *ans)
{
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, ans->results, (PlWireWriteFunc) find_kind_data_write);
  pl_writer_close (writer);
}

void
pl_find_ans_clear (PlFindAns *ans)
{
  g_clear_pointer (&ans->results, g_array_unref);
}

/* --- lists --- */

GArray *
pl_store_kind_data_list_new (void)
{
  return pl_wire_list_new (sizeof (PlStoreKindData), (GDestroyNotify) stored_kind_clear);
}

GArray *
pl_store_kind_response_list_new (void)
{
  return pl_wire_list_new (sizeof (PlStoreKindResponse), (GDestroyNotify) store_kind_response_clear);
}

GArray *
pl_stored_data_list_new (void)
{
  return pl_wire_list_new (sizeof (PlStoredData), (GDestroyNotify) pl_stored_data_clear);
}

GArray *
pl_stored_meta_data_list_new (void)
{
  return pl_wire_list_new (sizeof (PlStoredMetaData), (GDestroyNotify) pl_stored_meta_data_clear);
}

GArray *
pl_fetch_kind_response_list_new (void)
{
  return pl_wire_list_new (sizeof (PlFetchKindResponse), (GDestroyNotify) fetch_kind_response_clear);
}

GArray *
pl_stat_kind_response_list_new (void)
{
  return pl_wire_list_new (sizeof (PlStatKindResponse), (GDestroyNotify) stat_kind_response_clear);
}

GArray *
pl_find_kind_data_list_new (void)
{
  return pl_wire_list_new (sizeof (PlFindKindData), NULL);
}
