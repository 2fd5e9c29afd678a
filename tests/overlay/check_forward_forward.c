/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/forward/forward.h"
#include "overlay/forward/reassembly.h"
#include "overlay/forward/saved.h"
#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"
#include "tests/overlay/loopcarrier.h"
#include "tests/overlay/testcert.h"
#include "tests/support/test.h"

#include <string.h>

/* One forwarder in the middle, far nodes around it that are bare links. */

#define N_FAR 4
#define OVERLAY 0x12345678u

typedef struct {
  PlNodeId id;
  PlLink *link;
  PlLoopPair *pair;
  GPtrArray *got;          /* GBytes */
} Far;

static PlUniverse *universe;
static PlEnv *env;
static PlForward *forward;
static Far far[N_FAR];
static PlNodeId self;
static GPtrArray *delivered;
static guint refused, ups, downs;
static guint16 refused_code;
static PlNodeId delivered_from;
static gboolean own_range;       /* everything unconnected is ours */
static PlNodeId hops[N_FAR];
static guint n_hops;
static guint compress_from, messages_in_ten_seconds;
static PlCert *own_cert;

static PlNodeId
node (guint8 first)
{
  PlNodeId id = { { 0 } };

  id.b[0] = first;
  return id;
}

static gboolean
responsible (gpointer user, const PlNodeId *place)
{
  return own_range;
}

static guint
next_hops (gpointer user, const PlNodeId *place, PlNodeId *out, guint max)
{
  guint n = MIN (n_hops, max);

  memcpy (out, hops, n * sizeof *out);
  return n;
}

static gboolean
yes (gpointer user)
{
  return TRUE;
}

static gboolean
keep (gpointer user, const PlNodeId *id)
{
  return FALSE;
}

static void
on_deliver (gpointer user, GBytes *message, const PlNodeId *from)
{
  g_ptr_array_add (delivered, g_bytes_ref (message));
  delivered_from = *from;
}

static void
on_refuse (gpointer user, const PlForwardingHeader *header, const PlNodeId *from, guint16 error, const char *text)
{
  refused++;
  refused_code = error;
}

static void
on_up (gpointer user, const PlNodeId *id, gboolean again)
{
  ups++;
}

static void
on_down (gpointer user, const PlNodeId *id, const char *reason)
{
  downs++;
}

static void
on_far_message (gpointer user, PlLink *link, const guint8 *data, gsize len)
{
  g_ptr_array_add (((Far *) user)->got, g_bytes_new (data, len));
}

static void
on_far_closed (gpointer user, PlLink *link, const char *reason)
{
}

static const PlLinkHandlers far_handlers = { .message = on_far_message, .closed = on_far_closed };
static const PlLinkOptions far_options = { .max_message = 65536 };

static void
connect_named (guint i, gsize max_record, gboolean named)
{
  far[i].pair = pl_loop_pair_new_named (env, &self, &far[i].id, max_record, named);
  far[i].link = pl_link_new (env, far[i].pair->end[1], &far_options, &far_handlers, &far[i]);
  pl_forward_add (forward, far[i].pair->end[0], FALSE);
}

static void
connect_far (guint i, gsize max_record)
{
  connect_named (i, max_record, TRUE);
}

static void
setup (void)
{
  static const PlForwardHandlers handlers = {
    .responsible = responsible, .hops = next_hops, .transit = yes, .keep = keep, .deliver = on_deliver,
    .refuse = on_refuse, .link_up = on_up, .link_down = on_down,
  };
  PlForwardConfig config = { .overlay = OVERLAY, .initial_ttl = 100, .max_message = 16384, .reliability = PL_USEC_PER_SEC,
                             .compress = compress_from, .messages = { messages_in_ten_seconds, 10 * PL_USEC_PER_SEC },
                             .keepalive = 20 * PL_USEC_PER_SEC };

  universe = pl_universe_new (1);
  env = pl_universe_env (universe);
  self = config.self = node (0x50);
  delivered = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  refused = refused_code = ups = downs = n_hops = 0;
  own_range = FALSE;
  config.cert = own_cert;
  forward = pl_forward_new (env, &config, &handlers, NULL);
  for (guint i = 0; i < N_FAR; i++)
    {
      far[i].id = node (0x10 * (i + 1) + 1);
      far[i].got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      connect_far (i, 1163);
    }
}

