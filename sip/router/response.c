/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "base/log.h"
#include "sip/router/headers.h"
#include "sip/router/sanitize.h"

#define CANNOT_CARRY "the answer does not fit what the media edge can carry"

/* The source as seen from the answering side. */
static PlSource
source_of_branch (PlBranch *branch)
{
  PlRequest *request = branch->request;
  PlSource source = { 0 };
  PlFlow *flow;

  if (!branch->far)
    return source;
  source.far_own = (char *) (request->in_dialog ? request->token->own_aor : request->from_aor);
  source.far_aor = branch->aor;
  source.far_node = branch->node;
  flow = pl_router_far_flow (request->router, source.far_own, branch->node);
  source.flow = flow ? (char *) pl_flow_name (flow) : NULL;
  return source;
}

/* Passes the response on. FALSE when it cannot be. */
static gboolean
relay (PlBranch *branch, msg_t *response)
{
  PlRequest *request = branch->request;
  msg_t *msg = msg_dup (response);
  sip_t *sip = msg ? sip_object (msg) : NULL;
  PlSource source = source_of_branch (branch);
  gboolean to_far = pl_source_is_far (&request->source);
  PlRewrite how = { request->router, &source, to_far, request->local, to_far ? request->source.far_own : NULL,
                    request->source.far_node,
                    request->sip->sip_request->rq_method == sip_method_options ? NULL : pl_branch_aid (branch), request->sip,
                    pl_branch_ahead (branch) };
  gboolean good = sip && sip_via_remove (msg, sip) && sip->sip_via && pl_rewrite (&how, msg, sip);

  /* also where the far side left it out: else the phone would send to its Contact directly */
  if (good && branch->far && branch->route_uri && sip->sip_status->st_status < 300)
    pl_record_route_ensure (msg, sip, branch->route_uri);
  if (good)
    return nta_incoming_mreply (request->irq, msg) >= 0;
  if (msg)
    msg_destroy (msg);
  return FALSE;
}

static void
note_first_answer (PlBranch *branch)
{
  PlRequest *request = branch->request;
  PlCall *call = request->in_dialog ? NULL : pl_request_call (request);

  if (call && call->invite < 0)
    call->invite = pl_env_now (request->router->parts.env) - (request->linked ? request->linked : request->arrived);
}

static void
note_progress (PlBranch *branch, const sip_t *sip, PlCallState state)
{
  PlRequest *request = branch->request;
  PlCalls *calls = request->router->parts.calls;
  PlCall *call = pl_request_call (request);
  PlVerdict verdict;

  if (!call || request->sip->sip_request->rq_method != sip_method_invite)
    return;
  if (branch->far && state == PL_CALL_ESTABLISHED && !request->in_dialog)
    {
      pl_calls_set_far (calls, call, request->from_aor, branch->node);
      pl_calls_set_redirected (calls, call, strcmp (branch->aor, request->target) != 0 ? branch->aor : NULL);
    }
  if (pl_branch_aid (branch) && pl_media_has_sdp (sip))
    pl_calls_set_media (calls, call, PL_CALL_MEDIA_DIRECT); /* as far as others can listen */
  else if (!request->local && pl_media_check (sip, &verdict) && verdict.has_sdp)
    pl_calls_set_media (calls, call, pl_media_of_call (verdict.media));
  pl_calls_set_state (calls, call, state);
}

/* A target refresh has succeeded (RFC 3261, 12.2.1.2 and 12.2.2; RFC 3311): what the far side
 * sends from now on goes to the Contact our phone gave in it. */
static void
note_target (PlBranch *branch, const sip_t *answer)
{
  PlRequest *request = branch->request;
  sip_method_t method = request->sip->sip_request->rq_method;
  const sip_t *ours = branch->far ? request->sip : answer;
  PlCall *call = pl_request_call (request);
  g_autofree char *contact = NULL;

  if (!call || request->local || !ours->sip_contact || (method != sip_method_invite && method != sip_method_update))
    return;
  contact = pl_contact_dup_text (ours->sip_contact);
  pl_calls_set_contact (request->router->parts.calls, call, contact);
}

static const char *
flow_of_branch (PlBranch *branch)
{
  return branch->far ? source_of_branch (branch).flow : branch->flow;
}

/* An answer that may not pass: nobody hears it but the phone that gave it (DESIGN.md, media
 * policy). Inside a dialog the change fails and the call stays. */
