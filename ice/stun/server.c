/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/stun/server.h"

#include "base/log.h"

#include <string.h>
#include <stun/stunagent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define DATAGRAM_MAX 1500

struct PlStunServer {
  PlEnv *env;
  GSocket *socket;
  GSource *source;
  gint64 second;  /* of the count */
  guint answered;
};

static gboolean
is_binding_request (StunAgent *agent, StunMessage *request, const guint8 *data, gsize len)
{
  if (stun_agent_validate (agent, request, data, len, NULL, NULL) != STUN_VALIDATION_SUCCESS)
    return FALSE;
  return stun_message_get_class (request) == STUN_REQUEST && stun_message_get_method (request) == STUN_BINDING;
}

/* RFC 3489 clients, libnice among them when it gathers, send no magic cookie and want the plain
 * MAPPED-ADDRESS. */
static gboolean
has_cookie (const guint8 *data, gsize len)
{
  static const guint8 cookie[] = { 0x21, 0x12, 0xa4, 0x42 };

  return len >= 8 && memcmp (data + 4, cookie, sizeof cookie) == 0;
}

static gboolean
append_address (StunMessage *response, gboolean cookie, const struct sockaddr_storage *address, gsize len)
{
  StunMessageReturn done = cookie ? stun_message_append_xor_addr (response, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, address, len)
                                  : stun_message_append_addr (response, STUN_ATTRIBUTE_MAPPED_ADDRESS, (const struct sockaddr *) address, len);

  return done == STUN_MESSAGE_RETURN_SUCCESS;
}

gsize
pl_stun_answer (const guint8 *data, gsize len, GSocketAddress *from, guint8 *reply)
{
  static const guint16 known[] = { STUN_ATTRIBUTE_SOFTWARE, STUN_ATTRIBUTE_FINGERPRINT, 0 };
  gboolean cookie = has_cookie (data, len);
  struct sockaddr_storage address;
  StunMessage request, response;
  StunAgent agent;

  if (!g_socket_address_to_native (from, &address, sizeof address, NULL))
    return 0;
  stun_agent_init (&agent, known, cookie ? STUN_COMPATIBILITY_RFC5389 : STUN_COMPATIBILITY_RFC3489, STUN_AGENT_USAGE_IGNORE_CREDENTIALS);
  if (!is_binding_request (&agent, &request, data, len)
      || !stun_agent_init_response (&agent, &response, reply, PL_STUN_REPLY_MAX, &request)
      || !append_address (&response, cookie, &address, g_socket_address_get_native_size (from)))
    return 0;
  return stun_agent_finish_message (&agent, &response, NULL, 0);
}

static gboolean
within_rate (PlStunServer *server)
{
  gint64 second = pl_env_now (server->env) / PL_USEC_PER_SEC;

  if (second != server->second)
    {
      server->second = second;
      server->answered = 0;
    }
  return server->answered++ < PL_STUN_RATE;
}

/* An IPv4 sender on a dual-stack socket is told its IPv4 address. */
static GSocketAddress *
unmap (GSocketAddress *from)
{
  GInetAddress *inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (from));
  const guint8 *bytes = g_inet_address_to_bytes (inet);
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  g_autoptr (GInetAddress) ipv4 = NULL;

  if (g_inet_address_get_family (inet) != G_SOCKET_FAMILY_IPV6 || memcmp (bytes, mapped, sizeof mapped) != 0)
    return g_object_ref (from);
  ipv4 = g_inet_address_new_from_bytes (bytes + sizeof mapped, G_SOCKET_FAMILY_IPV4);
  return g_inet_socket_address_new (ipv4, g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (from)));
}

/* The answer leaves from the address the request came to, whatever the routing table prefers: a
 * NAT on the way lets nothing else in. The kernel's note about the one is fed back as the other. */
