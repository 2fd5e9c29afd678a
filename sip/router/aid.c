/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/aid-priv.h"

#include <string.h>
#include "base/log.h"

#define PARTING_TIME (1 * PL_USEC_PER_SEC) /* that a BYE may come after the media have ended */
#define LOST "the path to the far side is lost"

static const PlMediaFuncs *
media (const PlAid *aid)
{
  return aid->router->parts.media->funcs;
}

static PlCall *
aid_call (const PlAid *aid)
{
  return pl_calls_find (aid->router->parts.calls, aid->call_id, aid->from);
}

static void
set_state (const PlAid *aid, PlCallEdge state)
{
  PlCall *call = aid_call (aid);

  if (call)
    pl_calls_set_edge (aid->router->parts.calls, call, state);
}

static void
passed_clear (Passed *passed)
{
  g_clear_pointer (&passed->in, g_bytes_unref);
  g_clear_pointer (&passed->out, g_bytes_unref);
}

void
pl_aid_free (gpointer data)
{
  PlAid *aid = data;

  pl_refresh_stop (aid);
  pl_timer_clear (&aid->patience);
  if (aid->edge)
    (aid->over ? media (aid)->end : media (aid)->leave) (aid->edge);
  g_clear_pointer (&aid->phone_text, g_bytes_unref);
  passed_clear (&aid->to_far);
  passed_clear (&aid->to_phone);
  g_clear_pointer (&aid->fars, g_ptr_array_unref);
  g_clear_pointer (&aid->farewell, pl_farewell_free);
  g_free (aid->name);
  g_free (aid->failure);
  g_free (aid->far_tag);
  g_free (aid->call_id);
  g_free (aid->from);
  g_free (aid);
}

void
pl_aid_end (PlAid *aid)
{
  aid->over = TRUE;
  aid->func = NULL;
  set_state (aid, PL_CALL_EDGE_NONE);
  pl_router_forget_aid (aid->router, aid);
  g_ptr_array_remove_fast (aid->router->aids, aid); /* frees it */
}

/* --- the edge tells --- */

gboolean
pl_aid_is_ready (const PlAid *aid)
{
  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    if (aid->asked & 1u << i && !media (aid)->section (aid->edge, i))
      return FALSE;
  return TRUE;
}

static void
done_waiting (PlAid *aid, const char *error)
{
  PlAidFunc func = aid->func;

  aid->func = NULL;
  if (func)
    func (aid->user, error);
}

static void
on_opened (gpointer user, guint section)
{
  PlAid *aid = user;

  if (!pl_aid_is_ready (aid))
    return;
  pl_refresh_opened (aid);
  done_waiting (aid, NULL);
}

static void
on_secured (gpointer user, guint section)
{
  PlAid *aid = user;

  pl_timer_clear (&aid->patience);
  pl_refresh_secured (aid, section);
  set_state (aid, PL_CALL_EDGE_SECURED);
}

static void
on_patience (gpointer data)
{
  PlAid *aid = data;
  PlCalls *calls = aid->router->parts.calls;
  PlCall *call = aid_call (aid);

  pl_notice (PL_ROUTER_ROOM, "the call ends: its media edge has failed", "call", aid->call_id, "reason",
             aid->failure ? aid->failure : LOST, NULL);
  if (aid->farewell)
    pl_farewell_say (aid->router, aid->farewell);
  if (call)
    pl_calls_set_state (calls, call, PL_CALL_ENDED);
  pl_aid_end (aid);
}

static void on_failed (gpointer user, const char *reason);

static void
on_lost (gpointer user, guint section)
{
  PlAid *aid = user;

  if (!aid->established)
    {
      on_failed (aid, LOST);
      return;
    }
  pl_info (PL_ROUTER_ROOM, LOST, "call", aid->call_id, NULL);
  set_state (aid, PL_CALL_EDGE_OPEN);
  if (!aid->patience)
    pl_env_arm (aid->router->parts.env, &aid->patience, PL_LOST_TIME, on_patience, aid);
  pl_aid_refresh (aid);
}

/* What is not answered yet fails; a call that stands ends, and both sides are told. Not at once: an
 * edge that ends with its call may be faster than the BYE. */
static void
on_failed (gpointer user, const char *reason)
{
  PlAid *aid = user;
  gboolean established = aid->established;

  if (aid->func)
    done_waiting (aid, reason);
  else if (!established)
    pl_router_fail_aid (aid->router, aid, reason);
  if (!established) /* it went with its request */
    return;
  g_free (aid->failure);
  aid->failure = g_strdup (reason);
  pl_env_arm (aid->router->parts.env, &aid->patience, PARTING_TIME, on_patience, aid);
}

