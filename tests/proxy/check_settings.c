/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/settings.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>
#include <string.h>

static PlSettings *
load (const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "peerline.conf", NULL);

  ck_assert (g_file_set_contents (path, text, -1, NULL));
  return pl_settings_load (path, error);
}

START_TEST (settings_missing_file_means_the_defaults)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSettings) config = pl_settings_load ("/nowhere/peerline.conf", &error);

  ck_assert_ptr_nonnull (config);
  ck_assert_str_eq (config->sip_listen[0], "127.0.0.1:5080");
  ck_assert_str_eq (config->sip_listen[1], "[::1]:5080");
  ck_assert_uint_eq (config->overlay_port, 6084);
  ck_assert_int_eq (config->role, PL_ROLE_AUTO);
}
END_TEST

START_TEST (settings_empty_file_means_the_defaults)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSettings) config = load ("", &error);

  ck_assert_ptr_nonnull (config);
  ck_assert_uint_eq (config->overlay_port, 6084);
}
END_TEST

START_TEST (settings_rank_overlays_in_the_order_of_the_user)
{
  g_autoptr (PlSettings) none = load ("", NULL);
  g_autoptr (PlSettings) config = load ("[overlay]\norder=Work.example; home.example;\n", NULL);

  ck_assert_uint_eq (pl_settings_rank (config, "work.example"), 0);
  ck_assert_uint_eq (pl_settings_rank (config, "home.example"), 1);
  ck_assert_uint_eq (pl_settings_rank (config, "a.example"), 2);
  ck_assert_uint_eq (pl_settings_rank (config, "b.example"), 2);
  ck_assert_uint_eq (pl_settings_rank (none, "home.example"), 0);
}
END_TEST

static void
write_secret (const char *text, int mode)
{
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "turn-secret", NULL);

  ck_assert (g_file_set_contents (path, text, -1, NULL));
  ck_assert_int_eq (g_chmod (path, mode), 0);
}

/* HOME stands for itself. */
static PlSettings *
load_turn (const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "HOME", -1);
  g_autofree char *full = g_strjoinv (g_getenv ("HOME"), parts);

  return load (full, error);
}

START_TEST (settings_read_the_turn_server_beside_this_peer) /* 231 */
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSettings) config = NULL;
  gsize len;

  write_secret ("north wind\n", 0600);
  config = load_turn ("[overlay]\nrole=peer\n[turn]\naddress=198.51.100.9:3479\nsecret-file=HOME/turn-secret\nlifetime=600\n", &error);
  ck_assert_msg (config != NULL, "%s", error ? error->message : "");
  ck_assert_int_eq (config->turn_offer.address.type, PL_ADDRESS_IPV4);
  ck_assert_uint_eq (config->turn_offer.address.port, 3479);
  ck_assert_uint_eq (config->turn_offer.lifetime, 600);
  ck_assert_mem_eq (pl_secret_data (config->turn_offer.secret, &len), "north wind", 10);
  ck_assert_uint_eq (len, 10);
}
END_TEST

static const struct { const char *text, *says; int mode; } turn_problems[] = {
  { "[turn]\naddress=10.0.0.1:3478\nsecret-file=HOME/turn-secret\n", ":2: [turn] address: is a private address", 0600 },
  { "[turn]\naddress=[fd00::1]:3478\nsecret-file=HOME/turn-secret\n", ":2: [turn] address: is a private address", 0600 },
  { "[turn]\naddress=turn.example.org:3478\n", ":2: [turn] address: must be the IP address", 0600 },
  { "[turn]\nsecret-file=HOME/turn-secret\n", ":1: [turn] address is missing", 0600 },
  { "[turn]\naddress=198.51.100.9:3478\n", ":1: [turn] secret-file is missing", 0600 },
  { "[turn]\naddress=198.51.100.9:3478\nsecret-file=HOME/turn-secret\n", "chmod", 0644 },
  { "[turn]\naddress=198.51.100.9:3478\nsecret-file=HOME/nothing\n", ":3: [turn] secret-file: ", 0600 },
  { "[turn]\nlifetime=59\n", ":2: [turn] lifetime: \"59\" is not a number from 60", 0600 },
  { "[overlay]\nrole=client\n[turn]\naddress=198.51.100.9:3478\nsecret-file=HOME/turn-secret\n", ":3: [turn] a client", 0600 },
};

START_TEST (settings_tell_what_is_wrong_with_the_turn_server)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSettings) config = NULL;

  write_secret ("north wind", turn_problems[_i].mode);
  config = load_turn (turn_problems[_i].text, &error);
  ck_assert_ptr_null (config);
  ck_assert_msg (strstr (error->message, turn_problems[_i].says) != NULL, "%s", error->message);
}
END_TEST

