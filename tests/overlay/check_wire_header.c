/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>
#include "base/hex.h"
#include "overlay/wire/direct.h"
#include "overlay/wire/message.h"
#include "tests/support/test.h"

static PlNodeId
id_of (guint8 fill)
{
  PlNodeId id;

  memset (id.b, fill, PL_NODE_ID_LEN);
  return id;
}

static void
add_node (GArray *list, guint8 fill)
{
  PlNodeId id = id_of (fill);
  PlDestination destination = pl_destination_node (&id);

  g_array_append_val (list, destination);
}

/* A message with `len` bytes of body, to one node. */
static GBytes *
message_of (gsize len)
{
  g_auto (PlForwardingHeader) header;
  g_autoptr (GBytes) body = g_bytes_new_take (g_malloc0 (len), len);
  g_autoptr (GBytes) contents = pl_message_contents_write (PL_MESSAGE_PING_REQ, body, NULL);
  PlSignature none;

  pl_signature_init_none (&none);
  pl_forwarding_header_init (&header);
  header.overlay = 7;
  header.ttl = 100;
  header.transaction_id = 0xfedcba9876543210;
  add_node (header.destination_list, 0xdd);
  return pl_message_write (&header, contents, NULL, &none);
}

/* checklist 14, 54 */
START_TEST (header_gets_a_via_entry_and_the_rest_stays_untouched)
{
  g_autoptr (GBytes) message = message_of (3);
  g_auto (PlForwardingHeader) header = { 0 }, after = { 0 };
  g_autoptr (GBytes) sent = NULL;
  gsize header_len, after_len, len, sent_len;
  const guint8 *data, *sent_data;

  ck_assert_int_eq (pl_forwarding_peek (message, &header, &header_len), PL_WIRE_OK);
  ck_assert_uint_eq (header_len, PL_HEADER_MIN + 18);
  add_node (header.via_list, 0xaa);
  header.ttl--;
  sent = pl_forwarding_rewrite (message, header_len, &header);
  ck_assert_ptr_nonnull (sent);
  ck_assert_int_eq (pl_forwarding_peek (sent, &after, &after_len), PL_WIRE_OK);
  ck_assert_uint_eq (after.ttl, 99);
  ck_assert_uint_eq (after.via_list->len, 1);
  ck_assert_uint_eq (after.length, g_bytes_get_size (message) + 18);
  ck_assert_uint_eq (after.transaction_id, 0xfedcba9876543210);
  data = g_bytes_get_data (message, &len);
  sent_data = g_bytes_get_data (sent, &sent_len);
  ck_assert_uint_eq (len - header_len, sent_len - after_len);
  ck_assert_mem_eq (data + header_len, sent_data + after_len, len - header_len);
}
END_TEST

START_TEST (header_loses_its_first_destination)
{
  g_autoptr (GBytes) message = message_of (0);
  g_auto (PlForwardingHeader) header = { 0 }, after = { 0 };
  g_autoptr (GBytes) sent = NULL;
  gsize header_len;

  ck_assert_int_eq (pl_forwarding_peek (message, &header, &header_len), PL_WIRE_OK);
  g_array_remove_index (header.destination_list, 0);
  sent = pl_forwarding_rewrite (message, header_len, &header);
  ck_assert_int_eq (pl_forwarding_peek (sent, &after, &header_len), PL_WIRE_OK);
  ck_assert_uint_eq (header_len, PL_HEADER_MIN);
  ck_assert_uint_eq (after.destination_list->len, 0);
}
END_TEST

START_TEST (header_copy_owns_its_lists)
{
  g_auto (PlForwardingHeader) header, copy;
  PlForwardingOption option = { .type = 42, .flags = PL_OPTION_RESPONSE_COPY };

  pl_forwarding_header_init (&header);
  option.option = g_bytes_new_static ("x", 1);
  g_array_append_val (header.options, option);
  add_node (header.via_list, 1);
  pl_forwarding_header_copy (&copy, &header);
  pl_forwarding_header_clear (&header);
  ck_assert_uint_eq (copy.via_list->len, 1);
  ck_assert_uint_eq (copy.options->len, 1);
  ck_assert_uint_eq (g_array_index (copy.options, PlForwardingOption, 0).type, 42);
}
END_TEST

