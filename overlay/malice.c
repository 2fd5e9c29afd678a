/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/malice.h"

#include <string.h>

#include "overlay/node-priv.h"
#include "overlay/sim/glimpse.h"
#include "overlay/wire/body.h"
#include "overlay/wire/framing.h"
#include "overlay/wire/routing.h"

/* Stands between a node and its topology plug-in. */
typedef struct {
  PlTopology topology;
  PlTopology *inner;
  PlGang *gang;
  PlNode *node;
  PlNodeId id;
  PlMalice how;
} Member;

struct PlGang {
  PlVNet *net;
  GHashTable *members;       /* &id -> Member */
  Member *at;                /* a record is being delivered to it, NULL: to nobody who lies */
  PlGlimpse seen;            /* the message in it */
  guint64 deeds;
};

static Member *
member_of (gpointer topology)
{
  return topology;
}

/* Fragments but the first don't say. */
static gboolean
is_about_data (guint16 code)
{
  return code == 0 || code == PL_MESSAGE_FETCH_REQ || code == PL_MESSAGE_STORE_REQ || code == PL_MESSAGE_FIND_REQ
         || code == PL_MESSAGE_STAT_REQ;
}

/* What others sent, not what it does of its own: the timers are its own. */
static gboolean
may_lie (const Member *member, PlMalice how)
{
  return member->how == how && member->gang->at == member && member->gang->seen.to_resource
         && member->gang->seen.code != PL_MESSAGE_ATTACH_REQ;
}

/* The member at or next after `place`, of those that this node is linked to when `linked`; itself too. */
static const Member *
nearest (const Member *self, const PlNodeId *place, gboolean linked)
{
  GHashTableIter iter;
  gpointer value;
  const Member *best = self;
  PlNodeId least = pl_node_id_sub (&self->id, place);

  g_hash_table_iter_init (&iter, self->gang->members);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Member *member = value;
      PlNodeId distance = pl_node_id_sub (&member->id, place);

      if (member->how == PL_MALICE_ROUTE && pl_node_id_compare (&distance, &least) < 0
          && (!linked || pl_forward_connected (self->node->forward, &member->id)))
        {
          best = member;
          least = distance;
        }
    }
  return best;
}

/* --- what is swapped --- */

static gboolean
crooked_responsible (PlTopology *topology, const PlNodeId *place)
{
  Member *member = member_of (topology);
  gboolean claims = (may_lie (member, PL_MALICE_DENY) && is_about_data (member->gang->seen.code))
                    || (may_lie (member, PL_MALICE_ROUTE) && nearest (member, place, TRUE) == member);

  if (claims)
    member->gang->deeds++;
  return claims || pl_topology_responsible (member->inner, place);
}

static guint
crooked_hops (PlTopology *topology, const PlNodeId *place, PlNodeId *hops, guint max)
{
  Member *member = member_of (topology);
  const Member *to = may_lie (member, PL_MALICE_ROUTE) ? nearest (member, place, TRUE) : member;

  if (to == member || max == 0)
    return pl_topology_hops (member->inner, place, hops, max);
  member->gang->deeds++;
  hops[0] = to->id;
  return 1;
}

static guint16
crooked_handle (PlTopology *topology, guint16 code, const PlNodeId *signer, const PlNodeId *link, GBytes *body, GBytes **answer)
{
  Member *member = member_of (topology);
  guint16 error = pl_topology_handle (member->inner, code, signer, link, body, answer);
  g_auto (PlRouteQueryReq) query = { 0 };
  PlChordRouteQueryAns reply;
  PlNodeId place;

  if (error || code != PL_MESSAGE_ROUTE_QUERY_REQ || member->how != PL_MALICE_ROUTE
      || pl_body_read (pl_body_type (code), body, NULL, NULL, &query) != PL_WIRE_OK
      || query.destination.type != PL_DESTINATION_RESOURCE
      || !pl_resource_id_to_node_id (&query.destination.resource_id, &place))
    return error;
  reply.next_peer = nearest (member, &place, FALSE)->id;
  member->gang->deeds++;
  g_bytes_unref (*answer);
  *answer = pl_body_write (pl_body_type (PL_MESSAGE_ROUTE_QUERY_ANS), &reply);
  return 0;
}

static void
crooked_stored (PlTopology *topology, const PlResourceId *resource, const PlNodeId *from)
{
  Member *member = member_of (topology);

  if (member->how == PL_MALICE_DENY || member->how == PL_MALICE_ROUTE)
    pl_store_drop (member->node->store, resource);
  else
    pl_topology_stored (member->inner, resource, from);
}

