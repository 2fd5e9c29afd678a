/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/world.h"

#include "base/log.h"
#include "overlay/ident/aor.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#define PORT 6084
#define PROMOTE_AFTER (10 * PL_USEC_PER_SEC)
#define JOIN_TIME (60 * PL_USEC_PER_SEC)
#define CALL_TIME (10 * PL_USEC_PER_SEC)

typedef struct {
  PlWorld *world;
  guint index;
  char *aor;
  char *host;          /* NULL: no listener */
  char *path;
  PlVNetNat nat;
  const PlTurnOfferOptions *turn;
  GStrv cached;        /* peers to come back through */
  PlIdentity *identity;
  PlEnv *env;
  PlTrust *trust;
  PlStore *store;
  PlNode *node;
  gboolean stopped;
  PlAppLink *incoming, *outgoing;
  gboolean connecting;
  GString *heard;
  char *trouble;
  gboolean hung_up;
} Member;

struct PlWorld {
  PlUniverse *universe;
  PlVNet *net;
  PlTestPki *pki;
  PlDocument *document; /* NULL: that of the pki */
  GPtrArray *members;
  gint64 started;      /* real time */
  gint64 promote_after;
  gboolean any_starts;
  gboolean direct;
};

/* --- life cycle --- */

static void
member_down (Member *member)
{
  g_clear_pointer (&member->incoming, pl_app_link_free);
  g_clear_pointer (&member->outgoing, pl_app_link_free);
  g_clear_pointer (&member->node, pl_node_free);
  g_clear_pointer (&member->store, pl_store_free);
  g_clear_pointer (&member->trust, pl_trust_free);
}

static void
member_free (gpointer data)
{
  Member *member = data;

  member_down (member);
  pl_identity_unref (member->identity);
  g_string_free (member->heard, TRUE);
  g_free (member->trouble);
  g_free (member->aor);
  g_free (member->host);
  g_strfreev (member->cached);
  g_free (member->path);
  g_free (member);
}

static void
add_member (PlWorld *world, const PlWorldOptions *options)
{
  Member *member = g_new0 (Member, 1);

  member->world = world;
  member->index = world->members->len;
  member->aor = g_strdup_printf ("user%u@example.org", member->index);
  member->heard = g_string_new (NULL);
  if (member->index < MAX (options->n_boot, 1))
    {
      PlHostPort where = { g_strdup_printf ("boot%u", member->index), PORT };

      member->host = g_strdup (where.host);
      g_array_append_val (pl_test_pki_document (world->pki)->bootstrap_nodes, where);
    }
  else if (options->listen_all)
    member->host = g_strdup_printf ("10.1.%u.%u", member->index / 256, member->index % 256);
  if (options->dir)
    member->path = g_strdup_printf ("%s/records%u", options->dir, member->index);
  member->identity = pl_test_pki_identity (world->pki, member->aor, NULL);
  member->env = pl_universe_env (world->universe);
  g_ptr_array_add (world->members, member);
}

PlWorld *
pl_world_new (const PlWorldOptions *options)
{
  PlWorld *world = g_new0 (PlWorld, 1);
  const char *wish = g_getenv ("PL_TEST_SEED");
  guint64 seed = wish ? g_ascii_strtoull (wish, NULL, 0) : options->seed;

  if (g_getenv ("PL_TEST_LOG"))
    pl_log_set_level (atoi (g_getenv ("PL_TEST_LOG")));
  g_print ("# seed %" G_GUINT64_FORMAT ", %u nodes\n", seed, options->n);
  world->direct = options->direct;
  world->promote_after = options->promote_after ? options->promote_after : PROMOTE_AFTER;
  world->any_starts = options->any_starts;
  world->started = g_get_monotonic_time ();
  world->universe = pl_universe_new (seed);
  world->net = pl_vnet_new (world->universe);
  world->pki = pl_test_pki_new (pl_universe_env (world->universe));
  pl_document_set_registration_places (pl_test_pki_document (world->pki), options->places);
  world->members = g_ptr_array_new_with_free_func (member_free);
  for (guint i = 0; i < options->n; i++)
    add_member (world, options);
  return world;
}

