/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/trans/trans.h"

#include "base/log.h"
#include "overlay/trans/answers.h"
#include "overlay/wire/body.h"
#include "overlay/wire/diagnostics.h"
#include "overlay/wire/routing.h"

#include <string.h>

/* A node that we just sent the newer document takes it in that time. */
#define ADOPTION (300 * PL_USEC_PER_MSEC)
/* With no way out now, look again this soon. */
#define NO_WAY_RETRY (200 * PL_USEC_PER_MSEC)
/* Who speaks against an answer is asked; look again this soon whether it still does. */
#define DOUBT_WAIT (50 * PL_USEC_PER_MSEC)

#define CODES 40              /* counted apart; errors at 0, others not at all */

/* An incoming request with what is needed to answer it. */
typedef struct Open Open;
struct Open {
  PlIncoming incoming;      /* first: handlers hold a pointer to it */
  PlAnswerKey key;
  Open *previous, *next;
};

struct PlTransaction {
  guint64 id;               /* first: the key */
  PlTrans *trans;
  PlDestination to;
  guint16 code;
  guint16 sequence;         /* of the document when `message` was made */
  GBytes *message;
  guint sendings;
  gboolean no_way, has_options;
  gboolean outdated;        /* waits for the newer document that others have */
  gint64 deadline;
  PlTimer *timer;
  GBytes *doubted;          /* the likeliest answer that was not plausible, NULL: none */
  PlNodeId doubted_signer, doubted_from;
  PlTimer *doubt_timer;
  PlTransFunc func;
  gpointer user;
  GDestroyNotify destroy;
};

struct PlTrans {
  PlEnv *env;
  const PlDocument *document;
  PlIdentity *identity;
  PlTrust *trust;
  PlTransHandlers handlers;
  gpointer user;
  guint32 overlay;
  gint64 reliability;
  struct { PlNodeId id; gint64 at; } *updated; /* PL_TRANS_UPDATED_MAX, `at` 0: free; made when needed */
  GHashTable *requests;     /* set of PlTransaction, by id */
  Open *open;               /* newest first */
  guint n_open;
  PlAnswers *answers;
  guint32 sent[CODES], received[CODES];
  GQueue *failed;           /* PlTransaction that could not even be made */
  PlTimer *failed_timer;
};

PlTrans *
pl_trans_new (PlEnv *env, const PlDocument *document, PlIdentity *identity, PlTrust *trust,
              const PlTransHandlers *handlers, gpointer user)
{
  PlTrans *trans = g_new0 (PlTrans, 1);

  trans->env = env;
  trans->document = document;
  trans->identity = identity;
  trans->trust = trust;
  trans->handlers = *handlers;
  trans->user = user;
  trans->overlay = pl_overlay_hash (document->instance_name);
  trans->reliability = MAX (document->reliability_timer, 200) * PL_USEC_PER_MSEC;
  trans->requests = g_hash_table_new (g_int64_hash, g_int64_equal);
  trans->answers = pl_answers_new (env, PL_TRANS_ANSWERS_MAX, PL_TRANS_ANSWERS_BYTES, PL_TRANS_LIFETIME);
  trans->failed = g_queue_new ();
  return trans;
}

static void
transaction_free (PlTransaction *transaction)
{
  pl_timer_clear (&transaction->timer);
  pl_timer_clear (&transaction->doubt_timer);
  g_clear_pointer (&transaction->doubted, g_bytes_unref);
  if (transaction->destroy)
    transaction->destroy (transaction->user);
  g_clear_pointer (&transaction->message, g_bytes_unref);
  g_free (transaction);
}

static void
open_free (PlTrans *trans, Open *open)
{
  if (open->previous)
    open->previous->next = open->next;
  else
    trans->open = open->next;
  if (open->next)
    open->next->previous = open->previous;
  trans->n_open--;
  pl_forwarding_header_clear (&open->incoming.header);
  g_clear_pointer (&open->incoming.body, g_bytes_unref);
  g_clear_pointer (&open->incoming.cert, pl_cert_unref);
  g_clear_pointer (&open->incoming.certs, g_ptr_array_unref);
  g_clear_pointer (&open->incoming.extensions, g_array_unref);
  g_free (open);
}

