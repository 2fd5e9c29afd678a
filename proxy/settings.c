/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/settings.h"

#include "base/aor.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE_MAX (64 * 1024)
#define DEFAULT_OVERLAY_PORT 6084 /* RFC 6940 14.2 */
#define FAR_RATE_MAX 1000
#define DEFAULT_PROMOTE_AFTER (30 * 60)
#define DEFAULT_TURN_LIFETIME (12 * 3600)
#define TURN_SECRET_MAX 1024 /* bytes */
#define DEFAULT_CONNECTIONS 120
#define LIMIT_MAX 1000000
#define MEDIA_OF "media " /* a group for one identity */
#define PROMOTE_AFTER_MAX (7 * 24 * 3600)

G_DEFINE_QUARK (pl-settings-error-quark, pl_settings_error)

/* One load in progress. */
typedef struct {
  PlSettings *config;
  GKeyFile *file;
  const char *path;
  const char *text;
  GString *problems;
} Loader;

typedef void (*ReadKey) (Loader *loader, const char *group, const char *key);

typedef struct {
  const char *group, *key;
  ReadKey read;
} Key;

/* GKeyFile keeps no line numbers; a person needs one. */
static guint
find_line (const char *text, const char *group, const char *key)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autofree char *header = g_strdup_printf ("[%s]", group);
  gboolean inside = FALSE;

  for (guint i = 0; lines[i]; i++)
    {
      g_autofree char *line = g_strstrip (g_strdup (lines[i]));

      if (line[0] == '[')
        inside = g_str_has_prefix (line, header);
      if (inside && !key)
        return i + 1;
      if (inside && g_str_has_prefix (line, key) && strchr ("= \t", line[strlen (key)]))
        return i + 1;
    }
  return 0;
}

static void
problem (Loader *loader, const char *group, const char *key, const char *what)
{
  g_string_append_printf (loader->problems, "%s%s:%u: [%s] %s%s%s", loader->problems->len ? "\n" : "", loader->path,
                          find_line (loader->text, group, key), group, key ? key : "", key ? ": " : "", what);
}

static char *
get_text (Loader *loader, const char *group, const char *key)
{
  g_autofree char *value = g_key_file_get_string (loader->file, group, key, NULL);

  return value ? g_strdup (g_strstrip (value)) : g_strdup ("");
}

static gboolean
read_number (Loader *loader, const char *group, const char *key, gint64 min, gint64 max, gint64 *out)
{
  g_autofree char *text = get_text (loader, group, key);
  g_autofree char *what = NULL;

  if (g_ascii_string_to_signed (text, 10, min, max, out, NULL))
    return TRUE;
  what = g_strdup_printf ("\"%s\" is not a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, text, min, max);
  problem (loader, group, key, what);
  return FALSE;
}

/* A list of HOST:PORT; `user` allows "user:password@" before it. */
static void
read_addresses (Loader *loader, const char *group, const char *key, gboolean user, char ***out)
{
  g_auto (GStrv) list = g_key_file_get_string_list (loader->file, group, key, NULL, NULL);
  g_autoptr (GPtrArray) good = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; list && list[i]; i++)
    {
      const char *item = g_strstrip (list[i]);
      const char *at = user ? strrchr (item, '@') : NULL;
      g_autoptr (GSocketConnectable) address = g_network_address_parse (at ? at + 1 : item, 0, NULL);
      g_autofree char *what = NULL;

      if (!*item)
        continue;
      if (address && g_network_address_get_port (G_NETWORK_ADDRESS (address)) != 0)
        {
          g_ptr_array_add (good, g_strdup (item));
          continue;
        }
      what = g_strdup_printf ("\"%s\" is not ADDRESS:PORT, as 127.0.0.1:5080 or [::1]:5080", item);
      problem (loader, group, key, what);
    }
  g_ptr_array_add (good, NULL);
  g_strfreev (*out);
  *out = (char **) g_ptr_array_free (g_steal_pointer (&good), FALSE);
}

