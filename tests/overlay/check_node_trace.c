/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Diagnostics (RFC 7851) and iterative routing (RFC 6940 4.3) between whole nodes: sixteen
 * peers and a client.
 */
#include "config.h"

#include "overlay/node-priv.h"

#include "overlay/ident/aor.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <string.h>

#define PEERS 16
#define CLIENT 16
#define EVERY_KIND ((G_GUINT64_CONSTANT (1) << (PL_DIAGNOSTIC_LAST + 1)) - 2)
#define HOPS_KEPT 16

typedef struct {
  PlNodeId node;
  char aor[64];
  gint64 rtt;
  int hops;
  guint16 error;
  guint8 hop_counter;
  guint n_kinds;            /* told; G_MAXUINT: nothing of RFC 7851 */
  guint64 kinds;
} Seen;

static PlWorld *world;
static Seen seen[HOPS_KEPT];
static guint n_seen, n_last;

static void
setup (void)
{
  PlWorldOptions options = { .seed = 12, .n = PEERS + 1, .n_boot = 1 };

  world = pl_world_new (&options);
  pl_world_grow (world, PEERS);
  pl_world_start (world, CLIENT, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (world, CLIENT, PL_NODE_CLIENT, 10 * PL_USEC_PER_SEC));
  pl_world_run (world, 20 * PL_USEC_PER_SEC);
}

static void
teardown (void)
{
  g_clear_pointer (&world, pl_world_free);
}

static void
on_hop (gpointer user, const PlHop *hop, gboolean last)
{
  Seen *one = &seen[n_seen];

  (void) user;
  ck_assert_uint_lt (n_seen, HOPS_KEPT);
  n_seen++;
  n_last += last;
  *one = (Seen) { .node = hop->node, .rtt = hop->rtt, .hops = hop->hops, .error = hop->error, .n_kinds = G_MAXUINT };
  g_strlcpy (one->aor, hop->aor ? hop->aor : "", sizeof one->aor);
  if (!hop->told)
    return;
  one->hop_counter = hop->told->hop_counter;
  ck_assert_uint_ge (hop->told->expiration, hop->told->timestamp_received + 1000); /* RFC 7851 5.2 */
  ck_assert_uint_le (hop->told->expiration, hop->told->timestamp_received + 600000);
  one->n_kinds = hop->told->info ? hop->told->info->len : 0;
  for (guint i = 0; i < one->n_kinds; i++)
    one->kinds |= PL_DIAGNOSTIC_FLAG (g_array_index (hop->told->info, PlDiagnosticInfo, i).kind);
}

typedef enum { PING, TRACE, ITERATE } What;
static guint64 wanted = PL_DIAGNOSTIC_EVERYTHING;

static void
look (guint from, What what, const PlDestination *to)
{
  PlNode *node = pl_world_node (world, from);
  PlTrace *trace;

  n_seen = n_last = 0;
  if (what == PING)
    trace = pl_node_ping (node, to, wanted, on_hop, NULL);
  else if (what == TRACE)
    trace = pl_node_trace (node, to, wanted, on_hop, NULL);
  else
    trace = pl_node_route_iteratively (node, to, NULL, 0, on_hop, NULL);
  ck_assert_ptr_nonnull (trace);
  ck_assert_uint_eq (n_seen, 0); /* nothing before it returns */
  pl_world_run (world, 6 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_last, 1);
}

static PlDestination
node_of (guint i)
{
  return pl_destination_node (pl_world_id (world, i));
}

static guint
responsible_for (const PlDestination *to)
{
  PlNodeId place;

  ck_assert (pl_resource_id_to_node_id (&to->resource_id, &place));
  for (guint i = 0; i < PEERS; i++)
    if (pl_topology_responsible (pl_world_node (world, i)->topology, &place))
      return i;
  ck_abort_msg ("nobody is responsible");
}

/* A place as far as can be from `from`: one whose way passes another node. */
static PlDestination
far_place (guint from)
{
  for (guint i = 0; i < PEERS; i++)
    {
      PlResourceId resource;
      PlDestination to;

      pl_aor_resource (pl_world_aor (world, i), &resource);
      to = pl_destination_resource (&resource);
      if (responsible_for (&to) != from
          && !pl_forward_connected (pl_world_node (world, from)->forward, pl_world_id (world, responsible_for (&to))))
        return to;
    }
  ck_abort_msg ("every place is next door");
}

