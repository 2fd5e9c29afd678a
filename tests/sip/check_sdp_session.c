/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/session.h"
#include "tests/support/test.h"

#include <string.h>

#define FP "a=fingerprint:SHA-256 10:A5:C2:02:90:C1:FD:ED:87:F5:D5:13:B4:6F:DC:82:21:E6:04:EB:C2:43:20:47:15:A2:C0:E5:2C:22:5E:2B\r\n"
#define HEAD "v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
#define UFRAG "a=ice-ufrag:3511f4c7\r\n"
#define ICE UFRAG "a=ice-pwd:b72bb931f2e785c7ca5c44da\r\n"
#define HOST(addr, rtp, rtcp) "a=candidate:1 1 UDP 2130706303 " addr " " #rtp " typ host\r\na=candidate:1 2 UDP 2130706302 " addr " " #rtcp " typ host\r\n"
#define C "c=IN IP4 192.0.2.1\r\n"
#define DTLS_M "m=audio 5000 UDP/TLS/RTP/SAVPF 96\r\n" C
#define CANDS HOST ("192.0.2.1", 5000, 5001)

/* --- the corpus --- */

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

static char *
corpus_body (const char *name)
{
  g_autofree char *file = g_build_filename ("sdp", name, NULL);
  g_autoptr (GBytes) bytes = pl_test_data (file);
  const char *text = g_bytes_get_data (bytes, NULL);
  const char *body = g_strstr_len (text, g_bytes_get_size (bytes), "\r\n\r\n");

  ck_assert_ptr_nonnull (body);
  return g_strndup (body + 4, text + g_bytes_get_size (bytes) - body - 4);
}

static PlMediaClass
expected_class (const char *name)
{
  if (strstr (name, "-dtls-"))
    return PL_MEDIA_DIRECT;
  if (strstr (name, "-zrtp-"))
    return PL_MEDIA_PHONE;
  return strstr (name, "-noice-") ? PL_MEDIA_LACKS_BOTH : PL_MEDIA_LACKS_ENCRYPTION;
}

START_TEST (corpus_is_classified_as_its_names_say)
{
  g_autoptr (GPtrArray) names = corpus_names ();

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      g_autofree char *body = corpus_body (name);
      g_autoptr (GError) error = NULL;
      PlMediaClass media;

      ck_assert_msg (pl_sdp_classify (body, strlen (body), &media, &error), "%s: %s", name, error ? error->message : "");
      ck_assert_msg (media == expected_class (name), "%s: %d", name, media);
    }
}
END_TEST

/* The line without what may be corrected in it. */
static char *
expected_line (const char *line, GStrv rest)
{
  /* in the family of the media: baresip judges an offer by its o= */
  if (g_str_has_prefix (line, "o=") && (g_str_has_suffix (line, " IN IP4 127.0.0.1") || g_str_has_suffix (line, " IN IP6 ::1")))
    {
      while (*rest && !(g_str_has_prefix (*rest, "c=") && !strstr (*rest, "127.0.0.1") && !strstr (*rest, " ::1")))
        rest++;
      return g_strdup_printf ("%.*s%s", (int) (strstr (line, " IN IP") - line) + 4, line, *rest && strstr (*rest, "IP6") ? "IP6 ::" : "IP4 0.0.0.0");
    }
  /* never 0.0.0.0 beside a real one: linphone would restart ICE without end */
  for (; (g_str_equal (line, "c=IN IP4 127.0.0.1") || g_str_equal (line, "c=IN IP6 ::1")) && *rest; rest++)
    if (g_str_has_prefix (*rest, "c="))
      return g_strdup (*rest);
  if (g_str_equal (line, "c=IN IP4 127.0.0.1"))
    return g_strdup ("c=IN IP4 0.0.0.0");
  if (g_str_equal (line, "c=IN IP6 ::1"))
    return g_strdup ("c=IN IP6 ::");
  return g_strdup (line);
}

