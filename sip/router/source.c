/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <netinet/in.h>

gboolean
pl_source_read (PlRouter *router, msg_t *msg, PlSource *source)
{
  const su_sockaddr_t *from = msg_addr (msg);
  PlFlow *flow = NULL;
  PlFar *far;

  *source = (PlSource){ 0 };
  if (from->su_family == AF_INET)
    flow = pl_hub_find_address (router->parts.hub, from->su_sin.sin_addr.s_addr, ntohs (from->su_port));
  if (!flow)
    return FALSE;
  far = pl_far_of_flow (flow);
  if (far && !pl_far_aor (far))
    return FALSE; /* nothing comes before the first link */
  source->flow = g_strdup (pl_flow_name (flow));
  if (far)
    {
      source->far_own = g_strdup (pl_far_own (far));
      source->far_aor = g_strdup (pl_far_aor (far));
      source->far_node = g_strdup (pl_far_node (far));
    }
  return TRUE;
}

void
pl_source_clear (PlSource *source)
{
  g_clear_pointer (&source->flow, g_free);
  g_clear_pointer (&source->far_own, g_free);
  g_clear_pointer (&source->far_aor, g_free);
  g_clear_pointer (&source->far_node, g_free);
}
