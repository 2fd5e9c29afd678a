/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls of phones that lack ICE or DTLS-SRTP, with media edges by script.
 */
#include "config.h"

#include "tests/sip/stack-world.h"

#include <string.h>

typedef struct {
  World w;
  PlPhone *alice, *bob;
  char *secure, *answer;   /* what a phone with ICE and DTLS-SRTP offers, answers */
  const char *call;
} Pair;

static const char plain[] = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                            "m=audio 7078 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
static const char plain_again[] = "v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                                  "m=audio 7078 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n";

static void
pair_start (Pair *p)
{
  world_start (&p->w);
  side_give_edges (&p->w, &p->w.a);
  side_give_edges (&p->w, &p->w.b);
  p->alice = side_phone (&p->w, &p->w.a, ALICE, FALSE);
  p->bob = side_phone (&p->w, &p->w.b, BOB, FALSE);
  p->secure = pl_phone_make_sdp (1, FALSE);
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
  g_free (p->secure);
  g_free (p->answer);
}

static void
expect_edges (Pair *p, guint a, guint b)
{
  pl_phone_idle (p->alice, 30);
  ck_assert_uint_eq (pl_fake_media_live (p->w.a.media), a);
  ck_assert_uint_eq (pl_fake_media_live (p->w.b.media), b);
}

static void
expect_call (Side *side, const char *state, const char *edge)
{
  PlCallInfo *info = side_dup_call (side);

  ck_assert_str_eq (info->state, state);
  ck_assert_str_eq (info->media, "ice+dtls-srtp");
  ck_assert_str_eq (info->edge, edge);
  pl_call_info_free (info);
}

static guint
cseq_of (PlPhone *phone, const char *what)
{
  g_autofree char *value = pl_phone_message_dup_header (pl_phone_last (phone, what), "CSeq", 0);

  return (guint) g_ascii_strtoull (value, NULL, 10);
}

/* Bob's phone refuses what it does not know, and answers what it does. */
static void
answer_plain (Pair *p)
{
  guint acks = 1;

  ck_assert (pl_phone_wait (p->bob, "INVITE", 1, WAIT));
  if (!strstr (pl_phone_last (p->bob, "INVITE")->body, "RTP/AVP"))
    {
      pl_phone_answer (p->bob, p->call, 488, NULL, NULL);
      ck_assert (pl_phone_wait (p->bob, "INVITE", 2, WAIT));
      acks++;
    }
  ck_assert (pl_phone_answer (p->bob, p->call, 200, NULL, plain));
  expect_message (p->alice, "200 INVITE");
  ck_assert (pl_phone_wait (p->bob, "ACK", acks, WAIT));
}

static void
call_plain (Pair *p, const char *offer)
{
  pl_phone_set_script (p->bob, &(PlPhoneScript){ .ring = 180 });
  p->call = pl_phone_invite (p->alice, BOB, offer);
  answer_plain (p);
}

static const char sdes[] = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 7078 RTP/SAVP 0\r\n"
                           "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";

static void
call_from_plain (Pair *p)
{
  p->call = pl_phone_invite (p->alice, BOB, plain);
  expect_message (p->alice, "200 INVITE");
  expect_message (p->bob, "ACK");
}

static void
hang_up (Pair *p)
{
  ck_assert (pl_phone_in_dialog (p->alice, p->call, "BYE", NULL, NULL));
  expect_message (p->bob, "BYE");
  expect_message (p->alice, "200 BYE");
}

