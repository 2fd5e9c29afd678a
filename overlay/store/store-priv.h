/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The records behind overlay/store/store.h: resource -> kind -> entries. Entries never change
 * once made and are counted, so a copy of a resource is cheap: a Store works on a copy and
 * puts it in place when everything went well, which makes it atomic (RFC 6940 7.4.1.1).
 */
#pragma once
#include "overlay/store/store.h"
#include "overlay/wire/routing.h"

G_BEGIN_DECLS

#define PL_STORE_RESOURCES_MAX 65536
#define PL_STORE_COUNT_MAX 256                 /* entries of one kind at one place, whatever the document says */
#define PL_STORE_KINDS_MAX 32                  /* kinds in one request */
#define PL_STORE_ENTRY_OVERHEAD 512            /* bytes an entry costs beside its content */
#define PL_STORE_SYNTHETIC_MAX 64              /* nonexistent values made up for one kind of an answer */

/* Who signed what is kept: identity hash -> certificate, counted. */
typedef struct { GBytes *hash; PlCert *cert; guint uses; gsize bytes; } PlSigner;

/* Values and their signers, each once however often it is kept: by one store, or by all of a
 * process that share it (pl_store_share). Counted. */
typedef struct {
  guint refs;
  GHashTable *signers; /* GBytes -> PlSigner */
  GHashTable *records; /* set of PlRecord, those that are in use */
} PlPool;

/* A signed value. Never changes; counted. */
typedef struct {
  guint refs;
  PlPool *pool;
  PlStoredData data;   /* array: with the real index; without the received bytes */
  PlCert *cert;        /* of the signer */
  PlNodeId signer;
  gsize bytes;
} PlRecord;

/* One that is kept, and until when. */
typedef struct {
  PlRecord *record;
  gint64 expires;      /* env time in microseconds */
} PlEntry;

typedef struct {
  guint32 kind;
  PlDataModel model;
  guint64 generation;
  guint n_entries;
  PlEntry *entries;    /* arrays by index, dictionaries by age of the key */
} PlKindData;

/* There are many, and most have one entry of one Kind: arrays of just the size. */
typedef struct {
  PlKindData *kinds;
  guint n_kinds;
  gsize bytes;
  PlResourceId id;     /* last: there is memory for those of its bytes that it has */
} PlResource;

struct PlStore {
  PlEnv *env;
  const PlDocument *document;
  PlTrust *trust;
  char *path;
  GHashTable *resources; /* set of PlResource, by PlResourceId: see pl_resource_of */
  gsize bytes;
  PlStoreLimits limits;
  guint64 last_time;     /* ms, of what we signed */
  PlPool *pool;
  PlTimer *sweep, *save;
  gint64 sweep_at;
  gboolean dirty;
};

/* --- records --- */

PlPool *pl_pool_new (void);
PlPool *pl_pool_ref (PlPool *pool);
void pl_pool_unref (PlPool *pool);
PlCert *pl_pool_signer (PlPool *pool, const PlSignerIdentity *identity); /* borrowed, NULL: none */
/* What the pool has of this signer. */
gsize pl_pool_signer_bytes (PlPool *pool, const PlSignerIdentity *identity);

/* Copies `data`, or takes the same from the pool. `life` in microseconds from now. */
PlEntry pl_entry_make (PlStore *store, const PlStoredData *data, PlCert *cert, const PlNodeId *signer, gint64 life);
/* The same bytes signed the same way. */
/* What it costs to keep. */
gsize pl_stored_data_bytes (const PlStoredData *data);
gboolean pl_entry_same (const PlEntry *entry, const PlStoredData *data);
/* Lifetime left in whole seconds, rounded up. */
guint32 pl_entry_life (PlStore *store, const PlEntry *entry);
/* `lifetime` (seconds) as microseconds, cut at the end of the certificate. */
gint64 pl_store_life_of (PlStore *store, guint32 lifetime, const PlCert *cert);

PlKindData *pl_resource_add_kind (PlResource *resource, guint32 kind, PlDataModel model);
void pl_resource_remove_kind (PlResource *resource, guint i);
void pl_kind_data_remove (PlKindData *kind, guint i);
/* The entry in the place of `value` (append: none), or -1. */
int pl_kind_data_find (const PlKindData *kind, const PlStoredDataValue *value);
/* Puts `entry` (taken) in its place, instead of what is there. */
void pl_kind_data_put (PlKindData *kind, PlEntry entry);
static inline const PlEntry *
pl_kind_data_entry (const PlKindData *kind, guint i)
{
  return &kind->entries[i];
}
guint32 pl_kind_data_end (const PlKindData *kind); /* one past the last index */

PlResource *pl_resource_new (const PlResourceId *id);
/* From its key in the table; NULL: NULL. */
static inline PlResource *
pl_resource_of (gpointer key)
{
  return key ? (PlResource *) ((guint8 *) key - G_STRUCT_OFFSET (PlResource, id)) : NULL;
}
PlResource *pl_resource_copy (const PlResource *resource); /* NULL: NULL */
void pl_resource_free (PlResource *resource);
PlKindData *pl_resource_kind (const PlResource *resource, guint32 kind); /* NULL: none; until kinds are added or removed */
static inline PlKindData *
pl_resource_nth_kind (const PlResource *resource, guint i)
{
  return &resource->kinds[i];
}
void pl_resource_dup_id (const PlResource *resource, PlResourceId *id);
/* Drops what is over; TRUE when something was. */
gboolean pl_resource_expire (PlResource *resource, gint64 now);

/* The live resource: what expired is dropped first. NULL when nothing is there. */
PlResource *pl_store_resource (PlStore *store, const PlResourceId *id);
/* Puts `resource` (taken) in place of the old one, or drops it when it is empty. FALSE: no
 * room, and it is freed. */
gboolean pl_store_commit (PlStore *store, PlResource *resource);
void pl_store_changed (PlStore *store);
/* Drops everything that expired. */
void pl_store_sweep (PlStore *store);

/* --- policies (7.3) --- */

gboolean pl_policy_allows (const PlKind *kind, const PlResourceId *resource, const PlCert *cert,
                           const PlNodeId *signer, const PlStoredDataValue *value);

/* --- storing (put.c) --- */

typedef enum { PL_TAKE_ORIGINAL, PL_TAKE_REPLICA, PL_TAKE_MERGE } PlTake;

/* Checks one value and puts it into `copy`. 0 or an error code; *changed when it did. */
guint16 pl_store_take (PlStore *store, PlResource *copy, const PlKind *kind, const PlStoredData *data,
                       GPtrArray *certs, PlTake take, gboolean *changed);

/* --- disk (disk.c) --- */

/* FALSE when there was a file and it could not be used: it is set aside then. */
gboolean pl_store_load (PlStore *store, GError **error);

G_END_DECLS
