/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * peerlined as a program: what it says and how it ends when something is wrong, what it does on
 * SIGHUP and SIGTERM. Overlay ports are held by the test itself, SIP ports are given by chance.
 */
#include "config.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>
#include "tests/support/test.h"

#define OVERLAY "friends.example.org"
#define ALICE "alice@example.org"
#define TIMEOUT 60            /* s, of one case */

typedef struct {
  GSubprocess *process;
  GDataInputStream *err;
  GString *said;
} Daemon;

static char *home;

static char *
in_home (const char *path)
{
  return g_build_filename (home, path, NULL);
}

static GSubprocess *
spawn (const char *line, GSubprocessFlags flags)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (flags);
  g_autofree char *full = g_strconcat (PL_BUILDDIR "/proxy/", line, NULL);
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  ck_assert (g_shell_parse_argv (full, NULL, &argv, NULL));
  g_subprocess_launcher_setenv (launcher, "PEERLINE_HOME", home, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  ck_assert_msg (process != NULL, "%s", error ? error->message : "");
  return process;
}

/* What `peerline LINE` prints. */
static char *
ask (const char *line, gboolean must_succeed)
{
  g_autofree char *full = g_strconcat ("peerline ", line, NULL);
  g_autoptr (GSubprocess) process = spawn (full, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autofree char *err = NULL;
  char *out = NULL;

  ck_assert (g_subprocess_communicate_utf8 (process, NULL, NULL, &out, &err, NULL));
  ck_assert_msg (!must_succeed || g_subprocess_get_successful (process), "%s: %s", full, err);
  return out;
}

static char *
peerline (const char *line)
{
  return ask (line, TRUE);
}

static void
must (const char *line)
{
  g_free (peerline (line));
}

static void
configure (const char *overlay)
{
  g_autofree char *path = in_home ("config/peerline.conf");
  g_autofree char *dir = g_path_get_dirname (path);
  g_autofree char *text = g_strdup_printf ("[sip]\nlisten=127.0.0.1:%u\n[overlay]\n%s\n", pl_test_free_port (), overlay);

  g_mkdir_with_parents (dir, 0700);
  ck_assert (g_file_set_contents (path, text, -1, NULL));
}

static void
setup (void)
{
  home = g_build_filename (g_get_home_dir (), "daemon", NULL);
  configure ("role=client");
}

static void
teardown (void)
{
  const char *argv[] = { "rm", "-rf", home, NULL };

  g_spawn_sync ("/", (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_clear_pointer (&home, g_free);
}

static void
make_identity (void)
{
  must ("overlay create " OVERLAY " --bootstrap 192.0.2.1:6084");
  must ("identity create " ALICE " --overlay " OVERLAY);
}

/* --- a daemon that cannot run --- */

/* It ends with code 1 and one line that has all of `said` (parts parted by "|"). */
static void
must_end_saying (const char *said)
{
  g_autoptr (GSubprocess) process = spawn ("peerlined", G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_auto (GStrv) parts = g_strsplit (said, "|", 0);
  g_autofree char *err = NULL;

  ck_assert (g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &err, NULL));
  ck_assert_msg (g_subprocess_get_if_exited (process) && g_subprocess_get_exit_status (process) == 1, "not over with 1: %s", err);
  for (guint i = 0; parts[i]; i++)
    ck_assert_msg (strstr (err, parts[i]) != NULL, "peerlined says: %s", err);
  ck_assert_msg (g_str_has_prefix (err, "peerlined: ") && strchr (err, '\n')[1] == '\0', "more than a line: %s", err);
}

static void
spoil (const char *name, const char *text)
{
  g_autofree char *path = in_home (name);

  if (text)
    ck_assert (g_file_set_contents (path, text, -1, NULL));
  else
    ck_assert_int_eq (g_unlink (path), 0);
}

#define CERT "data/identities/" OVERLAY "/" ALICE ".crt"
#define KEY "data/identities/" OVERLAY "/" ALICE ".key"
#define DOCUMENT "data/overlays/" OVERLAY ".xml"

static const struct {
  const char *file, *text, *said;
} spoils[] = {
  { CERT, NULL, "is missing|peerline identity request " ALICE },
  { CERT, "junk", "cannot read the certificate|peerline identity request " ALICE },
  { KEY, NULL, "has a certificate but no key|bring the key back" },
  { DOCUMENT, NULL, "whose document is not here|peerline overlay join FILE" },
  { DOCUMENT, "<junk", "it is no XML|peerline overlay join FILE" },
};

START_TEST (daemon_says_in_a_line_which_file_is_no_good) /* S1-50 */
{
  make_identity ();
  spoil (spoils[_i].file, spoils[_i].text);
  must_end_saying (spoils[_i].said);
}
END_TEST

START_TEST (daemon_says_who_may_read_a_key)
{
  g_autofree char *path = in_home (KEY);

  make_identity ();
  ck_assert_int_eq (g_chmod (path, 0644), 0);
  must_end_saying ("others may access it|chmod 600");
}
END_TEST

START_TEST (daemon_refuses_a_document_that_somebody_changed)
{
  g_autofree char *path = in_home (DOCUMENT);
  g_autofree char *xml = NULL;
  char *digit;

  make_identity ();
  ck_assert (g_file_get_contents (path, &xml, NULL, NULL));
  digit = strstr (xml, "192.0.2.1");
  ck_assert_ptr_nonnull (digit);
  digit[8] = '2';
  ck_assert (g_file_set_contents (path, xml, -1, NULL));
  must_end_saying ("the signature is wrong|peerline overlay join FILE");
}
END_TEST

START_TEST (daemon_says_that_the_overlay_port_is_taken)
{
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, _i ? G_SOCKET_TYPE_DATAGRAM : G_SOCKET_TYPE_STREAM, 0, NULL);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) address = NULL;
  g_autofree char *overlay = NULL;

  ck_assert (g_socket_bind (socket, any, FALSE, NULL));
  if (!_i)
    ck_assert (g_socket_listen (socket, NULL));
  address = g_socket_get_local_address (socket, NULL);
  overlay = g_strdup_printf ("role=peer\nlisten=127.0.0.1\nport=%u", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
  make_identity ();
  configure (overlay);
  must_end_saying (_i ? "overlay port|UDP|[overlay]" : "overlay port|TCP|[overlay]");
}
END_TEST

/* --- a daemon that runs --- */

static Daemon *
start (void)
{
  Daemon *daemon = g_new0 (Daemon, 1);

  daemon->process = spawn ("peerlined", G_SUBPROCESS_FLAGS_STDERR_PIPE);
  daemon->err = g_data_input_stream_new (g_subprocess_get_stderr_pipe (daemon->process));
  daemon->said = g_string_new (NULL);
  return daemon;
}

/* Reads on until a line has `text`. */
static void
wait_for (Daemon *daemon, const char *text)
{
  for (;;)
    {
      g_autofree char *line = g_data_input_stream_read_line (daemon->err, NULL, NULL, NULL);

      ck_assert_msg (line != NULL, "peerlined ended, saying: %s", daemon->said->str);
      g_string_append_printf (daemon->said, "%s\n", line);
      if (strstr (line, text))
        return;
    }
}

static void
stop (Daemon *daemon)
{
  g_subprocess_send_signal (daemon->process, SIGTERM);
  ck_assert (g_subprocess_wait (daemon->process, NULL, NULL));
  ck_assert_msg (g_subprocess_get_successful (daemon->process), "no clean end: %s", daemon->said->str);
  g_object_unref (daemon->err);
  g_object_unref (daemon->process);
  g_string_free (daemon->said, TRUE);
  g_free (daemon);
}

/* The control answers soon after the last line; then `said` is among the problems or, when it is
 * NULL, there are none. */
static void
assert_problem (const char *said)
{
  g_autofree char *out = peerline ("status --json");
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *problems;

  ck_assert_msg (json_parser_load_from_data (parser, out, -1, NULL), "no JSON: %s", out);
  problems = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "problems");
  ck_assert_msg (json_array_get_length (problems) == (said ? 1 : 0), "problems: %s", out);
  if (said)
    ck_assert_msg (strstr (json_array_get_string_element (problems, 0), said) != NULL, "problems: %s", out);
}

/* From nothing to an identity, with one daemon that hears of each step by SIGHUP or from the
 * command line itself. */
START_TEST (daemon_without_an_identity_stays_up_and_says_what_is_next)
{
  Daemon *daemon = start ();

  wait_for (daemon, "peerline overlay create NAME");
  wait_for (daemon, "phones may use");
  must ("overlay create " OVERLAY " --bootstrap 192.0.2.1:6084");
  g_subprocess_send_signal (daemon->process, SIGHUP);
  wait_for (daemon, "peerline identity create you@example.org --overlay " OVERLAY);
  assert_problem ("peerline identity create you@example.org --overlay " OVERLAY);
  must ("identity request " ALICE " --overlay " OVERLAY);
  g_subprocess_send_signal (daemon->process, SIGHUP);
  wait_for (daemon, "peerline identity import FILE");
  must ("identity create " ALICE " --force --overlay " OVERLAY);
  assert_problem (NULL);
  stop (daemon);
}
END_TEST

/* The loopback port is one where nobody listens. */
START_TEST (daemon_says_after_a_while_that_no_bootstrap_node_answers)
{
  Daemon *daemon;

  must ("overlay create " OVERLAY " --bootstrap 127.0.0.1:9");
  must ("identity create " ALICE " --overlay " OVERLAY);
  configure ("role=client");
  daemon = start ();
  wait_for (daemon, "no bootstrap node answers (127.0.0.1:9)");
  assert_problem ("no bootstrap node answers (127.0.0.1:9)");
  stop (daemon);
}
END_TEST

/* The only identity, as the daemon tells of it. */
static JsonObject *
identity (void)
{
  g_autofree char *out = peerline ("status --json");
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *identities;

  ck_assert_msg (json_parser_load_from_data (parser, out, -1, NULL), "no JSON: %s", out);
  identities = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "identities");
  ck_assert_msg (json_array_get_length (identities) == 1, "identities: %s", out);
  return json_object_ref (json_array_get_object_element (identities, 0));
}

