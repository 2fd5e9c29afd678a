/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>
#include "overlay/wire/writer.h"
#include "tests/support/test.h"

static const guint8 bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09 };

/* checklist 61: integers in network order */
START_TEST (reader_takes_numbers_of_all_widths_in_network_order)
{
  PlReader r;

  pl_reader_init (&r, bytes, 9);
  ck_assert_uint_eq (pl_reader_u8 (&r), 0x01);
  ck_assert_uint_eq (pl_reader_u24 (&r), 0x020304);
  ck_assert_uint_eq (pl_reader_u32 (&r), 0x05060708);
  ck_assert_uint_eq (pl_reader_left (&r), 1);
  ck_assert_int_eq (pl_reader_finish (&r), PL_WIRE_TRAILING);
  pl_reader_init (&r, bytes, 8);
  ck_assert_uint_eq (pl_reader_u64 (&r), 0x0102030405060708);
  ck_assert_int_eq (pl_reader_finish (&r), PL_WIRE_OK);
}
END_TEST

START_TEST (reader_keeps_the_first_error_and_yields_zero_after_it)
{
  guint8 out[4] = { 1, 1, 1, 1 };
  PlNodeId id;
  PlResourceId resource;
  PlReader r;

  pl_reader_init (&r, bytes, 3);
  ck_assert_uint_eq (pl_reader_u32 (&r), 0);
  ck_assert_uint_eq (pl_reader_u8 (&r), 0);
  pl_reader_fail (&r, PL_WIRE_TYPE);
  pl_reader_raw (&r, out, 4);
  ck_assert_mem_eq (out, "\0\0\0\0", 4);
  pl_reader_node_id (&r, &id);
  pl_reader_resource_id (&r, &resource);
  ck_assert_uint_eq (id.b[15], 0);
  ck_assert_uint_eq (resource.len, 0);
  ck_assert_ptr_null (pl_reader_opaque (&r, 1));
  ck_assert_ptr_null (pl_reader_rest (&r));
  ck_assert (!pl_reader_more (&r));
  ck_assert_int_eq (pl_reader_finish (&r), PL_WIRE_TRUNCATED);
}
END_TEST

/* checklist 62 */
START_TEST (reader_refuses_a_boolean_of_2)
{
  static const guint8 values[] = { 0, 1, 2 };
  PlReader r;

  pl_reader_init (&r, values, 3);
  ck_assert (!pl_reader_boolean (&r));
  ck_assert (pl_reader_boolean (&r));
  ck_assert (!pl_reader_boolean (&r));
  ck_assert_int_eq (r.status, PL_WIRE_BOOLEAN);
}
END_TEST

START_TEST (reader_child_sees_nothing_beyond_its_length)
{
  static const guint8 nested[] = { 0x02, 0xaa, 0xbb, 0xcc };
  PlReader r, child;

  pl_reader_init (&r, nested, 4);
  pl_reader_open (&r, &child, 1);
  ck_assert_uint_eq (pl_reader_u16 (&child), 0xaabb);
  ck_assert_uint_eq (pl_reader_u8 (&child), 0);
  pl_reader_close (&child);
  ck_assert_int_eq (r.status, PL_WIRE_TRUNCATED);
}
END_TEST

START_TEST (reader_child_closed_with_bytes_left_is_an_error)
{
  static const guint8 nested[] = { 0x02, 0xaa, 0xbb, 0xcc };
  PlReader r, child;

  pl_reader_init (&r, nested, 4);
  pl_reader_open (&r, &child, 1);
  pl_reader_u8 (&child);
  pl_reader_close (&child);
  ck_assert_int_eq (r.status, PL_WIRE_TRAILING);
}
END_TEST

START_TEST (reader_refuses_a_length_past_the_end_of_the_parent)
{
  static const guint8 nested[] = { 0x03, 0x04, 0xaa, 0xbb, 0xcc };
  PlReader r, outer, inner;

  pl_reader_init (&r, nested, 5);
  pl_reader_open (&r, &outer, 1);
  pl_reader_open (&outer, &inner, 1); /* 4 bytes claimed, 2 there */
  ck_assert_uint_eq (pl_reader_left (&inner), 0);
  ck_assert (!pl_reader_more (&inner));
  pl_reader_close (&inner);
  pl_reader_close (&outer);
  ck_assert_int_eq (r.status, PL_WIRE_TRUNCATED);
}
END_TEST

START_TEST (reader_never_adds_lengths_that_could_wrap)
{
  static const guint8 liar[] = { 0xff, 0xff, 0xff, 0xff, 0x00 };
  PlReader r, child;

  pl_reader_init (&r, liar, 5);
  ck_assert_ptr_null (pl_reader_opaque (&r, 4));
  ck_assert_int_eq (r.status, PL_WIRE_TRUNCATED);
  pl_reader_init (&r, liar, 5);
  pl_reader_open_sized (&r, &child, G_MAXSIZE);
  pl_reader_close (&child);
  ck_assert_int_eq (r.status, PL_WIRE_TRUNCATED);
}
END_TEST

