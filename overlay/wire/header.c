/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/header.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

#define LENGTH_AT 16 /* where `length` stands in the header */
#define SHA1_LEN 20

gboolean
pl_forwarding_option_read (PlReader *reader, PlForwardingOption *option)
{
  option->type = pl_reader_u8 (reader);
  option->flags = pl_reader_u8 (reader);
  option->option = pl_reader_opaque (reader, 2);
  if (pl_reader_ok (reader) && option->type == 0)
    pl_reader_fail (reader, PL_WIRE_TYPE);
  return pl_reader_ok (reader);
}

void
pl_forwarding_option_write (PlWriter *writer, const PlForwardingOption *option)
{
  pl_writer_u8 (writer, option->type);
  pl_writer_u8 (writer, option->flags);
  pl_writer_opaque (writer, option->option, 2);
}

void
pl_forwarding_option_clear (PlForwardingOption *option)
{
  g_clear_pointer (&option->option, g_bytes_unref);
}

static GArray *
option_list_new (void)
{
  return pl_wire_list_new (sizeof (PlForwardingOption), (GDestroyNotify) pl_forwarding_option_clear);
}

void
pl_forwarding_header_init (PlForwardingHeader *header)
{
  memset (header, 0, sizeof *header);
  header->version = PL_RELOAD_VERSION;
  header->fragment = PL_FRAGMENT_WHOLE;
  header->via_list = pl_destination_list_new ();
  header->destination_list = pl_destination_list_new ();
  header->options = option_list_new ();
}

void
pl_forwarding_header_clear (PlForwardingHeader *header)
{
  g_clear_pointer (&header->via_list, g_array_unref);
  g_clear_pointer (&header->destination_list, g_array_unref);
  g_clear_pointer (&header->options, g_array_unref);
}

void
pl_forwarding_header_copy (PlForwardingHeader *copy, const PlForwardingHeader *header)
{
  *copy = *header;
  copy->via_list = pl_destination_list_dup (header->via_list);
  copy->destination_list = pl_destination_list_dup (header->destination_list);
  copy->options = option_list_new ();
  for (guint i = 0; header->options && i < header->options->len; i++)
    {
      PlForwardingOption option = g_array_index (header->options, PlForwardingOption, i);

      option.option = pl_wire_bytes_ref (option.option);
      g_array_append_val (copy->options, option);
    }
}

/* A resource may only end a Destination List (6.3.2.2). */
static void
check_places (PlReader *reader, GArray *list, guint resources_from)
{
  for (guint i = 0; i < list->len && i < resources_from; i++)
    if (pl_destination_list_get (list, i)->type == PL_DESTINATION_RESOURCE)
      pl_reader_fail (reader, PL_WIRE_DESTINATION);
}

static void
read_lists (PlReader *reader, PlForwardingHeader *header, const guint16 lengths[3])
{
  PlReader via, destinations, options;

  pl_reader_open_sized (reader, &via, lengths[0]);
  header->via_list = pl_destination_list_read (&via);
  check_places (&via, header->via_list, header->via_list->len);
  pl_reader_close (&via);
  pl_reader_open_sized (reader, &destinations, lengths[1]);
  header->destination_list = pl_destination_list_read (&destinations);
  check_places (&destinations, header->destination_list, MAX (header->destination_list->len, 1) - 1);
  pl_reader_close (&destinations);
  pl_reader_open_sized (reader, &options, lengths[2]);
  header->options = option_list_new ();
  pl_wire_list_read (&options, header->options, PL_OPTIONS_MAX, (PlWireReadFunc) pl_forwarding_option_read);
  pl_reader_close (&options);
}

gboolean
pl_forwarding_header_read (PlReader *reader, PlForwardingHeader *header)
{
  guint16 lengths[3];
  guint32 token;

  memset (header, 0, sizeof *header);
  token = pl_reader_u32 (reader);
  if (pl_reader_ok (reader) && token != PL_RELO_TOKEN)
    pl_reader_fail (reader, PL_WIRE_TOKEN);
  header->overlay = pl_reader_u32 (reader);
  header->configuration_sequence = pl_reader_u16 (reader);
  header->version = pl_reader_u8 (reader);
  header->ttl = pl_reader_u8 (reader);
  header->fragment = pl_reader_u32 (reader);
  if (pl_reader_ok (reader) && !(header->fragment & PL_FRAGMENT_ALWAYS))
    pl_reader_fail (reader, PL_WIRE_FRAGMENT);
  header->length = pl_reader_u32 (reader);
  header->transaction_id = pl_reader_u64 (reader);
  header->max_response_length = pl_reader_u32 (reader);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    lengths[i] = pl_reader_u16 (reader);
  read_lists (reader, header, lengths);
  if (header->version != PL_RELOAD_VERSION) /* last: who is to be told stands in the lists */
    pl_reader_fail (reader, PL_WIRE_VERSION);
  return pl_reader_ok (reader);
}

/* All three lengths stand before the lists, so each list is written aside first. */
static GBytes *
write_list (PlWriter *writer, GArray *list, PlWireWriteFunc write)
{
  g_auto (PlWriter) aside;
  GBytes *bytes;

  pl_writer_init (&aside);
  pl_wire_list_write (&aside, list, write);
  bytes = pl_writer_finish (&aside);
  if (!bytes || g_bytes_get_size (bytes) > G_MAXUINT16)
    pl_writer_fail (writer, PL_WIRE_TOO_LONG);
  return bytes;
}

