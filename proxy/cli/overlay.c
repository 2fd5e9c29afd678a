/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "base/aor.h"
#include "base/file.h"
#include "base/secret.h"
#include "overlay/enroll/authority.h"
#include "proxy/cli/cli.h"
#include "proxy/pins.h"

#define STUN_PORT 3478      /* RFC 8489, section 18.6 */
#define TURN_DENSITY_MAX 20 /* NODE-MULTIPLE of TURN-SERVICE, section 9 */
#define CERT_MAX 16384      /* bytes of PEM */

static char **bootstrap_option, **stun_option, **group_option, **kind_option;
static char **remove_bootstrap_option, **remove_stun_option, **remove_group_option, **bad_option, **good_option;
static int expires_option = -1, turn_option = -1;
static char *name_option, *mode_option, *ca_option;
static gboolean force_option, no_ice_option, self_tuning_option;

/* --- create --- */

static char *
resolve (const char *host, GError **error)
{
  g_autoptr (GResolver) resolver = g_resolver_get_default ();
  GList *addresses = g_resolver_lookup_by_name (resolver, host, NULL, error);
  char *text = addresses ? g_inet_address_to_string (addresses->data) : NULL;

  g_resolver_free_addresses (addresses);
  return text;
}

/* A bootstrap-node is an IP address (11.1), so a name is looked up now; a STUN server is ours
 * and keeps its name. */
static gboolean
add_host (GArray *list, const char *text, guint16 port, gboolean numeric, GError **error)
{
  PlHostPort item;

  if (!pl_host_port_parse (text, port, &item, error))
    return FALSE;
  if (numeric)
    {
      g_autofree char *name = item.host;

      item.host = resolve (name, error);
      if (!item.host)
        {
          g_prefix_error (error, "'%s' is no HOST:PORT: ", text);
          return FALSE;
        }
    }
  g_array_append_val (list, item);
  return TRUE;
}

static gboolean
add_hosts (PlDocument *document, GError **error)
{
  for (guint i = 0; bootstrap_option && bootstrap_option[i]; i++)
    if (!add_host (document->bootstrap_nodes, bootstrap_option[i], PL_BOOTSTRAP_PORT, TRUE, error))
      return FALSE;
  for (guint i = 0; stun_option && stun_option[i]; i++)
    if (!add_host (document->stun_servers, stun_option[i], STUN_PORT, FALSE, error))
      return FALSE;
  return TRUE;
}

static gboolean
add_groups (PlDocument *document, GError **error)
{
  for (guint i = 0; group_option && group_option[i]; i++)
    {
      if (!add_host (document->multicast_groups, group_option[i], PL_BOOTSTRAP_PORT, FALSE, error))
        return FALSE;
      if (pl_document_is_group (g_array_index (document->multicast_groups, PlHostPort, document->multicast_groups->len - 1).host))
        continue;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no IPv4 multicast address, as 239.255.96.84", group_option[i]);
      return FALSE;
    }
  return TRUE;
}

static gboolean
set_turn (PlDocument *document, GError **error)
{
  if (turn_option < -1 || turn_option > TURN_DENSITY_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "--turn-density takes 0 to %d", TURN_DENSITY_MAX);
      return FALSE;
    }
  if (turn_option >= 0)
    document->turn_density = (guint) turn_option;
  return TRUE;
}

static gboolean
add_kinds (PlDocument *document, GError **error)
{
  for (guint i = 0; kind_option && kind_option[i]; i++)
    {
      PlKind kind;

      if (!pl_kind_parse (kind_option[i], &kind, error))
        return FALSE;
      if (pl_document_kind (document, kind.id))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "Kind 0x%08x is given twice", kind.id);
          return FALSE;
        }
      g_array_append_val (document->kinds, kind);
    }
  return TRUE;
}

static gboolean
write_secret (const char *dir, const char *file, const char *pem, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);

  return pl_file_write (path, pem, strlen (pem), 0600, error);
}

static gboolean
write_public (const char *dir, const char *file, const char *pem, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);

  return pl_file_write (path, pem, strlen (pem), 0644, error);
}

/* Who signs the document: of the authority, or a key for itself where there is none. The caller wipes
 * the key. */
