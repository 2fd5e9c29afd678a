/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/log.h"
#include "overlay/wire/data.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <stdlib.h>

/* Whole nodes over the virtual network. */

static PlWorld *world;
static PlAppLink *links[2];
static guint n_links, n_errors;

static void
setup (void)
{
  if (g_getenv ("PL_TEST_LOG"))
    pl_log_set_level (atoi (g_getenv ("PL_TEST_LOG")));
}

static void
teardown (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (links); i++)
    g_clear_pointer (&links[i], pl_app_link_free);
  g_clear_pointer (&world, pl_world_free);
}

static void
make_world (guint n, guint n_boot)
{
  PlWorldOptions options = { .seed = 7, .n = n, .n_boot = n_boot };

  world = pl_world_new (&options);
}

static gint64
now (void)
{
  return pl_universe_now (pl_world_universe (world));
}

/* --- a renewed certificate --- */

static guint
n_peers (guint i)
{
  g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_world_node (world, i));

  return peers->len;
}

static void
on_values (gpointer user, const GPtrArray *values, const GError *error)
{
  PlCert *cert = user;

  n_errors += error != NULL;
  for (guint i = 0; values && i < values->len; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);

      n_links += fetched->data->value.value.value && g_bytes_equal (fetched->data->value.value.value, pl_cert_der (cert))
                 && fetched->signer_cert && g_bytes_equal (pl_cert_der (fetched->signer_cert), pl_cert_der (cert));
    }
}

static void
on_called (gpointer user, PlAppLink *link, const GError *error)
{
  n_errors += error != NULL;
  links[0] = link;
}

START_TEST (a_renewed_certificate_is_taken_without_leaving) /* 336 */
{
  g_autoptr (PlIdentity) renewed = NULL;
  PlCert *cert;
  PlResourceId place;
  guint before;

  make_world (3, 1);
  pl_world_grow (world, 3);
  pl_world_run (world, 30 * PL_USEC_PER_SEC);
  before = n_peers (1);
  renewed = pl_test_pki_renewed (pl_world_pki (world), pl_world_identity (world, 1));
  cert = pl_identity_cert (renewed);
  ck_assert (pl_node_renew (pl_world_node (world, 1), renewed));
  ck_assert (g_bytes_equal (pl_cert_der (pl_identity_cert (pl_world_identity (world, 1))), pl_cert_der (cert)));
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 1)), PL_NODE_PEER);
  pl_world_run (world, 10 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_peers (1), before);
  ck_assert (pl_world_finds (world, 1, 2));
  ck_assert (pl_world_finds (world, 2, 1));
  n_links = n_errors = 0; /* others find the new one, signed by itself (8) */
  pl_resource_id_from_name (&place, pl_world_id (world, 1)->b, PL_NODE_ID_LEN);
  pl_node_fetch (pl_world_node (world, 2), &place, PL_KIND_CERTIFICATE_BY_NODE, on_values, cert);
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_links, 1);
  pl_node_app_connect (pl_world_node (world, 2), pl_world_id (world, 1), on_called, NULL); /* and see it on links */
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_errors, 0);
  ck_assert (g_bytes_equal (pl_cert_der (pl_app_link_info (links[0])->cert), pl_cert_der (cert)));
}
END_TEST

START_TEST (a_certificate_for_another_key_or_node_is_no_renewal)
{
  g_autoptr (PlIdentity) other = NULL;

  make_world (2, 1);
  pl_world_grow (world, 1);
  other = pl_test_pki_identity (pl_world_pki (world), pl_world_aor (world, 0), pl_world_id (world, 0));
  ck_assert (!pl_node_renew (pl_world_node (world, 0), other));
  ck_assert (!pl_node_renew (pl_world_node (world, 0), pl_world_identity (world, 1)));
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 0)), PL_NODE_PEER);
}
END_TEST

/* --- clients --- */

