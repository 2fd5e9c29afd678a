/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/dialog/token.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/secret.h"
#include "ice/dtls/seal.h"

#include <string.h>

#define NODE_LEN 16
#define TOKEN_VERSION 1
#define VERSION_LONG 2    /* with `called` and `edge` behind the others */
#define VERSION_OVERLAY 3 /* and the overlay of far_node behind these */
#define HAS_NODE 0x01
#define IS_CALLER 0x02
#define RAISED_SHIFT 4
#define FIELDS 10
#define TEXT_MAX 8192 /* of what we look at: more than all fields at their longest */

/* Bound to the purpose, so that nothing else sealed with a copied key file opens here. */
static const char purpose[] = "peerline record-route token 1";

struct PlTokenKey {
  PlSecret *secret;
};

PlTokenKey *
pl_token_key_load (PlEnv *env, const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) local = NULL;
  guint8 fresh[PL_SEAL_KEY_LEN];
  PlTokenKey *key;
  gboolean written;

  bytes = pl_file_read_private (path, PL_SEAL_KEY_LEN, &local);
  if (!bytes && g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      pl_env_random (env, fresh, sizeof fresh);
      written = pl_file_write (path, fresh, sizeof fresh, 0600, error);
      bytes = g_bytes_new (fresh, sizeof fresh);
      pl_wipe (fresh, sizeof fresh);
      if (!written)
        return NULL;
    }
  else if (!bytes)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "token key: ");
      return NULL;
    }
  if (g_bytes_get_size (bytes) != PL_SEAL_KEY_LEN)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "token key: %s is not %d bytes long; remove it and a new one is made", path,
                   PL_SEAL_KEY_LEN);
      return NULL;
    }
  key = g_new (PlTokenKey, 1);
  key->secret = pl_secret_new (g_bytes_get_data (bytes, NULL), PL_SEAL_KEY_LEN);
  return key;
}

void
pl_token_key_free (PlTokenKey *key)
{
  if (!key)
    return;
  pl_secret_free (key->secret);
  g_free (key);
}

/* The strings in the order they are written in. */
static void
list_fields (PlToken *token, char **overlay, char **fields[FIELDS])
{
  fields[0] = &token->contact;
  fields[1] = &token->flow;
  fields[2] = &token->peer_contact;
  fields[3] = &token->peer_flow;
  fields[4] = &token->own_aor;
  fields[5] = &token->far_aor;
  fields[6] = &token->call_id;
  fields[7] = &token->called;
  fields[8] = &token->edge;
  fields[9] = overlay;
}

static guint
count_fields (guint version)
{
  return version == VERSION_OVERLAY ? FIELDS : version == VERSION_LONG ? FIELDS - 1 : FIELDS - 3;
}

/* Length in one byte, or two with the first bit set. */
static gboolean
append_field (GByteArray *out, const char *text)
{
  gsize len = text ? strlen (text) : 0;
  guint8 head[2] = { 0x80 | len >> 8, len & 0xff };

  if (len > PL_TOKEN_FIELD_MAX)
    return FALSE;
  g_byte_array_append (out, len < 0x80 ? head + 1 : head, len < 0x80 ? 1 : 2);
  g_byte_array_append (out, (const guint8 *) (text ? text : ""), len);
  return TRUE;
}

static GByteArray *
encode (const PlToken *token)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  gboolean node = token->far_node && *token->far_node;
  char *overlay = node ? strchr (token->far_node, '@') : NULL;
  g_autofree char *hex = node ? g_strndup (token->far_node, strcspn (token->far_node, "@")) : NULL;
  gboolean whole = (token->called && *token->called) || (token->edge && *token->edge);
  guint8 flags = (node ? HAS_NODE : 0) | (token->caller ? IS_CALLER : 0) | (token->raised & PL_TOKEN_RAISED_MAX) << RAISED_SHIFT;
  guint8 head[3 + NODE_LEN] = { overlay ? VERSION_OVERLAY : whole ? VERSION_LONG : TOKEN_VERSION, flags, token->media };
  char **fields[FIELDS];

  if (node && !pl_hex_parse (hex, head + 3, NODE_LEN))
    return NULL;
  g_byte_array_append (out, head, node ? sizeof head : 3);
  overlay = overlay ? overlay + 1 : NULL;
  list_fields ((PlToken *) token, &overlay, fields);
  for (guint i = 0; i < count_fields (head[0]); i++)
    if (!append_field (out, *fields[i]))
      return NULL;
  return g_steal_pointer (&out);
}

