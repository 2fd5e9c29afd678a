/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

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

#define FLIP_ALL_BELOW 400
#define FLIPS 500
#define LIES 500

#define NODE_A "1d5c66db8f5ab6b9d0bdf31a20158175"
#define NODE_B "79586a23fda537ddfe86bb98a2f2719b"
#define TIMES "0000019774226560 000001977420dc7c 0000000000000000"
#define SIGNATURE_NONE "0000 030000 0000"
#define SIGNATURE_TWO_IDS "0401 020005 04 03 a1a2a3 0002 beef"

static PlDataModel
models (guint32 kind, gpointer data)
{
  if (kind >= 0xf0000001 && kind <= 0xf0000003)
    return (PlDataModel) (kind - 0xf0000000);
  return pl_kind_standard_model (kind, data);
}

static GBytes *
again (const PlBodyType *type, GBytes *bytes, PlWireStatus *status)
{
  g_autofree gpointer fields = g_malloc0 (MAX (type->size, 1));
  GBytes *written = NULL;

  *status = pl_body_read (type, bytes, models, NULL, fields);
  if (*status == PL_WIRE_OK)
    written = pl_body_write (type, fields);
  pl_body_clear (type, fields);
  return written;
}

static void
refuse (GBytes *damaged, gpointer type)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = again (type, damaged, &status);

  ck_assert_msg (status != PL_WIRE_OK, "%s of %zu bytes taken", ((PlBodyType *) type)->name, g_bytes_get_size (damaged));
}

static void
refuse_or_repeat (GBytes *damaged, gpointer type)
{
  PlWireStatus status;
  g_autoptr (GBytes) written = again (type, damaged, &status);

  if (status == PL_WIRE_OK)
    ck_assert_msg (g_bytes_equal (written, damaged), "%s", ((PlBodyType *) type)->name);
}

/* Bodies that no vector shows, written by hand from the RFC's structures. */
static const struct {
  guint16 code;
  const char *hex;
} bodies[] = {
  { PL_MESSAGE_PROBE_REQ, "00" },
  { PL_MESSAGE_PROBE_ANS, "0015 0104 00000064 0204 00000003 0304 00000e10 80 01 aa" },
  { PL_MESSAGE_ATTACH_REQ, "00 00 00 0000 01" },
  { PL_MESSAGE_ATTACH_ANS, "02 7566 02 7077 06 616374697665 0027"
                           "0212 20010db8000000000000000000000001 17c4 03 01 31 000000ff 01 0009 0001 6e 0004 76616c75 00" },
  { PL_MESSAGE_STORE_REQ, "10" NODE_A "02 00000000" },
  /* an unknown Kind between two known ones; an append, a removal */
  { PL_MESSAGE_STORE_REQ, "10" NODE_A "00 00000079"
                          "f0000002 0000000000000001 00000020 0000001c 00000197 7420dc7b 00015180 ffffffff 01 00000000 " SIGNATURE_NONE
                          "deadbeef 0000000000000002 00000003 aabbcc"
                          "f0000003 0000000000000003 00000026 00000022 00000197 7420dc7b 00015180 0001 6b 00 00000000 " SIGNATURE_TWO_IDS },
  { PL_MESSAGE_STORE_ANS, "0000" },
  { PL_MESSAGE_FETCH_REQ, "10" NODE_A "0036"
                          "f0000002 0000000000000000 000a 0008 00000000 ffffffff"
                          "00000001 0000000000000009 0002 0000"
                          "deadbeef 0000000000000000 0000" },
  { PL_MESSAGE_FETCH_ANS, "00000000" },
  { PL_MESSAGE_STAT_REQ, "01 ff 000e 00000002 0000000000000000 0000" },
  { PL_MESSAGE_STAT_ANS, "0000002b 00000003 0000000000000001 0000001b 00000017 0000000000000001 00000002 00000000 01 00000003 04 00" },
  { PL_MESSAGE_FIND_REQ, "00 00" },
  { PL_MESSAGE_FIND_ANS, "0000" },
  { PL_MESSAGE_JOIN_REQ, NODE_A "0003 010203" },
  { PL_MESSAGE_JOIN_ANS, "0001 ff" },
  { PL_MESSAGE_LEAVE_REQ, NODE_A "0000" },
  { PL_MESSAGE_UPDATE_REQ, "00000001 01" },
  { PL_MESSAGE_UPDATE_REQ, "00000001 02 0000 0000" },
  { PL_MESSAGE_UPDATE_REQ, "ffffffff 03 0010" NODE_A "0010" NODE_B "0000" },
  { PL_MESSAGE_ROUTE_QUERY_REQ, "00 8005 0000" },
  { PL_MESSAGE_ROUTE_QUERY_ANS, NODE_B },
  { PL_MESSAGE_PING_REQ, "0004 00000000" },
  { PL_MESSAGE_PING_ANS, "ffffffffffffffff 8000000000000000" },
  { PL_MESSAGE_APP_ATTACH_REQ, "00 00 13c4 07 70617373697665 0000" },
  { PL_MESSAGE_APP_ATTACH_ANS, "04 616e7331 00 13c5 06 616374697665 001a 0106 c0000201 17c4 01 01 32 00000001 04 0106 c6336407 9c40 0000" },
  { PL_MESSAGE_CONFIG_UPDATE_REQ, "01 00000003 000000" },
  { PL_MESSAGE_CONFIG_UPDATE_REQ, "02 0000000c 000009 0002 6b31 0003 6b3233" },
  { PL_MESSAGE_CONFIG_UPDATE_REQ, "07 00000002 abcd" },
  /* RFC 7851, after its structures: nothing asked; version and uptime, and an extension of another */
  { PL_MESSAGE_PATH_TRACK_REQ, "01 10" NODE_A "0000019774226560 000001977420dc7c 0000000000000000 00000000 00000000" },
  { PL_MESSAGE_PATH_TRACK_REQ, "02 11 10" NODE_A "0000019774226560 000001977420dc7c 0000000000000140 00000009 00000009"
                               "8001 00000003 010203" },
  { PL_MESSAGE_PATH_TRACK_ANS, "01 10" NODE_B "0000019774226560 000001977420dc7c 000001977420dd01 63 00000000 00000000" },
  /* one of each form: a byte, a word, text, both tables, a kind of the future */
  { PL_MESSAGE_PATH_TRACK_ANS, "01 10" NODE_B "0000019774226560 000001977420dc7c 000001977420dd01 63 00000057 00000057"
                               "0001 0001 07" "0002 0004 00000011" "0006 0006 302e322e3000" "0008 0008 0000000000000e10"
                               "000b 000c 00000001 0000000000000005" "000c 0012 0017 0000000000000002 0000000000000003"
                               "000d 0004 00000200" "0011 0002 beef" },
  { PL_MESSAGE_ERROR, "0002 0000" },
  { PL_MESSAGE_ERROR, "1234 0002 6f6b" },
};

