/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/session.h"

#include "sip/sdp/scan-priv.h"

#include <string.h>

/* A section that may carry media: neither refused nor on hold both ways. What a hold by
 * c=0.0.0.0 offers is judged like the rest, as it would come back with no other word. */
static gboolean
is_active (const PlSdp *sdp, const PlSdpPart *part)
{
  return part->port != 0 && !(part->directed ? part->inactive : sdp->session->inactive);
}

static gboolean
has_candidate (const PlSdpPart *part)
{
  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];

      if (candidate->valid && candidate->port != 0 && pl_sdp_address_kind (candidate->address) != PL_ADDRESS_LOOPBACK
          && pl_sdp_address_kind (candidate->address) != PL_ADDRESS_UNSPECIFIED)
        return TRUE;
    }
  return FALSE;
}

/* RFC 8839, 4.2: credentials at either level, candidates in the section, or later (RFC 8840). */
gboolean
pl_sdp_has_ice (const PlSdp *sdp, const PlSdpPart *part)
{
  const PlSdpPart *from = pl_sdp_transport_of (sdp, part), *session = sdp->session;

  if (part->mismatch || from->mismatch || session->mismatch)
    return FALSE;
  if (!(part->ufrag || from->ufrag || session->ufrag) || !(part->pwd || from->pwd || session->pwd))
    return FALSE;
  return has_candidate (part) || has_candidate (from) || part->trickle || from->trickle || session->trickle;
}

gboolean
pl_sdp_has_dtls (const PlSdp *sdp, const PlSdpPart *part)
{
  g_auto (GStrv) layers = g_strsplit (part->proto, "/", 8);
  const char *const *names = (const char *const *) layers;

  return (g_strv_contains (names, "TLS") || g_strv_contains (names, "DTLS"))
         && (part->fingerprint || pl_sdp_transport_of (sdp, part)->fingerprint || sdp->session->fingerprint);
}

/* RFC 6189, section 8, under the profiles it is used with. */
gboolean
pl_sdp_has_zrtp (const PlSdp *sdp, const PlSdpPart *part)
{
  static const char *const profiles[] = { "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", NULL };

  return (part->zrtp || sdp->session->zrtp) && g_strv_contains (profiles, part->proto);
}

static PlMediaClass
part_class (const PlSdp *sdp, const PlSdpPart *part)
{
  gboolean ice = pl_sdp_has_ice (sdp, part), dtls = pl_sdp_has_dtls (sdp, part), zrtp = pl_sdp_has_zrtp (sdp, part);

  if (ice && dtls)
    return PL_MEDIA_DIRECT;
  if (ice && zrtp)
    return PL_MEDIA_PHONE;
  if (ice)
    return PL_MEDIA_LACKS_ENCRYPTION;
  return dtls || zrtp ? PL_MEDIA_LACKS_ICE : PL_MEDIA_LACKS_BOTH;
}

/* What two sections are together: the worse, and all that is missing. */
static PlMediaClass
join (PlMediaClass a, PlMediaClass b)
{
  if (a < PL_MEDIA_LACKS_ICE || b < PL_MEDIA_LACKS_ICE)
    return MAX (a, b);
  return a == b ? a : PL_MEDIA_LACKS_BOTH;
}

static PlMediaClass
classify (const PlSdp *sdp)
{
  PlMediaClass all = PL_MEDIA_NONE;

  for (guint i = 0; i < sdp->media->len; i++)
    if (is_active (sdp, sdp->media->pdata[i]))
      all = join (all, part_class (sdp, sdp->media->pdata[i]));
  return all;
}

gboolean
pl_sdp_classify (const char *body, gsize len, PlMediaClass *result, GError **error)
{
  g_autoptr (PlSdp) sdp = pl_sdp_scan (body, len, error);

  *result = PL_MEDIA_NONE;
  if (!sdp)
    return FALSE;
  *result = classify (sdp);
  return TRUE;
}

const char *
pl_sdp_advice (PlMediaClass media)
{
  switch (media)
    {
    case PL_MEDIA_LACKS_ICE:
      return "This phone offers no ICE: switch on ICE in the network settings of the phone";
    case PL_MEDIA_LACKS_ENCRYPTION:
      return "This phone does not encrypt as needed: set its media encryption to DTLS-SRTP";
    case PL_MEDIA_LACKS_BOTH:
      return "This phone offers neither ICE nor encryption: switch on ICE in its network settings and set its media encryption to DTLS-SRTP";
    case PL_MEDIA_NONE:
    case PL_MEDIA_DIRECT:
    case PL_MEDIA_PHONE:
      break;
    }
  return "Nothing to change in this phone";
}

static gboolean
refuse (GError **error, guint section, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "media %u of the answer: %s", section + 1, why);
  return FALSE;
}

static gboolean
section_fits (const PlSdp *offer, const PlSdp *answer, guint i, GError **error)
{
  const PlSdpPart *asked = offer->media->pdata[i], *given = answer->media->pdata[i];
  PlMediaClass promised = part_class (offer, asked), kept;

  if (!is_active (answer, given))
    return TRUE;
  if (asked->port == 0 && !asked->bundle_only)
    return refuse (error, i, "taken up though it was not offered");
  kept = part_class (answer, given);
  if (kept != PL_MEDIA_DIRECT && kept != PL_MEDIA_PHONE)
    return refuse (error, i, pl_sdp_advice (kept));
  /* what was on hold or bundled away may come back as either */
  if (kept != promised && is_active (offer, asked))
    return refuse (error, i, "other encryption than the offer has");
  return TRUE;
}

gboolean
pl_sdp_answer_fits (const char *offer_body, gsize offer_len, const char *answer_body, gsize answer_len, GError **error)
{
  g_autoptr (PlSdp) offer = pl_sdp_scan (offer_body, offer_len, error);
  g_autoptr (PlSdp) answer = offer ? pl_sdp_scan (answer_body, answer_len, error) : NULL;

  if (!answer)
    return FALSE;
  if (offer->media->len != answer->media->len)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the answer has %u media where %u were offered", answer->media->len,
                   offer->media->len);
      return FALSE;
    }
  for (guint i = 0; i < offer->media->len; i++)
    if (!section_fits (offer, answer, i, error))
      return FALSE;
  return TRUE;
}
