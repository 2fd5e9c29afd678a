/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/database.h"

#ifdef HAVE_LIBPQ

#include <libpq-fe.h>
#include <string.h>

/* Of the steps of all servers that share the database: any number that is always the same. */
#define STEP_LOCK "7040113"

typedef struct { PlDatabase base; PGconn *link; } Postgres;

typedef PGresult PlAnswer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlAnswer, PQclear)

static const char schema[] =
  "SET client_min_messages = warning; SELECT pg_advisory_xact_lock(" STEP_LOCK ");"
  "CREATE TABLE IF NOT EXISTS codes (aor TEXT NOT NULL, key_id TEXT NOT NULL, salt TEXT NOT NULL, hash TEXT NOT NULL,"
  " link TEXT NOT NULL, made BIGINT NOT NULL, expires BIGINT NOT NULL, tries BIGINT NOT NULL, state BIGINT NOT NULL,"
  " PRIMARY KEY (aor, key_id));"
  "CREATE INDEX IF NOT EXISTS codes_link ON codes (link);"
  "CREATE TABLE IF NOT EXISTS issued (serial BIGSERIAL PRIMARY KEY, aor TEXT NOT NULL, key_id TEXT NOT NULL,"
  " node_id TEXT NOT NULL, pem TEXT NOT NULL, issued BIGINT NOT NULL, expires BIGINT NOT NULL, revoked BIGINT NOT NULL);"
  "CREATE INDEX IF NOT EXISTS issued_who ON issued (aor, key_id);"
  "CREATE TABLE IF NOT EXISTS mails (at BIGINT NOT NULL, aor TEXT NOT NULL, client TEXT NOT NULL);"
  "CREATE INDEX IF NOT EXISTS mails_at ON mails (at);";

static gboolean
fail (GError **error, const char *why)
{
  g_autofree char *line = g_strndup (why, strcspn (why, "\n"));

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "database: %s", line);
  return FALSE;
}

/* That a connection was lost is seen by the first that uses it. */
static PGresult *
exec_again (Postgres *own, const char *sql)
{
  g_autoptr (PlAnswer) answer = PQexec (own->link, sql);

  if (PQstatus (own->link) == CONNECTION_OK)
    return g_steal_pointer (&answer);
  PQreset (own->link);
  return PQexec (own->link, sql);
}

static gboolean
run (PlDatabase *database, const char *sql, GError **error)
{
  Postgres *own = (Postgres *) database;
  g_autoptr (PlAnswer) answer = NULL;
  gboolean commit = g_str_equal (sql, "COMMIT");

  answer = commit ? PQexec (own->link, sql) : exec_again (own, sql);
  if (PQresultStatus (answer) != PGRES_COMMAND_OK && PQresultStatus (answer) != PGRES_TUPLES_OK)
    return fail (error, PQerrorMessage (own->link));
  /* A step in which something failed is undone by it, and so is one whose connection was lost. */
  return !commit || g_str_equal (PQcmdStatus (answer), "COMMIT") || fail (error, "the step was undone");
}

/* $1, $2, ... for '?'. */
static char *
number_values (const char *sql)
{
  GString *out = g_string_new (NULL);
  guint n = 0;

  for (; *sql; sql++)
    if (*sql == '?')
      g_string_append_printf (out, "$%u", ++n);
    else
      g_string_append_c (out, *sql);
  return g_string_free (out, FALSE);
}

static GPtrArray *
query (PlDatabase *database, const char *sql, const char *const *values, guint n_values, GError **error)
{
  Postgres *own = (Postgres *) database;
  g_autofree char *numbered = number_values (sql);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_autoptr (PlAnswer) answer = NULL;

  answer = PQexecParams (own->link, numbered, (int) n_values, NULL, values, NULL, NULL, 0);
  if (PQresultStatus (answer) != PGRES_COMMAND_OK && PQresultStatus (answer) != PGRES_TUPLES_OK)
    return fail (error, PQerrorMessage (own->link)), NULL;
  for (int i = 0; i < PQntuples (answer); i++)
    {
      char **row = g_new0 (char *, PQnfields (answer) + 1);

      for (int k = 0; k < PQnfields (answer); k++)
        row[k] = g_strdup (PQgetvalue (answer, i, k));
      g_ptr_array_add (rows, row);
    }
  return g_steal_pointer (&rows);
}

static gboolean
in_step (PlDatabase *database)
{
  PGTransactionStatusType status = PQtransactionStatus (((Postgres *) database)->link);

  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

static void
close_database (PlDatabase *database)
{
  PQfinish (((Postgres *) database)->link);
  g_free (database);
}

static const PlDatabaseFuncs funcs = {
  schema, "BEGIN; SELECT pg_advisory_xact_lock(" STEP_LOCK ")", run, query, in_step, close_database,
};

PlDatabase *
pl_postgres_open (const char *uri, GError **error)
{
  Postgres *own = g_new0 (Postgres, 1);

  own->base.funcs = &funcs;
  own->link = PQconnectdb (uri);
  if (PQstatus (own->link) == CONNECTION_OK)
    return &own->base;
  fail (error, PQerrorMessage (own->link));
  close_database (&own->base);
  return NULL;
}

#else

PlDatabase *
pl_postgres_open (const char *uri, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this peerline-enroll was built without PostgreSQL (libpq)");
  return NULL;
}

#endif
