/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The originator's certificate, left out between the two ends of a link (doc/PROTOCOL).
 */
#include "config.h"

#include "overlay/forward/forward.h"

#include <string.h>

#include "overlay/wire/message.h"
#include "tests/overlay/loopcarrier.h"
#include "tests/overlay/testcert.h"
#include "tests/support/test.h"

#define OVERLAY 0x01020304
#define OTHER_URI "reload://0110fedcba9876543210fedcba9876543210@example.org/"
#define SECOND_URI "reload://0110aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb@example.org/"

static PlUniverse *universe;
static PlEnv *env;
static PlForward *forward;
static PlCert *own, *far_cert;
static PlLoopPair *pair;
static PlLink *far_link;
static GPtrArray *delivered, *got;

static PlCert *
make_cert (const char *uri, const char *second)
{
  TestSpec spec = { .names = { { GNUTLS_SAN_URI, uri, -1 }, { GNUTLS_SAN_URI, second, -1 } } };
  g_autoptr (TestCert) made = test_cert_new (&spec, NULL);
  PlCert *cert = pl_cert_new (made->der, NULL);

  ck_assert_ptr_nonnull (cert);
  return cert;
}

static guint
no_hops (gpointer user, const PlNodeId *place, PlNodeId *out, guint max)
{
  return 0;
}

static gboolean
no_place (gpointer user, const PlNodeId *place)
{
  return FALSE;
}

static gboolean
yes (gpointer user)
{
  return TRUE;
}

static void
on_deliver (gpointer user, GBytes *message, const PlNodeId *from)
{
  g_ptr_array_add (delivered, g_bytes_ref (message));
}

static void
on_up (gpointer user, const PlNodeId *id, gboolean again)
{
}

static void
on_down (gpointer user, const PlNodeId *id, const char *reason)
{
}

static void
on_far_message (gpointer user, PlLink *link, const guint8 *data, gsize len)
{
  g_ptr_array_add (got, g_bytes_new (data, len));
}

static void
on_far_closed (gpointer user, PlLink *link, const char *reason)
{
}

static void
setup (void)
{
  universe = pl_universe_new (1);
  env = pl_universe_env (universe);
  own = make_cert (TEST_URI, NULL);
  far_cert = make_cert (OTHER_URI, NULL);
  delivered = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
}

static void
begin (gboolean spared)
{
  static const PlForwardHandlers handlers = {
    .responsible = no_place, .hops = no_hops, .transit = yes, .deliver = on_deliver, .link_up = on_up, .link_down = on_down,
  };
  static const PlLinkHandlers far_handlers = { .message = on_far_message, .closed = on_far_closed };
  static const PlLinkOptions far_options = { .max_message = 65536 };
  PlForwardConfig config = { .self = *pl_cert_node_id (own, 0), .cert = own, .overlay = OVERLAY, .initial_ttl = 100,
                             .max_message = 16384, .reliability = PL_USEC_PER_SEC };

  forward = pl_forward_new (env, &config, &handlers, NULL);
  pair = pl_loop_pair_new_certified (env, &config.self, pl_cert_node_id (far_cert, 0), 1163, TRUE, far_cert);
  far_link = pl_link_new (env, pair->end[1], &far_options, &far_handlers, NULL);
  pl_forward_add (forward, pair->end[0], spared);
}

static void
end (void)
{
  pl_forward_free (forward);
  pl_link_free (far_link);
  pl_loop_pair_free (pair);
}

static void
teardown (void)
{
  g_ptr_array_unref (delivered);
  g_ptr_array_unref (got);
  pl_cert_unref (own);
  pl_cert_unref (far_cert);
  pl_universe_free (universe);
}

/* Signed, as it says, by `signer`, with the certificates that are not NULL. */
static GBytes *
make (PlCert *signer, const PlNodeId *const *to, gsize size, PlCert *first, PlCert *second)
{
  static guint64 next_id = 1;
  g_auto (PlForwardingHeader) header = { 0 };
  g_autofree guint8 *filler = g_malloc0 (size + 1);
  g_autoptr (GBytes) body = g_bytes_new (filler, size);
  g_autoptr (GBytes) contents = pl_message_contents_write (PL_MESSAGE_UPDATE_REQ, body, NULL);
  g_autoptr (GPtrArray) ders = g_ptr_array_new ();
  PlSignature signature = { .hash_alg = PL_HASH_SHA256, .sign_alg = 3 };
  GBytes *message;

  pl_forwarding_header_init (&header);
  header.overlay = OVERLAY;
  header.ttl = 9;
  header.transaction_id = next_id++;
  for (; *to; to++)
    {
      PlDestination destination = pl_destination_node (*to);

      g_array_append_val (header.destination_list, destination);
    }
  if (first)
    g_ptr_array_add (ders, pl_cert_der (first));
  if (second)
    g_ptr_array_add (ders, pl_cert_der (second));
  signature.identity.type = PL_SIGNER_CERT_HASH;
  signature.identity.hash_alg = PL_HASH_SHA256;
  signature.identity.hash = g_bytes_new (pl_cert_fingerprint (signer), 32);
  signature.value = g_bytes_new_static ("signature", 9);
  message = pl_message_write (&header, contents, ders, &signature);
  pl_signature_clear (&signature);
  return message;
}

