/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "base/universe.h"
#include "overlay/enroll/authority.h"
#include "proxy/renewal.h"
#include "tests/support/test.h"

/* When a certificate is renewed, in virtual time; that it is, and that calls go on, is in check_enroll.py. */

#define NAME "friends.example.org"
#define SECOND PL_USEC_PER_SEC
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

static PlUniverse *universe;
static PlCert *cert;
static PlRenewal *renewal;
static guint asked, changes;

static void
ask (gpointer user)
{
  asked++;
}

static void
on_changed (gpointer user)
{
  changes++;
}

static void
setup (void)
{
  static const PlRenewalFuncs funcs = { ask, on_changed };
  g_autoptr (PlAuthority) authority = NULL;
  g_autofree char *key = pl_key_make (NULL);
  g_autofree char *request = pl_request_make (key, "alice@example.org", NAME, NULL);
  g_autofree char *pem = NULL;

  universe = pl_universe_new (1);
  authority = pl_authority_new (pl_universe_env (universe), NAME, NULL);
  pl_authority_set_lifetime (authority, 100 * 86400);
  pem = pl_authority_issue (authority, request, "alice@example.org", NULL, NULL);
  cert = pl_cert_new_from_pem (pem, NULL);
  ck_assert (cert != NULL);
  asked = changes = 0;
  renewal = pl_renewal_new (pl_universe_env (universe), cert, &funcs, NULL);
}

static void
teardown (void)
{
  g_clear_pointer (&renewal, pl_renewal_free);
  g_clear_pointer (&cert, pl_cert_unref);
  g_clear_pointer (&universe, pl_universe_free);
}

START_TEST (renewal_begins_when_a_quarter_of_the_life_is_left)
{
  pl_universe_run (universe, 74 * DAY);
  ck_assert_uint_eq (asked, 0);
  pl_universe_run (universe, DAY + HOUR);
  ck_assert_uint_eq (asked, 1);
  pl_universe_run (universe, 10 * DAY); /* one at a time */
  ck_assert_uint_eq (asked, 1);
  pl_renewal_done (renewal, NULL);
  ck_assert_ptr_null (pl_renewal_problem (renewal));
  ck_assert_uint_eq (changes, 0);
}
END_TEST

/* Its timers stood still, the calendar did not. */
START_TEST (renewal_is_not_missed_by_a_machine_that_slept)
{
  pl_universe_run (universe, DAY);
  pl_universe_step_wall (universe, 90 * DAY);
  pl_universe_run (universe, PL_RENEWAL_CHECK + SECOND);
  ck_assert_uint_eq (asked, 1);
}
END_TEST

START_TEST (renewal_that_fails_is_said_and_tried_again_later_each_time)
{
  gint64 wait = PL_RENEWAL_RETRY;

  pl_universe_run (universe, 76 * DAY);
  for (guint i = 1; i < 12; i++, wait = MIN (2 * wait, PL_RENEWAL_RETRY_MAX))
    {
      ck_assert_uint_eq (asked, i);
      pl_renewal_done (renewal, "the server is down");
      ck_assert_ptr_nonnull (strstr (pl_renewal_problem (renewal), "alice@example.org"));
      ck_assert_ptr_nonnull (strstr (pl_renewal_problem (renewal), "the server is down"));
      ck_assert_ptr_nonnull (strstr (pl_renewal_problem (renewal), " expires at "));
      ck_assert_uint_eq (changes, i);
      pl_universe_run (universe, wait - SECOND);
      ck_assert_uint_eq (asked, i);
      pl_universe_run (universe, 2 * SECOND);
    }
  pl_renewal_done (renewal, NULL);
  ck_assert_ptr_null (pl_renewal_problem (renewal));
  ck_assert_uint_eq (changes, 12);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy/renewal");
  TCase *tcase = tcase_create ("renewal");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, renewal_begins_when_a_quarter_of_the_life_is_left);
  tcase_add_test (tcase, renewal_is_not_missed_by_a_machine_that_slept);
  tcase_add_test (tcase, renewal_that_fails_is_said_and_tried_again_later_each_time);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
