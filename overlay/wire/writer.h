/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes the presentation language of RFC 6940, section 6.3.1. Lengths are reserved when a
 * field is opened and patched when it is closed; errors (a field too long for its length)
 * stick and the caller looks once, at pl_writer_finish.
 */
#pragma once
#include "overlay/wire/reader.h"

G_BEGIN_DECLS

#define PL_WRITER_DEPTH 16 /* nesting of open fields; ours never passes 8 */

typedef struct {            /* on the stack; fields are the writer's own */
  GByteArray *bytes;
  PlWireStatus status;
  guint depth;
  struct { gsize at; guint width; } open[PL_WRITER_DEPTH];
} PlWriter;

void pl_writer_init (PlWriter *writer);
void pl_writer_clear (PlWriter *writer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlWriter, pl_writer_clear)

void pl_writer_u8 (PlWriter *writer, guint8 value);
void pl_writer_u16 (PlWriter *writer, guint16 value);
void pl_writer_u24 (PlWriter *writer, guint32 value);
void pl_writer_u32 (PlWriter *writer, guint32 value);
void pl_writer_u64 (PlWriter *writer, guint64 value);
void pl_writer_boolean (PlWriter *writer, gboolean value);
void pl_writer_raw (PlWriter *writer, const void *data, gsize len);
void pl_writer_node_id (PlWriter *writer, const PlNodeId *id);
void pl_writer_resource_id (PlWriter *writer, const PlResourceId *id);
/* NULL is empty. With a length in `width` bytes, or bare. */
void pl_writer_opaque (PlWriter *writer, GBytes *bytes, guint width);
void pl_writer_bytes (PlWriter *writer, GBytes *bytes);

/* A field whose length stands before it in `width` bytes (1 to 4). */
void pl_writer_open (PlWriter *writer, guint width);
void pl_writer_close (PlWriter *writer);

gsize pl_writer_len (const PlWriter *writer);
void pl_writer_fail (PlWriter *writer, PlWireStatus status);
/* What was written, the caller's, and the writer is empty again; NULL after an error. */
GBytes *pl_writer_finish (PlWriter *writer);

G_END_DECLS
