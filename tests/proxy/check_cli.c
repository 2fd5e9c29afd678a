/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/stat.h>
#include "proxy/control.h"
#include "proxy/paths.h"
#include "tests/support/test.h"

#define OVERLAY "friends.example.org"
#define TIMEOUT 60 /* s, of one case */

/* --- the program --- */

typedef struct {
  int code;
  char *out, *err;
  gboolean over;
} Result;

static char *home;

static void
result_clear (Result *result)
{
  g_free (result->out);
  g_free (result->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, result_clear)

static void
on_over (GObject *source, GAsyncResult *answer, gpointer data)
{
  Result *result = data;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), answer, &result->out, &result->err, &error);
  ck_assert_msg (!error, "%s", error ? error->message : "");
  ck_assert_msg (g_subprocess_get_if_exited (G_SUBPROCESS (source)), "peerline did not exit by itself");
  result->code = g_subprocess_get_exit_status (G_SUBPROCESS (source));
  result->over = TRUE;
}

/* Runs `peerline` with the words of `line`; the main loop runs meanwhile, for the daemon of the
 * test. */
static Result
peerline (const char *input, const char *line)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
    G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autofree char *full = g_strdup_printf (PL_BUILDDIR "/proxy/peerline %s", line);
  g_auto (GStrv) argv = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  Result result = { 0 };

  ck_assert (g_shell_parse_argv (full, NULL, &argv, NULL));
  g_subprocess_launcher_setenv (launcher, "PEERLINE_HOME", home, TRUE);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  ck_assert_msg (process != NULL, "%s", error ? error->message : "");
  g_subprocess_communicate_utf8_async (process, input, NULL, on_over, &result);
  while (!result.over)
    g_main_context_iteration (NULL, TRUE);
  return result;
}

static void G_GNUC_PRINTF (1, 2)
must (const char *format, ...)
{
  g_autofree char *line = NULL;
  g_auto (Result) result = { 0 };
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  result = peerline (NULL, line);
  ck_assert_msg (result.code == 0, "peerline %s: %s", line, result.err);
}

/* Fails with `code` and one line that has all of `said` (parts parted by "|"). */
static void
must_fail (const char *line, int code, const char *said)
{
  g_auto (Result) result = peerline (NULL, line);
  g_auto (GStrv) parts = g_strsplit (said, "|", 0);

  ck_assert_msg (result.code == code, "peerline %s: code %d: %s", line, result.code, result.err);
  for (guint i = 0; parts[i]; i++)
    ck_assert_msg (strstr (result.err, parts[i]) != NULL, "peerline %s says: %s", line, result.err);
  ck_assert_msg (g_str_has_prefix (result.err, "peerline: ") && strchr (result.err, '\n')[1] == '\0', "more than a line: %s", result.err);
}

static JsonParser *
json_of (const char *line)
{
  g_auto (Result) result = peerline (NULL, line);
  JsonParser *parser = json_parser_new ();

  ck_assert_msg (result.code == 0, "peerline %s: %s", line, result.err);
  ck_assert_msg (json_parser_load_from_data (parser, result.out, -1, NULL), "peerline %s is no JSON: %s", line, result.out);
  return parser;
}

static JsonObject *
row (JsonParser *parser, guint i)
{
  return json_array_get_object_element (json_node_get_array (json_parser_get_root (parser)), i);
}

/* --- homes --- */

static void
use_home (const char *name)
{
  g_free (home);
  home = g_build_filename (g_get_home_dir (), name, NULL);
}

static void
setup (void)
{
  use_home ("one");
}

