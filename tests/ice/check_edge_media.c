/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/loop.h"
#include "ice/edge/media.h"
#include "ice/edge/srtp.h"
#include "tests/support/test.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT (15 * G_USEC_PER_SEC)

/* A phone without ICE and encryption, and its edge. */
typedef struct {
  PlLoop *loop;
  PlTlsCredentials *credentials;
  char *fingerprint;
  PlEdgeMedia *media;
  gboolean gathered, secured, failed;
  guint times_secured, times_lost;
  char *reason;
  int rtp, rtcp;
} End;

/* --- the phone --- */

static guint16
open_phone (int *fd)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;

  *fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ck_assert_int_eq (bind (*fd, (struct sockaddr *) &address, len), 0);
  ck_assert_int_eq (getsockname (*fd, (struct sockaddr *) &address, &len), 0);
  return ntohs (address.sin_port);
}

static void
say (int fd, guint16 port, const void *data, gsize len)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK), .sin_port = htons (port) };

  ck_assert_int_eq (sendto (fd, data, len, 0, (struct sockaddr *) &to, sizeof to), (ssize_t) len);
}

static gsize
make_rtp (guint8 *out, guint8 payload_type, guint16 sequence, const char *text)
{
  memset (out, 0, 12);
  out[0] = 0x80;
  out[1] = payload_type;
  out[2] = sequence >> 8;
  out[3] = sequence & 0xff;
  memcpy (out + 8, "ssrc", 4);
  memcpy (out + 12, text, strlen (text));
  return 12 + strlen (text);
}

static gsize
make_rtcp (guint8 *out)
{
  static const guint8 receiver_report[] = { 0x80, 201, 0, 1, 's', 's', 'r', 'c' };

  memcpy (out, receiver_report, sizeof receiver_report);
  return sizeof receiver_report;
}

/* --- ends --- */

static void
on_gathered (gpointer user, PlEdgeMedia *media)
{
  ((End *) user)->gathered = TRUE;
}

static void
on_secured (gpointer user, PlEdgeMedia *media)
{
  ((End *) user)->secured = TRUE;
  ((End *) user)->times_secured++;
}

static void
on_lost (gpointer user, PlEdgeMedia *media)
{
  ((End *) user)->times_lost++;
}

static void
on_failed (gpointer user, PlEdgeMedia *media, const char *reason)
{
  End *end = user;

  ck_assert (!end->failed);
  end->failed = TRUE;
  end->reason = g_strdup (reason);
}

static const PlEdgeMediaHandlers handlers = { on_gathered, on_secured, on_lost, on_failed };

static void
open_end (End *end, PlLoop *loop, gboolean controlling)
{
  PlEdgeMediaOptions options = { .ice = { .controlling = controlling, .address = "127.0.0.1", .consent = TRUE } };
  g_autoptr (GBytes) der = NULL;
  g_autoptr (GError) error = NULL;
  guint16 rtp, rtcp;

  memset (end, 0, sizeof *end);
  end->loop = loop;
  end->credentials = pl_tls_credentials_new_ephemeral (pl_loop_env (loop), &der, &error);
  ck_assert_msg (end->credentials != NULL, "%s", error ? error->message : "");
  end->fingerprint = pl_edge_dup_fingerprint (der);
  end->media = pl_edge_media_new (pl_loop_env (loop), NULL, end->credentials, &options, &handlers, end, &error);
  ck_assert_msg (end->media != NULL, "%s", error ? error->message : "");
  ck_assert (!end->gathered);
  ck_assert_uint_eq (pl_edge_media_port (end->media) % 2, 0);
  rtp = open_phone (&end->rtp);
  rtcp = open_phone (&end->rtcp);
  ck_assert (!pl_edge_media_set_phone (end->media, 0, rtcp));
  ck_assert (pl_edge_media_set_phone (end->media, rtp, rtcp));
}

