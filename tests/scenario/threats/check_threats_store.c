/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Members with good certificates against what others store: floods, names and contacts that are not
 * theirs.
 */
#include "config.h"

#include "tests/scenario/threats/foe.h"

#include "overlay/ident/aor.h"
#include "overlay/wire/sip.h"

#include <string.h>

#define N 5
#define FOE 3
#define LARGE 1000
#define VALUES 150
#define SIGNER_KIB 64

static PlWorld *
ring (guint64 seed)
{
  PlWorldOptions options = { .seed = seed, .n = N, .n_boot = 1 };
  PlWorld *world = pl_world_new (&options);
  GArray *kinds = pl_test_pki_document (pl_world_pki (world))->kinds;

  for (guint i = 0; i < kinds->len; i++)
    if (g_array_index (kinds, PlKind, i).id == PL_TEST_KIND_DICTIONARY) /* the document itself is generous */
      g_array_index (kinds, PlKind, i).max_count = g_array_index (kinds, PlKind, i).max_size = 100000;
  pl_world_grow (world, N);
  pl_world_run (world, 20 * SEC);
  return world;
}

static guint64
most_kept (PlWorld *world)
{
  guint64 most = 0;

  for (guint i = 0; i < N; i++)
    most = MAX (most, pl_store_n_bytes (pl_world_store (world, i)));
  return most;
}

static void
flood (PlWorld *world, guint values, gint64 step, Reception *reception)
{
  g_autofree char *text = g_strnfill (LARGE, 'x');
  g_autoptr (GBytes) value = g_bytes_new (text, LARGE);
  PlResourceId place;

  pl_aor_resource (pl_world_aor (world, FOE), &place);
  for (guint i = 0; i < values; i++)
    {
      g_autofree char *name = g_strdup_printf ("key %u of %u", i, reception->sent);
      g_autoptr (GBytes) key = g_bytes_new (name, strlen (name));

      foe_store (world, FOE, &place, PL_TEST_KIND_DICTIONARY, key, value, reception);
      pl_world_run (world, step);
    }
  pl_world_run (world, 5 * SEC);
}

START_TEST (a_flood_of_values_fills_no_peer_and_keeps_nobody_out) /* S2-30, S2-49, S2-60, S2-100 */
{
  g_autoptr (PlWorld) world = ring (501);
  guint64 before = most_kept (world);
  Reception first = { 0 }, later = { 0 };

  flood (world, VALUES, 20 * PL_USEC_PER_MSEC, &first);
  g_print ("# %u values of a kilobyte in %u s: %u kept, %u refused; the fullest peer has %" G_GUINT64_FORMAT " KiB more\n",
           VALUES, VALUES / 50, first.done, first.refused, (most_kept (world) - before) / 1024);
  ck_assert_uint_le (first.done, 60 + 10); /* stores a minute */
  ck_assert_uint_gt (first.refused, 0);
  ck_assert_uint_le (most_kept (world) - before, SIGNER_KIB * 1024);
  flood (world, VALUES, 2 * SEC, &later); /* with patience */
  ck_assert_uint_eq (later.last_error, PL_ERROR_DATA_TOO_LARGE);
  ck_assert_uint_le (most_kept (world) - before, SIGNER_KIB * 1024);
  /* Everybody else goes on, and so does the foe's own registration. */
  pl_node_withdraw (pl_world_node (world, FOE), pl_world_aor (world, FOE));
  pl_world_run (world, 3 * SEC);
  ck_assert_int_eq (pl_world_lookup (world, 1, pl_world_aor (world, FOE), NULL), PL_LOOKUP_OFFLINE);
  pl_node_withdraw (pl_world_node (world, 2), pl_world_aor (world, 2));
  pl_world_run (world, 3 * SEC);
  pl_node_register (pl_world_node (world, 2), pl_world_aor (world, 2));
  ck_assert (pl_world_wait_registered (world, 2, 10 * SEC));
  ck_assert (pl_world_finds (world, 4, 2));
}
END_TEST

