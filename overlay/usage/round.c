/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/round.h"

#include "base/log.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"

#include <string.h>

/* The newest storage_time we have seen of a node at a place: going back is a roll-back (RFC
 * 6940 13.5.3). */
typedef struct {
  PlNodeId place, node;
  guint64 time;
} Seen;

struct PlRounds {
  PlEnv *env;
  PlUsageNet net;
  GHashTable *open;     /* set of PlRound */
  GHashTable *seen;     /* set of Seen */
  GQueue seen_order;    /* Seen, oldest first */
};

typedef enum { TRY_OPEN, TRY_SILENT, TRY_REFUSED, TRY_DENIED, TRY_OLD, TRY_GOOD } TryResult;

typedef struct {
  PlRound *round;
  guint place;
  TryResult result;
  gpointer call;        /* NULL: over */
  PlUsageTrail trail;
  gint64 started;
  guint64 newest;       /* storage_time of what came */
} Try;

typedef struct {
  PlResourceId resource;
  guint tries, open, denials, values;
  gboolean denied;      /* by the last answer */
  gint64 tried;         /* the last time */
} Place;

struct PlRound {
  PlRounds *rounds;
  char *aor;
  void (*enough) (gpointer user); /* NULL: told, or let go */
  gpointer user;
  Place places[PL_REGISTRATION_PLACES_MAX];
  guint n_places;
  GPtrArray *tries;     /* Try */
  GArray *avoid;        /* PlNodeId: first hops by now */
  guint answers;
  gboolean known;
  GArray *entries;      /* PlRoundEntry */
  gint64 began;
  PlTimer *again, *wait, *end;
};

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
note_time (PlRounds *rounds, const PlResourceId *resource, const PlFetched *fetched)
{
  Seen key = { .node = fetched->signer, .time = fetched->data->storage_time };
  Seen *seen;

  if (!pl_resource_id_to_node_id (resource, &key.place))
    return FALSE;
  seen = g_hash_table_lookup (rounds->seen, &key);
  if (seen && seen->time > key.time)
    return FALSE;
  if (seen)
    {
      seen->time = key.time;
      return TRUE;
    }
  if (rounds->seen_order.length >= PL_ROUND_SEEN_MAX)
    g_hash_table_remove (rounds->seen, g_queue_pop_head (&rounds->seen_order));
  seen = g_memdup2 (&key, sizeof key);
  g_hash_table_add (rounds->seen, seen);
  g_queue_push_tail (&rounds->seen_order, seen);
  return TRUE;
}

/* --- life cycle --- */

PlRounds *
pl_rounds_new (PlEnv *env, PlUsageNet net)
{
  PlRounds *rounds = g_new0 (PlRounds, 1);

  rounds->env = env;
  rounds->net = net;
  rounds->open = g_hash_table_new (NULL, NULL);
  rounds->seen = g_hash_table_new_full (seen_hash, seen_equal, g_free, NULL);
  g_queue_init (&rounds->seen_order);
  return rounds;
}

static void
entry_clear (gpointer data)
{
  g_clear_pointer (&((PlRoundEntry *) data)->value, g_bytes_unref);
}

static void
round_free (PlRound *round)
{
  PlUsageNet *net = &round->rounds->net;

  pl_timer_clear (&round->again);
  pl_timer_clear (&round->wait);
  pl_timer_clear (&round->end);
  for (guint i = 0; i < round->tries->len; i++)
    {
      Try *try = g_ptr_array_index (round->tries, i);

      if (try->call)
        net->funcs->cancel (net->impl, try->call);
    }
  g_ptr_array_unref (round->tries);
  g_array_unref (round->avoid);
  g_array_unref (round->entries);
  g_free (round->aor);
  g_free (round);
}

void
pl_round_cancel (PlRound *round)
{
  if (!round)
    return;
  g_hash_table_remove (round->rounds->open, round);
  round_free (round);
}

