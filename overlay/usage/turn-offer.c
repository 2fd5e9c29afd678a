/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/usage/turn-offer.h"

#include "base/log.h"

#include <string.h>

#define FIRST_DELAY PL_USEC_PER_SEC           /* with as much jitter */
#define REFRESH (PL_TURN_RECORD_LIFETIME / 2 * PL_USEC_PER_SEC)
#define BACKOFF_MIN (2 * PL_USEC_PER_SEC)
#define BACKOFF_MAX (600 * PL_USEC_PER_SEC)
#define SHA1_LEN 20

/* One copy of the record. */
typedef struct {
  PlTurnOffer *offer;
  guint8 iteration;
  guint failures;
  gpointer call;
  PlTimer *timer;
} Copy;

/* A bucket of tokens, one more in each `every`. */
typedef struct {
  PlNodeId node;
  gint64 full_at;           /* env time at which nothing is missing */
} Bucket;

struct PlTurnOffer {
  PlEnv *env;
  PlUsageNet net;
  PlNodeId self;
  PlIpAddressPort address;
  PlSecret *secret;
  guint32 lifetime;
  guint density;
  gboolean online;
  Copy copies[PL_TURN_DENSITY_MAX];
  Bucket all;
  GHashTable *askers;       /* PlNodeId -> Bucket, which holds it */
};

/* --- records --- */

static void store (gpointer data);

static void
wait_for (Copy *copy, gint64 delay)
{
  gint64 jitter = (gint64) pl_env_random_below (copy->offer->env, (guint64) delay / 4 + 1);

  pl_env_arm (copy->offer->env, &copy->timer, delay + jitter, store, copy);
}

static void
on_stored (gpointer user, const GError *error)
{
  Copy *copy = user;

  copy->call = NULL;
  if (!error)
    {
      copy->failures = 0;
      wait_for (copy, REFRESH);
      return;
    }
  pl_info ("usage", "the TURN server's record is not stored", "reason", error->message, NULL);
  wait_for (copy, MIN (BACKOFF_MIN << MIN (copy->failures, 9), BACKOFF_MAX));
  copy->failures++;
}

/* At the hash of Node-ID || d (9). */
static void
store (gpointer data)
{
  Copy *copy = data;
  PlTurnOffer *offer = copy->offer;
  PlTurnServer server = { copy->iteration, offer->address };
  PlStoredDataValue value = { PL_DATA_SINGLE, 0, NULL, { TRUE, NULL } };
  guint8 name[PL_NODE_ID_LEN + 1];
  PlResourceId resource;
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) bytes = NULL;

  if (copy->call)
    return;
  memcpy (name, offer->self.b, PL_NODE_ID_LEN);
  name[PL_NODE_ID_LEN] = copy->iteration;
  pl_resource_id_from_name (&resource, name, sizeof name);
  pl_writer_init (&writer);
  pl_turn_server_write (&writer, &server);
  value.value.value = bytes = pl_writer_finish (&writer);
  copy->call = offer->net.funcs->store (offer->net.impl, &resource, PL_KIND_TURN_SERVICE, &value, PL_TURN_RECORD_LIFETIME,
                                        on_stored, copy);
}

static void
copy_stop (Copy *copy)
{
  pl_timer_clear (&copy->timer);
  if (copy->call)
    copy->offer->net.funcs->cancel (copy->offer->net.impl, g_steal_pointer (&copy->call));
}

static void
update (PlTurnOffer *offer)
{
  for (guint i = 0; i < PL_TURN_DENSITY_MAX; i++)
    {
      Copy *copy = &offer->copies[i];

      if (!offer->online || i >= offer->density)
        copy_stop (copy);
      else if (!copy->timer && !copy->call)
        wait_for (copy, FIRST_DELAY);
    }
}

void
pl_turn_offer_set_density (PlTurnOffer *offer, guint density)
{
  offer->density = MIN (density, PL_TURN_DENSITY_MAX);
  update (offer);
}

