/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * 64 peers in one process in virtual time: everyone is found; a third dies.
 */
#include "config.h"

#include "tests/support/test.h"
#include "tests/support/world.h"

#define SEC PL_USEC_PER_SEC
#define N 64
#define N_SLOW 16 /* under valgrind (PL_SLOW) */
#define SAMPLE 96

/* Every third peer but the first, which the others bootstrap from. */
static gboolean
is_doomed (guint i)
{
  return i % 3 == 1;
}

/* Growing is the long part: done once, before the tests fork off. Without forks the first test
 * uses this world up and the next grows another. */
static guint n_peers = N;
static PlWorld *grown;
static gboolean used;

static void
grow (void)
{
  PlWorldOptions options = { .seed = 64000, .n = n_peers, .n_boot = 3 };

  g_clear_pointer (&grown, pl_world_free);
  grown = pl_world_new (&options);
  pl_world_grow (grown, n_peers);
  pl_world_report (grown, "grown");
  used = FALSE;
}

static void
fell (void)
{
  g_clear_pointer (&grown, pl_world_free);
}

static PlWorld *
grown_world (void)
{
  if (used)
    grow ();
  used = TRUE;
  return grown;
}

static guint
next_alive (PlWorld *world, guint i)
{
  for (i %= n_peers; !pl_world_node (world, i); i = (i + 1) % n_peers)
    ;
  return i;
}

/* Looks from a changing node for each living one; a sample of all pairs is enough. */
static void
assert_all_found (PlWorld *world)
{
  for (guint k = 0; k < SAMPLE; k++)
    {
      guint from = next_alive (world, k * 7 + 3), to = next_alive (world, k);

      ck_assert_msg (pl_world_finds (world, from, to), "node %u does not find %u, %u holders", from, to,
                     pl_world_holders (world, to));
    }
}

START_TEST (everyone_finds_everyone_in_a_ring_of_64) /* S1-06, S2-78, S2-79 */
{
  PlWorld *world = grown_world ();

  pl_world_run (world, 60 * SEC);
  for (guint i = 0; i < n_peers; i++)
    ck_assert_msg (pl_world_holders (world, i) >= 3, "node %u has %u holders", i, pl_world_holders (world, i));
  assert_all_found (world);
  ck_assert_int_eq (pl_world_lookup (world, 5, "nobody@example.org", NULL), PL_LOOKUP_UNKNOWN);
  ck_assert (pl_world_call (world, 5, n_peers - 2));
  pl_world_report (world, "all found");
}
END_TEST

/* In the ring, its neighbours attached, its data taken over; and no more work in a larger ring but
 * what fingers cost. */
START_TEST (a_join_at_40_ms_takes_at_most_one_and_a_half_seconds)
{
  PlVNetConditions conditions = { .delay_min = 20 * PL_USEC_PER_MSEC, .delay_max = 20 * PL_USEC_PER_MSEC };
  PlWorld *world = grown_world ();
  guint64 records, most = 0;
  gint64 start, slowest = 0;

  pl_vnet_set (pl_world_net (world), &conditions);
  pl_world_run (world, 20 * SEC);
  for (guint i = 1; i < n_peers; i += n_peers / 8)
    {
      pl_world_stop (world, i);
      pl_world_run (world, 10 * SEC);
      start = pl_universe_now (pl_world_universe (world));
      records = pl_vnet_records (pl_world_net (world));
      pl_world_start (world, i, PL_ROLE_PEER);
      ck_assert_msg (pl_world_wait_state (world, i, PL_NODE_PEER, 3 * SEC / 2), "node %u takes too long", i);
      slowest = MAX (slowest, pl_universe_now (pl_world_universe (world)) - start);
      pl_node_register (pl_world_node (world, i), pl_world_aor (world, i));
      pl_world_run (world, 3 * SEC);
      most = MAX (most, pl_vnet_records (pl_world_net (world)) - records);
      for (guint j = i + 1; j < i + 3; j++)
        ck_assert (pl_world_finds (world, i, j % n_peers));
    }
  g_print ("# slowest join %.0f ms, at most %" G_GUINT64_FORMAT " records for one\n", (double) slowest / PL_USEC_PER_MSEC, most);
  ck_assert_uint_le (most, 4000);
}
END_TEST

START_TEST (a_third_dies_one_by_one_and_all_others_are_found) /* S2-99 */
{
  PlWorld *world = grown_world ();

  for (guint i = 0; i < n_peers; i++)
    if (is_doomed (i))
      {
        pl_world_kill (world, i);
        pl_world_run (world, 60 * SEC);
      }
  pl_world_report (world, "a third died");
  assert_all_found (world);
  pl_world_report (world, "all found");
}
END_TEST

START_TEST (a_third_dies_at_once_and_what_has_a_holder_is_found) /* S2-99 */
{
  PlWorld *world = grown_world ();
  gboolean held[N] = { FALSE };
  guint n_held = 0;

  pl_world_run (world, 60 * SEC);
  for (guint i = 0; i < n_peers; i++)
    if (is_doomed (i))
      pl_world_kill (world, i);
  for (guint i = 0; i < n_peers; i++)
    {
      held[i] = pl_world_node (world, i) && pl_world_holders (world, i) > 0;
      n_held += held[i] ? 1 : 0;
    }
  g_print ("# %u of the living still have a holder\n", n_held);
  /* time to see and to mend, but not for the refreshing of registrations */
  pl_world_run (world, 30 * SEC);
  for (guint i = 0; i < n_peers; i++)
    ck_assert_msg (!held[i] || pl_world_finds (world, next_alive (world, i * 5 + 2), i),
                   "node %u is not found; %u holders", i, pl_world_holders (world, i));
  /* everyone else has registered again by now */
  pl_world_run (world, 330 * SEC);
  assert_all_found (world);
  pl_world_report (world, "all found");
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/ring");
  TCase *t = tcase_create ("64 peers");

  tcase_set_timeout (t, 60);
  tcase_add_unchecked_fixture (t, grow, fell);
  tcase_add_test (t, everyone_finds_everyone_in_a_ring_of_64);
  tcase_add_test (t, a_join_at_40_ms_takes_at_most_one_and_a_half_seconds);
  tcase_add_test (t, a_third_dies_one_by_one_and_all_others_are_found);
  tcase_add_test (t, a_third_dies_at_once_and_what_has_a_holder_is_found);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  if (g_getenv ("PL_SLOW"))
    n_peers = N_SLOW;
  return pl_test_run (suite (), NULL);
}