static void
refuse_answer (PlBranch *branch, const sip_t *sip, const char *warning)
{
  PlRequest *request = branch->request;
  const char *flow = flow_of_branch (branch);

  pl_info (PL_ROUTER_ROOM, "answer refused", "call", request->sip->sip_call_id->i_id, "reason", warning, NULL);
  if (sip->sip_status->st_status < 200)
    {
      if (branch->orq && !branch->cancelled)
        nta_outgoing_tcancel (branch->orq, NULL, NULL, TAG_END ());
      branch->cancelled = TRUE;
    }
  else if (flow && request->sip->sip_request->rq_method == sip_method_invite)
    pl_kill_2xx (request->router, flow, request->sip, sip, branch->route_uri, !request->in_dialog);
  if (!request->answered)
    pl_request_answer (request, 488, "Not Acceptable Here", warning);
}

/* May this answer pass? With an edge the bridging tells. */
static gboolean
check_answer (PlBranch *branch, const sip_t *sip, PlVerdict *verdict)
{
  PlRequest *request = branch->request;

  return request->local || (pl_branch_aid (branch) && pl_media_has_sdp (sip)) || pl_media_check_answer (request->sip, sip, verdict);
}

/* A phone of ours that takes up what it cannot do gets no second such offer, but one by an edge. */
static gboolean
can_try_aid (PlBranch *branch, const sip_t *sip)
{
  PlRequest *request = branch->request;

  return !branch->far && !branch->aid && !request->local && !request->in_dialog && pl_media_has_sdp (request->sip)
         && request->sip->sip_request->rq_method == sip_method_invite && pl_media_has_sdp (sip)
         && pl_aid_allowed (request->router, request->source.far_own);
}

static void
on_provisional (PlBranch *branch, msg_t *msg, const sip_t *sip)
{
  PlRequest *request = branch->request;
  PlVerdict verdict;

  if (request->answered || branch->cancelled || request->cancelled)
    return;
  if (branch->unfit)
    return; /* its CANCEL is on the way */
  if (!check_answer (branch, sip, &verdict))
    {
      if (can_try_aid (branch, sip))
        {
          branch->unfit = TRUE;
          nta_outgoing_tcancel (branch->orq, NULL, NULL, TAG_END ());
        }
      else
        refuse_answer (branch, sip, verdict.warning);
      return;
    }
  if (relay (branch, msg))
    note_progress (branch, sip, PL_CALL_RINGING);
  else if (pl_branch_aid (branch))
    refuse_answer (branch, sip, CANNOT_CARRY);
}

static void
on_success (PlBranch *branch, msg_t *msg, const sip_t *sip)
{
  PlRequest *request = branch->request;
  gboolean invite = request->sip->sip_request->rq_method == sip_method_invite;
  /* The answer to OPTIONS tells what a phone can do; it sets up no media (RFC 3261, 11.2). */
  gboolean describes_itself = request->sip->sip_request->rq_method == sip_method_options;
  const char *flow = flow_of_branch (branch);
  PlVerdict verdict;

  if (request->answered)
    {
      /* Another phone was faster, or the caller has given up. */
      if (invite && flow)
        pl_kill_2xx (request->router, flow, request->sip, sip, branch->route_uri, TRUE);
      return;
    }
  if (branch->unfit || (!describes_itself && !check_answer (branch, sip, &verdict)))
    {
      if (!branch->unfit && !can_try_aid (branch, sip))
        {
          refuse_answer (branch, sip, verdict.warning);
          return;
        }
      if (flow)
        pl_kill_2xx (request->router, flow, request->sip, sip, branch->route_uri, TRUE);
      if (!pl_branch_try_aid (branch))
        pl_offer_best (branch, 488, NULL);
      return;
    }
  request->answered = TRUE;
  if (!relay (branch, msg))
    {
      request->answered = FALSE;
      if (invite && flow)
        pl_kill_2xx (request->router, flow, request->sip, sip, branch->route_uri, !request->in_dialog);
      if (pl_branch_aid (branch))
        pl_request_answer (request, 488, "Not Acceptable Here", CANNOT_CARRY);
      else
        pl_request_answer (request, 502, "Answer Cannot Be Passed On", NULL);
      return;
    }
  if (invite && !request->in_dialog && pl_branch_aid (branch))
    pl_aid_establish (pl_branch_aid (branch), flow ? pl_farewell_new (branch, flow, sip) : NULL);
  note_progress (branch, sip, PL_CALL_ESTABLISHED);
  note_target (branch, sip);
  pl_request_cancel_branches (request, "SIP;cause=200;text=\"Call completed elsewhere\"");
}