static void
teardown (void)
{
  pl_forward_free (forward);
  for (guint i = 0; i < N_FAR; i++)
    {
      pl_link_free (far[i].link);
      pl_loop_pair_free (far[i].pair);
      g_ptr_array_unref (far[i].got);
    }
  g_ptr_array_unref (delivered);
  pl_universe_free (universe);
  compress_from = messages_in_ten_seconds = 0;
}

typedef struct {
  guint16 code;
  PlDestination to[4];
  guint n;
  guint8 ttl;
  guint8 option_flags;
  guint32 overlay;
  gsize size;
  guint64 id;
  guint8 n_via;             /* entries 01..., 02... of the Via List */
} Recipe;

static GBytes *
make (const Recipe *recipe)
{
  static guint64 next_id = 1;
  g_auto (PlForwardingHeader) header = { 0 };
  PlSignature signature = { 0 };
  g_autofree guint8 *filler = g_malloc0 (recipe->size + 1);
  g_autoptr (GBytes) body = g_bytes_new (filler, recipe->size);
  g_autoptr (GBytes) contents = pl_message_contents_write (recipe->code ? recipe->code : PL_MESSAGE_PING_REQ, body, NULL);
  GBytes *message;

  pl_forwarding_header_init (&header);
  header.overlay = recipe->overlay ? recipe->overlay : OVERLAY;
  header.ttl = recipe->ttl;
  header.transaction_id = recipe->id ? recipe->id : next_id++;
  g_array_append_vals (header.destination_list, recipe->to, recipe->n);
  for (guint8 i = 1; i <= recipe->n_via; i++)
    {
      PlNodeId id = node (i);
      PlDestination via = pl_destination_node (&id);

      g_array_append_val (header.via_list, via);
    }
  if (recipe->option_flags)
    {
      PlForwardingOption option = { .type = 77, .flags = recipe->option_flags };

      g_array_append_val (header.options, option);
    }
  pl_signature_init_none (&signature);
  message = pl_message_write (&header, contents, NULL, &signature);
  pl_signature_clear (&signature);
  return message;
}

/* In fragments, as a smaller link before ours would have cut it. */
static void
send_pieces_from (guint i, const Recipe *recipe)
{
  g_autoptr (GBytes) message = make (recipe);
  g_autoptr (GPtrArray) pieces = pl_message_fragment (message, 1000);

  for (guint k = 0; k < pieces->len; k++)
    ck_assert (pl_link_send (far[i].link, g_ptr_array_index (pieces, k)));
  pl_universe_run (universe, 100 * PL_USEC_PER_MSEC);
}

static void
send_from (guint i, const Recipe *recipe)
{
  g_autoptr (GBytes) message = make (recipe);

  ck_assert (pl_link_send (far[i].link, message));
  pl_universe_run (universe, 100 * PL_USEC_PER_MSEC);
}

static void
header_of (GBytes *message, PlForwardingHeader *header)
{
  gsize len;

  ck_assert_int_eq (pl_forwarding_peek (message, header, &len), PL_WIRE_OK);
}

START_TEST (request_to_connected_node_goes_straight_with_via_and_less_ttl) /* 12, 14, 45 */
{
  g_auto (PlForwardingHeader) header = { 0 };
  Recipe recipe = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9 };

  send_from (0, &recipe);
  ck_assert_uint_eq (far[1].got->len, 1);
  header_of (g_ptr_array_index (far[1].got, 0), &header);
  ck_assert_uint_eq (header.ttl, 8);
  ck_assert_uint_eq (header.via_list->len, 1);
  ck_assert (pl_node_id_equal (&pl_destination_list_get (header.via_list, 0)->node_id, &far[0].id));
}
END_TEST

START_TEST (response_gets_no_via) /* 18 */
{
  g_auto (PlForwardingHeader) header = { 0 };
  Recipe recipe = { .code = PL_MESSAGE_PING_ANS, .to = { pl_destination_node (&self), pl_destination_node (&far[1].id) },
                    .n = 2, .ttl = 9 };

  send_from (0, &recipe);
  ck_assert_uint_eq (far[1].got->len, 1);
  header_of (g_ptr_array_index (far[1].got, 0), &header);
  ck_assert_uint_eq (header.via_list->len, 0);
  ck_assert_uint_eq (header.destination_list->len, 1); /* 7: our own entry is gone */
}
END_TEST

