/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One person in two overlays, each with an issuer of its own, of whom one may be hostile: both certify the
 * same addresses. Whole nodes in virtual time.
 */
#include "config.h"

#include "proxy/resolver/overlay.h"
#include "tests/proxy/fakemembership.h"
#include "tests/support/test.h"

#include <string.h>

#define MSEC PL_USEC_PER_MSEC
#define SEC PL_USEC_PER_SEC
#define N 4   /* at home; at work one less */
#define SLICE (5 * MSEC)

enum { HOME, WORK }; /* overlays */

static const char *const names[] = { "home.example", "work.example" };
static PlWorld *worlds[2];
static PlMembership callers[2];
static GPtrArray *memberships;
static PlOverlayResolver *resolver;
static gboolean over;
static PlResolveResult result;
static char *found;          /* the first device */
static gsize n_found;
static PlFakeLink *far;

static void
run_both (gint64 usec)
{
  for (gint64 run = 0; run < usec; run += SLICE)
    for (guint o = 0; o < 2; o++)
      pl_world_run (worlds[o], SLICE);
}

static void
setup (void)
{
  memberships = g_ptr_array_new ();
  for (guint o = 0; o < 2; o++)
    {
      PlWorldOptions options = { .seed = 601 + o, .n = N - o, .n_boot = 1 };

      worlds[o] = pl_world_new (&options);
      pl_world_grow (worlds[o], N - o);
      callers[o] = (PlMembership) { worlds[o], 1, pl_node_id_dup_hex (pl_world_id (worlds[o], 1)), names[o] };
      g_ptr_array_add (memberships, &callers[o]);
    }
  run_both (10 * SEC);
  resolver = pl_overlay_resolver_new (pl_universe_env (pl_world_universe (worlds[HOME])), memberships, NULL);
}

static void
hang_up (void)
{
  if (far)
    pl_app_link_free (far->link);
  g_clear_pointer (&far, g_free);
}

static void
teardown (void)
{
  hang_up ();
  pl_overlay_resolver_free (resolver);
  g_ptr_array_unref (memberships);
  g_clear_pointer (&found, g_free);
  for (guint o = 0; o < 2; o++)
    {
      g_free (callers[o].hex);
      pl_world_free (worlds[o]);
    }
}

static void
on_resolved (gpointer user, PlResolveResult r, const PlResolved *nodes, gsize n)
{
  over = TRUE;
  result = r;
  n_found = n;
  g_free (found);
  found = g_strdup (n ? nodes[0].node : NULL);
}

static void
on_connected (gpointer user, PlFarLink *link, const GError *error)
{
  over = TRUE;
  far = (PlFakeLink *) link;
}

static gint64
wait_for_end (void)
{
  gint64 waited = 0;

  for (; !over && waited < 20 * SEC; waited += SLICE)
    run_both (SLICE);
  ck_assert (over);
  return waited;
}

static gint64
resolve (const char *aor)
{
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);

  over = FALSE;
  interface->funcs->resolve (interface->impl, pl_world_aor (worlds[HOME], 1), aor, on_resolved, NULL);
  return wait_for_end ();
}

static gboolean
dial (const char *device)
{
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);

  over = FALSE;
  interface->funcs->connect (interface->impl, pl_world_aor (worlds[HOME], 1), device, on_connected, NULL);
  wait_for_end ();
  return far != NULL;
}

static gboolean
found_in (guint o, guint i)
{
  g_autofree char *hex = pl_node_id_dup_hex (pl_world_id (worlds[o], i));
  g_autofree char *device = g_strconcat (hex, "@", names[o], NULL);

  return result == PL_RESOLVE_FOUND && n_found == 1 && g_strcmp0 (found, device) == 0;
}

static const char *
somebody (void)
{
  return pl_world_aor (worlds[HOME], 2);
}

static void
turn_order (void)
{
  g_ptr_array_index (memberships, 0) = &callers[WORK];
  g_ptr_array_index (memberships, 1) = &callers[HOME];
}

/* S0-13: several issuers at once */
START_TEST (the_first_overlay_that_knows_a_name_is_believed)
{
  ck_assert_str_eq (somebody (), pl_world_aor (worlds[WORK], 2));
  resolve (somebody ());
  ck_assert (found_in (HOME, 2));
  turn_order ();
  resolve (somebody ());
  ck_assert (found_in (WORK, 2));
}
END_TEST

START_TEST (who_is_offline_in_the_first_overlay_is_not_somebody_else_in_the_next)
{
  pl_node_withdraw (pl_world_node (worlds[HOME], 2), somebody ());
  run_both (5 * SEC);
  resolve (somebody ());
  ck_assert_int_eq (result, PL_RESOLVE_OFFLINE);
}
END_TEST

