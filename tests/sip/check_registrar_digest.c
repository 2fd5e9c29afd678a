/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/registrar/digest.h"
#include "base/file.h"
#include "base/universe.h"
#include "tests/support/test.h"

#include <glib/gstdio.h>
#include <string.h>

#define ALICE "alice@example.org"
#define FILE_TEXT "# phones of the desk\n\nAlice@example.org   open sesame\nbob@example.org;md5 x\r\n"

typedef struct {
  PlUniverse *universe;
  PlDigest *digest;
  char *path;
} World;

static void
world_start (World *w, int mode)
{
  w->universe = pl_universe_new (1);
  w->path = g_build_filename (g_get_home_dir (), "phone-passwords", NULL);
  ck_assert (pl_file_write (w->path, FILE_TEXT, strlen (FILE_TEXT), mode, NULL));
  w->digest = pl_digest_new (pl_universe_env (w->universe), w->path);
}

static void
world_stop (World *w)
{
  pl_digest_free (w->digest);
  pl_universe_free (w->universe);
  g_unlink (w->path);
  g_free (w->path);
}

/* The nonce of the n-th challenge. */
static char *
nonce_of (PlDigest *digest, guint n)
{
  g_autofree char *challenge = pl_digest_dup_challenge (digest, ALICE, FALSE);
  g_auto (GStrv) parts = g_strsplit (challenge, "nonce=\"", -1);

  ck_assert_uint_eq (g_strv_length (parts), 3);
  return g_strndup (parts[n + 1], strcspn (parts[n + 1], "\""));
}

static char *
hash (GChecksumType type, const char *text)
{
  return g_compute_checksum_for_string (type, text, -1);
}

/* What a phone would send, written here anew (RFC 7616, 3.4). */
static char **
answer (GChecksumType type, const char *user, const char *password, const char *nonce, gboolean qop)
{
  g_autofree char *one = g_strdup_printf ("%s:peerline:%s", user, password);
  g_autofree char *ha1 = hash (type, one);
  g_autofree char *ha2 = hash (type, "REGISTER:sip:example.org");
  g_autofree char *all = qop ? g_strdup_printf ("%s:%s:00000001:abc:auth:%s", ha1, nonce, ha2) : g_strdup_printf ("%s:%s:%s", ha1, nonce, ha2);
  g_autofree char *response = hash (type, all);
  g_autofree char *text = g_strdup_printf ("username=\"%s\"\nrealm=\"peerline\"\nnonce=\"%s\"\nuri=\"sip:example.org\"\nresponse=\"%s\"%s%s", user, nonce,
                                           response, type == G_CHECKSUM_SHA256 ? "\nalgorithm=SHA-256" : "", qop ? "\nqop=auth\ncnonce=\"abc\"\nnc=00000001" : "");

  return g_strsplit (text, "\n", -1);
}

static PlDigestResult
check (World *w, char **params)
{
  PlDigestResult result = pl_digest_check (w->digest, ALICE, "REGISTER", (const char *const *) params);

  g_strfreev (params);
  return result;
}

START_TEST (password_is_asked_of_whom_has_one)
{
  World w;

  world_start (&w, 0600);
  ck_assert_int_eq (pl_digest_check (w.digest, "carol@example.org", "REGISTER", NULL), PL_DIGEST_FREE);
  ck_assert_int_eq (pl_digest_check (w.digest, ALICE, "REGISTER", NULL), PL_DIGEST_MISSING);
  ck_assert_int_eq (pl_digest_check (w.digest, "bob@example.org", "REGISTER", NULL), PL_DIGEST_MISSING);
  g_unlink (w.path);
  ck_assert_int_eq (pl_digest_check (w.digest, ALICE, "REGISTER", NULL), PL_DIGEST_FREE);
  world_stop (&w);
}
END_TEST

START_TEST (phone_that_knows_md5_alone_is_asked_for_that)
{
  g_autofree char *challenge = NULL;
  World w;

  world_start (&w, 0600);
  challenge = pl_digest_dup_challenge (w.digest, "bob@example.org", TRUE);
  ck_assert (g_str_has_prefix (challenge, "WWW-Authenticate: Digest realm=\"peerline\", nonce=\""));
  ck_assert (g_str_has_suffix (challenge, ", algorithm=MD5, qop=\"auth\", stale=true\r\n"));
  ck_assert_ptr_null (strstr (challenge, "SHA-256"));
  world_stop (&w);
}
END_TEST

