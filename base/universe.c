/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/universe.h"

#define START_WALL (G_GINT64_CONSTANT (1767225600) * PL_USEC_PER_SEC)

struct PlUniverse {
  PlTimers *timers;
  GPtrArray *envs;
  gint64 now;
  gint64 wall_offset;
  guint64 seed, events;
};

typedef struct {
  PlUniverse *universe;
  guint64 state;
} VirtualImpl;

static gint64
virtual_now (gpointer impl)
{
  return ((VirtualImpl *) impl)->universe->now;
}

static gint64
virtual_wall (gpointer impl)
{
  PlUniverse *universe = ((VirtualImpl *) impl)->universe;

  return universe->now + universe->wall_offset;
}

/* splitmix64: small, seeded, good enough where nothing has to be secret. */
static guint64
next_random (guint64 *state)
{
  guint64 z = (*state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static void
virtual_random (gpointer impl, void *buf, gsize len)
{
  guint8 *p = buf;

  for (gsize i = 0; i < len; i++)
    p[i] = next_random (&((VirtualImpl *) impl)->state) >> 32;
}

PlUniverse *
pl_universe_new (guint64 seed)
{
  PlUniverse *universe = g_new0 (PlUniverse, 1);

  universe->timers = pl_timers_new ();
  universe->envs = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_env_free);
  universe->now = PL_USEC_PER_SEC;
  universe->wall_offset = START_WALL - universe->now;
  universe->seed = seed;
  return universe;
}

void
pl_universe_free (PlUniverse *universe)
{
  if (!universe)
    return;
  g_ptr_array_unref (universe->envs);
  pl_timers_free (universe->timers);
  g_free (universe);
}

PlEnv *
pl_universe_env (PlUniverse *universe)
{
  static const PlEnvFuncs funcs = { virtual_now, virtual_wall, virtual_random };
  VirtualImpl *impl = g_new0 (VirtualImpl, 1);
  PlEnv *env;

  impl->universe = universe;
  impl->state = next_random (&universe->seed);
  env = pl_env_new (&funcs, impl, g_free, universe->timers);
  g_ptr_array_add (universe->envs, env);
  return env;
}

PlTimers *
pl_universe_timers (PlUniverse *universe)
{
  return universe->timers;
}

gint64
pl_universe_now (PlUniverse *universe)
{
  return universe->now;
}

guint64
pl_universe_events (PlUniverse *universe)
{
  return universe->events;
}

void
pl_universe_step_wall (PlUniverse *universe, gint64 usec)
{
  universe->wall_offset += usec;
}

gboolean
pl_universe_run_until (PlUniverse *universe, gboolean (*done) (gpointer data), gpointer data, gint64 usec)
{
  gint64 end = universe->now + usec;

  for (;;)
    {
      gint64 next = pl_timers_next (universe->timers);

      if (done && done (data))
        return TRUE;
      if (next < 0 || next > end)
        break;
      universe->now = MAX (universe->now, next);
      universe->events += pl_timers_dispatch (universe->timers, universe->now);
    }
  universe->now = end;
  return done ? done (data) : FALSE;
}

void
pl_universe_run (PlUniverse *universe, gint64 usec)
{
  pl_universe_run_until (universe, NULL, NULL, usec);
}
