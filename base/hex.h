/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Hexadecimal text to bytes and back.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* Lower case, caller frees. */
char *pl_hex_dup (const void *data, gsize len);
/* Reads exactly 2 * len digits of either case and the end of the string. */
gboolean pl_hex_parse (const char *text, guint8 *out, gsize len);
/* Any even number of digits, white space between bytes allowed; NULL when it is no hex. */
GBytes *pl_hex_to_bytes (const char *text);

G_END_DECLS