START_TEST (bodies_without_a_vector_read_and_write_back_the_same_bytes)
{
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      gpointer type = (gpointer) pl_body_type (bodies[i].code);
      g_autoptr (GBytes) bytes = pl_hex_to_bytes (bodies[i].hex);
      PlWireStatus status;
      g_autoptr (GBytes) written = again (type, bytes, &status);

      ck_assert_msg (status == PL_WIRE_OK, "%s %u: %s", ((PlBodyType *) type)->name, i, pl_wire_status_text (status));
      ck_assert_msg (g_bytes_equal (written, bytes), "%s %u: other bytes", ((PlBodyType *) type)->name, i);
      pl_mutate_truncations (bytes, refuse, type);
      pl_mutate_flips (bytes, FLIP_ALL_BELOW, FLIPS, i, refuse_or_repeat, type);
      pl_mutate_lies (bytes, LIES, i, refuse_or_repeat, type);
    }
}
END_TEST

START_TEST (bodies_of_leave_update_and_config_answers_are_empty)
{
  static const guint16 codes[] = { PL_MESSAGE_LEAVE_ANS, PL_MESSAGE_UPDATE_ANS, PL_MESSAGE_CONFIG_UPDATE_ANS };
  g_autoptr (GBytes) one = g_bytes_new_static ("x", 1);

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      const PlBodyType *type = pl_body_type (codes[i]);
      PlWireStatus status;
      g_autoptr (GBytes) written = again (type, NULL, &status);

      ck_assert_int_eq (status, PL_WIRE_OK);
      ck_assert_uint_eq (g_bytes_get_size (written), 0);
      refuse (one, (gpointer) type);
    }
}
END_TEST

