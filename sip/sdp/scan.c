/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/scan-priv.h"

#include "sip/sdp/session.h"

#include <arpa/inet.h>
#include <string.h>

#define PORT_MAX 65535

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "session description: %s", why);
  return FALSE;
}

/* --- addresses --- */

static PlAddressKind
kind_of_ip4 (guint32 address)
{
  if (address == 0)
    return PL_ADDRESS_UNSPECIFIED;
  return address >> 24 == 127 ? PL_ADDRESS_LOOPBACK : PL_ADDRESS_OTHER;
}

PlAddressKind
pl_sdp_address_kind (const char *address)
{
  struct in6_addr ip6;
  struct in_addr ip4;

  /* inet_aton, as phones may: "127.1", "0x7f000001" and "2130706433" are loopback too */
  if (inet_aton (address, &ip4))
    return kind_of_ip4 (ntohl (ip4.s_addr));
  if (inet_pton (AF_INET6, address, &ip6) != 1)
    return g_str_has_prefix (address, "fe80:") && strchr (address, '%') ? PL_ADDRESS_OTHER : PL_ADDRESS_NAME;
  if (IN6_IS_ADDR_LOOPBACK (&ip6))
    return PL_ADDRESS_LOOPBACK;
  if (IN6_IS_ADDR_UNSPECIFIED (&ip6))
    return PL_ADDRESS_UNSPECIFIED;
  if (IN6_IS_ADDR_V4MAPPED (&ip6) || IN6_IS_ADDR_V4COMPAT (&ip6))
    return kind_of_ip4 (GUINT32_FROM_BE (ip6.s6_addr32[3]));
  return PL_ADDRESS_OTHER;
}

/* --- parts --- */

static void
candidate_free (gpointer data)
{
  g_free (((PlSdpCandidate *) data)->address);
  g_free (data);
}

static PlSdpPart *
part_new (int m_line)
{
  PlSdpPart *part = g_new0 (PlSdpPart, 1);

  part->m_line = m_line;
  part->end = m_line + 1;
  part->c_line = part->rtcp_line = -1;
  part->candidates = g_ptr_array_new_with_free_func (candidate_free);
  return part;
}

static void
part_free (gpointer data)
{
  PlSdpPart *part = data;

  g_ptr_array_unref (part->candidates);
  g_free (part->proto);
  g_free (part->address);
  g_free (part->mid);
  g_free (part);
}

void
pl_sdp_free (PlSdp *sdp)
{
  g_array_unref (sdp->lines);
  part_free (sdp->session);
  g_ptr_array_unref (sdp->media);
  g_ptr_array_unref (sdp->groups);
  g_free (sdp);
}

GPtrArray *
pl_sdp_split (const char *text)
{
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);
  gsize len;

  for (text += strspn (text, " \t"); *text; text += len, text += strspn (text, " \t"))
    {
      len = strcspn (text, " \t");
      g_ptr_array_add (words, g_strndup (text, len));
    }
  return words;
}

gboolean
pl_sdp_number (const char *text, guint64 max, guint64 *out)
{
  gsize digits = strspn (text, "0123456789");

  if (digits == 0 || digits > 10 || text[digits] != '\0')
    return FALSE;
  *out = g_ascii_strtoull (text, NULL, 10);
  return *out <= max;
}

const PlSdpLine *
pl_sdp_line (const PlSdp *sdp, guint line)
{
  return &g_array_index (sdp->lines, PlSdpLine, line);
}

gboolean
pl_sdp_line_is (const PlSdpLine *line, const char *name)
{
  gsize len = strlen (name);

  return line->len >= len + 2 && line->text[0] == 'a' && g_ascii_strncasecmp (line->text + 2, name, len) == 0
         && (line->len == len + 2 || line->text[len + 2] == ':');
}