/* linphone and twinkle leak 127.0.0.1 in o= and the session's c= (PHONES.md, 1). */
START_TEST (corpus_loses_loopback_and_nothing_else)
{
  g_autoptr (GPtrArray) names = corpus_names ();

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *body = corpus_body (names->pdata[i]);
      gsize len, again_len;
      g_autofree char *far = pl_sdp_to_far (body, strlen (body), &len, NULL);
      g_autofree char *again = pl_sdp_to_far (far, len, &again_len, NULL);
      g_autofree char *phone = pl_sdp_to_phone (far, len, &again_len, NULL);
      g_auto (GStrv) before = g_strsplit (body, "\r\n", -1);
      g_auto (GStrv) after = g_strsplit (far, "\r\n", -1);

      ck_assert_uint_eq (len, strlen (far));
      ck_assert_str_eq (far, again);
      ck_assert_str_eq (far, phone);
      ck_assert_ptr_null (strstr (far, "127.0.0.1"));
      ck_assert_ptr_null (strstr (far, " ::1"));
      ck_assert_uint_eq (g_strv_length (before), g_strv_length (after));
      for (guint k = 0; before[k]; k++)
        {
          g_autofree char *expected = expected_line (before[k], before + k + 1);

          ck_assert_str_eq (after[k], expected);
        }
    }
}
END_TEST

START_TEST (corpus_answers_fit_their_offers_where_both_encrypt)
{
  g_autoptr (GPtrArray) names = corpus_names ();
  guint pairs = 0;

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      const char *dash = strstr (name, "-callee-") ? strstr (name, "-callee-") : strstr (name, "-caller-");
      guint n = dash[8] - '0';
      gboolean callee = strstr (name, "-callee-") != NULL;
      g_autofree char *answer_name = g_strdup_printf ("%.*s%u-%s-200.sip", (int) (dash + 8 - name), name, n + 1, callee ? "from-ua" : "to-ua");
      g_autofree char *path = pl_test_path ("data/sdp");
      g_autofree char *file = g_build_filename (path, answer_name, NULL);
      g_autofree char *offer = NULL;
      g_autofree char *answer = NULL;

      if (!strstr (name, "INVITE") || !g_file_test (file, G_FILE_TEST_EXISTS))
        continue;
      offer = corpus_body (name);
      answer = corpus_body (answer_name);
      ck_assert_msg (pl_sdp_answer_fits (offer, strlen (offer), answer, strlen (answer), NULL) == (expected_class (name) <= PL_MEDIA_PHONE), "%s", name);
      pairs++;
    }
  ck_assert_uint_ge (pairs, 50);
}
END_TEST

/* --- classes --- */

typedef struct { const char *why, *body; PlMediaClass media; } Case;

