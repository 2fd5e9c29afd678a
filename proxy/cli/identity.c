/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "base/aor.h"
#include "base/file.h"
#include "base/secret.h"
#include "overlay/enroll/authority.h"
#include "overlay/ident/key.h"
#include "proxy/cli/cli.h"

#define CERT_FILE_MAX 16384

static char *overlay_option, *aor_option, *key_option;
static gboolean force_option, incognito_option;
static int node_ids_option, device_option = 1;

static gboolean
exists (const char *path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static char *
read_aor (const char *text, GError **error)
{
  char *aor = pl_aor_canonical (text);

  if (!aor)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no address: write it as alice@example.org", text);
  return aor;
}

static char *
read_overlay (GError **error)
{
  if (overlay_option)
    return pl_cli_overlay_name (overlay_option, error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       "say in which overlay with --overlay NAME; 'peerline overlay list' shows yours");
  return NULL;
}

/* AoR of the first word and overlay of the option, as the place of an identity. */
static PlHomeIdentity *
find_place (PlCli *cli, GError **error)
{
  g_autofree char *aor = read_aor (g_ptr_array_index (cli->args, 0), error);
  g_autofree char *overlay = aor ? read_overlay (error) : NULL;
  g_autoptr (PlDocument) document = overlay ? pl_home_load_document (cli->paths, overlay, error) : NULL;

  return document ? pl_home_identity_new (cli->paths, aor, overlay) : NULL;
}

/* Also of a key that can't be used here. */
static PlCert *
load_cert (const char *path)
{
  g_autoptr (GBytes) bytes = pl_file_read (path, CERT_FILE_MAX, NULL);
  g_autofree char *text = bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;

  return text ? pl_cert_new_from_pem (text, NULL) : NULL;
}

static gboolean
write_key (const char *path, const char *key, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path);

  return pl_file_make_dir (dir, error) && pl_file_write (path, key, strlen (key), 0600, error);
}


static void
print_identity (PlCli *cli, PlCert *cert)
{
  static const PlColumn columns[] = { { "aor", "Identity" }, { "overlay", "Overlay" }, { "node", "Node" },
                                      { "expires", "Valid until", PL_COLUMN_DATE }, { NULL } };
  g_autoptr (JsonObject) object = json_object_new ();
  g_autofree char *node = pl_node_id_dup_hex (pl_cert_node_id (cert, pl_cert_device (cert)));

  json_object_set_string_member (object, "aor", pl_cert_aor (cert));
  json_object_set_string_member (object, "overlay", pl_cert_overlay (cert));
  json_object_set_string_member (object, "node", node);
  json_object_set_int_member (object, "expires", pl_cert_not_after (cert));
  pl_cli_print_object (cli, object, columns);
}

static void
say_usable (PlCli *cli, PlCert *cert)
{
  print_identity (cli, cert);
  pl_cli_say (cli, "In your phone: account sip:%s, outbound proxy 127.0.0.1:5080 ('peerline status' has the exact address).", pl_cert_aor (cert));
  pl_cli_reload (cli);
}

/* --- create --- */

static gboolean
check_free (const PlHomeIdentity *place, GError **error)
{
  if (force_option || (!exists (place->key_path) && !exists (place->cert_path)))
    return TRUE;
  if (exists (place->cert_path))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "the name %s is taken: you are %s in overlay %s already ('peerline identity list'); --force makes a new key, "
                 "and the old one is lost", place->aor, place->aor, place->overlay);
  else if (!exists (place->request_path))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "there is a key of %s in overlay %s without its certificate (%s): bring that back, or make a new key with --force",
                 place->aor, place->overlay, place->cert_path);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "a request for %s in overlay %s waits for its certificate: 'peerline identity import FILE' brings it in, "
                 "--force gives it up", place->aor, place->overlay);
  return FALSE;
}

char *
pl_cli_self_sign (PlCli *cli, const PlDocument *document, const char *key, const char *aor, guint n_node_ids, GError **error)
{
  return pl_self_signed_issue (cli->env, &(PlSelfSigned) { key, aor, document->instance_name, document->self_signed_digest, n_node_ids }, error);
}

