/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/echo/echo-priv.h"

#include <string.h>
#include "base/log.h"
#include "sip/router/headers.h"
#include "sip/sdp/bridge.h"
#include "sip/sdp/mirror.h"
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#define ROOM "echo"
#define ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS"
#define REPEAT_FIRST (500 * PL_USEC_PER_MSEC)  /* T1: a 2xx until its ACK (RFC 3261, 13.3.1.4) */
#define REPEAT_MAX (4 * PL_USEC_PER_SEC)       /* T2 */
#define REPEAT_TIME (32 * PL_USEC_PER_SEC)     /* 64 * T1 */

typedef struct {
  PlEchoCalls *calls;
  char *id, *tag, *contact;
  char *from, *to, *target, *routes; /* of a BYE of ours */
  guint32 cseq;                      /* of the caller's last INVITE */
  char *head;                        /* what answers to it repeat */
  GBytes *offer, *answer;            /* answer: to be repeated; NULL: not yet */
  PlMediaEdge *edge;
  guint section;
  PlBridgeFar *far;                  /* what the edge was told, in `fars`; NULL: nothing yet */
  GPtrArray *fars;
  PlTimer *repeat;
  gint64 delay, answered;
} Call;

struct PlEchoCalls {
  PlEchoCallsParts parts;
  GPtrArray *list;                   /* Call */
};

/* A message as sofia reads it. */
typedef struct {
  msg_t *msg;
  sip_t *sip;
} Message;

static void
message_clear (Message *message)
{
  if (message->msg)
    msg_destroy (message->msg);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Message, message_clear)

static void
call_free (gpointer data)
{
  Call *call = data;

  if (call->edge)
    call->calls->parts.media->funcs->end (call->edge);
  pl_timer_clear (&call->repeat);
  g_clear_pointer (&call->offer, g_bytes_unref);
  g_clear_pointer (&call->answer, g_bytes_unref);
  g_clear_pointer (&call->fars, g_ptr_array_unref);
  g_free (call->id);
  g_free (call->tag);
  g_free (call->contact);
  g_free (call->from);
  g_free (call->to);
  g_free (call->target);
  g_free (call->routes);
  g_free (call->head);
  g_free (call);
}

static const PlMediaFuncs *
media (const Call *call)
{
  return call->calls->parts.media->funcs;
}

/* --- answers --- */

static void
append (GString *out, const char *name, const void *header, const char *tag)
{
  for (const sip_header_t *h = header; h; h = h->sh_next)
    {
      char *value = sip_header_as_string (NULL, h);

      g_string_append_printf (out, "%s: %s%s%s\r\n", name, value ? value : "", tag ? ";tag=" : "", tag ? tag : "");
      su_free (NULL, value);
      if (tag)
        return;
    }
}

/* Via, From, To, Call-ID, CSeq and the route of dialogs (RFC 3261, 8.2.6.2, 12.1.1). */
static char *
dup_head (const sip_t *sip, const char *tag)
{
  GString *out = g_string_new (NULL);

  append (out, "Via", sip->sip_via, NULL);
  append (out, "Record-Route", sip->sip_record_route, NULL);
  append (out, "From", sip->sip_from, NULL);
  append (out, "To", sip->sip_to, sip->sip_to->a_tag ? NULL : tag);
  append (out, "Call-ID", sip->sip_call_id, NULL);
  append (out, "CSeq", sip->sip_cseq, NULL);
  return g_string_free (out, FALSE);
}

static void
send_text (PlEchoCalls *calls, char *text)
{
  calls->parts.send (calls->parts.user, g_bytes_new_take (text, strlen (text)));
}

static void
reply (PlEchoCalls *calls, const sip_t *sip, const char *status, const char *headers)
{
  g_autofree char *head = dup_head (sip, "echo");

  send_text (calls, g_strdup_printf ("SIP/2.0 %s\r\n%s%sContent-Length: 0\r\n\r\n", status, head, headers ? headers : ""));
}

static void
refuse (PlEchoCalls *calls, const sip_t *sip, const char *why)
{
  g_autofree char *warning = g_strdup_printf ("Warning: 399 peerline \"%s\"\r\n", why);

  reply (calls, sip, "488 Not Acceptable Here", warning);
}

/* --- calls --- */

static Call *
find_call (PlEchoCalls *calls, const sip_t *sip)
{
  for (guint i = 0; i < calls->list->len; i++)
    if (strcmp (((Call *) calls->list->pdata[i])->id, sip->sip_call_id->i_id) == 0)
      return calls->list->pdata[i];
  return NULL;
}

