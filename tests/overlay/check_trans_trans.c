/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/trans/trans.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"
#include "base/universe.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#include <string.h>

/* Two nodes whose messages pass through the test's hands. */

#define CONTENTS_LEN 12    /* of the request in captured_request */
#define EXTENSION 0x6001   /* of nobody */
#define SIGNATURE_LEN 60   /* at least, at the end of a message */

typedef struct Peer Peer;
struct Peer {
  PlEnv *env;
  PlIdentity *identity;
  PlTrust *trust;
  PlTrans *trans;
  Peer *other;
  GPtrArray *sent;          /* GBytes */
  GPtrArray *out;           /* on their way */
  PlTimer *timer;
  gboolean deaf;            /* what is sent to it gets lost */
  gboolean no_way;
  gboolean implausible;
  guint requests, outdated;
  gboolean straight;        /* answers that may go straight are taken, and get lost */
  GPtrArray *direct;        /* GBytes: these answers */
  gboolean keep;            /* do not answer at once */
  PlIncoming *kept;
};

static PlUniverse *universe;
static PlTestPki *pki;
static Peer peer[2];
static guint answers;
static guint16 last_error;
static GBytes *last_extension;
static gboolean last_answered;

/* As forward does, never inside the call that sent it. */
static void
arrive (gpointer data)
{
  Peer *me = data;
  g_autoptr (GPtrArray) out = g_steal_pointer (&me->out);

  me->out = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  for (guint i = 0; i < out->len; i++)
    pl_trans_deliver (me->other->trans, g_ptr_array_index (out, i), pl_identity_node_id (me->identity));
}

static gboolean
on_send (gpointer user, GBytes *message)
{
  Peer *me = user;

  if (me->no_way)
    return FALSE;
  g_ptr_array_add (me->sent, g_bytes_ref (message));
  if (!me->other->deaf)
    {
      g_ptr_array_add (me->out, g_bytes_ref (message));
      pl_env_arm (me->env, &me->timer, 0, arrive, me);
    }
  return TRUE;
}

static gboolean
is_plausible (gpointer user, const PlNodeId *place, const PlNodeId *signer)
{
  return !((Peer *) user)->implausible;
}

static void
on_request (gpointer user, PlIncoming *incoming)
{
  Peer *me = user;

  me->requests++;
  if (me->keep)
    me->kept = incoming;
  else
    pl_trans_answer_extended (me->trans, incoming, incoming->body, NULL, incoming->extensions);
}

static void
on_outdated (gpointer user, const PlNodeId *node)
{
  ((Peer *) user)->outdated++;
}

static gboolean
on_direct (gpointer user, const PlDirectResponse *to, GBytes *answer)
{
  Peer *me = user;

  if (me->straight)
    g_ptr_array_add (me->direct, g_bytes_ref (answer));
  return me->straight;
}

static const PlTransHandlers handlers = { on_send, is_plausible, on_request, on_outdated, on_direct };

static void
setup (void)
{
  universe = pl_universe_new (3);
  pki = pl_test_pki_new (pl_universe_env (universe));
  memset (peer, 0, sizeof peer);
  answers = last_error = 0;
  last_answered = FALSE;
  for (guint i = 0; i < 2; i++)
    {
      peer[i].env = pl_universe_env (universe);
      peer[i].identity = pl_test_pki_identity (pki, i ? "bob@example.net" : "alice@example.org", NULL);
      peer[i].trust = pl_test_pki_trust (pki, peer[i].env);
      peer[i].other = &peer[1 - i];
      peer[i].sent = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      peer[i].direct = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      peer[i].out = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      peer[i].trans = pl_trans_new (peer[i].env, pl_test_pki_document (pki), peer[i].identity, peer[i].trust,
                                    &handlers, &peer[i]);
    }
}

