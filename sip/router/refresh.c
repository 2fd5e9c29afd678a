/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A call through the edge that goes on in another network: ICE begins anew (RFC 8839 4.4.1.1.1), for
 * which the far side gets a re-INVITE in our phone's name. The phone hears nothing of it: on its
 * loopback all is as it was. From then on the far side counts CSeq one higher than the phone.
 */
#include "config.h"

#include "sip/router/aid-priv.h"

#include "base/log.h"

#define AGAIN (PL_USEC_PER_SEC / 2)          /* while something else is under way, or nobody is reached */
#define PATH_TIME PL_USEC_PER_SEC            /* for the checks, then with other candidates, and twice that */
#define YIELD_TIME (3 * PL_USEC_PER_SEC)
#define GLARE_MIN (2100 * PL_USEC_PER_MSEC)  /* RFC 3261, 14.1: of who made the Call-ID */
#define GLARE_SPREAD (1900 * PL_USEC_PER_MSEC)
#define GLARE_OTHER (2000 * PL_USEC_PER_MSEC)

static void begin (gpointer data);

static void
refresh_later (PlAid *aid, gint64 delay)
{
  aid->refresh = PL_REFRESH_WAITING;
  pl_env_arm (aid->router->parts.env, &aid->refresh_timer, delay, begin, aid);
}

static void
refresh_over (PlAid *aid)
{
  aid->refresh = PL_REFRESH_NONE;
  if (aid->refresh_again)
    refresh_later (aid, 0);
  aid->refresh_again = FALSE;
}

/* --- the far side's part --- */

static gboolean
take_answer (PlAid *aid, const sip_t *response, GError **error)
{
  const sip_payload_t *body = response->sip_payload;
  g_autoptr (GPtrArray) fars = body ? pl_bridge_read_far (body->pl_data, body->pl_len, PL_BRIDGE_ANSWER, error) : NULL;

  if (!body)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "an answer without SDP");
  return fars && pl_aid_take_far (aid, fars, TRUE, error);
}

static void
on_success (PlAid *aid, const sip_t *response)
{
  g_autoptr (GError) error = NULL;

  pl_farewell_ack (aid->router, aid->farewell, response);
  if (aid->refresh_again || !take_answer (aid, response, &error))
    {
      if (error)
        pl_notice (PL_ROUTER_ROOM, "the far side's new part of the media can't be used", "call", aid->call_id, "reason", error->message, NULL);
      refresh_over (aid);
      return;
    }
  aid->pathless = aid->asked;
  aid->path_time = MAX (PATH_TIME, 2 * aid->path_time);
  refresh_later (aid, aid->path_time);
}

static gint64
glare_delay (PlAid *aid)
{
  PlEnv *env = aid->router->parts.env;

  if (aid->caller)
    return GLARE_MIN + pl_env_random_below (env, GLARE_SPREAD);
  return pl_env_random_below (env, GLARE_OTHER);
}

static void
on_failure (PlAid *aid, int status)
{
  g_autofree char *text = g_strdup_printf ("%d", status);

  pl_info (PL_ROUTER_ROOM, "the far side does not take up another path", "call", aid->call_id, "status", text, NULL);
  if (status == 491)
    refresh_later (aid, glare_delay (aid));
  else if (status == 408 || status == 480 || status >= 500)
    refresh_later (aid, AGAIN);
  else
    refresh_over (aid); /* it has no such call, or does not want: what is lost ends by its patience */
}

/* nta's transactions in this folder have branches for owners; this one has none. */
static int
on_response (PlBranch *owner, nta_outgoing_t *orq, const sip_t *response)
{
  PlAid *aid = (PlAid *) owner;
  int status = response && response->sip_status ? response->sip_status->st_status : 500;

  if (status < 200)
    return 0;
  aid->refresh_orq = NULL;
  if (status < 300 && response->sip_to && response->sip_cseq)
    on_success (aid, response);
  else
    on_failure (aid, status);
  nta_outgoing_destroy (orq);
  return 0;
}

/* --- our part --- */

/* The phone's last text as an offer, with what the edge has now. */
static GBytes *
dup_offer (PlAid *aid, GError **error)
{
  PlBridgeText text = { .text = NULL };
  PlLegs legs;
  gsize len;
  char *offer;

  text.text = g_bytes_get_data (aid->phone_text, &text.len);
  pl_aid_fill_legs (aid, &legs);
  offer = pl_bridge_to_far (&text, NULL, legs.legs, PL_MEDIA_SECTIONS_MAX, &len, error);
  if (!offer)
    return NULL;
  offer = pl_bridge_raise_version (offer, &len, aid->ahead + 1);
  return g_bytes_new_take (offer, len);
}

