/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fetches the registrations of one AoR and their copies (doc/PROTOCOL, Look-ups among liars): every
 * place at once, each first through another peer; again by other ways where nothing or "not found"
 * came, up to PL_ROUND_TRIES_MAX tries. What the places say is proven and compared, the newest of a
 * node counts. Who denied, gave an old value or let a request vanish is told to the net, also by
 * answers that come when the round was let go because there was enough.
 */
#pragma once
#include "overlay/usage/usage.h"

G_BEGIN_DECLS

typedef struct PlRounds PlRounds;
typedef struct PlRound PlRound;

#define PL_ROUND_TRIES_MAX 10
#define PL_ROUND_TIME_MAX (5 * PL_USEC_PER_SEC)
#define PL_ROUND_TRY_TIME (2500 * PL_USEC_PER_MSEC)   /* of a second or later try; repeated within */
#define PL_ROUND_AGAIN (600 * PL_USEC_PER_MSEC)       /* after that the next, where nothing came */
#define PL_ROUND_ITERATIVE 3                          /* each third try of a place asks for its way itself */
#define PL_ROUND_DENIALS 2                            /* of a place, over two ways, before it counts as empty */
#define PL_ROUND_LONG (1500 * PL_USEC_PER_MSEC)       /* silence that counts against somebody */
#define PL_ROUND_SILENT_TIME (2 * PL_USEC_PER_SEC)    /* for silent places, when others are empty */
#define PL_ROUND_GRACE_MAX (300 * PL_USEC_PER_MSEC)   /* for other places, after a good value */
#define PL_ROUND_ENTRIES_MAX 64                       /* nodes that say something of one AoR */
#define PL_ROUND_SEEN_MAX 4096                        /* storage_times remembered against roll-back */
#define PL_ROUND_OPEN_MAX 256                         /* rounds at once; more end without a judgement */
#define PL_ROUND_OLD (10 * 60 * 1000)                 /* ms behind another place: no refresh came there */

/* What one node says of the AoR, the newest of all places. */
typedef struct {
  PlNodeId node;
  guint64 time;
  GBytes *value;        /* NULL: withdrawn */
  guint8 key[PL_KEY_FINGERPRINT_LEN];
} PlRoundEntry;

PlRounds *pl_rounds_new (PlEnv *env, PlUsageNet net);
/* All rounds end; their handles are dead. */
void pl_rounds_free (PlRounds *rounds);

/* `enough` once, never before this returns, at the latest after PL_ROUND_TIME_MAX; `aor` is canonical. */
PlRound *pl_round_start (PlRounds *rounds, const char *aor, void (*enough) (gpointer user), gpointer user);
/* Of PlRoundEntry, borrowed until the round is let go. */
const GArray *pl_round_entries (PlRound *round);
/* Somebody certified for the AoR has written there, though it may be too old to count. */
gboolean pl_round_known (PlRound *round);
/* Some place said something, also that nothing is there. */
gboolean pl_round_answered (PlRound *round);
/* The handle is dead; what is under way still counts for or against others. */
void pl_round_let_go (PlRound *round);
/* Ends it, no callback. */
void pl_round_cancel (PlRound *round);

G_END_DECLS
