/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/lookup.h"
#include "overlay/usage/round.h"

#include "base/aor.h"
#include "base/log.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/sip.h"

#include <string.h>

struct PlLookups {
  PlEnv *env;
  PlUsageNet net;
  PlRounds *rounds;
  GHashTable *running;  /* set of PlLookup */
};

struct PlLookup {
  PlLookups *owner;
  PlLookupFunc func;
  gpointer user;
  GPtrArray *aors;      /* canonical, the first is the one asked for */
  guint next;           /* the one fetched now is next - 1 */
  PlRound *round;       /* of this AoR; NULL: none under way */
  GArray *nodes;        /* PlFoundNode */
  gboolean known;       /* somebody certified for the first AoR has written there */
  gboolean unanswered;  /* no place of some AoR answered */
  gboolean circle, elsewhere; /* where a redirection led that was not followed */
  gpointer call;        /* for the certificate */
  PlTimer *timeout, *finish;
};

/* --- what is found --- */

static void
found_clear (gpointer data)
{
  PlFoundNode *found = data;

  g_free (found->aor);
  g_free (found->prefs);
}

GArray *
pl_found_nodes_new (void)
{
  GArray *nodes = g_array_new (FALSE, FALSE, sizeof (PlFoundNode));

  g_array_set_clear_func (nodes, found_clear);
  return nodes;
}

void
pl_found_nodes_add (GArray *nodes, const PlNodeId *node, const char *aor, const char *prefs)
{
  PlFoundNode found = { .node = *node, .aor = g_strdup (aor), .prefs = g_strdup (prefs) };

  g_array_append_val (nodes, found);
}

/* --- life cycle --- */

static void
lookup_free (gpointer data)
{
  PlLookup *lookup = data;
  PlUsageNet *net = &lookup->owner->net;

  pl_round_cancel (lookup->round);
  if (lookup->call)
    net->funcs->cancel (net->impl, lookup->call);
  pl_timer_clear (&lookup->timeout);
  pl_timer_clear (&lookup->finish);
  g_ptr_array_unref (lookup->aors);
  g_array_unref (lookup->nodes);
  g_free (lookup);
}

static void
finish (PlLookup *lookup, PlLookupResult result)
{
  PlLookupFunc func = lookup->func;
  gpointer user = lookup->user;
  g_autoptr (GArray) nodes = g_array_ref (lookup->nodes);

  g_hash_table_remove (lookup->owner->running, lookup);
  func (user, result, nodes);
}

/* Of somebody who is known, but on no device. */
static PlLookupResult
why_nowhere (const PlLookup *lookup)
{
  if (lookup->circle)
    return PL_LOOKUP_CIRCLE;
  return lookup->elsewhere ? PL_LOOKUP_ELSEWHERE : PL_LOOKUP_OFFLINE;
}

static void
on_timeout (gpointer data)
{
  PlLookup *lookup = data;

  if (lookup->nodes->len)
    finish (lookup, PL_LOOKUP_FOUND);
  else
    finish (lookup, lookup->known ? why_nowhere (lookup) : PL_LOOKUP_FAILED);
}

static void
on_no_aor (gpointer data)
{
  finish (data, PL_LOOKUP_UNKNOWN);
}

/* --- registrations --- */

/* What is no printable text, or too much of it, says nothing. */
static char *
dup_prefs (GBytes *prefs)
{
  gsize len = prefs ? g_bytes_get_size (prefs) : 0;
  const char *text = len ? g_bytes_get_data (prefs, NULL) : "";

  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isprint (text[i]))
      return g_strdup ("");
  return len > PL_LOOKUP_PREFS_MAX ? g_strdup ("") : g_strndup (text, len);
}

static void
add_node (PlLookup *lookup, const PlRoundEntry *entry, GBytes *prefs)
{
  g_autofree char *text = dup_prefs (prefs);

  if (lookup->nodes->len >= PL_LOOKUP_NODES_MAX)
    return;
  for (guint i = 0; i < lookup->nodes->len; i++)
    if (pl_node_id_equal (&g_array_index (lookup->nodes, PlFoundNode, i).node, &entry->node))
      return;
  pl_found_nodes_add (lookup->nodes, &entry->node, g_ptr_array_index (lookup->aors, lookup->next - 1), text);
  memcpy (g_array_index (lookup->nodes, PlFoundNode, lookup->nodes->len - 1).key, entry->key, sizeof entry->key);
}

static void
add_aor (PlLookup *lookup, GBytes *uri)
{
  gsize len = uri ? g_bytes_get_size (uri) : 0;
  g_autofree char *text = len ? g_strndup (g_bytes_get_data (uri, NULL), len) : NULL;
  g_autofree char *aor = text && strlen (text) == len ? pl_aor_canonical (text) : NULL;
  PlUsageNet *net = &lookup->owner->net;

  if (!aor || (net->funcs->allows && !net->funcs->allows (net->impl, aor)))
    {
      lookup->elsewhere = TRUE;
      return;
    }
  for (guint i = 0; i < lookup->aors->len; i++)
    if (strcmp (g_ptr_array_index (lookup->aors, i), aor) == 0)
      {
        lookup->circle |= i < lookup->next; /* else two devices lead to the same person */
        return;
      }
  lookup->circle |= lookup->aors->len >= PL_LOOKUP_FETCHES_MAX;
  if (lookup->aors->len < PL_LOOKUP_FETCHES_MAX)
    g_ptr_array_add (lookup->aors, g_steal_pointer (&aor));
}

