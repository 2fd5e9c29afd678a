/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/hub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "sip/listener/edge.h"
#include "sip/listener/fault.h"

#define ROOM "listener"
#define ADDRESS_BASE 0x7f400000u    /* 127.64.0.0 */
#define ADDRESS_BITS 22
#define REMEMBERED_MAX 512          /* names on disk */
#define STATE_FILE_MAX (256 * 1024)
#define STATE_GROUP "flows"
#define SAVE_DELAY (100 * PL_USEC_PER_MSEC)
#define READS_PER_DISPATCH 64       /* then others have their turn */
#define SOCKET_BUFFER (1 << 20)

/* Messages per second and burst, by PlFlowKind. A phone is the user's own; a link is a stranger. */
static const struct { guint rate, burst; } limits[] = {
  [PL_FLOW_UDP] = { 2000, 4000 },
  [PL_FLOW_TCP] = { 2000, 4000 },
  [PL_FLOW_FAR] = { 200, 400 },
};

struct PlFlow {
  PlHub *hub;
  PlFlowKind kind;
  char *name;
  char *route;
  guint32 address; /* host order */
  PlFlowHandlers handlers;
  gpointer user;
  gint64 used;
  double tokens;
  gint64 refilled;
  guint64 dropped;
};

struct PlHub {
  PlEnv *env;
  char *state_path;
  int fd;
  guint16 port;
  struct sockaddr_in stack;
  GSource *source;
  GHashTable *by_name;       /* borrowed name -> PlFlow */
  GHashTable *by_address;    /* host order -> PlFlow */
  GHashTable *remembered;    /* name -> address, also of flows not open now */
  GQueue *remembered_order;  /* borrowed names, oldest first */
  PlTimer *save_timer;
  PlHubRevive revive;
  gpointer revive_user;
};

/* --- what outlives us --- */

static void
remember (PlHub *hub, const char *name, guint32 address)
{
  char *key;

  if (g_hash_table_contains (hub->remembered, name))
    return;
  if (g_queue_get_length (hub->remembered_order) >= REMEMBERED_MAX)
    g_hash_table_remove (hub->remembered, g_queue_pop_head (hub->remembered_order));
  key = g_strdup (name);
  g_hash_table_insert (hub->remembered, key, GUINT_TO_POINTER (address));
  g_queue_push_tail (hub->remembered_order, key);
}

static void
on_save (gpointer data)
{
  PlHub *hub = data;
  g_autoptr (GString) text = g_string_new ("[" STATE_GROUP "]\n");
  g_autoptr (GError) error = NULL;

  g_string_append_printf (text, "version=1\nport=%u\n", hub->port);
  for (GList *l = hub->remembered_order->head; l; l = l->next)
    g_string_append_printf (text, "flow%u=%u %s\n", (guint) g_queue_link_index (hub->remembered_order, l),
                            GPOINTER_TO_UINT (g_hash_table_lookup (hub->remembered, l->data)), (char *) l->data);
  if (!pl_file_write (hub->state_path, text->str, text->len, 0600, &error))
    pl_warn (ROOM, "flows cannot be saved", "reason", error->message, NULL);
}

static void
load_entry (PlHub *hub, const char *value)
{
  const char *space = strchr (value, ' ');
  g_autofree char *number = space ? g_strndup (value, space - value) : NULL;
  guint64 address;

  if (number && strlen (space + 1) <= PL_FLOW_NAME_MAX
      && g_ascii_string_to_unsigned (number, 10, ADDRESS_BASE, ADDRESS_BASE + (1u << ADDRESS_BITS) - 1, &address, NULL))
    remember (hub, space + 1, address);
}

/* Returns the port of last time, 0: none. */
static guint16
load_state (PlHub *hub)
{
  g_autoptr (GBytes) bytes = pl_file_read (hub->state_path, STATE_FILE_MAX, NULL);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) keys = NULL;
  int port;

  if (!bytes || !g_key_file_load_from_bytes (file, bytes, G_KEY_FILE_NONE, NULL)
      || g_key_file_get_integer (file, STATE_GROUP, "version", NULL) != 1)
    return 0;
  keys = g_key_file_get_keys (file, STATE_GROUP, NULL, NULL);
  for (char **key = keys; key && *key; key++)
    if (g_str_has_prefix (*key, "flow"))
      {
        g_autofree char *value = g_key_file_get_value (file, STATE_GROUP, *key, NULL);

        load_entry (hub, value);
      }
  port = g_key_file_get_integer (file, STATE_GROUP, "port", NULL);
  return port > 0 && port <= G_MAXUINT16 ? port : 0;
}

