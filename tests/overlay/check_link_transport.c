/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The real transport on loopback: TCP, ICE, TLS, DTLS, certificates, both ends in this process.
 */
#include "config.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "ice/dtls/session.h"
#include "overlay/link/link.h"
#include "overlay/link/proof.h"
#include "overlay/link/segment.h"
#include "overlay/link/tcp.h"
#include "overlay/link/transport.h"
#include "tests/support/test.h"

#define OVERLAY "interop.example.org"

typedef struct {
  PlIdentity *identity;
  PlTrust *trust;
  PlTransport *transport;
  PlCarrier *carrier;
  PlAttachment *attachment;
  PlAttachReqAns local;
  gboolean gathered, cancel_when_gathered, lost;
  GQuark error_domain;
  char *error;
  GPtrArray *got;
} Node;

static gboolean no_ice;
static const char *secrets_a, *secrets_b; /* a letter stands for a secret; NULL: certificates */
static GMainContext *context;
static PlLoop *loop;
static Node a, b;
static guint16 port;

/* --- fixture --- */

static PlIdentity *
load (const char *name)
{
  g_autofree char *key_name = g_strdup_printf ("vectors/%s.key", name), *cert_name = g_strdup_printf ("vectors/%s.crt", name);
  g_autoptr (GBytes) key = pl_test_data (key_name), cert = pl_test_data (cert_name);
  g_autofree char *key_pem = g_strndup (g_bytes_get_data (key, NULL), g_bytes_get_size (key));
  g_autofree char *cert_pem = g_strndup (g_bytes_get_data (cert, NULL), g_bytes_get_size (cert));
  g_autoptr (GError) error = NULL;
  PlIdentity *identity = pl_identity_new (key_pem, cert_pem, &error);

  ck_assert_msg (identity != NULL, "%s", error ? error->message : "");
  return identity;
}

static GBytes *
make_secrets (const char *letters)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();

  for (; letters && *letters; letters++)
    {
      guint8 secret[PL_TLS_SECRET_LEN];

      memset (secret, *letters, sizeof secret);
      g_byte_array_append (all, secret, sizeof secret);
    }
  return all->len ? g_byte_array_free_to_bytes (g_steal_pointer (&all)) : NULL;
}

static void
start_node (Node *node, const char *who, const char *overlay, guint16 listen)
{
  g_autoptr (GBytes) secrets = make_secrets (node == &a ? secrets_a : secrets_b);
  PlTransportOptions options = { .listen_address = "127.0.0.1", .listen_port = listen, .max_message = 16384,
                                 .no_ice = no_ice, .secrets = secrets };
  g_autoptr (GBytes) root = pl_test_data ("vectors/pki/ca.der");
  g_autoptr (GError) error = NULL;

  memset (node, 0, sizeof *node);
  node->identity = load (who);
  node->trust = pl_trust_new (pl_loop_env (loop), overlay);
  ck_assert (pl_trust_add_root (node->trust, root, NULL));
  node->got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  node->transport = pl_transport_real_new (pl_loop_env (loop), context, node->identity, node->trust, &options, &error);
  ck_assert_msg (node->transport != NULL, "%s", error ? error->message : "");
}

static void
stop_node (Node *node)
{
  g_clear_pointer (&node->carrier, pl_carrier_free);
  g_clear_pointer (&node->transport, pl_transport_free);
  g_clear_pointer (&node->trust, pl_trust_free);
  g_clear_pointer (&node->identity, pl_identity_unref);
  g_clear_pointer (&node->got, g_ptr_array_unref);
  g_clear_pointer (&node->error, g_free);
  pl_attach_req_ans_clear (&node->local);
}

static gboolean
run_until (gboolean (*done) (void), gint64 msec)
{
  gint64 end = g_get_monotonic_time () + msec * PL_USEC_PER_MSEC;

  while (!(done && done ()) && g_get_monotonic_time () < end)
    if (!g_main_context_iteration (context, FALSE))
      g_usleep (300);
  return done && done ();
}

static void
start (const char *who_a, const char *who_b)
{
  context = g_main_context_new ();
  loop = pl_loop_new (context);
  port = pl_test_free_port ();
  start_node (&a, who_a, OVERLAY, port);
  start_node (&b, who_b, OVERLAY, 0);
}

static void
finish (void)
{
  no_ice = FALSE;
  secrets_a = secrets_b = NULL;
  stop_node (&a);
  stop_node (&b);
  run_until (NULL, 20);
  g_clear_pointer (&loop, pl_loop_free);
  g_clear_pointer (&context, g_main_context_unref);
}

static void
on_record (gpointer user, const guint8 *data, gsize len)
{
  g_ptr_array_add (((Node *) user)->got, g_bytes_new (data, len));
}

static void
on_lost (gpointer user, const GError *error)
{
  ((Node *) user)->lost = TRUE;
}

static void
take_carrier (gpointer user, PlCarrier *carrier)
{
  static const PlCarrierHandlers handlers = { on_record, on_lost };
  Node *node = user;

  g_clear_pointer (&node->carrier, pl_carrier_free);
  node->carrier = carrier;
  pl_carrier_set_handlers (carrier, &handlers, node);
}

