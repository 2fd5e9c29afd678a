/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/overlay/loopcarrier.h"

typedef struct {
  PlLoopPair *pair;
  guint to;
  GBytes *record;
  PlTimer *timer;
} Event;

static void
event_free (gpointer data)
{
  Event *event = data;

  pl_timer_clear (&event->timer);
  g_bytes_unref (event->record);
  g_free (event);
}

static void
arrive (gpointer data)
{
  Event *event = data;
  PlLoopPair *pair = event->pair;
  PlCarrier *carrier = pair->end[event->to];
  gsize len;
  const guint8 *bytes = g_bytes_get_data (event->record, &len);

  if (carrier && !pair->cut && !pair->cut_from[1 - event->to])
    pl_carrier_deliver (carrier, bytes, len);
  g_ptr_array_remove_fast (pair->events, event);
}

static gboolean
loop_send (gpointer impl, const guint8 *data, gsize len)
{
  PlLoopPair *pair = ((typeof (&((PlLoopPair *) 0)->impl[0])) impl)->pair;
  Event *event = g_new0 (Event, 1);

  event->pair = pair;
  event->to = 1 - ((typeof (&pair->impl[0])) impl)->side;
  event->record = g_bytes_new (data, len);
  g_ptr_array_add (pair->events, event);
  pl_env_arm (pair->env, &event->timer, 5 * PL_USEC_PER_MSEC, arrive, event);
  return TRUE;
}

static void
loop_close (gpointer impl)
{
}

static void
loop_free (gpointer impl)
{
  PlLoopPair *pair = ((typeof (&((PlLoopPair *) 0)->impl[0])) impl)->pair;

  pair->end[((typeof (&pair->impl[0])) impl)->side] = NULL;
}

PlLoopPair *
pl_loop_pair_new (PlEnv *env, const PlNodeId *a, const PlNodeId *b, gsize max_record)
{
  return pl_loop_pair_new_named (env, a, b, max_record, TRUE);
}

PlLoopPair *
pl_loop_pair_new_named (PlEnv *env, const PlNodeId *a, const PlNodeId *b, gsize max_record, gboolean named)
{
  return pl_loop_pair_new_certified (env, a, b, max_record, named, NULL);
}

PlLoopPair *
pl_loop_pair_new_certified (PlEnv *env, const PlNodeId *a, const PlNodeId *b, gsize max_record, gboolean named, PlCert *cert)
{
  static const PlCarrierFuncs funcs = { loop_send, loop_close, loop_free };
  PlLoopPair *pair = g_new0 (PlLoopPair, 1);

  pair->env = env;
  pair->events = g_ptr_array_new_with_free_func (event_free);
  for (guint i = 0; i < 2; i++)
    {
      PlCarrierInfo info = { .node = i ? *a : *b, .max_record = max_record, .rtt = 10 * PL_USEC_PER_MSEC,
                             .unnamed = !named && i == 0, .cert = i ? NULL : cert };

      pair->impl[i].pair = pair;
      pair->impl[i].side = i;
      pair->end[i] = pl_carrier_new (&funcs, &pair->impl[i], &info);
    }
  return pair;
}

void
pl_loop_pair_free (PlLoopPair *pair)
{
  g_ptr_array_unref (pair->events);
  g_free (pair);
}
