/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long an Attach takes on the loopback, from the first agent to two proven carriers, against a
 * bare pair of libnice agents and GnuTLS sessions in the same process, by turns. One line a result;
 * exit code 1 when the goal is missed.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <nice/agent.h>
#include <string.h>

#include "base/loop.h"
#include "overlay/link/transport.h"
#include "tests/bench/bench.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#define TIMES 25
#define WAIT (10 * PL_USEC_PER_SEC)
#define SETTLE 20 /* ms */
#define GOAL 1.1
#define COMPONENT 1
#define MTU 1200

static GMainContext *context;
static PlLoop *loop;

typedef struct { double elapsed, cpu; } Cost;

static Cost
cost_now (void)
{
  return (Cost) { (double) g_get_monotonic_time (), pl_bench_cpu (CLOCK_PROCESS_CPUTIME_ID) };
}

static void
run_until (const gboolean *done)
{
  gint64 end = g_get_monotonic_time () + WAIT;

  while (!*done)
    {
      ck_assert_int_lt (g_get_monotonic_time (), end);
      g_main_context_iteration (context, TRUE);
    }
}

static gboolean
on_settled (gpointer user)
{
  *(gboolean *) user = TRUE;
  return G_SOURCE_REMOVE;
}

/* What was closed goes before the next is measured. */
static void
settle (void)
{
  g_autoptr (GSource) source = g_timeout_source_new (SETTLE);
  gboolean over = FALSE;

  g_source_set_callback (source, on_settled, &over, NULL);
  g_source_attach (source, context);
  run_until (&over);
}

/* --- ours --- */

typedef struct {
  PlIdentity *identity;
  PlTrust *trust;
  PlTransport *transport;
  PlAttachment *attachment;
  PlAttachReqAns local;
  PlCarrier *carrier;
  gboolean gathered, connected;
} End;

static void
on_gathered (gpointer user, PlAttachment *attachment, const PlAttachReqAns *local)
{
  End *end = user;

  pl_attach_req_ans_copy (&end->local, local);
  end->gathered = TRUE;
}

static void
on_connected (gpointer user, PlAttachment *attachment, PlCarrier *carrier)
{
  End *end = user;

  end->carrier = carrier;
  end->connected = TRUE;
}

static void
on_failed (gpointer user, PlAttachment *attachment, const GError *error)
{
  ck_abort_msg ("%s", error ? error->message : "attach failed");
}

static void
end_init (End *end, PlTestPki *pki, const char *aor)
{
  PlTransportOptions options = { .listen_address = "127.0.0.1", .max_message = 16384, .allow_loopback = TRUE };

  end->identity = pl_test_pki_identity (pki, aor, NULL);
  end->trust = pl_test_pki_trust (pki, pl_loop_env (loop));
  end->transport = pl_transport_real_new (pl_loop_env (loop), context, end->identity, end->trust, &options, NULL);
  ck_assert_ptr_nonnull (end->transport);
}

static void
end_begin (End *end, gboolean asking)
{
  static const PlAttachmentHandlers handlers = { on_gathered, on_connected, on_failed };

  end->attachment = pl_transport_attach (end->transport, PL_ATTACH_LINK, asking, &handlers, end);
}

static void
end_part (End *end)
{
  g_clear_pointer (&end->carrier, pl_carrier_free);
  pl_attach_req_ans_clear (&end->local);
  end->gathered = end->connected = FALSE;
}

static void
end_clear (End *end)
{
  pl_transport_free (end->transport);
  pl_trust_free (end->trust);
  pl_identity_unref (end->identity);
}

/* Request and answer take no time here. */
static void
attach_ours (End *a, End *b)
{
  end_begin (a, TRUE);
  run_until (&a->gathered);
  end_begin (b, FALSE);
  pl_transport_remote (b->transport, b->attachment, &a->local, pl_identity_node_id (a->identity));
  run_until (&b->gathered);
  pl_transport_remote (a->transport, a->attachment, &b->local, pl_identity_node_id (b->identity));
  run_until (&a->connected);
  run_until (&b->connected);
}

/* --- bare libraries --- */

typedef struct {
  NiceAgent *agent;
  guint stream;
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t tls;
  GQueue datagrams;         /* GBytes, not read yet */
  GSource *retransmit;
  gboolean controlling, gathered, path, connected;
} Bare;

static ssize_t
push (gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
  Bare *bare = ptr;

  nice_agent_send (bare->agent, bare->stream, COMPONENT, len, data);
  return (ssize_t) len;
}

