/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/bridge-priv.h"
#include "sip/sdp/edit-priv.h"
#include "sip/sdp/session.h"

#include <string.h>

/* One direction of one text. */
typedef struct {
  PlSdp *sdp;              /* what is rewritten */
  PlSdp *other;            /* what it answers, or the phone's last text; NULL: none */
  PlSdpEdits *edits;
  const PlBridgeLeg *legs;
  guint n_legs;
  gboolean answer;
  guint carried;
  gboolean own, through;   /* a section lives on the session's ICE and keys, or its keys alone */
  char *address;           /* of the first carried section */
  const char *failure;
} Bridge;

static gboolean
refuse (GError **error, int code, const char *why)
{
  g_set_error (error, G_IO_ERROR, code, "session description: %s", why);
  return FALSE;
}

static const PlBridgeLeg *
leg_of (const Bridge *bridge, guint i)
{
  return i < bridge->n_legs && bridge->legs[i].open ? &bridge->legs[i] : NULL;
}

static const PlSdpPart *
other_part (const Bridge *bridge, guint i)
{
  return bridge->other && i < bridge->other->media->len ? bridge->other->media->pdata[i] : NULL;
}

/* --- what goes --- */

static const char *const ice_lines[] = { "candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options",
                                         "ice-lite", "ice-mismatch", "ice-pacing", "rtcp", "rtcp-mux", "rtcp-mux-only", "bundle-only", NULL };
static const char *const dtls_lines[] = { "fingerprint", "setup", "connection", "tls-id", NULL };
static const char *const key_lines[] = { "crypto", "key-mgmt", "zrtp-hash", NULL };

static gboolean
is_one_of (const PlSdpLine *line, const char *const *names)
{
  for (guint i = 0; names[i]; i++)
    if (pl_sdp_line_is (line, names[i]))
      return TRUE;
  return FALSE;
}

static void
strip (Bridge *bridge, const PlSdpPart *part, gboolean dtls_too)
{
  for (guint i = MAX (part->m_line, 0); i < part->end; i++)
    {
      const PlSdpLine *line = pl_sdp_line (bridge->sdp, i);

      if (is_one_of (line, ice_lines) || is_one_of (line, key_lines) || line->text[0] == 'k' || (dtls_too && is_one_of (line, dtls_lines)))
        pl_sdp_edits_drop (bridge->edits, i);
    }
}

/* --- m= --- */

/* "audio 49170/2 RTP/AVP 0 8" with another port and profile; NULL: the same. */
static void
set_media (Bridge *bridge, const PlSdpPart *part, guint port, const char *profile)
{
  const PlSdpLine *line = pl_sdp_line (bridge->sdp, part->m_line);
  g_autofree char *text = g_strndup (line->text + 2, line->len - 2);
  const char *at = text;
  gsize start[3], len[3];

  for (guint i = 0; i < 3; i++)
    {
      at += strspn (at, " \t");
      start[i] = at - text;
      len[i] = strcspn (at, " \t");
      at += len[i];
    }
  pl_sdp_edits_set (bridge->edits, part->m_line,
                    g_strdup_printf ("m=%.*s %u %.*s%s", (int) len[0], text + start[0], port,
                                     (int) (profile ? strlen (profile) : len[2]), profile ? profile : text + start[2], at));
}

static void
decline (Bridge *bridge, const PlSdpPart *part)
{
  set_media (bridge, part, 0, NULL);
  strip (bridge, part, TRUE);
}

static void G_GNUC_PRINTF (3, 4)
add (Bridge *bridge, const PlSdpPart *part, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  pl_sdp_edits_add (bridge->edits, part->end - 1, g_strdup_vprintf (format, args));
  va_end (args);
}

static void
carry (Bridge *bridge, const PlSdpPart *part, gboolean through, const char *address)
{
  bridge->carried++;
  bridge->through |= through;
  if (!bridge->address)
    bridge->address = g_strdup (address);
  strip (bridge, part, !through);
  pl_sdp_edits_connect (bridge->edits, part, address);
}

/* --- toward the far side --- */

