/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/env.h"

struct PlTimer {
  PlTimers *timers;
  PlTimer **slot;
  PlTimerFunc func;
  gpointer data;
  guint at;                 /* place in the heap */
  guint32 age;              /* older ones are first; it wraps */
};

typedef struct {
  gint64 deadline;
  PlTimer *timer;
} Entry;

/* A heap, four children a node, with what is compared in it: with a million timers each look at
 * one of them would wait for memory. What is armed again, as most timers are, moves within it. */
struct PlTimers {
  Entry *heap;
  guint len, room;
  guint32 next_age;
  void (*notify) (gpointer data);
  gpointer notify_data;
};

#define CHILDREN 4
#define ROOM_MIN 16

struct PlEnv {
  PlEnvFuncs funcs;
  gpointer impl;
  GDestroyNotify destroy;
  PlTimers *timers;
};

static gboolean
is_sooner (const Entry *a, const Entry *b)
{
  return a->deadline != b->deadline ? a->deadline < b->deadline : (gint32) (a->timer->age - b->timer->age) < 0;
}

static void
heap_put (PlTimers *timers, guint at, const Entry *entry)
{
  timers->heap[at] = *entry;
  entry->timer->at = at;
}

/* A place at the end; by an eighth more when there is none. */
static guint
heap_add (PlTimers *timers)
{
  if (timers->len == timers->room)
    {
      timers->room += MAX (ROOM_MIN, timers->room / 8);
      timers->heap = g_renew (Entry, timers->heap, timers->room);
    }
  return timers->len++;
}

static guint
first_child (PlTimers *timers, guint at)
{
  guint best = CHILDREN * at + 1, end = MIN (best + CHILDREN, timers->len);

  for (guint child = best + 1; child < end; child++)
    if (is_sooner (&timers->heap[child], &timers->heap[best]))
      best = child;
  return best;
}

/* Brings `entry` from the free place `at` to where it belongs. */
static void
heap_settle (PlTimers *timers, guint at, Entry entry)
{
  guint next;

  for (; at > 0 && is_sooner (&entry, &timers->heap[next = (at - 1) / CHILDREN]); at = next)
    heap_put (timers, at, &timers->heap[next]);
  for (; (next = first_child (timers, at)) < timers->len && is_sooner (&timers->heap[next], &entry); at = next)
    heap_put (timers, at, &timers->heap[next]);
  heap_put (timers, at, &entry);
}

static const Entry *
timers_first (PlTimers *timers)
{
  return timers->len ? timers->heap : NULL;
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
  return g_new0 (PlTimers, 1);
}

void
pl_timers_free (PlTimers *timers)
{
  const Entry *first;

  if (!timers)
    return;
  timers->notify = NULL;
  while ((first = timers_first (timers)))
    pl_timer_clear (first->timer->slot);
  g_free (timers->heap);
  g_free (timers);
}

gint64
pl_timers_next (PlTimers *timers)
{
  const Entry *first = timers_first (timers);

  return first ? first->deadline : -1;
}

guint
pl_timers_dispatch (PlTimers *timers, gint64 now)
{
  const Entry *first;
  guint n = 0;

  while ((first = timers_first (timers)) && first->deadline <= now)
    {
      PlTimerFunc func = first->timer->func;
      gpointer data = first->timer->data;

      pl_timer_clear (first->timer->slot);
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
      timer->at = heap_add (timers);
      *slot = timer;
    }
  timer->func = func;
  timer->data = data;
  timer->age = timers->next_age++;
  heap_settle (timers, timer->at, (Entry) { pl_env_now (env) + MAX (delay, 0), timer });
  if (timer->at == 0)
    timers_changed (timers);
}

void
pl_timer_clear (PlTimer **slot)
{
  PlTimer *timer = *slot;
  PlTimers *timers;
  Entry last;

  if (!timer)
    return;
  timers = timer->timers;
  *slot = NULL;
  last = timers->heap[--timers->len];
  if (last.timer != timer)
    heap_settle (timers, timer->at, last);
  g_free (timer);
}
