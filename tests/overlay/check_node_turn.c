/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two people behind symmetric NATs and a peer with a TURN server beside it, whole nodes in virtual
 * time: found by Find, asked over a link of its own, used for the link between the two (RFC 6940 9).
 */
#include "config.h"

#include "overlay/node-priv.h"

#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <string.h>

#define SERVER 1
#define ALICE 2
#define BOB 3

static PlWorld *world;
static PlSecret *secret;
static guint told, told_elsewhere;   /* records with credentials */
static guint16 error_code;

static void
setup (void)
{
  static PlTurnOfferOptions options = { { PL_ADDRESS_IPV4, { 198, 51, 100, 9 }, 3478 }, NULL, 3600 };
  PlWorldOptions wish = { .seed = 21, .n = 4, .n_boot = 2, .promote_after = 3600 * PL_USEC_PER_SEC };

  options.secret = secret = pl_secret_new ("north wind", 10);
  world = pl_world_new (&wish);
  pl_test_pki_document (pl_world_pki (world))->turn_density = 1;
  pl_world_set_turn (world, SERVER, &options);
  told = told_elsewhere = 0;
}

static void
teardown (void)
{
  pl_world_free (world);
  pl_secret_free (secret);
}

static void
start (PlVNetNat nat)
{
  pl_world_grow (world, 2);
  for (guint i = ALICE; i <= BOB; i++)
    {
      pl_world_set_nat (world, i, nat);
      pl_world_start (world, i, PL_ROLE_CLIENT);
      ck_assert (pl_world_wait_state (world, i, PL_NODE_CLIENT, 30 * PL_USEC_PER_SEC));
    }
  pl_world_run (world, 60 * PL_USEC_PER_SEC);
}

/* The virtual net shows what the real one encrypts: a user name, "expiry:Node-ID", is never without
 * its password. */
static gboolean
on_record (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  g_autofree char *hex = pl_node_id_dup_hex (pl_world_id (world, ALICE));
  g_autofree char *name = g_strconcat (":", hex, NULL);

  (void) user;
  if (!memmem (record->data, record->len, name, strlen (name)))
    return TRUE;
  if (pl_node_id_equal (from, pl_world_id (world, SERVER)) && pl_node_id_equal (to, pl_world_id (world, ALICE)))
    told++;
  else
    told_elsewhere++;
  return TRUE;
}

START_TEST (links_between_two_symmetric_nats_go_through_the_overlays_turn_server) /* 231, 232, 235 */
{
  const PlTurnAccess *access;
  gint64 expires;

  pl_vnet_set_tap (pl_world_net (world), on_record, NULL);
  start (PL_VNET_SYMMETRIC);
  ck_assert_uint_eq (told, 1);
  ck_assert_uint_eq (told_elsewhere, 0); /* credentials go over one link and through no node */
  ck_assert_int_eq (pl_node_turn (pl_world_node (world, ALICE), &access, &expires), PL_TURN_FOUND);
  ck_assert_uint_eq (access->server.port, 3478);
  ck_assert_int_gt (expires, 0);
  ck_assert (pl_world_call (world, ALICE, BOB));
  ck_assert (pl_world_call (world, BOB, ALICE));
}
END_TEST

START_TEST (without_a_turn_server_there_is_no_such_link)
{
  pl_test_pki_document (pl_world_pki (world))->turn_density = 0;
  start (PL_VNET_SYMMETRIC);
  ck_assert_int_eq (pl_node_turn (pl_world_node (world, ALICE), NULL, NULL), PL_TURN_NOT_OFFERED);
  ck_assert_uint_eq (pl_store_n_values (pl_world_store (world, 0), PL_KIND_TURN_SERVICE), 0);
  ck_assert (!pl_world_call (world, ALICE, BOB));
}
END_TEST

START_TEST (who_has_no_nat_looks_for_no_server_and_who_has_one_offers_none) /* 231 */
{
  pl_world_set_nat (world, SERVER, PL_VNET_CONE);
  start (PL_VNET_OPEN);
  ck_assert_int_eq (pl_node_turn (pl_world_node (world, ALICE), NULL, NULL), PL_TURN_NOT_NEEDED);
  ck_assert_uint_eq (pl_store_n_values (pl_world_store (world, 0), PL_KIND_TURN_SERVICE), 0);
}
END_TEST

static void
on_connected (gpointer user, PlAppLink *link, const GError *error)
{
  (void) user;
  error_code = error ? (guint16) error->code : 0;
  pl_app_link_free (link);
}

START_TEST (a_node_without_a_server_takes_no_such_links_and_one_with_it_not_too_many) /* 140 */
{
  PlNode *alice;

  start (PL_VNET_OPEN);
  alice = pl_world_node (world, ALICE);
  pl_node_app_open (alice, PL_APPLICATION_TURN, pl_world_id (world, 0), on_connected, NULL);
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (error_code, G_IO_ERROR_NOT_FOUND);
  for (guint i = 0; i <= PL_TURN_ASKER_BURST; i++)
    {
      pl_node_app_open (alice, PL_APPLICATION_TURN, pl_world_id (world, SERVER), on_connected, NULL);
      pl_world_run (world, 5 * PL_USEC_PER_SEC);
      ck_assert_uint_eq (error_code, i < PL_TURN_ASKER_BURST ? 0 : G_IO_ERROR_HOST_UNREACHABLE);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("node/turn");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, links_between_two_symmetric_nats_go_through_the_overlays_turn_server);
  tcase_add_test (tcase, without_a_turn_server_there_is_no_such_link);
  tcase_add_test (tcase, who_has_no_nat_looks_for_no_server_and_who_has_one_offers_none);
  tcase_add_test (tcase, a_node_without_a_server_takes_no_such_links_and_one_with_it_not_too_many);
  return pl_test_run (suite, NULL);
}
