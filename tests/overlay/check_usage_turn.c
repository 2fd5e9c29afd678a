/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TURN servers offered and found (RFC 6940 9): the engines alone, before a net that answers as the
 * test says.
 */
#include "config.h"

#include "overlay/usage/turn-offer.h"
#include "overlay/usage/turn-search.h"

#include "base/universe.h"
#include "tests/support/test.h"

#include <string.h>

#define SEC PL_USEC_PER_SEC
#define SECRET "north wind"

typedef struct {
  PlTimer *timer;
  PlResourceId resource;
  PlStoreFunc stored;
  PlFetchFunc fetched;
  PlFindFunc found;
  PlTurnAskFunc asked;
  gpointer user;
} Call;

static PlUniverse *universe;
static PlEnv *env;
static const PlNodeId self = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } };
static const PlNodeId server = { { 0x77, 0x77 } };
static PlNodeId signer;        /* of the record that is fetched */
static guint8 iteration;       /* in it */
static PlResourceId place;     /* where a Find finds one; len 0: nowhere */
static PlTurnAccess access_;   /* what is said when asked; lifetime 0: nothing */
static GHashTable *stored;     /* PlResourceId -> GBytes, times it was stored in n_stores */
static GHashTable *probed;     /* PlResourceId, as hex */
static guint n_stores, n_finds, n_fetches, n_asks, n_changes, empty_finds;
static gboolean refuse;

/* --- the net --- */

static void
answer (gpointer data)
{
  Call *call = data;
  g_autoptr (GError) error = refuse ? g_error_new_literal (PL_USAGE_ERROR, 4, "as told") : NULL;
  g_autoptr (GPtrArray) values = g_ptr_array_new ();
  g_autoptr (GBytes) value = NULL;
  PlTurnServer record = { iteration, access_.server };
  PlStoredData stored_data = { .value = { PL_DATA_SINGLE, 0, NULL, { TRUE, NULL } } };
  PlFetched fetched = { &stored_data, NULL, signer };
  g_auto (PlWriter) writer;

  pl_timer_clear (&call->timer);
  pl_writer_init (&writer);
  pl_turn_server_write (&writer, &record);
  stored_data.value.value.value = value = pl_writer_finish (&writer);
  g_ptr_array_add (values, &fetched);
  if (call->stored)
    call->stored (call->user, error);
  else if (call->fetched)
    call->fetched (call->user, error ? NULL : values, error);
  else if (call->found && empty_finds > 0)
    empty_finds--, call->found (call->user, NULL, NULL);
  else if (call->found)
    call->found (call->user, place.len && !error ? &place : NULL, error);
  else
    call->asked (call->user, access_.lifetime ? &access_ : NULL);
  g_free (call);
}

static Call *
call_new (const PlResourceId *resource, gpointer user)
{
  Call *call = g_new0 (Call, 1);

  if (resource)
    call->resource = *resource;
  call->user = user;
  pl_env_arm (env, &call->timer, 50 * PL_USEC_PER_MSEC, answer, call);
  return call;
}

static gpointer
net_store (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value, guint32 lifetime,
           PlStoreFunc func, gpointer user)
{
  Call *call = call_new (resource, user);

  (void) impl;
  ck_assert_uint_eq (kind, PL_KIND_TURN_SERVICE);
  ck_assert_uint_eq (lifetime, PL_TURN_RECORD_LIFETIME);
  ck_assert_int_eq (value->model, PL_DATA_SINGLE);
  g_hash_table_replace (stored, g_memdup2 (resource, sizeof *resource), g_bytes_ref (value->value.value));
  call->stored = func;
  n_stores++;
  return call;
}

static gpointer
net_fetch (gpointer impl, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user)
{
  Call *call = call_new (resource, user);

  (void) impl;
  ck_assert_uint_eq (kind, PL_KIND_TURN_SERVICE);
  ck_assert (pl_resource_id_equal (resource, &place));
  call->fetched = func;
  n_fetches++;
  return call;
}

