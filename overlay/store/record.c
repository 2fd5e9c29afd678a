/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/store/store-priv.h"

#include <string.h>

/* In memory of its own: as it was received it would keep all of its message. NULL stays NULL. */
static GBytes *
bytes_dup (GBytes *bytes)
{
  return bytes ? g_bytes_new (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
}

/* --- signers --- */

static void
signer_free (gpointer data)
{
  PlSigner *signer = data;

  g_bytes_unref (signer->hash);
  pl_cert_unref (signer->cert);
  g_free (signer);
}

PlCert *
pl_pool_signer (PlPool *pool, const PlSignerIdentity *identity)
{
  PlSigner *signer = identity->hash ? g_hash_table_lookup (pool->signers, identity->hash) : NULL;

  return signer ? signer->cert : NULL;
}

gsize
pl_pool_signer_bytes (PlPool *pool, const PlSignerIdentity *identity)
{
  PlSigner *signer = identity->hash ? g_hash_table_lookup (pool->signers, identity->hash) : NULL;

  return signer ? signer->bytes : 0;
}

/* The hash in memory that all of its values share. */
static GBytes *
signer_use (PlPool *pool, GBytes *hash, PlCert *cert, gsize bytes)
{
  PlSigner *signer = g_hash_table_lookup (pool->signers, hash);

  if (!signer)
    {
      signer = g_new0 (PlSigner, 1);
      signer->hash = bytes_dup (hash);
      signer->cert = pl_cert_ref (cert);
      g_hash_table_insert (pool->signers, signer->hash, signer);
    }
  signer->uses++;
  signer->bytes += bytes;
  return g_bytes_ref (signer->hash);
}

static void
signer_unuse (PlPool *pool, GBytes *hash, gsize bytes)
{
  PlSigner *signer = g_hash_table_lookup (pool->signers, hash);

  if (!signer)
    return;
  signer->bytes -= bytes;
  if (--signer->uses == 0)
    g_hash_table_remove (pool->signers, hash);
}

/* --- values --- */

static gsize
size_of (GBytes *bytes)
{
  return bytes ? g_bytes_get_size (bytes) : 0;
}

static gboolean
bytes_same (GBytes *a, GBytes *b)
{
  if (size_of (a) == 0 || size_of (b) == 0)
    return size_of (a) == size_of (b);
  return a == b || g_bytes_equal (a, b);
}

static gboolean
data_same (const PlStoredData *have, const PlStoredData *data)
{
  return have->storage_time == data->storage_time && have->value.value.exists == data->value.value.exists
         && bytes_same (have->value.value.value, data->value.value.value)
         && bytes_same (have->value.key, data->value.key)
         && have->signature.hash_alg == data->signature.hash_alg
         && have->signature.sign_alg == data->signature.sign_alg
         && have->signature.identity.type == data->signature.identity.type
         && bytes_same (have->signature.identity.hash, data->signature.identity.hash)
         && bytes_same (have->signature.value, data->signature.value);
}

static guint
record_hash (gconstpointer p)
{
  const PlRecord *record = p;

  return record->data.signature.value ? g_bytes_hash (record->data.signature.value) : 0;
}

static gboolean
record_equal (gconstpointer a, gconstpointer b)
{
  const PlRecord *x = a, *y = b;

  return data_same (&x->data, &y->data) && x->data.value.model == y->data.value.model
         && x->data.value.index == y->data.value.index && pl_node_id_equal (&x->signer, &y->signer)
         && g_bytes_equal (pl_cert_der (x->cert), pl_cert_der (y->cert));
}

/* What certificates store is themselves, and they are in memory already. */
static void
copy_compact (PlStoredData *copy, const PlStoredData *data, PlCert *cert)
{
  *copy = *data;
  copy->value_bytes = NULL;
  copy->value.key = bytes_dup (data->value.key);
  if (data->value.value.value && g_bytes_equal (data->value.value.value, pl_cert_der (cert)))
    copy->value.value.value = g_bytes_ref (pl_cert_der (cert));
  else
    copy->value.value.value = bytes_dup (data->value.value.value);
  copy->signature.value = bytes_dup (data->signature.value);
}

gsize
pl_stored_data_bytes (const PlStoredData *data)
{
  return PL_STORE_ENTRY_OVERHEAD + size_of (data->value.key) + size_of (data->value.value.value)
         + size_of (data->signature.value);
}

static PlRecord *
record_new (PlPool *pool, const PlRecord *like)
{
  PlRecord *record = g_new (PlRecord, 1);
  const PlStoredData *data = &like->data;

  *record = *like;
  record->refs = 1;
  record->pool = pool;
  record->bytes = pl_stored_data_bytes (data);
  copy_compact (&record->data, data, like->cert);
  record->cert = pl_cert_ref (like->cert);
  if (data->signature.identity.hash)
    record->data.signature.identity.hash = signer_use (pool, data->signature.identity.hash, like->cert, record->bytes);
  g_hash_table_add (pool->records, record);
  return record;
}

static void
record_unref (PlRecord *record)
{
  if (--record->refs > 0)
    return;
  g_hash_table_remove (record->pool->records, record);
  if (record->data.signature.identity.hash)
    signer_unuse (record->pool, record->data.signature.identity.hash, record->bytes);
  pl_stored_data_clear (&record->data);
  pl_cert_unref (record->cert);
  g_free (record);
}

/* --- pools --- */

PlPool *
pl_pool_new (void)
{
  PlPool *pool = g_new0 (PlPool, 1);

  pool->refs = 1;
  pool->signers = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, NULL, signer_free);
  pool->records = g_hash_table_new (record_hash, record_equal);
  return pool;
}

