/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/forward/forward.h"

#include "base/log.h"
#include "overlay/forward/detour.h"
#include "overlay/forward/reassembly.h"
#include "overlay/forward/saved.h"
#include "overlay/forward/table.h"
#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"

#include <string.h>

/* Room for Via Lists to grow on the next hops (6.7). */
#define FRAGMENT_SLACK 32

typedef struct {
  GBytes *bytes;
  PlNodeId from;
} Inbound;

/* What tells a message that a link delivered twice. */
typedef struct {
  guint64 transaction_id;
  guint32 fragment;
  PlNodeId from;
  gint64 at;
} Recent;

struct PlForward {
  PlEnv *env;
  PlForwardConfig config;
  PlForwardHandlers handlers;
  gpointer user;
  PlTable *table;
  PlReassembly *reassembly;
  PlDetour *detour;
  PlSaved *saved;
  GHashTable *recent;       /* set of Recent */
  GQueue *recent_order;     /* the same, oldest first */
  GQueue *own;              /* Inbound: messages from us to us */
  PlTimer *own_timer;
  gint64 errors_second;
  guint errors;
  gboolean renewed;          /* config.cert is the one before ours */
};

/* One message on its way through this node. */
typedef struct {
  PlForward *forward;
  GBytes *bytes;
  gsize header_len;
  PlForwardingHeader header;
  PlNodeId from;
  gboolean ours;            /* made here */
  gboolean popped;          /* entries were taken off the destination list */
} Transit;

/* --- duplicates --- */

static guint
recent_hash (gconstpointer key)
{
  const Recent *recent = key;

  return g_int64_hash (&recent->transaction_id) ^ recent->fragment ^ pl_node_id_hash (&recent->from);
}

static gboolean
recent_equal (gconstpointer a, gconstpointer b)
{
  const Recent *x = a, *y = b;

  return x->transaction_id == y->transaction_id && x->fragment == y->fragment && pl_node_id_equal (&x->from, &y->from);
}

static void
recent_drop_oldest (PlForward *forward)
{
  Recent *oldest = g_queue_pop_head (forward->recent_order);

  g_hash_table_remove (forward->recent, oldest);
  g_free (oldest);
}

/* The link layer may deliver a message twice when an acknowledgement was lost; a repetition by
 * the originator comes later than half his timer and passes. */
static gboolean
is_duplicate (PlForward *forward, const Transit *transit)
{
  gint64 now = pl_env_now (forward->env);
  Recent key = { transit->header.transaction_id, transit->header.fragment, transit->from, now };
  Recent *oldest;

  while ((oldest = g_queue_peek_head (forward->recent_order))
         && (now - oldest->at > forward->config.reliability / 2
             || g_queue_get_length (forward->recent_order) >= PL_FORWARD_RECENT_MAX))
    recent_drop_oldest (forward);
  if (g_hash_table_contains (forward->recent, &key))
    return TRUE;
  oldest = g_memdup2 (&key, sizeof key);
  g_hash_table_add (forward->recent, oldest);
  g_queue_push_tail (forward->recent_order, oldest);
  return FALSE;
}

/* --- for us --- */

/* The certificate that the link has proven stands for the one left out. */
static void
deliver_whole (PlForward *forward, GBytes *message, const PlNodeId *from)
{
  PlLink *link = pl_table_link (forward->table, from);
  PlCert *cert = link ? pl_link_cert (link) : NULL;
  g_autoptr (GBytes) whole = cert ? pl_message_with_certificate (message, pl_cert_der (cert), pl_cert_fingerprint (cert)) : NULL;

  forward->handlers.deliver (forward->user, whole ? whole : message, from);
}

