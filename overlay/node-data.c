/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/store.h"

/* Store and fetch for usages (RFC 6940 7.4.1, 7.4.2). */

struct PlOperation {
  PlNode *node;
  PlOperation *previous, *next;
  PlResourceId resource;
  guint32 kind;
  PlTransaction *transaction;
  PlTrace *trace;            /* looks for the node to go through, `fetch` waits for it */
  GBytes *fetch;
  PlStoreFunc stored;        /* one of these three, or none: a merge */
  PlFetchFunc fetched;
  PlFindFunc found;
  PlTryStoreFunc tried_store; /* these two tell the trail */
  PlTryFetchFunc tried_fetch;
  PlUsageTrail trail;
  guint64 time;              /* that was signed */
  gint64 until;              /* of a walk; 0: as any request */
  gpointer user;
};

static void
operation_free (PlOperation *operation)
{
  if (operation->previous)
    operation->previous->next = operation->next;
  else
    operation->node->operations = operation->next;
  if (operation->next)
    operation->next->previous = operation->previous;
  g_clear_pointer (&operation->fetch, g_bytes_unref);
  g_free (operation);
}

/* The transactions are gone by now. */
void
pl_node_data_free (PlNode *node)
{
  while (node->operations)
    operation_free (node->operations);
  g_clear_pointer (&node->vias, g_hash_table_unref);
}

PlDataModel
pl_node_model (guint32 kind, gpointer data)
{
  PlNode *node = data;
  const PlKind *def = pl_document_kind (node->document, kind);

  return def ? def->model : 0;
}

static void
fetched_clear (gpointer data)
{
  PlFetched *fetched = data;

  pl_stored_data_clear (fetched->data);
  g_free (fetched->data);
  g_clear_pointer (&fetched->signer_cert, pl_cert_unref);
  g_free (fetched);
}

static void
tell_fetched (PlOperation *operation, const GPtrArray *values, const GError *error)
{
  if (operation->tried_fetch)
    operation->tried_fetch (operation->user, values, error, &operation->trail);
  else if (operation->fetched)
    operation->fetched (operation->user, values, error);
}

static void
tell_stored (PlOperation *operation, const GError *error)
{
  if (operation->tried_store)
    operation->tried_store (operation->user, operation->time, error, &operation->trail);
  else
    operation->stored (operation->user, error);
}

static gboolean
is_store (const PlOperation *operation)
{
  return operation->stored || operation->tried_store;
}

static gboolean
is_fetch (const PlOperation *operation)
{
  return operation->fetched || operation->tried_fetch;
}

static void
report_error (PlOperation *operation, guint16 code)
{
  g_autoptr (GError) error = NULL;

  if (code == 0)
    error = g_error_new_literal (PL_USAGE_ERROR, PL_USAGE_ERROR_NO_ANSWER, "the overlay did not answer");
  else
    error = g_error_new (PL_USAGE_ERROR, code, "the overlay refused: %s",
                         pl_error_code_name (code) ? pl_error_code_name (code) : "unknown error");
  if (is_store (operation))
    tell_stored (operation, error);
  else if (is_fetch (operation))
    tell_fetched (operation, NULL, error);
  else if (operation->found)
    operation->found (operation->user, NULL, error);
}

/* Each value by its own signature; what fails is left out (7.4.2.2, S1-44). Returns how many. */
static guint
add_values (PlOperation *operation, GPtrArray *values, const PlFetchKindResponse *response, GPtrArray *certs)
{
  guint failed = 0;

  for (guint i = 0; response->values && i < response->values->len; i++)
    {
      const PlStoredData *data = &g_array_index (response->values, PlStoredData, i);
      PlFetched *fetched;
      PlNodeId signer;
      g_autoptr (PlCert) cert = NULL;

      if (pl_signature_is_none (&data->signature))
        continue;
      cert = pl_trust_verify_value (operation->node->trust, certs, &operation->resource, operation->kind, data,
                                    &signer, NULL);
      if (!cert)
        {
          failed++;
          continue;
        }
      fetched = g_new0 (PlFetched, 1);
      fetched->data = g_new0 (PlStoredData, 1);
      pl_stored_data_copy (fetched->data, data);
      fetched->signer_cert = g_steal_pointer (&cert);
      fetched->signer = signer;
      g_ptr_array_add (values, fetched);
    }
  return failed;
}

/* Certificates are not under the signature of a message: whoever changes one on the way, or keeps a
 * value that is none, has said nothing. It does not mean that nothing is there. */
