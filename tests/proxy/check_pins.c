/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/hex.h"
#include "proxy/pins.h"
#include "tests/support/test.h"

/* S1-17, S3-22: names without an authority have the key they were met with. */

#define BOB "bob@example.net"

static char *path;
static GError *error;

static void
setup (void)
{
  path = g_build_filename (g_getenv ("HOME"), "pins", "friends.example", NULL);
  g_remove (path);
}

static void
teardown (void)
{
  g_clear_pointer (&path, g_free);
  g_clear_error (&error);
}

static const guint8 *
key (guint8 n)
{
  static guint8 bytes[4][PL_KEY_FINGERPRINT_LEN];

  memset (bytes[n % 4], n, PL_KEY_FINGERPRINT_LEN);
  return bytes[n % 4];
}

static gboolean
meet (const char *aor, guint8 n, PlPinHow how, gint64 now)
{
  g_clear_error (&error);
  return pl_pins_meet (path, aor, key (n), how, now, &error);
}

/* How many of the keys may be dialled. */
static guint
filter (const char *aor, guint8 a, guint8 b)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);

  g_clear_error (&error);
  g_ptr_array_add (keys, pl_hex_dup (key (a), PL_KEY_FINGERPRINT_LEN));
  if (b)
    g_ptr_array_add (keys, pl_hex_dup (key (b), PL_KEY_FINGERPRINT_LEN));
  ck_assert_int_eq (pl_pins_filter (path, aor, keys, 100, &error), keys->len > 0);
  return keys->len;
}

START_TEST (pins_keep_the_first_key_of_a_name_until_another_is_accepted) /* S1-17 */
{
  g_autoptr (PlPin) pin = NULL;
  g_autofree char *hex = pl_hex_dup (key (2), PL_KEY_FINGERPRINT_LEN);

  ck_assert (meet (BOB, 1, PL_PIN_DIALLED, 10) && meet (BOB, 1, PL_PIN_CALLED_US, 20));
  ck_assert (!meet (BOB, 2, PL_PIN_CALLED_US, 30));
  ck_assert_ptr_nonnull (strstr (error->message, "peerline trust accept " BOB));
  ck_assert (meet (BOB, 1, PL_PIN_DIALLED, 40) && meet ("carol@example.net", 2, PL_PIN_CALLED_US, 40));
  pin = pl_pins_find (path, BOB, NULL);
  ck_assert_str_eq (pin->others[0], hex);
  ck_assert (pin->how == PL_PIN_DIALLED && pin->since == 10 && pin->refused == 30);
  ck_assert (pl_pins_accept (path, BOB, hex, 50, NULL));
  ck_assert (meet (BOB, 2, PL_PIN_DIALLED, 60) && !meet (BOB, 1, PL_PIN_DIALLED, 60));
  ck_assert (pl_pins_forget (path, BOB, NULL) && !pl_pins_forget (path, BOB, NULL));
  ck_assert (meet (BOB, 3, PL_PIN_DIALLED, 70));
}
END_TEST

START_TEST (pins_let_nobody_choose_between_keys_of_an_unknown_name)
{
  g_autofree char *hex = pl_hex_dup (key (2), PL_KEY_FINGERPRINT_LEN);

  ck_assert_uint_eq (filter (BOB, 1, 0), 1);
  ck_assert_uint_eq (filter (BOB, 1, 1), 2); /* two devices */
  ck_assert_uint_eq (filter (BOB, 1, 2), 0);
  ck_assert_ptr_nonnull (strstr (error->message, "several keys"));
  ck_assert (!meet (BOB, 1, PL_PIN_CALLED_US, 10)); /* nor who is quicker */
  ck_assert_uint_eq (filter (BOB, 1, 0), 0);
  ck_assert (pl_pins_accept (path, BOB, hex, 20, NULL));
  ck_assert_uint_eq (filter (BOB, 1, 2), 1);
  ck_assert_uint_eq (filter (BOB, 1, 3), 0);
  ck_assert (meet (BOB, 2, PL_PIN_DIALLED, 30));
}
END_TEST

/* A stranger with ten thousand names takes the place of nobody. */
START_TEST (pins_of_strangers_who_call_leave_room)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GPtrArray) list = NULL;
  g_autofree char *dir = g_path_get_dirname (path);

  for (guint i = 0; i < PL_PINS_MAX / 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("x%u@example.net", i);

      g_key_file_set_string (file, name, "key", "00");
      g_key_file_set_string (file, name, "how", "called us");
    }
  ck_assert_int_eq (g_mkdir_with_parents (dir, 0700), 0);
  ck_assert (g_key_file_save_to_file (file, path, NULL));
  ck_assert (meet ("y@example.net", 1, PL_PIN_CALLED_US, 10)); /* heard, not kept */
  list = pl_pins_list (path, NULL);
  ck_assert_uint_eq (list->len, PL_PINS_MAX / 4);
  ck_assert (meet (BOB, 1, PL_PIN_DIALLED, 10) && !meet (BOB, 2, PL_PIN_CALLED_US, 10));
}
END_TEST

START_TEST (pins_that_cannot_be_read_let_nobody_in)
{
  g_autofree char *dir = g_path_get_dirname (path);

  ck_assert_int_eq (g_mkdir_with_parents (dir, 0700), 0);
  ck_assert (g_file_set_contents (path, "no key file", -1, NULL));
  ck_assert (!meet (BOB, 1, PL_PIN_DIALLED, 10));
  ck_assert_ptr_nonnull (error);
  ck_assert_uint_eq (filter (BOB, 1, 0), 0);
  g_remove (path);
  ck_assert (!meet ("a[b]@example.net", 1, PL_PIN_DIALLED, 10) && error);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("proxy/pins");
  TCase *tcase = tcase_create ("pins");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, pins_keep_the_first_key_of_a_name_until_another_is_accepted);
  tcase_add_test (tcase, pins_let_nobody_choose_between_keys_of_an_unknown_name);
  tcase_add_test (tcase, pins_of_strangers_who_call_leave_room);
  tcase_add_test (tcase, pins_that_cannot_be_read_let_nobody_in);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
