/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The configuration document changes while nodes run (RFC 6940 6.3.2.1, 6.5.4, 11.1).
 */
#include "config.h"

#include "overlay/node-priv.h"

#include "overlay/ident/aor.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <string.h>

#define SPREAD (12 * PL_USEC_PER_SEC) /* far less than the least traffic of a ring alone would need */

static PlWorld *world;
static PlIdentity *signer;
static PlDocument *plan;  /* what the next document says: edited, then built */
static guint n_boot = 1;
static guint answers;
static int error_code;    /* of the last answer, -1: none */

/* Built from the plan and signed. */
static GBytes *
document_by (PlIdentity *by)
{
  g_autoptr (GError) error = NULL;
  GBytes *xml = pl_document_build (plan, by, &error);

  ck_assert_msg (xml != NULL, "%s", error ? error->message : "");
  return xml;
}

static void
world_of (guint n, guint grown)
{
  PlWorldOptions options = { .seed = 23, .n = n, .n_boot = n_boot, .promote_after = 3600 * PL_USEC_PER_SEC };
  g_autoptr (GBytes) xml = NULL;

  world = pl_world_new (&options);
  signer = pl_test_pki_identity (pl_world_pki (world), NULL, NULL);
  plan = pl_test_pki_document (pl_world_pki (world));
  g_array_append_vals (plan->configuration_signers, pl_identity_node_id (signer), 1);
  g_array_append_vals (plan->kind_signers, pl_identity_node_id (signer), 1);
  xml = document_by (signer);
  pl_world_set_document (world, pl_document_parse (xml, NULL, NULL));
  pl_world_grow (world, grown);
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  answers = 0;
}

static void
teardown (void)
{
  g_clear_pointer (&world, pl_world_free);
  g_clear_pointer (&signer, pl_identity_unref);
  n_boot = 1;
}

static void
take (guint i, GBytes *xml)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (pl_node_take_document (pl_world_node (world, i), xml, &error), "%s", error ? error->message : "");
  pl_world_run (world, PL_USEC_PER_MSEC);
}

static guint
sequence_of (guint i)
{
  return pl_node_document (pl_world_node (world, i))->sequence;
}

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  (void) user;
  error_code = answer ? answer->error_code : -1;
  answers++;
}

/* Node `from` asks node `to`, and waits. */
static int
ask (guint from, guint to, guint16 code, GBytes *body)
{
  PlTransRequest request = { .to = pl_destination_node (pl_world_id (world, to)), .code = code, .body = body };
  guint before = answers;

  pl_trans_request (pl_world_node (world, from)->trans, &request, on_answer, NULL, NULL);
  for (guint i = 0; i < 100 && answers == before; i++)
    pl_world_run (world, 100 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (answers, before + 1);
  return error_code;
}

static int
ping (guint from, guint to)
{
  PlPingReq request = { 0 };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_PING_REQ), &request);

  return ask (from, to, PL_MESSAGE_PING_REQ, body);
}

static int
update (guint from, guint to, GBytes *xml)
{
  PlConfigUpdateReq request = { .type = PL_CONFIG_UPDATE_CONFIG, .config_data = xml };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_CONFIG_UPDATE_REQ), &request);

  return ask (from, to, PL_MESSAGE_CONFIG_UPDATE_REQ, body);
}

static int
update_kind (guint from, guint to, GBytes *block)
{
  g_autoptr (GPtrArray) kinds = g_ptr_array_new ();
  PlConfigUpdateReq request = { .type = PL_CONFIG_UPDATE_KIND, .kinds = kinds };
  g_autoptr (GBytes) body = NULL;

  g_ptr_array_add (kinds, block);
  body = pl_body_write (pl_body_type (PL_MESSAGE_CONFIG_UPDATE_REQ), &request);
  return ask (from, to, PL_MESSAGE_CONFIG_UPDATE_REQ, body);
}

static gboolean
linked (guint i, guint to)
{
  return pl_forward_connected (pl_world_node (world, i)->forward, pl_world_id (world, to));
}

/* --- spreading --- */

