/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sending half of simple reliability (RFC 6940 6.6.3), shared by overlay links and SIP
 * segments: every sending of an item has a new sequence number, at most a window of items is
 * unacknowledged. Congestion control after RFC 8085: the window starts at 4, grows by one
 * for each acknowledgement until the first loss, then by one for each window, is halved at
 * most once a round trip on loss, and falls to 1 when the same item is lost twice. The timer
 * is RFC 6298's with every acknowledgement a sample, which new sequence numbers make exact.
 *
 * The receiver's bit mask is not used: peers send all ones or number its bits differently
 * (checklist E11). A lost acknowledgement therefore costs one more sending.
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

#define PL_SENDER_WINDOW_INITIAL 4
#define PL_SENDER_WINDOW_MAX 64
#define PL_SENDER_SENDINGS_MAX 5                          /* 6.6.3.1 */
#define PL_SENDER_RTO_INITIAL (500 * PL_USEC_PER_MSEC)    /* 6.6.3.1 */
/* Small, so that three retransmissions (7 RTO) and the end (19 RTO) of a dead link come within
 * 3 s; above the delay of a receiver that is merely busy. */
#define PL_SENDER_RTO_MIN (150 * PL_USEC_PER_MSEC)
#define PL_SENDER_RTO_MAX (8 * PL_USEC_PER_SEC)
#define PL_SENDER_LAST_WAIT 4                             /* RTOs between the last sending and giving up */
#define PL_SENDER_ACK_PAUSE (10 * PL_USEC_PER_MSEC)       /* 6.6.3.1: from an ack to what waited for it */
#define PL_SENDER_SKIPPED_MAX 3                           /* later items acknowledged: lost (as in TCP) */
#define PL_SENDER_RELIABLE_END (30 * PL_USEC_PER_SEC)     /* 6.6.5: a silent stream is kept so long */

typedef struct PlSender PlSender;

typedef struct {
  /* One sending. What can't be taken counts as lost. Must not free the sender. */
  void (*transmit) (gpointer user, guint32 sequence, GBytes *payload, gpointer tag);
  /* `tag` of the item is done. Must not free the sender. */
  void (*delivered) (gpointer user, gpointer tag);
  /* Nothing is acknowledged any more: give up the path. Once; may free the sender. */
  void (*failed) (gpointer user);
} PlSenderFuncs;

typedef struct {
  gint64 srtt;       /* microseconds, 0 before the first sample */
  gint64 rto;
  guint64 sent, retransmitted;
  guint queued;            /* items that wait or are not acknowledged */
  guint window;
} PlSenderStats;

/* `funcs` outlives the sender. `rtt`: first sample in microseconds, 0 for none. `reliable`: the path loses nothing, so that
 * nothing is sent again and only silence is watched (6.6.5). */
PlSender *pl_sender_new (PlEnv *env, const PlSenderFuncs *funcs, gpointer user, gboolean reliable, gint64 rtt);
void pl_sender_free (PlSender *sender);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSender, pl_sender_free)

/* Sends now when the window is open, else queues. `tag` is the caller's. */
void pl_sender_push (PlSender *sender, GBytes *payload, gpointer tag);
/* FALSE when the sequence number stands for nothing that waits (late or made up). */
gboolean pl_sender_ack (PlSender *sender, guint32 sequence);
/* FALSE from the third retransmission without any acknowledgement until the next one. */
gboolean pl_sender_healthy (const PlSender *sender);
/* TRUE once the oldest item has waited a whole RTO without any acknowledgement. */
gboolean pl_sender_suspect (const PlSender *sender);
/* Of the payloads that wait or are not acknowledged. */
gsize pl_sender_bytes (const PlSender *sender);
void pl_sender_stats (const PlSender *sender, PlSenderStats *stats);

G_END_DECLS
