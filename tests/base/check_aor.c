/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/aor.h"
#include "tests/support/test.h"

#include <string.h>

typedef struct { const char *text, *canonical; } Pair;

static const Pair good[] = {
  { "alice@example.org", "alice@example.org" },
  { "Alice@Example.ORG", "alice@example.org" },
  { "sip:alice@example.org", "alice@example.org" },
  { "SIPS:alice@example.org", "alice@example.org" },
  { "sip:alice@example.org:5060", "alice@example.org" },
  { "alice@example.org:65535", "alice@example.org" },
  { "sip:alice@example.org.", "alice@example.org" },
  { "sip:alice@example.org;transport=udp;lr", "alice@example.org" },
  { "sip:alice@example.org:5080;transport=tcp?Subject=x", "alice@example.org" },
  { "sip:alice@example.org?Subject=x", "alice@example.org" },
  { "<sip:alice@example.org;transport=udp>;tag=1", "alice@example.org" },
  { "<alice@example.org>", "alice@example.org" },
  { "sip:alice:secret@example.org", "alice@example.org" },
  { "sip:%61%4cice@example.org", "alice@example.org" },
  { "sip:alice%40home@example.org", "alice@home@example.org" },
  { "alice@home@example.org", "alice@home@example.org" },
  { "sip:;,?/!$&'()*-_.~+=@example.org", ";,?/!$&'()*-_.~+=@example.org" },
  { "sip:user;par=u%40example.net@example.com", "user;par=u@example.net@example.com" },
  { "sip:sips%3Auser%40example.com@example.net", "sips%3auser@example.com@example.net" },
  { "sip:100%25@example.org", "100%25@example.org" },
  { "sip:a%2540b@example.org", "a%2540b@example.org" },
  { "sip:j%20doe@example.org", "j%20doe@example.org" },
  { "sip:%3Ca%3e@example.org", "%3ca%3e@example.org" },
  { "sip:alice@[2001:DB8:0:0:0:0:0:1]:5060", "alice@[2001:db8::1]" },
  { "alice@[::1]", "alice@[::1]" },
  { "alice@192.0.2.1", "alice@192.0.2.1" },
  { "alice@localhost", "alice@localhost" },
  { "alice@B\303\234CHER.example", "alice@xn--bcher-kva.example" },
  { "alice@XN--BCHER-KVA.example", "alice@xn--bcher-kva.example" },
  { "alice@example\343\200\202org", "alice@example.org" },
  { "sip:j%C3%B6rg@example.org", "j\303\266rg@example.org" },
  { "j\303\266rg@example.org", "j\303\266rg@example.org" },
};

static const char *const bad[] = {
  "", "@", "alice", "sip:", "sip:alice", "sip:example.org", "alice@", "@example.org", "sip:@example.org",
  "sip::secret@example.org", "alice@.", "alice@..", "alice@example..org", "alice@.org", "alice@exa mple.org",
  "alice@example.org:", "alice@example.org:x", "alice@example.org:123456", "alice@exam%70le.org",
  "sip:%00@example.org", "sip:ali%00ce@example.org", "sip:ali%0dce@example.org", "sip:ali%7fce@example.org",
  "ali\tce@example.org", "ali ce@example.org", " alice@example.org", "alice@example.org ", "alice@example.org\r\n",
  "sip:ali%ce@example.org", "sip:ali%", "sip:ali%4@example.org", "sip:ali%zz@example.org", "sip:%ff@example.org",
  "ali\200ce@example.org", "alice@\377.org", "sip:%e2%80%ae@example.org" /* RLO */, "ali\342\200\213ce@example.org" /* ZWSP */,
  "sip:alice@evil.org;x=@example.org", "sip:alice@evil.org@example.org", "sip:a@b?x=y@example.org",
  "alice@[::1", "alice@::1", "alice@[fe80::1%25lo]", "alice@[192.0.2.1]", "alice@[]", "alice@[::1]x",
  "<sip:alice@example.org", "<sip:alice@example.org>x", "<<sip:alice@example.org>>", "\"Alice\" <sip:alice@example.org>",
  "mailto:alice@example.org", "tel:+123@example.org", "http://alice@example.org/", "alice:secret@example.org",
  "alice@ex/ample.org", "alice@-\x01.org",
};

