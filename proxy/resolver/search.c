/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/resolver/search.h"

typedef struct {
  PlSearchPart base;
  PlSearch *search;
  PlLookup *lookup;   /* under way */
} Part;

struct PlSearch {
  PlEnv *env;
  PlSearchFuncs funcs;
  gpointer user;
  GPtrArray *parts;   /* Part */
  PlTimer *decision;
  gint64 began;
};

static void
part_free (gpointer data)
{
  Part *part = data;

  if (part->lookup)
    pl_lookup_cancel (part->lookup);
  g_array_unref (part->base.nodes);
  if (part->base.aors)
    g_ptr_array_unref (part->base.aors);
  g_free (part);
}

static gboolean
knows_the_name (const PlSearchPart *part)
{
  switch (part->result)
    {
    case PL_LOOKUP_FOUND:
    case PL_LOOKUP_OFFLINE:
    case PL_LOOKUP_CIRCLE:
    case PL_LOOKUP_ELSEWHERE:
      return TRUE;
    case PL_LOOKUP_UNKNOWN:
    case PL_LOOKUP_FAILED:
      return part->final;
    }
  return FALSE;
}

/* When nobody knows the name: one that did not answer might have. */
static const PlSearchPart *
choose_among_ignorant (PlSearch *search)
{
  for (guint i = 0; i < search->parts->len; i++)
    {
      const PlSearchPart *part = g_ptr_array_index (search->parts, i);

      if (part->result == PL_LOOKUP_FAILED)
        return part;
    }
  return search->parts->len ? g_ptr_array_index (search->parts, 0) : NULL;
}

static void
decide (gpointer data)
{
  PlSearch *search = data;

  for (guint i = 0; i < search->parts->len; i++)
    {
      const PlSearchPart *part = g_ptr_array_index (search->parts, i);

      if (!part->answered)
        return;
      if (!knows_the_name (part))
        continue;
      search->funcs.done (search->user, part);
      return;
    }
  search->funcs.done (search->user, choose_among_ignorant (search));
}

static void
on_lookup (gpointer user, PlLookupResult result, const GArray *nodes)
{
  Part *part = user;
  PlSearch *search = part->search;

  part->lookup = NULL;
  part->base.answered = TRUE;
  part->base.result = result;
  part->base.took = pl_env_now (search->env) - search->began;
  if (nodes)
    {
      g_array_unref (part->base.nodes);
      part->base.nodes = g_array_ref ((GArray *) nodes);
    }
  if (search->funcs.answered)
    search->funcs.answered (search->user, &part->base);
  if (result == PL_LOOKUP_FOUND && part->base.nodes->len > 0)
    part->base.refused = !pl_membership_filter (part->base.membership, part->base.nodes) && part->base.nodes->len == 0;
  decide (search);
}

PlSearch *
pl_search_new (PlEnv *env, GPtrArray *memberships, const char *own, const char *aor, const PlSearchFuncs *funcs, gpointer user)
{
  PlSearch *search = g_new0 (PlSearch, 1);

  search->env = env;
  search->funcs = *funcs;
  search->user = user;
  search->began = pl_env_now (env);
  search->parts = g_ptr_array_new_with_free_func (part_free);
  for (guint i = 0; i < memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (memberships, i);
      Part *part;

      if (own && !g_str_equal (pl_membership_aor (membership), own))
        continue;
      part = g_new0 (Part, 1);
      part->search = search;
      part->base.membership = membership;
      part->base.nodes = pl_found_nodes_new ();
      part->lookup = pl_node_lookup (pl_membership_node (membership), aor, on_lookup, part);
      part->base.aors = pl_lookup_ref_aors (part->lookup);
      g_ptr_array_add (search->parts, part);
    }
  if (search->parts->len == 0)
    pl_env_arm (env, &search->decision, 0, decide, search);
  return search;
}

void
pl_search_free (PlSearch *search)
{
  if (!search)
    return;
  pl_timer_clear (&search->decision);
  g_ptr_array_unref (search->parts);
  g_free (search);
}

void
pl_search_drop (PlSearch *search, PlMembership *membership)
{
  for (guint i = 0; i < search->parts->len; i++)
    {
      Part *part = g_ptr_array_index (search->parts, i);

      if (part->base.membership != membership)
        continue;
      g_clear_pointer (&part->lookup, pl_lookup_cancel);
      g_array_set_size (part->base.nodes, 0);
      part->base.membership = NULL;
      part->base.answered = TRUE;
      part->base.result = PL_LOOKUP_FAILED;
      pl_env_arm (search->env, &search->decision, 0, decide, search);
    }
}

const GPtrArray *
pl_search_parts (PlSearch *search)
{
  return search->parts;
}
