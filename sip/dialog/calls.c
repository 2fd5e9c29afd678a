/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/dialog/calls.h"

#include <string.h>
#include "base/log.h"

#define ROOM "dialog"

struct PlCalls {
  PlEnv *env;
  GPtrArray *list;    /* PlCall, oldest first */
  PlTimer *sweep_timer;
  void (*changed) (gpointer user);
  gpointer user;
};

static void
call_free (gpointer data)
{
  PlCall *call = data;

  g_free (call->id);
  g_free (call->from);
  g_free (call->to);
  g_free (call->own);
  g_free (call->far_node);
  g_free (call->redirected);
  g_free (call->contact);
  g_free (call);
}

static void
tell (PlCalls *calls)
{
  if (calls->changed)
    calls->changed (calls->user);
}

static void
on_sweep (gpointer data)
{
  PlCalls *calls = data;
  gint64 now = pl_env_now (calls->env), next = G_MAXINT64;
  guint before = calls->list->len;

  for (guint i = calls->list->len; i-- > 0;)
    {
      PlCall *call = calls->list->pdata[i];

      if (call->state != PL_CALL_ENDED)
        continue;
      if (now - call->ended >= PL_CALL_KEPT)
        g_ptr_array_remove_index (calls->list, i);
      else
        next = MIN (next, call->ended + PL_CALL_KEPT - now);
    }
  if (next != G_MAXINT64)
    pl_env_arm (calls->env, &calls->sweep_timer, next, on_sweep, calls);
  if (calls->list->len != before)
    tell (calls);
}

PlCalls *
pl_calls_new (PlEnv *env, void (*changed) (gpointer user), gpointer user)
{
  PlCalls *calls = g_new0 (PlCalls, 1);

  calls->env = env;
  calls->list = g_ptr_array_new_with_free_func (call_free);
  calls->changed = changed;
  calls->user = user;
  return calls;
}

void
pl_calls_free (PlCalls *calls)
{
  if (!calls)
    return;
  pl_timer_clear (&calls->sweep_timer);
  g_ptr_array_unref (calls->list);
  g_free (calls);
}

PlCall *
pl_calls_find (PlCalls *calls, const char *id, const char *from)
{
  for (guint i = calls->list->len; i-- > 0;)
    {
      PlCall *call = calls->list->pdata[i];

      if (strcmp (call->id, id) == 0 && strcmp (call->from, from) == 0)
        return call;
    }
  return NULL;
}

static void
make_room (PlCalls *calls)
{
  if (calls->list->len < PL_CALLS_MAX)
    return;
  for (guint i = 0; i < calls->list->len; i++)
    if (((PlCall *) calls->list->pdata[i])->state == PL_CALL_ENDED)
      {
        g_ptr_array_remove_index (calls->list, i);
        return;
      }
  g_ptr_array_remove_index (calls->list, 0);
}

PlCall *
pl_calls_begin (PlCalls *calls, const char *id, const char *from, const char *to)
{
  PlCall *call = pl_calls_find (calls, id, from);

  if (call && call->state != PL_CALL_ENDED)
    return call;
  if (call)
    g_ptr_array_remove (calls->list, call);
  make_room (calls);
  call = g_new0 (PlCall, 1);
  call->id = g_strdup (id);
  call->from = g_strdup (from);
  call->to = g_strdup (to);
  call->since = pl_env_wall (calls->env);
  call->lookup = call->connect = call->invite = -1;
  g_ptr_array_add (calls->list, call);
  pl_info (ROOM, "call begins", "call", id, "from", from, "to", to, NULL);
  tell (calls);
  return call;
}

void
pl_calls_set_state (PlCalls *calls, PlCall *call, PlCallState state)
{
  if (state <= call->state)
    return;
  pl_info (ROOM, "call changes", "call", call->id, "old", pl_call_state_text (call->state), "new",
           pl_call_state_text (state), NULL);
  call->state = state;
  if (state == PL_CALL_ENDED)
    {
      call->ended = pl_env_now (calls->env);
      if (!calls->sweep_timer)
        pl_env_arm (calls->env, &calls->sweep_timer, PL_CALL_KEPT, on_sweep, calls);
    }
  tell (calls);
}

static void
set_text (char **field, const char *value)
{
  char *copy = g_strdup (value);

  g_free (*field);
  *field = copy;
}

void
pl_calls_set_far (PlCalls *calls, PlCall *call, const char *own, const char *node)
{
  set_text (&call->own, own);
  set_text (&call->far_node, node);
  tell (calls);
}

void
pl_calls_set_redirected (PlCalls *calls, PlCall *call, const char *aor)
{
  set_text (&call->redirected, aor);
  tell (calls);
}

void
pl_calls_set_contact (PlCalls *calls, PlCall *call, const char *contact)
{
  set_text (&call->contact, contact);
}

void
pl_calls_set_media (PlCalls *calls, PlCall *call, PlCallMedia media)
{
  if (media == PL_CALL_MEDIA_NONE || media == call->media)
    return;
  call->media = media;
  tell (calls);
}

void
pl_calls_set_edge (PlCalls *calls, PlCall *call, PlCallEdge edge)
{
  if (edge == call->edge)
    return;
  call->edge = edge;
  tell (calls);
}

gboolean
pl_calls_with (PlCalls *calls, const char *own, const char *node)
{
  for (guint i = 0; i < calls->list->len; i++)
    {
      PlCall *call = calls->list->pdata[i];

      if (call->state != PL_CALL_ENDED && call->own && strcmp (call->own, own) == 0 && strcmp (call->far_node, node) == 0)
        return TRUE;
    }
  return FALSE;
}

GPtrArray *
pl_calls_list (PlCalls *calls)
{
  GPtrArray *list = g_ptr_array_new ();

  for (guint i = 0; i < calls->list->len; i++)
    g_ptr_array_add (list, calls->list->pdata[i]);
  return list;
}

const char *
pl_call_state_text (PlCallState state)
{
  switch (state)
    {
    case PL_CALL_CALLING:
      return "calling";
    case PL_CALL_RINGING:
      return "ringing";
    case PL_CALL_ESTABLISHED:
      return "established";
    case PL_CALL_ENDED:
      return "ended";
    }
  return "";
}

const char *
pl_call_media_text (PlCallMedia media)
{
  switch (media)
    {
    case PL_CALL_MEDIA_NONE:
      return "none";
    case PL_CALL_MEDIA_LOCAL:
      return "local";
    case PL_CALL_MEDIA_DIRECT:
      return "ice+dtls-srtp";
    case PL_CALL_MEDIA_PHONE:
      return "phone-encrypted";
    }
  return "";
}

const char *
pl_call_edge_text (PlCallEdge edge)
{
  switch (edge)
    {
    case PL_CALL_EDGE_NONE:
      return "none";
    case PL_CALL_EDGE_OPEN:
      return "connecting";
    case PL_CALL_EDGE_SECURED:
      return "secured";
    }
  return "";
}