void
pl_forwarding_header_write (PlWriter *writer, const PlForwardingHeader *header)
{
  GBytes *lists[] = {
    write_list (writer, header->via_list, (PlWireWriteFunc) pl_destination_write),
    write_list (writer, header->destination_list, (PlWireWriteFunc) pl_destination_write),
    write_list (writer, header->options, (PlWireWriteFunc) pl_forwarding_option_write),
  };

  pl_writer_u32 (writer, PL_RELO_TOKEN);
  pl_writer_u32 (writer, header->overlay);
  pl_writer_u16 (writer, header->configuration_sequence);
  pl_writer_u8 (writer, header->version);
  pl_writer_u8 (writer, header->ttl);
  pl_writer_u32 (writer, header->fragment);
  pl_writer_u32 (writer, header->length);
  pl_writer_u64 (writer, header->transaction_id);
  pl_writer_u32 (writer, header->max_response_length);
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    pl_writer_u16 (writer, lists[i] ? (guint16) g_bytes_get_size (lists[i]) : 0);
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      pl_writer_bytes (writer, lists[i]);
      g_clear_pointer (&lists[i], g_bytes_unref);
    }
}

PlWireStatus
pl_forwarding_peek (GBytes *message, PlForwardingHeader *header, gsize *header_len)
{
  PlReader reader;
  gsize size = g_bytes_get_size (message);

  pl_reader_init_bytes (&reader, message);
  pl_forwarding_header_read (&reader, header);
  if (pl_reader_ok (&reader) && header->length != size)
    pl_reader_fail (&reader, PL_WIRE_LENGTH);
  *header_len = size - pl_reader_left (&reader);
  return reader.status;
}

GBytes *
pl_wire_join (PlForwardingHeader *header, const guint8 *payload, gsize len)
{
  g_auto (PlWriter) writer;
  gsize total;

  pl_writer_init (&writer);
  pl_forwarding_header_write (&writer, header);
  pl_writer_raw (&writer, payload, len);
  total = pl_writer_len (&writer);
  if (total > PL_MESSAGE_MAX || writer.status != PL_WIRE_OK)
    return NULL;
  header->length = (guint32) total;
  for (guint i = 0; i < 4; i++)
    writer.bytes->data[LENGTH_AT + i] = (guint8) (total >> 8 * (3 - i));
  return pl_writer_finish (&writer);
}

GBytes *
pl_forwarding_rewrite (GBytes *message, gsize header_len, PlForwardingHeader *header)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (message, &size);

  g_return_val_if_fail (header_len <= size, NULL);
  return pl_wire_join (header, data + header_len, size - header_len);
}

/* Pieces of equal size, the first ones a byte larger where it does not come out even. */
static gboolean
cut (GPtrArray *pieces, PlForwardingHeader *header, const guint8 *payload, gsize len)
{
  guint32 flags = header->fragment & ~(PL_FRAGMENT_OFFSET | PL_FRAGMENT_LAST);
  guint32 last = header->fragment & PL_FRAGMENT_LAST;
  guint32 offset = header->fragment & PL_FRAGMENT_OFFSET;
  guint n = pieces->len;
  gsize done = 0;

  for (guint i = 0; i < n; i++)
    {
      gsize size = len / n + (i < len % n);

      if (offset + done > PL_FRAGMENT_OFFSET)
        return FALSE;
      header->fragment = flags | (guint32) (offset + done) | (i == n - 1 ? last : 0);
      pieces->pdata[i] = pl_wire_join (header, payload + done, size);
      if (!pieces->pdata[i])
        return FALSE;
      done += size;
    }
  return TRUE;
}

GPtrArray *
pl_message_fragment (GBytes *message, gsize max)
{
  g_autoptr (GPtrArray) pieces = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len, size, payload;
  const guint8 *data = g_bytes_get_data (message, &size);

  if (pl_forwarding_peek (message, &header, &header_len) != PL_WIRE_OK)
    return NULL;
  payload = size - header_len;
  if (size > max && max >= header_len + PL_FRAGMENT_MIN)
    {
      gsize room = max - header_len;
      gsize n = payload / room + (payload % room > 0);

      /* 6.7: every fragment has at least 256 bytes. */
      if (payload / n >= PL_FRAGMENT_MIN)
        {
          g_ptr_array_set_size (pieces, (int) n);
          return cut (pieces, &header, data + header_len, payload) ? g_steal_pointer (&pieces) : NULL;
        }
    }
  g_ptr_array_add (pieces, g_bytes_ref (message));
  return g_steal_pointer (&pieces);
}

guint32
pl_overlay_hash (const char *name)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  guint8 digest[SHA1_LEN];
  gsize len = sizeof digest;

  g_checksum_update (sum, (const guint8 *) name, -1);
  g_checksum_get_digest (sum, digest, &len);
  return (guint32) digest[16] << 24 | (guint32) digest[17] << 16 | (guint32) digest[18] << 8 | digest[19];
}
