/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include "sip/sdp/bridge.h"
#include "sip/sdp/session.h"

#include <string.h>

/* A corrected body is one we take again, and correcting it again changes nothing. */
static void
check (const char *body, gsize len, char *(*func) (const char *, gsize, gsize *, GError **))
{
  gsize out = 0, again = 0;
  g_autofree char *once = func (body, len, &out, NULL);
  g_autofree char *twice = once ? func (once, out, &again, NULL) : NULL;

  /* a body at the bound may grow over it */
  if (once && out <= PL_SDP_MAX - 512)
    g_assert (twice && out == again && memcmp (once, twice, out) == 0);
}

/* Any body as either side's, through an edge: a body that is taken again and has not grown
 * beyond its bound. */
static void
bridge (const char *body, gsize len)
{
  static const char *const candidates[] = { "1 2130706431 host 192.0.2.9 4000", NULL };
  static const char *const crypto[] = { "AES_CM_128_HMAC_SHA1_80 KEY", "AES_CM_128_HMAC_SHA1_32 KEY", NULL };
  PlBridgeLeg leg = { .open = TRUE, .ufrag = "abcd", .password = "abcdefghijklmnopqrstuv", .fingerprint = "sha-256 AB",
                      .candidates = candidates, .port = 4000, .crypto = crypto }, legs[2] = { leg, leg };
  PlBridgeText text = { body, len };
  g_autoptr (GPtrArray) phones = pl_bridge_read_phone (body, len, NULL);
  g_autoptr (GPtrArray) fars = pl_bridge_read_far (body, len, PL_BRIDGE_OFFER, NULL);
  gsize far_len = 0, phone_len = 0;
  g_autofree char *far = pl_bridge_to_far (&text, NULL, legs, 2, &far_len, NULL);
  g_autofree char *phone = pl_bridge_to_phone (&text, PL_BRIDGE_ANSWER, &text, legs, 2, &phone_len, NULL);
  PlMediaClass media;

  g_assert (!phones || fars);
  g_assert (far_len <= len + 2 * PL_BRIDGE_GROWTH && phone_len <= len + 2 * PL_BRIDGE_GROWTH);
  g_assert (!far || far_len > PL_SDP_MAX || pl_sdp_classify (far, far_len, &media, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  const char *body = (const char *) data;
  g_autoptr (GError) error = NULL;
  PlMediaClass media;

  g_assert (pl_sdp_classify (body, len, &media, &error) == (error == NULL));
  g_assert (media <= PL_MEDIA_LACKS_BOTH);
  check (body, len, pl_sdp_to_far);
  check (body, len, pl_sdp_to_phone);
  pl_sdp_answer_fits (body, len, body, len, NULL);
  bridge (body, len);
  return 0;
}
