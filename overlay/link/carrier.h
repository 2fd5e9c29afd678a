/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A carrier is a secured path to one node whose certificate is proven: TLS over TCP, DTLS
 * over a UDP path found by ICE, or a virtual path in tests. It carries records; each record
 * arrives whole or not at all. Framing (overlay/link/link.h) and SIP segments
 * (overlay/link/segment.h) sit on top and do all reliability.
 */
#pragma once
#include <gio/gio.h>
#include "overlay/ident/cert.h"

G_BEGIN_DECLS

typedef struct PlCarrier PlCarrier;

typedef struct {
  /* `data` is one record, borrowed. */
  void (*record) (gpointer user, const guint8 *data, gsize len);
  /* The path is gone; called once, then nothing more. `error` says why (NULL: closed by the far side). */
  void (*closed) (gpointer user, const GError *error);
} PlCarrierHandlers;

typedef struct {
  gboolean (*send) (gpointer impl, const guint8 *data, gsize len); /* FALSE: could not be taken now (lost) */
  void (*close) (gpointer impl);   /* tells the far side where the path can */
  void (*free) (gpointer impl);
} PlCarrierFuncs;

typedef struct {
  PlCert *cert;         /* the far certificate, checked; the constructor takes a reference */
  PlNodeId node;        /* the far Node-ID this path was made for */
  guint unnamed : 1;    /* it came to us without an Attach, from a certificate with several Node-IDs:
                           `node` is the first of them and may be another than the one in use (6.1.2) */
  guint segments : 1;   /* both sides of an AppAttach said pl-sip-seg (doc/PROTOCOL) */
  guint reliable : 1;   /* a stream below: nothing is lost or reordered, only delayed */
  guint max_record;     /* largest record in bytes */
  gint64 rtt;           /* first RTT sample in microseconds (ICE or handshake), 0: unknown */
  char *description;    /* "udp 192.0.2.1:4711 198.51.100.2:6084" or "tcp LOCAL REMOTE", IPv6 in
                           brackets: programs parse it; copied */
} PlCarrierInfo;

/* Takes `impl`; `funcs` outlives the carrier; `info` and what it points to are copied or referenced. `info->cert` may be NULL
 * in tests only. */
PlCarrier *pl_carrier_new (const PlCarrierFuncs *funcs, gpointer impl, const PlCarrierInfo *info);
/* Closes first. May be called from its own handlers. */
void pl_carrier_free (PlCarrier *carrier);
const PlCarrierInfo *pl_carrier_info (const PlCarrier *carrier);
/* `handlers` has both and outlives the carrier; NULL: none. What arrives while there are none is dropped. */
void pl_carrier_set_handlers (PlCarrier *carrier, const PlCarrierHandlers *handlers, gpointer user);
gboolean pl_carrier_send (PlCarrier *carrier, const guint8 *data, gsize len);
/* Nothing is sent or delivered any more; `closed` is not called. */
void pl_carrier_close (PlCarrier *carrier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlCarrier, pl_carrier_free)

/* For implementations. FALSE when the handler closed or freed the carrier: `impl` may be gone. */
gboolean pl_carrier_deliver (PlCarrier *carrier, const guint8 *data, gsize len);
/* The path moved to other addresses. */
void pl_carrier_set_description (PlCarrier *carrier, const char *description);
/* The last thing an implementation says; `impl` may be gone when it returns. */
void pl_carrier_lost (PlCarrier *carrier, const GError *error);

G_END_DECLS