static void
deliver (Transit *transit)
{
  PlForward *forward = transit->forward;
  g_autoptr (GBytes) whole = NULL;
  PlNodeId origin = transit->from;

  if (transit->header.fragment == PL_FRAGMENT_WHOLE)
    {
      deliver_whole (forward, transit->bytes, &origin);
      return;
    }
  whole = pl_reassembly_add (forward->reassembly, transit->bytes, &transit->header, transit->header_len,
                             &transit->from, &origin);
  if (whole)
    deliver_whole (forward, whole, &origin);
}

static void
deliver_own (gpointer data)
{
  PlForward *forward = data;
  guint n = g_queue_get_length (forward->own);

  while (n-- > 0)
    {
      Inbound *inbound = g_queue_pop_head (forward->own);
      Transit transit = { .forward = forward, .bytes = inbound->bytes, .from = inbound->from };

      if (pl_forwarding_peek (inbound->bytes, &transit.header, &transit.header_len) == PL_WIRE_OK)
        deliver (&transit);
      pl_forwarding_header_clear (&transit.header);
      g_bytes_unref (inbound->bytes);
      g_free (inbound);
    }
  if (!g_queue_is_empty (forward->own))
    pl_env_arm (forward->env, &forward->own_timer, 0, deliver_own, forward);
}

/* Never inside the call that sent it. `message` is taken. */
static void
deliver_later (PlForward *forward, GBytes *message, const PlNodeId *from)
{
  Inbound *inbound = g_new0 (Inbound, 1);

  inbound->bytes = message;
  inbound->from = *from;
  g_queue_push_tail (forward->own, inbound);
  pl_env_arm (forward->env, &forward->own_timer, 0, deliver_own, forward);
}

/* The next hop is ourselves: what was made ready for another goes back to what came in. */
static gboolean
keep_here (PlForward *forward, GBytes *message)
{
  g_auto (PlForwardingHeader) header = { 0 };
  PlNodeId from = forward->config.self;
  gsize header_len = 0;
  GBytes *back;

  if (pl_forwarding_peek (message, &header, &header_len) != PL_WIRE_OK)
    return FALSE;
  if (header.via_list->len > 0)
    {
      from = pl_destination_list_get (header.via_list, header.via_list->len - 1)->node_id;
      g_array_set_size (header.via_list, header.via_list->len - 1);
    }
  back = pl_forwarding_rewrite (message, header_len, &header);
  if (back)
    deliver_later (forward, back, &from);
  return back != NULL;
}

/* --- sending --- */

static gboolean
send_to (gpointer user, const PlNodeId *hop, GBytes *message)
{
  PlForward *forward = user;
  PlLink *link = pl_table_link (forward->table, hop);
  g_autoptr (GPtrArray) pieces = NULL;
  gsize max;

  if (pl_node_id_equal (hop, &forward->config.self))
    return keep_here (forward, message);
  if (!link)
    return FALSE;
  max = pl_link_max_payload (link);
  if (g_bytes_get_size (message) <= max)
    return pl_link_send (link, message);
  pieces = pl_message_fragment (message, max > FRAGMENT_SLACK ? max - FRAGMENT_SLACK : max);
  for (guint i = 0; pieces && i < pieces->len; i++)
    if (!pl_link_send (link, g_ptr_array_index (pieces, i)))
      return FALSE;
  return pieces != NULL;
}

static PlLink *
link_of (gpointer user, const PlNodeId *hop)
{
  return pl_table_link (((PlForward *) user)->table, hop);
}

/* --- errors for those behind us --- */

/* Only the head of a message tells what it is. */
static gboolean
is_head (const Transit *transit)
{
  return (transit->header.fragment & PL_FRAGMENT_OFFSET) == 0
         && g_bytes_get_size (transit->bytes) >= transit->header_len + 2;
}

static gboolean
is_request (const Transit *transit)
{
  const guint8 *data = g_bytes_get_data (transit->bytes, NULL);

  return is_head (transit)
         && pl_message_code_is_request (data[transit->header_len] << 8 | data[transit->header_len + 1]);
}

static gboolean
is_response (const Transit *transit)
{
  return is_head (transit) && !is_request (transit);
}

