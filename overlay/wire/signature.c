/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/data.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

static gboolean
identity_has_hash (guint8 type)
{
  return type == PL_SIGNER_CERT_HASH || type == PL_SIGNER_CERT_HASH_NODE_ID;
}

gboolean
pl_signer_identity_read (PlReader *reader, PlSignerIdentity *identity)
{
  PlReader child;

  memset (identity, 0, sizeof *identity);
  identity->type = pl_reader_u8 (reader);
  if (pl_reader_ok (reader) && identity->type == 0)
    pl_reader_fail (reader, PL_WIRE_TYPE);
  pl_reader_open (reader, &child, 2);
  if (identity_has_hash (identity->type))
    {
      identity->hash_alg = pl_reader_u8 (&child);
      identity->hash = pl_reader_opaque (&child, 1);
    }
  else if (identity->type != PL_SIGNER_NONE)
    identity->hash = pl_reader_rest (&child);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_signer_identity_write (PlWriter *writer, const PlSignerIdentity *identity)
{
  pl_writer_u8 (writer, identity->type);
  pl_writer_open (writer, 2);
  if (identity_has_hash (identity->type))
    {
      pl_writer_u8 (writer, identity->hash_alg);
      pl_writer_opaque (writer, identity->hash, 1);
    }
  else if (identity->type != PL_SIGNER_NONE)
    pl_writer_bytes (writer, identity->hash);
  pl_writer_close (writer);
}

void
pl_signer_identity_clear (PlSignerIdentity *identity)
{
  g_clear_pointer (&identity->hash, g_bytes_unref);
}

void
pl_signer_identity_copy (PlSignerIdentity *copy, const PlSignerIdentity *identity)
{
  *copy = *identity;
  copy->hash = pl_wire_bytes_ref (identity->hash);
}

gboolean
pl_signature_read (PlReader *reader, PlSignature *signature)
{
  memset (signature, 0, sizeof *signature);
  signature->hash_alg = pl_reader_u8 (reader);
  signature->sign_alg = pl_reader_u8 (reader);
  pl_signer_identity_read (reader, &signature->identity);
  signature->value = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

void
pl_signature_write (PlWriter *writer, const PlSignature *signature)
{
  pl_writer_u8 (writer, signature->hash_alg);
  pl_writer_u8 (writer, signature->sign_alg);
  pl_signer_identity_write (writer, &signature->identity);
  pl_writer_opaque (writer, signature->value, 2);
}

void
pl_signature_clear (PlSignature *signature)
{
  pl_signer_identity_clear (&signature->identity);
  g_clear_pointer (&signature->value, g_bytes_unref);
}

void
pl_signature_copy (PlSignature *copy, const PlSignature *signature)
{
  *copy = *signature;
  pl_signer_identity_copy (&copy->identity, &signature->identity);
  copy->value = pl_wire_bytes_ref (signature->value);
}

void
pl_signature_init_none (PlSignature *signature)
{
  memset (signature, 0, sizeof *signature);
  signature->identity.type = PL_SIGNER_NONE;
}

gboolean
pl_signature_is_none (const PlSignature *signature)
{
  return signature->identity.type == PL_SIGNER_NONE && signature->hash_alg == PL_HASH_NONE &&
         signature->sign_alg == PL_SIGN_ANONYMOUS && !signature->value;
}

GBytes *
pl_message_signature_input (guint32 overlay, guint64 transaction_id, const guint8 *contents, gsize len,
                            const PlSignerIdentity *identity)
{
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_writer_u32 (&writer, overlay);
  pl_writer_u64 (&writer, transaction_id);
  pl_writer_raw (&writer, contents, len);
  pl_signer_identity_write (&writer, identity);
  return pl_writer_finish (&writer);
}

/* The value with the index it was signed with. */
static void
write_signed_value (PlWriter *writer, const PlStoredData *data, gboolean zero_index)
{
  gsize at = pl_writer_len (writer);

  if (data->value_bytes)
    pl_writer_bytes (writer, data->value_bytes);
  else
    pl_stored_data_value_write (writer, &data->value);
  if (data->value.model != PL_DATA_ARRAY || pl_writer_len (writer) - at < 4)
    return;
  if (zero_index || data->value.index == PL_ARRAY_APPEND)
    memset (writer->bytes->data + at, 0, 4);
}

GBytes *
pl_value_signature_input (const PlResourceId *resource, guint32 kind, const PlStoredData *data,
                          const PlSignerIdentity *identity, gboolean zero_index)
{
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_writer_raw (&writer, resource->b, resource->len);
  pl_writer_u32 (&writer, kind);
  pl_writer_u64 (&writer, data->storage_time);
  write_signed_value (&writer, data, zero_index);
  pl_signer_identity_write (&writer, identity);
  return pl_writer_finish (&writer);
}
