/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/session.h"

#include "sip/sdp/edit-priv.h"
#include "sip/sdp/scan-priv.h"

#include <string.h>

typedef struct {
  const PlSdp *sdp;
  PlSdpEdits *edits;
  PlIceTell tell;
  gboolean stranger; /* from a link: a name is as bad as loopback, nobody may make us look it up */
} Correction;

/* Ranks: relay 3, srflx 2, prflx 1, host 0. */
static gboolean
may_tell (const Correction *correction, const PlSdpCandidate *candidate)
{
  static const guint least[] = { [PL_ICE_TELL_ALL] = 0, [PL_ICE_TELL_NO_HOST] = 1, [PL_ICE_TELL_RELAY_ONLY] = 3 };

  return candidate->valid && candidate->rank >= least[correction->tell];
}

/* No candidate that may be told has it. */
static gboolean
is_hidden (const Correction *correction, const char *address)
{
  for (guint i = 0; correction->tell != PL_ICE_TELL_ALL && i < correction->sdp->media->len; i++)
    {
      const PlSdpPart *part = correction->sdp->media->pdata[i];

      for (guint j = 0; j < part->candidates->len; j++)
        if (may_tell (correction, part->candidates->pdata[j])
            && g_ascii_strcasecmp (((PlSdpCandidate *) part->candidates->pdata[j])->address, address) == 0)
          return FALSE;
    }
  return correction->tell != PL_ICE_TELL_ALL;
}

static gboolean
is_bad (const Correction *correction, const char *address)
{
  PlAddressKind kind = pl_sdp_address_kind (address);

  if (kind != PL_ADDRESS_UNSPECIFIED && is_hidden (correction, address))
    return TRUE;

  if (kind == PL_ADDRESS_NAME)
    return correction->stranger || g_ascii_strcasecmp (address, "localhost") == 0 || g_ascii_strcasecmp (address, "localhost.") == 0;
  return kind == PL_ADDRESS_LOOPBACK;
}

static const char *
unspecified (gboolean ip6)
{
  return ip6 ? "::" : "0.0.0.0";
}

/* --- candidates --- */

static gboolean
is_usable (const Correction *correction, const PlSdpCandidate *candidate)
{
  return candidate->valid && may_tell (correction, candidate) && candidate->port != 0 && !is_bad (correction, candidate->address)
         && pl_sdp_address_kind (candidate->address) == PL_ADDRESS_OTHER;
}

/* "... typ srflx raddr 10.0.1.1 rport 8998 ..." */
static void
hide_base (Correction *correction, const PlSdpCandidate *candidate)
{
  const PlSdpLine *line = pl_sdp_line (correction->sdp, candidate->line);
  g_autofree char *text = g_strndup (line->text, line->len);
  g_autoptr (GPtrArray) words = pl_sdp_split (text);

  for (guint i = 0; i + 1 < words->len; i++)
    {
      const char *word = words->pdata[i], *hidden = NULL;

      if (g_ascii_strcasecmp (word, "raddr") == 0)
        hidden = unspecified (strchr (candidate->address, ':') != NULL);
      else if (g_ascii_strcasecmp (word, "rport") == 0)
        hidden = "9";
      if (!hidden)
        continue;
      g_free (words->pdata[++i]);
      words->pdata[i] = g_strdup (hidden);
    }
  g_ptr_array_add (words, NULL);
  pl_sdp_edits_set (correction->edits, candidate->line, g_strjoinv (" ", (char **) words->pdata));
}

static void
drop_candidates (Correction *correction, const PlSdpPart *part)
{
  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];
      gboolean hidden = correction->tell != PL_ICE_TELL_ALL && !may_tell (correction, candidate);
      gboolean bad = candidate->valid && (is_bad (correction, candidate->address) || pl_sdp_address_kind (candidate->address) == PL_ADDRESS_UNSPECIFIED);

      if (bad || hidden || (correction->stranger && !candidate->valid))
        pl_sdp_edits_drop (correction->edits, candidate->line);
      else if (correction->tell != PL_ICE_TELL_ALL)
        hide_base (correction, candidate);
    }
}

/* Is `a` the better default: the kind most likely to be reached (RFC 8839, 4.2.1: relay,
 * reflexive, host), of the family the phone had, of higher priority. */
static gboolean
is_better (const PlSdpCandidate *a, const PlSdpCandidate *b, gboolean ip6)
{
  gboolean family_a = (strchr (a->address, ':') != NULL) == ip6, family_b = (strchr (b->address, ':') != NULL) == ip6;

  if (family_a != family_b)
    return family_a;
  return a->rank != b->rank ? a->rank > b->rank : a->priority > b->priority;
}

static const PlSdpCandidate *
best_candidate (const Correction *correction, const PlSdpPart *part, gboolean ip6)
{
  const PlSdpCandidate *best = NULL;

  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];

      if (is_usable (correction, candidate) && candidate->udp && candidate->component == 1 && (!best || is_better (candidate, best, ip6)))
        best = candidate;
    }
  return best;
}

