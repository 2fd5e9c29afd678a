/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "sip/router/headers.h"

/* Has this person been called already, or is about to be? */
static gboolean
is_known (const PlRequest *request, const char *aor)
{
  for (guint i = 0; i < request->branches->len; i++)
    if (g_strcmp0 (((PlBranch *) request->branches->pdata[i])->aor, aor) == 0)
      return TRUE;
  for (guint i = 0; i < request->redirects->len; i++)
    if (strcmp (request->redirects->pdata[i], aor) == 0)
      return TRUE;
  return strcmp (request->target, aor) == 0;
}

gboolean
pl_recurse (PlBranch *branch, const sip_t *response)
{
  PlRequest *request = branch->request;
  int status = response->sip_status->st_status;
  guint before = request->redirects->len;
  gboolean all = response->sip_contact != NULL;

  if (!branch->far || request->in_dialog || request->cancelled || request->answered || status < 300 || status > 302)
    return FALSE;
  for (const sip_contact_t *contact = response->sip_contact; contact; contact = contact->m_next)
    {
      char *aor = pl_url_dup_aor (contact->m_url);

      if (aor && !is_known (request, aor) && request->redirects->len < PL_REDIRECTS_MAX)
        g_ptr_array_add (request->redirects, aor);
      else if (aor)
        g_free (aor);
      else
        all = FALSE; /* what only the phone itself may be able to call */
    }
  if (all && request->redirects->len == before)
    pl_offer_best (branch, 482, NULL);
  return all;
}

static void
on_resolved (gpointer user, PlResolveResult result, const PlResolved *nodes, gsize n)
{
  PlRequest *request = user;
  guint before = request->branches->len;

  request->resolving = NULL;
  if (request->answered)
    {
      pl_request_check (request); /* somebody else took the call meanwhile */
      return;
    }
  for (gsize i = 0; result == PL_RESOLVE_FOUND && i < n && request->branches->len < PL_TARGETS_MAX; i++)
    {
      PlBranch *branch = pl_request_add_far (request, &nodes[i]);

      if (branch)
        branch->stage = request->stage;
    }
  if (request->branches->len == before)
    pl_offer_best (request->branches->pdata[0], result == PL_RESOLVE_UNKNOWN ? 404 : result == PL_RESOLVE_CIRCLE ? 482 : 480, NULL);
  else
    pl_tell_redirection (request, nodes[0].aor);
  for (guint i = before; i < request->branches->len; i++)
    pl_branch_send (request->branches->pdata[i]);
  pl_request_check (request);
}

gboolean
pl_recurse_next (PlRequest *request)
{
  const PlResolver *resolver = request->router->parts.resolver;

  if (request->answered || request->cancelled || request->redirected >= request->redirects->len || request->best_status >= 600)
    return FALSE;
  request->resolving = resolver->funcs->resolve (resolver->impl, request->from_aor,
                                                 request->redirects->pdata[request->redirected++], on_resolved, request);
  return TRUE;
}