START_TEST (client_is_found_and_called_through_one_bootstrap_peer)
{
  PlNodeId found;
  gint64 start;

  make_world (3, 1);
  pl_world_grow (world, 1);
  start = now ();
  pl_world_start (world, 1, PL_ROLE_CLIENT);
  pl_world_start (world, 2, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 1, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
  ck_assert_int_lt (now () - start, PL_USEC_PER_SEC);
  pl_node_register (pl_world_node (world, 2), pl_world_aor (world, 2));
  ck_assert (pl_world_wait_registered (world, 2, 3 * PL_USEC_PER_SEC));
  ck_assert_int_eq (pl_world_lookup (world, 1, pl_world_aor (world, 2), &found), PL_LOOKUP_FOUND);
  ck_assert (pl_node_id_equal (&found, pl_world_id (world, 2)));
  ck_assert_int_eq (pl_world_lookup (world, 1, "nobody@example.org", NULL), PL_LOOKUP_UNKNOWN);
  ck_assert (pl_world_call (world, 1, 2));
}
END_TEST

/* 348, 351: who asks for somebody redirected gets to whom it leads, and out of a circle in time. */
START_TEST (a_redirected_name_leads_to_another_node)
{
  const char *alice, *bob;
  PlNodeId found;
  gint64 start;

  make_world (2, 1);
  pl_world_grow (world, 2);
  alice = pl_world_aor (world, 0);
  bob = pl_world_aor (world, 1);
  ck_assert (pl_node_redirect (pl_world_node (world, 0), alice, bob));
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_world_lookup (world, 1, alice, &found), PL_LOOKUP_FOUND);
  ck_assert (pl_node_id_equal (&found, pl_world_id (world, 1)));
  ck_assert (pl_node_redirect (pl_world_node (world, 1), bob, alice));
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  start = pl_universe_now (pl_world_universe (world));
  ck_assert_int_eq (pl_world_lookup (world, 1, alice, NULL), PL_LOOKUP_CIRCLE);
  ck_assert_int_le (pl_universe_now (pl_world_universe (world)) - start, PL_LOOKUP_TIME_MAX);
  ck_assert (pl_node_redirect (pl_world_node (world, 0), alice, NULL));
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_world_lookup (world, 1, bob, &found), PL_LOOKUP_FOUND);
  ck_assert (pl_node_id_equal (&found, pl_world_id (world, 0)));
}
END_TEST

static guint
count_links (guint i)
{
  g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_world_node (world, i));

  return peers->len;
}

/* RFC 7263: by links that the answering peers dial, and end when nothing goes over them any more. */
START_TEST (answers_come_straight_to_a_client_that_asks_for_it)
{
  PlWorldOptions options = { .seed = 7, .n = 8, .n_boot = 1, .listen_all = TRUE, .direct = TRUE };

  world = pl_world_new (&options);
  pl_world_grow (world, 7);
  pl_world_start (world, 7, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 7, PL_NODE_CLIENT, 5 * PL_USEC_PER_SEC));
  pl_world_run (world, 200 * PL_USEC_PER_SEC);
  ck_assert_uint_lt (count_links (7), 7); /* it has stored its certificate, the links of these answers are over */
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *aor = g_strdup_printf ("nobody%u@example.org", i);

      ck_assert_int_eq (pl_world_lookup (world, 7, aor, NULL), PL_LOOKUP_UNKNOWN);
    }
  ck_assert_uint_eq (count_links (7), 7);
  pl_world_run (world, 200 * PL_USEC_PER_SEC);
  ck_assert_uint_lt (count_links (7), 7);
}
END_TEST

/* 281, 4.2.1, 286: a client moves when its peer dies, and is still reached. */
START_TEST (client_survives_the_death_of_any_one_peer)
{
  make_world (8, 2);
  pl_world_grow (world, 6);
  pl_world_start (world, 6, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 6, PL_NODE_CLIENT, 5 * PL_USEC_PER_SEC));
  pl_node_register (pl_world_node (world, 6), pl_world_aor (world, 6));
  ck_assert (pl_world_wait_registered (world, 6, 3 * PL_USEC_PER_SEC));
  pl_world_start (world, 7, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 7, PL_NODE_CLIENT, 5 * PL_USEC_PER_SEC));
  pl_world_run (world, 10 * PL_USEC_PER_SEC);
  for (guint i = 0; i < 4; i++)
    {
      pl_world_kill (world, i);
      pl_world_run (world, 40 * PL_USEC_PER_SEC);
      ck_assert (pl_world_call (world, 7, 6));
      ck_assert (pl_world_call (world, 6, 7));
    }
}
END_TEST