static gboolean
finds (const guint8 *bytes, gsize len, PlDirectResponse *response)
{
  g_autoptr (GArray) options = g_array_new (FALSE, FALSE, sizeof (PlForwardingOption));
  g_autoptr (GBytes) contents = g_bytes_new (bytes, len);
  PlForwardingOption option = { .type = PL_OPTION_EXTENSIVE_ROUTING, .option = contents };

  g_array_append_val (options, option);
  return pl_direct_response_find (options, response);
}

START_TEST (direct_response_option_is_written_and_read_as_rfc_7263_has_it)
{
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string ("192.0.2.1");
  PlDirectResponse response = { .transport = PL_LINK_TLS_TCP_FH_NO_ICE }, read;
  static const guint8 expected[] = { 1, 4, 1, 6, 192, 0, 2, 1, 0x17, 0xc4, 18, 1, 16, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0 };
  gsize len = sizeof expected - 1;
  g_autofree guint8 *relay = g_memdup2 (expected, len), *two = g_memdup2 (expected, sizeof expected);
  PlForwardingOption option;

  memset (response.node.b, 7, sizeof response.node.b);
  pl_ip_address_port_set (&response.address, inet, 6084);
  pl_direct_response_write (&option, &response);
  ck_assert_uint_eq (option.type, 2);
  ck_assert_uint_eq (option.flags, 8);
  ck_assert_uint_eq (g_bytes_get_size (option.option), len);
  ck_assert_mem_eq (g_bytes_get_data (option.option, NULL), expected, len);
  pl_forwarding_option_clear (&option);
  ck_assert (finds (expected, len, &read));
  ck_assert (pl_node_id_equal (&read.node, &response.node));
  ck_assert (pl_ip_address_port_equal (&read.address, &response.address));
  ck_assert_uint_eq (read.transport, 4);
  for (gsize cut = 0; cut < len; cut++)
    ck_assert (!finds (expected, cut, &read));
  relay[0] = 2; /* of RFC 7264 */
  ck_assert (!finds (relay, len, &read));
  two[10]++; /* something after the one destination */
  ck_assert (!finds (two, sizeof expected, &read));
}
END_TEST

static PlWireStatus
peek_with (gsize at, const void *bytes, gsize n)
{
  g_autoptr (GBytes) good = message_of (0);
  g_auto (PlForwardingHeader) header = { 0 };
  gsize len;
  guint8 *copy = g_memdup2 (g_bytes_get_data (good, &len), g_bytes_get_size (good));
  g_autoptr (GBytes) bad = NULL;

  memcpy (copy + at, bytes, n);
  bad = g_bytes_new_take (copy, len);
  return pl_forwarding_peek (bad, &header, &len);
}

/* checklist 1, 28, 49, 50, 84 */
START_TEST (header_is_refused_for_each_wrong_field_by_name)
{
  ck_assert_int_eq (peek_with (0, "\x52", 1), PL_WIRE_TOKEN);
  ck_assert_int_eq (peek_with (10, "\x0b", 1), PL_WIRE_VERSION);
  ck_assert_int_eq (peek_with (12, "\x40", 1), PL_WIRE_FRAGMENT);
  ck_assert_int_eq (peek_with (19, "\x01", 1), PL_WIRE_LENGTH);
  ck_assert_int_eq (peek_with (38, "\x00", 1), PL_WIRE_DESTINATION); /* invalid type */
  ck_assert_int_eq (peek_with (38, "\x01\x0f", 2), PL_WIRE_DESTINATION); /* 15 bytes of Node-ID */
  ck_assert_int_eq (peek_with (36, "\xff\xff", 2), PL_WIRE_TRUNCATED); /* options */
}
END_TEST

/* checklist 27, 29 */
START_TEST (header_takes_a_resource_only_at_the_end_of_the_destinations)
{
  PlResourceId resource = { .len = 1 };
  PlDestination place = pl_destination_resource (&resource);

  for (guint i = 0; i < 3; i++)
    {
      g_auto (PlForwardingHeader) header, back = { 0 };
      g_autoptr (GBytes) bytes = NULL;
      g_auto (PlWriter) writer;
      PlReader reader;

      pl_forwarding_header_init (&header);
      if (i == 0)
        g_array_append_val (header.via_list, place);
      else
        g_array_append_val (header.destination_list, place);
      if (i == 1)
        add_node (header.destination_list, 1);
      pl_writer_init (&writer);
      pl_forwarding_header_write (&writer, &header);
      bytes = pl_writer_finish (&writer);
      pl_reader_init_bytes (&reader, bytes);
      pl_forwarding_header_read (&reader, &back);
      ck_assert_int_eq (reader.status, i == 2 ? PL_WIRE_OK : PL_WIRE_DESTINATION);
    }
}
END_TEST

