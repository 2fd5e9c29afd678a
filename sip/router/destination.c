/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "base/log.h"
#include "sip/router/headers.h"
#include "sip/router/prefs.h"

#define BAD_SDP_PHRASE "Not Acceptable Here"

/* A branch to a device that can do this; NULL: the caller does not want it. */
static PlBranch *
branch_new (PlRequest *request, gboolean far, const char *prefs)
{
  PlBranch *branch;
  guint score;

  if (!pl_prefs_wanted (prefs, request->sip, &score))
    {
      request->unwanted = TRUE;
      return NULL;
    }
  branch = g_new0 (PlBranch, 1);
  branch->far = far;
  branch->q = pl_prefs_q (prefs);
  branch->score = score;
  return branch;
}

static void
add_phone (PlRequest *request, const char *flow, const char *contact, const char *prefs)
{
  PlBranch *branch = branch_new (request, FALSE, prefs);

  if (!branch)
    return;
  branch->flow = g_strdup (flow);
  branch->contact = g_strdup (contact);
  pl_request_add_branch (request, branch);
}

/* Not to ourselves. */
PlBranch *
pl_request_add_far (PlRequest *request, const PlResolved *node)
{
  const char *own = request->in_dialog ? NULL : pl_router_own_node (request->router, request->from_aor, node->node);
  PlBranch *branch = own && g_ascii_strncasecmp (node->node, own, PL_RESOLVED_NODE_HEX) == 0 ? NULL : branch_new (request, TRUE, node->prefs);

  if (!branch)
    return NULL;
  branch->node = g_ascii_strdown (node->node, -1);
  branch->aor = g_strdup (node->aor);
  pl_request_add_branch (request, branch);
  return branch;
}

/* The phones that registered for `aor` and are there now, but not the one that asks. A TCP
 * phone that is gone may come back on a new connection; its binding waits for that. */
static guint
add_phones (PlRequest *request, const char *aor)
{
  PlRouter *router = request->router;
  g_autoptr (GPtrArray) list = pl_registrar_list (router->parts.registrar, aor);

  for (guint i = 0; i < list->len && request->branches->len < PL_TARGETS_MAX; i++)
    {
      const PlBinding *binding = list->pdata[i];

      if (strcmp (binding->flow, request->source.flow) != 0 && pl_listener_phone (router->parts.listener, binding->flow))
        add_phone (request, binding->flow, binding->contact, binding->prefs);
    }
  return request->branches->len;
}

PlCall *
pl_request_call (PlRequest *request)
{
  if (request->in_dialog)
    return pl_token_call (request->router, request->token, request->sip->sip_call_id->i_id);
  if (request->sip->sip_request->rq_method != sip_method_invite || !request->from_aor || !request->target)
    return NULL;
  return pl_calls_find (request->router->parts.calls, request->sip->sip_call_id->i_id, request->from_aor);
}

static void
begin_call (PlRequest *request)
{
  PlCalls *calls = request->router->parts.calls;
  PlCall *call;

  if (request->sip->sip_request->rq_method != sip_method_invite)
    return;
  call = pl_calls_begin (calls, request->sip->sip_call_id->i_id, request->from_aor, request->target);
  if (request->local)
    pl_calls_set_media (calls, call, PL_CALL_MEDIA_LOCAL);
  else if (pl_source_is_far (&request->source))
    pl_calls_set_far (calls, call, request->source.far_own, request->source.far_node);
}

/* After a restart the call is known by the token alone. */
PlCall *
pl_token_call (PlRouter *router, const PlToken *token, const char *id)
{
  PlCalls *calls = router->parts.calls;
  const char *from = token->caller ? token->own_aor : token->far_aor;
  gboolean redirected = token->caller && *token->called;
  const char *to = !token->caller ? token->own_aor : redirected ? token->called : token->far_aor;
  PlCall *call = pl_calls_find (calls, id, from);

  if (call)
    return call;
  call = pl_calls_begin (calls, id, from, to);
  if (token->far_node[0])
    pl_calls_set_far (calls, call, token->own_aor, token->far_node);
  if (redirected)
    pl_calls_set_redirected (calls, call, token->far_aor);
  pl_calls_set_media (calls, call, token->far_node[0] ? pl_media_of_call (token->media) : PL_CALL_MEDIA_LOCAL);
  pl_calls_set_state (calls, call, PL_CALL_ESTABLISHED);
  return call;
}

