/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TLS over TCP: dialling bootstrap nodes (RFC 6940 11.4) and listening for those who dial us
 * (6.6.5). Yields carriers.
 */
#pragma once
#include "overlay/link/secure.h"

G_BEGIN_DECLS

#define PL_TCP_DIAL_MAX (10 * PL_USEC_PER_SEC) /* until connected; the handshake has its own limit */
#define PL_TCP_OUT_MAX (2 * 1024 * 1024)       /* bytes the kernel did not take yet */
/* Inbound at once. One more is closed at once, unless the oldest is past its fair time: then
 * that one is. */
#define PL_TCP_HANDSHAKES_MAX 64
#define PL_TCP_HANDSHAKES_PER_HOST 8
#define PL_TCP_HANDSHAKE_FAIR (2 * PL_USEC_PER_SEC)
#define PL_TCP_DIALS_MAX 16

typedef struct PlTcp PlTcp;
typedef struct PlTcpDial PlTcpDial;

typedef struct {
  void (*connected) (gpointer user, PlCarrier *carrier);
  void (*failed) (gpointer user, const GError *error);
} PlTcpDialHandlers;

/* `context` (may be NULL) is the loop; `secure` is copied. */
PlTcp *pl_tcp_new (GMainContext *context, const PlSecureContext *secure);
/* Dials and handshakes end without a call; carriers live on. */
void pl_tcp_free (PlTcp *tcp);
/* Connections of one host (of a /64 for IPv6) that are taken in a minute; 0, the start: all. */
void pl_tcp_set_rate (PlTcp *tcp, guint connections);
/* For handshakes from now on; the ones before stay, too, as long as it lives. */
void pl_tcp_set_credentials (PlTcp *tcp, PlTlsCredentials *credentials);

/* `address` numeric, NULL: every address. `accept` gets carriers. */
gboolean pl_tcp_listen (PlTcp *tcp, const char *address, guint16 port, void (*accept) (gpointer user, PlCarrier *carrier),
                        gpointer user, GError **error);
/* The same on a port of the system's choice, which is returned (0: error); who connects waits in
 * the kernel until pl_tcp_accept. */
guint16 pl_tcp_bind (PlTcp *tcp, const char *address, void (*accept) (gpointer user, PlCarrier *carrier), gpointer user,
                     GError **error);
void pl_tcp_accept (PlTcp *tcp);
/* `host` is an address or a name. One call of one handler, later. */
void pl_tcp_dial (PlTcp *tcp, const char *host, guint16 port, const PlTcpDialHandlers *handlers, gpointer user);
/* Those under way fail, from the loop. */
void pl_tcp_fail_dials (PlTcp *tcp, const char *why);

G_END_DECLS