GPtrArray *
pl_sdp_values (const PlSdp *sdp, const PlSdpPart *part, const char *name)
{
  GPtrArray *values = g_ptr_array_new_with_free_func (g_free);

  for (guint i = MAX (part->m_line, 0); i < part->end; i++)
    {
      const PlSdpLine *line = pl_sdp_line (sdp, i);
      gsize start = MIN (strlen (name) + 3, line->len);

      if (pl_sdp_line_is (line, name))
        g_ptr_array_add (values, g_strndup (line->text + start, line->len - start));
    }
  return values;
}

/* --- lines of interest --- */

/* RFC 8839, 5.1. A line we can't read stays without `valid`. */
static void
take_candidate (PlSdpPart *part, guint line, const char *value)
{
  static const char *const types[] = { "host", "prflx", "srflx", "relay" };
  g_autoptr (GPtrArray) words = pl_sdp_split (value);
  PlSdpCandidate *candidate = g_new0 (PlSdpCandidate, 1);
  guint64 component, port;

  candidate->line = line;
  g_ptr_array_add (part->candidates, candidate);
  if (words->len < 8 || !pl_sdp_number (words->pdata[1], 256, &component) || !pl_sdp_number (words->pdata[3], G_MAXUINT32, &candidate->priority)
      || !pl_sdp_number (words->pdata[5], PORT_MAX, &port) || g_ascii_strcasecmp (words->pdata[6], "typ") != 0)
    return;
  candidate->component = component;
  candidate->port = port;
  candidate->udp = g_ascii_strcasecmp (words->pdata[2], "UDP") == 0;
  candidate->address = g_strdup (words->pdata[4]);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_ascii_strcasecmp (words->pdata[7], types[i]) == 0)
      candidate->rank = i;
  candidate->valid = TRUE;
}

/* RFC 8122, section 5, without the hash functions it forbids. */
gboolean
pl_sdp_is_fingerprint (const char *value)
{
  static const struct { const char *name; guint len; } hashes[] = { { "sha-1", 20 }, { "sha-224", 28 }, { "sha-256", 32 }, { "sha-384", 48 }, { "sha-512", 64 } };
  g_autoptr (GPtrArray) words = pl_sdp_split (value);
  const char *digits = words->len == 2 ? words->pdata[1] : "";
  guint len = 0;

  for (guint i = 0; i < G_N_ELEMENTS (hashes) && words->len == 2; i++)
    if (g_ascii_strcasecmp (words->pdata[0], hashes[i].name) == 0)
      len = hashes[i].len;
  if (len == 0 || strlen (digits) != len * 3 - 1)
    return FALSE;
  for (guint i = 0; digits[i]; i++)
    if (i % 3 == 2 ? digits[i] != ':' : !g_ascii_isxdigit (digits[i]))
      return FALSE;
  return TRUE;
}

static void
take_direction (PlSdpPart *part, const char *name)
{
  static const char *const directions[] = { "sendrecv", "sendonly", "recvonly", "inactive", NULL };

  if (!g_strv_contains (directions, name))
    return;
  part->directed = TRUE;
  part->inactive = g_str_equal (name, "inactive");
}

static void
take_group (PlSdp *sdp, const char *value)
{
  g_autoptr (GPtrArray) words = pl_sdp_split (value);

  if (words->len < 2 || !g_str_equal (words->pdata[0], "BUNDLE"))
    return;
  g_ptr_array_remove_index (words, 0);
  g_ptr_array_add (words, NULL);
  g_ptr_array_add (sdp->groups, g_ptr_array_free (g_steal_pointer (&words), FALSE));
}

static void
take_ice (PlSdpPart *part, const char *name, const char *value)
{
  part->ufrag |= g_str_equal (name, "ice-ufrag") && strlen (value) >= PL_SDP_UFRAG_MIN;
  part->pwd |= g_str_equal (name, "ice-pwd") && strlen (value) >= PL_SDP_PWD_MIN;
  part->mismatch |= g_str_equal (name, "ice-mismatch");
  if (g_str_equal (name, "ice-options"))
    {
      g_autoptr (GPtrArray) words = pl_sdp_split (value);

      for (guint i = 0; i < words->len; i++)
        part->trickle |= g_str_equal (words->pdata[i], "trickle");
    }
}