static void
report_values (PlOperation *operation, const PlTransAnswer *answer)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func (fetched_clear);
  g_auto (PlFetchAns) fetch = { 0 };
  PlNode *node = operation->node;
  guint failed = 0;

  if (answer->error_code == 0)
    {
      if (pl_body_read (pl_body_type (PL_MESSAGE_FETCH_ANS), answer->body, pl_node_model, node, &fetch) != PL_WIRE_OK)
        {
          report_error (operation, PL_ERROR_INVALID_MESSAGE);
          return;
        }
      for (guint i = 0; i < fetch.kind_responses->len; i++)
        {
          const PlFetchKindResponse *response = &g_array_index (fetch.kind_responses, PlFetchKindResponse, i);

          if (response->kind == operation->kind)
            failed += add_values (operation, values, response, answer->certs);
        }
    }
  if (failed > 0 && values->len == 0)
    report_error (operation, 0);
  else
    tell_fetched (operation, values, NULL);
}

/* 16 zero octets: nothing is known (7.4.4.2). */
static void
report_find (PlOperation *operation, const PlTransAnswer *answer)
{
  static const PlResourceId nothing = { .len = PL_NODE_ID_LEN };
  g_auto (PlFindAns) find = { 0 };
  const PlResourceId *closest = NULL;

  if (pl_body_read (pl_body_type (PL_MESSAGE_FIND_ANS), answer->body, NULL, NULL, &find) != PL_WIRE_OK)
    {
      report_error (operation, PL_ERROR_INVALID_MESSAGE);
      return;
    }
  for (guint i = 0; i < find.results->len; i++)
    {
      const PlFindKindData *result = &g_array_index (find.results, PlFindKindData, i);

      if (result->kind == operation->kind && result->closest.len == PL_NODE_ID_LEN
          && !pl_resource_id_equal (&result->closest, &nothing))
        closest = &result->closest;
    }
  operation->found (operation->user, closest, NULL);
}

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  PlOperation *operation = user;

  operation->transaction = NULL;
  operation->trail.answered = answer != NULL;
  if (answer)
    operation->trail.signer = answer->signer;
  if (answer && answer->error_code == PL_ERROR_UNKNOWN_KIND)
    pl_node_config_teach (operation->node, &answer->signer, operation->kind);
  if (!answer)
    report_error (operation, 0);
  else if (is_fetch (operation) && (answer->error_code == 0 || answer->error_code == PL_ERROR_NOT_FOUND))
    report_values (operation, answer);
  else if (answer->error_code)
    report_error (operation, answer->error_code);
  else if (is_store (operation))
    tell_stored (operation, NULL);
  else if (operation->found)
    report_find (operation, answer);
  operation_free (operation);
}

static PlOperation *
operation_new (PlNode *node, const PlResourceId *resource, guint32 kind, gpointer user)
{
  PlOperation *operation = g_new0 (PlOperation, 1);

  operation->node = node;
  operation->resource = *resource;
  operation->kind = kind;
  operation->user = user;
  operation->next = node->operations;
  if (operation->next)
    operation->next->previous = operation;
  node->operations = operation;
  return operation;
}

static void
operation_send (PlOperation *operation, guint16 code, gconstpointer value, const PlUsageWay *way)
{
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (code), value);
  PlTransRequest request = { .code = code, .body = body, .options = pl_node_direct_options (operation->node) };

  if (way)
    {
      request.has_via = pl_node_choose_first (operation->node, &operation->resource, way, &operation->trail);
      request.via = operation->trail.first;
      request.timeout = way->timeout;
    }
  request.to = pl_destination_resource (&operation->resource);
  operation->transaction = pl_trans_request (operation->node->trans, &request, on_answer, operation, NULL);
}

/* Signs it. */
static void
send_store (PlOperation *operation, const PlStoredDataValue *value, guint32 lifetime, const PlUsageWay *way)
{
  PlNode *node = operation->node;
  g_auto (PlStoreReq) store = { .resource = operation->resource };
  PlStoreKindData kind_data = { .kind = operation->kind };
  PlStoredData data = { 0 };

  data.storage_time = operation->time = pl_store_next_time (node->store);
  data.lifetime = lifetime;
  pl_stored_data_value_copy (&data.value, value);
  pl_identity_sign_value (node->identity, &operation->resource, operation->kind, &data, NULL);
  kind_data.values = pl_stored_data_list_new ();
  g_array_append_val (kind_data.values, data);
  store.kind_data = pl_store_kind_data_list_new ();
  g_array_append_val (store.kind_data, kind_data);
  operation_send (operation, PL_MESSAGE_STORE_REQ, &store, way);
}

