/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/enroll-priv.h"

/* What the registry says (RFC 6940 14.6 with 8 and 9, RFC 7904 section 9) and what our own
 * documents give them room for: count, bytes of one value, iterations. */
static const struct { const char *name; PlKind kind; } registered[] = {
  { "SIP-REGISTRATION", { PL_KIND_SIP_REGISTRATION, PL_DATA_DICTIONARY, PL_ACCESS_USER_NODE_MATCH, 16, 1024, 0 } },
  { "TURN-SERVICE", { PL_KIND_TURN_SERVICE, PL_DATA_SINGLE, PL_ACCESS_NODE_MULTIPLE, 1, 256, 20 } },
  { "CERTIFICATE_BY_NODE", { PL_KIND_CERTIFICATE_BY_NODE, PL_DATA_ARRAY, PL_ACCESS_NODE_MATCH, 4, 4096, 0 } },
  { "CERTIFICATE_BY_USER", { PL_KIND_CERTIFICATE_BY_USER, PL_DATA_ARRAY, PL_ACCESS_USER_MATCH, 16, 4096, 0 } },
};

const PlKind *
pl_kind_registered (guint32 id)
{
  for (guint i = 0; i < G_N_ELEMENTS (registered); i++)
    if (registered[i].kind.id == id)
      return &registered[i].kind;
  return NULL;
}

guint32
pl_kind_id (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (registered); i++)
    if (g_strcmp0 (registered[i].name, name) == 0)
      return registered[i].kind.id;
  return 0;
}

const char *
pl_kind_name (guint32 id)
{
  for (guint i = 0; i < G_N_ELEMENTS (registered); i++)
    if (registered[i].kind.id == id)
      return registered[i].name;
  return NULL;
}

const char *
pl_access_name (PlAccess access)
{
  switch (access)
    {
    case PL_ACCESS_USER_MATCH:
      return "USER-MATCH";
    case PL_ACCESS_NODE_MATCH:
      return "NODE-MATCH";
    case PL_ACCESS_USER_NODE_MATCH:
      return "USER-NODE-MATCH";
    case PL_ACCESS_NODE_MULTIPLE:
      return "NODE-MULTIPLE";
    }
  return "";
}

const char *
pl_model_name (PlDataModel model)
{
  switch (model)
    {
    case PL_DATA_SINGLE:
      return "SINGLE";
    case PL_DATA_ARRAY:
      return "ARRAY";
    case PL_DATA_DICTIONARY:
      return "DICTIONARY";
    }
  return "";
}
