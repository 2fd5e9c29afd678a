/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/segment.h"

#include <string.h>

#include "base/log.h"
#include "overlay/link/sender.h"
#include "overlay/wire/reader.h"
#include "overlay/wire/writer.h"

/* doc/PROTOCOL, "Segments of application messages". */
#define TYPE_DATA 1
#define TYPE_ACK 2
#define DATA_HEADER 13 /* type, sequence, message id, index, count */

typedef struct {
  struct Outgoing *message;
  guint16 index;
} Segment;

typedef struct Outgoing {
  GBytes *bytes;
  guint32 id;
  guint16 count, left;
  gint64 since;
  Segment *parts;
} Outgoing;

typedef struct {
  guint16 count, got;
  gsize size;
  gint64 since;
  GBytes **parts;
} Incoming;

struct PlSegments {
  PlEnv *env;
  PlCarrier *carrier;
  gboolean segmented;
  PlSegmentsHandlers handlers;
  gpointer user;
  PlSender *sender;
  GQueue outgoing;        /* of Outgoing, oldest first */
  guint32 next_id;
  GHashTable *incoming;   /* message id -> Incoming */
  guint32 done[PL_SEGMENTS_DONE_MAX];
  guint n_done, next_done;
  PlTimer *stall, *expiry;
  gboolean over;
};

static void
outgoing_free (gpointer data)
{
  Outgoing *message = data;

  g_bytes_unref (message->bytes);
  g_free (message->parts);
  g_free (message);
}

static void
incoming_free (gpointer data)
{
  Incoming *message = data;

  for (guint i = 0; i < message->count; i++)
    g_clear_pointer (&message->parts[i], g_bytes_unref);
  g_free (message->parts);
  g_free (message);
}

static void
segments_end (PlSegments *segments, const char *reason)
{
  if (segments->over)
    return;
  segments->over = TRUE;
  pl_timer_clear (&segments->stall);
  pl_timer_clear (&segments->expiry);
  pl_carrier_close (segments->carrier);
  pl_info ("segment", "closed", "path", pl_carrier_info (segments->carrier)->description, "reason", reason, NULL);
  if (segments->handlers.closed)
    segments->handlers.closed (segments->user, reason);
}

void
pl_segments_close (PlSegments *segments, const char *reason)
{
  segments_end (segments, reason);
}

static gsize
segment_size (const PlSegments *segments)
{
  gsize record = pl_carrier_info (segments->carrier)->max_record;

  return record > DATA_HEADER ? record - DATA_HEADER : 1;
}

static void
on_stall (gpointer data)
{
  PlSegments *segments = data;
  Outgoing *oldest = g_queue_peek_head (&segments->outgoing);
  gint64 age;

  if (!oldest)
    return;
  age = pl_env_now (segments->env) - oldest->since;
  pl_env_arm (segments->env, &segments->stall, age < PL_SEGMENTS_STALL ? PL_SEGMENTS_STALL - age : PL_SEGMENTS_STALL,
              on_stall, segments);
  if (age >= PL_SEGMENTS_STALL && segments->handlers.stalled)
    segments->handlers.stalled (segments->user);
}