static void
on_failed (gpointer user, const GError *error)
{
  Node *node = user;

  ck_assert_ptr_null (node->error);
  node->error = g_strdup (error->message);
  node->error_domain = error->domain;
}

static gboolean
both_connected (void)
{
  return a.carrier && b.carrier;
}

static gboolean
b_over (void)
{
  return b.error || b.lost;
}

static gboolean
both_got (void)
{
  return a.got->len > 0 && b.got->len > 0;
}

static const PlDialHandlers dial_handlers = { take_carrier, on_failed };

static void
dial (guint16 to)
{
  pl_transport_set_accept (a.transport, take_carrier, &a);
  pl_transport_dial (b.transport, "127.0.0.1", to, &dial_handlers, &b);
  ck_assert_ptr_null (b.carrier);
  ck_assert_ptr_null (b.error);
}

static void
check_path (const PlCarrierInfo *one, const PlCarrierInfo *two, const char *kind)
{
  g_auto (GStrv) x = g_strsplit (one->description, " ", -1), y = g_strsplit (two->description, " ", -1);

  ck_assert_uint_eq (g_strv_length (x), 3);
  ck_assert_str_eq (x[0], kind);
  ck_assert_str_eq (x[1], y[2]);
  ck_assert_str_eq (x[2], y[1]);
  ck_assert (g_str_has_prefix (x[1], "127.0.0.1:"));
}

/* --- TLS over TCP --- */

/* RFC 6940 11.4, S2-13, S2-39. */
START_TEST (transport_dials_a_bootstrap_node_and_both_know_whom_they_have) /* S2-35, S2-36 */
{
  start ("pki/alice", "pki/bob");
  dial (port);
  ck_assert (run_until (both_connected, 5000));
  ck_assert (pl_node_id_equal (&pl_carrier_info (a.carrier)->node, pl_identity_node_id (b.identity)));
  ck_assert (pl_node_id_equal (&pl_carrier_info (b.carrier)->node, pl_identity_node_id (a.identity)));
  ck_assert_str_eq (pl_cert_aor (pl_carrier_info (b.carrier)->cert), pl_cert_aor (pl_identity_cert (a.identity)));
  ck_assert (pl_carrier_info (a.carrier)->reliable);
  ck_assert_int_gt (pl_carrier_info (b.carrier)->rtt, 0);
  check_path (pl_carrier_info (a.carrier), pl_carrier_info (b.carrier), "tcp");
  ck_assert (pl_carrier_send (a.carrier, (const guint8 *) "from a", 6));
  ck_assert (pl_carrier_send (b.carrier, (const guint8 *) "from b", 6));
  ck_assert (run_until (both_got, 2000));
  g_clear_pointer (&a.carrier, pl_carrier_free);
  ck_assert (run_until (b_over, 2000));
  ck_assert (b.lost);
  finish ();
}
END_TEST

/* RFC 6940 6.1.2 (20): which of them it uses nobody has said. */
START_TEST (transport_marks_who_dials_with_a_certificate_of_several_node_ids)
{
  start ("pki/alice", "pki/carol");
  dial (port);
  ck_assert (run_until (both_connected, 5000));
  ck_assert_uint_gt (pl_cert_n_node_ids (pl_carrier_info (a.carrier)->cert), 1);
  ck_assert (pl_carrier_info (a.carrier)->unnamed);
  ck_assert (!pl_carrier_info (b.carrier)->unnamed);
  finish ();
}
END_TEST

static gboolean
b_has_fifty (void)
{
  return b.got->len >= 50;
}

START_TEST (transport_stream_keeps_order_and_brings_large_records_whole)
{
  g_autofree guint8 *large = g_malloc0 (16384);

  start ("pki/alice", "pki/bob");
  dial (port);
  ck_assert (run_until (both_connected, 5000));
  for (guint i = 0; i < 50; i++)
    {
      large[0] = i;
      ck_assert (pl_carrier_send (a.carrier, large, 16384));
    }
  ck_assert (run_until (b_has_fifty, 5000));
  for (guint i = 0; i < 50; i++)
    {
      ck_assert_uint_eq (((const guint8 *) g_bytes_get_data (b.got->pdata[i], NULL))[0], i);
      ck_assert_uint_eq (g_bytes_get_size (b.got->pdata[i]), 16384);
    }
  finish ();
}
END_TEST

/* S0-03, S2-39: no valid identity, no link; the reason is said. */
static void
refused (const char *who_a, const char *who_b, const char *overlay, const char *why)
{
  start (who_a, who_b);
  if (overlay)
    {
      stop_node (&b);
      start_node (&b, who_b, overlay, 0);
    }
  dial (port);
  ck_assert (run_until (b_over, 5000));
  ck_assert_ptr_null (a.carrier);
  if (why)
    ck_assert_msg (b.error && strstr (b.error, why), "%s", b.error ? b.error : "no error");
  finish ();
}