START_TEST (wildcard_own_id_and_own_place_are_delivered) /* 4, 6, 7 */
{
  PlResourceId resource;
  PlNodeId place = node (0x33);
  Recipe wildcard = { .to = { pl_destination_node (&pl_node_id_wildcard) }, .n = 1, .ttl = 1 };
  Recipe own = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 0 };
  Recipe ours = { .n = 1, .ttl = 1 };

  pl_resource_id_from_node_id (&resource, &place);
  ours.to[0] = pl_destination_resource (&resource);
  send_from (0, &wildcard);
  send_from (0, &own);
  own_range = TRUE;
  send_from (0, &ours);
  ck_assert_uint_eq (delivered->len, 3);
  ck_assert_uint_eq (refused, 0);
}
END_TEST

START_TEST (node_in_our_range_that_is_not_connected_is_dropped_silently) /* 9 */
{
  PlNodeId nobody = node (0x33);
  Recipe recipe = { .to = { pl_destination_node (&nobody) }, .n = 1, .ttl = 9 };

  own_range = TRUE;
  hops[0] = far[1].id;
  n_hops = 1;
  send_from (0, &recipe);
  ck_assert_uint_eq (far[1].got->len + delivered->len + refused, 0);
}
END_TEST

START_TEST (client_in_our_range_is_forwarded_to) /* 10 */
{
  Recipe recipe = { .to = { pl_destination_node (&far[2].id) }, .n = 1, .ttl = 9 };

  own_range = TRUE;
  send_from (0, &recipe);
  ck_assert_uint_eq (far[2].got->len, 1);
}
END_TEST

START_TEST (used_up_and_excessive_ttl_are_refused) /* S1-39, 46, 48 */
{
  Recipe none = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 0 };
  Recipe many = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 101 };
  Recipe answer = { .code = PL_MESSAGE_PING_ANS, .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 0 };

  send_from (0, &none);
  ck_assert_uint_eq (refused_code, PL_ERROR_TTL_EXCEEDED);
  send_from (0, &many);
  ck_assert_uint_eq (refused, 2);
  send_from (0, &answer);
  ck_assert_uint_eq (refused, 2); /* never an error for an answer */
  ck_assert_uint_eq (far[1].got->len + delivered->len, 0);
}
END_TEST

START_TEST (forward_critical_option_is_refused_others_travel_on) /* 33, 37 */
{
  g_auto (PlForwardingHeader) header = { 0 };
  Recipe critical = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .option_flags = PL_OPTION_FORWARD_CRITICAL };
  Recipe other = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .option_flags = PL_OPTION_DESTINATION_CRITICAL };

  send_from (0, &critical);
  ck_assert_uint_eq (refused_code, PL_ERROR_UNSUPPORTED_FORWARDING_OPTION);
  ck_assert_uint_eq (far[1].got->len, 0);
  send_from (0, &other);
  ck_assert_uint_eq (far[1].got->len, 1);
  header_of (g_ptr_array_index (far[1].got, 0), &header);
  ck_assert_uint_eq (header.options->len, 1);
}
END_TEST

START_TEST (another_overlay_and_double_destinations_are_refused) /* S1-39, 1, 2, 38 */
{
  Recipe overlay = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .overlay = 1 };
  Recipe twice = { .to = { pl_destination_node (&far[1].id), pl_destination_node (&far[1].id) }, .n = 2, .ttl = 9 };

  send_from (0, &overlay);
  ck_assert_uint_eq (refused_code, PL_ERROR_INCOMPATIBLE_WITH_OVERLAY);
  send_from (0, &twice);
  ck_assert_uint_eq (refused_code, PL_ERROR_INVALID_MESSAGE);
  ck_assert_uint_eq (far[1].got->len, 0);
}
END_TEST

START_TEST (another_version_is_refused) /* 1, 2, 44 */
{
  Recipe recipe = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9 };
  g_autoptr (GBytes) good = make (&recipe);
  gsize len;
  guint8 *copy = g_memdup2 (g_bytes_get_data (good, &len), g_bytes_get_size (good));
  g_autoptr (GBytes) other = NULL;

  copy[10] = 0x0b;
  other = g_bytes_new_take (copy, len);
  ck_assert (pl_link_send (far[0].link, other));
  pl_universe_run (universe, 100 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (refused_code, PL_ERROR_INCOMPATIBLE_WITH_OVERLAY);
  ck_assert_uint_eq (far[1].got->len, 0);
}
END_TEST

START_TEST (opaque_id_that_we_never_gave_is_dropped) /* 22, 32 */
{
  Recipe recipe = { .to = { pl_destination_compact (5), pl_destination_node (&far[1].id) }, .n = 2, .ttl = 9 };

  send_from (0, &recipe);
  ck_assert_uint_eq (far[1].got->len + refused + delivered->len, 0);
}
END_TEST