/* The certificate of a key, from the authority here or the key itself, as the overlay wants it. */
static char *
certify (PlCli *cli, const PlHomeIdentity *place, const char *key, GError **error)
{
  g_autoptr (PlDocument) document = pl_home_load_document (cli->paths, place->overlay, error);
  g_autofree char *request = NULL;

  if (!document)
    return NULL;
  if (pl_document_mode (document) != PL_MODE_CERTIFICATES)
    return pl_cli_self_sign (cli, document, key, place->aor, device_option, error);
  request = pl_request_make (key, place->aor, place->overlay, error);
  return request ? pl_cli_issue (cli, place->overlay, request, place->aor, &(PlCliIssue) { .force = force_option }, error) : NULL;
}

/* That of another device or of a token, or a new one. */
static char *
take_key (GError **error)
{
  if (!key_option)
    return pl_key_make (error);
  if (pl_key_is_token (key_option))
    return g_strdup (key_option);
  return g_str_equal (key_option, "-") ? pl_cli_read_text (key_option, CERT_FILE_MAX, error) : pl_cli_load_key (key_option, error);
}

/* Only what a token keeps is locked here. */
static char *
unlock (const char *key, GError **error)
{
  char *pin = pl_key_is_token (key) && pl_key_is_locked (key) ? pl_cli_ask_passphrase ("PIN of the token", error) : NULL;
  char *usable = pin || !pl_key_is_locked (key) ? pl_key_unlock (key, pin, error) : NULL;

  pl_wipe_text (pin);
  return usable;
}

/* A key and its certificate; nothing is on disk before both are there. */
static PlCert *
make_identity (PlCli *cli, const PlHomeIdentity *place, GError **error)
{
  char *key = take_key (error);
  char *usable = key ? unlock (key, error) : NULL;
  g_autofree char *pem = usable ? certify (cli, place, usable, error) : NULL;
  PlCert *cert = NULL;

  if (pem && write_key (place->key_path, key, error) && pl_file_write (place->cert_path, pem, strlen (pem), 0644, error))
    cert = pl_cert_new_from_pem (pem, error);
  if (cert)
    {
      g_unlink (place->request_path);
      g_unlink (place->new_key_path);
    }
  pl_wipe_text (usable);
  pl_wipe_text (key);
  return cert;
}

static gboolean
check_device (GError **error)
{
  if (device_option >= 1 && device_option <= PL_AUTHORITY_NODE_IDS_MAX)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "--device takes 1 to %d", PL_AUTHORITY_NODE_IDS_MAX);
  return FALSE;
}

gboolean
pl_cli_set_incognito (const PlHomeIdentity *place, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (place->incognito_path);

  return pl_file_make_dir (dir, error) && pl_file_write (place->incognito_path, "", 0, 0600, error);
}

static gboolean
run_create (PlCli *cli, GError **error)
{
  g_autoptr (PlHomeIdentity) place = check_device (error) ? find_place (cli, error) : NULL;
  gboolean free = place && check_free (place, error) && (!incognito_option || pl_cli_set_incognito (place, error));
  g_autoptr (PlCert) cert = free ? make_identity (cli, place, error) : NULL;

  if (!cert)
    return FALSE;
  say_usable (cli, cert);
  return TRUE;
}

/* --- request, sign, import --- */

/* The key that was asked with last, for a second try, or the one at hand, for a renewal, or a new
 * one. What there is keeps working until the new one has its certificate. */
static char *
key_for_request (const PlHomeIdentity *place, gboolean force, GError **error)
{
  gboolean has_key = exists (place->key_path);
  char *key, *usable;

  if (has_key && !force)
    return pl_cli_load_key (exists (place->new_key_path) ? place->new_key_path : place->key_path, error);
  key = take_key (error);
  usable = key ? unlock (key, error) : NULL;
  if (usable && !write_key (has_key ? place->new_key_path : place->key_path, key, error))
    g_clear_pointer (&usable, pl_wipe_text);
  pl_wipe_text (key);
  return usable;
}

