/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keeps our SIP-REGISTRATIONs in the overlay (RFC 7904): one entry at hash(AoR), a route to our
 * Node-ID or the uri of whoever takes the calls, dictionary key our Node-ID; 15 minutes, stored again at about a third of that,
 * with back-off and by another way after a failure, soon after the node's place changed, and removed at the
 * end. What was stored is fetched again, as anybody would, and repaired when it is not there (S2-22).
 */
#pragma once
#include "overlay/usage/usage.h"

G_BEGIN_DECLS

typedef struct PlRegistrations PlRegistrations;

#define PL_REGISTRATION_LIFETIME (15 * 60) /* seconds */
#define PL_REGISTRATIONS_MAX 64            /* AoRs of one node */

PlRegistrations *pl_registrations_new (PlEnv *env, PlUsageNet net, const PlNodeId *self);
/* Stops everything without a word to the overlay. */
void pl_registrations_free (PlRegistrations *registrations);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlRegistrations, pl_registrations_free)

/* `aor` in any form pl_aor_canonical takes. FALSE when it is none, or there are too many. A
 * second add of the same AoR does nothing. */
gboolean pl_registrations_add (PlRegistrations *registrations, const char *aor);
/* Removes it from the overlay (a store with exists False) and forgets it; one that is redirected
 * stays. */
void pl_registrations_remove (PlRegistrations *registrations, const char *aor);
/* What the devices behind our route of `aor` can do (contact_prefs, feature parameters of RFC 3840);
 * stored again when it changed. Nothing happens while it is not added. */
void pl_registrations_prefer (PlRegistrations *registrations, const char *aor, const char *prefs);
/* Calls for `aor` go to `target`, also while `aor` is not added: a uri is stored in place of the
 * route. NULL: no more; the route comes back when `aor` was added. FALSE: one is no AoR, both are
 * the same, or there are too many. */
gboolean pl_registrations_redirect (PlRegistrations *registrations, const char *aor, const char *target);
/* Where to, canonical and borrowed until the next call here; NULL: not redirected. */
const char *pl_registrations_redirected (PlRegistrations *registrations, const char *aor);
/* When it was last stored with success, env wall microseconds; 0: not (yet). */
gint64 pl_registrations_time (PlRegistrations *registrations, const char *aor);
/* Places where it was stored, and how many of them do not keep it though they said that they have it: each
 * is fetched again after the first Store, and every ten minutes, and stored again another way. */
void pl_registrations_places (PlRegistrations *registrations, const char *aor, guint *places, guint *missing);
/* Canonical AoRs (GPtrArray of char *, own). */
GPtrArray *pl_registrations_dup_aors (PlRegistrations *registrations);

/* Whether Stores can be sent now. TRUE again, or TRUE while TRUE after the node's place in the
 * overlay changed (joined, moved to another peer): everything is stored again soon. */
void pl_registrations_set_online (PlRegistrations *registrations, gboolean online);

/* Removes all from the overlay; `done` once, never before this returns, at the latest after
 * `timeout` microseconds. Nothing is refreshed any more. */
void pl_registrations_stop (PlRegistrations *registrations, gint64 timeout, void (*done) (gpointer data), gpointer data);

G_END_DECLS
