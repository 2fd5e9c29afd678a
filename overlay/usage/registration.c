/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/registration.h"

#include "base/aor.h"
#include "base/log.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/sip.h"

#include <string.h>

#define REFRESH (PL_REGISTRATION_LIFETIME * PL_USEC_PER_SEC / 3)
#define REFRESH_JITTER (REFRESH / 8)         /* sooner by up to this */
#define MOVED_DELAY (500 * PL_USEC_PER_MSEC) /* after our place changed, with as much jitter */
#define BACKOFF_MIN PL_USEC_PER_SEC
#define BACKOFF_MAX (60 * PL_USEC_PER_SEC)
#define REMOVE_TRIES 2
#define STORE_TIME (4 * PL_USEC_PER_SEC)     /* for an answer; the next one goes another way */
#define AVOID_MAX 8                          /* first hops avoided; then all are tried again */
#define CHECK_DELAY (5 * PL_USEC_PER_SEC)    /* after a Store, with as much jitter */
#define CHECK_EVERY (10 * 60 * PL_USEC_PER_SEC) /* a place that kept what it was given is checked so often */
#define CHECK_TIME (2500 * PL_USEC_PER_MSEC) /* for an answer */
#define CHECK_TRIES 4                        /* over as many ways, the third asking for its way itself */
#define CHECK_ITERATIVE 3
#define REPAIRS 4                            /* Stores one after another; then not before the next refresh */

typedef enum {
  REGISTRATION_WAITING,   /* for the timer, or until we are online */
  REGISTRATION_STORING,
  REGISTRATION_LEARNING,  /* which storage_time of ours the overlay has (rule 174) */
  REGISTRATION_REMOVING,
} RegistrationState;

/* Whether a place keeps what was stored there: fetched again, as anybody would. */
typedef struct {
  guint64 time;           /* storage_time of the last Store that was answered */
  PlNodeId keeper;        /* who answered */
  GArray *asked;          /* PlNodeId: first hops of the fetches so far, and of the Store */
  guint tries;
  guint repairs;          /* in a row */
  gboolean missing;       /* given up until the next refresh */
  gint64 checked;         /* that it was there, env time; 0: never */
  gpointer call;
  PlTimer *timer;
} Check;

/* Of one place: the first, or a copy's (doc/PROTOCOL). */
typedef struct {
  PlRegistrations *owner;
  char *aor;
  char *key;              /* in the table */
  guint place;
  RegistrationState state;
  gboolean again;         /* our place changed while a call was under way */
  guint failures;
  gint64 stored;          /* wall, microseconds; 0: never */
  gpointer call;
  PlTimer *timer;
  GArray *avoid;          /* PlNodeId: first hops by which Stores did not get to the place */
  PlNodeId first;         /* of the last Store */
  gboolean has_first;
  Check check;
} Registration;

struct PlRegistrations {
  PlEnv *env;
  PlUsageNet net;
  PlNodeId self;
  gboolean online;
  gboolean stopping;
  GHashTable *table;      /* aor, or aor/place for copies -> Registration */
  GHashTable *present;    /* AoRs that were added -> contact_prefs; what is in neither of these two is in no table */
  GHashTable *redirects;  /* AoR -> AoR; made when needed */
  GPtrArray *leaving;     /* Registration */
  PlTimer *stop;
  void (*done) (gpointer data);
  gpointer done_data;
};

static void store_now (gpointer data);

static void
stop_check (Registration *registration)
{
  PlUsageNet *net = &registration->owner->net;

  if (registration->check.call)
    net->funcs->cancel (net->impl, registration->check.call);
  registration->check.call = NULL;
  pl_timer_clear (&registration->check.timer);
}

static void
registration_free (gpointer data)
{
  Registration *registration = data;
  PlUsageNet *net = &registration->owner->net;

  if (registration->call)
    net->funcs->cancel (net->impl, registration->call);
  pl_timer_clear (&registration->timer);
  stop_check (registration);
  g_array_unref (registration->avoid);
  g_array_unref (registration->check.asked);
  g_free (registration->aor);
  g_free (registration->key);
  g_free (registration);
}

/* --- the value --- */