/* checklist 75 */
START_TEST (bodies_are_known_for_every_code_of_section_14_8)
{
  static const guint16 requests[] = { 0x01, 0x03, 0x07, 0x09, 0x0d, 0x0f, 0x11, 0x13, 0x15, 0x17, 0x19, 0x1d, 0x21, 0x27 };
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      ck_assert_ptr_nonnull (pl_body_type (requests[i]));
      ck_assert_ptr_nonnull (pl_body_type (requests[i] + 1));
    }
  ck_assert_ptr_nonnull (pl_body_type (0xffff));
  ck_assert_ptr_null (pl_body_type (0));
  ck_assert_ptr_null (pl_body_type (0x05));
  while (pl_body_type_nth (n))
    n++;
  ck_assert_uint_eq (n, 2 * G_N_ELEMENTS (requests) + 1);
}
END_TEST

/* --- refusals with a name --- */

static PlWireStatus
status_of (guint16 code, const char *hex)
{
  g_autoptr (GBytes) bytes = pl_hex_to_bytes (hex);
  PlWireStatus status;
  g_autoptr (GBytes) written = again (pl_body_type (code), bytes, &status);

  return status;
}

START_TEST (bodies_are_refused_with_the_reason)
{
  ck_assert_int_eq (status_of (PL_MESSAGE_UPDATE_REQ, "00000001 04"), PL_WIRE_TYPE);
  ck_assert_int_eq (status_of (PL_MESSAGE_UPDATE_REQ, "00000001 02 000f 00"), PL_WIRE_TRUNCATED);
  ck_assert_int_eq (status_of (PL_MESSAGE_PROBE_REQ, "01 00"), PL_WIRE_TYPE);
  ck_assert_int_eq (status_of (PL_MESSAGE_PROBE_ANS, "0007 01 05 0000000000"), PL_WIRE_TRAILING);
  ck_assert_int_eq (status_of (PL_MESSAGE_FETCH_REQ, "01 aa 0018 f0000002 0000000000000000 000a 0008 00000002 00000001"), PL_WIRE_RANGE);
  ck_assert_int_eq (status_of (PL_MESSAGE_FETCH_REQ, "01 aa 000f f0000001 0000000000000000 0001 00"), PL_WIRE_TRAILING);
  ck_assert_int_eq (status_of (PL_MESSAGE_ATTACH_REQ, "00 00 00 000f 0106 c0000201 17c4 01 00 00000001 03 0000 00"), PL_WIRE_TYPE);
  ck_assert_int_eq (status_of (PL_MESSAGE_ATTACH_REQ, "00 00 00 0010 0306 c0000201 17c4 01 00 00000001 01 0000 00"), PL_WIRE_ADDRESS);
  ck_assert_int_eq (status_of (PL_MESSAGE_ATTACH_REQ, "00 00 00 0000 02"), PL_WIRE_BOOLEAN);
  ck_assert_int_eq (status_of (PL_MESSAGE_CONFIG_UPDATE_REQ, "00 00000000"), PL_WIRE_TYPE);
  ck_assert_int_eq (status_of (PL_MESSAGE_FIND_REQ, "00 03 000000"), PL_WIRE_TRUNCATED);
  /* the two lengths of a list in RFC 7851 differ; a number of no bytes, and of nine */
  ck_assert_int_eq (status_of (PL_MESSAGE_PATH_TRACK_REQ, "80 05" TIMES "00000001 00000000"), PL_WIRE_LENGTH);
  ck_assert_int_eq (status_of (PL_MESSAGE_PATH_TRACK_ANS, "80 05" TIMES "01 00000004 00000004 0001 0000"), PL_WIRE_LENGTH);
  ck_assert_int_eq (status_of (PL_MESSAGE_PATH_TRACK_ANS, "80 05" TIMES "01 0000000d 0000000d 0001 0009 000000000000000000"),
                    PL_WIRE_LENGTH);
}
END_TEST

START_TEST (bodies_with_more_entries_than_the_ceiling_are_refused)
{
  g_autoptr (GString) hex = g_string_new ("0000");
  g_autofree char *length = NULL;
  guint n = PL_KINDS_MAX + 1;

  for (guint i = 0; i < n; i++)
    g_string_append (hex, "00000001 0000000000000001 0000");
  length = g_strdup_printf ("%04x", n * 14);
  memcpy (hex->str, length, 4);
  ck_assert_int_eq (status_of (PL_MESSAGE_STORE_ANS, hex->str), PL_WIRE_TOO_MANY);
}
END_TEST

/* --- what the structs say --- */