void
pl_rounds_free (PlRounds *rounds)
{
  GHashTableIter iter;
  gpointer round;

  if (!rounds)
    return;
  g_hash_table_iter_init (&iter, rounds->open);
  while (g_hash_table_iter_next (&iter, &round, NULL))
    {
      g_hash_table_iter_steal (&iter);
      round_free (round);
    }
  g_hash_table_unref (rounds->open);
  g_queue_clear (&rounds->seen_order);
  g_hash_table_unref (rounds->seen);
  g_free (rounds);
}

/* --- judging --- */

static guint64
newest_of_all (const PlRound *round)
{
  guint64 newest = 0;

  for (guint i = 0; i < round->entries->len; i++)
    newest = MAX (newest, g_array_index (round->entries, PlRoundEntry, i).time);
  return newest;
}

/* Others answered for this place, by another first hop. */
static gboolean
got_by_another_way (const PlRound *round, const Try *lost)
{
  for (guint i = 0; i < round->tries->len; i++)
    {
      const Try *try = g_ptr_array_index (round->tries, i);

      if (try->place == lost->place && try->trail.answered && !pl_node_id_equal (&try->trail.first, &lost->trail.first))
        return TRUE;
    }
  return FALSE;
}

static void
judge_try (PlRound *round, const Try *try, guint64 newest)
{
  PlUsageNet *net = &round->rounds->net;
  const PlResourceId *resource = &round->places[try->place].resource;
  const PlNodeId *signer = &try->trail.signer;

  switch (try->result)
    {
    case TRY_GOOD:
      if (try->trail.has_first && !pl_node_id_equal (&try->trail.first, signer))
        net->funcs->judge (net->impl, &try->trail.first, PL_VERDICT_GOOD, resource);
      net->funcs->judge (net->impl, signer, try->newest + PL_ROUND_OLD < newest ? PL_VERDICT_OLD : PL_VERDICT_GOOD, resource);
      break;
    case TRY_OLD:
      net->funcs->judge (net->impl, signer, PL_VERDICT_OLD, resource);
      break;
    case TRY_DENIED:
      if (newest > 0)
        net->funcs->judge (net->impl, signer, PL_VERDICT_DENIED, resource);
      break;
    case TRY_SILENT:
      if (try->trail.has_first && got_by_another_way (round, try))
        net->funcs->judge (net->impl, &try->trail.first, PL_VERDICT_SILENT, resource);
      break;
    case TRY_OPEN:
    case TRY_REFUSED:
      break;
    }
}

static void
judge_all (PlRound *round)
{
  guint64 newest = newest_of_all (round);
  gint64 now = pl_env_now (round->rounds->env);

  if (!round->rounds->net.funcs->judge)
    return;
  for (guint i = 0; i < round->tries->len; i++)
    {
      Try *try = g_ptr_array_index (round->tries, i);

      if (try->result == TRY_OPEN && now - try->started >= PL_ROUND_LONG)
        try->result = TRY_SILENT;
      judge_try (round, try, newest);
    }
}

/* --- what came --- */

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
note_entry (PlRound *round, const PlFetched *fetched)
{
  const PlStoredData *data = fetched->data;
  GBytes *value = data->value.value.exists ? data->value.value.value : NULL;
  PlRoundEntry *entry = NULL;

  for (guint i = 0; i < round->entries->len && !entry; i++)
    if (pl_node_id_equal (&g_array_index (round->entries, PlRoundEntry, i).node, &fetched->signer))
      entry = &g_array_index (round->entries, PlRoundEntry, i);
  if (!entry)
    {
      if (round->entries->len >= PL_ROUND_ENTRIES_MAX)
        return;
      g_array_set_size (round->entries, round->entries->len + 1);
      entry = &g_array_index (round->entries, PlRoundEntry, round->entries->len - 1);
      entry->node = fetched->signer;
    }
  else if (entry->time >= data->storage_time)
    return;
  entry->time = data->storage_time;
  pl_cert_key_fingerprint (fetched->signer_cert, entry->key);
  g_clear_pointer (&entry->value, g_bytes_unref);
  entry->value = value ? g_bytes_ref (value) : NULL;
}

