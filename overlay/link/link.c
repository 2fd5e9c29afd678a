/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/link.h"

#include "base/log.h"
#include "overlay/link/sender.h"
#include "overlay/wire/framing.h"

#define RECENT_MAX 64                     /* sequence numbers remembered for acks: 6.6.2 wants 32 */
#define KEEPALIVE_SLACK 8                 /* by so small a part earlier, so that links share a wake-up */
#define MESSAGE_LEN_MAX ((1 << 24) - 1)   /* what the length of a frame can say */

/* There are some dozens for each of us: small. */
struct PlLink {
  PlEnv *env;
  PlCarrier *carrier;
  const PlLinkOptions *options;
  const PlLinkHandlers *handlers;
  gpointer user;
  PlSender *sender;
  GByteArray *stream;          /* of a stream: bytes of a frame not yet whole, NULL when none */
  guint64 recent;              /* bit N: data frame `highest` - N was received */
  guint32 highest;
  guint32 last_sequence;       /* of the last data frame received */
  gint64 since;
  gint64 sent;                 /* when the last frame went out */
  guint32 received, refused;
  guint is_stream : 1, over : 1;
  guint refs : 30;             /* ours, and one for each delivery under way */
};

static void
link_end (PlLink *link, const char *reason)
{
  if (link->over)
    return;
  link->over = TRUE;
  pl_carrier_close (link->carrier);
  pl_info ("link", "closed", "path", pl_link_description (link), "reason", reason, NULL);
  link->handlers->closed (link->user, link, reason);
}

