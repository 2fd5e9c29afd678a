/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our own sockets in front of the transaction layer: where phones reach us, over UDP and TCP.
 * Only sockets of the daemon's own user get through; what another user sends is dropped before
 * any parser sees it, and nothing is sent to a socket of another user either.
 */
#pragma once
#include "sip/listener/hub.h"
#include "sip/listener/owner.h"

G_BEGIN_DECLS

#define PL_LISTEN_MAX 8          /* addresses */
#define PL_LISTEN_TRIES 32       /* ports tried when one is taken */
#define PL_CONNECTIONS_MAX 64    /* TCP */

typedef struct PlListener PlListener;

typedef struct {
  const char *const *listen;  /* "127.0.0.1:5080", NULL-terminated; port 0: any */
  uid_t uid;
  const char *state_path;     /* which port was taken in place of a taken one */
  const int *given;           /* sockets bound already, by a service manager; taken: used or closed */
  guint n_given;
} PlListenerOptions;

/* Hub is borrowed and outlives the listener's flows: free the hub first (its flows go, and
 * with them the phones), then the listener. */
PlListener *pl_listener_new (PlEnv *env, GMainContext *context, PlHub *hub, const PlListenerOptions *options, GError **error);
void pl_listener_free (PlListener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlListener, pl_listener_free)
/* As really bound; NULL-terminated, borrowed. */
const char *const *pl_listener_listening (PlListener *listener);
/* The address of ours that the phone of this flow knows. Borrowed. */
const char *pl_listener_address_for (PlListener *listener, const char *flow);
/* The flow of this name; a UDP one is opened when it is not there, a connection that is gone
 * is gone (NULL). NULL also when no socket of our user is at that address now. Borrowed. */
PlFlow *pl_listener_phone (PlListener *listener, const char *flow);
/* Messages and connections of other users refused so far. */
guint64 pl_listener_refused (PlListener *listener);

G_END_DECLS
