/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/certificates.h"

#include "base/log.h"
#include "overlay/ident/aor.h"
#include "overlay/wire/routing.h"

#define FIRST_DELAY (300 * PL_USEC_PER_MSEC)  /* registrations go first; with as much jitter */
#define REFRESH ((gint64) 24 * 3600 * PL_USEC_PER_SEC)
#define REFRESH_JITTER (REFRESH / 8)
#define BACKOFF_MIN (2 * PL_USEC_PER_SEC)
#define BACKOFF_MAX (600 * PL_USEC_PER_SEC)

/* One of the two arrays. */
typedef struct {
  PlCertificates *owner;
  guint32 kind;
  gboolean wanted;       /* there is a user name to store it under */
  gboolean stored;
  gboolean full;         /* an append was refused as too large */
  guint failures;
  gpointer call;
  PlTimer *timer;
} Place;

struct PlCertificates {
  PlEnv *env;
  PlUsageNet net;
  PlIdentity *identity;
  gboolean online;
  Place places[2];
};

static void look (gpointer data);

/* By Node-ID at its hash, so that nobody keeps its own (8). */
static void
place_resource (const Place *place, PlResourceId *resource)
{
  const PlNodeId *node = pl_identity_node_id (place->owner->identity);

  if (place->kind == PL_KIND_CERTIFICATE_BY_NODE)
    pl_resource_id_from_name (resource, node->b, sizeof node->b);
  else
    pl_aor_resource (pl_cert_aor (pl_identity_cert (place->owner->identity)), resource);
}

static gint64
jitter (Place *place, gint64 span)
{
  return (gint64) pl_env_random_below (place->owner->env, (guint64) span + 1);
}

static void
wait_for (Place *place, gint64 delay)
{
  pl_env_arm (place->owner->env, &place->timer, delay, look, place);
}

static void
wait_after_failure (Place *place)
{
  gint64 delay = BACKOFF_MIN << MIN (place->failures, 9);

  place->failures++;
  delay = MIN (delay, BACKOFF_MAX);
  wait_for (place, delay + jitter (place, delay / 2));
}

static void
wait_after_success (Place *place)
{
  place->stored = TRUE;
  place->failures = 0;
  wait_for (place, REFRESH - jitter (place, REFRESH_JITTER));
}

static guint32
lifetime_of (PlCertificates *certificates)
{
  gint64 left = pl_cert_not_after (pl_identity_cert (certificates->identity))
                - pl_env_wall (certificates->env) / PL_USEC_PER_SEC;

  return (guint32) CLAMP (left, 1, PL_CERTIFICATE_LIFETIME);
}

/* --- which slot --- */

static gboolean
is_ours (Place *place, const PlFetched *fetched)
{
  GBytes *value = fetched->data->value.value.value;

  return fetched->data->value.value.exists && value
         && g_bytes_equal (value, pl_cert_der (pl_identity_cert (place->owner->identity)));
}

static const PlFetched *
find_ours (Place *place, const GPtrArray *values)
{
  for (guint i = 0; i < values->len; i++)
    if (is_ours (place, g_ptr_array_index (values, i)))
      return g_ptr_array_index (values, i);
  return NULL;
}

static gboolean
in_use (const GPtrArray *values, guint32 index)
{
  for (guint i = 0; i < values->len; i++)
    {
      const PlStoredDataValue *value = &((PlFetched *) g_ptr_array_index (values, i))->data->value;

      if (value->index == index && value->value.exists)
        return TRUE;
    }
  return FALSE;
}

static guint32
oldest (const GPtrArray *values)
{
  const PlStoredData *old = NULL;

  for (guint i = 0; i < values->len; i++)
    {
      const PlStoredData *data = ((PlFetched *) g_ptr_array_index (values, i))->data;

      if (!old || data->storage_time < old->storage_time)
        old = data;
    }
  return old ? old->value.index : 0;
}

/* New certificates go to the end (8), until there are so many that a gap or the oldest must
 * do: what expired has left gaps. */
static guint32
pick_slot (Place *place, const GPtrArray *values)
{
  const PlFetched *ours = find_ours (place, values);
  guint32 end = 0;

  if (ours)
    return ours->data->value.index;
  for (guint i = 0; i < values->len; i++)
    end = MAX (end, ((PlFetched *) g_ptr_array_index (values, i))->data->value.index + 1);
  if (!place->full && end < PL_CERTIFICATE_SLOTS_MAX)
    return PL_ARRAY_APPEND;
  end = place->full ? MIN (end, PL_CERTIFICATE_SLOTS_MAX) : PL_CERTIFICATE_SLOTS_MAX;
  for (guint32 i = 0; i < end; i++)
    if (!in_use (values, i))
      return i;
  return oldest (values);
}

