/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/forward/table.h"

#include "base/log.h"

/* An old link goes when nothing came over it for so long, plus as much at random: the two
 * sides must not both close what the other one uses. */
#define OLD_IDLE (30 * PL_USEC_PER_SEC)
/* Not heard for longer, it is as dead as the one that was used. */
#define OLD_FRESH (10 * PL_USEC_PER_SEC)
#define SWEEP_EVERY (10 * PL_USEC_PER_SEC)

/* A link that was replaced is still heard. */
typedef struct {
  PlLink *link;
  gint64 until, heard;
} Old;

typedef struct {
  PlNodeId id;
  PlLink *link;             /* in use */
  PlCert *own;              /* may be left out of our messages; may be NULL */
  gint64 heard;
  gint64 rate_mark;
  Old *old;                 /* may be NULL */
} Entry;

struct PlTable {
  PlEnv *env;
  PlLinkOptions options;
  guint max;
  PlRate messages;
  PlTableHandlers handlers;
  gpointer user;
  GHashTable *entries;      /* set of Entry, by Node-ID */
  GPtrArray *dead;          /* links to free outside of their own callbacks; made when needed */
  PlTimer *bury_timer, *sweep_timer, *keepalive_timer;
};

static void
link_free (gpointer link)
{
  pl_link_free (link);
}

static void
bury (gpointer data)
{
  g_autoptr (GPtrArray) dead = g_steal_pointer (&((PlTable *) data)->dead);
}

static void
discard (PlTable *table, PlLink *link)
{
  if (!table->dead)
    table->dead = g_ptr_array_new_with_free_func (link_free);
  g_ptr_array_add (table->dead, link);
  pl_env_arm (table->env, &table->bury_timer, 0, bury, table);
}

static void
discard_old (PlTable *table, Entry *entry)
{
  g_autofree Old *old = g_steal_pointer (&entry->old);

  if (old)
    discard (table, old->link);
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  pl_link_free (entry->link);
  if (entry->old)
    pl_link_free (entry->old->link);
  g_free (entry->old);
  g_clear_pointer (&entry->own, pl_cert_unref);
  g_free (entry);
}

static gboolean
is_old (const Entry *entry, const PlLink *link)
{
  return entry->old && entry->old->link == link;
}

static gint64
old_deadline (PlTable *table)
{
  return pl_env_now (table->env) + OLD_IDLE + pl_env_random_below (table->env, OLD_IDLE);
}

static void
on_message (gpointer user, PlLink *link, const guint8 *data, gsize len)
{
  PlTable *table = user;
  PlNodeId from = *pl_link_node (link);
  Entry *entry = g_hash_table_lookup (table->entries, &from);

  if (!entry || (link != entry->link && !is_old (entry, link)))
    return;
  entry->heard = pl_env_now (table->env);
  if (link != entry->link)
    {
      entry->old->until = old_deadline (table);
      entry->old->heard = entry->heard;
    }
  if (!pl_rate_take (&table->messages, &entry->rate_mark, entry->heard))
    {
      pl_debug ("forward", "more messages than a link may bring", NULL);
      return;
    }
  table->handlers.message (table->user, &from, data, len);
}

static void
on_closed (gpointer user, PlLink *link, const char *reason)
{
  PlTable *table = user;
  PlNodeId id = *pl_link_node (link);
  Entry *entry = g_hash_table_lookup (table->entries, &id);

  if (!entry)
    return;
  if (is_old (entry, link))
    discard_old (table, entry);
  else if (link == entry->link && entry->old && pl_env_now (table->env) - entry->old->heard < OLD_FRESH)
    {
      entry->link = g_steal_pointer (&entry->old->link);
      g_clear_pointer (&entry->old, g_free);
      discard (table, link);
    }
  else if (link == entry->link)
    pl_table_remove (table, &id, reason);
}

static void
sweep (gpointer data)
{
  PlTable *table = data;
  gint64 now = pl_env_now (table->env);
  gboolean any = FALSE;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, table->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;

      if (entry->old && entry->old->until <= now)
        discard_old (table, entry);
      any = any || entry->old;
    }
  if (any)
    pl_env_arm (table->env, &table->sweep_timer, SWEEP_EVERY, sweep, table);
}

/* One timer for all links: what is due soon goes along. */
static void
keep_alive (gpointer data)
{
  PlTable *table = data;
  g_autoptr (GArray) nodes = pl_table_dup_nodes (table); /* what can't be sent may end a link */
  gint64 now = pl_env_now (table->env), next = now + table->options.keepalive;

  for (guint i = 0; i < nodes->len; i++)
    {
      Entry *entry = g_hash_table_lookup (table->entries, &g_array_index (nodes, PlNodeId, i));

      if (entry && entry->old)
        next = MIN (next, pl_link_keep_alive (entry->old->link));
      if (entry)
        next = MIN (next, pl_link_keep_alive (entry->link));
    }
  if (g_hash_table_size (table->entries) > 0)
    pl_env_arm (table->env, &table->keepalive_timer, next - now, keep_alive, table);
}

