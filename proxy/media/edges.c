/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/media/edges.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM "media"
#define LISTEN_FD 3                         /* where the program looks for its socket */
#define MESSAGE_MAX 16384                   /* bytes, ice/edge/README */
#define START_TIME (2 * PL_USEC_PER_SEC)    /* until a section must be open: gathering takes 0.3 s */

typedef struct {
  gboolean asked;
  PlMediaSection *opened;    /* NULL: not yet */
} Section;

struct PlMediaEdge {
  PlEdges *edges;
  char *name, *own;
  int fd;                    /* -1: gone */
  GSource *source;
  PlTimer *patience;         /* for a section that was asked for */
  Section sections[PL_MEDIA_SECTIONS_MAX];
  gboolean claimed, failed;
  char *reason;
  PlTimer *failing;
  PlMediaHandlers handlers;
  gpointer user;
};

struct PlEdges {
  PlLoop *loop;
  PlEdgesOptions options;
  char *folder, *program;
  GPtrArray *list;           /* PlMediaEdge */
  PlMedia media;
};

/* --- sockets --- */

/* The path of a socket is short: longer ones go by the folder's descriptor. */
static gboolean
socket_name (PlEdges *edges, const char *name, int *folder, struct sockaddr_un *out)
{
  *folder = open (edges->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  out->sun_family = AF_UNIX;
  return *folder >= 0 && g_snprintf (out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", *folder, name) < (int) sizeof out->sun_path;
}

static int
connect_socket (PlEdges *edges, const char *name)
{
  struct sockaddr_un address = { 0 };
  int folder = -1, fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  gboolean good = fd >= 0 && socket_name (edges, name, &folder, &address)
                  && connect (fd, (struct sockaddr *) &address, sizeof address) == 0;

  if (folder >= 0)
    close (folder);
  if (!good && fd >= 0)
    close (fd);
  return good ? fd : -1;
}

static int
listen_socket (PlEdges *edges, const char *name)
{
  struct sockaddr_un address = { 0 };
  int folder = -1, fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  gboolean good = fd >= 0 && socket_name (edges, name, &folder, &address)
                  && bind (fd, (struct sockaddr *) &address, sizeof address) == 0 && listen (fd, 4) == 0;

  if (folder >= 0)
    close (folder);
  if (!good && fd >= 0)
    close (fd);
  return good ? fd : -1;
}

static void
remove_socket (PlEdges *edges, const char *name)
{
  g_autofree char *path = g_build_filename (edges->folder, name, NULL);

  unlink (path);
}

/* --- one edge --- */

static void
section_clear (PlMediaSection *section)
{
  if (!section)
    return;
  g_free (section->ufrag);
  g_free (section->password);
  g_free (section->fingerprint);
  g_strfreev (section->candidates);
  g_strfreev (section->rtcp_candidates);
  g_strfreev (section->crypto);
  g_free (section);
}

static void
disconnect (PlMediaEdge *edge)
{
  if (edge->source)
    {
      g_source_destroy (edge->source);
      g_clear_pointer (&edge->source, g_source_unref);
    }
  if (edge->fd >= 0)
    close (edge->fd);
  edge->fd = -1;
}

static void
edge_free (gpointer data)
{
  PlMediaEdge *edge = data;

  disconnect (edge);
  pl_timer_clear (&edge->patience);
  pl_timer_clear (&edge->failing);
  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    section_clear (edge->sections[i].opened);
  g_free (edge->name);
  g_free (edge->own);
  g_free (edge->reason);
  g_free (edge);
}

static void
tell (PlMediaEdge *edge, const char *message)
{
  if (edge->fd >= 0 && send (edge->fd, message, strlen (message), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    shutdown (edge->fd, SHUT_RDWR);
}

static void
on_failing (gpointer data)
{
  PlMediaEdge *edge = data;

  if (edge->handlers.failed)
    edge->handlers.failed (edge->user, edge->reason);
}

static void edge_end (PlMediaEdge *edge);

/* One that nobody claims has nobody to tell. */
static void
fail (PlMediaEdge *edge, const char *reason)
{
  if (edge->failed)
    return;
  edge->failed = TRUE;
  edge->reason = g_strdup (reason);
  pl_timer_clear (&edge->patience);
  pl_notice (ROOM, "the media edge of a call has failed", "edge", edge->name, "reason", reason, NULL);
  if (edge->claimed)
    pl_env_arm (pl_loop_env (edge->edges->loop), &edge->failing, 0, on_failing, edge);
  else
    edge_end (edge);
}

static void
on_patience (gpointer data)
{
  fail (data, "the media edge does not answer");
}

/* --- messages --- */

static char *
dup_value (char **lines, const char *name)
{
  gsize len = strlen (name);

  for (guint i = 1; lines[i]; i++)
    if (strncmp (lines[i], name, len) == 0 && lines[i][len] == ' ')
      return g_strdup (lines[i] + len + 1);
  return NULL;
}

static char **
dup_values (char **lines, const char *name)
{
  GPtrArray *out = g_ptr_array_new ();
  gsize len = strlen (name);

  for (guint i = 1; lines[i]; i++)
    if (strncmp (lines[i], name, len) == 0 && lines[i][len] == ' ')
      g_ptr_array_add (out, g_strdup (lines[i] + len + 1));
  g_ptr_array_add (out, NULL);
  return (char **) g_ptr_array_free (out, FALSE);
}

static PlMediaSection *
read_section (char **lines)
{
  PlMediaSection *section = g_new0 (PlMediaSection, 1);
  g_autofree char *port = dup_value (lines, "port");
  guint64 number = 0;

  if (port)
    g_ascii_string_to_unsigned (port, 10, 1, G_MAXUINT16, &number, NULL);
  section->port = (guint16) number;
  section->ufrag = dup_value (lines, "ufrag");
  section->password = dup_value (lines, "password");
  section->fingerprint = dup_value (lines, "fingerprint");
  section->candidates = dup_values (lines, "candidate");
  section->rtcp_candidates = dup_values (lines, "rtcp-candidate");
  section->crypto = dup_values (lines, "crypto");
  if (section->port && section->ufrag && section->password && section->fingerprint)
    return section;
  section_clear (section);
  return NULL;
}

static gboolean
all_opened (PlMediaEdge *edge)
{
  for (guint i = 0; i < PL_MEDIA_SECTIONS_MAX; i++)
    if (edge->sections[i].asked && !edge->sections[i].opened)
      return FALSE;
  return TRUE;
}

static void
on_opened (PlMediaEdge *edge, guint id, char **lines)
{
  PlMediaSection *section = read_section (lines);

  if (!section)
    {
      fail (edge, "the media edge does not say what it has opened");
      return;
    }
  section_clear (edge->sections[id].opened);
  edge->sections[id] = (Section) { TRUE, section };
  if (edge->claimed && all_opened (edge))
    pl_timer_clear (&edge->patience);
  if (edge->handlers.opened)
    edge->handlers.opened (edge->user, id);
}

static void
take (PlMediaEdge *edge, char **lines)
{
  g_auto (GStrv) words = g_strsplit (lines[0] ? lines[0] : "", " ", 2);
  guint64 id = 0;
  g_autofree char *reason = lines[0] ? dup_value (lines, "reason") : NULL;

  if (!words[0] || !words[1] || !g_ascii_string_to_unsigned (words[1], 10, 0, PL_MEDIA_SECTIONS_MAX - 1, &id, NULL))
    return; /* "edge 1", or news of a later version */
  if (g_str_equal (words[0], "opened"))
    on_opened (edge, (guint) id, lines);
  else if (g_str_equal (words[0], "secured") && edge->handlers.secured)
    edge->handlers.secured (edge->user, (guint) id);
  else if (g_str_equal (words[0], "lost") && edge->handlers.lost)
    edge->handlers.lost (edge->user, (guint) id);
  else if (g_str_equal (words[0], "failed") || g_str_equal (words[0], "refused"))
    fail (edge, reason ? reason : words[0]);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  PlMediaEdge *edge = data;
  char message[MESSAGE_MAX + 1];
  ssize_t n = recv (fd, message, MESSAGE_MAX, MSG_DONTWAIT);
  g_auto (GStrv) lines = NULL;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      disconnect (edge);
      fail (edge, "the media edge has ended unexpectedly");
      return G_SOURCE_REMOVE;
    }
  message[n] = '\0';
  lines = g_strsplit (message, "\n", -1);
  take (edge, lines);
  return G_SOURCE_CONTINUE;
}

static PlMediaEdge *
edge_new (PlEdges *edges, const char *own, const char *name, int fd)
{
  PlMediaEdge *edge = g_new0 (PlMediaEdge, 1);

  edge->edges = edges;
  edge->name = g_strdup (name);
  edge->own = g_strdup (own);
  edge->fd = fd;
  edge->source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (edge->source, G_SOURCE_FUNC (on_readable), edge, NULL);
  g_source_attach (edge->source, pl_loop_context (edges->loop));
  g_ptr_array_add (edges->list, edge);
  return edge;
}

/* --- the process --- */

static gboolean
spawn (PlEdges *edges, int listener, GError **error)
{
  const char *argv[] = { edges->program, NULL };
  const int sources[] = { listener }, targets[] = { LISTEN_FD };

  /* Not our child: it outlives us, and its connection tells when it is gone. */
  return g_spawn_async_with_pipes_and_fds (NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, -1, -1, -1, sources, targets, 1,
                                           NULL, NULL, NULL, NULL, error);
}

static PlMediaEdge *
media_start (gpointer impl, const char *own, const char *name, GError **error)
{
  PlEdges *edges = impl;
  int listener = -1, fd = -1;

  if (edges->list->len >= PL_EDGES_MAX)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "too many calls at once need the media edge");
      return NULL;
    }
  listener = listen_socket (edges, name);
  fd = listener >= 0 ? connect_socket (edges, name) : -1;
  if (fd < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the media edge has no socket in %s: %s", edges->folder, g_strerror (errno));
  else if (!spawn (edges, listener, error))
    {
      close (fd);
      fd = -1;
    }
  if (listener >= 0)
    close (listener);
  if (fd >= 0)
    {
      PlMediaEdge *edge = edge_new (edges, own, name, fd);

      edge->claimed = TRUE;
      pl_info (ROOM, "a media edge starts", "edge", name, "own", own, NULL);
      return edge;
    }
  remove_socket (edges, name);
  return NULL;
}

static void
media_end (PlMediaEdge *edge)
{
  edge_end (edge);
}

static void
edge_end (PlMediaEdge *edge)
{
  PlEdges *edges = edge->edges;

  tell (edge, "quit");
  remove_socket (edges, edge->name);
  pl_info (ROOM, "a media edge ends", "edge", edge->name, NULL);
  g_ptr_array_remove_fast (edges->list, edge); /* frees it */
}

static void
media_leave (PlMediaEdge *edge)
{
  g_ptr_array_remove_fast (edge->edges->list, edge);
}

/* --- the interface --- */

static gboolean
media_allowed (gpointer impl, const char *own)
{
  PlEdges *edges = impl;

  return !edges->options.allowed || edges->options.allowed (edges->options.user, own);
}

static PlMediaEdge *
media_find (gpointer impl, const char *name)
{
  PlEdges *edges = impl;

  for (guint i = 0; i < edges->list->len; i++)
    {
      PlMediaEdge *edge = g_ptr_array_index (edges->list, i);

      if (edge->claimed || !g_str_equal (edge->name, name))
        continue;
      edge->claimed = TRUE;
      return edge;
    }
  return NULL;
}

static void
media_set_handlers (PlMediaEdge *edge, const PlMediaHandlers *handlers, gpointer user)
{
  edge->handlers = *handlers;
  edge->user = user;
}

static void
append_list (GString *out, const char *name, const char *const *values)
{
  for (guint i = 0; values && values[i]; i++)
    g_string_append_printf (out, "\n%s %s", name, values[i]);
}

static void
ask (PlMediaEdge *edge, const char *verb, guint section, gboolean controlling, gboolean ipv6)
{
  PlEdgesOptions *options = &edge->edges->options;
  g_autoptr (GString) out = g_string_new (NULL);

  g_string_append_printf (out, "%s %u\ncontrolling %s\nipv6 %s", verb, section, controlling ? "yes" : "no", ipv6 ? "yes" : "no");
  g_string_append_printf (out, "\ncandidates %s", pl_ice_tell_name (options->tell ? options->tell (options->user) : PL_ICE_TELL_ALL));
  append_list (out, "stun", options->stun ? options->stun (options->user, edge->own) : NULL);
  append_list (out, "turn", options->turn ? options->turn (options->user, edge->own) : NULL);
  tell (edge, out->str);
  pl_env_arm (pl_loop_env (edge->edges->loop), &edge->patience, START_TIME, on_patience, edge);
}

static void
media_open (PlMediaEdge *edge, guint section, gboolean controlling, gboolean ipv6)
{
  g_return_if_fail (section < PL_MEDIA_SECTIONS_MAX);
  if (edge->sections[section].asked)
    return;
  edge->sections[section].asked = TRUE;
  ask (edge, "open", section, controlling, ipv6);
}

static void
media_restart (PlMediaEdge *edge, guint section, gboolean controlling)
{
  g_return_if_fail (section < PL_MEDIA_SECTIONS_MAX);
  section_clear (g_steal_pointer (&edge->sections[section].opened));
  ask (edge, "restart", section, controlling, FALSE);
}

static const PlMediaSection *
media_section (PlMediaEdge *edge, guint section)
{
  return section < PL_MEDIA_SECTIONS_MAX ? edge->sections[section].opened : NULL;
}

static void
media_set_phone (PlMediaEdge *edge, guint section, const PlMediaPhone *phone)
{
  g_autoptr (GString) out = g_string_new (NULL);

  if (phone->echo)
    {
      g_string_append_printf (out, "phone %u\necho yes", section);
      tell (edge, out->str);
      return;
    }
  g_string_append_printf (out, "phone %u\nrtp %u\nrtcp %u\nthrough %s", section, phone->rtp, phone->rtcp, phone->through ? "yes" : "no");
  if (phone->key)
    g_string_append_printf (out, "\ncrypto %s %s", phone->suite, phone->key);
  tell (edge, out->str);
}

static void
media_set_far (PlMediaEdge *edge, guint section, const PlMediaFar *far)
{
  g_autoptr (GString) out = g_string_new (NULL);

  g_string_append_printf (out, "remote %u\nufrag %s\npassword %s\ndtls-client %s", section, far->ufrag, far->password,
                          far->dtls_client ? "yes" : "no");
  append_list (out, "fingerprint", far->fingerprints);
  append_list (out, "candidate", far->candidates);
  append_list (out, "rtcp-candidate", far->rtcp_candidates);
  tell (edge, out->str);
}

static const PlMediaFuncs funcs = {
  media_allowed, media_start, media_find, media_set_handlers, media_open, media_restart, media_section, media_set_phone, media_set_far,
  media_end, media_leave,
};

/* --- life --- */

/* Beside the daemon, where it was built, or where it is installed. */
static char *
find_program (void)
{
  static const char *const places[] = { "peerline-edge", "../ice/edge/peerline-edge" };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self ? g_path_get_dirname (self) : NULL;

  for (guint i = 0; folder && i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&path);
    }
  return g_strdup (PL_PKGLIBEXECDIR "/peerline-edge");
}

/* Those of a daemon before us, else just names. One that no call asks for ends with its far side. */
static void
take_up (PlEdges *edges)
{
  g_autoptr (GDir) dir = g_dir_open (edges->folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    {
      int fd = edges->list->len < PL_EDGES_MAX ? connect_socket (edges, name) : -1;

      if (fd < 0)
        {
          remove_socket (edges, name);
          continue;
        }
      edge_new (edges, "", name, fd);
      pl_info (ROOM, "a call goes on in a media edge", "edge", name, NULL);
    }
}

PlEdges *
pl_edges_new (PlLoop *loop, const PlEdgesOptions *options)
{
  PlEdges *edges = g_new0 (PlEdges, 1);
  g_autoptr (GError) error = NULL;

  edges->loop = loop;
  edges->options = *options;
  edges->folder = g_strdup (options->folder);
  edges->program = options->program ? g_strdup (options->program) : find_program ();
  edges->list = g_ptr_array_new_with_free_func (edge_free);
  edges->media = (PlMedia) { &funcs, edges };
  if (pl_file_make_dir (edges->folder, &error))
    take_up (edges);
  else
    pl_warn (ROOM, error->message, NULL);
  return edges;
}

void
pl_edges_free (PlEdges *edges)
{
  if (!edges)
    return;
  g_ptr_array_unref (edges->list);
  g_free (edges->folder);
  g_free (edges->program);
  g_free (edges);
}

const PlMedia *
pl_edges_media (PlEdges *edges)
{
  return &edges->media;
}
