/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `peerline enroll`: RFC 6940 11.2 and 11.3 as a client.
 */
#include "config.h"

#include <libsoup/soup.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/aor.h"
#include "base/file.h"
#include "base/secret.h"
#include "overlay/enroll/authority.h"
#include "proxy/cli/cli.h"

#define WELL_KNOWN "/.well-known/reload-config" /* 11.2 */
#define SERVICE "reload-config"
#define ANSWER_MAX 16384
#define SECONDS 60
#define ASKS_MAX 5             /* as many tries as a server gives a code */
#define LINE_LEN 128
#define CA_MAX (1024 * 1024)
#define RENEW_SECONDS 300      /* then it ends, whatever the server does */

static char *overlay_option, *ca_option, *code_option;
static gboolean force_option, incognito_option;

/* An answer is read up to `max` bytes. Redirects go nowhere: what is sent is a password. */
static GBytes *
exchange (SoupSession *session, SoupMessage *msg, gsize max, GError **error)
{
  g_autoptr (GInputStream) in = NULL;
  g_autofree char *data = g_malloc (max + 1);
  gsize len = 0;

  soup_message_add_flags (msg, SOUP_MESSAGE_NO_REDIRECT);
  in = soup_session_send (session, msg, NULL, error);
  if (!in || !g_input_stream_read_all (in, data, max + 1, &len, NULL, error))
    return NULL;
  if (len <= max)
    return g_bytes_new (data, len);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "the server's answer is too large");
  return NULL;
}

/* `ca`: file of certificates, NULL: those of the system. `where`: what is connected to instead of the
 * host in a URL, and whose certificate is expected, NULL: that host. */
static SoupSession *
make_session (const char *ca, GSocketConnectable *where, GError **error)
{
  g_autoptr (SoupSession) session = soup_session_new_with_options ("timeout", SECONDS, "user-agent", PACKAGE_NAME,
                                                                   "remote-connectable", where, NULL);
  g_autoptr (GTlsDatabase) database = NULL;
  g_autofree char *path = ca ? g_canonicalize_filename (ca, NULL) : NULL;

  if (!path)
    return g_steal_pointer (&session);
  database = g_tls_file_database_new (path, error);
  if (!database)
    return NULL;
  soup_session_set_tls_database (session, database);
  return g_steal_pointer (&session);
}

/* --- the document --- */

/* Of a URL as it is given, or of the host or the overlay's name alone. */
static char *
document_url (const char *text)
{
  const char *host = strstr (text, "://");

  if (!host)
    return g_strconcat ("https://", text, WELL_KNOWN, NULL);
  host += strlen ("://");
  if (!strchr (host, '/'))
    return g_strconcat (text, WELL_KNOWN, NULL);
  return g_str_has_suffix (strchr (host, '/'), "/") && !strchr (host, '/')[1]
           ? g_strconcat (text, WELL_KNOWN + 1, NULL) : g_strdup (text);
}

static SoupMessage *
new_message (const char *method, const char *url, GError **error)
{
  SoupMessage *msg = g_str_has_prefix (url, "https://") ? soup_message_new (method, url) : NULL;

  if (!msg)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no https: URL", url);
  return msg;
}

static GBytes *
fetch (SoupSession *session, const char *address, GError **error)
{
  g_autofree char *url = document_url (address);
  g_autoptr (SoupMessage) msg = new_message (SOUP_METHOD_GET, url, error);
  g_autoptr (GBytes) xml = msg ? exchange (session, msg, PL_DOCUMENT_MAX, error) : NULL;

  if (xml && soup_message_get_status (msg) == SOUP_STATUS_OK)
    return g_steal_pointer (&xml);
  if (xml)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s answers %u: is this the address of the overlay?", url,
                 soup_message_get_status (msg));
  else
    g_prefix_error (error, "%s: ", url);
  return NULL;
}

/* Of an overlay's name: the server is where its SRV record says, and proves to be the overlay's (11.2).
 * *none: there is no such record. */
