/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/home.h"

#include <string.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/secret.h"

#define DOCUMENT_SUFFIX ".xml"
#define CA_SUFFIX ".ca"
#define CERT_SUFFIX ".crt"
#define KEY_SUFFIX ".key"
#define NEW_KEY_SUFFIX ".newkey" /* not KEY_SUFFIX at its end */
#define REQUEST_SUFFIX ".request"
#define REDIRECT_SUFFIX ".redirect"
#define INCOGNITO_SUFFIX ".incognito"
#define SECRETS_FILE_MAX 1024
#define REDIRECT_MAX 1024 /* its file */

static void G_GNUC_PRINTF (2, 3)
add_problem (GPtrArray **problems, const char *format, ...)
{
  va_list args;

  if (!problems)
    return;
  if (!*problems)
    *problems = g_ptr_array_new_with_free_func (g_free);
  va_start (args, format);
  g_ptr_array_add (*problems, g_strdup_vprintf (format, args));
  va_end (args);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* What the names of files in `folder` with `suffix` stand for, sorted; "" takes folders. */
static GPtrArray *
list_names (const char *folder, const char *suffix)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *file;

  while (dir && (file = g_dir_read_name (dir)))
    {
      g_autofree char *stem = NULL;
      char *name;

      if (!g_str_has_suffix (file, suffix))
        continue;
      stem = g_strndup (file, strlen (file) - strlen (suffix));
      name = pl_paths_unescape (stem);
      if (name)
        g_ptr_array_add (names, name);
    }
  g_ptr_array_sort (names, compare_names);
  return names;
}

static char *
dup_path (const PlPaths *paths, const char *folder, const char *name, const char *suffix)
{
  g_autofree char *escaped = pl_paths_escape (name);
  g_autofree char *file = g_strconcat (escaped, suffix, NULL);

  return g_build_filename (paths->data, folder, file, NULL);
}

/* --- overlays --- */

void
pl_home_overlay_free (PlHomeOverlay *overlay)
{
  if (!overlay)
    return;
  g_free (overlay->name);
  g_free (overlay->path);
  pl_document_free (overlay->document);
  g_free (overlay);
}

char *
pl_home_dup_document_path (const PlPaths *paths, const char *overlay)
{
  return dup_path (paths, "overlays", overlay, DOCUMENT_SUFFIX);
}

char *
pl_home_dup_authority_dir (const PlPaths *paths, const char *overlay)
{
  return dup_path (paths, "authorities", overlay, "");
}

char *
pl_home_dup_pins_path (const PlPaths *paths, const char *overlay)
{
  return dup_path (paths, "pins", overlay, "");
}

char *
pl_home_dup_secrets_path (const PlPaths *paths, const char *overlay)
{
  return dup_path (paths, "secrets", overlay, "");
}

GBytes *
pl_home_parse_secrets (const char *text, GError **error)
{
  g_auto (GStrv) lines = g_strsplit_set (text, "\r\n", -1);
  g_autoptr (GByteArray) all = g_byte_array_new ();
  gboolean good = TRUE;

  for (guint i = 0; lines[i]; i++)
    {
      guint8 secret[PL_HOME_SECRET_LEN] = { 0 };

      g_strstrip (lines[i]);
      if (!*lines[i])
        continue;
      good = good && pl_hex_parse (lines[i], secret, sizeof secret) && all->len < PL_HOME_SECRETS_MAX * PL_HOME_SECRET_LEN;
      g_byte_array_append (all, secret, sizeof secret);
      pl_wipe (secret, sizeof secret);
      pl_wipe (lines[i], strlen (lines[i]));
    }
  if (good && all->len > 0)
    return g_byte_array_free_to_bytes (g_steal_pointer (&all));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "not 1 to %d lines of 64 hexadecimal digits", PL_HOME_SECRETS_MAX);
  return NULL;
}

