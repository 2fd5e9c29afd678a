/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/sender.h"

#define UNHEALTHY_SENDINGS 4                     /* the first and three retransmissions */
#define RTT_MAX (60 * PL_USEC_PER_SEC)            /* a longer one is no round trip */
#define RTO_GRANULARITY PL_USEC_PER_MSEC         /* rounded up to a millisecond (6.6.3.1) */

typedef struct Item Item;
struct Item {
  Item *next;
  GBytes *payload;
  gpointer tag;
  guint sendings;
  guint skipped;       /* later items acknowledged since the last sending */
  gint64 first, rto;   /* time of the first sending; current wait */
  gint64 deadline;
  struct { guint32 sequence; gint64 at; } sent[PL_SENDER_SENDINGS_MAX];
};

/* There is one for each link: small. */
struct PlSender {
  PlEnv *env;
  const PlSenderFuncs *funcs;
  gpointer user;
  Item *flight;            /* in the order of first sendings, */
  Item *waiting, *last;    /* and those that come after them */
  guint32 bytes;
  guint32 next_sequence;
  float window, threshold;
  gint32 srtt, rttvar, rto; /* microseconds, up to RTT_MAX */
  guint reliable : 1, healthy : 1, failed : 1, in_flight : 29;
  gint64 last_ack, last_cut;
  PlTimer *timer, *pause;
  guint32 sent, retransmitted;
};

static void sender_pump (PlSender *sender);
static void on_timer (gpointer data);

static void
item_free (Item *item)
{
  g_bytes_unref (item->payload);
  g_free (item);
}

static void
items_free (Item *item)
{
  while (item)
    {
      Item *next = item->next;

      item_free (item);
      item = next;
    }
}

static void
sample_rtt (PlSender *sender, gint64 rtt)
{
  gint64 rto;

  rtt = CLAMP (rtt, 1, RTT_MAX);
  if (sender->srtt == 0)
    {
      sender->srtt = rtt;
      sender->rttvar = rtt / 2;
    }
  else
    {
      sender->rttvar = (3 * sender->rttvar + ABS (sender->srtt - rtt)) / 4;
      sender->srtt = (7 * sender->srtt + rtt) / 8;
    }
  rto = sender->srtt + MAX (RTO_GRANULARITY, 4 * sender->rttvar);
  rto = (rto + RTO_GRANULARITY - 1) / RTO_GRANULARITY * RTO_GRANULARITY;
  sender->rto = CLAMP (rto, PL_SENDER_RTO_MIN, PL_SENDER_RTO_MAX);
}

/* The next moment something has to be done about an item in flight. */
static void
rearm (PlSender *sender)
{
  gint64 first = G_MAXINT64;

  for (const Item *item = sender->flight; item; item = item->next)
    first = MIN (first, item->deadline);
  if (first == G_MAXINT64)
    pl_timer_clear (&sender->timer);
  else
    pl_env_arm (sender->env, &sender->timer, first - pl_env_now (sender->env), on_timer, sender);
}

static void
transmit (PlSender *sender, Item *item)
{
  gint64 now = pl_env_now (sender->env);
  guint32 sequence = sender->next_sequence++;

  if (item->sendings == 0)
    {
      item->first = now;
      item->rto = sender->rto;
    }
  item->sent[item->sendings].sequence = sequence;
  item->sent[item->sendings].at = now;
  item->sendings++;
  item->skipped = 0;
  item->deadline = now + item->rto;
  if (item->sendings == PL_SENDER_SENDINGS_MAX)
    item->deadline = now + MIN (item->rto, PL_SENDER_LAST_WAIT * sender->rto);
  if (sender->reliable)
    item->deadline = now + 7 * item->rto; /* when a lossy path would have sent thrice more */
  sender->sent++;
  if (item->sendings > 1)
    sender->retransmitted++;
  sender->funcs->transmit (sender->user, sequence, item->payload, item->tag);
}

static void
cut_window (PlSender *sender, const Item *item)
{
  gint64 now = pl_env_now (sender->env);

  if (item->sendings > 1)
    {
      sender->threshold = MAX (sender->threshold / 2, 2);
      sender->window = 1;
      return;
    }
  if (sender->last_cut != 0 && now - sender->last_cut < MAX (sender->srtt, PL_SENDER_ACK_PAUSE))
    return;
  sender->last_cut = now;
  sender->threshold = MAX (sender->window / 2, 2);
  sender->window = sender->threshold;
}

static void
retransmit (PlSender *sender, Item *item)
{
  cut_window (sender, item);
  item->rto = MIN (item->rto * 2, PL_SENDER_RTO_MAX);
  transmit (sender, item);
  if (item->sendings >= UNHEALTHY_SENDINGS && sender->last_ack < item->first)
    sender->healthy = FALSE;
}

static void
sender_fail (PlSender *sender)
{
  sender->failed = TRUE;
  sender->healthy = FALSE;
  pl_timer_clear (&sender->timer);
  pl_timer_clear (&sender->pause);
  sender->funcs->failed (sender->user);
}

/* A stream sends by itself what it lost: only the silence counts. */
static gboolean
watch_silence (PlSender *sender, Item *item)
{
  gint64 now = pl_env_now (sender->env);

  if (sender->last_ack < item->first)
    sender->healthy = FALSE;
  if (now - item->first >= PL_SENDER_RELIABLE_END)
    return FALSE;
  item->deadline = now + MAX (item->rto, PL_USEC_PER_SEC);
  return TRUE;
}

