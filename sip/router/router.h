/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The proxy: a transaction-stateful one on nta (RFC 3261, section 16). A request passes an
 * array of named steps (router.c); responses, ACK for 2xx and what a restart left over are
 * handled beside it.
 */
#pragma once

struct PlRouter;
struct PlRequest;
struct PlBranch;
#define NTA_AGENT_MAGIC_T struct PlRouter
#define NTA_INCOMING_MAGIC_T struct PlRequest
#define NTA_OUTGOING_MAGIC_T struct PlBranch

#include <sofia-sip/nta.h>
#include "base/env.h"
#include "ice/candidate.h"
#include "sip/dialog/calls.h"
#include "sip/dialog/token.h"
#include "sip/listener/far.h"
#include "sip/listener/listener.h"
#include "sip/media.h"
#include "sip/registrar/digest.h"
#include "sip/registrar/registrar.h"
#include "sip/resolver.h"

G_BEGIN_DECLS

typedef struct PlRouter PlRouter;

/* All borrowed, all outlive the router. */
typedef struct {
  PlEnv *env;
  PlHub *hub;
  PlListener *listener;
  PlFarNet *fars;
  PlRegistrar *registrar;
  PlCalls *calls;
  PlTokenKey *key;
  const PlResolver *resolver;
  const PlMedia *media;   /* NULL: no edges */
  PlDigest *digest;       /* NULL: no phone needs a password */
  guint far_rate;         /* as in PlSipOptions */
  PlIceTell tell;         /* which addresses of phones far sides are told */
} PlRouterParts;

PlRouter *pl_router_new (const PlRouterParts *parts);
/* Before the agent is destroyed; no callback comes afterwards. */
void pl_router_free (PlRouter *router);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlRouter, pl_router_free)
/* This machine is in another network, or has slept: calls through an edge look for another path. */
void pl_router_network_changed (PlRouter *router);
void pl_router_set_agent (PlRouter *router, nta_agent_t *agent);
/* The agent's message callback (nta_message_f). */
int pl_router_on_message (PlRouter *router, nta_agent_t *agent, msg_t *msg, sip_t *sip);

G_END_DECLS
