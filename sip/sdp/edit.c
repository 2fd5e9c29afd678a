/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/sdp/edit-priv.h"

#include <string.h>

/* What becomes of a line. */
typedef struct {
  char *text;       /* in its place, without line end; NULL: as it is */
  GPtrArray *after; /* new lines behind it; NULL: none */
  gboolean gone;
} Edit;

struct PlSdpEdits {
  const PlSdp *sdp;
  Edit *lines;
};

void
pl_sdp_edits_set (PlSdpEdits *edits, guint line, char *text)
{
  g_free (edits->lines[line].text);
  edits->lines[line].text = text;
}

void
pl_sdp_edits_add (PlSdpEdits *edits, guint behind, char *text)
{
  Edit *edit = &edits->lines[behind];

  if (!edit->after)
    edit->after = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (edit->after, text);
}

void
pl_sdp_edits_drop (PlSdpEdits *edits, guint line)
{
  edits->lines[line].gone = TRUE;
}

void
pl_sdp_edits_connect (PlSdpEdits *edits, const PlSdpPart *part, const char *address)
{
  char *text = g_strdup_printf ("c=IN %s %s", strchr (address, ':') ? "IP6" : "IP4", address);
  int next = part->m_line + 1;

  if (part->c_line >= 0)
    pl_sdp_edits_set (edits, part->c_line, text);
  else /* i= stands between m= and c= (RFC 8866, section 5) */
    pl_sdp_edits_add (edits, next < (int) part->end && pl_sdp_line (edits->sdp, next)->text[0] == 'i' ? next : part->m_line, text);
}

/* The last line of a body may have no end. */
static void
write_end (GString *out, const PlSdpLine *line)
{
  if (line->whole > line->len)
    g_string_append_len (out, line->text + line->len, line->whole - line->len);
  else
    g_string_append (out, "\r\n");
}

static void
write_line (GString *out, const PlSdpLine *line, const Edit *edit)
{
  guint added = edit->after ? edit->after->len : 0;

  if (!edit->gone && edit->text)
    g_string_append (out, edit->text);
  else if (!edit->gone)
    g_string_append_len (out, line->text, line->len);
  if (!edit->gone && (added || line->whole > line->len))
    write_end (out, line);
  for (guint i = 0; i < added; i++)
    {
      g_string_append (out, edit->after->pdata[i]);
      write_end (out, line);
    }
}

char *
pl_sdp_edits_write (PlSdpEdits *edits, gsize *len)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < edits->sdp->lines->len; i++)
    write_line (out, pl_sdp_line (edits->sdp, i), &edits->lines[i]);
  *len = out->len;
  return g_string_free (out, FALSE);
}

PlSdpEdits *
pl_sdp_edits_new (const PlSdp *sdp)
{
  PlSdpEdits *edits = g_new0 (PlSdpEdits, 1);

  edits->sdp = sdp;
  edits->lines = g_new0 (Edit, sdp->lines->len);
  return edits;
}

void
pl_sdp_edits_free (PlSdpEdits *edits)
{
  for (guint i = 0; i < edits->sdp->lines->len; i++)
    {
      g_free (edits->lines[i].text);
      g_clear_pointer (&edits->lines[i].after, g_ptr_array_unref);
    }
  g_free (edits->lines);
  g_free (edits);
}