static void
teardown (void)
{
  for (guint i = 0; i < 2; i++)
    {
      pl_trans_free (peer[i].trans);
      pl_trust_free (peer[i].trust);
      pl_identity_unref (peer[i].identity);
      g_ptr_array_unref (peer[i].sent);
      g_ptr_array_unref (peer[i].out);
      g_ptr_array_unref (peer[i].direct);
      pl_timer_clear (&peer[i].timer);
    }
  g_clear_pointer (&last_extension, g_bytes_unref);
  pl_test_pki_free (pki);
  pl_universe_free (universe);
}

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  answers++;
  last_answered = answer != NULL;
  last_error = answer ? answer->error_code : 0;
  g_clear_pointer (&last_extension, g_bytes_unref);
  if (answer && pl_message_extension_list_find (answer->extensions, EXTENSION))
    last_extension = g_bytes_ref (pl_message_extension_list_find (answer->extensions, EXTENSION)->extension_contents);
}

static PlTransaction *
ask (const PlNodeId *whom, guint16 code)
{
  PlTransaction *transaction;
  g_autoptr (GBytes) body = g_bytes_new_static ("\0\0", 2);
  PlTransRequest request = { .to = pl_destination_node (whom), .code = code, .body = body };

  transaction = pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL);
  ck_assert_uint_eq (answers, 0); /* never before it returns */
  pl_universe_run (universe, 1);
  return transaction;
}

static const PlNodeId *
bob (void)
{
  return pl_identity_node_id (peer[1].identity);
}

START_TEST (request_is_answered_by_whom_it_was_asked)
{
  ask (bob (), PL_MESSAGE_PING_REQ);
  ck_assert_uint_eq (answers, 1);
  ck_assert (last_answered);
  ck_assert_uint_eq (last_error, 0);
}
END_TEST

START_TEST (request_is_sent_five_times_with_one_id_then_fails) /* S2-52, 87-89 */
{
  peer[1].deaf = TRUE;
  ask (bob (), PL_MESSAGE_PING_REQ);
  pl_universe_run (universe, 3900 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (peer[0].sent->len, 4);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (peer[0].sent->len, 5);
  ck_assert_uint_eq (answers, 0);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 1);
  ck_assert (!last_answered);
  ck_assert (g_bytes_equal (g_ptr_array_index (peer[0].sent, 0), g_ptr_array_index (peer[0].sent, 4)));
}
END_TEST

START_TEST (request_without_a_way_goes_out_when_there_is_one)
{
  peer[0].no_way = TRUE;
  ask (bob (), PL_MESSAGE_PING_REQ);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  peer[0].no_way = FALSE;
  pl_trans_kick (peer[0].trans);
  pl_universe_run (universe, 1);
  ck_assert_uint_eq (answers, 1);
  ck_assert (last_answered);
}
END_TEST

START_TEST (repeated_request_gets_the_same_answer_and_is_processed_once) /* S1-52, S1-58, 91 */
{
  g_autoptr (GBytes) request = NULL;

  ask (bob (), PL_MESSAGE_STORE_REQ);
  request = g_bytes_ref (g_ptr_array_index (peer[0].sent, 0));
  pl_universe_run (universe, 10 * PL_USEC_PER_SEC);
  pl_trans_deliver (peer[1].trans, request, pl_identity_node_id (peer[0].identity));
  ck_assert_uint_eq (peer[1].requests, 1);
  ck_assert_uint_eq (peer[1].sent->len, 2);
  ck_assert (g_bytes_equal (g_ptr_array_index (peer[1].sent, 0), g_ptr_array_index (peer[1].sent, 1)));
  pl_universe_run (universe, 10 * PL_USEC_PER_SEC);
  pl_trans_deliver (peer[1].trans, request, pl_identity_node_id (peer[0].identity));
  ck_assert_uint_eq (peer[1].requests, 2);
}
END_TEST

