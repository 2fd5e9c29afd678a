/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_MAX 4096

struct PlOwner {
  int fd;
  guint32 sequence;
};

PlOwner *
pl_owner_new (GError **error)
{
  PlOwner *owner;
  struct timeval patience = { .tv_sec = 1 };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "asking the kernel for socket owners: %s",
                   g_strerror (errno));
      return NULL;
    }
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  owner = g_new0 (PlOwner, 1);
  owner->fd = fd;
  return owner;
}

void
pl_owner_free (PlOwner *owner)
{
  if (!owner)
    return;
  close (owner->fd);
  g_free (owner);
}

static void
put_address (const PlAddress *address, __be32 out[4], __be16 *port)
{
  if (address->storage.ss_family == AF_INET6)
    {
      const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &address->storage;

      memcpy (out, &in6->sin6_addr, sizeof in6->sin6_addr);
      *port = in6->sin6_port;
    }
  else
    {
      const struct sockaddr_in *in = (const struct sockaddr_in *) &address->storage;

      out[0] = in->sin_addr.s_addr;
      *port = in->sin_port;
    }
}

typedef struct {
  struct nlmsghdr header;
  struct inet_diag_req_v2 body;
} Request;

static void
request_fill (Request *request, int protocol, const PlAddress *local, const PlAddress *remote)
{
  struct inet_diag_sockid *id = &request->body.id;

  request->header.nlmsg_len = sizeof *request;
  request->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request->header.nlmsg_flags = NLM_F_REQUEST;
  request->body.sdiag_family = remote->storage.ss_family;
  request->body.sdiag_protocol = protocol;
  request->body.idiag_states = ~0u;
  id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  /* A TCP socket is found by its own address as source. For UDP the kernel looks up who would
   * receive a packet from source to destination, so the sender is the destination there. */
  put_address (protocol == IPPROTO_TCP ? remote : local, id->idiag_src, &id->idiag_sport);
  put_address (protocol == IPPROTO_TCP ? local : remote, id->idiag_dst, &id->idiag_dport);
}

/* The answer to `sequence`; older ones (of a query that timed out) are skipped. */
static gboolean
read_reply (PlOwner *owner, guint32 sequence, __be16 port, uid_t *uid)
{
  union { struct nlmsghdr header; char bytes[REPLY_MAX]; } reply;

  for (;;)
    {
      ssize_t n = recv (owner->fd, &reply, sizeof reply, 0);
      const struct inet_diag_msg *diag = NLMSG_DATA (&reply.header);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < (ssize_t) sizeof reply.header)
        return FALSE;
      if (reply.header.nlmsg_seq != sequence)
        continue;
      if (reply.header.nlmsg_type != SOCK_DIAG_BY_FAMILY
          || n < (ssize_t) (NLMSG_LENGTH (sizeof *diag)) || diag->id.idiag_sport != port)
        return FALSE;
      *uid = diag->idiag_uid;
      return TRUE;
    }
}

gboolean
pl_owner_lookup (PlOwner *owner, int protocol, const PlAddress *local, const PlAddress *remote, uid_t *uid)
{
  static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
  Request request;
  __be16 port;
  __be32 ignored[4];

  memset (&request, 0, sizeof request);
  request_fill (&request, protocol, local, remote);
  request.header.nlmsg_seq = ++owner->sequence;
  put_address (remote, ignored, &port);
  if (sendto (owner->fd, &request, sizeof request, 0, (const struct sockaddr *) &kernel, sizeof kernel) < 0)
    return FALSE;
  return read_reply (owner, request.header.nlmsg_seq, port, uid);
}

static gboolean
parse_port (const char *text, guint16 *port)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT16, &value, NULL))
    return FALSE;
  *port = value;
  return TRUE;
}

gboolean
pl_address_parse (const char *text, PlAddress *address)
{
  const char *colon = strrchr (text, ':');
  g_autofree char *host = colon ? g_strndup (text, colon - text) : NULL;
  struct sockaddr_in *in = (struct sockaddr_in *) &address->storage;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &address->storage;
  guint16 port;

  memset (address, 0, sizeof *address);
  if (!host || !parse_port (colon + 1, &port))
    return FALSE;
  if (host[0] == '[' && g_str_has_suffix (host, "]"))
    {
      host[strlen (host) - 1] = '\0';
      in6->sin6_family = AF_INET6;
      in6->sin6_port = htons (port);
      address->len = sizeof *in6;
      return inet_pton (AF_INET6, host + 1, &in6->sin6_addr) == 1;
    }
  in->sin_family = AF_INET;
  in->sin_port = htons (port);
  address->len = sizeof *in;
  return inet_pton (AF_INET, host, &in->sin_addr) == 1;
}

char *
pl_address_dup_host (const PlAddress *address)
{
  char text[INET6_ADDRSTRLEN] = "";

  if (address->storage.ss_family == AF_INET6)
    inet_ntop (AF_INET6, &((const struct sockaddr_in6 *) &address->storage)->sin6_addr, text, sizeof text);
  else
    inet_ntop (AF_INET, &((const struct sockaddr_in *) &address->storage)->sin_addr, text, sizeof text);
  return g_strdup (text);
}

guint16
pl_address_port (const PlAddress *address)
{
  if (address->storage.ss_family == AF_INET6)
    return ntohs (((const struct sockaddr_in6 *) &address->storage)->sin6_port);
  return ntohs (((const struct sockaddr_in *) &address->storage)->sin_port);
}

void
pl_address_set_port (PlAddress *address, guint16 port)
{
  if (address->storage.ss_family == AF_INET6)
    ((struct sockaddr_in6 *) &address->storage)->sin6_port = htons (port);
  else
    ((struct sockaddr_in *) &address->storage)->sin_port = htons (port);
}

char *
pl_address_dup_text (const PlAddress *address)
{
  g_autofree char *host = pl_address_dup_host (address);

  return g_strdup_printf (address->storage.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
                          pl_address_port (address));
}

gboolean
pl_address_is_loopback (const PlAddress *address)
{
  if (address->storage.ss_family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK (&((const struct sockaddr_in6 *) &address->storage)->sin6_addr);
  return (ntohl (((const struct sockaddr_in *) &address->storage)->sin_addr.s_addr) >> 24) == 127;
}