static const Case classes[] = {
  { "no media at all", HEAD, PL_MEDIA_NONE },
  { "direct", HEAD ICE FP DTLS_M CANDS, PL_MEDIA_DIRECT },
  { "all at media level", HEAD DTLS_M ICE FP CANDS, PL_MEDIA_DIRECT },
  { "bare line feeds and no end", "v=0\no=a 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 5 RTP/AVP 0", PL_MEDIA_LACKS_BOTH },
  { "blank end", HEAD ICE FP DTLS_M CANDS "\r\n\r\n", PL_MEDIA_DIRECT },
  { "password missing", HEAD UFRAG FP DTLS_M CANDS, PL_MEDIA_LACKS_ICE },
  { "no candidates", HEAD ICE FP DTLS_M, PL_MEDIA_LACKS_ICE },
  { "candidates later (RFC 8840)", HEAD ICE "a=ice-options:ice2 trickle\r\n" FP DTLS_M, PL_MEDIA_DIRECT },
  { "only a loopback candidate", HEAD ICE FP DTLS_M HOST ("127.0.0.1", 5000, 5001), PL_MEDIA_LACKS_ICE },
  { "ICE mismatch", HEAD ICE FP DTLS_M CANDS "a=ice-mismatch\r\n", PL_MEDIA_LACKS_ICE },
  { "no fingerprint", HEAD ICE DTLS_M CANDS, PL_MEDIA_LACKS_ENCRYPTION },
  { "fingerprint of MD5", HEAD ICE "a=fingerprint:md5 10:A5:C2:02:90:C1:FD:ED:87:F5:D5:13:B4:6F:DC:82\r\n" DTLS_M CANDS, PL_MEDIA_LACKS_ENCRYPTION },
  { "fingerprint cut short", HEAD ICE "a=fingerprint:sha-256 10:A5\r\n" DTLS_M CANDS, PL_MEDIA_LACKS_ENCRYPTION },
  { "fingerprint under a plain profile (RFC 8643)", HEAD ICE FP "m=audio 5000 RTP/AVP 0\r\n" C CANDS, PL_MEDIA_LACKS_ENCRYPTION },
  { "SDES", HEAD ICE "m=audio 5000 RTP/SAVP 0\r\n" C "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n" CANDS, PL_MEDIA_LACKS_ENCRYPTION },
  { "ZRTP", HEAD ICE "m=audio 5000 RTP/AVP 0\r\n" C "a=zrtp-hash:1.10 91f7\r\n" CANDS, PL_MEDIA_PHONE },
  { "ZRTP without ICE", HEAD "m=audio 5000 RTP/AVP 0\r\n" C "a=zrtp-hash:1.10 91f7\r\n", PL_MEDIA_LACKS_ICE },
  { "plain", HEAD "m=audio 5000 RTP/AVP 0\r\n" C, PL_MEDIA_LACKS_BOTH },
  { "ICE alone and DTLS alone", HEAD FP DTLS_M ICE CANDS "m=video 6000 UDP/TLS/RTP/SAVPF 97\r\n" C, PL_MEDIA_LACKS_ICE },
  { "one lacks this, one that", HEAD FP "m=audio 5000 RTP/AVP 0\r\n" C ICE CANDS "m=video 6000 UDP/TLS/RTP/SAVPF 97\r\n" C, PL_MEDIA_LACKS_BOTH },
  { "direct and ZRTP", HEAD ICE FP DTLS_M CANDS "m=video 6000 RTP/AVP 97\r\n" C "a=zrtp-hash:1.10 91f7\r\n" CANDS, PL_MEDIA_PHONE },
  { "second section refused", HEAD ICE FP DTLS_M CANDS "m=video 0 RTP/AVP 97\r\n", PL_MEDIA_DIRECT },
  { "second section inactive", HEAD ICE FP DTLS_M CANDS "m=video 6000 RTP/AVP 97\r\n" C "a=inactive\r\n", PL_MEDIA_DIRECT },
  { "inactive for the session, sent in the section", HEAD "a=inactive\r\nm=audio 5000 RTP/AVP 0\r\n" C "a=sendonly\r\n", PL_MEDIA_LACKS_BOTH },
  { "inactive for the session", HEAD "a=inactive\r\nm=audio 5000 RTP/AVP 0\r\n" C, PL_MEDIA_NONE },
  { "hold by address keeps its class", HEAD ICE FP "m=audio 5000 UDP/TLS/RTP/SAVP 96\r\nc=IN IP4 0.0.0.0\r\n" CANDS, PL_MEDIA_DIRECT },
  { "plain hold by address is no way around", HEAD "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", PL_MEDIA_LACKS_BOTH },
  { "data channel", HEAD ICE FP "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" CANDS "m=x-holo 7 UDP/TLS/UDPTL odd\r\n" CANDS, PL_MEDIA_DIRECT },
  { "MSRP and fax in clear", HEAD ICE FP "m=message 9 TCP/MSRP *\r\n" C CANDS "m=image 7 udptl t38\r\n" CANDS, PL_MEDIA_LACKS_ENCRYPTION },
  { "bundle (RFC 8843)", HEAD ICE FP "a=group:BUNDLE a v\r\n" DTLS_M CANDS "a=mid:a\r\nm=video 5000 UDP/TLS/RTP/SAVPF 97\r\n" C "a=mid:v\r\nm=audio 0 UDP/TLS/RTP/SAVPF 9\r\na=bundle-only\r\na=mid:x\r\n", PL_MEDIA_DIRECT },
  { "bundle does not encrypt a plain profile", HEAD ICE FP "a=group:BUNDLE a v\r\n" DTLS_M CANDS "a=mid:a\r\nm=video 5000 RTP/AVP 97\r\n" C "a=mid:v\r\n", PL_MEDIA_LACKS_ENCRYPTION },
  { "not in the bundle", HEAD ICE FP "a=group:BUNDLE a\r\n" DTLS_M CANDS "a=mid:a\r\nm=video 5000 UDP/TLS/RTP/SAVPF 97\r\n" C "a=mid:v\r\n", PL_MEDIA_LACKS_ICE },
  { "name in other case", HEAD ICE FP "m=audio 5000 udp/tls/rtp/savp 96\r\n" C CANDS, PL_MEDIA_DIRECT },
};

START_TEST (class_is_the_expected_one)
{
  const Case *test = &classes[_i];
  g_autoptr (GError) error = NULL;
  PlMediaClass media;

  ck_assert_msg (pl_sdp_classify (test->body, strlen (test->body), &media, &error), "%s: %s", test->why, error ? error->message : "");
  ck_assert_msg (media == test->media, "%s: %d", test->why, media);
  ck_assert_ptr_nonnull (pl_sdp_advice (media));
}
END_TEST

