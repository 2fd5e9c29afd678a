/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whole messages: header, contents, security block and the body of their code.
 */
#include "config.h"

#include "overlay/wire/body.h"
#include "overlay/wire/store.h"
#include "tests/fuzz/same.h"

static PlDataModel
models (guint32 kind, gpointer data)
{
  if (kind >= 0xf0000001 && kind <= 0xf0000003)
    return (PlDataModel) (kind - 0xf0000000);
  return pl_kind_standard_model (kind, data);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_auto (PlMessage) message = { 0 };
  g_autofree gpointer fields = NULL;
  g_autoptr (GBytes) written = NULL;
  const PlBodyType *type;
  gboolean good;

  if (pl_message_read (bytes, &message) != PL_WIRE_OK)
    return 0;
  type = pl_body_type (message.message_code);
  fields = g_malloc0 (type && type->size > 0 ? type->size : 1);
  good = type && pl_body_read (type, message.body, models, NULL, fields) == PL_WIRE_OK;
  if (good)
    {
      g_clear_pointer (&message.body, g_bytes_unref);
      message.body = pl_body_write (type, fields);
    }
  if (type)
    pl_body_clear (type, fields);
  written = pl_message_rewrite (&message);
  pl_fuzz_same (data, size, written);
  return 0;
}
