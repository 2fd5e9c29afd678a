/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/paths.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "peerline"

static PlPaths *
below (const char *home)
{
  PlPaths *paths = g_new0 (PlPaths, 1);

  paths->config = g_build_filename (home, "config", NULL);
  paths->data = g_build_filename (home, "data", NULL);
  paths->state = g_build_filename (home, "state", NULL);
  paths->runtime = g_build_filename (home, "runtime", NULL);
  return paths;
}

/* Without a session there is no runtime folder; a user may have made a home for this case. */
static char *
dup_home_without_session (void)
{
  g_autofree char *home = g_build_filename (g_get_home_dir (), "." NAME, NULL);
  GStatBuf st;

  if (g_lstat (home, &st) == 0 && S_ISDIR (st.st_mode) && st.st_uid == geteuid () && !(st.st_mode & 022))
    return g_steal_pointer (&home);
  return NULL;
}

PlPaths *
pl_paths_new (GError **error)
{
  const char *home = g_getenv ("PEERLINE_HOME"), *runtime = g_getenv ("XDG_RUNTIME_DIR");
  PlPaths *paths;

  if (home && *home && g_path_is_absolute (home))
    return below (home);
  if (home && *home)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME,
                   "PEERLINE_HOME is %s, but it must be an absolute path: export PEERLINE_HOME=\"$PWD/%s\"", home, home);
      return NULL;
    }
  if (!runtime || !g_path_is_absolute (runtime))
    {
      g_autofree char *own = dup_home_without_session ();

      if (own)
        return below (own);
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "XDG_RUNTIME_DIR is not set, so there is no safe place for the control socket: log in through "
                           "your system's session (PAM), make a folder ~/." NAME " that only you can write to, or set "
                           "PEERLINE_HOME to a folder of your own");
      return NULL;
    }
  paths = g_new0 (PlPaths, 1);
  paths->config = g_build_filename (g_get_user_config_dir (), NAME, NULL);
  paths->data = g_build_filename (g_get_user_data_dir (), NAME, NULL);
  paths->state = g_build_filename (g_get_user_state_dir (), NAME, NULL);
  paths->runtime = g_build_filename (runtime, NAME, NULL);
  return paths;
}

void
pl_paths_free (PlPaths *paths)
{
  if (!paths)
    return;
  g_free (paths->config);
  g_free (paths->data);
  g_free (paths->state);
  g_free (paths->runtime);
  g_free (paths);
}

char *
pl_paths_dup_config_file (const PlPaths *paths)
{
  return g_build_filename (paths->config, "peerline.conf", NULL);
}

char *
pl_paths_dup_control (const PlPaths *paths)
{
  return g_build_filename (paths->runtime, "control", NULL);
}

char *
pl_paths_escape (const char *text)
{
  GString *name = g_string_new (NULL);

  for (const char *p = text; *p; p++)
    if (g_ascii_isalnum (*p) || strchr ("@_-", *p) || (*p == '.' && p != text))
      g_string_append_c (name, *p);
    else
      g_string_append_printf (name, "%%%02X", (guchar) *p);
  return g_string_free (name, FALSE);
}

char *
pl_paths_unescape (const char *name)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *again = NULL;

  for (const char *p = name; *p; p++)
    {
      int high = *p == '%' ? g_ascii_xdigit_value (p[1]) : -1;
      int low = high >= 0 ? g_ascii_xdigit_value (p[2]) : -1;

      if (low >= 0)
        p += 2;
      g_string_append_c (text, low >= 0 ? (char) (high << 4 | low) : *p);
    }
  if (strlen (text->str) != text->len || text->len == 0)
    return NULL;
  again = pl_paths_escape (text->str);
  return g_str_equal (again, name) ? g_strdup (text->str) : NULL;
}
