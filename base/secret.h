/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bytes that are wiped when they go and that nothing prints.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

typedef struct PlSecret PlSecret;

PlSecret *pl_secret_new (const void *data, gsize len);
void pl_secret_free (PlSecret *secret);
/* Borrowed; `len` may be NULL. */
const guint8 *pl_secret_data (const PlSecret *secret, gsize *len);
/* Takes the same time wherever the two differ. */
gboolean pl_secret_equal (const PlSecret *a, const PlSecret *b);
/* Overwrites memory in a way the compiler keeps. */
void pl_wipe (void *data, gsize len);
/* The same for a text, which is freed; NULL does nothing. */
void pl_wipe_text (char *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSecret, pl_secret_free)

G_END_DECLS
