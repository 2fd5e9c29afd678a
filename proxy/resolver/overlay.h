/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Answers sip/resolver.h from the overlays: who serves an AoR and how to get a certified link
 * to a node, always through the memberships of the identity that asks: all of them look up at once, and the
 * first in the user's order that knows the name is believed (proxy/resolver/search.h). A link is made through
 * the one whose look-up found the node, as the node's name says. Where somebody was reached before is dialled while the look-up runs; what the look-up says counts.
 */
#pragma once
#include "proxy/membership.h"

G_BEGIN_DECLS

typedef struct PlOverlayResolver PlOverlayResolver;

/* `memberships`: GPtrArray of PlMembership in the order of the user, borrowed; may change while this lives. `people_path`: the
 * file of people called before (proxy/resolver/people.h). */
PlOverlayResolver *pl_overlay_resolver_new (PlEnv *env, GPtrArray *memberships, const char *people_path);
void pl_overlay_resolver_free (PlOverlayResolver *resolver);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlOverlayResolver, pl_overlay_resolver_free)
const PlResolver *pl_overlay_resolver_interface (PlOverlayResolver *resolver);
/* To be called before `membership` goes: what asks through it ends with an error. */
void pl_overlay_resolver_drop (PlOverlayResolver *resolver, PlMembership *membership);

G_END_DECLS