static gboolean
take_attribute (PlSdp *sdp, PlSdpPart *part, guint line, const char *text, GError **error)
{
  g_auto (GStrv) halves = g_strsplit (text, ":", 2);
  g_autofree char *name = g_ascii_strdown (halves[0] ? halves[0] : "", -1);
  const char *value = halves[0] && halves[1] ? halves[1] : "";

  take_direction (part, name);
  take_ice (part, name, value);
  part->fingerprint |= g_str_equal (name, "fingerprint") && pl_sdp_is_fingerprint (value);
  part->zrtp |= g_str_equal (name, "zrtp-hash") && *value;
  part->mux |= g_str_equal (name, "rtcp-mux");
  part->bundle_only |= g_str_equal (name, "bundle-only");
  if (g_str_equal (name, "rtcp") && part->rtcp_line >= 0)
    return refuse (error, "two a=rtcp lines in one part");
  if (g_str_equal (name, "candidate"))
    take_candidate (part, line, value);
  else if (g_str_equal (name, "rtcp"))
    part->rtcp_line = line;
  else if (g_str_equal (name, "group") && part == sdp->session)
    take_group (sdp, value);
  else if (g_str_equal (name, "mid") && !part->mid)
    part->mid = g_strdup (value);
  return part->candidates->len <= PL_SDP_CANDIDATES_MAX || refuse (error, "too many candidates");
}

/* "IN IP4 192.0.2.1/127" */
static gboolean
take_connection (PlSdpPart *part, guint line, const char *text, GError **error)
{
  g_autoptr (GPtrArray) words = pl_sdp_split (text);

  if (part->c_line >= 0)
    return refuse (error, "two c= lines in one part");
  if (words->len != 3 || !g_str_equal (words->pdata[0], "IN"))
    return refuse (error, "a c= line that is none");
  part->ip6 = g_ascii_strcasecmp (words->pdata[1], "IP6") == 0;
  if (!part->ip6 && g_ascii_strcasecmp (words->pdata[1], "IP4") != 0)
    return refuse (error, "an address that is neither IP4 nor IP6");
  part->c_line = line;
  part->address = g_strndup (words->pdata[2], strcspn (words->pdata[2], "/"));
  return TRUE;
}

/* "audio 49170/2 RTP/AVP 0 8" */
static gboolean
take_media (PlSdp *sdp, guint line, const char *text, GError **error)
{
  g_autoptr (GPtrArray) words = pl_sdp_split (text);
  PlSdpPart *part = part_new (line);
  g_autofree char *port = NULL;
  guint64 number = 0;

  g_ptr_array_add (sdp->media, part);
  if (sdp->media->len > PL_SDP_MEDIA_MAX)
    return refuse (error, "too many m= lines");
  if (words->len < 3)
    return refuse (error, "an m= line that is none");
  port = g_strndup (words->pdata[1], strcspn (words->pdata[1], "/"));
  if (!pl_sdp_number (port, PORT_MAX, &number))
    return refuse (error, "an m= line without a port");
  part->port = number;
  part->proto = g_ascii_strup (words->pdata[2], -1);
  return TRUE;
}

static gboolean
take_origin (PlSdp *sdp, guint line, const char *text, GError **error)
{
  g_autoptr (GPtrArray) words = pl_sdp_split (text);

  if (sdp->o_line >= 0 || sdp->media->len > 0)
    return refuse (error, "an o= line where none belongs");
  if (words->len != 6)
    return refuse (error, "an o= line that is none");
  sdp->o_line = line;
  return TRUE;
}

