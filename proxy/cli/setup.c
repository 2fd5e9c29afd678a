/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline setup`: from nothing to the first call, by questions. What it does it does by the other
 * commands, and shows them; what an option answers is not asked.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/aor.h"
#include "base/file.h"
#include "proxy/cli/cli.h"

#define LAN_GROUP "239.255.96.84"  /* administratively scoped (RFC 2365) */
#define LINE_LEN 8192              /* an invitation may hold a document */
#define TRIES 3                    /* for an answer that is none */
#define STEP 250                   /* ms between looks at the daemon */
#define READY_WAIT 20              /* s until it is in the overlay */
#define WAIT 300                   /* s for a person who does something */
#define WAIT_MAX 3600
#define ECHO "echo@localhost"

static char *join_option, *create_option, *bootstrap_option, *overlay_option, *address_option, *secret_option, *code_option, *ca_option,
  *phone_option;
static int wait_option = WAIT;

typedef struct {
  PlCli *cli;
  PlDocument *document;
  char *aor;
} Setup;

static void
setup_clear (Setup *setup)
{
  if (setup->document)
    pl_document_free (setup->document);
  g_free (setup->aor);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Setup, setup_clear)

/* --- talking --- */

/* What was typed, "" for Enter alone; NULL and error: nobody is there to answer. */
static char *
ask (const char *question, const char *option, GError **error)
{
  char line[LINE_LEN];

  printf ("\n%s ", question);
  fflush (stdout);
  if (fgets (line, sizeof line, stdin))
    return g_strdup (g_strstrip (line));
  putchar ('\n');
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "nobody answers this: say it with %s", option);
  return NULL;
}

/* One of several, counted from 1; Enter alone is the first. 0 and error: no answer. */
static guint
choose (const char *question, guint n, const char *option, GError **error)
{
  for (guint i = 0; i < TRIES; i++)
    {
      g_autofree char *text = ask (question, option, error);
      guint64 number = 1;

      if (!text)
        return 0;
      if (!*text || g_ascii_string_to_unsigned (text, 10, 1, n, &number, NULL))
        return (guint) number;
      printf ("A number from 1 to %u, please.\n", n);
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no answer that is one: say it with %s", option);
  return 0;
}

/* --- the other commands --- */

/* `path`: where its output goes, NULL: here. */
static gboolean
spawn (char **words, const char *path, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_INHERIT);
  g_autoptr (GSubprocess) process = NULL;

  fflush (stdout);
  if (path)
    g_subprocess_launcher_set_stdout_file_path (launcher, path);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) words, error);
  return process && g_subprocess_wait (process, NULL, error) && g_subprocess_get_if_exited (process)
         && g_subprocess_get_exit_status (process) == 0;
}

/* `peerline` with these words; NULL ones are left out. */
static gboolean
peerline_to (const char *path, const char *const *words, guint n, GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *shown = NULL;

  g_ptr_array_add (argv, self);
  for (guint i = 0; i < n; i++)
    if (words[i])
      g_ptr_array_add (argv, (char *) words[i]);
  g_ptr_array_add (argv, NULL);
  shown = g_strjoinv (" ", (char **) argv->pdata + 1);
  printf ("\n$ peerline %s%s%s\n", shown, path ? " > " : "", path ? path : "");
  if (spawn ((char **) argv->pdata, path, error))
    return TRUE;
  if (error && !*error)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "that did not work, see above; then run this again: it goes on from there");
  return FALSE;
}

#define peerline(error, ...) peerline_to (NULL, (const char *const[]){ __VA_ARGS__ }, sizeof ((const char *[]){ __VA_ARGS__ }) / sizeof (char *), error)

/* --- which overlay --- */

static gboolean
join (Setup *setup, const char *invitation, GError **error)
{
  PlCliJoin how = { NULL, ca_option, FALSE };
  gboolean proved;

  setup->document = pl_cli_accept (setup->cli, invitation, &how, &proved, error);
  if (!setup->document)
    return FALSE;
  printf ("You are in the overlay %s.\n", setup->document->instance_name);
  if (!proved)
    printf ("'peerline overlay list --json' shows its fingerprint: compare it with what the one who runs it tells you.\n");
  return TRUE;
}

static gboolean
create (Setup *setup, const char *name, GError **error)
{
  if (!(bootstrap_option ? peerline (error, "overlay", "create", name, "--mode", "self-signed", "--bootstrap", bootstrap_option)
                         : peerline (error, "overlay", "create", name, "--mode", "self-signed", "--multicast", LAN_GROUP)))
    return FALSE;
  setup->document = pl_home_load_document (setup->cli->paths, name, error);
  return setup->document != NULL;
}

static gboolean
create_by_answer (Setup *setup, gboolean lan, GError **error)
{
  g_autofree char *name = ask (lan ? "A name for it (as home.lan):" : "A name for it (as friends.example.org):", "--create=NAME", error);
  g_autofree char *good = name ? pl_cli_overlay_name (name, error) : NULL;

  if (good && !lan && !bootstrap_option)
    bootstrap_option = ask ("A machine of it that all can reach from outside, HOST or HOST:PORT (this one may do):", "--bootstrap=HOST:PORT", error);
  return good && (lan || bootstrap_option) && create (setup, good, error);
}

static gboolean
ask_for_overlay (Setup *setup, GError **error)
{
  guint choice = choose ("People call each other in an overlay: machines that find each other without a server in between.\n"
                         "  1  I was invited: I have a link, a file, or the address of a server\n"
                         "  2  Make one for this network (home, office)\n"
                         "  3  Make one for people anywhere\n"
                         "Which? [1]", 3, "--join=INVITATION or --create=NAME", error);
  g_autofree char *invitation = choice == 1 ? ask ("The invitation:", "--join=INVITATION", error) : NULL;

  if (choice == 1)
    return invitation && join (setup, invitation, error);
  return choice != 0 && create_by_answer (setup, choice == 2, error);
}

static gboolean
find_overlay (Setup *setup, GError **error)
{
  g_autoptr (GPtrArray) overlays = pl_home_list_overlays (setup->cli->paths, NULL);
  g_autofree char *name = create_option ? pl_cli_overlay_name (create_option, error) : NULL;
  const char *wanted = overlay_option ? overlay_option : name;

  if (join_option)
    return join (setup, join_option, error);
  if (create_option && !name)
    return FALSE;
  for (guint i = 0; i < overlays->len; i++)
    {
      const PlHomeOverlay *overlay = overlays->pdata[i];

      if (!wanted ? overlays->len > 1 : !g_str_equal (overlay->name, wanted))
        continue;
      printf ("You are in the overlay %s.\n", overlay->name);
      setup->document = pl_home_load_document (setup->cli->paths, overlay->name, error);
      return setup->document != NULL;
    }
  if (name)
    return create (setup, name, error);
  if (overlays->len == 0 && !overlay_option)
    return ask_for_overlay (setup, error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "say which of your overlays with --overlay=NAME: 'peerline overlay list' shows them");
  return FALSE;
}

/* --- who you are --- */

static char *
find_address (Setup *setup, GError **error)
{
  g_autoptr (GPtrArray) identities = pl_home_list_identities (setup->cli->paths, NULL);
  g_autofree char *text = g_strdup (address_option);
  char *aor;

  for (guint i = 0; !text && i < identities->len; i++)
    {
      const PlHomeIdentity *identity = identities->pdata[i];

      if (g_ascii_strcasecmp (identity->overlay, setup->document->instance_name) == 0)
        return g_strdup (identity->aor);
    }
  if (!text)
    text = ask ("Your e-mail address, by which people will call you:", "--address=ADDRESS", error);
  aor = text ? pl_aor_canonical (text) : NULL;
  if (text && !aor)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no address: write it as alice@example.org", text);
  return aor;
}

static gboolean
take_secret (Setup *setup, GError **error)
{
  const char *name = setup->document->instance_name;
  g_autofree char *path = pl_home_dup_secrets_path (setup->cli->paths, name);
  g_autofree char *add = secret_option ? g_strconcat ("--add=", secret_option, NULL) : NULL;

  if (pl_document_mode (setup->document) != PL_MODE_SHARED_SECRET || g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  if (add)
    return peerline (error, "overlay", "secret", name, add);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "this overlay lets in who has its secret: ask who invited you for it and say where it is with --secret=FILE");
  return FALSE;
}

/* Somebody has to sign it by hand. */
static gboolean
request (Setup *setup, GError **error)
{
  g_autofree char *path = g_strconcat (setup->aor, ".request", NULL);

  if (peerline_to (path, (const char *const[]){ "identity", "request", setup->aor, "--overlay", setup->document->instance_name }, 5, error))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING, "send the file %s to whoever runs the overlay; bring in what you get back with "
                 "'peerline identity import FILE', then run this again", path);
  return FALSE;
}

static gboolean
prove (Setup *setup, GError **error)
{
  const char *name = setup->document->instance_name;
  g_autofree char *authority = pl_home_dup_authority_dir (setup->cli->paths, name);
  g_autofree char *server = pl_cli_dup_address (setup->document);
  g_autofree char *code = code_option ? g_strconcat ("--code=", code_option, NULL) : NULL;
  g_autofree char *ca = ca_option ? g_strconcat ("--ca=", ca_option, NULL) : NULL;
  gboolean certified = pl_document_mode (setup->document) == PL_MODE_CERTIFICATES;

  if (certified && server && code)
    return ca ? peerline (error, "enroll", setup->aor, "--overlay", server, code, ca) : peerline (error, "enroll", setup->aor, "--overlay", server, code);
  if (certified && server)
    return ca ? peerline (error, "enroll", setup->aor, "--overlay", server, ca) : peerline (error, "enroll", setup->aor, "--overlay", server);
  if (!certified || g_file_test (authority, G_FILE_TEST_EXISTS))
    return peerline (error, "identity", "create", setup->aor, "--overlay", name);
  return request (setup, error);
}

static gboolean
get_identity (Setup *setup, GError **error)
{
  g_autoptr (PlHomeIdentity) place = NULL;

  setup->aor = find_address (setup, error);
  if (!setup->aor || !take_secret (setup, error))
    return FALSE;
  place = pl_home_identity_new (setup->cli->paths, setup->aor, setup->document->instance_name);
  if (!g_file_test (place->cert_path, G_FILE_TEST_EXISTS))
    return prove (setup, error);
  printf ("You are %s there.\n", setup->aor);
  return TRUE;
}

/* --- the daemon --- */

static gboolean
daemon_runs (Setup *setup)
{
  g_autoptr (GDBusConnection) connection = pl_cli_connect (setup->cli, NULL);

  return connection != NULL;
}

/* Has it said this of itself? `member` of an array that `method` gives; NULL: of Status. */
typedef struct {
  const char *method, *member, *value, *state;
} Sight;

static gboolean
sees (Setup *setup, const Sight *sight)
{
  g_autoptr (JsonNode) node = pl_cli_call_json (setup->cli, sight->method, NULL, NULL);
  JsonArray *rows = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (node && JSON_NODE_HOLDS_OBJECT (node))
    return g_strcmp0 (json_object_get_string_member_with_default (json_node_get_object (node), sight->member, NULL), sight->value) == 0;
  for (guint i = 0; rows && i < json_array_get_length (rows); i++)
    {
      JsonObject *row = json_array_get_object_element (rows, i);

      if (g_strcmp0 (json_object_get_string_member_with_default (row, sight->member, NULL), sight->value) == 0
          && (!sight->state || g_strcmp0 (json_object_get_string_member_with_default (row, "state", NULL), sight->state) == 0))
        return TRUE;
    }
  return FALSE;
}

static gboolean
await (Setup *setup, const Sight *sight, int seconds)
{
  gint64 end = pl_env_now (setup->cli->env) + seconds * G_USEC_PER_SEC;

  while (!(sight ? sees (setup, sight) : daemon_runs (setup)))
    {
      if (pl_env_now (setup->cli->env) >= end)
        return FALSE;
      pl_cli_pause (STEP);
    }
  return TRUE;
}

/* By the user's service manager, where there is one and it knows the unit. */
static gboolean
start_unit (void)
{
  char *known[] = { "systemctl", "--user", "--quiet", "cat", "peerlined.service", NULL };
  char *start[] = { "systemctl", "--user", "enable", "--now", "peerlined.service", NULL };

  if (g_getenv ("PEERLINE_HOME") || !spawn (known, "/dev/null", NULL))
    return FALSE;
  printf ("\n$ systemctl --user enable --now peerlined\n");
  return spawn (start, NULL, NULL);
}

static gboolean
start_daemon (Setup *setup, GError **error)
{
  if (daemon_runs (setup))
    pl_cli_reload (setup->cli);
  else if (!start_unit ())
    {
      printf ("\nNow start the daemon in another terminal: peerlined\n");
      fflush (stdout);
    }
  if (!await (setup, NULL, wait_option))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "the daemon does not run: start it with 'peerlined', then run this again");
      return FALSE;
    }
  if (await (setup, &(Sight){ "Status", "state", "ready", NULL }, MIN (wait_option, READY_WAIT)))
    printf ("The daemon is in the overlay.\n");
  else
    printf ("The daemon is not in the overlay yet: 'peerline doctor' says what keeps it.\n");
  return TRUE;
}

/* --- the network --- */

static void
test_network (Setup *setup)
{
  if (setup->document->bootstrap_nodes->len > 0 || setup->document->stun_servers->len > 0)
    peerline (NULL, "net");
  else
    printf ("People on this network find each other by themselves; people elsewhere are not in this overlay.\n");
}

/* --- the phone --- */

static gboolean
find_phone (GError **error)
{
  static const char *const kinds[] = { "linphone", "baresip", "generic", "none" };
  guint choice;

  if (phone_option)
    return TRUE;
  choice = choose ("Which phone do you use?\n  1  Linphone\n  2  baresip\n  3  another one\n  4  none yet\nWhich? [1]", G_N_ELEMENTS (kinds), "--phone=KIND", error);
  if (choice)
    phone_option = g_strdup (kinds[choice - 1]);
  return choice != 0;
}

/* Linphone reads a file, others are told by hand. */
static gboolean
set_up_phone (Setup *setup, GError **error)
{
  g_autofree char *path = g_build_filename (setup->cli->paths->config, "linphone.xml", NULL);
  g_autofree char *aor = g_strconcat ("--aor=", setup->aor, NULL);

  if (g_ascii_strcasecmp (phone_option, "linphone") != 0)
    return peerline (error, "phone", phone_option, aor);
  if (!pl_file_make_dir (setup->cli->paths->config, error)
      || !peerline_to (path, (const char *const[]){ "phone", "linphone", aor }, 3, error))
    return FALSE;
  printf ("In Linphone: Preferences, Network or Advanced, remote provisioning, this address: file://%s\n", path);
  return TRUE;
}

static gboolean
try_phone (Setup *setup, GError **error)
{
  if (wait_option == 0)
    return TRUE;
  printf ("\nWaiting for the phone ...\n");
  fflush (stdout);
  if (!await (setup, &(Sight){ "Registrations", "aor", setup->aor, NULL }, wait_option))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no phone came for %s: check its settings, then run this again", setup->aor);
      return FALSE;
    }
  printf ("The phone is there. Now dial sip:" ECHO " and say something: you hear yourself.\n");
  fflush (stdout);
  if (!await (setup, &(Sight){ "Calls", "to", ECHO, "established" }, wait_option))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no call to sip:" ECHO " stood: 'peerline doctor' looks for what is wrong");
      return FALSE;
    }
  printf ("The call stands, encrypted from end to end.\n");
  return TRUE;
}

static gboolean
run_setup (PlCli *cli, GError **error)
{
  g_auto (Setup) setup = { .cli = cli };

  setvbuf (stdin, NULL, _IONBF, 0); /* what follows an answer is for the commands that we give */
  if (wait_option < 0 || wait_option > WAIT_MAX)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--wait takes 0 to %d seconds", WAIT_MAX);
      return FALSE;
    }
  if (!find_overlay (&setup, error) || !get_identity (&setup, error) || !start_daemon (&setup, error))
    return FALSE;
  test_network (&setup);
  if (!find_phone (error))
    return FALSE;
  if (g_ascii_strcasecmp (phone_option, "none") != 0 && (!set_up_phone (&setup, error) || !try_phone (&setup, error)))
    return FALSE;
  printf ("\nThat is all. People in %s call you at sip:%s; 'peerline invite' brings others in.\n", setup.document->instance_name, setup.aor);
  return TRUE;
}

static const GOptionEntry setup_options[] = {
  { "join", 0, 0, G_OPTION_ARG_STRING, &join_option, "An invitation (link or file), or where the overlay's document is", "INVITATION" },
  { "create", 0, 0, G_OPTION_ARG_STRING, &create_option, "Make an overlay of this name; without --bootstrap for this network alone", "NAME" },
  { "bootstrap", 0, 0, G_OPTION_ARG_STRING, &bootstrap_option, "A machine of the new overlay that all can reach", "HOST:PORT" },
  { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "Which of your overlays", "NAME" },
  { "address", 0, 0, G_OPTION_ARG_STRING, &address_option, "Your e-mail address", "ADDRESS" },
  { "secret", 0, 0, G_OPTION_ARG_FILENAME, &secret_option, "Where the overlay's shared secret is, if it has one", "FILE" },
  { "code", 0, 0, G_OPTION_ARG_STRING, &code_option, "The code of the mail of an earlier try", "CODE" },
  { "ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_option, "Trust the HTTPS server by these certificates alone", "FILE" },
  { "phone", 0, 0, G_OPTION_ARG_STRING, &phone_option, "Which phone you use: as of 'peerline phone', or none", "KIND" },
  { "wait", 0, 0, G_OPTION_ARG_INT, &wait_option, "How long to wait for the daemon, the phone, the test call (300); 0: not", "SECONDS" },
  { NULL }
};

const PlCliCommand pl_cli_setup_commands[] = {
  { NULL, "setup", "", "begin here: from nothing to the first call, by questions",
    "Every answer can be given as an option. Run again it goes on from where it stopped.", 0, setup_options, run_setup },
  { NULL }
};
