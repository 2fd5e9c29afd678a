/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One m-section of a call through the media edge: RTP and RTCP with the phone on loopback, plain
 * or with the keys of its SDP (RFC 4568), ICE (RFC 8445), DTLS-SRTP (RFC 5763, 5764) and rtcp-mux (RFC 5761) with the far side. What is
 * not protected never leaves: packets of the phone are dropped until the far side has shown the
 * certificate its SDP names.
 */
#pragma once
#include "ice/agent/agent.h"
#include "ice/dtls/session.h"

G_BEGIN_DECLS

#define PL_EDGE_PACKET_MAX 2048      /* bytes of a phone's packet; larger ones are dropped */
#define PL_EDGE_FINGERPRINTS_MAX 8
#define PL_EDGE_BURST 64             /* packets read from a phone's socket at a time */

typedef struct PlEdgeMedia PlEdgeMedia;

typedef struct {
  PlIceAgentOptions ice;
  gboolean ipv6;        /* the phone's side is ::1, else 127.0.0.1 */
} PlEdgeMediaOptions;

/* `failed` may free the media; no other may. None runs before the function that started the
 * work has returned. */
typedef struct {
  void (*gathered) (gpointer user, PlEdgeMedia *media);  /* once, and once for each restart */
  void (*secured) (gpointer user, PlEdgeMedia *media);   /* packets pass from now on; once for each far side and path */
  /* The path is gone, and none is there to take its place: a restart may find one. */
  void (*lost) (gpointer user, PlEdgeMedia *media);
  void (*failed) (gpointer user, PlEdgeMedia *media, const char *reason); /* once, then nothing more but a restart */
} PlEdgeMediaHandlers;

/* What the far side's SDP says. All borrowed for the call. */
typedef struct {
  const char *ufrag, *password;
  const GArray *candidates;               /* PlCandidate */
  const char *const *fingerprints;        /* "sha-256 AB:CD:..."; NULL-terminated */
  gboolean dtls_client;                   /* we are a=setup:active */
  const GArray *control;                  /* PlCandidate of RTCP's own component; NULL or empty: multiplexed (RFC 5761) */
} PlEdgeRemote;

typedef struct { guint64 to_far, to_phone, dropped; } PlEdgeCounts; /* packets */

/* Takes a pair of loopback ports and starts to gather. `env` and `credentials` are borrowed and
 * outlive the media. */
PlEdgeMedia *pl_edge_media_new (PlEnv *env, GMainContext *context, PlTlsCredentials *credentials,
                                const PlEdgeMediaOptions *options, const PlEdgeMediaHandlers *handlers, gpointer user,
                                GError **error);
void pl_edge_media_free (PlEdgeMedia *media);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlEdgeMedia, pl_edge_media_free)

/* The edge's own keys for the phone, "SUITE KEY" as in sdes.h. Lent. */
const char *const *pl_edge_media_keys (PlEdgeMedia *media);
/* The phone's, as in sdes.h; NULL: plain. FALSE: none we can use. */
gboolean pl_edge_media_set_keys (PlEdgeMedia *media, const char *keys);
/* Where the phone is to send RTP; RTCP goes to the next port. */
guint16 pl_edge_media_port (PlEdgeMedia *media);
/* For credentials and candidates after gathered. Lent. */
PlIceAgent *pl_edge_media_ice (PlEdgeMedia *media);
/* The same for RTCP's own component, with the same credentials; NULL when there is none. */
PlIceAgent *pl_edge_media_control_ice (PlEdgeMedia *media);
/* The phone's ports as in its SDP (the same for both: it multiplexes). Only packets from these
 * are taken. May be called again (re-INVITE, hold). FALSE: a port of 0, or not to be had. */
gboolean pl_edge_media_set_phone (PlEdgeMedia *media, guint16 rtp, guint16 rtcp);
/* A phone with DTLS-SRTP of its own: its packets pass as they are, and those of the far side.
 * Before set_remote. */
void pl_edge_media_set_through (PlEdgeMedia *media);
/* No phone: the voice of the far side goes back to it. */
void pl_edge_media_set_echo (PlEdgeMedia *media);
/* Gathers anew (RFC 8839 4.4.1.1.1): other addresses, other credentials, which
 * pl_edge_media_ice has from now on. Packets take the old path until there is a new one. FALSE: it has failed for another reason. */
gboolean pl_edge_media_restart (PlEdgeMedia *media, const PlIceAgentOptions *options, GError **error);
/* After gathered; starts ICE. Again: after a restart; without one it is another far side that
 * took the same offer. One with none of the certificates there were begins a DTLS association of
 * its own. FALSE and error: the description cannot be used. */
gboolean pl_edge_media_set_remote (PlEdgeMedia *media, const PlEdgeRemote *remote, GError **error);
/* Packets pass now. */
gboolean pl_edge_media_secured (PlEdgeMedia *media);
gboolean pl_edge_media_lost (PlEdgeMedia *media);
void pl_edge_media_counts (PlEdgeMedia *media, PlEdgeCounts *counts);

/* "sha-256 AB:CD:..." of a certificate, as in a=fingerprint (RFC 8122). Caller frees. */
char *pl_edge_dup_fingerprint (GBytes *cert_der);
/* Does the fingerprint (sha-256, sha-384 or sha-512) name this certificate? */
gboolean pl_edge_fingerprint_matches (const char *fingerprint, GBytes *cert_der);

G_END_DECLS