/* 6.2.1: no state has to be kept for it. While it is not answered yet, one answer does for both. */
START_TEST (repeated_question_is_answered_anew) /* 91 */
{
  const PlNodeId *alice = pl_identity_node_id (peer[0].identity);
  g_autoptr (GBytes) request = NULL;

  peer[1].keep = TRUE;
  ask (bob (), PL_MESSAGE_FETCH_REQ);
  request = g_bytes_ref (g_ptr_array_index (peer[0].sent, 0));
  pl_trans_deliver (peer[1].trans, request, alice);
  ck_assert_uint_eq (peer[1].requests, 1);
  pl_trans_answer (peer[1].trans, peer[1].kept, NULL, NULL);
  ck_assert_uint_eq (peer[1].sent->len, 1);
  peer[1].keep = FALSE;
  pl_trans_deliver (peer[1].trans, request, alice);
  ck_assert_uint_eq (peer[1].requests, 2);
  ck_assert_uint_eq (peer[1].sent->len, 2);
}
END_TEST

/* As alice; `node` is named in the option. */
static void
ask_direct (const PlNodeId *node)
{
  g_autoptr (GBytes) body = g_bytes_new_static ("\0\0", 2);
  g_autoptr (GArray) options = g_array_new (FALSE, FALSE, sizeof (PlForwardingOption));
  PlTransRequest request = { .to = pl_destination_node (bob ()), .code = PL_MESSAGE_STORE_REQ, .body = body, .options = options };
  PlDirectResponse response = { .transport = PL_LINK_TLS_TCP_FH_NO_ICE, .address = { PL_ADDRESS_IPV4, { 192, 0, 2, 1 }, 6084 }, .node = *node };
  PlForwardingOption option;

  pl_direct_response_write (&option, &response);
  g_array_append_val (options, option);
  pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL);
  pl_forwarding_option_clear (&option);
  pl_universe_run (universe, 1);
}

/* RFC 7263: straight, with nothing in the Destination List but who asked; and if that did not come,
 * the way back, for a repetition that does not ask for it. */
START_TEST (answer_goes_straight_once_and_then_the_way_back)
{
  const PlNodeId *alice = pl_identity_node_id (peer[0].identity);
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len = 0;

  peer[1].straight = TRUE;
  ask_direct (alice);
  ck_assert_uint_eq (peer[1].sent->len, 0);
  ck_assert_uint_eq (peer[1].direct->len, 1);
  ck_assert_int_eq (pl_forwarding_peek (g_ptr_array_index (peer[1].direct, 0), &header, &header_len), PL_WIRE_OK);
  ck_assert_uint_eq (header.destination_list->len, 1);
  ck_assert (pl_node_id_equal (&pl_destination_list_get (header.destination_list, 0)->node_id, alice));
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (peer[1].direct->len, 1);
  ck_assert_uint_eq (peer[1].requests, 1);
  ck_assert_uint_eq (answers, 1);
  ck_assert (last_answered);
}
END_TEST

START_TEST (answer_goes_straight_only_to_who_signed_the_request)
{
  peer[1].straight = TRUE;
  ask_direct (bob ());
  ck_assert_uint_eq (peer[1].direct->len, 0);
  ck_assert_uint_eq (answers, 1);
}
END_TEST