START_TEST (restarted_peer_and_client_work_again_within_seconds)
{
  make_world (5, 1);
  pl_world_grow (world, 3);
  pl_world_start (world, 3, PL_ROLE_CLIENT);
  pl_world_start (world, 4, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 3, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
  ck_assert (pl_world_wait_state (world, 4, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
  ck_assert (pl_world_call (world, 3, 4));
  pl_world_kill (world, 4);
  pl_world_run (world, 500 * PL_USEC_PER_MSEC);
  pl_world_start (world, 4, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 4, PL_NODE_CLIENT, 2 * PL_USEC_PER_SEC));
  ck_assert (pl_world_call (world, 3, 4));
  pl_world_kill (world, 1);
  pl_world_run (world, 500 * PL_USEC_PER_MSEC);
  pl_world_start (world, 1, PL_ROLE_PEER);
  ck_assert (pl_world_wait_state (world, 1, PL_NODE_PEER, 10 * PL_USEC_PER_SEC));
  pl_world_run (world, 3 * PL_USEC_PER_SEC);
  ck_assert (pl_world_call (world, 4, 3));
}
END_TEST

START_TEST (only_bootstrap_peer_restarts_and_clients_come_back)
{
  make_world (3, 1);
  pl_world_grow (world, 1);
  pl_world_start (world, 1, PL_ROLE_CLIENT);
  pl_world_start (world, 2, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
  pl_world_kill (world, 0);
  pl_world_run (world, 60 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 1)), PL_NODE_CONNECTING);
  pl_world_start (world, 0, PL_ROLE_BOOTSTRAP);
  ck_assert (pl_world_wait_state (world, 1, PL_NODE_CLIENT, 30 * PL_USEC_PER_SEC));
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_CLIENT, 30 * PL_USEC_PER_SEC));
  ck_assert (pl_world_call (world, 1, 2));
}
END_TEST

/* --- application links --- */

static void
on_connect (gpointer user, PlAppLink *link, const GError *error)
{
  if (link)
    links[n_links++] = link;
  else
    n_errors++;
}

static gboolean
both_over (gpointer user)
{
  return n_links + n_errors == 2;
}

