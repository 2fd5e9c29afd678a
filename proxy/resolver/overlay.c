/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/resolver/overlay.h"

#include "proxy/resolver/early.h"
#include "proxy/resolver/people.h"
#include "proxy/resolver/search.h"

#include <string.h>

#define WARM_MAX 16                      /* links dialled before anybody asked */
#define WARM_TIME (5 * PL_USEC_PER_SEC)  /* for whoever asked who it is to ask for the link */

struct PlOverlayResolver {
  PlResolver interface;
  PlEnv *env;
  GPtrArray *memberships;
  GHashTable *requests; /* Request, a set */
  GPtrArray *warm;      /* Warm */
  PlPeople *people;
};

/* One look-up or one connection on its way. */
typedef struct {
  PlOverlayResolver *resolver;
  char *aor;            /* looked up */
  PlSearch *search;
  PlMembership *membership; /* to connect through */
  PlAppConnect *connect;
  PlEarly *early;       /* instead of it */
  PlTimer *refusal; /* there is no membership to ask: the answer comes from the loop */
  PlResolveFunc resolved;
  PlConnectFunc connected;
  gpointer user;
} Request;

/* A link to where somebody was reached before. */
typedef struct {
  PlOverlayResolver *resolver;
  PlMembership *membership;
  PlEarly *early;
  const Request *asker; /* whose look-up still runs; NULL: it agreed */
  PlTimer *expiry;
} Warm;

/* The identity in the overlay that the name of a device says; else in the first. */
static PlMembership *
find_membership (PlOverlayResolver *resolver, const char *aor, const char *device)
{
  const char *overlay = device ? strchr (device, '@') : NULL;

  for (guint i = 0; i < resolver->memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (resolver->memberships, i);

      if (g_str_equal (pl_membership_aor (membership), aor) && (!overlay || g_str_equal (pl_membership_overlay (membership), overlay + 1)))
        return membership;
    }
  return NULL;
}

/* --- links dialled beside the look-up --- */

static void
warm_free (gpointer data)
{
  Warm *warm = data;

  pl_timer_clear (&warm->expiry);
  pl_early_free (warm->early);
  g_free (warm);
}

static void
on_expiry (gpointer data)
{
  Warm *warm = data;

  g_ptr_array_remove (warm->resolver->warm, warm);
}

static gboolean
has_link (PlMembership *membership, const PlNodeId *node)
{
  g_autoptr (GPtrArray) links = pl_membership_dup_sip_links (membership);

  for (guint i = 0; i < links->len; i++)
    if (pl_node_id_equal (&((PlPeerInfo *) g_ptr_array_index (links, i))->node, node))
      return TRUE;
  return FALSE;
}

static void
dial_where_reached (Request *request, PlMembership *membership)
{
  PlOverlayResolver *resolver = request->resolver;
  PlNodeId nodes[PL_PEOPLE_NODES_MAX];
  guint n = pl_people_find (resolver->people, pl_membership_overlay (membership), request->aor, nodes);

  for (guint i = 0; i < n && resolver->warm->len < WARM_MAX; i++)
    {
      Warm *warm;

      if (has_link (membership, &nodes[i]))
        continue;
      warm = g_new0 (Warm, 1);
      warm->resolver = resolver;
      warm->membership = membership;
      warm->early = pl_early_new (resolver->env, pl_membership_node (membership), &nodes[i]);
      warm->asker = request;
      g_ptr_array_add (resolver->warm, warm);
    }
}

static gboolean
names_node (const GArray *nodes, const PlNodeId *node)
{
  for (guint i = 0; i < nodes->len; i++)
    if (pl_node_id_equal (&g_array_index (nodes, PlFoundNode, i).node, node))
      return TRUE;
  return FALSE;
}

/* What the look-up agrees with waits to be asked for; the others go with the request. */
static void
keep_agreed (Request *request, const PlSearchPart *part)
{
  GPtrArray *all = request->resolver->warm;

  for (guint i = 0; i < all->len; i++)
    {
      Warm *warm = g_ptr_array_index (all, i);

      if (warm->asker != request || warm->membership != part->membership || !names_node (part->nodes, pl_early_target (warm->early)))
        continue;
      warm->asker = NULL;
      pl_env_arm (request->resolver->env, &warm->expiry, WARM_TIME, on_expiry, warm);
    }
}

/* The overlay did not answer: where a link stands that certifies them will do. */
static GArray *
dup_reached (Request *request, PlMembership *membership)
{
  GArray *nodes = pl_found_nodes_new ();
  GPtrArray *all = request->resolver->warm;

  for (guint i = 0; i < all->len; i++)
    {
      Warm *warm = g_ptr_array_index (all, i);

      if (warm->asker == request && warm->membership == membership && pl_early_is_up (warm->early, request->aor))
        pl_found_nodes_add (nodes, pl_early_target (warm->early), request->aor, "");
    }
  return nodes;
}

