/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/lookup.h"

#include "base/aor.h"
#include "base/log.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/sip.h"

#include <string.h>

/* The newest storage_time we have seen of a node at a place: going back is a roll-back (RFC
 * 6940 13.5.3). */
typedef struct {
  PlNodeId place, node;
  guint64 time;
} Seen;

struct PlLookups {
  PlEnv *env;
  PlUsageNet net;
  GHashTable *running;  /* set of PlLookup */
  GHashTable *seen;     /* set of Seen */
  GQueue seen_order;    /* Seen, oldest first */
};

/* What one node says of the AoR, the newest of all places. */
typedef struct {
  PlNodeId node;
  guint64 time;
  GBytes *value;        /* NULL: withdrawn */
  guint8 key[PL_KEY_FINGERPRINT_LEN];
} Entry;

/* The Fetch at one of the places of an AoR. */
typedef struct {
  PlLookup *lookup;
  PlResourceId resource;
  gpointer call;        /* NULL: over */
} Place;

struct PlLookup {
  PlLookups *owner;
  PlLookupFunc func;
  gpointer user;
  GPtrArray *aors;      /* canonical, the first is the one asked for */
  guint next;           /* the one fetched now is next - 1 */
  Place places[PL_REGISTRATION_PLACES_MAX];
  guint waiting;        /* places without an answer */
  guint answers;        /* of places, also that there is nothing */
  GArray *entries;      /* Entry, of this AoR */
  gint64 began;         /* with this AoR */
  GArray *nodes;        /* PlFoundNode */
  gboolean known;       /* somebody certified for the first AoR has written there */
  gboolean unanswered;  /* no place of some AoR answered */
  gboolean circle, elsewhere; /* where a redirection led that was not followed */
  gpointer call;        /* for the certificate */
  PlTimer *timeout, *finish, *enough;
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

/* --- roll-back --- */

static guint
seen_hash (gconstpointer p)
{
  const Seen *seen = p;

  return pl_node_id_hash (&seen->place) ^ pl_node_id_hash (&seen->node);
}

static gboolean
seen_equal (gconstpointer p, gconstpointer q)
{
  const Seen *a = p, *b = q;

  return pl_node_id_equal (&a->node, &b->node) && pl_node_id_equal (&a->place, &b->place);
}

/* FALSE when this value is older than one we have had. */
static gboolean
note_time (PlLookups *lookups, const PlResourceId *resource, const PlFetched *fetched)
{
  Seen key = { .node = fetched->signer, .time = fetched->data->storage_time };
  Seen *seen;

  if (!pl_resource_id_to_node_id (resource, &key.place))
    return FALSE;
  seen = g_hash_table_lookup (lookups->seen, &key);
  if (seen && seen->time > key.time)
    return FALSE;
  if (seen)
    {
      seen->time = key.time;
      return TRUE;
    }
  if (lookups->seen_order.length >= PL_LOOKUP_SEEN_MAX)
    g_hash_table_remove (lookups->seen, g_queue_pop_head (&lookups->seen_order));
  seen = g_memdup2 (&key, sizeof key);
  g_hash_table_add (lookups->seen, seen);
  g_queue_push_tail (&lookups->seen_order, seen);
  return TRUE;
}

/* --- life cycle --- */

static void
entry_clear (gpointer data)
{
  g_clear_pointer (&((Entry *) data)->value, g_bytes_unref);
}

static void
end_places (PlLookup *lookup)
{
  PlUsageNet *net = &lookup->owner->net;

  pl_timer_clear (&lookup->enough);
  for (guint i = 0; i < G_N_ELEMENTS (lookup->places); i++)
    {
      gpointer call = g_steal_pointer (&lookup->places[i].call);

      if (call)
        net->funcs->cancel (net->impl, call);
    }
  lookup->waiting = 0;
}

static void
lookup_free (gpointer data)
{
  PlLookup *lookup = data;
  PlUsageNet *net = &lookup->owner->net;

  end_places (lookup);
  if (lookup->call)
    net->funcs->cancel (net->impl, lookup->call);
  g_array_unref (lookup->entries);
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
add_node (PlLookup *lookup, const Entry *entry, GBytes *prefs)
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
take_registration (PlLookup *lookup, const Entry *entry)
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

/* The storing peer is not trusted with the access policy: it is checked here again. */
static gboolean
is_theirs (const PlFetched *fetched, const char *aor)
{
  const PlStoredDataValue *value = &fetched->data->value;
  const char *certified = pl_cert_aor (fetched->signer_cert);
  gsize len = 0;
  const void *key = value->key ? g_bytes_get_data (value->key, &len) : NULL;

  return certified && strcmp (certified, aor) == 0 && value->model == PL_DATA_DICTIONARY && len == PL_NODE_ID_LEN
         && memcmp (key, fetched->signer.b, len) == 0;
}

/* Of what the places say of a node the newest counts. */
static void
note_entry (PlLookup *lookup, const PlFetched *fetched)
{
  const PlStoredData *data = fetched->data;
  GBytes *value = data->value.value.exists ? data->value.value.value : NULL;
  Entry *entry = NULL;

  for (guint i = 0; i < lookup->entries->len && !entry; i++)
    if (pl_node_id_equal (&g_array_index (lookup->entries, Entry, i).node, &fetched->signer))
      entry = &g_array_index (lookup->entries, Entry, i);
  if (!entry)
    {
      if (lookup->entries->len >= PL_LOOKUP_ENTRIES_MAX)
        return;
      g_array_set_size (lookup->entries, lookup->entries->len + 1);
      entry = &g_array_index (lookup->entries, Entry, lookup->entries->len - 1);
      entry->node = fetched->signer;
    }
  else if (entry->time >= data->storage_time)
    return;
  entry->time = data->storage_time;
  pl_cert_key_fingerprint (fetched->signer_cert, entry->key);
  g_clear_pointer (&entry->value, g_bytes_unref);
  entry->value = value ? g_bytes_ref (value) : NULL;
}

static gboolean
any_entry_left (PlLookup *lookup)
{
  for (guint i = 0; i < lookup->entries->len; i++)
    if (g_array_index (lookup->entries, Entry, i).value)
      return TRUE;
  return FALSE;
}

static void fetch_next (PlLookup *lookup);

/* All places have answered, or those that did are enough. */
static void
on_enough (gpointer data)
{
  PlLookup *lookup = data;

  end_places (lookup);
  lookup->unanswered |= lookup->answers == 0;
  for (guint i = 0; i < lookup->entries->len; i++)
    if (g_array_index (lookup->entries, Entry, i).value)
      take_registration (lookup, &g_array_index (lookup->entries, Entry, i));
  fetch_next (lookup);
}

/* A good value: the others get half of the time it took, since one of them may have a newer one.
 * "Not found" may be a lie, so a place that is silent gets more. */
static void
wait_for_others (PlLookup *lookup)
{
  gint64 spent = pl_env_now (lookup->owner->env) - lookup->began;
  gint64 more = any_entry_left (lookup) ? MIN (spent / 2, PL_LOOKUP_GRACE_MAX) : MAX (PL_LOOKUP_SILENT_TIME - spent, 0);

  pl_env_arm (lookup->owner->env, &lookup->enough, more, on_enough, lookup);
}

static void
take_values (PlLookup *lookup, const PlResourceId *resource, const GPtrArray *values)
{
  const char *aor = g_ptr_array_index (lookup->aors, lookup->next - 1);

  for (guint i = 0; i < values->len; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);

      if (!is_theirs (fetched, aor))
        continue;
      lookup->known |= lookup->next == 1;
      if (note_time (lookup->owner, resource, fetched))
        note_entry (lookup, fetched);
      else
        pl_info ("usage", "old registration not taken", "reason", "the overlay gave a newer one before", NULL);
    }
}

static void
on_registrations (gpointer user, const GPtrArray *values, const GError *error)
{
  Place *place = user;
  PlLookup *lookup = place->lookup;
  gboolean found_before = any_entry_left (lookup);

  place->call = NULL;
  lookup->waiting--;
  if (!error)
    {
      lookup->answers++;
      take_values (lookup, &place->resource, values);
    }
  if (lookup->waiting == 0)
    on_enough (lookup);
  else if (!error && (!lookup->enough || any_entry_left (lookup) != found_before))
    wait_for_others (lookup);
}

static void
fetch_places (PlLookup *lookup, const char *aor)
{
  PlUsageNet *net = &lookup->owner->net;
  guint n = CLAMP (net->funcs->places (net->impl), 1, PL_REGISTRATION_PLACES_MAX);

  g_array_set_size (lookup->entries, 0);
  lookup->began = pl_env_now (lookup->owner->env);
  lookup->answers = 0;
  lookup->waiting = n;
  for (guint i = 0; i < n; i++)
    {
      Place *place = &lookup->places[i];

      place->lookup = lookup;
      pl_aor_place (aor, i, &place->resource);
      place->call = net->funcs->fetch (net->impl, &place->resource, i ? PL_KIND_REGISTRATION_COPY : PL_KIND_SIP_REGISTRATION,
                                       on_registrations, place);
    }
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
      fetch_places (lookup, g_ptr_array_index (lookup->aors, lookup->next++));
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
  lookups->seen = g_hash_table_new_full (seen_hash, seen_equal, g_free, NULL);
  g_queue_init (&lookups->seen_order);
  return lookups;
}

void
pl_lookups_free (PlLookups *lookups)
{
  if (!lookups)
    return;
  g_hash_table_unref (lookups->running);
  g_queue_clear (&lookups->seen_order);
  g_hash_table_unref (lookups->seen);
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
  lookup->entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  g_array_set_clear_func (lookup->entries, entry_clear);
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
