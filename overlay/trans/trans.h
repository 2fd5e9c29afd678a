/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Transactions (RFC 6940 6.2.1, 6.2.2, 6.3.2.1, 6.3.3, 6.3.4): requests with end-to-end
 * repetition, answers matched and proven, requests of others verified before anything else is
 * done with them, the same answer for a repeated request. An engine.
 */
#pragma once
#include "base/env.h"
#include "overlay/enroll/document.h"
#include "overlay/ident/identity.h"
#include "overlay/ident/trust.h"
#include "overlay/wire/direct.h"
#include "overlay/wire/message.h"

G_BEGIN_DECLS

typedef struct PlTrans PlTrans;
typedef struct PlTransaction PlTransaction;

#define PL_TRANS_LIFETIME (15 * PL_USEC_PER_SEC)  /* of a request, and of an answer kept (6.2.1) */
#define PL_TRANS_SENDINGS_MAX 5
#define PL_TRANS_REQUESTS_MAX 4096      /* of ours under way */
#define PL_TRANS_INCOMING_MAX 512       /* of others, not answered yet */
#define PL_TRANS_ANSWERS_MAX 2048       /* kept for repeated requests */
#define PL_TRANS_ANSWERS_BYTES (4 * 1024 * 1024)
#define PL_TRANS_UPDATED_MAX 32         /* nodes sent a ConfigUpdate in ... */
#define PL_TRANS_UPDATE_EVERY (60 * PL_USEC_PER_SEC)
#define PL_TRANS_SEQUENCE_ANY 65535     /* configuration_sequence of a ConfigUpdate (6.3.2.1) */

/* --- our requests --- */

typedef struct {
  PlDestination to;         /* a node or a place */
  gboolean has_via;
  PlNodeId via;             /* source route through this node */
  guint16 code;
  GBytes *body;             /* borrowed; NULL is empty */
  GPtrArray *certs;         /* PlCert, beside our own; borrowed, may be NULL */
  GArray *extensions;       /* of PlMessageExtension; borrowed, may be NULL */
  GArray *options;          /* of PlForwardingOption (6.3.2.3); borrowed, may be NULL */
  guint32 max_response_length; /* 0: any (6.3.2) */
  gint64 timeout;           /* microseconds, 0: as long as the RFC has it, at most 15 s */
} PlTransRequest;

typedef struct {
  guint16 error_code;       /* 0: answered; else of 14.9 */
  GBytes *body;             /* of the answer, or error_info; NULL is empty */
  PlNodeId signer;
  PlCert *cert;
  GPtrArray *certs;         /* GBytes, DER, of the security block */
  GArray *extensions;       /* of PlMessageExtension */
  const PlForwardingHeader *header;
} PlTransAnswer;

/* `answer` (borrowed) is proven to come from whom it was asked; NULL: nobody answered. */
typedef void (*PlTransFunc) (gpointer user, const PlTransAnswer *answer);

/* --- requests of others --- */

/* Verified. Belongs to the handler until it is answered, refused or dropped. */
typedef struct {
  PlForwardingHeader header;
  guint16 code;
  GBytes *body;
  PlNodeId signer;
  PlCert *cert;
  GPtrArray *certs;         /* GBytes, DER, of the security block */
  GArray *extensions;       /* of PlMessageExtension; uncritical, or of a type we know */
  PlNodeId from;            /* the node whose link it came over */
} PlIncoming;

typedef struct {
  /* Never delivers before it returns. FALSE: no way at this moment. */
  gboolean (*send) (gpointer user, GBytes *message);
  /* May `signer` answer for this place, as far as we can see (6.3.4)? */
  gboolean (*plausible) (gpointer user, const PlNodeId *place, const PlNodeId *signer);
  void (*request) (gpointer user, PlIncoming *incoming);
  /* This node has an old configuration document and is owed a ConfigUpdate (6.5.4); once a
   * minute for each. */
  void (*outdated) (gpointer user, const PlNodeId *node);
  /* This answer is to go straight to who asked (RFC 7263). FALSE: it goes back the way the request
   * came, as it does when this is NULL, and for a request that is repeated. */
  gboolean (*direct) (gpointer user, const PlDirectResponse *to, GBytes *answer);
} PlTransHandlers;

/* All borrowed. */
PlTrans *pl_trans_new (PlEnv *env, const PlDocument *document, PlIdentity *identity, PlTrust *trust,
                       const PlTransHandlers *handlers, gpointer user);
/* No callback any more, but `destroy` of what is under way; open PlIncomings die. */
void pl_trans_free (PlTrans *trans);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTrans, pl_trans_free)

/* Another document of the same overlay, borrowed; the one before may go then. Requests that were
 * refused for want of it are sent again. */
void pl_trans_set_document (PlTrans *trans, const PlDocument *document);

/* `func` runs once, never before this returns, then `destroy` (both may be NULL). The result is
 * dead once `func` runs. */
PlTransaction *pl_trans_request (PlTrans *trans, const PlTransRequest *request, PlTransFunc func, gpointer user, GDestroyNotify destroy);
/* No callback; `destroy` runs. */
void pl_trans_cancel (PlTransaction *transaction);
/* There is a way again: what could not be sent is sent now. */
void pl_trans_kick (PlTrans *trans);

/* A whole message for us from forward. */
void pl_trans_deliver (PlTrans *trans, GBytes *message, const PlNodeId *from);
/* Answers a request that could not be forwarded (6.3.3.1). */
void pl_trans_refuse_transit (PlTrans *trans, const PlForwardingHeader *header, const PlNodeId *from, guint16 error, const char *text);

/* Frees the incoming request. `certs` beside our own, may be NULL. */
void pl_trans_answer (PlTrans *trans, PlIncoming *incoming, GBytes *body, GPtrArray *certs);
/* With `extensions` (of PlMessageExtension, borrowed, may be NULL). */
void pl_trans_answer_extended (PlTrans *trans, PlIncoming *incoming, GBytes *body, GPtrArray *certs, GArray *extensions);
/* `info` may be NULL; text otherwise, unless the error has a format of its own. */
void pl_trans_refuse (PlTrans *trans, PlIncoming *incoming, guint16 error, GBytes *info);
void pl_trans_refuse_text (PlTrans *trans, PlIncoming *incoming, guint16 error, const char *text);
/* Messages of this code made here and taken from others (verified); repetitions don't count. */
void pl_trans_count (PlTrans *trans, guint16 code, guint64 *sent, guint64 *received);
/* How busy with requests of others, 0 to 15 (RFC 7851, STATUS_INFO): at that, more are dropped. */
#define PL_TRANS_LOAD_MAX 15
guint8 pl_trans_load (PlTrans *trans);
/* No answer at all: a repetition is handled anew. */
void pl_trans_drop (PlTrans *trans, PlIncoming *incoming);

G_END_DECLS
