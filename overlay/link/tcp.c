/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/log.h"
#include "base/rate.h"

#define BACKLOG 64
#define READ_SIZE 16384
#define ACCEPTS_A_TURN 8
/* The kernel notices what died while nobody spoke; 6.6.5 keeps a silent link for 30 s. */
#define KEEPALIVE_IDLE 25        /* s, for NAT bindings too */
#define KEEPALIVE_INTERVAL 10
#define KEEPALIVE_COUNT 3
#define USER_TIMEOUT 30000       /* ms */
#define ACCEPT_PAUSE PL_USEC_PER_SEC /* when the system has no descriptor for another connection */

/* One stream below a PlSecure. */
typedef struct {
  PlEnv *env;
  GMainContext *context;
  GSocket *socket;
  GObject *connection;     /* a dialled socket's owner, else NULL */
  GSource *in, *out;
  GByteArray *waiting;
  PlSecure *secure;
  PlTimer *lost_timer;
  GError *error;
} Stream;

/* A handshake under way, dialled or accepted. */
struct PlTcpDial {
  PlTcp *tcp;
  PlTcpDialHandlers handlers;
  gpointer user;
  GCancellable *cancellable;
  PlSecure *secure;
  char *peer;              /* accepted: the far address */
  gboolean accepted;
  gint64 began;
  GError *error;
  PlTimer *fail_timer;
};

struct PlTcp {
  GMainContext *context;
  PlSecureContext secure;
  GPtrArray *listeners;    /* GSocket */
  GPtrArray *sources;      /* GSource */
  GPtrArray *pending;      /* PlTcpDial */
  PlRates *rates;          /* by host */
  PlTimer *pause;
  guint n_dials, n_accepted;
  void (*accept) (gpointer user, PlCarrier *carrier);
  gpointer accept_user;
};

/* --- a stream --- */

static void
source_clear (GSource **source)
{
  if (!*source)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
on_stream_lost (gpointer data)
{
  Stream *stream = data;
  g_autoptr (GError) error = g_steal_pointer (&stream->error);

  pl_secure_lost (stream->secure, error);
}

/* From the loop, because a sender is on the stack. */
static void
stream_fail (Stream *stream, GError *error)
{
  source_clear (&stream->in);
  source_clear (&stream->out);
  if (stream->error)
    {
      g_error_free (error);
      return;
    }
  stream->error = error;
  pl_env_arm (stream->env, &stream->lost_timer, 0, on_stream_lost, stream);
}

static gboolean on_writable (GSocket *socket, GIOCondition condition, gpointer data);

static void
stream_flush (Stream *stream)
{
  while (stream->waiting->len > 0 && !stream->error)
    {
      GError *error = NULL;
      gssize n = g_socket_send (stream->socket, (const char *) stream->waiting->data, stream->waiting->len, NULL, &error);

      if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          g_error_free (error);
          if (!stream->out)
            {
              stream->out = g_socket_create_source (stream->socket, G_IO_OUT, NULL);
              g_source_set_callback (stream->out, G_SOURCE_FUNC (on_writable), stream, NULL);
              g_source_attach (stream->out, stream->context);
            }
          return;
        }
      if (n < 0)
        {
          stream_fail (stream, error);
          return;
        }
      g_byte_array_remove_range (stream->waiting, 0, n);
    }
  source_clear (&stream->out);
}

