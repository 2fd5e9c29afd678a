/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sockets of discovery by multicast: says a datagram to the groups on every interface, and hears what
 * others say. Bytes only; who may say what is for its owner to see.
 */
#pragma once
#include "overlay/link/transport.h"

G_BEGIN_DECLS

#define PL_MULTICAST_DATAGRAM_MAX 4096
#define PL_MULTICAST_INTERFACES_MAX 8

typedef struct PlMulticast PlMulticast;

typedef struct {
  GMainContext *context;
  const char *address;      /* numeric: only the interface that has it; NULL: all */
  const GArray *groups;     /* of PlHostPort, IPv4 */
  gboolean hear;            /* what is said to the groups, too, not only answers to ours */
} PlMulticastOptions;

/* All borrowed but the context. */
PlMulticast *pl_multicast_new (const PlMulticastOptions *options, PlDatagramFunc func, gpointer user);
void pl_multicast_free (PlMulticast *multicast);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlMulticast, pl_multicast_free)
/* No further than the link (TTL 1). Interfaces that came meanwhile are joined, too. */
void pl_multicast_send (PlMulticast *multicast, GBytes *datagram);

G_END_DECLS
