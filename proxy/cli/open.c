/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline open`: starts peerline-web, which says where its page is, and shows it.
 */
#include "config.h"

#include <gio/gunixinputstream.h>
#include <stdio.h>

#include "proxy/cli/cli.h"

static gboolean no_browser_option;

static char *
find_program (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self ? g_path_get_dirname (self) : g_strdup ("");
  g_autofree char *beside = g_build_filename (folder, "peerline-web", NULL);

  return g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer (&beside) : g_strdup (PL_BINDIR "/peerline-web");
}

/* The address, the first line it says. It goes on without us. */
static char *
start_web (GError **error)
{
  g_autofree char *program = find_program ();
  char *argv[] = { program, NULL };
  g_autoptr (GInputStream) out = NULL;
  g_autoptr (GDataInputStream) lines = NULL;
  int fd;

  if (!g_spawn_async_with_pipes (NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &fd, NULL, error))
    return NULL;
  out = g_unix_input_stream_new (fd, TRUE);
  lines = g_data_input_stream_new (out);
  return g_data_input_stream_read_line_utf8 (lines, NULL, NULL, error);
}

static gboolean
run_open (PlCli *cli, GError **error)
{
  g_autofree char *address = start_web (error);
  g_autoptr (GError) problem = NULL;

  if (!address)
    {
      if (error && !*error)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "peerline-web does not start");
      return FALSE;
    }
  if (no_browser_option)
    printf ("%s\n", address);
  else if (!g_app_info_launch_default_for_uri (address, NULL, &problem))
    pl_cli_say (cli, "No browser starts by itself. Open this in yours, it works once: %s", address);
  return TRUE;
}

static const GOptionEntry open_options[] = {
  { "no-browser", 0, 0, G_OPTION_ARG_NONE, &no_browser_option, "Print the page's address, which works once, instead of opening it", NULL },
  { NULL }
};

const PlCliCommand pl_cli_open_commands[] = {
  { NULL, "open", "", "a page in your browser: who you are, phones, calls, the ring, whom you trust",
    "Served on this machine for you alone, and gone a quarter of an hour after you looked last.", 0, open_options, run_open },
  { NULL }
};
