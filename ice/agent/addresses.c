/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/agent/addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static GInetAddress *
address_of (const struct ifaddrs *interface, guint flags)
{
  const struct sockaddr *address = interface->ifa_addr;

  if (!address || (interface->ifa_flags & flags) != flags)
    return NULL;
  if (address->sa_family == AF_INET)
    return g_inet_address_new_from_bytes ((const guint8 *) &((const struct sockaddr_in *) address)->sin_addr, G_SOCKET_FAMILY_IPV4);
  if (address->sa_family == AF_INET6)
    return g_inet_address_new_from_bytes ((const guint8 *) &((const struct sockaddr_in6 *) address)->sin6_addr, G_SOCKET_FAMILY_IPV6);
  return NULL;
}

static void
collect (const struct ifaddrs *all, gboolean loopback, guint flags, guint max, GPtrArray *out)
{
  for (const struct ifaddrs *i = all; i && out->len < max; i = i->ifa_next)
    {
      g_autoptr (GInetAddress) address = address_of (i, flags);

      if (address && !g_inet_address_get_is_link_local (address) && !g_inet_address_get_is_multicast (address)
          && g_inet_address_get_is_loopback (address) == loopback)
        g_ptr_array_add (out, g_steal_pointer (&address));
    }
}

GPtrArray *
pl_ice_dup_addresses (gboolean loopback, gboolean plugged, guint max)
{
  guint flags = plugged ? IFF_UP | IFF_RUNNING : IFF_UP;
  GPtrArray *out = g_ptr_array_new_with_free_func (g_object_unref);
  struct ifaddrs *all = NULL;

  if (getifaddrs (&all) < 0)
    return out;
  collect (all, FALSE, flags, max, out);
  if (loopback || out->len == 0)
    collect (all, TRUE, flags, max, out);
  freeifaddrs (all);
  return out;
}
