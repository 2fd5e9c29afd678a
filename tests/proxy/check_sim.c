/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include "tests/support/test.h"

#define PROGRAM PL_BUILDDIR "/proxy/peerline-sim "

static int
run (const char *options, char **out, char **err)
{
  g_autofree char *line = g_strconcat (PROGRAM, options, NULL);
  g_autoptr (GError) error = NULL;
  int status = 0;

  ck_assert_msg (g_spawn_command_line_sync (line, out, err, &status, &error), "%s", error ? error->message : "");
  if (g_spawn_check_wait_status (status, &error))
    return 0;
  ck_assert_msg (error->domain == G_SPAWN_EXIT_ERROR, "%s: %s", options, error->message);
  return error->code;
}

static JsonObject *
simulate (const char *options, char **text)
{
  g_autofree char *err = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();

  ck_assert_int_eq (run (options, text, &err), 0);
  ck_assert_msg (json_parser_load_from_data (parser, *text, -1, NULL), "%s", *text);
  return json_object_ref (json_node_get_object (json_parser_get_root (parser)));
}

static void
cut_measured (char *text)
{
  char *measured = strstr (text, "\"measured\"");

  ck_assert_ptr_nonnull (measured);
  *measured = '\0';
}

START_TEST (json_has_every_key)
{
  static const char *const keys[] = { "peers", "lookups", "lookup_success", "hops_mean", "hops_p99",
                                      "bytes_per_peer_per_s", "join_seconds_p95" };
  static const char *const measured[] = { "memory_per_peer", "wall_seconds", "events_per_s" };
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) object = simulate ("--peers 12 --lookups 40 --duration 20 --settle 40 --stub-signatures --json", &text);
  JsonObject *inner = json_object_get_object_member (object, "measured");

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    ck_assert_msg (json_object_has_member (object, keys[i]), "no %s in %s", keys[i], text);
  for (guint i = 0; i < G_N_ELEMENTS (measured); i++)
    ck_assert_msg (json_object_has_member (inner, measured[i]), "no %s in %s", measured[i], text);
  ck_assert_int_eq (json_object_get_int_member (object, "peers"), 12);
  ck_assert_int_eq (json_object_get_int_member (object, "joined"), 12);
  ck_assert_int_eq (json_object_get_int_member (object, "lookups"), 40);
  ck_assert_double_eq (json_object_get_double_member (object, "lookup_success"), 1);
  ck_assert_double_ge (json_object_get_double_member (object, "ideal_hops_mean"), 1);
}
END_TEST

/* Without look-ups nobody Fetches, and Updates, Attaches and Stores go on. */
START_TEST (traffic_is_told_by_kind_of_message)
{
  g_autofree char *text = NULL, *other = NULL;
  g_autoptr (JsonObject) calm = simulate ("--peers 12 --lookups 0 --duration 40 --median-session 30 --stub-signatures --json", &text);
  g_autoptr (JsonObject) busy = simulate ("--peers 12 --lookups 100 --duration 40 --median-session 30 --stub-signatures --json", &other);
  JsonObject *kinds = json_object_get_object_member (calm, "by_kind");
  g_autoptr (GList) names = json_object_get_members (kinds);
  double sum = 0;

  for (GList *l = names; l; l = l->next)
    if (g_str_has_suffix (l->data, "_bytes"))
      sum += json_object_get_double_member (kinds, l->data);
  ck_assert_double_eq_tol (sum, json_object_get_double_member (calm, "bytes_per_peer_per_s"), 1);
  ck_assert_double_gt (json_object_get_double_member (kinds, "update_bytes"), 0);
  ck_assert_double_gt (json_object_get_double_member (kinds, "attach_bytes"), 0);
  ck_assert_double_gt (json_object_get_double_member (kinds, "store_bytes"), 0);
  /* Peers that merge what they hold Fetch too. */
  ck_assert_double_lt (json_object_get_double_member (kinds, "fetch_bytes"), sum / 8);
  ck_assert_double_gt (json_object_get_double_member (json_object_get_object_member (busy, "by_kind"), "fetch_bytes"), sum / 8);
  ck_assert_double_eq_tol (json_object_get_double_member (busy, "maintenance_bytes_per_peer_per_s"),
                           json_object_get_double_member (busy, "bytes_per_peer_per_s")
                             - json_object_get_double_member (json_object_get_object_member (busy, "by_kind"), "fetch_bytes"), 1);
}
END_TEST

