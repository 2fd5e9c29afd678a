/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/universe.h"
#include "tests/support/fakeresolver.h"
#include "tests/support/siptext.h"
#include "tests/support/test.h"

#include <string.h>

#define NODE_A "000102030405060708090a0b0c0d0e0f"
#define NODE_B "f00102030405060708090a0b0c0d0e0f"

typedef struct { PlPhone *alice, *bob; } Pair;

/* Two phones, each the proxy of the other. */
static Pair
pair_new (void)
{
  Pair pair = { pl_phone_new (NULL, "alice@example.org", "127.0.0.1:9", FALSE), pl_phone_new (NULL, "bob@example.net", "127.0.0.1:9", FALSE) };
  g_autofree char *a = g_strdup_printf ("127.0.0.1:%u", pl_phone_port (pair.alice));
  g_autofree char *b = g_strdup_printf ("127.0.0.1:%u", pl_phone_port (pair.bob));

  pl_phone_set_proxy (pair.alice, b);
  pl_phone_set_proxy (pair.bob, a);
  return pair;
}

static void
pair_free (Pair *pair)
{
  pl_phone_free (pair->alice);
  pl_phone_free (pair->bob);
}

START_TEST (phone_calls_is_answered_and_hangs_up)
{
  Pair pair = pair_new ();
  g_autofree char *offer = pl_phone_make_sdp (1, FALSE);
  g_autofree char *sdp = pl_phone_make_sdp (2, TRUE);
  const char *call;

  pl_phone_set_script (pair.bob, &(PlPhoneScript){ .ring = 180, .answer = 200, .sdp = sdp });
  call = pl_phone_invite (pair.alice, "bob@example.net", offer);
  ck_assert (pl_phone_wait (pair.bob, "ACK", 1, 2000));
  ck_assert_uint_eq (pl_phone_count (pair.alice, "180 INVITE"), 1);
  ck_assert_str_eq (pl_phone_last (pair.alice, "200 INVITE")->body, sdp);
  ck_assert (pl_phone_in_dialog (pair.bob, call, "BYE", NULL, NULL));
  ck_assert (pl_phone_wait (pair.bob, "200 BYE", 1, 2000));
  ck_assert_uint_eq (pl_phone_count (pair.alice, "BYE"), 1);
  pair_free (&pair);
}
END_TEST

START_TEST (phone_cancels_a_ringing_call)
{
  Pair pair = pair_new ();
  const char *call;

  pl_phone_set_script (pair.bob, &(PlPhoneScript){ .ring = 180 });
  call = pl_phone_invite (pair.alice, "bob@example.net", NULL);
  ck_assert (pl_phone_wait (pair.alice, "180", 1, 2000));
  ck_assert (pl_phone_cancel (pair.alice, call));
  ck_assert (pl_phone_wait (pair.bob, "ACK", 1, 2000));
  ck_assert_uint_eq (pl_phone_count (pair.alice, "4xx INVITE"), 1);
  ck_assert_uint_eq (pl_phone_count (pair.alice, "200 CANCEL"), 1);
  pair_free (&pair);
}
END_TEST

START_TEST (text_frames_a_stream_by_its_length)
{
  static const char stream[] = "OPTIONS sip:x SIP/2.0\r\nv: a\r\nl: 3\r\n\r\nabcMESS";

  ck_assert_uint_eq (pl_siptext_frame (stream, strlen (stream)), strlen (stream) - 4);
  ck_assert_uint_eq (pl_siptext_frame (stream, 30), 0);
  ck_assert_uint_eq (pl_siptext_frame (stream, strlen (stream) - 5), 0);
}
END_TEST

/* --- the fake world --- */

typedef struct {
  PlFarLink *link;
  GString *got;
  PlResolveResult result;
  char *node;
  guint stalled, closed;
} Side;

static void
on_message (gpointer user, const guint8 *data, gsize len)
{
  g_string_append_len (((Side *) user)->got, (const char *) data, len);
}

static void
on_stalled (gpointer user)
{
  ((Side *) user)->stalled++;
}

static void
on_closed (gpointer user, const char *reason)
{
  ((Side *) user)->closed++;
}

static void
take_link (gpointer user, PlFarLink *link)
{
  static const PlFarLinkHandlers handlers = { on_message, on_stalled, on_closed };

  ((Side *) user)->link = link;
  link->funcs->set_handlers (link, &handlers, user);
}

static void
on_connected (gpointer user, PlFarLink *link, const GError *error)
{
  if (link)
    take_link (user, link);
  else
    ((Side *) user)->closed++;
}

static void
on_resolved (gpointer user, PlResolveResult result, const PlResolved *nodes, gsize n)
{
  Side *side = user;

  side->result = result;
  side->node = n ? g_strdup (nodes[0].node) : NULL;
}

START_TEST (fake_net_resolves_connects_carries_stalls_and_closes)
{
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  PlFakeNet *net = pl_fake_net_new (pl_universe_env (universe));
  PlFakeDaemon *a = pl_fake_daemon_new (net, "alice@example.org", NODE_A), *b = pl_fake_daemon_new (net, "bob@example.net", NODE_B);
  const PlResolver *resolver = pl_fake_daemon_resolver (a);
  Side near = { .got = g_string_new (NULL) }, far = { .got = g_string_new (NULL) };
  PlFarInfo info;

  pl_fake_daemon_attach (a, take_link, &near);
  pl_fake_daemon_attach (b, take_link, &far);
  resolver->funcs->resolve (resolver->impl, "alice@example.org", "bob@example.net", on_resolved, &near);
  pl_universe_run (universe, 2000);
  ck_assert_int_eq (near.result, PL_RESOLVE_OFFLINE);
  pl_fake_daemon_resolver (b)->funcs->registered (b, "bob@example.net", "");
  resolver->funcs->resolve (resolver->impl, "alice@example.org", "bob@example.net", on_resolved, &near);
  pl_universe_run (universe, 2000);
  ck_assert_str_eq (near.node, NODE_B);
  resolver->funcs->connect (resolver->impl, "alice@example.org", near.node, on_connected, &near);
  pl_universe_run (universe, 2000);
  far.link->funcs->info (far.link, &info);
  ck_assert_str_eq (info.aor, "alice@example.org");
  ck_assert (near.link->funcs->send (near.link, (const guint8 *) "one", 3));
  pl_universe_run (universe, 2000);
  ck_assert_str_eq (far.got->str, "one");
  pl_fake_net_set_cut (net, TRUE);
  near.link->funcs->send (near.link, (const guint8 *) "two", 3);
  ck_assert (near.link->funcs->pending (near.link, (const guint8 *) "two", 3));
  pl_universe_run (universe, 3 * PL_USEC_PER_SEC);
  ck_assert_uint_eq (near.stalled, 1);
  pl_fake_net_set_cut (net, FALSE);
  pl_universe_run (universe, 2000);
  ck_assert_str_eq (far.got->str, "onetwo");
  near.link->funcs->free (near.link);
  pl_universe_run (universe, 2000);
  ck_assert_uint_eq (far.closed, 1);
  far.link->funcs->free (far.link);
  pl_fake_net_free (net);
  g_string_free (near.got, TRUE);
  g_string_free (far.got, TRUE);
  g_free (near.node);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sip");
  TCase *tcase = tcase_create ("support/phone");

  tcase_add_test (tcase, phone_calls_is_answered_and_hangs_up);
  tcase_add_test (tcase, phone_cancels_a_ringing_call);
  tcase_add_test (tcase, text_frames_a_stream_by_its_length);
  tcase_add_test (tcase, fake_net_resolves_connects_carries_stalls_and_closes);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
