/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/store/store-priv.h"

#include "base/log.h"

/* What expired is never answered; dropping it may wait, an idle node must not wake up for it. */
#define SWEEP_MIN (10 * PL_USEC_PER_SEC)
/* A file is written at most once a second, a large one more rarely: a second for each MiB. */
#define SAVE_DELAY PL_USEC_PER_SEC
#define SAVE_STEP (1024 * 1024)
#define SAVE_RETRY (30 * PL_USEC_PER_SEC)

/* --- expiry --- */

static void
drop (PlStore *store, const PlResource *resource)
{
  store->bytes -= resource->bytes;
  g_hash_table_remove (store->resources, &resource->id);
}

static gint64
first_expiry (const PlResource *resource)
{
  gint64 first = G_MAXINT64;

  for (guint i = 0; i < resource->n_kinds; i++)
    {
      const PlKindData *kind = pl_resource_nth_kind (resource, i);

      for (guint j = 0; j < kind->n_entries; j++)
        first = MIN (first, pl_kind_data_entry (kind, j)->expires);
    }
  return first;
}

static gsize
count_bytes (const PlResource *resource)
{
  gsize bytes = 0;

  for (guint i = 0; i < resource->n_kinds; i++)
    {
      const PlKindData *kind = pl_resource_nth_kind (resource, i);

      for (guint j = 0; j < kind->n_entries; j++)
        bytes += pl_kind_data_entry (kind, j)->record->bytes;
    }
  return bytes;
}

static void
on_sweep (gpointer data)
{
  pl_store_sweep (data);
}

static void
arm_sweep (PlStore *store, gint64 expiry)
{
  gint64 now = pl_env_now (store->env);

  if (expiry == G_MAXINT64 || (store->sweep && store->sweep_at <= expiry))
    return;
  store->sweep_at = MAX (expiry, now + SWEEP_MIN);
  pl_env_arm (store->env, &store->sweep, store->sweep_at - now, on_sweep, store);
}

void
pl_store_sweep (PlStore *store)
{
  GHashTableIter iter;
  gpointer value;
  gint64 now = pl_env_now (store->env);
  gint64 first = G_MAXINT64;

  g_hash_table_iter_init (&iter, store->resources);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PlResource *resource = pl_resource_of (value);

      if (pl_resource_expire (resource, now))
        {
          store->bytes -= resource->bytes;
          resource->bytes = count_bytes (resource);
          store->bytes += resource->bytes;
          pl_store_changed (store);
        }
      if (resource->n_kinds == 0)
        g_hash_table_iter_remove (&iter);
      else
        first = MIN (first, first_expiry (resource));
    }
  pl_timer_clear (&store->sweep);
  arm_sweep (store, first);
}

/* --- resources --- */

PlResource *
pl_store_resource (PlStore *store, const PlResourceId *id)
{
  PlResource *resource = pl_resource_of (g_hash_table_lookup (store->resources, id));

  if (!resource || !pl_resource_expire (resource, pl_env_now (store->env)))
    return resource;
  store->bytes -= resource->bytes;
  resource->bytes = count_bytes (resource);
  store->bytes += resource->bytes;
  pl_store_changed (store);
  if (resource->n_kinds > 0)
    return resource;
  drop (store, resource);
  return NULL;
}

static gsize
bytes_of_kind (const PlResource *resource, guint32 id)
{
  const PlKindData *kind = pl_resource_kind (resource, id);
  gsize bytes = 0;

  for (guint i = 0; kind && i < kind->n_entries; i++)
    bytes += pl_kind_data_entry (kind, i)->record->bytes;
  return bytes;
}

/* One Kind does not crowd out the others. Nobody counts before that could be. */
static gboolean
kind_has_room (PlStore *store, const PlResource *old, const PlResource *resource, gsize max)
{
  for (guint i = 0; i < resource->n_kinds; i++)
    {
      guint32 id = pl_resource_nth_kind (resource, i)->kind;
      gsize bytes = bytes_of_kind (resource, id), before = old ? bytes_of_kind (old, id) : 0;
      GHashTableIter iter;
      gpointer value;

      if (bytes <= before)
        continue;
      g_hash_table_iter_init (&iter, store->resources);
      while (g_hash_table_iter_next (&iter, NULL, &value))
        bytes += value == old ? 0 : bytes_of_kind (value, id);
      if (bytes > max)
        return FALSE;
    }
  return TRUE;
}

static gboolean
has_room (PlStore *store, const PlResource *old, const PlResource *resource)
{
  const PlStoreLimits *limits = &store->limits;
  gsize bytes = store->bytes - (old ? old->bytes : 0) + resource->bytes;
  gsize total = limits->total ? MIN (limits->total, PL_STORE_BYTES_MAX) : PL_STORE_BYTES_MAX;
  gsize of_kind = total / 100 * limits->kind_percent;

  return bytes <= total && (of_kind == 0 || bytes <= of_kind || kind_has_room (store, old, resource, of_kind));
}

gboolean
pl_store_commit (PlStore *store, PlResource *resource)
{
  PlResource *old = pl_resource_of (g_hash_table_lookup (store->resources, &resource->id));
  gsize old_bytes = old ? old->bytes : 0;

  for (guint i = resource->n_kinds; i > 0; i--)
    if (pl_resource_nth_kind (resource, i - 1)->n_entries == 0)
      pl_resource_remove_kind (resource, i - 1);
  resource->bytes = count_bytes (resource);
  if ((resource->bytes > old_bytes && !has_room (store, old, resource))
      || (!old && g_hash_table_size (store->resources) >= PL_STORE_RESOURCES_MAX))
    {
      pl_resource_free (resource);
      return FALSE;
    }
  if (old)
    drop (store, old);
  pl_store_changed (store);
  if (resource->n_kinds == 0)
    {
      pl_resource_free (resource);
      return TRUE;
    }
  store->bytes += resource->bytes;
  g_hash_table_add (store->resources, &resource->id);
  arm_sweep (store, first_expiry (resource));
  return TRUE;
}

