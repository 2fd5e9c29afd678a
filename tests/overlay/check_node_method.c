/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a peer answers to each request of RFC 6940, byte by byte, asked by another node over the
 * whole path: signatures, forwarding, links.
 */
#include "config.h"

#include "overlay/node-priv.h"

#include "base/hex.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/store.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <string.h>

#define ASKER 1
#define ASKED 2

static PlWorld *world;
static PlTransAnswer answer; /* the last one; body is a copy */
static guint answers;

static void
setup (void)
{
  PlWorldOptions options = { .seed = 11, .n = 3, .n_boot = 1 };

  world = pl_world_new (&options);
  pl_world_grow (world, 3);
  pl_world_run (world, 5 * PL_USEC_PER_SEC);
  answers = 0;
}

static void
teardown (void)
{
  g_clear_pointer (&answer.body, g_bytes_unref);
  g_clear_pointer (&world, pl_world_free);
}

static void
on_answer (gpointer user, const PlTransAnswer *got)
{
  (void) user;
  ck_assert_msg (got != NULL, "nobody answered");
  ck_assert (pl_node_id_equal (&got->signer, pl_world_id (world, ASKED)));
  g_clear_pointer (&answer.body, g_bytes_unref);
  answer.error_code = got->error_code;
  answer.body = got->body ? g_bytes_ref (got->body) : g_bytes_new (NULL, 0);
  answers++;
}

/* "NODE" in `hex` stands for the Node-ID of the node that is asked: also a place of its own. */
static void
ask (guint16 code, const char *hex)
{
  g_autofree char *node = pl_node_id_dup_hex (pl_world_id (world, ASKED));
  g_auto (GStrv) parts = g_strsplit (hex, "NODE", -1);
  g_autofree char *full = g_strjoinv (node, parts);
  gsize len = strlen (full) / 2;
  guint8 *data = g_malloc (len + 1);
  g_autoptr (GBytes) body = NULL;
  PlTransRequest request = { .to = pl_destination_node (pl_world_id (world, ASKED)), .code = code };
  guint before = answers;

  ck_assert_msg (pl_hex_parse (full, data, len), "%s", full);
  request.body = body = g_bytes_new_take (data, len);
  pl_trans_request (pl_world_node (world, ASKER)->trans, &request, on_answer, NULL, NULL);
  pl_world_run (world, 2 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (answers, before + 1);
}

static void
assert_body (const char *hex)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (answer.body, &len);
  g_autofree char *got = len ? pl_hex_dup (data, len) : g_strdup ("");

  ck_assert_str_eq (got, hex);
}

#define PLACE "10NODE"
#define STRANGE_KIND "0000f00d"
#define GENERATION_0 "0000000000000000"

START_TEST (ping_is_answered_with_a_new_id_and_the_time) /* 146, 147 */
{
  PlReader reader;
  PlPingAns one = { 0 }, two = { 0 };

  ask (PL_MESSAGE_PING_REQ, "0000");
  ck_assert_uint_eq (answer.error_code, 0);
  ck_assert_uint_eq (g_bytes_get_size (answer.body), 16);
  pl_reader_init_bytes (&reader, answer.body);
  ck_assert (pl_ping_ans_read (&reader, &one));
  ask (PL_MESSAGE_PING_REQ, "0003000000"); /* padding is passed over */
  ck_assert_uint_eq (answer.error_code, 0);
  pl_reader_init_bytes (&reader, answer.body);
  ck_assert (pl_ping_ans_read (&reader, &two));
  ck_assert_uint_ne (one.response_id, two.response_id);
  ck_assert_uint_gt (two.time, one.time);
}
END_TEST

START_TEST (probe_tells_what_was_asked_and_is_known) /* 288-290 */
{
  PlReader reader;
  g_auto (PlProbeAns) probe = { 0 };
  const PlProbeInformation *info;

  ask (PL_MESSAGE_PROBE_REQ, "0403770201"); /* uptime, no such thing, resources, share */
  ck_assert_uint_eq (answer.error_code, 0);
  pl_reader_init_bytes (&reader, answer.body);
  ck_assert (pl_probe_ans_read (&reader, &probe));
  ck_assert_uint_eq (probe.probe_info->len, 3);
  info = &g_array_index (probe.probe_info, PlProbeInformation, 0);
  ck_assert_uint_eq (info[0].type, PL_PROBE_UPTIME);
  ck_assert_uint_ge (info[0].value, 5);
  ck_assert_uint_eq (info[1].type, PL_PROBE_NUM_RESOURCES);
  ck_assert_uint_gt (info[1].value, 0);
  ck_assert_uint_eq (info[2].type, PL_PROBE_RESPONSIBLE_SET);
  ck_assert_uint_gt (info[2].value, 0);
  ck_assert_uint_lt (info[2].value, 1000000000);
}
END_TEST

