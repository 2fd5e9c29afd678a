/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/link/transport.h"

#include "base/log.h"
#include "ice/stun/server.h"
#include "overlay/link/attachment.h"
#include "overlay/link/direct.h"
#include "overlay/link/multicast.h"
#include "overlay/link/tcp.h"

#define ATTACHMENTS_MAX 64   /* at once */
#define SERVERS_MAX 16       /* STUN and TURN, each */

typedef struct {
  GMainContext *context;
  PlIdentity *identity;
  PlTlsCredentials *credentials;
  GPtrArray *retired;         /* PlTlsCredentials of before, which sessions borrow; NULL: none */
  PlTcp *tcp;
  PlStunServer *stun_server;
  PlMulticast *multicast;    /* NULL: no groups */
  PlAttachmentContext attach;
  char *address;
  guint16 port;               /* where we listen, 0: nowhere */
  GPtrArray *stun, *turn;    /* numeric "host:port", NULL-terminated */
  GStrv found;               /* TURN servers of the overlay, may be NULL */
  guint stun_index;
  GHashTable *attachments;   /* PlAttachment, or PlDirect without ICE */
  gboolean no_ice;
  GPtrArray *dials;          /* Dial */
  GCancellable *resolving;
  PlAcceptFunc accept;
  gpointer accept_user;
} Real;

typedef struct {
  Real *real;
  PlDialHandlers handlers;
  gpointer user;
} Dial;

/* A server given by name. */
typedef struct {
  Real *real;
  GPtrArray *list;
  char *prefix;   /* "user:password@" or "" */
  guint16 port;
} Lookup;

/* --- servers --- */

static void
list_add (GPtrArray *list, const char *prefix, GInetAddress *inet, guint16 port)
{
  g_autofree char *host = g_inet_address_to_string (inet);

  if (list->len > SERVERS_MAX) /* one is the NULL at the end */
    return;
  g_ptr_array_insert (list, list->len - 1,
                      g_strdup_printf (strchr (host, ':') ? "%s[%s]:%u" : "%s%s:%u", prefix, host, port));
}

static void
lookup_free (Lookup *lookup)
{
  g_free (lookup->prefix);
  g_free (lookup);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer data)
{
  Lookup *lookup = data;
  g_autoptr (GError) error = NULL;
  GList *addresses = g_resolver_lookup_by_name_finish (G_RESOLVER (source), result, &error);

  if (addresses) /* with an error the transport may be gone */
    list_add (lookup->list, lookup->prefix, addresses->data, lookup->port);
  g_resolver_free_addresses (addresses);
  lookup_free (lookup);
}

/* "[user:password@]host:port" */
static void
add_server (Real *real, GPtrArray *list, const char *text)
{
  const char *at = strrchr (text, '@'), *host_port = at ? at + 1 : text;
  g_autoptr (GSocketConnectable) parsed = g_network_address_parse (host_port, 0, NULL);
  g_autofree char *prefix = g_strndup (text, host_port - text);
  g_autoptr (GInetAddress) inet = NULL;
  const char *host;
  guint16 port;

  if (!parsed || g_network_address_get_port (G_NETWORK_ADDRESS (parsed)) == 0)
    {
      pl_notice ("transport", "server left out: it needs host:port", "server", host_port, NULL);
      return;
    }
  host = g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed));
  port = g_network_address_get_port (G_NETWORK_ADDRESS (parsed));
  inet = g_inet_address_new_from_string (host);
  if (inet)
    {
      list_add (list, prefix, inet, port);
    }
  else
    {
      g_autoptr (GResolver) resolver = g_resolver_get_default ();
      Lookup *lookup = g_new0 (Lookup, 1);

      *lookup = (Lookup){ real, list, g_steal_pointer (&prefix), port };
      g_main_context_push_thread_default (real->context);
      g_resolver_lookup_by_name_async (resolver, host, real->resolving, on_resolved, lookup);
      g_main_context_pop_thread_default (real->context);
    }
}

static GPtrArray *
make_list (Real *real, const char *const *servers)
{
  GPtrArray *list = g_ptr_array_new_full (SERVERS_MAX + 1, g_free); /* attachments borrow its data: it never moves */

  g_ptr_array_add (list, NULL);
  for (guint i = 0; servers && servers[i]; i++)
    add_server (real, list, servers[i]);
  return list;
}

/* --- attachments --- */

static void
on_over (gpointer user, PlAttachment *attachment)
{
  g_hash_table_remove (((Real *) user)->attachments, attachment);
}

