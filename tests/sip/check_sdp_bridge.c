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

/* A leg whose association goes on, for later offers. */
static const PlBridgeLeg server_leg = { .open = TRUE, .ufrag = "eDgE", .password = "0123456789abcdefghijkl", .fingerprint = FP,
                                        .candidates = local_candidates, .port = 20000, .ipv6 = TRUE, .dtls = PL_BRIDGE_DTLS_SERVER };
static const PlBridgeLeg savp_leg = { .open = TRUE, .port = 20000, .crypto = edge_crypto, .profile = "RTP/SAVP" };
static const char *const control_candidates[] = { "1 2130706430 host 10.0.0.5 40001", "2 1694498814 srflx 203.0.113.9 41001 10.0.0.5 40001", NULL };
static const PlBridgeLeg two_leg = { .open = TRUE, .ufrag = "eDgE", .password = "0123456789abcdefghijkl", .fingerprint = FP,
                                     .candidates = local_candidates, .rtcp_candidates = control_candidates, .port = 20000 };
static const PlBridgeLeg closed_leg = { .open = FALSE };

static PlBridgeText
text_of (const char *text)
{
  return (PlBridgeText){ text, text ? strlen (text) : 0 };
}

/* --- what a phone says --- */

typedef struct {
  const char *why, *text;
  PlBridgeNeed need;
  const char *address;
  guint rtp, rtcp;
  const char *key;
  gboolean held;
} Phone;

#define OWN_ICE "a=ice-ufrag:3511\r\na=ice-pwd:b72bb931f2e785c7ca5c44da\r\n"
#define OWN_CANDS "a=candidate:1 2 UDP 9 10.0.0.5 7009 typ host\r\na=candidate:2 1 UDP 5 203.0.113.1 8000 typ srflx raddr 10.0.0.5 rport 7000\r\n" \
                  "a=candidate:3 1 TCP 9 10.0.0.5 9 typ host\r\na=candidate:1 1 UDP 9 10.0.0.5 7000 typ host\r\na=candidate:4 1 UDP 9 10.0.0.6 7002 typ host\r\n"
#define DTLS_M HEAD "m=audio 8000 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:" FP "\r\na=setup:actpass\r\n"
#define ONE(suite, key, more) HEAD "m=audio 8000 RTP/SAVP 0\r\na=crypto:1 " suite " " key more "\r\n"

