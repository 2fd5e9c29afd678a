/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where things lie: XDG folders, or all below PEERLINE_HOME when that is set
 * (PEERLINE_HOME/{config,data,state,runtime}), so that several instances run side by side.
 * Where there is no session (no XDG_RUNTIME_DIR) a folder ~/.peerline of the user counts as
 * PEERLINE_HOME.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
  char *config;    /* peerline.conf */
  char *data;      /* overlays/, authorities/, identities/ */
  char *state;     /* stored records, bindings */
  char *runtime;   /* control socket, lock */
} PlPaths;

/* Makes no folder. Fails when PEERLINE_HOME is not absolute, or when there is no place for the
 * control socket: neither PEERLINE_HOME nor XDG_RUNTIME_DIR nor ~/.peerline. */
PlPaths *pl_paths_new (GError **error);
void pl_paths_free (PlPaths *paths);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlPaths, pl_paths_free)

/* config/peerline.conf and runtime/control; caller frees. */
char *pl_paths_dup_config_file (const PlPaths *paths);
char *pl_paths_dup_control (const PlPaths *paths);

/* A file name for any text: what is no letter, digit or one of "@._-" becomes %XX, so does a
 * dot in front; reversible. */
char *pl_paths_escape (const char *text);
/* NULL when it is not the escaped form of anything. */
char *pl_paths_unescape (const char *name);

G_END_DECLS
