/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who is a peer (doc/ARCHITECTURE): client first, promoted after a time and only with links to all
 * neighbours, a client again when that is no longer so. Whole nodes in virtual time.
 */
#include "config.h"

#include "tests/support/test.h"
#include "tests/support/world.h"

#define SEC PL_USEC_PER_SEC
#define N 14
#define ODD 10 /* the node that is looked at */

static PlWorld *
make (guint64 seed, gint64 promote_after)
{
  PlWorldOptions options = { .seed = seed, .n = N, .n_boot = 2, .promote_after = promote_after };
  PlWorld *world = pl_world_new (&options);

  pl_world_grow (world, 2);
  return world;
}

static void
start (PlWorld *world, guint i)
{
  pl_world_start (world, i, PL_ROLE_AUTO);
  ck_assert (pl_world_wait_state (world, i, PL_NODE_CLIENT, 10 * SEC));
  pl_node_register (pl_world_node (world, i), pl_world_aor (world, i));
  ck_assert (pl_world_wait_registered (world, i, 10 * SEC));
}

static gboolean
is_peer (PlWorld *world, guint i)
{
  return pl_node_state (pl_world_node (world, i)) == PL_NODE_PEER;
}

static gboolean
has_link (PlWorld *world, guint from, guint to)
{
  g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_world_node (world, from));

  for (guint i = 0; i < peers->len; i++)
    if (pl_node_id_equal (&((PlPeerInfo *) g_ptr_array_index (peers, i))->node, pl_world_id (world, to)))
      return TRUE;
  return FALSE;
}

/* The k-th peer after i on the ring. */
static guint
after (PlWorld *world, guint i, guint k)
{
  PlNodeId last = *pl_world_id (world, i);
  guint at = i;

  while (k-- > 0)
    {
      PlNodeId best = { { 0 } };
      guint next = at;

      for (guint j = 0; j < N; j++)
        {
          PlNodeId distance = pl_node_id_sub (pl_world_id (world, j), &last);

          if (j == at || !pl_world_node (world, j) || !is_peer (world, j)
              || (next != at && pl_node_id_compare (&distance, &best) >= 0))
            continue;
          best = distance;
          next = j;
        }
      at = next;
      last = *pl_world_id (world, at);
    }
  return at;
}

static void
assert_ring_is_linked (PlWorld *world, guint *peers)
{
  *peers = 0;
  for (guint i = 0; i < N; i++)
    {
      if (!pl_world_node (world, i) || !is_peer (world, i))
        continue;
      ++*peers;
      for (guint k = 1; k <= 3; k++)
        if (after (world, i, k) != i)
          ck_assert_msg (has_link (world, i, after (world, i, k)), "peer %u lacks its successor %u", i, k);
    }
}

/* They reach only those without a NAT: such a node is a peer only among them. */
START_TEST (nodes_behind_symmetric_nats_do_not_tear_the_ring)
{
  g_autoptr (PlWorld) world = make (401, 20 * SEC);
  guint peers, clients = 0;

  for (guint i = 2; i < N; i++)
    {
      pl_world_set_nat (world, i, i % 3 == 0 ? PL_VNET_SYMMETRIC : PL_VNET_OPEN);
      start (world, i);
      pl_world_run (world, 5 * SEC);
    }
  pl_world_run (world, 400 * SEC);
  assert_ring_is_linked (world, &peers);
  for (guint i = 2; i < N; i++)
    {
      clients += !is_peer (world, i);
      ck_assert (pl_node_state (pl_world_node (world, i)) >= PL_NODE_CLIENT);
      ck_assert_msg (pl_world_finds (world, (i + 3) % N, i), "node %u is not found", i);
    }
  g_print ("# %u peers, %u clients\n", peers, clients);
  ck_assert_uint_ge (peers, 8);
  ck_assert_uint_ge (clients, 1);
}
END_TEST

START_TEST (laptops_that_come_for_two_minutes_never_become_peers)
{
  g_autoptr (PlWorld) world = make (402, 1800 * SEC);

  for (guint i = 2; i < 8; i++)
    {
      start (world, i);
      for (guint step = 0; step < 12; step++)
        {
          ck_assert_int_eq (pl_node_state (pl_world_node (world, i)), PL_NODE_CLIENT);
          pl_world_run (world, 10 * SEC);
        }
      ck_assert (pl_world_call (world, 1, i)); /* calls work at once all the same */
      if (i % 2)
        pl_world_stop (world, i);
      else
        pl_world_kill (world, i);
    }
  start (world, 8);
  pl_world_run (world, 1790 * SEC);
  ck_assert (!is_peer (world, 8));
  pl_world_run (world, 20 * SEC);
  ck_assert (is_peer (world, 8));
}
END_TEST

static void
grow_auto (PlWorld *world)
{
  for (guint i = 2; i < N; i++)
    {
      start (world, i);
      ck_assert (pl_world_wait_state (world, i, PL_NODE_PEER, 30 * SEC));
    }
  pl_world_run (world, 20 * SEC);
}

