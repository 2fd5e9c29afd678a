/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Invitations into an overlay: a link that says where the overlay's document is, or holds it, and by
 * which keys it is known. `peerline invite` writes one, `peerline join` takes it.
 */
#include "config.h"

#include <qrencode.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "proxy/cli/cli.h"

#define SCHEME "peerline://"
#define FILE_MAX PL_DOCUMENT_MAX /* an invitation or a document */
#define QUIET 2                  /* light modules around the code: half of what the norm wants, terminals do */
#define COLUMNS 80               /* where the terminal does not say */
#define LIGHT "\033[40;37;1m"    /* light on dark, whatever the terminal has */
#define PLAIN "\033[0m"

static char *overlay_option, *url_option, *file_option;
static gboolean no_qr_option;

/* --- keys --- */

/* What a document is known by: its authorities, and who may change it. Hexadecimal. */
static GPtrArray *
list_keys (const PlDocument *document)
{
  GPtrArray *keys = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < document->root_certs->len; i++)
    g_ptr_array_add (keys, g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, g_ptr_array_index (document->root_certs, i)));
  for (guint i = 0; i < document->configuration_signers->len; i++)
    g_ptr_array_add (keys, pl_node_id_dup_hex (&g_array_index (document->configuration_signers, PlNodeId, i)));
  return keys;
}

/* All of them: one of ours beside one of a stranger's is a stranger's document. */
static gboolean
check_keys (const PlDocument *document, const char *invited, GError **error)
{
  g_auto (GStrv) known = g_strsplit (invited, ",", -1);
  g_autoptr (GPtrArray) keys = list_keys (document);

  for (guint i = 0; i < keys->len; i++)
    if (!g_strv_contains ((const char *const *) known, g_ptr_array_index (keys, i)))
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                     "the document is not the one you were invited to: key %.11s... is not in the invitation. Ask for a new one, "
                     "on a way that nobody else can write to", (char *) g_ptr_array_index (keys, i));
        return FALSE;
      }
  return keys->len > 0;
}

/* --- the document in a link --- */

static GBytes *
convert (GConverter *converter, GBytes *bytes, gsize max, GError **error)
{
  g_autoptr (GInputStream) in = g_memory_input_stream_new_from_bytes (bytes);
  g_autoptr (GInputStream) out = g_converter_input_stream_new (in, converter);
  g_autofree char *data = g_malloc (max + 1);
  gsize len = 0;

  if (!g_input_stream_read_all (out, data, max + 1, &len, NULL, error))
    return NULL;
  if (len <= max)
    return g_bytes_new (data, len);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "larger than a document may be");
  return NULL;
}

/* Base64 as links have it (RFC 4648, 5), deflated (RFC 1951). */
static char *
pack (GBytes *xml)
{
  g_autoptr (GConverter) deflate = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW, 9));
  g_autoptr (GBytes) packed = convert (deflate, xml, FILE_MAX, NULL);
  char *text = packed ? g_base64_encode (g_bytes_get_data (packed, NULL), g_bytes_get_size (packed)) : NULL;

  if (text)
    g_strdelimit (g_strdelimit (text, "+", '-'), "/", '_');
  return text;
}

static GBytes *
unpack (const char *text, GError **error)
{
  g_autoptr (GConverter) inflate = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW));
  g_autofree char *base64 = g_strdelimit (g_strdelimit (g_strdup (text), "-", '+'), "_", '/');
  gsize len;
  g_autofree guchar *data = g_base64_decode (base64, &len);
  g_autoptr (GBytes) packed = g_bytes_new (data, len);
  GBytes *xml = convert (inflate, packed, PL_DOCUMENT_MAX, error);

  if (!xml)
    g_prefix_error (error, "the invitation is damaged, a part of it may be missing: ");
  return xml;
}

/* --- joining --- */

/* A link, as one line of `text`; NULL: there is none. */
static char *
find_link (const char *text)
{
  g_auto (GStrv) lines = g_strsplit_set (text, "\r\n", -1);

  for (guint i = 0; lines[i]; i++)
    if (g_str_has_prefix (g_strstrip (lines[i]), SCHEME))
      return g_strdup (lines[i]);
  return NULL;
}

