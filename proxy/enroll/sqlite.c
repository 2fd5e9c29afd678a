/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#define BUSY_MS 5000 /* `list` and `revoke` run beside the server */

typedef struct { PlDatabase base; sqlite3 *db; } Sqlite;

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
fail (Sqlite *own, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "database: %s", sqlite3_errmsg (own->db));
  return FALSE;
}

static gboolean
run (PlDatabase *database, const char *sql, GError **error)
{
  Sqlite *own = (Sqlite *) database;

  return sqlite3_exec (own->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail (own, error);
}

static char **
read_row (sqlite3_stmt *statement)
{
  int n = sqlite3_column_count (statement);
  char **row = g_new0 (char *, n + 1);

  for (int i = 0; i < n; i++)
    row[i] = g_strdup ((const char *) sqlite3_column_text (statement, i));
  return row;
}

static GPtrArray *
query (PlDatabase *database, const char *sql, const char *const *values, guint n_values, GError **error)
{
  Sqlite *own = (Sqlite *) database;
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_autoptr (PlStatement) statement = NULL;
  int rc = sqlite3_prepare_v2 (own->db, sql, -1, &statement, NULL);

  for (guint i = 0; rc == SQLITE_OK && i < n_values; i++)
    rc = sqlite3_bind_text (statement, (int) i + 1, values[i], -1, SQLITE_TRANSIENT);
  if (rc != SQLITE_OK)
    return fail (own, error), NULL;
  while ((rc = sqlite3_step (statement)) == SQLITE_ROW)
    g_ptr_array_add (rows, read_row (statement));
  if (rc != SQLITE_DONE)
    return fail (own, error), NULL;
  return g_steal_pointer (&rows);
}

static gboolean
in_step (PlDatabase *database)
{
  return !sqlite3_get_autocommit (((Sqlite *) database)->db);
}

static void
close_database (PlDatabase *database)
{
  sqlite3_close (((Sqlite *) database)->db);
  g_free (database);
}

static const PlDatabaseFuncs funcs = { schema, "BEGIN IMMEDIATE", run, query, in_step, close_database };

PlDatabase *
pl_sqlite_open (const char *path, GError **error)
{
  Sqlite *own = g_new0 (Sqlite, 1);
  mode_t mask = umask (0077);
  int rc = sqlite3_open (path, &own->db);

  umask (mask);
  own->base.funcs = &funcs;
  if (rc == SQLITE_OK)
    {
      sqlite3_busy_timeout (own->db, BUSY_MS);
      return &own->base;
    }
  fail (own, error);
  close_database (&own->base);
  return NULL;
}
