/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include "base/hex.h"
#include "overlay/wire/attach.h"
#include "overlay/wire/body.h"
#include "overlay/wire/framing.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/sip.h"
#include "overlay/wire/store.h"
#include "tests/support/mutate.h"
#include "tests/support/test.h"

#define FLIP_ALL_BELOW 600
#define FLIPS 1500
#define LIES 1000

/* --- the files --- */

typedef struct {
  char *name;
  char *kind;
  GBytes *bytes;
  JsonObject *json;
} Vector;

typedef void (*VectorFunc) (const Vector *vector);

static void
for_each_vector (const char *kind_prefix, VectorFunc func)
{
  g_autofree char *path = pl_test_path ("data/vectors");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *file;
  guint n = 0;

  ck_assert_ptr_nonnull (dir);
  while ((file = g_dir_read_name (dir)))
    {
      g_autofree char *full = g_build_filename (path, file, NULL);
      g_autoptr (JsonParser) parser = json_parser_new ();
      Vector vector = { 0 };

      if (!g_str_has_suffix (file, ".json"))
        continue;
      ck_assert_msg (json_parser_load_from_file (parser, full, NULL), "%s", file);
      vector.json = json_node_get_object (json_parser_get_root (parser));
      vector.name = (char *) json_object_get_string_member (vector.json, "name");
      vector.kind = (char *) json_object_get_string_member (vector.json, "kind");
      if (!g_str_has_prefix (vector.kind, kind_prefix))
        continue;
      vector.bytes = pl_hex_to_bytes (json_object_get_string_member (vector.json, "hex"));
      ck_assert_msg (vector.bytes != NULL, "%s has no hex", file);
      func (&vector);
      g_clear_pointer (&vector.bytes, g_bytes_unref);
      n++;
    }
  ck_assert_msg (n > 0, "no vector of kind %s", kind_prefix);
}

static void
assert_same (const char *name, GBytes *got, GBytes *wanted)
{
  ck_assert_msg (got != NULL, "%s: could not be written", name);
  ck_assert_msg (g_bytes_equal (got, wanted), "%s: other bytes", name);
}

/* The Kinds of the vectors, and those of the Java ones. */
static PlDataModel
vector_models (guint32 kind, gpointer data)
{
  switch (kind)
    {
    case 0xf0000001:
    case 2020:
      return PL_DATA_SINGLE;
    case 0xf0000002:
    case 2050:
      return PL_DATA_ARRAY;
    case 0xf0000003:
    case 2070:
      return PL_DATA_DICTIONARY;
    default:
      return pl_kind_standard_model (kind, data);
    }
}

/* --- reading and writing everything of a message --- */

/* The message again from the fields of its header, body, extensions and signature; NULL with
 * the reason when it does not read. */
static GBytes *
again (GBytes *bytes, PlModelFunc models, PlWireStatus *status)
{
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GBytes) body = NULL;
  g_autofree gpointer fields = NULL;
  const PlBodyType *type;

  *status = pl_message_read (bytes, &message);
  if (*status != PL_WIRE_OK)
    return NULL;
  type = pl_body_type (message.message_code);
  if (!type)
    {
      *status = PL_WIRE_CODE;
      return NULL;
    }
  fields = g_malloc0 (MAX (type->size, 1));
  *status = pl_body_read (type, message.body, models, NULL, fields);
  if (*status == PL_WIRE_OK)
    {
      body = pl_body_write (type, fields);
      g_clear_pointer (&message.body, g_bytes_unref);
      message.body = g_steal_pointer (&body);
    }
  pl_body_clear (type, fields);
  return *status == PL_WIRE_OK ? pl_message_rewrite (&message) : NULL;
}

static void
check_message (const Vector *vector)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = again (vector->bytes, vector_models, &status);
  g_autoptr (GBytes) blind = NULL;

  ck_assert_msg (status == PL_WIRE_OK, "%s: %s", vector->name, pl_wire_status_text (status));
  assert_same (vector->name, written, vector->bytes);
  /* Kinds nobody knows are carried along. */
  blind = again (vector->bytes, NULL, &status);
  assert_same (vector->name, blind, vector->bytes);
}

