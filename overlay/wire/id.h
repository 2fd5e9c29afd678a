/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Node-IDs and Resource-IDs (RFC 6940 6.3.1.1, 10.1, 10.2). Node-IDs have 16 bytes here:
 * CHORD-RELOAD hashes to 128 bits; a document with another node-id-length is refused.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_NODE_ID_LEN 16
#define PL_RESOURCE_ID_MAX 255

typedef struct { guint8 b[PL_NODE_ID_LEN]; } PlNodeId;
typedef struct { guint8 len; guint8 b[PL_RESOURCE_ID_MAX]; } PlResourceId;

/* All ones: "whoever receives this" (6.1.1). */
extern const PlNodeId pl_node_id_wildcard;

guint pl_node_id_hash (gconstpointer id);           /* GHashFunc */
gboolean pl_node_id_equal (gconstpointer a, gconstpointer b); /* GEqualFunc */
int pl_node_id_compare (gconstpointer a, gconstpointer b);    /* as unsigned 128-bit numbers */
gboolean pl_node_id_is_wildcard (const PlNodeId *id);
char *pl_node_id_dup_hex (const PlNodeId *id);
gboolean pl_node_id_parse (const char *hex, PlNodeId *id);    /* exactly 32 hex digits */

/* Arithmetic modulo 2^128 (section 10.1). */
PlNodeId pl_node_id_add (const PlNodeId *a, const PlNodeId *b);
PlNodeId pl_node_id_sub (const PlNodeId *a, const PlNodeId *b);
PlNodeId pl_node_id_add_power (const PlNodeId *a, guint bit); /* a + 2^bit, bit in 0..127 */
/* TRUE when `id` lies in (after, upto] on the ring; with after == upto: the whole ring. */
gboolean pl_node_id_between (const PlNodeId *id, const PlNodeId *after, const PlNodeId *upto);

guint pl_resource_id_hash (gconstpointer id);
gboolean pl_resource_id_equal (gconstpointer a, gconstpointer b);
char *pl_resource_id_dup_hex (const PlResourceId *id);
gboolean pl_resource_id_parse (const char *hex, PlResourceId *id);
void pl_resource_id_from_node_id (PlResourceId *resource, const PlNodeId *id);
/* H(): SHA-1 cut to 128 bits (10.2). */
void pl_resource_id_from_name (PlResourceId *resource, const void *name, gsize len);
/* FALSE unless it has the 16 bytes of a place on the ring. */
gboolean pl_resource_id_to_node_id (const PlResourceId *resource, PlNodeId *id);

G_END_DECLS
