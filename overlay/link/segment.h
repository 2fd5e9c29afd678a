/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages over an application link (AppAttach, RFC 6940 6.5.2): our segments with
 * acknowledgements where both sides said `pl-sip-seg`=1 (doc/PROTOCOL), else one message per
 * record as RFC 7904 has it. An engine.
 */
#pragma once
#include "base/env.h"
#include "overlay/link/carrier.h"

G_BEGIN_DECLS

typedef struct PlSegments PlSegments;

#define PL_SEGMENTS_MESSAGE_MAX 65536           /* bytes of one message */
#define PL_SEGMENTS_QUEUE_MAX (512 * 1024)      /* bytes waiting or unacknowledged */
#define PL_SEGMENTS_COUNT_MAX 256               /* segments of one message */
#define PL_SEGMENTS_INCOMING_MAX 16             /* messages in parts at once */
#define PL_SEGMENTS_INCOMING_TIME (15 * PL_USEC_PER_SEC) /* as fragments have it (RFC 6940 6.7) */
#define PL_SEGMENTS_DONE_MAX 256                /* finished message ids remembered */
#define PL_SEGMENTS_STALL (2 * PL_USEC_PER_SEC)

/* Handlers may free the segments. */
typedef struct {
  void (*message) (gpointer user, const guint8 *data, gsize len);
  /* A message has gone unacknowledged for 2 s (segments only), repeated each further 2 s: time
   * to think about a new AppAttach. */
  void (*stalled) (gpointer user);
  /* Once. What is unacknowledged can still be had from here. */
  void (*closed) (gpointer user, const char *reason);
} PlSegmentsHandlers;

/* Takes the carrier. */
PlSegments *pl_segments_new (PlEnv *env, PlCarrier *carrier, gboolean segmented,
                             const PlSegmentsHandlers *handlers, gpointer user);
void pl_segments_free (PlSegments *segments);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSegments, pl_segments_free)
/* As if the path had failed: `closed` is called, once. */
void pl_segments_close (PlSegments *segments, const char *reason);
/* FALSE when closed, empty, above PL_SEGMENTS_MESSAGE_MAX or the path's largest record, or the
 * queue is full. */
gboolean pl_segments_send (PlSegments *segments, GBytes *message);
/* TRUE while a message with exactly these bytes waits or is unacknowledged (nta's
 * retransmission of it needs not be sent). */
gboolean pl_segments_pending (PlSegments *segments, const guint8 *data, gsize len);
/* Messages sent and not yet acknowledged whole, oldest first (GBytes, own references), to be
 * moved to a new link. */
GPtrArray *pl_segments_dup_unacknowledged (PlSegments *segments);
const PlCarrierInfo *pl_segments_info (PlSegments *segments);

G_END_DECLS
