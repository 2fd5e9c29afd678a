/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/loop.h"
#include "ice/agent/agent.h"
#include "ice/stun/client.h"
#include "ice/stun/server.h"
#include "tests/support/test.h"

#include <string.h>

typedef struct {
  PlIceAgent *agent;
  gboolean gathered, connected, failed;
  char received[64];
} End;

static void
on_gathered (gpointer user, PlIceAgent *agent)
{
  ((End *) user)->gathered = TRUE;
}

static void
on_connected (gpointer user, PlIceAgent *agent)
{
  ((End *) user)->connected = TRUE;
}

static void
on_failed (gpointer user, PlIceAgent *agent)
{
  ((End *) user)->failed = TRUE;
}

static void
on_datagram (gpointer user, PlIceAgent *agent, const guint8 *data, gsize len)
{
  End *end = user;

  memcpy (end->received, data, MIN (len, sizeof end->received - 1));
}

static const PlIceAgentHandlers handlers = { on_gathered, on_connected, on_failed, on_datagram };

static void
open_end (End *end, PlLoop *loop, gboolean controlling, const char *const *stun)
{
  PlIceAgentOptions options = { .controlling = controlling, .address = "127.0.0.1", .stun = stun };
  g_autoptr (GError) error = NULL;

  memset (end, 0, sizeof *end);
  end->agent = pl_ice_agent_new (pl_loop_env (loop), NULL, &options, &handlers, end, &error);
  ck_assert_msg (end->agent != NULL, "%s", error ? error->message : "");
  ck_assert (!end->gathered); /* no handler before the start function has returned */
}

static void
wait_for (const gboolean *flag)
{
  gint64 end = g_get_monotonic_time () + 15 * G_USEC_PER_SEC;

  while (!*flag && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  ck_assert (*flag);
}

static void
introduce (End *a, End *b)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (pl_ice_agent_set_remote (a->agent, pl_ice_agent_ufrag (b->agent), pl_ice_agent_password (b->agent),
                                          pl_ice_agent_candidates (b->agent), &error), "%s", error ? error->message : "");
}

static void
close_end (End *end)
{
  g_clear_pointer (&end->agent, pl_ice_agent_free);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* S0-04 */
START_TEST (agent_two_ends_connect_and_carry_datagrams)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autofree char *path = NULL;
  End a, b;

  open_end (&a, loop, TRUE, NULL);
  open_end (&b, loop, FALSE, NULL);
  wait_for (&a.gathered);
  wait_for (&b.gathered);
  introduce (&a, &b);
  introduce (&b, &a);
  wait_for (&a.connected);
  wait_for (&b.connected);
  path = pl_ice_agent_dup_path (a.agent);
  ck_assert_msg (g_str_has_prefix (path, "udp 127.0.0.1:") || g_str_has_prefix (path, "udp [::1]:"), "%s", path);
  ck_assert_int_gt (pl_ice_agent_elapsed (a.agent), 0);
  while (!*b.received)
    {
      pl_ice_agent_send (a.agent, (const guint8 *) "hello", 5);
      g_main_context_iteration (NULL, TRUE);
    }
  ck_assert_str_eq (b.received, "hello");
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (agent_learns_its_address_from_our_own_responder)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PlStunServer) server = pl_stun_server_new (pl_loop_env (loop), NULL, "127.0.0.1", 0, &error);
  g_autofree char *address = NULL;
  gint64 start;
  End end;

  ck_assert_msg (server != NULL, "%s", error ? error->message : "");
  address = g_strdup_printf ("127.0.0.1:%u", pl_stun_server_port (server));
  open_end (&end, loop, TRUE, (const char *const[]){ address, NULL });
  start = g_get_monotonic_time ();
  wait_for (&end.gathered);
  ck_assert_int_lt (g_get_monotonic_time () - start, PL_ICE_GATHER_MAX * 2 / 3);
  /* On loopback the reflexive address is the host's own, which ICE drops as redundant; that
   * gathering ended well before its limit shows that the answer came. */
  ck_assert_uint_gt (pl_ice_agent_candidates (end.agent)->len, 0);
  close_end (&end);
}
END_TEST

