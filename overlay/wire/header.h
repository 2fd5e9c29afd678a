/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forwarding header (RFC 6940, sections 6.3.2 and 6.7): reading it alone, writing it
 * before untouched bytes for nodes on the way, and cutting messages into fragments.
 */
#pragma once
#include "overlay/wire/destination.h"

G_BEGIN_DECLS

#define PL_RELO_TOKEN 0xd2454c4fu
#define PL_RELOAD_VERSION 0x0a
#define PL_HEADER_MIN 38                /* without lists */
#define PL_FRAGMENT_ALWAYS 0x80000000u  /* high bit, set in every message */
#define PL_FRAGMENT_LAST 0x40000000u
#define PL_FRAGMENT_WHOLE 0xc0000000u   /* not fragmented */
#define PL_FRAGMENT_OFFSET 0x00ffffffu  /* mask: bytes after the forwarding header */
#define PL_FRAGMENT_MIN 256             /* least payload of a fragment (6.7) */
#define PL_OPTIONS_MAX 64               /* forwarding options we look at */
#define PL_MESSAGE_MAX 0xffffffu        /* what a frame can carry (6.6.2) */

#define PL_OPTION_FORWARD_CRITICAL 0x01
#define PL_OPTION_DESTINATION_CRITICAL 0x02
#define PL_OPTION_RESPONSE_COPY 0x04
#define PL_OPTION_IGNORE_STATE_KEEPING 0x08 /* of RFC 7263: the Via List is not to be kept anywhere */

typedef struct {
  guint8 type;
  guint8 flags;
  GBytes *option;
} PlForwardingOption;

gboolean pl_forwarding_option_read (PlReader *reader, PlForwardingOption *option);
void pl_forwarding_option_write (PlWriter *writer, const PlForwardingOption *option);
void pl_forwarding_option_clear (PlForwardingOption *option);

typedef struct {
  guint32 overlay;
  guint16 configuration_sequence;
  guint8 version;
  guint8 ttl;
  guint32 fragment;
  guint32 length;               /* of the whole message or fragment, header included */
  guint64 transaction_id;
  guint32 max_response_length;
  GArray *via_list;             /* of PlDestination */
  GArray *destination_list;     /* of PlDestination */
  GArray *options;              /* of PlForwardingOption */
} PlForwardingHeader;

/* Empty lists, our version, PL_FRAGMENT_WHOLE. */
void pl_forwarding_header_init (PlForwardingHeader *header);
/* Token, version and the fragment's high bit are checked; a Resource-ID may stand only at the
 * end of the destination list and nowhere in the Via List. */
gboolean pl_forwarding_header_read (PlReader *reader, PlForwardingHeader *header);
/* Writes header->length as it stands. */
void pl_forwarding_header_write (PlWriter *writer, const PlForwardingHeader *header);
void pl_forwarding_header_clear (PlForwardingHeader *header);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlForwardingHeader, pl_forwarding_header_clear)
/* Deep copy into an uninitialised struct. */
void pl_forwarding_header_copy (PlForwardingHeader *copy, const PlForwardingHeader *header);

/* Reads the header in front of a message or fragment and checks `length` against its size.
 * `header_len` gets the header's length in bytes. Clear `header` also after an error. */
PlWireStatus pl_forwarding_peek (GBytes *message, PlForwardingHeader *header, gsize *header_len);
/* `message` with `header` in place of its first `header_len` bytes; all other bytes stay as
 * they are. header->length is set. NULL when a list has become too long. Caller's. */
GBytes *pl_forwarding_rewrite (GBytes *message, gsize header_len, PlForwardingHeader *header);

/* Cuts a message or fragment into equal pieces no larger than `max` bytes (6.7): GPtrArray of
 * GBytes, with one reference to `message` itself when it fits or can't be cut (every fragment
 * would have less than PL_FRAGMENT_MIN bytes of payload). NULL when it has no good header. */
GPtrArray *pl_message_fragment (GBytes *message, gsize max);

/* Low 32 bits of SHA-1 of the overlay's name (6.3.2). */
guint32 pl_overlay_hash (const char *name);

G_END_DECLS
