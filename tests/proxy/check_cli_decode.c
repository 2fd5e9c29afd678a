/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/hex.h"
#include "overlay/wire/message.h"
#include "proxy/cli/decode.h"
#include "tests/support/test.h"

#define OVERLAY "interop.example.org"

/* --- the command with its three streams in files --- */

typedef struct {
  int code;
  char *out;
  char *err;
} Result;

static void
result_clear (Result *result)
{
  g_free (result->out);
  g_free (result->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, result_clear)

static int
temporary (const void *data, gsize len)
{
  g_autofree char *name = NULL;
  int fd = g_file_open_tmp (NULL, &name, NULL);

  ck_assert_int_ge (fd, 0);
  unlink (name);
  ck_assert_int_eq (write (fd, data, len), (gssize) len);
  lseek (fd, 0, SEEK_SET);
  return fd;
}

static char *
content (int fd)
{
  gsize len = (gsize) lseek (fd, 0, SEEK_END);
  char *text = g_malloc0 (len + 1);

  ck_assert_int_eq (pread (fd, text, len, 0), (gssize) len);
  close (fd);
  return text;
}

static Result
decode (const void *input, gsize len, const char *const *options)
{
  int fds[3] = { temporary (input, len), temporary ("", 0), temporary ("", 0) };
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  Result result;
  int saved[3];

  g_ptr_array_add (argv, (gpointer) "decode");
  for (guint i = 0; options && options[i]; i++)
    g_ptr_array_add (argv, (gpointer) options[i]);
  g_ptr_array_add (argv, NULL);
  fflush (NULL);
  for (int i = 0; i < 3; i++)
    {
      saved[i] = dup (i);
      dup2 (fds[i], i);
    }
  result.code = pl_cli_decode ((int) argv->len - 1, (char **) argv->pdata);
  fflush (NULL);
  for (int i = 0; i < 3; i++)
    {
      dup2 (saved[i], i);
      close (saved[i]);
    }
  close (fds[0]);
  result.out = content (fds[1]);
  result.err = content (fds[2]);
  return result;
}

static Result
decode_hex (const char *hex, const char *const *options)
{
  return decode (hex, strlen (hex), options);
}

/* --- vectors --- */

typedef struct {
  const char *name;
  const char *kind;
  const char *hex;
  JsonObject *json;
} Vector;

typedef void (*VectorFunc) (const Vector *vector);

static void
for_each_vector (VectorFunc func)
{
  g_autofree char *path = pl_test_path ("data/vectors");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *file;

  ck_assert_ptr_nonnull (dir);
  while ((file = g_dir_read_name (dir)))
    {
      g_autofree char *full = g_build_filename (path, file, NULL);
      g_autoptr (JsonParser) parser = json_parser_new ();
      Vector vector;

      if (!g_str_has_suffix (file, ".json"))
        continue;
      ck_assert (json_parser_load_from_file (parser, full, NULL));
      vector.json = json_node_get_object (json_parser_get_root (parser));
      vector.name = json_object_get_string_member (vector.json, "name");
      vector.kind = json_object_get_string_member (vector.json, "kind");
      vector.hex = json_object_get_string_member (vector.json, "hex");
      func (&vector);
    }
}

static gboolean
is_message (const Vector *vector)
{
  return strcmp (vector->kind, "message") == 0 ||
         (strcmp (vector->kind, "refuse") == 0 && strcmp (vector->name, "refuse-boolean-2") != 0);
}

/* The option that makes the command read this kind of vector; FALSE when it can't. */
static gboolean
structure_options (const Vector *vector, const char *options[4])
{
  const char *colon = strchr (vector->kind, ':');

  memset (options, 0, 4 * sizeof *options);
  if (is_message (vector))
    return TRUE;
  if (!g_str_has_prefix (vector->kind, "struct:") && !g_str_has_prefix (vector->kind, "value:"))
    return FALSE;
  options[0] = "--struct";
  options[1] = colon + 1;
  return TRUE;
}

static void
compare_fields (const Vector *vector)
{
  const char *options[4];
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Result) result = { 0 };

  if (!structure_options (vector, options))
    return;
  result = decode_hex (vector->hex, options);
  ck_assert_msg (result.code == 0, "%s: %s", vector->name, result.err);
  ck_assert_msg (json_parser_load_from_data (parser, result.out, -1, &error), "%s", vector->name);
  ck_assert_msg (json_node_equal (json_parser_get_root (parser), json_object_get_member (vector->json, "fields")),
                 "%s: other fields:\n%s", vector->name, result.out);
}

