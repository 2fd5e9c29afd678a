/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looking at the overlay from a node: Ping and PathTrack with the diagnostics of RFC 7851, and
 * iterative routing by RouteQuery (RFC 6940 4.3). What this node tells others is the policy in
 * PlNodeOptions.
 */
#pragma once
#include "overlay/node.h"
#include "overlay/wire/diagnostics.h"

G_BEGIN_DECLS

#define PL_TRACE_HOPS_MAX 64
#define PL_TRACE_OPEN_MAX 32            /* traces and pings under way in a node */
#define PL_HOP_NO_ANSWER 0xffff

/* What a node tells without a policy of its own: nothing about the machine or the user. */
#define PL_DIAGNOSTICS_EVERYBODY                                                                                \
  (PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_STATUS_INFO) | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_ROUTING_TABLE_SIZE)       \
   | PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_APP_UPTIME))

/* Who may ask what; a bit per kind, as in dMFlags. Who names a kind that he may not ask for is refused;
 * what is not known, and of PL_DIAGNOSTIC_EVERYTHING what is not allowed, is left out of the answer. */
struct _PlDiagnosticsPolicy {
  gboolean closed;                      /* nobody but `names` gets diagnostics or PathTrack at all */
  guint64 everybody;
  guint64 trusted;                      /* beside these, for ... */
  const char *const *names;             /* ... canonical AoRs and Node-IDs in hex; ends with NULL; may be NULL */
  /* Facts of the machine in the RFC's units; FALSE: not known. May be NULL. */
  gboolean (*measure) (gpointer user, guint16 kind, guint64 *number);
  gpointer user;
};

/* One node on the way. */
typedef struct {
  PlNodeId node;          /* who answered; of a silent one, who was asked; unset when a place was asked */
  const char *aor;        /* certified name, NULL when there is none */
  gint64 rtt;             /* microseconds from the request to the answer */
  int hops;               /* nodes that the request passed; -1: not told */
  guint16 error;          /* 0, an RFC error code, or PL_HOP_NO_ANSWER */
  const PlDiagnosticsResponse *told; /* NULL: it does not know RFC 7851, or tells nothing */
} PlHop;

typedef struct PlTrace PlTrace;
/* `last`: it is over, and the PlTrace dead. Never before the function that started it returns. */
typedef void (*PlHopFunc) (gpointer user, const PlHop *hop, gboolean last);

/* Asks `to`, a node or a place but not the wildcard, once. `flags`: dMFlags. NULL when too many are under way. */
PlTrace *pl_node_ping (PlNode *node, const PlDestination *to, guint64 flags, PlHopFunc func, gpointer user);
/* Walks the way to `to`, one PathTrack a hop, beginning with this node itself. The last hop is
 * that of the node responsible, of a silent one, or of one that knows no further (an error; a
 * way that comes back is PL_ERROR_LOOP_DETECTED). */
PlTrace *pl_node_trace (PlNode *node, const PlDestination *to, guint64 flags, PlHopFunc func, gpointer user);
/* The same walk by RouteQuery, which every peer knows: `told` is always NULL. The last hop is
 * the node responsible, when its error is 0. It begins with `first`, a node that we are linked to (NULL: where
 * we would send it), and waits for `timeout` at each (0: as long as the others). */
PlTrace *pl_node_route_iteratively (PlNode *node, const PlDestination *to, const PlNodeId *first, gint64 timeout,
                                    PlHopFunc func, gpointer user);
/* No callback any more. */
void pl_trace_cancel (PlTrace *trace);

G_END_DECLS
