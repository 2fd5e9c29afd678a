/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/sip/stack-world.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"

#define FOREIGN_UID 65534

static char *
message (const char *method, const char *uri, const char *from, const char *extra, const char *body)
{
  static guint serial;

  serial++;
  return g_strdup_printf ("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP far.invalid;rport;branch=z9hG4bKx%u\r\nFrom: <sip:%s>;tag=f%u\r\n"
                          "To: <sip:" BOB ">\r\nCall-ID: c%u\r\nCSeq: 1 %s\r\nContact: <sip:x@192.0.2.9>\r\n%sContent-Length: %zu\r\n\r\n%s",
                          method, uri, serial, from, serial, serial, method, extra, strlen (body), body);
}

/* --- what phones may --- */

START_TEST (register_of_a_stranger_is_refused) /* S0-15 */
{
  World w;
  PlPhone *phone;

  world_start (&w);
  phone = pl_phone_new (w.context, "mallory@example.org", pl_sip_listening (w.a.sip)[0], FALSE);
  pl_phone_register (phone, 300);
  expect_contains (expect_message (phone, "403 REGISTER"), "Warning: 399");
  pl_phone_free (phone);
  world_stop (&w);
}
END_TEST

/* RFC 3261, 22.1; RFC 8760: two challenges, the better first */
START_TEST (register_shows_the_password_where_there_is_one)
{
  g_autofree char *path = g_build_filename (g_get_home_dir (), "phone-passwords", NULL);
  static const char file[] = ALICE " sesame\n";
  g_auto (GStrv) parts = NULL;
  g_autofree char *nonce = NULL;
  g_autofree char *one = g_compute_checksum_for_string (G_CHECKSUM_MD5, "alice:peerline:sesame", -1);
  g_autofree char *two = g_compute_checksum_for_string (G_CHECKSUM_MD5, "REGISTER:sip:example.org", -1);
  g_autofree char *text = NULL;
  g_autofree char *response = NULL;
  g_autofree char *header = NULL;
  World w;
  PlPhone *phone;

  ck_assert (pl_file_write (path, file, strlen (file), 0600, NULL));
  world_start (&w);
  side_kill (&w, &w.a);
  w.a.passwords = path;
  side_start (&w, &w.a);
  phone = pl_phone_new (w.context, ALICE, pl_sip_listening (w.a.sip)[0], FALSE);
  pl_phone_register (phone, 300);
  parts = g_strsplit (expect_message (phone, "401 REGISTER"), "nonce=\"", -1);
  ck_assert_uint_eq (g_strv_length (parts), 3);
  expect_contains (parts[1], "algorithm=SHA-256");
  expect_contains (parts[2], "algorithm=MD5");
  ck_assert (!pl_fake_daemon_registered (w.a.daemon));
  nonce = g_strndup (parts[2], strcspn (parts[2], "\""));
  text = g_strdup_printf ("%s:%s:%s", one, nonce, two);
  response = g_compute_checksum_for_string (G_CHECKSUM_MD5, text, -1);
  header = g_strdup_printf ("Authorization: Digest username=\"alice\", realm=\"peerline\", nonce=\"%s\", uri=\"sip:example.org\", response=\"%s\"\r\n",
                            nonce, response);
  pl_phone_request (phone, "REGISTER", "sip:" ALICE, header, NULL);
  expect_message (phone, "200 REGISTER");
  pl_phone_free (phone);
  world_stop (&w);
}
END_TEST