static void
teardown (void)
{
  const char *argv[] = { "rm", "-rf", g_get_home_dir (), NULL };

  g_spawn_sync ("/", (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_mkdir_with_parents (g_get_home_dir (), 0700);
  g_clear_pointer (&home, g_free);
}

static char *
in_home (const char *path)
{
  return g_build_filename (home, path, NULL);
}

static void
assert_mode (const char *path, guint mode)
{
  g_autofree char *full = in_home (path);
  struct stat st;

  ck_assert_msg (stat (full, &st) == 0, "%s is not there", full);
  ck_assert_msg ((st.st_mode & 07777) == mode, "%s has mode %o", full, st.st_mode & 07777);
}

static char *
write_text (const char *name, const char *text)
{
  char *path = g_build_filename (g_get_home_dir (), name, NULL);

  ck_assert (g_file_set_contents (path, text, -1, NULL));
  return path;
}

/* --- overlays and identities --- */

START_TEST (cli_makes_an_overlay_and_an_identity_whose_keys_are_private)
{
  g_autoptr (JsonParser) overlays = NULL;
  g_autoptr (JsonParser) identities = NULL;

  must ("overlay create Friends.Example.org --bootstrap '[2001:db8::1]:7000' --bootstrap 192.0.2.7 --stun stun.example.net");
  must ("identity create 'Alice@Example.ORG' --overlay %s", OVERLAY);
  assert_mode ("data/authorities/" OVERLAY "/ca.key", 0600);
  assert_mode ("data/authorities/" OVERLAY "/signer.key", 0600);
  assert_mode ("data/identities/" OVERLAY "/alice@example.org.key", 0600);
  assert_mode ("data/identities/" OVERLAY, 0700);
  overlays = json_of ("overlay list --json");
  ck_assert_str_eq (json_object_get_string_member (row (overlays, 0), "name"), OVERLAY);
  ck_assert_str_eq (json_array_get_string_element (json_object_get_array_member (row (overlays, 0), "bootstrap"), 0), "[2001:db8::1]:7000");
  ck_assert_str_eq (json_array_get_string_element (json_object_get_array_member (row (overlays, 0), "bootstrap"), 1), "192.0.2.7:6084");
  ck_assert_str_eq (json_array_get_string_element (json_object_get_array_member (row (overlays, 0), "stun"), 0), "stun.example.net:3478");
  identities = json_of ("identity list --json");
  ck_assert_str_eq (json_object_get_string_member (row (identities, 0), "aor"), "alice@example.org");
  ck_assert_str_eq (json_object_get_string_member (row (identities, 0), "state"), "valid");
  ck_assert_uint_eq (strlen (json_object_get_string_member (row (identities, 0), "node")), 32);
}
END_TEST

START_TEST (cli_makes_an_overlay_without_ice) /* 125 */
{
  g_autofree char *path = in_home ("data/overlays/" OVERLAY ".xml");
  g_autofree char *text = NULL;

  must ("overlay create %s --no-ice", OVERLAY);
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  ck_assert_ptr_nonnull (strstr (text, "<no-ice>true</no-ice>"));
  ck_assert_ptr_nonnull (strstr (text, "<topology-plugin>CHORD-RELOAD</topology-plugin>"));
}
END_TEST

START_TEST (cli_makes_an_overlay_that_tunes_itself)
{
  g_autofree char *path = in_home ("data/overlays/" OVERLAY ".xml");
  g_autofree char *text = NULL;

  must ("overlay create %s --self-tuning", OVERLAY);
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  ck_assert_ptr_nonnull (strstr (text, "<topology-plugin>CHORD-SELF-TUNING</topology-plugin>"));
  must ("identity create alice@example.org --overlay %s", OVERLAY); /* the document is understood */
}
END_TEST

START_TEST (cli_makes_an_overlay_for_a_lan)
{
  g_autoptr (JsonParser) overlays = NULL;
  JsonArray *groups;

  must_fail ("overlay create " OVERLAY " --multicast 192.0.2.1", 1, "no IPv4 multicast address");
  must ("overlay create %s --multicast 239.255.96.84 --multicast 239.255.96.85:7000", OVERLAY);
  must ("overlay update %s --remove-multicast 239.255.96.84", OVERLAY);
  overlays = json_of ("overlay list --json");
  groups = json_object_get_array_member (row (overlays, 0), "multicast");
  ck_assert_uint_eq (json_array_get_length (groups), 1);
  ck_assert_str_eq (json_array_get_string_element (groups, 0), "239.255.96.85:7000");
}
END_TEST

START_TEST (cli_updates_the_document_of_its_own_overlay) /* 300, 311 */
{
  g_autoptr (JsonParser) overlays = NULL;
  g_autoptr (JsonParser) identities = NULL;
  JsonArray *bad;

  must ("overlay create %s --bootstrap 192.0.2.7 --stun stun.example.net", OVERLAY);
  must ("identity create alice@example.org --overlay %s", OVERLAY);
  must ("overlay update %s --add-bootstrap 192.0.2.8:7000 --remove-bootstrap 192.0.2.7 --remove-stun stun.example.net --expires 30 "
        "--bad-node 00112233445566778899aabbccddeeff --bad-node alice@example.org", OVERLAY);
  overlays = json_of ("overlay list --json");
  identities = json_of ("identity list --json");
  ck_assert_int_eq (json_object_get_int_member (row (overlays, 0), "sequence"), 2);
  ck_assert_int_gt (json_object_get_int_member (row (overlays, 0), "expires"), 0);
  ck_assert_uint_eq (json_array_get_length (json_object_get_array_member (row (overlays, 0), "bootstrap")), 1);
  ck_assert_str_eq (json_array_get_string_element (json_object_get_array_member (row (overlays, 0), "bootstrap"), 0), "192.0.2.8:7000");
  ck_assert_uint_eq (json_array_get_length (json_object_get_array_member (row (overlays, 0), "stun")), 0);
  bad = json_object_get_array_member (row (overlays, 0), "bad_nodes");
  ck_assert_uint_eq (json_array_get_length (bad), 2);
  ck_assert_str_eq (json_array_get_string_element (bad, 0), "00112233445566778899aabbccddeeff");
  ck_assert_str_eq (json_array_get_string_element (bad, 1), json_object_get_string_member (row (identities, 0), "node"));
  must ("overlay update %s --good-node alice@example.org --expires 0", OVERLAY);
  g_clear_object (&overlays);
  overlays = json_of ("overlay list --json");
  ck_assert_int_eq (json_object_get_int_member (row (overlays, 0), "sequence"), 3);
  ck_assert_int_eq (json_object_get_int_member (row (overlays, 0), "expires"), 0);
  ck_assert_uint_eq (json_array_get_length (json_object_get_array_member (row (overlays, 0), "bad_nodes")), 1);
  ck_assert_int_eq (json_object_get_int_member (row (overlays, 0), "turn_density"), 0);
  must ("overlay update %s --turn-density 3", OVERLAY); /* 307 */
  g_clear_object (&overlays);
  overlays = json_of ("overlay list --json");
  ck_assert_int_eq (json_object_get_int_member (row (overlays, 0), "turn_density"), 3);
  must_fail ("overlay update " OVERLAY " --turn-density 21", 1, "0 to 20");
  must_fail ("overlay update " OVERLAY " --remove-bootstrap 192.0.2.7", 1, "not in the document");
  must_fail ("overlay update " OVERLAY " --bad-node nobody@example.org", 1, "no Node-ID|no address");
  must_fail ("overlay update other.example.org", 1, "overlay join FILE");
}
END_TEST

/* S3-31: the way over another machine; a renewal keeps key and Node-ID (11.3). */
/* reload:// URIs in a certificate. */
static guint
count_node_ids (const char *pem)
{
  g_autofree char *text = g_strdup (strchr (pem, '\n'));
  gsize len;
  g_autofree guint8 *der = NULL;
  guint n = 0;

  *strstr (text, "-----END") = '\0';
  der = g_base64_decode (text, &len);
  for (gsize at = 0; at + 9 <= len; at++)
    n += memcmp (der + at, "reload://", 9) == 0;
  return n;
}

START_TEST (cli_requests_signs_and_imports_over_two_homes)
{
  g_autofree char *document = NULL;
  g_autofree char *node = NULL;

  must ("overlay create %s", OVERLAY);
  document = in_home ("data/overlays/" OVERLAY ".xml");
  for (int i = 0; i < 2; i++)
    {
      g_auto (Result) request = { 0 };
      g_auto (Result) cert = { 0 };
      g_auto (Result) done = { 0 };
      g_autoptr (JsonParser) waiting = NULL;
      g_autoptr (JsonParser) list = NULL;

      use_home ("two");
      must ("overlay join %s", document);
      request = peerline (NULL, "identity request bob@example.net --overlay " OVERLAY);
      ck_assert_int_eq (request.code, 0);
      waiting = json_of ("identity list --json");
      ck_assert_str_eq (json_object_get_string_member (row (waiting, 0), "state"), i == 0 ? "waits for certificate" : "valid");
      use_home ("one");
      cert = peerline (request.out, i == 0 ? "identity sign - --node-ids 3" : "identity sign -");
      ck_assert_msg (cert.code == 0, "%s", cert.err);
      ck_assert_uint_eq (count_node_ids (cert.out), 3); /* 98; a renewal keeps them (11.3) */
      use_home ("two");
      done = peerline (cert.out, "identity import -");
      ck_assert_msg (done.code == 0, "%s", done.err);
      list = json_of ("identity list --json");
      ck_assert_str_eq (json_object_get_string_member (row (list, 0), "state"), "valid");
      ck_assert (!node || g_str_equal (node, json_object_get_string_member (row (list, 0), "node")));
      g_free (node);
      node = g_strdup (json_object_get_string_member (row (list, 0), "node"));
    }
}
END_TEST

/* Code of importing it. */
static int
bring_in (const char *cert)
{
  g_auto (Result) done = peerline (cert, "identity import -");

  return done.code;
}

static const char *
state_of_first (void)
{
  g_autoptr (JsonParser) list = json_of ("identity list --json");

  return g_intern_string (json_object_get_string_member (row (list, 0), "state"));
}

START_TEST (cli_gives_a_name_to_one_key_only_unless_forced)
{
  g_autofree char *document = NULL;
  g_auto (Result) request = { 0 };
  g_autofree char *file = NULL;
  g_autofree char *sign = NULL;

  must ("overlay create %s", OVERLAY);
  must_fail ("overlay create " OVERLAY, 1, "already|overlay list");
  must ("identity create alice@example.org --overlay %s", OVERLAY);
  must_fail ("identity create ALICE@example.org --overlay " OVERLAY, 1, "taken|--force");
  must ("identity create alice@example.org --overlay %s --force", OVERLAY);
  document = in_home ("data/overlays/" OVERLAY ".xml");
  use_home ("two");
  must ("overlay join %s", document);
  request = peerline (NULL, "identity request alice@example.org --overlay " OVERLAY);
  file = write_text ("request.pem", request.out);
  must_fail ("identity create alice@example.org --overlay " OVERLAY, 1, "waits for its certificate|identity import");
  use_home ("one");
  sign = g_strdup_printf ("identity sign %s", file);
  must_fail (sign, 1, "taken|--force");
  must ("identity sign %s --force", file);
}
END_TEST

/* Somebody who asks for a new key is who they were until its certificate comes; a renewal of the old
 * one in between does not lose it. */
START_TEST (cli_keeps_an_identity_until_the_certificate_of_its_new_key_comes)
{
  g_autofree char *document = NULL, *old_key = NULL, *new_key = NULL, *path = NULL;
  g_auto (Result) first = { 0 }, next = { 0 }, again = { 0 };
  g_auto (Result) cert = { 0 }, renewed = { 0 }, forced = { 0 };

  must ("overlay create %s", OVERLAY);
  document = in_home ("data/overlays/" OVERLAY ".xml");
  use_home ("two");
  must ("overlay join %s", document);
  first = peerline (NULL, "identity request bob@example.net --overlay " OVERLAY);
  use_home ("one");
  cert = peerline (first.out, "identity sign -");
  renewed = peerline (first.out, "identity sign -");
  use_home ("two");
  ck_assert_int_eq (bring_in (cert.out), 0);
  path = in_home ("data/identities/" OVERLAY "/bob@example.net.key");
  ck_assert (g_file_get_contents (path, &old_key, NULL, NULL));
  next = peerline (NULL, "identity request bob@example.net --force --overlay " OVERLAY);
  ck_assert_int_eq (next.code, 0);
  ck_assert_str_eq (state_of_first (), "valid");
  ck_assert_int_eq (bring_in (renewed.out), 0);
  ck_assert_str_eq (state_of_first (), "valid");
  again = peerline (NULL, "identity request bob@example.net --overlay " OVERLAY);
  ck_assert_int_eq (again.code, 0);
  use_home ("one");
  forced = peerline (again.out, "identity sign - --force");
  ck_assert_int_eq (forced.code, 0);
  use_home ("two");
  ck_assert_int_eq (bring_in (forced.out), 0);
  ck_assert_str_eq (state_of_first (), "valid");
  ck_assert (g_file_get_contents (path, &new_key, NULL, NULL));
  ck_assert_str_ne (old_key, new_key);
  ck_assert_int_ne (bring_in (cert.out), 0); /* of the key that is gone */
}
END_TEST

/* As on a full disk: what was written before does not keep the name. */
START_TEST (cli_leaves_nothing_of_an_overlay_that_failed)
{
  g_autofree char *overlays = in_home ("data/overlays");
  g_autofree char *authority = in_home ("data/authorities/" OVERLAY);
  g_autofree char *document = in_home ("data/overlays/" OVERLAY ".xml");
  g_autofree char *data = in_home ("data");

  ck_assert_int_eq (g_mkdir_with_parents (data, 0700), 0);
  ck_assert (g_file_set_contents (overlays, "", 0, NULL));
  must_fail ("overlay create " OVERLAY, 1, "overlays");
  ck_assert (!g_file_test (authority, G_FILE_TEST_EXISTS));
  g_unlink (overlays);
  must ("overlay create %s", OVERLAY);
  g_unlink (document);
  must_fail ("overlay create " OVERLAY, 1, "no document|overlay join FILE");
}
END_TEST

static const struct { const char *line; int code; const char *said; } wrong[] = {
  { "nonsense", 2, "no command|--help" },
  { "overlay create", 2, "usage: peerline overlay create NAME" },
  { "overlay list extra", 2, "usage: peerline overlay list" },
  { "overlay list --nonsense", 2, "nonsense" },
  { "overlay create 'two words'", 1, "cannot be the name" },
  { "overlay create 'a@b'", 1, "cannot be the name" },
  { "overlay create 'host:77'", 1, "cannot be the name" },
  { "overlay create '[2001:db8::1]'", 1, "cannot be the name" },
  { "overlay create ../../etc", 1, "cannot be the name" },
  { "overlay create x.example --bootstrap ''", 1, "HOST:PORT" },
  { "overlay create x.example --bootstrap 192.0.2.1:99999", 1, "HOST:PORT" },
  { "overlay create x.example --stun :0", 1, "HOST:PORT" },
  { "overlay join /nonexistent", 1, "cannot read /nonexistent" },
  { "overlay join " PL_SRCDIR "/COPYING", 1, "no XML" },
  { "overlay join " PL_SRCDIR "/tests/data/documents/rfc6940-example.xml", 1, "Node-ID" },
  { "identity create alice@example.org", 1, "--overlay NAME|overlay list" },
  { "identity create alice@example.org --overlay nowhere.example", 1, "no overlay nowhere.example|overlay join" },
  { "identity create alice --overlay have.example", 1, "no address|alice@example.org" },
  { "identity create '@example.org' --overlay have.example", 1, "no address" },
  { "identity create 'a@b@c:x' --overlay have.example", 1, "no address" },
  { "identity create 'sip:a%00@example.org' --overlay have.example", 1, "no address" },
  { "identity create 'mailto:a@example.org' --overlay have.example", 1, "no address" },
  { "identity request bob@example.org", 1, "--overlay NAME" },
  { "identity sign /nonexistent", 1, "cannot read" },
  { "identity sign " PL_SRCDIR "/COPYING", 1, "cannot read" },
  { "identity sign --node-ids 17 " PL_SRCDIR "/COPYING", 1, "1 to 16" },
  { "identity import " PL_SRCDIR "/COPYING", 1, "COPYING" },
  { "identity import " PL_SRCDIR "/tests/data/vectors/pki/alice.crt", 1, "no overlay interop.example.org" },
  { "lookup nobody", 1, "no address" },
  { "redirect nobody bob@example.org", 1, "'nobody' is no address" },
  { "redirect alice@example.org nobody", 1, "'nobody' is no address" },
  { "redirect alice@example.org sip:Alice@example.org", 1, "to itself" },
  { "redirect alice@example.org off", 1, "none of your identities" },
  { "ping nobody", 1, "neither a Node-ID" },
  { "trace 1d5c66db8f5ab6b9d0bdf31a2015817", 1, "neither a Node-ID" },
  { "ping -c 0 alice@example.org", 1, "1 to 1000" },
  { "trace alice@example.org", 1, "not running|same PEERLINE_HOME" },
  { "lookup alice@example.org", 1, "not running|same PEERLINE_HOME" },
  { "status", 1, "not running|peerlined" },
  { "peers --json", 1, "not running" },
  { "registrations", 1, "not running" },
  { "calls", 1, "not running" },
  { "watch", 1, "not running" },
  { "phone linphone", 1, "not running" },
  { "phone nokia", 1, "no settings for 'nokia'|peerline phone generic" },
  { "phone baresip --wait=-1", 1, "1 to 3600" },
};

START_TEST (cli_says_in_a_line_what_is_wrong_and_what_to_do)
{
  if (strstr (wrong[_i].line, "have.example"))
    must ("overlay create have.example");
  must_fail (wrong[_i].line, wrong[_i].code, wrong[_i].said);
}
END_TEST

START_TEST (cli_refuses_key_files_that_others_can_read)
{
  g_autofree char *ca = NULL;
  g_autofree char *key = NULL;
  g_auto (Result) list = { 0 };

  must ("overlay create %s", OVERLAY);
  must ("identity create alice@example.org --overlay %s", OVERLAY);
  ca = in_home ("data/authorities/" OVERLAY "/ca.key");
  key = in_home ("data/identities/" OVERLAY "/alice@example.org.key");
  ck_assert_int_eq (g_chmod (ca, 0640), 0);
  must_fail ("identity create bob@example.org --overlay " OVERLAY, 1, "ca.key|chmod 600");
  ck_assert_int_eq (g_chmod (key, 0604), 0);
  must_fail ("identity request alice@example.org --overlay " OVERLAY, 1, "chmod 600");
  list = peerline (NULL, "identity list");
  ck_assert_ptr_nonnull (strstr (list.out, "unusable"));
  ck_assert_ptr_nonnull (strstr (list.err, "chmod 600"));
}
END_TEST

START_TEST (cli_says_which_documents_and_identities_are_no_good)
{
  g_autofree char *document = NULL;
  g_autofree char *orphan = NULL;
  g_auto (Result) overlays = { 0 };
  g_auto (Result) identities = { 0 };

  must ("overlay create %s", OVERLAY);
  must ("overlay create gone.example");
  must ("identity create alice@example.org --overlay gone.example");
  document = in_home ("data/overlays/" OVERLAY ".xml");
  orphan = in_home ("data/overlays/gone.example.xml");
  ck_assert (g_file_set_contents (document, "<overlay", -1, NULL));
  ck_assert_int_eq (g_unlink (orphan), 0);
  overlays = peerline (NULL, "overlay list");
  ck_assert_int_eq (overlays.code, 0);
  ck_assert_ptr_nonnull (strstr (overlays.out, "unreadable"));
  ck_assert_ptr_nonnull (strstr (overlays.err, "overlay join FILE"));
  identities = peerline (NULL, "identity list");
  ck_assert_ptr_nonnull (strstr (identities.err, "whose document is not here"));
  must_fail ("identity create alice@example.org --overlay " OVERLAY, 1, "cannot use the overlay's configuration document");
}
END_TEST

START_TEST (cli_shows_an_identity_that_has_expired)
{
  g_autofree char *folder = in_home ("data/identities/interop.example.org");
  static const char *const suffixes[] = { "key", "crt" };
  g_autoptr (JsonParser) list = NULL;

  must ("overlay create interop.example.org");
  ck_assert_int_eq (g_mkdir_with_parents (folder, 0700), 0);
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strdup_printf ("vectors/pki/expired.%s", suffixes[i]);
      g_autofree char *path = g_strdup_printf ("%s/expired@interop.example.org.%s", folder, suffixes[i]);
      g_autoptr (GBytes) data = pl_test_data (name);

      ck_assert (g_file_set_contents (path, g_bytes_get_data (data, NULL), g_bytes_get_size (data), NULL));
      ck_assert_int_eq (g_chmod (path, 0600), 0);
    }
  list = json_of ("identity list --json");
  ck_assert_str_eq (json_object_get_string_member (row (list, 0), "state"), "expired");
}
END_TEST

START_TEST (cli_imports_only_certificates_of_the_overlay_and_of_its_own_key)
{
  g_auto (Result) request = { 0 };
  g_auto (Result) cert = { 0 };
  g_autofree char *file = NULL;
  g_autofree char *line = NULL;
  g_autofree char *document = NULL;

  must ("overlay create interop.example.org");
  must_fail ("identity import " PL_SRCDIR "/tests/data/vectors/pki/alice.crt", 1, "not issued by the overlay's authority");
  must ("overlay create %s", OVERLAY);
  request = peerline (NULL, "identity request bob@example.net --overlay " OVERLAY);
  cert = peerline (request.out, "identity sign - --aor carol@example.net");
  ck_assert_msg (cert.code == 0, "%s", cert.err);
  file = write_text ("cert.pem", cert.out);
  line = g_strdup_printf ("identity import %s", file);
  must_fail (line, 1, "no key for carol@example.net|identity request");
  must ("identity create carol2@example.net --overlay %s", OVERLAY);
  document = in_home ("data/identities/" OVERLAY "/carol@example.net.key");
  {
    g_autofree char *other = in_home ("data/identities/" OVERLAY "/carol2@example.net.key");
    g_autofree char *text = NULL;

    ck_assert (g_file_get_contents (other, &text, NULL, NULL) && g_file_set_contents (document, text, -1, NULL));
    ck_assert_int_eq (g_chmod (document, 0600), 0);
  }
  must_fail (line, 1, "private key is not that of the certificate");
}
END_TEST

START_TEST (cli_takes_over_a_newer_document_and_no_usurper)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *line = NULL;

  must ("overlay create %s", OVERLAY);
  first = in_home ("data/overlays/" OVERLAY ".xml");
  use_home ("two");
  must ("overlay create %s", OVERLAY);
  second = in_home ("data/overlays/" OVERLAY ".xml");
  use_home ("three");
  must ("overlay join %s", first);
  must ("overlay join %s", first);
  line = g_strdup_printf ("overlay join %s", second);
  must_fail (line, 1, "you are in an overlay of this name already|--force");
  must ("overlay join %s --force", second);
}
END_TEST

