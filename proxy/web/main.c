/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * peerline-web: the local page, as long as somebody looks. Listens on loopback, lets in processes of
 * its own user alone, and of those who bring the one-time token or the session it began. Prints its
 * address. All it knows it asks `peerline`.
 */
#include "config.h"

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/loop.h"
#include "proxy/web/page.h"
#include "sip/listener/owner.h"

#define KEY_LEN 32             /* bytes of chance in a token */
#define IDLE (15 * 60 * PL_USEC_PER_SEC) /* without a request, then it ends */
#define FORM_MAX 4096          /* bytes */
#define COOKIE "peerline-page"
#define POLICY "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

typedef struct {
  PlLoop *loop;
  GMainLoop *main;
  PlOwner *owner;
  char *program;               /* peerline */
  char *host, *origin;         /* "127.0.0.1:PORT", "http://127.0.0.1:PORT" */
  char *token;                 /* NULL: was used */
  char *session, *form_key;
  PlTimer *idle;
} Web;

static char *
random_text (Web *web)
{
  guint8 data[KEY_LEN];

  pl_env_random (pl_loop_env (web->loop), data, sizeof data);
  return pl_hex_dup (data, sizeof data);
}

/* In the same time for every guess. */
static gboolean
same (const char *one, const char *other)
{
  gsize len = one && other ? strlen (one) : 0;
  guint8 differ = 0;

  if (len == 0 || strlen (other) != len)
    return FALSE;
  for (gsize i = 0; i < len; i++)
    differ |= (guint8) (one[i] ^ other[i]);
  return differ == 0;
}

/* --- what peerline says --- */

static gboolean
run (Web *web, const char *const *words, char **out)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GSubprocess) process = NULL;

  g_ptr_array_add (argv, web->program);
  for (guint i = 0; words[i]; i++)
    g_ptr_array_add (argv, (char *) words[i]);
  g_ptr_array_add (argv, NULL);
  process = g_subprocess_newv ((const char *const *) argv->pdata, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL);
  return process && g_subprocess_communicate_utf8 (process, NULL, NULL, out, NULL, NULL) && g_subprocess_get_if_exited (process)
         && g_subprocess_get_exit_status (process) == 0;
}

/* NULL: nothing that can be read. The exit code of a look-up tells its result, so what is printed counts. */
static JsonNode *
ask (Web *web, const char *const *words)
{
  g_autofree char *text = NULL;

  run (web, words, &text);
  return text && *text ? json_from_string (text, NULL) : NULL;
}

#define ask_for(web, ...) ask (web, (const char *const[]){ __VA_ARGS__, "--json", NULL })

/* --- answers --- */

