/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The checks of a Store in the order of what they cost (RFC 6940 7.4.1.1), on a copy of the
 * resource that replaces it only when every value passed.
 */
#include "config.h"

#include "overlay/store/store-priv.h"

#include "base/log.h"

#define COPIES_FACTOR 3     /* what we hold for ourselves and for two others (10.4) */
#define SIGNATURE_SLACK 16  /* ECDSA signatures differ in length */

/* --- one value --- */

static guint
count_existing (const PlKindData *kind)
{
  guint n = 0;

  for (guint i = 0; i < kind->n_entries; i++)
    n += pl_kind_data_entry (kind, i)->record->data.value.value.exists ? 1 : 0;
  return n;
}

/* Appending the same signed value a second time would be a replay that replaces nothing and so
 * passes every comparison of storage times. */
static gboolean
holds_same (const PlKindData *kind, const PlStoredData *data)
{
  for (guint i = 0; i < kind->n_entries; i++)
    if (pl_entry_same (pl_kind_data_entry (kind, i), data))
      return TRUE;
  return FALSE;
}

/* Where in the array an append goes; the value's own index otherwise. */
static guint32
place_of (const PlKindData *kind, const PlStoredDataValue *value)
{
  if (value->model == PL_DATA_ARRAY && value->index == PL_ARRAY_APPEND)
    return pl_kind_data_end (kind);
  return value->index;
}

static guint
max_count (const PlKind *def)
{
  if (def->model == PL_DATA_SINGLE)
    return 1;
  return def->max_count == 0 ? PL_STORE_COUNT_MAX : MIN (def->max_count, PL_STORE_COUNT_MAX);
}

/* max-size counts a value, max-count the values there are (11.1). Removed ones count apart, or
 * a removal would keep another device out until it ages; the place in an array counts, because
 * gaps are made up in answers. */
static gboolean
within_limits (const PlKindData *kind, const PlKind *def, const PlStoredData *data, int old)
{
  guint max = max_count (def);
  const PlEntry *entry = old >= 0 ? pl_kind_data_entry (kind, (guint) old) : NULL;
  guint existing = count_existing (kind) - (entry && entry->record->data.value.value.exists ? 1 : 0);

  if (def->max_size && pl_stored_data_size (data) > def->max_size)
    return FALSE;
  if (def->model == PL_DATA_ARRAY && place_of (kind, &data->value) >= max)
    return FALSE;
  if (data->value.value.exists && existing >= max)
    return FALSE;
  return old >= 0 || kind->n_entries < PL_STORE_COUNT_MAX;
}

/* How a value compares with what is in its place: 0 goes on, an error code, or -1: leave it. */
static int
compare_times (const PlKindData *kind, const PlStoredData *data, int old, PlTake take)
{
  const PlEntry *entry = old >= 0 ? pl_kind_data_entry (kind, (guint) old) : NULL;

  if (holds_same (kind, data))
    return take == PL_TAKE_ORIGINAL ? PL_ERROR_DATA_TOO_OLD : -1;
  if (!entry || data->storage_time > entry->record->data.storage_time)
    return 0;
  return take == PL_TAKE_MERGE ? -1 : PL_ERROR_DATA_TOO_OLD;
}

static guint16
verify_value (PlStore *store, const PlResourceId *resource, const PlKind *def, const PlStoredData *data,
              GPtrArray *certs, PlCert **cert, PlNodeId *signer)
{
  g_autoptr (GError) error = NULL;

  if (pl_signature_is_none (&data->signature) || data->signature.identity.type == PL_SIGNER_NONE
      || data->signature.hash_alg == PL_HASH_NONE || data->signature.sign_alg == PL_SIGN_ANONYMOUS)
    return PL_ERROR_FORBIDDEN;
  *cert = pl_trust_verify_value (store->trust, certs, resource, def->id, data, signer, &error);
  if (!*cert)
    {
      pl_info ("store", "value refused", "reason", error->message, NULL);
      return PL_ERROR_FORBIDDEN;
    }
  if (!pl_policy_allows (def, resource, *cert, signer, &data->value))
    {
      pl_info ("store", "value refused", "reason", "its signer may not write here", NULL);
      return PL_ERROR_FORBIDDEN;
    }
  if ((def->id == PL_KIND_SIP_REGISTRATION || def->id == PL_KIND_REGISTRATION_COPY)
      && !pl_document_allows_aor (store->document, pl_cert_aor (*cert))) /* has one: the policy saw to it */
    {
      pl_info ("store", "value refused", "reason", "its domain is not one of the overlay's", NULL);
      return PL_ERROR_FORBIDDEN;
    }
  return 0;
}

