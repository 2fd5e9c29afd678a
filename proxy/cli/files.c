/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

#include "base/aor.h"
#include "base/file.h"
#include "base/secret.h"
#include "overlay/enroll/authority.h"
#include "proxy/cli/cli.h"

#define FILE_MAX 16384 /* a key or certificate in PEM */

static GBytes *
read_stdin (gsize max, GError **error)
{
  g_autoptr (GInputStream) stream = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autofree char *data = g_malloc (max + 1);
  gsize len = 0;

  if (!g_input_stream_read_all (stream, data, max + 1, &len, NULL, error))
    return NULL;
  if (len <= max)
    return g_bytes_new (data, len);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "cannot read standard input: larger than %" G_GSIZE_FORMAT " bytes", max);
  return NULL;
}

char *
pl_cli_read_text (const char *path, gsize max, GError **error)
{
  g_autoptr (GBytes) bytes = g_str_equal (path, "-") ? read_stdin (max, error) : pl_file_read (path, max, error);
  gsize len = 0;
  const char *data = bytes ? g_bytes_get_data (bytes, &len) : NULL;

  if (!bytes)
    return NULL;
  if (len > 0 && !memchr (data, '\0', len))
    return g_strndup (data, len);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is %s", path, len ? "no text" : "empty");
  return NULL;
}

char *
pl_cli_fingerprint (GBytes *der)
{
  g_autofree char *hex = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, der);
  GString *out = g_string_new (NULL);

  for (const char *p = hex; *p; p += 2)
    g_string_append_printf (out, "%s%c%c", p == hex ? "" : ":", g_ascii_toupper (p[0]), g_ascii_toupper (p[1]));
  return g_string_free (out, FALSE);
}

char *
pl_cli_overlay_name (const char *text, GError **error)
{
  g_autofree char *ascii = g_utf8_validate (text, -1, NULL) ? g_hostname_to_ascii (text) : NULL;
  g_autofree char *probe = ascii ? g_strconcat ("x@", ascii, NULL) : NULL;
  g_autofree char *canonical = probe ? pl_aor_canonical (probe) : NULL;

  /* The host part of reload URIs is a host name as that of an address is. */
  if (canonical && !strpbrk (ascii, "@[:;?"))
    return g_strdup (canonical + strlen ("x@"));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' cannot be the name of an overlay: take one like a domain, "
               "as friends.example.org", text);
  return NULL;
}

/* --- authorities --- */

static char *
read_private_text (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pl_file_read_private (path, FILE_MAX, error);
  char *text = bytes ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;

  if (bytes)
    pl_wipe ((guint8 *) g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return text;
}

static PlAuthority *
load_authority (PlCli *cli, const char *overlay, GError **error)
{
  g_autofree char *dir = pl_home_dup_authority_dir (cli->paths, overlay);
  g_autofree char *key_path = g_build_filename (dir, "ca.key", NULL);
  g_autofree char *cert_path = g_build_filename (dir, "ca.crt", NULL);
  g_autofree char *key = NULL;
  g_autofree char *cert = NULL;
  PlAuthority *authority;

  if (!g_file_test (key_path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "the authority of overlay %s is not on this machine: run 'peerline identity request AOR --overlay %s > FILE', "
                   "have FILE signed by whoever runs the overlay, then 'peerline identity import' what you get back", overlay, overlay);
      return NULL;
    }
  key = read_private_text (key_path, error);
  cert = key ? pl_cli_read_text (cert_path, FILE_MAX, error) : NULL;
  authority = cert ? pl_authority_load (cli->env, overlay, key, cert, error) : NULL;
  if (!authority)
    g_prefix_error (error, "authority of overlay %s: ", overlay);
  if (key)
    pl_wipe (key, strlen (key));
  return authority;
}

/* What was issued to a name last; NULL when it is free or its record can't be read. */
static PlCert *
load_issued (const char *path)
{
  g_autofree char *pem = g_file_test (path, G_FILE_TEST_EXISTS) ? pl_cli_read_text (path, FILE_MAX, NULL) : NULL;

  return pem ? pl_cert_new_from_pem (pem, NULL) : NULL;
}

static gboolean
check_name_free (const char *path, PlCert *issued, gboolean same_key, gboolean force, const char *aor, GError **error)
{
  if (force || !g_file_test (path, G_FILE_TEST_EXISTS) || (issued && same_key))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
               "the name %s is taken: this authority has given it to another key; when it is the same person with a new key, "
               "add --force", aor);
  return FALSE;
}

char *
pl_cli_issue (PlCli *cli, const char *overlay, const char *request, const char *aor, const PlCliIssue *how, GError **error)
{
  g_autoptr (PlAuthority) authority = load_authority (cli, overlay, error);
  g_autofree char *dir = pl_home_dup_authority_dir (cli->paths, overlay);
  g_autofree char *issued_dir = g_build_filename (dir, "issued", NULL);
  g_autofree char *name = pl_paths_escape (aor);
  g_autofree char *path = g_strconcat (issued_dir, "/", name, ".crt", NULL);
  g_autoptr (PlCert) issued = NULL;
  g_autofree char *pem = NULL;
  PlNodeId kept[PL_AUTHORITY_NODE_IDS_MAX];
  guint n_kept = 0;
  gboolean same_key;

  if (!authority)
    return NULL;
  issued = load_issued (path);
  same_key = issued && pl_request_has_key_of (request, issued);
  if (!check_name_free (path, issued, same_key, how->force, aor, error))
    return NULL;
  /* The same person's Node-IDs stay, so that nothing has to be stored anew (11.3). */
  for (; same_key && n_kept < pl_cert_n_node_ids (issued) && n_kept < G_N_ELEMENTS (kept); n_kept++)
    kept[n_kept] = *pl_cert_node_id (issued, n_kept);
  pem = pl_authority_issue_several (authority, request, aor, kept, n_kept,
                                    how->node_ids > 0 ? (guint) how->node_ids : MAX (n_kept, 1), error);
  if (!pem || !pl_file_make_dir (issued_dir, error) || !pl_file_write (path, pem, strlen (pem), 0600, error))
    return NULL;
  return g_steal_pointer (&pem);
}
