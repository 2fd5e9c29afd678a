/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two carriers that end in each other, in virtual time, with everything a bad path does.
 * Needs no certificates: defines what carriers want of them.
 */
#pragma once
#include "overlay/link/carrier.h"
#include "base/universe.h"

typedef struct PlPipe PlPipe;

typedef struct {
  gint64 delay, jitter;        /* one way, microseconds; jitter reorders */
  guint loss, duplicate;       /* percent */
  gsize max_record;
  gboolean reliable;
  gint64 rtt;                  /* what the carriers claim */
} PlPipeOptions;

struct PlPipe {
  PlEnv *env;
  PlPipeOptions options;
  PlCarrier *end[2];
  gboolean cut;                /* nothing arrives any more */
  guint sent, lost;
  guint sent_by[2];
  /* Sees each record before it is sent; FALSE drops it. */
  gboolean (*filter) (PlPipe *pipe, guint from, const guint8 *data, gsize len);
  gpointer filter_data;
};

/* The carriers are the caller's (links and segments take them). */
PlPipe *pl_pipe_new (PlEnv *env, const PlPipeOptions *options);
/* After both carriers are gone. */
void pl_pipe_free (PlPipe *pipe);
/* A record as if the far side of `to` had sent it. */
void pl_pipe_inject (PlPipe *pipe, guint to, const void *data, gsize len);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlPipe, pl_pipe_free)
