/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The keys of simulated overlays: known to everybody, good for nothing else.
 */
#pragma once

#define PL_SIM_KEYS 8
#define PL_SIM_OVERLAY "sim.peerline.example"

extern const char pl_sim_root_key[], pl_sim_root_cert[];
extern const char *const pl_sim_keys[PL_SIM_KEYS];