static PlIdentity *
make_signer (PlCli *cli, PlAuthority *authority, const PlDocument *document, char **key, char **cert, GError **error)
{
  PlSelfSigned self = { NULL, NULL, document->instance_name, document->self_signed_digest, 1 };

  if (authority)
    return pl_authority_make_signer (authority, key, cert, error);
  self.key = *key = pl_key_make (error);
  *cert = *key ? pl_self_signed_issue (cli->env, &self, error) : NULL;
  return *cert ? pl_identity_new (*key, *cert, error) : NULL;
}

/* Nothing when there is none. */
static gboolean
write_authority (PlAuthority *authority, const char *dir, GError **error)
{
  char *key = authority ? pl_authority_dup_key_pem (authority) : NULL;
  g_autofree char *cert = authority ? pl_authority_dup_cert_pem (authority) : NULL;
  gboolean done = !authority ? pl_file_make_dir (dir, error) : key && cert && pl_file_make_dir (dir, error) && write_secret (dir, "ca.key", key, error)
                  && write_public (dir, "ca.crt", cert, error);

  pl_wipe_text (key);
  return done;
}

/* What a full disk left behind must not keep the name from the next attempt. */
static void
remove_authority (const char *dir)
{
  static const char *const files[] = { "ca.key", "ca.crt", "signer.key", "signer.crt" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (dir, files[i], NULL);

      g_unlink (path);
    }
  g_rmdir (dir);
}

static gboolean
write_document (PlCli *cli, const char *overlay, GBytes *xml, GError **error)
{
  g_autofree char *path = pl_home_dup_document_path (cli->paths, overlay);
  g_autofree char *dir = g_path_get_dirname (path);

  return pl_file_make_dir (dir, error)
         && pl_file_write (path, g_bytes_get_data (xml, NULL), g_bytes_get_size (xml), 0644, error);
}

static gboolean
check_new (PlCli *cli, const char *overlay, GError **error)
{
  g_autofree char *path = pl_home_dup_document_path (cli->paths, overlay);
  g_autofree char *dir = pl_home_dup_authority_dir (cli->paths, overlay);

  if (!g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (dir, G_FILE_TEST_EXISTS))
    return TRUE;
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "there is an overlay %s already: take another name, or see 'peerline overlay list'", overlay);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "%s holds an authority of this name, but the overlay has no document: take another name, bring the document "
                 "back with 'peerline overlay join FILE', or remove the folder", dir);
  return FALSE;
}

/* The daemon does not read its port off the document: behind a NAT the two may differ. */
static void
say_port (PlCli *cli, PlDocument *document)
{
  for (guint i = 0; i < document->bootstrap_nodes->len; i++)
    {
      const PlHostPort *node = &g_array_index (document->bootstrap_nodes, PlHostPort, i);

      if (node->port != PL_BOOTSTRAP_PORT)
        pl_cli_say (cli, "The bootstrap node at %s needs 'port=%u' in the group [overlay] of its peerline.conf.", node->host, node->port);
    }
}

static JsonArray *list_fingerprints (PlDocument *document);

static void
say_created (PlCli *cli, PlDocument *document)
{
  g_autofree char *path = pl_home_dup_document_path (cli->paths, document->instance_name);
  g_autoptr (JsonArray) fingerprints = list_fingerprints (document);
  g_autoptr (JsonObject) object = json_object_new ();
  static const PlColumn columns[] = { { "name", "Overlay" }, { "mode", "Mode" }, { "document", "Document" }, { "fingerprint", "Fingerprint" }, { NULL } };

  json_object_set_string_member (object, "name", document->instance_name);
  json_object_set_string_member (object, "document", path);
  json_object_set_string_member (object, "mode", pl_mode_name (pl_document_mode (document)));
  json_object_set_string_member (object, "fingerprint", json_array_get_string_element (fingerprints, 0));
  pl_cli_print_object (cli, object, columns);
  if (document->bootstrap_nodes->len == 0 && document->multicast_groups->len == 0)
    pl_cli_say (cli, "It has no bootstrap node, so only this machine can be in it; --bootstrap HOST:PORT names a machine that others reach.");
  say_port (cli, document);
  if (document->secret_links)
    pl_cli_say (cli, "Whoever has its secret can get in: 'peerline overlay secret %s' prints it. Hand it on where nobody else reads it.", document->instance_name);
  pl_cli_say (cli, "Get an identity: peerline identity create you@example.org --overlay %s", document->instance_name);
  pl_cli_say (cli, "Others join with the document and compare the fingerprint: peerline overlay join FILE");
}

