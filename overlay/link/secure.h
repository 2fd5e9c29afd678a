/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a bare path (a TCP stream, an ICE path) to a carrier: handshake with mutual
 * certificates, the check that the far one belongs to this overlay and to the node wanted
 * (RFC 6940 6.5.1.13, 13.6.2), then records.
 */
#pragma once
#include "ice/dtls/session.h"
#include "overlay/ident/identity.h"
#include "overlay/ident/trust.h"
#include "overlay/link/carrier.h"

G_BEGIN_DECLS

#define PL_SECURE_EARLY_MAX 16   /* records or datagrams that come before anybody can take them */
/* A lost flight or a slow machine makes a handshake long; no more than this is believed as a
 * first round trip, lest a dead link be noticed late. */
#define PL_SECURE_RTT_MAX PL_USEC_PER_SEC
#define PL_SECURE_LARGE_RECORD 16384 /* SIP links without segments: IP fragments them */

typedef struct PlSecure PlSecure;

/* What is below. */
typedef struct {
  void (*send) (gpointer path, const guint8 *data, gsize len);
  gboolean (*full) (gpointer path);         /* TRUE: nothing can be taken now; may be NULL */
  char *(*dup_description) (gpointer path); /* as PlCarrierInfo has it */
  void (*free) (gpointer path);
} PlSecurePath;

typedef struct {
  PlEnv *env;
  PlTlsCredentials *credentials; /* borrowed, outlive it */
  PlTrust *trust;
  const PlNodeId *self;          /* never at the far end too; borrowed for its life */
  PlIdentity *identity;          /* not NULL: `credentials` are a shared secret, so that each side proves its
                                    certificate in its first record (overlay/link/proof.h); borrowed */
} PlSecureContext;

typedef struct {
  gboolean server, datagram;
  const PlNodeId *expected;  /* NULL: any node of the overlay; copied */
  gboolean segments, large_records;
} PlSecureOptions;

/* Called from the loop. */
typedef struct {
  /* The carrier is the handler's and owns `secure` and the path from now on. */
  void (*ready) (gpointer user, PlSecure *secure, PlCarrier *carrier);
  /* Free it, here or later. */
  void (*failed) (gpointer user, PlSecure *secure, const GError *error);
} PlSecureHandlers;

/* Takes `path`. */
PlSecure *pl_secure_new (const PlSecureContext *context, const PlSecureOptions *options, const PlSecurePath *funcs,
                         gpointer path, const PlSecureHandlers *handlers, gpointer user);
/* Only as long as no carrier was made. Frees the path. */
void pl_secure_free (PlSecure *secure);

/* For paths. FALSE: secure and path are gone. */
gboolean pl_secure_feed (PlSecure *secure, const guint8 *data, gsize len);
/* The stream ended. The path may be gone when it returns. */
void pl_secure_end (PlSecure *secure);
/* The path failed; it may be gone when it returns. */
void pl_secure_lost (PlSecure *secure, const GError *error);
/* The path is another now. */
void pl_secure_moved (PlSecure *secure);

G_END_DECLS
