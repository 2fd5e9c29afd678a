/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/store.h"

#include "proxy/enroll/database.h"

struct PlStore { PlDatabase *database; };

/* `types` has a letter for each value: s (const char *) or i (gint64). Rows; NULL with error. */
static GPtrArray *
query (PlStore *store, GError **error, const char *sql, const char *types, ...)
{
  char numbers[PL_DATABASE_VALUES_MAX][24];
  const char *values[PL_DATABASE_VALUES_MAX];
  va_list args;
  guint n;

  va_start (args, types);
  for (n = 0; types[n]; n++)
    if (types[n] == 's')
      values[n] = va_arg (args, const char *);
    else
      {
        g_snprintf (numbers[n], sizeof numbers[n], "%" G_GINT64_FORMAT, va_arg (args, gint64));
        values[n] = numbers[n];
      }
  va_end (args);
  return store->database->funcs->query (store->database, sql, values, n, error);
}

/* Takes the rows of a statement that has none. */
static gboolean
finish (GPtrArray *rows)
{
  g_autoptr (GPtrArray) own = rows;

  return own != NULL;
}

static gint64
number (const char *text)
{
  return g_ascii_strtoll (text, NULL, 10);
}

static int
count (GPtrArray *rows)
{
  g_autoptr (GPtrArray) own = rows;

  return own && own->len == 1 ? (int) number (((char **) g_ptr_array_index (own, 0))[0]) : -1;
}

static char **
first (GPtrArray *rows)
{
  return rows && rows->len > 0 ? g_ptr_array_index (rows, 0) : NULL;
}

static gboolean
run (PlStore *store, const char *sql, GError **error)
{
  return store->database->funcs->run (store->database, sql, error);
}

PlStore *
pl_store_open (const char *where, GError **error)
{
  g_autoptr (PlStore) store = g_new0 (PlStore, 1);

  if (g_str_has_prefix (where, "postgresql://") || g_str_has_prefix (where, "postgres://"))
    store->database = pl_postgres_open (where, error);
  else
    store->database = pl_sqlite_open (where, error);
  if (!store->database || !run (store, store->database->funcs->schema, error))
    return NULL;
  return g_steal_pointer (&store);
}

void
pl_store_free (PlStore *store)
{
  if (!store)
    return;
  if (store->database)
    store->database->funcs->free (store->database);
  g_free (store);
}

gboolean
pl_store_begin (PlStore *store, GError **error)
{
  return run (store, store->database->funcs->begin, error);
}

gboolean
pl_store_commit (PlStore *store, GError **error)
{
  return run (store, "COMMIT", error);
}

gboolean
pl_store_in_step (PlStore *store)
{
  return store->database->funcs->in_step (store->database);
}

void
pl_store_rollback (PlStore *store)
{
  if (pl_store_in_step (store))
    run (store, "ROLLBACK", NULL);
}

/* --- codes --- */

void
pl_code_free (PlCode *code)
{
  if (!code)
    return;
  g_free (code->salt);
  g_free (code->hash);
  g_free (code);
}

PlCode *
pl_store_find_code (PlStore *store, const char *aor, const char *key_id, GError **error)
{
  g_autoptr (GPtrArray) rows = query (store, error, "SELECT salt, hash, made, expires, tries, state FROM codes"
                                      " WHERE aor = ? AND key_id = ?", "ss", aor, key_id);
  char **row = first (rows);
  PlCode *code;

  if (!row)
    return NULL;
  code = g_new0 (PlCode, 1);
  code->salt = g_strdup (row[0]);
  code->hash = g_strdup (row[1]);
  code->made = number (row[2]);
  code->expires = number (row[3]);
  code->tries = (guint) number (row[4]);
  code->state = (PlCodeState) number (row[5]);
  return code;
}

gboolean
pl_store_put_code (PlStore *store, const char *aor, const char *key_id, const PlCode *code, const char *link_hash, GError **error)
{
  return finish (query (store, error, "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (aor, key_id) DO UPDATE SET"
                        " salt = excluded.salt, hash = excluded.hash, link = excluded.link, made = excluded.made,"
                        " expires = excluded.expires, tries = 0, state = 0", "sssssii",
                        aor, key_id, code->salt, code->hash, link_hash, code->made, code->expires));
}

