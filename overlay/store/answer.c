/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fetch, Stat and Find (RFC 6940 7.4.2 to 7.4.4). Stat is a Fetch whose values become metadata.
 */
#include "config.h"

#include "overlay/store/store-priv.h"

/* --- values of one kind --- */

static void
add_entry (PlStore *store, GArray *values, const PlEntry *entry)
{
  PlStoredData data = { 0 };

  pl_stored_data_copy (&data, &entry->record->data);
  data.lifetime = pl_entry_life (store, entry);
  g_array_append_val (values, data);
}

/* What nobody stored is said so, without a signature (7.4.2.2). */
static void
add_nothing (GArray *values, PlDataModel model, guint32 index, GBytes *key)
{
  PlStoredData data = { 0 };

  data.value.model = model;
  data.value.index = index;
  data.value.key = key ? g_bytes_ref (key) : NULL;
  pl_signature_init_none (&data.signature);
  g_array_append_val (values, data);
}

static void
get_single (PlStore *store, const PlKindData *kind, GArray *values)
{
  if (kind && kind->n_entries)
    add_entry (store, values, pl_kind_data_entry (kind, 0));
  else
    add_nothing (values, PL_DATA_SINGLE, 0, NULL);
}

static void
get_keys (PlStore *store, const PlKindData *kind, const PlStoredDataSpecifier *specifier, GArray *values)
{
  guint n_keys = specifier->keys ? specifier->keys->len : 0;
  guint made_up = 0;

  for (guint i = 0; n_keys == 0 && kind && i < kind->n_entries; i++)
    add_entry (store, values, pl_kind_data_entry (kind, i));
  for (guint i = 0; i < n_keys; i++)
    {
      PlStoredDataValue wanted = { 0 };
      int at;

      wanted.model = PL_DATA_DICTIONARY;
      wanted.key = g_ptr_array_index (specifier->keys, i);
      at = kind ? pl_kind_data_find (kind, &wanted) : -1;
      if (at >= 0)
        add_entry (store, values, pl_kind_data_entry (kind, (guint) at));
      else if (made_up++ < PL_STORE_SYNTHETIC_MAX)
        add_nothing (values, PL_DATA_DICTIONARY, 0, wanted.key);
    }
}

/* Ranges may end at "the final element"; gaps within the array, and a named range beyond its
 * end, are made up, but never more than a bound. */
static void
get_range (PlStore *store, const PlKindData *kind, const PlArrayRange *range, GArray *values)
{
  guint32 end = kind ? pl_kind_data_end (kind) : 0;
  guint32 first = range->first == PL_ARRAY_APPEND ? (end ? end - 1 : 0) : range->first;
  guint32 last = range->last;
  guint made_up = 0;

  if (last == PL_ARRAY_APPEND)
    {
      if (end == 0 || first >= end)
        return;
      last = end - 1;
    }
  for (guint32 i = first; i <= last && made_up < PL_STORE_SYNTHETIC_MAX; i++)
    {
      PlStoredDataValue wanted = { PL_DATA_ARRAY, i, NULL, { FALSE, NULL } };
      int at = kind ? pl_kind_data_find (kind, &wanted) : -1;

      if (at >= 0)
        add_entry (store, values, pl_kind_data_entry (kind, (guint) at));
      else
        {
          add_nothing (values, PL_DATA_ARRAY, i, NULL);
          made_up++;
        }
    }
}

static gboolean
ranges_good (const GArray *indices)
{
  for (guint i = 0; indices && i < indices->len; i++)
    {
      const PlArrayRange *a = &g_array_index (indices, PlArrayRange, i);

      if (a->first > a->last)
        return FALSE;
      for (guint j = 0; j < i; j++)
        {
          const PlArrayRange *b = &g_array_index (indices, PlArrayRange, j);

          if (a->first <= b->last && b->first <= a->last)
            return FALSE;
        }
    }
  return TRUE;
}

static void
get_values (PlStore *store, const PlKindData *kind, const PlStoredDataSpecifier *specifier, PlDataModel model,
            GArray *values)
{
  if (kind && specifier->generation && specifier->generation == kind->generation)
    return;
  switch (model)
    {
    case PL_DATA_SINGLE:
      get_single (store, kind, values);
      break;
    case PL_DATA_ARRAY:
      for (guint i = 0; specifier->indices && i < specifier->indices->len; i++)
        get_range (store, kind, &g_array_index (specifier->indices, PlArrayRange, i), values);
      break;
    case PL_DATA_DICTIONARY:
      get_keys (store, kind, specifier, values);
      break;
    }
}

/* --- Fetch --- */

