/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/universe.h"
#include "overlay/repute.h"
#include "tests/support/test.h"

static PlUniverse *universe;
static PlRepute *repute;

static void
setup (void)
{
  universe = pl_universe_new (7);
  repute = pl_repute_new (pl_universe_env (universe));
}

static void
teardown (void)
{
  pl_repute_free (repute);
  pl_universe_free (universe);
}

static PlNodeId
node (guint n)
{
  return (PlNodeId) { .b = { [0] = n >> 8, [1] = n } };
}

/* `times` times, each for another place. */
static gboolean
note (guint n, PlVerdict verdict, guint times)
{
  static guint8 next;
  PlNodeId id = node (n);
  gboolean now = FALSE;

  while (times-- > 0)
    {
      PlResourceId place = { .len = PL_NODE_ID_LEN, .b = { next++ } };

      now |= pl_repute_note (repute, &id, verdict, &place);
    }
  return now;
}

static gboolean
shuns (guint n)
{
  PlNodeId id = node (n);

  return pl_repute_shuns (repute, &id);
}

START_TEST (who_keeps_failing_is_shunned_once_it_is_enough) /* S2-90, S2-105 */
{
  ck_assert (!note (1, PL_VERDICT_SILENT, 4));
  ck_assert (!shuns (1));
  ck_assert (note (1, PL_VERDICT_DENIED, 1));
  ck_assert (shuns (1));
  ck_assert (!note (1, PL_VERDICT_OLD, 1));
  ck_assert (!shuns (2));
}
END_TEST

/* Liars behind an honest peer, or a Store that went astray, speak against it for a place again and again. */
START_TEST (one_place_is_not_enough) /* S2-104 */
{
  PlNodeId id = node (1);
  PlResourceId place = { .len = PL_NODE_ID_LEN, .b = { 1 } };

  for (guint i = 0; i < 50; i++)
    pl_repute_note (repute, &id, PL_VERDICT_DENIED, &place);
  ck_assert (!shuns (1));
}
END_TEST

START_TEST (who_also_gets_through_is_not_shunned) /* S2-104 */
{
  for (guint i = 0; i < 50; i++)
    {
      note (1, PL_VERDICT_SILENT, 2);
      note (1, PL_VERDICT_GOOD, 1);
    }
  ck_assert (!shuns (1));
  note (2, PL_VERDICT_SILENT, 5);
  ck_assert (shuns (2));
  note (2, PL_VERDICT_GOOD, 3);
  ck_assert (!shuns (2));
}
END_TEST

START_TEST (what_its_own_signatures_show_weighs_more) /* S2-22 */
{
  ck_assert (!note (1, PL_VERDICT_PROVEN, 2));
  ck_assert (note (1, PL_VERDICT_PROVEN, 1));
}
END_TEST

START_TEST (blame_fades)
{
  guint counts[PL_VERDICTS];
  PlNodeId id = node (1);

  note (1, PL_VERDICT_SILENT, 6);
  ck_assert (shuns (1));
  pl_universe_run (universe, PL_REPUTE_HALF_LIFE);
  ck_assert (shuns (1));
  pl_universe_run (universe, PL_REPUTE_HALF_LIFE);
  ck_assert (!shuns (1));
  ck_assert (pl_repute_counts (repute, &id, counts));
  ck_assert_uint_eq (counts[PL_VERDICT_SILENT], 6);
}
END_TEST

START_TEST (few_are_shunned_at_once_and_few_remembered) /* S2-104 */
{
  guint shunned = 0, kept = 0, counts[PL_VERDICTS];

  for (guint i = 0; i < 2 * PL_REPUTE_PEERS_MAX; i++)
    note (i, PL_VERDICT_SILENT, i == 0 ? 9 : 6);
  for (guint i = 0; i < 2 * PL_REPUTE_PEERS_MAX; i++)
    {
      PlNodeId id = node (i);

      shunned += shuns (i);
      kept += pl_repute_counts (repute, &id, counts);
    }
  ck_assert_uint_eq (shunned, PL_REPUTE_SHUNNED_MAX);
  ck_assert_uint_eq (kept, PL_REPUTE_PEERS_MAX);
  ck_assert (shuns (0));
}
END_TEST

START_TEST (praise_of_many_leaves_blame_and_those_heard_of_last)
{
  PlNodeId id = node (1);
  guint counts[PL_VERDICTS];

  note (1, PL_VERDICT_SILENT, 4);
  for (guint i = 2; i < 2 + 4 * PL_REPUTE_PEERS_MAX; i++)
    {
      note (i, PL_VERDICT_GOOD, 1);
      note (60000, PL_VERDICT_GOOD, 1);
      pl_universe_run (universe, PL_USEC_PER_SEC);
    }
  ck_assert (pl_repute_counts (repute, &id, counts));
  note (1, PL_VERDICT_SILENT, 3);
  ck_assert (shuns (1));
  note (60000, PL_VERDICT_SILENT, 9);
  ck_assert (!shuns (60000));
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/repute");
  TCase *t = tcase_create ("repute");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, who_keeps_failing_is_shunned_once_it_is_enough);
  tcase_add_test (t, one_place_is_not_enough);
  tcase_add_test (t, who_also_gets_through_is_not_shunned);
  tcase_add_test (t, what_its_own_signatures_show_weighs_more);
  tcase_add_test (t, blame_fades);
  tcase_add_test (t, few_are_shunned_at_once_and_few_remembered);
  tcase_add_test (t, praise_of_many_leaves_blame_and_those_heard_of_last);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