/* Random, as one that people think up would be guessed (13.4). */
static gboolean
make_secret (PlCli *cli, const PlDocument *document, GError **error)
{
  g_autofree char *path = pl_home_dup_secrets_path (cli->paths, document->instance_name);
  guint8 secret[PL_HOME_SECRET_LEN];
  g_autoptr (GBytes) bytes = NULL;

  if (!document->secret_links)
    return TRUE;
  pl_env_random (cli->env, secret, sizeof secret);
  bytes = g_bytes_new (secret, sizeof secret);
  pl_wipe (secret, sizeof secret);
  return pl_home_save_secrets (path, bytes, error);
}

/* Nothing is written before everything is made. */
static gboolean
make_overlay (PlCli *cli, PlDocument *document, GError **error)
{
  gboolean certified = pl_document_mode (document) == PL_MODE_CERTIFICATES;
  g_autoptr (PlAuthority) authority = certified ? pl_authority_new (cli->env, document->instance_name, error) : NULL;
  g_autofree char *dir = pl_home_dup_authority_dir (cli->paths, document->instance_name);
  g_autoptr (PlIdentity) signer = NULL;
  g_autoptr (GBytes) xml = NULL;
  g_autofree char *cert = NULL;
  char *key = NULL;
  gboolean done;

  if (certified && !authority)
    return FALSE;
  if (authority)
    g_ptr_array_add (document->root_certs, g_bytes_ref (pl_authority_cert_der (authority)));
  signer = make_signer (cli, authority, document, &key, &cert, error);
  if (signer)
    g_array_append_val (document->configuration_signers, *pl_identity_node_id (signer));
  xml = signer ? pl_document_build (document, signer, error) : NULL;
  done = xml && make_secret (cli, document, error) && write_authority (authority, dir, error) && write_secret (dir, "signer.key", key, error)
         && write_public (dir, "signer.crt", cert, error) && write_document (cli, document->instance_name, xml, error);
  pl_wipe_text (key);
  if (done)
    say_created (cli, document);
  else
    remove_authority (dir);
  return done;
}

static gboolean
set_mode (PlDocument *document, GError **error)
{
  if (g_strcmp0 (mode_option, pl_mode_name (PL_MODE_SHARED_SECRET)) == 0)
    return document->secret_links = document->self_signed_permitted = TRUE;
  if (!mode_option || g_str_equal (mode_option, pl_mode_name (PL_MODE_CERTIFICATES)))
    return TRUE;
  if (g_str_equal (mode_option, pl_mode_name (PL_MODE_SELF_SIGNED)))
    return document->self_signed_permitted = TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no way to let people in: certificates, self-signed or shared-secret", mode_option);
  return FALSE;
}

static gboolean
run_create (PlCli *cli, GError **error)
{
  g_autofree char *name = pl_cli_overlay_name (g_ptr_array_index (cli->args, 0), error);
  g_autoptr (PlDocument) document = name ? pl_document_new (name) : NULL;

  if (document)
    document->no_ice = no_ice_option;
  if (document && self_tuning_option)
    {
      g_free (document->topology);
      document->topology = g_strdup (PL_TOPOLOGY_SELF_TUNING);
    }
  return document && set_mode (document, error) && check_new (cli, name, error) && add_hosts (document, error)
         && add_kinds (document, error) && add_groups (document, error) && set_turn (document, error)
         && make_overlay (cli, document, error);
}

/* --- join --- */

static gboolean
check_document (PlCli *cli, PlDocument *document, PlDocument *previous, GError **error)
{
  g_autoptr (PlTrust) trust = NULL;

  if (!pl_document_check_supported (document, error) || !pl_document_check_time (document, cli->env, error))
    return FALSE;
  trust = pl_document_trust_new (previous ? previous : document, cli->env, error);
  if (!trust)
    return FALSE;
  if (pl_document_verify (document, trust, previous, error))
    return TRUE;
  if (previous)
    g_prefix_error (error, "you are in an overlay of this name already, and: ");
  if (previous && error)
    {
      g_autofree char *text = g_strdup_printf ("%s; if you are sure of the new document, add --force", (*error)->message);

      g_free ((*error)->message);
      (*error)->message = g_steal_pointer (&text);
    }
  return FALSE;
}

