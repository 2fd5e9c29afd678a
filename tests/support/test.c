/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/test.h"

#include <ftw.h>
#include <gio/gio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
remove_entry (const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
  return remove (path);
}

static char *
enter_temp_home (void)
{
  g_autoptr (GError) error = NULL;
  char *home = g_dir_make_tmp ("peerline-test-XXXXXX", &error);

  if (!home)
    g_error ("no temporary folder: %s", error->message);
  g_setenv ("HOME", home, TRUE);
  g_setenv ("PEERLINE_HOME", home, TRUE);
  for (const char *const *name = (const char *const[]){ "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", NULL }; *name; name++)
    g_setenv (*name, home, TRUE);
  return home;
}

int
pl_test_run (Suite *suite, ...)
{
  g_autofree char *home = enter_temp_home ();
  SRunner *runner = srunner_create (suite);
  Suite *next;
  va_list ap;
  int failed;

  va_start (ap, suite);
  while ((next = va_arg (ap, Suite *)))
    srunner_add_suite (runner, next);
  va_end (ap);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  nftw (home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

char *
pl_test_path (const char *name)
{
  return g_build_filename (PL_SRCDIR, "tests", name, NULL);
}

GBytes *
pl_test_data (const char *name)
{
  g_autofree char *path = g_build_filename (PL_SRCDIR, "tests/data", name, NULL);
  g_autoptr (GError) error = NULL;
  char *data;
  gsize len;

  if (!g_file_get_contents (path, &data, &len, &error))
    ck_abort_msg ("%s", error->message);
  return g_bytes_new_take (data, len);
}

static gboolean
can_bind (GSocketType type, guint16 port)
{
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, type, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);

  return socket && g_socket_bind (socket, address, FALSE, NULL);
}

guint16
pl_test_free_port (void)
{
  g_autofree char *text = NULL;
  guint end = 32768;
  guint16 port;

  if (g_file_get_contents ("/proc/sys/net/ipv4/ip_local_port_range", &text, NULL, NULL))
    end = CLAMP (g_ascii_strtoull (text, NULL, 10), 4096, 32768);
  do
    port = (guint16) g_random_int_range (end / 2, end);
  while (!can_bind (G_SOCKET_TYPE_STREAM, port) || !can_bind (G_SOCKET_TYPE_DATAGRAM, port));
  return port;
}