GBytes *
pl_home_load_secrets (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pl_file_read_private (path, SECRETS_FILE_MAX, error);
  char *text = bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;
  GBytes *secrets = text ? pl_home_parse_secrets (text, error) : NULL;

  if (text && !secrets)
    g_prefix_error (error, "%s: ", path);
  pl_wipe_text (text);
  return secrets;
}

gboolean
pl_home_save_secrets (const char *path, GBytes *secrets, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path);
  gsize len;
  const guint8 *data = g_bytes_get_data (secrets, &len);
  GString *text = g_string_sized_new (SECRETS_FILE_MAX);
  gboolean done;

  for (gsize i = 0; i < len; i++)
    g_string_append_printf (text, "%02x%s", data[i], (i + 1) % PL_HOME_SECRET_LEN ? "" : "\n");
  done = pl_file_make_dir (dir, error) && pl_file_write (path, text->str, text->len, 0600, error);
  pl_wipe_text (g_string_free (text, FALSE));
  return done;
}

char *
pl_home_dup_ca_path (const PlPaths *paths, const char *overlay)
{
  return dup_path (paths, "overlays", overlay, CA_SUFFIX);
}

PlDocument *
pl_home_load_document (const PlPaths *paths, const char *overlay, GError **error)
{
  g_autofree char *path = pl_home_dup_document_path (paths, overlay);
  g_autoptr (GBytes) xml = NULL;
  PlDocument *document;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "you are in no overlay %s: 'peerline overlay list' shows yours, 'peerline overlay join FILE' adds one",
                   overlay);
      return NULL;
    }
  xml = pl_file_read (path, PL_DOCUMENT_MAX, error);
  if (!xml)
    return NULL;
  document = pl_document_parse (xml, overlay, error);
  if (!document)
    g_prefix_error (error, "%s: ", path);
  return document;
}

GPtrArray *
pl_home_list_overlays (const PlPaths *paths, GPtrArray **problems)
{
  GPtrArray *overlays = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_home_overlay_free);
  g_autofree char *folder = g_build_filename (paths->data, "overlays", NULL);
  g_autoptr (GPtrArray) names = list_names (folder, DOCUMENT_SUFFIX);

  for (guint i = 0; i < names->len; i++)
    {
      PlHomeOverlay *overlay = g_new0 (PlHomeOverlay, 1);
      g_autofree char *authority = NULL;
      g_autofree char *key = NULL;
      g_autoptr (GError) error = NULL;

      overlay->name = g_strdup (g_ptr_array_index (names, i));
      overlay->path = pl_home_dup_document_path (paths, overlay->name);
      overlay->document = pl_home_load_document (paths, overlay->name, &error);
      authority = pl_home_dup_authority_dir (paths, overlay->name);
      key = g_build_filename (authority, "ca.key", NULL);
      overlay->authority = g_file_test (key, G_FILE_TEST_EXISTS);
      if (!overlay->document)
        add_problem (problems, "%s; get the document again and run 'peerline overlay join FILE'", error->message);
      g_ptr_array_add (overlays, overlay);
    }
  return overlays;
}

/* --- identities --- */

void
pl_home_identity_free (PlHomeIdentity *identity)
{
  if (!identity)
    return;
  g_free (identity->aor);
  g_free (identity->overlay);
  g_free (identity->key_path);
  g_free (identity->cert_path);
  g_free (identity->new_key_path);
  g_free (identity->request_path);
  g_free (identity->redirect_path);
  g_free (identity->incognito_path);
  g_free (identity->document_path);
  g_free (identity->pins_path);
  g_free (identity->secrets_path);
  g_free (identity);
}