static guint16
check_specifiers (PlStore *store, const GArray *specifiers, GBytes **info)
{
  g_autoptr (GArray) unknown = g_array_new (FALSE, FALSE, sizeof (guint32));

  if (specifiers->len > PL_STORE_KINDS_MAX)
    return PL_ERROR_INVALID_MESSAGE;
  for (guint i = 0; i < specifiers->len; i++)
    {
      const PlStoredDataSpecifier *specifier = &g_array_index (specifiers, PlStoredDataSpecifier, i);
      const PlKind *def = pl_document_kind (store->document, specifier->kind);

      if (!def)
        g_array_append_val (unknown, specifier->kind);
      else if (specifier->model != def->model || !ranges_good (specifier->indices))
        return PL_ERROR_INVALID_MESSAGE;
    }
  if (unknown->len == 0)
    return 0;
  *info = pl_unknown_kinds_write (unknown);
  return PL_ERROR_UNKNOWN_KIND;
}

guint16
pl_store_get (PlStore *store, const PlFetchReq *request, PlFetchAns *answer, GBytes **info)
{
  const PlResource *resource = pl_store_resource (store, &request->resource);
  guint16 code = check_specifiers (store, request->specifiers, info);

  if (code)
    return code;
  answer->kind_responses = pl_fetch_kind_response_list_new ();
  for (guint i = 0; i < request->specifiers->len; i++)
    {
      const PlStoredDataSpecifier *specifier = &g_array_index (request->specifiers, PlStoredDataSpecifier, i);
      const PlKindData *kind = pl_resource_kind (resource, specifier->kind);
      PlFetchKindResponse response = { 0 };

      response.kind = specifier->kind;
      response.generation = kind ? kind->generation : 0;
      response.values = pl_stored_data_list_new ();
      get_values (store, kind, specifier, specifier->model, response.values);
      g_array_append_val (answer->kind_responses, response);
    }
  return 0;
}

/* --- Stat --- */

guint16
pl_store_stat (PlStore *store, const PlStatReq *request, PlStatAns *answer, GBytes **info)
{
  g_auto (PlFetchAns) fetched = { 0 };
  guint16 code = pl_store_get (store, request, &fetched, info);

  if (code)
    return code;
  answer->kind_responses = pl_stat_kind_response_list_new ();
  for (guint i = 0; i < fetched.kind_responses->len; i++)
    {
      const PlFetchKindResponse *from = &g_array_index (fetched.kind_responses, PlFetchKindResponse, i);
      PlStatKindResponse to = { 0 };

      to.kind = from->kind;
      to.generation = from->generation;
      to.values = pl_stored_meta_data_list_new ();
      for (guint j = 0; j < from->values->len; j++)
        {
          PlStoredMetaData meta = { 0 };

          pl_stored_meta_data_from (&meta, &g_array_index (from->values, PlStoredData, j));
          g_array_append_val (to.values, meta);
        }
      g_array_append_val (answer->kind_responses, to);
    }
  return 0;
}

/* --- Find --- */

/* The next one going up the ring from `place`, itself included: so that nearest (1 + R) walks
 * through all of them (7.4.4). */
static void
find_closest (PlStore *store, const PlNodeId *place, guint32 kind, PlResourceId *closest)
{
  GHashTableIter iter;
  gpointer value;
  PlNodeId best = { { 0 } };
  gboolean any = FALSE;

  g_hash_table_iter_init (&iter, store->resources);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const PlResource *resource = pl_resource_of (value);
      PlNodeId at, way;

      if (!pl_resource_kind (resource, kind) || !pl_resource_id_to_node_id (&resource->id, &at))
        continue;
      way = pl_node_id_sub (&at, place);
      if (any && pl_node_id_compare (&way, &best) >= 0)
        continue;
      best = way;
      any = TRUE;
      pl_resource_dup_id (resource, closest);
    }
}

guint16
pl_store_find (PlStore *store, const PlFindReq *request, PlFindAns *answer, GBytes **info)
{
  PlNodeId place;

  *info = NULL;
  if (!pl_resource_id_to_node_id (&request->resource, &place))
    return PL_ERROR_NOT_FOUND;
  for (guint i = 0; i < request->kinds->len; i++)
    for (guint j = 0; j < i; j++)
      if (g_array_index (request->kinds, guint32, i) == g_array_index (request->kinds, guint32, j))
        return PL_ERROR_INVALID_MESSAGE;
  answer->results = pl_find_kind_data_list_new ();
  for (guint i = 0; i < request->kinds->len; i++)
    {
      PlFindKindData data = { 0 };

      data.kind = g_array_index (request->kinds, guint32, i);
      data.closest.len = PL_NODE_ID_LEN;
      if (pl_document_kind (store->document, data.kind)) /* each one is a walk through all there is */
        find_closest (store, &place, data.kind, &data.closest);
      g_array_append_val (answer->results, data);
    }
  return 0;
}
