/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a peer with a TURN server beside it says over an application link of its own (doc/PROTOCOL,
 * "TURN servers"). Rules of overlay/wire/data.h hold.
 */
#pragma once
#include "overlay/wire/attach.h"

G_BEGIN_DECLS

#define PL_APPLICATION_TURN 63478u /* private use (RFC 6940 14.5) */

typedef struct {
  PlIpAddressPort server;
  char *username, *password; /* printable ASCII, never empty */
  guint32 lifetime;          /* seconds for which they are good */
} PlTurnAccess;

gboolean pl_turn_access_read (PlReader *reader, PlTurnAccess *access);
void pl_turn_access_write (PlWriter *writer, const PlTurnAccess *access);
void pl_turn_access_clear (PlTurnAccess *access);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlTurnAccess, pl_turn_access_clear)
/* As the ICE agent takes it: "user:password@address:port", the name escaped as in URIs. Caller frees. */
char *pl_turn_access_dup_uri (const PlTurnAccess *access);

G_END_DECLS
