/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What SIP needs of the world for a phone that lacks ICE or DTLS-SRTP: an edge on this machine,
 * one per call, that has both and speaks plain RTP with the phone on loopback. Implemented by
 * proxy/media over the program peerline-edge (ice/edge); tests implement it by script.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_MEDIA_SECTIONS_MAX 8   /* m-sections of one edge; further ones are refused to the phone */

/* An m-section as the edge has it. */
typedef struct {
  guint16 port;              /* where the phone sends RTP, on loopback; RTCP goes to the next */
  char *ufrag, *password;
  char *fingerprint;         /* "sha-256 AB:CD:..." */
  char **candidates;         /* "FOUNDATION PRIORITY TYPE ADDRESS PORT [ADDRESS PORT]" */
  char **rtcp_candidates;    /* of RTCP's own component */
  char **crypto;             /* "SUITE KEY": what the edge sends to a phone with SDES */
} PlMediaSection;

/* The phone of a section, as its SDP says. */
typedef struct {
  guint16 rtp, rtcp;
  const char *suite, *key;   /* SDES (RFC 4568); NULL: plain */
  gboolean through;          /* it has DTLS-SRTP itself and lacks ICE only */
  gboolean echo;             /* there is none: the far side hears itself. The rest is not looked at */
} PlMediaPhone;

/* The far side of a section, as its SDP says. */
typedef struct {
  const char *ufrag, *password;
  const char *const *fingerprints;   /* as above; NULL-terminated */
  const char *const *candidates;
  const char *const *rtcp_candidates;  /* NULL or empty: it multiplexes */
  gboolean dtls_client;              /* we are a=setup:active */
} PlMediaFar;

typedef struct PlMediaEdge PlMediaEdge;

/* None runs before the function that started the work has returned. */
typedef struct {
  void (*opened) (gpointer user, guint section);
  void (*secured) (gpointer user, guint section);  /* packets pass from now on, or again */
  void (*lost) (gpointer user, guint section);     /* the path is gone; a restart may find another */
  /* Once, the last: the edge is of no use any more and waits to be ended. */
  void (*failed) (gpointer user, const char *reason);
} PlMediaHandlers;

typedef struct {
  /* May calls of this identity of ours use an edge? */
  gboolean (*allowed) (gpointer impl, const char *own);
  /* A new one under this name (letters and digits, used once), for calls of `own`. NULL: no more
   * can be had, and error says why in words for a person. */
  PlMediaEdge *(*start) (gpointer impl, const char *own, const char *name, GError **error);
  /* One that a daemon before us started; NULL: gone, or taken already. */
  PlMediaEdge *(*find) (gpointer impl, const char *name);
  void (*set_handlers) (PlMediaEdge *edge, const PlMediaHandlers *handlers, gpointer user);
  /* `opened` follows. `controlling`: ours is the offer (RFC 8445 6.1.1). `ipv6`: the phone is
   * on ::1, else on 127.0.0.1. Nothing when it is open already. */
  void (*open) (PlMediaEdge *edge, guint section, gboolean controlling, gboolean ipv6);
  /* An open section gets other credentials (RFC 8839 4.4.1.1.1), its port stays: `opened` follows. */
  void (*restart) (PlMediaEdge *edge, guint section, gboolean controlling);
  /* NULL before opened. Lent until the section or the edge ends. */
  const PlMediaSection *(*section) (PlMediaEdge *edge, guint section);
  /* Again after each change. */
  void (*set_phone) (PlMediaEdge *edge, guint section, const PlMediaPhone *phone);
  /* The far side; one with other credentials takes the place of the one before. */
  void (*set_far) (PlMediaEdge *edge, guint section, const PlMediaFar *far);
  /* The call is over. Frees. */
  void (*end) (PlMediaEdge *edge);
  /* The daemon goes, the call stays. Frees. */
  void (*leave) (PlMediaEdge *edge);
} PlMediaFuncs;

typedef struct { const PlMediaFuncs *funcs; gpointer impl; } PlMedia;

G_END_DECLS
