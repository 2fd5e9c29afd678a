/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a stranger with a certificate, or a phone out of order, can do to a whole stack:
 * Alice's daemon and phone, and Eve, for whose daemon the test itself speaks.
 */
#include "config.h"

#include "tests/sip/stack-world.h"
#include "tests/support/siptext.h"

#include <string.h>

#define EVE "eve@example.com"
#define NODE_E "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeee3"
#define NODE_M "ddddddddddddddddddddddddddddddd4"
#define TO_ALICE "To: <sip:" ALICE ">\r\n"
#define FROM_EVE "From: <sip:" EVE ">;tag=e1\r\n"

typedef struct {
  World w;
  PlPhone *alice;
  PlFakeDaemon *eve, *mallory;
  char *offer, *answer;
  guint seen;           /* of what Eve got */
} Scene;

static void
scene_start (Scene *s, gboolean tcp)
{
  memset (s, 0, sizeof *s);
  world_start (&s->w);
  s->alice = side_phone (&s->w, &s->w.a, ALICE, tcp);
  s->eve = pl_fake_daemon_new (s->w.net, EVE, NODE_E);
  s->mallory = pl_fake_daemon_new (s->w.net, "mallory@example.com", NODE_M);
  s->offer = pl_phone_make_sdp (1, FALSE);
  s->answer = pl_phone_make_sdp (2, TRUE);
  pl_phone_set_script (s->alice, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = s->answer });
  pl_phone_clear (s->alice);
}

static void
scene_stop (Scene *s)
{
  if (s->alice)
    pl_phone_free (s->alice);
  world_stop (&s->w);
  g_free (s->offer);
  g_free (s->answer);
}

/* Runs until Eve got one more message that is `what`; NULL when none comes. */
static PlPhoneMessage *
eve_gets (Scene *s, PlFakeDaemon *eve, const char *what)
{
  gint64 end = g_get_monotonic_time () + WAIT * G_TIME_SPAN_MILLISECOND;

  while (g_get_monotonic_time () < end)
    {
      for (const char *text; (text = pl_fake_daemon_got (eve, s->seen));)
        {
          PlPhoneMessage *message = pl_siptext_parse (text, strlen (text));

          s->seen++;
          if (message && pl_siptext_matches (message, what))
            return message;
          g_clear_pointer (&message, pl_siptext_free);
        }
      pl_phone_idle (s->alice, 5);
    }
  return NULL;
}

/* Eve's request; `lines` in place of From and To and beside the rest. */
static void
eve_sends (Scene *s, PlFakeDaemon *eve, const char *method, const char *uri, const char *lines, const char *body)
{
  static guint count;
  guint serial = ++count;
  g_autofree char *text = g_strdup_printf ("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP " NODE_E ".invalid;branch=z9hG4bKeve%u;rport\r\n"
                                           "Max-Forwards: 70\r\n%sCSeq: %u %s\r\nContact: <sip:" EVE ";gr=x>\r\n%sContent-Length: %u\r\n\r\n%s",
                                           method, uri, serial, lines, serial, method, body ? "Content-Type: application/sdp\r\n" : "",
                                           body ? (guint) strlen (body) : 0, body ? body : "");

  pl_fake_net_inject (s->w.net, eve, s->w.a.daemon, text);
}

static void
eve_answers (Scene *s, const PlPhoneMessage *request, guint status, const char *lines, const char *body)
{
  g_autofree char *via = pl_siptext_dup_lines (request, "Via");
  g_autofree char *from = pl_phone_message_dup_header (request, "From", 0);
  g_autofree char *to = pl_phone_message_dup_header (request, "To", 0);
  g_autofree char *cseq = pl_phone_message_dup_header (request, "CSeq", 0);
  g_autofree char *text = g_strdup_printf ("SIP/2.0 %u Odd\r\n%sFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n%s%sContent-Length: %u\r\n\r\n%s",
                                           status, via, from, to, strstr (to, ";tag=") ? "" : ";tag=e2", request->call_id, cseq, lines,
                                           body ? "Content-Type: application/sdp\r\n" : "", body ? (guint) strlen (body) : 0, body ? body : "");

  pl_fake_net_inject (s->w.net, s->eve, s->w.a.daemon, text);
}

