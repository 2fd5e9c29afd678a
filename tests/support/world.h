/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A world of N whole nodes of one overlay in virtual time. Node 0 is the bootstrap peer
 * ("boot0") and starts the ring; nodes below `n_boot` listen as well. Each node's user is
 * pl_world_aor (i). Every identity and signature is real.
 */
#pragma once
#include "overlay/node.h"
#include "base/universe.h"
#include "overlay/sim/vnet.h"

G_BEGIN_DECLS

typedef struct PlWorld PlWorld;

typedef struct {
  guint64 seed;     /* printed, PL_TEST_SEED in the environment wins */
  guint n;          /* identities made */
  guint n_boot;     /* how many listen and are listed as bootstrap nodes, at least 1 */
  const char *dir;  /* stores on disk here, NULL: in memory */
  gboolean listen_all;  /* those that are not listed listen too, and remember peers over a restart */
  gboolean direct;  /* with listen_all: they ask for direct responses and answer so (RFC 7263) */
  guint places;     /* of each registration; 0 as 1: no copies */
  gboolean any_starts;  /* every node may start the ring, not only the first */
  gint64 promote_after; /* role auto; 0: 10 s */
} PlWorldOptions;

PlWorld *pl_world_new (const PlWorldOptions *options);
void pl_world_free (PlWorld *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlWorld, pl_world_free)

PlUniverse *pl_world_universe (PlWorld *world);
PlVNet *pl_world_net (PlWorld *world);
const char *pl_world_aor (PlWorld *world, guint i);
const PlNodeId *pl_world_id (PlWorld *world, guint i);
PlIdentity *pl_world_identity (PlWorld *world, guint i);
PlNode *pl_world_node (PlWorld *world, guint i);    /* NULL: not running */
PlStore *pl_world_store (PlWorld *world, guint i);
/* Nodes started from now on have this document (taken) instead of the unsigned one. */
void pl_world_set_document (PlWorld *world, PlDocument *document);
struct PlTestPki *pl_world_pki (PlWorld *world);
/* Another certificate for the same Node-ID and a new start, as the daemon does with a renewal. */
void pl_world_renew (PlWorld *world, guint i, PlRole role);
/* What the node last said of its configuration, NULL: nothing. */
const char *pl_world_trouble (PlWorld *world, guint i);
/* The application link that i opened, or that was opened to it, was closed under it. */
gboolean pl_world_hung_up (PlWorld *world, guint i);

/* What node i stands behind when it is started the next time. */
void pl_world_set_nat (PlWorld *world, guint i, PlVNetNat nat);
/* What node i remembers of peers when it is started the next time, "host:port". */
void pl_world_set_cached (PlWorld *world, guint i, const char *const *addresses);
/* A TURN server beside node i when it is started the next time; borrowed. */
void pl_world_set_turn (PlWorld *world, guint i, const PlTurnOfferOptions *turn);
/* Makes and starts node i; also after kill or stop. */
PlNode *pl_world_start (PlWorld *world, guint i, PlRole role);
/* Dies without a word. */
void pl_world_kill (PlWorld *world, guint i);
/* Says goodbye, and is gone when this returns. */
void pl_world_stop (PlWorld *world, guint i);
/* Starts 0 .. n - 1 as peers, each once the one before is a peer, and registers each. Fails
 * the test when one does not get there. */
void pl_world_grow (PlWorld *world, guint n);
/* Runs virtual time. */
void pl_world_run (PlWorld *world, gint64 usec);
gboolean pl_world_wait_state (PlWorld *world, guint i, PlNodeState state, gint64 usec);
gboolean pl_world_wait_registered (PlWorld *world, guint i, gint64 usec);

/* Looks `aor` up from node i and waits for the result. `node`: the first node, may be NULL. */
PlLookupResult pl_world_lookup (PlWorld *world, guint from, const char *aor, PlNodeId *node);
/* Node `to` is found at its own Node-ID from node `from`. */
gboolean pl_world_finds (PlWorld *world, guint from, guint to);
/* How many running nodes hold the registration of i. */
guint pl_world_holders (PlWorld *world, guint i);
/* Node `who` holds it. */
gboolean pl_world_holds (PlWorld *world, guint who, guint i);
/* The last application link somebody made to node `i`; NULL: none. Borrowed. */
PlAppLink *pl_world_incoming (PlWorld *world, guint i);
/* Opens an application link and says one message; TRUE when it arrives. */
gboolean pl_world_call (PlWorld *world, guint from, guint to);
/* Prints nodes, links, records and the time used so far. */
void pl_world_report (PlWorld *world, const char *what);

G_END_DECLS