/* --- the socket --- */

static void
on_datagram (PlHub *hub, const guint8 *data, gsize len, struct in_addr to)
{
  PlFlow *flow = pl_hub_find_address (hub, to.s_addr, hub->port);

  if (!flow)
    {
      pl_debug (ROOM, "message to a flow that is gone", NULL);
      return;
    }
  pl_flow_out (flow, data, len);
}

/* Where a datagram was sent to (IP_PKTINFO). */
static gboolean
destination_of (struct msghdr *header, struct in_addr *to)
{
  for (struct cmsghdr *c = CMSG_FIRSTHDR (header); c; c = CMSG_NXTHDR (header, c))
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
      {
        struct in_pktinfo info;

        memcpy (&info, CMSG_DATA (c), sizeof info);
        *to = info.ipi_addr;
        return TRUE;
      }
  return FALSE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  PlHub *hub = data;
  static guint8 buffer[PL_EDGE_MESSAGE_MAX + 1]; /* one thread, not reentered */

  for (int i = 0; i < READS_PER_DISPATCH; i++)
    {
      union { struct cmsghdr align; char bytes[CMSG_SPACE (sizeof (struct in_pktinfo))]; } control;
      struct sockaddr_in from;
      struct iovec part = { buffer, sizeof buffer };
      struct msghdr header = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
                               .msg_control = &control, .msg_controllen = sizeof control };
      struct in_addr to;
      ssize_t n = recvmsg (fd, &header, 0);

      if (n < 0)
        break;
      /* Only the transaction layer holds that address and port. */
      if (n == 0 || (header.msg_flags & MSG_TRUNC) || from.sin_port != hub->stack.sin_port
          || from.sin_addr.s_addr != hub->stack.sin_addr.s_addr || !destination_of (&header, &to))
        continue;
      on_datagram (hub, buffer, n, to);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
bind_socket (PlHub *hub, guint16 port)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_ANY) };
  socklen_t len = sizeof in;

  if (bind (hub->fd, (struct sockaddr *) &in, sizeof in) < 0 || getsockname (hub->fd, (struct sockaddr *) &in, &len) < 0)
    return FALSE;
  hub->port = ntohs (in.sin_port);
  return TRUE;
}

static gboolean
open_socket (PlHub *hub, guint16 port, GError **error)
{
  const int on = 1, size = SOCKET_BUFFER;

  hub->fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (hub->fd < 0 || !((port && bind_socket (hub, port)) || bind_socket (hub, 0))
      || setsockopt (hub->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "opening the inner SIP socket: %s", g_strerror (errno));
      return FALSE;
    }
  setsockopt (hub->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt (hub->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return TRUE;
}

/* Our own descriptor that is bound to 127.0.0.1:port, -1: none. */
static int
find_descriptor (guint16 port)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    {
      guint64 fd;
      struct sockaddr_in in = { 0 };
      socklen_t len = sizeof in;
      int type = 0;
      socklen_t type_len = sizeof type;

      if (g_ascii_string_to_unsigned (name, 10, 0, G_MAXINT, &fd, NULL)
          && getsockname (fd, (struct sockaddr *) &in, &len) == 0 && in.sin_family == AF_INET
          && ntohs (in.sin_port) == port && in.sin_addr.s_addr == htonl (INADDR_LOOPBACK)
          && getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_DGRAM)
        return fd;
    }
  return -1;
}

/* Lets through only what comes from our hub's port on this machine. */
static gboolean
attach_filter (int fd, guint16 port)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_H | BPF_ABS, 0),                             /* UDP source port */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, port, 0, 3),
    BPF_STMT (BPF_LD | BPF_B | BPF_ABS, (guint32) SKF_NET_OFF + 12),    /* first byte of the source address */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, 127, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, 0xffffffff),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

PlHub *
pl_hub_new (PlEnv *env, GMainContext *context, const char *state_path, GError **error)
{
  g_autoptr (PlHub) hub = g_new0 (PlHub, 1);

  hub->env = env;
  hub->fd = -1;
  hub->state_path = g_strdup (state_path);
  hub->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  hub->by_address = g_hash_table_new (NULL, NULL);
  hub->remembered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  hub->remembered_order = g_queue_new ();
  if (!open_socket (hub, load_state (hub), error))
    return NULL;
  hub->source = g_unix_fd_source_new (hub->fd, G_IO_IN);
  g_source_set_callback (hub->source, G_SOURCE_FUNC (on_readable), hub, NULL);
  g_source_attach (hub->source, context);
  return g_steal_pointer (&hub);
}