static void
close_end (End *end)
{
  pl_edge_media_free (end->media);
  pl_tls_credentials_free (end->credentials);
  g_free (end->fingerprint);
  g_free (end->reason);
  close (end->rtp);
  close (end->rtcp);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
wait_for (const gboolean *flag)
{
  gint64 end = g_get_monotonic_time () + WAIT;

  while (!*flag && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  ck_assert (*flag);
}

static void
introduce (End *to, End *far, const char *fingerprint, gboolean client)
{
  PlIceAgent *ice = pl_edge_media_ice (far->media);
  const char *fingerprints[] = { fingerprint, NULL };
  PlEdgeRemote remote = { pl_ice_agent_ufrag (ice), pl_ice_agent_password (ice), pl_ice_agent_candidates (ice), fingerprints, client };
  g_autoptr (GError) error = NULL;

  ck_assert_msg (pl_edge_media_set_remote (to->media, &remote, &error), "%s", error ? error->message : "");
}

static void
open_call (End *a, End *b, PlLoop *loop)
{
  open_end (a, loop, TRUE);
  open_end (b, loop, FALSE);
  wait_for (&a->gathered);
  wait_for (&b->gathered);
}

static void
secure_call (End *a, End *b, PlLoop *loop)
{
  open_call (a, b, loop);
  introduce (a, b, b->fingerprint, FALSE);
  introduce (b, a, a->fingerprint, TRUE);
  wait_for (&a->secured);
  wait_for (&b->secured);
}

/* The next packet at the phone; fails when none comes. */
static gsize
hear (int fd, guint8 *out, gsize size)
{
  gint64 end = g_get_monotonic_time () + WAIT;
  ssize_t n = -1;

  while (n < 0 && g_get_monotonic_time () < end)
    {
      g_main_context_iteration (NULL, FALSE);
      n = recv (fd, out, size, 0);
    }
  ck_assert_int_ge (n, 0);
  return n;
}

static void
wait_dropped (End *end, guint64 n)
{
  gint64 limit = g_get_monotonic_time () + WAIT;
  PlEdgeCounts counts;

  do
    {
      g_main_context_iteration (NULL, FALSE);
      pl_edge_media_counts (end->media, &counts);
    }
  while (counts.dropped < n && g_get_monotonic_time () < limit);
  ck_assert_uint_eq (counts.dropped, n);
}

/* --- the call --- */

static guint16 sequence; /* of all that is said */

static void
check_way (End *from, End *to, const char *words)
{
  guint8 sent[256], heard[256];
  gsize n = make_rtp (sent, 0, ++sequence, words);

  say (from->rtp, pl_edge_media_port (from->media), sent, n);
  ck_assert_uint_eq (hear (to->rtp, heard, sizeof heard), n);
  ck_assert_mem_eq (heard, sent, n);
  n = make_rtcp (sent);
  say (from->rtcp, pl_edge_media_port (from->media) + 1, sent, n);
  ck_assert_uint_eq (hear (to->rtcp, heard, sizeof heard), n);
  ck_assert_mem_eq (heard, sent, n);
}

/* S4-14, S2-80 */
START_TEST (edge_carries_voice_and_reports_of_plain_phones_both_ways)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a, b;

  secure_call (&a, &b, loop);
  check_way (&a, &b, "hello");
  check_way (&b, &a, "good day");
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (edge_sends_reports_to_the_one_port_of_a_phone_that_multiplexes)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 report[16], heard[64];
  guint16 moved;
  End a, b;
  int fd;

  secure_call (&a, &b, loop);
  moved = open_phone (&fd);
  ck_assert (pl_edge_media_set_phone (b.media, moved, moved));
  say (a.rtp, pl_edge_media_port (a.media), report, make_rtcp (report));
  ck_assert_uint_eq (hear (fd, heard, sizeof heard), 8);
  close (fd);
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (edge_without_a_phone_gives_the_voice_back_from_another_source)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 sent[256], heard[256];
  PlEdgeCounts counts;
  gsize n;
  End a, b;

  secure_call (&a, &b, loop);
  pl_edge_media_set_echo (b.media);
  n = make_rtp (sent, 0, ++sequence, "who is there");
  say (a.rtp, pl_edge_media_port (a.media), sent, n);
  ck_assert_uint_eq (hear (a.rtp, heard, sizeof heard), n);
  ck_assert_mem_eq (heard, sent, 8);
  ck_assert_mem_ne (heard + 8, sent + 8, 4); /* RFC 3550 8.2 */
  ck_assert_mem_eq (heard + 12, sent + 12, n - 12);
  say (a.rtcp, pl_edge_media_port (a.media) + 1, sent, make_rtcp (sent));
  wait_dropped (&b, 1);
  pl_edge_media_counts (b.media, &counts);
  ck_assert_uint_eq (counts.to_phone, 0);
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (edge_lets_nothing_out_before_the_far_side_is_proved)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 packet[64];
  PlEdgeCounts counts;
  End a, b;

  open_call (&a, &b, loop);
  say (a.rtp, pl_edge_media_port (a.media), packet, make_rtp (packet, 0, 1, "secret"));
  wait_dropped (&a, 1);
  pl_edge_media_counts (a.media, &counts);
  ck_assert_uint_eq (counts.to_far, 0);
  close_end (&a);
  close_end (&b);
}
END_TEST

/* S0-27: a substituted fingerprint means no media. */
START_TEST (edge_refuses_a_far_side_with_another_certificate) /* S2-09, S2-11, S2-34 */
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 packet[64];
  End a, b;

  open_call (&a, &b, loop);
  introduce (&a, &b, a.fingerprint, FALSE);
  introduce (&b, &a, a.fingerprint, TRUE);
  wait_for (&a.failed);
  wait_for (&b.failed);
  ck_assert_ptr_nonnull (strstr (a.reason, "certificate"));
  ck_assert (!a.secured);
  say (a.rtp, pl_edge_media_port (a.media), packet, make_rtp (packet, 0, 1, "secret"));
  wait_dropped (&a, 1);
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (edge_refuses_a_description_without_certificate_or_address)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (PlCandidate));
  const char *fingerprints[] = { "sha-256 00", NULL };
  PlEdgeRemote remote = { "abcd", "abcdefghijklmnopqrstuv", none, fingerprints, TRUE };
  g_autoptr (GError) error = NULL;
  End a;

  open_end (&a, loop, TRUE);
  wait_for (&a.gathered);
  ck_assert (!pl_edge_media_set_remote (a.media, &remote, &error));
  g_clear_error (&error);
  remote.candidates = pl_ice_agent_candidates (pl_edge_media_ice (a.media));
  remote.fingerprints = NULL;
  ck_assert (!pl_edge_media_set_remote (a.media, &remote, &error));
  close_end (&a);
}
END_TEST

