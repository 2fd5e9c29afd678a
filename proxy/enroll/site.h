/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The folder of an enrollment server: ca.{key,crt}, signer.{key,crt}, overlay.xml, enroll.conf,
 * enroll.db. All but the document are for its owner alone.
 */
#pragma once
#include "overlay/enroll/authority.h"
#include "overlay/enroll/document.h"
#include "proxy/enroll/desk.h"
#include "proxy/enroll/mail.h"

G_BEGIN_DECLS

typedef struct {
  char *dir;
  char *overlay;              /* name */
  char *url;                  /* https://HOST[:PORT], without a slash at the end */
  char *listen;               /* ADDRESS:PORT */
  char *certificate, *key;    /* PEM files of the HTTPS server */
  char *hook;                 /* program that may refuse somebody; NULL: none */
  guint idle_seconds;         /* an HTTPS connection may say nothing for so long */
  char *smtp, *from, *user, *password;
  char *database;             /* postgresql://..., NULL: enroll.db in `dir` */
  PlPolicy policy;
} PlSite;

/* Makes authority, signer, document and settings in `site->dir`, which has none of them. */
gboolean pl_site_init (PlEnv *env, const PlSite *site, char **bootstrap, GError **error);
PlSite *pl_site_load (const char *dir, GError **error);
void pl_site_free (PlSite *site);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSite, pl_site_free)

PlStore *pl_site_open_store (const PlSite *site, GError **error);
PlAuthority *pl_site_load_authority (const PlSite *site, PlEnv *env, GError **error);
/* The document as it is published now. */
GBytes *pl_site_load_document (const PlSite *site, GError **error);
/* Signs a new document in which `node_id` is a bad-node (11.1); the same one when it is already. */
gboolean pl_site_ban (const PlSite *site, const PlNodeId *node_id, GError **error);

G_END_DECLS