static void
harden (SoupServerMessage *msg)
{
  static const char *const headers[][2] = {
    { "Content-Security-Policy", POLICY }, { "X-Content-Type-Options", "nosniff" }, { "Referrer-Policy", "no-referrer" },
    { "Cache-Control", "no-store" }, { "Cross-Origin-Resource-Policy", "same-origin" }, { "Cross-Origin-Opener-Policy", "same-origin" },
    { "X-Frame-Options", "DENY" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    soup_message_headers_replace (soup_server_message_get_response_headers (msg), headers[i][0], headers[i][1]);
}

static void
give (SoupServerMessage *msg, guint status, const char *type, const char *text)
{
  harden (msg);
  soup_server_message_set_status (msg, status, NULL);
  soup_server_message_set_response (msg, type, SOUP_MEMORY_COPY, text, strlen (text));
}

static void
refuse (SoupServerMessage *msg, guint status, const char *text)
{
  g_autofree char *page = pl_web_message ("peerline", text);

  give (msg, status, "text/html; charset=utf-8", page);
}

static void
give_page (Web *web, SoupServerMessage *msg, const char *looked_up)
{
  PlWebView view = { .form_key = web->form_key, .looked_up = looked_up };
  g_autoptr (JsonNode) status = ask_for (web, "status");
  g_autoptr (JsonNode) registrations = status ? ask_for (web, "registrations") : NULL;
  g_autoptr (JsonNode) calls = status ? ask_for (web, "calls") : NULL;
  g_autoptr (JsonNode) peers = status ? ask_for (web, "peers") : NULL;
  g_autoptr (JsonNode) trust = status ? ask_for (web, "trust", "list") : NULL;
  g_autoptr (JsonNode) lookup = status && looked_up ? ask (web, (const char *const[]){ "lookup", "--json", "--", looked_up, NULL }) : NULL;
  g_autofree char *page = NULL;

  view.status = status;
  view.registrations = registrations;
  view.calls = calls;
  view.peers = peers;
  view.trust = trust;
  view.lookup = lookup;
  page = pl_web_page (&view);
  give (msg, SOUP_STATUS_OK, "text/html; charset=utf-8", page);
}

/* --- who may --- */

static gboolean
is_own_user (Web *web, SoupServerMessage *msg)
{
  GSocketAddress *local = soup_server_message_get_local_address (msg), *remote = soup_server_message_get_remote_address (msg);
  PlAddress here = { .len = sizeof (struct sockaddr_in) }, there = { .len = sizeof (struct sockaddr_in) };
  uid_t uid;

  return local && remote && g_socket_address_to_native (local, &here.storage, sizeof here.storage, NULL)
         && g_socket_address_to_native (remote, &there.storage, sizeof there.storage, NULL)
         && pl_owner_lookup (web->owner, IPPROTO_TCP, &here, &there, &uid) && uid == getuid ();
}

static const char *
header_of (SoupServerMessage *msg, const char *name)
{
  return soup_message_headers_get_one (soup_server_message_get_request_headers (msg), name);
}

static gboolean
has_session (Web *web, SoupServerMessage *msg)
{
  g_auto (GStrv) cookies = g_strsplit (header_of (msg, "Cookie") ? header_of (msg, "Cookie") : "", ";", 16);

  for (guint i = 0; cookies[i]; i++)
    if (g_str_has_prefix (g_strstrip (cookies[i]), COOKIE "=") && same (web->session, cookies[i] + strlen (COOKIE "=")))
      return TRUE;
  return FALSE;
}

/* The token is good once: what a history or a log keeps of it opens nothing. */
static gboolean
take_token (Web *web, SoupServerMessage *msg, GHashTable *query)
{
  const char *given = query ? g_hash_table_lookup (query, "token") : NULL;
  g_autofree char *cookie = NULL;

  if (!web->token || !same (web->token, given))
    return FALSE;
  g_clear_pointer (&web->token, g_free);
  cookie = g_strdup_printf (COOKIE "=%s; HttpOnly; SameSite=Strict; Path=/", web->session);
  harden (msg);
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Set-Cookie", cookie);
  soup_server_message_set_redirect (msg, SOUP_STATUS_SEE_OTHER, "/");
  return TRUE;
}

/* --- requests --- */

/* The key that the page showed is taken, no other that may have come since. */
static void
decide (Web *web, SoupServerMessage *msg, const char *verb, GHashTable *form)
{
  const char *overlay = g_hash_table_lookup (form, "overlay"), *which = g_hash_table_lookup (form, "which");
  g_autofree char *in = g_strconcat ("--overlay=", overlay ? overlay : "", NULL);
  g_autofree char *key = g_strconcat ("--key=", which ? which : "", NULL);
  gboolean accept = g_str_equal (verb, "accept");
  const char *words[] = { "trust", verb, in, accept ? key : "--", accept ? "--" : g_hash_table_lookup (form, "address"),
                          accept ? g_hash_table_lookup (form, "address") : NULL, NULL };

  if ((accept && (!which || !*which)) || !run (web, words, NULL))
    {
      refuse (msg, SOUP_STATUS_CONFLICT, "That did not work: 'peerline trust list' says more.");
      return;
    }
  harden (msg);
  soup_server_message_set_redirect (msg, SOUP_STATUS_SEE_OTHER, "/#trust");
}

static void
follow_form (Web *web, SoupServerMessage *msg, const char *path)
{
  SoupMessageBody *body = soup_server_message_get_request_body (msg);
  g_autofree char *text = g_strndup (body->data ? body->data : "", MIN (body->length, FORM_MAX));
  g_autoptr (GHashTable) form = soup_form_decode (text);
  const char *address = g_hash_table_lookup (form, "address");

  if (!same (web->form_key, g_hash_table_lookup (form, "key")) || !address || !*address)
    refuse (msg, SOUP_STATUS_FORBIDDEN, "This form is not of this page.");
  else if (g_str_equal (path, "/lookup"))
    give_page (web, msg, address);
  else if (g_str_equal (path, "/accept") || g_str_equal (path, "/forget"))
    decide (web, msg, path + 1, form);
  else
    refuse (msg, SOUP_STATUS_NOT_FOUND, "There is no such page.");
}

static void
on_idle (gpointer data)
{
  g_main_loop_quit (((Web *) data)->main);
}

static void
on_request (SoupServer *server, SoupServerMessage *msg, const char *path, GHashTable *query, gpointer user)
{
  Web *web = user;
  const char *method = soup_server_message_get_method (msg);

  if (!is_own_user (web, msg))
    return refuse (msg, SOUP_STATUS_FORBIDDEN, "This page belongs to another user of this machine.");
  /* A name that leads here is a stranger's (DNS rebinding). */
  if (g_strcmp0 (header_of (msg, "Host"), web->host) != 0)
    return refuse (msg, SOUP_STATUS_MISDIRECTED_REQUEST, "This page has another address.");
  if (method == SOUP_METHOD_GET && g_str_equal (path, "/") && take_token (web, msg, query))
    return;
  if (!has_session (web, msg))
    return refuse (msg, SOUP_STATUS_FORBIDDEN, "The command 'peerline open' opens this page.");
  pl_env_arm (pl_loop_env (web->loop), &web->idle, IDLE, on_idle, web);
  if (method == SOUP_METHOD_GET && g_str_equal (path, "/"))
    give_page (web, msg, NULL);
  else if (method == SOUP_METHOD_GET && g_str_equal (path, "/style.css"))
    give (msg, SOUP_STATUS_OK, "text/css", pl_web_style ());
  else if (method == SOUP_METHOD_POST && g_strcmp0 (header_of (msg, "Origin"), web->origin) != 0)
    refuse (msg, SOUP_STATUS_FORBIDDEN, "This form is of another page.");
  else if (method == SOUP_METHOD_POST)
    follow_form (web, msg, path);
  else
    refuse (msg, method == SOUP_METHOD_GET ? SOUP_STATUS_NOT_FOUND : SOUP_STATUS_METHOD_NOT_ALLOWED, "There is no such page.");
}

/* --- life --- */

static char *
find_program (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self ? g_path_get_dirname (self) : g_strdup ("");
  g_autofree char *beside = g_build_filename (folder, "peerline", NULL);

  return g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer (&beside) : g_strdup (PL_BINDIR "/peerline");
}

static void
web_clear (Web *web)
{
  pl_timer_clear (&web->idle);
  pl_loop_free (web->loop);
  g_main_loop_unref (web->main);
  pl_owner_free (web->owner);
  g_free (web->program);
  g_free (web->host);
  g_free (web->origin);
  g_free (web->token);
  g_free (web->session);
  g_free (web->form_key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Web, web_clear)

int
main (int argc, char **argv)
{
  g_auto (Web) web = { .loop = pl_loop_new (NULL), .main = g_main_loop_new (NULL, FALSE), .owner = pl_owner_new (), .program = find_program () };
  g_autoptr (SoupServer) server = soup_server_new ("server-header", PACKAGE_NAME, NULL);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GError) error = NULL;
  GSList *uris;

  if (argc != 1)
    return fputs ("peerline-web: takes no arguments; 'peerline open' starts it\n", stderr), 2;
  web.token = random_text (&web);
  web.session = random_text (&web);
  web.form_key = random_text (&web);
  soup_server_add_handler (server, NULL, on_request, &web, NULL);
  if (!soup_server_listen (server, address, 0, &error))
    return fprintf (stderr, "peerline-web: %s\n", error->message), 1;
  uris = soup_server_get_uris (server);
  web.host = g_strdup_printf ("127.0.0.1:%d", g_uri_get_port (uris->data));
  web.origin = g_strconcat ("http://", web.host, NULL);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  printf ("%s/?token=%s\n", web.origin, web.token);
  fflush (stdout);
  pl_env_arm (pl_loop_env (web.loop), &web.idle, IDLE, on_idle, &web);
  g_main_loop_run (web.main);
  return 0;
}
