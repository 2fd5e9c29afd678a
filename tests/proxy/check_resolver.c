/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * People called before: their file, and calls that dial beside the look-up, over whole nodes in
 * virtual time.
 */
#include "config.h"

#include "overlay/ident/aor.h"
#include "overlay/wire/message.h"
#include "proxy/resolver/overlay.h"
#include "proxy/resolver/people.h"
#include "tests/proxy/fakemembership.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <glib/gstdio.h>

#define SEC PL_USEC_PER_SEC
#define N 6
#define OVERLAY PL_FAKE_OVERLAY
#define BOB "bob@example.net"

/* --- one caller --- */

static char *dir, *path;
static PlWorld *world;
static PlMembership caller;
static GPtrArray *memberships;
static PlOverlayResolver *resolver;
static gboolean over;
static PlResolveResult result;
static char *found;          /* the first node */
static PlFakeLink *far;

static void
start_resolver (void)
{
  resolver = pl_overlay_resolver_new (pl_universe_env (pl_world_universe (world)), memberships, path);
}

static void
setup (void)
{
  dir = g_dir_make_tmp ("peerline-people-XXXXXX", NULL);
  path = g_build_filename (dir, "people", NULL);
}

static void
teardown (void)
{
  g_autofree char *aside = g_strconcat (path, ".corrupt", NULL);

  g_unlink (path);
  g_unlink (aside);
  ck_assert_int_eq (g_rmdir (dir), 0);
  g_free (path);
  g_free (dir);
}

static void
setup_world (void)
{
  PlWorldOptions options = { .seed = 501, .n = N, .n_boot = 1 };

  setup ();
  world = pl_world_new (&options);
  pl_world_grow (world, N);
  pl_world_run (world, 30 * SEC);
  caller = (PlMembership) { .world = world, .i = 1, .hex = pl_node_id_dup_hex (pl_world_id (world, 1)) };
  memberships = g_ptr_array_new ();
  g_ptr_array_add (memberships, &caller);
  start_resolver ();
}

static void
hang_up (void)
{
  if (far)
    pl_app_link_free (far->link);
  g_clear_pointer (&far, g_free);
}

static void
teardown_world (void)
{
  hang_up ();
  pl_overlay_resolver_free (resolver);
  g_ptr_array_unref (memberships);
  g_free (caller.hex);
  g_clear_pointer (&found, g_free);
  pl_world_free (world);
  teardown ();
}

static gboolean
is_over (gpointer data)
{
  (void) data;
  return over;
}

static gint64
wait_for_end (void)
{
  gint64 start = pl_universe_now (pl_world_universe (world));

  ck_assert (!over);
  ck_assert (pl_universe_run_until (pl_world_universe (world), is_over, NULL, 20 * SEC));
  return pl_universe_now (pl_world_universe (world)) - start;
}

static void
on_resolved (gpointer user, PlResolveResult r, const PlResolved *nodes, gsize n)
{
  (void) user;
  over = TRUE;
  result = r;
  g_free (found);
  found = g_strdup (n ? nodes[0].node : NULL);
}

static void
on_connected (gpointer user, PlFarLink *link, const GError *error)
{
  (void) user;
  ck_assert_msg (link != NULL, "%s", error ? error->message : "");
  over = TRUE;
  far = (PlFakeLink *) link;
}

static gint64
resolve (guint callee)
{
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);

  over = FALSE;
  interface->funcs->resolve (interface->impl, pl_world_aor (world, 1), pl_world_aor (world, callee), on_resolved, NULL);
  return wait_for_end ();
}

static gint64
dial (void)
{
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);

  over = FALSE;
  interface->funcs->connect (interface->impl, pl_world_aor (world, 1), found, on_connected, NULL);
  return wait_for_end ();
}

static gboolean
found_is (guint i)
{
  g_autofree char *hex = pl_node_id_dup_hex (pl_world_id (world, i));

  return result == PL_RESOLVE_FOUND && g_strcmp0 (found, hex) == 0;
}

