/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Peers of a LAN that find each other by multicast, in an overlay whose document names no bootstrap
 * node: whole nodes in virtual time, and a stranger who says what it likes to the group.
 */
#include "config.h"

#include "overlay/node-priv.h"

#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <string.h>

#define SEC PL_USEC_PER_SEC

static PlWorld *world;
static PlTransport *stranger;    /* on the same LAN, hears the group */
static GPtrArray *heard;         /* GBytes */

static void
make (guint n, gboolean any_starts, gboolean grouped)
{
  PlWorldOptions wish = { .seed = 31, .n = n, .n_boot = 2, .any_starts = any_starts };
  PlDocument *document;
  PlHostPort group = { NULL, 6084 };

  world = pl_world_new (&wish);
  document = pl_test_pki_document (pl_world_pki (world));
  g_array_set_size (document->bootstrap_nodes, 0);
  group.host = g_strdup ("239.255.96.84");
  if (grouped)
    g_array_append_val (document->multicast_groups, group);
  else
    g_free (group.host);
}

static void
setup (void)
{
  heard = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
}

static void
teardown (void)
{
  g_clear_pointer (&stranger, pl_transport_free);
  g_clear_pointer (&world, pl_world_free);
  g_ptr_array_unref (heard);
}

static void
on_heard (gpointer user, GBytes *datagram, const char *from)
{
  (void) user;
  (void) from;
  g_ptr_array_add (heard, g_bytes_ref (datagram));
}

static void
add_stranger (void)
{
  PlDocument *document = pl_test_pki_document (pl_world_pki (world));

  stranger = pl_vnet_transport (pl_world_net (world), pl_universe_env (pl_world_universe (world)),
                                pl_world_identity (world, 2), NULL, "stranger", 1);
  pl_transport_set_groups (stranger, document->multicast_groups, on_heard, NULL);
}

START_TEST (peers_of_a_lan_find_each_other_without_a_bootstrap_node)
{
  make (3, FALSE, TRUE);
  pl_world_start (world, 0, PL_ROLE_PEER);
  ck_assert (pl_world_wait_state (world, 0, PL_NODE_PEER, 10 * SEC));
  pl_node_register (pl_world_node (world, 0), pl_world_aor (world, 0));
  ck_assert (pl_world_wait_registered (world, 0, 10 * SEC));
  pl_world_start (world, 1, PL_ROLE_PEER);
  ck_assert (pl_world_wait_state (world, 1, PL_NODE_PEER, 10 * SEC));
  pl_world_start (world, 2, PL_ROLE_CLIENT); /* hears nothing itself */
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_CLIENT, 10 * SEC));
  ck_assert (pl_world_finds (world, 2, 0));
}
END_TEST

START_TEST (nobody_is_found_where_the_document_names_no_group)
{
  make (2, FALSE, FALSE);
  pl_world_start (world, 0, PL_ROLE_PEER);
  pl_world_start (world, 1, PL_ROLE_PEER);
  pl_world_run (world, 30 * SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 0)), PL_NODE_PEER);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 1)), PL_NODE_CONNECTING);
}
END_TEST

static gboolean
cut_all (gpointer user, const PlNodeId *a, const PlNodeId *b)
{
  (void) user;
  return !pl_node_id_equal (a, b);
}

START_TEST (two_that_started_alone_become_one_ring) /* 10.7.4.4 */
{
  make (2, TRUE, TRUE);
  pl_vnet_set_cut (pl_world_net (world), cut_all, NULL);
  pl_world_start (world, 0, PL_ROLE_PEER);
  pl_world_start (world, 1, PL_ROLE_PEER);
  pl_world_run (world, 10 * SEC);
  for (guint i = 0; i < 2; i++)
    {
      ck_assert_int_eq (pl_node_state (pl_world_node (world, i)), PL_NODE_PEER);
      ck_assert_uint_eq (pl_forward_n_links (pl_world_node (world, i)->forward), 0);
      pl_node_register (pl_world_node (world, i), pl_world_aor (world, i));
    }
  pl_vnet_set_cut (pl_world_net (world), NULL, NULL);
  pl_world_run (world, 180 * SEC);
  ck_assert (pl_world_finds (world, 0, 1));
  ck_assert (pl_world_finds (world, 1, 0));
}
END_TEST