START_TEST (node_of_several_ids_gets_only_ping_and_attach_through_before_it_attaches) /* 20, 21 */
{
  Recipe recipe = { .code = PL_MESSAGE_FETCH_REQ, .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9 };
  PlLink *named = far[0].link;
  PlLoopPair *pair = far[0].pair;

  connect_named (0, 1163, FALSE);
  send_from (0, &recipe);
  ck_assert_uint_eq (refused_code, PL_ERROR_FORBIDDEN);
  recipe.to[0] = pl_destination_node (&self);
  send_from (0, &recipe);
  ck_assert_uint_eq (refused, 2);
  ck_assert_uint_eq (far[1].got->len + delivered->len, 0);
  recipe.to[0] = pl_destination_node (&far[1].id);
  recipe.code = PL_MESSAGE_PING_REQ;
  send_from (0, &recipe);
  recipe.code = PL_MESSAGE_ATTACH_REQ;
  send_from (0, &recipe);
  recipe.code = PL_MESSAGE_FETCH_ANS; /* an answer is no request */
  send_from (0, &recipe);
  ck_assert_uint_eq (refused, 2);
  ck_assert_uint_eq (far[1].got->len, 3);
  pl_link_free (named);
  pl_universe_run (universe, 90 * PL_USEC_PER_SEC);
  pl_loop_pair_free (pair);
}
END_TEST

/* The forwarder with a certificate for its own Node-ID and another. */
static void
setup_two_ids (void)
{
  static const TestSpec spec = { .names = { { GNUTLS_SAN_URI, "reload://011050000000000000000000000000000000@example.org/", -1 },
                                            { GNUTLS_SAN_URI, TEST_URI, -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);

  own_cert = pl_cert_new (made->der, NULL);
  ck_assert_ptr_nonnull (own_cert);
  setup ();
}

static void
teardown_two_ids (void)
{
  teardown ();
  g_clear_pointer (&own_cert, pl_cert_unref);
}

/* Whom we sent the Attach through, without one to it, knows us by another Node-ID. */
START_TEST (message_for_another_node_id_of_ours_is_ours) /* 20, 21 */
{
  PlNodeId other = *pl_cert_node_id (own_cert, 1);
  Recipe recipe = { .code = PL_MESSAGE_ATTACH_ANS, .to = { pl_destination_node (&other) }, .n = 1, .ttl = 9 };

  ck_assert (!pl_node_id_equal (&other, &self));
  send_from (0, &recipe);
  ck_assert_uint_eq (delivered->len, 1);
}
END_TEST

/* The forwarder again, keeping every Via List. */
static void
setup_compressing (void)
{
  compress_from = 1;
  setup ();
}

START_TEST (via_list_is_kept_and_comes_back_for_its_opaque_id) /* S1-57, 8, 13, 15, 18, 22, 29-32 */
{
  g_auto (PlForwardingHeader) out = { 0 }, back = { 0 };
  Recipe request = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .id = 4711, .n_via = 2 };
  Recipe answer = { .code = PL_MESSAGE_PING_ANS, .n = 2, .ttl = 9, .id = 4711 };

  send_from (0, &request);
  header_of (g_ptr_array_index (far[1].got, 0), &out);
  ck_assert_uint_eq (out.via_list->len, 1);
  ck_assert_uint_eq (pl_destination_list_get (out.via_list, 0)->type, PL_DESTINATION_OPAQUE);
  answer.to[0] = pl_destination_node (&self);
  answer.to[1] = *pl_destination_list_get (out.via_list, 0);
  send_from (1, &answer);
  ck_assert_uint_eq (far[0].got->len, 1);
  header_of (g_ptr_array_index (far[0].got, 0), &back);
  ck_assert_uint_eq (back.destination_list->len, 3); /* to far[0], then its Via List reversed */
  ck_assert (pl_node_id_equal (&pl_destination_list_get (back.destination_list, 0)->node_id, &far[0].id));
  ck_assert_uint_eq (pl_destination_list_get (back.destination_list, 1)->node_id.b[0], 2);
  ck_assert_uint_eq (pl_destination_list_get (back.destination_list, 2)->node_id.b[0], 1);
  /* another transaction, another generation, and what is over: dropped without a word */
  answer.id = 4712;
  send_from (1, &answer);
  answer.id = 4711;
  answer.to[1].opaque_id.b[7] ^= 1;
  send_from (1, &answer);
  answer.to[1].opaque_id.b[7] ^= 1;
  pl_universe_run (universe, PL_FORWARD_LIFETIME + PL_USEC_PER_SEC);
  send_from (1, &answer);
  ck_assert_uint_eq (far[0].got->len, 1);
  ck_assert_uint_eq (refused + delivered->len, 0);
}
END_TEST

START_TEST (via_list_goes_on_whole_where_an_option_says_so) /* RFC 7263, IGNORE-STATE-KEEPING */
{
  g_auto (PlForwardingHeader) out = { 0 };
  Recipe request = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .n_via = 2, .option_flags = PL_OPTION_IGNORE_STATE_KEEPING };

  send_from (0, &request);
  header_of (g_ptr_array_index (far[1].got, 0), &out);
  ck_assert_uint_eq (out.via_list->len, 3);
}
END_TEST

