/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/edge.h"
#include "sip/listener/fault.h"
#include "sip/listener/frame.h"
#include "tests/support/test.h"

#include <string.h>

#define HEAD "INVITE sip:bob@example.net SIP/2.0\r\n"
#define TAIL "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
#define OK "SIP/2.0 200 OK\r\n"

static char *
in (const char *text)
{
  g_autoptr (GBytes) bytes = pl_edge_in ((const guint8 *) text, strlen (text));

  return bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
}

static char *
out (const char *text, const char *received)
{
  PlEdgeOut how = { "127.0.0.1:5080", "TCP", received, 5062 };
  g_autoptr (GBytes) bytes = pl_edge_out ((const guint8 *) text, strlen (text), &how);

  return bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
}

static void
expect (char *got, const char *wanted)
{
  ck_assert_ptr_nonnull (got);
  ck_assert_str_eq (got, wanted);
  g_free (got);
}

START_TEST (edge_in_makes_udp_of_tcp_and_remembers_it)
{
  expect (in (HEAD "Via: SIP/2.0/TCP 10.0.0.2:5062;branch=z9hG4bKa;rport\r\n" TAIL),
          HEAD "Via: SIP/2.0/UDP 10.0.0.2:5062;branch=z9hG4bKa;rport;pl-tp=TCP\r\n" TAIL);
}
END_TEST

/* RFC 3581: only the receiver says where a request came from. */
START_TEST (edge_in_takes_no_word_for_where_it_came_from)
{
  expect (in (HEAD "v : SIP / 2.0 / UDP 10.0.0.2;received=127.64.1.1 ;rport=99;pl-tp=TLS;branch=z9hG4bKa,SIP/2.0/UDP b;received=1.2.3.4\r\n" TAIL),
          HEAD "v : SIP / 2.0 / UDP 10.0.0.2;rport;branch=z9hG4bKa,SIP/2.0/UDP b;received=1.2.3.4\r\n" TAIL);
}
END_TEST

/* RFC 3261, 18.2.2: maddr says where the answer goes, to any port of this machine */
START_TEST (edge_keeps_maddr_from_the_transaction_layer)
{
  expect (in (HEAD "Via: SIP/2.0/UDP 10.0.0.2:631;maddr=127.0.0.1;pl-ma=9;branch=z9hG4bKa\r\n" TAIL),
          HEAD "Via: SIP/2.0/UDP 10.0.0.2:631;pl-ma=127.0.0.1;branch=z9hG4bKa\r\n" TAIL);
  expect (out (OK "Via: SIP/2.0/UDP 10.0.0.2:631;pl-ma=127.0.0.1;branch=z9hG4bKa\r\n" TAIL, NULL),
          OK "Via: SIP/2.0/UDP 10.0.0.2:631;maddr=127.0.0.1;branch=z9hG4bKa\r\n" TAIL);
}
END_TEST

START_TEST (edge_in_touches_only_the_first_via)
{
  expect (in (OK "Subject: Via: x\r\nVia: SIP/2.0/TCP 127.0.0.1:5080\r\n ;branch=z9hG4bKq\r\nVia: SIP/2.0/TCP c;branch=d\r\n" TAIL),
          OK "Subject: Via: x\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKq\r\nVia: SIP/2.0/TCP c;branch=d\r\n" TAIL);
}
END_TEST

START_TEST (edge_in_refuses_what_has_no_via)
{
  ck_assert_ptr_null (in (HEAD TAIL));
  ck_assert_ptr_null (in (HEAD "Via:\r\n" TAIL));
  ck_assert_ptr_null (in (HEAD "Via: SIP/2.0\r\n" TAIL));
  ck_assert_ptr_null (in (HEAD "Via: SIP/2.0/UDP\r\n" TAIL));
  ck_assert_ptr_null (in (HEAD "\r\nVia: SIP/2.0/UDP h\r\n"));
}
END_TEST

