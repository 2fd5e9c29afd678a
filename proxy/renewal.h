/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Renews a certificate while the daemon runs (RFC 6940 11.3: the same key, the same Node-IDs), once
 * a quarter of its life is left. Asking is the starter's: a program beside the daemon, as that speaks
 * no HTTP. What fails is tried again, later each time, and said.
 */
#pragma once
#include "base/env.h"
#include "overlay/ident/cert.h"

G_BEGIN_DECLS

typedef struct PlRenewal PlRenewal;

#define PL_RENEWAL_SHARE 4                             /* asked for when 1/4 of the life is left; a server of ours gives it from 1/3 on */
#define PL_RENEWAL_SETTLE (2 * PL_USEC_PER_SEC)        /* after the start */
#define PL_RENEWAL_CHECK (3600 * PL_USEC_PER_SEC)      /* a machine that slept does not count the time */
#define PL_RENEWAL_RETRY (5 * 60 * PL_USEC_PER_SEC)    /* after the first failure, doubled up to ... */
#define PL_RENEWAL_RETRY_MAX (6 * 3600 * PL_USEC_PER_SEC)

typedef struct {
  /* Begins to ask; pl_renewal_done tells how it ended, also within this. */
  void (*ask) (gpointer user);
  /* The problem is another. */
  void (*changed) (gpointer user);
} PlRenewalFuncs;

/* `cert` is kept. `funcs` is static. */
PlRenewal *pl_renewal_new (PlEnv *env, PlCert *cert, const PlRenewalFuncs *funcs, gpointer user);
void pl_renewal_free (PlRenewal *renewal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlRenewal, pl_renewal_free)

/* The one that came of it, or otherwise. */
void pl_renewal_set_cert (PlRenewal *renewal, PlCert *cert);
/* `why` in a line, NULL: the new one is on the disk. */
void pl_renewal_done (PlRenewal *renewal, const char *why);
/* NULL: none. */
const char *pl_renewal_problem (PlRenewal *renewal);

G_END_DECLS
