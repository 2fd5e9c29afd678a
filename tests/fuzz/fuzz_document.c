/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Overlay documents: parsed, judged, its signatures looked at; and as a kind-block that comes later.
 */
#include "config.h"

#include "base/universe.h"
#include "overlay/enroll/document.h"
#include "tests/fuzz/fuzz.h"

static void
check (PlDocument *document, PlEnv *env, GBytes *bytes)
{
  g_autoptr (PlTrust) trust = pl_document_trust_new (document, env, NULL);
  g_autoptr (GPtrArray) blocks = g_ptr_array_new ();
  g_autoptr (PlDocument) more = NULL;

  g_assert (document->kinds->len <= PL_DOCUMENT_KINDS_MAX && document->link_protocols->len > 0);
  g_assert (document->registration_places >= 1 && document->registration_places <= PL_REGISTRATION_PLACES_MAX);
  pl_document_check_supported (document, NULL);
  pl_document_check_time (document, env, NULL);
  pl_document_allows_aor (document, "alice@example.org");
  g_ptr_array_add (blocks, bytes);
  if (trust)
    pl_document_verify (document, trust, NULL, NULL);
  if (trust)
    more = pl_document_with_kinds (document, blocks, trust, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);
  g_autoptr (PlUniverse) universe = pl_universe_new (1);
  g_autoptr (GError) error = NULL;
  g_autoptr (PlDocument) document = pl_document_parse (bytes, NULL, &error);

  g_assert ((document != NULL) == (error == NULL));
  if (document)
    check (document, pl_universe_env (universe), bytes);
  return 0;
}
