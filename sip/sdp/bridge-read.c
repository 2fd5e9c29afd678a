/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/bridge-priv.h"

#include <arpa/inet.h>
#include <string.h>

#define PORT_MAX 65535
#define FOUNDATION_MAX 32 /* RFC 8839, 5.1 */
#define CREDENTIAL_MAX 256 /* RFC 8839, 5.4 */

static const char *const rtp_profiles[] = { "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", NULL };
static const char *const dtls_profiles[] = { "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", NULL };

/* --- keys (RFC 4568) --- */

/* The key of "inline:KEY|2^31", without an MKI, which the edge has not. */
static char *
dup_key (const char *text)
{
  g_auto (GStrv) fields = g_strsplit (text, "|", 4);
  const char *key;

  if (g_ascii_strncasecmp (text, "inline:", 7) != 0 || strchr (text, ';') || !fields[0] || (fields[1] && (strchr (fields[1], ':') || fields[2])))
    return NULL;
  key = fields[0] + 7;
  return strlen (key) == PL_BRIDGE_KEY_CHARS && strspn (key, PL_BASE64) == PL_BRIDGE_KEY_CHARS ? g_strdup (key) : NULL;
}

/* "1 AES_CM_128_HMAC_SHA1_80 inline:... [session parameters]" */
gboolean
pl_bridge_read_crypto (const char *value, PlBridgeCrypto *out)
{
  static const char *const suites[] = { "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", NULL };
  g_autoptr (GPtrArray) words = pl_sdp_split (value);
  guint64 tag;

  if (words->len < 3 || !pl_sdp_number (words->pdata[0], 999999999, &tag))
    return FALSE;
  /* 6.3: what is not known must not be left alone unless it says so */
  for (guint i = 3; i < words->len; i++)
    if (((char *) words->pdata[i])[0] != '-' && !g_str_has_prefix (words->pdata[i], "WSH="))
      return FALSE;
  for (guint i = 0; suites[i]; i++)
    if (g_ascii_strcasecmp (words->pdata[1], suites[i]) == 0 && (out->key = dup_key (words->pdata[2])))
      {
        out->tag = (guint) tag;
        out->suite = suites[i];
        return TRUE;
      }
  return FALSE;
}

gboolean
pl_bridge_find_crypto (const PlSdp *sdp, const PlSdpPart *part, PlBridgeCrypto *out)
{
  g_autoptr (GPtrArray) values = pl_sdp_values (sdp, part, "crypto");

  for (guint i = 0; i < values->len; i++)
    if (pl_bridge_read_crypto (values->pdata[i], out))
      return TRUE;
  return FALSE;
}

/* --- the phone --- */

static void
phone_free (gpointer data)
{
  PlBridgePhone *phone = data;

  g_free (phone->suite);
  g_free (phone->key);
  g_free (phone->address);
  g_free (phone);
}

/* What the section needs, but for the number of sections. */
PlBridgeNeed
pl_bridge_need (const PlSdp *sdp, const PlSdpPart *part)
{
  gboolean ice, dtls = pl_sdp_has_dtls (sdp, part);
  PlBridgeCrypto crypto;

  if (part->port == 0)
    return PL_BRIDGE_NONE;
  ice = pl_sdp_has_ice (sdp, part);
  if (ice && (dtls || pl_sdp_has_zrtp (sdp, part)))
    return PL_BRIDGE_NONE;
  if (dtls && g_strv_contains (dtls_profiles, part->proto))
    return PL_BRIDGE_THROUGH;
  if (!g_strv_contains (rtp_profiles, part->proto))
    return PL_BRIDGE_DECLINED;
  if (pl_bridge_find_crypto (sdp, part, &crypto))
    {
      g_free (crypto.key);
      return PL_BRIDGE_SDES;
    }
  return strstr (part->proto, "SAVP") ? PL_BRIDGE_DECLINED : PL_BRIDGE_PLAIN;
}

/* A socket of the phone itself: what m= names when ICE is on may be a NAT's or a relay's port. */
static const PlSdpCandidate *
host_candidate (const PlSdpPart *part, guint component, const char *address)
{
  const PlSdpCandidate *best = NULL;
  gboolean ip6 = strchr (address, ':') != NULL;

  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];

      if (!candidate->valid || !candidate->udp || candidate->rank != 0 || candidate->component != component || candidate->port == 0)
        continue;
      if (g_str_equal (candidate->address, address))
        return candidate;
      if (!best || ((strchr (best->address, ':') != NULL) != ip6 && (strchr (candidate->address, ':') != NULL) == ip6))
        best = candidate;
    }
  return best;
}

