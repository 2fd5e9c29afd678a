/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"
#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"

/* Peers of the LAN, found without a bootstrap node: a Ping to the wildcard Node-ID goes to the groups
 * that the document names, peers of the ring that take links by address answer by unicast from the port
 * where they take them (doc/PROTOCOL). What stands in a datagram is proven as every message is; who
 * answers is dialled as a bootstrap node is. */

#define ASK_EVERY PL_USEC_PER_SEC               /* at most */
#define ANSWERS_COME (2 * PL_USEC_PER_SEC)      /* after a question */
#define START_SPREAD PL_USEC_PER_SEC            /* so that of those that start together one is first */
#define REPLY_SPREAD (200 * PL_USEC_PER_MSEC)   /* so that not all answer at once */
#define REPLIES_MAX 16                          /* under way */
/* Signatures looked at in a second. Whoever names a foreign address as its own gets no more than this
 * to it, and it is on this link: a question goes no further. */
#define PROOFS_MAX 10

typedef struct {
  PlNodeMulticast *multicast;
  char *to;
  GBytes *datagram;
  PlTimer *timer;
} Reply;

struct PlNodeMulticast {
  PlNode *node;
  gboolean named;           /* the document names a group */
  guint64 transaction;      /* of the last question */
  gint64 first, last;       /* questions, env time; 0: none */
  gint64 patience;          /* how long answers to the first are waited for */
  gint64 second;            /* of the count of proofs */
  guint proofs;
  GPtrArray *replies;       /* Reply */
};

/* --- messages --- */

static GBytes *
make_message (PlNode *node, guint64 transaction, guint16 code, gconstpointer value)
{
  guint32 overlay = pl_overlay_hash (node->document->instance_name);
  PlDestination to = pl_destination_node (&pl_node_id_wildcard);
  g_auto (PlForwardingHeader) header = { 0 };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (code), value);
  g_autoptr (GBytes) contents = pl_message_contents_write (code, body, NULL);
  g_autoptr (GPtrArray) certs = g_ptr_array_new ();
  PlSignature signature = { 0 };
  GBytes *message = NULL;
  gsize len;
  const guint8 *data = g_bytes_get_data (contents, &len);

  pl_forwarding_header_init (&header);
  header.overlay = overlay;
  header.configuration_sequence = node->document->sequence;
  header.ttl = 1;
  header.transaction_id = transaction;
  g_array_append_val (header.destination_list, to);
  g_ptr_array_add (certs, pl_cert_der (pl_identity_cert (node->identity)));
  if (pl_identity_sign_message (node->identity, overlay, transaction, data, len, &signature, NULL))
    message = pl_message_write (&header, contents, certs, &signature);
  pl_signature_clear (&signature);
  return message;
}

static gboolean
within_rate (PlNodeMulticast *multicast)
{
  gint64 second = pl_env_now (multicast->node->env) / PL_USEC_PER_SEC;

  if (second != multicast->second)
    {
      multicast->second = second;
      multicast->proofs = 0;
    }
  return multicast->proofs++ < PROOFS_MAX;
}

static gboolean
prove (PlNode *node, PlMessage *message, PlNodeId *signer)
{
  g_autoptr (GError) error = NULL;
  gsize len = 0;
  const guint8 *contents = message->contents ? g_bytes_get_data (message->contents, &len) : NULL;
  g_autoptr (PlCert) cert =
    pl_trust_verify_message (node->trust, message->certificates, message->header.overlay, message->header.transaction_id,
                             contents, len, &message->signature, signer, &error);

  if (!cert)
    pl_info ("node", "datagram discarded", "reason", error ? error->message : "signature", NULL);
  return cert && !pl_node_id_equal (signer, &node->self);
}

/* --- answering --- */

static void
reply_free (gpointer data)
{
  Reply *reply = data;

  pl_timer_clear (&reply->timer);
  g_bytes_unref (reply->datagram);
  g_free (reply->to);
  g_free (reply);
}

static void
on_reply (gpointer data)
{
  Reply *reply = data;

  pl_transport_answer (reply->multicast->node->transport, reply->to, reply->datagram);
  g_ptr_array_remove_fast (reply->multicast->replies, reply);
}

