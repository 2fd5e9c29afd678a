/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/peers.h"

#include "base/file.h"
#include "base/log.h"

#include <glib/gstdio.h>
#include <string.h>

#define HEAD "peerline-peers 1"
#define FILE_MAX 4096
#define PEERS_MAX 10
#define ADDRESS_MAX 64

static gboolean
is_address (const char *line)
{
  return line[0] && strlen (line) <= ADDRESS_MAX && strchr (line, ':')
         && strspn (line, "0123456789abcdefABCDEF.:[]") == strlen (line);
}

static GStrv
read_lines (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", PEERS_MAX + 2);
  guint n = g_strv_length (lines);

  if (n < 2 || !g_str_equal (lines[0], HEAD) || lines[n - 1][0])
    return NULL;
  for (guint i = 1; i < n - 1; i++)
    if (!is_address (lines[i]))
      return NULL;
  g_clear_pointer (&lines[n - 1], g_free);
  return g_strdupv (lines + 1);
}

GStrv
pl_peers_dup (const char *path)
{
  g_autofree char *aside = g_strconcat (path, ".corrupt", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = pl_file_read (path, FILE_MAX, &error);
  g_autofree char *text = NULL;
  GStrv peers;

  if (!bytes && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return NULL;
  if (bytes)
    text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  peers = text ? read_lines (text) : NULL;
  if (peers)
    return peers;
  pl_notice ("peers", "the file of known peers can't be used and was set aside", "file", aside, NULL);
  if (g_rename (path, aside) != 0)
    pl_notice ("peers", "it can't even be renamed", "file", path, NULL);
  return NULL;
}

void
pl_peers_save (const char *path, const char *const *addresses)
{
  g_autoptr (GString) text = g_string_new (HEAD "\n");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; addresses[i] && i < PEERS_MAX; i++)
    if (is_address (addresses[i]))
      g_string_append_printf (text, "%s\n", addresses[i]);
  if (!pl_file_write (path, text->str, text->len, 0600, &error))
    pl_notice ("peers", "known peers can't be kept", "file", path, "reason", error->message, NULL);
}