void
pl_trans_free (PlTrans *trans)
{
  GHashTableIter iter;
  gpointer value;
  PlTransaction *transaction;

  if (!trans)
    return;
  pl_timer_clear (&trans->failed_timer);
  while ((transaction = g_queue_pop_head (trans->failed)))
    transaction_free (transaction);
  g_queue_free (trans->failed);
  g_hash_table_iter_init (&iter, trans->requests);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      g_hash_table_iter_steal (&iter);
      transaction_free (value);
    }
  while (trans->open)
    open_free (trans, trans->open);
  g_hash_table_unref (trans->requests);
  pl_answers_free (trans->answers);
  g_free (trans->updated);
  g_free (trans);
}

/* --- counting --- */

static guint
counter (guint16 code)
{
  return code == PL_MESSAGE_ERROR ? 0 : MIN (code, CODES - 1);
}

void
pl_trans_count (PlTrans *trans, guint16 code, guint64 *sent, guint64 *received)
{
  *sent = trans->sent[counter (code)];
  *received = trans->received[counter (code)];
}

guint8
pl_trans_load (PlTrans *trans)
{
  return (guint8) (PL_TRANS_LOAD_MAX * trans->n_open / PL_TRANS_INCOMING_MAX);
}

/* --- making messages --- */

static GPtrArray *
der_list (PlTrans *trans, GPtrArray *certs)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  GBytes *own = pl_cert_der (pl_identity_cert (trans->identity));

  g_ptr_array_add (list, g_bytes_ref (own));
  for (guint i = 0; certs && i < certs->len && list->len < PL_CERTIFICATES_MAX; i++)
    {
      GBytes *der = pl_cert_der (g_ptr_array_index (certs, i));

      if (!g_bytes_equal (der, own))
        g_ptr_array_add (list, g_bytes_ref (der));
    }
  return list;
}

/* Every message is signed (6.3.4, S1-33). */
static GBytes *
sign_message (PlTrans *trans, PlForwardingHeader *header, guint16 code, GBytes *contents, GPtrArray *ders)
{
  g_autoptr (GError) error = NULL;
  PlSignature signature = { 0 };
  GBytes *message = NULL;
  gsize len;
  const guint8 *data = g_bytes_get_data (contents, &len);

  if (pl_identity_sign_message (trans->identity, trans->overlay, header->transaction_id, data, len, &signature, &error))
    {
      message = pl_message_write (header, contents, ders, &signature);
      trans->sent[counter (code)]++;
    }
  else
    pl_warn ("trans", "cannot sign a message", "reason", error->message, NULL);
  pl_signature_clear (&signature);
  return message;
}

static GBytes *
make_message (PlTrans *trans, PlForwardingHeader *header, guint16 code, GBytes *body, GPtrArray *certs, GArray *extensions)
{
  g_autoptr (GBytes) contents = pl_message_contents_write (code, body, extensions);
  g_autoptr (GPtrArray) ders = der_list (trans, certs);

  return contents ? sign_message (trans, header, code, contents, ders) : NULL;
}

static void
header_init (PlTrans *trans, PlForwardingHeader *header, guint64 transaction_id)
{
  pl_forwarding_header_init (header);
  header->overlay = trans->overlay;
  header->configuration_sequence = trans->document->sequence;
  header->ttl = trans->document->initial_ttl;
  header->transaction_id = transaction_id;
}

/* --- our requests --- */

static void
fail_later (gpointer data)
{
  PlTrans *trans = data;
  PlTransaction *transaction = g_queue_pop_head (trans->failed);

  if (!transaction) /* cancelled meanwhile */
    return;
  if (!g_queue_is_empty (trans->failed))
    pl_env_arm (trans->env, &trans->failed_timer, 0, fail_later, trans);
  if (transaction->func)
    transaction->func (transaction->user, NULL);
  transaction_free (transaction);
}