static void
fill_route (PlRegistrations *owner, const char *aor, PlSipRegistration *value)
{
  const char *prefs = g_hash_table_lookup (owner->present, aor);
  PlDestination destination = pl_destination_node (&owner->self);
  PlNodeId via;

  value->type = PL_SIP_REGISTRATION_ROUTE;
  value->contact_prefs = prefs && *prefs ? g_bytes_new (prefs, strlen (prefs)) : NULL;
  value->destination_list = pl_destination_list_new ();
  if (owner->net.funcs->entry && owner->net.funcs->entry (owner->net.impl, &via))
    {
      PlDestination entry = pl_destination_node (&via);

      g_array_append_val (value->destination_list, entry);
    }
  g_array_append_val (value->destination_list, destination);
}

static void
fill_uri (const char *target, PlSipRegistration *value)
{
  g_autofree char *uri = g_strconcat ("sip:", target, NULL);
  gsize len = strlen (uri);

  value->type = PL_SIP_REGISTRATION_URI;
  value->uri = g_bytes_new_take (g_steal_pointer (&uri), len);
}

static const char *
redirect_of (PlRegistrations *registrations, const char *aor)
{
  return registrations->redirects ? g_hash_table_lookup (registrations->redirects, aor) : NULL;
}

static GBytes *
value_bytes (const Registration *registration)
{
  const char *target = redirect_of (registration->owner, registration->aor);
  g_auto (PlSipRegistration) value = { 0 };
  g_auto (PlWriter) writer = { 0 };

  if (target)
    fill_uri (target, &value);
  else
    fill_route (registration->owner, registration->aor, &value);
  pl_writer_init (&writer);
  pl_sip_registration_write (&writer, &value);
  return pl_writer_finish (&writer);
}

static guint32
kind_of (const Registration *registration)
{
  return registration->place ? PL_KIND_REGISTRATION_COPY : PL_KIND_SIP_REGISTRATION;
}

static void
send_value (Registration *registration, gboolean exists, PlTryStoreFunc func)
{
  PlRegistrations *owner = registration->owner;
  g_autoptr (GBytes) key = g_bytes_new (owner->self.b, sizeof owner->self.b);
  g_autoptr (GBytes) bytes = exists ? value_bytes (registration) : NULL;
  PlStoredDataValue value = { PL_DATA_DICTIONARY, 0, key, { exists, bytes } };
  PlUsageWay way = { .avoid = registration->avoid, .anywhere = registration->check.repairs > 1, .timeout = STORE_TIME };
  guint before = registration->avoid->len;
  PlResourceId resource;

  pl_aor_place (registration->aor, registration->place, &resource);
  registration->call = owner->net.funcs->try_store (owner->net.impl, &resource, kind_of (registration), &value,
                                                    PL_REGISTRATION_LIFETIME, &way, func, registration);
  g_array_set_size (registration->avoid, MIN (before, registration->avoid->len)); /* not yet */
}

/* The next Store goes another way. */
static void
avoid_first (Registration *registration, const PlUsageTrail *trail)
{
  if (registration->avoid->len >= AVOID_MAX)
    g_array_set_size (registration->avoid, 0);
  if (trail->has_first)
    g_array_append_val (registration->avoid, trail->first);
}

static void
judge (Registration *registration, const PlNodeId *who, PlVerdict verdict)
{
  PlUsageNet *net = &registration->owner->net;
  PlResourceId resource;

  pl_aor_place (registration->aor, registration->place, &resource);
  if (net->funcs->judge)
    net->funcs->judge (net->impl, who, verdict, &resource);
}

/* --- keeping it stored --- */

static void
wait_for (Registration *registration, gint64 delay)
{
  registration->state = REGISTRATION_WAITING;
  pl_env_arm (registration->owner->env, &registration->timer, delay, store_now, registration);
}

static gint64
jitter (Registration *registration, gint64 span)
{
  return (gint64) pl_env_random_below (registration->owner->env, (guint64) span + 1);
}

static void
wait_after_failure (Registration *registration)
{
  gint64 delay = BACKOFF_MIN << MIN (registration->failures, 6);

  registration->failures++;
  delay = MIN (delay, BACKOFF_MAX);
  wait_for (registration, delay + jitter (registration, delay / 2));
}

/* --- is it still there? (S2-22) --- */

static void check_now (gpointer data);