static gpointer
net_find (gpointer impl, const PlResourceId *resource, guint32 kind, PlFindFunc func, gpointer user)
{
  Call *call = call_new (resource, user);

  (void) impl;
  ck_assert_uint_eq (kind, PL_KIND_TURN_SERVICE);
  g_hash_table_add (probed, pl_resource_id_dup_hex (resource));
  call->found = func;
  n_finds++;
  return call;
}

static void
net_cancel (gpointer impl, gpointer handle)
{
  (void) impl;
  pl_timer_clear (&((Call *) handle)->timer);
  g_free (handle);
}

static const PlUsageFuncs funcs = { .store = net_store, .fetch = net_fetch, .cancel = net_cancel, .find = net_find };
static const PlUsageNet net = { &funcs, NULL };

static gpointer
on_ask (gpointer user, const PlNodeId *node, PlTurnAskFunc func, gpointer data)
{
  Call *call = call_new (NULL, data);

  (void) user;
  ck_assert (pl_node_id_equal (node, &signer));
  call->asked = func;
  n_asks++;
  return call;
}

static void
on_changed (gpointer user)
{
  (void) user;
  n_changes++;
}

static void
place_of (const PlNodeId *node, guint8 i, PlResourceId *resource)
{
  guint8 name[PL_NODE_ID_LEN + 1];

  memcpy (name, node->b, PL_NODE_ID_LEN);
  name[PL_NODE_ID_LEN] = i;
  pl_resource_id_from_name (resource, name, sizeof name);
}

static void
setup (void)
{
  universe = pl_universe_new (4);
  env = pl_universe_env (universe);
  stored = g_hash_table_new_full (pl_resource_id_hash, pl_resource_id_equal, g_free, (GDestroyNotify) g_bytes_unref);
  probed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  signer = server;
  iteration = 2;
  place_of (&server, 2, &place);
  access_ = (PlTurnAccess){ { PL_ADDRESS_IPV4, { 198, 51, 100, 9 }, 3478 }, g_strdup ("1:a"), g_strdup ("p"), 3600 };
  n_stores = n_finds = n_fetches = n_asks = n_changes = empty_finds = 0;
  refuse = FALSE;
}

static void
teardown (void)
{
  pl_turn_access_clear (&access_);
  g_hash_table_unref (stored);
  g_hash_table_unref (probed);
  pl_universe_free (universe);
}

/* --- offering --- */

static PlTurnOffer *
offer_new (guint density)
{
  g_autoptr (PlSecret) secret = pl_secret_new (SECRET, strlen (SECRET));
  PlTurnOfferOptions options = { access_.server, secret, 3600 };
  PlTurnOffer *offer = pl_turn_offer_new (env, net, &self, &options);

  pl_turn_offer_set_density (offer, density);
  return offer;
}

START_TEST (a_server_is_recorded_at_each_place_of_the_density) /* 232, 233 */
{
  g_autoptr (PlTurnOffer) offer = offer_new (3);

  pl_universe_run (universe, 10 * SEC);
  ck_assert_uint_eq (n_stores, 0); /* not a peer yet */
  pl_turn_offer_set_online (offer, TRUE);
  pl_universe_run (universe, 10 * SEC);
  ck_assert_uint_eq (g_hash_table_size (stored), 3);
  for (guint8 i = 1; i <= 3; i++)
    {
      const guint8 record[] = { i, 1, 6, 198, 51, 100, 9, 3478 >> 8, 3478 & 255 };
      PlResourceId where;
      GBytes *bytes;

      place_of (&self, i, &where);
      bytes = g_hash_table_lookup (stored, &where);
      ck_assert_ptr_nonnull (bytes);
      ck_assert_uint_eq (g_bytes_get_size (bytes), sizeof record);
      ck_assert_mem_eq (g_bytes_get_data (bytes, NULL), record, sizeof record);
    }
}
END_TEST

