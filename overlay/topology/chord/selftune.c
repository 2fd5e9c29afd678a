/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "overlay/wire/body.h"
#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"

#include <math.h>
#include <string.h>

/* Self-tuning (RFC 7363): what chord/tune.c needs to know is gathered here, told in the extension of
 * Probes and their answers, and used for stabilisation, neighbours and fingers. */

#define DAY_SECONDS 86400.0      /* rates are told in peers a day */
#define LOOK_EVERY PL_USEC_PER_SEC

gboolean
pl_chord_is_tuned (const PlChord *chord)
{
  return g_strcmp0 (chord->config.document->topology, PL_TOPOLOGY_SELF_TUNING) == 0;
}

/* Peers of the routing table; the ages of those who told theirs. */
static guint
count_table (PlChord *chord, GArray *ages)
{
  gint64 now = pl_env_now (chord->config.env);
  GHashTableIter iter;
  gpointer value;
  guint peers = 0;

  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const PlChordLink *link = value;
      gint64 age = link->tuning ? now - link->tuning->born : 0;

      if (!link->peer)
        continue;
      if (link->tuning && link->tuning->has_born && ages)
        g_array_append_val (ages, age);
      peers += pl_chord_needs (chord, &link->id);
    }
  return peers;
}

static PlChordTold *
told_by (PlChordLink *link)
{
  if (!link->tuning)
    link->tuning = g_new0 (PlChordTold, 1);
  return link->tuning;
}

void
pl_chord_tune_uptime (PlChord *chord, PlChordLink *link, guint32 uptime)
{
  if (!pl_chord_is_tuned (chord))
    return;
  told_by (link)->has_born = TRUE;
  link->tuning->born = pl_env_now (chord->config.env) - uptime * PL_USEC_PER_SEC;
}

void
pl_chord_tune_joined (PlChord *chord)
{
  g_clear_pointer (&chord->losses, g_free);
  chord->tune = (PlTune) { 0 };
  if (!pl_chord_is_tuned (chord))
    return;
  chord->losses = g_new0 (PlTuneLosses, 1);
  pl_tune_lost (chord->losses, 0, pl_env_now (chord->config.env));
}

void
pl_chord_tune_lost (PlChord *chord, const PlNodeId *id)
{
  if (chord->state == PL_TOPOLOGY_JOINED && chord->losses && pl_ring_has (chord->ring, id)
      && pl_chord_needs (chord, id))
    pl_tune_lost (chord->losses, count_table (chord, NULL), pl_env_now (chord->config.env));
}

/* `id` says that `before` is its predecessor. */
static gboolean
follows (PlChord *chord, const PlNodeId *before, const PlNodeId *id)
{
  PlChordLink *link = before && id ? pl_chord_link (chord, id) : NULL;

  return link && link->has_before && pl_node_id_equal (&link->before, before);
}

/* How many peers of either side follow each other without a gap: those farther away may be fingers. */
static guint
settled (PlChord *chord)
{
  guint i = PL_RING_NEIGHBOURS;

  while (i < pl_ring_breadth (chord->ring)
         && follows (chord, pl_ring_successor (chord->ring, i - 1), pl_ring_successor (chord->ring, i))
         && follows (chord, pl_ring_predecessor (chord->ring, i), pl_ring_predecessor (chord->ring, i - 1)))
    i++;
  return i;
}

static PlTune
own_estimate (PlChord *chord)
{
  g_autoptr (GArray) ages = g_array_new (FALSE, FALSE, sizeof (gint64));
  PlTune tune = { .size = pl_tune_size (chord->ring, settled (chord)) };
  guint peers = count_table (chord, ages);

  tune.joins = pl_tune_join_rate (ages, tune.size);
  if (chord->losses)
    tune.leaves = pl_tune_leave_rate (chord->losses, peers, tune.size, pl_env_now (chord->config.env));
  return tune;
}

/* Ours and what others told since the interval began. */
static PlTune
merged (PlChord *chord)
{
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (PlTune));
  PlTune own = own_estimate (chord);
  GHashTableIter iter;
  gpointer value;

  g_array_append_val (values, own);
  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const PlChordLink *link = value;

      if (link->peer && link->tuning && link->tuning->has_tune)
        g_array_append_val (values, link->tuning->tune);
    }
  return pl_tune_merge (values);
}

/* What was told counts once (6.5). */
static void
retune (PlChord *chord)
{
  GHashTableIter iter;
  gpointer value;

  chord->tune = merged (chord);
  pl_ring_set_breadth (chord->ring, (guint) ceil (log2 (chord->tune.size)));
  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((PlChordLink *) value)->tuning)
      ((PlChordLink *) value)->tuning->has_tune = FALSE;
}

static gint64
configured_interval (const PlChord *chord)
{
  return MAX (chord->config.document->chord_update_interval, 1) * PL_USEC_PER_SEC;
}

void
pl_chord_tune_look (PlChord *chord)
{
  gint64 now = pl_env_now (chord->config.env);
  PlTune tune;

  if (!pl_chord_is_tuned (chord) || !chord->stabilise_timer || now - chord->looked_at < LOOK_EVERY)
    return;
  chord->looked_at = now;
  tune = merged (chord);
  if (chord->stabilise_at - now <= pl_tune_interval (&tune, configured_interval (chord)) * 5 / 4)
    return;
  retune (chord);
  pl_chord_stabilise_start (chord);
}

