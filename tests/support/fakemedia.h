/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Media edges by script (sip/media.h): no process, no packet. They open a millisecond after they
 * are asked, and are secured a millisecond after they know both sides.
 */
#pragma once
#include "base/env.h"
#include "sip/media.h"

G_BEGIN_DECLS

/* What an edge sends to a phone with SDES. */
#define PL_FAKE_MEDIA_KEY "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"

/* The phone's port where there is none (PlMediaPhone.echo). */
#define PL_FAKE_MEDIA_ECHO 9

typedef struct PlFakeMedia PlFakeMedia;

PlFakeMedia *pl_fake_media_new (PlEnv *env);
void pl_fake_media_free (PlFakeMedia *media);
/* What a stack is given. Borrowed. */
const PlMedia *pl_fake_media_interface (PlFakeMedia *media);

/* Identities may have edges (default) or not. */
void pl_fake_media_set_allowed (PlFakeMedia *media, gboolean allowed);
/* No more edges than this at once. */
void pl_fake_media_set_most (PlFakeMedia *media, guint most);
/* Microseconds until an asked section is open, default 1 ms. */
void pl_fake_media_set_delay (PlFakeMedia *media, gint64 delay);
guint pl_fake_media_started (PlFakeMedia *media);  /* so far */
guint pl_fake_media_live (PlFakeMedia *media);
/* The n-th live edge fails, as one that was killed. */
void pl_fake_media_kill (PlFakeMedia *media, guint n);
/* Its path to the far side is lost. */
void pl_fake_media_lose (PlFakeMedia *media, guint n);
/* What the n-th live edge was told last of section 0: the phone's RTP port (0: nothing), the far
 * side's ufrag ("": nothing), how often it heard of a far side, and what it is. */
guint16 pl_fake_media_phone (PlFakeMedia *media, guint n);
const char *pl_fake_media_far (PlFakeMedia *media, guint n);
guint pl_fake_media_fars (PlFakeMedia *media, guint n);
gboolean pl_fake_media_controlling (PlFakeMedia *media, guint n);
guint16 pl_fake_media_port (PlFakeMedia *media, guint n);

G_END_DECLS
