/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A scripted SIP phone over a real loopback socket, UDP or TCP. Its text SIP is its own, so
 * that it can send what is malformed or hostile. It keeps all it received. By itself it
 * ACKs final answers to its INVITEs, answers BYE, CANCEL, OPTIONS, INFO, MESSAGE, UPDATE
 * and NOTIFY with 200 (a cancelled INVITE with 487), and an INVITE as its script says.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct PlPhone PlPhone;

typedef struct {
  char *method;     /* of a request, or of the CSeq of a response */
  int status;       /* 0: a request */
  char *uri;        /* Request-URI, NULL in a response */
  char *call_id;
  char *text;       /* whole message, NUL-terminated */
  gsize len;
  const char *body; /* into text, "" when there is none */
} PlPhoneMessage;

typedef struct {
  guint ring;          /* provisional status sent first, 0: none; default 180 */
  guint answer;        /* final status, 0: leave it ringing; default 200 */
  const char *sdp;     /* body of the 2xx, NULL: none */
  const char *headers; /* added to every answer to an INVITE, lines with CRLF, may be NULL */
  const char *contact; /* Contact URI in place of its own, may be NULL */
  gboolean no_record_route; /* leave Record-Route out (a hostile answer) */
  gboolean no_ack;          /* do not ACK a 2xx */
  gboolean deaf;            /* answer nothing at all */
} PlPhoneScript;

/* `aor`: "alice@example.org". `proxy`: "127.0.0.1:5080" or "[::1]:5080". */
PlPhone *pl_phone_new (GMainContext *context, const char *aor, const char *proxy, gboolean tcp);
void pl_phone_free (PlPhone *phone);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlPhone, pl_phone_free)
/* Copied; the strings in it are borrowed and outlive the phone. */
void pl_phone_set_script (PlPhone *phone, const PlPhoneScript *script);
guint16 pl_phone_port (PlPhone *phone);
/* Its Contact URI: "sip:alice-1a2b@127.0.0.1:PORT" (";transport=tcp"). Borrowed. */
const char *pl_phone_contact (PlPhone *phone);
/* Contact URI to use from now on; copied. */
void pl_phone_set_contact (PlPhone *phone, const char *uri);
/* Parameters of its Contact in REGISTER from now on: ";q=0.5;audio"; copied. */
void pl_phone_set_params (PlPhone *phone, const char *params);
/* Where it sends from now on. */
void pl_phone_set_proxy (PlPhone *phone, const char *proxy);
/* Address-of-record for From, e.g. to lie; copied. */
void pl_phone_set_aor (PlPhone *phone, const char *aor);
/* TCP: closes the connection; the next message opens a new one. */
void pl_phone_disconnect (PlPhone *phone);

/* REGISTER; `expires` 0 removes. */
void pl_phone_register (PlPhone *phone, guint expires);
/* A request outside any dialog (INVITE too). `headers` (lines with CRLF) and `body` (SDP,
 * or text for MESSAGE) may be NULL. Returns the Call-ID, borrowed until the phone goes. */
const char *pl_phone_request (PlPhone *phone, const char *method, const char *uri, const char *headers, const char *body);
/* INVITE to "sip:" and `aor`. */
const char *pl_phone_invite (PlPhone *phone, const char *aor, const char *sdp);
/* A request inside the dialog of `call_id` with its route set and target (BYE, re-INVITE,
 * UPDATE...). FALSE when there is no such dialog. */
gboolean pl_phone_in_dialog (PlPhone *phone, const char *call_id, const char *method, const char *headers, const char *body);
/* CANCEL for the INVITE we sent. */
gboolean pl_phone_cancel (PlPhone *phone, const char *call_id);
/* Answers the last INVITE (or other request) received with this Call-ID, once more if need be. */
gboolean pl_phone_answer (PlPhone *phone, const char *call_id, guint status, const char *headers, const char *body);
/* Bytes as they are, to the proxy. */
gboolean pl_phone_send_raw (PlPhone *phone, const void *data, gsize len);

/* Messages received so far that are `what`: "INVITE" (requests), "200 INVITE" (responses),
 * "404" (any method), "4xx", "" (all). */
guint pl_phone_count (PlPhone *phone, const char *what);
/* The last of these, borrowed; NULL when there is none. */
const PlPhoneMessage *pl_phone_last (PlPhone *phone, const char *what);
/* Runs the context until there are `count` of them or `msec` have passed. */
gboolean pl_phone_wait (PlPhone *phone, const char *what, guint count, guint msec);
/* Runs the context for `msec`. */
void pl_phone_idle (PlPhone *phone, guint msec);
/* Forgets what was received (dialogs stay). */
void pl_phone_clear (PlPhone *phone);

/* Value of the n-th (0...) header of that name, compact form too; NULL when there is none. */
char *pl_phone_message_dup_header (const PlPhoneMessage *message, const char *name, guint n);

/* An SDP body with ICE, DTLS-SRTP and one candidate, as a phone on 192.0.2.`host` has it. */
char *pl_phone_make_sdp (guint host, gboolean answer);

G_END_DECLS
