/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proxy/media with real processes peerline-edge.
 */
#include "config.h"

#include "proxy/media/edges.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>
#include <string.h>

#define PROGRAM PL_BUILDDIR "/ice/edge/peerline-edge"
#define WAIT 15000 /* ms */

typedef struct {
  GMainContext *context;
  PlLoop *loop;
  PlEdges *edges;
  char *folder;
  guint opened;
  char *failure;
} World;

static void
on_opened (gpointer user, guint section)
{
  ((World *) user)->opened++;
}

static void
on_secured (gpointer user, guint section)
{
}

static void
on_failed (gpointer user, const char *reason)
{
  World *w = user;

  g_free (w->failure);
  w->failure = g_strdup (reason);
}

static const PlMediaHandlers handlers = { on_opened, on_secured, NULL, on_failed };

static void
start_edges (World *w, const char *program)
{
  PlEdgesOptions options = { .folder = w->folder, .program = program };

  w->edges = pl_edges_new (w->loop, &options);
}

static void
world_start (World *w, const char *program)
{
  g_autofree char *home = g_build_filename (g_get_home_dir (), "edges-XXXXXX", NULL);

  memset (w, 0, sizeof *w);
  ck_assert_ptr_nonnull (g_mkdtemp (home));
  /* longer than the name of a socket may be */
  w->folder = g_build_filename (home, "a-folder-with-a-name-that-is-so-long-that-no-socket-address-takes-it",
                                "and-another-one-below-it-to-be-quite-sure-of-that", NULL);
  w->context = g_main_context_new ();
  w->loop = pl_loop_new (w->context);
  start_edges (w, program);
}

static void
world_stop (World *w)
{
  pl_edges_free (w->edges);
  pl_loop_free (w->loop);
  g_main_context_unref (w->context);
  g_free (w->folder);
  g_free (w->failure);
}

