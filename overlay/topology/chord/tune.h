/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Self-tuning Chord (RFC 7363): estimates of the overlay's size, of how fast peers join and leave,
 * and what follows from them. Pure functions and a history. Rates are peers a second, of the whole
 * overlay; times microseconds.
 */
#pragma once
#include "overlay/topology/chord/ring.h"

G_BEGIN_DECLS

/* Losses remembered: a quarter of the routing table (RFC 7363 6.3), within these bounds; fewer say
 * little, more say no more about now. */
#define PL_TUNE_HISTORY_MIN 4
#define PL_TUNE_HISTORY 16
/* Stabilisation at most so often: below, what it costs outweighs what it finds. */
#define PL_TUNE_INTERVAL_MIN ((gint64) 15 * G_USEC_PER_SEC)

typedef struct {
  double size;               /* peers, ourselves among them */
  double joins, leaves;
} PlTune;

/* From the distances between the first `breadth` peers of either side; exact while that is everybody. */
double pl_tune_size (const PlRing *ring, guint breadth);

/* When peers of the routing table were lost, and first when we joined. */
typedef struct {
  gint64 at[PL_TUNE_HISTORY + 1];
  guint n;
} PlTuneLosses;
/* The oldest goes when there are too many for `peers` in the table. */
void pl_tune_lost (PlTuneLosses *losses, guint peers, gint64 now);
/* k losses since `at[0]` among `peers` in the table, of a size; with fewer than are remembered as if
 * one were lost now. */
double pl_tune_leave_rate (const PlTuneLosses *losses, guint peers, double size, gint64 now);

/* From the ages (gint64, microseconds) of peers we know; sorts. */
double pl_tune_join_rate (GArray *ages, double size);

/* The 75th percentile of each value, of ours and those that others told (PlTune). Sorts nothing. */
PlTune pl_tune_merge (const GArray *values);

/* log2(N)^2 times before N join or N / 2 leave; at least PL_TUNE_INTERVAL_MIN, at most `max`. */
gint64 pl_tune_interval (const PlTune *tune, gint64 max);
/* Of the finger table: `min` or log2(N). */
guint pl_tune_fingers (const PlTune *tune, guint min, guint max);

G_END_DECLS
