/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tells the service manager how we are (sd_notify(3)'s protocol, without its library: the
 * daemon's dependencies are a budget).
 */
#pragma once

/* Sends `state`, as "READY=1", when the manager asked for it. */
void pl_notify (const char *state);
