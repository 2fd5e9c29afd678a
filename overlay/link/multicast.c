/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/multicast.h"

#include "base/log.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef struct {
  PlMulticast *multicast;
  GSocketAddress *address;
  GSocket *socket;          /* NULL: we do not hear, or could not */
  GSource *source;
} Group;

struct PlMulticast {
  GMainContext *context;
  GInetAddress *only;       /* NULL: every interface */
  GPtrArray *groups;        /* Group */
  GSocket *own;             /* ours go out, answers come in */
  GSource *own_source;
  PlDatagramFunc func;
  gpointer user;
};

/* --- interfaces --- */

static gboolean
is_wanted (PlMulticast *multicast, const struct ifaddrs *interface)
{
  g_autoptr (GInetAddress) address = NULL;

  if (!interface->ifa_addr || interface->ifa_addr->sa_family != AF_INET || !(interface->ifa_flags & IFF_UP)
      || !(interface->ifa_flags & IFF_MULTICAST) || (interface->ifa_flags & IFF_LOOPBACK))
    return FALSE;
  address = g_inet_address_new_from_bytes (
    (const guint8 *) &((const struct sockaddr_in *) (const void *) interface->ifa_addr)->sin_addr, G_SOCKET_FAMILY_IPV4);
  return !multicast->only || g_inet_address_equal (address, multicast->only);
}

/* Index of each; an interface with several addresses once. Returns how many. */
static guint
list_interfaces (PlMulticast *multicast, guint *indices)
{
  struct ifaddrs *all = NULL;
  guint n = 0;

  if (getifaddrs (&all) < 0)
    return 0;
  for (const struct ifaddrs *i = all; i && n < PL_MULTICAST_INTERFACES_MAX; i = i->ifa_next)
    {
      guint index = is_wanted (multicast, i) ? if_nametoindex (i->ifa_name) : 0;

      for (guint k = 0; k < n; k++)
        if (indices[k] == index)
          index = 0;
      if (index > 0)
        indices[n++] = index;
    }
  freeifaddrs (all);
  return n;
}

/* --- receiving --- */

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  PlMulticast *multicast = data;
  guint8 buf[PL_MULTICAST_DATAGRAM_MAX];
  g_autoptr (GSocketAddress) from = NULL;
  gssize n = g_socket_receive_from (socket, &from, (char *) buf, sizeof buf, NULL, NULL);
  g_autoptr (GBytes) datagram = n > 0 ? g_bytes_new (buf, (gsize) n) : NULL;
  g_autofree char *text = NULL;

  if (!datagram || !G_IS_INET_SOCKET_ADDRESS (from))
    return G_SOURCE_CONTINUE;
  text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (from));
  multicast->func (multicast->user, datagram, text);
  return G_SOURCE_CONTINUE;
}

static GSource *
watch (PlMulticast *multicast, GSocket *socket)
{
  GSource *source = g_socket_create_source (socket, G_IO_IN, NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (on_readable), multicast, NULL);
  g_source_attach (source, multicast->context);
  return source;
}

/* The group's address is no one's own: every daemon of this machine may hear it. Bound to it, so
 * that nothing sent to us alone comes in here. */
static GSocket *
bind_group (GSocketAddress *address)
{
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  struct sockaddr_in native;

  if (!socket || !g_socket_address_to_native (address, &native, sizeof native, NULL)
      || !g_socket_set_option (socket, SOL_SOCKET, SO_REUSEADDR, 1, NULL)
      || bind (g_socket_get_fd (socket), (struct sockaddr *) &native, sizeof native) < 0)
    return NULL;
  g_socket_set_blocking (socket, FALSE);
  return g_steal_pointer (&socket);
}

/* Those that are joined already refuse, which is fine. */
static void
join (Group *group)
{
  GInetAddress *address = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (group->address));
  guint indices[PL_MULTICAST_INTERFACES_MAX];
  guint n = list_interfaces (group->multicast, indices);
  struct ip_mreqn request = { 0 };

  memcpy (&request.imr_multiaddr, g_inet_address_to_bytes (address), sizeof request.imr_multiaddr);
  for (guint i = 0; i < n; i++)
    {
      request.imr_ifindex = (int) indices[i];
      if (setsockopt (g_socket_get_fd (group->socket), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) < 0)
        continue;
    }
}

