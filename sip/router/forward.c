/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "base/aor.h"
#include "sip/router/headers.h"
#include "sip/router/sanitize.h"

char *
pl_router_gruu (PlRouter *router, const char *own_aor, const char *far)
{
  const char *node = pl_router_own_node (router, own_aor, far);

  return node ? pl_gruu_make (own_aor, node) : NULL;
}

static void
shift_cseq (sip_t *sip, int by)
{
  sip->sip_cseq->cs_seq += by;
  msg_fragment_clear ((msg_common_t *) sip->sip_cseq);
  if (!sip->sip_rack)
    return;
  sip->sip_rack->ra_cseq += by;
  msg_fragment_clear ((msg_common_t *) sip->sip_rack);
}

/* Where our link reaches the machine of a far sender; NULL: not known, or nobody far. */
static char *
dup_reached (const PlRewrite *how)
{
  PlFlow *flow = pl_source_is_far (how->source) && how->source->flow ? pl_hub_find (how->router->parts.hub, how->source->flow) : NULL;
  PlFar *far = flow ? pl_far_of_flow (flow) : NULL;

  return far ? pl_far_dup_reached (far) : NULL;
}

/* The same phone may serve two identities of which nobody shall know that they are one person's. */
static void
remove_phone_names (const PlRewrite *how, msg_t *msg, sip_t *sip)
{
  const PlResolver *resolver = how->router->parts.resolver;

  if (!how->to_far || !how->own_aor || !resolver->funcs->incognito || !resolver->funcs->incognito (resolver->impl, how->own_aor))
    return;
  while (sip->sip_user_agent)
    sip_header_remove (msg, sip, (sip_header_t *) sip->sip_user_agent);
  while (sip->sip_server)
    sip_header_remove (msg, sip, (sip_header_t *) sip->sip_server);
  while (sip->sip_organization)
    sip_header_remove (msg, sip, (sip_header_t *) sip->sip_organization);
}

gboolean
pl_rewrite (const PlRewrite *how, msg_t *msg, sip_t *sip)
{
  g_autofree char *gruu = how->to_far ? pl_router_gruu (how->router, how->own_aor, how->far_node) : NULL;
  g_autofree char *reached = how->to_far ? NULL : dup_reached (how);

  remove_phone_names (how, msg, sip);
  if (pl_source_is_far (how->source))
    pl_sanitize_from_link (msg, sip, how->source->far_aor);
  /* A redirection names other people, not the phone that answers. */
  if (gruu && sip->sip_contact && (!sip->sip_status || sip->sip_status->st_status < 300))
    pl_contact_replace (msg, sip, gruu);
  if (how->ahead > 0 && sip->sip_cseq)
    shift_cseq (sip, sip->sip_request ? (int) how->ahead : -(int) how->ahead);
  if (how->aid && pl_media_has_sdp (sip) && (!sip->sip_status || sip->sip_status->st_status < 300))
    return pl_media_bridge (how->aid, msg, sip, how->to_far, how->offer);
  return how->local || pl_media_correct (msg, sip, how->to_far ? &how->router->parts.tell : NULL, reached);
}

/* Requests that may begin a dialog, also of methods we do not know (RFC 3261, 16.6 step 4). */
static gboolean
may_begin_dialog (const sip_t *sip)
{
  switch (sip->sip_request->rq_method)
    {
    case sip_method_message:
    case sip_method_options:
    case sip_method_info:
    case sip_method_publish:
    case sip_method_bye:
    case sip_method_prack:
    case sip_method_update:
      return FALSE;
    default:
      return TRUE;
    }
}