void
pl_store_drop (PlStore *store, const PlResourceId *id)
{
  PlResource *resource = pl_resource_of (g_hash_table_lookup (store->resources, id));

  if (!resource)
    return;
  drop (store, resource);
  pl_store_changed (store);
}

gboolean
pl_store_has (PlStore *store, const PlResourceId *resource)
{
  return pl_store_resource (store, resource) != NULL;
}

GArray *
pl_store_dup_resources (PlStore *store)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (PlResourceId));
  GHashTableIter iter;
  gpointer value;

  pl_store_sweep (store);
  g_hash_table_iter_init (&iter, store->resources);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PlResourceId id;

      pl_resource_dup_id (pl_resource_of (value), &id);
      g_array_append_val (ids, id);
    }
  return ids;
}

/* TRUE when something went. */
static gboolean
prune (PlStore *store, PlResource *resource)
{
  gboolean any = FALSE;

  for (guint i = resource->n_kinds; i > 0; i--)
    {
      PlKindData *data = pl_resource_nth_kind (resource, i - 1);
      const PlKind *kind = pl_document_kind (store->document, data->kind);
      guint before = data->n_entries;

      for (guint j = before; j > 0; j--)
        if (!kind || kind->model != data->model
            || pl_trust_has_bad (store->trust, pl_kind_data_entry (data, j - 1)->record->cert))
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

void
pl_store_set_document (PlStore *store, const PlDocument *document)
{
  GHashTableIter iter;
  gpointer value;

  store->document = document;
  g_hash_table_iter_init (&iter, store->resources);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PlResource *resource = pl_resource_of (value);

      if (!prune (store, resource))
        continue;
      store->bytes -= resource->bytes;
      resource->bytes = count_bytes (resource);
      store->bytes += resource->bytes;
      pl_store_changed (store);
      if (resource->n_kinds == 0)
        g_hash_table_iter_remove (&iter);
    }
}

guint
pl_store_n_resources (PlStore *store)
{
  pl_store_sweep (store);
  return g_hash_table_size (store->resources);
}

guint64
pl_store_n_values (PlStore *store, guint32 kind)
{
  GHashTableIter iter;
  gpointer value;
  guint64 n = 0;

  pl_store_sweep (store);
  g_hash_table_iter_init (&iter, store->resources);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PlKindData *data = pl_resource_kind (pl_resource_of (value), kind);

      n += data ? data->n_entries : 0;
    }
  return n;
}

guint64
pl_store_n_bytes (PlStore *store)
{
  pl_store_sweep (store);
  return store->bytes;
}

/* --- disk --- */

static void
on_save (gpointer data)
{
  PlStore *store = data;
  g_autoptr (GError) error = NULL;

  if (pl_store_flush (store, &error))
    return;
  pl_warn ("store", "cannot write the stored records", "reason", error->message, NULL);
  pl_env_arm (store->env, &store->save, SAVE_RETRY, on_save, store);
}

void
pl_store_changed (PlStore *store)
{
  gint64 delay = SAVE_DELAY * (gint64) (1 + store->bytes / SAVE_STEP);

  store->dirty = TRUE;
  if (store->path && !store->save)
    pl_env_arm (store->env, &store->save, delay, on_save, store);
}

/* --- our own times --- */

guint64
pl_store_next_time (PlStore *store)
{
  guint64 now = (guint64) MAX (pl_env_wall (store->env), 0) / PL_USEC_PER_MSEC;

  store->last_time = MAX (now, store->last_time + 1);
  pl_store_changed (store);
  return store->last_time;
}

/* A time near the end of the range would leave none for us; whoever has our key may have it. */
void
pl_store_note_time (PlStore *store, guint64 storage_time)
{
  if (storage_time <= store->last_time || storage_time > G_MAXINT64)
    return;
  store->last_time = storage_time;
  pl_store_changed (store);
}

/* --- life cycle --- */

static void
free_by_key (gpointer key)
{
  pl_resource_free (pl_resource_of (key));
}

PlStore *
pl_store_new (PlEnv *env, const PlDocument *document, PlTrust *trust, const char *path, GError **error)
{
  g_autoptr (PlStore) store = g_new0 (PlStore, 1);

  store->env = env;
  store->document = document;
  store->trust = trust;
  store->limits = (PlStoreLimits) PL_STORE_LIMITS;
  store->path = g_strdup (path);
  store->resources = g_hash_table_new_full (pl_resource_id_hash, pl_resource_id_equal, free_by_key, NULL);
  store->pool = pl_pool_new ();
  if (path && !pl_store_load (store, error))
    return NULL;
  pl_timer_clear (&store->save);
  store->dirty = FALSE;
  return g_steal_pointer (&store);
}

void
pl_store_set_limits (PlStore *store, const PlStoreLimits *limits)
{
  store->limits = *limits;
}

void
pl_store_share (PlStore *store, PlStore *other)
{
  g_return_if_fail (g_hash_table_size (store->resources) == 0);
  pl_pool_unref (store->pool);
  store->pool = pl_pool_ref (other->pool);
}

void
pl_store_free (PlStore *store)
{
  if (!store)
    return;
  pl_timer_clear (&store->sweep);
  pl_timer_clear (&store->save);
  g_hash_table_unref (store->resources);
  pl_pool_unref (store->pool);
  g_free (store->path);
  g_free (store);
}
