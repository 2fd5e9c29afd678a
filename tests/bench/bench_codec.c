/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a StoreReq costs to decode and to encode, against one P-256 verification of the same
 * message. One line a result: name, value, unit; exit code 1 when a goal is missed.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "overlay/wire/body.h"
#include "overlay/wire/message.h"
#include "overlay/wire/store.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"

#define VALUE_LEN 64
#define LIFETIME 900           /* s */
#define ROUND (50 * PL_USEC_PER_MSEC)
#define ROUNDS 9               /* the median counts */
#define DECODE_GOAL 5.0        /* % of a verification */
#define ENCODE_GOAL 3.0

typedef struct {
  PlDocument *document;
  PlIdentity *identity;
  PlTrust *trust;
  guint32 overlay;
  PlStoreReq store;
  GPtrArray *certs;
  PlMessage read;        /* of `bytes` */
  GBytes *bytes;
} Bench;

static void
make_store (Bench *bench)
{
  PlStoreKindData kind_data = { .kind = PL_TEST_KIND_SINGLE };
  PlStoredData data = { .storage_time = 1, .lifetime = LIFETIME };
  g_autofree char *value = g_strnfill (VALUE_LEN, 'x');

  pl_resource_id_from_name (&bench->store.resource, "bench@example.org", strlen ("bench@example.org"));
  data.value.model = PL_DATA_SINGLE;
  data.value.value.exists = TRUE;
  data.value.value.value = g_bytes_new (value, VALUE_LEN);
  ck_assert (pl_identity_sign_value (bench->identity, &bench->store.resource, kind_data.kind, &data, NULL));
  kind_data.values = pl_stored_data_list_new ();
  g_array_append_val (kind_data.values, data);
  bench->store.kind_data = pl_store_kind_data_list_new ();
  g_array_append_val (bench->store.kind_data, kind_data);
  bench->certs = g_ptr_array_new ();
  g_ptr_array_add (bench->certs, pl_cert_der (pl_identity_cert (bench->identity)));
}

/* With `signature` NULL it is made. */
static GBytes *
encode (Bench *bench, const PlSignature *signature)
{
  g_auto (PlForwardingHeader) header = { 0 };
  g_autoptr (GBytes) body = pl_body_write (pl_body_type (PL_MESSAGE_STORE_REQ), &bench->store);
  g_autoptr (GBytes) contents = pl_message_contents_write (PL_MESSAGE_STORE_REQ, body, NULL);
  PlSignature made = { 0 };
  GBytes *message;
  PlDestination to = pl_destination_resource (&bench->store.resource);

  pl_forwarding_header_init (&header);
  header.overlay = bench->overlay;
  header.transaction_id = 1;
  g_array_append_val (header.destination_list, to);
  if (!signature)
    {
      gsize len;
      const guint8 *data = g_bytes_get_data (contents, &len);

      ck_assert (pl_identity_sign_message (bench->identity, bench->overlay, 1, data, len, &made, NULL));
    }
  message = pl_message_write (&header, contents, bench->certs, signature ? signature : &made);
  pl_signature_clear (&made);
  return message;
}

static void
do_encode (Bench *bench)
{
  g_bytes_unref (encode (bench, &bench->read.signature));
}

static void
do_decode (Bench *bench)
{
  g_auto (PlMessage) message = { 0 };
  g_auto (PlStoreReq) store = { 0 };

  ck_assert_int_eq (pl_message_read (bench->bytes, &message), PL_WIRE_OK);
  ck_assert_int_eq (pl_body_read (pl_body_type (PL_MESSAGE_STORE_REQ), message.body, pl_test_model, bench->document, &store), PL_WIRE_OK);
}

static void
do_verify (Bench *bench)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bench->read.contents, &len);
  PlCert *cert = pl_trust_verify_message (bench->trust, bench->read.certificates, bench->overlay, 1, data, len, &bench->read.signature, NULL, NULL);

  ck_assert_ptr_nonnull (cert);
  pl_cert_unref (cert);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

/* Microseconds of one run. */
static double
measure (Bench *bench, void (*run) (Bench *bench))
{
  double took[ROUNDS];

  for (guint i = 0; i < ROUNDS; i++)
    {
      gint64 begin = g_get_monotonic_time (), now = begin;
      guint n = 0;

      for (; now - begin < ROUND; now = g_get_monotonic_time (), n++)
        run (bench);
      took[i] = (double) (now - begin) / n;
    }
  qsort (took, ROUNDS, sizeof *took, compare);
  return took[ROUNDS / 2];
}

static double
print_share (const char *name, double part, double whole)
{
  double percent = 100 * part / whole;

  printf ("%s %.2f %%_of_a_verification\n", name, percent);
  fflush (stdout);
  return percent;
}

START_TEST (codec_costs_little_beside_a_verification)
{
  g_autoptr (PlLoop) loop = pl_loop_new (NULL);
  g_autoptr (PlTestPki) pki = pl_test_pki_new (pl_loop_env (loop));
  Bench bench = { .document = pl_test_pki_document (pki), .overlay = pl_overlay_hash (PL_TEST_OVERLAY) };
  double verify, decoding, encoding;
  double decode_share, encode_share;

  bench.identity = pl_test_pki_identity (pki, "bench@example.org", NULL);
  bench.trust = pl_test_pki_trust (pki, pl_loop_env (loop));
  make_store (&bench);
  bench.bytes = encode (&bench, NULL);
  ck_assert_int_eq (pl_message_read (bench.bytes, &bench.read), PL_WIRE_OK);
  verify = measure (&bench, do_verify);
  decoding = measure (&bench, do_decode);
  encoding = measure (&bench, do_encode);
  printf ("message_size %zu B\nverification %.2f us\ndecode %.2f us\nencode %.2f us\n", g_bytes_get_size (bench.bytes), verify, decoding, encoding);
  decode_share = print_share ("decode_share", decoding, verify);
  encode_share = print_share ("encode_share", encoding, verify);
  pl_message_clear (&bench.read);
  pl_store_req_clear (&bench.store);
  g_ptr_array_unref (bench.certs);
  g_bytes_unref (bench.bytes);
  pl_trust_free (bench.trust);
  pl_identity_unref (bench.identity);
  ck_assert_msg (decode_share <= DECODE_GOAL, "decode_share is at most %.0f %%", DECODE_GOAL);
  ck_assert_msg (encode_share <= ENCODE_GOAL, "encode_share is at most %.0f %%", ENCODE_GOAL);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("bench");
  TCase *tcase = tcase_create ("codec");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_test (tcase, codec_costs_little_beside_a_verification);
  suite_add_tcase (suite, tcase);
  srunner_set_fork_status (runner, CK_NOFORK);
  srunner_run_all (runner, CK_MINIMAL);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed > 0;
}