START_TEST (a_question_is_a_signed_ping_to_all_and_is_not_asked_too_often) /* doc/PROTOCOL */
{
  make (3, FALSE, TRUE);
  add_stranger ();
  pl_world_start (world, 1, PL_ROLE_PEER);
  pl_world_run (world, 60 * SEC);
  ck_assert_uint_ge (heard->len, 5);
  ck_assert_uint_le (heard->len, 25);
  for (guint i = 0; i < heard->len; i++)
    {
      g_auto (PlMessage) message = { 0 };

      ck_assert_int_eq (pl_message_read (g_ptr_array_index (heard, i), &message), PL_WIRE_OK);
      ck_assert_uint_eq (message.message_code, PL_MESSAGE_PING_REQ);
      ck_assert_uint_eq (message.header.destination_list->len, 1);
      ck_assert (pl_node_id_is_wildcard (&pl_destination_list_get (message.header.destination_list, 0)->node_id));
    }
}
END_TEST

/* A question of node 1, which then is gone. */
static GBytes *
record_question (void)
{
  GBytes *question;

  pl_world_start (world, 1, PL_ROLE_PEER);
  pl_world_run (world, SEC / 2);
  ck_assert_uint_ge (heard->len, 1);
  question = g_bytes_ref (g_ptr_array_index (heard, 0));
  pl_world_kill (world, 1);
  pl_world_start (world, 0, PL_ROLE_PEER);
  ck_assert (pl_world_wait_state (world, 0, PL_NODE_PEER, 10 * SEC));
  pl_world_run (world, 2 * SEC);
  g_ptr_array_set_size (heard, 0);
  return question;
}

static guint
answers_to (const guint8 *data, gsize len, guint times)
{
  g_autoptr (GBytes) datagram = g_bytes_new (data, len);
  guint n = 0;

  g_ptr_array_set_size (heard, 0);
  for (guint i = 0; i < times; i++)
    pl_transport_discover (stranger, datagram);
  pl_world_run (world, SEC);
  for (guint i = 0; i < heard->len; i++)
    {
      g_auto (PlMessage) message = { 0 };

      n += pl_message_read (g_ptr_array_index (heard, i), &message) == PL_WIRE_OK && message.message_code == PL_MESSAGE_PING_ANS;
    }
  return n;
}

START_TEST (a_peer_answers_few_questions_a_second_and_only_good_ones) /* S1-40 */
{
  g_autoptr (GBytes) question = NULL;
  gsize len;
  const guint8 *data;

  make (3, FALSE, TRUE);
  add_stranger ();
  question = record_question ();
  data = g_bytes_get_data (question, &len);
  ck_assert_uint_eq (answers_to (data, len, 1), 1);
  ck_assert_uint_ge (answers_to (data, len, 200), 5);
  pl_world_run (world, SEC);
  ck_assert_uint_le (answers_to (data, len, 200), 20); /* 10 of a second, two of which may begin */
  for (gsize at = 0; at < len; at += 7)
    {
      g_autofree guint8 *bad = g_memdup2 (data, len);

      bad[at] ^= 0x20;
      answers_to (bad, len, 1); /* the header is not signed: some get an answer */
      answers_to (bad, at, 1);
    }
  for (gsize at = len - 40; at < len; at += 5)
    {
      g_autofree guint8 *bad = g_memdup2 (data, len);

      bad[at] ^= 0x20; /* in the signature */
      ck_assert_uint_eq (answers_to (bad, len, 1), 0);
    }
  ck_assert_uint_eq (answers_to (data, len, 1), 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("node/multicast");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, peers_of_a_lan_find_each_other_without_a_bootstrap_node);
  tcase_add_test (tcase, nobody_is_found_where_the_document_names_no_group);
  tcase_add_test (tcase, two_that_started_alone_become_one_ring);
  tcase_add_test (tcase, a_question_is_a_signed_ping_to_all_and_is_not_asked_too_often);
  tcase_add_test (tcase, a_peer_answers_few_questions_a_second_and_only_good_ones);
  return pl_test_run (suite, NULL);
}