START_TEST (request_being_processed_is_not_processed_twice)
{
  peer[1].keep = TRUE;
  ask (bob (), PL_MESSAGE_PING_REQ);
  pl_universe_run (universe, 2500 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (peer[0].sent->len, 3);
  ck_assert_uint_eq (peer[1].requests, 1);
  pl_trans_refuse_text (peer[1].trans, peer[1].kept, PL_ERROR_NOT_FOUND, "no");
  pl_universe_run (universe, 1);
  ck_assert_uint_eq (answers, 1);
  ck_assert_uint_eq (last_error, PL_ERROR_NOT_FOUND);
}
END_TEST

START_TEST (answer_of_another_node_is_discarded) /* 92, S2-08 */
{
  PlNodeId someone = { { 9 } };

  ask (&someone, PL_MESSAGE_PING_REQ);
  ck_assert_uint_eq (peer[1].sent->len, 1);
  ck_assert_uint_eq (answers, 0);
  answers = 0;
  ask (&pl_node_id_wildcard, PL_MESSAGE_PING_REQ);
  ck_assert_uint_eq (answers, 1);
}
END_TEST

START_TEST (error_of_another_node_is_discarded) /* S1-43, 92 */
{
  PlNodeId someone = { { 9 } };

  peer[1].keep = TRUE;
  ask (&someone, PL_MESSAGE_PING_REQ);
  ck_assert_ptr_nonnull (peer[1].kept);
  pl_trans_refuse_text (peer[1].trans, peer[1].kept, PL_ERROR_NOT_FOUND, "no such node");
  pl_universe_run (universe, PL_USEC_PER_SEC / 10);
  ck_assert_uint_eq (peer[1].sent->len, 1);
  ck_assert_uint_eq (answers, 0);
}
END_TEST

START_TEST (answer_for_a_place_from_too_far_away_is_discarded) /* S1-43, S1-61, 93 */
{
  PlResourceId resource;
  PlTransRequest request = { .code = PL_MESSAGE_PING_REQ };

  pl_resource_id_from_node_id (&resource, bob ());
  request.to = pl_destination_resource (&resource);
  peer[0].implausible = TRUE;
  pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL);
  pl_universe_run (universe, 1);
  ck_assert_uint_eq (answers, 0);
  pl_universe_run (universe, 500 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (answers, 0);
  ck_assert_uint_eq (peer[0].sent->len, 1);
  /* Who spoke against it is gone: the answer that came counts, no other is asked for. */
  peer[0].implausible = FALSE;
  pl_universe_run (universe, 100 * PL_USEC_PER_MSEC);
  ck_assert_uint_eq (answers, 1);
  ck_assert_uint_eq (peer[0].sent->len, 1);
}
END_TEST

static GBytes *
captured_request (void)
{
  GBytes *request;

  peer[1].deaf = TRUE;
  ask (bob (), PL_MESSAGE_PING_REQ);
  request = g_bytes_ref (g_ptr_array_index (peer[0].sent, 0));
  peer[1].deaf = FALSE;
  return request;
}

START_TEST (changed_request_is_not_processed_nor_answered) /* 99, S1-38, S1-40, S0-10 */
{
  g_autoptr (GBytes) request = captured_request ();
  g_auto (PlForwardingHeader) header = { 0 };
  gsize len, header_len;

  ck_assert_int_eq (pl_forwarding_peek (request, &header, &header_len), PL_WIRE_OK);
  len = g_bytes_get_size (request);
  for (gsize i = header_len; i < len; i++)
    {
      /* contents and signature; a certificate is found by its hash, wherever it came from */
      gboolean covered = i < header_len + CONTENTS_LEN || i >= len - SIGNATURE_LEN;
      g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (request, NULL), len);
      g_autoptr (GBytes) changed = NULL;

      if (!covered)
        continue;
      copy[i] ^= 1;
      changed = g_bytes_new (copy, len);
      pl_trans_deliver (peer[1].trans, changed, pl_identity_node_id (peer[0].identity));
    }
  ck_assert_uint_eq (peer[1].requests, 0);
  ck_assert_uint_eq (peer[1].sent->len, 0);
}
END_TEST

static void
deliver_with (GBytes *request, void (*change) (PlForwardingHeader *header))
{
  g_auto (PlForwardingHeader) header = { 0 };
  g_autoptr (GBytes) changed = NULL;
  gsize header_len;

  ck_assert_int_eq (pl_forwarding_peek (request, &header, &header_len), PL_WIRE_OK);
  change (&header);
  changed = pl_forwarding_rewrite (request, header_len, &header);
  pl_trans_deliver (peer[1].trans, changed, pl_identity_node_id (peer[0].identity));
  pl_universe_run (universe, 1);
}

