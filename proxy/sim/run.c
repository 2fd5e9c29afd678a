/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/sim.h"

#include <malloc.h>

#include "proxy/sim/load.h"
#include "proxy/sim/stub.h"
#include "proxy/sim/swarm.h"

#define STEP PL_USEC_PER_SEC
#define JOIN_TIME_MAX (600 * PL_USEC_PER_SEC)  /* after the last start, for all to be in */
#define STABLE_EVERY 5                         /* steps between looks at the whole ring */
#define SWEEP_TIME (60 * PL_USEC_PER_SEC)
#define LAST_WAIT (10 * PL_USEC_PER_SEC)       /* for the last look-ups to end */

typedef struct {
  const PlSimOptions *options;
  PlSimResult *result;
  PlSwarm *swarm;
  PlLoad *load;
  void (*progress) (double share, const char *what);
  gint64 healed;               /* when the partition ended, 0: not (yet) */
  guint steps;
  gsize memory;                /* in use before it began */
} Run;

/* --- samples --- */

PlSamples *
pl_samples_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (double));
}

void
pl_samples_add (PlSamples *samples, double value)
{
  g_array_append_val (samples, value);
}

double
pl_samples_mean (const PlSamples *samples)
{
  double sum = 0;

  for (guint i = 0; i < samples->len; i++)
    sum += g_array_index (samples, double, i);
  return samples->len ? sum / samples->len : 0;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

double
pl_samples_percentile (PlSamples *samples, double percent)
{
  g_array_sort (samples, compare_doubles);
  return samples->len ? g_array_index (samples, double, MIN ((guint) (samples->len * percent / 100), samples->len - 1)) : 0;
}

/* --- result --- */

static PlSimResult *
result_new (void)
{
  PlSimResult *result = g_new0 (PlSimResult, 1);

  result->hops = pl_samples_new ();
  result->ideal = pl_samples_new ();
  result->joins = pl_samples_new ();
  result->traffic = pl_samples_new ();
  result->lookups.delays = pl_samples_new ();
  result->event.delays = pl_samples_new ();
  result->ring = pl_samples_new ();
  result->stable_seconds = result->healed_seconds = -1;
  return result;
}

void
pl_sim_result_free (PlSimResult *result)
{
  if (!result)
    return;
  g_array_unref (result->hops);
  g_array_unref (result->ideal);
  g_array_unref (result->joins);
  g_array_unref (result->traffic);
  g_array_unref (result->lookups.delays);
  g_array_unref (result->event.delays);
  g_array_unref (result->ring);
  g_free (result);
}

/* --- the course of a simulation --- */

static gint64
now (Run *run)
{
  return pl_universe_now (pl_swarm_universe (run->swarm));
}

static void
charge (gpointer user, gint64 usec)
{
  pl_vnet_charge (pl_swarm_net (user), usec);
}

static void
look_at_ring (Run *run)
{
  double *since = run->healed ? &run->result->healed_seconds : &run->result->stable_seconds;
  gint64 start = run->healed ? run->healed : PL_USEC_PER_SEC; /* the clock starts at one second */

  if (run->steps++ % STABLE_EVERY == 0 && *since < 0 && pl_swarm_grown (run->swarm) && pl_swarm_is_ring (run->swarm))
    *since = (double) (now (run) - start) / PL_USEC_PER_SEC;
}

/* Until `end`, or until everybody is in and the ring is closed. */
static void
run_joining (Run *run, gint64 end)
{
  gint64 start = now (run);

  while (now (run) < end && run->result->stable_seconds < 0)
    {
      pl_universe_run (pl_swarm_universe (run->swarm), STEP);
      look_at_ring (run);
      run->progress ((double) (now (run) - start) / (end - start), "joining");
    }
}

static void
run_for (Run *run, double seconds, const char *what)
{
  gint64 start = now (run), end = start + seconds * PL_USEC_PER_SEC;

  while (now (run) < end)
    {
      pl_universe_run (pl_swarm_universe (run->swarm), MIN (STEP, end - now (run)));
      if (run->healed)
        look_at_ring (run);
      run->progress ((double) (now (run) - start) / (end - start), what);
    }
}

static gboolean
in_other_half (gpointer user, const PlNodeId *a, const PlNodeId *b)
{
  return pl_sim_peer_is_other_half (pl_swarm_find (user, a)) != pl_sim_peer_is_other_half (pl_swarm_find (user, b));
}

static void
massacre (Run *run, PlEnv *env)
{
  guint n = pl_swarm_size (run->swarm), bootstraps = run->options->bootstraps;

  for (guint i = bootstraps; i < n; i++)
    {
      PlSimPeer *peer = pl_swarm_peer (run->swarm, i);

      if (peer->node && pl_env_random_below (env, 10000) < run->options->massacre * 100)
        pl_swarm_kill (run->swarm, peer);
    }
}

/* What happens in the middle of the look-ups. */
static double
run_events (Run *run, PlEnv *env)
{
  const PlSimOptions *options = run->options;

  if (options->partition <= 0 && options->massacre <= 0)
    return options->duration;
  run_for (run, options->event_at, "looking up");
  pl_load_mark_event (run->load);
  if (options->massacre > 0)
    massacre (run, env);
  if (options->partition > 0)
    {
      pl_vnet_set_cut (pl_swarm_net (run->swarm), in_other_half, run->swarm);
      pl_load_set_halves (run->load, TRUE);
      run_for (run, options->partition, "cut in halves");
      pl_vnet_set_cut (pl_swarm_net (run->swarm), NULL, NULL);
      run->healed = now (run);
      run->steps = 0;
    }
  return MAX (options->duration - options->event_at - options->partition, 0);
}

static void
measure_traffic (Run *run)
{
  pl_load_report_traffic (run->load);
  for (guint i = 0; i < pl_swarm_size (run->swarm); i++)
    {
      const PlSimPeer *peer = pl_swarm_peer (run->swarm, i);
      double seconds = (double) (now (run) - peer->counted) / PL_USEC_PER_SEC;

      if (peer->node && seconds >= 1)
        pl_samples_add (run->result->traffic, peer->bytes / seconds);
    }
}

static void
count_links (Run *run)
{
  guint peers = 0;
  PlSimResult *result = run->result;

  for (guint i = 0; i < pl_swarm_size (run->swarm); i++)
    {
      const PlSimPeer *peer = pl_swarm_peer (run->swarm, i);
      g_autoptr (GPtrArray) links = peer->node ? pl_node_dup_peers (peer->node) : NULL;

      peers += links != NULL;
      for (guint j = 0; links && j < links->len; j++)
        {
          const char *role = ((const PlPeerInfo *) g_ptr_array_index (links, j))->role;

          if (g_str_equal (role, "neighbor"))
            result->links_neighbour++;
          else if (g_str_equal (role, "finger"))
            result->links_finger++;
          else
            result->links_other++;
        }
    }
  result->links_neighbour /= MAX (peers, 1);
  result->links_finger /= MAX (peers, 1);
  result->links_other /= MAX (peers, 1);
}

static void
look_at_tuning (Run *run)
{
  g_autoptr (GArray) sizes = pl_samples_new (), intervals = pl_samples_new ();

  for (guint i = 0; i < pl_swarm_size (run->swarm); i++)
    {
      const PlSimPeer *peer = pl_swarm_peer (run->swarm, i);
      double size;
      gint64 interval;

      if (!peer->node || !pl_node_tuning (peer->node, &size, &interval))
        continue;
      pl_samples_add (sizes, size);
      pl_samples_add (intervals, (double) interval / PL_USEC_PER_SEC);
    }
  run->result->tuned_size = pl_samples_mean (sizes);
  run->result->tuned_interval = pl_samples_mean (intervals);
}

/* Under AddressSanitizer its own allocator counts. */
extern gsize __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));

