/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "base/log.h"
#include "sip/registrar/request.h"
#include "sip/router/headers.h"

#define ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, INFO, UPDATE, PRACK, SUBSCRIBE, NOTIFY, REFER, REGISTER"

typedef struct {
  double tokens;
  gint64 refilled;
} Quota;

/* With the list of what we don't support, that is all (RFC 3261, 16.3 step 5). */
static PlStepResult
bad_extension (PlRequest *request)
{
  const sip_proxy_require_t *wanted = request->sip->sip_proxy_require;
  g_autofree char *list = wanted->k_items ? g_strjoinv (", ", (char **) wanted->k_items) : g_strdup ("");

  nta_incoming_tag (request->irq, NULL);
  nta_incoming_treply (request->irq, SIP_420_BAD_EXTENSION, TAG_IF (*list, SIPTAG_UNSUPPORTED_STR (list)), TAG_END ());
  request->answered = TRUE;
  return PL_STEP_DONE;
}

PlStepResult
pl_step_sanity (PlRequest *request)
{
  const sip_t *sip = request->sip;
  enum url_type_e type = sip->sip_request->rq_url->url_type;

  if (type != url_sip && type != url_sips)
    return pl_request_answer (request, 416, "Unsupported URI Scheme", NULL);
  if (sip->sip_proxy_require)
    return bad_extension (request);
  if (!sip->sip_from || !sip->sip_to || !sip->sip_call_id || !sip->sip_cseq || strlen (sip->sip_call_id->i_id) > PL_TOKEN_FIELD_MAX)
    return pl_request_answer (request, 400, "Bad Request", NULL);
  if (sip->sip_request->rq_method == sip_method_invite
      && (!sip->sip_contact || sip->sip_contact->m_url->url_type == url_any))
    return pl_request_answer (request, 400, "Contact Missing", NULL);
  return PL_STEP_CONTINUE;
}

PlStepResult
pl_step_max_forwards (PlRequest *request)
{
  const sip_max_forwards_t *forwards = request->sip->sip_max_forwards;

  if (forwards && forwards->mf_count == 0)
    return pl_request_answer (request, 483, "Too Many Hops", NULL);
  return PL_STEP_CONTINUE;
}

/* Our Via says our node toward far sides and our port toward phones. Nothing comes back from
 * where it was sent in good order: no link leads to a link, no phone to a phone's call. */
PlStepResult
pl_step_loop (PlRequest *request)
{
  PlRouter *router = request->router;
  gboolean far = pl_source_is_far (&request->source);
  const char *node = far ? pl_router_own_node (router, request->source.far_own, request->source.far_node) : NULL;
  g_autofree char *name = node ? g_strdup_printf ("%s.invalid", node) : NULL;
  const char *listen = pl_listener_address_for (router->parts.listener, request->source.flow);

  for (const sip_via_t *via = request->sip->sip_via; via; via = via->v_next)
    {
      g_autofree char *sent_by = via->v_port ? g_strdup_printf ("%s:%s", via->v_host, via->v_port) : g_strdup (via->v_host);

      if (sent_by && ((name && g_ascii_strcasecmp (sent_by, name) == 0) || (!far && g_ascii_strcasecmp (sent_by, listen) == 0)))
        return pl_request_answer (request, 482, "Loop Detected", NULL);
    }
  return PL_STEP_CONTINUE;
}

/* The same request by another way, while this one is under way: it was forked before it came to us,
 * and its phones ring already (RFC 3261, 8.2.2.2). One that is for somebody else is no copy. */
static gboolean
is_merged (const PlRequest *one, const PlRequest *other)
{
  const sip_t *a = one->sip, *b = other->sip;

  return one != other && !other->answered && pl_source_is_far (&one->source) == pl_source_is_far (&other->source)
         && a->sip_cseq->cs_seq == b->sip_cseq->cs_seq && a->sip_cseq->cs_method == b->sip_cseq->cs_method
         && g_strcmp0 (a->sip_call_id->i_id, b->sip_call_id->i_id) == 0
         && g_strcmp0 (a->sip_from->a_tag, b->sip_from->a_tag) == 0
         && url_cmp (a->sip_request->rq_url, b->sip_request->rq_url) == 0;
}

