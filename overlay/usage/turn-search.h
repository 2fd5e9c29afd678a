/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finds a TURN server of the overlay by probing random places (RFC 6940 9), has its peer give
 * credentials, and keeps them fresh.
 */
#pragma once
#include "overlay/usage/usage.h"
#include "overlay/wire/turn.h"

G_BEGIN_DECLS

#define PL_TURN_TRIES_MAX 8                           /* places probed in one search */
#define PL_TURN_PAUSE_MIN (10 * PL_USEC_PER_SEC)      /* between searches, doubled each time */
#define PL_TURN_PAUSE_MAX (3600 * PL_USEC_PER_SEC)
#define PL_TURN_MISSES_MAX 3                          /* exchanges in which the server gave no address */

typedef struct PlTurnSearch PlTurnSearch;

/* `access` borrowed; NULL: the node gave none. */
typedef void (*PlTurnAskFunc) (gpointer data, const PlTurnAccess *access);

typedef struct {
  /* Has `server` give credentials over a certified link. Calls back once, never before it
   * returns, unless cancelled. Returns a handle, not NULL, dead once the callback runs. */
  gpointer (*ask) (gpointer user, const PlNodeId *server, PlTurnAskFunc func, gpointer data);
  void (*cancel) (gpointer user, gpointer handle);
  /* What pl_turn_search_access gives is another. */
  void (*changed) (gpointer user);
} PlTurnSearchHandlers;

PlTurnSearch *pl_turn_search_new (PlEnv *env, PlUsageNet net, const PlNodeId *self, const PlTurnSearchHandlers *handlers,
                                  gpointer user);
void pl_turn_search_free (PlTurnSearch *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTurnSearch, pl_turn_search_free)

void pl_turn_search_set_online (PlTurnSearch *search, gboolean online);
/* One is wanted: behind a NAT, and the overlay's turn-density is not 0. */
void pl_turn_search_set_wanted (PlTurnSearch *search, gboolean wanted);
/* An exchange of ICE with the server came out with an address of it, or without. */
void pl_turn_search_note (PlTurnSearch *search, gboolean relayed);
/* Borrowed until `changed`; NULL: none. `expires`: env wall microseconds, may be NULL. */
const PlTurnAccess *pl_turn_search_access (PlTurnSearch *search, gint64 *expires);

G_END_DECLS
