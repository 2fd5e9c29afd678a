/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/node-priv.h"

#include <string.h>

/* Peers to come back through (RFC 6940 11.4): only those we were connected to, about ten. A peer
 * that takes links by address says the port in an IceExtension of its candidates. */

#define LISTEN_EXTENSION "pl-listen"      /* value: the port in digits (doc/PROTOCOL) */
#define CACHE_MAX 10
#define OFFERED_MAX 2                     /* addresses of one node */
#define TELL_AFTER (5 * PL_USEC_PER_SEC)

typedef struct {
  PlNodeId id;
  char *address;
} Entry;

struct PlCache {
  PlNode *node;
  GPtrArray *entries;       /* Entry, newest first */
  PlTimer *timer;
};

static void
entry_free (gpointer data)
{
  g_free (((Entry *) data)->address);
  g_free (data);
}

void
pl_node_cache_init (PlNode *node)
{
  node->cache = g_new0 (PlCache, 1);
  node->cache->node = node;
  node->cache->entries = g_ptr_array_new_with_free_func (entry_free);
}

void
pl_node_cache_free (PlNode *node)
{
  pl_timer_clear (&node->cache->timer);
  g_ptr_array_unref (node->cache->entries);
  g_free (node->cache);
}

void
pl_node_cache_offer (PlNode *node, PlAttachReqAns *message)
{
  guint16 port = pl_transport_listens (node->transport);
  g_autofree char *value = g_strdup_printf ("%u", port);

  for (guint i = 0; port && message->candidates && i < message->candidates->len; i++)
    pl_ice_candidate_add_extension (&g_array_index (message->candidates, PlIceCandidate, i), LISTEN_EXTENSION, value);
}

static guint16
offered_port (const PlIceCandidate *candidate)
{
  GBytes *value = NULL;
  g_autofree char *text = NULL;
  guint64 port = 0;

  if (!pl_ice_candidate_find_extension (candidate, LISTEN_EXTENSION, &value) || !value)
    return 0;
  text = g_strndup (g_bytes_get_data (value, NULL), g_bytes_get_size (value));
  return g_ascii_string_to_unsigned (text, 10, 1, 65535, &port, NULL) ? (guint16) port : 0;
}

static char *
dup_address (const PlIceCandidate *candidate, guint16 port)
{
  gboolean v6 = candidate->addr_port.type == PL_ADDRESS_IPV6;
  g_autoptr (GInetAddress) address =
    g_inet_address_new_from_bytes (candidate->addr_port.addr, v6 ? G_SOCKET_FAMILY_IPV6 : G_SOCKET_FAMILY_IPV4);
  g_autofree char *text = g_inet_address_to_string (address);

  if (g_inet_address_get_is_any (address) || g_inet_address_get_is_multicast (address)
      || g_inet_address_get_is_link_local (address))
    return NULL;
  return g_strdup_printf (v6 ? "[%s]:%u" : "%s:%u", text, port);
}

GStrv
pl_node_cache_dup_offered (const PlAttachReqAns *remote)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  guint n = 0;

  for (guint i = 0; remote->candidates && i < remote->candidates->len && n < OFFERED_MAX; i++)
    {
      const PlIceCandidate *candidate = &g_array_index (remote->candidates, PlIceCandidate, i);
      guint16 port = offered_port (candidate);
      g_autofree char *address = NULL;

      if (port && (candidate->type == PL_CAND_HOST || candidate->type == PL_CAND_SRFLX)
          && (candidate->addr_port.type == PL_ADDRESS_IPV4 || candidate->addr_port.type == PL_ADDRESS_IPV6))
        address = dup_address (candidate, port);
      if (!address)
        continue;
      g_strv_builder_add (builder, address);
      n++;
    }
  return n ? g_strv_builder_end (builder) : NULL;
}

static void
tell (gpointer data)
{
  PlCache *cache = data;
  g_autoptr (GPtrArray) list = g_ptr_array_new ();

  for (guint i = 0; i < cache->entries->len; i++)
    g_ptr_array_add (list, ((Entry *) g_ptr_array_index (cache->entries, i))->address);
  g_ptr_array_add (list, NULL);
  cache->node->handlers.cached (cache->node->user, (const char *const *) list->pdata);
}

void
pl_node_cache_add (PlNode *node, const PlNodeId *id, const char *const *addresses)
{
  PlCache *cache = node->cache;

  if (!addresses || !node->handlers.cached)
    return;
  for (guint i = cache->entries->len; i > 0; i--)
    if (pl_node_id_equal (&((Entry *) g_ptr_array_index (cache->entries, i - 1))->id, id))
      g_ptr_array_remove_index (cache->entries, i - 1);
  for (guint i = 0; addresses[i]; i++)
    {
      Entry *entry = g_new0 (Entry, 1);

      entry->id = *id;
      entry->address = g_strdup (addresses[i]);
      g_ptr_array_insert (cache->entries, (gint) i, entry);
    }
  if (cache->entries->len > CACHE_MAX)
    g_ptr_array_set_size (cache->entries, CACHE_MAX);
  if (!cache->timer)
    pl_env_arm (node->env, &cache->timer, TELL_AFTER, tell, cache);
}
