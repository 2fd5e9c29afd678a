/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Coming and going as an attack: again and again, with an identity of one's own making, with more
 * requests for links than anybody needs.
 */
#include "config.h"

#include "tests/scenario/threats/foe.h"

#define N 5
#define FOE (N - 1)
#define COMINGS 10

/* S2-43, S2-44: each coming moves data and everybody's neighbours. */
START_TEST (who_joins_again_and_again_is_kept_out_of_the_ring_and_may_be_a_client)
{
  PlWorldOptions options = { .seed = 511, .n = N, .n_boot = 1 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  guint came = 0;

  pl_world_grow (world, N);
  for (guint i = 0; i < COMINGS; i++)
    {
      pl_world_stop (world, FOE);
      pl_world_run (world, 3 * SEC);
      pl_world_start (world, FOE, PL_ROLE_PEER);
      came += pl_world_wait_state (world, FOE, PL_NODE_PEER, 15 * SEC) ? 1 : 0;
    }
  g_print ("# %u comings: %u times in the ring\n", COMINGS, came);
  ck_assert_uint_gt (came, 2); /* a restart or two are everybody's right */
  ck_assert_uint_le (came, 6);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, FOE)), PL_NODE_CLIENT);
  pl_node_register (pl_world_node (world, FOE), pl_world_aor (world, FOE));
  ck_assert (pl_world_wait_registered (world, FOE, 20 * SEC));
  ck_assert (pl_world_finds (world, 1, FOE));
  ck_assert (pl_world_call (world, FOE, 1));
  ck_assert (pl_world_finds (world, 2, 3));
  /* It is not for ever. */
  pl_world_run (world, 15 * MINUTE);
  ck_assert (pl_world_wait_state (world, FOE, PL_NODE_PEER, 5 * MINUTE));
}
END_TEST

static guint
exchanges (PlNode *node)
{
  return node->attaches->len + node->connects->len;
}

/* S2-104, S2-100: each request costs the asked one sockets, candidates, a handshake. */
START_TEST (a_flood_of_requests_for_links_leaves_room_for_others)
{
  PlWorldOptions options = { .seed = 512, .n = N, .n_boot = 1 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  PlDestination victim = pl_destination_node (pl_world_id (world, 1));
  g_auto (PlAttachReqAns) attach = { .application = PL_APPLICATION_SIP, .candidates = pl_ice_candidate_list_new () };
  g_autoptr (GBytes) body = NULL;
  Reception reception = { 0 };
  guint most = 0;

  attach.ufrag = g_bytes_new_static ("foe", 3);
  attach.password = g_bytes_new_static ("a password of 22 bytes", 22);
  attach.role = g_bytes_new_static ("passive", 7);
  body = pl_body_write (pl_body_type (PL_MESSAGE_APP_ATTACH_REQ), &attach);
  pl_world_grow (world, N);
  for (guint i = 0; i < 200; i++)
    {
      foe_request (world, FOE, &victim, PL_MESSAGE_APP_ATTACH_REQ, body, &reception);
      pl_world_run (world, 100 * PL_USEC_PER_MSEC);
      most = MAX (most, exchanges (pl_world_node (world, 1)));
    }
  g_print ("# %u requests in 20 s: %u answered, %u refused, at most %u exchanges at once\n", reception.sent, reception.done,
           reception.refused, most);
  ck_assert_uint_le (reception.done, 30 + 11); /* a minute, and what came back meanwhile */
  ck_assert_uint_gt (reception.refused, 100);
  ck_assert_uint_le (most, 2);
  ck_assert (pl_world_call (world, 2, 1));
  ck_assert (pl_world_call (world, 1, 3));
}
END_TEST

/* S1-01, S1-04, S2-28, S2-45, S2-55, S2-62: its own authority gives it the name and the Node-ID right beside the victim. */
START_TEST (who_has_a_chosen_node_id_of_its_own_making_gets_no_link) /* S2-98 */
{
  PlWorldOptions options = { .seed = 513, .n = 3, .n_boot = 1 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  PlEnv *env = pl_universe_env (pl_world_universe (world));
  g_autoptr (PlTestPki) own = pl_test_pki_new (env);
  PlNodeId chosen = *pl_world_id (world, 1);
  g_autoptr (PlIdentity) beside = NULL, twin = NULL;
  Stranger stranger = { 0 };

  pl_world_grow (world, 3);
  twin = pl_test_pki_identity (own, pl_world_aor (world, 1), &chosen);
  chosen.b[PL_NODE_ID_LEN - 1] ^= 1;
  beside = pl_test_pki_identity (own, pl_world_aor (world, 1), &chosen);
  for (guint i = 0; i < 2; i++)
    {
      foe_start (world, &stranger, i ? twin : beside, pl_test_pki_trust (pl_world_pki (world), env), NULL, PL_ROLE_PEER);
      pl_world_run (world, 30 * SEC);
      g_print ("# a Node-ID %s the victim's, certified by nobody: state %d, %u links\n", i ? "equal to" : "beside",
               pl_node_state (stranger.node), pl_forward_n_links (stranger.node->forward));
      ck_assert_int_lt (pl_node_state (stranger.node), PL_NODE_CLIENT);
      ck_assert_uint_eq (pl_forward_n_links (stranger.node->forward), 0);
      foe_end (&stranger);
      ck_assert (pl_world_finds (world, 2, 1));
    }
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/threats/join");
  TCase *t = tcase_create ("join");

  tcase_set_timeout (t, 60);
  tcase_add_test (t, who_joins_again_and_again_is_kept_out_of_the_ring_and_may_be_a_client);
  tcase_add_test (t, a_flood_of_requests_for_links_leaves_room_for_others);
  tcase_add_test (t, who_has_a_chosen_node_id_of_its_own_making_gets_no_link);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