START_TEST (edge_ends_when_the_far_side_does)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a, b;

  secure_call (&a, &b, loop);
  close_end (&b);
  wait_for (&a.failed);
  ck_assert_str_eq (a.reason, "the far side ended the media");
  close_end (&a);
}
END_TEST

/* --- SDES with the phone (RFC 4568) --- */

static PlSrtp *
phone_srtp (End *end, guint offer, const guint8 key[PL_SRTP_KEY])
{
  const char *text = pl_edge_media_keys (end->media)[offer];
  gsize len;
  g_autofree guint8 *edge_key = g_base64_decode (strchr (text, ' ') + 1, &len);
  g_autofree char *ours = g_base64_encode (key, PL_SRTP_KEY);
  g_autofree char *line = g_strdup_printf ("%.*s%s", (int) (strchr (text, ' ') + 1 - text), text, ours);

  ck_assert_uint_eq (len, PL_SRTP_KEY);
  ck_assert (pl_edge_media_set_keys (end->media, line));
  return pl_srtp_new (strstr (text, "_32 ") ? PL_SRTP_SHA1_32 : PL_SRTP_SHA1_80, key, edge_key);
}

/* A phone with SDES at `a`, a plain one at `b`. */
static void
check_sealed_way (End *a, End *b, PlSrtp *srtp, gsize tag)
{
  guint8 packet[256], sealed[256], heard[256];
  gsize len = make_rtp (packet, 0, ++sequence, "hello"), n = len;

  memcpy (sealed, packet, len);
  ck_assert (pl_srtp_protect (srtp, sealed, &n));
  ck_assert_uint_eq (n, len + tag);
  say (a->rtp, pl_edge_media_port (a->media), sealed, n);
  ck_assert_uint_eq (hear (b->rtp, heard, sizeof heard), len);
  ck_assert_mem_eq (heard, packet, len);
  say (b->rtp, pl_edge_media_port (b->media), packet, len);
  n = hear (a->rtp, heard, sizeof heard);
  ck_assert_uint_eq (n, len + tag);
  ck_assert (memmem (heard, n, "hello", 5) == NULL);
  ck_assert (pl_srtp_unprotect (srtp, heard, &n));
  ck_assert_mem_eq (heard, packet, len);
}

static void
check_sealed_report (End *a, End *b, PlSrtp *srtp)
{
  guint8 packet[256], heard[256];
  gsize n = make_rtcp (packet);

  ck_assert (pl_srtp_protect (srtp, packet, &n));
  ck_assert_uint_eq (n, 8 + 4 + 10); /* 80 bits in both suites */
  say (a->rtcp, pl_edge_media_port (a->media) + 1, packet, n);
  ck_assert_uint_eq (hear (b->rtcp, heard, sizeof heard), 8);
}