/* Each signer has so much here, whatever the places and Kinds. What takes the place of something as
 * large is never refused: registrations go on, and can be removed. */
static gboolean
signer_has_room (PlStore *store, const PlKindData *kind, const PlStoredData *data, int old, PlTake take)
{
  gsize max = store->limits.signer * (take == PL_TAKE_ORIGINAL ? 1 : COPIES_FACTOR);
  gsize bytes = pl_stored_data_bytes (data);
  gsize before = old >= 0 ? pl_kind_data_entry (kind, (guint) old)->record->bytes + SIGNATURE_SLACK : 0;

  return max == 0 || bytes <= before
         || pl_pool_signer_bytes (store->pool, &data->signature.identity) + bytes <= max + before;
}

guint16
pl_store_take (PlStore *store, PlResource *copy, const PlKind *def, const PlStoredData *data, GPtrArray *certs,
               PlTake take, gboolean *changed)
{
  PlKindData *kind = pl_resource_kind (copy, def->id);
  g_autoptr (PlCert) cert = NULL;
  PlNodeId signer;
  PlStoredData placed = *data;
  guint16 code;
  int old, order;

  if (data->value.model != def->model)
    return PL_ERROR_INVALID_MESSAGE;
  if (!kind)
    kind = pl_resource_add_kind (copy, def->id, def->model);
  old = pl_kind_data_find (kind, &data->value);
  order = compare_times (kind, data, old, take);
  if (order != 0)
    return order < 0 ? 0 : (guint16) order;
  if (!within_limits (kind, def, data, old))
    return PL_ERROR_DATA_TOO_LARGE;
  code = verify_value (store, &copy->id, def, data, certs, &cert, &signer);
  if (code)
    return code;
  if (!signer_has_room (store, kind, data, old, take))
    return PL_ERROR_DATA_TOO_LARGE;
  placed.value.index = place_of (kind, &data->value);
  pl_kind_data_put (kind, pl_entry_make (store, &placed, cert, &signer, pl_store_life_of (store, data->lifetime, cert)));
  *changed = TRUE;
  return 0;
}

/* --- the request --- */

static guint16
check_kinds (PlStore *store, const PlStoreReq *request, GBytes **info)
{
  g_autoptr (GArray) unknown = g_array_new (FALSE, FALSE, sizeof (guint32));

  if (request->kind_data->len > PL_STORE_KINDS_MAX)
    return PL_ERROR_INVALID_MESSAGE;
  for (guint i = 0; i < request->kind_data->len; i++)
    {
      const PlStoreKindData *data = &g_array_index (request->kind_data, PlStoreKindData, i);

      for (guint j = 0; j < i; j++)
        if (g_array_index (request->kind_data, PlStoreKindData, j).kind == data->kind)
          return PL_ERROR_INVALID_MESSAGE;
      if (data->unknown || !pl_document_kind (store->document, data->kind))
        g_array_append_val (unknown, data->kind);
    }
  if (unknown->len == 0)
    return 0;
  *info = pl_unknown_kinds_write (unknown);
  return PL_ERROR_UNKNOWN_KIND;
}

static guint64
generation_of (const PlResource *resource, guint32 kind)
{
  const PlKindData *data = pl_resource_kind (resource, kind);

  return data ? data->generation : 0;
}

static guint16
check_generations (const PlResource *resource, const PlStoreReq *request)
{
  for (guint i = 0; i < request->kind_data->len; i++)
    {
      const PlStoreKindData *data = &g_array_index (request->kind_data, PlStoreKindData, i);

      if (request->replica_number == 0)
        {
          if (data->generation_counter && data->generation_counter != generation_of (resource, data->kind))
            return PL_ERROR_GENERATION_COUNTER_TOO_LOW;
        }
      else if (data->generation_counter == 0)
        return PL_ERROR_INVALID_MESSAGE;
    }
  return 0;
}