START_TEST (transport_refuses_a_certificate_of_another_authority) /* S1-01 */
{
  refused ("pki/alice", "pki-other/mallory", NULL, NULL);
  refused ("pki-other/mallory", "pki/alice", NULL, "far certificate");
}
END_TEST

START_TEST (transport_refuses_an_expired_certificate)
{
  refused ("pki/alice", "pki/expired", NULL, NULL);
  refused ("pki/expired", "pki/alice", NULL, "far certificate");
}
END_TEST

/* S2-14. */
START_TEST (transport_refuses_a_certificate_of_another_overlay) /* S2-15, S2-23 */
{
  refused ("pki/alice", "pki/bob", "other.example.org", "far certificate");
}
END_TEST

START_TEST (transport_refuses_to_be_connected_to_itself)
{
  refused ("pki/alice", "pki/alice", NULL, "this node itself");
}
END_TEST

START_TEST (transport_says_when_nobody_listens)
{
  start ("pki/alice", "pki/bob");
  dial (pl_test_free_port ());
  ck_assert (run_until (b_over, 5000));
  ck_assert_ptr_nonnull (b.error);
  finish ();
}
END_TEST

START_TEST (transport_says_which_port_is_taken)
{
  PlTransportOptions options = { .listen_address = "127.0.0.1" };
  g_autofree char *number = NULL;
  g_autoptr (GError) error = NULL;

  start ("pki/alice", "pki/bob");
  options.listen_port = port;
  number = g_strdup_printf ("port %u", port);
  ck_assert_ptr_null (pl_transport_real_new (pl_loop_env (loop), context, b.identity, b.trust, &options, &error));
  ck_assert_msg (strstr (error->message, number) != NULL, "%s", error->message);
  finish ();
}
END_TEST

static GSocketConnection *
connect_bare (void)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();

  return g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, NULL);
}

/* S2-71: garbage and silence hold nothing up; too many at once are turned away. */
START_TEST (transport_survives_garbage_and_half_open_connections)
{
  g_autoptr (GPtrArray) silent = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GSocketConnection) garbage = NULL;

  start ("pki/alice", "pki/bob");
  for (guint i = 0; i < PL_TCP_HANDSHAKES_PER_HOST - 2; i++)
    g_ptr_array_add (silent, connect_bare ());
  run_until (NULL, 50);
  garbage = connect_bare ();
  ck_assert (g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (garbage)),
                                        "GET / HTTP/1.0\r\n\r\n", 18, NULL, NULL, NULL));
  run_until (NULL, 100);
  dial (port);
  ck_assert (run_until (both_connected, 5000));
  finish ();
}
END_TEST

START_TEST (transport_limits_handshakes_of_one_host)
{
  g_autoptr (GPtrArray) silent = g_ptr_array_new_with_free_func (g_object_unref);

  start ("pki/alice", "pki/bob");
  for (guint i = 0; i < PL_TCP_HANDSHAKES_PER_HOST; i++)
    g_ptr_array_add (silent, connect_bare ());
  run_until (NULL, 50);
  dial (port);
  ck_assert (run_until (b_over, 5000));
  ck_assert_ptr_null (a.carrier);
  finish ();
}
END_TEST

/* S2-71: who holds all places in silence loses one. */
START_TEST (transport_gives_the_place_of_a_silent_handshake_to_a_new_one) /* S2-104 */
{
  g_autoptr (GPtrArray) silent = g_ptr_array_new_with_free_func (g_object_unref);

  start ("pki/alice", "pki/bob");
  for (guint i = 0; i < PL_TCP_HANDSHAKES_PER_HOST; i++)
    g_ptr_array_add (silent, connect_bare ());
  run_until (NULL, PL_TCP_HANDSHAKE_FAIR / PL_USEC_PER_MSEC + 200);
  dial (port);
  ck_assert (run_until (both_connected, 5000));
  finish ();
}
END_TEST

/* Every descriptor in use: the listener rests, and goes on when there are some again. */
START_TEST (transport_without_descriptors_does_not_spin)
{
  g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GSocketConnection) waiting = NULL;
  struct rlimit before, low;
  gint64 end;
  guint turns = 0;
  char byte;

  start ("pki/alice", "pki/bob");
  waiting = connect_bare ();
  g_socket_set_blocking (g_socket_connection_get_socket (waiting), FALSE);
  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &before), 0);
  low = before;
  low.rlim_cur = 64;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &low), 0);
  for (int fd; (fd = dup (0)) >= 0;)
    g_array_append_val (used, fd);
  pl_log_set_level (PL_LOG_ERROR);
  for (end = g_get_monotonic_time () + PL_USEC_PER_SEC / 2; g_get_monotonic_time () < end; turns++)
    if (!g_main_context_iteration (context, FALSE))
      g_usleep (5000);
  for (guint i = 0; i < used->len; i++)
    close (g_array_index (used, int, i));
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &before), 0);
  ck_assert_uint_lt (turns, 200);
  dial (port);
  ck_assert (run_until (both_connected, 5000));
  /* Still open. Valgrind lets the kernel accept and then closes what is over the limit. */
  if (!g_getenv ("PL_SLOW"))
    ck_assert_int_lt (g_socket_receive (g_socket_connection_get_socket (waiting), &byte, 1, NULL, NULL), 0);
  finish ();
}
END_TEST

