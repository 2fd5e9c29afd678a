/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What devices can do and callers ask for, RFC 3840 and 3841.
 */
#include "config.h"

#include "sip/router/prefs.h"
#include "tests/support/test.h"

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <string.h>

static const struct { const char *header, *said, *published; guint q; } contacts[] = {
  { "<sip:a@h>", "", "", 1000 },
  { "<sip:a@h>;q=0.7;expires=60", "q=0.7", "q=0.7", 700 },
  { "<sip:a@h>;audio;methods=\"INVITE,BYE\";q=0", "audio;methods=\"INVITE,BYE\";q=0", "audio;methods=\"INVITE,BYE\";q=0", 0 },
  { "<sip:a@h>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;+org.x.y=\"<z;w>\";video", "+org.x.y=\"<z;w>\";video", "video", 1000 },
  { "<sip:a@h>;description=\"<in the kitchen>\";Language=\"en,fi\"", "description=\"<in the kitchen>\";Language=\"en,fi\"", "Language=\"en,fi\"", 1000 },
  { "<sip:a@h>;q=2", "q=2", "q=2", 1000 },
};

START_TEST (capabilities_of_a_contact_are_kept_and_the_public_ones_published) /* RFC 3840; S4-10 */
{
  su_home_t *home = su_home_new (sizeof *home);
  sip_contact_t *contact = sip_contact_make (home, contacts[_i].header);
  g_autofree char *said = pl_prefs_of_contact (contact);
  g_autofree char *published = pl_prefs_public (said);

  ck_assert_str_eq (said, contacts[_i].said);
  ck_assert_str_eq (published, contacts[_i].published);
  ck_assert_uint_eq (pl_prefs_q (said), contacts[_i].q);
  su_home_unref (home);
}
END_TEST

#define NO G_MAXUINT

/* What the caller says; the score of each device, NO: not wanted. */
static const struct { const char *lines; guint nothing, audio, video, both, deaf; } asked[] = {
  { "", 1000, 1000, 1000, 1000, 1000 },
  { "Accept-Contact: *;video\r\n", 1000, 0, 1000, 1000, 0 },
  { "Accept-Contact: *;video;require\r\n", 1000, 0, 1000, 1000, NO },
  { "Accept-Contact: *;video;require;explicit\r\n", 1000, NO, 1000, 1000, NO },
  { "Accept-Contact: *;video;explicit\r\n", 1000, 0, 1000, 1000, 0 },
  { "Accept-Contact: *;audio;video\r\n", 1000, 500, 500, 1000, 0 },
  { "Accept-Contact: *;audio\r\nAccept-Contact: *;video\r\n", 1000, 500, 500, 1000, 0 },
  { "Reject-Contact: *;video\r\n", 1000, 1000, NO, NO, 1000 },
  { "Reject-Contact: *;audio;video\r\n", 1000, 1000, 1000, NO, 1000 },
  { "Reject-Contact: *;automata\r\nAccept-Contact: *;methods=\"MESSAGE\";require\r\n", 1000, 0, 0, 0, NO },
};

static guint
score_of (const sip_t *sip, const char *prefs)
{
  guint score;

  return pl_prefs_wanted (prefs, sip, &score) ? score : NO;
}

START_TEST (caller_chooses_among_devices) /* RFC 3841, 7.2.4; 353 */
{
  g_autofree char *text = g_strdup_printf ("INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
                                           "Call-ID: 1\r\nCSeq: 1 INVITE\r\n%sContent-Length: 0\r\n\r\n", asked[_i].lines);
  msg_t *msg = msg_make (sip_default_mclass (), 0, text, strlen (text));
  const sip_t *sip = sip_object (msg);

  ck_assert_uint_eq (score_of (sip, ""), asked[_i].nothing);
  ck_assert_uint_eq (score_of (sip, "q=0.3"), asked[_i].nothing); /* immune */
  ck_assert_uint_eq (score_of (sip, "audio"), asked[_i].audio);
  ck_assert_uint_eq (score_of (sip, "video"), asked[_i].video);
  ck_assert_uint_eq (score_of (sip, "audio;video;q=0.1"), asked[_i].both);
  ck_assert_uint_eq (score_of (sip, "audio=\"FALSE\";video=\"FALSE\";methods=\"INVITE\""), asked[_i].deaf);
  msg_destroy (msg);
}
END_TEST

/* They come from the overlay, where their owner may have written anything. */
START_TEST (capabilities_that_are_none_say_nothing)
{
  static const char *const odd[] = {
    "\r\nVia: x", ";;;", "=", "\"", "<>", ", <sip:x@y>;q=0.1", "audio=\"", "(sip.schemes=SIPS)", "q=x", "q=", "q=-1", "q=nan", "audio=\"#<=\";video=\"!\"",
    "methods=\"INVITE", "%00", "a\x01", "audio;audio;audio=\"<\"",
  };
  static const char text[] = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\n"
                             "CSeq: 1 INVITE\r\nAccept-Contact: *;audio;video=\"#>=4\"\r\nReject-Contact: *;methods=\"BYE\"\r\n\r\n";
  msg_t *msg = msg_make (sip_default_mclass (), 0, text, strlen (text));
  g_autofree char *longer = g_strnfill (PL_PREFS_MAX + 1, 'a');

  for (guint i = 0; i <= G_N_ELEMENTS (odd); i++)
    {
      const char *prefs = i < G_N_ELEMENTS (odd) ? odd[i] : longer;
      g_autofree char *published = pl_prefs_public (prefs);
      guint score;

      ck_assert_uint_le (strlen (published), PL_PREFS_MAX);
      ck_assert_uint_le (pl_prefs_q (prefs), PL_PREFS_Q_MAX);
      pl_prefs_wanted (prefs, sip_object (msg), &score);
      ck_assert_uint_le (score, 1000);
    }
  ck_assert_uint_eq (pl_prefs_q ("q=x"), 0);
  msg_destroy (msg);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("router/prefs");

  tcase_add_loop_test (tcase, capabilities_of_a_contact_are_kept_and_the_public_ones_published, 0, G_N_ELEMENTS (contacts));
  tcase_add_loop_test (tcase, caller_chooses_among_devices, 0, G_N_ELEMENTS (asked));
  tcase_add_test (tcase, capabilities_that_are_none_say_nothing);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
