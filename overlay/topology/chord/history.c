/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who came into the ring, how often: one that joins and leaves again and again has its data moved
 * each time, and everybody's neighbours change. It is kept out of the ring for a while, which is
 * longer each time, and is a client meanwhile (S2-43, S2-44).
 */
#include "config.h"

#include "base/log.h"
#include "base/rate.h"
#include "overlay/topology/chord/chord-priv.h"

#define HISTORY_MAX 512                          /* nodes */
#define REGAIN (120 * PL_USEC_PER_SEC)           /* an arrival is forgotten after so long */
#define BAR_FIRST (600 * PL_USEC_PER_SEC)
#define BAR_DOUBLINGS_MAX 4
#define REMEMBER (24 * 3600 * PL_USEC_PER_SEC)   /* since it was kept out last */

typedef struct {
  PlNodeId id;
  gint64 mark;          /* of PlRate */
  gint64 barred_until;
  guint bars;
} Past;

static gboolean
is_forgotten (gpointer key, gpointer value, gpointer data)
{
  const Past *past = key;
  gint64 now = *(gint64 *) data;

  (void) value;
  return past->mark <= now && (past->bars == 0 || past->barred_until + REMEMBER <= now);
}

/* Room is made of those who behave, best first; the rest is remembered. */
static gboolean
has_room (PlChord *chord, gint64 now)
{
  if (g_hash_table_size (chord->history) >= HISTORY_MAX)
    g_hash_table_foreach_remove (chord->history, is_forgotten, &now);
  return g_hash_table_size (chord->history) < HISTORY_MAX;
}

static Past *
past_of (PlChord *chord, const PlNodeId *id, gint64 now)
{
  Past *past;

  if (!chord->history)
    chord->history = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, g_free, NULL);
  past = g_hash_table_lookup (chord->history, id);
  if (past || !has_room (chord, now))
    return past;
  past = g_new0 (Past, 1);
  past->id = *id;
  g_hash_table_add (chord->history, past);
  return past;
}

void
pl_chord_history_tidy (PlChord *chord)
{
  gint64 now = pl_env_now (chord->config.env);

  if (!chord->history)
    return;
  g_hash_table_foreach_remove (chord->history, is_forgotten, &now);
  if (g_hash_table_size (chord->history) == 0)
    pl_chord_history_free (chord);
}

void
pl_chord_history_free (PlChord *chord)
{
  g_clear_pointer (&chord->history, g_hash_table_unref);
}

gboolean
pl_chord_history_came (PlChord *chord, const PlNodeId *id)
{
  gint64 now = pl_env_now (chord->config.env);
  PlRate rate = { chord->config.joins, chord->config.joins * REGAIN };
  Past *past = past_of (chord, id, now);

  if (!past) /* all those remembered are worse */
    return TRUE;
  if (past->barred_until > now)
    return FALSE;
  if (past->bars > 0 && past->barred_until + REMEMBER <= now)
    past->bars = 0;
  if (pl_rate_take (&rate, &past->mark, now))
    return TRUE;
  past->barred_until = now + (BAR_FIRST << MIN (past->bars, BAR_DOUBLINGS_MAX));
  past->bars++;
  pl_info ("chord", "a node that joins again and again is kept out of the ring for a while", NULL);
  return FALSE;
}