START_TEST (phone_without_ice_calls_through_its_own_edge)
{
  Pair p;
  const char *offer, *answer;

  pair_start (&p);
  call_from_plain (&p);
  offer = pl_phone_last (p.bob, "INVITE")->body;
  expect_contains (offer, "UDP/TLS/RTP/SAVP");
  expect_contains (offer, "a=ice-ufrag:edge\r\n");
  expect_contains (offer, "192.0.2.99 50000");
  expect_lacks (offer, "127.0.0.1");
  answer = pl_phone_last (p.alice, "200 INVITE")->body;
  expect_contains (answer, "m=audio 42000 RTP/AVP 0");
  expect_contains (answer, "IN IP4 127.0.0.1");
  expect_lacks (answer, "fingerprint");
  expect_edges (&p, 1, 0);
  ck_assert_uint_eq (pl_fake_media_phone (p.w.a.media, 0), 7078);
  ck_assert_str_eq (pl_fake_media_far (p.w.a.media, 0), "host2");
  ck_assert (pl_fake_media_controlling (p.w.a.media, 0));
  expect_call (&p.w.a, "established", "secured");
  expect_call (&p.w.b, "established", "none");
  hang_up (&p);
  expect_edges (&p, 0, 0);
  expect_call (&p.w.a, "ended", "none");
  pair_stop (&p);
}
END_TEST

START_TEST (phone_that_refuses_is_asked_again_through_its_own_edge)
{
  Pair p;
  guint first;

  pair_start (&p);
  call_plain (&p, p.secure);
  first = cseq_of (p.alice, "200 INVITE");
  ck_assert_uint_eq (pl_phone_count (p.alice, "488"), 0);
  ck_assert_uint_eq (cseq_of (p.bob, "INVITE"), first + 1); /* else a merged request, RFC 3261 8.2.2.2 */
  ck_assert_uint_eq (cseq_of (p.bob, "ACK"), first + 1);
  expect_contains (pl_phone_last (p.alice, "200 INVITE")->body, "a=ice-ufrag:edge\r\n");
  expect_edges (&p, 0, 1);
  ck_assert (!pl_fake_media_controlling (p.w.b.media, 0));
  ck_assert_str_eq (pl_fake_media_far (p.w.b.media, 0), "host1");
  expect_call (&p.w.b, "established", "secured");
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .answer = 200, .sdp = plain_again });
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "INVITE", NULL, p.secure));
  ck_assert (pl_phone_wait (p.bob, "INVITE", 3, WAIT));
  ck_assert (pl_phone_wait (p.bob, "ACK", 3, WAIT)); /* one for the 488 */
  ck_assert_uint_eq (cseq_of (p.bob, "INVITE"), first + 2);
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "m=audio 42000 RTP/AVP");
  ck_assert_uint_eq (pl_fake_media_fars (p.w.b.media, 0), 1);
  hang_up (&p);
  expect_edges (&p, 0, 0);
  ck_assert_uint_eq (pl_fake_media_started (p.w.b.media), 1);
  pair_stop (&p);
}
END_TEST

START_TEST (phone_that_was_asked_again_hangs_up)
{
  Pair p;

  pair_start (&p);
  call_plain (&p, p.secure);
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL));
  expect_message (p.alice, "BYE");
  expect_message (p.bob, "200 BYE");
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

/* baresip with mediaenc=srtp-mand, before anybody knows that */
START_TEST (phone_that_wants_keys_is_asked_a_third_time)
{
  Pair p;
  guint first;

  pair_start (&p);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .answer = 488 });
  p.call = pl_phone_invite (p.alice, BOB, p.secure);
  ck_assert (pl_phone_wait (p.bob, "INVITE", 2, WAIT));
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "RTP/AVP 0");
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = sdes });
  expect_message (p.alice, "200 INVITE");
  first = cseq_of (p.alice, "200 INVITE");
  ck_assert_uint_eq (cseq_of (p.bob, "INVITE"), first + 2);
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "RTP/SAVP 0");
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "inline:" PL_FAKE_MEDIA_KEY);
  ck_assert (pl_phone_wait (p.bob, "ACK", 3, WAIT));
  ck_assert_uint_eq (cseq_of (p.bob, "ACK"), first + 2);
  expect_edges (&p, 0, 1);
  hang_up (&p);
  ck_assert_uint_eq (cseq_of (p.bob, "BYE"), cseq_of (p.alice, "200 BYE") + 2);
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

