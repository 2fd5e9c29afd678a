/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/session.h"

#include "sip/sdp/edit-priv.h"

#include <arpa/inet.h>
#include <string.h>

/* An IPv4 address in host byte order; FALSE: another kind. */
static gboolean
read_ip4 (const char *text, guint32 *out)
{
  struct in_addr ip4;

  if (!text || inet_pton (AF_INET, text, &ip4) != 1)
    return FALSE;
  *out = ntohl (ip4.s_addr);
  return TRUE;
}

/* RFC 1918, 3927, 6598. */
static gboolean
is_private (guint32 address)
{
  return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 || address >> 16 == 0xa9fe
         || address >> 22 == (0x64400000 >> 22);
}

/* Is this where a NAT or a relay of the sender is reached, and none of its own addresses? */
static gboolean
is_beyond (const PlSdpPart *part, const char *reached)
{
  gboolean beyond = FALSE;

  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];

      if (!candidate->valid || g_strcmp0 (candidate->address, reached) != 0)
        continue;
      if (candidate->rank == 0)
        return FALSE;
      beyond = TRUE;
    }
  return beyond;
}

/* A host candidate of a network that is not ours: the one nobody but its neighbours reach. */
static gboolean
is_hopeless (const PlSdpCandidate *candidate, guint32 reached, const char *named)
{
  guint32 address;

  return candidate->valid && candidate->udp && candidate->rank == 0 && read_ip4 (candidate->address, &address) && is_private (address)
         && address >> 8 != reached >> 8 && g_strcmp0 (candidate->address, named) != 0;
}

/* Is there another way over IPv4 to the same component? */
static gboolean
has_other (const PlSdpPart *part, const PlSdpCandidate *than, guint32 reached, const char *named)
{
  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];
      guint32 address;

      if (candidate->valid && candidate->udp && candidate->port != 0 && candidate->component == than->component
          && read_ip4 (candidate->address, &address) && !is_hopeless (candidate, reached, named))
        return TRUE;
    }
  return FALSE;
}

static void
prune_part (PlSdpEdits *edits, const PlSdp *sdp, const PlSdpPart *part, guint32 reached)
{
  const char *named = part->address ? part->address : sdp->session->address;

  for (guint i = 0; i < part->candidates->len; i++)
    {
      const PlSdpCandidate *candidate = part->candidates->pdata[i];

      if (is_hopeless (candidate, reached, named) && has_other (part, candidate, reached, named))
        pl_sdp_edits_drop (edits, candidate->line);
    }
}

char *
pl_sdp_leave_out (const char *body, gsize len, const char *reached, gsize *out_len, GError **error)
{
  g_autoptr (PlSdp) sdp = pl_sdp_scan (body, len, error);
  g_autoptr (PlSdpEdits) edits = sdp ? pl_sdp_edits_new (sdp) : NULL;
  guint32 address;

  if (!sdp)
    return NULL;
  for (guint i = 0; i < sdp->media->len; i++)
    if (read_ip4 (reached, &address) && is_beyond (sdp->media->pdata[i], reached))
      prune_part (edits, sdp, sdp->media->pdata[i], address);
  return pl_sdp_edits_write (edits, out_len);
}
