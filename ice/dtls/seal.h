/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Authenticated encryption of small pieces of our own (AES-256-GCM), for rooms that may not
 * include a cryptographic library. The caller makes a fresh random nonce for every seal.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_SEAL_KEY_LEN 32
#define PL_SEAL_NONCE_LEN 12
#define PL_SEAL_TAG_LEN 16 /* what a seal is longer than its content */

/* `ad` is authenticated only and may be NULL when ad_len is 0. Caller's; NULL when the
 * library fails. */
GBytes *pl_seal (const guint8 *key, const guint8 *nonce, const void *data, gsize len, const void *ad, gsize ad_len);
/* NULL when anything at all was changed, or the key is another. */
GBytes *pl_seal_open (const guint8 *key, const guint8 *nonce, const void *data, gsize len, const void *ad,
                      gsize ad_len);

G_END_DECLS
