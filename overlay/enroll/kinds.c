/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/enroll-priv.h"

#define PRIVATE_KIND_MIN 0xf0000001u /* 14.6 */
#define PRIVATE_KIND_MAX 0xfffffffeu
#define NODE_MULTIPLE 20             /* as TURN-SERVICE has it (9) */

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
    case PL_ACCESS_COPIES: /* no document names it */
      break;
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

static gboolean
find_model (const char *name, PlDataModel *model)
{
  for (*model = PL_DATA_SINGLE; *model <= PL_DATA_DICTIONARY; (*model)++)
    if (g_ascii_strcasecmp (pl_model_name (*model), name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
find_access (const char *name, PlAccess *access)
{
  for (*access = PL_ACCESS_USER_MATCH; *access <= PL_ACCESS_NODE_MULTIPLE; (*access)++)
    if (g_ascii_strcasecmp (pl_access_name (*access), name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
find_number (const char *text, guint32 min, guint32 max, guint32 *number)
{
  const char *digits = g_ascii_strncasecmp (text, "0x", 2) == 0 ? text + 2 : text;
  guint64 value;

  if (!g_ascii_string_to_unsigned (digits, digits == text ? 10 : 16, min, max, &value, NULL))
    return FALSE;
  *number = value;
  return TRUE;
}

gboolean
pl_kind_parse (const char *text, PlKind *kind, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 0);

  *kind = (PlKind){ 0 };
  if (g_strv_length (parts) == 5 && find_number (parts[0], PRIVATE_KIND_MIN, PRIVATE_KIND_MAX, &kind->id)
      && find_model (parts[1], &kind->model) && find_access (parts[2], &kind->access)
      && find_number (parts[3], 1, G_MAXINT32, &kind->max_count) && find_number (parts[4], 1, G_MAXINT32, &kind->max_size))
    {
      kind->max_node_multiple = kind->access == PL_ACCESS_NODE_MULTIPLE ? NODE_MULTIPLE : 0;
      return TRUE;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "'%s' is no ID:MODEL:POLICY:COUNT:SIZE, for example 0xf0000001:SINGLE:USER-MATCH:1:1000", text);
  return FALSE;
}
