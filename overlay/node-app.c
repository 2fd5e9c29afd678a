/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

#include <string.h>

/* AppAttach (RFC 6940 6.5.2, RFC 7904): links of the SIP usage, and those that TURN servers are told
 * over. One exchange per far node and application at a time; both ends at once are settled as for
 * Attach (6.5.1.2). */

#define SEGMENTS_EXTENSION "pl-sip-seg"
#define ASK_AGAIN (PL_USEC_PER_SEC / 2)   /* who waits for the far side's AppAttach and hears nothing of it */

struct PlAppLink {
  PlNode *node;              /* NULL once that is gone */
  PlEnv *env;
  PlSegments *segments;
  PlAppLinkHandlers handlers;
  gpointer user;
  GQueue kept;               /* GBytes that came before there was a handler for them */
  PlTimer *delivery;
};

typedef struct {
  PlNode *node;
  guint16 application;
  gboolean ours;
  gboolean waiting;          /* the far side's own AppAttach goes first */
  PlNodeId far;
  gboolean answered;
  gboolean segmented;        /* the far side speaks segments */
  PlAttachment *attachment;
  PlTransaction *transaction;
  PlIncoming *incoming;
  GPtrArray *connects;       /* PlAppConnect */
  PlTimer *timer;
  PlTimer *again;            /* while waiting */
} AppExchange;

struct PlAppConnect {
  AppExchange *exchange;
  PlAppConnectFunc func;
  gpointer user;
};

/* --- links --- */

static void
on_message (gpointer user, const guint8 *data, gsize len)
{
  PlAppLink *link = user;

  if (link->handlers.message && link->kept.length == 0)
    link->handlers.message (link->user, link, data, len);
  else if (link->kept.length < PL_APP_LINK_KEPT_MAX)
    g_queue_push_tail (&link->kept, g_bytes_new (data, len));
  else
    pl_info ("node", "message on a link that nobody takes dropped", NULL);
}

/* One at a time: the handler may free the link. */
static void
deliver_kept (gpointer data)
{
  PlAppLink *link = data;
  g_autoptr (GBytes) message = link->handlers.message ? g_queue_pop_head (&link->kept) : NULL;
  gsize len;
  const guint8 *bytes;

  if (!message)
    return;
  if (link->kept.length > 0)
    pl_env_arm (link->env, &link->delivery, 0, deliver_kept, link);
  bytes = g_bytes_get_data (message, &len);
  link->handlers.message (link->user, link, bytes, len);
}

static void
on_stalled (gpointer user)
{
  PlAppLink *link = user;

  if (link->handlers.stalled)
    link->handlers.stalled (link->user, link);
}

static void
on_closed (gpointer user, const char *reason)
{
  PlAppLink *link = user;

  if (link->handlers.closed)
    link->handlers.closed (link->user, link, reason);
}

static PlAppLink *
app_link_new (PlNode *node, PlCarrier *carrier, gboolean segmented)
{
  static const PlSegmentsHandlers handlers = { .message = on_message, .stalled = on_stalled, .closed = on_closed };
  PlAppLink *link = g_new0 (PlAppLink, 1);

  link->node = node;
  link->env = node->env;
  g_ptr_array_add (node->app_links, link);
  link->segments = pl_segments_new (node->env, carrier, segmented, &handlers, link);
  return link;
}

void
pl_app_link_set_handlers (PlAppLink *link, const PlAppLinkHandlers *handlers, gpointer user)
{
  link->handlers = handlers ? *handlers : (PlAppLinkHandlers) { 0 };
  link->user = user;
  if (link->handlers.message && link->kept.length > 0)
    pl_env_arm (link->env, &link->delivery, 0, deliver_kept, link);
}

gboolean
pl_app_link_send (PlAppLink *link, GBytes *message)
{
  return pl_segments_send (link->segments, message);
}

gboolean
pl_app_link_pending (PlAppLink *link, const guint8 *data, gsize len)
{
  return pl_segments_pending (link->segments, data, len);
}

