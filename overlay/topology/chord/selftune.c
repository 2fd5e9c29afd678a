/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/topology/chord/chord-priv.h"

#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"

#include <math.h>
#include <string.h>

/* Self-tuning (RFC 7363): what chord/tune.c needs to know is gathered here, told in the extension of
 * Updates and their answers, and used for stabilisation and fingers. */

#define DAY_SECONDS 86400.0      /* rates are told in peers a day */
#define RETUNE_EVERY PL_USEC_PER_SEC

static gboolean
is_tuned (const PlChord *chord)
{
  return g_strcmp0 (chord->config.document->topology, PL_TOPOLOGY_SELF_TUNING) == 0;
}

void
pl_chord_tune_joined (PlChord *chord)
{
  chord->losses.n = 0;
  pl_tune_lost (&chord->losses, pl_env_now (chord->config.env));
}

void
pl_chord_tune_lost (PlChord *chord, const PlNodeId *id)
{
  if (chord->state == PL_TOPOLOGY_JOINED && is_tuned (chord) && pl_ring_has (chord->ring, id)
      && pl_chord_needs (chord, id))
    pl_tune_lost (&chord->losses, pl_env_now (chord->config.env));
}

static PlTune
own_estimate (PlChord *chord)
{
  g_autoptr (GArray) ages = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 now = pl_env_now (chord->config.env);
  PlTune tune = { .size = pl_tune_size (chord->ring) };
  GHashTableIter iter;
  gpointer value;
  guint peers = 0;

  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const PlChordLink *link = value;
      gint64 age = now - link->born;

      if (!link->peer)
        continue;
      if (link->has_born)
        g_array_append_val (ages, age);
      peers += pl_chord_needs (chord, &link->id);
    }
  tune.joins = pl_tune_join_rate (ages, tune.size);
  tune.leaves = pl_tune_leave_rate (&chord->losses, peers, tune.size, now);
  return tune;
}

/* Ours and what others told of late. */
static void
retune (PlChord *chord)
{
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (PlTune));
  PlTune own = own_estimate (chord);
  gint64 now = pl_env_now (chord->config.env);
  gint64 old = 2 * MAX (chord->config.document->chord_update_interval, 1) * PL_USEC_PER_SEC;
  GHashTableIter iter;
  gpointer value;

  g_array_append_val (values, own);
  g_hash_table_iter_init (&iter, chord->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const PlChordLink *link = value;

      if (link->peer && link->tune_at && now - link->tune_at < old)
        g_array_append_val (values, link->tune);
    }
  chord->tune = pl_tune_merge (values);
  chord->tuned_at = now;
}

static void
retune_now_and_then (PlChord *chord)
{
  if (chord->tuned_at == 0 || pl_env_now (chord->config.env) - chord->tuned_at >= RETUNE_EVERY)
    retune (chord);
}

gint64
pl_chord_stabilise_interval (PlChord *chord)
{
  gint64 configured = MAX (chord->config.document->chord_update_interval, 1) * PL_USEC_PER_SEC;

  if (!is_tuned (chord))
    return configured;
  retune_now_and_then (chord);
  return pl_tune_interval (&chord->tune, configured);
}

guint
pl_chord_finger_table_size (PlChord *chord)
{
  if (chord->config.fingers)
    return MIN (chord->config.fingers, PL_CHORD_FINGERS_MAX);
  return is_tuned (chord) ? pl_tune_fingers (&chord->tune, PL_CHORD_FINGERS, PL_CHORD_FINGERS_MAX) : PL_CHORD_FINGERS;
}

static guint32
told (double value)
{
  return (guint32) CLAMP (round (value), 0, (double) G_MAXUINT32);
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

  if (!is_tuned (chord) || chord->state != PL_TOPOLOGY_JOINED)
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

  if (!extension || !link || !is_tuned (chord))
    return;
  pl_reader_init_bytes (&reader, extension->extension_contents);
  pl_self_tuning_data_read (&reader, &data);
  if (pl_reader_finish (&reader) != PL_WIRE_OK)
    return;
  link->tune = (PlTune) { MAX (data.network_size, 1), data.join_rate / DAY_SECONDS, data.leave_rate / DAY_SECONDS };
  link->tune_at = pl_env_now (chord->config.env);
  pl_chord_stabilise_sooner (chord);
}

gboolean
pl_chord_tuning (PlTopology *topology, PlTopologyTuning *out)
{
  PlChord *chord = (PlChord *) topology;

  if (!is_tuned (chord) || chord->state != PL_TOPOLOGY_JOINED)
    return FALSE;
  out->interval = pl_chord_stabilise_interval (chord);
  out->size = chord->tune.size;
  return TRUE;
}
