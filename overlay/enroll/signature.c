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
verify_kind (const PlKindBlob *kind, PlTrust *trust, GArray *signers, GError **error)
{
  if (!kind->signature)
    return refuse (error, PL_TRUST_ERROR_SIGNATURE, "one of its Kinds is not signed");
  if (verify_block (trust, kind->blob, kind->signature, signers, error))
    return TRUE;
  g_prefix_error (error, "the Kind at line %u: ", kind->line);
  return FALSE;
}

static gboolean
verify_kinds (const PlDocument *document, PlTrust *trust, GError **error)
{
  if (document->node_id_length != PL_NODE_ID_LEN)
    return TRUE; /* it can't be used anyway, and its kind-signers are unknown */
  for (guint i = 0; i < document->kind_blobs->len; i++)
    if (!verify_kind (g_ptr_array_index (document->kind_blobs, i), trust, document->kind_signers, error))
      return FALSE;
  return TRUE;
}

/* The new document is judged by the one before it, its Kinds by itself: its roots and bad nodes
 * are in force when they are. */
static gboolean
verify_next (const PlDocument *document, PlTrust *trust, const PlDocument *previous, GError **error)
{
  g_autoptr (PlTrust) own = NULL;

  if (!pl_document_sequence_newer (document->sequence, previous->sequence))
    return refuse (error, PL_TRUST_ERROR_EXPIRED, "it is not newer than the one at hand");
  if (!verify_configuration (document, trust, previous->configuration_signers, error))
    return FALSE;
  if (g_ascii_strcasecmp (document->instance_name, previous->instance_name) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "it is for another overlay than %s", previous->instance_name);
      return FALSE;
    }
  if (pl_document_mode (document) != pl_document_mode (previous))
    {
      g_set_error (error, PL_TRUST_ERROR, PL_TRUST_ERROR_UNTRUSTED, "it lets in by %s, the one at hand by %s",
                   pl_mode_name (pl_document_mode (document)), pl_mode_name (pl_document_mode (previous)));
      return FALSE;
    }
  own = pl_document_trust_new (document, pl_trust_env (trust), error);
  return own && verify_kinds (document, own, error);
}

gboolean
pl_document_verify (const PlDocument *document, PlTrust *trust, const PlDocument *previous, GError **error)
{
  g_autoptr (GError) why = NULL;

  if (previous ? verify_next (document, trust, previous, &why)
               : verify_configuration (document, trust, document->configuration_signers, &why)
                   && verify_kinds (document, trust, &why))
    return TRUE;
  g_set_error (error, why->domain, why->code, "cannot accept the configuration of overlay %s: %s",
               document->instance_name, why->message);
  return FALSE;
}

/* --- Kinds that come later (6.5.4) --- */

static const PlKindBlob *
find_blob (const PlDocument *document, guint32 id)
{
  for (guint i = 0; i < document->kind_blobs->len; i++)
    {
      const PlKindBlob *blob = g_ptr_array_index (document->kind_blobs, i);

      if (blob->id == id)
        return blob;
    }
  return NULL;
}

GBytes *
pl_document_dup_kind_block (const PlDocument *document, guint32 id)
{
  const PlKindBlob *blob = find_blob (document, id);
  GString *out;

  if (!blob || !blob->signature)
    return NULL;
  out = g_string_new ("<kind-block>");
  g_string_append_len (out, g_bytes_get_data (blob->blob, NULL), g_bytes_get_size (blob->blob));
  g_string_append_printf (out, "<kind-signature>%s</kind-signature></kind-block>", blob->signature);
  return g_string_free_to_bytes (out);
}

/* A document that holds nothing but the block, so that the same grammar and parser see it. */
static PlDocument *
parse_block (const PlDocument *document, GBytes *block, GError **error)
{
  g_autoptr (GString) xml = g_string_new ("<overlay xmlns=\"" PL_NS_BASE "\"><configuration instance-name=\"");
  g_autoptr (GBytes) bytes = NULL;
  PlDocument *parsed;

  g_string_append_printf (xml, "%s\"><required-kinds>", document->instance_name);
  g_string_append_len (xml, g_bytes_get_data (block, NULL), g_bytes_get_size (block));
  g_string_append (xml, "</required-kinds></configuration></overlay>");
  bytes = g_bytes_new (xml->str, xml->len);
  parsed = pl_document_parse (bytes, NULL, error);
  if (parsed && parsed->kind_blobs->len == 1 && parsed->unknown_kinds->len == 0)
    return parsed;
  if (parsed)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "it is no single Kind that this program knows");
  pl_document_free (parsed);
  return NULL;
}

/* Blocks have no sequence number, so one of old could be repeated at any time: they bring new
 * Kinds only, what is defined changes with the next document. */
static gboolean
check_block (const PlDocument *document, const PlKindBlob *blob, PlTrust *trust, GError **error)
{
  const PlKindBlob *old = find_blob (document, blob->id);

  if (!verify_kind (blob, trust, document->kind_signers, error))
    return FALSE;
  if (old && !g_bytes_equal (old->blob, blob->blob))
    return refuse (error, PL_TRUST_ERROR_SIGNER, "this Kind is defined otherwise already");
  return old || document->kinds->len < PL_DOCUMENT_KINDS_MAX
         || refuse (error, PL_TRUST_ERROR_SIGNER, "the overlay has too many Kinds already");
}

static gboolean
add_block (PlDocument *document, GBytes *block, PlTrust *trust, GError **error)
{
  g_autoptr (PlDocument) parsed = parse_block (document, block, error);
  const PlKindBlob *blob = parsed ? g_ptr_array_index (parsed->kind_blobs, 0) : NULL;

  if (!blob || !check_block (document, blob, trust, error))
    return FALSE;
  if (find_blob (document, blob->id))
    return TRUE;
  for (guint i = document->kinds->len; i > 0; i--) /* as the registry has it */
    if (g_array_index (document->kinds, PlKind, i - 1).id == blob->id)
      g_array_remove_index (document->kinds, i - 1);
  g_array_append_vals (document->kinds, pl_document_kind (parsed, blob->id), 1);
  g_ptr_array_add (document->kind_blobs, g_ptr_array_steal_index (parsed->kind_blobs, 0));
  g_ptr_array_add (document->kind_updates, g_bytes_ref (block));
  return TRUE;
}

PlDocument *
pl_document_with_kinds (const PlDocument *document, GPtrArray *blocks, PlTrust *trust, GError **error)
{
  g_autoptr (PlDocument) copy = document->xml ? pl_document_parse (document->xml, document->instance_name, error) : NULL;

  for (guint i = 0; copy && i < document->kind_updates->len; i++)
    add_block (copy, g_ptr_array_index (document->kind_updates, i), trust, NULL);
  for (guint i = 0; copy && i < blocks->len; i++)
    if (!add_block (copy, g_ptr_array_index (blocks, i), trust, error))
      return NULL;
  if (!copy && error && !*error)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the document is not from a file");
  return g_steal_pointer (&copy);
}