GPtrArray *
pl_app_link_dup_unacknowledged (PlAppLink *link)
{
  return pl_segments_dup_unacknowledged (link->segments);
}

const PlCarrierInfo *
pl_app_link_info (PlAppLink *link)
{
  return pl_segments_info (link->segments);
}

void
pl_app_link_free (PlAppLink *link)
{
  if (!link)
    return;
  if (link->node)
    g_ptr_array_remove_fast (link->node->app_links, link);
  pl_timer_clear (&link->delivery);
  g_queue_clear_full (&link->kept, (GDestroyNotify) g_bytes_unref);
  pl_segments_free (link->segments);
  g_free (link);
}

/* The handlers may free any of them. */
void
pl_node_app_expel (PlNode *node, PlCondemnFunc condemn, gconstpointer data, const char *reason)
{
  for (guint i = 0; i < node->app_links->len;)
    {
      PlAppLink *link = g_ptr_array_index (node->app_links, i);
      const PlCarrierInfo *info = pl_segments_info (link->segments);

      if (condemn && !condemn (node, info, data))
        {
          i++;
          continue;
        }
      link->node = NULL;
      g_ptr_array_remove_index (node->app_links, i);
      pl_segments_close (link->segments, reason);
      i = 0;
    }
}

/* --- exchanges --- */

static void
connect_free (gpointer data)
{
  g_free (data);
}

static void
exchange_free (AppExchange *exchange)
{
  PlNode *node = exchange->node;

  pl_timer_clear (&exchange->timer);
  pl_timer_clear (&exchange->again);
  if (exchange->attachment)
    pl_transport_cancel (node->transport, exchange->attachment);
  if (exchange->transaction)
    pl_trans_cancel (exchange->transaction);
  if (exchange->incoming)
    pl_trans_drop (node->trans, exchange->incoming);
  g_ptr_array_unref (exchange->connects);
  g_free (exchange);
}

void
pl_node_app_init (PlNode *node)
{
  node->connects = g_ptr_array_new ();
  node->app_links = g_ptr_array_new ();
}

void
pl_node_app_free (PlNode *node)
{
  while (node->connects->len > 0)
    exchange_free (g_ptr_array_remove_index (node->connects, 0));
  g_ptr_array_unref (node->connects);
  for (guint i = 0; i < node->app_links->len; i++)
    ((PlAppLink *) g_ptr_array_index (node->app_links, i))->node = NULL;
  g_ptr_array_unref (node->app_links);
}

static void
take_incoming (PlNode *node, guint16 application, PlAppLink *link)
{
  if (application == PL_APPLICATION_TURN)
    pl_node_turn_serve (node, link);
  else if (node->handlers.incoming)
    node->handlers.incoming (node->user, link);
  else
    pl_app_link_free (link);
}

/* Hands the link to the first who asked for it; the others are told. */
static void
finish (AppExchange *exchange, PlAppLink *link, const GError *error)
{
  g_autoptr (GPtrArray) connects = g_steal_pointer (&exchange->connects);
  g_autoptr (GError) taken = NULL;
  PlNode *node = exchange->node;
  guint16 application = exchange->application;

  exchange->connects = g_ptr_array_new_with_free_func (connect_free);
  g_ptr_array_remove_fast (node->connects, exchange);
  exchange_free (exchange);
  if (link && connects->len == 0)
    {
      take_incoming (node, application, link);
      return;
    }
  for (guint i = 0; i < connects->len; i++)
    ((PlAppConnect *) g_ptr_array_index (connects, i))->exchange = NULL;
  for (guint i = 0; i < connects->len; i++)
    {
      PlAppConnect *connect = g_ptr_array_index (connects, i);
      PlAppConnectFunc func = g_steal_pointer (&connect->func);

      if (!func) /* cancelled by an earlier one's */
        continue;
      func (connect->user, link, link ? NULL : error);
      if (link)
        taken = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_EXISTS, "a link to this node was just made");
      error = link ? taken : error;
      link = NULL;
    }
}

