/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/sim/glimpse.h"

#include "overlay/wire/destination.h"
#include "overlay/wire/framing.h"
#include "overlay/wire/message.h"

static guint64
get (const guint8 *data, guint len)
{
  guint64 value = 0;

  for (guint i = 0; i < len; i++)
    value = value << 8 | data[i];
  return value;
}

gboolean
pl_glimpse (const guint8 *data, gsize len, PlGlimpse *out)
{
  const guint8 *head = data + PL_FRAME_DATA_HEADER;
  gsize at;

  if (len < PL_FRAME_DATA_HEADER + PL_HEADER_MIN + 2 || data[0] != PL_FRAME_DATA)
    return FALSE;
  out->transaction = get (head + 20, 8);
  out->via_len = get (head + 32, 2);
  out->destination_len = get (head + 34, 2);
  out->code = 0;
  at = PL_HEADER_MIN + out->via_len;
  out->to_resource = at < len - PL_FRAME_DATA_HEADER && head[at] == PL_DESTINATION_RESOURCE;
  at = PL_HEADER_MIN + out->via_len + out->destination_len + get (head + 36, 2);
  if ((get (head + 12, 4) & PL_FRAGMENT_OFFSET) == 0 && at + 2 <= len - PL_FRAME_DATA_HEADER)
    out->code = get (head + at, 2);
  return TRUE;
}
