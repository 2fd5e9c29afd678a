/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What SIP needs of the world beyond the machine: who serves an AoR, and certified links to
 * those nodes. Implemented by proxy/resolver over the overlay; tests implement it by script.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum {
  PL_RESOLVE_FOUND,
  PL_RESOLVE_UNKNOWN,
  PL_RESOLVE_OFFLINE,
  PL_RESOLVE_FAILED,
  PL_RESOLVE_CIRCLE,     /* redirected in a circle, or too often */
  PL_RESOLVE_ELSEWHERE,  /* redirected to where nobody of us can be */
  PL_RESOLVE_REFUSED,    /* whoever says so has not the key that the name is known by */
} PlResolveResult;

/* The name of a device: its Node-ID in PL_RESOLVED_NODE_HEX hex digits; where our identity is in several
 * overlays, "@" and the overlay's name behind them, since a Node-ID means nothing in another one. */
#define PL_RESOLVED_NODE_HEX 32

/* A device of somebody; borrowed. */
typedef struct {
  const char *node;   /* its name, as above */
  const char *aor;    /* whose it is, canonical: the one asked for, or who that is redirected to */
  const char *prefs;  /* RFC 3840 feature parameters its owner published, "" when none */
} PlResolved;
/* `n` is 0 unless FOUND. */
typedef void (*PlResolveFunc) (gpointer user, PlResolveResult result, const PlResolved *nodes, gsize n);

/* A certified path to a far node that carries whole SIP messages. */
typedef struct PlFarLink PlFarLink;
typedef struct {
  void (*message) (gpointer user, const guint8 *data, gsize len);
  void (*stalled) (gpointer user);                 /* unacknowledged for 2 s */
  void (*closed) (gpointer user, const char *reason);
} PlFarLinkHandlers;

typedef struct {
  const char *node;   /* the name of the far device, as above */
  const char *aor;    /* the certified name, canonical */
  const char *own;    /* which of our AoRs this link certifies to the far side */
  const char *path;   /* for people */
} PlFarInfo;

typedef struct {
  void (*set_handlers) (PlFarLink *link, const PlFarLinkHandlers *handlers, gpointer user);
  gboolean (*send) (PlFarLink *link, const guint8 *data, gsize len);
  gboolean (*pending) (PlFarLink *link, const guint8 *data, gsize len);
  GPtrArray *(*dup_unacknowledged) (PlFarLink *link); /* GBytes */
  void (*info) (PlFarLink *link, PlFarInfo *info);    /* borrowed from the link */
  void (*free) (PlFarLink *link);
} PlFarLinkFuncs;
/* Implementations embed this as first member. */
struct PlFarLink { const PlFarLinkFuncs *funcs; };

/* Exactly one of link (the caller's) and error. */
typedef void (*PlConnectFunc) (gpointer user, PlFarLink *link, const GError *error);

typedef struct {
  /* Both return a handle for cancel(); callbacks never run before they return. `own`: the AoR
   * of ours on whose behalf we ask, whose certificate the far side will see. */
  gpointer (*resolve) (gpointer impl, const char *own, const char *aor, PlResolveFunc func, gpointer user);
  gpointer (*connect) (gpointer impl, const char *own, const char *node, PlConnectFunc func, gpointer user);
  void (*cancel) (gpointer impl, gpointer handle);
  /* Is `aor` one of this user's identities? */
  gboolean (*is_ours) (gpointer impl, const char *aor);
  /* Own Node-ID (32 hex digits) of the identity, for the GRUU, in the overlay of the device `far` (NULL:
   * in the first); NULL when not ours. Borrowed. */
  const char *(*own_node) (gpointer impl, const char *aor, const char *far);
  /* A phone of `aor` is there: store the registration with these feature parameters (RFC 3840, "" when
   * none). NULL: the last one went, remove it. */
  void (*registered) (gpointer impl, const char *aor, const char *prefs);
  /* Nobody shall see that it is of the same user as another one: what says which phone it is stays here. May
   * be NULL: none is. */
  gboolean (*incognito) (gpointer impl, const char *aor);
} PlResolverFuncs;

typedef struct { const PlResolverFuncs *funcs; gpointer impl; } PlResolver;

G_END_DECLS
