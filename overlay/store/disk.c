/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file of stored records:
 *   "PLSTORE1"
 *   uint64 last storage_time of ours (ms); uint64 wall clock when written (us)
 *   opaque certificates<0..2^24-1>, a list of opaque<0..2^16-1>
 *   resources<0..2^32-1>: ResourceId, kinds<0..2^32-1>:
 *     uint32 kind, uint8 model, uint64 generation, entries<0..2^32-1>:
 *       uint32 certificate (place in the list), NodeId signer, uint64 end (wall, us), StoredData
 *   32 bytes SHA-256 of all before
 * Another version has another number in its first eight bytes.
 */
#include "config.h"

#include "overlay/store/store-priv.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define MAGIC "PLSTORE1"
#define MAGIC_LEN 8
#define SUM_LEN 32
#define FILE_MAX (3 * PL_STORE_BYTES_MAX)
#define CERTS_MAX 65536

static void
checksum (const guint8 *data, gsize len, guint8 *sum)
{
  g_autoptr (GChecksum) sha = g_checksum_new (G_CHECKSUM_SHA256);
  gsize n = SUM_LEN;

  g_checksum_update (sha, data, (gssize) len);
  g_checksum_get_digest (sha, sum, &n);
}

/* --- writing --- */

typedef struct {
  PlStore *store;
  PlWriter writer;
  GHashTable *places;  /* DER -> place + 1 */
  gint64 to_wall;      /* added to env time */
} Saver;

static void
collect_certs (Saver *saver)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  pl_writer_open (&saver->writer, 3);
  g_hash_table_iter_init (&iter, saver->store->pool->signers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      GBytes *der = pl_cert_der (((PlSigner *) value)->cert);

      if (g_hash_table_contains (saver->places, der))
        continue;
      g_hash_table_insert (saver->places, der, GUINT_TO_POINTER (++n));
      pl_writer_opaque (&saver->writer, der, 2);
    }
  pl_writer_close (&saver->writer);
}

static void
save_kind (Saver *saver, const PlKindData *kind)
{
  pl_writer_u32 (&saver->writer, kind->kind);
  pl_writer_u8 (&saver->writer, (guint8) kind->model);
  pl_writer_u64 (&saver->writer, kind->generation);
  pl_writer_open (&saver->writer, 4);
  for (guint i = 0; i < kind->n_entries; i++)
    {
      const PlEntry *entry = pl_kind_data_entry (kind, i);
      const PlRecord *record = entry->record;
      gpointer place = g_hash_table_lookup (saver->places, pl_cert_der (record->cert));

      pl_writer_u32 (&saver->writer, GPOINTER_TO_UINT (place) - 1);
      pl_writer_node_id (&saver->writer, &record->signer);
      pl_writer_u64 (&saver->writer, (guint64) MAX (entry->expires + saver->to_wall, 0));
      pl_stored_data_write (&saver->writer, &record->data);
    }
  pl_writer_close (&saver->writer);
}

static void
save_resources (Saver *saver)
{
  GHashTableIter iter;
  gpointer value;

  pl_writer_open (&saver->writer, 4);
  g_hash_table_iter_init (&iter, saver->store->resources);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const PlResource *resource = pl_resource_of (value);

      pl_writer_resource_id (&saver->writer, &resource->id);
      pl_writer_open (&saver->writer, 4);
      for (guint i = 0; i < resource->n_kinds; i++)
        save_kind (saver, pl_resource_nth_kind (resource, i));
      pl_writer_close (&saver->writer);
    }
  pl_writer_close (&saver->writer);
}

static GBytes *
encode (PlStore *store)
{
  Saver saver = { .store = store };
  guint8 sum[SUM_LEN];
  GBytes *bytes;

  pl_store_sweep (store);
  saver.to_wall = pl_env_wall (store->env) - pl_env_now (store->env);
  saver.places = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  pl_writer_init (&saver.writer);
  pl_writer_raw (&saver.writer, MAGIC, MAGIC_LEN);
  pl_writer_u64 (&saver.writer, store->last_time);
  pl_writer_u64 (&saver.writer, (guint64) MAX (pl_env_wall (store->env), 0));
  collect_certs (&saver);
  save_resources (&saver);
  checksum (saver.writer.bytes->data, saver.writer.bytes->len, sum);
  pl_writer_raw (&saver.writer, sum, sizeof sum);
  bytes = pl_writer_finish (&saver.writer);
  pl_writer_clear (&saver.writer);
  g_hash_table_unref (saver.places);
  return bytes;
}

gboolean
pl_store_flush (PlStore *store, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;

  if (!store->path || !store->dirty)
    return TRUE;
  bytes = encode (store);
  pl_timer_clear (&store->save);
  if (!bytes)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the stored records are too large for a file");
      return FALSE;
    }
  if (!pl_file_write (store->path, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), 0600, error))
    return FALSE;
  store->dirty = FALSE;
  return TRUE;
}

/* --- reading --- */

typedef struct {
  PlStore *store;
  GPtrArray *certs;    /* PlCert, NULL for one that is no good any more */
  gint64 saved;        /* wall clock then */
} Loader;

static void
load_certs (Loader *loader, PlReader *reader)
{
  PlReader list;

  pl_reader_open (reader, &list, 3);
  while (pl_reader_more (&list) && loader->certs->len < CERTS_MAX)
    {
      g_autoptr (GBytes) der = pl_reader_opaque (&list, 2);
      PlCert *cert = der ? pl_cert_new (der, NULL) : NULL;

      if (cert && !pl_trust_check_cert (loader->store->trust, cert, NULL))
        g_clear_pointer (&cert, pl_cert_unref);
      g_ptr_array_add (loader->certs, cert);
    }
  pl_reader_close (&list);
}

