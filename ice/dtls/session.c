/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/dtls/session.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#define CHAIN_MAX 4
/* Bytes of a stream not yet taken by the record layer: one record and a bit. */
#define STREAM_BUFFER_MAX (64 * 1024)
#define DATAGRAM_QUEUE_MAX 64
#define DTLS_TOTAL_TIMEOUT 10000 /* ms */

#define KEY_EXCHANGE "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"
#define PRIORITY_STREAM "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:" KEY_EXCHANGE
#define PRIORITY_DATAGRAM "SECURE128:-VERS-ALL:+VERS-DTLS1.2:" KEY_EXCHANGE

#define SECRET_EXCHANGE "-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+CHACHA20-POLY1305" /* the one AEAD suite with it in GnuTLS */
#define SECRET_STREAM "SECURE128:-VERS-ALL:+VERS-TLS1.2:" SECRET_EXCHANGE
#define SECRET_DATAGRAM "SECURE128:-VERS-ALL:+VERS-DTLS1.2:" SECRET_EXCHANGE
#define SECRET_NAME_LEN 16 /* hexadecimal digits of its digest, by which a server finds it */

typedef struct {
  char name[SECRET_NAME_LEN + 1];
  guint8 key[PL_TLS_SECRET_LEN];
} Secret;

struct PlTlsCredentials {
  gnutls_psk_client_credentials_t psk_client; /* both NULL: certificates */
  gnutls_psk_server_credentials_t psk_server;
  Secret secrets[PL_TLS_SECRETS_MAX];
  guint n_secrets;
  gnutls_certificate_credentials_t credentials;
  gnutls_privkey_t key;
  gboolean own_key;
  gnutls_pcert_st pcert;
};

typedef enum { HANDSHAKE, ESTABLISHED, CLOSED } State;

struct PlTlsSession {
  PlEnv *env;
  PlTlsCredentials *credentials;
  PlTlsHandlers handlers;
  gpointer user;
  gnutls_session_t tls;
  State state;
  gboolean server, datagram, ended;
  GQueue datagrams;   /* GBytes */
  GByteArray *stream;
  PlTimer *handshake_timer, *limit_timer;
  GError *refusal;    /* what `verify` said */
  gboolean *freed;    /* set while handlers run that may free us */
};

static gboolean
fail_with (GError **error, int rc, const char *what)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", what, gnutls_strerror (rc));
  return FALSE;
}

/* --- credentials --- */

/* Lends key and certificate: with flags 0 GnuTLS frees neither. */
static int
retrieve (gnutls_session_t tls, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
          unsigned int *n_certs, gnutls_ocsp_data_st **ocsp, unsigned int *n_ocsp, gnutls_privkey_t *key, unsigned int *flags)
{
  PlTlsSession *session = gnutls_session_get_ptr (tls);

  *certs = &session->credentials->pcert;
  *n_certs = 1;
  *n_ocsp = 0;
  *key = session->credentials->key;
  *flags = 0;
  return 0;
}

PlTlsCredentials *
pl_tls_credentials_new (gpointer key, GBytes *cert_der, GError **error)
{
  PlTlsCredentials *credentials = g_new0 (PlTlsCredentials, 1);
  gsize len;
  const void *data = g_bytes_get_data (cert_der, &len);
  gnutls_datum_t der = { (unsigned char *) data, len };
  int rc = gnutls_pcert_import_x509_raw (&credentials->pcert, &der, GNUTLS_X509_FMT_DER, 0);

  if (rc < 0)
    {
      fail_with (error, rc, "own certificate");
      g_free (credentials);
      return NULL;
    }
  credentials->key = key;
  gnutls_certificate_allocate_credentials (&credentials->credentials);
  gnutls_certificate_set_retrieve_function3 (credentials->credentials, retrieve);
  return credentials;
}

/* RFC 8122 asks for a certificate that is valid; who checks the dates does so with a clock of his own. */
#define EPHEMERAL_SLACK (24 * 3600)      /* seconds before now */
#define EPHEMERAL_LIFE (30 * 24 * 3600)

