/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lines of a message as bytes, for this room's pure functions.
 */
#pragma once
#include <glib.h>
#include <string.h>

static inline gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline const char *
skip_space (const char *p, const char *end)
{
  while (p < end && is_space (*p))
    p++;
  return p;
}

static inline const char *
next_line (const char *p, const char *end)
{
  const char *nl = memchr (p, '\n', end - p);

  return nl ? nl + 1 : end;
}

/* End of a header's value, folded lines included, without its line end. */
static inline const char *
value_end (const char *p, const char *end)
{
  const char *line = next_line (p, end);

  while (line < end && (*line == ' ' || *line == '\t'))
    line = next_line (line, end);
  while (line > p && is_space (line[-1]))
    line--;
  return line;
}

/* The parts of a start line: [p, end) without the white space around it. */
static inline const char *
first_line_end (const char *p, const char *end)
{
  const char *line = next_line (p, end);

  while (line > p && is_space (line[-1]))
    line--;
  return line;
}
