/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What goes over the simulated network: sums by kind of message.
 */
#pragma once
#include "overlay/sim/glimpse.h"
#include "proxy/sim/sim.h"

G_BEGIN_DECLS

typedef struct PlTraffic PlTraffic;
PlTraffic *pl_traffic_new (void);
void pl_traffic_free (PlTraffic *traffic);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTraffic, pl_traffic_free)
/* `seen` NULL: not a message. */
void pl_traffic_add (PlTraffic *traffic, const PlGlimpse *seen, gsize bytes);
void pl_traffic_zero (PlTraffic *traffic);
/* A second of a peer, of so many of all of them together. */
void pl_traffic_report (const PlTraffic *traffic, double seconds, PlSimResult *result);

G_END_DECLS
