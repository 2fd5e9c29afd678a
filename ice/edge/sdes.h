/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SRTP between the edge and a phone that has its keys in the SDP (RFC 4568): each side names the
 * key it sends with, and the suite of the phone's counts. The edge has a key of its own for
 * each suite, so that none is ever used under two.
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

typedef struct PlSdes PlSdes;

/* Takes its keys from `env`. */
PlSdes *pl_sdes_new (PlEnv *env);
void pl_sdes_free (PlSdes *sdes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSdes, pl_sdes_free)

/* "SUITE KEY", the key in base64, best first; NULL-terminated. Lent. */
const char *const *pl_sdes_offers (PlSdes *sdes);
/* What the phone has, in the same form; NULL: it sends in the clear. The same again changes
 * nothing. FALSE: not a suite or key we can use, and nothing has changed. */
gboolean pl_sdes_set_phone (PlSdes *sdes, const char *keys);
/* In place, as in srtp.h; nothing happens to the packets of a phone in the clear. */
gboolean pl_sdes_protect (PlSdes *sdes, guint8 *data, gsize *len);
gboolean pl_sdes_unprotect (PlSdes *sdes, guint8 *data, gsize *len);

G_END_DECLS
