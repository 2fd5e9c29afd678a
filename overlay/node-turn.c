/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"
#include "overlay/usage/turn-search.h"

/* TURN servers (RFC 6940 9): one beside this peer is offered, one of the overlay is found and used by
 * who is behind a NAT. Credentials pass over an application link, that is between two certified nodes
 * and nobody else (doc/PROTOCOL). */

#define ASK_TIME (8 * PL_USEC_PER_SEC)    /* for the link and what is said over it */
#define SERVE_TIME (8 * PL_USEC_PER_SEC)  /* the far side has closed the link by then */

typedef struct {
  PlNode *node;
  PlAppLink *link;
  PlTimer *timer;
} Serving;

typedef struct {
  PlNode *node;
  PlAppConnect *connect;     /* until there is a link */
  PlAppLink *link;
  PlTimer *timer;
  PlTurnAskFunc func;
  gpointer data;
} Asking;

struct PlNodeTurn {
  PlTurnOffer *offer;        /* NULL: no server beside us */
  PlTurnSearch *search;      /* NULL: we do not look */
  GPtrArray *servings;       /* Serving */
  gboolean online, behind_nat;
};

/* --- giving --- */

static void
serving_free (gpointer data)
{
  Serving *serving = data;

  pl_timer_clear (&serving->timer);
  pl_app_link_free (serving->link);
  g_free (serving);
}

static void
on_served (gpointer data)
{
  g_ptr_array_remove_fast (((Serving *) data)->node->turn->servings, data);
}

static void
on_serving_closed (gpointer user, PlAppLink *link, const char *reason)
{
  on_served (user);
}

gboolean
pl_node_turn_offers (PlNode *node)
{
  return node->turn->offer != NULL;
}

gboolean
pl_node_turn_admit (PlNode *node, const PlNodeId *asker)
{
  return pl_turn_offer_admit (node->turn->offer, asker);
}

/* The link is the question. */
void
pl_node_turn_serve (PlNode *node, PlAppLink *link)
{
  static const PlAppLinkHandlers handlers = { .closed = on_serving_closed };
  Serving *serving = g_new0 (Serving, 1);
  g_auto (PlTurnAccess) access = { 0 };
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) bytes = NULL;

  serving->node = node;
  serving->link = link;
  g_ptr_array_add (node->turn->servings, serving);
  pl_app_link_set_handlers (link, &handlers, serving);
  pl_turn_offer_give (node->turn->offer, &pl_app_link_info (link)->node, &access);
  pl_writer_init (&writer);
  pl_turn_access_write (&writer, &access);
  bytes = pl_writer_finish (&writer);
  pl_app_link_send (link, bytes);
  pl_env_arm (node->env, &serving->timer, SERVE_TIME, on_served, serving);
}

/* --- asking --- */

static void
asking_free (Asking *asking)
{
  pl_timer_clear (&asking->timer);
  pl_app_connect_cancel (asking->connect);
  pl_app_link_free (asking->link);
  g_free (asking);
}

static void
finish (Asking *asking, const PlTurnAccess *access)
{
  PlTurnAskFunc func = asking->func;
  gpointer data = asking->data;

  asking_free (asking);
  func (data, access);
}

static void
on_told (gpointer user, PlAppLink *link, const guint8 *data, gsize len)
{
  g_auto (PlTurnAccess) access = { 0 };
  PlReader reader;

  pl_reader_init (&reader, data, len);
  pl_turn_access_read (&reader, &access);
  finish (user, pl_reader_finish (&reader) == PL_WIRE_OK ? &access : NULL);
}

static void
on_closed (gpointer user, PlAppLink *link, const char *reason)
{
  finish (user, NULL);
}

static void
on_timeout (gpointer data)
{
  finish (data, NULL);
}

static void
on_connected (gpointer user, PlAppLink *link, const GError *error)
{
  static const PlAppLinkHandlers handlers = { .message = on_told, .closed = on_closed };
  Asking *asking = user;

  asking->connect = NULL;
  asking->link = link;
  if (link)
    pl_app_link_set_handlers (link, &handlers, asking);
  else
    finish (asking, NULL);
}

static gpointer
search_ask (gpointer user, const PlNodeId *server, PlTurnAskFunc func, gpointer data)
{
  PlNode *node = user;
  Asking *asking = g_new0 (Asking, 1);

  asking->node = node;
  asking->func = func;
  asking->data = data;
  asking->connect = pl_node_app_open (node, PL_APPLICATION_TURN, server, on_connected, asking);
  pl_env_arm (node->env, &asking->timer, ASK_TIME, on_timeout, asking);
  return asking;
}