/* Nobody but the own machine's user gets through to the SIP ports. */
static void
check_loopback (Loader *loader, const char *group, const char *key, const char *item)
{
  g_autoptr (GSocketConnectable) address = g_network_address_parse (item, 0, NULL);
  g_autoptr (GInetAddress) host = g_inet_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (address)));
  g_autofree char *what = NULL;

  if (host && g_inet_address_get_is_loopback (host))
    return;
  what = g_strdup_printf ("\"%s\" is not a loopback address, as 127.0.0.1:5080 or [::1]:5080", item);
  problem (loader, group, key, what);
}

static void
read_sip_listen (Loader *loader, const char *group, const char *key)
{
  read_addresses (loader, group, key, FALSE, &loader->config->sip_listen);
  for (char **item = loader->config->sip_listen; *item; item++)
    check_loopback (loader, group, key, *item);
  if (!loader->config->sip_listen[0] && loader->problems->len == 0)
    problem (loader, group, key, "at least one address is needed, as 127.0.0.1:5080");
}

static void
read_overlay_listen (Loader *loader, const char *group, const char *key)
{
  g_autofree char *text = get_text (loader, group, key);

  if (g_hostname_is_ip_address (text))
    loader->config->overlay_listen = g_steal_pointer (&text);
  else
    problem (loader, group, key, "must be an IP address of this machine; leave the key out to listen on all");
}

static void
read_overlay_port (Loader *loader, const char *group, const char *key)
{
  gint64 port;

  if (read_number (loader, group, key, 1, 65535, &port))
    loader->config->overlay_port = port;
}

static void
read_role (Loader *loader, const char *group, const char *key)
{
  static const char *const names[] = { "auto", "client", "peer", "bootstrap" };
  static const PlRole roles[] = { PL_ROLE_AUTO, PL_ROLE_CLIENT, PL_ROLE_PEER, PL_ROLE_BOOTSTRAP };
  g_autofree char *text = get_text (loader, group, key);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (text, names[i]))
      {
        loader->config->role = roles[i];
        return;
      }
  problem (loader, group, key, "must be auto, client, peer or bootstrap");
}

static void
read_promote_after (Loader *loader, const char *group, const char *key)
{
  gint64 seconds;

  if (read_number (loader, group, key, 0, PROMOTE_AFTER_MAX, &seconds))
    loader->config->promote_after = seconds * PL_USEC_PER_SEC;
}

static void
read_stun (Loader *loader, const char *group, const char *key)
{
  read_addresses (loader, group, key, FALSE, &loader->config->stun);
}

static void
read_order (Loader *loader, const char *group, const char *key)
{
  g_auto (GStrv) list = g_key_file_get_string_list (loader->file, group, key, NULL, NULL);
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; list && list[i]; i++)
    {
      g_autofree char *name = g_ascii_strdown (g_strstrip (list[i]), -1);

      if (*name)
        g_strv_builder_add (names, name);
    }
  g_strfreev (loader->config->order);
  loader->config->order = g_strv_builder_end (names);
}

static void
read_turn (Loader *loader, const char *group, const char *key)
{
  read_addresses (loader, group, key, TRUE, &loader->config->turn);
}

/* Nobody, or everybody the harmless things. */
static void
read_answer (Loader *loader, const char *group, const char *key)
{
  g_autofree char *text = get_text (loader, group, key);

  loader->config->diagnostics.closed = g_str_equal (text, "trusted");
  if (!loader->config->diagnostics.closed && !g_str_equal (text, "everybody"))
    problem (loader, group, key, "must be everybody or trusted");
}

static gboolean
is_node_id (const char *text)
{
  return strlen (text) == 2 * PL_NODE_ID_LEN && strspn (text, "0123456789abcdefABCDEF") == 2 * PL_NODE_ID_LEN;
}