static void
fail (AppExchange *exchange, int code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, code, text);

  finish (exchange, NULL, error);
}

/* Somebody waits for this link and wants to know. */
static void
fail_without_path (AppExchange *exchange)
{
  const char *why = pl_node_turn_explain (exchange->node);
  g_autofree char *hex = pl_node_id_dup_hex (&exchange->far);

  if (exchange->ours)
    pl_notice ("node", why, "node", hex, NULL);
  fail (exchange, G_IO_ERROR_HOST_UNREACHABLE, why);
}

static void
on_timeout (gpointer data)
{
  AppExchange *exchange = data;

  if (exchange->answered)
    fail_without_path (exchange);
  else
    fail (exchange, G_IO_ERROR_HOST_UNREACHABLE, "the node did not answer");
}

static AppExchange *
find_exchange (PlNode *node, guint16 application, const PlNodeId *far, gboolean ours)
{
  for (guint i = 0; i < node->connects->len; i++)
    {
      AppExchange *exchange = g_ptr_array_index (node->connects, i);

      if (exchange->ours == ours && exchange->application == application && pl_node_id_equal (&exchange->far, far))
        return exchange;
    }
  return NULL;
}

static void attach (AppExchange *exchange);

/* The far side's own AppAttach may be one that we have answered and given up, which it will notice by
 * its timer only: then ours is heard when we ask once more. */
static void
on_again (gpointer data)
{
  AppExchange *exchange = data;

  if (find_exchange (exchange->node, exchange->application, &exchange->far, FALSE))
    {
      pl_env_arm (exchange->node->env, &exchange->again, ASK_AGAIN, on_again, exchange);
      return;
    }
  exchange->waiting = FALSE;
  attach (exchange);
}

static void
wait_for_link (AppExchange *exchange)
{
  exchange->waiting = TRUE;
  pl_env_arm (exchange->node->env, &exchange->again, ASK_AGAIN, on_again, exchange);
  if (exchange->transaction)
    pl_trans_cancel (g_steal_pointer (&exchange->transaction));
  if (exchange->attachment)
    pl_transport_cancel (exchange->node->transport, g_steal_pointer (&exchange->attachment));
}

static gboolean
speaks_segments (const PlAttachReqAns *remote)
{
  for (guint i = 0; remote->candidates && i < remote->candidates->len; i++)
    {
      GBytes *value = NULL;

      if (pl_ice_candidate_find_extension (&g_array_index (remote->candidates, PlIceCandidate, i), SEGMENTS_EXTENSION, &value)
          && value && g_bytes_get_size (value) == 1 && *(const char *) g_bytes_get_data (value, NULL) == '1')
        return TRUE;
    }
  return FALSE;
}

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  AppExchange *exchange = user;
  g_auto (PlAttachReqAns) remote = { 0 };

  exchange->transaction = NULL;
  if (!answer)
    fail (exchange, G_IO_ERROR_HOST_UNREACHABLE, "the node did not answer");
  else if (answer->error_code == PL_ERROR_IN_PROGRESS)
    wait_for_link (exchange);
  else if (answer->error_code == PL_ERROR_NOT_FOUND)
    fail (exchange, G_IO_ERROR_NOT_FOUND, "the node does not take such links");
  else if (answer->error_code)
    fail (exchange, G_IO_ERROR_HOST_UNREACHABLE, "the node refused the link");
  else if (pl_body_read (pl_body_type (PL_MESSAGE_APP_ATTACH_ANS), answer->body, NULL, NULL, &remote) != PL_WIRE_OK
           || remote.application != exchange->application)
    fail (exchange, G_IO_ERROR_INVALID_DATA, "the node's answer makes no sense");
  else
    {
      exchange->answered = TRUE;
      exchange->segmented = speaks_segments (&remote);
      pl_transport_remote (exchange->node->transport, exchange->attachment, &remote, &exchange->far);
    }
}