PlHomeIdentity *
pl_home_identity_new (const PlPaths *paths, const char *aor, const char *overlay)
{
  PlHomeIdentity *identity = g_new0 (PlHomeIdentity, 1);
  g_autofree char *folder = dup_path (paths, "identities", overlay, "");
  g_autofree char *name = pl_paths_escape (aor);

  identity->aor = g_strdup (aor);
  identity->overlay = g_strdup (overlay);
  identity->key_path = g_strconcat (folder, G_DIR_SEPARATOR_S, name, KEY_SUFFIX, NULL);
  identity->cert_path = g_strconcat (folder, G_DIR_SEPARATOR_S, name, CERT_SUFFIX, NULL);
  identity->new_key_path = g_strconcat (folder, G_DIR_SEPARATOR_S, name, NEW_KEY_SUFFIX, NULL);
  identity->request_path = g_strconcat (folder, G_DIR_SEPARATOR_S, name, REQUEST_SUFFIX, NULL);
  identity->redirect_path = g_strconcat (folder, G_DIR_SEPARATOR_S, name, REDIRECT_SUFFIX, NULL);
  identity->incognito_path = g_strconcat (folder, G_DIR_SEPARATOR_S, name, INCOGNITO_SUFFIX, NULL);
  identity->document_path = pl_home_dup_document_path (paths, overlay);
  identity->pins_path = pl_home_dup_pins_path (paths, overlay);
  identity->secrets_path = pl_home_dup_secrets_path (paths, overlay);
  return identity;
}

gboolean
pl_home_is_incognito (const PlHomeIdentity *identity)
{
  return g_file_test (identity->incognito_path, G_FILE_TEST_EXISTS);
}

char *
pl_home_load_redirect (const PlHomeIdentity *identity, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;

  if (!g_file_test (identity->redirect_path, G_FILE_TEST_EXISTS))
    return NULL;
  bytes = pl_file_read (identity->redirect_path, REDIRECT_MAX, error);
  return bytes ? g_strstrip (g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes))) : NULL;
}

static void
add_identity (const PlPaths *paths, const char *aor, const char *overlay, GPtrArray *identities, GPtrArray **problems)
{
  g_autoptr (PlHomeIdentity) identity = pl_home_identity_new (paths, aor, overlay);

  if (!g_file_test (identity->document_path, G_FILE_TEST_EXISTS))
    add_problem (problems, "the identity %s is for overlay %s, whose document is not here: get it and run "
                           "'peerline overlay join FILE'", aor, overlay);
  else if (!g_file_test (identity->key_path, G_FILE_TEST_EXISTS))
    add_problem (problems, "the identity %s in overlay %s has a certificate but no key (%s): bring the key back, or "
                           "delete %s and get a new identity", aor, overlay, identity->key_path, identity->cert_path);
  else
    g_ptr_array_add (identities, g_steal_pointer (&identity));
}

/* Calls `add` for each file with `suffix` of each overlay's folder. */
typedef void (*AddFunc) (const PlPaths *paths, const char *aor, const char *overlay, GPtrArray *list, GPtrArray **problems);

static GPtrArray *
list_files (const PlPaths *paths, const char *suffix, AddFunc add, GPtrArray **problems)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_home_identity_free);
  g_autofree char *root = g_build_filename (paths->data, "identities", NULL);
  g_autoptr (GPtrArray) overlays = list_names (root, "");

  for (guint i = 0; i < overlays->len; i++)
    {
      const char *overlay = g_ptr_array_index (overlays, i);
      g_autofree char *folder = dup_path (paths, "identities", overlay, "");
      g_autoptr (GPtrArray) names = list_names (folder, suffix);

      for (guint k = 0; k < names->len; k++)
        add (paths, g_ptr_array_index (names, k), overlay, list, problems);
    }
  return list;
}

GPtrArray *
pl_home_list_identities (const PlPaths *paths, GPtrArray **problems)
{
  return list_files (paths, CERT_SUFFIX, add_identity, problems);
}

static void
add_request (const PlPaths *paths, const char *aor, const char *overlay, GPtrArray *list, GPtrArray **problems)
{
  g_autoptr (PlHomeIdentity) identity = pl_home_identity_new (paths, aor, overlay);

  if (!g_file_test (identity->cert_path, G_FILE_TEST_EXISTS))
    g_ptr_array_add (list, g_steal_pointer (&identity));
}

GPtrArray *
pl_home_list_requests (const PlPaths *paths)
{
  return list_files (paths, KEY_SUFFIX, add_request, NULL);
}