static GBytes *
self_sign (PlEnv *env, gnutls_privkey_t key, GError **error)
{
  time_t now = pl_env_wall (env) / PL_USEC_PER_SEC;
  gnutls_x509_crt_t cert;
  gnutls_pubkey_t public_key;
  gnutls_datum_t der = { NULL, 0 };
  guint8 serial[8];
  GBytes *out = NULL;
  int rc;

  pl_env_random (env, serial, sizeof serial);
  serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, of fixed length */
  gnutls_x509_crt_init (&cert);
  gnutls_pubkey_init (&public_key);
  if ((rc = gnutls_pubkey_import_privkey (public_key, key, 0, 0)) < 0
      || (rc = gnutls_x509_crt_set_pubkey (cert, public_key)) < 0 || (rc = gnutls_x509_crt_set_version (cert, 3)) < 0
      || (rc = gnutls_x509_crt_set_serial (cert, serial, sizeof serial)) < 0
      || (rc = gnutls_x509_crt_set_dn (cert, "CN=media", NULL)) < 0
      || (rc = gnutls_x509_crt_set_activation_time (cert, now - EPHEMERAL_SLACK)) < 0
      || (rc = gnutls_x509_crt_set_expiration_time (cert, now + EPHEMERAL_LIFE)) < 0
      || (rc = gnutls_x509_crt_privkey_sign (cert, cert, key, GNUTLS_DIG_SHA256, 0)) < 0
      || (rc = gnutls_x509_crt_export2 (cert, GNUTLS_X509_FMT_DER, &der)) < 0)
    fail_with (error, rc, "certificate of a call");
  else
    out = g_bytes_new (der.data, der.size);
  gnutls_free (der.data);
  gnutls_pubkey_deinit (public_key);
  gnutls_x509_crt_deinit (cert);
  return out;
}

PlTlsCredentials *
pl_tls_credentials_new_ephemeral (PlEnv *env, GBytes **cert_der, GError **error)
{
  PlTlsCredentials *credentials = NULL;
  g_autoptr (GBytes) der = NULL;
  gnutls_privkey_t key;
  int rc;

  gnutls_privkey_init (&key);
  rc = gnutls_privkey_generate (key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0);
  if (rc < 0)
    fail_with (error, rc, "key of a call");
  else
    der = self_sign (env, key, error);
  if (der)
    credentials = pl_tls_credentials_new (key, der, error);
  if (!credentials)
    {
      gnutls_privkey_deinit (key);
      return NULL;
    }
  credentials->own_key = TRUE;
  *cert_der = g_steal_pointer (&der);
  return credentials;
}

/* GnuTLS frees the key, which it does not wipe: its own copy is one of many of a handshake. */
static int
find_secret (gnutls_session_t tls, const char *name, gnutls_datum_t *key)
{
  PlTlsSession *session = gnutls_session_get_ptr (tls);
  PlTlsCredentials *credentials = session->credentials;

  for (guint i = 0; i < credentials->n_secrets; i++)
    if (strcmp (credentials->secrets[i].name, name) == 0)
      {
        key->data = gnutls_malloc (PL_TLS_SECRET_LEN);
        key->size = PL_TLS_SECRET_LEN;
        if (key->data)
          memcpy (key->data, credentials->secrets[i].key, PL_TLS_SECRET_LEN);
        return key->data ? 0 : -1;
      }
  return -1;
}

PlTlsCredentials *
pl_tls_credentials_new_secret (const guint8 *secrets, guint n)
{
  PlTlsCredentials *credentials;
  gnutls_datum_t key;

  if (n == 0 || n > PL_TLS_SECRETS_MAX)
    return NULL;
  credentials = g_new0 (PlTlsCredentials, 1);
  credentials->n_secrets = n;
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, secrets + i * PL_TLS_SECRET_LEN, PL_TLS_SECRET_LEN);

      g_strlcpy (credentials->secrets[i].name, digest, sizeof credentials->secrets[i].name);
      memcpy (credentials->secrets[i].key, secrets + i * PL_TLS_SECRET_LEN, PL_TLS_SECRET_LEN);
    }
  key = (gnutls_datum_t) { credentials->secrets[0].key, PL_TLS_SECRET_LEN };
  gnutls_psk_allocate_client_credentials (&credentials->psk_client);
  gnutls_psk_set_client_credentials (credentials->psk_client, credentials->secrets[0].name, &key, GNUTLS_PSK_KEY_RAW);
  gnutls_psk_allocate_server_credentials (&credentials->psk_server);
  gnutls_psk_set_server_credentials_function (credentials->psk_server, find_secret);
  return credentials;
}

