/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/sim/vnet.h"

#include <string.h>

#define GATHER_TIME (5 * PL_USEC_PER_MSEC)
#define ATTACH_TIMEOUT (5 * PL_USEC_PER_SEC)
#define DIAL_TIMEOUT (5 * PL_USEC_PER_SEC)
#define HANDSHAKE_TRIPS 4          /* one-way delays of connectivity checks and DTLS */
#define REORDER_MAX (50 * PL_USEC_PER_MSEC)
#define TEN_THOUSAND 10000

typedef struct VHost VHost;
typedef struct VEnd VEnd;
typedef struct VEvent VEvent;
typedef struct VDial VDial;

struct PlVNet {
  PlUniverse *universe;
  PlEnv *env;               /* for chance */
  PlVNetConditions conditions;
  GHashTable *listeners;    /* "host:port" -> VHost */
  GHashTable *attachments;  /* token -> PlAttachment */
  GHashTable *lan;          /* "host:port" -> VHost: all that have multicast groups are on one LAN */
  VEnd *ends;               /* all there are, newest first */
  GHashTable *dead;         /* PlNodeId */
  VEvent *events;           /* all under way */
  guint64 next_id;
  guint64 records, bytes;
  PlVNetTap tap;
  gpointer tap_user;
  PlVNetTap gang_sends;
  PlVNetArrival gang_arrives;
  gpointer gang_user;
  PlVNetCut cut;
  gpointer cut_user;
  gint64 charged_at, charged; /* work done at this very moment delays what it leads to */
};

/* Counted: by its transport and by its ends. */
struct VHost {
  PlVNet *net;
  PlEnv *env;
  PlIdentity *identity;
  PlTrust *trust;
  PlNodeId node;
  guint refs;
  PlVNetNat nat;
  gboolean has_turn;        /* a server that answers */
  char *listener;
  guint16 port;             /* of the listener, 0: none */
  guint32 address;          /* IPv4 in network order: the listener's when it is one */
  PlAcceptFunc accept;
  gpointer accept_user;
  PlAttachment *attachments; /* under way, newest first */
  VDial *dials;             /* the same */
  char *name;               /* in the net's `lan` while it has groups, else NULL */
  PlDatagramFunc datagram;
  gpointer datagram_user;
};

struct PlAttachment {
  VHost *host;
  PlAttachment *previous, *next;
  guint64 token;
  guint64 remote_token;     /* 0: not known yet */
  PlNodeId remote_node;
  gboolean application;
  gboolean connecting;
  PlTimer *gather, *timeout, *connect;
  PlAttachmentHandlers handlers;
  gpointer user;
};

/* Counted: by its carrier, by the far end and by each record under way to it. */
struct VEnd {
  VHost *host;
  PlCarrier *carrier;       /* NULL: gone */
  VEnd *peer;
  VEnd *previous, *next;
  guint refs;
  gboolean reliable;
  gint64 last_arrival;      /* streams keep their order */
};

struct VEvent {
  PlVNet *net;
  VEvent *previous, *next;
  PlTimer *timer;
  void (*func) (VEvent *event);
};

typedef struct {
  VEvent event;
  VEnd *end;
  gsize len;                /* 0: the far side closed */
  guint8 data[];
} VRecord;

struct VDial {
  VEvent event;
  VHost *host;
  VDial *previous, *next;
  char *target;
  PlDialHandlers handlers;
  gpointer user;
};

/* --- events --- */

static void
event_unlink (VEvent *event)
{
  if (event->previous)
    event->previous->next = event->next;
  else
    event->net->events = event->next;
  if (event->next)
    event->next->previous = event->previous;
}

static void
host_unref (VHost *host)
{
  if (--host->refs == 0)
    g_free (host);
}

static void
end_unref (VEnd *end)
{
  if (--end->refs > 0)
    return;
  host_unref (end->host);
  g_free (end);
}

static void finish_dial (VEvent *event);
static void deliver_datagram (VEvent *event);
static void datagram_clear (VEvent *event);
static void deliver_record (VEvent *event);

