/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The page as text: what `peerline ... --json` says, as HTML that works without JavaScript. Pure
 * functions; all that comes from outside is escaped.
 */
#pragma once
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Each as the command says it; NULL: it failed. Borrowed. */
typedef struct {
  JsonNode *status, *registrations, *calls, *peers, *trust;
  JsonNode *lookup;        /* of `looked_up`, NULL: nobody was */
  const char *looked_up;
  const char *form_key;    /* goes into every form */
} PlWebView;

/* Caller frees. */
char *pl_web_page (const PlWebView *view);
/* A page that says one thing. */
char *pl_web_message (const char *title, const char *text);
/* CSS, light and dark. Static. */
const char *pl_web_style (void);

G_END_DECLS
