/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the router share.
 */
#pragma once
#include "sip/router/router.h"
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>
#include "sip/sdp/session.h"

G_BEGIN_DECLS

#define PL_ROUTER_ROOM "router"
#define PL_REQUESTS_MAX 1000                     /* transactions under way */
#define PL_TRANSACTIONS_MAX 4000                 /* in 32 s: nta keeps some 8 kB of each that long */
#define PL_TARGETS_MAX 10                        /* branches of one request */
#define PL_REDIRECTS_MAX 8                       /* people one request is sent on to by 3xx answers */
#define PL_REASON_MAX 256                        /* bytes of a Reason that is passed on */
#define PL_MAX_FORWARDS 70
#define PL_CONNECT_TIME (4500 * PL_USEC_PER_MSEC) /* look-up and connection together: 480 within 5 s */
#define PL_STAGE_TIME (15 * PL_USEC_PER_SEC)     /* that phones ring before those of a lower q ring, too */
#define PL_SENT_TIME (500 * PL_USEC_PER_MSEC)    /* more, once, for an INVITE that has just left */
#define PL_CANCEL_TIME (5 * PL_USEC_PER_SEC)     /* then a cancelled request is answered anyway */
#define PL_LINGER_TIME (40 * PL_USEC_PER_SEC)    /* answered, branches still open */
#define PL_FAR_RATE 2                            /* requests outside dialogs from one far node, per second */
#define PL_FAR_BURST 10                          /* ... and at once: of so many seconds */
#define PL_FAR_RINGING_MAX 2                     /* unanswered INVITEs of one far node: of so many seconds */
#define PL_LOST_TIME (30 * PL_USEC_PER_SEC)      /* without a path for its media, then a call ends (RFC 7675, 5.1) */
#define PL_KILLED_MAX 64
#define PL_KILLED_TIME (64 * PL_USEC_PER_SEC)    /* 64 * T1 twice: no more repeats of a 2xx */

typedef struct PlRequest PlRequest;
typedef struct PlBranch PlBranch;
typedef struct PlAid PlAid;
typedef struct PlFarewell PlFarewell;

typedef enum { PL_STEP_CONTINUE, PL_STEP_WAIT, PL_STEP_DONE } PlStepResult;

/* Where a message came from: a phone (far_node NULL) or a certified far node. Owned strings. */
typedef struct {
  char *flow;
  char *far_own, *far_aor, *far_node;
} PlSource;

struct PlRouter {
  PlRouterParts parts;
  nta_agent_t *agent;
  GPtrArray *requests;    /* PlRequest */
  GPtrArray *aids;        /* PlAid */
  GHashTable *lacking;    /* flow and registration of phones that needed an edge last time -> GBytes: SDP of
                           * theirs, to be offered the same profile; empty: not known */
  GHashTable *quotas;     /* far flow name -> Quota */
  GQueue killed;          /* Killed, oldest first */
  guint started[32];      /* transactions begun, by second */
  gint64 started_second;
};

struct PlBranch {
  PlRequest *request;
  gboolean far;           /* to a far node, else to a phone of ours */
  char *node, *aor;       /* far: the certificate there must name `aor`, the one called or who that is redirected to */
  char *flow, *contact;   /* phone */
  char *route_uri;        /* our Record-Route in this branch, NULL: none */
  nta_outgoing_t *orq;
  guint q, score;         /* sip/router/prefs.h */
  guint stage;            /* those of one stage ring at once (RFC 3261, 16.6) */
  PlAid *aid;             /* of the phone it goes to; NULL: none */
  gboolean waiting;       /* for a link */
  guint retried;          /* how often the phone was asked again */
  guint ahead;            /* far: see PlRewrite */
  gboolean unfit;         /* the phone answered what needs an edge, and is asked again with one */
  gboolean heard;         /* anything at all came back */
  gboolean cancelled;
  gboolean done;
};

struct PlRequest {
  PlRouter *router;
  nta_incoming_t *irq;
  const sip_t *sip;       /* as received; lives with irq */
  PlSource source;
  char *from_aor, *target;
  PlToken *token;         /* of the Route that led here */
  guint own_routes;       /* leading Route entries that are ours */
  gboolean in_dialog, local;
  gboolean unwanted;      /* there is a device, but not as the caller asked for (RFC 3841) */
  guint step;
  gpointer resolving;
  PlAid *aid;             /* of the phone that asks, or of the call; NULL: none */
  gint64 arrived, linked; /* linked: to somebody of this stage */
  gboolean sent;          /* to the first stage */
  guint stage;            /* which rings now */
  gboolean patient;       /* somebody hears it; it gets the rest of PL_STAGE_TIME */
  GPtrArray *branches;    /* PlBranch */
  msg_t *best;            /* NULL: a status without a message */
  PlBranch *best_branch;
  int best_status;
  GPtrArray *redirects;   /* AoRs that 3xx answers named (RFC 3261, 16.7 step 4) */
  guint redirected;       /* of them looked up */
  gboolean answered, cancelled, lingering;
  PlTimer *deadline;
};

