/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Session descriptions as pure functions text -> verdict, text (RFC 4566, 3264, 5763, 8839):
 * what a phone offers, what must be corrected before it leaves, nothing else touched.
 */
#pragma once
#include <gio/gio.h>

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

/* What the body offers. Malformed SDP is an error. */
gboolean pl_sdp_classify (const char *body, gsize len, PlMediaClass *result, GError **error);
/* For a person with a phone: what to switch on, e.g. "switch on ICE and DTLS-SRTP in your
 * phone"; as the text of a Warning 399. Static. */
const char *pl_sdp_advice (PlMediaClass media);
/* Toward the far side (DESIGN.md, SIP side): loopback in o= and in an unused session c=
 * becomes 0.0.0.0; a loopback c=/m= of an m-section becomes one of its candidates, a=rtcp
 * with it; hold and port 0 stay; loopback candidates go. All else byte by byte as it came.
 * Returns text the caller frees. */
char *pl_sdp_to_far (const char *body, gsize len, gsize *out_len, GError **error);
/* From a link, toward the phone: the same corrections against a far side that did not. */
char *pl_sdp_to_phone (const char *body, gsize len, gsize *out_len, GError **error);
/* Does the answer keep what the offer's class promised, m-section by m-section? An active
 * section of a DIRECT offer answered without ICE or DTLS-SRTP is refused. */
gboolean pl_sdp_answer_fits (const char *offer, gsize offer_len, const char *answer, gsize answer_len, GError **error);

G_END_DECLS