static void
read_trusted (Loader *loader, const char *group, const char *key)
{
  g_auto (GStrv) list = g_key_file_get_string_list (loader->file, group, key, NULL, NULL);
  g_autoptr (GPtrArray) good = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; list && list[i]; i++)
    {
      const char *item = g_strstrip (list[i]);
      char *name = is_node_id (item) ? g_strdup (item) : pl_aor_canonical (item);
      g_autofree char *what = NULL;

      if (name)
        g_ptr_array_add (good, name);
      else if (*item)
        {
          what = g_strdup_printf ("\"%s\" is neither an address, as alice@example.org, nor a Node-ID", item);
          problem (loader, group, key, what);
        }
    }
  g_ptr_array_add (good, NULL);
  g_strfreev (loader->config->diagnostics_for);
  loader->config->diagnostics_for = (char **) g_ptr_array_free (g_steal_pointer (&good), FALSE);
  loader->config->diagnostics.names = (const char *const *) loader->config->diagnostics_for;
}

/* --- the TURN server beside this peer --- */

/* RFC 6940 9: nobody finds one in private address space (RFC 1918, RFC 4193) or on one machine. */
static gboolean
is_public (GInetAddress *inet)
{
  return !g_inet_address_get_is_site_local (inet) && !g_inet_address_get_is_loopback (inet) && !g_inet_address_get_is_any (inet)
         && !g_inet_address_get_is_link_local (inet) && !g_inet_address_get_is_multicast (inet)
         && !(g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV6 && (g_inet_address_to_bytes (inet)[0] & 0xfe) == 0xfc);
}

static void
read_turn_address (Loader *loader, const char *group, const char *key)
{
  g_autofree char *text = get_text (loader, group, key);
  g_autoptr (GSocketConnectable) parsed = g_network_address_parse (text, 0, NULL);
  guint16 port = parsed ? g_network_address_get_port (G_NETWORK_ADDRESS (parsed)) : 0;
  g_autoptr (GInetAddress) inet = port ? g_inet_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed))) : NULL;

  if (!inet)
    problem (loader, group, key, "must be the IP address and port of the TURN server, as 192.0.2.7:3478 or [2001:db8::7]:3478");
  else if (!is_public (inet))
    problem (loader, group, key, "is a private address: other nodes must reach the TURN server there");
  else
    pl_ip_address_port_set (&loader->config->turn_offer.address, inet, port);
}

static void
read_turn_secret (Loader *loader, const char *group, const char *key)
{
  g_autofree char *path = get_text (loader, group, key);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) whole = pl_file_read_private (path, TURN_SECRET_MAX, &error);
  gsize len = 0;
  const guint8 *data = whole ? g_bytes_get_data (whole, &len) : NULL;

  while (len > 0 && g_ascii_isspace (data[len - 1]))
    len--;
  if (len > 0)
    loader->config->turn_secret = pl_secret_new (data, len);
  else
    problem (loader, group, key, error ? error->message : "the file is empty: it holds the secret that is coturn's static-auth-secret");
}

static void
read_turn_lifetime (Loader *loader, const char *group, const char *key)
{
  gint64 seconds;

  if (read_number (loader, group, key, PL_TURN_LIFETIME_MIN, PL_TURN_LIFETIME_MAX, &seconds))
    loader->config->turn_offer.lifetime = (guint32) seconds;
}

/* One without the other is of no use. */
static void
check_turn (Loader *loader)
{
  PlSettings *config = loader->config;

  if (loader->problems->len > 0 || !g_key_file_has_group (loader->file, "turn"))
    return;
  if (config->turn_offer.address.type == 0)
    problem (loader, "turn", NULL, "address is missing: where other nodes reach the TURN server");
  else if (!config->turn_secret)
    problem (loader, "turn", NULL, "secret-file is missing: the file with coturn's static-auth-secret");
  else if (config->role == PL_ROLE_CLIENT)
    problem (loader, "turn", NULL, "a client offers no server: role in [overlay] must be peer or bootstrap");
  config->turn_offer.secret = config->turn_secret;
}

static void
read_far_rate (Loader *loader, const char *group, const char *key)
{
  gint64 rate;

  if (read_number (loader, group, key, 1, FAR_RATE_MAX, &rate))
    loader->config->far_rate = (guint) rate;
}