/* --- inside a dialog --- */

/* Whom of the two phones of a local call does the sender mean? */
static gboolean
means_peer (const PlToken *token, const PlSource *source, const sip_t *sip)
{
  g_autofree char *uri = sip->sip_request ? pl_url_dup_text (sip->sip_request->rq_url) : NULL;

  if (uri && strcmp (uri, token->contact) == 0)
    return FALSE;
  if (uri && strcmp (uri, token->peer_contact) == 0)
    return TRUE;
  return strcmp (source->flow, token->flow) == 0;
}

static gboolean
same_user (const char *a, const char *b)
{
  const char *end = strchr (a, '@');

  return end && strncmp (a, b, end - a + 1) == 0;
}

/* A phone on TCP that has come back on another connection: by its Contact, or by the user part
 * of one, as the port in it may be new, too. */
static const PlBinding *
find_returned (PlRouter *router, const char *aor, const char *contact)
{
  g_autoptr (GPtrArray) list = pl_registrar_list (router->parts.registrar, aor);
  const PlBinding *found = NULL;

  for (guint i = 0; i < list->len; i++)
    {
      const PlBinding *binding = list->pdata[i];

      if (!pl_listener_phone (router->parts.listener, binding->flow))
        continue;
      if (strcmp (binding->contact, contact) == 0)
        return binding;
      if (!found && same_user (contact, binding->contact))
        found = binding;
    }
  return found;
}

gboolean
pl_token_phone (PlRouter *router, const PlToken *token, const PlSource *source, const sip_t *sip, char **flow, char **contact)
{
  gboolean local = token->far_node[0] == '\0';
  gboolean peer = local && means_peer (token, source, sip);
  const char *wanted_flow = peer ? token->peer_flow : token->flow;
  const char *wanted = peer ? token->peer_contact : token->contact;
  PlCall *call = sip->sip_call_id && !local ? pl_token_call (router, token, sip->sip_call_id->i_id) : NULL;
  const PlBinding *binding;

  if (pl_listener_phone (router->parts.listener, wanted_flow))
    {
      *flow = g_strdup (wanted_flow);
      *contact = local ? NULL : g_strdup (call && call->contact ? call->contact : wanted);
      return TRUE;
    }
  binding = find_returned (router, local && !peer ? token->far_aor : token->own_aor, wanted);
  if (!binding)
    return FALSE;
  *flow = g_strdup (binding->flow);
  *contact = g_strdup (binding->contact);
  return TRUE;
}

static PlStepResult
destination_in_dialog (PlRequest *request)
{
  const PlToken *token = request->token;
  g_autofree char *flow = NULL;
  g_autofree char *contact = NULL;

  request->local = token->far_node[0] == '\0';
  if (!request->local && !pl_source_is_far (&request->source))
    {
      pl_request_add_far (request, &(PlResolved){ token->far_node, token->far_aor, "" });
      return PL_STEP_CONTINUE;
    }
  if (!pl_token_phone (request->router, token, &request->source, request->sip, &flow, &contact))
    return pl_request_answer (request, 480, "The Phone Is Gone", NULL);
  add_phone (request, flow, contact, "");
  return PL_STEP_CONTINUE;
}

/* --- outside --- */

static const char *
nobody_there (const PlRequest *request, const char *phrase)
{
  return request->unwanted ? "No Device of the Kind Asked For" : phrase;
}

/* From a link: only to a bound phone of the identity the link is for. To may be another when that
 * person redirects calls to us (RFC 3261, 8.1.1.2); it gives no rights. */
static PlStepResult
destination_from_far (PlRequest *request)
{
  const PlSource *source = &request->source;

  if (!request->target || strcmp (request->target, source->far_own) != 0
      || !pl_router_is_ours (request->router, request->target))
    {
      pl_notice (PL_ROUTER_ROOM, "a far node asks for who is not here", "node", source->far_node, NULL);
      return pl_request_answer (request, 404, "Not Here", NULL);
    }
  begin_call (request);
  if (add_phones (request, request->target) == 0)
    return pl_request_answer (request, 480, nobody_there (request, "No Phone Registered"), NULL);
  return PL_STEP_CONTINUE;
}

