/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/headers.h"
#include "sip/router/sanitize.h"
#include "tests/support/test.h"

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <string.h>

#define NODE "000102030405060708090a0b0c0d0e0f"
#define GR "ARAAAQIDBAUGBwgJCgsMDQ4P"
#define OWN "sip:" NODE "@127.0.0.1:5080;lr;pl=AbC_-9"

typedef struct { msg_t *msg; sip_t *sip; } Message;

static Message
message_parse (const char *data, gsize len)
{
  Message message;

  message.msg = msg_make (sip_default_mclass (), MSG_DO_EXTRACT_COPY, data, len);
  ck_assert_ptr_nonnull (message.msg);
  message.sip = sip_object (message.msg);
  return message;
}

/* An INVITE with `headers` (lines with CRLF) among its own. */
static Message
invite (const char *headers)
{
  g_autofree char *text = g_strdup_printf ("INVITE sip:bob@example.net;transport=udp SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1\r\n"
                                           "%sTo: <sip:bob@example.net>\r\nCall-ID: 1@x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
                                           headers);

  return message_parse (text, strlen (text));
}

static char *
message_text (Message message)
{
  size_t len;
  char *text = msg_as_string (msg_home (message.msg), message.msg, NULL, 0, &len);

  return text ? g_strndup (text, len) : NULL;
}

static void
message_free (Message *message)
{
  msg_destroy (message->msg);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Message, message_free)

/* --- addresses --- */

START_TEST (aor_of_a_url_ignores_parameters_and_refuses_other_schemes)
{
  g_auto (Message) message = invite ("From: \"A\" <sip:%41lice@Example.org:5060;transport=udp>;tag=1\r\n");
  g_autofree char *to = pl_url_dup_aor (message.sip->sip_request->rq_url);
  g_autofree char *from = pl_url_dup_aor (message.sip->sip_from->a_url);
  url_t *tel = url_make (msg_home (message.msg), "tel:+1234");

  ck_assert_str_eq (to, "bob@example.net");
  ck_assert_str_eq (from, "alice@example.org");
  ck_assert_ptr_null (pl_url_dup_aor (tel));
  ck_assert_ptr_null (pl_url_dup_aor (NULL));
}
END_TEST

/* S4-10: the phone's Contact comes back to it as it was. */
START_TEST (contact_text_is_exactly_what_the_phone_wrote)
{
  static const char *const uris[] = {
    "sip:alice-0x55d9c2e58fa0@10.99.0.2:37297;transport=tcp", "sip:%61lice%2b@127.0.0.1:59242;transport=UDP;x=%41",
    "SIP:Alice@LocalHost", "sip:alice@[::1]:35888;ob;line=urn%3auuid%3a1", "sip:alice;par=1:pw@127.0.0.1",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autofree char *line = g_strdup_printf ("From: <sip:a@b>;tag=1\r\nContact: \"<sip:x@y>\" <%s>;expires=3\r\n", uris[i]);
      g_autofree char *compact = g_strdup_printf ("From: <sip:a@b>;tag=1\r\nm:\t<%s>\r\n", uris[i]);
      g_auto (Message) one = invite (line), two = invite (compact);
      g_autofree char *a = pl_contact_dup_text (one.sip->sip_contact);
      g_autofree char *b = pl_contact_dup_text (two.sip->sip_contact);

      ck_assert_str_eq (a, uris[i]);
      ck_assert_str_eq (b, uris[i]);
    }
}
END_TEST

START_TEST (contact_text_of_a_second_contact_is_its_own)
{
  g_auto (Message) message = invite ("From: <sip:a@b>;tag=1\r\nContact: <sip:one@h>, sip:two@h;q=1\r\n");
  g_autofree char *one = pl_contact_dup_text (message.sip->sip_contact);
  g_autofree char *two = pl_contact_dup_text (message.sip->sip_contact->m_next);

  ck_assert_str_eq (one, "sip:one@h");
  ck_assert_str_eq (two, "sip:two@h");
}
END_TEST

/* --- GRUU, RFC 7904 --- */

