/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The SIP links of one membership: wraps what pl_node_app_connect gave and what came in for the SIP side
 * (sip/resolver.h), names the devices at their far ends, and lists them.
 */
#pragma once
#include "overlay/node.h"
#include "sip/resolver.h"

G_BEGIN_DECLS

typedef struct PlSipLinks PlSipLinks;

/* `own`: the AoR these links certify to the far side. Builds that write key logs write into `state_dir` which
 * links are SIP. */
PlSipLinks *pl_sip_links_new (PlEnv *env, const char *own, const char *state_dir);
/* Those still wrapped are the SIP side's to end. */
void pl_sip_links_free (PlSipLinks *owner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSipLinks, pl_sip_links_free)

/* The overlay that belongs to the names of devices from now on; NULL: none does, as `own` is in no other. */
void pl_sip_links_set_overlay (PlSipLinks *owner, const char *overlay);
/* What the SIP side calls a device; caller frees. */
char *pl_sip_links_dup_name (PlSipLinks *owner, const PlNodeId *node);
/* Takes `link`. */
PlFarLink *pl_sip_links_wrap (PlSipLinks *owner, PlAppLink *link);
/* Live ones as peers (role "sip"): GPtrArray of PlPeerInfo, the caller's. */
GPtrArray *pl_sip_links_dup_peers (PlSipLinks *owner);

G_END_DECLS