START_TEST (edge_speaks_srtp_with_a_phone_that_has_its_keys_in_the_sdp)
{
  static const guint8 key[PL_SRTP_KEY] = "the first key of the phone...", other[PL_SRTP_KEY] = "and the second key of the ...";
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 packet[64];
  End a, b;

  secure_call (&a, &b, loop);
  for (guint suite = 0; suite < 2; suite++)
    {
      g_autoptr (PlSrtp) phone = phone_srtp (&a, suite, key);
      g_autoptr (PlSrtp) renewed = NULL;

      check_sealed_way (&a, &b, phone, suite ? 4 : 10);
      check_sealed_report (&a, &b, phone);
      renewed = phone_srtp (&a, suite, other); /* re-INVITE with a new key */
      check_sealed_way (&a, &b, renewed, suite ? 4 : 10);
    }
  say (a.rtp, pl_edge_media_port (a.media), packet, make_rtp (packet, 0, 9, "in the clear"));
  wait_dropped (&a, 1);
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (edge_has_fresh_keys_and_refuses_strange_ones)
{
  static const char *const bad[] = { "", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80 ", "AES_CM_128_HMAC_SHA1_80 AAAA",
                                     "AES_256_CM_HMAC_SHA1_80 WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" };
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a, b;

  open_end (&a, loop, TRUE);
  open_end (&b, loop, TRUE);
  ck_assert_str_ne (pl_edge_media_keys (a.media)[0], pl_edge_media_keys (b.media)[0]);
  ck_assert_str_ne (pl_edge_media_keys (a.media)[0] + 24, pl_edge_media_keys (a.media)[1] + 24);
  ck_assert_ptr_null (pl_edge_media_keys (a.media)[2]);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    ck_assert_msg (!pl_edge_media_set_keys (a.media, bad[i]), "%s", bad[i]);
  ck_assert (pl_edge_media_set_keys (a.media, NULL));
  close_end (&a);
  close_end (&b);
}
END_TEST

/* --- a phone with DTLS-SRTP but without ICE --- */

START_TEST (edge_passes_what_a_phone_with_dtls_says_and_nothing_open)
{
  static const guint8 hello[] = { 22, 254, 253, 'h', 'e', 'l', 'l', 'o' };
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 heard[64];
  End a, b;

  open_call (&a, &b, loop);
  pl_edge_media_set_through (a.media);
  pl_edge_media_set_through (b.media);
  introduce (&a, &b, "sha-256 00", FALSE);
  introduce (&b, &a, "sha-256 00", TRUE);
  wait_for (&a.secured);
  wait_for (&b.secured);
  say (a.rtp, pl_edge_media_port (a.media), hello, sizeof hello);
  ck_assert_uint_eq (hear (b.rtp, heard, sizeof heard), sizeof hello);
  ck_assert_mem_eq (heard, hello, sizeof hello);
  say (a.rtp, pl_edge_media_port (a.media), "what is this", 12);
  wait_dropped (&a, 1);
  say (a.rtcp, pl_edge_media_port (a.media) + 1, hello, sizeof hello);
  wait_dropped (&a, 2);
  close_end (&a);
  close_end (&b);
}
END_TEST

/* --- a later offer --- */

static void
restart (End *end, gboolean controlling)
{
  PlIceAgentOptions options = { .controlling = controlling, .address = "127.0.0.1", .consent = TRUE };
  g_autofree char *before = g_strdup (pl_ice_agent_ufrag (pl_edge_media_ice (end->media)));

  end->gathered = FALSE;
  ck_assert (pl_edge_media_restart (end->media, &options, NULL));
  wait_for (&end->gathered);
  ck_assert_str_ne (pl_ice_agent_ufrag (pl_edge_media_ice (end->media)), before);
}

/* RFC 8839 4.4.1.1.1: S3-13, a call survives a change of network. */
START_TEST (edge_changes_the_path_without_losing_a_packet)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autofree char *old = NULL, *now = NULL;
  End a, b;

  secure_call (&a, &b, loop);
  old = pl_ice_agent_dup_path (pl_edge_media_ice (a.media));
  restart (&a, TRUE);
  check_way (&a, &b, "by the old path");
  restart (&b, FALSE);
  introduce (&a, &b, b.fingerprint, FALSE);
  introduce (&b, &a, a.fingerprint, TRUE);
  a.secured = b.secured = FALSE;
  wait_for (&a.secured);
  wait_for (&b.secured);
  now = pl_ice_agent_dup_path (pl_edge_media_ice (a.media));
  ck_assert_str_ne (old, now);
  check_way (&a, &b, "by the new one");
  check_way (&b, &a, "and back");
  ck_assert_uint_eq (a.times_secured, 2); /* the new path, too */
  ck_assert (!a.failed && !b.failed);
  close_end (&a);
  close_end (&b);
}
END_TEST

