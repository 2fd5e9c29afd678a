/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include "base/aor.h"
#include "sip/router/headers.h"
#include "sip/router/sanitize.h"

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#define OWN "sip:000102030405060708090a0b0c0d0e0f@127.0.0.1:5080;lr;pl=AbC"
#define INPUT_MAX 65536

static void
look_at_url (const url_t *url)
{
  g_autofree char *aor = pl_url_dup_aor (url);
  g_autofree char *again = pl_aor_canonical (aor);
  g_autofree char *token = pl_route_token (url, NULL);

  g_assert (g_strcmp0 (aor, again) == 0);
  pl_gruu_parse (url, NULL, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  msg_t *msg = len <= INPUT_MAX ? msg_make (sip_default_mclass (), MSG_DO_EXTRACT_COPY, data, len) : NULL;
  sip_t *sip = msg ? sip_object (msg) : NULL;
  g_autofree char *contact = sip ? pl_contact_dup_text (sip->sip_contact) : NULL;

  if (sip && sip->sip_request)
    look_at_url (sip->sip_request->rq_url);
  if (sip && sip->sip_from)
    look_at_url (sip->sip_from->a_url);
  for (sip_route_t *route = sip ? sip->sip_route : NULL; route; route = route->r_next)
    look_at_url (route->r_url);
  if (sip)
    {
      pl_sanitize_from_link (msg, sip, "alice@example.org");
      g_assert (!sip->sip_route && !sip->sip_call_info && !sip->sip_path);
      pl_record_route_ensure (msg, sip, OWN);
      pl_contact_replace (msg, sip, "sip:alice@example.org");
    }
  if (msg)
    msg_destroy (msg);
  return 0;
}
