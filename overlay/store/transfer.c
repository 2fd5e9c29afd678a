/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Passing resources on and taking them from other holders (RFC 6940 7.4.1.1, 10.4), and the
 * certificates that go with values.
 */
#include "config.h"

#include "overlay/store/store-priv.h"

/* --- certificates --- */

static void
add_cert (GPtrArray *certs, PlCert *cert)
{
  for (guint i = 0; i < certs->len; i++)
    if (g_bytes_equal (pl_cert_der (g_ptr_array_index (certs, i)), pl_cert_der (cert)))
      return;
  g_ptr_array_add (certs, pl_cert_ref (cert));
}

static GPtrArray *
certs_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) pl_cert_unref);
}

static void
add_signers (PlStore *store, GPtrArray *certs, const GArray *values)
{
  for (guint i = 0; values && i < values->len; i++)
    {
      const PlStoredData *data = &g_array_index (values, PlStoredData, i);
      PlCert *cert = pl_pool_signer (store->pool, &data->signature.identity);

      if (cert)
        add_cert (certs, cert);
    }
}

GPtrArray *
pl_store_dup_certs (PlStore *store, const PlResourceId *id)
{
  const PlResource *resource = pl_store_resource (store, id);
  GPtrArray *certs = certs_new ();

  for (guint i = 0; resource && i < resource->n_kinds; i++)
    {
      const PlKindData *kind = pl_resource_nth_kind (resource, i);

      for (guint j = 0; j < kind->n_entries; j++)
        add_cert (certs, pl_kind_data_entry (kind, j)->record->cert);
    }
  return certs;
}

GPtrArray *
pl_store_dup_certs_of_request (PlStore *store, const PlStoreReq *request)
{
  GPtrArray *certs = certs_new ();

  for (guint i = 0; request->kind_data && i < request->kind_data->len; i++)
    add_signers (store, certs, g_array_index (request->kind_data, PlStoreKindData, i).values);
  return certs;
}

GPtrArray *
pl_store_dup_certs_of_answer (PlStore *store, const PlFetchAns *answer)
{
  GPtrArray *certs = certs_new ();

  for (guint i = 0; answer->kind_responses && i < answer->kind_responses->len; i++)
    add_signers (store, certs, g_array_index (answer->kind_responses, PlFetchKindResponse, i).values);
  return certs;
}

/* --- passing on --- */

static void
request_free (gpointer data)
{
  pl_store_req_clear (data);
  g_free (data);
}

typedef struct {
  GPtrArray *requests;
  const PlResource *resource;
  guint8 replica_number;
  gsize max_bytes;
  gsize bytes;               /* in the last request */
} Transfer;

static PlStoreReq *
add_request (Transfer *transfer)
{
  PlStoreReq *request = g_new0 (PlStoreReq, 1);

  pl_resource_dup_id (transfer->resource, &request->resource);
  request->replica_number = transfer->replica_number;
  request->kind_data = pl_store_kind_data_list_new ();
  g_ptr_array_add (transfer->requests, request);
  transfer->bytes = 0;
  return request;
}

static GArray *
values_of_kind (PlStoreReq *request, const PlKindData *kind)
{
  PlStoreKindData data = { 0 };
  PlStoreKindData *last;

  if (request->kind_data->len > 0)
    {
      last = &g_array_index (request->kind_data, PlStoreKindData, request->kind_data->len - 1);
      if (last->kind == kind->kind)
        return last->values;
    }
  data.kind = kind->kind;
  data.generation_counter = MAX (kind->generation, 1);
  data.values = pl_stored_data_list_new ();
  g_array_append_val (request->kind_data, data);
  return data.values;
}

static void
add_value (Transfer *transfer, PlStore *store, const PlKindData *kind, const PlEntry *entry)
{
  PlStoreReq *request = NULL;
  PlStoredData data = { 0 };
  gsize bytes = entry->record->bytes;

  if (transfer->requests->len > 0 && transfer->bytes <= transfer->max_bytes
      && bytes <= transfer->max_bytes - transfer->bytes)
    request = g_ptr_array_index (transfer->requests, transfer->requests->len - 1);
  if (!request)
    request = add_request (transfer);
  transfer->bytes += bytes;
  pl_stored_data_copy (&data, &entry->record->data);
  data.lifetime = pl_entry_life (store, entry);
  g_array_append_val (values_of_kind (request, kind), data);
}

GPtrArray *
pl_store_dup_transfers (PlStore *store, const PlResourceId *id, guint8 replica_number, gsize max_bytes)
{
  Transfer transfer = { NULL, pl_store_resource (store, id), replica_number, max_bytes, 0 };

  transfer.requests = g_ptr_array_new_with_free_func (request_free);
  for (guint i = 0; transfer.resource && i < transfer.resource->n_kinds; i++)
    {
      const PlKindData *kind = pl_resource_nth_kind (transfer.resource, i);

      for (guint j = 0; j < kind->n_entries; j++)
        add_value (&transfer, store, kind, pl_kind_data_entry (kind, j));
    }
  return transfer.requests;
}

/* --- taking newer data --- */

static guint
merge_kind (PlStore *store, PlResource *copy, const PlFetchKindResponse *response, GPtrArray *certs)
{
  const PlKind *def = pl_document_kind (store->document, response->kind);
  PlKindData *kind;
  guint taken = 0;

  for (guint i = 0; def && response->values && i < response->values->len; i++)
    {
      gboolean changed = FALSE;

      /* A value that does not pass is left out, the others are taken (7.4.2.2). */
      pl_store_take (store, copy, def, &g_array_index (response->values, PlStoredData, i), certs, PL_TAKE_MERGE,
                     &changed);
      taken += changed ? 1 : 0;
    }
  kind = pl_resource_kind (copy, response->kind);
  if (taken && kind)
    kind->generation = MAX (kind->generation + 1, response->generation);
  return taken;
}

guint
pl_store_merge (PlStore *store, const PlResourceId *id, const PlFetchAns *answer, GPtrArray *certs)
{
  const PlResource *old = pl_store_resource (store, id);
  PlResource *copy = old ? pl_resource_copy (old) : pl_resource_new (id);
  guint taken = 0;

  for (guint i = 0; answer->kind_responses && i < answer->kind_responses->len; i++)
    taken += merge_kind (store, copy, &g_array_index (answer->kind_responses, PlFetchKindResponse, i), certs);
  if (taken == 0)
    {
      pl_resource_free (copy);
      return 0;
    }
  return pl_store_commit (store, copy) ? taken : 0;
}
