/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/store.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

static gboolean
range_read (PlReader *reader, PlArrayRange *range)
{
  range->first = pl_reader_u32 (reader);
  range->last = pl_reader_u32 (reader);
  if (range->first > range->last)
    pl_reader_fail (reader, PL_WIRE_RANGE);
  return pl_reader_ok (reader);
}

static void
range_write (PlWriter *writer, const PlArrayRange *range)
{
  pl_writer_u32 (writer, range->first);
  pl_writer_u32 (writer, range->last);
}

static void
read_model_specifier (PlReader *child, PlStoredDataSpecifier *specifier)
{
  PlReader list;

  switch (specifier->model)
    {
    case PL_DATA_SINGLE:
      break;
    case PL_DATA_ARRAY:
      specifier->indices = pl_wire_list_new (sizeof (PlArrayRange), NULL);
      pl_reader_open (child, &list, 2);
      pl_wire_list_read (&list, specifier->indices, PL_SPECIFIERS_MAX, (PlWireReadFunc) range_read);
      pl_reader_close (&list);
      break;
    case PL_DATA_DICTIONARY:
      specifier->keys = pl_wire_bytes_list_new ();
      pl_reader_open (child, &list, 2);
      pl_wire_bytes_list_read (&list, specifier->keys, PL_SPECIFIERS_MAX);
      pl_reader_close (&list);
      break;
    default:
      specifier->raw = pl_reader_rest (child);
      break;
    }
}

gboolean
pl_stored_data_specifier_read (PlReader *reader, PlStoredDataSpecifier *specifier)
{
  PlReader child;

  memset (specifier, 0, sizeof *specifier);
  specifier->kind = pl_reader_u32 (reader);
  specifier->generation = pl_reader_u64 (reader);
  specifier->model = pl_wire_model (reader, specifier->kind);
  pl_reader_open (reader, &child, 2);
  read_model_specifier (&child, specifier);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_stored_data_specifier_write (PlWriter *writer, const PlStoredDataSpecifier *specifier)
{
  pl_writer_u32 (writer, specifier->kind);
  pl_writer_u64 (writer, specifier->generation);
  pl_writer_open (writer, 2);
  switch (specifier->model)
    {
    case PL_DATA_SINGLE:
      break;
    case PL_DATA_ARRAY:
      pl_writer_open (writer, 2);
      pl_wire_list_write (writer, specifier->indices, (PlWireWriteFunc) range_write);
      pl_writer_close (writer);
      break;
    case PL_DATA_DICTIONARY:
      pl_writer_open (writer, 2);
      pl_wire_bytes_list_write (writer, specifier->keys);
      pl_writer_close (writer);
      break;
    default:
      pl_writer_bytes (writer, specifier->raw);
      break;
    }
  pl_writer_close (writer);
}

void
pl_stored_data_specifier_clear (PlStoredDataSpecifier *specifier)
{
  g_clear_pointer (&specifier->indices, g_array_unref);
  g_clear_pointer (&specifier->keys, g_ptr_array_unref);
  g_clear_pointer (&specifier->raw, g_bytes_unref);
}

GArray *
pl_stored_data_specifier_list_new (void)
{
  return pl_wire_list_new (sizeof (PlStoredDataSpecifier), (GDestroyNotify) pl_stored_data_specifier_clear);
}

gboolean
pl_fetch_req_read (PlReader *reader, PlFetchReq *req)
{
  PlReader child;

  memset (req, 0, sizeof *req);
  pl_reader_resource_id (reader, &req->resource);
  req->specifiers = pl_stored_data_specifier_list_new ();
  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, req->specifiers, PL_KINDS_MAX, (PlWireReadFunc) pl_stored_data_specifier_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_fetch_req_write (PlWriter *writer, const PlFetchReq *req)
{
  pl_writer_resource_id (writer, &req->resource);
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, req->specifiers, (PlWireWriteFunc) pl_stored_data_specifier_write);
  pl_writer_close (writer);
}

void
pl_fetch_req_clear (PlFetchReq *req)
{
  g_clear_pointer (&req->specifiers, g_array_unref);
}