static ssize_t
pull (gnutls_transport_ptr_t ptr, void *data, size_t len)
{
  Bare *bare = ptr;
  g_autoptr (GBytes) bytes = g_queue_pop_head (&bare->datagrams);
  gsize size;
  gconstpointer from = bytes ? g_bytes_get_data (bytes, &size) : NULL;

  if (!bytes)
    {
      gnutls_transport_set_errno (bare->tls, EAGAIN);
      return -1;
    }
  size = MIN (size, len);
  memcpy (data, from, size);
  return (ssize_t) size;
}

static int
pull_timeout (gnutls_transport_ptr_t ptr, unsigned int ms)
{
  return !g_queue_is_empty (&((Bare *) ptr)->datagrams);
}

static gboolean shake (gpointer data);

static void
shake_later (Bare *bare)
{
  bare->retransmit = g_timeout_source_new (gnutls_dtls_get_timeout (bare->tls));
  g_source_set_callback (bare->retransmit, shake, bare, NULL);
  g_source_attach (bare->retransmit, context);
}

static gboolean
shake (gpointer data)
{
  Bare *bare = data;
  int rc;

  if (bare->retransmit)
    {
      g_source_destroy (bare->retransmit);
      g_clear_pointer (&bare->retransmit, g_source_unref);
    }
  if (!bare->path || bare->connected)
    return G_SOURCE_REMOVE;
  rc = gnutls_handshake (bare->tls);
  ck_assert (rc == 0 || !gnutls_error_is_fatal (rc));
  bare->connected = rc == 0;
  if (!bare->connected)
    shake_later (bare);
  return G_SOURCE_REMOVE;
}

static void
on_bare_datagram (NiceAgent *agent, guint stream, guint component, guint len, gchar *data, gpointer user)
{
  Bare *bare = user;

  g_queue_push_tail (&bare->datagrams, g_bytes_new (data, len));
  shake (bare);
}

static void
on_bare_gathered (NiceAgent *agent, guint stream, gpointer user)
{
  ((Bare *) user)->gathered = TRUE;
}

static void
on_bare_state (NiceAgent *agent, guint stream, guint component, guint state, gpointer user)
{
  Bare *bare = user;

  ck_assert_uint_ne (state, NICE_COMPONENT_STATE_FAILED);
  if ((state != NICE_COMPONENT_STATE_CONNECTED && state != NICE_COMPONENT_STATE_READY) || bare->path)
    return;
  bare->path = TRUE;
  shake (bare);
}

