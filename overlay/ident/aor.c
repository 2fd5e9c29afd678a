/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/aor.h"

#include <string.h>

void
pl_aor_resource (const char *canonical, PlResourceId *resource)
{
  pl_resource_id_from_name (resource, canonical, strlen (canonical));
}

void
pl_aor_place (const char *canonical, guint8 i, PlResourceId *resource)
{
  gsize len = strlen (canonical);
  g_autofree char *name = g_malloc (len + 2);

  memcpy (name, canonical, len);
  name[len] = 0;
  name[len + 1] = (char) i;
  pl_resource_id_from_name (resource, name, i ? len + 2 : len);
}
