/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/site.h"

#include <string.h>

#include "base/file.h"
#include "base/secret.h"

#define PEM_MAX 16384
#define CONF_MAX 65536
#define DEVICES 5
#define LIFETIME "365d"
#define LIFETIME_SECONDS ((gint64) 365 * 86400)
#define IDLE_SECONDS 30
#define LIFETIME_MIN (10 * 60) /* s */
#define CODE_MINUTES 15
#define MAILS_PER_ADDRESS 3
#define MAILS_PER_CLIENT 20

static char *
path_of (const PlSite *site, const char *file)
{
  return g_build_filename (site->dir, file, NULL);
}

static gboolean
write_file (const PlSite *site, const char *file, const char *text, gsize len, int mode, GError **error)
{
  g_autofree char *path = path_of (site, file);

  return pl_file_write (path, text, len, mode, error);
}

static char *
read_file (const PlSite *site, const char *file, gsize max, gboolean secret, GError **error)
{
  g_autofree char *path = path_of (site, file);
  g_autoptr (GBytes) bytes = secret ? pl_file_read_private (path, max, error) : pl_file_read (path, max, error);

  return bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
}

/* --- init --- */

/* A bootstrap-node is an IP address (11.1). */
static gboolean
add_bootstrap (PlDocument *document, const char *text, GError **error)
{
  PlHostPort item;

  if (!pl_host_port_parse (text, PL_BOOTSTRAP_PORT, &item, error))
    return FALSE;
  if (!g_hostname_is_ip_address (item.host))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' has no IP address", text);
      g_free (item.host);
      return FALSE;
    }
  g_array_append_val (document->bootstrap_nodes, item);
  return TRUE;
}

static PlIdentity *
make_signer (const PlSite *site, PlAuthority *authority, GError **error)
{
  char *key = NULL;
  g_autofree char *cert = NULL;
  g_autoptr (PlIdentity) signer = pl_authority_make_signer (authority, &key, &cert, error);
  gboolean done = signer && write_file (site, "signer.key", key, strlen (key), 0600, error)
                  && write_file (site, "signer.crt", cert, strlen (cert), 0600, error);

  pl_wipe_text (key);
  return done ? g_steal_pointer (&signer) : NULL;
}

static gboolean
write_authority (const PlSite *site, PlAuthority *authority, GError **error)
{
  char *key = pl_authority_dup_key_pem (authority);
  g_autofree char *cert = pl_authority_dup_cert_pem (authority);
  gboolean done = key && cert && write_file (site, "ca.key", key, strlen (key), 0600, error)
                  && write_file (site, "ca.crt", cert, strlen (cert), 0600, error);

  pl_wipe_text (key);
  return done;
}

static gboolean
write_conf (const PlSite *site, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *text = NULL;
  gsize len = 0;

  g_key_file_set_string (file, "server", "overlay", site->overlay);
  g_key_file_set_string (file, "server", "url", site->url);
  g_key_file_set_string (file, "server", "listen", site->listen);
  g_key_file_set_string (file, "server", "certificate", site->certificate);
  g_key_file_set_string (file, "server", "key", site->key);
  g_key_file_set_string (file, "mail", "smtp", site->smtp);
  g_key_file_set_string (file, "mail", "from", site->from);
  g_key_file_set_integer (file, "policy", "devices", DEVICES);
  g_key_file_set_string (file, "policy", "lifetime", LIFETIME);
  g_key_file_set_integer (file, "policy", "code-minutes", CODE_MINUTES);
  g_key_file_set_integer (file, "policy", "mails-per-address", MAILS_PER_ADDRESS);
  g_key_file_set_integer (file, "policy", "mails-per-client", MAILS_PER_CLIENT);
  text = g_key_file_to_data (file, &len, NULL);
  return write_file (site, "enroll.conf", text, len, 0600, error);
}

