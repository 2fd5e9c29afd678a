/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The file of peers to come back through after a restart: a line with the version, then
 * "host:port" a line (RFC 6940 11.4).
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* NULL when there are none. A corrupt file is set aside as FILE.corrupt and logged. */
GStrv pl_peers_dup (const char *path);
/* A failure is logged. */
void pl_peers_save (const char *path, const char *const *addresses);

G_END_DECLS