START_TEST (store_request_marks_unknown_kinds_and_skips_their_values)
{
  g_autoptr (GBytes) bytes = pl_hex_to_bytes (bodies[5].hex);
  g_auto (PlStoreReq) req = { 0 };
  const PlStoreKindData *kind;

  ck_assert_int_eq (pl_body_read (pl_body_type (PL_MESSAGE_STORE_REQ), bytes, models, NULL, &req), PL_WIRE_OK);
  ck_assert_uint_eq (req.kind_data->len, 3);
  kind = &g_array_index (req.kind_data, PlStoreKindData, 1);
  ck_assert (kind->unknown);
  ck_assert_uint_eq (kind->kind, 0xdeadbeef);
  ck_assert_uint_eq (kind->values->len, 0);
  ck_assert_uint_eq (g_bytes_get_size (kind->raw), 3);
  kind = &g_array_index (req.kind_data, PlStoreKindData, 2);
  ck_assert (!kind->unknown);
  ck_assert (!g_array_index (kind->values, PlStoredData, 0).value.value.exists);
}
END_TEST

/* checklist 175 to 177 */
START_TEST (value_signature_input_is_resource_kind_time_value_and_identity) /* S1-08, S1-28, S1-20 */
{
  g_autoptr (GBytes) bytes = pl_hex_to_bytes (bodies[5].hex);
  g_auto (PlStoreReq) req = { 0 };
  PlSignerIdentity identity = { .type = PL_SIGNER_NONE };
  g_autoptr (GBytes) wanted = pl_hex_to_bytes (NODE_A "f0000002 00000197 7420dc7b 00000000 01 00000000 030000");
  g_autoptr (GBytes) received = NULL;
  g_autoptr (GBytes) made = NULL;
  PlStoredData *data;

  ck_assert_int_eq (pl_body_read (pl_body_type (PL_MESSAGE_STORE_REQ), bytes, models, NULL, &req), PL_WIRE_OK);
  data = &g_array_index (g_array_index (req.kind_data, PlStoreKindData, 0).values, PlStoredData, 0);
  received = pl_value_signature_input (&req.resource, 0xf0000002, data, &identity, FALSE);
  ck_assert (g_bytes_equal (received, wanted));
  g_clear_pointer (&data->value_bytes, g_bytes_unref);
  data->value.index = 3; /* the place it got */
  made = pl_value_signature_input (&req.resource, 0xf0000002, data, &identity, TRUE);
  ck_assert (g_bytes_equal (made, wanted));
  g_bytes_unref (made);
  made = pl_value_signature_input (&req.resource, 0xf0000002, data, &identity, FALSE);
  ck_assert (!g_bytes_equal (made, wanted));
}
END_TEST

/* checklist 96, 97 */
START_TEST (message_signature_input_is_overlay_transaction_contents_and_identity) /* S1-20 */
{
  PlSignerIdentity identity = { .type = PL_SIGNER_CERT_HASH, .hash_alg = PL_HASH_SHA256 };
  g_autoptr (GBytes) hash = g_bytes_new_static ("\xab", 1);
  g_autoptr (GBytes) wanted = pl_hex_to_bytes ("00000001 0000000000000002 c0c1 01 0003 04 01 ab");
  g_autoptr (GBytes) got = NULL;

  identity.hash = hash;
  got = pl_message_signature_input (1, 2, (const guint8 *) "\xc0\xc1", 2, &identity);
  ck_assert (g_bytes_equal (got, wanted));
}
END_TEST

START_TEST (stored_data_copies_and_tells_entries_apart)
{
  g_autoptr (GBytes) bytes = pl_hex_to_bytes (bodies[5].hex);
  g_auto (PlStoreReq) req = { 0 };
  g_auto (PlStoredData) copy = { 0 };
  PlStoredMetaData meta;
  const PlStoredData *array, *dictionary;

  ck_assert_int_eq (pl_body_read (pl_body_type (PL_MESSAGE_STORE_REQ), bytes, models, NULL, &req), PL_WIRE_OK);
  array = &g_array_index (g_array_index (req.kind_data, PlStoreKindData, 0).values, PlStoredData, 0);
  dictionary = &g_array_index (g_array_index (req.kind_data, PlStoreKindData, 2).values, PlStoredData, 0);
  pl_stored_data_copy (&copy, dictionary);
  ck_assert (pl_stored_data_value_same_entry (&copy.value, &dictionary->value));
  ck_assert (!pl_stored_data_value_same_entry (&copy.value, &array->value));
  ck_assert_uint_eq (pl_stored_data_size (&copy), 0);
  ck_assert (!pl_signature_is_none (&copy.signature));
  ck_assert (pl_signature_is_none (&array->signature));
  pl_stored_meta_data_from (&meta, &copy);
  ck_assert_uint_eq (meta.metadata.value_length, 0);
  ck_assert_uint_eq (g_bytes_get_size (meta.metadata.hash_value), 32);
  pl_stored_meta_data_clear (&meta);
}
END_TEST

