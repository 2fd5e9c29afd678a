/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What usages see of the overlay, by script: a net that keeps what is stored and answers as the
 * test says.
 */
#pragma once
#include "overlay/usage/usage.h"
#include "base/universe.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#define SEC PL_USEC_PER_SEC
#define MINUTE (60 * SEC)
#define ALICE "alice@example.org"
#define BOB "bob@example.net"

typedef struct {
  PlResourceId resource;
  guint32 kind;
  guint32 lifetime;
  PlFetched fetched;
} Kept;

extern PlUniverse *universe;
extern PlEnv *env;
extern PlTestPki *pki;
extern PlIdentity *alice, *bob;
extern PlUsageNet net;
extern GPtrArray *kept;   /* Kept: the newest per place in the model */
extern GPtrArray *calls;  /* Call under way */
extern guint n_stores, n_fetches, n_cancelled;
extern int answer_code;   /* -1: good, else this error */
extern gboolean silent;   /* no answer at all */
extern guint64 last_time;
extern gint64 delay;
extern guint n_places;
extern guint liars, sleepers; /* bits: places that know of nothing, or say nothing */
extern guint lossy;       /* bits: first hops through which nothing is answered: the n-th of a series of tries is n */
extern guint n_iterative;
/* By the first byte of a Node-ID: n of a first hop, 100 + place of who answers. */
extern guint verdicts[256][PL_VERDICTS];

/* A checked fixture: all of the above anew, with the net of Alice's node. */
void setup (void);
void teardown (void);
/* Somebody's value as it is kept; keep() takes it. */
Kept *kept_new (PlIdentity *identity, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value, guint64 time);
void keep (Kept *k);
/* NULL: nothing. */
const Kept *kept_at (const char *aor, guint32 kind);