static PlDocument *
follow (PlCli *cli, const char *link, const PlCliJoin *how, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (link, G_URI_FLAGS_ENCODED_QUERY, error);
  const char *query = uri ? g_uri_get_query (uri) : NULL;
  g_autoptr (GHashTable) words = query ? g_uri_parse_params (query, -1, "&", G_URI_PARAMS_NONE, error) : NULL;
  const char *key = words ? g_hash_table_lookup (words, "key") : NULL;
  const char *at = words ? g_hash_table_lookup (words, "at") : NULL;
  const char *packed = words ? g_hash_table_lookup (words, "document") : NULL;
  g_autofree char *name = key ? pl_cli_overlay_name (g_uri_get_host (uri) ? g_uri_get_host (uri) : "", error) : NULL;
  g_autoptr (GBytes) xml = NULL;
  g_autoptr (PlDocument) document = NULL;

  if (error && !*error && (!key || (!at && !packed)))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "this is no whole invitation: its end may be missing");
  if (!name || (!at && !packed))
    return NULL;
  xml = packed ? unpack (packed, error) : pl_cli_fetch (at, how->ca, error);
  document = xml ? pl_document_parse (xml, name, error) : NULL;
  return document && check_keys (document, key, error) ? pl_cli_join (cli, xml, name, how->force, error) : NULL;
}

static PlDocument *
take_file (PlCli *cli, const char *path, const PlCliJoin *how, gboolean *proved, GError **error)
{
  g_autofree char *text = pl_cli_read_text (path, FILE_MAX, error);
  g_autofree char *link = text ? find_link (text) : NULL;
  g_autoptr (GBytes) xml = text && !link ? g_bytes_new (text, strlen (text)) : NULL;

  *proved = link != NULL;
  if (link)
    return follow (cli, link, how, error);
  return xml ? pl_cli_join (cli, xml, how->name, how->force, error) : NULL;
}

PlDocument *
pl_cli_accept (PlCli *cli, const char *invitation, const PlCliJoin *how, gboolean *proved, GError **error)
{
  g_autoptr (GBytes) xml = NULL;

  *proved = TRUE; /* by the keys of the link, or by the server's certificate */
  if (g_str_has_prefix (invitation, SCHEME))
    return follow (cli, invitation, how, error);
  if (!strstr (invitation, "://"))
    return take_file (cli, invitation, how, proved, error);
  xml = pl_cli_fetch (invitation, how->ca, error);
  return xml ? pl_cli_join (cli, xml, how->name, how->force, error) : NULL;
}

/* --- inviting --- */

/* --overlay, or the only one. */
static PlDocument *
find_document (PlCli *cli, GError **error)
{
  g_autofree char *name = overlay_option ? pl_cli_overlay_name (overlay_option, error) : NULL;
  g_autoptr (GPtrArray) overlays = overlay_option ? NULL : pl_home_list_overlays (cli->paths, NULL);

  if (name)
    return pl_home_load_document (cli->paths, name, error);
  if (!overlays)
    return NULL;
  if (overlays->len == 1 && ((PlHomeOverlay *) overlays->pdata[0])->document)
    return pl_home_load_document (cli->paths, ((PlHomeOverlay *) overlays->pdata[0])->name, error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                       overlays->len > 1 ? "you are in several overlays: say into which with --overlay=NAME" : "you are in no overlay yet: 'peerline setup' makes one");
  return NULL;
}

char *
pl_cli_dup_address (const PlDocument *document)
{
  g_autoptr (GUri) uri = NULL;

  if (document->enrollment_servers->len > 0)
    uri = g_uri_parse (g_ptr_array_index (document->enrollment_servers, 0), G_URI_FLAGS_NONE, NULL);
  return uri ? g_uri_join (G_URI_FLAGS_NONE, g_uri_get_scheme (uri), NULL, g_uri_get_host (uri), g_uri_get_port (uri), "/", NULL, NULL) : NULL;
}

static char *
make_link (const PlDocument *document)
{
  g_autoptr (GPtrArray) keys = list_keys (document);
  g_autofree char *address = url_option ? g_strdup (url_option) : pl_cli_dup_address (document);
  g_autofree char *escaped = address ? g_uri_escape_string (address, NULL, FALSE) : NULL;
  g_autofree char *packed = address ? NULL : pack (document->xml);
  g_autofree char *key = NULL;

  g_ptr_array_add (keys, NULL);
  key = g_strjoinv (",", (char **) keys->pdata);
  return g_strdup_printf (SCHEME "%s/?key=%s&%s=%s", document->instance_name, key, address ? "at" : "document", address ? escaped : packed);
}

