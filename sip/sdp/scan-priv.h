/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session description as lines and what we need to know of each part. Nothing is decoded
 * that we don't judge; the lines stay as they came.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_SDP_UFRAG_MIN 4 /* RFC 8839, 5.4 */
#define PL_SDP_PWD_MIN 22
#define PL_SDP_LINES_MAX 2048
#define PL_SDP_MEDIA_MAX 64
#define PL_SDP_CANDIDATES_MAX 128  /* of one m-section */

typedef struct {
  const char *text;  /* into the body, not terminated */
  gsize len;         /* without the line end */
  gsize whole;       /* with it */
} PlSdpLine;

typedef struct {
  guint line;
  gboolean valid;    /* the fields below are there */
  guint component, port, rank; /* rank: relay 3, srflx 2, prflx 1, host 0 */
  guint64 priority;
  gboolean udp;
  char *address;
} PlSdpCandidate;

/* The session part (before the first m=) or one m-section. Lines are -1 where there is none. */
typedef struct {
  int c_line, rtcp_line, m_line;
  guint end;                  /* line after its last */
  guint port;
  char *proto, *address;      /* of c=, without TTL; NULL: none */
  gboolean ip6;               /* of c= */
  gboolean ufrag, pwd, fingerprint, zrtp, mismatch, trickle, mux, bundle_only;
  gboolean directed, inactive; /* a direction is said; it is inactive */
  char *mid;
  GPtrArray *candidates;      /* PlSdpCandidate */
} PlSdpPart;

typedef struct {
  GArray *lines;              /* PlSdpLine */
  int o_line;
  PlSdpPart *session;
  GPtrArray *media;           /* PlSdpPart */
  GPtrArray *groups;          /* GStrv of the mids of each BUNDLE group */
} PlSdp;

/* G_IO_ERROR_INVALID_DATA with a reason for a person. `body` must outlive the result. */
PlSdp *pl_sdp_scan (const char *body, gsize len, GError **error);
void pl_sdp_free (PlSdp *sdp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSdp, pl_sdp_free)

const PlSdpLine *pl_sdp_line (const PlSdp *sdp, guint line);
/* The values of the attribute `name` in one part, in order, "" for a flag; caller unrefs. */
GPtrArray *pl_sdp_values (const PlSdp *sdp, const PlSdpPart *part, const char *name);
/* Is the line a=NAME or a=NAME:...? */
gboolean pl_sdp_line_is (const PlSdpLine *line, const char *name);
gboolean pl_sdp_is_fingerprint (const char *value);
/* Decimal digits alone, up to `max`. */
gboolean pl_sdp_number (const char *text, guint64 max, guint64 *out);

/* What a section can do by itself (classify.c). */
gboolean pl_sdp_has_ice (const PlSdp *sdp, const PlSdpPart *part);
gboolean pl_sdp_has_dtls (const PlSdp *sdp, const PlSdpPart *part);
gboolean pl_sdp_has_zrtp (const PlSdp *sdp, const PlSdpPart *part);

/* The part whose transport an m-section shares (RFC 8843: the first of its BUNDLE group), or
 * `part` itself. */
const PlSdpPart *pl_sdp_transport_of (const PlSdp *sdp, const PlSdpPart *part);

/* Words between any number of spaces and tabs. */
GPtrArray *pl_sdp_split (const char *text);

typedef enum {
  PL_ADDRESS_OTHER,       /* somewhere else */
  PL_ADDRESS_LOOPBACK,    /* any way of writing it that a C library takes */
  PL_ADDRESS_UNSPECIFIED, /* 0.0.0.0, :: */
  PL_ADDRESS_NAME,        /* no literal: only a look-up would tell */
} PlAddressKind;

PlAddressKind pl_sdp_address_kind (const char *address);

G_END_DECLS