static void
answer (PlNodeMulticast *multicast, guint64 transaction, const char *to)
{
  PlNode *node = multicast->node;
  PlPingAns ans = { pl_env_random64 (node->env), pl_env_wall (node->env) / PL_USEC_PER_MSEC };
  GBytes *datagram = make_message (node, transaction, PL_MESSAGE_PING_ANS, &ans);
  Reply *reply;

  if (!datagram)
    return;
  reply = g_new0 (Reply, 1);
  reply->multicast = multicast;
  reply->to = g_strdup (to);
  reply->datagram = datagram;
  g_ptr_array_add (multicast->replies, reply);
  pl_env_arm (node->env, &reply->timer, (gint64) pl_env_random_below (node->env, REPLY_SPREAD), on_reply, reply);
}

static gboolean
is_for_all (const PlMessage *message)
{
  const PlDestination *to = message->header.destination_list->len == 1
                              ? pl_destination_list_get (message->header.destination_list, 0) : NULL;

  return to && to->type == PL_DESTINATION_NODE && pl_node_id_is_wildcard (&to->node_id);
}

/* Who has no ring, or takes no links by address, is no help to others. */
static gboolean
may_answer (PlNodeMulticast *multicast)
{
  PlNode *node = multicast->node;

  return pl_topology_state (node->topology) == PL_TOPOLOGY_JOINED && pl_transport_listens (node->transport) != 0
         && multicast->replies->len < REPLIES_MAX;
}

static void
on_datagram (gpointer user, GBytes *datagram, const char *from)
{
  PlNodeMulticast *multicast = user;
  PlNode *node = multicast->node;
  g_auto (PlMessage) message = { 0 };
  gboolean asked, told;
  PlNodeId signer;

  if (pl_message_read (datagram, &message) != PL_WIRE_OK
      || message.header.overlay != pl_overlay_hash (node->document->instance_name) || !is_for_all (&message))
    return;
  asked = message.message_code == PL_MESSAGE_PING_REQ && may_answer (multicast);
  told = message.message_code == PL_MESSAGE_PING_ANS && message.header.transaction_id == multicast->transaction
         && multicast->last > 0 && pl_env_now (node->env) - multicast->last < ANSWERS_COME;
  if ((!asked && !told) || !within_rate (multicast) || !prove (node, &message, &signer))
    return;
  if (asked)
    answer (multicast, message.header.transaction_id, from);
  else
    pl_node_boot_found (node, from, &signer);
}

/* --- asking --- */

void
pl_node_multicast_ask (PlNode *node)
{
  PlNodeMulticast *multicast = node->multicast;
  gint64 now = pl_env_now (node->env);
  g_auto (PlPingReq) ping = { 0 };
  g_autoptr (GBytes) datagram = NULL;

  if (!multicast->named || (multicast->last > 0 && now - multicast->last < ASK_EVERY))
    return;
  if (multicast->first == 0)
    {
      multicast->first = now;
      multicast->patience = PL_USEC_PER_SEC + (gint64) pl_env_random_below (node->env, START_SPREAD);
    }
  multicast->last = now;
  multicast->transaction = pl_env_random64 (node->env);
  datagram = make_message (node, multicast->transaction, PL_MESSAGE_PING_REQ, &ping);
  if (datagram)
    pl_transport_discover (node->transport, datagram);
}

gboolean
pl_node_multicast_waits (PlNode *node)
{
  PlNodeMulticast *multicast = node->multicast;

  return multicast->first > 0 && pl_env_now (node->env) - multicast->first < multicast->patience;
}

/* --- life --- */

void
pl_node_multicast_set_document (PlNode *node)
{
  const GArray *groups = node->document->multicast_groups;

  if (!node->multicast->named && groups->len == 0)
    return;
  node->multicast->named = groups->len > 0;
  pl_transport_set_groups (node->transport, groups, on_datagram, node->multicast);
}

void
pl_node_multicast_init (PlNode *node)
{
  node->multicast = g_new0 (PlNodeMulticast, 1);
  node->multicast->node = node;
  node->multicast->replies = g_ptr_array_new_with_free_func (reply_free);
  pl_node_multicast_set_document (node);
}

/* The transport goes later: nothing is delivered in between. */
void
pl_node_multicast_free (PlNode *node)
{
  g_ptr_array_unref (node->multicast->replies);
  g_free (node->multicast);
}
