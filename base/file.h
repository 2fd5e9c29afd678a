/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that survive a crash and keep their secrets.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

/* Writes `path` whole or not at all: temporary file beside it, fsync, rename, fsync of the
 * folder. `mode` is exact (not subject to umask). */
gboolean pl_file_write (const char *path, const void *data, gsize len, int mode, GError **error);
/* Reads at most `max` bytes; a longer file is G_IO_ERROR_MESSAGE_TOO_LARGE. */
GBytes *pl_file_read (const char *path, gsize max, GError **error);
/* As pl_file_read, for files that hold keys: refuses (G_IO_ERROR_PERMISSION_DENIED, with the
 * chmod to do in the message) what group or others can access or another user owns. */
GBytes *pl_file_read_private (const char *path, gsize max, GError **error);
/* Makes the folder and its parents, 0700. */
gboolean pl_file_make_dir (const char *path, GError **error);

G_END_DECLS
