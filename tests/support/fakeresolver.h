/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The world beyond the machine, by script: any number of SIP stacks in one process, back to
 * back over fake far links. No overlay, no ICE, no DTLS.
 */
#pragma once
#include "base/env.h"
#include "sip/resolver.h"

G_BEGIN_DECLS

typedef struct PlFakeNet PlFakeNet;
typedef struct PlFakeDaemon PlFakeDaemon;

/* Whole SIP message on its way from `from` to `to` (Node-IDs); returns what arrives (taken),
 * NULL to lose it. */
typedef GBytes *(*PlFakeTamper) (gpointer user, const char *from, const char *to, GBytes *message);

PlFakeNet *pl_fake_net_new (PlEnv *env);
/* After the stacks. */
void pl_fake_net_free (PlFakeNet *net);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlFakeNet, pl_fake_net_free)

/* One daemon with one identity; owned by the net. `node`: 32 hex digits. */
PlFakeDaemon *pl_fake_daemon_new (PlFakeNet *net, const char *aor, const char *node);
/* What its stack is given. Borrowed. */
const PlResolver *pl_fake_daemon_resolver (PlFakeDaemon *daemon);
/* Where links others made to it go: pl_sip_add_link and the stack. NULL func: it is gone
 * (all its links close, nobody reaches it). A daemon that was never attached has no stack:
 * the test speaks for it (pl_fake_net_inject) and reads what it got. */
void pl_fake_daemon_attach (PlFakeDaemon *daemon, void (*add_link) (gpointer sip, PlFarLink *link), gpointer sip);
/* Every AoR is an identity of this daemon's user. */
void pl_fake_daemon_own_all (PlFakeDaemon *daemon);
/* What its stack said of the phones that are there; NULL: there is none. Borrowed. */
const char *pl_fake_daemon_registered (PlFakeDaemon *daemon);

/* What links brought to a daemon without a stack; borrowed, NULL when there is no n-th (0...). */
const char *pl_fake_daemon_got (PlFakeDaemon *daemon, guint n);

/* What resolve() says of this AoR; without a word: FOUND when a daemon of that name is
 * registered, OFFLINE when it is not, UNKNOWN when there is none. */
void pl_fake_net_set_result (PlFakeNet *net, const char *aor, PlResolveResult result);
/* Calls for `aor` go to `target`, which must be somebody here (one step is followed, no more). */
void pl_fake_net_redirect (PlFakeNet *net, const char *aor, const char *target);
/* connect() to this node fails / works again. */
void pl_fake_net_set_reachable (PlFakeNet *net, const char *node, gboolean reachable);
/* What this daemon's certificate claims from now on in new links. */
void pl_fake_daemon_certify (PlFakeDaemon *daemon, const char *aor);
/* Delays in microseconds, default 1 ms each. */
void pl_fake_net_set_delays (PlFakeNet *net, gint64 resolve, gint64 connect, gint64 message);
/* How links say they go (PlFarInfo); static, "test" by default. */
void pl_fake_net_set_path (PlFakeNet *net, const char *path);
void pl_fake_net_set_tamper (PlFakeNet *net, PlFakeTamper tamper, gpointer user);
/* Nothing gets through and nothing is acknowledged while TRUE; links report `stalled` 2 s
 * after a send. */
void pl_fake_net_set_cut (PlFakeNet *net, gboolean cut);
/* Closes all links, each with `reason`. */
void pl_fake_net_close_links (PlFakeNet *net, const char *reason);
/* A message from a link that `from` has to `to`, as a hostile far side sends it; makes the
 * link when there is none. */
void pl_fake_net_inject (PlFakeNet *net, PlFakeDaemon *from, PlFakeDaemon *to, const char *message);
guint pl_fake_net_links (PlFakeNet *net);     /* open ones, each counted once */
guint pl_fake_net_messages (PlFakeNet *net);  /* handed over to links so far */

G_END_DECLS