static gint64
identity_time (const char *member)
{
  g_autoptr (JsonObject) object = identity ();

  return json_object_get_int_member (object, member);
}

static void
assert_redirect (const char *target)
{
  g_autoptr (JsonObject) object = identity ();

  ck_assert_str_eq (json_object_get_string_member (object, "redirect"), target);
}

/* Certificates tell seconds: the second one is to expire later. */
static gboolean
on_next_second (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

static void
import_renewal (void)
{
  g_autofree char *request = peerline ("identity request " ALICE " --overlay " OVERLAY);
  g_autofree char *path = in_home ("renewal");
  g_autofree char *certificate = NULL;
  g_autofree char *sign = g_strdup_printf ("identity sign %s", path);
  g_autofree char *import = g_strdup_printf ("identity import %s", path);

  ck_assert (g_file_set_contents (path, request, -1, NULL));
  certificate = peerline (sign);
  ck_assert (g_file_set_contents (path, certificate, -1, NULL));
  must (import);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  *(char **) data = g_strdup (answer ? "answered" : error->message);
}

START_TEST (daemon_answers_questions_of_an_identity_that_goes)
{
  g_autofree char *socket = in_home ("runtime/control");
  g_autofree char *address = g_strconcat ("unix:path=", socket, NULL);
  g_autofree char *certificate = in_home ("data/identities/" OVERLAY "/" ALICE ".crt");
  g_autofree char *key = in_home ("data/identities/" OVERLAY "/" ALICE ".key");
  g_autoptr (GDBusConnection) connection = NULL;
  g_autofree char *lookup = NULL;
  g_autofree char *reload = NULL;
  Daemon *daemon;

  make_identity ();
  daemon = start ();
  wait_for (daemon, "phones may use");
  while (!connection) /* the control comes after that line */
    connection = g_dbus_connection_new_for_address_sync (address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, NULL);
  g_unlink (certificate);
  g_unlink (key);
  g_dbus_connection_call (connection, NULL, "/org/peerline/Control1", "org.peerline.Control1", "Lookup",
                          g_variant_new ("(s)", "bob@example.org"), NULL, 0, -1, NULL, on_answer, &lookup);
  g_dbus_connection_call (connection, NULL, "/org/peerline/Control1", "org.peerline.Control1", "Reload", NULL, NULL, 0, -1, NULL,
                          on_answer, &reload);
  while (!lookup || !reload)
    g_main_context_iteration (NULL, TRUE);
  ck_assert_msg (strstr (lookup, "taken out of the overlay"), "%s", lookup);
  g_dbus_connection_close_sync (connection, NULL, NULL);
  stop (daemon);
}
END_TEST

START_TEST (daemon_keeps_a_redirection_over_a_restart) /* RFC 7904 */
{
  Daemon *daemon;

  make_identity ();
  daemon = start ();
  wait_for (daemon, "phones may use");
  assert_redirect ("");
  must ("redirect " ALICE " bob@example.org");
  assert_redirect ("bob@example.org");
  stop (daemon);
  daemon = start ();
  wait_for (daemon, "phones may use");
  assert_redirect ("bob@example.org");
  must ("redirect " ALICE " off");
  assert_redirect ("");
  spoil ("data/identities/" OVERLAY "/" ALICE ".redirect", "junk");
  stop (daemon);
  daemon = start ();
  wait_for (daemon, "no address that calls");
  wait_for (daemon, "phones may use");
  assert_problem ("peerline redirect " ALICE);
  assert_redirect ("");
  stop (daemon);
}
END_TEST

START_TEST (daemon_shows_who_was_redirected_to_whom) /* 351 */
{
  guint16 port = pl_test_free_port ();
  g_autofree char *create = g_strdup_printf ("overlay create " OVERLAY " --bootstrap 127.0.0.1:%u", port);
  g_autofree char *overlay = g_strdup_printf ("listen=127.0.0.1\nport=%u", port);
  g_autofree char *out = NULL;
  Daemon *daemon;

  must (create);
  must ("identity create " ALICE " --overlay " OVERLAY);
  must ("redirect " ALICE " bob@example.org");
  configure (overlay);
  daemon = start ();
  wait_for (daemon, "starting it");
  while (identity_time ("registered") == 0)
    g_main_context_iteration (NULL, FALSE);
  out = ask ("lookup " ALICE " --json", FALSE); /* bob is nowhere */
  ck_assert_msg (strstr (out, "\"redirects\"") && strstr (out, "\"bob@example.org\""), "lookup: %s", out);
  stop (daemon);
}
END_TEST

START_TEST (daemon_takes_a_newer_document_while_it_runs) /* 324 */
{
  Daemon *daemon;

  make_identity ();
  daemon = start ();
  wait_for (daemon, "phones may use");
  must ("overlay update " OVERLAY " --add-bootstrap 192.0.2.8 --expires 30");
  wait_for (daemon, "another configuration document is in force");
  must ("overlay update " OVERLAY " --bad-node 00112233445566778899aabbccddeeff");
  wait_for (daemon, "another configuration document is in force");
  assert_problem (NULL);
  must ("overlay update " OVERLAY " --bad-node " ALICE);
  wait_for (daemon, "lists the node as bad");
  assert_problem ("lists the node as bad");
  stop (daemon);
}
END_TEST

START_TEST (daemon_takes_over_a_renewed_certificate)
{
  gboolean over = FALSE;
  gint64 before;
  Daemon *daemon;

  make_identity ();
  daemon = start ();
  wait_for (daemon, "phones may use");
  before = identity_time ("expires");
  g_timeout_add (1100, on_next_second, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
  import_renewal ();
  wait_for (daemon, "goes on with its renewed certificate");
  ck_assert_int_gt (identity_time ("expires"), before);
  stop (daemon);
}
END_TEST

START_TEST (daemon_traces_an_address_to_where_it_would_be_registered) /* RFC 7851 */
{
  g_autofree char *out = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  guint16 port = pl_test_free_port ();
  g_autofree char *create = g_strdup_printf ("overlay create " OVERLAY " --bootstrap 127.0.0.1:%u", port);
  g_autofree char *overlay = g_strdup_printf ("listen=127.0.0.1\nport=%u", port);
  JsonObject *hop;
  Daemon *daemon;

  must (create);
  must ("identity create " ALICE " --overlay " OVERLAY);
  configure (overlay);
  daemon = start ();
  wait_for (daemon, "starting it");
  out = peerline ("trace bob@example.org --json");
  ck_assert_msg (json_parser_load_from_data (parser, out, -1, NULL), "no JSON: %s", out);
  ck_assert_uint_eq (json_array_get_length (json_node_get_array (json_parser_get_root (parser))), 1);
  hop = json_array_get_object_element (json_node_get_array (json_parser_get_root (parser)), 0);
  ck_assert_str_eq (json_object_get_string_member (hop, "aor"), ALICE); /* alone in the ring */
  ck_assert_str_eq (json_object_get_string_member (hop, "target"), "bob@example.org");
  ck_assert_int_ge (json_object_get_int_member (hop, "uptime"), 0);
  stop (daemon);
}
END_TEST

START_TEST (daemon_runs_one_at_a_time)
{
  Daemon *daemon;

  make_identity ();
  daemon = start ();
  wait_for (daemon, "phones may use");
  must_end_saying ("running already|peerline status");
  stop (daemon);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy");
  TCase *tcase = tcase_create ("daemon");

  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, TIMEOUT);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_loop_test (tcase, daemon_says_in_a_line_which_file_is_no_good, 0, G_N_ELEMENTS (spoils));
  tcase_add_test (tcase, daemon_says_who_may_read_a_key);
  tcase_add_test (tcase, daemon_refuses_a_document_that_somebody_changed);
  tcase_add_loop_test (tcase, daemon_says_that_the_overlay_port_is_taken, 0, 2);
  tcase_add_test (tcase, daemon_without_an_identity_stays_up_and_says_what_is_next);
  tcase_add_test (tcase, daemon_says_after_a_while_that_no_bootstrap_node_answers);
  tcase_add_test (tcase, daemon_answers_questions_of_an_identity_that_goes);
  tcase_add_test (tcase, daemon_keeps_a_redirection_over_a_restart);
  tcase_add_test (tcase, daemon_shows_who_was_redirected_to_whom);
  tcase_add_test (tcase, daemon_takes_a_newer_document_while_it_runs);
  tcase_add_test (tcase, daemon_takes_over_a_renewed_certificate);
  tcase_add_test (tcase, daemon_traces_an_address_to_where_it_would_be_registered);
  tcase_add_test (tcase, daemon_runs_one_at_a_time);
  return pl_test_run (suite, NULL);
}