START_TEST (decode_prints_the_fields_the_vectors_list)
{
  for_each_vector (compare_fields);
}
END_TEST

static void
compare_reencoded (const Vector *vector)
{
  const char *options[4];
  g_auto (Result) result = { 0 };

  if (!structure_options (vector, options))
    return;
  options[options[0] ? 2 : 0] = "--reencode";
  result = decode_hex (vector->hex, options);
  ck_assert_msg (result.code == 0, "%s: %s", vector->name, result.err);
  ck_assert_msg (strcmp (g_strchomp (result.out), vector->hex) == 0, "%s: other bytes", vector->name);
}

START_TEST (decode_reencodes_the_same_bytes)
{
  for_each_vector (compare_reencoded);
}
END_TEST

/* --- exit codes --- */

static int
wanted_code (const Vector *vector)
{
  gboolean ours = strcmp (json_object_get_string_member (vector->json, "overlay"), OVERLAY) == 0;

  if (strcmp (vector->name, "neg-bad-signature") == 0)
    return PL_DECODE_UNTRUSTED;
  if (strcmp (vector->kind, "negative") == 0 || strcmp (vector->name, "refuse-boolean-2") == 0 || !ours ||
      g_str_has_prefix (vector->name, "java-"))
    return PL_DECODE_MALFORMED;
  return 0;
}

static void
compare_verdict (const Vector *vector)
{
  g_autofree char *ca = pl_test_path ("data/vectors/pki/ca.crt");
  const char *options[] = { "--trust", ca, "--overlay", OVERLAY, NULL };
  g_auto (Result) result = { 0 };

  if (!is_message (vector) && strcmp (vector->kind, "negative") != 0 && strcmp (vector->kind, "refuse") != 0)
    return;
  result = decode_hex (vector->hex, options);
  ck_assert_msg (result.code == wanted_code (vector), "%s: %d %s", vector->name, result.code, result.err);
  ck_assert_msg ((result.code != 0) == (*result.err != '\0'), "%s: %s", vector->name, result.err);
}

START_TEST (decode_tells_good_from_malformed_and_untrusted)
{
  for_each_vector (compare_verdict);
}
END_TEST

static void
compare_foreign_root (const Vector *vector)
{
  g_autofree char *ca = pl_test_path ("data/vectors/pki-other/ca.crt");
  const char *options[] = { "--trust", ca, "--overlay", OVERLAY, NULL };
  g_auto (Result) result = { 0 };

  if (strcmp (vector->kind, "message") != 0 || g_str_has_prefix (vector->name, "java-"))
    return;
  result = decode_hex (vector->hex, options);
  ck_assert_msg (result.code == PL_DECODE_UNTRUSTED, "%s: %d %s", vector->name, result.code, result.err);
}

START_TEST (decode_exits_2_when_the_root_is_another)
{
  for_each_vector (compare_foreign_root);
}
END_TEST

static void
compare_fragments (const Vector *vector)
{
  JsonArray *fragments;

  if (strcmp (vector->kind, "fragments") != 0)
    return;
  fragments = json_object_get_array_member (vector->json, "fragments");
  for (guint i = 0; i < json_array_get_length (fragments); i++)
    {
      const char *again[] = { "--reencode", NULL };
      const char *hex = json_array_get_string_element (fragments, i);
      g_auto (Result) shown = decode_hex (hex, NULL);
      g_auto (Result) reencoded = decode_hex (hex, again);

      ck_assert_int_eq (shown.code, 0);
      ck_assert_ptr_nonnull (strstr (shown.out, "\"payload\""));
      ck_assert_str_eq (g_strchomp (reencoded.out), hex);
    }
}

