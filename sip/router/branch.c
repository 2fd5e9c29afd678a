/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Branches of a request: with or without an edge for the phone, to a phone or a far node, one
 * stage after the other (RFC 3261, 16.6).
 */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "base/log.h"

/* --- edges of phones --- */

PlAid *
pl_branch_aid (PlBranch *branch)
{
  return branch->aid ? branch->aid : branch->request->aid;
}

guint
pl_branch_ahead (PlBranch *branch)
{
  const PlRequest *request = branch->request;

  if (branch->far)
    return branch->ahead;
  return request->in_dialog ? request->token->raised : branch->retried;
}

void
pl_branch_drop_aid (PlBranch *branch)
{
  PlAid *aid = g_steal_pointer (&branch->aid);

  if (!aid)
    return;
  pl_aid_forget (aid, branch);
  if (!pl_aid_is_established (aid))
    pl_aid_end (aid);
}

void
pl_request_drop_aid (PlRequest *request)
{
  PlAid *aid = g_steal_pointer (&request->aid);

  if (!aid)
    return;
  pl_aid_forget (aid, request);
  if (!request->in_dialog && !pl_aid_is_established (aid))
    pl_aid_end (aid);
}

void
pl_router_forget_aid (PlRouter *router, PlAid *aid)
{
  for (guint i = 0; i < router->requests->len; i++)
    {
      PlRequest *request = router->requests->pdata[i];

      if (request->aid == aid)
        request->aid = NULL;
      for (guint k = 0; k < request->branches->len; k++)
        if (((PlBranch *) request->branches->pdata[k])->aid == aid)
          ((PlBranch *) request->branches->pdata[k])->aid = NULL;
    }
}

static void
fail_branch_aid (PlBranch *branch)
{
  if (!branch->done && !branch->cancelled)
    {
      branch->cancelled = TRUE;
      if (branch->orq)
        nta_outgoing_tcancel (branch->orq, NULL, NULL, TAG_END ());
    }
  pl_offer_best (branch, 500, NULL);
}

void
pl_router_fail_aid (PlRouter *router, PlAid *aid, const char *reason)
{
  for (guint i = 0; i < router->requests->len; i++)
    {
      PlRequest *request = router->requests->pdata[i];

      if (request->aid == aid && !request->in_dialog)
        {
          pl_request_answer (request, 500, "Media Edge Failed", reason); /* drops it */
          return;
        }
      for (guint k = 0; k < request->branches->len; k++)
        if (((PlBranch *) request->branches->pdata[k])->aid == aid)
          fail_branch_aid (request->branches->pdata[k]);
    }
  pl_aid_end (aid);
}

static void
branch_send_now (PlBranch *branch, PlFlow *flow)
{
  PlRouter *router = branch->request->router;
  msg_t *msg = pl_forward_request (branch);

  branch->waiting = FALSE;
  if (!msg)
    {
      pl_branch_fail (branch, 400);
      return;
    }
  branch->orq = nta_outgoing_mcreate (router->agent, pl_on_response, branch, URL_STRING_MAKE (pl_flow_route (flow)), msg,
                                      TAG_END ());
  if (!branch->orq)
    {
      msg_destroy (msg);
      pl_branch_fail (branch, 500);
    }
}

/* The far certificate must hold the name that was called, or the one that is redirected to. */
static gboolean
far_is_whom_we_called (PlBranch *branch, PlFar *far)
{
  const char *aor = pl_far_aor (far);

  if (!aor || strcmp (aor, branch->aor) == 0)
    return TRUE;
  pl_notice (PL_ROUTER_ROOM, "the far node is certified for another name than was called", "node", branch->node,
             "certified", aor, "called", branch->aor, NULL);
  return FALSE;
}

static void
on_far_ready (gpointer user, PlFar *far, const char *error)
{
  PlBranch *branch = user;
  PlRequest *request = branch->request;
  gint64 now = pl_env_now (request->router->parts.env);
  PlCall *call = pl_request_call (request);

  if (!branch->waiting)
    return;
  if (error)
    {
      pl_info (PL_ROUTER_ROOM, "far node not reached", "node", branch->node, "reason", error, NULL);
      pl_branch_fail (branch, 480);
    }
  else if (!far_is_whom_we_called (branch, far))
    pl_branch_fail (branch, 403);
  else
    {
      if (call && call->connect < 0)
        call->connect = now - request->arrived - MAX (call->lookup, 0);
      if (!request->linked)
        request->linked = now;
      branch_send_now (branch, pl_far_flow (far));
    }
  pl_request_check (request);
}