static const PlMediaHandlers handlers = { on_opened, on_secured, on_lost, on_failed };

/* --- life --- */

static PlAid *
aid_add (PlRouter *router, const char *name, PlMediaEdge *edge, const char *call_id, const char *from)
{
  PlAid *aid = g_new0 (PlAid, 1);

  aid->router = router;
  aid->name = g_strdup (name);
  aid->call_id = g_strdup (call_id);
  aid->from = g_strdup (from);
  aid->edge = edge;
  router->parts.media->funcs->set_handlers (edge, &handlers, aid);
  g_ptr_array_add (router->aids, aid);
  return aid;
}

gboolean
pl_aid_allowed (PlRouter *router, const char *own)
{
  const PlMedia *aids = router->parts.media;

  return aids && own && aids->funcs->allowed (aids->impl, own);
}

PlAid *
pl_aid_new (PlRequest *request, const char *own, gboolean ipv6, GError **error)
{
  PlRouter *router = request->router;
  const PlMedia *aids = router->parts.media;
  g_autofree char *name = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", pl_env_random64 (router->parts.env));
  PlMediaEdge *edge = aids->funcs->start (aids->impl, own, name, error);
  PlAid *aid;

  if (!edge)
    return NULL;
  aid = aid_add (router, name, edge, request->sip->sip_call_id->i_id, request->from_aor);
  aid->ipv6 = ipv6;
  aid->caller = !pl_source_is_far (&request->source);
  set_state (aid, PL_CALL_EDGE_OPEN);
  return aid;
}

PlAid *
pl_aid_find (PlRouter *router, const PlToken *token)
{
  const PlMedia *aids = router->parts.media;
  PlMediaEdge *edge;
  PlAid *aid;

  if (!token || token->edge[0] == '\0' || !aids)
    return NULL;
  for (guint i = 0; i < router->aids->len; i++)
    if (strcmp (((PlAid *) router->aids->pdata[i])->name, token->edge) == 0)
      return router->aids->pdata[i];
  edge = aids->funcs->find (aids->impl, token->edge);
  if (!edge)
    return NULL;
  aid = aid_add (router, token->edge, edge, token->call_id, token->caller ? token->own_aor : token->far_aor);
  aid->ipv6 = strchr (token->flow, '[') != NULL;
  aid->caller = token->caller;
  aid->established = TRUE;
  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    aid->asked |= aids->funcs->section (edge, i) ? 1u << i : 0;
  set_state (aid, PL_CALL_EDGE_SECURED);
  return aid;
}

const char *
pl_aid_name (const PlAid *aid)
{
  return aid->name;
}

gboolean
pl_aid_is_established (const PlAid *aid)
{
  return aid->established;
}

void
pl_aid_forget (PlAid *aid, gpointer user)
{
  if (aid->user == user)
    aid->func = NULL;
}

guint
pl_aid_ahead (const PlAid *aid)
{
  return aid->ahead;
}

guint
pl_aid_invite_ahead (const PlAid *aid)
{
  return aid->invite_ahead;
}

void
pl_aid_count (PlAid *aid, const sip_t *request)
{
  aid->cseq = MAX (aid->cseq, request->sip_cseq->cs_seq);
  if (request->sip_request->rq_method == sip_method_invite)
    aid->invite_ahead = aid->ahead;
}

void
pl_aid_establish (PlAid *aid, PlFarewell *farewell)
{
  aid->established = TRUE;
  g_clear_pointer (&aid->farewell, pl_farewell_free);
  aid->farewell = farewell;
}

/* --- what a text needs --- */

static void
ask (PlAid *aid, guint section, gboolean controlling)
{
  if (section >= PL_MEDIA_SECTIONS_MAX || aid->asked & 1u << section)
    return;
  aid->asked |= 1u << section;
  media (aid)->open (aid->edge, section, controlling, aid->ipv6);
}

static gboolean
needs_edge (const PlBridgePhone *phone)
{
  return phone->need == PL_BRIDGE_PLAIN || phone->need == PL_BRIDGE_SDES || phone->need == PL_BRIDGE_THROUGH;
}

/* What the far side takes up must have both. */
static gboolean
check_fars (const GPtrArray *fars, GError **error)
{
  for (guint i = 0; i < fars->len; i++)
    {
      const PlBridgeFar *far = fars->pdata[i];

      if (!far->offered || !far->lacks)
        continue;
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, far->lacks);
      return FALSE;
    }
  return TRUE;
}