START_TEST (answer_comes_in_fragments_and_again_while_the_list_is_kept) /* 16 */
{
  g_auto (PlForwardingHeader) out = { 0 };
  Recipe request = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .id = 4711 };
  Recipe answer = { .code = PL_MESSAGE_PING_ANS, .n = 2, .ttl = 9, .id = 4711, .size = 3000 };

  send_from (0, &request);
  header_of (g_ptr_array_index (far[1].got, 0), &out);
  answer.to[0] = pl_destination_node (&self);
  answer.to[1] = *pl_destination_list_get (out.via_list, 0);
  send_pieces_from (1, &answer);
  ck_assert_uint_ge (far[0].got->len, 3);
  pl_universe_run (universe, 3 * PL_USEC_PER_SEC); /* overlay-reliability-timer */
  answer.size = 0;
  send_from (1, &answer);
  ck_assert_uint_ge (far[0].got->len, 4);
}
END_TEST

static gboolean
is_saved (PlSaved *saved, guint64 transaction_id, const PlDestination *id)
{
  g_autoptr (GArray) list = pl_saved_dup (saved, transaction_id, id);

  ck_assert (!list || list->len == 1);
  return list != NULL;
}

START_TEST (lists_kept_are_bounded_timed_out_and_their_generations_random) /* 17, 31 */
{
  PlSaved *saved = pl_saved_new (env, 3, PL_USEC_PER_SEC), *other = pl_saved_new (env, 3, PL_USEC_PER_SEC);
  g_autoptr (GArray) list = pl_destination_list_new ();
  PlDestination id[4], again, strange, entry = pl_destination_node (&self);

  g_array_append_val (list, entry);
  ck_assert (!is_saved (saved, 1, &(PlDestination) { .type = PL_DESTINATION_OPAQUE, .opaque_id = { .len = 8 } }));
  for (guint i = 0; i < 3; i++)
    ck_assert (pl_saved_put (saved, i, list, &id[i]));
  ck_assert (!pl_saved_put (saved, 3, list, &id[3]));
  ck_assert (pl_saved_put (other, 0, list, &strange));
  ck_assert (memcmp (strange.opaque_id.b + 4, id[0].opaque_id.b + 4, 4) != 0);
  ck_assert (memcmp (id[1].opaque_id.b + 4, id[0].opaque_id.b + 4, 4) != 0);
  ck_assert (is_saved (saved, 0, &id[0]));
  pl_universe_run (universe, 2 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (pl_saved_size (saved), 0);
  ck_assert (pl_saved_put (saved, 0, list, &again)); /* the same slot, the same transaction */
  ck_assert (!pl_destination_equal (&again, &id[0]));
  ck_assert (!is_saved (saved, 0, &id[0]));
  ck_assert (is_saved (saved, 0, &again));
  while (list->len < 500)
    g_array_append_val (list, entry);
  pl_saved_free (saved);
  pl_saved_free (other);
  saved = pl_saved_new (env, 1000, PL_USEC_PER_SEC);
  while (pl_saved_put (saved, 0, list, &again))
    ck_assert_uint_lt (pl_saved_size (saved), 1000);
  ck_assert_uint_eq (pl_saved_size (saved), PL_SAVED_BYTES_MAX / (500 * 18));
  pl_saved_free (saved);
}
END_TEST

START_TEST (same_message_twice_from_a_link_is_carried_once_a_repetition_again)
{
  Recipe recipe = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .id = 4711 };

  send_from (0, &recipe);
  send_from (0, &recipe);
  ck_assert_uint_eq (far[1].got->len, 1);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  send_from (0, &recipe);
  ck_assert_uint_eq (far[1].got->len, 2);
}
END_TEST

