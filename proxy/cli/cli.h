/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The command line `peerline`: a table of commands, each a function; what they share.
 * Exit codes: 0 done, 1 failed (one line on standard error says why and what to do), 2 wrong
 * use.
 */
#pragma once
#include <json-glib/json-glib.h>
#include "base/env.h"
#include "proxy/home.h"

G_BEGIN_DECLS

#define PL_CLI_FAILED 1
#define PL_CLI_USAGE 2

typedef struct {
  PlPaths *paths;
  PlEnv *env;          /* of the system */
  gboolean json;
  GPtrArray *args;     /* char *, the words that are no options */
} PlCli;

typedef struct {
  const char *group;   /* "overlay", NULL for commands of one word */
  const char *name;
  const char *args;    /* as in the usage line */
  const char *summary; /* one line */
  const char *details; /* what --help says below; may be NULL */
  guint n_args;        /* exactly so many words */
  const GOptionEntry *options; /* besides --json; may be NULL */
  gboolean (*run) (PlCli *cli, GError **error);
} PlCliCommand;

/* Each group of commands; ends with a NULL name. */
extern const PlCliCommand pl_cli_overlay_commands[];
extern const PlCliCommand pl_cli_identity_commands[];
extern const PlCliCommand pl_cli_enroll_commands[];
extern const PlCliCommand pl_cli_trust_commands[];
extern const PlCliCommand pl_cli_unlock_commands[];
extern const PlCliCommand pl_cli_secret_commands[];
extern const PlCliCommand pl_cli_daemon_commands[];
extern const PlCliCommand pl_cli_diagnose_commands[];
extern const PlCliCommand pl_cli_phone_commands[];
extern const PlCliCommand pl_cli_net_commands[];
extern const PlCliCommand pl_cli_doctor_commands[];
extern const PlCliCommand pl_cli_watch_commands[];
extern const PlCliCommand pl_cli_invite_commands[];
extern const PlCliCommand pl_cli_setup_commands[];
extern const PlCliCommand pl_cli_open_commands[];
extern const PlCliCommand pl_cli_log_commands[];

/* --- output --- */

typedef enum { PL_COLUMN_TEXT, PL_COLUMN_TIME /* µs since 1970 */, PL_COLUMN_DATE /* s since 1970 */, PL_COLUMN_DURATION /* µs */ } PlColumnKind;
typedef struct { const char *key, *title; PlColumnKind kind; } PlColumn;

/* JSON as it is (--json), or `rows` (an array of objects) as a table; `empty` is printed when
 * there are none. `columns` ends with a NULL key. */
void pl_cli_print_rows (PlCli *cli, JsonArray *rows, const PlColumn *columns, const char *empty);
void pl_cli_print_json (JsonNode *node);
/* With --json the object, else one "title  value" line for each column that is there. */
void pl_cli_print_object (PlCli *cli, JsonObject *object, const PlColumn *columns);
/* A sentence for people: on standard error with --json, so that the output stays JSON. */
void pl_cli_say (PlCli *cli, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* What a terminal must not get is replaced by U+FFFD; caller frees. */
char *pl_cli_clean (const char *text);

/* --- the daemon --- */

#define PL_CLI_INTERFACE "org.peerline.Control1"

/* A connection of its own to the daemon; the error says how to start it. */
GDBusConnection *pl_cli_connect (PlCli *cli, GError **error);
/* Calls a method of org.peerline.Control1; `args` may be NULL. */
GVariant *pl_cli_call (PlCli *cli, const char *method, GVariant *args, GError **error);
/* The first value of its answer as JSON; caller frees. */
JsonNode *pl_cli_call_json (PlCli *cli, const char *method, GVariant *args, GError **error);
/* Lets so many milliseconds pass. */
void pl_cli_pause (guint msec);
/* Tells a running daemon to read its files again; says so, and what to do when none runs. */
void pl_cli_reload (PlCli *cli);

/* --- files and authorities --- */

/* A file, or standard input for "-", as a string. */
char *pl_cli_read_text (const char *path, gsize max, GError **error);
/* "AA:BB:..." SHA-256; caller frees. */
char *pl_cli_fingerprint (GBytes *der);
/* Lower case, as host name; NULL with error. */
char *pl_cli_overlay_name (const char *text, GError **error);
/* Checks and keeps a document, as `overlay join`; NULL with error. */
PlDocument *pl_cli_join (PlCli *cli, GBytes *xml, const char *name, gboolean force, GError **error);
/* What `overlay join` takes: an invitation (proxy/cli/invite.c) as a link or in a file, a document in a
 * file ("-": standard input), or where one is on the web. */
typedef struct {
  const char *name;    /* which overlay, when a document holds several; may be NULL */
  const char *ca;      /* trust the HTTPS server by this file alone; NULL: as the system does */
  gboolean force;
} PlCliJoin;
/* *proved: nobody can have put another document in its place, so there is nothing to compare. */
PlDocument *pl_cli_accept (PlCli *cli, const char *invitation, const PlCliJoin *how, gboolean *proved, GError **error);
/* The document at a URL, at a host or of an overlay's name (RFC 6940, 11.2); NULL with error. */
GBytes *pl_cli_fetch (const char *address, const char *ca, GError **error);
/* Where the enrollment server of the overlay publishes its document; NULL: there is none. */
char *pl_cli_dup_address (const PlDocument *document);
/* From now on it shares nothing with other identities on the wire. */
gboolean pl_cli_set_incognito (const PlHomeIdentity *place, GError **error);
/* A request with the key of that place, made and kept when there is none. */
char *pl_cli_request (const PlHomeIdentity *place, gboolean force, GError **error);
/* A request with the key in use, for a renewal. */
char *pl_cli_renewal_request (const PlHomeIdentity *place, GError **error);
/* A certificate of the key (PEM) for itself, with so many Node-IDs of which it uses the last. */
char *pl_cli_self_sign (PlCli *cli, const PlDocument *document, const char *key, const char *aor, guint n_node_ids, GError **error);
/* One line from the terminal, not shown, or from standard input; PL_KEY_ERROR when there is none. To be wiped. */
char *pl_cli_ask_passphrase (const char *prompt, GError **error);
/* The key of an identity, unlocked (overlay/ident/key.h) with a passphrase that is asked for; to be wiped. */
char *pl_cli_load_key (const char *path, GError **error);
/* Keeps the certificate of a request made here, and says how to use it. */
gboolean pl_cli_import (PlCli *cli, const char *pem, GError **error);
/* A certificate for `request` by the authority of `overlay`, written to its record of names.
 * The name is taken when another key has it, unless `force`. */
typedef struct {
  gboolean force;
  int node_ids;        /* how many Node-IDs, 0: as many as before, 1 when there was none */
} PlCliIssue;
char *pl_cli_issue (PlCli *cli, const char *overlay, const char *request, const char *aor, const PlCliIssue *how, GError **error);

G_END_DECLS