/* --- requests of strangers --- */

typedef struct { const char *why, *method, *uri, *lines, *status; } Refused;

static const Refused refused[] = {
  { "another name", "INVITE", "sip:" ALICE, "From: <sip:" BOB ">;tag=e1\r\n" TO_ALICE "Call-ID: 1@e\r\n", "403" },
  { "Alice's own name", "INVITE", "sip:" ALICE, "From: <sip:" ALICE ">;tag=e1\r\n" TO_ALICE "Call-ID: 2@e\r\n", "403" },
  { "a name in a password", "MESSAGE", "sip:" ALICE, "From: <sip:eve:x@example.org>;tag=e1\r\n" TO_ALICE "Call-ID: 3@e\r\n", "403" },
  { "no name", "MESSAGE", "sip:" ALICE, "From: <tel:+1>;tag=e1\r\n" TO_ALICE "Call-ID: 4@e\r\n", "403" },
  { "a local port", "OPTIONS", "sip:127.0.0.1:631", FROM_EVE TO_ALICE "Call-ID: 5@e\r\n", "404" },
  { "a local port by name", "INVITE", "sip:x@127.0.0.1:631", FROM_EVE TO_ALICE "Call-ID: 6@e\r\n", "404" },
  { "somebody behind another link", "INVITE", "sip:" BOB, FROM_EVE "To: <sip:" BOB ">\r\nCall-ID: 7@e\r\n", "404" },
  { "to be registered", "REGISTER", "sip:example.org", FROM_EVE TO_ALICE "Call-ID: 9@e\r\n", "403" },
  { "to be registered as herself", "REGISTER", "sip:example.com", FROM_EVE "To: <sip:" EVE ">\r\nCall-ID: 10@e\r\n", "403" },
  { "a dialog that is none", "BYE", "sip:" ALICE, FROM_EVE "To: <sip:" ALICE ">;tag=1\r\nCall-ID: 11@e\r\n", "481" },
  { "a forged token", "BYE", "sip:" ALICE, "Route: <sip:" NODE_A "@127.0.0.1:5080;lr;pl=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA>\r\n" FROM_EVE "To: <sip:" ALICE ">;tag=1\r\nCall-ID: 12@e\r\n", "481" },
  { "another scheme", "INVITE", "http://evil.example/", FROM_EVE TO_ALICE "Call-ID: 13@e\r\n", "416" },
};

START_TEST (stranger_is_refused_and_no_phone_hears_of_it) /* S0-09, S0-15, S1-02 */
{
  const Refused *test = &refused[_i];
  g_autoptr (PlPhoneMessage) got = NULL;
  Scene s;

  scene_start (&s, FALSE);
  eve_sends (&s, s.eve, test->method, test->uri, test->lines, g_str_equal (test->method, "INVITE") ? s.offer : NULL);
  got = eve_gets (&s, s.eve, "4xx");
  ck_assert_msg (got && pl_siptext_matches (got, test->status), "%s: %s", test->why, got ? got->text : "(none)");
  pl_phone_idle (s.alice, 50);
  ck_assert_uint_eq (pl_phone_count (s.alice, ""), 0);
  scene_stop (&s);
}
END_TEST