static gpointer
net_store (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value,
           guint32 lifetime, PlStoreFunc func, gpointer user)
{
  PlOperation *operation = operation_new (impl, resource, kind, user);

  operation->stored = func;
  send_store (operation, value, lifetime, NULL);
  return operation;
}

static gpointer
net_try_store (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value,
               guint32 lifetime, const PlUsageWay *way, PlTryStoreFunc func, gpointer user)
{
  PlOperation *operation = operation_new (impl, resource, kind, user);

  operation->tried_store = func;
  send_store (operation, value, lifetime, way);
  return operation;
}

static void
add_specifier (PlNode *node, PlFetchReq *fetch, guint32 kind)
{
  PlStoredDataSpecifier specifier = { .kind = kind, .model = pl_node_model (kind, node) };
  PlArrayRange all = { 0, 0xffffffffu };

  if (specifier.model == PL_DATA_ARRAY)
    {
      specifier.indices = g_array_new (FALSE, FALSE, sizeof (PlArrayRange));
      g_array_append_val (specifier.indices, all);
    }
  else if (specifier.model == PL_DATA_DICTIONARY)
    specifier.keys = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_array_append_val (fetch->specifiers, specifier);
}

static gpointer
net_fetch (gpointer impl, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user)
{
  PlNode *node = impl;
  PlOperation *operation = operation_new (node, resource, kind, user);
  g_auto (PlFetchReq) fetch = { .resource = *resource };

  operation->fetched = func;
  fetch.specifiers = pl_stored_data_specifier_list_new ();
  add_specifier (node, &fetch, kind);
  operation_send (operation, PL_MESSAGE_FETCH_REQ, &fetch, NULL);
  return operation;
}

static gpointer
net_find (gpointer impl, const PlResourceId *resource, guint32 kind, PlFindFunc func, gpointer user)
{
  PlOperation *operation = operation_new (impl, resource, kind, user);
  g_auto (PlFindReq) find = { .resource = *resource };

  operation->found = func;
  find.kinds = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_append_val (find.kinds, kind);
  operation_send (operation, PL_MESSAGE_FIND_REQ, &find, NULL);
  return operation;
}

static void
net_cancel (gpointer impl, gpointer handle)
{
  PlOperation *operation = handle;

  if (!handle)
    return;
  if (operation->transaction)
    pl_trans_cancel (operation->transaction);
  pl_trace_cancel (operation->trace);
  operation_free (operation);
}

static void
net_note_time (gpointer impl, guint64 storage_time)
{
  pl_store_note_time (((PlNode *) impl)->store, storage_time);
}

static guint
net_places (gpointer impl)
{
  return ((PlNode *) impl)->document->registration_places;
}

static gboolean
net_entry (gpointer impl, PlNodeId *via)
{
  return pl_topology_guest_of (((PlNode *) impl)->topology, via);
}

static void
net_learned (gpointer impl, const PlNodeId *id, const PlNodeId *via)
{
  PlNode *node = impl;

  if (!via)
    {
      if (node->vias)
        g_hash_table_remove (node->vias, id);
      return;
    }
  if (!node->vias)
    node->vias = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, g_free, g_free);
  if (g_hash_table_size (node->vias) >= PL_NODE_VIAS_MAX)
    g_hash_table_remove_all (node->vias);
  g_hash_table_replace (node->vias, g_memdup2 (id, sizeof *id), g_memdup2 (via, sizeof *via));
}

static gboolean
net_allows (gpointer impl, const char *aor)
{
  return pl_document_allows_aor (pl_node_document (impl), aor);
}

static gpointer net_try_fetch (gpointer impl, const PlResourceId *resource, guint32 kind, const PlUsageWay *way,
                               PlTryFetchFunc func, gpointer user);

static const PlUsageFuncs usage_funcs = { net_store,  net_fetch, net_cancel,  net_note_time,
                                          net_places, net_entry, net_learned, net_allows,
                                          net_find,   net_try_store, net_try_fetch, pl_node_judge };

PlUsageNet
pl_node_usage_net (PlNode *node)
{
  return (PlUsageNet) { &usage_funcs, node };
}

void
pl_node_store (PlNode *node, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value,
               guint32 lifetime, PlStoreFunc func, gpointer user)
{
  net_store (node, resource, kind, value, lifetime, func, user);
}

