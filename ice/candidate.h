/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An ICE candidate as a plain value: knows neither SDP, RELOAD nor libnice.
 */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define PL_ICE_FOUNDATION_MAX 32

typedef enum { PL_ICE_HOST, PL_ICE_SRFLX, PL_ICE_PRFLX, PL_ICE_RELAY } PlIceType;

/* Which of our addresses others are told: all; none of this machine's own (no-host), of which what a
 * STUN or TURN server sees remains; those of TURN servers only (relay-only). */
typedef enum { PL_ICE_TELL_ALL, PL_ICE_TELL_NO_HOST, PL_ICE_TELL_RELAY_ONLY } PlIceTell;

/* "all", "no-host", "relay-only". FALSE: none of them. */
gboolean pl_ice_tell_parse (const char *text, PlIceTell *tell);
const char *pl_ice_tell_name (PlIceTell tell);

typedef struct {
  guint8 len;        /* 4 or 16; 0: none */
  guint8 bytes[16];  /* network order */
  guint16 port;
} PlIceAddress;

typedef struct {
  PlIceType type;
  PlIceAddress address;
  PlIceAddress related;  /* base of a reflexive or relayed one */
  guint32 priority;
  char foundation[PL_ICE_FOUNDATION_MAX + 1];
} PlCandidate;

void pl_ice_address_set (PlIceAddress *address, GInetAddress *inet, guint16 port);
/* NULL when there is none. Own reference. */
GInetAddress *pl_ice_address_dup_inet (const PlIceAddress *address);

G_END_DECLS