gboolean
pl_store_set_code (PlStore *store, const char *aor, const char *key_id, PlCodeState state, guint tries, GError **error)
{
  return finish (query (store, error, "UPDATE codes SET state = ?, tries = ? WHERE aor = ? AND key_id = ?", "iiss",
                        (gint64) state, (gint64) tries, aor, key_id));
}

char *
pl_store_find_link (PlStore *store, const char *link_hash, gint64 now, char **key_id, GError **error)
{
  g_autoptr (GPtrArray) rows = query (store, error, "SELECT aor, key_id FROM codes WHERE link = ? AND expires > ?"
                                      " AND state = 0", "si", link_hash, now);
  char **row = first (rows);

  if (!row)
    return NULL;
  if (key_id)
    *key_id = g_strdup (row[1]);
  return g_strdup (row[0]);
}

/* --- certificates --- */

#define ISSUED_COLUMNS "SELECT serial, aor, key_id, node_id, pem, issued, expires, revoked FROM issued "

void
pl_issued_free (PlIssued *issued)
{
  if (!issued)
    return;
  g_free (issued->aor);
  g_free (issued->key_id);
  g_free (issued->node_id);
  g_free (issued->pem);
  g_free (issued);
}

static PlIssued *
read_issued (char **row)
{
  PlIssued *issued = g_new0 (PlIssued, 1);

  issued->serial = number (row[0]);
  issued->aor = g_strdup (row[1]);
  issued->key_id = g_strdup (row[2]);
  issued->node_id = g_strdup (row[3]);
  issued->pem = g_strdup (row[4]);
  issued->issued = number (row[5]);
  issued->expires = number (row[6]);
  issued->revoked = number (row[7]) != 0;
  return issued;
}

PlIssued *
pl_store_find_issued (PlStore *store, const char *aor, const char *key_id, GError **error)
{
  g_autoptr (GPtrArray) rows = query (store, error, ISSUED_COLUMNS "WHERE aor = ? AND key_id = ? ORDER BY serial DESC LIMIT 1",
                                      "ss", aor, key_id);

  return first (rows) ? read_issued (first (rows)) : NULL;
}

int
pl_store_count_devices (PlStore *store, const char *aor, gint64 now, GError **error)
{
  return count (query (store, error, "SELECT COUNT(DISTINCT key_id) FROM issued WHERE aor = ? AND expires > ?"
                       " AND revoked = 0", "si", aor, now));
}

gboolean
pl_store_put_issued (PlStore *store, const PlIssued *issued, GError **error)
{
  return finish (query (store, error, "INSERT INTO issued (aor, key_id, node_id, pem, issued, expires, revoked)"
                        " VALUES (?, ?, ?, ?, ?, ?, 0)", "ssssii", issued->aor, issued->key_id, issued->node_id,
                        issued->pem, issued->issued, issued->expires));
}

GPtrArray *
pl_store_list (PlStore *store, const char *aor, GError **error)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_issued_free);
  g_autoptr (GPtrArray) rows = query (store, error, ISSUED_COLUMNS "WHERE serial IN (SELECT MAX(serial) FROM issued"
                                      " GROUP BY aor, key_id) AND (? = '' OR aor = ?) ORDER BY aor, serial", "ss",
                                      aor ? aor : "", aor ? aor : "");

  for (guint i = 0; rows && i < rows->len; i++)
    g_ptr_array_add (list, read_issued (g_ptr_array_index (rows, i)));
  return rows ? g_steal_pointer (&list) : NULL;
}

gboolean
pl_store_revoke (PlStore *store, const char *node_id, GError **error)
{
  return finish (query (store, error, "UPDATE issued SET revoked = 1 WHERE node_id = ?", "s", node_id));
}

/* --- mails --- */

int
pl_store_count_mails (PlStore *store, const char *column, const char *value, gint64 since, GError **error)
{
  g_autofree char *sql = g_strdup_printf ("SELECT COUNT(*) FROM mails WHERE %s = ? AND at > ?", column);

  return count (query (store, error, sql, "si", value, since));
}

gboolean
pl_store_put_mail (PlStore *store, const char *aor, const char *client, gint64 now, gint64 old, GError **error)
{
  return finish (query (store, error, "INSERT INTO mails VALUES (?, ?, ?)", "iss", now, aor, client))
         && finish (query (store, error, "DELETE FROM mails WHERE at < ?", "i", old))
         && finish (query (store, error, "DELETE FROM codes WHERE expires < ?", "i", old));
}
