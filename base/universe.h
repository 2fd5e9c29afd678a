/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Virtual time and a seeded random source. One PlUniverse drives any number of envs.
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

typedef struct PlUniverse PlUniverse;

/* The virtual clock starts at 1 s, the wall clock at 2026-01-01T00:00:00Z. */
PlUniverse *pl_universe_new (guint64 seed);
void pl_universe_free (PlUniverse *universe);
/* An env of this universe, owned by it: same clock and timers, own random stream. */
PlEnv *pl_universe_env (PlUniverse *universe);
PlTimers *pl_universe_timers (PlUniverse *universe);
gint64 pl_universe_now (PlUniverse *universe);
/* Timers run so far. */
guint64 pl_universe_events (PlUniverse *universe);
/* Moves the wall clock only (a step). */
void pl_universe_step_wall (PlUniverse *universe, gint64 usec);
/* Runs timers in order until `usec` of virtual time have passed. */
void pl_universe_run (PlUniverse *universe, gint64 usec);
/* Runs until `done (data)` is TRUE or `usec` have passed; returns what `done` said last. */
gboolean pl_universe_run_until (PlUniverse *universe, gboolean (*done) (gpointer data), gpointer data, gint64 usec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlUniverse, pl_universe_free)

G_END_DECLS
