/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline doctor`: goes through what has to be right for a call, in the order in which a person
 * would set it up, and says of each what it found and what to do.
 */
#include "config.h"

#include <stdio.h>

#include "overlay/ident/key.h"
#include "proxy/cli/cli.h"
#include "proxy/cli/net.h"

#define SOON (14 * 86400) /* s; a certificate that ends within it is worth a word */

typedef enum { FINE, WARNING, WRONG } Level;
static const char *const level_names[] = { "fine", "warning", "wrong" };

typedef struct {
  PlCli *cli;
  JsonArray *findings;  /* level, what, remedy */
  guint wrong;
} Visit;

/* `remedy` may be NULL. */
static void
find (Visit *visit, Level level, const char *remedy, const char *format, ...) G_GNUC_PRINTF (4, 5);
static void
find (Visit *visit, Level level, const char *remedy, const char *format, ...)
{
  static const char *const marks[] = { "ok", "??", "!!" };
  g_autofree char *what = NULL;
  g_autofree char *clean = NULL;
  JsonObject *row = json_object_new ();
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  clean = pl_cli_clean (what);
  visit->wrong += level == WRONG;
  json_object_set_string_member (row, "level", level_names[level]);
  json_object_set_string_member (row, "what", clean);
  json_object_set_string_member (row, "remedy", remedy ? remedy : "");
  json_array_add_object_element (visit->findings, row);
  if (visit->cli->json)
    return;
  printf ("%s  %s\n", marks[level], clean);
  if (remedy)
    printf ("    -> %s\n", remedy);
  fflush (stdout);
}

/* Each says what to do itself. */
static void
find_problems (Visit *visit, GPtrArray *problems)
{
  for (guint i = 0; problems && i < problems->len; i++)
    find (visit, WRONG, NULL, "%s", (char *) g_ptr_array_index (problems, i));
}

/* --- on disk --- */

static void
look_at_overlays (Visit *visit)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) overlays = pl_home_list_overlays (visit->cli->paths, &problems);

  find_problems (visit, problems);
  if (overlays->len == 0)
    find (visit, WRONG, "'peerline overlay join FILE' with the overlay's document, or 'peerline overlay create NAME' for a new one",
          "you are in no overlay");
  for (guint i = 0; i < overlays->len; i++)
    {
      const PlHomeOverlay *overlay = g_ptr_array_index (overlays, i);

      if (overlay->document)
        find (visit, FINE, NULL, "overlay %s: its document is valid", overlay->name);
    }
}

static void
look_at_identity (Visit *visit, const PlHomeIdentity *place)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlIdentity) identity = pl_identity_load (place->key_path, place->cert_path, NULL, &error);
  gint64 left;

  if (!identity && error->domain == PL_KEY_ERROR)
    {
      find (visit, FINE, NULL, "identity %s: its key is locked, 'peerline unlock %s' unlocks it", place->aor, place->aor);
      return;
    }
  if (!identity)
    {
      find (visit, WRONG, NULL, "identity %s: %s", place->aor, error->message);
      return;
    }
  left = pl_cert_not_after (pl_identity_cert (identity)) - pl_env_wall (visit->cli->env) / PL_USEC_PER_SEC;
  if (left <= 0)
    find (visit, WRONG, "get a new one as you got the first: it keeps the key. If it should be valid still, this machine's clock is wrong",
          "identity %s: its certificate has expired", place->aor);
  else if (left < SOON)
    find (visit, WARNING, "get a new one as you got the first: it keeps the key",
          "identity %s: its certificate ends in %d days", place->aor, (int) (left / 86400));
  else
    find (visit, FINE, NULL, "identity %s in overlay %s", place->aor, place->overlay);
}

static void
look_at_identities (Visit *visit)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) identities = pl_home_list_identities (visit->cli->paths, &problems);
  g_autoptr (GPtrArray) requests = pl_home_list_requests (visit->cli->paths);

  find_problems (visit, problems);
  for (guint i = 0; i < requests->len; i++)
    find (visit, WARNING, "'peerline identity import FILE' brings it in",
          "a request for %s waits for its certificate", ((PlHomeIdentity *) g_ptr_array_index (requests, i))->aor);
  if (identities->len == 0)
    find (visit, WRONG, "'peerline enroll ADDRESS --overlay URL', or 'peerline identity request ADDRESS --overlay NAME' for whoever has the authority",
          "you have no identity: nobody can call you");
  for (guint i = 0; i < identities->len; i++)
    look_at_identity (visit, g_ptr_array_index (identities, i));
}

/* --- the daemon --- */

static void
look_at_status (Visit *visit, JsonObject *status)
{
  JsonArray *problems = json_object_has_member (status, "problems") ? json_object_get_array_member (status, "problems") : NULL;
  const char *state = json_object_get_string_member_with_default (status, "state", "");

  if (g_strcmp0 (json_object_get_string_member_with_default (status, "version", ""), PACKAGE_VERSION) != 0)
    find (visit, WARNING, "restart it", "the daemon that runs is of another version");
  for (guint i = 0; problems && i < json_array_get_length (problems); i++)
    find (visit, WRONG, NULL, "%s", json_array_get_string_element (problems, i));
  if (g_str_equal (state, "ready"))
    find (visit, FINE, NULL, "the daemon runs and is in the overlay");
  else if (g_str_equal (state, "connecting"))
    find (visit, WARNING, "wait a moment; what keeps it is said above or in its log", "the daemon is not in the overlay yet");
}

static void
look_at_phones (Visit *visit)
{
  g_autoptr (JsonNode) node = pl_cli_call_json (visit->cli, "Registrations", NULL, NULL);
  guint n = node && JSON_NODE_HOLDS_ARRAY (node) ? json_array_get_length (json_node_get_array (node)) : 0;

  if (n > 0)
    find (visit, FINE, NULL, "%u %s registered", n, n == 1 ? "phone has" : "phones have");
  else
    find (visit, WARNING, "'peerline phone generic' says what to give it, also 'peerline phone baresip' or 'linphone'", "no phone has registered");
}

static gboolean
look_at_daemon (Visit *visit)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = pl_cli_call_json (visit->cli, "Status", NULL, &error);

  if (!node || !JSON_NODE_HOLDS_OBJECT (node))
    {
      find (visit, WRONG, NULL, "%s", error ? error->message : "the daemon gives no answer");
      return FALSE;
    }
  look_at_status (visit, json_node_get_object (node));
  look_at_phones (visit);
  return TRUE;
}

/* --- the network --- */

static void
look_at_path (Visit *visit, const PlNetPath *path)
{
  static const Level levels[] = { [PL_NET_ABSENT] = FINE, [PL_NET_SILENT] = WARNING, [PL_NET_OPEN] = FINE,
                                  [PL_NET_CONE] = FINE, [PL_NET_SYMMETRIC] = WARNING, [PL_NET_NAT] = WARNING };

  find (visit, levels[path->kind], NULL, "%s: %s", path->family, pl_net_sentence (path->kind));
}

static void
look_at_network (Visit *visit)
{
  g_auto (PlNetReport) report = { 0 };

  pl_net_measure (visit->cli, &report);
  if (report.bootstraps > 0 && report.reached == 0)
    find (visit, WRONG, "is this machine online, and does one of them run? 'peerline overlay list' names them",
          "no bootstrap node takes a connection");
  else if (report.bootstraps > 0)
    find (visit, FINE, NULL, "%u of %u bootstrap nodes take a connection", report.reached, report.bootstraps);
  if (report.paths[0].asked + report.paths[1].asked == 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (report.paths); i++)
    look_at_path (visit, &report.paths[i]);
}

/* --- the command --- */

static gboolean
run_doctor (PlCli *cli, GError **error)
{
  g_autoptr (JsonArray) findings = json_array_new ();
  g_autoptr (JsonNode) node = json_node_init_array (json_node_alloc (), findings);
  Visit visit = { cli, findings, 0 };

  look_at_overlays (&visit);
  look_at_identities (&visit);
  look_at_daemon (&visit);
  look_at_network (&visit);
  if (cli->json)
    pl_cli_print_json (node);
  if (visit.wrong == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%u %s wrong: see above", visit.wrong, visit.wrong == 1 ? "thing is" : "things are");
  return FALSE;
}

const PlCliCommand pl_cli_doctor_commands[] = {
  { NULL, "doctor", "", "look for what keeps calls from working, and say what to do",
    "Exit code 1 when something is wrong. Asks the network, which takes some seconds when it is silent.", 0, NULL, run_doctor },
  { NULL }
};