START_TEST (settings_reads_every_key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSettings) config = load ("[sip]\nlisten=127.0.0.1:5090\n"
                                      "[sip]\nfar-rate=50\n[overlay]\nlisten=192.0.2.1\nport=7000\nrole=bootstrap\npromote-after=5\n"
                                      "stun=192.0.2.9:3478;[2001:db8::9]:3478\nturn=u:p@192.0.2.9:3478\n"
                                      "candidates=no-host\n[limits]\nlink-messages=10\nstores=0\nlink-stores=12\nattaches=13\nconnections=14\njoins=15\n"
                                      "kept=2\nkept-signer=3\nkept-kind=4\n"
                                      "[diagnostics]\nanswer=trusted\ntrusted=sip:Ops@Example.org;1d5c66db8f5ab6b9d0bdf31a20158175\n"
                                      "[log]\nlevel=debug\n",
                                      &error);

  ck_assert_msg (config != NULL, "%s", error ? error->message : "");
  ck_assert_str_eq (config->sip_listen[0], "127.0.0.1:5090");
  ck_assert_ptr_null (config->sip_listen[1]);
  ck_assert_str_eq (config->overlay_listen, "192.0.2.1");
  ck_assert_uint_eq (config->overlay_port, 7000);
  ck_assert_int_eq (config->role, PL_ROLE_BOOTSTRAP);
  ck_assert_uint_eq (config->far_rate, 50);
  ck_assert_int_eq (config->promote_after, 5 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (g_strv_length (config->stun), 2);
  ck_assert_str_eq (config->turn[0], "u:p@192.0.2.9:3478");
  ck_assert_int_eq (config->tell, PL_ICE_TELL_NO_HOST);
  ck_assert_uint_eq (config->limits.messages, 10);
  ck_assert_uint_eq (config->limits.stores, 0);
  ck_assert_uint_eq (config->limits.link_stores, 12);
  ck_assert_uint_eq (config->limits.attaches, 13);
  ck_assert_uint_eq (config->connections, 14);
  ck_assert_uint_eq (config->limits.joins, 15);
  ck_assert_uint_eq (config->store_limits.total, 2 * 1024 * 1024);
  ck_assert_uint_eq (config->store_limits.signer, 3 * 1024);
  ck_assert_uint_eq (config->store_limits.kind_percent, 4);
  ck_assert (config->diagnostics.closed);
  ck_assert_str_eq (config->diagnostics.names[0], "ops@example.org");
  ck_assert_str_eq (config->diagnostics.names[1], "1d5c66db8f5ab6b9d0bdf31a20158175");
  ck_assert_ptr_null (config->diagnostics.names[2]);
  ck_assert_int_eq (config->log_level, PL_LOG_DEBUG);
}
END_TEST

START_TEST (settings_of_one_identity_go_before_those_of_all)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSettings) config = load ("[media]\nedge=never\n[media Alice@Example.org]\nedge=auto\n", &error);
  g_autoptr (PlSettings) defaults = pl_settings_new ();

  ck_assert_ptr_nonnull (config);
  ck_assert (pl_settings_allow_edge (config, "alice@example.org"));
  ck_assert (!pl_settings_allow_edge (config, "bob@example.org"));
  ck_assert (pl_settings_allow_edge (defaults, "bob@example.org"));
  ck_assert_ptr_null (load ("[media]\nedge=perhaps\n", &error));
  ck_assert_ptr_nonnull (strstr (error->message, ":2: [media] edge: must be auto or never"));
  g_clear_error (&error);
  ck_assert_ptr_null (load ("[media nobody]\nedge=auto\n", &error));
  ck_assert_ptr_nonnull (strstr (error->message, "[media nobody] there is no such group"));
}
END_TEST

START_TEST (settings_tells_all_problems_with_their_lines)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PlSettings) config = load ("[sip]\nlisten=nonsense;192.0.2.1:5080\nlisten-on=x\n\n[overlay]\nport=70000\nrole=king\nlisten=host\n[extra]\na=b\n[diagnostics]\nanswer=no\ntrusted=nobody\n", &error);

  ck_assert_ptr_null (config);
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:2: [sip] listen: \"nonsense\" is not ADDRESS:PORT"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:2: [sip] listen: \"192.0.2.1:5080\" is not a loopback address"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:3: [sip] listen-on: there is no such key"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:6: [overlay] port: \"70000\" is not a number from 1 to 65535"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:7: [overlay] role: must be"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:8: [overlay] listen: must be an IP address"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:9: [extra] there is no such group"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:12: [diagnostics] answer: must be everybody or trusted"));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf:13: [diagnostics] trusted: \"nobody\" is neither an address"));
}
END_TEST

START_TEST (settings_refuses_what_is_no_key_file)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (load ("listen=127.0.0.1:5080\n", &error));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline.conf"));
}
END_TEST

START_TEST (settings_refuses_a_file_of_a_size_no_person_writes)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strnfill (100 * 1024, '#');

  ck_assert_ptr_null (load (text, &error));
  ck_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy");
  TCase *config = tcase_create ("proxy/settings");

  tcase_add_test (config, settings_missing_file_means_the_defaults);
  tcase_add_test (config, settings_empty_file_means_the_defaults);
  tcase_add_test (config, settings_rank_overlays_in_the_order_of_the_user);
  tcase_add_test (config, settings_reads_every_key);
  tcase_add_test (config, settings_read_the_turn_server_beside_this_peer);
  tcase_add_loop_test (config, settings_tell_what_is_wrong_with_the_turn_server, 0, G_N_ELEMENTS (turn_problems));
  tcase_add_test (config, settings_of_one_identity_go_before_those_of_all);
  tcase_add_test (config, settings_tells_all_problems_with_their_lines);
  tcase_add_test (config, settings_refuses_what_is_no_key_file);
  tcase_add_test (config, settings_refuses_a_file_of_a_size_no_person_writes);
  suite_add_tcase (suite, config);
  return pl_test_run (suite, NULL);
}