static gboolean
ask_for_phone (PlAid *aid, const sip_payload_t *body, GError **error)
{
  g_autoptr (GPtrArray) phones = pl_bridge_read_phone (body->pl_data, body->pl_len, error);

  if (!phones)
    return FALSE;
  for (guint i = 0; i < phones->len; i++)
    if (needs_edge (phones->pdata[i]))
      ask (aid, i, TRUE);
  return TRUE;
}

/* An offer that begins ICE anew is answered by other credentials (RFC 8839, 4.4.1.1.1). */
static void
ask_again (PlAid *aid, guint section, const PlBridgeFar *far)
{
  const PlBridgeFar *before = aid->fars && section < aid->fars->len ? aid->fars->pdata[section] : NULL;

  if (section < PL_MEDIA_SECTIONS_MAX && aid->asked & 1u << section && before && before->ufrag && pl_bridge_restarts_ice (before, far))
    media (aid)->restart (aid->edge, section, far->lite);
  else
    ask (aid, section, far->lite);
}

static gboolean
ask_for_far (PlAid *aid, const sip_payload_t *body, GError **error)
{
  g_autoptr (GPtrArray) fars = pl_bridge_read_far (body->pl_data, body->pl_len, PL_BRIDGE_OFFER, error);

  if (!fars || !check_fars (fars, error))
    return FALSE;
  pl_refresh_yield (aid);
  for (guint i = 0; i < fars->len; i++)
    if (((PlBridgeFar *) fars->pdata[i])->offered)
      ask_again (aid, i, fars->pdata[i]);
  return TRUE;
}

PlStepResult
pl_aid_prepare (PlAid *aid, const sip_t *sip, gboolean from_phone, PlAidFunc func, gpointer user, GError **error)
{
  if (!(from_phone ? ask_for_phone : ask_for_far) (aid, sip->sip_payload, error))
    return PL_STEP_DONE;
  if (pl_aid_is_ready (aid))
    return PL_STEP_CONTINUE;
  if (aid->func)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING, "another change of the media is under way");
      return PL_STEP_DONE;
    }
  aid->func = func;
  aid->user = user;
  return PL_STEP_WAIT;
}

/* --- what phones can do --- */

/* A phone that was started again, perhaps with other settings, registers under another Call-ID. */
static char *
dup_registration (PlRouter *router, const char *flow)
{
  g_autoptr (GPtrArray) list = pl_registrar_list (router->parts.registrar, NULL);

  for (guint i = 0; i < list->len; i++)
    if (strcmp (((PlBinding *) list->pdata[i])->flow, flow) == 0)
      return g_strdup_printf ("%s %s", flow, ((PlBinding *) list->pdata[i])->call_id);
  return NULL;
}

static GBytes *
said_bytes (const sip_t *said)
{
  return g_bytes_new (said->sip_payload->pl_data, said->sip_payload->pl_len);
}

void
pl_aid_note (PlRouter *router, const char *flow, gboolean lacks, const sip_t *said)
{
  char *key = dup_registration (router, flow);

  if (key && lacks && g_hash_table_size (router->lacking) >= PL_BINDINGS_MAX)
    g_hash_table_remove_all (router->lacking);
  if (key && lacks && !(g_hash_table_contains (router->lacking, key) && !said))
    g_hash_table_insert (router->lacking, g_steal_pointer (&key), said ? said_bytes (said) : g_bytes_new (NULL, 0));
  else if (key && !lacks)
    g_hash_table_remove (router->lacking, key);
  g_free (key);
}

gboolean
pl_aid_lacks (PlRouter *router, const char *flow)
{
  g_autofree char *key = dup_registration (router, flow);

  return key && g_hash_table_contains (router->lacking, key);
}

/* What the phone said last; NULL: nothing. */
static GBytes *
dup_last_text (PlRouter *router, const char *flow)
{
  g_autofree char *key = dup_registration (router, flow);
  GBytes *text = key ? g_hash_table_lookup (router->lacking, key) : NULL;

  return text && g_bytes_get_size (text) > 0 ? g_bytes_ref (text) : NULL;
}

/* --- asking a phone again --- */

static void
on_branch_aid (gpointer user, const char *error)
{
  PlBranch *branch = user;

  if (error)
    {
      pl_info (PL_ROUTER_ROOM, "no media edge for a phone", "reason", error, NULL);
      pl_branch_fail (branch, 488);
      pl_branch_drop_aid (branch);
    }
  else
    pl_branch_send (branch);
  pl_request_check (branch->request);
}