static void
event_free (VEvent *event)
{
  pl_timer_clear (&event->timer);
  if (event->func == finish_dial)
    g_free (((VDial *) event)->target);
  if (event->func == deliver_datagram)
    datagram_clear (event);
  if (event->func == deliver_record)
    end_unref (((VRecord *) event)->end);
  g_free (event);
}

static void
fire_event (gpointer data)
{
  VEvent *event = data;

  event_unlink (event);
  event->func (event);
  event_free (event);
}

/* `event` is zeroed memory of the caller's type, taken. */
static void
schedule (PlVNet *net, VEvent *event, gint64 delay, void (*func) (VEvent *event))
{
  event->net = net;
  event->func = func;
  event->next = net->events;
  if (event->next)
    event->next->previous = event;
  net->events = event;
  pl_env_arm (net->env, &event->timer, delay, fire_event, event);
}

static gboolean
chance (PlVNet *net, guint of_ten_thousand)
{
  return of_ten_thousand && pl_env_random_below (net->env, TEN_THOUSAND) < of_ten_thousand;
}

static gint64
one_way (PlVNet *net)
{
  gint64 span = net->conditions.delay_max - net->conditions.delay_min;

  return net->conditions.delay_min + (gint64) pl_env_random_below (net->env, span + 1);
}

static gboolean
is_dead (PlVNet *net, const PlNodeId *node)
{
  return g_hash_table_size (net->dead) > 0 && g_hash_table_contains (net->dead, node);
}

static gboolean
is_cut (PlVNet *net, const PlNodeId *a, const PlNodeId *b)
{
  return net->cut && net->cut (net->cut_user, a, b);
}

static gint64
charged (PlVNet *net)
{
  return net->charged_at == pl_env_now (net->env) ? net->charged : 0;
}

/* --- carriers --- */

static void
deliver (PlVNet *net, VEnd *end, const guint8 *data, gsize len)
{
  PlNodeId self = end->host->node;

  if (net->gang_arrives)
    net->gang_arrives (net->gang_user, &self, data, len, FALSE);
  pl_carrier_deliver (end->carrier, data, len);
  if (net->gang_arrives)
    net->gang_arrives (net->gang_user, &self, NULL, 0, TRUE);
}

static void
deliver_record (VEvent *event)
{
  VRecord *record = (VRecord *) event;
  VEnd *end = record->end;

  if (!end->carrier || is_dead (event->net, &end->host->node))
    return;
  if (record->len == 0)
    pl_carrier_lost (end->carrier, NULL);
  else
    deliver (event->net, end, record->data, record->len);
}

/* No bytes: it closes. */
static void
send_event (VEnd *end, const guint8 *data, gsize len)
{
  PlVNet *net = end->host->net;
  gint64 now = pl_env_now (net->env);
  gint64 delay = one_way (net) + charged (net);
  VRecord *record = g_malloc (sizeof *record + len);

  memset (record, 0, sizeof *record);
  if (!end->reliable && len > 0 && chance (net, net->conditions.reorder))
    delay += (gint64) pl_env_random_below (net->env, REORDER_MAX);
  if (end->reliable || len == 0)
    delay = MAX (delay, end->last_arrival - now);
  end->last_arrival = MAX (end->last_arrival, now + delay);
  record->end = end->peer;
  end->peer->refs++;
  record->len = len;
  if (len > 0)
    memcpy (record->data, data, len);
  schedule (net, &record->event, delay, deliver_record);
}

static void
send_copies (VEnd *end, const guint8 *data, gsize len)
{
  if (!end->reliable && chance (end->host->net, end->host->net->conditions.duplicate))
    send_event (end, data, len);
  send_event (end, data, len);
}

static const PlNodeId *
far_of (const VEnd *end)
{
  return &pl_carrier_info (end->carrier)->node;
}

static gboolean
is_passable (const VEnd *end)
{
  PlVNet *net = end->host->net;
  const PlNodeId *self = &end->host->node;

  return !is_dead (net, self) && !is_dead (net, far_of (end)) && !is_cut (net, self, far_of (end));
}

