/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include "overlay/ident/identity.h"
#include "tests/support/test.h"

/* Two ends of a TLS session in one thread. */
typedef struct {
  gnutls_session_t session;
  GByteArray *in, *out;
} End;

static ssize_t
push (gnutls_transport_ptr_t data, const void *bytes, size_t len)
{
  g_byte_array_append (((End *) data)->out, bytes, len);
  return len;
}

static ssize_t
pull (gnutls_transport_ptr_t data, void *bytes, size_t len)
{
  End *end = data;
  gsize n = MIN (len, end->in->len);

  if (n == 0)
    {
      gnutls_transport_set_errno (end->session, EAGAIN);
      return -1;
    }
  memcpy (bytes, end->in->data, n);
  g_byte_array_remove_range (end->in, 0, n);
  return n;
}

static int
ready (gnutls_transport_ptr_t data, unsigned ms)
{
  return ((End *) data)->in->len > 0;
}

static void
begin (End *end, guint flags, gnutls_anon_client_credentials_t client, gnutls_anon_server_credentials_t server)
{
  gnutls_init (&end->session, flags | GNUTLS_NONBLOCK);
  gnutls_priority_set_direct (end->session, "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ANON-ECDH", NULL);
  gnutls_credentials_set (end->session, GNUTLS_CRD_ANON, client ? (void *) client : (void *) server);
  gnutls_transport_set_ptr (end->session, end);
  gnutls_transport_set_push_function (end->session, push);
  gnutls_transport_set_pull_function (end->session, pull);
  gnutls_transport_set_pull_timeout_function (end->session, ready);
}

static void
shake_hands (void)
{
  g_autoptr (GByteArray) a = g_byte_array_new ();
  g_autoptr (GByteArray) b = g_byte_array_new ();
  End client = { NULL, a, b }, server = { NULL, b, a };
  gnutls_anon_client_credentials_t client_credentials;
  gnutls_anon_server_credentials_t server_credentials;
  int rc = -1, rs = -1;

  gnutls_anon_allocate_client_credentials (&client_credentials);
  gnutls_anon_allocate_server_credentials (&server_credentials);
  begin (&client, GNUTLS_CLIENT, client_credentials, NULL);
  begin (&server, GNUTLS_SERVER, NULL, server_credentials);
  for (int i = 0; i < 50 && (rc < 0 || rs < 0); i++)
    {
      rc = rc < 0 ? gnutls_handshake (client.session) : rc;
      rs = rs < 0 ? gnutls_handshake (server.session) : rs;
    }
  ck_assert_int_eq (rc, 0);
  ck_assert_int_eq (rs, 0);
  gnutls_deinit (client.session);
  gnutls_deinit (server.session);
  gnutls_anon_free_client_credentials (client_credentials);
  gnutls_anon_free_server_credentials (server_credentials);
}

START_TEST (keylog_is_written_only_when_built_for_it)
{
  g_autofree char *path = g_build_filename (g_get_home_dir (), "keys", NULL);

  /* GnuTLS is loaded already; it looks at the variable at its first handshake. */
  g_setenv ("SSLKEYLOGFILE", path, TRUE);
  if (_i == 0)
    pl_ident_init ();
  shake_hands ();
#ifdef PL_ENABLE_KEYLOG
  ck_assert (g_file_test (path, G_FILE_TEST_EXISTS));
#else
  /* Without pl_ident_init it would be: the test would see a leak. */
  ck_assert (g_file_test (path, G_FILE_TEST_EXISTS) == (_i == 1));
  ck_assert (_i == 1 || !g_getenv ("SSLKEYLOGFILE"));
#endif
  g_unlink (path);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("ident/keylog");
  const char *fork = g_getenv ("CK_FORK");

  /* GnuTLS looks once a process: the two need processes of their own. */
  tcase_add_loop_test (tcase, keylog_is_written_only_when_built_for_it, 0, g_strcmp0 (fork, "no") == 0 ? 1 : 2);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