START_TEST (reader_gives_slices_of_bytes_and_copies_of_memory)
{
  g_autoptr (GBytes) owner = g_bytes_new (bytes, sizeof bytes);
  g_autoptr (GBytes) slice = NULL;
  g_autoptr (GBytes) copy = NULL;
  PlReader r;

  pl_reader_init_bytes (&r, owner);
  slice = pl_reader_opaque (&r, 1);
  ck_assert_ptr_eq (g_bytes_get_data (slice, NULL), (const guint8 *) g_bytes_get_data (owner, NULL) + 1);
  pl_reader_init (&r, bytes, sizeof bytes);
  copy = pl_reader_bytes (&r, 9);
  ck_assert_ptr_ne (g_bytes_get_data (copy, NULL), bytes);
  ck_assert_int_eq (pl_reader_finish (&r), PL_WIRE_OK);
  pl_reader_init_bytes (&r, NULL);
  ck_assert_int_eq (pl_reader_finish (&r), PL_WIRE_OK);
}
END_TEST

START_TEST (reader_has_a_text_for_every_status)
{
  for (guint i = 0; i < PL_WIRE_N_STATUS; i++)
    ck_assert_msg (pl_wire_status_text ((PlWireStatus) i) != NULL, "%u", i);
  ck_assert_str_eq (pl_wire_status_text (PL_WIRE_N_STATUS), "unknown error");
}
END_TEST

/* --- writer --- */

static void
assert_written (PlWriter *writer, const void *data, gsize len)
{
  g_autoptr (GBytes) got = pl_writer_finish (writer);

  ck_assert_ptr_nonnull (got);
  ck_assert_uint_eq (g_bytes_get_size (got), len);
  if (len > 0)
    ck_assert_mem_eq (g_bytes_get_data (got, NULL), data, len);
}

START_TEST (writer_patches_nested_lengths_on_close)
{
  g_auto (PlWriter) w;

  pl_writer_init (&w);
  pl_writer_open (&w, 4);
  pl_writer_open (&w, 2);
  pl_writer_u24 (&w, 0x010203);
  pl_writer_close (&w);
  pl_writer_boolean (&w, 7);
  pl_writer_close (&w);
  assert_written (&w, "\0\0\0\6\0\3\1\2\3\1", 10);
  pl_writer_u16 (&w, 0x0102); /* it can be used again */
  assert_written (&w, "\1\2", 2);
}
END_TEST

START_TEST (writer_refuses_more_than_a_length_can_say)
{
  static const guint8 zeros[65536];
  g_autoptr (GBytes) fits = g_bytes_new_static (zeros, 255);
  g_autoptr (GBytes) over = g_bytes_new_static (zeros, 256);
  g_auto (PlWriter) w;
  GBytes *got;

  pl_writer_init (&w);
  pl_writer_opaque (&w, fits, 1);
  got = pl_writer_finish (&w);
  ck_assert_uint_eq (g_bytes_get_size (got), 256);
  g_bytes_unref (got);
  pl_writer_opaque (&w, over, 1);
  ck_assert_ptr_null (pl_writer_finish (&w));
  pl_writer_clear (&w);
  pl_writer_init (&w);
  pl_writer_open (&w, 2);
  pl_writer_raw (&w, zeros, 65536);
  pl_writer_close (&w);
  pl_writer_u8 (&w, 1);
  ck_assert_ptr_null (pl_writer_finish (&w));
  pl_writer_clear (&w);
  pl_writer_init (&w);
  pl_writer_u24 (&w, 0x1000000);
  ck_assert_ptr_null (pl_writer_finish (&w));
}
END_TEST

START_TEST (writer_writes_null_bytes_as_empty)
{
  g_auto (PlWriter) w;

  pl_writer_init (&w);
  pl_writer_opaque (&w, NULL, 3);
  pl_writer_bytes (&w, NULL);
  assert_written (&w, "\0\0\0", 3);
  assert_written (&w, "", 0);
}
END_TEST

/* --- ids --- */

static PlNodeId
id_of (const char *hex)
{
  PlNodeId id;

  ck_assert (pl_node_id_parse (hex, &id));
  return id;
}

static void
assert_id (PlNodeId id, const char *hex)
{
  g_autofree char *got = pl_node_id_dup_hex (&id);

  ck_assert_str_eq (got, hex);
}

START_TEST (id_arithmetic_wraps_at_128_bits)
{
  PlNodeId ones = pl_node_id_wildcard, zero = { { 0 } };
  PlNodeId one = pl_node_id_add_power (&zero, 0);

  assert_id (one, "00000000000000000000000000000001");
  assert_id (pl_node_id_add (&ones, &one), "00000000000000000000000000000000");
  assert_id (pl_node_id_sub (&zero, &one), "ffffffffffffffffffffffffffffffff");
  assert_id (pl_node_id_add_power (&zero, 127), "80000000000000000000000000000000");
  assert_id (pl_node_id_add_power (&ones, 8), "000000000000000000000000000000ff");
  assert_id (pl_node_id_add_power (&one, 128), "00000000000000000000000000000001");
}
END_TEST

