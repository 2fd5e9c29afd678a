/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/tune.h"

#include <math.h>
#include <string.h>

#define PERCENTILE 75
#define AGE_MIN G_USEC_PER_SEC   /* uptimes are told in seconds */
#define ID_BITS 128

static double
as_double (const PlNodeId *distance)
{
  double value = 0;

  for (guint i = 0; i < PL_NODE_ID_LEN; i++)
    value = value * 256 + distance->b[i];
  return value;
}

double
pl_tune_size (const PlRing *ring, guint breadth)
{
  const PlNodeId *first = pl_ring_predecessor (ring, breadth - 1);
  const PlNodeId *last = pl_ring_successor (ring, breadth - 1);
  PlNodeId span;

  if (pl_ring_size (ring) <= 2 * breadth)
    return pl_ring_size (ring) + 1;
  span = pl_node_id_sub (last, first);
  return MAX (ldexp (1, ID_BITS) / as_double (&span) * 2 * breadth, pl_ring_size (ring) + 1);
}

static guint
remembered (guint peers)
{
  return CLAMP (peers / 4, PL_TUNE_HISTORY_MIN, PL_TUNE_HISTORY);
}

void
pl_tune_lost (PlTuneLosses *losses, guint peers, gint64 now)
{
  guint keep = remembered (peers), drop = losses->n > keep ? losses->n - keep : 0;

  losses->n -= drop;
  memmove (&losses->at[0], &losses->at[drop], losses->n * sizeof losses->at[0]);
  losses->at[losses->n++] = now;
}

double
pl_tune_leave_rate (const PlTuneLosses *losses, guint peers, double size, gint64 now)
{
  guint k = losses->n ? losses->n - 1 : 0;
  gint64 until = now;

  if (losses->n == 0 || peers == 0)
    return 0;
  if (k < remembered (peers))
    k++;
  else
    until = losses->at[losses->n - 1];
  return size * k / (peers * MAX ((double) (until - losses->at[0]) / G_USEC_PER_SEC, 1));
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return x < y ? -1 : x > y;
}

double
pl_tune_join_rate (GArray *ages, double size)
{
  gint64 median;

  if (ages->len == 0)
    return 0;
  g_array_sort (ages, compare_times);
  median = MAX (g_array_index (ages, gint64, ages->len / 2), AGE_MIN);
  return size * G_USEC_PER_SEC / median;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static double
percentile (const GArray *values, gsize member)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < values->len; i++)
    g_array_append_vals (list, (const guint8 *) &g_array_index (values, PlTune, i) + member, 1);
  g_array_sort (list, compare_doubles);
  return list->len ? g_array_index (list, double, (list->len - 1) * PERCENTILE / 100) : 0;
}

PlTune
pl_tune_merge (const GArray *values)
{
  return (PlTune) {
    .size = MAX (percentile (values, G_STRUCT_OFFSET (PlTune, size)), 1),
    .joins = percentile (values, G_STRUCT_OFFSET (PlTune, joins)),
    .leaves = percentile (values, G_STRUCT_OFFSET (PlTune, leaves)),
  };
}

gint64
pl_tune_interval (const PlTune *tune, gint64 max)
{
  double rounds = log2 (MAX (tune->size, 2)) * log2 (MAX (tune->size, 2)), seconds = (double) max / G_USEC_PER_SEC;

  if (tune->leaves > 0)
    seconds = MIN (seconds, tune->size / 2 / tune->leaves / rounds);
  if (tune->joins > 0)
    seconds = MIN (seconds, tune->size / tune->joins / rounds);
  return MIN (MAX ((gint64) (seconds * G_USEC_PER_SEC), PL_TUNE_INTERVAL_MIN), max);
}

guint
pl_tune_fingers (const PlTune *tune, guint min, guint max)
{
  return CLAMP ((guint) ceil (log2 (MAX (tune->size, 1))), min, max);
}
