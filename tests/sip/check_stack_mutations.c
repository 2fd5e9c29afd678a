/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Real INVITEs, damaged, through a whole stack; and a stranger who tries to make the daemon knock
 * at ports of this machine. Seeded: PEERLINE_MUTATIONS=100000 does as many (issue 5), PEERLINE_SEED=n
 * others.
 */
#include "config.h"

#include "tests/sip/stack-world.h"
#include "tests/support/siptext.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sip/sdp/session.h"

#define COUNT 400       /* in make check */
#define BATCH 200       /* messages for one world: what nta keeps of them is bounded */
#define PER_STRANGER 4  /* as many as one far node may let ring at a time */
#define CAROL "carol@example.org"

static guint
wanted_count (void)
{
  const char *text = g_getenv ("PEERLINE_MUTATIONS");

  return text ? (guint) atoi (text) : COUNT;
}

static GRand *
new_chance (void)
{
  const char *text = g_getenv ("PEERLINE_SEED");

  return g_rand_new_with_seed (text ? (guint32) atoi (text) : 1);
}

static guint
below (GRand *chance, guint bound)
{
  return (guint) g_rand_int_range (chance, 0, (gint32) bound);
}

/* --- damage --- */

static const char *const words[] = {
  "\r\n", "\r\n ", "\r\n\r\n", ";", ",", "<", ">", "\"", "%00", "%", "@", ":", "[::1]", "127.0.0.1", "sip:", "sips:", "tel:", "-1", "0",
  "4294967296", "99999999999999999999", "IN IP4 127.0.0.1", "a=candidate:", "m=audio 0 RTP/AVP 0\r\n", "m=video 9 X 9\r\n", "c=IN IP6 ::1\r\n",
  "a=ice-ufrag:", "a=fingerprint:", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", "v=0\r\n", "SIP/2.0", "Via: ", "Route: <sip:x;lr>\r\n",
  "Content-Length: 5\r\n", "Content-Encoding: gzip\r\n", "Require: x\r\n", "Contact: *\r\n", "multipart/mixed;boundary=x", "\xff\xfe", "\xc3",
};

static void
damage_once (GString *text, GRand *chance)
{
  guint at = text->len ? below (chance, text->len) : 0, most = 1 + below (chance, 40), len = MIN (most, text->len - at);
  g_autofree char *part = g_strndup (text->str + at, len);

  if (text->len == 0)
    return;
  switch (below (chance, 7))
    {
    case 0:
      text->str[at] ^= (char) (1 << below (chance, 8));
      break;
    case 1:
      text->str[at] = (char) below (chance, 256);
      break;
    case 2:
      g_string_erase (text, at, len);
      break;
    case 3:
      g_string_insert_len (text, below (chance, text->len), part, (gssize) strlen (part));
      break;
    case 4:
      g_string_insert (text, at, words[below (chance, G_N_ELEMENTS (words))]);
      break;
    case 5:
      g_string_overwrite (text, at, words[below (chance, G_N_ELEMENTS (words))]);
      break;
    default:
      for (guint times = 1u << below (chance, 7); times > 0; times--)
        g_string_insert (text, at, part);
    }
}

static void
replace (char **text, const char *old, const char *new)
{
  g_auto (GStrv) parts = g_strsplit (*text, old, -1);

  g_free (*text);
  *text = g_strjoinv (new, parts);
}

/* The INVITEs of tests/data/sdp, with our people in place of theirs. */
static GPtrArray *
corpus (void)
{
  g_autofree char *path = pl_test_path ("data/sdp");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  GPtrArray *messages = g_ptr_array_new_with_free_func (g_free);

  for (const char *name; (name = g_dir_read_name (dir));)
    {
      g_autofree char *file = g_build_filename ("sdp", name, NULL);
      g_autoptr (GBytes) bytes = NULL;
      char *text;

      if (!g_str_has_suffix (name, "from-ua-INVITE.sip"))
        continue;
      bytes = pl_test_data (file);
      text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      replace (&text, "Route: <sip:127.0.0.1:5060;transport=udp;lr>\r\n", "");
      replace (&text, "Route: <sip:127.0.0.1:5060;transport=udp;lr>\n", "");
      replace (&text, "bob@rig.example", BOB);
      g_ptr_array_add (messages, text);
    }
  ck_assert_uint_gt (messages->len, 20);
  return messages;
}