void
pl_world_free (PlWorld *world)
{
  if (!world)
    return;
  g_ptr_array_unref (world->members);
  pl_document_free (world->document);
  pl_test_pki_free (world->pki);
  pl_vnet_free (world->net);
  pl_universe_free (world->universe);
  g_free (world);
}

/* --- getters --- */

static Member *
member_of (PlWorld *world, guint i)
{
  ck_assert_uint_lt (i, world->members->len);
  return g_ptr_array_index (world->members, i);
}

PlUniverse *
pl_world_universe (PlWorld *world)
{
  return world->universe;
}

PlVNet *
pl_world_net (PlWorld *world)
{
  return world->net;
}

const char *
pl_world_aor (PlWorld *world, guint i)
{
  return member_of (world, i)->aor;
}

const PlNodeId *
pl_world_id (PlWorld *world, guint i)
{
  return pl_identity_node_id (member_of (world, i)->identity);
}

PlIdentity *
pl_world_identity (PlWorld *world, guint i)
{
  return member_of (world, i)->identity;
}

PlNode *
pl_world_node (PlWorld *world, guint i)
{
  return member_of (world, i)->node;
}

PlStore *
pl_world_store (PlWorld *world, guint i)
{
  return member_of (world, i)->store;
}

void
pl_world_set_document (PlWorld *world, PlDocument *document)
{
  pl_document_free (world->document);
  world->document = document;
}

PlTestPki *
pl_world_pki (PlWorld *world)
{
  return world->pki;
}

const char *
pl_world_trouble (PlWorld *world, guint i)
{
  return member_of (world, i)->trouble;
}

gboolean
pl_world_hung_up (PlWorld *world, guint i)
{
  return member_of (world, i)->hung_up;
}

/* --- birth and death --- */

void
pl_world_set_nat (PlWorld *world, guint i, PlVNetNat nat)
{
  member_of (world, i)->nat = nat;
}

void
pl_world_set_turn (PlWorld *world, guint i, const PlTurnOfferOptions *turn)
{
  member_of (world, i)->turn = turn;
}

static void
on_message (gpointer user, PlAppLink *link, const guint8 *data, gsize len)
{
  (void) link;
  g_string_append_len (((Member *) user)->heard, (const char *) data, (gssize) len);
}

static void
on_hung_up (gpointer user, PlAppLink *link, const char *reason)
{
  Member *member = user;

  (void) reason;
  member->hung_up = TRUE;
  if (link == member->incoming)
    member->incoming = NULL;
  if (link == member->outgoing)
    member->outgoing = NULL;
  pl_app_link_free (link);
}

static const PlAppLinkHandlers link_handlers = { .message = on_message, .closed = on_hung_up };

static void
on_incoming (gpointer user, PlAppLink *link)
{
  Member *member = user;

  pl_app_link_free (member->incoming);
  member->incoming = link;
  member->hung_up = FALSE;
  pl_app_link_set_handlers (link, &link_handlers, member);
}

static void
on_trouble (gpointer user, const char *problem)
{
  Member *member = user;

  g_free (member->trouble);
  member->trouble = g_strdup (problem);
}

static void
on_state (gpointer user, PlNodeState state)
{
  (void) user;
  (void) state;
}

static void
on_cached (gpointer user, const char *const *addresses)
{
  Member *member = user;

  g_strfreev (member->cached);
  member->cached = g_strdupv ((GStrv) addresses);
}

void
pl_world_set_cached (PlWorld *world, guint i, const char *const *addresses)
{
  on_cached (member_of (world, i), addresses);
}

PlNode *
pl_world_start (PlWorld *world, guint i, PlRole role)
{
  static const PlNodeHandlers handlers = { .state_changed = on_state, .incoming = on_incoming,
                                            .cached = on_cached, .trouble = on_trouble };
  Member *member = member_of (world, i);
  PlNodeOptions options = { .role = role, .promote_after = world->promote_after, .may_start_ring = i == 0 || world->any_starts,
                            .cached = (const char *const *) member->cached, .find_turn = TRUE, .turn = member->turn };
  PlDocument *document = world->document ? world->document : pl_test_pki_document (world->pki);
  g_autofree char *direct = world->direct && member->host ? g_strdup_printf ("%s:%u", member->host, PORT) : NULL;
  g_autoptr (GError) error = NULL;
  PlTransport *transport;

  options.direct_response = direct;
  ck_assert_ptr_null (member->node);
  pl_vnet_revive (world->net, pl_world_id (world, i));
  member->trust = pl_document_trust_new (document, member->env, &error);
  ck_assert_msg (member->trust != NULL, "%s", error ? error->message : "");
  member->store = pl_store_new (member->env, document, member->trust, member->path, &error);
  ck_assert_msg (member->store != NULL, "%s", error ? error->message : "");
  transport = pl_vnet_transport_behind (world->net, member->env, member->identity, member->trust, member->host,
                                        PORT, member->nat);
  member->node = pl_node_new (member->env, document, member->identity, member->trust, transport, member->store,
                              &options, &handlers, member);
  pl_node_start (member->node);
  return member->node;
}