/* On battery or a metered network: what it keeps goes to others first. */
START_TEST (reluctant_peer_hands_over_and_goes_on_as_a_client)
{
  g_autoptr (PlWorld) world = make (403, 5 * SEC);
  PlNode *node;

  grow_auto (world);
  node = pl_world_node (world, ODD);
  ck_assert_uint_gt (pl_store_n_resources (pl_world_store (world, ODD)), 0);
  pl_node_set_reluctant (node, TRUE);
  ck_assert (pl_world_wait_state (world, ODD, PL_NODE_CLIENT, 5 * SEC));
  ck_assert_uint_eq (pl_store_n_resources (pl_world_store (world, ODD)), 0);
  for (guint i = 0; i < N; i++)
    ck_assert_msg (pl_world_finds (world, (i + 1) % N, i), "node %u is not found", i);
  pl_world_run (world, 10 * SEC);
  for (guint i = 0; i < N; i++)
    ck_assert_uint_ge (pl_world_holders (world, i), 3);
  ck_assert (pl_world_call (world, 3, ODD));
  ck_assert (pl_world_call (world, ODD, 3));
  {
    g_autoptr (GPtrArray) peers = pl_node_dup_peers (node);

    ck_assert_uint_le (peers->len, 3); /* links to keep alive cost it most */
  }
  pl_world_run (world, 60 * SEC);
  ck_assert_int_eq (pl_node_state (node), PL_NODE_CLIENT);
  pl_node_set_reluctant (node, FALSE);
  ck_assert (pl_world_wait_state (world, ODD, PL_NODE_PEER, 20 * SEC));
}
END_TEST

typedef struct { PlWorld *world; guint a, b; } Pair;

static gboolean
between_two (gpointer user, const PlNodeId *a, const PlNodeId *b)
{
  const Pair *pair = user;
  const PlNodeId *x = pl_world_id (pair->world, pair->a), *y = pl_world_id (pair->world, pair->b);

  return (pl_node_id_equal (a, x) && pl_node_id_equal (b, y)) || (pl_node_id_equal (a, y) && pl_node_id_equal (b, x));
}

START_TEST (peer_that_cannot_make_a_neighbour_link_again_steps_down)
{
  g_autoptr (PlWorld) world = make (404, 5 * SEC);
  Pair pair = { world, ODD, 0 };
  guint peers;

  grow_auto (world);
  pair.b = after (world, ODD, 1);
  pl_vnet_set_cut (pl_world_net (world), between_two, &pair);
  pl_world_run (world, 180 * SEC);
  ck_assert (!is_peer (world, pair.a) || !is_peer (world, pair.b));
  assert_ring_is_linked (world, &peers);
  ck_assert_uint_ge (peers, N - 2);
  for (guint i = 0; i < N; i++)
    ck_assert_msg (pl_world_finds (world, (i + 1) % N, i), "node %u is not found", i);
  pl_vnet_set_cut (pl_world_net (world), NULL, NULL);
}
END_TEST

/* 293, 4.2.1: its Node-ID leads nowhere, so its registration names the way; once its own peer can be
 * reached it goes there. */
START_TEST (client_that_cannot_reach_its_peer_is_called_through_another)
{
  g_autoptr (PlWorld) world = make (406, 5 * SEC);
  Pair pair = { world, ODD, 0 };

  for (guint i = 2; i < 9; i++)
    {
      start (world, i);
      ck_assert (pl_world_wait_state (world, i, PL_NODE_PEER, 30 * SEC));
    }
  pl_world_run (world, 20 * SEC);
  pair.b = after (world, ODD, 1);
  pl_vnet_set_cut (pl_world_net (world), between_two, &pair);
  pl_world_start (world, ODD, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, ODD, PL_NODE_CLIENT, 10 * SEC));
  pl_node_register (pl_world_node (world, ODD), pl_world_aor (world, ODD));
  ck_assert (pl_world_wait_registered (world, ODD, 10 * SEC));
  pl_world_run (world, 60 * SEC);
  ck_assert (!has_link (world, ODD, pair.b));
  for (guint i = 0; i < 9; i++)
    if (i != pair.b)
      {
        ck_assert_msg (pl_world_finds (world, i, ODD), "node %u does not find it", i);
        ck_assert_msg (pl_world_call (world, i, ODD), "node %u does not get through", i);
      }
  pl_vnet_set_cut (pl_world_net (world), NULL, NULL);
  pl_world_run (world, 60 * SEC);
  ck_assert (has_link (world, ODD, pair.b));
  ck_assert (pl_world_finds (world, pair.b, ODD));
  ck_assert (pl_world_call (world, pair.b, ODD));
}
END_TEST

/* Somebody who died is not somebody who can't be reached. */
START_TEST (death_of_a_neighbour_makes_nobody_step_down)
{
  g_autoptr (PlWorld) world = make (405, 5 * SEC);

  grow_auto (world);
  for (guint i = 2; i < 6; i++)
    {
      pl_world_kill (world, i);
      pl_world_run (world, 40 * SEC);
      for (guint j = 6; j < N; j++)
        ck_assert_msg (is_peer (world, j), "node %u stepped down", j);
    }
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/roles");
  TCase *t = tcase_create ("roles");

  tcase_set_timeout (t, 60);
  tcase_add_test (t, nodes_behind_symmetric_nats_do_not_tear_the_ring);
  tcase_add_test (t, laptops_that_come_for_two_minutes_never_become_peers);
  tcase_add_test (t, reluctant_peer_hands_over_and_goes_on_as_a_client);
  tcase_add_test (t, peer_that_cannot_make_a_neighbour_link_again_steps_down);
  tcase_add_test (t, client_that_cannot_reach_its_peer_is_called_through_another);
  tcase_add_test (t, death_of_a_neighbour_makes_nobody_step_down);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