START_TEST (stranger_shows_the_phone_no_claims) /* S2-17 */
{
  const char *invite;
  Scene s;

  scene_start (&s, FALSE);
  eve_sends (&s, s.eve, "INVITE", "sip:" ALICE,
             "From: \"Boss <boss@bank.example>\" <sip:" EVE ">;tag=e1\r\n" TO_ALICE "Call-ID: 1@e\r\nSubject: hi\r\nX-Odd: stays\r\n"
             "P-Asserted-Identity: <sip:boss@bank.example>\r\nRemote-Party-ID: <sip:boss@bank.example>\r\nCall-Info: <http://evil.example/>;answer-after=0\r\n"
             "Alert-Info: <http://evil.example/a>\r\nRoute: <sip:127.0.0.1:631;lr>\r\nPath: <sip:evil.example>\r\nAnswer-Mode: Auto\r\n",
             s.offer);
  invite = expect_message (s.alice, "INVITE");
  expect_lacks (invite, "boss@bank");
  expect_lacks (invite, "evil.example");
  expect_lacks (invite, "127.0.0.1:631");
  expect_lacks (invite, "Answer-Mode");
  expect_contains (invite, "From: \"" EVE "\" <sip:" EVE ">;tag=e1\r\n");
  expect_contains (invite, "Subject: hi\r\n");
  expect_contains (invite, "X-Odd: stays\r\n");
  scene_stop (&s);
}
END_TEST

static const char *const bad_bodies[] = {
  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n",
  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n",
  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=x\rm=audio 5000 RTP/AVP 0\r\n",
  "hello",
};

START_TEST (stranger_with_a_bad_offer_hears_488)
{
  g_autoptr (PlPhoneMessage) got = NULL;
  Scene s;

  scene_start (&s, FALSE);
  eve_sends (&s, s.eve, "INVITE", "sip:" ALICE, FROM_EVE TO_ALICE "Call-ID: 1@e\r\n", bad_bodies[_i]);
  got = eve_gets (&s, s.eve, "4xx");
  ck_assert_msg (got && got->status == 488, "%s", got ? got->text : "(none)");
  ck_assert_uint_eq (pl_phone_count (s.alice, ""), 0);
  scene_stop (&s);
}
END_TEST

START_TEST (stranger_makes_no_phone_knock_at_its_own_host) /* S2-48, S2-59 */
{
  g_autofree char *body = g_strdup_printf ("%sa=candidate:2 1 UDP 9 127.0.0.1 631 typ host\r\na=candidate:3 1 UDP 9 127.1 632 typ host\r\n"
                                           "a=candidate:4 1 UDP 9 localhost 633 typ host\r\na=candidate:5 1 UDP 9 ::1 634 typ host\r\n", "");
  g_autofree char *whole = NULL;
  const char *invite;
  Scene s;

  scene_start (&s, FALSE);
  whole = g_strconcat (s.offer, body, NULL);
  eve_sends (&s, s.eve, "INVITE", "sip:" ALICE, FROM_EVE TO_ALICE "Call-ID: 1@e\r\n", whole);
  invite = expect_message (s.alice, "INVITE");
  expect_contains (strstr (invite, "\r\n\r\n"), "192.0.2.1 51296");
  for (int port = 631; port <= 634; port++)
    {
      g_autofree char *text = g_strdup_printf (" %d typ", port);

      expect_lacks (invite, text);
    }
  expect_lacks (strstr (invite, "\r\n\r\n"), "127.0.0.1");
  scene_stop (&s);
}
END_TEST

START_TEST (stranger_who_floods_is_slowed_and_others_are_served) /* S2-26 */
{
  g_autoptr (PlPhoneMessage) got = NULL;
  Scene s;

  scene_start (&s, FALSE);
  for (int i = 0; i < 100; i++)
    {
      g_autofree char *lines = g_strdup_printf (FROM_EVE TO_ALICE "Call-ID: f%d@e\r\n", i);

      eve_sends (&s, s.eve, "OPTIONS", "sip:" ALICE, lines, NULL);
    }
  got = eve_gets (&s, s.eve, "503");
  ck_assert_ptr_nonnull (got);
  ck_assert_uint_lt (pl_phone_count (s.alice, "OPTIONS"), 60);
  s.seen = 0;
  g_clear_pointer (&got, pl_siptext_free);
  eve_sends (&s, s.mallory, "OPTIONS", "sip:" ALICE, "From: <sip:mallory@example.com>;tag=m\r\n" TO_ALICE "Call-ID: m@m\r\n", NULL);
  got = eve_gets (&s, s.mallory, "200");
  ck_assert_ptr_nonnull (got);
  scene_stop (&s);
}
END_TEST

