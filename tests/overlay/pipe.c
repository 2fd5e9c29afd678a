/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/overlay/pipe.h"

typedef struct {
  PlPipe *pipe;
  guint side;
} End;

typedef struct {
  PlPipe *pipe;
  guint to;
  GBytes *record;  /* NULL: closed */
  PlTimer *timer;
} Packet;

PlCert *
pl_cert_ref (PlCert *cert)
{
  return cert;
}

void
pl_cert_unref (PlCert *cert)
{
}

static void
arrive (gpointer data)
{
  Packet *packet = data;
  PlCarrier *carrier = packet->pipe->end[packet->to];

  if (carrier && !packet->pipe->cut)
    {
      if (packet->record)
        pl_carrier_deliver (carrier, g_bytes_get_data (packet->record, NULL), g_bytes_get_size (packet->record));
      else
        pl_carrier_lost (carrier, NULL);
    }
  g_clear_pointer (&packet->record, g_bytes_unref);
  g_free (packet);
}

static void
post (PlPipe *pipe, guint to, GBytes *record)
{
  const PlPipeOptions *o = &pipe->options;
  Packet *packet = g_new0 (Packet, 1);

  packet->pipe = pipe;
  packet->to = to;
  packet->record = record ? g_bytes_ref (record) : NULL;
  pl_env_arm (pipe->env, &packet->timer, o->delay + (gint64) pl_env_random_below (pipe->env, o->jitter), arrive, packet);
}

static gboolean
end_send (gpointer impl, const guint8 *data, gsize len)
{
  End *end = impl;
  PlPipe *pipe = end->pipe;
  g_autoptr (GBytes) record = g_bytes_new (data, len);

  pipe->sent++;
  pipe->sent_by[end->side]++;
  if (pipe->filter && !pipe->filter (pipe, end->side, data, len))
    return TRUE;
  if (pl_env_random_below (pipe->env, 100) < pipe->options.loss)
    {
      pipe->lost++;
      return TRUE;
    }
  post (pipe, !end->side, record);
  if (pl_env_random_below (pipe->env, 100) < pipe->options.duplicate)
    post (pipe, !end->side, record);
  return TRUE;
}

static void
end_close (gpointer impl)
{
  End *end = impl;

  post (end->pipe, !end->side, NULL);
}

static void
end_free (gpointer impl)
{
  End *end = impl;

  end->pipe->end[end->side] = NULL;
  g_free (end);
}

PlPipe *
pl_pipe_new (PlEnv *env, const PlPipeOptions *options)
{
  static const PlCarrierFuncs funcs = { end_send, end_close, end_free };
  PlPipe *pipe = g_new0 (PlPipe, 1);
  PlCarrierInfo info = { .reliable = options->reliable, .max_record = options->max_record, .rtt = options->rtt,
                         .description = (char *) "pipe" };

  pipe->env = env;
  pipe->options = *options;
  for (guint i = 0; i < 2; i++)
    {
      End *end = g_new0 (End, 1);

      end->pipe = pipe;
      end->side = i;
      pipe->end[i] = pl_carrier_new (&funcs, end, &info);
    }
  return pipe;
}

void
pl_pipe_free (PlPipe *pipe)
{
  if (!pipe)
    return;
  /* Packets under way belong to timers: let them arrive at nobody. */
  pipe->cut = TRUE;
  while (pl_timers_next (pl_env_timers (pipe->env)) >= 0)
    pl_timers_dispatch (pl_env_timers (pipe->env), pl_timers_next (pl_env_timers (pipe->env)));
  g_free (pipe);
}

void
pl_pipe_inject (PlPipe *pipe, guint to, const void *data, gsize len)
{
  pl_carrier_deliver (pipe->end[to], data, len);
}