START_TEST (records_are_refreshed_and_kept_trying_and_end_with_the_density)
{
  g_autoptr (PlTurnOffer) offer = offer_new (1);
  guint before;

  refuse = TRUE;
  pl_turn_offer_set_online (offer, TRUE);
  pl_universe_run (universe, 60 * SEC);
  ck_assert_uint_ge (n_stores, 3);
  ck_assert_uint_le (n_stores, 6); /* ever slower */
  refuse = FALSE;
  pl_universe_run (universe, 900 * SEC);
  before = n_stores;
  pl_universe_run (universe, 3600 * SEC);
  ck_assert_uint_ge (n_stores, before + 1);
  ck_assert_uint_le (n_stores, before + 2);
  before = n_stores;
  pl_turn_offer_set_density (offer, 0);
  pl_universe_run (universe, 4 * 3600 * SEC);
  ck_assert_uint_eq (n_stores, before);
  pl_turn_offer_set_density (offer, 255); /* the Kind takes no more */
  pl_universe_run (universe, 10 * SEC);
  ck_assert_uint_eq (n_stores, before + 20);
  pl_turn_offer_set_online (offer, FALSE);
  pl_universe_run (universe, 4 * 3600 * SEC);
  ck_assert_uint_eq (n_stores, before + 20);
}
END_TEST

START_TEST (credentials_are_those_that_coturn_computes) /* use-auth-secret: HMAC-SHA1 of the name */
{
  g_autoptr (PlTurnOffer) offer = offer_new (1);
  g_auto (PlTurnAccess) access = { 0 };
  g_autofree char *uri = NULL;

  pl_turn_offer_give (offer, &self, &access);
  ck_assert_str_eq (access.username, "1767229200:000102030405060708090a0b0c0d0e0f");
  ck_assert_str_eq (access.password, "ORNZT19eB6kg2y2VZ2bdG75oR4c=");
  ck_assert_uint_eq (access.lifetime, 3600);
  uri = pl_turn_access_dup_uri (&access);
  ck_assert_str_eq (uri, "1767229200%3A000102030405060708090a0b0c0d0e0f:ORNZT19eB6kg2y2VZ2bdG75oR4c=@198.51.100.9:3478");
}
END_TEST

START_TEST (one_node_and_all_together_get_only_so_many)
{
  g_autoptr (PlTurnOffer) offer = offer_new (1);
  PlNodeId other = server;
  guint n = 0;

  while (n < 100 && pl_turn_offer_admit (offer, &server))
    n++;
  ck_assert_uint_eq (n, PL_TURN_ASKER_BURST);
  ck_assert (pl_turn_offer_admit (offer, &self));
  pl_universe_run (universe, PL_TURN_ASKER_EVERY);
  ck_assert (pl_turn_offer_admit (offer, &server));
  ck_assert (!pl_turn_offer_admit (offer, &server));
  pl_universe_run (universe, PL_TURN_ALL_BURST * PL_TURN_ALL_EVERY);
  for (n = 0; n < 200; n++)
    {
      other.b[6] = (guint8) (n + 1);
      if (!pl_turn_offer_admit (offer, &other))
        break;
    }
  ck_assert_uint_eq (n, PL_TURN_ALL_BURST);
}
END_TEST

/* --- searching --- */

static PlTurnSearch *
search_new (void)
{
  static const PlTurnSearchHandlers handlers = { on_ask, net_cancel, on_changed };
  PlTurnSearch *search = pl_turn_search_new (env, net, &self, &handlers, NULL);

  pl_turn_search_set_online (search, TRUE);
  pl_turn_search_set_wanted (search, TRUE);
  return search;
}

START_TEST (random_places_are_probed_until_one_knows_a_server) /* 235 */
{
  g_autoptr (PlTurnSearch) search = NULL;
  const PlTurnAccess *access;
  gint64 expires;

  empty_finds = 5;
  search = search_new ();
  pl_universe_run (universe, 5 * SEC);
  ck_assert_uint_eq (n_finds, 6);
  ck_assert_uint_eq (g_hash_table_size (probed), 6);
  ck_assert_uint_eq (n_fetches, 1);
  ck_assert_uint_eq (n_asks, 1);
  access = pl_turn_search_access (search, &expires);
  ck_assert_ptr_nonnull (access);
  ck_assert_str_eq (access->username, access_.username);
  ck_assert (pl_ip_address_port_equal (&access->server, &access_.server));
  ck_assert_int_gt (expires, pl_env_wall (env) + 3590 * SEC);
  ck_assert_uint_eq (n_changes, 1);
}
END_TEST