void
pl_tls_credentials_free (PlTlsCredentials *credentials)
{
  if (!credentials)
    return;
  if (credentials->psk_client)
    {
      gnutls_psk_free_client_credentials (credentials->psk_client);
      gnutls_psk_free_server_credentials (credentials->psk_server);
      gnutls_memset (credentials->secrets, 0, sizeof credentials->secrets);
      g_free (credentials);
      return;
    }
  if (credentials->own_key)
    gnutls_privkey_deinit (credentials->key);
  gnutls_certificate_free_credentials (credentials->credentials);
  gnutls_pcert_deinit (&credentials->pcert);
  g_free (credentials);
}

/* --- the path below --- */

static ssize_t
push (gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
  PlTlsSession *session = ptr;

  session->handlers.send (session->user, data, len);
  return len;
}

static ssize_t
pull_datagram (PlTlsSession *session, void *data, size_t len)
{
  g_autoptr (GBytes) bytes = g_queue_pop_head (&session->datagrams);
  gsize n;

  if (!bytes)
    {
      gnutls_transport_set_errno (session->tls, EAGAIN);
      return -1;
    }
  n = MIN (len, g_bytes_get_size (bytes));
  memcpy (data, g_bytes_get_data (bytes, NULL), n);
  return n;
}

static ssize_t
pull (gnutls_transport_ptr_t ptr, void *data, size_t len)
{
  PlTlsSession *session = ptr;
  gsize n = MIN (len, session->stream->len);

  if (session->datagram)
    return pull_datagram (session, data, len);
  if (n == 0 && session->ended)
    return 0;
  if (n == 0)
    {
      gnutls_transport_set_errno (session->tls, EAGAIN);
      return -1;
    }
  memcpy (data, session->stream->data, n);
  g_byte_array_remove_range (session->stream, 0, n);
  return n;
}

static int
pull_timeout (gnutls_transport_ptr_t ptr, unsigned int ms)
{
  PlTlsSession *session = ptr;

  if (session->datagram)
    return session->datagrams.length > 0;
  return session->stream->len > 0 || session->ended;
}

/* --- events up --- */

static void
clear_timers (PlTlsSession *session)
{
  pl_timer_clear (&session->handshake_timer);
  pl_timer_clear (&session->limit_timer);
}

/* Last call: the handler may free us. */
static void
report_closed (PlTlsSession *session, const GError *error)
{
  if (session->state == CLOSED)
    return;
  session->state = CLOSED;
  clear_timers (session);
  session->handlers.closed (session->user, error);
}

static void
close_with (PlTlsSession *session, int rc)
{
  g_autoptr (GError) error = NULL;

  if (session->refusal)
    error = g_steal_pointer (&session->refusal);
  else if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_FAILED, "the far side refused: %s",
                 gnutls_alert_get_name (gnutls_alert_get (session->tls)));
  else
    fail_with (&error, rc, session->state == HANDSHAKE ? "handshake" : "session");
  report_closed (session, error);
}

/* Called by GnuTLS inside the handshake, before our own Finished is trusted. */
static int
verify_peer (gnutls_session_t tls)
{
  PlTlsSession *session = gnutls_session_get_ptr (tls);
  g_autoptr (GPtrArray) chain = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  unsigned int n = 0;
  const gnutls_datum_t *list = gnutls_certificate_get_peers (tls, &n);

  for (guint i = 0; list && i < n && i < CHAIN_MAX; i++)
    g_ptr_array_add (chain, g_bytes_new (list[i].data, list[i].size));
  g_clear_error (&session->refusal);
  if (chain->len == 0)
    g_set_error_literal (&session->refusal, G_IO_ERROR, G_IO_ERROR_FAILED, "the far side showed no certificate");
  else if (session->handlers.verify (session->user, chain, &session->refusal))
    return 0;
  return GNUTLS_E_CERTIFICATE_ERROR;
}

static void on_handshake_timer (gpointer data);

/* GnuTLS says 0 both for "now" and for "nothing of mine is under way", as in a server that waits
 * for its client; what was due now was just sent. */
static gint64
next_flight (PlTlsSession *session)
{
  guint ms = gnutls_dtls_get_timeout (session->tls);

  return (ms ? ms : PL_DTLS_RETRANSMIT) * PL_USEC_PER_MSEC;
}

