/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/ident/aor.h"

#include <string.h>

void
pl_aor_resource (const char *canonical, PlResourceId *resource)
{
  pl_resource_id_from_name (resource, canonical, strlen (canonical));
}
