/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/writer.h"

void
pl_writer_init (PlWriter *writer)
{
  writer->bytes = g_byte_array_new ();
  writer->status = PL_WIRE_OK;
  writer->depth = 0;
}

void
pl_writer_clear (PlWriter *writer)
{
  g_clear_pointer (&writer->bytes, g_byte_array_unref);
}

void
pl_writer_fail (PlWriter *writer, PlWireStatus status)
{
  if (writer->status == PL_WIRE_OK)
    writer->status = status;
}

gsize
pl_writer_len (const PlWriter *writer)
{
  return writer->bytes->len;
}

void
pl_writer_raw (PlWriter *writer, const void *data, gsize len)
{
  /* No message is longer than a frame can carry, so the array's own limit is far away. */
  if (len > G_MAXINT32 - pl_writer_len (writer))
    pl_writer_fail (writer, PL_WIRE_TOO_LONG);
  else if (len > 0)
    g_byte_array_append (writer->bytes, data, (guint) len);
}

static void
put_number (guint8 *at, guint64 value, guint width)
{
  for (guint i = 0; i < width; i++)
    at[i] = (guint8) (value >> 8 * (width - 1 - i));
}

static void
write_number (PlWriter *writer, guint64 value, guint width)
{
  guint8 buf[8];

  put_number (buf, value, width);
  pl_writer_raw (writer, buf, width);
}

void
pl_writer_u8 (PlWriter *writer, guint8 value)
{
  write_number (writer, value, 1);
}

void
pl_writer_u16 (PlWriter *writer, guint16 value)
{
  write_number (writer, value, 2);
}

void
pl_writer_u24 (PlWriter *writer, guint32 value)
{
  if (value > 0xffffff)
    pl_writer_fail (writer, PL_WIRE_TOO_LONG);
  write_number (writer, value, 3);
}

void
pl_writer_u32 (PlWriter *writer, guint32 value)
{
  write_number (writer, value, 4);
}

void
pl_writer_u64 (PlWriter *writer, guint64 value)
{
  write_number (writer, value, 8);
}

void
pl_writer_boolean (PlWriter *writer, gboolean value)
{
  pl_writer_u8 (writer, value ? 1 : 0);
}

void
pl_writer_node_id (PlWriter *writer, const PlNodeId *id)
{
  pl_writer_raw (writer, id->b, PL_NODE_ID_LEN);
}

void
pl_writer_resource_id (PlWriter *writer, const PlResourceId *id)
{
  pl_writer_u8 (writer, id->len);
  pl_writer_raw (writer, id->b, id->len);
}

void
pl_writer_bytes (PlWriter *writer, GBytes *bytes)
{
  gsize len = 0;
  gconstpointer data = bytes ? g_bytes_get_data (bytes, &len) : NULL;

  pl_writer_raw (writer, data, len);
}

void
pl_writer_opaque (PlWriter *writer, GBytes *bytes, guint width)
{
  pl_writer_open (writer, width);
  pl_writer_bytes (writer, bytes);
  pl_writer_close (writer);
}

void
pl_writer_open (PlWriter *writer, guint width)
{
  g_return_if_fail (width >= 1 && width <= 4);
  g_return_if_fail (writer->depth < PL_WRITER_DEPTH);
  writer->open[writer->depth].at = pl_writer_len (writer);
  writer->open[writer->depth].width = width;
  writer->depth++;
  write_number (writer, 0, width);
}

void
pl_writer_close (PlWriter *writer)
{
  gsize at, len;
  guint width;

  g_return_if_fail (writer->depth > 0);
  writer->depth--;
  at = writer->open[writer->depth].at;
  width = writer->open[writer->depth].width;
  if (writer->status != PL_WIRE_OK)
    return;
  len = pl_writer_len (writer) - at - width;
  if (len >> 4 >> (8 * width - 4))
    pl_writer_fail (writer, PL_WIRE_TOO_LONG);
  else
    put_number (writer->bytes->data + at, len, width);
}

GBytes *
pl_writer_finish (PlWriter *writer)
{
  GByteArray *bytes;
  gsize len;

  g_return_val_if_fail (writer->depth == 0, NULL);
  bytes = g_steal_pointer (&writer->bytes);
  writer->bytes = g_byte_array_new ();
  len = bytes->len;
  if (writer->status != PL_WIRE_OK)
    {
      g_byte_array_unref (bytes);
      return NULL;
    }
  /* Some messages are kept for a while: not with room to grow, which is up to the half. */
  return g_bytes_new_take (g_realloc (g_byte_array_free (bytes, FALSE), len), len);
}
