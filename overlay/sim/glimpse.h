/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A look at a record of the virtual network, without reading the message in it.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* What the frame of a record says about the message in it. */
typedef struct {
  guint64 transaction;
  guint16 code;              /* 0: not the first fragment */
  guint via_len, destination_len;
  gboolean to_resource;      /* the next destination is a Resource-ID */
} PlGlimpse;

/* FALSE: an acknowledgement, a keep-alive, nothing we know. */
gboolean pl_glimpse (const guint8 *data, gsize len, PlGlimpse *out);

G_END_DECLS