START_TEST (advice_says_what_to_switch_on)
{
  ck_assert_ptr_nonnull (strstr (pl_sdp_advice (PL_MEDIA_LACKS_ICE), "switch on ICE"));
  ck_assert_ptr_nonnull (strstr (pl_sdp_advice (PL_MEDIA_LACKS_ENCRYPTION), "DTLS-SRTP"));
  ck_assert_ptr_nonnull (strstr (pl_sdp_advice (PL_MEDIA_LACKS_BOTH), "switch on ICE"));
  ck_assert_ptr_nonnull (strstr (pl_sdp_advice (PL_MEDIA_LACKS_BOTH), "DTLS-SRTP"));
  for (int media = PL_MEDIA_NONE; media <= PL_MEDIA_LACKS_BOTH; media++)
    ck_assert_ptr_null (strpbrk (pl_sdp_advice (media), "\"\\\r\n"));
}
END_TEST

/* --- corrections --- */

typedef struct { const char *why, *before, *after; } Change;

#define LOOP_O "v=0\r\no=alice 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"
#define NULL_O "v=0\r\no=alice 1 2 IN IP4 0.0.0.0\r\ns=-\r\n"

static const Change both_ways[] = {
  { "nothing to do, odd lines and ends kept", HEAD "b=AS:1\nk=x\r\na=tls-id:91\r\na=rtcp-fb:* nack\r\nm=video  5000/2  X/Y  a\t b \r\n" C "a=unknown: 127.0.0.1 \r\n\r\n", NULL },
  { "port comes with the candidate", LOOP_O "t=0 0\r\nm=audio 5000 UDP/TLS/RTP/SAVP 0\r\nc=IN IP4 127.0.0.1\r\na=rtcp:5001\r\n" HOST ("192.0.2.9", 7000, 7003),
    NULL_O "t=0 0\r\nm=audio 7000 UDP/TLS/RTP/SAVP 0\r\nc=IN IP4 192.0.2.9\r\na=rtcp:7003\r\n" HOST ("192.0.2.9", 7000, 7003) },
  { "session address in use", LOOP_O "c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5000/2 RTP/AVP 0 8\r\ni=title\r\na=rtcp:5001 IN IP4 127.0.0.1\r\n" HOST ("192.0.2.9", 7000, 7001),
    NULL_O "c=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 7000/2 RTP/AVP 0 8\r\ni=title\r\nc=IN IP4 192.0.2.9\r\na=rtcp:7001 IN IP4 192.0.2.9\r\n" HOST ("192.0.2.9", 7000, 7001) },
  { "a=rtcp is added where its port is not the next", LOOP_O "c=IN IP4 127.1.2.3\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n" HOST ("192.0.2.9", 7000, 7003) "m=video 0 RTP/AVP 0\r\n",
    NULL_O "c=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\n" HOST ("192.0.2.9", 7000, 7003) "a=rtcp:7003 IN IP4 192.0.2.9\r\nm=video 0 RTP/AVP 0\r\n" },
  { "session address not in use is not judged but corrected", HEAD "c=IN IP4 127.0.0.1\r\n" DTLS_M CANDS, HEAD "c=IN IP4 192.0.2.1\r\n" DTLS_M CANDS },
  { "session address in use without a candidate", HEAD "c=IN IP4 127.0.0.1\r\n" DTLS_M CANDS "m=video 9 X 0\r\n", HEAD "c=IN IP4 0.0.0.0\r\n" DTLS_M CANDS "m=video 9 X 0\r\n" },
  { "relay before reflexive before host, same for rtcp", HEAD "m=audio 1 X 0\r\nc=IN IP4 127.0.0.1\r\na=rtcp:2\r\n" HOST ("192.0.2.1", 5000, 5001)
    "a=candidate:2 1 UDP 100 198.51.100.1 6000 typ srflx raddr 192.0.2.1 rport 5000\r\na=candidate:3 1 UDP 50 203.0.113.1 7000 typ relay raddr 198.51.100.1 rport 6000\r\n"
    "a=candidate:3 2 UDP 49 203.0.113.1 7009 typ relay raddr 198.51.100.1 rport 6000\r\na=candidate:4 1 TCP 999999 203.0.113.9 9 typ relay tcptype passive\r\n",
    HEAD "m=audio 7000 X 0\r\nc=IN IP4 203.0.113.1\r\na=rtcp:7009\r\n" HOST ("192.0.2.1", 5000, 5001)
    "a=candidate:2 1 UDP 100 198.51.100.1 6000 typ srflx raddr 192.0.2.1 rport 5000\r\na=candidate:3 1 UDP 50 203.0.113.1 7000 typ relay raddr 198.51.100.1 rport 6000\r\n"
    "a=candidate:3 2 UDP 49 203.0.113.1 7009 typ relay raddr 198.51.100.1 rport 6000\r\na=candidate:4 1 TCP 999999 203.0.113.9 9 typ relay tcptype passive\r\n" },
  { "family of the phone first", HEAD "m=audio 1 X 0\r\nc=IN IP6 ::1\r\n" HOST ("192.0.2.1", 5000, 5001) HOST ("2001:db8::1", 6000, 6001),
    HEAD "m=audio 6000 X 0\r\nc=IN IP6 2001:db8::1\r\n" HOST ("192.0.2.1", 5000, 5001) HOST ("2001:db8::1", 6000, 6001) },
  { "the other family if need be", HEAD "m=audio 1 X 0\r\nc=IN IP6 ::ffff:127.0.0.1\r\n" HOST ("192.0.2.1", 5000, 5001),
    HEAD "m=audio 5000 X 0\r\nc=IN IP4 192.0.2.1\r\n" HOST ("192.0.2.1", 5000, 5001) },
  { "loopback candidates go", HEAD "m=audio 5000 X 0\r\n" C HOST ("127.0.0.1", 5000, 5001) HOST ("::1", 5000, 5001) CANDS HOST ("0.0.0.0", 5000, 5001), HEAD "m=audio 5000 X 0\r\n" C CANDS },
  { "loopback in another spelling", HEAD "m=audio 1 X 0\r\nc=IN IP4 127.1\r\n" HOST ("0x7f.1", 1, 2) HOST ("2130706433", 1, 2) HOST ("::127.0.0.1", 1, 2) CANDS,
    HEAD "m=audio 5000 X 0\r\nc=IN IP4 192.0.2.1\r\n" CANDS },
  { "localhost", HEAD "m=audio 1 X 0\r\nc=IN IP4 localhost\r\n" CANDS, HEAD "m=audio 5000 X 0\r\nc=IN IP4 192.0.2.1\r\n" CANDS },
  { "no candidate at all", HEAD "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\na=rtcp:5001 IN IP4 127.0.0.1\r\n", HEAD "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n" },
  { "hold stays", HEAD "c=IN IP4 0.0.0.0\r\nm=audio 5000 X 0\r\na=rtcp:5001\r\n" CANDS "m=audio 9 X 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n", NULL },
  { "port 0 stays", HEAD "m=video 0 X 0\r\nc=IN IP4 127.0.0.1\r\n" CANDS, HEAD "m=video 0 X 0\r\nc=IN IP4 0.0.0.0\r\n" CANDS },
  { "mux: rtcp goes with rtp", HEAD "m=audio 1 X 0\r\nc=IN IP4 127.0.0.1\r\na=rtcp-mux\r\na=rtcp:1 IN IP4 127.0.0.1\r\na=candidate:1 1 UDP 5 192.0.2.1 5000 typ host\r\n",
    HEAD "m=audio 5000 X 0\r\nc=IN IP4 192.0.2.1\r\na=rtcp-mux\r\na=rtcp:5000 IN IP4 192.0.2.1\r\na=candidate:1 1 UDP 5 192.0.2.1 5000 typ host\r\n" },
  { "only a=rtcp leaks: its candidate beside that of c=", HEAD DTLS_M "a=rtcp:5001 IN IP4 127.0.0.1\r\n" CANDS "a=candidate:9 2 UDP 9 203.0.113.1 9 typ relay raddr 0.0.0.0 rport 9\r\n",
    HEAD DTLS_M "a=rtcp:5001 IN IP4 192.0.2.1\r\n" CANDS "a=candidate:9 2 UDP 9 203.0.113.1 9 typ relay raddr 0.0.0.0 rport 9\r\n" },
  { "bundled section follows the one it shares", HEAD "c=IN IP4 127.0.0.1\r\na=group:BUNDLE a v\r\nm=audio 1 X 0\r\na=mid:a\r\n" CANDS "m=video 1 X 0\r\na=mid:v\r\n",
    HEAD "c=IN IP4 192.0.2.1\r\na=group:BUNDLE a v\r\nm=audio 5000 X 0\r\n" C "a=mid:a\r\n" CANDS "m=video 5000 X 0\r\n" C "a=mid:v\r\n" },
  { "last line without end", "v=0\no=a 1 1 IN IP6 ::1\nc=IN IP4 127.0.0.1\na=group:BUNDLE a v\nm=audio 1 X 0\na=mid:a\na=candidate:1 1 UDP 5 192.0.2.1 5000 typ host\na=candidate:1 2 UDP 5 192.0.2.1 9 typ host",
    "v=0\no=a 1 1 IN IP4 0.0.0.0\nc=IN IP4 192.0.2.1\na=group:BUNDLE a v\nm=audio 5000 X 0\nc=IN IP4 192.0.2.1\na=mid:a\na=candidate:1 1 UDP 5 192.0.2.1 5000 typ host\na=candidate:1 2 UDP 5 192.0.2.1 9 typ host\r\na=rtcp:9 IN IP4 192.0.2.1\r\n" },
  { "fingerprint is not ours, not even a bad one", HEAD "a=fingerprint:md5 127.0.0.1\r\n" FP DTLS_M CANDS, NULL },
};

