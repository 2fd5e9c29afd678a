/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Puts fragments together at their destination (RFC 6940 6.7): any order, duplicates and
 * overlaps, within bounds of memory and time.
 */
#pragma once
#include "base/env.h"
#include "overlay/wire/header.h"

G_BEGIN_DECLS

typedef struct PlReassembly PlReassembly;

#define PL_REASSEMBLY_MESSAGES_MAX 64    /* incomplete ones at a time */
#define PL_REASSEMBLY_PER_NODE_MAX 16    /* of them from one neighbouring node */
#define PL_REASSEMBLY_PIECES_MAX 128     /* of one message */
#define PL_REASSEMBLY_BYTES_MAX (1024 * 1024)

PlReassembly *pl_reassembly_new (PlEnv *env, gsize max_message, gint64 lifetime);
void pl_reassembly_free (PlReassembly *reassembly);
void pl_reassembly_set_max_message (PlReassembly *reassembly, gsize max_message);
/* One fragment, its header already read, which came over the link of `from`. Returns the whole
 * message with an unfragmented header when this was the last piece missing (caller's), and in
 * `origin` the link its head came over; else NULL. */
GBytes *pl_reassembly_add (PlReassembly *reassembly, GBytes *fragment, const PlForwardingHeader *header,
                           gsize header_len, const PlNodeId *from, PlNodeId *origin);
guint pl_reassembly_size (PlReassembly *reassembly);

G_END_DECLS
