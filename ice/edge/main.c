/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * peerline-edge: the media of one call, beside the daemon. Descriptor 3 is a listening
 * SOCK_SEQPACKET socket: whoever of this user connects is the daemon, also after a restart.
 */
#include "config.h"

#include "base/loop.h"
#include "ice/agent/agent.h"
#include "ice/edge/call.h"
#include "ice/edge/sandbox.h"
#include "ice/edge/srtp.h"

#include <errno.h>
#include <glib-unix.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_FD 3
#define ORPHAN_TIME (60 * PL_USEC_PER_SEC) /* without a daemon, then the call is over */

typedef struct {
  GMainLoop *main;
  PlEnv *env;
  PlEdgeCall *call;
  int fd;            /* -1: no daemon now */
  guint source;
  PlTimer *orphan_timer;
} Edge;

static void
on_orphan (gpointer data)
{
  g_main_loop_quit (((Edge *) data)->main);
}

static void
drop_daemon (Edge *edge)
{
  if (edge->fd < 0)
    return;
  g_source_remove (edge->source);
  close (edge->fd);
  edge->fd = -1;
  pl_env_arm (edge->env, &edge->orphan_timer, ORPHAN_TIME, on_orphan, edge);
}

/* A daemon that does not read is one that is gone: what it missed it hears when it comes again. */
static void
on_send (gpointer user, const char *message)
{
  Edge *edge = user;

  if (edge->fd >= 0 && send (edge->fd, message, strlen (message), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    shutdown (edge->fd, SHUT_RDWR);
}

static gboolean
on_message (int fd, GIOCondition condition, gpointer data)
{
  Edge *edge = data;
  char message[PL_EDGE_MESSAGE_MAX];
  ssize_t n = recv (fd, message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);

  /* A daemon that left something of ours unread: what it said last is still to come. */
  if (n < 0 && (errno == ECONNRESET || errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      drop_daemon (edge);
      return G_SOURCE_CONTINUE;
    }
  if ((gsize) n <= sizeof message)
    pl_edge_call_take (edge->call, message, n);
  if (pl_edge_call_over (edge->call))
    g_main_loop_quit (edge->main);
  return G_SOURCE_CONTINUE;
}

static gboolean
is_ours (int fd)
{
  struct ucred who;
  socklen_t len = sizeof who;

  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == getuid ();
}

/* The newest one counts: the one before may not have noticed that it is dead. */
static gboolean
on_connection (int listen_fd, GIOCondition condition, gpointer data)
{
  Edge *edge = data;
  int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0)
    return G_SOURCE_CONTINUE;
  if (!is_ours (fd))
    {
      close (fd);
      return G_SOURCE_CONTINUE;
    }
  drop_daemon (edge);
  pl_timer_clear (&edge->orphan_timer);
  edge->fd = fd;
  edge->source = g_unix_fd_add (fd, G_IO_IN | G_IO_HUP, on_message, edge);
  pl_edge_call_greet (edge->call);
  return G_SOURCE_CONTINUE;
}

static int
fail (const char *message)
{
  fprintf (stderr, "peerline-edge: %s\n", message);
  return EXIT_FAILURE;
}

/* The library under libsrtp2 (NSS in Debian) loads its parts with the first session and unloads
 * them with the last: one that is never used lives as long as we do. */
static PlSrtp *
warm_up (void)
{
  static const guint8 key[PL_SRTP_KEY] = { 0 };

  g_type_ensure (G_TYPE_TASK); /* its class starts a thread, which then idles */
  return pl_srtp_new (PL_SRTP_SHA1_80, key, key);
}

/* Text that was relocated is no longer what its file has. */
static gboolean
has_changed_text (const struct dl_phdr_info *object)
{
  for (guint i = 0; i < object->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *segment = &object->dlpi_phdr[i];
      const ElfW (Dyn) *entry = (const void *) (object->dlpi_addr + segment->p_vaddr);

      for (; segment->p_type == PT_DYNAMIC && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
          return TRUE;
    }
  return FALSE;
}

/* Fifty libraries are there for a few pages of each. What loading them took (symbols, relocations,
 * constructors) goes again: segments that are never written, whose pages come back from the files
 * when they are needed. */
static int
forget_loading (struct dl_phdr_info *object, size_t size, void *data)
{
  guintptr page = sysconf (_SC_PAGESIZE);

  for (guint i = 0; i < object->dlpi_phnum && !has_changed_text (object); i++)
    {
      const ElfW (Phdr) *segment = &object->dlpi_phdr[i];
      guintptr start = object->dlpi_addr + segment->p_vaddr, inside = start & (page - 1);

      if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
        madvise ((void *) (start - inside), segment->p_memsz + inside, MADV_DONTNEED);
    }
  return 0;
}

static int
check_sandbox (void)
{
  const char *leak = pl_edge_sandbox_leak ();

  if (leak)
    return fail (leak);
  puts ("shut");
  return EXIT_SUCCESS;
}

static int
run (gboolean check)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GMainLoop) main = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  Edge edge = { .main = main, .env = pl_loop_env (loop), .fd = -1 };
  g_autoptr (PlEdgeCall) call = pl_edge_call_new (edge.env, NULL, on_send, &edge, &error);

  edge.call = call;
  if (!call || !pl_ice_check_linkage (&error) || !pl_edge_sandbox_enter (&error))
    return fail (error->message);
  if (check)
    return check_sandbox ();
  dl_iterate_phdr (forget_loading, NULL);
  pl_env_arm (edge.env, &edge.orphan_timer, ORPHAN_TIME, on_orphan, &edge);
  g_unix_fd_add (LISTEN_FD, G_IO_IN, on_connection, &edge);
  g_main_loop_run (main);
  drop_daemon (&edge);
  pl_timer_clear (&edge.orphan_timer);
  g_clear_pointer (&call, pl_edge_call_free);
  while (g_main_context_iteration (NULL, FALSE))
    ; /* TURN servers are told */
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  gboolean check = argc == 2 && strcmp (argv[1], "--check-sandbox") == 0;
  int listening = 0;
  socklen_t len = sizeof listening;
  g_autoptr (PlSrtp) warm = NULL;

  if (!pl_edge_sandbox_close_others (LISTEN_FD))
    return fail ("this kernel has no close_range");
  unsetenv ("SSLKEYLOGFILE"); /* GnuTLS would obey it in any build */
  warm = warm_up ();
  if (!warm)
    return fail ("libsrtp2 does not start");
  if (check)
    return run (TRUE);
  if (argc != 1 || getsockopt (LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
    return fail ("started by peerlined for a call, not by hand (but: --check-sandbox)");
  return run (FALSE);
}