START_TEST (whom_the_first_overlay_never_heard_of_is_found_in_the_next)
{
  turn_order ();
  resolve (pl_world_aor (worlds[HOME], N - 1)); /* one more than at work */
  ck_assert (found_in (HOME, N - 1));
  resolve ("nobody@example.org");
  ck_assert_int_eq (result, PL_RESOLVE_UNKNOWN);
}
END_TEST

static gboolean
drop_all (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  return FALSE;
}

/* What a client keeps can't answer for the overlay. */
static void
become_a_client_at_home (void)
{
  pl_world_stop (worlds[HOME], 1);
  pl_world_start (worlds[HOME], 1, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (worlds[HOME], 1, PL_NODE_CLIENT, 30 * SEC));
  run_both (10 * SEC);
}

/* DESIGN, Trust: to silence an overlay does not give its people to another issuer. */
START_TEST (who_was_reached_in_an_overlay_is_not_taken_over_when_that_is_silent)
{
  become_a_client_at_home ();
  resolve (somebody ());
  ck_assert (dial (found));
  hang_up ();
  pl_vnet_set_tap (pl_world_net (worlds[HOME]), drop_all, NULL);
  resolve (somebody ());
  ck_assert_int_eq (result, PL_RESOLVE_FAILED);
  pl_vnet_set_tap (pl_world_net (worlds[HOME]), NULL, NULL);
}
END_TEST

START_TEST (a_silent_overlay_leaves_strangers_to_the_next)
{
  become_a_client_at_home ();
  pl_vnet_set_tap (pl_world_net (worlds[HOME]), drop_all, NULL);
  resolve (somebody ());
  ck_assert (found_in (WORK, 2));
  pl_vnet_set_tap (pl_world_net (worlds[HOME]), NULL, NULL);
}
END_TEST

START_TEST (a_node_is_dialled_in_the_overlay_that_named_it)
{
  g_autofree char *hex = pl_node_id_dup_hex (pl_world_id (worlds[WORK], 2));
  g_autofree char *right = g_strconcat (hex, "@", names[WORK], NULL);
  g_autofree char *wrong = g_strconcat (hex, "@", names[HOME], NULL);
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);

  ck_assert (!dial (wrong));
  ck_assert (dial (right));
  ck_assert (pl_node_id_equal (&pl_app_link_info (far->link)->node, pl_world_id (worlds[WORK], 2)));
  ck_assert_str_eq (interface->funcs->own_node (interface->impl, pl_world_aor (worlds[HOME], 1), right), callers[WORK].hex);
  ck_assert_str_eq (interface->funcs->own_node (interface->impl, pl_world_aor (worlds[HOME], 1), NULL), callers[HOME].hex);
}
END_TEST

START_TEST (a_phone_is_registered_in_every_overlay)
{
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);
  const char *own = pl_world_aor (worlds[HOME], 1);

  interface->funcs->registered (interface->impl, own, NULL);
  run_both (5 * SEC);
  for (guint o = 0; o < 2; o++)
    ck_assert_int_eq (pl_world_lookup (worlds[o], 2, own, NULL), PL_LOOKUP_OFFLINE);
  interface->funcs->registered (interface->impl, own, "");
  run_both (5 * SEC);
  for (guint o = 0; o < 2; o++)
    ck_assert_int_eq (pl_world_lookup (worlds[o], 2, own, NULL), PL_LOOKUP_FOUND);
}
END_TEST

START_TEST (an_overlay_that_is_left_in_mid_look_up_counts_as_silent)
{
  const PlResolver *interface = pl_overlay_resolver_interface (resolver);

  over = FALSE;
  interface->funcs->resolve (interface->impl, pl_world_aor (worlds[HOME], 1), somebody (), on_resolved, NULL);
  g_ptr_array_remove_index (memberships, 0);
  pl_overlay_resolver_drop (resolver, &callers[HOME]);
  ck_assert (!over);
  wait_for_end ();
  ck_assert (found_in (WORK, 2));
  g_ptr_array_set_size (memberships, 0);
  resolve (somebody ());
  ck_assert_int_eq (result, PL_RESOLVE_FAILED);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("search");
  TCase *t = tcase_create ("two overlays");

  tcase_set_timeout (t, 60);
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, the_first_overlay_that_knows_a_name_is_believed);
  tcase_add_test (t, who_is_offline_in_the_first_overlay_is_not_somebody_else_in_the_next);
  tcase_add_test (t, whom_the_first_overlay_never_heard_of_is_found_in_the_next);
  tcase_add_test (t, who_was_reached_in_an_overlay_is_not_taken_over_when_that_is_silent);
  tcase_add_test (t, a_silent_overlay_leaves_strangers_to_the_next);
  tcase_add_test (t, a_node_is_dialled_in_the_overlay_that_named_it);
  tcase_add_test (t, a_phone_is_registered_in_every_overlay);
  tcase_add_test (t, an_overlay_that_is_left_in_mid_look_up_counts_as_silent);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
