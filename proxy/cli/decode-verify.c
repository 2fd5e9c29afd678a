/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode-verify.h"

#include <string.h>
#include "base/file.h"
#include "base/loop.h"
#include "overlay/ident/trust.h"

#define PEM_MAX (256 * 1024)
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

GPtrArray *
pl_decode_roots_load (const char *path, GError **error)
{
  g_autoptr (GBytes) file = pl_file_read (path, PEM_MAX, error);
  g_autoptr (GPtrArray) roots = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autofree char *text = NULL;
  char *at;

  if (!file)
    return NULL;
  text = g_strndup (g_bytes_get_data (file, NULL), g_bytes_get_size (file));
  for (at = strstr (text, PEM_BEGIN); at; at = strstr (at, PEM_BEGIN))
    {
      char *body = at + strlen (PEM_BEGIN), *end = strstr (body, PEM_END);
      guchar *der;
      gsize len;

      if (!end)
        break;
      *end = '\0';
      der = g_base64_decode (body, &len);
      g_ptr_array_add (roots, g_bytes_new_take (der, len));
      at = end + 1;
    }
  if (roots->len == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s holds no certificate in PEM form", path);
      return NULL;
    }
  return g_steal_pointer (&roots);
}

static gboolean
verify_values (PlTrust *trust, GPtrArray *certificates, const PlStoreReq *store, GError **error)
{
  for (guint i = 0; i < store->kind_data->len; i++)
    {
      const PlStoreKindData *kind = &g_array_index (store->kind_data, PlStoreKindData, i);

      for (guint j = 0; j < kind->values->len; j++)
        {
          const PlStoredData *data = &g_array_index (kind->values, PlStoredData, j);
          g_autoptr (PlCert) cert = NULL;
          PlNodeId signer;

          cert = pl_trust_verify_value (trust, certificates, &store->resource, kind->kind, data, &signer, error);
          if (!cert)
            {
              g_prefix_error (error, "value %u of Kind %u: ", j, kind->kind);
              return FALSE;
            }
        }
    }
  return TRUE;
}

gboolean
pl_decode_verify (const PlMessage *message, const PlStoreReq *store, GPtrArray *roots, const char *overlay, GError **error)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (PlTrust) trust = pl_trust_new (pl_loop_env (loop), overlay);
  g_autoptr (PlCert) cert = NULL;
  const guint8 *contents;
  PlNodeId signer;
  gsize len;

  for (guint i = 0; i < roots->len; i++)
    if (!pl_trust_add_root (trust, g_ptr_array_index (roots, i), error))
      return FALSE;
  contents = g_bytes_get_data (message->contents, &len);
  cert = pl_trust_verify_message (trust, message->certificates, message->header.overlay, message->header.transaction_id,
                                  contents, len, &message->signature, &signer, error);
  return cert && (!store || verify_values (trust, message->certificates, store, error));
}
