/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/sim/sim.h"

#include <math.h>

/* One SVG: the ring with its peers, and the distributions beside it. */

#define DOTS_MAX 720
#define BARS_MAX 24
#define PLOT_WIDTH 260
#define PLOT_HEIGHT 120

static void
number (GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (text, g_ascii_formatd (buffer, sizeof buffer, "%.1f", value));
}

static void
attribute (GString *text, const char *name, double value)
{
  g_string_append_printf (text, " %s=\"", name);
  number (text, value);
  g_string_append_c (text, '"');
}

static void
label (GString *text, double x, double y, const char *words, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (text, "<text");
  attribute (text, "x", x);
  attribute (text, "y", y);
  g_string_append_printf (text, ">%s%s</text>\n", words, g_ascii_formatd (buffer, sizeof buffer, "%.4g", value));
}

/* At most DOTS_MAX marks: of so many peers that they can't be told apart the first of each place. */
static void
draw_ring (GString *text, const GArray *ring)
{
  gboolean taken[DOTS_MAX] = { FALSE };

  g_string_append (text, "<circle cx=\"160\" cy=\"160\" r=\"140\" fill=\"none\" stroke=\"#ccc\"/>\n");
  for (guint i = 0; i < ring->len; i++)
    {
      double place = g_array_index (ring, double, i), angle = 2 * G_PI * place - G_PI / 2;
      guint dot = MIN ((guint) (place * DOTS_MAX), DOTS_MAX - 1);

      if (taken[dot])
        continue;
      taken[dot] = TRUE;
      g_string_append (text, "<circle");
      attribute (text, "cx", 160 + 140 * cos (angle));
      attribute (text, "cy", 160 + 140 * sin (angle));
      g_string_append (text, " r=\"2\"/>\n");
    }
  g_string_append_printf (text, "<text x=\"160\" y=\"164\" text-anchor=\"middle\">%u peers</text>\n", ring->len);
}

static void
draw_bars (GString *text, double x, double y, PlSamples *samples, const char *title)
{
  double top = pl_samples_percentile (samples, 99.9), low = pl_samples_percentile (samples, 0);
  guint counts[BARS_MAX] = { 0 }, most = 1, bars = BARS_MAX;
  double step = (top - low) / bars;

  if (samples->len == 0)
    return;
  if (step <= 0)
    step = 1;
  for (guint i = 0; i < samples->len; i++)
    {
      guint bar = MIN ((guint) ((g_array_index (samples, double, i) - low) / step), bars - 1);

      most = MAX (most, ++counts[bar]);
    }
  for (guint i = 0; i < bars; i++)
    {
      double height = (double) counts[i] / most * PLOT_HEIGHT;

      if (counts[i] == 0)
        continue;
      g_string_append (text, "<rect");
      attribute (text, "x", x + (double) i * PLOT_WIDTH / bars);
      attribute (text, "y", y + PLOT_HEIGHT - height);
      attribute (text, "width", (double) PLOT_WIDTH / bars - 1);
      attribute (text, "height", height);
      g_string_append (text, "/>\n");
    }
  g_string_append_printf (text, "<text x=\"%.0f\" y=\"%.0f\">%s</text>\n", x, y - 6, title);
  label (text, x, y + PLOT_HEIGHT + 14, "", low);
  label (text, x + PLOT_WIDTH - 60, y + PLOT_HEIGHT + 14, "99.9 %: ", top);
}

char *
pl_sim_dup_svg (const PlSimOptions *options, PlSimResult *result)
{
  GString *text = g_string_new ("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"340\" "
                                "font-family=\"sans-serif\" font-size=\"12\" fill=\"#246\">\n");

  draw_ring (text, result->ring);
  draw_bars (text, 350, 30, result->hops, "hops of a look-up");
  draw_bars (text, 350, 190, result->lookups.delays, "delay of a look-up, s");
  draw_bars (text, 660, 30, result->joins, "joining, s");
  draw_bars (text, 660, 190, result->traffic, "bytes sent a second");
  g_string_append_printf (text, "<text x=\"8\" y=\"332\">peerline-sim --peers %d --seed %" G_GINT64_FORMAT "</text>\n</svg>\n",
                          options->peers, options->seed);
  return g_string_free (text, FALSE);
}
