/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
fail (GError **error, int err, const char *what, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (err), "%s %s: %s", what, path, g_strerror (err));
  return FALSE;
}

static gboolean
write_all (int fd, const guint8 *data, gsize len)
{
  while (len > 0)
    {
      gssize n = write (fd, data, len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      data += n;
      len -= n;
    }
  return TRUE;
}

static void
sync_folder (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

gboolean
pl_file_write (const char *path, const void *data, gsize len, int mode, GError **error)
{
  g_autofree char *temp = g_strconcat (path, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (temp, O_RDWR | O_CLOEXEC, mode & 0600);
  int err = 0;

  if (fd < 0)
    return fail (error, errno, "cannot write", path);
  if (fchmod (fd, mode) < 0 || !write_all (fd, data, len) || fsync (fd) < 0)
    err = errno;
  if (close (fd) < 0 && !err)
    err = errno;
  if (!err && g_rename (temp, path) < 0)
    err = errno;
  if (err)
    {
      g_unlink (temp);
      return fail (error, err, "cannot write", path);
    }
  sync_folder (path);
  return TRUE;
}

static GBytes *
read_fd (int fd, const char *path, gsize max, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 buf[8192];
  gssize n;

  while ((n = read (fd, buf, sizeof buf)) != 0)
    {
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          fail (error, errno, "cannot read", path);
          return NULL;
        }
      if ((gsize) n > max - bytes->len)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                       "cannot read %s: larger than %" G_GSIZE_FORMAT " bytes", path, max);
          return NULL;
        }
      g_byte_array_append (bytes, buf, n);
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static gboolean
is_private (int fd, const char *path, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) < 0)
    return fail (error, errno, "cannot read", path);
  if (st.st_uid != geteuid () || (st.st_mode & 077) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "%s holds a key and others may access it; make it yours alone: chmod 600 %s", path, path);
      return FALSE;
    }
  return TRUE;
}

static GBytes *
read_file (const char *path, gsize max, gboolean secret, GError **error)
{
  GBytes *bytes = NULL;
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    {
      fail (error, errno, "cannot read", path);
      return NULL;
    }
  if (!secret || is_private (fd, path, error))
    bytes = read_fd (fd, path, max, error);
  close (fd);
  return bytes;
}

GBytes *
pl_file_read (const char *path, gsize max, GError **error)
{
  return read_file (path, max, FALSE, error);
}

GBytes *
pl_file_read_private (const char *path, gsize max, GError **error)
{
  return read_file (path, max, TRUE, error);
}

gboolean
pl_file_make_dir (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0700) < 0)
    return fail (error, errno, "cannot make folder", path);
  return TRUE;
}