/* --- source.c --- */
/* Who sent this message; FALSE: no flow we know. */
gboolean pl_source_read (PlRouter *router, msg_t *msg, PlSource *source);
void pl_source_clear (PlSource *source);
static inline gboolean
pl_source_is_far (const PlSource *source)
{
  return source->far_node != NULL;
}

/* --- admit.c: steps that decide who may --- */
PlStepResult pl_step_sanity (PlRequest *request);
PlStepResult pl_step_max_forwards (PlRequest *request);
PlStepResult pl_step_loop (PlRequest *request);
PlStepResult pl_step_merged (PlRequest *request);
PlStepResult pl_step_load (PlRequest *request);
PlStepResult pl_step_dialog (PlRequest *request);
PlStepResult pl_step_identity (PlRequest *request);
PlStepResult pl_step_register (PlRequest *request);
PlStepResult pl_step_self (PlRequest *request);
/* Does this token admit a message of this source with this Call-ID? */
gboolean pl_token_admits (const PlToken *token, const PlSource *source, const sip_t *sip);
/* May the far side of this call say it is `aor` (canonical, NULL: no)? As its certificate says, or
 * as whom our phone called (RFC 3261, 12.2.1.1), when that was redirected. */
gboolean pl_token_names (const PlToken *token, const char *aor);
/* Opens the token of the first Route that is ours; counts such Routes. */
PlToken *pl_open_route_token (PlRouter *router, const sip_t *sip, guint *own_routes, gboolean *bad);

/* --- destination.c: steps that decide where to --- */
PlStepResult pl_step_destination (PlRequest *request);
PlStepResult pl_step_media (PlRequest *request);
PlStepResult pl_step_forward (PlRequest *request);
/* A branch to a node that was looked up; NULL: to none that may be called. */
PlBranch *pl_request_add_far (PlRequest *request, const PlResolved *node);
/* The caller hears where the call goes. */
void pl_tell_redirection (PlRequest *request, const char *aor);
/* The flow and target of the phone the token leads to, seen from the sender. FALSE: gone. */
gboolean pl_token_phone (PlRouter *router, const PlToken *token, const PlSource *source, const sip_t *sip,
                         char **flow, char **contact);
PlCall *pl_token_call (PlRouter *router, const PlToken *token, const char *id);

/* --- forward.c: messages on their way --- */
/* The request as this branch sends it; NULL when it cannot be (the branch has failed). */
msg_t *pl_forward_request (PlBranch *branch);
/* Rewrites a copy of an in-dialog message in place: `to_far` or to our phone. */
typedef struct {
  PlRouter *router;
  const PlSource *source;
  gboolean to_far, local;
  const char *own_aor;    /* of ours, for the GRUU */
  const char *far_node;   /* to whom `own_aor` is named */
  PlAid *aid;             /* of our phone, NULL: none */
  const sip_t *offer;     /* whose body this one's answers, NULL: it answers none */
  guint ahead;            /* who gets a request of this CSeq counts it so much higher: pl_branch_ahead */
} PlRewrite;
/* FALSE when the body cannot be passed on. */
gboolean pl_rewrite (const PlRewrite *how, msg_t *msg, sip_t *sip);
char *pl_router_gruu (PlRouter *router, const char *own_aor, const char *far);
/* Bytes of the message. */
GBytes *pl_serialize (msg_t *msg);

/* --- media.c: the media policy (DESIGN.md) --- */
typedef struct {
  gboolean has_sdp;
  PlMediaClass media;
  const char *warning;    /* why not; static */
} PlVerdict;
/* FALSE: refused, with warning. A message without SDP passes. */
gboolean pl_media_check (const sip_t *sip, PlVerdict *verdict);
/* As above, and against the offer it answers (NULL: not known). */
gboolean pl_media_check_answer (const sip_t *offer, const sip_t *answer, PlVerdict *verdict);
gboolean pl_media_has_sdp (const sip_t *sip);
/* Corrects the SDP in place. `to_far`: what of the phone's addresses is told; NULL: it comes from a
 * link. FALSE: it must not go on. `reached`: of a far side whose candidates that cannot work are left
 * out, NULL: none is. */