static PlAttachment *
real_attach (gpointer impl, PlAttachPurpose purpose, gboolean controlling, const PlAttachmentHandlers *handlers,
             gpointer user)
{
  Real *real = impl;
  g_autoptr (GError) refused = NULL;
  PlAttachment *attachment;

  if (g_hash_table_size (real->attachments) >= ATTACHMENTS_MAX)
    refused = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "too many attachments at once");
  real->attach.stun = (const char *const *) real->stun->pdata;
  real->attach.turn = (const char *const *) (real->turn->len > 1 || !real->found ? (GStrv) real->turn->pdata : real->found);
  if (real->no_ice)
    {
      PlDirect *direct = pl_direct_new (&real->attach, controlling, handlers, user, refused);

      pl_direct_set_over (direct, on_over, real);
      g_hash_table_add (real->attachments, direct);
      return (PlAttachment *) direct;
    }
  attachment = pl_attachment_new (&real->attach, purpose, controlling, handlers, user, refused);
  pl_attachment_set_over (attachment, on_over, real);
  g_hash_table_add (real->attachments, attachment);
  return attachment;
}

static void
real_remote (gpointer impl, PlAttachment *attachment, const PlAttachReqAns *remote, const PlNodeId *node)
{
  if (((Real *) impl)->no_ice)
    pl_direct_set_remote ((PlDirect *) attachment, remote, node);
  else
    pl_attachment_set_remote (attachment, remote, node);
}

static void
real_cancel (gpointer impl, PlAttachment *attachment)
{
  Real *real = impl;

  if (real->no_ice ? !pl_direct_is_over ((PlDirect *) attachment) : !pl_attachment_is_over (attachment))
    g_hash_table_remove (real->attachments, attachment);
}

/* --- TLS over TCP --- */

static void
on_dialled (gpointer user, PlCarrier *carrier)
{
  Dial *dial = user;
  PlDialHandlers handlers = dial->handlers;
  gpointer dial_user = dial->user;

  g_ptr_array_remove_fast (dial->real->dials, dial);
  handlers.connected (dial_user, carrier);
}

static void
on_dial_failed (gpointer user, const GError *error)
{
  Dial *dial = user;
  PlDialHandlers handlers = dial->handlers;
  gpointer dial_user = dial->user;

  g_ptr_array_remove_fast (dial->real->dials, dial);
  handlers.failed (dial_user, error);
}

static void
real_dial (gpointer impl, const char *host, guint16 port, const PlDialHandlers *handlers, gpointer user)
{
  static const PlTcpDialHandlers tcp_handlers = { on_dialled, on_dial_failed };
  Real *real = impl;
  Dial *dial = g_new0 (Dial, 1);

  *dial = (Dial){ real, *handlers, user };
  g_ptr_array_add (real->dials, dial);
  pl_tcp_dial (real->tcp, host, port, &tcp_handlers, dial);
}

static void
on_accepted (gpointer user, PlCarrier *carrier)
{
  Real *real = user;

  if (real->accept)
    real->accept (real->accept_user, carrier);
  else
    pl_carrier_free (carrier);
}

static void
real_set_accept (gpointer impl, PlAcceptFunc func, gpointer user)
{
  Real *real = impl;

  real->accept = func;
  real->accept_user = user;
}

static guint16
real_listens (gpointer impl)
{
  return ((Real *) impl)->port;
}

static void
real_set_turn (gpointer impl, const char *const *servers)
{
  Real *real = impl;

  g_strfreev (real->found);
  real->found = g_strdupv ((GStrv) servers);
}

static void
real_moved (gpointer impl)
{
  pl_tcp_fail_dials (((Real *) impl)->tcp, "the network has changed");
}

static void
real_renewed (gpointer impl)
{
  Real *real = impl;
  g_autoptr (GError) error = NULL;
  PlTlsCredentials *credentials;

  if (real->attach.secure.identity) /* a shared secret: the proofs have it from the identity */
    return;
  credentials = pl_tls_credentials_new (pl_identity_gnutls_key (real->identity),
                                        pl_cert_der (pl_identity_cert (real->identity)), &error);
  if (!credentials)
    {
      pl_warn ("transport", "the renewed certificate can't be shown on links", "reason", error->message, NULL);
      return;
    }
  if (!real->retired)
    real->retired = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_tls_credentials_free);
  g_ptr_array_add (real->retired, real->credentials);
  real->credentials = real->attach.secure.credentials = credentials;
  pl_tcp_set_credentials (real->tcp, credentials);
}

/* --- discovery --- */

static void
real_set_groups (gpointer impl, const GArray *groups, PlDatagramFunc func, gpointer user)
{
  Real *real = impl;
  PlMulticastOptions options = { real->context, real->address, groups, real->port != 0 };

  g_clear_pointer (&real->multicast, pl_multicast_free);
  if (groups->len == 0)
    return;
  if (real->stun_server)
    pl_stun_server_share (real->stun_server, TRUE);
  real->multicast = pl_multicast_new (&options, func, user);
  if (real->stun_server)
    pl_stun_server_share (real->stun_server, FALSE);
}