static void
transaction_over (PlTransaction *transaction, const PlTransAnswer *answer)
{
  pl_timer_clear (&transaction->timer);
  pl_timer_clear (&transaction->doubt_timer);
  g_hash_table_remove (transaction->trans->requests, &transaction->id);
  if (transaction->func)
    transaction->func (transaction->user, answer);
  transaction_free (transaction);
}

/* What asked for a direct response and got none asks for it the way back (RFC 7263). */
static void
drop_direct (PlTransaction *transaction)
{
  g_autoptr (GBytes) old = g_steal_pointer (&transaction->message);
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len = 0;

  if (pl_forwarding_peek (old, &header, &header_len) != PL_WIRE_OK)
    return;
  for (guint i = header.options->len; i > 0; i--)
    if (g_array_index (header.options, PlForwardingOption, i - 1).type == PL_OPTION_EXTENSIVE_ROUTING)
      g_array_remove_index (header.options, i - 1);
  transaction->message = pl_forwarding_rewrite (old, header_len, &header);
}

static void
send_now (gpointer data)
{
  PlTransaction *transaction = data;
  PlTrans *trans = transaction->trans;
  gint64 now = pl_env_now (trans->env), wait = trans->reliability;

  if (now >= transaction->deadline || transaction->sendings >= PL_TRANS_SENDINGS_MAX || !transaction->message)
    {
      transaction_over (transaction, NULL);
      return;
    }
  if (transaction->sendings > 0 && transaction->has_options)
    drop_direct (transaction);
  transaction->no_way = !transaction->message || !trans->handlers.send (trans->user, transaction->message);
  if (transaction->no_way)
    wait = NO_WAY_RETRY;
  else
    transaction->sendings++;
  pl_env_arm (trans->env, &transaction->timer, MIN (wait, transaction->deadline - now), send_now, transaction);
}

static GBytes *
request_message (PlTrans *trans, const PlTransRequest *request, guint64 id)
{
  g_auto (PlForwardingHeader) header = { 0 };

  header_init (trans, &header, id);
  if (request->code == PL_MESSAGE_CONFIG_UPDATE_REQ)
    header.configuration_sequence = PL_TRANS_SEQUENCE_ANY;
  if (request->has_via)
    {
      PlDestination via = pl_destination_node (&request->via);

      g_array_append_val (header.destination_list, via);
    }
  g_array_append_vals (header.destination_list, &request->to, 1);
  header.max_response_length = request->max_response_length;
  for (guint i = 0; request->options && i < request->options->len; i++)
    {
      PlForwardingOption option = g_array_index (request->options, PlForwardingOption, i);

      option.option = option.option ? g_bytes_ref (option.option) : NULL;
      g_array_append_val (header.options, option);
    }
  return make_message (trans, &header, request->code, request->body, request->certs, request->extensions);
}

static void
take_id (PlTransaction *transaction)
{
  PlTrans *trans = transaction->trans;

  do
    transaction->id = pl_env_random64 (trans->env);
  while (g_hash_table_contains (trans->requests, &transaction->id));
  transaction->sequence = trans->document->sequence;
}

/* By the document in force now, and as another request: whoever keeps answers would repeat the
 * error to the same one (6.2.1). */
static void
repeat_anew (PlTransaction *transaction, gint64 wait)
{
  PlTrans *trans = transaction->trans;
  g_autoptr (GBytes) old = g_steal_pointer (&transaction->message);
  g_auto (PlMessage) message = { 0 };

  transaction->outdated = FALSE;
  pl_timer_clear (&transaction->doubt_timer);
  g_clear_pointer (&transaction->doubted, g_bytes_unref);
  g_hash_table_remove (trans->requests, &transaction->id);
  take_id (transaction);
  if (pl_message_read (old, &message) == PL_WIRE_OK)
    {
      message.header.transaction_id = transaction->id;
      message.header.configuration_sequence = transaction->sequence;
      message.header.ttl = trans->document->initial_ttl;
      transaction->message = sign_message (trans, &message.header, message.message_code, message.contents, message.certificates);
    }
  g_hash_table_add (trans->requests, transaction);
  pl_env_arm (trans->env, &transaction->timer, wait, send_now, transaction);
}

