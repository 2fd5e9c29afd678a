/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a document means on this machine: which bootstrap node it is, which STUN servers it asks.
 */
#pragma once
#include "overlay/enroll/document.h"

G_BEGIN_DECLS

/* A node does not call itself for help: bootstrap nodes at `port` on an address of this machine
 * leave the document's list. TRUE when one of them stood first or nobody is listed: then the node
 * may start the ring (11.4). */
gboolean pl_local_remove_self (PlDocument *document, guint16 port);
/* `more` ("host:port", NULL-terminated, may be NULL), the document's STUN servers, and its
 * bootstrap nodes, which answer STUN too. NULL-terminated GPtrArray of char *, caller's. */
GPtrArray *pl_local_dup_stun (const PlDocument *document, char *const *more);

G_END_DECLS
