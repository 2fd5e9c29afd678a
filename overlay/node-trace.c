/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* Our pings and walks. */

#define EXPIRATION (300 * PL_USEC_PER_SEC)  /* of a request: clocks differ; at most 600 s */
#define HOP_TIME (4 * PL_USEC_PER_SEC)      /* for one answer */

struct PlTrace {
  PlNode *node;
  guint16 code;            /* of the question: Ping, PathTrack or RouteQuery */
  PlDestination to;
  guint64 flags;
  PlHopFunc func;
  gpointer user;
  GArray *asked;           /* of PlNodeId, the walk so far; the last one is being asked */
  gint64 sent, timeout;
  PlTransaction *transaction;
};

void
pl_node_trace_init (PlNode *node)
{
  node->traces = g_ptr_array_new ();
}

static void
trace_free (PlTrace *trace)
{
  g_ptr_array_remove_fast (trace->node->traces, trace);
  g_array_unref (trace->asked);
  g_free (trace);
}

/* The transactions are gone by now. */
void
pl_node_trace_free (PlNode *node)
{
  while (node->traces->len > 0)
    trace_free (g_ptr_array_index (node->traces, 0));
  g_ptr_array_unref (node->traces);
}

void
pl_trace_cancel (PlTrace *trace)
{
  if (!trace)
    return;
  pl_trans_cancel (trace->transaction);
  trace_free (trace);
}

static PlTrace *
trace_new (PlNode *node, guint16 code, const PlDestination *to, PlHopFunc func, gpointer user)
{
  PlTrace *trace;

  if (node->traces->len >= PL_TRACE_OPEN_MAX)
    return NULL;
  trace = g_new0 (PlTrace, 1);
  trace->node = node;
  trace->code = code;
  trace->to = *to;
  trace->func = func;
  trace->user = user;
  trace->timeout = HOP_TIME;
  trace->asked = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  g_ptr_array_add (node->traces, trace);
  return trace;
}

/* --- questions --- */

static void
request_init (PlTrace *trace, PlDiagnosticsRequest *request)
{
  gint64 now = pl_env_wall (trace->node->env);

  request->timestamp_initiated = (guint64) (now / PL_USEC_PER_MSEC);
  request->expiration = (guint64) ((now + EXPIRATION) / PL_USEC_PER_MSEC);
  request->flags = trace->flags;
}

static GBytes *
question (PlTrace *trace)
{
  PlPathTrackReq track = { .destination = trace->to };
  PlRouteQueryReq query = { .destination = trace->to };
  PlPingReq ping = { 0 };

  if (trace->code == PL_MESSAGE_PING_REQ)
    return pl_body_write (pl_body_type (trace->code), &ping);
  if (trace->code == PL_MESSAGE_ROUTE_QUERY_REQ)
    return pl_body_write (pl_body_type (trace->code), &query);
  request_init (trace, &track.request);
  return pl_body_write (pl_body_type (trace->code), &track);
}

static GArray *
ping_extensions (PlTrace *trace)
{
  GArray *extensions = pl_message_extension_list_new ();
  PlDiagnosticsRequest request = { 0 };
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) contents = NULL;

  request_init (trace, &request);
  pl_writer_init (&writer);
  pl_diagnostics_request_write (&writer, &request);
  contents = pl_writer_finish (&writer);
  pl_message_extension_list_add (extensions, PL_EXTENSION_DIAGNOSTIC_PING, contents);
  return extensions;
}

static void on_answer (gpointer user, const PlTransAnswer *answer);

static void
ask (PlTrace *trace)
{
  g_autoptr (GBytes) body = question (trace);
  g_autoptr (GArray) extensions = trace->code == PL_MESSAGE_PING_REQ ? ping_extensions (trace) : NULL;
  PlTransRequest request = { .to = trace->to, .code = trace->code, .body = body, .extensions = extensions, .timeout = trace->timeout };
  guint n = trace->asked->len;

  if (trace->code != PL_MESSAGE_PING_REQ)
    request.to = pl_destination_node (&g_array_index (trace->asked, PlNodeId, n - 1));
  /* Along the very links that are looked at: the first two are this node and one it is linked to. */
  if (n > 2)
    {
      request.has_via = TRUE;
      request.via = g_array_index (trace->asked, PlNodeId, n - 2);
    }
  trace->sent = pl_env_now (trace->node->env);
  trace->transaction = pl_trans_request (trace->node->trans, &request, on_answer, trace, NULL);
}

/* --- answers --- */

