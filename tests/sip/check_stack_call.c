/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/sip/stack-world.h"

#include <string.h>

typedef struct {
  World w;
  PlPhone *alice, *bob;
  char *offer, *answer;
  const char *call;
} Pair;

static void
pair_start (Pair *p, gboolean tcp)
{
  world_start (&p->w);
  p->alice = side_phone (&p->w, &p->w.a, ALICE, tcp);
  p->bob = side_phone (&p->w, &p->w.b, BOB, tcp);
  p->offer = pl_phone_make_sdp (1, FALSE);
  p->answer = pl_phone_make_sdp (2, TRUE);
  pl_phone_set_script (p->alice, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = p->answer });
  pl_phone_set_script (p->bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = p->answer });
}

static void
pair_stop (Pair *p)
{
  pl_phone_free (p->alice);
  pl_phone_free (p->bob);
  world_stop (&p->w);
  g_free (p->offer);
  g_free (p->answer);
}

static void
pair_call (Pair *p)
{
  p->call = pl_phone_invite (p->alice, BOB, p->offer);
  expect_message (p->alice, "200 INVITE");
  expect_message (p->bob, "ACK");
}

static void
expect_state (Side *side, const char *state)
{
  PlCallInfo *info = side_dup_call (side);

  ck_assert_str_eq (info->state, state);
  pl_call_info_free (info);
}

START_TEST (call_goes_through_and_ends) /* S3-13, S3-15, S4-08, S0-07 */
{
  Pair p;
  PlCallInfo *info;

  pair_start (&p, _i);
  pair_call (&p);
  info = side_dup_call (&p.w.a);
  ck_assert_str_eq (info->state, "established");
  ck_assert_str_eq (info->media, "ice+dtls-srtp");
  ck_assert_str_eq (info->far_node, NODE_B);
  ck_assert_str_eq (info->from, ALICE);
  ck_assert_str_eq (info->to, BOB);
  ck_assert (info->lookup >= 0 && info->connect >= 0 && info->invite >= 0);
  pl_call_info_free (info);
  expect_state (&p.w.b, "established");
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "BYE", NULL, NULL));
  expect_message (p.bob, "BYE");
  expect_message (p.alice, "200 BYE");
  expect_state (&p.w.a, "ended");
  expect_state (&p.w.b, "ended");
  pair_stop (&p);
}
END_TEST

START_TEST (call_is_ended_by_the_one_who_was_called)
{
  Pair p;

  pair_start (&p, _i);
  pair_call (&p);
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL));
  expect_message (p.alice, "BYE");
  expect_message (p.bob, "200 BYE");
  expect_state (&p.w.a, "ended");
  pair_stop (&p);
}
END_TEST

START_TEST (call_shows_the_far_side_a_gruu_and_the_phone_its_own_contact) /* S4-09, S4-10 */
{
  Pair p;
  const char *invite;
  g_autofree char *uri = NULL;

  pair_start (&p, FALSE);
  pl_phone_set_contact (p.alice, "sip:uuid-7@127.0.0.1:59999;x=A%41");
  pair_call (&p);
  invite = expect_message (p.bob, "INVITE");
  expect_contains (invite, "Contact: <sip:" ALICE ";gr=");
  expect_lacks (invite, "uuid-7");
  uri = g_strdup_printf ("INVITE %s SIP/2.0\r\n", pl_phone_contact (p.bob));
  ck_assert (g_str_has_prefix (invite, uri));
  expect_contains (expect_message (p.alice, "200 INVITE"), "Contact: <sip:" BOB ";gr=");
  pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL);
  expect_contains (expect_message (p.alice, "BYE"), "BYE sip:uuid-7@127.0.0.1:59999;x=A%41 ");
  pair_stop (&p);
}
END_TEST

START_TEST (call_is_cancelled)
{
  Pair p;
  const char *call;

  pair_start (&p, _i);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  call = pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "180 INVITE");
  expect_state (&p.w.a, "ringing");
  ck_assert (pl_phone_cancel (p.alice, call));
  expect_message (p.bob, "CANCEL");
  expect_message (p.alice, "200 CANCEL");
  expect_message (p.alice, "487 INVITE");
  expect_state (&p.w.a, "ended");
  pl_phone_idle (p.alice, 100);
  ck_assert_uint_eq (pl_phone_count (p.alice, "487 INVITE"), 1);
  pair_stop (&p);
}
END_TEST