/* checklist 213: the digest the vector lists */
START_TEST (metadata_hash_covers_length_and_value)
{
  g_autoptr (GBytes) value = g_bytes_new_static ("abc", 3);
  g_autoptr (GBytes) wanted = pl_hex_to_bytes ("d04b72a650ce0f8ce4963330a53ee2832733d2baeffff3c1d8e256cca096d120");
  PlStoredData data = { .value = { .model = PL_DATA_SINGLE, .value = { TRUE, value } } };
  PlStoredMetaData meta;

  pl_stored_meta_data_from (&meta, &data);
  ck_assert (g_bytes_equal (meta.metadata.hash_value, wanted));
  pl_stored_meta_data_clear (&meta);
}
END_TEST

START_TEST (candidate_extensions_are_added_and_found)
{
  g_auto (PlAttachReqAns) attach = { 0 }, copy = { 0 };
  PlIceCandidate candidate = { .overlay_link = PL_LINK_DTLS_UDP_SR, .type = PL_CAND_HOST };
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string ("2001:db8::1");
  g_autoptr (GInetAddress) back = NULL;
  PlIpAddressPort none = { 0 };
  GBytes *value = NULL;

  pl_ip_address_port_set (&candidate.addr_port, inet, 6084);
  pl_ice_candidate_add_extension (&candidate, "pl-sip-seg", "1");
  attach.candidates = pl_ice_candidate_list_new ();
  g_array_append_val (attach.candidates, candidate);
  pl_attach_req_ans_copy (&copy, &attach);
  pl_attach_req_ans_clear (&attach);
  candidate = g_array_index (copy.candidates, PlIceCandidate, 0);
  ck_assert (pl_ice_candidate_find_extension (&candidate, "pl-sip-seg", &value));
  ck_assert_mem_eq (g_bytes_get_data (value, NULL), "1", 1);
  ck_assert (!pl_ice_candidate_find_extension (&candidate, "pl-sip", &value));
  back = pl_ip_address_port_dup_inet (&candidate.addr_port);
  ck_assert (g_inet_address_equal (inet, back));
  ck_assert (pl_ip_address_port_equal (&candidate.addr_port, &candidate.addr_port));
  ck_assert (!pl_ip_address_port_equal (&candidate.addr_port, &none));
  ck_assert_ptr_null (pl_ip_address_port_dup_inet (&none));
}
END_TEST

/* checklist 183 */
START_TEST (unknown_kinds_of_an_error_read_and_write)
{
  g_autoptr (GBytes) info = pl_hex_to_bytes ("08 f0000099 f000009a");
  g_autoptr (GBytes) torn = pl_hex_to_bytes ("07 f0000099 f00000");
  g_autoptr (GArray) kinds = pl_unknown_kinds_read (info);
  g_autoptr (GBytes) again_info = pl_unknown_kinds_write (kinds);

  ck_assert_uint_eq (kinds->len, 2);
  ck_assert_uint_eq (g_array_index (kinds, guint32, 1), 0xf000009a);
  ck_assert (g_bytes_equal (info, again_info));
  ck_assert_ptr_null (pl_unknown_kinds_read (torn));
  g_array_set_size (kinds, 100);
  g_bytes_unref (again_info);
  again_info = pl_unknown_kinds_write (kinds);
  ck_assert_uint_eq (g_bytes_get_size (again_info), 1 + 4 * 63);
  ck_assert_str_eq (pl_error_code_name (12), "Error_Unknown_Kind");
  ck_assert_ptr_null (pl_error_code_name (1));
  ck_assert_ptr_null (pl_error_code_name (999));
}
END_TEST

START_TEST (probe_answers_are_built_one_by_one)
{
  g_auto (PlProbeAns) ans = { 0 };
  g_autoptr (GBytes) wanted = pl_hex_to_bytes ("000c 0204 00000007 0304 00000001");
  g_autoptr (GBytes) got = NULL;

  pl_probe_ans_add (&ans, PL_PROBE_NUM_RESOURCES, 7);
  pl_probe_ans_add (&ans, PL_PROBE_UPTIME, 1);
  got = pl_body_write (pl_body_type (PL_MESSAGE_PROBE_ANS), &ans);
  ck_assert (g_bytes_equal (got, wanted));
}
END_TEST