void
pl_world_renew (PlWorld *world, guint i, PlRole role)
{
  Member *member = member_of (world, i);
  PlIdentity *renewed = pl_test_pki_identity (world->pki, member->aor, pl_world_id (world, i));

  member_down (member);
  pl_identity_unref (member->identity);
  member->identity = renewed;
  pl_world_start (world, i, role);
}

void
pl_world_kill (PlWorld *world, guint i)
{
  pl_vnet_kill (world->net, pl_world_id (world, i));
  member_down (member_of (world, i));
}

static void
on_stopped (gpointer data)
{
  ((Member *) data)->stopped = TRUE;
}

static gboolean
is_stopped (gpointer data)
{
  return ((Member *) data)->stopped;
}

void
pl_world_stop (PlWorld *world, guint i)
{
  Member *member = member_of (world, i);

  member->stopped = FALSE;
  pl_node_stop (member->node, on_stopped, member);
  ck_assert_msg (pl_universe_run_until (world->universe, is_stopped, member, 4 * PL_USEC_PER_SEC),
                 "node %u does not stop", i);
  member_down (member);
}

/* --- waiting --- */

void
pl_world_run (PlWorld *world, gint64 usec)
{
  pl_universe_run (world->universe, usec);
}

typedef struct { PlNode *node; PlNodeState state; const char *aor; } Wish;

static gboolean
has_state (gpointer data)
{
  const Wish *wish = data;

  return pl_node_state (wish->node) == wish->state;
}

static gboolean
has_registered (gpointer data)
{
  const Wish *wish = data;

  return pl_node_registered (wish->node, wish->aor) > 0;
}

gboolean
pl_world_wait_state (PlWorld *world, guint i, PlNodeState state, gint64 usec)
{
  Wish wish = { pl_world_node (world, i), state, NULL };

  return pl_universe_run_until (world->universe, has_state, &wish, usec);
}

gboolean
pl_world_wait_registered (PlWorld *world, guint i, gint64 usec)
{
  Wish wish = { pl_world_node (world, i), 0, pl_world_aor (world, i) };

  return pl_universe_run_until (world->universe, has_registered, &wish, usec);
}

void
pl_world_grow (PlWorld *world, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      pl_world_start (world, i, i == 0 ? PL_ROLE_BOOTSTRAP : PL_ROLE_PEER);
      ck_assert_msg (pl_world_wait_state (world, i, PL_NODE_PEER, JOIN_TIME), "node %u does not join", i);
      pl_node_register (pl_world_node (world, i), pl_world_aor (world, i));
      ck_assert_msg (pl_world_wait_registered (world, i, JOIN_TIME), "node %u does not register", i);
    }
}

/* --- looking up, calling --- */

typedef struct { gboolean over; PlLookupResult result; PlNodeId node; } Found;

static void
on_lookup (gpointer user, PlLookupResult result, const GArray *nodes)
{
  Found *found = user;

  found->over = TRUE;
  found->result = result;
  if (nodes && nodes->len)
    found->node = g_array_index (nodes, PlFoundNode, 0).node;
}

static gboolean
lookup_over (gpointer data)
{
  return ((Found *) data)->over;
}

PlLookupResult
pl_world_lookup (PlWorld *world, guint from, const char *aor, PlNodeId *node)
{
  Found found = { 0 };

  pl_node_lookup (pl_world_node (world, from), aor, on_lookup, &found);
  ck_assert_msg (pl_universe_run_until (world->universe, lookup_over, &found, 6 * PL_USEC_PER_SEC),
                 "a look-up from node %u does not end", from);
  if (node)
    *node = found.node;
  return found.result;
}