START_TEST (paths_escape_any_name_and_back)
{
  static const char *const names[] = { "alice@example.org", "..", "a/b", "..%2F", "\xc3\xa9@x", ".hidden", "A b", "%" };
  g_autofree char *escaped = pl_paths_escape (names[_i]);
  g_autofree char *back = pl_paths_unescape (escaped);

  ck_assert_str_eq (back, names[_i]);
  ck_assert (!strchr (escaped, '/') && escaped[0] != '.');
  ck_assert_ptr_null (pl_paths_unescape ("a%2"));
  ck_assert_ptr_null (pl_paths_unescape ("a%00b"));
  ck_assert_ptr_null (pl_paths_unescape ("%61"));
}
END_TEST

START_TEST (paths_follow_the_environment)
{
  g_autoptr (PlPaths) paths = NULL;
  g_autofree char *own = g_build_filename (g_get_home_dir (), ".peerline", NULL);

  g_setenv ("PEERLINE_HOME", "relative", TRUE);
  ck_assert_ptr_null (pl_paths_new (NULL));
  g_setenv ("PEERLINE_HOME", "/x", TRUE);
  paths = pl_paths_new (NULL);
  ck_assert_str_eq (paths->runtime, "/x/runtime");
  g_unsetenv ("PEERLINE_HOME");
  g_unsetenv ("XDG_RUNTIME_DIR");
  ck_assert_ptr_null (pl_paths_new (NULL));
  ck_assert_int_eq (g_mkdir (own, 0700), 0);
  g_clear_pointer (&paths, pl_paths_free);
  paths = pl_paths_new (NULL);
  ck_assert (g_str_has_prefix (paths->runtime, own));
  ck_assert_int_eq (g_chmod (own, 0777), 0); /* anybody's */
  ck_assert_ptr_null (pl_paths_new (NULL));
  g_setenv ("XDG_RUNTIME_DIR", "/run/user/7", TRUE);
  g_clear_pointer (&paths, pl_paths_free);
  paths = pl_paths_new (NULL);
  ck_assert_str_eq (paths->runtime, "/run/user/7/peerline");
  ck_assert (g_str_has_suffix (paths->data, "/peerline"));
}
END_TEST

