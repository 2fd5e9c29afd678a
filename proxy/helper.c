/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/helper.h"

#include <string.h>

#define PROGRAM "peerline"

struct PlHelper {
  GSubprocess *process;
  GCancellable *cancel;
  PlHelperDone done;
  gpointer user;
};

static char *
find_program (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *dir = self ? g_path_get_dirname (self) : NULL;
  g_autofree char *path = dir ? g_build_filename (dir, PROGRAM, NULL) : NULL;

  return path && g_file_test (path, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer (&path) : g_strdup (PROGRAM);
}

/* The last line, which says what went wrong. */
static const char *
last_line (char *text)
{
  char *line;

  g_strchomp (text);
  line = strrchr (text, '\n');
  line = line ? line + 1 : text;
  return g_str_has_prefix (line, PROGRAM ": ") ? line + strlen (PROGRAM ": ") : line;
}

static void
on_over (GObject *source, GAsyncResult *result, gpointer data)
{
  PlHelper *helper = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL;

  if (!g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), result, NULL, &said, &error))
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        helper->done (helper->user, error->message);
    }
  else if (g_subprocess_get_successful (G_SUBPROCESS (source)))
    helper->done (helper->user, NULL);
  else
    helper->done (helper->user, said && *said ? last_line (said) : PROGRAM " did not end well");
}

PlHelper *
pl_helper_start (const char *const *words, const char *input, PlHelperDone done, gpointer user, GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GSubprocess) process = NULL;
  PlHelper *helper;

  g_ptr_array_add (argv, find_program ());
  for (; *words; words++)
    g_ptr_array_add (argv, g_strdup (*words));
  g_ptr_array_add (argv, NULL);
  process = g_subprocess_newv ((const char *const *) argv->pdata, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE, error);
  if (!process)
    return NULL;
  helper = g_new0 (PlHelper, 1);
  helper->process = g_steal_pointer (&process);
  helper->cancel = g_cancellable_new ();
  helper->done = done;
  helper->user = user;
  g_subprocess_communicate_utf8_async (helper->process, input, helper->cancel, on_over, helper);
  return helper;
}

void
pl_helper_free (PlHelper *helper)
{
  if (!helper)
    return;
  g_cancellable_cancel (helper->cancel);
  g_object_unref (helper->cancel);
  g_object_unref (helper->process);
  g_free (helper);
}
