/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a node on the way does with a message or fragment: header, rewrite, cutting.
 */
#include "config.h"

#include "overlay/wire/header.h"
#include "tests/fuzz/same.h"

#define MTU 600

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_auto (PlForwardingHeader) header = { 0 }, copy = { 0 };
  g_autoptr (GBytes) written = NULL;
  g_autoptr (GPtrArray) pieces = NULL;
  gsize header_len;

  if (pl_forwarding_peek (bytes, &header, &header_len) != PL_WIRE_OK)
    return 0;
  pl_forwarding_header_copy (&copy, &header);
  written = pl_forwarding_rewrite (bytes, header_len, &copy);
  pl_fuzz_same (data, size, written);
  pieces = pl_message_fragment (bytes, MTU);
  return 0;
}
