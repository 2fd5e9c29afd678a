/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The client's half of a STUN Binding (RFC 8489): bytes in, bytes out, no socket. For those who
 * want to know how the world sees them; ICE agents do their own.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_STUN_REQUEST_MAX 256

/* What is asked of one server. */
typedef struct PlStunClient PlStunClient;
PlStunClient *pl_stun_client_new (void);
void pl_stun_client_free (PlStunClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlStunClient, pl_stun_client_free)

/* A request to send, also as a repetition; `buf` has PL_STUN_REQUEST_MAX bytes. Its length, 0 when
 * there have been too many. */
gsize pl_stun_client_request (PlStunClient *client, guint8 *buf);
/* The address the server saw, caller's; NULL when this is no answer to a request of this client. */
GSocketAddress *pl_stun_client_take_answer (PlStunClient *client, const guint8 *data, gsize len);

G_END_DECLS
