/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keys behind a passphrase: `peerline unlock` gives it to the daemon, `peerline identity protect` sets it. It
 * is asked for on the terminal or read from standard input, never from the command line.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/aor.h"
#include "base/file.h"
#include "base/secret.h"
#include "overlay/ident/key.h"
#include "proxy/cli/cli.h"

static char *overlay_option;
static gboolean off_option;

/* One line, without its end; NULL when there is none. */
static char *
read_line (void)
{
  char line[PL_PASSPHRASE_MAX + 2];
  char *text = fgets (line, sizeof line, stdin) ? g_strndup (line, strcspn (line, "\r\n")) : NULL;

  pl_wipe (line, sizeof line);
  return text;
}

static char *
ask_terminal (const char *prompt)
{
  struct termios shown, hidden;
  gboolean terminal = tcgetattr (STDIN_FILENO, &shown) == 0;
  char *text;

  if (!terminal)
    return read_line ();
  hidden = shown;
  hidden.c_lflag &= (tcflag_t) ~ECHO;
  fprintf (stderr, "%s: ", prompt);
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &hidden);
  text = read_line ();
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &shown);
  fputc ('\n', stderr);
  return text;
}

char *
pl_cli_ask_passphrase (const char *prompt, GError **error)
{
  char *text = ask_terminal (prompt);

  if (text && *text)
    return text;
  g_free (text);
  g_set_error (error, PL_KEY_ERROR, PL_KEY_LOCKED, "%s: none was given", prompt);
  return NULL;
}

/* That of a key which this command has unlocked before; it lives no longer than the command. */
static const char *
passphrase_of (const char *path, const char *text, GError **error)
{
  static char *known_path, *known;

  if (g_strcmp0 (known_path, path) == 0)
    return known;
  g_free (known_path);
  pl_wipe_text (known);
  known = pl_cli_ask_passphrase (pl_key_is_token (text) ? "PIN of the token" : "Passphrase of the key", error);
  known_path = known ? g_strdup (path) : NULL;
  return known;
}

char *
pl_cli_load_key (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pl_file_read_private (path, PL_KEY_TEXT_MAX, error);
  char *text = bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
  const char *passphrase = NULL;
  char *key = NULL;

  if (bytes)
    pl_wipe ((guint8 *) g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (text && pl_key_is_locked (text))
    passphrase = passphrase_of (path, text, error);
  if (text && (passphrase || !pl_key_is_locked (text)))
    key = pl_key_unlock (text, passphrase, error);
  pl_wipe_text (text);
  return key;
}

/* --- unlock --- */

static gboolean
run_unlock (PlCli *cli, GError **error)
{
  g_autofree char *aor = pl_aor_canonical (g_ptr_array_index (cli->args, 0));
  char *passphrase = aor ? pl_cli_ask_passphrase ("Passphrase", error) : NULL;
  g_autoptr (GVariant) answer = NULL;

  if (!aor)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no address: write it as alice@example.org",
                 (const char *) g_ptr_array_index (cli->args, 0));
  if (!passphrase)
    return FALSE;
  answer = pl_cli_call (cli, "Unlock", g_variant_new ("(ss)", aor, passphrase), error);
  pl_wipe_text (passphrase);
  if (answer)
    pl_cli_say (cli, "%s is unlocked until peerlined ends.", aor);
  return answer != NULL;
}

/* --- protect --- */

static char *
ask_new (GError **error)
{
  char *first = pl_cli_ask_passphrase ("New passphrase", error);
  char *second = first ? pl_cli_ask_passphrase ("Again", error) : NULL;

  if (second && !g_str_equal (first, second))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "the two are not the same; nothing is changed");
      g_clear_pointer (&first, pl_wipe_text);
    }
  if (!second)
    g_clear_pointer (&first, pl_wipe_text);
  pl_wipe_text (second);
  return first;
}

static gboolean
protect (const PlHomeIdentity *place, char *key, GError **error)
{
  char *passphrase = off_option ? NULL : ask_new (error);
  g_autofree char *locked = passphrase ? pl_key_protect (key, passphrase, error) : NULL;
  const char *text = off_option ? key : locked;

  pl_wipe_text (passphrase);
  return text && pl_file_write (place->key_path, text, strlen (text), 0600, error);
}

static gboolean
run_protect (PlCli *cli, GError **error)
{
  g_autofree char *aor = pl_aor_canonical (g_ptr_array_index (cli->args, 0));
  g_autofree char *overlay = aor && overlay_option ? pl_cli_overlay_name (overlay_option, error) : NULL;
  g_autoptr (PlHomeIdentity) place = overlay ? pl_home_identity_new (cli->paths, aor, overlay) : NULL;
  char *key;
  gboolean done = FALSE;

  if (!aor || !overlay_option)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "say whose, and where: peerline identity protect alice@example.org --overlay NAME");
  if (!place)
    return FALSE;
  key = pl_cli_load_key (place->key_path, error);
  if (key && pl_key_is_token (key))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the key is in a token, which has a PIN of its own");
  else if (key)
    done = protect (place, key, error);
  pl_wipe_text (key);
  if (done)
    pl_cli_say (cli, off_option ? "The key needs no passphrase any more." : "From its next start on, peerlined needs 'peerline unlock %s'.", aor);
  return done;
}

static const GOptionEntry options[] = {
  { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "The overlay it is for", "NAME" },
  { "off", 0, 0, G_OPTION_ARG_NONE, &off_option, "Keep the key without a passphrase", NULL },
  { NULL }
};

const PlCliCommand pl_cli_unlock_commands[] = {
  { NULL, "unlock", "AOR", "give peerlined the passphrase of a key, or the PIN of its token",
    "It is asked for here, or read from standard input; peerlined keeps it in memory.", 1, NULL, run_unlock },
  { "identity", "protect", "AOR --overlay NAME", "lock a key with a passphrase, or with another one",
    "At each start peerlined waits for 'peerline unlock'.", 1, options, run_protect },
  { NULL }
};