static void
send_written (PlSegments *segments, PlWriter *writer)
{
  g_autoptr (GBytes) bytes = pl_writer_finish (writer);

  if (bytes)
    pl_carrier_send (segments->carrier, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
on_transmit (gpointer user, guint32 sequence, GBytes *payload, gpointer tag)
{
  const Segment *segment = tag;
  g_auto (PlWriter) writer = { 0 };

  pl_writer_init (&writer);
  pl_writer_u8 (&writer, TYPE_DATA);
  pl_writer_u32 (&writer, sequence);
  pl_writer_u32 (&writer, segment->message->id);
  pl_writer_u16 (&writer, segment->index);
  pl_writer_u16 (&writer, segment->message->count);
  pl_writer_bytes (&writer, payload);
  send_written (user, &writer);
}

static void
on_delivered (gpointer user, gpointer tag)
{
  PlSegments *segments = user;
  Outgoing *message = ((Segment *) tag)->message;

  if (--message->left > 0)
    return;
  g_queue_remove (&segments->outgoing, message);
  outgoing_free (message);
}

static void
on_sender_failed (gpointer user)
{
  segments_end (user, "no acknowledgement");
}

static void
send_ack (PlSegments *segments, guint32 sequence)
{
  g_auto (PlWriter) writer = { 0 };

  pl_writer_init (&writer);
  pl_writer_u8 (&writer, TYPE_ACK);
  pl_writer_u32 (&writer, sequence);
  send_written (segments, &writer);
}

static gboolean
is_done (const PlSegments *segments, guint32 id)
{
  for (guint i = 0; i < segments->n_done; i++)
    if (segments->done[i] == id)
      return TRUE;
  return FALSE;
}

static gboolean
incoming_expired (gpointer key, gpointer value, gpointer data)
{
  return ((Incoming *) value)->since <= *(gint64 *) data;
}

static void
on_expiry (gpointer data)
{
  PlSegments *segments = data;
  gint64 limit = pl_env_now (segments->env) - PL_SEGMENTS_INCOMING_TIME;

  g_hash_table_foreach_remove (segments->incoming, incoming_expired, &limit);
  if (g_hash_table_size (segments->incoming) > 0)
    pl_env_arm (segments->env, &segments->expiry, PL_SEGMENTS_INCOMING_TIME, on_expiry, segments);
}

/* The message a segment belongs to; NULL when it contradicts an earlier segment or there is
 * no room. */
static Incoming *
find_incoming (PlSegments *segments, guint32 id, guint16 count)
{
  Incoming *message = g_hash_table_lookup (segments->incoming, GUINT_TO_POINTER (id));

  if (message)
    return message->count == count ? message : NULL;
  if (g_hash_table_size (segments->incoming) >= PL_SEGMENTS_INCOMING_MAX)
    return NULL;
  message = g_new0 (Incoming, 1);
  message->count = count;
  message->parts = g_new0 (GBytes *, count); /* at most PL_SEGMENTS_COUNT_MAX */
  message->since = pl_env_now (segments->env);
  g_hash_table_insert (segments->incoming, GUINT_TO_POINTER (id), message);
  if (!segments->expiry)
    pl_env_arm (segments->env, &segments->expiry, PL_SEGMENTS_INCOMING_TIME, on_expiry, segments);
  return message;
}

static void
hand_up (PlSegments *segments, const guint8 *data, gsize len)
{
  if (segments->handlers.message)
    segments->handlers.message (segments->user, data, len);
}

static void
finish_incoming (PlSegments *segments, guint32 id, Incoming *message)
{
  g_autoptr (GByteArray) whole = g_byte_array_sized_new (message->size);

  for (guint i = 0; i < message->count; i++)
    g_byte_array_append (whole, g_bytes_get_data (message->parts[i], NULL), g_bytes_get_size (message->parts[i]));
  g_hash_table_remove (segments->incoming, GUINT_TO_POINTER (id));
  segments->done[segments->next_done] = id;
  segments->next_done = (segments->next_done + 1) % PL_SEGMENTS_DONE_MAX;
  segments->n_done = MIN (segments->n_done + 1, PL_SEGMENTS_DONE_MAX);
  hand_up (segments, whole->data, whole->len);
}

/* Acknowledges what was taken or had been taken before, so that nothing acknowledged is lost. */
static void
on_data (PlSegments *segments, PlReader *reader)
{
  guint32 sequence = pl_reader_u32 (reader), id = pl_reader_u32 (reader);
  guint16 index = pl_reader_u16 (reader), count = pl_reader_u16 (reader);
  g_autoptr (GBytes) part = pl_reader_rest (reader);
  Incoming *message;

  if (!pl_reader_ok (reader) || !part || index >= count || count > PL_SEGMENTS_COUNT_MAX)
    return;
  if (is_done (segments, id))
    {
      send_ack (segments, sequence);
      return;
    }
  message = find_incoming (segments, id, count);
  if (!message || (!message->parts[index] && g_bytes_get_size (part) > PL_SEGMENTS_MESSAGE_MAX - message->size))
    return;
  send_ack (segments, sequence);
  if (message->parts[index])
    return;
  message->size += g_bytes_get_size (part);
  message->parts[index] = g_steal_pointer (&part);
  if (++message->got == count)
    finish_incoming (segments, id, message);
}

static void
on_record (gpointer user, const guint8 *data, gsize len)
{
  PlSegments *segments = user;
  PlReader reader;
  guint8 type;

  if (segments->over)
    return;
  if (!segments->segmented)
    {
      hand_up (segments, data, len);
      return;
    }
  pl_reader_init (&reader, data, len);
  type = pl_reader_u8 (&reader);
  if (type == TYPE_DATA)
    {
      on_data (segments, &reader);
    }
  else if (type == TYPE_ACK)
    {
      guint32 sequence = pl_reader_u32 (&reader);

      if (pl_reader_finish (&reader) == PL_WIRE_OK)
        pl_sender_ack (segments->sender, sequence);
    }
}

static void
on_carrier_closed (gpointer user, const GError *error)
{
  segments_end (user, error ? error->message : "closed by the far side");
}

PlSegments *
pl_segments_new (PlEnv *env, PlCarrier *carrier, gboolean segmented, const PlSegmentsHandlers *handlers,
                 gpointer user)
{
  static const PlSenderFuncs sender_funcs = { on_transmit, on_delivered, on_sender_failed };
  static const PlCarrierHandlers carrier_handlers = { on_record, on_carrier_closed };
  const PlCarrierInfo *info = pl_carrier_info (carrier);
  PlSegments *segments = g_new0 (PlSegments, 1);

  segments->env = env;
  segments->carrier = carrier;
  segments->segmented = segmented;
  segments->handlers = *handlers;
  segments->user = user;
  segments->sender = pl_sender_new (env, &sender_funcs, segments, info->reliable, info->rtt);
  segments->next_id = pl_env_random64 (env);
  segments->incoming = g_hash_table_new_full (NULL, NULL, NULL, incoming_free);
  pl_carrier_set_handlers (carrier, &carrier_handlers, segments);
  return segments;
}

void
pl_segments_free (PlSegments *segments)
{
  if (!segments)
    return;
  segments->over = TRUE;
  pl_timer_clear (&segments->stall);
  pl_timer_clear (&segments->expiry);
  pl_carrier_set_handlers (segments->carrier, NULL, NULL);
  pl_sender_free (segments->sender);
  pl_carrier_free (segments->carrier);
  g_queue_clear_full (&segments->outgoing, outgoing_free);
  g_hash_table_unref (segments->incoming);
  g_free (segments);
}

static gboolean
send_whole (PlSegments *segments, GBytes *message)
{
  return pl_carrier_send (segments->carrier, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
}

static void
send_parts (PlSegments *segments, GBytes *bytes, gsize count)
{
  Outgoing *message = g_new0 (Outgoing, 1);
  gsize len = g_bytes_get_size (bytes), size = segment_size (segments);

  message->bytes = g_bytes_ref (bytes);
  message->id = segments->next_id++;
  message->count = message->left = count;
  message->since = pl_env_now (segments->env);
  message->parts = g_new0 (Segment, count);
  g_queue_push_tail (&segments->outgoing, message);
  if (!segments->stall)
    pl_env_arm (segments->env, &segments->stall, PL_SEGMENTS_STALL, on_stall, segments);
  for (gsize i = 0; i < count; i++)
    {
      g_autoptr (GBytes) part = g_bytes_new_from_bytes (bytes, i * size, MIN (size, len - i * size));

      message->parts[i].message = message;
      message->parts[i].index = i;
      pl_sender_push (segments->sender, part, &message->parts[i]);
    }
}

gboolean
pl_segments_send (PlSegments *segments, GBytes *message)
{
  gsize len = g_bytes_get_size (message), size = segment_size (segments), count = (len + size - 1) / size;

  if (segments->over || len == 0 || len > PL_SEGMENTS_MESSAGE_MAX)
    return FALSE;
  if (!segments->segmented)
    return send_whole (segments, message);
  if (count > PL_SEGMENTS_COUNT_MAX || len > PL_SEGMENTS_QUEUE_MAX - MIN (pl_sender_bytes (segments->sender), PL_SEGMENTS_QUEUE_MAX))
    return FALSE;
  send_parts (segments, message, count);
  return TRUE;
}

gboolean
pl_segments_pending (PlSegments *segments, const guint8 *data, gsize len)
{
  for (GList *l = segments->outgoing.head; l; l = l->next)
    {
      GBytes *bytes = ((Outgoing *) l->data)->bytes;

      if (g_bytes_get_size (bytes) == len && memcmp (g_bytes_get_data (bytes, NULL), data, len) == 0)
        return TRUE;
    }
  return FALSE;
}

GPtrArray *
pl_segments_dup_unacknowledged (PlSegments *segments)
{
  GPtrArray *messages = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (GList *l = segments->outgoing.head; l; l = l->next)
    g_ptr_array_add (messages, g_bytes_ref (((Outgoing *) l->data)->bytes));
  return messages;
}

const PlCarrierInfo *
pl_segments_info (PlSegments *segments)
{
  return pl_carrier_info (segments->carrier);
}