/* --- with a daemon --- */

static guint reloads;

static GVariant *
fake_status (gpointer user, GError **error)
{
  return g_variant_new_parsed ("{'version': <'1'>, 'state': <'ready'>, 'listen': <['127.0.0.1:5080']>, "
                               "'overlays': <[{'name': <'o.example'>, 'peers': <uint32 3>}]>, "
                               "'identities': <[{'aor': <'alice@example.org'>, 'overlay': <'" OVERLAY "'>, 'expires': <int64 1900000000>}]>, "
                               "'problems': <['do \033[31mthis']>}");
}

static GVariant *
fake_peers (gpointer user, GError **error)
{
  return g_variant_new_parsed ("[{'node': <'00ff'>, 'aor': <'evil\033]0;x\007'>, 'rtt': <int64 12345>}]");
}

static GVariant *
fake_none (gpointer user, GError **error)
{
  return g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0);
}

static GVariant *
fake_calls (gpointer user, GError **error)
{
  return g_variant_new_parsed ("[{'from': <'a@x'>, 'to': <'b@x'>, 'media': <'ice+dtls-srtp'>, 'lookup': <int64 1500>, "
                               "'connect': <int64 250000>, 'invite': <int64 -1>}]");
}

static gboolean
fake_reload (gpointer user, GError **error)
{
  reloads++;
  return TRUE;
}

