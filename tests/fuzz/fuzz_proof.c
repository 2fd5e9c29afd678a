/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * First records of links with a shared secret: none that is made up proves anything.
 */
#include "config.h"

#include "base/universe.h"
#include "overlay/link/proof.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  static const guint8 exported[PL_PROOF_EXPORTED];
  PlProof expected = { .exported = exported };
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  g_autoptr (PlTrust) trust = pl_trust_new (pl_universe_env (universe), "friends.example");
  g_autoptr (PlCert) cert = NULL;
  PlNodeId node;

  pl_trust_allow_self_signed (trust, G_CHECKSUM_SHA256);
  if (pl_proof_is (data, len))
    pl_proof_seen (data, len);
  cert = pl_proof_read (trust, &expected, data, len, &node, NULL);
  g_assert (!cert);
  return 0;
}
