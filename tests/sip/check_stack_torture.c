/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The messages of RFC 4475 and the cases of RFC 5118 through a whole stack, each with the answer
 * it must get or the way it must be forwarded. The daemon's user owns every address, so that what
 * is judged is the message and not who sent it; the callee is a phone of the same daemon, which
 * media policy lets alone.
 */
#include "config.h"

#include "tests/sip/stack-world.h"
#include "tests/support/siptext.h"

#include <string.h>

typedef struct {
  World w;
  PlPhone *caller, *callee;
} Scene;

/* The next callee, NULL: none; forgets what was before. */
static void
scene_next (Scene *s, const char *callee)
{
  g_clear_pointer (&s->callee, pl_phone_free);
  pl_phone_clear (s->caller);
  if (!callee)
    return;
  s->callee = pl_phone_new (s->w.context, callee, pl_sip_listening (s->w.a.sip)[0], FALSE);
  pl_phone_set_script (s->callee, &(PlPhoneScript){ .deaf = TRUE });
  pl_phone_set_contact (s->callee, "sip:callee@phone.invalid;x=%41");
  pl_phone_register (s->callee, 300);
  expect_message (s->callee, "200 REGISTER");
  pl_phone_clear (s->callee);
}

static void
scene_start (Scene *s, const char *callee)
{
  memset (s, 0, sizeof *s);
  world_start (&s->w);
  pl_fake_daemon_own_all (s->w.a.daemon);
  s->caller = pl_phone_new (s->w.context, ALICE, pl_sip_listening (s->w.a.sip)[0], FALSE);
  scene_next (s, callee);
}

static void
scene_stop (Scene *s)
{
  pl_phone_free (s->caller);
  if (s->callee)
    pl_phone_free (s->callee);
  world_stop (&s->w);
}