/* FALSE: answered. */
static gboolean
is_found (PlRequest *request, PlResolveResult result)
{
  switch (result)
    {
    case PL_RESOLVE_UNKNOWN:
      pl_request_answer (request, 404, "No Such Person", NULL);
      return FALSE;
    case PL_RESOLVE_OFFLINE:
      pl_request_answer (request, 480, "Not Reachable Now", NULL);
      return FALSE;
    case PL_RESOLVE_FAILED:
      pl_request_answer (request, 504, "Look-up Failed", "peerline could not ask the overlay: peerline status");
      return FALSE;
    case PL_RESOLVE_CIRCLE:
      pl_request_answer (request, 482, "Redirected in a Circle", NULL);
      return FALSE;
    case PL_RESOLVE_ELSEWHERE:
      pl_request_answer (request, 480, "Redirected to No Address of This Overlay", NULL);
      return FALSE;
    case PL_RESOLVE_REFUSED:
      pl_request_answer (request, 403, "Not the Known Key of This Person", "somebody may speak in their name: peerline status");
      return FALSE;
    case PL_RESOLVE_FOUND:
      return TRUE;
    }
  return FALSE;
}

/* RFC 3261, 21.1.3. Who somebody is redirected to is no secret of ours: it stands in the overlay. */
void
pl_tell_redirection (PlRequest *request, const char *aor)
{
  g_autofree char *phrase = g_strdup_printf ("Redirected to %s", aor);
  PlCall *call = pl_request_call (request);

  pl_info (PL_ROUTER_ROOM, "call is redirected", "call", request->sip->sip_call_id->i_id, "called", request->target, "to", aor,
           NULL);
  if (!call)
    return;
  pl_calls_set_redirected (request->router->parts.calls, call, aor);
  nta_incoming_tag (request->irq, NULL);
  nta_incoming_treply (request->irq, 181, phrase, TAG_END ());
}

static void
on_resolved (gpointer user, PlResolveResult result, const PlResolved *nodes, gsize n)
{
  PlRequest *request = user;
  const char *redirected = NULL;
  PlCall *call = pl_request_call (request);

  request->resolving = NULL;
  if (call)
    call->lookup = pl_env_now (request->router->parts.env) - request->arrived;
  if (!is_found (request, result))
    return;
  for (gsize i = 0; i < n && request->branches->len < PL_TARGETS_MAX; i++)
    {
      pl_request_add_far (request, &nodes[i]);
      if (!redirected && strcmp (nodes[i].aor, request->target) != 0)
        redirected = nodes[i].aor;
    }
  if (request->branches->len == 0)
    {
      pl_request_answer (request, 480, nobody_there (request, "Not Reachable Now"), NULL);
      return;
    }
  if (redirected)
    pl_tell_redirection (request, redirected);
  pl_request_run (request);
}

static PlStepResult
destination_from_phone (PlRequest *request, const char *node)
{
  PlRouter *router = request->router;
  const char *own = pl_router_own_node (router, request->from_aor, NULL);
  gboolean ours = pl_router_is_ours (router, request->target);
  g_autofree char *to = pl_url_dup_aor (request->sip->sip_to->a_url);

  if (ours && (!node || !own || g_ascii_strcasecmp (node, own) == 0) && add_phones (request, request->target) > 0)
    {
      request->local = TRUE;
      begin_call (request);
      return PL_STEP_CONTINUE;
    }
  /* The far side checks both; a phone of ours shall hear why. */
  if (!to || strcmp (to, request->target) != 0)
    return pl_request_answer (request, 400, "To and Request-URI Differ", NULL);
  begin_call (request);
  if (node && !(own && g_ascii_strcasecmp (node, own) == 0))
    {
      pl_request_add_far (request, &(PlResolved){ node, request->target, "" });
      return PL_STEP_CONTINUE;
    }
  request->resolving = router->parts.resolver->funcs->resolve (router->parts.resolver->impl, request->from_aor,
                                                               request->target, on_resolved, request);
  return request->resolving ? PL_STEP_WAIT : pl_request_answer (request, 480, "Not Reachable Now", NULL);
}