/* --- look, then store --- */

static void
on_stored (gpointer user, const GError *error)
{
  Place *place = user;

  place->call = NULL;
  if (!error)
    {
      wait_after_success (place);
      return;
    }
  pl_info ("usage", "own certificate not stored", "reason", error->message, NULL);
  place->full |= g_error_matches (error, PL_USAGE_ERROR, PL_ERROR_DATA_TOO_LARGE);
  wait_after_failure (place);
}

/* The storing peer is not trusted with the access policy: what others signed is none of ours,
 * above all its storage_time, which could be the last there is. */
static GPtrArray *
dup_own (Place *place, const GPtrArray *values)
{
  PlCert *cert = pl_identity_cert (place->owner->identity);
  GPtrArray *own = g_ptr_array_new ();

  for (guint i = 0; i < values->len; i++)
    {
      PlFetched *fetched = g_ptr_array_index (values, i);
      gboolean good = place->kind == PL_KIND_CERTIFICATE_BY_NODE
                        ? pl_node_id_equal (&fetched->signer, pl_identity_node_id (place->owner->identity))
                        : g_strcmp0 (pl_cert_aor (fetched->signer_cert), pl_cert_aor (cert)) == 0;

      if (good)
        g_ptr_array_add (own, fetched);
    }
  return own;
}

static void
on_looked (gpointer user, const GPtrArray *all, const GError *error)
{
  Place *place = user;
  PlCertificates *owner = place->owner;
  g_autoptr (GPtrArray) values = NULL;
  guint32 lifetime = lifetime_of (owner);
  PlStoredDataValue value = { PL_DATA_ARRAY, 0, NULL, { TRUE, NULL } };
  const PlFetched *ours;
  PlResourceId resource;

  place->call = NULL;
  if (error)
    {
      wait_after_failure (place);
      return;
    }
  values = dup_own (place, all);
  ours = find_ours (place, values);
  if (ours && ours->data->lifetime >= lifetime / 2)
    {
      wait_after_success (place);
      return;
    }
  for (guint i = 0; i < values->len; i++)
    owner->net.funcs->note_time (owner->net.impl,
                                 ((PlFetched *) g_ptr_array_index (values, i))->data->storage_time);
  value.index = pick_slot (place, values);
  value.value.value = pl_cert_der (pl_identity_cert (owner->identity));
  place_resource (place, &resource);
  place->call = owner->net.funcs->store (owner->net.impl, &resource, place->kind, &value, lifetime, on_stored,
                                         place);
}

static void
look (gpointer data)
{
  Place *place = data;
  PlCertificates *owner = place->owner;
  PlResourceId resource;

  if (!owner->online || place->call)
    return;
  place_resource (place, &resource);
  place->call = owner->net.funcs->fetch (owner->net.impl, &resource, place->kind, on_looked, place);
}

/* --- public --- */

static void
place_init (PlCertificates *certificates, Place *place, guint32 kind)
{
  place->owner = certificates;
  place->kind = kind;
}

PlCertificates *
pl_certificates_new (PlEnv *env, PlUsageNet net, PlIdentity *identity)
{
  PlCertificates *certificates = g_new0 (PlCertificates, 1);
  const char *aor = pl_cert_aor (pl_identity_cert (identity));

  certificates->env = env;
  certificates->net = net;
  certificates->identity = pl_identity_ref (identity);
  place_init (certificates, &certificates->places[0], PL_KIND_CERTIFICATE_BY_NODE);
  place_init (certificates, &certificates->places[1], PL_KIND_CERTIFICATE_BY_USER);
  certificates->places[0].wanted = TRUE;
  certificates->places[1].wanted = aor != NULL;
  return certificates;
}

void
pl_certificates_free (PlCertificates *certificates)
{
  if (!certificates)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (certificates->places); i++)
    {
      Place *place = &certificates->places[i];

      if (place->call)
        certificates->net.funcs->cancel (certificates->net.impl, place->call);
      pl_timer_clear (&place->timer);
    }
  pl_identity_unref (certificates->identity);
  g_free (certificates);
}

void
pl_certificates_set_online (PlCertificates *certificates, gboolean online)
{
  certificates->online = online;
  for (guint i = 0; online && i < G_N_ELEMENTS (certificates->places); i++)
    {
      Place *place = &certificates->places[i];

      place->failures = 0;
      if (place->wanted && !place->call)
        wait_for (place, FIRST_DELAY + jitter (place, FIRST_DELAY));
    }
}

gboolean
pl_certificates_stored (PlCertificates *certificates)
{
  for (guint i = 0; i < G_N_ELEMENTS (certificates->places); i++)
    if (certificates->places[i].wanted && !certificates->places[i].stored)
      return FALSE;
  return TRUE;
}
