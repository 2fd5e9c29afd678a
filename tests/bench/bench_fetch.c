/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How many signed Fetches one storing daemon serves in a second of its processor, against one
 * verification and one signature, which every one of them needs; and what a Fetch costs all the
 * peers on its way in an overlay of 128. One line a result; exit code 1 when a goal is missed.
 */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "overlay/ident/aor.h"
#include "overlay/node.h"
#include "tests/bench/bench.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#define AOR "bench@example.org"
#define FETCHES 4000
#define AT_ONCE 16
#define WARM_UP 200
#define SERVE_GOAL 0.6
#define PEERS 128
#define ROUNDS 12               /* of a Fetch by each peer */
#define ROUND_TIME PL_USEC_PER_SEC
#define CRYPTO_GOAL 50.0        /* % */
#define WAIT (20 * PL_USEC_PER_SEC)

/* One process of the first measurement. */
typedef struct {
  GMainContext *context;
  PlLoop *loop;
  PlTrust *trust;
  PlStore *store;
  PlNode *node;
} Daemon;

static PlResourceId resource;
static guint left, under_way, failures;
static gboolean stored;

/* --- one storing daemon --- */

static void
daemon_start (Daemon *daemon, PlTestPki *pki, PlIdentity *identity, guint16 port)
{
  PlTransportOptions transport_options = { .listen_address = "127.0.0.1", .listen_port = port, .max_message = 16384, .allow_loopback = TRUE };
  PlNodeOptions options = { .role = port ? PL_ROLE_BOOTSTRAP : PL_ROLE_CLIENT, .may_start_ring = port != 0 };
  g_autoptr (GError) error = NULL;
  PlTransport *transport;

  daemon->context = g_main_context_new ();
  daemon->loop = pl_loop_new (daemon->context);
  daemon->trust = pl_test_pki_trust (pki, pl_loop_env (daemon->loop));
  daemon->store = pl_store_new (pl_loop_env (daemon->loop), pl_test_pki_document (pki), daemon->trust, NULL, NULL);
  transport = pl_transport_real_new (pl_loop_env (daemon->loop), daemon->context, identity, daemon->trust, &transport_options, &error);
  ck_assert_msg (transport != NULL, "%s", error ? error->message : "");
  daemon->node = pl_node_new (pl_loop_env (daemon->loop), pl_test_pki_document (pki), identity, daemon->trust, transport,
                              daemon->store, &options, NULL, NULL);
  pl_node_start (daemon->node);
}

static void
daemon_end (Daemon *daemon)
{
  pl_node_free (daemon->node);
  pl_store_free (daemon->store);
  pl_trust_free (daemon->trust);
  pl_loop_free (daemon->loop);
  g_main_context_unref (daemon->context);
}

static void
run_until (Daemon *daemon, gboolean (*done) (Daemon *daemon))
{
  gint64 end = g_get_monotonic_time () + WAIT;

  while (!done (daemon))
    {
      ck_assert_int_lt (g_get_monotonic_time (), end);
      g_main_context_iteration (daemon->context, TRUE);
    }
}

/* From here on the link is DTLS: that of the first contact has been replaced. */
static gboolean
is_client (Daemon *daemon)
{
  return pl_node_state (daemon->node) == PL_NODE_CLIENT;
}

static gboolean
is_stored (Daemon *daemon)
{
  return stored;
}

static gboolean
is_fetched (Daemon *daemon)
{
  return left == 0 && under_way == 0;
}

static void
on_stored (gpointer user, const GError *error)
{
  ck_assert_msg (!error, "%s", error ? error->message : "");
  stored = TRUE;
}

static void on_fetched (gpointer user, const GPtrArray *values, const GError *error);

static void
fetch_more (PlNode *node)
{
  for (; left > 0 && under_way < AT_ONCE; left--, under_way++)
    pl_node_fetch (node, &resource, PL_TEST_KIND_SINGLE, on_fetched, node);
}

static void
on_fetched (gpointer user, const GPtrArray *values, const GError *error)
{
  failures += error || values->len != 1;
  under_way--;
  fetch_more (user);
}

static void
fetch (Daemon *client, guint n)
{
  left = n;
  fetch_more (client->node);
  run_until (client, is_fetched);
  ck_assert_uint_eq (failures, 0);
}

static pid_t
fork_server (PlTestPki *pki, guint16 port)
{
  pid_t pid = fork ();
  Daemon server = { NULL };

  ck_assert_int_ge (pid, 0);
  if (pid > 0)
    return pid;
  daemon_start (&server, pki, pl_test_pki_identity (pki, "server@example.org", NULL), port);
  for (;;)
    g_main_context_iteration (server.context, TRUE);
}

static void
store_value (Daemon *client)
{
  g_autoptr (GBytes) bytes = g_bytes_new (AOR, strlen (AOR));
  PlStoredDataValue value = { .model = PL_DATA_SINGLE, .value = { TRUE, bytes } };

  pl_aor_resource (AOR, &resource);
  pl_node_store (client->node, &resource, PL_TEST_KIND_SINGLE, &value, 3600, on_stored, NULL);
  run_until (client, is_stored);
}

