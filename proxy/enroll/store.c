/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#define BUSY_MS 5000 /* `list` and `revoke` run beside the server */

struct PlStore { sqlite3 *db; };

typedef sqlite3_stmt PlStatement;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlStatement, sqlite3_finalize)

static const char schema[] =
  "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
  "CREATE TABLE IF NOT EXISTS codes (aor TEXT NOT NULL, key_id TEXT NOT NULL, salt TEXT NOT NULL, hash TEXT NOT NULL,"
  " link TEXT NOT NULL, made INTEGER NOT NULL, expires INTEGER NOT NULL, tries INTEGER NOT NULL, state INTEGER NOT NULL,"
  " PRIMARY KEY (aor, key_id));"
  "CREATE INDEX IF NOT EXISTS codes_link ON codes (link);"
  "CREATE TABLE IF NOT EXISTS issued (serial INTEGER PRIMARY KEY AUTOINCREMENT, aor TEXT NOT NULL, key_id TEXT NOT NULL,"
  " node_id TEXT NOT NULL, pem TEXT NOT NULL, issued INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER NOT NULL);"
  "CREATE INDEX IF NOT EXISTS issued_who ON issued (aor, key_id);"
  "CREATE TABLE IF NOT EXISTS mails (at INTEGER NOT NULL, aor TEXT NOT NULL, client TEXT NOT NULL);"
  "CREATE INDEX IF NOT EXISTS mails_at ON mails (at);";

static gboolean
fail (PlStore *store, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "database: %s", sqlite3_errmsg (store->db));
  return FALSE;
}

