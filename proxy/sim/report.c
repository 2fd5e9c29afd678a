/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/sim.h"

#include <string.h>

typedef enum { COUNT, SHARE, FIXED3, FIXED1 } Form;

typedef struct { const char *key, *words; Form form; double value; } Line;

static double
share (guint part, guint whole)
{
  return whole ? (double) part / whole : 1;
}

static void
add (GArray *lines, const char *key, const char *words, Form form, double value)
{
  Line line = { key, words, form, value };

  g_array_append_val (lines, line);
}

static void
add_event (GArray *lines, const PlSimOptions *options, PlSimResult *result)
{
  if (options->partition <= 0 && options->massacre <= 0)
    return;
  add (lines, "event_lookups", "look-ups in the 10 s after the event", COUNT, result->event.asked);
  add (lines, "event_success", "  of them right", SHARE, share (result->event.right, result->event.asked));
  add (lines, "event_delay_p99", "  99th percentile of their delay, s", FIXED3, pl_samples_percentile (result->event.delays, 99));
  if (options->partition > 0)
    add (lines, "healed_seconds", "from the healing to one ring, s (-1: never)", FIXED1, result->healed_seconds);
  add (lines, "owners", "owners looked up at the end", COUNT, result->owners);
  add (lines, "owners_found", "  of them found", COUNT, result->owners_found);
}

static GArray *
dup_kinds (const PlSimResult *result)
{
  static const struct { const char *bytes, *words, *records; } names[PL_SIM_KINDS] = {
    [PL_SIM_UPDATE] = { "update_bytes", "  Updates", "update_records" },
    [PL_SIM_PING] = { "ping_bytes", "  Pings", "ping_records" },
    [PL_SIM_ATTACH] = { "attach_bytes", "  Attaches", "attach_records" },
    [PL_SIM_JOIN] = { "join_bytes", "  Joins and Leaves", "join_records" },
    [PL_SIM_STORE] = { "store_bytes", "  Stores: registrations and their copies", "store_records" },
    [PL_SIM_FETCH] = { "fetch_bytes", "  Fetches: look-ups", "fetch_records" },
    [PL_SIM_OTHER] = { "other_bytes", "  other messages", "other_records" },
    [PL_SIM_LINK] = { "link_bytes", "  acknowledgements and keep-alives", "link_records" },
  };
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (Line));

  for (guint i = 0; i < PL_SIM_KINDS; i++)
    {
      add (lines, names[i].bytes, names[i].words, FIXED1, result->by_kind[i].bytes);
      add (lines, names[i].records, "    in records", FIXED3, result->by_kind[i].records);
    }
  return lines;
}

static GArray *
dup_lines (const PlSimOptions *options, PlSimResult *result)
{
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (Line));

  add (lines, "peers", "peers", COUNT, options->peers);
  add (lines, "joined", "in the overlay after joining", COUNT, result->joined);
  add (lines, "alive", "alive at the end", COUNT, result->alive);
  add (lines, "births", "births", COUNT, result->births);
  add (lines, "deaths", "deaths", COUNT, result->deaths);
  add (lines, "stable_seconds", "from the first start to a stable ring, s (-1: never)", FIXED1, result->stable_seconds);
  add (lines, "join_seconds_mean", "joining, mean, s", FIXED3, pl_samples_mean (result->joins));
  add (lines, "join_seconds_p95", "joining, 95th percentile, s", FIXED3, pl_samples_percentile (result->joins, 95));
  add (lines, "lookups", "look-ups", COUNT, result->lookups.asked);
  add (lines, "lookup_success", "  right", SHARE, share (result->lookups.right, result->lookups.asked));
  add (lines, "wrong_node", "  wrong: another node than the owner", COUNT, result->wrong_node);
  add (lines, "wrong_failed", "  wrong: no answer", COUNT, result->wrong_failed);
  add (lines, "wrong_offline", "  wrong: said to be offline", COUNT, result->wrong_offline);
  add (lines, "wrong_unknown", "  wrong: said to be unknown", COUNT, result->wrong_unknown);
  if (options->malicious > 0)
    {
      add (lines, "hidden", "  look-ups whose every place is kept by a liar", COUNT, result->hidden);
      add (lines, "malicious_share", "part of the ring that liars keep, %", FIXED1, result->malicious_share);
    }
  add (lines, "delay_median", "delay, median, s", FIXED3, pl_samples_percentile (result->lookups.delays, 50));
  add (lines, "delay_p95", "delay, 95th percentile, s", FIXED3, pl_samples_percentile (result->lookups.delays, 95));
  add (lines, "delay_p99", "delay, 99th percentile, s", FIXED3, pl_samples_percentile (result->lookups.delays, 99));
  add (lines, "hops_mean", "hops, mean", FIXED3, pl_samples_mean (result->hops));
  add (lines, "hops_p99", "hops, 99th percentile", COUNT, pl_samples_percentile (result->hops, 99));
  if (result->ideal->len > 0)
    {
      add (lines, "ideal_hops_mean", "hops in an ideal ring, mean", FIXED3, pl_samples_mean (result->ideal));
      add (lines, "ideal_hops_p99", "hops in an ideal ring, 99th percentile", COUNT, pl_samples_percentile (result->ideal, 99));
    }
  add (lines, "bytes_per_peer_per_s", "bytes each peer sends a second", FIXED1, result->bytes_per_peer_per_s);
  add (lines, "maintenance_bytes_per_peer_per_s", "  without Fetches", FIXED1, result->maintenance_bytes);
  add (lines, "links_neighbour", "links of a peer, to neighbours", FIXED1, result->links_neighbour);
  add (lines, "links_finger", "  to fingers of its own", FIXED1, result->links_finger);
  add (lines, "links_other", "  others", FIXED1, result->links_other);
  if (options->self_tuning)
    {
      add (lines, "tuned_size_mean", "peers that a peer thinks there are, mean", FIXED1, result->tuned_size);
      add (lines, "tuned_interval_mean", "seconds between its stabilisations, mean", FIXED1, result->tuned_interval);
    }
  add_event (lines, options, result);
  return lines;
}