void
pl_hub_free (PlHub *hub)
{
  GHashTableIter iter;
  gpointer flow;

  if (!hub)
    return;
  if (hub->save_timer)
    on_save (hub);
  pl_timer_clear (&hub->save_timer);
  for (;;)
    {
      g_hash_table_iter_init (&iter, hub->by_name);
      if (!g_hash_table_iter_next (&iter, NULL, &flow))
        break;
      pl_flow_close (flow);
    }
  if (hub->source)
    {
      g_source_destroy (hub->source);
      g_source_unref (hub->source);
    }
  if (hub->fd >= 0)
    close (hub->fd);
  g_hash_table_unref (hub->by_name);
  g_hash_table_unref (hub->by_address);
  g_queue_free (hub->remembered_order);
  g_hash_table_unref (hub->remembered);
  g_free (hub->state_path);
  g_free (hub);
}

void
pl_hub_set_revive (PlHub *hub, PlHubRevive revive, gpointer user)
{
  hub->revive = revive;
  hub->revive_user = user;
}

gboolean
pl_hub_set_stack (PlHub *hub, guint16 port, GError **error)
{
  const int size = SOCKET_BUFFER;
  int fd = find_descriptor (port);

  hub->stack.sin_family = AF_INET;
  hub->stack.sin_port = htons (port);
  hub->stack.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (fd < 0 || !attach_filter (fd, hub->port))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "guarding the inner SIP socket: %s",
                   fd < 0 ? "not found" : g_strerror (errno));
      return FALSE;
    }
  setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return TRUE;
}

/* --- flows --- */

static guint32
new_address (PlHub *hub)
{
  for (;;)
    {
      guint32 address = ADDRESS_BASE + (guint32) pl_env_random_below (hub->env, 1u << ADDRESS_BITS);
      gboolean taken = (address & 0xff) == 0 || g_hash_table_contains (hub->by_address, GUINT_TO_POINTER (address));

      for (GList *l = hub->remembered_order->head; l && !taken; l = l->next)
        taken = GPOINTER_TO_UINT (g_hash_table_lookup (hub->remembered, l->data)) == address;
      if (!taken)
        return address;
    }
}

static void
make_room (PlHub *hub)
{
  GHashTableIter iter;
  gpointer value;
  PlFlow *oldest = NULL;

  if (g_hash_table_size (hub->by_name) < PL_FLOWS_MAX)
    return;
  g_hash_table_iter_init (&iter, hub->by_name);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (!oldest || ((PlFlow *) value)->used < oldest->used)
      oldest = value;
  pl_flow_close (oldest);
}

PlFlow *
pl_hub_open (PlHub *hub, PlFlowKind kind, const char *name, const PlFlowHandlers *handlers, gpointer user)
{
  PlFlow *flow;
  guint32 address = GPOINTER_TO_UINT (g_hash_table_lookup (hub->remembered, name));
  struct in_addr in;
  char text[INET_ADDRSTRLEN];

  g_return_val_if_fail (!g_hash_table_contains (hub->by_name, name), NULL);
  make_room (hub);
  if (!address)
    {
      address = new_address (hub);
      /* A connection does not outlive us, so its address need not. */
      if (kind != PL_FLOW_TCP)
        {
          remember (hub, name, address);
          pl_env_arm (hub->env, &hub->save_timer, SAVE_DELAY, on_save, hub);
        }
    }
  in.s_addr = htonl (address);
  flow = g_new0 (PlFlow, 1);
  flow->hub = hub;
  flow->kind = kind;
  flow->name = g_strdup (name);
  flow->route = g_strdup_printf ("sip:%s:%u", inet_ntop (AF_INET, &in, text, sizeof text), hub->port);
  flow->address = address;
  flow->handlers = *handlers;
  flow->user = user;
  flow->used = flow->refilled = pl_env_now (hub->env);
  flow->tokens = limits[kind].burst;
  g_hash_table_insert (hub->by_name, flow->name, flow);
  g_hash_table_insert (hub->by_address, GUINT_TO_POINTER (address), flow);
  return flow;
}