START_TEST (aor_canonical_form_is_the_expected_one)
{
  const Pair *pair = &good[_i];
  g_autofree char *canonical = pl_aor_canonical (pair->text);

  ck_assert_msg (g_strcmp0 (canonical, pair->canonical) == 0, "%s -> %s", pair->text, canonical);
}
END_TEST

/* A second pass must never make another person of the first one's result. */
START_TEST (aor_canonical_form_is_stable_also_through_its_uri)
{
  g_autofree char *again = pl_aor_canonical (good[_i].canonical);
  g_autofree char *uri = pl_aor_uri (good[_i].canonical);
  g_autofree char *back = pl_aor_canonical (uri);

  ck_assert_str_eq (again, good[_i].canonical);
  ck_assert_msg (g_strcmp0 (back, good[_i].canonical) == 0, "%s -> %s", uri, back);
}
END_TEST

START_TEST (aor_refuses_what_names_nobody)
{
  g_autofree char *canonical = pl_aor_canonical (bad[_i]);

  ck_assert_msg (canonical == NULL, "%s -> %s", bad[_i], canonical);
}
END_TEST

START_TEST (aor_refuses_null_and_what_is_too_long)
{
  g_autofree char *user = g_strnfill (PL_AOR_MAX - strlen ("@example.org"), 'a');
  g_autofree char *fits = g_strdup_printf ("%s@example.org", user);
  g_autofree char *longer = g_strdup_printf ("a%s@example.org", user);
  g_autofree char *escapes = g_strnfill (PL_AOR_TEXT_MAX, 'a');
  g_autofree char *huge = g_strdup_printf ("%s@example.org", escapes);
  g_autofree char *label = g_strnfill (64, 'b');
  g_autofree char *host = g_strdup_printf ("a@%s.org", label);
  g_autofree char *canonical = pl_aor_canonical (fits);

  ck_assert_str_eq (canonical, fits);
  ck_assert_ptr_null (pl_aor_canonical (longer));
  ck_assert_ptr_null (pl_aor_canonical (huge));
  ck_assert_ptr_null (pl_aor_canonical (host));
  ck_assert_ptr_null (pl_aor_canonical (NULL));
}
END_TEST

/* Whatever bytes come: NULL or a stable result within the bound. */
START_TEST (aor_of_random_bytes_is_nothing_or_stable)
{
  static const char alphabet[] = "aZ9@@%%:;<>[]?/.,-\"\\ 4025eE\303\266\342\200\256";
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (int i = 0; i < 200000; i++)
    {
      char text[24] = "sip:";
      int start = i & 1 ? 4 : 0, len = g_rand_int_range (rand, 0, 19);
      g_autofree char *once = NULL;
      g_autofree char *twice = NULL;

      for (int k = 0; k < len; k++)
        text[start + k] = alphabet[g_rand_int_range (rand, 0, sizeof alphabet - 1)];
      text[start + len] = '\0';
      once = pl_aor_canonical (text);
      if (!once)
        continue;
      twice = pl_aor_canonical (once);
      ck_assert_msg (g_strcmp0 (once, twice) == 0, "%s -> %s -> %s", text, once, twice);
      ck_assert_uint_le (strlen (once), PL_AOR_MAX);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("base");
  TCase *tcase = tcase_create ("base/aor");

  tcase_add_loop_test (tcase, aor_canonical_form_is_the_expected_one, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tcase, aor_canonical_form_is_stable_also_through_its_uri, 0, G_N_ELEMENTS (good));
  tcase_add_loop_test (tcase, aor_refuses_what_names_nobody, 0, G_N_ELEMENTS (bad));
  tcase_add_test (tcase, aor_refuses_null_and_what_is_too_long);
  tcase_add_test (tcase, aor_of_random_bytes_is_nothing_or_stable);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