/* Our candidates say that we speak segments (doc/PROTOCOL). */
static GBytes *
own_part (const PlAttachReqAns *local, const char *role, guint16 application)
{
  g_auto (PlAttachReqAns) message = { 0 };

  pl_attach_req_ans_copy (&message, local);
  g_clear_pointer (&message.role, g_bytes_unref);
  message.role = g_bytes_new_static (role, strlen (role));
  message.application = application;
  for (guint i = 0; message.candidates && i < message.candidates->len; i++)
    pl_ice_candidate_add_extension (&g_array_index (message.candidates, PlIceCandidate, i), SEGMENTS_EXTENSION, "1");
  return pl_body_write (pl_body_type (PL_MESSAGE_APP_ATTACH_REQ), &message);
}

static void
on_gathered (gpointer user, PlAttachment *attachment, const PlAttachReqAns *local)
{
  AppExchange *exchange = user;
  PlNode *node = exchange->node;
  g_autoptr (GBytes) body = own_part (local, exchange->ours ? "passive" : "active", exchange->application);
  PlTransRequest request = { .code = PL_MESSAGE_APP_ATTACH_REQ, .body = body, .timeout = PL_NODE_CONNECT_TIME };

  pl_node_turn_note (node, local);
  if (exchange->ours)
    {
      const PlNodeId *via = node->vias ? g_hash_table_lookup (node->vias, &exchange->far) : NULL;

      request.has_via = via != NULL;
      if (via)
        request.via = *via;
      request.to = pl_destination_node (&exchange->far);
      exchange->transaction = pl_trans_request (node->trans, &request, on_answer, exchange, NULL);
    }
  else if (exchange->incoming)
    pl_trans_answer (node->trans, g_steal_pointer (&exchange->incoming), body, NULL);
}

static void
on_connected (gpointer user, PlAttachment *attachment, PlCarrier *carrier)
{
  AppExchange *exchange = user;
  PlAppLink *link = app_link_new (exchange->node, carrier, exchange->segmented);
  AppExchange *waiting = exchange->ours ? NULL : find_exchange (exchange->node, exchange->application, &exchange->far, TRUE);

  exchange->attachment = NULL;
  if (waiting && waiting->waiting)
    {
      g_ptr_array_remove_fast (exchange->node->connects, exchange);
      exchange_free (exchange);
      exchange = waiting;
    }
  finish (exchange, link, NULL);
}

static void
on_failed (gpointer user, PlAttachment *attachment, const GError *error)
{
  AppExchange *exchange = user;

  exchange->attachment = NULL;
  pl_info ("node", "application link failed", "reason", error ? error->message : "unknown", NULL);
  fail_without_path (exchange);
}

static const PlAttachmentHandlers attachment_handlers = {
  .gathered = on_gathered, .connected = on_connected, .failed = on_failed,
};

/* Candidates are gathered when there is a network: they would not be asked for without a link anyway. */
static void
attach (AppExchange *exchange)
{
  if (exchange->ours && pl_forward_n_links (exchange->node->forward) == 0)
    return;
  exchange->attachment =
    pl_transport_attach (exchange->node->transport, PL_ATTACH_APPLICATION, exchange->ours, &attachment_handlers, exchange);
}

void
pl_node_app_link_up (PlNode *node)
{
  for (guint i = 0; i < node->connects->len; i++)
    {
      AppExchange *exchange = g_ptr_array_index (node->connects, i);

      if (exchange->ours && !exchange->attachment && !exchange->waiting)
        attach (exchange);
    }
}

static AppExchange *
exchange_new (PlNode *node, guint16 application, const PlNodeId *far, gboolean ours)
{
  AppExchange *exchange = g_new0 (AppExchange, 1);

  exchange->node = node;
  exchange->application = application;
  exchange->ours = ours;
  exchange->far = *far;
  exchange->connects = g_ptr_array_new_with_free_func (connect_free);
  g_ptr_array_add (node->connects, exchange);
  attach (exchange);
  pl_env_arm (node->env, &exchange->timer, PL_NODE_CONNECT_TIME, on_timeout, exchange);
  return exchange;
}