/* The phone says that it cannot do what is offered, each in its own words (doc/PHONES). */
static gboolean
is_media_refusal (int status)
{
  return status == 400 || status == 415 || status == 488 || status == 606;
}

static void
on_failure (PlBranch *branch, msg_t *msg, const sip_t *sip)
{
  int status = sip->sip_status->st_status;
  g_autofree char *reason = g_strdup_printf ("SIP;cause=%d;text=\"%s\"", status, sip_status_phrase (status));

  if ((branch->unfit || is_media_refusal (status)) && pl_branch_try_aid (branch))
    return;
  pl_branch_drop_aid (branch);
  if (pl_recurse (branch, sip))
    return;
  /* that one phone is overloaded says nothing of us (RFC 3261, 16.7 step 6) */
  pl_offer_best (branch, status == 503 ? 500 : status, status == 503 ? NULL : msg);
  if (status >= 600)
    pl_request_cancel_branches (branch->request, reason);
}

static void
on_final (PlBranch *branch, nta_outgoing_t *orq, const sip_t *sip)
{
  PlRequest *request = branch->request;
  int status = sip->sip_status->st_status;
  msg_t *msg = nta_outgoing_getresponse (orq);

  branch->orq = NULL;
  branch->done = TRUE;
  if (nta_sip_is_internal (sip) || !msg)
    {
      pl_branch_drop_aid (branch);
      pl_offer_best (branch, status == 503 ? 480 : status, NULL);
    }
  else if (status < 300)
    on_success (branch, msg, sip);
  else
    on_failure (branch, msg, sip);
  if (msg)
    msg_destroy (msg);
  nta_outgoing_destroy (orq);
  pl_request_check (request);
}

int
pl_on_response (PlBranch *branch, nta_outgoing_t *orq, const sip_t *sip)
{
  int status = sip && sip->sip_status ? sip->sip_status->st_status : 500;
  msg_t *msg;

  if (branch->done)
    return 0;
  branch->heard = TRUE;
  note_first_answer (branch);
  if (status >= 200)
    {
      on_final (branch, orq, sip);
      return 0;
    }
  if (status == 100 || !(msg = nta_outgoing_getresponse (orq)))
    return 0;
  on_provisional (branch, msg, sip);
  msg_destroy (msg);
  return 0;
}

/* --- the best of several answers (RFC 3261, 16.7 step 6) --- */

static int
rank (int status)
{
  if (status >= 600)
    return 0;
  switch (status)
    {
    case 401: case 407: case 415: case 420: case 484: case 488:
      return 200; /* tells the caller how to try again */
    case 408: case 480: case 404:
      return 499; /* says least */
    case 487:
      return 490;
    default:
      return status < 400 ? status - 200 : status >= 500 ? status : status - 150; /* 3xx, then 4xx, then 5xx */
    }
}

void
pl_offer_best (PlBranch *branch, int status, msg_t *msg)
{
  PlRequest *request = branch->request;

  if (request->best_status && rank (request->best_status) <= rank (status))
    return;
  if (request->best)
    msg_destroy (request->best);
  request->best = msg ? msg_ref_create (msg) : NULL;
  request->best_branch = branch;
  request->best_status = status;
}

/* Of an answer that is our own, in words for the caller. */
static const char *
phrase_of (int status)
{
  switch (status)
    {
    case 403:
      return "Another Person Is There";
    case 408:
      return "No Answer";
    case 480:
      return "Not Reachable Now";
    case 482:
      return "Redirected in a Circle";
    case 500:
      return "The Phone Has a Problem";
    default:
      return sip_status_phrase (status);
    }
}

void
pl_answer_best (PlRequest *request)
{
  int status = request->best_status ? request->best_status : 480;
  PlCall *call = request->in_dialog ? NULL : pl_request_call (request);

  if (!request->best || !relay (request->best_branch, request->best))
    {
      pl_request_answer (request, status, phrase_of (status), NULL);
      return;
    }
  request->answered = TRUE;
  pl_request_drop_aid (request);
  if (call)
    pl_calls_set_state (request->router->parts.calls, call, PL_CALL_ENDED);
}
