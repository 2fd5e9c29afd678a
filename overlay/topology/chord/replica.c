/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/store.h"

#include <string.h>

/* What the store holds falls in three: ours, with copies on the next two successors (10.4);
 * copies of our two predecessors' (10.7.3); and what is somebody else's: given to him when it
 * was ours before (6.4.2.3), and dropped once three predecessors lie between. */

#define HOLDERS_MAX 4
#define TRANSFER_BYTES 8192    /* values of one StoreReq; less where messages are smaller */
#define JOBS_MAX 65536
#define GIVE_AFTER (3 * PL_USEC_PER_SEC)   /* he may have been given it by others */
#define COPY_RETRY (15 * PL_USEC_PER_SEC)  /* a holder may not see yet that it is one, */
#define COPY_RETRY_END (300 * PL_USEC_PER_SEC) /* so long after the ring changed */
#define DROP_AFTER (60 * PL_USEC_PER_SEC)  /* the ring has stood still for so long */

/* One for each resource: of a holder's Node-ID the first half is kept, enough to tell one peer from the other. */
typedef struct {
  PlNodeId place;
  guint64 holders[HOLDERS_MAX];
  guint8 n_holders, owned;    /* owned: we were responsible when we last looked */
} Copies;

/* All Stores to one joining node; `done` when the last of them is over. */
typedef struct {
  guint pending;
  PlNodeId node;
  gint64 began;
  void (*done) (PlChord *chord, const PlNodeId *node);
} Transfer;

typedef struct {
  PlChord *chord;
  PlResourceId resource;
  PlTopologyTarget target;
  guint8 replica_number;
  Transfer *transfer;         /* NULL: none */
  GPtrArray *requests;        /* of PlStoreReq */
  guint next;
} Job;

static void jobs_run (PlChord *chord);

static void
job_free (Job *job)
{
  g_clear_pointer (&job->requests, g_ptr_array_unref);
  g_free (job);
}

void
pl_chord_replicas_init (PlChord *chord)
{
  chord->copies = g_hash_table_new_full (pl_node_id_hash, pl_node_id_equal, g_free, NULL);
}

void
pl_chord_replicas_free (PlChord *chord)
{
  Job *job;

  pl_timer_clear (&chord->sync_timer);
  pl_timer_clear (&chord->give_timer);
  while ((job = g_queue_pop_head (&chord->jobs)) || (job = g_queue_pop_head (&chord->urgent))
         || (job = g_queue_pop_head (&chord->running)))
    {
      if (job->transfer && --job->transfer->pending == 0)
        g_free (job->transfer);
      job_free (job);
    }
  g_hash_table_unref (chord->copies);
}

void
pl_chord_replicas_forget (PlChord *chord)
{
  pl_timer_clear (&chord->sync_timer);
  g_hash_table_remove_all (chord->copies);
}

guint
pl_chord_replicas_pending (PlChord *chord)
{
  return g_queue_get_length (&chord->running) + g_queue_get_length (&chord->urgent) + g_queue_get_length (&chord->jobs);
}

static Copies *
copies_of (PlChord *chord, const PlNodeId *place)
{
  Copies *copies = g_hash_table_lookup (chord->copies, place);

  if (!copies)
    {
      copies = g_new0 (Copies, 1);
      copies->place = *place;
      g_hash_table_add (chord->copies, copies);
    }
  return copies;
}

static guint64
half_of (const PlNodeId *id)
{
  guint64 half;

  memcpy (&half, id->b, sizeof half);
  return half;
}

static gboolean
has_holder (const Copies *copies, const PlNodeId *id)
{
  guint64 half = half_of (id);

  for (guint i = 0; i < copies->n_holders; i++)
    if (copies->holders[i] == half)
      return TRUE;
  return FALSE;
}

