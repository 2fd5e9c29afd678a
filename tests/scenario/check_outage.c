/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The network goes away and comes back, clocks step, nodes vanish in the middle of something:
 * whole nodes in virtual time.
 */
#include "config.h"

#include "tests/support/test.h"
#include "tests/support/world.h"

#define SEC PL_USEC_PER_SEC
#define PEERS 4
#define CALLER 4
#define CALLEE 5
#define ALL 6

typedef struct {
  PlWorld *world;
  guint who;            /* ALL: everybody */
} Outage;

/* Four peers, two of them listening, and two clients whose users are registered. */
static PlWorld *
make (guint64 seed)
{
  PlWorldOptions options = { .seed = seed, .n = ALL, .n_boot = 2 };
  PlWorld *world = pl_world_new (&options);

  pl_world_grow (world, PEERS);
  for (guint i = PEERS; i < ALL; i++)
    {
      pl_world_start (world, i, PL_ROLE_CLIENT);
      ck_assert (pl_world_wait_state (world, i, PL_NODE_CLIENT, 20 * SEC));
      pl_node_register (pl_world_node (world, i), pl_world_aor (world, i));
      ck_assert (pl_world_wait_registered (world, i, 10 * SEC));
    }
  pl_world_run (world, 20 * SEC);
  return world;
}

static gboolean
drop (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  Outage *outage = user;
  const PlNodeId *id = outage->who < ALL ? pl_world_id (outage->world, outage->who) : NULL;

  return id && !pl_node_id_equal (from, id) && !pl_node_id_equal (to, id);
}

static void
lose (PlWorld *world, guint who, gint64 time)
{
  Outage outage = { world, who };

  pl_vnet_set_tap (pl_world_net (world), drop, &outage);
  pl_world_run (world, time);
  pl_vnet_set_tap (pl_world_net (world), NULL, NULL);
}

/* Laptops change networks: _i is who loses it for a minute. */
START_TEST (a_minute_without_network_is_made_good_in_half_a_minute)
{
  g_autoptr (PlWorld) world = make (201 + _i);

  lose (world, _i, 60 * SEC);
  pl_world_run (world, 30 * SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, CALLEE)), PL_NODE_CLIENT);
  ck_assert_int_eq (pl_world_lookup (world, CALLER, pl_world_aor (world, CALLEE), NULL), PL_LOOKUP_FOUND);
  ck_assert (pl_world_call (world, CALLER, CALLEE));
  ck_assert (pl_world_call (world, CALLEE, CALLER));
  for (guint i = 0; i < PEERS; i++)
    ck_assert_int_eq (pl_node_state (pl_world_node (world, i)), PL_NODE_PEER);
}
END_TEST

START_TEST (every_peer_restarts_and_clients_come_back)
{
  g_autoptr (PlWorld) world = make (211);

  for (guint i = 0; i < PEERS; i++)
    {
      pl_world_kill (world, i);
      pl_world_run (world, 2 * SEC);
      pl_world_start (world, i, i < 2 ? PL_ROLE_BOOTSTRAP : PL_ROLE_PEER);
      pl_world_run (world, 20 * SEC);
    }
  pl_world_run (world, 20 * SEC);
  ck_assert (pl_world_call (world, CALLER, CALLEE));
  ck_assert (pl_world_call (world, CALLEE, CALLER));
}
END_TEST

/* S1-51: a step of the clock, forth and back again. */
START_TEST (a_step_of_the_wall_clock_passes)
{
  static const gint64 steps[] = { 3600, -3600, -3600, 3600 };
  g_autoptr (PlWorld) world = make (212);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      pl_universe_step_wall (pl_world_universe (world), steps[i] * SEC);
      pl_world_run (world, 400 * SEC); /* past a refresh of every registration */
      ck_assert_int_eq (pl_world_lookup (world, CALLER, pl_world_aor (world, CALLEE), NULL), PL_LOOKUP_FOUND);
      ck_assert (pl_world_call (world, CALLER, CALLEE));
    }
}
END_TEST

/* A clock that says 1996: every certificate looks not valid yet, until it is set right. */
START_TEST (a_clock_before_all_certificates_does_no_lasting_harm) /* S1-51 */
{
  g_autoptr (PlWorld) world = make (213);
  gint64 step = (gint64) 30 * 365 * 86400 * SEC;

  pl_universe_step_wall (pl_world_universe (world), -step);
  pl_world_run (world, 60 * SEC);
  ck_assert_int_ne (pl_world_lookup (world, CALLER, pl_world_aor (world, CALLEE), NULL), PL_LOOKUP_FOUND);
  pl_universe_step_wall (pl_world_universe (world), step);
  pl_world_run (world, 60 * SEC);
  ck_assert_int_eq (pl_world_lookup (world, CALLER, pl_world_aor (world, CALLEE), NULL), PL_LOOKUP_FOUND);
  ck_assert (pl_world_call (world, CALLER, CALLEE));
}
END_TEST