static gboolean
end_send (gpointer impl, const guint8 *data, gsize len)
{
  VEnd *end = impl;
  PlVNet *net = end->host->net;

  net->records++;
  net->bytes += len;
  if (!is_passable (end))
    return TRUE;
  if (!end->reliable && chance (net, net->conditions.loss))
    return TRUE;
  if (net->tap || net->gang_sends)
    {
      g_autoptr (GByteArray) record = g_byte_array_sized_new (len);

      g_byte_array_append (record, data, len);
      if ((!net->gang_sends || net->gang_sends (net->gang_user, &end->host->node, far_of (end), record))
          && (!net->tap || net->tap (net->tap_user, &end->host->node, far_of (end), record)))
        send_copies (end, record->data, record->len);
    }
  else
    send_copies (end, data, len);
  return TRUE;
}

static void
end_close (gpointer impl)
{
  VEnd *end = impl;

  if (is_passable (end))
    send_event (end, NULL, 0);
}

static void
end_free (gpointer impl)
{
  VEnd *end = impl;

  if (end->previous)
    end->previous->next = end->next;
  else
    end->host->net->ends = end->next;
  if (end->next)
    end->next->previous = end->previous;
  end->carrier = NULL;
  end_unref (end->peer);
  end_unref (end);
}

static const PlCarrierFuncs end_funcs = { end_send, end_close, end_free };

static VEnd *
end_new (VHost *host, VHost *far, gboolean reliable)
{
  PlVNet *net = host->net;
  VEnd *end = g_new0 (VEnd, 1);
  PlCarrierInfo info = { 0 };

  end->host = host;
  host->refs++;
  end->refs = 2;
  end->reliable = reliable;
  end->next = net->ends;
  if (end->next)
    end->next->previous = end;
  net->ends = end;
  info.cert = pl_identity_cert (far->identity);
  info.node = far->node;
  info.reliable = reliable;
  info.max_record = reliable ? PL_VNET_STREAM_MAX : PL_VNET_DATAGRAM_MAX;
  info.rtt = 2 * one_way (net);
  info.description = reliable ? (char *) "virtual tcp" : (char *) "virtual udp";
  end->carrier = pl_carrier_new (&end_funcs, end, &info);
  return end;
}

/* Each side must find the other's certificate good, and be sure whom it has. */
static gboolean
check_pair (VHost *a, VHost *b, GError **error)
{
  return pl_trust_check_cert (a->trust, pl_identity_cert (b->identity), error)
         && pl_trust_check_cert (b->trust, pl_identity_cert (a->identity), error);
}

/* --- attachments --- */

static void
attachment_free (PlAttachment *attachment)
{
  pl_timer_clear (&attachment->gather);
  pl_timer_clear (&attachment->timeout);
  pl_timer_clear (&attachment->connect);
  g_hash_table_remove (attachment->host->net->attachments, &attachment->token);
  if (attachment->previous)
    attachment->previous->next = attachment->next;
  else
    attachment->host->attachments = attachment->next;
  if (attachment->next)
    attachment->next->previous = attachment->previous;
  g_free (attachment);
}

static void
attachment_fail (PlAttachment *attachment, const GError *error)
{
  PlAttachmentHandlers handlers = attachment->handlers;
  gpointer user = attachment->user;
  gboolean silent = is_dead (attachment->host->net, &attachment->host->node);

  if (!silent)
    handlers.failed (user, attachment, error);
  attachment_free (attachment);
}

static void
on_attach_timeout (gpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no path to the far node");

  attachment_fail (data, error);
}