/* Base64 for URIs (RFC 4648, section 5), without padding. */
static char *
to_text (const guint8 *data, gsize len)
{
  char *text = g_base64_encode (data, len);

  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  *strchrnul (text, '=') = '\0';
  return text;
}

static guint8 *
from_text (const char *text, gsize *len)
{
  gsize chars = strnlen (text, TEXT_MAX + 1);
  g_autofree char *copy = NULL;
  g_autofree char *again = NULL;
  g_autofree guint8 *data = NULL;

  if (chars == 0 || chars > TEXT_MAX || strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != chars)
    return NULL;
  copy = g_strdup_printf ("%s%.*s", text, (int) (-chars & 3), "===");
  g_strdelimit (copy, "-", '+');
  g_strdelimit (copy, "_", '/');
  data = g_base64_decode (copy, len);
  again = to_text (data, *len);
  /* one text for one seal: spare bits of the last character are zero */
  return g_str_equal (again, text) ? g_steal_pointer (&data) : NULL;
}

char *
pl_token_seal (PlTokenKey *key, PlEnv *env, const PlToken *token)
{
  g_autoptr (GByteArray) plain = encode (token);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GBytes) sealed = NULL;
  guint8 nonce[PL_SEAL_NONCE_LEN];

  if (!plain)
    return NULL;
  pl_env_random (env, nonce, sizeof nonce);
  sealed = pl_seal (pl_secret_data (key->secret, NULL), nonce, plain->data, plain->len, purpose, sizeof purpose);
  if (!sealed)
    return NULL;
  g_byte_array_append (out, nonce, sizeof nonce);
  g_byte_array_append (out, g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed));
  return to_text (out->data, out->len);
}

/* The key is ours alone, yet an older or newer daemon may have sealed it: read with care. */
static gboolean
take_field (const guint8 **data, gsize *left, char **field)
{
  gsize head = *left && **data & 0x80 ? 2 : 1, len;

  if (*left < head)
    return FALSE;
  len = head == 2 ? (gsize) (**data & 0x7f) << 8 | (*data)[1] : **data;
  if (len > *left - head || len > PL_TOKEN_FIELD_MAX || memchr (*data + head, '\0', len))
    return FALSE;
  *field = g_strndup ((const char *) *data + head, len);
  *data += head + len;
  *left -= head + len;
  return TRUE;
}

static PlToken *
decode (const guint8 *data, gsize left)
{
  g_autoptr (PlToken) token = g_new0 (PlToken, 1);
  gsize head = left >= 3 && data[1] & HAS_NODE ? 3 + NODE_LEN : 3;
  char **fields[FIELDS];
  g_autofree char *overlay = NULL;
  g_autofree char *node = NULL;
  guint n;

  if (left < head || data[0] < TOKEN_VERSION || data[0] > VERSION_OVERLAY
      || (data[1] & ~(HAS_NODE | IS_CALLER | PL_TOKEN_RAISED_MAX << RAISED_SHIFT)))
    return NULL;
  n = count_fields (data[0]);
  token->caller = (data[1] & IS_CALLER) != 0;
  token->raised = data[1] >> RAISED_SHIFT;
  token->media = data[2];
  node = head > 3 ? pl_hex_dup (data + 3, NODE_LEN) : g_strdup ("");
  data += head;
  left -= head;
  list_fields (token, &overlay, fields);
  for (guint i = 0; i < n; i++)
    if (!take_field (&data, &left, fields[i]))
      return NULL;
  for (guint i = n; i < FIELDS; i++)
    *fields[i] = g_strdup ("");
  token->far_node = g_strconcat (node, *overlay ? "@" : NULL, overlay, NULL);
  return left == 0 ? g_steal_pointer (&token) : NULL;
}

PlToken *
pl_token_open (PlTokenKey *key, const char *text)
{
  gsize len = 0;
  g_autofree guint8 *data = text ? from_text (text, &len) : NULL;
  g_autoptr (GBytes) plain = NULL;

  if (!data || len < PL_SEAL_NONCE_LEN + PL_SEAL_TAG_LEN)
    return NULL;
  plain = pl_seal_open (pl_secret_data (key->secret, NULL), data, data + PL_SEAL_NONCE_LEN, len - PL_SEAL_NONCE_LEN, purpose, sizeof purpose);
  return plain ? decode (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain)) : NULL;
}

void
pl_token_free (PlToken *token)
{
  char **fields[FIELDS], *overlay = NULL;

  if (!token)
    return;
  list_fields (token, &overlay, fields);
  for (guint i = 0; i < FIELDS; i++)
    g_free (*fields[i]);
  g_free (token->far_node);
  g_free (token);
}