/* A candidate of the edge's "opened". */
typedef struct {
  guint rank, port;
  char **words;
} Local;

static void
local_clear (gpointer data)
{
  g_strfreev (((Local *) data)->words);
}

static gboolean
read_local (const char *text, Local *out)
{
  static const char *const types[] = { "host", "prflx", "srflx", "relay" };
  g_auto (GStrv) words = g_strsplit (text, " ", 8);
  guint n = g_strv_length (words), rank = 0;
  guint64 port;

  if ((n != 5 && n != 7) || !pl_sdp_number (words[4], G_MAXUINT16, &port) || port == 0 || pl_sdp_address_kind (words[3]) != PL_ADDRESS_OTHER)
    return FALSE;
  while (rank < G_N_ELEMENTS (types) && !g_str_equal (types[rank], words[2]))
    rank++;
  out->rank = rank;
  out->port = (guint) port;
  out->words = g_steal_pointer (&words);
  return rank < G_N_ELEMENTS (types);
}

/* RFC 8839, 4.2.1: relay, reflexive, host; IPv4 while there is any. */
static gboolean
is_better (const Local *a, const Local *b)
{
  gboolean ip6_a = strchr (a->words[3], ':') != NULL, ip6_b = strchr (b->words[3], ':') != NULL;

  return ip6_a != ip6_b ? ip6_b : a->rank > b->rank;
}

static GArray *
read_locals (const char *const *candidates, guint *best)
{
  GArray *locals = g_array_new (FALSE, TRUE, sizeof (Local));

  g_array_set_clear_func (locals, local_clear);
  *best = 0;
  for (guint i = 0; candidates && candidates[i] && locals->len < PL_BRIDGE_CANDIDATES_MAX; i++)
    {
      Local local = { 0 };

      if (!read_local (candidates[i], &local))
        {
          local_clear (&local);
          continue;
        }
      g_array_append_val (locals, local);
      if (is_better (&local, &g_array_index (locals, Local, *best)))
        *best = locals->len - 1;
    }
  return locals;
}

static void
add_locals (Bridge *bridge, const PlSdpPart *part, const GArray *locals, guint component)
{
  for (guint i = 0; i < locals->len; i++)
    {
      char **w = g_array_index (locals, Local, i).words;

      if (w[5])
        add (bridge, part, "a=candidate:%s %u UDP %s %s %s typ %s raddr %s rport %s", w[0], component, w[1], w[3], w[4], w[2], w[5], w[6]);
      else
        add (bridge, part, "a=candidate:%s %u UDP %s %s %s typ %s", w[0], component, w[1], w[3], w[4], w[2]);
    }
}

/* RTCP's own component, for whom does not multiplex; a=rtcp names the default (RFC 8839, 4.2.1.2). */
static void
add_control (Bridge *bridge, const PlSdpPart *part, const char *const *candidates)
{
  guint best;
  g_autoptr (GArray) locals = read_locals (candidates, &best);
  const Local *def = locals->len ? &g_array_index (locals, Local, best) : NULL;

  if (!def)
    return;
  add (bridge, part, "a=rtcp:%u IN IP%c %s", def->port, strchr (def->words[3], ':') ? '6' : '4', def->words[3]);
  add_locals (bridge, part, locals, 2);
}

static const char *
setup_for (const Bridge *bridge, const PlSdpPart *asked, const PlBridgeLeg *leg)
{
  g_autoptr (GPtrArray) values = asked ? pl_sdp_values (bridge->other, asked, "setup") : NULL;
  g_autoptr (GPtrArray) general = asked ? pl_sdp_values (bridge->other, bridge->other->session, "setup") : NULL;
  const char *setup;

  if (!bridge->answer)
    return "actpass"; /* RFC 8842, 5.2: also while an association goes on */
  if (leg->dtls != PL_BRIDGE_DTLS_NEW)
    return leg->dtls == PL_BRIDGE_DTLS_CLIENT ? "active" : "passive";
  setup = values && values->len ? values->pdata[0] : general && general->len ? general->pdata[0] : "active";
  return g_ascii_strcasecmp (setup, "active") == 0 ? "passive" : "active";
}