PlTable *
pl_table_new (PlEnv *env, const PlLinkOptions *options, const PlTableLimits *limits, const PlTableHandlers *handlers, gpointer user)
{
  PlTable *table = g_new0 (PlTable, 1);

  table->env = env;
  table->options = *options;
  table->max = limits->links;
  table->messages = limits->messages;
  table->handlers = *handlers;
  table->user = user;
  table->entries = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, entry_free, NULL);
  return table;
}

void
pl_table_free (PlTable *table)
{
  if (!table)
    return;
  pl_timer_clear (&table->bury_timer);
  pl_timer_clear (&table->sweep_timer);
  pl_timer_clear (&table->keepalive_timer);
  g_hash_table_unref (table->entries);
  g_clear_pointer (&table->dead, g_ptr_array_unref);
  g_free (table);
}

/* A full table gives up the node silent for longest that the topology does not need. */
static gboolean
make_room (PlTable *table)
{
  GHashTableIter iter;
  gpointer value;
  Entry *oldest = NULL;
  PlNodeId id;

  if (g_hash_table_size (table->entries) < table->max)
    return TRUE;
  g_hash_table_iter_init (&iter, table->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;

      if ((!oldest || entry->heard < oldest->heard) && !table->handlers.keep (table->user, &entry->id))
        oldest = entry;
    }
  if (!oldest)
    return FALSE;
  id = oldest->id;
  pl_table_remove (table, &id, "gives way to a new link");
  return TRUE;
}

void
pl_table_add (PlTable *table, PlCarrier *carrier, PlCert *own)
{
  static const PlLinkHandlers handlers = { .message = on_message, .closed = on_closed };
  PlNodeId id = pl_carrier_info (carrier)->node;
  Entry *entry = g_hash_table_lookup (table->entries, &id);
  gboolean again = entry != NULL;

  if (!entry && !make_room (table))
    {
      pl_info ("forward", "connection table is full, link refused", NULL);
      pl_carrier_close (carrier);
      pl_carrier_free (carrier);
      return;
    }
  if (!entry)
    {
      entry = g_new0 (Entry, 1);
      entry->id = id;
      g_hash_table_add (table->entries, entry);
    }
  else
    {
      discard_old (table, entry);
      entry->old = g_new0 (Old, 1);
      *entry->old = (Old) { entry->link, old_deadline (table), pl_env_now (table->env) };
      if (!table->sweep_timer)
        pl_env_arm (table->env, &table->sweep_timer, SWEEP_EVERY, sweep, table);
    }
  entry->heard = pl_env_now (table->env);
  g_clear_pointer (&entry->own, pl_cert_unref);
  entry->own = own ? pl_cert_ref (own) : NULL;
  entry->link = pl_link_new (table->env, carrier, &table->options, &handlers, table);
  if (table->options.keepalive > 0 && !table->keepalive_timer)
    pl_env_arm (table->env, &table->keepalive_timer, table->options.keepalive, keep_alive, table);
  table->handlers.up (table->user, &id, again);
}

void
pl_table_remove (PlTable *table, const PlNodeId *id, const char *reason)
{
  PlNodeId copy = *id;
  Entry *entry = g_hash_table_lookup (table->entries, &copy);

  if (!entry)
    return;
  g_hash_table_steal (table->entries, &copy);
  discard (table, entry->link);
  discard_old (table, entry);
  g_clear_pointer (&entry->own, pl_cert_unref);
  g_free (entry);
  table->handlers.down (table->user, &copy, reason);
}

void
pl_table_set_max_message (PlTable *table, gsize max_message)
{
  table->options.max_message = max_message;
}

PlLink *
pl_table_link (PlTable *table, const PlNodeId *id)
{
  Entry *entry = g_hash_table_lookup (table->entries, id);

  return entry ? entry->link : NULL;
}

PlCert *
pl_table_spared (PlTable *table, const PlNodeId *id)
{
  Entry *entry = g_hash_table_lookup (table->entries, id);

  return entry ? entry->own : NULL;
}

gint64
pl_table_heard (PlTable *table, const PlNodeId *id)
{
  Entry *entry = g_hash_table_lookup (table->entries, id);

  return entry ? entry->heard : 0;
}

guint
pl_table_size (PlTable *table)
{
  return g_hash_table_size (table->entries);
}

GArray *
pl_table_dup_nodes (PlTable *table)
{
  GArray *nodes = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, table->entries);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_array_append_vals (nodes, key, 1);
  return nodes;
}
