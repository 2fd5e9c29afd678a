/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline watch`: a line for each thing that changes, until it is stopped. The daemon says what
 * kind of thing has changed (signal Changed); what exactly, two answers to the same question tell.
 */
#include "config.h"

#include <stdio.h>

#include "proxy/cli/cli.h"

/* What is watched: rows of an answer, and what a line says of each. */
typedef struct {
  const char *what;       /* as the signal says it */
  const char *method;
  const char *member;     /* of the answer, NULL: the answer is the list itself */
  const char *const *id;  /* keys that tell which row it is */
  const char *const *say; /* keys whose values make its state */
  const char *label, *gone;
} Topic;

static const char *const overlay_id[] = { "name", NULL };
static const char *const overlay_say[] = { "state", NULL };
static const char *const phone_id[] = { "aor", "contact", NULL };
static const char *const phone_say[] = { "user_agent", NULL };
static const char *const call_id[] = { "from", "to", "id", NULL };
static const char *const call_say[] = { "state", "media", NULL };

static const Topic topics[] = {
  { "status", "Status", "overlays", overlay_id, overlay_say, "overlay", "left" },
  { "registrations", "Registrations", NULL, phone_id, phone_say, "phone", "gone" },
  { "calls", "Calls", NULL, call_id, call_say, "call", "over" },
};

typedef struct {
  PlCli *cli;
  GMainLoop *loop;
  GHashTable *states[G_N_ELEMENTS (topics)]; /* id -> state, char * both */
  GError *error;
} Watch;

/* --- what is said --- */

static char *
join (JsonObject *row, const char *const *keys)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new ();

  for (guint i = 0; keys[i]; i++)
    {
      const char *text = json_object_get_string_member_with_default (row, keys[i], "");

      if (text && *text)
        g_ptr_array_add (parts, (char *) text);
    }
  g_ptr_array_add (parts, NULL);
  return g_strjoinv ("  ", (char **) parts->pdata);
}

static void
say_json (const char *label, const char *id, const char *state)
{
  g_autoptr (JsonNode) node = json_node_alloc ();
  g_autofree char *text = NULL;
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "what", label);
  json_object_set_string_member (object, "which", id);
  json_object_set_string_member (object, "state", state);
  json_node_take_object (json_node_init (node, JSON_NODE_OBJECT), object);
  text = json_to_string (node, FALSE);
  puts (text);
}

static void
say (Watch *watch, const char *label, const char *id, const char *state)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%H:%M:%S");
  g_autofree char *clean_id = pl_cli_clean (id);
  g_autofree char *clean_state = pl_cli_clean (state);

  if (watch->cli->json)
    say_json (label, clean_id, clean_state);
  else
    printf ("%s  %-8s %s  %s\n", time, label, clean_id, clean_state);
  fflush (stdout);
}

/* --- what has changed --- */

static JsonArray *
rows_of (const Topic *topic, JsonNode *node)
{
  JsonNode *list = node;

  if (topic->member)
    list = JSON_NODE_HOLDS_OBJECT (node) ? json_object_get_member (json_node_get_object (node), topic->member) : NULL;
  return list && JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;
}

static void
say_gone (Watch *watch, const Topic *topic, GHashTable *before, GHashTable *now)
{
  GHashTableIter iter;
  gpointer id;

  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    if (!g_hash_table_contains (now, id))
      say (watch, topic->label, id, topic->gone);
}

static gboolean
look (Watch *watch, guint i)
{
  const Topic *topic = &topics[i];
  g_autoptr (JsonNode) node = pl_cli_call_json (watch->cli, topic->method, NULL, &watch->error);
  JsonArray *rows = node ? rows_of (topic, node) : NULL;
  GHashTable *now = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint k = 0; rows && k < json_array_get_length (rows); k++)
    {
      JsonObject *row = json_array_get_object_element (rows, k);
      g_autofree char *id = join (row, topic->id);
      g_autofree char *state = join (row, topic->say);

      if (g_strcmp0 (g_hash_table_lookup (watch->states[i], id), state) != 0)
        say (watch, topic->label, id, state);
      g_hash_table_insert (now, g_steal_pointer (&id), g_steal_pointer (&state));
    }
  if (node)
    say_gone (watch, topic, watch->states[i], now);
  g_hash_table_unref (watch->states[i]);
  watch->states[i] = now;
  if (!node)
    g_main_loop_quit (watch->loop);
  return node != NULL;
}

static void
on_changed (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *signal,
            GVariant *args, gpointer user)
{
  Watch *watch = user;
  const char *what;

  if (!g_variant_is_of_type (args, G_VARIANT_TYPE ("(s)")))
    return;
  g_variant_get (args, "(&s)", &what);
  for (guint i = 0; i < G_N_ELEMENTS (topics); i++)
    if (g_str_equal (topics[i].what, what) && !watch->error)
      look (watch, i);
}

static void
on_closed (GDBusConnection *connection, gboolean remote, GError *error, gpointer user)
{
  Watch *watch = user;

  if (!watch->error)
    g_set_error (&watch->error, G_IO_ERROR, G_IO_ERROR_CLOSED, "peerlined has ended");
  g_main_loop_quit (watch->loop);
}

/* --- the command --- */

static gboolean
run_watch (PlCli *cli, GError **error)
{
  g_autoptr (GDBusConnection) connection = pl_cli_connect (cli, error);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Watch watch = { cli, loop, { NULL }, NULL };
  guint subscription;
  gulong closed;

  if (!connection)
    return FALSE;
  subscription = g_dbus_connection_signal_subscribe (connection, NULL, PL_CLI_INTERFACE, "Changed", NULL, NULL,
                                                     G_DBUS_SIGNAL_FLAGS_NONE, on_changed, &watch, NULL);
  closed = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), &watch);
  for (guint i = 0; i < G_N_ELEMENTS (topics); i++)
    watch.states[i] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < G_N_ELEMENTS (topics) && !watch.error; i++)
    look (&watch, i);
  if (!watch.error)
    g_main_loop_run (loop);
  g_dbus_connection_signal_unsubscribe (connection, subscription);
  g_signal_handler_disconnect (connection, closed);
  for (guint i = 0; i < G_N_ELEMENTS (topics); i++)
    g_hash_table_unref (watch.states[i]);
  g_propagate_error (error, watch.error);
  return FALSE;
}

const PlCliCommand pl_cli_watch_commands[] = {
  { NULL, "watch", "", "a line for each thing that changes: overlays, phones, calls",
    "Goes on until it is stopped (Ctrl-C) or the daemon ends. With --json an object on each line.", 0, NULL, run_watch },
  { NULL }
};