START_TEST (transport_ends_a_handshake_nobody_goes_on_with)
{
  g_autoptr (GSocketConnection) silent = NULL;
  char byte;
  gssize n = -1;

  start ("pki/alice", "pki/bob");
  silent = connect_bare ();
  g_socket_set_blocking (g_socket_connection_get_socket (silent), FALSE);
  for (guint i = 0; i < 10; i++) /* accepted and waiting */
    run_until (NULL, 50);
  ck_assert_int_lt (g_socket_receive (g_socket_connection_get_socket (silent), &byte, 1, NULL, NULL), 0);
  /* The time is only ours to wait: what is due within it is due now. */
  pl_timers_dispatch (pl_env_timers (pl_loop_env (loop)), pl_env_now (pl_loop_env (loop)) + PL_TLS_HANDSHAKE_MAX);
  for (guint i = 0; i < 40 && n < 0; i++)
    {
      run_until (NULL, 50);
      n = g_socket_receive (g_socket_connection_get_socket (silent), &byte, 1, NULL, NULL);
    }
  ck_assert_int_eq (n, 0);
  finish ();
}
END_TEST

/* --- ICE and DTLS --- */

static void
on_gathered (gpointer user, PlAttachment *attachment, const PlAttachReqAns *local)
{
  Node *node = user;

  node->gathered = TRUE;
  pl_attach_req_ans_clear (&node->local);
  pl_attach_req_ans_copy (&node->local, local);
  if (node->cancel_when_gathered)
    pl_transport_cancel (node->transport, attachment);
}

static void
on_attached (gpointer user, PlAttachment *attachment, PlCarrier *carrier)
{
  take_carrier (user, carrier);
}

static void
on_attach_failed (gpointer user, PlAttachment *attachment, const GError *error)
{
  on_failed (user, error);
}

static const PlAttachmentHandlers attach_handlers = { on_gathered, on_attached, on_attach_failed };

static gboolean
a_gathered (void)
{
  return a.gathered;
}

static gboolean
b_gathered (void)
{
  return b.gathered;
}

static gboolean
both_over (void)
{
  return (a.error || a.lost || a.carrier) && b.error;
}

/* As Attach goes: a asks, b answers, each checks for the node given. */
static void
attach (PlAttachPurpose purpose, const PlNodeId *a_expects, const PlNodeId *b_expects)
{
  a.attachment = pl_transport_attach (a.transport, purpose, TRUE, &attach_handlers, &a);
  ck_assert (!a.gathered);
  ck_assert (run_until (a_gathered, 1000));
  b.attachment = pl_transport_attach (b.transport, purpose, FALSE, &attach_handlers, &b);
  pl_transport_remote (b.transport, b.attachment, &a.local, b_expects);
  ck_assert (run_until (b_gathered, 1000));
  pl_transport_remote (a.transport, a.attachment, &b.local, a_expects);
}

/* Checklist 115-118, 131, 136, 137. */
START_TEST (transport_attaches_by_ice_and_dtls) /* S2-54, S2-57 */
{
  start ("pki/alice", "pki/bob");
  attach (PL_ATTACH_LINK, pl_identity_node_id (b.identity), pl_identity_node_id (a.identity));
  ck_assert_uint_gt (a.local.candidates->len, 0);
  ck_assert_uint_eq (g_array_index (a.local.candidates, PlIceCandidate, 0).overlay_link, PL_LINK_DTLS_UDP_SR);
  ck_assert (!pl_ice_candidate_find_extension (&g_array_index (a.local.candidates, PlIceCandidate, 0), "pl-sip-seg", NULL));
  ck_assert (run_until (both_connected, 5000));
  ck_assert (!pl_carrier_info (a.carrier)->reliable);
  ck_assert (!pl_carrier_info (a.carrier)->segments);
  ck_assert_uint_gt (pl_carrier_info (a.carrier)->max_record, 1100);
  ck_assert_uint_lt (pl_carrier_info (a.carrier)->max_record, 1200);
  ck_assert_int_gt (pl_carrier_info (a.carrier)->rtt, 0);
  ck_assert_int_le (pl_carrier_info (a.carrier)->rtt, PL_SECURE_RTT_MAX);
  check_path (pl_carrier_info (a.carrier), pl_carrier_info (b.carrier), "udp");
  ck_assert (pl_carrier_send (a.carrier, (const guint8 *) "from a", 6));
  ck_assert (pl_carrier_send (b.carrier, (const guint8 *) "from b", 6));
  ck_assert (run_until (both_got, 2000));
  g_clear_pointer (&a.carrier, pl_carrier_free);
  ck_assert (run_until (b_over, 2000));
  finish ();
}
END_TEST