/* checklist 148 */
START_TEST (frame_length_is_told_as_soon_as_it_can_be)
{
  static const guint8 data[] = { 128, 0, 0, 0, 1, 0, 0, 2, 'h', 'i', 129, 0, 0, 0, 1, 0, 0, 0, 0 };
  PlFrame frame;
  PlReader reader;

  ck_assert_int_eq (pl_frame_length (data, 0), 0);
  ck_assert_int_eq (pl_frame_length (data, 7), 0);
  ck_assert_int_eq (pl_frame_length (data, 8), 10);
  ck_assert_int_eq (pl_frame_length (data + 10, 1), PL_FRAME_ACK_LEN);
  ck_assert_int_eq (pl_frame_length ((const guint8 *) "\xd2", 1), -1);
  pl_reader_init (&reader, data, sizeof data);
  ck_assert (pl_frame_read (&reader, &frame));
  ck_assert_uint_eq (g_bytes_get_size (frame.message), 2);
  pl_frame_clear (&frame);
  ck_assert (pl_frame_read (&reader, &frame));
  ck_assert_uint_eq (frame.ack_sequence, 1);
  ck_assert_int_eq (pl_reader_finish (&reader), PL_WIRE_OK);
  pl_reader_init (&reader, (const guint8 *) "\x01", 1);
  ck_assert (!pl_frame_read (&reader, &frame));
  ck_assert_int_eq (reader.status, PL_WIRE_TYPE);
}
END_TEST

/* checklist 349 */
START_TEST (registration_holds_a_route_and_refuses_other_types)
{
  g_autoptr (GBytes) route = pl_hex_to_bytes ("02 0019 0003 2b6e61 0012 0110" NODE_A);
  g_autoptr (GBytes) other = pl_hex_to_bytes ("03 0000");
  g_auto (PlSipRegistration) registration = { 0 }, refused = { 0 };
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) written = NULL;
  PlReader reader;

  pl_reader_init_bytes (&reader, route);
  pl_sip_registration_read (&reader, &registration);
  ck_assert_int_eq (pl_reader_finish (&reader), PL_WIRE_OK);
  ck_assert_uint_eq (registration.destination_list->len, 1);
  pl_writer_init (&writer);
  pl_sip_registration_write (&writer, &registration);
  written = pl_writer_finish (&writer);
  ck_assert (g_bytes_equal (written, route));
  pl_reader_init_bytes (&reader, other);
  ck_assert (!pl_sip_registration_read (&reader, &refused));
  ck_assert_int_eq (reader.status, PL_WIRE_TYPE);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *bodies_case = tcase_create ("wire/bodies");
  TCase *fields = tcase_create ("wire/fields");

  tcase_set_timeout (bodies_case, 60);
  tcase_add_test (bodies_case, bodies_without_a_vector_read_and_write_back_the_same_bytes);
  tcase_add_test (bodies_case, bodies_of_leave_update_and_config_answers_are_empty);
  tcase_add_test (bodies_case, bodies_are_known_for_every_code_of_section_14_8);
  tcase_add_test (bodies_case, bodies_are_refused_with_the_reason);
  tcase_add_test (bodies_case, bodies_with_more_entries_than_the_ceiling_are_refused);
  suite_add_tcase (suite, bodies_case);
  tcase_add_test (fields, store_request_marks_unknown_kinds_and_skips_their_values);
  tcase_add_test (fields, value_signature_input_is_resource_kind_time_value_and_identity);
  tcase_add_test (fields, message_signature_input_is_overlay_transaction_contents_and_identity);
  tcase_add_test (fields, stored_data_copies_and_tells_entries_apart);
  tcase_add_test (fields, metadata_hash_covers_length_and_value);
  tcase_add_test (fields, candidate_extensions_are_added_and_found);
  tcase_add_test (fields, unknown_kinds_of_an_error_read_and_write);
  tcase_add_test (fields, probe_answers_are_built_one_by_one);
  tcase_add_test (fields, frame_length_is_told_as_soon_as_it_can_be);
  tcase_add_test (fields, registration_holds_a_route_and_refuses_other_types);
  suite_add_tcase (suite, fields);
  return pl_test_run (suite, NULL);
}
