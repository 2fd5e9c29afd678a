/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Overlay diagnostics (RFC 7851): the extension of a Ping (type Diagnostic_Ping), the bodies of
 * PathTrack, and what nodes tell about themselves. Times are milliseconds since 1970. Rules of
 * overlay/wire/data.h hold. The RFC gives each list two lengths, ext_length and that of the
 * vector; both count the bytes of the list, and both are read and must agree.
 */
#pragma once
#include "overlay/wire/destination.h"

G_BEGIN_DECLS

#define PL_EXTENSION_DIAGNOSTIC_PING 0x2
#define PL_DIAGNOSTICS_MAX 64         /* kinds of one answer, extensions of one request */
#define PL_DIAGNOSTIC_ENTRIES_MAX 1024 /* of a table */

/* DiagnosticKindId. The bit of dMFlags that asks for a kind is 1 << kind. */
typedef enum {
  PL_DIAGNOSTIC_STATUS_INFO = 1,          /* 0: no load, 15: congested */
  PL_DIAGNOSTIC_ROUTING_TABLE_SIZE = 2,   /* peers */
  PL_DIAGNOSTIC_PROCESS_POWER = 3,        /* MIPS */
  PL_DIAGNOSTIC_UPSTREAM_BANDWIDTH = 4,   /* kbit/s */
  PL_DIAGNOSTIC_DOWNSTREAM_BANDWIDTH = 5,
  PL_DIAGNOSTIC_SOFTWARE_VERSION = 6,     /* text; ends with a zero octet */
  PL_DIAGNOSTIC_MACHINE_UPTIME = 7,       /* seconds */
  PL_DIAGNOSTIC_APP_UPTIME = 8,
  PL_DIAGNOSTIC_MEMORY_FOOTPRINT = 9,     /* kilobytes */
  PL_DIAGNOSTIC_DATASIZE_STORED = 10,     /* bytes */
  PL_DIAGNOSTIC_INSTANCES_STORED = 11,    /* table: Kind-ID, values */
  PL_DIAGNOSTIC_MESSAGES_SENT_RCVD = 12,  /* table: message code, sent, received */
  PL_DIAGNOSTIC_EWMA_BYTES_SENT = 13,     /* bytes/s */
  PL_DIAGNOSTIC_EWMA_BYTES_RCVD = 14,
  PL_DIAGNOSTIC_UNDERLAY_HOP = 15,
  PL_DIAGNOSTIC_BATTERY_STATUS = 16,      /* top bit clear: runs on battery */
} PlDiagnosticKind;
#define PL_DIAGNOSTIC_LAST PL_DIAGNOSTIC_BATTERY_STATUS
/* dMFlags that ask for everything (5.3): the first and the last bit mean nothing else. */
#define PL_DIAGNOSTIC_EVERYTHING G_MAXUINT64
#define PL_DIAGNOSTIC_FLAG(kind) (G_GUINT64_CONSTANT (1) << (kind))

/* "ROUTING_TABLE_SIZE"; NULL for a kind without a name. */
const char *pl_diagnostic_kind_name (guint16 kind);

typedef struct {
  guint16 type;
  GBytes *contents;
} PlDiagnosticExtension;

typedef struct {
  guint64 expiration;
  guint64 timestamp_initiated;
  guint64 flags;            /* dMFlags */
  GArray *extensions;       /* of PlDiagnosticExtension */
} PlDiagnosticsRequest;

gboolean pl_diagnostics_request_read (PlReader *reader, PlDiagnosticsRequest *request);
void pl_diagnostics_request_write (PlWriter *writer, const PlDiagnosticsRequest *request);
void pl_diagnostics_request_clear (PlDiagnosticsRequest *request);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlDiagnosticsRequest, pl_diagnostics_request_clear)

/* A line of INSTANCES_STORED (id, one) or MESSAGES_SENT_RCVD (id, one, two). */
typedef struct {
  guint32 id;
  guint64 one, two;
} PlDiagnosticEntry;

typedef struct {
  guint16 kind;
  guint8 width;             /* bytes of a number, 1 to 8, as it came */
  guint64 number;
  GArray *entries;          /* of PlDiagnosticEntry: the two tables */
  GBytes *raw;              /* SOFTWARE_VERSION, and kinds we don't know */
} PlDiagnosticInfo;

typedef struct {
  guint64 expiration;
  guint64 timestamp_initiated;
  guint64 timestamp_received;
  guint8 hop_counter;       /* ttl of the request as it arrived */
  GArray *info;             /* of PlDiagnosticInfo */
} PlDiagnosticsResponse;

gboolean pl_diagnostics_response_read (PlReader *reader, PlDiagnosticsResponse *response);
void pl_diagnostics_response_write (PlWriter *writer, const PlDiagnosticsResponse *response);
void pl_diagnostics_response_clear (PlDiagnosticsResponse *response);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlDiagnosticsResponse, pl_diagnostics_response_clear)
/* A new element at the end, with the width the RFC gives its kind; the list is made when NULL. */
PlDiagnosticInfo *pl_diagnostics_response_add (PlDiagnosticsResponse *response, guint16 kind);
/* NULL when it is not there. */
const PlDiagnosticInfo *pl_diagnostics_response_find (const PlDiagnosticsResponse *response, guint16 kind);
/* SOFTWARE_VERSION without its end, as UTF-8; caller's. */
char *pl_diagnostic_info_dup_text (const PlDiagnosticInfo *info);
/* Of the two tables. */
GArray *pl_diagnostic_entries_new (void);

typedef struct {
  PlDestination destination;
  PlDiagnosticsRequest request;
} PlPathTrackReq;

gboolean pl_path_track_req_read (PlReader *reader, PlPathTrackReq *req);
void pl_path_track_req_write (PlWriter *writer, const PlPathTrackReq *req);
void pl_path_track_req_clear (PlPathTrackReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlPathTrackReq, pl_path_track_req_clear)

typedef struct {
  PlDestination next_hop;   /* the answering node itself: the destination is its own */
  PlDiagnosticsResponse response;
} PlPathTrackAns;

gboolean pl_path_track_ans_read (PlReader *reader, PlPathTrackAns *ans);
void pl_path_track_ans_write (PlWriter *writer, const PlPathTrackAns *ans);
void pl_path_track_ans_clear (PlPathTrackAns *ans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlPathTrackAns, pl_path_track_ans_clear)

G_END_DECLS
