/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls that follow a redirection (RFC 7904, registrations of type uri): Alice calls Bob, who
 * sends calls on to Carol.
 */
#include "config.h"

#include "tests/sip/stack-world.h"
#include "tests/support/siptext.h"

#include <string.h>

#define CAROL "carol@example.com"
#define NODE_C "ccccccccccccccccccccccccccccccc3"

typedef struct {
  World w;
  Side c;
  PlPhone *alice, *bob, *carol;
  char *offer, *answer;
  const char *call;
} Trio;

static void
trio_start_free (Trio *t)
{
  memset (t, 0, sizeof *t);
  world_start (&t->w);
  t->c = (Side){ .aor = CAROL, .node = NODE_C, .state_dir = g_strconcat (t->w.a.state_dir, "-c", NULL) };
  side_start (&t->w, &t->c);
  t->alice = side_phone (&t->w, &t->w.a, ALICE, FALSE);
  t->bob = side_phone (&t->w, &t->w.b, BOB, FALSE);
  t->carol = side_phone (&t->w, &t->c, CAROL, FALSE);
  t->offer = pl_phone_make_sdp (1, FALSE);
  t->answer = pl_phone_make_sdp (2, TRUE);
  pl_phone_set_script (t->carol, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = t->answer });
  pl_phone_set_script (t->bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = t->answer });
  pl_phone_set_script (t->alice, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = t->answer });
}

static void
trio_start (Trio *t)
{
  trio_start_free (t);
  pl_fake_net_redirect (t->w.net, BOB, CAROL);
}

static void
trio_stop (Trio *t)
{
  pl_phone_free (t->alice);
  pl_phone_free (t->bob);
  pl_phone_free (t->carol);
  pl_sip_free (t->c.sip);
  world_stop (&t->w);
  g_free (t->c.state_dir);
  g_free (t->offer);
  g_free (t->answer);
}

static void
trio_call (Trio *t)
{
  t->call = pl_phone_invite (t->alice, BOB, t->offer);
  expect_message (t->alice, "200 INVITE");
  expect_message (t->carol, "ACK");
}

static void
assert_call (Side *side, const char *to, const char *redirected, const char *state)
{
  PlCallInfo *info = side_dup_call (side);

  ck_assert_str_eq (info->from, ALICE);
  ck_assert_str_eq (info->to, to);
  ck_assert_pstr_eq (info->redirected, redirected);
  ck_assert_str_eq (info->state, state);
  pl_call_info_free (info);
}

START_TEST (call_goes_where_the_callee_is_redirected) /* RFC 7904; S3-13, S3-16, S4-06, S4-22 */
{
  Trio t;
  const char *invite;

  trio_start (&t);
  trio_call (&t);
  expect_contains (expect_message (t.alice, "181 INVITE"), "Redirected to " CAROL "\r\n");
  invite = expect_message (t.carol, "INVITE");
  expect_contains (invite, "To: <sip:" BOB ">\r\n"); /* she sees why it comes */
  expect_contains (invite, "From: <sip:" ALICE ">");
  ck_assert_uint_eq (pl_phone_count (t.bob, ""), 1); /* his REGISTER */
  assert_call (&t.w.a, BOB, CAROL, "established");
  assert_call (&t.c, CAROL, NULL, "established");
  expect_contains (expect_message (t.alice, "200 INVITE"), "Contact: <sip:" CAROL ";gr=");
  trio_stop (&t);
}
END_TEST

/* Her dialog has Bob's name for her (RFC 3261, 12.1.1): her requests and her ACK carry it. */
START_TEST (both_sides_change_and_end_a_redirected_call)
{
  Trio t;

  trio_start (&t);
  trio_call (&t);
  ck_assert (pl_phone_in_dialog (t.carol, t.call, "INVITE", NULL, t.offer));
  expect_message (t.alice, "INVITE");
  expect_contains (pl_phone_last (t.alice, "INVITE")->text, "From: <sip:" BOB ">");
  expect_message (t.alice, "ACK");
  ck_assert (pl_phone_in_dialog (t.alice, t.call, "INVITE", NULL, t.offer));
  ck_assert (pl_phone_wait (t.carol, "ACK", 2, WAIT));
  if (_i)
    ck_assert (pl_phone_in_dialog (t.carol, t.call, "BYE", NULL, NULL));
  else
    ck_assert (pl_phone_in_dialog (t.alice, t.call, "BYE", NULL, NULL));
  expect_message (_i ? t.alice : t.carol, "BYE");
  expect_message (_i ? t.carol : t.alice, "200 BYE");
  assert_call (&t.w.a, BOB, CAROL, "ended");
  trio_stop (&t);
}
END_TEST