/* S3-27, S3-28: not one after the other */
START_TEST (somebody_called_before_is_dialled_beside_the_lookup)
{
  PlVNetConditions conditions = { 20 * PL_USEC_PER_MSEC, 20 * PL_USEC_PER_MSEC, 0, 0, 0 };
  gint64 first, lookup, second;

  pl_vnet_set (pl_world_net (world), &conditions);
  lookup = resolve (3);
  ck_assert (found_is (3));
  first = lookup + dial ();
  hang_up ();
  pl_overlay_resolver_free (resolver); /* as after a restart */
  start_resolver ();
  pl_world_run (world, SEC);
  second = resolve (3);
  ck_assert (found_is (3));
  second += dial ();
  ck_assert_ptr_nonnull (far);
  g_print ("# first call %d ms, next %d ms\n", (int) (first / 1000), (int) (second / 1000));
  ck_assert_int_le (second, MAX (first - lookup, lookup) + PL_USEC_PER_MSEC);
  ck_assert_int_lt (second, first);
}
END_TEST

/* S3-29 */
START_TEST (the_lookup_wins_when_somebody_has_moved) /* S1-65, S2-07 */
{
  g_autoptr (PlPeople) people = pl_people_new (pl_universe_env (pl_world_universe (world)), path);
  PlNodeId nodes[PL_PEOPLE_NODES_MAX];

  pl_people_reached (people, OVERLAY, pl_world_aor (world, 3), pl_world_id (world, 4));
  g_clear_pointer (&people, pl_people_free);
  pl_overlay_resolver_free (resolver);
  start_resolver ();
  resolve (3);
  ck_assert (found_is (3));
  dial ();
  ck_assert (pl_node_id_equal (&pl_app_link_info (far->link)->node, pl_world_id (world, 3)));
  g_clear_pointer (&resolver, pl_overlay_resolver_free);
  people = pl_people_new (pl_universe_env (pl_world_universe (world)), path);
  ck_assert_uint_eq (pl_people_find (people, OVERLAY, pl_world_aor (world, 3), nodes), 1);
  ck_assert (pl_node_id_equal (&nodes[0], pl_world_id (world, 3)));
}
END_TEST

START_TEST (somebody_who_withdrew_is_not_called_where_they_were)
{
  resolve (3);
  dial ();
  hang_up ();
  pl_node_withdraw (pl_world_node (world, 3), pl_world_aor (world, 3));
  pl_world_run (world, 5 * SEC);
  resolve (3);
  ck_assert_int_eq (result, PL_RESOLVE_OFFLINE);
}
END_TEST

static gboolean
drop_fetches (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GBytes) bytes = NULL;

  (void) user;
  (void) from;
  (void) to;
  if (record->len <= 8 || record->data[0] != 128)
    return TRUE;
  bytes = g_bytes_new (record->data + 8, record->len - 8);
  return pl_message_read (bytes, &message) != PL_WIRE_OK || message.message_code != PL_MESSAGE_FETCH_REQ;
}

static gboolean
asks_others (guint callee)
{
  g_autoptr (GArray) held = pl_store_dup_resources (pl_world_store (world, 1));
  PlResourceId place;

  pl_aor_resource (pl_world_aor (world, callee), &place);
  for (guint i = 0; i < held->len; i++)
    if (pl_resource_id_equal (&g_array_index (held, PlResourceId, i), &place))
      return FALSE;
  return callee != 1;
}

START_TEST (a_link_to_where_they_were_does_when_the_overlay_is_silent)
{
  guint callee = 0;

  while (callee < N && !asks_others (callee))
    callee++;
  ck_assert_uint_lt (callee, N);
  resolve (callee);
  dial ();
  hang_up ();
  pl_vnet_set_tap (pl_world_net (world), drop_fetches, NULL);
  resolve (callee);
  ck_assert (found_is (callee));
  dial ();
  hang_up ();
  resolve ((callee + 1) % N == 1 ? 2 : (callee + 1) % N); /* never called */
  pl_vnet_set_tap (pl_world_net (world), NULL, NULL);
}
END_TEST

