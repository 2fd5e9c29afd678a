/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Words that come over the control interface and from the command line: addresses, Node-IDs, places,
 * Kinds, files of secrets. What is taken reads the same again.
 */
#include "config.h"

#include "base/aor.h"
#include "overlay/enroll/document.h"
#include "proxy/home.h"
#include "tests/fuzz/fuzz.h"

static void
check_names (const char *text)
{
  g_autofree char *aor = pl_aor_canonical (text);
  g_autofree char *again = aor ? pl_aor_canonical (aor) : NULL;
  g_autofree char *escaped = pl_paths_escape (text);
  g_autofree char *back = pl_paths_unescape (escaped);

  g_assert (g_strcmp0 (aor, again) == 0);
  g_assert ((!*text || g_strcmp0 (back, text) == 0) && !strchr (escaped, '/'));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  g_autofree char *text = g_strndup ((const char *) data, len);
  g_autoptr (GBytes) secrets = NULL;
  PlHostPort place = { NULL, 0 };
  PlKind kind;
  PlNodeId id;

  check_names (text);
  if (pl_node_id_parse (text, &id))
    {
      g_autofree char *hex = pl_node_id_dup_hex (&id);

      g_assert (g_ascii_strcasecmp (hex, text) == 0);
    }
  if (pl_host_port_parse (text, 6084, &place, NULL))
    g_assert (place.host && place.port);
  g_free (place.host);
  pl_kind_parse (text, &kind, NULL);
  secrets = pl_home_parse_secrets (text, NULL);
  g_assert (!secrets || (g_bytes_get_size (secrets) >= PL_HOME_SECRET_LEN && g_bytes_get_size (secrets) % PL_HOME_SECRET_LEN == 0));
  return 0;
}