/* Neighbours that others took the place of: without an end to their links it is 30 and more. */
START_TEST (links_that_nobody_needs_end)
{
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) object = simulate ("--peers 64 --lookups 10 --duration 20 --settle 150 --stub-signatures --json", &text);

  ck_assert_double_ge (json_object_get_double_member (object, "links_neighbour"), 5.5);
  ck_assert_double_le (json_object_get_double_member (object, "links_neighbour")
                         + json_object_get_double_member (object, "links_finger")
                         + json_object_get_double_member (object, "links_other"), 21);
}
END_TEST

/* Those that join at the same place wait for the data of one peer; each was given all of it. */
START_TEST (a_crowd_that_comes_at_once_gets_a_ring)
{
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) object = simulate ("--peers 60 --join-rate 40 --lookups 5 --settle 1 --duration 5 --stub-signatures --json", &text);

  ck_assert_int_eq (json_object_get_int_member (object, "joined"), 60);
  ck_assert_double_le (json_object_get_double_member (object, "join_seconds_p95"), 8);
  ck_assert_double_le (json_object_get_double_member (object, "stable_seconds"), 30);
  ck_assert_double_ge (json_object_get_double_member (object, "stable_seconds"), 0);
}
END_TEST

/* RFC 7363: what peers think of their number follows a ring that is large, and then small; how often they
 * stabilise, one where nobody and then everybody comes and goes. */
START_TEST (tuned_peers_follow_the_size_and_the_churn_of_their_ring)
{
  g_autofree char *text = NULL;
#define TUNED "--join-rate 32 --lookups 20 --self-tuning --stub-signatures --json "
  g_autoptr (JsonObject) calm = simulate (TUNED "--peers 24 --settle 1000 --duration 20", &text);
  g_autofree char *second = NULL, *third = NULL;
  g_autoptr (JsonObject) busy = simulate (TUNED "--peers 24 --settle 20 --duration 100 --median-session 60", &second);
  g_autoptr (JsonObject) shrunk = simulate (TUNED "--peers 64 --settle 20 --duration 120 --massacre 75 --event-at 5", &third);
#undef TUNED

  ck_assert_double_ge (json_object_get_double_member (calm, "tuned_size_mean"), 18);
  ck_assert_double_le (json_object_get_double_member (calm, "tuned_size_mean"), 45);
  ck_assert_double_le (json_object_get_double_member (shrunk, "tuned_size_mean"), 45); /* 85 before */
  ck_assert_double_ge (json_object_get_double_member (calm, "tuned_interval_mean"), 19);
  ck_assert_double_le (json_object_get_double_member (busy, "tuned_interval_mean"), 16);
}
END_TEST

START_TEST (same_seed_gives_the_same_result)
{
  static const char *const options[] = {
    "--peers 10 --lookups 20 --duration 20 --settle 40 --stub-signatures --json --seed 7",
    "--peers 5 --lookups 10 --duration 20 --settle 40 --loss 2 --json --seed 7",
  };

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autofree char *other_options = g_strconcat (options[i], "1", NULL);
      g_autofree char *first = NULL, *second = NULL, *other = NULL;
      g_autoptr (JsonObject) a = simulate (options[i], &first);
      g_autoptr (JsonObject) b = simulate (options[i], &second);
      g_autoptr (JsonObject) c = simulate (other_options, &other);

      cut_measured (first);
      cut_measured (second);
      cut_measured (other);
      ck_assert_str_eq (first, second);
      ck_assert_str_ne (strchr (first, ','), strchr (other, ','));
    }
}
END_TEST

