/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "base/log.h"

typedef struct {
  const char *name;
  PlStepResult (*run) (PlRequest *request);
} Step;

/* The way of a request. A step continues, answers, or waits and runs the rest later. */
static const Step steps[] = {
  { "sanity", pl_step_sanity },
  { "max-forwards", pl_step_max_forwards },
  { "loop", pl_step_loop },
  { "merged", pl_step_merged },
  { "load", pl_step_load },
  { "dialog", pl_step_dialog },
  { "identity", pl_step_identity },
  { "register", pl_step_register },
  { "self", pl_step_self },
  { "destination", pl_step_destination },
  { "media", pl_step_media },
  { "forward", pl_step_forward },
};

static void on_deadline (gpointer data);

/* --- branches --- */

static void
branch_free (gpointer data)
{
  PlBranch *branch = data;

  if (branch->orq)
    nta_outgoing_destroy (branch->orq);
  g_free (branch->node);
  g_free (branch->aor);
  g_free (branch->flow);
  g_free (branch->contact);
  g_free (branch->route_uri);
  g_free (branch);
}

void
pl_request_add_branch (PlRequest *request, PlBranch *branch)
{
  branch->request = request;
  g_ptr_array_add (request->branches, branch);
}

void
pl_branch_fail (PlBranch *branch, int status)
{
  branch->waiting = FALSE;
  branch->done = TRUE;
  pl_offer_best (branch, status, NULL);
}

/* --- requests --- */

/* The next ones ring beside those that ring already: who hears it late may still answer. */
static void
begin_next_stage (PlRequest *request)
{
  request->stage++;
  request->patient = FALSE;
  pl_env_arm (request->router->parts.env, &request->deadline, PL_CONNECT_TIME, on_deadline, request);
  pl_request_send_stage (request);
}

static void
request_free (gpointer data)
{
  PlRequest *request = data;
  PlRouter *router = request->router;
  const PlResolver *resolver = router->parts.resolver;

  pl_timer_clear (&request->deadline);
  if (request->resolving)
    resolver->funcs->cancel (resolver->impl, request->resolving);
  for (guint i = 0; i < request->branches->len; i++)
    pl_far_cancel_wait (router->parts.fars, request->branches->pdata[i]);
  pl_request_drop_aid (request);
  for (guint i = 0; i < request->branches->len; i++)
    pl_branch_drop_aid (request->branches->pdata[i]);
  g_ptr_array_unref (request->branches);
  g_ptr_array_unref (request->redirects);
  if (request->best)
    msg_destroy (request->best);
  if (request->irq)
    nta_incoming_destroy (request->irq);
  pl_source_clear (&request->source);
  g_clear_pointer (&request->token, pl_token_free);
  g_free (request->from_aor);
  g_free (request->target);
  g_free (request);
}

static gboolean
all_done (PlRequest *request)
{
  for (guint i = 0; i < request->branches->len; i++)
    if (!((PlBranch *) request->branches->pdata[i])->done)
      return FALSE;
  return TRUE;
}

static gboolean
give_up_waiting (PlRequest *request)
{
  gboolean any = FALSE;

  for (guint i = 0; i < request->branches->len; i++)
    {
      PlBranch *branch = request->branches->pdata[i];

      if (!branch->waiting)
        continue;
      pl_far_cancel_wait (request->router->parts.fars, branch);
      pl_branch_fail (branch, 480);
      any = TRUE;
    }
  return any;
}

/* Freed from the loop, never below a callback that still holds it. */
static void
finish_later (PlRequest *request)
{
  pl_env_arm (request->router->parts.env, &request->deadline, 0, on_deadline, request);
}

/* An INVITE over links that only seem to stand: a live daemon says 100 at once. */
static gboolean
nobody_hears (PlRequest *request)
{
  for (guint i = 0; i < request->branches->len; i++)
    {
      PlBranch *branch = request->branches->pdata[i];

      if (branch->stage <= request->stage && !branch->done && (!branch->far || branch->heard))
        return FALSE;
    }
  return !request->in_dialog && request->sip->sip_request->rq_method == sip_method_invite;
}

static void
wait_or_go_on (PlRequest *request)
{
  if (nobody_hears (request) || request->patient)
    {
      begin_next_stage (request);
      pl_request_check (request);
      return;
    }
  request->patient = TRUE;
  pl_env_arm (request->router->parts.env, &request->deadline, PL_STAGE_TIME - PL_CONNECT_TIME, on_deadline, request);
}

