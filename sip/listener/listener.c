/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "sip/listener/connection.h"
#include "sip/listener/edge.h"

#define ROOM "listener"
#define STATE_FILE_MAX 65536
#define STATE_GROUP "listen"
#define READS_PER_DISPATCH 64
#define REFUSED_LOG_INTERVAL (60 * PL_USEC_PER_SEC)

typedef struct {
  PlListener *listener;
  char *wanted;         /* as configured */
  char *text;           /* as bound */
  PlAddress address;
  int udp, tcp;
  GSource *udp_source, *tcp_source;
} Port;

/* A phone on UDP. */
typedef struct {
  PlListener *listener;
  Port *port;
  PlAddress remote;
} Phone;

struct PlListener {
  PlEnv *env;
  GMainContext *context;
  PlHub *hub;
  PlOwner *owner;
  uid_t uid;
  char *state_path;
  GArray *given;           /* int, bound sockets that no port has taken yet */
  GPtrArray *ports;        /* Port */
  GPtrArray *listening;    /* borrowed from ports, and NULL */
  guint connections;
  guint64 refused, refused_told;
  gint64 refused_logged;
};

/* --- who may --- */

static void
note_refused (PlListener *listener, const char *what)
{
  gint64 now = pl_env_now (listener->env);
  char count[24];

  listener->refused++;
  if (listener->refused_told && now - listener->refused_logged < REFUSED_LOG_INTERVAL)
    return;
  g_snprintf (count, sizeof count, "%" G_GUINT64_FORMAT, listener->refused - listener->refused_told);
  pl_notice (ROOM, "refused what does not come from a socket of your user", "what", what, "count", count, NULL);
  listener->refused_told = listener->refused;
  listener->refused_logged = now;
}

static gboolean
is_own (PlListener *listener, int protocol, const PlAddress *local, const PlAddress *remote)
{
  uid_t uid;

  return pl_owner_lookup (listener->owner, protocol, local, remote, &uid) && uid == listener->uid;
}

/* --- UDP phones --- */

static void
phone_out (gpointer user, const guint8 *data, gsize len)
{
  Phone *phone = user;
  g_autofree char *host = pl_address_dup_host (&phone->remote);
  PlEdgeOut out = { phone->port->text, "UDP", host, pl_address_port (&phone->remote) };
  g_autoptr (GBytes) message = pl_edge_out (data, len, &out);

  if (!message)
    return;
  /* The phone may be gone and its port be another user's by now. */
  if (!is_own (phone->listener, IPPROTO_UDP, &phone->port->address, &phone->remote))
    {
      pl_debug (ROOM, "no phone is at that address any more", NULL);
      return;
    }
  if (sendto (phone->port->udp, g_bytes_get_data (message, NULL), g_bytes_get_size (message), MSG_NOSIGNAL,
              (struct sockaddr *) &phone->remote.storage, phone->remote.len) < 0)
    pl_info (ROOM, "message to a phone failed", "reason", g_strerror (errno), NULL);
}

static const PlFlowHandlers phone_handlers = { phone_out, g_free };

static PlFlow *
open_phone (PlListener *listener, Port *port, const PlAddress *remote, const char *name)
{
  Phone *phone = g_new0 (Phone, 1);

  phone->listener = listener;
  phone->port = port;
  phone->remote = *remote;
  return pl_hub_open (listener->hub, PL_FLOW_UDP, name, &phone_handlers, phone);
}

static void
on_phone_datagram (Port *port, const PlAddress *remote, const guint8 *data, gsize len)
{
  PlListener *listener = port->listener;
  g_autofree char *text = NULL;
  g_autofree char *name = NULL;
  PlFlow *flow;

  if (!is_own (listener, IPPROTO_UDP, &port->address, remote))
    {
      note_refused (listener, "message");
      return;
    }
  if (pl_edge_kind (data, len) == PL_EDGE_NONE)
    return; /* keep-alives */
  text = pl_address_dup_text (remote);
  name = g_strconcat ("udp:", text, NULL);
  flow = pl_hub_find (listener->hub, name);
  if (!flow)
    flow = open_phone (listener, port, remote, name);
  pl_flow_in (flow, data, len);
}