/* Nobody between this member and the one before it, and the next members for its successors. */
static GBytes *
crooked_update (const Member *member, GBytes *body)
{
  const PlBodyType *type = pl_body_type (PL_MESSAGE_UPDATE_REQ);
  PlNodeId one = { .b = { [PL_NODE_ID_LEN - 1] = 1 } }, after = pl_node_id_add (&member->id, &one), back = member->id;
  g_auto (PlChordUpdate) update = { 0 };
  GHashTableIter iter;
  gpointer value;

  if (pl_body_read (type, body, NULL, NULL, &update) != PL_WIRE_OK || update.type == PL_CHORD_UPDATE_PEER_READY)
    return NULL;
  g_hash_table_iter_init (&iter, member->gang->members);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (value != member && ((Member *) value)->how == PL_MALICE_ROUTE
        && (pl_node_id_equal (&back, &member->id) || pl_node_id_between (&((Member *) value)->id, &back, &member->id)))
      back = ((Member *) value)->id;
  g_array_set_size (update.predecessors, 0);
  g_array_set_size (update.successors, 0);
  g_array_append_val (update.predecessors, back);
  g_array_append_val (update.successors, nearest (member, &after, FALSE)->id);
  return pl_body_write (type, &update);
}

static void
crooked_free (PlTopology *topology)
{
  Member *member = member_of (topology);

  if (member->gang)
    g_hash_table_remove (member->gang->members, &member->id);
  if (member->gang && member->gang->at == member)
    member->gang->at = NULL;
  pl_topology_free (member->inner);
  g_free (member);
}

/* --- what is not --- */

#define INNER (member_of (topology)->inner)
#define PASS(type, name, declared, given) \
  static type passed_##name declared { return pl_topology_##name given; }

PASS (void, start_ring, (PlTopology *topology), (INNER))
PASS (void, set_peer, (PlTopology *topology, gboolean peer), (INNER, peer))
PASS (void, leave, (PlTopology *topology, void (*done) (gpointer data), gpointer data), (INNER, done, data))
PASS (PlTopologyState, state, (PlTopology *topology), (INNER))
PASS (void, link_up, (PlTopology *topology, const PlNodeId *id), (INNER, id))
PASS (void, link_down, (PlTopology *topology, const PlNodeId *id), (INNER, id))
PASS (gboolean, plausible, (PlTopology *topology, const PlNodeId *place, const PlNodeId *signer), (INNER, place, signer))
PASS (gboolean, replica_ok, (PlTopology *topology, const PlNodeId *place, const PlNodeId *sender), (INNER, place, sender))
PASS (guint, replicas, (PlTopology *topology, PlNodeId *ids, guint max), (INNER, ids, max))
PASS (gboolean, guest_of, (PlTopology *topology, PlNodeId *via), (INNER, via))
PASS (const char *, role_of, (PlTopology *topology, const PlNodeId *id), (INNER, id))
PASS (gboolean, is_peer, (PlTopology *topology, const PlNodeId *id), (INNER, id))
PASS (guint, share_ppb, (PlTopology *topology), (INNER))
PASS (void, probe_partition, (PlTopology *topology, const PlNodeId *bootstrap), (INNER, bootstrap))
PASS (void, set_document, (PlTopology *topology, const PlDocument *document), (INNER, document))
PASS (GArray *, dup_extensions, (PlTopology *topology), (INNER))
PASS (void, on_extensions, (PlTopology *topology, const PlNodeId *signer, GArray *extensions), (INNER, signer, extensions))
PASS (gboolean, tuning, (PlTopology *topology, PlTopologyTuning *out), (INNER, out))

static const PlTopologyFuncs crooked = {
  .name = "crooked",
  .free = crooked_free,
  .handle = crooked_handle,
  .responsible = crooked_responsible,
  .hops = crooked_hops,
  .stored = crooked_stored,
  .start_ring = passed_start_ring,
  .set_peer = passed_set_peer,
  .leave = passed_leave,
  .state = passed_state,
  .link_up = passed_link_up,
  .link_down = passed_link_down,
  .plausible = passed_plausible,
  .replica_ok = passed_replica_ok,
  .replicas = passed_replicas,
  .guest_of = passed_guest_of,
  .role_of = passed_role_of,
  .is_peer = passed_is_peer,
  .share_ppb = passed_share_ppb,
  .probe_partition = passed_probe_partition,
  .set_document = passed_set_document,
  .dup_extensions = passed_dup_extensions,
  .on_extensions = passed_on_extensions,
  .tuning = passed_tuning,
};

/* --- what goes over the network --- */

static gboolean
is_kept_back (const PlGlimpse *seen)
{
  switch (seen->code)
    {
    case PL_MESSAGE_FETCH_ANS: case PL_MESSAGE_STORE_ANS: case PL_MESSAGE_FIND_ANS: case PL_MESSAGE_STAT_ANS:
    case PL_MESSAGE_APP_ATTACH_ANS: case PL_MESSAGE_ROUTE_QUERY_ANS: case PL_MESSAGE_PATH_TRACK_ANS: case PL_MESSAGE_ERROR:
      return TRUE;
    default:
      return seen->via_len > 0;
    }
}