/* "[media]" is for all identities, "[media alice@example.org]" for one. */
static void
read_edge (Loader *loader, const char *group, const char *key)
{
  g_autofree char *text = get_text (loader, group, key);
  char *aor = g_str_has_prefix (group, MEDIA_OF) ? pl_aor_canonical (group + strlen (MEDIA_OF)) : g_strdup ("");

  if (!g_str_equal (text, "auto") && !g_str_equal (text, "never"))
    problem (loader, group, key, "must be auto or never");
  g_hash_table_insert (loader->config->edge, aor, GINT_TO_POINTER (g_str_equal (text, "auto")));
}

static void
read_candidates (Loader *loader, const char *group, const char *key)
{
  g_autofree char *text = get_text (loader, group, key);

  if (!pl_ice_tell_parse (text, &loader->config->tell))
    problem (loader, group, key, "must be all, no-host or relay-only");
}

/* --- what others may do --- */

static void
read_limit (Loader *loader, const char *group, const char *key)
{
  PlSettings *config = loader->config;
  const struct { const char *key; guint *out; } limits[] = {
    { "link-messages", &config->limits.messages }, { "stores", &config->limits.stores }, { "link-stores", &config->limits.link_stores },
    { "attaches", &config->limits.attaches },      { "joins", &config->limits.joins },   { "connections", &config->connections },
  };
  gint64 number;

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    if (g_str_equal (limits[i].key, key) && read_number (loader, group, key, 0, LIMIT_MAX, &number))
      *limits[i].out = (guint) number;
}

static void
read_kept (Loader *loader, const char *group, const char *key)
{
  gint64 number;

  if (read_number (loader, group, key, 1, PL_STORE_BYTES_MAX / 1024 / 1024, &number))
    loader->config->store_limits.total = (gsize) number * 1024 * 1024;
}

static void
read_kept_signer (Loader *loader, const char *group, const char *key)
{
  gint64 number;

  if (read_number (loader, group, key, 0, PL_STORE_BYTES_MAX / 1024, &number))
    loader->config->store_limits.signer = (gsize) number * 1024;
}

static void
read_kept_kind (Loader *loader, const char *group, const char *key)
{
  gint64 number;

  if (read_number (loader, group, key, 1, 100, &number))
    loader->config->store_limits.kind_percent = (guint) number;
}

static void
read_log_level (Loader *loader, const char *group, const char *key)
{
  static const char *const names[] = { "error", "warning", "notice", "info", "debug" };
  g_autofree char *text = get_text (loader, group, key);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (text, names[i]))
      {
        loader->config->log_level = (PlLogLevel) i;
        return;
      }
  problem (loader, group, key, "must be error, warning, notice, info or debug");
}

static const Key keys[] = {
  { "sip", "listen", read_sip_listen },
  { "sip", "far-rate", read_far_rate },
  { "overlay", "listen", read_overlay_listen },
  { "overlay", "port", read_overlay_port },
  { "overlay", "role", read_role },
  { "overlay", "promote-after", read_promote_after },
  { "overlay", "order", read_order },
  { "overlay", "stun", read_stun },
  { "overlay", "turn", read_turn },
  { "overlay", "candidates", read_candidates },
  { "limits", "link-messages", read_limit },
  { "limits", "stores", read_limit },
  { "limits", "link-stores", read_limit },
  { "limits", "attaches", read_limit },
  { "limits", "connections", read_limit },
  { "limits", "joins", read_limit },
  { "limits", "kept", read_kept },
  { "limits", "kept-signer", read_kept_signer },
  { "limits", "kept-kind", read_kept_kind },
  { "turn", "address", read_turn_address },
  { "turn", "secret-file", read_turn_secret },
  { "turn", "lifetime", read_turn_lifetime },
  { "diagnostics", "answer", read_answer },
  { "diagnostics", "trusted", read_trusted },
  { "media", "edge", read_edge },
  { "log", "level", read_log_level },
};

static gboolean
is_group (const char *group, const char *name)
{
  g_autofree char *aor = g_str_has_prefix (group, MEDIA_OF) ? pl_aor_canonical (group + strlen (MEDIA_OF)) : NULL;

  return g_str_equal (aor ? "media" : group, name);
}

