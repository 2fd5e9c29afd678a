/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/resolver/early.h"

#include <string.h>

struct PlEarly {
  PlEnv *env;
  PlNodeId target;
  PlAppConnect *connect;  /* under way */
  PlAppLink *link;        /* up */
  PlTimer *handing_over;
  PlAppConnectFunc func;
  gpointer user;
};

static void
on_closed (gpointer user, PlAppLink *link, const char *reason)
{
  PlEarly *early = user;

  (void) reason;
  early->link = NULL;
  pl_app_link_free (link);
}

static void
on_connect (gpointer user, PlAppLink *link, const GError *error)
{
  static const PlAppLinkHandlers handlers = { .closed = on_closed };
  PlEarly *early = user;

  early->connect = NULL;
  if (early->func)
    {
      early->func (early->user, link, error);
      return;
    }
  early->link = link;
  if (link)
    pl_app_link_set_handlers (link, &handlers, early);
}

static void
hand_over (gpointer data)
{
  PlEarly *early = data;
  g_autoptr (GError) error = NULL;
  PlAppLink *link = g_steal_pointer (&early->link);

  pl_timer_clear (&early->handing_over);
  if (link)
    pl_app_link_set_handlers (link, NULL, NULL);
  else
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "the link has just been closed");
  early->func (early->user, link, error);
}

PlEarly *
pl_early_new (PlEnv *env, PlNode *node, const PlNodeId *target)
{
  PlEarly *early = g_new0 (PlEarly, 1);

  early->env = env;
  early->target = *target;
  early->connect = pl_node_app_connect (node, target, on_connect, early);
  return early;
}

void
pl_early_free (PlEarly *early)
{
  if (!early)
    return;
  pl_timer_clear (&early->handing_over);
  if (early->connect)
    pl_app_connect_cancel (early->connect);
  pl_app_link_free (early->link);
  g_free (early);
}

const PlNodeId *
pl_early_target (PlEarly *early)
{
  return &early->target;
}

gboolean
pl_early_failed (PlEarly *early)
{
  return !early->connect && !early->link;
}

gboolean
pl_early_is_up (PlEarly *early, const char *aor)
{
  return early->link && g_strcmp0 (pl_cert_aor (pl_app_link_info (early->link)->cert), aor) == 0;
}

void
pl_early_await (PlEarly *early, PlAppConnectFunc func, gpointer user)
{
  early->func = func;
  early->user = user;
  if (early->link)
    pl_env_arm (early->env, &early->handing_over, 0, hand_over, early);
}
