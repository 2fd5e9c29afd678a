/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode-fields.h"

typedef struct {
  PlEnumeration enumeration;
  guint value;
  const char *name;
} Named;

static const Named names[] = {
  { PL_ENUM_ADDRESS, 1, "ipv4_address" },
  { PL_ENUM_ADDRESS, 2, "ipv6_address" },
  { PL_ENUM_CANDIDATE, 1, "host" },
  { PL_ENUM_CANDIDATE, 2, "srflx" },
  { PL_ENUM_CANDIDATE, 4, "relay" },
  { PL_ENUM_CHORD_LEAVE, 1, "from_successor" },
  { PL_ENUM_CHORD_LEAVE, 2, "from_predecessor" },
  { PL_ENUM_CHORD_UPDATE, 1, "peer_ready" },
  { PL_ENUM_CHORD_UPDATE, 2, "neighbors" },
  { PL_ENUM_CHORD_UPDATE, 3, "full" },
  { PL_ENUM_CONFIG_UPDATE, 1, "config" },
  { PL_ENUM_CONFIG_UPDATE, 2, "kind" },
  { PL_ENUM_DESTINATION, 1, "node" },
  { PL_ENUM_DESTINATION, 2, "resource" },
  { PL_ENUM_DESTINATION, 3, "opaque_id_type" },
  { PL_ENUM_ERROR, 2, "Forbidden" },
  { PL_ENUM_ERROR, 3, "NotFound" },
  { PL_ENUM_ERROR, 4, "RequestTimeout" },
  { PL_ENUM_ERROR, 5, "GenerationCounterTooLow" },
  { PL_ENUM_ERROR, 6, "IncompatibleWithOverlay" },
  { PL_ENUM_ERROR, 7, "UnsupportedForwardingOption" },
  { PL_ENUM_ERROR, 8, "DataTooLarge" },
  { PL_ENUM_ERROR, 9, "DataTooOld" },
  { PL_ENUM_ERROR, 10, "TTLExceeded" },
  { PL_ENUM_ERROR, 11, "MessageTooLarge" },
  { PL_ENUM_ERROR, 12, "UnknownKind" },
  { PL_ENUM_ERROR, 13, "UnknownExtension" },
  { PL_ENUM_ERROR, 14, "ResponseTooLarge" },
  { PL_ENUM_ERROR, 15, "ConfigTooOld" },
  { PL_ENUM_ERROR, 16, "ConfigTooNew" },
  { PL_ENUM_ERROR, 17, "InProgress" },
  { PL_ENUM_ERROR, 18, "ExpA" },
  { PL_ENUM_ERROR, 19, "ExpB" },
  { PL_ENUM_ERROR, 20, "InvalidMessage" },
  { PL_ENUM_ERROR, 21, "UnderlayDestinationUnreachable" },
  { PL_ENUM_ERROR, 22, "UnderlayTimeExceeded" },
  { PL_ENUM_ERROR, 23, "MessageExpired" },
  { PL_ENUM_ERROR, 24, "UpstreamMisrouting" },
  { PL_ENUM_ERROR, 25, "LoopDetected" },
  { PL_ENUM_ERROR, 26, "TTLHopsExceeded" },
  { PL_ENUM_FRAME, 128, "data" },
  { PL_ENUM_FRAME, 129, "ack" },
  { PL_ENUM_HASH, 0, "none" },
  { PL_ENUM_HASH, 1, "md5" },
  { PL_ENUM_HASH, 2, "sha1" },
  { PL_ENUM_HASH, 3, "sha224" },
  { PL_ENUM_HASH, 4, "sha256" },
  { PL_ENUM_HASH, 5, "sha384" },
  { PL_ENUM_HASH, 6, "sha512" },
  { PL_ENUM_HASH, 8, "Intrinsic" },
  { PL_ENUM_LINK, 1, "DTLS_UDP_SR" },
  { PL_ENUM_LINK, 3, "DTLS_UDP_SR_NO_ICE" },
  { PL_ENUM_LINK, 4, "TLS_TCP_FH_NO_ICE" },
  { PL_ENUM_PROBE, 1, "responsible_set" },
  { PL_ENUM_PROBE, 2, "num_resources" },
  { PL_ENUM_PROBE, 3, "uptime" },
  { PL_ENUM_SIGN, 0, "anonymous" },
  { PL_ENUM_SIGN, 1, "rsa" },
  { PL_ENUM_SIGN, 2, "dsa" },
  { PL_ENUM_SIGN, 3, "ecdsa" },
  { PL_ENUM_SIGN, 7, "ed25519" },
  { PL_ENUM_SIGN, 8, "ed448" },
  { PL_ENUM_SIGN, 64, "gostr34102012_256" },
  { PL_ENUM_SIGN, 65, "gostr34102012_512" },
  { PL_ENUM_SIGNER, 1, "cert_hash" },
  { PL_ENUM_SIGNER, 2, "cert_hash_node_id" },
  { PL_ENUM_SIGNER, 3, "none" },
  { PL_ENUM_CERTIFICATE, 0, "X509" },
};

void
pl_fields_enum (PlJsonOut *out, const char *name, PlEnumeration enumeration, guint value)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].enumeration == enumeration && names[i].value == value)
      {
        pl_json_out_object (out, name);
        pl_json_out_string (out, "name", names[i].name);
        pl_json_out_uint (out, "value", value);
        pl_json_out_end_object (out);
        return;
      }
  pl_json_out_uint (out, name, value);
}