static void
on_gathered (gpointer data)
{
  PlAttachment *attachment = data;
  PlAttachReqAns local = { 0 };
  g_autofree char *ufrag = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", attachment->token);
  static const char password[] = "virtualvirtualvirtual0";
  PlIceCandidate candidate = { 0 }, relay;

  if (is_dead (attachment->host->net, &attachment->host->node))
    return;
  local.ufrag = g_bytes_new (ufrag, strlen (ufrag));
  local.password = g_bytes_new_static (password, strlen (password));
  local.candidates = g_array_new (FALSE, TRUE, sizeof (PlIceCandidate));
  candidate.addr_port.type = PL_ADDRESS_IPV4;
  memcpy (candidate.addr_port.addr, &attachment->host->address, 4);
  candidate.addr_port.port = 6084;
  candidate.overlay_link = PL_LINK_DTLS_UDP_SR;
  candidate.foundation = g_bytes_new_static ("1", 1);
  candidate.priority = 1;
  candidate.type = PL_CAND_HOST;
  g_array_append_val (local.candidates, candidate);
  candidate.rel_addr_port = candidate.addr_port;
  relay = candidate;
  if (attachment->host->nat != PL_VNET_OPEN)
    {
      candidate.type = PL_CAND_SRFLX;
      g_array_append_val (local.candidates, candidate);
    }
  relay.type = PL_CAND_RELAY;
  if (attachment->host->has_turn)
    g_array_append_val (local.candidates, relay);
  attachment->handlers.gathered (attachment->user, attachment, &local);
  g_bytes_unref (candidate.foundation);
  g_array_unref (local.candidates);
  g_bytes_unref (local.password);
  g_bytes_unref (local.ufrag);
}

static PlAttachment *
vhost_attach (gpointer impl, PlAttachPurpose purpose, gboolean controlling, const PlAttachmentHandlers *handlers,
              gpointer user)
{
  VHost *host = impl;
  PlAttachment *attachment = g_new0 (PlAttachment, 1);

  attachment->host = host;
  attachment->token = (++host->net->next_id << 1) | (controlling ? 1 : 0);
  attachment->application = purpose == PL_ATTACH_APPLICATION;
  attachment->handlers = *handlers;
  attachment->user = user;
  g_hash_table_insert (host->net->attachments, &attachment->token, attachment);
  attachment->next = host->attachments;
  if (attachment->next)
    attachment->next->previous = attachment;
  host->attachments = attachment;
  pl_env_arm (host->env, &attachment->gather, GATHER_TIME, on_gathered, attachment);
  return attachment;
}

/* Two attachments that name each other, seen from either; NULL while they do not. */
static PlAttachment *
find_partner (PlAttachment *attachment)
{
  PlAttachment *other = NULL;

  if (attachment->remote_token)
    other = g_hash_table_lookup (attachment->host->net->attachments, &attachment->remote_token);
  if (!other || other->remote_token != attachment->token || other->application != attachment->application)
    return NULL;
  /* ICE needs one of each role; our roles come from who asked (6.5.1.9). */
  if ((other->token & 1) == (attachment->token & 1))
    return NULL;
  return other;
}

static void
finish_pair (PlAttachment *a, PlAttachment *b)
{
  PlVNet *net = a->host->net;
  VEnd *end_a = end_new (a->host, b->host, FALSE);
  VEnd *end_b = end_new (b->host, a->host, FALSE);
  PlAttachmentHandlers handlers_a = a->handlers;
  gpointer user_a = a->user;
  guint64 token_b = b->token;

  end_a->peer = end_b;
  end_b->peer = end_a;
  handlers_a.connected (user_a, a, end_a->carrier);
  attachment_free (a);
  b = g_hash_table_lookup (net->attachments, &token_b);
  if (!b)
    {
      pl_carrier_close (end_b->carrier);
      pl_carrier_free (end_b->carrier);
      return;
    }
  b->handlers.connected (b->user, b, end_b->carrier);
  attachment_free (b);
}

/* A symmetric NAT shows each far side another port: hole punching reaches only who has none. What one
 * side's TURN server relays comes through. */
static gboolean
is_reachable (const VHost *a, const VHost *b)
{
  return a->nat == PL_VNET_OPEN || b->nat == PL_VNET_OPEN
         || (a->nat == PL_VNET_CONE && b->nat == PL_VNET_CONE) || a->has_turn || b->has_turn;
}