PlStepResult
pl_step_merged (PlRequest *request)
{
  GPtrArray *all = request->router->requests;

  for (guint i = 0; !request->sip->sip_to->a_tag && i < all->len; i++)
    {
      const PlRequest *other = all->pdata[i];

      if (other->target && is_merged (request, other))
        return pl_request_answer (request, 482, "Merged Request", NULL);
    }
  return PL_STEP_CONTINUE;
}

/* --- load --- */

/* How many transactions of the last 32 s nta still holds. */
static gboolean
too_many_transactions (PlRouter *router)
{
  gint64 second = pl_env_now (router->parts.env) / PL_USEC_PER_SEC;
  guint sum = 0;

  for (gint64 s = MAX (router->started_second + 1, second - 31); s <= second; s++)
    router->started[s % G_N_ELEMENTS (router->started)] = 0;
  router->started_second = second;
  for (guint i = 0; i < G_N_ELEMENTS (router->started); i++)
    sum += router->started[i];
  router->started[second % G_N_ELEMENTS (router->started)]++;
  return sum >= PL_TRANSACTIONS_MAX;
}

static guint
far_rate (const PlRouter *router)
{
  return router->parts.far_rate ? router->parts.far_rate : PL_FAR_RATE;
}

static gboolean
within_quota (PlRouter *router, const char *flow)
{
  guint burst = PL_FAR_BURST * far_rate (router);
  Quota *quota = g_hash_table_lookup (router->quotas, flow);
  gint64 now = pl_env_now (router->parts.env);

  if (!quota)
    {
      if (g_hash_table_size (router->quotas) >= PL_FLOWS_MAX)
        g_hash_table_remove_all (router->quotas);
      quota = g_new0 (Quota, 1);
      quota->tokens = burst;
      quota->refilled = now;
      g_hash_table_insert (router->quotas, g_strdup (flow), quota);
    }
  quota->tokens = MIN (burst, quota->tokens + (double) (now - quota->refilled) * far_rate (router) / PL_USEC_PER_SEC);
  quota->refilled = now;
  if (quota->tokens < 1)
    return FALSE;
  quota->tokens -= 1;
  return TRUE;
}

static guint
ringing_from (PlRouter *router, const char *flow)
{
  guint n = 0;

  for (guint i = 0; i < router->requests->len; i++)
    {
      const PlRequest *request = router->requests->pdata[i];

      n += !request->answered && request->sip->sip_request->rq_method == sip_method_invite
           && strcmp (request->source.flow, flow) == 0;
    }
  return n;
}

PlStepResult
pl_step_load (PlRequest *request)
{
  PlRouter *router = request->router;

  if (too_many_transactions (router) || router->requests->len > PL_REQUESTS_MAX)
    return pl_request_answer (request, 503, "Too Much at Once", NULL);
  if (!pl_source_is_far (&request->source) || request->sip->sip_to->a_tag)
    return PL_STEP_CONTINUE;
  if (!within_quota (router, request->source.flow)
      || (request->sip->sip_request->rq_method == sip_method_invite
          && ringing_from (router, request->source.flow) > PL_FAR_RINGING_MAX * far_rate (router)))
    {
      pl_info (PL_ROUTER_ROOM, "a far node asks too much", "node", request->source.far_node, NULL);
      return pl_request_answer (request, 503, "Too Much at Once", NULL);
    }
  return PL_STEP_CONTINUE;
}

/* --- dialogs --- */

static gboolean
is_own_address (PlRouter *router, const url_t *url)
{
  const char *const *listening = pl_listener_listening (router->parts.listener);
  g_autofree char *text = url->url_host ? g_strdup_printf ("%s:%s", url->url_host, url->url_port ? url->url_port : "5060") : NULL;

  for (guint i = 0; text && listening[i]; i++)
    if (g_ascii_strcasecmp (listening[i], text) == 0)
      return TRUE;
  return FALSE;
}