static void
add_holder (Copies *copies, const PlNodeId *id)
{
  if (has_holder (copies, id))
    return;
  if (copies->n_holders == HOLDERS_MAX)
    memmove (&copies->holders[0], &copies->holders[1], --copies->n_holders * sizeof *copies->holders);
  copies->holders[copies->n_holders++] = half_of (id);
}

void
pl_chord_replicas_gone (PlChord *chord, const PlNodeId *id)
{
  guint64 half = half_of (id);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, chord->copies);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Copies *copies = value;

      for (guint i = copies->n_holders; i > 0; i--)
        if (copies->holders[i - 1] == half)
          copies->holders[i - 1] = copies->holders[--copies->n_holders];
    }
}

static void
job_over (PlChord *chord, Job *job)
{
  Transfer *transfer = job->transfer;

  g_queue_remove (&chord->running, job);
  job_free (job);
  if (transfer && --transfer->pending == 0)
    {
      transfer->done (chord, &transfer->node);
      g_free (transfer);
    }
  jobs_run (chord);
}

static void job_step (PlChord *chord, Job *job);

static void
on_copy_stored (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  Job *job = data;
  PlChord *chord = job->chord;
  gboolean stale = error_code == PL_ERROR_DATA_TOO_OLD || error_code == PL_ERROR_GENERATION_COUNTER_TOO_LOW;
  PlNodeId place;

  if (stale)
    chord->host.merge (chord->user, signer, &job->resource);
  if ((error_code == 0 || stale) && job->next < job->requests->len)
    {
      job_step (chord, job);
      return;
    }
  if ((error_code == 0 || stale) && pl_resource_id_to_node_id (&job->resource, &place))
    {
      Copies *copies = copies_of (chord, &place);

      if (job->target.is_place)
        copies->owned = FALSE;
      add_holder (copies, signer);
    }
  else if (pl_env_now (chord->config.env) - chord->ring_changed < COPY_RETRY_END)
    pl_chord_replicas_sync (chord, COPY_RETRY);
  job_over (chord, job);
}

static void
job_step (PlChord *chord, Job *job)
{
  PlStoreReq *store = g_ptr_array_index (job->requests, job->next++);
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_STORE_REQ), store);
  g_autoptr (GPtrArray) certs = pl_store_dup_certs_of_request (chord->config.store, store);
  PlTopologyRequest request = { .target = job->target, .code = PL_MESSAGE_STORE_REQ, .body = body, .certs = certs };

  chord->host.request (chord->user, &request, on_copy_stored, job, NULL);
}

static Job *
next_job (PlChord *chord)
{
  guint running = g_queue_get_length (&chord->running);
  Job *job = running < PL_CHORD_TRANSFERS_MAX ? g_queue_pop_head (&chord->urgent) : NULL;

  if (!job && running < PL_CHORD_COPIES_MAX)
    job = g_queue_pop_head (&chord->jobs);
  return job;
}

static void
jobs_run (PlChord *chord)
{
  gsize max = MIN (TRANSFER_BYTES, chord->config.document->max_message_size / 2);
  Job *job;

  while ((job = next_job (chord)))
    {
      g_queue_push_tail (&chord->running, job);
      job->requests = pl_store_dup_transfers (chord->config.store, &job->resource, job->replica_number, max);
      if (job->requests && job->requests->len > 0)
        job_step (chord, job);
      else
        job_over (chord, job);
    }
}

static Job *
job_queue (GQueue *queue, PlChord *chord, const PlResourceId *resource, const PlTopologyTarget *target)
{
  Job *job;

  if (g_queue_get_length (queue) >= JOBS_MAX)
    return NULL;
  job = g_new0 (Job, 1);
  job->chord = chord;
  job->resource = *resource;
  job->target = *target;
  job->replica_number = 1;
  g_queue_push_tail (queue, job);
  return job;
}

static void
job_add (PlChord *chord, const PlResourceId *resource, const PlTopologyTarget *target, guint8 replica_number)
{
  Job *job = job_queue (&chord->jobs, chord, resource, target);

  if (job)
    job->replica_number = replica_number;
}