static void
end_call (Call *call)
{
  g_ptr_array_remove_fast (call->calls->list, call); /* frees it */
}

/* The caller cannot know that its call is over. */
static void
hang_up (Call *call, const char *reason)
{
  pl_info (ROOM, "the echo ends a call", "call", call->id, "reason", reason, NULL);
  send_text (call->calls,
             g_strdup_printf ("BYE %s SIP/2.0\r\nVia: SIP/2.0/UDP " PL_ECHO_NODE ".invalid;branch=z9hG4bK%016" G_GINT64_MODIFIER
                              "x\r\n%sMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
                              call->target, pl_env_random64 (call->calls->parts.env), call->routes, call->from, call->to, call->id));
  end_call (call);
}

static void
on_repeat (gpointer data)
{
  Call *call = data;
  PlEnv *env = call->calls->parts.env;

  if (pl_env_now (env) - call->answered >= REPEAT_TIME)
    {
      hang_up (call, "the caller does not acknowledge it");
      return;
    }
  call->calls->parts.send (call->calls->parts.user, g_bytes_ref (call->answer));
  call->delay = MIN (2 * call->delay, REPEAT_MAX);
  pl_env_arm (env, &call->repeat, call->delay, on_repeat, call);
}

static void
give_answer (Call *call, const char *status, const char *headers, const char *body, gsize len)
{
  PlEnv *env = call->calls->parts.env;
  g_autofree char *text = g_strdup_printf ("SIP/2.0 %s\r\n%s%sContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%.*s", status, call->head, headers, len,
                                           (int) len, body);

  call->answer = g_bytes_new (text, strlen (text));
  call->calls->parts.send (call->calls->parts.user, g_bytes_ref (call->answer));
  call->answered = pl_env_now (env);
  call->delay = REPEAT_FIRST;
  if (*body)
    pl_env_arm (env, &call->repeat, call->delay, on_repeat, call);
}

/* --- media --- */

static void
tell_edge (Call *call, const PlBridgeFar *far)
{
  const PlMediaPhone nobody = { .echo = TRUE };
  const PlMediaFar told = { far->ufrag, far->password, (const char *const *) far->fingerprints, (const char *const *) far->candidates,
                            (const char *const *) far->rtcp_candidates, far->dtls_client };

  media (call)->set_phone (call->edge, call->section, &nobody);
  if (!call->far || pl_bridge_restarts_ice (call->far, far) || pl_bridge_renews_dtls (call->far, far))
    media (call)->set_far (call->edge, call->section, &told);
}

/* Who calls is on this machine: no way leads out of it and back (hairpins fail at many NATs, and
 * phones send to the address of c=, ICE or not). Borrowed strings. */
static GPtrArray *
here_only (char **candidates)
{
  GPtrArray *out = g_ptr_array_new ();

  for (guint i = 0; candidates && candidates[i]; i++)
    if (strstr (candidates[i], " host "))
      g_ptr_array_add (out, candidates[i]);
  g_ptr_array_add (out, NULL);
  return out;
}

static char *
make_answer (Call *call, gsize *len)
{
  const PlMediaSection *section = media (call)->section (call->edge, call->section);
  g_autoptr (GPtrArray) candidates = here_only (section->candidates);
  g_autoptr (GPtrArray) control = here_only (section->rtcp_candidates);
  PlBridgeText offer = { 0 }, mirror = { 0 };
  PlBridgeLeg legs[PL_MEDIA_SECTIONS_MAX] = { { 0 } };
  g_autofree char *text = NULL;

  offer.text = g_bytes_get_data (call->offer, &offer.len);
  mirror.text = text = pl_sdp_mirror (offer.text, offer.len, call->section, call->cseq, &mirror.len);
  if (!text)
    return NULL;
  legs[call->section] = (PlBridgeLeg) { .open = TRUE, .ufrag = section->ufrag, .password = section->password, .fingerprint = section->fingerprint,
                                        .candidates = (const char *const *) candidates->pdata,
                                        .rtcp_candidates = (const char *const *) control->pdata, .port = section->port };
  if (call->far)
    legs[call->section].dtls = call->far->dtls_client ? PL_BRIDGE_DTLS_CLIENT : PL_BRIDGE_DTLS_SERVER;
  return pl_bridge_to_far (&mirror, &offer, legs, PL_MEDIA_SECTIONS_MAX, len, NULL);
}