/* RFC 3605; 0: not said. */
static guint
rtcp_port (const PlSdp *sdp, const PlSdpPart *part)
{
  g_autoptr (GPtrArray) values = pl_sdp_values (sdp, part, "rtcp");
  g_autofree char *digits = NULL;
  guint64 port = 0;

  if (values->len == 0)
    return 0;
  digits = g_strndup (values->pdata[0], strcspn (values->pdata[0], " \t"));
  return pl_sdp_number (digits, PORT_MAX, &port) ? (guint) port : 0;
}

static void
read_ports (const PlSdp *sdp, const PlSdpPart *part, const char *address, PlBridgePhone *phone)
{
  const PlSdpCandidate *rtp = host_candidate (part, 1, address);
  const PlSdpCandidate *rtcp = rtp ? host_candidate (part, 2, rtp->address) : NULL;
  guint said = rtcp_port (sdp, part);

  phone->address = g_strdup (rtp ? rtp->address : address);
  phone->rtp = rtp ? rtp->port : part->port;
  if (part->mux || phone->rtp == PORT_MAX)
    phone->rtcp = phone->rtp;
  else if (rtcp)
    phone->rtcp = rtcp->port;
  else
    phone->rtcp = said && !rtp ? said : phone->rtp + 1u;
}

static gboolean
read_phone_part (const PlSdp *sdp, const PlSdpPart *part, PlBridgePhone *phone, GError **error)
{
  const char *address = part->address ? part->address : sdp->session->address;
  PlBridgeCrypto crypto;

  phone->need = pl_bridge_need (sdp, part);
  if (phone->need == PL_BRIDGE_NONE || phone->need == PL_BRIDGE_DECLINED)
    return TRUE;
  if (!address)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "session description: media without an address");
      return FALSE;
    }
  phone->held = pl_sdp_address_kind (address) == PL_ADDRESS_UNSPECIFIED;
  read_ports (sdp, part, address, phone);
  if (phone->need == PL_BRIDGE_SDES && pl_bridge_find_crypto (sdp, part, &crypto))
    {
      phone->suite = g_strdup (crypto.suite);
      phone->key = crypto.key;
    }
  return TRUE;
}

/* Session attributes that a section without the edge lives on would speak for the others too. */
static gboolean
is_mixture (const PlSdp *sdp, const GPtrArray *phones)
{
  gboolean own = FALSE;

  for (guint i = 0; i < phones->len; i++)
    own |= ((PlBridgePhone *) phones->pdata[i])->need == PL_BRIDGE_NONE && ((PlSdpPart *) sdp->media->pdata[i])->port != 0;
  return own && pl_bridge_needed (phones);
}

static gboolean
is_lite (const PlSdp *sdp)
{
  g_autoptr (GPtrArray) values = pl_sdp_values (sdp, sdp->session, "ice-lite");

  return values->len > 0;
}

GPtrArray *
pl_bridge_read_phone (const char *body, gsize len, GError **error)
{
  g_autoptr (PlSdp) sdp = pl_sdp_scan (body, len, error);
  g_autoptr (GPtrArray) phones = g_ptr_array_new_with_free_func (phone_free);
  guint carried = 0;

  for (guint i = 0; sdp && i < sdp->media->len; i++)
    {
      PlBridgePhone *phone = g_new0 (PlBridgePhone, 1);

      g_ptr_array_add (phones, phone);
      if (!read_phone_part (sdp, sdp->media->pdata[i], phone, error))
        return NULL;
      if (phone->address && ++carried > PL_BRIDGE_SECTIONS_MAX)
        phone->need = PL_BRIDGE_DECLINED;
    }
  if (sdp && is_mixture (sdp, phones) && (sdp->groups->len || is_lite (sdp)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "only some media of a bundle have ICE and encryption");
      return NULL;
    }
  return sdp ? g_steal_pointer (&phones) : NULL;
}

gboolean
pl_bridge_needed (const GPtrArray *phones)
{
  for (guint i = 0; i < phones->len; i++)
    if (((PlBridgePhone *) phones->pdata[i])->need != PL_BRIDGE_NONE)
      return TRUE;
  return FALSE;
}

