/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/id.h"

#include <string.h>
#include "base/hex.h"

#define SHA1_LEN 20
#define MIX G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)

const PlNodeId pl_node_id_wildcard = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

/* FNV-1a: what strangers choose here are hashes already, and tables are bounded. */
static guint
hash_bytes (const guint8 *data, gsize len)
{
  guint32 hash = 2166136261u;

  for (gsize i = 0; i < len; i++)
    hash = (hash ^ data[i]) * 16777619u;
  return hash;
}

/* Routing compares all the time: two words are ten times faster than sixteen bytes. */
typedef struct { guint64 high, low; } Words;

static Words
words_of (const PlNodeId *id)
{
  Words words;

  memcpy (&words, id->b, sizeof words);
  return (Words) { GUINT64_FROM_BE (words.high), GUINT64_FROM_BE (words.low) };
}

static PlNodeId
id_of (guint64 high, guint64 low)
{
  Words words = { GUINT64_TO_BE (high), GUINT64_TO_BE (low) };
  PlNodeId id;

  memcpy (id.b, &words, sizeof words);
  return id;
}

guint
pl_node_id_hash (gconstpointer id)
{
  Words words = words_of (id);

  return (guint) ((words.high ^ words.low) * MIX >> 32);
}

int
pl_node_id_compare (gconstpointer a, gconstpointer b)
{
  Words x = words_of (a), y = words_of (b);

  return x.high != y.high ? (x.high < y.high ? -1 : 1) : x.low != y.low ? (x.low < y.low ? -1 : 1) : 0;
}

gboolean
pl_node_id_equal (gconstpointer a, gconstpointer b)
{
  Words x = words_of (a), y = words_of (b);

  return x.high == y.high && x.low == y.low;
}

gboolean
pl_node_id_is_wildcard (const PlNodeId *id)
{
  return pl_node_id_equal (id, &pl_node_id_wildcard);
}

char *
pl_node_id_dup_hex (const PlNodeId *id)
{
  return pl_hex_dup (id->b, PL_NODE_ID_LEN);
}

gboolean
pl_node_id_parse (const char *hex, PlNodeId *id)
{
  return pl_hex_parse (hex, id->b, PL_NODE_ID_LEN);
}

PlNodeId
pl_node_id_add (const PlNodeId *a, const PlNodeId *b)
{
  Words x = words_of (a), y = words_of (b);
  guint64 low = x.low + y.low;

  return id_of (x.high + y.high + (low < x.low), low);
}

PlNodeId
pl_node_id_sub (const PlNodeId *a, const PlNodeId *b)
{
  Words x = words_of (a), y = words_of (b);

  return id_of (x.high - y.high - (x.low < y.low), x.low - y.low);
}

PlNodeId
pl_node_id_add_power (const PlNodeId *a, guint bit)
{
  PlNodeId power = { { 0 } };

  if (bit < 8 * PL_NODE_ID_LEN)
    power.b[PL_NODE_ID_LEN - 1 - bit / 8] = (guint8) (1u << bit % 8);
  return pl_node_id_add (a, &power);
}

gboolean
pl_node_id_between (const PlNodeId *id, const PlNodeId *after, const PlNodeId *upto)
{
  PlNodeId width = pl_node_id_sub (upto, after);
  PlNodeId place = pl_node_id_sub (id, after);
  static const PlNodeId zero = { { 0 } };

  if (pl_node_id_equal (&width, &zero))
    return TRUE;
  return !pl_node_id_equal (&place, &zero) && pl_node_id_compare (&place, &width) <= 0;
}

guint
pl_resource_id_hash (gconstpointer id)
{
  const PlResourceId *resource = id;

  return hash_bytes (resource->b, resource->len);
}

gboolean
pl_resource_id_equal (gconstpointer a, gconstpointer b)
{
  const PlResourceId *x = a, *y = b;

  return x->len == y->len && memcmp (x->b, y->b, x->len) == 0;
}

char *
pl_resource_id_dup_hex (const PlResourceId *id)
{
  return pl_hex_dup (id->b, id->len);
}

gboolean
pl_resource_id_parse (const char *hex, PlResourceId *id)
{
  gsize digits = strlen (hex);

  memset (id, 0, sizeof *id);
  if (digits % 2 || digits / 2 > PL_RESOURCE_ID_MAX || !pl_hex_parse (hex, id->b, digits / 2))
    return FALSE;
  id->len = (guint8) (digits / 2);
  return TRUE;
}

void
pl_resource_id_from_node_id (PlResourceId *resource, const PlNodeId *id)
{
  memset (resource, 0, sizeof *resource);
  resource->len = PL_NODE_ID_LEN;
  memcpy (resource->b, id->b, PL_NODE_ID_LEN);
}

void
pl_resource_id_from_name (PlResourceId *resource, const void *name, gsize len)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  guint8 digest[SHA1_LEN];
  gsize digest_len = sizeof digest;

  g_checksum_update (sum, name, (gssize) len);
  g_checksum_get_digest (sum, digest, &digest_len);
  memset (resource, 0, sizeof *resource);
  resource->len = PL_NODE_ID_LEN;
  memcpy (resource->b, digest, PL_NODE_ID_LEN);
}

gboolean
pl_resource_id_to_node_id (const PlResourceId *resource, PlNodeId *id)
{
  if (resource->len != PL_NODE_ID_LEN)
    return FALSE;
  memcpy (id->b, resource->b, PL_NODE_ID_LEN);
  return TRUE;
}