static gboolean
run (PlStore *store, const char *sql, GError **error)
{
  return sqlite3_exec (store->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail (store, error);
}

/* `types` has a letter for each parameter: s (const char *) or i (gint64). */
static PlStatement *
prepare (PlStore *store, GError **error, const char *sql, const char *types, ...)
{
  PlStatement *statement = NULL;
  va_list args;

  if (sqlite3_prepare_v2 (store->db, sql, -1, &statement, NULL) != SQLITE_OK)
    return fail (store, error), NULL;
  va_start (args, types);
  for (int i = 0; types[i]; i++)
    if (types[i] == 's')
      sqlite3_bind_text (statement, i + 1, va_arg (args, const char *), -1, SQLITE_TRANSIENT);
    else
      sqlite3_bind_int64 (statement, i + 1, va_arg (args, gint64));
  va_end (args);
  return statement;
}

static gboolean
finish (PlStore *store, PlStatement *statement, GError **error)
{
  g_autoptr (PlStatement) own = statement;

  return own && (sqlite3_step (own) == SQLITE_DONE || fail (store, error));
}

/* Whether there is a row; an error is not one. */
static gboolean
step (PlStore *store, PlStatement *statement, GError **error)
{
  int rc = statement ? sqlite3_step (statement) : SQLITE_DONE;

  return rc == SQLITE_ROW || (rc != SQLITE_DONE && fail (store, error));
}

static int
count (PlStore *store, PlStatement *statement, GError **error)
{
  g_autoptr (PlStatement) own = statement;

  return step (store, own, error) ? sqlite3_column_int (own, 0) : -1;
}

static char *
dup_column (PlStatement *statement, int column)
{
  return g_strdup ((const char *) sqlite3_column_text (statement, column));
}

PlStore *
pl_store_open (const char *path, GError **error)
{
  g_autoptr (PlStore) store = g_new0 (PlStore, 1);
  mode_t mask = umask (0077);
  int rc = sqlite3_open (path, &store->db);

  umask (mask);
  if (rc != SQLITE_OK)
    return fail (store, error), NULL;
  sqlite3_busy_timeout (store->db, BUSY_MS);
  return run (store, schema, error) ? g_steal_pointer (&store) : NULL;
}

void
pl_store_free (PlStore *store)
{
  if (!store)
    return;
  sqlite3_close (store->db);
  g_free (store);
}

gboolean
pl_store_begin (PlStore *store, GError **error)
{
  return run (store, "BEGIN IMMEDIATE", error);
}

gboolean
pl_store_commit (PlStore *store, GError **error)
{
  return run (store, "COMMIT", error);
}

gboolean
pl_store_in_step (PlStore *store)
{
  return !sqlite3_get_autocommit (store->db);
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
  g_autoptr (PlStatement) found = prepare (store, error, "SELECT salt, hash, made, expires, tries, state FROM codes"
                                           " WHERE aor = ? AND key_id = ?", "ss", aor, key_id);
  PlCode *code;

  if (!step (store, found, error))
    return NULL;
  code = g_new0 (PlCode, 1);
  code->salt = dup_column (found, 0);
  code->hash = dup_column (found, 1);
  code->made = sqlite3_column_int64 (found, 2);
  code->expires = sqlite3_column_int64 (found, 3);
  code->tries = sqlite3_column_int (found, 4);
  code->state = sqlite3_column_int (found, 5);
  return code;
}

gboolean
pl_store_put_code (PlStore *store, const char *aor, const char *key_id, const PlCode *code, const char *link_hash, GError **error)
{
  return finish (store, prepare (store, error, "INSERT OR REPLACE INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)", "sssssii",
                                 aor, key_id, code->salt, code->hash, link_hash, code->made, code->expires), error);
}

gboolean
pl_store_set_code (PlStore *store, const char *aor, const char *key_id, PlCodeState state, guint tries, GError **error)
{
  return finish (store, prepare (store, error, "UPDATE codes SET state = ?, tries = ? WHERE aor = ? AND key_id = ?", "iiss",
                                 (gint64) state, (gint64) tries, aor, key_id), error);
}

char *
pl_store_find_link (PlStore *store, const char *link_hash, gint64 now, char **key_id, GError **error)
{
  g_autoptr (PlStatement) found = prepare (store, error, "SELECT aor, key_id FROM codes WHERE link = ? AND expires > ?"
                                           " AND state = 0", "si", link_hash, now);

  if (!step (store, found, error))
    return NULL;
  if (key_id)
    *key_id = dup_column (found, 1);
  return dup_column (found, 0);
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
read_issued (PlStatement *row)
{
  PlIssued *issued = g_new0 (PlIssued, 1);

  issued->serial = sqlite3_column_int64 (row, 0);
  issued->aor = dup_column (row, 1);
  issued->key_id = dup_column (row, 2);
  issued->node_id = dup_column (row, 3);
  issued->pem = dup_column (row, 4);
  issued->issued = sqlite3_column_int64 (row, 5);
  issued->expires = sqlite3_column_int64 (row, 6);
  issued->revoked = sqlite3_column_int (row, 7);
  return issued;
}

PlIssued *
pl_store_find_issued (PlStore *store, const char *aor, const char *key_id, GError **error)
{
  g_autoptr (PlStatement) found = prepare (store, error, ISSUED_COLUMNS "WHERE aor = ? AND key_id = ? ORDER BY serial DESC LIMIT 1",
                                           "ss", aor, key_id);

  return step (store, found, error) ? read_issued (found) : NULL;
}

int
pl_store_count_devices (PlStore *store, const char *aor, gint64 now, GError **error)
{
  return count (store, prepare (store, error, "SELECT COUNT(DISTINCT key_id) FROM issued WHERE aor = ? AND expires > ?"
                                " AND revoked = 0", "si", aor, now), error);
}

gboolean
pl_store_put_issued (PlStore *store, const PlIssued *issued, GError **error)
{
  return finish (store, prepare (store, error, "INSERT INTO issued (aor, key_id, node_id, pem, issued, expires, revoked)"
                                 " VALUES (?, ?, ?, ?, ?, ?, 0)", "ssssii", issued->aor, issued->key_id, issued->node_id,
                                 issued->pem, issued->issued, issued->expires), error);
}

GPtrArray *
pl_store_list (PlStore *store, const char *aor, GError **error)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_issued_free);
  g_autoptr (GError) why = NULL;
  g_autoptr (PlStatement) rows = prepare (store, &why, ISSUED_COLUMNS "WHERE serial IN (SELECT MAX(serial) FROM issued"
                                          " GROUP BY aor, key_id) AND (? = '' OR aor = ?) ORDER BY aor, serial", "ss",
                                          aor ? aor : "", aor ? aor : "");

  while (step (store, rows, &why))
    g_ptr_array_add (list, read_issued (rows));
  if (!why)
    return g_steal_pointer (&list);
  g_propagate_error (error, g_steal_pointer (&why));
  return NULL;
}

gboolean
pl_store_revoke (PlStore *store, const char *node_id, GError **error)
{
  return finish (store, prepare (store, error, "UPDATE issued SET revoked = 1 WHERE node_id = ?", "s", node_id), error);
}

/* --- mails --- */

int
pl_store_count_mails (PlStore *store, const char *column, const char *value, gint64 since, GError **error)
{
  g_autofree char *sql = g_strdup_printf ("SELECT COUNT(*) FROM mails WHERE %s = ? AND at > ?", column);

  return count (store, prepare (store, error, sql, "si", value, since), error);
}

gboolean
pl_store_put_mail (PlStore *store, const char *aor, const char *client, gint64 now, gint64 old, GError **error)
{
  return finish (store, prepare (store, error, "INSERT INTO mails VALUES (?, ?, ?)", "iss", now, aor, client), error)
         && finish (store, prepare (store, error, "DELETE FROM mails WHERE at < ?", "i", old), error)
         && finish (store, prepare (store, error, "DELETE FROM codes WHERE expires < ?", "i", old), error);
}
