/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The framing header of overlay links (RFC 6940, section 6.6.2).
 */
#pragma once
#include "overlay/wire/reader.h"
#include "overlay/wire/writer.h"

G_BEGIN_DECLS

#define PL_FRAME_DATA_HEADER 8  /* bytes before the message: type, sequence, length */
#define PL_FRAME_ACK_LEN 9

typedef enum { PL_FRAME_DATA = 128, PL_FRAME_ACK = 129 } PlFramedMessageType;

typedef struct {
  guint8 type;
  guint32 sequence;      /* data */
  GBytes *message;       /* data; NULL is empty */
  guint32 ack_sequence;  /* ack */
  guint32 received;      /* ack: bit N-M for frame M of the 32 before N = ack_sequence */
} PlFrame;

/* One frame; bytes may follow in the reader (a stream). */
gboolean pl_frame_read (PlReader *reader, PlFrame *frame);
void pl_frame_write (PlWriter *writer, const PlFrame *frame);
void pl_frame_clear (PlFrame *frame);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlFrame, pl_frame_clear)

/* Length of the frame that starts a stream's bytes: 0 while that can't be told yet, -1 when
 * the first byte is no frame type. */
gssize pl_frame_length (const guint8 *data, gsize len);

G_END_DECLS
