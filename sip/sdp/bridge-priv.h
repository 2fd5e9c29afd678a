/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What reading and writing of bridge.h share.
 */
#pragma once
#include "sip/sdp/bridge.h"
#include "sip/sdp/scan-priv.h"

G_BEGIN_DECLS

/* Of SDES keys, ICE credentials and foundations (RFC 4568, 9.1; RFC 8839, 5.1). */
#define PL_BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define PL_BRIDGE_KEY_CHARS 40 /* 30 bytes: both suites */

typedef struct {
  guint tag;
  const char *suite; /* static */
  char *key;         /* base64; the caller's to free */
} PlBridgeCrypto;

/* The value of a=crypto; FALSE: not one the edge can do. */
gboolean pl_bridge_read_crypto (const char *value, PlBridgeCrypto *out);
/* The first usable one of a section. */
gboolean pl_bridge_find_crypto (const PlSdp *sdp, const PlSdpPart *part, PlBridgeCrypto *out);
/* What the section needs, were it the only one. */
PlBridgeNeed pl_bridge_need (const PlSdp *sdp, const PlSdpPart *part);

G_END_DECLS