static void
print_pem (PlCli *cli, const char *member, const char *pem)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (JsonNode) node = NULL;

  json_object_set_string_member (object, member, pem);
  node = json_node_init_object (json_node_alloc (), object);
  if (cli->json)
    pl_cli_print_json (node);
  else
    fputs (pem, stdout);
}

char *
pl_cli_request (const PlHomeIdentity *place, gboolean force, GError **error)
{
  char *key = key_for_request (place, force, error);
  g_autofree char *request = key ? pl_request_make (key, place->aor, place->overlay, error) : NULL;

  pl_wipe_text (key);
  if (!request || !pl_file_write (place->request_path, request, strlen (request), 0600, error))
    return NULL;
  return g_steal_pointer (&request);
}

char *
pl_cli_renewal_request (const PlHomeIdentity *place, GError **error)
{
  char *key = pl_cli_load_key (place->key_path, error);
  char *request = key ? pl_request_make (key, place->aor, place->overlay, error) : NULL;

  pl_wipe_text (key);
  return request;
}

static gboolean
run_request (PlCli *cli, GError **error)
{
  g_autoptr (PlHomeIdentity) place = find_place (cli, error);
  g_autoptr (PlDocument) document = place ? pl_home_load_document (cli->paths, place->overlay, error) : NULL;
  g_autofree char *request = NULL;

  if (document && pl_document_mode (document) != PL_MODE_CERTIFICATES)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "nobody certifies names in overlay %s: 'peerline identity create %s --overlay %s'",
                 place->overlay, place->aor, place->overlay);
  else if (document && (!incognito_option || pl_cli_set_incognito (place, error)))
    request = pl_cli_request (place, force_option, error);
  if (!request)
    return FALSE;
  print_pem (cli, "request", request);
  fprintf (stderr, "Send this to whoever runs %s, and bring what you get back in with 'peerline identity import FILE'.\n", place->overlay);
  return TRUE;
}

/* What the request asks for, unless the command line says otherwise. */
static gboolean
read_wish (const char *request, char **aor, char **overlay, GError **error)
{
  if (!pl_request_read (request, aor, overlay, error))
    return FALSE;
  if (aor_option)
    {
      g_free (*aor);
      *aor = read_aor (aor_option, error);
      if (!*aor)
        return FALSE;
    }
  if (overlay_option || !*overlay)
    {
      g_free (*overlay);
      *overlay = read_overlay (error);
      if (!*overlay)
        return FALSE;
    }
  if (!*aor)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the request names no address: give one with --aor AOR");
  return *aor != NULL;
}

static gboolean
run_sign (PlCli *cli, GError **error)
{
  const char *path = g_ptr_array_index (cli->args, 0);
  g_autofree char *request = NULL;
  g_autofree char *aor = NULL;
  g_autofree char *wanted = NULL;
  g_autofree char *overlay = NULL;
  g_autofree char *pem = NULL;
  PlCliIssue how = { .force = force_option, .node_ids = node_ids_option };

  if (node_ids_option < 0 || node_ids_option > PL_AUTHORITY_NODE_IDS_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "--node-ids takes 1 to %d", PL_AUTHORITY_NODE_IDS_MAX);
      return FALSE;
    }
  request = pl_cli_read_text (path, PL_REQUEST_MAX, error);
  if (!request || !read_wish (request, &aor, &wanted, error))
    return FALSE;
  overlay = pl_cli_overlay_name (wanted, error);
  pem = overlay ? pl_cli_issue (cli, overlay, request, aor, &how, error) : NULL;
  if (!pem)
    return FALSE;
  print_pem (cli, "certificate", pem);
  fprintf (stderr, "Signed: the holder of this key is now %s in overlay %s. Send the certificate back to them.\n", aor, overlay);
  return TRUE;
}

static gboolean
check_trusted (PlCli *cli, PlCert *cert, GError **error)
{
  g_autofree char *overlay = g_ascii_strdown (pl_cert_overlay (cert), -1);
  g_autoptr (PlDocument) document = pl_home_load_document (cli->paths, overlay, error);
  g_autoptr (PlTrust) trust = document ? pl_document_trust_new (document, cli->env, error) : NULL;

  if (!trust)
    return FALSE;
  if (pl_trust_check_cert (trust, cert, error))
    return TRUE;
  g_prefix_error (error, "cannot take the certificate for overlay %s: ", overlay);
  return FALSE;
}

