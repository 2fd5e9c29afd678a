/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node.h"
#include "base/log.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/vtransport.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A small overlay of real nodes over the virtual network. */

#define MAX_NODES 80

typedef struct {
  PlUniverse *universe;
  PlVNet *net;
  PlEnv *env;
  PlTestPki *pki;
  PlNode *nodes[MAX_NODES];
  PlStore *stores[MAX_NODES];
  PlTrust *trusts[MAX_NODES];
  PlIdentity *identities[MAX_NODES];
  guint n;
  PlAppLink *incoming, *outgoing;
  GString *heard;
} World;

static World *world;

static void
setup (void)
{
  if (g_getenv ("PL_TEST_LOG"))
    pl_log_set_level (atoi (g_getenv ("PL_TEST_LOG")));
  world = g_new0 (World, 1);
  world->universe = pl_universe_new (g_getenv ("PL_TEST_SEED") ? atoi (g_getenv ("PL_TEST_SEED")) : 42);
  world->env = pl_universe_env (world->universe);
  world->net = pl_vnet_new (world->universe);
  world->pki = pl_test_pki_new (world->env);
  world->heard = g_string_new (NULL);
}

static void
teardown (void)
{
  pl_app_link_free (world->incoming);
  pl_app_link_free (world->outgoing);
  for (guint i = 0; i < world->n; i++)
    {
      pl_node_free (world->nodes[i]);
      pl_store_free (world->stores[i]);
      pl_trust_free (world->trusts[i]);
      pl_identity_unref (world->identities[i]);
    }
  pl_test_pki_free (world->pki);
  pl_vnet_free (world->net);
  pl_universe_free (world->universe);
  g_string_free (world->heard, TRUE);
  g_free (world);
}

static void
on_app_message (gpointer user, PlAppLink *link, const guint8 *data, gsize len)
{
  g_string_append_len (world->heard, (const char *) data, len);
}

static void
on_incoming (gpointer user, PlAppLink *link)
{
  static const PlAppLinkHandlers handlers = { .message = on_app_message };

  ck_assert_ptr_null (world->incoming);
  world->incoming = link;
  pl_app_link_set_handlers (link, &handlers, NULL);
}

static void
add_bootstrap (const char *host)
{
  PlHostPort where = { g_strdup (host), 6084 };

  g_array_append_val (pl_test_pki_document (world->pki)->bootstrap_nodes, where);
}

static PlNode *
add_node (PlRole role, const char *aor, const char *host, gboolean starts)
{
  static const PlNodeHandlers handlers = { .incoming = on_incoming };
  PlNodeOptions options = { .role = role, .promote_after = 60 * PL_USEC_PER_SEC, .may_start_ring = starts };
  guint i = world->n++;
  PlEnv *env = pl_universe_env (world->universe);
  PlDocument *document = pl_test_pki_document (world->pki);
  PlTransport *transport;

  world->identities[i] = pl_test_pki_identity (world->pki, aor, NULL);
  world->trusts[i] = pl_test_pki_trust (world->pki, env);
  world->stores[i] = pl_store_new (env, document, world->trusts[i], NULL, NULL);
  transport = pl_vnet_transport (world->net, env, world->identities[i], world->trusts[i], host, 6084);
  world->nodes[i] = pl_node_new (env, document, world->identities[i], world->trusts[i], transport,
                                 world->stores[i], &options, &handlers, NULL);
  pl_node_start (world->nodes[i]);
  return world->nodes[i];
}

static gboolean
is_peer (gpointer node)
{
  return pl_node_state (node) == PL_NODE_PEER;
}

static gboolean
is_client (gpointer node)
{
  return pl_node_state (node) == PL_NODE_CLIENT;
}

typedef struct { gboolean over; PlLookupResult result; PlNodeId node; guint n; } Found;

static void
on_lookup (gpointer user, PlLookupResult result, const GArray *nodes)
{
  Found *found = user;

  found->over = TRUE;
  found->result = result;
  found->n = nodes ? nodes->len : 0;
  if (found->n)
    found->node = g_array_index (nodes, PlNodeId, 0);
}

static gboolean
lookup_over (gpointer user)
{
  return ((Found *) user)->over;
}

static Found
lookup (PlNode *node, const char *aor)
{
  Found found = { 0 };

  pl_node_lookup (node, aor, on_lookup, &found);
  pl_universe_run_until (world->universe, lookup_over, &found, 10 * PL_USEC_PER_SEC);
  ck_assert (found.over);
  return found;
}

static void
on_connect (gpointer user, PlAppLink *link, const GError *error)
{
  *(gboolean *) user = TRUE;
  if (error)
    g_printerr ("connect: %s\n", error->message);
  world->outgoing = link;
}

static gboolean
is_true (gpointer user)
{
  return *(gboolean *) user;
}

static gboolean
is_registered (gpointer node)
{
  return pl_node_registered (node, "bob@example.net") > 0;
}