static void
fake_lookup (gpointer user, const char *aor, GDBusMethodInvocation *invocation)
{
  const char *result = g_str_has_prefix (aor, "bob") ? "found" : g_str_has_prefix (aor, "off") ? "offline" : "unknown";
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&dict, "{sv}", "aor", g_variant_new_string (aor));
  g_variant_builder_add (&dict, "{sv}", "result", g_variant_new_string (result));
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(a{sv})", &dict));
}

static void
fake_ping (gpointer user, const char *target, GDBusMethodInvocation *invocation)
{
  const char *rows = g_str_has_prefix (target, "bob")
                     ? "[{'node': <'1d5c66db8f5ab6b9d0bdf31a20158175'>, 'aor': <'bob@example.net'>, 'rtt': <int64 12300>, 'hops': <int64 2>, 'error': <''>}]"
                     : "[{'node': <'1d5c66db8f5ab6b9d0bdf31a20158175'>, 'aor': <'\\033[m'>, 'rtt': <int64 -1>, 'hops': <int64 -1>, 'error': <'no answer'>}]";
  GVariant *list = g_variant_new_parsed (rows);

  g_dbus_method_invocation_return_value (invocation, g_variant_new_tuple (&list, 1));
}

static void
fake_trace (gpointer user, const char *target, GDBusMethodInvocation *invocation)
{
  GVariant *list = g_variant_new_parsed ("[{'target': <%s>, 'hop': <int64 0>, 'node': <'aa'>, 'aor': <''>, 'rtt': <int64 100>, 'error': <''>},"
                                         " {'target': <%s>, 'hop': <int64 1>, 'node': <'bb'>, 'aor': <'\\033[mx'>, 'rtt': <int64 20000>, 'error': <%s>}]",
                                         target, target, g_str_has_prefix (target, "bob") ? "" : "no answer");

  g_dbus_method_invocation_return_value (invocation, g_variant_new_tuple (&list, 1));
}

