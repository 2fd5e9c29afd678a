/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/loop.h"
#include "ice/dtls/session.h"
#include "base/universe.h"
#include "tests/support/test.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>

typedef struct End End;
struct End {
  PlTlsSession *session;
  PlTlsCredentials *credentials;
  gnutls_privkey_t key;
  End *far;
  GQueue inbox;          /* GBytes on their way to us */
  guint drop;            /* how many of our datagrams are lost from now on */
  guint sent;
  gboolean srtp;
  gboolean refuse, free_on_record;
  gboolean established, closed;
  char *error;
  gsize peer_der;        /* length of the certificate seen */
  GString *received;
};

static void
on_send (gpointer user, const guint8 *data, gsize len)
{
  End *end = user;

  end->sent++;
  if (end->drop > 0)
    end->drop--;
  else
    g_queue_push_tail (&end->far->inbox, g_bytes_new (data, len));
}

static gboolean
on_verify (gpointer user, const GPtrArray *chain, GError **error)
{
  End *end = user;

  end->peer_der = g_bytes_get_size (g_ptr_array_index (chain, 0));
  if (!end->refuse)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "not the node we called");
  return FALSE;
}

static void
on_established (gpointer user, PlTlsSession *session)
{
  ((End *) user)->established = TRUE;
}

static void
on_record (gpointer user, const guint8 *data, gsize len)
{
  End *end = user;

  g_string_append_len (end->received, (const char *) data, len);
  if (end->free_on_record)
    g_clear_pointer (&end->session, pl_tls_session_free);
}

static void
on_closed (gpointer user, const GError *error)
{
  End *end = user;

  ck_assert (!end->closed);
  end->closed = TRUE;
  end->error = error ? g_strdup (error->message) : NULL;
}

static const PlTlsHandlers handlers = { on_send, on_verify, on_established, on_record, on_closed };

static void
load_identity (End *end, const char *name)
{
  g_autofree char *key_name = g_strdup_printf ("vectors/pki/%s.key.der", name), *cert_name = g_strdup_printf ("vectors/pki/%s.der", name);
  g_autoptr (GBytes) key = pl_test_data (key_name), cert = pl_test_data (cert_name);
  g_autoptr (GError) error = NULL;
  gnutls_datum_t datum = { (unsigned char *) g_bytes_get_data (key, NULL), g_bytes_get_size (key) };

  gnutls_privkey_init (&end->key);
  ck_assert_int_eq (gnutls_privkey_import_x509_raw (end->key, &datum, GNUTLS_X509_FMT_DER, NULL, 0), 0);
  end->credentials = pl_tls_credentials_new (end->key, cert, &error);
  ck_assert_msg (end->credentials != NULL, "%s", error ? error->message : "");
}

static void
open_pair (PlEnv *env, End *a, End *b, gboolean datagram)
{
  End *ends[2] = { a, b };

  for (guint i = 0; i < 2; i++)
    {
      PlTlsOptions options = { .server = i == 0, .datagram = datagram, .srtp = ends[i]->srtp };

      ends[i]->far = ends[1 - i];
      ends[i]->received = g_string_new (NULL);
      g_queue_init (&ends[i]->inbox);
      load_identity (ends[i], i ? "bob" : "alice");
      ends[i]->session = pl_tls_session_new (env, ends[i]->credentials, &options, &handlers, ends[i]);
      ck_assert_uint_eq (ends[i]->sent, 0);
    }
}

static void
deliver (End *end)
{
  g_autoptr (GBytes) bytes = g_queue_pop_head (&end->inbox);
  gsize len;
  const guint8 *data;

  if (!bytes || !end->session)
    return;
  data = g_bytes_get_data (bytes, &len);
  pl_tls_session_feed (end->session, data, len);
}

static void
settle (End *a, End *b, gint64 at_most, gboolean (*done) (End *a, End *b))
{
  gint64 end = g_get_monotonic_time () + at_most;

  while (!done (a, b) && g_get_monotonic_time () < end)
    {
      g_main_context_iteration (NULL, a->inbox.length + b->inbox.length == 0);
      deliver (a);
      deliver (b);
    }
  ck_assert (done (a, b));
}

static gboolean
both_established (End *a, End *b)
{
  return a->established && b->established;
}

static gboolean
one_closed (End *a, End *b)
{
  return a->closed || b->closed;
}

static gboolean
both_closed (End *a, End *b)
{
  return a->closed && b->closed;
}

static gboolean
b_received (End *a, End *b)
{
  return b->received->len > 0;
}

