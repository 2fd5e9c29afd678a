/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forwarding option of direct response routing (RFC 7263): where the answer is to go straight.
 */
#pragma once
#include "overlay/wire/attach.h"
#include "overlay/wire/header.h"

G_BEGIN_DECLS

#define PL_OPTION_EXTENSIVE_ROUTING 2      /* ForwardingOptionType extensive_routing_mode */

/* Where `node` takes links of this kind. */
typedef struct {
  guint8 transport;         /* PlOverlayLinkType */
  PlIpAddressPort address;
  PlNodeId node;
} PlDirectResponse;

/* Fills `option`; it is the caller's. */
void pl_direct_response_write (PlForwardingOption *option, const PlDirectResponse *response);
/* The first option of that type among `options` (of PlForwardingOption). FALSE: there is none, it is
 * malformed, or it is another routing mode. */
gboolean pl_direct_response_find (const GArray *options, PlDirectResponse *response);

G_END_DECLS
