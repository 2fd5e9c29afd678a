/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "overlay/link/segment.h"
#include "tests/overlay/pipe.h"
#include "tests/support/test.h"

#define MSEC PL_USEC_PER_MSEC
#define SEC PL_USEC_PER_SEC

typedef struct {
  PlSegments *segments;
  GPtrArray *got;      /* GBytes */
  guint stalled;
  char *closed;
  guint unacknowledged_at_end;
  gboolean free_in_message;
} Side;

static PlUniverse *universe;
static PlPipe *the_pipe;
static Side side[2];

static void
on_message (gpointer user, const guint8 *data, gsize len)
{
  Side *s = user;

  g_ptr_array_add (s->got, g_bytes_new (data, len));
  if (s->free_in_message)
    g_clear_pointer (&s->segments, pl_segments_free);
}

static void
on_stalled (gpointer user)
{
  ((Side *) user)->stalled++;
}

static void
on_closed (gpointer user, const char *reason)
{
  Side *s = user;
  g_autoptr (GPtrArray) left = pl_segments_dup_unacknowledged (s->segments);

  s->closed = g_strdup (reason);
  s->unacknowledged_at_end = left->len;
}

static void
start (const PlPipeOptions *options, gboolean segmented)
{
  static const PlSegmentsHandlers handlers = { on_message, on_stalled, on_closed };

  memset (side, 0, sizeof side);
  universe = pl_universe_new (11);
  the_pipe = pl_pipe_new (pl_universe_env (universe), options);
  for (guint i = 0; i < 2; i++)
    {
      side[i].got = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      side[i].segments = pl_segments_new (pl_universe_env (universe), the_pipe->end[i], segmented, &handlers, &side[i]);
    }
}

static void
finish (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_clear_pointer (&side[i].segments, pl_segments_free);
      g_ptr_array_unref (side[i].got);
      g_free (side[i].closed);
    }
  pl_pipe_free (the_pipe);
  pl_universe_free (universe);
}

static GBytes *
make_message (guint number, gsize size)
{
  guint8 *bytes = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    bytes[i] = i * 7 + number;
  memcpy (bytes, &number, sizeof number);
  return g_bytes_new_take (bytes, size);
}

static const PlPipeOptions good = { .delay = 20 * MSEC, .max_record = 1163 };
static const PlPipeOptions bad = { .delay = 20 * MSEC, .jitter = 15 * MSEC, .loss = 5, .duplicate = 5,
                                   .max_record = 1163 };

START_TEST (segments_bring_each_message_once_through_loss_and_duplicates)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  start (&bad, TRUE);
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GBytes) message = make_message (i, 4 + (i * 37) % 9000);

      ck_assert (pl_segments_send (side[0].segments, message));
      pl_universe_run (universe, 100 * MSEC);
    }
  pl_universe_run (universe, 15 * SEC);
  ck_assert_ptr_null (side[0].closed);
  ck_assert_uint_eq (side[1].got->len, 300);
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GBytes) want = NULL;
      guint number;

      memcpy (&number, g_bytes_get_data (side[1].got->pdata[i], NULL), sizeof number);
      want = make_message (number, 4 + (number * 37) % 9000);
      ck_assert (g_bytes_equal (want, side[1].got->pdata[i]));
      ck_assert (g_hash_table_add (seen, GUINT_TO_POINTER (number)));
    }
  finish ();
}
END_TEST

/* DESIGN: a missing acknowledgement for 2 s starts a new AppAttach; what waits moves over. */
START_TEST (segments_say_stalled_after_two_seconds_and_hand_over_what_is_left)
{
  g_autoptr (GBytes) message = make_message (1, 4000);
  g_autoptr (GPtrArray) left = NULL;

  start (&good, TRUE);
  the_pipe->cut = TRUE;
  ck_assert (pl_segments_send (side[0].segments, message));
  pl_universe_run (universe, 1999 * MSEC);
  ck_assert_uint_eq (side[0].stalled, 0);
  pl_universe_run (universe, 2 * MSEC);
  ck_assert_uint_eq (side[0].stalled, 1);
  pl_universe_run (universe, 2 * SEC);
  ck_assert_uint_eq (side[0].stalled, 2);
  left = pl_segments_dup_unacknowledged (side[0].segments);
  ck_assert_uint_eq (left->len, 1);
  ck_assert (g_bytes_equal (left->pdata[0], message));
  pl_universe_run (universe, 20 * SEC);
  ck_assert_str_eq (side[0].closed, "no acknowledgement");
  ck_assert_uint_eq (side[0].unacknowledged_at_end, 1);
  finish ();
}
END_TEST

START_TEST (segments_know_what_is_still_pending)
{
  g_autoptr (GBytes) message = make_message (1, 4000);
  gsize len;
  const guint8 *data = g_bytes_get_data (message, &len);

  start (&good, TRUE);
  ck_assert (!pl_segments_pending (side[0].segments, data, len));
  ck_assert (pl_segments_send (side[0].segments, message));
  ck_assert (pl_segments_pending (side[0].segments, data, len));
  ck_assert (!pl_segments_pending (side[0].segments, data, len - 1));
  pl_universe_run (universe, SEC);
  ck_assert (!pl_segments_pending (side[0].segments, data, len));
  ck_assert_uint_eq (side[0].stalled, 0);
  ck_assert_uint_eq (side[1].got->len, 1);
  finish ();
}
END_TEST

