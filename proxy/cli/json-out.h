/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes JSON text. json-glib has no unsigned 64-bit numbers, and a transaction_id is one.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

typedef struct {         /* on the stack; fields are its own */
  GString *text;
  guint depth;
  gboolean more;         /* something stands before in this object or array */
} PlJsonOut;

void pl_json_out_init (PlJsonOut *out);
/* The text with a line feed at its end; caller frees. */
char *pl_json_out_finish (PlJsonOut *out);

/* `name` is that of the member, NULL in an array and at the top. */
void pl_json_out_object (PlJsonOut *out, const char *name);
void pl_json_out_array (PlJsonOut *out, const char *name);
void pl_json_out_end_object (PlJsonOut *out);
void pl_json_out_end_array (PlJsonOut *out);
void pl_json_out_uint (PlJsonOut *out, const char *name, guint64 value);
void pl_json_out_boolean (PlJsonOut *out, const char *name, gboolean value);
void pl_json_out_null (PlJsonOut *out, const char *name);
void pl_json_out_string (PlJsonOut *out, const char *name, const char *value);
/* {"hex": "..."} */
void pl_json_out_hex (PlJsonOut *out, const char *name, const void *data, gsize len);
void pl_json_out_bytes (PlJsonOut *out, const char *name, GBytes *bytes);  /* NULL is empty */
/* A string when the bytes are UTF-8, else as pl_json_out_bytes. */
void pl_json_out_text (PlJsonOut *out, const char *name, GBytes *bytes);

G_END_DECLS