PlTransaction *
pl_trans_request (PlTrans *trans, const PlTransRequest *request, PlTransFunc func, gpointer user, GDestroyNotify destroy)
{
  PlTransaction *transaction = g_new0 (PlTransaction, 1);
  gint64 timeout = MIN (trans->reliability * PL_TRANS_SENDINGS_MAX, PL_TRANS_LIFETIME);

  transaction->trans = trans;
  transaction->to = request->to;
  transaction->code = request->code;
  transaction->func = func;
  transaction->user = user;
  transaction->destroy = destroy;
  if (request->timeout > 0)
    timeout = MIN (timeout, request->timeout);
  transaction->deadline = pl_env_now (trans->env) + timeout;
  transaction->has_options = request->options && request->options->len > 0;
  take_id (transaction);
  if (g_hash_table_size (trans->requests) < PL_TRANS_REQUESTS_MAX)
    transaction->message = request_message (trans, request, transaction->id);
  if (!transaction->message)
    {
      g_queue_push_tail (trans->failed, transaction);
      pl_env_arm (trans->env, &trans->failed_timer, 0, fail_later, trans);
      return transaction;
    }
  g_hash_table_add (trans->requests, transaction);
  send_now (transaction);
  return transaction;
}

void
pl_trans_cancel (PlTransaction *transaction)
{
  if (!transaction)
    return;
  g_hash_table_remove (transaction->trans->requests, &transaction->id);
  g_queue_remove (transaction->trans->failed, transaction);
  transaction_free (transaction);
}

void
pl_trans_kick (PlTrans *trans)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, trans->requests);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PlTransaction *transaction = value;

      if (transaction->no_way)
        pl_env_arm (trans->env, &transaction->timer, 0, send_now, transaction);
    }
}

/* --- another configuration document (6.3.2.1) --- */

/* Nobody signs the sequence number, so a request of old in somebody's hands asks for a document
 * for its sender as often as it is repeated with another. */
static gboolean
owes_update (PlTrans *trans, const PlNodeId *node)
{
  gint64 now = pl_env_now (trans->env), since = now - PL_TRANS_UPDATE_EVERY;
  int room = -1;

  if (!trans->updated)
    trans->updated = g_malloc0_n (PL_TRANS_UPDATED_MAX, sizeof *trans->updated);
  for (guint i = 0; i < PL_TRANS_UPDATED_MAX; i++)
    {
      gboolean fresh = trans->updated[i].at && trans->updated[i].at > since;

      if (fresh && pl_node_id_equal (&trans->updated[i].id, node))
        return FALSE;
      if (!fresh)
        room = (int) i;
    }
  if (room < 0)
    return FALSE;
  trans->updated[room].id = *node;
  trans->updated[room].at = now;
  return TRUE;
}

/* What failed only because one of us has an older document is sent again when that is over. */
static gboolean
survives (PlTransaction *transaction, guint16 error, const PlNodeId *signer)
{
  PlTrans *trans = transaction->trans;

  if (transaction->code == PL_MESSAGE_CONFIG_UPDATE_REQ)
    return FALSE;
  if (error == PL_ERROR_CONFIG_TOO_NEW)
    {
      if (owes_update (trans, signer))
        trans->handlers.outdated (trans->user, signer);
      repeat_anew (transaction, ADOPTION);
      return TRUE;
    }
  if (error != PL_ERROR_CONFIG_TOO_OLD)
    return FALSE;
  if (transaction->sequence != trans->document->sequence)
    {
      repeat_anew (transaction, 0); /* a newer document came meanwhile */
      return TRUE;
    }
  transaction->outdated = TRUE;
  pl_env_arm (trans->env, &transaction->timer, transaction->deadline - pl_env_now (trans->env), send_now, transaction);
  return TRUE;
}