/* The Store went to a peer of its own choice, or to one that does not keep it. */
static void
repair (Registration *registration, const char *reason)
{
  Check *check = &registration->check;
  PlUsageTrail way = { .has_first = registration->has_first, .first = registration->first };

  avoid_first (registration, &way);
  check->missing = TRUE;
  check->checked = 0;
  if (check->repairs++ < REPAIRS)
    {
      pl_info ("usage", "registration is not where it was stored", "aor", registration->aor, "reason", reason, NULL);
      if (registration->state == REGISTRATION_WAITING)
        wait_for (registration, 0);
      return;
    }
  check->repairs = 0;
  pl_notice ("usage", "a place in the overlay does not keep our registration", "aor", registration->aor, "reason", reason, NULL);
}

static gboolean
has_ours (const Registration *registration, const GPtrArray *values)
{
  for (guint i = 0; values && i < values->len; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);

      if (pl_node_id_equal (&fetched->signer, &registration->owner->self)
          && fetched->data->storage_time >= registration->check.time)
        return TRUE;
    }
  return FALSE;
}

/* `who` lies nearer to the place than who said that it has stored: the Store did not get there. */
static gboolean
is_nearer (const Registration *registration, const PlNodeId *who)
{
  PlResourceId resource;
  PlNodeId place, theirs, keepers;

  pl_aor_place (registration->aor, registration->place, &resource);
  if (!pl_resource_id_to_node_id (&resource, &place))
    return FALSE;
  theirs = pl_node_id_sub (who, &place);
  keepers = pl_node_id_sub (&registration->check.keeper, &place);
  return pl_node_id_compare (&theirs, &keepers) < 0;
}

static void
on_there (Registration *registration, const PlUsageTrail *trail)
{
  Check *check = &registration->check;

  check->checked = pl_env_now (registration->owner->env);
  check->repairs = 0;
  check->missing = FALSE;
  judge (registration, &trail->signer, PL_VERDICT_GOOD);
  if (trail->has_first && !pl_node_id_equal (&trail->first, &trail->signer))
    judge (registration, &trail->first, PL_VERDICT_GOOD);
}

static void
on_checked (gpointer user, const GPtrArray *values, const GError *error, const PlUsageTrail *trail)
{
  Registration *registration = user;
  Check *check = &registration->check;

  check->call = NULL;
  if (!error && has_ours (registration, values))
    {
      on_there (registration, trail);
      return;
    }
  if (!error && pl_node_id_equal (&trail->signer, &check->keeper))
    {
      judge (registration, &check->keeper, PL_VERDICT_PROVEN);
      repair (registration, "who said that it has stored says that it has not");
    }
  else if (!error && is_nearer (registration, &trail->signer))
    repair (registration, "it was stored with a peer that is not responsible");
  else if (++check->tries < CHECK_TRIES)
    pl_env_arm (registration->owner->env, &check->timer, 0, check_now, registration);
  else
    repair (registration, "nobody gives it");
}

static void
check_now (gpointer data)
{
  Registration *registration = data;
  Check *check = &registration->check;
  PlUsageNet *net = &registration->owner->net;
  PlUsageWay way = { .avoid = check->asked, .anywhere = check->tries > 0, .timeout = CHECK_TIME,
                     .iterative = check->tries + 1 == CHECK_ITERATIVE };
  PlResourceId resource;

  if (!registration->owner->online || registration->state != REGISTRATION_WAITING)
    return; /* there will be another Store */
  pl_aor_place (registration->aor, registration->place, &resource);
  check->call = net->funcs->try_fetch (net->impl, &resource, kind_of (registration), &way, on_checked, registration);
}

/* Not by the way of the Store. */
static void
check_later (Registration *registration)
{
  Check *check = &registration->check;
  PlEnv *env = registration->owner->env;

  stop_check (registration);
  if (check->checked && pl_env_now (env) - check->checked < CHECK_EVERY)
    return;
  check->tries = 0;
  g_array_set_size (check->asked, 0);
  if (registration->has_first)
    g_array_append_val (check->asked, registration->first);
  pl_env_arm (env, &check->timer, CHECK_DELAY + jitter (registration, CHECK_DELAY), check_now, registration);
}

static void
on_learned (gpointer user, const GPtrArray *values, const GError *error)
{
  Registration *registration = user;
  PlRegistrations *owner = registration->owner;

  registration->call = NULL;
  for (guint i = 0; !error && i < values->len; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);

      if (pl_node_id_equal (&fetched->signer, &owner->self))
        owner->net.funcs->note_time (owner->net.impl, fetched->data->storage_time);
    }
  wait_after_failure (registration);
}