START_TEST (phone_that_once_refused_is_asked_once)
{
  Pair p;

  pair_start (&p);
  call_plain (&p, p.secure);
  hang_up (&p);
  pl_phone_clear (p.bob);
  pl_phone_clear (p.alice);
  call_plain (&p, p.secure);
  ck_assert_uint_eq (pl_phone_count (p.bob, "INVITE"), 1);
  hang_up (&p);
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

START_TEST (phone_that_answers_what_it_cannot_do_is_asked_again)
{
  Pair p;

  pair_start (&p);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .answer = 200, .sdp = plain });
  p.call = pl_phone_invite (p.alice, BOB, p.secure);
  expect_message (p.alice, "200 INVITE");
  ck_assert_uint_eq (pl_phone_count (p.bob, "INVITE"), 2);
  ck_assert_uint_eq (pl_phone_count (p.bob, "BYE"), 1);
  ck_assert_uint_eq (pl_phone_count (p.alice, "200 INVITE"), 1);
  expect_edges (&p, 0, 1);
  pair_stop (&p);
}
END_TEST

START_TEST (two_phones_without_ice_have_an_edge_each)
{
  Pair p;

  pair_start (&p);
  call_plain (&p, plain);
  expect_edges (&p, 1, 1);
  expect_call (&p.w.a, "established", "secured");
  expect_call (&p.w.b, "established", "secured");
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL));
  expect_message (p.alice, "BYE");
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

START_TEST (phones_that_can_have_no_edge)
{
  Pair p;

  pair_start (&p);
  p.call = pl_phone_invite (p.alice, BOB, p.secure);
  expect_message (p.alice, "200 INVITE");
  expect_message (p.bob, "ACK");
  expect_edges (&p, 0, 0);
  expect_call (&p.w.a, "established", "none");
  ck_assert_uint_eq (pl_fake_media_started (p.w.a.media) + pl_fake_media_started (p.w.b.media), 0);
  pair_stop (&p);
}
END_TEST

START_TEST (hold_keeps_the_edge_and_its_ports)
{
  Pair p;

  pair_start (&p);
  call_from_plain (&p);
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "INVITE", NULL, plain_again));
  ck_assert (pl_phone_wait (p.alice, "200 INVITE", 2, WAIT));
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "a=sendonly");
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "a=ice-ufrag:edge\r\n");
  expect_contains (pl_phone_last (p.alice, "200 INVITE")->body, "m=audio 42000 RTP/AVP");
  ck_assert_uint_eq (pl_fake_media_started (p.w.a.media), 1);
  ck_assert_uint_eq (pl_fake_media_fars (p.w.a.media, 0), 1);
  /* and from the other side */
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "INVITE", NULL, p.answer));
  pl_phone_set_script (p.alice, &(PlPhoneScript){ .answer = 200, .sdp = plain_again });
  expect_contains (expect_message (p.alice, "INVITE"), "m=audio 42000 RTP/AVP");
  expect_message (p.bob, "200 INVITE");
  expect_edges (&p, 1, 0);
  pair_stop (&p);
}
END_TEST

START_TEST (far_side_that_restarts_ice_gets_other_credentials) /* RFC 8839, 4.4.1.1.1 */
{
  Pair p;
  g_autofree char *again = pl_phone_make_sdp (3, FALSE);

  pair_start (&p);
  call_from_plain (&p);
  pl_phone_set_script (p.alice, &(PlPhoneScript){ .answer = 200, .sdp = plain_again });
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "INVITE", NULL, again));
  expect_contains (expect_message (p.alice, "INVITE"), "m=audio 42000 RTP/AVP");
  expect_contains (expect_message (p.bob, "200 INVITE"), "a=ice-ufrag:edge-again\r\n");
  ck_assert_str_eq (pl_fake_media_far (p.w.a.media, 0), "host3");
  expect_edges (&p, 1, 0);
  pair_stop (&p);
}
END_TEST

/* Alice's plain phone has called; now her machine is in another network. */
static void
move_alice (Pair *p)
{
  pl_phone_clear (p->bob);
  pl_phone_set_script (p->bob, &(PlPhoneScript){ .answer = 200, .sdp = p->answer });
  pl_sip_network_changed (p->w.a.sip);
  expect_message (p->bob, "INVITE");
}