START_TEST (password_that_others_can_read_lets_nobody_in)
{
  World w;

  world_start (&w, 0644);
  ck_assert_int_eq (pl_digest_check (w.digest, ALICE, "REGISTER", NULL), PL_DIGEST_BROKEN);
  ck_assert_int_eq (pl_digest_check (w.digest, "carol@example.org", "REGISTER", NULL), PL_DIGEST_BROKEN);
  world_stop (&w);
}
END_TEST

/* RFC 8760: SHA-256 first; MD5 with and without qop for old phones */
START_TEST (right_password_is_taken_and_a_wrong_one_is_not)
{
  g_autofree char *nonce = NULL;
  World w;

  world_start (&w, 0600);
  nonce = nonce_of (w.digest, 0);
  for (int qop = 0; qop < 2; qop++)
    {
      ck_assert_int_eq (check (&w, answer (G_CHECKSUM_SHA256, "alice", "open sesame", nonce, qop)), PL_DIGEST_GOOD);
      ck_assert_int_eq (check (&w, answer (G_CHECKSUM_MD5, "alice", "open sesame", nonce, qop)), PL_DIGEST_GOOD);
      ck_assert_int_eq (check (&w, answer (G_CHECKSUM_MD5, ALICE, "open sesame", nonce, qop)), PL_DIGEST_GOOD);
      ck_assert_int_eq (check (&w, answer (G_CHECKSUM_SHA256, "alice", "open sesame ", nonce, qop)), PL_DIGEST_WRONG);
      ck_assert_int_eq (check (&w, answer (G_CHECKSUM_SHA256, "bob", "x", nonce, qop)), PL_DIGEST_WRONG);
    }
  world_stop (&w);
}
END_TEST

START_TEST (nonce_is_ours_and_young_or_stale)
{
  g_autofree char *nonce = NULL;
  World w;

  world_start (&w, 0600);
  nonce = nonce_of (w.digest, 1);
  ck_assert_int_eq (check (&w, answer (G_CHECKSUM_MD5, "alice", "open sesame", "made up", TRUE)), PL_DIGEST_STALE);
  pl_universe_run (w.universe, PL_DIGEST_NONCE_TIME - 1);
  ck_assert_int_eq (check (&w, answer (G_CHECKSUM_MD5, "alice", "open sesame", nonce, TRUE)), PL_DIGEST_GOOD);
  pl_universe_run (w.universe, PL_DIGEST_NONCE_TIME + PL_USEC_PER_SEC);
  ck_assert_int_eq (check (&w, answer (G_CHECKSUM_MD5, "alice", "open sesame", nonce, TRUE)), PL_DIGEST_STALE);
  nonce[3] ^= 1;
  ck_assert_int_eq (check (&w, answer (G_CHECKSUM_MD5, "alice", "open sesame", nonce, TRUE)), PL_DIGEST_STALE);
  world_stop (&w);
}
END_TEST

START_TEST (answer_that_lacks_something_is_wrong)
{
  static const char *const lacking[] = { "username=", "nonce=", "uri=", "response=", "cnonce=", "nc=" };
  g_autofree char *nonce = NULL;
  World w;

  world_start (&w, 0600);
  nonce = nonce_of (w.digest, 0);
  for (guint i = 0; i < G_N_ELEMENTS (lacking); i++)
    {
      char **params = answer (G_CHECKSUM_SHA256, "alice", "open sesame", nonce, TRUE);

      for (char **param = params; *param; param++)
        if (g_str_has_prefix (*param, lacking[i]))
          (*param)[0] = 'X';
      ck_assert_msg (check (&w, params) == PL_DIGEST_WRONG, "%s", lacking[i]);
    }
  world_stop (&w);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("registrar/digest");

  tcase_add_test (tcase, password_is_asked_of_whom_has_one);
  tcase_add_test (tcase, phone_that_knows_md5_alone_is_asked_for_that);
  tcase_add_test (tcase, password_that_others_can_read_lets_nobody_in);
  tcase_add_test (tcase, right_password_is_taken_and_a_wrong_one_is_not);
  tcase_add_test (tcase, nonce_is_ours_and_young_or_stale);
  tcase_add_test (tcase, answer_that_lacks_something_is_wrong);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