static void
on_stored (gpointer user, guint64 time, const GError *error, const PlUsageTrail *trail)
{
  PlResourceId resource;
  Registration *registration = user;
  PlRegistrations *owner = registration->owner;

  registration->call = NULL;
  if (!error)
    {
      registration->failures = 0;
      registration->stored = pl_env_wall (owner->env);
      registration->check.time = time;
      registration->check.keeper = trail->signer;
      registration->first = trail->first;
      registration->has_first = trail->has_first;
      check_later (registration);
      wait_for (registration, registration->again ? MOVED_DELAY : REFRESH - jitter (registration, REFRESH_JITTER));
      registration->again = FALSE;
      return;
    }
  pl_info ("usage", "registration not stored", "reason", error->message, NULL);
  registration->again = FALSE;
  if (registration->place && g_error_matches (error, PL_USAGE_ERROR, PL_ERROR_UNKNOWN_KIND))
    {
      wait_for (registration, REFRESH); /* a peer without copies: one fewer, until its place is another's */
      return;
    }
  if (!g_error_matches (error, PL_USAGE_ERROR, PL_ERROR_DATA_TOO_OLD))
    {
      avoid_first (registration, trail);
      wait_after_failure (registration);
      return;
    }
  registration->state = REGISTRATION_LEARNING;
  pl_aor_place (registration->aor, registration->place, &resource);
  registration->call = owner->net.funcs->fetch (owner->net.impl, &resource, kind_of (registration), on_learned, registration);
}

static char *
key_of (const char *aor, guint place)
{
  return place ? g_strdup_printf ("%s/%u", aor, place) : g_strdup (aor); /* no domain has a "/" */
}

static void
add_place (PlRegistrations *registrations, const char *aor, guint place)
{
  Registration *registration = g_new0 (Registration, 1);

  registration->owner = registrations;
  registration->aor = g_strdup (aor);
  registration->key = key_of (aor, place);
  registration->place = place;
  registration->avoid = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  registration->check.asked = g_array_new (FALSE, FALSE, sizeof (PlNodeId));
  g_hash_table_insert (registrations->table, registration->key, registration);
  wait_for (registration, 0);
}

/* Each time, since a newer document may want more of them. */
static void
add_copies (PlRegistrations *registrations, const char *aor)
{
  guint places = MIN (registrations->net.funcs->places (registrations->net.impl), PL_REGISTRATION_PLACES_MAX);

  for (guint i = 1; i < places; i++)
    {
      g_autofree char *key = key_of (aor, i);

      if (!g_hash_table_contains (registrations->table, key))
        add_place (registrations, aor, i);
    }
}

static void
store_now (gpointer data)
{
  Registration *registration = data;

  if (!registration->owner->online)
    return; /* set_online starts it again */
  if (registration->place && registration->place >= registration->owner->net.funcs->places (registration->owner->net.impl))
    {
      wait_for (registration, REFRESH); /* a newer document wants fewer; what is stored ages */
      return;
    }
  if (registration->place == 0)
    add_copies (registration->owner, registration->aor);
  registration->state = REGISTRATION_STORING;
  send_value (registration, TRUE, on_stored);
}

/* --- removing --- */

static void
finish_stop (gpointer data)
{
  PlRegistrations *registrations = data;
  void (*done) (gpointer) = registrations->done;

  pl_timer_clear (&registrations->stop);
  registrations->done = NULL;
  g_ptr_array_set_size (registrations->leaving, 0);
  if (done)
    done (registrations->done_data);
}

static void
on_removed (gpointer user, guint64 time, const GError *error, const PlUsageTrail *trail)
{
  Registration *registration = user;
  PlRegistrations *owner = registration->owner;

  registration->call = NULL;
  if (error && owner->online && ++registration->failures < REMOVE_TRIES)
    {
      avoid_first (registration, trail);
      send_value (registration, FALSE, on_removed);
      return;
    }
  g_ptr_array_remove (owner->leaving, registration);
  if (owner->done && owner->leaving->len == 0)
    finish_stop (owner);
}

