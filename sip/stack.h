/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The local SIP proxy and registrar: the facade of this folder. Runs on a GMainContext.
 */
#pragma once
#include <gio/gio.h>
#include "base/env.h"
#include "ice/candidate.h"
#include "sip/media.h"
#include "sip/resolver.h"

G_BEGIN_DECLS

typedef struct PlSip PlSip;

typedef struct {
  const char *const *listen;  /* "127.0.0.1:5080", "[::1]:5080", NULL-terminated */
  uid_t uid;                  /* whose sockets get through */
  const char *state_dir;      /* bindings, token key, adapter addresses, live links */
  const int *sockets;         /* bound already at some of `listen`, by a service manager; taken */
  guint n_sockets;
  const PlMedia *media;       /* for phones without ICE or DTLS-SRTP; borrowed, NULL: they get 488 */
  const char *passwords;      /* file (sip/registrar/digest.h) of those phones must show; NULL: none */
  guint far_rate;             /* requests outside dialogs that one far node may make each second; 0: a person's */
  PlIceTell tell;             /* which addresses of the phones far sides are told */
} PlSipOptions;

typedef struct {
  char *id;                   /* Call-ID */
  char *from, *to;            /* canonical AoRs, verified */
  char *redirected;           /* whom `to` sends calls on to, verified; NULL: not redirected */
  const char *state;          /* "calling", "ringing", "established", "ended" */
  const char *media;          /* "ice+dtls-srtp", "phone-encrypted", "local", "none" */
  const char *edge;           /* carries the media for our phone: "none", "connecting", "secured" */
  char *far_node;             /* hex, NULL for a local call */
  gint64 since;               /* wall microseconds */
  gint64 lookup, connect, invite; /* post-dial delay by phase, microseconds; -1: not (yet) */
} PlCallInfo;

typedef struct { char *aor, *contact, *user_agent; gint64 expires; /* wall microseconds */ } PlBindingInfo;

typedef struct {
  void (*calls_changed) (gpointer user);
  void (*bindings_changed) (gpointer user);
} PlSipHandlers;

/* `resolver` is borrowed. A taken port: the next free one is used, kept in state_dir and told
 * by pl_sip_listening. */
PlSip *pl_sip_new (PlEnv *env, GMainContext *context, const PlResolver *resolver, const PlSipOptions *options,
                   const PlSipHandlers *handlers, gpointer user, GError **error);
void pl_sip_free (PlSip *sip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSip, pl_sip_free)

/* A link a far node made to us; taken. */
void pl_sip_add_link (PlSip *sip, PlFarLink *link);
/* This machine is in another network, or has slept: calls whose media are this machine's to carry look
 * for another path. */
void pl_sip_network_changed (PlSip *sip);
/* "127.0.0.1:5080" as really bound; NULL-terminated, borrowed. */
const char *const *pl_sip_listening (PlSip *sip);
/* Tells the resolver again that a phone of `aor` is there, if one is. */
void pl_sip_retell (PlSip *sip, const char *aor);
GPtrArray *pl_sip_dup_calls (PlSip *sip);       /* PlCallInfo */
GPtrArray *pl_sip_dup_bindings (PlSip *sip);    /* PlBindingInfo */
void pl_call_info_free (PlCallInfo *info);
void pl_binding_info_free (PlBindingInfo *info);

G_END_DECLS
