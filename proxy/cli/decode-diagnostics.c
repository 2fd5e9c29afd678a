/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode-fields.h"

static void
extension (PlJsonOut *out, const char *name, const PlDiagnosticExtension *value)
{
  pl_fields_open (out, name, "DiagnosticExtension");
  pl_json_out_uint (out, "type", value->type);
  pl_json_out_bytes (out, "contents", value->contents);
  pl_json_out_end_object (out);
}

/* The kinds that dMFlags asks for, by name; bits without a name only in the number. */
static void
asked_kinds (PlJsonOut *out, guint64 flags)
{
  pl_json_out_array (out, "kinds");
  for (guint16 kind = 1; kind <= PL_DIAGNOSTIC_LAST; kind++)
    if (flags & PL_DIAGNOSTIC_FLAG (kind))
      pl_json_out_string (out, NULL, pl_diagnostic_kind_name (kind));
  pl_json_out_end_array (out);
}

void
pl_fields_diagnostics_request (PlJsonOut *out, const char *name, const PlDiagnosticsRequest *request)
{
  pl_fields_open (out, name, "DiagnosticsRequest");
  pl_json_out_uint (out, "expiration", request->expiration);
  pl_json_out_uint (out, "timestamp_initiated", request->timestamp_initiated);
  pl_json_out_uint (out, "dMFlags", request->flags);
  asked_kinds (out, request->flags);
  pl_fields_list (out, "extensions", request->extensions, (PlFieldsFunc) extension);
  pl_json_out_end_object (out);
}

static void
entry (PlJsonOut *out, const char *name, const PlDiagnosticEntry *value)
{
  pl_json_out_object (out, name);
  pl_json_out_uint (out, "id", value->id);
  pl_json_out_uint (out, "first", value->one);
  pl_json_out_uint (out, "second", value->two);
  pl_json_out_end_object (out);
}

static void
info (PlJsonOut *out, const char *name, const PlDiagnosticInfo *value)
{
  const char *kind = pl_diagnostic_kind_name (value->kind);
  g_autofree char *text = value->kind == PL_DIAGNOSTIC_SOFTWARE_VERSION ? pl_diagnostic_info_dup_text (value) : NULL;

  pl_fields_open (out, name, "DiagnosticInfo");
  pl_json_out_uint (out, "kind", value->kind);
  if (kind)
    pl_json_out_string (out, "kind_name", kind);
  if (value->entries)
    pl_fields_list (out, "entries", value->entries, (PlFieldsFunc) entry);
  else if (value->width)
    pl_json_out_uint (out, "value", value->number);
  else if (text)
    pl_json_out_string (out, "value", text);
  else
    pl_json_out_text (out, "value", value->raw);
  pl_json_out_end_object (out);
}

void
pl_fields_diagnostics_response (PlJsonOut *out, const char *name, const PlDiagnosticsResponse *response)
{
  pl_fields_open (out, name, "DiagnosticsResponse");
  pl_json_out_uint (out, "expiration", response->expiration);
  pl_json_out_uint (out, "timestamp_initiated", response->timestamp_initiated);
  pl_json_out_uint (out, "timestamp_received", response->timestamp_received);
  pl_json_out_uint (out, "hop_counter", response->hop_counter);
  pl_fields_list (out, "diagnostic_info_list", response->info, (PlFieldsFunc) info);
  pl_json_out_end_object (out);
}