gboolean pl_media_correct (msg_t *msg, sip_t *sip, const PlIceTell *to_far, const char *reached);
/* Puts in its place what the edge makes of it; `offer`: see PlRewrite. */
gboolean pl_media_bridge (PlAid *aid, msg_t *msg, sip_t *sip, gboolean to_far, const sip_t *offer);
/* The same for a message that repeats the last one; FALSE when it does not. */
gboolean pl_media_repeat (PlAid *aid, msg_t *msg, sip_t *sip, gboolean to_far);
PlCallMedia pl_media_of_call (PlMediaClass media);

/* --- aid.c: the media edge of a call, for our phone (sip/media.h) --- */
/* `error`: NULL, or why there is no edge. */
typedef void (*PlAidFunc) (gpointer user, const char *error);

/* May this identity's calls have one, and can they? */
gboolean pl_aid_allowed (PlRouter *router, const char *own);
/* Starts an edge for a phone of ours. The router's; NULL and error when there is none. */
PlAid *pl_aid_new (PlRequest *request, const char *own, gboolean ipv6, GError **error);
/* The one of the call; also that of a daemon before us. NULL: none, or it is gone. */
PlAid *pl_aid_find (PlRouter *router, const PlToken *token);
const char *pl_aid_name (const PlAid *aid);
/* Asks the edge for what the SDP of this message needs. CONTINUE: it is there; WAIT: `func` runs
 * later, unless forgotten; DONE: error says why it can't be. */
PlStepResult pl_aid_prepare (PlAid *aid, const sip_t *sip, gboolean from_phone, PlAidFunc func, gpointer user, GError **error);
void pl_aid_forget (PlAid *aid, gpointer user);
/* What the other side is told in place of `body`, which answers `offer` (NULL: is an offer).
 * Tells the edge. NULL and error: it cannot be carried. */
GBytes *pl_aid_bridge (PlAid *aid, gboolean to_far, GBytes *body, GBytes *offer, GError **error);
/* Before an answer of the far side is bridged: of several dialogs the first one's early answer
 * counts, and in the end the one that is taken up (RFC 3261, 13.2.2.4). */
void pl_aid_heed (PlAid *aid, const sip_t *answer);
/* The same for a repeat of the last; NULL when it is none. */
GBytes *pl_aid_repeat (PlAid *aid, gboolean to_far, GBytes *body);
/* The call stands; `farewell` (taken) ends it when the edge fails. */
void pl_aid_establish (PlAid *aid, PlFarewell *farewell);
gboolean pl_aid_is_established (const PlAid *aid);
/* Requests of ours stand between those of our phone (refresh.c): the far side counts CSeq so much higher,
 * from now on and as of the phone's latest INVITE. */
guint pl_aid_ahead (const PlAid *aid);
guint pl_aid_invite_ahead (const PlAid *aid);
/* A request of our phone goes to the far side. */
void pl_aid_count (PlAid *aid, const sip_t *request);
/* The edge ends, the aid is freed. */
void pl_aid_end (PlAid *aid);
/* Leaves the edge to a daemon after us. */
void pl_aid_free (gpointer aid);
/* What the phone on this flow can do itself, as its last offer or answer (`said`, may be NULL)
 * showed; good until it registers anew. */
void pl_aid_note (PlRouter *router, const char *flow, gboolean lacks, const sip_t *said);
gboolean pl_aid_lacks (PlRouter *router, const char *flow);
/* For a branch whose phone could not take what was offered: asks it again with an edge. FALSE:
 * that cannot be. */
gboolean pl_branch_try_aid (PlBranch *branch);

/* --- refresh.c: another path for a call that stands (RFC 8839 4.4.1.1.1) --- */
/* The edge gathers anew and the far side gets a re-INVITE in our phone's name. Again and again, until
 * there is a path, or the call ends. */
void pl_aid_refresh (PlAid *aid);
/* There is an offer of ours that is not answered: another has to wait (RFC 3261, 14.1 and 14.2). */
gboolean pl_aid_is_asking (const PlAid *aid);

/* --- response.c --- */
int pl_on_response (PlBranch *branch, nta_outgoing_t *orq, const sip_t *sip);
/* Takes the response as candidate for the answer (RFC 3261, 16.7 step 6); `msg` NULL: only
 * the status. */
void pl_offer_best (PlBranch *branch, int status, msg_t *msg);
/* Answers with the best of them. */
void pl_answer_best (PlRequest *request);