static const char *turn_state = "found";

static GVariant *
fake_turn (gpointer user, GError **error)
{
  if (strcmp (turn_state, "found") != 0)
    return g_variant_new_parsed ("[{'overlay': <'one.example'>, 'state': <%s>}]", turn_state);
  return g_variant_new_parsed ("[{'overlay': <'one.example'>, 'state': <'not-offered'>}, {'overlay': <'two.example'>, 'state': <'found'>,"
                               " 'host': <'198.51.100.9'>, 'port': <int64 3478>, 'username': <'1767229200:ab'>, 'password': <'ORNZ='>,"
                               " 'expires': <int64 1767229200000000>}]");
}

static PlControl *
control_with (const PlControlFuncs *funcs)
{
  g_autofree char *folder = in_home ("runtime");
  g_autofree char *path = in_home ("runtime/control");
  g_autoptr (GError) error = NULL;
  PlControl *control;

  ck_assert_int_eq (g_mkdir_with_parents (folder, 0700), 0);
  control = pl_control_new (path, funcs, NULL, &error);
  ck_assert_msg (control != NULL, "%s", error ? error->message : "");
  return control;
}

static PlControl *
fake_daemon (void)
{
  static const PlControlFuncs funcs = { fake_status, fake_peers, fake_none, fake_calls, fake_turn, fake_reload, fake_lookup,
                                        fake_ping, fake_trace };

  return control_with (&funcs);
}

START_TEST (cli_turn_prints_what_a_phone_must_be_given)
{
  static const struct { const char *state, *says; } without[] = {
    { "missing", "no TURN server of the overlay was found yet" },
    { "not-needed", "no NAT is between" },
    { "not-offered", "--turn-density" },
    { "configured", "peerline.conf" },
  };
  g_autoptr (PlControl) control = fake_daemon ();
  g_auto (Result) good = peerline (NULL, "turn");
  g_autoptr (JsonParser) json = json_of ("turn --json");
  JsonObject *row = json_array_get_object_element (json_node_get_array (json_parser_get_root (json)), 1);

  ck_assert_int_eq (good.code, 0);
  ck_assert_ptr_nonnull (strstr (good.out, "1767229200:ab"));
  ck_assert_ptr_nonnull (strstr (good.out, "ORNZ="));
  ck_assert_ptr_null (strstr (good.out, "one.example"));
  ck_assert_str_eq (json_object_get_string_member (row, "password"), "ORNZ=");
  ck_assert_int_eq (json_object_get_int_member (row, "port"), 3478);
  for (guint i = 0; i < G_N_ELEMENTS (without); i++)
    {
      g_auto (Result) bad = { 0 };

      turn_state = without[i].state;
      bad = peerline (NULL, "turn");
      ck_assert_int_eq (bad.code, 1);
      ck_assert_msg (strstr (bad.err, without[i].says) != NULL, "%s", bad.err);
    }
}
END_TEST