static gboolean
has_key_of (const char *path, const char *pem, GError **error)
{
  char *key = pl_cli_load_key (path, error);
  g_autoptr (PlIdentity) identity = key ? pl_identity_new (key, pem, error) : NULL;

  pl_wipe_text (key);
  return identity != NULL;
}

/* The certificate takes its place, and its key with it when that is the new one. */
static gboolean
install (const PlHomeIdentity *place, const char *pem, GError **error)
{
  gboolean is_new = exists (place->new_key_path) && has_key_of (place->new_key_path, pem, NULL);

  if (!exists (place->key_path))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "there is no key for %s in overlay %s here: import the certificate where it was requested, or begin with "
                   "'peerline identity request %s --overlay %s'", place->aor, place->overlay, place->aor, place->overlay);
      return FALSE;
    }
  if ((!is_new && !has_key_of (place->key_path, pem, error))
      || !pl_file_write (place->cert_path, pem, strlen (pem), 0644, error))
    return FALSE;
  if (is_new && g_rename (place->new_key_path, place->key_path) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot rename %s: %s", place->new_key_path, g_strerror (errno));
      return FALSE;
    }
  /* What came may be a renewal of the old key while the new one still waits. */
  if (!exists (place->new_key_path))
    g_unlink (place->request_path);
  return TRUE;
}

gboolean
pl_cli_import (PlCli *cli, const char *pem, GError **error)
{
  g_autoptr (PlCert) cert = pl_cert_new_from_pem (pem, error);
  g_autofree char *overlay = cert ? g_ascii_strdown (pl_cert_overlay (cert), -1) : NULL;
  g_autoptr (PlHomeIdentity) place = NULL;

  if (!cert)
    return FALSE;
  if (!pl_cert_aor (cert))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the certificate names nobody; ask for one with your address");
      return FALSE;
    }
  place = pl_home_identity_new (cli->paths, pl_cert_aor (cert), overlay);
  if (!check_trusted (cli, cert, error) || !install (place, pem, error))
    return FALSE;
  say_usable (cli, cert);
  return TRUE;
}

static gboolean
run_import (PlCli *cli, GError **error)
{
  const char *path = g_ptr_array_index (cli->args, 0);
  g_autofree char *pem = pl_cli_read_text (path, CERT_FILE_MAX, error);

  if (pem && pl_cli_import (cli, pem, error))
    return TRUE;
  if (pem)
    g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* --- export --- */

static gboolean
run_export (PlCli *cli, GError **error)
{
  g_autoptr (PlHomeIdentity) place = find_place (cli, error);
  char *key = place ? pl_cli_load_key (place->key_path, error) : NULL;

  if (!key)
    return FALSE;
  print_pem (cli, "key", key);
  fprintf (stderr, "Whoever has this key is %s. On the other device: peerline identity create %s --overlay %s --key FILE --device 2\n", place->aor,
           place->aor, place->overlay);
  pl_wipe_text (key);
  return TRUE;
}

/* --- list --- */

static const char *
state_of (PlCli *cli, PlCert *cert)
{
  gint64 now = pl_env_wall (cli->env) / PL_USEC_PER_SEC;

  if (now > pl_cert_not_after (cert))
    return "expired";
  return now < pl_cert_not_before (cert) ? "not yet valid" : "valid";
}

static JsonObject *
describe (PlCli *cli, const PlHomeIdentity *identity)
{
  JsonObject *object = json_object_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PlIdentity) loaded = pl_identity_load (identity->key_path, identity->cert_path, NULL, &error);
  g_autoptr (PlCert) cert = loaded ? pl_cert_ref (pl_identity_cert (loaded)) : NULL;
  g_autofree char *node = NULL;

  json_object_set_string_member (object, "aor", identity->aor);
  json_object_set_string_member (object, "overlay", identity->overlay);
  if (!loaded && error->domain == PL_KEY_ERROR)
    cert = load_cert (identity->cert_path);
  if (!cert)
    {
      json_object_set_string_member (object, "state", "unusable");
      json_object_set_string_member (object, "reason", error->message);
      return object;
    }
  node = pl_node_id_dup_hex (pl_cert_node_id (cert, pl_cert_device (cert)));
  json_object_set_string_member (object, "state", loaded ? state_of (cli, cert) : "locked");
  json_object_set_string_member (object, "node", node);
  json_object_set_int_member (object, "expires", pl_cert_not_after (cert));
  return object;
}

