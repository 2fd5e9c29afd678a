/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/fuzz/same.h"

#include <stdlib.h>
#include <string.h>

void
pl_fuzz_same (const uint8_t *data, size_t size, GBytes *written)
{
  gsize len;
  gconstpointer bytes;

  if (!written)
    abort ();
  bytes = g_bytes_get_data (written, &len);
  if (len != size || (len > 0 && memcmp (bytes, data, len) != 0))
    abort ();
}
