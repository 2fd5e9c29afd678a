/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * peerline-enroll: certificates by e-mail for one overlay.
 */
#include "config.h"

#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

#include "base/aor.h"
#include "base/loop.h"
#include "proxy/enroll/server.h"

#define DIR_DEFAULT "/var/lib/peerline-enroll"

static char *dir_option, *overlay_option, *smtp_option, *url_option, *from_option, *listen_option, *certificate_option, *key_option;
static char **bootstrap_option, **words;

static PlSite *
load_site (GError **error)
{
  return pl_site_load (dir_option ? dir_option : DIR_DEFAULT, error);
}

static gboolean
usage (GError **error, const char *text)
{
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "usage: peerline-enroll %s", text);
  return FALSE;
}

/* --- init --- */

static gboolean
read_init (PlSite *site, GError **error)
{
  g_autofree char *probe = overlay_option ? g_strconcat ("x@", overlay_option, NULL) : NULL;
  g_autofree char *canonical = probe ? pl_aor_canonical (probe) : NULL;
  g_autofree char *from = from_option ? pl_aor_canonical (from_option) : NULL;

  if (!canonical || !from || !smtp_option || !url_option || !certificate_option || !key_option
      || !g_str_has_prefix (url_option, "https://") || !g_str_has_prefix (smtp_option, "smtp"))
    return usage (error, "init --overlay NAME --bootstrap ADDRESS:PORT --url https://HOST[:PORT] --smtp smtp://HOST --from ADDRESS "
                  "--certificate FILE --key FILE [--listen ADDRESS:PORT] [--dir DIR]");
  site->dir = g_strdup (dir_option ? dir_option : DIR_DEFAULT);
  site->overlay = g_strdup (canonical + strlen ("x@"));
  site->url = g_strdup (url_option);
  while (g_str_has_suffix (site->url, "/"))
    site->url[strlen (site->url) - 1] = '\0';
  site->listen = g_strdup (listen_option ? listen_option : "[::]:443");
  site->certificate = g_canonicalize_filename (certificate_option, NULL);
  site->key = g_canonicalize_filename (key_option, NULL);
  site->smtp = g_strdup (smtp_option);
  site->from = g_steal_pointer (&from);
  return TRUE;
}

static gboolean
run_init (PlEnv *env, GError **error)
{
  g_autoptr (PlSite) site = g_new0 (PlSite, 1);

  if (!read_init (site, error) || !pl_site_init (env, site, bootstrap_option, error))
    return FALSE;
  printf ("Overlay %s is in %s. Its document will be at %s/.well-known/reload-config once 'peerline-enroll serve' runs.\n"
          "Keep a copy of ca.key in a safe place: who has it can be anybody in the overlay.\n", site->overlay, site->dir, site->url);
  return TRUE;
}

/* --- serve --- */

typedef struct { const PlSite *site; PlMailer *mailer; } Post;

static void
send_mail (const char *to, const char *code, const char *link, const char *fingerprint, gpointer data)
{
  const Post *post = data;
  g_autofree char *body = g_strdup_printf (
    "Somebody, likely you, wants to be %s in the overlay %s.\n\n"
    "The code, for 'peerline enroll' to ask for:\n\n    %.5s-%s\n\n"
    "Or open this link, compare the key (%.8s), and confirm:\n\n    %s/confirm?link=%s\n\n"
    "It is good for %u minutes and for one key. Tell the code to nobody.\n"
    "If you did not ask for this, do nothing.\n",
    to, post->site->overlay, code, code + 5, fingerprint, post->site->url, link, post->site->policy.code_seconds / 60);

  pl_mailer_send (post->mailer, to, "Your peerline code", body);
}

/* Whether the program lets somebody in: run with the address, the client's IP address and the key, its exit
 * code 0 is yes. It has so long: the desk waits. */
#define HOOK_SECONDS "5"

static gboolean
ask_hook (const char *aor, const char *client, const char *key, gpointer data)
{
  const PlSite *site = data;
  const char *argv[] = { "timeout", "-k", "1", HOOK_SECONDS, site->hook, aor, client, key, NULL };
  g_autoptr (GError) error = NULL;
  int status = 1;

  if (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status, &error))
    return g_spawn_check_wait_status (status, NULL);
  g_printerr ("peerline-enroll: hook %s: %s\n", site->hook, error->message);
  return FALSE;
}

static gboolean
on_signal (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_CONTINUE;
}

static void
run_until_told (const PlSite *site)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_unix_signal_add (SIGINT, on_signal, loop);
  printf ("serving %s at %s\n", site->overlay, site->url);
  fflush (stdout);
  g_main_loop_run (loop);
}