START_TEST (register_lists_removes_and_bounds)
{
  World w;
  PlPhone *phone;
  g_autoptr (GPtrArray) bindings = NULL;

  world_start (&w);
  phone = pl_phone_new (w.context, ALICE, pl_sip_listening (w.a.sip)[0], FALSE);
  pl_phone_register (phone, 5);
  expect_contains (expect_message (phone, "423 REGISTER"), "Min-Expires: 30");
  pl_phone_register (phone, 300);
  expect_contains (expect_message (phone, "200 REGISTER"), ";expires=300");
  expect_lacks (expect_message (phone, "200 REGISTER"), "gruu");
  ck_assert (pl_fake_daemon_registered (w.a.daemon));
  bindings = pl_sip_dup_bindings (w.a.sip);
  ck_assert_uint_eq (bindings->len, 1);
  ck_assert_str_eq (((PlBindingInfo *) bindings->pdata[0])->contact, pl_phone_contact (phone));
  pl_phone_register (phone, 0);
  ck_assert (pl_phone_wait (phone, "200 REGISTER", 2, WAIT));
  ck_assert (!pl_fake_daemon_registered (w.a.daemon));
  ck_assert_uint_ge (w.a.bindings_changed, 2);
  pl_phone_free (phone);
  world_stop (&w);
}
END_TEST

START_TEST (call_in_a_foreign_name_is_refused)
{
  World w;
  PlPhone *phone;
  g_autofree char *sdp = pl_phone_make_sdp (1, FALSE);

  world_start (&w);
  phone = side_phone (&w, &w.a, ALICE, FALSE);
  pl_phone_set_aor (phone, "carol@example.org");
  pl_phone_invite (phone, BOB, sdp);
  expect_message (phone, "403 INVITE");
  pl_phone_free (phone);
  world_stop (&w);
}
END_TEST

static const struct { PlResolveResult result; const char *wanted; } results[] = {
  { PL_RESOLVE_UNKNOWN, "404 INVITE" }, { PL_RESOLVE_OFFLINE, "480 INVITE" }, { PL_RESOLVE_FAILED, "504 INVITE" },
};

START_TEST (call_to_nobody_says_why)
{
  World w;
  PlPhone *phone;
  g_autofree char *sdp = pl_phone_make_sdp (1, FALSE);

  world_start (&w);
  pl_fake_net_set_result (w.net, BOB, results[_i].result);
  phone = side_phone (&w, &w.a, ALICE, FALSE);
  pl_phone_invite (phone, BOB, sdp);
  expect_message (phone, results[_i].wanted);
  pl_phone_free (phone);
  world_stop (&w);
}
END_TEST

START_TEST (call_to_a_node_out_of_reach_ends_within_five_seconds)
{
  World w;
  PlPhone *phone;
  g_autofree char *sdp = pl_phone_make_sdp (1, FALSE);
  gint64 start;

  world_start (&w);
  pl_fake_net_set_result (w.net, BOB, PL_RESOLVE_FOUND);
  pl_fake_net_set_delays (w.net, 1000, 60 * PL_USEC_PER_SEC, 1000);
  phone = side_phone (&w, &w.a, ALICE, FALSE);
  start = g_get_monotonic_time ();
  pl_phone_invite (phone, BOB, sdp);
  ck_assert (pl_phone_wait (phone, "480 INVITE", 1, 6000));
  ck_assert_int_lt (g_get_monotonic_time () - start, 5 * PL_USEC_PER_SEC);
  pl_phone_free (phone);
  world_stop (&w);
}
END_TEST

START_TEST (hops_loops_and_odd_requests_are_answered)
{
  World w;
  PlPhone *phone;
  const char *listen;
  static const char spent[] = "MESSAGE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bKm\r\nMax-Forwards: 0\r\n"
                              "From: <sip:" ALICE ">;tag=1\r\nTo: <sip:" BOB ">\r\nCall-ID: m\r\nCSeq: 1 MESSAGE\r\n\r\n";
  g_autofree char *loop = NULL;

  world_start (&w);
  phone = side_phone (&w, &w.a, ALICE, FALSE);
  listen = pl_sip_listening (w.a.sip)[0];
  pl_phone_send_raw (phone, spent, strlen (spent));
  expect_message (phone, "483 MESSAGE");
  loop = g_strdup_printf ("MESSAGE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bKl\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKo\r\n"
                          "From: <sip:" ALICE ">;tag=1\r\nTo: <sip:" BOB ">\r\nCall-ID: l\r\nCSeq: 1 MESSAGE\r\n\r\n", listen);
  pl_phone_send_raw (phone, loop, strlen (loop));
  expect_message (phone, "482 MESSAGE");
  pl_phone_request (phone, "OPTIONS", "sip:example.org", NULL, NULL);
  expect_contains (expect_message (phone, "200 OPTIONS"), "Allow:");
  pl_phone_request (phone, "MESSAGE", "tel:+1", NULL, NULL);
  expect_message (phone, "416 MESSAGE");
  pl_phone_free (phone);
  world_stop (&w);
}
END_TEST