START_TEST (call_cancelled_before_it_leaves_is_answered)
{
  Pair p;
  const char *call;

  pair_start (&p, FALSE);
  pl_fake_net_set_delays (p.w.net, 500 * PL_USEC_PER_MSEC, 500 * PL_USEC_PER_MSEC, 1000);
  call = pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "100 INVITE");
  ck_assert (pl_phone_cancel (p.alice, call));
  expect_message (p.alice, "487 INVITE");
  pl_phone_idle (p.alice, 1200);
  ck_assert_uint_eq (pl_phone_count (p.bob, "INVITE"), 0);
  pair_stop (&p);
}
END_TEST

START_TEST (call_busy_is_told)
{
  Pair p;

  pair_start (&p, FALSE);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .answer = 486 });
  pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "486 INVITE");
  expect_state (&p.w.a, "ended");
  pair_stop (&p);
}
END_TEST

START_TEST (call_rings_all_phones_and_the_first_answer_wins)
{
  Pair p;
  PlPhone *second;

  pair_start (&p, FALSE);
  second = side_phone (&p.w, &p.w.b, BOB, FALSE);
  pl_phone_set_script (second, &(PlPhoneScript){ .ring = 180 });
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  p.call = pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (second, "INVITE");
  expect_message (p.bob, "INVITE");
  pl_phone_answer (p.bob, p.call, 200, NULL, p.answer);
  expect_message (p.alice, "200 INVITE");
  expect_message (second, "CANCEL");
  pl_phone_free (second);
  pair_stop (&p);
}
END_TEST

/* RFC 3261, 13.3.1.4: the phone repeats its 2xx until the ACK comes. */
START_TEST (call_passes_repeated_answers_and_acks)
{
  Pair p;

  pair_start (&p, _i);
  pl_phone_set_script (p.alice, &(PlPhoneScript){ .no_ack = TRUE });
  p.call = pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "200 INVITE");
  ck_assert (pl_phone_answer (p.bob, p.call, 200, NULL, p.answer));
  ck_assert (pl_phone_wait (p.alice, "200 INVITE", 2, WAIT));
  expect_contains (pl_phone_last (p.alice, "200 INVITE")->text, "Contact: <sip:" BOB ";gr=");
  pair_stop (&p);
}
END_TEST

START_TEST (call_changes_by_reinvite_from_both_sides)
{
  Pair p;

  pair_start (&p, FALSE);
  pair_call (&p);
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "INVITE", NULL, p.offer));
  ck_assert (pl_phone_wait (p.bob, "INVITE", 2, WAIT));
  ck_assert (pl_phone_wait (p.bob, "ACK", 2, WAIT));
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "INVITE", NULL, p.offer));
  expect_message (p.alice, "INVITE");
  expect_message (p.alice, "ACK");
  expect_message (p.bob, "200 INVITE");
  pair_stop (&p);
}
END_TEST

START_TEST (other_methods_pass_inside_and_outside)
{
  static const char *const methods[] = { "INFO", "UPDATE", "OPTIONS", "MESSAGE", "NOTIFY", "BLURB" };
  Pair p;

  pair_start (&p, FALSE);
  pl_phone_request (p.alice, "MESSAGE", "sip:" BOB, NULL, "hello bob");
  expect_message (p.alice, "200 MESSAGE");
  ck_assert_str_eq (pl_phone_last (p.bob, "MESSAGE")->body, "hello bob");
  pair_call (&p);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      pl_phone_clear (p.bob);
      ck_assert (pl_phone_in_dialog (p.alice, p.call, methods[i], NULL, NULL));
      expect_message (p.bob, methods[i]);
    }
  pair_stop (&p);
}
END_TEST

