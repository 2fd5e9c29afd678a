/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/edge/media.h"

#include <string.h>

static char *
dup_digest (GChecksumType type, GBytes *cert_der)
{
  g_autofree char *hex = g_compute_checksum_for_bytes (type, cert_der);
  GString *out = g_string_new (NULL);

  for (gsize i = 0; hex[i]; i += 2)
    g_string_append_printf (out, "%s%c%c", i ? ":" : "", g_ascii_toupper (hex[i]), g_ascii_toupper (hex[i + 1]));
  return g_string_free (out, FALSE);
}

char *
pl_edge_dup_fingerprint (GBytes *cert_der)
{
  g_autofree char *digest = dup_digest (G_CHECKSUM_SHA256, cert_der);

  return g_strconcat ("sha-256 ", digest, NULL);
}

gboolean
pl_edge_fingerprint_matches (const char *fingerprint, GBytes *cert_der)
{
  /* SHA-1 and MD5 prove nothing any more. */
  static const struct { const char *name; GChecksumType type; } hashes[] = {
    { "sha-256 ", G_CHECKSUM_SHA256 }, { "sha-384 ", G_CHECKSUM_SHA384 }, { "sha-512 ", G_CHECKSUM_SHA512 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (hashes); i++)
    {
      g_autofree char *digest = NULL;

      if (g_ascii_strncasecmp (fingerprint, hashes[i].name, strlen (hashes[i].name)) != 0)
        continue;
      digest = dup_digest (hashes[i].type, cert_der);
      return g_ascii_strcasecmp (fingerprint + strlen (hashes[i].name), digest) == 0;
    }
  return FALSE;
}
