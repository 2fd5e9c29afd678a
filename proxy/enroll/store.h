/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the enrollment server remembers, in a database (proxy/enroll/database.h): codes sent, certificates issued, mails of late.
 * A step of the desk is one transaction, and is on the disk when pl_store_commit returns. Times are
 * seconds since 1970.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct PlStore PlStore;

typedef enum { PL_CODE_OPEN, PL_CODE_CONFIRMED, PL_CODE_USED } PlCodeState;

/* A code for an address, bound to the key that asked. */
typedef struct {
  char *salt, *hash;     /* of the code; the code itself is in the mail alone */
  gint64 made, expires;
  guint tries;
  PlCodeState state;
} PlCode;
void pl_code_free (PlCode *code);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlCode, pl_code_free)

typedef struct {
  gint64 serial;         /* of the record */
  char *aor, *key_id, *node_id, *pem;
  gint64 issued, expires;
  gboolean revoked;
} PlIssued;
void pl_issued_free (PlIssued *issued);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlIssued, pl_issued_free)

/* `where`: a file for SQLite, or postgresql://... where several servers share one state. */
PlStore *pl_store_open (const char *where, GError **error);
void pl_store_free (PlStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlStore, pl_store_free)

gboolean pl_store_begin (PlStore *store, GError **error);
gboolean pl_store_commit (PlStore *store, GError **error);
void pl_store_rollback (PlStore *store);
gboolean pl_store_in_step (PlStore *store);

/* NULL without error: there is none. */
PlCode *pl_store_find_code (PlStore *store, const char *aor, const char *key_id, GError **error);
gboolean pl_store_put_code (PlStore *store, const char *aor, const char *key_id, const PlCode *code, const char *link_hash, GError **error);
gboolean pl_store_set_code (PlStore *store, const char *aor, const char *key_id, PlCodeState state, guint tries, GError **error);
/* The address whose open code the link is for; NULL when there is none. `key_id` may be NULL. */
char *pl_store_find_link (PlStore *store, const char *link_hash, gint64 now, char **key_id, GError **error);

/* The last one issued to this address and key. */
PlIssued *pl_store_find_issued (PlStore *store, const char *aor, const char *key_id, GError **error);
/* Keys with a certificate that is valid at `now` and not revoked; -1 with error. */
int pl_store_count_devices (PlStore *store, const char *aor, gint64 now, GError **error);
gboolean pl_store_put_issued (PlStore *store, const PlIssued *issued, GError **error);
/* PlIssued, each address and key once, by address; `aor` NULL: all. */
GPtrArray *pl_store_list (PlStore *store, const char *aor, GError **error);
gboolean pl_store_revoke (PlStore *store, const char *node_id, GError **error);

/* Mails since `since`, to the address or caused by the client; -1 with error. */
int pl_store_count_mails (PlStore *store, const char *column, const char *value, gint64 since, GError **error);
/* Also forgets mails and codes from before `old`. */
gboolean pl_store_put_mail (PlStore *store, const char *aor, const char *client, gint64 now, gint64 old, GError **error);

G_END_DECLS