START_TEST (edge_out_names_us_as_the_phone_knows_us)
{
  expect (out (HEAD "Via: SIP/2.0/UDP 127.0.0.1:41234;rport;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP far\r\n" TAIL, NULL),
          HEAD "Via: SIP/2.0/TCP 127.0.0.1:5080;rport;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP far\r\n" TAIL);
}
END_TEST

START_TEST (edge_out_gives_a_phone_its_own_address)
{
  expect (out (OK "Via: SIP/2.0/UDP 10.0.0.2:5062;branch=z9hG4bKa;pl-tp=TCP;received=127.64.1.2;rport=4711\r\n" TAIL, "10.0.0.2"),
          OK "Via: SIP/2.0/TCP 10.0.0.2:5062;branch=z9hG4bKa;rport=5062;received=10.0.0.2\r\n" TAIL);
}
END_TEST

START_TEST (edge_out_tells_a_far_side_no_address)
{
  expect (out (OK "Via: SIP/2.0/UDP 00ff.invalid;rport=4711;received=127.64.1.2;branch=z9hG4bKa\r\n" TAIL, NULL),
          OK "Via: SIP/2.0/UDP 00ff.invalid;rport;branch=z9hG4bKa\r\n" TAIL);
}
END_TEST

START_TEST (edge_kind_knows_sip_from_noise)
{
  ck_assert_int_eq (pl_edge_kind ((const guint8 *) HEAD, strlen (HEAD)), PL_EDGE_REQUEST);
  ck_assert_int_eq (pl_edge_kind ((const guint8 *) OK, strlen (OK)), PL_EDGE_RESPONSE);
  ck_assert_int_eq (pl_edge_kind ((const guint8 *) "\r\n\r\n", 4), PL_EDGE_NONE);
  ck_assert_int_eq (pl_edge_kind ((const guint8 *) "GET / HTTP/1.1\r\n\r\n", 18), PL_EDGE_NONE);
  ck_assert_int_eq (pl_edge_kind ((const guint8 *) "\0\1\0\0!\x12\xa4\x42" "0123456789ab", 20), PL_EDGE_NONE);
}
END_TEST

START_TEST (edge_push_via_goes_on_top)
{
  g_autoptr (GBytes) bytes = pl_edge_push_via ((const guint8 *) HEAD TAIL, strlen (HEAD TAIL), "SIP/2.0/UDP h");

  ck_assert_mem_eq (g_bytes_get_data (bytes, NULL), HEAD "Via: SIP/2.0/UDP h\r\n" TAIL, g_bytes_get_size (bytes));
}
END_TEST

#define REST "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: a\r\nt: b\r\nCall-ID: c\r\n d\r\nCSeq: 2147483647 OPTIONS\r\n"

static const struct { const char *text; guint status; } faults[] = {
  { "OPTIONS sip:a@h SIP/2.0\r\n" REST "\r\n", 0 },
  { "OPTIONS  sip:a@h  SIP/2.0\r\n" REST "\r\n", 0 },
  { "OPTIONS sip:a:b@[::1]:5060;x=1:2:3 SIP/2.0\r\n" REST "\r\n", 0 },
  { "OPTIONS tel:1:2:3 SIP/2.0\r\n" REST "\r\n", 0 },
  { "ACK sip:a@h SIP/7.0\r\n" REST "\r\n", 0 },
  { "SIP/2.0 200 OK\r\nVia:;\r\n\r\n", 0 },
  { "GET /index.html HTTP/1.1\r\n\r\n", 0 },
  { "OPTIONS sip:a@h SIP/2.0 \r\n" REST "\r\n", 400 },
  { "OPTIONS sip:a@h; lr SIP/2.0\r\n" REST "\r\n", 400 },
  { "OPTIONS SIP/2.0\r\n" REST "\r\n", 400 },
  { "OPTIONS sip:a@::1 SIP/2.0\r\n" REST "\r\n", 400 },
  { "OPTIONS sips:2001:db8::1;x SIP/2.0\r\n" REST "\r\n", 400 },
  { "OPTIONS sip:a@h SIP/2.1\r\n" REST "\r\n", 505 },
  { "+PTIONS sip:a@h SIP/2.0\r\n" REST "\r\n", 501 },
  { "OPTIONS sip:a@h SIP/2.0\r\n" REST "v: SIP/2.0/UDP x,,SIP/2.0/UDP y\r\n\r\n", 400 },
  { "OPTIONS sip:a@h SIP/2.0\r\n" REST "CSeq: 2147483648 OPTIONS\r\n\r\n", 400 },
  { "OPTIONS sip:a@h SIP/2.0\r\n" REST "CSeq: OPTIONS\r\n\r\n", 400 },
  { "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nf: a\r\nt: b\r\nCSeq: 1 OPTIONS\r\n\r\n", 400 },
};