START_TEST (gruu_round_trips)
{
  g_autofree char *gruu = pl_gruu_make ("alice@example.com", NODE);
  g_autofree char *aor = NULL;
  g_autofree char *node = NULL;
  url_t *url = url_make (NULL, gruu);

  ck_assert_str_eq (gruu, "sip:alice@example.com;gr=" GR);
  ck_assert (pl_gruu_parse (url, &aor, &node));
  ck_assert_str_eq (aor, "alice@example.com");
  ck_assert_str_eq (node, NODE);
  ck_assert (pl_gruu_parse (url, NULL, NULL));
  ck_assert_ptr_null (pl_gruu_make ("alice@example.com", "00"));
  su_free (NULL, url);
}
END_TEST

START_TEST (gruu_of_a_longer_list_names_its_last_node)
{
  /* compressed 0x8001, then the node; with a pad as ~ */
  g_autofree char *node = NULL;
  url_t *url = url_make (NULL, "sips:alice@example.com;x=y;gr=gAEBEAABAgMEBQYHCAkKCwwNDg8~");

  ck_assert (pl_gruu_parse (url, NULL, &node));
  ck_assert_str_eq (node, NODE);
  su_free (NULL, url);
}
END_TEST

START_TEST (gruu_that_is_hostile_is_refused)
{
  static const char *const bad[] = {
    "sip:alice@example.com", "sip:alice@example.com;gr", "sip:alice@example.com;gr=", "sip:alice@example.com;gr=~~~~",
    "sip:alice@example.com;gr=AR", "sip:alice@example.com;gr=ARAAAQID", "sip:alice@example.com;gr=" GR "AA", "sip:alice@example.com;gr=" GR "gAE~",
    "sip:alice@example.com;gr=AR*AAQIDBAUGBwgJCgsMDQ4P", "sip:alice@example.com;gr=%00%00", "sip:alice@example.com;gr=" GR "%0D%0A",
    "sip:alice@example.com;gr=ARAAAAAAAAAAAAAAAAAAAAAA", "sip:alice@example.com;gr=ARD/////////////////////",
    "sip:alice@example.com;gr=gAGAAYABgAGAAYABgAGAAQEQAAECAwQFBgcICQoLDA0ODw~~", "sip:example.com;gr=" GR, "tel:123;gr=" GR,
    "sip:alice@example.com;gr=AgEA", "sip:alice@example.com;gr=Av8A",
  };
  g_autofree char *many = g_strnfill (100000, 'A');
  g_autofree char *huge = g_strdup_printf ("sip:alice@example.com;gr=%s", many);
  url_t *url = url_make (NULL, huge);

  ck_assert (!pl_gruu_parse (url, NULL, NULL));
  su_free (NULL, url);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      url = url_make (NULL, bad[i]);
      ck_assert_msg (!url || !pl_gruu_parse (url, NULL, NULL), "%s", bad[i]);
      su_free (NULL, url);
    }
}
END_TEST

/* --- routes and other changes --- */

START_TEST (route_uri_gives_its_token_back)
{
  g_autofree char *udp = pl_route_uri ("127.0.0.1:5080", FALSE, NODE, "AbC_-9");
  g_autofree char *tcp = pl_route_uri ("[::1]:5080", TRUE, NODE, "AbC_-9");
  g_autofree char *headers = g_strdup_printf ("From: <sip:a@b>;tag=1\r\nRoute: <%s>, <%s>\r\nRoute: <sip:127.0.0.1;lr>\r\n", udp, tcp);
  g_auto (Message) message = invite (headers);
  g_autofree char *node = NULL;
  g_autofree char *one = pl_route_token (message.sip->sip_route->r_url, &node);
  g_autofree char *two = pl_route_token (message.sip->sip_route->r_next->r_url, NULL);

  ck_assert_str_eq (udp, OWN);
  ck_assert_str_eq (one, "AbC_-9");
  ck_assert_str_eq (two, "AbC_-9");
  ck_assert_str_eq (node, NODE);
  ck_assert_ptr_null (pl_route_token (message.sip->sip_route->r_next->r_next->r_url, NULL));
  ck_assert_ptr_null (pl_route_token (message.sip->sip_to->a_url, NULL));
  ck_assert_ptr_null (pl_route_token (NULL, NULL));
}
END_TEST

