/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline overlay secret`: the shared secret of an overlay, and changing it. Never on a command line,
 * where others of the machine see it.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/secret.h"
#include "proxy/cli/cli.h"

#define TEXT_MAX 1024

static gboolean new_option, use_option, drop_option;
static char *add_option;

static void
wipe (GBytes *secrets)
{
  if (secrets)
    pl_wipe ((guint8 *) g_bytes_get_data (secrets, NULL), g_bytes_get_size (secrets));
}

static GBytes *
make_one (PlCli *cli)
{
  guint8 *secret = g_malloc (PL_HOME_SECRET_LEN);

  pl_env_random (cli->env, secret, PL_HOME_SECRET_LEN);
  return g_bytes_new_take (secret, PL_HOME_SECRET_LEN);
}

static GBytes *
read_one (GError **error)
{
  char *text = pl_cli_read_text (add_option, TEXT_MAX, error);
  GBytes *secret = text ? pl_home_parse_secrets (text, error) : NULL;

  if (text && !secret)
    g_prefix_error (error, "%s: ", add_option);
  pl_wipe_text (text);
  return secret;
}

/* The first of `secrets` last. */
static GBytes *
turned (GBytes *secrets)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (secrets, &len);
  GByteArray *out = g_byte_array_sized_new (len);

  g_byte_array_append (out, data + len - PL_HOME_SECRET_LEN, PL_HOME_SECRET_LEN);
  g_byte_array_append (out, data, len - PL_HOME_SECRET_LEN);
  return g_byte_array_free_to_bytes (out);
}

static GBytes *
with (GBytes *secrets, GBytes *more, GError **error)
{
  gsize len = secrets ? g_bytes_get_size (secrets) : 0, more_len = g_bytes_get_size (more);
  GByteArray *out;

  if (len + more_len > PL_HOME_SECRETS_MAX * PL_HOME_SECRET_LEN)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "too many secrets: --use the newest, then --drop the others");
      return NULL;
    }
  out = g_byte_array_sized_new (len + more_len);
  if (secrets)
    g_byte_array_append (out, g_bytes_get_data (secrets, NULL), len);
  g_byte_array_append (out, g_bytes_get_data (more, NULL), more_len);
  return g_byte_array_free_to_bytes (out);
}

/* What is to be kept instead of `secrets`. */
static GBytes *
change (PlCli *cli, GBytes *secrets, GError **error)
{
  g_autoptr (GBytes) more = new_option ? make_one (cli) : add_option ? read_one (error) : NULL;
  GBytes *next = NULL;

  if (more)
    next = with (secrets, more, error);
  else if (new_option || add_option)
    return NULL;
  else if (use_option)
    next = turned (secrets);
  else if (drop_option)
    next = g_bytes_new (g_bytes_get_data (secrets, NULL), PL_HOME_SECRET_LEN);
  wipe (more);
  return next;
}

static void
print_secret (PlCli *cli, GBytes *secrets, gboolean newest)
{
  const guint8 *data = g_bytes_get_data (secrets, NULL);
  char *hex = pl_hex_dup (newest ? data + g_bytes_get_size (secrets) - PL_HOME_SECRET_LEN : data, PL_HOME_SECRET_LEN);
  g_autoptr (JsonObject) object = json_object_new ();
  static const PlColumn columns[] = { { "secret", "Secret" }, { NULL } };

  json_object_set_string_member (object, "secret", hex);
  if (cli->json)
    pl_cli_print_object (cli, object, columns);
  else
    puts (hex);
  pl_wipe_text (hex);
}

static gboolean
run_secret (PlCli *cli, GError **error)
{
  g_autofree char *name = pl_cli_overlay_name (g_ptr_array_index (cli->args, 0), error);
  g_autoptr (PlDocument) document = name ? pl_home_load_document (cli->paths, name, error) : NULL;
  g_autofree char *path = document ? pl_home_dup_secrets_path (cli->paths, name) : NULL;
  g_autoptr (GBytes) secrets = NULL, next = NULL;
  g_autoptr (GVariant) told = NULL;
  gboolean done = TRUE;

  if (!document)
    return FALSE;
  if (pl_document_mode (document) != PL_MODE_SHARED_SECRET)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "overlay %s has no shared secret", name);
      return FALSE;
    }
  if (!add_option || g_file_test (path, G_FILE_TEST_EXISTS))
    secrets = pl_home_load_secrets (path, error);
  if (!secrets && *error)
    return FALSE;
  if (new_option || add_option || use_option || drop_option)
    {
      next = change (cli, secrets, error);
      done = next && pl_home_save_secrets (path, next, error);
    }
  if (done && (new_option || !next))
    print_secret (cli, next ? next : secrets, new_option);
  wipe (secrets);
  wipe (next);
  if (done && new_option) /* what is printed is for the others, and nothing else */
    told = pl_cli_call (cli, "Reload", NULL, NULL);
  else if (done && next)
    pl_cli_reload (cli);
  return done;
}

static const GOptionEntry options[] = {
  { "new", 0, 0, G_OPTION_ARG_NONE, &new_option, "Make another secret, take it from now on, and print it", NULL },
  { "add", 0, 0, G_OPTION_ARG_FILENAME, &add_option, "Take another secret from now on ('-': standard input)", "FILE" },
  { "use", 0, 0, G_OPTION_ARG_NONE, &use_option, "Use the newest from now on; the others are still taken", NULL },
  { "drop", 0, 0, G_OPTION_ARG_NONE, &drop_option, "Take no other than the one in use any more", NULL },
  { NULL }
};

const PlCliCommand pl_cli_secret_commands[] = {
  { "overlay", "secret", "NAME", "print or change the shared secret of an overlay",
    "To change it while all stay in: --new on one machine, --add on all others; then --use on\neach; then --drop on each.", 1, options, run_secret },
  { NULL }
};