static gboolean
run_serve (PlEnv *env, GError **error)
{
  g_autoptr (PlSite) site = load_site (error);
  g_autoptr (PlStore) store = site ? pl_site_open_store (site, error) : NULL;
  g_autoptr (PlAuthority) authority = store ? pl_site_load_authority (site, env, error) : NULL;
  g_autoptr (PlDesk) desk = NULL;
  g_autoptr (PlMailer) mailer = NULL;
  g_autoptr (PlServer) server = NULL;
  PlMailServer smtp;
  Post post;

  if (!authority)
    return FALSE;
  smtp = (PlMailServer) { site->smtp, site->from, site->user, site->password };
  mailer = pl_mailer_new (&smtp);
  post = (Post) { site, mailer };
  desk = pl_desk_new (env, store, authority, site->overlay, &site->policy);
  pl_desk_set_mail (desk, send_mail, &post);
  if (site->hook)
    pl_desk_set_judge (desk, ask_hook, site);
  server = pl_server_new (site, desk, error);
  if (!server)
    return FALSE;
  run_until_told (site);
  return TRUE;
}

/* --- list, show, stats, revoke --- */

static const char *
state_of (const PlIssued *issued, gint64 now)
{
  if (issued->revoked)
    return "revoked";
  return issued->expires > now ? "valid" : "expired";
}

static gboolean
run_list (PlEnv *env, GError **error)
{
  g_autoptr (PlSite) site = load_site (error);
  g_autoptr (PlStore) store = site ? pl_site_open_store (site, error) : NULL;
  g_autoptr (GPtrArray) list = store ? pl_store_list (store, NULL, error) : NULL;
  gint64 now = pl_env_wall (env) / PL_USEC_PER_SEC;

  for (guint i = 0; list && i < list->len; i++)
    {
      const PlIssued *issued = g_ptr_array_index (list, i);
      g_autoptr (GDateTime) when = g_date_time_new_from_unix_utc (issued->expires);
      g_autofree char *date = g_date_time_format (when, "%Y-%m-%d");

      printf ("%s %s %s %s %.8s\n", issued->node_id, state_of (issued, now), date,
              issued->aor, issued->key_id);
    }
  return list != NULL;
}

static gboolean
is_about (const PlIssued *issued, const char *word, const char *aor)
{
  return g_ascii_strcasecmp (issued->node_id, word) == 0 || g_strcmp0 (issued->aor, aor) == 0;
}

static void
show (const PlIssued *issued, gint64 now)
{
  g_autoptr (PlCert) cert = pl_cert_new_from_pem (issued->pem, NULL);
  g_autoptr (GDateTime) from = g_date_time_new_from_unix_utc (issued->issued), until = g_date_time_new_from_unix_utc (issued->expires);
  g_autofree char *begin = g_date_time_format (from, "%F %R UTC"), *end = g_date_time_format (until, "%F %R UTC");

  printf ("address  %s\nstate    %s\nkey      %s\nissued   %s\nexpires  %s\n", issued->aor, state_of (issued, now), issued->key_id, begin, end);
  for (guint i = 0; cert && i < pl_cert_n_node_ids (cert); i++)
    {
      g_autofree char *hex = pl_node_id_dup_hex (pl_cert_node_id (cert, i));

      printf ("node     %s\n", hex);
    }
}