/* 119-121 for AppAttach: one link, both sides get it. */
START_TEST (app_connects_of_both_sides_at_once_make_one_link)
{
  make_world (3, 1);
  pl_world_grow (world, 1);
  for (guint i = 1; i < 3; i++)
    {
      pl_world_start (world, i, PL_ROLE_CLIENT);
      ck_assert (pl_world_wait_state (world, i, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
    }
  n_links = n_errors = 0;
  pl_node_app_connect (pl_world_node (world, 1), pl_world_id (world, 2), on_connect, NULL);
  pl_node_app_connect (pl_world_node (world, 2), pl_world_id (world, 1), on_connect, NULL);
  ck_assert (pl_universe_run_until (pl_world_universe (world), both_over, NULL, 6 * PL_USEC_PER_SEC));
  ck_assert_uint_eq (n_links, 2);
  pl_world_run (world, 6 * PL_USEC_PER_SEC);
}
END_TEST

static gboolean
between_clients (gpointer user, const PlNodeId *a, const PlNodeId *b)
{
  const PlNodeId *hub = pl_world_id (world, 0);

  return !pl_node_id_equal (a, hub) && !pl_node_id_equal (b, hub);
}

/* The one side's attempt has no path and blocks the other's until it ends; then the other's is heard,
 * well before it gives up itself. */
START_TEST (app_connect_goes_on_when_that_of_the_far_side_has_died)
{
  make_world (3, 1);
  pl_world_grow (world, 1);
  for (guint i = 1; i < 3; i++)
    {
      pl_world_start (world, i, PL_ROLE_CLIENT);
      ck_assert (pl_world_wait_state (world, i, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
    }
  for (guint first = 1; first < 3; first++)
    {
      n_links = n_errors = 0;
      pl_vnet_set_cut (pl_world_net (world), between_clients, NULL);
      pl_node_app_connect (pl_world_node (world, first), pl_world_id (world, 3 - first), on_connect, NULL);
      pl_world_run (world, PL_USEC_PER_SEC);
      pl_vnet_set_cut (pl_world_net (world), NULL, NULL);
      pl_node_app_connect (pl_world_node (world, 3 - first), pl_world_id (world, first), on_connect, NULL);
      ck_assert (pl_universe_run_until (pl_world_universe (world), both_over, NULL, 7 * PL_USEC_PER_SEC));
      ck_assert_uint_eq (n_links, 1);
      ck_assert_uint_eq (n_errors, 1);
      g_clear_pointer (&links[0], pl_app_link_free);
      pl_world_run (world, PL_USEC_PER_SEC);
    }
}
END_TEST

static GString *heard;

static void
on_link_message (gpointer user, PlAppLink *link, const guint8 *data, gsize len)
{
  (void) link;
  g_string_append_len (user, (const char *) data, (gssize) len);
}

/* A link that is dialled early has nobody yet who takes its messages. */
START_TEST (messages_that_come_before_their_handler_are_kept_for_it)
{
  static const PlAppLinkHandlers handlers = { .message = on_link_message };
  g_autoptr (GPtrArray) left = NULL;

  make_world (2, 1);
  pl_world_grow (world, 2);
  n_links = n_errors = 0;
  pl_node_app_connect (pl_world_node (world, 1), pl_world_id (world, 0), on_connect, NULL);
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_links, 1);
  for (guint i = 0; i < PL_APP_LINK_KEPT_MAX + 2; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u ", i);
      g_autoptr (GBytes) message = g_bytes_new (text, strlen (text));

      ck_assert (pl_app_link_send (pl_world_incoming (world, 0), message));
      pl_world_run (world, 100 * PL_USEC_PER_MSEC);
    }
  left = pl_app_link_dup_unacknowledged (pl_world_incoming (world, 0));
  ck_assert_uint_eq (left->len, 0);
  heard = g_string_new (NULL);
  pl_app_link_set_handlers (links[0], &handlers, heard);
  ck_assert_str_eq (heard->str, "");
  pl_world_run (world, PL_USEC_PER_MSEC);
  ck_assert_str_eq (heard->str, "0 1 2 3 4 5 6 7 ");
  g_string_free (heard, TRUE);
}
END_TEST

START_TEST (app_connect_to_a_dead_node_fails_within_five_seconds)
{
  gint64 start;

  make_world (3, 1);
  pl_world_grow (world, 1);
  pl_world_start (world, 1, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 1, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
  n_links = 0;
  n_errors = 1;
  start = now ();
  pl_node_app_connect (pl_world_node (world, 1), pl_world_id (world, 2), on_connect, NULL);
  ck_assert (pl_universe_run_until (pl_world_universe (world), both_over, NULL, 10 * PL_USEC_PER_SEC));
  ck_assert_uint_eq (n_errors, 2);
  ck_assert_int_le (now () - start, 5 * PL_USEC_PER_SEC + PL_USEC_PER_SEC / 10);
}
END_TEST

static PlAppConnect *second;

static void
on_connect_cancel_second (gpointer user, PlAppLink *link, const GError *error)
{
  n_errors++;
  pl_app_connect_cancel (second);
}

START_TEST (app_connect_may_be_cancelled_while_another_to_the_same_node_fails)
{
  make_world (3, 1);
  pl_world_grow (world, 1);
  pl_world_start (world, 1, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 1, PL_NODE_CLIENT, 3 * PL_USEC_PER_SEC));
  n_links = n_errors = 0;
  pl_node_app_connect (pl_world_node (world, 1), pl_world_id (world, 2), on_connect_cancel_second, NULL);
  second = pl_node_app_connect (pl_world_node (world, 1), pl_world_id (world, 2), on_connect, NULL);
  pl_world_run (world, 10 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_errors, 1);
  ck_assert_uint_eq (n_links, 0);
}
END_TEST

/* --- the ring --- */

static guint
n_found (guint n, guint stride)
{
  guint found = 0, from = 0;

  while (!pl_world_node (world, from))
    from++;
  for (guint i = 0; i < n; i += stride)
    if (pl_world_lookup (world, (from + i) % n < n && pl_world_node (world, (from + i) % n) ? (from + i) % n : from,
                         pl_world_aor (world, i), NULL) == PL_LOOKUP_FOUND)
      found++;
  return found;
}

START_TEST (ring_finds_everything_while_a_third_dies_one_by_one)
{
  make_world (18, 3);
  pl_world_grow (world, 18);
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  pl_world_report (world, "grown");
  ck_assert_uint_eq (n_found (18, 1), 18);
  for (guint i = 0; i < 6; i++)
    {
      pl_world_kill (world, 3 * i + 1);
      pl_world_run (world, 60 * PL_USEC_PER_SEC);
    }
  pl_world_report (world, "a third is gone");
  ck_assert_uint_eq (n_found (18, 1), 18);
}
END_TEST

START_TEST (ring_heals_when_a_third_dies_at_once)
{
  guint expected = 0, found = 0;

  make_world (24, 3);
  pl_world_grow (world, 24);
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  for (guint i = 1; i < 24; i += 3)
    pl_world_kill (world, i);
  for (guint i = 0; i < 24; i++)
    expected += pl_world_holders (world, i) > 0;
  pl_world_run (world, 120 * PL_USEC_PER_SEC);
  pl_world_report (world, "a third is gone");
  for (guint i = 0; i < 24; i++)
    found += pl_world_lookup (world, 0, pl_world_aor (world, i), NULL) == PL_LOOKUP_FOUND;
  ck_assert_uint_eq (found, expected);
}
END_TEST

/* 281: the one that may start the ring comes last, the others have found each other before. */
START_TEST (bootstrap_nodes_started_in_any_order_make_one_ring) /* S2-15, S2-23 */
{
  make_world (5, 3);
  pl_world_start (world, 2, PL_ROLE_BOOTSTRAP);
  pl_world_start (world, 1, PL_ROLE_BOOTSTRAP);
  pl_world_start (world, 3, PL_ROLE_CLIENT);
  pl_world_run (world, 20 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 1)), PL_NODE_CONNECTING);
  pl_world_start (world, 0, PL_ROLE_BOOTSTRAP);
  for (guint i = 0; i < 3; i++)
    ck_assert (pl_world_wait_state (world, i, PL_NODE_PEER, 15 * PL_USEC_PER_SEC));
  ck_assert (pl_world_wait_state (world, 3, PL_NODE_CLIENT, 10 * PL_USEC_PER_SEC));
  pl_world_start (world, 4, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 4, PL_NODE_CLIENT, 5 * PL_USEC_PER_SEC));
  ck_assert (pl_world_call (world, 3, 4));
}
END_TEST