START_TEST (cli_prints_what_the_daemon_says_without_control_characters)
{
  g_autoptr (PlControl) control = fake_daemon ();
  g_auto (Result) status = peerline (NULL, "status");
  g_auto (Result) peers = peerline (NULL, "peers");
  g_auto (Result) calls = peerline (NULL, "calls");
  g_auto (Result) none = peerline (NULL, "registrations");
  g_autoptr (JsonParser) json = json_of ("status --json");
  g_autoptr (JsonParser) before = json_of ("--json status");

  ck_assert_ptr_nonnull (json_parser_get_root (before));
  ck_assert_ptr_nonnull (strstr (status.out, "127.0.0.1:5080"));
  ck_assert_ptr_nonnull (strstr (status.out, "o.example"));
  ck_assert_ptr_nonnull (strstr (status.out, "! do "));
  ck_assert (!strchr (status.out, '\033') && !strchr (peers.out, '\033') && !strchr (peers.out, '\007'));
  ck_assert_ptr_nonnull (strstr (peers.out, "12 ms"));
  ck_assert_ptr_nonnull (strstr (calls.out, "ice+dtls-srtp"));
  ck_assert_ptr_nonnull (strstr (calls.out, "1.5 ms"));
  ck_assert_ptr_nonnull (strstr (none.out, "No phone"));
  ck_assert_str_eq (json_object_get_string_member (json_node_get_object (json_parser_get_root (json)), "state"), "ready");
}
END_TEST

START_TEST (cli_looks_people_up)
{
  g_autoptr (PlControl) control = fake_daemon ();

  must ("lookup Bob@Example.net");
  must_fail ("lookup offline@example.net", 1, "offline");
  must_fail ("lookup nobody@example.net", 1, "nobody is registered");
}
END_TEST

START_TEST (cli_pings_and_traces) /* S2-68 */
{
  g_autoptr (PlControl) control = fake_daemon ();
  g_auto (Result) ping = peerline (NULL, "ping -c 2 bob@example.net");
  g_auto (Result) silent = peerline (NULL, "ping 1d5c66db8f5ab6b9d0bdf31a20158175");
  g_auto (Result) trace = peerline (NULL, "trace bob@example.net");
  g_autoptr (JsonParser) json = json_of ("ping bob@example.net --json");

  ck_assert_int_eq (ping.code, 0);
  ck_assert_ptr_nonnull (strstr (ping.out, "1d5c66db8f5ab6b9d0bdf31a20158175      12.3 ms   2 hops  bob@example.net\n"));
  ck_assert_ptr_nonnull (strstr (ping.out, "2 sent, 2 answered, least/mean/most 12.3/12.3/12.3 ms"));
  ck_assert_int_eq (silent.code, 1);
  ck_assert_ptr_nonnull (strstr (silent.err, "peerline trace 1d5c66db8f5ab6b9d0bdf31a20158175"));
  ck_assert (!strchr (silent.out, '\033') && !strchr (trace.out, '\033'));
  ck_assert_int_eq (trace.code, 0);
  ck_assert_ptr_nonnull (strstr (trace.out, "1    bb    20 ms"));
  must_fail ("trace alice@example.org", 1, "ends at hop 1");
  ck_assert_uint_eq (json_array_get_length (json_node_get_array (json_parser_get_root (json))), 1);
}
END_TEST

START_TEST (cli_gives_a_phone_its_settings)
{
  g_autoptr (PlControl) control = fake_daemon ();

  must ("overlay create %s --bootstrap 192.0.2.7 --stun stun.example.net", OVERLAY);
  g_auto (Result) baresip = peerline (NULL, "phone baresip");
  g_auto (Result) linphone = peerline (NULL, "phone Linphone --aor Alice@example.org");
  g_auto (Result) generic = peerline (NULL, "phone generic");
  g_auto (Result) twinkle = peerline (NULL, "phone twinkle");
  g_auto (Result) ekiga = peerline (NULL, "phone ekiga");
  g_autoptr (JsonParser) json = json_of ("phone generic --json");

  ck_assert_ptr_nonnull (strstr (baresip.out, "\n<sip:alice@example.org;transport=udp>;outbound=\"sip:127.0.0.1:5080;transport=udp\";"));
  ck_assert_ptr_nonnull (strstr (baresip.out, ";mediaenc=dtls_srtp;medianat=ice;stunserver=\"stun:stun.example.net:3478\""));
  ck_assert_ptr_nonnull (strstr (baresip.err, "No phone has registered as alice@example.org yet"));
  ck_assert_ptr_nonnull (strstr (linphone.out, ">&lt;sip:127.0.0.1:5080;transport=udp&gt;<"));
  ck_assert_ptr_nonnull (strstr (linphone.err, "file:///"));
  ck_assert_ptr_nonnull (strstr (twinkle.out, "user_domain=example.org\n"));
  ck_assert_ptr_nonnull (strstr (twinkle.out, "outbound_proxy=sip:127.0.0.1:5080\nall_requests_to_proxy=yes\n"));
  ck_assert_ptr_nonnull (strstr (ekiga.out, "outbound proxy      sip:127.0.0.1:5080\n"));
  ck_assert_ptr_nonnull (strstr (generic.out, "outbound proxy      sip:127.0.0.1:5080\n"));
  ck_assert_str_eq (json_object_get_string_member (json_node_get_object (json_parser_get_root (json)), "stun"), "stun.example.net:3478");
  must_fail ("phone generic --aor bob@example.net --json", 1, "none of your identities");
}
END_TEST

START_TEST (cli_waits_for_a_phone_but_not_forever)
{
  g_autoptr (PlControl) control = fake_daemon ();
  g_auto (Result) result = peerline (NULL, "phone generic --wait=1");

  ck_assert_int_eq (result.code, 1);
  ck_assert_ptr_nonnull (strstr (result.err, "no phone came for alice@example.org in 1 s: check its outbound proxy (sip:127.0.0.1:5080)"));
}
END_TEST

