/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Asks for one AoR in several overlays at once. They are asked together, and believed in the order of the
 * user: the first that knows the name decides, whatever the later ones say; one that never heard of it
 * leaves it to the next. What an overlay says is worth something in that overlay only: nodes come with the
 * membership they were found by, and are connected to through it.
 */
#pragma once
#include "proxy/membership.h"

G_BEGIN_DECLS

typedef struct PlSearch PlSearch;

/* What one overlay says; all borrowed. */
typedef struct {
  PlMembership *membership;  /* NULL: it has gone away */
  gboolean answered;
  gboolean final;            /* those behind it are not listened to */
  gboolean refused;          /* found, but with another key than the name has here */
  PlLookupResult result;
  GArray *nodes;             /* PlFoundNode */
  GPtrArray *aors;           /* char *: who was asked for and who that is redirected to */
  gint64 took;               /* microseconds */
} PlSearchPart;

typedef struct {
  /* An overlay has answered. May set result, nodes and final before they count; may be NULL. */
  void (*answered) (gpointer user, PlSearchPart *part);
  /* Once, never before pl_search_new returns; the search may be freed. `part` NULL: no overlay to ask. */
  void (*done) (gpointer user, const PlSearchPart *part);
} PlSearchFuncs;

/* Through those of `memberships` (PlMembership, in the user's order) whose AoR is `own`; NULL: all. */
PlSearch *pl_search_new (PlEnv *env, GPtrArray *memberships, const char *own, const char *aor,
                         const PlSearchFuncs *funcs, gpointer user);
/* No callback any more. */
void pl_search_free (PlSearch *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSearch, pl_search_free)
/* Before `membership` goes: it counts as one that did not answer. */
void pl_search_drop (PlSearch *search, PlMembership *membership);
/* PlSearchPart, in the order of the user. */
const GPtrArray *pl_search_parts (PlSearch *search);

G_END_DECLS