START_TEST (reliable_provisional_answer_is_acknowledged) /* RFC 3262 */
{
  Pair p;

  pair_start (&p, FALSE);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .headers = "Require: 100rel\r\nRSeq: 7\r\n" });
  p.call = pl_phone_request (p.alice, "INVITE", "sip:" BOB, "Supported: 100rel\r\n", p.offer);
  expect_contains (expect_message (p.alice, "180 INVITE"), "RSeq: 7");
  expect_contains (expect_message (p.bob, "INVITE"), "100rel");
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "PRACK", "RAck: 7 1 INVITE\r\n", NULL));
  expect_contains (expect_message (p.bob, "PRACK"), "RAck: 7 1 INVITE");
  pair_stop (&p);
}
END_TEST

/* What is between the phones alone passes as it is, in both directions. */
START_TEST (transfer_and_glare_pass) /* RFC 3515, RFC 3891; RFC 3261, 14.1 */
{
  Pair p;

  pair_start (&p, FALSE);
  pair_call (&p);
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "REFER", "Refer-To: <sip:carol@example.com;gr=AhAA?Replaces=1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\n"
                                                         "Referred-By: <sip:" BOB ">\r\n", NULL));
  expect_contains (expect_message (p.alice, "REFER"),
                   "Refer-To: <sip:carol@example.com;gr=AhAA?Replaces=1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\n");
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "NOTIFY", "Event: refer\r\nSubscription-State: active\r\n", NULL));
  expect_contains (expect_message (p.bob, "NOTIFY"), "Event: refer\r\n");
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .answer = 491 });
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "INVITE", NULL, p.offer));
  expect_message (p.alice, "491 INVITE");
  expect_state (&p.w.a, "established");
  pl_phone_request (p.alice, "INVITE", "sip:" BOB, "Replaces: 1@h;to-tag=a;from-tag=b\r\nSupported: replaces\r\n", p.offer);
  ck_assert (pl_phone_wait (p.bob, "INVITE", 3, WAIT));
  expect_contains (pl_phone_last (p.bob, "INVITE")->text, "Replaces: 1@h;to-tag=a;from-tag=b\r\n");
  pair_stop (&p);
}
END_TEST

START_TEST (invite_repeated_during_a_slow_look_up_is_one_call)
{
  Pair p;
  g_autofree char *repeat = NULL;

  pair_start (&p, FALSE);
  pl_fake_net_set_delays (p.w.net, 1500 * PL_USEC_PER_MSEC, 500 * PL_USEC_PER_MSEC, 1000);
  repeat = g_strdup_printf ("INVITE sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKslow;rport\r\nMax-Forwards: 70\r\n"
                            "From: <sip:%s>;tag=s\r\nTo: <sip:%s>\r\nCall-ID: slow\r\nCSeq: 1 INVITE\r\nContact: <%s>\r\n"
                            "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                            BOB, pl_phone_port (p.alice), ALICE, BOB, pl_phone_contact (p.alice), strlen (p.offer), p.offer);
  for (guint i = 0; i < 3; i++)
    {
      pl_phone_send_raw (p.alice, repeat, strlen (repeat));
      pl_phone_idle (p.alice, 400);
    }
  ck_assert_uint_ge (pl_phone_count (p.alice, "100 INVITE"), 1);
  expect_message (p.alice, "200 INVITE");
  ck_assert_uint_eq (pl_phone_count (p.bob, "INVITE"), 1);
  expect_state (&p.w.a, "established");
  pair_stop (&p);
}
END_TEST

/* --- candidates that cannot work --- */

#define PRIVATE "a=candidate:2 1 UDP 9 10.7.7.7 5000 typ host\r\n"
#define NAT "a=candidate:3 1 UDP 8 203.0.113.5 5000 typ srflx raddr 10.7.7.7 rport 5000\r\n"

static const struct { const char *path; gboolean kept; } paths[] = {
  { "udp 10.9.9.9:40000 203.0.113.5:6084", FALSE }, /* ICE found the NAT, not the host */
  { "udp 10.9.9.9:40000 10.7.7.7:40000", TRUE },    /* one network */
  { "udp [2001:db8::1]:40000 [2001:db8::2]:40000", TRUE },
  { "tcp 10.9.9.9:40000 203.0.113.5:6084", TRUE },  /* not found by ICE */
  { "udp - -", TRUE },
};

/* PHONES.md 10: baresip tries pairs one after the other, 2.3 s for each that fails. */
START_TEST (phones_see_no_candidate_that_cannot_work)
{
  g_autofree char *offer = NULL, *answer = NULL;
  Pair p;

  pair_start (&p, FALSE);
  offer = g_strconcat (p.offer, PRIVATE NAT, NULL);
  answer = g_strconcat (p.answer, PRIVATE NAT, NULL);
  pl_fake_net_set_path (p.w.net, paths[_i].path);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = answer });
  pl_phone_invite (p.alice, BOB, offer);
  ck_assert_int_eq (strstr (expect_message (p.bob, "INVITE"), PRIVATE) != NULL, paths[_i].kept);
  ck_assert_int_eq (strstr (expect_message (p.alice, "200 INVITE"), PRIVATE) != NULL, paths[_i].kept);
  expect_contains (expect_message (p.alice, "200 INVITE"), "192.0.2.2 51296 typ host");
  pair_stop (&p);
}
END_TEST