PlStepResult
pl_step_destination (PlRequest *request)
{
  const url_t *url = request->sip->sip_request->rq_url;
  g_autofree char *node = NULL;

  if (request->in_dialog)
    return destination_in_dialog (request);
  if (!pl_gruu_parse (url, &request->target, &node))
    request->target = pl_url_dup_aor (url);
  if (!request->target)
    return pl_request_answer (request, 404, "No Address of a Person", NULL);
  if (pl_source_is_far (&request->source))
    return destination_from_far (request);
  return destination_from_phone (request, node);
}

/* --- the offer --- */

static PlStepResult
refuse_offer (PlRequest *request, const char *warning)
{
  pl_info (PL_ROUTER_ROOM, "offer refused", "call", request->sip->sip_call_id->i_id, "reason", warning, NULL);
  return pl_request_answer (request, 488, BAD_SDP_PHRASE, warning);
}

static void
on_request_aid (gpointer user, const char *error)
{
  if (error)
    refuse_offer (user, error);
  else
    pl_request_run (user);
}

/* The offer waits for the edge. */
static PlStepResult
prepare_aid (PlRequest *request)
{
  gboolean from_phone = !pl_source_is_far (&request->source);
  g_autoptr (GError) error = NULL;
  PlStepResult result = pl_aid_prepare (request->aid, request->sip, from_phone, on_request_aid, request, &error);

  return result == PL_STEP_DONE ? refuse_offer (request, error->message) : result;
}

/* The offer of a phone of ours that lacks something: with an edge it may pass. */
static PlStepResult
aid_offer (PlRequest *request, const char *warning)
{
  const char *body = request->sip->sip_payload ? request->sip->sip_payload->pl_data : "";
  g_autoptr (GError) error = NULL;

  if (pl_source_is_far (&request->source) || request->in_dialog || !pl_media_has_sdp (request->sip)
      || request->sip->sip_request->rq_method != sip_method_invite || !pl_aid_allowed (request->router, request->from_aor))
    return refuse_offer (request, warning);
  pl_aid_note (request->router, request->source.flow, TRUE, request->sip);
  request->aid = pl_aid_new (request, request->from_aor, strstr (body, "IP6 ") != NULL, &error);
  return request->aid ? prepare_aid (request) : refuse_offer (request, error->message);
}

PlStepResult
pl_step_media (PlRequest *request)
{
  PlCall *call = pl_request_call (request);
  PlVerdict verdict;

  if (request->local)
    return PL_STEP_CONTINUE;
  if (request->in_dialog)
    request->aid = pl_aid_find (request->router, request->token);
  if (request->aid && pl_aid_is_asking (request->aid)
      && (request->sip->sip_request->rq_method == sip_method_invite || pl_media_has_sdp (request->sip)))
    return pl_request_answer (request, SIP_491_REQUEST_PENDING, NULL);
  if (request->aid && pl_media_has_sdp (request->sip))
    return prepare_aid (request);
  if (!pl_media_check (request->sip, &verdict))
    return aid_offer (request, verdict.warning);
  if (verdict.media == PL_MEDIA_DIRECT && !pl_source_is_far (&request->source))
    pl_aid_note (request->router, request->source.flow, FALSE, NULL);
  if (call && verdict.has_sdp && !request->in_dialog)
    pl_calls_set_media (request->router->parts.calls, call, pl_media_of_call (verdict.media));
  return PL_STEP_CONTINUE;
}

PlStepResult
pl_step_forward (PlRequest *request)
{
  PlCall *call = pl_request_call (request);

  if (call && request->sip->sip_request->rq_method == sip_method_bye)
    pl_calls_set_state (request->router->parts.calls, call, PL_CALL_ENDED);
  pl_request_send_branches (request);
  if (request->aid && request->sip->sip_request->rq_method == sip_method_bye)
    pl_aid_end (request->aid);
  pl_request_check (request);
  return PL_STEP_WAIT;
}