void
pl_trans_set_document (PlTrans *trans, const PlDocument *document)
{
  g_autoptr (GPtrArray) outdated = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  trans->document = document;
  trans->reliability = MAX (document->reliability_timer, 200) * PL_USEC_PER_MSEC;
  g_clear_pointer (&trans->updated, g_free);
  g_hash_table_iter_init (&iter, trans->requests);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((PlTransaction *) value)->outdated)
      g_ptr_array_add (outdated, value);
  for (guint i = 0; i < outdated->len; i++)
    repeat_anew (g_ptr_array_index (outdated, i), 0);
}

/* --- answers to us --- */

/* Signed by the node asked, or by one that may stand for the place (6.3.4; S1-43, S2-08). */
static gboolean
is_from_whom_we_asked (PlTransaction *transaction, const PlNodeId *signer)
{
  PlTrans *trans = transaction->trans;
  PlNodeId place;

  if (transaction->to.type == PL_DESTINATION_NODE)
    return pl_node_id_is_wildcard (&transaction->to.node_id) || pl_node_id_equal (&transaction->to.node_id, signer);
  return transaction->to.type == PL_DESTINATION_RESOURCE
         && pl_resource_id_to_node_id (&transaction->to.resource_id, &place)
         && trans->handlers.plausible (trans->user, &place, signer);
}

static void
on_doubt (gpointer data)
{
  PlTransaction *transaction = data;

  if (is_from_whom_we_asked (transaction, &transaction->doubted_signer))
    {
      g_autoptr (GBytes) message = g_steal_pointer (&transaction->doubted);
      PlNodeId from = transaction->doubted_from;

      pl_trans_deliver (transaction->trans, message, &from);
    }
  else
    pl_env_arm (transaction->trans->env, &transaction->doubt_timer, DOUBT_WAIT, on_doubt, transaction);
}

/* A claim to the place that others speak against may come true while we wait: the nearest one is
 * kept. */
static void
doubt (PlTransaction *transaction, GBytes *message, const PlNodeId *signer, const PlNodeId *from)
{
  PlNodeId place, theirs, kept;

  if (transaction->to.type != PL_DESTINATION_RESOURCE
      || !pl_resource_id_to_node_id (&transaction->to.resource_id, &place))
    return;
  theirs = pl_node_id_sub (signer, &place);
  kept = pl_node_id_sub (&transaction->doubted_signer, &place);
  if (transaction->doubted && pl_node_id_compare (&kept, &theirs) <= 0)
    return;
  g_clear_pointer (&transaction->doubted, g_bytes_unref);
  transaction->doubted = g_bytes_ref (message);
  transaction->doubted_signer = *signer;
  transaction->doubted_from = *from;
  pl_env_arm (transaction->trans->env, &transaction->doubt_timer, DOUBT_WAIT, on_doubt, transaction);
}

static void
on_answer (PlTrans *trans, PlMessage *message, PlTransAnswer *answer, GBytes *bytes, const PlNodeId *from)
{
  PlTransaction *transaction = g_hash_table_lookup (trans->requests, &message->header.transaction_id);
  g_auto (PlErrorResponse) failure = { 0 };

  if (!transaction || !is_from_whom_we_asked (transaction, &answer->signer))
    {
      if (transaction)
        doubt (transaction, bytes, &answer->signer, from);
      pl_info ("trans", "answer discarded", "reason", "not from whom it was asked", NULL);
      return;
    }
  answer->body = message->body;
  answer->extensions = message->extensions;
  answer->header = &message->header;
  if (message->message_code == PL_MESSAGE_ERROR)
    {
      if (pl_body_read (pl_body_type (PL_MESSAGE_ERROR), message->body, NULL, NULL, &failure) != PL_WIRE_OK
          || failure.error_code == 0)
        return;
      if (survives (transaction, failure.error_code, &answer->signer))
        return;
      answer->error_code = failure.error_code;
      answer->body = failure.error_info;
    }
  else if (message->message_code != transaction->code + 1)
    return;
  transaction_over (transaction, answer);
}

/* --- requests to us --- */

