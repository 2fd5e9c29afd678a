/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which Unix user owns the socket at the other end: the kernel is asked (sock_diag), so no
 * phone needs a password and no other user of the machine gets through.
 */
#pragma once
#include <gio/gio.h>
#include <sys/socket.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct PlOwner PlOwner;

/* Any socket address of IPv4 or IPv6. */
typedef struct {
  struct sockaddr_storage storage;
  socklen_t len;
} PlAddress;

PlOwner *pl_owner_new (void);
void pl_owner_free (PlOwner *owner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlOwner, pl_owner_free)
/* The uid of the socket at `remote` that talks to `local` of ours; FALSE when there is none
 * (closed meanwhile, or not on this machine). `protocol`: IPPROTO_UDP or IPPROTO_TCP. */
gboolean pl_owner_lookup (PlOwner *owner, int protocol, const PlAddress *local, const PlAddress *remote, uid_t *uid);

/* From now on reads /proc/net, for kernels that do not answer; costs more, and refuses a port
 * that sockets of two users share. */
void pl_owner_use_proc (PlOwner *owner);

/* "127.0.0.1:5080", "[::1]:5080"; FALSE for anything else. */
gboolean pl_address_parse (const char *text, PlAddress *address);
/* The same form; caller frees. */
char *pl_address_dup_text (const PlAddress *address);
/* Without port and brackets; caller frees. */
char *pl_address_dup_host (const PlAddress *address);
guint16 pl_address_port (const PlAddress *address);
void pl_address_set_port (PlAddress *address, guint16 port);
gboolean pl_address_is_loopback (const PlAddress *address);

G_END_DECLS
