/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/rate.h"

#include <string.h>

typedef struct {
  guint8 key[PL_RATES_KEY_MAX + 1]; /* the last byte is its length */
  gint64 mark;
} Mark;

struct PlRates {
  PlEnv *env;
  PlRate rate;
  GHashTable *marks; /* set of Mark; NULL when nobody came of late */
  PlTimer *tidy;
  gint64 others;
};

gboolean
pl_rate_take (const PlRate *rate, gint64 *mark, gint64 now)
{
  gint64 every, from;

  if (rate->count == 0)
    return TRUE;
  every = rate->per / rate->count;
  from = MAX (*mark, now);
  if (from - now > (gint64) (rate->count - 1) * every)
    return FALSE;
  *mark = from + every;
  return TRUE;
}

static guint
mark_hash (gconstpointer p)
{
  guint hash = 5381;

  for (guint i = 0; i <= PL_RATES_KEY_MAX; i++)
    hash = hash * 33 + ((const Mark *) p)->key[i];
  return hash;
}

static gboolean
mark_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (((const Mark *) a)->key, ((const Mark *) b)->key, sizeof ((const Mark *) a)->key) == 0;
}

PlRates *
pl_rates_new (PlEnv *env, const PlRate *rate)
{
  PlRates *rates = g_new0 (PlRates, 1);

  rates->env = env;
  rates->rate = *rate;
  return rates;
}

void
pl_rates_free (PlRates *rates)
{
  if (!rates)
    return;
  pl_timer_clear (&rates->tidy);
  g_clear_pointer (&rates->marks, g_hash_table_unref);
  g_free (rates);
}

/* Who has all of theirs back is like one who never came. */
static gboolean
is_rested (gpointer key, gpointer value, gpointer data)
{
  (void) value;
  return ((Mark *) key)->mark <= *(gint64 *) data;
}

static void
tidy (gpointer data)
{
  PlRates *rates = data;
  gint64 now = pl_env_now (rates->env);

  g_hash_table_foreach_remove (rates->marks, is_rested, &now);
  if (g_hash_table_size (rates->marks) > 0)
    pl_env_arm (rates->env, &rates->tidy, rates->rate.per, tidy, rates);
  else
    g_clear_pointer (&rates->marks, g_hash_table_unref);
}

static Mark *
mark_add (PlRates *rates, const Mark *wanted)
{
  Mark *mark = g_memdup2 (wanted, sizeof *wanted);

  g_hash_table_add (rates->marks, mark);
  if (!rates->tidy)
    pl_env_arm (rates->env, &rates->tidy, rates->rate.per, tidy, rates);
  return mark;
}

gboolean
pl_rates_take (PlRates *rates, gconstpointer key, gsize len)
{
  gint64 now = pl_env_now (rates->env);
  Mark wanted = { 0 }, *mark;

  g_return_val_if_fail (len <= PL_RATES_KEY_MAX, FALSE);
  memcpy (wanted.key, key, len);
  wanted.key[PL_RATES_KEY_MAX] = (guint8) len;
  if (!rates->marks)
    rates->marks = g_hash_table_new_full (mark_hash, mark_equal, g_free, NULL);
  mark = g_hash_table_lookup (rates->marks, &wanted);
  if (!mark && g_hash_table_size (rates->marks) >= PL_RATES_MAX)
    g_hash_table_foreach_remove (rates->marks, is_rested, &now);
  if (!mark && g_hash_table_size (rates->marks) >= PL_RATES_MAX)
    return pl_rate_take (&rates->rate, &rates->others, now);
  if (!mark)
    mark = mark_add (rates, &wanted);
  return pl_rate_take (&rates->rate, &mark->mark, now);
}
