/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the scenarios of threats share: a member (or one who would like to be) who does one thing that
 * no peer does, and counts how it was received.
 */
#pragma once
#include "overlay/node-priv.h"
#include "overlay/wire/body.h"
#include "overlay/wire/message.h"
#include "overlay/wire/routing.h"
#include "tests/support/pki.h"
#include "tests/support/test.h"
#include "tests/support/world.h"

G_BEGIN_DECLS

#define SEC PL_USEC_PER_SEC
#define MINUTE (60 * SEC)

/* Of what the foe sent. */
typedef struct {
  guint sent, done, refused, unanswered;
  guint16 last_error;
} Reception;

/* One request of the foe, properly signed, as it wants it; counted when it is over. */
void foe_request (PlWorld *world, guint foe, const PlDestination *to, guint16 code, GBytes *body, Reception *reception);
/* A value of the foe's at `place`, properly signed. `key` (may be NULL) for dictionaries. */
void foe_store (PlWorld *world, guint foe, const PlResourceId *place, guint32 kind, GBytes *key, GBytes *value, Reception *reception);
/* A node with this identity that nobody made for the world, and its trust. */
typedef struct { PlEnv *env; PlTrust *trust; PlStore *store; PlNode *node; } Stranger;
void foe_start (PlWorld *world, Stranger *stranger, PlIdentity *identity, PlTrust *trust, const char *host, PlRole role);
void foe_end (Stranger *stranger);

G_END_DECLS