static void
answer_one (PlStunServer *server, struct msghdr *message, const guint8 *data, gsize len)
{
  guint8 reply[PL_STUN_REPLY_MAX];
  g_autoptr (GSocketAddress) from = g_socket_address_new_from_native (message->msg_name, message->msg_namelen), seen = NULL;
  struct iovec out = { reply, 0 };

  if (!G_IS_INET_SOCKET_ADDRESS (from) || !within_rate (server))
    return;
  seen = unmap (from);
  out.iov_len = pl_stun_answer (data, len, seen, reply);
  message->msg_iov = &out;
  if (out.iov_len > 0 && sendmsg (g_socket_get_fd (server->socket), message, MSG_NOSIGNAL) < 0)
    pl_debug ("stun", "answer not sent", NULL);
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  struct sockaddr_storage name;
  guint8 buf[DATAGRAM_MAX];
  union { struct cmsghdr align; guint8 bytes[256]; } control;
  struct iovec in = { buf, sizeof buf };
  struct msghdr message = { .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &in, .msg_iovlen = 1,
                            .msg_control = &control, .msg_controllen = sizeof control };
  gssize n = recvmsg (g_socket_get_fd (socket), &message, 0);

  if (n > 0)
    answer_one (data, &message, buf, n);
  return G_SOURCE_CONTINUE;
}

static void
ask_for_destination (GSocket *socket)
{
  gboolean ipv6 = g_socket_get_family (socket) == G_SOCKET_FAMILY_IPV6;

  g_socket_set_option (socket, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1, NULL);
}

static GSocket *
bind_socket (const char *text, guint16 port, GError **error)
{
  g_autoptr (GInetAddress) inet = text ? g_inet_address_new_from_string (text) : g_inet_address_new_any (G_SOCKET_FAMILY_IPV6);
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GSocket) socket = NULL;

  if (!inet)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "\"%s\" is not an IP address", text);
      return NULL;
    }
  socket = g_socket_new (g_inet_address_get_family (inet), G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
  if (!socket && !text) /* no IPv6 here at all */
    {
      g_clear_error (error);
      return bind_socket ("0.0.0.0", port, error);
    }
  address = g_inet_socket_address_new (inet, port);
  /* No address reuse: another user must not be able to share the port. */
  if (!socket || !g_socket_bind (socket, address, FALSE, error))
    return NULL;
  g_socket_set_blocking (socket, FALSE);
  ask_for_destination (socket);
  return g_steal_pointer (&socket);
}

PlStunServer *
pl_stun_server_new (PlEnv *env, GMainContext *context, const char *address, guint16 port, GError **error)
{
  g_autoptr (GSocket) socket = bind_socket (address, port, error);
  PlStunServer *server;

  if (!socket)
    {
      g_prefix_error (error, "cannot answer STUN on UDP port %u: ", port);
      return NULL;
    }
  server = g_new0 (PlStunServer, 1);
  server->env = env;
  server->socket = g_steal_pointer (&socket);
  server->source = g_socket_create_source (server->socket, G_IO_IN, NULL);
  g_source_set_callback (server->source, G_SOURCE_FUNC (on_readable), server, NULL);
  g_source_attach (server->source, context);
  return server;
}

void
pl_stun_server_free (PlStunServer *server)
{
  if (!server)
    return;
  g_source_destroy (server->source);
  g_source_unref (server->source);
  g_object_unref (server->socket);
  g_free (server);
}

guint16
pl_stun_server_port (PlStunServer *server)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (server->socket, NULL);

  return address ? g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)) : 0;
}

void
pl_stun_server_share (PlStunServer *server, gboolean share)
{
  g_socket_set_option (server->socket, SOL_SOCKET, SO_REUSEADDR, share ? 1 : 0, NULL);
}

/* Linux takes IPv4 addresses on a dual-stack socket as they are. */
void
pl_stun_server_send (PlStunServer *server, GSocketAddress *to, const guint8 *data, gsize len)
{
  g_autoptr (GError) error = NULL;

  if (g_socket_send_to (server->socket, to, (const char *) data, len, NULL, &error) < 0)
    pl_debug ("stun", "datagram not sent", "reason", error->message, NULL);
}
