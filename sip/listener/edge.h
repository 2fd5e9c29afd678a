/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The edge between a flow (a phone's address or connection, a far node) and the transaction
 * layer, which sees every flow as UDP on loopback: what must change in the top Via so that
 * each side sees its own transport and address. Pure functions on the bytes of one message;
 * nothing else in the message is touched.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_EDGE_MESSAGE_MAX 65507 /* what a UDP datagram holds */

typedef enum { PL_EDGE_NONE, PL_EDGE_REQUEST, PL_EDGE_RESPONSE } PlEdgeKind;

/* By the first line only: a request has any method and version of SIP; NONE for keep-alives, STUN and
 * other noise. */
PlEdgeKind pl_edge_kind (const guint8 *data, gsize len);

/* From a flow to the transaction layer: the top Via says UDP (another transport is kept in a
 * parameter of ours so that the response can name it again, and so is maddr: nobody chooses where
 * our answers go), and in a request `received` and a value of `rport` go: only we know where it
 * came from (RFC 3581). NULL when there is no Via. */
GBytes *pl_edge_in (const guint8 *data, gsize len);

typedef struct {
  const char *sent_by;   /* a request: our address as the flow knows it, "127.0.0.1:5080" */
  const char *transport; /* a request: "UDP" or "TCP" */
  const char *received;  /* a response: where the flow really is; NULL: not told */
  guint16 port;
} PlEdgeOut;

/* From the transaction layer to a flow. NULL when there is no Via. */
GBytes *pl_edge_out (const guint8 *data, gsize len, const PlEdgeOut *out);
/* Inserts a Via (value without name and CRLF) above all others. */
GBytes *pl_edge_push_via (const guint8 *data, gsize len, const char *via);

G_END_DECLS