START_TEST (transport_marks_sip_links_and_knows_whether_both_segment)
{
  start ("pki/alice", "pki/bob");
  attach (PL_ATTACH_APPLICATION, pl_identity_node_id (b.identity), pl_identity_node_id (a.identity));
  ck_assert (run_until (both_connected, 5000));
  ck_assert (pl_carrier_info (a.carrier)->segments);
  ck_assert (pl_carrier_info (b.carrier)->segments);
  ck_assert_uint_lt (pl_carrier_info (a.carrier)->max_record, 1200);
  finish ();
}
END_TEST

/* Toward a peer without segments: a 4 kB INVITE is one record (RFC 7904). */
START_TEST (transport_sends_large_records_to_a_sip_link_without_segments)
{
  g_autofree guint8 *large = g_malloc0 (8000);

  start ("pki/alice", "pki/bob");
  a.attachment = pl_transport_attach (a.transport, PL_ATTACH_APPLICATION, TRUE, &attach_handlers, &a);
  ck_assert (run_until (a_gathered, 1000));
  for (guint i = 0; i < a.local.candidates->len; i++)
    g_array_set_size (g_array_index (a.local.candidates, PlIceCandidate, i).extensions, 0);
  b.attachment = pl_transport_attach (b.transport, PL_ATTACH_APPLICATION, FALSE, &attach_handlers, &b);
  pl_transport_remote (b.transport, b.attachment, &a.local, pl_identity_node_id (a.identity));
  ck_assert (run_until (b_gathered, 1000));
  pl_transport_remote (a.transport, a.attachment, &b.local, pl_identity_node_id (b.identity));
  ck_assert (run_until (both_connected, 5000));
  ck_assert (!pl_carrier_info (b.carrier)->segments);
  ck_assert (pl_carrier_send (b.carrier, large, 8000));
  ck_assert (pl_carrier_send (a.carrier, large, 100));
  ck_assert (run_until (both_got, 2000));
  ck_assert_uint_eq (g_bytes_get_size (a.got->pdata[0]), 8000);
  finish ();
}
END_TEST

/* Checklist 137: the certificate is that of the node of the exchange, on either side. */
START_TEST (transport_refuses_the_wrong_node_at_the_end_of_ice) /* S1-25, S2-13, S2-35, S2-39 */
{
  PlNodeId other = { { 9 } };

  start ("pki/alice", "pki/bob");
  attach (PL_ATTACH_LINK, pl_identity_node_id (b.identity), &other);
  ck_assert (run_until (both_over, 12000));
  ck_assert_msg (strstr (b.error, "not that of the node wanted") != NULL, "%s", b.error);
  finish ();
  start ("pki/alice", "pki/bob");
  attach (PL_ATTACH_LINK, &other, pl_identity_node_id (a.identity));
  ck_assert (run_until (b_over, 12000));
  ck_assert_ptr_null (a.carrier);
  finish ();
}
END_TEST

START_TEST (transport_refuses_a_wrong_certificate_at_the_end_of_ice)
{
  static const char *const bad[] = { "pki-other/mallory", "pki/expired" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      start ("pki/alice", bad[i]);
      attach (PL_ATTACH_LINK, pl_identity_node_id (b.identity), pl_identity_node_id (a.identity));
      ck_assert (run_until (b_over, 12000));
      ck_assert_ptr_null (a.carrier);
      finish ();
    }
}
END_TEST

START_TEST (transport_fails_an_attach_to_useless_or_malformed_parts)
{
  g_auto (PlAttachReqAns) empty = { 0 };

  start ("pki/alice", "pki/bob");
  b.attachment = pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &b);
  pl_transport_remote (b.transport, b.attachment, &empty, pl_identity_node_id (a.identity));
  ck_assert_ptr_null (b.error);
  ck_assert (run_until (b_over, 2000));
  finish ();
}
END_TEST

/* --- without ICE --- */

START_TEST (transport_attaches_without_ice_by_tls_alone) /* 117, 125, 134 */
{
  for (int purpose = PL_ATTACH_LINK; purpose <= PL_ATTACH_APPLICATION; purpose++)
    {
      no_ice = TRUE;
      start ("pki/alice", "pki/bob");
      attach ((PlAttachPurpose) purpose, pl_identity_node_id (b.identity), pl_identity_node_id (a.identity));
      ck_assert_uint_gt (a.local.candidates->len, 0);
      for (guint i = 0; i < a.local.candidates->len; i++)
        ck_assert_uint_eq (g_array_index (a.local.candidates, PlIceCandidate, i).overlay_link, PL_LINK_TLS_TCP_FH_NO_ICE);
      ck_assert (run_until (both_connected, 5000));
      ck_assert (pl_carrier_info (a.carrier)->reliable && pl_carrier_info (b.carrier)->reliable);
      ck_assert (pl_node_id_equal (&pl_carrier_info (a.carrier)->node, pl_identity_node_id (b.identity)));
      check_path (pl_carrier_info (a.carrier), pl_carrier_info (b.carrier), "tcp");
      ck_assert (pl_carrier_send (a.carrier, (const guint8 *) "from a", 6));
      ck_assert (pl_carrier_send (b.carrier, (const guint8 *) "from b", 6));
      ck_assert (run_until (both_got, 2000));
      finish ();
    }
}
END_TEST