static void
check_change (const Change *change, char *(*func) (const char *, gsize, gsize *, GError **))
{
  g_autoptr (GError) error = NULL;
  gsize len = 0, again_len = 0;
  g_autofree char *after = func (change->before, strlen (change->before), &len, &error);
  g_autofree char *again = NULL;

  ck_assert_msg (after != NULL, "%s: %s", change->why, error ? error->message : "");
  ck_assert_msg (g_str_equal (after, change->after ? change->after : change->before), "%s:\n%s", change->why, after);
  ck_assert_uint_eq (len, strlen (after));
  again = func (after, len, &again_len, NULL);
  ck_assert_str_eq (again, after);
}

START_TEST (correction_changes_what_it_must_and_no_more)
{
  check_change (&both_ways[_i], pl_sdp_to_far);
  check_change (&both_ways[_i], pl_sdp_to_phone);
}
END_TEST

static const Change from_strangers[] = {
  { "a name in c=", HEAD "m=audio 1 X 0\r\nc=IN IP4 loop.evil.example\r\na=rtcp:9 IN IP4 loop.evil.example\r\n" CANDS, HEAD "m=audio 5000 X 0\r\nc=IN IP4 192.0.2.1\r\na=rtcp:5001 IN IP4 192.0.2.1\r\n" CANDS },
  { "a name in a candidate", HEAD DTLS_M HOST ("loop.evil.example", 1, 2) CANDS, HEAD DTLS_M CANDS },
  { "a candidate no one can read", HEAD DTLS_M "a=candidate:1 1 UDP 5 127.0.0.1 99999 typ host\r\na=Candidate:1 1 UDP 5 127.0.0.1\r\n" CANDS, HEAD DTLS_M CANDS },
  { "a candidate of the session", HEAD HOST ("127.0.0.1", 1, 2) DTLS_M CANDS, HEAD DTLS_M CANDS },
};

