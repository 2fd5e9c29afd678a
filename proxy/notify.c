/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/notify.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_SOCKET 3 /* SD_LISTEN_FDS_START */
#define SOCKETS_MAX 32

void
pl_notify (const char *state)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const char *path = g_getenv ("NOTIFY_SOCKET");
  gsize len = path ? strlen (path) : 0;
  int fd;

  if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
    return;
  memcpy (address.sun_path, path, len);
  if (path[0] == '@')
    address.sun_path[0] = '\0'; /* abstract */
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  /* A manager that is not there is no reason to fail. */
  if (sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address,
              offsetof (struct sockaddr_un, sun_path) + len) < 0)
    g_debug ("NOTIFY_SOCKET: no answer");
  close (fd);
}

static guint64
number_of (const char *name)
{
  const char *text = g_getenv (name);
  guint64 number = 0;

  return text && g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT32, &number, NULL) ? number : 0;
}

GArray *
pl_notify_take_sockets (void)
{
  guint64 n = number_of ("LISTEN_PID") == (guint64) getpid () ? MIN (number_of ("LISTEN_FDS"), SOCKETS_MAX) : 0;
  GArray *sockets = g_array_new (FALSE, FALSE, sizeof (int));

  for (guint64 i = 0; i < n; i++)
    {
      int fd = FIRST_SOCKET + (int) i;

      g_array_append_val (sockets, fd);
    }
  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  return sockets;
}