static gboolean
send_offer (PlAid *aid, GBytes *offer)
{
  PlRouter *router = aid->router;
  PlFlow *flow = pl_farewell_far_flow (router, aid->farewell);
  PlFar *far = flow ? pl_far_of_flow (flow) : NULL;
  g_autofree char *contact = far ? pl_router_gruu (router, pl_far_own (far), pl_far_node (far)) : NULL;
  msg_t *msg = contact ? pl_farewell_invite (router, aid->farewell, aid->cseq + 1, contact, offer) : NULL;

  if (!msg)
    return FALSE;
  aid->refresh_orq = nta_outgoing_mcreate (router->agent, on_response, (PlBranch *) aid, URL_STRING_MAKE (pl_flow_route (flow)), msg, TAG_END ());
  if (!aid->refresh_orq)
    msg_destroy (msg);
  return aid->refresh_orq != NULL;
}

static void
ask (PlAid *aid)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) offer = dup_offer (aid, &error);

  if (!offer || !send_offer (aid, offer))
    {
      pl_info (PL_ROUTER_ROOM, "no offer for another path yet", "call", aid->call_id, "reason", error ? error->message : "no flow", NULL);
      refresh_later (aid, AGAIN);
      return;
    }
  aid->cseq++;
  aid->ahead++;
  aid->refresh = PL_REFRESH_ASKING;
}

void
pl_refresh_opened (PlAid *aid)
{
  if (aid->refresh == PL_REFRESH_GATHERING)
    ask (aid);
}

/* Is there an offer of the phone or of the far side that is not answered? */
static gboolean
is_busy (PlAid *aid)
{
  for (guint i = 0; i < aid->router->requests->len; i++)
    {
      const PlRequest *request = aid->router->requests->pdata[i];

      if (request->aid == aid && !request->answered && request->sip->sip_request->rq_method == sip_method_invite)
        return TRUE;
    }
  return FALSE;
}

/* Candidates are gathered when the far side's machine is reached: then there is a network. */
static void
on_far_ready (gpointer user, PlFar *far, const char *error)
{
  PlAid *aid = user;
  const PlMediaFuncs *media = aid->router->parts.media->funcs;

  if (error)
    {
      refresh_later (aid, AGAIN);
      return;
    }
  aid->refresh = PL_REFRESH_GATHERING;
  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    if (aid->asked & 1u << i)
      media->restart (aid->edge, i, TRUE);
}

static void
begin (gpointer data)
{
  PlAid *aid = data;
  PlFlow *flow = pl_farewell_far_flow (aid->router, aid->farewell);

  if (pl_env_now (aid->router->parts.env) > aid->refresh_until)
    {
      aid->refresh = PL_REFRESH_NONE;
      return;
    }
  if (is_busy (aid))
    {
      refresh_later (aid, AGAIN);
      return;
    }
  pl_far_cancel_wait (aid->router->parts.fars, aid);
  if (flow)
    pl_far_wait (pl_far_of_flow (flow), on_far_ready, aid);
  else
    refresh_later (aid, AGAIN);
}

void
pl_aid_refresh (PlAid *aid)
{
  if (!aid->established || aid->over || !aid->farewell || !aid->phone_text || !pl_farewell_far_flow (aid->router, aid->farewell))
    return;
  aid->path_time = 0;
  aid->refresh_until = pl_env_now (aid->router->parts.env) + PL_LOST_TIME;
  if (aid->refresh == PL_REFRESH_ASKING)
    {
      aid->refresh_again = TRUE;
      return;
    }
  pl_info (PL_ROUTER_ROOM, "another path is sought for the media of a call", "call", aid->call_id, NULL);
  refresh_later (aid, 0);
}

/* The far side's own offer makes another path: ours waits, and is not needed when there is one. */
void
pl_refresh_yield (PlAid *aid)
{
  if (aid->refresh == PL_REFRESH_NONE || aid->refresh == PL_REFRESH_ASKING)
    return;
  pl_far_cancel_wait (aid->router->parts.fars, aid);
  aid->pathless = aid->asked;
  refresh_later (aid, YIELD_TIME);
}

gboolean
pl_aid_is_asking (const PlAid *aid)
{
  return aid->refresh == PL_REFRESH_ASKING;
}

void
pl_refresh_secured (PlAid *aid, guint section)
{
  if (aid->pathless == 0 || (aid->pathless &= ~(1u << section)) != 0)
    return;
  pl_timer_clear (&aid->refresh_timer);
  aid->refresh = PL_REFRESH_NONE;
}

void
pl_refresh_stop (PlAid *aid)
{
  pl_timer_clear (&aid->refresh_timer);
  pl_far_cancel_wait (aid->router->parts.fars, aid);
  if (aid->refresh_orq)
    nta_outgoing_destroy (g_steal_pointer (&aid->refresh_orq));
}
