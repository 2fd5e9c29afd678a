/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/universe.h"
#include "proxy/enroll/desk.h"
#include "tests/support/test.h"

#define NAME "friends.example.org"
#define ALICE "alice@example.org"
#define CODE_SECONDS 900
#define HOUR (3600 * PL_USEC_PER_SEC)
#define DAY (24 * HOUR)

static PlUniverse *universe;
static PlStore *store;
static PlAuthority *authority;
static PlDesk *desk;
static PlPolicy policy;
static guint mails;
static char last_code[32];
static const char *token;

static void
on_mail (const char *to, const char *code, const char *link, const char *fingerprint, gpointer data)
{
  mails++;
  g_strlcpy (last_code, code, sizeof last_code);
}

static void
setup (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("HOME"), "desk.sqlite", NULL);

  g_remove (path);
  universe = pl_universe_new (1);
  store = pl_store_open (path, NULL);
  authority = pl_authority_new (pl_universe_env (universe), NAME, NULL);
  policy = (PlPolicy) { .grant = { .devices = 5, .node_ids = 1, .lifetime = 365 * 86400 }, .code_seconds = CODE_SECONDS, .mails_per_address = 3, .mails_per_client = 4 };
  desk = pl_desk_new (pl_universe_env (universe), store, authority, NAME, &policy);
  pl_desk_set_mail (desk, on_mail, NULL);
  mails = 0;
}

static void
teardown (void)
{
  g_clear_pointer (&desk, pl_desk_free);
  g_clear_pointer (&authority, pl_authority_free);
  g_clear_pointer (&store, pl_store_free);
  g_clear_pointer (&universe, pl_universe_free);
}

static GBytes *
new_request (const char *aor)
{
  g_autofree char *key = pl_key_make (NULL);
  char *request = pl_request_make (key, aor, NAME, NULL);

  ck_assert_ptr_nonnull (request);
  return g_bytes_new_take (request, strlen (request));
}

static char *
ask (GBytes *request, const char *aor, const char *code, const char *client)
{
  g_autoptr (GError) error = NULL;
  PlAsk what = { .username = aor, .password = code, .csr = request, .client = client };
  char *pem = pl_desk_ask (desk, &what, &token, &error);

  ck_assert_ptr_null (error);
  return pem;
}

static void
refused (GBytes *request, const char *aor, const char *code, const char *client, const char *why)
{
  ck_assert_ptr_null (ask (request, aor, code, client));
  ck_assert_str_eq (token, why);
}

START_TEST (desk_refuses_a_code_whose_time_is_over)
{
  g_autoptr (GBytes) request = new_request (ALICE);

  refused (request, ALICE, NULL, "192.0.2.1", "failed_authentication");
  ck_assert_uint_eq (mails, 1);
  pl_universe_run (universe, CODE_SECONDS * PL_USEC_PER_SEC);
  refused (request, ALICE, last_code, "192.0.2.1", "failed_authentication");
}
END_TEST

/* RFC 6940 11.3 */
START_TEST (desk_renews_near_the_end_with_the_same_node_id) /* S2-29 */
{
  g_autoptr (GBytes) request = new_request (ALICE);
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  g_autoptr (PlCert) old = NULL;
  g_autoptr (PlCert) renewed = NULL;

  refused (request, ALICE, NULL, "192.0.2.1", "failed_authentication");
  first = ask (request, ALICE, last_code, "192.0.2.1");
  ck_assert_ptr_nonnull (first);
  pl_universe_run (universe, 200 * DAY);
  second = ask (request, ALICE, NULL, "192.0.2.1");
  ck_assert_str_eq (second, first);
  pl_universe_run (universe, 100 * DAY);
  third = ask (request, ALICE, NULL, "192.0.2.1");
  ck_assert_ptr_nonnull (third);
  old = pl_cert_new_from_pem (first, NULL);
  renewed = pl_cert_new_from_pem (third, NULL);
  ck_assert_int_gt (pl_cert_not_after (renewed), pl_cert_not_after (old));
  ck_assert_mem_eq (pl_cert_node_id (renewed, 0), pl_cert_node_id (old, 0), sizeof (PlNodeId));
  ck_assert_uint_eq (mails, 1);
}
END_TEST

