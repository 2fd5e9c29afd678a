/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tells the service manager how we are (sd_notify(3)'s protocol, without its library: the
 * daemon's dependencies are a budget).
 */
#pragma once
#include <glib.h>

/* Sends `state`, as "READY=1", when the manager asked for it. */
void pl_notify (const char *state);

/* The sockets the manager opened for us (socket activation, sd_listen_fds(3)'s protocol), int; the
 * caller's. Once, before anybody else reads the environment; empty when there are none. */
GArray *pl_notify_take_sockets (void);