START_TEST (nobody_looks_without_a_nat_or_without_the_overlay)
{
  g_autoptr (PlTurnSearch) search = search_new ();

  pl_turn_search_set_wanted (search, FALSE);
  pl_universe_run (universe, 3600 * SEC);
  ck_assert_uint_eq (n_finds, 0);
  pl_turn_search_set_online (search, FALSE);
  pl_turn_search_set_wanted (search, TRUE);
  pl_universe_run (universe, 3600 * SEC);
  ck_assert_uint_eq (n_finds, 0);
}
END_TEST

START_TEST (a_fruitless_search_pauses_ever_longer)
{
  g_autoptr (PlTurnSearch) search = NULL;

  place.len = 0;
  search = search_new ();
  pl_universe_run (universe, 5 * SEC);
  ck_assert_uint_eq (n_finds, PL_TURN_TRIES_MAX);
  pl_universe_run (universe, 3600 * SEC);
  ck_assert_uint_ge (n_finds, 7 * PL_TURN_TRIES_MAX);
  ck_assert_uint_le (n_finds, 10 * PL_TURN_TRIES_MAX);
  n_finds = 0;
  pl_universe_run (universe, 10 * 3600 * SEC);
  ck_assert_uint_le (n_finds, 10 * PL_TURN_TRIES_MAX);
  ck_assert_ptr_null (pl_turn_search_access (search, NULL));
}
END_TEST

START_TEST (a_record_that_may_not_stand_there_is_no_server) /* 226 */
{
  static const guint8 iterations[] = { 0, 3, 21, 2, 2 };
  g_autoptr (PlTurnSearch) search = NULL;

  iteration = iterations[_i];
  if (_i == 3)
    signer.b[15] ^= 1; /* somebody else's place */
  if (_i == 4)
    {
      signer = self;
      place_of (&self, 2, &place);
    }
  search = search_new ();
  pl_universe_run (universe, 5 * SEC);
  ck_assert_uint_eq (n_fetches, PL_TURN_TRIES_MAX);
  ck_assert_uint_eq (n_asks, 0);
}
END_TEST

START_TEST (credentials_are_renewed_before_they_end)
{
  g_autoptr (PlTurnSearch) search = search_new ();

  pl_universe_run (universe, 10 * SEC);
  g_free (access_.username);
  access_.username = g_strdup ("2:a");
  pl_universe_run (universe, 3000 * SEC);
  ck_assert_uint_eq (n_finds, 1); /* of the same server */
  ck_assert_uint_eq (n_asks, 2);
  ck_assert_str_eq (pl_turn_search_access (search, NULL)->username, "2:a");
}
END_TEST

START_TEST (credentials_that_ended_are_not_used)
{
  g_autoptr (PlTurnSearch) search = search_new ();

  pl_universe_run (universe, 10 * SEC);
  access_.lifetime = 0; /* it gives none any more */
  pl_universe_run (universe, 3500 * SEC);
  ck_assert_ptr_nonnull (pl_turn_search_access (search, NULL));
  pl_universe_run (universe, 100 * SEC);
  ck_assert_ptr_null (pl_turn_search_access (search, NULL));
  ck_assert_uint_eq (n_changes, 2);
}
END_TEST

START_TEST (a_server_that_gives_no_addresses_is_left)
{
  g_autoptr (PlTurnSearch) search = search_new ();

  pl_universe_run (universe, 10 * SEC);
  for (guint i = 0; i < 2 * PL_TURN_MISSES_MAX; i++)
    pl_turn_search_note (search, i % 2 == 0);
  ck_assert_ptr_nonnull (pl_turn_search_access (search, NULL));
  for (guint i = 0; i < PL_TURN_MISSES_MAX; i++)
    pl_turn_search_note (search, FALSE);
  ck_assert_ptr_null (pl_turn_search_access (search, NULL));
  pl_universe_run (universe, 5 * SEC);
  ck_assert_uint_eq (n_asks, 1); /* not that one again, at first */
  ck_assert_uint_ge (n_finds, PL_TURN_TRIES_MAX);
  pl_universe_run (universe, 20 * SEC);
  ck_assert_uint_eq (n_asks, 2);
}
END_TEST

