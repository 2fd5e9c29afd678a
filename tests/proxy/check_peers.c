/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/peers.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>

static char *dir, *path, *aside;

static void
setup (void)
{
  dir = g_dir_make_tmp ("peerline-peers-XXXXXX", NULL);
  path = g_build_filename (dir, "peers", NULL);
  aside = g_strconcat (path, ".corrupt", NULL);
}

static void
teardown (void)
{
  g_remove (path);
  g_remove (aside);
  g_rmdir (dir);
  g_free (aside);
  g_free (path);
  g_free (dir);
}

START_TEST (peers_are_read_as_they_were_kept) /* 345 */
{
  static const char *const addresses[] = { "192.0.2.1:6084", "[2001:db8::1]:6084", NULL };
  g_auto (GStrv) none = pl_peers_dup (path);
  g_auto (GStrv) peers = NULL;

  ck_assert_ptr_null (none);
  pl_peers_save (path, addresses);
  peers = pl_peers_dup (path);
  ck_assert (peers && g_strv_equal ((const char *const *) peers, addresses));
}
END_TEST

START_TEST (corrupt_file_is_set_aside)
{
  static const char *const bad[] = {
    "", "peerline-peers 1", "peerline-peers 2\n192.0.2.1:6084\n", "peerline-peers 1\n192.0.2.1:6084",
    "peerline-peers 1\nhttp://example.org\n", "peerline-peers 1\n\n",
    "peerline-peers 1\n1:1\n1:1\n1:1\n1:1\n1:1\n1:1\n1:1\n1:1\n1:1\n1:1\n1:1\n1:1\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_auto (GStrv) peers = NULL;

      ck_assert (g_file_set_contents (path, bad[i], -1, NULL));
      peers = pl_peers_dup (path);
      ck_assert_msg (!peers, "file %u is taken", i);
      ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS) && g_file_test (aside, G_FILE_TEST_EXISTS));
    }
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("proxy");
  TCase *t = tcase_create ("peers");

  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, peers_are_read_as_they_were_kept);
  tcase_add_test (t, corrupt_file_is_set_aside);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