START_TEST (vectors_good_messages_read_and_write_back_the_same_bytes)
{
  for_each_vector ("message", check_message);
}
END_TEST

static void
refuse_prefix (GBytes *prefix, gpointer data)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = again (prefix, vector_models, &status);

  ck_assert_msg (status != PL_WIRE_OK, "%s: taken at %zu bytes", (char *) data, g_bytes_get_size (prefix));
}

/* There is one encoding of everything: whatever is taken writes back what was read. */
static void
refuse_or_repeat (GBytes *damaged, gpointer data)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = again (damaged, vector_models, &status);

  if (status == PL_WIRE_OK)
    assert_same (data, written, damaged);
}

static void
damage_message (const Vector *vector)
{
  pl_mutate_truncations (vector->bytes, refuse_prefix, vector->name);
  pl_mutate_flips (vector->bytes, FLIP_ALL_BELOW, FLIPS, 1, refuse_or_repeat, vector->name);
  pl_mutate_lies (vector->bytes, LIES, 2, refuse_or_repeat, vector->name);
}

START_TEST (vectors_every_prefix_of_a_message_is_refused_and_no_damage_harms)
{
  for_each_vector ("message", damage_message);
}
END_TEST

/* The bodies alone, where a message's length in the header can't save us. */
static GBytes *
body_again (const PlBodyType *type, GBytes *bytes, PlWireStatus *status)
{
  g_autofree gpointer fields = g_malloc0 (MAX (type->size, 1));
  GBytes *written = NULL;

  *status = pl_body_read (type, bytes, vector_models, NULL, fields);
  if (*status == PL_WIRE_OK)
    written = pl_body_write (type, fields);
  pl_body_clear (type, fields);
  return written;
}

static void
refuse_body_prefix (GBytes *prefix, gpointer data)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = body_again (data, prefix, &status);

  ck_assert_msg (status != PL_WIRE_OK, "%s: taken at %zu bytes", ((PlBodyType *) data)->name, g_bytes_get_size (prefix));
}

static void
refuse_or_repeat_body (GBytes *damaged, gpointer data)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = body_again (data, damaged, &status);

  if (status == PL_WIRE_OK)
    assert_same (((PlBodyType *) data)->name, written, damaged);
}

static void
damage_body (const Vector *vector)
{
  g_auto (PlMessage) message = { 0 };
  gpointer type;

  ck_assert_int_eq (pl_message_read (vector->bytes, &message), PL_WIRE_OK);
  type = (gpointer) pl_body_type (message.message_code);
  ck_assert_ptr_nonnull (type);
  if (!message.body)
    return;
  pl_mutate_truncations (message.body, refuse_body_prefix, type);
  pl_mutate_flips (message.body, FLIP_ALL_BELOW, FLIPS, 3, refuse_or_repeat_body, type);
  pl_mutate_lies (message.body, LIES, 4, refuse_or_repeat_body, type);
}

START_TEST (vectors_every_prefix_of_a_body_is_refused_and_no_damage_harms)
{
  for_each_vector ("message", damage_body);
}
END_TEST

/* --- what must be refused --- */

static const struct {
  const char *name;
  PlWireStatus status;
  const char *elsewhere;
} refusals[] = {
  { "refuse-boolean-2", PL_WIRE_BOOLEAN, NULL },
  { "neg-length-too-long", PL_WIRE_LENGTH, NULL },
  { "neg-relo-token", PL_WIRE_TOKEN, NULL },
  { "neg-overlay-hash", PL_WIRE_OVERLAY, NULL },
  { "neg-bad-signature", PL_WIRE_OK, "tests/overlay/check_ident_trust.c: signature" },
  { "refuse-node-id-not-mine", PL_WIRE_OK, "overlay/forward's tests: nobody attached has that Node-ID" },
  { "refuse-store-user-node-match-key", PL_WIRE_OK, "overlay/store's tests: the key is not the signer's Node-ID" },
};