static PlEarly *
take_warm (PlOverlayResolver *resolver, PlMembership *membership, const PlNodeId *node)
{
  for (guint i = 0; i < resolver->warm->len; i++)
    {
      Warm *warm = g_ptr_array_index (resolver->warm, i);
      PlEarly *early;

      if (warm->asker || warm->membership != membership || !pl_node_id_equal (pl_early_target (warm->early), node)
          || pl_early_failed (warm->early))
        continue;
      early = g_steal_pointer (&warm->early);
      g_ptr_array_remove_index (resolver->warm, i);
      return early;
    }
  return NULL;
}

static void
drop_warm (PlOverlayResolver *resolver, const PlMembership *membership, const Request *asker)
{
  for (guint i = resolver->warm->len; i > 0; i--)
    {
      const Warm *warm = g_ptr_array_index (resolver->warm, i - 1);

      if (membership ? warm->membership == membership : warm->asker == asker)
        g_ptr_array_remove_index (resolver->warm, i - 1);
    }
}

/* --- requests --- */

static void
request_free (gpointer data)
{
  Request *request = data;

  drop_warm (request->resolver, NULL, request);
  pl_early_free (request->early);
  g_free (request->aor);
  pl_timer_clear (&request->refusal);
  pl_search_free (request->search);
  if (request->connect)
    pl_app_connect_cancel (request->connect);
  g_free (request);
}

static Request *
request_new (PlOverlayResolver *resolver, gpointer user)
{
  Request *request = g_new0 (Request, 1);

  request->resolver = resolver;
  request->user = user;
  g_hash_table_add (resolver->requests, request);
  return request;
}

/* The request is over: out of the table before its handler is called. */
static Request
request_finish (Request *request)
{
  Request copy = *request;

  request->connect = NULL;
  g_hash_table_remove (request->resolver->requests, request);
  return copy;
}

static void
refuse (gpointer data)
{
  Request request = request_finish (data);
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "this identity is in no overlay now");

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
    case PL_LOOKUP_CIRCLE:
      return PL_RESOLVE_CIRCLE;
    case PL_LOOKUP_ELSEWHERE:
      return PL_RESOLVE_ELSEWHERE;
    }
  return PL_RESOLVE_FAILED;
}

static void
resolved_clear (gpointer data)
{
  g_free ((char *) ((PlResolved *) data)->node);
}

/* A silent overlay: where a link stands that certifies them will do. Nobody else's word will for who was
 * reached there before: an overlay that is kept from answering does not hand its people to the next. */
static void
on_answered (gpointer user, PlSearchPart *part)
{
  Request *request = user;
  PlPeople *people = request->resolver->people;
  const char *overlay = pl_membership_overlay (part->membership);
  PlNodeId nodes[PL_PEOPLE_NODES_MAX];
  g_autoptr (GArray) reached = NULL;

  if (part->result != PL_LOOKUP_FAILED)
    {
      pl_people_looked_up (people, overlay, request->aor, part->nodes);
      return;
    }
  part->final = pl_people_find (people, overlay, request->aor, nodes) > 0;
  reached = dup_reached (request, part->membership);
  if (reached->len == 0)
    return;
  part->result = PL_LOOKUP_FOUND;
  g_array_unref (part->nodes);
  part->nodes = g_steal_pointer (&reached);
}

static void
on_decided (gpointer user, const PlSearchPart *part)
{
  Request *asked = user, request;
  PlResolveResult result = part ? to_resolve_result (part->result) : PL_RESOLVE_FAILED;
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (PlResolved));
  g_autoptr (GArray) nodes = part ? g_array_ref (part->nodes) : pl_found_nodes_new ();

  g_array_set_clear_func (found, resolved_clear);
  if (part && part->membership)
    keep_agreed (asked, part);
  for (guint i = 0; result == PL_RESOLVE_FOUND && i < nodes->len; i++)
    {
      const PlFoundNode *node = &g_array_index (nodes, PlFoundNode, i);
      PlResolved each = { pl_membership_dup_device (part->membership, &node->node), node->aor, node->prefs };

      g_array_append_val (found, each);
    }
  if (part && part->refused)
    result = PL_RESOLVE_REFUSED;
  request = request_finish (asked);
  request.resolved (request.user, result, (const PlResolved *) found->data, found->len);
}