/* RTCP's candidate beside `rtp`: same kind and address first. */
static const PlSdpCandidate *
rtcp_candidate (const Correction *correction, const PlSdpPart *part, const PlSdpCandidate *rtp)
{
  const PlSdpCandidate *best = NULL;

  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];

      if (!is_usable (correction, candidate) || !candidate->udp || candidate->component != 2)
        continue;
      if (candidate->rank == rtp->rank && g_str_equal (candidate->address, rtp->address))
        return candidate;
      if (!best || is_better (candidate, best, strchr (rtp->address, ':') != NULL))
        best = candidate;
    }
  return best;
}

/* --- m-sections --- */

/* Puts another number in place of the port of an m= line, the rest as it is. */
static void
set_port (Correction *correction, const PlSdpPart *part, guint port)
{
  const PlSdpLine *line = pl_sdp_line (correction->sdp, part->m_line);
  g_autofree char *text = g_strndup (line->text, line->len);
  gsize before = 2 + strcspn (text + 2, " \t"), digits;

  before += strspn (text + before, " \t");
  digits = strspn (text + before, "0123456789");
  pl_sdp_edits_set (correction->edits, part->m_line, g_strdup_printf ("%.*s%u%s", (int) before, text, port, text + before + digits));
}

static char *
rtcp_text (const PlSdpCandidate *rtcp, const PlSdpCandidate *rtp, gboolean brief)
{
  if (brief && g_str_equal (rtcp->address, rtp->address))
    return g_strdup_printf ("a=rtcp:%u", rtcp->port);
  return g_strdup_printf ("a=rtcp:%u IN %s %s", rtcp->port, strchr (rtcp->address, ':') ? "IP6" : "IP4", rtcp->address);
}

/* RFC 3605 and RFC 8839, 4.2.1.2: a=rtcp goes with the default; without a second component
 * it says the same port (RFC 5761) or nothing. */
static void
set_rtcp (Correction *correction, const PlSdpPart *part, const PlSdpPart *from, const PlSdpCandidate *rtp)
{
  const PlSdpCandidate *rtcp = rtcp_candidate (correction, from, rtp);
  const PlSdpLine *line = part->rtcp_line >= 0 ? pl_sdp_line (correction->sdp, part->rtcp_line) : NULL;
  gboolean brief = line && !memchr (line->text, ' ', line->len);

  if (!rtcp && part->mux)
    rtcp = rtp;
  if (line && rtcp)
    pl_sdp_edits_set (correction->edits, part->rtcp_line, rtcp_text (rtcp, rtp, brief));
  else if (line)
    pl_sdp_edits_drop (correction->edits, part->rtcp_line);
  else if (rtcp && rtcp != rtp && (rtcp->port != rtp->port + 1 || !g_str_equal (rtcp->address, rtp->address)))
    pl_sdp_edits_add (correction->edits, part->end - 1, rtcp_text (rtcp, rtp, FALSE));
}

/* "a=rtcp:53020 IN IP4 126.16.64.4" (RFC 3605) */
static gboolean
has_bad_rtcp (const Correction *correction, const PlSdpPart *part)
{
  const PlSdpLine *line = part->rtcp_line >= 0 ? pl_sdp_line (correction->sdp, part->rtcp_line) : NULL;
  g_autofree char *text = line ? g_strndup (line->text, line->len) : NULL;
  g_autoptr (GPtrArray) words = line ? pl_sdp_split (text) : NULL;

  return words && words->len > 1 && is_bad (correction, words->pdata[words->len - 1]);
}

/* The candidate that an untouched m= and c= name. */
static const PlSdpCandidate *
named_candidate (const Correction *correction, const PlSdpPart *part, const PlSdpPart *from, const char *address)
{
  for (guint i = 0; address && i < from->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = from->candidates->pdata[i];

      if (is_usable (correction, candidate) && candidate->component == 1 && candidate->port == part->port && g_str_equal (candidate->address, address))
        return candidate;
    }
  return NULL;
}

static void
correct_part (Correction *correction, const PlSdpPart *part)
{
  const PlSdpPart *session = correction->sdp->session, *shared = pl_sdp_transport_of (correction->sdp, part);
  const PlSdpPart *from = part->candidates->len ? part : shared;
  const char *address = part->address ? part->address : session->address;
  gboolean ip6 = part->address ? part->ip6 : session->ip6, bad = address && is_bad (correction, address);
  const PlSdpCandidate *rtp = bad ? NULL : named_candidate (correction, part, from, address);

  drop_candidates (correction, part);
  if (!bad && !has_bad_rtcp (correction, part))
    return;
  if (!rtp && part->port != 0)
    rtp = best_candidate (correction, from, ip6);
  if (bad && rtp)
    {
      set_port (correction, part, rtp->port);
      pl_sdp_edits_connect (correction->edits, part, rtp->address);
    }
  else if (bad && part->c_line >= 0)
    pl_sdp_edits_connect (correction->edits, part, unspecified (ip6));
  if (rtp)
    set_rtcp (correction, part, from, rtp);
  else if (has_bad_rtcp (correction, part))
    pl_sdp_edits_drop (correction->edits, part->rtcp_line);
}