static void
check_refusal (const Vector *vector)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = again (vector->bytes, vector_models, &status);
  g_auto (PlMessage) message = { 0 };

  /* The overlay hash is compared by whoever knows his overlay (6.1). */
  if (pl_message_read (vector->bytes, &message) == PL_WIRE_OK &&
      message.header.overlay != pl_overlay_hash ("interop.example.org"))
    status = PL_WIRE_OVERLAY;
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    if (strcmp (refusals[i].name, vector->name) == 0)
      {
        ck_assert_msg (status == refusals[i].status, "%s: %s", vector->name, pl_wire_status_text (status));
        return;
      }
  ck_abort_msg ("%s: no reason is written down for it here", vector->name);
}

START_TEST (vectors_bad_messages_are_refused_for_the_reason_written_down) /* S1-31, S1-32, S1-54 */
{
  for_each_vector ("refuse", check_refusal);
  for_each_vector ("negative", check_refusal);
}
END_TEST

/* --- structures --- */

typedef gboolean (*ReadFunc) (PlReader *reader, gpointer out);
typedef void (*WriteFunc) (PlWriter *writer, gconstpointer in);
typedef void (*ClearFunc) (gpointer in);

static gboolean
certificate_read (PlReader *reader, GBytes **der)
{
  if (pl_reader_u8 (reader) != 0)
    pl_reader_fail (reader, PL_WIRE_CERTIFICATE_TYPE);
  *der = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

static void
certificate_write (PlWriter *writer, GBytes *const *der)
{
  pl_writer_u8 (writer, 0);
  pl_writer_opaque (writer, *der, 2);
}

static void
certificate_clear (GBytes **der)
{
  g_clear_pointer (der, g_bytes_unref);
}

static gboolean
single_read (PlReader *reader, PlStoredData *data)
{
  return pl_stored_data_read (reader, PL_DATA_SINGLE, data);
}

static gboolean
single_meta_read (PlReader *reader, PlStoredMetaData *data)
{
  return pl_stored_meta_data_read (reader, PL_DATA_SINGLE, data);
}

#define STRUCT(kind, read, write, clear) { kind, (ReadFunc) read, (WriteFunc) write, (ClearFunc) clear }

static const struct {
  const char *kind;
  ReadFunc read;
  WriteFunc write;
  ClearFunc clear;
} structs[] = {
  STRUCT ("struct:ChordLeaveData", pl_chord_leave_data_read, pl_chord_leave_data_write, pl_chord_leave_data_clear),
  STRUCT ("struct:Destination", pl_destination_read, pl_destination_write, NULL),
  STRUCT ("struct:ForwardingOption", pl_forwarding_option_read, pl_forwarding_option_write, pl_forwarding_option_clear),
  STRUCT ("struct:FramedMessage", pl_frame_read, pl_frame_write, pl_frame_clear),
  STRUCT ("struct:GenericCertificate", certificate_read, certificate_write, certificate_clear),
  STRUCT ("struct:ICECandidate", pl_ice_candidate_read, pl_ice_candidate_write, pl_ice_candidate_clear),
  STRUCT ("struct:IPAddressPort", pl_ip_address_port_read, pl_ip_address_port_write, NULL),
  STRUCT ("struct:MessageExtension", pl_message_extension_read, pl_message_extension_write, pl_message_extension_clear),
  STRUCT ("struct:Signature", pl_signature_read, pl_signature_write, pl_signature_clear),
  STRUCT ("struct:SignerIdentity", pl_signer_identity_read, pl_signer_identity_write, pl_signer_identity_clear),
  STRUCT ("struct:StoredDataSpecifier", pl_stored_data_specifier_read, pl_stored_data_specifier_write,
          pl_stored_data_specifier_clear),
  STRUCT ("struct:StoredData", single_read, pl_stored_data_write, pl_stored_data_clear),
  STRUCT ("struct:StoredMetaData", single_meta_read, pl_stored_meta_data_write, pl_stored_meta_data_clear),
  STRUCT ("value:SipRegistration", pl_sip_registration_read, pl_sip_registration_write, pl_sip_registration_clear),
  STRUCT ("value:TurnServer", pl_turn_server_read, pl_turn_server_write, NULL),
};

/* More than any struct of the room has. */
typedef union { guint64 align; guint8 space[8192]; } AnyStruct;

static GBytes *
struct_again (guint i, GBytes *bytes, PlWireStatus *status)
{
  g_autofree AnyStruct *any = g_new0 (AnyStruct, 1);
  g_auto (PlWriter) writer;
  PlReader reader;

  pl_writer_init (&writer);
  pl_reader_init_bytes (&reader, bytes);
  pl_reader_set_models (&reader, vector_models, NULL);
  structs[i].read (&reader, any);
  *status = pl_reader_finish (&reader);
  if (*status == PL_WIRE_OK)
    structs[i].write (&writer, any);
  if (structs[i].clear)
    structs[i].clear (any);
  return *status == PL_WIRE_OK ? pl_writer_finish (&writer) : NULL;
}

static void
refuse_struct_prefix (GBytes *prefix, gpointer data)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = struct_again (GPOINTER_TO_UINT (data), prefix, &status);

  ck_assert_msg (status != PL_WIRE_OK, "%s", structs[GPOINTER_TO_UINT (data)].kind);
}

