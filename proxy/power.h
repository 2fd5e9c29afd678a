/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Is this machine on battery (UPower) or on a metered network (NetworkManager)? Then it should
 * carry nothing for others (doc/ARCHITECTURE, Who is a peer).
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct PlPower PlPower;

/* `func` runs from the main context when the answer changes, never inside this call; before it
 * first does the answer is no. `bus`: NULL is the system's; without one the answer stays no. */
PlPower *pl_power_new (GDBusConnection *bus, void (*func) (gpointer user, gboolean saving), gpointer user);
void pl_power_free (PlPower *power);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlPower, pl_power_free)
gboolean pl_power_saving (PlPower *power);

G_END_DECLS