static GBytes *
fetch_by_service (const char *name, const char *ca, gboolean *none, GError **error)
{
  g_autoptr (GSocketConnectable) service = g_network_service_new (SERVICE, "tcp", name);
  g_autoptr (SoupSession) session = make_session (ca, service, error);
  g_autoptr (GError) why = NULL;
  GBytes *xml = session ? fetch (session, name, &why) : NULL;

  *none = why && why->domain == G_RESOLVER_ERROR;
  if (why)
    g_propagate_error (error, g_steal_pointer (&why));
  return xml;
}

GBytes *
pl_cli_fetch (const char *address, const char *ca, GError **error)
{
  g_autoptr (SoupSession) session = NULL;
  gboolean none = FALSE;

  if (!strpbrk (address, ":/"))
    {
      GBytes *xml = fetch_by_service (address, ca, &none, error);

      if (!none)
        return xml;
      g_clear_error (error);
    }
  session = make_session (ca, NULL, error);
  return session ? fetch (session, address, error) : NULL;
}

static PlDocument *
fetch_document (PlCli *cli, GError **error)
{
  g_autoptr (GBytes) xml = pl_cli_fetch (overlay_option, ca_option, error);

  return xml ? pl_cli_join (cli, xml, strstr (overlay_option, "://") ? NULL : overlay_option, FALSE, error) : NULL;
}

/* --- asking --- */

typedef struct {
  SoupSession *session;
  const char *overlay, *url, *aor, *request;
} Desk;

/* The document names the server, and whoever signed it speaks for the overlay: its host's certificate
 * will do, and the overlay's, which is what 11.3 asks for. */
static gboolean
on_certificate (SoupMessage *msg, GTlsCertificate *cert, GTlsCertificateFlags errors, gpointer user_data)
{
  g_autoptr (GSocketConnectable) overlay = g_network_address_new (user_data, 0);

  return errors == G_TLS_CERTIFICATE_BAD_IDENTITY
         && !(g_tls_certificate_verify (cert, overlay, NULL) & G_TLS_CERTIFICATE_BAD_IDENTITY);
}

static SoupMessage *
make_form (const Desk *desk, const char *code)
{
  g_autoptr (SoupMultipart) form = soup_multipart_new (SOUP_FORM_MIME_TYPE_MULTIPART);
  g_autoptr (GBytes) csr = g_bytes_new (desk->request, strlen (desk->request));
  SoupMessage *msg;

  soup_multipart_append_form_string (form, "username", desk->aor);
  soup_multipart_append_form_string (form, "password", code ? code : "");
  soup_multipart_append_form_file (form, "csr", "request.p10", "application/pkcs10", csr);
  msg = soup_message_new_from_multipart (desk->url, form);
  g_signal_connect (msg, "accept-certificate", G_CALLBACK (on_certificate), (gpointer) desk->overlay);
  soup_message_headers_replace (soup_message_get_request_headers (msg), "Accept", "application/pkix-cert");
  return msg;
}

/* For its renewals. */
static gboolean
keep_ca (PlCli *cli, const char *overlay, GError **error)
{
  g_autofree char *path = pl_home_dup_ca_path (cli->paths, overlay);
  g_autoptr (GBytes) bytes = ca_option ? pl_file_read (ca_option, CA_MAX, error) : NULL;

  return !ca_option || (bytes && pl_file_write (path, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), 0644, error));
}

static void
explain (const char *token, guint status, GError **error)
{
  static const struct { const char *token, *text; } known[] = {
    { "username_not_available", "this overlay does not certify that address" },
    { "Node-IDs_not_available", "this address has certificates for as many devices as it may" },
    { "bad_CSR", "the server does not take the request" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (token, known[i].token))
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s (%s)", known[i].text, known[i].token);
        return;
      }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the server refuses for a reason it does not say (%u)", status);
}

/* The certificate in PEM; NULL with *refused when the server wants another code. */
static char *
ask (const Desk *desk, const char *code, gboolean *refused, GError **error)
{
  g_autoptr (SoupMessage) msg = make_form (desk, code);
  g_autoptr (GBytes) body = exchange (desk->session, msg, ANSWER_MAX, error);
  g_autofree char *text = NULL;
  g_autofree char *base64 = NULL;

  *refused = FALSE;
  if (!body)
    return NULL;
  if (soup_message_get_status (msg) == SOUP_STATUS_OK)
    {
      base64 = g_base64_encode (g_bytes_get_data (body, NULL), g_bytes_get_size (body));
      return g_strdup_printf ("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", base64);
    }
  text = g_strndup (g_bytes_get_data (body, NULL), g_bytes_get_size (body));
  g_strstrip (text);
  *refused = g_str_equal (text, "failed_authentication");
  if (!*refused)
    explain (text, soup_message_get_status (msg), error);
  return NULL;
}

