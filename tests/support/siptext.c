/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/siptext.h"

#include <string.h>

static const struct { const char *name, *compact; } compacts[] = {
  { "Via", "v" }, { "From", "f" }, { "To", "t" }, { "Call-ID", "i" }, { "Contact", "m" },
  { "Content-Length", "l" }, { "Content-Type", "c" }, { "Supported", "k" }, { "Subject", "s" },
};

static gboolean
is_name (const char *line, gsize len, const char *name)
{
  if (strlen (name) == len && g_ascii_strncasecmp (line, name, len) == 0)
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (compacts); i++)
    if (len == 1 && g_ascii_strcasecmp (compacts[i].name, name) == 0)
      return g_ascii_tolower (*line) == *compacts[i].compact;
  return FALSE;
}

/* The next header line of that name at or after `at` (a line start); its value in `value`. */
static const char *
find_line (const char *at, const char *name, const char **value)
{
  while (at && *at && strncmp (at, "\r\n", 2) != 0)
    {
      const char *end = strstr (at, "\r\n");
      const char *colon = memchr (at, ':', end ? (gsize) (end - at) : strlen (at));
      gsize len = colon ? (gsize) (colon - at) : 0;

      while (len && at[len - 1] == ' ')
        len--;
      if (colon && is_name (at, len, name))
        {
          *value = colon + 1 + strspn (colon + 1, " \t");
          return at;
        }
      at = end ? end + 2 : NULL;
    }
  return NULL;
}

static const char *
next_line (const char *at)
{
  const char *end = strstr (at, "\r\n");

  return end ? end + 2 : NULL;
}

char *
pl_phone_message_dup_header (const PlPhoneMessage *message, const char *name, guint n)
{
  const char *value, *at = find_line (next_line (message->text), name, &value);

  while (at && n-- > 0)
    at = find_line (next_line (at), name, &value);
  return at ? g_strndup (value, strcspn (value, "\r\n")) : NULL;
}

char *
pl_siptext_dup_lines (const PlPhoneMessage *message, const char *name)
{
  GString *out = g_string_new (NULL);
  const char *value;

  for (const char *at = find_line (next_line (message->text), name, &value); at; at = find_line (next_line (at), name, &value))
    g_string_append_printf (out, "%s: %.*s\r\n", name, (int) strcspn (value, "\r\n"), value);
  return g_string_free (out, FALSE);
}

GPtrArray *
pl_siptext_dup_record_routes (const PlPhoneMessage *message)
{
  GPtrArray *out = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *value = NULL;

  for (guint n = 0; (value = pl_phone_message_dup_header (message, "Record-Route", n)); n++)
    {
      const char *open = strchr (value, '<'), *close;

      for (; open && (close = strchr (open, '>')); open = strchr (close, '<'))
        g_ptr_array_add (out, g_strndup (open, close - open + 1));
      g_clear_pointer (&value, g_free);
    }
  return out;
}

char *
pl_siptext_dup_param (const char *value, const char *name)
{
  g_autofree char *needle = g_strdup_printf (";%s=", name);
  const char *from = strchr (value, '>'), *at = strstr (from ? from : value, needle);

  return at ? g_strndup (at + strlen (needle), strcspn (at + strlen (needle), ";, \r\n>")) : NULL;
}

char *
pl_siptext_dup_uri (const char *value)
{
  const char *open = strchr (value, '<');

  return open ? g_strndup (open + 1, strcspn (open + 1, ">")) : g_strndup (value, strcspn (value, "; \r\n"));
}

static gboolean
take_start_line (PlPhoneMessage *message)
{
  g_autofree char *line = g_strndup (message->text, strcspn (message->text, "\r\n"));
  g_auto (GStrv) words = g_strsplit (line, " ", 3);

  if (g_strv_length (words) < 2)
    return FALSE;
  if (g_str_has_prefix (line, "SIP/2.0 "))
    message->status = (int) g_ascii_strtoll (words[1], NULL, 10);
  else
    message->uri = g_strdup (words[1]);
  return message->uri || message->status > 0;
}

/* Headers over several lines become one, of the same length. */
static void
unfold (char *text)
{
  for (char *p = text; *p && strncmp (p, "\r\n\r\n", 4) != 0; p++)
    if (p[0] == '\r' && p[1] == '\n' && (p[2] == ' ' || p[2] == '\t'))
      p[0] = p[1] = ' ';
}

PlPhoneMessage *
pl_siptext_parse (const char *data, gsize len)
{
  g_autoptr (PlPhoneMessage) message = g_new0 (PlPhoneMessage, 1);
  g_autofree char *cseq = NULL;
  const char *space, *body;

  message->text = g_malloc0 (len + 1);
  memcpy (message->text, data, len);
  message->len = len;
  for (gsize i = 0; i < len; i++)
    if (message->text[i] == '\0')
      message->text[i] = '?'; /* for the string functions here */
  unfold (message->text);
  if (!take_start_line (message) || !next_line (message->text))
    return NULL;
  message->call_id = pl_phone_message_dup_header (message, "Call-ID", 0);
  cseq = pl_phone_message_dup_header (message, "CSeq", 0);
  space = cseq ? strchr (cseq, ' ') : NULL;
  if (!space)
    return NULL;
  if (!message->call_id)
    message->call_id = g_strdup (""); /* an answer to what had none */
  message->method = message->uri ? g_strndup (message->text, strcspn (message->text, " ")) : g_strdup (space + 1);
  body = strstr (message->text, "\r\n\r\n");
  message->body = body ? body + 4 : "";
  return g_steal_pointer (&message);
}

void
pl_siptext_free (PlPhoneMessage *message)
{
  g_free (message->method);
  g_free (message->uri);
  g_free (message->call_id);
  g_free (message->text);
  g_free (message);
}

gsize
pl_siptext_frame (const char *data, gsize len)
{
  g_autofree char *head = NULL;
  const char *end = g_strstr_len (data, len, "\r\n\r\n"), *value;
  gsize whole;

  if (!end)
    return 0;
  head = g_strndup (data, end + 2 - data);
  whole = end + 4 - data;
  if (next_line (head) && find_line (next_line (head), "Content-Length", &value))
    whole += g_ascii_strtoull (value, NULL, 10);
  return whole <= len ? whole : 0;
}

gboolean
pl_siptext_matches (const PlPhoneMessage *message, const char *what)
{
  if (*what == '\0')
    return TRUE;
  if (!g_ascii_isdigit (*what))
    return message->status == 0 && g_str_equal (message->method, what);
  if (message->status == 0 || strlen (what) < 3 || message->status / 100 != *what - '0')
    return FALSE;
  if (strncmp (what + 1, "xx", 2) != 0 && message->status != (int) g_ascii_strtoll (what, NULL, 10))
    return FALSE;
  return what[3] == '\0' || g_str_equal (message->method, what + 4);
}
