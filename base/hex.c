/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/hex.h"

char *
pl_hex_dup (const void *data, gsize len)
{
  static const char digits[] = "0123456789abcdef";
  const guint8 *p = data;
  char *text = g_malloc (len * 2 + 1);

  for (gsize i = 0; i < len; i++)
    {
      text[2 * i] = digits[p[i] >> 4];
      text[2 * i + 1] = digits[p[i] & 15];
    }
  text[2 * len] = '\0';
  return text;
}

gboolean
pl_hex_parse (const char *text, guint8 *out, gsize len)
{
  for (gsize i = 0; i < len; i++)
    {
      int hi = g_ascii_xdigit_value (text[2 * i]);
      int lo = hi < 0 ? -1 : g_ascii_xdigit_value (text[2 * i + 1]);

      if (lo < 0)
        return FALSE;
      out[i] = hi << 4 | lo;
    }
  return text[2 * len] == '\0';
}

GBytes *
pl_hex_to_bytes (const char *text)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (;;)
    {
      guint8 byte;
      int hi, lo;

      while (g_ascii_isspace (*text))
        text++;
      if (!*text)
        return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
      hi = g_ascii_xdigit_value (text[0]);
      lo = hi < 0 ? -1 : g_ascii_xdigit_value (text[1]);
      if (lo < 0)
        return NULL;
      byte = hi << 4 | lo;
      g_byte_array_append (bytes, &byte, 1);
      text += 2;
    }
}