static char *
ask_with_code (const Desk *desk, GError **error)
{
  char line[LINE_LEN];
  gboolean refused = FALSE;
  char *pem = ask (desk, code_option, &refused, error);

  if (refused && !code_option)
    {
      g_autofree char *key = pl_request_dup_key_id (desk->request, NULL);

      fprintf (stderr, "A code is on its way to %s (key %.8s). Type it here, or confirm by the link of the mail and press Enter.\n",
               desk->aor, key ? key : "");
    }
  setvbuf (stdin, NULL, _IONBF, 0); /* what follows the code may be for who started us */
  for (guint i = 0; refused && !code_option && i < ASKS_MAX; i++)
    {
      fputs ("Code: ", stderr);
      if (!fgets (line, sizeof line, stdin))
        break;
      g_strstrip (line);
      pem = ask (desk, line, &refused, error);
      if (refused)
        fputs (*line ? "Not this one.\n" : "Not confirmed yet.\n", stderr);
    }
  if (refused)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "no certificate without the code of the mail; run this again "
                         "for a new one");
  return pem;
}

static gboolean
run_enroll (PlCli *cli, GError **error)
{
  g_autofree char *aor = pl_aor_canonical (g_ptr_array_index (cli->args, 0));
  g_autoptr (SoupSession) session = aor && overlay_option ? make_session (ca_option, NULL, error) : NULL;
  g_autoptr (PlDocument) document = session ? fetch_document (cli, error) : NULL;
  g_autofree char *overlay = document ? g_ascii_strdown (document->instance_name, -1) : NULL;
  g_autoptr (PlHomeIdentity) place = document ? pl_home_identity_new (cli->paths, aor, overlay) : NULL;
  g_autofree char *request = NULL;
  g_autofree char *pem = NULL;

  if (!aor || !overlay_option)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "say who, and where: peerline enroll alice@example.org --overlay URL");
  else if (document && document->enrollment_servers->len == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "overlay %s has no enrollment server: 'peerline identity request'", overlay);
  else if (document && (!incognito_option || pl_cli_set_incognito (place, error)))
    request = pl_cli_request (place, force_option, error);
  if (!request)
    return FALSE;
  pem = ask_with_code (&(Desk) { session, overlay, g_ptr_array_index (document->enrollment_servers, 0), aor, request }, error);
  return pem && keep_ca (cli, overlay, error) && pl_cli_import (cli, pem, error);
}

/* --- renewal --- */

/* The request's own signature proves that the key is there, which is all a server wants to know of
 * somebody whose certificate is still good. */
static char *
renew_at (PlCli *cli, PlDocument *document, const PlHomeIdentity *place, const char *request, GError **error)
{
  g_autofree char *ca = pl_home_dup_ca_path (cli->paths, place->overlay);
  g_autoptr (SoupSession) session = make_session (g_file_test (ca, G_FILE_TEST_EXISTS) ? ca : NULL, NULL, error);
  gboolean refused = FALSE;
  char *pem = NULL;

  if (session)
    pem = ask (&(Desk) { session, place->overlay, g_ptr_array_index (document->enrollment_servers, 0), place->aor, request }, NULL, &refused, error);
  if (refused)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "the server does not renew it: 'peerline enroll %s --overlay %s' gets "
                 "a new one by mail", place->aor, place->overlay);
  return pem;
}

static PlCert *
load_cert (const PlHomeIdentity *place, GError **error)
{
  g_autoptr (GBytes) bytes = pl_file_read (place->cert_path, ANSWER_MAX, error);
  g_autofree char *text = bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;

  return text ? pl_cert_new_from_pem (text, error) : NULL;
}

