/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two whole SIP stacks back to back over fake links, real loopback sockets for the phones.
 */
#pragma once
#include "base/loop.h"
#include "sip/stack.h"
#include "tests/support/fakemedia.h"
#include "tests/support/fakeresolver.h"
#include "tests/support/sipphone.h"
#include "tests/support/test.h"

#define ALICE "alice@example.org"
#define BOB "bob@example.net"
#define NODE_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"
#define NODE_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb2"
#define WAIT 3000 /* milliseconds a test waits for what must come */

typedef struct {
  const char *aor, *node;
  char *state_dir;
  PlFakeDaemon *daemon;
  PlFakeMedia *media;   /* NULL: no edges */
  const char *passwords; /* file, NULL: none */
  PlSip *sip;
  guint calls_changed, bindings_changed;
} Side;

typedef struct {
  PlLoop *loop;
  GMainContext *context;
  PlFakeNet *net;
  Side a, b;
} World;

void world_start (World *w);
void world_stop (World *w);
void side_start (World *w, Side *side);
/* As kill -9: nothing is said to anyone. */
void side_kill (World *w, Side *side);
/* Starts it again, able to start media edges; before its phones. */
void side_give_edges (World *w, Side *side);
/* A registered phone. */
PlPhone *side_phone (World *w, Side *side, const char *aor, gboolean tcp);
/* Text of the last message that is `what`; fails the test when it does not come. */
const char *expect_message (PlPhone *phone, const char *what);
void expect_contains (const char *text, const char *part);
void expect_lacks (const char *text, const char *part);
/* The only call of this side. */
PlCallInfo *side_dup_call (Side *side);