/* A phone that nobody knows yet was offered plain RTP with keys; some want them in the profile, too. */
static gboolean
try_keyed (PlBranch *branch)
{
  PlAid *aid = branch->aid;

  if (aid->keyed || aid->phone_text || branch->request->answered || branch->request->cancelled)
    return FALSE;
  aid->keyed = TRUE;
  branch->done = FALSE;
  branch->retried++;
  pl_branch_send (branch);
  return TRUE;
}

gboolean
pl_branch_try_aid (PlBranch *branch)
{
  PlRequest *request = branch->request;
  g_autoptr (GError) error = NULL;
  PlStepResult result;

  branch->unfit = FALSE;
  if (branch->aid)
    return try_keyed (branch);
  if (branch->far || request->local || request->in_dialog || request->answered || request->cancelled
      || request->sip->sip_request->rq_method != sip_method_invite || !pl_media_has_sdp (request->sip)
      || !pl_aid_allowed (request->router, request->source.far_own))
    return FALSE;
  branch->aid = pl_aid_new (request, request->source.far_own, strchr (branch->flow, '[') != NULL, &error);
  if (branch->aid)
    branch->aid->phone_text = dup_last_text (request->router, branch->flow);
  result = branch->aid ? pl_aid_prepare (branch->aid, request->sip, FALSE, on_branch_aid, branch, &error) : PL_STEP_DONE;
  if (result == PL_STEP_DONE)
    {
      pl_info (PL_ROUTER_ROOM, "no media edge for a phone", "reason", error->message, NULL);
      pl_branch_drop_aid (branch);
      return FALSE;
    }
  pl_aid_note (request->router, branch->flow, TRUE, NULL);
  branch->done = FALSE;
  branch->retried = 1;
  if (result == PL_STEP_CONTINUE)
    pl_branch_send (branch);
  return TRUE;
}

/* --- one text for another --- */

void
pl_aid_fill_legs (const PlAid *aid, PlLegs *legs)
{
  memset (legs, 0, sizeof *legs);
  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    {
      const PlMediaSection *section = aid->asked & 1u << i ? media (aid)->section (aid->edge, i) : NULL;
      PlBridgeLeg *leg = &legs->legs[i];

      if (!section)
        continue;
      *leg = (PlBridgeLeg) { .open = TRUE, .ufrag = section->ufrag, .password = section->password, .fingerprint = section->fingerprint,
                             .candidates = (const char *const *) section->candidates, .port = section->port, .ipv6 = aid->ipv6,
                             .rtcp_candidates = (const char *const *) section->rtcp_candidates,
                             .crypto = (const char *const *) section->crypto, .profile = aid->keyed ? "RTP/SAVP" : NULL };
      if (aid->fars && i < aid->fars->len && ((PlBridgeFar *) aid->fars->pdata[i])->ufrag)
        leg->dtls = ((PlBridgeFar *) aid->fars->pdata[i])->dtls_client ? PL_BRIDGE_DTLS_CLIENT : PL_BRIDGE_DTLS_SERVER;
    }
}

static void
tell_phones (PlAid *aid, const GPtrArray *phones)
{
  for (guint i = 0; i < phones->len; i++)
    {
      const PlBridgePhone *phone = phones->pdata[i];

      PlMediaPhone told = { phone->rtp, phone->rtcp, phone->suite, phone->key, phone->need == PL_BRIDGE_THROUGH };

      if (needs_edge (phone) && !phone->held && i < PL_MEDIA_SECTIONS_MAX && aid->asked & 1u << i)
        media (aid)->set_phone (aid->edge, i, &told);
    }
}

static gboolean
is_new (const PlAid *aid, guint i, const PlBridgeFar *far)
{
  const PlBridgeFar *before = aid->fars && i < aid->fars->len ? aid->fars->pdata[i] : NULL;

  return !before || !before->ufrag || pl_bridge_restarts_ice (before, far) || pl_bridge_renews_dtls (before, far);
}

static void
tell_fars (PlAid *aid, GPtrArray *fars)
{
  for (guint i = 0; i < fars->len && i < PL_MEDIA_SECTIONS_MAX; i++)
    {
      const PlBridgeFar *far = fars->pdata[i];
      PlMediaFar told = { far->ufrag, far->password, (const char *const *) far->fingerprints,
                          (const char *const *) far->candidates, (const char *const *) far->rtcp_candidates, far->dtls_client };

      if (far->offered && !far->lacks && aid->asked & 1u << i && is_new (aid, i, far))
        media (aid)->set_far (aid->edge, i, &told);
    }
  g_clear_pointer (&aid->fars, g_ptr_array_unref);
  aid->fars = g_ptr_array_ref (fars);
}

