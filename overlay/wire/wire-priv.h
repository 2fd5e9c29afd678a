/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the codecs of this room share.
 */
#pragma once
#include "overlay/wire/header.h"

G_BEGIN_DECLS

typedef gboolean (*PlWireReadFunc) (PlReader *reader, gpointer item);
typedef void (*PlWireWriteFunc) (PlWriter *writer, gconstpointer item);

/* An empty GArray whose new elements are zeroed; `clear` may be NULL. */
GArray *pl_wire_list_new (gsize size, GDestroyNotify clear);
/* A new zeroed element at the end; NULL with the reader's error set beyond `max` elements. */
gpointer pl_wire_list_add (PlReader *reader, GArray *list, guint max);
/* Reads elements to the end of `reader`. */
void pl_wire_list_read (PlReader *reader, GArray *list, guint max, PlWireReadFunc read);
/* `list` may be NULL. */
void pl_wire_list_write (PlWriter *writer, GArray *list, PlWireWriteFunc write);

GPtrArray *pl_wire_bytes_list_new (void);
/* opaque<0..2^16-1> elements to the end of `reader`; empty ones are empty GBytes, not NULL. */
void pl_wire_bytes_list_read (PlReader *reader, GPtrArray *list, guint max);
void pl_wire_bytes_list_write (PlWriter *writer, GPtrArray *list);

/* NULL stays NULL. */
GBytes *pl_wire_bytes_ref (GBytes *bytes);
/* NULL equals empty. */
gboolean pl_wire_bytes_equal (GBytes *a, GBytes *b);

/* What the reader's models say of a Kind; 0 when it is unknown. */
PlDataModel pl_wire_model (PlReader *reader, guint32 kind);

/* The header and what follows it; header->length is set. NULL when too long. */
GBytes *pl_wire_join (PlForwardingHeader *header, const guint8 *payload, gsize len);

G_END_DECLS
