/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/secret.h"

#include <string.h>

struct PlSecret {
  gsize len;
  guint8 data[];
};

void
pl_wipe (void *data, gsize len)
{
  explicit_bzero (data, len);
}

void
pl_wipe_text (char *text)
{
  if (text)
    pl_wipe (text, strlen (text));
  g_free (text);
}

PlSecret *
pl_secret_new (const void *data, gsize len)
{
  PlSecret *secret = g_malloc (sizeof *secret + len);

  secret->len = len;
  memcpy (secret->data, data, len);
  return secret;
}

void
pl_secret_free (PlSecret *secret)
{
  if (!secret)
    return;
  pl_wipe (secret->data, secret->len);
  g_free (secret);
}

const guint8 *
pl_secret_data (const PlSecret *secret, gsize *len)
{
  if (len)
    *len = secret->len;
  return secret->data;
}

gboolean
pl_secret_equal (const PlSecret *a, const PlSecret *b)
{
  guint8 diff = 0;

  if (a->len != b->len)
    return FALSE;
  for (gsize i = 0; i < a->len; i++)
    diff |= a->data[i] ^ b->data[i];
  return diff == 0;
}