START_TEST (those_that_come_instead_are_found)
{
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) object = simulate ("--peers 16 --lookups 100 --duration 100 --settle 5 --median-session 60 "
                                            "--churn pareto --goodbye 50 --stub-signatures --json", &text);

  ck_assert_int_gt (json_object_get_int_member (object, "deaths"), 10);
  ck_assert_int_gt (json_object_get_int_member (object, "births"), 26);
  ck_assert_int_ge (json_object_get_int_member (object, "alive"), 14);
  ck_assert_double_ge (json_object_get_double_member (object, "lookup_success"), 0.95);
}
END_TEST

/* A peer may come between an owner's dead peer and the holders of its copies, or come back
 * without its copies: 3 of 100 look-ups found nothing. */
START_TEST (whoever_becomes_responsible_has_the_records)
{
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) object = simulate ("--peers 30 --lookups 4000 --duration 400 --settle 30 --median-session 150 "
                                            "--stub-signatures --json", &text);

  ck_assert_int_le (json_object_get_int_member (object, "wrong_unknown"), 20);
  ck_assert_double_ge (json_object_get_double_member (object, "lookup_success"), 0.99);
}
END_TEST

START_TEST (a_mistake_in_the_options_is_explained)
{
  static const struct { const char *options, *words; } mistakes[] = {
    { "--peers 0", "--peers is a number from 1" },
    { "--peers many", "many" },
    { "--loss 101", "--loss is a share from 0 to 100 percent" },
    { "--silent -1", "--silent is a share" },
    { "--malicious 101", "--malicious is a share" },
    { "--malice steal", "--malice steal: it is drop, deny or route" },
    { "--delay slow", "--delay slow: give milliseconds" },
    { "--delay 40-10", "--delay 40-10: give milliseconds" },
    { "--churn weekly", "it is exponential or pareto" },
    { "--duration -5", "--duration is a number from 0" },
    { "--bootstraps 7 --peers 5", "--bootstraps is a number up to" },
    { "--lokups 5", "--lokups" },
    { "ring", "what is \"ring\"?" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autofree char *out = NULL, *err = NULL;

      ck_assert_int_eq (run (mistakes[i].options, &out, &err), 2);
      ck_assert_str_eq (out, "");
      ck_assert_msg (strstr (err, mistakes[i].words) != NULL, "%s: %s", mistakes[i].options, err);
    }
}
END_TEST

START_TEST (plot_is_an_image)
{
  g_autofree char *file = g_build_filename (g_get_home_dir (), "plot.svg", NULL);
  g_autofree char *options = g_strdup_printf ("--peers 5 --lookups 20 --duration 10 --settle 40 --stub-signatures --plot %s", file);
  g_autofree char *out = NULL, *err = NULL, *svg = NULL;

  ck_assert_int_eq (run (options, &out, &err), 0);
  ck_assert_ptr_nonnull (strstr (out, "look-ups"));
  ck_assert (g_file_get_contents (file, &svg, NULL, NULL));
  ck_assert (g_str_has_prefix (svg, "<svg ") && g_str_has_suffix (svg, "</svg>\n"));
  ck_assert_ptr_nonnull (strstr (svg, "5 peers"));
  ck_assert_ptr_nonnull (strstr (svg, "<rect"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy/sim");
  TCase *tcase = tcase_create ("program");

  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, json_has_every_key);
  tcase_add_test (tcase, traffic_is_told_by_kind_of_message);
  tcase_add_test (tcase, links_that_nobody_needs_end);
  tcase_add_test (tcase, a_crowd_that_comes_at_once_gets_a_ring);
  tcase_add_test (tcase, tuned_peers_follow_the_size_and_the_churn_of_their_ring);
  tcase_add_test (tcase, same_seed_gives_the_same_result);
  tcase_add_test (tcase, those_that_come_instead_are_found);
  tcase_add_test (tcase, whoever_becomes_responsible_has_the_records);
  tcase_add_test (tcase, a_mistake_in_the_options_is_explained);
  tcase_add_test (tcase, plot_is_an_image);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