START_TEST (client_finds_and_reaches_another_client_through_one_bootstrap_peer)
{
  PlNode *boot, *alice, *bob;
  Found found;
  gboolean over = FALSE;
  gint64 start;
  g_autoptr (GBytes) text = g_bytes_new_static ("INVITE", 6);

  add_bootstrap ("boot");
  boot = add_node (PL_ROLE_BOOTSTRAP, "boot@example.org", "boot", TRUE);
  ck_assert (pl_universe_run_until (world->universe, is_peer, boot, 10 * PL_USEC_PER_SEC));
  alice = add_node (PL_ROLE_CLIENT, "alice@example.org", NULL, FALSE);
  bob = add_node (PL_ROLE_CLIENT, "bob@example.net", NULL, FALSE);
  ck_assert (pl_universe_run_until (world->universe, is_client, alice, 10 * PL_USEC_PER_SEC));
  ck_assert (pl_universe_run_until (world->universe, is_client, bob, 10 * PL_USEC_PER_SEC));
  pl_node_register (bob, "bob@example.net");
  ck_assert (pl_universe_run_until (world->universe, is_registered, bob, 10 * PL_USEC_PER_SEC));
  found = lookup (alice, "bob@example.net");
  ck_assert_int_eq (found.result, PL_LOOKUP_FOUND);
  ck_assert (pl_node_id_equal (&found.node, pl_node_id (bob)));
  ck_assert_int_eq (lookup (alice, "nobody@example.net").result, PL_LOOKUP_UNKNOWN);
  start = pl_universe_now (world->universe);
  pl_node_app_connect (alice, &found.node, on_connect, &over);
  ck_assert (pl_universe_run_until (world->universe, is_true, &over, 10 * PL_USEC_PER_SEC));
  ck_assert_ptr_nonnull (world->outgoing);
  ck_assert_int_lt (pl_universe_now (world->universe) - start, PL_USEC_PER_SEC);
  pl_app_link_send (world->outgoing, text);
  pl_universe_run (world->universe, PL_USEC_PER_SEC);
  ck_assert_str_eq (world->heard->str, "INVITE");
}
END_TEST

static guint
count_state (PlNodeState state)
{
  guint n = 0;

  for (guint i = 0; i < world->n; i++)
    n += pl_node_state (world->nodes[i]) == state;
  return n;
}

static gboolean
all_peers (gpointer data)
{
  return count_state (PL_NODE_PEER) == world->n;
}

static int
compare_nodes (gconstpointer a, gconstpointer b)
{
  return pl_node_id_compare (pl_node_id (*(PlNode **) a), pl_node_id (*(PlNode **) b));
}

/* Does every peer see its true neighbours in the ring of these nodes? */
static guint
wrong_neighbours (void)
{
  PlNode *sorted[MAX_NODES];
  guint wrong = 0;

  memcpy (sorted, world->nodes, world->n * sizeof *sorted);
  qsort (sorted, world->n, sizeof *sorted, compare_nodes);
  for (guint i = 0; i < world->n; i++)
    {
      g_autoptr (GPtrArray) peers = pl_node_dup_peers (sorted[i]);
      const PlNodeId *next = pl_node_id (sorted[(i + 1) % world->n]);
      const PlNodeId *previous = pl_node_id (sorted[(i + world->n - 1) % world->n]);
      guint found = 0;

      for (guint j = 0; j < peers->len; j++)
        {
          PlPeerInfo *info = g_ptr_array_index (peers, j);

          if (g_str_equal (info->role, "neighbor"))
            found += pl_node_id_equal (&info->node, next) + pl_node_id_equal (&info->node, previous);
        }
      wrong += found != 2;
    }
  return wrong;
}

START_TEST (many_peers_join_one_ring)
{
  guint n = g_getenv ("PL_TEST_N") ? atoi (g_getenv ("PL_TEST_N")) : 16;
  gint64 cpu = clock ();

  add_bootstrap ("boot");
  add_node (PL_ROLE_BOOTSTRAP, "boot@example.org", "boot", TRUE);
  for (guint i = 1; i < n; i++)
    {
      g_autofree char *aor = g_strdup_printf ("peer%u@example.org", i);

      add_node (PL_ROLE_PEER, aor, NULL, FALSE);
      pl_universe_run (world->universe, 200 * PL_USEC_PER_MSEC);
    }
  pl_universe_run_until (world->universe, all_peers, NULL, 120 * PL_USEC_PER_SEC);
  g_printerr ("%u peers of %u after %.1f s, cpu %.1f s\n", count_state (PL_NODE_PEER), world->n,
              pl_universe_now (world->universe) / 1e6, (clock () - cpu) / 1e6);
  pl_universe_run (world->universe, 10 * PL_USEC_PER_SEC);
  g_printerr ("wrong %u, cpu %.1f s, records %lu\n", wrong_neighbours (), (clock () - cpu) / 1e6, pl_vnet_records (world->net));
  ck_assert_uint_eq (count_state (PL_NODE_PEER), world->n);
  ck_assert_uint_eq (wrong_neighbours (), 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("node/ring");

  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 120);
  tcase_add_test (c, client_finds_and_reaches_another_client_through_one_bootstrap_peer);
  tcase_add_test (c, many_peers_join_one_ring);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
