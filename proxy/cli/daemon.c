/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>

#include "base/aor.h"
#include "proxy/cli/cli.h"

#define OBJECT_PATH "/org/peerline/Control1"
#define CALL_TIMEOUT 60000 /* ms; a look-up takes 5 s at most, a trace with silent nodes longer */

/* --- calling --- */

/* systemd's daemon is that of the usual folders, not of a PEERLINE_HOME. */
static const char *
how_to_start (void)
{
  const char *home = g_getenv ("PEERLINE_HOME");

  return home && *home ? "run 'peerlined' with the same PEERLINE_HOME"
                       : "start it with 'systemctl --user start peerlined', or run 'peerlined'";
}

GDBusConnection *
pl_cli_connect (PlCli *cli, GError **error)
{
  g_autofree char *path = pl_paths_dup_control (cli->paths);
  g_autofree char *escaped = g_dbus_address_escape_value (path);
  g_autofree char *address = g_strconcat ("unix:path=", escaped, NULL);
  g_autoptr (GError) why = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
    address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, &why);

  if (connection)
    return connection;
  if (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) || g_error_matches (why, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "peerlined is not running: %s", how_to_start ());
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "cannot reach peerlined at %s: %s", path, why->message);
  return NULL;
}

GVariant *
pl_cli_call (PlCli *cli, const char *method, GVariant *args, GError **error)
{
  g_autoptr (GVariant) sunk = args ? g_variant_ref_sink (args) : NULL;
  g_autoptr (GDBusConnection) connection = pl_cli_connect (cli, error);
  GVariant *answer;

  if (!connection)
    return NULL;
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  answer = g_dbus_connection_call_sync (connection, NULL, OBJECT_PATH, PL_CLI_INTERFACE, method, sunk, NULL,
                                        G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT, NULL, error);
  if (!answer && error)
    {
      g_dbus_error_strip_remote_error (*error);
      g_prefix_error (error, "peerlined says: ");
    }
  g_dbus_connection_close_sync (connection, NULL, NULL);
  return answer;
}

static void
on_pause (gpointer user)
{
  *(gboolean *) user = TRUE;
}

void
pl_cli_pause (guint msec)
{
  gboolean over = FALSE;

  g_timeout_add_once (msec, on_pause, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

void
pl_cli_reload (PlCli *cli)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = pl_cli_call (cli, "Reload", NULL, &error);

  if (answer)
    pl_cli_say (cli, "peerlined has taken it over.");
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED))
    pl_cli_say (cli, "peerlined is not running yet: %s.", how_to_start ());
  else
    pl_cli_say (cli, "peerlined could not take it over (%s): restart it.", error->message);
}

JsonNode *
pl_cli_call_json (PlCli *cli, const char *method, GVariant *args, GError **error)
{
  g_autoptr (GVariant) answer = pl_cli_call (cli, method, args, error);
  g_autoptr (GVariant) value = NULL;

  if (!answer)
    return NULL;
  if (g_variant_n_children (answer) == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "peerlined gave no answer to %s; is it of this version?", method);
      return NULL;
    }
  value = g_variant_get_child_value (answer, 0);
  return json_gvariant_serialize (value);
}

static gboolean
print_list (PlCli *cli, const char *method, const PlColumn *columns, const char *empty, GError **error)
{
  g_autoptr (JsonNode) node = pl_cli_call_json (cli, method, NULL, error);

  if (!node)
    return FALSE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "peerlined gave no list to %s; is it of this version?", method);
      return FALSE;
    }
  pl_cli_print_rows (cli, json_node_get_array (node), columns, empty);
  return TRUE;
}

/* --- commands --- */

static void
print_part (PlCli *cli, JsonObject *status, const char *member, const PlColumn *columns, const char *empty)
{
  JsonNode *node = json_object_get_member (status, member);

  putchar ('\n');
  if (node && JSON_NODE_HOLDS_ARRAY (node))
    pl_cli_print_rows (cli, json_node_get_array (node), columns, empty);
}