static gboolean
on_writable (GSocket *socket, GIOCondition condition, gpointer data)
{
  stream_flush (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  Stream *stream = data;
  char buffer[READ_SIZE];
  GError *error = NULL;
  gssize n = g_socket_receive (socket, buffer, sizeof buffer, NULL, &error);

  if (n > 0)
    {
      pl_secure_feed (stream->secure, (const guint8 *) buffer, n); /* nothing is touched after it */
    }
  else if (n == 0)
    {
      source_clear (&stream->in);
      pl_secure_end (stream->secure);
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_error_free (error);
    }
  else
    {
      stream_fail (stream, error);
    }
  return G_SOURCE_CONTINUE;
}

static void
stream_send (gpointer path, const guint8 *data, gsize len)
{
  Stream *stream = path;

  if (stream->error || stream->waiting->len > PL_TCP_OUT_MAX)
    return;
  g_byte_array_append (stream->waiting, data, len);
  if (!stream->out)
    stream_flush (stream);
}

static gboolean
stream_full (gpointer path)
{
  return ((Stream *) path)->waiting->len > PL_TCP_OUT_MAX / 2;
}

static char *
dup_address (GSocketAddress *address)
{
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (address);
  g_autofree char *text = g_inet_address_to_string (g_inet_socket_address_get_address (inet));
  const char *bare = g_str_has_prefix (text, "::ffff:") ? text + 7 : text; /* a dual-stack socket */

  return g_strdup_printf (strchr (bare, ':') ? "[%s]:%u" : "%s:%u", bare, g_inet_socket_address_get_port (inet));
}

static char *
stream_describe (gpointer path)
{
  Stream *stream = path;
  g_autoptr (GSocketAddress) local = g_socket_get_local_address (stream->socket, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_get_remote_address (stream->socket, NULL);
  g_autofree char *from = local ? dup_address (local) : g_strdup ("-");
  g_autofree char *to = remote ? dup_address (remote) : g_strdup ("-");

  return g_strdup_printf ("tcp %s %s", from, to);
}

static void
stream_free (gpointer path)
{
  Stream *stream = path;

  pl_timer_clear (&stream->lost_timer);
  source_clear (&stream->in);
  source_clear (&stream->out);
  g_socket_close (stream->socket, NULL);
  g_clear_object (&stream->connection);
  g_object_unref (stream->socket);
  g_byte_array_unref (stream->waiting);
  g_clear_error (&stream->error);
  g_free (stream);
}

static void
set_socket_options (GSocket *socket)
{
  g_socket_set_blocking (socket, FALSE);
  g_socket_set_timeout (socket, 0);
  g_socket_set_keepalive (socket, TRUE);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT, NULL);
}

/* --- handshakes --- */

static void
pending_free (gpointer data)
{
  PlTcpDial *dial = data;

  if (dial->accepted)
    dial->tcp->n_accepted--;
  else
    dial->tcp->n_dials--;
  pl_timer_clear (&dial->fail_timer);
  if (dial->cancellable)
    g_cancellable_cancel (dial->cancellable);
  g_clear_object (&dial->cancellable);
  g_clear_pointer (&dial->secure, pl_secure_free);
  g_clear_error (&dial->error);
  g_free (dial->peer);
  g_free (dial);
}

/* Takes it out of the list, then tells. */
static void
pending_fail (PlTcpDial *dial, const GError *error)
{
  PlTcpDialHandlers handlers = dial->handlers;
  g_autoptr (GError) copy = g_error_copy (error);
  gpointer user = dial->user;

  pl_info ("tcp", dial->accepted ? "inbound handshake failed" : "dialling failed", "reason", copy->message, "peer",
           dial->peer, NULL);
  g_ptr_array_remove_fast (dial->tcp->pending, dial);
  if (handlers.failed)
    handlers.failed (user, copy);
}

static void
on_secure_ready (gpointer user, PlSecure *secure, PlCarrier *carrier)
{
  PlTcpDial *dial = user;
  PlTcp *tcp = dial->tcp;
  PlTcpDialHandlers handlers = dial->handlers;
  gpointer dial_user = dial->user;
  gboolean accepted = dial->accepted;

  dial->secure = NULL; /* the carrier's */
  g_ptr_array_remove_fast (tcp->pending, dial);
  if (accepted)
    tcp->accept (tcp->accept_user, carrier);
  else
    handlers.connected (dial_user, carrier);
}

static void
on_secure_failed (gpointer user, PlSecure *secure, const GError *error)
{
  pending_fail (user, error);
}

static void
begin_handshake (PlTcpDial *dial, GSocket *socket, GObject *connection)
{
  static const PlSecurePath funcs = { stream_send, stream_full, stream_describe, stream_free };
  static const PlSecureHandlers handlers = { on_secure_ready, on_secure_failed };
  PlSecureOptions options = { .server = dial->accepted };
  Stream *stream = g_new0 (Stream, 1);

  set_socket_options (socket);
  stream->env = dial->tcp->secure.env;
  stream->context = dial->tcp->context;
  stream->socket = g_object_ref (socket);
  stream->connection = connection;
  stream->waiting = g_byte_array_new ();
  stream->secure = dial->secure = pl_secure_new (&dial->tcp->secure, &options, &funcs, stream, &handlers, dial);
  stream->in = g_socket_create_source (socket, G_IO_IN, NULL);
  g_source_set_callback (stream->in, G_SOURCE_FUNC (on_readable), stream, NULL);
  g_source_attach (stream->in, stream->context);
}

static PlTcpDial *
pending_new (PlTcp *tcp, gboolean accepted)
{
  PlTcpDial *dial = g_new0 (PlTcpDial, 1);

  dial->tcp = tcp;
  dial->accepted = accepted;
  dial->began = pl_env_now (tcp->secure.env);
  if (accepted)
    tcp->n_accepted++;
  else
    tcp->n_dials++;
  g_ptr_array_add (tcp->pending, dial);
  return dial;
}

/* --- dialling --- */

static void
on_dial_failed (gpointer data)
{
  PlTcpDial *dial = data;

  pending_fail (dial, dial->error);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  PlTcpDial *dial = data;
  g_autoptr (GError) error = NULL;
  GSocketConnection *connection = g_socket_client_connect_to_host_finish (G_SOCKET_CLIENT (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) /* `dial` is gone */
    return;
  if (!connection)
    {
      pending_fail (dial, error);
      return;
    }
  begin_handshake (dial, g_socket_connection_get_socket (connection), G_OBJECT (connection));
}

void
pl_tcp_dial (PlTcp *tcp, const char *host, guint16 port, const PlTcpDialHandlers *handlers, gpointer user)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  PlTcpDial *dial = pending_new (tcp, FALSE);

  dial->handlers = *handlers;
  dial->user = user;
  dial->peer = g_strdup_printf ("%s:%u", host, port);
  if (tcp->n_dials > PL_TCP_DIALS_MAX || port == 0)
    {
      dial->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, port ? "too many dials at once" : "no port");
      pl_env_arm (tcp->secure.env, &dial->fail_timer, 0, on_dial_failed, dial);
      return;
    }
  dial->cancellable = g_cancellable_new ();
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_set_timeout (client, PL_TCP_DIAL_MAX / PL_USEC_PER_SEC);
  g_main_context_push_thread_default (tcp->context);
  g_socket_client_connect_to_host_async (client, host, port, dial->cancellable, on_connected, dial);
  g_main_context_pop_thread_default (tcp->context);
}

