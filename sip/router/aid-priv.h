/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What aid.c and refresh.c share.
 */
#pragma once
#include "sip/router/router-priv.h"
#include "sip/sdp/bridge.h"

G_BEGIN_DECLS

typedef enum { PL_REFRESH_NONE, PL_REFRESH_WAITING, PL_REFRESH_GATHERING, PL_REFRESH_ASKING } PlRefresh;

/* A text that was bridged, so that its repeats are bridged alike. */
typedef struct {
  GBytes *in, *out;
} Passed;

struct PlAid {
  PlRouter *router;
  char *name;             /* in the token, and of the edge */
  char *call_id, *from;   /* of its PlCall */
  PlMediaEdge *edge;
  gboolean ipv6;          /* the phone's side */
  gboolean keyed;         /* the phone refused an offer that leaves keys to it (RFC 4568): it is told to */
  gboolean caller;        /* our phone made the call */
  gboolean established, over;
  guint asked;            /* sections, one bit each */
  GBytes *phone_text;     /* latest of the phone */
  Passed to_far, to_phone;
  GPtrArray *fars;        /* PlBridgeFar that the edge was told; NULL: none yet */
  char *far_tag;          /* To tag of the dialog whose answer that was; NULL: none yet */
  gboolean unheeded;      /* the answer at hand is of another one */
  PlAidFunc func;         /* who waits */
  gpointer user;
  PlFarewell *farewell;   /* how to end the call, once it stands */
  guint32 cseq;           /* latest toward the far side, 0: none */
  guint ahead, invite_ahead; /* the far side counts CSeq so much higher than our phone: for requests from
                           * now on, and when the phone's latest INVITE went */
  PlRefresh refresh;      /* refresh.c */
  gint64 refresh_until, path_time; /* path_time: for the checks after an answer */
  guint pathless;         /* sections whose checks are under way, one bit each */
  gboolean refresh_again; /* when this one is over */
  nta_outgoing_t *refresh_orq;
  PlTimer *refresh_timer, *patience; /* patience: until the call is ended */
  char *failure;          /* of the edge, NULL: none */
};

/* What the edge has, as the bridge takes it. */
typedef struct {
  PlBridgeLeg legs[PL_MEDIA_SECTIONS_MAX];
} PlLegs;

void pl_aid_fill_legs (const PlAid *aid, PlLegs *legs);
/* The edge hears of the far side's part; all of it, when `anew`. FALSE and error: it cannot be carried. */
gboolean pl_aid_take_far (PlAid *aid, GPtrArray *fars, gboolean anew, GError **error);
gboolean pl_aid_is_ready (const PlAid *aid);

/* The sections are open again. */
void pl_refresh_opened (PlAid *aid);
/* There is a path. */
void pl_refresh_secured (PlAid *aid, guint section);
/* An offer of the far side is to be answered. */
void pl_refresh_yield (PlAid *aid);
void pl_refresh_stop (PlAid *aid);

G_END_DECLS
