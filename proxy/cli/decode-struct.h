/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Single RELOAD structures for `peerline decode --struct NAME`.
 */
#pragma once
#include "proxy/cli/decode-fields.h"

G_BEGIN_DECLS

typedef struct {
  const char *name;
  gboolean (*read) (PlReader *reader, gpointer out);
  void (*write) (PlWriter *writer, gconstpointer value);
  void (*clear) (gpointer value);  /* may be NULL */
  PlFieldsFunc fields;
} PlDecodeStruct;

/* NULL when nothing here has this name. */
const PlDecodeStruct *pl_decode_struct_find (const char *name);
/* The names, with spaces between; caller frees. */
char *pl_decode_struct_dup_names (void);

/* Room for any of them. */
typedef union {
  PlDestination destination;
  PlForwardingOption option;
  PlMessageExtension extension;
  GBytes *certificate;
  PlSignature signature;
  PlStoredData data;
  PlStoredMetaData metadata;
  PlStoredDataSpecifier specifier;
  PlIceCandidate candidate;
  PlChordLeaveData leave;
  PlFrame frame;
  PlSipRegistration registration;
  PlTurnServer server;
  PlDiagnosticsRequest diagnostics_request;
  PlDiagnosticsResponse diagnostics_response;
} PlDecodeAny;

G_END_DECLS
