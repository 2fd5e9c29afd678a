/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/candidate.h"

#include <string.h>

void
pl_ice_address_set (PlIceAddress *address, GInetAddress *inet, guint16 port)
{
  memset (address, 0, sizeof *address);
  address->len = g_inet_address_get_native_size (inet);
  memcpy (address->bytes, g_inet_address_to_bytes (inet), address->len);
  address->port = port;
}

GInetAddress *
pl_ice_address_dup_inet (const PlIceAddress *address)
{
  if (address->len == 0)
    return NULL;
  return g_inet_address_new_from_bytes (address->bytes, address->len == 4 ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6);
}

static const char *const tells[] = { "all", "no-host", "relay-only" };

gboolean
pl_ice_tell_parse (const char *text, PlIceTell *tell)
{
  for (guint i = 0; i < G_N_ELEMENTS (tells); i++)
    if (g_strcmp0 (text, tells[i]) == 0)
      {
        *tell = (PlIceTell) i;
        return TRUE;
      }
  return FALSE;
}

const char *
pl_ice_tell_name (PlIceTell tell)
{
  return tells[tell];
}
