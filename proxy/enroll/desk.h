/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The desk where certificates are asked for (RFC 6940 11.3): what a request means, without HTTP and
 * without mail. Proof of an address is a code sent there: single use, for the key that asked, five
 * tries. A key that has a certificate gets it again, or a new one with the same Node-ID once most of
 * its time has passed.
 */
#pragma once
#include "overlay/enroll/authority.h"
#include "proxy/enroll/store.h"

G_BEGIN_DECLS

#define PL_CODE_TRIES 5
#define PL_CODE_RESEND 60 /* s: who asks again sooner has a mail under way */

/* What addresses of a pattern get. */
typedef struct {
  char *pattern;               /* NULL: all others */
  guint devices;               /* keys of one address with a valid certificate */
  guint node_ids;              /* of one certificate, 1 to PL_AUTHORITY_NODE_IDS_MAX */
  gint64 lifetime;             /* s, of a certificate */
} PlGrant;

typedef struct {
  char **allow, **deny;        /* patterns as *@example.org; nothing allowed: everybody is */
  PlGrant grant;               /* of whom none of `grants` is for */
  GArray *grants;              /* PlGrant, the first that fits counts; may be NULL */
  guint code_seconds;          /* a code is good for so long */
  guint mails_per_address, mails_per_client; /* an hour */
} PlPolicy;

typedef struct {
  const char *username, *password, *nodeids; /* as they came; may be NULL */
  GBytes *csr;                 /* PKCS#10, DER or PEM; may be NULL */
  const char *client;          /* IP address */
} PlAsk;

/* Sends a mail without waiting for it. */
typedef void (*PlDeskMail) (const char *to, const char *code, const char *link, const char *fingerprint, gpointer data);

/* Whether somebody may have a certificate at all: another judge, asked each time. `key`: fingerprint in
 * hexadecimal. */
typedef gboolean (*PlDeskJudge) (const char *aor, const char *client, const char *key, gpointer data);

typedef struct PlDesk PlDesk;

/* All is borrowed and outlives the desk. */
PlDesk *pl_desk_new (PlEnv *env, PlStore *store, PlAuthority *authority, const char *overlay, const PlPolicy *policy);
void pl_desk_free (PlDesk *desk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlDesk, pl_desk_free)
void pl_desk_set_mail (PlDesk *desk, PlDeskMail mail, gpointer data);
void pl_desk_set_judge (PlDesk *desk, PlDeskJudge judge, gpointer data);

/* The certificate (PEM), recorded before it is returned; or NULL with *token, one of the RFC's, or
 * with `error` when the database fails. */
char *pl_desk_ask (PlDesk *desk, const PlAsk *ask, const char **token, GError **error);
/* The address and key fingerprint a link of a mail is for, confirmed if `confirm`; NULL: no such, or used. */
char *pl_desk_link (PlDesk *desk, const char *link, gboolean confirm, char **fingerprint, GError **error);

G_END_DECLS