START_TEST (a_cancelled_call_leaves_no_link)
{
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);

  resolve (3);
  dial ();
  hang_up ();
  for (gint64 after = 0; after < 400; after += 40)
    {
      gpointer handle = interface->funcs->resolve (interface->impl, pl_world_aor (world, 1), pl_world_aor (world, 3),
                                                   on_resolved, NULL);

      over = FALSE;
      pl_world_run (world, after * PL_USEC_PER_MSEC);
      if (!over)
        interface->funcs->cancel (interface->impl, handle);
      pl_world_run (world, 6 * SEC); /* nobody asked for the link */
    }
  pl_overlay_resolver_drop (resolver, &caller);
  resolve (3);
  ck_assert (found_is (3));
}
END_TEST

/* --- the file --- */

START_TEST (people_are_few_and_not_too_old)
{
  PlUniverse *universe = pl_universe_new (1);
  PlEnv *env = pl_universe_env (universe);
  PlPeople *people = pl_people_new (env, path);
  PlNodeId node = { { 1 } }, nodes[PL_PEOPLE_NODES_MAX];

  for (guint i = 0; i < PL_PEOPLE_NODES_MAX + 2; i++)
    {
      node.b[1] = (guint8) i;
      pl_people_reached (people, OVERLAY, BOB, &node);
      pl_people_reached (people, OVERLAY, BOB, &node);
    }
  pl_people_free (people);
  people = pl_people_new (env, path);
  ck_assert_uint_eq (pl_people_find (people, OVERLAY, BOB, nodes), PL_PEOPLE_NODES_MAX);
  ck_assert (pl_node_id_equal (&nodes[0], &node));
  ck_assert_uint_eq (nodes[3].b[1], 2);
  ck_assert_uint_eq (pl_people_find (people, "other.example", BOB, nodes), 0);
  pl_universe_run (universe, (PL_PEOPLE_AGE_MAX + 1) * SEC);
  ck_assert_uint_eq (pl_people_find (people, OVERLAY, BOB, nodes), 0);
  pl_people_reached (people, OVERLAY, BOB, &node);
  for (guint i = 0; i < PL_PEOPLE_MAX; i++)
    {
      g_autofree char *aor = g_strdup_printf ("p%u@example.net", i);

      ck_assert_uint_eq (pl_people_find (people, OVERLAY, BOB, nodes), 1);
      pl_people_reached (people, OVERLAY, aor, &node);
    }
  ck_assert_uint_eq (pl_people_find (people, OVERLAY, BOB, nodes), 0);
  pl_people_free (people);
  pl_universe_free (universe);
}
END_TEST

START_TEST (a_corrupt_file_of_people_is_set_aside)
{
  static const char *const bad[] = {
    "", "peerline-people 2\n", "peerline-people 1\nexample.org bob@example.net 00 1\n", "peerline-people 1\nx\n",
    "peerline-people 1\nexample.org bob@example.net 000102030405060708090a0b0c0d0e0f -1\n", "peerline-people 1",
  };
  PlUniverse *universe = pl_universe_new (1);

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      ck_assert (g_file_set_contents (path, bad[i], -1, NULL));
      pl_people_free (pl_people_new (pl_universe_env (universe), path));
      ck_assert_msg (!g_file_test (path, G_FILE_TEST_EXISTS), "file %u is taken", i);
    }
  pl_universe_free (universe);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("resolver");
  TCase *t = tcase_create ("people");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, people_are_few_and_not_too_old);
  tcase_add_test (t, a_corrupt_file_of_people_is_set_aside);
  suite_add_tcase (s, t);
  t = tcase_create ("calls");
  tcase_set_timeout (t, 60);
  tcase_add_checked_fixture (t, setup_world, teardown_world);
  tcase_add_test (t, somebody_called_before_is_dialled_beside_the_lookup);
  tcase_add_test (t, the_lookup_wins_when_somebody_has_moved);
  tcase_add_test (t, somebody_who_withdrew_is_not_called_where_they_were);
  tcase_add_test (t, a_link_to_where_they_were_does_when_the_overlay_is_silent);
  tcase_add_test (t, a_cancelled_call_leaves_no_link);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
