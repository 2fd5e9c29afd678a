/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the store asks of a database, which is SQLite in a file or PostgreSQL. One SQL for both: values are '?'
 * and go as text, every column comes back as text.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct PlDatabase PlDatabase;

#define PL_DATABASE_VALUES_MAX 8

typedef struct {
  const char *schema;   /* makes what is not there */
  const char *begin;    /* a step that no other one runs beside */
  /* Statements without values or rows. */
  gboolean (*run) (PlDatabase *database, const char *sql, GError **error);
  /* Rows (GPtrArray of GStrv), the caller's; NULL with error. */
  GPtrArray *(*query) (PlDatabase *database, const char *sql, const char *const *values, guint n_values, GError **error);
  gboolean (*in_step) (PlDatabase *database);
  void (*free) (PlDatabase *database);
} PlDatabaseFuncs;

/* Implementations embed this as first member. */
struct PlDatabase { const PlDatabaseFuncs *funcs; };

PlDatabase *pl_sqlite_open (const char *path, GError **error);
/* `uri`: postgresql://...; an error where it was built without libpq. A connection that is lost is made anew at
 * the next step. */
PlDatabase *pl_postgres_open (const char *uri, GError **error);

G_END_DECLS
