/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/log.h"

#include <string.h>

/* Peers of last time, and when none of them answers at once the bootstrap nodes of the document
 * (RFC 6940 11.4): dialled at the start and whenever no
 * link is left; the first of them starts the ring when no other has one (6.4.2.1); those in the
 * ring look now and then whether it is the only one (10.7.4.4). */

#define RETRY_MIN (300 * PL_USEC_PER_MSEC)
#define RETRY_MAX (5 * PL_USEC_PER_SEC)
#define RING_WAIT PL_USEC_PER_SEC            /* for a connected node to show that it has a ring */
#define HOME_WAIT (8 * PL_USEC_PER_SEC)      /* for a ring that is there to take us */
#define DISCOVER_BOOTSTRAP (30 * PL_USEC_PER_SEC)
#define DISCOVER_PEER (600 * PL_USEC_PER_SEC)
#define DIALS_MAX 8
#define DIAL_MAX (20 * PL_USEC_PER_SEC)
#define CACHED_MAX 10
#define HEAD_START PL_USEC_PER_SEC           /* of cached peers */
#define FOUND_MAX 8                          /* hosts that multicast found */

typedef struct {
  PlBoot *boot;
  PlHostPort where;
  guint is_self : 1, known : 1;
  guint gone : 1;            /* the document no longer lists it */
  guint found : 1;           /* by multicast: no document ever did */
  gint64 dialing;            /* since when, env time; 0: not */
  PlNodeId id;
} Host;

struct PlBoot {
  PlNode *node;
  GPtrArray *hosts;          /* Host, of the document */
  GPtrArray *cached;         /* Host */
  gboolean asked_hosts;      /* the document's, since the start */
  gboolean running;
  gint64 wait, started;
  PlTimer *retry_timer, *ring_timer, *discover_timer, *hosts_timer;
};

static void ring_check (gpointer data);
static void dial_all (gpointer data);
static void dial_hosts (gpointer data);

static void
host_free (gpointer data)
{
  g_free (((Host *) data)->where.host);
  g_free (data);
}

/* `host` is taken. */
static Host *
add_host (PlBoot *boot, GPtrArray *list, char *name, guint16 port)
{
  Host *host = g_new0 (Host, 1);

  host->boot = boot;
  host->where.host = name;
  host->where.port = port;
  g_ptr_array_add (list, host);
  return host;
}

/* "host:port", an IPv6 address in brackets; where->host is the caller's. */
static gboolean
parse_where (const char *text, PlHostPort *where)
{
  const char *colon = strrchr (text, ':');
  guint64 port = 0;

  if (!colon || colon == text || !g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL))
    return FALSE;
  where->host = text[0] == '[' && colon[-1] == ']' ? g_strndup (text + 1, colon - text - 2) : g_strndup (text, colon - text);
  where->port = (guint16) port;
  return TRUE;
}

static void
add_cached (PlBoot *boot, const char *text)
{
  PlHostPort where;

  if (parse_where (text, &where))
    add_host (boot, boot->cached, where.host, where.port);
}

static Host *
find_host (PlBoot *boot, const PlHostPort *where)
{
  for (guint i = 0; i < boot->hosts->len; i++)
    {
      Host *host = g_ptr_array_index (boot->hosts, i);

      if (host->where.port == where->port && g_str_equal (host->where.host, where->host))
        return host;
    }
  return NULL;
}

static void
add_hosts (PlBoot *boot)
{
  GArray *list = boot->node->document->bootstrap_nodes;

  for (guint i = 0; list && i < list->len; i++)
    {
      const PlHostPort *where = &g_array_index (list, PlHostPort, i);
      Host *host = find_host (boot, where);

      if (host)
        host->gone = FALSE;
      else
        add_host (boot, boot->hosts, g_strdup (where->host), where->port);
    }
}

void
pl_node_boot_set_document (PlNode *node)
{
  PlBoot *boot = node->boot;

  for (guint i = 0; i < boot->hosts->len; i++)
    ((Host *) g_ptr_array_index (boot->hosts, i))->gone = !((Host *) g_ptr_array_index (boot->hosts, i))->found;
  add_hosts (boot);
  for (guint i = boot->hosts->len; i > 0; i--)
    {
      Host *host = g_ptr_array_index (boot->hosts, i - 1);

      if (host->gone && !host->dialing) /* the transport holds it until then */
        g_ptr_array_remove_index (boot->hosts, i - 1);
    }
  pl_node_boot_check (node);
}

void
pl_node_boot_init (PlNode *node)
{
  PlBoot *boot = g_new0 (PlBoot, 1);

  boot->node = node;
  boot->hosts = g_ptr_array_new_with_free_func (host_free);
  boot->cached = g_ptr_array_new_with_free_func (host_free);
  add_hosts (boot);
  for (guint i = 0; node->options.cached && node->options.cached[i] && i < CACHED_MAX; i++)
    add_cached (boot, node->options.cached[i]);
  node->options.cached = NULL;
  node->boot = boot;
}