void
pl_flow_close (PlFlow *flow)
{
  if (!flow)
    return;
  g_hash_table_remove (flow->hub->by_name, flow->name);
  g_hash_table_remove (flow->hub->by_address, GUINT_TO_POINTER (flow->address));
  if (flow->handlers.closed)
    flow->handlers.closed (flow->user);
  g_free (flow->name);
  g_free (flow->route);
  g_free (flow);
}

PlFlow *
pl_hub_find (PlHub *hub, const char *name)
{
  return g_hash_table_lookup (hub->by_name, name);
}

static const char *
remembered_name (PlHub *hub, guint32 address)
{
  for (GList *l = hub->remembered_order->head; l; l = l->next)
    if (GPOINTER_TO_UINT (g_hash_table_lookup (hub->remembered, l->data)) == address)
      return l->data;
  return NULL;
}

PlFlow *
pl_hub_find_address (PlHub *hub, guint32 address, guint16 port)
{
  PlFlow *flow = g_hash_table_lookup (hub->by_address, GUINT_TO_POINTER (ntohl (address)));
  const char *name;

  if (port != hub->port)
    return NULL;
  if (flow || !hub->revive || !(name = remembered_name (hub, ntohl (address))))
    return flow;
  {
    g_autofree char *copy = g_strdup (name);

    hub->revive (hub->revive_user, copy);
    return g_hash_table_lookup (hub->by_name, copy);
  }
}

PlFlowKind
pl_flow_kind (const PlFlow *flow)
{
  return flow->kind;
}

const char *
pl_flow_name (const PlFlow *flow)
{
  return flow->name;
}

gpointer
pl_flow_user (const PlFlow *flow)
{
  return flow->user;
}

const char *
pl_flow_route (const PlFlow *flow)
{
  return flow->route;
}

static gboolean
within_rate (PlFlow *flow)
{
  gint64 now = pl_env_now (flow->hub->env);
  double earned = (double) (now - flow->refilled) * limits[flow->kind].rate / PL_USEC_PER_SEC;

  flow->refilled = now;
  flow->tokens = MIN (flow->tokens + earned, limits[flow->kind].burst);
  if (flow->tokens < 1)
    return FALSE;
  flow->tokens -= 1;
  return TRUE;
}

static gboolean
send_to_stack (PlFlow *flow, GBytes *message)
{
  union { struct cmsghdr align; char bytes[CMSG_SPACE (sizeof (struct in_pktinfo))]; } control = { 0 };
  struct iovec part;
  struct msghdr header = { .msg_name = &flow->hub->stack, .msg_namelen = sizeof flow->hub->stack, .msg_iov = &part,
                           .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  struct cmsghdr *c = CMSG_FIRSTHDR (&header);
  struct in_pktinfo info = { 0 };

  part.iov_base = (gpointer) g_bytes_get_data (message, &part.iov_len);
  info.ipi_spec_dst.s_addr = htonl (flow->address);
  c->cmsg_level = IPPROTO_IP;
  c->cmsg_type = IP_PKTINFO;
  c->cmsg_len = CMSG_LEN (sizeof info);
  memcpy (CMSG_DATA (c), &info, sizeof info);
  return sendmsg (flow->hub->fd, &header, MSG_NOSIGNAL) >= 0;
}

gboolean
pl_flow_in (PlFlow *flow, const guint8 *data, gsize len)
{
  g_autoptr (GBytes) message = NULL;
  const char *phrase;
  guint status;

  flow->used = pl_env_now (flow->hub->env);
  if (pl_edge_kind (data, len) == PL_EDGE_NONE)
    return FALSE;
  if (!within_rate (flow))
    {
      if (flow->dropped++ % 1000 == 0)
        pl_notice (ROOM, "too many messages, some are dropped", "flow", flow->name, NULL);
      return FALSE;
    }
  status = pl_fault_of (data, len, &phrase);
  if (status)
    {
      message = pl_fault_answer (data, len, status, phrase);
      if (message)
        pl_flow_out (flow, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
      return message != NULL;
    }
  message = pl_edge_in (data, len);
  return message && g_bytes_get_size (message) <= PL_EDGE_MESSAGE_MAX && send_to_stack (flow, message);
}

void
pl_flow_out (PlFlow *flow, const guint8 *data, gsize len)
{
  flow->used = pl_env_now (flow->hub->env);
  flow->handlers.out (flow->user, data, len);
}