START_TEST (unknown_kinds_are_named_in_the_error) /* 183, 204 */
{
  ask (PL_MESSAGE_STORE_REQ, PLACE "00" "00000010" STRANGE_KIND GENERATION_0 "00000000");
  ck_assert_uint_eq (answer.error_code, PL_ERROR_UNKNOWN_KIND);
  assert_body ("04" STRANGE_KIND);
  ask (PL_MESSAGE_FETCH_REQ, PLACE "000e" STRANGE_KIND GENERATION_0 "0000");
  ck_assert_uint_eq (answer.error_code, PL_ERROR_UNKNOWN_KIND);
  assert_body ("04" STRANGE_KIND);
  ask (PL_MESSAGE_STAT_REQ, PLACE "000e" STRANGE_KIND GENERATION_0 "0000");
  ck_assert_uint_eq (answer.error_code, PL_ERROR_UNKNOWN_KIND);
}
END_TEST

START_TEST (what_is_not_there_is_an_empty_answer) /* 206, 208, 216 */
{
  ask (PL_MESSAGE_FETCH_REQ, PLACE "0010" "00000001" GENERATION_0 "0002" "0000");
  ck_assert_uint_eq (answer.error_code, 0);
  assert_body ("00000010" "00000001" GENERATION_0 "00000000");
  ask (PL_MESSAGE_FIND_REQ, PLACE "04" "00000001");
  ck_assert_uint_eq (answer.error_code, 0);
}
END_TEST

START_TEST (a_store_elsewhere_is_refused) /* 171, 182 */
{
  /* the place after our Node-ID is not the asked one's unless it is alone */
  g_autofree char *asker = pl_node_id_dup_hex (pl_world_id (world, ASKER));
  g_autofree char *body = g_strconcat ("10", asker, "00" "00000010" "00000001" GENERATION_0 "00000000", NULL);

  ask (PL_MESSAGE_STORE_REQ, body);
  ck_assert_uint_eq (answer.error_code, PL_ERROR_NOT_FOUND);
}
END_TEST

START_TEST (a_find_elsewhere_is_not_found) /* 215 */
{
  g_autofree char *asker = pl_node_id_dup_hex (pl_world_id (world, ASKER));
  g_autofree char *body = g_strconcat ("10", asker, "04" "00000001", NULL);

  ask (PL_MESSAGE_FIND_REQ, body);
  ck_assert_uint_eq (answer.error_code, PL_ERROR_NOT_FOUND);
}
END_TEST

START_TEST (route_query_names_a_peer) /* 287 */
{
  ask (PL_MESSAGE_ROUTE_QUERY_REQ, "00" "0110NODE" "0000");
  ck_assert_uint_eq (answer.error_code, 0);
  ck_assert_uint_eq (g_bytes_get_size (answer.body), 16);
}
END_TEST

static const struct {
  guint16 code;
  const char *body;
  guint16 error;
} bad[] = {
  { PL_MESSAGE_PING_REQ, "0005", PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_PING_REQ, "000000", PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_STORE_REQ, PLACE, PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_ATTACH_REQ, "00", PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_APP_ATTACH_REQ, "00", PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_JOIN_REQ, "00", PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_UPDATE_REQ, "00", PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_ROUTE_QUERY_REQ, "02", PL_ERROR_INVALID_MESSAGE },
  { PL_MESSAGE_CONFIG_UPDATE_REQ, "00", PL_ERROR_INVALID_MESSAGE },
  { 0x0071, "", PL_ERROR_INVALID_MESSAGE },  /* a method of somebody's */
};

START_TEST (malformed_and_unknown_requests_are_answered_with_an_error) /* 70, S2-98 */
{
  ask (bad[_i].code, bad[_i].body);
  ck_assert_uint_eq (answer.error_code, bad[_i].error);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("node/method");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, ping_is_answered_with_a_new_id_and_the_time);
  tcase_add_test (tcase, probe_tells_what_was_asked_and_is_known);
  tcase_add_test (tcase, unknown_kinds_are_named_in_the_error);
  tcase_add_test (tcase, what_is_not_there_is_an_empty_answer);
  tcase_add_test (tcase, a_store_elsewhere_is_refused);
  tcase_add_test (tcase, a_find_elsewhere_is_not_found);
  tcase_add_test (tcase, route_query_names_a_peer);
  tcase_add_loop_test (tcase, malformed_and_unknown_requests_are_answered_with_an_error, 0, G_N_ELEMENTS (bad));
  return pl_test_run (suite, NULL);
}
