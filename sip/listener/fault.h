/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Requests so malformed that the transaction layer drops them without a word, and the answer they
 * get in place of that (RFC 3261, 16.3 step 1; RFC 4475). Pure functions on the bytes of a message.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

#define PL_FAULT_ANSWER_MAX 4096 /* bytes of the headers that are copied; more: no answer */

/* 400, 501 or 505 with `phrase` (static); 0: nothing that we see, or it is no request, or an ACK. */
guint pl_fault_of (const guint8 *data, gsize len, const char **phrase);
/* The answer, for pl_flow_out; NULL when the request has too little, or too much, to be answered. */
GBytes *pl_fault_answer (const guint8 *data, gsize len, guint status, const char *phrase);

G_END_DECLS
