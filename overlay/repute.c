/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/repute.h"

#include <math.h>

/* Most peers never have it. */
typedef struct {
  PlNodeId places[PL_REPUTE_SHUN_PLACES];
  guint n_places;            /* proven lies count as one each */
  guint n_kept;
  guint counts[PL_VERDICTS];
} Blame;

typedef struct {
  PlNodeId id;               /* first: the table's key */
  float good, bad;           /* as of `at` */
  gint64 at;
  Blame *blame;              /* NULL: never blamed */
  gboolean shunned;
} Peer;

struct PlRepute {
  PlEnv *env;
  GHashTable *peers;         /* set of Peer */
  guint shunned, blamed;     /* of these */
};

static void
peer_free (gpointer data)
{
  Peer *peer = data;

  g_free (peer->blame);
  g_free (peer);
}

PlRepute *
pl_repute_new (PlEnv *env)
{
  PlRepute *repute = g_new0 (PlRepute, 1);

  repute->env = env;
  repute->peers = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, peer_free, NULL);
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
  peer->blame->n_places = peer->blame->n_kept = 0;
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

/* Of those blamed the one with the least blame gives way, of the others the one not heard of for longest. */
static void
make_room (PlRepute *repute, gboolean blamed)
{
  guint n = blamed ? repute->blamed : g_hash_table_size (repute->peers) - repute->blamed;
  GHashTableIter iter;
  gpointer key;
  Peer *least = NULL;

  if (n < (blamed ? PL_REPUTE_PEERS_MAX : PL_REPUTE_PRAISED_MAX))
    return;
  g_hash_table_iter_init (&iter, repute->peers);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      Peer *peer = key;

      if ((peer->blame != NULL) != blamed)
        continue;
      if (blamed)
        fade (repute, peer);
      if (!least || (blamed ? peer->bad < least->bad : peer->at < least->at))
        least = peer;
    }
  repute->shunned -= least->shunned;
  repute->blamed -= blamed;
  g_hash_table_remove (repute->peers, least);
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
  make_room (repute, FALSE);
  peer = g_new0 (Peer, 1);
  peer->id = *id;
  peer->at = pl_env_now (repute->env);
  g_hash_table_add (repute->peers, peer);
  return peer;
}

/* FALSE: it was blamed for this place already. */
static gboolean
note_place (Blame *blame, const PlResourceId *resource)
{
  PlNodeId place = { 0 };

  (void) pl_resource_id_to_node_id (resource, &place);
  for (guint i = 0; i < blame->n_kept; i++)
    if (pl_node_id_equal (&blame->places[i], &place))
      return FALSE;
  if (blame->n_kept < PL_REPUTE_SHUN_PLACES)
    blame->places[blame->n_kept++] = place;
  blame->n_places++;
  return TRUE;
}

static void
note_blame (PlRepute *repute, Peer *peer, PlVerdict verdict, const PlResourceId *place)
{
  if (!peer->blame)
    {
      make_room (repute, TRUE);
      peer->blame = g_new0 (Blame, 1);
      repute->blamed++;
    }
  peer->blame->counts[verdict]++;
  if (verdict == PL_VERDICT_PROVEN)
    {
      peer->bad += PL_REPUTE_PROVEN_WEIGHT;
      peer->blame->n_places++;
    }
  else if (note_place (peer->blame, place))
    peer->bad++;
}

gboolean
pl_repute_note (PlRepute *repute, const PlNodeId *id, PlVerdict verdict, const PlResourceId *place)
{
  Peer *peer = get (repute, id);
  gboolean before = peer->shunned;

  if (verdict == PL_VERDICT_GOOD)
    peer->good++;
  else
    note_blame (repute, peer, verdict, place);
  if (!before && peer->blame && peer->bad >= PL_REPUTE_SHUN_AT && peer->bad >= PL_REPUTE_SHUN_RATIO * peer->good
      && peer->blame->n_places >= PL_REPUTE_SHUN_PLACES && repute->shunned < PL_REPUTE_SHUNNED_MAX)
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
  for (guint i = 0; i < PL_VERDICTS; i++)
    counts[i] = peer && peer->blame ? peer->blame->counts[i] : 0;
  return peer && peer->blame;
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