static void
on_connect (gpointer data)
{
  PlAttachment *a = data;
  PlAttachment *b = find_partner (a);
  g_autoptr (GError) error = NULL;

  a->connecting = FALSE;
  if (!b || is_dead (a->host->net, &a->host->node) || is_dead (a->host->net, &b->host->node)
      || is_cut (a->host->net, &a->host->node, &b->host->node) || !is_reachable (a->host, b->host))
    return; /* the timeouts say so */
  b->connecting = FALSE;
  if (!pl_node_id_equal (&a->remote_node, &b->host->node) || !pl_node_id_equal (&b->remote_node, &a->host->node))
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_FAILED, "the far certificate is another node's");
  if (error || !check_pair (a->host, b->host, &error))
    {
      attachment_fail (b, error);
      attachment_fail (a, error);
      return;
    }
  finish_pair (a, b);
}

static void
vhost_remote (gpointer impl, PlAttachment *attachment, const PlAttachReqAns *remote, const PlNodeId *node)
{
  VHost *host = impl;
  gsize len = 0;
  const char *ufrag = remote->ufrag ? g_bytes_get_data (remote->ufrag, &len) : "";
  g_autofree char *text = g_strndup (ufrag, len);
  PlAttachment *partner;

  attachment->remote_token = g_ascii_strtoull (text, NULL, 16);
  attachment->remote_node = *node;
  pl_env_arm (host->env, &attachment->timeout, ATTACH_TIMEOUT, on_attach_timeout, attachment);
  partner = find_partner (attachment);
  if (!partner || attachment->connecting || partner->connecting)
    return;
  attachment->connecting = partner->connecting = TRUE;
  pl_env_arm (host->net->env, &attachment->connect, HANDSHAKE_TRIPS * one_way (host->net), on_connect, attachment);
}

static void
vhost_cancel (gpointer impl, PlAttachment *attachment)
{
  PlAttachment *partner = find_partner (attachment);

  (void) impl;
  if (partner)
    partner->connecting = FALSE;
  attachment_free (attachment);
}

/* --- dialling --- */

static void
dial_fail (VDial *dial, int code, const char *text)
{
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, code, "cannot reach %s: %s", dial->target, text);

  dial->handlers.failed (dial->user, error);
}

static void
dial_unlink (VDial *dial)
{
  if (dial->previous)
    dial->previous->next = dial->next;
  else
    dial->host->dials = dial->next;
  if (dial->next)
    dial->next->previous = dial->previous;
}

static void
finish_dial (VEvent *event)
{
  VDial *dial = (VDial *) event;
  VHost *host = dial->host;
  VHost *far = g_hash_table_lookup (event->net->listeners, dial->target);
  g_autoptr (GError) error = NULL;
  VEnd *end, *far_end;

  dial_unlink (dial);
  if (is_dead (event->net, &host->node))
    return;
  if (!far)
    dial_fail (dial, G_IO_ERROR_CONNECTION_REFUSED, "connection refused");
  else if (is_dead (event->net, &far->node) || is_cut (event->net, &host->node, &far->node))
    dial_fail (dial, G_IO_ERROR_TIMED_OUT, "timed out");
  else if (!far->accept || !check_pair (host, far, &error))
    dial->handlers.failed (dial->user, error);
  else
    {
      end = end_new (host, far, TRUE);
      far_end = end_new (far, host, TRUE);
      end->peer = far_end;
      far_end->peer = end;
      far->accept (far->accept_user, far_end->carrier);
      dial->handlers.connected (dial->user, end->carrier);
    }
}

static void
vhost_dial (gpointer impl, const char *name, guint16 port, const PlDialHandlers *handlers, gpointer user)
{
  VHost *host = impl;
  PlVNet *net = host->net;
  VDial *dial = g_new0 (VDial, 1);
  VHost *far;
  gboolean silent;

  dial->host = host;
  dial->target = g_strdup_printf ("%s:%u", name, port);
  dial->handlers = *handlers;
  dial->user = user;
  far = g_hash_table_lookup (net->listeners, dial->target);
  silent = far && (is_dead (net, &far->node) || is_cut (net, &host->node, &far->node));
  dial->next = host->dials;
  if (dial->next)
    dial->next->previous = dial;
  host->dials = dial;
  schedule (net, &dial->event, silent ? DIAL_TIMEOUT : HANDSHAKE_TRIPS * one_way (net), finish_dial);
}

