/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between a phone that has no ICE or no DTLS-SRTP and a far side that has both, over the media
 * edge: what each side's session description says to it, and what each side is told instead
 * (RFC 3264, 4568, 5763, 8839). Pure functions; all that is not about the transport or its keys
 * passes line by line.
 *
 * An offer of the phone:   read_phone, open and fill a leg per carried section, to_far (NULL)
 *   the far side's answer: read_far, give it to the edge, to_phone (the phone's offer)
 * An offer for the phone:  read_far, open the legs, to_phone (its last text, NULL: none yet)
 *   the phone's answer:    read_phone, give it to the edge, to_far (the far side's offer)
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_BRIDGE_SECTIONS_MAX 8     /* carried; more m-sections are declined */
#define PL_BRIDGE_CANDIDATES_MAX 32  /* of a section, either side */
#define PL_BRIDGE_FINGERPRINTS_MAX 8
/* What the texts below grow by at most, for each carried section. */
#define PL_BRIDGE_GROWTH 8192

typedef enum { PL_BRIDGE_OFFER, PL_BRIDGE_ANSWER } PlBridgeRole;

/* What an m-section needs of the edge. */
typedef enum {
  PL_BRIDGE_NONE,     /* port 0, or ICE and encryption of its own: passes as pl_sdp_to_far has it */
  PL_BRIDGE_PLAIN,    /* ICE and DTLS-SRTP */
  PL_BRIDGE_SDES,     /* the same, and SRTP by the phone's keys on loopback */
  PL_BRIDGE_THROUGH,  /* ICE only: the phone has DTLS-SRTP, its packets pass as they are */
  PL_BRIDGE_DECLINED, /* not RTP, no usable keys, too many: port 0 toward the far side */
} PlBridgeNeed;

typedef struct {
  PlBridgeNeed need;
  /* where the phone receives, if need is PLAIN, SDES or THROUGH: of this machine, or somebody
   * plays tricks: for the caller to judge. The socket behind a host candidate, when there is one. */
  char *address;
  guint16 rtp, rtcp;      /* the same: it multiplexes (RFC 5761) */
  gboolean held;          /* by the unspecified address (RFC 2543): keep the ports it had */
  char *suite, *key;      /* SDES: of the first line that is usable, "AES_CM_128_HMAC_SHA1_80", base64; else NULL */
} PlBridgePhone;

/* The phone's m-sections, element-type PlBridgePhone; caller unrefs. G_IO_ERROR_INVALID_DATA
 * with a reason: malformed as in session.h. G_IO_ERROR_NOT_SUPPORTED: bundled sections of which
 * some need the edge and some don't. */
GPtrArray *pl_bridge_read_phone (const char *body, gsize len, GError **error);
/* Is there a section that needs the edge? */
gboolean pl_bridge_needed (const GPtrArray *phones);

typedef struct {
  gboolean offered;       /* its port is not 0 */
  const char *lacks;      /* why it can't be carried; NULL: it can. Static. The rest is then there. */
  char *ufrag, *password;
  char **fingerprints;    /* "sha-256 AB:..."; sha-256, -384 and -512 only; never empty */
  char **candidates;      /* "FOUNDATION PRIORITY TYPE ADDRESS PORT [ADDRESS PORT]", as ice/edge takes them;
                           * never empty. RTP over UDP; numeric, none of this machine's loopback. */
  char **rtcp_candidates; /* of RTCP's own component, in the same form; empty: it multiplexes, or has none */
  gboolean dtls_client;   /* the edge begins the handshake */
  gboolean mux, lite;     /* rtcp-mux; the far side is ice-lite: the edge is controlling */
} PlBridgeFar;

/* The far side's m-sections, element-type PlBridgeFar; caller unrefs. Errors as above. */
GPtrArray *pl_bridge_read_far (const char *body, gsize len, PlBridgeRole role, GError **error);
/* RFC 8839, 4.4.1.1.1: other credentials than before. */
gboolean pl_bridge_restarts_ice (const PlBridgeFar *before, const PlBridgeFar *after);
/* RFC 8842, 4: another certificate wants a new association. */
gboolean pl_bridge_renews_dtls (const PlBridgeFar *before, const PlBridgeFar *after);

typedef enum { PL_BRIDGE_DTLS_NEW, PL_BRIDGE_DTLS_CLIENT, PL_BRIDGE_DTLS_SERVER } PlBridgeDtls;

/* One section's edge. All borrowed. */
typedef struct {
  gboolean open;                  /* FALSE: no edge here; the section is declined if it needs one */
  const char *ufrag, *password, *fingerprint;
  const char *const *candidates;  /* as above, from the edge's "opened"; NULL-terminated */
  const char *const *rtcp_candidates; /* for far sides that don't multiplex (RFC 5761, 5.1.3); may be NULL */
  guint16 port;                   /* for the phone, RTCP at the next one */
  gboolean ipv6;                  /* it is on ::1, else on 127.0.0.1 */
  const char *const *crypto;      /* "SUITE KEY": the edge's own keys for the phone (RFC 4568); may be NULL */
  const char *profile;            /* of an offer for the phone; NULL: what its last text has, or RTP/AVP */
  PlBridgeDtls dtls;              /* the edge's part in an association that goes on */
} PlBridgeLeg;

typedef struct { const char *text; gsize len; } PlBridgeText; /* borrowed */

/* The phone's text as the far side shall have it. `far` is the offer the text answers; NULL: it
 * is an offer. `legs`: one for each m-section, at most `n`. Held by the unspecified address
 * becomes a direction; crypto and k= lines never leave. Caller frees; NULL and error as above,
 * or G_IO_ERROR_NOT_SUPPORTED: nothing of it can be carried, or the leg has no candidate. */
char *pl_bridge_to_far (const PlBridgeText *phone, const PlBridgeText *far, const PlBridgeLeg *legs, guint n,
                        gsize *out_len, GError **error);
/* The far side's text as the phone shall have it. An answer: `phone` is the offer it answers.
 * An offer: `phone` is the last text of the phone, NULL when there was none. */
char *pl_bridge_to_phone (const PlBridgeText *far, PlBridgeRole role, const PlBridgeText *phone, const PlBridgeLeg *legs,
                          guint n, gsize *out_len, GError **error);

/* The same text with a version of o= that is higher by so much, where another text of ours stood between
 * the phone's (RFC 3264, 8). Takes `text`. */
char *pl_bridge_raise_version (char *text, gsize *len, guint by);

G_END_DECLS
