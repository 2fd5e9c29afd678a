/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How often others may have us do what costs (PlNodeLimits). Each request here is verified.
 */
#include "config.h"

#include "overlay/node-priv.h"

struct PlNodeBounds {
  PlNodeLimits limits;
  PlRates *stores, *link_stores, *attaches, *app_attaches; /* by Node-ID */
};

void
pl_node_limits_init (PlNode *node)
{
  static const PlNodeLimits defaults = PL_NODE_LIMITS;
  PlNodeBounds *bounds = node->bounds = g_new0 (PlNodeBounds, 1);
  const PlNodeLimits *limits = node->options.limits ? node->options.limits : &defaults;
  PlRate rate = { .per = 60 * PL_USEC_PER_SEC };

  bounds->limits = *limits;
  node->options.limits = &bounds->limits;
  rate.count = limits->stores;
  bounds->stores = pl_rates_new (node->env, &rate);
  rate.count = limits->link_stores;
  bounds->link_stores = pl_rates_new (node->env, &rate);
  rate.count = limits->attaches;
  bounds->attaches = pl_rates_new (node->env, &rate);
  bounds->app_attaches = pl_rates_new (node->env, &rate);
}

void
pl_node_limits_free (PlNode *node)
{
  PlNodeBounds *bounds = node->bounds;

  pl_rates_free (bounds->stores);
  pl_rates_free (bounds->link_stores);
  pl_rates_free (bounds->attaches);
  pl_rates_free (bounds->app_attaches);
  g_free (bounds);
}

static gboolean
take (PlNode *node, PlRates *rates, const PlNodeId *who)
{
  return pl_node_id_equal (who, &node->self) || pl_rates_take (rates, who->b, PL_NODE_ID_LEN);
}

gboolean
pl_node_may_store (PlNode *node, const PlIncoming *incoming)
{
  return take (node, node->bounds->stores, &incoming->signer) && take (node, node->bounds->link_stores, &incoming->from);
}

gboolean
pl_node_may_attach (PlNode *node, const PlIncoming *incoming)
{
  return take (node, incoming->code == PL_MESSAGE_ATTACH_REQ ? node->bounds->attaches : node->bounds->app_attaches,
               &incoming->signer);
}
