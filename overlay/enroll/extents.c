/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/enroll-priv.h"

#include <string.h>

#define DEPTH_MAX 64

typedef struct {
  const char *text, *pos, *end;
  GArray *extents;       /* of PlExtent */
  guint open[DEPTH_MAX]; /* their indices */
  guint depth;
} Scanner;

static gboolean
starts (const Scanner *scanner, const char *with)
{
  gsize len = strlen (with);

  return (gsize) (scanner->end - scanner->pos) >= len && memcmp (scanner->pos, with, len) == 0;
}

static gboolean
skip_past (Scanner *scanner, const char *what)
{
  gsize len = strlen (what);
  const char *at = memmem (scanner->pos, scanner->end - scanner->pos, what, len);

  scanner->pos = at ? at + len : scanner->end;
  return at != NULL;
}

/* To after the ">" of a tag; quoted values may hold one. */
static gboolean
skip_tag (Scanner *scanner)
{
  char quote = '\0';

  for (; scanner->pos < scanner->end; scanner->pos++)
    {
      char c = *scanner->pos;

      if (quote)
        quote = c == quote ? '\0' : quote;
      else if (c == '"' || c == '\'')
        quote = c;
      else if (c == '>')
        {
          scanner->pos++;
          return TRUE;
        }
    }
  return FALSE;
}

static gboolean
close_element (Scanner *scanner)
{
  if (scanner->depth == 0)
    return FALSE;
  scanner->depth--;
  g_array_index (scanner->extents, PlExtent, scanner->open[scanner->depth]).end = scanner->pos - scanner->text;
  return TRUE;
}

static gboolean
open_element (Scanner *scanner)
{
  PlExtent extent = { scanner->pos - scanner->text, 0 };

  if (scanner->depth == DEPTH_MAX || scanner->extents->len == PL_ELEMENTS_MAX || !skip_tag (scanner))
    return FALSE;
  scanner->open[scanner->depth++] = scanner->extents->len;
  g_array_append_val (scanner->extents, extent);
  return scanner->pos[-2] == '/' ? close_element (scanner) : TRUE;
}

static gboolean
step (Scanner *scanner)
{
  if (starts (scanner, "<!--"))
    {
      scanner->pos += 4;
      return skip_past (scanner, "-->");
    }
  if (starts (scanner, "<![CDATA["))
    return skip_past (scanner, "]]>");
  if (starts (scanner, "<?"))
    return skip_past (scanner, "?>");
  if (starts (scanner, "<!"))
    return FALSE;
  if (starts (scanner, "</"))
    return skip_tag (scanner) && close_element (scanner);
  return open_element (scanner);
}

GArray *
pl_xml_extents (const char *text, gsize len, GError **error)
{
  g_autoptr (GArray) extents = g_array_new (FALSE, TRUE, sizeof (PlExtent));
  Scanner scanner = { text, text, text + len, extents };
  const char *next;

  while ((next = memchr (scanner.pos, '<', scanner.end - scanner.pos)))
    {
      scanner.pos = next;
      if (!step (&scanner))
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                               "it is no XML, has a DOCTYPE, or is nested too deep or too large");
          return NULL;
        }
    }
  if (scanner.depth == 0 && extents->len > 0)
    return g_steal_pointer (&extents);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it is no XML, or cut off");
  return NULL;
}
