/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What changes in a ring under whole nodes in virtual time: deaths, joins at once, a cut and its
 * healing (RFC 6940 10.4 to 10.7).
 */
#include "config.h"

#include "overlay/ident/aor.h"
#include "overlay/wire/framing.h"
#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#define SEC PL_USEC_PER_SEC
#define MSEC PL_USEC_PER_MSEC
#define N 14

/* The running node whose Node-ID follows the place of i's registration. */
static guint
peer_of (PlWorld *world, guint n, guint i)
{
  PlResourceId resource;
  PlNodeId place, best = { { 0 } };
  guint peer = G_MAXUINT;

  pl_aor_resource (pl_world_aor (world, i), &resource);
  ck_assert (pl_resource_id_to_node_id (&resource, &place));
  for (guint j = 0; j < n; j++)
    {
      PlNodeId distance = pl_node_id_sub (pl_world_id (world, j), &place);

      if (!pl_world_node (world, j) || (peer != G_MAXUINT && pl_node_id_compare (&distance, &best) >= 0))
        continue;
      best = distance;
      peer = j;
    }
  return peer;
}

static PlWorld *
grown (guint64 seed, guint n, guint n_boot, guint n_grown)
{
  PlWorldOptions options = { .seed = seed, .n = n, .n_boot = n_boot };
  PlWorld *world = pl_world_new (&options);

  pl_world_grow (world, n_grown);
  pl_world_run (world, 20 * SEC);
  return world;
}

static gint64
now (PlWorld *world)
{
  return pl_universe_now (pl_world_universe (world));
}

typedef struct { guint requests, answers, others, size; } Told;

static gboolean
on_tuned_record (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  Told *told = user;
  g_autoptr (GBytes) bytes = g_bytes_new (record->data + PL_FRAME_DATA_HEADER, record->len - MIN (record->len, PL_FRAME_DATA_HEADER));
  g_auto (PlMessage) message = { 0 };
  const PlMessageExtension *extension;
  PlSelfTuningData data;
  PlReader reader;

  if (record->data[0] != PL_FRAME_DATA || pl_message_read (bytes, &message) != PL_WIRE_OK
      || !(extension = pl_message_extension_list_find (message.extensions, PL_EXTENSION_SELF_TUNING)))
    return TRUE;
  ck_assert (!extension->critical);
  pl_reader_init_bytes (&reader, extension->extension_contents);
  ck_assert (pl_self_tuning_data_read (&reader, &data));
  told->size = MAX (told->size, data.network_size);
  told->requests += message.message_code == PL_MESSAGE_PROBE_REQ;
  told->answers += message.message_code == PL_MESSAGE_PROBE_ANS;
  told->others += message.message_code != PL_MESSAGE_PROBE_REQ && message.message_code != PL_MESSAGE_PROBE_ANS;
  return TRUE;
}

