/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "overlay/ident/identity.h"
#include "proxy/cli/cli.h"
#include "proxy/cli/decode.h"

static const PlCliCommand *const groups[] = {
  pl_cli_setup_commands, pl_cli_invite_commands, pl_cli_open_commands, pl_cli_overlay_commands, pl_cli_identity_commands, pl_cli_enroll_commands,
  pl_cli_trust_commands, pl_cli_unlock_commands, pl_cli_secret_commands, pl_cli_daemon_commands,
  pl_cli_diagnose_commands, pl_cli_phone_commands, pl_cli_net_commands, pl_cli_doctor_commands, pl_cli_watch_commands, pl_cli_log_commands,
};

static char *
full_name (const PlCliCommand *command)
{
  return command->group ? g_strdup_printf ("peerline %s %s", command->group, command->name)
                        : g_strdup_printf ("peerline %s", command->name);
}

static void
print_commands (FILE *out, const char *group)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const PlCliCommand *command = groups[i]; command->name; command++)
      {
        g_autofree char *name = full_name (command);
        g_autofree char *usage = g_strdup_printf ("%s %s", name, command->args);

        if (!group || g_strcmp0 (group, command->group) == 0)
          fprintf (out, "  %-50s %s\n", usage, command->summary);
      }
}

static void
print_help (FILE *out)
{
  fputs ("Usage:\n  peerline COMMAND [OPTION...]\n\nSecure calls between unmodified SIP phones, without a provider.\n\nCommands:\n", out);
  print_commands (out, NULL);
  fprintf (out, "  %-50s %s\n", "peerline decode", "print a RELOAD message as JSON");
  fputs ("\nEvery command has --help. With --json the answer is JSON.\n"
         "PEERLINE_HOME=DIR keeps everything of an instance below DIR.\n", out);
}

static const PlCliCommand *
find_command (int argc, char **argv, int *used)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const PlCliCommand *command = groups[i]; command->name; command++)
      {
        *used = command->group ? 2 : 1;
        if (command->group && argc > 2 && g_str_equal (argv[1], command->group) && g_str_equal (argv[2], command->name))
          return command;
        if (!command->group && argc > 1 && g_str_equal (argv[1], command->name))
          return command;
      }
  return NULL;
}

static gboolean
is_group (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    if (g_strcmp0 (groups[i]->group, word) == 0)
      return TRUE;
  return FALSE;
}

static int
unknown (int argc, char **argv)
{
  if (argc > 1 && is_group (argv[1]))
    {
      gboolean help = argc > 2 && (g_str_equal (argv[2], "--help") || g_str_equal (argv[2], "-h"));

      fprintf (help ? stdout : stderr, "Usage:\n");
      print_commands (help ? stdout : stderr, argv[1]);
      return help ? 0 : PL_CLI_USAGE;
    }
  if (argc > 1)
    {
      g_autofree char *word = pl_cli_clean (argv[1]);

      fprintf (stderr, "peerline: there is no command '%s'; 'peerline --help' lists them\n", word);
    }
  else
    print_help (stderr);
  return PL_CLI_USAGE;
}

static gboolean
read_options (PlCli *cli, const PlCliCommand *command, int argc, char **argv, GError **error)
{
  g_autofree char *args = g_strdup (command->args);
  g_autoptr (GOptionContext) context = g_option_context_new (args);
  g_auto (GStrv) words = NULL;
  GOptionEntry own[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &cli->json, "Print JSON", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, NULL },
    { NULL }
  };

  g_option_context_set_summary (context, command->summary);
  if (command->details)
    g_option_context_set_description (context, command->details);
  if (command->options)
    g_option_context_add_main_entries (context, command->options, NULL);
  g_option_context_add_main_entries (context, own, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  for (guint i = 0; words && words[i]; i++)
    g_ptr_array_add (cli->args, g_strdup (words[i]));
  if (cli->args->len == command->n_args)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "usage: %s %s", g_get_prgname (), command->args);
  return FALSE;
}

static int
fail (const GError *error, int code)
{
  g_autofree char *text = pl_cli_clean (error->message);

  fprintf (stderr, "peerline: %s\n", text);
  return code;
}

static int
run (const PlCliCommand *command, int argc, char **argv)
{
  g_autoptr (GPtrArray) args = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (PlPaths) paths = NULL;
  g_autoptr (PlLoop) loop = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = full_name (command);
  PlCli cli = { .args = args };

  g_set_prgname (name);
  if (!read_options (&cli, command, argc, argv, &error))
    return fail (error, PL_CLI_USAGE);
  loop = pl_loop_new (g_main_context_default ());
  cli.env = pl_loop_env (loop);
  cli.paths = paths = pl_paths_new (&error);
  if (!paths || !command->run (&cli, &error))
    return fail (error, PL_CLI_FAILED);
  return 0;
}

/* "peerline --json status" as "peerline status --json". */
static void
put_json_last (int argc, char **argv)
{
  char *json = argc > 2 && g_str_equal (argv[1], "--json") ? argv[1] : NULL;

  if (!json)
    return;
  memmove (argv + 1, argv + 2, (argc - 2) * sizeof *argv);
  argv[argc - 1] = json;
}

int
main (int argc, char **argv)
{
  const PlCliCommand *command;
  int used = 0;

  setlocale (LC_ALL, "");
  pl_ident_init ();
  put_json_last (argc, argv);
  if (argc > 1 && (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h")))
    return print_help (stdout), 0;
  if (argc > 1 && g_str_equal (argv[1], "--version"))
    return printf ("peerline %s\n", PACKAGE_VERSION), 0;
  if (argc > 1 && g_str_equal (argv[1], "decode"))
    {
      g_set_prgname ("peerline decode");
      return pl_cli_decode (argc - 1, argv + 1);
    }
  command = find_command (argc, argv, &used);
  return command ? run (command, argc - used, argv + used) : unknown (argc, argv);
}