START_TEST (route_pop_takes_only_the_first_of_a_line)
{
  g_auto (Message) message = invite ("From: <sip:a@b>;tag=1\r\nRoute: <sip:one;lr>, <sip:two;lr>\r\nRoute: <sip:three;lr>\r\n");
  g_autofree char *text = NULL;

  pl_route_pop (message.msg, message.sip);
  text = message_text (message);
  ck_assert_ptr_null (strstr (text, "sip:one"));
  ck_assert_ptr_nonnull (strstr (text, "sip:two;lr"));
  ck_assert_ptr_nonnull (strstr (text, "sip:three;lr"));
  pl_route_pop (message.msg, message.sip);
  pl_route_pop (message.msg, message.sip);
  pl_route_pop (message.msg, message.sip);
  ck_assert_ptr_null (message.sip->sip_route);
}
END_TEST

START_TEST (contact_replace_keeps_features_and_drops_what_is_private)
{
  g_auto (Message) message = invite ("From: <sip:a@b>;tag=1\r\nContact: <sip:alice@127.0.0.1:5062>;expires=300;+sip.instance=\"<urn:uuid:1>\";audio;+sip.ice, <sip:x@y>\r\n");
  g_auto (Message) none = invite ("From: <sip:a@b>;tag=1\r\n");
  g_autofree char *text = NULL;

  ck_assert (pl_contact_replace (message.msg, message.sip, "sip:alice@example.com;gr=" GR));
  text = message_text (message);
  ck_assert_ptr_nonnull (strstr (text, "Contact: <sip:alice@example.com;gr=" GR ">;audio;+sip.ice\r\n"));
  ck_assert_ptr_null (strstr (text, "127.0.0.1:5062>"));
  ck_assert_ptr_null (strstr (text, "sip:x@y"));
  ck_assert_ptr_null (strstr (text, "uuid"));
  ck_assert (!pl_contact_replace (none.msg, none.sip, "sip:a@b"));
}
END_TEST

START_TEST (request_uri_is_sent_exactly_and_refused_when_it_is_none)
{
  static const char *const uris[] = {
    "sip:%61lice%2b@127.0.0.1:5062;transport=UDP;x=%41", "SIP:a:b;c=%61@[::1]:5062;ob?Subject=%61", "sips:host", "sip:[::1]", "sip:a@h?x=y",
    "sip:a@h;lr", "sip:a@h:1",
  };
  g_auto (Message) message = invite ("From: <sip:a@b>;tag=1\r\n");

  ck_assert (!pl_request_uri_set (message.msg, message.sip, "sip:x@y SIP/2.0\r\nEvil: 1"));
  ck_assert (!pl_request_uri_set (message.msg, message.sip, ""));
  ck_assert (!pl_request_uri_set (message.msg, message.sip, "*"));
  ck_assert (!pl_request_uri_set (message.msg, message.sip, "tel:+1"));
  for (gsize i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autofree char *line = g_strdup_printf ("INVITE %s SIP/2.0\r\nVia", uris[i]);
      g_autofree char *text = NULL;

      ck_assert (pl_request_uri_set (message.msg, message.sip, uris[i]));
      text = message_text (message);
      ck_assert_msg (g_str_has_prefix (text, line), "%s", text);
    }
}
END_TEST

START_TEST (record_route_request_uri_and_max_forwards_change_alone)
{
  g_auto (Message) message = invite ("From: <sip:a@b>;tag=1\r\nMax-Forwards: 1\r\nX-Odd: kept ,  as it is\r\nRecord-Route: <sip:far;lr>\r\n");
  g_auto (Message) none = invite ("From: <sip:a@b>;tag=1\r\n");
  g_autofree char *text = NULL;

  ck_assert (pl_record_route_add (message.msg, message.sip, OWN));
  ck_assert (pl_request_uri_set (message.msg, message.sip, "sip:bob@127.0.0.1:5066;ob"));
  ck_assert (pl_max_forwards_decrement (message.msg, message.sip));
  ck_assert (!pl_max_forwards_decrement (message.msg, message.sip));
  text = message_text (message);
  ck_assert (g_str_has_prefix (text, "INVITE sip:bob@127.0.0.1:5066;ob SIP/2.0\r\n"));
  ck_assert_ptr_nonnull (strstr (text, "Max-Forwards: 0\r\n"));
  ck_assert_msg (strstr (text, "X-Odd: kept ,  as it is\r\n") != NULL, "%s", text);
  ck_assert_ptr_nonnull (strstr (text, OWN));
  ck_assert (strstr (text, OWN) < strstr (text, "sip:far;lr"));
  ck_assert (pl_max_forwards_decrement (none.msg, none.sip));
  ck_assert_uint_eq (none.sip->sip_max_forwards->mf_count, 70);
}
END_TEST