static JsonArray *
list_hosts (GArray *hosts)
{
  JsonArray *list = json_array_new ();

  for (guint i = 0; i < hosts->len; i++)
    {
      const PlHostPort *item = &g_array_index (hosts, PlHostPort, i);
      g_autofree char *text = g_strdup_printf (strchr (item->host, ':') ? "[%s]:%u" : "%s:%u", item->host, item->port);

      json_array_add_string_element (list, text);
    }
  return list;
}

/* Of the authority; without one of who signs the document, whose Node-ID is the digest of the key. */
static JsonArray *
list_fingerprints (PlDocument *document)
{
  JsonArray *list = json_array_new ();
  GArray *signers = document->configuration_signers;

  for (guint i = 0; pl_document_mode (document) != PL_MODE_CERTIFICATES && i < signers->len; i++)
    {
      g_autofree char *hex = pl_node_id_dup_hex (&g_array_index (signers, PlNodeId, i));
      g_autofree char *text = pl_pins_show (hex);

      json_array_add_string_element (list, text);
    }

  for (guint i = 0; i < document->root_certs->len; i++)
    {
      g_autofree char *fingerprint = pl_cli_fingerprint (g_ptr_array_index (document->root_certs, i));

      json_array_add_string_element (list, fingerprint);
    }
  return list;
}

static JsonArray *
list_nodes (GArray *ids)
{
  JsonArray *list = json_array_new ();

  for (guint i = 0; i < ids->len; i++)
    {
      g_autofree char *hex = pl_node_id_dup_hex (&g_array_index (ids, PlNodeId, i));

      json_array_add_string_element (list, hex);
    }
  return list;
}

static JsonObject *
describe (PlDocument *document)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "name", document->instance_name);
  json_object_set_string_member (object, "mode", pl_mode_name (pl_document_mode (document)));
  json_object_set_int_member (object, "sequence", document->sequence);
  json_object_set_int_member (object, "expires", document->expiration);
  json_object_set_array_member (object, "bootstrap", list_hosts (document->bootstrap_nodes));
  json_object_set_array_member (object, "stun", list_hosts (document->stun_servers));
  json_object_set_array_member (object, "multicast", list_hosts (document->multicast_groups));
  json_object_set_int_member (object, "turn_density", document->turn_density);
  json_object_set_array_member (object, "bad_nodes", list_nodes (document->bad_nodes));
  json_object_set_array_member (object, "fingerprints", list_fingerprints (document));
  return object;
}

static void
say_joined (PlCli *cli, PlDocument *document, gboolean proved)
{
  static const PlColumn columns[] = { { "name", "Overlay" }, { "mode", "Mode" }, { "bootstrap", "Bootstrap" }, { "fingerprints", "Fingerprint" }, { NULL } };
  g_autoptr (JsonObject) object = describe (document);

  pl_cli_print_object (cli, object, columns);
  if (!proved)
    pl_cli_say (cli, "Compare the fingerprint with what the one who runs the overlay tells you.");
  if (document->enrollment_servers->len > 0)
    pl_cli_say (cli, "Get an identity: peerline enroll you@example.org --overlay %s", document->instance_name);
  else if (pl_document_mode (document) == PL_MODE_CERTIFICATES)
    pl_cli_say (cli, "Get an identity: peerline identity request you@example.org --overlay %s > request.pem", document->instance_name);
  else
    pl_cli_say (cli, "Get an identity: peerline identity create you@example.org --overlay %s", document->instance_name);
  pl_cli_reload (cli);
}

PlDocument *
pl_cli_join (PlCli *cli, GBytes *xml, const char *wanted, gboolean force, GError **error)
{
  g_autoptr (PlDocument) document = pl_document_parse (xml, wanted, error);
  g_autofree char *name = document ? g_ascii_strdown (document->instance_name, -1) : NULL;
  g_autoptr (PlDocument) previous = document && !force ? pl_home_load_document (cli->paths, name, NULL) : NULL;

  if (previous && g_bytes_equal (previous->xml, xml))
    return g_steal_pointer (&previous);
  if (!document || !check_document (cli, document, previous, error) || !write_document (cli, name, xml, error))
    return NULL;
  return g_steal_pointer (&document);
}

static gboolean
run_join (PlCli *cli, GError **error)
{
  PlCliJoin how = { name_option, ca_option, force_option };
  gboolean proved;
  g_autoptr (PlDocument) document = pl_cli_accept (cli, g_ptr_array_index (cli->args, 0), &how, &proved, error);

  if (!document)
    return FALSE;
  say_joined (cli, document, proved);
  return TRUE;
}

