/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bodies of Join, Leave, Update, RouteQuery, Probe, Ping and ConfigUpdate and of errors
 * (RFC 6940, sections 6.3.3.1, 6.4.2, 6.5.3, 6.5.4), with what CHORD-RELOAD puts into them
 * (10.7 to 10.9). Rules of overlay/wire/data.h hold.
 */
#pragma once
#include "overlay/wire/destination.h"

G_BEGIN_DECLS

#define PL_NODES_MAX 1024        /* Node-IDs of one list: 128 fingers and neighbours, with room */
#define PL_PROBES_MAX 255
#define PL_KIND_DESCRIPTIONS_MAX 256

/* --- errors (6.3.3.1, 14.9) --- */

typedef enum {
  PL_ERROR_FORBIDDEN = 2,
  PL_ERROR_NOT_FOUND = 3,
  PL_ERROR_REQUEST_TIMEOUT = 4,
  PL_ERROR_GENERATION_COUNTER_TOO_LOW = 5,
  PL_ERROR_INCOMPATIBLE_WITH_OVERLAY = 6,
  PL_ERROR_UNSUPPORTED_FORWARDING_OPTION = 7,
  PL_ERROR_DATA_TOO_LARGE = 8,
  PL_ERROR_DATA_TOO_OLD = 9,
  PL_ERROR_TTL_EXCEEDED = 10,
  PL_ERROR_MESSAGE_TOO_LARGE = 11,
  PL_ERROR_UNKNOWN_KIND = 12,
  PL_ERROR_UNKNOWN_EXTENSION = 13,
  PL_ERROR_RESPONSE_TOO_LARGE = 14,
  PL_ERROR_CONFIG_TOO_OLD = 15,
  PL_ERROR_CONFIG_TOO_NEW = 16,
  PL_ERROR_IN_PROGRESS = 17,
  PL_ERROR_EXP_A = 18,
  PL_ERROR_EXP_B = 19,
  PL_ERROR_INVALID_MESSAGE = 20,
  PL_ERROR_UNDERLAY_DESTINATION_UNREACHABLE = 21, /* these six: RFC 7851 */
  PL_ERROR_UNDERLAY_TIME_EXCEEDED = 22,
  PL_ERROR_MESSAGE_EXPIRED = 23,
  PL_ERROR_UPSTREAM_MISROUTING = 24,
  PL_ERROR_LOOP_DETECTED = 25,
  PL_ERROR_TTL_HOPS_EXCEEDED = 26,
} PlErrorCode;

typedef struct {
  guint16 error_code;
  GBytes *error_info;
} PlErrorResponse;

gboolean pl_error_response_read (PlReader *reader, PlErrorResponse *error);
void pl_error_response_write (PlWriter *writer, const PlErrorResponse *error);
void pl_error_response_clear (PlErrorResponse *error);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlErrorResponse, pl_error_response_clear)
/* "Error_Not_Found"; NULL for a code without a name. */
const char *pl_error_code_name (guint16 code);
/* error_info of Error_Unknown_Kind (7.4.1.2): reads into a GArray of guint32, and writes at
 * most 63 of them (one length byte). */
GArray *pl_unknown_kinds_read (GBytes *info);  /* NULL when malformed; caller's */
GBytes *pl_unknown_kinds_write (GArray *kinds);

/* --- join, leave (6.4.2.1, 6.4.2.2) --- */

typedef struct {
  PlNodeId joining_peer_id;
  GBytes *overlay_specific_data;
} PlJoinReq;

gboolean pl_join_req_read (PlReader *reader, PlJoinReq *req);
void pl_join_req_write (PlWriter *writer, const PlJoinReq *req);
void pl_join_req_clear (PlJoinReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlJoinReq, pl_join_req_clear)

typedef struct {
  GBytes *overlay_specific_data;
} PlJoinAns;

gboolean pl_join_ans_read (PlReader *reader, PlJoinAns *ans);
void pl_join_ans_write (PlWriter *writer, const PlJoinAns *ans);
void pl_join_ans_clear (PlJoinAns *ans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlJoinAns, pl_join_ans_clear)

typedef struct {
  PlNodeId leaving_peer_id;
  GBytes *overlay_specific_data;  /* PlChordLeaveData in our topology */
} PlLeaveReq;

gboolean pl_leave_req_read (PlReader *reader, PlLeaveReq *req);
void pl_leave_req_write (PlWriter *writer, const PlLeaveReq *req);
void pl_leave_req_clear (PlLeaveReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlLeaveReq, pl_leave_req_clear)

typedef enum { PL_CHORD_LEAVE_FROM_SUCC = 1, PL_CHORD_LEAVE_FROM_PRED = 2 } PlChordLeaveType;

typedef struct {
  guint8 type;
  GArray *successors;    /* of PlNodeId; from_succ */
  GArray *predecessors;  /* of PlNodeId; from_pred */
} PlChordLeaveData;

gboolean pl_chord_leave_data_read (PlReader *reader, PlChordLeaveData *data);
void pl_chord_leave_data_write (PlWriter *writer, const PlChordLeaveData *data);
void pl_chord_leave_data_clear (PlChordLeaveData *data);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlChordLeaveData, pl_chord_leave_data_clear)

