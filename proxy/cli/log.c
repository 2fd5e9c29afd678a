/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline log`: what the daemon has said, as the journal of the user's service manager has it.
 */
#include "config.h"

#include <unistd.h>

#include "proxy/cli/cli.h"

#define UNIT "peerlined.service"
#define LINES_MAX 100000

static gboolean follow_option;
static int lines_option = 50;

static gboolean
run_log (PlCli *cli, GError **error)
{
  g_autofree char *program = g_find_program_in_path ("journalctl");
  g_autofree char *lines = g_strdup_printf ("--lines=%d", lines_option);
  char *argv[] = { "journalctl", "--user", "--unit=" UNIT, lines, cli->json ? "--output=json" : "--output=short-precise", follow_option ? "--follow" : NULL, NULL };

  if (lines_option < 0 || lines_option > LINES_MAX)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--lines takes 0 to %d", LINES_MAX);
  else if (!program || g_getenv ("PEERLINE_HOME"))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "the daemon says what it has to say where it was started%s",
                 program ? "; with PEERLINE_HOME that is no service of yours" : ", as there is no systemd here");
  else
    {
      execv (program, argv);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s does not start", program);
    }
  return FALSE;
}

static const GOptionEntry log_options[] = {
  { "follow", 'f', 0, G_OPTION_ARG_NONE, &follow_option, "Go on as it says more", NULL },
  { "lines", 'n', 0, G_OPTION_ARG_INT, &lines_option, "How many lines of before (50)", "N" },
  { NULL }
};

const PlCliCommand pl_cli_log_commands[] = {
  { NULL, "log", "[-f]", "what the daemon has said, where systemd runs it", NULL, 0, log_options, run_log },
  { NULL }
};