/* Nodes not connected by now count as gone, and so do connected ones that say nothing. */
static void
end_of_patience (PlRequest *request)
{
  PlEnv *env = request->router->parts.env;
  guint stage = request->stage;

  if (give_up_waiting (request))
    pl_request_check (request);
  if (request->answered || request->stage != stage)
    return;
  if (nobody_hears (request) && request->linked && pl_env_now (env) - request->linked < PL_SENT_TIME)
    {
      pl_env_arm (env, &request->deadline, PL_SENT_TIME, on_deadline, request);
      return;
    }
  if (pl_request_has_next_stage (request))
    {
      wait_or_go_on (request);
      return;
    }
  if (!nobody_hears (request))
    return;
  pl_answer_best (request);
  pl_request_cancel_branches (request, NULL);
  finish_later (request);
}

/* A look-up that takes too long: without it there is nobody to call, or others that were. */
static void
end_look_up (PlRequest *request)
{
  const PlResolver *resolver = request->router->parts.resolver;

  if (request->branches->len == 0)
    {
      pl_request_answer (request, 480, "Look-up Took Too Long", NULL);
      return;
    }
  resolver->funcs->cancel (resolver->impl, g_steal_pointer (&request->resolving));
  pl_offer_best (request->branches->pdata[0], 480, NULL);
  pl_request_check (request);
}

static void
on_deadline (gpointer data)
{
  PlRequest *request = data;

  if (request->answered && (request->lingering || all_done (request)))
    {
      g_ptr_array_remove_fast (request->router->requests, request); /* frees it */
      return;
    }
  if (request->answered)
    {
      request->lingering = TRUE;
      pl_env_arm (request->router->parts.env, &request->deadline, PL_LINGER_TIME, on_deadline, request);
    }
  else if (request->cancelled)
    pl_request_answer (request, 487, "Request Terminated", NULL);
  else if (request->resolving)
    end_look_up (request);
  else
    end_of_patience (request);
}

void
pl_request_check (PlRequest *request)
{
  if (request->resolving)
    return;
  if (pl_recurse_next (request))
    {
      pl_env_arm (request->router->parts.env, &request->deadline, PL_CONNECT_TIME, on_deadline, request);
      return;
    }
  while (pl_request_has_next_stage (request) && pl_request_stage_done (request))
    begin_next_stage (request);
  if (!all_done (request))
    return;
  if (!request->answered)
    pl_answer_best (request);
  finish_later (request);
}

PlStepResult
pl_request_answer (PlRequest *request, int status, const char *phrase, const char *warning)
{
  PlRouter *router = request->router;
  const PlResolver *resolver = router->parts.resolver;
  g_autofree char *text = warning ? g_strdup_printf ("399 peerline \"%s\"", warning) : NULL;
  g_autofree char *reason = g_strdup_printf ("SIP;cause=%d;text=\"%s\"", status, phrase);
  PlCall *call = request->in_dialog ? NULL : pl_request_call (request);

  if (request->answered)
    return PL_STEP_DONE;
  request->answered = TRUE;
  pl_info (PL_ROUTER_ROOM, "answered", "call", request->sip->sip_call_id ? request->sip->sip_call_id->i_id : "", "reason", phrase,
           NULL);
  if (request->resolving)
    resolver->funcs->cancel (resolver->impl, g_steal_pointer (&request->resolving));
  if (request->sip->sip_to && !request->sip->sip_to->a_tag)
    nta_incoming_tag (request->irq, NULL);
  nta_incoming_treply (request->irq, status, phrase, TAG_IF (text, SIPTAG_WARNING_STR (text)), TAG_END ());
  pl_request_cancel_branches (request, reason);
  pl_request_drop_aid (request);
  if (call)
    pl_calls_set_state (router->parts.calls, call, PL_CALL_ENDED);
  finish_later (request);
  return PL_STEP_DONE;
}

void
pl_request_run (PlRequest *request)
{
  while (request->step < G_N_ELEMENTS (steps))
    {
      const Step *step = &steps[request->step++];
      PlStepResult result = step->run (request);

      if (result == PL_STEP_WAIT)
        return;
      if (result == PL_STEP_DONE)
        {
          pl_debug (PL_ROUTER_ROOM, "request ends", "step", step->name, NULL);
          finish_later (request);
          return;
        }
    }
}

/* Why the caller gives up, in its own words (RFC 3326, 2); NULL: it does not say. */
static char *
dup_reason (const sip_t *cancel)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (!cancel->sip_reason || !cancel->sip_reason->re_protocol)
    return NULL;
  g_string_append (text, cancel->sip_reason->re_protocol);
  for (msg_param_t const *param = cancel->sip_reason->re_params; param && *param; param++)
    g_string_append_printf (text, ";%s", *param);
  return text->len > PL_REASON_MAX ? NULL : g_strdup (text->str);
}