/* What the wall clock says is left, but never more than was left when the file was written:
 * the clock may have been set back. */
static gint64
life_left (Loader *loader, guint64 end)
{
  gint64 wall = pl_env_wall (loader->store->env);
  gint64 last = end > G_MAXINT64 ? G_MAXINT64 : (gint64) end;
  gint64 then = MAX (last - loader->saved, 0);

  return CLAMP (last - wall, 0, then);
}

static void
load_entry (Loader *loader, PlReader *reader, PlKindData *kind)
{
  guint32 place = pl_reader_u32 (reader);
  g_auto (PlStoredData) data = { 0 };
  PlNodeId signer;
  guint64 end;
  gint64 life;
  PlCert *cert;

  pl_reader_node_id (reader, &signer);
  end = pl_reader_u64 (reader);
  if (!pl_stored_data_read (reader, kind->model, &data))
    return;
  cert = place < loader->certs->len ? g_ptr_array_index (loader->certs, place) : NULL;
  life = life_left (loader, end);
  if (cert && life > 0 && kind->n_entries < PL_STORE_COUNT_MAX)
    pl_kind_data_put (kind, pl_entry_make (loader->store, &data, cert, &signer, life));
}

static void
load_kind (Loader *loader, PlReader *reader, PlResource *resource)
{
  guint32 id = pl_reader_u32 (reader);
  guint8 model = pl_reader_u8 (reader);
  const PlKind *def = pl_document_kind (loader->store->document, id);
  gboolean wanted; /* the document may have changed since */
  PlKindData *kind;
  PlReader list;

  if (model < PL_DATA_SINGLE || model > PL_DATA_DICTIONARY)
    {
      pl_reader_fail (reader, PL_WIRE_TYPE);
      return;
    }
  wanted = def && def->model == (PlDataModel) model && !pl_resource_kind (resource, id);
  kind = pl_resource_add_kind (resource, id, model);
  kind->generation = pl_reader_u64 (reader);
  pl_reader_open (reader, &list, 4);
  while (pl_reader_more (&list))
    load_entry (loader, &list, kind);
  pl_reader_close (&list);
  if (!wanted)
    pl_resource_remove_kind (resource, resource->n_kinds - 1);
}

static void
load_resources (Loader *loader, PlReader *reader)
{
  PlReader list, kinds;

  pl_reader_open (reader, &list, 4);
  while (pl_reader_more (&list))
    {
      PlResourceId id;
      PlResource *resource;

      pl_reader_resource_id (&list, &id);
      resource = pl_resource_new (&id);
      pl_reader_open (&list, &kinds, 4);
      while (pl_reader_more (&kinds))
        load_kind (loader, &kinds, resource);
      pl_reader_close (&kinds);
      if (pl_reader_ok (&list))
        pl_store_commit (loader->store, resource);
      else
        pl_resource_free (resource);
    }
  pl_reader_close (&list);
}

static void
unref_cert (gpointer cert)
{
  if (cert)
    pl_cert_unref (cert);
}

static gboolean
decode (PlStore *store, GBytes *bytes)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  Loader loader = { store, NULL, 0 };
  guint8 magic[MAGIC_LEN], sum[SUM_LEN];
  PlReader reader;

  if (len < MAGIC_LEN + SUM_LEN)
    return FALSE;
  checksum (data, len - SUM_LEN, sum);
  if (memcmp (sum, data + len - SUM_LEN, SUM_LEN) != 0)
    return FALSE;
  pl_reader_init (&reader, data, len - SUM_LEN);
  pl_reader_raw (&reader, magic, sizeof magic);
  if (memcmp (magic, MAGIC, MAGIC_LEN) != 0)
    return FALSE;
  store->last_time = pl_reader_u64 (&reader);
  loader.saved = (gint64) (pl_reader_u64 (&reader) & G_MAXINT64);
  loader.certs = g_ptr_array_new_with_free_func (unref_cert);
  load_certs (&loader, &reader);
  load_resources (&loader, &reader);
  g_ptr_array_unref (loader.certs);
  return pl_reader_finish (&reader) == PL_WIRE_OK;
}

/* The bad file is kept for whoever wants to look at it. */
static void
set_aside (PlStore *store)
{
  g_autofree char *aside = g_strconcat (store->path, ".corrupt", NULL);

  if (g_rename (store->path, aside) != 0)
    pl_warn ("store", "cannot set a corrupt file of stored records aside", "file", store->path, "reason",
             g_strerror (errno), NULL);
  else
    pl_warn ("store", "stored records are corrupt and were set aside; starting without them", "file", aside, NULL);
  g_hash_table_remove_all (store->resources);
  store->bytes = 0;
}

gboolean
pl_store_load (PlStore *store, GError **error)
{
  g_autoptr (GError) failed = NULL;
  g_autoptr (GBytes) bytes = pl_file_read (store->path, FILE_MAX, &failed);

  if (!bytes && g_error_matches (failed, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return TRUE;
  if (!bytes && !g_error_matches (failed, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&failed), "cannot read the stored records: ");
      return FALSE;
    }
  if (!bytes || !decode (store, bytes))
    set_aside (store);
  return TRUE;
}