/* Also when no answer to a Store came yet: it may have arrived. */
static void
start_removal (Registration *registration)
{
  PlRegistrations *owner = registration->owner;
  gboolean may_be_there = registration->stored != 0 || registration->call;

  if (registration->call)
    owner->net.funcs->cancel (owner->net.impl, registration->call);
  registration->call = NULL;
  pl_timer_clear (&registration->timer);
  stop_check (registration);
  if (!may_be_there || !owner->online)
    {
      registration_free (registration);
      return;
    }
  registration->state = REGISTRATION_REMOVING;
  registration->failures = 0;
  g_ptr_array_add (owner->leaving, registration);
  send_value (registration, FALSE, on_removed);
}

static void
cancel_removal (PlRegistrations *registrations, const char *aor)
{
  for (guint i = registrations->leaving->len; i > 0; i--)
    if (strcmp (((Registration *) g_ptr_array_index (registrations->leaving, i - 1))->aor, aor) == 0)
      g_ptr_array_remove_index (registrations->leaving, i - 1);
}

/* --- life cycle --- */

PlRegistrations *
pl_registrations_new (PlEnv *env, PlUsageNet net, const PlNodeId *self)
{
  PlRegistrations *registrations = g_new0 (PlRegistrations, 1);

  registrations->env = env;
  registrations->net = net;
  registrations->self = *self;
  registrations->table = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, registration_free);
  registrations->present = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  registrations->leaving = g_ptr_array_new_with_free_func (registration_free);
  return registrations;
}

void
pl_registrations_free (PlRegistrations *registrations)
{
  if (!registrations)
    return;
  pl_timer_clear (&registrations->stop);
  g_hash_table_unref (registrations->table);
  g_hash_table_unref (registrations->present);
  g_clear_pointer (&registrations->redirects, g_hash_table_unref);
  g_ptr_array_unref (registrations->leaving);
  g_free (registrations);
}

/* --- public --- */

static guint
count_aors (PlRegistrations *registrations)
{
  g_autoptr (GPtrArray) aors = pl_registrations_dup_aors (registrations);

  return aors->len;
}

/* FALSE: there are too many. */
static gboolean
begin (PlRegistrations *registrations, const char *aor)
{
  if (registrations->stopping)
    return FALSE;
  if (g_hash_table_contains (registrations->table, aor))
    return TRUE;
  if (count_aors (registrations) >= PL_REGISTRATIONS_MAX)
    return FALSE;
  cancel_removal (registrations, aor);
  add_place (registrations, aor, 0);
  return TRUE;
}

static void
end (PlRegistrations *registrations, const char *aor)
{
  for (guint i = 0; i < PL_REGISTRATION_PLACES_MAX; i++)
    {
      g_autofree char *key = key_of (aor, i);
      gpointer registration = NULL;

      if (g_hash_table_steal_extended (registrations->table, key, NULL, &registration))
        start_removal (registration);
    }
}

static void
store_again (PlRegistrations *registrations, const char *aor)
{
  for (guint i = 0; i < PL_REGISTRATION_PLACES_MAX; i++)
    {
      g_autofree char *key = key_of (aor, i);
      Registration *registration = g_hash_table_lookup (registrations->table, key);

      if (!registration)
        continue;
      registration->check.checked = 0;
      if (registration->state == REGISTRATION_WAITING)
        wait_for (registration, 0);
      else
        registration->again = TRUE;
    }
}

gboolean
pl_registrations_add (PlRegistrations *registrations, const char *aor)
{
  g_autofree char *canonical = pl_aor_canonical (aor);

  if (!canonical || !begin (registrations, canonical))
    return FALSE;
  if (!g_hash_table_contains (registrations->present, canonical))
    g_hash_table_insert (registrations->present, g_steal_pointer (&canonical), g_strdup (""));
  return TRUE;
}

void
pl_registrations_prefer (PlRegistrations *registrations, const char *aor, const char *prefs)
{
  g_autofree char *canonical = pl_aor_canonical (aor);
  const char *before = canonical ? g_hash_table_lookup (registrations->present, canonical) : NULL;

  if (!before || strcmp (before, prefs) == 0)
    return;
  g_hash_table_insert (registrations->present, g_strdup (canonical), g_strdup (prefs));
  if (!redirect_of (registrations, canonical))
    store_again (registrations, canonical);
}

