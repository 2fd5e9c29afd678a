/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <arpa/inet.h>
#include <string.h>
#include "base/log.h"
#include "sip/listener/edge.h"
#include "sip/router/headers.h"
#include "sip/router/sanitize.h"

/* --- ACK for a 2xx: has no transaction of its own --- */

typedef struct {
  PlRouter *router;
  msg_t *msg;
  sip_t *sip;
  PlSource source;
  PlToken *token;
  guint own_routes;
  gboolean local, to_far;
  char *flow, *contact;
} Ack;

static void
ack_clear (Ack *ack)
{
  pl_source_clear (&ack->source);
  g_clear_pointer (&ack->token, pl_token_free);
  g_free (ack->flow);
  g_free (ack->contact);
}

/* Admitted by its token, or not at all. */
static gboolean
ack_admit (Ack *ack)
{
  gboolean bad;
  g_autofree char *from = NULL;

  if (!pl_source_read (ack->router, ack->msg, &ack->source) || !ack->sip->sip_from || !ack->sip->sip_call_id)
    return FALSE;
  ack->token = pl_open_route_token (ack->router, ack->sip, &ack->own_routes, &bad);
  if (!ack->token || !pl_token_admits (ack->token, &ack->source, ack->sip))
    return FALSE;
  from = pl_url_dup_aor (ack->sip->sip_from->a_url);
  return !pl_source_is_far (&ack->source) || pl_token_names (ack->token, from);
}

static gboolean
ack_find_flow (Ack *ack)
{
  PlFlow *flow;

  ack->local = ack->token->far_node[0] == '\0';
  ack->to_far = !ack->local && !pl_source_is_far (&ack->source);
  if (!ack->to_far)
    return pl_token_phone (ack->router, ack->token, &ack->source, ack->sip, &ack->flow, &ack->contact);
  flow = pl_router_far_flow (ack->router, ack->token->own_aor, ack->token->far_node);
  ack->flow = flow ? g_strdup (pl_flow_name (flow)) : NULL;
  return flow != NULL;
}

static void
drop_body (msg_t *msg, sip_t *sip)
{
  if (sip->sip_payload)
    msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_payload);
  if (sip->sip_content_type)
    msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_content_type);
  if (sip->sip_content_encoding)
    msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_content_encoding);
  if (sip->sip_content_length)
    msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_content_length);
  msg_header_insert (msg, (msg_pub_t *) sip, (msg_header_t *) sip_content_length_create (msg_home (msg), 0));
}

static void
ack_send (Ack *ack)
{
  g_autoptr (GBytes) plain = pl_serialize (ack->msg);
  g_autoptr (GBytes) message = NULL;
  g_autofree char *via = g_strdup_printf ("SIP/2.0/UDP peerline.invalid;rport;branch=z9hG4bK%016" G_GINT64_MODIFIER "x",
                                          pl_env_random64 (ack->router->parts.env));
  PlFlow *flow = pl_hub_find (ack->router->parts.hub, ack->flow);
  gsize len;

  if (!plain || !flow)
    return;
  message = pl_edge_push_via (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain), via);
  pl_flow_out (flow, g_bytes_get_data (message, &len), g_bytes_get_size (message));
}

/* As its INVITE was. */
static guint
ack_ahead (const Ack *ack)
{
  const PlAid *aid = ack->to_far ? pl_aid_find (ack->router, ack->token) : NULL;

  if (ack->to_far)
    return aid ? pl_aid_invite_ahead (aid) : 0;
  return ack->token->raised;
}

static void
ack_forward (Ack *ack)
{
  PlRewrite how = { ack->router, &ack->source, ack->to_far, ack->local, ack->token->own_aor, ack->token->far_node, NULL, NULL,
                    ack_ahead (ack) };
  PlVerdict verdict;
  gboolean refused = !ack->local && !pl_media_check (ack->sip, &verdict);
  gboolean rewritten;

  if (!pl_max_forwards_decrement (ack->msg, ack->sip))
    return;
  if (refused)
    drop_body (ack->msg, ack->sip);
  for (guint i = 0; i < ack->own_routes; i++)
    pl_route_pop (ack->msg, ack->sip);
  rewritten = (!ack->contact || pl_request_uri_set (ack->msg, ack->sip, ack->contact))
              && pl_rewrite (&how, ack->msg, ack->sip);
  if (!rewritten)
    return;
  ack_send (ack);
  if (!refused)
    return;
  pl_info (PL_ROUTER_ROOM, "answer refused, call ended", "call", ack->sip->sip_call_id->i_id, "reason", verdict.warning, NULL);
  pl_kill_acked (ack->router, ack->flow, ack->sip, ack->to_far ? ack->source.flow : NULL, ack->token->contact);
  pl_calls_set_state (ack->router->parts.calls, pl_token_call (ack->router, ack->token, ack->sip->sip_call_id->i_id),
                      PL_CALL_ENDED);
}