START_TEST (decode_shows_header_and_payload_of_a_fragment)
{
  for_each_vector (compare_fragments);
}
END_TEST

/* --- input and numbers --- */

static char *
vector_hex (const char *name)
{
  g_autofree char *file = g_strdup_printf ("vectors/%s.json", name);
  g_autoptr (GBytes) text = pl_test_data (file);
  g_autoptr (JsonParser) parser = json_parser_new ();

  ck_assert (json_parser_load_from_data (parser, g_bytes_get_data (text, NULL), (gssize) g_bytes_get_size (text), NULL));
  return g_strdup (json_object_get_string_member (json_node_get_object (json_parser_get_root (parser)), "hex"));
}

START_TEST (decode_takes_binary_and_hex_of_either_case_with_white_space)
{
  g_autofree char *hex = vector_hex ("ping-req");
  g_autofree char *upper = g_ascii_strup (hex, -1);
  g_autofree char *spaced = g_strdup_printf ("  %.8s\n%s\n", upper, upper + 8);
  g_autoptr (GBytes) bytes = pl_hex_to_bytes (hex);
  g_auto (Result) from_hex = decode_hex (hex, NULL);
  g_auto (Result) from_spaced = decode_hex (spaced, NULL);
  g_auto (Result) from_binary = decode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL);

  ck_assert_int_eq (from_hex.code, 0);
  ck_assert_str_eq (from_spaced.out, from_hex.out);
  ck_assert_str_eq (from_binary.out, from_hex.out);
}
END_TEST

START_TEST (decode_prints_64_bits_exactly)
{
  g_autofree char *hex = vector_hex ("java-appattachrequest-via1");
  g_auto (Result) result = decode_hex (hex, NULL);

  ck_assert_ptr_nonnull (strstr (result.out, "\"transaction_id\": 10442629829151045271,"));
}
END_TEST

START_TEST (decode_refuses_what_is_no_message_with_the_reason)
{
  g_autofree char *hex = vector_hex ("ping-req");
  g_autofree char *odd = g_strndup (hex, 101);
  g_autofree char *cut = g_strndup (hex, 200);
  g_auto (Result) nothing = decode_hex ("", NULL);
  g_auto (Result) of_odd = decode_hex (odd, NULL);
  g_auto (Result) of_cut = decode_hex (cut, NULL);
  g_auto (Result) of_text = decode_hex ("hello there", NULL);

  ck_assert_int_eq (nothing.code, PL_DECODE_MALFORMED);
  ck_assert_int_eq (of_odd.code, PL_DECODE_MALFORMED);
  ck_assert_ptr_nonnull (strstr (of_odd.err, "odd number"));
  ck_assert_int_eq (of_cut.code, PL_DECODE_MALFORMED);
  ck_assert_ptr_nonnull (strstr (of_cut.err, "length in the header"));
  ck_assert_int_eq (of_text.code, PL_DECODE_MALFORMED);
  ck_assert_ptr_nonnull (strstr (of_text.err, "d2454c4f"));
  ck_assert_str_eq (of_text.out, "");
}
END_TEST

