/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/session.h"
#include "tests/support/mutate.h"
#include "tests/support/test.h"

#include <string.h>

#define HEAD "v=0\r\no=alice 1 2 IN IP4 10.1.0.2\r\ns=-\r\n"
#define M "m=audio 6000 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 203.0.113.9\r\n"
#define CAND(comp, addr, port, type) "a=candidate:1 " #comp " UDP 9 " addr " " #port " typ " type "\r\n"
#define HOST CAND (1, "10.1.0.2", 6000, "host") CAND (2, "10.1.0.2", 6001, "host")
#define NAT CAND (1, "203.0.113.9", 6000, "srflx raddr 10.1.0.2 rport 6000") CAND (2, "203.0.113.9", 6001, "srflx raddr 10.1.0.2 rport 6001")
#define WIDE CAND (1, "2001:db8::2", 6000, "host") CAND (2, "2001:db8::2", 6001, "host")

typedef struct { const char *why, *reached, *in, *out; } Case; /* out NULL: as it was */

static const Case cases[] = {
  { "behind another NAT", "203.0.113.9", HEAD M HOST NAT, HEAD M NAT },
  { "behind a NAT with another address for each: who knows", "203.0.113.77", HEAD M HOST NAT, NULL },
  { "every private range", "203.0.113.9", HEAD M CAND (1, "172.31.0.1", 1, "host") CAND (1, "192.168.1.2", 1, "host") CAND (1, "100.64.0.1", 1, "host") CAND (1, "169.254.1.1", 1, "host") HOST NAT, HEAD M NAT },
  { "beside the private ranges", "203.0.113.9", HEAD M CAND (1, "172.32.0.1", 1, "host") CAND (1, "192.169.1.2", 1, "host") CAND (1, "100.128.0.1", 1, "host") CAND (1, "11.0.0.1", 1, "host") NAT, NULL },
  { "a common network: the link goes to the host", "10.1.0.2", HEAD M HOST NAT, NULL },
  { "a VPN", "10.8.0.2", HEAD M CAND (1, "10.8.0.2", 6000, "host") HOST NAT, NULL },
  { "a common network behind the first NAT", "192.168.7.2", HEAD M CAND (1, "192.168.7.9", 6000, "host") CAND (1, "10.1.0.2", 6000, "host") CAND (1, "192.168.7.2", 6000, "srflx"),
    HEAD M CAND (1, "192.168.7.9", 6000, "host") CAND (1, "192.168.7.2", 6000, "srflx") },
  { "not known", NULL, HEAD M HOST NAT, NULL },
  { "not an address", "-", HEAD M HOST NAT, NULL },
  { "the link is of another family", "2001:db8::2", HEAD M HOST NAT, NULL },
  { "never the last", "203.0.113.9", HEAD M HOST, NULL },
  { "never the last of a component", "203.0.113.9", HEAD M HOST CAND (1, "203.0.113.9", 6000, "srflx"), HEAD M CAND (2, "10.1.0.2", 6001, "host") CAND (1, "203.0.113.9", 6000, "srflx") },
  { "never the last of IPv4", "203.0.113.9", HEAD M HOST WIDE, NULL },
  { "IPv6 stays", "203.0.113.9", HEAD M HOST WIDE NAT, HEAD M WIDE NAT },
  { "TCP is another matter", "203.0.113.9", HEAD M "a=candidate:1 1 TCP 9 10.1.0.2 9 typ host tcptype active\r\n" NAT, NULL },
  { "TCP is no other way", "203.0.113.9", HEAD M HOST "a=candidate:1 1 TCP 9 203.0.113.9 9 typ srflx\r\n", NULL },
  { "what c= names stays", "203.0.113.9", HEAD "m=audio 6000 X 0\r\nc=IN IP4 10.1.0.2\r\n" HOST CAND (1, "10.2.0.2", 1, "host") NAT, HEAD "m=audio 6000 X 0\r\nc=IN IP4 10.1.0.2\r\n" HOST NAT },
  { "what the session's c= names stays", "203.0.113.9", HEAD "c=IN IP4 10.1.0.2\r\nm=audio 6000 X 0\r\n" HOST NAT, NULL },
  { "a relay is a way", "198.51.100.1", HEAD M CAND (1, "10.1.0.2", 6000, "host") CAND (1, "198.51.100.1", 7000, "relay"), HEAD M CAND (1, "198.51.100.1", 7000, "relay") },
  { "each section by itself", "203.0.113.9", HEAD M HOST NAT M HOST, HEAD M NAT M HOST },
  { "no candidates", "203.0.113.9", HEAD M, NULL },
  { "one that cannot be read", "203.0.113.9", HEAD M "a=candidate:1 1 UDP\r\n" HOST NAT, HEAD M "a=candidate:1 1 UDP\r\n" NAT },
};

START_TEST (hopeless_candidates_are_left_out_and_no_others)
{
  const Case *c = &cases[_i];
  gsize len;
  g_autofree char *out = pl_sdp_leave_out (c->in, strlen (c->in), c->reached, &len, NULL);

  ck_assert_msg (g_strcmp0 (out, c->out ? c->out : c->in) == 0, "%s:\n%s", c->why, out);
  ck_assert_uint_eq (len, strlen (out));
}
END_TEST

START_TEST (malformed_is_refused)
{
  g_autoptr (GError) error = NULL;
  gsize len;

  ck_assert_ptr_null (pl_sdp_leave_out ("v=0\r\n", 5, "203.0.113.9", &len, &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA));
}
END_TEST

