/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A TURN server beside this peer (RFC 6940 9): its address kept in the overlay, and credentials
 * for whoever asks over a certified link, good for a time (coturn's use-auth-secret).
 */
#pragma once
#include "base/secret.h"
#include "overlay/usage/usage.h"
#include "overlay/wire/turn.h"

G_BEGIN_DECLS

#define PL_TURN_DENSITY_MAX 20                            /* NODE-MULTIPLE of TURN-SERVICE (9) */
#define PL_TURN_RECORD_LIFETIME 3600                      /* seconds; refreshed at half of it */
#define PL_TURN_LIFETIME_MIN 60                           /* seconds, of credentials */
#define PL_TURN_LIFETIME_MAX (24 * 3600)
/* Credentials given to one node at once, then one in a time; and to all nodes. */
#define PL_TURN_ASKER_BURST 8
#define PL_TURN_ASKER_EVERY (600 * PL_USEC_PER_SEC)       /* or a quarter of their lifetime, if that is less */
#define PL_TURN_ALL_BURST 60
#define PL_TURN_ALL_EVERY PL_USEC_PER_SEC
#define PL_TURN_ASKERS_MAX 4096                           /* remembered */

typedef struct PlTurnOffer PlTurnOffer;

typedef struct {
  PlIpAddressPort address;  /* of the TURN server, as all nodes reach it */
  const PlSecret *secret;   /* shared with it; copied */
  guint32 lifetime;         /* of credentials, seconds */
} PlTurnOfferOptions;

PlTurnOffer *pl_turn_offer_new (PlEnv *env, PlUsageNet net, const PlNodeId *self, const PlTurnOfferOptions *options);
void pl_turn_offer_free (PlTurnOffer *offer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTurnOffer, pl_turn_offer_free)

/* turn-density of the document; 0: none is published. */
void pl_turn_offer_set_density (PlTurnOffer *offer, guint density);
/* TRUE: a peer, not behind a NAT: the records are stored and refreshed. */
void pl_turn_offer_set_online (PlTurnOffer *offer, gboolean online);
/* Whether `asker` gets credentials now; counted when it does. */
gboolean pl_turn_offer_admit (PlTurnOffer *offer, const PlNodeId *asker);
/* username: expiry in seconds since 1970, ":", the asker's Node-ID. */
void pl_turn_offer_give (PlTurnOffer *offer, const PlNodeId *asker, PlTurnAccess *access);

G_END_DECLS
