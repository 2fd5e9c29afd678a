/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/control.h"

#include "base/log.h"
#include "proxy/control-xml.h"

#include <glib/gstdio.h>
#include <string.h>

#define OBJECT_PATH "/org/peerline/Control1"
#define INTERFACE "org.peerline.Control1"
#define BUS_NAME "org.peerline.Control1"
#define MAX_CONNECTIONS 16

struct PlControl {
  PlControlFuncs funcs;
  gpointer user;
  GDBusNodeInfo *info;
  GDBusServer *server;
  GPtrArray *connections; /* GDBusConnection, private ones */
  GDBusConnection *bus;
  guint bus_name;
  char *socket_path;
};

static void
return_variant (GDBusMethodInvocation *invocation, GVariant *value, GError *error)
{
  if (value)
    g_dbus_method_invocation_return_value (invocation, g_variant_new_tuple (&value, 1));
  else
    g_dbus_method_invocation_take_error (invocation, error);
}

static void
call_unlock (PlControl *control, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  const char *aor, *passphrase;
  GError *error = NULL;

  g_variant_get (parameters, "(&s&s)", &aor, &passphrase);
  if (control->funcs.unlock (control->user, aor, passphrase, &error))
    g_dbus_method_invocation_return_value (invocation, NULL);
  else
    g_dbus_method_invocation_take_error (invocation, error);
}

static void
call_reload (PlControl *control, GDBusMethodInvocation *invocation)
{
  GError *error = NULL;

  if (control->funcs.reload (control->user, &error))
    g_dbus_method_invocation_return_value (invocation, NULL);
  else
    g_dbus_method_invocation_take_error (invocation, error);
}

static void
on_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *method,
         GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  PlControl *control = user_data;
  const struct { const char *name; GVariant *(*func) (gpointer user, GError **error); } queries[] = {
    { "Status", control->funcs.status },
    { "Peers", control->funcs.peers },
    { "Registrations", control->funcs.registrations },
    { "Calls", control->funcs.calls },
    { "Turn", control->funcs.turn },
  };
  const struct { const char *name; void (*func) (gpointer user, const char *text, GDBusMethodInvocation *invocation); } questions[] = {
    { "Lookup", control->funcs.lookup },
    { "Ping", control->funcs.ping },
    { "Trace", control->funcs.trace },
  };
  const char *text;

  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    if (g_str_equal (method, queries[i].name))
      {
        GError *error = NULL;
        GVariant *value = queries[i].func (control->user, &error);

        return_variant (invocation, value, error);
        return;
      }
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    if (g_str_equal (method, questions[i].name))
      {
        g_variant_get (parameters, "(&s)", &text);
        questions[i].func (control->user, text, invocation);
        return;
      }
  if (g_str_equal (method, "Unlock"))
    call_unlock (control, parameters, invocation);
  else
    call_reload (control, invocation);
}

static const GDBusInterfaceVTable vtable = { .method_call = on_call };

static gboolean
export_on (PlControl *control, GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  if (g_dbus_connection_register_object (connection, OBJECT_PATH, control->info->interfaces[0], &vtable, control, NULL, &error))
    return TRUE;
  pl_warn ("control", "interface not exported", "reason", error->message, NULL);
  return FALSE;
}

/* The connection itself is the argument: it must not be freed inside its own signal. */
static void
on_connection_closed (GDBusConnection *connection, gboolean remote, GError *error, gpointer user_data)
{
  PlControl *control = user_data;

  g_ptr_array_remove (control->connections, connection);
}

static gboolean
on_new_connection (GDBusServer *server, GDBusConnection *connection, gpointer user_data)
{
  PlControl *control = user_data;

  if (control->connections->len >= MAX_CONNECTIONS || !export_on (control, connection))
    return FALSE;
  g_ptr_array_add (control->connections, g_object_ref (connection));
  g_signal_connect (connection, "closed", G_CALLBACK (on_connection_closed), control);
  return TRUE;
}

static void
on_bus_acquired (GDBusConnection *connection, const char *name, gpointer user_data)
{
  PlControl *control = user_data;

  g_set_object (&control->bus, connection);
  export_on (control, connection);
}

static GDBusServer *
listen_private (const char *path, GError **error)
{
  g_autofree char *escaped = g_dbus_address_escape_value (path);
  g_autofree char *address = g_strconcat ("unix:path=", escaped, NULL);
  g_autofree char *guid = g_dbus_generate_guid ();
  /* REQUIRE_SAME_USER: the kernel says who is there (SO_PEERCRED). */
  GDBusServerFlags flags = G_DBUS_SERVER_FLAGS_AUTHENTICATION_REQUIRE_SAME_USER;

  g_unlink (path); /* ours alone: the caller holds the lock of this folder */
  return g_dbus_server_new_sync (address, flags, guid, NULL, NULL, error);
}

PlControl *
pl_control_new (const char *socket_path, const PlControlFuncs *funcs, gpointer user, GError **error)
{
  g_autoptr (PlControl) control = g_new0 (PlControl, 1);

  control->funcs = *funcs;
  control->user = user;
  control->socket_path = g_strdup (socket_path);
  control->connections = g_ptr_array_new_with_free_func (g_object_unref);
  control->info = g_dbus_node_info_new_for_xml (pl_control_xml, error);
  if (!control->info)
    return NULL;
  control->server = listen_private (socket_path, error);
  if (!control->server)
    {
      g_prefix_error (error, "cannot open the control socket %s: ", socket_path);
      return NULL;
    }
  g_chmod (socket_path, 0600);
  g_signal_connect (control->server, "new-connection", G_CALLBACK (on_new_connection), control);
  g_dbus_server_start (control->server);
  if (g_getenv ("DBUS_SESSION_BUS_ADDRESS") && !g_getenv ("PEERLINE_HOME"))
    control->bus_name = g_bus_own_name (G_BUS_TYPE_SESSION, BUS_NAME, G_BUS_NAME_OWNER_FLAGS_NONE, on_bus_acquired, NULL, NULL, control, NULL);
  return g_steal_pointer (&control);
}

void
pl_control_free (PlControl *control)
{
  if (!control)
    return;
  if (control->bus_name)
    g_bus_unown_name (control->bus_name);
  g_clear_object (&control->bus);
  if (control->server)
    {
      g_signal_handlers_disconnect_by_data (control->server, control);
      g_dbus_server_stop (control->server);
      g_object_unref (control->server);
      g_unlink (control->socket_path);
    }
  for (guint i = 0; i < control->connections->len; i++)
    {
      GDBusConnection *connection = g_ptr_array_index (control->connections, i);

      g_signal_handlers_disconnect_by_data (connection, control);
      g_dbus_connection_close_sync (connection, NULL, NULL);
    }
  g_ptr_array_unref (control->connections);
  g_clear_pointer (&control->info, g_dbus_node_info_unref);
  g_free (control->socket_path);
  g_free (control);
}

void
pl_control_changed (PlControl *control, const char *what)
{
  for (guint i = 0; i < control->connections->len; i++)
    g_dbus_connection_emit_signal (g_ptr_array_index (control->connections, i), NULL, OBJECT_PATH, INTERFACE, "Changed",
                                   g_variant_new ("(s)", what), NULL);
  if (control->bus)
    g_dbus_connection_emit_signal (control->bus, NULL, OBJECT_PATH, INTERFACE, "Changed", g_variant_new ("(s)", what), NULL);
}
