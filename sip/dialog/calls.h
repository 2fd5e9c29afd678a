/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The calls that pass through us, as far as a person wants to see them and an in-dialog
 * request can use it. Nothing here is needed for a call to go on: after a restart the token
 * alone routes it. No I/O.
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

#define PL_CALLS_MAX 256                       /* the longest ended, then the oldest goes first */
#define PL_CALL_KEPT (60 * PL_USEC_PER_SEC)    /* after its end */

typedef struct PlCalls PlCalls;

typedef enum { PL_CALL_CALLING, PL_CALL_RINGING, PL_CALL_ESTABLISHED, PL_CALL_ENDED } PlCallState;
typedef enum { PL_CALL_MEDIA_NONE, PL_CALL_MEDIA_LOCAL, PL_CALL_MEDIA_DIRECT, PL_CALL_MEDIA_PHONE } PlCallMedia;

typedef enum { PL_CALL_EDGE_NONE, PL_CALL_EDGE_OPEN, PL_CALL_EDGE_SECURED } PlCallEdge;

typedef struct {
  char *id;                   /* Call-ID */
  char *from, *to;            /* canonical AoRs: who called whom */
  char *own, *far_node;       /* NULL for a local call */
  char *redirected;           /* whom `to` sends calls on to, NULL: not redirected */
  char *contact;              /* latest target of our phone, NULL: as in the token */
  PlCallState state;          /* change it with pl_calls_set_state */
  PlCallMedia media;
  PlCallEdge edge;            /* carries the media for our phone */
  gint64 since, ended;        /* wall, monotonic */
  gint64 lookup, connect, invite; /* microseconds, -1: not (yet) */
} PlCall;

/* `changed` is called after each change, from within it; it must not change calls. */
PlCalls *pl_calls_new (PlEnv *env, void (*changed) (gpointer user), gpointer user);
void pl_calls_free (PlCalls *calls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlCalls, pl_calls_free)
/* A new call; the live one when Call-ID and caller are the same. Borrowed until the loop runs. */
PlCall *pl_calls_begin (PlCalls *calls, const char *id, const char *from, const char *to);
/* NULL when it is not known. */
PlCall *pl_calls_find (PlCalls *calls, const char *id, const char *from);
/* Moves forward only: an established call never rings again. */
void pl_calls_set_state (PlCalls *calls, PlCall *call, PlCallState state);
void pl_calls_set_far (PlCalls *calls, PlCall *call, const char *own, const char *node);
void pl_calls_set_redirected (PlCalls *calls, PlCall *call, const char *aor);
void pl_calls_set_contact (PlCalls *calls, PlCall *call, const char *contact);
void pl_calls_set_media (PlCalls *calls, PlCall *call, PlCallMedia media);
void pl_calls_set_edge (PlCalls *calls, PlCall *call, PlCallEdge edge);
/* Is a call with this node going on? */
gboolean pl_calls_with (PlCalls *calls, const char *own, const char *node);
/* All, oldest first; the array is the caller's, the calls are borrowed. */
GPtrArray *pl_calls_list (PlCalls *calls);
const char *pl_call_state_text (PlCallState state);
const char *pl_call_media_text (PlCallMedia media);
const char *pl_call_edge_text (PlCallEdge edge);

G_END_DECLS