static const char *
far_profile (const PlSdpPart *part, const PlSdpPart *asked, gboolean answer)
{
  if (answer && asked)
    return asked->proto;
  return g_str_has_suffix (part->proto, "F") ? "UDP/TLS/RTP/SAVPF" : "UDP/TLS/RTP/SAVP";
}

/* What c=0.0.0.0 meant, now that an address stands there (RFC 3264, 8.4). */
static void
say_hold (Bridge *bridge, const PlSdpPart *part)
{
  static const char *const directions[] = { "sendrecv", "sendonly", "recvonly", "inactive", NULL };
  const PlSdpPart *from[] = { part, bridge->sdp->session };
  const char *said = NULL;

  for (guint f = 0; f < 2 && !said; f++)
    for (guint i = MAX (from[f]->m_line, 0); i < from[f]->end; i++)
      for (guint d = 0; directions[d]; d++)
        if (pl_sdp_line_is (pl_sdp_line (bridge->sdp, i), directions[d]))
          {
            said = directions[d];
            if (f == 0)
              pl_sdp_edits_drop (bridge->edits, i);
          }
  add (bridge, part, "a=%s", !said || g_str_has_prefix (said, "send") ? "sendonly" : "inactive");
}

static void
part_to_far (Bridge *bridge, const PlSdpPart *part, const PlSdpPart *asked, const PlBridgeLeg *leg)
{
  PlBridgeNeed need = pl_bridge_need (bridge->sdp, part);
  const char *address = part->address ? part->address : bridge->sdp->session->address;
  guint best;
  g_autoptr (GArray) locals = read_locals (leg->candidates, &best);
  const Local *def = locals->len ? &g_array_index (locals, Local, best) : NULL;

  if (!def || !leg->ufrag || !leg->password || (!leg->fingerprint && need != PL_BRIDGE_THROUGH))
    {
      bridge->failure = "the media edge has no address, no credentials or no certificate";
      return;
    }
  carry (bridge, part, need == PL_BRIDGE_THROUGH, def->words[3]);
  set_media (bridge, part, def->port, far_profile (part, asked, bridge->answer));
  if (address && pl_sdp_address_kind (address) == PL_ADDRESS_UNSPECIFIED)
    say_hold (bridge, part);
  add (bridge, part, "a=ice-ufrag:%s", leg->ufrag);
  add (bridge, part, "a=ice-pwd:%s", leg->password);
  if (need != PL_BRIDGE_THROUGH)
    {
      add (bridge, part, "a=fingerprint:%s", leg->fingerprint);
      add (bridge, part, "a=setup:%s", setup_for (bridge, asked, leg));
    }
  /* an association of the phone's own has no RTCP beside it unless the phone multiplexes */
  if (bridge->answer ? asked && asked->mux : need != PL_BRIDGE_THROUGH || part->mux)
    add (bridge, part, "a=rtcp-mux");
  add_locals (bridge, part, locals, 1);
  if (!bridge->answer || !asked || !asked->mux)
    add_control (bridge, part, leg->rtcp_candidates);
}

static void
section_to_far (Bridge *bridge, guint i)
{
  const PlSdpPart *part = bridge->sdp->media->pdata[i], *asked = other_part (bridge, i);
  PlBridgeNeed need = pl_bridge_need (bridge->sdp, part);
  const PlBridgeLeg *leg = leg_of (bridge, i);

  if (part->port != 0 && need == PL_BRIDGE_NONE)
    bridge->own = TRUE;
  else if (part->port != 0 && need != PL_BRIDGE_DECLINED && leg && bridge->carried < PL_BRIDGE_SECTIONS_MAX && (!asked || asked->port != 0))
    part_to_far (bridge, part, asked, leg);
  else
    decline (bridge, part);
}

/* --- toward the phone --- */

static gboolean
lists_keys (const PlBridgeLeg *leg)
{
  return leg->crypto && leg->crypto[0];
}

