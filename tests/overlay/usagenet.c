/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/overlay/usagenet.h"

#include "overlay/enroll/document.h"
#include "overlay/ident/aor.h"

#include <string.h>

typedef struct {
  gboolean store;
  Kept *kept;           /* store */
  PlResourceId resource;
  guint32 kind;
  PlTimer *timer;
  PlStoreFunc stored;
  PlFetchFunc fetched;
  PlTryStoreFunc tried_store;
  PlTryFetchFunc tried_fetch;
  guint64 time;
  PlUsageTrail trail;
  gpointer user;
} Call;

PlUniverse *universe;
PlEnv *env;
PlTestPki *pki;
PlIdentity *alice, *bob;
PlUsageNet net;
GPtrArray *kept;
GPtrArray *calls;
guint n_stores, n_fetches, n_cancelled;
int answer_code;
gboolean silent;
guint64 last_time;
gint64 delay;
guint n_places;
guint liars, sleepers, lossy;
guint n_iterative;
guint verdicts[256][PL_VERDICTS];

static void
kept_free (gpointer data)
{
  Kept *k = data;

  pl_stored_data_clear (k->fetched.data);
  g_free (k->fetched.data);
  pl_cert_unref (k->fetched.signer_cert);
  g_free (k);
}

static void
call_free (gpointer data)
{
  Call *call = data;

  pl_timer_clear (&call->timer);
  if (call->kept)
    kept_free (call->kept);
  g_free (call);
}

Kept *
kept_new (PlIdentity *identity, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value, guint64 time)
{
  Kept *k = g_new0 (Kept, 1);

  k->resource = *resource;
  k->kind = kind;
  k->fetched.data = g_new0 (PlStoredData, 1);
  pl_stored_data_value_copy (&k->fetched.data->value, value);
  k->fetched.data->storage_time = time;
  k->fetched.signer_cert = pl_cert_ref (pl_identity_cert (identity));
  k->fetched.signer = *pl_identity_node_id (identity);
  return k;
}

void
keep (Kept *k)
{
  guint32 end = 0;

  for (guint i = kept->len; i > 0; i--)
    {
      const Kept *other = g_ptr_array_index (kept, i - 1);

      if (other->kind != k->kind || !pl_resource_id_equal (&other->resource, &k->resource))
        continue;
      end = MAX (end, other->fetched.data->value.index + 1);
      if (pl_stored_data_value_same_entry (&other->fetched.data->value, &k->fetched.data->value))
        g_ptr_array_remove_index (kept, i - 1);
    }
  if (k->fetched.data->value.model == PL_DATA_ARRAY && k->fetched.data->value.index == PL_ARRAY_APPEND)
    k->fetched.data->value.index = end;
  g_ptr_array_add (kept, k);
}

/* Which place of BOB's registration this is; 0 also for all else. */
static guint
place_of (const PlResourceId *resource)
{
  for (guint i = 1; i < PL_REGISTRATION_PLACES_MAX; i++)
    {
      PlResourceId place;

      pl_aor_place (BOB, i, &place);
      if (pl_resource_id_equal (&place, resource))
        return i;
    }
  return 0;
}

static void
give_values (Call *call)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new ();

  for (guint i = 0; i < kept->len; i++)
    {
      Kept *k = g_ptr_array_index (kept, i);

      if (liars & 1u << place_of (&call->resource) && call->kind != PL_KIND_CERTIFICATE_BY_USER)
        continue;
      if (k->kind == call->kind && pl_resource_id_equal (&k->resource, &call->resource))
        g_ptr_array_add (values, &k->fetched);
    }
  if (call->tried_fetch)
    call->tried_fetch (call->user, values, NULL, &call->trail);
  else
    call->fetched (call->user, values, NULL);
}

static void
answer (gpointer data)
{
  Call *call = data;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < calls->len; i++)
    if (g_ptr_array_index (calls, i) == call)
      {
        g_ptr_array_steal_index (calls, i);
        break;
      }
  if (answer_code >= 0)
    error = g_error_new_literal (PL_USAGE_ERROR, answer_code, "as told");
  if (call->store && !error)
    keep (g_steal_pointer (&call->kept));
  call->trail.answered = answer_code != PL_USAGE_ERROR_NO_ANSWER;
  if (call->tried_store)
    call->tried_store (call->user, call->time, error, &call->trail);
  else if (call->store)
    call->stored (call->user, error);
  else if (error && call->tried_fetch)
    call->tried_fetch (call->user, NULL, error, &call->trail);
  else if (error)
    call->fetched (call->user, NULL, error);
  else
    give_values (call);
  call_free (call);
}

