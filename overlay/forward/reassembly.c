/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/forward/reassembly.h"

#include <string.h>

typedef struct {
  guint32 offset;
  GBytes *payload;
} Piece;

typedef struct {
  guint64 transaction_id;
  PlNodeId from;            /* of the piece that opened it */
  PlNodeId head_from;
  gint64 expires;
  gint64 total;             /* -1: the last piece is not here yet */
  gsize bytes;
  GArray *pieces;           /* ascending by offset */
  GBytes *head;             /* the fragment with offset 0, whole */
  gsize head_len;
} Partial;

struct PlReassembly {
  PlEnv *env;
  gsize max_message;
  gint64 lifetime;
  GHashTable *partials;     /* &transaction_id -> Partial; made when needed */
  gsize bytes;
};

static void
piece_clear (gpointer data)
{
  g_clear_pointer (&((Piece *) data)->payload, g_bytes_unref);
}

static void
partial_free (gpointer data)
{
  Partial *partial = data;

  g_array_unref (partial->pieces);
  g_clear_pointer (&partial->head, g_bytes_unref);
  g_free (partial);
}

PlReassembly *
pl_reassembly_new (PlEnv *env, gsize max_message, gint64 lifetime)
{
  PlReassembly *reassembly = g_new0 (PlReassembly, 1);

  reassembly->env = env;
  reassembly->max_message = max_message;
  reassembly->lifetime = lifetime;
  return reassembly;
}

void
pl_reassembly_set_max_message (PlReassembly *reassembly, gsize max_message)
{
  reassembly->max_message = max_message;
}

void
pl_reassembly_free (PlReassembly *reassembly)
{
  if (!reassembly)
    return;
  g_clear_pointer (&reassembly->partials, g_hash_table_unref);
  g_free (reassembly);
}

guint
pl_reassembly_size (PlReassembly *reassembly)
{
  return reassembly->partials ? g_hash_table_size (reassembly->partials) : 0;
}

static void
forget (PlReassembly *reassembly, Partial *partial)
{
  guint64 key = partial->transaction_id;

  reassembly->bytes -= partial->bytes;
  g_hash_table_remove (reassembly->partials, &key);
}

/* Drops what is too old; says how many of the rest `from` opened. */
static guint
sweep (PlReassembly *reassembly, const PlNodeId *from)
{
  gint64 now = pl_env_now (reassembly->env);
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, reassembly->partials);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Partial *partial = value;

      if (partial->expires <= now)
        {
          reassembly->bytes -= partial->bytes;
          g_hash_table_iter_remove (&iter);
        }
      else if (pl_node_id_equal (&partial->from, from))
        n++;
    }
  return n;
}

static Partial *
open_partial (PlReassembly *reassembly, guint64 transaction_id, const PlNodeId *from)
{
  Partial *partial;
  guint from_here;

  if (!reassembly->partials)
    reassembly->partials = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, partial_free);
  partial = g_hash_table_lookup (reassembly->partials, &transaction_id);
  if (partial && partial->expires > pl_env_now (reassembly->env))
    return partial;
  from_here = sweep (reassembly, from);
  if (from_here >= PL_REASSEMBLY_PER_NODE_MAX
      || g_hash_table_size (reassembly->partials) >= PL_REASSEMBLY_MESSAGES_MAX)
    return NULL;
  partial = g_new0 (Partial, 1);
  partial->transaction_id = transaction_id;
  partial->from = *from;
  partial->expires = pl_env_now (reassembly->env) + reassembly->lifetime;
  partial->total = -1;
  partial->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  g_array_set_clear_func (partial->pieces, piece_clear);
  g_hash_table_insert (reassembly->partials, &partial->transaction_id, partial);
  return partial;
}

static gboolean
has_piece (Partial *partial, guint32 offset, gsize len)
{
  for (guint i = 0; i < partial->pieces->len; i++)
    {
      Piece *piece = &g_array_index (partial->pieces, Piece, i);

      if (piece->offset == offset && g_bytes_get_size (piece->payload) >= len)
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_complete (Partial *partial)
{
  guint64 covered = 0;

  if (partial->total < 0 || !partial->head)
    return FALSE;
  for (guint i = 0; i < partial->pieces->len; i++)
    {
      Piece *piece = &g_array_index (partial->pieces, Piece, i);

      if (piece->offset > covered)
        return FALSE;
      covered = MAX (covered, (guint64) piece->offset + g_bytes_get_size (piece->payload));
    }
  return covered >= (guint64) partial->total;
}

static GBytes *
put_together (Partial *partial)
{
  g_auto (PlForwardingHeader) header = { 0 };
  g_autoptr (GBytes) body = NULL, joined = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gsize header_len = 0;

  g_byte_array_append (bytes, g_bytes_get_data (partial->head, NULL), partial->head_len);
  for (guint i = 0; i < partial->pieces->len; i++)
    {
      Piece *piece = &g_array_index (partial->pieces, Piece, i);
      gsize have = bytes->len - partial->head_len, len;
      const guint8 *data = g_bytes_get_data (piece->payload, &len);

      if (piece->offset + len > have)
        g_byte_array_append (bytes, data + (have - piece->offset), len - (have - piece->offset));
    }
  g_byte_array_set_size (bytes, partial->head_len + partial->total);
  if (pl_forwarding_peek (partial->head, &header, &header_len) != PL_WIRE_OK)
    return NULL;
  header.fragment = PL_FRAGMENT_WHOLE;
  joined = g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  return pl_forwarding_rewrite (joined, header_len, &header);
}

static void
insert_piece (PlReassembly *reassembly, Partial *partial, guint32 offset, GBytes *payload)
{
  Piece piece = { .offset = offset, .payload = g_bytes_ref (payload) };
  guint at = 0;

  while (at < partial->pieces->len && g_array_index (partial->pieces, Piece, at).offset < offset)
    at++;
  g_array_insert_val (partial->pieces, at, piece);
  partial->bytes += g_bytes_get_size (payload);
  reassembly->bytes += g_bytes_get_size (payload);
}

GBytes *
pl_reassembly_add (PlReassembly *reassembly, GBytes *fragment, const PlForwardingHeader *header,
                   gsize header_len, const PlNodeId *from, PlNodeId *origin)
{
  guint32 offset = header->fragment & PL_FRAGMENT_OFFSET;
  gsize len = g_bytes_get_size (fragment) - header_len;
  g_autoptr (GBytes) payload = g_bytes_new_from_bytes (fragment, header_len, len);
  Partial *partial;
  GBytes *whole;

  if (len > reassembly->max_message || offset > reassembly->max_message - len
      || !(partial = open_partial (reassembly, header->transaction_id, from)))
    return NULL;
  if (header->fragment & PL_FRAGMENT_LAST)
    partial->total = (gint64) offset + len;
  if (offset == 0 && !partial->head)
    {
      partial->head = g_bytes_ref (fragment);
      partial->head_len = header_len;
      partial->head_from = *from;
    }
  if (!has_piece (partial, offset, len))
    {
      if (partial->pieces->len >= PL_REASSEMBLY_PIECES_MAX || reassembly->bytes + len > PL_REASSEMBLY_BYTES_MAX)
        {
          forget (reassembly, partial);
          return NULL;
        }
      insert_piece (reassembly, partial, offset, payload);
    }
  if (!is_complete (partial))
    return NULL;
  *origin = partial->head_from;
  whole = put_together (partial);
  forget (reassembly, partial);
  return whole;
}