static void
real_discover (gpointer impl, GBytes *datagram)
{
  Real *real = impl;

  if (real->multicast)
    pl_multicast_send (real->multicast, datagram);
}

static void
real_answer (gpointer impl, const char *to, GBytes *datagram)
{
  Real *real = impl;
  g_autoptr (GSocketConnectable) parsed = g_network_address_parse (to, 0, NULL);
  g_autoptr (GSocketAddress) address =
    parsed ? g_inet_socket_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed)),
                                                    g_network_address_get_port (G_NETWORK_ADDRESS (parsed))) : NULL;

  if (address && real->stun_server)
    pl_stun_server_send (real->stun_server, address, g_bytes_get_data (datagram, NULL), g_bytes_get_size (datagram));
}

/* --- life --- */

static void
real_free (gpointer impl)
{
  Real *real = impl;

  if (real->resolving)
    g_cancellable_cancel (real->resolving);
  g_clear_object (&real->resolving);
  g_clear_pointer (&real->attachments, g_hash_table_unref);
  g_clear_pointer (&real->multicast, pl_multicast_free);
  g_clear_pointer (&real->tcp, pl_tcp_free);
  g_clear_pointer (&real->dials, g_ptr_array_unref);
  g_clear_pointer (&real->stun_server, pl_stun_server_free);
  g_clear_pointer (&real->stun, g_ptr_array_unref);
  g_clear_pointer (&real->turn, g_ptr_array_unref);
  g_strfreev (real->found);
  g_clear_pointer (&real->credentials, pl_tls_credentials_free);
  g_clear_pointer (&real->retired, g_ptr_array_unref);
  g_clear_pointer (&real->identity, pl_identity_unref);
  g_main_context_unref (real->context);
  g_free (real->address);
  g_free (real);
}

static gboolean
real_listen (Real *real, PlEnv *env, guint16 port, GError **error)
{
  if (port == 0)
    return TRUE;
  if (!pl_tcp_listen (real->tcp, real->address, port, on_accepted, real, error))
    return FALSE;
  real->stun_server = pl_stun_server_new (env, real->context, real->address, port, error);
  if (!real->stun_server)
    g_prefix_error (error, "overlay port %u (UDP): ", port);
  real->port = port;
  return real->stun_server != NULL;
}

static PlTlsCredentials *
make_credentials (PlIdentity *identity, GBytes *secrets, GError **error)
{
  gsize len = 0;
  const guint8 *data = secrets ? g_bytes_get_data (secrets, &len) : NULL;
  PlTlsCredentials *credentials;

  if (!secrets)
    return pl_tls_credentials_new (pl_identity_gnutls_key (identity), pl_cert_der (pl_identity_cert (identity)), error);
  credentials = pl_tls_credentials_new_secret (data, len / PL_TLS_SECRET_LEN);
  if (!credentials)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "no shared secret, or too many");
  return credentials;
}

PlTransport *
pl_transport_real_new (PlEnv *env, GMainContext *context, PlIdentity *identity, PlTrust *trust,
                       const PlTransportOptions *options, GError **error)
{
  static const PlTransportFuncs funcs = { real_attach, real_remote, real_cancel, real_dial, real_set_accept, real_listens,
                                          real_set_turn, real_renewed, real_moved, real_set_groups, real_discover, real_answer, real_free };
  Real *real = g_new0 (Real, 1);

  real->context = g_main_context_ref (context ? context : g_main_context_default ());
  real->identity = pl_identity_ref (identity);
  real->address = g_strdup (options->listen_address);
  real->no_ice = options->no_ice;
  real->attachments = g_hash_table_new_full (NULL, NULL, options->no_ice ? (GDestroyNotify) pl_direct_free
                                                                         : (GDestroyNotify) pl_attachment_free, NULL);
  real->dials = g_ptr_array_new_with_free_func (g_free);
  real->resolving = g_cancellable_new ();
  real->credentials = make_credentials (identity, options->secrets, error);
  real->attach.secure = (PlSecureContext){ env, real->credentials, trust, pl_identity_node_id (identity),
                                           options->secrets ? real->identity : NULL };
  real->attach.context = real->context;
  real->attach.address = real->address;
  real->attach.loopback = options->allow_loopback;
  real->attach.tell = options->tell;
  real->attach.stun_index = &real->stun_index;
  real->tcp = pl_tcp_new (real->context, &real->attach.secure);
  pl_tcp_set_rate (real->tcp, options->connections);
  real->stun = make_list (real, options->stun);
  real->turn = make_list (real, options->turn);
  if (real->credentials && real_listen (real, env, options->listen_port, error))
    return pl_transport_new (&funcs, real);
  real_free (real);
  return NULL;
}