/* --- media policy --- */

static char *
sdp_without (const char *sdp, const char *prefix)
{
  g_auto (GStrv) lines = g_strsplit (sdp, "\r\n", -1);
  GString *out = g_string_new (NULL);

  for (char **line = lines; *line; line++)
    if (**line && !g_str_has_prefix (*line, prefix))
      g_string_append_printf (out, "%s\r\n", *line);
  return g_string_free (out, FALSE);
}

static char *
plain_sdp (const char *sdp)
{
  g_autofree char *a = sdp_without (sdp, "a=fingerprint");
  g_autofree char *b = sdp_without (a, "a=candidate");
  g_autofree char *c = sdp_without (b, "a=ice-");
  char **parts = g_strsplit (c, "UDP/TLS/RTP/SAVPF", -1);
  char *out = g_strjoinv ("RTP/AVP", parts);

  g_strfreev (parts);
  return out;
}

START_TEST (offer_without_ice_and_encryption_is_refused_with_advice) /* S0-21, S0-22 */
{
  Pair p;
  g_autofree char *plain = NULL;

  pair_start (&p, FALSE);
  plain = plain_sdp (p.offer);
  pl_phone_invite (p.alice, BOB, plain);
  expect_contains (expect_message (p.alice, "488 INVITE"), "Warning: 399 peerline \"");
  ck_assert_uint_eq (pl_phone_count (p.bob, "INVITE"), 0);
  pair_stop (&p);
}
END_TEST

START_TEST (answer_without_encryption_ends_the_branch)
{
  Pair p;
  g_autofree char *plain = NULL;

  pair_start (&p, FALSE);
  plain = plain_sdp (p.answer);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = plain });
  pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "488 INVITE");
  expect_message (p.bob, "ACK");
  expect_message (p.bob, "BYE");
  pair_stop (&p);
}
END_TEST

START_TEST (late_offer_is_judged_and_so_is_its_answer)
{
  Pair p;
  g_autofree char *plain = NULL;

  pair_start (&p, FALSE);
  plain = plain_sdp (p.offer);
  pl_phone_set_script (p.alice, &(PlPhoneScript){ .no_ack = TRUE });
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = p.offer });
  p.call = pl_phone_invite (p.alice, BOB, NULL);
  expect_message (p.alice, "200 INVITE");
  pl_phone_in_dialog (p.alice, p.call, "ACK", NULL, plain);
  expect_lacks (expect_message (p.bob, "ACK"), "m=audio");
  expect_message (p.bob, "BYE");
  expect_message (p.alice, "BYE");
  expect_state (&p.w.a, "ended");
  pair_stop (&p);
}
END_TEST

START_TEST (late_offer_without_encryption_ends_the_branch)
{
  Pair p;
  g_autofree char *plain = NULL;

  pair_start (&p, FALSE);
  plain = plain_sdp (p.offer);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = plain });
  pl_phone_invite (p.alice, BOB, NULL);
  expect_message (p.alice, "488 INVITE");
  expect_message (p.bob, "BYE");
  pair_stop (&p);
}
END_TEST