static void
bare_tls (Bare *bare)
{
  gnutls_init (&bare->tls, (bare->controlling ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK);
  gnutls_priority_set_direct (bare->tls, "NORMAL:-VERS-ALL:+VERS-DTLS1.2", NULL);
  gnutls_credentials_set (bare->tls, GNUTLS_CRD_CERTIFICATE, bare->credentials);
  if (bare->controlling)
    gnutls_certificate_server_set_request (bare->tls, GNUTLS_CERT_REQUIRE);
  gnutls_transport_set_ptr (bare->tls, bare);
  gnutls_transport_set_push_function (bare->tls, push);
  gnutls_transport_set_pull_function (bare->tls, pull);
  gnutls_transport_set_pull_timeout_function (bare->tls, pull_timeout);
  gnutls_dtls_set_mtu (bare->tls, MTU);
}

/* `end`: whose key and certificate it has. */
static void
bare_init (Bare *bare, End *end, gboolean controlling)
{
  GBytes *der = pl_cert_der (pl_identity_cert (end->identity));
  gsize len;
  gnutls_datum_t datum = { (unsigned char *) g_bytes_get_data (der, &len), 0 };
  gnutls_pcert_st *pcert = gnutls_malloc (sizeof *pcert);
  gnutls_privkey_t key = pl_identity_gnutls_key (end->identity), own;
  gnutls_x509_privkey_t x509;

  datum.size = len;
  bare->controlling = controlling;
  ck_assert_int_ge (gnutls_pcert_import_x509_raw (pcert, &datum, GNUTLS_X509_FMT_DER, 0), 0);
  ck_assert_int_ge (gnutls_privkey_export_x509 (key, &x509), 0);
  gnutls_privkey_init (&own);
  ck_assert_int_ge (gnutls_privkey_import_x509 (own, x509, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE), 0);
  gnutls_certificate_allocate_credentials (&bare->credentials);
  ck_assert_int_ge (gnutls_certificate_set_key (bare->credentials, NULL, 0, pcert, 1, own), 0);
}

static void
bare_begin (Bare *bare)
{
  NiceAddress address;

  bare->agent = nice_agent_new (context, NICE_COMPATIBILITY_RFC5245);
  g_object_set (bare->agent, "upnp", FALSE, "ice-tcp", FALSE, "controlling-mode", bare->controlling, NULL);
  nice_address_init (&address);
  nice_address_set_from_string (&address, "127.0.0.1");
  nice_agent_add_local_address (bare->agent, &address);
  bare->stream = nice_agent_add_stream (bare->agent, 1);
  nice_agent_attach_recv (bare->agent, bare->stream, COMPONENT, context, on_bare_datagram, bare);
  g_signal_connect (bare->agent, "candidate-gathering-done", G_CALLBACK (on_bare_gathered), bare);
  g_signal_connect (bare->agent, "component-state-changed", G_CALLBACK (on_bare_state), bare);
  bare_tls (bare);
  ck_assert (nice_agent_gather_candidates (bare->agent, bare->stream));
}

static void
bare_tell (Bare *from, Bare *to)
{
  g_autofree char *ufrag = NULL, *password = NULL;
  GSList *candidates = nice_agent_get_local_candidates (from->agent, from->stream, COMPONENT);

  nice_agent_get_local_credentials (from->agent, from->stream, &ufrag, &password);
  nice_agent_set_remote_credentials (to->agent, to->stream, ufrag, password);
  ck_assert_int_gt (nice_agent_set_remote_candidates (to->agent, to->stream, COMPONENT, candidates), 0);
  g_slist_free_full (candidates, (GDestroyNotify) nice_candidate_free);
}

static void
bare_part (Bare *bare)
{
  if (bare->retransmit)
    {
      g_source_destroy (bare->retransmit);
      g_clear_pointer (&bare->retransmit, g_source_unref);
    }
  gnutls_deinit (bare->tls);
  g_object_unref (bare->agent);
  g_queue_clear_full (&bare->datagrams, (GDestroyNotify) g_bytes_unref);
  bare->gathered = bare->path = bare->connected = FALSE;
}

static void
attach_bare (Bare *a, Bare *b)
{
  bare_begin (a);
  run_until (&a->gathered);
  bare_begin (b);
  bare_tell (a, b);
  run_until (&b->gathered);
  bare_tell (b, a);
  run_until (&a->connected);
  run_until (&b->connected);
}

/* --- both --- */

static void
print (const char *whose, double *elapsed, double *cpu)
{
  g_autofree char *name = g_strdup_printf ("attach_%s", whose), *name_cpu = g_strdup_printf ("attach_%s_cpu", whose);

  pl_bench_print (name, pl_bench_median (elapsed, TIMES) / 1000, "ms");
  pl_bench_print (name_cpu, pl_bench_median (cpu, TIMES) / 1000, "ms");
}

START_TEST (attach_takes_little_more_than_the_libraries_alone)
{
  g_autoptr (PlTestPki) pki = NULL;
  End a = { 0 }, b = { 0 };
  Bare c = { 0 }, d = { 0 };
  double elapsed[2][TIMES], cpu[2][TIMES], ratio;

  context = g_main_context_new ();
  loop = pl_loop_new (context);
  pki = pl_test_pki_new (pl_loop_env (loop));
  end_init (&a, pki, "a@example.org");
  end_init (&b, pki, "b@example.org");
  bare_init (&c, &a, TRUE);
  bare_init (&d, &b, FALSE);
  for (guint i = 0; i < 2 * TIMES; i++)
    {
      Cost began = cost_now (), ended;

      if (i % 2 == 0)
        attach_ours (&a, &b);
      else
        attach_bare (&c, &d);
      ended = cost_now ();
      elapsed[i % 2][i / 2] = ended.elapsed - began.elapsed;
      cpu[i % 2][i / 2] = ended.cpu - began.cpu;
      if (i % 2 == 0)
        end_part (&a), end_part (&b);
      else
        bare_part (&c), bare_part (&d);
      settle ();
    }
  print ("ours", elapsed[0], cpu[0]);
  print ("bare", elapsed[1], cpu[1]);
  ratio = pl_bench_median (elapsed[0], TIMES) / pl_bench_median (elapsed[1], TIMES);
  pl_bench_print ("attach_ratio", ratio, "of_the_bare_pair");
  pl_bench_print ("attach_cpu_ratio", pl_bench_median (cpu[0], TIMES) / pl_bench_median (cpu[1], TIMES), "of_the_bare_pair");
  end_clear (&a);
  end_clear (&b);
  gnutls_certificate_free_credentials (c.credentials);
  gnutls_certificate_free_credentials (d.credentials);
  ck_assert_msg (ratio <= GOAL, "attach_ratio is at most %.1f", GOAL);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("bench");
  TCase *tcase = tcase_create ("attach");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_test (tcase, attach_takes_little_more_than_the_libraries_alone);
  suite_add_tcase (suite, tcase);
  srunner_set_fork_status (runner, CK_NOFORK);
  srunner_run_all (runner, CK_MINIMAL);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed > 0;
}
