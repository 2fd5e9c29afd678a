/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of this machine's addresses take part in ICE.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

/* Addresses of the interfaces that are up (and, when `plugged`, have a carrier), at most `max`: no
 * link-local ones, loopback when `loopback` asks for it or there is nothing else. GPtrArray of GInetAddress. */
GPtrArray *pl_ice_dup_addresses (gboolean loopback, gboolean plugged, guint max);

G_END_DECLS