static gboolean
on_udp (int fd, GIOCondition condition, gpointer data)
{
  static guint8 buffer[PL_EDGE_MESSAGE_MAX + 1]; /* one thread, not reentered */

  for (int i = 0; i < READS_PER_DISPATCH; i++)
    {
      PlAddress remote = { .len = sizeof remote.storage };
      ssize_t n = recvfrom (fd, buffer, sizeof buffer, 0, (struct sockaddr *) &remote.storage, &remote.len);

      if (n < 0)
        break;
      on_phone_datagram (data, &remote, buffer, n);
    }
  return G_SOURCE_CONTINUE;
}

/* --- TCP phones --- */

static void
on_connection_gone (gpointer user)
{
  ((PlListener *) user)->connections--;
}

static void
accept_connection (Port *port, int fd, const PlAddress *remote)
{
  PlListener *listener = port->listener;
  g_autofree char *text = pl_address_dup_text (remote);
  g_autofree char *name = g_strconcat ("tcp:", text, NULL);

  if (!is_own (listener, IPPROTO_TCP, &port->address, remote))
    {
      note_refused (listener, "connection");
      close (fd);
      return;
    }
  if (listener->connections >= PL_CONNECTIONS_MAX || pl_hub_find (listener->hub, name))
    {
      pl_notice (ROOM, "too many connections of phones", NULL);
      close (fd);
      return;
    }
  listener->connections++;
  pl_connection_open (&(PlConnectionOptions) { listener->context, listener->hub, fd, port->text, remote, name,
                                               on_connection_gone, listener });
}

static gboolean
on_tcp (int fd, GIOCondition condition, gpointer data)
{
  PlAddress remote = { .len = sizeof remote.storage };
  int connection = accept4 (fd, (struct sockaddr *) &remote.storage, &remote.len, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (connection >= 0)
    accept_connection (data, connection, &remote);
  return G_SOURCE_CONTINUE;
}

/* --- ports --- */

static void
port_close (Port *port)
{
  if (port->udp >= 0)
    close (port->udp);
  if (port->tcp >= 0)
    close (port->tcp);
  port->udp = port->tcp = -1;
}

static void
port_free (gpointer data)
{
  Port *port = data;

  if (port->udp_source)
    {
      g_source_destroy (port->udp_source);
      g_source_unref (port->udp_source);
    }
  if (port->tcp_source)
    {
      g_source_destroy (port->tcp_source);
      g_source_unref (port->tcp_source);
    }
  port_close (port);
  g_free (port->wanted);
  g_free (port->text);
  g_free (port);
}

static gboolean
is_bound_so (int fd, const PlAddress *address, int type)
{
  PlAddress own = { .len = sizeof own.storage };
  int own_type = 0;
  socklen_t len = sizeof own_type;

  g_autofree char *wanted = pl_address_dup_text (address);
  g_autofree char *text = NULL;

  if (getsockname (fd, (struct sockaddr *) &own.storage, &own.len) == 0)
    text = pl_address_dup_text (&own);
  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &own_type, &len) == 0 && own_type == type && g_strcmp0 (text, wanted) == 0;
}

/* One that is there already (socket activation); -1: none. */
static int
take_given (PlListener *listener, const PlAddress *address, int type)
{
  for (guint i = 0; i < listener->given->len; i++)
    {
      int fd = g_array_index (listener->given, int, i);

      if (!is_bound_so (fd, address, type))
        continue;
      g_array_remove_index_fast (listener->given, i);
      fcntl (fd, F_SETFD, FD_CLOEXEC);
      g_unix_set_fd_nonblocking (fd, TRUE, NULL);
      return fd;
    }
  return -1;
}

static gboolean
is_given (PlListener *listener, const PlAddress *address)
{
  for (guint i = 0; i < listener->given->len; i++)
    if (is_bound_so (g_array_index (listener->given, int, i), address, SOCK_DGRAM))
      return TRUE;
  return FALSE;
}

static void
close_given (PlListener *listener)
{
  for (guint i = 0; i < listener->given->len; i++)
    close (g_array_index (listener->given, int, i));
  if (listener->given->len > 0)
    pl_notice (ROOM, "sockets of the service manager are at no address of [sip] listen, closed", NULL);
  g_array_set_size (listener->given, 0);
}

/* No SO_REUSEADDR on UDP: with it another user could bind our port too. On TCP it only
 * forgives connections that linger. */
static int
open_socket (PlListener *listener, const PlAddress *address, int type)
{
  const int on = 1;
  int fd = take_given (listener, address, type);

  if (fd >= 0)
    return fd;
  fd = socket (address->storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0)
    return -1;
  if (address->storage.ss_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (type == SOCK_STREAM)
    setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (fd, (const struct sockaddr *) &address->storage, address->len) < 0
      || (type == SOCK_STREAM && listen (fd, 16) < 0))
    {
      int saved = errno;

      close (fd);
      errno = saved;
      return -1;
    }
  return fd;
}