/* RFC 4568, 5.1.2: the tag and the suite of the line that is taken, a key of our own. */
static void
answer_keys (Bridge *bridge, const PlSdpPart *part, const PlSdpPart *phone, const PlBridgeLeg *leg)
{
  PlBridgeCrypto crypto;

  if (!pl_bridge_find_crypto (bridge->other, phone, &crypto))
    return;
  g_free (crypto.key);
  for (guint i = 0; leg->crypto && leg->crypto[i]; i++)
    if (g_str_has_prefix (leg->crypto[i], crypto.suite) && leg->crypto[i][strlen (crypto.suite)] == ' ')
      {
        add (bridge, part, "a=crypto:%u %s inline:%s", crypto.tag, crypto.suite, leg->crypto[i] + strlen (crypto.suite) + 1);
        return;
      }
  bridge->failure = "the media edge has no keys for the phone";
}

static void
offer_keys (Bridge *bridge, const PlSdpPart *part, const PlBridgeLeg *leg)
{
  for (guint i = 0; lists_keys (leg) && leg->crypto[i]; i++)
    {
      g_auto (GStrv) words = g_strsplit (leg->crypto[i], " ", 3);

      if (g_strv_length (words) == 2)
        add (bridge, part, "a=crypto:%u %s inline:%s", i + 1, words[0], words[1]);
    }
}

static const char *
phone_profile (const Bridge *bridge, const PlSdpPart *phone, const PlBridgeLeg *leg)
{
  if (leg->profile && !bridge->answer)
    return leg->profile;
  return phone && phone->port != 0 ? phone->proto : "RTP/AVP";
}

static void
part_to_phone (Bridge *bridge, const PlSdpPart *part, const PlSdpPart *phone, const PlBridgeLeg *leg)
{
  PlBridgeNeed need = phone ? pl_bridge_need (bridge->other, phone) : PL_BRIDGE_PLAIN;
  gboolean through = need == PL_BRIDGE_THROUGH;

  carry (bridge, part, through, leg->ipv6 ? "::1" : "127.0.0.1");
  set_media (bridge, part, leg->port, phone_profile (bridge, phone, leg));
  if (phone && phone->mux && (!through || part->mux))
    add (bridge, part, "a=rtcp-mux");
  if (bridge->answer)
    answer_keys (bridge, part, phone, leg);
  else if (!through && (!phone || phone->port == 0 || need == PL_BRIDGE_SDES))
    offer_keys (bridge, part, leg);
}

static void
section_to_phone (Bridge *bridge, guint i)
{
  const PlSdpPart *part = bridge->sdp->media->pdata[i], *phone = other_part (bridge, i);
  PlBridgeNeed need = phone ? pl_bridge_need (bridge->other, phone) : PL_BRIDGE_PLAIN;
  const PlBridgeLeg *leg = leg_of (bridge, i);

  if (part->port != 0 && phone && phone->port != 0 && need == PL_BRIDGE_NONE)
    bridge->own = TRUE;
  else if (part->port != 0 && need != PL_BRIDGE_DECLINED && leg && leg->port != 0 && bridge->carried < PL_BRIDGE_SECTIONS_MAX
           && (!bridge->answer || phone->port != 0))
    part_to_phone (bridge, part, phone, leg);
  else
    decline (bridge, part);
}

/* --- the whole --- */

static void
unbundle (Bridge *bridge)
{
  for (guint i = 0; i < bridge->sdp->session->end; i++)
    {
      const PlSdpLine *line = pl_sdp_line (bridge->sdp, i);

      if (pl_sdp_line_is (line, "group") && g_strstr_len (line->text, line->len, ":BUNDLE"))
        pl_sdp_edits_drop (bridge->edits, i);
    }
}

static void
correct_session (Bridge *bridge)
{
  const PlSdpPart *session = bridge->sdp->session;

  unbundle (bridge);
  if (bridge->own)
    return;
  strip (bridge, session, !bridge->through);
  if (session->c_line >= 0 && bridge->address)
    pl_sdp_edits_connect (bridge->edits, session, bridge->address);
}

/* An answer has the sections of its offer (RFC 3264, 6). */
static gboolean
check_counts (const Bridge *bridge, GError **error)
{
  return !bridge->answer || bridge->other->media->len == bridge->sdp->media->len
         || refuse (error, G_IO_ERROR_NOT_SUPPORTED, "the answer has not as many media as the offer");
}