START_TEST (transport_without_ice_closes_on_another_node) /* 134 */
{
  PlNodeId other = { { 9 } };

  no_ice = TRUE;
  start ("pki/alice", "pki/bob");
  attach (PL_ATTACH_LINK, pl_identity_node_id (b.identity), &other);
  ck_assert (run_until (b_over, 5000));
  ck_assert_ptr_null (b.carrier);
  ck_assert_ptr_nonnull (b.error);
  finish ();
}
END_TEST

static gboolean
nobody_left (void)
{
  return a.error && b.error;
}

START_TEST (transport_never_mixes_ice_and_none) /* 117, 125 */
{
  no_ice = TRUE;
  start ("pki/alice", "pki/bob");
  a.attachment = pl_transport_attach (a.transport, PL_ATTACH_LINK, TRUE, &attach_handlers, &a);
  b.attachment = pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &b);
  ck_assert (run_until (a_gathered, 1000) && run_until (b_gathered, 1000));
  g_array_index (a.local.candidates, PlIceCandidate, 0).overlay_link = PL_LINK_DTLS_UDP_SR;
  pl_transport_remote (b.transport, b.attachment, &a.local, pl_identity_node_id (a.identity));
  g_array_set_size (b.local.candidates, 0);
  pl_transport_remote (a.transport, a.attachment, &a.local, pl_identity_node_id (b.identity));
  ck_assert (run_until (nobody_left, 2000));
  ck_assert_ptr_nonnull (strstr (b.error, "offers ICE"));
  finish ();
}
END_TEST

/* S2-71: our checks go to hosts, not to whole networks. */
START_TEST (transport_checks_no_group_address)
{
  static const char *const groups[] = { "224.0.0.1", "0.0.0.0", "ff02::1", "::" };
  g_auto (PlAttachReqAns) part = { .ufrag = g_bytes_new_static ("abcd", 4),
                                   .password = g_bytes_new_static ("0123456789abcdef012345", 22),
                                   .candidates = pl_ice_candidate_list_new () };

  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      g_autoptr (GInetAddress) inet = g_inet_address_new_from_string (groups[i]);
      PlIceCandidate candidate = { .overlay_link = PL_LINK_DTLS_UDP_SR, .type = PL_CAND_HOST, .priority = 1 + i,
                                   .foundation = g_bytes_new_static ("1", 1) };

      pl_ip_address_port_set (&candidate.addr_port, inet, 4711);
      g_array_append_val (part.candidates, candidate);
    }
  start ("pki/alice", "pki/bob");
  b.attachment = pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &b);
  pl_transport_remote (b.transport, b.attachment, &part, pl_identity_node_id (a.identity));
  ck_assert (run_until (b_over, 2000));
  ck_assert_msg (b.error && strstr (b.error, "no address that can be tried"), "%s", b.error);
  finish ();
}
END_TEST

/* --- shared secrets (RFC 6940 13.4; S1-07, S1-18, S1-45) --- */

static void
connect_with (gboolean by_ice, const char *who_b, const char *of_a, const char *of_b)
{
  secrets_a = of_a;
  secrets_b = of_b;
  start ("pki/alice", who_b);
  if (by_ice)
    attach (PL_ATTACH_LINK, pl_identity_node_id (b.identity), pl_identity_node_id (a.identity));
  else
    dial (port);
}

START_TEST (transport_with_a_shared_secret_still_proves_whom_it_has) /* S1-07, S1-18, S1-45 */
{
  connect_with (_i, "pki/bob", "1", "1");
  ck_assert (run_until (both_connected, 5000));
  ck_assert (pl_node_id_equal (&pl_carrier_info (a.carrier)->node, pl_identity_node_id (b.identity)));
  ck_assert (pl_node_id_equal (&pl_carrier_info (b.carrier)->node, pl_identity_node_id (a.identity)));
  ck_assert_str_eq (pl_cert_aor (pl_carrier_info (b.carrier)->cert), pl_cert_aor (pl_identity_cert (a.identity)));
  ck_assert (pl_carrier_send (a.carrier, (const guint8 *) "from a", 6));
  ck_assert (pl_carrier_send (b.carrier, (const guint8 *) "from b", 6));
  ck_assert (run_until (both_got, 2000));
  run_until (NULL, 300); /* a proof that is sent again is nobody's record */
  ck_assert_uint_eq (a.got->len, 1);
  ck_assert_uint_eq (b.got->len, 1);
  finish ();
}
END_TEST

static const struct { const char *a, *b; } strangers[] = { { "1", "2" }, { "1", NULL }, { NULL, "1" }, { "12", "3" } };

/* No falling back from one to the other either. */
START_TEST (transport_lets_in_nobody_without_the_secret) /* S1-01 */
{
  connect_with (FALSE, "pki/bob", strangers[_i].a, strangers[_i].b);
  ck_assert (run_until (b_over, 5000));
  ck_assert_ptr_null (a.carrier);
  ck_assert_ptr_null (b.carrier);
  finish ();
}
END_TEST

