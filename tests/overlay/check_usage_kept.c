/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The owner of a registration looks after it (S2-22). Alice's node; the peer of the place is node 100.
 */
#include "config.h"

#include "tests/overlay/usagenet.h"

#include "overlay/usage/registration.h"

#include "overlay/enroll/document.h"

#define KEEPER 100

static PlRegistrations *registrations;

static void
setup_kept (void)
{
  setup ();
  registrations = pl_registrations_new (env, net, pl_identity_node_id (alice));
  pl_registrations_set_online (registrations, TRUE);
}

static void
teardown_kept (void)
{
  pl_registrations_free (registrations);
  teardown ();
}

static guint
missing (void)
{
  guint places, n;

  pl_registrations_places (registrations, ALICE, &places, &n);
  ck_assert_uint_eq (places, 1);
  return n;
}

START_TEST (what_was_stored_is_fetched_by_another_way_and_seldom)
{
  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 15 * SEC);
  ck_assert_uint_eq (n_stores, 1);
  ck_assert_uint_eq (n_fetches, 1);
  ck_assert_uint_eq (verdicts[KEEPER][PL_VERDICT_GOOD], 1);
  ck_assert_uint_eq (verdicts[1][PL_VERDICT_GOOD], 0); /* the first hop of the Store */
  ck_assert_uint_eq (verdicts[2][PL_VERDICT_GOOD], 1);
  ck_assert_uint_eq (missing (), 0);
  pl_universe_run (universe, 9 * MINUTE);
  ck_assert_uint_ge (n_stores, 2);
  ck_assert_uint_eq (n_fetches, 1);
  pl_universe_run (universe, 6 * MINUTE);
  ck_assert_uint_eq (n_fetches, 2);
}
END_TEST

/* S2-20, S2-22: it says "stored", and "not found" to whoever asks */
START_TEST (a_peer_that_forgets_is_proven_and_it_is_stored_again_and_told)
{
  guint stores;

  liars = 1;
  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 12 * SEC);
  ck_assert_uint_eq (n_stores, 2);
  ck_assert_uint_eq (verdicts[KEEPER][PL_VERDICT_PROVEN], 1);
  ck_assert_uint_eq (missing (), 1);
  pl_universe_run (universe, 2 * MINUTE);
  stores = n_stores; /* not for ever */
  ck_assert_uint_eq (stores, 5);
  pl_universe_run (universe, 2 * MINUTE);
  ck_assert_uint_eq (n_stores, stores);
  liars = 0;
  pl_universe_run (universe, 2 * MINUTE);
  ck_assert_uint_eq (missing (), 0);
}
END_TEST

/* S2-24: fetches that vanish are made again over others; what is there is not stored again */
START_TEST (a_fetch_that_vanishes_proves_nothing)
{
  lossy = 1u << 2 | 1u << 3;
  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 20 * SEC);
  ck_assert_uint_eq (n_stores, 1);
  ck_assert_uint_eq (n_fetches, 3);
  ck_assert_uint_eq (missing (), 0);
}
END_TEST

/* S2-06, S2-24 */
START_TEST (a_store_that_vanishes_goes_another_way)
{
  lossy = 1u << 1;
  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 8 * SEC);
  ck_assert_uint_eq (n_stores, 2);
  ck_assert_ptr_nonnull (kept_at (ALICE, PL_KIND_SIP_REGISTRATION));
  /* and stays on it */
  pl_universe_run (universe, 6 * MINUTE);
  ck_assert_uint_eq (n_stores, 3);
}
END_TEST

START_TEST (what_is_withdrawn_is_not_looked_for)
{
  pl_registrations_add (registrations, ALICE);
  pl_universe_run (universe, 2 * SEC);
  pl_registrations_remove (registrations, ALICE);
  pl_universe_run (universe, MINUTE);
  ck_assert_uint_eq (n_fetches, 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay/usage/kept");
  TCase *t = tcase_create ("kept");

  tcase_add_checked_fixture (t, setup_kept, teardown_kept);
  tcase_add_test (t, what_was_stored_is_fetched_by_another_way_and_seldom);
  tcase_add_test (t, a_peer_that_forgets_is_proven_and_it_is_stored_again_and_told);
  tcase_add_test (t, a_fetch_that_vanishes_proves_nothing);
  tcase_add_test (t, a_store_that_vanishes_goes_another_way);
  tcase_add_test (t, what_is_withdrawn_is_not_looked_for);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