static void
on_probe_answer (gpointer data, guint16 error_code, const PlNodeId *signer, GBytes *body)
{
  PlChord *chord = data;
  PlChordLink *link = error_code ? NULL : pl_chord_link (chord, signer);
  g_auto (PlProbeAns) answer = { 0 };

  if (!link || pl_body_read (pl_body_type (PL_MESSAGE_PROBE_ANS), body, NULL, NULL, &answer) != PL_WIRE_OK)
    return;
  for (guint i = 0; i < answer.probe_info->len; i++)
    {
      const PlProbeInformation *info = &g_array_index (answer.probe_info, PlProbeInformation, i);

      if (info->type != PL_PROBE_UPTIME)
        continue;
      pl_chord_tune_uptime (chord, link, info->value);
    }
}

void
pl_chord_tune_probe (PlChord *chord, const PlNodeId *id)
{
  guint8 uptime = PL_PROBE_UPTIME;
  g_auto (PlProbeReq) probe = { 0 };
  g_autoptr (GBytes) body = NULL;

  if (!pl_chord_is_tuned (chord))
    return;
  probe.requested_info = g_array_new (FALSE, FALSE, 1);
  g_array_append_val (probe.requested_info, uptime);
  body = pl_body_write (pl_body_type (PL_MESSAGE_PROBE_REQ), &probe);
  pl_chord_send (chord, id, PL_MESSAGE_PROBE_REQ, body, on_probe_answer);
}

/* Some fingers, not neighbours, who err as we do (6.5). */
static void
ask_fingers (PlChord *chord)
{
  g_autoptr (GArray) fingers = pl_chord_dup_fingers (chord);

  for (guint n = chord->config.document->peers_to_probe; n > 0 && fingers->len > 0; n--)
    {
      guint i = pl_env_random_below (chord->config.env, fingers->len);

      pl_chord_tune_probe (chord, &g_array_index (fingers, PlNodeId, i));
      g_array_remove_index_fast (fingers, i);
    }
}

void
pl_chord_tune (PlChord *chord)
{
  retune (chord);
  ask_fingers (chord);
  pl_chord_candidates_run (chord); /* there may be room for more neighbours */
}

gint64
pl_chord_stabilise_interval (PlChord *chord)
{
  if (!pl_chord_is_tuned (chord))
    return configured_interval (chord);
  if (chord->tune.size < 1)
    retune (chord);
  return pl_tune_interval (&chord->tune, configured_interval (chord));
}

guint
pl_chord_finger_table_size (PlChord *chord)
{
  if (chord->config.fingers)
    return MIN (chord->config.fingers, PL_CHORD_FINGERS_MAX);
  return pl_chord_is_tuned (chord) ? pl_tune_fingers (&chord->tune, PL_CHORD_FINGERS, PL_CHORD_FINGERS_MAX) : PL_CHORD_FINGERS;
}

static guint32
told (double value)
{
  return (guint32) CLAMP (ceil (value), 0, (double) G_MAXUINT32);
}

static GBytes *
own_data (PlChord *chord)
{
  PlTune own = own_estimate (chord);
  PlSelfTuningData data = { told (own.size), told (own.joins * DAY_SECONDS), told (own.leaves * DAY_SECONDS) };
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_self_tuning_data_write (&writer, &data);
  return pl_writer_finish (&writer);
}

GArray *
pl_chord_dup_extensions (PlTopology *topology)
{
  PlChord *chord = (PlChord *) topology;
  g_autoptr (GBytes) data = NULL;
  GArray *list;

  if (!pl_chord_is_tuned (chord) || chord->state != PL_TOPOLOGY_JOINED)
    return NULL;
  data = own_data (chord);
  list = pl_message_extension_list_new ();
  pl_message_extension_list_add (list, PL_EXTENSION_SELF_TUNING, data);
  return list;
}

void
pl_chord_on_extensions (PlTopology *topology, const PlNodeId *signer, GArray *extensions)
{
  PlChord *chord = (PlChord *) topology;
  const PlMessageExtension *extension = pl_message_extension_list_find (extensions, PL_EXTENSION_SELF_TUNING);
  PlChordLink *link = pl_chord_link (chord, signer);
  PlSelfTuningData data;
  PlReader reader;

  if (!extension || !link || !pl_chord_is_tuned (chord))
    return;
  pl_reader_init_bytes (&reader, extension->extension_contents);
  pl_self_tuning_data_read (&reader, &data);
  if (pl_reader_finish (&reader) != PL_WIRE_OK)
    return;
  told_by (link)->tune = (PlTune) { MAX (data.network_size, 1), data.join_rate / DAY_SECONDS, data.leave_rate / DAY_SECONDS };
  link->tuning->has_tune = TRUE;
  pl_chord_tune_look (chord);
}

gboolean
pl_chord_tuning (PlTopology *topology, PlTopologyTuning *out)
{
  PlChord *chord = (PlChord *) topology;

  if (!pl_chord_is_tuned (chord) || chord->state != PL_TOPOLOGY_JOINED)
    return FALSE;
  out->interval = pl_chord_stabilise_interval (chord);
  out->size = chord->tune.size;
  return TRUE;
}
