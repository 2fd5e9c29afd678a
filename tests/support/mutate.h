/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Damages bytes in the ways a wire or a liar does, for tests of parsers.
 */
#pragma once
#include <glib.h>

/* Called with each damaged copy (borrowed). */
typedef void (*PlMutateFunc) (GBytes *bytes, gpointer data);

/* Every proper prefix, the empty one too. */
void pl_mutate_truncations (GBytes *bytes, PlMutateFunc func, gpointer data);
/* Every single bit flipped when there are at most `all_below` bytes, else `n` bits chosen by `seed`. */
void pl_mutate_flips (GBytes *bytes, gsize all_below, guint n, guint32 seed, PlMutateFunc func, gpointer data);
/* `n` copies with one to four bytes in a row set to 0x00, 0x7f, 0x80 or 0xff, as a lying length is. */
void pl_mutate_lies (GBytes *bytes, guint n, guint32 seed, PlMutateFunc func, gpointer data);
