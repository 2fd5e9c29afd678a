/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/enroll/document.h"

#include <string.h>

#include "overlay/enroll/enroll-priv.h"

#define CERT_TYPE_X509 0     /* RFC 6091 */
#define SIGNATURES_MAX 8     /* of one configuration */
#define CERTS_MAX 8          /* in one of them */

static gboolean
refuse (GError **error, PlTrustError code, const char *why)
{
  g_set_error (error, PL_TRUST_ERROR, code, "%s", why);
  return FALSE;
}

/* --- security block in base64 (6.3.4, 11.1) --- */

static char *
write_block (GBytes *cert, const PlSignature *signature)
{
  g_auto (PlWriter) writer = { 0 };
  g_autoptr (GBytes) bytes = NULL;

  pl_writer_init (&writer);
  pl_writer_open (&writer, 2);
  pl_writer_u8 (&writer, CERT_TYPE_X509);
  pl_writer_opaque (&writer, cert, 2);
  pl_writer_close (&writer);
  pl_signature_write (&writer, signature);
  bytes = pl_writer_finish (&writer);
  return bytes ? g_base64_encode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
}

static gboolean
read_block (const char *base64, GPtrArray *certs, PlSignature *signature)
{
  gsize len = 0;
  g_autofree guchar *data = g_base64_decode (base64, &len);
  PlReader reader, bucket;

  pl_reader_init (&reader, data, len);
  pl_reader_open (&reader, &bucket, 2);
  while (pl_reader_more (&bucket))
    {
      guint8 type = pl_reader_u8 (&bucket);
      GBytes *der = pl_reader_opaque (&bucket, 2);

      if (type != CERT_TYPE_X509 || certs->len == CERTS_MAX)
        pl_reader_fail (&bucket, PL_WIRE_CERTIFICATE_TYPE);
      if (der)
        g_ptr_array_add (certs, der);
    }
  pl_reader_close (&bucket);
  pl_signature_read (&reader, signature);
  return pl_reader_finish (&reader) == PL_WIRE_OK;
}

char *
pl_blob_sign (PlIdentity *signer, const char *blob, GError **error)
{
  PlSignature signature;
  char *base64;

  if (!pl_identity_sign_bytes (signer, (const guint8 *) blob, strlen (blob), &signature, error))
    return NULL;
  base64 = write_block (pl_cert_der (pl_identity_cert (signer)), &signature);
  pl_signature_clear (&signature);
  return base64;
}

static gboolean
is_listed (GArray *ids, const PlNodeId *id)
{
  for (guint i = 0; i < ids->len; i++)
    if (pl_node_id_equal (&g_array_index (ids, PlNodeId, i), id))
      return TRUE;
  return FALSE;
}

static gboolean
verify_block (PlTrust *trust, GBytes *blob, const char *base64, GArray *signers, GError **error)
{
  g_autoptr (GPtrArray) certs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (PlCert) cert = NULL;
  PlSignature signature = { 0 };
  PlNodeId node;
  gsize len;
  const guint8 *data = g_bytes_get_data (blob, &len);

  if (!read_block (base64, certs, &signature))
    {
      pl_signature_clear (&signature);
      return refuse (error, PL_TRUST_ERROR_SIGNATURE, "the signature is malformed");
    }
  cert = pl_trust_verify_bytes (trust, certs, data, len, &signature, &node, error);
  pl_signature_clear (&signature);
  if (!cert)
    return FALSE;
  return is_listed (signers, &node)
         || refuse (error, PL_TRUST_ERROR_SIGNER, "the signer is not one of those that may sign");
}

/* --- document --- */

static gboolean
verify_configuration (const PlDocument *document, PlTrust *trust, GArray *signers, GError **error)
{
  GPtrArray *signatures = document->signatures;

  if (signatures->len == 0)
    return refuse (error, PL_TRUST_ERROR_SIGNATURE, "it is not signed");
  for (guint i = 0; i < MIN (signatures->len, SIGNATURES_MAX); i++)
    {
      g_clear_error (error);
      if (verify_block (trust, document->blob, g_ptr_array_index (signatures, i), signers, error))
        return TRUE;
    }
  return FALSE;
}

static gboolean
verify_kinds (const PlDocument *document, PlTrust *trust, GError **error)
{
  for (guint i = 0; i < document->kind_blobs->len; i++)
    {
      const PlKindBlob *kind = g_ptr_array_index (document->kind_blobs, i);

      if (!kind->signature)
        return refuse (error, PL_TRUST_ERROR_SIGNATURE, "one of its Kinds is not signed");
      if (verify_block (trust, kind->blob, kind->signature, document->kind_signers, error))
        continue;
      g_prefix_error (error, "the Kind at line %u: ", kind->line);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_successor (const PlDocument *document, const PlDocument *previous, GError **error)
{
  if (g_ascii_strcasecmp (document->instance_name, previous->instance_name) != 0)
    return refuse (error, PL_TRUST_ERROR_OVERLAY, "it is for another overlay");
  if (document->sequence <= previous->sequence)
    return refuse (error, PL_TRUST_ERROR_EXPIRED, "it is not newer than the one at hand");
  return TRUE;
}

gboolean
pl_document_verify (const PlDocument *document, PlTrust *trust, const PlDocument *previous, GError **error)
{
  g_autoptr (GError) why = NULL;
  GArray *signers = (previous ? previous : document)->configuration_signers;

  if ((!previous || check_successor (document, previous, &why)) && verify_configuration (document, trust, signers, &why)
      && verify_kinds (document, trust, &why))
    return TRUE;
  g_set_error (error, why->domain, why->code, "cannot accept the configuration of overlay %s: %s",
               document->instance_name, why->message);
  return FALSE;
}
