/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * At which nodes people were reached before, on disk: a hint that lets a call begin to dial while
 * the look-up runs. Only what a certified link has proven is kept; a look-up overrules it.
 */
#pragma once
#include "overlay/node.h"

G_BEGIN_DECLS

typedef struct PlPeople PlPeople;

#define PL_PEOPLE_MAX 256       /* people with their nodes; the one not reached for longest goes */
#define PL_PEOPLE_NODES_MAX 4   /* of one */
#define PL_PEOPLE_AGE_MAX (30 * 24 * 3600) /* seconds since a node was reached */

/* `path` NULL: in memory only. A corrupt file is set aside as FILE.corrupt and logged. */
PlPeople *pl_people_new (PlEnv *env, const char *path);
/* Writes what changed. */
void pl_people_free (PlPeople *people);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlPeople, pl_people_free)

/* A link to `node` has shown a certificate of `aor` (canonical). */
void pl_people_reached (PlPeople *people, const char *overlay, const char *aor, const PlNodeId *node);
/* A look-up gave `nodes` (GArray of PlFoundNode, NULL: none): other ones are forgotten. */
void pl_people_looked_up (PlPeople *people, const char *overlay, const char *aor, const GArray *nodes);
/* Their nodes, the last reached first. Returns how many. */
guint pl_people_find (PlPeople *people, const char *overlay, const char *aor, PlNodeId nodes[PL_PEOPLE_NODES_MAX]);

G_END_DECLS
