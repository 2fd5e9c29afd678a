/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is asked of an enrollment server: three lines, username, password and nodeids, then the request.
 * Whatever it is, there is one answer: nobody has a code, so never a certificate.
 */
#include "config.h"

#include "base/universe.h"
#include "proxy/enroll/desk.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static PlDesk *
desk (void)
{
  static const PlPolicy policy = { .grant = { .devices = 5, .node_ids = 2, .lifetime = 86400 }, .code_seconds = 900, .mails_per_address = 3, .mails_per_client = 4 };
  static PlDesk *one;
  PlEnv *env;

  if (!one)
    {
      env = pl_universe_env (pl_universe_new (1));
      one = pl_desk_new (env, pl_store_open (":memory:", NULL), pl_authority_new (env, "friends.example", NULL), "friends.example", &policy);
    }
  return one;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  g_autofree char *text = g_strndup ((const char *) data, len);
  g_auto (GStrv) lines = g_strsplit (text, "\n", 4);
  gsize skip = 0;
  g_autoptr (GBytes) csr = NULL;
  g_autofree char *pem = NULL;
  const char *token = NULL;
  g_autoptr (GError) error = NULL;

  if (g_strv_length (lines) < 4)
    return 0;
  for (guint i = 0; i < 3; i++)
    skip += strlen (lines[i]) + 1;
  csr = g_bytes_new (data + skip, len - skip);
  pem = pl_desk_ask (desk (), &(PlAsk) { lines[0], lines[1], lines[2], csr, "192.0.2.1" }, &token, &error);
  g_assert (!pem && !error && token);
  pl_desk_link (desk (), lines[1], TRUE, &pem, &error);
  g_assert (!error);
  return 0;
}
