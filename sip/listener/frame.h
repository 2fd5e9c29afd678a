/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SIP messages out of a byte stream (RFC 3261, 18.3) within a bounded buffer. No I/O.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_FRAME_HEADER_MAX 32768   /* first line and headers of one message */
#define PL_FRAME_MESSAGE_MAX 65507  /* as much as the transaction layer takes */

typedef struct PlFramer PlFramer;

typedef enum {
  PL_FRAME_MORE,     /* nothing whole yet */
  PL_FRAME_MESSAGE,  /* *message is a whole one */
  PL_FRAME_PING,     /* a keep-alive (RFC 5626, 4.4.1): answer CRLF */
  PL_FRAME_BAD       /* the stream is lost: close it */
} PlFrameResult;

PlFramer *pl_framer_new (void);
void pl_framer_free (PlFramer *framer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlFramer, pl_framer_free)
void pl_framer_push (PlFramer *framer, const guint8 *data, gsize len);
/* Call until MORE or BAD. The caller frees *message. */
PlFrameResult pl_framer_pop (PlFramer *framer, GBytes **message);

G_END_DECLS