/* --- from a stranger --- */

START_TEST (sanitize_removes_claims_urls_and_routes)
{
  static const char *const lines[] = {
    "P-Asserted-Identity: <sip:boss@bank.example>\r\n", "p-preferred-identity: <sip:boss@bank.example>\r\n",
    "Remote-Party-ID: <sip:boss@bank.example>;party=calling\r\n", "Identity: \"abc\"\r\n", "y: abc\r\n", "n: <http://evil.example/c>\r\n",
    "Path: <sip:evil.example;lr>\r\n", "Service-Route: <sip:evil.example;lr>\r\n", "Route: <sip:evil.example;lr>, <sip:127.0.0.1:631>\r\n",
    "Alert-Info: <http://evil.example/ring.wav>;info=alert-autoanswer\r\n", "Call-Info: <http://evil.example/x.png>;purpose=icon;answer-after=0\r\n",
    "Error-Info: <http://evil.example/e>\r\n", "Answer-Mode: Auto;require\r\n", "Priv-Answer-Mode: Auto\r\n",
    "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n", "Diversion: <sip:boss@bank.example>\r\n",
    "History-Info: <sip:boss@bank.example>\r\n", "P-Asserted-Identity : <sip:boss@bank.example>\r\n",
    "Call-Info: <http://evil.example/2>\r\nX-Mine: 1\r\nCall-Info: <http://evil.example/3>\r\n",
  };
  g_autoptr (GString) all = g_string_new ("From: <sip:alice@example.org>;tag=1\r\nSubject: hi there\r\nX-Unknown: stays\r\n");
  g_autofree char *text = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    g_string_append (all, lines[i]);
  {
    g_auto (Message) message = invite (all->str);

    pl_sanitize_from_link (message.msg, message.sip, "alice@example.org");
    text = message_text (message);
  }
  ck_assert_msg (!strstr (text, "boss@bank") && !strstr (text, "evil.example") && !strstr (text, "abc") && !strstr (text, "127.0.0.1:631"), "%s", text);
  ck_assert_msg (!strcasestr (text, "answer") && !strstr (text, "Digest"), "%s", text);
  ck_assert_ptr_nonnull (strstr (text, "X-Unknown: stays\r\n"));
  ck_assert_ptr_nonnull (strstr (text, "X-Mine: 1\r\n"));
  ck_assert_ptr_nonnull (strstr (text, "Subject: hi there\r\n"));
}
END_TEST

START_TEST (sanitize_does_not_pass_what_could_not_be_parsed)
{
  g_auto (Message) message = invite ("From: <sip:alice@example.org>;tag=1\r\nPath: sip:evil.example;;<>\r\nAlert-Info:\r\n <http://evil.example/a>\r\nCall-Info: http://evil.example/noangle\r\n");
  g_autofree char *text = NULL;

  pl_sanitize_from_link (message.msg, message.sip, "alice@example.org");
  text = message_text (message);
  ck_assert_msg (!strstr (text, "evil.example"), "%s", text);
}
END_TEST

static const char *const honest[] = {
  "", "Alice", "\"Alice A.\"", "alice@example.org", "\"Alice@Example.org\"", "\" alice@example.org \"", "J\303\266rg", "\"\344\270\255\346\226\207\"",
  "\"Al \\\"the\\\" Ice\"", "100 %",
};

static const char *const dishonest[] = {
  "bob@example.net", "\"bob@example.net\"", "\"Bob <bob@example.net>\"", "\"bob\\@example.net\"", "\"alice@example.org bob@example.net\"",
  "bob\357\274\240example.net" /* full-width @ */, "bob\357\271\253example.net" /* small @ */, "bob\342\223\220example.net" /* circled a */,
  "\"Bob\342\200\256\"" /* right-to-left override */, "Al\342\200\213ice", "Al\tice", "Al\1ice", "Al\177ice", "=?utf-8?B?Ym9iQGV4YW1wbGUubmV0?=",
  "\377\376", "Bob (sip:bob)", "SIPS:bob", "bob%40example.net", "alice@example.org.evil.example", "\363\240\201\200",
};