void
pl_tcp_fail_dials (PlTcp *tcp, const char *why)
{
  for (guint i = 0; i < tcp->pending->len; i++)
    {
      PlTcpDial *dial = g_ptr_array_index (tcp->pending, i);

      if (dial->accepted || dial->error)
        continue;
      dial->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NETWORK_UNREACHABLE, why);
      pl_env_arm (tcp->secure.env, &dial->fail_timer, 0, on_dial_failed, dial);
    }
}

/* --- listening --- */

/* Room for one more of `peer`. Those who hold places without going on lose the oldest of them,
 * once it had time enough: silent connections must not keep a node from its bootstrap peer. */
static gboolean
make_room (PlTcp *tcp, const char *peer)
{
  gint64 young = pl_env_now (tcp->secure.env) - PL_TCP_HANDSHAKE_FAIR;
  PlTcpDial *oldest = NULL, *oldest_of_peer = NULL, *victim;
  guint of_peer = 0;

  for (guint i = 0; i < tcp->pending->len; i++)
    {
      PlTcpDial *dial = g_ptr_array_index (tcp->pending, i);

      if (!dial->accepted)
        continue;
      if (!oldest || dial->began < oldest->began)
        oldest = dial;
      if (g_strcmp0 (dial->peer, peer) != 0)
        continue;
      of_peer++;
      if (!oldest_of_peer || dial->began < oldest_of_peer->began)
        oldest_of_peer = dial;
    }
  if (of_peer < PL_TCP_HANDSHAKES_PER_HOST && tcp->n_accepted < PL_TCP_HANDSHAKES_MAX)
    return TRUE;
  victim = of_peer >= PL_TCP_HANDSHAKES_PER_HOST ? oldest_of_peer : oldest;
  if (!victim || victim->began > young)
    return FALSE;
  pl_info ("tcp", "inbound handshake gives way to a new one", "peer", victim->peer, NULL);
  g_ptr_array_remove_fast (tcp->pending, victim);
  return TRUE;
}

