/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/env.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/rate.h"
#include "base/secret.h"
#include "base/universe.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
  GString *order;
  PlTimer *a, *b, *c;
  PlEnv *env;
} Clock;

static void
fire_a (gpointer data)
{
  Clock *clock = data;

  ck_assert_ptr_null (clock->a);
  g_string_append_c (clock->order, 'a');
  pl_timer_clear (&clock->c);
}

static void
fire_b (gpointer data)
{
  Clock *clock = data;

  g_string_append_c (clock->order, 'b');
  if (clock->order->len < 4)
    pl_env_arm (clock->env, &clock->b, 10, fire_b, clock);
}

static void
fire_c (gpointer data)
{
  g_string_append_c (((Clock *) data)->order, 'c');
}

START_TEST (timers_fire_in_order_and_can_cancel_each_other)
{
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  Clock clock = { .order = g_string_new (NULL), .env = pl_universe_env (universe) };

  pl_env_arm (clock.env, &clock.c, 300, fire_c, &clock);
  pl_env_arm (clock.env, &clock.b, 100, fire_b, &clock);
  pl_env_arm (clock.env, &clock.a, 200, fire_a, &clock);
  pl_universe_run (universe, 1000);
  ck_assert_str_eq (clock.order->str, "bbbba");
  ck_assert_int_eq (pl_timers_next (pl_universe_timers (universe)), -1);
  g_string_free (clock.order, TRUE);
}
END_TEST

START_TEST (timers_rearm_replaces_the_earlier_one)
{
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  Clock clock = { .order = g_string_new (NULL), .env = pl_universe_env (universe) };

  pl_env_arm (clock.env, &clock.c, 100, fire_c, &clock);
  pl_env_arm (clock.env, &clock.c, 500, fire_c, &clock);
  pl_universe_run (universe, 499);
  ck_assert_str_eq (clock.order->str, "");
  pl_universe_run (universe, 1);
  ck_assert_str_eq (clock.order->str, "c");
  g_string_free (clock.order, TRUE);
}
END_TEST

START_TEST (random_below_stays_below)
{
  g_autoptr (PlUniverse) universe = pl_universe_new (7);
  PlEnv *env = pl_universe_env (universe);

  for (int i = 0; i < 1000; i++)
    ck_assert_uint_lt (pl_env_random_below (env, 3), 3);
  ck_assert_uint_eq (pl_env_random_below (env, 0), 0);
}
END_TEST

START_TEST (hex_refuses_what_is_no_hex)
{
  guint8 out[2];
  g_autofree char *text = NULL;

  ck_assert (pl_hex_parse ("0aFf", out, 2));
  text = pl_hex_dup (out, 2);
  ck_assert_str_eq (text, "0aff");
  ck_assert (!pl_hex_parse ("0a", out, 2));
  ck_assert (!pl_hex_parse ("0aff0", out, 2));
  ck_assert (!pl_hex_parse ("0agf", out, 2));
  ck_assert_ptr_null (pl_hex_to_bytes ("0 a"));
}
END_TEST

START_TEST (file_write_is_whole_and_has_its_mode)
{
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "key", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  GStatBuf st;

  ck_assert (pl_file_write (path, "secret", 6, 0600, &error));
  ck_assert_int_eq (g_stat (path, &st), 0);
  ck_assert_int_eq (st.st_mode & 0777, 0600);
  bytes = pl_file_read_private (path, 6, &error);
  ck_assert_ptr_nonnull (bytes);
  ck_assert_ptr_null (pl_file_read (path, 5, &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE));
}
END_TEST

START_TEST (file_with_a_key_that_others_can_read_is_refused)
{
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "open-key", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (pl_file_write (path, "secret", 6, 0640, &error));
  ck_assert_ptr_null (pl_file_read_private (path, 100, &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED));
  ck_assert_ptr_nonnull (strstr (error->message, "chmod 600"));
}
END_TEST

static void
keep_line (PlLogLevel level, const char *line, gpointer data)
{
  g_string_assign (data, line);
}

