/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Session descriptions as pure functions text -> verdict, text (RFC 4566, 3264, 5763, 8839):
 * what a phone offers, what must be corrected before it leaves, nothing else touched.
 */
#pragma once
#include <gio/gio.h>
#include "ice/candidate.h"

G_BEGIN_DECLS

typedef enum {
  PL_MEDIA_NONE,        /* no active m-section */
  PL_MEDIA_DIRECT,      /* ICE and DTLS-SRTP in each active m-section */
  PL_MEDIA_PHONE,       /* ICE and ZRTP: encrypted by the phones */
  PL_MEDIA_LACKS_ICE,
  PL_MEDIA_LACKS_ENCRYPTION,
  PL_MEDIA_LACKS_BOTH,
} PlMediaClass;

#define PL_SDP_MAX 65536

/* What the body offers, over its active m-sections (neither port 0 nor a=inactive). Judge what
 * came, before it is corrected. Malformed, too long or ambiguous (a NUL, a CR inside a line)
 * SDP is G_IO_ERROR_INVALID_DATA, here and below. */
gboolean pl_sdp_classify (const char *body, gsize len, PlMediaClass *result, GError **error);
/* For a person with a phone: what to switch on there; as the text of a Warning 399 (no quotes
 * in it). Static. */
const char *pl_sdp_advice (PlMediaClass media);
/* Toward the far side (doc/ARCHITECTURE): loopback in o= becomes 0.0.0.0 (:: where the media are IPv6), so the
 * same in every message of the session; in a session c= it becomes what the first m-section
 * says (0.0.0.0 there would restart ICE, RFC 5245, 9.1.1.1); a loopback c= of an
 * m-section and its port become those of one of its candidates, the media-level c= and a=rtcp
 * with them, or 0.0.0.0 where there is none; loopback candidates go. All else byte by byte as
 * it came. Returns text the caller frees; it is never more than a few lines longer. */
char *pl_sdp_to_far (const char *body, gsize len, gsize *out_len, GError **error);
/* The same, and of the phone's addresses only those that may be told: other candidates go, the base of
 * those that stay becomes 0.0.0.0 (RFC 8839 5.1), and what o=, c= and a=rtcp name moves as loopback
 * does. G_IO_ERROR_NOT_SUPPORTED where an active m-section would be left without any. */
char *pl_sdp_to_far_telling (const char *body, gsize len, PlIceTell tell, gsize *out_len, GError **error);
/* From a link, toward the phone: the same corrections against a far side that did not. Here a
 * host name in c=, a=rtcp or a candidate, and a candidate no one can read, count as loopback:
 * no stranger makes the phone look up names or knock at ports of this machine. */
char *pl_sdp_to_phone (const char *body, gsize len, gsize *out_len, GError **error);
/* From a link, toward the phone: without the candidates that cannot work, which some phones try
 * one by one for seconds. `reached`: the address at which our link reaches the sender's machine
 * (NULL: not known). ICE found it, so where it is that of a NAT or relay among the candidates and
 * of no host, no private address of the sender is reached from here, and another way is. What is
 * of the same network as `reached`, what c= names, the last IPv4 candidate of a component and
 * whatever is not IPv4 stay. Caller frees. */
char *pl_sdp_leave_out (const char *body, gsize len, const char *reached, gsize *out_len, GError **error);
/* Does the answer keep what the offer promised, m-section by m-section? An active section
 * must have what the offered one has (ICE and DTLS-SRTP, or ICE and ZRTP); one offered on hold
 * either; one not offered is refused. Otherwise G_IO_ERROR_NOT_SUPPORTED with the reason. */
gboolean pl_sdp_answer_fits (const char *offer, gsize offer_len, const char *answer, gsize answer_len, GError **error);

G_END_DECLS
