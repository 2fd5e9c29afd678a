/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_MAX 4096

struct PlOwner {
  int fd;           /* -1: /proc/net is read instead */
  guint32 sequence;
};

PlOwner *
pl_owner_new (void)
{
  PlOwner *owner;
  struct timeval patience = { .tv_sec = 1 };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

  if (fd >= 0)
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
  if (owner->fd >= 0)
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

/* --- /proc/net: for kernels without udp_diag and tcp_diag --- */

#define TCP_TIME_WAIT_STATE 6   /* neither this nor the next has an owner: the kernel says 0 */
#define TCP_NEW_SYN_STATE 12

typedef struct {
  struct in6_addr address;      /* IPv4 as mapped */
  guint port;
} End;

static void
end_of_address (const PlAddress *address, End *end)
{
  const struct sockaddr_in *in = (const struct sockaddr_in *) &address->storage;

  if (address->storage.ss_family == AF_INET6)
    end->address = ((const struct sockaddr_in6 *) &address->storage)->sin6_addr;
  else
    {
      static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };

      memcpy (end->address.s6_addr, mapped, sizeof mapped);
      memcpy (end->address.s6_addr + sizeof mapped, &in->sin_addr, sizeof in->sin_addr);
    }
  end->port = pl_address_port (address);
}

/* "0100007F:13D8", or four such words: each as this machine holds it. */
static gboolean
end_of_text (const char *text, End *end)
{
  gsize words = strcspn (text, ":") / 8;
  guint32 word[4] = { 0, 0, GUINT32_TO_BE (0xffff), 0 };

  if ((words != 1 && words != 4) || text[words * 8] != ':')
    return FALSE;
  for (gsize i = 0; i < words; i++)
    if (sscanf (text + 8 * i, "%8x", &word[words == 1 ? 3 : i]) != 1)
      return FALSE;
  memcpy (&end->address, word, sizeof word);
  return sscanf (text + words * 8, ":%4x", &end->port) == 1;
}

static gboolean
is_anywhere (const End *end)
{
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };
  static const guint8 zero[4];

  return IN6_IS_ADDR_UNSPECIFIED (&end->address)
         || (memcmp (end->address.s6_addr, mapped, 12) == 0 && memcmp (end->address.s6_addr + 12, zero, 4) == 0);
}

static gboolean
same_end (const End *a, const End *b)
{
  return a->port == b->port && IN6_ARE_ADDR_EQUAL (&a->address, &b->address);
}

/* Could this socket have sent it? Any UDP socket on the sender's port can, also one that is
 * connected elsewhere; a connection is told by both its ends. */
static gboolean
could_send (int protocol, const End *its, const End *peer, const End ends[2])
{
  if (protocol == IPPROTO_TCP)
    return same_end (its, &ends[1]) && same_end (peer, &ends[0]);
  return its->port == ends[1].port && (same_end (its, &ends[1]) || is_anywhere (its));
}

/* Whose are the sockets of one table that could have sent it? FALSE when they are of several. */
static gboolean
read_table (const char *path, int protocol, const End ends[2], guint *found, uid_t *uid)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return TRUE; /* no IPv6 here */
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++)
    {
      char its_text[48], peer_text[48];
      guint state, owner;
      gulong inode; /* 0: closed by its owner, who is no longer told */
      End its, peer;

      if (sscanf (*line, " %*u: %47s %47s %x %*s %*s %*s %u %*d %lu", its_text, peer_text, &state, &owner, &inode) != 5 || inode == 0
          || !end_of_text (its_text, &its) || !end_of_text (peer_text, &peer) || !could_send (protocol, &its, &peer, ends)
          || (protocol == IPPROTO_TCP && (state == TCP_TIME_WAIT_STATE || state == TCP_NEW_SYN_STATE)))
        continue;
      if ((*found)++ && owner != *uid)
        return FALSE;
      *uid = owner;
    }
  return TRUE;
}

/* Stricter than the kernel, which knows the one socket: a port that sockets of two users
 * share (SO_REUSEADDR) is nobody's. */
static gboolean
lookup_in_proc (int protocol, const PlAddress *local, const PlAddress *remote, uid_t *uid)
{
  End ends[2];
  guint found = 0;

  end_of_address (local, &ends[0]);
  end_of_address (remote, &ends[1]);
  return read_table (protocol == IPPROTO_TCP ? "/proc/net/tcp" : "/proc/net/udp", protocol, ends, &found, uid)
         && read_table (protocol == IPPROTO_TCP ? "/proc/net/tcp6" : "/proc/net/udp6", protocol, ends, &found, uid)
         && found > 0;
}

void
pl_owner_use_proc (PlOwner *owner)
{
  if (owner->fd >= 0)
    close (owner->fd);
  owner->fd = -1;
}

gboolean
pl_owner_lookup (PlOwner *owner, int protocol, const PlAddress *local, const PlAddress *remote, uid_t *uid)
{
  static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
  Request request;
  __be16 port;
  __be32 ignored[4];

  if (owner->fd < 0)
    return lookup_in_proc (protocol, local, remote, uid);
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
