/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A PlEnv over the system: the monotonic clock that counts sleep, the wall clock, getrandom(2), and
 * timers driven by a GSource on `context`. Only the programs and tests of real sockets
 * make one.
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

typedef struct PlLoop PlLoop;

/* `context` may be NULL for the default one. */
PlLoop *pl_loop_new (GMainContext *context);
/* Frees env and timers with it. */
void pl_loop_free (PlLoop *loop);
/* Microseconds this machine has slept since it was started. */
gint64 pl_loop_asleep (void);
/* `func` (NULL: none) runs after timers of which one was later than `limit`: this process or its machine
 * stood still. */
void pl_loop_set_late (PlLoop *loop, gint64 limit, void (*func) (gpointer data), gpointer data);
PlEnv *pl_loop_env (PlLoop *loop);
GMainContext *pl_loop_context (PlLoop *loop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlLoop, pl_loop_free)

G_END_DECLS