/* Reads what was told; FALSE: malformed. `next` is the node to ask then. */
static gboolean
read_answer (PlTrace *trace, const PlTransAnswer *answer, PlPathTrackAns *track, gboolean *told, PlNodeId *next)
{
  PlChordRouteQueryAns query;
  const PlMessageExtension *extension;
  PlReader reader;

  *next = answer->signer;
  if (trace->code == PL_MESSAGE_ROUTE_QUERY_REQ)
    {
      if (pl_body_read (pl_body_type (PL_MESSAGE_ROUTE_QUERY_ANS), answer->body, NULL, NULL, &query) != PL_WIRE_OK)
        return FALSE;
      *next = query.next_peer;
      return TRUE;
    }
  if (trace->code == PL_MESSAGE_PATH_TRACK_REQ)
    {
      *told = pl_body_read (pl_body_type (PL_MESSAGE_PATH_TRACK_ANS), answer->body, NULL, NULL, track) == PL_WIRE_OK
              && track->next_hop.type == PL_DESTINATION_NODE;
      if (*told)
        *next = track->next_hop.node_id;
      return *told;
    }
  extension = pl_message_extension_list_find (answer->extensions, PL_EXTENSION_DIAGNOSTIC_PING);
  if (!extension)
    return TRUE;
  pl_reader_init_bytes (&reader, extension->extension_contents);
  pl_diagnostics_response_read (&reader, &track->response);
  *told = pl_reader_finish (&reader) == PL_WIRE_OK;
  return *told;
}

static gboolean
was_asked (PlTrace *trace, const PlNodeId *id)
{
  for (guint i = 0; i < trace->asked->len; i++)
    if (pl_node_id_equal (&g_array_index (trace->asked, PlNodeId, i), id))
      return TRUE;
  return FALSE;
}

static void
report (PlTrace *trace, const PlHop *hop, gboolean last)
{
  PlHopFunc func = trace->func;
  gpointer user = trace->user;

  if (last)
    trace_free (trace);
  func (user, hop, last);
}

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  PlTrace *trace = user;
  guint n = trace->asked->len;
  guint8 ttl = trace->node->document->initial_ttl;
  PlHop hop = { .rtt = pl_env_now (trace->node->env) - trace->sent, .hops = -1, .error = PL_HOP_NO_ANSWER };
  g_auto (PlPathTrackAns) track = { 0 };
  gboolean told = FALSE, last = TRUE;
  PlNodeId next;

  trace->transaction = NULL;
  if (n > 0)
    hop.node = g_array_index (trace->asked, PlNodeId, n - 1);
  else if (trace->to.type == PL_DESTINATION_NODE)
    hop.node = trace->to.node_id;
  if (answer)
    {
      hop.node = answer->signer;
      hop.aor = pl_cert_aor (answer->cert);
      hop.error = answer->error_code;
      if (!hop.error && !read_answer (trace, answer, &track, &told, &next))
        hop.error = PL_ERROR_INVALID_MESSAGE;
      last = hop.error != 0 || pl_node_id_equal (&next, &answer->signer);
    }
  if (told)
    {
      hop.told = &track.response;
      hop.hops = MAX (ttl - track.response.hop_counter, 0);
    }
  if (!last && (was_asked (trace, &next) || n >= PL_TRACE_HOPS_MAX))
    {
      hop.error = PL_ERROR_LOOP_DETECTED;
      last = TRUE;
    }
  if (!last)
    {
      g_array_append_val (trace->asked, next);
      ask (trace);
    }
  report (trace, &hop, last);
}

/* --- public --- */

static PlTrace *
walk (PlNode *node, guint16 code, const PlDestination *to, guint64 flags, PlHopFunc func, gpointer user)
{
  PlTrace *trace = trace_new (node, code, to, func, user);

  if (!trace)
    return NULL;
  trace->flags = flags;
  if (code != PL_MESSAGE_PING_REQ)
    g_array_append_val (trace->asked, node->self);
  ask (trace);
  return trace;
}

PlTrace *
pl_node_ping (PlNode *node, const PlDestination *to, guint64 flags, PlHopFunc func, gpointer user)
{
  g_return_val_if_fail (to->type != PL_DESTINATION_NODE || !pl_node_id_is_wildcard (&to->node_id), NULL); /* RFC 7851 6.1 */
  return walk (node, PL_MESSAGE_PING_REQ, to, flags, func, user);
}

PlTrace *
pl_node_trace (PlNode *node, const PlDestination *to, guint64 flags, PlHopFunc func, gpointer user)
{
  return walk (node, PL_MESSAGE_PATH_TRACK_REQ, to, flags, func, user);
}

PlTrace *
pl_node_route_iteratively (PlNode *node, const PlDestination *to, const PlNodeId *first, gint64 timeout,
                           PlHopFunc func, gpointer user)
{
  PlTrace *trace = trace_new (node, PL_MESSAGE_ROUTE_QUERY_REQ, to, func, user);

  if (!trace)
    return NULL;
  if (timeout > 0)
    trace->timeout = timeout;
  g_array_append_val (trace->asked, node->self);
  if (first)
    g_array_append_vals (trace->asked, first, 1);
  ask (trace);
  return trace;
}