static void
close_end (End *end)
{
  g_clear_pointer (&end->session, pl_tls_session_free);
  g_clear_pointer (&end->credentials, pl_tls_credentials_free);
  gnutls_privkey_deinit (end->key);
  g_queue_clear_full (&end->inbox, (GDestroyNotify) g_bytes_unref);
  g_string_free (end->received, TRUE);
  g_free (end->error);
}

/* S2-13, S2-39: both ends show certificates; _i 0 is a stream, 1 datagrams */
START_TEST (session_both_ends_see_certificates_and_carry_records) /* S1-03, S2-35 */
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a = { 0 }, b = { 0 };
  guint8 one[32], two[32];

  open_pair (pl_loop_env (loop), &a, &b, _i);
  settle (&a, &b, 5 * G_USEC_PER_SEC, both_established);
  ck_assert_uint_gt (a.peer_der, 100);
  ck_assert_uint_gt (b.peer_der, 100);
  ck_assert (pl_tls_session_send (a.session, (const guint8 *) "INVITE", 6));
  settle (&a, &b, 5 * G_USEC_PER_SEC, b_received);
  ck_assert_str_eq (b.received->str, "INVITE");
  ck_assert (pl_tls_session_export (a.session, "EXPORTER-peerline-link", one, sizeof one));
  ck_assert (pl_tls_session_export (b.session, "EXPORTER-peerline-link", two, sizeof two));
  ck_assert_mem_eq (one, two, sizeof one);
  pl_tls_session_close (a.session);
  settle (&a, &b, 5 * G_USEC_PER_SEC, one_closed);
  ck_assert (b.closed);
  ck_assert_ptr_null (b.error);
  ck_assert (!pl_tls_session_send (b.session, (const guint8 *) "x", 1));
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (session_refused_certificate_ends_both)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a = { 0 }, b = { 0 };

  b.refuse = TRUE;
  open_pair (pl_loop_env (loop), &a, &b, _i);
  settle (&a, &b, 12 * G_USEC_PER_SEC, both_closed);
  ck_assert (!b.established);
  ck_assert_str_eq (b.error, "not the node we called");
  ck_assert_ptr_nonnull (strstr (a.error, "refused"));
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (session_lost_flights_are_sent_again_soon)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a = { .drop = 2 }, b = { .drop = 1 };
  gint64 start = g_get_monotonic_time ();

  open_pair (pl_loop_env (loop), &a, &b, TRUE);
  settle (&a, &b, 8 * G_USEC_PER_SEC, both_established);
  ck_assert_int_lt (g_get_monotonic_time () - start, 5 * G_USEC_PER_SEC);
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (session_record_larger_than_the_mtu_is_not_taken)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autofree guint8 *data = g_malloc0 (PL_DTLS_MTU);
  End a = { 0 }, b = { 0 };

  open_pair (pl_loop_env (loop), &a, &b, TRUE);
  settle (&a, &b, 5 * G_USEC_PER_SEC, both_established);
  ck_assert_uint_ge (pl_tls_session_max_record (a.session), 1150);
  ck_assert (pl_tls_session_send (a.session, data, pl_tls_session_max_record (a.session)));
  ck_assert (!pl_tls_session_send (a.session, data, pl_tls_session_max_record (a.session) + 1));
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (session_garbage_ends_a_stream_and_is_ignored_by_datagrams)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a = { 0 }, b = { 0 };
  guint8 noise[600];

  memset (noise, 0xa5, sizeof noise);
  open_pair (pl_loop_env (loop), &a, &b, _i);
  settle (&a, &b, 5 * G_USEC_PER_SEC, both_established);
  pl_tls_session_feed (b.session, noise, sizeof noise);
  ck_assert_int_eq (b.closed, !_i);
  if (_i)
    {
      ck_assert (pl_tls_session_send (a.session, (const guint8 *) "still", 5));
      settle (&a, &b, 5 * G_USEC_PER_SEC, b_received);
    }
  close_end (&a);
  close_end (&b);
}
END_TEST

