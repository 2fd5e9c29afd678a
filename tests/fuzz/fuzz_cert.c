/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Certificates and the names in them: what is taken has at least one Node-ID of one overlay, and reads the same
 * again.
 */
#include "config.h"

#include "base/aor.h"
#include "base/universe.h"
#include "overlay/ident/trust.h"
#include "tests/fuzz/fuzz.h"

static void
check (PlCert *cert)
{
  g_autofree char *aor = pl_cert_aor (cert) ? pl_aor_canonical (pl_cert_aor (cert)) : NULL;
  g_autoptr (PlCert) again = pl_cert_new (pl_cert_der (cert), NULL);
  guint8 key[PL_KEY_FINGERPRINT_LEN];

  g_assert (again && pl_cert_n_node_ids (cert) > 0 && pl_cert_overlay (cert));
  g_assert (!pl_cert_aor (cert) || g_strcmp0 (aor, pl_cert_aor (cert)) == 0);
  g_assert (pl_cert_device (cert) < pl_cert_n_node_ids (cert));
  pl_cert_key_fingerprint (cert, key);
  pl_cert_node_ids_are_of_key (cert, G_CHECKSUM_SHA256);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  g_autoptr (GBytes) der = g_bytes_new (data, len);
  g_autoptr (PlCert) cert = pl_cert_new (der, NULL);
  g_autofree char *text = g_strndup ((const char *) data, len);
  g_autoptr (PlCert) from_text = pl_cert_new_from_pem (text, NULL);
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  g_autoptr (PlTrust) trust = pl_trust_new (pl_universe_env (universe), "friends.example");

  if (cert)
    check (cert);
  if (from_text)
    check (from_text);
  pl_trust_allow_self_signed (trust, G_CHECKSUM_SHA256);
  if (cert)
    pl_trust_check_cert (trust, cert, NULL);
  return 0;
}