START_TEST (redirected_call_survives_a_restart_of_the_callers_daemon)
{
  Trio t;
  g_autofree char *proxy = NULL;

  trio_start (&t);
  trio_call (&t);
  proxy = g_strdup (pl_sip_listening (t.w.a.sip)[0]);
  side_kill (&t.w, &t.w.a);
  side_start (&t.w, &t.w.a);
  pl_phone_set_proxy (t.alice, pl_sip_listening (t.w.a.sip)[0]);
  ck_assert (pl_phone_in_dialog (t.carol, t.call, "BYE", NULL, NULL));
  expect_message (t.alice, "BYE");
  expect_message (t.carol, "200 BYE");
  assert_call (&t.w.a, BOB, CAROL, "ended");
  trio_stop (&t);
}
END_TEST

START_TEST (declined_or_given_up_redirected_call_ends)
{
  Trio t;

  trio_start (&t);
  pl_phone_set_script (t.carol, &(PlPhoneScript){ .ring = 180, .answer = _i ? 0 : 486 });
  t.call = pl_phone_invite (t.alice, BOB, t.offer);
  expect_message (t.alice, "180 INVITE");
  if (_i)
    ck_assert (pl_phone_cancel (t.alice, t.call));
  expect_message (t.alice, _i ? "487 INVITE" : "486 INVITE");
  pl_phone_idle (t.alice, 700); /* T1: it is not repeated, the phone's ACK was understood */
  ck_assert_uint_eq (pl_phone_count (t.alice, "48x INVITE") + pl_phone_count (t.alice, _i ? "487 INVITE" : "486 INVITE"), 1);
  assert_call (&t.w.a, BOB, CAROL, "ended");
  trio_stop (&t);
}
END_TEST

/* The certificate must be that of whom Bob's registration names, not Bob's nor another's. */
START_TEST (only_the_one_redirected_to_may_answer) /* S2-10 */
{
  static const char *const liars[] = { BOB, "mallory@example.com" };
  Trio t;

  trio_start (&t);
  pl_fake_daemon_certify (t.c.daemon, liars[_i]);
  pl_phone_invite (t.alice, BOB, t.offer);
  expect_message (t.alice, "403 INVITE");
  ck_assert_uint_eq (pl_phone_count (t.carol, "INVITE"), 0);
  trio_stop (&t);
}
END_TEST

static GBytes *
say_another_name (gpointer user, const char *from, const char *to, GBytes *bytes)
{
  gsize len;
  const char *data = g_bytes_get_data (bytes, &len);
  g_autofree char *text = g_strndup (data, len);
  g_auto (GStrv) parts = NULL;

  if (strcmp (from, NODE_C) != 0 || !(g_str_has_prefix (text, "MESSAGE ") || g_str_has_prefix (text, "ACK ")))
    return bytes;
  g_bytes_unref (bytes);
  parts = g_strsplit (text, "From: <sip:" BOB, 2);
  g_free (text);
  text = g_strjoinv ("From: <sip:" ALICE, parts);
  len = strlen (text);
  return g_bytes_new_take (g_steal_pointer (&text), len);
}

START_TEST (the_one_redirected_to_has_two_names_and_no_third)
{
  Trio t;

  trio_start (&t);
  trio_call (&t);
  ck_assert (pl_phone_in_dialog (t.carol, t.call, "MESSAGE", NULL, "hello"));
  expect_message (t.alice, "MESSAGE");
  pl_fake_net_set_tamper (t.w.net, say_another_name, NULL);
  ck_assert (pl_phone_in_dialog (t.carol, t.call, "MESSAGE", NULL, "hello"));
  expect_message (t.carol, "403 MESSAGE");
  ck_assert_uint_eq (pl_phone_count (t.alice, "MESSAGE"), 1);
  ck_assert (pl_phone_in_dialog (t.carol, t.call, "INVITE", NULL, t.offer)); /* its ACK says a third */
  expect_message (t.alice, "INVITE");
  expect_message (t.carol, "200 INVITE");
  pl_phone_idle (t.alice, 50);
  ck_assert_uint_eq (pl_phone_count (t.alice, "ACK"), 0);
  trio_stop (&t);
}
END_TEST

static const struct { PlResolveResult result; const char *wanted, *phrase; } leads[] = {
  { PL_RESOLVE_CIRCLE, "482 INVITE", " 482 Redirected in a Circle\r\n" },
  { PL_RESOLVE_ELSEWHERE, "480 INVITE", " 480 Redirected to No Address of This Overlay\r\n" },
};

START_TEST (redirection_that_leads_nowhere_says_so)
{
  Trio t;

  trio_start (&t);
  pl_fake_net_set_result (t.w.net, BOB, leads[_i].result);
  pl_phone_invite (t.alice, BOB, t.offer);
  expect_contains (expect_message (t.alice, leads[_i].wanted), leads[_i].phrase);
  trio_stop (&t);
}
END_TEST