/* --- another user of the machine --- */

/* Sends `text` to `address` as another user and waits `msec` for an answer. */
static gboolean
foreign_user_hears (World *w, const char *address, int type, const char *text, guint msec)
{
  const char *colon = strrchr (address, ':');
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  pid_t pid;
  gint64 end = g_get_monotonic_time () + msec * 1000;
  int status = 0;

  in.sin_port = htons (g_ascii_strtoull (colon + 1, NULL, 10));
  pid = fork ();
  if (pid == 0)
    {
      struct timeval patience = { msec / 1000, msec % 1000 * 1000 };
      char answer[16];
      int fd;

      if (setuid (FOREIGN_UID) < 0)
        _exit (2);
      fd = socket (AF_INET, type, 0);
      setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      if (connect (fd, (struct sockaddr *) &in, sizeof in) == 0)
        send (fd, text, strlen (text), MSG_NOSIGNAL);
      _exit (recv (fd, answer, sizeof answer, 0) > 0 ? 1 : 0);
    }
  while (waitpid (pid, &status, WNOHANG) == 0 && g_get_monotonic_time () < end + PL_USEC_PER_SEC)
    if (!g_main_context_iteration (w->context, FALSE))
      g_usleep (1000);
  ck_assert_int_ne (WEXITSTATUS (status), 2);
  return WEXITSTATUS (status) == 1;
}

START_TEST (another_user_of_the_machine_is_not_heard) /* a second uid */
{
  World w;
  static const char text[] = "OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKu\r\nMax-Forwards: 9\r\n"
                             "From: <sip:" ALICE ">;tag=1\r\nTo: <sip:" ALICE ">\r\nCall-ID: u\r\nCSeq: 1 OPTIONS\r\n\r\n";

  if (geteuid () != 0)
    return; /* only root can become another user */
  world_start (&w);
  ck_assert (!foreign_user_hears (&w, pl_sip_listening (w.a.sip)[0], _i ? SOCK_STREAM : SOCK_DGRAM, text, 300));
  world_stop (&w);
}
END_TEST

/* The transaction layer's own socket listens to our hub alone. */
START_TEST (inner_port_hears_nobody_else)
{
  World w;
  static const char text[] = "OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKu\r\nMax-Forwards: 9\r\n"
                             "From: <sip:" ALICE ">;tag=1\r\nTo: <sip:" ALICE ">\r\nCall-ID: u\r\nCSeq: 1 OPTIONS\r\n\r\n";
  int fd = socket (AF_INET, SOCK_DGRAM, 0);
  char answer[16];
  guint sent = 0;

  world_start (&w);
  for (int candidate = 3; candidate < 64; candidate++)
    {
      struct sockaddr_in in = { 0 };
      socklen_t len = sizeof in;
      g_autofree char *suffix = NULL;

      if (candidate == fd || getsockname (candidate, (struct sockaddr *) &in, &len) < 0 || in.sin_family != AF_INET
          || in.sin_addr.s_addr != htonl (INADDR_LOOPBACK))
        continue;
      suffix = g_strdup_printf (":%u", ntohs (in.sin_port));
      if (g_str_has_suffix (pl_sip_listening (w.a.sip)[0], suffix) || g_str_has_suffix (pl_sip_listening (w.b.sip)[0], suffix))
        continue;
      sendto (fd, text, strlen (text), 0, (struct sockaddr *) &in, sizeof in);
      sent++;
    }
  ck_assert_uint_ge (sent, 2);
  for (guint i = 0; i < 200; i++)
    if (!g_main_context_iteration (w.context, FALSE))
      g_usleep (1000);
  ck_assert_int_lt (recv (fd, answer, sizeof answer, MSG_DONTWAIT), 0);
  close (fd);
  world_stop (&w);
}
END_TEST