gboolean
pl_world_finds (PlWorld *world, guint from, guint to)
{
  PlNodeId node;

  return pl_world_lookup (world, from, pl_world_aor (world, to), &node) == PL_LOOKUP_FOUND
         && pl_node_id_equal (&node, pl_world_id (world, to));
}

static gboolean
holds (PlStore *store, const PlResourceId *place, const PlNodeId *key)
{
  PlFetchReq request = { .resource = *place, .specifiers = pl_stored_data_specifier_list_new () };
  PlStoredDataSpecifier specifier = { .kind = PL_KIND_SIP_REGISTRATION, .model = PL_DATA_DICTIONARY };
  g_auto (PlFetchAns) answer = { 0 };
  g_autoptr (GBytes) info = NULL;
  gboolean held = FALSE;
  GArray *values;

  g_array_append_val (request.specifiers, specifier);
  ck_assert_uint_eq (pl_store_get (store, &request, &answer, &info), 0);
  pl_fetch_req_clear (&request);
  values = g_array_index (answer.kind_responses, PlFetchKindResponse, 0).values;
  for (guint i = 0; i < values->len; i++)
    {
      const PlStoredDataValue *value = &g_array_index (values, PlStoredData, i).value;

      held |= value->value.exists && memcmp (g_bytes_get_data (value->key, NULL), key->b, PL_NODE_ID_LEN) == 0;
    }
  return held;
}

gboolean
pl_world_holds (PlWorld *world, guint who, guint i)
{
  PlResourceId place;

  pl_aor_resource (pl_world_aor (world, i), &place);
  return holds (pl_world_store (world, who), &place, pl_world_id (world, i));
}

guint
pl_world_holders (PlWorld *world, guint i)
{
  PlResourceId place;
  guint n = 0;

  pl_aor_resource (pl_world_aor (world, i), &place);
  for (guint j = 0; j < world->members->len; j++)
    if (pl_world_node (world, j) && holds (pl_world_store (world, j), &place, pl_world_id (world, i)))
      n++;
  return n;
}

static void
on_connected (gpointer user, PlAppLink *link, const GError *error)
{
  Member *member = user;

  if (error)
    g_print ("# call failed: %s\n", error->message);
  member->connecting = FALSE;
  member->outgoing = link;
  member->hung_up = FALSE;
  if (link)
    pl_app_link_set_handlers (link, &link_handlers, member);
}

static gboolean
has_connected (gpointer data)
{
  return !((Member *) data)->connecting;
}

static gboolean
has_heard (gpointer data)
{
  return ((Member *) data)->heard->len >= 5;
}

PlAppLink *
pl_world_incoming (PlWorld *world, guint i)
{
  return member_of (world, i)->incoming;
}

gboolean
pl_world_call (PlWorld *world, guint from, guint to)
{
  Member *caller = member_of (world, from), *callee = member_of (world, to);
  g_autoptr (GBytes) text = g_bytes_new_static ("hello", 5);

  g_clear_pointer (&caller->outgoing, pl_app_link_free);
  g_string_truncate (callee->heard, 0);
  caller->connecting = TRUE;
  pl_node_app_connect (caller->node, pl_world_id (world, to), on_connected, caller);
  if (!pl_universe_run_until (world->universe, has_connected, caller, CALL_TIME) || !caller->outgoing)
    return FALSE;
  pl_app_link_send (caller->outgoing, text);
  return pl_universe_run_until (world->universe, has_heard, callee, CALL_TIME);
}

void
pl_world_report (PlWorld *world, const char *what)
{
  guint n = 0, links = 0;

  for (guint i = 0; i < world->members->len; i++)
    if (pl_world_node (world, i))
      {
        g_autoptr (GPtrArray) peers = pl_node_dup_peers (pl_world_node (world, i));

        n++;
        links += peers->len;
      }
  g_print ("# %s: %u nodes, %.1f links each, %" G_GUINT64_FORMAT " records, virtual %.0f s, real %.1f s\n", what, n,
           n ? (double) links / n : 0, pl_vnet_records (world->net),
           (double) pl_universe_now (world->universe) / PL_USEC_PER_SEC,
           (double) (g_get_monotonic_time () - world->started) / PL_USEC_PER_SEC);
}
