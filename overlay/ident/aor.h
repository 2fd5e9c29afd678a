/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The canonical address-of-record, the form that is certified, hashed and compared: no
 * scheme, port or parameters, escapes decoded, all ASCII lower case, domain as A-labels.
 */
#pragma once
#include "overlay/wire/id.h"

G_BEGIN_DECLS

#define PL_AOR_MAX 320

/* Takes "alice@Example.ORG", "sip:Alice%40x@..;transport=udp", "sips:..." and returns the
 * canonical form, or NULL when it has no user or no domain, holds a control character or
 * NUL, or is too long. Caller frees. */
char *pl_aor_canonical (const char *text);
/* hash(AoR), the Resource-ID of the registration. */
void pl_aor_resource (const char *canonical, PlResourceId *resource);

G_END_DECLS