static void
small_answers_only (PlForwardingHeader *header)
{
  header->max_response_length = 60;
}

static void
critical_option (PlForwardingHeader *header)
{
  PlForwardingOption option = { .type = 77, .flags = PL_OPTION_DESTINATION_CRITICAL };

  g_array_append_val (header->options, option);
}

static void
copied_option (PlForwardingHeader *header)
{
  PlForwardingOption option = { .type = 77, .flags = PL_OPTION_RESPONSE_COPY };

  g_array_append_val (header->options, option);
}

static void
long_way (PlForwardingHeader *header)
{
  PlNodeId a = { { 1 } }, b = { { 2 } };
  PlDestination via[2] = { pl_destination_node (&a), pl_destination_node (&b) };

  g_array_append_vals (header->via_list, via, 2);
}

static void
as_it_is (PlForwardingHeader *header)
{
  (void) header;
}

static void
older_configuration (PlForwardingHeader *header)
{
  header->configuration_sequence = (header->configuration_sequence + 65534) % 65535;
}

static void
newer_configuration (PlForwardingHeader *header)
{
  header->configuration_sequence = (header->configuration_sequence + 1) % 65535;
}

START_TEST (answer_above_max_response_length_is_an_error_instead) /* S1-11, S1-22, S1-33, S1-42, 52 */
{
  g_autoptr (GBytes) request = captured_request ();

  deliver_with (request, small_answers_only);
  ck_assert_uint_eq (last_error, PL_ERROR_RESPONSE_TOO_LARGE);
}
END_TEST

START_TEST (destination_critical_option_is_refused) /* 34 */
{
  g_autoptr (GBytes) request = captured_request ();

  deliver_with (request, critical_option);
  ck_assert_uint_eq (last_error, PL_ERROR_UNSUPPORTED_FORWARDING_OPTION);
  ck_assert_uint_eq (peer[1].requests, 0);
}
END_TEST

START_TEST (option_to_be_copied_comes_back_without_flags) /* 35, 36 */
{
  g_autoptr (GBytes) request = captured_request ();
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len;

  deliver_with (request, copied_option);
  ck_assert_int_eq (pl_forwarding_peek (g_ptr_array_index (peer[1].sent, 0), &header, &header_len), PL_WIRE_OK);
  ck_assert_uint_eq (header.options->len, 1);
  ck_assert_uint_eq (g_array_index (header.options, PlForwardingOption, 0).flags, 0);
}
END_TEST

START_TEST (answer_goes_back_by_the_reversed_via_list) /* 18, 26, 51, 53 */
{
  g_autoptr (GBytes) request = captured_request ();
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len;

  deliver_with (request, long_way);
  ck_assert_int_eq (pl_forwarding_peek (g_ptr_array_index (peer[1].sent, 0), &header, &header_len), PL_WIRE_OK);
  ck_assert_uint_eq (header.destination_list->len, 3);
  ck_assert (pl_node_id_equal (&pl_destination_list_get (header.destination_list, 0)->node_id,
                               pl_identity_node_id (peer[0].identity)));
  ck_assert_uint_eq (pl_destination_list_get (header.destination_list, 1)->node_id.b[0], 2);
  ck_assert_uint_eq (pl_destination_list_get (header.destination_list, 2)->node_id.b[0], 1);
  ck_assert_uint_eq (header.max_response_length, 0);
}
END_TEST

/* The error that peer 1 sent last, as it is on the wire. */
static guint16
sent_error (void)
{
  g_auto (PlMessage) message = { 0 };
  g_auto (PlErrorResponse) failure = { 0 };

  ck_assert_uint_gt (peer[1].sent->len, 0);
  ck_assert_int_eq (pl_message_read (g_ptr_array_index (peer[1].sent, peer[1].sent->len - 1), &message), PL_WIRE_OK);
  ck_assert_uint_eq (message.message_code, PL_MESSAGE_ERROR);
  ck_assert_int_eq (pl_body_read (pl_body_type (PL_MESSAGE_ERROR), message.body, NULL, NULL, &failure), PL_WIRE_OK);
  return failure.error_code;
}

