/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How often somebody may do something: so many at once, which come back evenly over a time.
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

/* `count` in each `per` microseconds; 0: as often as they like. */
typedef struct { guint count; gint64 per; } PlRate;

/* `mark` is one's memory, 0 at the start. FALSE: not now, and nothing is counted. */
gboolean pl_rate_take (const PlRate *rate, gint64 *mark, gint64 now);

/* The marks of many, by a key of up to PL_RATES_KEY_MAX bytes. */
typedef struct PlRates PlRates;
#define PL_RATES_KEY_MAX 16
#define PL_RATES_MAX 4096 /* keys; when all are busy, newcomers share one mark */

/* `env` is borrowed. */
PlRates *pl_rates_new (PlEnv *env, const PlRate *rate);
void pl_rates_free (PlRates *rates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlRates, pl_rates_free)
gboolean pl_rates_take (PlRates *rates, gconstpointer key, gsize len);

G_END_DECLS
