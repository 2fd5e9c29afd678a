/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Death of daemons and links in mid-call (DESIGN.md, "A restart in mid-call").
 */
#include "config.h"

#include "tests/sip/stack-world.h"

typedef struct {
  World w;
  PlPhone *alice, *bob;
  char *offer, *answer;
  const char *call;
} Pair;

static void
pair_start (Pair *p)
{
  world_start (&p->w);
  p->alice = side_phone (&p->w, &p->w.a, ALICE, FALSE);
  p->bob = side_phone (&p->w, &p->w.b, BOB, FALSE);
  p->offer = pl_phone_make_sdp (1, FALSE);
  p->answer = pl_phone_make_sdp (2, TRUE);
  pl_phone_set_script (p->bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = p->answer });
}

static void
pair_call (Pair *p)
{
  p->call = pl_phone_invite (p->alice, BOB, p->offer);
  expect_message (p->alice, "200 INVITE");
  expect_message (p->bob, "ACK");
}

static void
pair_stop (Pair *p)
{
  pl_phone_free (p->alice);
  pl_phone_free (p->bob);
  world_stop (&p->w);
  g_free (p->offer);
  g_free (p->answer);
}

/* 0: the caller's daemon dies, 1: the callee's, 2: both. */
static void
kill_and_restart (Pair *p, int which)
{
  if (which != 1)
    side_kill (&p->w, &p->w.a);
  if (which != 0)
    side_kill (&p->w, &p->w.b);
  if (which != 1)
    side_start (&p->w, &p->w.a);
  if (which != 0)
    side_start (&p->w, &p->w.b);
}

START_TEST (bye_finds_its_way_after_a_restart)
{
  Pair p;
  PlCallInfo *info;

  pair_start (&p);
  pair_call (&p);
  pl_phone_idle (p.alice, 250); /* what is saved a moment later is saved */
  kill_and_restart (&p, _i % 3);
  if (_i < 3)
    {
      ck_assert (pl_phone_in_dialog (p.alice, p.call, "BYE", NULL, NULL));
      expect_message (p.bob, "BYE");
      expect_message (p.alice, "200 BYE");
    }
  else
    {
      ck_assert (pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL));
      expect_message (p.alice, "BYE");
      expect_message (p.bob, "200 BYE");
    }
  info = side_dup_call (&p.w.a);
  ck_assert_str_eq (info->state, "ended");
  ck_assert_str_eq (info->from, ALICE);
  pl_call_info_free (info);
  pair_stop (&p);
}
END_TEST

/* The first BYE meets nobody; the phone repeats it (RFC 3261, 17.1.2.2: T1 500 ms). */
START_TEST (bye_sent_while_the_daemon_is_dead_arrives)
{
  Pair p;

  pair_start (&p);
  pair_call (&p);
  pl_phone_idle (p.alice, 250);
  side_kill (&p.w, &p.w.b);
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "BYE", NULL, NULL));
  pl_phone_idle (p.alice, 900);
  side_start (&p.w, &p.w.b);
  ck_assert (pl_phone_wait (p.bob, "BYE", 1, 10000));
  ck_assert (pl_phone_wait (p.alice, "200 BYE", 1, 10000));
  pair_stop (&p);
}
END_TEST

START_TEST (answer_overtaken_by_a_restart_still_arrives)
{
  Pair p;

  pair_start (&p);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  p.call = pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "180 INVITE");
  pl_phone_idle (p.alice, 250);
  kill_and_restart (&p, _i);
  ck_assert (pl_phone_answer (p.bob, p.call, 200, NULL, p.answer));
  expect_message (p.alice, "200 INVITE");
  expect_message (p.bob, "ACK");
  pl_phone_in_dialog (p.alice, p.call, "BYE", NULL, NULL);
  expect_message (p.bob, "BYE");
  pair_stop (&p);
}
END_TEST

START_TEST (bindings_come_back_with_the_daemon)
{
  Pair p;

  pair_start (&p);
  kill_and_restart (&p, 1);
  pl_phone_idle (p.bob, 20);
  ck_assert (pl_fake_daemon_registered (p.w.b.daemon));
  pair_call (&p);
  pair_stop (&p);
}
END_TEST

START_TEST (closed_link_is_replaced_when_needed)
{
  Pair p;

  pair_start (&p);
  pair_call (&p);
  pl_fake_net_close_links (p.w.net, "gone");
  pl_phone_idle (p.alice, 20);
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL));
  expect_message (p.alice, "BYE");
  expect_message (p.bob, "200 BYE");
  pair_stop (&p);
}
END_TEST

/* 2 s without an acknowledgement: a new link takes what the old one did not deliver. */
START_TEST (stalled_link_is_replaced_and_loses_nothing)
{
  Pair p;

  pair_start (&p);
  pair_call (&p);
  pl_fake_net_set_cut (p.w.net, TRUE);
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "BYE", NULL, NULL));
  pl_phone_idle (p.alice, 1500);
  pl_fake_net_set_cut (p.w.net, FALSE);
  ck_assert (pl_phone_wait (p.bob, "BYE", 1, 4000));
  ck_assert (pl_phone_wait (p.alice, "200 BYE", 1, 4000));
  pair_stop (&p);
}
END_TEST

START_TEST (tcp_phone_that_comes_back_is_found)
{
  Pair p;
  PlPhone *tcp;

  pair_start (&p);
  pl_phone_register (p.bob, 0);
  ck_assert (pl_phone_wait (p.bob, "200 REGISTER", 2, WAIT));
  tcp = side_phone (&p.w, &p.w.b, BOB, TRUE);
  pl_phone_set_script (tcp, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = p.answer });
  p.call = pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (tcp, "ACK");
  pl_phone_disconnect (tcp);
  pl_phone_idle (tcp, 20);
  pl_phone_register (tcp, 300);
  ck_assert (pl_phone_wait (tcp, "200 REGISTER", 2, WAIT));
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "BYE", NULL, NULL));
  expect_message (tcp, "BYE");
  expect_message (p.alice, "200 BYE");
  pl_phone_free (tcp);
  pair_stop (&p);
}
END_TEST

/* A binding whose phone is gone is not rung into the void. */
START_TEST (phone_that_died_counts_as_absent)
{
  Pair p;

  pair_start (&p);
  pl_phone_free (p.bob);
  p.bob = pl_phone_new (p.w.context, BOB, pl_sip_listening (p.w.b.sip)[0], FALSE);
  pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "480 INVITE");
  pair_stop (&p);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *c = tcase_create ("stack/restart");

  tcase_set_timeout (c, 60);
  tcase_add_loop_test (c, bye_finds_its_way_after_a_restart, 0, 6);
  tcase_add_test (c, bye_sent_while_the_daemon_is_dead_arrives);
  tcase_add_loop_test (c, answer_overtaken_by_a_restart_still_arrives, 0, 3);
  tcase_add_test (c, bindings_come_back_with_the_daemon);
  tcase_add_test (c, closed_link_is_replaced_when_needed);
  tcase_add_test (c, stalled_link_is_replaced_and_loses_nothing);
  tcase_add_test (c, tcp_phone_that_comes_back_is_found);
  tcase_add_test (c, phone_that_died_counts_as_absent);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
