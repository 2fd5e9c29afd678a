/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/hex.h"
#include "proxy/cli/decode-fields.h"
#include "proxy/cli/decode-models.h"
#include "proxy/cli/decode-struct.h"
#include "proxy/cli/decode-verify.h"

#define INPUT_MAX (4 * (gsize) PL_MESSAGE_MAX) /* in hex, with white space */
#define CHUNK 65536

typedef struct {
  gboolean reencode;
  char *trust;
  char *overlay;
  char *structure;
  char **kinds;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->trust);
  g_free (options->overlay);
  g_free (options->structure);
  g_strfreev (options->kinds);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static int
refuse (int code, const char *reason)
{
  g_printerr ("peerline decode: %s\n", reason);
  return code;
}

/* --- input --- */

static GByteArray *
read_all (int fd)
{
  g_autoptr (GByteArray) input = g_byte_array_new ();
  g_autofree guint8 *chunk = g_malloc (CHUNK);

  while (input->len <= INPUT_MAX)
    {
      gssize n = read (fd, chunk, CHUNK);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return n == 0 ? g_steal_pointer (&input) : NULL;
      g_byte_array_append (input, chunk, (guint) n);
    }
  return NULL;
}

/* A message begins with 0xd2, which no hexadecimal text does. */
static GBytes *
to_bytes (GByteArray *input)
{
  gboolean text = TRUE;

  for (guint i = 0; i < input->len && text; i++)
    text = g_ascii_isxdigit (input->data[i]) || g_ascii_isspace (input->data[i]);
  if (!text)
    return g_bytes_new (input->data, input->len);
  g_byte_array_append (input, (const guint8 *) "", 1);
  return pl_hex_to_bytes ((const char *) input->data);
}

/* --- output --- */

static void
print_hex (GBytes *bytes)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);
  g_autofree char *hex = pl_hex_dup (data, len);

  puts (hex);
}

/* --- a structure --- */

static int
decode_structure (const Options *options, GBytes *bytes, PlDecodeModels *models)
{
  const PlDecodeStruct *type = pl_decode_struct_find (options->structure);
  g_autofree PlDecodeAny *value = g_new0 (PlDecodeAny, 1);
  PlReader reader;
  PlWireStatus status;

  if (!type)
    {
      g_autofree char *names = pl_decode_struct_dup_names ();
      g_autofree char *reason = g_strdup_printf ("--struct is one of: %s", names);

      return refuse (PL_DECODE_USAGE, reason);
    }
  pl_reader_init_bytes (&reader, bytes);
  pl_reader_set_models (&reader, pl_decode_models_of, models);
  type->read (&reader, value);
  status = pl_reader_finish (&reader);
  if (status == PL_WIRE_OK && options->reencode)
    {
      g_auto (PlWriter) writer;
      g_autoptr (GBytes) written = NULL;

      pl_writer_init (&writer);
      type->write (&writer, value);
      written = pl_writer_finish (&writer);
      print_hex (written);
    }
  else if (status == PL_WIRE_OK)
    {
      g_autofree char *text = NULL;
      PlJsonOut out;

      pl_json_out_init (&out);
      type->fields (&out, NULL, value);
      text = pl_json_out_finish (&out);
      fputs (text, stdout);
    }
  if (type->clear)
    type->clear (value);
  return status == PL_WIRE_OK ? 0 : refuse (PL_DECODE_MALFORMED, pl_wire_status_text (status));
}

/* --- a fragment: header and uninterpreted payload --- */

static int
decode_fragment (const Options *options, GBytes *bytes)
{
  g_auto (PlForwardingHeader) header = { 0 };
  g_autoptr (GBytes) payload = NULL;
  gsize header_len;
  PlWireStatus status = pl_forwarding_peek (bytes, &header, &header_len);

  if (status != PL_WIRE_OK)
    return refuse (PL_DECODE_MALFORMED, pl_wire_status_text (status));
  if (options->overlay && header.overlay != pl_overlay_hash (options->overlay))
    return refuse (PL_DECODE_MALFORMED, pl_wire_status_text (PL_WIRE_OVERLAY));
  if (options->trust)
    return refuse (PL_DECODE_UNTRUSTED, "a fragment alone can't be verified");
  payload = g_bytes_new_from_bytes (bytes, header_len, g_bytes_get_size (bytes) - header_len);
  if (options->reencode)
    {
      g_autoptr (GBytes) written = pl_forwarding_rewrite (bytes, header_len, &header);

      print_hex (written);
    }
  else
    {
      g_autofree char *text = NULL;
      PlJsonOut out;

      pl_json_out_init (&out);
      pl_json_out_object (&out, NULL);
      pl_fields_forwarding_header (&out, "header", &header);
      pl_json_out_bytes (&out, "payload", payload);
      pl_json_out_end_object (&out);
      text = pl_json_out_finish (&out);
      fputs (text, stdout);
    }
  return 0;
}

/* --- a message --- */

