/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whom a newcomer meets first.
 */
#include "config.h"

#include "tests/scenario/threats/foe.h"

/* S2-15, S2-23: the first bootstrap node that the newcomer tries is of another authority. */
START_TEST (a_bootstrap_node_of_another_authority_takes_nobody_over)
{
  PlWorldOptions options = { .seed = 531, .n = 3, .n_boot = 2 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  PlEnv *env = pl_universe_env (pl_world_universe (world));
  g_autoptr (PlTestPki) other = pl_test_pki_new (env);
  g_autoptr (PlIdentity) usurper = pl_test_pki_identity (other, NULL, NULL), guest = pl_test_pki_identity (other, "guest@example.org", NULL);
  const char *where[] = { "boot1:6084", NULL };
  Stranger evil = { 0 };

  pl_world_start (world, 0, PL_ROLE_BOOTSTRAP);
  ck_assert (pl_world_wait_state (world, 0, PL_NODE_PEER, MINUTE));
  /* It has its own trust: whoever has its certificates would be let in. */
  foe_start (world, &evil, usurper, pl_test_pki_trust (other, env), "boot1", PL_ROLE_BOOTSTRAP);
  pl_world_run (world, 5 * SEC);
  pl_world_set_cached (world, 2, where); /* and it is asked first */
  pl_world_start (world, 2, PL_ROLE_PEER);
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_PEER, MINUTE));
  g_print ("# the newcomer is a peer of its own overlay; the usurper has %u links\n", pl_forward_n_links (evil.node->forward));
  ck_assert_uint_eq (pl_forward_n_links (evil.node->forward), 0);
  ck_assert (pl_forward_connected (pl_world_node (world, 2)->forward, pl_world_id (world, 0)));
  pl_node_register (pl_world_node (world, 2), pl_world_aor (world, 2));
  ck_assert (pl_world_wait_registered (world, 2, 10 * SEC));
  ck_assert (pl_world_finds (world, 0, 2));
  foe_end (&evil);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/threats/link");
  TCase *t = tcase_create ("link");

  tcase_set_timeout (t, 60);
  tcase_add_test (t, a_bootstrap_node_of_another_authority_takes_nobody_over);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
