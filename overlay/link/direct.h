/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One end of an Attach or AppAttach exchange in an overlay without ICE (RFC 6940 6.5.1.11,
 * 6.6.5): each end listens on a TCP port of its own, the asked one dials the addresses it was
 * given. The TLS handshake is the check.
 */
#pragma once
#include "overlay/link/attachment.h"

G_BEGIN_DECLS

typedef struct PlDirect PlDirect;

#define PL_DIRECT_ADDRESSES_MAX 8  /* of ours told, and of the far side dialled */

/* As pl_attachment_new, for the side that asks (`asking`) or was asked. Handlers see it cast to
 * PlAttachment. */
PlDirect *pl_direct_new (const PlAttachmentContext *context, gboolean asking, const PlAttachmentHandlers *handlers, gpointer user,
                         const GError *refused);
void pl_direct_set_remote (PlDirect *direct, const PlAttachReqAns *remote, const PlNodeId *node);
/* Called once when it is over and its handler has returned: free it then. */
void pl_direct_set_over (PlDirect *direct, void (*over) (gpointer user, PlAttachment *attachment), gpointer user);
gboolean pl_direct_is_over (PlDirect *direct);
void pl_direct_free (PlDirect *direct);

G_END_DECLS