static gboolean
send_answer (PlTrans *trans, const PlForwardingHeader *request, const PlNodeId *from, GBytes *answer, gsize header_len)
{
  g_auto (PlForwardingHeader) header = { 0 };
  PlDestination first = pl_destination_node (from);
  g_autoptr (GBytes) message = NULL;

  /* back the way it came (6.2.2) */
  header_init (trans, &header, request->transaction_id);
  g_array_append_val (header.destination_list, first);
  for (guint i = request->via_list->len; i > 0; i--)
    g_array_append_vals (header.destination_list, pl_destination_list_get (request->via_list, i - 1), 1);
  for (guint i = 0; i < request->options->len; i++)
    {
      const PlForwardingOption *option = &g_array_index (request->options, PlForwardingOption, i);
      PlForwardingOption copy = { option->type, 0, option->option ? g_bytes_ref (option->option) : NULL };

      if (option->flags & PL_OPTION_RESPONSE_COPY)
        g_array_append_val (header.options, copy);
      else
        pl_forwarding_option_clear (&copy);
    }
  message = pl_forwarding_rewrite (answer, header_len, &header);
  return message && trans->handlers.send (trans->user, message);
}

/* Makes the answer with an empty header: its way is put in front for each sending. */
static GBytes *
make_answer (PlTrans *trans, guint64 transaction_id, guint16 code, GBytes *body, GPtrArray *certs, GArray *extensions)
{
  g_auto (PlForwardingHeader) header = { 0 };

  header_init (trans, &header, transaction_id);
  return make_message (trans, &header, code, body, certs, extensions);
}

static GBytes *
make_error (PlTrans *trans, guint64 transaction_id, guint16 error, GBytes *info)
{
  PlErrorResponse response = { .error_code = error, .error_info = info };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_ERROR), &response);

  return make_answer (trans, transaction_id, PL_MESSAGE_ERROR, body, NULL, NULL);
}

/* Only to who signed the request: the option is under no signature, and an answer that could be sent
 * anywhere would be a weapon. */
static gboolean
send_direct (PlTrans *trans, const PlIncoming *incoming, GBytes *answer)
{
  g_auto (PlForwardingHeader) header = { 0 };
  PlDirectResponse to = { 0 };
  PlDestination node;
  g_autoptr (GBytes) message = NULL;

  if (!trans->handlers.direct || !pl_direct_response_find (incoming->header.options, &to)
      || !pl_node_id_equal (&to.node, &incoming->signer))
    return FALSE;
  header_init (trans, &header, incoming->header.transaction_id);
  node = pl_destination_node (&to.node);
  g_array_append_val (header.destination_list, node);
  message = pl_forwarding_rewrite (answer, PL_HEADER_MIN, &header);
  return message && trans->handlers.direct (trans->user, &to, message);
}

/* Nothing changes when such a request is processed once more (6.2.1). */
static gboolean
only_asks (guint16 code)
{
  return code == PL_MESSAGE_FETCH_REQ || code == PL_MESSAGE_STAT_REQ || code == PL_MESSAGE_FIND_REQ
         || code == PL_MESSAGE_PING_REQ || code == PL_MESSAGE_PROBE_REQ || code == PL_MESSAGE_ROUTE_QUERY_REQ
         || code == PL_MESSAGE_PATH_TRACK_REQ;
}

/* Without our certificate, the most of it: it comes back for a repetition. */
static void
keep_answer (PlTrans *trans, const PlAnswerKey *key, GBytes *answer)
{
  g_autoptr (GBytes) lean = pl_message_without_certificate (answer, pl_cert_der (pl_identity_cert (trans->identity)));

  pl_answers_done (trans->answers, key, lean ? lean : answer, PL_HEADER_MIN);
}

static void
repeat_answer (PlTrans *trans, const PlForwardingHeader *request, const PlNodeId *from, GBytes *kept, gsize header_len)
{
  PlCert *own = pl_identity_cert (trans->identity);
  g_autoptr (GBytes) whole = pl_message_with_certificate (kept, pl_cert_der (own), pl_cert_fingerprint (own));

  send_answer (trans, request, from, whole ? whole : kept, header_len);
}