/* Forking: one offer, and the branch that answers in the end is not the one that rang. */
START_TEST (edge_turns_to_another_far_side)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  End a, b, c;

  secure_call (&a, &b, loop);
  open_end (&c, loop, FALSE);
  wait_for (&c.gathered);
  introduce (&a, &b, b.fingerprint, FALSE); /* the same again */
  check_way (&a, &b, "goes on");
  ck_assert (pl_edge_media_secured (a.media));
  a.secured = FALSE;
  introduce (&c, &a, a.fingerprint, TRUE);
  introduce (&a, &c, c.fingerprint, FALSE);
  ck_assert (!pl_edge_media_secured (a.media));
  wait_for (&a.secured);
  wait_for (&c.secured);
  check_way (&a, &c, "hello");
  check_way (&c, &a, "hello");
  close_end (&b); /* its farewell is nobody's */
  ck_assert (!a.failed && pl_edge_media_secured (a.media));
  check_way (&a, &c, "still here");
  close_end (&a);
  close_end (&c);
}
END_TEST

START_TEST (edge_does_not_restart_what_was_refused)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (GError) error = NULL;
  PlIceAgentOptions options = { .address = "127.0.0.1" };
  End a, b;

  open_call (&a, &b, loop);
  introduce (&a, &b, a.fingerprint, FALSE);
  introduce (&b, &a, a.fingerprint, TRUE);
  wait_for (&a.failed);
  ck_assert (!pl_edge_media_restart (a.media, &options, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "certificate"));
  close_end (&a);
  close_end (&b);
}
END_TEST

/* --- hostile --- */

START_TEST (edge_hears_only_its_phone)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 packet[64], heard[64];
  gsize n;
  End a, b;
  int stranger;

  secure_call (&a, &b, loop);
  open_phone (&stranger);
  say (stranger, pl_edge_media_port (a.media), packet, make_rtp (packet, 0, 1, "I am your phone"));
  n = make_rtp (packet, 0, 2, "I am");
  say (a.rtp, pl_edge_media_port (a.media), packet, n);
  ck_assert_uint_eq (hear (b.rtp, heard, sizeof heard), n);
  ck_assert_mem_eq (heard, packet, n);
  close (stranger);
  close_end (&a);
  close_end (&b);
}
END_TEST

START_TEST (edge_drops_what_is_not_rtp_and_what_is_huge)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  guint8 huge[PL_EDGE_PACKET_MAX + 1] = { 0x80 };
  End a, b;

  secure_call (&a, &b, loop);
  say (a.rtp, pl_edge_media_port (a.media), "", 0);
  say (a.rtp, pl_edge_media_port (a.media), "\x80", 1);
  say (a.rtp, pl_edge_media_port (a.media), "this is not media at all", 24);
  say (a.rtp, pl_edge_media_port (a.media), huge, sizeof huge);
  wait_dropped (&a, 4);
  /* From the far side, past its edge: neither SRTP nor DTLS. */
  pl_ice_agent_send (pl_edge_media_ice (a.media), huge, sizeof huge);
  pl_ice_agent_send (pl_edge_media_ice (a.media), (const guint8 *) "\x80\x00 in the clear, forged", 23);
  wait_dropped (&b, 2);
  check_way (&a, &b, "still here");
  close_end (&a);
  close_end (&b);
}
END_TEST

/* --- the engines --- */

static PlSrtp *
make_srtp (guint8 local, guint8 remote)
{
  guint8 a[PL_SRTP_KEY], b[PL_SRTP_KEY];
  PlSrtp *srtp;

  memset (a, local, sizeof a);
  memset (b, remote, sizeof b);
  srtp = pl_srtp_new (PL_SRTP_SHA1_80, a, b);
  ck_assert_ptr_nonnull (srtp);
  return srtp;
}

