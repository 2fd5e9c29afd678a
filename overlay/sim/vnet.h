/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A transport over a virtual network in virtual time: records with delay, loss, duplication
 * and reordering, nodes that die without a word. The real framing engine (overlay/link/link.h)
 * runs above it, certificates are checked as the real one does.
 */
#pragma once
#include "overlay/link/transport.h"
#include "base/universe.h"

G_BEGIN_DECLS

typedef struct PlVNet PlVNet;

#define PL_VNET_DATAGRAM_MAX 1163   /* what a DTLS record over a 1200-byte MTU holds */
#define PL_VNET_STREAM_MAX 16384

typedef struct {
  gint64 delay_min, delay_max;  /* one way, microseconds, uniform; default 10 .. 40 ms */
  guint loss;                   /* lost, of 10000 records of datagram carriers */
  guint duplicate;              /* delivered twice, of 10000 */
  guint reorder;                /* held back by up to 50 ms more, of 10000 */
} PlVNetConditions;

/* Looks at each record before it leaves; may change it in place (resize too). FALSE drops it. */
typedef gboolean (*PlVNetTap) (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record);

/* Around the delivery of a record to `to`: before it, and (`over`, no data) after it. */
typedef void (*PlVNetArrival) (gpointer user, const PlNodeId *to, const guint8 *data, gsize len, gboolean over);

/* TRUE when nothing gets from one of these nodes to the other. */
typedef gboolean (*PlVNetCut) (gpointer user, const PlNodeId *a, const PlNodeId *b);

/* What stands before a node: hole punching fails between a symmetric NAT and any other. */
typedef enum { PL_VNET_OPEN, PL_VNET_CONE, PL_VNET_SYMMETRIC } PlVNetNat;

/* `universe` is borrowed and outlives it; so do the transports: free them first. */
PlVNet *pl_vnet_new (PlUniverse *universe);
void pl_vnet_free (PlVNet *net);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlVNet, pl_vnet_free)
void pl_vnet_set (PlVNet *net, const PlVNetConditions *conditions);
void pl_vnet_set_tap (PlVNet *net, PlVNetTap tap, gpointer user);

/* For a gang (overlay/malice.h): what its members hold back, before the tap sees it, and what comes. */
void pl_vnet_set_gang (PlVNet *net, PlVNetTap sends, PlVNetArrival arrives, gpointer user);

/* `host` NULL: no listener, only Attach. Otherwise dial (host, port) reaches it. `identity`
 * and `trust` are borrowed. */
PlTransport *pl_vnet_transport (PlVNet *net, PlEnv *env, PlIdentity *identity, PlTrust *trust,
                                const char *host, guint16 port);
PlTransport *pl_vnet_transport_behind (PlVNet *net, PlEnv *env, PlIdentity *identity, PlTrust *trust,
                                       const char *host, guint16 port, PlVNetNat nat);
/* A partition; NULL heals it. */
void pl_vnet_set_cut (PlVNet *net, PlVNetCut cut, gpointer user);
/* The node that runs now has worked for so long: what it sends at this moment leaves later. */
void pl_vnet_charge (PlVNet *net, gint64 usec);
/* From now on nothing gets in or out of this node, and nobody is told. */
void pl_vnet_kill (PlVNet *net, const PlNodeId *node);
void pl_vnet_revive (PlVNet *net, const PlNodeId *node);
/* A record out of nowhere arrives at `to` on its newest path from `from`. FALSE: no path. */
gboolean pl_vnet_inject (PlVNet *net, const PlNodeId *from, const PlNodeId *to, const guint8 *data, gsize len);
/* Records given to carriers so far. */
guint64 pl_vnet_records (PlVNet *net);
guint64 pl_vnet_bytes (PlVNet *net);

G_END_DECLS