START_TEST (call_through_an_edge_gets_another_path_and_the_phone_hears_nothing) /* RFC 8839, 4.4.1.1.1 */
{
  Pair p;
  guint first;

  pair_start (&p);
  call_from_plain (&p);
  first = cseq_of (p.alice, "200 INVITE");
  pl_phone_clear (p.alice);
  move_alice (&p);
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "a=ice-ufrag:edge-again\r\n");
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "o=- 7 2 IN");
  ck_assert_uint_eq (cseq_of (p.bob, "INVITE"), first + 1);
  expect_message (p.bob, "ACK");
  ck_assert_uint_eq (cseq_of (p.bob, "ACK"), first + 1);
  ck_assert_uint_eq (pl_fake_media_fars (p.w.a.media, 0), 2);
  ck_assert_uint_eq (pl_phone_count (p.alice, ""), 0);
  /* what the phone says next is counted on from there, and comes back as the phone counts */
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "INVITE", NULL, plain_again));
  expect_message (p.alice, "200 INVITE");
  ck_assert_uint_eq (cseq_of (p.bob, "INVITE"), first + 2);
  ck_assert_uint_eq (cseq_of (p.alice, "200 INVITE"), first + 1);
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "o=- 7 3 IN");
  ck_assert (pl_phone_wait (p.bob, "ACK", 2, WAIT));
  ck_assert_uint_eq (cseq_of (p.bob, "ACK"), first + 2);
  hang_up (&p);
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

START_TEST (edge_of_a_phone_that_was_called_gets_another_path)
{
  Pair p;

  pair_start (&p);
  call_plain (&p, p.secure);
  pl_phone_clear (p.alice);
  pl_phone_clear (p.bob);
  pl_phone_set_script (p.alice, &(PlPhoneScript){ .answer = 200, .sdp = p.answer });
  pl_fake_media_lose (p.w.b.media, 0);
  expect_contains (expect_message (p.alice, "INVITE"), "a=ice-ufrag:edge-again\r\n");
  expect_message (p.alice, "ACK");
  pl_phone_idle (p.alice, 30);
  expect_call (&p.w.b, "established", "secured");
  ck_assert_uint_eq (pl_phone_count (p.bob, ""), 0);
  ck_assert (pl_phone_in_dialog (p.bob, p.call, "BYE", NULL, NULL));
  expect_message (p.alice, "BYE");
  expect_message (p.bob, "200 BYE");
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

/* _i: 0 from the far side, 1 from the phone. */
START_TEST (other_offers_wait_while_another_path_is_sought) /* RFC 3261, 14.2 */
{
  Pair p;
  PlPhone *one, *other;

  pair_start (&p);
  call_from_plain (&p);
  pl_phone_clear (p.bob);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  pl_sip_network_changed (p.w.a.sip);
  expect_message (p.bob, "INVITE");
  one = _i == 0 ? p.bob : p.alice;
  other = _i == 0 ? p.alice : p.bob;
  pl_phone_clear (other);
  ck_assert (pl_phone_in_dialog (one, p.call, "INVITE", NULL, _i == 0 ? p.secure : plain_again));
  expect_message (one, "491 INVITE");
  ck_assert_uint_eq (pl_phone_count (other, "INVITE"), 0);
  pair_stop (&p);
}
END_TEST

START_TEST (another_path_is_asked_for_again_after_glare)
{
  Pair p;

  pair_start (&p);
  call_from_plain (&p);
  pl_phone_clear (p.bob);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .answer = 491 });
  pl_sip_network_changed (p.w.a.sip);
  expect_message (p.bob, "INVITE");
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .answer = 200, .sdp = p.answer });
  ck_assert (pl_phone_wait (p.bob, "INVITE", 2, 2 * WAIT));
  ck_assert (pl_phone_wait (p.bob, "ACK", 2, WAIT));
  ck_assert_uint_eq (pl_fake_media_fars (p.w.a.media, 0), 2);
  pair_stop (&p);
}
END_TEST

