/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What this node keeps for the overlay (RFC 6940 7): records by Resource-ID and Kind with
 * generation counters, access control, quotas, expiry, on disk. No network here: the caller
 * has verified the request's signature and asks; the answer or error is a value.
 */
#pragma once
#include "base/env.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/trust.h"
#include "overlay/wire/store.h"

G_BEGIN_DECLS

typedef struct PlStore PlStore;

#define PL_STORE_BYTES_MAX (32 * 1024 * 1024) /* everything kept, with overhead, whatever the limits say */

/* What is kept, with overhead. 0: no bound but PL_STORE_BYTES_MAX. */
typedef struct {
  gsize total;        /* bytes */
  gsize signer;       /* bytes, of values that one certificate signed; copies may be three times as many */
  guint kind_percent; /* of the total that one Kind may take */
} PlStoreLimits;

/* What a store has that is told nothing else. */
#define PL_STORE_LIMITS { .total = PL_STORE_BYTES_MAX, .signer = 64 * 1024, .kind_percent = 50 }

/* `path` NULL: in memory only. A corrupt file is set aside and told. */
PlStore *pl_store_new (PlEnv *env, const PlDocument *document, PlTrust *trust, const char *path, GError **error);
void pl_store_free (PlStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlStore, pl_store_free)

/* For what comes from now on. */
void pl_store_set_limits (PlStore *store, const PlStoreLimits *limits);
/* Of many in one process: `store`, empty yet, and `other` keep in memory once what both hold. */
void pl_store_share (PlStore *store, PlStore *other);

/* A StoreReq whose message signature is good, from `signer` with certificate `signer_cert`.
 * `certs` (GBytes, DER) are those of its security block. That we are responsible, or the sender
 * may store this replica_number with us (7.4.1.1, 10.4), is the caller's to check. Atomic.
 * Returns 0 and fills `answer` (without replica lists), or an RFC error code (14.9) and `info`
 * (own reference, may stay NULL). */
guint16 pl_store_put (PlStore *store, const PlStoreReq *request, PlCert *signer_cert, const PlNodeId *signer,
                      GPtrArray *certs, PlStoreAns *answer, GBytes **info);
guint16 pl_store_get (PlStore *store, const PlFetchReq *request, PlFetchAns *answer, GBytes **info);
guint16 pl_store_stat (PlStore *store, const PlStatReq *request, PlStatAns *answer, GBytes **info);
guint16 pl_store_find (PlStore *store, const PlFindReq *request, PlFindAns *answer, GBytes **info);
/* Certificates that the values of one resource, of a StoreReq or of an answer need, for the
 * security block (GPtrArray of PlCert, own references; each once). */
GPtrArray *pl_store_dup_certs (PlStore *store, const PlResourceId *resource);
GPtrArray *pl_store_dup_certs_of_request (PlStore *store, const PlStoreReq *request);
GPtrArray *pl_store_dup_certs_of_answer (PlStore *store, const PlFetchAns *answer);

/* Resource-IDs held (GArray of PlResourceId), and one resource as StoreReqs (GPtrArray, own) to
 * pass on to a replica or a new owner: replica_number as given (not 0: the owner of the values
 * does not sign these requests, 7.4.1.1), lifetimes lowered by the time held. A request holds
 * values of at most `max_bytes`, or a single larger one. */
GArray *pl_store_dup_resources (PlStore *store);
/* Some value, or the trace of one that is gone, is here. */
gboolean pl_store_has (PlStore *store, const PlResourceId *resource);
GPtrArray *pl_store_dup_transfers (PlStore *store, const PlResourceId *resource, guint8 replica_number, gsize max_bytes);
/* Values of a FetchAns that another holder gave (after Data_Too_Old or
 * Generation_Counter_Too_Low on a pass-on, 7.4.1.1): each proven, newer ones replace ours,
 * others are left. `certs`: GBytes, DER. Returns how many were taken. */
guint pl_store_merge (PlStore *store, const PlResourceId *resource, const PlFetchAns *answer, GPtrArray *certs);
/* Another document of the same overlay, borrowed: values of Kinds that it does not have (or has
 * with another model), and those of its bad nodes, are forgotten (11.1). The trust is up to
 * date already. */
void pl_store_set_document (PlStore *store, const PlDocument *document);
/* Forgets one resource. */
void pl_store_drop (PlStore *store, const PlResourceId *resource);
guint pl_store_n_resources (PlStore *store);
guint64 pl_store_n_values (PlStore *store, guint32 kind);
guint64 pl_store_n_bytes (PlStore *store);
/* Writes what changed to disk now (also done by itself after at most a second). */
gboolean pl_store_flush (PlStore *store, GError **error);

/* storage_time for a value we sign: max(now, last + 1), the last on disk (DESIGN.md, Trust). */
guint64 pl_store_next_time (PlStore *store);
/* The next one is above `storage_time` (a value of ours is in the overlay with it, 7). */
void pl_store_note_time (PlStore *store, guint64 storage_time);

G_END_DECLS
