/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/local.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static gboolean
is_local_address (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);
  struct ifaddrs *all = NULL;
  gboolean found = FALSE;

  if (!address || getifaddrs (&all) < 0)
    return FALSE;
  for (struct ifaddrs *i = all; i && !found; i = i->ifa_next)
    {
      g_autoptr (GSocketAddress) socket_address = NULL;
      gsize len;

      if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
        continue;
      len = i->ifa_addr->sa_family == AF_INET ? sizeof (struct sockaddr_in) : sizeof (struct sockaddr_in6);
      socket_address = g_socket_address_new_from_native (i->ifa_addr, len);
      found = g_inet_address_equal (address, g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (socket_address)));
    }
  freeifaddrs (all);
  return found;
}

gboolean
pl_local_remove_self (PlDocument *document, guint16 port)
{
  gboolean first = document->bootstrap_nodes->len == 0;

  for (guint i = document->bootstrap_nodes->len; i-- > 0;)
    {
      const PlHostPort *node = &g_array_index (document->bootstrap_nodes, PlHostPort, i);

      if (node->port != port || !is_local_address (node->host))
        continue;
      first = first || i == 0;
      g_array_remove_index (document->bootstrap_nodes, i);
    }
  return first;
}
