/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The built-in echo, with media edges by script.
 */
#include "config.h"

#include "tests/sip/stack-world.h"

#include <string.h>

#define ECHO "echo@localhost"

typedef struct {
  World w;
  PlPhone *alice;
  char *secure;   /* a phone with ICE and DTLS-SRTP */
} One;

static const char plain[] = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                            "m=audio 7078 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

static void
one_start (One *o)
{
  world_start (&o->w);
  side_give_edges (&o->w, &o->w.a);
  o->alice = side_phone (&o->w, &o->w.a, ALICE, FALSE);
  o->secure = pl_phone_make_sdp (1, FALSE);
}

static void
one_stop (One *o)
{
  pl_phone_free (o->alice);
  world_stop (&o->w);
  g_free (o->secure);
}

static void
expect_edges (One *o, guint n)
{
  pl_phone_idle (o->alice, 30);
  ck_assert_uint_eq (pl_fake_media_live (o->w.a.media), n);
}

static void
hang_up (One *o, const char *call)
{
  ck_assert (pl_phone_in_dialog (o->alice, call, "BYE", NULL, NULL));
  expect_message (o->alice, "200 BYE");
  expect_edges (o, 0);
}

START_TEST (echo_answers_a_phone_with_ice_by_an_edge_that_gives_back)
{
  One o;
  const char *call, *answer;
  PlCallInfo *info;

  one_start (&o);
  call = pl_phone_invite (o.alice, ECHO, o.secure);
  expect_message (o.alice, "200 INVITE");
  answer = pl_phone_last (o.alice, "200 INVITE")->body;
  expect_contains (answer, "a=ice-ufrag:edge\r\n");
  expect_contains (answer, "a=fingerprint:sha-256 ");
  expect_contains (answer, "a=sendrecv\r\n");
  expect_lacks (answer, "127.0.0.1");
  expect_contains (answer, "192.0.2.99 50000");
  expect_lacks (answer, "203.0.113.9"); /* not out of this machine and back */
  expect_edges (&o, 1);
  ck_assert_uint_eq (pl_fake_media_phone (o.w.a.media, 0), PL_FAKE_MEDIA_ECHO);
  ck_assert_str_eq (pl_fake_media_far (o.w.a.media, 0), "host1");
  ck_assert (!pl_fake_media_controlling (o.w.a.media, 0));
  info = side_dup_call (&o.w.a);
  ck_assert_str_eq (info->to, ECHO);
  ck_assert_str_eq (info->media, "ice+dtls-srtp");
  ck_assert_str_eq (info->state, "established");
  pl_call_info_free (info);
  pl_phone_clear (o.alice);
  pl_phone_idle (o.alice, 700); /* longer than T1: what was acknowledged is not repeated */
  ck_assert_uint_eq (pl_phone_count (o.alice, "200 INVITE"), 0);
  hang_up (&o, call);
  one_stop (&o);
}
END_TEST

START_TEST (phone_without_ice_reaches_the_echo_through_an_edge_of_its_own)
{
  One o;
  const char *call;

  one_start (&o);
  call = pl_phone_invite (o.alice, ECHO, plain);
  expect_message (o.alice, "200 INVITE");
  expect_contains (pl_phone_last (o.alice, "200 INVITE")->body, "m=audio 42000 RTP/AVP 0");
  expect_edges (&o, 2);
  ck_assert_uint_eq (pl_fake_media_phone (o.w.a.media, 0), 7078);
  ck_assert_uint_eq (pl_fake_media_phone (o.w.a.media, 1), PL_FAKE_MEDIA_ECHO);
  hang_up (&o, call);
  one_stop (&o);
}
END_TEST