static void
print_message (const PlMessage *message, const PlBodyType *type, gconstpointer fields)
{
  g_autofree char *text = NULL;
  PlJsonOut out;

  pl_json_out_init (&out);
  pl_json_out_object (&out, NULL);
  pl_fields_forwarding_header (&out, "header", &message->header);
  pl_fields_contents (&out, "contents", message);
  if (type)
    pl_fields_body (&out, "body", message->message_code, fields);
  else
    pl_json_out_null (&out, "body");
  pl_fields_security (&out, "security", message);
  pl_json_out_end_object (&out);
  text = pl_json_out_finish (&out);
  fputs (text, stdout);
}

static int
print_reencoded (PlMessage *message, const PlBodyType *type, gconstpointer fields)
{
  g_autoptr (GBytes) written = NULL;

  if (type)
    {
      g_clear_pointer (&message->body, g_bytes_unref);
      message->body = pl_body_write (type, fields);
    }
  written = pl_message_rewrite (message);
  if (!written)
    return refuse (PL_DECODE_MALFORMED, pl_wire_status_text (PL_WIRE_TOO_LONG));
  print_hex (written);
  return 0;
}

/* The fields are printed even when the signature is not good: that is when one looks. */
static int
show_message (const Options *options, PlMessage *message, const PlBodyType *type, gconstpointer fields)
{
  g_autoptr (GPtrArray) roots = NULL;
  g_autoptr (GError) error = NULL;
  gboolean verified = TRUE;
  int code;

  if (options->trust && !(roots = pl_decode_roots_load (options->trust, &error)))
    return refuse (PL_DECODE_USAGE, error->message);
  if (roots)
    verified = pl_decode_verify (message, message->message_code == PL_MESSAGE_STORE_REQ ? fields : NULL, roots,
                                 options->overlay, &error);
  if (options->reencode)
    code = print_reencoded (message, type, fields);
  else
    {
      print_message (message, type, fields);
      code = 0;
    }
  return verified ? code : refuse (PL_DECODE_UNTRUSTED, error->message);
}

static int
decode_message (const Options *options, GBytes *bytes, PlDecodeModels *models)
{
  g_auto (PlMessage) message = { 0 };
  PlWireStatus status = pl_message_read (bytes, &message);
  g_autofree gpointer fields = NULL;
  const PlBodyType *type;
  int code;

  if (status == PL_WIRE_FRAGMENTED)
    return decode_fragment (options, bytes);
  if (status == PL_WIRE_OK && options->overlay && message.header.overlay != pl_overlay_hash (options->overlay))
    status = PL_WIRE_OVERLAY;
  if (status == PL_WIRE_OK && message.message_code == 0)
    status = PL_WIRE_CODE;
  if (status != PL_WIRE_OK)
    return refuse (PL_DECODE_MALFORMED, pl_wire_status_text (status));
  type = pl_body_type (message.message_code);
  if (!type)
    {
      g_printerr ("peerline decode: message code %u is not known here\n", message.message_code);
      return show_message (options, &message, NULL, NULL);
    }
  fields = g_malloc0 (MAX (type->size, 1));
  status = pl_decode_body_read (models, type, message.body, fields);
  code = status == PL_WIRE_OK ? show_message (options, &message, type, fields)
                              : refuse (PL_DECODE_MALFORMED, pl_wire_status_text (status));
  pl_body_clear (type, fields);
  return code;
}

/* --- command --- */

static gboolean
parse (int argc, char **argv, Options *options, GError **error)
{
  GOptionEntry entries[] = {
    { "reencode", 0, 0, G_OPTION_ARG_NONE, &options->reencode, "Print the hex of the bytes encoded again from the fields", NULL },
    { "trust", 0, 0, G_OPTION_ARG_FILENAME, &options->trust, "Verify signatures with the roots in this PEM file", "CA.pem" },
    { "overlay", 0, 0, G_OPTION_ARG_STRING, &options->overlay, "Refuse messages of other overlays than this", "NAME" },
    { "kind", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->kinds, "Data model of a Kind: SINGLE, ARRAY or DICTIONARY", "ID:MODEL" },
    { "struct", 0, 0, G_OPTION_ARG_STRING, &options->structure, "Read this structure in place of a message", "NAME" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- RELOAD message from standard input as JSON");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  if (argc > 1)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: messages come on standard input", argv[1]);
  else if (options->trust && !options->overlay)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--trust needs --overlay NAME");
  return argc <= 1 && (!options->trust || options->overlay);
}

int
pl_cli_decode (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  g_autoptr (PlDecodeModels) models = pl_decode_models_new ();
  g_autoptr (GByteArray) input = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  if (!parse (argc, argv, &options, &error))
    return refuse (PL_DECODE_USAGE, error->message);
  for (guint i = 0; options.kinds && options.kinds[i]; i++)
    if (!pl_decode_models_add (models, options.kinds[i]))
      return refuse (PL_DECODE_USAGE, "--kind is ID:SINGLE, ID:ARRAY or ID:DICTIONARY");
  input = read_all (STDIN_FILENO);
  if (!input)
    return refuse (PL_DECODE_MALFORMED, "standard input can't be read or is too long for a message");
  bytes = to_bytes (input);
  if (!bytes)
    return refuse (PL_DECODE_MALFORMED, "an odd number of hexadecimal digits");
  if (options.structure)
    return decode_structure (&options, bytes, models);
  return decode_message (&options, bytes, models);
}
