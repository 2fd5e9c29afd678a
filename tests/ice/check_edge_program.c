/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The program peerline-edge: real processes, told what to do as the daemon does.
 */
#include "config.h"

#include "tests/support/test.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM PL_BUILDDIR "/ice/edge/peerline-edge"
#define WAIT 15000 /* ms */

typedef struct {
  GPid pid;
  int listener, control, phone;
  struct sockaddr_un name;
  socklen_t name_len;
  guint16 phone_port;
  char *opened;
} Edge;

static void
lend_listener (gpointer data)
{
  dup2 (((Edge *) data)->listener, 3);
}

static void
connect_edge (Edge *edge)
{
  edge->control = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  ck_assert_int_eq (connect (edge->control, (struct sockaddr *) &edge->name, edge->name_len), 0);
}

static void
tell (Edge *edge, const char *message)
{
  ck_assert_int_eq (send (edge->control, message, strlen (message), MSG_NOSIGNAL), (ssize_t) strlen (message));
}

/* The next message; NULL when none comes or the program is gone. */
static char *
dup_message (Edge *edge)
{
  struct pollfd poller = { edge->control, POLLIN, 0 };
  char buffer[16384];
  ssize_t n;

  if (poll (&poller, 1, WAIT) != 1)
    return NULL;
  n = recv (edge->control, buffer, sizeof buffer, 0);
  return n > 0 ? g_strndup (buffer, n) : NULL;
}

static void
expect (Edge *edge, const char *start)
{
  g_autofree char *message = dup_message (edge);

  ck_assert_msg (message && g_str_has_prefix (message, start), "%s instead of %s", message, start);
}

static int
open_udp (guint16 *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  ck_assert_int_eq (bind (fd, (struct sockaddr *) &address, len), 0);
  ck_assert_int_eq (getsockname (fd, (struct sockaddr *) &address, &len), 0);
  *port = ntohs (address.sin_port);
  return fd;
}

static void
start_edge (Edge *edge)
{
  char *argv[] = { (char *) PROGRAM, NULL };
  g_autoptr (GError) error = NULL;

  memset (edge, 0, sizeof *edge);
  edge->listener = socket (AF_UNIX, SOCK_SEQPACKET, 0);
  edge->name.sun_family = AF_UNIX;
  edge->name_len = sizeof (sa_family_t); /* the kernel chooses an abstract name */
  ck_assert_int_eq (bind (edge->listener, (struct sockaddr *) &edge->name, edge->name_len), 0);
  edge->name_len = sizeof edge->name;
  ck_assert_int_eq (getsockname (edge->listener, (struct sockaddr *) &edge->name, &edge->name_len), 0);
  ck_assert_int_eq (listen (edge->listener, 4), 0);
  ck_assert_msg (g_spawn_async (NULL, argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN | G_SPAWN_DO_NOT_REAP_CHILD, lend_listener,
                                edge, &edge->pid, &error), "%s", error ? error->message : "");
  connect_edge (edge);
  expect (edge, "edge 1");
  edge->phone = open_udp (&edge->phone_port);
}

static int
end_edge (Edge *edge)
{
  int status = -1;

  ck_assert_int_eq (waitpid (edge->pid, &status, 0), edge->pid);
  close (edge->listener);
  if (edge->control >= 0)
    close (edge->control);
  close (edge->phone);
  g_free (edge->opened);
  return status;
}

static void
open_section (Edge *edge, gboolean controlling)
{
  g_autofree char *open = g_strdup_printf ("open 0\naddress 127.0.0.1\ncontrolling %s", controlling ? "yes" : "no");
  g_autofree char *phone = g_strdup_printf ("phone 0\nrtp %u\nrtcp %u", edge->phone_port, edge->phone_port);

  tell (edge, open);
  edge->opened = dup_message (edge);
  ck_assert_msg (edge->opened && g_str_has_prefix (edge->opened, "opened 0\n"), "%s", edge->opened);
  tell (edge, phone);
}

/* What one edge has opened is what the other is told: the lines have the same names. */
static void
introduce (Edge *to, Edge *far, gboolean client)
{
  g_autofree char *message = g_strdup_printf ("remote 0\ndtls-client %s\n%s", client ? "yes" : "no", strchr (far->opened, '\n') + 1);

  tell (to, message);
}

static void
start_call (Edge *a, Edge *b)
{
  start_edge (a);
  start_edge (b);
  open_section (a, TRUE);
  open_section (b, FALSE);
  introduce (a, b, TRUE);
  introduce (b, a, FALSE);
  expect (a, "secured 0");
  expect (b, "secured 0");
}

static void
check_voice (Edge *from, Edge *to, guint8 sequence)
{
  const char *at = strstr (from->opened, "\nport ");
  struct sockaddr_in port = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK), .sin_port = htons (atoi (at + 6)) };
  struct pollfd poller = { to->phone, POLLIN, 0 };
  guint8 packet[20] = { 0x80, 0, 0, sequence, [8] = 1, [12] = 'v', 'o', 'i', 'c', 'e' }, heard[64];

  ck_assert_int_eq (sendto (from->phone, packet, sizeof packet, 0, (struct sockaddr *) &port, sizeof port), sizeof packet);
  ck_assert_int_eq (poll (&poller, 1, WAIT), 1);
  ck_assert_int_eq (recv (to->phone, heard, sizeof heard, 0), sizeof packet);
  ck_assert_mem_eq (heard, packet, sizeof packet);
}