static void
finish (PlTrans *trans, Open *open, GBytes *answer)
{
  if (answer && !only_asks (open->incoming.code))
    keep_answer (trans, &open->key, answer);
  else
    pl_answers_forget (trans->answers, &open->key);
  if (answer && !send_direct (trans, &open->incoming, answer))
    send_answer (trans, &open->incoming.header, &open->incoming.from, answer, PL_HEADER_MIN);
  open_free (trans, open);
}

void
pl_trans_refuse (PlTrans *trans, PlIncoming *incoming, guint16 error, GBytes *info)
{
  g_autoptr (GBytes) answer = make_error (trans, incoming->header.transaction_id, error, info);

  finish (trans, (Open *) incoming, answer);
}

void
pl_trans_refuse_text (PlTrans *trans, PlIncoming *incoming, guint16 error, const char *text)
{
  g_autoptr (GBytes) info = g_bytes_new (text, strlen (text));

  pl_trans_refuse (trans, incoming, error, info);
}

void
pl_trans_answer (PlTrans *trans, PlIncoming *incoming, GBytes *body, GPtrArray *certs)
{
  pl_trans_answer_extended (trans, incoming, body, certs, NULL);
}

void
pl_trans_answer_extended (PlTrans *trans, PlIncoming *incoming, GBytes *body, GPtrArray *certs, GArray *extensions)
{
  g_autoptr (GBytes) answer = make_answer (trans, incoming->header.transaction_id, incoming->code + 1, body, certs, extensions);
  gsize size = answer ? g_bytes_get_size (answer) : G_MAXSIZE;

  if (size > trans->document->max_message_size
      || (incoming->header.max_response_length && size > incoming->header.max_response_length))
    {
      pl_trans_refuse_text (trans, incoming, PL_ERROR_RESPONSE_TOO_LARGE, "the answer would be too large");
      return;
    }
  finish (trans, (Open *) incoming, answer);
}

void
pl_trans_drop (PlTrans *trans, PlIncoming *incoming)
{
  finish (trans, (Open *) incoming, NULL);
}

void
pl_trans_refuse_transit (PlTrans *trans, const PlForwardingHeader *header, const PlNodeId *from, guint16 error, const char *text)
{
  g_autoptr (GBytes) info = g_bytes_new (text, strlen (text));
  g_autoptr (GBytes) answer = make_error (trans, header->transaction_id, error, info);

  if (answer)
    send_answer (trans, header, from, answer, PL_HEADER_MIN);
}

/* May be critical. */
static gboolean
is_known_extension (const PlMessageExtension *extension)
{
  return !extension->critical || extension->type == PL_EXTENSION_DIAGNOSTIC_PING;
}

/* 0, or the error that this request gets before its method is looked at. */
static guint16
check_request (PlTrans *trans, const PlMessage *message, const char **text)
{
  guint16 sequence = message->header.configuration_sequence, ours = trans->document->sequence;

  *text = "";
  for (guint i = 0; i < message->header.options->len; i++)
    if (g_array_index (message->header.options, PlForwardingOption, i).flags & PL_OPTION_DESTINATION_CRITICAL)
      {
        *text = "forwarding option is not supported";
        return PL_ERROR_UNSUPPORTED_FORWARDING_OPTION;
      }
  for (guint i = 0; message->extensions && i < message->extensions->len; i++)
    if (!is_known_extension (&g_array_index (message->extensions, PlMessageExtension, i)))
      {
        *text = "critical extension is not known";
        return PL_ERROR_UNKNOWN_EXTENSION;
      }
  if (sequence == ours || (sequence == PL_TRANS_SEQUENCE_ANY && message->message_code == PL_MESSAGE_CONFIG_UPDATE_REQ))
    return 0;
  *text = "another configuration document is in force";
  return pl_document_sequence_newer (ours, sequence) ? PL_ERROR_CONFIG_TOO_OLD : PL_ERROR_CONFIG_TOO_NEW;
}

