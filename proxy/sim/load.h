/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Look-ups by anybody of anybody, and what becomes of them; the traffic of every peer; what
 * silent peers keep to themselves.
 */
#pragma once
#include "proxy/sim/swarm.h"

G_BEGIN_DECLS

typedef struct PlLoad PlLoad;

/* Watches the swarm's network from now on; goes before the swarm. */
PlLoad *pl_load_new (PlSwarm *swarm, const PlSimOptions *options, PlSimResult *result);
void pl_load_free (PlLoad *load);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlLoad, pl_load_free)

/* `n` look-ups, evenly over `usec`. */
void pl_load_start (PlLoad *load, guint n, gint64 usec);
/* Traffic counts from here on, */
void pl_load_count_traffic (PlLoad *load);
/* and until here, in the result. */
void pl_load_report_traffic (PlLoad *load);
/* Those of the next 10 s count for result->event as well. */
void pl_load_mark_event (PlLoad *load);
/* While TRUE only owners of the same half are looked up. */
void pl_load_set_halves (PlLoad *load, gboolean halves);
/* Every owner once, from somebody, over `usec`: result->owners and owners_found. */
void pl_load_sweep (PlLoad *load, gint64 usec);

G_END_DECLS
