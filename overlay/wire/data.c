/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/data.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

#define SHA256_LEN 32

PlDataModel
pl_kind_standard_model (guint32 kind, gpointer data)
{
  switch (kind)
    {
    case PL_KIND_SIP_REGISTRATION:
      return PL_DATA_DICTIONARY;
    case PL_KIND_TURN_SERVICE:
      return PL_DATA_SINGLE;
    case PL_KIND_CERTIFICATE_BY_NODE:
    case PL_KIND_CERTIFICATE_BY_USER:
      return PL_DATA_ARRAY;
    default:
      return 0;
    }
}

/* --- values --- */

/* What tells entries of one Kind apart: nothing, an index or a key. */
static void
read_place (PlReader *reader, PlDataModel model, guint32 *index, GBytes **key)
{
  switch (model)
    {
    case PL_DATA_SINGLE:
      break;
    case PL_DATA_ARRAY:
      *index = pl_reader_u32 (reader);
      break;
    case PL_DATA_DICTIONARY:
      *key = pl_reader_opaque (reader, 2);
      break;
    }
}

static void
write_place (PlWriter *writer, PlDataModel model, guint32 index, GBytes *key)
{
  switch (model)
    {
    case PL_DATA_SINGLE:
      break;
    case PL_DATA_ARRAY:
      pl_writer_u32 (writer, index);
      break;
    case PL_DATA_DICTIONARY:
      pl_writer_opaque (writer, key, 2);
      break;
    }
}

gboolean
pl_stored_data_value_read (PlReader *reader, PlDataModel model, PlStoredDataValue *value)
{
  memset (value, 0, sizeof *value);
  value->model = model;
  read_place (reader, model, &value->index, &value->key);
  value->value.exists = pl_reader_boolean (reader);
  value->value.value = pl_reader_opaque (reader, 4);
  return pl_reader_ok (reader);
}

void
pl_stored_data_value_write (PlWriter *writer, const PlStoredDataValue *value)
{
  write_place (writer, value->model, value->index, value->key);
  pl_writer_boolean (writer, value->value.exists);
  pl_writer_opaque (writer, value->value.value, 4);
}

void
pl_stored_data_value_clear (PlStoredDataValue *value)
{
  g_clear_pointer (&value->key, g_bytes_unref);
  g_clear_pointer (&value->value.value, g_bytes_unref);
}

void
pl_stored_data_value_copy (PlStoredDataValue *copy, const PlStoredDataValue *value)
{
  *copy = *value;
  copy->key = pl_wire_bytes_ref (value->key);
  copy->value.value = pl_wire_bytes_ref (value->value.value);
}

gboolean
pl_stored_data_value_same_entry (const PlStoredDataValue *a, const PlStoredDataValue *b)
{
  return a->model == b->model && a->index == b->index && pl_wire_bytes_equal (a->key, b->key);
}

/* --- stored data --- */

gboolean
pl_stored_data_read (PlReader *reader, PlDataModel model, PlStoredData *data)
{
  PlReader child, look;

  memset (data, 0, sizeof *data);
  pl_reader_open (reader, &child, 4);
  data->storage_time = pl_reader_u64 (&child);
  data->lifetime = pl_reader_u32 (&child);
  look = child;
  if (pl_stored_data_value_read (&child, model, &data->value))
    data->value_bytes = pl_reader_bytes (&look, child.pos - look.pos);
  pl_signature_read (&child, &data->signature);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_stored_data_write (PlWriter *writer, const PlStoredData *data)
{
  pl_writer_open (writer, 4);
  pl_writer_u64 (writer, data->storage_time);
  pl_writer_u32 (writer, data->lifetime);
  pl_stored_data_value_write (writer, &data->value);
  pl_signature_write (writer, &data->signature);
  pl_writer_close (writer);
}

void
pl_stored_data_clear (PlStoredData *data)
{
  pl_stored_data_value_clear (&data->value);
  pl_signature_clear (&data->signature);
  g_clear_pointer (&data->value_bytes, g_bytes_unref);
}

void
pl_stored_data_copy (PlStoredData *copy, const PlStoredData *data)
{
  *copy = *data;
  pl_stored_data_value_copy (&copy->value, &data->value);
  pl_signature_copy (&copy->signature, &data->signature);
  copy->value_bytes = pl_wire_bytes_ref (data->value_bytes);
}

gsize
pl_stored_data_size (const PlStoredData *data)
{
  return data->value.value.value ? g_bytes_get_size (data->value.value.value) : 0;
}

/* --- metadata --- */

gboolean
pl_stored_meta_data_read (PlReader *reader, PlDataModel model, PlStoredMetaData *data)
{
  PlMetaDataValue *metadata = &data->metadata;
  PlReader child;

  memset (data, 0, sizeof *data);
  pl_reader_open (reader, &child, 4);
  data->storage_time = pl_reader_u64 (&child);
  data->lifetime = pl_reader_u32 (&child);
  metadata->model = model;
  read_place (&child, model, &metadata->index, &metadata->key);
  metadata->exists = pl_reader_boolean (&child);
  metadata->value_length = pl_reader_u32 (&child);
  metadata->hash_algorithm = pl_reader_u8 (&child);
  metadata->hash_value = pl_reader_opaque (&child, 1);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_stored_meta_data_write (PlWriter *writer, const PlStoredMetaData *data)
{
  const PlMetaDataValue *metadata = &data->metadata;

  pl_writer_open (writer, 4);
  pl_writer_u64 (writer, data->storage_time);
  pl_writer_u32 (writer, data->lifetime);
  write_place (writer, metadata->model, metadata->index, metadata->key);
  pl_writer_boolean (writer, metadata->exists);
  pl_writer_u32 (writer, metadata->value_length);
  pl_writer_u8 (writer, metadata->hash_algorithm);
  pl_writer_opaque (writer, metadata->hash_value, 1);
  pl_writer_close (writer);
}

void
pl_stored_meta_data_clear (PlStoredMetaData *data)
{
  g_clear_pointer (&data->metadata.key, g_bytes_unref);
  g_clear_pointer (&data->metadata.hash_value, g_bytes_unref);
}

void
pl_stored_meta_data_from (PlStoredMetaData *meta, const PlStoredData *data)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  PlMetaDataValue *metadata = &meta->metadata;
  guint32 size = (guint32) pl_stored_data_size (data);
  guint32 size_be = GUINT32_TO_BE (size);
  guint8 digest[SHA256_LEN];
  gsize len = sizeof digest;

  memset (meta, 0, sizeof *meta);
  meta->storage_time = data->storage_time;
  meta->lifetime = data->lifetime;
  metadata->model = data->value.model;
  metadata->index = data->value.index;
  metadata->key = pl_wire_bytes_ref (data->value.key);
  metadata->exists = data->value.value.exists;
  metadata->value_length = size;
  metadata->hash_algorithm = PL_HASH_SHA256;
  g_checksum_update (sum, (const guint8 *) &size_be, sizeof size_be);
  if (size > 0)
    g_checksum_update (sum, g_bytes_get_data (data->value.value.value, NULL), size);
  g_checksum_get_digest (sum, digest, &len);
  metadata->hash_value = g_bytes_new (digest, len);
}