static gboolean
port_bind (Port *port, guint16 number)
{
  socklen_t len = sizeof port->address.storage;

  pl_address_set_port (&port->address, number);
  port->udp = open_socket (port->listener, &port->address, SOCK_DGRAM);
  if (port->udp < 0)
    return FALSE;
  if (getsockname (port->udp, (struct sockaddr *) &port->address.storage, &len) == 0)
    port->tcp = open_socket (port->listener, &port->address, SOCK_STREAM);
  if (port->tcp >= 0)
    return TRUE;
  {
    int saved = errno;

    port_close (port);
    errno = saved;
  }
  return FALSE;
}

/* One that is there already, the port of last time, the configured one, then the next free ones. */
static gboolean
port_find (Port *port, guint16 kept)
{
  guint16 wanted = pl_address_port (&port->address);

  if (kept && !is_given (port->listener, &port->address) && port_bind (port, kept))
    return TRUE;
  for (guint i = 0; i < PL_LISTEN_TRIES; i++)
    {
      if (port_bind (port, wanted ? wanted + i : 0))
        return TRUE;
      if (errno != EADDRINUSE && errno != EACCES)
        return FALSE;
    }
  return FALSE;
}

static void
port_start (Port *port, GMainContext *context)
{
  port->text = pl_address_dup_text (&port->address);
  port->udp_source = g_unix_fd_source_new (port->udp, G_IO_IN);
  g_source_set_callback (port->udp_source, G_SOURCE_FUNC (on_udp), port, NULL);
  g_source_attach (port->udp_source, context);
  port->tcp_source = g_unix_fd_source_new (port->tcp, G_IO_IN);
  g_source_set_callback (port->tcp_source, G_SOURCE_FUNC (on_tcp), port, NULL);
  g_source_attach (port->tcp_source, context);
}

/* --- which port it was last time --- */

static guint16
load_kept (GKeyFile *file, const char *wanted)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, STATE_GROUP, NULL, NULL);

  for (char **key = keys; key && *key; key++)
    {
      g_autofree char *value = g_key_file_get_value (file, STATE_GROUP, *key, NULL);
      char *space = value ? strchr (value, ' ') : NULL;
      PlAddress address;

      if (!space)
        continue;
      *space = '\0';
      if (strcmp (value, wanted) == 0 && pl_address_parse (space + 1, &address))
        return pl_address_port (&address);
    }
  return 0;
}

static void
save_kept (PlListener *listener)
{
  g_autoptr (GString) text = g_string_new ("[" STATE_GROUP "]\n");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < listener->ports->len; i++)
    {
      Port *port = listener->ports->pdata[i];

      g_string_append_printf (text, "port%u=%s %s\n", i, port->wanted, port->text);
    }
  if (!pl_file_write (listener->state_path, text->str, text->len, 0600, &error))
    pl_warn (ROOM, "the SIP port in use cannot be saved", "reason", error->message, NULL);
}

/* An address this machine does not have (no IPv6) is left out. */
static gboolean
add_port (PlListener *listener, GKeyFile *kept, const char *wanted, GError **error)
{
  Port *port = g_new0 (Port, 1);

  port->listener = listener;
  port->wanted = g_strdup (wanted);
  port->udp = port->tcp = -1;
  if (!pl_address_parse (wanted, &port->address) || !pl_address_is_loopback (&port->address))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "SIP listen address %s: expected a loopback address such as 127.0.0.1:5080 or [::1]:5080", wanted);
      port_free (port);
      return FALSE;
    }
  if (!port_find (port, load_kept (kept, wanted)))
    {
      pl_notice (ROOM, "cannot listen for phones here", "address", wanted, "reason", g_strerror (errno), NULL);
      port_free (port);
      return TRUE;
    }
  port_start (port, listener->context);
  if (strcmp (port->text, wanted) != 0 && !g_str_has_suffix (wanted, ":0"))
    pl_notice (ROOM, "the SIP port is taken, phones use another", "wanted", wanted, "proxy", port->text, NULL);
  g_ptr_array_add (listener->ports, port);
  g_ptr_array_add (listener->listening, port->text);
  return TRUE;
}

