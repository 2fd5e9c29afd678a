/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The token in our Record-Route URI: what a restarted daemon must know of a call,
 * authenticated and encrypted with a key on disk (DESIGN.md, "A restart in mid-call").
 */
#pragma once
#include <gio/gio.h>
#include "base/env.h"

G_BEGIN_DECLS

typedef struct PlTokenKey PlTokenKey;

/* NULL strings are as empty ones; what was opened holds "" there, never NULL. */
typedef struct {
  char *contact;        /* the phone's Contact URI, exact */
  char *flow;           /* how to reach the phone: "udp:127.0.0.1:5062" */
  char *peer_contact;   /* local call: the other phone's Contact, else empty */
  char *peer_flow;
  char *far_node;       /* as sip/resolver.h names it, empty for a local call */
  char *own_aor, *far_aor;
  char *call_id;
  char *called;         /* whom our phone called, when that was redirected to far_aor, else empty */
  char *edge;           /* name of the media edge of our phone, else empty */
  guint8 media;         /* PlMediaClass promised by the offer */
  gboolean caller;      /* our phone made the call */
  guint8 raised;        /* how much higher than the sender our phone counts CSeq, up to PL_TOKEN_RAISED_MAX */
} PlToken;

#define PL_TOKEN_RAISED_MAX 3
#define PL_TOKEN_FIELD_MAX 512  /* bytes of one string; longer ones are not sealed */

/* Reads the key (0600) or makes it. */
PlTokenKey *pl_token_key_load (PlEnv *env, const char *path, GError **error);
void pl_token_key_free (PlTokenKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTokenKey, pl_token_key_free)
/* Text of A-Z a-z 0-9 - _ for a URI parameter or user part; caller frees. NULL when a field
 * is too long or far_node is not what it must be. */
char *pl_token_seal (PlTokenKey *key, PlEnv *env, const PlToken *token);
/* NULL for anything not sealed by this key. */
PlToken *pl_token_open (PlTokenKey *key, const char *text);
void pl_token_free (PlToken *token);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlToken, pl_token_free)

G_END_DECLS