/* The same key says the same of itself for another time. */
static char *
renew_self (PlCli *cli, PlDocument *document, const PlHomeIdentity *place, GError **error)
{
  g_autoptr (PlCert) old = load_cert (place, error);
  char *key = old ? pl_cli_load_key (place->key_path, error) : NULL;
  char *pem = key ? pl_cli_self_sign (cli, document, key, place->aor, pl_cert_n_node_ids (old), error) : NULL;

  pl_wipe_text (key);
  return pem;
}

static char *
renew (PlCli *cli, PlDocument *document, const PlHomeIdentity *place, GError **error)
{
  g_autofree char *authority = pl_home_dup_authority_dir (cli->paths, place->overlay);
  g_autofree char *request = NULL;

  if (pl_document_mode (document) != PL_MODE_CERTIFICATES)
    return renew_self (cli, document, place, error);
  request = pl_cli_renewal_request (place, error);
  if (!request)
    return NULL;
  if (document->enrollment_servers->len > 0)
    return renew_at (cli, document, place, request, error);
  if (g_file_test (authority, G_FILE_TEST_EXISTS))
    return pl_cli_issue (cli, place->overlay, request, place->aor, &(PlCliIssue) { 0 }, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "the overlay has no enrollment server: 'peerline identity request %s --overlay %s', "
               "have it signed, 'peerline identity import FILE'", place->aor, place->overlay);
  return NULL;
}

static gboolean
check_newer (const PlHomeIdentity *place, const char *pem, GError **error)
{
  g_autoptr (PlCert) cert = pl_cert_new_from_pem (pem, error);
  g_autoptr (PlCert) old = cert ? load_cert (place, error) : NULL;

  if (!old)
    return FALSE;
  if (pl_cert_not_after (cert) <= pl_cert_not_after (old))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the certificate is good for no longer than the one there is");
  else if (!pl_node_id_equal (pl_cert_node_id (cert, 0), pl_cert_node_id (old, 0)))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the certificate has another Node-ID than the one there is");
  else
    return TRUE;
  return FALSE;
}

static gboolean
run_renew (PlCli *cli, GError **error)
{
  g_autofree char *aor = pl_aor_canonical (g_ptr_array_index (cli->args, 0));
  g_autofree char *overlay = aor && overlay_option ? pl_cli_overlay_name (overlay_option, error) : NULL;
  g_autoptr (PlDocument) document = overlay ? pl_home_load_document (cli->paths, overlay, error) : NULL;
  g_autoptr (PlHomeIdentity) place = document ? pl_home_identity_new (cli->paths, aor, overlay) : NULL;
  g_autofree char *pem = NULL;

  if (!aor || !overlay_option)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "say whose, and where: peerline renew alice@example.org --overlay NAME");
  if (!place)
    return FALSE;
  alarm (RENEW_SECONDS);
  pem = renew (cli, document, place, error);
  return pem && check_newer (place, pem, error) && pl_cli_import (cli, pem, error);
}

static const GOptionEntry renew_options[] = {
  { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "The overlay it is for", "NAME" },
  { NULL }
};

static const GOptionEntry enroll_options[] = {
  { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "Where the overlay's document is, or its name", "URL" },
  { "code", 0, 0, G_OPTION_ARG_STRING, &code_option, "The code of the mail of an earlier try", "CODE" },
  { "ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_option, "Trust the HTTPS server by these certificates alone", "FILE" },
  { "force", 0, 0, G_OPTION_ARG_NONE, &force_option, "Take a new key; the old one is replaced when its certificate is there", NULL },
  { "incognito", 0, 0, G_OPTION_ARG_NONE, &incognito_option, "Nobody shall see that it is of the same person as your others", NULL },
  { NULL }
};

const PlCliCommand pl_cli_enroll_commands[] = {
  { NULL, "enroll", "ADDRESS --overlay URL", "get an identity by proving that an e-mail address is yours",
    "A code is mailed to the address. Run again later, it renews the certificate with the same\nkey and needs no code.",
    1, enroll_options, run_enroll },
  { NULL, "renew", "ADDRESS --overlay NAME", "renew a certificate with the same key and Node-ID",
    "A running daemon does this by itself when a quarter of its time is left; 'peerline status'\ntells when it cannot.",
    1, renew_options, run_renew },
  { NULL }
};
