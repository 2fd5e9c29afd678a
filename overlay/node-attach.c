/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* Attach (RFC 6940 6.5.1): both ends of an exchange that ends in a link. */

#define SPARED_EXTENSION "pl-link-cert"   /* in each candidate, value "1" (doc/PROTOCOL) */

typedef struct {
  PlNode *node;
  gboolean ours;             /* we asked */
  gboolean waiting;          /* the far side's own Attach goes first: wait for its link */
  PlTopologyTarget target;
  PlNodeId far;
  gboolean far_known;        /* answered (ours) or asked (not ours): ICE is under way */
  PlAttachment *attachment;
  PlTransaction *transaction;
  PlIncoming *incoming;      /* until its answer is sent */
  gboolean spared;           /* the far side knows our certificate by the link */
  GStrv offered;             /* where the far side takes links by address, NULL: nowhere */
  PlTopologyDone done;
  gpointer data;
  GDestroyNotify destroy;
  PlTimer *timer;
} Attaching;

static void
attaching_free (gpointer data)
{
  Attaching *attaching = data;
  PlNode *node = attaching->node;

  pl_timer_clear (&attaching->timer);
  if (attaching->attachment)
    pl_transport_cancel (node->transport, attaching->attachment);
  if (attaching->transaction)
    pl_trans_cancel (attaching->transaction);
  if (attaching->incoming)
    pl_trans_drop (node->trans, attaching->incoming);
  if (attaching->destroy)
    attaching->destroy (attaching->data);
  g_strfreev (attaching->offered);
  g_free (attaching);
}

void
pl_node_attach_init (PlNode *node)
{
  node->attaches = g_ptr_array_new ();
}

void
pl_node_attach_free (PlNode *node)
{
  while (node->attaches->len > 0)
    attaching_free (g_ptr_array_remove_index (node->attaches, 0));
  g_ptr_array_unref (node->attaches);
}

static void
finish (Attaching *attaching, guint16 error_code, const PlNodeId *signer)
{
  g_ptr_array_remove_fast (attaching->node->attaches, attaching);
  if (attaching->done)
    attaching->done (attaching->data, error_code, signer, NULL);
  attaching_free (attaching);
}

void
pl_node_attach_fail_ours (PlNode *node)
{
  g_autoptr (GPtrArray) all = g_ptr_array_copy (node->attaches, NULL, NULL);

  for (guint i = 0; i < all->len; i++)
    if (g_ptr_array_find (node->attaches, all->pdata[i], NULL) && ((Attaching *) all->pdata[i])->ours)
      finish (all->pdata[i], PL_TOPOLOGY_NO_ANSWER, NULL);
}

static void
on_timeout (gpointer data)
{
  finish (data, PL_TOPOLOGY_NO_ANSWER, NULL);
}

/* The exchange that the far side began makes the link (6.5.1.2). */
static void
wait_for_link (Attaching *attaching)
{
  attaching->waiting = TRUE;
  if (attaching->transaction)
    pl_trans_cancel (g_steal_pointer (&attaching->transaction));
  if (attaching->attachment)
    pl_transport_cancel (attaching->node->transport, g_steal_pointer (&attaching->attachment));
}

void
pl_node_attach_link_up (PlNode *node, const PlNodeId *id)
{
  PlNodeId up = *id;

  for (guint i = node->attaches->len; i > 0; i--)
    {
      Attaching *attaching = g_ptr_array_index (node->attaches, i - 1);

      if (!attaching->waiting || !pl_node_id_equal (&attaching->target.id, &up))
        continue;
      finish (attaching, 0, &up);
      i = MIN (i, node->attaches->len + 1);
    }
}

/* What the far side's Attach says beside where it is. */
static void
take_remote (Attaching *attaching, const PlAttachReqAns *remote, const PlNodeId *far)
{
  GBytes *value = NULL;

  attaching->offered = pl_node_cache_dup_offered (remote);
  attaching->far = *far;
  attaching->far_known = TRUE;
  for (guint i = 0; remote->candidates && i < remote->candidates->len; i++)
    attaching->spared = attaching->spared
                        || pl_ice_candidate_find_extension (&g_array_index (remote->candidates, PlIceCandidate, i), SPARED_EXTENSION, &value);
  pl_transport_remote (attaching->node->transport, attaching->attachment, remote, &attaching->far);
}

static void
on_answer (gpointer user, const PlTransAnswer *answer)
{
  Attaching *attaching = user;
  g_auto (PlAttachReqAns) remote = { 0 };

  attaching->transaction = NULL;
  if (!answer)
    {
      finish (attaching, PL_TOPOLOGY_NO_ANSWER, NULL);
      return;
    }
  if (answer->error_code == PL_ERROR_IN_PROGRESS && !attaching->target.is_place)
    {
      wait_for_link (attaching);
      return;
    }
  if (answer->error_code)
    {
      finish (attaching, answer->error_code, &answer->signer);
      return;
    }
  if (pl_body_read (pl_body_type (PL_MESSAGE_ATTACH_ANS), answer->body, NULL, NULL, &remote) != PL_WIRE_OK)
    {
      finish (attaching, PL_ERROR_INVALID_MESSAGE, &answer->signer);
      return;
    }
  take_remote (attaching, &remote, &answer->signer);
}

static void
send_request (Attaching *attaching, GBytes *body)
{
  PlNode *node = attaching->node;
  PlTransRequest request = { .code = PL_MESSAGE_ATTACH_REQ, .body = body };
  PlResourceId resource;

  request.has_via = attaching->target.has_via;
  request.via = attaching->target.via;
  if (attaching->target.is_place)
    {
      pl_resource_id_from_node_id (&resource, &attaching->target.id);
      request.to = pl_destination_resource (&resource);
    }
  else
    request.to = pl_destination_node (&attaching->target.id);
  attaching->transaction = pl_trans_request (node->trans, &request, on_answer, attaching, NULL);
}

