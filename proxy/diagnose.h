/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ping and Trace of data/org.peerline.Control1.xml, and what the daemon tells other nodes about
 * itself (the group [diagnostics] of peerline.conf).
 */
#pragma once
#include "overlay/diagnostics.h"
#include "proxy/membership.h"

G_BEGIN_DECLS

/* Answers `invocation` with aa{sv}, from the first overlay. `target`: a Node-ID in hex or an AoR. */
void pl_diagnose_ping (GPtrArray *memberships, const char *target, GDBusMethodInvocation *invocation);
void pl_diagnose_trace (GPtrArray *memberships, const char *target, GDBusMethodInvocation *invocation);

/* Facts of this machine and process, for PlDiagnosticsPolicy. */
gboolean pl_diagnose_measure (gpointer user, guint16 kind, guint64 *number);

G_END_DECLS
