/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/router-priv.h"

#include <string.h>
#include "base/log.h"

typedef enum { BODY_NONE, BODY_SDP, BODY_OTHER, BODY_HIDES_SDP } BodyKind;

static gboolean
contains (const char *data, gsize len, const char *word)
{
  gsize n = strlen (word);

  for (gsize i = 0; i + n <= len; i++)
    if (g_ascii_strncasecmp (data + i, word, n) == 0)
      return TRUE;
  return FALSE;
}

/* A body that we cannot look into may hold an offer; none passes unseen. */
static BodyKind
body_kind (const sip_t *sip)
{
  const sip_payload_t *body = sip->sip_payload;
  const char *type = sip->sip_content_type ? sip->sip_content_type->c_type : NULL;

  if (!body || body->pl_len == 0)
    return BODY_NONE;
  if (sip->sip_content_encoding)
    return BODY_HIDES_SDP;
  if (!type)
    return body->pl_len >= 3 && strncmp (body->pl_data, "v=0", 3) == 0 ? BODY_HIDES_SDP : BODY_OTHER;
  if (g_ascii_strcasecmp (type, "application/sdp") == 0)
    return BODY_SDP;
  if (g_ascii_strncasecmp (type, "multipart/", 10) == 0 && contains (body->pl_data, body->pl_len, "application/sdp"))
    return BODY_HIDES_SDP;
  return BODY_OTHER;
}

gboolean
pl_media_check (const sip_t *sip, PlVerdict *verdict)
{
  memset (verdict, 0, sizeof *verdict);
  switch (body_kind (sip))
    {
    case BODY_NONE:
    case BODY_OTHER:
      return TRUE;
    case BODY_HIDES_SDP:
      verdict->warning = "session description in a body that cannot be checked";
      return FALSE;
    case BODY_SDP:
      break;
    }
  verdict->has_sdp = TRUE;
  if (!pl_sdp_classify (sip->sip_payload->pl_data, sip->sip_payload->pl_len, &verdict->media, NULL))
    {
      verdict->warning = "malformed session description";
      return FALSE;
    }
  switch (verdict->media)
    {
    case PL_MEDIA_NONE:
    case PL_MEDIA_DIRECT:
    case PL_MEDIA_PHONE:
      return TRUE;
    case PL_MEDIA_LACKS_ICE:
    case PL_MEDIA_LACKS_ENCRYPTION:
    case PL_MEDIA_LACKS_BOTH:
      break;
    }
  verdict->warning = pl_sdp_advice (verdict->media);
  return FALSE;
}

gboolean
pl_media_check_answer (const sip_t *offer, const sip_t *answer, PlVerdict *verdict)
{
  if (!pl_media_check (answer, verdict))
    return FALSE;
  if (!verdict->has_sdp || !offer || body_kind (offer) != BODY_SDP)
    return TRUE;
  if (pl_sdp_answer_fits (offer->sip_payload->pl_data, offer->sip_payload->pl_len, answer->sip_payload->pl_data,
                          answer->sip_payload->pl_len, NULL))
    return TRUE;
  verdict->warning = "the answer does not keep what the offer promises: switch on ICE and DTLS-SRTP in the phone";
  return FALSE;
}

gboolean
pl_media_has_sdp (const sip_t *sip)
{
  return body_kind (sip) == BODY_SDP;
}

static gboolean
replace_body (msg_t *msg, sip_t *sip, const char *text, gsize len)
{
  sip_payload_t *body;

  if (len == sip->sip_payload->pl_len && memcmp (text, sip->sip_payload->pl_data, len) == 0)
    return TRUE;
  body = sip_payload_create (msg_home (msg), text, len);
  if (!body)
    return FALSE;
  msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_payload);
  if (sip->sip_content_length)
    msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_content_length);
  return msg_header_insert (msg, (msg_pub_t *) sip, (msg_header_t *) body) >= 0
         && msg_header_insert (msg, (msg_pub_t *) sip,
                               (msg_header_t *) sip_content_length_create (msg_home (msg), (uint32_t) len)) >= 0;
}

static GBytes *
body_bytes (const sip_t *sip)
{
  return g_bytes_new (sip->sip_payload->pl_data, sip->sip_payload->pl_len);
}

gboolean
pl_media_bridge (PlAid *aid, msg_t *msg, sip_t *sip, gboolean to_far, const sip_t *offer)
{
  g_autoptr (GBytes) body = body_bytes (sip);
  g_autoptr (GBytes) asked = offer && body_kind (offer) == BODY_SDP ? body_bytes (offer) : NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) text = NULL;

  if (!to_far && sip->sip_status)
    pl_aid_heed (aid, sip);
  text = pl_aid_bridge (aid, to_far, body, asked, &error);
  if (text)
    return replace_body (msg, sip, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  pl_info (PL_ROUTER_ROOM, "the media edge cannot carry this", "call", sip->sip_call_id ? sip->sip_call_id->i_id : "", "reason",
           error->message, NULL);
  return FALSE;
}

gboolean
pl_media_repeat (PlAid *aid, msg_t *msg, sip_t *sip, gboolean to_far)
{
  g_autoptr (GBytes) body = body_bytes (sip);
  g_autoptr (GBytes) text = pl_aid_repeat (aid, to_far, body);

  return text && replace_body (msg, sip, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
}

gboolean
pl_media_correct (msg_t *msg, sip_t *sip, const PlIceTell *to_far, const char *reached)
{
  g_autofree char *corrected = NULL, *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize len;

  if (body_kind (sip) != BODY_SDP)
    return body_kind (sip) != BODY_HIDES_SDP;
  corrected = to_far ? pl_sdp_to_far_telling (sip->sip_payload->pl_data, sip->sip_payload->pl_len, *to_far, &len, &error)
                     : pl_sdp_to_phone (sip->sip_payload->pl_data, sip->sip_payload->pl_len, &len, &error);
  if (!corrected)
    pl_info (PL_ROUTER_ROOM, "a session description goes no further", "reason", error->message, NULL);
  text = corrected && reached ? pl_sdp_leave_out (corrected, len, reached, &len, NULL) : g_steal_pointer (&corrected);
  return text && replace_body (msg, sip, text, len);
}

PlCallMedia
pl_media_of_call (PlMediaClass media)
{
  switch (media)
    {
    case PL_MEDIA_DIRECT:
      return PL_CALL_MEDIA_DIRECT;
    case PL_MEDIA_PHONE:
      return PL_CALL_MEDIA_PHONE;
    case PL_MEDIA_NONE:
    case PL_MEDIA_LACKS_ICE:
    case PL_MEDIA_LACKS_ENCRYPTION:
    case PL_MEDIA_LACKS_BOTH:
      break;
    }
  return PL_CALL_MEDIA_NONE;
}
