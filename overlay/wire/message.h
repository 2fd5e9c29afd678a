/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A whole RELOAD message (RFC 6940, section 6.3): forwarding header, contents, security block.
 * The body is kept as bytes: read it with the function of its code (see overlay/wire/body.h).
 * Making one: pl_message_contents_write, sign over it (pl_message_signature_input), then
 * pl_message_write.
 */
#pragma once
#include "overlay/wire/data.h"
#include "overlay/wire/header.h"

G_BEGIN_DECLS

#define PL_EXTENSIONS_MAX 64
#define PL_CERTIFICATES_MAX 64

/* Message codes (14.8). Requests are odd, their answers one more. */
typedef enum {
  PL_MESSAGE_PROBE_REQ = 0x01, PL_MESSAGE_PROBE_ANS = 0x02,
  PL_MESSAGE_ATTACH_REQ = 0x03, PL_MESSAGE_ATTACH_ANS = 0x04,
  PL_MESSAGE_STORE_REQ = 0x07, PL_MESSAGE_STORE_ANS = 0x08,
  PL_MESSAGE_FETCH_REQ = 0x09, PL_MESSAGE_FETCH_ANS = 0x0a,
  PL_MESSAGE_FIND_REQ = 0x0d, PL_MESSAGE_FIND_ANS = 0x0e,
  PL_MESSAGE_JOIN_REQ = 0x0f, PL_MESSAGE_JOIN_ANS = 0x10,
  PL_MESSAGE_LEAVE_REQ = 0x11, PL_MESSAGE_LEAVE_ANS = 0x12,
  PL_MESSAGE_UPDATE_REQ = 0x13, PL_MESSAGE_UPDATE_ANS = 0x14,
  PL_MESSAGE_ROUTE_QUERY_REQ = 0x15, PL_MESSAGE_ROUTE_QUERY_ANS = 0x16,
  PL_MESSAGE_PING_REQ = 0x17, PL_MESSAGE_PING_ANS = 0x18,
  PL_MESSAGE_STAT_REQ = 0x19, PL_MESSAGE_STAT_ANS = 0x1a,
  PL_MESSAGE_APP_ATTACH_REQ = 0x1d, PL_MESSAGE_APP_ATTACH_ANS = 0x1e,
  PL_MESSAGE_CONFIG_UPDATE_REQ = 0x21, PL_MESSAGE_CONFIG_UPDATE_ANS = 0x22,
  PL_MESSAGE_PATH_TRACK_REQ = 0x27, PL_MESSAGE_PATH_TRACK_ANS = 0x28, /* RFC 7851 9.3 */
  PL_MESSAGE_ERROR = 0xffff,
} PlMessageCode;

/* An error is an answer. */
gboolean pl_message_code_is_request (guint16 code);

typedef struct {
  guint16 type;
  gboolean critical;
  GBytes *extension_contents;
} PlMessageExtension;

gboolean pl_message_extension_read (PlReader *reader, PlMessageExtension *extension);
void pl_message_extension_write (PlWriter *writer, const PlMessageExtension *extension);
void pl_message_extension_clear (PlMessageExtension *extension);
GArray *pl_message_extension_list_new (void);
/* An uncritical one at the end. */
void pl_message_extension_list_add (GArray *list, guint16 type, GBytes *contents);
/* The first one of this type; NULL when there is none. `list` may be NULL. */
const PlMessageExtension *pl_message_extension_list_find (GArray *list, guint16 type);

typedef struct {
  PlForwardingHeader header;
  guint16 message_code;
  GBytes *body;             /* message_body; NULL is empty */
  GArray *extensions;       /* of PlMessageExtension */
  GPtrArray *certificates;  /* of GBytes, DER, in the order received */
  PlSignature signature;
  GBytes *contents;         /* exactly the received bytes of MessageContents */
} PlMessage;

/* Reads a whole, unfragmented message. On refusal the status says why (pl_wire_status_text)
 * and `message` holds what was read so far. Always clear it afterwards. The overlay hash is
 * the caller's to compare: header.overlay. */
PlWireStatus pl_message_read (GBytes *bytes, PlMessage *message);
void pl_message_clear (PlMessage *message);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlMessage, pl_message_clear)

/* MessageContents from its parts; `extensions` may be NULL. NULL when too long. Caller's. */
GBytes *pl_message_contents_write (guint16 code, GBytes *body, GArray *extensions);
/* The whole from its parts; header->length is set. `certificates`: GPtrArray of GBytes, may be
 * NULL. NULL when too long. Caller's. */
GBytes *pl_message_write (PlForwardingHeader *header, GBytes *contents, GPtrArray *certificates,
                          const PlSignature *signature);
/* Without `der`, when that is the first of its certificates; else NULL. Caller's. */
GBytes *pl_message_without_certificate (GBytes *message, GBytes *der);
/* The way back: with `der` before the others, when its signature names the certificate of this
 * SHA-256 (32 bytes) and `der` is not the first of them; else NULL. Caller's. */
GBytes *pl_message_with_certificate (GBytes *message, GBytes *der, const guint8 *fingerprint);
/* All of it again from the fields, without looking at `contents`. */
GBytes *pl_message_rewrite (PlMessage *message);

G_END_DECLS
