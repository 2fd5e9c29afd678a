/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode-struct.h"

#include <string.h>

static gboolean
certificate_read (PlReader *reader, GBytes **der)
{
  if (pl_reader_u8 (reader) != 0)
    pl_reader_fail (reader, PL_WIRE_CERTIFICATE_TYPE);
  *der = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

static void
certificate_write (PlWriter *writer, GBytes *const *der)
{
  pl_writer_u8 (writer, 0);
  pl_writer_opaque (writer, *der, 2);
}

static void
certificate_clear (GBytes **der)
{
  g_clear_pointer (der, g_bytes_unref);
}

static void
certificate_fields (PlJsonOut *out, const char *name, GBytes *const *der)
{
  pl_fields_certificate (out, name, *der);
}

/* A value alone does not say its Kind: the three models have a name each. */
#define OF_MODEL(model, MODEL) \
  static gboolean model##_read (PlReader *reader, PlStoredData *data) \
  { \
    return pl_stored_data_read (reader, MODEL, data); \
  } \
  static gboolean model##_meta_read (PlReader *reader, PlStoredMetaData *data) \
  { \
    return pl_stored_meta_data_read (reader, MODEL, data); \
  }

OF_MODEL (single, PL_DATA_SINGLE)
OF_MODEL (array, PL_DATA_ARRAY)
OF_MODEL (dictionary, PL_DATA_DICTIONARY)

typedef gboolean (*ReadFunc) (PlReader *reader, gpointer out);
typedef void (*WriteFunc) (PlWriter *writer, gconstpointer value);
typedef void (*ClearFunc) (gpointer value);

#define STRUCT(name, read, write, clear, fields) \
  { name, (ReadFunc) read, (WriteFunc) write, (ClearFunc) clear, (PlFieldsFunc) fields }
#define DATA(name, read) STRUCT (name, read, pl_stored_data_write, pl_stored_data_clear, pl_fields_stored_data)
#define META(name, read) STRUCT (name, read, pl_stored_meta_data_write, pl_stored_meta_data_clear, pl_fields_stored_meta_data)

static const PlDecodeStruct structs[] = {
  STRUCT ("ChordLeaveData", pl_chord_leave_data_read, pl_chord_leave_data_write, pl_chord_leave_data_clear, pl_fields_chord_leave),
  STRUCT ("Destination", pl_destination_read, pl_destination_write, NULL, pl_fields_destination),
  STRUCT ("ForwardingOption", pl_forwarding_option_read, pl_forwarding_option_write, pl_forwarding_option_clear,
          pl_fields_forwarding_option),
  STRUCT ("DiagnosticsRequest", pl_diagnostics_request_read, pl_diagnostics_request_write, pl_diagnostics_request_clear,
          pl_fields_diagnostics_request),
  STRUCT ("DiagnosticsResponse", pl_diagnostics_response_read, pl_diagnostics_response_write, pl_diagnostics_response_clear,
          pl_fields_diagnostics_response),
  STRUCT ("FramedMessage", pl_frame_read, pl_frame_write, pl_frame_clear, pl_fields_frame),
  STRUCT ("GenericCertificate", certificate_read, certificate_write, certificate_clear, certificate_fields),
  STRUCT ("ICECandidate", pl_ice_candidate_read, pl_ice_candidate_write, pl_ice_candidate_clear, pl_fields_ice_candidate),
  STRUCT ("IPAddressPort", pl_ip_address_port_read, pl_ip_address_port_write, NULL, pl_fields_ip_address_port),
  STRUCT ("MessageExtension", pl_message_extension_read, pl_message_extension_write, pl_message_extension_clear,
          pl_fields_message_extension),
  STRUCT ("Signature", pl_signature_read, pl_signature_write, pl_signature_clear, pl_fields_signature),
  STRUCT ("SignerIdentity", pl_signer_identity_read, pl_signer_identity_write, pl_signer_identity_clear, pl_fields_signer_identity),
  STRUCT ("StoredDataSpecifier", pl_stored_data_specifier_read, pl_stored_data_specifier_write,
          pl_stored_data_specifier_clear, pl_fields_specifier),
  DATA ("StoredData", single_read),
  DATA ("StoredData:ARRAY", array_read),
  DATA ("StoredData:DICTIONARY", dictionary_read),
  META ("StoredMetaData", single_meta_read),
  META ("StoredMetaData:ARRAY", array_meta_read),
  META ("StoredMetaData:DICTIONARY", dictionary_meta_read),
  STRUCT ("SipRegistration", pl_sip_registration_read, pl_sip_registration_write, pl_sip_registration_clear,
          pl_fields_sip_registration),
  STRUCT ("TurnServer", pl_turn_server_read, pl_turn_server_write, NULL, pl_fields_turn_server),
};

const PlDecodeStruct *
pl_decode_struct_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (structs); i++)
    if (g_ascii_strcasecmp (structs[i].name, name) == 0)
      return &structs[i];
  return NULL;
}

char *
pl_decode_struct_dup_names (void)
{
  g_autoptr (GString) names = g_string_new (structs[0].name);

  for (guint i = 1; i < G_N_ELEMENTS (structs); i++)
    g_string_append_printf (names, " %s", structs[i].name);
  return g_string_free (g_steal_pointer (&names), FALSE);
}
