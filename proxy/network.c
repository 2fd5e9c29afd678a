/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/network.h"

#include "base/log.h"
#include "ice/agent/addresses.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ROOM "network"
#define SETTLE_TIME (30 * PL_USEC_PER_MSEC)  /* one change is several messages */
#define ROUTE_TIME PL_USEC_PER_SEC           /* for a default route after its address: by DHCP they come together */
#define READ_MAX 8192
#define SLEPT_MIN PL_USEC_PER_SEC            /* shorter is no sleep */
#define LATE (5 * PL_USEC_PER_SEC)           /* no load makes a timer that late */

struct PlNetwork {
  PlLoop *loop;
  PlNetworkFunc func;
  gpointer user;
  int netlink, clock;      /* -1: not to be had */
  guint netlink_source, clock_source;
  PlTimer *settle;
  GStrv addresses;
  gboolean routed;         /* there is a new default route */
  gboolean lost;           /* an address is gone, which was not told yet */
  gboolean waited;         /* for a default route */
  gint64 asleep;           /* microseconds this machine has slept since it started */
};

/* --- what there is --- */

static GStrv
dup_addresses (void)
{
  g_autoptr (GPtrArray) found = pl_ice_dup_addresses (TRUE, FALSE, PL_NETWORK_ADDRESSES_MAX);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < found->len; i++)
    {
      g_autofree char *text = g_inet_address_to_string (found->pdata[i]);

      g_strv_builder_add (builder, text);
    }
  return g_strv_builder_end (builder);
}

/* FALSE: the same as before. */
static gboolean
read_addresses (PlNetwork *network)
{
  g_auto (GStrv) before = g_steal_pointer (&network->addresses);

  network->addresses = dup_addresses ();
  for (guint i = 0; before && before[i]; i++)
    network->lost = network->lost || !g_strv_contains ((const char *const *) network->addresses, before[i]);
  return !before || !g_strv_equal ((const char *const *) before, (const char *const *) network->addresses);
}

/* With a carrier: what is sent before that is lost. */
static gboolean
has_address (void)
{
  g_autoptr (GPtrArray) found = pl_ice_dup_addresses (FALSE, TRUE, 1);

  return found->len > 0 && !g_inet_address_get_is_loopback (found->pdata[0]);
}

/* Nothing is sent: the kernel looks for a way only. */
static gboolean
has_route (const char *to)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (to, 9);
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);

  return socket && g_socket_connect (socket, address, NULL, NULL);
}

static gboolean
is_settled (PlNetwork *network)
{
  return network->waited || has_route ("192.0.2.1") || has_route ("2001:db8::1"); /* of nobody (RFC 5737, RFC 3849) */
}

/* --- rtnetlink --- */

static void
on_settled (gpointer data)
{
  PlNetwork *network = data;
  gboolean changed = read_addresses (network) || network->routed, settled = is_settled (network);
  g_autofree char *list = g_strjoinv (" ", network->addresses);

  network->routed = FALSE;
  network->waited = !settled;
  if (!settled)
    pl_env_arm (pl_loop_env (network->loop), &network->settle, ROUTE_TIME, on_settled, network);
  if (changed)
    {
      pl_notice (ROOM, "another network", "addresses", list, NULL);
      network->func (network->user, PL_NETWORK_CHANGED);
    }
  if (!network->lost || !settled || !has_address ())
    return;
  network->lost = FALSE;
  network->func (network->user, PL_NETWORK_MOVED);
}

static gboolean
is_default_route (const struct nlmsghdr *message)
{
  const struct rtmsg *route = NLMSG_DATA (message);

  return message->nlmsg_type == RTM_NEWROUTE && message->nlmsg_len >= NLMSG_LENGTH (sizeof *route) && route->rtm_dst_len == 0;
}

static gboolean
on_netlink (int fd, GIOCondition condition, gpointer data)
{
  PlNetwork *network = data;
  union { struct nlmsghdr header; char bytes[READ_MAX]; } buffer;
  ssize_t n = recv (fd, &buffer, sizeof buffer, MSG_DONTWAIT);
  guint len = n > 0 ? (guint) n : 0;

  for (const struct nlmsghdr *message = &buffer.header; NLMSG_OK (message, len); message = NLMSG_NEXT (message, len))
    network->routed = network->routed || is_default_route (message);
  if (network->waited)
    pl_timer_clear (&network->settle);
  network->waited = FALSE;
  if (!network->settle) /* also what was too much for us to read has happened */
    pl_env_arm (pl_loop_env (network->loop), &network->settle, SETTLE_TIME, on_settled, network);
  return G_SOURCE_CONTINUE;
}

static void
open_netlink (PlNetwork *network)
{
  struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
                                                                       | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };

  network->netlink = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (network->netlink >= 0 && bind (network->netlink, (struct sockaddr *) &address, sizeof address) == 0)
    network->netlink_source = g_unix_fd_add (network->netlink, G_IO_IN, on_netlink, network);
  else
    pl_warn (ROOM, "nobody tells of other networks here: links are found dead by their silence", "reason", g_strerror (errno), NULL);
}

/* --- sleep --- */

static void
wake (PlNetwork *network)
{
  pl_notice (ROOM, "awake again", NULL);
  read_addresses (network);
  network->func (network->user, PL_NETWORK_SLEPT);
}

static void
arm_clock (PlNetwork *network)
{
  struct itimerspec never = { .it_value = { .tv_sec = G_MAXINT32 } };

  timerfd_settime (network->clock, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

/* The wall clock was set, as it is after sleep. */
static gboolean
on_clock (int fd, GIOCondition condition, gpointer data)
{
  PlNetwork *network = data;
  gint64 asleep = pl_loop_asleep (), before = network->asleep;
  guint64 expirations;

  if (read (fd, &expirations, sizeof expirations) < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  arm_clock (network);
  network->asleep = asleep;
  if (asleep - before > SLEPT_MIN)
    wake (network);
  else
    pl_notice (ROOM, "the clock of this machine was set", NULL);
  return G_SOURCE_CONTINUE;
}

static void
on_late (gpointer data)
{
  wake (data);
}

static void
open_clock (PlNetwork *network)
{
  network->clock = timerfd_create (CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (network->clock < 0)
    return;
  arm_clock (network);
  network->asleep = pl_loop_asleep ();
  network->clock_source = g_unix_fd_add (network->clock, G_IO_IN, on_clock, network);
}

/* --- life --- */

PlNetwork *
pl_network_new (PlLoop *loop, PlNetworkFunc func, gpointer user)
{
  PlNetwork *network = g_new0 (PlNetwork, 1);

  network->loop = loop;
  network->func = func;
  network->user = user;
  open_netlink (network);
  open_clock (network);
  read_addresses (network);
  pl_loop_set_late (loop, LATE, on_late, network);
  return network;
}

void
pl_network_free (PlNetwork *network)
{
  if (!network)
    return;
  pl_loop_set_late (network->loop, 0, NULL, NULL);
  pl_timer_clear (&network->settle);
  g_clear_handle_id (&network->netlink_source, g_source_remove);
  g_clear_handle_id (&network->clock_source, g_source_remove);
  if (network->netlink >= 0)
    close (network->netlink);
  if (network->clock >= 0)
    close (network->clock);
  g_strfreev (network->addresses);
  g_free (network);
}

const char *const *
pl_network_addresses (PlNetwork *network)
{
  return (const char *const *) network->addresses;
}
