/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A node whose machine has slept, or is in another network: what does not live is given up soon,
 * what lives stays. Whole nodes in virtual time.
 */
#include "config.h"

#include "overlay/node-priv.h"

#include "tests/support/test.h"
#include "tests/support/world.h"

#define ALICE 2

static PlWorld *world;

static void
setup (void)
{
  PlWorldOptions wish = { .seed = 33, .n = 3, .n_boot = 2, .promote_after = 3600 * PL_USEC_PER_SEC };

  world = pl_world_new (&wish);
  pl_world_grow (world, 2);
  pl_world_start (world, ALICE, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, ALICE, PL_NODE_CLIENT, 30 * PL_USEC_PER_SEC));
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
}

static void
teardown (void)
{
  pl_vnet_set_cut (pl_world_net (world), NULL, NULL);
  pl_world_free (world);
}

static gboolean
is_alices (gpointer user, const PlNodeId *from, const PlNodeId *to)
{
  return pl_node_id_equal (from, pl_world_id (world, ALICE)) || pl_node_id_equal (to, pl_world_id (world, ALICE));
}

START_TEST (links_that_live_stay_after_sleep)
{
  PlNode *alice = pl_world_node (world, ALICE);
  guint before = pl_forward_n_links (alice->forward);

  pl_node_network_changed (alice, NULL);
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  ck_assert_uint_gt (before, 0);
  ck_assert_uint_eq (pl_forward_n_links (alice->forward), before);
  ck_assert_int_eq (pl_node_state (alice), PL_NODE_CLIENT);
}
END_TEST

START_TEST (dead_links_are_given_up_soon_after_sleep)
{
  PlNode *alice = pl_world_node (world, ALICE);

  pl_vnet_set_cut (pl_world_net (world), is_alices, NULL);
  pl_world_run (world, PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_node_state (alice), PL_NODE_CLIENT); /* nothing was asked, nothing missed */
  pl_node_network_changed (alice, NULL);
  pl_world_run (world, 2500 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (pl_forward_n_links (alice->forward), 0);
  ck_assert_int_eq (pl_node_state (alice), PL_NODE_CONNECTING);
}
END_TEST

START_TEST (a_node_is_back_within_three_seconds_of_the_networks_return)
{
  PlNode *alice = pl_world_node (world, ALICE);
  const char *addresses[] = { "192.0.2.1", NULL };

  pl_vnet_set_cut (pl_world_net (world), is_alices, NULL);
  pl_node_network_changed (alice, addresses);
  pl_world_run (world, 300 * PL_USEC_PER_SEC); /* it tries more and more rarely */
  ck_assert_int_eq (pl_node_state (alice), PL_NODE_CONNECTING);
  pl_vnet_set_cut (pl_world_net (world), NULL, NULL);
  pl_node_network_changed (alice, addresses);
  ck_assert (pl_world_wait_state (world, ALICE, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("node network");
  TCase *tcase = tcase_create ("network");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, links_that_live_stay_after_sleep);
  tcase_add_test (tcase, dead_links_are_given_up_soon_after_sleep);
  tcase_add_test (tcase, a_node_is_back_within_three_seconds_of_the_networks_return);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
