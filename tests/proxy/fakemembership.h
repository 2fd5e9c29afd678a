/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A membership for what asks through one: a node of a world in virtual time, in place of one from disk.
 */
#pragma once
#include "proxy/membership.h"
#include "tests/support/world.h"

G_BEGIN_DECLS

#define PL_FAKE_OVERLAY "example.org"

/* Node `i` of `world`; `overlay` NULL: PL_FAKE_OVERLAY, and names of devices do not say it. */
struct PlMembership { PlWorld *world; guint i; char *hex; const char *overlay; };

typedef struct { PlFarLink base; PlAppLink *link; } PlFakeLink;

G_END_DECLS