static void
say_problems (JsonArray *rows, GPtrArray *problems)
{
  for (guint i = 0; i < json_array_get_length (rows); i++)
    {
      const char *reason = json_object_get_string_member_with_default (json_array_get_object_element (rows, i), "reason", NULL);
      g_autofree char *clean = reason ? pl_cli_clean (reason) : NULL;

      if (clean)
        fprintf (stderr, "peerline: %s\n", clean);
    }
  for (guint i = 0; problems && i < problems->len; i++)
    {
      g_autofree char *clean = pl_cli_clean (g_ptr_array_index (problems, i));

      fprintf (stderr, "peerline: %s\n", clean);
    }
}

static gboolean
run_list (PlCli *cli, GError **error)
{
  static const PlColumn columns[] = { { "aor", "IDENTITY" }, { "overlay", "OVERLAY" }, { "state", "STATE" },
                                      { "expires", "VALID UNTIL", PL_COLUMN_DATE }, { "node", "NODE" }, { NULL } };
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) identities = pl_home_list_identities (cli->paths, &problems);
  g_autoptr (GPtrArray) requests = pl_home_list_requests (cli->paths);
  g_autoptr (JsonArray) rows = json_array_new ();

  for (guint i = 0; i < identities->len; i++)
    json_array_add_object_element (rows, describe (cli, g_ptr_array_index (identities, i)));
  for (guint i = 0; i < requests->len; i++)
    {
      const PlHomeIdentity *request = g_ptr_array_index (requests, i);
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "aor", request->aor);
      json_object_set_string_member (object, "overlay", request->overlay);
      json_object_set_string_member (object, "state", exists (request->request_path) ? "waits for certificate" : "no certificate");
      json_array_add_object_element (rows, object);
    }
  pl_cli_print_rows (cli, rows, columns, "No identity yet: 'peerline identity create you@example.org --overlay NAME' makes one.");
  say_problems (rows, problems);
  return TRUE;
}

/* --- redirect --- */

static gboolean
write_redirect (const PlHomeIdentity *identity, const char *target, GError **error)
{
  g_autofree char *line = target ? g_strconcat (target, "\n", NULL) : NULL;

  if (line)
    return pl_file_write (identity->redirect_path, line, strlen (line), 0600, error);
  if (g_unlink (identity->redirect_path) == 0 || errno == ENOENT)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot remove %s: %s", identity->redirect_path, g_strerror (errno));
  return FALSE;
}

/* Checks the two words; *target NULL: off. */
static gboolean
read_redirect (PlCli *cli, char **aor, char **target, GError **error)
{
  const char *from = g_ptr_array_index (cli->args, 0), *to = g_ptr_array_index (cli->args, 1);
  gboolean off = g_str_equal (to, "off");

  *aor = pl_aor_canonical (from);
  *target = off ? NULL : pl_aor_canonical (to);
  if (*aor && (off || *target) && g_strcmp0 (*aor, *target) != 0)
    return TRUE;
  if (*aor && *target)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s cannot be redirected to itself: 'off' ends a redirection", *aor);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' is no address: write it as alice@example.org", *aor ? to : from);
  return FALSE;
}