/* RFC 7904 toward a peer without our segments. */
START_TEST (segments_off_means_one_message_one_record)
{
  PlPipeOptions wide = { .max_record = 16384 };
  g_autoptr (GBytes) message = make_message (1, 4000), large = make_message (2, 16385);

  start (&wide, FALSE);
  ck_assert (pl_segments_send (side[0].segments, message));
  ck_assert (!pl_segments_send (side[0].segments, large));
  ck_assert (!pl_segments_pending (side[0].segments, g_bytes_get_data (message, NULL), 4000));
  pl_universe_run (universe, SEC);
  ck_assert_uint_eq (the_pipe->sent, 1);
  ck_assert_uint_eq (side[1].got->len, 1);
  ck_assert (g_bytes_equal (message, side[1].got->pdata[0]));
  finish ();
}
END_TEST

static void
inject_segment (guint32 id, guint16 index, guint16 count, gsize size)
{
  g_autofree guint8 *record = g_malloc0 (13 + size);
  static guint8 sequence;
  guint8 header[] = { 1, 9, 9, 9, sequence++, id >> 24, id >> 16, id >> 8, id, index >> 8, index, count >> 8, count };

  memcpy (record, header, sizeof header);
  pl_pipe_inject (the_pipe, 0, record, 13 + size);
}

/* Bounds: count, size, messages at once, time; what is refused is not acknowledged. */
START_TEST (segments_refuse_what_goes_past_their_bounds)
{
  PlPipeOptions wide = { .max_record = 65536 };

  start (&wide, TRUE);
  inject_segment (1, 0, 0, 10);
  inject_segment (1, 2, 2, 10);
  inject_segment (1, 0, PL_SEGMENTS_COUNT_MAX + 1, 10);
  inject_segment (1, 0, 2, 0);
  pl_pipe_inject (the_pipe, 0, "\1\0", 2);
  pl_pipe_inject (the_pipe, 0, "\2\0\0\0\1x", 6);
  pl_pipe_inject (the_pipe, 0, "INVITE sip:", 11);
  ck_assert_uint_eq (the_pipe->sent, 0);
  inject_segment (2, 0, 3, 40000);
  inject_segment (2, 1, 3, 30000);
  inject_segment (2, 1, 2, 10);
  ck_assert_uint_eq (the_pipe->sent, 1);
  for (guint i = 0; i < 2 * PL_SEGMENTS_INCOMING_MAX; i++)
    inject_segment (100 + i, 0, 2, 10);
  ck_assert_uint_eq (the_pipe->sent, PL_SEGMENTS_INCOMING_MAX);
  ck_assert_uint_eq (side[0].got->len, 0);
  pl_universe_run (universe, 2 * PL_SEGMENTS_INCOMING_TIME);
  inject_segment (500, 0, 1, 10);
  ck_assert_uint_eq (side[0].got->len, 1);
  inject_segment (500, 0, 1, 10);
  ck_assert_uint_eq (side[0].got->len, 1);
  ck_assert_uint_eq (the_pipe->sent, PL_SEGMENTS_INCOMING_MAX + 2);
  finish ();
}
END_TEST

START_TEST (segments_refuse_to_queue_without_bound)
{
  g_autoptr (GBytes) message = make_message (1, 65536), large = make_message (1, 65537);
  guint n = 0;

  start (&good, TRUE);
  the_pipe->cut = TRUE;
  ck_assert (!pl_segments_send (side[0].segments, large));
  while (pl_segments_send (side[0].segments, message))
    n++;
  ck_assert_uint_eq (n, PL_SEGMENTS_QUEUE_MAX / 65536);
  finish ();
}
END_TEST

START_TEST (segments_may_be_freed_by_the_message_handler)
{
  g_autoptr (GBytes) message = make_message (1, 4000);

  start (&good, TRUE);
  side[1].free_in_message = TRUE;
  ck_assert (pl_segments_send (side[0].segments, message));
  pl_universe_run (universe, SEC);
  ck_assert_ptr_null (side[1].segments);
  ck_assert_str_eq (side[0].closed, "closed by the far side");
  finish ();
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tcase = tcase_create ("link/segment");

  tcase_add_test (tcase, segments_bring_each_message_once_through_loss_and_duplicates);
  tcase_add_test (tcase, segments_say_stalled_after_two_seconds_and_hand_over_what_is_left);
  tcase_add_test (tcase, segments_know_what_is_still_pending);
  tcase_add_test (tcase, segments_off_means_one_message_one_record);
  tcase_add_test (tcase, segments_refuse_what_goes_past_their_bounds);
  tcase_add_test (tcase, segments_refuse_to_queue_without_bound);
  tcase_add_test (tcase, segments_may_be_freed_by_the_message_handler);
  suite_add_tcase (suite, tcase);
  return pl_test_run (suite, NULL);
}
