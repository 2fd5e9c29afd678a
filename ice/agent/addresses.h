/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of this machine's addresses take part in ICE.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

/* Addresses of the interfaces that are up, at most `max`: no link-local ones, loopback only
 * when there is nothing else or when `loopback` asks for it alone. GPtrArray of GInetAddress. */
GPtrArray *pl_ice_dup_addresses (gboolean loopback, guint max);

G_END_DECLS