static void
answer_offer (Call *call, GPtrArray *fars)
{
  g_autofree char *headers = NULL;
  gsize len = 0;
  g_autofree char *body = make_answer (call, &len);

  if (!body)
    {
      give_answer (call, "488 Not Acceptable Here", "", "", 0);
      if (!call->far)
        end_call (call);
      return;
    }
  tell_edge (call, fars->pdata[call->section]);
  g_clear_pointer (&call->fars, g_ptr_array_unref);
  call->fars = g_ptr_array_ref (fars);
  call->far = fars->pdata[call->section];
  headers = g_strdup_printf ("Contact: <%s>\r\nAllow: " ALLOW "\r\nContent-Type: application/sdp\r\n", call->contact);
  give_answer (call, "200 OK", headers, body, len);
}

static GPtrArray *
read_offer (Call *call)
{
  gsize len;
  const char *text = g_bytes_get_data (call->offer, &len);

  return pl_bridge_read_far (text, len, PL_BRIDGE_OFFER, NULL);
}

static void
on_opened (gpointer user, guint section)
{
  Call *call = user;
  g_autoptr (GPtrArray) fars = call->answer ? NULL : read_offer (call);

  if (fars)
    answer_offer (call, fars);
}

static void
on_failed (gpointer user, const char *reason)
{
  Call *call = user;

  if (call->far)
    hang_up (call, reason);
  else
    {
      give_answer (call, "500 Media Edge Failed", "", "", 0);
      end_call (call);
    }
}

static void
on_lost (gpointer user, guint section)
{
  on_failed (user, "the path to the phone is lost");
}

static const PlMediaHandlers handlers = { on_opened, NULL, on_lost, on_failed };

/* The first section that can be carried; FALSE: none. */
static gboolean
find_section (const GPtrArray *fars, guint *section)
{
  for (guint i = 0; i < fars->len && i < PL_MEDIA_SECTIONS_MAX; i++)
    {
      const PlBridgeFar *far = fars->pdata[i];

      *section = i;
      if (far->offered && !far->lacks)
        return TRUE;
    }
  return FALSE;
}

static void
take_offer (Call *call, const sip_t *sip)
{
  g_autoptr (GPtrArray) fars = NULL;
  const PlBridgeFar *far;

  g_clear_pointer (&call->answer, g_bytes_unref);
  g_clear_pointer (&call->offer, g_bytes_unref);
  g_free (call->head);
  pl_timer_clear (&call->repeat);
  call->offer = g_bytes_new (sip->sip_payload->pl_data, sip->sip_payload->pl_len);
  call->head = dup_head (sip, call->tag);
  call->cseq = sip->sip_cseq->cs_seq;
  fars = read_offer (call);
  far = fars && call->section < fars->len ? fars->pdata[call->section] : NULL;
  if (!far || !far->offered || far->lacks)
    give_answer (call, "488 Not Acceptable Here", "", "", 0);
  else if (call->far && pl_bridge_restarts_ice (call->far, far))
    media (call)->restart (call->edge, call->section, far->lite);
  else if (call->far)
    answer_offer (call, fars);
  else
    media (call)->open (call->edge, call->section, far->lite, FALSE);
}

/* --- requests --- */

static char *
dup_value (const void *header, const char *tag)
{
  char *value = sip_header_as_string (NULL, header);
  char *out = g_strdup_printf ("%s%s%s", value ? value : "", tag ? ";tag=" : "", tag ? tag : "");

  su_free (NULL, value);
  return out;
}

static Call *
call_new (PlEchoCalls *calls, const sip_t *sip, PlMediaEdge *edge)
{
  Call *call = g_new0 (Call, 1);
  GString *routes = g_string_new (NULL);

  call->calls = calls;
  call->edge = edge;
  call->id = g_strdup (sip->sip_call_id->i_id);
  call->tag = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", pl_env_random64 (calls->parts.env));
  call->contact = pl_gruu_make (PL_ECHO_AOR, PL_ECHO_NODE);
  call->target = pl_url_dup_text (sip->sip_contact->m_url);
  call->from = dup_value (sip->sip_to, call->tag);
  call->to = dup_value (sip->sip_from, NULL);
  append (routes, "Route", sip->sip_record_route, NULL);
  call->routes = g_string_free (routes, FALSE);
  media (call)->set_handlers (edge, &handlers, call);
  g_ptr_array_add (calls->list, call);
  return call;
}