static void
fill_answer (const PlResource *resource, const PlStoreReq *request, PlStoreAns *answer)
{
  answer->kind_responses = pl_store_kind_response_list_new ();
  for (guint i = 0; i < request->kind_data->len; i++)
    {
      PlStoreKindResponse response = { 0 };

      response.kind = g_array_index (request->kind_data, PlStoreKindData, i).kind;
      response.generation_counter = generation_of (resource, response.kind);
      g_array_append_val (answer->kind_responses, response);
    }
}

/* error_info of Generation_Counter_Too_Low: the answer with the counters as they are (7.4.1.2). */
static GBytes *
counters_info (const PlResource *resource, const PlStoreReq *request)
{
  g_auto (PlStoreAns) answer = { 0 };
  g_auto (PlWriter) writer = { 0 };

  fill_answer (resource, request, &answer);
  pl_writer_init (&writer);
  pl_store_ans_write (&writer, &answer);
  return pl_writer_finish (&writer);
}

/* The StoreReq's own signer conforms to the policy of each value too (7.3). */
static gboolean
sender_allowed (const PlStoreReq *request, const PlKind *def, const PlStoreKindData *data, PlCert *cert,
                const PlNodeId *signer)
{
  for (guint i = 0; i < data->values->len; i++)
    if (!pl_policy_allows (def, &request->resource, cert, signer, &g_array_index (data->values, PlStoredData, i).value))
      return FALSE;
  return TRUE;
}

static guint16
put_kind (PlStore *store, PlResource *copy, const PlStoreKindData *data, GPtrArray *certs, gboolean replica)
{
  const PlKind *def = pl_document_kind (store->document, data->kind);
  PlTake take = replica ? PL_TAKE_REPLICA : PL_TAKE_ORIGINAL;
  gboolean changed = FALSE;
  PlKindData *kind;

  for (guint i = 0; i < data->values->len; i++)
    {
      guint16 code = pl_store_take (store, copy, def, &g_array_index (data->values, PlStoredData, i), certs, take,
                                    &changed);

      if (code)
        return code;
    }
  kind = pl_resource_kind (copy, data->kind);
  if (!kind)
    return 0;
  if (replica)
    kind->generation = data->generation_counter;
  else if (changed)
    kind->generation++;
  return 0;
}

static guint16
put_all (PlStore *store, PlResource *copy, const PlStoreReq *request, PlCert *signer_cert, const PlNodeId *signer,
         GPtrArray *certs)
{
  guint16 code = 0;

  for (guint i = 0; i < request->kind_data->len && !code; i++)
    {
      const PlStoreKindData *data = &g_array_index (request->kind_data, PlStoreKindData, i);
      const PlKind *def = pl_document_kind (store->document, data->kind);

      if (request->replica_number == 0 && !sender_allowed (request, def, data, signer_cert, signer))
        code = PL_ERROR_FORBIDDEN;
      else
        code = put_kind (store, copy, data, certs, request->replica_number != 0);
    }
  return code;
}

guint16
pl_store_put (PlStore *store, const PlStoreReq *request, PlCert *signer_cert, const PlNodeId *signer, GPtrArray *certs,
              PlStoreAns *answer, GBytes **info)
{
  PlResource *old = pl_store_resource (store, &request->resource);
  PlResource *copy;
  guint16 code = check_kinds (store, request, info);

  if (code)
    return code;
  code = check_generations (old, request);
  if (code == PL_ERROR_GENERATION_COUNTER_TOO_LOW)
    *info = counters_info (old, request);
  if (code)
    return code;
  copy = old ? pl_resource_copy (old) : pl_resource_new (&request->resource);
  code = put_all (store, copy, request, signer_cert, signer, certs);
  if (code)
    {
      pl_resource_free (copy);
      return code;
    }
  if (!pl_store_commit (store, copy))
    return PL_ERROR_DATA_TOO_LARGE;
  fill_answer (pl_store_resource (store, &request->resource), request, answer);
  return 0;
}
