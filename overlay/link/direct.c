/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/direct.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "overlay/link/tcp.h"

#define PRIORITY_FIRST 2130706431u /* of a host candidate (RFC 8445 5.1.2.1); each further one less */

struct PlDirect {
  PlAttachmentContext context;
  gboolean asking, over;
  PlAttachmentHandlers handlers;
  gpointer user;
  PlTcp *tcp;
  guint16 port;
  gboolean has_remote;
  PlNodeId node;
  guint dials;
  PlTimer *gather_timer, *event_timer, *limit_timer;
  GError *error;
  void (*over_func) (gpointer user, PlAttachment *attachment);
  gpointer over_user;
};

/* --- the end of it --- */

static void
on_fail (gpointer data)
{
  PlDirect *direct = data;
  g_autoptr (GError) error = g_steal_pointer (&direct->error);

  direct->over = TRUE;
  pl_timer_clear (&direct->gather_timer);
  pl_timer_clear (&direct->limit_timer);
  direct->handlers.failed (direct->user, (PlAttachment *) direct, error);
  direct->over_func (direct->over_user, (PlAttachment *) direct);
}

/* Takes `error`; reports it from the loop. */
static void
direct_fail (PlDirect *direct, GError *error)
{
  if (direct->over || direct->error)
    {
      g_error_free (error);
      return;
    }
  direct->error = error;
  pl_env_arm (direct->context.secure.env, &direct->event_timer, 0, on_fail, direct);
}

static void
on_limit (gpointer data)
{
  PlDirect *direct = data;

  direct_fail (direct, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                            direct->has_remote ? "no connection in time" : "no answer of the far side"));
}

/* The certificate matches the node that sent its part, or the connection is closed (6.5.1.11). */
static gboolean
is_wanted (PlDirect *direct, PlCarrier *carrier)
{
  if (!direct->over && !direct->error && pl_node_id_equal (&pl_carrier_info (carrier)->node, &direct->node))
    return TRUE;
  pl_info ("direct", "connection closed: not that of the node wanted", NULL);
  pl_carrier_close (carrier);
  pl_carrier_free (carrier);
  return FALSE;
}

static void
on_accepted (gpointer user, PlCarrier *carrier)
{
  PlDirect *direct = user;

  if (!is_wanted (direct, carrier))
    return;
  direct->over = TRUE;
  pl_timer_clear (&direct->limit_timer);
  direct->handlers.connected (direct->user, (PlAttachment *) direct, carrier);
  direct->over_func (direct->over_user, (PlAttachment *) direct);
}

static void
dial_over (PlDirect *direct)
{
  if (--direct->dials == 0)
    direct_fail (direct, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "no path to the far side was found"));
}

static void
on_dialled (gpointer user, PlCarrier *carrier)
{
  PlDirect *direct = user;

  if (pl_node_id_equal (&pl_carrier_info (carrier)->node, &direct->node))
    {
      on_accepted (direct, carrier);
      return;
    }
  is_wanted (direct, carrier);
  dial_over (direct);
}

static void
on_dial_failed (gpointer user, const GError *error)
{
  dial_over (user);
}

/* --- our part --- */

static void
add_candidate (PlDirect *direct, GArray *out, GInetAddress *inet)
{
  PlIceCandidate wire = { .overlay_link = PL_LINK_TLS_TCP_FH_NO_ICE, .type = PL_CAND_HOST, .priority = PRIORITY_FIRST - out->len };

  if (out->len >= PL_DIRECT_ADDRESSES_MAX)
    return;
  pl_ip_address_port_set (&wire.addr_port, inet, direct->port);
  wire.foundation = g_bytes_new_static ("1", 1);
  g_array_append_val (out, wire);
}

static void
add_interfaces (PlDirect *direct, GArray *out)
{
  struct ifaddrs *all = NULL;

  if (getifaddrs (&all) < 0)
    return;
  for (struct ifaddrs *i = all; i; i = i->ifa_next)
    {
      g_autoptr (GSocketAddress) address = NULL;
      GInetAddress *inet;

      if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
        continue;
      address = g_socket_address_new_from_native (i->ifa_addr, i->ifa_addr->sa_family == AF_INET ? sizeof (struct sockaddr_in)
                                                                                                 : sizeof (struct sockaddr_in6));
      inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
      if (!g_inet_address_get_is_link_local (inet) && (direct->context.loopback || !g_inet_address_get_is_loopback (inet)))
        add_candidate (direct, out, inet);
    }
  freeifaddrs (all);
}