START_TEST (other_configuration_is_told_and_updated) /* 57, 58, 60 */
{
  g_autoptr (GBytes) request = captured_request ();

  deliver_with (request, older_configuration);
  ck_assert_uint_eq (sent_error (), PL_ERROR_CONFIG_TOO_OLD);
  ck_assert_uint_eq (peer[1].outdated, 1);
  ck_assert_uint_eq (answers, 0);
}
END_TEST

/* 6.3.2.1: the request is not lost because the document changes. */
START_TEST (request_with_an_old_document_is_sent_again_with_the_new_one) /* 57 */
{
  g_autoptr (GBytes) request = captured_request ();
  g_autoptr (PlDocument) next = pl_document_new (PL_TEST_OVERLAY);

  next->sequence = pl_test_pki_document (pki)->sequence + 1;
  pl_trans_set_document (peer[1].trans, next);
  deliver_with (request, as_it_is);
  ck_assert_uint_eq (sent_error (), PL_ERROR_CONFIG_TOO_OLD);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 0);
  ck_assert_uint_eq (peer[0].sent->len, 1); /* it waits for the document */
  pl_trans_set_document (peer[0].trans, next);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 1);
  ck_assert_uint_eq (last_error, 0);
  ck_assert_uint_eq (peer[1].requests, 1);
}
END_TEST

START_TEST (request_to_a_node_with_an_old_document_brings_it_ours_and_is_sent_again) /* 57, 321 */
{
  g_autoptr (PlDocument) next = pl_document_new (PL_TEST_OVERLAY);

  next->sequence = pl_test_pki_document (pki)->sequence + 1;
  pl_trans_set_document (peer[0].trans, next);
  ask (bob (), PL_MESSAGE_PING_REQ);
  pl_universe_run (universe, PL_USEC_PER_MSEC);
  ck_assert_uint_eq (sent_error (), PL_ERROR_CONFIG_TOO_NEW);
  ck_assert_uint_eq (peer[0].outdated, 1);
  ck_assert_uint_eq (answers, 0);
  pl_trans_set_document (peer[1].trans, next);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 1);
  ck_assert_uint_eq (last_error, 0);
}
END_TEST

/* S2-71: a document is many times as large as the request, and the request can be a replay. */
START_TEST (outdated_node_is_sent_one_document_a_minute)
{
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GBytes) request = captured_request ();

      deliver_with (request, older_configuration);
      pl_universe_run (universe, PL_TRANS_LIFETIME);
      answers = 0;
    }
  ck_assert_uint_eq (peer[1].outdated, 2);
}
END_TEST

START_TEST (newer_configuration_is_told) /* 57 */
{
  g_autoptr (GBytes) request = captured_request ();

  deliver_with (request, newer_configuration);
  ck_assert_uint_eq (sent_error (), PL_ERROR_CONFIG_TOO_NEW);
  ck_assert_uint_eq (peer[1].outdated + peer[1].requests, 0);
}
END_TEST

START_TEST (config_update_passes_whatever_the_sequence) /* 59 */
{
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len;

  ask (bob (), PL_MESSAGE_CONFIG_UPDATE_REQ);
  ck_assert_int_eq (pl_forwarding_peek (g_ptr_array_index (peer[0].sent, 0), &header, &header_len), PL_WIRE_OK);
  ck_assert_uint_eq (header.configuration_sequence, 65535);
  ck_assert_uint_eq (peer[1].requests, 1);
}
END_TEST

