/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/identity.h"
#include "overlay/malice.h"
#include "proxy/sim/keys.h"
#include "proxy/sim/sim.h"
#include "proxy/sim/stub.h"

#define USAGE 2
#define MEASURED_TIMES 2000
#define MEASURED_BYTES 500

static PlSimOptions options = {
  .peers = 100, .lookups = 1000, .bootstraps = 0, .places = PL_REGISTRATION_PLACES, .seed = 1, .duration = 60, .settle = 60, .join_rate = 0,
  .delay_min = -1, .delay_max = -1, .promote_after = -1, .symmetric = 100, .event_at = 30,
};
static char *delay, *churn, *malice;
static gboolean version, measure;

static const GOptionEntry entries[] = {
  { "peers", 0, 0, G_OPTION_ARG_INT, &options.peers, "peers in the overlay (100)", "N" },
  { "lookups", 0, 0, G_OPTION_ARG_INT, &options.lookups, "look-ups in all (1000)", "M" },
  { "duration", 0, 0, G_OPTION_ARG_DOUBLE, &options.duration, "virtual time they take, after joining (60)", "SECONDS" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "the same seed gives the same result (1)", "S" },
  { "join-rate", 0, 0, G_OPTION_ARG_DOUBLE, &options.join_rate, "peers that start each second (N / 300, at least 2)", "R" },
  { "settle", 0, 0, G_OPTION_ARG_DOUBLE, &options.settle, "rest between joining and look-ups (60)", "SECONDS" },
  { "bootstraps", 0, 0, G_OPTION_ARG_INT, &options.bootstraps, "bootstrap nodes, which never go (1, or 4 from 64 peers on)", "N" },
  { "median-session", 0, 0, G_OPTION_ARG_DOUBLE, &options.median_session, "peers come and go: median of their sessions", "SECONDS" },
  { "churn", 0, 0, G_OPTION_ARG_STRING, &churn, "distribution of sessions: exponential (default) or pareto", "MODEL" },
  { "goodbye", 0, 0, G_OPTION_ARG_DOUBLE, &options.goodbye, "share that leaves in good order, not without a word (0)", "PERCENT" },
  { "promote-after", 0, 0, G_OPTION_ARG_DOUBLE, &options.promote_after, "start as clients and become peers after this time", "SECONDS" },
  { "loss", 0, 0, G_OPTION_ARG_DOUBLE, &options.loss, "records lost (0)", "PERCENT" },
  { "duplicate", 0, 0, G_OPTION_ARG_DOUBLE, &options.duplicate, "records that come twice (0)", "PERCENT" },
  { "reorder", 0, 0, G_OPTION_ARG_DOUBLE, &options.reorder, "records held back up to 50 ms (0)", "PERCENT" },
  { "delay", 0, 0, G_OPTION_ARG_STRING, &delay, "one-way delay, uniform (10-40)", "MIN-MAX" },
  { "places", 0, 0, G_OPTION_ARG_INT, &options.places, "places that keep each registration (3, as in overlays made here)", "K" },
  { "strict-hops", 0, 0, G_OPTION_ARG_NONE, &options.strict_hops, "next hops by RFC 6940 10.3 to the letter", NULL },
  { "direct-response", 0, 0, G_OPTION_ARG_NONE, &options.direct, "all listen, and answers go straight to who asked (RFC 7263)", NULL },
  { "finger-split", 0, 0, G_OPTION_ARG_INT, &options.finger_split, "larger routing tables: 2^B fingers for each of RFC 6940, B from 0 to 3 (0)", "B" },
  { "silent", 0, 0, G_OPTION_ARG_DOUBLE, &options.silent, "peers that forward and answer nothing (0)", "PERCENT" },
  { "malicious", 0, 0, G_OPTION_ARG_DOUBLE, &options.malicious, "peers that lie, from the end of joining on (0)", "PERCENT" },
  { "malice", 0, 0, G_OPTION_ARG_STRING, &malice, "  how: drop (forward and answer nothing), deny (claim, and say \"not found\") or route (to one another)", "HOW" },
  { "natted", 0, 0, G_OPTION_ARG_DOUBLE, &options.natted, "peers behind a NAT (0)", "PERCENT" },
  { "symmetric", 0, 0, G_OPTION_ARG_DOUBLE, &options.symmetric, "  of these behind a symmetric one (100)", "PERCENT" },
  { "partition", 0, 0, G_OPTION_ARG_DOUBLE, &options.partition, "cut half of the peers off for so long", "SECONDS" },
  { "massacre", 0, 0, G_OPTION_ARG_DOUBLE, &options.massacre, "peers that die at the same instant", "PERCENT" },
  { "event-at", 0, 0, G_OPTION_ARG_DOUBLE, &options.event_at, "when the partition or massacre comes (30)", "SECONDS" },
  { "self-tuning", 0, 0, G_OPTION_ARG_NONE, &options.self_tuning, "peers tune stabilisation by what they see (RFC 7363)", NULL },
  { "stub-signatures", 0, 0, G_OPTION_ARG_NONE, &options.stub, "digests instead of signatures; the same virtual time", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "print JSON", NULL },
  { "plot", 0, 0, G_OPTION_ARG_FILENAME, &options.plot, "draw the ring and the distributions", "FILE.svg" },
  { "measure-signatures", 0, 0, G_OPTION_ARG_NONE, &measure, "print what a signature costs on this machine", NULL },
  { "version", 0, 0, G_OPTION_ARG_NONE, &version, "print the version", NULL },
  { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* --- options --- */

static gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
refuse (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, text);
  return FALSE;
}

static gboolean
check_percents (GError **error)
{
  const struct { const char *name; double value; } percents[] = {
    { "--loss", options.loss }, { "--duplicate", options.duplicate }, { "--reorder", options.reorder },
    { "--silent", options.silent }, { "--malicious", options.malicious }, { "--goodbye", options.goodbye }, { "--natted", options.natted },
    { "--symmetric", options.symmetric }, { "--massacre", options.massacre },
  };

  for (guint i = 0; i < G_N_ELEMENTS (percents); i++)
    if (!(percents[i].value >= 0 && percents[i].value <= 100))
      return refuse (error, "%s is a share from 0 to 100 percent", percents[i].name);
  return TRUE;
}

static gboolean
check_times (GError **error)
{
  const struct { const char *name; double value; } times[] = {
    { "--duration", options.duration }, { "--settle", options.settle }, { "--median-session", options.median_session },
    { "--partition", options.partition }, { "--event-at", options.event_at }, { "--join-rate", options.join_rate },
  };

  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    if (!(times[i].value >= 0 && times[i].value <= 1e7))
      return refuse (error, "%s is a number from 0 to ten million", times[i].name);
  if (!(options.promote_after >= -1 && options.promote_after <= 1e7))
    return refuse (error, "%s is a number from 0 to ten million", "--promote-after");
  return TRUE;
}

static gboolean
check_delay (GError **error)
{
  char *end = delay;

  options.delay_min = 10;
  options.delay_max = 40;
  if (!delay)
    return TRUE;
  options.delay_min = options.delay_max = g_ascii_strtod (delay, &end);
  if (end != delay && *end == '-')
    {
      const char *second = end + 1;

      options.delay_max = g_ascii_strtod (second, &end);
      if (end == second)
        end = delay;
    }
  if (end == delay || *end || !(options.delay_min >= 0 && options.delay_min <= options.delay_max && options.delay_max <= 10000))
    return refuse (error, "--delay %s: give milliseconds as 20 or 10-40, at most 10000", delay);
  return TRUE;
}

static gboolean
check_options (int argc, char **argv, GError **error)
{
  if (argc > 1)
    return refuse (error, "what is \"%s\"? All options start with --", argv[1]);
  if (options.peers < 1 || options.peers > PL_SIM_PEERS_MAX)
    return refuse (error, "%s is a number from 1 to 1000000", "--peers");
  if (options.lookups < 0 || options.lookups > 100000000)
    return refuse (error, "%s is a number from 0 to 100000000", "--lookups");
  if (options.bootstraps < 0 || options.bootstraps > options.peers || options.bootstraps > 64)
    return refuse (error, "%s is a number up to that of peers, at most 64", "--bootstraps");
  if (churn && !g_str_equal (churn, "exponential") && !g_str_equal (churn, "pareto"))
    return refuse (error, "--churn %s: it is exponential or pareto", churn);
  options.malice = malice ? pl_malice_parse (malice) : PL_MALICE_DROP;
  if (options.malice == PL_MALICE_NONE)
    return refuse (error, "--malice %s: it is drop, deny or route", malice);
  options.pareto = churn && g_str_equal (churn, "pareto");
  if (options.places < 1 || options.places > PL_REGISTRATION_PLACES_MAX)
    return refuse (error, "%s is a number from 1 to 8", "--places");
  if (options.finger_split < 0 || options.finger_split > 3)
    return refuse (error, "%s is a number from 0 to 3", "--finger-split");
  if (options.bootstraps == 0)
    options.bootstraps = options.peers < 64 ? 1 : 4;
  if (options.join_rate == 0)
    options.join_rate = MAX (options.peers / 300.0, 2);
  return check_percents (error) && check_times (error) && check_delay (error);
}

/* --- a person waits --- */

static void
show_progress (double share, const char *what)
{
  static int last = -1;
  int percent = CLAMP (share, 0, 1) * 100;

  if (percent == last || !isatty (STDERR_FILENO))
    return;
  last = percent;
  fprintf (stderr, "\r%-24s [%-50.*s] %3d %%", what, percent / 2, "##################################################", percent);
  fflush (stderr);
}

static void
clear_progress (void)
{
  if (isatty (STDERR_FILENO))
    fprintf (stderr, "\r%-90s\r", "");
}

static int
print_cost (void)
{
  g_autoptr (GError) error = NULL;
  double sign = 0, verify = 0;

  if (!pl_sim_measure (MEASURED_TIMES, MEASURED_BYTES, &sign, &verify))
    return 1;
  printf ("sign %.0f us, verify %.0f us (charged: %d and %d)\n", sign, verify, PL_SIM_SIGN_USEC, PL_SIM_VERIFY_USEC);
  return 0;
}

static gboolean
write_plot (PlSimResult *result)
{
  g_autofree char *svg = pl_sim_dup_svg (&options, result);
  g_autoptr (GError) error = NULL;

  if (g_file_set_contents (options.plot, svg, -1, &error))
    return TRUE;
  fprintf (stderr, "peerline-sim: cannot write the plot: %s\n", error->message);
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSimResult) result = NULL;
  g_autofree char *text = NULL;

  g_option_context_set_summary (context, "Simulates an overlay of whole peers in virtual time.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || !check_options (argc, argv, &error))
    {
      fprintf (stderr, "peerline-sim: %s\n", error->message);
      return USAGE;
    }
  if (version)
    return printf ("peerline-sim %s\n", PACKAGE_VERSION) < 0;
  pl_ident_init ();
  if (measure)
    return print_cost ();
  pl_log_set_level (g_getenv ("PEERLINE_SIM_LOG") ? PL_LOG_INFO : PL_LOG_WARNING);
  result = pl_sim_run (&options, show_progress);
  clear_progress ();
  text = options.json ? pl_sim_dup_json (&options, result) : pl_sim_dup_table (&options, result);
  fputs (text, stdout);
  return options.plot && !write_plot (result) ? 1 : 0;
}
