/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A peer that lies among others that don't (overlay/malice.h), with whole nodes in virtual time.
 */
#include "config.h"

#include "overlay/ident/aor.h"
#include "overlay/malice.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#define SEC PL_USEC_PER_SEC
#define N 8

typedef struct {
  PlWorld *world;
  PlGang *gang;
} Fixture;

static void
fixture_init (Fixture *f, guint64 seed, guint places)
{
  PlWorldOptions options = { .seed = seed, .n = N, .n_boot = 1, .places = places };

  f->world = pl_world_new (&options);
  pl_world_grow (f->world, N);
  pl_world_run (f->world, 40 * SEC);
  f->gang = pl_gang_new (pl_world_net (f->world));
}

static void
fixture_clear (Fixture *f)
{
  pl_gang_free (f->gang);
  pl_world_free (f->world);
}

/* The peer responsible for place `i` of the callee's registration. */
static guint
responsible (Fixture *f, guint callee, guint i)
{
  PlResourceId resource;
  PlNodeId place, least = { { 0 } };
  guint best = N;

  pl_aor_place (pl_world_aor (f->world, callee), (guint8) i, &resource);
  ck_assert (pl_resource_id_to_node_id (&resource, &place));
  for (guint j = 0; j < N; j++)
    {
      PlNodeId distance = pl_node_id_sub (pl_world_id (f->world, j), &place);

      if (best == N || pl_node_id_compare (&distance, &least) < 0)
        {
          best = j;
          least = distance;
        }
    }
  return best;
}

/* Somebody else than `a` and `b`. */
static guint
other (guint a, guint b)
{
  guint i = 0;

  while (i == a || i == b)
    i++;
  return i;
}

/* S2-06, S2-20, S2-24, S2-51: what the members of a gang do, where a registration lies at one place. */
START_TEST (one_liar_spoils_a_single_place)
{
  static const PlMalice ways[] = { PL_MALICE_DROP, PL_MALICE_DENY, PL_MALICE_ROUTE };
  Fixture f;
  guint callee = 3, liar, caller;

  fixture_init (&f, 501, 1);
  while ((liar = responsible (&f, callee, 0)) == callee)
    callee++;
  caller = other (callee, liar);
  ck_assert (pl_world_finds (f.world, caller, callee));
  pl_gang_turn (f.gang, pl_world_node (f.world, liar), ways[_i]);
  ck_assert (!pl_world_finds (f.world, caller, callee));
  ck_assert (pl_gang_has (f.gang, pl_world_id (f.world, liar)));
  ck_assert_uint_gt (pl_gang_deeds (f.gang), 0);
  /* honest again, it is as any other */
  pl_gang_turn (f.gang, pl_world_node (f.world, liar), PL_MALICE_NONE);
  pl_world_run (f.world, 300 * SEC);
  ck_assert (pl_world_finds (f.world, caller, callee));
  fixture_clear (&f);
}
END_TEST

/* How often `who` has noticed the liar. */
static guint
noticed (Fixture *f, guint who, guint liar)
{
  g_autoptr (GPtrArray) linked = pl_node_dup_peers (pl_world_node (f->world, who));
  g_autoptr (GPtrArray) others = pl_node_dup_noticed (pl_world_node (f->world, who));
  guint n = 0;

  g_ptr_array_extend_and_steal (linked, g_steal_pointer (&others));
  for (guint i = 0; i < linked->len; i++)
    {
      const PlPeerInfo *peer = g_ptr_array_index (linked, i);

      for (guint j = PL_VERDICT_GOOD + 1; pl_node_id_equal (&peer->node, pl_world_id (f->world, liar)) && j < PL_VERDICTS; j++)
        n += peer->noticed[j];
    }
  return n;
}

static gboolean
shuns (Fixture *f, guint who, guint whom)
{
  g_autoptr (GPtrArray) linked = pl_node_dup_peers (pl_world_node (f->world, who));

  for (guint i = 0; i < linked->len; i++)
    {
      const PlPeerInfo *peer = g_ptr_array_index (linked, i);

      if (peer->shunned && pl_node_id_equal (&peer->node, pl_world_id (f->world, whom)))
        return TRUE;
    }
  return FALSE;
}

/* S1-61, S2-06, S2-20, S2-24, S2-78: with three places it spoils nothing, and is noticed. */
START_TEST (one_liar_does_not_spoil_three_places)
{
  static const PlMalice ways[] = { PL_MALICE_DROP, PL_MALICE_DENY, PL_MALICE_ROUTE };
  Fixture f;
  guint liar, seen = 0;

  fixture_init (&f, 502, 3);
  for (liar = 0; liar < N && responsible (&f, 3, 0) != liar; liar++)
    ;
  pl_gang_turn (f.gang, pl_world_node (f.world, liar), ways[_i]);
  for (guint caller = 0; caller < N; caller++)
    for (guint callee = 0; callee < N; callee++)
      if (caller != liar && callee != liar && caller != callee)
        ck_assert (pl_world_finds (f.world, caller, callee));
  pl_world_run (f.world, 10 * SEC);
  for (guint caller = 0; caller < N; caller++)
    seen += caller != liar ? noticed (&f, caller, liar) : 0;
  if (ways[_i] != PL_MALICE_DROP) /* who is silent for its own place alone could as well be out of reach */
    ck_assert_uint_gt (seen, 0);
  for (guint i = 0; i < N; i++)
    for (guint j = 0; j < N; j++)
      if (i != liar && j != liar && i != j)
        ck_assert (!shuns (&f, i, j));
  fixture_clear (&f);
}
END_TEST

/* S2-22: the owner learns that a place does not keep its registration, stores it again, and says so. */
START_TEST (an_owner_sees_that_a_place_forgets)
{
  Fixture f;
  guint callee = 3, liar, places, missing;
  PlNode *owner;

  fixture_init (&f, 503, 3);
  while ((liar = responsible (&f, callee, 1)) == callee)
    callee++;
  owner = pl_world_node (f.world, callee);
  pl_node_registration_places (owner, pl_world_aor (f.world, callee), &places, &missing);
  ck_assert_uint_eq (places, 3);
  ck_assert_uint_eq (missing, 0);
  pl_gang_turn (f.gang, pl_world_node (f.world, liar), PL_MALICE_DENY);
  pl_world_run (f.world, 16 * 60 * SEC);
  pl_node_registration_places (owner, pl_world_aor (f.world, callee), &places, &missing);
  ck_assert_uint_gt (missing, 0);
  ck_assert_uint_gt (noticed (&f, callee, liar), 0);
  pl_gang_turn (f.gang, pl_world_node (f.world, liar), PL_MALICE_NONE);
  pl_world_run (f.world, 6 * 60 * SEC);
  pl_node_registration_places (owner, pl_world_aor (f.world, callee), &places, &missing);
  ck_assert_uint_eq (missing, 0);
  fixture_clear (&f);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/liars");
  TCase *t = tcase_create ("liars");

  tcase_set_timeout (t, 60);
  tcase_add_loop_test (t, one_liar_spoils_a_single_place, 0, 3);
  tcase_add_loop_test (t, one_liar_does_not_spoil_three_places, 0, 3);
  tcase_add_test (t, an_owner_sees_that_a_place_forgets);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
