/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/frame.h"

#include <string.h>

struct PlFramer {
  GByteArray *buffer;
};

PlFramer *
pl_framer_new (void)
{
  PlFramer *framer = g_new0 (PlFramer, 1);

  framer->buffer = g_byte_array_new ();
  return framer;
}

void
pl_framer_free (PlFramer *framer)
{
  if (!framer)
    return;
  g_byte_array_unref (framer->buffer);
  g_free (framer);
}

void
pl_framer_push (PlFramer *framer, const guint8 *data, gsize len)
{
  g_byte_array_append (framer->buffer, data, len);
}

/* Offset behind the empty line, 0 when it is not there yet. */
static gsize
headers_length (const char *p, gsize len)
{
  const char *end = p + len, *line = p;

  while ((line = memchr (line, '\n', end - line)))
    {
      line++;
      if (end - line >= 1 && line[0] == '\n')
        return line + 1 - p;
      if (end - line >= 2 && line[0] == '\r' && line[1] == '\n')
        return line + 2 - p;
    }
  return 0;
}

/* The number behind Content-Length; FALSE when it is none or too large. */
static gboolean
parse_length (const char *p, const char *end, gsize *length)
{
  gsize value = 0;
  gboolean digits = FALSE;

  while (p < end && (*p == ' ' || *p == '\t'))
    p++;
  for (; p < end && g_ascii_isdigit (*p); p++)
    {
      digits = TRUE;
      value = value * 10 + (*p - '0');
      if (value > PL_FRAME_MESSAGE_MAX)
        return FALSE;
    }
  while (p < end && g_ascii_isspace (*p))
    p++;
  *length = value;
  return digits && p == end;
}

static const char *
length_value (const char *p, const char *end)
{
  static const char name[] = "content-length";
  const gsize n = sizeof name - 1;

  if ((gsize) (end - p) >= n && g_ascii_strncasecmp (p, name, n) == 0)
    p += n;
  else if (p < end && (*p == 'l' || *p == 'L'))
    p += 1;
  else
    return NULL;
  while (p < end && (*p == ' ' || *p == '\t'))
    p++;
  return p < end && *p == ':' ? p + 1 : NULL;
}

/* Without a Content-Length there is no body; two that differ are an attack. */
static gboolean
body_length (const char *headers, gsize len, gsize *length)
{
  const char *end = headers + len;
  gboolean seen = FALSE;

  *length = 0;
  for (const char *p = memchr (headers, '\n', len); p && p + 1 < end; p = memchr (p + 1, '\n', end - p - 1))
    {
      const char *line = p + 1, *stop = memchr (line, '\n', end - line);
      const char *value = length_value (line, stop ? stop : end);
      gsize n;

      if (!value)
        continue;
      if (!parse_length (value, stop ? stop : end, &n) || (seen && n != *length))
        return FALSE;
      *length = n;
      seen = TRUE;
    }
  return TRUE;
}

/* Line ends between messages; two in one go are a ping. */
static gboolean
skip_line_ends (PlFramer *framer)
{
  guint8 *data = framer->buffer->data;
  gsize len = framer->buffer->len, n = 0;

  if (len >= 4 && memcmp (data, "\r\n\r\n", 4) == 0)
    {
      g_byte_array_remove_range (framer->buffer, 0, 4);
      return TRUE;
    }
  while (n < len && (data[n] == '\r' || data[n] == '\n'))
    n++;
  /* The second half of a ping may still be under way. */
  if (n > 0 && n < len)
    g_byte_array_remove_range (framer->buffer, 0, n);
  return FALSE;
}

PlFrameResult
pl_framer_pop (PlFramer *framer, GBytes **message)
{
  gsize headers, body;

  *message = NULL;
  if (skip_line_ends (framer))
    return PL_FRAME_PING;
  if (framer->buffer->len == 0)
    return PL_FRAME_MORE;
  headers = headers_length ((char *) framer->buffer->data, MIN (framer->buffer->len, PL_FRAME_HEADER_MAX));
  if (headers == 0)
    return framer->buffer->len >= PL_FRAME_HEADER_MAX ? PL_FRAME_BAD : PL_FRAME_MORE;
  if (!body_length ((char *) framer->buffer->data, headers, &body) || body > PL_FRAME_MESSAGE_MAX - headers)
    return PL_FRAME_BAD;
  if (framer->buffer->len - headers < body)
    return PL_FRAME_MORE;
  *message = g_bytes_new (framer->buffer->data, headers + body);
  g_byte_array_remove_range (framer->buffer, 0, headers + body);
  return PL_FRAME_MESSAGE;
}
