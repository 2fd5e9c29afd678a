/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where in the overlay an address-of-record lives. The canonical form itself is base/aor.h.
 */
#pragma once
#include "base/aor.h"
#include "overlay/wire/id.h"

G_BEGIN_DECLS

/* hash(AoR), the Resource-ID of the registration. */
void pl_aor_resource (const char *canonical, PlResourceId *resource);

/* Place `i` of the registration: hash(AoR) for 0, hash(AoR || 0x00 || i) for its copies
 * (doc/PROTOCOL). */
void pl_aor_place (const char *canonical, guint8 i, PlResourceId *resource);

G_END_DECLS