START_TEST (id_between_is_open_below_and_closed_above_across_zero)
{
  PlNodeId low = id_of ("00000000000000000000000000000010");
  PlNodeId mid = id_of ("00000000000000000000000000000020");
  PlNodeId high = id_of ("fffffffffffffffffffffffffffffff0");

  ck_assert (pl_node_id_between (&mid, &low, &high));
  ck_assert (pl_node_id_between (&high, &low, &high));
  ck_assert (!pl_node_id_between (&low, &low, &high));
  ck_assert (pl_node_id_between (&low, &high, &mid));
  ck_assert (!pl_node_id_between (&high, &low, &mid));
  ck_assert (pl_node_id_between (&high, &low, &low)); /* the whole ring */
  ck_assert (pl_node_id_between (&low, &low, &low));
}
END_TEST

START_TEST (id_compares_and_hashes_as_a_key)
{
  PlNodeId a = id_of ("00000000000000000000000000000010"), b = id_of ("00000000000000000000000000000011");
  g_autoptr (GHashTable) set = g_hash_table_new (pl_node_id_hash, pl_node_id_equal);

  ck_assert_int_lt (pl_node_id_compare (&a, &b), 0);
  g_hash_table_add (set, &a);
  ck_assert (g_hash_table_contains (set, &a));
  ck_assert (!g_hash_table_contains (set, &b));
  ck_assert (pl_node_id_is_wildcard (&pl_node_id_wildcard));
  ck_assert (!pl_node_id_is_wildcard (&a));
  ck_assert (!pl_node_id_parse ("0010", &a));
}
END_TEST

START_TEST (resource_id_parses_compares_and_becomes_a_place_on_the_ring)
{
  PlNodeId id = id_of ("00000000000000000000000000000010"), back;
  PlResourceId of_id, parsed, longer;
  g_autofree char *hex = NULL;
  char too_long[2 * 256 + 1];

  pl_resource_id_from_node_id (&of_id, &id);
  ck_assert (pl_resource_id_parse ("00000000000000000000000000000010", &parsed));
  ck_assert (pl_resource_id_equal (&of_id, &parsed));
  ck_assert_uint_eq (pl_resource_id_hash (&of_id), pl_resource_id_hash (&parsed));
  ck_assert (pl_resource_id_to_node_id (&parsed, &back));
  ck_assert (pl_node_id_equal (&id, &back));
  ck_assert (pl_resource_id_parse ("0000000000000000000000000000001000", &longer));
  ck_assert (!pl_resource_id_equal (&of_id, &longer));
  ck_assert (!pl_resource_id_to_node_id (&longer, &back));
  hex = pl_resource_id_dup_hex (&longer);
  ck_assert_str_eq (hex, "0000000000000000000000000000001000");
  ck_assert (!pl_resource_id_parse ("0", &parsed));
  memset (too_long, '0', 512);
  too_long[512] = '\0';
  ck_assert (!pl_resource_id_parse (too_long, &parsed));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *reader = tcase_create ("wire/reader");
  TCase *writer = tcase_create ("wire/writer");
  TCase *id = tcase_create ("wire/id");

  tcase_add_test (reader, reader_takes_numbers_of_all_widths_in_network_order);
  tcase_add_test (reader, reader_keeps_the_first_error_and_yields_zero_after_it);
  tcase_add_test (reader, reader_refuses_a_boolean_of_2);
  tcase_add_test (reader, reader_child_sees_nothing_beyond_its_length);
  tcase_add_test (reader, reader_child_closed_with_bytes_left_is_an_error);
  tcase_add_test (reader, reader_refuses_a_length_past_the_end_of_the_parent);
  tcase_add_test (reader, reader_never_adds_lengths_that_could_wrap);
  tcase_add_test (reader, reader_gives_slices_of_bytes_and_copies_of_memory);
  tcase_add_test (reader, reader_has_a_text_for_every_status);
  suite_add_tcase (suite, reader);
  tcase_add_test (writer, writer_patches_nested_lengths_on_close);
  tcase_add_test (writer, writer_refuses_more_than_a_length_can_say);
  tcase_add_test (writer, writer_writes_null_bytes_as_empty);
  suite_add_tcase (suite, writer);
  tcase_add_test (id, id_arithmetic_wraps_at_128_bits);
  tcase_add_test (id, id_between_is_open_below_and_closed_above_across_zero);
  tcase_add_test (id, id_compares_and_hashes_as_a_key);
  tcase_add_test (id, resource_id_parses_compares_and_becomes_a_place_on_the_ring);
  suite_add_tcase (suite, id);
  return pl_test_run (suite, NULL);
}
