/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keeps our certificate in the overlay under our Node-ID and our user name (RFC 6940 8). Each
 * place is an array; our own slot is found by a Fetch and used again, so it never grows by us.
 */
#pragma once
#include "overlay/ident/identity.h"
#include "overlay/usage/usage.h"

G_BEGIN_DECLS

typedef struct PlCertificates PlCertificates;

#define PL_CERTIFICATE_LIFETIME (30 * 24 * 3600) /* seconds; never beyond the certificate's own end */
#define PL_CERTIFICATE_SLOTS_MAX 16              /* slots looked at; a full array gives up its oldest own */

PlCertificates *pl_certificates_new (PlEnv *env, PlUsageNet net, PlIdentity *identity);
void pl_certificates_free (PlCertificates *certificates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlCertificates, pl_certificates_free)

/* As pl_registrations_set_online. What is found in its place with enough life left is not
 * stored again. */
void pl_certificates_set_online (PlCertificates *certificates, gboolean online);
/* Both places hold it, as far as we know. */
gboolean pl_certificates_stored (PlCertificates *certificates);

G_END_DECLS