START_TEST (display_name_with_another_address_becomes_the_certified_one)
{
  g_autofree char *line = g_strdup_printf ("From: %s%s%s <sip:alice@example.org>;tag=1\r\n", *dishonest[_i] == '"' ? "" : "\"", dishonest[_i],
                                           *dishonest[_i] == '"' ? "" : "\"");
  g_auto (Message) message = invite (line);
  g_autofree char *text = NULL;

  ck_assert_msg (!pl_display_is_honest (dishonest[_i], "alice@example.org"), "%s", dishonest[_i]);
  if (!message.sip->sip_from)
    return; /* not parsed: 400 */
  pl_sanitize_from_link (message.msg, message.sip, "alice@example.org");
  text = message_text (message);
  ck_assert_msg (strstr (text, "From: \"alice@example.org\" <sip:alice@example.org>;tag=1\r\n") != NULL, "%s", text);
}
END_TEST

START_TEST (display_name_that_is_honest_stays)
{
  ck_assert_msg (pl_display_is_honest (honest[_i], "alice@example.org"), "%s", honest[_i]);
}
END_TEST

START_TEST (display_name_of_an_answer_is_that_of_its_to)
{
  static const char text[] = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1\r\nFrom: \"eve@x.y\" <sip:alice@example.org>;tag=1\r\n"
                             "To: \"eve@x.y\" <sip:bob@example.net>;tag=2\r\nContact: \"eve@x.y\" <sip:bob@127.0.0.1>\r\nCall-ID: 1@x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
  g_auto (Message) message = message_parse (text, strlen (text));
  g_autofree char *out = NULL;

  pl_sanitize_from_link (message.msg, message.sip, "bob@example.net");
  out = message_text (message);
  ck_assert_ptr_nonnull (strstr (out, "From: \"eve@x.y\" <sip:alice"));
  ck_assert_ptr_nonnull (strstr (out, "To: \"bob@example.net\" <sip:bob@example.net>;tag=2\r\n"));
  ck_assert_msg (strstr (out, "Contact: sip:bob@127.0.0.1\r\n") != NULL, "%s", out);
}
END_TEST

/* The caller's phone sends its BYE to the last entry: no stranger may choose that socket. */
START_TEST (record_route_of_an_answer_ends_with_our_own)
{
  static const char *const routes[] = {
    "", "Record-Route: <sip:127.0.0.1:631;lr>\r\n", "Record-Route: <" OWN ">, <sip:127.0.0.1:22>\r\n",
    "Record-Route: <sip:a;lr>, <sip:b;lr>, <sip:c;lr>, <sip:d;lr>\r\nRecord-Route: <" OWN ">, <" OWN ">\r\n",
  };
  static const guint others[] = { 0, 1, 1, 2 };

  for (gsize i = 0; i < G_N_ELEMENTS (routes); i++)
    {
      g_autofree char *line = g_strdup_printf ("From: <sip:a@b>;tag=1\r\n%s", routes[i]);
      g_auto (Message) message = invite (line);
      sip_record_route_t *route;
      g_autofree char *last = NULL;
      guint count = 1;

      pl_record_route_ensure (message.msg, message.sip, OWN);
      for (route = message.sip->sip_record_route; route->r_next; route = route->r_next)
        count++;
      last = pl_url_dup_text (route->r_url);
      ck_assert_str_eq (last, OWN);
      ck_assert_uint_eq (count, others[i] + 1);
    }
}
END_TEST

