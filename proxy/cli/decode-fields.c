/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode-fields.h"

void
pl_fields_open (PlJsonOut *out, const char *name, const char *type)
{
  pl_json_out_object (out, name);
  pl_json_out_string (out, "_type", type);
}

void
pl_fields_list (PlJsonOut *out, const char *name, GArray *list, PlFieldsFunc func)
{
  pl_json_out_array (out, name);
  for (guint i = 0; list && i < list->len; i++)
    func (out, NULL, list->data + (gsize) i * g_array_get_element_size (list));
  pl_json_out_end_array (out);
}

void
pl_fields_node_id (PlJsonOut *out, const char *name, const PlNodeId *id)
{
  pl_json_out_hex (out, name, id->b, PL_NODE_ID_LEN);
}

void
pl_fields_resource_id (PlJsonOut *out, const char *name, const PlResourceId *id)
{
  pl_json_out_hex (out, name, id->b, id->len);
}

/* --- forwarding header --- */

void
pl_fields_destination (PlJsonOut *out, const char *name, const PlDestination *destination)
{
  pl_fields_open (out, name, "Destination");
  pl_fields_enum (out, "type", PL_ENUM_DESTINATION, destination->type);
  if (destination->type == PL_DESTINATION_NODE)
    pl_fields_node_id (out, "data", &destination->node_id);
  else
    pl_fields_resource_id (out, "data", &destination->opaque_id);
  pl_json_out_end_object (out);
}

void
pl_fields_forwarding_option (PlJsonOut *out, const char *name, const PlForwardingOption *option)
{
  pl_fields_open (out, name, "ForwardingOption");
  pl_json_out_uint (out, "type", option->type);
  pl_json_out_uint (out, "flags", option->flags);
  pl_json_out_bytes (out, "option", option->option);
  pl_json_out_end_object (out);
}

void
pl_fields_forwarding_header (PlJsonOut *out, const char *name, const PlForwardingHeader *header)
{
  pl_fields_open (out, name, "ForwardingHeader");
  pl_json_out_uint (out, "overlay", header->overlay);
  pl_json_out_uint (out, "configuration_sequence", header->configuration_sequence);
  pl_json_out_uint (out, "version", header->version);
  pl_json_out_uint (out, "ttl", header->ttl);
  pl_json_out_uint (out, "fragment", header->fragment);
  pl_json_out_uint (out, "length", header->length);
  pl_json_out_uint (out, "transaction_id", header->transaction_id);
  pl_json_out_uint (out, "max_response_length", header->max_response_length);
  pl_fields_list (out, "via_list", header->via_list, (PlFieldsFunc) pl_fields_destination);
  pl_fields_list (out, "destination_list", header->destination_list, (PlFieldsFunc) pl_fields_destination);
  pl_fields_list (out, "options", header->options, (PlFieldsFunc) pl_fields_forwarding_option);
  pl_json_out_end_object (out);
}

/* --- contents and security block --- */

void
pl_fields_message_extension (PlJsonOut *out, const char *name, const PlMessageExtension *extension)
{
  pl_fields_open (out, name, "MessageExtension");
  pl_json_out_uint (out, "type", extension->type);
  pl_json_out_boolean (out, "critical", extension->critical);
  pl_json_out_bytes (out, "extension", extension->extension_contents);
  pl_json_out_end_object (out);
}

void
pl_fields_contents (PlJsonOut *out, const char *name, const PlMessage *message)
{
  pl_fields_open (out, name, "MessageContents");
  pl_json_out_uint (out, "code", message->message_code);
  pl_json_out_bytes (out, "body", message->body);
  pl_fields_list (out, "extensions", message->extensions, (PlFieldsFunc) pl_fields_message_extension);
  pl_json_out_end_object (out);
}