static GBytes *
strip_fingerprint (gpointer user, const char *from, const char *to, GBytes *bytes)
{
  gsize len;
  const char *data = g_bytes_get_data (bytes, &len);
  g_autofree char *text = g_strndup (data, len);
  char *line;

  if (strcmp (from, NODE_B) != 0 || !g_str_has_prefix (text, "SIP/2.0 200"))
    return bytes;
  g_bytes_unref (bytes);
  while ((line = strstr (text, "a=fingerprint:")))
    memcpy (line, "a=fongerprint:", 14);
  return g_bytes_new_take (g_steal_pointer (&text), len);
}

/* The far daemon may be a liar: ours judges its answers itself. */
START_TEST (far_answer_without_encryption_ends_the_branch)
{
  Pair p;

  pair_start (&p, FALSE);
  pl_fake_net_set_tamper (p.w.net, strip_fingerprint, NULL);
  pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "488 INVITE");
  expect_message (p.bob, "ACK");
  expect_message (p.bob, "BYE");
  ck_assert_uint_eq (pl_phone_count (p.alice, "200 INVITE"), 0);
  pair_stop (&p);
}
END_TEST

static GBytes *
repeat_with_bad_description (gpointer user, const char *from, const char *to, GBytes *bytes)
{
  gsize len;
  const char *data = g_bytes_get_data (bytes, &len);
  guint *seen = user;

  if (strcmp (from, NODE_B) == 0 && g_strstr_len (data, len, "INVITE\r\n") && len > 11 && strncmp (data, "SIP/2.0 200", 11) == 0
      && (*seen)++ > 0)
    return strip_fingerprint (NULL, from, to, bytes);
  return bytes;
}

START_TEST (repeated_answer_is_judged_again)
{
  Pair p;
  guint seen = 0;

  pair_start (&p, FALSE);
  pl_fake_net_set_tamper (p.w.net, repeat_with_bad_description, &seen);
  pl_phone_set_script (p.alice, &(PlPhoneScript){ .no_ack = TRUE });
  p.call = pl_phone_invite (p.alice, BOB, p.offer);
  expect_message (p.alice, "200 INVITE");
  ck_assert (pl_phone_answer (p.bob, p.call, 200, NULL, p.answer));
  pl_phone_idle (p.alice, 200);
  ck_assert_uint_ge (seen, 2);
  ck_assert_uint_eq (pl_phone_count (p.alice, "200 INVITE"), 1);
  pair_stop (&p);
}
END_TEST

START_TEST (phone_on_ipv6_calls)
{
  Pair p;
  PlPhone *six;

  pair_start (&p, FALSE);
  if (!pl_sip_listening (p.w.a.sip)[1])
    {
      pair_stop (&p); /* this machine has no IPv6 */
      return;
    }
  six = pl_phone_new (p.w.context, ALICE, pl_sip_listening (p.w.a.sip)[1], FALSE);
  pl_phone_register (six, 300);
  expect_message (six, "200 REGISTER");
  p.call = pl_phone_invite (six, BOB, p.offer);
  expect_message (six, "200 INVITE");
  expect_message (p.bob, "ACK");
  pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL);
  expect_message (six, "BYE");
  expect_message (p.bob, "200 BYE");
  pl_phone_free (six);
  pair_stop (&p);
}
END_TEST

START_TEST (bad_reinvite_fails_and_the_call_stays)
{
  Pair p;
  g_autofree char *plain = NULL;

  pair_start (&p, FALSE);
  plain = plain_sdp (p.offer);
  pair_call (&p);
  pl_phone_in_dialog (p.bob, p.call, "INVITE", NULL, plain);
  expect_message (p.bob, "488 INVITE");
  pl_phone_in_dialog (p.alice, p.call, "UPDATE", NULL, plain);
  expect_message (p.alice, "488 UPDATE");
  expect_state (&p.w.a, "established");
  pl_phone_in_dialog (p.alice, p.call, "BYE", NULL, NULL);
  expect_message (p.bob, "BYE");
  pair_stop (&p);
}
END_TEST

