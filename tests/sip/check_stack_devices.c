/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several devices of one person: phones at one daemon, daemons on several nodes. Alice calls Bob,
 * whose second daemon is c.
 */
#include "config.h"

#include "tests/sip/stack-world.h"

#include <string.h>

#define NODE_C "ccccccccccccccccccccccccccccccc3"

typedef struct {
  World w;
  Side c;
  PlPhone *alice, *first, *second, *away; /* Bob's: two at one daemon, one at c */
  char *offer, *answer;
  const char *call;
} Scene;

/* `away` NULL: Bob has no second daemon; `second` NULL: no second phone. */
static void
scene_start (Scene *s, const char *first, const char *second, const char *away)
{
  const char *const params[] = { first, second, away };
  PlPhone **phones[] = { &s->first, &s->second, &s->away };

  memset (s, 0, sizeof *s);
  world_start (&s->w);
  s->alice = side_phone (&s->w, &s->w.a, ALICE, FALSE);
  s->offer = pl_phone_make_sdp (1, FALSE);
  s->answer = pl_phone_make_sdp (2, TRUE);
  s->c = (Side){ .aor = BOB, .node = NODE_C, .state_dir = g_strconcat (s->w.a.state_dir, "-c", NULL) };
  if (away)
    side_start (&s->w, &s->c);
  for (guint i = 0; i < G_N_ELEMENTS (params); i++)
    {
      if (!params[i])
        continue;
      *phones[i] = pl_phone_new (s->w.context, BOB, pl_sip_listening (i == 2 ? s->c.sip : s->w.b.sip)[0], FALSE);
      pl_phone_set_params (*phones[i], params[i]);
      pl_phone_register (*phones[i], 300);
      expect_message (*phones[i], "200 REGISTER");
      pl_phone_set_script (*phones[i], &(PlPhoneScript){ .ring = 180, .sdp = s->answer });
    }
}

static void
scene_stop (Scene *s)
{
  pl_phone_free (s->alice);
  pl_phone_free (s->first);
  if (s->second)
    pl_phone_free (s->second);
  if (s->away)
    pl_phone_free (s->away);
  pl_sip_free (s->c.sip);
  world_stop (&s->w);
  g_free (s->c.state_dir);
  g_free (s->offer);
  g_free (s->answer);
}

static void
scene_call (Scene *s, const char *headers)
{
  s->call = pl_phone_request (s->alice, "INVITE", "sip:" BOB, headers, s->offer);
}

static void
assert_silent (PlPhone *phone)
{
  pl_phone_idle (phone, 50);
  ck_assert_uint_eq (pl_phone_count (phone, "INVITE"), 0);
}

/* What is due in that time is due now. */
static void
jump (Scene *s, gint64 usec)
{
  PlEnv *env = pl_loop_env (s->w.loop);

  pl_timers_dispatch (pl_env_timers (env), pl_env_now (env) + usec);
}

START_TEST (phone_of_a_lower_q_rings_when_the_higher_declines) /* RFC 3261, 16.6 */
{
  Scene s;

  scene_start (&s, ";q=0.9", ";q=0.2", NULL);
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  assert_silent (s.second);
  ck_assert (pl_phone_answer (s.first, s.call, 486, NULL, NULL));
  expect_message (s.second, "INVITE");
  ck_assert (pl_phone_answer (s.second, s.call, 200, NULL, s.answer));
  expect_message (s.alice, "200 INVITE");
  ck_assert_uint_eq (pl_phone_count (s.alice, "486 INVITE"), 0);
  scene_stop (&s);
}
END_TEST

START_TEST (phone_of_a_lower_q_joins_after_a_while)
{
  Scene s;

  scene_start (&s, "", ";q=0.2", NULL);
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  expect_message (s.alice, "180 INVITE");
  jump (&s, 5 * PL_USEC_PER_SEC);
  assert_silent (s.second);
  jump (&s, 11 * PL_USEC_PER_SEC);
  expect_message (s.second, "INVITE");
  ck_assert_uint_eq (pl_phone_count (s.first, "CANCEL"), 0);
  ck_assert (pl_phone_answer (s.first, s.call, 200, NULL, s.answer)); /* late, and still good */
  expect_message (s.alice, "200 INVITE");
  expect_message (s.second, "CANCEL");
  scene_stop (&s);
}
END_TEST

START_TEST (declined_everywhere_or_given_up_rings_no_other_phone) /* RFC 3261, 16.7 step 5 */
{
  Scene s;

  scene_start (&s, "", ";q=0.2", NULL);
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  expect_message (s.alice, "180 INVITE");
  if (_i)
    ck_assert (pl_phone_cancel (s.alice, s.call));
  else
    ck_assert (pl_phone_answer (s.first, s.call, 603, NULL, NULL));
  expect_message (s.alice, _i ? "487 INVITE" : "603 INVITE");
  assert_silent (s.second);
  scene_stop (&s);
}
END_TEST