static GArray *
dup_measured (const PlSimResult *result)
{
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (Line));

  add (lines, "memory_per_peer", "memory of each peer, bytes", COUNT, result->memory_per_peer);
  add (lines, "memory_per_peer_before", "  when look-ups began", COUNT, result->memory_before);
  add (lines, "memory_per_peer_halfway", "  halfway between", COUNT, result->memory_halfway);
  add (lines, "wall_seconds", "real time, s", FIXED1, result->wall_seconds);
  add (lines, "cpu_seconds", "time of the processor, s", FIXED1, result->cpu_seconds);
  add (lines, "events_per_s", "events a second of real time", COUNT, result->events_per_s);
  return lines;
}

static char *
dup_value (const Line *line)
{
  static const char *const formats[] = { "%.0f", "%.6f", "%.3f", "%.1f" };
  char buffer[G_ASCII_DTOSTR_BUF_SIZE + 300];

  return g_strdup (g_ascii_formatd (buffer, sizeof buffer, formats[line->form], line->value));
}

static void
write_json (GString *text, const GArray *lines, const char *indent)
{
  for (guint i = 0; i < lines->len; i++)
    {
      const Line *line = &g_array_index (lines, Line, i);
      g_autofree char *value = dup_value (line);

      g_string_append_printf (text, "%s\"%s\": %s,\n", indent, line->key, value);
    }
}

static void
write_object (GString *text, const char *key, const GArray *lines)
{
  g_string_append_printf (text, "  \"%s\": {\n", key);
  write_json (text, lines, "    ");
  g_string_truncate (text, text->len - 2);
  g_string_append (text, "\n  }");
}

char *
pl_sim_dup_json (const PlSimOptions *options, PlSimResult *result)
{
  g_autoptr (GArray) lines = dup_lines (options, result);
  g_autoptr (GArray) kinds = dup_kinds (result);
  g_autoptr (GArray) measured = dup_measured (result);
  GString *text = g_string_new ("{\n");

  g_string_append_printf (text, "  \"seed\": %" G_GINT64_FORMAT ",\n  \"signatures\": \"%s\",\n", options->seed,
                          options->stub ? "stubbed" : "real");
  write_json (text, lines, "  ");
  write_object (text, "by_kind", kinds);
  g_string_append (text, ",\n");
  write_object (text, "measured", measured);
  g_string_append (text, "\n}\n");
  return g_string_free (text, FALSE);
}

static void
write_table (GString *text, const GArray *lines)
{
  for (guint i = 0; i < lines->len; i++)
    {
      const Line *line = &g_array_index (lines, Line, i);
      g_autofree char *value = dup_value (line);

      g_string_append_printf (text, "%-54s %14s\n", line->words, value);
    }
}

char *
pl_sim_dup_table (const PlSimOptions *options, PlSimResult *result)
{
  g_autoptr (GArray) lines = dup_lines (options, result);
  g_autoptr (GArray) kinds = dup_kinds (result);
  g_autoptr (GArray) measured = dup_measured (result);
  GString *text = g_string_new (NULL);

  write_table (text, lines);
  g_string_append (text, "bytes each peer sends a second, by kind:\n");
  write_table (text, kinds);
  g_string_append (text, "measured on this machine:\n");
  write_table (text, measured);
  return g_string_free (text, FALSE);
}