START_TEST (taken_port_moves_to_the_next_and_stays_there)
{
  World w;
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof in;
  int fd = socket (AF_INET, SOCK_DGRAM, 0);
  g_autofree char *wanted = NULL;
  g_autofree char *got = NULL;
  g_autofree char *dir = NULL;
  PlSip *sip;
  g_autoptr (GError) error = NULL;

  world_start (&w);
  dir = g_build_filename (w.a.state_dir, "port", NULL);
  ck_assert_int_eq (bind (fd, (struct sockaddr *) &in, sizeof in), 0);
  getsockname (fd, (struct sockaddr *) &in, &len);
  wanted = g_strdup_printf ("127.0.0.1:%u", ntohs (in.sin_port));
  {
    const char *listen[] = { wanted, NULL };
    PlSipOptions options = { listen, getuid (), dir };

    sip = pl_sip_new (pl_loop_env (w.loop), w.context, pl_fake_daemon_resolver (w.a.daemon), &options, NULL, NULL, &error);
    ck_assert_ptr_nonnull (sip);
    got = g_strdup (pl_sip_listening (sip)[0]);
    ck_assert_str_ne (got, wanted);
    pl_sip_free (sip);
    close (fd);
    sip = pl_sip_new (pl_loop_env (w.loop), w.context, pl_fake_daemon_resolver (w.a.daemon), &options, NULL, NULL, &error);
    ck_assert_str_eq (pl_sip_listening (sip)[0], got);
    pl_sip_free (sip);
  }
  world_stop (&w);
}
END_TEST

START_TEST (listening_elsewhere_than_loopback_is_refused)
{
  World w;
  static const char *const listen[] = { "0.0.0.0:5080", NULL };
  g_autoptr (GError) error = NULL;
  PlSip *sip;

  world_start (&w);
  {
    PlSipOptions options = { listen, getuid (), w.a.state_dir };

    sip = pl_sip_new (pl_loop_env (w.loop), w.context, pl_fake_daemon_resolver (w.a.daemon), &options, NULL, NULL, &error);
  }
  ck_assert_ptr_null (sip);
  ck_assert_ptr_nonnull (error);
  world_stop (&w);
}
END_TEST

/* --- a hostile far side --- */

static const struct { const char *method, *uri, *from; } forged[] = {
  { "INVITE", "sip:" BOB, "carol@example.org" },      /* another's name */
  { "INVITE", "sip:" BOB, BOB },                      /* his own */
  { "INVITE", "sip:carol@example.net", ALICE },       /* not here */
  { "INVITE", "sip:x@127.0.0.1:5062", ALICE },        /* any loopback port */
  { "MESSAGE", "sip:" BOB, "anonymous@anonymous.invalid" },
  { "REGISTER", "sip:example.net", ALICE },
  { "BLURB", "tel:1", ALICE },
};

START_TEST (forged_request_never_reaches_the_phone) /* S0-09, S0-15, S1-02, S4-09 */
{
  World w;
  PlPhone *bob;
  g_autofree char *text = message (forged[_i].method, forged[_i].uri, forged[_i].from, "", "");

  world_start (&w);
  bob = side_phone (&w, &w.b, BOB, FALSE);
  pl_fake_net_inject (w.net, w.a.daemon, w.b.daemon, text);
  pl_phone_idle (bob, 100);
  ck_assert_uint_eq (pl_phone_count (bob, forged[_i].method), 0);
  pl_phone_free (bob);
  world_stop (&w);
}
END_TEST