static void
vhost_set_accept (gpointer impl, PlAcceptFunc func, gpointer user)
{
  VHost *host = impl;

  host->accept = func;
  host->accept_user = user;
}

static guint16
vhost_listens (gpointer impl)
{
  return ((VHost *) impl)->port;
}

static void
vhost_set_turn (gpointer impl, const char *const *servers)
{
  ((VHost *) impl)->has_turn = servers && servers[0];
}

/* Carriers show what the identity has. */
static void
vhost_renewed (gpointer impl)
{
  (void) impl;
}

static void
vhost_moved (gpointer impl)
{
  (void) impl;
}

/* --- multicast --- */

typedef struct {
  VEvent event;
  char *from, *to;
  GBytes *bytes;
} VDatagram;

static void
deliver_datagram (VEvent *event)
{
  VDatagram *datagram = (VDatagram *) event;
  VHost *from = g_hash_table_lookup (event->net->lan, datagram->from), *to = g_hash_table_lookup (event->net->lan, datagram->to);

  if (from && to && !is_dead (event->net, &from->node) && !is_dead (event->net, &to->node)
      && !is_cut (event->net, &from->node, &to->node))
    to->datagram (to->datagram_user, datagram->bytes, datagram->from);
}

static void
datagram_clear (VEvent *event)
{
  VDatagram *datagram = (VDatagram *) event;

  g_free (datagram->from);
  g_free (datagram->to);
  g_bytes_unref (datagram->bytes);
}

static void
send_datagram (VHost *host, const char *to, GBytes *bytes)
{
  VDatagram *datagram = g_new0 (VDatagram, 1);

  datagram->from = g_strdup (host->name);
  datagram->to = g_strdup (to);
  datagram->bytes = g_bytes_ref (bytes);
  schedule (host->net, &datagram->event, one_way (host->net), deliver_datagram);
}

static void
vhost_set_groups (gpointer impl, const GArray *groups, PlDatagramFunc func, gpointer user)
{
  VHost *host = impl;

  if (host->name)
    g_hash_table_remove (host->net->lan, host->name);
  g_clear_pointer (&host->name, g_free);
  host->datagram = func;
  host->datagram_user = user;
  if (groups->len == 0)
    return;
  host->name = host->listener ? g_strdup (host->listener) : pl_node_id_dup_hex (&host->node);
  g_hash_table_insert (host->net->lan, host->name, host);
}

static void
vhost_discover (gpointer impl, GBytes *datagram)
{
  VHost *host = impl;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, host->net->lan);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (value != host && ((VHost *) value)->listener)
      send_datagram (host, ((VHost *) value)->name, datagram);
}

static void
vhost_answer (gpointer impl, const char *to, GBytes *datagram)
{
  send_datagram (impl, to, datagram);
}

static void
vhost_free (gpointer impl)
{
  VHost *host = impl;
  VDial *dial;

  if (host->name)
    g_hash_table_remove (host->net->lan, host->name);
  g_free (host->name);
  while (host->attachments)
    attachment_free (host->attachments);
  while ((dial = host->dials))
    {
      dial_unlink (dial);
      event_unlink (&dial->event);
      event_free (&dial->event);
    }
  if (host->listener && g_hash_table_lookup (host->net->listeners, host->listener) == host)
    g_hash_table_remove (host->net->listeners, host->listener);
  g_free (host->listener);
  host_unref (host);
}

PlTransport *
pl_vnet_transport (PlVNet *net, PlEnv *env, PlIdentity *identity, PlTrust *trust, const char *host, guint16 port)
{
  return pl_vnet_transport_behind (net, env, identity, trust, host, port, PL_VNET_OPEN);
}

