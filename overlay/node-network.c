/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

#include <string.h>

/* Another network, or a machine that has slept: a link from an address that is gone is dead, though
 * nobody has noticed; one whose address is there may be (another router has the same network behind
 * it, a NAT has forgotten us), so it is asked. What of the ring is lost this way is found again as
 * after any loss (RFC 6940 10.7.2). */

#define PROBE_TIME (1500 * PL_USEC_PER_MSEC)   /* for the answer to a Ping; a far RTT and a repetition fit */
#define LAST_TIME (500 * PL_USEC_PER_MSEC)     /* for what has come while this process was not let run */
#define WHY "the network has changed"

/* Of "udp LOCAL REMOTE" or "tcp LOCAL REMOTE" (overlay/link/carrier.h). NULL: not of a socket. */
static char *
dup_local (const char *path)
{
  const char *text = path && (g_str_has_prefix (path, "udp ") || g_str_has_prefix (path, "tcp ")) ? path + 4 : NULL;
  gsize len = text ? strcspn (text, " ") : 0;
  const char *colon = text ? g_strrstr_len (text, len, ":") : NULL;

  if (!colon || colon == text)
    return NULL;
  return *text == '[' ? g_strndup (text + 1, strcspn (text + 1, "]")) : g_strndup (text, colon - text);
}

static gboolean
is_from_elsewhere (const char *path, const char *const *addresses)
{
  g_autofree char *local = dup_local (path);
  g_autoptr (GInetAddress) inet = local ? g_inet_address_new_from_string (local) : NULL;

  return inet && !g_inet_address_get_is_link_local (inet) && !g_strv_contains (addresses, local);
}

static gboolean
is_app_from_elsewhere (PlNode *node, const PlCarrierInfo *info, gconstpointer addresses)
{
  return is_from_elsewhere (info->description, addresses);
}

static void
end_links_from_elsewhere (PlNode *node, const char *const *addresses)
{
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);

  for (guint i = 0; i < nodes->len; i++)
    {
      const PlNodeId *id = &g_array_index (nodes, PlNodeId, i);
      PlLink *link = pl_forward_link (node->forward, id);

      if (link && is_from_elsewhere (pl_link_description (link), addresses))
        pl_forward_disconnect (node->forward, id);
    }
  pl_node_app_expel (node, is_app_from_elsewhere, addresses, WHY);
}

static void
end_silent (gpointer data)
{
  PlNode *node = data;
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);
  guint dead = 0;

  for (guint i = 0; i < nodes->len; i++)
    {
      const PlNodeId *id = &g_array_index (nodes, PlNodeId, i);
      gint64 heard = pl_forward_heard (node->forward, id);

      if (heard == 0 || heard >= node->probed)
        continue;
      pl_forward_disconnect (node->forward, id);
      dead++;
    }
  if (dead == 0)
    return;
  pl_info ("node", "links are dead in this network", NULL);
  pl_node_app_expel (node, NULL, NULL, WHY);
  pl_node_boot_hurry (node);
}

static void
on_probed (gpointer data)
{
  PlNode *node = data;

  pl_env_arm (node->env, &node->probe_timer, LAST_TIME, end_silent, node);
}

static void
probe (PlNode *node)
{
  PlPingReq ping = { 0 };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &ping);
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);

  for (guint i = 0; i < nodes->len; i++)
    {
      PlTransRequest request = { .code = PL_MESSAGE_PING_REQ, .body = body, .timeout = PROBE_TIME };

      request.to = pl_destination_node (&g_array_index (nodes, PlNodeId, i));
      pl_trans_request (node->trans, &request, NULL, NULL, NULL);
    }
  node->probed = pl_env_now (node->env);
  pl_env_arm (node->env, &node->probe_timer, PROBE_TIME, on_probed, node);
}

void
pl_node_network_changed (PlNode *node, const char *const *addresses)
{
  if (node->state == PL_NODE_OFFLINE || node->state == PL_NODE_LEAVING || node->state == PL_NODE_LEFT)
    return;
  if (addresses)
    {
      pl_transport_moved (node->transport);
      end_links_from_elsewhere (node, addresses);
      pl_node_attach_fail_ours (node);
      pl_node_app_fail_ours (node, WHY);
    }
  else
    pl_node_app_expel (node, NULL, NULL, "the machine has slept"); /* the far sides have given them up (RFC 7675) */
  probe (node);
  pl_node_boot_hurry (node);
}
