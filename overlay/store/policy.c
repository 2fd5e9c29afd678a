/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/store/store-priv.h"

#include "overlay/ident/aor.h"

#include <string.h>

/* Whatever a document says: H(Node-ID || i) has an i of one byte. */
#define NODE_MULTIPLE_MAX 255

static gboolean
user_matches (const PlResourceId *resource, const PlCert *cert)
{
  const char *aor = pl_cert_aor (cert);
  PlResourceId id;

  if (!aor)
    return FALSE;
  pl_aor_resource (aor, &id);
  return pl_resource_id_equal (&id, resource);
}

static gboolean
node_matches (const PlResourceId *resource, const PlNodeId *signer)
{
  PlResourceId id;

  pl_resource_id_from_name (&id, signer->b, sizeof signer->b);
  return pl_resource_id_equal (&id, resource);
}

/* i is not on the wire, so each one is tried (7.3.4). */
static gboolean
node_multiple_matches (const PlKind *kind, const PlResourceId *resource, const PlNodeId *signer)
{
  guint8 name[PL_NODE_ID_LEN + 1];
  PlResourceId id;

  memcpy (name, signer->b, PL_NODE_ID_LEN);
  for (guint i = 0; i <= MIN (kind->max_node_multiple, NODE_MULTIPLE_MAX); i++)
    {
      name[PL_NODE_ID_LEN] = i;
      pl_resource_id_from_name (&id, name, sizeof name);
      if (pl_resource_id_equal (&id, resource))
        return TRUE;
    }
  return FALSE;
}

/* As NODE-MULTIPLE, with a user name: each i is tried (doc/PROTOCOL). */
static gboolean
copy_matches (const PlKind *kind, const PlResourceId *resource, const PlCert *cert)
{
  const char *aor = pl_cert_aor (cert);
  PlResourceId id;

  for (guint i = 1; aor && i <= MIN (kind->max_node_multiple, PL_REGISTRATION_PLACES_MAX - 1); i++)
    {
      pl_aor_place (aor, i, &id);
      if (pl_resource_id_equal (&id, resource))
        return TRUE;
    }
  return FALSE;
}

static gboolean
key_is (const PlStoredDataValue *value, const PlNodeId *signer)
{
  gsize len = 0;
  const guint8 *key = value->key ? g_bytes_get_data (value->key, &len) : NULL;

  return value->model == PL_DATA_DICTIONARY && len == PL_NODE_ID_LEN && memcmp (key, signer->b, len) == 0;
}

gboolean
pl_policy_allows (const PlKind *kind, const PlResourceId *resource, const PlCert *cert, const PlNodeId *signer,
                  const PlStoredDataValue *value)
{
  if (!pl_cert_has_node_id (cert, signer))
    return FALSE;
  switch (kind->access)
    {
    case PL_ACCESS_USER_MATCH:
      return user_matches (resource, cert);
    case PL_ACCESS_NODE_MATCH:
      return node_matches (resource, signer);
    case PL_ACCESS_USER_NODE_MATCH:
      return user_matches (resource, cert) && key_is (value, signer);
    case PL_ACCESS_NODE_MULTIPLE:
      return node_multiple_matches (kind, resource, signer);
    case PL_ACCESS_COPIES:
      return copy_matches (kind, resource, cert) && key_is (value, signer);
    }
  return FALSE;
}