static void
refuse (const Transit *transit, guint16 error, const char *text)
{
  PlForward *forward = transit->forward;
  gint64 second = pl_env_now (forward->env) / PL_USEC_PER_SEC;

  pl_debug ("forward", "message goes no further", "reason", text, NULL);
  if (transit->ours || !is_request (transit))
    return;
  if (second != forward->errors_second)
    {
      forward->errors_second = second;
      forward->errors = 0;
    }
  if (forward->errors++ < PL_FORWARD_ERRORS_MAX)
    forward->handlers.refuse (forward->user, &transit->header, &transit->from, error, text);
}

/* --- forwarding (6.1.2) --- */

static guint
times_in_via (const Transit *transit, const PlNodeId *id)
{
  guint n = 0;

  for (guint i = 0; i < transit->header.via_list->len; i++)
    {
      const PlDestination *via = pl_destination_list_get (transit->header.via_list, i);

      n += via->type == PL_DESTINATION_NODE && pl_node_id_equal (&via->node_id, id);
    }
  return n;
}

static gboolean
may_forward (const Transit *transit)
{
  const PlForwardingHeader *header = &transit->header;

  if (transit->ours)
    return TRUE;
  for (guint i = 0; i < header->options->len; i++)
    if (g_array_index (header->options, PlForwardingOption, i).flags & PL_OPTION_FORWARD_CRITICAL)
      {
        refuse (transit, PL_ERROR_UNSUPPORTED_FORWARDING_OPTION, "forwarding option is not supported");
        return FALSE;
      }
  if (header->ttl == 0)
    {
      refuse (transit, PL_ERROR_TTL_EXCEEDED, "ttl is used up");
      return FALSE;
    }
  /* Once may be a source route through us; twice is a loop. */
  return times_in_via (transit, &transit->forward->config.self) < 2;
}

/* The way back grows with each hop; from some length on it is kept here and an ID sent. */
static void
compress (Transit *transit)
{
  PlForward *forward = transit->forward;
  GArray *via = transit->header.via_list;
  PlDestination opaque;

  for (guint i = 0; i < transit->header.options->len; i++)
    if (g_array_index (transit->header.options, PlForwardingOption, i).flags & PL_OPTION_IGNORE_STATE_KEEPING)
      return;
  if (forward->config.compress == 0 || via->len < forward->config.compress
      || !pl_saved_put (forward->saved, transit->header.transaction_id, via, &opaque))
    return;
  g_array_set_size (via, 0);
  g_array_append_val (via, opaque);
}

/* An opaque ID stands for a list that was kept, in the order of a Via List (6.1.3). */
static gboolean
restore (Transit *transit)
{
  GArray *list = transit->header.destination_list;
  g_autoptr (GArray) via = pl_saved_dup (transit->forward->saved, transit->header.transaction_id, pl_destination_list_get (list, 0));

  if (!via)
    return FALSE;
  g_array_remove_index (list, 0);
  for (guint i = 0; i < via->len; i++)
    g_array_prepend_vals (list, pl_destination_list_get (via, i), 1);
  transit->popped = TRUE;
  return TRUE;
}

static GBytes *
outgoing (Transit *transit)
{
  PlForwardingHeader *header = &transit->header;

  if (transit->ours && !transit->popped)
    return g_bytes_ref (transit->bytes);
  if (!transit->ours)
    {
      header->ttl--;
      if (!is_response (transit))
        {
          PlDestination via = pl_destination_node (&transit->from);

          g_array_append_val (header->via_list, via);
          compress (transit);
        }
    }
  return pl_forwarding_rewrite (transit->bytes, transit->header_len, header);
}

/* Ours, and no node beyond the link gets it. */
static GBytes *
spare_certificate (const Transit *transit, const PlNodeId *to, GBytes *message)
{
  PlCert *own = pl_table_spared (transit->forward->table, to);

  if (!own || !transit->ours || transit->header.destination_list->len != 1)
    return NULL;
  return pl_message_without_certificate (message, pl_cert_der (own));
}

