/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Starts peerline-edge (ice/edge) for calls whose phone lacks ICE or DTLS-SRTP and speaks its
 * control protocol; to SIP it is sip/media.h. Each edge listens on a socket in a folder of the
 * runtime directory, where a daemon that was started again finds those of its calls.
 */
#pragma once
#include "base/loop.h"
#include "ice/candidate.h"
#include "sip/media.h"

G_BEGIN_DECLS

#define PL_EDGES_MAX 64    /* processes at a time */

typedef struct PlEdges PlEdges;

typedef struct {
  const char *folder;      /* of the sockets, made when it is not there */
  const char *program;     /* NULL: the one that belongs to this daemon */
  /* "address:port" and "user:password@address:port", numeric, of the overlay of this identity;
   * NULL-terminated, may be NULL. Borrowed until the next call. */
  const char *const *(*stun) (gpointer user, const char *own);
  const char *const *(*turn) (gpointer user, const char *own);
  /* Which addresses of this machine far sides are told; NULL: all. */
  PlIceTell (*tell) (gpointer user);
  /* May calls of this identity use an edge? */
  gboolean (*allowed) (gpointer user, const char *own);
  gpointer user;
} PlEdgesOptions;

/* Takes up those that are there. Never fails: without a folder there are no edges, and starting
 * one says so. */
PlEdges *pl_edges_new (PlLoop *loop, const PlEdgesOptions *options);
/* After what uses it. The processes stay for the next daemon. */
void pl_edges_free (PlEdges *edges);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlEdges, pl_edges_free)

/* Borrowed. */
const PlMedia *pl_edges_media (PlEdges *edges);

G_END_DECLS
