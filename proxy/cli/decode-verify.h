/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signatures for `peerline decode --trust`.
 */
#pragma once
#include "overlay/wire/message.h"
#include "overlay/wire/store.h"

G_BEGIN_DECLS

/* The roots in a PEM file; GPtrArray of GBytes (DER). Fails when there is none. */
GPtrArray *pl_decode_roots_load (const char *path, GError **error);

/* Checks the message's signature with a certificate that one of `roots` signed for `overlay`,
 * and with `store` (the body of a StoreReq, may be NULL) those of its values too. */
gboolean pl_decode_verify (const PlMessage *message, const PlStoreReq *store, GPtrArray *roots, const char *overlay,
                           GError **error);

G_END_DECLS
