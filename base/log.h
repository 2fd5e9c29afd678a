/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Structured logging: a sentence plus fields, so that one call or one request can be
 * followed by grep. Fields are name, value pairs of strings that end with NULL:
 *
 *   pl_info ("link", "frame refused", "node", hex, "reason", why, NULL);
 *
 * Common names: room, node, link, transaction, call, reason. Never keys, passwords or
 * message bodies. What a peer did wrong is at most pl_info.
 */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

typedef enum { PL_LOG_ERROR, PL_LOG_WARNING, PL_LOG_NOTICE, PL_LOG_INFO, PL_LOG_DEBUG } PlLogLevel;

/* Takes each finished line ("room: sentence node=... reason=..."); NULL restores standard error. */
typedef void (*PlLogSink) (PlLogLevel level, const char *line, gpointer data);
void pl_log_set_sink (PlLogSink sink, gpointer data);
/* Lines above this level are not made at all. Default PL_LOG_NOTICE. */
void pl_log_set_level (PlLogLevel level);
gboolean pl_log_enabled (PlLogLevel level);
void pl_log (PlLogLevel level, const char *room, const char *sentence, ...) G_GNUC_NULL_TERMINATED;

#define pl_warn(room, ...) pl_log (PL_LOG_WARNING, room, __VA_ARGS__)
#define pl_notice(room, ...) pl_log (PL_LOG_NOTICE, room, __VA_ARGS__)
#define pl_info(room, ...) (pl_log_enabled (PL_LOG_INFO) ? pl_log (PL_LOG_INFO, room, __VA_ARGS__) : (void) 0)
#define pl_debug(room, ...) (pl_log_enabled (PL_LOG_DEBUG) ? pl_log (PL_LOG_DEBUG, room, __VA_ARGS__) : (void) 0)

G_END_DECLS
