/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/trans/answers.h"

#include <string.h>

typedef struct {
  PlAnswerKey key;
  gint64 expires;
  GBytes *answer;           /* NULL: being processed */
  gsize header_len;
  GList *node;              /* in order */
} Kept;

struct PlAnswers {
  PlEnv *env;
  guint max;
  gsize max_bytes, bytes;
  gint64 lifetime;
  GHashTable *table;        /* set of Kept, by PlAnswerKey; NULL: none */
  GQueue *order;            /* oldest first */
};

static guint
key_hash (gconstpointer data)
{
  return g_int64_hash (&((const PlAnswerKey *) data)->transaction_id);
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  const PlAnswerKey *x = a, *y = b;

  return x->transaction_id == y->transaction_id && memcmp (x->digest, y->digest, sizeof x->digest) == 0;
}

PlAnswers *
pl_answers_new (PlEnv *env, guint max, gsize max_bytes, gint64 lifetime)
{
  PlAnswers *answers = g_new0 (PlAnswers, 1);

  answers->env = env;
  answers->max = max;
  answers->max_bytes = max_bytes;
  answers->lifetime = lifetime;
  answers->order = g_queue_new ();
  return answers;
}

static Kept *
find (PlAnswers *answers, const PlAnswerKey *key)
{
  return answers->table ? g_hash_table_lookup (answers->table, key) : NULL;
}

static void
drop (PlAnswers *answers, Kept *kept)
{
  g_hash_table_remove (answers->table, &kept->key);
  if (g_hash_table_size (answers->table) == 0)
    g_clear_pointer (&answers->table, g_hash_table_unref);
  g_queue_delete_link (answers->order, kept->node);
  if (kept->answer)
    {
      answers->bytes -= g_bytes_get_size (kept->answer);
      g_bytes_unref (kept->answer);
    }
  g_free (kept);
}

void
pl_answers_free (PlAnswers *answers)
{
  if (!answers)
    return;
  while (!g_queue_is_empty (answers->order))
    drop (answers, g_queue_peek_head (answers->order));
  g_queue_free (answers->order);
  g_free (answers);
}

void
pl_answers_key (PlAnswerKey *key, guint64 transaction_id, GBytes *message, gsize header_len)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize len, digest_len = sizeof key->digest;
  const guint8 *data = g_bytes_get_data (message, &len);

  key->transaction_id = transaction_id;
  g_checksum_update (checksum, data + header_len, len - header_len);
  g_checksum_get_digest (checksum, key->digest, &digest_len);
}

static void
sweep (PlAnswers *answers)
{
  gint64 now = pl_env_now (answers->env);
  Kept *oldest;

  while ((oldest = g_queue_peek_head (answers->order))
         && (oldest->expires <= now || answers->bytes > answers->max_bytes
             || g_queue_get_length (answers->order) >= answers->max))
    drop (answers, oldest);
}

PlAnswersState
pl_answers_find (PlAnswers *answers, const PlAnswerKey *key, GBytes **answer, gsize *header_len)
{
  Kept *kept = find (answers, key);

  if (!kept || kept->expires <= pl_env_now (answers->env))
    return PL_ANSWERS_NEW;
  if (!kept->answer)
    return PL_ANSWERS_OPEN;
  *answer = kept->answer;
  *header_len = kept->header_len;
  return PL_ANSWERS_DONE;
}

void
pl_answers_open (PlAnswers *answers, const PlAnswerKey *key)
{
  Kept *kept = find (answers, key);

  if (kept)
    drop (answers, kept);
  sweep (answers);
  kept = g_new0 (Kept, 1);
  kept->key = *key;
  kept->expires = pl_env_now (answers->env) + answers->lifetime;
  g_queue_push_tail (answers->order, kept);
  kept->node = g_queue_peek_tail_link (answers->order);
  if (!answers->table)
    answers->table = g_hash_table_new (key_hash, key_equal);
  g_hash_table_add (answers->table, kept);
}

void
pl_answers_done (PlAnswers *answers, const PlAnswerKey *key, GBytes *answer, gsize header_len)
{
  Kept *kept = find (answers, key);

  if (!kept || kept->answer)
    return;
  kept->answer = g_bytes_ref (answer);
  kept->header_len = header_len;
  answers->bytes += g_bytes_get_size (answer);
}

void
pl_answers_forget (PlAnswers *answers, const PlAnswerKey *key)
{
  Kept *kept = find (answers, key);

  if (kept)
    drop (answers, kept);
}