/* --- answers of strangers --- */

static PlPhoneMessage *
call_eve (Scene *s, const char **call)
{
  PlPhoneMessage *invite;

  *call = pl_phone_invite (s->alice, EVE, s->offer);
  invite = eve_gets (s, s->eve, "INVITE");
  ck_assert_ptr_nonnull (invite);
  return invite;
}

static const char *const answers[] = {
  "", "Record-Route: <sip:127.0.0.1:631;lr>\r\n", "Record-Route: <sip:x@127.0.0.1:22;lr>, <sip:127.0.0.1:631;lr>\r\n",
};

/* Whatever route set the stranger makes up, the phone's requests come to us (never to a local
 * port of the stranger's choice) and go to the stranger. */
START_TEST (answer_cannot_choose_where_the_phone_sends)
{
  g_autoptr (PlPhoneMessage) invite = NULL;
  g_autoptr (PlPhoneMessage) ack = NULL;
  g_autoptr (PlPhoneMessage) bye = NULL;
  g_autofree char *lines = g_strdup_printf ("%sContact: <sip:127.0.0.1:631>\r\n", answers[_i]);
  g_autoptr (GPtrArray) routes = NULL;
  const char *call;
  Scene s;

  scene_start (&s, FALSE);
  invite = call_eve (&s, &call);
  eve_answers (&s, invite, 200, lines, s.answer);
  expect_message (s.alice, "200 INVITE");
  routes = pl_siptext_dup_record_routes (pl_phone_last (s.alice, "200 INVITE"));
  ck_assert_uint_ge (routes->len, 1);
  expect_contains (routes->pdata[routes->len - 1], pl_sip_listening (s.w.a.sip)[0]);
  ack = eve_gets (&s, s.eve, "ACK");
  ck_assert_ptr_nonnull (ack);
  ck_assert (pl_phone_in_dialog (s.alice, call, "BYE", NULL, NULL));
  bye = eve_gets (&s, s.eve, "BYE");
  ck_assert_ptr_nonnull (bye);
  scene_stop (&s);
}
END_TEST

START_TEST (answer_that_asks_for_a_password_does_not_reach_the_phone_as_such)
{
  g_autoptr (PlPhoneMessage) invite = NULL;
  const char *call, *got;
  Scene s;

  scene_start (&s, FALSE);
  invite = call_eve (&s, &call);
  eve_answers (&s, invite, 407, "Proxy-Authenticate: Digest realm=\"example.org\", nonce=\"1\"\r\n", NULL);
  got = expect_message (s.alice, "4xx INVITE");
  expect_lacks (got, "Digest");
  scene_stop (&s);
}
END_TEST

START_TEST (token_of_one_stranger_is_worth_nothing_to_another)
{
  g_autoptr (PlPhoneMessage) invite = NULL;
  g_autoptr (PlPhoneMessage) refusal = NULL;
  g_autoptr (GPtrArray) routes = NULL;
  g_autofree char *lines = NULL;
  const char *call;
  Scene s;

  scene_start (&s, FALSE);
  invite = call_eve (&s, &call);
  eve_answers (&s, invite, 200, "Contact: <sip:" EVE ";gr=x>\r\n", s.answer);
  expect_message (s.alice, "200 INVITE");
  routes = pl_siptext_dup_record_routes (invite);
  lines = g_strdup_printf ("Route: %s\r\nFrom: <sip:mallory@example.com>;tag=e2\r\nTo: <sip:" ALICE ">;tag=1\r\nCall-ID: %s\r\n",
                           (char *) routes->pdata[0], call);
  s.seen = 0;
  eve_sends (&s, s.mallory, "BYE", "sip:" ALICE, lines, NULL);
  refusal = eve_gets (&s, s.mallory, "4xx");
  ck_assert_ptr_nonnull (refusal);
  ck_assert_uint_eq (pl_phone_count (s.alice, "BYE"), 0);
  scene_stop (&s);
}
END_TEST

