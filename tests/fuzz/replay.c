/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Feeds a fuzz target every file of its corpus, and every prefix of the small ones; or the
 * files named on the command line. A fuzzing run (PL_FUZZING) has libFuzzer's main instead.
 */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#ifndef PL_FUZZING

#define PREFIXES_MAX 2048 /* bytes of a file whose prefixes are tried, too */

static gboolean
feed (const char *path)
{
  g_autofree char *data = NULL;
  gsize len;

  if (!g_file_get_contents (path, &data, &len, NULL))
    return FALSE;
  LLVMFuzzerTestOneInput ((const uint8_t *) data, len);
  for (gsize i = 0; len <= PREFIXES_MAX && i < len; i++)
    {
      /* a block of its own, so that a sanitizer sees a read past the end */
      g_autofree uint8_t *prefix = g_memdup2 (data, i);

      LLVMFuzzerTestOneInput (prefix ? prefix : (const uint8_t *) "", i);
    }
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autofree char *target = g_path_get_basename (argv[0]);
  const char *name = g_str_has_prefix (target, "fuzz_") ? target + 5 : target;
  g_autofree char *folder = g_build_filename (PL_SRCDIR, "tests/fuzz/corpus", name, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  int files = 0;

  for (int i = 1; i < argc; i++)
    files += feed (argv[i]);
  for (const char *file; argc == 1 && dir && (file = g_dir_read_name (dir));)
    {
      g_autofree char *path = g_build_filename (folder, file, NULL);

      files += feed (path);
    }
  printf ("%sok 1 - corpus of %s, %d files\n1..1\n", files ? "" : "not ", name, files);
  return files == 0;
}

#endif
