/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/echo/echo.h"

#include <string.h>
#include "sip/echo/echo-priv.h"

/* A question that waits for its answer, and the handle for it. */
typedef struct {
  PlEcho *echo;
  char *own;
  PlResolveFunc resolved;
  PlConnectFunc connected;
  gpointer user;
  gpointer inner;      /* the world's handle, NULL: it is not asked */
  PlTimer *timer;
} Ask;

typedef struct {
  PlFarLink link;      /* first */
  PlEcho *echo;
  char *own;
  PlEchoCalls *calls;
  const PlFarLinkHandlers *handlers;
  gpointer user;
  GQueue out;          /* GBytes */
  PlTimer *timer;
} Link;

struct PlEcho {
  PlEnv *env;
  const PlResolver *world;
  const PlMedia *media;
  PlResolver resolver;
  GPtrArray *asks;     /* Ask */
};

/* --- the link --- */

static void
on_out (gpointer data)
{
  Link *link = data;
  g_autoptr (GBytes) message = g_queue_pop_head (&link->out);

  if (!g_queue_is_empty (&link->out))
    pl_env_arm (link->echo->env, &link->timer, 0, on_out, link);
  if (link->handlers && message)
    link->handlers->message (link->user, g_bytes_get_data (message, NULL), g_bytes_get_size (message));
}

static void
link_say (gpointer user, GBytes *message)
{
  Link *link = user;

  g_queue_push_tail (&link->out, message);
  pl_env_arm (link->echo->env, &link->timer, 0, on_out, link);
}

static void
link_set_handlers (PlFarLink *far, const PlFarLinkHandlers *handlers, gpointer user)
{
  Link *link = (Link *) far;

  link->handlers = handlers;
  link->user = user;
}

static gboolean
link_send (PlFarLink *far, const guint8 *data, gsize len)
{
  pl_echo_calls_take (((Link *) far)->calls, data, len);
  return TRUE;
}

/* What was sent has come. */
static gboolean
link_pending (PlFarLink *far, const guint8 *data, gsize len)
{
  return FALSE;
}

static GPtrArray *
link_dup_unacknowledged (PlFarLink *far)
{
  return NULL;
}

static void
link_info (PlFarLink *far, PlFarInfo *info)
{
  *info = (PlFarInfo){ PL_ECHO_NODE, PL_ECHO_AOR, ((Link *) far)->own, "on this machine" };
}

static void
link_free (PlFarLink *far)
{
  Link *link = (Link *) far;

  pl_echo_calls_free (link->calls);
  pl_timer_clear (&link->timer);
  g_queue_clear_full (&link->out, (GDestroyNotify) g_bytes_unref);
  g_free (link->own);
  g_free (link);
}

static const PlFarLinkFuncs link_funcs = { link_set_handlers, link_send, link_pending, link_dup_unacknowledged, link_info, link_free };

static PlFarLink *
link_new (PlEcho *echo, const char *own)
{
  Link *link = g_new0 (Link, 1);
  PlEchoCallsParts parts = { echo->env, echo->media, NULL, link_say, link };

  link->link.funcs = &link_funcs;
  link->echo = echo;
  parts.own = link->own = g_strdup (own);
  link->calls = pl_echo_calls_new (&parts);
  g_queue_init (&link->out);
  return &link->link;
}

/* --- questions --- */

static void
ask_free (gpointer data)
{
  Ask *ask = data;
  const PlResolver *world = ask->echo->world;

  if (ask->inner)
    world->funcs->cancel (world->impl, ask->inner);
  pl_timer_clear (&ask->timer);
  g_free (ask->own);
  g_free (ask);
}

static Ask *
ask_new (PlEcho *echo, const char *own, gpointer user)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->echo = echo;
  ask->own = g_strdup (own);
  ask->user = user;
  g_ptr_array_add (echo->asks, ask);
  return ask;
}

/* Who asked is told last: it may ask the next thing. */
static void
answer (Ask *ask, PlResolveResult result, const PlResolved *nodes, gsize n)
{
  PlResolveFunc func = ask->resolved;
  gpointer user = ask->user;

  ask->inner = NULL;
  g_ptr_array_remove_fast (ask->echo->asks, ask); /* frees it */
  func (user, result, nodes, n);
}