/* --- the session part --- */

/* What stands in a session c= that nothing uses: the address of the first m-section. Not the
 * unspecified one: RFC 5245 (9.1.1.1) has it ask for an ICE restart, and linphone, which writes
 * loopback there, takes it so even in the first offer; two of them never end restarting. */
static const char *
session_address (const Correction *correction)
{
  const PlSdp *sdp = correction->sdp;
  const char *found = NULL;

  for (guint i = 0; i < sdp->media->len; i++)
    {
      const PlSdpPart *part = sdp->media->pdata[i];
      const PlSdpPart *from = part->candidates->len ? part : pl_sdp_transport_of (sdp, part);
      const PlSdpCandidate *best = best_candidate (correction, from, part->address ? part->ip6 : sdp->session->ip6);
      gboolean own = part->address && !is_bad (correction, part->address);

      if (part->port == 0)
        continue;
      if (!own && !best)
        return unspecified (sdp->session->ip6); /* it is in use after all */
      if (!found)
        found = own ? part->address : best->address;
    }
  return found ? found : unspecified (sdp->session->ip6);
}

/* In the family of the media: baresip takes an offer to be of that of its o=. */
static void
correct_origin (Correction *correction)
{
  const PlSdpLine *line = pl_sdp_line (correction->sdp, correction->sdp->o_line);
  g_autofree char *text = g_strndup (line->text, line->len);
  g_autoptr (GPtrArray) words = pl_sdp_split (text);
  const char *address = words->pdata[5], *media = session_address (correction);
  gboolean ip6;

  /* a name here is only an identifier: left alone even from a stranger */
  if (pl_sdp_address_kind (address) != PL_ADDRESS_LOOPBACK && g_ascii_strcasecmp (address, "localhost") != 0
      && !is_hidden (correction, address))
    return;
  ip6 = pl_sdp_address_kind (media) == PL_ADDRESS_UNSPECIFIED ? g_ascii_strcasecmp (words->pdata[4], "IP6") == 0 : strchr (media, ':') != NULL;
  g_free (words->pdata[4]);
  words->pdata[4] = g_strdup (ip6 ? "IP6" : "IP4");
  g_free (words->pdata[5]);
  words->pdata[5] = g_strdup (unspecified (ip6));
  g_ptr_array_add (words, NULL);
  pl_sdp_edits_set (correction->edits, correction->sdp->o_line, g_strjoinv (" ", (char **) words->pdata));
}

static void
correct_session (Correction *correction)
{
  const PlSdpPart *session = correction->sdp->session;

  correct_origin (correction);
  drop_candidates (correction, session);
  if (session->address && is_bad (correction, session->address))
    pl_sdp_edits_connect (correction->edits, session, session_address (correction));
  if (has_bad_rtcp (correction, session))
    pl_sdp_edits_drop (correction->edits, session->rtcp_line);
}

/* Nobody would reach a phone that names nothing. */
static gboolean
check_told (const Correction *correction, GError **error)
{
  for (guint i = 0; correction->tell != PL_ICE_TELL_ALL && i < correction->sdp->media->len; i++)
    {
      const PlSdpPart *part = correction->sdp->media->pdata[i], *shared = pl_sdp_transport_of (correction->sdp, part);
      const PlSdpPart *from = part->candidates->len ? part : shared;

      if (part->port == 0 || best_candidate (correction, from, FALSE))
        continue;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the phone names no address that may be told: give it a %s server",
                   correction->tell == PL_ICE_TELL_NO_HOST ? "STUN" : "TURN");
      return FALSE;
    }
  return TRUE;
}

static char *
correct (const char *body, gsize len, PlIceTell tell, gboolean stranger, gsize *out_len, GError **error)
{
  g_autoptr (PlSdp) sdp = pl_sdp_scan (body, len, error);
  g_autoptr (PlSdpEdits) edits = sdp ? pl_sdp_edits_new (sdp) : NULL;
  Correction correction = { sdp, edits, tell, stranger };

  if (!sdp || !check_told (&correction, error))
    return NULL;
  correct_session (&correction);
  for (guint i = 0; i < sdp->media->len; i++)
    correct_part (&correction, sdp->media->pdata[i]);
  return pl_sdp_edits_write (edits, out_len);
}

char *
pl_sdp_to_far (const char *body, gsize len, gsize *out_len, GError **error)
{
  return correct (body, len, PL_ICE_TELL_ALL, FALSE, out_len, error);
}

char *
pl_sdp_to_far_telling (const char *body, gsize len, PlIceTell tell, gsize *out_len, GError **error)
{
  return correct (body, len, tell, FALSE, out_len, error);
}

char *
pl_sdp_to_phone (const char *body, gsize len, gsize *out_len, GError **error)
{
  return correct (body, len, PL_ICE_TELL_ALL, TRUE, out_len, error);
}
