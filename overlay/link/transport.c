/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/transport.h"

struct PlTransport {
  PlTransportFuncs funcs;
  gpointer impl;
};

PlTransport *
pl_transport_new (const PlTransportFuncs *funcs, gpointer impl)
{
  PlTransport *transport = g_new0 (PlTransport, 1);

  transport->funcs = *funcs;
  transport->impl = impl;
  return transport;
}

void
pl_transport_free (PlTransport *transport)
{
  if (!transport)
    return;
  transport->funcs.free (transport->impl);
  g_free (transport);
}

PlAttachment *
pl_transport_attach (PlTransport *transport, PlAttachPurpose purpose, gboolean controlling,
                     const PlAttachmentHandlers *handlers, gpointer user)
{
  return transport->funcs.attach (transport->impl, purpose, controlling, handlers, user);
}

void
pl_transport_remote (PlTransport *transport, PlAttachment *attachment, const PlAttachReqAns *remote,
                     const PlNodeId *node)
{
  transport->funcs.remote (transport->impl, attachment, remote, node);
}

void
pl_transport_cancel (PlTransport *transport, PlAttachment *attachment)
{
  transport->funcs.cancel (transport->impl, attachment);
}

void
pl_transport_dial (PlTransport *transport, const char *host, guint16 port, const PlDialHandlers *handlers,
                   gpointer user)
{
  transport->funcs.dial (transport->impl, host, port, handlers, user);
}

void
pl_transport_set_accept (PlTransport *transport, PlAcceptFunc func, gpointer user)
{
  transport->funcs.set_accept (transport->impl, func, user);
}

guint16
pl_transport_listens (PlTransport *transport)
{
  return transport->funcs.listens (transport->impl);
}

void
pl_transport_set_turn (PlTransport *transport, const char *const *servers)
{
  transport->funcs.set_turn (transport->impl, servers);
}

void
pl_transport_moved (PlTransport *transport)
{
  transport->funcs.moved (transport->impl);
}

void
pl_transport_renewed (PlTransport *transport)
{
  transport->funcs.renewed (transport->impl);
}

void
pl_transport_set_groups (PlTransport *transport, const GArray *groups, PlDatagramFunc func, gpointer user)
{
  transport->funcs.set_groups (transport->impl, groups, func, user);
}

void
pl_transport_discover (PlTransport *transport, GBytes *datagram)
{
  transport->funcs.discover (transport->impl, datagram);
}

void
pl_transport_answer (PlTransport *transport, const char *to, GBytes *datagram)
{
  transport->funcs.answer (transport->impl, to, datagram);
}