START_TEST (correction_of_a_strangers_names_is_stricter)
{
  check_change (&from_strangers[_i], pl_sdp_to_phone);
}
END_TEST

START_TEST (correction_leaves_names_that_a_phone_of_ours_sends)
{
  static const char *const bodies[] = { HEAD "m=audio 1 X 0\r\nc=IN IP4 phone.example\r\n" HOST ("a1.local", 1, 2), HEAD DTLS_M "a=candidate:odd\r\n" };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    check_change (&(Change){ "name", bodies[i], NULL }, pl_sdp_to_far);
}
END_TEST

/* --- answers --- */

typedef struct { const char *why, *offer, *answer; gboolean fits; } Pair;

#define DIRECT HEAD ICE FP DTLS_M CANDS
#define ZRTP HEAD ICE "m=audio 5000 RTP/AVP 0\r\n" C "a=zrtp-hash:1.10 91f7\r\n" CANDS

static const Pair answers[] = {
  { "both direct", DIRECT, DIRECT, TRUE },
  { "SAVP to SAVPF", DIRECT, HEAD ICE FP "m=audio 5000 UDP/TLS/RTP/SAVP 96\r\n" C CANDS, TRUE },
  { "no ICE", DIRECT, HEAD FP DTLS_M, FALSE },
  { "no fingerprint", DIRECT, HEAD ICE DTLS_M CANDS, FALSE },
  { "plain", DIRECT, HEAD "m=audio 5000 RTP/AVP 0\r\n" C, FALSE },
  { "plain without direction on the wire", DIRECT, HEAD "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", FALSE },
  { "refused", DIRECT, HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 96\r\n", TRUE },
  { "held", DIRECT, HEAD ICE FP DTLS_M CANDS "a=inactive\r\n", TRUE },
  { "ZRTP to DTLS", DIRECT, ZRTP, FALSE },
  { "both ZRTP", ZRTP, ZRTP, TRUE },
  { "no ZRTP back", ZRTP, HEAD ICE "m=audio 5000 RTP/AVP 0\r\n" C CANDS, FALSE },
  { "a section missing", DIRECT "m=video 0 X 0\r\n", DIRECT, FALSE },
  { "a section too many", DIRECT, DIRECT "m=video 0 X 0\r\n", FALSE },
  { "second section plain", DIRECT "m=video 6000 UDP/TLS/RTP/SAVPF 97\r\n" C CANDS, DIRECT "m=video 6000 RTP/AVP 97\r\n" C, FALSE },
  { "taken up though not offered", DIRECT "m=video 0 X 0\r\n", DIRECT "m=video 6000 UDP/TLS/RTP/SAVPF 97\r\n" C CANDS, FALSE },
  { "bundle-only taken up", DIRECT "m=video 0 X 0\r\na=bundle-only\r\n", DIRECT "m=video 6000 UDP/TLS/RTP/SAVPF 97\r\n" C CANDS, TRUE },
  { "plain to what was on hold", HEAD "m=audio 5000 RTP/AVP 0\r\n" C "a=inactive\r\n", HEAD "m=audio 5000 RTP/AVP 0\r\n" C, FALSE },
  { "both plain", HEAD "m=audio 5000 RTP/AVP 0\r\n" C, HEAD "m=audio 5000 RTP/AVP 0\r\n" C, FALSE },
  { "no media", HEAD, HEAD, TRUE },
  { "malformed answer", DIRECT, "v=0\r\nhello\r\n", FALSE },
  { "malformed offer", "", DIRECT, FALSE },
};

START_TEST (answer_must_keep_what_the_offer_promised)
{
  const Pair *pair = &answers[_i];
  g_autoptr (GError) error = NULL;
  gboolean fits = pl_sdp_answer_fits (pair->offer, strlen (pair->offer), pair->answer, strlen (pair->answer), &error);

  ck_assert_msg (fits == pair->fits, "%s: %s", pair->why, error ? error->message : "");
  ck_assert_msg (fits == (error == NULL), "%s", pair->why);
}
END_TEST

/* --- hostile --- */

static void
check_refused (const char *body, gsize len, const char *why)
{
  g_autoptr (GError) classify = NULL;
  g_autoptr (GError) far = NULL;
  PlMediaClass media;
  gsize out;

  ck_assert_msg (!pl_sdp_classify (body, len, &media, &classify), "%s", why);
  ck_assert (g_error_matches (classify, G_IO_ERROR, G_IO_ERROR_INVALID_DATA));
  ck_assert_msg (strstr (classify->message, why) != NULL, "%s: %s", why, classify->message);
  ck_assert_ptr_null (pl_sdp_to_far (body, len, &out, &far));
  ck_assert_ptr_nonnull (far);
  ck_assert_ptr_null (pl_sdp_to_phone (body, len, &out, NULL));
}

START_TEST (scan_refuses_what_is_malformed_or_ambiguous)
{
  static const Change bad[] = {
    { "", "", "begin with v=0" }, { "", "\r\n", "begin with v=0" }, { "", "o=a 1 1 IN IP4 1.2.3.4\r\nv=0\r\n", "begin with v=0" },
    { "", "v=1\r\n", "version" }, { "", HEAD "v=0\r\n", "version" }, { "", "v=0\r\ns=-\r\n", "no o= line" },
    { "", HEAD "o=a 1 1 IN IP4 1.2.3.4\r\n", "o= line" }, { "", "v=0\r\no=a 1 IN IP4 1.2.3.4\r\n", "o= line" },
    { "", HEAD "m=audio 1 X 0\r\no=a 1 1 IN IP4 1.2.3.4\r\n", "o= line" },
    { "", HEAD "\r\nm=audio 1 X 0\r\n", "form x=" }, { "", HEAD "hello\r\n", "form x=" }, { "", HEAD " c=IN IP4 1.2.3.4\r\n", "form x=" },
    { "", HEAD "c=IN IP4 1.2.3.4\r\nc=IN IP4 127.0.0.1\r\n", "two c= lines" }, { "", HEAD "a=rtcp:1\r\na=rtcp:1 IN IP4 127.0.0.1\r\n", "two a=rtcp" }, { "", HEAD "c=IN IP4\r\n", "c= line" }, { "", HEAD "c=IN IP5 1\r\n", "neither" },
    { "", HEAD "c=XX IP4 1.2.3.4\r\n", "c= line" }, { "", HEAD "m=audio\r\n", "m= line" }, { "", HEAD "m=audio x X 0\r\n", "port" }, { "", HEAD "m=audio -1 X 0\r\n", "port" },
    { "", HEAD "m=audio 65536 X 0\r\n", "port" }, { "", HEAD "m=audio 99999999999999999999 X 0\r\n", "port" },
    { "", "v=0\ro=a 1 1 IN IP4 1.2.3.4\rs=-\r", "carriage return" }, { "", HEAD "a=x\rc=IN IP4 127.0.0.1\r\n", "carriage return" }, { "", HEAD "a=x\r", "carriage return" },
    { "", HEAD "a=x\r\r\n", "carriage return" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    check_refused (bad[i].before, strlen (bad[i].before), bad[i].after);
  check_refused (HEAD "a=x\0c=IN IP4 127.0.0.1\r\n", sizeof HEAD + 24, "NUL");
}
END_TEST

static void
check_many (const char *line, guint count, const char *why)
{
  g_autoptr (GString) body = g_string_new (HEAD "m=audio 1 X 0\r\n");

  for (guint i = 0; i < count; i++)
    g_string_append (body, line);
  check_refused (body->str, body->len, why);
}

START_TEST (scan_is_bounded)
{
  g_autofree char *huge = g_strnfill (PL_SDP_MAX + 1, 'a');
  g_autofree char *value = g_strnfill (60000, ' ');
  g_autofree char *wide = g_strdup_printf (HEAD "m=audio 1 X 0\r\na=candidate:%s\r\n", value);
  PlMediaClass media;

  check_refused (huge, PL_SDP_MAX + 1, "too long");
  check_many ("a=\r\n", 10000, "too many lines");
  check_many ("m=a 1 X 0\r\n", 64, "too many m= lines");
  check_many ("a=candidate:1\r\n", 200, "too many candidates");
  ck_assert (pl_sdp_classify (wide, strlen (wide), &media, NULL));
}
END_TEST

/* Bytes of the corpus changed at random: an error or a result that stays within bounds, free
 * of loopback and stable. */
START_TEST (mutated_corpus_never_harms)
{
  static const char poison[] = "\r\n =:/0a\001\377acmo1";
  g_autoptr (GPtrArray) names = corpus_names ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);

  for (int round = 0; round < 20000; round++)
    {
      g_autofree char *body = corpus_body (names->pdata[g_rand_int_range (rand, 0, names->len)]);
      gsize len = strlen (body), out = 0, again = 0;
      g_autofree char *far = NULL;
      g_autofree char *twice = NULL;
      PlMediaClass media;

      for (int i = g_rand_int_range (rand, 1, 6); i > 0; i--)
        body[g_rand_int_range (rand, 0, len)] = poison[g_rand_int_range (rand, 0, sizeof poison)];
      far = pl_sdp_to_phone (body, len, &out, NULL);
      ck_assert_int_eq (far != NULL, pl_sdp_classify (body, len, &media, NULL));
      if (!far)
        continue;
      ck_assert_uint_lt (out, len + 400);
      ck_assert_ptr_null (strstr (far, "c=IN IP4 127.0.0.1\r"));
      twice = pl_sdp_to_phone (far, out, &again, NULL);
      ck_assert_msg (g_strcmp0 (far, twice) == 0, "%s", body);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("sdp/session");

  tcase_set_timeout (tcase, 60); /* the sanitizers take their time */
  tcase_add_test (tcase, corpus_is_classified_as_its_names_say);
  tcase_add_test (tcase, corpus_loses_loopback_and_nothing_else);
  tcase_add_test (tcase, corpus_answers_fit_their_offers_where_both_encrypt);
  tcase_add_loop_test (tcase, class_is_the_expected_one, 0, G_N_ELEMENTS (classes));
  tcase_add_test (tcase, advice_says_what_to_switch_on);
  tcase_add_loop_test (tcase, correction_changes_what_it_must_and_no_more, 0, G_N_ELEMENTS (both_ways));
  tcase_add_loop_test (tcase, correction_of_a_strangers_names_is_stricter, 0, G_N_ELEMENTS (from_strangers));
  tcase_add_test (tcase, correction_leaves_names_that_a_phone_of_ours_sends);
  tcase_add_loop_test (tcase, answer_must_keep_what_the_offer_promised, 0, G_N_ELEMENTS (answers));
  tcase_add_test (tcase, scan_refuses_what_is_malformed_or_ambiguous);
  tcase_add_test (tcase, scan_is_bounded);
  tcase_add_test (tcase, mutated_corpus_never_harms);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