static void
on_here (gpointer data)
{
  const PlResolved here = { PL_ECHO_NODE, PL_ECHO_AOR, "" };

  answer (data, PL_RESOLVE_FOUND, &here, 1);
}

static void
on_world (gpointer user, PlResolveResult result, const PlResolved *nodes, gsize n)
{
  if (result == PL_RESOLVE_UNKNOWN)
    on_here (user);
  else
    answer (user, result, nodes, n);
}

static gpointer
echo_resolve (gpointer impl, const char *own, const char *aor, PlResolveFunc func, gpointer user)
{
  PlEcho *echo = impl;
  const PlResolver *world = echo->world;
  Ask *ask;

  if (!g_str_has_prefix (aor, PL_ECHO_USER))
    return world->funcs->resolve (world->impl, own, aor, func, user);
  ask = ask_new (echo, own, user);
  ask->resolved = func;
  if (strcmp (aor, PL_ECHO_AOR) != 0)
    ask->inner = world->funcs->resolve (world->impl, own, aor, on_world, ask);
  if (!ask->inner)
    pl_env_arm (echo->env, &ask->timer, 0, on_here, ask);
  return ask;
}

static void
on_link (gpointer data)
{
  Ask *ask = data;
  PlConnectFunc func = ask->connected;
  gpointer user = ask->user;
  PlFarLink *link = link_new (ask->echo, ask->own);

  g_ptr_array_remove_fast (ask->echo->asks, ask);
  func (user, link, NULL);
}

static gpointer
echo_connect (gpointer impl, const char *own, const char *node, PlConnectFunc func, gpointer user)
{
  PlEcho *echo = impl;
  const PlResolver *world = echo->world;
  Ask *ask;

  if (g_ascii_strcasecmp (node, PL_ECHO_NODE) != 0)
    return world->funcs->connect (world->impl, own, node, func, user);
  ask = ask_new (echo, own, user);
  ask->connected = func;
  pl_env_arm (echo->env, &ask->timer, 0, on_link, ask);
  return ask;
}

static void
echo_cancel (gpointer impl, gpointer handle)
{
  PlEcho *echo = impl;

  if (!g_ptr_array_remove_fast (echo->asks, handle))
    echo->world->funcs->cancel (echo->world->impl, handle);
}

static gboolean
echo_is_ours (gpointer impl, const char *aor)
{
  const PlResolver *world = ((PlEcho *) impl)->world;

  return world->funcs->is_ours (world->impl, aor);
}

static const char *
echo_own_node (gpointer impl, const char *aor, const char *far)
{
  const PlResolver *world = ((PlEcho *) impl)->world;

  return world->funcs->own_node (world->impl, aor, far);
}

static void
echo_registered (gpointer impl, const char *aor, const char *prefs)
{
  const PlResolver *world = ((PlEcho *) impl)->world;

  world->funcs->registered (world->impl, aor, prefs);
}

static gboolean
echo_incognito (gpointer impl, const char *aor)
{
  const PlResolver *world = ((PlEcho *) impl)->world;

  return world->funcs->incognito && world->funcs->incognito (world->impl, aor);
}

static const PlResolverFuncs funcs = {
  echo_resolve, echo_connect, echo_cancel, echo_is_ours, echo_own_node, echo_registered, echo_incognito,
};

/* --- life --- */

PlEcho *
pl_echo_new (PlEnv *env, const PlResolver *world, const PlMedia *media)
{
  PlEcho *echo = g_new0 (PlEcho, 1);

  echo->env = env;
  echo->world = world;
  echo->media = media;
  echo->resolver = (PlResolver){ &funcs, echo };
  echo->asks = g_ptr_array_new_with_free_func (ask_free);
  return echo;
}

void
pl_echo_free (PlEcho *echo)
{
  if (!echo)
    return;
  g_ptr_array_unref (echo->asks);
  g_free (echo);
}

const PlResolver *
pl_echo_resolver (PlEcho *echo)
{
  return &echo->resolver;
}
