/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Destination and Via Lists (RFC 6940, section 6.3.2.2). A plain value: no clear function.
 */
#pragma once
#include "overlay/wire/reader.h"
#include "overlay/wire/writer.h"

G_BEGIN_DECLS

#define PL_DESTINATIONS_MAX 512 /* entries of one list; ttl is 100 (6.3.2) */

typedef enum {
  PL_DESTINATION_NODE = 1,
  PL_DESTINATION_RESOURCE = 2,
  PL_DESTINATION_OPAQUE = 3,  /* opaque_id_type */
} PlDestinationType;

typedef struct {
  guint8 type;         /* PlDestinationType, or another below 128 kept as it came in opaque_id */
  gboolean compact;    /* opaque in its 16-bit form: opaque_id has 2 bytes, top bit set */
  union {
    PlNodeId node_id;
    PlResourceId resource_id;
    PlResourceId opaque_id;   /* length and bytes; not a Resource-ID */
  };
} PlDestination;

/* Return FALSE with the reader's error set. */
gboolean pl_destination_read (PlReader *reader, PlDestination *destination);
void pl_destination_write (PlWriter *writer, const PlDestination *destination);
gboolean pl_destination_equal (const PlDestination *a, const PlDestination *b);
PlDestination pl_destination_node (const PlNodeId *id);
PlDestination pl_destination_resource (const PlResourceId *id);
/* Top bit is set for you. */
PlDestination pl_destination_compact (guint16 id);

/* Lists: GArray of PlDestination. Reading goes to the end of `reader`; always makes a list. */
GArray *pl_destination_list_new (void);
GArray *pl_destination_list_dup (GArray *list);  /* NULL gives an empty one */
GArray *pl_destination_list_read (PlReader *reader);
void pl_destination_list_write (PlWriter *writer, GArray *list);
#define pl_destination_list_get(list, i) (&g_array_index ((list), PlDestination, (i)))

G_END_DECLS