/* Whoever has an IPv6 address has 2^64 of them. A dual-stack listener sees IPv4 in IPv6. */
static gboolean
comes_too_often (PlTcp *tcp, GInetAddress *inet)
{
  const guint8 *bytes = g_inet_address_to_bytes (inet);
  gsize len = g_inet_address_get_native_size (inet);
  gboolean mapped = len == 16 && memcmp (bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;

  return tcp->rates && !pl_rates_take (tcp->rates, mapped ? bytes + 12 : bytes, mapped || len == 4 ? 4 : 8);
}

static void
take_in (PlTcp *tcp, GSocket *socket)
{
  g_autoptr (GSocketAddress) remote = g_socket_get_remote_address (socket, NULL);
  g_autofree char *peer = NULL;
  PlTcpDial *dial;

  if (!remote)
    return;
  peer = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote)));
  if (comes_too_often (tcp, g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote))) || !make_room (tcp, peer))
    return;
  dial = pending_new (tcp, TRUE);
  dial->peer = g_steal_pointer (&peer);
  begin_handshake (dial, socket, NULL);
}

static void accept_all (gpointer data);

static gboolean
on_incoming (GSocket *listener, GIOCondition condition, gpointer data)
{
  PlTcp *tcp = data;

  for (guint i = 0; i < ACCEPTS_A_TURN; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocket) socket = g_socket_accept (listener, NULL, &error);

      if (socket)
        {
          take_in (tcp, socket);
          continue;
        }
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)
          || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
        break;
      /* The connection stays in the kernel's queue and would wake us without end. */
      pl_warn ("tcp", "no connection can be taken now", "reason", error->message, NULL);
      g_ptr_array_set_size (tcp->sources, 0);
      pl_env_arm (tcp->secure.env, &tcp->pause, ACCEPT_PAUSE, accept_all, tcp);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static void
accept_on (PlTcp *tcp, GSocket *listener)
{
  GSource *source = g_socket_create_source (listener, G_IO_IN, NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (on_incoming), tcp, NULL);
  g_source_attach (source, tcp->context);
  g_ptr_array_add (tcp->sources, source);
}

static void
accept_all (gpointer data)
{
  PlTcp *tcp = data;

  for (guint i = 0; i < tcp->listeners->len; i++)
    accept_on (tcp, g_ptr_array_index (tcp->listeners, i));
}

static GSocket *
listen_on (GInetAddress *inet, guint16 port, GError **error)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (inet, port);
  g_autoptr (GSocket) socket = g_socket_new (g_inet_address_get_family (inet), G_SOCKET_TYPE_STREAM,
                                             G_SOCKET_PROTOCOL_TCP, error);

  if (!socket)
    return NULL;
  g_socket_set_blocking (socket, FALSE);
  g_socket_set_listen_backlog (socket, BACKLOG);
  /* For TCP the address is reused only after its last connection is gone. */
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;
  return g_steal_pointer (&socket);
}

