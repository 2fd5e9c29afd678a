/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies of registrations (doc/PROTOCOL) against peers that lie or keep silent, with whole nodes
 * in virtual time.
 */
#include "config.h"

#include "overlay/ident/aor.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#define SEC PL_USEC_PER_SEC
#define N 12

static gboolean
holds (PlWorld *world, guint i, guint callee, guint place)
{
  g_autoptr (GArray) resources = pl_store_dup_resources (pl_world_store (world, i));
  PlResourceId resource;

  pl_aor_place (pl_world_aor (world, callee), (guint8) place, &resource);
  for (guint j = 0; j < resources->len; j++)
    if (pl_resource_id_equal (&g_array_index (resources, PlResourceId, j), &resource))
      return TRUE;
  return FALSE;
}

/* Somebody who has nothing of the callee; none of those keeping the registration keeps a copy. */
static gboolean
pick (PlWorld *world, guint callee, guint *caller)
{
  guint copies = 0;

  *caller = N;
  for (guint i = 0; i < N; i++)
    {
      gboolean first = holds (world, i, callee, 0), copy = holds (world, i, callee, 1) || holds (world, i, callee, 2);

      copies += copy && !first ? 1 : 0;
      if (!first && !copy && i != callee)
        *caller = i;
    }
  return copies > 0 && *caller < N && !holds (world, callee, callee, 0);
}

static guint
pick_callee (PlWorld *world, guint *caller)
{
  guint callee = 0;

  while (callee < N && !pick (world, callee, caller))
    callee++;
  ck_assert_uint_lt (callee, N);
  return callee;
}

/* A peer that says "not found" is one that has forgotten. */
static void
forget (PlWorld *world, guint callee)
{
  PlResourceId resource;

  pl_aor_resource (pl_world_aor (world, callee), &resource);
  for (guint i = 0; i < N; i++)
    pl_store_drop (pl_world_store (world, i), &resource);
}

START_TEST (a_call_finds_when_all_responsible_peers_lie) /* S1-60, S2-20, S2-21 */
{
  PlWorldOptions options = { .seed = 401, .n = N, .n_boot = 1, .places = 3 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  guint caller, callee;

  pl_world_grow (world, N);
  pl_world_run (world, 40 * SEC);
  callee = pick_callee (world, &caller);
  forget (world, callee);
  ck_assert_uint_eq (pl_world_holders (world, callee), 0);
  ck_assert (pl_world_finds (world, caller, callee));
  ck_assert (pl_world_call (world, caller, callee));
}
END_TEST

START_TEST (without_copies_the_lie_is_believed)
{
  PlWorldOptions options = { .seed = 401, .n = N, .n_boot = 1 };
  g_autoptr (PlWorld) world = pl_world_new (&options);

  pl_world_grow (world, N);
  pl_world_run (world, 40 * SEC);
  forget (world, 3);
  ck_assert (!pl_world_finds (world, 5, 3));
}
END_TEST

typedef struct { PlWorld *world; gboolean silent[N]; } Silence;

static gboolean
tap (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  Silence *silence = user;

  (void) to;
  (void) record;
  for (guint i = 0; i < N; i++)
    if (silence->silent[i] && pl_node_id_equal (from, pl_world_id (silence->world, i)))
      return FALSE;
  return TRUE;
}

START_TEST (a_call_finds_when_all_responsible_peers_are_silent) /* S1-61 */
{
  PlWorldOptions options = { .seed = 402, .n = N, .n_boot = 1, .places = 3 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  Silence silence = { .world = world };
  guint caller, callee;
  gint64 start;

  pl_world_grow (world, N);
  pl_world_run (world, 40 * SEC);
  callee = pick_callee (world, &caller);
  for (guint i = 0; i < N; i++)
    silence.silent[i] = holds (world, i, callee, 0);
  pl_vnet_set_tap (pl_world_net (world), tap, &silence);
  start = pl_universe_now (pl_world_universe (world));
  ck_assert (pl_world_finds (world, caller, callee));
  ck_assert_int_lt (pl_universe_now (pl_world_universe (world)) - start, 4 * SEC);
  pl_vnet_set_tap (pl_world_net (world), NULL, NULL);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("copies");
  TCase *t = tcase_create ("copies");

  tcase_set_timeout (t, 60);
  tcase_add_test (t, a_call_finds_when_all_responsible_peers_lie);
  tcase_add_test (t, without_copies_the_lie_is_believed);
  tcase_add_test (t, a_call_finds_when_all_responsible_peers_are_silent);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
