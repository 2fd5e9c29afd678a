/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/env.h"

struct PlTimer {
  PlTimers *timers;
  PlTimer **slot;
  gint64 deadline;
  guint64 age;
  PlTimerFunc func;
  gpointer data;
  guint at;                 /* place in the heap */
};

/* A binary heap: what is armed again and again, as most timers are, moves within it and costs
 * no memory of its own. */
struct PlTimers {
  GPtrArray *heap;          /* PlTimer */
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

static gboolean
is_sooner (const PlTimer *a, const PlTimer *b)
{
  return a->deadline != b->deadline ? a->deadline < b->deadline : a->age < b->age;
}

static PlTimer *
heap_get (PlTimers *timers, guint at)
{
  return g_ptr_array_index (timers->heap, at);
}

static void
heap_put (PlTimers *timers, guint at, PlTimer *timer)
{
  timers->heap->pdata[at] = timer;
  timer->at = at;
}

/* Brings `timer` from the free place `at` to where it belongs. */
static void
heap_settle (PlTimers *timers, guint at, PlTimer *timer)
{
  for (; at > 0 && is_sooner (timer, heap_get (timers, (at - 1) / 2)); at = (at - 1) / 2)
    heap_put (timers, at, heap_get (timers, (at - 1) / 2));
  for (guint child; (child = 2 * at + 1) < timers->heap->len; at = child)
    {
      if (child + 1 < timers->heap->len && is_sooner (heap_get (timers, child + 1), heap_get (timers, child)))
        child++;
      if (!is_sooner (heap_get (timers, child), timer))
        break;
      heap_put (timers, at, heap_get (timers, child));
    }
  heap_put (timers, at, timer);
}

static PlTimer *
timers_first (PlTimers *timers)
{
  return timers->heap->len ? heap_get (timers, 0) : NULL;
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

  timers->heap = g_ptr_array_new ();
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
  g_ptr_array_unref (timers->heap);
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
  PlTimer *timer = *slot;

  if (!timer)
    {
      timer = g_new0 (PlTimer, 1);
      timer->timers = timers;
      timer->slot = slot;
      timer->at = timers->heap->len;
      g_ptr_array_add (timers->heap, timer);
      *slot = timer;
    }
  timer->deadline = pl_env_now (env) + MAX (delay, 0);
  timer->age = timers->next_age++;
  timer->func = func;
  timer->data = data;
  heap_settle (timers, timer->at, timer);
  if (timer->at == 0)
    timers_changed (timers);
}

void
pl_timer_clear (PlTimer **slot)
{
  PlTimer *timer = *slot, *last;
  PlTimers *timers;

  if (!timer)
    return;
  timers = timer->timers;
  *slot = NULL;
  last = g_ptr_array_steal_index_fast (timers->heap, timers->heap->len - 1);
  if (last != timer)
    heap_settle (timers, timer->at, last);
  g_free (timer);
}