void
pl_on_ack (PlRouter *router, msg_t *msg, sip_t *sip)
{
  Ack ack = { .router = router, .msg = msg, .sip = sip };

  if (ack_admit (&ack) && ack_find_flow (&ack))
    ack_forward (&ack);
  else
    pl_debug (PL_ROUTER_ROOM, "ACK without a call dropped", NULL);
  ack_clear (&ack);
  msg_destroy (msg);
}

/* --- 2xx without a transaction: repeats, and answers that a restart has overtaken --- */

/* Our own Via on top, as the flow knows us. */
static gboolean
is_own_via (PlRouter *router, const PlSource *source, const sip_via_t *via)
{
  const char *node = pl_source_is_far (source) ? pl_router_own_node (router, source->far_own, source->far_node) : NULL;
  g_autofree char *name = node ? g_strdup_printf ("%s.invalid", node) : NULL;
  g_autofree char *sent_by = NULL;

  if (!via || !via->v_host)
    return FALSE;
  sent_by = via->v_port ? g_strdup_printf ("%s:%s", via->v_host, via->v_port) : g_strdup (via->v_host);
  if (pl_source_is_far (source))
    return name && g_ascii_strcasecmp (name, sent_by) == 0;
  return g_ascii_strcasecmp (pl_listener_address_for (router->parts.listener, source->flow), sent_by) == 0;
}

static PlToken *
open_record_route (PlRouter *router, const sip_t *sip, char **own_route)
{
  for (const sip_record_route_t *rr = sip->sip_record_route; rr; rr = rr->r_next)
    {
      g_autofree char *text = pl_route_token (rr->r_url, NULL);
      PlToken *token = text ? pl_token_open (router->parts.key, text) : NULL;

      if (token)
        {
          *own_route = pl_url_dup_text (rr->r_url);
          return token;
        }
    }
  return NULL;
}

/* Where the next Via leads: a flow of ours that the token also knows. */
static PlFlow *
next_flow (PlRouter *router, const PlSource *source, const PlToken *token, const sip_via_t *via)
{
  struct in_addr in;
  guint64 port;
  PlFlow *flow;
  PlFar *far;

  if (!via || !via->v_received || !via->v_rport || inet_pton (AF_INET, via->v_received, &in) != 1
      || !g_ascii_string_to_unsigned (via->v_rport, 10, 1, G_MAXUINT16, &port, NULL))
    return NULL;
  flow = pl_hub_find_address (router->parts.hub, in.s_addr, port);
  if (!flow)
    return NULL;
  far = pl_far_of_flow (flow);
  /* the Via came back from a stranger, who may have written another phone into it */
  if (!far)
    return pl_source_is_far (source) && strcmp (pl_flow_name (flow), token->flow) != 0 ? NULL : flow;
  return !pl_source_is_far (source) && strcmp (pl_far_node (far), token->far_node) == 0 ? flow : NULL;
}

static guint
stray_ahead (const PlSource *source, const PlToken *token, const PlAid *aid)
{
  if (pl_source_is_far (source))
    return aid ? pl_aid_invite_ahead (aid) : 0;
  return token->raised;
}

static void
stray_forward (PlRouter *router, const PlSource *source, msg_t *msg, sip_t *sip)
{
  g_autofree char *own_route = NULL;
  g_autoptr (PlToken) token = open_record_route (router, sip, &own_route);
  PlVerdict verdict;
  PlFlow *flow;
  PlAid *aid;
  g_autoptr (GBytes) message = NULL;
  gsize len;

  aid = token ? pl_aid_find (router, token) : NULL;
  if (!token || !pl_token_admits (token, source, sip) || (token->far_node[0] && !aid && !pl_media_check (sip, &verdict)))
    return;
  flow = next_flow (router, source, token, sip->sip_via->v_next);
  if (!flow || !sip_via_remove (msg, sip))
    return;
  {
    PlRewrite how = { router, source, pl_flow_kind (flow) == PL_FLOW_FAR, token->far_node[0] == '\0', token->own_aor, token->far_node,
                      NULL, NULL, stray_ahead (source, token, aid) };

    if (aid && pl_media_has_sdp (sip) && !pl_media_repeat (aid, msg, sip, how.to_far))
      return;
    if (!pl_rewrite (&how, msg, sip))
      return;
  }
  if (pl_source_is_far (source))
    pl_record_route_ensure (msg, sip, own_route);
  message = pl_serialize (msg);
  if (message)
    pl_flow_out (flow, g_bytes_get_data (message, &len), g_bytes_get_size (message));
}

void
pl_on_stray_response (PlRouter *router, msg_t *msg, sip_t *sip)
{
  PlSource source;

  if (!pl_source_read (router, msg, &source))
    {
      msg_destroy (msg);
      return;
    }
  if (sip->sip_cseq && sip->sip_cseq->cs_method == sip_method_invite && sip->sip_call_id && sip->sip_to
      && sip->sip_status->st_status / 100 == 2 && is_own_via (router, &source, sip->sip_via)
      && !pl_killed_again (router, sip))
    stray_forward (router, &source, msg, sip);
  pl_source_clear (&source);
  msg_destroy (msg);
}