static gboolean
forward_direct (Transit *transit, const PlNodeId *to)
{
  g_autoptr (GBytes) message = NULL, shorter = NULL;

  if (!may_forward (transit) || !(message = outgoing (transit)))
    return FALSE;
  shorter = spare_certificate (transit, to, message);
  return send_to (transit->forward, to, shorter ? shorter : message);
}

static gboolean
forward_toward (Transit *transit, const PlNodeId *place)
{
  PlForward *forward = transit->forward;
  PlNodeId candidates[PL_FORWARD_HOPS_MAX * 4], hops[PL_FORWARD_HOPS_MAX];
  guint n_candidates, n = 0;
  g_autoptr (GBytes) message = NULL;

  if (!transit->ours && !forward->handlers.transit (forward->user))
    return FALSE;
  if (!may_forward (transit))
    return FALSE;
  n_candidates = forward->handlers.hops (forward->user, place, candidates, G_N_ELEMENTS (candidates));
  for (guint i = 0; i < n_candidates && n < PL_FORWARD_HOPS_MAX; i++)
    if (pl_node_id_equal (&candidates[i], &forward->config.self)
        || (pl_table_link (forward->table, &candidates[i]) && !pl_node_id_equal (&candidates[i], &transit->from)
            && times_in_via (transit, &candidates[i]) == 0))
      hops[n++] = candidates[i];
  if (n == 0 || !(message = outgoing (transit)))
    return FALSE;
  return pl_detour_send (forward->detour, message, hops, n);
}

/* --- receipt (6.1, 6.1.1) --- */

static gboolean
arrived (Transit *transit)
{
  if (transit->ours)
    deliver_later (transit->forward, g_bytes_ref (transit->bytes), &transit->forward->config.self);
  else
    deliver (transit);
  return TRUE;
}

static gboolean
route_node (Transit *transit, const PlNodeId *id)
{
  PlForward *forward = transit->forward;

  if (pl_table_link (forward->table, id))
    return forward_direct (transit, id);
  if (forward->handlers.responsible (forward->user, id))
    return FALSE; /* ours to serve, but not connected: silently dropped (6.1.1) */
  return forward_toward (transit, id);
}

static gboolean
route_resource (Transit *transit, const PlResourceId *resource)
{
  PlForward *forward = transit->forward;
  PlNodeId place;

  if (!pl_resource_id_to_node_id (resource, &place))
    {
      refuse (transit, PL_ERROR_INVALID_MESSAGE, "Resource-ID of another length than this overlay's");
      return FALSE;
    }
  if (forward->handlers.responsible (forward->user, &place))
    return transit->header.destination_list->len == 1 && arrived (transit);
  return forward_toward (transit, &place);
}

/* A node that took our link without an Attach knows us by the first Node-ID of our certificate,
 * and answers go back by that one. */
static gboolean
is_ours (PlForward *forward, const PlNodeId *id)
{
  return pl_node_id_equal (id, &forward->config.self)
         || (forward->config.cert && pl_cert_has_node_id (forward->config.cert, id) && !pl_table_link (forward->table, id));
}

static gboolean
route (Transit *transit)
{
  GArray *list = transit->header.destination_list;

  while (list->len > 0)
    {
      const PlDestination *first = pl_destination_list_get (list, 0);

      switch (first->type)
        {
        case PL_DESTINATION_NODE:
          if (pl_node_id_is_wildcard (&first->node_id))
            return arrived (transit);
          if (!is_ours (transit->forward, &first->node_id))
            return route_node (transit, &first->node_id);
          if (list->len == 1)
            return arrived (transit);
          g_array_remove_index (list, 0);
          transit->popped = TRUE;
          break;
        case PL_DESTINATION_RESOURCE:
          return route_resource (transit, &first->resource_id);
        default:
          if (!restore (transit))
            return FALSE; /* not one of ours, or no more: silently dropped (6.3.2.2) */
          break;
        }
    }
  return FALSE;
}