static void
check_damaged (GBytes *bytes, gpointer data)
{
  gsize size, len = 0;
  const char *body = g_bytes_get_data (bytes, &size);
  g_autofree char *out = pl_sdp_leave_out (body, size, "203.0.113.9", &len, NULL);

  ck_assert_uint_le (len, size);
}

START_TEST (damaged_descriptions_never_harm)
{
  static const char body[] = HEAD M HOST NAT WIDE;
  g_autoptr (GBytes) bytes = g_bytes_new_static (body, strlen (body));

  pl_mutate_truncations (bytes, check_damaged, NULL);
  pl_mutate_flips (bytes, 0, 2000, 5, check_damaged, NULL);
}
END_TEST

/* Real phones behind two NATs (PHONES.md 10): of each only what the other can reach, its default among them. */
START_TEST (phones_behind_nats_keep_their_default)
{
  static const char *const kinds[] = { "nat-dtls-ice-baresip+linphone-callee-1-to-ua-INVITE.sip", "nat-dtls-ice-baresip+baresip-caller-2-to-ua-200.sip",
                                       "nat-dtls-ice-linphone+baresip-caller-2-to-ua-200.sip", "nat-dtls-ice-linphone+linphone-callee-1-to-ua-INVITE.sip" };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *file = g_build_filename ("sdp", kinds[i], NULL);
      g_autoptr (GBytes) bytes = pl_test_data (file);
      const char *text = g_bytes_get_data (bytes, NULL), *body = g_strstr_len (text, g_bytes_get_size (bytes), "\r\n\r\n") + 4;
      gsize len, size = text + g_bytes_get_size (bytes) - body;
      g_autofree char *before = g_strndup (body, size);
      const char *nat = strstr (before, "\nc=IN IP4 198.51.100.") + strlen ("\nc=IN IP4 ");
      g_autofree char *reached = g_strndup (nat, strcspn (nat, "\r\n"));
      g_autofree char *out = pl_sdp_leave_out (body, size, reached, &len, NULL);

      ck_assert_msg (strstr (before, " typ host") && !strstr (out, " typ host"), "%s: %s", kinds[i], out);
      ck_assert_ptr_nonnull (strstr (out, " typ srflx"));
    }
}
END_TEST

#define TOLD \
  "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n" \
  "m=audio 8998 RTP/AVP 0\r\na=rtcp:8999 IN IP4 10.0.1.1\r\n" \
  "a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host\r\na=candidate:1 2 UDP 2130706430 10.0.1.1 8999 typ host\r\n" \
  "a=candidate:5 1 UDP 2130706400 printer.local 8998 typ host\r\n"
#define REFLEXIVE \
  "a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998\r\n" \
  "a=candidate:2 2 UDP 1694498814 192.0.2.3 45665 typ srflx raddr 10.0.1.1 rport 8999\r\n"
#define RELAYED "a=candidate:3 1 UDP 1000 198.51.100.7 50000 typ relay raddr 192.0.2.3 rport 45664 x y\r\n"

/* S2-102: what may not be told stands nowhere, and what may is the default. */
START_TEST (phones_tell_no_more_addresses_than_they_may)
{
  static const char *const both = TOLD REFLEXIVE RELAYED;
  g_autofree char *all = NULL, *no_host = NULL, *relay = NULL;
  g_autoptr (GError) error = NULL;
  gsize len;

  all = pl_sdp_to_far_telling (both, strlen (both), PL_ICE_TELL_ALL, &len, NULL);
  ck_assert_str_eq (all, both);
  no_host = pl_sdp_to_far_telling (both, strlen (both), PL_ICE_TELL_NO_HOST, &len, NULL);
  ck_assert_ptr_nonnull (no_host);
  ck_assert_msg (!strstr (no_host, "10.0.1.1") && !strstr (no_host, "printer.local") && !strstr (no_host, " host"), "%s", no_host);
  ck_assert (strstr (no_host, "192.0.2.3 45664 typ srflx raddr 0.0.0.0 rport 9\r\n"));
  ck_assert (strstr (no_host, "198.51.100.7 50000 typ relay raddr 0.0.0.0 rport 9 x y\r\n"));
  ck_assert (strstr (no_host, "o=- 1 1 IN IP4 0.0.0.0\r\n"));
  ck_assert (strstr (no_host, "m=audio 50000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\n"));
  relay = pl_sdp_to_far_telling (both, strlen (both), PL_ICE_TELL_RELAY_ONLY, &len, NULL);
  ck_assert_msg (relay && !strstr (relay, "10.0.1.1") && !strstr (relay, "192.0.2.3"), "%s", relay);
  ck_assert (strstr (relay, "198.51.100.7 50000 typ relay"));
  ck_assert_ptr_null (pl_sdp_to_far_telling (TOLD, strlen (TOLD), PL_ICE_TELL_NO_HOST, &len, NULL));
  ck_assert_ptr_null (pl_sdp_to_far_telling (TOLD REFLEXIVE, strlen (TOLD REFLEXIVE), PL_ICE_TELL_RELAY_ONLY, &len, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "TURN server"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("sdp/prune");

  tcase_add_loop_test (tcase, hopeless_candidates_are_left_out_and_no_others, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tcase, malformed_is_refused);
  tcase_add_test (tcase, damaged_descriptions_never_harm);
  tcase_add_test (tcase, phones_behind_nats_keep_their_default);
  tcase_add_test (tcase, phones_tell_no_more_addresses_than_they_may);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