gboolean
pl_site_init (PlEnv *env, const PlSite *site, char **bootstrap, GError **error)
{
  g_autoptr (PlDocument) document = pl_document_new (site->overlay);
  g_autofree char *ca = path_of (site, "ca.key");
  g_autoptr (PlAuthority) authority = NULL;
  g_autoptr (PlIdentity) signer = NULL;
  g_autoptr (GBytes) xml = NULL;

  if (g_file_test (ca, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s has an authority already: take another folder", site->dir);
      return FALSE;
    }
  for (guint i = 0; bootstrap && bootstrap[i]; i++)
    if (!add_bootstrap (document, bootstrap[i], error))
      return FALSE;
  g_ptr_array_add (document->enrollment_servers, g_strconcat (site->url, "/enroll", NULL));
  authority = pl_file_make_dir (site->dir, error) ? pl_authority_new (env, site->overlay, error) : NULL;
  if (!authority)
    return FALSE;
  g_ptr_array_add (document->root_certs, g_bytes_ref (pl_authority_cert_der (authority)));
  signer = make_signer (site, authority, error);
  xml = signer ? pl_document_build (document, signer, error) : NULL;
  /* The authority last: without it the folder can be begun anew. */
  return xml && write_file (site, "overlay.xml", g_bytes_get_data (xml, NULL), g_bytes_get_size (xml), 0644, error)
         && write_conf (site, error) && write_authority (site, authority, error);
}

/* --- load --- */

static guint
read_number (GKeyFile *file, const char *group, const char *key, guint otherwise)
{
  g_autoptr (GError) why = NULL;
  int number = g_key_file_get_integer (file, group, key, &why);

  return why || number < 0 ? otherwise : (guint) number;
}

/* "90d", "12h", "30m"; `otherwise` when nothing is said. */
static gboolean
read_lifetime (GKeyFile *file, const char *group, const char *otherwise, gint64 *seconds, GError **error)
{
  static const struct { char unit; gint64 seconds; } units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 } };
  g_autofree char *text = g_key_file_get_string (file, group, "lifetime", NULL);
  char *end = NULL;
  guint64 n = g_ascii_strtoull (text ? text : otherwise, &end, 10);

  *seconds = 0;
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (end[0] == units[i].unit && !end[1])
      *seconds = MIN (n, PL_AUTHORITY_ROOT_DAYS) * units[i].seconds;
  if (*seconds >= LIFETIME_MIN)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "lifetime=%s: write 365d, 12h or 30m, and at least 10m", text);
  return FALSE;
}

/* What `group` says, and `from` for the rest. */
static gboolean
read_grant (GKeyFile *file, const char *group, const PlGrant *from, PlGrant *grant, GError **error)
{
  g_autofree char *lifetime = g_strdup_printf ("%" G_GINT64_FORMAT "m", from->lifetime / 60);

  grant->devices = read_number (file, group, "devices", from->devices);
  grant->node_ids = CLAMP (read_number (file, group, "node-ids", from->node_ids), 1, PL_AUTHORITY_NODE_IDS_MAX);
  return read_lifetime (file, group, lifetime, &grant->lifetime, error);
}

static void
grant_clear (gpointer data)
{
  g_free (((PlGrant *) data)->pattern);
}

/* Groups [address PATTERN], in their order. */
static gboolean
read_grants (GKeyFile *file, PlPolicy *policy, GError **error)
{
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
  static const PlGrant first = { NULL, DEVICES, 1, LIFETIME_SECONDS };

  policy->grants = g_array_new (FALSE, TRUE, sizeof (PlGrant));
  g_array_set_clear_func (policy->grants, grant_clear);
  if (!read_grant (file, "policy", &first, &policy->grant, error))
    return FALSE;
  for (guint i = 0; groups[i]; i++)
    {
      PlGrant grant = { NULL };

      if (!g_str_has_prefix (groups[i], "address "))
        continue;
      if (!read_grant (file, groups[i], &policy->grant, &grant, error))
        return FALSE;
      grant.pattern = g_strdup (groups[i] + strlen ("address "));
      g_array_append_val (policy->grants, grant);
    }
  return TRUE;
}

static void
read_policy (GKeyFile *file, PlPolicy *policy)
{
  policy->allow = g_key_file_get_string_list (file, "policy", "allow", NULL, NULL);
  policy->deny = g_key_file_get_string_list (file, "policy", "deny", NULL, NULL);
  policy->code_seconds = read_number (file, "policy", "code-minutes", CODE_MINUTES) * 60;
  policy->mails_per_address = read_number (file, "policy", "mails-per-address", MAILS_PER_ADDRESS);
  policy->mails_per_client = read_number (file, "policy", "mails-per-client", MAILS_PER_CLIENT);
}

static gboolean
check_whole (const PlSite *site, GError **error)
{
  if (site->overlay && site->url && site->listen && site->certificate && site->key && site->smtp && site->from)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               "%s/enroll.conf: overlay, url, listen, certificate, key in [server] and smtp, from in [mail] must be there", site->dir);
  return FALSE;
}