PlToken *
pl_open_route_token (PlRouter *router, const sip_t *sip, guint *own_routes, gboolean *bad)
{
  PlToken *token = NULL;

  *own_routes = 0;
  *bad = FALSE;
  for (const sip_route_t *route = sip->sip_route; route; route = route->r_next)
    {
      g_autofree char *text = pl_route_token (route->r_url, NULL);
      PlToken *opened = text && !token ? pl_token_open (router->parts.key, text) : NULL;

      /* A proxy's Route that phones write into their first request has no token. */
      if (!opened && (text || !is_own_address (router, route->r_url)))
        {
          *bad = text && !token && is_own_address (router, route->r_url);
          break;
        }
      if (opened)
        token = opened;
      (*own_routes)++;
    }
  return token;
}

gboolean
pl_token_admits (const PlToken *token, const PlSource *source, const sip_t *sip)
{
  if (!sip->sip_call_id || strcmp (token->call_id, sip->sip_call_id->i_id) != 0)
    return FALSE;
  if (!pl_source_is_far (source))
    return TRUE;
  return strcmp (token->far_node, source->far_node) == 0 && strcmp (token->far_aor, source->far_aor) == 0
         && strcmp (token->own_aor, source->far_own) == 0;
}

PlStepResult
pl_step_dialog (PlRequest *request)
{
  PlRouter *router = request->router;
  gboolean bad;

  request->token = pl_open_route_token (router, request->sip, &request->own_routes, &bad);
  if (request->token && !pl_token_admits (request->token, &request->source, request->sip))
    {
      pl_notice (PL_ROUTER_ROOM, "request with the token of another call refused", "call", request->sip->sip_call_id->i_id,
                 NULL);
      return pl_request_answer (request, 403, "Not Your Call", NULL);
    }
  request->in_dialog = request->token != NULL;
  if (!request->in_dialog && (bad || request->sip->sip_to->a_tag) && request->sip->sip_request->rq_method != sip_method_register)
    return pl_request_answer (request, 481, "Call Does Not Exist", NULL);
  return PL_STEP_CONTINUE;
}

/* --- identity --- */

gboolean
pl_token_names (const PlToken *token, const char *aor)
{
  return aor && (strcmp (aor, token->far_aor) == 0 || strcmp (aor, token->called) == 0);
}

static PlStepResult
identity_of_far (PlRequest *request)
{
  const PlSource *source = &request->source;
  gboolean theirs = request->in_dialog ? pl_token_names (request->token, request->from_aor)
                                       : g_strcmp0 (request->from_aor, source->far_aor) == 0;

  if (!theirs)
    {
      pl_notice (PL_ROUTER_ROOM, "a far node speaks in the name of another, refused", "node", source->far_node,
                 "certified", source->far_aor, "from", request->from_aor ? request->from_aor : "", NULL);
      return pl_request_answer (request, 403, "From Is Not the Certified Name", NULL);
    }
  if (request->sip->sip_request->rq_method == sip_method_register)
    return pl_request_answer (request, 403, "No Registrar for Others", NULL);
  return PL_STEP_CONTINUE;
}

PlStepResult
pl_step_identity (PlRequest *request)
{
  request->from_aor = pl_url_dup_aor (request->sip->sip_from->a_url);
  if (pl_source_is_far (&request->source))
    return identity_of_far (request);
  if (request->in_dialog || request->sip->sip_request->rq_method == sip_method_register)
    return PL_STEP_CONTINUE;
  if (!request->from_aor || !pl_router_is_ours (request->router, request->from_aor))
    return pl_request_answer (request, 403, "From Is None of Your Identities",
                              "set the SIP address of the phone to an identity that peerline has");
  return PL_STEP_CONTINUE;
}

