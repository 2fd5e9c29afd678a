/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One end of an Attach or AppAttach exchange on real sockets: gather, ICE, DTLS, certificate,
 * carrier (RFC 6940 6.5.1).
 */
#pragma once
#include "ice/candidate.h"
#include "overlay/link/secure.h"
#include "overlay/link/transport.h"

G_BEGIN_DECLS

#define PL_ATTACH_ANSWER_MAX (30 * PL_USEC_PER_SEC)  /* from the start to the far side's part */
#define PL_ATTACH_CONNECT_MAX (15 * PL_USEC_PER_SEC) /* from there to the carrier */
#define PL_ATTACH_SEGMENTS "pl-sip-seg"              /* IceExtension, value "1" (doc/PROTOCOL) */

typedef struct {
  GMainContext *context;
  PlSecureContext secure;
  const char *address;         /* the only one to use, or NULL */
  PlIceTell tell;
  gboolean loopback;
  const char *const *stun;     /* numeric */
  guint *stun_index;           /* moved on when a server does not answer */
  const char *const *turn;     /* numeric */
} PlAttachmentContext;

/* All borrowed. With `refused` it only reports that, from the loop. */
PlAttachment *pl_attachment_new (const PlAttachmentContext *context, PlAttachPurpose purpose, gboolean controlling,
                                 const PlAttachmentHandlers *handlers, gpointer user, const GError *refused);
void pl_attachment_set_remote (PlAttachment *attachment, const PlAttachReqAns *remote, const PlNodeId *node);
/* Called once when it is over and its handler has returned: free it then. */
void pl_attachment_set_over (PlAttachment *attachment, void (*over) (gpointer user, PlAttachment *attachment), gpointer user);
void pl_attachment_free (PlAttachment *attachment);
/* TRUE while its handler runs: it is freed afterwards anyway. */
gboolean pl_attachment_is_over (PlAttachment *attachment);

G_END_DECLS