void
pl_fields_certificate (PlJsonOut *out, const char *name, GBytes *der)
{
  pl_fields_open (out, name, "GenericCertificate");
  pl_fields_enum (out, "type", PL_ENUM_CERTIFICATE, 0);
  pl_json_out_bytes (out, "certificate", der);
  pl_json_out_end_object (out);
}

void
pl_fields_signer_identity (PlJsonOut *out, const char *name, const PlSignerIdentity *identity)
{
  gboolean node_id = identity->type == PL_SIGNER_CERT_HASH_NODE_ID;

  pl_fields_open (out, name, "SignerIdentity");
  pl_fields_enum (out, "type", PL_ENUM_SIGNER, identity->type);
  if (node_id || identity->type == PL_SIGNER_CERT_HASH)
    {
      pl_fields_open (out, "identity", node_id ? "CertificateHashNodeID" : "CertificateHash");
      pl_fields_enum (out, "hash_algorithm", PL_ENUM_HASH, identity->hash_alg);
      pl_json_out_bytes (out, "certificate_hash", identity->hash);
      pl_json_out_end_object (out);
    }
  else if (identity->type == PL_SIGNER_NONE)
    {
      pl_fields_open (out, "identity", "Empty");
      pl_json_out_end_object (out);
    }
  else
    pl_json_out_bytes (out, "identity", identity->hash);
  pl_json_out_end_object (out);
}

void
pl_fields_signature (PlJsonOut *out, const char *name, const PlSignature *signature)
{
  pl_fields_open (out, name, "Signature");
  pl_fields_open (out, "algorithm", "SignatureAndHashAlgorithm");
  pl_fields_enum (out, "hash", PL_ENUM_HASH, signature->hash_alg);
  pl_fields_enum (out, "signature", PL_ENUM_SIGN, signature->sign_alg);
  pl_json_out_end_object (out);
  pl_fields_signer_identity (out, "identity", &signature->identity);
  pl_json_out_bytes (out, "value", signature->value);
  pl_json_out_end_object (out);
}

void
pl_fields_security (PlJsonOut *out, const char *name, const PlMessage *message)
{
  pl_fields_open (out, name, "SecurityBlock");
  pl_json_out_array (out, "certificates");
  for (guint i = 0; i < message->certificates->len; i++)
    pl_fields_certificate (out, NULL, g_ptr_array_index (message->certificates, i));
  pl_json_out_end_array (out);
  pl_fields_signature (out, "signature", &message->signature);
  pl_json_out_end_object (out);
}

/* --- addresses and candidates --- */

/* Start and length of the longest run of zero groups, the first of equals; runs of one don't
 * count (RFC 5952, section 4.2). */
static void
longest_zeros (const guint16 *groups, guint *at, guint *len)
{
  *at = *len = 0;
  for (guint i = 0; i < 8; i++)
    {
      guint run = 0;

      while (i + run < 8 && groups[i + run] == 0)
        run++;
      if (run > *len && run > 1)
        {
          *at = i;
          *len = run;
        }
      i += run;
    }
}

