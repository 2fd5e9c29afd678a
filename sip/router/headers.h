/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the router reads from and writes into headers: addresses, GRUUs (RFC 7904), Contact,
 * our Record-Route URI with its token. Pure functions on sofia's types, no I/O.
 */
#pragma once
#include <glib.h>
#include <sofia-sip/sip.h>

G_BEGIN_DECLS

#define PL_NODE_HEX 32          /* digits of a Node-ID in text */
#define PL_TOKEN_TEXT_MAX 2048  /* a longer one is none of ours */

/* Canonical AoR (base/aor.h) of a SIP or SIPS URI; NULL when it has none. Caller frees. */
char *pl_url_dup_aor (const url_t *url);
/* The URI in full, as sofia prints it. Caller frees. */
char *pl_url_dup_text (const url_t *url);
/* The URI of a Contact exactly as the phone wrote it (escapes, case, a UUID in a parameter:
 * S4-10) where sofia keeps the bytes, i.e. NTATAG_SIPFLAGS(MSG_DO_EXTRACT_COPY) on the agent and
 * a message that is no msg_dup(); otherwise as sofia prints it. Caller frees. */
char *pl_contact_dup_text (const sip_contact_t *contact);

/* "sip:alice@example.com;gr=BASE64": the AoR and the destination list that holds `node` (hex).
 * NULL when node is no Node-ID. Caller frees. */
char *pl_gruu_make (const char *aor, const char *node);
/* FALSE when it is no GRUU: no gr, an empty one, a list that is malformed, too long or does
 * not end with a Node-ID. `aor` and `node` (lower-case hex) may be NULL; caller frees. */
gboolean pl_gruu_parse (const url_t *url, char **aor, char **node);

/* Our Record-Route URI, without <>: "sip:NODE@127.0.0.1:5080;lr;pl=TOKEN", with
 * ";transport=tcp" for phones on TCP. `listen` as in pl_sip_listening(). Caller frees. */
char *pl_route_uri (const char *listen, gboolean tcp, const char *node, const char *token);
/* The token in such a URI, whoever made it (only pl_token_open tells); NULL when there is
 * none or it is too long. `node` as in the URI, may be NULL. Caller frees both. */
char *pl_route_token (const url_t *url, char **node);

/* Replaces all Contacts by one with this URI, keeping the parameters of the first that a
 * far side may know (RFC 3840 feature tags; never expires, q or +sip.instance). FALSE when
 * there was none; nothing is changed then. */
gboolean pl_contact_replace (msg_t *msg, sip_t *sip, const char *uri);
/* Adds a Record-Route with this URI on top. */
gboolean pl_record_route_add (msg_t *msg, sip_t *sip, const char *uri);
/* Removes the first Route. */
void pl_route_pop (msg_t *msg, sip_t *sip);
/* Max-Forwards one less (RFC 3261, 16.6 step 3), 70 when there is none. FALSE when it is 0. */
gboolean pl_max_forwards_decrement (msg_t *msg, sip_t *sip);
/* Sets the Request-URI, to be sent exactly as given. FALSE when it is no SIP or SIPS URI;
 * nothing is changed then. */
gboolean pl_request_uri_set (msg_t *msg, sip_t *sip, const char *uri);

G_END_DECLS
