/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/overlay/usagenet.h"

#include "overlay/usage/round.h"

#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"

#define PLACE 100         /* verdicts on who answers for place n: PLACE + n; on the n-th first hop: n */
#define HOUR (60 * MINUTE / PL_USEC_PER_MSEC)

static PlRounds *rounds;
static PlRound *current;
static gint64 enough_at;
static guint n_entries;

static void
setup_round (void)
{
  setup ();
  rounds = pl_rounds_new (env, net);
  n_places = 3;
  enough_at = 0;
}

static void
teardown_round (void)
{
  pl_rounds_free (rounds);
  teardown ();
}

/* A registration of Bob's, or that there is none any more. */
static void
publish (guint place, gboolean exists, guint64 time)
{
  g_autoptr (GBytes) key = g_bytes_new (pl_identity_node_id (bob)->b, PL_NODE_ID_LEN);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("value", 5);
  PlStoredDataValue value = { PL_DATA_DICTIONARY, 0, key, { exists, exists ? bytes : NULL } };
  PlResourceId resource;

  pl_aor_place (BOB, (guint8) place, &resource);
  keep (kept_new (bob, &resource, place ? PL_KIND_REGISTRATION_COPY : PL_KIND_SIP_REGISTRATION, &value, time));
}

static void
publish_everywhere (void)
{
  for (guint i = 0; i < n_places; i++)
    publish (i, TRUE, HOUR + i);
}

static void
on_enough (gpointer user)
{
  enough_at = pl_universe_now (universe);
  n_entries = pl_round_entries (current)->len;
  pl_round_let_go (g_steal_pointer (&current));
}

/* Microseconds until there was enough; everything is over when it returns. */
static gint64
run_round (void)
{
  gint64 start = pl_universe_now (universe);

  enough_at = 0;
  current = pl_round_start (rounds, BOB, on_enough, NULL);
  ck_assert_int_eq (enough_at, 0);
  pl_universe_run (universe, 12 * SEC);
  ck_assert_int_ne (enough_at, 0);
  ck_assert_uint_eq (calls->len, 0);
  return enough_at - start;
}