static int
terminal_width (void)
{
  struct winsize size;

  return ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
}

static gboolean
is_dark (const QRcode *code, int x, int y)
{
  return x >= 0 && y >= 0 && x < code->width && y < code->width && code->data[y * code->width + x] & 1;
}

/* Two rows of modules in a line of text. FALSE: it does not fit. */
static gboolean
print_code (const char *link)
{
  static const char *const blocks[] = { "\u2588", "\u2580", "\u2584", " " }; /* by upper dark, lower dark */
  QRcode *code = QRcode_encodeString8bit (link, 0, QR_ECLEVEL_L);
  gboolean fits = code && code->width + 2 * QUIET <= terminal_width ();

  for (int y = -QUIET; fits && y < code->width + QUIET; y += 2)
    {
      fputs (LIGHT, stdout);
      for (int x = -QUIET; x < code->width + QUIET; x++)
        fputs (blocks[2 * is_dark (code, x, y) + is_dark (code, x, y + 1)], stdout);
      fputs (PLAIN "\n", stdout);
    }
  QRcode_free (code);
  return fits;
}

static gboolean
write_file (const PlDocument *document, const char *link, GError **error)
{
  g_autofree char *text = g_strdup_printf ("# An invitation to the overlay %s, for peerline.\n# Take it with: peerline setup --join THIS-FILE\n%s\n",
                                           document->instance_name, link);

  return !file_option || pl_file_write (file_option, text, strlen (text), 0644, error);
}

static void
print_link_json (const PlDocument *document, const char *link)
{
  g_autoptr (JsonNode) node = json_node_alloc ();
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "overlay", document->instance_name);
  json_object_set_string_member (object, "link", link);
  json_node_take_object (json_node_init (node, JSON_NODE_OBJECT), object);
  pl_cli_print_json (node);
}

static void
say_invited (PlCli *cli, const PlDocument *document)
{
  pl_cli_say (cli, "Whoever gets this takes it with: peerline setup --join LINK%s", file_option ? " (or the file)" : "");
  if (pl_document_mode (document) == PL_MODE_SHARED_SECRET)
    pl_cli_say (cli, "They also need the secret, which is not in it: 'peerline overlay secret %s' prints it.", document->instance_name);
  if (pl_document_mode (document) == PL_MODE_CERTIFICATES && document->enrollment_servers->len == 0)
    pl_cli_say (cli, "You certify them: they send you a request, which 'peerline identity sign' answers.");
}

static gboolean
run_invite (PlCli *cli, GError **error)
{
  g_autoptr (PlDocument) document = find_document (cli, error);
  g_autofree char *link = document ? make_link (document) : NULL;

  if (!document || !write_file (document, link, error))
    return FALSE;
  if (cli->json)
    print_link_json (document, link);
  else
    printf ("%s\n", link);
  if (!cli->json && !no_qr_option && isatty (STDOUT_FILENO) && !print_code (link))
    pl_cli_say (cli, "It is too long for a picture to scan here%s.",
                strstr (link, "&document=") ? ", as it holds the overlay's document; where that is on the web, --url=ADDRESS makes it short" : "");
  fflush (stdout);
  say_invited (cli, document);
  return TRUE;
}

static const GOptionEntry invite_options[] = {
  { "overlay", 0, 0, G_OPTION_ARG_STRING, &overlay_option, "Into which of your overlays", "NAME" },
  { "url", 0, 0, G_OPTION_ARG_STRING, &url_option, "Where the overlay's document is on the web", "URL" },
  { "file", 0, 0, G_OPTION_ARG_FILENAME, &file_option, "Write the invitation into a file, too", "FILE" },
  { "no-qr", 0, 0, G_OPTION_ARG_NONE, &no_qr_option, "Do not draw the code for cameras", NULL },
  { NULL }
};

const PlCliCommand pl_cli_invite_commands[] = {
  { NULL, "invite", "[--overlay NAME]", "an invitation into your overlay: a link, a QR code, a file",
    "The link names the overlay, says where its document is (or holds it, where it is on no web\nserver) and by which keys it is known, so that "
    "nobody can put another in its place.\nIt is no secret.", 0, invite_options, run_invite },
  { NULL }
};