/* --- update --- */

static PlIdentity *
load_signer (PlCli *cli, const char *overlay, GError **error)
{
  g_autofree char *dir = pl_home_dup_authority_dir (cli->paths, overlay);
  g_autofree char *key = g_build_filename (dir, "signer.key", NULL);
  g_autofree char *cert = g_build_filename (dir, "signer.crt", NULL);

  if (g_file_test (key, G_FILE_TEST_EXISTS))
    return pl_identity_load (key, cert, NULL, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
               "the authority of overlay %s is not on this machine: its document is changed where the overlay was made", overlay);
  return NULL;
}

static gboolean
remove_host (GArray *list, const char *text, guint16 port, GError **error)
{
  g_autoptr (GArray) wanted = g_array_new (FALSE, TRUE, sizeof (PlHostPort));
  g_autofree char *host = NULL;
  gboolean found = FALSE;

  if (!add_host (wanted, text, port, FALSE, error))
    return FALSE;
  host = g_array_index (wanted, PlHostPort, 0).host;
  for (guint i = list->len; i > 0; i--)
    {
      const PlHostPort *item = &g_array_index (list, PlHostPort, i - 1);

      if (!g_str_equal (item->host, host) || item->port != g_array_index (wanted, PlHostPort, 0).port)
        continue;
      g_array_remove_index (list, i - 1);
      found = TRUE;
    }
  if (!found)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "'%s' is not in the document: 'peerline overlay list' shows what is", text);
  return found;
}

/* A Node-ID, or the address that this authority gave a certificate to. */
static gboolean
find_node (PlCli *cli, const char *overlay, const char *text, PlNodeId *id, GError **error)
{
  g_autofree char *aor = pl_aor_canonical (text);
  g_autofree char *dir = pl_home_dup_authority_dir (cli->paths, overlay);
  g_autofree char *name = aor ? pl_paths_escape (aor) : NULL;
  g_autofree char *file = name ? g_strconcat (name, ".crt", NULL) : NULL;
  g_autofree char *path = file ? g_build_filename (dir, "issued", file, NULL) : NULL;
  g_autofree char *pem = NULL;
  g_autoptr (PlCert) cert = NULL;

  if (pl_node_id_parse (text, id))
    return TRUE;
  pem = path && g_file_test (path, G_FILE_TEST_EXISTS) ? pl_cli_read_text (path, CERT_MAX, error) : NULL;
  cert = pem ? pl_cert_new_from_pem (pem, error) : NULL;
  if (cert)
    *id = *pl_cert_node_id (cert, 0);
  else if (!pem)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "'%s' is no Node-ID of 32 hexadecimal digits and no address with a certificate of this authority", text);
  return cert != NULL;
}

static gboolean
mark_nodes (PlCli *cli, PlDocument *document, char **names, gboolean bad, GError **error)
{
  for (guint i = 0; names && names[i]; i++)
    {
      PlNodeId id;

      if (!find_node (cli, document->instance_name, names[i], &id, error))
        return FALSE;
      for (guint k = document->bad_nodes->len; k > 0; k--)
        if (pl_node_id_equal (&g_array_index (document->bad_nodes, PlNodeId, k - 1), &id))
          g_array_remove_index (document->bad_nodes, k - 1);
      if (bad)
        g_array_append_val (document->bad_nodes, id);
    }
  return TRUE;
}

static gboolean
edit (PlCli *cli, PlDocument *document, GError **error)
{
  for (guint i = 0; remove_bootstrap_option && remove_bootstrap_option[i]; i++)
    if (!remove_host (document->bootstrap_nodes, remove_bootstrap_option[i], PL_BOOTSTRAP_PORT, error))
      return FALSE;
  for (guint i = 0; remove_stun_option && remove_stun_option[i]; i++)
    if (!remove_host (document->stun_servers, remove_stun_option[i], STUN_PORT, error))
      return FALSE;
  for (guint i = 0; remove_group_option && remove_group_option[i]; i++)
    if (!remove_host (document->multicast_groups, remove_group_option[i], PL_BOOTSTRAP_PORT, error))
      return FALSE;
  if (expires_option >= 0)
    document->expiration = expires_option ? pl_env_wall (cli->env) / PL_USEC_PER_SEC + (gint64) expires_option * 86400 : 0;
  return add_hosts (document, error) && add_groups (document, error) && set_turn (document, error) && mark_nodes (cli, document, bad_option, TRUE, error)
         && mark_nodes (cli, document, good_option, FALSE, error);
}