/* TRUE: done, go on reading. FALSE: later, or the session is gone. */
static gboolean
handshake (PlTlsSession *session)
{
  int rc;

  do
    rc = gnutls_handshake (session->tls);
  while (rc == GNUTLS_E_INTERRUPTED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED || rc == GNUTLS_E_GOT_APPLICATION_DATA);
  if (rc == GNUTLS_E_AGAIN)
    {
      if (session->datagram)
        pl_env_arm (session->env, &session->handshake_timer, next_flight (session), on_handshake_timer, session);
      return FALSE;
    }
  if (rc < 0)
    {
      gnutls_alert_send_appropriate (session->tls, rc);
      close_with (session, rc);
      return FALSE;
    }
  clear_timers (session);
  session->state = ESTABLISHED;
  session->handlers.established (session->user, session);
  return TRUE;
}

static void
on_limit (gpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "handshake: no answer in time");

  report_closed (data, error);
}

/* Takes all records there are. The session may be gone afterwards. */
static void
read_records (PlTlsSession *session)
{
  guint8 buffer[PL_TLS_STREAM_RECORD + 1024];
  gboolean freed = FALSE;

  while (session->state == ESTABLISHED)
    {
      ssize_t n = gnutls_record_recv (session->tls, buffer, sizeof buffer);

      if (n == GNUTLS_E_AGAIN)
        return;
      if (n == GNUTLS_E_INTERRUPTED || (n < 0 && !gnutls_error_is_fatal (n)))
        continue; /* warning alerts, requests for what we don't do */
      if (n == 0)
        {
          report_closed (session, NULL);
          return;
        }
      if (n < 0)
        {
          close_with (session, n);
          return;
        }
      session->freed = &freed;
      session->handlers.record (session->user, buffer, n);
      if (freed)
        return;
      session->freed = NULL;
    }
}

static void
advance (PlTlsSession *session)
{
  switch (session->state)
    {
    case HANDSHAKE:
      if (handshake (session))
        read_records (session);
      return;
    case ESTABLISHED:
      read_records (session);
      return;
    case CLOSED:
      return;
    }
}

static void
on_handshake_timer (gpointer data)
{
  advance (data);
}

/* --- life --- */

static void
set_credentials (PlTlsSession *session, const PlTlsOptions *options)
{
  PlTlsCredentials *credentials = session->credentials;

  if (credentials->psk_client)
    {
      gnutls_priority_set_direct (session->tls, options->datagram ? SECRET_DATAGRAM : SECRET_STREAM, NULL);
      gnutls_credentials_set (session->tls, GNUTLS_CRD_PSK, options->server ? (void *) credentials->psk_server : credentials->psk_client);
      return;
    }
  gnutls_priority_set_direct (session->tls, options->datagram ? PRIORITY_DATAGRAM : PRIORITY_STREAM, NULL);
  gnutls_credentials_set (session->tls, GNUTLS_CRD_CERTIFICATE, credentials->credentials);
  gnutls_session_set_verify_function (session->tls, verify_peer);
  if (options->server)
    gnutls_certificate_server_set_request (session->tls, GNUTLS_CERT_REQUIRE);
}

PlTlsSession *
pl_tls_session_new (PlEnv *env, PlTlsCredentials *credentials, const PlTlsOptions *options,
                    const PlTlsHandlers *handlers, gpointer user)
{
  PlTlsSession *session = g_new0 (PlTlsSession, 1);
  guint flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS | (options->server ? GNUTLS_SERVER : GNUTLS_CLIENT)
                | (options->datagram ? GNUTLS_DATAGRAM : 0);

  session->env = env;
  session->credentials = credentials;
  session->handlers = *handlers;
  session->user = user;
  session->server = options->server;
  session->datagram = options->datagram;
  session->stream = g_byte_array_new ();
  g_queue_init (&session->datagrams);
  gnutls_init (&session->tls, flags);
  gnutls_session_set_ptr (session->tls, session);
  set_credentials (session, options);
  gnutls_transport_set_ptr (session->tls, session);
  gnutls_transport_set_push_function (session->tls, push);
  gnutls_transport_set_pull_function (session->tls, pull);
  gnutls_transport_set_pull_timeout_function (session->tls, pull_timeout);
  if (options->datagram)
    {
      gnutls_dtls_set_mtu (session->tls, options->mtu ? options->mtu : PL_DTLS_MTU);
      gnutls_dtls_set_timeouts (session->tls, PL_DTLS_RETRANSMIT, DTLS_TOTAL_TIMEOUT);
      if (options->srtp)
        gnutls_srtp_set_profile (session->tls, GNUTLS_SRTP_AES128_CM_HMAC_SHA1_80);
    }
  pl_env_arm (env, &session->limit_timer, PL_TLS_HANDSHAKE_MAX, on_limit, session);
  pl_env_arm (env, &session->handshake_timer, 0, on_handshake_timer, session);
  return session;
}