START_TEST (an_address_that_is_nobodys_is_not_used)
{
  static const guint8 bad[][4] = { { 127, 0, 0, 1 }, { 224, 0, 0, 1 }, { 0, 0, 0, 0 } };
  g_autoptr (PlTurnSearch) search = search_new ();

  memcpy (access_.server.addr, bad[_i], 4);
  pl_universe_run (universe, 30 * SEC);
  ck_assert_uint_ge (n_asks, 1);
  ck_assert_ptr_null (pl_turn_search_access (search, NULL));
}
END_TEST

static const struct { const char *bytes; gsize len; gboolean good; } said[] = {
  { "\1\6\306\63\144\11\15\226\3" "1:a" "\1" "p" "\0\0\16\20", 18, TRUE },
  { "\1\6\306\63\144\11\15\226\3" "1:a" "\1" "p" "\0\0\16", 17, FALSE },
  { "\1\6\306\63\144\11\15\226\3" "1:a" "\1" "p" "\0\0\16\20\0", 19, FALSE },
  { "\1\6\306\63\144\11\15\226\3" "1\na" "\1" "p" "\0\0\16\20", 18, FALSE },
  { "\1\6\306\63\144\11\15\226\3" "1@a" "\1" "p" "\0\0\16\20", 18, FALSE },
  { "\1\6\306\63\144\11\0\0\3" "1:a" "\1" "p" "\0\0\16\20", 18, FALSE },
  { "\1\6\306\63\144\11\15\226\0\1" "p" "\0\0\16\20", 14, FALSE },
};

START_TEST (what_is_said_over_the_link_is_read_as_the_protocol_has_it) /* doc/PROTOCOL */
{
  g_auto (PlTurnAccess) access = { 0 };
  PlReader reader;

  pl_reader_init (&reader, (const guint8 *) said[_i].bytes, said[_i].len);
  pl_turn_access_read (&reader, &access);
  ck_assert_int_eq (pl_reader_finish (&reader) == PL_WIRE_OK, said[_i].good);
  if (said[_i].good)
    {
      g_auto (PlWriter) writer;
      g_autoptr (GBytes) bytes = NULL;

      pl_writer_init (&writer);
      pl_turn_access_write (&writer, &access_);
      bytes = pl_writer_finish (&writer);
      ck_assert_uint_eq (g_bytes_get_size (bytes), said[_i].len);
      ck_assert_mem_eq (g_bytes_get_data (bytes, NULL), said[_i].bytes, said[_i].len);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("usage/turn");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, a_server_is_recorded_at_each_place_of_the_density);
  tcase_add_test (tcase, records_are_refreshed_and_kept_trying_and_end_with_the_density);
  tcase_add_test (tcase, credentials_are_those_that_coturn_computes);
  tcase_add_test (tcase, one_node_and_all_together_get_only_so_many);
  tcase_add_test (tcase, random_places_are_probed_until_one_knows_a_server);
  tcase_add_test (tcase, nobody_looks_without_a_nat_or_without_the_overlay);
  tcase_add_test (tcase, a_fruitless_search_pauses_ever_longer);
  tcase_add_loop_test (tcase, a_record_that_may_not_stand_there_is_no_server, 0, 5);
  tcase_add_test (tcase, credentials_are_renewed_before_they_end);
  tcase_add_test (tcase, credentials_that_ended_are_not_used);
  tcase_add_test (tcase, a_server_that_gives_no_addresses_is_left);
  tcase_add_loop_test (tcase, an_address_that_is_nobodys_is_not_used, 0, 3);
  tcase_add_loop_test (tcase, what_is_said_over_the_link_is_read_as_the_protocol_has_it, 0, G_N_ELEMENTS (said));
  return pl_test_run (suite, NULL);
}