/* One of them, from `caller`, of a call of its own, damaged (`times` may be 0). */
static GString *
mutation (const GPtrArray *messages, GRand *chance, const char *caller, const char *callee, guint serial, guint times)
{
  g_autofree char *text = g_strdup (messages->pdata[below (chance, messages->len)]);
  g_autofree char *own = g_strdup_printf ("m%u-", serial);
  g_autofree char *id = g_strconcat ("Call-ID: ", own, NULL);
  g_autofree char *branch = g_strconcat ("z9hG4bK", own, NULL);
  GString *out;

  replace (&text, "alice@rig.example", caller);
  replace (&text, BOB, callee);
  replace (&text, "Call-ID: ", id);
  replace (&text, "z9hG4bK", branch);
  out = g_string_new (text);
  while (times-- > 0)
    damage_once (out, chance);
  return out;
}

/* --- a stack --- */

typedef struct {
  World w;
  PlPhone *alice, *bob;
  PlFakeDaemon *stranger;
  guint strangers;
  char *aor;                /* the stranger's */
  char *answer;             /* Bob's and Alice's */
} Scene;

static void
scene_start (Scene *s, GRand *chance)
{
  static const guint answers[] = { 200, 488, 486, 603, 302 };

  memset (s, 0, sizeof *s);
  s->answer = pl_phone_make_sdp (2, TRUE);
  world_start (&s->w);
  side_give_edges (&s->w, &s->w.a);
  side_give_edges (&s->w, &s->w.b);
  s->alice = side_phone (&s->w, &s->w.a, ALICE, FALSE);
  s->bob = side_phone (&s->w, &s->w.b, BOB, FALSE);
  pl_phone_set_script (s->bob, &(PlPhoneScript){ .ring = 180, .answer = answers[below (chance, G_N_ELEMENTS (answers))], .sdp = s->answer });
}

static void
scene_stop (Scene *s)
{
  pl_phone_free (s->alice);
  pl_phone_free (s->bob);
  world_stop (&s->w);
  g_free (s->aor);
  g_free (s->answer);
}

static void
next_stranger (Scene *s)
{
  g_autofree char *node = g_strdup_printf ("%032x", 0x0e000000 + ++s->strangers);

  g_free (s->aor);
  s->aor = g_strdup_printf ("eve%u@example.com", s->strangers);
  s->stranger = pl_fake_daemon_new (s->w.net, s->aor, node);
}

/* The daemon is alive and does its work: no hang, whatever came before. */
static void
expect_alive (Scene *s)
{
  guint before = pl_phone_count (s->alice, "200 REGISTER");

  pl_phone_register (s->alice, 300);
  ck_assert_msg (pl_phone_wait (s->alice, "200 REGISTER", before + 1, 10 * WAIT), "the daemon does not answer any more");
}

/* --- damaged INVITEs --- */

static void
send_one (Scene *s, const GPtrArray *messages, GRand *chance, guint serial)
{
  guint times = below (chance, 6);
  g_autoptr (GString) text = NULL;

  if (serial & 1)
    {
      text = mutation (messages, chance, ALICE, BOB, serial, times);
      pl_phone_send_raw (s->alice, text->str, text->len);
      return;
    }
  if (!s->stranger || serial / 2 % PER_STRANGER == 0)
    next_stranger (s);
  text = mutation (messages, chance, s->aor, BOB, serial, times);
  pl_fake_net_inject (s->w.net, s->stranger, s->w.b.daemon, text->str);
}