/* CANCEL; nta has answered it already. An ACK of our final answer comes here, too. */
static int
on_ack_cancel (PlRequest *request, nta_incoming_t *irq, const sip_t *sip)
{
  g_autofree char *reason = NULL;

  if (!sip || !sip->sip_request || sip->sip_request->rq_method != sip_method_cancel || request->answered)
    return 0;
  request->cancelled = TRUE;
  if (request->resolving || request->branches->len == 0)
    {
      pl_request_answer (request, 487, "Request Terminated", NULL);
      return 0;
    }
  reason = dup_reason (sip);
  pl_request_cancel_branches (request, reason);
  pl_env_arm (request->router->parts.env, &request->deadline, PL_CANCEL_TIME, on_deadline, request);
  pl_request_check (request);
  return 0;
}

static void
start_request (PlRouter *router, msg_t *msg, sip_t *sip)
{
  PlSource source;
  PlRequest *request;
  nta_incoming_t *irq;

  if (!pl_source_read (router, msg, &source))
    {
      msg_destroy (msg);
      return;
    }
  irq = nta_incoming_create (router->agent, NULL, msg, sip, TAG_END ());
  if (!irq)
    {
      pl_source_clear (&source);
      return;
    }
  request = g_new0 (PlRequest, 1);
  request->router = router;
  request->irq = irq;
  request->sip = sip;
  request->source = source;
  request->arrived = pl_env_now (router->parts.env);
  request->branches = g_ptr_array_new_with_free_func (branch_free);
  request->redirects = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (router->requests, request);
  nta_incoming_bind (irq, on_ack_cancel, request);
  if (sip->sip_request->rq_method == sip_method_invite)
    nta_incoming_treply (irq, SIP_100_TRYING, TAG_END ());
  pl_env_arm (router->parts.env, &request->deadline, PL_CONNECT_TIME, on_deadline, request);
  pl_request_run (request);
}

int
pl_router_on_message (PlRouter *router, nta_agent_t *agent, msg_t *msg, sip_t *sip)
{
  if (sip->sip_status)
    pl_on_stray_response (router, msg, sip);
  else if (!sip->sip_request)
    msg_destroy (msg);
  else if (sip->sip_request->rq_method == sip_method_ack)
    pl_on_ack (router, msg, sip);
  else if (sip->sip_request->rq_method == sip_method_cancel)
    nta_msg_treply (agent, msg, SIP_481_NO_TRANSACTION, TAG_END ());
  else
    start_request (router, msg, sip);
  return 0;
}

/* --- life --- */

PlRouter *
pl_router_new (const PlRouterParts *parts)
{
  PlRouter *router = g_new0 (PlRouter, 1);

  router->parts = *parts;
  router->requests = g_ptr_array_new_with_free_func (request_free);
  router->lacking = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  router->aids = g_ptr_array_new_with_free_func (pl_aid_free);
  router->quotas = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_queue_init (&router->killed);
  return router;
}

void
pl_router_free (PlRouter *router)
{
  if (!router)
    return;
  while (router->requests->len > 0) /* one by one: each looks through the others */
    g_ptr_array_remove_index_fast (router->requests, router->requests->len - 1);
  g_ptr_array_unref (router->requests);
  g_ptr_array_unref (router->aids);
  g_hash_table_unref (router->lacking);
  g_hash_table_unref (router->quotas);
  pl_killed_clear (router);
  g_free (router);
}

void
pl_router_network_changed (PlRouter *router)
{
  for (guint i = 0; i < router->aids->len; i++)
    pl_aid_refresh (router->aids->pdata[i]);
}

void
pl_router_set_agent (PlRouter *router, nta_agent_t *agent)
{
  router->agent = agent;
}

const char *
pl_router_own_node (PlRouter *router, const char *aor, const char *far)
{
  const PlResolver *resolver = router->parts.resolver;

  return resolver->funcs->own_node (resolver->impl, aor, far);
}

gboolean
pl_router_is_ours (PlRouter *router, const char *aor)
{
  const PlResolver *resolver = router->parts.resolver;

  return resolver->funcs->is_ours (resolver->impl, aor);
}

PlFlow *
pl_router_far_flow (PlRouter *router, const char *own, const char *node)
{
  PlFar *far = pl_far_net_get (router->parts.fars, own, node);

  return far ? pl_far_flow (far) : NULL;
}