static void
refuse_or_repeat_struct (GBytes *damaged, gpointer data)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = struct_again (GPOINTER_TO_UINT (data), damaged, &status);

  if (status == PL_WIRE_OK)
    assert_same (structs[GPOINTER_TO_UINT (data)].kind, written, damaged);
}

static void
check_struct (const Vector *vector)
{
  for (guint i = 0; i < G_N_ELEMENTS (structs); i++)
    if (strcmp (structs[i].kind, vector->kind) == 0)
      {
        PlWireStatus status;
        g_autoptr (GBytes) written = struct_again (i, vector->bytes, &status);

        ck_assert_msg (status == PL_WIRE_OK, "%s: %s", vector->name, pl_wire_status_text (status));
        assert_same (vector->name, written, vector->bytes);
        pl_mutate_truncations (vector->bytes, refuse_struct_prefix, GUINT_TO_POINTER (i));
        pl_mutate_flips (vector->bytes, FLIP_ALL_BELOW, FLIPS, 5, refuse_or_repeat_struct, GUINT_TO_POINTER (i));
        pl_mutate_lies (vector->bytes, LIES, 6, refuse_or_repeat_struct, GUINT_TO_POINTER (i));
        return;
      }
  ck_abort_msg ("%s: nothing here reads a %s", vector->name, vector->kind);
}

START_TEST (vectors_structures_read_and_write_back_the_same_bytes)
{
  for_each_vector ("struct:", check_struct);
  for_each_vector ("value:", check_struct);
}
END_TEST

/* --- fragments (6.7) --- */

static GBytes *
reassemble (GPtrArray *fragments)
{
  g_auto (PlForwardingHeader) first = { 0 };
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  g_autoptr (GBytes) whole = NULL;
  gsize header_len;

  for (guint i = 0; i < fragments->len; i++)
    {
      g_auto (PlForwardingHeader) header = { 0 };
      gsize len;
      const guint8 *data = g_bytes_get_data (fragments->pdata[i], &len);

      ck_assert_int_eq (pl_forwarding_peek (fragments->pdata[i], &header, &header_len), PL_WIRE_OK);
      ck_assert_uint_eq (header.fragment & PL_FRAGMENT_OFFSET, payload->len);
      ck_assert_int_eq (!!(header.fragment & PL_FRAGMENT_LAST), i == fragments->len - 1);
      g_byte_array_append (payload, data + header_len, (guint) (len - header_len));
    }
  ck_assert_int_eq (pl_forwarding_peek (fragments->pdata[0], &first, &header_len), PL_WIRE_OK);
  first.fragment = PL_FRAGMENT_WHOLE;
  g_byte_array_prepend (payload, g_bytes_get_data (fragments->pdata[0], NULL), (guint) header_len);
  whole = g_bytes_new (payload->data, payload->len);
  return pl_forwarding_rewrite (whole, header_len, &first);
}

