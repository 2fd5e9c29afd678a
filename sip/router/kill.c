/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <sofia-sip/msg_parser.h>
#include <string.h>
#include "sip/listener/edge.h"
#include "sip/router/headers.h"

#define BACK_CSEQ 0x40000000u  /* above any CSeq the side we speak for has used */

typedef struct {
  char *id;        /* Call-ID and To tag */
  char *flow;
  GBytes *ack;
  gint64 since;
} Killed;

static void
killed_free (gpointer data)
{
  Killed *killed = data;

  g_free (killed->id);
  g_free (killed->flow);
  g_bytes_unref (killed->ack);
  g_free (killed);
}

static char *
header_text (const void *header)
{
  char *text = sip_header_as_string (NULL, header);
  char *copy = g_strdup (text ? text : "");

  su_free (NULL, text);
  return copy;
}

/* Route lines of the dialog from our place on: what stands above our own Record-Route, in
 * reverse (RFC 3261, 12.1.2). */
static char *
route_lines (const sip_t *response, const char *own_route)
{
  g_autoptr (GString) lines = g_string_new (NULL);

  for (const sip_record_route_t *rr = response->sip_record_route; rr; rr = rr->r_next)
    {
      g_autofree char *uri = pl_url_dup_text (rr->r_url);
      g_autofree char *line = uri ? g_strdup_printf ("Route: <%s>\r\n", uri) : g_strdup ("");

      if (own_route && uri && strcmp (uri, own_route) == 0)
        break;
      g_string_prepend (lines, line);
    }
  return own_route ? g_strdup (lines->str) : g_strdup ("");
}

typedef struct {
  const char *uri, *routes, *from, *to, *call_id;
  guint32 cseq;
  const char *reason;   /* of a BYE, NULL: the media were refused */
} Dialog;

#define REFUSED "Reason: SIP;cause=488;text=\"Not Acceptable Here\"\r\n"

/* The head; `lines` are the last of it. */
static char *
request_text (PlRouter *router, const Dialog *dialog, const char *method, gboolean via, const char *lines)
{
  g_autofree char *via_line = via ? g_strdup_printf ("Via: SIP/2.0/UDP peerline.invalid;rport;branch=z9hG4bK%016" G_GINT64_MODIFIER "x\r\n",
                                                     pl_env_random64 (router->parts.env))
                                  : g_strdup ("");

  return g_strdup_printf ("%s %s SIP/2.0\r\n%s%sMax-Forwards: %u\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
                          "%s\r\n",
                          method, dialog->uri, via_line, dialog->routes, PL_MAX_FORWARDS, dialog->from, dialog->to,
                          dialog->call_id, dialog->cseq, method, lines);
}

static void
send_bye (PlRouter *router, const char *flow_name, const Dialog *dialog)
{
  PlFlow *flow = pl_hub_find (router->parts.hub, flow_name);
  g_autofree char *lines = g_strconcat (dialog->reason ? dialog->reason : REFUSED, "Content-Length: 0\r\n", NULL);
  g_autofree char *text = request_text (router, dialog, "BYE", FALSE, lines);
  msg_t *msg;

  if (!flow)
    return;
  msg = msg_make (sip_default_mclass (), 0, text, strlen (text));
  if (msg && !nta_outgoing_mcreate (router->agent, NULL, NULL, URL_STRING_MAKE (pl_flow_route (flow)), msg, TAG_END ()))
    msg_destroy (msg);
}

static void
send_ack (PlRouter *router, const char *flow_name, GBytes *ack)
{
  PlFlow *flow = pl_hub_find (router->parts.hub, flow_name);
  gsize len;
  const guint8 *data = g_bytes_get_data (ack, &len);

  if (flow)
    pl_flow_out (flow, data, len);
}

static char *
killed_id (const sip_t *response)
{
  return g_strdup_printf ("%s\n%s", response->sip_call_id->i_id, response->sip_to->a_tag ? response->sip_to->a_tag : "");
}

