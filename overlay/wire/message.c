/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/message.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

#define CERTIFICATE_X509 0 /* RFC 6091 */

gboolean
pl_message_code_is_request (guint16 code)
{
  return code % 2 == 1 && code != PL_MESSAGE_ERROR;
}

gboolean
pl_message_extension_read (PlReader *reader, PlMessageExtension *extension)
{
  memset (extension, 0, sizeof *extension);
  extension->type = pl_reader_u16 (reader);
  if (pl_reader_ok (reader) && extension->type == 0)
    pl_reader_fail (reader, PL_WIRE_TYPE);
  extension->critical = pl_reader_boolean (reader);
  extension->extension_contents = pl_reader_opaque (reader, 4);
  return pl_reader_ok (reader);
}

void
pl_message_extension_write (PlWriter *writer, const PlMessageExtension *extension)
{
  pl_writer_u16 (writer, extension->type);
  pl_writer_boolean (writer, extension->critical);
  pl_writer_opaque (writer, extension->extension_contents, 4);
}

void
pl_message_extension_clear (PlMessageExtension *extension)
{
  g_clear_pointer (&extension->extension_contents, g_bytes_unref);
}

GArray *
pl_message_extension_list_new (void)
{
  return pl_wire_list_new (sizeof (PlMessageExtension), (GDestroyNotify) pl_message_extension_clear);
}

void
pl_message_extension_list_add (GArray *list, guint16 type, GBytes *contents)
{
  PlMessageExtension extension = { .type = type, .extension_contents = g_bytes_ref (contents) };

  g_array_append_val (list, extension);
}

const PlMessageExtension *
pl_message_extension_list_find (GArray *list, guint16 type)
{
  for (guint i = 0; list && i < list->len; i++)
    {
      const PlMessageExtension *extension = &g_array_index (list, PlMessageExtension, i);

      if (extension->type == type)
        return extension;
    }
  return NULL;
}

static void
read_contents (PlReader *reader, PlMessage *message)
{
  PlReader look = *reader, child;

  message->message_code = pl_reader_u16 (reader);
  message->body = pl_reader_opaque (reader, 4);
  message->extensions = pl_message_extension_list_new ();
  pl_reader_open (reader, &child, 4);
  pl_wire_list_read (&child, message->extensions, PL_EXTENSIONS_MAX, (PlWireReadFunc) pl_message_extension_read);
  pl_reader_close (&child);
  if (pl_reader_ok (reader))
    message->contents = pl_reader_bytes (&look, reader->pos - look.pos);
}

static void
read_certificates (PlReader *reader, GPtrArray *certificates)
{
  while (pl_reader_more (reader))
    {
      GBytes *der;

      if (pl_reader_u8 (reader) != CERTIFICATE_X509)
        pl_reader_fail (reader, PL_WIRE_CERTIFICATE_TYPE);
      if (certificates->len >= PL_CERTIFICATES_MAX)
        pl_reader_fail (reader, PL_WIRE_TOO_MANY);
      der = pl_reader_opaque (reader, 2);
      if (pl_reader_ok (reader))
        g_ptr_array_add (certificates, der ? der : g_bytes_new (NULL, 0));
    }
}

PlWireStatus
pl_message_read (GBytes *bytes, PlMessage *message)
{
  PlReader reader, child;

  memset (message, 0, sizeof *message);
  message->certificates = pl_wire_bytes_list_new ();
  pl_reader_init_bytes (&reader, bytes);
  pl_forwarding_header_read (&reader, &message->header);
  if (pl_reader_ok (&reader) && message->header.length != g_bytes_get_size (bytes))
    pl_reader_fail (&reader, PL_WIRE_LENGTH);
  if ((message->header.fragment & (PL_FRAGMENT_LAST | PL_FRAGMENT_OFFSET)) != PL_FRAGMENT_LAST)
    pl_reader_fail (&reader, PL_WIRE_FRAGMENTED);
  read_contents (&reader, message);
  pl_reader_open (&reader, &child, 2);
  read_certificates (&child, message->certificates);
  pl_reader_close (&child);
  pl_signature_read (&reader, &message->signature);
  return pl_reader_finish (&reader);
}

void
pl_message_clear (PlMessage *message)
{
  pl_forwarding_header_clear (&message->header);
  g_clear_pointer (&message->body, g_bytes_unref);
  g_clear_pointer (&message->extensions, g_array_unref);
  g_clear_pointer (&message->certificates, g_ptr_array_unref);
  pl_signature_clear (&message->signature);
  g_clear_pointer (&message->contents, g_bytes_unref);
}

GBytes *
pl_message_contents_write (guint16 code, GBytes *body, GArray *extensions)
{
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_writer_u16 (&writer, code);
  pl_writer_opaque (&writer, body, 4);
  pl_writer_open (&writer, 4);
  pl_wire_list_write (&writer, extensions, (PlWireWriteFunc) pl_message_extension_write);
  pl_writer_close (&writer);
  return pl_writer_finish (&writer);
}

