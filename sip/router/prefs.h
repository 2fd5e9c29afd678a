/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a device can do (RFC 3840, callee capabilities) and what a caller asks of it (RFC 3841,
 * caller preferences). Capabilities are one text, the parameters of a Contact as they were
 * written: `q=0.5;audio;methods="INVITE,BYE"`; "" says nothing. Pure functions, no I/O.
 */
#pragma once
#include <glib.h>
#include <sofia-sip/sip.h>

G_BEGIN_DECLS

#define PL_PREFS_MAX 512     /* bytes; more count as none */
#define PL_PREFS_Q_MAX 1000  /* q=1.0, and what has no q (RFC 3261, 16.6 takes it as one) */

/* q and the feature parameters of a phone's Contact; instance and the like are left out. Caller
 * frees. */
char *pl_prefs_of_contact (const sip_contact_t *contact);
/* What of it may stand in the overlay for all to read: q and the base tags of RFC 3840 but
 * `description`, free text about a person. Caller frees. */
char *pl_prefs_public (const char *prefs);
/* In thousandths. */
guint pl_prefs_q (const char *prefs);

/* Does the caller of `request` want this device, by Reject-Contact and Accept-Contact (7.2.4)? It
 * is immune when it says nothing of what it can do. `score`: how well it does, 0 to 1000, the Qa of
 * 7.2.4. Only what the caller says counts: no implicit preference for those that list a method. */
gboolean pl_prefs_wanted (const char *prefs, const sip_t *request, guint *score);

G_END_DECLS