/* Its own Update of one record becomes another, signed by itself. */
static void
rewrite_update (Member *member, const PlGlimpse *seen, GByteArray *record)
{
  g_autoptr (GBytes) bytes = g_bytes_new (record->data + PL_FRAME_DATA_HEADER, record->len - PL_FRAME_DATA_HEADER);
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GBytes) body = NULL, contents = NULL, changed = NULL;
  PlSignature signature = { 0 };
  gsize len;
  const guint8 *data;

  if (seen->code != PL_MESSAGE_UPDATE_REQ || seen->via_len > 0 || pl_message_read (bytes, &message) != PL_WIRE_OK
      || message.header.fragment != PL_FRAGMENT_WHOLE || !(body = crooked_update (member, message.body)))
    return;
  contents = pl_message_contents_write (message.message_code, body, message.extensions);
  data = g_bytes_get_data (contents, &len);
  if (!pl_identity_sign_message (member->node->identity, message.header.overlay, message.header.transaction_id, data, len,
                                 &signature, NULL))
    return;
  changed = pl_message_write (&message.header, contents, message.certificates, &signature);
  pl_signature_clear (&signature);
  data = g_bytes_get_data (changed, &len);
  for (guint i = 0; i < 3; i++)
    record->data[PL_FRAME_DATA_HEADER - 3 + i] = (guint8) (len >> 8 * (2 - i));
  g_byte_array_set_size (record, PL_FRAME_DATA_HEADER);
  g_byte_array_append (record, data, (guint) len);
  member->gang->deeds++;
}

static gboolean
on_sends (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  PlGang *gang = user;
  Member *member = g_hash_table_lookup (gang->members, from);
  PlGlimpse seen;

  if (!member || !pl_glimpse (record->data, record->len, &seen))
    return TRUE;
  if (member->how == PL_MALICE_ROUTE)
    rewrite_update (member, &seen, record);
  if (member->how != PL_MALICE_DROP || !is_kept_back (&seen))
    return TRUE;
  gang->deeds++;
  return FALSE;
}

static void
on_arrives (gpointer user, const PlNodeId *to, const guint8 *data, gsize len, gboolean over)
{
  PlGang *gang = user;
  Member *member = over ? NULL : g_hash_table_lookup (gang->members, to);

  gang->at = member && pl_glimpse (data, len, &gang->seen) ? member : NULL;
}

/* --- public --- */

PlGang *
pl_gang_new (PlVNet *net)
{
  PlGang *gang = g_new0 (PlGang, 1);

  gang->net = net;
  gang->members = g_hash_table_new (pl_node_id_hash, pl_node_id_equal);
  pl_vnet_set_gang (net, on_sends, on_arrives, gang);
  return gang;
}

void
pl_gang_free (PlGang *gang)
{
  GHashTableIter iter;
  gpointer value;

  if (!gang)
    return;
  pl_vnet_set_gang (gang->net, NULL, NULL, NULL);
  g_hash_table_iter_init (&iter, gang->members);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      ((Member *) value)->how = PL_MALICE_NONE;
      ((Member *) value)->gang = NULL;
    }
  g_hash_table_unref (gang->members);
  g_free (gang);
}

static Member *
join (PlGang *gang, PlNode *node)
{
  Member *member = g_new0 (Member, 1);

  member->topology.funcs = &crooked;
  member->inner = node->topology;
  member->gang = gang;
  member->node = node;
  member->id = node->self;
  node->topology = &member->topology;
  g_hash_table_insert (gang->members, &member->id, member);
  return member;
}

void
pl_gang_turn (PlGang *gang, PlNode *node, PlMalice how)
{
  Member *member = g_hash_table_lookup (gang->members, &node->self);

  if (!member)
    member = join (gang, node);
  member->how = how;
  if (how == PL_MALICE_DENY || how == PL_MALICE_ROUTE)
    {
      g_autoptr (GArray) held = pl_store_dup_resources (node->store);

      for (guint i = 0; i < held->len; i++)
        pl_store_drop (node->store, &g_array_index (held, PlResourceId, i));
    }
}

gboolean
pl_gang_has (PlGang *gang, const PlNodeId *id)
{
  return g_hash_table_contains (gang->members, id);
}

guint64
pl_gang_deeds (PlGang *gang)
{
  return gang->deeds;
}

PlMalice
pl_malice_parse (const char *word)
{
  static const char *const words[] = { "none", "drop", "deny", "route" };

  for (guint i = 1; i < G_N_ELEMENTS (words); i++)
    if (g_strcmp0 (word, words[i]) == 0)
      return (PlMalice) i;
  return PL_MALICE_NONE;
}