PlPool *
pl_pool_ref (PlPool *pool)
{
  pool->refs++;
  return pool;
}

void
pl_pool_unref (PlPool *pool)
{
  if (--pool->refs > 0)
    return;
  g_hash_table_unref (pool->records);
  g_hash_table_unref (pool->signers);
  g_free (pool);
}

/* --- entries --- */

PlEntry
pl_entry_make (PlStore *store, const PlStoredData *data, PlCert *cert, const PlNodeId *signer, gint64 life)
{
  PlRecord like = { .data = *data, .cert = cert, .signer = *signer };
  PlRecord *record = g_hash_table_lookup (store->pool->records, &like);

  if (record)
    record->refs++;
  else
    record = record_new (store->pool, &like);
  return (PlEntry) { record, pl_env_now (store->env) + life };
}

gboolean
pl_entry_same (const PlEntry *entry, const PlStoredData *data)
{
  return data_same (&entry->record->data, data);
}

guint32
pl_entry_life (PlStore *store, const PlEntry *entry)
{
  gint64 left = entry->expires - pl_env_now (store->env);

  return left <= 0 ? 0 : (left + PL_USEC_PER_SEC - 1) / PL_USEC_PER_SEC;
}

/* A value is not valid beyond its signer's certificate (7.1), so it is not kept longer. */
gint64
pl_store_life_of (PlStore *store, guint32 lifetime, const PlCert *cert)
{
  gint64 life = lifetime * PL_USEC_PER_SEC;
  gint64 valid = pl_cert_not_after (cert) - pl_env_wall (store->env) / PL_USEC_PER_SEC;

  return MIN (life, MAX (valid, 0) * PL_USEC_PER_SEC);
}

/* --- kinds --- */

PlKindData *
pl_resource_add_kind (PlResource *resource, guint32 kind, PlDataModel model)
{
  resource->kinds = g_renew (PlKindData, resource->kinds, resource->n_kinds + 1);
  resource->kinds[resource->n_kinds] = (PlKindData) { .kind = kind, .model = model };
  return &resource->kinds[resource->n_kinds++];
}

static void
kind_data_clear (PlKindData *kind)
{
  for (guint i = 0; i < kind->n_entries; i++)
    record_unref (kind->entries[i].record);
  g_free (kind->entries);
}

void
pl_resource_remove_kind (PlResource *resource, guint i)
{
  kind_data_clear (&resource->kinds[i]);
  resource->n_kinds--;
  memmove (&resource->kinds[i], &resource->kinds[i + 1], (resource->n_kinds - i) * sizeof (PlKindData));
}

void
pl_kind_data_remove (PlKindData *kind, guint i)
{
  record_unref (kind->entries[i].record);
  kind->n_entries--;
  memmove (&kind->entries[i], &kind->entries[i + 1], (kind->n_entries - i) * sizeof (PlEntry));
}

