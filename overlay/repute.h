/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What this node has seen other peers do with its own requests: no word of others counts, so nobody
 * can be talked out of the overlay. Who keeps failing is shunned for a while: next hops of our
 * messages are others where there are others. An engine.
 *
 * Whoever stands near an honest peer can make requests through it fail. So blame counts once for each
 * place, shunning takes several places and a peer that fails in nearly all it is asked (one that
 * is honest gets through where the others on the way do), few are shunned at once, and old blame fades.
 */
#pragma once
#include "base/env.h"
#include "overlay/usage/usage.h"

G_BEGIN_DECLS

#define PL_REPUTE_PEERS_MAX 256                       /* blamed; the one with the least blame gives way */
#define PL_REPUTE_PRAISED_MAX 32                      /* never blamed, the last ones heard of: our next hops */
#define PL_REPUTE_SHUNNED_MAX 16                      /* at once */
#define PL_REPUTE_HALF_LIFE (30 * 60 * PL_USEC_PER_SEC)
#define PL_REPUTE_SHUN_AT 5.0                         /* blame, ... */
#define PL_REPUTE_SHUN_RATIO 4.0                      /* ... for each praise so much, ... */
#define PL_REPUTE_SHUN_PLACES 3                       /* ... over so many places */
#define PL_REPUTE_FORGIVE_AT 2.5                      /* shunned until blame is below */
#define PL_REPUTE_PROVEN_WEIGHT 2.0                   /* of what its own signature shows; else 1 */

typedef struct PlRepute PlRepute;

PlRepute *pl_repute_new (PlEnv *env);
void pl_repute_free (PlRepute *repute);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlRepute, pl_repute_free)

/* TRUE: it is shunned since now. */
gboolean pl_repute_note (PlRepute *repute, const PlNodeId *id, PlVerdict verdict, const PlResourceId *place);
gboolean pl_repute_shuns (PlRepute *repute, const PlNodeId *id);
/* Times that the peer was noticed so (PL_VERDICTS of them), faded ones too. FALSE: never blamed. */
gboolean pl_repute_counts (PlRepute *repute, const PlNodeId *id, guint counts[PL_VERDICTS]);
/* Whom there is blame for (GArray of PlNodeId, own). */
GArray *pl_repute_dup_blamed (PlRepute *repute);

G_END_DECLS
