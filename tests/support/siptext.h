/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SIP as plain text, for the scripted phone: enough to read what a proxy sends, no more.
 */
#pragma once
#include "tests/support/sipphone.h"

G_BEGIN_DECLS

/* NULL when start line, Call-ID or CSeq are not there. */
PlPhoneMessage *pl_siptext_parse (const char *data, gsize len);
void pl_siptext_free (PlPhoneMessage *message);
/* Length of the first whole message in a stream (head, blank line, Content-Length); 0 when
 * there is none yet. */
gsize pl_siptext_frame (const char *data, gsize len);
/* All headers of that name as they came, each "Name: value\r\n"; caller frees. */
char *pl_siptext_dup_lines (const PlPhoneMessage *message, const char *name);
/* Every entry of Record-Route, without list commas. */
GPtrArray *pl_siptext_dup_record_routes (const PlPhoneMessage *message);
/* Value of ";name=" in a header value; NULL when there is none. */
char *pl_siptext_dup_param (const char *value, const char *name);
/* What is inside <>, or all up to the first ';'. */
char *pl_siptext_dup_uri (const char *value);
/* Is it `what` in the sense of pl_phone_count()? */
gboolean pl_siptext_matches (const PlPhoneMessage *message, const char *what);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlPhoneMessage, pl_siptext_free)

G_END_DECLS