/* inet_ntop is not used: it writes addresses like ::1:2 with dots where nothing says IPv4. */
static char *
ipv6_text (const guint8 *addr)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint16 groups[8];
  guint at, len;

  for (guint i = 0; i < 8; i++)
    groups[i] = (guint16) (addr[2 * i] << 8 | addr[2 * i + 1]);
  longest_zeros (groups, &at, &len);
  if (at == 0 && len == 5 && groups[5] == 0xffff) /* IPv4-mapped: section 5 */
    return g_strdup_printf ("::ffff:%u.%u.%u.%u", addr[12], addr[13], addr[14], addr[15]);
  for (guint i = 0; i < 8; i++)
    {
      if (len > 0 && i == at)
        {
          g_string_append (text, "::");
          i += len - 1;
          continue;
        }
      if (text->len > 0 && text->str[text->len - 1] != ':')
        g_string_append_c (text, ':');
      g_string_append_printf (text, "%x", groups[i]);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
address_text (const PlIpAddressPort *address)
{
  const guint8 *b = address->addr;

  if (address->type == PL_ADDRESS_IPV4)
    return g_strdup_printf ("%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
  return ipv6_text (b);
}

void
pl_fields_ip_address_port (PlJsonOut *out, const char *name, const PlIpAddressPort *address)
{
  g_autofree char *text = address_text (address);

  pl_fields_open (out, name, "IPAddressPort");
  pl_fields_enum (out, "type", PL_ENUM_ADDRESS, address->type);
  pl_fields_open (out, "addr_port", address->type == PL_ADDRESS_IPV4 ? "IPv4AddrPort" : "IPv6AddrPort");
  pl_json_out_string (out, "addr", text);
  pl_json_out_uint (out, "port", address->port);
  pl_json_out_end_object (out);
  pl_json_out_end_object (out);
}

static void
ice_extension (PlJsonOut *out, const char *name, const PlIceExtension *extension)
{
  pl_fields_open (out, name, "ICEExtension");
  pl_json_out_text (out, "name", extension->name);
  pl_json_out_text (out, "value", extension->value);
  pl_json_out_end_object (out);
}

void
pl_fields_ice_candidate (PlJsonOut *out, const char *name, const PlIceCandidate *candidate)
{
  pl_fields_open (out, name, "ICECandidate");
  pl_fields_ip_address_port (out, "addr_port", &candidate->addr_port);
  pl_fields_enum (out, "link_type", PL_ENUM_LINK, candidate->overlay_link);
  pl_json_out_text (out, "foundation", candidate->foundation);
  pl_json_out_uint (out, "priority", candidate->priority);
  pl_fields_enum (out, "type", PL_ENUM_CANDIDATE, candidate->type);
  if (candidate->type == PL_CAND_HOST)
    {
      pl_fields_open (out, "related_address", "Empty");
      pl_json_out_end_object (out);
    }
  else
    pl_fields_ip_address_port (out, "related_address", &candidate->rel_addr_port);
  pl_fields_list (out, "extensions", candidate->extensions, (PlFieldsFunc) ice_extension);
  pl_json_out_end_object (out);
}

/* --- frames and values of Kinds --- */

void
pl_fields_frame (PlJsonOut *out, const char *name, const PlFrame *frame)
{
  gboolean data = frame->type == PL_FRAME_DATA;

  pl_fields_open (out, name, "FramedMessage");
  pl_fields_enum (out, "type", PL_ENUM_FRAME, frame->type);
  pl_fields_open (out, "frame", data ? "DataFrame" : "AckFrame");
  pl_json_out_uint (out, "sequence", data ? frame->sequence : frame->ack_sequence);
  if (data)
    pl_json_out_bytes (out, "message", frame->message);
  else
    pl_json_out_uint (out, "received", frame->received);
  pl_json_out_end_object (out);
  pl_json_out_end_object (out);
}

void
pl_fields_sip_registration (PlJsonOut *out, const char *name, const PlSipRegistration *registration)
{
  pl_json_out_object (out, name);
  pl_json_out_uint (out, "type", registration->type);
  if (registration->type == PL_SIP_REGISTRATION_URI)
    pl_json_out_text (out, "uri", registration->uri);
  else
    {
      pl_json_out_text (out, "contact_prefs", registration->contact_prefs);
      pl_fields_list (out, "destination_list", registration->destination_list, (PlFieldsFunc) pl_fields_destination);
    }
  pl_json_out_end_object (out);
}

void
pl_fields_turn_server (PlJsonOut *out, const char *name, const PlTurnServer *server)
{
  g_autofree char *text = address_text (&server->server_address);

  pl_json_out_object (out, name);
  pl_json_out_uint (out, "iteration", server->iteration);
  pl_json_out_string (out, "host", text);
  pl_json_out_uint (out, "port", server->server_address.port);
  pl_json_out_end_object (out);
}