/* --- recurse.c: where a 3xx of a far side leads --- */
/* TRUE: all whom it names will be called, or have been, so the caller need not see it. */
gboolean pl_recurse (PlBranch *branch, const sip_t *response);
/* Looks up the next of them; FALSE: there is none. */
gboolean pl_recurse_next (PlRequest *request);

/* --- stateless.c: ACK for 2xx, responses without transaction --- */
void pl_on_ack (PlRouter *router, msg_t *msg, sip_t *sip);
void pl_on_stray_response (PlRouter *router, msg_t *msg, sip_t *sip);

/* --- kill.c: dialogs that must not be --- */
/* Acknowledges a 2xx that nobody may have; with `bye` also ends the dialog. `own_route`: our
 * Record-Route in it, may be NULL. */
void pl_kill_2xx (PlRouter *router, const char *flow, const sip_t *request, const sip_t *response, const char *own_route,
                  gboolean bye);
/* A repeat of a 2xx that was killed is acknowledged again. */
gboolean pl_killed_again (PlRouter *router, const sip_t *response);
void pl_killed_clear (PlRouter *router);
/* Ends the dialog of an ACK whose body was refused: a BYE the way the ACK went (to `flow`,
 * the ACK as it is forwarded), and one back to the sender when it is our phone (`back_flow`,
 * `back_contact`; NULL: not). */
void pl_kill_acked (PlRouter *router, const char *flow, const sip_t *ack, const char *back_flow, const char *back_contact);

/* Both ways to say BYE in a call that stands, as the answer of this branch made it. */
PlFarewell *pl_farewell_new (PlBranch *branch, const char *flow, const sip_t *response);
void pl_farewell_say (PlRouter *router, const PlFarewell *farewell);
/* The flow of the far side of that call; NULL: gone. */
PlFlow *pl_farewell_far_flow (PlRouter *router, const PlFarewell *farewell);
/* An INVITE with this SDP to there, as from our side of the dialog. NULL: not to be had. */
msg_t *pl_farewell_invite (PlRouter *router, const PlFarewell *farewell, guint32 cseq, const char *contact, GBytes *sdp);
/* Acknowledges a 2xx to one of these, and its repeats. */
void pl_farewell_ack (PlRouter *router, const PlFarewell *farewell, const sip_t *response);
void pl_farewell_free (PlFarewell *farewell);

/* --- router.c --- */
void pl_request_run (PlRequest *request);
/* A final answer of our own; `warning` may be NULL. Ends what is still open. */
PlStepResult pl_request_answer (PlRequest *request, int status, const char *phrase, const char *warning);
void pl_request_add_branch (PlRequest *request, PlBranch *branch);
/* When all are added: orders them by q and by what the caller prefers, and begins with the best. */
void pl_request_send_branches (PlRequest *request);
/* Sends the branches of the stage that is on; whether all up to it have ended; whether a later one
 * may still begin. */
void pl_request_send_stage (PlRequest *request);
gboolean pl_request_stage_done (PlRequest *request);
gboolean pl_request_has_next_stage (PlRequest *request);
/* After a branch has ended: answers, or frees the request when all is done. */
void pl_request_check (PlRequest *request);
/* `reason`: the value of a Reason header (RFC 3326) in the CANCELs, NULL: none. */
void pl_request_cancel_branches (PlRequest *request, const char *reason);
/* The branch has failed with this status, without a message. */
void pl_branch_fail (PlBranch *branch, int status);
void pl_branch_send (PlBranch *branch);
PlCall *pl_request_call (PlRequest *request);
/* Our phone in this branch has this one; NULL: none. */
PlAid *pl_branch_aid (PlBranch *branch);
/* A phone that is asked again must not take that for two copies of one request (RFC 3261,
 * 8.2.2.2): the CSeq of what it gets in this call is higher than the sender's, by this much. So it is at a far
 * side that was asked for another path (refresh.c). */
guint pl_branch_ahead (PlBranch *branch);
/* It is not used any more: ends, unless the call stands. */
void pl_request_drop_aid (PlRequest *request);
void pl_branch_drop_aid (PlBranch *branch);
/* Nobody refers to it any more. */
void pl_router_forget_aid (PlRouter *router, PlAid *aid);
/* Fails what it was meant for, and ends it. */
void pl_router_fail_aid (PlRouter *router, PlAid *aid, const char *reason);
const char *pl_router_own_node (PlRouter *router, const char *aor, const char *far);
gboolean pl_router_is_ours (PlRouter *router, const char *aor);
PlFlow *pl_router_far_flow (PlRouter *router, const char *own, const char *node);

G_END_DECLS