void
pl_registrations_remove (PlRegistrations *registrations, const char *aor)
{
  g_autofree char *canonical = pl_aor_canonical (aor);

  if (canonical && g_hash_table_remove (registrations->present, canonical)
      && !redirect_of (registrations, canonical))
    end (registrations, canonical);
}

static void
end_redirect (PlRegistrations *registrations, const char *aor)
{
  if (!redirect_of (registrations, aor))
    return;
  g_hash_table_remove (registrations->redirects, aor);
  if (g_hash_table_contains (registrations->present, aor))
    store_again (registrations, aor);
  else
    end (registrations, aor);
}

gboolean
pl_registrations_redirect (PlRegistrations *registrations, const char *aor, const char *target)
{
  g_autofree char *from = pl_aor_canonical (aor);
  g_autofree char *to = target ? pl_aor_canonical (target) : NULL;

  if (!from || (target && (!to || strcmp (from, to) == 0)))
    return FALSE;
  if (!to)
    {
      end_redirect (registrations, from);
      return TRUE;
    }
  if (g_strcmp0 (redirect_of (registrations, from), to) == 0)
    return TRUE;
  if (!begin (registrations, from))
    return FALSE;
  if (!registrations->redirects)
    registrations->redirects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (registrations->redirects, g_strdup (from), g_steal_pointer (&to));
  store_again (registrations, from);
  return TRUE;
}

const char *
pl_registrations_redirected (PlRegistrations *registrations, const char *aor)
{
  g_autofree char *canonical = pl_aor_canonical (aor);

  return canonical ? redirect_of (registrations, canonical) : NULL;
}

void
pl_registrations_places (PlRegistrations *registrations, const char *aor, guint *places, guint *missing)
{
  g_autofree char *canonical = pl_aor_canonical (aor);

  *places = *missing = 0;
  for (guint i = 0; canonical && i < registrations->net.funcs->places (registrations->net.impl); i++)
    {
      g_autofree char *key = key_of (canonical, i);
      const Registration *registration = g_hash_table_lookup (registrations->table, key);

      *places += registration && registration->stored;
      *missing += registration && registration->stored && registration->check.missing;
    }
}

gint64
pl_registrations_time (PlRegistrations *registrations, const char *aor)
{
  g_autofree char *canonical = pl_aor_canonical (aor);
  const Registration *registration = canonical ? g_hash_table_lookup (registrations->table, canonical) : NULL;

  return registration ? registration->stored : 0;
}

GPtrArray *
pl_registrations_dup_aors (PlRegistrations *registrations)
{
  GPtrArray *aors = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, registrations->table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((Registration *) value)->place == 0)
      g_ptr_array_add (aors, g_strdup (((Registration *) value)->aor));
  return aors;
}

static void
place_changed (Registration *registration, gboolean came_back)
{
  switch (registration->state)
    {
    case REGISTRATION_WAITING:
      registration->failures = 0;
      registration->check.checked = 0;
      if (came_back && registration->stored == 0)
        wait_for (registration, 0);
      else
        wait_for (registration, MOVED_DELAY + jitter (registration, MOVED_DELAY));
      break;
    case REGISTRATION_STORING:
    case REGISTRATION_LEARNING:
      registration->again = TRUE;
      break;
    case REGISTRATION_REMOVING:
      break;
    }
}

void
pl_registrations_set_online (PlRegistrations *registrations, gboolean online)
{
  gboolean came_back = online && !registrations->online;
  GHashTableIter iter;
  gpointer value;

  registrations->online = online;
  if (!online || registrations->stopping)
    return;
  g_hash_table_iter_init (&iter, registrations->table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    place_changed (value, came_back);
}

void
pl_registrations_stop (PlRegistrations *registrations, gint64 timeout, void (*done) (gpointer data), gpointer data)
{
  GHashTableIter iter;
  gpointer registration;

  registrations->stopping = TRUE;
  registrations->done = done;
  registrations->done_data = data;
  g_hash_table_iter_init (&iter, registrations->table);
  while (g_hash_table_iter_next (&iter, NULL, &registration))
    {
      g_hash_table_iter_steal (&iter);
      start_removal (registration);
    }
  pl_env_arm (registrations->env, &registrations->stop, registrations->leaving->len ? timeout : 0, finish_stop,
              registrations);
}