static gsize
memory_in_use (void)
{
  struct mallinfo2 info = mallinfo2 ();

  if (__sanitizer_get_current_allocated_bytes)
    return __sanitizer_get_current_allocated_bytes ();
  return info.uordblks + info.hblkhd;
}

static double
memory_per_peer (Run *run)
{
  return (double) (memory_in_use () - run->memory) / MAX (pl_swarm_alive (run->swarm), 1);
}

static void
note_liars (Run *run)
{
  g_autoptr (GPtrArray) ring = pl_swarm_dup_ring (run->swarm);

  for (guint i = 0; i < ring->len; i++)
    {
      const PlSimPeer *peer = g_ptr_array_index (ring, i), *before = g_ptr_array_index (ring, (i + ring->len - 1) % ring->len);
      PlNodeId range = pl_node_id_sub (&peer->id, &before->id);

      if (peer->malicious)
        run->result->malicious_share += (range.b[0] * 65536.0 + range.b[1] * 256.0 + range.b[2]) / 16777216 * 100;
    }
}

static void
note_ring (Run *run)
{
  g_autoptr (GArray) places = pl_swarm_dup_places (run->swarm);

  for (guint i = 0; i < places->len; i++)
    {
      const guint8 *b = g_array_index (places, PlNodeId, i).b;

      pl_samples_add (run->result->ring, (b[0] * 65536.0 + b[1] * 256.0 + b[2]) / 16777216);
    }
}

