/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sends a message to the best of several next hops and to the next best one when the link to
 * the first dies or does not acknowledge within a round-trip timeout (DESIGN.md, Overlay). The
 * message may arrive twice; its destination knows it by its transaction ID (6.2.1).
 */
#pragma once
#include "base/env.h"
#include "overlay/link/link.h"

G_BEGIN_DECLS

typedef struct PlDetour PlDetour;

typedef gboolean (*PlDetourSend) (gpointer user, const PlNodeId *hop, GBytes *message);
typedef PlLink *(*PlDetourLink) (gpointer user, const PlNodeId *hop);

PlDetour *pl_detour_new (PlEnv *env, guint max, PlDetourSend send, PlDetourLink link, gpointer user);
void pl_detour_free (PlDetour *detour);
/* Hops best first, all connected; the last may be ourselves, for which there is no link. FALSE
 * when none took it. */
gboolean pl_detour_send (PlDetour *detour, GBytes *message, const PlNodeId *hops, guint n);
/* The last link to this node is gone: what waits for it takes the next hop now. */
void pl_detour_lost (PlDetour *detour, const PlNodeId *hop);

G_END_DECLS