static PlControl *watched;
static guint calls_asked;

static gboolean
change_or_end (gpointer data)
{
  if (calls_asked == 1)
    pl_control_changed (watched, "calls");
  else
    g_clear_pointer (&watched, pl_control_free);
  return G_SOURCE_REMOVE;
}

/* First a call rings, then it is over, then the daemon ends. */
static GVariant *
passing_call (gpointer user, GError **error)
{
  g_idle_add (change_or_end, NULL);
  return ++calls_asked == 1 ? g_variant_new_parsed ("[{'id': <'1'>, 'from': <'a@x'>, 'to': <'b\033@x'>, 'state': <'ringing'>, 'media': <'none'>}]")
                            : fake_none (user, error);
}

START_TEST (cli_watches_until_the_daemon_ends)
{
  static const PlControlFuncs funcs = { fake_status, fake_peers, fake_none, passing_call, fake_turn, fake_reload, fake_lookup,
                                        fake_ping, fake_trace };

  calls_asked = 0;
  watched = control_with (&funcs);
  g_auto (Result) result = peerline (NULL, "watch");

  ck_assert_int_eq (result.code, 1);
  ck_assert_ptr_nonnull (strstr (result.out, "overlay  o.example"));
  ck_assert_ptr_nonnull (strstr (result.out, "call     a@x  b\357\277\275@x  1  ringing  none\n"));
  ck_assert_ptr_nonnull (strstr (result.out, "  over\n"));
  ck_assert_ptr_nonnull (strstr (result.err, "peerlined has ended"));
  ck_assert_uint_eq (calls_asked, 2);
}
END_TEST

START_TEST (cli_tells_a_running_daemon_to_reload)
{
  g_autoptr (PlControl) control = fake_daemon ();

  must ("overlay create %s", OVERLAY);
  must ("identity create alice@example.org --overlay %s", OVERLAY);
  ck_assert_uint_ge (reloads, 1);
}
END_TEST

START_TEST (cli_keeps_a_redirection_until_it_is_off)
{
  g_autofree char *path = g_build_filename (home, "data", "identities", OVERLAY, "alice@example.org.redirect", NULL);
  g_autofree char *text = NULL;
  g_autoptr (PlControl) control = fake_daemon ();
  guint before;

  must ("overlay create %s", OVERLAY);
  must ("identity create alice@example.org --overlay %s", OVERLAY);
  before = reloads;
  must ("redirect sip:Alice@example.org sip:bob@EXAMPLE.net");
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  ck_assert_str_eq (text, "bob@example.net\n");
  ck_assert_uint_eq (reloads, before + 1);
  must ("redirect alice@example.org off");
  must ("redirect alice@example.org off");
  ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST (cli_has_help_for_every_command)
{
  static const char *const lines[] = {
    "--help", "--version", "overlay --help", "overlay create --help", "overlay join --help", "overlay list --help",
    "identity --help", "identity create --help", "identity request --help", "identity sign --help",
    "identity import --help", "identity list --help", "status --help", "peers --help", "lookup --help", "redirect --help", "ping --help", "trace --help",
    "registrations --help", "calls --help", "phone --help", "net --help", "watch --help", "doctor --help", "decode --help",
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_auto (Result) result = peerline (NULL, lines[i]);

      ck_assert_msg (result.code == 0 && strstr (result.out, "peerline"), "%s: %s", lines[i], result.err);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy");
  TCase *tcase = tcase_create ("cli/peerline");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_set_timeout (tcase, TIMEOUT);
  tcase_add_test (tcase, cli_makes_an_overlay_and_an_identity_whose_keys_are_private); /* S1-56 */
  tcase_add_test (tcase, cli_makes_an_overlay_without_ice);
  tcase_add_test (tcase, cli_makes_an_overlay_for_a_lan);
  tcase_add_test (tcase, cli_makes_an_overlay_that_tunes_itself);
  tcase_add_test (tcase, cli_updates_the_document_of_its_own_overlay);
  tcase_add_test (tcase, cli_requests_signs_and_imports_over_two_homes);
  tcase_add_test (tcase, cli_gives_a_name_to_one_key_only_unless_forced);
  tcase_add_test (tcase, cli_keeps_an_identity_until_the_certificate_of_its_new_key_comes);
  tcase_add_test (tcase, cli_leaves_nothing_of_an_overlay_that_failed);
  tcase_add_loop_test (tcase, cli_says_in_a_line_what_is_wrong_and_what_to_do, 0, G_N_ELEMENTS (wrong)); /* S1-50 */
  tcase_add_test (tcase, cli_refuses_key_files_that_others_can_read);
  tcase_add_test (tcase, cli_says_which_documents_and_identities_are_no_good);
  tcase_add_test (tcase, cli_shows_an_identity_that_has_expired);
  tcase_add_test (tcase, cli_imports_only_certificates_of_the_overlay_and_of_its_own_key);
  tcase_add_test (tcase, cli_takes_over_a_newer_document_and_no_usurper);
  tcase_add_loop_test (tcase, paths_escape_any_name_and_back, 0, 8);
  tcase_add_test (tcase, paths_follow_the_environment);
  tcase_add_test (tcase, cli_prints_what_the_daemon_says_without_control_characters);
  tcase_add_test (tcase, cli_turn_prints_what_a_phone_must_be_given);
  tcase_add_test (tcase, cli_looks_people_up);
  tcase_add_test (tcase, cli_pings_and_traces);
  tcase_add_test (tcase, cli_gives_a_phone_its_settings);
  tcase_add_test (tcase, cli_waits_for_a_phone_but_not_forever);
  tcase_add_test (tcase, cli_watches_until_the_daemon_ends);
  tcase_add_test (tcase, cli_tells_a_running_daemon_to_reload);
  tcase_add_test (tcase, cli_keeps_a_redirection_until_it_is_off);
  tcase_add_test (tcase, cli_has_help_for_every_command);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
