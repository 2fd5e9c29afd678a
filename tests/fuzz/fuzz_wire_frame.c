/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames of a link, one after the other as in a stream.
 */
#include "config.h"

#include <stdlib.h>
#include "overlay/wire/framing.h"
#include "tests/fuzz/same.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  PlReader reader;

  pl_reader_init (&reader, data, size);
  while (pl_reader_more (&reader))
    {
      const guint8 *at = reader.pos;
      gssize told = pl_frame_length (at, pl_reader_left (&reader));
      g_auto (PlFrame) frame = { 0 };
      g_auto (PlWriter) writer = { 0 };
      g_autoptr (GBytes) written = NULL;

      if (!pl_frame_read (&reader, &frame))
        break;
      if (told != reader.pos - at)
        abort ();
      pl_writer_init (&writer);
      pl_frame_write (&writer, &frame);
      written = pl_writer_finish (&writer);
      pl_fuzz_same (at, (size_t) told, written);
    }
  return 0;
}
