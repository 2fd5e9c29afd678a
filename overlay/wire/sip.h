/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The value of Kind SIP-REGISTRATION (RFC 7904). Rules of overlay/wire/data.h hold.
 */
#pragma once
#include "overlay/wire/destination.h"

G_BEGIN_DECLS

typedef enum { PL_SIP_REGISTRATION_URI = 1, PL_SIP_REGISTRATION_ROUTE = 2 } PlSipRegistrationType;

typedef struct {
  guint8 type;
  GBytes *uri;               /* uri: an address to look up instead */
  GBytes *contact_prefs;     /* route: feature parameters as in RFC 3840 */
  GArray *destination_list;  /* route: of PlDestination */
} PlSipRegistration;

gboolean pl_sip_registration_read (PlReader *reader, PlSipRegistration *registration);
void pl_sip_registration_write (PlWriter *writer, const PlSipRegistration *registration);
void pl_sip_registration_clear (PlSipRegistration *registration);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlSipRegistration, pl_sip_registration_clear)

G_END_DECLS
