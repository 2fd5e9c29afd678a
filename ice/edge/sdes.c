/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/edge/sdes.h"

#include "ice/edge/srtp.h"

#include <string.h>

static const struct { const char *name; PlSrtpSuite suite; } suites[] = {
  { "AES_CM_128_HMAC_SHA1_80 ", PL_SRTP_SHA1_80 }, { "AES_CM_128_HMAC_SHA1_32 ", PL_SRTP_SHA1_32 },
};

#define SUITES G_N_ELEMENTS (suites)

typedef struct {
  guint8 local[PL_SRTP_KEY], remote[PL_SRTP_KEY];
  PlSrtp *srtp; /* NULL before the phone has used this suite */
} Suite;

struct PlSdes {
  Suite suites[SUITES];
  Suite *now;   /* NULL: in the clear */
  char *offers[SUITES + 1];
};

PlSdes *
pl_sdes_new (PlEnv *env)
{
  PlSdes *sdes = g_new0 (PlSdes, 1);

  for (guint i = 0; i < SUITES; i++)
    {
      g_autofree char *text = NULL;

      pl_env_random (env, sdes->suites[i].local, PL_SRTP_KEY);
      text = g_base64_encode (sdes->suites[i].local, PL_SRTP_KEY);
      sdes->offers[i] = g_strconcat (suites[i].name, text, NULL);
    }
  return sdes;
}

void
pl_sdes_free (PlSdes *sdes)
{
  if (!sdes)
    return;
  for (guint i = 0; i < SUITES; i++)
    {
      g_clear_pointer (&sdes->suites[i].srtp, pl_srtp_free);
      explicit_bzero (sdes->offers[i], strlen (sdes->offers[i]));
      g_free (sdes->offers[i]);
    }
  explicit_bzero (sdes, sizeof *sdes);
  g_free (sdes);
}

const char *const *
pl_sdes_offers (PlSdes *sdes)
{
  return (const char *const *) sdes->offers;
}

static gboolean
use (PlSdes *sdes, Suite *suite, PlSrtpSuite id, const guint8 remote[PL_SRTP_KEY])
{
  if (!suite->srtp)
    suite->srtp = pl_srtp_new (id, suite->local, remote);
  else if (memcmp (suite->remote, remote, PL_SRTP_KEY) != 0 && !pl_srtp_set_remote (suite->srtp, remote))
    return FALSE;
  if (!suite->srtp)
    return FALSE;
  memcpy (suite->remote, remote, PL_SRTP_KEY);
  sdes->now = suite;
  return TRUE;
}

gboolean
pl_sdes_set_phone (PlSdes *sdes, const char *keys)
{
  for (guint i = 0; keys && i < SUITES; i++)
    {
      g_autofree guint8 *key = NULL;
      gsize len = 0;
      gboolean ok;

      if (!g_str_has_prefix (keys, suites[i].name))
        continue;
      key = g_base64_decode (keys + strlen (suites[i].name), &len);
      ok = len == PL_SRTP_KEY && use (sdes, &sdes->suites[i], suites[i].suite, key);
      explicit_bzero (key, len);
      return ok;
    }
  if (!keys)
    sdes->now = NULL;
  return !keys;
}

gboolean
pl_sdes_protect (PlSdes *sdes, guint8 *data, gsize *len)
{
  return !sdes->now || pl_srtp_protect (sdes->now->srtp, data, len);
}

gboolean
pl_sdes_unprotect (PlSdes *sdes, guint8 *data, gsize *len)
{
  return !sdes->now || pl_srtp_unprotect (sdes->now->srtp, data, len);
}