/* Leave, Update and ConfigUpdate answers have no body: nothing to read or write. */

/* --- update (10.7) --- */

typedef enum { PL_CHORD_UPDATE_PEER_READY = 1, PL_CHORD_UPDATE_NEIGHBORS = 2, PL_CHORD_UPDATE_FULL = 3 } PlChordUpdateType;

typedef struct {
  guint32 uptime;        /* seconds */
  guint8 type;
  GArray *predecessors;  /* of PlNodeId; neighbors and full */
  GArray *successors;
  GArray *fingers;       /* full */
} PlChordUpdate;

gboolean pl_chord_update_read (PlReader *reader, PlChordUpdate *update);
void pl_chord_update_write (PlWriter *writer, const PlChordUpdate *update);
void pl_chord_update_clear (PlChordUpdate *update);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlChordUpdate, pl_chord_update_clear)

/* --- self-tuning (RFC 7363): an extension of Probes and their answers --- */

#define PL_EXTENSION_SELF_TUNING 0x3

typedef struct {
  guint32 network_size;  /* peers */
  guint32 join_rate;     /* peers a day, of the whole overlay */
  guint32 leave_rate;
} PlSelfTuningData;

gboolean pl_self_tuning_data_read (PlReader *reader, PlSelfTuningData *data);
void pl_self_tuning_data_write (PlWriter *writer, const PlSelfTuningData *data);

/* --- route query (6.4.2.4, 10.8) --- */

typedef struct {
  gboolean send_update;
  PlDestination destination;
  GBytes *overlay_specific_data;
} PlRouteQueryReq;

gboolean pl_route_query_req_read (PlReader *reader, PlRouteQueryReq *req);
void pl_route_query_req_write (PlWriter *writer, const PlRouteQueryReq *req);
void pl_route_query_req_clear (PlRouteQueryReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlRouteQueryReq, pl_route_query_req_clear)

typedef struct {
  PlNodeId next_peer;
} PlChordRouteQueryAns;

gboolean pl_chord_route_query_ans_read (PlReader *reader, PlChordRouteQueryAns *ans);
void pl_chord_route_query_ans_write (PlWriter *writer, const PlChordRouteQueryAns *ans);

/* --- probe (6.4.2.5) --- */

typedef enum { PL_PROBE_RESPONSIBLE_SET = 1, PL_PROBE_NUM_RESOURCES = 2, PL_PROBE_UPTIME = 3 } PlProbeInformationType;

typedef struct {
  GArray *requested_info; /* of guint8 */
} PlProbeReq;

gboolean pl_probe_req_read (PlReader *reader, PlProbeReq *req);
void pl_probe_req_write (PlWriter *writer, const PlProbeReq *req);
void pl_probe_req_clear (PlProbeReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlProbeReq, pl_probe_req_clear)

typedef struct {
  guint8 type;
  guint32 value;   /* responsible_ppb, num_resources or uptime in seconds */
  GBytes *raw;     /* another type: its bytes */
} PlProbeInformation;

typedef struct {
  GArray *probe_info; /* of PlProbeInformation */
} PlProbeAns;

gboolean pl_probe_ans_read (PlReader *reader, PlProbeAns *ans);
void pl_probe_ans_write (PlWriter *writer, const PlProbeAns *ans);
void pl_probe_ans_clear (PlProbeAns *ans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlProbeAns, pl_probe_ans_clear)
void pl_probe_ans_add (PlProbeAns *ans, guint8 type, guint32 value);

/* --- ping (6.5.3) --- */

typedef struct {
  GBytes *padding;
} PlPingReq;

gboolean pl_ping_req_read (PlReader *reader, PlPingReq *req);
void pl_ping_req_write (PlWriter *writer, const PlPingReq *req);
void pl_ping_req_clear (PlPingReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlPingReq, pl_ping_req_clear)

typedef struct {
  guint64 response_id;
  guint64 time;    /* milliseconds since 1970 */
} PlPingAns;

gboolean pl_ping_ans_read (PlReader *reader, PlPingAns *ans);
void pl_ping_ans_write (PlWriter *writer, const PlPingAns *ans);

/* --- configuration (6.5.4) --- */

typedef enum { PL_CONFIG_UPDATE_CONFIG = 1, PL_CONFIG_UPDATE_KIND = 2 } PlConfigUpdateType;

typedef struct {
  guint8 type;
  GBytes *config_data;
  GPtrArray *kinds;   /* of GBytes, KindDescriptions; NULL unless of that type */
  GBytes *raw;        /* another type: its bytes */
} PlConfigUpdateReq;

gboolean pl_config_update_req_read (PlReader *reader, PlConfigUpdateReq *req);
void pl_config_update_req_write (PlWriter *writer, const PlConfigUpdateReq *req);
void pl_config_update_req_clear (PlConfigUpdateReq *req);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlConfigUpdateReq, pl_config_update_req_clear)

G_END_DECLS