START_TEST (early_media_come_through_the_edge_before_the_answer)
{
  Pair p;

  pair_start (&p);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  p.call = pl_phone_invite (p.alice, BOB, plain);
  expect_message (p.alice, "180 INVITE");
  ck_assert (pl_phone_answer (p.bob, p.call, 183, NULL, p.answer));
  expect_contains (expect_message (p.alice, "183 INVITE"), "m=audio 42000 RTP/AVP");
  ck_assert_str_eq (pl_fake_media_far (p.w.a.media, 0), "host2");
  ck_assert (pl_phone_answer (p.bob, p.call, 200, NULL, p.answer));
  expect_contains (expect_message (p.alice, "200 INVITE"), "m=audio 42000 RTP/AVP");
  ck_assert_uint_eq (pl_fake_media_fars (p.w.a.media, 0), 1);
  expect_call (&p.w.a, "established", "secured");
  pair_stop (&p);
}
END_TEST

/* One offer, two of Bob's phones: the first early answer is used, and then the one that wins. */
START_TEST (edge_turns_to_the_phone_that_answers)
{
  Pair p;
  PlPhone *second;
  g_autofree char *other = pl_phone_make_sdp (3, TRUE);

  pair_start (&p);
  second = side_phone (&p.w, &p.w.b, BOB, FALSE);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  pl_phone_set_script (second, &(PlPhoneScript){ .ring = 180 });
  p.call = pl_phone_invite (p.alice, BOB, plain);
  expect_message (p.bob, "INVITE");
  expect_message (second, "INVITE");
  pl_phone_answer (p.bob, p.call, 183, NULL, p.answer);
  expect_message (p.alice, "183 INVITE");
  pl_phone_answer (second, p.call, 183, NULL, other);
  ck_assert (pl_phone_wait (p.alice, "183 INVITE", 2, WAIT));
  ck_assert_str_eq (pl_fake_media_far (p.w.a.media, 0), "host2");
  pl_phone_answer (second, p.call, 200, NULL, other);
  expect_message (p.alice, "200 INVITE");
  ck_assert_str_eq (pl_fake_media_far (p.w.a.media, 0), "host3");
  expect_edges (&p, 1, 0);
  pl_phone_free (second);
  pair_stop (&p);
}
END_TEST

START_TEST (phone_with_keys_of_its_own_has_an_edge_with_keys)
{
  Pair p;

  pair_start (&p);
  p.call = pl_phone_invite (p.alice, BOB, sdes);
  expect_contains (expect_message (p.alice, "200 INVITE"), "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" PL_FAKE_MEDIA_KEY);
  expect_lacks (pl_phone_last (p.bob, "INVITE")->body, "crypto");
  expect_edges (&p, 1, 0);
  hang_up (&p);
  /* called, it is offered what it said before */
  pl_phone_invite (p.bob, ALICE, p.secure);
  expect_contains (expect_message (p.alice, "INVITE"), "RTP/SAVP 0");
  expect_contains (pl_phone_last (p.alice, "INVITE")->body, "inline:" PL_FAKE_MEDIA_KEY);
  pair_stop (&p);
}
END_TEST

/* _i: 0 before the edge is open, 1 while it rings, 2 busy. */
START_TEST (edge_ends_with_a_call_that_comes_to_nothing)
{
  Pair p;

  pair_start (&p);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180, .answer = _i == 2 ? 486 : 0 });
  if (_i == 0)
    pl_fake_media_set_delay (p.w.a.media, 500 * PL_USEC_PER_MSEC);
  p.call = pl_phone_invite (p.alice, BOB, plain);
  expect_message (p.alice, _i == 0 ? "100 INVITE" : _i == 1 ? "180 INVITE" : "486 INVITE");
  if (_i < 2)
    {
      pl_phone_idle (p.alice, 100);
      ck_assert_uint_eq (pl_fake_media_live (p.w.a.media), 1);
      ck_assert (pl_phone_cancel (p.alice, p.call));
      expect_message (p.alice, "487 INVITE");
    }
  ck_assert_uint_eq (pl_fake_media_started (p.w.a.media), 1);
  expect_edges (&p, 0, 0);
  ck_assert_uint_eq (pl_phone_count (p.bob, "INVITE"), _i == 0 ? 0 : 1);
  pair_stop (&p);
}
END_TEST

