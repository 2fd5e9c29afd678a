/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* What we tell about ourselves (RFC 7851), to whom the policy lets us. */

/* "between 1 and 600 seconds in the future" of when it was made (RFC 7851 5.1), and what answers get. */
#define LIFETIME_MAX (600 * G_GUINT64_CONSTANT (1000))
#define ANSWER_LIFETIME (60 * G_GUINT64_CONSTANT (1000))

void
pl_node_diagnose_init (PlNode *node)
{
  node->diagnostics.everybody = PL_DIAGNOSTICS_EVERYBODY;
  if (node->options.diagnostics)
    node->diagnostics = *node->options.diagnostics;
  node->options.diagnostics = NULL;
  node->diagnostics.names = (const char *const *) g_strdupv ((char **) node->diagnostics.names);
}

void
pl_node_diagnose_free (PlNode *node)
{
  g_strfreev ((char **) node->diagnostics.names);
}

static gboolean
is_trusted (const PlDiagnosticsPolicy *policy, const PlIncoming *incoming)
{
  g_autofree char *hex = NULL;

  if (!policy->names)
    return FALSE;
  hex = pl_node_id_dup_hex (&incoming->signer);
  for (guint i = 0; policy->names[i]; i++)
    if (g_ascii_strcasecmp (policy->names[i], hex) == 0 || g_strcmp0 (policy->names[i], pl_cert_aor (incoming->cert)) == 0)
      return TRUE;
  return FALSE;
}

/* What the document lets this node ask everybody. */
static guint64
granted (const PlDocument *document, const PlNodeId *signer)
{
  guint64 flags = 0;

  for (guint i = 0; i < document->diagnostic_grants->len; i++)
    {
      const PlDiagnosticGrant *grant = &g_array_index (document->diagnostic_grants, PlDiagnosticGrant, i);

      if (grant->kind <= PL_DIAGNOSTIC_LAST && pl_node_id_equal (&grant->node, signer))
        flags |= PL_DIAGNOSTIC_FLAG (grant->kind);
    }
  return flags;
}

static guint
count_peers (PlNode *node)
{
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);
  guint n = 0;

  for (guint i = 0; i < nodes->len; i++)
    n += pl_topology_is_peer (node->topology, &g_array_index (nodes, PlNodeId, i));
  return n;
}

static void
add_messages (PlDiagnosticsResponse *response, PlNode *node)
{
  GArray *entries = pl_diagnostic_entries_new ();

  for (guint i = 0; pl_body_type_nth (i); i++)
    {
      guint16 code = pl_body_type_nth (i)->code;
      PlDiagnosticEntry entry = { .id = code };

      pl_trans_count (node->trans, code, &entry.one, &entry.two);
      if (entry.one || entry.two)
        g_array_append_val (entries, entry);
    }
  pl_diagnostics_response_add (response, PL_DIAGNOSTIC_MESSAGES_SENT_RCVD)->entries = entries;
}

static void
add_instances (PlDiagnosticsResponse *response, PlNode *node)
{
  GArray *entries = pl_diagnostic_entries_new ();

  for (guint i = 0; i < node->document->kinds->len; i++)
    {
      PlDiagnosticEntry entry = { .id = g_array_index (node->document->kinds, PlKind, i).id };

      entry.one = pl_store_n_values (node->store, entry.id);
      g_array_append_val (entries, entry);
    }
  pl_diagnostics_response_add (response, PL_DIAGNOSTIC_INSTANCES_STORED)->entries = entries;
}

/* FALSE: not known here. */
static gboolean
number_of (PlNode *node, const PlDiagnosticsPolicy *policy, guint16 kind, guint64 *number)
{
  switch (kind)
    {
    case PL_DIAGNOSTIC_STATUS_INFO:
      *number = pl_trans_load (node->trans);
      return TRUE;
    case PL_DIAGNOSTIC_ROUTING_TABLE_SIZE:
      *number = count_peers (node);
      return TRUE;
    case PL_DIAGNOSTIC_APP_UPTIME:
      *number = (guint64) ((pl_env_now (node->env) - node->born) / PL_USEC_PER_SEC);
      return TRUE;
    case PL_DIAGNOSTIC_DATASIZE_STORED:
      *number = pl_store_n_bytes (node->store);
      return TRUE;
    default:
      return policy->measure && policy->measure (policy->user, kind, number);
    }
}

static void
add_kind (PlDiagnosticsResponse *response, PlNode *node, const PlDiagnosticsPolicy *policy, guint16 kind)
{
  guint64 number = 0;

  switch (kind)
    {
    case PL_DIAGNOSTIC_SOFTWARE_VERSION:
      pl_diagnostics_response_add (response, kind)->raw = g_bytes_new_static (PACKAGE_STRING, sizeof PACKAGE_STRING);
      break;
    case PL_DIAGNOSTIC_INSTANCES_STORED:
      add_instances (response, node);
      break;
    case PL_DIAGNOSTIC_MESSAGES_SENT_RCVD:
      add_messages (response, node);
      break;
    default:
      if (number_of (node, policy, kind, &number))
        pl_diagnostics_response_add (response, kind)->number = number;
      break;
    }
}

#define KNOWN_KINDS ((PL_DIAGNOSTIC_FLAG (PL_DIAGNOSTIC_LAST) << 1) - 2)

/* A kind that the asker may not know is Forbidden (RFC 7851 6.3), but who asks for everything gets
 * what he may know. 0 with `response` filled, or the error for a request that is not to be answered. */