static void
on_gather (gpointer data)
{
  PlDirect *direct = data;
  g_auto (PlAttachReqAns) local = { 0 };
  g_autoptr (GInetAddress) only = direct->context.address ? g_inet_address_new_from_string (direct->context.address) : NULL;

  local.ufrag = g_bytes_new (NULL, 0);
  local.password = g_bytes_new (NULL, 0);
  local.candidates = pl_ice_candidate_list_new ();
  if (only)
    add_candidate (direct, local.candidates, only);
  else
    add_interfaces (direct, local.candidates);
  /* Last: the handler may cancel. */
  direct->handlers.gathered (direct->user, (PlAttachment *) direct, &local);
}

/* --- the far side's part --- */

static void
dial (PlDirect *direct, const PlIceCandidate *candidate)
{
  static const PlTcpDialHandlers handlers = { on_dialled, on_dial_failed };
  g_autoptr (GInetAddress) inet = pl_ip_address_port_dup_inet (&candidate->addr_port);
  g_autofree char *host = NULL;

  if (!inet || candidate->overlay_link != PL_LINK_TLS_TCP_FH_NO_ICE || direct->dials >= PL_DIRECT_ADDRESSES_MAX
      || g_inet_address_get_is_any (inet) || g_inet_address_get_is_multicast (inet))
    return;
  host = g_inet_address_to_string (inet);
  direct->dials++;
  pl_tcp_dial (direct->tcp, host, candidate->addr_port.port, &handlers, direct);
}

/* Nothing of ICE beside what is not (6.5.1.1, 6.5.1.5). */
static gboolean
is_pure (const PlAttachReqAns *remote)
{
  for (guint i = 0; remote->candidates && i < remote->candidates->len; i++)
    {
      guint link = g_array_index (remote->candidates, PlIceCandidate, i).overlay_link;

      if (link != PL_LINK_TLS_TCP_FH_NO_ICE && link != PL_LINK_DTLS_UDP_SR_NO_ICE)
        return FALSE;
    }
  return TRUE;
}

void
pl_direct_set_remote (PlDirect *direct, const PlAttachReqAns *remote, const PlNodeId *node)
{
  if (direct->has_remote || direct->over || direct->error)
    return;
  direct->has_remote = TRUE;
  direct->node = *node;
  if (!is_pure (remote))
    {
      direct_fail (direct, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the far side offers ICE in an overlay without"));
      return;
    }
  pl_env_arm (direct->context.secure.env, &direct->limit_timer, PL_ATTACH_CONNECT_MAX, on_limit, direct);
  if (direct->asking)
    {
      pl_tcp_accept (direct->tcp); /* who came early waits in the kernel: nothing it says is lost */
      return;
    }
  for (guint i = 0; remote->candidates && i < remote->candidates->len; i++)
    dial (direct, &g_array_index (remote->candidates, PlIceCandidate, i));
  if (direct->dials == 0)
    direct_fail (direct, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "the far side offers no address"));
}

/* --- life --- */

PlDirect *
pl_direct_new (const PlAttachmentContext *context, gboolean asking, const PlAttachmentHandlers *handlers, gpointer user,
               const GError *refused)
{
  PlDirect *direct = g_new0 (PlDirect, 1);
  GError *error = refused ? g_error_copy (refused) : NULL;

  direct->context = *context;
  direct->asking = asking;
  direct->handlers = *handlers;
  direct->user = user;
  direct->tcp = pl_tcp_new (context->context, &context->secure);
  if (!error)
    direct->port = pl_tcp_bind (direct->tcp, context->address, on_accepted, direct, &error);
  if (error)
    {
      direct_fail (direct, error);
      return direct;
    }
  pl_env_arm (context->secure.env, &direct->gather_timer, 0, on_gather, direct);
  pl_env_arm (context->secure.env, &direct->limit_timer, PL_ATTACH_ANSWER_MAX, on_limit, direct);
  return direct;
}

void
pl_direct_set_over (PlDirect *direct, void (*over) (gpointer user, PlAttachment *attachment), gpointer user)
{
  direct->over_func = over;
  direct->over_user = user;
}

gboolean
pl_direct_is_over (PlDirect *direct)
{
  return direct->over;
}

void
pl_direct_free (PlDirect *direct)
{
  if (!direct)
    return;
  pl_timer_clear (&direct->gather_timer);
  pl_timer_clear (&direct->event_timer);
  pl_timer_clear (&direct->limit_timer);
  pl_tcp_free (direct->tcp);
  g_clear_error (&direct->error);
  g_free (direct);
}