START_TEST (fault_is_seen_before_the_transaction_layer_drops_it) /* RFC 4475, RFC 5118 */
{
  const char *phrase = NULL;

  ck_assert_uint_eq (pl_fault_of ((const guint8 *) faults[_i].text, strlen (faults[_i].text), &phrase), faults[_i].status);
}
END_TEST

START_TEST (fault_is_answered_with_what_a_response_needs) /* RFC 3261, 8.2.6.2 */
{
  static const char text[] = "OPTIONS sip:a@h SIP/7.0\r\nSubject: x\r\n" REST "v: SIP/2.0/UDP far\r\n\r\nVia: body";
  static const char bare[] = "OPTIONS sip:a@h SIP/7.0\r\nf: a\r\n\r\n";
  g_autoptr (GBytes) answer = pl_fault_answer ((const guint8 *) text, strlen (text), 505, "No");
  g_autofree char *long_id = g_strnfill (PL_FAULT_ANSWER_MAX, 'c');
  g_autofree char *huge = g_strconcat ("OPTIONS sip:a@h SIP/7.0\r\n" REST "i: ", long_id, "\r\n\r\n", NULL);

  ck_assert_mem_eq (g_bytes_get_data (answer, NULL),
                    "SIP/2.0 505 No\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: a\r\nTo: b\r\nCall-ID: c\r\n d\r\n"
                    "CSeq: 2147483647 OPTIONS\r\nVia: SIP/2.0/UDP far\r\nContent-Length: 0\r\n\r\n", g_bytes_get_size (answer));
  ck_assert_ptr_null (pl_fault_answer ((const guint8 *) bare, strlen (bare), 505, "No"));
  ck_assert_ptr_null (pl_fault_answer ((const guint8 *) huge, strlen (huge), 505, "No"));
}
END_TEST

/* Every prefix and every flipped byte: no crash, nothing read past the end. */
START_TEST (edge_survives_every_prefix)
{
  static const char text[] = HEAD "Via: SIP/2.0/TCP \"h;,\";a=\"x,\\\"y\";received = 1 ; rport\r\n\t;b\r\nv: z\r\n" TAIL;

  for (gsize n = 0; n < sizeof text - 1; n++)
    {
      g_autofree char *copy = g_memdup2 (text, n ? n : 1);
      PlEdgeOut how = { "h", "UDP", "1.2.3.4", 1 };
      const char *phrase;

      g_clear_pointer (&(GBytes *) { pl_edge_in ((guint8 *) copy, n) }, g_bytes_unref);
      g_clear_pointer (&(GBytes *) { pl_edge_out ((guint8 *) copy, n, &how) }, g_bytes_unref);
      if (n == 0)
        continue;
      g_clear_pointer (&(GBytes *) { pl_fault_answer ((guint8 *) copy, n, 400, "") }, g_bytes_unref);
      pl_fault_of ((guint8 *) copy, n, &phrase);
      copy[n - 1] ^= 0x15;
      pl_fault_of ((guint8 *) copy, n, &phrase);
      g_clear_pointer (&(GBytes *) { pl_edge_in ((guint8 *) copy, n) }, g_bytes_unref);
    }
}
END_TEST