START_TEST (token_of_one_call_is_worth_nothing_in_another)
{
  g_autoptr (PlPhoneMessage) invite = NULL;
  g_autoptr (PlPhoneMessage) refusal = NULL;
  g_autoptr (GPtrArray) routes = NULL;
  g_autofree char *lines = NULL;
  const char *call;
  Scene s;

  scene_start (&s, FALSE);
  invite = call_eve (&s, &call);
  routes = pl_siptext_dup_record_routes (invite);
  lines = g_strdup_printf ("Route: %s\r\n" FROM_EVE "To: <sip:" ALICE ">;tag=1\r\nCall-ID: other@e\r\n", (char *) routes->pdata[0]);
  eve_sends (&s, s.eve, "NOTIFY", "sip:" ALICE, lines, NULL);
  refusal = eve_gets (&s, s.eve, "403");
  ck_assert_ptr_nonnull (refusal);
  ck_assert_uint_eq (pl_phone_count (s.alice, "NOTIFY"), 0);
  scene_stop (&s);
}
END_TEST

/* A 2xx without a transaction goes by its Vias; the stranger must not write another phone of
 * ours into them. */
START_TEST (stray_answer_reaches_only_the_phone_of_its_call)
{
  g_autoptr (PlPhoneMessage) first = NULL;
  g_autoptr (PlPhoneMessage) second = NULL;
  g_autofree char *route = NULL;
  g_autofree char *via = NULL;
  g_autofree char *text = NULL;
  const char *call, *other;
  PlPhone *phone;
  Scene s;

  scene_start (&s, FALSE);
  phone = side_phone (&s.w, &s.w.a, ALICE, FALSE);
  first = call_eve (&s, &call);
  other = pl_phone_invite (phone, EVE, s.offer);
  ck_assert_str_ne (other, call);
  second = eve_gets (&s, s.eve, "INVITE");
  ck_assert_ptr_nonnull (second);
  route = pl_siptext_dup_lines (first, "Record-Route");
  via = pl_phone_message_dup_header (second, "Via", 1);
  ck_assert_ptr_nonnull (via);
  text = g_strdup_printf ("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP " NODE_A ".invalid;branch=z9hG4bKnone;rport\r\nVia: %s\r\n%s"
                          "From: <sip:" ALICE ">;tag=1\r\nTo: <sip:" EVE ">;tag=e2\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n"
                          "Contact: <sip:" EVE ">\r\nContent-Length: 0\r\n\r\n", via, route, call);
  pl_fake_net_inject (s.w.net, s.eve, s.w.a.daemon, text);
  pl_phone_idle (phone, 100);
  ck_assert_uint_eq (pl_phone_count (phone, "200 INVITE"), 0);
  pl_phone_free (phone);
  scene_stop (&s);
}
END_TEST

START_TEST (extension_of_proxies_we_do_not_know_is_named)
{
  Scene s;

  scene_start (&s, FALSE);
  pl_phone_request (s.alice, "OPTIONS", "sip:" EVE, "Proxy-Require: nothingSupportsThis, norThat\r\n", NULL);
  expect_contains (expect_message (s.alice, "420 OPTIONS"), "Unsupported: nothingSupportsThis, norThat\r\n");
  scene_stop (&s);
}
END_TEST

/* --- bad times --- */

/* 480 within 5 s when the person is known but no node of theirs answers (the first call's
 * issue): also over a link that still seems to stand. */
START_TEST (far_side_that_died_behind_a_standing_link_is_480_in_time)
{
  gint64 start;
  const char *call;
  g_autoptr (PlPhoneMessage) invite = NULL;
  Scene s;

  scene_start (&s, FALSE);
  invite = call_eve (&s, &call);
  eve_answers (&s, invite, 486, "", NULL);
  expect_message (s.alice, "486");
  pl_fake_net_set_cut (s.w.net, TRUE);
  pl_fake_net_set_reachable (s.w.net, NODE_E, FALSE);
  start = g_get_monotonic_time ();
  pl_phone_invite (s.alice, EVE, s.offer);
  ck_assert (pl_phone_wait (s.alice, "480", 1, 6000));
  ck_assert_int_lt (g_get_monotonic_time () - start, 5500 * G_TIME_SPAN_MILLISECOND);
  scene_stop (&s);
}
END_TEST