START_TEST (agent_does_not_wait_for_a_silent_server)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GSocket) silent = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  g_autoptr (GInetAddress) inet = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (inet, 0), bound = NULL;
  g_autofree char *address = NULL;
  End a, b;

  ck_assert (g_socket_bind (silent, any, FALSE, NULL));
  bound = g_socket_get_local_address (silent, NULL);
  address = g_strdup_printf ("127.0.0.1:%u", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
  open_end (&a, loop, TRUE, (const char *const[]){ address, NULL });
  open_end (&b, loop, FALSE, (const char *const[]){ address, NULL });
  wait_for (&a.gathered);
  wait_for (&b.gathered);
  introduce (&a, &b);
  introduce (&b, &a);
  wait_for (&a.connected);
  wait_for (&b.connected);
  ck_assert (!pl_ice_agent_stun_answered (a.agent));
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (agent_says_when_nobody_answers)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a, b;

  open_end (&a, loop, TRUE, NULL);
  open_end (&b, loop, FALSE, NULL);
  wait_for (&a.gathered);
  wait_for (&b.gathered);
  introduce (&a, &b);
  close_end (&b);
  wait_for (&a.failed);
  ck_assert (!a.connected);
  close_end (&a);
}
END_TEST

START_TEST (agent_refuses_what_the_far_side_cannot_mean)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GArray) candidates = g_array_new (FALSE, TRUE, sizeof (PlCandidate));
  g_autoptr (GError) error = NULL;
  g_autofree char *huge = g_strnfill (300, 'a');
  End a;

  open_end (&a, loop, TRUE, NULL);
  wait_for (&a.gathered);
  ck_assert (!pl_ice_agent_set_remote (a.agent, "abcd", "0123456789012345678901", candidates, &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA));
  g_clear_error (&error);
  g_array_set_size (candidates, 1000); /* all zero: no address */
  ck_assert (!pl_ice_agent_set_remote (a.agent, "abcd", "0123456789012345678901", candidates, &error));
  g_clear_error (&error);
  g_array_append_vals (candidates, pl_ice_agent_candidates (a.agent)->data, 1);
  ck_assert (!pl_ice_agent_set_remote (a.agent, huge, "0123456789012345678901", candidates, &error));
  close_end (&a);
}
END_TEST

static GSocketAddress *
somebody (void)
{
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string ("192.0.2.7");

  return g_inet_socket_address_new (inet, 4711);
}

