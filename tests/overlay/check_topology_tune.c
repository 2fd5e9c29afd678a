/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * RFC 7363: the estimates, and how they are told.
 */
#include "config.h"

#include "overlay/topology/chord/tune.h"

#include "overlay/wire/routing.h"
#include "tests/support/test.h"

#define SEC ((gint64) G_USEC_PER_SEC)

/* Place `i` of `n` evenly on the ring. */
static PlNodeId
place (guint i, guint n)
{
  PlNodeId id = { { 0 } };
  guint64 top = (guint64) i * (G_MAXUINT64 / n);

  for (guint k = 0; k < 8; k++)
    id.b[k] = top >> (56 - 8 * k);
  return id;
}

START_TEST (size_is_exact_while_everybody_is_a_neighbour)
{
  for (guint n = 1; n <= 7; n++)
    {
      PlNodeId self = place (0, n);
      g_autoptr (PlRing) ring = pl_ring_new (&self);

      for (guint i = 1; i < n; i++)
        {
          PlNodeId id = place (i, n);

          pl_ring_add (ring, &id);
        }
      ck_assert_double_eq (pl_tune_size (ring, 3), n);
    }
}
END_TEST

START_TEST (size_follows_from_the_distances_of_the_neighbours)
{
  const guint sizes[] = { 8, 64, 1000, 1000000 };

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      guint n = sizes[s];
      PlNodeId self = place (5, n);
      g_autoptr (PlRing) ring = pl_ring_new (&self);

      for (guint i = 2; i <= 8; i++)
        {
          PlNodeId id = place (i % n, n);

          pl_ring_add (ring, &id);
        }
      {
        PlNodeId finger = place ((n / 2 + 5) % n, n); /* says nothing */

        pl_ring_add (ring, &finger);
      }
      ck_assert_double_eq_tol (pl_tune_size (ring, 3), n, n / 1000.0);
    }
}
END_TEST

START_TEST (size_follows_from_as_many_neighbours_as_there_are)
{
  PlNodeId self = place (20, 64);
  g_autoptr (PlRing) ring = pl_ring_new (&self);

  for (guint i = 12; i <= 28; i++)
    {
      PlNodeId id = place (i, i >= 18 && i <= 22 ? 64 : 32); /* twice as far apart beyond the next two */

      if (i != 20)
        pl_ring_add (ring, &id);
    }
  ck_assert_double_ge (pl_tune_size (ring, 2), 60);
  ck_assert_double_le (pl_tune_size (ring, 6), 50);
}
END_TEST

START_TEST (leave_rate_is_losses_a_peer_and_second_times_the_size) /* RFC 7363 6.3 */
{
  PlTuneLosses losses = { .n = 0 };

  ck_assert_double_eq (pl_tune_leave_rate (&losses, 6, 100, 50 * SEC), 0);
  pl_tune_lost (&losses, 6, 100 * SEC); /* when we joined; then it is as if one were lost now */
  ck_assert_double_eq_tol (pl_tune_leave_rate (&losses, 6, 100, 200 * SEC), 100 / (6 * 100.0), 1e-9);
  for (guint i = 1; i <= 3; i++)
    pl_tune_lost (&losses, 6, (100 + i * 10) * SEC);
  ck_assert_double_eq_tol (pl_tune_leave_rate (&losses, 6, 100, 400 * SEC), 100 * 4 / (6 * 300.0), 1e-9);
  ck_assert_double_eq (pl_tune_leave_rate (&losses, 0, 100, 400 * SEC), 0);
  ck_assert_double_le (pl_tune_leave_rate (&losses, 6, 100, 100 * SEC), 100 * 4 / 6.0); /* all at once */
  pl_tune_lost (&losses, 6, 140 * SEC); /* as many as are remembered: nothing is put to them */
  ck_assert_double_eq_tol (pl_tune_leave_rate (&losses, 6, 100, 400 * SEC), 100 * 4 / (6 * 40.0), 1e-9);
}
END_TEST

/* What was long ago no longer counts. */
START_TEST (losses_remembered_are_a_quarter_of_the_table)
{
  const struct { guint peers, kept; } tables[] = { { 0, 4 }, { 16, 4 }, { 40, 10 }, { 1000, PL_TUNE_HISTORY } };

  for (guint t = 0; t < G_N_ELEMENTS (tables); t++)
    {
      PlTuneLosses losses = { .n = 0 };

      for (guint i = 0; i < 100; i++)
        pl_tune_lost (&losses, tables[t].peers, i * SEC);
      ck_assert_uint_eq (losses.n, tables[t].kept + 1);
      ck_assert_int_eq (losses.at[0], (99 - tables[t].kept) * SEC);
      ck_assert_int_eq (losses.at[losses.n - 1], 99 * SEC);
    }
}
END_TEST

