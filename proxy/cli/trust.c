/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline trust`: which key a name is known by, where nobody certifies names.
 */
#include "config.h"

#include <string.h>

#include "base/aor.h"
#include "proxy/cli/cli.h"
#include "proxy/pins.h"

static char *overlay_option, *key_option;

static const char *
how_name (PlPinHow how)
{
  switch (how)
    {
    case PL_PIN_DIALLED:
      return "first call to them";
    case PL_PIN_CALLED_US:
      return "first call from them";
    case PL_PIN_ACCEPTED:
      return "accepted";
    }
  return "";
}

static JsonObject *
describe (const PlPin *pin, const char *overlay)
{
  JsonObject *object = json_object_new ();
  JsonArray *others = json_array_new ();
  g_autofree char *key = pin->key ? pl_pins_show (pin->key) : NULL;

  json_object_set_string_member (object, "aor", pin->aor);
  json_object_set_string_member (object, "overlay", overlay);
  json_object_set_string_member (object, "key", key ? key : "");
  json_object_set_string_member (object, "how", key ? how_name (pin->how) : "not known yet");
  json_object_set_int_member (object, "since", pin->since);
  for (guint i = 0; pin->others && pin->others[i]; i++)
    {
      g_autofree char *other = pl_pins_show (pin->others[i]);

      json_array_add_string_element (others, other);
    }
  json_object_set_array_member (object, "others", others);
  if (pin->refused)
    json_object_set_int_member (object, "refused", pin->refused);
  return object;
}

/* Those of the overlays that this is about: of the option, or all without an authority. */
static GPtrArray *
dup_overlays (PlCli *cli, GError **error)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *name = overlay_option ? pl_cli_overlay_name (overlay_option, error) : NULL;
  g_autoptr (GPtrArray) overlays = overlay_option ? g_ptr_array_new () : pl_home_list_overlays (cli->paths, NULL);

  if (name)
    g_ptr_array_add (names, g_steal_pointer (&name));
  for (guint i = 0; i < overlays->len; i++)
    {
      const PlHomeOverlay *overlay = g_ptr_array_index (overlays, i);

      if (overlay->document && pl_document_mode (overlay->document) != PL_MODE_CERTIFICATES)
        g_ptr_array_add (names, g_strdup (overlay->name));
    }
  return names;
}

static gboolean
run_list (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "aor", "NAME" }, { "overlay", "OVERLAY" }, { "how", "KNOWN BY" }, { "since", "SINCE", PL_COLUMN_DATE },
                                      { "refused", "OTHER KEY REFUSED", PL_COLUMN_DATE }, { NULL } };
  g_autoptr (GPtrArray) overlays = dup_overlays (cli, error);
  g_autoptr (JsonArray) rows = json_array_new ();

  for (guint i = 0; i < overlays->len; i++)
    {
      const char *overlay = g_ptr_array_index (overlays, i);
      g_autofree char *path = pl_home_dup_pins_path (cli->paths, overlay);
      g_autoptr (GPtrArray) pins = pl_pins_list (path, error);

      for (guint k = 0; k < pins->len; k++)
        json_array_add_object_element (rows, describe (g_ptr_array_index (pins, k), overlay));
      if (*error)
        return FALSE;
    }
  pl_cli_print_rows (cli, rows, columns, "No name yet: where an authority certifies them, none is kept.");
  return TRUE;
}

/* The pin of the first word, and where it is kept. */
static PlPin *
find (PlCli *cli, char **overlay, char **path, GError **error)
{
  const char *text = g_ptr_array_index (cli->args, 0);
  g_autofree char *aor = pl_aor_canonical (text);
  g_autoptr (GPtrArray) overlays = dup_overlays (cli, error);

  for (guint i = 0; aor && i < overlays->len && !*error; i++)
    {
      g_autofree char *place = pl_home_dup_pins_path (cli->paths, g_ptr_array_index (overlays, i));
      PlPin *pin = pl_pins_find (place, aor, error);

      if (!pin)
        continue;
      *overlay = g_strdup (g_ptr_array_index (overlays, i));
      *path = g_steal_pointer (&place);
      return pin;
    }
  if (!*error)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no key of '%s' is known: 'peerline trust list' shows whose are", text);
  return NULL;
}

static gboolean
run_show (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "aor", "Name" }, { "overlay", "Overlay" }, { "key", "Key" }, { "how", "Known by" },
                                      { "since", "Since", PL_COLUMN_DATE }, { "others", "Refused keys" },
                                      { "refused", "Last refused", PL_COLUMN_DATE }, { NULL } };
  g_autofree char *overlay = NULL, *path = NULL;
  g_autoptr (PlPin) pin = find (cli, &overlay, &path, error);
  g_autoptr (JsonObject) object = pin ? describe (pin, overlay) : NULL;

  if (object)
    pl_cli_print_object (cli, object, columns);
  return object != NULL;
}

/* Which of the refused ones: the only one, or what the option begins like. */
static const char *
choose (const PlPin *pin, GError **error)
{
  g_auto (GStrv) parts = key_option ? g_strsplit (key_option, ":", 0) : NULL;
  g_autofree char *joined = parts ? g_strjoinv ("", parts) : g_strdup ("");
  g_autofree char *wanted = g_ascii_strdown (joined, -1);
  const char *found = NULL;
  guint n = 0;

  for (guint i = 0; pin->others && pin->others[i]; i++)
    if (g_str_has_prefix (pin->others[i], wanted))
      {
        found = pin->others[i];
        n++;
      }
  if (n == 1)
    return found;
  if (n == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such key of %s was refused: 'peerline trust show %s'", pin->aor, pin->aor);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%u keys of %s were refused: say which with --key FINGERPRINT", n, pin->aor);
  return NULL;
}

static gboolean
run_accept (PlCli *cli, GError **error)
{
  g_autofree char *overlay = NULL, *path = NULL, *text = NULL;
  g_autoptr (PlPin) pin = find (cli, &overlay, &path, error);
  const char *key = pin ? choose (pin, error) : NULL;

  if (!key || !pl_pins_accept (path, pin->aor, key, pl_env_wall (cli->env) / PL_USEC_PER_SEC, error))
    return FALSE;
  text = pl_pins_show (key);
  pl_cli_say (cli, "%s in overlay %s is now whoever has the key %s.", pin->aor, overlay, text);
  return TRUE;
}

static gboolean
run_forget (PlCli *cli, GError **error)
{
  g_autofree char *overlay = NULL, *path = NULL;
  g_autoptr (PlPin) pin = find (cli, &overlay, &path, error);

  if (!pin || !pl_pins_forget (path, pin->aor, error))
    return FALSE;
  pl_cli_say (cli, "%s in overlay %s is whoever is met first.", pin->aor, overlay);
  return TRUE;
}

#define OVERLAY_OPTION { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "Only in this overlay", "NAME" }

static const GOptionEntry options[] = { OVERLAY_OPTION, { NULL } };

static const GOptionEntry accept_options[] = {
  OVERLAY_OPTION,
  { "key", 0, 0, G_OPTION_ARG_STRING, &key_option, "Which of several, by its first digits", "FINGERPRINT" },
  { NULL }
};

const PlCliCommand pl_cli_trust_commands[] = {
  { "trust", "list", "", "names and since when their keys are known",
    "In an overlay whose names nobody certifies, the key of a name is the one it had at first contact.", 0, options, run_list },
  { "trust", "show", "ADDRESS", "the key of a name, and others that were refused", NULL, 1, options, run_show },
  { "trust", "accept", "ADDRESS", "take a refused key as theirs from now on",
    "Ask them first, on another way, whether it is theirs.", 1, accept_options, run_accept },
  { "trust", "forget", "ADDRESS", "know no key of a name any more", NULL, 1, options, run_forget },
  { NULL }
};
