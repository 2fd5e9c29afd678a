/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The CHORD-RELOAD topology plug-in (RFC 6940 section 10).
 */
#pragma once
#include "overlay/topology/topology.h"

G_BEGIN_DECLS

extern const PlTopologyFuncs pl_chord_funcs;
/* The same under the name of RFC 7363: the document in force says whether it tunes itself. */
extern const PlTopologyFuncs pl_chord_tuned_funcs;

/* What a connected node told in its last Update is bounded by this many Node-IDs a list. */
#define PL_CHORD_LIST_MAX 64
/* "the Finger Table ... grow to 16", "capable of ... 128 entries" (10.7.4.3). */
#define PL_CHORD_FINGERS 16
#define PL_CHORD_FINGERS_MAX 128

G_END_DECLS
