/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the process that parses strangers' packets gives up: files, programs, other processes,
 * any socket that is not UDP. By seccomp and resource limits; for good.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_EDGE_FILES_MAX 256 /* descriptors; a section has two sockets and some per address */

/* Closes all descriptors above `keep`: first of all, before a library has one of its own. */
gboolean pl_edge_sandbox_close_others (int keep);
/* Locks the door. FALSE: this kernel cannot. */
gboolean pl_edge_sandbox_enter (GError **error);
/* Inside: tries what must not work. The name of the first thing that does; NULL: all is shut. */
const char *pl_edge_sandbox_leak (void);

G_END_DECLS
