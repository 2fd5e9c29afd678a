/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/loop.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

struct PlLoop {
  GMainContext *context;
  GSource *source;
  PlTimers *timers;
  PlEnv *env;
  gint64 late_limit;
  void (*late) (gpointer data);
  gpointer late_data;
};

/* Goes on while the machine sleeps: what others forgot meanwhile is due when it wakes. */
static gint64
system_now (gpointer impl)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return now.tv_sec * PL_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64
pl_loop_asleep (void)
{
  return system_now (NULL) - g_get_monotonic_time ();
}

static gint64
system_wall (gpointer impl)
{
  return g_get_real_time ();
}

static void
system_random (gpointer impl, void *buf, gsize len)
{
  guint8 *p = buf;

  while (len > 0)
    {
      gssize n = getrandom (p, len, 0);

      if (n < 0 && errno != EINTR)
        g_error ("getrandom: %s", g_strerror (errno)); /* no safe way to go on */
      if (n > 0)
        {
          p += n;
          len -= n;
        }
    }
}

static void
arm_source (gpointer data)
{
  PlLoop *loop = data;
  gint64 next = pl_timers_next (loop->timers);

  /* GLib counts by the clock that stands still in sleep. */
  g_source_set_ready_time (loop->source, next < 0 ? -1 : MAX (next - system_now (NULL) + g_get_monotonic_time (), 0));
}

static gboolean
source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static gboolean
on_ready (gpointer data)
{
  PlLoop *loop = data;
  gint64 due = pl_timers_next (loop->timers), now = system_now (NULL);

  pl_timers_dispatch (loop->timers, now);
  arm_source (loop);
  if (loop->late && due >= 0 && now - due > loop->late_limit)
    loop->late (loop->late_data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { .dispatch = source_dispatch };

PlLoop *
pl_loop_new (GMainContext *context)
{
  static const PlEnvFuncs funcs = { system_now, system_wall, system_random };
  PlLoop *loop = g_new0 (PlLoop, 1);

  loop->context = g_main_context_ref (context ? context : g_main_context_default ());
  loop->timers = pl_timers_new ();
  loop->env = pl_env_new (&funcs, NULL, NULL, loop->timers);
  loop->source = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_callback (loop->source, on_ready, loop, NULL);
  g_source_set_ready_time (loop->source, -1);
  g_source_attach (loop->source, loop->context);
  pl_timers_set_notify (loop->timers, arm_source, loop);
  return loop;
}

void
pl_loop_free (PlLoop *loop)
{
  if (!loop)
    return;
  pl_timers_set_notify (loop->timers, NULL, NULL);
  g_source_destroy (loop->source);
  g_source_unref (loop->source);
  pl_env_free (loop->env);
  pl_timers_free (loop->timers);
  g_main_context_unref (loop->context);
  g_free (loop);
}

void
pl_loop_set_late (PlLoop *loop, gint64 limit, void (*func) (gpointer data), gpointer data)
{
  loop->late_limit = limit;
  loop->late = func;
  loop->late_data = data;
}

PlEnv *
pl_loop_env (PlLoop *loop)
{
  return loop->env;
}

GMainContext *
pl_loop_context (PlLoop *loop)
{
  return loop->context;
}