/* A route leads to who signed it: a registration cannot send calls to a node of somebody else
 * (S2-48). */
static void
take_registration (PlLookup *lookup, const PlRoundEntry *entry)
{
  g_auto (PlSipRegistration) registration = { 0 };
  PlReader reader;
  PlUsageNet *net = &lookup->owner->net;
  const PlDestination *last;

  pl_reader_init_bytes (&reader, entry->value);
  if (!pl_sip_registration_read (&reader, &registration) || pl_reader_finish (&reader) != PL_WIRE_OK)
    return;
  if (registration.type == PL_SIP_REGISTRATION_URI)
    add_aor (lookup, registration.uri);
  if (registration.type != PL_SIP_REGISTRATION_ROUTE || registration.destination_list->len == 0)
    return;
  last = pl_destination_list_get (registration.destination_list, registration.destination_list->len - 1);
  if (last->type != PL_DESTINATION_NODE || !pl_node_id_equal (&last->node_id, &entry->node))
    return;
  if (net->funcs->learned)
    {
      const PlDestination *first = pl_destination_list_get (registration.destination_list, 0);
      gboolean is_guest = registration.destination_list->len == 2 && first->type == PL_DESTINATION_NODE;

      net->funcs->learned (net->impl, &last->node_id, is_guest ? &first->node_id : NULL);
    }
  add_node (lookup, entry, registration.contact_prefs);
}

static void fetch_next (PlLookup *lookup);

static void
on_enough (gpointer data)
{
  PlLookup *lookup = data;
  PlRound *round = g_steal_pointer (&lookup->round);
  const GArray *entries = pl_round_entries (round);

  lookup->unanswered |= !pl_round_answered (round);
  lookup->known |= lookup->next == 1 && pl_round_known (round);
  for (guint i = 0; i < entries->len; i++)
    if (g_array_index (entries, PlRoundEntry, i).value)
      take_registration (lookup, &g_array_index (entries, PlRoundEntry, i));
  pl_round_let_go (round);
  fetch_next (lookup);
}

/* --- certificates --- */

static void
on_certificates (gpointer user, const GPtrArray *values, const GError *error)
{
  PlLookup *lookup = user;
  const char *aor = g_ptr_array_index (lookup->aors, 0);
  gboolean known = FALSE;

  lookup->call = NULL;
  for (guint i = 0; !error && i < values->len && !known; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);
      const char *certified = pl_cert_aor (fetched->signer_cert);

      known = fetched->data->value.value.exists && certified && strcmp (certified, aor) == 0;
    }
  if (known)
    finish (lookup, PL_LOOKUP_OFFLINE);
  else
    finish (lookup, error ? PL_LOOKUP_FAILED : PL_LOOKUP_UNKNOWN);
}

static void
fetch_next (PlLookup *lookup)
{
  PlUsageNet *net = &lookup->owner->net;
  PlResourceId resource;

  if (lookup->next < lookup->aors->len)
    {
      lookup->round = pl_round_start (lookup->owner->rounds, g_ptr_array_index (lookup->aors, lookup->next++), on_enough, lookup);
      return;
    }
  if (lookup->nodes->len)
    finish (lookup, PL_LOOKUP_FOUND);
  else if (lookup->unanswered)
    finish (lookup, PL_LOOKUP_FAILED);
  else if (lookup->known)
    finish (lookup, why_nowhere (lookup));
  else
    {
      pl_aor_resource (g_ptr_array_index (lookup->aors, 0), &resource);
      lookup->call = net->funcs->fetch (net->impl, &resource, PL_KIND_CERTIFICATE_BY_USER, on_certificates, lookup);
    }
}

/* --- public --- */

PlLookups *
pl_lookups_new (PlEnv *env, PlUsageNet net)
{
  PlLookups *lookups = g_new0 (PlLookups, 1);

  lookups->env = env;
  lookups->net = net;
  lookups->running = g_hash_table_new_full (NULL, NULL, lookup_free, NULL);
  lookups->rounds = pl_rounds_new (env, net);
  return lookups;
}

void
pl_lookups_free (PlLookups *lookups)
{
  if (!lookups)
    return;
  g_hash_table_unref (lookups->running);
  pl_rounds_free (lookups->rounds);
  g_free (lookups);
}

PlLookup *
pl_lookups_start (PlLookups *lookups, const char *aor, PlLookupFunc func, gpointer user)
{
  PlLookup *lookup = g_new0 (PlLookup, 1);
  char *canonical = pl_aor_canonical (aor);

  lookup->owner = lookups;
  lookup->func = func;
  lookup->user = user;
  lookup->aors = g_ptr_array_new_with_free_func (g_free);
  lookup->nodes = pl_found_nodes_new ();
  g_hash_table_add (lookups->running, lookup);
  if (!canonical)
    {
      pl_env_arm (lookups->env, &lookup->finish, 0, on_no_aor, lookup);
      return lookup;
    }
  g_ptr_array_add (lookup->aors, canonical);
  pl_env_arm (lookups->env, &lookup->timeout, PL_LOOKUP_TIME_MAX, on_timeout, lookup);
  fetch_next (lookup);
  return lookup;
}

GPtrArray *
pl_lookup_ref_aors (PlLookup *lookup)
{
  return g_ptr_array_ref (lookup->aors);
}

void
pl_lookup_cancel (PlLookup *lookup)
{
  g_hash_table_remove (lookup->owner->running, lookup);
}
