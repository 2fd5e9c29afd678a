/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/forward/saved.h"

#define ID_LEN 8

typedef struct {
  guint32 generation;
  guint64 transaction_id;
  gint64 until;
  GBytes *list;             /* as on the wire; NULL: free */
} Slot;

struct PlSaved {
  PlEnv *env;
  gint64 life;
  guint max;
  gsize bytes;
  Slot *slots;
  GQueue *order;            /* of used slots, oldest first: their numbers plus one */
  GQueue *free;             /* numbers plus one */
  PlTimer *timer;
};

PlSaved *
pl_saved_new (PlEnv *env, guint max, gint64 life)
{
  PlSaved *saved = g_new0 (PlSaved, 1);

  saved->env = env;
  saved->life = life;
  saved->max = max;
  saved->order = g_queue_new ();
  saved->free = g_queue_new ();
  return saved;
}

static void
drop_oldest (PlSaved *saved)
{
  gpointer number = g_queue_pop_head (saved->order);
  Slot *slot = &saved->slots[GPOINTER_TO_UINT (number) - 1];

  saved->bytes -= g_bytes_get_size (slot->list);
  g_clear_pointer (&slot->list, g_bytes_unref);
  slot->generation++;
  g_queue_push_tail (saved->free, number);
}

void
pl_saved_free (PlSaved *saved)
{
  if (!saved)
    return;
  pl_timer_clear (&saved->timer);
  while (!g_queue_is_empty (saved->order))
    drop_oldest (saved);
  g_queue_free (saved->order);
  g_queue_free (saved->free);
  g_free (saved->slots);
  g_free (saved);
}

/* What nobody came back for goes (6.1.2). */
static void
sweep (gpointer data)
{
  PlSaved *saved = data;
  gint64 now = pl_env_now (saved->env);

  while (!g_queue_is_empty (saved->order))
    {
      Slot *oldest = &saved->slots[GPOINTER_TO_UINT (g_queue_peek_head (saved->order)) - 1];

      if (oldest->until > now)
        {
          pl_env_arm (saved->env, &saved->timer, oldest->until - now, sweep, saved);
          return;
        }
      drop_oldest (saved);
    }
}

/* Most nodes never save one: the slots are made with the first. */
static void
make_slots (PlSaved *saved)
{
  saved->slots = g_new0 (Slot, saved->max);
  for (guint i = 0; i < saved->max; i++)
    {
      saved->slots[i].generation = (guint32) pl_env_random64 (saved->env);
      g_queue_push_tail (saved->free, GUINT_TO_POINTER (i + 1));
    }
}

static PlDestination
id_of (guint32 number, guint32 generation)
{
  PlDestination opaque = { .type = PL_DESTINATION_OPAQUE };

  opaque.opaque_id.len = ID_LEN;
  for (guint i = 0; i < 4; i++)
    {
      opaque.opaque_id.b[i] = (guint8) (number >> (24 - 8 * i));
      opaque.opaque_id.b[4 + i] = (guint8) (generation >> (24 - 8 * i));
    }
  return opaque;
}

gboolean
pl_saved_put (PlSaved *saved, guint64 transaction_id, GArray *list, PlDestination *opaque)
{
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  gpointer number;
  Slot *slot;

  pl_writer_init (&writer);
  pl_destination_list_write (&writer, list);
  bytes = pl_writer_finish (&writer);
  if (!bytes || g_bytes_get_size (bytes) > PL_SAVED_BYTES_MAX - saved->bytes)
    return FALSE;
  if (!saved->slots)
    make_slots (saved);
  number = g_queue_pop_head (saved->free);
  if (!number)
    return FALSE;
  slot = &saved->slots[GPOINTER_TO_UINT (number) - 1];
  slot->transaction_id = transaction_id;
  slot->until = pl_env_now (saved->env) + saved->life;
  saved->bytes += g_bytes_get_size (bytes);
  slot->list = g_steal_pointer (&bytes);
  g_queue_push_tail (saved->order, number);
  if (!saved->timer)
    pl_env_arm (saved->env, &saved->timer, saved->life, sweep, saved);
  *opaque = id_of (GPOINTER_TO_UINT (number) - 1, slot->generation);
  return TRUE;
}

GArray *
pl_saved_dup (PlSaved *saved, guint64 transaction_id, const PlDestination *opaque)
{
  const guint8 *b = opaque->opaque_id.b;
  guint32 number = 0, generation = 0;
  PlReader reader;
  Slot *slot;

  if (!saved->slots || opaque->type != PL_DESTINATION_OPAQUE || opaque->compact || opaque->opaque_id.len != ID_LEN)
    return NULL;
  for (guint i = 0; i < 4; i++)
    {
      number = number << 8 | b[i];
      generation = generation << 8 | b[4 + i];
    }
  if (number >= saved->max)
    return NULL;
  slot = &saved->slots[number];
  if (!slot->list || slot->generation != generation || slot->transaction_id != transaction_id)
    return NULL;
  pl_reader_init_bytes (&reader, slot->list);
  return pl_destination_list_read (&reader);
}

guint
pl_saved_size (PlSaved *saved)
{
  return g_queue_get_length (saved->order);
}
