/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/secure.h"

#include "base/log.h"
#include "overlay/link/proof.h"

#include <string.h>

struct PlSecure {
  PlSecureContext context;
  PlSecurePath funcs;
  gpointer path;
  PlSecureHandlers handlers;
  gpointer user;
  PlTlsSession *session;
  PlCarrier *carrier;      /* not ours: it owns us */
  PlCert *cert;
  PlNodeId expected;
  gboolean server, datagram, has_expected, segments, large_records;
  gboolean dead;
  guint refs;              /* the owner's, and one for each call from the path under way */
  GQueue early;            /* GBytes: records before the carrier was handed over */
  gint64 began, first_feed;
  PlTimer *ready_timer, *early_timer;
  GBytes *proof;           /* ours, where links have a shared secret */
  guint8 exported[PL_PROOF_EXPORTED];
  PlTimer *proof_timer, *proof_limit;
  GError *error;
};

static void
secure_unref (PlSecure *secure)
{
  if (--secure->refs == 0)
    g_free (secure);
}

/* --- the carrier's side --- */

static gboolean
carrier_send (gpointer impl, const guint8 *data, gsize len)
{
  PlSecure *secure = impl;

  if (secure->funcs.full && secure->funcs.full (secure->path))
    return FALSE;
  return pl_tls_session_send (secure->session, data, len);
}

static void
carrier_close (gpointer impl)
{
  pl_tls_session_close (((PlSecure *) impl)->session);
}

static void
carrier_free (gpointer impl)
{
  pl_secure_free (impl);
}

static PlCarrier *
make_carrier (PlSecure *secure)
{
  static const PlCarrierFuncs funcs = { carrier_send, carrier_close, carrier_free };
  g_autofree char *description = secure->funcs.dup_description (secure->path);
  gint64 now = pl_env_now (secure->context.env);
  PlCarrierInfo info = { .cert = secure->cert,
                         .node = secure->has_expected ? secure->expected : *pl_cert_node_id (secure->cert, pl_cert_device (secure->cert)),
                         .unnamed = secure->server && !secure->has_expected && pl_cert_n_node_ids (secure->cert) > 1
                                    && pl_cert_device (secure->cert) == 0,
                         .reliable = !secure->datagram,
                         .max_record = pl_tls_session_max_record (secure->session),
                         .description = description,
                         .segments = secure->segments };

  /* A first estimate: a server sees one round trip from the first bytes to the last flight, a
   * DTLS client two. */
  info.rtt = secure->server ? now - secure->first_feed : (now - secure->began) / (secure->datagram ? 2 : 1);
  info.rtt = CLAMP (info.rtt, 1, PL_SECURE_RTT_MAX);
  secure->carrier = pl_carrier_new (&funcs, secure, &info);
  return secure->carrier;
}

/* --- the session's side --- */

static void
session_send (gpointer user, const guint8 *data, gsize len)
{
  PlSecure *secure = user;

  secure->funcs.send (secure->path, data, len);
}

/* Of a certificate that does not say which device it is of, any. */
static gboolean
may_be (const PlCert *cert, const PlNodeId *self)
{
  guint device = pl_cert_device (cert);

  return device ? pl_node_id_equal (pl_cert_node_id (cert, device), self) : pl_cert_has_node_id (cert, self);
}

static gboolean
check_node (PlSecure *secure, PlCert *cert, GError **error)
{
  if (pl_cert_n_node_ids (cert) == 0 || (secure->has_expected && !pl_cert_has_node_id (cert, &secure->expected)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                           "the far certificate is not that of the node wanted");
      return FALSE;
    }
  /* Another device of ours may have the same certificate, but then an Attach says which. */
  if (may_be (cert, secure->context.self)
      && (!secure->has_expected || pl_node_id_equal (&secure->expected, secure->context.self)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "the far end is this node itself");
      return FALSE;
    }
  return TRUE;
}

static gboolean
session_verify (gpointer user, const GPtrArray *chain, GError **error)
{
  PlSecure *secure = user;
  g_autoptr (PlCert) cert = pl_cert_new (g_ptr_array_index (chain, 0), error);

  if (!cert || !pl_trust_check_cert (secure->context.trust, cert, error) || !check_node (secure, cert, error))
    {
      g_prefix_error (error, "far certificate: ");
      return FALSE;
    }
  g_clear_pointer (&secure->cert, pl_cert_unref);
  secure->cert = g_steal_pointer (&cert);
  return TRUE;
}