START_TEST (newer_document_spreads_through_the_ring_and_is_in_force) /* 56, 58, 319, 321, 322, 324 */
{
  g_autoptr (GBytes) xml = NULL;

  world_of (5, 5);
  plan->sequence = 2;
  plan->max_message_size = 20000;
  xml = document_by (signer);
  take (3, xml);
  ck_assert_uint_eq (sequence_of (3), 2);
  ck_assert_uint_eq (sequence_of (0), 1);
  pl_world_run (world, SPREAD);
  for (guint i = 0; i < 5; i++)
    {
      ck_assert_msg (sequence_of (i) == 2, "node %u has document %u", i, sequence_of (i));
      ck_assert_uint_eq (pl_node_document (pl_world_node (world, i))->max_message_size, 20000);
      ck_assert_ptr_null (pl_world_trouble (world, i));
      ck_assert_int_eq (pl_node_state (pl_world_node (world, i)), PL_NODE_PEER);
      ck_assert (pl_world_finds (world, i, (i + 1) % 5));
    }
}
END_TEST

START_TEST (requests_survive_the_change_in_both_directions) /* 57 */
{
  g_autoptr (GBytes) xml = NULL;

  world_of (3, 3);
  plan->sequence = 2;
  xml = document_by (signer);
  take (1, xml);
  ck_assert_int_eq (ping (2, 1), 0); /* the older asks the newer: too old, ConfigUpdate, once more */
  ck_assert_uint_eq (sequence_of (2), 2);
  plan->sequence = 3;
  g_clear_pointer (&xml, g_bytes_unref);
  xml = document_by (signer);
  take (1, xml);
  ck_assert_int_eq (ping (1, 2), 0); /* the newer asks the older: too new, and so on */
  ck_assert_uint_eq (sequence_of (2), 3);
}
END_TEST

START_TEST (sequence_wraps_from_65534_to_0) /* 60 */
{
  g_autoptr (GBytes) first = NULL;
  g_autoptr (GBytes) second = NULL;

  world_of (2, 0);
  plan->sequence = 65534;
  first = document_by (signer);
  pl_world_set_document (world, pl_document_parse (first, NULL, NULL));
  pl_world_grow (world, 2);
  plan->sequence = 0;
  second = document_by (signer);
  take (0, second);
  pl_world_run (world, SPREAD);
  ck_assert_uint_eq (sequence_of (1), 0);
  ck_assert_int_eq (update (0, 1, first), PL_ERROR_CONFIG_TOO_OLD);
  ck_assert_int_eq (update (0, 1, second), PL_ERROR_CONFIG_TOO_OLD);
  ck_assert_uint_eq (sequence_of (1), 0);
}
END_TEST

START_TEST (node_that_was_away_gets_the_document_when_it_joins) /* 58, 301 */
{
  g_autoptr (GBytes) xml = NULL;

  world_of (3, 2);
  plan->sequence = 2;
  xml = document_by (signer);
  take (0, xml);
  pl_world_run (world, SPREAD);
  pl_world_start (world, 2, PL_ROLE_PEER);
  ck_assert_uint_eq (sequence_of (2), 1);
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_PEER, 30 * PL_USEC_PER_SEC));
  ck_assert_uint_eq (sequence_of (2), 2);
}
END_TEST

START_TEST (bootstrap_nodes_of_the_newer_document_are_dialled) /* 306, 324 */
{
  g_autoptr (GBytes) first = NULL;
  g_autoptr (GBytes) second = NULL;
  g_autofree char *host = NULL;

  n_boot = 2;
  world_of (3, 0);
  host = g_strdup (g_array_index (plan->bootstrap_nodes, PlHostPort, 1).host);
  g_array_set_size (plan->bootstrap_nodes, 1);
  first = document_by (signer);
  pl_world_set_document (world, pl_document_parse (first, NULL, NULL));
  pl_world_grow (world, 3);
  plan->sequence = 2;
  g_free (g_array_index (plan->bootstrap_nodes, PlHostPort, 0).host);
  g_array_index (plan->bootstrap_nodes, PlHostPort, 0).host = g_steal_pointer (&host);
  second = document_by (signer);
  take (0, second);
  pl_world_run (world, SPREAD);
  pl_world_kill (world, 0);
  pl_world_kill (world, 1);
  pl_world_run (world, 120 * PL_USEC_PER_SEC);
  pl_world_set_document (world, pl_document_parse (second, NULL, NULL));
  pl_world_start (world, 1, PL_ROLE_CLIENT);
  pl_world_run (world, 20 * PL_USEC_PER_SEC);
  ck_assert (linked (2, 1));
}
END_TEST

