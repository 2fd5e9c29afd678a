/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/reader.h"

#include <string.h>

static const char *const status_texts[PL_WIRE_N_STATUS] = {
  [PL_WIRE_OK] = "no error",
  [PL_WIRE_TRUNCATED] = "a field goes past the end of the message or of the structure that holds it",
  [PL_WIRE_TRAILING] = "bytes are left over at the end of the message or of a structure",
  [PL_WIRE_TOO_LONG] = "a field is longer than its length can say",
  [PL_WIRE_TOO_MANY] = "a list has more entries than are accepted",
  [PL_WIRE_BOOLEAN] = "a Boolean is neither 0 nor 1",
  [PL_WIRE_TOKEN] = "not a RELOAD message: it does not begin with d2454c4f",
  [PL_WIRE_VERSION] = "another version of RELOAD than 1.0",
  [PL_WIRE_OVERLAY] = "a message of another overlay",
  [PL_WIRE_LENGTH] = "the length in the header is not that of the message",
  [PL_WIRE_FRAGMENT] = "the fragment field can't be right",
  [PL_WIRE_FRAGMENTED] = "a fragment of a message, not a whole one",
  [PL_WIRE_DESTINATION] = "a destination is malformed or in a place where it can't be",
  [PL_WIRE_ADDRESS] = "an address is of unknown type or wrong length",
  [PL_WIRE_TYPE] = "a type has a value that is not defined",
  [PL_WIRE_CERTIFICATE_TYPE] = "a certificate is not X.509",
  [PL_WIRE_RANGE] = "an array range ends before it begins",
  [PL_WIRE_CODE] = "the message code is unknown",
};

const char *
pl_wire_status_text (PlWireStatus status)
{
  return (guint) status < PL_WIRE_N_STATUS ? status_texts[status] : "unknown error";
}

void
pl_reader_init (PlReader *reader, const guint8 *data, gsize len)
{
  static const guint8 nothing[1];

  memset (reader, 0, sizeof *reader);
  reader->pos = data ? data : nothing;
  reader->end = reader->pos + (data ? len : 0);
}

void
pl_reader_init_bytes (PlReader *reader, GBytes *bytes)
{
  gsize len = 0;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &len) : NULL;

  pl_reader_init (reader, data, len);
  reader->owner = bytes;
}

void
pl_reader_set_models (PlReader *reader, PlModelFunc func, gpointer data)
{
  reader->models = func;
  reader->models_data = data;
}

gboolean
pl_reader_ok (const PlReader *reader)
{
  return reader->status == PL_WIRE_OK;
}

gsize
pl_reader_left (const PlReader *reader)
{
  return reader->end - reader->pos;
}

gboolean
pl_reader_more (const PlReader *reader)
{
  return pl_reader_ok (reader) && pl_reader_left (reader) > 0;
}

void
pl_reader_fail (PlReader *reader, PlWireStatus status)
{
  if (reader->status == PL_WIRE_OK)
    reader->status = status;
}

/* The next `len` bytes, or NULL with the error set. */
static const guint8 *
take (PlReader *reader, gsize len)
{
  const guint8 *at = reader->pos;

  if (!pl_reader_ok (reader))
    return NULL;
  if (len > pl_reader_left (reader))
    {
      pl_reader_fail (reader, PL_WIRE_TRUNCATED);
      return NULL;
    }
  reader->pos += len;
  return at;
}

static guint64
take_number (PlReader *reader, guint width)
{
  const guint8 *at = take (reader, width);
  guint64 value = 0;

  for (guint i = 0; at && i < width; i++)
    value = value << 8 | at[i];
  return value;
}

guint8
pl_reader_u8 (PlReader *reader)
{
  return (guint8) take_number (reader, 1);
}

guint16
pl_reader_u16 (PlReader *reader)
{
  return (guint16) take_number (reader, 2);
}

guint32
pl_reader_u24 (PlReader *reader)
{
  return (guint32) take_number (reader, 3);
}

guint32
pl_reader_u32 (PlReader *reader)
{
  return (guint32) take_number (reader, 4);
}

guint64
pl_reader_u64 (PlReader *reader)
{
  return take_number (reader, 8);
}

gboolean
pl_reader_boolean (PlReader *reader)
{
  guint8 value = pl_reader_u8 (reader);

  if (value > 1)
    pl_reader_fail (reader, PL_WIRE_BOOLEAN);
  return value == 1;
}

void
pl_reader_raw (PlReader *reader, void *out, gsize len)
{
  const guint8 *at = take (reader, len);

  if (at)
    memcpy (out, at, len);
  else
    memset (out, 0, len);
}

void
pl_reader_node_id (PlReader *reader, PlNodeId *id)
{
  pl_reader_raw (reader, id->b, PL_NODE_ID_LEN);
}

void
pl_reader_resource_id (PlReader *reader, PlResourceId *id)
{
  memset (id, 0, sizeof *id);
  id->len = pl_reader_u8 (reader);
  pl_reader_raw (reader, id->b, id->len);
  if (!pl_reader_ok (reader))
    id->len = 0;
}

GBytes *
pl_reader_bytes (PlReader *reader, gsize len)
{
  const guint8 *at = take (reader, len);

  if (!at || len == 0)
    return NULL;
  if (reader->owner)
    return g_bytes_new_from_bytes (reader->owner, at - (const guint8 *) g_bytes_get_data (reader->owner, NULL), len);
  return g_bytes_new (at, len);
}

GBytes *
pl_reader_opaque (PlReader *reader, guint width)
{
  gsize len = take_number (reader, width);

  return pl_reader_bytes (reader, len);
}

GBytes *
pl_reader_rest (PlReader *reader)
{
  return pl_reader_bytes (reader, pl_reader_left (reader));
}

void
pl_reader_open_sized (PlReader *reader, PlReader *child, gsize len)
{
  const guint8 *at = take (reader, len);

  *child = *reader;
  child->parent = reader;
  child->pos = at ? at : reader->pos;
  child->end = at ? at + len : reader->pos;
}

void
pl_reader_open (PlReader *reader, PlReader *child, guint width)
{
  gsize len = take_number (reader, width);

  pl_reader_open_sized (reader, child, len);
}

void
pl_reader_close (PlReader *child)
{
  if (pl_reader_left (child) > 0)
    pl_reader_fail (child, PL_WIRE_TRAILING);
  if (!pl_reader_ok (child))
    pl_reader_fail (child->parent, child->status);
}

PlWireStatus
pl_reader_finish (PlReader *reader)
{
  if (pl_reader_left (reader) > 0)
    pl_reader_fail (reader, PL_WIRE_TRAILING);
  return reader->status;
}