/* S2-66: a captured datagram does nothing a second time */
START_TEST (session_replayed_datagram_is_dropped)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GBytes) copy = NULL;
  End a = { 0 }, b = { 0 };
  gsize len;
  const guint8 *data;

  open_pair (pl_loop_env (loop), &a, &b, TRUE);
  settle (&a, &b, 5 * G_USEC_PER_SEC, both_established);
  ck_assert (pl_tls_session_send (a.session, (const guint8 *) "once", 4));
  copy = g_bytes_ref (g_queue_peek_tail (&b.inbox));
  settle (&a, &b, 5 * G_USEC_PER_SEC, b_received);
  data = g_bytes_get_data (copy, &len);
  pl_tls_session_feed (b.session, data, len);
  ck_assert_str_eq (b.received->str, "once");
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (session_may_be_freed_by_its_record_handler)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a = { 0 }, b = { .free_on_record = TRUE };

  open_pair (pl_loop_env (loop), &a, &b, _i);
  settle (&a, &b, 5 * G_USEC_PER_SEC, both_established);
  pl_tls_session_send (a.session, (const guint8 *) "1", 1);
  pl_tls_session_send (a.session, (const guint8 *) "2", 1);
  settle (&a, &b, 5 * G_USEC_PER_SEC, b_received);
  ck_assert_ptr_null (b.session);
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (session_without_an_answer_fails_in_time)
{
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  End a = { 0 }, b = { 0 };

  open_pair (pl_universe_env (universe), &a, &b, _i);
  g_clear_pointer (&a.session, pl_tls_session_free);
  pl_universe_run (universe, PL_TLS_HANDSHAKE_MAX - 1);
  ck_assert (!b.closed);
  pl_universe_run (universe, 1);
  ck_assert (b.closed);
  ck_assert_ptr_nonnull (b.error);
  close_end (&a);
  close_end (&b);
}
END_TEST

/* A TLS server waits for a client that may never come: it sleeps meanwhile. */
START_TEST (session_that_waits_for_the_far_side_sleeps)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  PlEnv *env = pl_loop_env (loop);
  End a = { 0 }, b = { 0 };
  gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC;
  guint turns = 0;

  open_pair (env, &a, &b, _i);
  while (g_get_monotonic_time () < end)
    {
      g_main_context_iteration (NULL, FALSE);
      for (gint64 next = pl_timers_next (pl_env_timers (env)); next > pl_env_now (env) && g_get_monotonic_time () < end;)
        g_usleep (1000);
      turns++;
    }
  ck_assert_uint_lt (turns, 50);
  close_end (&a);
  close_end (&b);
}
END_TEST

/* RFC 5764 4.1: keys only where both agree; _i: bit 0 and 1, who offers use_srtp */
START_TEST (session_srtp_keys_mirror_each_other_when_both_agree)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a = { .srtp = _i & 1 }, b = { .srtp = _i & 2 };
  gboolean agreed = a.srtp && b.srtp;
  PlTlsSrtpKeys one, two;

  open_pair (pl_loop_env (loop), &a, &b, TRUE);
  ck_assert (!pl_tls_session_srtp_keys (a.session, &one));
  settle (&a, &b, 5 * G_USEC_PER_SEC, both_established);
  ck_assert_int_eq (pl_tls_session_srtp_keys (a.session, &one), agreed);
  ck_assert_int_eq (pl_tls_session_srtp_keys (b.session, &two), agreed);
  if (agreed)
    {
      ck_assert_mem_eq (one.local, two.remote, PL_TLS_SRTP_KEY);
      ck_assert_mem_eq (one.remote, two.local, PL_TLS_SRTP_KEY);
      ck_assert_mem_ne (one.local, one.remote, PL_TLS_SRTP_KEY);
    }
  close_end (&a);
  close_end (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("ice");
  TCase *session = tcase_create ("ice/dtls");

  tcase_set_timeout (session, 60);
  tcase_add_loop_test (session, session_both_ends_see_certificates_and_carry_records, 0, 2);
  tcase_add_loop_test (session, session_refused_certificate_ends_both, 0, 2);
  tcase_add_test (session, session_lost_flights_are_sent_again_soon);
  tcase_add_loop_test (session, session_that_waits_for_the_far_side_sleeps, 0, 2);
  tcase_add_test (session, session_record_larger_than_the_mtu_is_not_taken);
  tcase_add_loop_test (session, session_garbage_ends_a_stream_and_is_ignored_by_datagrams, 0, 2);
  tcase_add_test (session, session_replayed_datagram_is_dropped);
  tcase_add_loop_test (session, session_may_be_freed_by_its_record_handler, 0, 2);
  tcase_add_loop_test (session, session_srtp_keys_mirror_each_other_when_both_agree, 0, 4);
  tcase_add_loop_test (session, session_without_an_answer_fails_in_time, 0, 2);
  suite_add_tcase (suite, session);
  return pl_test_run (suite, NULL);
}