START_TEST (desk_stops_believing_a_code_after_five_wrong_tries)
{
  g_autoptr (GBytes) request = new_request (ALICE);

  refused (request, ALICE, NULL, "192.0.2.1", "failed_authentication");
  for (guint i = 0; i < PL_CODE_TRIES; i++)
    refused (request, ALICE, "wrong", "192.0.2.1", "failed_authentication");
  refused (request, ALICE, last_code, "192.0.2.1", "failed_authentication");
}
END_TEST

START_TEST (desk_believes_the_right_code_at_the_last_try)
{
  g_autoptr (GBytes) request = new_request (ALICE);
  g_autofree char *pem = NULL;

  refused (request, ALICE, NULL, "192.0.2.1", "failed_authentication");
  for (guint i = 0; i + 1 < PL_CODE_TRIES; i++)
    refused (request, ALICE, "wrong", "192.0.2.1", "failed_authentication");
  pem = ask (request, ALICE, last_code, "192.0.2.1");
  ck_assert_ptr_nonnull (pem);
}
END_TEST

START_TEST (desk_sends_an_address_so_many_mails_an_hour)
{
  g_autoptr (GBytes) request = new_request (ALICE);

  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *client = g_strdup_printf ("192.0.2.%u", i + 1);

      refused (request, ALICE, NULL, client, "failed_authentication");
      pl_universe_run (universe, PL_CODE_RESEND * PL_USEC_PER_SEC);
    }
  ck_assert_uint_eq (mails, 3);
  pl_universe_run (universe, HOUR);
  refused (request, ALICE, NULL, "192.0.2.1", "failed_authentication");
  ck_assert_uint_eq (mails, 4);
}
END_TEST

START_TEST (desk_sends_so_many_mails_an_hour_for_a_client) /* S2-32 */
{
  for (guint i = 0; i < 6; i++)
    {
      g_autofree char *aor = g_strdup_printf ("user%u@example.org", i);
      g_autoptr (GBytes) request = new_request (aor);

      refused (request, aor, NULL, "192.0.2.1", "failed_authentication");
    }
  ck_assert_uint_eq (mails, 4);
}
END_TEST

START_TEST (desk_lets_in_whom_the_policy_allows_and_does_not_deny)
{
  char *allow[] = { (char *) "*@example.org", NULL };
  char *deny[] = { (char *) "mallory@*", NULL };
  g_autoptr (GBytes) alice = new_request (ALICE);
  g_autoptr (GBytes) bob = new_request ("bob@example.com");
  g_autoptr (GBytes) mallory = new_request ("mallory@example.org");

  policy.allow = allow;
  policy.deny = deny;
  refused (bob, "bob@example.com", NULL, "192.0.2.1", "username_not_available");
  refused (mallory, "mallory@example.org", NULL, "192.0.2.1", "username_not_available");
  ck_assert_uint_eq (mails, 0);
  refused (alice, ALICE, NULL, "192.0.2.1", "failed_authentication");
  ck_assert_uint_eq (mails, 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy");
  TCase *tcase = tcase_create ("proxy/desk");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, desk_refuses_a_code_whose_time_is_over);
  tcase_add_test (tcase, desk_renews_near_the_end_with_the_same_node_id);
  tcase_add_test (tcase, desk_stops_believing_a_code_after_five_wrong_tries);
  tcase_add_test (tcase, desk_believes_the_right_code_at_the_last_try);
  tcase_add_test (tcase, desk_sends_an_address_so_many_mails_an_hour);
  tcase_add_test (tcase, desk_sends_so_many_mails_an_hour_for_a_client);
  tcase_add_test (tcase, desk_lets_in_whom_the_policy_allows_and_does_not_deny);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
