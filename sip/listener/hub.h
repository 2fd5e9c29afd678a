/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where flows meet the transaction layer. A flow is whoever we talk SIP with: a phone's UDP
 * address, a phone's TCP connection, a far Node-ID. The transaction layer knows only UDP, so
 * each flow has a loopback address of its own (127.64.0.0/10) behind one socket of ours; what
 * it sends there reaches the flow, what comes from a flow reaches it from that address.
 *
 * The socket is bound to the wildcard address, hence no other user of the machine can send
 * from its port, and a filter on the transaction layer's socket lets nothing else through.
 * Addresses and port are on disk: Vias in flight still lead to the same flow after a restart.
 */
#pragma once
#include <gio/gio.h>
#include "base/env.h"

G_BEGIN_DECLS

#define PL_FLOWS_MAX 256          /* live flows; the longest idle one makes room */
#define PL_FLOW_NAME_MAX 400

typedef struct PlHub PlHub;
typedef struct PlFlow PlFlow;

typedef enum { PL_FLOW_UDP, PL_FLOW_TCP, PL_FLOW_FAR } PlFlowKind;

typedef struct {
  /* A message from the transaction layer on its way to the flow. */
  void (*out) (gpointer user, const guint8 *data, gsize len);
  /* The hub closes the flow (to make room, or itself); the flow is invalid afterwards. */
  void (*closed) (gpointer user);
} PlFlowHandlers;

/* Asked for a flow that was there before a restart; opens it, or not. */
typedef void (*PlHubRevive) (gpointer user, const char *name);

PlHub *pl_hub_new (PlEnv *env, GMainContext *context, const char *state_path, GError **error);
/* Closes all flows (their `closed` is called). */
void pl_hub_free (PlHub *hub);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlHub, pl_hub_free)
void pl_hub_set_revive (PlHub *hub, PlHubRevive revive, gpointer user);
/* The transaction layer listens on 127.0.0.1:port; puts the filter on its socket. */
gboolean pl_hub_set_stack (PlHub *hub, guint16 port, GError **error);

/* Name: "udp:127.0.0.1:5062", "tcp:...", "far:NODE/own". A flow of that name must not be open. */
PlFlow *pl_hub_open (PlHub *hub, PlFlowKind kind, const char *name, const PlFlowHandlers *handlers, gpointer user);
void pl_flow_close (PlFlow *flow);
/* NULL when there is none. Borrowed. */
PlFlow *pl_hub_find (PlHub *hub, const char *name);
/* By its loopback address (network order) as the transaction layer knows it; revives. */
PlFlow *pl_hub_find_address (PlHub *hub, guint32 address, guint16 port);

PlFlowKind pl_flow_kind (const PlFlow *flow);
const char *pl_flow_name (const PlFlow *flow);
gpointer pl_flow_user (const PlFlow *flow);
/* "sip:127.64.1.2:4711": the route the transaction layer uses. Borrowed. */
const char *pl_flow_route (const PlFlow *flow);
/* A message from the flow to the transaction layer, through the edge. FALSE when it was
 * dropped: no SIP, or more than the rate of this kind of flow. */
gboolean pl_flow_in (PlFlow *flow, const guint8 *data, gsize len);
/* Straight to the flow, past the transaction layer (stateless forwarding). */
void pl_flow_out (PlFlow *flow, const guint8 *data, gsize len);

G_END_DECLS