static void
run_all (Run *run)
{
  const PlSimOptions *options = run->options;
  PlEnv *env = pl_universe_env (pl_swarm_universe (run->swarm));
  double rest;

  pl_swarm_grow (run->swarm);
  run_joining (run, now (run) + options->peers / options->join_rate * PL_USEC_PER_SEC + JOIN_TIME_MAX);
  for (guint i = 0; i < pl_swarm_size (run->swarm); i++)
    run->result->joined += pl_sim_peer_is_in (pl_swarm_peer (run->swarm, i));
  pl_swarm_turn (run->swarm);
  run_for (run, options->settle, "settling");
  pl_load_count_traffic (run->load);
  pl_swarm_churn (run->swarm);
  run->result->memory_before = memory_per_peer (run);
  pl_load_start (run->load, options->lookups, options->duration * PL_USEC_PER_SEC);
  rest = run_events (run, env);
  run_for (run, rest / 2, "looking up");
  run->result->memory_halfway = memory_per_peer (run);
  run_for (run, rest / 2, "looking up");
  measure_traffic (run);
  count_links (run);
  look_at_tuning (run);
  if (rest != options->duration)
    {
      pl_load_set_halves (run->load, FALSE);
      pl_load_sweep (run->load, SWEEP_TIME);
      run_for (run, (double) SWEEP_TIME / PL_USEC_PER_SEC, "asking for every owner");
    }
  run_for (run, (double) LAST_WAIT / PL_USEC_PER_SEC, "ending");
  note_ring (run);
  note_liars (run);
}

PlSimResult *
pl_sim_run (const PlSimOptions *options, void (*progress) (double share, const char *what))
{
  gint64 started = g_get_monotonic_time (), cpu = pl_sim_cpu_time ();
  PlSimResult *result = result_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSwarm) swarm = NULL;
  g_autoptr (PlLoad) load = NULL;
  Run run = { options, result, NULL, NULL, progress, 0, 0, memory_in_use () };

  swarm = pl_swarm_new (options, result, &error);
  if (!swarm)
    g_error ("cannot make the overlay: %s", error->message); /* our own keys */
  load = pl_load_new (swarm, options, result);
  run.swarm = swarm;
  run.load = load;
  pl_sim_stub_start (options->stub, charge, swarm);
  run_all (&run);
  result->alive = pl_swarm_alive (swarm);
  result->memory_per_peer = memory_per_peer (&run);
  result->wall_seconds = (double) (g_get_monotonic_time () - started) / PL_USEC_PER_SEC;
  result->cpu_seconds = (double) (pl_sim_cpu_time () - cpu) / PL_USEC_PER_SEC;
  result->events_per_s = pl_universe_events (pl_swarm_universe (swarm)) / MAX (result->wall_seconds, 1e-6);
  pl_sim_stub_start (FALSE, NULL, NULL);
  return result;
}
