/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finds the nodes of an AoR (RFC 7904): Fetch of the registrations at hash(AoR) and of their
 * copies (doc/PROTOCOL) at once, each proven to be of that AoR and of the node that is its key,
 * the newest of a node's values; uri entries followed; without any, the certificate of the AoR
 * tells "offline" from "unknown". Whose device a node is comes with it: a redirection is worth
 * what its signer may say, and only the owner of the AoR it leads to may answer there.
 */
#pragma once
#include "overlay/usage/usage.h"

G_BEGIN_DECLS

typedef struct PlLookups PlLookups;
typedef struct PlLookup PlLookup;

typedef enum {
  PL_LOOKUP_FOUND,
  PL_LOOKUP_UNKNOWN,
  PL_LOOKUP_OFFLINE,
  PL_LOOKUP_FAILED,
  PL_LOOKUP_CIRCLE,     /* redirected in a circle, or too often */
  PL_LOOKUP_ELSEWHERE,  /* redirected to what is no address of this overlay */
} PlLookupResult;

/* A device of somebody. */
typedef struct {
  PlNodeId node;
  char *aor;            /* whose it is, canonical: the one asked for, or who that was redirected to */
  guint8 key[PL_KEY_FINGERPRINT_LEN]; /* of the certificate that signed so; all zero: not known */
  char *prefs;          /* contact_prefs as its owner wrote them: RFC 3840 feature parameters, or "" */
} PlFoundNode;

/* An empty GArray of PlFoundNode that frees what is in it, and one more in it (copied). */
GArray *pl_found_nodes_new (void);
void pl_found_nodes_add (GArray *nodes, const PlNodeId *node, const char *aor, const char *prefs);

/* FOUND: `nodes` (GArray of PlFoundNode, borrowed; a reference keeps it) can be AppAttached to.
 * OFFLINE: no registration, but a certificate of the AoR is in the overlay. UNKNOWN: neither.
 * FAILED: the overlay did not answer in time. */
typedef void (*PlLookupFunc) (gpointer user, PlLookupResult result, const GArray *nodes);

#define PL_LOOKUP_TIME_MAX (5 * PL_USEC_PER_SEC) /* a look-up in all */
#define PL_LOOKUP_FETCHES_MAX 8                  /* AoRs followed by uri entries, with the first */
#define PL_LOOKUP_NODES_MAX 16
#define PL_LOOKUP_PREFS_MAX 512                  /* bytes of contact_prefs; longer ones count as none */

PlLookups *pl_lookups_new (PlEnv *env, PlUsageNet net);
/* Running look-ups end without a callback. */
void pl_lookups_free (PlLookups *lookups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlLookups, pl_lookups_free)

/* Calls back once, never before this returns; the look-up is gone then. An `aor` that is none
 * is UNKNOWN. */
PlLookup *pl_lookups_start (PlLookups *lookups, const char *aor, PlLookupFunc func, gpointer user);
/* The AoRs it has come to by now, canonical, first the one asked for (a new reference to a
 * GPtrArray of char *, filled until the callback; do not change it): who is redirected to whom. */
GPtrArray *pl_lookup_ref_aors (PlLookup *lookup);
/* No callback any more; frees it. */
void pl_lookup_cancel (PlLookup *lookup);

G_END_DECLS
