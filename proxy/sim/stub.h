/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What signatures cost in virtual time, and signatures that cost almost nothing in real time:
 * a digest over the public key and the bytes, so that a changed bit or another key is still
 * found out. Linked with -Wl,--wrap for the two functions of GnuTLS that messages and values
 * are signed and verified with; certificates stay real.
 */
#pragma once
#include <glib.h>

/* Microseconds of a P-256 signature (deterministic nonce) and verification, SHA-256 of 500
 * bytes included; peerline-sim --measure-signatures tells those of this machine. */
#define PL_SIM_SIGN_USEC 70
#define PL_SIM_VERIFY_USEC 170

typedef void (*PlSimCharge) (gpointer user, gint64 usec);
/* From now on each signature and verification is charged; NULL: not. */
void pl_sim_stub_start (gboolean stub, PlSimCharge charge, gpointer user);
/* Of this process, microseconds: others may be busy too. */
gint64 pl_sim_cpu_time (void);
/* Microseconds of a real signature over `len` bytes and of its verification, mean of `times`. */
gboolean pl_sim_measure (guint times, gsize len, double *sign, double *verify);
