/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/notify.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
