/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/diagnose.h"

#include <unistd.h>
#include "base/aor.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/routing.h"

#define NODES_MAX 8       /* devices of one AoR that are asked */

/* --- what we know of ourselves --- */

/* The n-th number of a file of /proc; FALSE: not there. */
static gboolean
proc_number (const char *path, guint n, guint64 *number)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  words = g_strsplit (text, " ", (int) n + 2);
  if (g_strv_length (words) <= n)
    return FALSE;
  *number = g_ascii_strtoull (words[n], NULL, 10);
  return TRUE;
}

gboolean
pl_diagnose_measure (gpointer user, guint16 kind, guint64 *number)
{
  (void) user;
  if (kind == PL_DIAGNOSTIC_MACHINE_UPTIME)
    return proc_number ("/proc/uptime", 0, number);
  if (kind != PL_DIAGNOSTIC_MEMORY_FOOTPRINT || !proc_number ("/proc/self/statm", 1, number))
    return FALSE;
  *number *= (guint64) sysconf (_SC_PAGESIZE) / 1024;
  return TRUE;
}

/* --- a question of the user --- */

typedef struct {
  GDBusMethodInvocation *invocation;
  PlMembership *membership;
  PlNode *node;
  gboolean trace;
  char *aor;               /* NULL: a node was named */
  GArray *targets;         /* of PlDestination, those still to be asked */
  char *target;            /* the one being asked, as people read it */
  guint hop;
  GVariantBuilder rows;
} Question;

static void next_target (Question *question);

static void
put_string (GVariantBuilder *dict, const char *key, const char *value)
{
  g_variant_builder_add (dict, "{sv}", key, g_variant_new_string (value ? value : ""));
}

static void
put_int (GVariantBuilder *dict, const char *key, gint64 value)
{
  g_variant_builder_add (dict, "{sv}", key, g_variant_new_int64 (value));
}

static void
question_free (Question *question)
{
  g_array_unref (question->targets);
  g_free (question->aor);
  g_free (question->target);
  g_free (question);
}

static void
give_up (Question *question, const char *reason)
{
  g_variant_builder_clear (&question->rows);
  g_dbus_method_invocation_return_error_literal (question->invocation, G_IO_ERROR, G_IO_ERROR_FAILED, reason);
  pl_membership_answered (question->membership, question);
  question_free (question);
}

/* The membership went away. */
static void
on_gone (gpointer data)
{
  Question *question = data;

  g_variant_builder_clear (&question->rows);
  g_dbus_method_invocation_return_error_literal (question->invocation, G_IO_ERROR, G_IO_ERROR_CANCELLED, PL_LEFT_TEXT);
  question_free (question);
}

static const char *
error_text (guint16 error)
{
  switch (error)
    {
    case 0:
      return "";
    case PL_HOP_NO_ANSWER:
      return "no answer";
    case PL_ERROR_UNDERLAY_DESTINATION_UNREACHABLE:
      return "knows no way on: nobody is there";
    case PL_ERROR_LOOP_DETECTED:
      return "the way goes in a circle";
    case PL_ERROR_FORBIDDEN:
      return "answers only those it trusts";
    default:
      return pl_error_code_name (error) ? pl_error_code_name (error) : "refused";
    }
}

/* What the node told about itself, in the words of the interface. */
static void
put_told (GVariantBuilder *dict, const PlDiagnosticsResponse *told)
{
  static const struct { guint16 kind; const char *key; } numbers[] = {
    { PL_DIAGNOSTIC_STATUS_INFO, "load" },
    { PL_DIAGNOSTIC_ROUTING_TABLE_SIZE, "peers" },
    { PL_DIAGNOSTIC_APP_UPTIME, "uptime" },
    { PL_DIAGNOSTIC_MACHINE_UPTIME, "machine_uptime" },
    { PL_DIAGNOSTIC_MEMORY_FOOTPRINT, "memory" },
    { PL_DIAGNOSTIC_DATASIZE_STORED, "stored" },
  };
  const PlDiagnosticInfo *version = pl_diagnostics_response_find (told, PL_DIAGNOSTIC_SOFTWARE_VERSION);

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      const PlDiagnosticInfo *info = pl_diagnostics_response_find (told, numbers[i].kind);

      if (info)
        put_int (dict, numbers[i].key, (gint64) MIN (info->number, G_MAXINT64));
    }
  if (version)
    {
      g_autofree char *text = pl_diagnostic_info_dup_text (version);

      put_string (dict, "version", text);
    }
}

static void
on_hop (gpointer user, const PlHop *hop, gboolean last)
{
  Question *question = user;
  g_autofree char *node = pl_node_id_dup_hex (&hop->node);
  GVariantBuilder dict;

  g_variant_builder_init (&dict, G_VARIANT_TYPE_VARDICT);
  put_string (&dict, "target", question->target);
  put_int (&dict, "hop", question->hop++);
  put_string (&dict, "node", node);
  put_string (&dict, "aor", hop->aor);
  put_int (&dict, "rtt", hop->error == PL_HOP_NO_ANSWER ? -1 : hop->rtt);
  put_int (&dict, "hops", hop->hops);
  put_string (&dict, "error", error_text (hop->error));
  if (hop->told)
    put_told (&dict, hop->told);
  g_variant_builder_add_value (&question->rows, g_variant_builder_end (&dict));
  if (last)
    next_target (question);
}