static void
insert_entry (PlKindData *kind, guint i, PlEntry entry)
{
  kind->entries = g_renew (PlEntry, kind->entries, kind->n_entries + 1);
  memmove (&kind->entries[i + 1], &kind->entries[i], (kind->n_entries - i) * sizeof (PlEntry));
  kind->entries[i] = entry;
  kind->n_entries++;
}

int
pl_kind_data_find (const PlKindData *kind, const PlStoredDataValue *value)
{
  for (guint i = 0; i < kind->n_entries; i++)
    if (pl_stored_data_value_same_entry (&pl_kind_data_entry (kind, i)->record->data.value, value))
      return (int) i;
  return -1;
}

static guint32
index_at (const PlKindData *kind, guint i)
{
  return pl_kind_data_entry (kind, i)->record->data.value.index;
}

void
pl_kind_data_put (PlKindData *kind, PlEntry entry)
{
  const PlStoredDataValue *value = &entry.record->data.value;
  int at = pl_kind_data_find (kind, value);
  guint i = 0;

  if (at >= 0)
    pl_kind_data_remove (kind, (guint) at);
  i = at >= 0 ? (guint) at : kind->n_entries;
  while (kind->model == PL_DATA_ARRAY && i > 0 && index_at (kind, i - 1) > value->index)
    i--;
  insert_entry (kind, i, entry);
}

guint32
pl_kind_data_end (const PlKindData *kind)
{
  if (kind->model != PL_DATA_ARRAY || kind->n_entries == 0)
    return 0;
  return index_at (kind, kind->n_entries - 1) + 1;
}

/* --- resources --- */

PlResource *
pl_resource_new (const PlResourceId *id)
{
  PlResource *resource = g_malloc0 (G_STRUCT_OFFSET (PlResource, id.b) + id->len);

  memcpy (&resource->id, id, G_STRUCT_OFFSET (PlResourceId, b) + id->len);
  return resource;
}

void
pl_resource_dup_id (const PlResource *resource, PlResourceId *id)
{
  memset (id, 0, sizeof *id);
  memcpy (id, &resource->id, G_STRUCT_OFFSET (PlResourceId, b) + resource->id.len);
}

PlResource *
pl_resource_copy (const PlResource *resource)
{
  PlResource *copy;

  if (!resource)
    return NULL;
  copy = pl_resource_new (&resource->id);
  copy->bytes = resource->bytes;
  for (guint i = 0; i < resource->n_kinds; i++)
    {
      const PlKindData *from = pl_resource_nth_kind (resource, i);
      PlKindData *to = pl_resource_add_kind (copy, from->kind, from->model);

      to->generation = from->generation;
      to->entries = g_memdup2 (from->entries, from->n_entries * sizeof (PlEntry));
      to->n_entries = from->n_entries;
      for (guint j = 0; j < to->n_entries; j++)
        to->entries[j].record->refs++;
    }
  return copy;
}

void
pl_resource_free (PlResource *resource)
{
  if (!resource)
    return;
  for (guint i = 0; i < resource->n_kinds; i++)
    kind_data_clear (&resource->kinds[i]);
  g_free (resource->kinds);
  g_free (resource);
}

PlKindData *
pl_resource_kind (const PlResource *resource, guint32 kind)
{
  for (guint i = 0; resource && i < resource->n_kinds; i++)
    if (pl_resource_nth_kind (resource, i)->kind == kind)
      return pl_resource_nth_kind (resource, i);
  return NULL;
}

/* An expired value makes the counter rise as well: a Fetch with the old generation must see
 * that something is gone. */
gboolean
pl_resource_expire (PlResource *resource, gint64 now)
{
  gboolean any = FALSE;

  for (guint i = resource->n_kinds; i > 0; i--)
    {
      PlKindData *data = pl_resource_nth_kind (resource, i - 1);
      guint before = data->n_entries;

      for (guint j = before; j > 0; j--)
        if (pl_kind_data_entry (data, j - 1)->expires <= now)
          pl_kind_data_remove (data, j - 1);
      if (data->n_entries == before)
        continue;
      any = TRUE;
      data->generation++;
      if (data->n_entries == 0)
        pl_resource_remove_kind (resource, i - 1);
    }
  return any;
}
