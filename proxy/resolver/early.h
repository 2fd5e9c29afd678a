/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An application link that is dialled before anybody asked for it: to a node where somebody was
 * reached before, beside the look-up. It is handed over as if it had been dialled when asked
 * for, or dropped without a trace.
 */
#pragma once
#include "overlay/node.h"

G_BEGIN_DECLS

typedef struct PlEarly PlEarly;

/* Begins to dial; `node` outlives it. */
PlEarly *pl_early_new (PlEnv *env, PlNode *node, const PlNodeId *target);
/* Cancels it, or closes the link; no callback any more. */
void pl_early_free (PlEarly *early);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlEarly, pl_early_free)

const PlNodeId *pl_early_target (PlEarly *early);
/* It failed, or its link is closed already. */
gboolean pl_early_failed (PlEarly *early);
/* The link is up, and its far side certified as `aor` (canonical). */
gboolean pl_early_is_up (PlEarly *early, const char *aor);
/* Calls back once, as pl_node_app_connect does, and never before this returns; `early` may be freed
 * in the callback, and before it, which ends it. To be called once, not on a failed one. */
void pl_early_await (PlEarly *early, PlAppConnectFunc func, gpointer user);

G_END_DECLS