/* RTCP has a component of its own here: both were told of the other's. Its DTLS may take a moment
 * longer than that of RTP, so reports go until one comes, as a phone's do. */
START_TEST (program_carries_rtcp_beside_rtp)
{
  Edge a, b;
  const char *at;
  struct sockaddr_in port = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  guint8 report[8] = { 0x80, 201, 0, 1, 0, 0, 0, 1 }, heard[64] = { 0 };
  struct pollfd poller;
  gboolean came = FALSE;

  start_call (&a, &b);
  ck_assert_ptr_nonnull (strstr (a.opened, "\nrtcp-candidate "));
  at = strstr (a.opened, "\nport ");
  port.sin_port = htons (atoi (at + 6) + 1);
  poller = (struct pollfd) { b.phone, POLLIN, 0 };
  for (guint i = 0; i < WAIT / 50 && !came; i++)
    {
      ck_assert_int_eq (sendto (a.phone, report, sizeof report, 0, (struct sockaddr *) &port, sizeof port), sizeof report);
      came = poll (&poller, 1, 50) == 1;
    }
  ck_assert (came);
  ck_assert_int_eq (recv (b.phone, heard, sizeof heard, 0), sizeof report);
  ck_assert_mem_eq (heard, report, sizeof report);
  check_voice (&b, &a, 1);
  tell (&a, "quit");
  ck_assert_int_eq (end_edge (&a), 0);
  expect (&b, "failed 0\nreason the far side ended the media");
  tell (&b, "quit");
  ck_assert_int_eq (end_edge (&b), 0);
}
END_TEST

START_TEST (program_carries_a_call_through_a_restart_of_its_daemon)
{
  Edge a, b;

  start_call (&a, &b);
  check_voice (&a, &b, 1);
  close (a.control);
  check_voice (&b, &a, 1);
  connect_edge (&a);
  expect (&a, "edge 1");
  expect (&a, "opened 0\n");
  expect (&a, "secured 0");
  tell (&a, "counts 0");
  expect (&a, "counts 0\nto-far 1\nto-phone 1\ndropped 0");
  tell (&a, "quit");
  ck_assert_int_eq (end_edge (&a), 0);
  expect (&b, "failed 0\nreason the far side ended the media");
  tell (&b, "quit");
  ck_assert_int_eq (end_edge (&b), 0);
}
END_TEST

START_TEST (program_without_a_phone_gives_the_voice_back)
{
  Edge a, b;
  const char *at;
  struct sockaddr_in port = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  guint8 packet[20] = { 0x80, 0, 0, 1, [8] = 1, [12] = 'v', 'o', 'i', 'c', 'e' }, heard[64];
  struct pollfd poller;

  start_call (&a, &b);
  tell (&b, "phone 0\necho yes");
  tell (&b, "counts 0"); /* it has heard both */
  expect (&b, "counts 0");
  at = strstr (a.opened, "\nport ");
  port.sin_port = htons (atoi (at + 6));
  ck_assert_int_eq (sendto (a.phone, packet, sizeof packet, 0, (struct sockaddr *) &port, sizeof port), sizeof packet);
  poller = (struct pollfd) { a.phone, POLLIN, 0 };
  ck_assert_int_eq (poll (&poller, 1, WAIT), 1);
  ck_assert_int_eq (recv (a.phone, heard, sizeof heard, 0), sizeof packet);
  ck_assert_mem_eq (heard + 12, packet + 12, sizeof packet - 12);
  tell (&a, "quit");
  ck_assert_int_eq (end_edge (&a), 0);
  tell (&b, "quit");
  ck_assert_int_eq (end_edge (&b), 0);
}
END_TEST

static void
restart (Edge *edge, const char *controlling)
{
  g_autofree char *message = g_strdup_printf ("restart 0\naddress 127.0.0.1\ncontrolling %s", controlling);
  g_autofree char *before = g_steal_pointer (&edge->opened);

  tell (edge, message);
  edge->opened = dup_message (edge);
  ck_assert_msg (edge->opened && g_str_has_prefix (edge->opened, "opened 0\n"), "%s", edge->opened);
  ck_assert_str_ne (strstr (edge->opened, "\nufrag"), strstr (before, "\nufrag"));
}

