/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "proxy/cli/cli.h"

#define GAP 2 /* spaces between columns */

/* Names come from certificates of strangers: no escape sequence reaches a terminal. */
char *
pl_cli_clean (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *out = g_string_new (NULL);

  for (const char *p = valid; *p; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (out, g_unichar_isprint (c) || c == '\n' ? c : 0xfffd);
    }
  return g_string_free (out, FALSE);
}

static char *
time_text (gint64 seconds)
{
  g_autoptr (GDateTime) utc = seconds > 0 ? g_date_time_new_from_unix_utc (seconds) : NULL;
  g_autoptr (GDateTime) local = utc ? g_date_time_to_local (utc) : NULL;

  return local ? g_date_time_format (local, "%Y-%m-%d %H:%M:%S") : g_strdup ("-");
}

static char *
duration_text (gint64 usec)
{
  if (usec < 0)
    return g_strdup ("-");
  if (usec < 10 * 1000)
    return g_strdup_printf ("%.1f ms", usec / 1000.0);
  return usec < G_USEC_PER_SEC ? g_strdup_printf ("%.0f ms", usec / 1000.0)
                               : g_strdup_printf ("%.2f s", usec / (double) G_USEC_PER_SEC);
}

static char *
list_text (JsonArray *array)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *item = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_VALUE (item) && json_node_get_value_type (item) == G_TYPE_STRING)
        g_string_append_printf (out, "%s%s", i ? ", " : "", json_node_get_string (item));
    }
  return g_string_free (out, FALSE);
}

static char *
plain_text (JsonNode *node)
{
  if (JSON_NODE_HOLDS_ARRAY (node))
    return list_text (json_node_get_array (node));
  if (!JSON_NODE_HOLDS_VALUE (node))
    return g_strdup ("");
  if (json_node_get_value_type (node) == G_TYPE_INT64)
    return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
  if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return g_strdup (json_node_get_boolean (node) ? "yes" : "no");
  return g_strdup (json_node_get_string (node));
}

static char *
cell_text (JsonObject *row, const PlColumn *column)
{
  JsonNode *node = json_object_get_member (row, column->key);
  g_autofree char *text = NULL;

  if (!node)
    return g_strdup ("-");
  if (column->kind != PL_COLUMN_TEXT && JSON_NODE_HOLDS_VALUE (node))
    switch (column->kind)
      {
      case PL_COLUMN_TIME:
        return time_text (json_node_get_int (node) / G_USEC_PER_SEC);
      case PL_COLUMN_DATE:
        return time_text (json_node_get_int (node));
      case PL_COLUMN_DURATION:
        return duration_text (json_node_get_int (node));
      case PL_COLUMN_TEXT:
        break;
      }
  text = plain_text (node);
  return text && *text ? pl_cli_clean (text) : g_strdup ("-");
}

static void
print_padded (const char *text, glong width, gboolean last)
{
  glong len = g_utf8_strlen (text, -1);

  fputs (text, stdout);
  if (!last)
    printf ("%*s", (int) (width - len + GAP), "");
}

static guint
count_columns (const PlColumn *columns)
{
  guint n = 0;

  while (columns[n].key)
    n++;
  return n;
}

static void
print_table (JsonArray *rows, const PlColumn *columns)
{
  guint n_columns = count_columns (columns), n_rows = json_array_get_length (rows);
  g_autofree glong *widths = g_new0 (glong, n_columns);
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

  for (guint c = 0; c < n_columns; c++)
    g_ptr_array_add (cells, g_strdup (columns[c].title));
  for (guint r = 0; r < n_rows; r++)
    for (guint c = 0; c < n_columns; c++)
      g_ptr_array_add (cells, cell_text (json_array_get_object_element (rows, r), &columns[c]));
  for (guint i = 0; i < cells->len; i++)
    widths[i % n_columns] = MAX (widths[i % n_columns], g_utf8_strlen (g_ptr_array_index (cells, i), -1));
  for (guint i = 0; i < cells->len; i++)
    {
      gboolean last = i % n_columns == n_columns - 1;

      print_padded (g_ptr_array_index (cells, i), widths[i % n_columns], last);
      if (last)
        putchar ('\n');
    }
}

void
pl_cli_print_json (JsonNode *node)
{
  g_autofree char *text = json_to_string (node, TRUE);

  puts (text);
}

void
pl_cli_print_rows (PlCli *cli, JsonArray *rows, const PlColumn *columns, const char *empty)
{
  g_autoptr (JsonNode) node = NULL;

  if (!cli->json && json_array_get_length (rows) == 0)
    puts (empty);
  else if (!cli->json)
    print_table (rows, columns);
  else
    {
      node = json_node_init_array (json_node_alloc (), rows);
      pl_cli_print_json (node);
    }
}

void
pl_cli_print_object (PlCli *cli, JsonObject *object, const PlColumn *columns)
{
  g_autoptr (JsonNode) node = NULL;
  glong width = 0;

  if (cli->json)
    {
      node = json_node_init_object (json_node_alloc (), object);
      pl_cli_print_json (node);
      return;
    }
  for (const PlColumn *column = columns; column->key; column++)
    width = MAX (width, g_utf8_strlen (column->title, -1));
  for (const PlColumn *column = columns; column->key; column++)
    {
      g_autofree char *text = cell_text (object, column);

      if (!json_object_has_member (object, column->key))
        continue;
      print_padded (column->title, width, FALSE);
      puts (text);
    }
}

void
pl_cli_say (PlCli *cli, const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *clean = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  clean = pl_cli_clean (text);
  fprintf (cli->json ? stderr : stdout, "%s\n", clean);
}