static void
check_fragments (const Vector *vector)
{
  g_autoptr (GPtrArray) fragments = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  JsonArray *listed = json_object_get_array_member (vector->json, "fragments");
  JsonObject *fields = json_object_get_object_member (vector->json, "fields");
  g_autoptr (GBytes) wanted = pl_hex_to_bytes (json_object_get_string_member (fields, "reassembled"));
  g_autoptr (GBytes) whole = NULL;
  PlWireStatus status;

  for (guint i = 0; i < json_array_get_length (listed); i++)
    {
      g_auto (PlMessage) message = { 0 };
      GBytes *piece = pl_hex_to_bytes (json_array_get_string_element (listed, i));

      g_ptr_array_add (fragments, piece);
      ck_assert_int_eq (pl_message_read (piece, &message), PL_WIRE_FRAGMENTED);
    }
  whole = reassemble (fragments);
  assert_same (vector->name, whole, wanted);
  g_bytes_unref (again (whole, vector_models, &status));
  ck_assert_int_eq (status, PL_WIRE_OK);
  for (gsize max = 310; max < g_bytes_get_size (wanted) + 2; max += 7)
    {
      g_autoptr (GPtrArray) ours = pl_message_fragment (wanted, max);
      g_autoptr (GBytes) back = NULL;

      ck_assert_ptr_nonnull (ours);
      for (guint i = 0; ours->len > 1 && i < ours->len; i++)
        ck_assert_uint_le (g_bytes_get_size (ours->pdata[i]), max);
      back = reassemble (ours);
      assert_same (vector->name, back, wanted);
    }
}

START_TEST (vectors_fragments_make_the_message_and_it_can_be_cut_again)
{
  for_each_vector ("fragments", check_fragments);
}
END_TEST

/* --- hashes --- */

static void
check_overlay_hash (const Vector *vector)
{
  guint32 hash = pl_overlay_hash (json_object_get_string_member (vector->json, "overlay"));
  guint8 bytes[4] = { hash >> 24, hash >> 16, hash >> 8, hash };
  g_autoptr (GBytes) got = g_bytes_new (bytes, 4);

  assert_same (vector->name, got, vector->bytes);
}

static void
check_resource_hash (const Vector *vector)
{
  JsonNode *node = json_object_get_member (json_object_get_object_member (vector->json, "fields"), "name");
  g_autoptr (GBytes) name = NULL;
  g_autoptr (GBytes) got = NULL;
  PlResourceId resource;

  if (JSON_NODE_HOLDS_OBJECT (node))
    name = pl_hex_to_bytes (json_object_get_string_member (json_node_get_object (node), "hex"));
  else
    name = g_bytes_new (json_node_get_string (node), strlen (json_node_get_string (node)));
  pl_resource_id_from_name (&resource, g_bytes_get_data (name, NULL), g_bytes_get_size (name));
  got = g_bytes_new (resource.b, resource.len);
  assert_same (vector->name, got, vector->bytes);
}

START_TEST (vectors_overlay_and_resource_names_hash_as_listed)
{
  for_each_vector ("hash:overlay", check_overlay_hash);
  for_each_vector ("hash:resource-id", check_resource_hash);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("wire/vectors");

  tcase_set_timeout (tcase, 120);
  tcase_add_test (tcase, vectors_good_messages_read_and_write_back_the_same_bytes);
  tcase_add_test (tcase, vectors_every_prefix_of_a_message_is_refused_and_no_damage_harms);
  tcase_add_test (tcase, vectors_every_prefix_of_a_body_is_refused_and_no_damage_harms);
  tcase_add_test (tcase, vectors_bad_messages_are_refused_for_the_reason_written_down);
  tcase_add_test (tcase, vectors_structures_read_and_write_back_the_same_bytes);
  tcase_add_test (tcase, vectors_fragments_make_the_message_and_it_can_be_cut_again);
  tcase_add_test (tcase, vectors_overlay_and_resource_names_hash_as_listed);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