static void
on_early (gpointer data)
{
  PlSecure *secure = data;

  secure->refs++;
  while (!secure->dead && !g_queue_is_empty (&secure->early))
    {
      g_autoptr (GBytes) record = g_queue_pop_head (&secure->early);

      pl_carrier_deliver (secure->carrier, g_bytes_get_data (record, NULL), g_bytes_get_size (record));
    }
  if (!secure->dead && secure->error)
    pl_carrier_lost (secure->carrier, secure->error);
  secure_unref (secure);
}

/* The step between handshake and delivery, where each carrier passes: the far certificate is proven. */
static void
on_ready (gpointer data)
{
  PlSecure *secure = data;

  if (secure->error) /* it ended before anybody had it */
    {
      secure->handlers.failed (secure->user, secure, secure->error);
      return;
    }
  if (secure->large_records)
    pl_tls_session_set_mtu (secure->session, PL_SECURE_LARGE_RECORD);
  make_carrier (secure);
  pl_env_arm (secure->context.env, &secure->early_timer, 0, on_early, secure);
  secure->handlers.ready (secure->user, secure, secure->carrier);
}

/* --- proofs, where the session only proves the secret --- */

static void secure_end (PlSecure *secure, const GError *error);

static void
send_proof (PlSecure *secure, gboolean seen)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (secure->proof, &len);
  g_autofree guint8 *copy = g_memdup2 (data, len);

  pl_proof_set_seen (copy, seen);
  /* One with an RSA certificate is larger than a datagram should be: IP fragments it. */
  if (secure->datagram && len > pl_tls_session_max_record (secure->session))
    {
      pl_tls_session_set_mtu (secure->session, PL_SECURE_LARGE_RECORD);
      pl_tls_session_send (secure->session, copy, len);
      pl_tls_session_set_mtu (secure->session, PL_DTLS_MTU);
    }
  else
    pl_tls_session_send (secure->session, copy, len);
}

/* Until the far side says that it has it. */
static void
on_proof_repeat (gpointer data)
{
  PlSecure *secure = data;

  send_proof (secure, secure->cert != NULL);
  pl_env_arm (secure->context.env, &secure->proof_timer, PL_PROOF_REPEAT, on_proof_repeat, secure);
}

static void
on_proof_limit (gpointer data)
{
  PlSecure *secure = data;
  g_autoptr (GError) error = NULL;

  pl_timer_clear (&secure->proof_timer);
  if (secure->cert)
    return;
  error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "the far side did not prove who it is");
  secure_end (secure, error);
}

static void
begin_proof (PlSecure *secure)
{
  PlProof proof = { .server = secure->server, .node = *secure->context.self, .exported = secure->exported };
  g_autoptr (GError) error = NULL;

  if (secure->has_expected)
    proof.wanted = secure->expected;
  if (pl_tls_session_export (secure->session, PL_PROOF_EXPORTER, secure->exported, sizeof secure->exported))
    secure->proof = pl_proof_write (secure->context.identity, &proof, &error);
  if (!secure->proof)
    {
      if (!error)
        error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "the session gives nothing to sign");
      secure_end (secure, error);
      return;
    }
  pl_env_arm (secure->context.env, &secure->proof_limit, PL_PROOF_TIME, on_proof_limit, secure);
  send_proof (secure, FALSE);
  if (secure->datagram)
    pl_env_arm (secure->context.env, &secure->proof_timer, PL_PROOF_REPEAT, on_proof_repeat, secure);
}

static gboolean
take_proof (PlSecure *secure, const guint8 *data, gsize len, GError **error)
{
  PlProof expected = { .server = !secure->server, .wanted = *secure->context.self, .exported = secure->exported };
  g_autoptr (PlCert) cert = NULL;
  PlNodeId node;

  if (secure->has_expected)
    expected.node = secure->expected;
  cert = pl_proof_read (secure->context.trust, &expected, data, len, &node, error);
  if (!cert)
    return FALSE;
  secure->expected = node;
  secure->has_expected = TRUE;
  if (!check_node (secure, cert, error))
    return FALSE;
  secure->cert = g_steal_pointer (&cert);
  pl_env_arm (secure->context.env, &secure->ready_timer, 0, on_ready, secure);
  return TRUE;
}