/* A phone on TCP comes back when it registers again, and the call is still its own. */
START_TEST (tcp_phone_that_came_back_after_a_restart_hears_the_bye)
{
  g_autoptr (PlPhoneMessage) invite = NULL;
  g_autoptr (PlPhoneMessage) ack = NULL;
  g_autoptr (GPtrArray) routes = NULL;
  g_autofree char *proxy = NULL;
  g_autofree char *from = NULL;
  g_autofree char *lines = NULL;
  const char *call;
  Scene s;

  scene_start (&s, TRUE);
  invite = call_eve (&s, &call);
  eve_answers (&s, invite, 200, "Contact: <sip:" EVE ";gr=x>\r\n", s.answer);
  ack = eve_gets (&s, s.eve, "ACK");
  ck_assert_ptr_nonnull (ack);
  routes = pl_siptext_dup_record_routes (invite);
  from = pl_phone_message_dup_header (invite, "From", 0);
  side_kill (&s.w, &s.w.a);
  pl_phone_disconnect (s.alice);
  side_start (&s.w, &s.w.a);
  proxy = g_strdup (pl_sip_listening (s.w.a.sip)[0]);
  pl_phone_set_proxy (s.alice, proxy);
  pl_phone_clear (s.alice);
  pl_phone_register (s.alice, 300);
  expect_message (s.alice, "200 REGISTER");
  lines = g_strdup_printf ("Route: %s\r\nFrom: <sip:" EVE ">;tag=e2\r\nTo: %s\r\nCall-ID: %s\r\n", (char *) routes->pdata[0], from, call);
  eve_sends (&s, s.eve, "BYE", "sip:" ALICE, lines, NULL);
  expect_message (s.alice, "BYE");
  scene_stop (&s);
}
END_TEST

/* RFC 3261, 12.2.1.1: a target refresh by our phone counts for what the far side sends. */
START_TEST (phone_with_a_new_contact_is_asked_there)
{
  g_autoptr (PlPhoneMessage) invite = NULL;
  g_autoptr (PlPhoneMessage) again = NULL;
  g_autoptr (GPtrArray) routes = NULL;
  g_autofree char *from = NULL;
  g_autofree char *lines = NULL;
  const char *call;
  Scene s;

  scene_start (&s, FALSE);
  invite = call_eve (&s, &call);
  eve_answers (&s, invite, 200, "Contact: <sip:" EVE ";gr=x>\r\n", s.answer);
  expect_message (s.alice, "200 INVITE");
  pl_phone_set_contact (s.alice, "sip:moved@127.0.0.1:9;n=2");
  pl_phone_in_dialog (s.alice, call, "INVITE", NULL, s.offer);
  again = eve_gets (&s, s.eve, "INVITE");
  ck_assert_ptr_nonnull (again);
  eve_answers (&s, again, 200, "Contact: <sip:" EVE ";gr=x>\r\n", s.answer);
  pl_phone_wait (s.alice, "200 INVITE", 2, WAIT);
  routes = pl_siptext_dup_record_routes (invite);
  from = pl_phone_message_dup_header (invite, "From", 0);
  lines = g_strdup_printf ("Route: %s\r\nFrom: <sip:" EVE ">;tag=e2\r\nTo: %s\r\nCall-ID: %s\r\n", (char *) routes->pdata[0], from, call);
  eve_sends (&s, s.eve, "BYE", "sip:" ALICE, lines, NULL);
  expect_contains (expect_message (s.alice, "BYE"), "BYE sip:moved@127.0.0.1:9;n=2 SIP/2.0\r\n");
  scene_stop (&s);
}
END_TEST

/* --- torture --- */