static gboolean
has_duplicate_destinations (const PlForwardingHeader *header)
{
  for (guint i = 0; i < header->destination_list->len; i++)
    for (guint j = 0; j < i; j++)
      if (pl_destination_equal (pl_destination_list_get (header->destination_list, i),
                                pl_destination_list_get (header->destination_list, j)))
        return TRUE;
  return FALSE;
}

/* Who has several Node-IDs and did not say by an Attach which one is at this link gets only as
 * far as Ping and Attach (6.1.2). */
static gboolean
is_unnamed (const Transit *transit)
{
  PlLink *link = pl_table_link (transit->forward->table, &transit->from);
  const guint8 *data = g_bytes_get_data (transit->bytes, NULL);
  guint16 code;

  if (!link || !pl_link_unnamed (link) || !is_request (transit))
    return FALSE;
  code = (guint16) (data[transit->header_len] << 8 | data[transit->header_len + 1]);
  return code != PL_MESSAGE_PING_REQ && code != PL_MESSAGE_ATTACH_REQ;
}

/* FALSE: discarded, with an error where one is due. */
static gboolean
check (const Transit *transit)
{
  const PlForwardingHeader *header = &transit->header;

  if (header->overlay != transit->forward->config.overlay)
    {
      refuse (transit, PL_ERROR_INCOMPATIBLE_WITH_OVERLAY, "another overlay");
      return FALSE;
    }
  if (header->ttl > transit->forward->config.initial_ttl)
    {
      refuse (transit, PL_ERROR_TTL_EXCEEDED, "ttl above initial-ttl");
      return FALSE;
    }
  if (header->destination_list->len == 0)
    {
      refuse (transit, PL_ERROR_INVALID_MESSAGE, "destination list is empty");
      return FALSE;
    }
  if (is_unnamed (transit))
    {
      refuse (transit, PL_ERROR_FORBIDDEN, "a certificate with several Node-IDs: Attach first");
      return FALSE;
    }
  if (is_request (transit) && has_duplicate_destinations (header))
    {
      refuse (transit, PL_ERROR_INVALID_MESSAGE, "destination list names a node twice");
      return FALSE;
    }
  return TRUE;
}

static void
on_message (gpointer user, const PlNodeId *from, const guint8 *data, gsize len)
{
  PlForward *forward = user;
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);
  Transit transit = { .forward = forward, .bytes = bytes, .from = *from };
  PlWireStatus status = pl_forwarding_peek (bytes, &transit.header, &transit.header_len);

  if (status == PL_WIRE_VERSION)
    refuse (&transit, PL_ERROR_INCOMPATIBLE_WITH_OVERLAY, pl_wire_status_text (status));
  else if (status != PL_WIRE_OK)
    pl_info ("forward", "message discarded", "reason", pl_wire_status_text (status), NULL);
  else if (check (&transit) && !is_duplicate (forward, &transit))
    route (&transit);
  pl_forwarding_header_clear (&transit.header);
}

gboolean
pl_forward_send (PlForward *forward, GBytes *message)
{
  Transit transit = { .forward = forward, .bytes = message, .from = forward->config.self, .ours = TRUE };
  gboolean sent = pl_forwarding_peek (message, &transit.header, &transit.header_len) == PL_WIRE_OK
                  && route (&transit);

  pl_forwarding_header_clear (&transit.header);
  return sent;
}

/* --- links --- */

static void
on_up (gpointer user, const PlNodeId *id, gboolean again)
{
  PlForward *forward = user;

  forward->handlers.link_up (forward->user, id, again);
}

static void
on_down (gpointer user, const PlNodeId *id, const char *reason)
{
  PlForward *forward = user;

  pl_detour_lost (forward->detour, id);
  forward->handlers.link_down (forward->user, id, reason);
}