static void
print_problems (JsonObject *status)
{
  JsonNode *node = json_object_get_member (status, "problems");
  JsonArray *problems = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  for (guint i = 0; problems && i < json_array_get_length (problems); i++)
    {
      g_autofree char *text = pl_cli_clean (json_array_get_string_element (problems, i));

      printf ("%s! %s\n", i ? "" : "\n", text);
    }
}

static gboolean
run_status (PlCli *cli, GError **error)
{
  static const PlColumn top[] = { { "state", "State" }, { "listen", "Phones use" }, { "version", "Version" }, { NULL } };
  static const PlColumn overlays[] = { { "name", "OVERLAY" }, { "role", "ROLE" }, { "state", "STATE" }, { "peers", "PEERS" },
                                       { "node", "NODE" }, { NULL } };
  static const PlColumn identities[] = { { "aor", "IDENTITY" }, { "overlay", "OVERLAY" },
                                         { "issuer", "CERTIFIED BY" }, { "incognito", "INCOGNITO" }, { "expires", "CERTIFICATE UNTIL", PL_COLUMN_DATE },
                                         { "registered", "REGISTERED", PL_COLUMN_TIME }, { "redirect", "REDIRECTED TO" }, { NULL } };
  g_autoptr (JsonNode) node = pl_cli_call_json (cli, "Status", NULL, error);
  JsonObject *status;

  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return FALSE;
  status = json_node_get_object (node);
  pl_cli_print_object (cli, status, top);
  if (cli->json)
    return TRUE;
  print_part (cli, status, "overlays", overlays, "In no overlay yet.");
  print_part (cli, status, "identities", identities, "No identity yet.");
  print_problems (status);
  return TRUE;
}

static gboolean
run_peers (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "node", "NODE" }, { "aor", "NAME" }, { "overlay", "OVERLAY" }, { "role", "ROLE" },
                                      { "rtt", "ROUND TRIP", PL_COLUMN_DURATION }, { "since", "SINCE", PL_COLUMN_TIME },
                                      { "path", "PATH" }, { "noticed", "NOTICED" }, { NULL } };

  return print_list (cli, "Peers", columns, "No links to other nodes.", error);
}

static gboolean
run_registrations (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "aor", "IDENTITY" }, { "contact", "CONTACT" }, { "user_agent", "PHONE" },
                                      { "expires", "UNTIL", PL_COLUMN_TIME }, { NULL } };

  return print_list (cli, "Registrations", columns, "No phone has registered; 'peerline status' says which address to give it.", error);
}

static gboolean
run_calls (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "from", "FROM" }, { "to", "TO" }, { "redirected", "REDIRECTED TO" }, { "overlay", "OVERLAY" }, { "state", "STATE" }, { "media", "MEDIA" },
                                      { "edge", "EDGE" },
                                      { "since", "SINCE", PL_COLUMN_TIME }, { "lookup", "LOOKUP", PL_COLUMN_DURATION },
                                      { "connect", "CONNECT", PL_COLUMN_DURATION }, { "invite", "INVITE", PL_COLUMN_DURATION },
                                      { NULL } };

  return print_list (cli, "Calls", columns, "No calls.", error);
}

static gboolean
explain_lookup (const char *aor, JsonObject *answer, GError **error)
{
  const char *result = json_object_get_string_member_with_default (answer, "result", "failed");

  if (g_str_equal (result, "found"))
    return TRUE;
  if (g_str_equal (result, "offline"))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "%s is known but offline: try again later", aor);
  else if (g_str_equal (result, "circle"))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "%s is redirected in a circle, or too often: tell them", aor);
  else if (g_str_equal (result, "elsewhere"))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "%s is redirected to what is no address of this overlay: tell them", aor);
  else if (g_str_equal (result, "refused"))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "who says to be %s has not the key that is known: 'peerline trust show %s', "
                 "'peerline status'", aor, aor);
  else if (g_str_equal (result, "unknown"))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "nobody is registered as %s in your overlays: check the spelling", aor);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the overlay did not answer: see 'peerline status'");
  return FALSE;
}

