/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * List compression (RFC 6940 6.1.2, 6.1.3): Via Lists that this node keeps for a while, each
 * in place of an opaque ID that travels instead. The ID has 8 bytes, a slot and the slot's
 * generation; generations begin at random and go on with each use, and an ID is believed only
 * with both of them right and in a message of the same transaction (6.3.2.2). An engine.
 */
#pragma once
#include "base/env.h"
#include "overlay/wire/destination.h"

G_BEGIN_DECLS

#define PL_SAVED_BYTES_MAX (1024 * 1024) /* of all lists, as on the wire */

typedef struct PlSaved PlSaved;

/* At most `max` lists, each for `life` microseconds. */
PlSaved *pl_saved_new (PlEnv *env, guint max, gint64 life);
void pl_saved_free (PlSaved *saved);

/* Keeps a copy of `list`. FALSE when there is no room: send the list itself. */
gboolean pl_saved_put (PlSaved *saved, guint64 transaction_id, GArray *list, PlDestination *opaque);
/* The list that `opaque` stands for, the caller's; NULL: not ours, over, or of another
 * transaction. It can be asked for again: answers come in fragments and repeatedly. */
GArray *pl_saved_dup (PlSaved *saved, guint64 transaction_id, const PlDestination *opaque);
guint pl_saved_size (PlSaved *saved);

G_END_DECLS
