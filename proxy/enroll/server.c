/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/server.h"

#include <libsoup/soup.h>
#include <string.h>

#include "overlay/ident/cert.h"

#define FIELD_MAX 1024       /* bytes of a form's text */
#define PARTS_MAX 16
#define CONNECTIONS_MAX 256  /* at once; more are turned away */

struct PlServer {
  const PlSite *site;
  PlDesk *desk;
  SoupServer *soup;
  GSocketService *service;
  GTlsCertificate *tls;
  guint *connections;  /* a count of its own references: connections may outlive us */
};

static void
answer (SoupServerMessage *msg, guint status, const char *type, const char *text, gsize len)
{
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Cache-Control", "no-store");
  soup_server_message_set_status (msg, status, NULL);
  soup_server_message_set_response (msg, type, SOUP_MEMORY_COPY, text, len);
}

static void
fail (SoupServerMessage *msg, const GError *error)
{
  g_printerr ("peerline-enroll: %s\n", error->message);
  answer (msg, SOUP_STATUS_INTERNAL_SERVER_ERROR, "text/plain", "failed", 6);
}

/* --- the document --- */

static void
on_document (SoupServer *soup, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer data)
{
  PlServer *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) xml = NULL;

  if (soup_server_message_get_method (msg) != SOUP_METHOD_GET && soup_server_message_get_method (msg) != SOUP_METHOD_HEAD)
    return soup_server_message_set_status (msg, SOUP_STATUS_METHOD_NOT_ALLOWED, NULL);
  xml = pl_site_load_document (self->site, &error);
  if (xml)
    answer (msg, SOUP_STATUS_OK, "application/p2p-overlay+xml", g_bytes_get_data (xml, NULL), g_bytes_get_size (xml));
  else
    fail (msg, error);
}

/* --- the desk --- */

typedef struct { char *username, *password, *nodeids; GBytes *csr; } Form;

static void
form_clear (Form *form)
{
  g_free (form->username);
  g_free (form->password);
  g_free (form->nodeids);
  g_clear_pointer (&form->csr, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Form, form_clear)

/* A name with a NUL is none (11.3), nor is one that is no UTF-8. */
static char *
field_text (GBytes *body)
{
  gsize len;
  const char *data = g_bytes_get_data (body, &len);

  return len <= FIELD_MAX && (len == 0 || g_utf8_validate (data, len, NULL)) ? g_strndup (len ? data : "", len) : g_strdup ("\n");
}

static void
take_part (Form *form, SoupMessageHeaders *headers, GBytes *body)
{
  g_autoptr (GHashTable) params = NULL;
  g_autofree char *disposition = NULL;
  const char *name;
  char **text = NULL;

  if (!soup_message_headers_get_content_disposition (headers, &disposition, &params))
    return;
  name = g_hash_table_lookup (params, "name");
  if (g_strcmp0 (name, "csr") == 0 && !form->csr)
    form->csr = g_bytes_ref (body);
  else if (g_strcmp0 (name, "username") == 0)
    text = &form->username;
  else if (g_strcmp0 (name, "password") == 0)
    text = &form->password;
  else if (g_strcmp0 (name, "nodeids") == 0)
    text = &form->nodeids;
  if (text && !*text)
    *text = field_text (body);
}

static gboolean
read_form (SoupServerMessage *msg, Form *form)
{
  g_autoptr (GBytes) body = soup_message_body_flatten (soup_server_message_get_request_body (msg));
  g_autoptr (SoupMultipart) multipart = soup_multipart_new_from_message (soup_server_message_get_request_headers (msg), body);

  for (int i = 0; multipart && i < MIN (soup_multipart_get_length (multipart), PARTS_MAX); i++)
    {
      SoupMessageHeaders *headers;
      GBytes *part;

      if (soup_multipart_get_part (multipart, i, &headers, &part))
        take_part (form, headers, part);
    }
  return multipart != NULL;
}

static char *
client_of (SoupServerMessage *msg)
{
  GSocketAddress *remote = soup_server_message_get_remote_address (msg);

  return G_IS_INET_SOCKET_ADDRESS (remote)
           ? g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote))) : g_strdup ("?");
}

static void
send_certificate (SoupServerMessage *msg, const char *pem)
{
  g_autoptr (PlCert) cert = pl_cert_new_from_pem (pem, NULL);
  GBytes *der = cert ? pl_cert_der (cert) : NULL;

  if (der)
    answer (msg, SOUP_STATUS_OK, "application/pkix-cert", g_bytes_get_data (der, NULL), g_bytes_get_size (der));
}

static void
on_enroll (SoupServer *soup, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer data)
{
  PlServer *self = data;
  g_auto (Form) form = { NULL };
  g_autofree char *client = client_of (msg);
  g_autofree char *pem = NULL;
  g_autoptr (GError) error = NULL;
  const char *token = NULL;

  if (soup_server_message_get_method (msg) != SOUP_METHOD_POST)
    return soup_server_message_set_status (msg, SOUP_STATUS_METHOD_NOT_ALLOWED, NULL);
  if (!read_form (msg, &form))
    return answer (msg, SOUP_STATUS_FORBIDDEN, "text/plain", "bad_CSR", strlen ("bad_CSR"));
  pem = pl_desk_ask (self->desk, &(PlAsk) { form.username, form.password, form.nodeids, form.csr, client }, &token, &error);
  if (pem)
    send_certificate (msg, pem);
  else if (error)
    fail (msg, error);
  else
    answer (msg, SOUP_STATUS_FORBIDDEN, "text/plain", token, strlen (token));
}