START_TEST (message_never_goes_back_and_loops_end)
{
  PlNodeId nobody = node (0x99);
  Recipe recipe = { .to = { pl_destination_node (&nobody) }, .n = 1, .ttl = 9 };

  hops[0] = far[0].id;
  n_hops = 1;
  send_from (0, &recipe);
  ck_assert_uint_eq (far[0].got->len, 0);
}
END_TEST

START_TEST (next_best_hop_is_taken_after_a_round_trip_timeout) /* S2-06 */
{
  PlNodeId nobody = node (0x99);
  Recipe recipe = { .to = { pl_destination_node (&nobody) }, .n = 1, .ttl = 9 };

  hops[0] = far[1].id;
  hops[1] = far[2].id;
  n_hops = 2;
  far[1].pair->cut = TRUE;
  send_from (0, &recipe);
  ck_assert_uint_eq (far[2].got->len, 0);
  pl_universe_run (universe, 1500 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (far[2].got->len, 1);
}
END_TEST

/* We are the last choice ourselves: as it came in, and with the sender to answer. */
START_TEST (message_nobody_acknowledges_is_delivered_here_when_we_are_the_next_hop)
{
  PlResourceId resource;
  Recipe recipe = { .n = 1, .ttl = 10 };
  g_auto (PlForwardingHeader) header = { 0 };

  pl_resource_id_from_node_id (&resource, &far[3].id);
  recipe.to[0] = pl_destination_resource (&resource);
  hops[0] = far[1].id;
  hops[1] = self;
  n_hops = 2;
  send_from (0, &recipe);
  ck_assert_uint_eq (far[1].got->len, 1);
  ck_assert_uint_eq (delivered->len, 0);
  pl_universe_run (universe, 2 * PL_USEC_PER_SEC); /* acknowledged: it is the other's */
  ck_assert_uint_eq (delivered->len, 0);
  far[1].pair->cut = TRUE;
  send_from (0, &recipe);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (delivered->len, 1);
  header_of (g_ptr_array_index (delivered, 0), &header);
  ck_assert_uint_eq (header.via_list->len, 0);
  ck_assert (pl_node_id_equal (&delivered_from, &far[0].id));
}
END_TEST

START_TEST (message_waiting_for_a_lost_link_goes_on_at_once)
{
  PlNodeId nobody = node (0x99);
  Recipe recipe = { .to = { pl_destination_node (&nobody) }, .n = 1, .ttl = 9 };

  hops[0] = far[1].id;
  hops[1] = far[2].id;
  n_hops = 2;
  far[1].pair->cut = TRUE;
  send_from (0, &recipe);
  pl_forward_disconnect (forward, &far[1].id);
  pl_universe_run (universe, 50 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (far[2].got->len, 1);
  ck_assert_uint_eq (downs, 1);
}
END_TEST

START_TEST (large_message_is_cut_into_whole_headers_and_put_together_at_its_end) /* 76-86 */
{
  Recipe through = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9, .size = 5000 };
  Recipe to_us = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 9, .size = 5000 };
  g_autoptr (GBytes) message = make (&to_us);
  g_autoptr (GPtrArray) pieces = pl_message_fragment (message, 1000);
  g_autoptr (GBytes) big = make (&through);

  ck_assert (pl_forward_send (forward, big));
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_gt (far[1].got->len, 4);
  for (guint i = 0; i < far[1].got->len; i++)
    {
      g_auto (PlForwardingHeader) header = { 0 };

      header_of (g_ptr_array_index (far[1].got, i), &header);
      ck_assert_uint_eq (header.destination_list->len, 1);
      ck_assert_uint_le (g_bytes_get_size (g_ptr_array_index (far[1].got, i)), 1163);
    }
  /* backwards, one twice */
  for (guint i = pieces->len; i > 0; i--)
    ck_assert (pl_link_send (far[0].link, g_ptr_array_index (pieces, i - 1)));
  ck_assert (pl_link_send (far[0].link, g_ptr_array_index (pieces, 2)));
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (delivered->len, 1);
  ck_assert (g_bytes_equal (g_ptr_array_index (delivered, 0), message));
}
END_TEST

/* --- reassembly by itself --- */

static GBytes *
add_piece (PlReassembly *reassembly, GBytes *fragment, guint8 from)
{
  g_auto (PlForwardingHeader) header = { 0 };
  PlNodeId origin, over = node (from);
  gsize len;

  ck_assert_int_eq (pl_forwarding_peek (fragment, &header, &len), PL_WIRE_OK);
  return pl_reassembly_add (reassembly, fragment, &header, len, &over, &origin);
}