/* Without the kernel's answers nothing would ever get through; better to say so at once. */
static gboolean
owner_works (PlListener *listener, GError **error)
{
  static const int protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
  const Port *port = listener->ports->pdata[0];
  PlAddress nobody = { .len = port->address.len };
  uid_t uid;

  nobody.storage.ss_family = port->address.storage.ss_family;
  for (guint i = 0; i < G_N_ELEMENTS (protocols); i++)
    if (!pl_owner_lookup (listener->owner, protocols[i], &nobody, &port->address, &uid))
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                     "the kernel does not tell who owns a socket: load the module %s, and allow AF_NETLINK",
                     protocols[i] == IPPROTO_UDP ? "udp_diag" : "tcp_diag");
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_owner_works (PlListener *listener, GError **error)
{
  if (owner_works (listener, NULL))
    return TRUE;
  pl_owner_use_proc (listener->owner);
  pl_notice (ROOM, "the kernel does not answer who owns a socket, its tables are read instead", NULL);
  return owner_works (listener, error);
}

PlListener *
pl_listener_new (PlEnv *env, GMainContext *context, PlHub *hub, const PlListenerOptions *options, GError **error)
{
  g_autoptr (PlListener) listener = g_new0 (PlListener, 1);
  g_autoptr (GBytes) state = pl_file_read (options->state_path, STATE_FILE_MAX, NULL);
  g_autoptr (GKeyFile) kept = g_key_file_new ();

  listener->env = env;
  listener->context = context;
  listener->hub = hub;
  listener->uid = options->uid;
  listener->state_path = g_strdup (options->state_path);
  listener->given = g_array_new (FALSE, FALSE, sizeof (int));
  if (options->n_given > 0)
    g_array_append_vals (listener->given, options->given, options->n_given);
  listener->ports = g_ptr_array_new_with_free_func (port_free);
  listener->listening = g_ptr_array_new ();
  listener->owner = pl_owner_new ();
  if (state)
    g_key_file_load_from_bytes (kept, state, G_KEY_FILE_NONE, NULL);
  for (guint i = 0; options->listen && options->listen[i] && i < PL_LISTEN_MAX; i++)
    if (!add_port (listener, kept, options->listen[i], error))
      return NULL;
  close_given (listener);
  if (listener->ports->len == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "no port for phones could be opened");
      return NULL;
    }
  if (!check_owner_works (listener, error))
    return NULL;
  g_ptr_array_add (listener->listening, NULL);
  save_kept (listener);
  return g_steal_pointer (&listener);
}

void
pl_listener_free (PlListener *listener)
{
  if (!listener)
    return;
  g_ptr_array_unref (listener->listening);
  g_ptr_array_unref (listener->ports);
  g_array_unref (listener->given);
  pl_owner_free (listener->owner);
  g_free (listener->state_path);
  g_free (listener);
}

const char *const *
pl_listener_listening (PlListener *listener)
{
  return (const char *const *) listener->listening->pdata;
}

/* The port of ours that a phone at `remote` talks to: there is one for each family. */
static Port *
port_for (PlListener *listener, const PlAddress *remote)
{
  for (guint i = 0; i < listener->ports->len; i++)
    {
      Port *port = listener->ports->pdata[i];

      if (port->address.storage.ss_family == remote->storage.ss_family)
        return port;
    }
  return NULL;
}

static Port *
port_of_flow (PlListener *listener, const char *flow, PlAddress *remote)
{
  if (strlen (flow) <= 4 || !pl_address_parse (flow + 4, remote)) /* "udp:", "tcp:" */
    return NULL;
  return port_for (listener, remote);
}

const char *
pl_listener_address_for (PlListener *listener, const char *flow)
{
  PlAddress remote;
  Port *port = port_of_flow (listener, flow, &remote);

  return port ? port->text : listener->listening->pdata[0];
}

PlFlow *
pl_listener_phone (PlListener *listener, const char *flow)
{
  PlAddress remote;
  Port *port;
  PlFlow *found = pl_hub_find (listener->hub, flow);

  if (g_str_has_prefix (flow, "tcp:"))
    return found;
  if (!g_str_has_prefix (flow, "udp:") || !(port = port_of_flow (listener, flow, &remote))
      || !is_own (listener, IPPROTO_UDP, &port->address, &remote))
    return NULL;
  return found ? found : open_phone (listener, port, &remote, flow);
}

guint64
pl_listener_refused (PlListener *listener)
{
  return listener->refused;
}