static void
search_cancel (gpointer user, gpointer handle)
{
  asking_free (handle);
}

static void
search_changed (gpointer user)
{
  PlNode *node = user;
  const PlTurnAccess *access = pl_turn_search_access (node->turn->search, NULL);
  g_autofree char *uri = access ? pl_turn_access_dup_uri (access) : NULL;
  const char *const servers[] = { uri, NULL };

  pl_info ("node", access ? "a TURN server of the overlay is in use" : "no TURN server is in use any more", NULL);
  pl_transport_set_turn (node->transport, servers);
}

/* --- when --- */

static guint
density_of (const PlDocument *document)
{
  const PlKind *kind = pl_document_kind (document, PL_KIND_TURN_SERVICE);

  return kind && !document->no_ice ? MIN (document->turn_density, kind->max_node_multiple) : 0;
}

/* Links to and from a node without a NAT need no help, and one behind a NAT is none to others. */
static void
update (PlNode *node)
{
  PlNodeTurn *turn = node->turn;
  guint density = density_of (node->document);

  if (turn->offer)
    {
      pl_turn_offer_set_density (turn->offer, density);
      pl_turn_offer_set_online (turn->offer, node->state == PL_NODE_PEER && !turn->behind_nat);
    }
  if (turn->search)
    {
      pl_turn_search_set_wanted (turn->search, density > 0 && (turn->behind_nat || node->options.needs_turn));
      pl_turn_search_set_online (turn->search, turn->online);
    }
}

void
pl_node_turn_note (PlNode *node, const PlAttachReqAns *local)
{
  gboolean reflexive = FALSE, relayed = FALSE;

  for (guint i = 0; local->candidates && i < local->candidates->len; i++)
    {
      guint8 type = g_array_index (local->candidates, PlIceCandidate, i).type;

      reflexive |= type == PL_CAND_SRFLX;
      relayed |= type == PL_CAND_RELAY;
    }
  if (reflexive && !node->turn->behind_nat)
    {
      node->turn->behind_nat = TRUE;
      update (node);
    }
  if (node->turn->search)
    pl_turn_search_note (node->turn->search, relayed);
}

void
pl_node_turn_set_document (PlNode *node)
{
  update (node);
}

void
pl_node_turn_set_state (PlNode *node)
{
  if (node->state == PL_NODE_JOINING)
    return;
  node->turn->online = node->state == PL_NODE_CLIENT || node->state == PL_NODE_PEER;
  update (node);
}

PlTurnState
pl_node_turn (PlNode *node, const PlTurnAccess **access, gint64 *expires)
{
  const PlTurnAccess *found = node->turn->search ? pl_turn_search_access (node->turn->search, expires) : NULL;

  if (access)
    *access = found;
  if (found)
    return PL_TURN_FOUND;
  if (!node->turn->search || density_of (node->document) == 0)
    return PL_TURN_NOT_OFFERED;
  return node->turn->behind_nat || node->options.needs_turn ? PL_TURN_MISSING : PL_TURN_NOT_NEEDED;
}

const char *
pl_node_turn_explain (PlNode *node)
{
  if (!node->turn->behind_nat && !node->options.needs_turn)
    return "no path to the node was found";
  switch (pl_node_turn (node, NULL, NULL))
    {
    case PL_TURN_NOT_OFFERED:
      return "no path to the node was found: between two NATs it takes a TURN server, and the overlay offers none";
    case PL_TURN_MISSING:
      return "no path to the node was found: between two NATs it takes a TURN server, and none was found in the overlay yet";
    case PL_TURN_FOUND:
      return "no path to the node was found, not by the TURN server of the overlay either";
    case PL_TURN_NOT_NEEDED:
      break;
    }
  return "no path to the node was found";
}

/* --- life --- */

void
pl_node_turn_init (PlNode *node)
{
  static const PlTurnSearchHandlers handlers = { search_ask, search_cancel, search_changed };
  PlNodeTurn *turn = g_new0 (PlNodeTurn, 1);
  PlUsageNet net = pl_node_usage_net (node);

  node->turn = turn;
  turn->servings = g_ptr_array_new_with_free_func (serving_free);
  if (node->options.turn)
    turn->offer = pl_turn_offer_new (node->env, net, &node->self, node->options.turn);
  node->options.turn = NULL;
  if (node->options.find_turn)
    turn->search = pl_turn_search_new (node->env, net, &node->self, &handlers, node);
}

void
pl_node_turn_free (PlNode *node)
{
  pl_turn_search_free (node->turn->search);
  pl_turn_offer_free (node->turn->offer);
  g_ptr_array_unref (node->turn->servings);
  g_free (node->turn);
}