START_TEST (fragments_that_overlap_make_the_same_message_and_late_ones_none) /* 81, 85, 86 */
{
  PlReassembly *reassembly = pl_reassembly_new (env, 16384, PL_FORWARD_LIFETIME);
  Recipe recipe = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 9, .size = 3000 };
  g_autoptr (GBytes) message = make (&recipe);
  g_autoptr (GPtrArray) large = pl_message_fragment (message, 1500), small = pl_message_fragment (message, 900);
  g_autoptr (GBytes) whole = NULL;

  for (guint i = 0; i + 1 < large->len; i++)
    ck_assert_ptr_null (add_piece (reassembly, g_ptr_array_index (large, i), 1));
  for (guint i = small->len; i > 0 && !whole; i--)
    whole = add_piece (reassembly, g_ptr_array_index (small, i - 1), 2);
  ck_assert (whole && g_bytes_equal (whole, message));
  ck_assert_uint_eq (pl_reassembly_size (reassembly), 0);
  for (guint i = 0; i + 1 < small->len; i++)
    ck_assert_ptr_null (add_piece (reassembly, g_ptr_array_index (small, i), 1));
  pl_universe_run (universe, PL_FORWARD_LIFETIME);
  ck_assert_ptr_null (add_piece (reassembly, g_ptr_array_index (small, small->len - 1), 1));
  pl_reassembly_free (reassembly);
}
END_TEST

static void
fill_reassembly (guint from_each, guint kept)
{
  PlReassembly *reassembly = pl_reassembly_new (env, 16384, PL_FORWARD_LIFETIME);
  Recipe recipe = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 9, .size = 3000 };

  for (guint i = 0; i < 2 * PL_REASSEMBLY_MESSAGES_MAX; i++)
    {
      g_autoptr (GBytes) message = make (&recipe);
      g_autoptr (GPtrArray) pieces = pl_message_fragment (message, 1500);

      ck_assert_ptr_null (add_piece (reassembly, g_ptr_array_index (pieces, 0), (guint8) (i / from_each)));
    }
  ck_assert_uint_eq (pl_reassembly_size (reassembly), kept);
  pl_reassembly_free (reassembly);
}

START_TEST (fragments_beyond_the_room_there_is_are_dropped) /* 82 */
{
  fill_reassembly (8, PL_REASSEMBLY_MESSAGES_MAX);
  fill_reassembly (1000, PL_REASSEMBLY_PER_NODE_MAX);
}
END_TEST

START_TEST (newest_link_is_used_and_the_old_one_still_heard)
{
  PlLoopPair *old_pair = far[1].pair;
  PlLink *old_link = far[1].link;
  Recipe to_far = { .to = { pl_destination_node (&far[1].id) }, .n = 1, .ttl = 9 };
  Recipe to_us = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 9 };
  g_autoptr (GBytes) message = make (&to_us);

  connect_far (1, 1163);
  ck_assert_uint_eq (pl_forward_n_links (forward), N_FAR);
  old_pair->cut_from[0] = TRUE; /* nothing of ours may go there */
  send_from (0, &to_far);
  ck_assert_uint_eq (far[1].got->len, 1);
  ck_assert (pl_link_send (old_link, message));
  pl_universe_run (universe, PL_USEC_PER_SEC / 10);
  ck_assert_uint_eq (delivered->len, 1);
  ck_assert_uint_eq (downs, 0);
  pl_universe_run (universe, 100 * PL_USEC_PER_SEC);
  pl_link_free (old_link);
  pl_loop_pair_free (old_pair);
}
END_TEST

/* By one timer; who has sent a moment before the others waits for them. */
START_TEST (idle_links_are_kept_alive_at_the_same_time)
{
  Recipe to_us = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 9 };
  g_autoptr (GBytes) first = make (&to_us), second = make (&to_us);
  guint together = 0, alone = 0;

  ck_assert (pl_link_send (far[0].link, first));
  pl_universe_run (universe, 2 * PL_USEC_PER_SEC);
  ck_assert (pl_link_send (far[1].link, second));
  pl_universe_run (universe, PL_USEC_PER_SEC);
  for (guint i = 0; i < 100 * 200; i++, pl_universe_run (universe, 5 * PL_USEC_PER_MSEC))
    {
      together += far[0].pair->events->len > 0 && far[1].pair->events->len > 0;
      alone += (far[0].pair->events->len > 0) != (far[1].pair->events->len > 0);
    }
  ck_assert_uint_eq (alone, 0);
  ck_assert_uint_ge (together, 5);
  ck_assert_uint_le (together, 6);
}
END_TEST