static void
copy_ours (PlChord *chord, const PlResourceId *resource, Copies *copies)
{
  copies->owned = TRUE;
  for (guint i = 0; i < PL_RING_REPLICAS; i++)
    {
      const PlNodeId *holder = pl_ring_successor (chord->ring, i);
      PlTopologyTarget target = { { { 0 } } };

      if (!holder || has_holder (copies, holder))
        continue;
      target.id = *holder;
      job_add (chord, resource, &target, i + 1);
    }
}

/* Who joined was given what is his. */
static gboolean
owner_has_it (PlChord *chord, const Copies *copies)
{
  const PlNodeId *owner = pl_ring_first_from (chord->ring, &copies->place);

  return owner && has_holder (copies, owner);
}

static void
sync_one (PlChord *chord, const PlResourceId *resource)
{
  gint64 now = pl_env_now (chord->config.env);
  PlTopologyTarget target = { .is_place = TRUE };
  Copies *copies;

  if (!pl_resource_id_to_node_id (resource, &target.id))
    return;
  copies = copies_of (chord, &target.id);
  if (pl_ring_owns (chord->ring, &target.id))
    copy_ours (chord, resource, copies);
  else if (copies->owned && owner_has_it (chord, copies))
    copies->owned = FALSE;
  else if (copies->owned)
    job_add (chord, resource, &target, 1);
  else if (!pl_ring_keeps (chord->ring, &target.id) && now - chord->ring_changed > DROP_AFTER)
    {
      pl_store_drop (chord->config.store, resource);
      g_hash_table_remove (chord->copies, &target.id);
    }
}

/* Who became responsible when a peer died is not always one that held copies: it may have come
 * just before. A holder gives what it has to him, unless he has shown that he has it. */
static void
give_to_owner (PlChord *chord, const PlResourceId *resource)
{
  const PlNodeId *owner;
  PlTopologyTarget target = { { { 0 } } };
  PlNodeId place;

  if (!pl_resource_id_to_node_id (resource, &place) || pl_ring_owns (chord->ring, &place)
      || !pl_ring_keeps (chord->ring, &place))
    return;
  owner = pl_ring_first_from (chord->ring, &place);
  if (!owner || has_holder (copies_of (chord, &place), owner))
    return;
  target.id = *owner;
  job_add (chord, resource, &target, 1);
}

static void
give_now (gpointer data)
{
  PlChord *chord = data;
  g_autoptr (GArray) held = NULL;

  if (chord->state != PL_TOPOLOGY_JOINED)
    return;
  held = pl_store_dup_resources (chord->config.store);
  for (guint i = 0; i < held->len; i++)
    give_to_owner (chord, &g_array_index (held, PlResourceId, i));
  jobs_run (chord);
}

void
pl_chord_replicas_give (PlChord *chord)
{
  if (!chord->give_timer)
    pl_env_arm (chord->config.env, &chord->give_timer, GIVE_AFTER, give_now, chord);
}

static gboolean
is_gone (gpointer key, gpointer value, gpointer user_data)
{
  PlResourceId resource;

  pl_resource_id_from_node_id (&resource, key);
  return !g_hash_table_contains (user_data, &resource);
}

static void
sync_now (gpointer data)
{
  PlChord *chord = data;
  g_autoptr (GArray) held = NULL;
  g_autoptr (GHashTable) set = NULL;

  if (chord->state != PL_TOPOLOGY_JOINED)
    return;
  if (pl_chord_replicas_pending (chord) > 0)
    {
      pl_chord_replicas_sync (chord, PL_USEC_PER_SEC);
      return;
    }
  held = pl_store_dup_resources (chord->config.store);
  set = g_hash_table_new (pl_resource_id_hash, pl_resource_id_equal);
  for (guint i = 0; i < held->len; i++)
    g_hash_table_add (set, &g_array_index (held, PlResourceId, i));
  g_hash_table_foreach_remove (chord->copies, is_gone, set);
  for (guint i = 0; i < held->len; i++)
    sync_one (chord, &g_array_index (held, PlResourceId, i));
  jobs_run (chord);
}