static guint16
diagnose (PlNode *node, const PlIncoming *incoming, const PlDiagnosticsRequest *request, PlDiagnosticsResponse *response)
{
  const PlDiagnosticsPolicy *policy = &node->diagnostics;
  guint64 now = (guint64) (pl_env_wall (node->env) / PL_USEC_PER_MSEC), allowed = policy->everybody;
  gboolean trusted = is_trusted (policy, incoming);

  if (request->expiration < now)
    return PL_ERROR_MESSAGE_EXPIRED;
  if (request->expiration < request->timestamp_initiated || request->expiration - request->timestamp_initiated > LIFETIME_MAX)
    return PL_ERROR_INVALID_MESSAGE;
  if (policy->closed && !trusted)
    return PL_ERROR_FORBIDDEN;
  if (trusted)
    allowed |= policy->trusted;
  allowed |= granted (node->document, &incoming->signer);
  if (request->flags != PL_DIAGNOSTIC_EVERYTHING && (request->flags & KNOWN_KINDS & ~allowed))
    return PL_ERROR_FORBIDDEN;
  response->expiration = now + ANSWER_LIFETIME;
  response->timestamp_initiated = request->timestamp_initiated;
  response->timestamp_received = now;
  response->hop_counter = incoming->header.ttl;
  for (guint16 kind = PL_DIAGNOSTIC_STATUS_INFO; kind <= PL_DIAGNOSTIC_LAST; kind++)
    if (request->flags & allowed & PL_DIAGNOSTIC_FLAG (kind))
      add_kind (response, node, policy, kind);
  return 0;
}

static void
refuse (PlNode *node, PlIncoming *incoming, guint16 error)
{
  pl_trans_refuse_text (node->trans, incoming, error, pl_error_code_name (error));
}

gboolean
pl_node_diagnose_ping (PlNode *node, PlIncoming *incoming, GArray *extensions)
{
  const PlMessageExtension *asked = pl_message_extension_list_find (incoming->extensions, PL_EXTENSION_DIAGNOSTIC_PING);
  g_auto (PlDiagnosticsRequest) request = { 0 };
  g_auto (PlDiagnosticsResponse) response = { 0 };
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) contents = NULL;
  PlReader reader;
  guint16 error = 0;

  pl_writer_init (&writer);
  if (!asked)
    return TRUE;
  pl_reader_init_bytes (&reader, asked->extension_contents);
  pl_diagnostics_request_read (&reader, &request);
  error = pl_reader_finish (&reader) == PL_WIRE_OK ? diagnose (node, incoming, &request, &response) : PL_ERROR_INVALID_MESSAGE;
  if (error)
    {
      refuse (node, incoming, error);
      return FALSE;
    }
  pl_diagnostics_response_write (&writer, &response);
  contents = pl_writer_finish (&writer);
  if (contents)
    pl_message_extension_list_add (extensions, PL_EXTENSION_DIAGNOSTIC_PING, contents);
  return TRUE;
}

/* --- PathTrack --- */

/* Where a request for this place goes from here; ourselves when it is ours. As forward routes. */
static gboolean
next_hop (PlNode *node, const PlNodeId *place, gboolean is_node, const PlNodeId *from, PlNodeId *hop)
{
  PlNodeId hops[PL_FORWARD_HOPS_MAX];
  guint n;

  *hop = node->self;
  if (is_node && pl_node_id_equal (place, &node->self))
    return TRUE;
  if (is_node && pl_forward_connected (node->forward, place))
    {
      *hop = *place;
      return TRUE;
    }
  if (pl_topology_responsible (node->topology, place))
    return !is_node;
  n = pl_topology_hops (node->topology, place, hops, G_N_ELEMENTS (hops));
  for (guint i = 0; i < n; i++)
    if (pl_forward_connected (node->forward, &hops[i]) && !pl_node_id_equal (&hops[i], from))
      {
        *hop = hops[i];
        return TRUE;
      }
  return FALSE;
}

static gboolean
place_of (const PlDestination *destination, PlNodeId *place, gboolean *is_node)
{
  *is_node = destination->type == PL_DESTINATION_NODE;
  if (*is_node)
    {
      *place = destination->node_id;
      return TRUE;
    }
  return destination->type == PL_DESTINATION_RESOURCE && pl_resource_id_to_node_id (&destination->resource_id, place);
}

void
pl_node_on_path_track (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlPathTrackReq) track = { 0 };
  g_auto (PlPathTrackAns) answer = { 0 };
  g_autoptr (GBytes) body = NULL;
  PlNodeId place, hop;
  gboolean is_node;
  guint16 error = PL_ERROR_INVALID_MESSAGE;

  if (pl_body_read (pl_body_type (PL_MESSAGE_PATH_TRACK_REQ), incoming->body, NULL, NULL, &track) == PL_WIRE_OK
      && place_of (&track.destination, &place, &is_node))
    error = diagnose (node, incoming, &track.request, &answer.response);
  if (!error && !next_hop (node, &place, is_node, &incoming->signer, &hop))
    error = PL_ERROR_UNDERLAY_DESTINATION_UNREACHABLE;
  if (error)
    {
      refuse (node, incoming, error);
      return;
    }
  answer.next_hop = pl_destination_node (&hop);
  body = pl_body_write (pl_body_type (PL_MESSAGE_PATH_TRACK_ANS), &answer);
  pl_trans_answer (node->trans, incoming, body, NULL);
}