static GSocket *
listen_at (const char *address, guint16 port, GError **error)
{
  g_autoptr (GInetAddress) inet = address ? g_inet_address_new_from_string (address)
                                          : g_inet_address_new_any (G_SOCKET_FAMILY_IPV6);
  g_autoptr (GSocket) socket = NULL;

  if (!inet)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "overlay listen address %s is no address", address);
      return NULL;
    }
  socket = listen_on (inet, port, address ? error : NULL);
  if (!socket && !address) /* a machine without IPv6 */
    {
      g_autoptr (GInetAddress) four = g_inet_address_new_any (G_SOCKET_FAMILY_IPV4);

      socket = listen_on (four, port, error);
    }
  if (!socket)
    g_prefix_error (error, "overlay port %u (TCP): ", port);
  return g_steal_pointer (&socket);
}

gboolean
pl_tcp_listen (PlTcp *tcp, const char *address, guint16 port, void (*accept) (gpointer user, PlCarrier *carrier),
               gpointer user, GError **error)
{
  g_autoptr (GSocket) socket = listen_at (address, port, error);

  if (!socket)
    return FALSE;
  tcp->accept = accept;
  tcp->accept_user = user;
  if (!tcp->pause)
    accept_on (tcp, socket);
  g_ptr_array_add (tcp->listeners, g_steal_pointer (&socket));
  return TRUE;
}

guint16
pl_tcp_bind (PlTcp *tcp, const char *address, void (*accept) (gpointer user, PlCarrier *carrier), gpointer user, GError **error)
{
  g_autoptr (GSocket) socket = listen_at (address, 0, error);
  g_autoptr (GSocketAddress) bound = socket ? g_socket_get_local_address (socket, error) : NULL;

  if (!bound)
    return 0;
  tcp->accept = accept;
  tcp->accept_user = user;
  g_ptr_array_add (tcp->listeners, g_steal_pointer (&socket));
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
}

void
pl_tcp_accept (PlTcp *tcp)
{
  accept_all (tcp);
}

/* --- life --- */

static void
destroy_source (gpointer data)
{
  g_source_destroy (data);
  g_source_unref (data);
}

PlTcp *
pl_tcp_new (GMainContext *context, const PlSecureContext *secure)
{
  PlTcp *tcp = g_new0 (PlTcp, 1);

  tcp->context = g_main_context_ref (context ? context : g_main_context_default ());
  tcp->secure = *secure;
  tcp->listeners = g_ptr_array_new_with_free_func (g_object_unref);
  tcp->sources = g_ptr_array_new_with_free_func (destroy_source);
  tcp->pending = g_ptr_array_new_with_free_func (pending_free);
  return tcp;
}

void
pl_tcp_set_rate (PlTcp *tcp, guint connections)
{
  PlRate rate = { connections, 60 * PL_USEC_PER_SEC };

  g_clear_pointer (&tcp->rates, pl_rates_free);
  if (connections > 0)
    tcp->rates = pl_rates_new (tcp->secure.env, &rate);
}

void
pl_tcp_set_credentials (PlTcp *tcp, PlTlsCredentials *credentials)
{
  tcp->secure.credentials = credentials;
}

void
pl_tcp_free (PlTcp *tcp)
{
  if (!tcp)
    return;
  pl_timer_clear (&tcp->pause);
  g_clear_pointer (&tcp->rates, pl_rates_free);
  g_ptr_array_unref (tcp->sources);
  g_ptr_array_unref (tcp->listeners);
  g_ptr_array_unref (tcp->pending);
  g_main_context_unref (tcp->context);
  g_free (tcp);
}