START_TEST (damaged_invites_leave_the_daemon_whole) /* issue 5, point 2 */
{
  g_autoptr (GPtrArray) messages = corpus ();
  g_autoptr (GRand) chance = new_chance ();
  guint count = wanted_count (), sent = 0, arrived = 0, answered = 0;

  for (guint done = 0; done < count;)
    {
      guint end = MIN (done + BATCH, count);
      Scene s;

      scene_start (&s, chance);
      for (; done < end; done++)
        {
          send_one (&s, messages, chance, done);
          pl_phone_idle (s.alice, 0);
          if (done % 50 == 49)
            pl_phone_idle (s.alice, 2);
        }
      expect_alive (&s);
      pl_phone_idle (s.alice, 20);
      sent += pl_fake_net_messages (s.w.net);
      arrived += pl_phone_count (s.bob, "INVITE");
      answered += pl_phone_count (s.alice, "4xx");
      scene_stop (&s);
    }
  if (count >= COUNT)
    {
      ck_assert_uint_gt (sent, count / 4); /* else it tests the door only */
      ck_assert_uint_gt (arrived, count / 20);
      ck_assert_uint_gt (answered, count / 50);
    }
  if (count > COUNT)
    g_printerr ("# %u messages, %u on links, %u rang at a phone, %u refused to one\n", count, sent, arrived, answered);
}
END_TEST

/* --- damaged session descriptions --- */

static gboolean
is_ours (const char *address)
{
  struct in_addr four;

  return strcmp (address, "::1") == 0 || (inet_pton (AF_INET, address, &four) == 1 && ntohl (four.s_addr) >> 24 == IN_LOOPBACKNET);
}

/* Is there "a=candidate:F C udp P ADDRESS PORT typ" in this m-section? */
static gboolean
has_candidate (char **lines, const char *address, const char *port)
{
  for (; *lines && !g_str_has_prefix (*lines, "m="); lines++)
    {
      char at[64], number[16];

      if (sscanf (*lines, "a=candidate:%*s %*s %*s %*s %63s %15s", at, number) == 2 && strcmp (at, address) == 0 && strcmp (number, port) == 0)
        return TRUE;
    }
  return FALSE;
}

/* Of an m-section beginning at `lines`: c= and the port of m= are those of a candidate, or c= is the
 * unspecified address. */
static void
expect_candidate (char **lines, const char *whole)
{
  const char *after = *lines + 2 + strcspn (*lines + 2, " \t");
  char port[16] = "";

  ck_assert_int_eq (sscanf (after, " %15[0-9]", port), 1);
  for (char **line = lines + 1; *line && !g_str_has_prefix (*line, "m="); line++)
    if (g_str_has_prefix (*line, "c=IN IP"))
      {
        const char *address = *line + strlen ("c=IN IP4 ");

        ck_assert_msg (strcmp (address, "0.0.0.0") == 0 || strcmp (address, "::") == 0 || has_candidate (lines + 1, address, port),
                       "%s with %s is no candidate in:\n%s", *lines, *line, whole);
      }
}

static char **
split_lines (const char *text)
{
  char **lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line; line++)
    g_strchomp (*line);
  return lines;
}

/* What was touched equals a candidate, and no loopback address is left. */
static void
check_description (const char *text, gsize len)
{
  gsize out_len;
  g_autofree char *out = pl_sdp_to_far (text, len, &out_len, NULL);
  g_auto (GStrv) before = NULL;
  g_auto (GStrv) after = NULL;
  guint section = 0, seen = 0;

  if (!out)
    return;
  ck_assert_uint_eq (strlen (out), out_len);
  before = split_lines (text);
  after = split_lines (out);
  for (char **line = after; *line; line++)
    {
      gboolean connection = g_str_has_prefix (*line, "c=IN IP4 ") || g_str_has_prefix (*line, "c=IN IP6 ");

      section += g_str_has_prefix (*line, "m=");
      ck_assert_msg (!connection || !is_ours (*line + 9), "%s left in:\n%s", *line, out);
    }
  for (char **line = after; *line; line++)
    {
      g_autofree char *old = NULL;
      guint at = 0;

      if (!g_str_has_prefix (*line, "m="))
        continue;
      seen++;
      for (char **was = before; *was && !old; was++)
        if (g_str_has_prefix (*was, "m=") && ++at == seen)
          old = g_strdup (*was);
      ck_assert_msg (old != NULL, "a section too many in:\n%s", out);
      if (strcmp (old, *line) != 0)
        expect_candidate (line, out);
    }
}