static char *
target_text (const Question *question, const PlDestination *to)
{
  return to->type == PL_DESTINATION_NODE ? pl_node_id_dup_hex (&to->node_id) : g_strdup (question->aor);
}

static void
next_target (Question *question)
{
  PlDestination to;
  PlTrace *trace;
  GVariant *rows;

  if (question->targets->len == 0)
    {
      rows = g_variant_builder_end (&question->rows);
      g_dbus_method_invocation_return_value (question->invocation, g_variant_new_tuple (&rows, 1));
      pl_membership_answered (question->membership, question);
      question_free (question);
      return;
    }
  to = g_array_index (question->targets, PlDestination, 0);
  g_array_remove_index (question->targets, 0);
  question->hop = 0;
  g_free (question->target);
  question->target = target_text (question, &to);
  if (question->trace)
    trace = pl_node_trace (question->node, &to, PL_DIAGNOSTIC_EVERYTHING, on_hop, question);
  else
    trace = pl_node_ping (question->node, &to, PL_DIAGNOSTIC_EVERYTHING, on_hop, question);
  if (!trace)
    give_up (question, "too many questions at once: wait for the others");
}

static void
add_target (Question *question, const PlDestination *to)
{
  g_array_append_vals (question->targets, to, 1);
}

static void
on_found (gpointer user, PlLookupResult result, const GArray *nodes)
{
  Question *question = user;
  g_autofree char *reason = NULL;

  for (guint i = 0; nodes && i < nodes->len && i < NODES_MAX; i++)
    {
      PlDestination to = pl_destination_node (&g_array_index (nodes, PlFoundNode, i).node);

      add_target (question, &to);
    }
  if (question->targets->len > 0)
    next_target (question);
  else
    {
      reason = g_strdup_printf ("%s is on no device now: 'peerline lookup %s' says more, 'peerline trace %s' the way to the place",
                                question->aor, question->aor, question->aor);
      give_up (question, reason);
    }
}

/* FALSE: answered with an error. */
static gboolean
check (GPtrArray *memberships, const char *target, const char *aor, gboolean is_node, GDBusMethodInvocation *invocation)
{
  PlNodeState state;

  if (!aor && !is_node)
    {
      g_dbus_method_invocation_return_error (invocation, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                                             "\"%s\" is neither a Node-ID (32 hex digits, as 'peerline peers' shows) nor an address as alice@example.org",
                                             target);
      return FALSE;
    }
  if (memberships->len == 0)
    {
      g_dbus_method_invocation_return_error (invocation, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                                             "you are in no overlay yet: 'peerline overlay join FILE' or 'peerline overlay create NAME'");
      return FALSE;
    }
  state = pl_node_state (pl_membership_node (g_ptr_array_index (memberships, 0)));
  if (state == PL_NODE_CLIENT || state == PL_NODE_PEER || state == PL_NODE_JOINING)
    return TRUE;
  g_dbus_method_invocation_return_error (invocation, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                                         "not connected to the overlay yet: 'peerline status' says what is missing");
  return FALSE;
}

static void
start (GPtrArray *memberships, const char *target, gboolean trace, GDBusMethodInvocation *invocation)
{
  PlNodeId id;
  gboolean is_node = pl_node_id_parse (target, &id) && !pl_node_id_is_wildcard (&id);
  g_autofree char *aor = is_node ? NULL : pl_aor_canonical (target);
  Question *question;
  PlDestination to;
  PlResourceId resource;

  if (!check (memberships, target, aor, is_node, invocation))
    return;
  question = g_new0 (Question, 1);
  question->invocation = invocation;
  question->membership = g_ptr_array_index (memberships, 0);
  question->node = pl_membership_node (question->membership);
  question->trace = trace;
  question->aor = g_steal_pointer (&aor);
  question->targets = g_array_new (FALSE, FALSE, sizeof (PlDestination));
  g_variant_builder_init (&question->rows, G_VARIANT_TYPE ("aa{sv}"));
  pl_membership_asked (question->membership, question, on_gone);
  if (is_node)
    {
      to = pl_destination_node (&id);
      add_target (question, &to);
      next_target (question);
      return;
    }
  if (trace)
    {
      pl_aor_resource (question->aor, &resource);
      to = pl_destination_resource (&resource);
      add_target (question, &to);
    }
  pl_node_lookup (question->node, question->aor, on_found, question);
}

void
pl_diagnose_ping (GPtrArray *memberships, const char *target, GDBusMethodInvocation *invocation)
{
  start (memberships, target, FALSE, invocation);
}

void
pl_diagnose_trace (GPtrArray *memberships, const char *target, GDBusMethodInvocation *invocation)
{
  start (memberships, target, TRUE, invocation);
}