PlAppConnect *
pl_node_app_open (PlNode *node, guint16 application, const PlNodeId *target, PlAppConnectFunc func, gpointer user)
{
  AppExchange *exchange = find_exchange (node, application, target, TRUE);
  PlAppConnect *connect = g_new0 (PlAppConnect, 1);

  if (!exchange)
    exchange = exchange_new (node, application, target, TRUE);
  connect->exchange = exchange;
  connect->func = func;
  connect->user = user;
  g_ptr_array_add (exchange->connects, connect);
  return connect;
}

PlAppConnect *
pl_node_app_connect (PlNode *node, const PlNodeId *target, PlAppConnectFunc func, gpointer user)
{
  return pl_node_app_open (node, PL_APPLICATION_SIP, target, func, user);
}

void
pl_app_connect_cancel (PlAppConnect *connect)
{
  AppExchange *exchange;

  if (!connect)
    return;
  connect->func = NULL;
  if (!(exchange = connect->exchange))
    return;
  g_ptr_array_remove_fast (exchange->connects, connect);
  if (exchange->connects->len > 0)
    return;
  g_ptr_array_remove_fast (exchange->node->connects, exchange);
  exchange_free (exchange);
}

/* None of ours gets its answer on the way it was asked. */
void
pl_node_app_fail_ours (PlNode *node, const char *why)
{
  g_autoptr (GPtrArray) all = g_ptr_array_copy (node->connects, NULL, NULL);

  for (guint i = 0; i < all->len; i++)
    if (g_ptr_array_find (node->connects, all->pdata[i], NULL) && ((AppExchange *) all->pdata[i])->ours)
      fail (all->pdata[i], G_IO_ERROR_NETWORK_UNREACHABLE, why);
}

/* --- the asked side --- */

static guint16
check_request (PlNode *node, const PlIncoming *incoming, PlAttachReqAns *remote)
{
  AppExchange *other;
  guint passive = 0;

  if (pl_body_read (pl_body_type (PL_MESSAGE_APP_ATTACH_REQ), incoming->body, NULL, NULL, remote) != PL_WIRE_OK)
    return PL_ERROR_INVALID_MESSAGE;
  if (pl_node_id_equal (&incoming->signer, &node->self)
      || (remote->application != PL_APPLICATION_SIP && !(remote->application == PL_APPLICATION_TURN && pl_node_turn_offers (node))))
    return PL_ERROR_NOT_FOUND;
  for (guint i = 0; i < node->connects->len; i++)
    passive += !((AppExchange *) g_ptr_array_index (node->connects, i))->ours;
  if (passive >= PL_NODE_ATTACHES_MAX || !pl_node_may_attach (node, incoming))
    return PL_ERROR_REQUEST_TIMEOUT;
  if (remote->application == PL_APPLICATION_TURN && !pl_node_turn_admit (node, &incoming->signer))
    return PL_ERROR_FORBIDDEN;
  other = find_exchange (node, remote->application, &incoming->signer, TRUE);
  if (other && !other->waiting)
    {
      if (other->answered || pl_node_id_compare (&node->self, &incoming->signer) > 0)
        return PL_ERROR_IN_PROGRESS;
      wait_for_link (other);
    }
  return 0;
}

void
pl_node_on_app_attach (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlAttachReqAns) remote = { 0 };
  guint16 error = check_request (node, incoming, &remote);
  AppExchange *exchange;

  if (error)
    {
      pl_trans_refuse_text (node->trans, incoming, error, pl_error_code_name (error));
      return;
    }
  /* it begins anew: the earlier exchange is dead */
  if ((exchange = find_exchange (node, remote.application, &incoming->signer, FALSE)))
    {
      g_ptr_array_remove_fast (node->connects, exchange);
      exchange_free (exchange);
    }
  exchange = exchange_new (node, remote.application, &incoming->signer, FALSE);
  exchange->incoming = incoming;
  exchange->answered = TRUE;
  exchange->segmented = speaks_segments (&remote);
  pl_transport_remote (node->transport, exchange->attachment, &remote, &exchange->far);
}