START_TEST (unknown_critical_extension_is_refused) /* 68 */
{
  g_auto (PlForwardingHeader) header = { 0 };
  g_autoptr (GArray) extensions = pl_message_extension_list_new ();
  PlMessageExtension extension = { .type = 0x7777, .critical = TRUE };
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  g_autoptr (GBytes) contents = NULL, message = NULL;
  g_auto (PlMessage) answer = { 0 };
  PlSignature signature = { 0 };
  PlDestination to = pl_destination_node (bob ());

  g_array_append_val (extensions, extension);
  pl_forwarding_header_init (&header);
  header.overlay = pl_overlay_hash (PL_TEST_OVERLAY);
  header.configuration_sequence = pl_test_pki_document (pki)->sequence;
  header.transaction_id = 99;
  g_array_append_val (header.destination_list, to);
  contents = pl_message_contents_write (PL_MESSAGE_PING_REQ, NULL, extensions);
  pl_identity_sign_message (peer[0].identity, header.overlay, 99, g_bytes_get_data (contents, NULL),
                            g_bytes_get_size (contents), &signature, NULL);
  g_ptr_array_add (certs, pl_cert_der (pl_identity_cert (peer[0].identity)));
  message = pl_message_write (&header, contents, certs, &signature);
  pl_signature_clear (&signature);
  pl_trans_deliver (peer[1].trans, message, pl_identity_node_id (peer[0].identity));
  ck_assert_uint_eq (peer[1].requests, 0);
  ck_assert_int_eq (pl_message_read (g_ptr_array_index (peer[1].sent, 0), &answer), PL_WIRE_OK);
  ck_assert_uint_eq (answer.message_code, PL_MESSAGE_ERROR);
  ck_assert_uint_eq (answer.certificates->len, 1); /* S1-33, S1-42: signed, with its certificate */
}
END_TEST

START_TEST (request_carries_extensions_options_and_the_length_it_takes) /* 33-36, 52, 69 */
{
  g_autoptr (GArray) extensions = pl_message_extension_list_new (), options = g_array_new (FALSE, FALSE, sizeof (PlForwardingOption));
  g_autoptr (GBytes) contents = g_bytes_new_static ("told", 4), large = g_bytes_new_take (g_malloc0 (2000), 2000);
  PlForwardingOption option = { .type = 77, .flags = PL_OPTION_RESPONSE_COPY, .option = contents };
  PlTransRequest request = { .code = PL_MESSAGE_PING_REQ, .to = pl_destination_node (bob ()), .extensions = extensions,
                             .options = options, .max_response_length = 2000 };
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len;

  pl_message_extension_list_add (extensions, EXTENSION, contents);
  g_array_append_val (options, option);
  pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL);
  ck_assert_int_eq (pl_forwarding_peek (g_ptr_array_index (peer[0].sent, 0), &header, &header_len), PL_WIRE_OK);
  ck_assert_uint_eq (header.max_response_length, 2000);
  ck_assert_uint_eq (g_array_index (header.options, PlForwardingOption, 0).flags, PL_OPTION_RESPONSE_COPY);
  ck_assert (g_bytes_equal (g_array_index (header.options, PlForwardingOption, 0).option, contents));
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 1);
  ck_assert_uint_eq (last_error, 0);
  ck_assert (last_extension && g_bytes_equal (last_extension, contents));
  request.body = large;
  pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 2);
  ck_assert_uint_eq (last_error, PL_ERROR_RESPONSE_TOO_LARGE);
}
END_TEST

START_TEST (cancelled_request_calls_nobody)
{
  peer[1].deaf = TRUE;
  pl_trans_cancel (ask (bob (), PL_MESSAGE_PING_REQ));
  pl_universe_run (universe, 20 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 0);
  ck_assert_uint_eq (peer[0].sent->len, 1);
}
END_TEST