static void
on_timer (gpointer data)
{
  PlSender *sender = data;
  gint64 now = pl_env_now (sender->env);

  for (Item *item = sender->flight; item; item = item->next)
    {
      if (item->deadline > now)
        continue;
      if (sender->reliable ? !watch_silence (sender, item) : item->sendings == PL_SENDER_SENDINGS_MAX)
        {
          sender_fail (sender);
          return;
        }
      if (!sender->reliable)
        retransmit (sender, item);
    }
  rearm (sender);
}

static void
take_off (PlSender *sender, Item *item)
{
  Item **end = &sender->flight;

  sender->waiting = item->next;
  if (!item->next)
    sender->last = NULL;
  item->next = NULL;
  while (*end)
    end = &(*end)->next;
  *end = item;
  sender->in_flight++;
}

static void
sender_pump (PlSender *sender)
{
  while (!sender->failed && sender->waiting && sender->in_flight < (guint) sender->window)
    {
      Item *item = sender->waiting;

      take_off (sender, item);
      transmit (sender, item);
    }
  if (!sender->failed)
    rearm (sender);
}

static void
on_pause_over (gpointer data)
{
  sender_pump (data);
}

/* Takes the item of this sending out of the flight. */
static Item *
take_sequence (PlSender *sender, guint32 sequence, gint64 *at)
{
  for (Item **slot = &sender->flight; *slot; slot = &(*slot)->next)
    for (guint i = 0; i < (*slot)->sendings; i++)
      if ((*slot)->sent[i].sequence == sequence)
        {
          Item *item = *slot;

          *at = item->sent[i].at;
          *slot = item->next;
          sender->in_flight--;
          return item;
        }
  return NULL;
}

static void
grow_window (PlSender *sender)
{
  sender->window += sender->window < sender->threshold ? 1 : 1 / sender->window;
  sender->window = MIN (sender->window, PL_SENDER_WINDOW_MAX);
}

/* What was sent well before something that arrived is probably lost (once for an item: after
 * that the timer decides). */
static void
count_skipped (PlSender *sender, guint32 sequence)
{
  if (sender->reliable)
    return;
  for (Item *item = sender->flight; item; item = item->next)
    if (item->sendings == 1 && (gint32) (sequence - item->sent[0].sequence) > 0
        && ++item->skipped == PL_SENDER_SKIPPED_MAX)
      retransmit (sender, item);
}

PlSender *
pl_sender_new (PlEnv *env, const PlSenderFuncs *funcs, gpointer user, gboolean reliable, gint64 rtt)
{
  PlSender *sender = g_new0 (PlSender, 1);

  sender->env = env;
  sender->funcs = funcs;
  sender->user = user;
  sender->reliable = reliable;
  sender->window = PL_SENDER_WINDOW_INITIAL;
  sender->threshold = PL_SENDER_WINDOW_MAX;
  sender->rto = PL_SENDER_RTO_INITIAL;
  sender->healthy = TRUE;
  sender->last_ack = -1;
  if (rtt > 0)
    sample_rtt (sender, rtt);
  return sender;
}

void
pl_sender_free (PlSender *sender)
{
  if (!sender)
    return;
  pl_timer_clear (&sender->timer);
  pl_timer_clear (&sender->pause);
  items_free (sender->waiting);
  items_free (sender->flight);
  g_free (sender);
}

void
pl_sender_push (PlSender *sender, GBytes *payload, gpointer tag)
{
  Item *item = g_new0 (Item, 1);

  item->payload = g_bytes_ref (payload);
  item->tag = tag;
  sender->bytes += g_bytes_get_size (payload);
  if (sender->last)
    sender->last->next = item;
  else
    sender->waiting = item;
  sender->last = item;
  if (!sender->pause)
    sender_pump (sender);
}

gboolean
pl_sender_ack (PlSender *sender, guint32 sequence)
{
  gint64 at;
  Item *item = sender->failed ? NULL : take_sequence (sender, sequence, &at);

  if (!item)
    return FALSE;
  sender->bytes -= g_bytes_get_size (item->payload);
  sender->last_ack = pl_env_now (sender->env);
  sender->healthy = TRUE;
  sample_rtt (sender, sender->last_ack - at);
  grow_window (sender);
  count_skipped (sender, sequence);
  if (sender->waiting && !sender->pause)
    pl_env_arm (sender->env, &sender->pause, PL_SENDER_ACK_PAUSE, on_pause_over, sender);
  rearm (sender);
  sender->funcs->delivered (sender->user, item->tag);
  item_free (item);
  return TRUE;
}

gboolean
pl_sender_healthy (const PlSender *sender)
{
  return sender->healthy;
}

gboolean
pl_sender_suspect (const PlSender *sender)
{
  const Item *oldest = sender->flight;

  return !sender->healthy
         || (oldest && sender->last_ack < oldest->first && pl_env_now (sender->env) - oldest->first >= sender->rto);
}

gsize
pl_sender_bytes (const PlSender *sender)
{
  return sender->bytes;
}

void
pl_sender_stats (const PlSender *sender, PlSenderStats *stats)
{
  stats->srtt = sender->srtt;
  stats->rto = sender->rto;
  stats->sent = sender->sent;
  stats->retransmitted = sender->retransmitted;
  stats->queued = sender->in_flight;
  for (const Item *item = sender->waiting; item; item = item->next)
    stats->queued++;
  stats->window = (guint) sender->window;
}