static void
begin_call (PlEchoCalls *calls, const sip_t *sip)
{
  const PlMedia *aids = calls->parts.media;
  g_autofree char *name = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", pl_env_random64 (calls->parts.env));
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) fars = pl_bridge_read_far (sip->sip_payload->pl_data, sip->sip_payload->pl_len, PL_BRIDGE_OFFER, &error);
  PlMediaEdge *edge;
  guint section;
  Call *call;

  if (!fars || !find_section (fars, &section))
    {
      refuse (calls, sip, fars ? "there is no audio to give back" : error->message);
      return;
    }
  edge = aids->funcs->start (aids->impl, calls->parts.own, name, &error);
  if (!edge)
    {
      refuse (calls, sip, error->message);
      return;
    }
  call = call_new (calls, sip, edge);
  call->section = section;
  take_offer (call, sip);
}

static void
on_invite (PlEchoCalls *calls, const sip_t *sip)
{
  const PlMedia *aids = calls->parts.media;
  Call *call = find_call (calls, sip);

  if (call && call->cseq == sip->sip_cseq->cs_seq)
    {
      if (call->answer)
        calls->parts.send (calls->parts.user, g_bytes_ref (call->answer));
      return;
    }
  if (call && !call->answer)
    reply (calls, sip, "491 Request Pending", NULL);
  else if (!call && sip->sip_to->a_tag)
    reply (calls, sip, "481 Call Does Not Exist", NULL);
  else if (!sip->sip_payload || !sip->sip_contact)
    refuse (calls, sip, "the echo does not begin: it wants an offer");
  else if (call)
    take_offer (call, sip);
  else if (!aids || !aids->funcs->allowed (aids->impl, calls->parts.own))
    refuse (calls, sip, "the echo needs the media edge, which is switched off: edge in [media] of peerline.conf");
  else if (calls->list->len >= PL_ECHO_CALLS_MAX)
    reply (calls, sip, "486 Busy Here", NULL);
  else
    begin_call (calls, sip);
}

static void
on_bye (PlEchoCalls *calls, const sip_t *sip)
{
  Call *call = find_call (calls, sip);

  reply (calls, sip, call ? "200 OK" : "481 Call Does Not Exist", NULL);
  if (call)
    end_call (call);
}

static void
on_cancel (PlEchoCalls *calls, const sip_t *sip)
{
  Call *call = find_call (calls, sip);

  reply (calls, sip, call ? "200 OK" : "481 Call Does Not Exist", NULL);
  if (!call || call->answer || call->far)
    return;
  give_answer (call, "487 Request Terminated", "", "", 0);
  end_call (call);
}

static void
on_ack (PlEchoCalls *calls, const sip_t *sip)
{
  Call *call = find_call (calls, sip);

  if (call)
    pl_timer_clear (&call->repeat);
}

static void
on_request (PlEchoCalls *calls, const sip_t *sip)
{
  switch (sip->sip_request->rq_method)
    {
    case sip_method_invite:
      on_invite (calls, sip);
      return;
    case sip_method_ack:
      on_ack (calls, sip);
      return;
    case sip_method_bye:
      on_bye (calls, sip);
      return;
    case sip_method_cancel:
      on_cancel (calls, sip);
      return;
    case sip_method_options:
      reply (calls, sip, "200 OK", "Allow: " ALLOW "\r\n");
      return;
    default:
      reply (calls, sip, "405 Method Not Allowed", "Allow: " ALLOW "\r\n");
    }
}

void
pl_echo_calls_take (PlEchoCalls *calls, const guint8 *data, gsize len)
{
  g_auto (Message) message = { msg_make (sip_default_mclass (), 0, data, len), NULL };
  const sip_t *sip = message.sip = message.msg ? sip_object (message.msg) : NULL;

  /* An answer to a BYE of ours changes nothing. */
  if (sip && sip->sip_request && sip->sip_via && sip->sip_from && sip->sip_to && sip->sip_call_id && sip->sip_cseq)
    on_request (calls, sip);
}

PlEchoCalls *
pl_echo_calls_new (const PlEchoCallsParts *parts)
{
  PlEchoCalls *calls = g_new0 (PlEchoCalls, 1);

  calls->parts = *parts;
  calls->list = g_ptr_array_new_with_free_func (call_free);
  return calls;
}

void
pl_echo_calls_free (PlEchoCalls *calls)
{
  g_ptr_array_unref (calls->list);
  g_free (calls);
}