void
pl_node_boot_free (PlNode *node)
{
  pl_node_boot_stop (node);
  g_ptr_array_unref (node->boot->hosts);
  g_ptr_array_unref (node->boot->cached);
  g_free (node->boot);
}

gboolean
pl_node_boot_is (PlNode *node, const PlNodeId *id)
{
  for (guint i = 0; i < node->boot->hosts->len; i++)
    {
      Host *host = g_ptr_array_index (node->boot->hosts, i);

      if (host->known && pl_node_id_equal (&host->id, id))
        return TRUE;
    }
  return FALSE;
}

/* A transport that never says how it went must not stop us. */
static gboolean
is_dialing (const Host *host)
{
  return host->dialing && pl_env_now (host->boot->node->env) - host->dialing < DIAL_MAX;
}

static guint
n_dialing (PlBoot *boot)
{
  guint n = 0;

  for (guint i = 0; i < boot->hosts->len; i++)
    n += is_dialing (g_ptr_array_index (boot->hosts, i));
  for (guint i = 0; i < boot->cached->len; i++)
    n += is_dialing (g_ptr_array_index (boot->cached, i));
  return n;
}

static gboolean
may_start_ring (PlBoot *boot)
{
  return boot->running && boot->node->options.may_start_ring && boot->asked_hosts
         && pl_topology_state (boot->node->topology) == PL_TOPOLOGY_OUTSIDE;
}

static void
dial_over (PlBoot *boot)
{
  if (!boot->running || n_dialing (boot) > 0)
    return;
  if (boot->hosts_timer && pl_forward_n_links (boot->node->forward) == 0)
    {
      dial_hosts (boot); /* no cached peer answers */
      return;
    }
  if (may_start_ring (boot))
    pl_env_arm (boot->node->env, &boot->ring_timer, 0, ring_check, boot);
  /* Connected nodes that have no ring themselves are no reason to stop looking. */
  if (pl_forward_n_links (boot->node->forward) > 0
      && pl_topology_state (boot->node->topology) != PL_TOPOLOGY_OUTSIDE)
    return;
  boot->wait = CLAMP (boot->wait * 2, RETRY_MIN, RETRY_MAX);
  pl_env_arm (boot->node->env, &boot->retry_timer,
              boot->wait + pl_env_random_below (boot->node->env, boot->wait / 4), dial_all, boot);
}

static void
on_dialed (gpointer user, PlCarrier *carrier)
{
  Host *host = user;
  PlBoot *boot = host->boot;

  host->dialing = 0;
  host->id = pl_carrier_info (carrier)->node;
  host->known = TRUE;
  host->is_self = pl_node_id_equal (&host->id, &boot->node->self);
  if (host->is_self || !boot->running)
    {
      pl_carrier_close (carrier);
      pl_carrier_free (carrier);
    }
  else
    {
      pl_forward_add (boot->node->forward, carrier, FALSE);
    }
  dial_over (boot);
}

static void
on_dial_failed (gpointer user, const GError *error)
{
  Host *host = user;

  PlBoot *boot = host->boot;

  host->dialing = 0;
  pl_info ("node", "bootstrap node does not answer", "host", host->where.host,
           "reason", error ? error->message : "unknown", NULL);
  if (host->found)
    g_ptr_array_remove (boot->hosts, host);
  dial_over (boot);
}

static void
dial (Host *host)
{
  static const PlDialHandlers handlers = { .connected = on_dialed, .failed = on_dial_failed };
  PlNode *node = host->boot->node;

  if (is_dialing (host) || host->is_self || host->gone || (host->known && pl_forward_connected (node->forward, &host->id)))
    return;
  host->dialing = pl_env_now (node->env);
  pl_transport_dial (node->transport, host->where.host, host->where.port, &handlers, host);
}

static guint
n_found (PlBoot *boot)
{
  guint n = 0;

  for (guint i = 0; i < boot->hosts->len; i++)
    n += ((Host *) g_ptr_array_index (boot->hosts, i))->found;
  return n;
}

void
pl_node_boot_found (PlNode *node, const char *text, const PlNodeId *id)
{
  PlBoot *boot = node->boot;
  PlHostPort where;
  Host *host;

  if (!boot->running || pl_forward_connected (node->forward, id) || !parse_where (text, &where))
    return;
  host = find_host (boot, &where);
  if (!host && n_found (boot) < FOUND_MAX)
    {
      host = add_host (boot, boot->hosts, g_strdup (where.host), where.port);
      host->found = TRUE;
    }
  g_free (where.host);
  if (host)
    dial (host);
}