static gboolean
keeps (gpointer user, const PlNodeId *id)
{
  PlForward *forward = user;

  return forward->handlers.keep (forward->user, id);
}

PlForward *
pl_forward_new (PlEnv *env, const PlForwardConfig *config, const PlForwardHandlers *handlers, gpointer user)
{
  static const PlTableHandlers table_handlers = { .message = on_message, .up = on_up, .down = on_down, .keep = keeps };
  PlLinkOptions options = { .max_message = config->max_message, .keepalive = config->keepalive };
  PlTableLimits limits = { PL_FORWARD_LINKS_MAX, config->messages };
  PlForward *forward = g_new0 (PlForward, 1);

  forward->env = env;
  forward->config = *config;
  forward->handlers = *handlers;
  forward->user = user;
  forward->table = pl_table_new (env, &options, &limits, &table_handlers, forward);
  forward->reassembly = pl_reassembly_new (env, config->max_message, PL_FORWARD_LIFETIME);
  forward->saved = pl_saved_new (env, PL_FORWARD_SAVED_MAX, PL_FORWARD_LIFETIME);
  forward->detour = pl_detour_new (env, PL_FORWARD_PENDING_MAX, send_to, link_of, forward);
  forward->recent = g_hash_table_new (recent_hash, recent_equal);
  forward->recent_order = g_queue_new ();
  forward->own = g_queue_new ();
  return forward;
}

void
pl_forward_free (PlForward *forward)
{
  Inbound *inbound;

  if (!forward)
    return;
  pl_timer_clear (&forward->own_timer);
  while ((inbound = g_queue_pop_head (forward->own)))
    {
      g_bytes_unref (inbound->bytes);
      g_free (inbound);
    }
  g_queue_free (forward->own);
  while (!g_queue_is_empty (forward->recent_order))
    recent_drop_oldest (forward);
  g_queue_free (forward->recent_order);
  g_hash_table_unref (forward->recent);
  pl_detour_free (forward->detour);
  pl_saved_free (forward->saved);
  pl_table_free (forward->table);
  pl_reassembly_free (forward->reassembly);
  g_free (forward);
}

void
pl_forward_add (PlForward *forward, PlCarrier *carrier, gboolean spared)
{
  PlCert *own = forward->config.cert;

  spared = spared && !forward->renewed;
  /* With several Node-IDs the signature names certificate and Node-ID. */
  pl_table_add (forward->table, carrier, spared && own && pl_cert_n_node_ids (own) == 1 ? own : NULL);
}

void
pl_forward_renewed (PlForward *forward)
{
  forward->renewed = TRUE;
}

void
pl_forward_disconnect (PlForward *forward, const PlNodeId *id)
{
  pl_table_remove (forward->table, id, "closed here");
}

gboolean
pl_forward_connected (PlForward *forward, const PlNodeId *id)
{
  return pl_table_link (forward->table, id) != NULL;
}

guint
pl_forward_n_links (PlForward *forward)
{
  return pl_table_size (forward->table);
}

PlLink *
pl_forward_link (PlForward *forward, const PlNodeId *id)
{
  return pl_table_link (forward->table, id);
}

gint64
pl_forward_heard (PlForward *forward, const PlNodeId *id)
{
  return pl_table_heard (forward->table, id);
}

GArray *
pl_forward_dup_nodes (PlForward *forward)
{
  return pl_table_dup_nodes (forward->table);
}

void
pl_forward_set_limits (PlForward *forward, guint8 initial_ttl, gsize max_message, gint64 reliability)
{
  forward->config.initial_ttl = initial_ttl;
  forward->config.reliability = reliability;
  forward->config.max_message = max_message;
  pl_table_set_max_message (forward->table, max_message);
  pl_reassembly_set_max_message (forward->reassembly, max_message);
}