START_TEST (stun_answers_a_binding_request_with_the_sender)
{
  static const guint8 request[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
  static const guint8 xored[8] = { 0, 1, 0x12 ^ 0x21, 0x67 ^ 0x12, 192 ^ 0x21, 0 ^ 0x12, 2 ^ 0xa4, 7 ^ 0x42 };
  g_autoptr (GSocketAddress) from = somebody ();
  guint8 reply[PL_STUN_REPLY_MAX];
  gsize len = pl_stun_answer (request, sizeof request, from, reply);

  ck_assert_uint_eq (len, 32);
  ck_assert_uint_eq (reply[0], 1);
  ck_assert_uint_eq (reply[1], 1);
  ck_assert_mem_eq (reply + 8, request + 8, 12);
  ck_assert_uint_eq (reply[21], 0x20);
  ck_assert_mem_eq (reply + 24, xored, 8);
}
END_TEST

START_TEST (stun_answers_an_old_request_with_the_plain_address)
{
  static const guint8 request[20] = { 0, 1, 0, 0, 9, 8, 7, 6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
  static const guint8 plain[8] = { 0, 1, 0x12, 0x67, 192, 0, 2, 7 };
  g_autoptr (GSocketAddress) from = somebody ();
  guint8 reply[PL_STUN_REPLY_MAX];

  ck_assert_uint_eq (pl_stun_answer (request, sizeof request, from, reply), 32);
  ck_assert_mem_eq (reply + 4, request + 4, 16);
  ck_assert_uint_eq (reply[21], 0x01);
  ck_assert_mem_eq (reply + 24, plain, 8);
}
END_TEST

START_TEST (stun_answers_nothing_else)
{
  guint8 request[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1 };
  guint8 reply[PL_STUN_REPLY_MAX], noise[1500];
  g_autoptr (GSocketAddress) from = somebody ();

  for (gsize len = 0; len < sizeof request; len++)
    ck_assert_uint_eq (pl_stun_answer (request, len, from, reply), 0);
  request[0] = 1, request[1] = 1; /* a response: answering it would make a loop */
  ck_assert_uint_eq (pl_stun_answer (request, sizeof request, from, reply), 0);
  request[0] = 0, request[1] = 3; /* TURN Allocate */
  ck_assert_uint_eq (pl_stun_answer (request, sizeof request, from, reply), 0);
  request[1] = 1, request[3] = 8; /* claims more than is there */
  ck_assert_uint_eq (pl_stun_answer (request, sizeof request, from, reply), 0);
  memset (noise, 0xff, sizeof noise);
  ck_assert_uint_eq (pl_stun_answer (noise, sizeof noise, from, reply), 0);
}
END_TEST

START_TEST (stun_client_learns_how_the_server_sees_it_and_believes_nobody_else)
{
  g_autoptr (PlStunClient) client = pl_stun_client_new (), other = pl_stun_client_new ();
  g_autoptr (GSocketAddress) from = somebody (), seen = NULL;
  guint8 request[PL_STUN_REQUEST_MAX], reply[PL_STUN_REPLY_MAX];
  gsize len = pl_stun_client_request (client, request);

  ck_assert_uint_gt (len, 0);
  len = pl_stun_answer (request, len, from, reply);
  ck_assert_uint_gt (len, 0);
  for (gsize cut = 0; cut < len; cut++)
    ck_assert_ptr_null (pl_stun_client_take_answer (client, reply, cut));
  ck_assert_ptr_null (pl_stun_client_take_answer (other, reply, len));
  ck_assert_ptr_null (pl_stun_client_take_answer (client, request, 20));
  seen = pl_stun_client_take_answer (client, reply, len);
  ck_assert_ptr_nonnull (seen);
  ck_assert_uint_eq (g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (seen)), 4711);
}
END_TEST

START_TEST (stun_client_asks_only_so_often)
{
  g_autoptr (PlStunClient) client = pl_stun_client_new ();
  guint8 request[PL_STUN_REQUEST_MAX];
  guint asked = 0;

  while (asked < 1000 && pl_stun_client_request (client, request) > 0)
    asked++;
  ck_assert_uint_gt (asked, 3);
  ck_assert_uint_lt (asked, 1000);
}
END_TEST

static gboolean
stop_waiting (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

START_TEST (stun_answers_from_the_address_it_was_asked_at)
{
  static const guint8 request[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1 };
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (PlStunServer) server = pl_stun_server_new (pl_loop_env (loop), NULL, NULL, 0, NULL);
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  g_autoptr (GInetAddress) other = g_inet_address_new_from_string ("127.0.0.77");
  g_autoptr (GSocketAddress) to = g_inet_socket_address_new (other, pl_stun_server_port (server)), from = NULL;
  gboolean late = FALSE;
  guint timer = g_timeout_add_seconds (5, stop_waiting, &late);
  char reply[PL_STUN_REPLY_MAX];

  ck_assert_int_eq (g_socket_send_to (socket, to, (const char *) request, sizeof request, NULL, NULL), sizeof request);
  while (!late && !(g_socket_condition_check (socket, G_IO_IN) & G_IO_IN))
    g_main_context_iteration (NULL, FALSE);
  ck_assert (!late);
  g_source_remove (timer);
  ck_assert_int_eq (g_socket_receive_from (socket, &from, reply, sizeof reply, NULL, NULL), 32);
  ck_assert (g_inet_address_equal (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (from)), other));
}
END_TEST

START_TEST (stun_says_that_the_port_is_taken)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PlStunServer) first = pl_stun_server_new (pl_loop_env (loop), NULL, "127.0.0.1", 0, NULL);

  ck_assert_ptr_null (pl_stun_server_new (pl_loop_env (loop), NULL, "127.0.0.1", pl_stun_server_port (first), &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE));
}
END_TEST

/* A STUN server beyond a NAT: whoever asks is seen at 192.0.2.5. */
static gboolean
on_stun (GSocket *socket, GIOCondition condition, gpointer data)
{
  static const guint8 mapped[] = { 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0x11, 0x11, 192 ^ 0x21, 0 ^ 0x12, 2 ^ 0xa4, 5 ^ 0x42 };
  g_autoptr (GSocketAddress) from = NULL;
  guint8 message[2048];
  gssize len = g_socket_receive_from (socket, &from, (char *) message, sizeof message, NULL, NULL);

  if (len < 20 || message[0] != 0 || message[1] != 1)
    return G_SOURCE_CONTINUE;
  message[0] = 1;
  message[2] = 0;
  message[3] = sizeof mapped;
  memcpy (message + 20, mapped, sizeof mapped);
  g_socket_send_to (socket, from, (const char *) message, 20 + sizeof mapped, NULL, NULL);
  return G_SOURCE_CONTINUE;
}