static gboolean
run_lookup (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "aor", "Name" }, { "redirects", "Redirected to" }, { "result", "Result" }, { "overlay", "Overlay" }, { "nodes", "Nodes" },
                                      { "took", "Took", PL_COLUMN_DURATION }, { NULL } };
  static const PlColumn each[] = { { "overlay", "OVERLAY" }, { "result", "RESULT" }, { "nodes", "NODES" },
                                   { "took", "TOOK", PL_COLUMN_DURATION }, { NULL } };
  const char *text = g_ptr_array_index (cli->args, 0);
  g_autofree char *aor = pl_aor_canonical (text);
  g_autoptr (JsonNode) node = NULL;
  JsonObject *answer;
  JsonArray *overlays;

  if (!aor)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no address: write it as alice@example.org", text);
      return FALSE;
    }
  node = pl_cli_call_json (cli, "Lookup", g_variant_new ("(s)", aor), error);
  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    return FALSE;
  answer = json_node_get_object (node);
  pl_cli_print_object (cli, answer, columns);
  overlays = json_object_has_member (answer, "overlays") ? json_object_get_array_member (answer, "overlays") : NULL;
  if (!cli->json && overlays && json_array_get_length (overlays) > 1)
    print_part (cli, answer, "overlays", each, "");
  return explain_lookup (aor, json_node_get_object (node), error);
}

/* What to do about it, for those that have none. */
static const char *
explain_turn (const char *state)
{
  if (g_str_equal (state, "missing"))
    return "no TURN server of the overlay was found yet: try again in a minute";
  if (g_str_equal (state, "not-needed"))
    return "no NAT is between this machine and the overlay, as far as it can tell: phones need no TURN server";
  if (g_str_equal (state, "configured"))
    return "peerline.conf names a TURN server ('turn' in [overlay]): give phones that one";
  return "the overlay offers no TURN servers; whoever runs it changes that ('peerline overlay update', --turn-density)";
}

static gboolean
run_turn (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "overlay", "OVERLAY" }, { "host", "HOST" }, { "port", "PORT" }, { "username", "USER" },
                                      { "password", "PASSWORD" }, { "expires", "UNTIL", PL_COLUMN_TIME }, { NULL } };
  g_autoptr (JsonNode) node = pl_cli_call_json (cli, "Turn", NULL, error);
  g_autoptr (JsonArray) found = json_array_new ();
  const char *state = "";
  JsonArray *all;

  if (!node || !JSON_NODE_HOLDS_ARRAY (node))
    return FALSE;
  all = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (all); i++)
    {
      JsonObject *row = json_array_get_object_element (all, i);

      state = json_object_get_string_member_with_default (row, "state", "");
      if (g_str_equal (state, "found"))
        json_array_add_object_element (found, json_object_ref (row));
    }
  if (cli->json)
    pl_cli_print_json (node);
  else if (json_array_get_length (found) > 0)
    pl_cli_print_rows (cli, found, columns, "");
  if (json_array_get_length (found) > 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, *state ? explain_turn (state) : "you are in no overlay yet: see 'peerline status'");
  return FALSE;
}

const PlCliCommand pl_cli_daemon_commands[] = {
  { NULL, "status", "", "what the daemon is doing, and what it lacks", NULL, 0, NULL, run_status },
  { NULL, "peers", "", "links to other nodes", NULL, 0, NULL, run_peers },
  { NULL, "lookup", "ADDRESS", "find where somebody is", "Exit code 0 when at least one node was found.", 1, NULL, run_lookup },
  { NULL, "turn", "", "the TURN server of your overlay, as a phone is given it", "Exit code 0 when there is one.", 0, NULL, run_turn },
  { NULL, "registrations", "", "phones registered with the daemon", NULL, 0, NULL, run_registrations },
  { NULL, "calls", "", "calls: who, what protects them, where the time went", NULL, 0, NULL, run_calls },
  { NULL }
};
