/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include "sip/sdp/session.h"

#include <string.h>

/* A corrected body is one we take again, and correcting it again changes nothing. */
static void
check (const char *body, gsize len, char *(*func) (const char *, gsize, gsize *, GError **))
{
  gsize out = 0, again = 0;
  g_autofree char *once = func (body, len, &out, NULL);
  g_autofree char *twice = once ? func (once, out, &again, NULL) : NULL;

  /* a body at the bound may grow over it */
  if (once && out <= PL_SDP_MAX - 512)
    g_assert (twice && out == again && memcmp (once, twice, out) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  const char *body = (const char *) data;
  g_autoptr (GError) error = NULL;
  PlMediaClass media;

  g_assert (pl_sdp_classify (body, len, &media, &error) == (error == NULL));
  g_assert (media <= PL_MEDIA_LACKS_BOTH);
  check (body, len, pl_sdp_to_far);
  check (body, len, pl_sdp_to_phone);
  pl_sdp_answer_fits (body, len, body, len, NULL);
  return 0;
}