/* --- the far side --- */

static void
far_free (gpointer data)
{
  PlBridgeFar *far = data;

  g_free (far->ufrag);
  g_free (far->password);
  g_strfreev (far->fingerprints);
  g_strfreev (far->candidates);
  g_strfreev (far->rtcp_candidates);
  g_free (far);
}

/* Of the section, else of the session (RFC 8839, 5.4; RFC 8122, 5). */
static GPtrArray *
values_for (const PlSdp *sdp, const PlSdpPart *part, const char *name)
{
  g_autoptr (GPtrArray) own = pl_sdp_values (sdp, part, name);

  return own->len ? g_steal_pointer (&own) : pl_sdp_values (sdp, sdp->session, name);
}

static char *
dup_credential (const PlSdp *sdp, const PlSdpPart *part, const char *name, gsize min)
{
  g_autoptr (GPtrArray) values = values_for (sdp, part, name);
  gsize len = values->len ? strlen (values->pdata[0]) : 0;

  return len >= min && len <= CREDENTIAL_MAX && strspn (values->pdata[0], PL_BASE64) == len ? g_strdup (values->pdata[0]) : NULL;
}

static char **
dup_fingerprints (const PlSdp *sdp, const PlSdpPart *part)
{
  g_autoptr (GPtrArray) values = values_for (sdp, part, "fingerprint");
  g_autoptr (GPtrArray) out = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < values->len && out->len < PL_BRIDGE_FINGERPRINTS_MAX; i++)
    {
      g_autoptr (GPtrArray) words = pl_sdp_split (values->pdata[i]);

      /* SHA-1 proves nothing any more, SHA-224 nobody uses */
      if (pl_sdp_is_fingerprint (values->pdata[i]) && g_ascii_strcasecmp (words->pdata[0], "sha-1") != 0
          && g_ascii_strcasecmp (words->pdata[0], "sha-224") != 0)
        g_ptr_array_add (out, g_strdup_printf ("%s %s", (char *) words->pdata[0], (char *) words->pdata[1]));
    }
  g_ptr_array_add (out, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&out), FALSE);
}

static gboolean
is_reachable (const char *address)
{
  struct in6_addr ip6;
  struct in_addr ip4;

  if (pl_sdp_address_kind (address) != PL_ADDRESS_OTHER)
    return FALSE;
  if (inet_pton (AF_INET, address, &ip4) == 1)
    return ntohl (ip4.s_addr) >> 28 < 14; /* neither multicast nor broadcast */
  return inet_pton (AF_INET6, address, &ip6) == 1 && !IN6_IS_ADDR_MULTICAST (&ip6) && !IN6_IS_ADDR_LINKLOCAL (&ip6);
}

/* "FOUNDATION COMPONENT UDP PRIORITY ADDRESS PORT typ TYPE [raddr ADDRESS rport PORT]" */
static char *
dup_candidate (const char *value, guint wanted)
{
  static const char *const types[] = { "host", "srflx", "prflx", "relay", NULL };
  g_autoptr (GPtrArray) words = pl_sdp_split (value);
  char **word = (char **) words->pdata;
  g_autofree char *type = words->len >= 8 ? g_ascii_strdown (word[7], -1) : NULL;
  guint64 component, priority, port, base;

  if (!type || strlen (word[0]) > FOUNDATION_MAX || strspn (word[0], PL_BASE64) != strlen (word[0])
      || !pl_sdp_number (word[1], 256, &component) || component != wanted || g_ascii_strcasecmp (word[2], "UDP") != 0
      || !pl_sdp_number (word[3], G_MAXUINT32, &priority) || priority == 0 || !is_reachable (word[4])
      || !pl_sdp_number (word[5], PORT_MAX, &port) || port == 0 || g_ascii_strcasecmp (word[6], "typ") != 0
      || !g_strv_contains (types, type))
    return NULL;
  if (!g_str_equal (type, "host") && words->len >= 12 && g_ascii_strcasecmp (word[8], "raddr") == 0 && is_reachable (word[9])
      && g_ascii_strcasecmp (word[10], "rport") == 0 && pl_sdp_number (word[11], PORT_MAX, &base) && base != 0)
    return g_strdup_printf ("%s %u %s %s %u %s %u", word[0], (guint) priority, type, word[4], (guint) port, word[9], (guint) base);
  return g_strdup_printf ("%s %u %s %s %u", word[0], (guint) priority, type, word[4], (guint) port);
}