void
pl_turn_offer_set_online (PlTurnOffer *offer, gboolean online)
{
  if (offer->online == online)
    return;
  offer->online = online;
  update (offer);
}

/* --- credentials --- */

/* Takes a token of `burst`, of which one comes back in each `every`. */
static gboolean
take (Bucket *bucket, gint64 now, guint burst, gint64 every)
{
  gint64 from = MAX (bucket->full_at, now);

  if (from - now > (gint64) (burst - 1) * every)
    return FALSE;
  bucket->full_at = from + every;
  return TRUE;
}

static gboolean
is_full (gpointer key, gpointer value, gpointer data)
{
  return ((Bucket *) value)->full_at <= *(gint64 *) data;
}

static Bucket *
bucket_of (PlTurnOffer *offer, const PlNodeId *asker, gint64 now)
{
  Bucket *bucket = g_hash_table_lookup (offer->askers, asker);

  if (bucket)
    return bucket;
  if (g_hash_table_size (offer->askers) >= PL_TURN_ASKERS_MAX)
    g_hash_table_foreach_remove (offer->askers, is_full, &now);
  if (g_hash_table_size (offer->askers) >= PL_TURN_ASKERS_MAX)
    return NULL;
  bucket = g_new0 (Bucket, 1);
  bucket->node = *asker;
  g_hash_table_insert (offer->askers, &bucket->node, bucket);
  return bucket;
}

gboolean
pl_turn_offer_admit (PlTurnOffer *offer, const PlNodeId *asker)
{
  gint64 now = pl_env_now (offer->env);
  Bucket *bucket = bucket_of (offer, asker, now);
  gint64 every = MIN (PL_TURN_ASKER_EVERY, (gint64) offer->lifetime * PL_USEC_PER_SEC / 4);

  return bucket && take (bucket, now, PL_TURN_ASKER_BURST, every) && take (&offer->all, now, PL_TURN_ALL_BURST, PL_TURN_ALL_EVERY);
}

void
pl_turn_offer_give (PlTurnOffer *offer, const PlNodeId *asker, PlTurnAccess *access)
{
  gint64 expiry = pl_env_wall (offer->env) / PL_USEC_PER_SEC + offer->lifetime;
  g_autofree char *node = pl_node_id_dup_hex (asker);
  guint8 digest[SHA1_LEN];
  gsize key_len, len = sizeof digest;
  const guint8 *key = pl_secret_data (offer->secret, &key_len);
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA1, key, key_len);

  access->server = offer->address;
  access->username = g_strdup_printf ("%" G_GINT64_FORMAT ":%s", expiry, node);
  access->lifetime = offer->lifetime;
  g_hmac_update (hmac, (const guint8 *) access->username, -1);
  g_hmac_get_digest (hmac, digest, &len);
  g_hmac_unref (hmac);
  access->password = g_base64_encode (digest, len);
}

/* --- life --- */

PlTurnOffer *
pl_turn_offer_new (PlEnv *env, PlUsageNet net, const PlNodeId *self, const PlTurnOfferOptions *options)
{
  PlTurnOffer *offer = g_new0 (PlTurnOffer, 1);
  gsize len;
  const guint8 *secret = pl_secret_data (options->secret, &len);

  offer->env = env;
  offer->net = net;
  offer->self = *self;
  offer->address = options->address;
  offer->secret = pl_secret_new (secret, len);
  offer->lifetime = CLAMP (options->lifetime, PL_TURN_LIFETIME_MIN, PL_TURN_LIFETIME_MAX);
  offer->askers = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, NULL, g_free);
  for (guint i = 0; i < PL_TURN_DENSITY_MAX; i++)
    offer->copies[i] = (Copy){ .offer = offer, .iteration = (guint8) (i + 1) };
  return offer;
}

void
pl_turn_offer_free (PlTurnOffer *offer)
{
  if (!offer)
    return;
  for (guint i = 0; i < PL_TURN_DENSITY_MAX; i++)
    copy_stop (&offer->copies[i]);
  g_hash_table_unref (offer->askers);
  pl_secret_free (offer->secret);
  g_free (offer);
}