static gboolean
run_redirect (PlCli *cli, GError **error)
{
  g_autoptr (GPtrArray) identities = pl_home_list_identities (cli->paths, NULL);
  g_autofree char *aor = NULL;
  g_autofree char *target = NULL;
  guint n = 0;

  if (!read_redirect (cli, &aor, &target, error))
    return FALSE;
  for (guint i = 0; i < identities->len; i++)
    {
      const PlHomeIdentity *identity = g_ptr_array_index (identities, i);

      if (!g_str_equal (identity->aor, aor))
        continue;
      if (!write_redirect (identity, target, error))
        return FALSE;
      n++;
    }
  if (n == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s is none of your identities: see 'peerline identity list'", aor);
      return FALSE;
    }
  if (target)
    pl_cli_say (cli, "Whoever looks %s up is sent on to %s.", aor, target);
  else
    pl_cli_say (cli, "%s is not redirected.", aor);
  pl_cli_reload (cli);
  return TRUE;
}

#define OVERLAY_OPTION { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "The overlay it is for", "NAME" }

#define INCOGNITO_HELP "Nobody shall see that it is of the same person as your others"
#define KEY_HELP "Take the key of another device ('-': standard input), or that of a token (pkcs11:...)"

static const GOptionEntry create_options[] = {
  OVERLAY_OPTION,
  { "key", 0, 0, G_OPTION_ARG_FILENAME, &key_option, KEY_HELP, "FILE|URI" },
  { "incognito", 0, 0, G_OPTION_ARG_NONE, &incognito_option, INCOGNITO_HELP, NULL },
  { "force", 0, 0, G_OPTION_ARG_NONE, &force_option, "Take a new key; the old one is replaced when its certificate is there", NULL },
  { NULL }
};

static const GOptionEntry new_options[] = {
  OVERLAY_OPTION,
  { "force", 0, 0, G_OPTION_ARG_NONE, &force_option, "Replace the identity of this name by a new key", NULL },
  { "key", 0, 0, G_OPTION_ARG_FILENAME, &key_option, KEY_HELP, "FILE|URI" },
  { "incognito", 0, 0, G_OPTION_ARG_NONE, &incognito_option, INCOGNITO_HELP, NULL },
  { "device", 0, 0, G_OPTION_ARG_INT, &device_option, "Which device of this key, in a self-signed overlay (1)", "N" },
  { NULL }
};

static const GOptionEntry overlay_options[] = {
  OVERLAY_OPTION,
  { NULL }
};

static const GOptionEntry sign_options[] = {
  OVERLAY_OPTION,
  { "aor", 0, 0, G_OPTION_ARG_STRING, &aor_option, "Certify this address instead of the one asked for", "AOR" },
  { "force", 0, 0, G_OPTION_ARG_NONE, &force_option, "Give a name to another key than before", NULL },
  { "node-ids", 0, 0, G_OPTION_ARG_INT, &node_ids_option, "Node-IDs in the certificate (default: as before, else 1)", "N" },
  { NULL }
};

const PlCliCommand pl_cli_identity_commands[] = {
  { "identity", "create", "ADDRESS --overlay NAME", "make an identity where the overlay's authority is, or that signs itself",
    "ADDRESS is yours, as alice@example.org. In a self-signed overlay your other devices take\nthe same key ('identity export') and each another number.", 1, new_options, run_create },
  { "identity", "request", "ADDRESS --overlay NAME", "make a key and print a request for its certificate",
    "Asked again for the same AOR it uses the same key, as for a renewal; --force makes a\nnew key, and the old identity works until the certificate of the new one is imported.", 1, create_options, run_request },
  { "identity", "sign", "FILE", "issue the certificate of a request ('-': standard input)",
    "Be sure that the request comes from whoever owns the address: the certificate makes them\nthat person in the overlay.", 1, sign_options, run_sign },
  { "identity", "import", "FILE", "bring in the certificate of your request ('-': standard input)", NULL, 1, NULL, run_import },
  { "identity", "export", "ADDRESS --overlay NAME", "print the private key of an identity, for another device", NULL, 1, overlay_options, run_export },
  { "identity", "list", "", "your identities and requests", NULL, 0, NULL, run_list },
  { NULL, "redirect", "ADDRESS TARGET|off", "send whoever looks up your address on to another one",
    "It stays until 'off', also while no phone is there. Your other devices are not redirected.\n"
    "Calls follow it in the same overlay: TARGET's phone rings, and the caller's is told 181.", 2, NULL, run_redirect },
  { NULL }
};