/* --- signers --- */

START_TEST (signer_hands_over_and_a_gap_is_not_jumped) /* S1-55, 318, 322 */
{
  g_autoptr (PlIdentity) heir = NULL;
  g_autoptr (GBytes) second = NULL;
  g_autoptr (GBytes) third = NULL;

  world_of (2, 2);
  heir = pl_test_pki_identity (pl_world_pki (world), NULL, NULL);
  g_array_set_size (plan->configuration_signers, 0);
  g_array_append_vals (plan->configuration_signers, pl_identity_node_id (heir), 1);
  g_array_append_vals (plan->kind_signers, pl_identity_node_id (heir), 1);
  plan->sequence = 2;
  second = document_by (signer);
  plan->sequence = 3;
  third = document_by (heir);
  ck_assert_int_eq (update (0, 1, third), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (sequence_of (1), 1);
  ck_assert_ptr_nonnull (pl_world_trouble (world, 1));
  ck_assert (strstr (pl_world_trouble (world, 1), "configuration 3") && strstr (pl_world_trouble (world, 1), "--force"));
  ck_assert_int_eq (update (0, 1, second), 0);
  pl_world_run (world, PL_USEC_PER_MSEC);
  ck_assert_uint_eq (sequence_of (1), 2);
  ck_assert_ptr_null (pl_world_trouble (world, 1));
  ck_assert_int_eq (update (0, 1, third), 0);
  pl_world_run (world, PL_USEC_PER_MSEC);
  ck_assert_uint_eq (sequence_of (1), 3);
}
END_TEST

START_TEST (forged_document_is_refused) /* 318 */
{
  g_autoptr (GBytes) forged = NULL;
  g_autoptr (GBytes) nonsense = g_bytes_new_static ("<overlay/>", 10);

  world_of (2, 2);
  plan->sequence = 2;
  forged = document_by (pl_world_identity (world, 0));
  ck_assert_int_eq (update (0, 1, forged), PL_ERROR_FORBIDDEN);
  ck_assert_int_eq (update (0, 1, nonsense), PL_ERROR_INVALID_MESSAGE);
  ck_assert_uint_eq (sequence_of (1), 1);
}
END_TEST

/* --- bad nodes --- */

START_TEST (bad_node_is_cut_off_everywhere) /* S2-90, S2-104, S2-105, 107 */
{
  enum { BAD = 3 };
  g_autoptr (GBytes) xml = NULL;

  world_of (5, 5);
  ck_assert (pl_world_call (world, 1, BAD));
  ck_assert (pl_world_call (world, BAD, 2));
  ck_assert_uint_gt (pl_world_holders (world, BAD), 0);
  plan->sequence = 2;
  g_array_append_vals (plan->bad_nodes, pl_world_id (world, BAD), 1);
  xml = document_by (signer);
  take (4, xml);
  pl_world_run (world, SPREAD);
  ck_assert (pl_world_hung_up (world, 1) && pl_world_hung_up (world, 2));
  ck_assert (!linked (BAD, 0) && !linked (BAD, 1) && !linked (BAD, 2) && !linked (BAD, 4));
  for (guint i = 0; i < 5; i++)
    {
      if (i == BAD)
        continue;
      ck_assert_msg (sequence_of (i) == 2, "node %u has document %u", i, sequence_of (i));
      ck_assert (!linked (i, BAD));
      ck_assert (!pl_topology_is_peer (pl_world_node (world, i)->topology, pl_world_id (world, BAD)));
      ck_assert (!pl_trust_check_cert (pl_world_node (world, i)->trust, pl_identity_cert (pl_world_identity (world, BAD)), NULL));
      ck_assert_int_eq (pl_world_lookup (world, i, pl_world_aor (world, BAD), NULL), PL_LOOKUP_UNKNOWN);
      ck_assert (pl_world_finds (world, i, i == 0 ? 1 : 0));
    }
  g_clear_pointer (&xml, g_bytes_unref);
}
END_TEST

START_TEST (bad_node_holds_no_values_with_others_and_gets_none_in) /* S2-58, 107 */
{
  enum { BAD = 1 };
  g_autoptr (GBytes) xml = NULL;

  world_of (3, 3);
  ck_assert_uint_eq (pl_world_holders (world, BAD), 3);
  plan->sequence = 2;
  g_array_append_vals (plan->bad_nodes, pl_world_id (world, BAD), 1);
  xml = document_by (signer);
  take (0, xml);
  pl_world_run (world, SPREAD);
  ck_assert_uint_eq (pl_world_holders (world, BAD), 1); /* its own store */
  ck_assert (!pl_world_call (world, BAD, 0));
  take (BAD, xml); /* it is told from elsewhere */
  pl_world_run (world, 4 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, BAD)), PL_NODE_LEFT);
  ck_assert_ptr_nonnull (strstr (pl_world_trouble (world, BAD), "lists the node as bad"));
}
END_TEST