/* The secret says that somebody may be here, not who. */
START_TEST (transport_lets_in_nobody_for_the_secret_alone)
{
  connect_with (_i, "pki-other/mallory", "1", "1");
  ck_assert (run_until (b_over, 12000));
  ck_assert_ptr_null (a.carrier);
  finish ();
}
END_TEST

/* S1-55: while the secret is changed, old and new are good. */
START_TEST (transport_takes_each_of_its_secrets)
{
  connect_with (_i, "pki/bob", "12", "21");
  ck_assert (run_until (both_connected, 5000));
  finish ();
}
END_TEST

static gboolean
proves (GBytes *record, const PlProof *expected)
{
  PlNodeId node;
  g_autoptr (PlCert) cert = pl_proof_read (b.trust, expected, g_bytes_get_data (record, NULL), g_bytes_get_size (record), &node, NULL);

  return cert != NULL;
}

/* Each thing that is signed counts: a proof is of no use in another session, to another node, or thrown back. */
START_TEST (proof_is_good_for_one_session_one_role_and_one_node)
{
  guint8 exported[PL_PROOF_EXPORTED] = { 1 }, other[PL_PROOF_EXPORTED] = { 2 };
  PlProof proof = { .server = TRUE, .exported = exported }, expected;
  g_autoptr (GBytes) record = NULL;
  g_autofree guint8 *copy = NULL;
  gsize len, cert_at = 2 + 2 * PL_NODE_ID_LEN + 2, cert_len;

  start ("pki/alice", "pki/bob");
  cert_len = g_bytes_get_size (pl_cert_der (pl_identity_cert (a.identity)));
  proof.node = *pl_identity_node_id (a.identity);
  proof.wanted = *pl_identity_node_id (b.identity);
  record = pl_proof_write (a.identity, &proof, NULL);
  ck_assert (proves (record, &proof));
  expected = proof;
  memset (&expected.node, 0, sizeof expected.node); /* any */
  ck_assert (proves (record, &expected));
  expected = proof;
  expected.server = FALSE;
  ck_assert (!proves (record, &expected));
  expected = proof;
  expected.exported = other;
  ck_assert (!proves (record, &expected));
  expected = proof;
  expected.wanted = proof.node;
  ck_assert (!proves (record, &expected));
  expected = proof;
  expected.node = proof.wanted;
  ck_assert (!proves (record, &expected));
  len = g_bytes_get_size (record);
  copy = g_memdup2 (g_bytes_get_data (record, NULL), len);
  for (gsize i = 2; i < len; i++)
    {
      g_autoptr (GBytes) cut = g_bytes_new (copy, i);
      g_autoptr (GBytes) changed = NULL;

      copy[i] ^= 0x10;
      changed = g_bytes_new (copy, len);
      copy[i] ^= 0x10;
      ck_assert (!proves (cut, &proof));
      /* The certificate is known already, so that its hash in the signature is enough. */
      ck_assert ((i >= cert_at && i < cert_at + cert_len) || !proves (changed, &proof));
    }
  finish ();
}
END_TEST

START_TEST (transport_fails_an_attach_whose_far_side_never_comes)
{
  gint64 began;

  start ("pki/alice", "pki/bob");
  a.attachment = pl_transport_attach (a.transport, PL_ATTACH_LINK, TRUE, &attach_handlers, &a);
  ck_assert (run_until (a_gathered, 1000));
  pl_transport_cancel (a.transport, a.attachment);
  b.attachment = pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &b);
  began = g_get_monotonic_time ();
  pl_transport_remote (b.transport, b.attachment, &a.local, pl_identity_node_id (a.identity));
  ck_assert (run_until (b_over, 16000));
  ck_assert_int_lt (g_get_monotonic_time () - began, 16 * PL_USEC_PER_SEC);
  finish ();
}
END_TEST

START_TEST (transport_lets_go_of_an_attach_at_any_time)
{
  start ("pki/alice", "pki/bob");
  a.cancel_when_gathered = TRUE;
  a.attachment = pl_transport_attach (a.transport, PL_ATTACH_LINK, TRUE, &attach_handlers, &a);
  ck_assert (run_until (a_gathered, 1000));
  b.attachment = pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &b);
  pl_transport_cancel (b.transport, b.attachment);
  run_until (NULL, 400);
  ck_assert (!b.gathered);
  /* And the transport with attachments and dials under way. */
  b.attachment = pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &b);
  dial (port);
  finish ();
}
END_TEST

START_TEST (transport_bounds_attachments_at_once)
{
  start ("pki/alice", "pki/bob");
  for (guint i = 0; i < 64; i++)
    pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &a);
  pl_transport_attach (b.transport, PL_ATTACH_LINK, FALSE, &attach_handlers, &b);
  ck_assert (run_until (b_over, 1000));
  ck_assert_ptr_nonnull (strstr (b.error, "too many"));
  finish ();
}
END_TEST