START_TEST (srtp_hides_the_payload_and_refuses_forgery_and_replay)
{
  g_autoptr (PlSrtp) a = make_srtp (1, 2);
  g_autoptr (PlSrtp) b = make_srtp (2, 1);
  guint8 packet[256], copy[256];
  gsize len = make_rtp (packet, 0, 7, "the voice"), n;

  ck_assert (pl_srtp_protect (a, packet, &len));
  ck_assert_uint_eq (len, 12 + 9 + 10);
  ck_assert (memmem (packet, len, "the voice", 9) == NULL);
  for (gsize i = 0; i < len; i++)
    {
      memcpy (copy, packet, len);
      copy[i] ^= 1;
      n = len;
      ck_assert (!pl_srtp_unprotect (b, copy, &n));
    }
  memcpy (copy, packet, len);
  n = len;
  ck_assert (pl_srtp_unprotect (b, copy, &n));
  ck_assert_mem_eq (copy + 12, "the voice", 9);
  ck_assert (!pl_srtp_unprotect (b, packet, &len)); /* the same again */
}
END_TEST

START_TEST (srtp_bounds_the_sources_it_remembers)
{
  g_autoptr (PlSrtp) a = make_srtp (1, 2);
  guint8 packet[256];
  gsize len;

  for (guint i = 0; i <= PL_SRTP_SOURCES_MAX; i++)
    {
      len = make_rtp (packet, 0, 1, "x");
      packet[11] = i;
      ck_assert_int_eq (pl_srtp_protect (a, packet, &len), i < PL_SRTP_SOURCES_MAX);
    }
  len = make_rtp (packet, 0, 2, "x");
  packet[11] = 0;
  ck_assert (pl_srtp_protect (a, packet, &len));
}
END_TEST

START_TEST (fingerprint_names_one_certificate_by_a_hash_that_holds)
{
  g_autoptr (GBytes) one = g_bytes_new_static ("one", 3);
  g_autoptr (GBytes) two = g_bytes_new_static ("two", 3);
  g_autofree char *text = pl_edge_dup_fingerprint (one);
  g_autofree char *lower = g_ascii_strdown (text, -1);
  g_autofree char *longer = g_strconcat (text, ":00", NULL);

  ck_assert_uint_eq (strlen (text), 8 + 32 * 3 - 1);
  ck_assert (pl_edge_fingerprint_matches (text, one));
  ck_assert (pl_edge_fingerprint_matches (lower, one));
  ck_assert (!pl_edge_fingerprint_matches (text, two));
  ck_assert (!pl_edge_fingerprint_matches (longer, one));
  ck_assert (!pl_edge_fingerprint_matches ("sha-256 ", one));
  ck_assert (!pl_edge_fingerprint_matches ("", one));
  /* SHA-1 of "one" */
  ck_assert (!pl_edge_fingerprint_matches ("sha-1 FE:05:BC:DC:DC:4A:45:94:D8:4A:65:AE:AC:14:DA:8B:EF:2E:18:7C", one));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("edge");
  TCase *call = tcase_create ("ice/edge"), *engine = tcase_create ("ice/edge engines");

  tcase_set_timeout (call, 60);
  tcase_add_test (call, edge_carries_voice_and_reports_of_plain_phones_both_ways);
  tcase_add_test (call, edge_sends_reports_to_the_one_port_of_a_phone_that_multiplexes);
  tcase_add_test (call, edge_without_a_phone_gives_the_voice_back_from_another_source);
  tcase_add_test (call, edge_lets_nothing_out_before_the_far_side_is_proved);
  tcase_add_test (call, edge_refuses_a_far_side_with_another_certificate);
  tcase_add_test (call, edge_refuses_a_description_without_certificate_or_address);
  tcase_add_test (call, edge_ends_when_the_far_side_does);
  tcase_add_test (call, edge_speaks_srtp_with_a_phone_that_has_its_keys_in_the_sdp);
  tcase_add_test (call, edge_has_fresh_keys_and_refuses_strange_ones);
  tcase_add_test (call, edge_passes_what_a_phone_with_dtls_says_and_nothing_open);
  tcase_add_test (call, edge_changes_the_path_without_losing_a_packet);
  tcase_add_test (call, edge_turns_to_another_far_side);
  tcase_add_test (call, edge_does_not_restart_what_was_refused);
  tcase_add_test (call, edge_hears_only_its_phone);
  tcase_add_test (call, edge_drops_what_is_not_rtp_and_what_is_huge);
  tcase_add_test (engine, srtp_hides_the_payload_and_refuses_forgery_and_replay);
  tcase_add_test (engine, srtp_bounds_the_sources_it_remembers);
  tcase_add_test (engine, fingerprint_names_one_certificate_by_a_hash_that_holds);
  suite_add_tcase (suite, call);
  suite_add_tcase (suite, engine);
  return pl_test_run (suite, NULL);
}
