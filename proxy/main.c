/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * peerlined: options, signals, exit code; nothing else.
 */
#include "config.h"

#include "base/log.h"
#include "proxy/app.h"

#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static gboolean option_check_config, option_version;
static char *option_log_level;

static const GOptionEntry options[] = {
  { "check-config", 0, 0, G_OPTION_ARG_NONE, &option_check_config, "Read the configuration, say what is wrong with it, and exit", NULL },
  { "log", 0, 0, G_OPTION_ARG_STRING, &option_log_level, "How much to log: error, warning, notice, info, debug", "LEVEL" },
  { "version", 0, 0, G_OPTION_ARG_NONE, &option_version, "Print the version and exit", NULL },
  { NULL },
};

static gboolean
parse_options (int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- calls between phones with nobody in between");

  g_option_context_set_summary (context,
                                "The peerline daemon: a SIP proxy and registrar for your own phones on 127.0.0.1:5080, and a node of\n"
                                "the overlays you are in. It runs in the foreground until SIGTERM; SIGHUP reads the files again.");
  g_option_context_set_description (context,
                                    "PEERLINE_HOME=FOLDER keeps everything of one instance in FOLDER.\n"
                                    "What it does right now: peerline status. More: man peerlined.");
  g_option_context_add_main_entries (context, options, NULL);
  return g_option_context_parse (context, argc, argv, error);
}

/* Each ICE link has a few sockets; the usual soft limit is low. */
static void
raise_file_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = MIN (limit.rlim_max, 4096);
  setrlimit (RLIMIT_NOFILE, &limit);
}

static gboolean
on_stop (gpointer data)
{
  pl_app_stop (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_reload (gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!pl_app_reload (data, &error))
    pl_warn ("app", "not reloaded", "reason", error->message, NULL);
  return G_SOURCE_CONTINUE;
}

static int
fail (const char *message)
{
  fprintf (stderr, "peerlined: %s\n", message);
  return EXIT_FAILURE;
}

static int
run (PlApp *app)
{
  g_autoptr (GError) error = NULL;
  guint sources[3];

  if (!pl_app_start (app, &error))
    return fail (error->message);
  sources[0] = g_unix_signal_add (SIGTERM, on_stop, app);
  sources[1] = g_unix_signal_add (SIGINT, on_stop, app);
  sources[2] = g_unix_signal_add (SIGHUP, on_reload, app);
  pl_app_run (app);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlApp) app = NULL;

#ifndef PL_ENABLE_KEYLOG
  g_unsetenv ("SSLKEYLOGFILE"); /* GnuTLS honours it by itself; before its first session */
#endif
  if (!parse_options (&argc, &argv, &error))
    return fail (error->message);
  if (argc > 1)
    return fail ("takes no arguments; see peerlined --help");
  if (option_version)
    {
      printf ("peerlined %s\n", PACKAGE_VERSION);
      return EXIT_SUCCESS;
    }
  app = pl_app_new (option_log_level, &error);
  if (!app)
    return fail (error->message);
  if (option_check_config)
    {
      printf ("%s: the configuration is good\n", pl_app_config_path (app));
      return EXIT_SUCCESS;
    }
  raise_file_limit ();
  return run (app);
}