/* --- what can't be followed --- */

static void
another_extension (void)
{
  g_ptr_array_add (plan->mandatory_extensions, g_strdup ("urn:example:telepathy"));
}

static void
another_topology (void)
{
  g_free (plan->topology);
  plan->topology = g_strdup ("PASTRY");
}

static void
longer_node_ids (void)
{
  plan->node_id_length = 20;
}

static void
another_name (void)
{
  g_free (plan->instance_name);
  plan->instance_name = g_strdup ("moved.example.org");
}

static const struct { void (*edit) (void); const char *says; } beyond[] = {
  { another_extension, "urn:example:telepathy" },
  { another_topology, "PASTRY" },
  { longer_node_ids, "Node-IDs of another length" },
  { another_name, "for another overlay than" },
};

START_TEST (node_leaves_what_it_can_not_follow_and_says_why) /* 312, 313, 319 */
{
  g_autoptr (GBytes) xml = NULL;

  world_of (2, 2);
  plan->sequence = 2;
  beyond[_i].edit ();
  xml = document_by (signer);
  ck_assert_int_eq (update (0, 1, xml), 0);
  pl_world_run (world, 4 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 1)), PL_NODE_LEFT);
  ck_assert_ptr_nonnull (pl_world_trouble (world, 1));
  ck_assert_msg (strstr (pl_world_trouble (world, 1), beyond[_i].says) != NULL, "%s", pl_world_trouble (world, 1));
  ck_assert (!linked (1, 0) && !linked (0, 1));
}
END_TEST

/* --- Kinds --- */

static void
on_stored (gpointer user, const GError *error)
{
  (void) user;
  error_code = error ? error->code : 0;
  answers++;
}

static int
store (guint from, guint32 kind)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("value", 5);
  PlStoredDataValue value = { .model = PL_DATA_SINGLE, .value = { TRUE, bytes } };
  PlResourceId place;
  guint before = answers;

  pl_aor_resource (pl_world_aor (world, from), &place);
  pl_node_store (pl_world_node (world, from), &place, kind, &value, 600, on_stored, NULL);
  for (guint i = 0; i < 100 && answers == before; i++)
    pl_world_run (world, 100 * PL_USEC_PER_MSEC);
  return error_code;
}

static guint
held (guint i, guint from, guint32 kind)
{
  PlResourceId place;
  g_autoptr (GPtrArray) requests = NULL;
  guint n = 0;

  pl_aor_resource (pl_world_aor (world, from), &place);
  requests = pl_store_dup_transfers (pl_world_store (world, i), &place, 1, 65536);
  for (guint k = 0; k < requests->len; k++)
    {
      const PlStoreReq *request = g_ptr_array_index (requests, k);

      for (guint j = 0; j < request->kind_data->len; j++)
        n += g_array_index (request->kind_data, PlStoreKindData, j).kind == kind;
    }
  return n;
}

