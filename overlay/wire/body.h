/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which struct a message body holds, by message code: for programs and tests that treat all
 * messages alike.
 */
#pragma once
#include "overlay/wire/message.h"

G_BEGIN_DECLS

typedef struct {
  guint16 code;
  const char *name;   /* of the message as in RFC 6940: "StoreReq" */
  gsize size;         /* of its struct; 0 when the body is empty */
  gboolean (*read) (PlReader *reader, gpointer out);
  void (*write) (PlWriter *writer, gconstpointer body);
  void (*clear) (gpointer body);  /* NULL when there is nothing to free */
} PlBodyType;

/* NULL for an unknown code. */
const PlBodyType *pl_body_type (guint16 code);
/* The i-th of all known types; NULL at the end. */
const PlBodyType *pl_body_type_nth (guint i);

/* Reads a whole body into `out` (type->size bytes, zeroed here). Clear it also after an error. */
PlWireStatus pl_body_read (const PlBodyType *type, GBytes *body, PlModelFunc models, gpointer models_data, gpointer out);
/* NULL when something is too long; an empty body is an empty GBytes. Caller's. */
GBytes *pl_body_write (const PlBodyType *type, gconstpointer body);
void pl_body_clear (const PlBodyType *type, gpointer body);

G_END_DECLS