static void
remember (PlRouter *router, const sip_t *response, const char *flow, GBytes *ack)
{
  Killed *killed = g_new0 (Killed, 1);

  killed->id = killed_id (response);
  killed->flow = g_strdup (flow);
  killed->ack = g_bytes_ref (ack);
  killed->since = pl_env_now (router->parts.env);
  g_queue_push_tail (&router->killed, killed);
  while (g_queue_get_length (&router->killed) > PL_KILLED_MAX)
    killed_free (g_queue_pop_head (&router->killed));
}

static void
acknowledge (PlRouter *router, const char *flow, const Dialog *dialog, const sip_t *response)
{
  g_autofree char *text = request_text (router, dialog, "ACK", TRUE, "Content-Length: 0\r\n");
  g_autoptr (GBytes) ack = g_bytes_new (text, strlen (text));

  remember (router, response, flow, ack);
  send_ack (router, flow, ack);
}

void
pl_kill_2xx (PlRouter *router, const char *flow, const sip_t *request, const sip_t *response, const char *own_route,
             gboolean bye)
{
  g_autofree char *uri = response->sip_contact ? pl_url_dup_text (response->sip_contact->m_url)
                                               : pl_url_dup_text (request->sip_request->rq_url);
  g_autofree char *routes = route_lines (response, own_route);
  g_autofree char *from = header_text (response->sip_from);
  g_autofree char *to = header_text (response->sip_to);
  g_autofree char *name = g_strdup (flow);
  Dialog dialog = { uri, routes, from, to, response->sip_call_id->i_id, response->sip_cseq->cs_seq };

  if (!uri)
    return;
  acknowledge (router, name, &dialog, response);
  if (!bye)
    return;
  dialog.cseq++;
  send_bye (router, name, &dialog);
}

gboolean
pl_killed_again (PlRouter *router, const sip_t *response)
{
  g_autofree char *id = killed_id (response);
  gint64 now = pl_env_now (router->parts.env);

  for (GList *l = router->killed.head; l; l = l->next)
    {
      const Killed *killed = l->data;

      if (now - killed->since > PL_KILLED_TIME || strcmp (killed->id, id) != 0)
        continue;
      send_ack (router, killed->flow, killed->ack);
      return TRUE;
    }
  return FALSE;
}

void
pl_killed_clear (PlRouter *router)
{
  g_queue_clear_full (&router->killed, killed_free);
}

void
pl_kill_acked (PlRouter *router, const char *flow, const sip_t *ack, const char *back_flow, const char *back_contact)
{
  g_autoptr (GString) routes = g_string_new (NULL);
  g_autofree char *uri = pl_url_dup_text (ack->sip_request->rq_url);
  g_autofree char *from = header_text (ack->sip_from);
  g_autofree char *to = header_text (ack->sip_to);
  Dialog onward, back;

  for (const sip_route_t *route = ack->sip_route; route; route = route->r_next)
    {
      g_autofree char *text = pl_url_dup_text (route->r_url);

      g_string_append_printf (routes, "Route: <%s>\r\n", text);
    }
  onward = (Dialog){ uri, routes->str, from, to, ack->sip_call_id->i_id, ack->sip_cseq->cs_seq + 1 };
  send_bye (router, flow, &onward);
  if (!back_flow || !back_contact)
    return;
  back = (Dialog){ back_contact, "", to, from, ack->sip_call_id->i_id, BACK_CSEQ };
  send_bye (router, back_flow, &back);
}

/* --- farewells --- */

typedef struct {
  char *flow, *uri, *routes, *from, *to, *call_id;
} Half;

struct PlFarewell {
  Half halves[2];   /* to who was called, and to the caller */
};

static void
say (PlRouter *router, const Half *half)
{
  Dialog dialog = { half->uri, half->routes, half->from, half->to, half->call_id, BACK_CSEQ,
                    "Reason: SIP;cause=500;text=\"Media Edge Failed\"\r\n" };

  if (half->flow && half->uri)
    send_bye (router, half->flow, &dialog);
}

