/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include <string.h>

/* Direct response routing (RFC 7263): asking for it, and answering so, over the link that there is
 * or one that is dialled. Where that fails the asking node repeats its request without. */

#define DIALS_MAX 16           /* under way */
#define ANSWERS_MAX 8          /* that wait for one of them */
#define IDLE (60 * PL_USEC_PER_SEC) /* a link made for an answer ends when it was quiet for so long */

struct PlDirects {
  PlNode *node;
  GArray *options;           /* of PlForwardingOption: ours */
  GPtrArray *dials;          /* Dial */
  GArray *made;              /* PlNodeId: links that only answers needed */
  PlTimer *timer;
};

typedef struct {
  PlDirects *directs;
  PlNodeId far;
  GPtrArray *answers;        /* GBytes */
} Dial;

static void
dial_free (gpointer data)
{
  Dial *dial = data;

  g_ptr_array_unref (dial->answers);
  g_free (dial);
}

static void
option_clear (gpointer data)
{
  pl_forwarding_option_clear (data);
}

void
pl_node_direct_init (PlNode *node)
{
  const char *text = node->options.direct_response;
  g_autoptr (GSocketConnectable) where = text ? g_network_address_parse (text, 0, NULL) : NULL;
  g_autoptr (GInetAddress) inet = where ? g_inet_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (where))) : NULL;
  PlDirectResponse response = { .transport = PL_LINK_TLS_TCP_FH_NO_ICE, .node = node->self };
  PlForwardingOption option;

  if (!inet)
    return;
  node->directs = g_new0 (PlDirects, 1);
  node->directs->node = node;
  node->directs->options = g_array_new (FALSE, TRUE, sizeof (PlForwardingOption));
  g_array_set_clear_func (node->directs->options, option_clear);
  node->directs->dials = g_ptr_array_new_with_free_func (dial_free);
  node->directs->made = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  pl_ip_address_port_set (&response.address, inet, g_network_address_get_port (G_NETWORK_ADDRESS (where)));
  pl_direct_response_write (&option, &response);
  g_array_append_val (node->directs->options, option);
}

void
pl_node_direct_free (PlNode *node)
{
  PlDirects *directs = g_steal_pointer (&node->directs);

  if (!directs)
    return;
  pl_timer_clear (&directs->timer);
  g_array_unref (directs->options);
  g_ptr_array_unref (directs->dials);
  g_array_unref (directs->made);
  g_free (directs);
}

GArray *
pl_node_direct_options (PlNode *node)
{
  return node->directs ? node->directs->options : NULL;
}

/* --- links that only answers needed --- */

static void
end_idle (gpointer data)
{
  PlDirects *directs = data;
  PlNode *node = directs->node;
  gint64 before = pl_env_now (node->env) - IDLE;

  for (guint i = directs->made->len; i > 0; i--)
    {
      PlNodeId id = g_array_index (directs->made, PlNodeId, i - 1);
      gboolean needed = g_strcmp0 (pl_topology_role_of (node->topology, &id), "other") != 0;

      if (!needed && pl_forward_heard (node->forward, &id) > before)
        continue;
      g_array_remove_index_fast (directs->made, i - 1);
      if (!needed)
        pl_forward_disconnect (node->forward, &id);
    }
  if (directs->made->len > 0)
    pl_env_arm (node->env, &directs->timer, IDLE / 2, end_idle, directs);
}

static void
on_connected (gpointer user, PlCarrier *carrier)
{
  Dial *dial = user;
  PlDirects *directs = dial->directs;
  PlNode *node = directs->node;

  if (!pl_node_id_equal (&pl_carrier_info (carrier)->node, &dial->far) || node->state == PL_NODE_LEAVING || node->state == PL_NODE_LEFT)
    {
      pl_carrier_close (carrier);
      pl_carrier_free (carrier);
    }
  else
    {
      pl_forward_add (node->forward, carrier, FALSE);
      g_array_append_val (directs->made, dial->far);
      if (!directs->timer)
        pl_env_arm (node->env, &directs->timer, IDLE / 2, end_idle, directs);
      for (guint i = 0; i < dial->answers->len; i++)
        pl_forward_send (node->forward, g_ptr_array_index (dial->answers, i));
    }
  g_ptr_array_remove_fast (directs->dials, dial);
}

static void
on_failed (gpointer user, const GError *error)
{
  Dial *dial = user;

  g_ptr_array_remove_fast (dial->directs->dials, dial);
}

/* --- answering --- */

static Dial *
find_dial (PlDirects *directs, const PlNodeId *far)
{
  for (guint i = 0; i < directs->dials->len; i++)
    if (pl_node_id_equal (&((Dial *) g_ptr_array_index (directs->dials, i))->far, far))
      return g_ptr_array_index (directs->dials, i);
  return NULL;
}

static Dial *
dial_new (PlDirects *directs, const PlDirectResponse *to)
{
  static const PlDialHandlers handlers = { on_connected, on_failed };
  g_autoptr (GInetAddress) inet = pl_ip_address_port_dup_inet (&to->address);
  g_autofree char *host = inet ? g_inet_address_to_string (inet) : NULL;
  Dial *dial;

  if (!host || to->address.port == 0 || to->transport != PL_LINK_TLS_TCP_FH_NO_ICE || directs->dials->len >= DIALS_MAX)
    return NULL;
  dial = g_new0 (Dial, 1);
  dial->directs = directs;
  dial->far = to->node;
  dial->answers = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_ptr_array_add (directs->dials, dial);
  pl_transport_dial (directs->node->transport, host, to->address.port, &handlers, dial);
  return dial;
}

gboolean
pl_node_direct_answer (PlNode *node, const PlDirectResponse *to, GBytes *answer)
{
  PlDirects *directs = node->directs;
  Dial *dial;

  if (!directs)
    return FALSE;
  if (pl_forward_connected (node->forward, &to->node))
    return pl_forward_send (node->forward, answer);
  dial = find_dial (directs, &to->node);
  if (!dial)
    dial = dial_new (directs, to);
  if (!dial || dial->answers->len >= ANSWERS_MAX)
    return FALSE;
  g_ptr_array_add (dial->answers, g_bytes_ref (answer));
  return TRUE;
}
