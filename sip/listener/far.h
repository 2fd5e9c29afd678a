/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Far nodes as flows. A far flow belongs to a Node-ID (and the identity of ours it knows us
 * by), not to a link: it holds what is to be sent while a link is made, moves what was not
 * acknowledged to the next link when one stalls or closes, and is there again after a restart.
 */
#pragma once
#include "sip/listener/hub.h"
#include "sip/resolver.h"

G_BEGIN_DECLS

#define PL_FAR_HELD_MAX 64                          /* messages waiting for a link */
#define PL_FAR_HELD_TIME (32 * PL_USEC_PER_SEC)     /* as long as a transaction lasts */
#define PL_FAR_RETRY (PL_USEC_PER_SEC)              /* between attempts while messages wait */
#define PL_FAR_IDLE (5 * 60 * PL_USEC_PER_SEC)      /* a link without messages and calls closes */
#define PL_FAR_LINKS_MAX 4                          /* of one node at a time */

typedef struct PlFarNet PlFarNet;
typedef struct PlFar PlFar;

/* Is there a call with this node? Keeps the link. */
typedef gboolean (*PlFarInUse) (gpointer user, const char *own, const char *node);
/* `far` has a link (error NULL), or none could be made. From the loop. */
typedef void (*PlFarReady) (gpointer user, PlFar *far, const char *error);

/* All borrowed. Free after the hub has closed its flows. */
PlFarNet *pl_far_net_new (PlEnv *env, PlHub *hub, const PlResolver *resolver, PlFarInUse in_use, gpointer user);
void pl_far_net_free (PlFarNet *net);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlFarNet, pl_far_net_free)
/* A link a far node made to us; taken. */
void pl_far_net_add_link (PlFarNet *net, PlFarLink *link);
/* "far:NODE/own" of an earlier run is wanted again. */
void pl_far_net_revive (PlFarNet *net, const char *name);

/* The far node as seen by `own`; made when it is not there (without a link). NULL when `node`
 * is no Node-ID. Borrowed until its flow closes. */
PlFar *pl_far_net_get (PlFarNet *net, const char *own, const char *node);
/* The far node of a flow of kind FAR. */
PlFar *pl_far_of_flow (const PlFlow *flow);
PlFlow *pl_far_flow (const PlFar *far);
const char *pl_far_node (const PlFar *far);
const char *pl_far_own (const PlFar *far);
/* The certified name; NULL before the first link. */
const char *pl_far_aor (const PlFar *far);
gboolean pl_far_is_up (const PlFar *far);
/* The numeric address at which ICE reaches that machine now; NULL: no link, or not by ICE. Caller
 * frees. */
char *pl_far_dup_reached (const PlFar *far);
/* Calls `ready` once, from the loop; connects when there is no link. */
void pl_far_wait (PlFar *far, PlFarReady ready, gpointer user);
/* Forgets all waits with this `user`. */
void pl_far_cancel_wait (PlFarNet *net, gpointer user);

G_END_DECLS