typedef struct {
  guint links, errors;
} Connects;

static void
on_connect (gpointer user, PlAppLink *link, const GError *error)
{
  Connects *connects = user;

  connects->links += link != NULL;
  connects->errors += error != NULL;
  pl_app_link_free (link);
}

/* The far node dies _i * 20 ms after it was asked. */
START_TEST (a_node_that_vanishes_during_the_exchange_is_given_up_in_five_seconds)
{
  g_autoptr (PlWorld) world = make (220 + _i);
  Connects connects = { 0, 0 };

  pl_node_app_connect (pl_world_node (world, CALLER), pl_world_id (world, CALLEE), on_connect, &connects);
  pl_world_run (world, _i * 20 * PL_USEC_PER_MSEC);
  pl_world_kill (world, CALLEE);
  pl_world_run (world, 5 * SEC + SEC / 2);
  ck_assert_uint_eq (connects.links + connects.errors, 1);
  pl_world_start (world, CALLEE, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, CALLEE, PL_NODE_CLIENT, 20 * SEC));
  ck_assert (pl_world_call (world, CALLER, CALLEE));
}
END_TEST

/* 345: the peers it was connected to are asked before the document's nodes, which are all gone. */
START_TEST (a_restart_goes_through_cached_peers_when_no_listed_node_answers)
{
  PlWorldOptions options = { .seed = 214, .n = 10, .n_boot = 2, .listen_all = TRUE };
  g_autoptr (PlWorld) world = pl_world_new (&options);

  pl_world_grow (world, 10);
  pl_world_run (world, 20 * SEC);
  pl_world_kill (world, 0);
  pl_world_kill (world, 1);
  pl_world_run (world, 60 * SEC);
  pl_world_stop (world, 7);
  pl_world_run (world, 5 * SEC);
  pl_world_start (world, 7, PL_ROLE_PEER);
  ck_assert (pl_world_wait_state (world, 7, PL_NODE_PEER, 3 * SEC));
  pl_node_register (pl_world_node (world, 7), pl_world_aor (world, 7));
  ck_assert (pl_world_wait_registered (world, 7, 3 * SEC));
  ck_assert (pl_world_finds (world, 3, 7));
  ck_assert (pl_world_call (world, 7, 3));
}
END_TEST

/* And when it is the cached ones that are gone, the listed ones are asked a second later. */
START_TEST (dead_cached_peers_hold_a_restart_up_for_a_second)
{
  static const char *const dead[] = { "10.1.0.3:6084", "10.1.0.4:6084", NULL };
  PlWorldOptions options = { .seed = 215, .n = 8, .n_boot = 2, .listen_all = TRUE };
  g_autoptr (PlWorld) world = pl_world_new (&options);

  pl_world_grow (world, 8);
  pl_world_run (world, 20 * SEC);
  pl_world_kill (world, 7);
  for (guint i = 3; i < 5; i++)
    pl_vnet_kill (pl_world_net (world), pl_world_id (world, i)); /* silent: no refusal either */
  pl_world_run (world, 60 * SEC);
  pl_world_set_cached (world, 7, dead);
  pl_world_start (world, 7, PL_ROLE_CLIENT);
  ck_assert (!pl_world_wait_state (world, 7, PL_NODE_CLIENT, SEC));
  ck_assert (pl_world_wait_state (world, 7, PL_NODE_CLIENT, 2 * SEC));
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/outage");
  TCase *t = tcase_create ("outage");

  tcase_set_timeout (t, 60);
  tcase_add_loop_test (t, a_minute_without_network_is_made_good_in_half_a_minute, 0, ALL + 1);
  tcase_add_test (t, every_peer_restarts_and_clients_come_back);
  tcase_add_test (t, a_restart_goes_through_cached_peers_when_no_listed_node_answers);
  tcase_add_test (t, dead_cached_peers_hold_a_restart_up_for_a_second);
  tcase_add_test (t, a_step_of_the_wall_clock_passes);
  tcase_add_test (t, a_clock_before_all_certificates_does_no_lasting_harm);
  tcase_add_loop_test (t, a_node_that_vanishes_during_the_exchange_is_given_up_in_five_seconds, 0, 15);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
