/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bodies of Store, Fetch, Stat and Find (RFC 6940, section 7.4). Rules of overlay/wire/data.h
 * hold. Kinds unknown to the reader's models are kept, marked and with their bytes, so that the
 * receiver can answer Error_Unknown_Kind and a forwarder writes back what it read.
 */
#pragma once
#include "overlay/wire/data.h"

G_BEGIN_DECLS

#define PL_KINDS_MAX 64          /* Kinds in one message */
#define PL_VALUES_MAX 4096       /* values of one Kind in one message */
#define PL_SPECIFIERS_MAX 1024   /* ranges or keys of one specifier */
#define PL_REPLICAS_MAX 256

typedef struct {
  guint32 kind;
  guint64 generation_counter;
  GArray *values;        /* of PlStoredData */
  gboolean unknown;      /* no model: `values` is empty, `raw` has the list's bytes */
  GBytes *raw;
} PlStoreKindData;

typedef struct {
  PlResourceId resource;
  guint8 replica_number;
  GArray *kind_data;     /* of PlStoreKindData */
} PlStoreReq;

gboolean pl_store_req_read (PlReader *reader, PlStoreReq *req);
void pl_store_req_write (PlWriter *writer, const PlStoreReq *req);
void pl_store_req_clear (PlStoreReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlStoreReq, pl_store_req_clear)

typedef struct {
  guint32 kind;
  guint64 generation_counter;
  GArray *replicas;      /* of PlNodeId */
} PlStoreKindResponse;

typedef struct {
  GArray *kind_responses; /* of PlStoreKindResponse */
} PlStoreAns;

gboolean pl_store_ans_read (PlReader *reader, PlStoreAns *ans);
void pl_store_ans_write (PlWriter *writer, const PlStoreAns *ans);
void pl_store_ans_clear (PlStoreAns *ans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlStoreAns, pl_store_ans_clear)

typedef struct { guint32 first, last; } PlArrayRange;  /* last included; 0xffffffff: the final element */

typedef struct {
  guint32 kind;
  guint64 generation;
  PlDataModel model;     /* 0: unknown Kind */
  GArray *indices;       /* array: of PlArrayRange, first <= last; overlaps are the store's to refuse */
  GPtrArray *keys;       /* dictionary: of GBytes, never NULL entries; empty asks for all */
  GBytes *raw;           /* unknown Kind: the specifier's bytes */
} PlStoredDataSpecifier;

gboolean pl_stored_data_specifier_read (PlReader *reader, PlStoredDataSpecifier *specifier);
void pl_stored_data_specifier_write (PlWriter *writer, const PlStoredDataSpecifier *specifier);
void pl_stored_data_specifier_clear (PlStoredDataSpecifier *specifier);

typedef struct {
  PlResourceId resource;
  GArray *specifiers;    /* of PlStoredDataSpecifier */
} PlFetchReq;
typedef PlFetchReq PlStatReq;

gboolean pl_fetch_req_read (PlReader *reader, PlFetchReq *req);
void pl_fetch_req_write (PlWriter *writer, const PlFetchReq *req);
void pl_fetch_req_clear (PlFetchReq *req);
#define pl_stat_req_read pl_fetch_req_read
#define pl_stat_req_write pl_fetch_req_write
#define pl_stat_req_clear pl_fetch_req_clear
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlFetchReq, pl_fetch_req_clear)

typedef struct {
  guint32 kind;
  guint64 generation;
  GArray *values;        /* of PlStoredData */
  gboolean unknown;
  GBytes *raw;
} PlFetchKindResponse;

typedef struct {
  GArray *kind_responses; /* of PlFetchKindResponse */
} PlFetchAns;

gboolean pl_fetch_ans_read (PlReader *reader, PlFetchAns *ans);
void pl_fetch_ans_write (PlWriter *writer, const PlFetchAns *ans);
void pl_fetch_ans_clear (PlFetchAns *ans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlFetchAns, pl_fetch_ans_clear)

typedef struct {
  guint32 kind;
  guint64 generation;
  GArray *values;        /* of PlStoredMetaData */
  gboolean unknown;
  GBytes *raw;
} PlStatKindResponse;

typedef struct {
  GArray *kind_responses; /* of PlStatKindResponse */
} PlStatAns;

gboolean pl_stat_ans_read (PlReader *reader, PlStatAns *ans);
void pl_stat_ans_write (PlWriter *writer, const PlStatAns *ans);
void pl_stat_ans_clear (PlStatAns *ans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlStatAns, pl_stat_ans_clear)

typedef struct {
  PlResourceId resource;
  GArray *kinds;         /* of guint32 */
} PlFindReq;

gboolean pl_find_req_read (PlReader *reader, PlFindReq *req);
void pl_find_req_write (PlWriter *writer, const PlFindReq *req);
void pl_find_req_clear (PlFindReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlFindReq, pl_find_req_clear)

typedef struct {
  guint32 kind;
  PlResourceId closest;  /* 16 zero bytes when nothing is known (7.4.4.2) */
} PlFindKindData;

typedef struct {
  GArray *results;       /* of PlFindKindData */
} PlFindAns;

gboolean pl_find_ans_read (PlReader *reader, PlFindAns *ans);
void pl_find_ans_write (PlWriter *writer, const PlFindAns *ans);
void pl_find_ans_clear (PlFindAns *ans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlFindAns, pl_find_ans_clear)

/* Empty arrays with the right element size and clear function, for building messages. */
GArray *pl_store_kind_data_list_new (void);
GArray *pl_store_kind_response_list_new (void);
GArray *pl_stored_data_list_new (void);
GArray *pl_stored_meta_data_list_new (void);
GArray *pl_stored_data_specifier_list_new (void);
GArray *pl_fetch_kind_response_list_new (void);
GArray *pl_stat_kind_response_list_new (void);
GArray *pl_find_kind_data_list_new (void);

G_END_DECLS
