/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What comes from a link, i.e. from a stranger who has a certificate, before a phone of ours
 * sees it (DESIGN.md, SIP side). Pure functions on sofia's messages, no I/O.
 */
#pragma once
#include <glib.h>
#include <sofia-sip/sip.h>

G_BEGIN_DECLS

#define PL_DISPLAY_MAX 128 /* bytes of a display name; a longer one is replaced */

/* In a request or response that came over a link whose certificate says `certified_aor`
 * (canonical), removes: identities no one vouches for (P-Asserted-Identity,
 * P-Preferred-Identity, Remote-Party-ID, Identity and the like), Path, Service-Route, ALL
 * Route entries (take the token of our own first: pl_route_token), URLs a phone would fetch
 * or play (Alert-Info, Call-Info, Error-Info), orders to pick up by itself (Answer-Mode),
 * challenges (they would make a phone hash its password for a stranger) and headers that
 * could not be parsed. The display name of the stranger (From of a request, To of a
 * response) is replaced by the AoR if pl_display_is_honest() says so. */
void pl_sanitize_from_link (msg_t *msg, sip_t *sip, const char *certified_aor);

/* Does `display` (as in a header, quoted or not; NULL is honest) leave no doubt about who
 * it is? Not when it holds an address other than `aor`, any look-alike of @, invisible or
 * control characters, an encoded word, bad UTF-8, or is too long. */
gboolean pl_display_is_honest (const char *display, const char *aor);

/* In a response from a link: the phone will send all requests of the dialog to the last
 * Record-Route entry, so this must be `own`, the URI we put there, and no other entry
 * follows or repeats it; at most PL_FAR_ROUTES_MAX others stay above it. */
#define PL_FAR_ROUTES_MAX 2
void pl_record_route_ensure (msg_t *msg, sip_t *sip, const char *own);

G_END_DECLS