static Call *
call_new (const PlResourceId *resource, guint32 kind, gpointer user)
{
  Call *call = g_new0 (Call, 1);

  call->resource = *resource;
  call->kind = kind;
  call->user = user;
  g_ptr_array_add (calls, call);
  if (!silent && !(sleepers & 1u << place_of (resource) && kind != PL_KIND_CERTIFICATE_BY_USER))
    pl_env_arm (env, &call->timer, delay, answer, call);
  return call;
}

static gpointer
net_store (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value, guint32 lifetime,
           PlStoreFunc func, gpointer user)
{
  Call *call = call_new (resource, kind, user);

  last_time++;
  call->store = TRUE;
  call->stored = func;
  call->kept = kept_new (impl, resource, kind, value, last_time);
  call->kept->lifetime = call->kept->fetched.data->lifetime = lifetime;
  n_stores++;
  return call;
}

static gpointer
net_fetch (gpointer impl, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user)
{
  Call *call = call_new (resource, kind, user);

  (void) impl;
  call->fetched = func;
  n_fetches++;
  return call;
}

static void
lose (gpointer data)
{
  answer_code = PL_USAGE_ERROR_NO_ANSWER;
  answer (data);
  answer_code = -1;
}

/* Through nodes 1, 2, 3 ..., whichever is not to be avoided; places answer with a first byte of 100 and up. */
static void
choose (Call *call, const PlUsageWay *way)
{
  PlNodeId first = { { 0 } };

  call->trail.has_first = TRUE;
  call->trail.signer.b[0] = 100 + place_of (&call->resource);
  first.b[0] = way->avoid ? way->avoid->len + 1 : 1;
  call->trail.first = first;
  if (way->avoid)
    g_array_append_val (way->avoid, first);
  n_iterative += way->iterative;
  if (first.b[0] < 32 && lossy & 1u << first.b[0])
    pl_env_arm (env, &call->timer, way->timeout, lose, call);
}

static gpointer
net_try_store (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value, guint32 lifetime,
               const PlUsageWay *way, PlTryStoreFunc func, gpointer user)
{
  Call *call = net_store (impl, resource, kind, value, lifetime, NULL, user);

  call->tried_store = func;
  call->time = last_time;
  choose (call, way);
  return call;
}

static gpointer
net_try_fetch (gpointer impl, const PlResourceId *resource, guint32 kind, const PlUsageWay *way, PlTryFetchFunc func, gpointer user)
{
  Call *call = net_fetch (impl, resource, kind, NULL, user);

  call->tried_fetch = func;
  choose (call, way);
  return call;
}

static void
net_judge (gpointer impl, const PlNodeId *who, PlVerdict verdict, const PlResourceId *resource)
{
  verdicts[who->b[0]][verdict]++;
}

static void
net_cancel (gpointer impl, gpointer handle)
{
  (void) impl;
  ck_assert (g_ptr_array_remove (calls, handle));
  n_cancelled++;
}

static void
net_note_time (gpointer impl, guint64 storage_time)
{
  (void) impl;
  last_time = MAX (last_time, storage_time);
}

static guint
net_places (gpointer impl)
{
  (void) impl;
  return n_places;
}

void
setup (void)
{
  static const PlUsageFuncs funcs = {
    .store = net_store, .fetch = net_fetch, .cancel = net_cancel, .note_time = net_note_time, .places = net_places,
    .try_store = net_try_store, .try_fetch = net_try_fetch, .judge = net_judge,
  };

  universe = pl_universe_new (11);
  env = pl_universe_env (universe);
  pki = pl_test_pki_new (env);
  alice = pl_test_pki_identity (pki, ALICE, NULL);
  bob = pl_test_pki_identity (pki, BOB, NULL);
  net.funcs = &funcs;
  net.impl = alice;
  kept = g_ptr_array_new_with_free_func (kept_free);
  calls = g_ptr_array_new_with_free_func (call_free);
  answer_code = -1;
  silent = FALSE;
  delay = 50 * PL_USEC_PER_MSEC;
  n_places = 1;
  liars = sleepers = lossy = n_iterative = 0;
  memset (verdicts, 0, sizeof verdicts);
  n_stores = n_fetches = n_cancelled = 0;
  last_time = 1000;
}

void
teardown (void)
{
  g_ptr_array_unref (calls);
  g_ptr_array_unref (kept);
  pl_identity_unref (alice);
  pl_identity_unref (bob);
  pl_test_pki_free (pki);
  pl_universe_free (universe);
}

const Kept *
kept_at (const char *aor, guint32 kind)
{
  PlResourceId resource;

  pl_aor_resource (aor, &resource);
  for (guint i = 0; i < kept->len; i++)
    {
      const Kept *k = g_ptr_array_index (kept, i);

      if (k->kind == kind && pl_resource_id_equal (&k->resource, &resource))
        return k;
    }
  return NULL;
}