/* The fast way stays what it was. */
START_TEST (among_honest_peers_each_place_is_asked_once)
{
  publish_everywhere ();
  ck_assert_int_le (run_round (), 52 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (n_entries, 1);
  ck_assert_uint_eq (n_fetches, 3);
  for (guint i = 0; i < 3; i++)
    ck_assert_uint_eq (verdicts[PLACE + i][PL_VERDICT_GOOD], 1);
}
END_TEST

/* S1-61, S2-24: the places are asked at once, each first through another peer */
START_TEST (first_hops_differ)
{
  publish_everywhere ();
  run_round ();
  for (guint i = 1; i <= 3; i++)
    ck_assert_uint_eq (verdicts[i][PL_VERDICT_GOOD], 1);
}
END_TEST

/* S2-06, S2-24, S2-42, S2-65: a first hop that lets requests vanish costs a moment, and is noticed */
START_TEST (silence_is_passed_by_and_counted)
{
  n_places = 1;
  publish_everywhere ();
  lossy = 1u << 1 | 1u << 2;
  ck_assert_int_le (run_round (), 2 * PL_ROUND_AGAIN + 52 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (n_entries, 1);
  ck_assert_uint_eq (verdicts[1][PL_VERDICT_SILENT], 1);
  ck_assert_uint_eq (verdicts[2][PL_VERDICT_SILENT], 1);
  ck_assert_uint_eq (verdicts[3][PL_VERDICT_GOOD], 1);
}
END_TEST

/* S2-42: also when another place had the answer at once; one more request tells who it was */
START_TEST (silence_is_looked_into_after_the_answer)
{
  publish_everywhere ();
  lossy = 1u << 2;
  ck_assert_int_le (run_round (), 80 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (n_fetches, 4);
  ck_assert_uint_eq (verdicts[2][PL_VERDICT_SILENT], 1);
}
END_TEST

/* The way is not to blame for a place that nobody gets to. */
START_TEST (silence_of_a_place_is_nobodys_fault)
{
  publish_everywhere ();
  sleepers = 1u << 1;
  run_round ();
  for (guint i = 0; i < 32; i++)
    ck_assert_uint_eq (verdicts[i][PL_VERDICT_SILENT], 0);
}
END_TEST

/* S2-20, S2-51 */
START_TEST (a_false_not_found_is_passed_by_and_counted)
{
  publish_everywhere ();
  liars = 1u << 0 | 1u << 2;
  ck_assert_int_le (run_round (), 80 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (n_entries, 1);
  ck_assert_uint_ge (verdicts[PLACE + 0][PL_VERDICT_DENIED], 1);
  ck_assert_uint_ge (verdicts[PLACE + 2][PL_VERDICT_DENIED], 1);
  ck_assert_uint_eq (verdicts[PLACE + 1][PL_VERDICT_DENIED], 0);
}
END_TEST

/* Where there is nothing, each place says so over two ways, and nobody lied. */
START_TEST (a_true_not_found_is_asked_for_twice_and_blames_nobody)
{
  ck_assert_int_le (run_round (), 102 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (n_entries, 0);
  ck_assert_uint_eq (n_fetches, 3 * PL_ROUND_DENIALS);
  for (guint i = 0; i < 3; i++)
    ck_assert_uint_eq (verdicts[PLACE + i][PL_VERDICT_DENIED], 0);
}
END_TEST

/* S2-02, S2-20, S2-66 */
START_TEST (a_value_that_others_have_newer_loses_and_is_counted)
{
  publish (0, TRUE, HOUR);
  publish (1, FALSE, HOUR + PL_ROUND_OLD + 1);
  publish (2, TRUE, HOUR + PL_ROUND_OLD - 1);
  run_round ();
  ck_assert_uint_eq (n_entries, 1);
  ck_assert_uint_eq (verdicts[PLACE + 0][PL_VERDICT_OLD], 1);
  ck_assert_uint_eq (verdicts[PLACE + 1][PL_VERDICT_OLD], 0);
  ck_assert_uint_eq (verdicts[PLACE + 2][PL_VERDICT_OLD], 0);
  /* the same place gives one from before */
  publish (0, TRUE, HOUR - 1);
  run_round ();
  ck_assert_uint_ge (verdicts[PLACE + 0][PL_VERDICT_OLD], 2);
}
END_TEST

/* S2-52: ten tries in five seconds, iterative ones among them */
START_TEST (tries_and_time_are_bounded)
{
  silent = TRUE;
  ck_assert_int_eq (run_round (), PL_ROUND_TIME_MAX);
  ck_assert_uint_eq (n_fetches, PL_ROUND_TRIES_MAX);
  ck_assert_uint_eq (n_iterative, 3);
}
END_TEST

START_TEST (what_is_cancelled_says_nothing)
{
  current = pl_round_start (rounds, BOB, on_enough, NULL);
  pl_round_cancel (g_steal_pointer (&current));
  pl_round_start (rounds, BOB, on_enough, NULL);
  g_clear_pointer (&rounds, pl_rounds_free);
  pl_universe_run (universe, 6 * SEC);
  ck_assert_int_eq (enough_at, 0);
  ck_assert_uint_eq (calls->len, 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/usage/round");
  TCase *t = tcase_create ("round");

  tcase_add_checked_fixture (t, setup_round, teardown_round);
  tcase_add_test (t, among_honest_peers_each_place_is_asked_once);
  tcase_add_test (t, first_hops_differ);
  tcase_add_test (t, silence_is_passed_by_and_counted);
  tcase_add_test (t, silence_is_looked_into_after_the_answer);
  tcase_add_test (t, silence_of_a_place_is_nobodys_fault);
  tcase_add_test (t, a_false_not_found_is_passed_by_and_counted);
  tcase_add_test (t, a_true_not_found_is_asked_for_twice_and_blames_nobody);
  tcase_add_test (t, a_value_that_others_have_newer_loses_and_is_counted);
  tcase_add_test (t, tries_and_time_are_bounded);
  tcase_add_test (t, what_is_cancelled_says_nothing);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