START_TEST (all_bootstrap_nodes_at_once_make_one_ring)
{
  gint64 start;

  make_world (5, 3);
  start = now ();
  for (guint i = 0; i < 3; i++)
    pl_world_start (world, i, PL_ROLE_BOOTSTRAP);
  for (guint i = 3; i < 5; i++)
    pl_world_start (world, i, PL_ROLE_CLIENT);
  for (guint i = 0; i < 3; i++)
    ck_assert (pl_world_wait_state (world, i, PL_NODE_PEER, 15 * PL_USEC_PER_SEC));
  for (guint i = 3; i < 5; i++)
    ck_assert (pl_world_wait_state (world, i, PL_NODE_CLIENT, 15 * PL_USEC_PER_SEC));
  g_print ("# all there after %d ms\n", (int) ((now () - start) / 1000));
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  ck_assert (pl_world_call (world, 3, 4));
  ck_assert (pl_world_call (world, 4, 3));
}
END_TEST

/* 274, 6.4.2.3 (285): the first node is cut off, keeps a ring of its own, and comes back. */
START_TEST (partitioned_rings_become_one_again) /* S2-16 */
{
  make_world (9, 2);
  pl_world_grow (world, 8);
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  pl_vnet_kill (pl_world_net (world), pl_world_id (world, 0));
  pl_world_run (world, 200 * PL_USEC_PER_SEC);
  {
    g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_world_node (world, 0));

    ck_assert_uint_eq (peers->len, 0);
    ck_assert_int_eq (pl_node_state (pl_world_node (world, 0)), PL_NODE_PEER);
  }
  pl_vnet_revive (pl_world_net (world), pl_world_id (world, 0));
  pl_world_run (world, 120 * PL_USEC_PER_SEC);
  for (guint i = 1; i < 8; i++)
    {
      ck_assert (pl_world_finds (world, 0, i));
      ck_assert (pl_world_call (world, i, 0));
      ck_assert (pl_world_finds (world, i, (i + 3) % 8));
    }
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("node/ring");

  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 120);
  tcase_add_test (c, client_is_found_and_called_through_one_bootstrap_peer);
  tcase_add_test (c, a_renewed_certificate_is_taken_without_leaving);
  tcase_add_test (c, a_certificate_for_another_key_or_node_is_no_renewal);
  tcase_add_test (c, a_redirected_name_leads_to_another_node);
  tcase_add_test (c, answers_come_straight_to_a_client_that_asks_for_it);
  tcase_add_test (c, client_survives_the_death_of_any_one_peer);
  tcase_add_test (c, restarted_peer_and_client_work_again_within_seconds);
  tcase_add_test (c, only_bootstrap_peer_restarts_and_clients_come_back);
  tcase_add_test (c, app_connects_of_both_sides_at_once_make_one_link);
  tcase_add_test (c, app_connect_goes_on_when_that_of_the_far_side_has_died);
  tcase_add_test (c, messages_that_come_before_their_handler_are_kept_for_it);
  tcase_add_test (c, app_connect_to_a_dead_node_fails_within_five_seconds);
  tcase_add_test (c, app_connect_may_be_cancelled_while_another_to_the_same_node_fails);
  tcase_add_test (c, ring_finds_everything_while_a_third_dies_one_by_one);
  tcase_add_test (c, ring_heals_when_a_third_dies_at_once);
  tcase_add_test (c, bootstrap_nodes_started_in_any_order_make_one_ring);
  tcase_add_test (c, all_bootstrap_nodes_at_once_make_one_ring);
  tcase_add_test (c, partitioned_rings_become_one_again);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