void
pl_tls_session_free (PlTlsSession *session)
{
  if (!session)
    return;
  if (session->freed)
    *session->freed = TRUE;
  clear_timers (session);
  gnutls_deinit (session->tls);
  g_queue_clear_full (&session->datagrams, (GDestroyNotify) g_bytes_unref);
  g_byte_array_unref (session->stream);
  g_clear_error (&session->refusal);
  g_free (session);
}

void
pl_tls_session_feed (PlTlsSession *session, const guint8 *data, gsize len)
{
  if (session->state == CLOSED)
    return;
  if (session->datagram)
    {
      if (session->datagrams.length >= DATAGRAM_QUEUE_MAX)
        return;
      g_queue_push_tail (&session->datagrams, g_bytes_new (data, len));
    }
  else if (len > STREAM_BUFFER_MAX - session->stream->len)
    {
      close_with (session, GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER);
      return;
    }
  else
    g_byte_array_append (session->stream, data, len);
  advance (session);
}

void
pl_tls_session_end (PlTlsSession *session)
{
  session->ended = TRUE;
  advance (session);
}

gboolean
pl_tls_session_send (PlTlsSession *session, const guint8 *data, gsize len)
{
  ssize_t n;

  if (session->state != ESTABLISHED)
    return FALSE;
  do
    n = gnutls_record_send (session->tls, data, len);
  while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED); /* push takes all: no endless loop */
  return n == (ssize_t) len;
}

void
pl_tls_session_close (PlTlsSession *session)
{
  if (session->state == ESTABLISHED)
    gnutls_bye (session->tls, GNUTLS_SHUT_WR);
  session->state = CLOSED;
  clear_timers (session);
}

void
pl_tls_session_set_mtu (PlTlsSession *session, guint mtu)
{
  if (session->datagram)
    gnutls_dtls_set_mtu (session->tls, mtu);
}

gsize
pl_tls_session_max_record (PlTlsSession *session)
{
  return session->datagram ? gnutls_dtls_get_data_mtu (session->tls) : PL_TLS_STREAM_RECORD;
}

gboolean
pl_tls_session_export (PlTlsSession *session, const char *label, guint8 *out, gsize len)
{
  /* Before TLS 1.3 they are only bound to the session with RFC 7627 (its section 5.4); GnuTLS always does it. */
  return session->state == ESTABLISHED
         && (!session->credentials->psk_client || gnutls_session_ext_master_secret_status (session->tls))
         && gnutls_prf_rfc5705 (session->tls, strlen (label), label, 0, NULL, len, (char *) out) == 0;
}

static void
copy_srtp_key (guint8 out[PL_TLS_SRTP_KEY], const gnutls_datum_t *key, const gnutls_datum_t *salt)
{
  memcpy (out, key->data, key->size);
  memcpy (out + key->size, salt->data, salt->size);
}

gboolean
pl_tls_session_srtp_keys (PlTlsSession *session, PlTlsSrtpKeys *keys)
{
  guint8 material[2 * PL_TLS_SRTP_KEY];
  gnutls_datum_t client, client_salt, server, server_salt;
  gnutls_srtp_profile_t profile;
  gboolean is_server = session->server;
  int n;

  if (session->state != ESTABLISHED || gnutls_srtp_get_selected_profile (session->tls, &profile) < 0)
    return FALSE;
  n = gnutls_srtp_get_keys (session->tls, material, sizeof material, &client, &client_salt, &server, &server_salt);
  if (n < 0 || client.size + client_salt.size != PL_TLS_SRTP_KEY || server.size + server_salt.size != PL_TLS_SRTP_KEY)
    return FALSE;
  copy_srtp_key (is_server ? keys->local : keys->remote, &server, &server_salt);
  copy_srtp_key (is_server ? keys->remote : keys->local, &client, &client_salt);
  gnutls_memset (material, 0, sizeof material);
  return TRUE;
}