static GPtrArray *
torture (void)
{
  g_autofree char *path = pl_test_path ("data/torture");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  GPtrArray *messages = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (const char *name; (name = g_dir_read_name (dir));)
    {
      g_autofree char *file = g_build_filename ("torture", name, NULL);

      if (g_str_has_suffix (name, ".dat"))
        g_ptr_array_add (messages, pl_test_data (file));
    }
  return messages;
}

START_TEST (torture_from_a_phone_leaves_the_daemon_whole) /* RFC 4475 */
{
  g_autoptr (GPtrArray) messages = torture ();
  Scene s;

  scene_start (&s, _i);
  for (guint i = 0; i < messages->len; i++)
    {
      pl_phone_send_raw (s.alice, g_bytes_get_data (messages->pdata[i], NULL), g_bytes_get_size (messages->pdata[i]));
      if (_i)
        pl_phone_idle (s.alice, 2);
      if (_i)
        pl_phone_disconnect (s.alice);
    }
  pl_phone_idle (s.alice, 100);
  pl_phone_clear (s.alice);
  pl_phone_register (s.alice, 300);
  expect_message (s.alice, "200 REGISTER");
  scene_stop (&s);
}
END_TEST

START_TEST (torture_from_a_link_leaves_the_daemon_whole)
{
  g_autoptr (GPtrArray) messages = torture ();
  g_autoptr (PlPhoneMessage) got = NULL;
  Scene s;

  scene_start (&s, FALSE);
  for (guint i = 0; i < messages->len; i++)
    {
      g_autofree char *text = g_strndup (g_bytes_get_data (messages->pdata[i], NULL), g_bytes_get_size (messages->pdata[i]));

      pl_fake_net_inject (s.w.net, s.eve, s.w.a.daemon, text);
    }
  pl_phone_idle (s.alice, 100);
  ck_assert_uint_eq (pl_phone_count (s.alice, ""), 0);
  eve_sends (&s, s.mallory, "OPTIONS", "sip:" ALICE, "From: <sip:mallory@example.com>;tag=m\r\n" TO_ALICE "Call-ID: m@m\r\n", NULL);
  s.seen = 0;
  got = eve_gets (&s, s.mallory, "200");
  ck_assert_ptr_nonnull (got);
  scene_stop (&s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("stack/hostile");

  tcase_set_timeout (tcase, 20);
  tcase_add_loop_test (tcase, stranger_is_refused_and_no_phone_hears_of_it, 0, G_N_ELEMENTS (refused));
  tcase_add_test (tcase, stranger_shows_the_phone_no_claims);
  tcase_add_loop_test (tcase, stranger_with_a_bad_offer_hears_488, 0, G_N_ELEMENTS (bad_bodies));
  tcase_add_test (tcase, stranger_makes_no_phone_knock_at_its_own_host);
  tcase_add_test (tcase, stranger_who_floods_is_slowed_and_others_are_served);
  tcase_add_loop_test (tcase, answer_cannot_choose_where_the_phone_sends, 0, G_N_ELEMENTS (answers));
  tcase_add_test (tcase, answer_that_asks_for_a_password_does_not_reach_the_phone_as_such);
  tcase_add_test (tcase, token_of_one_stranger_is_worth_nothing_to_another);
  tcase_add_test (tcase, token_of_one_call_is_worth_nothing_in_another);
  tcase_add_test (tcase, stray_answer_reaches_only_the_phone_of_its_call);
  tcase_add_test (tcase, extension_of_proxies_we_do_not_know_is_named);
  tcase_add_test (tcase, far_side_that_died_behind_a_standing_link_is_480_in_time);
  tcase_add_test (tcase, tcp_phone_that_came_back_after_a_restart_hears_the_bye);
  tcase_add_test (tcase, phone_with_a_new_contact_is_asked_there);
  tcase_add_loop_test (tcase, torture_from_a_phone_leaves_the_daemon_whole, 0, 2);
  tcase_add_test (tcase, torture_from_a_link_leaves_the_daemon_whole);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