/* --- what runs on top --- */

static PlLink *link_a, *link_b;
static guint n_messages;

static void
on_message (gpointer user, PlLink *link, const guint8 *data, gsize len)
{
  n_messages++;
}

static void
on_link_closed (gpointer user, PlLink *link, const char *reason)
{
}

static gboolean
all_messages (void)
{
  return n_messages >= 400;
}

START_TEST (transport_carries_links_in_both_ways)
{
  static const PlLinkHandlers handlers = { on_message, on_link_closed };
  PlLinkOptions options = { .max_message = 16384 };
  g_autofree guint8 *zero = g_malloc0 (1000);
  g_autoptr (GBytes) message = g_bytes_new (zero, 1000);
  PlLinkStats stats;

  start ("pki/alice", "pki/bob");
  attach (PL_ATTACH_LINK, pl_identity_node_id (b.identity), pl_identity_node_id (a.identity));
  ck_assert (run_until (both_connected, 5000));
  link_a = pl_link_new (pl_loop_env (loop), g_steal_pointer (&a.carrier), &options, &handlers, NULL);
  link_b = pl_link_new (pl_loop_env (loop), g_steal_pointer (&b.carrier), &options, &handlers, NULL);
  n_messages = 0;
  for (guint i = 0; i < 200; i++)
    ck_assert (pl_link_send (link_a, message) && pl_link_send (link_b, message));
  ck_assert (run_until (all_messages, 5000));
  pl_link_stats (link_a, &stats);
  ck_assert_int_gt (stats.srtt, 0);
  ck_assert (pl_link_healthy (link_a));
  g_clear_pointer (&link_a, pl_link_free);
  g_clear_pointer (&link_b, pl_link_free);
  finish ();
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcp = tcase_create ("link/tcp"), *ice = tcase_create ("link/attach");

  tcase_set_timeout (tcp, 30);
  tcase_set_timeout (ice, 60);
  tcase_add_test (tcp, transport_dials_a_bootstrap_node_and_both_know_whom_they_have);
  tcase_add_test (tcp, transport_marks_who_dials_with_a_certificate_of_several_node_ids);
  tcase_add_test (tcp, transport_stream_keeps_order_and_brings_large_records_whole);
  tcase_add_test (tcp, transport_refuses_a_certificate_of_another_authority);
  tcase_add_test (tcp, transport_refuses_an_expired_certificate);
  tcase_add_test (tcp, transport_refuses_a_certificate_of_another_overlay);
  tcase_add_test (tcp, transport_refuses_to_be_connected_to_itself);
  tcase_add_test (tcp, transport_says_when_nobody_listens);
  tcase_add_test (tcp, transport_says_which_port_is_taken);
  tcase_add_test (tcp, transport_survives_garbage_and_half_open_connections);
  tcase_add_test (tcp, transport_limits_handshakes_of_one_host);
  tcase_add_test (tcp, transport_ends_a_handshake_nobody_goes_on_with);
  tcase_add_test (tcp, transport_gives_the_place_of_a_silent_handshake_to_a_new_one);
  tcase_add_test (tcp, transport_without_descriptors_does_not_spin);
  tcase_add_loop_test (ice, transport_with_a_shared_secret_still_proves_whom_it_has, 0, 2);
  tcase_add_loop_test (tcp, transport_lets_in_nobody_without_the_secret, 0, G_N_ELEMENTS (strangers));
  tcase_add_loop_test (ice, transport_lets_in_nobody_for_the_secret_alone, 0, 2);
  tcase_add_loop_test (ice, transport_takes_each_of_its_secrets, 0, 2);
  tcase_add_test (tcp, proof_is_good_for_one_session_one_role_and_one_node);
  tcase_add_test (ice, transport_attaches_by_ice_and_dtls);
  tcase_add_test (ice, transport_marks_sip_links_and_knows_whether_both_segment);
  tcase_add_test (ice, transport_sends_large_records_to_a_sip_link_without_segments);
  tcase_add_test (ice, transport_refuses_the_wrong_node_at_the_end_of_ice);
  tcase_add_test (ice, transport_refuses_a_wrong_certificate_at_the_end_of_ice);
  tcase_add_test (ice, transport_fails_an_attach_to_useless_or_malformed_parts);
  tcase_add_test (ice, transport_attaches_without_ice_by_tls_alone);
  tcase_add_test (ice, transport_without_ice_closes_on_another_node);
  tcase_add_test (ice, transport_never_mixes_ice_and_none);
  tcase_add_test (ice, transport_checks_no_group_address);
  tcase_add_test (ice, transport_fails_an_attach_whose_far_side_never_comes);
  tcase_add_test (ice, transport_lets_go_of_an_attach_at_any_time);
  tcase_add_test (ice, transport_bounds_attachments_at_once);
  tcase_add_test (ice, transport_carries_links_in_both_ways);
  suite_add_tcase (suite, tcp);
  suite_add_tcase (suite, ice);
  return pl_test_run (suite, NULL);
}