/* RFC 7363 6.5: estimates travel in Probes and their answers, and all agree on what they are. */
START_TEST (peers_of_a_tuned_overlay_tell_each_other_their_estimates)
{
  PlWorldOptions options = { .seed = 303, .n = 5, .n_boot = 1 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  PlDocument *document = pl_test_pki_document (pl_world_pki (world));
  Told told = { 0 };
  double size;
  gint64 interval;

  g_free (document->topology);
  document->topology = g_strdup (PL_TOPOLOGY_SELF_TUNING);
  pl_vnet_set_tap (pl_world_net (world), on_tuned_record, &told);
  pl_world_grow (world, 5);
  pl_world_run (world, 60 * SEC);
  pl_vnet_set_tap (pl_world_net (world), NULL, NULL);
  ck_assert_uint_gt (told.requests, 10);
  ck_assert_uint_gt (told.answers, 10);
  ck_assert_uint_eq (told.others, 0);
  ck_assert_uint_eq (told.size, 5);
  for (guint i = 0; i < 5; i++)
    {
      ck_assert (pl_node_tuning (pl_world_node (world, i), &size, &interval));
      ck_assert_double_eq (size, 5);
      ck_assert_int_le (interval, 60 * SEC); /* all are young */
    }
}
END_TEST

/* Who holds a copy answers while responsibility moves; nobody waits for the death to be sure. */
START_TEST (first_look_up_after_the_peer_of_a_record_died_is_answered_at_once)
{
  g_autoptr (PlWorld) world = grown (301, N, 2, N);
  gint64 slowest = 0;
  guint n = 0;

  for (guint i = 0; i < N && n < 4; i++)
    {
      guint peer = peer_of (world, N, i), from = (i + 5) % N;
      gint64 start;

      if (!pl_world_node (world, i) || !pl_world_node (world, from) || peer < 2 || peer == i || peer == from)
        continue;
      n++;
      pl_world_kill (world, peer);
      start = now (world);
      ck_assert_msg (pl_world_finds (world, from, i), "node %u does not find %u", from, i);
      slowest = MAX (slowest, now (world) - start);
      pl_world_run (world, 60 * SEC);
    }
  g_print ("# %u deaths, slowest look-up %.0f ms\n", n, (double) slowest / MSEC);
  ck_assert_uint_ge (n, 3);
  ck_assert_int_lt (slowest, 1200 * MSEC);
}
END_TEST

/* 247-250, 285: joins at once, into the same ranges too; every record stays where it is asked for. */
START_TEST (records_follow_responsibility_while_many_join_at_once)
{
  g_autoptr (PlWorld) world = grown (302, 16, 2, 6);

  for (guint i = 6; i < 16; i++)
    {
      pl_world_start (world, i, PL_ROLE_PEER);
      pl_world_run (world, 50 * MSEC);
    }
  for (guint step = 0; step < 20; step++)
    {
      guint to = step % 6, from = (step + 1) % 6;

      ck_assert_msg (pl_world_finds (world, from, to), "step %u: %u does not find %u", step, from, to);
      pl_world_run (world, 250 * MSEC);
    }
  for (guint i = 0; i < 16; i++)
    ck_assert_int_eq (pl_node_state (pl_world_node (world, i)), PL_NODE_PEER);
  /* long before a registration is refreshed, each lies with its peer and two more */
  for (guint i = 0; i < 6; i++)
    {
      ck_assert_uint_ge (pl_world_holders (world, i), 3);
      ck_assert (pl_world_holds (world, peer_of (world, 16, i), i));
    }
}
END_TEST

static gboolean
is_whole (PlWorld *world, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const PlNodeId *self = pl_world_id (world, i);
      guint next = G_MAXUINT;
      PlNodeId best = { { 0 } };
      gboolean linked = FALSE;
      g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_world_node (world, i));

      for (guint j = 0; j < n; j++)
        {
          PlNodeId distance = pl_node_id_sub (pl_world_id (world, j), self);

          if (j == i || (next != G_MAXUINT && pl_node_id_compare (&distance, &best) >= 0))
            continue;
          best = distance;
          next = j;
        }
      for (guint j = 0; j < peers->len; j++)
        {
          PlPeerInfo *info = g_ptr_array_index (peers, j);

          linked |= pl_node_id_equal (&info->node, pl_world_id (world, next)) && g_str_equal (info->role, "neighbor");
        }
      if (!linked || pl_node_state (pl_world_node (world, i)) != PL_NODE_PEER)
        return FALSE;
    }
  return TRUE;
}

static guint
side_of (PlWorld *world, const PlNodeId *node)
{
  for (guint i = 0; i < N; i++)
    if (pl_node_id_equal (node, pl_world_id (world, i)))
      return i % 2;
  return 0;
}

static gboolean
between_halves (gpointer user, const PlNodeId *a, const PlNodeId *b)
{
  return side_of (user, a) != side_of (user, b);
}

/* 274, 10.7.4.4: two halves, a bootstrap node in each, live on apart and become one ring. */
START_TEST (halves_cut_off_for_ten_minutes_are_one_ring_within_five) /* S2-16 */
{
  g_autoptr (PlWorld) world = grown (303, N, 2, N);
  gint64 healed;

  pl_vnet_set_cut (pl_world_net (world), between_halves, world);
  pl_world_run (world, 600 * SEC);
  for (guint i = 0; i < N; i++)
    ck_assert_msg (pl_world_finds (world, i, (i + 2) % N), "node %u does not find its own half", i);
  ck_assert (!is_whole (world, N));
  pl_vnet_set_cut (pl_world_net (world), NULL, NULL);
  healed = now (world);
  while (!is_whole (world, N) && now (world) - healed < 300 * SEC)
    pl_world_run (world, SEC);
  g_print ("# one ring again after %.0f s\n", (double) (now (world) - healed) / SEC);
  ck_assert (is_whole (world, N));
  pl_world_run (world, 300 * SEC - (now (world) - healed));
  for (guint i = 0; i < N; i++)
    for (guint k = 1; k < N; k += 4)
      ck_assert_msg (pl_world_finds (world, i, (i + k) % N), "node %u does not find %u", i, (i + k) % N);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/chord");
  TCase *t = tcase_create ("chord");

  tcase_set_timeout (t, 60);
  tcase_add_test (t, first_look_up_after_the_peer_of_a_record_died_is_answered_at_once);
  tcase_add_test (t, peers_of_a_tuned_overlay_tell_each_other_their_estimates);
  tcase_add_test (t, records_follow_responsibility_while_many_join_at_once);
  tcase_add_test (t, halves_cut_off_for_ten_minutes_are_one_ring_within_five);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