PlTransport *
pl_vnet_transport_behind (PlVNet *net, PlEnv *env, PlIdentity *identity, PlTrust *trust, const char *host,
                          guint16 port, PlVNetNat nat)
{
  static const PlTransportFuncs funcs = {
    vhost_attach, vhost_remote, vhost_cancel, vhost_dial, vhost_set_accept, vhost_listens,
    vhost_set_turn, vhost_renewed, vhost_moved, vhost_set_groups, vhost_discover, vhost_answer, vhost_free,
  };
  VHost *vhost = g_new0 (VHost, 1);

  vhost->net = net;
  vhost->env = env;
  vhost->identity = identity;
  vhost->trust = trust;
  vhost->nat = nat;
  vhost->node = *pl_identity_node_id (identity);
  vhost->refs = 1;
  vhost->address = GUINT32_TO_BE (0x0a000001);
  if (host)
    {
      g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

      if (address && g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV4)
        memcpy (&vhost->address, g_inet_address_to_bytes (address), 4);
      vhost->port = port;
      vhost->listener = g_strdup_printf ("%s:%u", host, port);
      g_hash_table_insert (net->listeners, g_strdup (vhost->listener), vhost);
    }
  return pl_transport_new (&funcs, vhost);
}

/* --- the net --- */

PlVNet *
pl_vnet_new (PlUniverse *universe)
{
  PlVNet *net = g_new0 (PlVNet, 1);

  net->universe = universe;
  net->env = pl_universe_env (universe);
  net->conditions.delay_min = 10 * PL_USEC_PER_MSEC;
  net->conditions.delay_max = 40 * PL_USEC_PER_MSEC;
  net->listeners = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  net->attachments = g_hash_table_new (g_int64_hash, g_int64_equal);
  net->lan = g_hash_table_new (g_str_hash, g_str_equal);
  net->dead = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, g_free, NULL);
  return net;
}

void
pl_vnet_free (PlVNet *net)
{
  if (!net)
    return;
  while (net->events)
    {
      VEvent *event = net->events;

      event_unlink (event);
      event_free (event);
    }
  g_hash_table_unref (net->listeners);
  g_hash_table_unref (net->attachments);
  g_hash_table_unref (net->lan);
  g_hash_table_unref (net->dead);
  g_free (net);
}

void
pl_vnet_set (PlVNet *net, const PlVNetConditions *conditions)
{
  net->conditions = *conditions;
}

void
pl_vnet_set_tap (PlVNet *net, PlVNetTap tap, gpointer user)
{
  net->tap = tap;
  net->tap_user = user;
}

void
pl_vnet_set_gang (PlVNet *net, PlVNetTap sends, PlVNetArrival arrives, gpointer user)
{
  net->gang_sends = sends;
  net->gang_arrives = arrives;
  net->gang_user = user;
}

void
pl_vnet_set_cut (PlVNet *net, PlVNetCut cut, gpointer user)
{
  net->cut = cut;
  net->cut_user = user;
}

void
pl_vnet_charge (PlVNet *net, gint64 usec)
{
  net->charged = charged (net) + usec;
  net->charged_at = pl_env_now (net->env);
}

void
pl_vnet_kill (PlVNet *net, const PlNodeId *node)
{
  g_hash_table_add (net->dead, g_memdup2 (node, sizeof *node));
}

void
pl_vnet_revive (PlVNet *net, const PlNodeId *node)
{
  g_hash_table_remove (net->dead, node);
}

gboolean
pl_vnet_inject (PlVNet *net, const PlNodeId *from, const PlNodeId *to, const guint8 *data, gsize len)
{
  for (VEnd *end = net->ends; end; end = end->next)
    if (pl_node_id_equal (&end->host->node, to) && pl_node_id_equal (far_of (end), from))
      {
        pl_carrier_deliver (end->carrier, data, len);
        return TRUE;
      }
  return FALSE;
}

guint64
pl_vnet_records (PlVNet *net)
{
  return net->records;
}

guint64
pl_vnet_bytes (PlVNet *net)
{
  return net->bytes;
}
