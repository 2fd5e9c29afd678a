/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/mirror.h"

#include <string.h>
#include "sip/sdp/scan-priv.h"

#define PORT 9 /* discard: the media edge has no phone here (RFC 863) */

static char *
dup_line (const PlSdp *sdp, guint line)
{
  return g_strndup (pl_sdp_line (sdp, line)->text, pl_sdp_line (sdp, line)->len);
}

/* RFC 3264, 6.1: what one sends the other receives. */
static const char *
direction (const PlSdp *sdp, const PlSdpPart *part)
{
  static const char *const names[][2] = { { "sendonly", "recvonly" }, { "recvonly", "sendonly" }, { "inactive", "inactive" } };
  const PlSdpPart *said = part->directed ? part : sdp->session;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GPtrArray) values = pl_sdp_values (sdp, said, names[i][0]);

      if (values->len > 0)
        return names[i][1];
    }
  return "sendrecv";
}

static gboolean
is_about (const char *line, const char *format)
{
  static const char *const names[] = { "a=rtpmap:", "a=fmtp:" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      gsize len = strlen (names[i]), n = strlen (format);

      if (strncmp (line, names[i], len) == 0 && strncmp (line + len, format, n) == 0 && line[len + n] == ' ')
        return TRUE;
    }
  return FALSE;
}

static void
append_section (GString *out, const PlSdp *sdp, const PlSdpPart *part, gboolean taken)
{
  g_autofree char *m = dup_line (sdp, part->m_line);
  g_autoptr (GPtrArray) words = pl_sdp_split (m + 2);
  const char *format = words->len > 3 ? words->pdata[3] : "0";

  if (!taken)
    {
      g_string_append_printf (out, "m=%s 0 %s %s\r\n", (const char *) words->pdata[0], part->proto, format);
      return;
    }
  g_string_append_printf (out, "m=%s %d RTP/AVP %s\r\n", (const char *) words->pdata[0], PORT, format);
  for (guint i = part->m_line + 1; i < part->end; i++)
    {
      g_autofree char *line = dup_line (sdp, i);

      if (is_about (line, format))
        g_string_append_printf (out, "%s\r\n", line);
    }
  if (part->mid)
    g_string_append_printf (out, "a=mid:%s\r\n", part->mid);
  g_string_append_printf (out, "a=%s\r\n", direction (sdp, part));
}

char *
pl_sdp_mirror (const char *offer, gsize len, guint section, guint version, gsize *out_len)
{
  g_autoptr (PlSdp) sdp = pl_sdp_scan (offer, len, NULL);
  GString *out;

  if (!sdp)
    return NULL;
  out = g_string_new (NULL);
  g_string_printf (out, "v=0\r\no=- 1 %u IN IP4 127.0.0.1\r\ns=echo\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n", version);
  for (guint i = 0; i < sdp->media->len; i++)
    append_section (out, sdp, sdp->media->pdata[i], i == section);
  *out_len = out->len;
  return g_string_free (out, FALSE);
}