START_TEST (loopback_leaves_the_description)
{
  Pair p;
  g_autofree char *local = NULL;

  pair_start (&p, FALSE);
  local = g_strdup (p.offer);
  {
    char *o = strstr (local, "\r\no=");
    char *at = o ? strstr (o, "IN IP4 ") : NULL;
    g_autofree char *head = at ? g_strndup (local, at - local) : NULL;
    char *end = at ? strstr (at, "\r\n") : NULL;

    ck_assert_ptr_nonnull (end);
    g_free (g_steal_pointer (&p.offer));
    p.offer = g_strdup_printf ("%sIN IP4 127.0.0.1%s", head, end);
  }
  pair_call (&p);
  expect_lacks (pl_phone_last (p.bob, "INVITE")->body, "127.0.0.1");
  pair_stop (&p);
}
END_TEST

/* --- two phones of one user --- */

START_TEST (local_phones_call_each_other_as_they_offer)
{
  Pair p;
  PlPhone *second;
  g_autofree char *plain = NULL;
  PlCallInfo *info;

  pair_start (&p, _i);
  second = side_phone (&p.w, &p.w.a, ALICE, FALSE);
  plain = plain_sdp (p.offer);
  pl_phone_set_script (second, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = plain });
  p.call = pl_phone_invite (p.alice, ALICE, plain);
  expect_message (p.alice, "200 INVITE");
  expect_message (second, "ACK");
  info = side_dup_call (&p.w.a);
  ck_assert_str_eq (info->media, "local");
  ck_assert_ptr_null (info->far_node);
  pl_call_info_free (info);
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "INVITE", NULL, plain));
  ck_assert (pl_phone_wait (second, "INVITE", 2, WAIT));
  ck_assert (pl_phone_in_dialog (second, p.call, "BYE", NULL, NULL));
  expect_message (p.alice, "BYE");
  expect_message (second, "200 BYE");
  ck_assert_uint_eq (pl_fake_net_messages (p.w.net), 0);
  pl_phone_free (second);
  pair_stop (&p);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *c = tcase_create ("stack/call");

  tcase_set_timeout (c, 60);
  tcase_add_loop_test (c, call_goes_through_and_ends, 0, 2);
  tcase_add_loop_test (c, call_is_ended_by_the_one_who_was_called, 0, 2);
  tcase_add_test (c, call_shows_the_far_side_a_gruu_and_the_phone_its_own_contact);
  tcase_add_loop_test (c, call_is_cancelled, 0, 2);
  tcase_add_test (c, call_cancelled_before_it_leaves_is_answered);
  tcase_add_test (c, call_busy_is_told);
  tcase_add_test (c, call_rings_all_phones_and_the_first_answer_wins);
  tcase_add_loop_test (c, call_passes_repeated_answers_and_acks, 0, 2);
  tcase_add_test (c, call_changes_by_reinvite_from_both_sides);
  tcase_add_test (c, other_methods_pass_inside_and_outside);
  tcase_add_test (c, reliable_provisional_answer_is_acknowledged);
  tcase_add_test (c, transfer_and_glare_pass);
  tcase_add_test (c, invite_repeated_during_a_slow_look_up_is_one_call);
  tcase_add_loop_test (c, phones_see_no_candidate_that_cannot_work, 0, G_N_ELEMENTS (paths));
  tcase_add_test (c, offer_without_ice_and_encryption_is_refused_with_advice);
  tcase_add_test (c, answer_without_encryption_ends_the_branch);
  tcase_add_test (c, late_offer_is_judged_and_so_is_its_answer);
  tcase_add_test (c, late_offer_without_encryption_ends_the_branch);
  tcase_add_test (c, far_answer_without_encryption_ends_the_branch);
  tcase_add_test (c, repeated_answer_is_judged_again);
  tcase_add_test (c, phone_on_ipv6_calls);
  tcase_add_test (c, bad_reinvite_fails_and_the_call_stays);
  tcase_add_test (c, loopback_leaves_the_description);
  tcase_add_loop_test (c, local_phones_call_each_other_as_they_offer, 0, 2);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