PlSite *
pl_site_load (const char *dir, GError **error)
{
  g_autoptr (PlSite) site = g_new0 (PlSite, 1);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *text = NULL;

  site->dir = g_strdup (dir);
  text = read_file (site, "enroll.conf", CONF_MAX, TRUE, error);
  if (!text || !g_key_file_load_from_data (file, text, -1, G_KEY_FILE_NONE, error))
    return NULL;
  site->overlay = g_key_file_get_string (file, "server", "overlay", NULL);
  site->url = g_key_file_get_string (file, "server", "url", NULL);
  site->listen = g_key_file_get_string (file, "server", "listen", NULL);
  site->certificate = g_key_file_get_string (file, "server", "certificate", NULL);
  site->key = g_key_file_get_string (file, "server", "key", NULL);
  site->database = g_key_file_get_string (file, "server", "database", NULL);
  site->hook = g_key_file_get_string (file, "policy", "hook", NULL);
  site->idle_seconds = MAX (read_number (file, "server", "idle-seconds", IDLE_SECONDS), 1);
  site->smtp = g_key_file_get_string (file, "mail", "smtp", NULL);
  site->from = g_key_file_get_string (file, "mail", "from", NULL);
  site->user = g_key_file_get_string (file, "mail", "user", NULL);
  site->password = g_key_file_get_string (file, "mail", "password", NULL);
  read_policy (file, &site->policy);
  return check_whole (site, error) && read_grants (file, &site->policy, error) ? g_steal_pointer (&site) : NULL;
}

void
pl_site_free (PlSite *site)
{
  if (!site)
    return;
  g_free (site->dir);
  g_free (site->overlay);
  g_free (site->url);
  g_free (site->listen);
  g_free (site->certificate);
  g_free (site->key);
  g_free (site->hook);
  g_clear_pointer (&site->policy.grants, g_array_unref);
  g_free (site->smtp);
  g_free (site->from);
  g_free (site->user);
  pl_wipe_text (site->database); /* may have a password */
  pl_wipe_text (site->password);
  g_strfreev (site->policy.allow);
  g_strfreev (site->policy.deny);
  g_free (site);
}

PlStore *
pl_site_open_store (const PlSite *site, GError **error)
{
  g_autofree char *path = path_of (site, "enroll.db");

  return pl_store_open (site->database ? site->database : path, error);
}

PlAuthority *
pl_site_load_authority (const PlSite *site, PlEnv *env, GError **error)
{
  char *key = read_file (site, "ca.key", PEM_MAX, TRUE, error);
  g_autofree char *cert = key ? read_file (site, "ca.crt", PEM_MAX, FALSE, error) : NULL;
  PlAuthority *authority = cert ? pl_authority_load (env, site->overlay, key, cert, error) : NULL;

  pl_wipe_text (key);
  return authority;
}

GBytes *
pl_site_load_document (const PlSite *site, GError **error)
{
  g_autofree char *path = path_of (site, "overlay.xml");

  return pl_file_read (path, PL_DOCUMENT_MAX, error);
}

/* --- shutting a node out --- */

static gboolean
is_bad (const PlDocument *document, const PlNodeId *node_id)
{
  for (guint i = 0; i < document->bad_nodes->len; i++)
    if (pl_node_id_equal (&g_array_index (document->bad_nodes, PlNodeId, i), node_id))
      return TRUE;
  return FALSE;
}

gboolean
pl_site_ban (const PlSite *site, const PlNodeId *node_id, GError **error)
{
  g_autoptr (GBytes) xml = pl_site_load_document (site, error);
  g_autoptr (PlDocument) document = xml ? pl_document_parse (xml, site->overlay, error) : NULL;
  g_autofree char *key = path_of (site, "signer.key");
  g_autofree char *cert = path_of (site, "signer.crt");
  g_autoptr (PlIdentity) signer = NULL;
  g_autoptr (GBytes) next = NULL;

  if (!document || is_bad (document, node_id))
    return document != NULL;
  signer = pl_identity_load (key, cert, NULL, error);
  if (!signer)
    return FALSE;
  g_array_append_vals (document->bad_nodes, node_id, 1);
  document->sequence = (document->sequence + 1) % PL_DOCUMENT_SEQUENCES;
  next = pl_document_build (document, signer, error);
  return next && write_file (site, "overlay.xml", g_bytes_get_data (next, NULL), g_bytes_get_size (next), 0644, error);
}
