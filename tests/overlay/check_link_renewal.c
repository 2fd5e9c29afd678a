/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The real transport on loopback while the certificate of its identity is renewed (RFC 6940 11.3).
 */
#include "config.h"

#include "base/loop.h"
#include "overlay/link/transport.h"
#include "tests/support/test.h"

#define PATIENCE 5000 /* ms */

static PlCarrier *dialled, *accepted;

static char *
text_of (const char *name)
{
  g_autoptr (GBytes) bytes = pl_test_data (name);

  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static PlIdentity *
load (const char *key_name, const char *cert_name)
{
  g_autofree char *key = text_of (key_name), *cert = text_of (cert_name);
  PlIdentity *identity = pl_identity_new (key, cert, NULL);

  ck_assert_ptr_nonnull (identity);
  return identity;
}

static void
on_accepted (gpointer user, PlCarrier *carrier)
{
  (void) user;
  accepted = carrier;
}

static void
on_dialled (gpointer user, PlCarrier *carrier)
{
  (void) user;
  dialled = carrier;
}

static void
on_failed (gpointer user, const GError *error)
{
  (void) user;
  ck_abort_msg ("%s", error->message);
}

static void
on_over (gpointer user)
{
  *(gboolean *) user = TRUE;
}

static void
connect_to (PlTransport *transport, guint16 port)
{
  static const PlDialHandlers handlers = { on_dialled, on_failed };
  gboolean over = FALSE;
  guint patience = g_timeout_add_once (PATIENCE, on_over, &over);

  dialled = accepted = NULL;
  pl_transport_dial (transport, "127.0.0.1", port, &handlers, NULL);
  while ((!dialled || !accepted) && !over)
    g_main_context_iteration (NULL, TRUE);
  ck_assert (dialled && accepted);
  g_source_remove (patience);
}

static gboolean
shows (PlCarrier *carrier, PlIdentity *identity)
{
  return g_bytes_equal (pl_cert_der (pl_carrier_info (carrier)->cert), pl_cert_der (pl_identity_cert (identity)));
}

START_TEST (transport_shows_a_renewed_certificate_from_then_on_and_keeps_its_links)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (PlTrust) trust = pl_trust_new (pl_loop_env (loop), "interop.example.org");
  g_autoptr (GBytes) root = pl_test_data ("vectors/pki/ca.der");
  g_autoptr (PlIdentity) alice = load ("vectors/pki/alice.key", "vectors/pki/alice.crt");
  g_autoptr (PlIdentity) renewed = load ("vectors/pki/alice.key", "vectors/pki/alice-renewed.crt");
  g_autoptr (PlIdentity) bob = load ("vectors/pki/bob.key", "vectors/pki/bob.crt");
  PlTransportOptions options = { .listen_address = "127.0.0.1", .listen_port = pl_test_free_port (), .max_message = 16384 };
  g_autoptr (PlTransport) listening = pl_transport_real_new (pl_loop_env (loop), NULL, alice, trust, &options, NULL);
  g_autoptr (PlTransport) dialling = NULL;
  g_autoptr (PlCarrier) one = NULL, two = NULL, three = NULL, four = NULL;
  guint16 port = options.listen_port;

  ck_assert (pl_trust_add_root (trust, root, NULL));
  options.listen_port = 0;
  dialling = pl_transport_real_new (pl_loop_env (loop), NULL, bob, trust, &options, NULL);
  ck_assert (listening && dialling);
  pl_transport_set_accept (listening, on_accepted, NULL);
  connect_to (dialling, port);
  one = dialled;
  two = accepted;
  ck_assert (shows (one, alice));
  ck_assert (pl_identity_renew (alice, renewed));
  pl_transport_renewed (listening);
  connect_to (dialling, port);
  three = dialled;
  four = accepted;
  ck_assert (shows (three, renewed));
  ck_assert (!shows (one, renewed));
  ck_assert (pl_carrier_send (two, (const guint8 *) "still here", 10));
  g_clear_pointer (&one, pl_carrier_free); /* carriers go before their transport */
  g_clear_pointer (&two, pl_carrier_free);
  g_clear_pointer (&three, pl_carrier_free);
  g_clear_pointer (&four, pl_carrier_free);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("link/renewal");

  suite_add_tcase (suite, tcase);
  tcase_add_test (tcase, transport_shows_a_renewed_certificate_from_then_on_and_keeps_its_links);
  return pl_test_run (suite, NULL);
}