/* The route set of who was called is in the order of the request (RFC 3261, 12.1.1). */
static char *
caller_route_lines (const sip_t *request)
{
  g_autoptr (GString) lines = g_string_new (NULL);

  for (const sip_record_route_t *rr = request->sip_record_route; rr; rr = rr->r_next)
    {
      g_autofree char *uri = pl_url_dup_text (rr->r_url);

      g_string_append_printf (lines, "Route: <%s>\r\n", uri ? uri : "");
    }
  return g_strdup (lines->str);
}

PlFarewell *
pl_farewell_new (PlBranch *branch, const char *flow, const sip_t *response)
{
  const sip_t *request = branch->request->sip;
  PlFarewell *farewell = g_new0 (PlFarewell, 1);
  char *caller = header_text (response->sip_from), *callee = header_text (response->sip_to);
  const char *id = request->sip_call_id->i_id;

  farewell->halves[0] = (Half) { g_strdup (flow), response->sip_contact ? pl_contact_dup_text (response->sip_contact) : NULL,
                                 route_lines (response, branch->route_uri), caller, callee, g_strdup (id) };
  farewell->halves[1] = (Half) { g_strdup (branch->request->source.flow), pl_contact_dup_text (request->sip_contact),
                                 caller_route_lines (request), g_strdup (callee), g_strdup (caller), g_strdup (id) };
  return farewell;
}

void
pl_farewell_say (PlRouter *router, const PlFarewell *farewell)
{
  for (guint i = 0; i < G_N_ELEMENTS (farewell->halves); i++)
    say (router, &farewell->halves[i]);
}

static const Half *
far_half (const PlFarewell *farewell)
{
  for (guint i = 0; i < G_N_ELEMENTS (farewell->halves); i++)
    if (farewell->halves[i].flow && g_str_has_prefix (farewell->halves[i].flow, "far:") && farewell->halves[i].uri)
      return &farewell->halves[i];
  return NULL;
}

PlFlow *
pl_farewell_far_flow (PlRouter *router, const PlFarewell *farewell)
{
  const Half *half = far_half (farewell);

  return half ? pl_hub_find (router->parts.hub, half->flow) : NULL;
}

msg_t *
pl_farewell_invite (PlRouter *router, const PlFarewell *farewell, guint32 cseq, const char *contact, GBytes *sdp)
{
  const Half *half = far_half (farewell);
  Dialog dialog = { half->uri, half->routes, half->from, half->to, half->call_id, cseq, NULL };
  g_autofree char *lines = g_strdup_printf ("Contact: <%s>\r\nContent-Type: application/sdp\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n",
                                            contact, g_bytes_get_size (sdp));
  g_autofree char *head = request_text (router, &dialog, "INVITE", FALSE, lines);
  g_autoptr (GString) text = g_string_new (head);

  g_string_append_len (text, g_bytes_get_data (sdp, NULL), g_bytes_get_size (sdp));
  return msg_make (sip_default_mclass (), 0, text->str, text->len);
}

void
pl_farewell_ack (PlRouter *router, const PlFarewell *farewell, const sip_t *response)
{
  const Half *half = far_half (farewell);
  Dialog dialog = { half->uri, half->routes, half->from, half->to, half->call_id, response->sip_cseq->cs_seq, NULL };

  acknowledge (router, half->flow, &dialog, response);
}

void
pl_farewell_free (PlFarewell *farewell)
{
  for (guint i = 0; i < G_N_ELEMENTS (farewell->halves); i++)
    {
      Half *half = &farewell->halves[i];

      g_free (half->flow);
      g_free (half->uri);
      g_free (half->routes);
      g_free (half->from);
      g_free (half->to);
      g_free (half->call_id);
    }
  g_free (farewell);
}
