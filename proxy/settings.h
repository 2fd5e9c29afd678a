/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * peerline.conf: read once into one immutable struct. Unknown groups and keys are errors; all
 * problems are reported together, each with its line and what is allowed.
 */
#pragma once
#include <gio/gio.h>
#include "base/log.h"
#include "overlay/diagnostics.h"

G_BEGIN_DECLS

typedef struct {
  char **sip_listen;          /* "127.0.0.1:5080", "[::1]:5080" */
  guint far_rate;             /* of calls and messages from one far node, per second */
  char *overlay_listen;       /* address, NULL: every one */
  guint16 overlay_port;       /* default 6084 */
  PlRole role;
  gint64 promote_after;       /* microseconds */
  char **order;               /* overlays, the most trusted first; those not named come behind */
  char **stun, **turn;        /* besides what the document offers; "host:port", "user:password@host:port" */
  PlDiagnosticsPolicy diagnostics; /* what other nodes may ask; its names are `diagnostics_for` */
  char **diagnostics_for;     /* AoRs and Node-IDs that are told more */
  PlTurnOfferOptions turn_offer; /* the TURN server beside this peer; address.type 0: none */
  PlSecret *turn_secret;        /* that of turn_offer */
  GHashTable *edge;           /* AoR, or "" for all others -> GINT_TO_POINTER: may its calls use media edges? */
  PlNodeLimits limits;
  PlStoreLimits store_limits;
  guint connections;          /* a minute, of one host */
  PlIceTell tell;             /* which addresses of this machine others are told */
  PlLogLevel log_level;
} PlSettings;

#define PL_SETTINGS_ERROR (pl_settings_error_quark ())
GQuark pl_settings_error_quark (void);

/* What a missing file means: the defaults. */
PlSettings *pl_settings_new (void);
/* A missing file is no error. The message of an error holds one line per problem. */
PlSettings *pl_settings_load (const char *path, GError **error);
void pl_settings_free (PlSettings *config);
/* May calls of this identity use media edges? */
gboolean pl_settings_allow_edge (const PlSettings *config, const char *aor);
/* The place of an overlay in `order`; the same one for all that are not in it. */
guint pl_settings_rank (const PlSettings *config, const char *overlay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlSettings, pl_settings_free)

G_END_DECLS
