/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A `peerline` command that runs beside the daemon, for what the daemon does not do itself.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct PlHelper PlHelper;

/* `why`: the last line it said, when it failed; else NULL. Not before pl_helper_start returns. */
typedef void (*PlHelperDone) (gpointer user, const char *why);

/* `words` follow the program's name, which is sought beside this one, then in $PATH; it reads `input` (NULL: nothing). NULL with error
 * when it can't be started. After `done` only pl_helper_free may follow. */
PlHelper *pl_helper_start (const char *const *words, const char *input, PlHelperDone done, gpointer user, GError **error);
/* One that runs goes on, and nothing is told. */
void pl_helper_free (PlHelper *helper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlHelper, pl_helper_free)

G_END_DECLS