START_TEST (log_keeps_a_hostile_value_on_one_line)
{
  g_autoptr (GString) line = g_string_new (NULL);

  pl_log_set_sink (keep_line, line);
  pl_notice ("link", "refused", "node", "a\nb: forged", NULL);
  ck_assert_str_eq (line->str, "link: refused node=\"a\\x0ab: forged\"");
  pl_log_set_sink (NULL, NULL);
}
END_TEST

START_TEST (secret_compares_by_content)
{
  g_autoptr (PlSecret) a = pl_secret_new ("abc", 3);
  g_autoptr (PlSecret) b = pl_secret_new ("abd", 3);
  g_autoptr (PlSecret) c = pl_secret_new ("abc", 3);

  ck_assert (!pl_secret_equal (a, b));
  ck_assert (pl_secret_equal (a, c));
}
END_TEST

START_TEST (rate_gives_a_burst_and_then_evenly)
{
  const PlRate ten = { 10, 10 * PL_USEC_PER_SEC }, any = { 0, PL_USEC_PER_SEC };
  gint64 mark = 0;
  guint taken = 0;

  for (gint64 now = 0; now <= 20 * PL_USEC_PER_SEC; now += PL_USEC_PER_SEC / 10)
    taken += pl_rate_take (&ten, &mark, now) ? 1 : 0;
  ck_assert_uint_ge (taken, 29);
  ck_assert_uint_le (taken, 30);
  ck_assert (!pl_rate_take (&ten, &mark, 20 * PL_USEC_PER_SEC));
  ck_assert (pl_rate_take (&ten, &mark, 60 * PL_USEC_PER_SEC));
  for (guint i = 0; i < 1000; i++)
    ck_assert (pl_rate_take (&any, &mark, 0));
}
END_TEST

START_TEST (rates_of_many_are_apart_and_newcomers_share_when_there_are_too_many)
{
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  const PlRate two = { 2, PL_USEC_PER_SEC };
  g_autoptr (PlRates) rates = pl_rates_new (pl_universe_env (universe), &two);
  guint taken = 0;

  for (guint32 i = 0; i < PL_RATES_MAX; i++)
    ck_assert (pl_rates_take (rates, &i, sizeof i) && pl_rates_take (rates, &i, sizeof i) && !pl_rates_take (rates, &i, sizeof i));
  for (guint32 i = PL_RATES_MAX; i < PL_RATES_MAX + 100; i++)
    taken += pl_rates_take (rates, &i, sizeof i) ? 1 : 0;
  ck_assert_uint_eq (taken, 2);
  pl_universe_run (universe, 2 * PL_USEC_PER_SEC);
  for (guint32 i = PL_RATES_MAX; i < PL_RATES_MAX + 100; i++)
    ck_assert (pl_rates_take (rates, &i, sizeof i));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("base");
  TCase *timers = tcase_create ("base/timers"), *files = tcase_create ("base/files"), *rest = tcase_create ("base/text");

  tcase_add_test (timers, timers_fire_in_order_and_can_cancel_each_other);
  tcase_add_test (timers, timers_rearm_replaces_the_earlier_one);
  tcase_add_test (timers, random_below_stays_below);
  tcase_add_test (files, file_write_is_whole_and_has_its_mode);
  tcase_add_test (files, file_with_a_key_that_others_can_read_is_refused);
  tcase_add_test (rest, hex_refuses_what_is_no_hex);
  tcase_add_test (rest, log_keeps_a_hostile_value_on_one_line);
  tcase_add_test (rest, secret_compares_by_content);
  tcase_add_test (rest, rate_gives_a_burst_and_then_evenly);
  tcase_add_test (rest, rates_of_many_are_apart_and_newcomers_share_when_there_are_too_many);
  suite_add_tcase (suite, timers);
  suite_add_tcase (suite, files);
  suite_add_tcase (suite, rest);
  return pl_test_run (suite, NULL);
}
