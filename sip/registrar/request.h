/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A REGISTER request and what is answered (RFC 3261, 10.3). No gruu and no Path: the phone
 * stands behind its own loopback, the far side gets a GRUU of the daemon's.
 */
#pragma once
#include <sofia-sip/sip.h>
#include "sip/registrar/registrar.h"

G_BEGIN_DECLS

typedef struct {
  int status;
  const char *phrase;  /* static */
  char *contacts;      /* value of Contact with all bindings, NULL: none */
  guint min_expires;   /* 0: not told */
} PlRegisterReply;

/* `aor`: canonical To, already known to be ours. */
void pl_registrar_request (PlRegistrar *registrar, const sip_t *sip, const char *aor, const char *flow,
                           PlRegisterReply *reply);
void pl_register_reply_clear (PlRegisterReply *reply);

G_END_DECLS
