/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A member with a good certificate who sends nonsense, properly signed: the worst a stranger
 * can be (S1-63). Nobody's library may complain (warnings end the test) and the others go on.
 */
#include "config.h"

#include "base/log.h"
#include "overlay/node-priv.h"
#include "overlay/wire/routing.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

#include <stdlib.h>
#include <string.h>

#define SEC PL_USEC_PER_SEC
#define NODES 6
#define LIAR 2
#define FRAME_HEADER 8 /* type, sequence, length (3 bytes) */
#define FRAME_DATA 128
#define BODIES_MAX 200
#define ROUNDS 3000

typedef struct {
  guint16 code;
  GBytes *body;
} Sample;

typedef struct {
  PlWorld *world;
  GRand *rand;
  GArray *samples;      /* Sample: bodies of requests that were on the wire */
  gboolean lying;
  guint answers;        /* that were damaged */
} Hostile;

static void
sample_clear (gpointer data)
{
  g_bytes_unref (((Sample *) data)->body);
}

/* Some bytes changed, some cut off or added. */
static GBytes *
damage (Hostile *hostile, GBytes *body)
{
  static const guint8 lies[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
  gsize len = g_bytes_get_size (body);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  g_byte_array_append (bytes, g_bytes_get_data (body, NULL), len);
  for (gint n = g_rand_int_range (hostile->rand, 0, 4); n > 0 && len > 0; n--)
    bytes->data[g_rand_int_range (hostile->rand, 0, (gint32) len)]
        = g_rand_boolean (hostile->rand) ? lies[g_rand_int_range (hostile->rand, 0, G_N_ELEMENTS (lies))]
                                         : (guint8) g_rand_int (hostile->rand);
  if (len > 0 && g_rand_int_range (hostile->rand, 0, 5) == 0)
    g_byte_array_set_size (bytes, (guint) g_rand_int_range (hostile->rand, 0, (gint32) len));
  if (g_rand_int_range (hostile->rand, 0, 10) == 0)
    g_byte_array_append (bytes, lies, sizeof lies);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

/* The message anew with a damaged body and a good signature. */
static void
rewrite (Hostile *hostile, PlMessage *message, GByteArray *record)
{
  PlIdentity *identity = pl_world_identity (hostile->world, LIAR);
  g_autoptr (GBytes) empty = g_bytes_new_static ("", 0), body = damage (hostile, message->body ? message->body : empty);
  g_autoptr (GBytes) contents = pl_message_contents_write (message->message_code, body, NULL), forged = NULL;
  PlSignature signature = { 0 };
  gsize len;

  ck_assert (pl_identity_sign_message (identity, message->header.overlay, message->header.transaction_id,
                                       g_bytes_get_data (contents, &len), g_bytes_get_size (contents), &signature, NULL));
  forged = pl_message_write (&message->header, contents, message->certificates, &signature);
  pl_signature_clear (&signature);
  len = g_bytes_get_size (forged);
  for (guint i = 0; i < 3; i++)
    record->data[5 + i] = (guint8) (len >> 8 * (2 - i));
  g_byte_array_set_size (record, FRAME_HEADER);
  g_byte_array_append (record, g_bytes_get_data (forged, NULL), (guint) len);
  hostile->answers++;
}

static gboolean
tap (gpointer user, const PlNodeId *from, const PlNodeId *to, GByteArray *record)
{
  Hostile *hostile = user;
  g_auto (PlMessage) message = { 0 };
  g_autoptr (GBytes) bytes = NULL;

  if (record->len <= FRAME_HEADER || record->data[0] != FRAME_DATA)
    return TRUE;
  bytes = g_bytes_new (record->data + FRAME_HEADER, record->len - FRAME_HEADER);
  if (pl_message_read (bytes, &message) != PL_WIRE_OK || message.header.fragment != PL_FRAGMENT_WHOLE)
    return TRUE;
  if (pl_message_code_is_request (message.message_code))
    {
      Sample sample = { message.message_code, NULL };

      if (hostile->samples->len < BODIES_MAX && message.body)
        {
          sample.body = g_bytes_ref (message.body);
          g_array_append_val (hostile->samples, sample);
        }
    }
  else if (hostile->lying && pl_node_id_equal (from, pl_world_id (hostile->world, LIAR)))
    rewrite (hostile, &message, record);
  return TRUE;
}

static void
send_nonsense (Hostile *hostile)
{
  PlNode *liar = pl_world_node (hostile->world, LIAR);
  const Sample *sample = &g_array_index (hostile->samples, Sample, g_rand_int_range (hostile->rand, 0, (gint32) hostile->samples->len));
  g_autoptr (GBytes) body = damage (hostile, sample->body);
  PlTransRequest request = { .code = sample->code, .body = body, .timeout = SEC };
  guint to = (guint) g_rand_int_range (hostile->rand, 0, NODES);
  PlResourceId place;

  if (to == LIAR)
    return;
  pl_resource_id_from_node_id (&place, pl_world_id (hostile->world, to));
  request.to = g_rand_boolean (hostile->rand) ? pl_destination_node (pl_world_id (hostile->world, to)) : pl_destination_resource (&place);
  pl_trans_request (liar->trans, &request, NULL, NULL, NULL);
}

static void
hostile_clear (Hostile *hostile)
{
  g_clear_pointer (&hostile->world, pl_world_free);
  g_array_unref (hostile->samples);
  g_rand_free (hostile->rand);
}

/* S1-63, S2-19, S2-46, S2-71 */
START_TEST (signed_nonsense_of_a_member_harms_nobody) /* S2-104, S1-10, S1-59 */
{
  PlWorldOptions options = { .seed = 301, .n = NODES, .n_boot = 1 };
  const char *seed = g_getenv ("PL_TEST_SEED"); /* others, for whoever looks for more */
  Hostile hostile = { .world = pl_world_new (&options), .rand = g_rand_new_with_seed (seed ? (guint32) atoi (seed) : 17) };

  hostile.samples = g_array_new (FALSE, FALSE, sizeof (Sample));
  g_array_set_clear_func (hostile.samples, sample_clear);
  pl_vnet_set_tap (pl_world_net (hostile.world), tap, &hostile);
  pl_world_grow (hostile.world, NODES - 1);
  pl_world_start (hostile.world, NODES - 1, PL_ROLE_CLIENT);
  ck_assert (pl_world_wait_state (hostile.world, NODES - 1, PL_NODE_CLIENT, 10 * SEC));
  ck_assert (pl_world_call (hostile.world, 0, LIAR));
  ck_assert_uint_gt (hostile.samples->len, 20);
  hostile.lying = TRUE;
  pl_log_set_level (PL_LOG_ERROR);
  for (guint i = 0; i < ROUNDS; i++)
    {
      send_nonsense (&hostile);
      pl_world_run (hostile.world, 50 * PL_USEC_PER_MSEC);
      if (i % 300 == 0)
        pl_world_call (hostile.world, i % 2, LIAR);
    }
  pl_log_set_level (PL_LOG_NOTICE);
  g_print ("# %u kinds of requests, %u answers damaged\n", hostile.samples->len, hostile.answers);
  ck_assert_uint_gt (hostile.answers, 100);
  pl_vnet_set_tap (pl_world_net (hostile.world), NULL, NULL);
  pl_world_kill (hostile.world, LIAR);
  pl_world_run (hostile.world, 60 * SEC);
  ck_assert (pl_world_call (hostile.world, 0, 1));
  ck_assert (pl_world_call (hostile.world, 3, NODES - 1));
  ck_assert (pl_world_finds (hostile.world, 3, 4));
  hostile_clear (&hostile);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("scenario/hostile");
  TCase *t = tcase_create ("member");

  tcase_set_timeout (t, 120);
  tcase_add_test (t, signed_nonsense_of_a_member_harms_nobody);
  suite_add_tcase (s, t);
  return s;
}

int
main (void)
{
  return pl_test_run (suite (), NULL);
}