static TryResult
take_values (PlRound *round, Try *try, const GPtrArray *values)
{
  TryResult result = TRY_DENIED;

  for (guint i = 0; i < values->len; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);

      if (!is_theirs (fetched, round->aor))
        continue;
      round->known = TRUE;
      try->newest = MAX (try->newest, fetched->data->storage_time);
      if (note_time (round->rounds, &round->places[try->place].resource, fetched))
        {
          note_entry (round, fetched);
          result = TRY_GOOD;
        }
      else
        {
          pl_info ("usage", "old registration not taken", "reason", "the overlay gave a newer one before", NULL);
          result = result == TRY_GOOD ? result : TRY_OLD;
        }
    }
  return result;
}

static gboolean
any_entry_left (PlRound *round)
{
  for (guint i = 0; i < round->entries->len; i++)
    if (g_array_index (round->entries, PlRoundEntry, i).value)
      return TRUE;
  return FALSE;
}

/* --- tries --- */

static void on_again (gpointer data);
static void on_answer (gpointer user, const GPtrArray *values, const GError *error, const PlUsageTrail *trail);

static gboolean
is_spent (const PlRound *round)
{
  return round->tries->len >= PL_ROUND_TRIES_MAX;
}

static void
start_try (PlRound *round, guint i)
{
  PlUsageNet *net = &round->rounds->net;
  Place *place = &round->places[i];
  Try *try = g_new0 (Try, 1);
  guint before = round->avoid->len;
  gint64 now = pl_env_now (round->rounds->env), left = round->began + PL_ROUND_TIME_MAX - now;
  PlUsageWay way = { .avoid = round->avoid, .timeout = place->tries ? MIN (PL_ROUND_TRY_TIME, left) : left };

  place->tries++;
  place->open++;
  place->tried = now;
  way.iterative = place->tries % PL_ROUND_ITERATIVE == 0;
  way.anywhere = place->tries > 2;
  try->round = round;
  try->place = i;
  try->started = now;
  g_ptr_array_add (round->tries, try);
  try->call = net->funcs->try_fetch (net->impl, &place->resource, i ? PL_KIND_REGISTRATION_COPY : PL_KIND_SIP_REGISTRATION,
                                     &way, on_answer, try);
  if (round->avoid->len > before)
    {
      try->trail.has_first = TRUE;
      try->trail.first = g_array_index (round->avoid, PlNodeId, before);
    }
}

/* Said to be empty by word of the place over two ways. */
static gboolean
is_empty (const Place *place)
{
  return place->denials >= PL_ROUND_DENIALS;
}

static gboolean
is_settled (const PlRound *round, const Place *place)
{
  return place->values > 0 || is_empty (place) || (place->open == 0 && is_spent (round));
}

/* Where nothing came, or "not found": the places that were tried least come first. */
static void
try_more (PlRound *round)
{
  gint64 now = pl_env_now (round->rounds->env);
  guint most = round->enough ? PL_ROUND_TRIES_MAX : 2; /* later only to know who let the request vanish */

  if (now - round->began >= PL_ROUND_TIME_MAX - PL_ROUND_AGAIN)
    return;
  for (guint tries = 1; tries < most; tries++)
    for (guint i = 0; i < round->n_places && !is_spent (round); i++)
      {
        Place *place = &round->places[i];

        if (place->tries == tries && !place->values && !is_empty (place)
            && ((place->open == 0 && place->denied) || now - place->tried >= PL_ROUND_AGAIN))
          start_try (round, i);
      }
}

static void
end_round (PlRound *round)
{
  judge_all (round);
  pl_round_cancel (round);
}

static guint
n_open (const PlRound *round)
{
  guint n = 0;

  for (guint i = 0; i < round->n_places; i++)
    n += round->places[i].open;
  return n;
}

static void
on_enough (gpointer data)
{
  PlRound *round = data;
  void (*enough) (gpointer) = g_steal_pointer (&round->enough);

  pl_timer_clear (&round->wait);
  enough (round->user);
}

static void
on_end (gpointer data)
{
  PlRound *round = data;

  if (round->enough)
    on_enough (round);
  else
    end_round (round);
}

static gboolean
all_settled (const PlRound *round)
{
  for (guint i = 0; i < round->n_places; i++)
    if (!is_settled (round, &round->places[i]))
      return FALSE;
  return TRUE;
}