static void
assert_last (guint node)
{
  ck_assert (pl_node_id_equal (&seen[n_seen - 1].node, pl_world_id (world, node)));
  ck_assert_uint_eq (seen[n_seen - 1].error, 0);
}

START_TEST (ping_tells_name_time_hops_and_what_everybody_may_know) /* 147, 295, RFC 7851 */
{
  PlDestination to = node_of (CLIENT);

  look (2, PING, &to);
  ck_assert_uint_eq (n_seen, 1);
  assert_last (CLIENT);
  ck_assert_str_eq (seen[0].aor, pl_world_aor (world, CLIENT));
  ck_assert_int_gt (seen[0].rtt, 0);
  ck_assert_uint_eq (seen[0].hops, 100 - seen[0].hop_counter);
  ck_assert_uint_eq (seen[0].kinds, PL_DIAGNOSTICS_EVERYBODY);
  to = far_place (CLIENT);
  look (CLIENT, PING, &to);
  assert_last (responsible_for (&to));
  ck_assert_int_gt (seen[0].hops, 0);
}
END_TEST

START_TEST (trace_shows_each_hop_as_messages_go) /* S2-68, RFC 7851 PathTrack */
{
  PlDestination to = far_place (CLIENT);

  look (CLIENT, TRACE, &to);
  ck_assert_uint_ge (n_seen, 3); /* itself, a peer of its, the responsible one */
  ck_assert (pl_node_id_equal (&seen[0].node, pl_world_id (world, CLIENT)));
  for (guint i = 0; i + 1 < n_seen; i++)
    {
      guint at = 0;

      ck_assert_uint_eq (seen[i].error, 0);
      ck_assert_uint_eq (seen[i].n_kinds, 3);
      while (!pl_node_id_equal (&seen[i].node, pl_world_id (world, at)))
        at++;
      ck_assert (pl_forward_connected (pl_world_node (world, at)->forward, &seen[i + 1].node));
    }
  ck_assert_int_gt (seen[2].rtt, seen[1].rtt); /* one link more */
  assert_last (responsible_for (&to));
  ck_assert_str_eq (seen[n_seen - 1].aor, pl_world_aor (world, responsible_for (&to)));
  to = node_of (CLIENT);
  look (0, TRACE, &to);
  assert_last (CLIENT);
}
END_TEST

START_TEST (iterative_routing_walks_the_same_way_by_route_query) /* 40, 275, 287 */
{
  PlDestination to = far_place (CLIENT);
  PlNodeId way[HOPS_KEPT];
  guint n;

  look (CLIENT, TRACE, &to);
  for (n = 0; n < n_seen; n++)
    way[n] = seen[n].node;
  look (CLIENT, ITERATE, &to);
  ck_assert_uint_eq (n_seen, n);
  for (guint i = 0; i < n; i++)
    ck_assert (pl_node_id_equal (&way[i], &seen[i].node));
  assert_last (responsible_for (&to));
}
END_TEST

static guint n_fetched;

static void
on_fetched (gpointer user, const GPtrArray *values, const GError *error)
{
  ck_assert_msg (error == NULL, "%s", error ? error->message : "");
  n_fetched = values->len + 1;
}

START_TEST (fetch_by_iterative_routing_brings_the_value) /* S2-24, S2-42, S2-65, 40 */
{
  PlDestination to = far_place (CLIENT);
  PlNode *node = pl_world_node (world, CLIENT);
  guint64 before, after, received;

  n_fetched = 0;
  pl_trans_count (node->trans, PL_MESSAGE_ROUTE_QUERY_REQ, &before, &received);
  ck_assert (pl_node_fetch_iteratively (node, &to.resource_id, 1, on_fetched, NULL));
  ck_assert_uint_eq (n_fetched, 0);
  pl_world_run (world, 3 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_fetched, 2);
  pl_trans_count (node->trans, PL_MESSAGE_ROUTE_QUERY_REQ, &after, &received);
  ck_assert_uint_ge (after - before, 3);
}
END_TEST

