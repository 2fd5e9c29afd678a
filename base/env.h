/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The environment an engine lives in: clock, wall clock, random source and timers.
 * Engines take a PlEnv in their constructor and never ask the system for any of these
 * (no I/O in engines); the daemon makes one over GLib (base/loop.h), tests and the
 * simulator make them over virtual time (base/universe.h). Many envs may share
 * one PlTimers, so that a whole universe of nodes advances together.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_USEC_PER_MSEC ((gint64) 1000)
#define PL_USEC_PER_SEC ((gint64) 1000000)

typedef struct PlTimers PlTimers;
typedef struct PlTimer PlTimer;
typedef struct PlEnv PlEnv;
typedef void (*PlTimerFunc) (gpointer data);

/* --- timers: a queue ordered by deadline, then by age --- */

PlTimers *pl_timers_new (void);
/* Pending timers are dropped; their PlTimer pointers die with the queue. */
void pl_timers_free (PlTimers *timers);
/* Deadline of the first timer in monotonic microseconds, or -1 when there is none. */
gint64 pl_timers_next (PlTimers *timers);
/* Runs every timer due at `now`, also those added meanwhile that are due. Returns how many. */
guint pl_timers_dispatch (PlTimers *timers, gint64 now);
/* Calls `func` whenever the first deadline has changed (to re-arm a poll); may be NULL. */
void pl_timers_set_notify (PlTimers *timers, void (*func) (gpointer data), gpointer data);

/* --- env --- */

typedef struct {
  gint64 (*now) (gpointer impl);   /* monotonic, microseconds */
  gint64 (*wall) (gpointer impl);  /* since 1970, microseconds, UTC */
  void (*random) (gpointer impl, void *buf, gsize len); /* cryptographic in the daemon */
} PlEnvFuncs;

/* `timers` is borrowed and outlives the env. `destroy` may be NULL. */
PlEnv *pl_env_new (const PlEnvFuncs *funcs, gpointer impl, GDestroyNotify destroy, PlTimers *timers);
void pl_env_free (PlEnv *env);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTimers, pl_timers_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlEnv, pl_env_free)

gint64 pl_env_now (PlEnv *env);
gint64 pl_env_wall (PlEnv *env);
void pl_env_random (PlEnv *env, void *buf, gsize len);
guint64 pl_env_random64 (PlEnv *env);
/* Uniform in [0, bound); 0 when bound is 0. */
guint64 pl_env_random_below (PlEnv *env, guint64 bound);
PlTimers *pl_env_timers (PlEnv *env);

/* A one-shot timer `delay` microseconds from now (negative counts as 0). The owner keeps
 * the pointer in a field and clears it in dispose. When the timer fires, the queue first
 * sets *slot to NULL and then calls `func`, so a field never dangles. An earlier timer in
 * *slot is replaced. */
void pl_env_arm (PlEnv *env, PlTimer **slot, gint64 delay, PlTimerFunc func, gpointer data);
/* Cancels and sets *slot to NULL; nothing when it is NULL. */
void pl_timer_clear (PlTimer **slot);

G_END_DECLS
