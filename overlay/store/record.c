/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/store/store-priv.h"

/* --- signers --- */

static void
signer_free (gpointer data)
{
  PlSigner *signer = data;

  g_bytes_unref (signer->hash);
  pl_cert_unref (signer->cert);
  g_free (signer);
}

GHashTable *
pl_signers_new (void)
{
  return g_hash_table_new_full (g_bytes_hash, g_bytes_equal, NULL, signer_free);
}

PlCert *
pl_signers_find (GHashTable *signers, const PlSignerIdentity *identity)
{
  PlSigner *signer = identity->hash ? g_hash_table_lookup (signers, identity->hash) : NULL;

  return signer ? signer->cert : NULL;
}

static void
signer_use (GHashTable *signers, const PlSignerIdentity *identity, PlCert *cert)
{
  PlSigner *signer = g_hash_table_lookup (signers, identity->hash);

  if (!signer)
    {
      signer = g_new0 (PlSigner, 1);
      signer->hash = g_bytes_ref (identity->hash);
      signer->cert = pl_cert_ref (cert);
      g_hash_table_insert (signers, signer->hash, signer);
    }
  signer->uses++;
}

static void
signer_unuse (GHashTable *signers, const PlSignerIdentity *identity)
{
  PlSigner *signer = g_hash_table_lookup (signers, identity->hash);

  if (signer && --signer->uses == 0)
    g_hash_table_remove (signers, identity->hash);
}

/* --- entries --- */

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
  return g_bytes_equal (a, b);
}

/* `slice` of `whole`, or of anything else, in memory of its own: as it was received it would keep
 * all of its message. NULL stays NULL. */
static GBytes *
dup_slice (GBytes *slice, GBytes *whole, GBytes *own)
{
  gsize len = 0, whole_len = 0;
  const guint8 *data = slice ? g_bytes_get_data (slice, &len) : NULL;
  const guint8 *start = whole ? g_bytes_get_data (whole, &whole_len) : NULL;

  if (!slice)
    return NULL;
  if (len > 0 && start && data >= start && data + len <= start + whole_len)
    return g_bytes_new_from_bytes (own, data - start, len);
  return g_bytes_new (data, len);
}

/* What certificates store is themselves, and they are in memory already. */
static void
copy_compact (PlStoredData *copy, const PlStoredData *data, PlCert *cert)
{
  GBytes *whole = data->value_bytes;

  *copy = *data;
  copy->value_bytes = dup_slice (whole, NULL, NULL);
  copy->value.key = dup_slice (data->value.key, whole, copy->value_bytes);
  if (data->value.value.value && g_bytes_equal (data->value.value.value, pl_cert_der (cert)))
    copy->value.value.value = g_bytes_ref (pl_cert_der (cert));
  else
    copy->value.value.value = dup_slice (data->value.value.value, whole, copy->value_bytes);
  copy->signature.value = dup_slice (data->signature.value, NULL, NULL);
  copy->signature.identity.hash = dup_slice (data->signature.identity.hash, NULL, NULL);
}

PlEntry *
pl_entry_new (PlStore *store, const PlStoredData *data, PlCert *cert, const PlNodeId *signer, gint64 life)
{
  PlEntry *entry = g_new0 (PlEntry, 1);

  entry->refs = 1;
  copy_compact (&entry->data, data, cert);
  entry->cert = pl_cert_ref (cert);
  if (data->signature.identity.hash)
    {
      entry->signers = store->signers;
      signer_use (entry->signers, &entry->data.signature.identity, cert);
    }
  entry->signer = *signer;
  entry->expires = pl_env_now (store->env) + life;
  entry->bytes = PL_STORE_ENTRY_OVERHEAD + size_of (data->value.key) + size_of (data->value.value.value)
                 + size_of (data->signature.value);
  return entry;
}

static PlEntry *
entry_ref (PlEntry *entry)
{
  entry->refs++;
  return entry;
}

void
pl_entry_unref (PlEntry *entry)
{
  if (--entry->refs > 0)
    return;
  if (entry->signers)
    signer_unuse (entry->signers, &entry->data.signature.identity);
  pl_stored_data_clear (&entry->data);
  pl_cert_unref (entry->cert);
  g_free (entry);
}

