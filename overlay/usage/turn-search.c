/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/turn-search.h"

#include "base/log.h"
#include "overlay/usage/turn-offer.h"

#include <string.h>

#define FIRST_DELAY (2 * PL_USEC_PER_SEC)  /* registrations and servers go first */

struct PlTurnSearch {
  PlEnv *env;
  PlUsageNet net;
  PlNodeId self;
  PlTurnSearchHandlers handlers;
  gpointer user;
  gboolean online, wanted;
  gpointer call;            /* of the net */
  gpointer asking;          /* of the handlers */
  PlResourceId place;       /* where a record was found */
  PlNodeId server;          /* asked, or the one whose credentials we have */
  PlNodeId failed;          /* the last one that gave none */
  guint tries, misses;
  gint64 pause;
  PlTurnAccess access;      /* username NULL: none */
  gint64 expires;           /* env wall */
  PlTimer *timer, *expiry_timer;
};

static void probe (PlTurnSearch *search);
static void ask (PlTurnSearch *search);

static gboolean
is_busy (PlTurnSearch *search)
{
  return search->call || search->asking;
}

static void
on_timer (gpointer data)
{
  PlTurnSearch *search = data;

  search->tries = 0;
  if (search->access.username)
    ask (search);
  else
    probe (search);
}

static void
wait_for (PlTurnSearch *search, gint64 delay)
{
  pl_env_arm (search->env, &search->timer, delay + (gint64) pl_env_random_below (search->env, (guint64) delay / 4 + 1),
              on_timer, search);
}

static void
forget (PlTurnSearch *search)
{
  pl_timer_clear (&search->expiry_timer);
  if (!search->access.username)
    return;
  pl_turn_access_clear (&search->access);
  search->handlers.changed (search->user);
}

static void
on_expired (gpointer data)
{
  forget (data);
}

/* --- asking --- */

/* Our packets would go there. */
static gboolean
is_plausible (const PlIpAddressPort *address)
{
  g_autoptr (GInetAddress) inet = pl_ip_address_port_dup_inet (address);

  return inet && !g_inet_address_get_is_any (inet) && !g_inet_address_get_is_multicast (inet)
         && !g_inet_address_get_is_loopback (inet);
}

static void
take (PlTurnSearch *search, const PlTurnAccess *access)
{
  gint64 lifetime = (gint64) MIN (access->lifetime, PL_TURN_LIFETIME_MAX) * PL_USEC_PER_SEC;

  pl_turn_access_clear (&search->access);
  search->access = *access;
  search->access.username = g_strdup (access->username);
  search->access.password = g_strdup (access->password);
  search->expires = pl_env_wall (search->env) + lifetime;
  search->pause = search->misses = 0;
  pl_env_arm (search->env, &search->expiry_timer, lifetime, on_expired, search);
  wait_for (search, lifetime / 2);
  search->handlers.changed (search->user);
}

static void
on_asked (gpointer data, const PlTurnAccess *access)
{
  PlTurnSearch *search = data;

  search->asking = NULL;
  if (access && access->lifetime >= PL_TURN_LIFETIME_MIN && is_plausible (&access->server))
    {
      take (search, access);
      return;
    }
  search->failed = search->server;
  probe (search);
}

static void
ask (PlTurnSearch *search)
{
  search->asking = search->handlers.ask (search->user, &search->server, on_asked, search);
}

/* --- probing --- */

/* The signature is good; that this signer may stand here is for us to see (7.3.4). */
static gboolean
may_stand (PlTurnSearch *search, const PlFetched *fetched)
{
  const PlDataValue *value = &fetched->data->value.value;
  guint8 name[PL_NODE_ID_LEN + 1];
  PlTurnServer server;
  PlResourceId place;
  PlReader reader;

  pl_reader_init_bytes (&reader, value->value);
  if (!value->exists || !pl_turn_server_read (&reader, &server) || pl_reader_finish (&reader) != PL_WIRE_OK
      || server.iteration == 0 || server.iteration > PL_TURN_DENSITY_MAX)
    return FALSE;
  memcpy (name, fetched->signer.b, PL_NODE_ID_LEN);
  name[PL_NODE_ID_LEN] = server.iteration;
  pl_resource_id_from_name (&place, name, sizeof name);
  return pl_resource_id_equal (&place, &search->place) && !pl_node_id_equal (&fetched->signer, &search->self)
         && !pl_node_id_equal (&fetched->signer, &search->failed);
}

