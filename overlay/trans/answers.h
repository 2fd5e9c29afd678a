/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was answered in the last 15 s to requests that change something, so that a repeated one gets the same answer without
 * being processed twice (RFC 6940 6.2.1).
 */
#pragma once
#include "base/env.h"

G_BEGIN_DECLS

typedef struct PlAnswers PlAnswers;

/* A request: its transaction ID and all its bytes behind the forwarding header. */
typedef struct {
  guint64 transaction_id;
  guint8 digest[32];
} PlAnswerKey;

typedef enum { PL_ANSWERS_NEW, PL_ANSWERS_OPEN, PL_ANSWERS_DONE } PlAnswersState;

PlAnswers *pl_answers_new (PlEnv *env, guint max, gsize max_bytes, gint64 lifetime);
void pl_answers_free (PlAnswers *answers);
void pl_answers_key (PlAnswerKey *key, guint64 transaction_id, GBytes *message, gsize header_len);
/* DONE: `answer` (borrowed) and its header's length are set. */
PlAnswersState pl_answers_find (PlAnswers *answers, const PlAnswerKey *key, GBytes **answer, gsize *header_len);
/* Being processed now. */
void pl_answers_open (PlAnswers *answers, const PlAnswerKey *key);
void pl_answers_done (PlAnswers *answers, const PlAnswerKey *key, GBytes *answer, gsize header_len);
void pl_answers_forget (PlAnswers *answers, const PlAnswerKey *key);

G_END_DECLS
