/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The control interface org.peerline.Control1 (data/org.peerline.Control1.xml) over a private
 * socket that only the same user can use, and on the session bus where there is one.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct PlControl PlControl;

/* Answers; each returns a floating GVariant of the type the XML gives, or NULL with error. */
typedef struct {
  GVariant *(*status) (gpointer user, GError **error);        /* a{sv} */
  GVariant *(*peers) (gpointer user, GError **error);         /* aa{sv} */
  GVariant *(*registrations) (gpointer user, GError **error); /* aa{sv} */
  GVariant *(*calls) (gpointer user, GError **error);         /* aa{sv} */
  GVariant *(*turn) (gpointer user, GError **error);          /* aa{sv} */
  gboolean (*reload) (gpointer user, GError **error);
  /* Ends with pl_control_return on `invocation`, now or later. */
  void (*lookup) (gpointer user, const char *aor, GDBusMethodInvocation *invocation);
  /* The same; a Node-ID in hex or an AoR. */
  void (*ping) (gpointer user, const char *target, GDBusMethodInvocation *invocation);
  void (*trace) (gpointer user, const char *target, GDBusMethodInvocation *invocation);
  gboolean (*unlock) (gpointer user, const char *aor, const char *passphrase, GError **error);
} PlControlFuncs;

PlControl *pl_control_new (const char *socket_path, const PlControlFuncs *funcs, gpointer user, GError **error);
void pl_control_free (PlControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlControl, pl_control_free)

/* Emits Changed(what) to everyone connected. */
void pl_control_changed (PlControl *control, const char *what);

G_END_DECLS
