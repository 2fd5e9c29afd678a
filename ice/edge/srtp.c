/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/edge/srtp.h"

#include <srtp2/srtp.h>
#include <string.h>

#define RTP_HEADER 12
#define RTCP_HEADER 8
#define REPLAY_WINDOW 1024 /* packets; RFC 3711 3.3.2 asks for 64 at least */

G_STATIC_ASSERT (PL_SRTP_TRAILER >= SRTP_MAX_TRAILER_LEN + 4);

typedef struct {
  srtp_t session;
  guint32 sources[PL_SRTP_SOURCES_MAX];
  guint n_sources;
} Direction;

struct PlSrtp {
  PlSrtpSuite suite;
  Direction out, in;
};

PlRtpKind
pl_rtp_kind (const guint8 *data, gsize len)
{
  if (len < RTCP_HEADER || data[0] >> 6 != 2)
    return PL_RTP_NONE;
  if (data[1] >= 192 && data[1] <= 223)
    return PL_RTP_CONTROL;
  return len >= RTP_HEADER ? PL_RTP_DATA : PL_RTP_NONE;
}

/* libsrtp2 makes state for each source it has seen and has no bound of its own. */
static gboolean
knows (const Direction *direction, guint32 source)
{
  for (guint i = 0; i < direction->n_sources; i++)
    if (direction->sources[i] == source)
      return TRUE;
  return FALSE;
}

static guint32
source_of (PlRtpKind kind, const guint8 *data)
{
  guint32 source;

  memcpy (&source, data + (kind == PL_RTP_CONTROL ? 4 : 8), sizeof source);
  return source;
}

typedef srtp_err_status_t (*Transform) (srtp_t session, void *packet, int *len);

static gboolean
transform (Direction *direction, Transform data_func, Transform control_func, guint8 *data, gsize *len)
{
  PlRtpKind kind = pl_rtp_kind (data, *len);
  guint32 source;
  gboolean known;
  int n;

  if (kind == PL_RTP_NONE || *len > G_MAXUINT16)
    return FALSE;
  source = source_of (kind, data);
  known = knows (direction, source);
  if (!known && direction->n_sources == PL_SRTP_SOURCES_MAX)
    return FALSE;
  n = (int) *len;
  if ((kind == PL_RTP_CONTROL ? control_func : data_func) (direction->session, data, &n) != srtp_err_status_ok || n <= 0)
    return FALSE;
  if (!known)
    direction->sources[direction->n_sources++] = source;
  *len = (gsize) n;
  return TRUE;
}

gboolean
pl_srtp_protect (PlSrtp *srtp, guint8 *data, gsize *len)
{
  return transform (&srtp->out, srtp_protect, srtp_protect_rtcp, data, len);
}

gboolean
pl_srtp_unprotect (PlSrtp *srtp, guint8 *data, gsize *len)
{
  return transform (&srtp->in, srtp_unprotect, srtp_unprotect_rtcp, data, len);
}

static gboolean
open_direction (Direction *direction, PlSrtpSuite suite, srtp_ssrc_type_t type, const guint8 key[PL_SRTP_KEY])
{
  guint8 copy[PL_SRTP_KEY];
  srtp_policy_t policy;
  gboolean ok;

  memset (&policy, 0, sizeof policy);
  memcpy (copy, key, sizeof copy);
  if (suite == PL_SRTP_SHA1_32)
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32 (&policy.rtp);
  else
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80 (&policy.rtp);
  srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80 (&policy.rtcp);
  policy.ssrc.type = type;
  policy.key = copy;
  policy.window_size = REPLAY_WINDOW;
  ok = srtp_create (&direction->session, &policy) == srtp_err_status_ok;
  explicit_bzero (copy, sizeof copy);
  return ok;
}

static gboolean
start_library (void)
{
  static gsize started; /* 1: it failed, 2: it runs */

  if (g_once_init_enter (&started))
    g_once_init_leave (&started, srtp_init () == srtp_err_status_ok ? 2 : 1);
  return started == 2;
}

gboolean
pl_srtp_set_remote (PlSrtp *srtp, const guint8 remote[PL_SRTP_KEY])
{
  Direction in = { 0 };

  if (!open_direction (&in, srtp->suite, ssrc_any_inbound, remote))
    return FALSE;
  srtp_dealloc (srtp->in.session);
  srtp->in = in;
  return TRUE;
}

PlSrtp *
pl_srtp_new (PlSrtpSuite suite, const guint8 local[PL_SRTP_KEY], const guint8 remote[PL_SRTP_KEY])
{
  g_autoptr (PlSrtp) srtp = g_new0 (PlSrtp, 1);

  srtp->suite = suite;
  if (start_library () && open_direction (&srtp->out, suite, ssrc_any_outbound, local)
      && open_direction (&srtp->in, suite, ssrc_any_inbound, remote))
    return g_steal_pointer (&srtp);
  return NULL;
}

void
pl_srtp_free (PlSrtp *srtp)
{
  if (!srtp)
    return;
  if (srtp->out.session)
    srtp_dealloc (srtp->out.session);
  if (srtp->in.session)
    srtp_dealloc (srtp->in.session);
  g_free (srtp);
}