static const char *const smuggled[] = {
  "To: <sip:" BOB ">;tag=x\r\n",                                     /* in a dialog that is none */
  "Route: <sip:127.0.0.1:5062;lr>\r\n",
  "Route: <sip:" NODE_B "@127.0.0.1:5080;lr;pl=AAAAAAAAAAAAAAAAAAAAAAAA>\r\n",
};

START_TEST (smuggled_route_leads_nowhere)
{
  World w;
  PlPhone *bob;
  g_autofree char *text = message ("MESSAGE", "sip:carol@127.0.0.1:5062", ALICE, smuggled[_i], "");

  world_start (&w);
  bob = side_phone (&w, &w.b, BOB, FALSE);
  pl_fake_net_inject (w.net, w.a.daemon, w.b.daemon, text);
  pl_phone_idle (bob, 100);
  ck_assert_uint_eq (pl_phone_count (bob, "MESSAGE"), 0);
  pl_phone_free (bob);
  world_stop (&w);
}
END_TEST

START_TEST (what_a_stranger_claims_is_taken_out) /* S2-17 */
{
  World w;
  PlPhone *bob;
  const char *got;
  g_autofree char *text = message ("MESSAGE", "sip:" BOB, ALICE,
                                   "P-Asserted-Identity: <sip:boss@example.net>\r\nAlert-Info: <http://192.0.2.1/x>\r\n"
                                   "Route: <sip:192.0.2.7;lr>\r\n", "");

  world_start (&w);
  bob = side_phone (&w, &w.b, BOB, FALSE);
  pl_fake_net_inject (w.net, w.a.daemon, w.b.daemon, text);
  got = expect_message (bob, "MESSAGE");
  expect_lacks (got, "boss");
  expect_lacks (got, "Alert-Info");
  expect_lacks (got, "192.0.2.7");
  pl_phone_free (bob);
  world_stop (&w);
}
END_TEST

START_TEST (link_cannot_ring_a_phone_to_death)
{
  World w;
  PlPhone *bob;
  g_autofree char *sdp = pl_phone_make_sdp (1, FALSE);

  world_start (&w);
  bob = side_phone (&w, &w.b, BOB, FALSE);
  pl_phone_set_script (bob, &(PlPhoneScript){ .ring = 180 });
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *text = message ("INVITE", "sip:" BOB, ALICE, "Content-Type: application/sdp\r\n", sdp);

      pl_fake_net_inject (w.net, w.a.daemon, w.b.daemon, text);
    }
  pl_phone_idle (bob, 200);
  ck_assert_uint_ge (pl_phone_count (bob, "INVITE"), 1);
  ck_assert_uint_le (pl_phone_count (bob, "INVITE"), 8); /* four calls, each perhaps repeated once */
  pl_phone_free (bob);
  world_stop (&w);
}
END_TEST

START_TEST (callee_certified_as_another_is_not_talked_to) /* S1-25, S2-10, S2-87 */
{
  World w;
  PlPhone *alice, *bob;
  g_autofree char *sdp = pl_phone_make_sdp (1, FALSE);

  world_start (&w);
  alice = side_phone (&w, &w.a, ALICE, FALSE);
  bob = side_phone (&w, &w.b, BOB, FALSE);
  pl_fake_daemon_certify (w.b.daemon, "mallory@example.net");
  pl_phone_invite (alice, BOB, sdp);
  expect_message (alice, "403 INVITE");
  ck_assert_uint_eq (pl_phone_count (bob, "INVITE"), 0);
  pl_phone_free (alice);
  pl_phone_free (bob);
  world_stop (&w);
}
END_TEST

