/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"

/* The first hop of a request of ours, and what comes of it (doc/PROTOCOL, Look-ups among liars). */

#define WAYS_MAX 64  /* peers that a first hop is chosen from */

void
pl_node_ways_init (PlNode *node)
{
  node->repute = pl_repute_new (node->env);
}

void
pl_node_ways_free (PlNode *node)
{
  pl_timer_clear (&node->shun_timer);
  pl_repute_free (node->repute);
}

guint
pl_node_hops (PlNode *node, const PlNodeId *place, PlNodeId *hops, guint max)
{
  guint n = pl_topology_hops (node->topology, place, hops, max), kept = 0;
  PlNodeId shunned[WAYS_MAX];
  guint n_shunned = 0;

  for (guint i = 0; i < n; i++)
    if (n_shunned < WAYS_MAX && pl_repute_shuns (node->repute, &hops[i]))
      shunned[n_shunned++] = hops[i];
    else
      hops[kept++] = hops[i];
  for (guint i = 0; i < n_shunned; i++)
    hops[kept + i] = shunned[i];
  return n;
}

static gboolean
is_avoided (const PlUsageWay *way, const PlNodeId *id)
{
  for (guint i = 0; way->avoid && i < way->avoid->len; i++)
    if (pl_node_id_equal (&g_array_index (way->avoid, PlNodeId, i), id))
      return TRUE;
  return FALSE;
}

gboolean
pl_node_choose_first (PlNode *node, const PlResourceId *resource, const PlUsageWay *way, PlUsageTrail *trail)
{
  PlNodeId place, hops[WAYS_MAX], usual = { { 0 } };
  guint n, good = 0;

  if (!pl_resource_id_to_node_id (resource, &place) || pl_topology_responsible (node->topology, &place))
    return FALSE;
  n = pl_node_hops (node, &place, hops, WAYS_MAX);
  for (guint i = 0; i < n; i++)
    if (!pl_node_id_equal (&hops[i], &node->self) && pl_forward_connected (node->forward, &hops[i]))
      {
        if (!trail->has_first)
          usual = hops[i];
        trail->has_first = TRUE;
        if (!is_avoided (way, &hops[i]))
          hops[good++] = hops[i];
      }
  if (!trail->has_first)
    return FALSE;
  if (good == 0)
    trail->first = usual;
  else
    trail->first = hops[way->anywhere ? pl_env_random_below (node->env, good) : 0];
  if (way->avoid && !is_avoided (way, &trail->first))
    g_array_append_val (way->avoid, trail->first);
  return !pl_node_id_equal (&trail->first, &usual);
}

/* Nobody's word but our own experience closes a link; neighbours stay, since without them we would not
 * know what is ours. */
static void
drop_shunned (gpointer data)
{
  PlNode *node = data;
  g_autoptr (GArray) ids = pl_forward_dup_nodes (node->forward);

  for (guint i = 0; i < ids->len; i++)
    {
      const PlNodeId *id = &g_array_index (ids, PlNodeId, i);

      if (pl_repute_shuns (node->repute, id) && g_str_equal (pl_topology_role_of (node->topology, id), "finger"))
        pl_forward_disconnect (node->forward, id);
    }
}

static void
log_verdict (const PlNodeId *who, PlVerdict verdict, gboolean shunned)
{
  static const char *const names[PL_VERDICTS] = { "good", "silent", "denied", "old", "proven" };
  g_autofree char *hex = NULL;

  if (verdict == PL_VERDICT_GOOD || !pl_log_enabled (PL_LOG_INFO))
    return;
  hex = pl_node_id_dup_hex (who);
  pl_info ("node", shunned ? "a peer is shunned from now on" : "a peer was noticed", "peer", hex, "how", names[verdict], NULL);
}

void
pl_node_judge (gpointer impl, const PlNodeId *who, PlVerdict verdict, const PlResourceId *resource)
{
  PlNode *node = impl;
  gboolean shunned;

  if (pl_node_id_equal (who, &node->self))
    return;
  shunned = pl_repute_note (node->repute, who, verdict, resource);
  log_verdict (who, verdict, shunned);
  if (shunned) /* later: its link may have brought what we are at */
    pl_env_arm (node->env, &node->shun_timer, 0, drop_shunned, node);
}

GPtrArray *
pl_node_dup_noticed (PlNode *node)
{
  GPtrArray *peers = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_peer_info_free);
  g_autoptr (GArray) ids = pl_repute_dup_blamed (node->repute);

  for (guint i = 0; i < ids->len; i++)
    {
      const PlNodeId *id = &g_array_index (ids, PlNodeId, i);
      PlPeerInfo *info;

      if (pl_forward_connected (node->forward, id))
        continue;
      info = g_new0 (PlPeerInfo, 1);
      info->node = *id;
      info->role = "noticed";
      pl_repute_counts (node->repute, id, info->noticed);
      info->shunned = pl_repute_shuns (node->repute, id);
      g_ptr_array_add (peers, info);
    }
  return peers;
}
