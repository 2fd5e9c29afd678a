/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tells when this machine is in another network (addresses, default routes: rtnetlink) and when it,
 * or this process, has slept.
 */
#pragma once
#include "base/loop.h"

G_BEGIN_DECLS

#define PL_NETWORK_ADDRESSES_MAX 64

typedef struct PlNetwork PlNetwork;

typedef enum {
  PL_NETWORK_CHANGED,  /* other addresses, or another default route */
  PL_NETWORK_MOVED,    /* an address that others may know is gone; after the above, when there is a network again */
  PL_NETWORK_SLEPT,    /* the network may be the same, but nobody was heard meanwhile */
} PlNetworkNews;

/* From the loop. */
typedef void (*PlNetworkFunc) (gpointer user, PlNetworkNews news);

/* Never fails: on a system that does not tell it says nothing. One for each loop. */
PlNetwork *pl_network_new (PlLoop *loop, PlNetworkFunc func, gpointer user);
void pl_network_free (PlNetwork *network);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlNetwork, pl_network_free)

/* Numeric addresses of interfaces that are up, loopback too; NULL-terminated, lent until the next change. */
const char *const *pl_network_addresses (PlNetwork *network);

G_END_DECLS
