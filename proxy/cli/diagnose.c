/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/aor.h"
#include "proxy/cli/cli.h"

#define COUNT_MAX 1000
#define NODE_DIGITS 32

static int count = 1;
static const GOptionEntry ping_options[] = {
  { "count", 'c', 0, G_OPTION_ARG_INT, &count, "Ask COUNT times, a second apart (default 1)", "COUNT" },
  { NULL }
};

typedef struct {
  guint sent, answered;
  gint64 least, most, sum;
} Tally;

static const char *
text_of (JsonObject *row, const char *key)
{
  return json_object_get_string_member_with_default (row, key, "");
}

static gint64
number_of (JsonObject *row, const char *key)
{
  return json_object_get_int_member_with_default (row, key, -1);
}

static gboolean
check_target (const char *text, GError **error)
{
  g_autofree char *aor = pl_aor_canonical (text);

  if (aor || (strlen (text) == NODE_DIGITS && strspn (text, "0123456789abcdefABCDEF") == NODE_DIGITS))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "'%s' is neither a Node-ID (32 hex digits, as 'peerline peers' shows) nor an address: write it as alice@example.org", text);
  return FALSE;
}

static JsonNode *
ask (PlCli *cli, const char *method, GError **error)
{
  const char *target = g_ptr_array_index (cli->args, 0);
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GVariant) rows = NULL;

  if (!check_target (target, error))
    return NULL;
  answer = pl_cli_call (cli, method, g_variant_new ("(s)", target), error);
  if (!answer)
    return NULL;
  if (!g_variant_is_of_type (answer, G_VARIANT_TYPE ("(aa{sv})")))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "peerlined gave no list to %s; is it of this version?", method);
      return NULL;
    }
  rows = g_variant_get_child_value (answer, 0);
  return json_gvariant_serialize (rows);
}

static void
print_ping (JsonObject *row)
{
  g_autofree char *node = pl_cli_clean (text_of (row, "node"));
  g_autofree char *aor = pl_cli_clean (text_of (row, "aor"));
  g_autofree char *why = pl_cli_clean (text_of (row, "error"));

  if (*why)
    printf ("%-*s  %s%s%s\n", NODE_DIGITS, node, why, *aor ? "  " : "", aor);
  else
    printf ("%-*s  %8.1f ms  %2" G_GINT64_FORMAT " hops  %s\n", NODE_DIGITS, node, (double) number_of (row, "rtt") / 1000.0,
            MAX (number_of (row, "hops"), 0), aor);
}

static void
note (Tally *tally, JsonObject *row)
{
  gint64 rtt = number_of (row, "rtt");

  tally->sent++;
  if (*text_of (row, "error") || rtt < 0)
    return;
  tally->least = tally->answered ? MIN (tally->least, rtt) : rtt;
  tally->most = MAX (tally->most, rtt);
  tally->sum += rtt;
  tally->answered++;
}

static void
print_tally (PlCli *cli, const Tally *tally)
{
  if (tally->answered == 0)
    pl_cli_say (cli, "%u sent, none answered", tally->sent);
  else
    pl_cli_say (cli, "%u sent, %u answered, least/mean/most %.1f/%.1f/%.1f ms", tally->sent, tally->answered, (double) tally->least / 1000.0,
                (double) tally->sum / tally->answered / 1000.0, (double) tally->most / 1000.0);
}

static void
on_second (gpointer data)
{
  *(gboolean *) data = TRUE;
}

static void
wait_a_second (PlCli *cli)
{
  gboolean over = FALSE;
  PlTimer *timer = NULL;

  pl_env_arm (cli->env, &timer, PL_USEC_PER_SEC, on_second, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
  pl_timer_clear (&timer);
}

static gboolean
run_ping (PlCli *cli, GError **error)
{
  g_autoptr (JsonArray) all = json_array_new ();
  g_autoptr (JsonNode) out = json_node_new (JSON_NODE_ARRAY);
  Tally tally = { 0 };

  if (count < 1 || count > COUNT_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "-c takes 1 to %d", COUNT_MAX);
      return FALSE;
    }
  for (int i = 0; i < count; i++)
    {
      g_autoptr (JsonNode) node = NULL;
      JsonArray *rows;

      if (i > 0)
        wait_a_second (cli);
      node = ask (cli, "Ping", error);
      if (!node)
        return FALSE;
      rows = json_node_get_array (node);
      for (guint k = 0; k < json_array_get_length (rows); k++)
        {
          JsonObject *row = json_array_get_object_element (rows, k);

          note (&tally, row);
          if (!cli->json)
            print_ping (row);
          json_array_add_element (all, json_node_copy (json_array_get_element (rows, k)));
        }
      fflush (stdout);
    }
  json_node_set_array (out, all);
  if (cli->json)
    pl_cli_print_json (out);
  print_tally (cli, &tally);
  if (tally.answered > 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer from %s: 'peerline trace %s' shows how far messages get",
               (char *) g_ptr_array_index (cli->args, 0), (char *) g_ptr_array_index (cli->args, 0));
  return FALSE;
}

/* The last hop of each way tells whether it got there. */
static gboolean
check_ends (PlCli *cli, JsonArray *rows, GError **error)
{
  guint n = json_array_get_length (rows);

  for (guint i = 0; i < n; i++)
    {
      JsonObject *row = json_array_get_object_element (rows, i);

      if (!*text_of (row, "error"))
        continue;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the way to %s ends at hop %" G_GINT64_FORMAT " (%s): a node that left is forgotten in a minute, then try again",
                   text_of (row, "target"), number_of (row, "hop"), text_of (row, "error"));
      return FALSE;
    }
  return TRUE;
}

static gboolean
run_trace (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "hop", "HOP" }, { "node", "NODE" }, { "rtt", "TIME", PL_COLUMN_DURATION }, { "aor", "NAME" },
                                      { "target", "TO" }, { "error", "TROUBLE" }, { NULL } };
  g_autoptr (JsonNode) node = ask (cli, "Trace", error);

  if (!node)
    return FALSE;
  pl_cli_print_rows (cli, json_node_get_array (node), columns, "No way at all.");
  return check_ends (cli, json_node_get_array (node), error);
}

const PlCliCommand pl_cli_diagnose_commands[] = {
  { NULL, "ping", "NODE|AOR", "ask a node, or each device of somebody, whether it is there",
    "NODE is a Node-ID, as 'peerline peers' shows. Exit code 0 when anything answered.", 1, ping_options, run_ping },
  { NULL, "trace", "NODE|AOR", "show each hop of the way to a node or somebody, with its time",
    "For an address: the way to where it is registered, then to each of its devices.", 1, NULL, run_trace },
  { NULL }
};