START_TEST (touched_address_of_a_damaged_description_equals_a_candidate) /* S3; issue 5, point 2 */
{
  g_autoptr (GPtrArray) messages = corpus ();
  g_autoptr (GRand) chance = new_chance ();
  guint count = MAX (wanted_count (), 4000);

  for (guint i = 0; i < count; i++)
    {
      g_autofree char *body = g_strdup (strstr (messages->pdata[i % messages->len], "v=0"));
      g_autoptr (GString) text = NULL;

      ck_assert_ptr_nonnull (body);
      if (i & 1) /* a phone that knows itself by the loopback alone, as linphone does without ICE */
        {
          g_autoptr (GRegex) media = g_regex_new ("c=IN IP4 [0-9.]+", 0, 0, NULL);
          char *changed = g_regex_replace_literal (media, body, -1, 0, "c=IN IP4 127.0.0.1", 0, NULL);

          g_free (body);
          body = changed;
        }
      text = g_string_new (body);
      for (guint times = i < messages->len * 2 ? 0 : below (chance, 4); times > 0; times--)
        damage_once (text, chance);
      if (strlen (text->str) == text->len)
        check_description (text->str, text->len);
    }
}
END_TEST

/* --- ports of this machine --- */

#define LURES 4 /* sockets that must hear nothing: UDP and TCP, IPv4 and IPv6 */

typedef struct {
  int fd[LURES];
  guint16 port[LURES];
} Lures;

static void
lures_start (Lures *lures)
{
  for (guint i = 0; i < LURES; i++)
    {
      gboolean six = i & 1;
      struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_ANY) } };
      struct sockaddr_in6 long_one = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
      struct sockaddr *address = six ? (struct sockaddr *) &long_one : (struct sockaddr *) &four;
      socklen_t len = six ? sizeof long_one : sizeof four;

      lures->fd[i] = socket (address->sa_family, (i & 2 ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      ck_assert_int_ge (lures->fd[i], 0);
      ck_assert (!six || setsockopt (lures->fd[i], IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof (int)) == 0);
      ck_assert_int_eq (bind (lures->fd[i], address, len), 0);
      ck_assert (!(i & 2) || listen (lures->fd[i], 1) == 0);
      ck_assert_int_eq (getsockname (lures->fd[i], address, &len), 0);
      lures->port[i] = ntohs (six ? long_one.sin6_port : four.sin_port);
    }
}

static void
lures_expect_nothing (const Lures *lures, const char *last)
{
  char data[64];

  for (guint i = 0; i < LURES; i++)
    {
      gssize got = i & 2 ? accept (lures->fd[i], NULL, NULL) : recv (lures->fd[i], data, sizeof data, 0);

      ck_assert_msg (got < 0 && errno == EAGAIN, "port %u was reached by one of those before:\n%s", lures->port[i], last);
    }
}

static void
lures_stop (const Lures *lures)
{
  for (guint i = 0; i < LURES; i++)
    close (lures->fd[i]);
}

/* The phone of another of the user's identities, and what leads to Alice's, are targets as well. */
typedef struct {
  Scene s;
  Lures lures;
  PlPhone *carol;
  guint calls, reached;     /* Eve's calls with Alice; what else came to Alice */
  char *token;              /* our Record-Route in the call that stands */
} Trap;

