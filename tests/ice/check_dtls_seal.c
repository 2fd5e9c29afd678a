/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "ice/dtls/seal.h"
#include "tests/support/test.h"

static const guint8 key[PL_SEAL_KEY_LEN] = { 1, 2, 3 }, nonce[PL_SEAL_NONCE_LEN] = { 4, 5 };

START_TEST (seal_opens_what_it_sealed)
{
  g_autoptr (GBytes) sealed = pl_seal (key, nonce, "token", 5, "dialog", 6);
  g_autoptr (GBytes) empty = pl_seal (key, nonce, NULL, 0, NULL, 0);
  g_autoptr (GBytes) opened = NULL, nothing = NULL;

  ck_assert_ptr_nonnull (sealed);
  ck_assert_uint_eq (g_bytes_get_size (sealed), 5 + PL_SEAL_TAG_LEN);
  opened = pl_seal_open (key, nonce, g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed), "dialog", 6);
  ck_assert_ptr_nonnull (opened);
  ck_assert_mem_eq (g_bytes_get_data (opened, NULL), "token", 5);
  nothing = pl_seal_open (key, nonce, g_bytes_get_data (empty, NULL), g_bytes_get_size (empty), NULL, 0);
  ck_assert_ptr_nonnull (nothing);
  ck_assert_uint_eq (g_bytes_get_size (nothing), 0);
}
END_TEST

START_TEST (seal_refuses_every_changed_bit_and_prefix)
{
  g_autoptr (GBytes) sealed = pl_seal (key, nonce, "token", 5, "dialog", 6);
  gsize len;
  const guint8 *bytes = g_bytes_get_data (sealed, &len);
  guint8 other[PL_SEAL_KEY_LEN] = { 9 };

  for (gsize i = 0; i < len; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (bytes, len);

      copy[i] ^= 1;
      ck_assert_ptr_null (pl_seal_open (key, nonce, copy, len, "dialog", 6));
      ck_assert_ptr_null (pl_seal_open (key, nonce, bytes, i, "dialog", 6));
    }
  ck_assert_ptr_null (pl_seal_open (key, nonce, bytes, len, "Dialog", 6));
  ck_assert_ptr_null (pl_seal_open (other, nonce, bytes, len, "dialog", 6));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("ice");
  TCase *tcase = tcase_create ("dtls/seal");

  tcase_add_test (tcase, seal_opens_what_it_sealed);
  tcase_add_test (tcase, seal_refuses_every_changed_bit_and_prefix);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