/* --- the policy --- */

static gboolean
measure (gpointer user, guint16 kind, guint64 *number)
{
  *number = 4711;
  return kind == PL_DIAGNOSTIC_MACHINE_UPTIME;
}

/* `flags` in place of everything; the error, or 0. */
static guint16
error_of_asking (guint from, guint64 flags, const PlDestination *to)
{
  wanted = flags;
  look (from, PING, to);
  wanted = PL_DIAGNOSTIC_EVERYTHING;
  return seen[0].error;
}

START_TEST (whoever_names_a_kind_that_is_not_for_him_is_refused) /* RFC 7851 6.3, 7 */
{
  PlNode *other = pl_world_node (world, 3);
  PlDestination to = node_of (3);
  const guint64 both = PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_APP_UPTIME) | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_SOFTWARE_VERSION);
  PlDiagnosticGrant grant = { PL_DIAGNOSTIC_SOFTWARE_VERSION, *pl_world_id (world, 2) };

  ck_assert_uint_eq (error_of_asking (1, both, &to), PL_ERROR_FORBIDDEN);
  ck_assert_uint_eq (error_of_asking (1, PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_APP_UPTIME), &to), 0);
  ck_assert_uint_eq (seen[0].kinds, PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_APP_UPTIME));
  ck_assert_uint_eq (error_of_asking (1, PL_DIAGNOSTIC_FLAG (40), &to), 0); /* nobody knows that one */
  g_array_append_val (other->document->diagnostic_grants, grant);           /* in the overlay's document */
  ck_assert_uint_eq (error_of_asking (2, both, &to), 0);
  ck_assert_uint_eq (seen[0].kinds, both);
  ck_assert_uint_eq (error_of_asking (1, both, &to), PL_ERROR_FORBIDDEN);
  g_array_set_size (other->document->diagnostic_grants, 0);
}
END_TEST

START_TEST (only_those_named_are_told_private_things) /* RFC 7851 access control */
{
  const char *names[] = { pl_world_aor (world, 1), NULL };
  PlDiagnosticsPolicy policy = { .everybody = PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_APP_UPTIME), .trusted = EVERY_KIND, .names = names, .measure = measure };
  PlNode *asked = pl_world_node (world, 3);
  PlDestination to = node_of (3);

  pl_node_diagnose_free (asked);
  asked->options.diagnostics = &policy;
  pl_node_diagnose_init (asked);
  look (1, PING, &to);
  ck_assert_uint_eq (seen[0].kinds, PL_DIAGNOSTICS_EVERYBODY | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_SOFTWARE_VERSION)
                     | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_MACHINE_UPTIME) | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_DATASIZE_STORED)
                     | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_INSTANCES_STORED) | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_MESSAGES_SENT_RCVD));
  look (2, PING, &to);
  ck_assert_uint_eq (seen[0].kinds, policy.everybody);
  asked->diagnostics.closed = TRUE;
  look (2, PING, &to);
  ck_assert_uint_eq (seen[0].error, PL_ERROR_FORBIDDEN);
  look (2, TRACE, &to);
  ck_assert_uint_eq (seen[n_seen - 1].error, PL_ERROR_FORBIDDEN);
  look (1, TRACE, &to);
  ck_assert_uint_eq (seen[n_seen - 1].error, 0);
}
END_TEST

/* --- what goes wrong --- */

static guint16 last_error;

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  last_error = answer ? answer->error_code : PL_HOP_NO_ANSWER;
}

static guint16
error_of (const PlPathTrackReq *track)
{
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_PATH_TRACK_REQ), track);
  PlTransRequest request = { .to = node_of (2), .code = PL_MESSAGE_PATH_TRACK_REQ, .body = body };

  pl_trans_request (pl_world_node (world, 1)->trans, &request, on_answer, NULL, NULL);
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  return last_error;
}