static void
note_reached (const Request *request, PlAppLink *link)
{
  const PlCarrierInfo *info = pl_app_link_info (link);
  const char *aor = pl_cert_aor (info->cert);

  if (aor)
    pl_people_reached (request->resolver->people, pl_membership_overlay (request->membership), aor, &info->node);
}

static void
on_connect (gpointer user, PlAppLink *link, const GError *error)
{
  Request request = request_finish (user);
  g_autoptr (GError) why = NULL;

  if (link && !pl_membership_meet (request.membership, pl_app_link_info (link)->cert, TRUE, &why))
    {
      pl_app_link_free (link);
      request.connected (request.user, NULL, why);
      return;
    }
  if (link)
    note_reached (&request, link);
  request.connected (request.user, link ? pl_membership_wrap (request.membership, link) : NULL, error);
}

static gpointer
resolve (gpointer impl, const char *own, const char *aor, PlResolveFunc func, gpointer user)
{
  static const PlSearchFuncs search = { on_answered, on_decided };
  PlOverlayResolver *resolver = impl;
  Request *request = request_new (resolver, user);

  request->resolved = func;
  request->aor = g_strdup (aor);
  request->search = pl_search_new (resolver->env, resolver->memberships, own, aor, &search, request);
  for (guint i = 0; i < pl_search_parts (request->search)->len; i++)
    dial_where_reached (request, ((PlSearchPart *) g_ptr_array_index (pl_search_parts (request->search), i))->membership);
  return request;
}

static gpointer
connect_node (gpointer impl, const char *own, const char *device, PlConnectFunc func, gpointer user)
{
  PlOverlayResolver *resolver = impl;
  Request *request = request_new (resolver, user);
  g_autofree char *hex = g_strndup (device, strcspn (device, "@"));
  PlNodeId id;

  request->connected = func;
  request->membership = pl_node_id_parse (hex, &id) ? find_membership (resolver, own, device) : NULL;
  if (request->membership)
    request->early = take_warm (resolver, request->membership, &id);
  if (request->early)
    pl_early_await (request->early, on_connect, request);
  else if (request->membership)
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
  return find_membership (impl, aor, NULL) != NULL;
}

static const char *
own_node (gpointer impl, const char *aor, const char *far)
{
  PlMembership *membership = find_membership (impl, aor, far);

  return membership ? pl_membership_node_hex (membership) : NULL;
}

static void
tell_node (PlNode *node, const char *aor, const char *prefs)
{
  if (!prefs)
    {
      pl_node_withdraw (node, aor);
      return;
    }
  pl_node_register (node, aor);
  pl_node_prefer (node, aor, prefs);
}

/* In each overlay in which it is ours. */
static void
registered (gpointer impl, const char *aor, const char *prefs)
{
  PlOverlayResolver *resolver = impl;

  for (guint i = 0; i < resolver->memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (resolver->memberships, i);

      if (g_str_equal (pl_membership_aor (membership), aor))
        tell_node (pl_membership_node (membership), aor, prefs);
    }
}

static gboolean
incognito (gpointer impl, const char *aor)
{
  PlMembership *membership = find_membership (impl, aor, NULL);

  return membership && pl_membership_incognito (membership);
}

static const PlResolverFuncs funcs = { resolve, connect_node, cancel, is_ours, own_node, registered, incognito };

PlOverlayResolver *
pl_overlay_resolver_new (PlEnv *env, GPtrArray *memberships, const char *people_path)
{
  PlOverlayResolver *resolver = g_new0 (PlOverlayResolver, 1);

  resolver->interface.funcs = &funcs;
  resolver->interface.impl = resolver;
  resolver->env = env;
  resolver->memberships = memberships;
  resolver->requests = g_hash_table_new_full (NULL, NULL, NULL, request_free);
  resolver->warm = g_ptr_array_new_with_free_func (warm_free);
  resolver->people = pl_people_new (env, people_path);
  return resolver;
}

void
pl_overlay_resolver_free (PlOverlayResolver *resolver)
{
  if (!resolver)
    return;
  g_hash_table_unref (resolver->requests);
  g_ptr_array_unref (resolver->warm);
  pl_people_free (resolver->people);
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

  drop_warm (resolver, membership, NULL);
  for (GList *l = requests; l; l = l->next)
    {
      Request *request = l->data;

      if (request->search)
        pl_search_drop (request->search, membership);
      if (request->membership != membership)
        continue;
      g_clear_pointer (&request->connect, pl_app_connect_cancel);
      g_clear_pointer (&request->early, pl_early_free);
      request->membership = NULL;
      pl_env_arm (resolver->env, &request->refusal, 0, refuse, request);
    }
}