gboolean
pl_entry_same (const PlEntry *entry, const PlStoredData *data)
{
  const PlStoredData *have = &entry->data;

  return have->storage_time == data->storage_time && have->value.value.exists == data->value.value.exists
         && bytes_same (have->value.value.value, data->value.value.value)
         && bytes_same (have->value.key, data->value.key)
         && have->signature.hash_alg == data->signature.hash_alg
         && have->signature.sign_alg == data->signature.sign_alg
         && have->signature.identity.type == data->signature.identity.type
         && bytes_same (have->signature.identity.hash, data->signature.identity.hash)
         && bytes_same (have->signature.value, data->signature.value);
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
pl_kind_data_new (guint32 kind, PlDataModel model)
{
  PlKindData *data = g_new0 (PlKindData, 1);

  data->kind = kind;
  data->model = model;
  data->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_entry_unref);
  return data;
}

void
pl_kind_data_free (gpointer p)
{
  PlKindData *data = p;

  g_ptr_array_unref (data->entries);
  g_free (data);
}

int
pl_kind_data_find (const PlKindData *kind, const PlStoredDataValue *value)
{
  for (guint i = 0; i < kind->entries->len; i++)
    {
      const PlEntry *entry = g_ptr_array_index (kind->entries, i);

      if (pl_stored_data_value_same_entry (&entry->data.value, value))
        return (int) i;
    }
  return -1;
}

void
pl_kind_data_put (PlKindData *kind, PlEntry *entry)
{
  int at = pl_kind_data_find (kind, &entry->data.value);
  guint i = 0;

  if (at >= 0)
    g_ptr_array_remove_index (kind->entries, (guint) at);
  i = at >= 0 ? (guint) at : kind->entries->len;
  while (kind->model == PL_DATA_ARRAY && i > 0
         && ((PlEntry *) g_ptr_array_index (kind->entries, i - 1))->data.value.index > entry->data.value.index)
    i--;
  g_ptr_array_insert (kind->entries, (int) i, entry);
}

guint32
pl_kind_data_end (const PlKindData *kind)
{
  const PlEntry *last;

  if (kind->model != PL_DATA_ARRAY || kind->entries->len == 0)
    return 0;
  last = g_ptr_array_index (kind->entries, kind->entries->len - 1);
  return last->data.value.index + 1;
}

/* --- resources --- */

PlResource *
pl_resource_new (const PlResourceId *id)
{
  PlResource *resource = g_new0 (PlResource, 1);

  resource->id = *id;
  resource->kinds = g_ptr_array_new_with_free_func (pl_kind_data_free);
  return resource;
}

PlResource *
pl_resource_copy (const PlResource *resource)
{
  PlResource *copy;

  if (!resource)
    return NULL;
  copy = pl_resource_new (&resource->id);
  copy->bytes = resource->bytes;
  for (guint i = 0; i < resource->kinds->len; i++)
    {
      const PlKindData *from = g_ptr_array_index (resource->kinds, i);
      PlKindData *to = pl_kind_data_new (from->kind, from->model);

      to->generation = from->generation;
      for (guint j = 0; j < from->entries->len; j++)
        g_ptr_array_add (to->entries, entry_ref (g_ptr_array_index (from->entries, j)));
      g_ptr_array_add (copy->kinds, to);
    }
  return copy;
}

void
pl_resource_free (PlResource *resource)
{
  if (!resource)
    return;
  g_ptr_array_unref (resource->kinds);
  g_free (resource);
}

PlKindData *
pl_resource_kind (const PlResource *resource, guint32 kind)
{
  for (guint i = 0; resource && i < resource->kinds->len; i++)
    {
      PlKindData *data = g_ptr_array_index (resource->kinds, i);

      if (data->kind == kind)
        return data;
    }
  return NULL;
}

/* An expired value makes the counter rise as well: a Fetch with the old generation must see
 * that something is gone. */
gboolean
pl_resource_expire (PlResource *resource, gint64 now)
{
  gboolean any = FALSE;

  for (guint i = resource->kinds->len; i > 0; i--)
    {
      PlKindData *data = g_ptr_array_index (resource->kinds, i - 1);
      guint before = data->entries->len;

      for (guint j = before; j > 0; j--)
        if (((PlEntry *) g_ptr_array_index (data->entries, j - 1))->expires <= now)
          g_ptr_array_remove_index (data->entries, j - 1);
      if (data->entries->len == before)
        continue;
      any = TRUE;
      data->generation++;
      if (data->entries->len == 0)
        g_ptr_array_remove_index (resource->kinds, i - 1);
    }
  return any;
}