START_TEST (header_with_too_many_destinations_is_neither_read_nor_written)
{
  g_auto (PlForwardingHeader) header, back = { 0 };
  g_auto (PlWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  PlDestination compact = pl_destination_compact (5);
  PlReader reader;

  pl_forwarding_header_init (&header);
  for (guint i = 0; i <= PL_DESTINATIONS_MAX; i++)
    g_array_append_val (header.via_list, compact);
  pl_writer_init (&writer);
  pl_forwarding_header_write (&writer, &header);
  bytes = pl_writer_finish (&writer);
  pl_reader_init_bytes (&reader, bytes);
  ck_assert (!pl_forwarding_header_read (&reader, &back));
  ck_assert_int_eq (reader.status, PL_WIRE_TOO_MANY);
  for (guint i = 0; i < 4000; i++)
    add_node (header.via_list, 1);
  pl_forwarding_header_write (&writer, &header);
  ck_assert_ptr_null (pl_writer_finish (&writer));
}
END_TEST

START_TEST (destinations_of_unknown_type_are_kept_as_they_came)
{
  g_autoptr (GBytes) bytes = pl_hex_to_bytes ("7f03010203 8005 0304 03aabbcc");
  g_autoptr (GArray) list = NULL;
  g_autoptr (GBytes) again = NULL;
  g_auto (PlWriter) writer;
  PlDestination compact = pl_destination_compact (5);
  PlReader reader;

  pl_reader_init_bytes (&reader, bytes);
  list = pl_destination_list_read (&reader);
  ck_assert_int_eq (pl_reader_finish (&reader), PL_WIRE_OK);
  ck_assert_uint_eq (list->len, 3);
  ck_assert_uint_eq (pl_destination_list_get (list, 0)->type, 0x7f);
  ck_assert (pl_destination_equal (pl_destination_list_get (list, 1), &compact));
  ck_assert (!pl_destination_equal (pl_destination_list_get (list, 1), pl_destination_list_get (list, 2)));
  pl_writer_init (&writer);
  pl_destination_list_write (&writer, list);
  again = pl_writer_finish (&writer);
  ck_assert (g_bytes_equal (again, bytes));
}
END_TEST

/* --- fragments (checklist 76 to 85) --- */

START_TEST (fragments_are_equal_no_larger_than_asked_and_full_headed)
{
  g_autoptr (GBytes) message = message_of (5000);
  g_autoptr (GPtrArray) pieces = pl_message_fragment (message, 1200);
  guint32 expected = 0;

  ck_assert_uint_eq (pieces->len, 5);
  for (guint i = 0; i < pieces->len; i++)
    {
      g_auto (PlForwardingHeader) header = { 0 };
      gsize header_len, size = g_bytes_get_size (pieces->pdata[i]);

      ck_assert_int_eq (pl_forwarding_peek (pieces->pdata[i], &header, &header_len), PL_WIRE_OK);
      ck_assert_uint_le (size, 1200);
      ck_assert_uint_ge (size - header_len, PL_FRAGMENT_MIN);
      ck_assert_uint_eq (header.destination_list->len, 1);
      ck_assert_uint_eq (header.fragment, (i == 4 ? PL_FRAGMENT_WHOLE : PL_FRAGMENT_ALWAYS) | expected);
      expected += (guint32) (size - header_len);
    }
}
END_TEST

START_TEST (fragments_of_a_fragment_keep_its_offset_and_last_bit)
{
  g_autoptr (GBytes) message = message_of (5000);
  g_autoptr (GPtrArray) pieces = pl_message_fragment (message, 3000);
  g_autoptr (GPtrArray) finer = pl_message_fragment (pieces->pdata[0], 1000);
  g_auto (PlForwardingHeader) header = { 0 };
  gsize header_len;

  ck_assert_uint_eq (pieces->len, 2);
  ck_assert_uint_eq (finer->len, 3);
  ck_assert_int_eq (pl_forwarding_peek (finer->pdata[2], &header, &header_len), PL_WIRE_OK);
  ck_assert (!(header.fragment & PL_FRAGMENT_LAST));
  g_ptr_array_unref (g_steal_pointer (&finer));
  pl_forwarding_header_clear (&header);
  finer = pl_message_fragment (pieces->pdata[1], 1000);
  ck_assert_int_eq (pl_forwarding_peek (finer->pdata[0], &header, &header_len), PL_WIRE_OK);
  ck_assert_uint_gt (header.fragment & PL_FRAGMENT_OFFSET, 2000);
}
END_TEST

START_TEST (fragments_are_not_made_where_256_bytes_each_cannot_be)
{
  g_autoptr (GBytes) message = message_of (400);
  g_autoptr (GPtrArray) too_small = pl_message_fragment (message, 100);
  g_autoptr (GPtrArray) halves_too_small = pl_message_fragment (message, 400);
  g_autoptr (GPtrArray) fits = pl_message_fragment (message, 4000);
  g_autoptr (GBytes) garbage = g_bytes_new_static ("x", 1);

  ck_assert_uint_eq (too_small->len, 1);
  ck_assert_ptr_eq (too_small->pdata[0], message);
  ck_assert_uint_eq (halves_too_small->len, 1);
  ck_assert_uint_eq (fits->len, 1);
  ck_assert_ptr_null (pl_message_fragment (garbage, 100));
}
END_TEST

/* --- whole messages --- */

START_TEST (message_with_a_certificate_of_another_kind_is_refused) /* S1-29, S1-49 */
{
  g_autoptr (GBytes) good = message_of (0);
  g_auto (PlForwardingHeader) header = { 0 };
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GBytes) contents = pl_message_contents_write (PL_MESSAGE_PING_REQ, NULL, NULL);
  g_autoptr (GByteArray) tail = g_byte_array_new ();
  g_autoptr (GBytes) whole = NULL;
  g_autoptr (GBytes) bad = NULL;
  gsize header_len;

  ck_assert_int_eq (pl_forwarding_peek (good, &header, &header_len), PL_WIRE_OK);
  g_byte_array_append (tail, g_bytes_get_data (good, NULL), (guint) header_len);
  g_byte_array_append (tail, g_bytes_get_data (contents, NULL), (guint) g_bytes_get_size (contents));
  g_byte_array_append (tail, (const guint8 *) "\0\4\1\0\1x\0\0\3\0\0\0\0", 13); /* OpenPGP(1) */
  whole = g_bytes_new (tail->data, tail->len);
  bad = pl_forwarding_rewrite (whole, header_len, &header);
  ck_assert_int_eq (pl_message_read (bad, &message), PL_WIRE_CERTIFICATE_TYPE);
}
END_TEST