static guint
count_type (PlIceAgent *agent, PlIceType type)
{
  guint n = 0;

  for (guint i = 0; i < pl_ice_agent_candidates (agent)->len; i++)
    n += g_array_index (pl_ice_agent_candidates (agent), PlCandidate, i).type == type ? 1 : 0;
  return n;
}

/* S2-102 */
START_TEST (agent_tells_no_more_addresses_than_it_may)
{
  static const guint host[] = { 1, 0, 0 }, reflexive[] = { 1, 1, 0 };
  PlIceTell tell = (PlIceTell) _i;
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GSocket) server = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  g_autoptr (GSource) source = g_socket_create_source (server, G_IO_IN, NULL);
  g_autoptr (GInetAddress) inet = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (inet, 0), bound = NULL;
  g_autofree char *address = NULL;
  const char *stun[] = { NULL, NULL };
  PlIceAgentOptions options = { .controlling = TRUE, .address = "127.0.0.1", .stun = stun, .tell = tell };
  End a = { 0 }, b;

  ck_assert (g_socket_bind (server, any, FALSE, NULL));
  bound = g_socket_get_local_address (server, NULL);
  stun[0] = address = g_strdup_printf ("127.0.0.1:%u", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
  g_source_set_callback (source, G_SOURCE_FUNC (on_stun), NULL, NULL);
  g_source_attach (source, NULL);
  a.agent = pl_ice_agent_new (pl_loop_env (loop), NULL, &options, &handlers, &a, NULL);
  open_end (&b, loop, FALSE, NULL);
  wait_for (&a.gathered);
  wait_for (&b.gathered);
  ck_assert_uint_eq (count_type (a.agent, PL_ICE_HOST), host[tell]);
  ck_assert_uint_eq (count_type (a.agent, PL_ICE_SRFLX), reflexive[tell]);
  for (guint i = 0; tell != PL_ICE_TELL_ALL && i < pl_ice_agent_candidates (a.agent)->len; i++)
    {
      const PlCandidate *candidate = &g_array_index (pl_ice_agent_candidates (a.agent), PlCandidate, i);

      ck_assert_int_eq (memcmp (candidate->address.bytes, "\xc0\0\2\5", 4), 0);
      ck_assert_int_eq (memcmp (candidate->related.bytes, "\0\0\0\0", 4), 0);
      ck_assert_uint_eq (candidate->related.port, 9);
    }
  if (tell != PL_ICE_TELL_RELAY_ONLY)
    {
      introduce (&a, &b);
      introduce (&b, &a);
      wait_for (&a.connected);
    }
  else /* no check goes straight to the far side */
    ck_assert (!pl_ice_agent_set_remote (a.agent, pl_ice_agent_ufrag (b.agent), pl_ice_agent_password (b.agent),
                                         pl_ice_agent_candidates (b.agent), NULL));
  g_source_destroy (source);
  close_end (&a);
  close_end (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("ice");
  TCase *agent = tcase_create ("ice/agent"), *stun = tcase_create ("ice/stun");

  tcase_set_timeout (agent, 60);
  tcase_add_test (agent, agent_two_ends_connect_and_carry_datagrams);
  tcase_add_test (agent, agent_learns_its_address_from_our_own_responder);
  tcase_add_test (agent, agent_does_not_wait_for_a_silent_server);
  tcase_add_test (agent, agent_says_when_nobody_answers);
  tcase_add_loop_test (agent, agent_tells_no_more_addresses_than_it_may, 0, 3);
  tcase_add_test (agent, agent_refuses_what_the_far_side_cannot_mean);
  tcase_add_test (stun, stun_answers_a_binding_request_with_the_sender);
  tcase_add_test (stun, stun_answers_an_old_request_with_the_plain_address);
  tcase_add_test (stun, stun_answers_nothing_else);
  tcase_add_test (stun, stun_client_learns_how_the_server_sees_it_and_believes_nobody_else);
  tcase_add_test (stun, stun_client_asks_only_so_often);
  tcase_add_test (stun, stun_answers_from_the_address_it_was_asked_at);
  tcase_add_test (stun, stun_says_that_the_port_is_taken);
  suite_add_tcase (suite, agent);
  suite_add_tcase (suite, stun);
  return pl_test_run (suite, NULL);
}
