/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The composition root of the daemon: builds everything in order, tears it down in reverse.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct PlApp PlApp;

/* Reads the configuration; does nothing else yet. `log_level` overrides it, may be NULL. */
PlApp *pl_app_new (const char *log_level, GError **error);
void pl_app_free (PlApp *app);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlApp, pl_app_free)

const char *pl_app_config_path (PlApp *app);
/* Takes the lock, joins the overlays, opens the SIP ports and the control socket. Fails where
 * nothing useful can run; one line says what to do. */
gboolean pl_app_start (PlApp *app, GError **error);
/* Until pl_app_stop has finished a clean leave. */
void pl_app_run (PlApp *app);
void pl_app_stop (PlApp *app);
/* Reads configuration and identities again: new identities join, removed ones leave. */
gboolean pl_app_reload (PlApp *app, GError **error);

G_END_DECLS