/* A restart takes sockets and a look at the interfaces: the sandbox lets it. */
START_TEST (program_restarts_ice_and_keeps_its_port_and_its_keys)
{
  Edge a, b;
  g_autofree char *before = NULL;

  start_call (&a, &b);
  ck_assert_ptr_nonnull (strstr (a.opened, "\ncrypto AES_CM_128_HMAC_SHA1_80 "));
  ck_assert_ptr_nonnull (strstr (a.opened, "\ncrypto AES_CM_128_HMAC_SHA1_32 "));
  before = g_strndup (a.opened, strstr (a.opened, "\nufrag") - a.opened);
  restart (&a, "yes");
  ck_assert (g_str_has_prefix (a.opened, before)); /* the same port */
  restart (&b, "no");
  introduce (&a, &b, TRUE);
  introduce (&b, &a, FALSE);
  check_voice (&a, &b, 1);
  check_voice (&b, &a, 1);
  tell (&a, "phone 0\nrtp 9\nrtcp 9\ncrypto AES_CM_128_HMAC_SHA1_80 AAAA");
  expect (&a, "refused 0\nreason the phone's keys");
  tell (&a, "quit");
  tell (&b, "quit");
  ck_assert_int_eq (end_edge (&a), 0);
  ck_assert_int_eq (end_edge (&b), 0);
}
END_TEST

#define RESIDENT_MAX (12 * 1024) /* KiB, in a call */

static guint
resident (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", pid);
  g_autofree char *text = NULL;

  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  return atoi (strstr (text, "VmRSS:") + 6);
}

START_TEST (program_is_small_while_it_carries_a_call)
{
  Edge a, b;

  start_call (&a, &b);
  for (guint8 i = 1; i < 50; i++)
    {
      check_voice (&a, &b, i);
      check_voice (&b, &a, i);
    }
#ifndef __SANITIZE_ADDRESS__
  ck_assert_uint_le (resident (a.pid), RESIDENT_MAX);
#endif
  ck_assert_uint_gt (resident (a.pid), 1024); /* it was read */
  tell (&a, "quit");
  tell (&b, "quit");
  ck_assert_int_eq (end_edge (&a), 0);
  ck_assert_int_eq (end_edge (&b), 0);
}
END_TEST

START_TEST (program_refuses_messages_it_cannot_follow)
{
  static const char *const bad[] = {
    "\n", "open", "open x", "open -1", "open 8", "open 99999999999999999999", "openly 0", "remote 0", "restart 0", "phone 0", "counts 0", "close 0",
  };
  Edge edge;

  start_edge (&edge);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      tell (&edge, bad[i]);
      expect (&edge, "refused 0\nreason ");
    }
  open_section (&edge, TRUE);
  tell (&edge, "open 0");
  expect (&edge, "refused 0\nreason this section is open");
  tell (&edge, "phone 0\nrtp 70000\nrtcp 1");
  expect (&edge, "refused 0\nreason the phone");
  tell (&edge, "remote 0\nufrag abcd\npassword abcdefghijklmnopqrstuv\nfingerprint sha-256 00\ncandidate 1 1 host name 9");
  expect (&edge, "refused 0\nreason the far side named no address");
  tell (&edge, "quit");
  ck_assert_int_eq (end_edge (&edge), 0);
}
END_TEST

START_TEST (program_ends_though_its_daemon_did_not_listen_any_more)
{
  Edge edge;
  struct pollfd poller;

  start_edge (&edge);
  tell (&edge, "openly 0");
  poller = (struct pollfd) { edge.control, POLLIN, 0 };
  ck_assert_int_eq (poll (&poller, 1, WAIT), 1);
  tell (&edge, "quit");
  close (edge.control);
  edge.control = -1;
  ck_assert_int_eq (end_edge (&edge), 0);
}
END_TEST

START_TEST (program_shuts_itself_in)
{
  g_autofree char *out = NULL, *err = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  ck_assert (g_spawn_command_line_sync (PROGRAM " --check-sandbox", &out, &err, &status, &error));
  ck_assert_msg (g_spawn_check_wait_status (status, &error), "%s", err);
  ck_assert_str_eq (out, "shut\n");
}
END_TEST

START_TEST (program_wants_a_daemon)
{
  g_autofree char *err = NULL;
  int status;

  ck_assert (g_spawn_command_line_sync (PROGRAM, NULL, &err, &status, NULL));
  ck_assert (!g_spawn_check_wait_status (status, NULL));
  ck_assert_ptr_nonnull (strstr (err, "started by peerlined"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("edge");
  TCase *program = tcase_create ("ice/edge program");

  /* For the programs only: to look for leaks takes ptrace, which they have given up. */
  g_setenv ("ASAN_OPTIONS", "detect_leaks=0", TRUE);
  tcase_set_timeout (program, 60);
  tcase_add_test (program, program_carries_rtcp_beside_rtp);
  tcase_add_test (program, program_carries_a_call_through_a_restart_of_its_daemon);
  tcase_add_test (program, program_without_a_phone_gives_the_voice_back);
  tcase_add_test (program, program_restarts_ice_and_keeps_its_port_and_its_keys);
  tcase_add_test (program, program_is_small_while_it_carries_a_call);
  tcase_add_test (program, program_refuses_messages_it_cannot_follow);
  tcase_add_test (program, program_ends_though_its_daemon_did_not_listen_any_more);
  tcase_add_test (program, program_shuts_itself_in);
  tcase_add_test (program, program_wants_a_daemon);
  suite_add_tcase (suite, program);
  return pl_test_run (suite, NULL);
}