void
pl_chord_replicas_sync (PlChord *chord, gint64 delay)
{
  gint64 at = pl_env_now (chord->config.env) + delay;

  if (delay < 0)
    {
      sync_now (chord);
      return;
    }
  /* One failure after the other must not put it off for ever. */
  if (chord->sync_timer && chord->sync_at <= at)
    return;
  chord->sync_at = at;
  pl_env_arm (chord->config.env, &chord->sync_timer, delay, sync_now, chord);
}

void
pl_chord_replicas_stored (PlChord *chord, const PlResourceId *resource, const PlNodeId *from)
{
  Copies *copies;
  PlNodeId place;

  if (!pl_resource_id_to_node_id (resource, &place))
    return;
  copies = copies_of (chord, &place);
  if (from)
    {
      add_holder (copies, from);
      if (chord->state == PL_TOPOLOGY_JOINED && pl_ring_owns (chord->ring, &place))
        pl_chord_replicas_sync (chord, PL_USEC_PER_SEC);
      return;
    }
  copies->n_holders = 0;
  if (chord->state == PL_TOPOLOGY_JOINED && pl_ring_owns (chord->ring, &place))
    copy_ours (chord, resource, copies);
  jobs_run (chord);
}

static gboolean
is_for (GQueue *jobs, const PlNodeId *node, gint64 since)
{
  for (GList *l = jobs->head; l; l = l->next)
    {
      const Transfer *transfer = ((Job *) l->data)->transfer;

      if (transfer && transfer->began >= since && pl_node_id_equal (&transfer->node, node))
        return TRUE;
    }
  return FALSE;
}

gboolean
pl_chord_replicas_transferring (PlChord *chord, const PlNodeId *node, gint64 since)
{
  return is_for (&chord->running, node, since) || is_for (&chord->urgent, node, since);
}

/* Whoever joins between `after` and `node` and is given its data already: that is not `node`'s. */
static void
skip_joining (GQueue *jobs, PlNodeId *after, const PlNodeId *node)
{
  for (GList *l = jobs->head; l; l = l->next)
    {
      const Transfer *transfer = ((Job *) l->data)->transfer;

      if (transfer && !pl_node_id_equal (&transfer->node, node) && pl_node_id_between (&transfer->node, after, node))
        *after = transfer->node;
    }
}

void
pl_chord_replicas_transfer (PlChord *chord, const PlNodeId *node, const PlNodeId *after,
                            void (*done) (PlChord *chord, const PlNodeId *node))
{
  g_autoptr (GArray) held = pl_store_dup_resources (chord->config.store);
  Transfer *transfer = g_new0 (Transfer, 1);
  PlTopologyTarget target = { .id = *node };
  PlNodeId from = *after;

  skip_joining (&chord->running, &from, node);
  skip_joining (&chord->urgent, &from, node);
  transfer->node = *node;
  transfer->began = pl_env_now (chord->config.env);
  transfer->done = done;
  transfer->pending = 1;
  for (guint i = 0; i < held->len; i++)
    {
      const PlResourceId *resource = &g_array_index (held, PlResourceId, i);
      PlNodeId place;
      Job *job;

      if (!pl_resource_id_to_node_id (resource, &place) || !pl_node_id_between (&place, &from, node))
        continue;
      if ((job = job_queue (&chord->urgent, chord, resource, &target)))
        {
          job->transfer = transfer;
          transfer->pending++;
        }
    }
  jobs_run (chord);
  if (--transfer->pending == 0)
    {
      done (chord, node);
      g_free (transfer);
    }
}