static gboolean
run_show (PlEnv *env, GError **error)
{
  g_autoptr (PlSite) site = words[1] && !words[2] ? load_site (error) : NULL;
  g_autoptr (PlStore) store = site ? pl_site_open_store (site, error) : NULL;
  g_autoptr (GPtrArray) list = store ? pl_store_list (store, NULL, error) : NULL;
  g_autofree char *aor = list ? pl_aor_canonical (words[1]) : NULL;
  guint n = 0;

  if (!words[1] || words[2])
    return usage (error, "show NODE-ID|ADDRESS");
  for (guint i = 0; list && i < list->len; i++)
    if (is_about (g_ptr_array_index (list, i), words[1], aor))
      {
        printf ("%s", n++ ? "\n" : "");
        show (g_ptr_array_index (list, i), pl_env_wall (env) / PL_USEC_PER_SEC);
      }
  if (list && n == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no certificate was issued to '%s': 'peerline-enroll list' shows them", words[1]);
  return n > 0;
}

static gboolean
run_stats (PlEnv *env, GError **error)
{
  static const char *const states[] = { "valid", "expired", "revoked" };
  g_autoptr (PlSite) site = load_site (error);
  g_autoptr (PlStore) store = site ? pl_site_open_store (site, error) : NULL;
  g_autoptr (GPtrArray) list = store ? pl_store_list (store, NULL, error) : NULL;
  g_autoptr (GHashTable) addresses = g_hash_table_new (g_str_hash, g_str_equal);
  guint counts[G_N_ELEMENTS (states)] = { 0 };

  for (guint i = 0; list && i < list->len; i++)
    {
      const PlIssued *issued = g_ptr_array_index (list, i);

      g_hash_table_add (addresses, issued->aor);
      for (guint k = 0; k < G_N_ELEMENTS (states); k++)
        counts[k] += g_str_equal (state_of (issued, pl_env_wall (env) / PL_USEC_PER_SEC), states[k]);
    }
  if (!list)
    return FALSE;
  printf ("addresses %u\nkeys %u\n", g_hash_table_size (addresses), list->len);
  for (guint k = 0; k < G_N_ELEMENTS (states); k++)
    printf ("%s %u\n", states[k], counts[k]);
  return TRUE;
}

/* The record first: whoever is marked there gets no certificate even if the document fails. */
static gboolean
shut_out (const PlSite *site, PlStore *store, const PlIssued *issued, GError **error)
{
  g_autoptr (PlCert) cert = pl_cert_new_from_pem (issued->pem, error);

  if (!cert || !pl_store_revoke (store, issued->node_id, error))
    return FALSE;
  for (guint i = 0; i < pl_cert_n_node_ids (cert); i++)
    if (!pl_site_ban (site, pl_cert_node_id (cert, i), error))
      return FALSE;
  return TRUE;
}

static gboolean
run_revoke (PlEnv *env, GError **error)
{
  g_autoptr (PlSite) site = words[1] && !words[2] ? load_site (error) : NULL;
  g_autoptr (PlStore) store = site ? pl_site_open_store (site, error) : NULL;
  g_autoptr (GPtrArray) list = store ? pl_store_list (store, NULL, error) : NULL;
  g_autofree char *aor = list ? pl_aor_canonical (words[1]) : NULL;
  guint done = 0;

  if (!words[1] || words[2])
    return usage (error, "revoke NODE-ID|ADDRESS");
  for (guint i = 0; list && i < list->len; i++)
    {
      const PlIssued *issued = g_ptr_array_index (list, i);

      if (!is_about (issued, words[1], aor))
        continue;
      if (!shut_out (site, store, issued, error))
        return FALSE;
      done++;
    }
  if (list && done == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no certificate was issued to '%s': 'peerline-enroll list' shows them", words[1]);
  return done > 0;
}

static const GOptionEntry options[] = {
  { "dir", 0, 0, G_OPTION_ARG_FILENAME, &dir_option, "Where everything lies (" DIR_DEFAULT ")", "DIR" },
  { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "init: name of the overlay", "NAME" },
  { "bootstrap", 0, 0, G_OPTION_ARG_STRING_ARRAY, &bootstrap_option, "init: a machine that all can reach (repeat for more)", "ADDRESS:PORT" },
  { "url", 0, 0, G_OPTION_ARG_STRING, &url_option, "init: where this server is reached", "https://HOST[:PORT]" },
  { "smtp", 0, 0, G_OPTION_ARG_STRING, &smtp_option, "init: where mail goes out", "URL" },
  { "from", 0, 0, G_OPTION_ARG_STRING, &from_option, "init: whom mails are from", "ADDRESS" },
  { "listen", 0, 0, G_OPTION_ARG_STRING, &listen_option, "init: where to listen ([::]:443)", "ADDRESS:PORT" },
  { "certificate", 0, 0, G_OPTION_ARG_FILENAME, &certificate_option, "init: PEM certificate of the HTTPS server", "FILE" },
  { "key", 0, 0, G_OPTION_ARG_FILENAME, &key_option, "init: its key", "FILE" },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, NULL },
  { NULL }
};

static const struct { const char *name; gboolean (*run) (PlEnv *env, GError **error); } commands[] = {
  { "init", run_init }, { "serve", run_serve }, { "list", run_list }, { "show", run_show }, { "stats", run_stats },
  { "revoke", run_revoke },
};

static gboolean
run (PlEnv *env, GError **error)
{
  for (guint i = 0; words && i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (words[0], commands[i].name))
      return commands[i].run (env, error);
  return usage (error, "init|serve|list|show|stats|revoke [OPTION...]; see --help");
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("init|serve|list|show|stats|revoke");
  g_autoptr (GError) error = NULL;
  g_autoptr (PlLoop) loop = NULL;
  int code = 2;

  pl_ident_init ();
  g_option_context_add_main_entries (context, options, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error))
    {
      loop = pl_loop_new (g_main_context_default ());
      code = run (pl_loop_env (loop), &error) ? 0 : error && error->domain == G_OPTION_ERROR ? 2 : 1;
    }
  if (error)
    fprintf (stderr, "peerline-enroll: %s\n", error->message);
  return code;
}
