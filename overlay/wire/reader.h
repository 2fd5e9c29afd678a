/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads the presentation language of RFC 6940, section 6.3.1. The first error sticks: every
 * later read yields zero or NULL and the caller looks once at the end. A field with a length
 * in front is read through a child reader that sees nothing beyond it; bytes left over when
 * the child is closed are an error. Nothing is allocated from a claimed count.
 */
#pragma once
#include "overlay/wire/id.h"

G_BEGIN_DECLS

typedef enum {
  PL_WIRE_OK,
  PL_WIRE_TRUNCATED,        /* a field goes past the end of what holds it */
  PL_WIRE_TRAILING,         /* bytes left over */
  PL_WIRE_TOO_LONG,         /* written: more than its length field can say */
  PL_WIRE_TOO_MANY,         /* a list beyond our ceiling */
  PL_WIRE_BOOLEAN,          /* neither 0 nor 1 (6.3.1.1) */
  PL_WIRE_TOKEN,            /* does not begin with 0xd2454c4f (6.3.2) */
  PL_WIRE_VERSION,          /* another version of the protocol */
  PL_WIRE_OVERLAY,          /* another overlay's */
  PL_WIRE_LENGTH,           /* header's length is not the message's */
  PL_WIRE_FRAGMENT,         /* fragment field: high bit not set, offset out of range (6.7) */
  PL_WIRE_FRAGMENTED,       /* a fragment where a whole message is wanted */
  PL_WIRE_DESTINATION,      /* malformed destination, or a resource in a place it can't be in */
  PL_WIRE_ADDRESS,          /* address type or length */
  PL_WIRE_TYPE,             /* a value outside its enumeration where no length lets us skip it */
  PL_WIRE_CERTIFICATE_TYPE, /* not X.509 */
  PL_WIRE_RANGE,            /* array range with first after last (7.4.2.1) */
  PL_WIRE_CODE,             /* message code nobody knows */
  PL_WIRE_N_STATUS
} PlWireStatus;

/* A sentence fragment without full stop; never NULL, never freed. */
const char *pl_wire_status_text (PlWireStatus status);

typedef enum { PL_DATA_SINGLE = 1, PL_DATA_ARRAY = 2, PL_DATA_DICTIONARY = 3 } PlDataModel;
/* The data model of a Kind, or 0 for one that is not known here. Values of an unknown Kind
 * are skipped by their length and the entry is marked `unknown`. */
typedef PlDataModel (*PlModelFunc) (guint32 kind, gpointer data);

typedef struct PlReader PlReader;
struct PlReader {            /* on the stack; fields are the reader's own */
  const guint8 *pos, *end;
  GBytes *owner;             /* borrowed; what opaque fields become slices of */
  PlReader *parent;
  PlWireStatus status;
  PlModelFunc models;
  gpointer models_data;
};

/* Opaque fields will be copies. */
void pl_reader_init (PlReader *reader, const guint8 *data, gsize len);
/* Opaque fields will be slices that keep `bytes` alive. NULL is empty. `bytes` is borrowed. */
void pl_reader_init_bytes (PlReader *reader, GBytes *bytes);
/* Asked when values are read; children inherit it. Without it every Kind is unknown. */
void pl_reader_set_models (PlReader *reader, PlModelFunc func, gpointer data);

guint8 pl_reader_u8 (PlReader *reader);
guint16 pl_reader_u16 (PlReader *reader);
guint32 pl_reader_u24 (PlReader *reader);
guint32 pl_reader_u32 (PlReader *reader);
guint64 pl_reader_u64 (PlReader *reader);
gboolean pl_reader_boolean (PlReader *reader);
/* `out` is filled with zero bytes on error. */
void pl_reader_raw (PlReader *reader, void *out, gsize len);
void pl_reader_node_id (PlReader *reader, PlNodeId *id);
void pl_reader_resource_id (PlReader *reader, PlResourceId *id);
/* opaque<0..2^(8*width)-1>, width 1 to 4. NULL when empty or on error; caller's. */
GBytes *pl_reader_opaque (PlReader *reader, guint width);
/* Exactly `len` bytes, and everything to the end. NULL when empty or on error; caller's. */
GBytes *pl_reader_bytes (PlReader *reader, gsize len);
GBytes *pl_reader_rest (PlReader *reader);

/* Opens `child` over a field with its length in `width` bytes, or over the next `len` bytes.
 * Every opened child is closed, also after an error; its error becomes the parent's. */
void pl_reader_open (PlReader *reader, PlReader *child, guint width);
void pl_reader_open_sized (PlReader *reader, PlReader *child, gsize len);
void pl_reader_close (PlReader *child);

gboolean pl_reader_ok (const PlReader *reader);
/* Bytes are left and nothing went wrong: the condition of every list loop. */
gboolean pl_reader_more (const PlReader *reader);
gsize pl_reader_left (const PlReader *reader);
/* Sets the error, if there is none yet. */
void pl_reader_fail (PlReader *reader, PlWireStatus status);
/* Bytes left over are an error. Returns the status of all that was read. */
PlWireStatus pl_reader_finish (PlReader *reader);

G_END_DECLS