START_TEST (join_rate_follows_from_the_median_age)
{
  const gint64 list[] = { 900 * SEC, 10 * SEC, 100 * SEC, 50 * SEC, 5000 * SEC };
  g_autoptr (GArray) ages = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 none = -5;

  ck_assert_double_eq (pl_tune_join_rate (ages, 64), 0);
  g_array_append_vals (ages, list, G_N_ELEMENTS (list));
  ck_assert_double_eq_tol (pl_tune_join_rate (ages, 64), 64 / 100.0, 1e-9);
  g_array_set_size (ages, 0);
  g_array_append_val (ages, none); /* a clock that lies */
  ck_assert_double_eq_tol (pl_tune_join_rate (ages, 64), 64, 1e-9);
}
END_TEST

/* One that lies does not carry the others with it. */
START_TEST (shared_values_count_up_to_their_75th_percentile)
{
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (PlTune));
  PlTune merged;

  for (guint i = 1; i <= 5; i++)
    {
      PlTune tune = { i == 5 ? 4e9 : i * 10, i == 5 ? 4e9 : i, i == 5 ? 4e9 : 10 - i };

      g_array_append_val (values, tune);
    }
  merged = pl_tune_merge (values);
  ck_assert_double_eq (merged.size, 40);
  ck_assert_double_eq (merged.joins, 4);
  ck_assert_double_eq (merged.leaves, 9);
  g_array_set_size (values, 0);
  ck_assert_double_eq (pl_tune_merge (values).size, 1);
}
END_TEST

START_TEST (interval_is_log_squared_rounds_before_half_of_all_leave_or_as_many_join)
{
  PlTune tune = { .size = 256 };
  gint64 max = 3600 * SEC;

  ck_assert_int_eq (pl_tune_interval (&tune, max), max); /* nobody comes or goes */
  tune.leaves = 0.02; /* half of all in 6400 s */
  ck_assert_int_eq (pl_tune_interval (&tune, max), 100 * SEC);
  tune.joins = 0.08;  /* as many in 3200 s */
  ck_assert_int_eq (pl_tune_interval (&tune, max), 50 * SEC);
  tune.joins = 1000;
  ck_assert_int_eq (pl_tune_interval (&tune, max), PL_TUNE_INTERVAL_MIN);
  ck_assert_int_eq (pl_tune_interval (&tune, 10 * SEC), 10 * SEC); /* never above what is configured */
  tune = (PlTune) { .size = 1, .leaves = 1e-9 };
  ck_assert_int_eq (pl_tune_interval (&tune, max), max);
}
END_TEST

START_TEST (fingers_are_16_until_the_overlay_needs_more)
{
  const struct { double size; guint fingers; } steps[] = { { 0, 16 }, { 1, 16 }, { 65536, 16 }, { 65537, 17 }, { 4294967295.0, 32 } };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    ck_assert_uint_eq (pl_tune_fingers (&(PlTune) { .size = steps[i].size }, 16, 128), steps[i].fingers);
}
END_TEST

START_TEST (extension_is_three_numbers_and_every_prefix_is_refused)
{
  static const guint8 bytes[] = { 0, 0, 1, 0, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff };
  PlSelfTuningData data = { 256, 7, G_MAXUINT32 }, back;
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) written = NULL;

  pl_writer_init (&writer);
  pl_self_tuning_data_write (&writer, &data);
  written = pl_writer_finish (&writer);
  ck_assert_uint_eq (g_bytes_get_size (written), sizeof bytes);
  ck_assert_mem_eq (g_bytes_get_data (written, NULL), bytes, sizeof bytes);
  for (gsize len = 0; len <= sizeof bytes; len++)
    {
      PlReader reader;

      pl_reader_init (&reader, bytes, len);
      ck_assert_int_eq (pl_self_tuning_data_read (&reader, &back), len == sizeof bytes);
    }
  ck_assert_uint_eq (back.network_size, 256);
  ck_assert_uint_eq (back.join_rate, 7);
  ck_assert_uint_eq (back.leave_rate, G_MAXUINT32);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("topology/tune");

  tcase_add_test (c, size_is_exact_while_everybody_is_a_neighbour);
  tcase_add_test (c, size_follows_from_the_distances_of_the_neighbours);
  tcase_add_test (c, leave_rate_is_losses_a_peer_and_second_times_the_size);
  tcase_add_test (c, size_follows_from_as_many_neighbours_as_there_are);
  tcase_add_test (c, losses_remembered_are_a_quarter_of_the_table);
  tcase_add_test (c, join_rate_follows_from_the_median_age);
  tcase_add_test (c, shared_values_count_up_to_their_75th_percentile);
  tcase_add_test (c, interval_is_log_squared_rounds_before_half_of_all_leave_or_as_many_join);
  tcase_add_test (c, fingers_are_16_until_the_overlay_needs_more);
  tcase_add_test (c, extension_is_three_numbers_and_every_prefix_is_refused);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