START_TEST (decode_exits_64_for_options_that_cannot_be)
{
  const char *const bad[][3] = {
    { "--kind", "1:TREE" }, { "--kind", "x:ARRAY" }, { "--trust", "/nowhere" }, { "--struct", "Nothing" }, { "file" }, { "--nonsense" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_auto (Result) result = decode_hex ("d2", bad[i]);

      ck_assert_int_eq (result.code, PL_DECODE_USAGE);
      ck_assert_str_ne (result.err, "");
    }
}
END_TEST

/* --- structures without a vector: addresses and long forms --- */

static void
assert_struct (const char *name, const char *hex, const char *json)
{
  const char *options[] = { "--struct", name, NULL };
  const char *again[] = { "--struct", name, "--reencode", NULL };
  g_auto (Result) shown = decode_hex (hex, options);
  g_auto (Result) reencoded = decode_hex (hex, again);
  g_autoptr (JsonParser) got = json_parser_new ();
  g_autoptr (JsonParser) wanted = json_parser_new ();

  ck_assert_msg (shown.code == 0, "%s: %s", hex, shown.err);
  ck_assert (json_parser_load_from_data (got, shown.out, -1, NULL));
  ck_assert (json_parser_load_from_data (wanted, json, -1, NULL));
  ck_assert_msg (json_node_equal (json_parser_get_root (got), json_parser_get_root (wanted)), "%s", shown.out);
  ck_assert_str_eq (g_strchomp (reencoded.out), hex);
}

START_TEST (decode_prints_ipv6_addresses_as_rfc_5952_says)
{
  static const struct { const char *addr, *text; } cases[] = {
    { "00000000000000000000000000000000", "::" },
    { "00000000000000000000000000000001", "::1" },
    { "000000000000000000000000c0000201", "::c000:201" },
    { "00000000000000000000ffffc0000201", "::ffff:192.0.2.1" },
    { "20010db8000000000001000000000001", "2001:db8::1:0:0:1" },
    { "20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1" },
    { "fe800000000000000000000000000000", "fe80::" },
    { "20010db8000100000000000000000abc", "2001:db8:1::abc" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *hex = g_strdup_printf ("0212%s17c4", cases[i].addr);
      g_autofree char *json = g_strdup_printf ("{\"_type\":\"IPAddressPort\",\"type\":{\"name\":\"ipv6_address\",\"value\":2},"
                                               "\"addr_port\":{\"_type\":\"IPv6AddrPort\",\"addr\":\"%s\",\"port\":6084}}",
                                               cases[i].text);

      assert_struct ("IPAddressPort", hex, json);
    }
}
END_TEST

START_TEST (decode_prints_opaque_destinations_of_both_forms_alike)
{
  const char *json = "{\"_type\":\"Destination\",\"type\":{\"name\":\"opaque_id_type\",\"value\":3},\"data\":{\"hex\":\"802a\"}}";

  assert_struct ("Destination", "802a", json);
  assert_struct ("Destination", "030302802a", json);
}
END_TEST

START_TEST (decode_prints_registrations_with_routes)
{
  assert_struct ("SipRegistration", "02001a00042122c3bc001201101d5c66db8f5ab6b9d0bdf31a20158175",
                 "{\"type\":2,\"contact_prefs\":\"!\\\"\u00fc\",\"destination_list\":[{\"_type\":\"Destination\","
                 "\"type\":{\"name\":\"node\",\"value\":1},\"data\":{\"hex\":\"1d5c66db8f5ab6b9d0bdf31a20158175\"}}]}");
}
END_TEST

/* --- bodies without a vector --- */

static const struct {
  guint16 code;
  const char *hex;
  const char *json;
} bodies[] = {
  { PL_MESSAGE_PROBE_ANS, "0009 0104 ee6b2800 80 01 aa",
    "{'_type':'ProbeResponse','probe_info':[{'_type':'ProbeInformation','type':{'name':'responsible_set','value':1},"
    "'value':4000000000},{'_type':'ProbeInformation','type':128,'value':{'hex':'aa'}}]}" },
  { PL_MESSAGE_UPDATE_REQ, "00000001 01",
    "{'_type':'UpdateRequest','uptime':1,'type':{'name':'peer_ready','value':1},'data':{'_type':'Empty'}}" },
  { PL_MESSAGE_UPDATE_ANS, "", "{'_type':'UpdateResponse'}" },
  { PL_MESSAGE_JOIN_ANS, "0001 ff", "{'_type':'JoinResponse','overlay_data':{'hex':'ff'}}" },
  { PL_MESSAGE_ROUTE_QUERY_ANS, "79586a23fda537ddfe86bb98a2f2719b",
    "{'_type':'RouteQueryResponse','next_peer':{'hex':'79586a23fda537ddfe86bb98a2f2719b'}}" },
  { PL_MESSAGE_CONFIG_UPDATE_REQ, "02 0000000c 000009 0002 6b31 0003 6b3233",
    "{'_type':'ConfigUpdateRequest','type':{'name':'kind','value':2},'data':[{'hex':'6b31'},{'hex':'6b3233'}]}" },
  { PL_MESSAGE_CONFIG_UPDATE_REQ, "07 00000001 ab", "{'_type':'ConfigUpdateRequest','type':7,'data':{'hex':'ab'}}" },
  { PL_MESSAGE_STAT_REQ, "01 ff 001e f0000003 0000000000000001 0002 0000 12345678 0000000000000000 0000",
    "{'_type':'StatRequest','resource':{'hex':'ff'},'specifiers':[{'_type':'StoredDataSpecifier','kind_id':4026531843,"
    "'generation':1,'specifier':[]},{'_type':'StoredDataSpecifier','kind_id':305419896,'generation':0,"
    "'specifier':{'_type':'Empty'}}]}" },
  /* a Kind whose values fit no model stays bytes */
  { PL_MESSAGE_FETCH_ANS, "00000012 12345678 0000000000000001 00000002 abcd",
    "{'_type':'FetchResponse','kind_responses':[{'_type':'FetchKindResponse','kind_id':305419896,'generation':1,"
    "'values':{'hex':'abcd'}}]}" },
  { PL_MESSAGE_PATH_TRACK_REQ, "80 05 0000000000000002 0000000000000001 0000000000020102 00000006 00000006 8001 00000000",
    "{'_type':'PathTrackRequest','destination':{'_type':'Destination','type':{'name':'opaque_id_type','value':3},"
    "'data':{'hex':'8005'}},'request':{'_type':'DiagnosticsRequest','expiration':2,'timestamp_initiated':1,'dMFlags':131330,"
    "'kinds':['STATUS_INFO','APP_UPTIME'],'extensions':[{'_type':'DiagnosticExtension','type':32769,'contents':{'hex':''}}]}}" },
  { PL_MESSAGE_PATH_TRACK_ANS, "80 05 0000000000000002 0000000000000001 0000000000000003 63 0000001e 0000001e"
                               "0002 0004 00000011 0006 0002 7800 000b 000c 00000001 0000000000000005",
    "{'_type':'PathTrackResponse','next_hop':{'_type':'Destination','type':{'name':'opaque_id_type','value':3},"
    "'data':{'hex':'8005'}},'response':{'_type':'DiagnosticsResponse','expiration':2,'timestamp_initiated':1,"
    "'timestamp_received':3,'hop_counter':99,'diagnostic_info_list':["
    "{'_type':'DiagnosticInfo','kind':2,'kind_name':'ROUTING_TABLE_SIZE','value':17},"
    "{'_type':'DiagnosticInfo','kind':6,'kind_name':'SOFTWARE_VERSION','value':'x'},"
    "{'_type':'DiagnosticInfo','kind':11,'kind_name':'INSTANCES_STORED','entries':[{'id':1,'first':5,'second':0}]}]}}" },
  { PL_MESSAGE_ERROR, "0017 0000", "{'_type':'ErrorResponse','code':{'name':'MessageExpired','value':23},'info':{'hex':''}}" },
  { PL_MESSAGE_ERROR, "7fff 0000", "{'_type':'ErrorResponse','code':32767,'info':{'hex':''}}" },
  { 0x7001, "0102", "null" }, /* a method nobody knows */
};

static char *
message_hex (guint16 code, const char *body_hex)
{
  g_auto (PlForwardingHeader) header;
  g_autoptr (GBytes) body = pl_hex_to_bytes (body_hex);
  g_autoptr (GBytes) contents = pl_message_contents_write (code, body, NULL);
  g_autoptr (GBytes) message = NULL;
  PlSignature none;

  pl_forwarding_header_init (&header);
  pl_signature_init_none (&none);
  message = pl_message_write (&header, contents, NULL, &none);
  return pl_hex_dup (g_bytes_get_data (message, NULL), g_bytes_get_size (message));
}

START_TEST (decode_names_the_fields_of_bodies_without_a_vector)
{
  const char *again[] = { "--reencode", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autofree char *hex = message_hex (bodies[i].code, bodies[i].hex);
      g_autofree char *json = g_strdelimit (g_strdup (bodies[i].json), "'", '"');
      g_auto (Result) shown = decode_hex (hex, NULL);
      g_auto (Result) reencoded = decode_hex (hex, again);
      g_autoptr (JsonParser) got = json_parser_new ();
      g_autoptr (JsonNode) wanted = json_from_string (json, NULL);
      JsonNode *body;

      ck_assert_msg (shown.code == 0, "%u: %s", i, shown.err);
      ck_assert (json_parser_load_from_data (got, shown.out, -1, NULL));
      body = json_object_get_member (json_node_get_object (json_parser_get_root (got)), "body");
      if (wanted)
        ck_assert_msg (json_node_equal (body, wanted), "%u: %s", i, shown.out);
      else
        ck_assert (JSON_NODE_HOLDS_NULL (body));
      ck_assert_str_eq (g_strchomp (reencoded.out), hex);
    }
}
END_TEST

START_TEST (decode_refuses_message_code_0_and_unsigned_messages)
{
  g_autofree char *ca = pl_test_path ("data/vectors/pki/ca.crt");
  const char *options[] = { "--trust", ca, "--overlay", OVERLAY, NULL };
  g_autofree char *zero = message_hex (0, "");
  g_autofree char *hex = vector_hex ("ping-req");
  g_autoptr (GBytes) bytes = pl_hex_to_bytes (hex);
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GBytes) unsigned_bytes = NULL;
  g_auto (Result) of_zero = decode_hex (zero, NULL);
  g_auto (Result) of_unsigned = { 0 };
  PlSignature none;

  ck_assert_int_eq (of_zero.code, PL_DECODE_MALFORMED);
  ck_assert_int_eq (pl_message_read (bytes, &message), PL_WIRE_OK);
  pl_signature_init_none (&none);
  unsigned_bytes = pl_message_write (&message.header, message.contents, message.certificates, &none);
  of_unsigned = decode (g_bytes_get_data (unsigned_bytes, NULL), g_bytes_get_size (unsigned_bytes), options);
  ck_assert_int_eq (of_unsigned.code, PL_DECODE_UNTRUSTED);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy");
  TCase *tcase = tcase_create ("cli/decode");

  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, decode_prints_the_fields_the_vectors_list);
  tcase_add_test (tcase, decode_reencodes_the_same_bytes);
  tcase_add_test (tcase, decode_tells_good_from_malformed_and_untrusted);
  tcase_add_test (tcase, decode_exits_2_when_the_root_is_another);
  tcase_add_test (tcase, decode_shows_header_and_payload_of_a_fragment);
  tcase_add_test (tcase, decode_takes_binary_and_hex_of_either_case_with_white_space);
  tcase_add_test (tcase, decode_prints_64_bits_exactly);
  tcase_add_test (tcase, decode_refuses_what_is_no_message_with_the_reason);
  tcase_add_test (tcase, decode_exits_64_for_options_that_cannot_be);
  tcase_add_test (tcase, decode_prints_ipv6_addresses_as_rfc_5952_says);
  tcase_add_test (tcase, decode_prints_opaque_destinations_of_both_forms_alike);
  tcase_add_test (tcase, decode_prints_registrations_with_routes);
  tcase_add_test (tcase, decode_names_the_fields_of_bodies_without_a_vector);
  tcase_add_test (tcase, decode_refuses_message_code_0_and_unsigned_messages);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
