/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One TLS or DTLS session as an engine: bytes of the path in, bytes of the path out, records
 * up. Mutual certificates always; who is acceptable is the caller's to say. TLS 1.2/1.3 over a
 * stream, DTLS 1.2 over datagrams with its retransmit timer driven by the env, ECDHE and AEAD
 * only, DTLS anti-replay on (RFC 6940 6.4.2.1, 6.5.1.13).
 */
#pragma once
#include "base/env.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_TLS_HANDSHAKE_MAX (10 * PL_USEC_PER_SEC)
/* Lost flights of a handshake are sent again after this, then with doubling. */
#define PL_DTLS_RETRANSMIT 250 /* ms */
#define PL_DTLS_MTU 1200       /* bytes of a datagram; see pl_tls_session_max_record */
#define PL_TLS_STREAM_RECORD 16384

/* Our own key and certificate. */
typedef struct PlTlsCredentials PlTlsCredentials;
/* `key`: gnutls_privkey_t, borrowed, outlives this. NULL and error when the certificate is none. */
PlTlsCredentials *pl_tls_credentials_new (gpointer key, GBytes *cert_der, GError **error);
/* A fresh P-256 key with a self-signed certificate that names nobody, for one call: its fingerprint
 * in the SDP is what vouches for it (RFC 5763 5). `cert_der` takes the certificate, caller frees. */
PlTlsCredentials *pl_tls_credentials_new_ephemeral (PlEnv *env, GBytes **cert_der, GError **error);
/* Shared secrets instead of certificates: ECDHE-PSK (RFC 5489), TLS and DTLS 1.2. `verify` is not called: the
 * session proves that the far side has one of them and nothing else. `secrets` holds n (1 to
 * PL_TLS_SECRETS_MAX) of PL_TLS_SECRET_LEN bytes each, copied; a client uses the first, a server takes any.
 * NULL: too many. */
#define PL_TLS_SECRET_LEN 32
#define PL_TLS_SECRETS_MAX 4
PlTlsCredentials *pl_tls_credentials_new_secret (const guint8 *secrets, guint n);
void pl_tls_credentials_free (PlTlsCredentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTlsCredentials, pl_tls_credentials_free)

typedef struct PlTlsSession PlTlsSession;

typedef struct {
  gboolean server;
  gboolean datagram;
  guint mtu;          /* datagrams only, 0: PL_DTLS_MTU */
  gboolean srtp;      /* datagrams only: offers use_srtp (RFC 5764) */
} PlTlsOptions;

/* `closed` and `record` may free the session, the others must not. None runs before the
 * function that started the work has returned, but `send`. */
typedef struct {
  /* Bytes for the path: one datagram, or a piece of the stream. All are taken. */
  void (*send) (gpointer user, const guint8 *data, gsize len);
  /* The far side's certificates (DER, GBytes, its own first). FALSE ends the handshake with an
   * alert; `error` of closed() is then what `verify` set. */
  gboolean (*verify) (gpointer user, const GPtrArray *chain, GError **error);
  void (*established) (gpointer user, PlTlsSession *session);
  void (*record) (gpointer user, const guint8 *data, gsize len);
  /* Once, then nothing more. `error` NULL: the far side closed as it should. */
  void (*closed) (gpointer user, const GError *error);
} PlTlsHandlers;

/* Starts the handshake from the loop. Fails after PL_TLS_HANDSHAKE_MAX. `credentials` is borrowed. */
PlTlsSession *pl_tls_session_new (PlEnv *env, PlTlsCredentials *credentials, const PlTlsOptions *options,
                                  const PlTlsHandlers *handlers, gpointer user);
/* No handler runs any more. */
void pl_tls_session_free (PlTlsSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTlsSession, pl_tls_session_free)

/* One datagram, or any piece of the stream, from the path. Calls handlers, which may free the
 * session: do not touch it afterwards unless it is known to live. */
void pl_tls_session_feed (PlTlsSession *session, const guint8 *data, gsize len);
/* The stream ended without an alert. */
void pl_tls_session_end (PlTlsSession *session);
/* FALSE when not established, too large or failed. */
gboolean pl_tls_session_send (PlTlsSession *session, const guint8 *data, gsize len);
/* Tells the far side; no handler is called. */
void pl_tls_session_close (PlTlsSession *session);
/* Datagrams, once established: the path or its IP layer takes larger ones. */
void pl_tls_session_set_mtu (PlTlsSession *session, guint mtu);
/* Largest record that can be sent, in bytes. */
gsize pl_tls_session_max_record (PlTlsSession *session);
/* 32 bytes that both ends and nobody else know (RFC 5705), bound to this session: where a link
 * with a shared secret proves its certificate (DESIGN.md, Trust). */
gboolean pl_tls_session_export (PlTlsSession *session, const char *label, guint8 *out, gsize len);

/* Key and salt of AES_CM_128_HMAC_SHA1_80, the one profile every phone has (RFC 5764 4.1.2). */
#define PL_TLS_SRTP_KEY 30
typedef struct {
  guint8 local[PL_TLS_SRTP_KEY];  /* protects what we send */
  guint8 remote[PL_TLS_SRTP_KEY];
} PlTlsSrtpKeys;
/* Once established. FALSE: the far side did not agree to use_srtp. The caller wipes them. */
gboolean pl_tls_session_srtp_keys (PlTlsSession *session, PlTlsSrtpKeys *keys);

G_END_DECLS