/* --- the page of a link --- */

static void
send_page (SoupServerMessage *msg, const char *body)
{
  g_autofree char *page = g_strdup_printf ("<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>peerline</title>\n%s</html>\n", body);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);

  soup_message_headers_replace (headers, "Referrer-Policy", "no-referrer");
  soup_message_headers_replace (headers, "Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'");
  answer (msg, SOUP_STATUS_OK, "text/html", page, strlen (page));
}

/* Programs that look at links in mails GET them: only the button confirms. */
static void
on_confirm (SoupServer *soup, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer data)
{
  PlServer *self = data;
  const char *link = query ? g_hash_table_lookup (query, "link") : NULL;
  gboolean post = soup_server_message_get_method (msg) == SOUP_METHOD_POST;
  g_autoptr (GError) error = NULL;
  g_autofree char *key = NULL;
  g_autofree char *aor = link ? pl_desk_link (self->desk, link, post, &key, &error) : NULL;
  g_autofree char *body = NULL;

  if (error)
    return fail (msg, error);
  if (!aor)
    return send_page (msg, "<p>This link is used or too old. Ask for a new one with <code>peerline enroll</code>.</p>\n");
  if (post)
    return send_page (msg, "<p>Confirmed. Press Enter where <code>peerline enroll</code> waits.</p>\n");
  body = g_markup_printf_escaped ("<p>Make the peerline that shows the key <b>%.8s</b> speak as <b>%s</b>?</p>\n"
                                  "<p>If yours shows another, or you did not ask for this, close this page.</p>\n"
                                  "<form method=\"post\"><button>Confirm</button></form>\n", key, aor);
  send_page (msg, body);
}

/* --- the server --- */

static void
on_nothing (SoupServer *soup, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer data)
{
  soup_server_message_set_status (msg, SOUP_STATUS_NOT_FOUND, NULL);
}

static const struct { const char *path; SoupServerCallback handler; } places[] = {
  { "/.well-known/reload-config", on_document }, { "/enroll", on_enroll }, { "/confirm", on_confirm },
};

static void
on_early (SoupServer *soup, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer data)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);

  if (encoding == SOUP_ENCODING_NONE
      || (encoding == SOUP_ENCODING_CONTENT_LENGTH && soup_message_headers_get_content_length (headers) <= PL_BODY_MAX))
    return;
  soup_message_body_set_accumulate (soup_server_message_get_request_body (msg), FALSE);
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Connection", "close");
  soup_server_message_set_status (msg, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, NULL);
}

static GSocketAddress *
parse_listen (const char *text, GError **error)
{
  g_autoptr (GSocketConnectable) place = g_network_address_parse (text, 443, error);
  GSocketAddress *address = NULL;

  if (place)
    address = g_inet_socket_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (place)),
                                                     g_network_address_get_port (G_NETWORK_ADDRESS (place)));
  if (place && !address)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "listen=%s is no ADDRESS:PORT", text);
  return address;
}

static void
on_connection_gone (gpointer data, GObject *gone)
{
  guint *connections = data;

  (*connections)--;
  g_rc_box_release (connections);
}

/* The time a connection may say nothing is the socket's, which libsoup does not set. */
static gboolean
on_connection (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  PlServer *self = data;
  g_autoptr (GSocketAddress) local = g_socket_connection_get_local_address (connection, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (connection, NULL);
  g_autoptr (GIOStream) tls = NULL;

  if (!local || !remote || *self->connections >= CONNECTIONS_MAX)
    return TRUE;
  g_socket_set_timeout (g_socket_connection_get_socket (connection), self->site->idle_seconds);
  tls = g_tls_server_connection_new (G_IO_STREAM (connection), self->tls, NULL);
  if (!tls)
    return TRUE;
  (*self->connections)++;
  g_object_weak_ref (G_OBJECT (connection), on_connection_gone, g_rc_box_acquire (self->connections));
  soup_server_accept_iostream (self->soup, tls, local, remote, NULL);
  return TRUE;
}

PlServer *
pl_server_new (const PlSite *site, PlDesk *desk, GError **error)
{
  g_autoptr (GTlsCertificate) tls = g_tls_certificate_new_from_files (site->certificate, site->key, error);
  g_autoptr (GSocketAddress) address = tls ? parse_listen (site->listen, error) : NULL;
  g_autoptr (PlServer) self = g_new0 (PlServer, 1);

  if (!address)
    return NULL;
  self->site = site;
  self->desk = desk;
  self->tls = g_object_ref (tls);
  self->connections = g_rc_box_new0 (guint);
  self->soup = soup_server_new ("server-header", PACKAGE_NAME, NULL);
  /* Of early handlers only that of the longest path is called. */
  soup_server_add_early_handler (self->soup, NULL, on_early, self, NULL);
  soup_server_add_handler (self->soup, NULL, on_nothing, self, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      soup_server_add_early_handler (self->soup, places[i].path, on_early, self, NULL);
      soup_server_add_handler (self->soup, places[i].path, places[i].handler, self, NULL);
    }
  self->service = g_socket_service_new ();
  g_signal_connect (self->service, "incoming", G_CALLBACK (on_connection), self);
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (self->service), address, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, NULL, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pl_server_free (PlServer *server)
{
  if (server->service)
    g_socket_listener_close (G_SOCKET_LISTENER (server->service));
  g_clear_object (&server->service);
  if (server->soup)
    soup_server_disconnect (server->soup);
  g_clear_object (&server->soup);
  g_clear_object (&server->tls);
  if (server->connections)
    g_rc_box_release (server->connections);
  g_free (server);
}