START_TEST (expired_and_endless_requests_are_refused) /* RFC 7851 5.3 */
{
  guint64 now = (guint64) (pl_env_wall (pl_universe_env (pl_world_universe (world))) / PL_USEC_PER_MSEC);
  PlPathTrackReq track = { .destination = node_of (4), .request = { .timestamp_initiated = now - 9000, .expiration = now - 1 } };

  ck_assert_uint_eq (error_of (&track), PL_ERROR_MESSAGE_EXPIRED);
  track.request.expiration = now + 700000;
  ck_assert_uint_eq (error_of (&track), PL_ERROR_INVALID_MESSAGE);
  track.request.expiration = now + 60000;
  ck_assert_uint_eq (error_of (&track), 0);
  track.destination = pl_destination_compact (5); /* opaque: nobody's business */
  ck_assert_uint_eq (error_of (&track), PL_ERROR_INVALID_MESSAGE);
}
END_TEST

START_TEST (route_query_for_an_opaque_id_is_nobodys_business) /* 287, 296 */
{
  PlRouteQueryReq query = { .destination = pl_destination_compact (5) };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_ROUTE_QUERY_REQ), &query);
  PlTransRequest request = { .to = node_of (2), .code = PL_MESSAGE_ROUTE_QUERY_REQ, .body = body };

  pl_trans_request (pl_world_node (world, 1)->trans, &request, on_answer, NULL, NULL);
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (last_error, PL_ERROR_FORBIDDEN);
}
END_TEST

START_TEST (trace_ends_at_a_silent_hop_and_where_nobody_is) /* S2-24, S2-42, S2-65 */
{
  PlDestination to = node_of (5);
  PlNodeId nobody = *pl_world_id (world, 5);

  pl_world_kill (world, 5);
  look (2, TRACE, &to);
  ck_assert_uint_eq (seen[n_seen - 1].error, PL_HOP_NO_ANSWER);
  ck_assert (pl_node_id_equal (&seen[n_seen - 1].node, pl_world_id (world, 5)));
  nobody.b[15] ^= 1;
  to = pl_destination_node (&nobody);
  pl_world_run (world, 120 * PL_USEC_PER_SEC);
  look (2, TRACE, &to);
  ck_assert_uint_eq (seen[n_seen - 1].error, PL_ERROR_UNDERLAY_DESTINATION_UNREACHABLE);
}
END_TEST

START_TEST (traces_are_bounded_and_cancelled_silently)
{
  PlDestination to = node_of (4);
  PlTrace *traces[PL_TRACE_OPEN_MAX];

  n_seen = 0;
  for (guint i = 0; i < PL_TRACE_OPEN_MAX; i++)
    traces[i] = pl_node_ping (pl_world_node (world, 1), &to, 0, on_hop, NULL);
  ck_assert_ptr_nonnull (traces[PL_TRACE_OPEN_MAX - 1]);
  ck_assert_ptr_null (pl_node_ping (pl_world_node (world, 1), &to, 0, on_hop, NULL));
  for (guint i = 0; i < PL_TRACE_OPEN_MAX; i++)
    pl_trace_cancel (traces[i]);
  pl_world_run (world, PL_USEC_PER_SEC);
  ck_assert_uint_eq (n_seen, 0);
  pl_trace_cancel (NULL);
  pl_node_trace (pl_world_node (world, 5), &to, 0, on_hop, NULL); /* goes with the node, in the next test */
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("node/trace");

  tcase_set_timeout (c, 60);
  tcase_add_unchecked_fixture (c, setup, teardown);
  tcase_add_test (c, ping_tells_name_time_hops_and_what_everybody_may_know);
  tcase_add_test (c, trace_shows_each_hop_as_messages_go);
  tcase_add_test (c, iterative_routing_walks_the_same_way_by_route_query);
  tcase_add_test (c, fetch_by_iterative_routing_brings_the_value);
  tcase_add_test (c, whoever_names_a_kind_that_is_not_for_him_is_refused);
  tcase_add_test (c, only_those_named_are_told_private_things);
  tcase_add_test (c, expired_and_endless_requests_are_refused);
  tcase_add_test (c, route_query_for_an_opaque_id_is_nobodys_business);
  tcase_add_test (c, traces_are_bounded_and_cancelled_silently);
  tcase_add_test (c, trace_ends_at_a_silent_hop_and_where_nobody_is);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
