/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/ident-priv.h"

#include <string.h>

typedef struct {
  guint8 key[PL_SHA256_LEN];
  gpointer value;
  GList link;
} Entry;

struct PlLru {
  GHashTable *entries; /* of Entry, its own key */
  GQueue order;        /* youngest first */
  guint max;
  GDestroyNotify destroy;
};

/* Keys are digests: any four bytes are as good as a hash. */
static guint
key_hash (gconstpointer key)
{
  guint32 hash;

  memcpy (&hash, key, sizeof hash);
  return hash;
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, PL_SHA256_LEN) == 0;
}

PlLru *
pl_lru_new (guint max, GDestroyNotify destroy)
{
  PlLru *lru = g_new0 (PlLru, 1);

  lru->entries = g_hash_table_new (key_hash, key_equal);
  lru->max = max;
  lru->destroy = destroy;
  return lru;
}

static void
drop (PlLru *lru, Entry *entry)
{
  g_queue_unlink (&lru->order, &entry->link);
  g_hash_table_remove (lru->entries, entry->key);
  if (lru->destroy)
    lru->destroy (entry->value);
  g_free (entry);
}

void
pl_lru_clear (PlLru *lru)
{
  while (lru->order.tail)
    drop (lru, lru->order.tail->data);
}

void
pl_lru_free (PlLru *lru)
{
  if (!lru)
    return;
  pl_lru_clear (lru);
  g_hash_table_unref (lru->entries);
  g_free (lru);
}

gpointer
pl_lru_get (PlLru *lru, const guint8 *key)
{
  Entry *entry = g_hash_table_lookup (lru->entries, key);

  if (!entry)
    return NULL;
  g_queue_unlink (&lru->order, &entry->link);
  g_queue_push_head_link (&lru->order, &entry->link);
  return entry->value;
}

void
pl_lru_put (PlLru *lru, const guint8 *key, gpointer value)
{
  Entry *entry = g_hash_table_lookup (lru->entries, key);

  if (entry)
    drop (lru, entry);
  entry = g_new0 (Entry, 1);
  memcpy (entry->key, key, PL_SHA256_LEN);
  entry->value = value;
  entry->link.data = entry;
  g_queue_push_head_link (&lru->order, &entry->link);
  g_hash_table_add (lru->entries, entry);
  while (g_hash_table_size (lru->entries) > lru->max)
    drop (lru, lru->order.tail->data);
}

void
pl_lru_set_max (PlLru *lru, guint max)
{
  lru->max = max;
}

guint
pl_lru_size (PlLru *lru)
{
  return g_hash_table_size (lru->entries);
}
