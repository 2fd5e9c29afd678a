/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Peers of the ring that use their place in it: drop what they should carry, say that nothing is
 * there, lead messages to accomplices, name peers that do not exist.
 */
#include "config.h"

#include "tests/scenario/threats/foe.h"

#include "overlay/malice.h"

#define N 14
#define GANG 2
#define FAKES 40

static const struct { const char *what; PlMalice how; } ways[] = {
  { "drop what they should carry", PL_MALICE_DROP },
  { "say that there is nothing", PL_MALICE_DENY },
  { "lead messages to each other", PL_MALICE_ROUTE },
};

typedef struct { guint all, found, wrong; } Score;

static void
look_everybody_up (PlWorld *world, PlGang *gang, Score *score)
{
  for (guint i = 0; i < N; i++)
    {
      guint from = (i * 5 + 3) % N;
      PlNodeId node;
      PlLookupResult result;

      if (from == i || pl_gang_has (gang, pl_world_id (world, i)) || pl_gang_has (gang, pl_world_id (world, from)))
        continue;
      score->all++;
      result = pl_world_lookup (world, from, pl_world_aor (world, i), &node);
      score->found += result == PL_LOOKUP_FOUND && pl_node_id_equal (&node, pl_world_id (world, i)) ? 1 : 0;
      score->wrong += result == PL_LOOKUP_FOUND && !pl_node_id_equal (&node, pl_world_id (world, i)) ? 1 : 0;
    }
}

/* S1-10, S1-60, S1-61, S2-06, S2-20, S2-21, S2-24, S2-65 */
START_TEST (a_gang_in_the_ring_hides_nobody) /* S2-42 */
{
  PlWorldOptions options = { .seed = 521, .n = N, .n_boot = 1, .places = 3 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  PlGang *gang = pl_gang_new (pl_world_net (world));
  Score score = { 0 };

  pl_world_grow (world, N);
  pl_world_run (world, 40 * SEC);
  for (guint i = 0; i < GANG; i++)
    pl_gang_turn (gang, pl_world_node (world, 4 + 5 * i), ways[_i].how);
  look_everybody_up (world, gang, &score);
  g_print ("# %u of %u peers %s, %" G_GUINT64_FORMAT " times: %u of %u found, %u led elsewhere\n", GANG, N, ways[_i].what,
           pl_gang_deeds (gang), score.found, score.all, score.wrong);
  ck_assert_uint_gt (pl_gang_deeds (gang), 0);
  ck_assert_uint_eq (score.wrong, 0);
  ck_assert_uint_eq (score.found, score.all);
  pl_gang_free (gang);
}
END_TEST

static GBytes *
update_naming (const GArray *fakes)
{
  PlChordUpdate update = { .type = PL_CHORD_UPDATE_FULL, .uptime = 100000 };
  g_auto (PlWriter) writer;

  update.predecessors = g_array_ref ((GArray *) fakes);
  update.successors = g_array_ref ((GArray *) fakes);
  update.fingers = g_array_ref ((GArray *) fakes);
  pl_writer_init (&writer);
  pl_chord_update_write (&writer, &update);
  pl_chord_update_clear (&update);
  return pl_writer_finish (&writer);
}

/* S1-12, S1-34, S2-41, S2-67: nodes right beside the victim, which nobody has. */
START_TEST (a_fake_routing_table_makes_nobody_route_there)
{
  PlWorldOptions options = { .seed = 522, .n = 6, .n_boot = 1 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  PlDestination victim = pl_destination_node (pl_world_id (world, 1));
  g_autoptr (GArray) fakes = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  g_autoptr (GPtrArray) peers = NULL;
  g_autoptr (GBytes) body = NULL;
  Reception reception = { 0 };
  PlNodeId foe;

  pl_world_grow (world, 6);
  pl_world_run (world, 10 * SEC);
  foe = *pl_world_id (world, 4);
  for (guint i = 1; i <= FAKES; i++)
    {
      PlNodeId fake = *pl_world_id (world, 1);

      fake.b[PL_NODE_ID_LEN - 1] += (guint8) i;
      g_array_append_val (fakes, fake);
    }
  body = update_naming (fakes);
  for (guint i = 0; i < 5; i++)
    {
      foe_request (world, 4, &victim, PL_MESSAGE_UPDATE_REQ, body, &reception);
      pl_world_run (world, 10 * SEC);
    }
  ck_assert_uint_eq (reception.done, 5); /* heard, and asked about */
  peers = pl_node_dup_peers (pl_world_node (world, 1));
  for (guint i = 0; i < peers->len; i++)
    for (guint j = 0; j < fakes->len; j++)
      ck_assert (!pl_node_id_equal (&((PlPeerInfo *) g_ptr_array_index (peers, i))->node, &g_array_index (fakes, PlNodeId, j)));
  for (guint i = 0; i < fakes->len; i++)
    {
      PlNodeId hops[4];
      guint n = pl_topology_hops (pl_world_node (world, 1)->topology, &g_array_index (fakes, PlNodeId, i), hops, G_N_ELEMENTS (hops));

      for (guint j = 0; j < n; j++)
        ck_assert (!pl_node_id_equal (&hops[j], &g_array_index (fakes, PlNodeId, i)));
    }
  g_print ("# %u peers that nobody is, named five times by %02x%02x...: none is routed to\n", FAKES, foe.b[0], foe.b[1]);
  for (guint i = 0; i < 6; i++)
    ck_assert (i == 2 || pl_world_finds (world, 2, i));
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/threats/routing");
  TCase *t = tcase_create ("routing");

  tcase_set_timeout (t, 60);
  tcase_add_loop_test (t, a_gang_in_the_ring_hides_nobody, 0, G_N_ELEMENTS (ways));
  tcase_add_test (t, a_fake_routing_table_makes_nobody_route_there);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