/* Our Record-Route in this branch: it names our node and tells a restarted daemon all. */
static char *
make_route_uri (PlBranch *branch)
{
  PlRequest *request = branch->request;
  PlRouter *router = request->router;
  const sip_t *sip = request->sip;
  gboolean from_far = pl_source_is_far (&request->source);
  g_autofree char *sender = from_far || !sip->sip_contact ? NULL : pl_contact_dup_text (sip->sip_contact);
  const char *phone = branch->far ? request->source.flow : branch->flow;
  const char *own = from_far ? request->source.far_own : request->from_aor;
  g_autofree char *text = NULL;
  PlVerdict verdict;
  PlToken token = {
    .contact = branch->far ? sender : branch->contact, .flow = (char *) phone,
    .peer_contact = request->local ? sender : NULL, .peer_flow = request->local ? request->source.flow : NULL,
    .far_node = from_far ? request->source.far_node : branch->node, .own_aor = (char *) own,
    .far_aor = from_far ? request->source.far_aor : branch->far ? branch->aor : request->target,
    .called = branch->far && strcmp (branch->aor, request->target) != 0 ? request->target : NULL,
    .call_id = (char *) sip->sip_call_id->i_id, .caller = !from_far, .raised = branch->retried,
    .edge = pl_branch_aid (branch) ? (char *) pl_aid_name (pl_branch_aid (branch)) : NULL,
  };

  pl_media_check (sip, &verdict);
  token.media = token.edge ? PL_MEDIA_DIRECT : verdict.media;
  text = pl_token_seal (router->parts.key, router->parts.env, &token);
  return text ? pl_route_uri (pl_listener_address_for (router->parts.listener, phone), g_str_has_prefix (phone, "tcp:"),
                              pl_router_own_node (router, own, token.far_node), text)
              : NULL;
}

/* Toward the far side the AoR alone, the one of who is there: what the phone added
 * (";transport=udp") is between it and us. A GRUU stays. */
static gboolean
set_target (PlBranch *branch, msg_t *msg, sip_t *sip)
{
  PlRequest *request = branch->request;
  g_autofree char *uri = NULL;

  if (!branch->far)
    return !branch->contact || pl_request_uri_set (msg, sip, branch->contact);
  if (request->in_dialog || (strcmp (branch->aor, request->target) == 0 && pl_gruu_parse (sip->sip_request->rq_url, NULL, NULL)))
    return TRUE;
  uri = pl_aor_uri (branch->aor);
  return uri && pl_request_uri_set (msg, sip, uri);
}

msg_t *
pl_forward_request (PlBranch *branch)
{
  PlRequest *request = branch->request;
  msg_t *received = nta_incoming_getrequest (request->irq);
  msg_t *msg = msg_dup (received);
  sip_t *sip = msg ? sip_object (msg) : NULL;
  const char *own = request->in_dialog ? request->token->own_aor : request->from_aor;
  PlRewrite how = { request->router, &request->source, branch->far, request->local, own, branch->node, pl_branch_aid (branch), NULL, 0 };
  gboolean good = sip != NULL;

  if (branch->far && request->in_dialog && request->aid)
    branch->ahead = pl_aid_ahead (request->aid);
  how.ahead = pl_branch_ahead (branch);
  msg_destroy (received);
  for (guint i = 0; good && i < request->own_routes; i++)
    pl_route_pop (msg, sip);
  g_clear_pointer (&branch->route_uri, g_free);
  if (good && !request->in_dialog && may_begin_dialog (sip))
    branch->route_uri = make_route_uri (branch);
  good = good && set_target (branch, msg, sip) && pl_max_forwards_decrement (msg, sip) && pl_rewrite (&how, msg, sip)
         && (!branch->route_uri || pl_record_route_add (msg, sip, branch->route_uri));
  if (good && !request->in_dialog && may_begin_dialog (sip) && !branch->route_uri)
    good = FALSE; /* a Contact too long for the token */
  if (!good && msg)
    {
      msg_destroy (msg);
      return NULL;
    }
  if (branch->far && request->aid)
    pl_aid_count (request->aid, sip);
  return msg;
}

GBytes *
pl_serialize (msg_t *msg)
{
  sip_t *sip = sip_object (msg);
  size_t len = 0;
  char *text;

  if (!sip->sip_separator)
    msg_header_insert (msg, (msg_pub_t *) sip, (msg_header_t *) sip_separator_create (msg_home (msg)));
  if (msg_serialize (msg, (msg_pub_t *) sip) < 0)
    return NULL;
  text = msg_as_string (msg_home (msg), msg, (msg_pub_t *) sip, 0, &len);
  return text ? g_bytes_new (text, len) : NULL;
}