static void
hear (Group *group)
{
  group->socket = bind_group (group->address);
  if (!group->socket)
    {
      g_autofree char *text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (group->address));

      pl_notice ("multicast", "the overlay's multicast group can't be heard", "group", text, NULL);
      return;
    }
  join (group);
  group->source = watch (group->multicast, group->socket);
}

/* --- sending --- */

static gboolean
open_own (PlMulticast *multicast)
{
  g_autoptr (GInetAddress) any = g_inet_address_new_any (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (multicast->only ? multicast->only : any, 0);
  g_autoptr (GSocket) socket = NULL;

  if (multicast->own)
    return TRUE;
  socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  if (!socket || !g_socket_bind (socket, address, FALSE, NULL))
    return FALSE;
  g_socket_set_blocking (socket, FALSE);
  g_socket_set_multicast_ttl (socket, 1);
  multicast->own = g_steal_pointer (&socket);
  multicast->own_source = watch (multicast, multicast->own);
  return TRUE;
}

static void
send_through (PlMulticast *multicast, guint index, GBytes *datagram)
{
  struct ip_mreqn interface = { .imr_ifindex = (int) index };

  if (setsockopt (g_socket_get_fd (multicast->own), IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface) < 0)
    return;
  for (guint i = 0; i < multicast->groups->len; i++)
    {
      Group *group = g_ptr_array_index (multicast->groups, i);

      g_socket_send_to (multicast->own, group->address, g_bytes_get_data (datagram, NULL), g_bytes_get_size (datagram), NULL, NULL);
    }
}

void
pl_multicast_send (PlMulticast *multicast, GBytes *datagram)
{
  guint indices[PL_MULTICAST_INTERFACES_MAX];
  guint n = list_interfaces (multicast, indices);

  for (guint i = 0; i < multicast->groups->len; i++)
    {
      Group *group = g_ptr_array_index (multicast->groups, i);

      if (group->socket)
        join (group);
    }
  if (g_bytes_get_size (datagram) > PL_MULTICAST_DATAGRAM_MAX || !open_own (multicast))
    return;
  for (guint i = 0; i < n; i++)
    send_through (multicast, indices[i], datagram);
}

/* --- life --- */

static void
source_end (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
group_free (gpointer data)
{
  Group *group = data;

  g_clear_pointer (&group->source, source_end);
  g_clear_object (&group->socket);
  g_object_unref (group->address);
  g_free (group);
}

static void
add_group (PlMulticast *multicast, const PlHostPort *where, gboolean hears)
{
  GSocketAddress *address = g_inet_socket_address_new_from_string (where->host, where->port);
  Group *group;

  if (!address)
    return;
  group = g_new0 (Group, 1);
  group->multicast = multicast;
  group->address = address;
  g_ptr_array_add (multicast->groups, group);
  if (hears)
    hear (group);
}

PlMulticast *
pl_multicast_new (const PlMulticastOptions *options, PlDatagramFunc func, gpointer user)
{
  PlMulticast *multicast = g_new0 (PlMulticast, 1);
  g_autoptr (GInetAddress) only = options->address ? g_inet_address_new_from_string (options->address) : NULL;

  multicast->context = g_main_context_ref (options->context);
  if (only && g_inet_address_get_family (only) == G_SOCKET_FAMILY_IPV4 && !g_inet_address_get_is_any (only))
    multicast->only = g_steal_pointer (&only);
  multicast->func = func;
  multicast->user = user;
  multicast->groups = g_ptr_array_new_with_free_func (group_free);
  for (guint i = 0; i < options->groups->len; i++)
    add_group (multicast, &g_array_index (options->groups, PlHostPort, i), options->hear);
  return multicast;
}

void
pl_multicast_free (PlMulticast *multicast)
{
  if (!multicast)
    return;
  g_clear_pointer (&multicast->own_source, source_end);
  g_clear_object (&multicast->own);
  g_ptr_array_unref (multicast->groups);
  g_clear_object (&multicast->only);
  g_main_context_unref (multicast->context);
  g_free (multicast);
}