/* RFC 4475 and worse, from a phone and from a link: we live on and still answer. */
START_TEST (torture_is_survived)
{
  g_autofree char *dir = pl_test_path ("data/torture");
  g_autoptr (GDir) files = g_dir_open (dir, 0, NULL);
  World w;
  PlPhone *phone, *tcp;
  const char *name;
  guint n = 0;

  ck_assert_ptr_nonnull (files);
  world_start (&w);
  phone = side_phone (&w, &w.b, BOB, FALSE);
  tcp = side_phone (&w, &w.b, BOB, TRUE);
  while ((name = g_dir_read_name (files)))
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);
      g_autofree char *text = NULL;
      gsize len;

      if (!g_file_get_contents (path, &text, &len, NULL))
        continue;
      pl_phone_send_raw (phone, text, len);
      pl_phone_send_raw (tcp, text, len);
      pl_phone_idle (phone, 2);
      pl_phone_disconnect (tcp);
      pl_fake_net_inject (w.net, w.a.daemon, w.b.daemon, text);
      for (gsize i = 0; i < len; i += 97)
        {
          text[i] ^= 1 << (i % 7);
          pl_phone_send_raw (phone, text, len);
        }
      pl_phone_idle (phone, 2);
      n++;
    }
  ck_assert_uint_ge (n, 10);
  pl_phone_clear (phone);
  pl_phone_register (phone, 300);
  expect_message (phone, "200 REGISTER");
  pl_phone_free (phone);
  pl_phone_free (tcp);
  world_stop (&w);
}
END_TEST

/* As on a full disk: an error, and what is half made is taken down without harm. */
START_TEST (state_that_cannot_be_kept_is_an_error)
{
  static const char *const files[] = { "token-key", "flows", "bindings", "listen" };
  static const char *const listen[] = { "127.0.0.1:0", NULL };
  World w;

  world_start (&w);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *dir = g_build_filename (g_get_home_dir (), "full", files[i], NULL);
      g_autofree char *blocker = g_build_filename (dir, files[i], "x", NULL);
      PlSipOptions options = { listen, getuid (), dir };
      g_autoptr (GError) error = NULL;
      g_autoptr (PlSip) sip = NULL;

      ck_assert_int_eq (g_mkdir_with_parents (blocker, 0700), 0);
      sip = pl_sip_new (pl_loop_env (w.loop), w.context, pl_fake_daemon_resolver (w.a.daemon), &options, NULL, NULL, &error);
      ck_assert_msg ((sip == NULL) == (error != NULL), "%s", files[i]);
      ck_assert_msg (i > 0 || !sip, "a key that cannot be kept");
    }
  world_stop (&w);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *c = tcase_create ("stack/guard");

  tcase_set_timeout (c, 60);
  tcase_add_test (c, register_of_a_stranger_is_refused);
  tcase_add_test (c, register_shows_the_password_where_there_is_one);
  tcase_add_test (c, register_lists_removes_and_bounds);
  tcase_add_test (c, call_in_a_foreign_name_is_refused);
  tcase_add_loop_test (c, call_to_nobody_says_why, 0, G_N_ELEMENTS (results));
  tcase_add_test (c, call_to_a_node_out_of_reach_ends_within_five_seconds);
  tcase_add_test (c, hops_loops_and_odd_requests_are_answered);
  tcase_add_loop_test (c, another_user_of_the_machine_is_not_heard, 0, 2);
  tcase_add_test (c, inner_port_hears_nobody_else);
  tcase_add_test (c, taken_port_moves_to_the_next_and_stays_there);
  tcase_add_test (c, listening_elsewhere_than_loopback_is_refused);
  tcase_add_loop_test (c, forged_request_never_reaches_the_phone, 0, G_N_ELEMENTS (forged));
  tcase_add_loop_test (c, smuggled_route_leads_nowhere, 0, G_N_ELEMENTS (smuggled));
  tcase_add_test (c, what_a_stranger_claims_is_taken_out);
  tcase_add_test (c, link_cannot_ring_a_phone_to_death);
  tcase_add_test (c, callee_certified_as_another_is_not_talked_to);
  tcase_add_test (c, torture_is_survived);
  tcase_add_test (c, state_that_cannot_be_kept_is_an_error);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