/* Microseconds of a verification and a signature, each as this run has them. */
static double
crypto_pair (void)
{
  return pl_bench_crypto.sign_usec / pl_bench_crypto.signs + pl_bench_crypto.verify_usec / pl_bench_crypto.verifications;
}

START_TEST (storing_daemon_serves_most_fetches_that_signatures_allow)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (PlTestPki) pki = pl_test_pki_new (pl_loop_env (loop));
  g_autoptr (PlIdentity) identity = pl_test_pki_identity (pki, AOR, NULL);
  PlHostPort bootstrap = { g_strdup ("127.0.0.1"), pl_test_free_port () };
  Daemon client = { NULL };
  clockid_t clock;
  pid_t server;
  double cpu, ratio;

  g_array_append_val (pl_test_pki_document (pki)->bootstrap_nodes, bootstrap);
  server = fork_server (pki, bootstrap.port);
  ck_assert_int_eq (clock_getcpuclockid (server, &clock), 0);
  daemon_start (&client, pki, identity, 0);
  run_until (&client, is_client);
  store_value (&client);
  fetch (&client, WARM_UP);
  memset (&pl_bench_crypto, 0, sizeof pl_bench_crypto);
  cpu = pl_bench_cpu (clock);
  fetch (&client, FETCHES);
  cpu = (pl_bench_cpu (clock) - cpu) / FETCHES;
  kill (server, SIGKILL);
  waitpid (server, NULL, 0);
  daemon_end (&client);
  ratio = crypto_pair () / cpu;
  pl_bench_print ("fetches_served", 1e6 / cpu, "1/s");
  pl_bench_print ("verification_and_signature", crypto_pair (), "us");
  pl_bench_print ("fetches_served_ratio", ratio, "of_what_signatures_allow");
  ck_assert_msg (ratio >= SERVE_GOAL, "fetches_served_ratio is at least %.1f", SERVE_GOAL);
}
END_TEST

/* --- an overlay of 128 --- */

static void
on_far_fetched (gpointer user, const GPtrArray *values, const GError *error)
{
  failures += error || values->len != 1;
  under_way--;
}

static void
fetch_round (PlWorld *world, guint round)
{
  for (guint i = 0; i < PEERS; i++, under_way++)
    {
      PlResourceId place;

      pl_aor_resource (pl_world_aor (world, (i + 1 + round * 7) % PEERS), &place);
      pl_node_fetch (pl_world_node (world, i), &place, PL_KIND_SIP_REGISTRATION, on_far_fetched, NULL);
    }
  pl_world_run (world, ROUND_TIME);
}

START_TEST (fetch_over_128_peers_is_signatures_more_than_anything_else)
{
  PlWorldOptions options = { .seed = 1, .n = PEERS, .n_boot = 4 };
  g_autoptr (PlWorld) world = pl_world_new (&options);
  double cpu, crypto, idle;
  guint n = PEERS * ROUNDS;

  pl_world_grow (world, PEERS);
  pl_world_run (world, 60 * PL_USEC_PER_SEC);
  idle = pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID);
  pl_world_run (world, ROUNDS * ROUND_TIME);
  idle = pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID) - idle;
  memset (&pl_bench_crypto, 0, sizeof pl_bench_crypto);
  cpu = pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID);
  for (guint round = 0; round < ROUNDS; round++)
    fetch_round (world, round);
  cpu = pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID) - cpu;
  crypto = pl_bench_crypto.sign_usec + pl_bench_crypto.verify_usec + pl_bench_crypto.cert_usec;
  ck_assert_uint_eq (failures + under_way, 0);
  pl_bench_print ("fetch_128_cpu", cpu / n, "us");
  pl_bench_print ("fetch_128_signatures", (double) pl_bench_crypto.signs / n, "made");
  pl_bench_print ("fetch_128_verifications", (double) pl_bench_crypto.verifications / n, "made");
  pl_bench_print ("fetch_128_certificates", (double) pl_bench_crypto.certs / n, "verified");
  pl_bench_print ("fetch_128_maintenance", 100 * idle / cpu, "%_of_it");
  pl_bench_print ("fetch_128_crypto", 100 * crypto / cpu, "%");
  ck_assert_msg (100 * crypto / cpu >= CRYPTO_GOAL, "fetch_128_crypto is at least %.0f %%", CRYPTO_GOAL);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("bench");
  TCase *tcase = tcase_create ("fetch");
  SRunner *runner = srunner_create (suite);
  int failed;

  pl_log_set_level (PL_LOG_WARNING);
  tcase_add_test (tcase, storing_daemon_serves_most_fetches_that_signatures_allow);
  tcase_add_test (tcase, fetch_over_128_peers_is_signatures_more_than_anything_else);
  suite_add_tcase (suite, tcase);
  srunner_set_fork_status (runner, CK_NOFORK);
  srunner_run_all (runner, CK_MINIMAL);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed > 0;
}