/* Those that the parser added of itself are not required by the document. */
static void
drop_unlisted_kinds (PlDocument *document)
{
  for (guint i = document->kinds->len; i > 0; i--)
    {
      g_autoptr (GBytes) block = pl_document_dup_kind_block (document, g_array_index (document->kinds, PlKind, i - 1).id);

      if (!block)
        g_array_remove_index (document->kinds, i - 1);
    }
}

static void
say_updated (PlCli *cli, PlDocument *document)
{
  static const PlColumn columns[] = { { "name", "Overlay" }, { "sequence", "Sequence" }, { "bootstrap", "Bootstrap" }, { "stun", "STUN" },
                                      { "bad_nodes", "Bad nodes" }, { NULL } };
  g_autoptr (JsonObject) object = describe (document);

  pl_cli_print_object (cli, object, columns);
  pl_cli_reload (cli);
  pl_cli_say (cli, "A running daemon hands it on: everybody in the overlay gets it by itself.");
}

static gboolean
run_update (PlCli *cli, GError **error)
{
  g_autofree char *name = pl_cli_overlay_name (g_ptr_array_index (cli->args, 0), error);
  g_autoptr (PlDocument) document = name ? pl_home_load_document (cli->paths, name, error) : NULL;
  g_autoptr (PlDocument) previous = document ? pl_home_load_document (cli->paths, name, error) : NULL;
  g_autoptr (PlIdentity) signer = previous ? load_signer (cli, name, error) : NULL;
  g_autoptr (PlDocument) next = NULL;
  g_autoptr (GBytes) xml = NULL;

  if (!signer || !edit (cli, document, error))
    return FALSE;
  drop_unlisted_kinds (document);
  document->sequence = (document->sequence + 1) % PL_DOCUMENT_SEQUENCES;
  xml = pl_document_build (document, signer, error);
  next = xml ? pl_document_parse (xml, name, error) : NULL;
  /* What others would not take is not written. */
  if (!next || !check_document (cli, next, previous, error) || !write_document (cli, name, xml, error))
    return FALSE;
  say_updated (cli, next);
  return TRUE;
}

/* --- list --- */

static JsonObject *
describe_home (PlHomeOverlay *overlay)
{
  JsonObject *object = overlay->document ? describe (overlay->document) : json_object_new ();

  json_object_set_string_member (object, "name", overlay->name);
  json_object_set_boolean_member (object, "authority", overlay->authority);
  json_object_set_string_member (object, "document", overlay->path);
  json_object_set_string_member (object, "state", overlay->document ? "ok" : "unreadable");
  return object;
}

static gboolean
run_list (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "name", "OVERLAY" }, { "mode", "MODE" }, { "state", "STATE" }, { "sequence", "SEQUENCE" },
                                      { "authority", "AUTHORITY HERE" }, { "bootstrap", "BOOTSTRAP" },
                                      { "document", "DOCUMENT" }, { NULL } };
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) overlays = pl_home_list_overlays (cli->paths, &problems);
  g_autoptr (JsonArray) rows = json_array_new ();

  for (guint i = 0; i < overlays->len; i++)
    json_array_add_object_element (rows, describe_home (g_ptr_array_index (overlays, i)));
  pl_cli_print_rows (cli, rows, columns,
                     "No overlay yet: make one with 'peerline overlay create NAME', or 'peerline overlay join FILE'.");
  for (guint i = 0; problems && i < problems->len; i++)
    {
      g_autofree char *clean = pl_cli_clean (g_ptr_array_index (problems, i));

      fprintf (stderr, "peerline: %s\n", clean);
    }
  return TRUE;
}

#define GROUP_TEXT "A multicast group, as 239.255.96.84, where peers on a LAN find each other"
#define TURN_TEXT "Peers offer TURN servers, about one peer in N (1 to 20); 0: none"