static void
drop_kind (guint32 id)
{
  for (guint i = plan->kinds->len; i > 0; i--)
    if (g_array_index (plan->kinds, PlKind, i - 1).id == id)
      g_array_remove_index (plan->kinds, i - 1);
}

START_TEST (kind_that_is_no_longer_permitted_goes_with_its_data) /* 320 */
{
  g_autoptr (GBytes) xml = NULL;

  world_of (2, 2);
  ck_assert_int_eq (store (1, PL_TEST_KIND_SINGLE), 0);
  ck_assert_uint_eq (held (0, 1, PL_TEST_KIND_SINGLE) + held (1, 1, PL_TEST_KIND_SINGLE), 2);
  plan->sequence = 2;
  drop_kind (PL_TEST_KIND_SINGLE);
  xml = document_by (signer);
  take (0, xml);
  pl_world_run (world, SPREAD);
  ck_assert_uint_eq (held (0, 1, PL_TEST_KIND_SINGLE) + held (1, 1, PL_TEST_KIND_SINGLE), 0);
  ck_assert_uint_eq (pl_world_holders (world, 1), 2); /* the others stay */
}
END_TEST

/* The kind-block of a document by `by` that has the Kind. */
static GBytes *
block_by (PlIdentity *by, guint32 id, guint32 max_size)
{
  PlKind kind = { .id = id, .model = PL_DATA_SINGLE, .access = PL_ACCESS_USER_MATCH, .max_count = 1, .max_size = max_size };
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (PlDocument) document = NULL;

  drop_kind (id);
  g_array_append_val (plan->kinds, kind);
  xml = document_by (by);
  document = pl_document_parse (xml, NULL, NULL);
  drop_kind (id);
  return pl_document_dup_kind_block (document, id);
}

START_TEST (kind_update_brings_a_kind_of_a_permitted_signer) /* 316, 323-325 */
{
  enum { KIND = 0xf0000077 };
  g_autoptr (GBytes) good = NULL;
  g_autoptr (GBytes) foreign = NULL;
  g_autoptr (GBytes) other = NULL;
  g_autoptr (GBytes) xml = NULL;

  world_of (2, 2);
  good = block_by (signer, KIND, 100);
  foreign = block_by (pl_world_identity (world, 0), KIND, 100);
  other = block_by (signer, KIND, 200);
  ck_assert_int_eq (update_kind (0, 1, foreign), PL_ERROR_FORBIDDEN);
  ck_assert_ptr_null (pl_document_kind (pl_node_document (pl_world_node (world, 1)), KIND));
  ck_assert_int_eq (update_kind (0, 1, good), 0);
  pl_world_run (world, PL_USEC_PER_MSEC);
  ck_assert_ptr_nonnull (pl_document_kind (pl_node_document (pl_world_node (world, 1)), KIND));
  ck_assert_int_eq (update_kind (0, 1, other), PL_ERROR_FORBIDDEN);
  plan->sequence = 2; /* stays with the next document */
  xml = document_by (signer);
  take (1, xml);
  ck_assert_uint_eq (sequence_of (1), 2);
  ck_assert_ptr_nonnull (pl_document_kind (pl_node_document (pl_world_node (world, 1)), KIND));
  plan->sequence = 3; /* but not with another kind-signer */
  g_array_set_size (plan->kind_signers, 0);
  g_array_append_vals (plan->kind_signers, pl_world_id (world, 0), 1);
  g_clear_pointer (&xml, g_bytes_unref);
  g_array_set_size (plan->kinds, 0);
  xml = document_by (signer);
  take (1, xml);
  ck_assert_uint_eq (sequence_of (1), 3);
  ck_assert_ptr_null (pl_document_kind (pl_node_document (pl_world_node (world, 1)), KIND));
}
END_TEST

