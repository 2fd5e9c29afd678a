/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The m-sections of one call and the control messages about them (ice/edge/README): text in,
 * text out, no socket of its own toward the daemon.
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

#define PL_EDGE_SECTIONS_MAX 8
#define PL_EDGE_MESSAGE_MAX 16384   /* bytes of a control message */
#define PL_EDGE_LINES_MAX 128       /* of a control message */

typedef struct PlEdgeCall PlEdgeCall;

/* A message for the daemon; borrowed. Must not free the call. */
typedef void (*PlEdgeSendFunc) (gpointer user, const char *message);

/* Makes the key of the call. `env` is borrowed. */
PlEdgeCall *pl_edge_call_new (PlEnv *env, GMainContext *context, PlEdgeSendFunc send, gpointer user, GError **error);
void pl_edge_call_free (PlEdgeCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlEdgeCall, pl_edge_call_free)

/* A message of the daemon. One that cannot be followed is answered with "refused". */
void pl_edge_call_take (PlEdgeCall *call, const char *data, gsize len);
/* Says what there is, to a daemon that has just come (again). */
void pl_edge_call_greet (PlEdgeCall *call);
/* The daemon has asked us to end. */
gboolean pl_edge_call_over (PlEdgeCall *call);

G_END_DECLS
