/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An answer that gives back what it is sent. A pure function.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* The answer to this offer of somebody who takes the first format of m-section `section` and
 * sends it back, and declines the others; as plain RTP of a phone on this machine, for
 * pl_bridge_to_far. `version`: of o=, higher each time. Caller frees; NULL: malformed. */
char *pl_sdp_mirror (const char *offer, gsize len, guint section, guint version, gsize *out_len);

G_END_DECLS
