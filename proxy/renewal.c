/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/renewal.h"

struct PlRenewal {
  PlEnv *env;
  PlCert *cert;
  const PlRenewalFuncs *funcs;
  gpointer user;
  PlTimer *timer;
  gint64 retry;   /* the next wait, 0: nothing has failed */
  gboolean asked; /* and no answer yet */
  char *problem;
};

static void on_timer (gpointer data);

static gint64
now_seconds (PlRenewal *renewal)
{
  return pl_env_wall (renewal->env) / PL_USEC_PER_SEC;
}

/* Seconds until it is to be asked for, 0: now. */
static gint64
seconds_left (PlRenewal *renewal)
{
  gint64 end = pl_cert_not_after (renewal->cert);
  gint64 due = end - (end - pl_cert_not_before (renewal->cert)) / PL_RENEWAL_SHARE;

  return MAX (due - now_seconds (renewal), 0);
}

static void
arm (PlRenewal *renewal, gint64 wait)
{
  pl_env_arm (renewal->env, &renewal->timer, wait, on_timer, renewal);
}

static void
on_timer (gpointer data)
{
  PlRenewal *renewal = data;
  gint64 left = seconds_left (renewal);

  if (left > 0)
    return arm (renewal, MIN (left, PL_RENEWAL_CHECK / PL_USEC_PER_SEC) * PL_USEC_PER_SEC);
  renewal->asked = TRUE;
  renewal->funcs->ask (renewal->user);
}

PlRenewal *
pl_renewal_new (PlEnv *env, PlCert *cert, const PlRenewalFuncs *funcs, gpointer user)
{
  PlRenewal *renewal = g_new0 (PlRenewal, 1);

  renewal->env = env;
  renewal->cert = pl_cert_ref (cert);
  renewal->funcs = funcs;
  renewal->user = user;
  arm (renewal, PL_RENEWAL_SETTLE);
  return renewal;
}

void
pl_renewal_free (PlRenewal *renewal)
{
  if (!renewal)
    return;
  pl_timer_clear (&renewal->timer);
  pl_cert_unref (renewal->cert);
  g_free (renewal->problem);
  g_free (renewal);
}

void
pl_renewal_set_cert (PlRenewal *renewal, PlCert *cert)
{
  pl_cert_unref (renewal->cert);
  renewal->cert = pl_cert_ref (cert);
  renewal->retry = 0;
  g_clear_pointer (&renewal->problem, g_free);
  if (!renewal->asked) /* else pl_renewal_done does */
    arm (renewal, PL_RENEWAL_SETTLE);
}

static char *
describe (PlRenewal *renewal, const char *why)
{
  gint64 end = pl_cert_not_after (renewal->cert);
  g_autoptr (GDateTime) when = g_date_time_new_from_unix_local (end);
  g_autofree char *text = when ? g_date_time_format (when, "%F %R") : g_strdup ("?");

  return g_strdup_printf ("the certificate of %s in overlay %s %s at %s and could not be renewed: %s", pl_cert_aor (renewal->cert),
                          pl_cert_overlay (renewal->cert), now_seconds (renewal) > end ? "expired" : "expires", text, why);
}

void
pl_renewal_done (PlRenewal *renewal, const char *why)
{
  g_return_if_fail (renewal->asked);
  renewal->asked = FALSE;
  renewal->retry = why && renewal->retry ? MIN (renewal->retry * 2, PL_RENEWAL_RETRY_MAX) : PL_RENEWAL_RETRY;
  arm (renewal, renewal->retry); /* also when it is there: it may be taken over later */
  if (!why && !renewal->problem)
    return;
  g_free (renewal->problem);
  renewal->problem = why ? describe (renewal, why) : NULL;
  renewal->funcs->changed (renewal->user);
}

const char *
pl_renewal_problem (PlRenewal *renewal)
{
  return renewal->problem;
}