static GBytes *
route_to (const PlNodeId *node)
{
  g_auto (PlSipRegistration) registration = { .type = PL_SIP_REGISTRATION_ROUTE };
  PlDestination to = pl_destination_node (node);
  g_auto (PlWriter) writer;

  registration.destination_list = pl_destination_list_new ();
  g_array_append_val (registration.destination_list, to);
  pl_writer_init (&writer);
  pl_sip_registration_write (&writer, &registration);
  return pl_writer_finish (&writer);
}

/* S1-05, S2-31, S2-87 */
START_TEST (a_stolen_name_is_registered_nowhere)
{
  g_autoptr (PlWorld) world = ring (502);
  const PlNodeId *victim = pl_world_id (world, 1), *foe = pl_world_id (world, FOE);
  g_autoptr (GBytes) here = route_to (foe);
  g_autoptr (GBytes) own_key = g_bytes_new (foe->b, PL_NODE_ID_LEN), victims_key = g_bytes_new (victim->b, PL_NODE_ID_LEN);
  Reception reception = { 0 };
  PlResourceId place;

  for (guint i = 0; i < 3; i++) /* a name that is in use, and one that nobody has */
    {
      pl_aor_resource (i < 2 ? pl_world_aor (world, 1) : "president@example.org", &place);
      foe_store (world, FOE, &place, PL_KIND_SIP_REGISTRATION, i == 1 ? victims_key : own_key, here, &reception);
      pl_world_run (world, 3 * SEC);
    }
  g_print ("# %u names registered for others: %u refused\n", reception.sent, reception.refused);
  ck_assert_uint_eq (reception.refused, 3);
  ck_assert_uint_eq (reception.last_error, PL_ERROR_FORBIDDEN);
  for (guint from = 0; from < N; from++)
    ck_assert (from == 1 || pl_world_finds (world, from, 1));
  ck_assert_int_eq (pl_world_lookup (world, 0, "president@example.org", NULL), PL_LOOKUP_UNKNOWN);
}
END_TEST

/* S2-48, S2-59: everybody who wants the popular foe would call the victim. */
START_TEST (a_contact_that_points_at_a_victim_leads_nobody_there)
{
  g_autoptr (PlWorld) world = ring (503);
  const PlNodeId *victim = pl_world_id (world, 1), *foe = pl_world_id (world, FOE);
  g_autoptr (GBytes) there = route_to (victim), own_key = g_bytes_new (foe->b, PL_NODE_ID_LEN), victims_key = g_bytes_new (victim->b, PL_NODE_ID_LEN);
  Reception reception = { 0 };
  PlResourceId place;
  PlNodeId found = { { 0 } };

  pl_node_withdraw (pl_world_node (world, FOE), pl_world_aor (world, FOE));
  pl_world_run (world, 3 * SEC);
  pl_aor_resource (pl_world_aor (world, FOE), &place);
  foe_store (world, FOE, &place, PL_KIND_SIP_REGISTRATION, victims_key, there, &reception);
  foe_store (world, FOE, &place, PL_KIND_SIP_REGISTRATION, own_key, there, &reception);
  pl_world_run (world, 3 * SEC);
  for (guint from = 0; from < N; from++)
    {
      pl_world_lookup (world, from, pl_world_aor (world, FOE), &found);
      ck_assert (from == FOE || !pl_node_id_equal (&found, victim));
    }
  g_print ("# %u contacts of a victim: %u stored, nobody is sent there\n", reception.sent, reception.done);
  ck_assert (!pl_world_incoming (world, 1));
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/threats/store");
  TCase *t = tcase_create ("store");

  tcase_set_timeout (t, 60);
  tcase_add_test (t, a_flood_of_values_fills_no_peer_and_keeps_nobody_out);
  tcase_add_test (t, a_stolen_name_is_registered_nowhere);
  tcase_add_test (t, a_contact_that_points_at_a_victim_leads_nobody_there);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