/* What is behind "Digest" in its Authorization for our realm; NULL: nothing. Borrowed. */
static const char *const *
credentials (const sip_t *sip)
{
  for (const sip_authorization_t *each = sip->sip_authorization; each; each = each->au_next)
    if (each->au_scheme && g_ascii_strcasecmp (each->au_scheme, "Digest") == 0
        && g_strcmp0 (msg_params_find (each->au_params, "realm="), "\"" PL_DIGEST_REALM "\"") == 0)
      return each->au_params;
  return NULL;
}

/* The phone shows its password, if this identity has one for phones. FALSE: answered. */
static gboolean
shows_password (PlRequest *request, const char *aor)
{
  PlDigest *digest = request->router->parts.digest;
  PlDigestResult result = digest ? pl_digest_check (digest, aor, "REGISTER", credentials (request->sip)) : PL_DIGEST_FREE;
  g_autofree char *challenge = NULL;

  switch (result)
    {
    case PL_DIGEST_FREE:
    case PL_DIGEST_GOOD:
      return TRUE;
    case PL_DIGEST_BROKEN:
      pl_request_answer (request, 500, "Passwords Cannot Be Read", "the log of peerline says why");
      return FALSE;
    case PL_DIGEST_WRONG:
      pl_notice (PL_ROUTER_ROOM, "a phone shows a wrong password", "aor", aor, NULL);
      break;
    case PL_DIGEST_MISSING:
    case PL_DIGEST_STALE:
      break;
    }
  challenge = pl_digest_dup_challenge (digest, aor, result == PL_DIGEST_STALE);
  nta_incoming_treply (request->irq, SIP_401_UNAUTHORIZED, SIPTAG_HEADER_STR (challenge), TAG_END ());
  request->answered = TRUE;
  return FALSE;
}

PlStepResult
pl_step_register (PlRequest *request)
{
  const sip_t *sip = request->sip;
  g_autofree char *aor = NULL;
  g_autofree char *min_expires = NULL;
  PlRegisterReply reply;

  if (sip->sip_request->rq_method != sip_method_register)
    return PL_STEP_CONTINUE;
  aor = pl_url_dup_aor (sip->sip_to->a_url);
  if (!aor)
    return pl_request_answer (request, 404, "No Address of a Person", NULL); /* RFC 3261, 10.3 step 5 */
  if (!pl_router_is_ours (request->router, aor))
    return pl_request_answer (request, 403, "Not One of Your Identities",
                              "peerline has no identity of this name: peerline identity list");
  nta_incoming_tag (request->irq, NULL);
  if (!shows_password (request, aor))
    return PL_STEP_DONE;
  pl_registrar_request (request->router->parts.registrar, sip, aor, request->source.flow, &reply);
  if (reply.min_expires)
    min_expires = g_strdup_printf ("%u", reply.min_expires);
  nta_incoming_treply (request->irq, reply.status, reply.phrase, TAG_IF (reply.contacts, SIPTAG_CONTACT_STR (reply.contacts)),
                       TAG_IF (min_expires, SIPTAG_MIN_EXPIRES_STR (min_expires)), TAG_END ());
  request->answered = TRUE;
  pl_register_reply_clear (&reply);
  return PL_STEP_DONE;
}

/* A phone asks whether we are there. */
PlStepResult
pl_step_self (PlRequest *request)
{
  const url_t *url = request->sip->sip_request->rq_url;

  if (request->in_dialog || pl_source_is_far (&request->source) || request->sip->sip_request->rq_method != sip_method_options
      || (url->url_user && !is_own_address (request->router, url)))
    return PL_STEP_CONTINUE;
  nta_incoming_tag (request->irq, NULL);
  nta_incoming_treply (request->irq, SIP_200_OK, SIPTAG_ALLOW_STR (ALLOW), SIPTAG_ACCEPT_STR ("application/sdp"), TAG_END ());
  request->answered = TRUE;
  return PL_STEP_DONE;
}
