/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The canonical address-of-record, the form that is certified, hashed and compared: no
 * scheme, password, port or parameters, escapes decoded, all ASCII lower case, domain as
 * A-labels. The only such function: whoever compares two addresses calls it on both.
 *
 * The form is stable: the canonical form of a canonical form is itself, so that no second
 * pass (a name read back from a certificate, say) ever turns one person into another. For
 * that, what would read as something else keeps its escape, in lower case: % : < > " \ and
 * the space ("sip:sips%3Aeve@x" is "sips%3aeve@x").
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_AOR_MAX 320         /* RFC 3696, section 3 with its erratum: 64 + 1 + 255 */
#define PL_AOR_TEXT_MAX 4096   /* longer input is not looked at */

/* Takes "alice@Example.ORG", "sip:Alice%40x@..;transport=udp?Subject=x", "sips:...",
 * "<sip:...>;tag=x" and returns the canonical form. NULL for NULL, no user or no domain,
 * control or invisible characters (also escaped, NUL above all), bytes that are no UTF-8,
 * bad escapes, a domain no host can have, another scheme, or too much. Caller frees. */
char *pl_aor_canonical (const char *text);
/* The SIP URI of a canonical AoR: "sip:" and what RFC 3261, section 25.1 wants escaped in a
 * user part escaped. Its canonical form is `canonical` again. Caller frees. */
char *pl_aor_uri (const char *canonical);

G_END_DECLS
