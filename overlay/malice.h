/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Peers of the virtual network that lie: whole nodes, each with one behaviour swapped. All else they
 * do as any peer does, and they know each other. Their own requests they send honestly.
 *
 *   drop   forwards no request of others, nor any answer about data or the way, and gives none of its
 *          own. It answers Pings, Updates and Attaches, so that everybody keeps it.
 *   deny   claims each place whose Fetch, Store, Find or Stat reaches it: says "stored" and forgets,
 *          says "not found". As the responsible peer too, and as one that holds copies.
 *   route  sends on what it should forward (all but Attach) to the member of the gang nearest to the
 *          place, which claims it and forgets; names members in RouteQuery answers and in its Updates.
 */
#pragma once
#include "overlay/node.h"
#include "overlay/sim/vnet.h"

G_BEGIN_DECLS

typedef enum { PL_MALICE_NONE, PL_MALICE_DROP, PL_MALICE_DENY, PL_MALICE_ROUTE } PlMalice;
typedef struct PlGang PlGang;

/* Those of one network, which outlives the gang (pl_vnet_set_gang is the gang's). */
PlGang *pl_gang_new (PlVNet *net);
/* Members that live on are honest. */
void pl_gang_free (PlGang *gang);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlGang, pl_gang_free)

/* From now on, until the node is freed. A member can change its ways; NONE: it is honest again. */
void pl_gang_turn (PlGang *gang, PlNode *node, PlMalice how);
gboolean pl_gang_has (PlGang *gang, const PlNodeId *id);
/* Records held back, places claimed and messages sent astray so far. */
guint64 pl_gang_deeds (PlGang *gang);

/* "drop", "deny", "route"; NONE for anything else. */
PlMalice pl_malice_parse (const char *word);

G_END_DECLS
