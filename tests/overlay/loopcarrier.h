/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two carriers that end in each other and say which nodes are at their ends; 5 ms one way.
 */
#pragma once
#include "overlay/link/carrier.h"
#include "base/universe.h"

typedef struct PlLoopPair PlLoopPair;
struct PlLoopPair {
  PlEnv *env;
  PlCarrier *end[2];         /* the caller's; end[0] is held by `a` and leads to `b` */
  gboolean cut;              /* nothing arrives any more */
  gboolean cut_from[2];      /* the same for one direction */
  GPtrArray *events;
  struct { PlLoopPair *pair; guint side; } impl[2];
};

PlLoopPair *pl_loop_pair_new (PlEnv *env, const PlNodeId *a, const PlNodeId *b, gsize max_record);
/* The same; `a` does not know which Node-ID of its certificate `b` uses when not `named`. */
PlLoopPair *pl_loop_pair_new_named (PlEnv *env, const PlNodeId *a, const PlNodeId *b, gsize max_record, gboolean named);
/* The same; `b` has shown `cert` (may be NULL) to `a`. */
PlLoopPair *pl_loop_pair_new_certified (PlEnv *env, const PlNodeId *a, const PlNodeId *b, gsize max_record, gboolean named, PlCert *cert);
/* After both carriers are gone. */
void pl_loop_pair_free (PlLoopPair *pair);
