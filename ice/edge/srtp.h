/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SRTP and SRTCP of one media session (RFC 3711), AES_CM_128, both directions. An
 * engine: packets in, packets out, in place. Over libsrtp2. One thread.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_SRTP_KEY 30           /* master key and salt (RFC 4568 6.2, RFC 5764 4.1.2) */
#define PL_SRTP_TRAILER 160      /* room a packet needs behind it when it is protected */
#define PL_SRTP_SOURCES_MAX 32   /* SSRCs in each direction; packets of further ones are dropped */

typedef enum { PL_RTP_NONE, PL_RTP_DATA, PL_RTP_CONTROL } PlRtpKind;

/* What this datagram is by its first bytes (RFC 5761 4, RFC 7983 7). */
PlRtpKind pl_rtp_kind (const guint8 *data, gsize len);

/* The tag of SRTP; that of SRTCP is of 80 bits in both (RFC 4568 6.2.2). */
typedef enum { PL_SRTP_SHA1_80, PL_SRTP_SHA1_32 } PlSrtpSuite;

typedef struct PlSrtp PlSrtp;

/* Copies the keys: `local` protects what we send. NULL only when libsrtp2 cannot start. */
PlSrtp *pl_srtp_new (PlSrtpSuite suite, const guint8 local[PL_SRTP_KEY], const guint8 remote[PL_SRTP_KEY]);
/* The other side has a new key. What we send goes on: its packets are counted under one key. */
gboolean pl_srtp_set_remote (PlSrtp *srtp, const guint8 remote[PL_SRTP_KEY]);
void pl_srtp_free (PlSrtp *srtp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSrtp, pl_srtp_free)

/* In place; `data` has PL_SRTP_TRAILER bytes of room behind *len. FALSE: not RTP, or too many
 * sources; the packet is to be dropped. */
gboolean pl_srtp_protect (PlSrtp *srtp, guint8 *data, gsize *len);
/* In place. FALSE: forged, replayed, not SRTP; the packet is to be dropped. */
gboolean pl_srtp_unprotect (PlSrtp *srtp, guint8 *data, gsize *len);

G_END_DECLS
