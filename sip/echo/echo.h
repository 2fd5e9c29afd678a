/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The built-in echo: a far side of our own that answers each call and gives back what it hears.
 * To the router it is somebody in an overlay, reached over a link; its ICE and DTLS-SRTP are
 * those of a media edge, so a call to it takes the way of any other.
 */
#pragma once
#include "base/env.h"
#include "sip/media.h"
#include "sip/resolver.h"

G_BEGIN_DECLS

#define PL_ECHO_AOR "echo@localhost"
#define PL_ECHO_NODE "6563686f406c6f63616c686f73740000" /* these bytes; no certificate of an overlay is for it */
#define PL_ECHO_USER "echo@"                            /* of any domain where there is no such person */
#define PL_ECHO_CALLS_MAX 4

typedef struct PlEcho PlEcho;

/* All borrowed. `media` NULL: calls are refused, and told why. */
PlEcho *pl_echo_new (PlEnv *env, const PlResolver *world, const PlMedia *media);
/* After whoever uses its resolver. */
void pl_echo_free (PlEcho *echo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlEcho, pl_echo_free)

/* The world, and the echo in it. Borrowed. */
const PlResolver *pl_echo_resolver (PlEcho *echo);

G_END_DECLS
