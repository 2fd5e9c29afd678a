/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Forwarding and link management (RFC 6940 6.1, 6.2, 6.3.2, 6.7): the connection table, the
 * way of every message, fragments. Signatures are not looked at here. What it needs to know
 * of the topology it asks through PlForwardHandlers. An engine.
 */
#pragma once
#include "base/rate.h"
#include "overlay/link/link.h"
#include "overlay/wire/header.h"

G_BEGIN_DECLS

typedef struct PlForward PlForward;

#define PL_FORWARD_LINKS_MAX 512     /* nodes in the connection table */
#define PL_FORWARD_HOPS_MAX 4        /* next hops tried for one message */
#define PL_FORWARD_PENDING_MAX 512   /* messages that may still take another hop */
#define PL_FORWARD_RECENT_MAX 4096   /* messages remembered against link duplicates */
#define PL_FORWARD_SAVED_MAX 2048    /* Via Lists kept in place of an opaque ID (6.1.2) */
#define PL_FORWARD_ERRORS_MAX 20     /* errors a second we answer to transit messages */
#define PL_FORWARD_LIFETIME (15 * PL_USEC_PER_SEC) /* of a request, and of fragments (6.2.1, 6.7) */

typedef struct {
  PlNodeId self;
  PlCert *cert;             /* ours, borrowed, may be NULL: its other Node-IDs are ours too */
  guint32 overlay;          /* hash of its name */
  guint8 initial_ttl;
  gsize max_message;
  gint64 reliability;       /* overlay-reliability-timer, microseconds */
  gint64 keepalive;         /* of links, microseconds */
  PlRate messages;          /* of one link that are looked at; the rest is dropped */
  guint compress;           /* Via Lists of so many entries are kept here and an opaque ID sent; 0: never */
} PlForwardConfig;

typedef struct {
  /* Is this place ours? */
  gboolean (*responsible) (gpointer user, const PlNodeId *place);
  /* Directly connected nodes to try, best first. Ourselves, at the end: when none of them takes
   * it in time, it is delivered here. */
  guint (*hops) (gpointer user, const PlNodeId *place, PlNodeId *hops, guint max);
  /* Do we carry messages of others (a peer does, a client does not)? */
  gboolean (*transit) (gpointer user);
  /* A link to this node must not give way to a new one. */
  gboolean (*keep) (gpointer user, const PlNodeId *id);
  /* A whole message for us, not verified. `from` is the node whose link it came over, ourselves
   * for our own. */
  void (*deliver) (gpointer user, GBytes *message, const PlNodeId *from);
  /* A request that goes no further deserves this error (6.3.3.1). */
  void (*refuse) (gpointer user, const PlForwardingHeader *header, const PlNodeId *from, guint16 error, const char *text);
  /* A link to `id` stands; `again` when there was one before it. And the last one is gone. */
  void (*link_up) (gpointer user, const PlNodeId *id, gboolean again);
  void (*link_down) (gpointer user, const PlNodeId *id, const char *reason);
} PlForwardHandlers;

/* Handlers run from timers and links, never from inside a call of the owner, except link_up
 * and link_down, which may run inside pl_forward_add and pl_forward_disconnect. */
PlForward *pl_forward_new (PlEnv *env, const PlForwardConfig *config, const PlForwardHandlers *handlers, gpointer user);
void pl_forward_free (PlForward *forward);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlForward, pl_forward_free)

/* Our certificate is another: links to come have not shown what the config named. */
void pl_forward_renewed (PlForward *forward);
/* What another configuration document says; of links that stand already, too. */
void pl_forward_set_limits (PlForward *forward, guint8 initial_ttl, gsize max_message, gint64 reliability);

/* Takes the carrier and makes a link of it; the newest link to a node is the one used. `spared`: the
 * far side takes our messages that end there without our certificate, which the carrier has proven;
 * it is put back into those that come, whoever sends them (doc/PROTOCOL). */
void pl_forward_add (PlForward *forward, PlCarrier *carrier, gboolean spared);
void pl_forward_disconnect (PlForward *forward, const PlNodeId *id);
gboolean pl_forward_connected (PlForward *forward, const PlNodeId *id);
guint pl_forward_n_links (PlForward *forward);
/* The link in use, borrowed until the next event; NULL when there is none. */
PlLink *pl_forward_link (PlForward *forward, const PlNodeId *id);
/* When a message last came from this node, env time; 0: not connected. */
gint64 pl_forward_heard (PlForward *forward, const PlNodeId *id);
/* Node-IDs of the connection table (GArray of PlNodeId, own). */
GArray *pl_forward_dup_nodes (PlForward *forward);

/* Sends a whole message of ours on its way by its destination list. FALSE when there is no
 * way at this moment (a repetition may find one). */
gboolean pl_forward_send (PlForward *forward, GBytes *message);

G_END_DECLS
