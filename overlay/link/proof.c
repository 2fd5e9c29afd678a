/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/proof.h"

#include <string.h>

#include "overlay/wire/data.h"

#define CONTEXT "peerline link proof"
#define SEEN 1

static const PlNodeId nobody;

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "the far side's proof: %s", why);
  return FALSE;
}

/* What is signed. */
static GBytes *
proof_input (const PlProof *proof)
{
  g_auto (PlWriter) writer = { 0 };

  pl_writer_init (&writer);
  pl_writer_raw (&writer, CONTEXT, strlen (CONTEXT));
  pl_writer_u8 (&writer, proof->server ? 1 : 0);
  pl_writer_raw (&writer, proof->node.b, PL_NODE_ID_LEN);
  pl_writer_raw (&writer, proof->wanted.b, PL_NODE_ID_LEN);
  pl_writer_raw (&writer, proof->exported, PL_PROOF_EXPORTED);
  return pl_writer_finish (&writer);
}

GBytes *
pl_proof_write (PlIdentity *identity, const PlProof *proof, GError **error)
{
  g_autoptr (GBytes) input = proof_input (proof);
  g_auto (PlWriter) writer = { 0 };
  PlSignature signature = { 0 };

  if (!pl_identity_sign_bytes (identity, g_bytes_get_data (input, NULL), g_bytes_get_size (input), &signature, error))
    return NULL;
  pl_writer_init (&writer);
  pl_writer_u8 (&writer, PL_PROOF_RECORD);
  pl_writer_u8 (&writer, 0);
  pl_writer_raw (&writer, proof->node.b, PL_NODE_ID_LEN);
  pl_writer_raw (&writer, proof->wanted.b, PL_NODE_ID_LEN);
  pl_writer_opaque (&writer, pl_cert_der (pl_identity_cert (identity)), 2);
  pl_signature_write (&writer, &signature);
  pl_signature_clear (&signature);
  return pl_writer_finish (&writer);
}

static gboolean
read_record (const guint8 *data, gsize len, PlProof *proof, GPtrArray *certs, PlSignature *signature)
{
  PlReader reader;
  GBytes *der;

  pl_reader_init (&reader, data, len);
  pl_reader_u8 (&reader);
  pl_reader_u8 (&reader);
  pl_reader_node_id (&reader, &proof->node);
  pl_reader_node_id (&reader, &proof->wanted);
  der = pl_reader_opaque (&reader, 2);
  if (der)
    g_ptr_array_add (certs, der);
  pl_signature_read (&reader, signature);
  return pl_reader_finish (&reader) == PL_WIRE_OK && der != NULL;
}

static gboolean
fits (const PlProof *proof, const PlProof *expected, GError **error)
{
  if (!pl_node_id_equal (&expected->node, &nobody) && !pl_node_id_equal (&proof->node, &expected->node))
    return refuse (error, "it is not the node wanted");
  return pl_node_id_equal (&proof->wanted, &nobody) || pl_node_id_equal (&proof->wanted, &expected->wanted)
         || refuse (error, "it wants another node");
}

PlCert *
pl_proof_read (PlTrust *trust, const PlProof *expected, const guint8 *data, gsize len, PlNodeId *node, GError **error)
{
  g_autoptr (GPtrArray) certs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (PlCert) cert = NULL;
  g_autoptr (GBytes) input = NULL;
  PlProof proof = { .server = expected->server, .exported = expected->exported };
  PlSignature signature = { 0 };

  if (!read_record (data, len, &proof, certs, &signature))
    refuse (error, "it is malformed");
  else if (fits (&proof, expected, error))
    {
      input = proof_input (&proof);
      cert = pl_trust_verify_bytes (trust, certs, g_bytes_get_data (input, NULL), g_bytes_get_size (input), &signature, node, error);
    }
  pl_signature_clear (&signature);
  if (cert && !pl_node_id_equal (node, &proof.node))
    return refuse (error, "another Node-ID signed it"), NULL;
  return g_steal_pointer (&cert);
}

gboolean
pl_proof_is (const guint8 *data, gsize len)
{
  return len >= 2 && data[0] == PL_PROOF_RECORD;
}

gboolean
pl_proof_seen (const guint8 *data, gsize len)
{
  return (data[1] & SEEN) != 0;
}

void
pl_proof_set_seen (guint8 *data, gboolean seen)
{
  data[1] = seen ? SEEN : 0;
}
