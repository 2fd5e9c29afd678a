/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/resolver/overlay.h"

struct PlOverlayResolver {
  PlResolver interface;
  PlEnv *env;
  GPtrArray *memberships;
  GHashTable *requests; /* Request, a set */
};

/* One look-up or one connection on its way. */
typedef struct {
  PlOverlayResolver *resolver;
  PlMembership *membership;
  PlLookup *lookup;
  PlAppConnect *connect;
  PlTimer *refusal; /* there is no membership to ask: the answer comes from the loop */
  PlResolveFunc resolved;
  PlConnectFunc connected;
  gpointer user;
} Request;

static PlMembership *
find_membership (PlOverlayResolver *resolver, const char *aor)
{
  for (guint i = 0; i < resolver->memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (resolver->memberships, i);

      if (g_str_equal (pl_membership_aor (membership), aor))
        return membership;
    }
  return NULL;
}

static void
request_free (gpointer data)
{
  Request *request = data;

  pl_timer_clear (&request->refusal);
  if (request->lookup)
    pl_lookup_cancel (request->lookup);
  if (request->connect)
    pl_app_connect_cancel (request->connect);
  g_free (request);
}

static Request *
request_new (PlOverlayResolver *resolver, const char *own, gpointer user)
{
  Request *request = g_new0 (Request, 1);

  request->resolver = resolver;
  request->membership = find_membership (resolver, own);
  request->user = user;
  g_hash_table_add (resolver->requests, request);
  return request;
}

/* The request is over: out of the table before its handler is called. */
static Request
request_finish (Request *request)
{
  Request copy = *request;

  request->lookup = NULL;
  request->connect = NULL;
  g_hash_table_remove (request->resolver->requests, request);
  return copy;
}

static void
refuse (gpointer data)
{
  Request request = request_finish (data);
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "this identity is in no overlay now");

  if (request.resolved)
    request.resolved (request.user, PL_RESOLVE_FAILED, NULL);
  else
    request.connected (request.user, NULL, error);
}

static PlResolveResult
to_resolve_result (PlLookupResult result)
{
  switch (result)
    {
    case PL_LOOKUP_FOUND:
      return PL_RESOLVE_FOUND;
    case PL_LOOKUP_UNKNOWN:
      return PL_RESOLVE_UNKNOWN;
    case PL_LOOKUP_OFFLINE:
      return PL_RESOLVE_OFFLINE;
    case PL_LOOKUP_FAILED:
      return PL_RESOLVE_FAILED;
    }
  return PL_RESOLVE_FAILED;
}

static void
on_lookup (gpointer user, PlLookupResult result, const GArray *nodes)
{
  Request request = request_finish (user);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; nodes && i < nodes->len; i++)
    g_ptr_array_add (names, pl_node_id_dup_hex (&g_array_index (nodes, PlNodeId, i)));
  g_ptr_array_add (names, NULL);
  request.resolved (request.user, to_resolve_result (result),
                    result == PL_LOOKUP_FOUND ? (const char *const *) names->pdata : NULL);
}

static void
on_connect (gpointer user, PlAppLink *link, const GError *error)
{
  Request request = request_finish (user);

  request.connected (request.user, link ? pl_membership_wrap (request.membership, link) : NULL, error);
}

static gpointer
resolve (gpointer impl, const char *own, const char *aor, PlResolveFunc func, gpointer user)
{
  PlOverlayResolver *resolver = impl;
  Request *request = request_new (resolver, own, user);

  request->resolved = func;
  if (request->membership)
    request->lookup = pl_node_lookup (pl_membership_node (request->membership), aor, on_lookup, request);
  else
    pl_env_arm (resolver->env, &request->refusal, 0, refuse, request);
  return request;
}

static gpointer
connect_node (gpointer impl, const char *own, const char *node, PlConnectFunc func, gpointer user)
{
  PlOverlayResolver *resolver = impl;
  Request *request = request_new (resolver, own, user);
  PlNodeId id;

  request->connected = func;
  if (request->membership && pl_node_id_parse (node, &id))
    request->connect = pl_node_app_connect (pl_membership_node (request->membership), &id, on_connect, request);
  else
    pl_env_arm (resolver->env, &request->refusal, 0, refuse, request);
  return request;
}

static void
cancel (gpointer impl, gpointer handle)
{
  g_hash_table_remove (((PlOverlayResolver *) impl)->requests, handle);
}

static gboolean
is_ours (gpointer impl, const char *aor)
{
  return find_membership (impl, aor) != NULL;
}

static const char *
own_node (gpointer impl, const char *aor)
{
  PlMembership *membership = find_membership (impl, aor);

  return membership ? pl_membership_node_hex (membership) : NULL;
}

static void
registered (gpointer impl, const char *aor, gboolean present)
{
  PlMembership *membership = find_membership (impl, aor);

  if (!membership)
    return;
  if (present)
    pl_node_register (pl_membership_node (membership), aor);
  else
    pl_node_withdraw (pl_membership_node (membership), aor);
}

static const PlResolverFuncs funcs = { resolve, connect_node, cancel, is_ours, own_node, registered };

PlOverlayResolver *
pl_overlay_resolver_new (PlEnv *env, GPtrArray *memberships)
{
  PlOverlayResolver *resolver = g_new0 (PlOverlayResolver, 1);

  resolver->interface.funcs = &funcs;
  resolver->interface.impl = resolver;
  resolver->env = env;
  resolver->memberships = memberships;
  resolver->requests = g_hash_table_new_full (NULL, NULL, NULL, request_free);
  return resolver;
}

void
pl_overlay_resolver_free (PlOverlayResolver *resolver)
{
  if (!resolver)
    return;
  g_hash_table_unref (resolver->requests);
  g_free (resolver);
}

const PlResolver *
pl_overlay_resolver_interface (PlOverlayResolver *resolver)
{
  return &resolver->interface;
}

void
pl_overlay_resolver_drop (PlOverlayResolver *resolver, PlMembership *membership)
{
  g_autoptr (GList) requests = g_hash_table_get_keys (resolver->requests);

  for (GList *l = requests; l; l = l->next)
    {
      Request *request = l->data;

      if (request->membership != membership)
        continue;
      g_clear_pointer (&request->lookup, pl_lookup_cancel);
      g_clear_pointer (&request->connect, pl_app_connect_cancel);
      request->membership = NULL;
      pl_env_arm (resolver->env, &request->refusal, 0, refuse, request);
    }
}
