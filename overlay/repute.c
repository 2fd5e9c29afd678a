/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/repute.h"

#include <math.h>

typedef struct {
  PlNodeId id;
  double good, bad;          /* as of `at` */
  gint64 at;
  PlResourceId places[PL_REPUTE_SHUN_PLACES]; /* that it was blamed for */
  guint n_places;            /* proven lies count as one each */
  guint n_kept;
  gboolean shunned;
  guint counts[PL_VERDICTS];
} Peer;

struct PlRepute {
  PlEnv *env;
  GHashTable *peers;         /* &id -> Peer */
  guint shunned;
};

PlRepute *
pl_repute_new (PlEnv *env)
{
  PlRepute *repute = g_new0 (PlRepute, 1);

  repute->env = env;
  repute->peers = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, NULL, g_free);
  return repute;
}

void
pl_repute_free (PlRepute *repute)
{
  if (!repute)
    return;
  g_hash_table_unref (repute->peers);
  g_free (repute);
}

static void
forgive (PlRepute *repute, Peer *peer)
{
  repute->shunned -= peer->shunned;
  peer->shunned = FALSE;
  peer->n_places = peer->n_kept = 0;
}

static void
fade (PlRepute *repute, Peer *peer)
{
  gint64 now = pl_env_now (repute->env);
  double left = exp2 (-(double) (now - peer->at) / PL_REPUTE_HALF_LIFE);

  peer->good *= left;
  peer->bad *= left;
  peer->at = now;
  if (peer->shunned && peer->bad < PL_REPUTE_FORGIVE_AT)
    forgive (repute, peer);
}

static void
make_room (PlRepute *repute)
{
  GHashTableIter iter;
  gpointer value;
  Peer *least = NULL;

  if (g_hash_table_size (repute->peers) < PL_REPUTE_PEERS_MAX)
    return;
  g_hash_table_iter_init (&iter, repute->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Peer *peer = value;

      fade (repute, peer);
      if (!least || peer->bad < least->bad)
        least = peer;
    }
  forgive (repute, least);
  g_hash_table_remove (repute->peers, &least->id);
}

static Peer *
get (PlRepute *repute, const PlNodeId *id)
{
  Peer *peer = g_hash_table_lookup (repute->peers, id);

  if (peer)
    {
      fade (repute, peer);
      return peer;
    }
  make_room (repute);
  peer = g_new0 (Peer, 1);
  peer->id = *id;
  peer->at = pl_env_now (repute->env);
  g_hash_table_insert (repute->peers, &peer->id, peer);
  return peer;
}

/* FALSE: it was blamed for this place already. */
static gboolean
note_place (Peer *peer, const PlResourceId *place)
{
  for (guint i = 0; i < peer->n_kept; i++)
    if (pl_resource_id_equal (&peer->places[i], place))
      return FALSE;
  if (peer->n_kept < PL_REPUTE_SHUN_PLACES)
    peer->places[peer->n_kept++] = *place;
  peer->n_places++;
  return TRUE;
}

gboolean
pl_repute_note (PlRepute *repute, const PlNodeId *id, PlVerdict verdict, const PlResourceId *place)
{
  Peer *peer = get (repute, id);
  gboolean before = peer->shunned;

  peer->counts[verdict]++;
  if (verdict == PL_VERDICT_GOOD)
    peer->good++;
  else if (verdict == PL_VERDICT_PROVEN)
    {
      peer->bad += PL_REPUTE_PROVEN_WEIGHT;
      peer->n_places++;
    }
  else if (note_place (peer, place))
    peer->bad++;
  if (!before && peer->bad >= PL_REPUTE_SHUN_AT && peer->bad >= PL_REPUTE_SHUN_RATIO * peer->good
      && peer->n_places >= PL_REPUTE_SHUN_PLACES && repute->shunned < PL_REPUTE_SHUNNED_MAX)
    {
      peer->shunned = TRUE;
      repute->shunned++;
    }
  else if (before && peer->bad < PL_REPUTE_SHUN_RATIO / 2 * peer->good)
    forgive (repute, peer);
  return peer->shunned && !before;
}

gboolean
pl_repute_shuns (PlRepute *repute, const PlNodeId *id)
{
  Peer *peer = repute->shunned ? g_hash_table_lookup (repute->peers, id) : NULL;

  if (!peer || !peer->shunned)
    return FALSE;
  fade (repute, peer);
  return peer->shunned;
}

gboolean
pl_repute_counts (PlRepute *repute, const PlNodeId *id, guint counts[PL_VERDICTS])
{
  const Peer *peer = g_hash_table_lookup (repute->peers, id);
  guint blamed = 0;

  for (guint i = 0; i < PL_VERDICTS; i++)
    {
      counts[i] = peer ? peer->counts[i] : 0;
      blamed += i == PL_VERDICT_GOOD ? 0 : counts[i];
    }
  return blamed > 0;
}

GArray *
pl_repute_dup_blamed (PlRepute *repute)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  guint counts[PL_VERDICTS];
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, repute->peers);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (pl_repute_counts (repute, key, counts))
      g_array_append_vals (ids, key, 1);
  return ids;
}