/* "127.0.0.1:4711" and what else may mean that. */
static char *
dup_host (const Trap *trap, GRand *chance)
{
  static const char *const names[] = { "127.0.0.1", "[::1]", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::]",
                                       "[::ffff:127.0.0.1]", "127.0.0.1%00", "LOCALHOST.", "017700000001", "127.127.127.127" };
  const guint16 ports[] = { trap->lures.port[0], trap->lures.port[1], trap->lures.port[2], trap->lures.port[3], pl_phone_port (trap->carol) };

  return g_strdup_printf ("%s:%u", names[below (chance, G_N_ELEMENTS (names))], ports[below (chance, G_N_ELEMENTS (ports))]);
}

static char *
dup_uri (const Trap *trap, GRand *chance)
{
  static const char *const schemes[] = { "sip", "sips", "SIP", "tel", "http" };
  static const char *const params[] = { "", ";lr", ";transport=tcp", ";transport=udp;lr", ";maddr=127.0.0.1", ";maddr=[::1];transport=tcp", ";gr=x",
                                        ";received=127.0.0.1", ";rport=9", ";ob", "?Route=%3Csip:127.0.0.1%3E" };
  static const char *const users[] = { "", "alice@", "x@", "alice%40example.org@", NODE_A "@", "alice:y@", "alice;gr=z@" };
  g_autofree char *host = dup_host (trap, chance);

  if (below (chance, 5) == 0)
    return g_strdup (below (chance, 2) ? "sip:" ALICE : trap->token);
  return g_strdup_printf ("%s:%s%s%s", schemes[below (chance, 8) < 5 ? 0 : below (chance, G_N_ELEMENTS (schemes))],
                          users[below (chance, G_N_ELEMENTS (users))], host, params[below (chance, G_N_ELEMENTS (params))]);
}

static void
add_header (GString *out, const char *name, const Trap *trap, GRand *chance)
{
  for (guint times = below (chance, 3); times > 0; times--)
    {
      g_autofree char *uri = dup_uri (trap, chance);

      g_string_append_printf (out, "%s: <%s>\r\n", name, uri);
    }
}

