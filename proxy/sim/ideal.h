/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Hops in an ideal Chord ring (RFC 6940 10.1-10.3) of the same peers: each knows its true
 * neighbours on either side and the true fingers, as many as ours have, and nobody else.
 */
#pragma once
#include "overlay/wire/id.h"

G_BEGIN_DECLS

typedef struct PlIdeal PlIdeal;

/* `ids`: GArray of PlNodeId, ascending; taken. */
PlIdeal *pl_ideal_new (GArray *ids);
void pl_ideal_free (PlIdeal *ideal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlIdeal, pl_ideal_free)
/* From a peer of the ring to the peer responsible for the place; 0: it is itself. */
guint pl_ideal_hops (PlIdeal *ideal, const PlNodeId *from, const PlNodeId *place);

G_END_DECLS
