/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/framing.h"

#include <string.h>

gboolean
pl_frame_read (PlReader *reader, PlFrame *frame)
{
  memset (frame, 0, sizeof *frame);
  frame->type = pl_reader_u8 (reader);
  switch (frame->type)
    {
    case PL_FRAME_DATA:
      frame->sequence = pl_reader_u32 (reader);
      frame->message = pl_reader_opaque (reader, 3);
      break;
    case PL_FRAME_ACK:
      frame->ack_sequence = pl_reader_u32 (reader);
      frame->received = pl_reader_u32 (reader);
      break;
    default:
      pl_reader_fail (reader, PL_WIRE_TYPE);
      break;
    }
  return pl_reader_ok (reader);
}

void
pl_frame_write (PlWriter *writer, const PlFrame *frame)
{
  pl_writer_u8 (writer, frame->type);
  if (frame->type == PL_FRAME_DATA)
    {
      pl_writer_u32 (writer, frame->sequence);
      pl_writer_opaque (writer, frame->message, 3);
    }
  else
    {
      pl_writer_u32 (writer, frame->ack_sequence);
      pl_writer_u32 (writer, frame->received);
    }
}

void
pl_frame_clear (PlFrame *frame)
{
  g_clear_pointer (&frame->message, g_bytes_unref);
}

gssize
pl_frame_length (const guint8 *data, gsize len)
{
  if (len == 0)
    return 0;
  if (data[0] == PL_FRAME_ACK)
    return PL_FRAME_ACK_LEN;
  if (data[0] != PL_FRAME_DATA)
    return -1;
  if (len < PL_FRAME_DATA_HEADER)
    return 0;
  return PL_FRAME_DATA_HEADER + ((gssize) data[5] << 16 | (gssize) data[6] << 8 | data[7]);
}