static void
read_group (Loader *loader, const char *group)
{
  g_auto (GStrv) present = g_key_file_get_keys (loader->file, group, NULL, NULL);

  for (guint i = 0; present && present[i]; i++)
    {
      const Key *found = NULL;

      for (guint k = 0; k < G_N_ELEMENTS (keys) && !found; k++)
        if (is_group (group, keys[k].group) && g_str_equal (keys[k].key, present[i]))
          found = &keys[k];
      if (found)
        found->read (loader, group, present[i]);
      else
        problem (loader, group, present[i], "there is no such key (see man peerline.conf)");
    }
}

static void
read_groups (Loader *loader)
{
  g_auto (GStrv) groups = g_key_file_get_groups (loader->file, NULL);

  for (guint i = 0; groups[i]; i++)
    {
      gboolean known = FALSE;

      for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
        known = known || is_group (groups[i], keys[k].group);
      if (known)
        read_group (loader, groups[i]);
      else
        problem (loader, groups[i], NULL, "there is no such group; known are [sip], [overlay], [limits], [turn], [diagnostics], [media] and [log]");
    }
}

PlSettings *
pl_settings_new (void)
{
  static const char *const listen[] = { "127.0.0.1:5080", "[::1]:5080", NULL };
  PlSettings *config = g_new0 (PlSettings, 1);

  config->sip_listen = g_strdupv ((char **) listen);
  config->overlay_port = DEFAULT_OVERLAY_PORT;
  config->role = PL_ROLE_AUTO;
  config->promote_after = DEFAULT_PROMOTE_AFTER * PL_USEC_PER_SEC;
  config->order = g_new0 (char *, 1);
  config->stun = g_new0 (char *, 1);
  config->turn = g_new0 (char *, 1);
  config->diagnostics.everybody = PL_DIAGNOSTICS_EVERYBODY;
  config->diagnostics.trusted = G_MAXUINT64;
  config->turn_offer.lifetime = DEFAULT_TURN_LIFETIME;
  config->edge = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  config->limits = (PlNodeLimits) PL_NODE_LIMITS;
  config->store_limits = (PlStoreLimits) PL_STORE_LIMITS;
  config->connections = DEFAULT_CONNECTIONS;
  config->log_level = PL_LOG_NOTICE;
  return config;
}

void
pl_settings_free (PlSettings *config)
{
  if (!config)
    return;
  g_strfreev (config->sip_listen);
  g_strfreev (config->order);
  g_strfreev (config->stun);
  g_strfreev (config->turn);
  g_strfreev (config->diagnostics_for);
  pl_secret_free (config->turn_secret);
  g_hash_table_unref (config->edge);
  g_free (config->overlay_listen);
  g_free (config);
}

PlSettings *
pl_settings_load (const char *path, GError **error)
{
  g_autoptr (PlSettings) config = pl_settings_new ();
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GString) problems = g_string_new (NULL);
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) bytes = pl_file_read (path, CONFIG_FILE_MAX, &local);
  g_autofree char *text = NULL;
  Loader loader = { config, file, path, NULL, problems };

  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return g_steal_pointer (&config);
  if (!bytes)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  loader.text = text = g_strndup (g_bytes_get_size (bytes) ? g_bytes_get_data (bytes, NULL) : "", g_bytes_get_size (bytes));
  if (*text && !g_key_file_load_from_data (file, text, -1, G_KEY_FILE_NONE, &local))
    {
      g_set_error (error, PL_SETTINGS_ERROR, 0, "%s: %s", path, local->message);
      return NULL;
    }
  read_groups (&loader);
  check_turn (&loader);
  if (problems->len)
    {
      g_set_error_literal (error, PL_SETTINGS_ERROR, 0, problems->str);
      return NULL;
    }
  return g_steal_pointer (&config);
}

gboolean
pl_settings_allow_edge (const PlSettings *config, const char *aor)
{
  gpointer allowed;

  if (g_hash_table_lookup_extended (config->edge, aor, NULL, &allowed) || g_hash_table_lookup_extended (config->edge, "", NULL, &allowed))
    return GPOINTER_TO_INT (allowed);
  return TRUE;
}

guint
pl_settings_rank (const PlSettings *config, const char *overlay)
{
  guint i = 0;

  while (config->order[i] && !g_str_equal (config->order[i], overlay))
    i++;
  return i;
}