static const GOptionEntry create_options[] = {
  { "bootstrap", 0, 0, G_OPTION_ARG_STRING_ARRAY, &bootstrap_option, "A machine of the overlay that all can reach (repeat for more)", "HOST:PORT" },
  { "mode", 0, 0, G_OPTION_ARG_STRING, &mode_option, "How people get in: certificates (by an authority, the default), self-signed or shared-secret", "MODE" },
  { "stun", 0, 0, G_OPTION_ARG_STRING_ARRAY, &stun_option, "A STUN server (repeat for more)", "HOST:PORT" },
  { "multicast", 0, 0, G_OPTION_ARG_STRING_ARRAY, &group_option, GROUP_TEXT, "GROUP[:PORT]" },
  { "turn-density", 0, 0, G_OPTION_ARG_INT, &turn_option, TURN_TEXT, "N" },
  { "no-ice", 0, 0, G_OPTION_ARG_NONE, &no_ice_option, "Links go straight over TLS: for a LAN or servers, where no NAT is between", NULL },
  { "self-tuning", 0, 0, G_OPTION_ARG_NONE, &self_tuning_option, "Peers look after their ring as often as its coming and going needs (RFC 7363)", NULL },
  { "kind", 0, 0, G_OPTION_ARG_STRING_ARRAY, &kind_option, "A private Kind, as 0xf0000001:SINGLE:USER-MATCH:1:1000 (repeat for more)", "ID:MODEL:POLICY:COUNT:SIZE" },
  { NULL }
};

static const GOptionEntry join_options[] = {
  { "name", 0, 0, G_OPTION_ARG_STRING, &name_option, "Which overlay, when the file holds several", "NAME" },
  { "ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_option, "Trust the HTTPS server by these certificates alone", "FILE" },
  { "force", 0, 0, G_OPTION_ARG_NONE, &force_option, "Replace a document that does not follow from the one at hand", NULL },
  { NULL }
};

static const GOptionEntry update_options[] = {
  { "add-bootstrap", 0, 0, G_OPTION_ARG_STRING_ARRAY, &bootstrap_option, "Another machine that all can reach (repeat for more)", "HOST:PORT" },
  { "remove-bootstrap", 0, 0, G_OPTION_ARG_STRING_ARRAY, &remove_bootstrap_option, "One that no longer is", "HOST:PORT" },
  { "stun", 0, 0, G_OPTION_ARG_STRING_ARRAY, &stun_option, "Another STUN server, in use from a daemon's next start on", "HOST:PORT" },
  { "remove-stun", 0, 0, G_OPTION_ARG_STRING_ARRAY, &remove_stun_option, "One that no longer is", "HOST:PORT" },
  { "multicast", 0, 0, G_OPTION_ARG_STRING_ARRAY, &group_option, GROUP_TEXT, "GROUP[:PORT]" },
  { "remove-multicast", 0, 0, G_OPTION_ARG_STRING_ARRAY, &remove_group_option, "One that no longer is", "GROUP[:PORT]" },
  { "turn-density", 0, 0, G_OPTION_ARG_INT, &turn_option, TURN_TEXT, "N" },
  { "bad-node", 0, 0, G_OPTION_ARG_STRING_ARRAY, &bad_option, "Shut a node out, or who got a certificate here", "NODE-ID|AOR" },
  { "good-node", 0, 0, G_OPTION_ARG_STRING_ARRAY, &good_option, "Let it in again", "NODE-ID|AOR" },
  { "expires", 0, 0, G_OPTION_ARG_INT, &expires_option, "The document is good for so long, 0: without end", "DAYS" },
  { NULL }
};

const PlCliCommand pl_cli_overlay_commands[] = {
  { "overlay", "create", "NAME", "make an overlay: its authority and signed document",
    "The authority's key stays in this home (authorities/NAME); who has it can be anybody in\nthe overlay. Keep a copy in a safe place.\n"
    "In a self-signed overlay nobody certifies names: everybody makes an identity alone, and the\nkey of a name is remembered at first contact ('peerline trust').",
    1, create_options, run_create },
  { "overlay", "join", "INVITATION|FILE|URL", "join an overlay by an invitation or its document",
    "An invitation is a link or a file of 'peerline invite'; a document is a file ('-': standard\ninput) or on the web.\nA document of an overlay you are in already is taken when it is newer and signed by one\nwho may.", 1, join_options, run_join },
  { "overlay", "update", "NAME", "change an overlay's document where its authority is",
    "The document gets the next sequence number and is signed. A running daemon takes it at once and\nit spreads through the overlay.",
    1, update_options, run_update },
  { "overlay", "list", "", "overlays you are in", NULL, 0, NULL, run_list },
  { NULL }
};
