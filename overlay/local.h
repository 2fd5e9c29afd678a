/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a document means on this machine: which bootstrap node it is.
 */
#pragma once
#include "overlay/enroll/document.h"

G_BEGIN_DECLS

/* A node does not call itself for help: bootstrap nodes at `port` on an address of this machine
 * leave the document's list. TRUE when one of them stood first or nobody is listed: then the node
 * may start the ring (11.4). */
gboolean pl_local_remove_self (PlDocument *document, guint16 port);

G_END_DECLS
