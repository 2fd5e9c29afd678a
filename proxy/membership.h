/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One identity in one overlay: its document, trust, transport, stored records and node,
 * built from files and torn down together. Also the home of its SIP links (proxy/siplinks.h).
 */
#pragma once
#include "base/loop.h"
#include "overlay/node.h"
#include "proxy/settings.h"
#include "proxy/home.h"
#include "sip/resolver.h"

G_BEGIN_DECLS

typedef struct PlMembership PlMembership;

#define PL_LEFT_TEXT "the identity was taken out of the overlay before the answer came"

typedef struct {
  void (*state_changed) (gpointer user, PlMembership *membership);
  /* A far node's link, the handler's. */
  void (*incoming) (gpointer user, PlFarLink *link);
} PlMembershipHandlers;

typedef struct {
  PlLoop *loop;
  const PlSettings *config;
  const char *state_dir;        /* stored records, list of SIP links */
  gboolean listen;              /* this one may take the overlay port */
  const char *passphrase;       /* of its key, NULL: none is known */
  const PlMembershipHandlers *handlers;
  gpointer user;
} PlMembershipOptions;

/* Fails with a message that tells the user what to do: unreadable document, expired
 * certificate, wrong clock, taken port, key file others can read; PL_KEY_ERROR when the passphrase does not do.
 * Does not start. */
PlMembership *pl_membership_new (const PlHomeIdentity *home, const PlMembershipOptions *options, GError **error);
void pl_membership_free (PlMembership *membership);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlMembership, pl_membership_free)

void pl_membership_start (PlMembership *membership);
/* Clean leave; `done` within 3 s. */
void pl_membership_stop (PlMembership *membership, void (*done) (gpointer data), gpointer data);

/* FALSE when the certificate on disk is for another key or Node-ID, or the document one that does not
 * follow from that in force. A renewed certificate and a next document are taken. */
gboolean pl_membership_is_current (PlMembership *membership, const PlHomeIdentity *home);
const char *pl_membership_aor (PlMembership *membership);
const char *pl_membership_overlay (PlMembership *membership);
const char *pl_membership_node_hex (PlMembership *membership);
/* Whether who shows `cert` may speak in its name, proven by a link: always where an authority vouches for
 * it, else as first met (proxy/pins.h). A refusal is also a problem for a day. */
gboolean pl_membership_meet (PlMembership *membership, const PlCert *cert, gboolean dialled, GError **error);
/* Takes out of what a look-up found (GArray of PlFoundNode) the nodes that may not be dialled, which is
 * told. FALSE: none is left of some. */
gboolean pl_membership_filter (PlMembership *membership, GArray *nodes);
/* Why it is in no overlay after a while, or its certificate is not renewed, and what to do; NULL: no problem. Told by state_changed. */
const char *pl_membership_problem (PlMembership *membership);
PlNode *pl_membership_node (PlMembership *membership);
/* STUN servers of its overlay and of the configuration, "address:port"; NULL-terminated, lent. */
const char *const *pl_membership_stun (PlMembership *membership);
PlRole pl_membership_role (PlMembership *membership);
/* Whether nobody shall see that it is of the same user as others: it is asked through for its own sake only. */
gboolean pl_membership_incognito (PlMembership *membership);
/* Who says that it is it: the name in its certificate, "itself" where nobody else does. Borrowed. */
const char *pl_membership_issuer (PlMembership *membership);
gint64 pl_membership_expires (PlMembership *membership); /* certificate, seconds since 1970 */
/* A question of the user (over D-Bus) waits for this membership: `end` gets it when the membership
 * goes away, unless it was answered before. */
void pl_membership_asked (PlMembership *membership, gpointer question, GDestroyNotify end);
void pl_membership_answered (PlMembership *membership, gpointer question);
/* Whether its AoR is in no other overlay: else the names of far devices (sip/resolver.h) say theirs. */
void pl_membership_set_only (PlMembership *membership, gboolean only);
/* The name of a device for the SIP side; caller frees. */
char *pl_membership_dup_device (PlMembership *membership, const PlNodeId *node);
/* The far side of a link that pl_node_app_connect gave, for SIP. Takes `link`. */
PlFarLink *pl_membership_wrap (PlMembership *membership, PlAppLink *link);
/* Live SIP links as peers (role "sip"): GPtrArray of PlPeerInfo. */
GPtrArray *pl_membership_dup_sip_links (PlMembership *membership);

G_END_DECLS
