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

/* --- one try of several (doc/PROTOCOL, Look-ups among liars) --- */

typedef struct {
  GArray *avoid;        /* of PlNodeId: not first through these, when there are others; who it is is added; may be NULL */
  gboolean anywhere;    /* first through any peer we are linked to, not the one that is best */
  gboolean iterative;   /* this node itself asks for the way (RFC 6940 4.3) */
  gint64 timeout;       /* microseconds */
} PlUsageWay;

/* Who had to do with a try. */
typedef struct {
  gboolean has_first;   /* another node: it went out */
  PlNodeId first;       /* that it was first sent to */
  gboolean answered;    /* by word of the place: proven, and plausible */
  PlNodeId signer;
} PlUsageTrail;

/* As PlStoreFunc and PlFetchFunc; `trail` is borrowed. `time`: the storage_time that was signed. */
typedef void (*PlTryStoreFunc) (gpointer user, guint64 time, const GError *error, const PlUsageTrail *trail);
typedef void (*PlTryFetchFunc) (gpointer user, const GPtrArray *values, const GError *error, const PlUsageTrail *trail);

/* What somebody did, as we saw it. */
typedef enum {
  PL_VERDICT_GOOD,
  PL_VERDICT_SILENT,    /* what went through it was not answered, what went another way was */
  PL_VERDICT_DENIED,    /* said that nothing is there, other places have it */
  PL_VERDICT_OLD,       /* gave an old value as the newest */
  PL_VERDICT_PROVEN,    /* signed that it has stored, and soon after that it has not, or one from before */
  PL_VERDICTS
} PlVerdict;

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
  /* Store and fetch by a way of choice. */
  gpointer (*try_store) (gpointer impl, const PlResourceId *resource, guint32 kind, const PlStoredDataValue *value,
                         guint32 lifetime, const PlUsageWay *way, PlTryStoreFunc func, gpointer user);
  gpointer (*try_fetch) (gpointer impl, const PlResourceId *resource, guint32 kind, const PlUsageWay *way,
                         PlTryFetchFunc func, gpointer user);
  /* `who` did so about the place. */
  void (*judge) (gpointer impl, const PlNodeId *who, PlVerdict verdict, const PlResourceId *resource);
} PlUsageFuncs;

/* Passed by value; `funcs` and `impl` outlive the engines. */
typedef struct { const PlUsageFuncs *funcs; gpointer impl; } PlUsageNet;

G_END_DECLS