START_TEST (echo_of_any_domain_is_found_where_nobody_has_that_name)
{
  One o;
  const char *call;

  one_start (&o);
  call = pl_phone_invite (o.alice, "echo@example.org", o.secure);
  expect_message (o.alice, "200 INVITE");
  hang_up (&o, call);
  pl_phone_clear (o.alice);
  pl_fake_net_set_result (o.w.net, "echo@example.org", PL_RESOLVE_OFFLINE); /* now there is such a person */
  pl_phone_invite (o.alice, "echo@example.org", o.secure);
  expect_message (o.alice, "480 INVITE");
  pl_phone_invite (o.alice, "nobody@example.org", o.secure);
  expect_message (o.alice, "404 INVITE");
  one_stop (&o);
}
END_TEST

START_TEST (echo_goes_on_after_hold_and_another_offer)
{
  One o;
  g_autofree char *held = NULL;
  const char *call;

  one_start (&o);
  call = pl_phone_invite (o.alice, ECHO, o.secure);
  expect_message (o.alice, "200 INVITE");
  pl_phone_idle (o.alice, 30);
  pl_phone_clear (o.alice);
  held = g_strconcat (o.secure, "a=sendonly\r\n", NULL);
  ck_assert (pl_phone_in_dialog (o.alice, call, "INVITE", NULL, held));
  expect_message (o.alice, "200 INVITE");
  expect_contains (pl_phone_last (o.alice, "200 INVITE")->body, "a=recvonly\r\n");
  expect_contains (pl_phone_last (o.alice, "200 INVITE")->body, "a=ice-ufrag:edge\r\n");
  ck_assert_uint_eq (pl_fake_media_fars (o.w.a.media, 0), 1);
  hang_up (&o, call);
  one_stop (&o);
}
END_TEST

START_TEST (echo_repeats_its_answer_until_it_is_acknowledged)
{
  One o;

  one_start (&o);
  pl_phone_set_script (o.alice, &(PlPhoneScript){ .no_ack = TRUE });
  pl_phone_invite (o.alice, ECHO, o.secure);
  ck_assert (pl_phone_wait (o.alice, "200 INVITE", 2, WAIT));
  one_stop (&o);
}
END_TEST

START_TEST (echo_hangs_up_when_its_edge_fails)
{
  One o;

  one_start (&o);
  pl_phone_invite (o.alice, ECHO, o.secure);
  expect_message (o.alice, "200 INVITE");
  pl_phone_idle (o.alice, 30);
  pl_fake_media_kill (o.w.a.media, 0);
  expect_message (o.alice, "BYE");
  expect_edges (&o, 0);
  one_stop (&o);
}
END_TEST

START_TEST (echo_says_why_it_cannot)
{
  One o;
  const char *text;

  one_start (&o);
  pl_phone_invite (o.alice, ECHO, NULL);
  expect_message (o.alice, "488 INVITE");
  pl_phone_clear (o.alice);
  pl_fake_media_set_allowed (o.w.a.media, FALSE);
  pl_phone_invite (o.alice, ECHO, o.secure);
  text = expect_message (o.alice, "488 INVITE");
  expect_contains (text, "peerline.conf");
  pl_fake_media_set_allowed (o.w.a.media, TRUE);
  for (guint i = 0; i < 5; i++)
    pl_phone_invite (o.alice, ECHO, o.secure);
  ck_assert (pl_phone_wait (o.alice, "200 INVITE", 4, WAIT));
  expect_message (o.alice, "486 INVITE");
  expect_edges (&o, 4);
  one_stop (&o);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *c = tcase_create ("stack/echo");

  tcase_set_timeout (c, 60);
  tcase_add_test (c, echo_answers_a_phone_with_ice_by_an_edge_that_gives_back);
  tcase_add_test (c, phone_without_ice_reaches_the_echo_through_an_edge_of_its_own);
  tcase_add_test (c, echo_of_any_domain_is_found_where_nobody_has_that_name);
  tcase_add_test (c, echo_goes_on_after_hold_and_another_offer);
  tcase_add_test (c, echo_repeats_its_answer_until_it_is_acknowledged);
  tcase_add_test (c, echo_hangs_up_when_its_edge_fails);
  tcase_add_test (c, echo_says_why_it_cannot);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
