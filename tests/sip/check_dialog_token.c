/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/dialog/token.h"

#include "base/file.h"
#include "base/universe.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>
#include <string.h>

static const PlToken typical = {
  .contact = "sip:alice@127.0.0.1:59242;transport=udp", .flow = "udp:127.0.0.1:59242", .far_node = "000102030405060708090a0b0c0d0e0f",
  .own_aor = "alice@example.org", .far_aor = "bob@example.net", .call_id = "f82a3db541e6d6b8", .media = 1, .caller = TRUE,
};

typedef struct { PlUniverse *universe; PlEnv *env; PlTokenKey *key; char *path; } World;

static World
world_new (const char *name)
{
  World world = { .universe = pl_universe_new (3), .path = g_build_filename (g_getenv ("HOME"), name, NULL) };
  g_autoptr (GError) error = NULL;

  world.env = pl_universe_env (world.universe);
  world.key = pl_token_key_load (world.env, world.path, &error);
  ck_assert_ptr_nonnull (world.key);
  return world;
}

static void
world_clear (World *world)
{
  pl_token_key_free (world->key);
  pl_universe_free (world->universe);
  g_free (world->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (World, world_clear)

static void
assert_same (const PlToken *a, const PlToken *b)
{
  ck_assert_str_eq (a->contact, b->contact ? b->contact : "");
  ck_assert_str_eq (a->flow, b->flow ? b->flow : "");
  ck_assert_str_eq (a->peer_contact, b->peer_contact ? b->peer_contact : "");
  ck_assert_str_eq (a->peer_flow, b->peer_flow ? b->peer_flow : "");
  ck_assert_str_eq (a->far_node, b->far_node ? b->far_node : "");
  ck_assert_str_eq (a->own_aor, b->own_aor ? b->own_aor : "");
  ck_assert_str_eq (a->far_aor, b->far_aor ? b->far_aor : "");
  ck_assert_str_eq (a->called, b->called ? b->called : "");
  ck_assert_str_eq (a->call_id, b->call_id ? b->call_id : "");
  ck_assert_str_eq (a->edge, b->edge ? b->edge : "");
  ck_assert_uint_eq (a->media, b->media);
  ck_assert_int_eq (a->caller, b->caller);
}

START_TEST (token_opens_to_what_was_sealed_also_after_a_restart)
{
  g_auto (World) world = world_new ("token-a");
  g_autofree char *text = pl_token_seal (world.key, world.env, &typical);
  g_autoptr (PlToken) token = NULL;
  g_autoptr (PlTokenKey) again = NULL;
  GStatBuf st;

  ck_assert_uint_lt (strlen (text), 250);
  ck_assert_uint_eq (strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), strlen (text));
  ck_assert_int_eq (g_stat (world.path, &st), 0);
  ck_assert_int_eq (st.st_mode & 0777, 0600);
  ck_assert_int_eq (st.st_size, 32);
  again = pl_token_key_load (world.env, world.path, NULL);
  token = pl_token_open (again, text);
  ck_assert_ptr_nonnull (token);
  assert_same (token, &typical);
}
END_TEST

START_TEST (token_of_a_redirected_call_keeps_both_names)
{
  g_auto (World) world = world_new ("token-f");
  PlToken redirected = typical;
  g_autoptr (PlToken) token = NULL;
  g_autofree char *text = NULL;

  redirected.called = "bob@example.net";
  redirected.far_aor = "carol@example.com";
  text = pl_token_seal (world.key, world.env, &redirected);
  token = pl_token_open (world.key, text);
  ck_assert_ptr_nonnull (token);
  assert_same (token, &redirected);
}
END_TEST

START_TEST (token_keeps_the_overlay_of_the_far_device)
{
  g_auto (World) world = world_new ("token-o");
  PlToken other = typical;
  g_autoptr (PlToken) token = NULL;
  g_autofree char *text = NULL;

  other.far_node = "000102030405060708090a0b0c0d0e0f@work.example";
  other.edge = "e1";
  text = pl_token_seal (world.key, world.env, &other);
  token = pl_token_open (world.key, text);
  ck_assert_ptr_nonnull (token);
  assert_same (token, &other);
  ck_assert_ptr_null (pl_token_seal (world.key, world.env, &(PlToken){ .far_node = "00@work.example" }));
}
END_TEST

START_TEST (token_of_a_local_call_and_long_fields_round_trip)
{
  g_auto (World) world = world_new ("token-b");
  g_autofree char *longest = g_strnfill (PL_TOKEN_FIELD_MAX, 'x');
  g_autofree char *longer = g_strnfill (PL_TOKEN_FIELD_MAX + 1, 'x');
  PlToken local = { .contact = longest, .peer_contact = "sip:b@h", .peer_flow = "tcp:[::1]:1", .call_id = longest, .edge = "0123456789abcdef", .media = 255 };
  g_autofree char *text = pl_token_seal (world.key, world.env, &local);
  g_autofree char *again = pl_token_seal (world.key, world.env, &local);
  g_autoptr (PlToken) token = pl_token_open (world.key, text);

  assert_same (token, &local);
  ck_assert_str_ne (text, again);
  local.call_id = longer;
  ck_assert_ptr_null (pl_token_seal (world.key, world.env, &local));
  ck_assert_ptr_null (pl_token_seal (world.key, world.env, &(PlToken){ .far_node = "00" }));
}
END_TEST

START_TEST (token_tampered_truncated_or_foreign_does_not_open)
{
  g_auto (World) world = world_new ("token-c");
  g_auto (World) other = { .universe = pl_universe_new (4), .path = g_build_filename (g_getenv ("HOME"), "token-d", NULL) };
  g_autofree char *text = pl_token_seal (world.key, world.env, &typical);
  g_autofree char *huge = g_strnfill (1 << 20, 'A');
  gsize len = strlen (text);

  other.env = pl_universe_env (other.universe);
  other.key = pl_token_key_load (other.env, other.path, NULL);
  ck_assert_ptr_null (pl_token_open (other.key, text));
  for (gsize i = 0; i < len; i++)
    {
      g_autofree char *changed = g_strdup (text);
      g_autofree char *cut = g_strndup (text, i);

      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      ck_assert_ptr_null (pl_token_open (world.key, changed));
      ck_assert_ptr_null (pl_token_open (world.key, cut));
    }
  ck_assert_ptr_null (pl_token_open (world.key, NULL));
  ck_assert_ptr_null (pl_token_open (world.key, huge));
  ck_assert_ptr_null (pl_token_open (world.key, "AAAA====&&"));
}
END_TEST

START_TEST (token_key_that_others_can_read_or_is_damaged_is_refused)
{
  g_autoptr (PlUniverse) universe = pl_universe_new (3);
  PlEnv *env = pl_universe_env (universe);
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "token-e", NULL);
  g_autoptr (GError) open = NULL;
  g_autoptr (GError) damaged = NULL;

  ck_assert (pl_file_write (path, "0123456789abcdef0123456789abcdef", 32, 0644, NULL));
  ck_assert_ptr_null (pl_token_key_load (env, path, &open));
  ck_assert_ptr_nonnull (strstr (open->message, "chmod 600"));
  ck_assert (pl_file_write (path, "short", 5, 0600, NULL));
  ck_assert_ptr_null (pl_token_key_load (env, path, &damaged));
  ck_assert_ptr_nonnull (strstr (damaged->message, "remove it"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("dialog/token");

  tcase_add_test (tcase, token_opens_to_what_was_sealed_also_after_a_restart);
  tcase_add_test (tcase, token_of_a_redirected_call_keeps_both_names);
  tcase_add_test (tcase, token_keeps_the_overlay_of_the_far_device);
  tcase_add_test (tcase, token_of_a_local_call_and_long_fields_round_trip);
  tcase_add_test (tcase, token_tampered_truncated_or_foreign_does_not_open);
  tcase_add_test (tcase, token_key_that_others_can_read_or_is_damaged_is_refused);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