START_TEST (devices_on_all_nodes_ring_at_once_and_the_first_answer_wins) /* S3-17 */
{
  Scene s;

  scene_start (&s, "", "", "");
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  expect_message (s.second, "INVITE");
  expect_message (s.away, "INVITE");
  ck_assert (pl_phone_answer (s.away, s.call, 200, NULL, s.answer));
  expect_message (s.alice, "200 INVITE");
  expect_contains (expect_message (s.first, "CANCEL"), "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"); /* RFC 3326 */
  expect_contains (expect_message (s.second, "CANCEL"), "cause=200");
  expect_message (s.away, "ACK");
  scene_stop (&s);
}
END_TEST

START_TEST (node_of_a_lower_q_rings_when_the_others_do_not_answer) /* RFC 7904, contact_prefs; 353 */
{
  Scene s;

  scene_start (&s, ";audio;q=0.8;+sip.instance=\"<urn:uuid:1>\"", NULL, ";q=0.5");
  ck_assert_str_eq (pl_fake_daemon_registered (s.w.b.daemon), "audio;q=0.8");
  ck_assert_str_eq (pl_fake_daemon_registered (s.c.daemon), "q=0.5");
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  assert_silent (s.away);
  ck_assert (pl_phone_answer (s.first, s.call, 480, NULL, NULL));
  expect_message (s.away, "INVITE");
  ck_assert (pl_phone_answer (s.away, s.call, 200, NULL, s.answer));
  expect_message (s.alice, "200 INVITE");
  scene_stop (&s);
}
END_TEST

START_TEST (node_that_is_dead_does_not_keep_the_next_from_ringing)
{
  Scene s;

  scene_start (&s, "", NULL, ";q=0.5");
  pl_fake_net_set_reachable (s.w.net, NODE_B, FALSE);
  scene_call (&s, NULL);
  expect_message (s.away, "INVITE");
  assert_silent (s.first);
  ck_assert (pl_phone_answer (s.away, s.call, 200, NULL, s.answer));
  expect_message (s.alice, "200 INVITE");
  scene_stop (&s);
}
END_TEST

START_TEST (caller_who_wants_video_gets_the_device_that_has_it) /* RFC 3841 */
{
  Scene s;

  scene_start (&s, ";audio", ";audio;video", ";audio");
  scene_call (&s, _i ? "Accept-Contact: *;video;require;explicit\r\n" : "Accept-Contact: *;video\r\n");
  expect_message (s.second, "INVITE");
  assert_silent (s.first);
  assert_silent (s.away);
  ck_assert (pl_phone_answer (s.second, s.call, 486, NULL, NULL));
  if (_i)
    expect_message (s.alice, "486 INVITE");
  else
    expect_message (s.first, "INVITE"); /* better than none */
  scene_stop (&s);
}
END_TEST

START_TEST (caller_who_wants_no_device_like_that_hears_480)
{
  Scene s;

  scene_start (&s, ";automata", ";automata", _i ? ";automata" : NULL);
  scene_call (&s, "Reject-Contact: *;automata\r\n");
  expect_contains (expect_message (s.alice, "480 INVITE"), "No Device of the Kind Asked For");
  assert_silent (s.first);
  scene_stop (&s);
}
END_TEST

/* --- which answer of several (RFC 3261, 16.7 step 6) --- */

static const struct { guint one, two; const char *wanted, *phrase; } answers[] = {
  { 486, 404, "486 INVITE", "" }, { 480, 486, "486 INVITE", "" }, { 408, 603, "603 INVITE", "" }, { 500, 486, "486 INVITE", "" },
  { 305, 486, "305 INVITE", "" }, { 401, 305, "305 INVITE", "" }, { 486, 488, "488 INVITE", "" }, { 502, 606, "606 INVITE", "" },
  { 503, 503, "500 INVITE", "The Phone Has a Problem" },
};

START_TEST (best_of_several_answers_is_passed_on)
{
  Scene s;

  scene_start (&s, "", _i % 2 ? "" : NULL, _i % 2 ? NULL : ""); /* at one daemon, on two */
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  expect_message (_i % 2 ? s.second : s.away, "INVITE");
  ck_assert (pl_phone_answer (s.first, s.call, answers[_i].one, NULL, NULL));
  ck_assert (pl_phone_answer (_i % 2 ? s.second : s.away, s.call, answers[_i].two, NULL, NULL));
  expect_contains (expect_message (s.alice, answers[_i].wanted), answers[_i].phrase);
  pl_phone_idle (s.alice, 20);
  ck_assert_uint_eq (pl_phone_count (s.alice, "INVITE") + pl_phone_count (s.alice, "200 INVITE"), 0);
  scene_stop (&s);
}
END_TEST

