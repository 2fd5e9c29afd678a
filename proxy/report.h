/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the daemon tells about itself, in the form of data/org.peerline.Control1.xml. All
 * variants are floating.
 */
#pragma once
#include "proxy/membership.h"
#include "sip/stack.h"

G_BEGIN_DECLS

/* `sip` may be NULL (not yet open); `problems`: GPtrArray of char *. */
GVariant *pl_report_status (GPtrArray *memberships, PlSip *sip, GPtrArray *problems);
GVariant *pl_report_peers (GPtrArray *memberships, PlEnv *env);
GVariant *pl_report_registrations (PlSip *sip);
GVariant *pl_report_calls (PlSip *sip);
/* `configured`: peerline.conf names TURN servers, so none of the overlay is in use. */
GVariant *pl_report_turn (GPtrArray *memberships, gboolean configured);
/* Asks the overlay of the first identity; answers `invocation` with a{sv}. */
void pl_report_lookup (GPtrArray *memberships, PlEnv *env, const char *aor, GDBusMethodInvocation *invocation);

G_END_DECLS