START_TEST (peer_that_does_not_know_a_kind_is_taught_it) /* 202, 323 */
{
  enum { KIND = 0xf0000077 };
  g_autoptr (GBytes) good = NULL;
  guint responsible, other;
  PlResourceId resource;
  PlNodeId place;

  world_of (2, 2);
  pl_aor_resource (pl_world_aor (world, 0), &resource);
  pl_resource_id_to_node_id (&resource, &place);
  responsible = pl_topology_responsible (pl_world_node (world, 0)->topology, &place) ? 0 : 1;
  other = 1 - responsible;
  pl_aor_resource (pl_world_aor (world, other), &resource);
  pl_resource_id_to_node_id (&resource, &place);
  good = block_by (signer, KIND, 100);
  ck_assert_int_eq (update_kind (1 - other, other, good), 0);
  pl_world_run (world, PL_USEC_PER_MSEC);
  if (pl_topology_responsible (pl_world_node (world, other)->topology, &place))
    return; /* seed */
  ck_assert_int_ne (store (other, KIND), 0);
  pl_world_run (world, PL_USEC_PER_SEC);
  ck_assert_ptr_nonnull (pl_document_kind (pl_node_document (pl_world_node (world, responsible)), KIND));
  ck_assert_int_eq (store (other, KIND), 0);
}
END_TEST

/* --- time --- */

START_TEST (expired_document_is_told_and_ends_the_stay) /* 300, 301 */
{
  g_autoptr (GBytes) xml = NULL;

  world_of (2, 2);
  plan->sequence = 2;
  plan->expiration = pl_env_wall (pl_world_node (world, 0)->env) / PL_USEC_PER_SEC + 100;
  xml = document_by (signer);
  take (0, xml);
  pl_world_run (world, 95 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (sequence_of (1), 2);
  ck_assert_ptr_null (pl_world_trouble (world, 1));
  pl_world_run (world, 20 * PL_USEC_PER_SEC);
  ck_assert_ptr_nonnull (pl_world_trouble (world, 1));
  ck_assert_ptr_nonnull (strstr (pl_world_trouble (world, 1), "expired at"));
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 1)), PL_NODE_PEER); /* it still looks for a newer one */
  pl_world_run (world, 70 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 1)), PL_NODE_LEFT);
}
END_TEST

START_TEST (expired_node_gets_the_newer_document_of_its_overlay) /* 301 */
{
  g_autoptr (GBytes) old = NULL;
  g_autoptr (GBytes) xml = NULL;

  world_of (3, 2);
  plan->expiration = pl_env_wall (pl_world_node (world, 0)->env) / PL_USEC_PER_SEC - 5;
  old = document_by (signer);
  plan->sequence = 2;
  plan->expiration = 0;
  xml = document_by (signer);
  take (0, xml);
  pl_world_set_document (world, pl_document_parse (old, NULL, NULL));
  pl_world_start (world, 2, PL_ROLE_PEER);
  pl_world_run (world, 90 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (sequence_of (2), 2);
  ck_assert_ptr_null (pl_world_trouble (world, 2));
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 2)), PL_NODE_PEER);
}
END_TEST

/* --- clients --- */

START_TEST (nobody_stays_a_client_where_clients_are_not_permitted) /* 294 */
{
  g_autoptr (GBytes) xml = NULL;

  world_of (4, 2);
  pl_world_start (world, 2, PL_ROLE_AUTO);
  pl_world_start (world, 3, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_CLIENT, 20 * PL_USEC_PER_SEC));
  ck_assert (pl_world_wait_state (world, 3, PL_NODE_CLIENT, 20 * PL_USEC_PER_SEC));
  plan->sequence = 2;
  plan->clients_permitted = FALSE;
  xml = document_by (signer);
  take (0, xml);
  ck_assert (pl_world_wait_state (world, 2, PL_NODE_PEER, 60 * PL_USEC_PER_SEC));
  pl_world_run (world, 4 * PL_USEC_PER_SEC);
  ck_assert_int_eq (pl_node_state (pl_world_node (world, 3)), PL_NODE_LEFT);
  ck_assert_ptr_nonnull (strstr (pl_world_trouble (world, 3), "permits no clients"));
}
END_TEST

/* --- renewal (11.3) --- */

static gboolean in_use;

