/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The connection table: Node-ID to link, the newest in use. A link that was replaced is still
 * heard for a while, since the far side may hold the other one for the newest.
 */
#pragma once
#include "base/rate.h"
#include "overlay/link/link.h"

G_BEGIN_DECLS

typedef struct PlTable PlTable;

typedef struct {
  void (*message) (gpointer user, const PlNodeId *from, const guint8 *data, gsize len);
  void (*up) (gpointer user, const PlNodeId *id, gboolean again);
  void (*down) (gpointer user, const PlNodeId *id, const char *reason);
  gboolean (*keep) (gpointer user, const PlNodeId *id);
} PlTableHandlers;

typedef struct {
  guint links;
  PlRate messages;  /* of one link; those above are dropped */
} PlTableLimits;

PlTable *pl_table_new (PlEnv *env, const PlLinkOptions *options, const PlTableLimits *limits, const PlTableHandlers *handlers, gpointer user);
void pl_table_free (PlTable *table);
/* Takes the carrier. `own` (may be NULL, a reference is taken): the certificate that we showed, when
 * the far side takes our messages without it. `up` runs inside. */
void pl_table_add (PlTable *table, PlCarrier *carrier, PlCert *own);
/* `down` runs inside. */
void pl_table_remove (PlTable *table, const PlNodeId *id, const char *reason);
/* Of links that stand and of those to come. */
void pl_table_set_max_message (PlTable *table, gsize max_message);
/* Borrowed; NULL when there is none. */
PlLink *pl_table_link (PlTable *table, const PlNodeId *id);
/* The certificate that may be left out on the link in use; NULL: none. Borrowed. */
PlCert *pl_table_spared (PlTable *table, const PlNodeId *id);
/* When a message last came from this node; 0: not connected. */
gint64 pl_table_heard (PlTable *table, const PlNodeId *id);
guint pl_table_size (PlTable *table);
GArray *pl_table_dup_nodes (PlTable *table);

G_END_DECLS
