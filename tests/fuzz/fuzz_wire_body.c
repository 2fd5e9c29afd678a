/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Message bodies: two bytes of message code, then the body. Kinds have every model in turn,
 * and every fourth none.
 */
#include "config.h"

#include "overlay/wire/body.h"
#include "tests/fuzz/same.h"

static PlDataModel
models (guint32 kind, gpointer data)
{
  return (PlDataModel) (kind % 4);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) body = NULL;
  g_autoptr (GBytes) written = NULL;
  g_autofree gpointer fields = NULL;
  const PlBodyType *type;

  if (size < 2)
    return 0;
  type = pl_body_type ((guint16) (data[0] << 8 | data[1]));
  if (!type)
    return 0;
  body = g_bytes_new (data + 2, size - 2);
  fields = g_malloc0 (MAX (type->size, 1));
  if (pl_body_read (type, body, models, NULL, fields) == PL_WIRE_OK)
    {
      written = pl_body_write (type, fields);
      pl_fuzz_same (data + 2, size - 2, written);
    }
  pl_body_clear (type, fields);
  return 0;
}
