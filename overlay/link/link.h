/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An overlay link (RFC 6940 6.6): framing over a carrier, acknowledgement of every data
 * frame, a windowed sender (initial 4, AIMD, RFC 6298 timer, RFC 8085 manners),
 * retransmission with new sequence numbers, keep-alive, detection of dead links. An engine:
 * all time comes from the env.
 */
#pragma once
#include "base/env.h"
#include "overlay/link/carrier.h"

G_BEGIN_DECLS

typedef struct PlLink PlLink;

#define PL_LINK_QUEUE_MAX (256 * 1024) /* bytes of messages waiting or unacknowledged */

typedef struct {
  /* One whole RELOAD message or fragment, borrowed. The same one may come twice: when an
   * acknowledgement is lost the far side sends it again under a new sequence number, which
   * 6.6.2 gives no means to tell from a new message; transaction ids and fragment offsets do.
   * The handler may free the link. */
  void (*message) (gpointer user, PlLink *link, const guint8 *data, gsize len);
  /* Dead or closed, once; the handler may free the link from here. */
  void (*closed) (gpointer user, PlLink *link, const char *reason);
} PlLinkHandlers;

typedef struct {
  gsize max_message;       /* largest message taken, from the overlay document */
  gint64 keepalive;        /* idle time in microseconds before a keep-alive frame (the last ack
                              again), which its owner asks for. Real carriers keep themselves alive: STUN, TCP */
} PlLinkOptions;

typedef struct {
  gint64 srtt;             /* microseconds, 0 before the first sample */
  gint64 rto;              /* microseconds */
  gint64 since;            /* env time it was made */
  guint64 sent, received, retransmitted, refused; /* frames */
  guint queued;            /* messages that wait */
} PlLinkStats;

/* Takes the carrier; `handlers` has both and outlives the link, as `options` does, which may change. */
PlLink *pl_link_new (PlEnv *env, PlCarrier *carrier, const PlLinkOptions *options,
                     const PlLinkHandlers *handlers, gpointer user);
/* Closes the carrier; no handler is called. */
void pl_link_free (PlLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlLink, pl_link_free)

/* Sends a keep-alive frame when it is time; returns when to come again. */
gint64 pl_link_keep_alive (PlLink *link);
/* Queues one message. FALSE when the queue is full (PL_LINK_QUEUE_MAX bytes) or it is larger
 * than pl_link_max_payload. */
gboolean pl_link_send (PlLink *link, GBytes *message);
/* Largest message one frame can carry: what is larger must be fragmented (6.7). */
gsize pl_link_max_payload (const PlLink *link);
const PlNodeId *pl_link_node (const PlLink *link);
PlCert *pl_link_cert (const PlLink *link);          /* borrowed */
gboolean pl_link_unnamed (const PlLink *link);      /* see PlCarrierInfo */
gboolean pl_link_healthy (const PlLink *link);      /* FALSE while an RTO plus three retransmissions went unanswered */
/* TRUE while something has waited longer than a round-trip timeout and nothing was heard: others
 * are the better way for now. */
gboolean pl_link_suspect (const PlLink *link);
const char *pl_link_description (const PlLink *link);
void pl_link_stats (const PlLink *link, PlLinkStats *stats);

G_END_DECLS