static gboolean
had_any (const PlSdp *sdp)
{
  for (guint i = 0; i < sdp->media->len; i++)
    if (((PlSdpPart *) sdp->media->pdata[i])->port != 0)
      return TRUE;
  return FALSE;
}

static char *
rewrite (Bridge *bridge, void (*section) (Bridge *bridge, guint i), gsize *out_len, GError **error)
{
  g_autoptr (PlSdpEdits) edits = pl_sdp_edits_new (bridge->sdp);

  bridge->edits = edits;
  if (!check_counts (bridge, error))
    return NULL;
  for (guint i = 0; i < bridge->sdp->media->len && !bridge->failure; i++)
    section (bridge, i);
  correct_session (bridge);
  g_clear_pointer (&bridge->address, g_free);
  if (!bridge->failure && !bridge->carried && !bridge->own && had_any (bridge->sdp))
    bridge->failure = "none of its media can be carried";
  if (!bridge->failure)
    return pl_sdp_edits_write (edits, out_len);
  refuse (error, G_IO_ERROR_NOT_SUPPORTED, bridge->failure);
  return NULL;
}

char *
pl_bridge_to_far (const PlBridgeText *phone, const PlBridgeText *far, const PlBridgeLeg *legs, guint n, gsize *out_len, GError **error)
{
  g_autoptr (PlSdp) sdp = pl_sdp_scan (phone->text, phone->len, error);
  g_autoptr (PlSdp) other = sdp && far ? pl_sdp_scan (far->text, far->len, error) : NULL;
  Bridge bridge = { .sdp = sdp, .other = other, .legs = legs, .n_legs = n, .answer = far != NULL };
  g_autofree char *text = NULL;
  gsize len;

  if (!sdp || (far && !other))
    return NULL;
  text = rewrite (&bridge, section_to_far, &len, error);
  return text ? pl_sdp_to_far (text, len, out_len, error) : NULL; /* o=, and sections of its own */
}

char *
pl_bridge_to_phone (const PlBridgeText *far, PlBridgeRole role, const PlBridgeText *phone, const PlBridgeLeg *legs, guint n,
                    gsize *out_len, GError **error)
{
  gsize len = 0;
  g_autofree char *corrected = pl_sdp_to_phone (far->text, far->len, &len, error); /* while a loopback is still a stranger's */
  g_autoptr (PlSdp) sdp = corrected ? pl_sdp_scan (corrected, len, error) : NULL;
  g_autoptr (PlSdp) other = sdp && phone ? pl_sdp_scan (phone->text, phone->len, error) : NULL;
  Bridge bridge = { .sdp = sdp, .other = other, .legs = legs, .n_legs = n, .answer = role == PL_BRIDGE_ANSWER };

  g_return_val_if_fail (phone != NULL || role == PL_BRIDGE_OFFER, NULL);
  if (!sdp || (phone && !other))
    return NULL;
  return rewrite (&bridge, section_to_phone, out_len, error);
}

char *
pl_bridge_raise_version (char *text, gsize *len, guint by)
{
  g_autofree char *whole = text;
  char *line = by > 0 ? g_strstr_len (text, *len, "\no=") : NULL;
  gsize line_len = line ? strcspn (line + 1, "\r\n") : 0;
  g_autofree char *origin = line ? g_strndup (line + 1, line_len) : NULL;
  g_auto (GStrv) words = origin ? g_strsplit (origin, " ", 4) : NULL;
  guint64 version;
  char *raised;

  if (!words || g_strv_length (words) != 4 || !g_ascii_string_to_unsigned (words[2], 10, 0, G_MAXINT64, &version, NULL))
    return g_steal_pointer (&whole);
  raised = g_strdup_printf ("%.*s%s %s %" G_GUINT64_FORMAT " %s%s", (int) (line + 1 - text), text, words[0], words[1], version + by,
                            words[3], line + 1 + line_len);
  *len = strlen (raised);
  return raised;
}
