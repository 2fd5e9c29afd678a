/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/loop.h"
#include "overlay/link/transport.h"
#include "tests/support/test.h"

#define CONNECTIONS 5
#define TRIES 9
#define PATIENCE (5 * G_USEC_PER_SEC)

static PlIdentity *
load (const char *key, const char *cert)
{
  g_autoptr (GBytes) key_pem = pl_test_data (key), cert_pem = pl_test_data (cert);
  g_autofree char *key_text = g_strndup (g_bytes_get_data (key_pem, NULL), g_bytes_get_size (key_pem));
  g_autofree char *cert_text = g_strndup (g_bytes_get_data (cert_pem, NULL), g_bytes_get_size (cert_pem));
  PlIdentity *identity = pl_identity_new (key_text, cert_text, NULL);

  ck_assert_ptr_nonnull (identity);
  return identity;
}

/* S2-104: each connection costs a handshake. One after the other they are never many at once. */
START_TEST (host_that_connects_too_often_is_turned_away)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (PlTrust) trust = pl_trust_new (pl_loop_env (loop), "interop.example.org");
  g_autoptr (PlIdentity) alice = load ("vectors/pki/alice.key", "vectors/pki/alice.crt");
  PlTransportOptions options = { .listen_address = "127.0.0.1", .listen_port = pl_test_free_port (), .max_message = 16384,
                                 .connections = CONNECTIONS };
  g_autoptr (PlTransport) listening = pl_transport_real_new (pl_loop_env (loop), NULL, alice, trust, &options, NULL);
  guint turned_away = 0;

  ck_assert_ptr_nonnull (listening);
  for (guint i = 0; i < TRIES; i++)
    {
      g_autoptr (GSocketClient) client = g_socket_client_new ();
      g_autoptr (GSocketConnection) connection = g_socket_client_connect_to_host (client, "127.0.0.1", options.listen_port, NULL, NULL);
      GSocket *socket = g_socket_connection_get_socket (connection);
      gint64 end = g_get_monotonic_time () + (i < CONNECTIONS ? G_USEC_PER_SEC / 10 : PATIENCE);
      char byte;

      g_socket_set_blocking (socket, FALSE);
      while (g_socket_receive (socket, &byte, 1, NULL, NULL) != 0 && g_get_monotonic_time () < end)
        {
          g_main_context_iteration (NULL, FALSE);
          g_usleep (1000);
        }
      turned_away += g_socket_receive (socket, &byte, 1, NULL, NULL) == 0 ? 1 : 0;
    }
  ck_assert_uint_eq (turned_away, TRIES - CONNECTIONS);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("link/rate");

  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, host_that_connects_too_often_is_turned_away);
  return pl_test_run (suite, NULL);
}
