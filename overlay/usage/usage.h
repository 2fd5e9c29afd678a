/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What usages need of a node: store and fetch signed values (RFC 6940 7.4). Usages own this
 * interface and know no message; overlay/node.c plugs it, tests fake it.
 */
#pragma once
#include <gio/gio.h>
#include "base/env.h"
#include "overlay/ident/cert.h"
#include "overlay/wire/data.h"

G_BEGIN_DECLS

/* Codes of this domain are the RFC's error codes (14.9) as the far peer sent them;
 * PL_USAGE_ERROR_NO_ANSWER when nobody answered or we are not connected. */
#define PL_USAGE_ERROR (pl_usage_error_quark ())
#define PL_USAGE_ERROR_NO_ANSWER 0
GQuark pl_usage_error_quark (void);

/* One value of an answer; its signature and signer are verified. */
typedef struct {
  PlStoredData *data;
  PlCert *signer_cert;
  PlNodeId signer;
} PlFetched;

/* `error` NULL: stored. */
typedef void (*PlStoreFunc) (gpointer user, const GError *error);
/* `values` is a borrowed GPtrArray of PlFetched (verified ones only, maybe none; also when the
 * far peer said Error_Not_Found), NULL with `error`. */
typedef void (*PlFetchFunc) (gpointer user, const GPtrArray *values, const GError *error);

/* Where the nearest value is that the peer of a random place knows; borrowed. NULL: it knows none, or
 * `error`. */
typedef void (*PlFindFunc) (gpointer user, const PlResourceId *closest, const GError *error);

typedef struct {
  /* Signs `value` (borrowed) with a storage_time of its own, later than every one before, and
   * stores it. Calls back exactly once, never before this returns, unless cancelled. Returns
   * a handle, not NULL, dead once the callback runs. */
  gpointer (*store) (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value,
                     guint32 lifetime, PlStoreFunc func, gpointer user);
  /* Every element of the kind at the resource (wildcard specifier). The same otherwise. */
  gpointer (*fetch) (gpointer impl, const PlResourceId *resource, guint32 kind, PlFetchFunc func, gpointer user);
  void (*cancel) (gpointer impl, gpointer handle);
  /* A value of ours in the overlay has this storage_time: later ones must be above it (rule
   * 174). */
  void (*note_time) (gpointer impl, guint64 storage_time);
  /* How many places keep a registration, at least 1 (doc/PROTOCOL, copies). */
  guint (*places) (gpointer impl);
  /* TRUE: our Node-ID alone leads nowhere, `via` is connected to us (a client elsewhere, RFC 6940
   * 4.2.1). May be NULL: never. */
  gboolean (*entry) (gpointer impl, PlNodeId *via);
  /* `node` has said that it is reached through `via`, NULL: by its Node-ID. May be NULL. */
  void (*learned) (gpointer impl, const PlNodeId *node, const PlNodeId *via);
  /* Whether `aor` (canonical) may be registered in this overlay (RFC 7904, domain restrictions). May
   * be NULL: each may. */
  gboolean (*allows) (gpointer impl, const char *aor);
  /* Find (7.4.4); as fetch. */
  gpointer (*find) (gpointer impl, const PlResourceId *resource, guint32 kind, PlFindFunc func, gpointer user);
} PlUsageFuncs;

/* Passed by value; `funcs` and `impl` outlive the engines. */
typedef struct { const PlUsageFuncs *funcs; gpointer impl; } PlUsageNet;

G_END_DECLS