static void
on_gathered (gpointer user, PlAttachment *attachment, const PlAttachReqAns *local)
{
  Attaching *attaching = user;
  g_auto (PlAttachReqAns) message = { 0 };
  const char *role = attaching->ours ? "passive" : "active";
  g_autoptr (GBytes) body = NULL;

  pl_node_turn_note (attaching->node, local);
  pl_attach_req_ans_copy (&message, local);
  pl_node_cache_offer (attaching->node, &message);
  for (guint i = 0; message.candidates && i < message.candidates->len; i++)
    pl_ice_candidate_add_extension (&g_array_index (message.candidates, PlIceCandidate, i), SPARED_EXTENSION, "1");
  g_clear_pointer (&message.role, g_bytes_unref);
  message.role = g_bytes_new_static (role, strlen (role));
  message.send_update = TRUE;
  body = pl_body_write (pl_body_type (PL_MESSAGE_ATTACH_REQ), &message);
  if (attaching->ours)
    send_request (attaching, body);
  else if (attaching->incoming)
    pl_trans_answer (attaching->node->trans, g_steal_pointer (&attaching->incoming), body, NULL);
}

static void
on_connected (gpointer user, PlAttachment *attachment, PlCarrier *carrier)
{
  Attaching *attaching = user;
  PlNode *node = attaching->node;
  PlNodeId far = pl_carrier_info (carrier)->node;

  attaching->attachment = NULL;
  g_ptr_array_remove_fast (node->attaches, attaching);
  pl_forward_add (node->forward, carrier, attaching->spared);
  pl_node_cache_add (node, &far, (const char *const *) attaching->offered);
  if (attaching->done)
    attaching->done (attaching->data, 0, &far, NULL);
  attaching_free (attaching);
}

static void
on_failed (gpointer user, PlAttachment *attachment, const GError *error)
{
  Attaching *attaching = user;

  pl_info ("node", "attach failed", "reason", error ? error->message : "unknown", NULL);
  attaching->attachment = NULL;
  finish (attaching, PL_TOPOLOGY_NO_ANSWER, NULL);
}

static const PlAttachmentHandlers attachment_handlers = {
  .gathered = on_gathered, .connected = on_connected, .failed = on_failed,
};

static Attaching *
attaching_new (PlNode *node, gboolean ours)
{
  Attaching *attaching = g_new0 (Attaching, 1);

  attaching->node = node;
  attaching->ours = ours;
  g_ptr_array_add (node->attaches, attaching);
  attaching->attachment = pl_transport_attach (node->transport, PL_ATTACH_LINK, ours, &attachment_handlers, attaching);
  pl_env_arm (node->env, &attaching->timer, PL_NODE_ATTACH_TIME, on_timeout, attaching);
  return attaching;
}

void
pl_node_attach (PlNode *node, const PlTopologyTarget *target, PlTopologyDone done, gpointer data, GDestroyNotify destroy)
{
  Attaching *attaching = attaching_new (node, TRUE);

  attaching->target = *target;
  attaching->done = done;
  attaching->data = data;
  attaching->destroy = destroy;
}

/* --- the asked side --- */

/* FALSE: our own exchange with this node goes on and the far one is refused (6.5.1.2). */
static gboolean
break_tie (PlNode *node, const PlNodeId *far)
{
  for (guint i = node->attaches->len; i > 0; i--)
    {
      Attaching *other = g_ptr_array_index (node->attaches, i - 1);
      gboolean same = other->far_known ? pl_node_id_equal (&other->far, far)
                                       : !other->target.is_place && pl_node_id_equal (&other->target.id, far);

      if (!same || other->waiting)
        continue;
      if (!other->ours)
        {
          /* it begins anew: the earlier exchange is dead */
          g_ptr_array_remove_index (node->attaches, i - 1);
          attaching_free (other);
        }
      else if (other->far_known || pl_node_id_compare (&node->self, far) > 0)
        return FALSE;
      else
        wait_for_link (other);
    }
  return TRUE;
}

static guint
n_passive (PlNode *node)
{
  guint n = 0;

  for (guint i = 0; i < node->attaches->len; i++)
    n += !((Attaching *) g_ptr_array_index (node->attaches, i))->ours;
  return n;
}

void
pl_node_on_attach (PlNode *node, PlIncoming *incoming)
{
  g_auto (PlAttachReqAns) remote = { 0 };
  Attaching *attaching;

  if (pl_body_read (pl_body_type (PL_MESSAGE_ATTACH_REQ), incoming->body, NULL, NULL, &remote) != PL_WIRE_OK)
    {
      pl_trans_refuse_text (node->trans, incoming, PL_ERROR_INVALID_MESSAGE, "malformed Attach");
      return;
    }
  if (pl_node_id_equal (&incoming->signer, &node->self))
    {
      pl_trans_refuse_text (node->trans, incoming, PL_ERROR_NOT_FOUND, "an Attach to oneself");
      return;
    }
  if (n_passive (node) >= PL_NODE_ATTACHES_MAX || !pl_node_may_attach (node, incoming))
    {
      pl_trans_refuse_text (node->trans, incoming, PL_ERROR_REQUEST_TIMEOUT, "too many exchanges under way");
      return;
    }
  if (!break_tie (node, &incoming->signer))
    {
      pl_trans_refuse_text (node->trans, incoming, PL_ERROR_IN_PROGRESS, "an Attach the other way is under way");
      return;
    }
  attaching = attaching_new (node, FALSE);
  attaching->incoming = incoming;
  take_remote (attaching, &remote, &incoming->signer);
}