GBytes *
pl_message_write (PlForwardingHeader *header, GBytes *contents, GPtrArray *certificates, const PlSignature *signature)
{
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) payload = NULL;
  gsize len;
  const guint8 *data;

  pl_writer_init (&writer);
  pl_writer_bytes (&writer, contents);
  pl_writer_open (&writer, 2);
  for (guint i = 0; certificates && i < certificates->len; i++)
    {
      pl_writer_u8 (&writer, CERTIFICATE_X509);
      pl_writer_opaque (&writer, g_ptr_array_index (certificates, i), 2);
    }
  pl_writer_close (&writer);
  pl_signature_write (&writer, signature);
  payload = pl_writer_finish (&writer);
  if (!payload)
    return NULL;
  data = g_bytes_get_data (payload, &len);
  return pl_wire_join (header, data, len);
}

/* --- the originator's certificate, left out between the two ends of a link --- */

#define FINGERPRINT_LEN 32   /* SHA-256 */

typedef struct {
  PlForwardingHeader header;
  GBytes *contents, *bucket, *signature;
} Parts;

static void
parts_clear (Parts *parts)
{
  pl_forwarding_header_clear (&parts->header);
  g_clear_pointer (&parts->contents, g_bytes_unref);
  g_clear_pointer (&parts->bucket, g_bytes_unref);
  g_clear_pointer (&parts->signature, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parts, parts_clear)

static gboolean
split (GBytes *message, Parts *parts)
{
  PlReader reader, look;
  g_autoptr (GBytes) body = NULL, extensions = NULL;

  pl_reader_init_bytes (&reader, message);
  pl_forwarding_header_read (&reader, &parts->header);
  look = reader;
  pl_reader_u16 (&reader);
  body = pl_reader_opaque (&reader, 4);
  extensions = pl_reader_opaque (&reader, 4);
  if (pl_reader_ok (&reader))
    parts->contents = pl_reader_bytes (&look, reader.pos - look.pos);
  parts->bucket = pl_reader_opaque (&reader, 2);
  parts->signature = pl_reader_rest (&reader);
  return pl_reader_ok (&reader);
}

static GBytes *
join (Parts *parts, GBytes *bucket)
{
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) payload = NULL;
  gsize len;
  const guint8 *data;

  pl_writer_init (&writer);
  pl_writer_bytes (&writer, parts->contents);
  pl_writer_opaque (&writer, bucket, 2);
  pl_writer_bytes (&writer, parts->signature);
  payload = pl_writer_finish (&writer);
  if (!payload)
    return NULL;
  data = g_bytes_get_data (payload, &len);
  return pl_wire_join (&parts->header, data, len);
}

static GBytes *
bucket_entry (GBytes *der)
{
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_writer_u8 (&writer, CERTIFICATE_X509);
  pl_writer_opaque (&writer, der, 2);
  return pl_writer_finish (&writer);
}

static gboolean
begins_with (GBytes *bytes, GBytes *start)
{
  gsize len, start_len;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &len) : NULL, *start_data = g_bytes_get_data (start, &start_len);

  return data && len >= start_len && memcmp (data, start_data, start_len) == 0;
}

GBytes *
pl_message_without_certificate (GBytes *message, GBytes *der)
{
  g_auto (Parts) parts = { 0 };
  g_autoptr (GBytes) entry = bucket_entry (der), rest = NULL;
  gsize len = entry ? g_bytes_get_size (entry) : 0;

  if (!entry || !split (message, &parts) || !begins_with (parts.bucket, entry))
    return NULL;
  rest = g_bytes_new_from_bytes (parts.bucket, len, g_bytes_get_size (parts.bucket) - len);
  return join (&parts, rest);
}

static gboolean
is_signed_by (GBytes *signature_bytes, const guint8 *fingerprint)
{
  PlSignature signature = { 0 };
  PlReader reader;
  gboolean same;

  pl_reader_init_bytes (&reader, signature_bytes);
  same = pl_signature_read (&reader, &signature) && signature.identity.type == PL_SIGNER_CERT_HASH
         && signature.identity.hash_alg == PL_HASH_SHA256 && signature.identity.hash
         && g_bytes_get_size (signature.identity.hash) == FINGERPRINT_LEN
         && memcmp (g_bytes_get_data (signature.identity.hash, NULL), fingerprint, FINGERPRINT_LEN) == 0;
  pl_signature_clear (&signature);
  return same;
}

GBytes *
pl_message_with_certificate (GBytes *message, GBytes *der, const guint8 *fingerprint)
{
  g_auto (Parts) parts = { 0 };
  g_autoptr (GBytes) entry = bucket_entry (der);
  g_autoptr (GByteArray) bucket = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (!entry || !split (message, &parts) || !parts.signature || begins_with (parts.bucket, entry)
      || !is_signed_by (parts.signature, fingerprint))
    return NULL;
  bucket = g_byte_array_new ();
  g_byte_array_append (bucket, g_bytes_get_data (entry, NULL), g_bytes_get_size (entry));
  if (parts.bucket)
    g_byte_array_append (bucket, g_bytes_get_data (parts.bucket, NULL), g_bytes_get_size (parts.bucket));
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&bucket));
  return join (&parts, bytes);
}

GBytes *
pl_message_rewrite (PlMessage *message)
{
  g_autoptr (GBytes) contents = pl_message_contents_write (message->message_code, message->body, message->extensions);

  if (!contents)
    return NULL;
  return pl_message_write (&message->header, contents, message->certificates, &message->signature);
}