static void
on_proof (PlSecure *secure, const guint8 *data, gsize len)
{
  g_autoptr (GError) error = NULL;

  if (secure->error || !secure->proof)
    return;
  if (!secure->cert && !take_proof (secure, data, len, &error))
    {
      pl_tls_session_close (secure->session); /* it may be satisfied with us */
      secure_end (secure, error);
      return;
    }
  if (pl_proof_seen (data, len))
    pl_timer_clear (&secure->proof_timer);
  else
    send_proof (secure, TRUE);
}

static void
session_established (gpointer user, PlTlsSession *session)
{
  PlSecure *secure = user;

  if (secure->context.identity)
    begin_proof (secure);
  else
    pl_env_arm (secure->context.env, &secure->ready_timer, 0, on_ready, secure);
}

static void
session_record (gpointer user, const guint8 *data, gsize len)
{
  PlSecure *secure = user;

  if (secure->context.identity && pl_proof_is (data, len))
    on_proof (secure, data, len);
  else if (secure->carrier && g_queue_is_empty (&secure->early))
    pl_carrier_deliver (secure->carrier, data, len);
  else if (secure->early.length < PL_SECURE_EARLY_MAX)
    g_queue_push_tail (&secure->early, g_bytes_new (data, len));
}

/* May free `secure` and the path: the last thing done in any call. */
static void
secure_end (PlSecure *secure, const GError *error)
{
  if (secure->carrier && g_queue_is_empty (&secure->early))
    {
      pl_carrier_lost (secure->carrier, error);
      return;
    }
  if (!secure->error)
    secure->error = error ? g_error_copy (error)
                          : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "closed by the far side");
  if (secure->carrier)
    pl_env_arm (secure->context.env, &secure->early_timer, 0, on_early, secure);
  else
    pl_env_arm (secure->context.env, &secure->ready_timer, 0, on_ready, secure);
}

static void
session_closed (gpointer user, const GError *error)
{
  secure_end (user, error);
}

/* --- life --- */

PlSecure *
pl_secure_new (const PlSecureContext *context, const PlSecureOptions *options, const PlSecurePath *funcs, gpointer path,
               const PlSecureHandlers *handlers, gpointer user)
{
  static const PlTlsHandlers tls_handlers = { session_send, session_verify, session_established, session_record,
                                              session_closed };
  PlTlsOptions tls = { .server = options->server, .datagram = options->datagram };
  PlSecure *secure = g_new0 (PlSecure, 1);

  secure->refs = 1;
  secure->context = *context;
  secure->funcs = *funcs;
  secure->path = path;
  secure->handlers = *handlers;
  secure->user = user;
  secure->server = options->server;
  secure->datagram = options->datagram;
  secure->segments = options->segments;
  secure->large_records = options->large_records;
  if (options->expected)
    {
      secure->expected = *options->expected;
      secure->has_expected = TRUE;
    }
  secure->began = secure->first_feed = pl_env_now (context->env);
  secure->session = pl_tls_session_new (context->env, context->credentials, &tls, &tls_handlers, secure);
  return secure;
}

void
pl_secure_free (PlSecure *secure)
{
  if (!secure)
    return;
  secure->dead = TRUE;
  pl_timer_clear (&secure->ready_timer);
  pl_timer_clear (&secure->early_timer);
  pl_timer_clear (&secure->proof_timer);
  pl_timer_clear (&secure->proof_limit);
  g_clear_pointer (&secure->proof, g_bytes_unref);
  pl_tls_session_free (secure->session);
  secure->funcs.free (secure->path);
  g_clear_pointer (&secure->cert, pl_cert_unref);
  g_queue_clear_full (&secure->early, (GDestroyNotify) g_bytes_unref);
  g_clear_error (&secure->error);
  secure_unref (secure);
}

gboolean
pl_secure_feed (PlSecure *secure, const guint8 *data, gsize len)
{
  gboolean dead;

  if (secure->first_feed == secure->began)
    secure->first_feed = pl_env_now (secure->context.env);
  secure->refs++;
  pl_tls_session_feed (secure->session, data, len);
  dead = secure->dead;
  secure_unref (secure);
  return !dead;
}

void
pl_secure_end (PlSecure *secure)
{
  pl_tls_session_end (secure->session);
}

void
pl_secure_lost (PlSecure *secure, const GError *error)
{
  secure_end (secure, error);
}

void
pl_secure_moved (PlSecure *secure)
{
  g_autofree char *description = secure->funcs.dup_description (secure->path);

  if (!secure->carrier || !description)
    return;
  pl_debug ("secure", "path moved", "path", description, NULL);
  pl_carrier_set_description (secure->carrier, description);
}