/* RFC 4475: whatever sofia makes of it, we neither crash nor grow. */
START_TEST (torture_messages_pass_all_functions)
{
  g_autofree char *path = pl_test_path ("data/torture");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint count = 0;

  for (const char *name; (name = g_dir_read_name (dir));)
    {
      g_autofree char *file = g_build_filename ("torture", name, NULL);
      g_autoptr (GBytes) bytes = g_str_has_suffix (name, ".dat") ? pl_test_data (file) : NULL;

      if (!bytes)
        continue;
      g_auto (Message) message = message_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      g_autofree char *contact = pl_contact_dup_text (message.sip->sip_contact);
      g_autofree char *from = message.sip->sip_from ? pl_url_dup_aor (message.sip->sip_from->a_url) : NULL;
      g_autofree char *uri = message.sip->sip_request ? pl_url_dup_aor (message.sip->sip_request->rq_url) : NULL;
      g_autofree char *text = NULL;

      for (sip_route_t *route = message.sip->sip_route; route; route = route->r_next)
        ck_assert_ptr_null (pl_route_token (route->r_url, NULL));
      pl_sanitize_from_link (message.msg, message.sip, "alice@example.org");
      pl_record_route_ensure (message.msg, message.sip, OWN);
      pl_contact_replace (message.msg, message.sip, "sip:alice@example.org;gr=" GR);
      pl_max_forwards_decrement (message.msg, message.sip);
      pl_request_uri_set (message.msg, message.sip, "sip:bob@127.0.0.1");
      text = message_text (message);
      /* sofia prints nothing of what it could not make a start line of */
      ck_assert_msg (!text || strlen (text) < g_bytes_get_size (bytes) + 1000, "%s", name);
      ck_assert_msg (text || !message.sip->sip_request, "%s", name);
      count++;
    }
  ck_assert_uint_ge (count, 49);
}
END_TEST

START_TEST (torture_request_uris_have_the_expected_aor)
{
  static const struct { const char *name, *aor; } cases[] = {
    { "esc01", "sips%3auser@example.com@example.net" }, { "escnull", NULL }, { "semiuri", "user;par=u@example.net@example.com" },
    { "unkscm", NULL }, { "novelsc", NULL }, { "wsinv", "vivekg@chair-dnrc.example.com" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *file = g_strdup_printf ("torture/%s.dat", cases[i].name);
      g_autoptr (GBytes) bytes = pl_test_data (file);
      g_auto (Message) message = message_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      g_autofree char *aor = NULL;

      ck_assert_ptr_nonnull (message.sip->sip_request);
      aor = pl_url_dup_aor (message.sip->sip_request->rq_url);
      ck_assert_msg (g_strcmp0 (aor, cases[i].aor) == 0, "%s: %s", cases[i].name, aor);
    }
}
END_TEST

static void
add_links (Suite *suite)
{
  TCase *tcase = tcase_create ("router/sanitize");

  tcase_add_test (tcase, sanitize_removes_claims_urls_and_routes);
  tcase_add_test (tcase, sanitize_does_not_pass_what_could_not_be_parsed);
  tcase_add_loop_test (tcase, display_name_with_another_address_becomes_the_certified_one, 0, G_N_ELEMENTS (dishonest));
  tcase_add_loop_test (tcase, display_name_that_is_honest_stays, 0, G_N_ELEMENTS (honest));
  tcase_add_test (tcase, display_name_of_an_answer_is_that_of_its_to);
  tcase_add_test (tcase, record_route_of_an_answer_ends_with_our_own);
  tcase_add_test (tcase, torture_messages_pass_all_functions);
  tcase_add_test (tcase, torture_request_uris_have_the_expected_aor);
  suite_add_tcase (suite, tcase);
}

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("router/headers");

  tcase_add_test (tcase, aor_of_a_url_ignores_parameters_and_refuses_other_schemes);
  tcase_add_test (tcase, contact_text_is_exactly_what_the_phone_wrote);
  tcase_add_test (tcase, contact_text_of_a_second_contact_is_its_own);
  tcase_add_test (tcase, gruu_round_trips);
  tcase_add_test (tcase, gruu_of_a_longer_list_names_its_last_node);
  tcase_add_test (tcase, gruu_that_is_hostile_is_refused);
  tcase_add_test (tcase, route_uri_gives_its_token_back);
  tcase_add_test (tcase, route_pop_takes_only_the_first_of_a_line);
  tcase_add_test (tcase, contact_replace_keeps_features_and_drops_what_is_private);
  tcase_add_test (tcase, request_uri_is_sent_exactly_and_refused_when_it_is_none);
  tcase_add_test (tcase, record_route_request_uri_and_max_forwards_change_alone);
  suite_add_tcase (suite, tcase);
  add_links (suite);
  return pl_test_run (suite, NULL);
}