static const Phone phones[] = {
  { "plain", PLAIN, PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "a=rtcp", PLAIN "a=rtcp:9000 IN IP4 192.0.2.1\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 9000, NULL, FALSE },
  { "a=rtcp that is none", PLAIN "a=rtcp:x\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "a=rtcp of port 0", PLAIN "a=rtcp:0\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "rtcp-mux", PLAIN "a=rtcp:9000\r\na=rtcp-mux\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8000, NULL, FALSE },
  { "the last port", HEAD "m=audio 65535 RTP/AVP 0\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 65535, 65535, NULL, FALSE },
  { "address of the section", PLAIN "c=IN IP6 ::1\r\n", PL_BRIDGE_PLAIN, "::1", 8000, 8001, NULL, FALSE },
  { "a name is for the caller to judge", PLAIN "c=IN IP4 evil.example\r\n", PL_BRIDGE_PLAIN, "evil.example", 8000, 8001, NULL, FALSE },
  { "AVPF", HEAD "m=video 8000 RTP/AVPF 96\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "real-time text", HEAD "m=text 8000 RTP/AVP 98\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "hold by address", PLAIN "c=IN IP4 0.0.0.0\r\n", PL_BRIDGE_PLAIN, "0.0.0.0", 8000, 8001, NULL, TRUE },
  { "hold by direction", PLAIN "a=inactive\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "ICE without encryption: the socket, not the NAT", PLAIN OWN_ICE OWN_CANDS, PL_BRIDGE_PLAIN, "10.0.0.5", 7000, 7009, NULL, FALSE },
  { "ICE, the named host", PLAIN "c=IN IP4 10.0.0.6\r\n" OWN_ICE OWN_CANDS, PL_BRIDGE_PLAIN, "10.0.0.6", 7002, 7009, NULL, FALSE },
  { "ICE and mux", PLAIN "a=rtcp-mux\r\n" OWN_ICE OWN_CANDS, PL_BRIDGE_PLAIN, "10.0.0.5", 7000, 7000, NULL, FALSE },
  { "ICE and DTLS", DTLS_M OWN_ICE OWN_CANDS, PL_BRIDGE_NONE, NULL, 0, 0, NULL, FALSE },
  { "ICE and ZRTP", PLAIN "a=zrtp-hash:1.10 91f7\r\n" OWN_ICE OWN_CANDS, PL_BRIDGE_NONE, NULL, 0, 0, NULL, FALSE },
  { "ZRTP alone", PLAIN "a=zrtp-hash:1.10 91f7\r\n", PL_BRIDGE_PLAIN, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "DTLS alone", DTLS_M, PL_BRIDGE_THROUGH, "192.0.2.1", 8000, 8001, NULL, FALSE },
  { "DTLS profile without a certificate", HEAD "m=audio 8000 UDP/TLS/RTP/SAVPF 0\r\n", PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "refused", HEAD "m=audio 0 RTP/AVP 0\r\n", PL_BRIDGE_NONE, NULL, 0, 0, NULL, FALSE },
  { "not RTP", HEAD "m=image 8000 udptl t38\r\n", PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "data channel", HEAD "m=application 8000 UDP/DTLS/SCTP webrtc-datachannel\r\n", PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  /* RFC 4568 */
  { "SDES, the first line we can", SDES, PL_BRIDGE_SDES, "192.0.2.1", 8000, 8001, KEY32, FALSE },
  { "SDES with ICE", SDES OWN_ICE OWN_CANDS, PL_BRIDGE_SDES, "10.0.0.5", 7000, 7009, KEY32, FALSE },
  { "SDES under AVP", PLAIN CRYPTO, PL_BRIDGE_SDES, "192.0.2.1", 8000, 8001, KEY32, FALSE },
  { "SAVP without keys", HEAD "m=audio 8000 RTP/SAVP 0\r\n", PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "SAVPF", HEAD "m=audio 8000 RTP/SAVPF 0\r\n" CRYPTO, PL_BRIDGE_SDES, "192.0.2.1", 8000, 8001, KEY32, FALSE },
  { "unknown suite", ONE ("AEAD_AES_128_GCM", "inline:" KEY80, ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "short key", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:AAAA", ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "long key", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:" KEY80 "A", ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "padded key", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "key method", ONE ("AES_CM_128_HMAC_SHA1_80", "uri:" KEY80, ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "MKI", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:" KEY80 "|2^31|1:4", ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "MKI without lifetime", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:" KEY80 "|1:4", ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "two keys", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:" KEY80 ";inline:" KEY32, ""), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "lifetime", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:" KEY80 "|2^31", ""), PL_BRIDGE_SDES, "192.0.2.1", 8000, 8001, KEY80, FALSE },
  { "a parameter that must be known", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:" KEY80, " UNENCRYPTED_SRTP"), PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
  { "parameters that need not", ONE ("AES_CM_128_HMAC_SHA1_80", "inline:" KEY80, " WSH=64 -X"), PL_BRIDGE_SDES, "192.0.2.1", 8000, 8001, KEY80, FALSE },
  { "a tag that is none", HEAD "m=audio 8000 RTP/SAVP 0\r\na=crypto:x AES_CM_128_HMAC_SHA1_80 inline:" KEY80 "\r\n", PL_BRIDGE_DECLINED, NULL, 0, 0, NULL, FALSE },
};

START_TEST (phone_is_read_as_it_is)
{
  const Phone *expected = &phones[_i];
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) read = pl_bridge_read_phone (expected->text, strlen (expected->text), &error);
  const PlBridgePhone *phone;

  ck_assert_msg (read && read->len == 1, "%s: %s", expected->why, error ? error->message : "");
  phone = read->pdata[0];
  ck_assert_msg (phone->need == expected->need, "%s: %d", expected->why, phone->need);
  ck_assert_msg (g_strcmp0 (phone->address, expected->address) == 0, "%s: %s", expected->why, phone->address);
  ck_assert_msg (phone->rtp == expected->rtp && phone->rtcp == expected->rtcp, "%s: %u %u", expected->why, phone->rtp, phone->rtcp);
  ck_assert_msg (g_strcmp0 (phone->key, expected->key) == 0 && !phone->suite == !phone->key, "%s: %s", expected->why, phone->key);
  ck_assert_msg (phone->held == expected->held, "%s", expected->why);
  ck_assert_int_eq (pl_bridge_needed (read), expected->need != PL_BRIDGE_NONE);
}
END_TEST

START_TEST (phone_with_too_many_sections_has_the_rest_declined)
{
  g_autoptr (GString) text = g_string_new (HEAD);
  g_autoptr (GPtrArray) read = NULL;

  for (guint i = 0; i < 10; i++)
    g_string_append_printf (text, "m=audio %u RTP/AVP 0\r\n", i == 2 ? 0 : 8000 + 2 * i);
  read = pl_bridge_read_phone (text->str, text->len, NULL);
  ck_assert_uint_eq (read->len, 10);
  for (guint i = 0; i < 10; i++)
    ck_assert_int_eq (((PlBridgePhone *) read->pdata[i])->need, i == 2 ? PL_BRIDGE_NONE : i < 9 ? PL_BRIDGE_PLAIN : PL_BRIDGE_DECLINED);
}
END_TEST

typedef struct { const char *why, *text; int code; const char *reason; } Refused;

static const Refused refused_phones[] = {
  { "no address", "v=0\r\no=a 1 2 IN IP4 192.0.2.1\r\nm=audio 8000 RTP/AVP 0\r\n", G_IO_ERROR_INVALID_DATA, "without an address" },
  { "malformed", "v=0\r\nhello\r\n", G_IO_ERROR_INVALID_DATA, "not of the form" },
  { "half a bundle", HEAD "a=group:BUNDLE a v\r\nm=audio 8000 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=fingerprint:" FP "\r\n" OWN_ICE OWN_CANDS "m=video 8002 RTP/AVP 96\r\na=mid:v\r\n",
    G_IO_ERROR_NOT_SUPPORTED, "only some media" },
};

START_TEST (phone_is_refused_with_a_reason)
{
  const Refused *refused = &refused_phones[_i];
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pl_bridge_read_phone (refused->text, strlen (refused->text), &error));
  ck_assert_msg (g_error_matches (error, G_IO_ERROR, refused->code) && strstr (error->message, refused->reason), "%s: %s", refused->why, error->message);
}
END_TEST

/* --- what a far side says --- */

typedef struct {
  const char *why, *text;
  PlBridgeRole role;
  const char *lacks; /* NULL: usable */
  gboolean client;
  guint candidates, fingerprints;
} Far;

#define FAR_M "m=audio 6000 UDP/TLS/RTP/SAVPF 0\r\n"
#define FAR_BAD(cand) FAR_HEAD FAR_ICE "a=setup:active\r\n" FAR_M "a=candidate:" cand "\r\n"

static const Far fars[] = {
  { "answer active", FAR ("active"), PL_BRIDGE_ANSWER, NULL, FALSE, 1, 1 },
  { "answer passive", FAR ("passive"), PL_BRIDGE_ANSWER, NULL, TRUE, 1, 1 },
  { "offer actpass", FAR ("actpass"), PL_BRIDGE_OFFER, NULL, TRUE, 1, 1 },
  { "offer passive", FAR ("passive"), PL_BRIDGE_OFFER, NULL, TRUE, 1, 1 },
  { "offer active", FAR ("active"), PL_BRIDGE_OFFER, NULL, FALSE, 1, 1 },
  { "answer actpass (RFC 5763, 5)", FAR ("actpass"), PL_BRIDGE_ANSWER, "who begins", FALSE, 1, 1 },
  { "holdconn", FAR ("holdconn"), PL_BRIDGE_OFFER, "who begins", FALSE, 1, 1 },
  { "offer without setup (RFC 4145, 4.1)", FAR_HEAD FAR_ICE FAR_M FAR_CAND, PL_BRIDGE_OFFER, NULL, FALSE, 1, 1 },
  { "answer without setup", FAR_HEAD FAR_ICE FAR_M FAR_CAND, PL_BRIDGE_ANSWER, NULL, TRUE, 1, 1 },
  { "section before session", FAR_HEAD "a=ice-ufrag:x\r\na=setup:passive\r\n" FAR_M FAR_ICE "a=setup:active\r\n" FAR_CAND, PL_BRIDGE_ANSWER, NULL, FALSE, 1, 1 },
  { "two certificates, one by SHA-1", FAR_HEAD FAR_ICE "a=fingerprint:sha-1 10:A5:C2:02:90:C1:FD:ED:87:F5:D5:13:B4:6F:DC:82:21:E6:04:EB\r\na=fingerprint:" FP "\r\na=setup:active\r\n" FAR_M FAR_CAND, PL_BRIDGE_OFFER, NULL, FALSE, 1, 2 },
  { "SHA-1 alone", FAR_HEAD OWN_ICE "a=fingerprint:sha-1 10:A5:C2:02:90:C1:FD:ED:87:F5:D5:13:B4:6F:DC:82:21:E6:04:EB\r\n" FAR_M FAR_CAND, PL_BRIDGE_OFFER, "SHA-256", FALSE, 1, 0 },
  { "off", FAR_HEAD FAR_ICE "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n", PL_BRIDGE_ANSWER, "switched off", FALSE, 0, 0 },
  { "plain", PLAIN, PL_BRIDGE_OFFER, "no DTLS-SRTP", FALSE, 0, 0 },
  { "SDES", SDES OWN_ICE OWN_CANDS, PL_BRIDGE_OFFER, "no DTLS-SRTP", FALSE, 0, 0 },
  { "DTLS without ICE", DTLS_M, PL_BRIDGE_OFFER, "no ICE", FALSE, 0, 0 },
  { "ICE mismatch", FAR_HEAD FAR_ICE FAR_M "a=ice-mismatch\r\n" FAR_CAND, PL_BRIDGE_ANSWER, "spoilt", FALSE, 0, 0 },
  { "password with a space", FAR_HEAD "a=ice-ufrag:fAr1\r\na=ice-pwd:b72bb931f2e785c7ca5c4 da\r\n" FAR_M FAR_CAND, PL_BRIDGE_OFFER, "no ICE", FALSE, 0, 0 },
  { "short ufrag", FAR_HEAD "a=ice-ufrag:x\r\na=ice-pwd:b72bb931f2e785c7ca5c44da\r\n" FAR_M FAR_CAND, PL_BRIDGE_OFFER, "no ICE", FALSE, 0, 0 },
  { "no candidate", FAR_HEAD FAR_ICE FAR_M, PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "loopback", FAR_BAD ("1 1 UDP 9 127.0.0.1 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "loopback in other words", FAR_BAD ("1 1 UDP 9 0x7f.1 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "IPv4 within IPv6", FAR_BAD ("1 1 UDP 9 ::ffff:127.0.0.1 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "odd spelling of another", FAR_BAD ("1 1 UDP 9 10.1 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "name", FAR_BAD ("1 1 UDP 9 evil.example 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "everybody", FAR_BAD ("1 1 UDP 9 255.255.255.255 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "multicast", FAR_BAD ("1 1 UDP 9 ff02::1 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "link-local", FAR_BAD ("1 1 UDP 9 fe80::1 5060 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "TCP", FAR_BAD ("1 1 TCP 9 192.0.2.7 9 typ host tcptype active"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "RTCP", FAR_BAD ("1 2 UDP 9 192.0.2.7 9 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "port 0", FAR_BAD ("1 1 UDP 9 192.0.2.7 0 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "unknown type", FAR_BAD ("1 1 UDP 9 192.0.2.7 9 typ moon"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
  { "long foundation", FAR_BAD ("123456789012345678901234567890123 1 UDP 9 192.0.2.7 9 typ host"), PL_BRIDGE_OFFER, "no address", FALSE, 0, 0 },
};

START_TEST (far_side_is_read_as_it_is)
{
  const Far *expected = &fars[_i];
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) read = pl_bridge_read_far (expected->text, strlen (expected->text), expected->role, &error);
  const PlBridgeFar *far;

  ck_assert_msg (read && read->len == 1, "%s: %s", expected->why, error ? error->message : "");
  far = read->pdata[0];
  ck_assert_msg (!far->lacks == !expected->lacks, "%s: %s", expected->why, far->lacks);
  if (far->lacks)
    {
      ck_assert_msg (strstr (far->lacks, expected->lacks) != NULL, "%s: %s", expected->why, far->lacks);
      return;
    }
  ck_assert_msg (far->dtls_client == expected->client, "%s", expected->why);
  ck_assert_str_eq (far->ufrag, "fAr1");
  ck_assert_str_eq (far->password, "b72bb931f2e785c7ca5c44da");
  ck_assert_uint_eq (g_strv_length (far->candidates), expected->candidates);
  ck_assert_str_eq (far->candidates[0], "1 2130706303 host 198.51.100.7 6000");
  ck_assert_uint_eq (g_strv_length (far->fingerprints), expected->fingerprints);
  ck_assert_str_eq (far->fingerprints[0], FP2);
  ck_assert (far->offered && !far->mux && !far->lite);
  ck_assert_str_eq (far->rtcp_candidates[0], "1 2130706302 host 198.51.100.7 6001");
}
END_TEST

START_TEST (candidates_come_in_the_form_of_the_edge_and_bounded)
{
  g_autoptr (GString) text = g_string_new (FAR_HEAD FAR_ICE "a=ice-lite\r\n" FAR_M "a=rtcp-mux\r\n"
    "a=candidate:2 1 udp 5 203.0.113.1 8000 typ SRFLX raddr 10.0.0.5 rport 7000 generation 0\r\n"
    "a=candidate:3 1 UDP 4 203.0.113.2 8001 typ relay raddr 0.0.0.0 rport 0\r\n");
  g_autoptr (GPtrArray) read = NULL;
  const PlBridgeFar *far;

  for (guint i = 0; i < 100; i++)
    g_string_append_printf (text, "a=candidate:9 1 UDP 1 2001:db8::%x 9 typ host\r\n", i + 1);
  read = pl_bridge_read_far (text->str, text->len, PL_BRIDGE_OFFER, NULL);
  far = read->pdata[0];
  ck_assert_ptr_null (far->lacks);
  ck_assert_str_eq (far->candidates[0], "2 5 srflx 203.0.113.1 8000 10.0.0.5 7000");
  ck_assert_str_eq (far->candidates[1], "3 4 relay 203.0.113.2 8001");
  ck_assert_str_eq (far->candidates[2], "9 1 host 2001:db8::1 9");
  ck_assert_uint_eq (g_strv_length (far->candidates), PL_BRIDGE_CANDIDATES_MAX);
  ck_assert (far->mux && far->lite);
  ck_assert_ptr_null (far->rtcp_candidates[0]);
}
END_TEST

static gboolean
differs (const char *before, const char *after, gboolean (*how) (const PlBridgeFar *, const PlBridgeFar *))
{
  g_autoptr (GPtrArray) a = pl_bridge_read_far (before, strlen (before), PL_BRIDGE_OFFER, NULL);
  g_autoptr (GPtrArray) b = pl_bridge_read_far (after, strlen (after), PL_BRIDGE_OFFER, NULL);

  return how (a->pdata[0], b->pdata[0]);
}

/* RFC 8839, 4.4.1.1.1; RFC 8842, 4 */
START_TEST (restart_and_new_certificate_are_seen)
{
  static const char lower[] = "a=fingerprint:SHA-256 20:a5:c2:02:90:c1:fd:ED:87:F5:D5:13:B4:6F:DC:82:21:E6:04:EB:C2:43:20:47:15:A2:C0:E5:2C:22:5E:2B\r\n";
  g_autofree char *ice = g_strconcat (FAR_HEAD "a=ice-ufrag:fAr2\r\na=ice-pwd:b72bb931f2e785c7ca5c44da\r\n", lower, FAR_M FAR_CAND, NULL);

  ck_assert (!differs (FAR ("active"), FAR ("passive"), pl_bridge_restarts_ice));
  ck_assert (!differs (FAR ("active"), FAR ("passive"), pl_bridge_renews_dtls));
  ck_assert (differs (FAR ("active"), ice, pl_bridge_restarts_ice));
  ck_assert (!differs (FAR ("active"), ice, pl_bridge_renews_dtls));
  ck_assert (!differs (FAR ("active"), FAR_HEAD "a=ice-ufrag:fAr1\r\na=ice-pwd:b72bb931f2e785c7ca5c44da\r\n" FAR_M FAR_CAND "a=fingerprint:" FP "\r\n", pl_bridge_restarts_ice));
  ck_assert (differs (FAR ("active"), FAR_HEAD "a=ice-ufrag:fAr1\r\na=ice-pwd:b72bb931f2e785c7ca5c44da\r\n" FAR_M FAR_CAND "a=fingerprint:" FP "\r\n", pl_bridge_renews_dtls));
}
END_TEST

/* --- toward the far side --- */

typedef struct {
  const char *why, *in, *other;
  const char *out;    /* NULL: `reason` */
  const PlBridgeLeg *leg;
  const char *reason;
} Case;

#define FAR_OFFER FAR_HEAD FAR_ICE "a=setup:actpass\r\nm=audio 6000 UDP/TLS/RTP/SAVPF 0\r\n" FAR_CAND
#define PLAIN_SHORT HEAD "m=audio 8000 RTP/AVP 0\r\n"
#define CONTROL_CANDS "a=rtcp:41001 IN IP4 203.0.113.9\r\na=candidate:1 2 UDP 2130706430 10.0.0.5 40001 typ host\r\na=candidate:2 2 UDP 1694498814 203.0.113.9 41001 typ srflx raddr 10.0.0.5 rport 40001\r\n"
#define EDGE_TAIL(setup) EDGE_ICE (setup) "a=rtcp-mux\r\n" EDGE_CANDS

static const Case to_far[] = {
  { "plain, DTMF and all", PLAIN, NULL, EDGE_HEAD EDGE_M " 0 8 101\r\n" EDGE_C "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n" EDGE_TAIL ("actpass"), &leg, NULL },
  { "no line end at the end, LF alone", "v=0\no=a 1 2 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 8000 RTP/AVP 0", NULL, "v=0\no=a 1 2 IN IP4 192.0.2.1\n" "c=IN IP4 203.0.113.9\n"
    "m=audio 41000 UDP/TLS/RTP/SAVP 0\r\n" EDGE_C EDGE_TAIL ("actpass"), &leg, NULL },
  { "loopback leaves o= too", "v=0\r\no=alice 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 8000 RTP/AVP 0\r\n", NULL,
    "v=0\r\no=alice 1 2 IN IP4 0.0.0.0\r\ns=-\r\n" EDGE_C "t=0 0\r\n" EDGE_M " 0\r\n" EDGE_C EDGE_TAIL ("actpass"), &leg, NULL },
  { "AVPF and what is unknown", HEAD "a=x:y\r\nm=video 8000/2 RTP/AVPF 96\r\ni=camera\r\nb=AS:256\r\na=rtcp-fb:96 nack\r\na=rtcp:9\r\na=rtcp-mux\r\na=unheard-of\r\n", NULL,
    EDGE_HEAD "a=x:y\r\nm=video 41000 UDP/TLS/RTP/SAVPF 96\r\ni=camera\r\n" EDGE_C "b=AS:256\r\na=rtcp-fb:96 nack\r\na=unheard-of\r\n" EDGE_TAIL ("actpass"), &leg, NULL },
  { "keys stay at home", HEAD "k=clear:secret\r\na=key-mgmt:mikey AAAA\r\nm=audio 8000 RTP/SAVP 0\r\nk=clear:secret\r\na=Crypto:1 x inline:y\r\na=zrtp-hash:1.10 91f7\r\n" CRYPTO, NULL,
    EDGE_HEAD EDGE_M " 0\r\n" EDGE_C EDGE_TAIL ("actpass"), &leg, NULL },
  { "the phone's own ICE goes", HEAD OWN_ICE "a=ice-options:trickle\r\na=ice-lite\r\nm=audio 8000 RTP/AVP 0\r\n" OWN_CANDS "a=remote-candidates:1 192.0.2.1 9\r\na=end-of-candidates\r\n", NULL,
    EDGE_HEAD EDGE_M " 0\r\n" EDGE_C EDGE_TAIL ("actpass"), &leg, NULL },
  { "hold by address", PLAIN "c=IN IP4 0.0.0.0\r\n", NULL, EDGE_HEAD EDGE_M " 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n" EDGE_C "a=sendonly\r\n" EDGE_TAIL ("actpass"), &leg, NULL },
  { "hold both ways", HEAD "m=audio 8000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=recvonly\r\n", NULL, EDGE_HEAD EDGE_M " 0\r\n" EDGE_C "a=inactive\r\n" EDGE_TAIL ("actpass"), &leg, NULL },
  { "hold of the whole session", HEAD "a=recvonly\r\nm=audio 8000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", NULL, EDGE_HEAD "a=recvonly\r\n" EDGE_M " 0\r\n" EDGE_C "a=inactive\r\n" EDGE_TAIL ("actpass"), &leg, NULL },
  { "hold by direction", HEAD "m=audio 8000 RTP/AVP 0\r\na=sendonly\r\n", NULL, EDGE_HEAD EDGE_M " 0\r\n" EDGE_C "a=sendonly\r\n" EDGE_TAIL ("actpass"), &leg, NULL },
  { "refused section stays", PLAIN "m=video 0 RTP/AVP 96\r\na=x\r\n" CRYPTO, NULL, EDGE_HEAD EDGE_M " 0 8 101\r\n" EDGE_C "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n" EDGE_TAIL ("actpass") "m=video 0 RTP/AVP 96\r\na=x\r\n", &leg, NULL },
  { "what is not RTP is declined", HEAD "m=audio 8000 RTP/AVP 0\r\nm=image 8002 udptl t38\r\na=T38FaxVersion:0\r\n", NULL, EDGE_HEAD EDGE_M " 0\r\n" EDGE_C EDGE_TAIL ("actpass") "m=image 0 udptl t38\r\na=T38FaxVersion:0\r\n", &leg, NULL },
  { "bundle is declined, other groups are not", HEAD "a=group:BUNDLE a\r\na=group:LS a\r\nm=audio 8000 RTP/AVP 0\r\na=mid:a\r\n", NULL, EDGE_HEAD "a=group:LS a\r\n" EDGE_M " 0\r\n" EDGE_C "a=mid:a\r\n" EDGE_TAIL ("actpass"), &leg, NULL },
  { "a phone with DTLS of its own keeps it", HEAD "a=fingerprint:" FP2 "\r\nm=audio 8000 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\na=tls-id:x\r\n", NULL,
    EDGE_HEAD "a=fingerprint:" FP2 "\r\nm=audio 41000 UDP/TLS/RTP/SAVPF 0\r\n" EDGE_C "a=setup:actpass\r\na=tls-id:x\r\na=ice-ufrag:eDgE\r\na=ice-pwd:0123456789abcdefghijkl\r\n" EDGE_CANDS, &leg, NULL },
  { "direct passes", DTLS_M OWN_ICE OWN_CANDS, NULL, DTLS_M OWN_ICE OWN_CANDS, &leg, NULL },
  { "answer: their profile, no mux they did not offer", HEAD "m=audio 8000 RTP/AVP 0\r\n", FAR_OFFER, EDGE_HEAD EDGE_M "F 0\r\n" EDGE_C EDGE_ICE ("active") EDGE_CANDS, &leg, NULL },
  { "RTCP's own component too, for whom does not multiplex", PLAIN_SHORT, NULL, EDGE_HEAD EDGE_M " 0\r\n" EDGE_C EDGE_TAIL ("actpass") CONTROL_CANDS, &two_leg, NULL },
  { "answer: RTCP's own component, no mux offered", PLAIN_SHORT, FAR_OFFER, EDGE_HEAD EDGE_M "F 0\r\n" EDGE_C EDGE_ICE ("active") EDGE_CANDS CONTROL_CANDS, &two_leg, NULL },
  { "answer: mux they offered needs no other component", PLAIN_SHORT, FAR_OFFER "a=rtcp-mux\r\n", EDGE_HEAD EDGE_M "F 0\r\n" EDGE_C EDGE_TAIL ("active"), &two_leg, NULL },
  { "answer: mux they offered", HEAD "m=audio 8000 RTP/AVP 0\r\n", FAR_OFFER "a=rtcp-mux\r\n", EDGE_HEAD EDGE_M "F 0\r\n" EDGE_C EDGE_TAIL ("active"), &leg, NULL },
  { "answer to active", HEAD "m=audio 8000 RTP/AVP 0\r\n", FAR ("active"), EDGE_HEAD EDGE_M "F 0\r\n" EDGE_C EDGE_ICE ("passive") EDGE_CANDS, &leg, NULL },
  { "answer while an association goes on", HEAD "m=audio 8000 RTP/AVP 0\r\n", FAR_OFFER, EDGE_HEAD EDGE_M "F 0\r\n" EDGE_C EDGE_ICE ("passive") EDGE_CANDS, &server_leg, NULL },
  { "answer that refuses all", HEAD "m=audio 0 RTP/AVP 0\r\n", FAR_OFFER, HEAD "m=audio 0 RTP/AVP 0\r\n", &leg, NULL },
  { "answer of what was not offered", HEAD "m=audio 8000 RTP/AVP 0\r\n", FAR_HEAD "m=audio 0 RTP/AVP 0\r\n", NULL, &leg, "none of its media" },
  { "answer with a section more", HEAD "m=audio 8000 RTP/AVP 0\r\nm=audio 0 RTP/AVP 0\r\n", FAR_OFFER, NULL, &leg, "not as many media" },
  { "no edge", PLAIN, NULL, NULL, &closed_leg, "none of its media" },
  { "an edge without an address", PLAIN, NULL, NULL, &savp_leg, "no address" },
  { "an offer that is malformed", PLAIN, "v=0\r\n", NULL, &leg, "no o= line" },
  { "no media at all", HEAD, NULL, HEAD, &leg, NULL },
};

static void
check_case (const Case *c, const char *out, gsize len, const GError *error)
{
  if (c->out)
    {
      ck_assert_msg (out != NULL, "%s: %s", c->why, error ? error->message : "");
      ck_assert_msg (g_str_equal (out, c->out), "%s:\n%s", c->why, out);
      ck_assert_uint_eq (len, strlen (out));
      return;
    }
  ck_assert_msg (!out && error && strstr (error->message, c->reason), "%s: %s", c->why, error ? error->message : out);
}

START_TEST (far_side_is_told_the_edges_media)
{
  const Case *c = &to_far[_i];
  PlBridgeText in = text_of (c->in), other = text_of (c->other);
  g_autoptr (GError) error = NULL;
  gsize len = 0;
  g_autofree char *out = pl_bridge_to_far (&in, c->other ? &other : NULL, c->leg, 1, &len, &error);

  check_case (c, out, len, error);
}
END_TEST

/* --- toward the phone --- */

#define PHONE_HEAD "v=0\r\no=bob 3 4 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
#define PHONE_C "c=IN IP4 127.0.0.1\r\n"
#define FAR_ANSWER FAR_HEAD FAR_ICE "a=setup:active\r\n" FAR_M "a=rtcp:6001\r\na=rtcp-mux\r\n" FAR_CAND "a=x\r\n"
#define PLAIN_M HEAD "m=audio 8000 RTP/AVP 0\r\n"

static const Case answers[] = {
  { "plain", FAR_ANSWER, PLAIN_M, PHONE_HEAD "m=audio 20000 RTP/AVP 0\r\n" PHONE_C "a=x\r\n", &leg, NULL },
  { "AVPF and mux", FAR_ANSWER, HEAD "m=audio 8000 RTP/AVPF 0\r\na=rtcp-mux\r\n", PHONE_HEAD "m=audio 20000 RTP/AVPF 0\r\n" PHONE_C "a=x\r\na=rtcp-mux\r\n", &leg, NULL },
  { "SDES: the tag and suite that were taken, a key of the edge", FAR_ANSWER, SDES, PHONE_HEAD "m=audio 20000 RTP/SAVP 0\r\n" PHONE_C "a=x\r\na=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:" EDGE_KEY "\r\n", &leg, NULL },
  { "SDES without keys", FAR_ANSWER, SDES, NULL, &server_leg, "no keys" },
  { "IPv6", FAR_ANSWER, PLAIN_M, "v=0\r\no=bob 3 4 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\nc=IN IP6 ::1\r\na=x\r\n", &server_leg, NULL },
  { "refused", FAR_HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n", PLAIN_M, FAR_HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n", &leg, NULL },
  { "taken though it was not offered", FAR_ANSWER, HEAD "m=audio 0 RTP/AVP 0\r\n", NULL, &leg, "none of its media" },
  { "no edge any more", FAR_ANSWER, PLAIN_M, NULL, &closed_leg, "none of its media" },
  { "a phone's own DTLS goes to it", FAR_ANSWER, DTLS_M "a=rtcp-mux\r\n", PHONE_HEAD "a=fingerprint:" FP2 "\r\na=setup:active\r\nm=audio 20000 UDP/TLS/RTP/SAVPF 0\r\n" PHONE_C "a=x\r\na=rtcp-mux\r\n", &leg, NULL },
  { "a far side's keys and tricks do not pass", FAR_HEAD "k=clear:x\r\nm=audio 5060 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 evil.example\r\na=crypto:1 A inline:x\r\na=zrtp-hash:1.10 1\r\na=rtcp:22 IN IP4 localhost\r\n", PLAIN_M,
    PHONE_HEAD "m=audio 20000 RTP/AVP 0\r\n" PHONE_C, &leg, NULL },
  { "as many sections", FAR_ANSWER "m=video 0 X 0\r\n", PLAIN_M, NULL, &leg, "not as many media" },
};

START_TEST (phone_is_answered_in_its_own_terms)
{
  const Case *c = &answers[_i];
  PlBridgeText in = text_of (c->in), other = text_of (c->other);
  g_autoptr (GError) error = NULL;
  gsize len = 0;
  g_autofree char *out = pl_bridge_to_phone (&in, PL_BRIDGE_ANSWER, &other, c->leg, 1, &len, &error);

  check_case (c, out, len, error);
}
END_TEST

static const Case offers[] = {
  { "the first: whoever has SDES may take it", FAR_ANSWER, NULL, PHONE_HEAD "m=audio 20000 RTP/AVP 0\r\n" PHONE_C "a=x\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" EDGE_KEY "\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" EDGE_KEY "\r\n", &leg, NULL },
  { "the first, for a phone that wants SDES", FAR_ANSWER, NULL, PHONE_HEAD "m=audio 20000 RTP/SAVP 0\r\n" PHONE_C "a=x\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" EDGE_KEY "\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" EDGE_KEY "\r\n", &savp_leg, NULL },
  { "the first, no keys", FAR_ANSWER, NULL, "v=0\r\no=bob 3 4 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\nc=IN IP6 ::1\r\na=x\r\n", &server_leg, NULL },
  { "a later one to a plain phone", FAR_ANSWER, PLAIN_M, PHONE_HEAD "m=audio 20000 RTP/AVP 0\r\n" PHONE_C "a=x\r\n", &leg, NULL },
  { "a later one to a phone with SDES", FAR_ANSWER, HEAD "m=audio 8000 RTP/SAVP 0\r\n" CRYPTO, PHONE_HEAD "m=audio 20000 RTP/SAVP 0\r\n" PHONE_C "a=x\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" EDGE_KEY "\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" EDGE_KEY "\r\n", &leg, NULL },
  { "hold, and a section that is new and has no edge", FAR_ANSWER "a=sendonly\r\nm=video 7000 UDP/TLS/RTP/SAVPF 96\r\n" FAR_CAND "a=crypto:1\r\n", PLAIN_M,
    PHONE_HEAD "m=audio 20000 RTP/AVP 0\r\n" PHONE_C "a=x\r\na=sendonly\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\n", &leg, NULL },
  { "a section the phone refused before", FAR_ANSWER, HEAD "m=audio 0 RTP/SAVP 0\r\n", PHONE_HEAD "m=audio 20000 RTP/AVP 0\r\n" PHONE_C "a=x\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" EDGE_KEY "\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" EDGE_KEY "\r\n", &leg, NULL },
  { "bundle and bundle-only", FAR_HEAD "a=group:BUNDLE a v\r\n" FAR_ICE FAR_M FAR_CAND "a=mid:a\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=bundle-only\r\n", PLAIN_M, PHONE_HEAD "m=audio 20000 RTP/AVP 0\r\n" PHONE_C "a=mid:a\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n", &leg, NULL },
  { "malformed", "v=0\r\nx\r\n", NULL, NULL, &leg, "not of the form" },
};

START_TEST (phone_is_offered_what_it_can)
{
  const Case *c = &offers[_i];
  PlBridgeText in = text_of (c->in), other = text_of (c->other);
  g_autoptr (GError) error = NULL;
  gsize len = 0;
  g_autofree char *out = pl_bridge_to_phone (&in, PL_BRIDGE_OFFER, c->other ? &other : NULL, c->leg, 1, &len, &error);

  check_case (c, out, len, error);
}
END_TEST

/* Three sections, each an edge of its own; one that is direct keeps what the session says. */
START_TEST (sections_have_each_their_own_edge)
{
  static const char *const here[] = { "1 1 host 10.0.0.5 50000", NULL };
  PlBridgeLeg legs[3] = { leg, leg, leg };
  PlBridgeText phone = text_of (HEAD OWN_ICE "a=fingerprint:" FP2 "\r\nm=audio 8000 RTP/AVP 0\r\nm=video 8002 RTP/AVPF 96\r\n"
                                "m=text 10000 UDP/TLS/RTP/SAVP 98\r\na=candidate:1 1 UDP 9 192.0.2.1 10000 typ host\r\n");
  gsize len;
  g_autofree char *out = NULL;

  legs[1].candidates = here;
  out = pl_bridge_to_far (&phone, NULL, legs, 3, &len, NULL);
  ck_assert_str_eq (out, HEAD OWN_ICE "a=fingerprint:" FP2 "\r\n" EDGE_M " 0\r\n" EDGE_C EDGE_TAIL ("actpass")
                    "m=video 50000 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 10.0.0.5\r\n" EDGE_ICE ("actpass") "a=rtcp-mux\r\na=candidate:1 1 UDP 1 10.0.0.5 50000 typ host\r\n"
                    "m=text 10000 UDP/TLS/RTP/SAVP 98\r\na=candidate:1 1 UDP 9 192.0.2.1 10000 typ host\r\n");
}
END_TEST

/* INVITE without SDP (RFC 3264, 5; RFC 3261, 13.2.1): the far side's 200 offers, our phone's ACK
 * answers. */
START_TEST (late_offer_is_carried)
{
  PlBridgeText far = text_of (FAR_OFFER), phone = text_of (HEAD "m=audio 8000 RTP/AVP 0\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" KEY32 "\r\n");
  gsize len;
  g_autofree char *offer = pl_bridge_to_phone (&far, PL_BRIDGE_OFFER, NULL, &leg, 1, &len, NULL);
  g_autofree char *answer = pl_bridge_to_far (&phone, &far, &leg, 1, &len, NULL);
  g_autoptr (GPtrArray) read = pl_bridge_read_phone (phone.text, phone.len, NULL);

  ck_assert_ptr_nonnull (strstr (offer, "m=audio 20000 RTP/AVP 0\r\n" PHONE_C "a=crypto:1 "));
  ck_assert (pl_sdp_answer_fits (far.text, far.len, answer, len, NULL));
  ck_assert_str_eq (((PlBridgePhone *) read->pdata[0])->suite, "AES_CM_128_HMAC_SHA1_32");
}
END_TEST

/* --- the corpus --- */

static char *
corpus_body (const char *name)
{
  g_autofree char *file = g_build_filename ("sdp", name, NULL);
  g_autoptr (GBytes) bytes = pl_test_data (file);
  const char *text = g_bytes_get_data (bytes, NULL);
  const char *body = g_strstr_len (text, g_bytes_get_size (bytes), "\r\n\r\n");

  return g_strndup (body + 4, text + g_bytes_get_size (bytes) - body - 4);
}

static GPtrArray *
corpus_names (void)
{
  g_autofree char *path = pl_test_path ("data/sdp");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (const char *name; (name = g_dir_read_name (dir));)
    if (g_str_has_suffix (name, ".sip"))
      g_ptr_array_add (names, g_strdup (name));
  ck_assert_uint_ge (names->len, 110);
  return names;
}

static PlBridgeNeed
expected_need (const char *name)
{
  if (strstr (name, "-dtls-") || strstr (name, "-zrtp-"))
    return PL_BRIDGE_NONE;
  return strstr (name, "-sdes-") ? PL_BRIDGE_SDES : PL_BRIDGE_PLAIN;
}

/* Each c= and m= of an active section is one of its candidates. */
static void
assert_default_is_a_candidate (const char *text)
{
  g_auto (GStrv) sections = g_strsplit (text, "\nm=", -1);

  for (guint i = 1; sections[i]; i++)
    {
      g_auto (GStrv) words = g_strsplit (sections[i], " ", 3);
      const char *own = strstr (sections[i], "\nc=IN IP"), *c = own ? own : strstr (sections[0], "\nc=IN IP");
      g_autofree char *address = c ? g_strndup (c + 9, strcspn (c + 9, "\r\n")) : NULL;
      g_autofree char *wanted = g_strdup_printf ("%s %s typ ", address, words[1]);

      if (!g_str_equal (words[1], "0"))
        ck_assert_msg (c && strstr (sections[i], wanted), "%s in\n%s", wanted, text);
    }
}

/* What the phone says of its codecs and the like comes through, in order. */
static void
assert_rest_is_kept (const char *before, const char *after)
{
  static const char *const ours[] = { "o=", "c=", "m=", "a=ice-", "a=candidate:", "a=crypto:", "a=rtcp:", "a=rtcp-mux", "a=remote-candidates:", "a=fingerprint:", "a=setup:", NULL };
  g_auto (GStrv) lines = g_strsplit (before, "\r\n", -1);
  const char *at = after;

  for (guint i = 0; lines[i] && *lines[i]; i++)
    {
      gboolean changed = FALSE;
      g_autofree char *line = g_strconcat (lines[i], "\r\n", NULL);

      for (guint k = 0; ours[k]; k++)
        changed |= g_str_has_prefix (line, ours[k]);
      if (changed)
        continue;
      at = strstr (at, line);
      ck_assert_msg (at != NULL, "lost: %s\nin %s", line, after);
    }
}

START_TEST (corpus_goes_over_the_edge_and_back)
{
  g_autoptr (GPtrArray) names = corpus_names ();
  guint carried = 0;

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      g_autofree char *body = corpus_body (name);
      g_autoptr (GPtrArray) read = pl_bridge_read_phone (body, strlen (body), NULL);
      PlBridgeText phone = text_of (body), far = text_of (FAR_ANSWER);
      g_autofree char *out = NULL;
      g_autofree char *back = NULL;
      PlMediaClass media;
      gsize len, back_len;

      ck_assert_uint_eq (read->len, 1);
      ck_assert_msg (((PlBridgePhone *) read->pdata[0])->need == expected_need (name), "%s", name);
      out = pl_bridge_to_far (&phone, NULL, &leg, 1, &len, NULL);
      assert_default_is_a_candidate (out);
      assert_rest_is_kept (body, out);
      ck_assert_ptr_null (strstr (out, "127.0.0.1"));
      ck_assert (pl_sdp_classify (out, len, &media, NULL));
      if (expected_need (name) == PL_BRIDGE_NONE)
        continue;
      carried++;
      ck_assert_int_eq (media, PL_MEDIA_DIRECT);
      ck_assert_ptr_null (strstr (out, "a=crypto"));
      back = pl_bridge_to_phone (&far, PL_BRIDGE_ANSWER, &phone, &leg, 1, &back_len, NULL);
      ck_assert_ptr_nonnull (strstr (back, "m=audio 20000 RTP/"));
      ck_assert_int_eq (strstr (back, "a=crypto:") != NULL, expected_need (name) == PL_BRIDGE_SDES);
      ck_assert_ptr_null (strstr (back, "a=candidate"));
    }
  ck_assert_uint_ge (carried, 30);
}
END_TEST

/* Phones and far sides of the corpus as the far side of an edge. */
START_TEST (corpus_is_a_far_side)
{
  g_autoptr (GPtrArray) names = corpus_names ();

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      PlBridgeRole role = strstr (name, "INVITE") ? PL_BRIDGE_OFFER : PL_BRIDGE_ANSWER;
      g_autofree char *body = corpus_body (name);
      g_autoptr (GPtrArray) read = pl_bridge_read_far (body, strlen (body), role, NULL);
      const PlBridgeFar *far = read->pdata[0];

      ck_assert_msg (!far->lacks == (strstr (name, "-dtls-") != NULL), "%s: %s", name, far->lacks);
      if (!far->lacks)
        ck_assert (far->ufrag && far->password && far->candidates[0] && far->fingerprints[0]);
    }
}
END_TEST

/* --- hostile --- */

static void
try_all (GBytes *bytes, gpointer data)
{
  gsize size, len;
  const char *body = g_bytes_get_data (bytes, &size);
  PlBridgeText text = { body, size }, other = text_of (data);
  PlBridgeLeg legs[2] = { leg, leg };

  for (guint way = 0; way < 5; way++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) read = pl_bridge_read_phone (body, size, NULL);
      g_autoptr (GPtrArray) far = pl_bridge_read_far (body, size, way % 2 ? PL_BRIDGE_OFFER : PL_BRIDGE_ANSWER, NULL);
      g_autofree char *out = NULL;

      if (way < 2)
        out = pl_bridge_to_far (&text, way ? &other : NULL, legs, 2, &len, &error);
      else
        out = pl_bridge_to_phone (&text, way == 2 ? PL_BRIDGE_ANSWER : PL_BRIDGE_OFFER, way < 4 ? &other : NULL, legs, 2, &len, &error);
      ck_assert_int_eq (out != NULL, error == NULL);
      ck_assert (!far || out || error);
      if (!out)
        continue;
      ck_assert_uint_eq (len, strlen (out));
      ck_assert_uint_le (len, size + 2 * PL_BRIDGE_GROWTH);
      if (way < 2 && read && pl_bridge_needed (read))
        ck_assert_ptr_null (strstr (out, "\na=crypto:"));
      if (way == 2 && !strstr (other.text, "TLS"))
        ck_assert_ptr_null (strstr (out, "\na=candidate:"));
    }
}

START_TEST (damaged_descriptions_never_harm)
{
  static const char *const bodies[] = { PLAIN CRYPTO "m=video 8000 RTP/AVPF 9\r\na=inactive\r\n", SDES OWN_ICE OWN_CANDS, FAR ("active") };

  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_static (bodies[i], strlen (bodies[i]));

      pl_mutate_truncations (bytes, try_all, (gpointer) SDES);
      pl_mutate_flips (bytes, 0, 2000, 7, try_all, (gpointer) SDES);
      pl_mutate_lies (bytes, 300, 8, try_all, (gpointer) FAR_ANSWER);
    }
}
END_TEST

START_TEST (corpus_damaged_never_harms)
{
  g_autoptr (GPtrArray) names = corpus_names ();

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *body = corpus_body (names->pdata[i]);
      g_autoptr (GBytes) bytes = g_bytes_new_static (body, strlen (body));

      pl_mutate_flips (bytes, 0, 30, i, try_all, (gpointer) SDES);
    }
}
END_TEST

/* The most a section can grow: 32 candidates, each as long as it can be. */
START_TEST (growth_is_bounded)
{
  const char *long_one = "abcdefghijklmnopqrstuvwxyz012345 4294967295 srflx 2001:0db8:1111:2222:3333:4444:255.255.255.255 65535 2001:0db8:1111:2222:3333:4444:255.255.255.255 65535";
  const char *many[101];
  PlBridgeLeg legs[PL_BRIDGE_SECTIONS_MAX];
  g_autoptr (GString) text = g_string_new (HEAD);
  PlBridgeText phone;
  gsize len;
  g_autofree char *out = NULL;

  for (guint i = 0; i < 100; i++)
    many[i] = long_one;
  many[100] = NULL;
  for (guint i = 0; i < PL_BRIDGE_SECTIONS_MAX; i++)
    {
      legs[i] = leg;
      legs[i].candidates = many;
      g_string_append (text, "m=audio 8000 RTP/AVP 0\r\n");
    }
  phone = text_of (text->str);
  out = pl_bridge_to_far (&phone, NULL, legs, PL_BRIDGE_SECTIONS_MAX, &len, NULL);
  ck_assert_ptr_nonnull (out);
  ck_assert_uint_le (len, text->len + PL_BRIDGE_SECTIONS_MAX * PL_BRIDGE_GROWTH);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("sdp/bridge");

  tcase_set_timeout (tcase, 60); /* the sanitizers take their time */
  tcase_add_loop_test (tcase, phone_is_read_as_it_is, 0, G_N_ELEMENTS (phones));
  tcase_add_test (tcase, phone_with_too_many_sections_has_the_rest_declined);
  tcase_add_loop_test (tcase, phone_is_refused_with_a_reason, 0, G_N_ELEMENTS (refused_phones));
  tcase_add_loop_test (tcase, far_side_is_read_as_it_is, 0, G_N_ELEMENTS (fars));
  tcase_add_test (tcase, candidates_come_in_the_form_of_the_edge_and_bounded);
  tcase_add_test (tcase, restart_and_new_certificate_are_seen);
  tcase_add_loop_test (tcase, far_side_is_told_the_edges_media, 0, G_N_ELEMENTS (to_far));
  tcase_add_loop_test (tcase, phone_is_answered_in_its_own_terms, 0, G_N_ELEMENTS (answers));
  tcase_add_loop_test (tcase, phone_is_offered_what_it_can, 0, G_N_ELEMENTS (offers));
  tcase_add_test (tcase, sections_have_each_their_own_edge);
  tcase_add_test (tcase, late_offer_is_carried);
  tcase_add_test (tcase, corpus_goes_over_the_edge_and_back);
  tcase_add_test (tcase, corpus_is_a_far_side);
  tcase_add_test (tcase, damaged_descriptions_never_harm);
  tcase_add_test (tcase, corpus_damaged_never_harms);
  tcase_add_test (tcase, growth_is_bounded);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