/* One that cannot be made fails from the loop; who asked may be gone by then. */
START_TEST (request_that_cannot_be_made_fails_or_is_cancelled)
{
  g_autoptr (GBytes) body = g_bytes_new_take (g_malloc0 (PL_MESSAGE_MAX + 1), PL_MESSAGE_MAX + 1);
  PlTransRequest request = { .code = PL_MESSAGE_PING_REQ, .body = body, .to = pl_destination_node (bob ()) };

  pl_trans_cancel (pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL));
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 0);
  pl_trans_cancel (pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL));
  pl_trans_request (peer[0].trans, &request, on_answer, NULL, NULL);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, 1);
  ck_assert (!last_answered);
}
END_TEST

/* With the signer's own first, and each once. */
START_TEST (certificates_of_values_go_along_with_their_message) /* 100 */
{
  g_autoptr (PlIdentity) owner = pl_test_pki_identity (pki, "carol@example.org", NULL);
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  g_autoptr (GBytes) body = g_bytes_new_static ("\0", 2);
  PlTransRequest request = { .to = pl_destination_node (pl_identity_node_id (peer[1].identity)), .code = PL_MESSAGE_PING_REQ,
                             .body = body, .certs = certs };

  g_ptr_array_add (certs, pl_identity_cert (owner));
  g_ptr_array_add (certs, pl_identity_cert (peer[0].identity));
  peer[1].keep = TRUE;
  pl_trans_request (peer[0].trans, &request, NULL, NULL, NULL);
  pl_universe_run (universe, PL_USEC_PER_SEC);
  ck_assert_ptr_nonnull (peer[1].kept);
  ck_assert_uint_eq (peer[1].kept->certs->len, 2);
  ck_assert (g_bytes_equal (g_ptr_array_index (peer[1].kept->certs, 0), pl_cert_der (pl_identity_cert (peer[0].identity))));
  ck_assert (g_bytes_equal (g_ptr_array_index (peer[1].kept->certs, 1), pl_cert_der (pl_identity_cert (owner))));
  pl_trans_drop (peer[1].trans, peer[1].kept);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("trans/trans");

  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 60);
  tcase_add_test (c, request_is_answered_by_whom_it_was_asked);
  tcase_add_test (c, request_is_sent_five_times_with_one_id_then_fails);
  tcase_add_test (c, request_without_a_way_goes_out_when_there_is_one);
  tcase_add_test (c, repeated_request_gets_the_same_answer_and_is_processed_once);
  tcase_add_test (c, repeated_question_is_answered_anew);
  tcase_add_test (c, answer_goes_straight_once_and_then_the_way_back);
  tcase_add_test (c, answer_goes_straight_only_to_who_signed_the_request);
  tcase_add_test (c, request_being_processed_is_not_processed_twice);
  tcase_add_test (c, answer_of_another_node_is_discarded);
  tcase_add_test (c, error_of_another_node_is_discarded);
  tcase_add_test (c, answer_for_a_place_from_too_far_away_is_discarded);
  tcase_add_test (c, changed_request_is_not_processed_nor_answered);
  tcase_add_test (c, answer_above_max_response_length_is_an_error_instead);
  tcase_add_test (c, destination_critical_option_is_refused);
  tcase_add_test (c, option_to_be_copied_comes_back_without_flags);
  tcase_add_test (c, answer_goes_back_by_the_reversed_via_list);
  tcase_add_test (c, other_configuration_is_told_and_updated);
  tcase_add_test (c, request_with_an_old_document_is_sent_again_with_the_new_one);
  tcase_add_test (c, request_to_a_node_with_an_old_document_brings_it_ours_and_is_sent_again);
  tcase_add_test (c, outdated_node_is_sent_one_document_a_minute);
  tcase_add_test (c, newer_configuration_is_told);
  tcase_add_test (c, config_update_passes_whatever_the_sequence);
  tcase_add_test (c, unknown_critical_extension_is_refused);
  tcase_add_test (c, request_carries_extensions_options_and_the_length_it_takes);
  tcase_add_test (c, cancelled_request_calls_nobody);
  tcase_add_test (c, request_that_cannot_be_made_fails_or_is_cancelled);
  tcase_add_test (c, certificates_of_values_go_along_with_their_message);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