START_TEST (message_follows_a_redirection_too)
{
  Trio t;

  trio_start (&t);
  pl_phone_request (t.alice, "MESSAGE", "sip:" BOB, NULL, "hello");
  expect_message (t.alice, "200 MESSAGE");
  ck_assert_str_eq (pl_phone_last (t.carol, "MESSAGE")->body, "hello");
  ck_assert_uint_eq (pl_phone_count (t.alice, "181 MESSAGE"), 0);
  trio_stop (&t);
}
END_TEST

/* --- by a 3xx of the phone --- */

START_TEST (call_goes_where_the_phone_sends_it_on) /* RFC 3261, 16.7 step 4 */
{
  Trio t;

  trio_start_free (&t);
  pl_phone_set_script (t.bob, &(PlPhoneScript){ .answer = 302, .contact = "sip:" CAROL });
  trio_call (&t);
  expect_contains (expect_message (t.alice, "181 INVITE"), "Redirected to " CAROL "\r\n");
  ck_assert_uint_eq (pl_phone_count (t.alice, "302 INVITE"), 0);
  assert_call (&t.w.a, BOB, CAROL, "established");
  ck_assert (pl_phone_in_dialog (t.carol, t.call, "BYE", NULL, NULL));
  expect_message (t.alice, "BYE");
  expect_message (t.carol, "200 BYE");
  trio_stop (&t);
}
END_TEST

START_TEST (phone_that_sends_calls_on_is_not_called_again)
{
  Trio t;

  trio_start_free (&t);
  pl_phone_set_script (t.bob, &(PlPhoneScript){ .answer = 302, .contact = "sip:" CAROL });
  pl_phone_set_script (t.carol, &(PlPhoneScript){ .answer = 301, .contact = "sip:" BOB });
  pl_phone_invite (t.alice, BOB, t.offer);
  expect_contains (expect_message (t.alice, "482 INVITE"), " 482 Redirected in a Circle\r\n");
  ck_assert_uint_eq (pl_phone_count (t.bob, "INVITE"), 1);
  trio_stop (&t);
}
END_TEST

static const struct { const char *contact, *wanted; } ends[] = {
  { "sip:nobody@example.com", "404 INVITE" },
  { "tel:+3581234", "302 INVITE" },               /* the caller's phone may know how */
  { "http://example.com/away", "302 INVITE" },
};

START_TEST (phone_that_sends_calls_nowhere_is_told_on)
{
  Trio t;

  trio_start_free (&t);
  pl_phone_set_script (t.bob, &(PlPhoneScript){ .answer = 302, .contact = ends[_i].contact });
  pl_phone_invite (t.alice, BOB, t.offer);
  expect_message (t.alice, ends[_i].wanted);
  ck_assert_uint_eq (pl_phone_count (t.carol, "INVITE"), 0);
  trio_stop (&t);
}
END_TEST

START_TEST (call_given_up_while_it_is_sent_on_ends)
{
  Trio t;

  trio_start_free (&t);
  pl_phone_set_script (t.bob, &(PlPhoneScript){ .answer = 0 });
  t.call = pl_phone_invite (t.alice, BOB, t.offer);
  expect_message (t.bob, "INVITE");
  pl_fake_net_set_delays (t.w.net, 200 * PL_USEC_PER_MSEC, 1000, 1000);
  pl_phone_set_script (t.bob, &(PlPhoneScript){ .contact = "sip:" CAROL });
  ck_assert (pl_phone_answer (t.bob, t.call, 302, NULL, NULL));
  pl_phone_idle (t.alice, 50);
  ck_assert (pl_phone_cancel (t.alice, t.call));
  expect_message (t.alice, "487 INVITE");
  pl_phone_idle (t.alice, 300);
  ck_assert_uint_eq (pl_phone_count (t.carol, "INVITE"), 0);
  trio_stop (&t);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("stack/redirect");

  tcase_set_timeout (tcase, 20);
  tcase_add_test (tcase, call_goes_where_the_callee_is_redirected);
  tcase_add_loop_test (tcase, both_sides_change_and_end_a_redirected_call, 0, 2);
  tcase_add_test (tcase, redirected_call_survives_a_restart_of_the_callers_daemon);
  tcase_add_loop_test (tcase, declined_or_given_up_redirected_call_ends, 0, 2);
  tcase_add_loop_test (tcase, only_the_one_redirected_to_may_answer, 0, 2);
  tcase_add_test (tcase, the_one_redirected_to_has_two_names_and_no_third);
  tcase_add_loop_test (tcase, redirection_that_leads_nowhere_says_so, 0, G_N_ELEMENTS (leads));
  tcase_add_test (tcase, message_follows_a_redirection_too);
  tcase_add_test (tcase, call_goes_where_the_phone_sends_it_on);
  tcase_add_test (tcase, phone_that_sends_calls_on_is_not_called_again);
  tcase_add_loop_test (tcase, phone_that_sends_calls_nowhere_is_told_on, 0, G_N_ELEMENTS (ends));
  tcase_add_test (tcase, call_given_up_while_it_is_sent_on_ends);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