void
pl_node_fetch (PlNode *node, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user)
{
  net_fetch (node, resource, kind, func, user);
}

/* --- iterative routing (4.3) --- */

static void
on_way (gpointer user, const PlHop *hop, gboolean last)
{
  PlOperation *operation = user;
  PlTransRequest request = { .code = PL_MESSAGE_FETCH_REQ, .body = operation->fetch, .has_via = TRUE, .via = hop->node };

  if (!last)
    return;
  operation->trace = NULL;
  if (hop->error)
    {
      report_error (operation, hop->error == PL_HOP_NO_ANSWER ? 0 : hop->error);
      operation_free (operation);
      return;
    }
  if (operation->until)
    request.timeout = MAX (operation->until - pl_env_now (operation->node->env), 1);
  request.to = pl_destination_resource (&operation->resource);
  operation->transaction = pl_trans_request (operation->node->trans, &request, on_answer, operation, NULL);
}

/* FALSE: too many under way. */
static gboolean
walk (PlOperation *operation, const PlNodeId *first, gint64 hop_time)
{
  PlNode *node = operation->node;
  PlDestination to = pl_destination_resource (&operation->resource);
  g_auto (PlFetchReq) fetch = { .resource = operation->resource };

  fetch.specifiers = pl_stored_data_specifier_list_new ();
  add_specifier (node, &fetch, operation->kind);
  operation->fetch = pl_body_write (pl_body_type (PL_MESSAGE_FETCH_REQ), &fetch);
  operation->trace = pl_node_route_iteratively (node, &to, first, hop_time, on_way, operation);
  return operation->trace != NULL;
}

gboolean
pl_node_fetch_iteratively (PlNode *node, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user)
{
  PlOperation *operation = operation_new (node, resource, kind, user);

  operation->fetched = func;
  if (walk (operation, NULL, 0))
    return TRUE;
  operation_free (operation);
  return FALSE;
}

static gpointer
net_try_fetch (gpointer impl, const PlResourceId *resource, guint32 kind, const PlUsageWay *way, PlTryFetchFunc func,
               gpointer user)
{
  PlNode *node = impl;
  PlOperation *operation = operation_new (node, resource, kind, user);
  g_auto (PlFetchReq) fetch = { .resource = *resource };

  operation->tried_fetch = func;
  if (way->iterative)
    {
      pl_node_choose_first (node, resource, way, &operation->trail);
      operation->until = pl_env_now (node->env) + way->timeout;
      if (walk (operation, operation->trail.has_first ? &operation->trail.first : NULL, PL_NODE_WAY_HOP_TIME))
        return operation;
      operation->trail = (PlUsageTrail) { 0 };
    }
  fetch.specifiers = pl_stored_data_specifier_list_new ();
  add_specifier (node, &fetch, kind);
  operation_send (operation, PL_MESSAGE_FETCH_REQ, &fetch, way);
  return operation;
}

/* --- what another holder has newer (7.4.1.1) --- */

static void
on_merge (gpointer user, const PlTransAnswer *answer)
{
  PlOperation *operation = user;
  PlNode *node = operation->node;
  g_auto (PlFetchAns) fetch = { 0 };

  if (answer && answer->error_code == 0
      && pl_body_read (pl_body_type (PL_MESSAGE_FETCH_ANS), answer->body, pl_node_model, node, &fetch) == PL_WIRE_OK
      && pl_store_merge (node->store, &operation->resource, &fetch, answer->certs) > 0)
    pl_topology_stored (node->topology, &operation->resource, &answer->signer);
  operation_free (operation);
}

void
pl_node_merge (PlNode *node, const PlNodeId *from, const PlResourceId *resource)
{
  PlOperation *operation = operation_new (node, resource, 0, NULL);
  g_auto (PlFetchReq) fetch = { .resource = *resource };
  g_autoptr (GBytes) body = NULL;
  PlTransRequest request = { .code = PL_MESSAGE_FETCH_REQ };

  fetch.specifiers = pl_stored_data_specifier_list_new ();
  for (guint i = 0; i < node->document->kinds->len; i++)
    add_specifier (node, &fetch, g_array_index (node->document->kinds, PlKind, i).id);
  body = pl_body_write (pl_body_type (PL_MESSAGE_FETCH_REQ), &fetch);
  request.body = body;
  request.to = pl_destination_node (from);
  operation->transaction = pl_trans_request (node->trans, &request, on_merge, operation, NULL);
}