static char *
dup_lure (const Trap *trap, GRand *chance, guint serial)
{
  static const char *const methods[] = { "INVITE", "BYE", "ACK", "OPTIONS", "MESSAGE", "CANCEL", "INFO", "UPDATE", "REFER", "NOTIFY", "PRACK", "ODD" };
  const char *method = methods[below (chance, G_N_ELEMENTS (methods))];
  gboolean answer = below (chance, 5) == 0, inside = below (chance, 2);
  g_autofree char *uri = below (chance, 3) ? g_strdup ("sip:" ALICE) : dup_uri (trap, chance);
  g_autofree char *host = dup_host (trap, chance);
  g_autofree char *sdp = pl_phone_make_sdp (1, FALSE);
  GString *out = g_string_new (NULL);

  if (answer)
    g_string_append_printf (out, "SIP/2.0 %u OK\r\n", 100 * (1 + below (chance, 6)));
  else
    g_string_append_printf (out, "%s %s SIP/2.0\r\n", method, uri);
  for (guint n = 0; n <= (guint) answer + below (chance, 2); n++)
    g_string_append_printf (out, "Via: SIP/2.0/%s %s;branch=z9hG4bKl%u%s\r\n", below (chance, 3) ? "UDP" : "TCP", host, serial + n,
                            below (chance, 2) ? ";rport;received=127.0.0.1" : below (chance, 2) ? ";maddr=127.0.0.1;ttl=1" : "");
  if (inside)
    g_string_append_printf (out, "Route: <%s>\r\n", trap->token);
  add_header (out, "Route", trap, chance);
  add_header (out, "Record-Route", trap, chance);
  add_header (out, "Contact", trap, chance);
  add_header (out, below (chance, 2) ? "Path" : "Refer-To", trap, chance);
  g_string_append_printf (out, "From: <sip:%s>;tag=e1\r\nTo: <sip:" ALICE ">%s\r\nCall-ID: %s%u\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n"
                          "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                          trap->s.aor, inside ? ";tag=a" : "", inside ? "stands" : "l", inside ? trap->calls : serial, serial, method, strlen (sdp), sdp);
  return g_string_free (out, FALSE);
}

/* Our Record-Route, of a call of Eve's that Alice has taken. */
static void
call_alice (Trap *trap)
{
  Scene *s = &trap->s;
  g_autofree char *sdp = pl_phone_make_sdp (1, FALSE);
  g_autofree char *id = g_strdup_printf ("stands%u", ++trap->calls);
  g_autofree char *text = NULL;
  g_autoptr (GPtrArray) routes = NULL;
  const PlPhoneMessage *got;
  guint seen = 0;

  pl_phone_set_script (s->alice, &(PlPhoneScript){ .answer = 200, .sdp = s->answer });
  next_stranger (s);
  text = g_strdup_printf ("INVITE sip:" ALICE " SIP/2.0\r\nVia: SIP/2.0/UDP x.invalid;branch=z9hG4bKfirst\r\nMax-Forwards: 70\r\n"
                          "From: <sip:%s>;tag=e1\r\nTo: <sip:" ALICE ">\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContact: <sip:%s;gr=x>\r\n"
                          "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", s->aor, id, s->aor, strlen (sdp), sdp);
  trap->reached += pl_phone_count (s->alice, "") - MIN (trap->calls - 1, 1) * 2;
  pl_phone_clear (s->alice);
  pl_fake_net_inject (s->w.net, s->stranger, s->w.a.daemon, text);
  do
    {
      ck_assert (pl_phone_wait (s->alice, "INVITE", ++seen, 10 * WAIT));
      got = pl_phone_last (s->alice, "INVITE");
    }
  while (strcmp (got->call_id, id) != 0);
  routes = pl_siptext_dup_record_routes (got);
  ck_assert_msg (routes->len >= 1, "no Record-Route in:\n%s", got->text);
  g_free (trap->token);
  trap->token = pl_siptext_dup_uri (routes->pdata[0]);
  pl_phone_idle (s->alice, 10);
}

START_TEST (nothing_from_a_link_reaches_a_port_without_a_phone_of_who_is_addressed) /* S4-09; issue 5, point 7 */
{
  g_autoptr (GRand) chance = new_chance ();
  guint count = wanted_count (), reached = 0;

  for (guint done = 0; done < count;)
    {
      guint end = MIN (done + BATCH, count);
      Trap trap = { 0 };

      scene_start (&trap.s, chance);
      pl_fake_daemon_own_all (trap.s.w.a.daemon);
      trap.carol = side_phone (&trap.s.w, &trap.s.w.a, CAROL, FALSE);
      pl_phone_clear (trap.carol);
      lures_start (&trap.lures);
      for (; done < end; done++)
        {
          g_autofree char *text = NULL;

          if (done % (2 * PER_STRANGER) == 0)
            call_alice (&trap);
          text = dup_lure (&trap, chance, done + 2);
          pl_fake_net_inject (trap.s.w.net, trap.s.stranger, trap.s.w.a.daemon, text);
          pl_phone_idle (trap.s.alice, 2);
          lures_expect_nothing (&trap.lures, text);
          ck_assert_msg (pl_phone_count (trap.carol, "") == 0, "carol's phone was reached:\n%s\nby one of those before:\n%s",
                         pl_phone_last (trap.carol, "")->text, text);
        }
      expect_alive (&trap.s);
      lures_expect_nothing (&trap.lures, "(the end)");
      reached += trap.reached;
      lures_stop (&trap.lures);
      pl_phone_free (trap.carol);
      g_free (trap.token);
      scene_stop (&trap.s);
    }
  ck_assert_uint_gt (reached, count / 100); /* what is for Alice does come */
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("stack/mutations");

  tcase_set_timeout (tcase, 60 + wanted_count () / 20);
  tcase_add_test (tcase, damaged_invites_leave_the_daemon_whole);
  tcase_add_test (tcase, touched_address_of_a_damaged_description_equals_a_candidate);
  tcase_add_test (tcase, nothing_from_a_link_reaches_a_port_without_a_phone_of_who_is_addressed);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
