/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The enrollment server's HTTPS (RFC 6940 11.2, 11.3): the document, the desk, the page of a link.
 */
#pragma once
#include "proxy/enroll/site.h"

G_BEGIN_DECLS

#define PL_BODY_MAX 65536    /* bytes of a request */

typedef struct PlServer PlServer;

/* Listens as the site says; both are borrowed and outlive the server. */
PlServer *pl_server_new (const PlSite *site, PlDesk *desk, GError **error);
void pl_server_free (PlServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlServer, pl_server_free)

G_END_DECLS