START_TEST (message_too_long_for_a_frame_is_not_written)
{
  g_autoptr (GBytes) huge = message_of (PL_MESSAGE_MAX);

  ck_assert_ptr_null (huge);
}
END_TEST

START_TEST (message_codes_are_requests_when_odd_but_not_errors)
{
  ck_assert (pl_message_code_is_request (PL_MESSAGE_STORE_REQ));
  ck_assert (!pl_message_code_is_request (PL_MESSAGE_STORE_ANS));
  ck_assert (!pl_message_code_is_request (PL_MESSAGE_ERROR));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *header = tcase_create ("wire/header");
  TCase *message = tcase_create ("wire/message");

  tcase_add_test (header, header_gets_a_via_entry_and_the_rest_stays_untouched);
  tcase_add_test (header, header_loses_its_first_destination);
  tcase_add_test (header, header_copy_owns_its_lists);
  tcase_add_test (header, direct_response_option_is_written_and_read_as_rfc_7263_has_it);
  tcase_add_test (header, header_is_refused_for_each_wrong_field_by_name);
  tcase_add_test (header, header_takes_a_resource_only_at_the_end_of_the_destinations);
  tcase_add_test (header, header_with_too_many_destinations_is_neither_read_nor_written);
  tcase_add_test (header, destinations_of_unknown_type_are_kept_as_they_came);
  suite_add_tcase (suite, header);
  tcase_add_test (message, fragments_are_equal_no_larger_than_asked_and_full_headed);
  tcase_add_test (message, fragments_of_a_fragment_keep_its_offset_and_last_bit);
  tcase_add_test (message, fragments_are_not_made_where_256_bytes_each_cannot_be);
  tcase_add_test (message, message_with_a_certificate_of_another_kind_is_refused);
  tcase_add_test (message, message_too_long_for_a_frame_is_not_written);
  tcase_add_test (message, message_codes_are_requests_when_odd_but_not_errors);
  suite_add_tcase (suite, message);
  return pl_test_run (suite, NULL);
}