static char **
dup_candidates (const PlSdp *sdp, const PlSdpPart *part, guint component)
{
  g_autoptr (GPtrArray) values = pl_sdp_values (sdp, part, "candidate");
  g_autoptr (GPtrArray) out = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < values->len && out->len < PL_BRIDGE_CANDIDATES_MAX; i++)
    {
      char *text = dup_candidate (values->pdata[i], component);

      if (text)
        g_ptr_array_add (out, text);
    }
  g_ptr_array_add (out, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&out), FALSE);
}

/* RFC 5763, 5, and RFC 4145, 4.1: an offer without the word is active, an answer passive. */
static const char *
read_setup (const PlSdp *sdp, const PlSdpPart *part, PlBridgeRole role, PlBridgeFar *far)
{
  g_autoptr (GPtrArray) values = values_for (sdp, part, "setup");
  const char *setup = values->len ? values->pdata[0] : role == PL_BRIDGE_OFFER ? "active" : "passive";

  if (g_ascii_strcasecmp (setup, "active") == 0)
    return NULL;
  if (g_ascii_strcasecmp (setup, "passive") == 0 || (role == PL_BRIDGE_OFFER && g_ascii_strcasecmp (setup, "actpass") == 0))
    {
      far->dtls_client = TRUE;
      return NULL;
    }
  return "the far side does not say who begins DTLS";
}

static const char *
read_far_part (const PlSdp *sdp, const PlSdpPart *part, PlBridgeRole role, PlBridgeFar *far)
{
  far->offered = part->port != 0;
  far->mux = part->mux;
  far->lite = is_lite (sdp);
  if (!far->offered)
    return "the far side has it switched off";
  if (!g_strv_contains (dtls_profiles, part->proto))
    return "the far side has no DTLS-SRTP";
  if (part->mismatch || sdp->session->mismatch)
    return "something on the way has spoilt ICE";
  far->ufrag = dup_credential (sdp, part, "ice-ufrag", PL_SDP_UFRAG_MIN);
  far->password = dup_credential (sdp, part, "ice-pwd", PL_SDP_PWD_MIN);
  if (!far->ufrag || !far->password)
    return "the far side has no ICE";
  far->candidates = dup_candidates (sdp, part, 1);
  far->rtcp_candidates = far->mux ? g_new0 (char *, 1) : dup_candidates (sdp, part, 2);
  if (!far->candidates[0])
    return "the far side has no address";
  far->fingerprints = dup_fingerprints (sdp, part);
  if (!far->fingerprints[0])
    return "the far side names no certificate by SHA-256 or better";
  return read_setup (sdp, part, role, far);
}

GPtrArray *
pl_bridge_read_far (const char *body, gsize len, PlBridgeRole role, GError **error)
{
  g_autoptr (PlSdp) sdp = pl_sdp_scan (body, len, error);
  g_autoptr (GPtrArray) fars = g_ptr_array_new_with_free_func (far_free);

  for (guint i = 0; sdp && i < sdp->media->len; i++)
    {
      PlBridgeFar *far = g_new0 (PlBridgeFar, 1);

      g_ptr_array_add (fars, far);
      far->lacks = read_far_part (sdp, sdp->media->pdata[i], role, far);
    }
  return sdp ? g_steal_pointer (&fars) : NULL;
}

gboolean
pl_bridge_restarts_ice (const PlBridgeFar *before, const PlBridgeFar *after)
{
  return g_strcmp0 (before->ufrag, after->ufrag) != 0 || g_strcmp0 (before->password, after->password) != 0;
}

static gboolean
lists (char **fingerprints, const char *wanted)
{
  for (guint i = 0; fingerprints && fingerprints[i]; i++)
    if (g_ascii_strcasecmp (fingerprints[i], wanted) == 0)
      return TRUE;
  return FALSE;
}

gboolean
pl_bridge_renews_dtls (const PlBridgeFar *before, const PlBridgeFar *after)
{
  for (guint i = 0; after->fingerprints && after->fingerprints[i]; i++)
    if (lists (before->fingerprints, after->fingerprints[i]))
      return FALSE;
  return TRUE;
}
