/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/json-out.h"

#include <string.h>
#include "base/hex.h"

void
pl_json_out_init (PlJsonOut *out)
{
  out->text = g_string_new (NULL);
  out->depth = 0;
  out->more = FALSE;
}

char *
pl_json_out_finish (PlJsonOut *out)
{
  g_string_append_c (out->text, '\n');
  return g_string_free (g_steal_pointer (&out->text), FALSE);
}

static void
new_line (PlJsonOut *out)
{
  g_string_append_c (out->text, '\n');
  for (guint i = 0; i < out->depth; i++)
    g_string_append (out->text, "  ");
}

static void
quote (PlJsonOut *out, const char *text, gsize len)
{
  g_string_append_c (out->text, '"');
  for (gsize i = 0; i < len; i++)
    {
      guchar c = (guchar) text[i];

      if (c == '"' || c == '\\')
        g_string_append_printf (out->text, "\\%c", c);
      else if (c < 0x20 || c == 0x7f)
        g_string_append_printf (out->text, "\\u%04x", c);
      else
        g_string_append_c (out->text, (char) c);
    }
  g_string_append_c (out->text, '"');
}

static void
begin (PlJsonOut *out, const char *name)
{
  if (out->more)
    g_string_append_c (out->text, ',');
  if (out->depth > 0)
    new_line (out);
  if (name)
    {
      quote (out, name, strlen (name));
      g_string_append (out->text, ": ");
    }
  out->more = TRUE;
}

static void
enter (PlJsonOut *out, const char *name, char bracket)
{
  begin (out, name);
  g_string_append_c (out->text, bracket);
  out->depth++;
  out->more = FALSE;
}

static void
leave (PlJsonOut *out, char bracket)
{
  out->depth--;
  if (out->more)
    new_line (out);
  g_string_append_c (out->text, bracket);
  out->more = TRUE;
}

void
pl_json_out_object (PlJsonOut *out, const char *name)
{
  enter (out, name, '{');
}

void
pl_json_out_array (PlJsonOut *out, const char *name)
{
  enter (out, name, '[');
}

void
pl_json_out_end_object (PlJsonOut *out)
{
  leave (out, '}');
}

void
pl_json_out_end_array (PlJsonOut *out)
{
  leave (out, ']');
}

void
pl_json_out_uint (PlJsonOut *out, const char *name, guint64 value)
{
  begin (out, name);
  g_string_append_printf (out->text, "%" G_GUINT64_FORMAT, value);
}

void
pl_json_out_boolean (PlJsonOut *out, const char *name, gboolean value)
{
  begin (out, name);
  g_string_append (out->text, value ? "true" : "false");
}

void
pl_json_out_null (PlJsonOut *out, const char *name)
{
  begin (out, name);
  g_string_append (out->text, "null");
}

void
pl_json_out_string (PlJsonOut *out, const char *name, const char *value)
{
  begin (out, name);
  quote (out, value, strlen (value));
}

void
pl_json_out_hex (PlJsonOut *out, const char *name, const void *data, gsize len)
{
  g_autofree char *hex = len > 0 ? pl_hex_dup (data, len) : g_strdup ("");

  begin (out, name);
  g_string_append_printf (out->text, "{\"hex\": \"%s\"}", hex);
}

void
pl_json_out_bytes (PlJsonOut *out, const char *name, GBytes *bytes)
{
  gsize len = 0;
  gconstpointer data = bytes ? g_bytes_get_data (bytes, &len) : NULL;

  pl_json_out_hex (out, name, data, len);
}

/* NUL is fine in JSON but not for g_utf8_validate_len, so it is looked for apart. */
static gboolean
is_utf8 (const char *text, gsize len)
{
  const char *end = text + len;

  while (text < end)
    {
      const char *bad;

      if (g_utf8_validate_len (text, (gsize) (end - text), &bad))
        return TRUE;
      if (*bad != '\0')
        return FALSE;
      text = bad + 1;
    }
  return TRUE;
}

void
pl_json_out_text (PlJsonOut *out, const char *name, GBytes *bytes)
{
  gsize len = 0;
  const char *data = bytes ? g_bytes_get_data (bytes, &len) : NULL;

  if (len > 0 && !is_utf8 (data, len))
    {
      pl_json_out_bytes (out, name, bytes);
      return;
    }
  begin (out, name);
  quote (out, data ? data : "", len);
}
