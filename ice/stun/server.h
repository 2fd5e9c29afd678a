/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Answers STUN Binding requests (RFC 8489) on a UDP port, and nothing else: so that nodes of
 * the overlay, and their phones, learn their address from public peers and need no third
 * party (DESIGN.md, Overlay).
 */
#pragma once
#include "base/env.h"
#include <gio/gio.h>

G_BEGIN_DECLS

/* Answers a second at the most; the rest is dropped. */
#define PL_STUN_RATE 500

typedef struct PlStunServer PlStunServer;

/* `address` NULL: every address, IPv6 and IPv4. Fails when the port is taken. */
PlStunServer *pl_stun_server_new (PlEnv *env, GMainContext *context, const char *address, guint16 port, GError **error);
void pl_stun_server_free (PlStunServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlStunServer, pl_stun_server_free)
guint16 pl_stun_server_port (PlStunServer *server);
/* TRUE while another socket of ours is bound to a multicast group at this port, and only then: who
 * sets SO_REUSEADDR meanwhile could take the port from us. */
void pl_stun_server_share (PlStunServer *server, gboolean share);
/* A datagram of another protocol from its port; lost when it can't be sent. */
void pl_stun_server_send (PlStunServer *server, GSocketAddress *to, const guint8 *data, gsize len);

/* The pure part: the answer to one datagram from `from`. `reply` has PL_STUN_REPLY_MAX bytes;
 * returns its length, 0 when the datagram gets none. */
#define PL_STUN_REPLY_MAX 256
gsize pl_stun_answer (const guint8 *data, gsize len, GSocketAddress *from, guint8 *reply);

G_END_DECLS