static void
send_frame (PlLink *link, const PlFrame *frame)
{
  g_auto (PlWriter) writer = { 0 };
  g_autoptr (GBytes) bytes = NULL;

  pl_writer_init (&writer);
  pl_frame_write (&writer, frame);
  bytes = pl_writer_finish (&writer);
  if (!bytes)
    return;
  pl_carrier_send (link->carrier, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  link->sent = pl_env_now (link->env);
}

/* Bit N for frame N before this one. */
static guint32
received_mask (const PlLink *link, guint32 sequence)
{
  gint32 ahead = (gint32) (sequence - link->highest);
  guint64 bits = 0;

  if (ahead >= 0 && ahead < RECENT_MAX)
    bits = link->recent << ahead;
  else if (ahead < 0 && ahead > -RECENT_MAX)
    bits = link->recent >> -ahead;
  return (guint32) bits & ~(guint32) 1;
}

static void
note_received (PlLink *link, guint32 sequence)
{
  gint32 ahead = (gint32) (sequence - link->highest);

  if (ahead < 0 && ahead > -RECENT_MAX)
    {
      link->recent |= (guint64) 1 << -ahead;
      return;
    }
  link->recent = ahead >= 0 && ahead < RECENT_MAX ? link->recent << ahead | 1 : 1;
  link->highest = sequence;
}

static void
send_ack (PlLink *link, guint32 sequence)
{
  PlFrame ack = { .type = PL_FRAME_ACK, .ack_sequence = sequence, .received = received_mask (link, sequence) };

  send_frame (link, &ack);
}

/* The last acknowledgement once more: means nothing new to any receiver and every dissector
 * knows it. */
gint64
pl_link_keep_alive (PlLink *link)
{
  gint64 now = pl_env_now (link->env);

  if (now - link->sent >= link->options->keepalive - link->options->keepalive / KEEPALIVE_SLACK)
    {
      if (link->received > 0 && !link->over)
        send_ack (link, link->last_sequence);
      link->sent = now;
    }
  return link->sent + link->options->keepalive;
}

static void
on_transmit (gpointer user, guint32 sequence, GBytes *payload, gpointer tag)
{
  PlFrame frame = { .type = PL_FRAME_DATA, .sequence = sequence, .message = payload };

  send_frame (user, &frame);
}

static void
on_delivered (gpointer user, gpointer tag)
{
}

static void
on_sender_failed (gpointer user)
{
  link_end (user, "no acknowledgement");
}

static void
link_unref (PlLink *link)
{
  if (--link->refs == 0)
    g_free (link);
}

/* FALSE when the link is over or gone. */
static gboolean
deliver (PlLink *link, GBytes *message)
{
  gboolean over;

  link->refs++;
  link->handlers->message (link->user, link, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
  over = link->over;
  link_unref (link);
  return !over;
}

static gboolean
on_data (PlLink *link, const PlFrame *frame)
{
  send_ack (link, frame->sequence);
  note_received (link, frame->sequence);
  link->last_sequence = frame->sequence;
  link->received++;
  if (!frame->message) /* somebody's keep-alive */
    return TRUE;
  if (g_bytes_get_size (frame->message) > link->options->max_message)
    {
      link_end (link, "message above max-message-size");
      return FALSE;
    }
  return deliver (link, frame->message);
}

static gboolean
on_frame (PlLink *link, const PlFrame *frame)
{
  if (frame->type == PL_FRAME_DATA)
    return on_data (link, frame);
  pl_sender_ack (link->sender, frame->ack_sequence);
  return TRUE;
}

/* A lossy path: whole frames in one record, one as a rule. */
static void
take_record (PlLink *link, const guint8 *data, gsize len)
{
  PlReader reader;

  pl_reader_init (&reader, data, len);
  do
    {
      g_auto (PlFrame) frame = { 0 };

      if (!pl_frame_read (&reader, &frame))
        {
          link->refused++;
          return;
        }
      if (!on_frame (link, &frame))
        return;
    }
  while (pl_reader_more (&reader));
}

static gboolean
take_stream_frame (PlLink *link, gsize len)
{
  g_auto (PlFrame) frame = { 0 };
  PlReader reader;

  pl_reader_init (&reader, link->stream->data, len);
  if (!pl_frame_read (&reader, &frame))
    {
      link->refused++;
      link_end (link, "malformed frame");
      return FALSE;
    }
  g_byte_array_remove_range (link->stream, 0, len);
  return on_frame (link, &frame);
}

/* A stream: a frame may span records. */
static void
take_stream (PlLink *link, const guint8 *data, gsize len)
{
  gssize frame;

  if (!link->stream)
    link->stream = g_byte_array_new ();
  g_byte_array_append (link->stream, data, len);
  while ((frame = pl_frame_length (link->stream->data, link->stream->len)) != 0)
    {
      if (frame < 0 || (gsize) frame > link->options->max_message + PL_FRAME_DATA_HEADER)
        {
          link->refused++;
          link_end (link, frame < 0 ? "malformed frame" : "message above max-message-size");
          return;
        }
      if ((gsize) frame > link->stream->len || !take_stream_frame (link, frame))
        return;
    }
  if (link->stream->len == 0)
    g_clear_pointer (&link->stream, g_byte_array_unref);
}

static void
on_record (gpointer user, const guint8 *data, gsize len)
{
  PlLink *link = user;

  if (link->over)
    return;
  if (link->is_stream)
    take_stream (link, data, len);
  else
    take_record (link, data, len);
}

static void
on_carrier_closed (gpointer user, const GError *error)
{
  PlLink *link = user;

  link_end (link, error ? error->message : "closed by the far side");
}

PlLink *
pl_link_new (PlEnv *env, PlCarrier *carrier, const PlLinkOptions *options, const PlLinkHandlers *handlers,
             gpointer user)
{
  static const PlSenderFuncs sender_funcs = { on_transmit, on_delivered, on_sender_failed };
  static const PlCarrierHandlers carrier_handlers = { on_record, on_carrier_closed };
  const PlCarrierInfo *info = pl_carrier_info (carrier);
  PlLink *link = g_new0 (PlLink, 1);

  link->refs = 1;
  link->env = env;
  link->carrier = carrier;
  link->options = options;
  link->handlers = handlers;
  link->user = user;
  link->since = link->sent = pl_env_now (env);
  link->sender = pl_sender_new (env, &sender_funcs, link, info->reliable, info->rtt);
  link->is_stream = info->reliable;
  pl_carrier_set_handlers (carrier, &carrier_handlers, link);
  return link;
}

void
pl_link_free (PlLink *link)
{
  if (!link)
    return;
  link->over = TRUE;
  pl_carrier_set_handlers (link->carrier, NULL, NULL);
  pl_sender_free (link->sender);
  pl_carrier_free (link->carrier);
  g_clear_pointer (&link->stream, g_byte_array_unref);
  link_unref (link);
}

gboolean
pl_link_send (PlLink *link, GBytes *message)
{
  gsize len = g_bytes_get_size (message);

  if (link->over || len > pl_link_max_payload (link) || len > PL_LINK_QUEUE_MAX - MIN (pl_sender_bytes (link->sender), PL_LINK_QUEUE_MAX))
    return FALSE;
  pl_sender_push (link->sender, message, NULL);
  return TRUE;
}

gsize
pl_link_max_payload (const PlLink *link)
{
  gsize record = MIN (pl_carrier_info (link->carrier)->max_record, MESSAGE_LEN_MAX);

  return MIN (record - MIN (record, PL_FRAME_DATA_HEADER), link->options->max_message);
}

const PlNodeId *
pl_link_node (const PlLink *link)
{
  return &pl_carrier_info (link->carrier)->node;
}

gboolean
pl_link_unnamed (const PlLink *link)
{
  return pl_carrier_info (link->carrier)->unnamed;
}

PlCert *
pl_link_cert (const PlLink *link)
{
  return pl_carrier_info (link->carrier)->cert;
}

gboolean
pl_link_healthy (const PlLink *link)
{
  return !link->over && pl_sender_healthy (link->sender);
}

gboolean
pl_link_suspect (const PlLink *link)
{
  return link->over || pl_sender_suspect (link->sender);
}

const char *
pl_link_description (const PlLink *link)
{
  return pl_carrier_info (link->carrier)->description;
}

void
pl_link_stats (const PlLink *link, PlLinkStats *stats)
{
  PlSenderStats sender;

  pl_sender_stats (link->sender, &sender);
  stats->srtt = sender.srtt;
  stats->rto = sender.rto;
  stats->since = link->since;
  stats->sent = sender.sent;
  stats->received = link->received;
  stats->retransmitted = sender.retransmitted;
  stats->refused = link->refused;
  stats->queued = sender.queued;
}
