/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One end of an ICE exchange (RFC 8445; RFC 6940 6.5.1) with one component over UDP: gather,
 * tell the local part, take the remote part, connect, carry datagrams. Over libnice.
 */
#pragma once
#include "base/env.h"
#include "ice/candidate.h"

G_BEGIN_DECLS

/* What is there by then is what the far side gets (DESIGN.md, Overlay). */
#define PL_ICE_GATHER_MAX (300 * PL_USEC_PER_MSEC)
#define PL_ICE_LOCAL_ADDRESSES_MAX 8
#define PL_ICE_REMOTE_CANDIDATES_MAX 32

/* Why no exchange can begin. */
#define PL_ICE_NOTHING_TO_TELL "there is no address that others may be told: candidates=no-host needs a STUN server, relay-only a TURN server"

typedef struct PlIceAgent PlIceAgent;

typedef struct {
  gboolean controlling;
  gboolean consent;             /* RFC 7675 checks; notices a lost path by itself within 10 s */
  PlIceTell tell;               /* what the far side is told, and from where checks go out when it is relay-only */
  const char *address;          /* numeric: the only one to gather from; NULL: all of this machine */
  const char *ufrag, *password; /* of another component of the same stream; NULL: its own */
  gboolean loopback;            /* loopback addresses too: nodes on one machine */
  const char *const *stun;      /* "address:port", one is used; may be NULL. Names are left out. */
  guint stun_index;             /* which (modulo their number): move on when one does not answer */
  const char *const *turn;      /* "user:password@address:port", the user escaped as in URIs; all are used; may be NULL */
} PlIceAgentOptions;

/* Any of them may free the agent. None runs before the function that started the work has
 * returned. */
typedef struct {
  void (*gathered) (gpointer user, PlIceAgent *agent);   /* once */
  void (*connected) (gpointer user, PlIceAgent *agent);  /* once for each far side: datagrams can be sent */
  void (*failed) (gpointer user, PlIceAgent *agent);     /* once: no path, or the path is lost */
  void (*datagram) (gpointer user, PlIceAgent *agent, const guint8 *data, gsize len); /* borrowed */
} PlIceAgentHandlers;

/* Starts to gather. NULL when not even a socket can be had. */
PlIceAgent *pl_ice_agent_new (PlEnv *env, GMainContext *context, const PlIceAgentOptions *options,
                              const PlIceAgentHandlers *handlers, gpointer user, GError **error);
void pl_ice_agent_free (PlIceAgent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlIceAgent, pl_ice_agent_free)

/* After gathered. Borrowed; candidates: PlCandidate. */
const char *pl_ice_agent_ufrag (PlIceAgent *agent);
const char *pl_ice_agent_password (PlIceAgent *agent);
const GArray *pl_ice_agent_candidates (PlIceAgent *agent);
/* A reflexive address came: the STUN server answered. */
gboolean pl_ice_agent_stun_answered (PlIceAgent *agent);

/* After gathered; starts the checks. Again: another far side, which was told the same of us; the
 * path there was is used until there is one to it, and connected comes again. Refuses what the far side can't mean: no candidates, empty
 * or oversized credentials. More than PL_ICE_REMOTE_CANDIDATES_MAX are cut. */
gboolean pl_ice_agent_set_remote (PlIceAgent *agent, const char *ufrag, const char *password,
                                  const GArray *candidates, GError **error);
gboolean pl_ice_agent_send (PlIceAgent *agent, const guint8 *data, gsize len);
/* "udp LOCAL REMOTE" of the pair in use; NULL before connected. Caller frees. The local address
 * is that of the socket (the base of a reflexive candidate). */
char *pl_ice_agent_dup_path (PlIceAgent *agent);
/* Microseconds from the start of the checks to the first success; 0 before. */
gint64 pl_ice_agent_elapsed (PlIceAgent *agent);

/* libnice and sofia-sip export the same symbol with different meanings; an error when the wrong
 * one would answer libnice (the link order is wrong). */
gboolean pl_ice_check_linkage (GError **error);

G_END_DECLS
