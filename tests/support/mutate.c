/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/mutate.h"

#include <string.h>

void
pl_mutate_truncations (GBytes *bytes, PlMutateFunc func, gpointer data)
{
  gsize len;
  const guint8 *bits = g_bytes_get_data (bytes, &len);

  for (gsize i = 0; i < len; i++)
    {
      g_autoptr (GBytes) prefix = g_bytes_new (bits, i); /* a copy, so that ASan sees over-reads */

      func (prefix, data);
    }
}

static void
flip (GBytes *bytes, gsize bit, PlMutateFunc func, gpointer data)
{
  gsize len;
  const guint8 *bits = g_bytes_get_data (bytes, &len);
  guint8 *copy = g_memdup2 (bits, len);
  g_autoptr (GBytes) damaged = NULL;

  copy[bit / 8] ^= (guint8) (1u << bit % 8);
  damaged = g_bytes_new_take (copy, len);
  func (damaged, data);
}

void
pl_mutate_flips (GBytes *bytes, gsize all_below, guint n, guint32 seed, PlMutateFunc func, gpointer data)
{
  g_autoptr (GRand) chance = g_rand_new_with_seed (seed);
  gsize len = g_bytes_get_size (bytes);

  if (len <= all_below)
    for (gsize bit = 0; bit < 8 * len; bit++)
      flip (bytes, bit, func, data);
  else
    for (guint i = 0; i < n; i++)
      flip (bytes, (gsize) g_rand_int_range (chance, 0, (gint32) (8 * len)), func, data);
}

void
pl_mutate_lies (GBytes *bytes, guint n, guint32 seed, PlMutateFunc func, gpointer data)
{
  static const guint8 fills[] = { 0x00, 0x7f, 0x80, 0xff };
  g_autoptr (GRand) chance = g_rand_new_with_seed (seed);
  gsize len;
  const guint8 *bits = g_bytes_get_data (bytes, &len);

  for (guint i = 0; i < n && len > 0; i++)
    {
      guint8 *copy = g_memdup2 (bits, len);
      gsize at = (gsize) g_rand_int_range (chance, 0, (gint32) len);
      gsize most = (gsize) g_rand_int_range (chance, 1, 5);
      gsize size = MIN (most, len - at);
      g_autoptr (GBytes) damaged = NULL;

      memset (copy + at, fills[g_rand_int_range (chance, 0, G_N_ELEMENTS (fills))], size);
      damaged = g_bytes_new_take (copy, len);
      func (damaged, data);
    }
}