gboolean
pl_aid_take_far (PlAid *aid, GPtrArray *fars, gboolean anew, GError **error)
{
  if (!check_fars (fars, error))
    return FALSE;
  if (anew)
    g_clear_pointer (&aid->fars, g_ptr_array_unref);
  tell_fars (aid, fars);
  return TRUE;
}

static GBytes *
bytes_of (const PlBridgeText *text)
{
  return g_bytes_new (text->text, text->len);
}

static PlBridgeText
text_of (GBytes *bytes)
{
  PlBridgeText text = { 0 };

  if (bytes)
    text.text = g_bytes_get_data (bytes, &text.len);
  return text;
}

/* From the phone. An answer also starts what its offer promised. */
static char *
bridge_to_far (PlAid *aid, const PlBridgeText *text, const PlBridgeText *offer, gsize *len, GError **error)
{
  g_autoptr (GPtrArray) phones = pl_bridge_read_phone (text->text, text->len, error);
  g_autoptr (GPtrArray) fars = NULL;
  g_autofree char *out = NULL;
  PlLegs legs;

  if (!phones)
    return NULL;
  if (offer && !(fars = pl_bridge_read_far (offer->text, offer->len, PL_BRIDGE_OFFER, error)))
    return NULL;
  pl_aid_fill_legs (aid, &legs);
  out = pl_bridge_to_far (text, offer, legs.legs, PL_MEDIA_SECTIONS_MAX, len, error);
  if (!out)
    return NULL;
  tell_phones (aid, phones);
  if (fars)
    tell_fars (aid, fars);
  out = pl_bridge_raise_version (g_steal_pointer (&out), len, aid->ahead);
  g_clear_pointer (&aid->phone_text, g_bytes_unref);
  aid->phone_text = bytes_of (text);
  return g_steal_pointer (&out);
}

static char *
bridge_to_phone (PlAid *aid, const PlBridgeText *text, const PlBridgeText *offer, gsize *len, GError **error)
{
  PlBridgeRole role = offer ? PL_BRIDGE_ANSWER : PL_BRIDGE_OFFER;
  g_autoptr (GPtrArray) fars = pl_bridge_read_far (text->text, text->len, role, error);
  PlBridgeText last = text_of (aid->phone_text);
  g_autofree char *out = NULL;
  PlLegs legs;

  if (!fars || !check_fars (fars, error))
    return NULL;
  pl_aid_fill_legs (aid, &legs);
  out = pl_bridge_to_phone (text, role, offer ? offer : last.text ? &last : NULL, legs.legs, PL_MEDIA_SECTIONS_MAX, len, error);
  if (out && offer && !aid->unheeded)
    tell_fars (aid, fars);
  return g_steal_pointer (&out);
}

void
pl_aid_heed (PlAid *aid, const sip_t *answer)
{
  const char *tag = answer->sip_to ? answer->sip_to->a_tag : NULL;

  aid->unheeded = answer->sip_status->st_status < 200 && aid->far_tag && g_strcmp0 (aid->far_tag, tag) != 0;
  if (aid->unheeded)
    return;
  g_free (aid->far_tag);
  aid->far_tag = g_strdup (tag);
}

GBytes *
pl_aid_repeat (PlAid *aid, gboolean to_far, GBytes *body)
{
  Passed *passed = to_far ? &aid->to_far : &aid->to_phone;

  return passed->in && g_bytes_equal (passed->in, body) ? g_bytes_ref (passed->out) : NULL;
}

GBytes *
pl_aid_bridge (PlAid *aid, gboolean to_far, GBytes *body, GBytes *offer, GError **error)
{
  PlBridgeText text = text_of (body), asked = text_of (offer);
  Passed *passed = to_far ? &aid->to_far : &aid->to_phone;
  gsize len;
  char *out;

  out = (to_far ? bridge_to_far : bridge_to_phone) (aid, &text, offer ? &asked : NULL, &len, error);
  if (!out)
    return NULL;
  passed_clear (passed);
  passed->in = g_bytes_ref (body);
  passed->out = g_bytes_new_take (out, len);
  return g_bytes_ref (passed->out);
}