START_TEST (call_that_is_taken_is_not_sent_on)
{
  PlFakeDaemon *carol;
  Scene s;

  scene_start (&s, "", NULL, "");
  carol = pl_fake_daemon_new (s.w.net, "carol@example.com", "ddddddddddddddddddddddddddddddd4");
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  expect_message (s.away, "INVITE");
  pl_fake_net_set_delays (s.w.net, 100 * PL_USEC_PER_MSEC, 1000, 1000);
  pl_phone_set_script (s.first, &(PlPhoneScript){ .contact = "sip:carol@example.com" });
  ck_assert (pl_phone_answer (s.first, s.call, 302, NULL, NULL));
  expect_message (s.first, "ACK");
  pl_phone_idle (s.alice, 20);
  ck_assert (pl_phone_answer (s.away, s.call, 200, NULL, s.answer));
  expect_message (s.alice, "200 INVITE");
  pl_phone_idle (s.alice, 150);
  ck_assert_ptr_null (pl_fake_daemon_got (carol, 0));
  scene_stop (&s);
}
END_TEST

START_TEST (phones_are_told_why_they_stop_ringing) /* RFC 3326 */
{
  Scene s;

  scene_start (&s, "", "", NULL);
  scene_call (&s, NULL);
  expect_message (s.first, "INVITE");
  expect_message (s.second, "INVITE");
  expect_message (s.alice, "180 INVITE");
  ck_assert (pl_phone_answer (s.first, s.call, 603, NULL, NULL));
  expect_contains (expect_message (s.second, "CANCEL"), "Reason: SIP;cause=603;text=\"Decline\"\r\n");
  expect_message (s.alice, "603 INVITE");
  scene_stop (&s);
}
END_TEST

START_TEST (caller_who_gives_up_says_why_in_its_own_words)
{
  Scene s;
  g_autofree char *text = NULL;

  scene_start (&s, "", NULL, NULL);
  text = g_strdup_printf ("INVITE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKwhy;rport\r\nMax-Forwards: 70\r\n"
                          "From: <sip:" ALICE ">;tag=w\r\nTo: <sip:" BOB ">\r\nCall-ID: why\r\nCSeq: 1 INVITE\r\nContact: <%s>\r\n"
                          "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                          pl_phone_port (s.alice), pl_phone_contact (s.alice), strlen (s.offer), s.offer);
  pl_phone_send_raw (s.alice, text, strlen (text));
  expect_message (s.first, "INVITE");
  g_free (text);
  text = g_strdup_printf ("CANCEL sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKwhy;rport\r\nMax-Forwards: 70\r\n"
                          "From: <sip:" ALICE ">;tag=w\r\nTo: <sip:" BOB ">\r\nCall-ID: why\r\nCSeq: 1 CANCEL\r\n"
                          "Reason: Q.850;cause=16;text=\"Terminated\"\r\nContent-Length: 0\r\n\r\n", pl_phone_port (s.alice));
  pl_phone_send_raw (s.alice, text, strlen (text));
  expect_contains (expect_message (s.first, "CANCEL"), "Reason: Q.850;cause=16;text=\"Terminated\"\r\n");
  scene_stop (&s);
}
END_TEST

START_TEST (request_that_comes_twice_by_two_ways_is_merged) /* RFC 3261, 8.2.2.2 */
{
  Scene s;
  const char *const branches[] = { "one", "two" };

  scene_start (&s, "", NULL, NULL);
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *text = g_strdup_printf ("INVITE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s;rport\r\n"
                                               "Max-Forwards: 70\r\nFrom: <sip:" ALICE ">;tag=w\r\nTo: <sip:" BOB ">\r\nCall-ID: twice\r\n"
                                               "CSeq: 1 INVITE\r\nContact: <%s>\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                                               pl_phone_port (s.alice), branches[i], pl_phone_contact (s.alice), strlen (s.offer), s.offer);

      pl_phone_send_raw (s.alice, text, strlen (text));
      expect_message (s.first, "INVITE");
    }
  expect_contains (expect_message (s.alice, "482 INVITE"), "Merged Request");
  ck_assert_uint_eq (pl_phone_count (s.first, "INVITE"), 1);
  scene_stop (&s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("stack/devices");

  tcase_set_timeout (tcase, 20);
  tcase_add_test (tcase, phone_of_a_lower_q_rings_when_the_higher_declines);
  tcase_add_test (tcase, phone_of_a_lower_q_joins_after_a_while);
  tcase_add_loop_test (tcase, declined_everywhere_or_given_up_rings_no_other_phone, 0, 2);
  tcase_add_test (tcase, devices_on_all_nodes_ring_at_once_and_the_first_answer_wins);
  tcase_add_test (tcase, node_of_a_lower_q_rings_when_the_others_do_not_answer);
  tcase_add_test (tcase, node_that_is_dead_does_not_keep_the_next_from_ringing);
  tcase_add_loop_test (tcase, caller_who_wants_video_gets_the_device_that_has_it, 0, 2);
  tcase_add_loop_test (tcase, caller_who_wants_no_device_like_that_hears_480, 0, 2);
  tcase_add_loop_test (tcase, best_of_several_answers_is_passed_on, 0, G_N_ELEMENTS (answers));
  tcase_add_test (tcase, call_that_is_taken_is_not_sent_on);
  tcase_add_test (tcase, phones_are_told_why_they_stop_ringing);
  tcase_add_test (tcase, caller_who_gives_up_says_why_in_its_own_words);
  tcase_add_test (tcase, request_that_comes_twice_by_two_ways_is_merged);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
