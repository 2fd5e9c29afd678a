/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes carriers: dials and accepts TLS over TCP, and runs one end of an ICE exchange for
 * Attach and AppAttach. The real one (pl_transport_real_new) has sockets, libnice and
 * GnuTLS; tests and the simulator have a virtual one with the same interface.
 */
#pragma once
#include "base/env.h"
#include "ice/candidate.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/identity.h"
#include "overlay/ident/trust.h"
#include "overlay/link/carrier.h"
#include "overlay/wire/attach.h"

G_BEGIN_DECLS

typedef struct PlTransport PlTransport;
typedef struct PlAttachment PlAttachment;

typedef enum { PL_ATTACH_LINK, PL_ATTACH_APPLICATION } PlAttachPurpose;

typedef struct {
  /* Local ufrag, password and candidates are known (at most 300 ms after the start). Fields
   * of `local` are borrowed: ufrag, password, candidates; role is the caller's to set. */
  void (*gathered) (gpointer user, PlAttachment *attachment, const PlAttachReqAns *local);
  /* ICE, DTLS and certificate done; the carrier is the handler's. The attachment is over and
   * is freed by the transport after this returns. */
  void (*connected) (gpointer user, PlAttachment *attachment, PlCarrier *carrier);
  /* The same for failure. */
  void (*failed) (gpointer user, PlAttachment *attachment, const GError *error);
} PlAttachmentHandlers;

typedef struct {
  void (*connected) (gpointer user, PlCarrier *carrier);
  void (*failed) (gpointer user, const GError *error);
} PlDialHandlers;

/* A carrier that came in on the overlay port; the handler's. */
typedef void (*PlAcceptFunc) (gpointer user, PlCarrier *carrier);

/* A datagram that came by multicast or in answer to ours; `from`: "address:port". */
typedef void (*PlDatagramFunc) (gpointer user, GBytes *datagram, const char *from);

typedef struct {
  /* One end of an exchange. `controlling`: we sent the request, so we are ICE controlling and
   * (D)TLS server (6.5.1.9, 6.5.1.13). Handlers are never called before this returns. */
  PlAttachment *(*attach) (gpointer impl, PlAttachPurpose purpose, gboolean controlling,
                           const PlAttachmentHandlers *handlers, gpointer user);
  /* The far side's part, at any time after attach(); `node` must own the certificate shown. */
  void (*remote) (gpointer impl, PlAttachment *attachment, const PlAttachReqAns *remote, const PlNodeId *node);
  /* No handler is called any more; frees it. */
  void (*cancel) (gpointer impl, PlAttachment *attachment);
  /* TLS to a bootstrap node (11.4); any node of this overlay may answer. */
  void (*dial) (gpointer impl, const char *host, guint16 port, const PlDialHandlers *handlers, gpointer user);
  void (*set_accept) (gpointer impl, PlAcceptFunc func, gpointer user);
  /* The port at which links by address are taken, 0: none. */
  guint16 (*listens) (gpointer impl);
  /* TURN servers as in PlTransportOptions, for attachments from now on; used when those options name none. */
  void (*set_turn) (gpointer impl, const char *const *servers);
  /* The certificate of the identity is another (pl_identity_renew): shown from now on. */
  void (*renewed) (gpointer impl);
  /* This machine's addresses are others: dials under way fail, from the loop. */
  void (*moved) (gpointer impl);
  /* Discovery by multicast (doc/PROTOCOL): the groups (of PlHostPort) from now on, none when empty.
   * Who takes links by address hears what is said to them. */
  void (*set_groups) (gpointer impl, const GArray *groups, PlDatagramFunc func, gpointer user);
  void (*discover) (gpointer impl, GBytes *datagram);
  /* By unicast, from the port where links are taken. */
  void (*answer) (gpointer impl, const char *to, GBytes *datagram);
  void (*free) (gpointer impl);
} PlTransportFuncs;

PlTransport *pl_transport_new (const PlTransportFuncs *funcs, gpointer impl);
void pl_transport_free (PlTransport *transport);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTransport, pl_transport_free)
PlAttachment *pl_transport_attach (PlTransport *transport, PlAttachPurpose purpose, gboolean controlling,
                                   const PlAttachmentHandlers *handlers, gpointer user);
void pl_transport_remote (PlTransport *transport, PlAttachment *attachment, const PlAttachReqAns *remote, const PlNodeId *node);
void pl_transport_cancel (PlTransport *transport, PlAttachment *attachment);
void pl_transport_dial (PlTransport *transport, const char *host, guint16 port, const PlDialHandlers *handlers, gpointer user);
void pl_transport_set_accept (PlTransport *transport, PlAcceptFunc func, gpointer user);
guint16 pl_transport_listens (PlTransport *transport);
void pl_transport_set_turn (PlTransport *transport, const char *const *servers);
void pl_transport_renewed (PlTransport *transport);
void pl_transport_moved (PlTransport *transport);
void pl_transport_set_groups (PlTransport *transport, const GArray *groups, PlDatagramFunc func, gpointer user);
void pl_transport_discover (PlTransport *transport, GBytes *datagram);
void pl_transport_answer (PlTransport *transport, const char *to, GBytes *datagram);

/* --- the real one (overlay/link/transport-real.c) --- */

typedef struct {
  const char *listen_address; /* numeric; NULL: every address. A given one is also the only one ICE uses */
  guint16 listen_port;        /* 0: no listener (a client) */
  const char *const *stun;    /* "host:port", NULL-terminated, may be NULL */
  const char *const *turn;    /* "user:password@host:port" */
  GBytes *secrets;            /* PL_TLS_SECRET_LEN bytes each, the first is used, all are taken; NULL: certificates.
                                 A pointer to none fails: there is no falling back */
  gsize max_message;
  gboolean no_ice;            /* of the overlay's document: TLS over TCP, straight (6.5.1.11) */
  PlIceTell tell;             /* which of our addresses the far sides of attachments are told; not with no_ice */
  guint connections;          /* a minute, that one host may make to our listener; 0: any number */
  gboolean allow_loopback;    /* loopback addresses become candidates too: nodes on one machine */
} PlTransportOptions;

/* Carriers go before their transport, the transport before env, trust and identity's last
 * reference. Listens for TLS on TCP and answers STUN Binding on UDP at the overlay port when one is
 * given. Fails when the port is taken: the message says which and what to do. */
PlTransport *pl_transport_real_new (PlEnv *env, GMainContext *context, PlIdentity *identity, PlTrust *trust,
                                    const PlTransportOptions *options, GError **error);

G_END_DECLS