static void
push (PlFramer *framer, const char *text)
{
  pl_framer_push (framer, (const guint8 *) text, strlen (text));
}

START_TEST (frame_finds_messages_however_they_are_cut)
{
  static const char text[] = "\r\nMESSAGE a SIP/2.0\r\nl : 5\r\n\r\nhelloBYE b SIP/2.0\r\nContent-Length:0\r\n\r\n\r\n\r\n";
  g_autoptr (PlFramer) framer = pl_framer_new ();
  g_autoptr (GString) seen = g_string_new (NULL);

  for (gsize i = 0; i < sizeof text - 1; i++)
    {
      g_autoptr (GBytes) message = NULL;
      PlFrameResult result;

      pl_framer_push (framer, (const guint8 *) text + i, 1);
      result = pl_framer_pop (framer, &message);
      if (message)
        g_string_append_len (seen, g_bytes_get_data (message, NULL), 3);
      if (result == PL_FRAME_PING)
        g_string_append (seen, "ping");
    }
  ck_assert_str_eq (seen->str, "MESBYEping");
}
END_TEST

START_TEST (frame_refuses_bad_lengths)
{
  static const char *const bad[] = { "Content-Length: 70000", "Content-Length: -1", "Content-Length: 1\r\nl: 2", "l: 5x",
                                     "Content-Length:", "Content-Length: 99999999999999999999" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (PlFramer) framer = pl_framer_new ();
      g_autoptr (GBytes) message = NULL;

      push (framer, "MESSAGE a SIP/2.0\r\n");
      push (framer, bad[i]);
      push (framer, "\r\n\r\nhello");
      ck_assert_int_eq (pl_framer_pop (framer, &message), PL_FRAME_BAD);
    }
}
END_TEST

START_TEST (frame_refuses_headers_without_end)
{
  g_autoptr (PlFramer) framer = pl_framer_new ();
  g_autoptr (GBytes) message = NULL;

  for (guint i = 0; i < PL_FRAME_HEADER_MAX / 4; i++)
    push (framer, "a:b\n");
  ck_assert_int_eq (pl_framer_pop (framer, &message), PL_FRAME_BAD);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *edge = tcase_create ("listener/edge"), *frame = tcase_create ("listener/frame");

  tcase_add_loop_test (edge, fault_is_seen_before_the_transaction_layer_drops_it, 0, G_N_ELEMENTS (faults));
  tcase_add_test (edge, fault_is_answered_with_what_a_response_needs);
  tcase_add_test (edge, edge_in_makes_udp_of_tcp_and_remembers_it);
  tcase_add_test (edge, edge_in_takes_no_word_for_where_it_came_from);
  tcase_add_test (edge, edge_keeps_maddr_from_the_transaction_layer);
  tcase_add_test (edge, edge_in_touches_only_the_first_via);
  tcase_add_test (edge, edge_in_refuses_what_has_no_via);
  tcase_add_test (edge, edge_out_names_us_as_the_phone_knows_us);
  tcase_add_test (edge, edge_out_gives_a_phone_its_own_address);
  tcase_add_test (edge, edge_out_tells_a_far_side_no_address);
  tcase_add_test (edge, edge_kind_knows_sip_from_noise);
  tcase_add_test (edge, edge_push_via_goes_on_top);
  tcase_add_test (edge, edge_survives_every_prefix);
  suite_add_tcase (s, edge);
  tcase_add_test (frame, frame_finds_messages_however_they_are_cut);
  tcase_add_test (frame, frame_refuses_bad_lengths);
  tcase_add_test (frame, frame_refuses_headers_without_end);
  suite_add_tcase (s, frame);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
