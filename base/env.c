/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/env.h"

struct PlTimer {
  PlTimers *timers;
  GSequenceIter *iter;
  PlTimer **slot;
  gint64 deadline;
  guint64 age;
  PlTimerFunc func;
  gpointer data;
};

struct PlTimers {
  GSequence *queue;
  guint64 next_age;
  void (*notify) (gpointer data);
  gpointer notify_data;
};

struct PlEnv {
  PlEnvFuncs funcs;
  gpointer impl;
  GDestroyNotify destroy;
  PlTimers *timers;
};

static int
timer_compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const PlTimer *x = a, *y = b;

  if (x->deadline != y->deadline)
    return x->deadline < y->deadline ? -1 : 1;
  return x->age < y->age ? -1 : x->age > y->age;
}

static PlTimer *
timers_first (PlTimers *timers)
{
  GSequenceIter *iter = g_sequence_get_begin_iter (timers->queue);

  return g_sequence_iter_is_end (iter) ? NULL : g_sequence_get (iter);
}

static void
timers_changed (PlTimers *timers)
{
  if (timers->notify)
    timers->notify (timers->notify_data);
}

PlTimers *
pl_timers_new (void)
{
  PlTimers *timers = g_new0 (PlTimers, 1);

  timers->queue = g_sequence_new (NULL);
  return timers;
}

void
pl_timers_free (PlTimers *timers)
{
  PlTimer *timer;

  if (!timers)
    return;
  timers->notify = NULL;
  while ((timer = timers_first (timers)))
    pl_timer_clear (timer->slot);
  g_sequence_free (timers->queue);
  g_free (timers);
}

gint64
pl_timers_next (PlTimers *timers)
{
  PlTimer *first = timers_first (timers);

  return first ? first->deadline : -1;
}

guint
pl_timers_dispatch (PlTimers *timers, gint64 now)
{
  PlTimer *timer;
  guint n = 0;

  while ((timer = timers_first (timers)) && timer->deadline <= now)
    {
      PlTimerFunc func = timer->func;
      gpointer data = timer->data;

      pl_timer_clear (timer->slot);
      func (data);
      n++;
    }
  return n;
}

void
pl_timers_set_notify (PlTimers *timers, void (*func) (gpointer data), gpointer data)
{
  timers->notify = func;
  timers->notify_data = data;
}

PlEnv *
pl_env_new (const PlEnvFuncs *funcs, gpointer impl, GDestroyNotify destroy, PlTimers *timers)
{
  PlEnv *env = g_new0 (PlEnv, 1);

  env->funcs = *funcs;
  env->impl = impl;
  env->destroy = destroy;
  env->timers = timers;
  return env;
}

void
pl_env_free (PlEnv *env)
{
  if (!env)
    return;
  if (env->destroy)
    env->destroy (env->impl);
  g_free (env);
}

gint64
pl_env_now (PlEnv *env)
{
  return env->funcs.now (env->impl);
}

gint64
pl_env_wall (PlEnv *env)
{
  return env->funcs.wall (env->impl);
}

void
pl_env_random (PlEnv *env, void *buf, gsize len)
{
  env->funcs.random (env->impl, buf, len);
}

guint64
pl_env_random64 (PlEnv *env)
{
  guint64 value;

  pl_env_random (env, &value, sizeof value);
  return value;
}

guint64
pl_env_random_below (PlEnv *env, guint64 bound)
{
  guint64 limit, value;

  if (bound == 0)
    return 0;
  limit = G_MAXUINT64 - G_MAXUINT64 % bound; /* so that no residue is favoured */
  do
    value = pl_env_random64 (env);
  while (value >= limit);
  return value % bound;
}

PlTimers *
pl_env_timers (PlEnv *env)
{
  return env->timers;
}

void
pl_env_arm (PlEnv *env, PlTimer **slot, gint64 delay, PlTimerFunc func, gpointer data)
{
  PlTimers *timers = env->timers;
  PlTimer *timer;

  pl_timer_clear (slot);
  timer = g_new0 (PlTimer, 1);
  timer->timers = timers;
  timer->slot = slot;
  timer->deadline = pl_env_now (env) + MAX (delay, 0);
  timer->age = timers->next_age++;
  timer->func = func;
  timer->data = data;
  *slot = timer;
  timer->iter = g_sequence_insert_sorted (timers->queue, timer, timer_compare, NULL);
  if (g_sequence_iter_is_begin (timer->iter))
    timers_changed (timers);
}

void
pl_timer_clear (PlTimer **slot)
{
  PlTimer *timer = *slot;

  if (!timer)
    return;
  *slot = NULL;
  g_sequence_remove (timer->iter);
  g_free (timer);
}