/* A good value: the others get half of the time it took, since one of them may have a newer one. */
static void
look (PlRound *round, gboolean found_before)
{
  PlEnv *env = round->rounds->env;
  gint64 spent = pl_env_now (env) - round->began;

  if (!round->enough)
    {
      if (n_open (round) == 0)
        pl_env_arm (env, &round->end, 0, on_end, round);
    }
  else if (all_settled (round))
    pl_env_arm (env, &round->wait, 0, on_enough, round);
  else if (any_entry_left (round) && !found_before)
    pl_env_arm (env, &round->wait, MIN (spent / 2, PL_ROUND_GRACE_MAX), on_enough, round);
  else if (!any_entry_left (round))
    {
      pl_timer_clear (&round->wait);
      try_more (round);
    }
}

/* "Not found" may be a lie, so places that are silent get more time; not all that there is. */
static gboolean
only_silence_left (const PlRound *round)
{
  guint empty = 0, silent = 0;

  for (guint i = 0; i < round->n_places; i++)
    {
      empty += is_empty (&round->places[i]);
      silent += round->places[i].denials == 0 && round->places[i].values == 0;
    }
  return empty > 0 && empty + silent == round->n_places
         && pl_env_now (round->rounds->env) - round->began >= PL_ROUND_SILENT_TIME;
}

static void
on_again (gpointer data)
{
  PlRound *round = data;

  if (round->enough && only_silence_left (round))
    {
      on_enough (round);
      return;
    }
  try_more (round);
  if (round->enough)
    pl_env_arm (round->rounds->env, &round->again, PL_ROUND_AGAIN, on_again, round);
}

static void
on_answer (gpointer user, const GPtrArray *values, const GError *error, const PlUsageTrail *trail)
{
  Try *try = user;
  PlRound *round = try->round;
  Place *place = &round->places[try->place];
  gboolean found_before = any_entry_left (round);

  try->call = NULL;
  try->trail = *trail;
  place->open--;
  if (!error)
    {
      round->answers++;
      try->result = take_values (round, try, values);
      place->values += try->result == TRY_GOOD;
      place->denials += try->result != TRY_GOOD;
      place->denied = try->result != TRY_GOOD;
    }
  else
    try->result = trail->answered ? TRY_REFUSED : TRY_SILENT;
  look (round, found_before);
}

/* --- public --- */

PlRound *
pl_round_start (PlRounds *rounds, const char *aor, void (*enough) (gpointer user), gpointer user)
{
  PlRound *round = g_new0 (PlRound, 1);

  round->rounds = rounds;
  round->aor = g_strdup (aor);
  round->enough = enough;
  round->user = user;
  round->n_places = CLAMP (rounds->net.funcs->places (rounds->net.impl), 1, PL_REGISTRATION_PLACES_MAX);
  round->tries = g_ptr_array_new_with_free_func (g_free);
  round->avoid = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  round->entries = g_array_new (FALSE, TRUE, sizeof (PlRoundEntry));
  g_array_set_clear_func (round->entries, entry_clear);
  round->began = pl_env_now (rounds->env);
  g_hash_table_add (rounds->open, round);
  for (guint i = 0; i < round->n_places; i++)
    {
      pl_aor_place (aor, i, &round->places[i].resource);
      start_try (round, i);
    }
  pl_env_arm (rounds->env, &round->again, PL_ROUND_AGAIN, on_again, round);
  pl_env_arm (rounds->env, &round->end, PL_ROUND_TIME_MAX, on_end, round);
  return round;
}

const GArray *
pl_round_entries (PlRound *round)
{
  return round->entries;
}

gboolean
pl_round_known (PlRound *round)
{
  return round->known;
}

gboolean
pl_round_answered (PlRound *round)
{
  return round->answers > 0;
}

void
pl_round_let_go (PlRound *round)
{
  round->enough = NULL;
  pl_timer_clear (&round->wait);
  if (n_open (round) == 0 || g_hash_table_size (round->rounds->open) > PL_ROUND_OPEN_MAX)
    end_round (round);
  else
    pl_env_arm (round->rounds->env, &round->end, PL_ROUND_TIME_MAX, on_end, round);
}