static void
on_request (PlTrans *trans, PlMessage *message, const PlTransAnswer *proof, const PlAnswerKey *key, const PlNodeId *from)
{
  Open *open;
  PlIncoming *incoming;
  const char *text;
  guint16 error;

  if (trans->n_open >= PL_TRANS_INCOMING_MAX)
    return;
  open = g_new0 (Open, 1);
  incoming = &open->incoming;
  open->key = *key;
  pl_forwarding_header_copy (&incoming->header, &message->header);
  incoming->code = message->message_code;
  incoming->body = message->body ? g_bytes_ref (message->body) : NULL;
  incoming->signer = proof->signer;
  incoming->cert = pl_cert_ref (proof->cert);
  incoming->certs = proof->certs ? g_ptr_array_ref (proof->certs) : NULL;
  incoming->extensions = message->extensions ? g_array_ref (message->extensions) : NULL;
  incoming->from = *from;
  open->next = trans->open;
  if (open->next)
    open->next->previous = open;
  trans->open = open;
  trans->n_open++;
  pl_answers_open (trans->answers, key);
  error = check_request (trans, message, &text);
  if (error == PL_ERROR_CONFIG_TOO_OLD && owes_update (trans, &incoming->signer))
    trans->handlers.outdated (trans->user, &incoming->signer);
  if (error)
    pl_trans_refuse_text (trans, incoming, error, text);
  else
    trans->handlers.request (trans->user, incoming);
}

/* --- receipt --- */

/* Nothing is done with a message, not even "not found", before this (S1-38, S1-40). */
static gboolean
prove (PlTrans *trans, PlMessage *message, PlTransAnswer *proof)
{
  g_autoptr (GError) error = NULL;
  gsize len = 0;
  const guint8 *contents = message->contents ? g_bytes_get_data (message->contents, &len) : NULL;

  proof->certs = message->certificates;
  proof->cert = pl_trust_verify_message (trans->trust, proof->certs, trans->overlay, message->header.transaction_id,
                                         contents, len, &message->signature, &proof->signer, &error);
  if (!proof->cert)
    pl_info ("trans", "message discarded", "reason", error ? error->message : "signature", NULL);
  return proof->cert != NULL;
}

static void
verify_and_handle (PlTrans *trans, PlMessage *message, GBytes *bytes, const PlAnswerKey *key, const PlNodeId *from)
{
  PlTransAnswer proof = { 0 };

  if (prove (trans, message, &proof))
    {
      trans->received[counter (message->message_code)]++;
      if (pl_message_code_is_request (message->message_code))
        on_request (trans, message, &proof, key, from);
      else
        on_answer (trans, message, &proof, bytes, from);
    }
  g_clear_pointer (&proof.cert, pl_cert_unref);
}

void
pl_trans_deliver (PlTrans *trans, GBytes *bytes, const PlNodeId *from)
{
  g_auto (PlMessage) message = { 0 };
  g_auto (PlForwardingHeader) header = { 0 };
  PlWireStatus status = pl_message_read (bytes, &message);
  PlAnswerKey key = { 0 };
  GBytes *answer = NULL;
  gsize header_len = 0;

  if (status != PL_WIRE_OK || message.header.overlay != trans->overlay)
    {
      pl_info ("trans", "message discarded", "reason", pl_wire_status_text (status), NULL);
      return;
    }
  if (!pl_message_code_is_request (message.message_code))
    {
      /* An answer that nobody waits for is not worth a signature check. */
      if (g_hash_table_contains (trans->requests, &message.header.transaction_id))
        verify_and_handle (trans, &message, bytes, &key, from);
      return;
    }
  if (pl_forwarding_peek (bytes, &header, &header_len) != PL_WIRE_OK)
    return;
  pl_answers_key (&key, message.header.transaction_id, bytes, header_len);
  switch (pl_answers_find (trans->answers, &key, &answer, &header_len))
    {
    case PL_ANSWERS_NEW:
      verify_and_handle (trans, &message, bytes, &key, from);
      break;
    case PL_ANSWERS_OPEN:
      break; /* being processed: its answer will do for both */
    case PL_ANSWERS_DONE:
      repeat_answer (trans, &message.header, from, answer, header_len);
      break;
    }
}