static gboolean
take_line (PlSdp *sdp, guint index, GError **error)
{
  const PlSdpLine *line = &g_array_index (sdp->lines, PlSdpLine, index);
  PlSdpPart *part = sdp->media->len ? sdp->media->pdata[sdp->media->len - 1] : sdp->session;
  g_autofree char *text = NULL;

  if (line->len < 2 || line->text[1] != '=' || !g_ascii_islower (line->text[0]))
    return refuse (error, "a line that is not of the form x=...");
  text = g_strndup (line->text + 2, line->len - 2);
  if (line->text[0] != 'm')
    part->end = index + 1;
  switch (line->text[0])
    {
    case 'o':
      return take_origin (sdp, index, text, error);
    case 'c':
      return take_connection (part, index, text, error);
    case 'a':
      return take_attribute (sdp, part, index, text, error);
    case 'm':
      return take_media (sdp, index, text, error);
    case 'v':
      return (index == 0 && g_str_equal (text, "0")) || refuse (error, "a second or unknown version");
    default:
      return TRUE;
    }
}

/* --- the whole --- */

/* Lines end with LF or CRLF; a CR alone would be a line end for some readers and not for
 * others, and so could hide a line from us. */
static gboolean
cut_lines (PlSdp *sdp, const char *body, gsize len, GError **error)
{
  while (len > 0)
    {
      const char *lf = memchr (body, '\n', len);
      PlSdpLine line = { .text = body, .whole = lf ? (gsize) (lf - body) + 1 : len };

      line.len = line.whole - (lf != NULL);
      if (line.len && body[line.len - 1] == '\r')
        line.len--;
      if (memchr (body, '\r', line.len) || (!lf && line.len != line.whole))
        return refuse (error, "a carriage return inside a line");
      if (sdp->lines->len == PL_SDP_LINES_MAX)
        return refuse (error, "too many lines");
      g_array_append_val (sdp->lines, line);
      body += line.whole;
      len -= line.whole;
    }
  return TRUE;
}

static guint
without_blank_end (const PlSdp *sdp)
{
  guint count = sdp->lines->len;

  while (count > 0 && g_array_index (sdp->lines, PlSdpLine, count - 1).len == 0)
    count--;
  return count;
}

PlSdp *
pl_sdp_scan (const char *body, gsize len, GError **error)
{
  g_autoptr (PlSdp) sdp = g_new0 (PlSdp, 1);
  guint count;

  sdp->o_line = -1;
  sdp->lines = g_array_new (FALSE, FALSE, sizeof (PlSdpLine));
  sdp->session = part_new (-1);
  sdp->media = g_ptr_array_new_with_free_func (part_free);
  sdp->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  if (len > PL_SDP_MAX)
    refuse (error, "too long");
  else if (len > 0 && memchr (body, '\0', len))
    refuse (error, "a NUL byte");
  else if (cut_lines (sdp, body, len, error))
    {
      count = without_blank_end (sdp);
      if (count == 0 || g_array_index (sdp->lines, PlSdpLine, 0).text[0] != 'v')
        {
          refuse (error, "it does not begin with v=0");
          return NULL;
        }
      for (guint i = 0; i < count; i++)
        if (!take_line (sdp, i, error))
          return NULL;
      if (sdp->o_line >= 0 || refuse (error, "no o= line"))
        return g_steal_pointer (&sdp);
    }
  return NULL;
}

const PlSdpPart *
pl_sdp_transport_of (const PlSdp *sdp, const PlSdpPart *part)
{
  for (guint g = 0; part->mid && g < sdp->groups->len; g++)
    {
      char **mids = sdp->groups->pdata[g];

      if (!g_strv_contains ((const char *const *) mids, part->mid))
        continue;
      for (guint i = 0; i < sdp->media->len; i++)
        if (g_strcmp0 (((PlSdpPart *) sdp->media->pdata[i])->mid, mids[0]) == 0)
          return sdp->media->pdata[i];
    }
  return part;
}
