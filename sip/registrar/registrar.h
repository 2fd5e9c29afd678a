/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which phones stand for which of our AoRs (RFC 3261, section 10): an engine with a file.
 * A binding keeps the phone's exact Contact and the flow it registered from. Wall clock, as
 * bindings outlive us.
 */
#pragma once
#include <gio/gio.h>
#include "base/env.h"

G_BEGIN_DECLS

#define PL_BINDINGS_PER_AOR 10
#define PL_BINDINGS_MAX 200
#define PL_EXPIRES_MIN 30        /* seconds; below: 423 (RFC 3261, 10.3 step 7) */
#define PL_EXPIRES_MAX 3600
#define PL_EXPIRES_DEFAULT 3600
#define PL_CONTACT_MAX 480       /* bytes of a Contact URI: it must fit into the token */

typedef struct PlRegistrar PlRegistrar;

typedef struct {
  char *aor;         /* canonical */
  char *contact;     /* URI, exact */
  char *flow;        /* "udp:127.0.0.1:5062" */
  char *user_agent;  /* "" when not said */
  char *prefs;       /* what the phone can do (sip/router/prefs.h), "" when not said */
  char *instance;    /* RFC 5626 +sip.instance, "" when not said */
  char *call_id;
  guint32 cseq;
  gint64 expires;    /* wall microseconds */
} PlBinding;

typedef struct {
  /* The first phone of this AoR came, or the last one went (`prefs` NULL), or what is to be
   * published of those that are there changed; from the loop also for what was on disk. Of several
   * phones only the highest q is published: the registrar itself judges them, not the caller. */
  void (*presence) (gpointer user, const char *aor, const char *prefs);
  void (*changed) (gpointer user);
} PlRegistrarHandlers;

PlRegistrar *pl_registrar_new (PlEnv *env, const char *path, const PlRegistrarHandlers *handlers, gpointer user);
void pl_registrar_free (PlRegistrar *registrar);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlRegistrar, pl_registrar_free)

typedef enum { PL_REGISTERED, PL_REGISTER_STALE, PL_REGISTER_TOO_MANY } PlRegisterResult;

/* Adds or refreshes the binding of (aor, contact), or of the same instance; fields as in
 * PlBinding, copied; `expires` in seconds, 0 removes. STALE: an older CSeq of the same Call-ID. */
PlRegisterResult pl_registrar_update (PlRegistrar *registrar, const PlBinding *binding, guint expires);
/* Contact: * with Expires: 0. */
PlRegisterResult pl_registrar_remove_all (PlRegistrar *registrar, const char *aor, const char *call_id, guint32 cseq);
/* Live bindings of the AoR (NULL: of all), latest first. The array is the caller's, the
 * bindings are borrowed until the registrar changes. */
GPtrArray *pl_registrar_list (PlRegistrar *registrar, const char *aor);
/* Tells `presence` of this AoR again. */
void pl_registrar_retell (PlRegistrar *registrar, const char *aor);
/* Its clock, wall microseconds. */
gint64 pl_registrar_wall (PlRegistrar *registrar);

G_END_DECLS