static void
on_values (gpointer user, const GPtrArray *values, const GError *error)
{
  PlCert *cert = user;

  answers++;
  in_use = FALSE;
  for (guint i = 0; values && i < values->len; i++)
    in_use |= g_bytes_equal (pl_cert_der (((PlFetched *) g_ptr_array_index (values, i))->signer_cert), pl_cert_der (cert));
}

/* Is what `owner` stored at this place signed with `cert`? */
static gboolean
stored_with (guint from, const PlResourceId *place, guint32 kind, PlCert *cert)
{
  guint before = answers;

  pl_node_fetch (pl_world_node (world, from), place, kind, on_values, cert);
  for (guint i = 0; i < 100 && answers == before; i++)
    pl_world_run (world, 100 * PL_USEC_PER_MSEC);
  return in_use;
}

START_TEST (renewed_certificate_is_in_use_everywhere) /* 11.3: the Node-ID stays */
{
  PlNodeId id;
  PlResourceId user, node;
  PlCert *cert;

  world_of (3, 3);
  id = *pl_world_id (world, 1);
  pl_aor_resource (pl_world_aor (world, 1), &user);
  pl_resource_id_from_name (&node, id.b, sizeof id.b);
  pl_world_renew (world, 1, PL_ROLE_PEER);
  cert = pl_identity_cert (pl_world_identity (world, 1));
  ck_assert (pl_node_id_equal (&id, pl_world_id (world, 1)));
  ck_assert (pl_world_wait_state (world, 1, PL_NODE_PEER, 60 * PL_USEC_PER_SEC));
  pl_node_register (pl_world_node (world, 1), pl_world_aor (world, 1));
  ck_assert (pl_world_wait_registered (world, 1, 30 * PL_USEC_PER_SEC));
  pl_world_run (world, 10 * PL_USEC_PER_SEC);
  for (guint i = 0; i < 3; i += 2)
    {
      PlLink *link = pl_forward_link (pl_world_node (world, i)->forward, &id);

      ck_assert_ptr_nonnull (link);
      ck_assert (g_bytes_equal (pl_cert_der (pl_link_cert (link)), pl_cert_der (cert)));
      ck_assert (stored_with (i, &user, PL_KIND_SIP_REGISTRATION, cert));
      ck_assert (stored_with (i, &node, PL_KIND_CERTIFICATE_BY_NODE, cert));
      ck_assert (pl_world_finds (world, i, 1));
    }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("overlay/node-config");
  TCase *c = tcase_create ("node-config");

  tcase_set_timeout (c, 60);
  tcase_add_checked_fixture (c, NULL, teardown);
  tcase_add_test (c, newer_document_spreads_through_the_ring_and_is_in_force);
  tcase_add_test (c, requests_survive_the_change_in_both_directions);
  tcase_add_test (c, sequence_wraps_from_65534_to_0);
  tcase_add_test (c, node_that_was_away_gets_the_document_when_it_joins);
  tcase_add_test (c, bootstrap_nodes_of_the_newer_document_are_dialled);
  tcase_add_test (c, signer_hands_over_and_a_gap_is_not_jumped);
  tcase_add_test (c, forged_document_is_refused);
  tcase_add_test (c, bad_node_is_cut_off_everywhere);
  tcase_add_test (c, bad_node_holds_no_values_with_others_and_gets_none_in);
  tcase_add_loop_test (c, node_leaves_what_it_can_not_follow_and_says_why, 0, G_N_ELEMENTS (beyond));
  tcase_add_test (c, kind_that_is_no_longer_permitted_goes_with_its_data);
  tcase_add_test (c, kind_update_brings_a_kind_of_a_permitted_signer);
  tcase_add_test (c, peer_that_does_not_know_a_kind_is_taught_it);
  tcase_add_test (c, expired_document_is_told_and_ends_the_stay);
  tcase_add_test (c, expired_node_gets_the_newer_document_of_its_overlay);
  tcase_add_test (c, nobody_stays_a_client_where_clients_are_not_permitted);
  tcase_add_test (c, renewed_certificate_is_in_use_everywhere);
  suite_add_tcase (s, c);
  return pl_test_run (s, NULL);
}
