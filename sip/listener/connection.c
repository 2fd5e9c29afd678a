/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/connection.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"
#include "sip/listener/edge.h"
#include "sip/listener/frame.h"

#define ROOM "listener"
#define UNSENT_MAX (256 * 1024)  /* a phone that does not read is gone */
#define READ_SIZE 16384
#define RECENT 32                /* messages remembered so that none is sent twice */

typedef struct {
  PlFlow *flow;
  GMainContext *context;
  int fd;
  const char *local;
  PlAddress remote;
  PlFramer *framer;
  GByteArray *unsent;
  GSource *in, *out;
  guint recent[RECENT];
  guint next_recent;
  void (*gone) (gpointer user);
  gpointer user;
} Connection;

static void
drop_source (GSource **source)
{
  if (!*source)
    return;
  g_source_destroy (*source);
  g_source_unref (*source);
  *source = NULL;
}

static void
connection_closed (gpointer user)
{
  Connection *connection = user;

  drop_source (&connection->in);
  drop_source (&connection->out);
  close (connection->fd);
  pl_framer_free (connection->framer);
  g_byte_array_unref (connection->unsent);
  connection->gone (connection->user);
  g_free (connection);
}

/* FALSE: the connection is broken. */
static gboolean
flush (Connection *connection)
{
  GByteArray *unsent = connection->unsent;

  while (unsent->len > 0)
    {
      ssize_t n = send (connection->fd, unsent->data, unsent->len, MSG_NOSIGNAL);

      if (n < 0)
        return errno == EAGAIN || errno == EINTR;
      g_byte_array_remove_range (unsent, 0, n);
    }
  return TRUE;
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer data)
{
  Connection *connection = data;

  if (!flush (connection))
    {
      shutdown (fd, SHUT_RDWR); /* on_readable sees the end and closes */
      g_byte_array_set_size (connection->unsent, 0);
    }
  if (connection->unsent->len > 0)
    return G_SOURCE_CONTINUE;
  g_source_unref (connection->out);
  connection->out = NULL;
  return G_SOURCE_REMOVE;
}

static void
send_bytes (Connection *connection, const void *data, gsize len)
{
  if (connection->unsent->len + len > UNSENT_MAX)
    {
      shutdown (connection->fd, SHUT_RDWR);
      return;
    }
  g_byte_array_append (connection->unsent, data, len);
  if (connection->out)
    return;
  if (!flush (connection))
    {
      shutdown (connection->fd, SHUT_RDWR);
      return;
    }
  if (connection->unsent->len == 0)
    return;
  connection->out = g_unix_fd_source_new (connection->fd, G_IO_OUT);
  g_source_set_callback (connection->out, G_SOURCE_FUNC (on_writable), connection, NULL);
  g_source_attach (connection->out, connection->context);
}

/* The transaction layer repeats itself as it believes to be on UDP; a 2xx is repeated by the
 * far phone until it is acknowledged and must pass (RFC 3261, 13.3.1.4). */
static gboolean
is_repetition (Connection *connection, const guint8 *data, gsize len)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, len);
  guint hash = g_bytes_hash (bytes);

  if (pl_edge_kind (data, len) == PL_EDGE_RESPONSE && len > 8 && data[8] == '2')
    return FALSE;
  for (guint i = 0; i < RECENT; i++)
    if (connection->recent[i] == hash)
      return TRUE;
  connection->recent[connection->next_recent++ % RECENT] = hash;
  return FALSE;
}

static void
connection_out (gpointer user, const guint8 *data, gsize len)
{
  Connection *connection = user;
  g_autofree char *host = pl_address_dup_host (&connection->remote);
  PlEdgeOut out = { connection->local, "TCP", host, pl_address_port (&connection->remote) };
  g_autoptr (GBytes) message = NULL;

  if (is_repetition (connection, data, len))
    return;
  message = pl_edge_out (data, len, &out);
  if (message)
    send_bytes (connection, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
}

/* FALSE: no SIP comes here any more. */
static gboolean
take_messages (Connection *connection)
{
  for (;;)
    {
      g_autoptr (GBytes) message = NULL;

      switch (pl_framer_pop (connection->framer, &message))
        {
        case PL_FRAME_MORE:
          return TRUE;
        case PL_FRAME_BAD:
          pl_info (ROOM, "a phone's connection is closed: what it sends is no SIP", NULL);
          return FALSE;
        case PL_FRAME_PING:
          send_bytes (connection, "\r\n", 2);
          break;
        case PL_FRAME_MESSAGE:
          pl_flow_in (connection->flow, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
          break;
        }
    }
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  Connection *connection = data;
  guint8 buffer[READ_SIZE];
  ssize_t n = recv (fd, buffer, sizeof buffer, 0);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n > 0)
    {
      pl_framer_push (connection->framer, buffer, n);
      if (take_messages (connection))
        return G_SOURCE_CONTINUE;
    }
  pl_flow_close (connection->flow); /* frees the connection */
  return G_SOURCE_REMOVE;
}

void
pl_connection_open (const PlConnectionOptions *options)
{
  static const PlFlowHandlers handlers = { connection_out, connection_closed };
  Connection *connection = g_new0 (Connection, 1);

  connection->context = options->context;
  connection->fd = options->fd;
  connection->local = options->local;
  connection->remote = *options->remote;
  connection->framer = pl_framer_new ();
  connection->unsent = g_byte_array_new ();
  connection->gone = options->gone;
  connection->user = options->user;
  connection->flow = pl_hub_open (options->hub, PL_FLOW_TCP, options->name, &handlers, connection);
  connection->in = g_unix_fd_source_new (connection->fd, G_IO_IN);
  g_source_set_callback (connection->in, G_SOURCE_FUNC (on_readable), connection, NULL);
  g_source_attach (connection->in, options->context);
}
