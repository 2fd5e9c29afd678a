/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session description with some lines changed: what is not named comes out byte by byte as
 * it came in.
 */
#pragma once
#include "sip/sdp/scan-priv.h"

G_BEGIN_DECLS

typedef struct PlSdpEdits PlSdpEdits;

/* `sdp` must outlive it. */
PlSdpEdits *pl_sdp_edits_new (const PlSdp *sdp);
void pl_sdp_edits_free (PlSdpEdits *edits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSdpEdits, pl_sdp_edits_free)

/* Another text (taken, without line end) in place of a line. */
void pl_sdp_edits_set (PlSdpEdits *edits, guint line, char *text);
/* A new line (taken) behind this one and those that were added there before. */
void pl_sdp_edits_add (PlSdpEdits *edits, guint behind, char *text);
void pl_sdp_edits_drop (PlSdpEdits *edits, guint line);
/* The c= line of a part, at its place if it has none. */
void pl_sdp_edits_connect (PlSdpEdits *edits, const PlSdpPart *part, const char *address);
/* Once. Caller frees. */
char *pl_sdp_edits_write (PlSdpEdits *edits, gsize *len);

G_END_DECLS
