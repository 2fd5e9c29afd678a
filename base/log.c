/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static PlLogLevel max_level = PL_LOG_NOTICE;
static PlLogSink log_sink;
static gpointer log_sink_data;

void
pl_log_set_sink (PlLogSink sink, gpointer data)
{
  log_sink = sink;
  log_sink_data = data;
}

void
pl_log_set_level (PlLogLevel level)
{
  max_level = level;
}

gboolean
pl_log_enabled (PlLogLevel level)
{
  return level <= max_level;
}

/* Values come from peers and phones: one line stays one line, and is never too long. */
static void
append_value (GString *line, const char *value)
{
  gboolean quote = strpbrk (value, " \t\"=") != NULL || !*value;
  gsize n = 0;

  if (quote)
    g_string_append_c (line, '"');
  for (const char *p = value; *p && n < 400; p++, n++)
    {
      guchar c = *p;

      if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
        g_string_append_printf (line, "\\x%02x", c);
      else
        g_string_append_c (line, c);
    }
  if (quote)
    g_string_append_c (line, '"');
}

static void
write_stderr (PlLogLevel level, const char *line)
{
  static const char *const prefix[] = { "<3>", "<4>", "<5>", "<6>", "<7>" };
  gboolean journal = g_getenv ("JOURNAL_STREAM") != NULL;

  fprintf (stderr, "%s%s\n", journal ? prefix[level] : "", line);
}

void
pl_log (PlLogLevel level, const char *room, const char *sentence, ...)
{
  g_autoptr (GString) line = NULL;
  const char *name;
  va_list ap;

  if (level > max_level)
    return;
  line = g_string_new (room);
  g_string_append (line, ": ");
  g_string_append (line, sentence);
  va_start (ap, sentence);
  while ((name = va_arg (ap, const char *)))
    {
      const char *value = va_arg (ap, const char *);

      g_string_append_printf (line, " %s=", name);
      append_value (line, value ? value : "-");
    }
  va_end (ap);
  if (log_sink)
    log_sink (level, line->str, log_sink_data);
  else
    write_stderr (level, line->str);
}