static gboolean
on_end_of_patience (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

static void
wait_for (World *w, gboolean (*is_there) (World *w))
{
  GSource *patience = g_timeout_source_new (WAIT);
  gboolean over = FALSE;

  g_source_set_callback (patience, on_end_of_patience, &over, NULL);
  g_source_attach (patience, w->context);
  while (!is_there (w) && !over)
    g_main_context_iteration (w->context, TRUE);
  g_source_destroy (patience);
  g_source_unref (patience);
  ck_assert (is_there (w));
}

static gboolean
is_opened (World *w)
{
  return w->opened > 0 || w->failure;
}

static gboolean
has_failed (World *w)
{
  return w->failure != NULL;
}

static PlMediaEdge *
open_edge (World *w, const char *name)
{
  const PlMedia *media = pl_edges_media (w->edges);
  g_autoptr (GError) error = NULL;
  PlMediaEdge *edge = media->funcs->start (media->impl, "alice@example.org", name, &error);

  ck_assert_msg (edge != NULL, "%s", error ? error->message : "");
  media->funcs->set_handlers (edge, &handlers, w);
  media->funcs->open (edge, 0, TRUE, FALSE);
  ck_assert_ptr_null (media->funcs->section (edge, 0));
  wait_for (w, is_opened);
  ck_assert_msg (!w->failure, "%s", w->failure);
  return edge;
}

static guint
count_sockets (World *w)
{
  g_autoptr (GDir) dir = g_dir_open (w->folder, 0, NULL);
  guint n = 0;

  while (dir && g_dir_read_name (dir))
    n++;
  return n;
}

START_TEST (edge_opens_and_ends)
{
  World w;
  PlMediaEdge *edge;
  const PlMediaSection *section;
  const PlMediaFuncs *funcs;

  world_start (&w, PROGRAM);
  funcs = pl_edges_media (w.edges)->funcs;
  edge = open_edge (&w, "one");
  section = funcs->section (edge, 0);
  ck_assert_uint_eq (section->port % 2, 0);
  ck_assert_ptr_nonnull (section->candidates[0]);
  ck_assert_ptr_nonnull (section->rtcp_candidates[0]);
  ck_assert_ptr_nonnull (section->crypto[0]);
  ck_assert (g_str_has_prefix (section->fingerprint, "sha-256 "));
  ck_assert_uint_eq (count_sockets (&w), 1);
  funcs->end (edge);
  ck_assert_uint_eq (count_sockets (&w), 0);
  world_stop (&w);
}
END_TEST

START_TEST (edge_is_found_by_the_next_daemon)
{
  World w;
  PlMediaEdge *edge;
  const PlMedia *media;
  g_autofree char *ufrag = NULL;

  world_start (&w, PROGRAM);
  edge = open_edge (&w, "two");
  ufrag = g_strdup (pl_edges_media (w.edges)->funcs->section (edge, 0)->ufrag);
  pl_edges_free (w.edges);
  {
    g_autofree char *stale = g_build_filename (w.folder, "stale", NULL);

    ck_assert (g_file_set_contents (stale, "", 0, NULL));
  }
  start_edges (&w, PROGRAM);
  ck_assert_uint_eq (count_sockets (&w), 1); /* what nobody listens at is gone */
  media = pl_edges_media (w.edges);
  ck_assert_ptr_null (media->funcs->find (media->impl, "three"));
  edge = media->funcs->find (media->impl, "two");
  ck_assert_ptr_nonnull (edge);
  ck_assert_ptr_null (media->funcs->find (media->impl, "two")); /* it is taken */
  w.opened = 0;
  media->funcs->set_handlers (edge, &handlers, &w);
  wait_for (&w, is_opened);
  ck_assert_str_eq (media->funcs->section (edge, 0)->ufrag, ufrag);
  media->funcs->end (edge);
  world_stop (&w);
}
END_TEST

START_TEST (edge_whose_program_is_none_fails)
{
  World w;
  const PlMedia *media;
  PlMediaEdge *edge;

  world_start (&w, "/bin/false");
  media = pl_edges_media (w.edges);
  edge = media->funcs->start (media->impl, "alice@example.org", "four", NULL);
  ck_assert_ptr_nonnull (edge);
  media->funcs->set_handlers (edge, &handlers, &w);
  media->funcs->open (edge, 0, TRUE, FALSE);
  wait_for (&w, has_failed);
  ck_assert_str_eq (w.failure, "the media edge has ended unexpectedly");
  media->funcs->end (edge);
  pl_edges_free (w.edges);
  start_edges (&w, "/nonexistent/peerline-edge");
  media = pl_edges_media (w.edges);
  ck_assert_ptr_null (media->funcs->start (media->impl, "alice@example.org", "five", NULL));
  ck_assert_uint_eq (count_sockets (&w), 0);
  world_stop (&w);
}
END_TEST

START_TEST (edges_are_bounded)
{
  World w;
  const PlMedia *media;
  g_autoptr (GError) error = NULL;

  world_start (&w, "/bin/true");
  media = pl_edges_media (w.edges);
  for (guint i = 0; i < PL_EDGES_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("e%u", i);

      ck_assert_ptr_nonnull (media->funcs->start (media->impl, "alice@example.org", name, NULL));
    }
  ck_assert_ptr_null (media->funcs->start (media->impl, "alice@example.org", "more", &error));
  ck_assert_ptr_nonnull (strstr (error->message, "too many"));
  world_stop (&w);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy");
  TCase *c = tcase_create ("proxy/media");

  g_setenv ("ASAN_OPTIONS", "detect_leaks=0", TRUE); /* for the programs, which have given up ptrace */
  tcase_set_timeout (c, 60);
  tcase_add_test (c, edge_opens_and_ends);
  tcase_add_test (c, edge_is_found_by_the_next_daemon);
  tcase_add_test (c, edge_whose_program_is_none_fails);
  tcase_add_test (c, edges_are_bounded);
  suite_add_tcase (suite, c);
  return pl_test_run (suite, NULL);
}
