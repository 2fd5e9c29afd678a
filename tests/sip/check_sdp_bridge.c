/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/bridge.h"
#include "sip/sdp/session.h"
#include "tests/support/mutate.h"
#include "tests/support/test.h"

#include <string.h>

#define FP "sha-256 10:A5:C2:02:90:C1:FD:ED:87:F5:D5:13:B4:6F:DC:82:21:E6:04:EB:C2:43:20:47:15:A2:C0:E5:2C:22:5E:2B"
#define FP2 "sha-256 20:A5:C2:02:90:C1:FD:ED:87:F5:D5:13:B4:6F:DC:82:21:E6:04:EB:C2:43:20:47:15:A2:C0:E5:2C:22:5E:2B"
#define HEAD "v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define PLAIN HEAD "m=audio 8000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
#define KEY80 "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define KEY32 "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
#define EDGE_KEY "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
#define CRYPTO "a=crypto:4 AES_256_CM_HMAC_SHA1_80 inline:x\r\na=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:" KEY32 "|2^20\r\na=crypto:6 AES_CM_128_HMAC_SHA1_80 inline:" KEY80 "\r\n"
#define SDES HEAD "m=audio 8000 RTP/SAVP 0\r\n" CRYPTO
#define FAR_ICE "a=ice-ufrag:fAr1\r\na=ice-pwd:b72bb931f2e785c7ca5c44da\r\na=fingerprint:" FP2 "\r\n"
#define FAR_CAND "a=candidate:1 1 UDP 2130706303 198.51.100.7 6000 typ host\r\na=candidate:1 2 UDP 2130706302 198.51.100.7 6001 typ host\r\n"
#define FAR_HEAD "v=0\r\no=bob 3 4 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
#define FAR(setup) FAR_HEAD FAR_ICE "a=setup:" setup "\r\nm=audio 6000 UDP/TLS/RTP/SAVPF 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp:6001\r\na=sendrecv\r\n" FAR_CAND

static const char *const local_candidates[] = { "1 2130706431 host 10.0.0.5 40000", "2 1694498815 srflx 203.0.113.9 41000 10.0.0.5 40000",
                                                "3 2130706175 host 2001:db8::5 40002", NULL };
static const char *const edge_crypto[] = { "AES_CM_128_HMAC_SHA1_80 " EDGE_KEY, "AES_CM_128_HMAC_SHA1_32 " EDGE_KEY, NULL };
static const PlBridgeLeg leg = { .open = TRUE, .ufrag = "eDgE", .password = "0123456789abcdefghijkl", .fingerprint = FP,
                                 .candidates = local_candidates, .port = 20000, .crypto = edge_crypto };

#define EDGE_M "m=audio 41000 UDP/TLS/RTP/SAVP"
#define EDGE_C "c=IN IP4 203.0.113.9\r\n"
#define EDGE_CANDS "a=candidate:1 1 UDP 2130706431 10.0.0.5 40000 typ host\r\na=candidate:2 1 UDP 1694498815 203.0.113.9 41000 typ srflx raddr 10.0.0.5 rport 40000\r\na=candidate:3 1 UDP 2130706175 2001:db8::5 40002 typ host\r\n"
#define EDGE_ICE(setup) "a=ice-ufrag:eDgE\r\na=ice-pwd:0123456789abcdefghijkl\r\na=fingerprint:" FP "\r\na=setup:" setup "\r\n"
#define EDGE_HEAD "v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=-\r\n" EDGE_C "t=0 0\r\n"

static PlBridgeText
text_of (const char *text)
{
  return (PlBridgeText){ text, strlen (text) };
}

START_TEST (plain_offer_leaves_as_ice_and_dtls)
{
  PlBridgeText phone = text_of (PLAIN);
  gsize len;
  g_autofree char *out = pl_bridge_to_far (&phone, NULL, &leg, 1, &len, NULL);

  ck_assert_str_eq (out, EDGE_HEAD EDGE_M " 0 8 101\r\n" EDGE_C "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
                    EDGE_ICE ("actpass") "a=rtcp-mux\r\n" EDGE_CANDS);
}
END_TEST

START_TEST (far_answer_reaches_the_phone_as_plain)
{
  PlBridgeText phone = text_of (PLAIN), far = text_of (FAR ("active"));
  gsize len;
  g_autofree char *out = pl_bridge_to_phone (&far, PL_BRIDGE_ANSWER, &phone, &leg, 1, &len, NULL);

  ck_assert_str_eq (out, "v=0\r\no=bob 3 4 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                    "m=audio 20000 RTP/AVP 0 101\r\nc=IN IP4 127.0.0.1\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("sdp/bridge");

  tcase_add_test (tcase, plain_offer_leaves_as_ice_and_dtls);
  tcase_add_test (tcase, far_answer_reaches_the_phone_as_plain);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