static void
on_fetched (gpointer user, const GPtrArray *values, const GError *error)
{
  PlTurnSearch *search = user;

  search->call = NULL;
  for (guint i = 0; values && i < values->len; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);

      if (!may_stand (search, fetched))
        continue;
      search->server = fetched->signer;
      ask (search);
      return;
    }
  probe (search);
}

static void
on_found (gpointer user, const PlResourceId *closest, const GError *error)
{
  PlTurnSearch *search = user;

  search->call = NULL;
  if (!closest)
    {
      probe (search);
      return;
    }
  search->place = *closest;
  search->call = search->net.funcs->fetch (search->net.impl, closest, PL_KIND_TURN_SERVICE, on_fetched, search);
}

/* Another random place, or a pause. */
static void
probe (PlTurnSearch *search)
{
  PlResourceId place = { .len = PL_NODE_ID_LEN };

  if (!search->online || !search->wanted)
    return;
  if (search->tries >= PL_TURN_TRIES_MAX)
    {
      search->pause = CLAMP (search->pause * 2, PL_TURN_PAUSE_MIN, PL_TURN_PAUSE_MAX);
      memset (&search->failed, 0, sizeof search->failed);
      pl_info ("usage", "no TURN server found in the overlay", NULL);
      wait_for (search, search->pause);
      return;
    }
  search->tries++;
  for (guint i = 0; i < PL_NODE_ID_LEN; i++)
    place.b[i] = (guint8) pl_env_random_below (search->env, 256);
  search->call = search->net.funcs->find (search->net.impl, &place, PL_KIND_TURN_SERVICE, on_found, search);
}

/* --- public --- */

static void
halt (PlTurnSearch *search)
{
  pl_timer_clear (&search->timer);
  if (search->call)
    search->net.funcs->cancel (search->net.impl, g_steal_pointer (&search->call));
  if (search->asking)
    search->handlers.cancel (search->user, g_steal_pointer (&search->asking));
}

/* What is there stays good while we are away. */
static void
update (PlTurnSearch *search)
{
  gint64 left = search->access.username ? search->expires - pl_env_wall (search->env) : 0;

  if (!search->online || !search->wanted)
    halt (search);
  else if (!is_busy (search) && !search->timer)
    wait_for (search, MAX (left / 2, FIRST_DELAY));
}

void
pl_turn_search_set_online (PlTurnSearch *search, gboolean online)
{
  search->online = online;
  update (search);
}

void
pl_turn_search_set_wanted (PlTurnSearch *search, gboolean wanted)
{
  search->wanted = wanted;
  if (!wanted)
    forget (search);
  update (search);
}

void
pl_turn_search_note (PlTurnSearch *search, gboolean relayed)
{
  if (!search->access.username)
    return;
  search->misses = relayed ? 0 : search->misses + 1;
  if (search->misses < PL_TURN_MISSES_MAX || is_busy (search))
    return;
  pl_info ("usage", "the TURN server does not answer: another is looked for", NULL);
  search->failed = search->server;
  search->misses = 0;
  halt (search);
  forget (search);
  update (search);
}

const PlTurnAccess *
pl_turn_search_access (PlTurnSearch *search, gint64 *expires)
{
  if (expires)
    *expires = search->access.username ? search->expires : 0;
  return search->access.username ? &search->access : NULL;
}

PlTurnSearch *
pl_turn_search_new (PlEnv *env, PlUsageNet net, const PlNodeId *self, const PlTurnSearchHandlers *handlers, gpointer user)
{
  PlTurnSearch *search = g_new0 (PlTurnSearch, 1);

  search->env = env;
  search->net = net;
  search->self = *self;
  search->handlers = *handlers;
  search->user = user;
  return search;
}

void
pl_turn_search_free (PlTurnSearch *search)
{
  if (!search)
    return;
  halt (search);
  pl_timer_clear (&search->expiry_timer);
  pl_turn_access_clear (&search->access);
  g_free (search);
}