START_TEST (edge_of_a_phone_that_was_called_ends_with_a_cancel)
{
  Pair p;

  pair_start (&p);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  p.call = pl_phone_invite (p.alice, BOB, p.secure);
  expect_message (p.bob, "INVITE");
  pl_phone_answer (p.bob, p.call, 488, NULL, NULL);
  ck_assert (pl_phone_wait (p.bob, "INVITE", 2, WAIT));
  expect_edges (&p, 0, 1);
  ck_assert (pl_phone_cancel (p.alice, p.call));
  expect_message (p.bob, "CANCEL");
  expect_message (p.alice, "487 INVITE");
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

START_TEST (edges_of_the_phones_that_lost_end)
{
  Pair p;
  PlPhone *second;

  pair_start (&p);
  second = side_phone (&p.w, &p.w.b, BOB, FALSE);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  pl_phone_set_script (second, &(PlPhoneScript){ .ring = 180 });
  p.call = pl_phone_invite (p.alice, BOB, p.secure);
  expect_message (second, "INVITE");
  expect_message (p.bob, "INVITE");
  pl_phone_answer (second, p.call, 488, NULL, NULL);
  pl_phone_answer (p.bob, p.call, 488, NULL, NULL);
  ck_assert (pl_phone_wait (second, "INVITE", 2, WAIT));
  ck_assert (pl_phone_wait (p.bob, "INVITE", 2, WAIT));
  expect_edges (&p, 0, 2);
  pl_phone_answer (second, p.call, 200, NULL, plain);
  expect_message (p.alice, "200 INVITE");
  expect_message (p.bob, "CANCEL");
  expect_edges (&p, 0, 1);
  pl_phone_free (second);
  pair_stop (&p);
}
END_TEST

START_TEST (edge_that_dies_ends_its_call_and_tells_both)
{
  Pair p;

  pair_start (&p);
  if (_i == 0)
    call_from_plain (&p);
  else
    call_plain (&p, p.secure);
  expect_edges (&p, _i == 0, _i == 1);
  pl_fake_media_kill (_i == 0 ? p.w.a.media : p.w.b.media, 0);
  expect_contains (expect_message (p.alice, "BYE"), "Media Edge Failed");
  expect_contains (expect_message (p.bob, "BYE"), "Media Edge Failed");
  expect_edges (&p, 0, 0);
  expect_call (&p.w.a, "ended", "none");
  expect_call (&p.w.b, "ended", "none");
  pair_stop (&p);
}
END_TEST

/* The far edge ends with its call: what it says may come before the BYE. */
START_TEST (edge_that_ends_before_the_bye_says_no_bye_of_its_own)
{
  Pair p;

  pair_start (&p);
  call_plain (&p, p.secure);
  pl_fake_media_kill (p.w.b.media, 0);
  hang_up (&p);
  pl_phone_idle (p.alice, 1200);
  ck_assert_uint_eq (pl_phone_count (p.alice, "BYE"), 0);
  ck_assert_uint_eq (pl_phone_count (p.bob, "BYE"), 1);
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

START_TEST (edge_that_dies_while_it_rings_fails_the_call)
{
  Pair p;

  pair_start (&p);
  pl_phone_set_script (p.bob, &(PlPhoneScript){ .ring = 180 });
  p.call = pl_phone_invite (p.alice, BOB, plain);
  expect_message (p.alice, "180 INVITE");
  pl_fake_media_kill (p.w.a.media, 0);
  expect_message (p.alice, "500 INVITE");
  expect_message (p.bob, "CANCEL");
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

/* _i: 0 the identity may not, 1 there are too many. */
START_TEST (phone_that_gets_no_edge_is_told_why)
{
  Pair p;
  const char *refused;

  pair_start (&p);
  pl_fake_media_set_allowed (p.w.a.media, _i != 0);
  pl_fake_media_set_most (p.w.a.media, 0);
  pl_phone_invite (p.alice, BOB, plain);
  refused = expect_message (p.alice, "488 INVITE");
  expect_contains (refused, _i == 0 ? "switch on ICE" : "too many calls");
  ck_assert_uint_eq (pl_phone_count (p.bob, "INVITE"), 0);
  pair_stop (&p);
}
END_TEST

START_TEST (edge_outlives_the_daemon)
{
  Pair p;

  pair_start (&p);
  call_from_plain (&p);
  side_kill (&p.w, &p.w.a);
  ck_assert_uint_eq (pl_fake_media_live (p.w.a.media), 1);
  side_start (&p.w, &p.w.a);
  pl_phone_set_proxy (p.alice, pl_sip_listening (p.w.a.sip)[0]);
  ck_assert (pl_phone_in_dialog (p.alice, p.call, "INVITE", NULL, plain_again));
  ck_assert (pl_phone_wait (p.alice, "200 INVITE", 2, WAIT));
  expect_contains (pl_phone_last (p.bob, "INVITE")->body, "a=ice-ufrag:edge\r\n");
  expect_contains (pl_phone_last (p.alice, "200 INVITE")->body, "m=audio 42000 RTP/AVP");
  expect_edges (&p, 1, 0);
  ck_assert_uint_eq (pl_fake_media_started (p.w.a.media), 1);
  hang_up (&p);
  expect_edges (&p, 0, 0);
  pair_stop (&p);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("sip");
  TCase *c = tcase_create ("stack/edge");

  tcase_set_timeout (c, 60);
  tcase_add_test (c, phone_without_ice_calls_through_its_own_edge);
  tcase_add_test (c, phone_that_refuses_is_asked_again_through_its_own_edge);
  tcase_add_test (c, phone_that_was_asked_again_hangs_up);
  tcase_add_test (c, edge_that_ends_before_the_bye_says_no_bye_of_its_own);
  tcase_add_test (c, phone_that_wants_keys_is_asked_a_third_time);
  tcase_add_test (c, phone_that_once_refused_is_asked_once);
  tcase_add_test (c, phone_that_answers_what_it_cannot_do_is_asked_again);
  tcase_add_test (c, two_phones_without_ice_have_an_edge_each);
  tcase_add_test (c, phones_that_can_have_no_edge);
  tcase_add_test (c, hold_keeps_the_edge_and_its_ports);
  tcase_add_test (c, far_side_that_restarts_ice_gets_other_credentials);
  tcase_add_test (c, call_through_an_edge_gets_another_path_and_the_phone_hears_nothing);
  tcase_add_test (c, edge_of_a_phone_that_was_called_gets_another_path);
  tcase_add_loop_test (c, other_offers_wait_while_another_path_is_sought, 0, 2);
  tcase_add_test (c, another_path_is_asked_for_again_after_glare);
  tcase_add_test (c, early_media_come_through_the_edge_before_the_answer);
  tcase_add_test (c, edge_turns_to_the_phone_that_answers);
  tcase_add_test (c, phone_with_keys_of_its_own_has_an_edge_with_keys);
  tcase_add_loop_test (c, edge_ends_with_a_call_that_comes_to_nothing, 0, 3);
  tcase_add_test (c, edge_of_a_phone_that_was_called_ends_with_a_cancel);
  tcase_add_test (c, edges_of_the_phones_that_lost_end);
  tcase_add_loop_test (c, edge_that_dies_ends_its_call_and_tells_both, 0, 2);
  tcase_add_test (c, edge_that_dies_while_it_rings_fails_the_call);
  tcase_add_loop_test (c, phone_that_gets_no_edge_is_told_why, 0, 2);
  tcase_add_test (c, edge_outlives_the_daemon);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