static void
branch_send_far (PlBranch *branch)
{
  PlRequest *request = branch->request;
  const char *own = request->in_dialog ? request->token->own_aor : request->from_aor;
  PlFar *far = pl_far_net_get (request->router->parts.fars, own, branch->node);
  PlCall *call = pl_request_call (request);

  if (!far)
    {
      pl_branch_fail (branch, 480);
      return;
    }
  if (!far_is_whom_we_called (branch, far))
    {
      pl_branch_fail (branch, 403);
      return;
    }
  /* Inside a dialog the flow itself holds the request while it connects. */
  if (!request->in_dialog && !pl_far_is_up (far))
    {
      branch->waiting = TRUE;
      pl_far_wait (far, on_far_ready, branch);
      return;
    }
  if (call && call->connect < 0 && !request->in_dialog)
    call->connect = 0;
  request->linked = pl_env_now (request->router->parts.env);
  branch_send_now (branch, pl_far_flow (far));
}

void
pl_branch_send (PlBranch *branch)
{
  PlFlow *flow;

  if (branch->far)
    {
      branch_send_far (branch);
      return;
    }
  if (!branch->retried && pl_aid_lacks (branch->request->router, branch->flow) && pl_branch_try_aid (branch))
    return;
  flow = pl_listener_phone (branch->request->router->parts.listener, branch->flow);
  if (flow)
    branch_send_now (branch, flow);
  else
    pl_branch_fail (branch, 480);
}

/* --- stages --- */

static int
compare_branches (gconstpointer a, gconstpointer b)
{
  const PlBranch *one = *(PlBranch *const *) a, *other = *(PlBranch *const *) b;

  return one->q != other->q ? (int) other->q - (int) one->q : (int) other->score - (int) one->score;
}

void
pl_request_send_stage (PlRequest *request)
{
  request->linked = 0;
  for (guint i = 0; i < request->branches->len; i++)
    {
      PlBranch *branch = request->branches->pdata[i];

      if (branch->stage == request->stage)
        pl_branch_send (branch);
    }
}

void
pl_request_send_branches (PlRequest *request)
{
  g_ptr_array_sort (request->branches, compare_branches);
  for (guint i = 1; i < request->branches->len; i++)
    {
      PlBranch **each = (PlBranch **) &request->branches->pdata[i];

      each[0]->stage = each[-1]->stage + (compare_branches (&each[-1], &each[0]) != 0);
    }
  request->sent = TRUE;
  pl_request_send_stage (request);
}

gboolean
pl_request_has_next_stage (PlRequest *request)
{
  if (!request->sent || request->answered || request->cancelled || request->best_status >= 600)
    return FALSE;
  for (guint i = 0; i < request->branches->len; i++)
    if (((PlBranch *) request->branches->pdata[i])->stage > request->stage)
      return TRUE;
  return FALSE;
}

gboolean
pl_request_stage_done (PlRequest *request)
{
  for (guint i = 0; i < request->branches->len; i++)
    {
      const PlBranch *branch = request->branches->pdata[i];

      if (branch->stage <= request->stage && !branch->done)
        return FALSE;
    }
  return TRUE;
}

void
pl_request_cancel_branches (PlRequest *request, const char *reason)
{
  for (guint i = 0; i < request->branches->len; i++)
    {
      PlBranch *branch = request->branches->pdata[i];

      if (branch->done || branch->cancelled)
        continue;
      branch->cancelled = TRUE;
      pl_branch_drop_aid (branch);
      if (branch->orq && nta_outgoing_method (branch->orq) == sip_method_invite)
        nta_outgoing_tcancel (branch->orq, NULL, NULL, TAG_IF (reason, SIPTAG_REASON_STR (reason)), TAG_END ());
      else if (!branch->orq)
        pl_branch_fail (branch, 487);
    }
}