static GBytes *
last (GPtrArray *list)
{
  pl_universe_run (universe, 100 * PL_USEC_PER_MSEC);
  ck_assert_uint_gt (list->len, 0);
  return g_ptr_array_index (list, list->len - 1);
}

START_TEST (certificate_stays_out_of_what_ends_at_the_other_end) /* S1-37 */
{
  const PlNodeId *to[] = { pl_cert_node_id (far_cert, 0), NULL };
  g_autoptr (GBytes) message = make (own, to, 40, own, far_cert);
  g_auto (PlMessage) read = { 0 };

  begin (TRUE);
  ck_assert (pl_forward_send (forward, message));
  ck_assert_int_eq (pl_message_read (last (got), &read), PL_WIRE_OK);
  ck_assert_uint_eq (read.certificates->len, 1);
  ck_assert (g_bytes_equal (g_ptr_array_index (read.certificates, 0), pl_cert_der (far_cert)));
  ck_assert_uint_eq (g_bytes_get_size (last (got)), g_bytes_get_size (message) - g_bytes_get_size (pl_cert_der (own)) - 3);
  end ();
}
END_TEST

/* 100: one that did not say so, one beyond the link, and one that is told which of our Node-IDs. */
START_TEST (everybody_else_gets_it) /* S1-37 */
{
  PlNodeId beyond = { { 9 } };
  const PlNodeId *to[] = { pl_cert_node_id (far_cert, 0), NULL }, *through[] = { to[0], &beyond, NULL };
  g_autoptr (GBytes) message = make (own, to, 40, own, NULL), farther = make (own, through, 40, own, NULL);
  PlCert *single = own;

  begin (FALSE);
  ck_assert (pl_forward_send (forward, message));
  ck_assert (g_bytes_equal (last (got), message));
  end ();
  begin (TRUE);
  ck_assert (pl_forward_send (forward, farther));
  ck_assert (g_bytes_equal (last (got), farther));
  end ();
  own = make_cert (TEST_URI, SECOND_URI);
  {
    g_autoptr (GBytes) of_two = make (own, to, 40, own, NULL);

    begin (TRUE);
    ck_assert (pl_forward_send (forward, of_two));
    ck_assert (g_bytes_equal (last (got), of_two));
    end ();
  }
  pl_cert_unref (single);
}
END_TEST

START_TEST (certificate_of_the_link_comes_back_in_its_place) /* S1-36 */
{
  const PlNodeId *to[] = { pl_cert_node_id (own, 0), NULL };
  const gsize sizes[] = { 40, 3000 }; /* whole, and in fragments */

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GBytes) whole = make (far_cert, to, sizes[i], far_cert, own);
      g_autoptr (GBytes) shorter = pl_message_without_certificate (whole, pl_cert_der (far_cert));
      g_autoptr (GPtrArray) pieces = pl_message_fragment (shorter, 1000);

      begin (i == 0);
      for (guint k = 0; k < pieces->len; k++)
        ck_assert (pl_link_send (far_link, g_ptr_array_index (pieces, k)));
      ck_assert (g_bytes_equal (last (delivered), whole));
      end ();
    }
}
END_TEST

START_TEST (nothing_is_put_into_other_messages)
{
  const PlNodeId *to[] = { pl_cert_node_id (own, 0), NULL };
  g_autoptr (GBytes) whole = make (far_cert, to, 40, far_cert, NULL), others = make (own, to, 40, own, NULL),
                     nobodys = make (own, to, 40, NULL, NULL);
  GBytes *messages[] = { whole, others, nobodys };

  begin (TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      ck_assert (pl_link_send (far_link, messages[i]));
      ck_assert (g_bytes_equal (last (delivered), messages[i]));
    }
  end ();
}
END_TEST

START_TEST (cut_messages_are_left_alone)
{
  const PlNodeId *to[] = { pl_cert_node_id (own, 0), NULL };
  g_autoptr (GBytes) whole = make (far_cert, to, 40, far_cert, NULL);
  g_autoptr (GBytes) shorter = pl_message_without_certificate (whole, pl_cert_der (far_cert));

  for (gsize len = 0; len < g_bytes_get_size (shorter); len++)
    {
      g_autoptr (GBytes) cut = g_bytes_new_from_bytes (shorter, 0, len);

      ck_assert_ptr_null (pl_message_with_certificate (cut, pl_cert_der (far_cert), pl_cert_fingerprint (far_cert)));
    }
  for (gsize len = 0; len < 100; len++)
    {
      g_autoptr (GBytes) cut = g_bytes_new_from_bytes (whole, 0, len);

      ck_assert_ptr_null (pl_message_without_certificate (cut, pl_cert_der (far_cert)));
    }
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("overlay");
  TCase *c = tcase_create ("forward/spared");

  tcase_add_checked_fixture (c, setup, teardown);
  tcase_add_test (c, certificate_stays_out_of_what_ends_at_the_other_end);
  tcase_add_test (c, everybody_else_gets_it);
  tcase_add_test (c, certificate_of_the_link_comes_back_in_its_place);
  tcase_add_test (c, nothing_is_put_into_other_messages);
  tcase_add_test (c, cut_messages_are_left_alone);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
