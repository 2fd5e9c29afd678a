/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Leaves a note in a RELOAD overlay and reads it back:
 *
 *   overlay-note DOCUMENT KEY CERTIFICATE KIND TEXT [ADDRESS]
 *
 * KIND is a private Kind of the overlay, a SINGLE with USER-MATCH, made for example with
 *
 *   peerline overlay create notes.example.org --bootstrap HOST --kind 0xf0000001:SINGLE:USER-MATCH:1:1000
 *
 * The first three are the overlay's document, a key, and its certificate with a user name. ADDRESS
 * is the only one of this machine that is used, for an overlay within it (127.0.0.1).
 * Build it with
 *
 *   cc overlay-note.c $(pkg-config --cflags --libs peerline-overlay)
 */
#include <overlay/overlay.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME 600 /* seconds */

typedef struct {
  GMainLoop *loop;
  PlOverlay *overlay;
  guint8 place[PL_OVERLAY_NODE_ID_LEN];
  guint32 kind;
  GBytes *note;
  gboolean done;
} Program;

static void
on_left (GObject *source, GAsyncResult *result, gpointer user)
{
  Program *program = user;

  pl_overlay_leave_finish (result, NULL);
  g_main_loop_quit (program->loop);
}

static void
leave (Program *program, const char *problem)
{
  if (problem)
    fprintf (stderr, "overlay-note: %s\n", problem);
  program->done = !problem;
  pl_overlay_leave_async (program->overlay, on_left, program);
}

static void
on_fetched (GObject *source, GAsyncResult *result, gpointer user)
{
  Program *program = user;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) values = pl_overlay_fetch_finish (result, &error);

  for (guint i = 0; values && i < values->len; i++)
    {
      const PlOverlayValue *value = g_ptr_array_index (values, i);
      GBytes *data = pl_overlay_value_data (value);

      printf ("%s: %.*s\n", pl_overlay_value_user (value), (int) g_bytes_get_size (data), (const char *) g_bytes_get_data (data, NULL));
    }
  leave (program, error ? error->message : values->len == 0 ? "the note is not there" : NULL);
}

static void
on_stored (GObject *source, GAsyncResult *result, gpointer user)
{
  Program *program = user;
  g_autoptr (GError) error = NULL;

  if (pl_overlay_store_finish (result, &error))
    pl_overlay_fetch_async (program->overlay, program->place, program->kind, NULL, on_fetched, program);
  else
    leave (program, error->message);
}

/* A client that lost its way comes here again; the note is left once. */
static void
on_state (PlOverlay *overlay, PlOverlayState state, gpointer user)
{
  Program *program = user;
  g_autoptr (PlOverlayValue) value = NULL;

  if (state != PL_OVERLAY_CLIENT || !program->note)
    return;
  value = pl_overlay_value_new (program->note);
  g_clear_pointer (&program->note, g_bytes_unref);
  pl_overlay_store_async (overlay, program->place, program->kind, value, LIFETIME, NULL, on_stored, program);
}

static PlOverlay *
make_node (char **files, GError **error)
{
  g_autofree char *document = NULL, *key = NULL, *certificate = NULL;
  g_autoptr (GBytes) xml = NULL;
  gsize len;

  if (!g_file_get_contents (files[0], &document, &len, error) || !g_file_get_contents (files[1], &key, NULL, error)
      || !g_file_get_contents (files[2], &certificate, NULL, error))
    return NULL;
  xml = g_bytes_new (document, len);
  return pl_overlay_new (xml, key, certificate, error);
}

int
main (int argc, char **argv)
{
  Program program = { 0 };
  g_autoptr (GError) error = NULL;
  const char *name;

  if (argc != 6 && argc != 7)
    {
      fprintf (stderr, "usage: overlay-note DOCUMENT KEY CERTIFICATE KIND TEXT [ADDRESS]\n");
      return 2;
    }
  program.overlay = make_node (argv + 1, &error);
  name = program.overlay ? pl_overlay_user (program.overlay) : NULL;
  if (!name)
    {
      fprintf (stderr, "overlay-note: %s\n", error ? error->message : "the certificate names no user");
      pl_overlay_free (program.overlay);
      return 1;
    }
  program.loop = g_main_loop_new (NULL, FALSE);
  program.kind = strtoul (argv[4], NULL, 0);
  program.note = g_bytes_new (argv[5], strlen (argv[5]));
  pl_overlay_resource (name, strlen (name), program.place); /* USER-MATCH: the place of the user's name */
  pl_overlay_set_listen (program.overlay, argv[6], 0); /* NULL without one */
  pl_overlay_set_state_func (program.overlay, on_state, &program);
  if (pl_overlay_join (program.overlay, &error))
    g_main_loop_run (program.loop);
  else
    fprintf (stderr, "overlay-note: %s\n", error->message);
  pl_overlay_free (program.overlay);
  g_clear_pointer (&program.note, g_bytes_unref);
  g_main_loop_unref (program.loop);
  return program.done ? 0 : 1;
}