static void
dial_hosts (gpointer data)
{
  PlBoot *boot = data;
  guint n = boot->hosts->len, first = n ? pl_env_random_below (boot->node->env, n) : 0;

  pl_timer_clear (&boot->hosts_timer);
  boot->asked_hosts = TRUE;
  pl_node_multicast_ask (boot->node);
  for (guint i = 0; i < MIN (n, DIALS_MAX); i++)
    dial (g_ptr_array_index (boot->hosts, (first + i) % n));
  dial_over (boot);
}

/* Not needed when a cached peer took us in. */
static void
dial_hosts_late (gpointer data)
{
  PlBoot *boot = data;

  if (pl_forward_n_links (boot->node->forward) == 0 || pl_topology_state (boot->node->topology) == PL_TOPOLOGY_OUTSIDE)
    dial_hosts (boot);
}

static void
dial_all (gpointer data)
{
  PlBoot *boot = data;

  for (guint i = 0; i < MIN (boot->cached->len, DIALS_MAX); i++)
    dial (g_ptr_array_index (boot->cached, i));
  if (n_dialing (boot) > 0)
    pl_env_arm (boot->node->env, &boot->hosts_timer, HEAD_START, dial_hosts_late, boot);
  else
    dial_hosts (boot);
}

/* --- the first ring --- */

/* A connected node has told us of its ring. */
static gboolean
has_ring (PlNode *node)
{
  g_autoptr (GArray) nodes = pl_forward_dup_nodes (node->forward);

  for (guint i = 0; i < nodes->len; i++)
    if (pl_topology_is_peer (node->topology, &g_array_index (nodes, PlNodeId, i)))
      return TRUE;
  return FALSE;
}

static void
ring_check (gpointer data)
{
  PlBoot *boot = data;
  PlNode *node = boot->node;
  gint64 age = pl_env_now (node->env) - boot->started;

  if (!may_start_ring (boot) || n_dialing (boot) > 0)
    return;
  if (pl_node_multicast_waits (node))
    {
      pl_env_arm (node->env, &boot->ring_timer, RING_WAIT / 4, ring_check, boot);
      return;
    }
  if (pl_forward_n_links (node->forward) > 0 && age < (has_ring (node) ? HOME_WAIT : RING_WAIT))
    {
      pl_env_arm (node->env, &boot->ring_timer, RING_WAIT / 4, ring_check, boot);
      return;
    }
  pl_notice ("node", "no other bootstrap node has a ring: starting it", NULL);
  pl_topology_start_ring (node->topology);
}

/* --- partitions --- */

static void
discover (gpointer data)
{
  PlBoot *boot = data;
  PlNode *node = boot->node;
  gint64 every = node->options.role == PL_ROLE_BOOTSTRAP || node->options.may_start_ring ? DISCOVER_BOOTSTRAP : DISCOVER_PEER;
  guint n = boot->hosts->len;

  pl_env_arm (node->env, &boot->discover_timer, every * 3 / 4 + pl_env_random_below (node->env, every / 2), discover, boot);
  if (pl_topology_state (node->topology) != PL_TOPOLOGY_JOINED)
    return;
  pl_node_multicast_ask (node);
  if (n == 0)
    return;
  for (guint i = 0, first = pl_env_random_below (node->env, n); i < n; i++)
    {
      Host *host = g_ptr_array_index (boot->hosts, (first + i) % n);

      if (host->is_self)
        continue;
      if (host->known && pl_forward_connected (node->forward, &host->id))
        pl_topology_probe_partition (node->topology, &host->id);
      else
        dial (host);
      break;
    }
}

void
pl_node_boot_start (PlNode *node)
{
  PlBoot *boot = node->boot;

  boot->running = TRUE;
  boot->started = pl_env_now (node->env);
  pl_env_arm (node->env, &boot->retry_timer, 0, dial_all, boot);
  pl_env_arm (node->env, &boot->discover_timer, DISCOVER_BOOTSTRAP, discover, boot);
}

void
pl_node_boot_stop (PlNode *node)
{
  PlBoot *boot = node->boot;

  boot->running = FALSE;
  pl_timer_clear (&boot->retry_timer);
  pl_timer_clear (&boot->ring_timer);
  pl_timer_clear (&boot->hosts_timer);
  pl_timer_clear (&boot->discover_timer);
}

void
pl_node_boot_hurry (PlNode *node)
{
  PlBoot *boot = node->boot;

  if (!boot->running || pl_forward_n_links (node->forward) > 0)
    return;
  boot->wait = 0;
  pl_env_arm (node->env, &boot->retry_timer, 0, dial_all, boot);
}

void
pl_node_boot_check (PlNode *node)
{
  PlBoot *boot = node->boot;

  if (!boot->running || boot->retry_timer || n_dialing (boot) > 0 || pl_forward_n_links (node->forward) > 0
      || (node->options.may_start_ring && pl_topology_state (node->topology) == PL_TOPOLOGY_JOINED))
    return;
  boot->wait = 0;
  pl_env_arm (node->env, &boot->retry_timer, pl_env_random_below (node->env, RETRY_MIN), dial_all, boot);
}
