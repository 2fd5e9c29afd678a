/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RELOAD structures as JSON: members named and nested as in the `fields` of the vectors in
 * tests/data/vectors, which follow RFC 6940. Opaque bytes are {"hex": ...}, values of an
 * enumeration {"name": ..., "value": ...} or a plain number when they have no name.
 */
#pragma once
#include "overlay/wire/attach.h"
#include "overlay/wire/body.h"
#include "overlay/wire/diagnostics.h"
#include "overlay/wire/framing.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/sip.h"
#include "overlay/wire/store.h"
#include "proxy/cli/json-out.h"

G_BEGIN_DECLS

typedef void (*PlFieldsFunc) (PlJsonOut *out, const char *name, gconstpointer value);

/* Opens an object with its "_type". */
void pl_fields_open (PlJsonOut *out, const char *name, const char *type);
void pl_fields_list (PlJsonOut *out, const char *name, GArray *list, PlFieldsFunc func);
void pl_fields_node_id (PlJsonOut *out, const char *name, const PlNodeId *id);
void pl_fields_resource_id (PlJsonOut *out, const char *name, const PlResourceId *id);

void pl_fields_destination (PlJsonOut *out, const char *name, const PlDestination *destination);
void pl_fields_forwarding_option (PlJsonOut *out, const char *name, const PlForwardingOption *option);
void pl_fields_forwarding_header (PlJsonOut *out, const char *name, const PlForwardingHeader *header);
void pl_fields_message_extension (PlJsonOut *out, const char *name, const PlMessageExtension *extension);
void pl_fields_certificate (PlJsonOut *out, const char *name, GBytes *der);
void pl_fields_signer_identity (PlJsonOut *out, const char *name, const PlSignerIdentity *identity);
void pl_fields_signature (PlJsonOut *out, const char *name, const PlSignature *signature);
/* MessageContents without decoding the body, and SecurityBlock. */
void pl_fields_contents (PlJsonOut *out, const char *name, const PlMessage *message);
void pl_fields_security (PlJsonOut *out, const char *name, const PlMessage *message);

void pl_fields_ip_address_port (PlJsonOut *out, const char *name, const PlIpAddressPort *address);
void pl_fields_ice_candidate (PlJsonOut *out, const char *name, const PlIceCandidate *candidate);
void pl_fields_stored_data (PlJsonOut *out, const char *name, const PlStoredData *data);
void pl_fields_stored_meta_data (PlJsonOut *out, const char *name, const PlStoredMetaData *data);
void pl_fields_specifier (PlJsonOut *out, const char *name, const PlStoredDataSpecifier *specifier);
void pl_fields_chord_leave (PlJsonOut *out, const char *name, const PlChordLeaveData *data);
void pl_fields_frame (PlJsonOut *out, const char *name, const PlFrame *frame);
void pl_fields_sip_registration (PlJsonOut *out, const char *name, const PlSipRegistration *registration);
void pl_fields_turn_server (PlJsonOut *out, const char *name, const PlTurnServer *server);
void pl_fields_diagnostics_request (PlJsonOut *out, const char *name, const PlDiagnosticsRequest *request);
void pl_fields_diagnostics_response (PlJsonOut *out, const char *name, const PlDiagnosticsResponse *response);
/* The struct that pl_body_type (code) reads. */
void pl_fields_body (PlJsonOut *out, const char *name, guint16 code, gconstpointer body);

/* Enumerations. */
typedef enum {
  PL_ENUM_ADDRESS, PL_ENUM_CANDIDATE, PL_ENUM_CHORD_LEAVE, PL_ENUM_CHORD_UPDATE, PL_ENUM_CONFIG_UPDATE,
  PL_ENUM_DESTINATION, PL_ENUM_ERROR, PL_ENUM_FRAME, PL_ENUM_HASH, PL_ENUM_LINK, PL_ENUM_PROBE,
  PL_ENUM_SIGN, PL_ENUM_SIGNER, PL_ENUM_CERTIFICATE,
} PlEnumeration;
void pl_fields_enum (PlJsonOut *out, const char *name, PlEnumeration enumeration, guint value);

G_END_DECLS