START_TEST (own_message_to_ourselves_is_delivered_later)
{
  Recipe recipe = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 9 };
  g_autoptr (GBytes) message = make (&recipe);

  ck_assert (pl_forward_send (forward, message));
  ck_assert_uint_eq (delivered->len, 0);
  pl_universe_run (universe, 1);
  ck_assert_uint_eq (delivered->len, 1);
}
END_TEST

static void
setup_bounded (void)
{
  messages_in_ten_seconds = 5;
  setup ();
}

/* S2-104: whoever floods us over a link costs us no verification, and others are heard. */
START_TEST (messages_above_the_rate_of_a_link_are_dropped)
{
  Recipe recipe = { .to = { pl_destination_node (&self) }, .n = 1, .ttl = 9 };

  for (guint i = 0; i < 20; i++) /* 2 s */
    send_from (0, &recipe);
  ck_assert_uint_eq (delivered->len, 5);
  send_from (1, &recipe);
  ck_assert_uint_eq (delivered->len, 6);
  pl_universe_run (universe, 5 * PL_USEC_PER_SEC);
  send_from (0, &recipe);
  ck_assert_uint_eq (delivered->len, 7);
  ck_assert_uint_eq (downs, 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("forward/forward");

  tcase_add_checked_fixture (c, setup, teardown);
  tcase_add_test (c, request_to_connected_node_goes_straight_with_via_and_less_ttl);
  tcase_add_test (c, response_gets_no_via);
  tcase_add_test (c, wildcard_own_id_and_own_place_are_delivered);
  tcase_add_test (c, node_in_our_range_that_is_not_connected_is_dropped_silently);
  tcase_add_test (c, client_in_our_range_is_forwarded_to);
  tcase_add_test (c, used_up_and_excessive_ttl_are_refused);
  tcase_add_test (c, forward_critical_option_is_refused_others_travel_on);
  tcase_add_test (c, another_overlay_and_double_destinations_are_refused);
  tcase_add_test (c, another_version_is_refused);
  tcase_add_test (c, opaque_id_that_we_never_gave_is_dropped);
  tcase_add_test (c, same_message_twice_from_a_link_is_carried_once_a_repetition_again);
  tcase_add_test (c, message_never_goes_back_and_loops_end);
  tcase_add_test (c, next_best_hop_is_taken_after_a_round_trip_timeout);
  tcase_add_test (c, message_nobody_acknowledges_is_delivered_here_when_we_are_the_next_hop);
  tcase_add_test (c, message_waiting_for_a_lost_link_goes_on_at_once);
  tcase_add_test (c, large_message_is_cut_into_whole_headers_and_put_together_at_its_end);
  tcase_add_test (c, fragments_that_overlap_make_the_same_message_and_late_ones_none);
  tcase_add_test (c, fragments_beyond_the_room_there_is_are_dropped);
  tcase_add_test (c, newest_link_is_used_and_the_old_one_still_heard);
  tcase_add_test (c, idle_links_are_kept_alive_at_the_same_time);
  tcase_add_test (c, own_message_to_ourselves_is_delivered_later);
  suite_add_tcase (s, c);
  c = tcase_create ("forward/ids");
  tcase_add_checked_fixture (c, setup_two_ids, teardown_two_ids);
  tcase_add_test (c, message_for_another_node_id_of_ours_is_ours);
  tcase_add_test (c, node_of_several_ids_gets_only_ping_and_attach_through_before_it_attaches);
  suite_add_tcase (s, c);
  c = tcase_create ("forward/rate");
  tcase_add_checked_fixture (c, setup_bounded, teardown);
  tcase_add_test (c, messages_above_the_rate_of_a_link_are_dropped);
  suite_add_tcase (s, c);
  c = tcase_create ("forward/saved");
  tcase_add_checked_fixture (c, setup_compressing, teardown);
  tcase_add_test (c, via_list_is_kept_and_comes_back_for_its_opaque_id);
  tcase_add_test (c, via_list_goes_on_whole_where_an_option_says_so);
  tcase_add_test (c, answer_comes_in_fragments_and_again_while_the_list_is_kept);
  tcase_add_test (c, lists_kept_are_bounded_timed_out_and_their_generations_random);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