static void
send_file (Scene *s, const char *name)
{
  g_autofree char *file = g_strdup_printf ("torture/%s.dat", name);
  g_autoptr (GBytes) bytes = pl_test_data (file);

  pl_phone_send_raw (s->caller, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* --- answered --- */

static const struct { const char *name, *wanted, *part; } answered[] = {
  /* valid, and not for a proxy that must be able to certify the people it calls */
  { "wsinv", "481", "branch=390skdjuw" },      /* its To has a tag: a dialog that we are not in */
  { "intmeth", "501", "501 Method Not Implemented" }, /* the transaction layer knows no such token */
  { "esc02", "404 RE%47IST%45R", "C" },               /* no REGISTER, and to nobody */
  { "escnull", "404 REGISTER", "C" },                 /* a name with a zero octet is certified to nobody */
  { "inv2543", "400 INVITE", "Contact Missing" },
  /* REGISTER */
  { "dblreq", "200 REGISTER", "Contact: <sip:j.user@host.example.com>" },
  { "regaut01", "200 REGISTER", "C" },
  { "regescrt", "200 REGISTER", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=" },
  { "cparam01", "200 REGISTER", "Contact: <sip:+19725552222@gw1.example.net>;expires=" },
  { "cparam02", "200 REGISTER", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>;expires=" },
  { "regbadct", "400 REGISTER", "Bad Contact" },
  { "unksm2", "404 REGISTER", "C" },
  /* malformed */
  { "badinv01", "400 INVITE", "Bad Via" }, { "clerr", "400 INVITE", "C" }, { "ncl", "400 INVITE", "Bad Content-Length" },
  { "scalar02", "400 REGISTER", "Bad CSeq" }, { "quotbal", "400 INVITE", "Bad To" }, { "ltgtruri", "400 INVITE", "C" },
  { "lwsruri", "400 INVITE", "Bad Request Line" }, { "trws", "400 OPTIONS", "Bad Request Line" },
  { "baddn", "400 OPTIONS", "Bad From" }, { "badvers", "505 OPTIONS", "C" }, { "mismatch01", "400 INVITE", "C" },
  { "mismatch02", "400 INVITE", "C" }, { "insuf", "400 INVITE", "Missing" }, { "multi01", "400 INVITE", "C" },
  { "mcl01", "400 OPTIONS", "Bad Content-Length" },
  /* what we do not do */
  { "unkscm", "416 OPTIONS", "C" }, { "novelsc", "416 OPTIONS", "C" },
  { "bext01", "420 OPTIONS", "Unsupported: noProxiesSupportThis, norDoAnyProxiesSupportThis" },
  { "zeromf", "483 OPTIONS", "C" },
};

START_TEST (torture_is_answered_as_it_must_be) /* S2-19, RFC 4475 */
{
  Scene s;

  scene_start (&s, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (answered); i++)
    {
      const char *got;

      pl_phone_clear (s.caller);
      send_file (&s, answered[i].name);
      got = expect_message (s.caller, answered[i].wanted);
      expect_contains (got, answered[i].part);
      expect_contains (got, "\r\nVia");
    }
  scene_stop (&s);
}
END_TEST

/* --- forwarded --- */

/* To whom, and what must be in it as it was. */
static const struct { const char *name, *callee, *method, *part; } forwarded[] = {
  { "esc01", "sips%3Auser%40example.com@example.net", "INVITE", "To: <sip:user@example.com>\r\n" },
  { "lwsdisp", "user@example.com", "OPTIONS", "From: caller <sip:caller@example.com>;tag=323\r\n" },
  { "longreq", "user@example.com", "INVITE", "Unknown-LongLongLongLong" },
  { "semiuri", "user;par=u%40example.net@example.com", "OPTIONS", "message/sipfrag\r\n" },
  { "transports", "user@example.com", "OPTIONS", "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\r\n" },
  { "mpart01", "kumiko@example.org", "MESSAGE", "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655\r\n" },
  { "lwsstart", "user@example.com", "INVITE", "a=rtpmap:31 LPC\r\n" },
  { "escruri", "user@example.com", "INVITE", "a=rtpmap:31 LPC\r\n" },
  { "baddate", "user@example.com", "INVITE", "a=rtpmap:31 LPC\r\n" },
  { "badaspec", "user@example.org", "OPTIONS", "Accept: application/sdp\r\n" },
  { "badbranch", "user@example.com", "OPTIONS", "branch=z9hG4bK" },
  { "invut", "user@example.com", "INVITE", "<pcmu port=\"443\"/>\r\n" },
  { "sdp01", "user@example.com", "INVITE", "Accept: text/nobodyKnowsThis\r\n" },
};

START_TEST (torture_is_forwarded_as_it_came) /* RFC 4475; S4-16, S4-19 */
{
  Scene s;

  scene_start (&s, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (forwarded); i++)
    {
      g_autofree char *start = g_strdup_printf ("%s sip:callee@phone.invalid;x=%%41 SIP/2.0\r\n", forwarded[i].method);
      const char *got;

      scene_next (&s, forwarded[i].callee);
      send_file (&s, forwarded[i].name);
      got = expect_message (s.callee, forwarded[i].method);
      ck_assert_msg (g_str_has_prefix (got, start), "%s", got);
      expect_contains (got, forwarded[i].part);
    }
  scene_stop (&s);
}
END_TEST

/* --- answers --- */

static const char *const silly[] = { "unreason", "noreason", "scalarlg", "bigcode", "bcast" };

START_TEST (answers_to_nothing_are_dropped) /* RFC 4475 */
{
  Scene s;

  scene_start (&s, "user@example.com");
  for (guint i = 0; i < G_N_ELEMENTS (silly); i++)
    send_file (&s, silly[i]);
  pl_phone_request (s.caller, "MESSAGE", "sip:user@example.com", NULL, "still there?");
  expect_message (s.callee, "MESSAGE");
  ck_assert_uint_eq (pl_phone_count (s.caller, "") + pl_phone_count (s.callee, "") - pl_phone_count (s.callee, "MESSAGE"), 0);
  scene_stop (&s);
}
END_TEST

/* Status lines of unreason, noreason and bigcode in the answer to a request that waits for it. */
static const struct { const char *line, *wanted; } lines[] = {
  { "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe", "200 OPTIONS" },
  { "SIP/2.0 200 ", "200 OPTIONS" },
  { "SIP/2.0 4294967301 better not break the receiver", NULL },
};

START_TEST (answer_with_an_odd_reason_is_one)
{
  const PlPhoneMessage *request;
  g_autofree char *via = NULL;
  g_autofree char *from = NULL;
  g_autofree char *text = NULL;
  Scene s;

  scene_start (&s, "user@example.com");
  pl_phone_set_aor (s.caller, "caller@example.com");
  pl_phone_request (s.caller, "OPTIONS", "sip:user@example.com", NULL, NULL);
  expect_message (s.callee, "OPTIONS");
  request = pl_phone_last (s.callee, "OPTIONS");
  via = pl_siptext_dup_lines (request, "Via");
  from = pl_phone_message_dup_header (request, "From", 0);
  text = g_strdup_printf ("%s\r\n%sFrom: %s\r\nTo: <sip:user@example.com>;tag=1\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
                          lines[_i].line, via, from, request->call_id);
  pl_phone_send_raw (s.callee, text, strlen (text));
  if (lines[_i].wanted)
    expect_message (s.caller, lines[_i].wanted);
  else
    {
      pl_phone_idle (s.caller, 50);
      ck_assert_uint_eq (pl_phone_count (s.caller, ""), 0);
    }
  scene_stop (&s);
}
END_TEST

/* --- RFC 5118: IPv6 --- */

#define HEADS(cseq) "From: <sip:user@example.com>;tag=81x2\r\nTo: <sip:user@example.com>\r\nCall-ID: v6.0ha0@[2001:db8::9:1]\r\nCSeq: 98176 " cseq "\r\nMax-Forwards: 70\r\n"

static const struct { const char *text, *callee, *wanted, *part; } six[] = {
  /* 4.1: a reference of IPv6, 4.2: one without brackets */
  { "REGISTER sip:[2001:db8::10] SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n" HEADS ("REGISTER")
    "Contact: <sip:user@[2001:db8::9:1]>\r\nl: 0\r\n\r\n", NULL, "200 REGISTER", "Contact: <sip:user@[2001:db8::9:1]>" },
  { "REGISTER sip:2001:db8::10 SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n" HEADS ("REGISTER")
    "Contact: <sip:user@[2001:db8::9:1]>\r\nl: 0\r\n\r\n", NULL, "400 REGISTER", "Bad Request-URI" },
  /* 4.3, 4.4: the port, ambiguous and not */
  { "REGISTER sip:[2001:db8::10:5070] SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n" HEADS ("REGISTER")
    "Contact: <sip:user@[2001:db8::9:1]>\r\nl: 0\r\n\r\n", NULL, "200 REGISTER", "C" },
  { "REGISTER sip:[2001:db8::10]:5070 SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n" HEADS ("REGISTER")
    "Contact: <sip:user@[2001:db8::9:1]>\r\nl: 0\r\n\r\n", NULL, "200 REGISTER", "C" },
  /* 4.5: received with and without brackets */
  { "OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3\r\n" HEADS ("OPTIONS")
    "l: 0\r\n\r\n", "user@example.com", "OPTIONS", "[2001:db8::9:1]" },
  { "OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3\r\n" HEADS ("OPTIONS")
    "l: 0\r\n\r\n", "user@example.com", "OPTIONS", "[2001:db8::9:1]" },
  /* 4.6 to 4.10: references in Via of both families, in Contact, mapped, in a body */
  { "INVITE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n"
    HEADS ("INVITE") "Contact: <sip:user@[2001:db8::9:1]>\r\nContent-Type: application/sdp\r\nContent-Length: 94\r\n\r\n"
    "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=-\r\nc=IN IP6 2001:db8::20\r\nt=0 0\r\n",
    "user@example.com", "INVITE", "c=IN IP6 2001:db8::20\r\n" },
  { "INVITE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\r\n" HEADS ("INVITE")
    "Contact: \"T. desk phone\" <sip:user@[::ffff:192.0.2.10]:19823>\r\nContent-Length: 0\r\n\r\n", "user@example.com", "INVITE",
    "Contact: \"T. desk phone\" <sip:user@[::ffff:192.0.2.10]:19823>\r\n" },
  { "OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3\r\n" HEADS ("OPTIONS")
    "l: 0\r\n\r\n", NULL, "4xx OPTIONS", "C" },
};

START_TEST (ipv6_is_understood) /* RFC 5118; S3-11 */
{
  Scene s;

  scene_start (&s, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (six); i++)
    {
      g_auto (GStrv) parts = g_strsplit (six[i].text, "v6.0ha0", 2);
      g_autofree char *text = g_strdup_printf ("%s%u%s", parts[0], i, parts[1]); /* a Call-ID of its own */

      scene_next (&s, six[i].callee);
      pl_phone_send_raw (s.caller, text, strlen (text));
      expect_contains (expect_message (six[i].callee ? s.callee : s.caller, six[i].wanted), six[i].part);
    }
  scene_stop (&s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("stack/torture");

  tcase_set_timeout (tcase, 20);
  tcase_add_test (tcase, torture_is_answered_as_it_must_be);
  tcase_add_test (tcase, torture_is_forwarded_as_it_came);
  tcase_add_test (tcase, answers_to_nothing_are_dropped);
  tcase_add_loop_test (tcase, answer_with_an_odd_reason_is_one, 0, G_N_ELEMENTS (lines));
  tcase_add_test (tcase, ipv6_is_understood);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
