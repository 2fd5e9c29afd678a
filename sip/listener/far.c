/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/far.h"

#include <string.h>
#include "base/log.h"
#include "sip/listener/edge.h"

#define ROOM "far"
#define IDLE_CHECK (60 * PL_USEC_PER_SEC)

typedef struct {
  PlFar *far;         /* NULL: given up */
  PlFarLink *link;
} Path;

typedef struct {
  GBytes *message;
  gint64 since;
} Held;

typedef struct {
  PlFarReady ready;
  gpointer user;
} Wait;

struct PlFar {
  PlFarNet *net;
  char *node, *own, *aor;
  char *sent_by;
  PlFlow *flow;
  GQueue paths;        /* Path, the one in use first */
  GQueue held;         /* Held */
  GArray *waits;       /* Wait */
  gpointer connecting; /* resolver's handle */
  PlTimer *retry_timer, *idle_timer, *ready_timer;
  gint64 used;
};

struct PlFarNet {
  PlEnv *env;
  PlHub *hub;
  const PlResolver *resolver;
  PlFarInUse in_use;
  gpointer in_use_user;
  GHashTable *fars;      /* borrowed flow name -> PlFar */
  GPtrArray *given_up;   /* Path: freed from the loop, never inside a link's own callback */
  PlTimer *sweep_timer;
};

static void far_connect (PlFar *far);
static void far_send (PlFar *far, GBytes *message);

/* --- paths --- */

static void
path_free (gpointer data)
{
  Path *path = data;

  path->link->funcs->free (path->link);
  g_free (path);
}

static void
on_sweep (gpointer data)
{
  PlFarNet *net = data;

  g_ptr_array_set_size (net->given_up, 0);
}

static void
path_give_up (PlFarNet *net, Path *path)
{
  path->far = NULL;
  g_ptr_array_add (net->given_up, path);
  pl_env_arm (net->env, &net->sweep_timer, 0, on_sweep, net);
}

static void
hold (PlFar *far, GBytes *message)
{
  Held *held;

  for (GList *l = far->held.head; l; l = l->next)
    if (g_bytes_equal (((Held *) l->data)->message, message))
      return; /* a retransmission of what already waits */
  if (g_queue_get_length (&far->held) >= PL_FAR_HELD_MAX)
    return;
  held = g_new0 (Held, 1);
  held->message = g_bytes_ref (message);
  held->since = pl_env_now (far->net->env);
  g_queue_push_tail (&far->held, held);
}

static void
held_free (gpointer data)
{
  Held *held = data;

  g_bytes_unref (held->message);
  g_free (held);
}

/* What the old link did not deliver goes over the new one. */
static void
move_unacknowledged (PlFar *far, Path *from)
{
  g_autoptr (GPtrArray) messages = from->link->funcs->dup_unacknowledged (from->link);

  for (guint i = 0; messages && i < messages->len; i++)
    far_send (far, messages->pdata[i]);
}

static void
flush_held (PlFar *far)
{
  gint64 now = pl_env_now (far->net->env);
  GQueue held = far->held;
  Held *entry;

  g_queue_init (&far->held);
  while ((entry = g_queue_pop_head (&held)))
    {
      if (now - entry->since < PL_FAR_HELD_TIME)
        far_send (far, entry->message);
      held_free (entry);
    }
}

static void
on_link_message (gpointer user, const guint8 *data, gsize len)
{
  Path *path = user;
  PlFar *far = path->far;

  if (!far)
    return;
  far->used = pl_env_now (far->net->env);
  if (!pl_flow_in (far->flow, data, len))
    pl_info (ROOM, "message of a far node dropped", "node", far->node, NULL);
}

static void
on_link_stalled (gpointer user)
{
  Path *path = user;

  if (!path->far || path->far->paths.head->data != path)
    return;
  pl_info (ROOM, "link does not answer, making a new one", "node", path->far->node, NULL);
  far_connect (path->far);
}

static void
on_link_closed (gpointer user, const char *reason)
{
  Path *path = user;
  PlFar *far = path->far;

  if (!far)
    return;
  pl_info (ROOM, "link closed", "node", far->node, "reason", reason ? reason : "", NULL);
  g_queue_remove (&far->paths, path);
  move_unacknowledged (far, path);
  path_give_up (far->net, path);
}

static const PlFarLinkHandlers link_handlers = { on_link_message, on_link_stalled, on_link_closed };

/* Tells those who wait, each once, after the link is in place. */
static void
tell_waits (PlFar *far, const char *error)
{
  g_autoptr (GArray) waits = far->waits;

  far->waits = g_array_new (FALSE, FALSE, sizeof (Wait));
  for (guint i = 0; i < waits->len; i++)
    {
      Wait *wait = &g_array_index (waits, Wait, i);

      wait->ready (wait->user, far, error);
    }
}

static void
on_idle_check (gpointer data)
{
  PlFar *far = data;
  PlFarNet *net = far->net;
  gboolean idle = pl_env_now (net->env) - far->used >= PL_FAR_IDLE;
  Path *path;

  if (idle && !(net->in_use && net->in_use (net->in_use_user, far->own, far->node)))
    while ((path = g_queue_pop_head (&far->paths)))
      path_give_up (net, path);
  if (!g_queue_is_empty (&far->paths))
    pl_env_arm (net->env, &far->idle_timer, IDLE_CHECK, on_idle_check, far);
}

/* The newest link is used; older ones stay open for what the far side still sends on them,
 * as both sides may have made one at the same time and each uses its own newest. */
static void
far_add_path (PlFar *far, PlFarLink *link, const char *aor)
{
  Path *path = g_new0 (Path, 1), *old = g_queue_peek_head (&far->paths);
  gboolean other_name = far->aor && strcmp (far->aor, aor) != 0;

  path->far = far;
  path->link = link;
  if (!far->aor || other_name)
    {
      g_free (far->aor);
      far->aor = g_strdup (aor);
    }
  link->funcs->set_handlers (link, &link_handlers, path);
  g_queue_push_head (&far->paths, path);
  far->used = pl_env_now (far->net->env);
  pl_timer_clear (&far->retry_timer);
  pl_env_arm (far->net->env, &far->idle_timer, IDLE_CHECK, on_idle_check, far);
  if (old)
    move_unacknowledged (far, old);
  while (g_queue_get_length (&far->paths) > (other_name ? 1 : PL_FAR_LINKS_MAX))
    path_give_up (far->net, g_queue_pop_tail (&far->paths));
  flush_held (far);
}

/* --- connecting --- */

static void
on_retry (gpointer data)
{
  PlFar *far = data;
  gint64 now = pl_env_now (far->net->env);
  Held *first;

  while ((first = g_queue_peek_head (&far->held)) && now - first->since >= PL_FAR_HELD_TIME)
    held_free (g_queue_pop_head (&far->held));
  if (!g_queue_is_empty (&far->held))
    far_connect (far);
}

static void
on_connected (gpointer user, PlFarLink *link, const GError *error)
{
  PlFar *far = user;
  PlFarInfo info = { 0 };

  far->connecting = NULL;
  if (link)
    link->funcs->info (link, &info);
  if (link && (!info.node || g_ascii_strcasecmp (info.node, far->node) != 0 || !info.aor))
    {
      pl_notice (ROOM, "link leads to another node than asked for, closed", "node", far->node, NULL);
      g_ptr_array_add (far->net->given_up, g_memdup2 (&(Path) { NULL, link }, sizeof (Path)));
      pl_env_arm (far->net->env, &far->net->sweep_timer, 0, on_sweep, far->net);
      link = NULL;
    }
  if (link)
    {
      far_add_path (far, link, info.aor);
      tell_waits (far, NULL);
      return;
    }
  if (!g_queue_is_empty (&far->held))
    pl_env_arm (far->net->env, &far->retry_timer, PL_FAR_RETRY, on_retry, far);
  tell_waits (far, error ? error->message : "no connection");
}

static void
far_connect (PlFar *far)
{
  const PlResolver *resolver = far->net->resolver;

  if (far->connecting)
    return;
  far->connecting = resolver->funcs->connect (resolver->impl, far->own, far->node, on_connected, far);
  if (!far->connecting)
    pl_env_arm (far->net->env, &far->retry_timer, PL_FAR_RETRY, on_retry, far);
}

/* --- sending --- */

static void
far_send (PlFar *far, GBytes *message)
{
  Path *path = g_queue_peek_head (&far->paths);
  gsize len;
  const guint8 *data = g_bytes_get_data (message, &len);

  far->used = pl_env_now (far->net->env);
  if (path && path->link->funcs->pending (path->link, data, len))
    return; /* the link repeats it itself */
  if (path && path->link->funcs->send (path->link, data, len))
    return;
  hold (far, message);
  if (!far->retry_timer)
    far_connect (far);
}

static void
far_out (gpointer user, const guint8 *data, gsize len)
{
  PlFar *far = user;
  PlEdgeOut out = { far->sent_by, "UDP", NULL, 0 };
  g_autoptr (GBytes) message = pl_edge_out (data, len, &out);

  if (message)
    far_send (far, message);
}

static void
far_closed (gpointer user)
{
  PlFar *far = user;
  PlFarNet *net = far->net;
  const PlResolver *resolver = net->resolver;
  Path *path;

  g_hash_table_remove (net->fars, pl_flow_name (far->flow));
  if (far->connecting)
    resolver->funcs->cancel (resolver->impl, far->connecting);
  pl_timer_clear (&far->retry_timer);
  pl_timer_clear (&far->idle_timer);
  pl_timer_clear (&far->ready_timer);
  while ((path = g_queue_pop_head (&far->paths)))
    path_give_up (net, path);
  g_queue_clear_full (&far->held, held_free);
  tell_waits (far, "too many far nodes at once");
  g_array_unref (far->waits);
  g_free (far->node);
  g_free (far->own);
  g_free (far->aor);
  g_free (far->sent_by);
  g_free (far);
}

/* --- the set of far nodes --- */

PlFarNet *
pl_far_net_new (PlEnv *env, PlHub *hub, const PlResolver *resolver, PlFarInUse in_use, gpointer user)
{
  PlFarNet *net = g_new0 (PlFarNet, 1);

  net->env = env;
  net->hub = hub;
  net->resolver = resolver;
  net->in_use = in_use;
  net->in_use_user = user;
  net->fars = g_hash_table_new (g_str_hash, g_str_equal);
  net->given_up = g_ptr_array_new_with_free_func (path_free);
  return net;
}

void
pl_far_net_free (PlFarNet *net)
{
  if (!net)
    return;
  pl_timer_clear (&net->sweep_timer);
  g_ptr_array_unref (net->given_up);
  g_hash_table_unref (net->fars);
  g_free (net);
}

static gboolean
is_node (const char *node)
{
  const char *overlay = node && strspn (node, "0123456789abcdefABCDEF") == PL_RESOLVED_NODE_HEX ? node + PL_RESOLVED_NODE_HEX : NULL;

  return overlay && (!*overlay || (*overlay == '@' && overlay[1] && !strpbrk (overlay, "/ ")));
}

PlFar *
pl_far_net_get (PlFarNet *net, const char *own, const char *node)
{
  static const PlFlowHandlers handlers = { far_out, far_closed };
  g_autofree char *lower = is_node (node) ? g_ascii_strdown (node, -1) : NULL;
  g_autofree char *name = lower ? g_strdup_printf ("far:%s/%s", lower, own) : NULL;
  const char *own_node = net->resolver->funcs->own_node (net->resolver->impl, own, node);
  PlFar *far;

  if (!lower || strlen (name) > PL_FLOW_NAME_MAX)
    return NULL;
  far = g_hash_table_lookup (net->fars, name);
  if (far)
    return far;
  far = g_new0 (PlFar, 1);
  far->net = net;
  far->node = g_steal_pointer (&lower);
  far->own = g_strdup (own);
  /* A name no resolver knows: the far side answers over the link, never to an address. */
  far->sent_by = g_strdup_printf ("%s.invalid", own_node ? own_node : "unknown");
  far->waits = g_array_new (FALSE, FALSE, sizeof (Wait));
  g_queue_init (&far->paths);
  g_queue_init (&far->held);
  far->flow = pl_hub_open (net->hub, PL_FLOW_FAR, name, &handlers, far);
  g_hash_table_insert (net->fars, (char *) pl_flow_name (far->flow), far);
  return far;
}

void
pl_far_net_add_link (PlFarNet *net, PlFarLink *link)
{
  PlFarInfo info = { 0 };
  PlFar *far;

  link->funcs->info (link, &info);
  far = info.own && info.aor ? pl_far_net_get (net, info.own, info.node) : NULL;
  if (!far)
    {
      pl_info (ROOM, "link without a name refused", NULL);
      link->funcs->free (link);
      return;
    }
  far_add_path (far, link, info.aor);
}

void
pl_far_net_revive (PlFarNet *net, const char *name)
{
  const char *slash = g_str_has_prefix (name, "far:") ? strchr (name, '/') : NULL;
  g_autofree char *node = slash ? g_strndup (name + 4, slash - name - 4) : NULL;

  if (node)
    pl_far_net_get (net, slash + 1, node);
}

PlFar *
pl_far_of_flow (const PlFlow *flow)
{
  return pl_flow_kind (flow) == PL_FLOW_FAR ? pl_flow_user (flow) : NULL;
}

PlFlow *
pl_far_flow (const PlFar *far)
{
  return far->flow;
}

const char *
pl_far_node (const PlFar *far)
{
  return far->node;
}

const char *
pl_far_own (const PlFar *far)
{
  return far->own;
}

const char *
pl_far_aor (const PlFar *far)
{
  return far->aor;
}

gboolean
pl_far_is_up (const PlFar *far)
{
  return !g_queue_is_empty ((GQueue *) &far->paths);
}

/* Of "udp LOCAL REMOTE" (overlay/link/carrier.h), "192.0.2.1:4711" or "[2001:db8::1]:4711". */
char *
pl_far_dup_reached (const PlFar *far)
{
  const Path *path = g_queue_peek_head ((GQueue *) &far->paths);
  PlFarInfo info = { 0 };
  const char *remote, *end;

  if (path)
    path->link->funcs->info (path->link, &info);
  if (!info.path || !g_str_has_prefix (info.path, "udp "))
    return NULL;
  remote = strrchr (info.path, ' ') + 1;
  end = strrchr (remote, ':');
  if (!end || end == remote)
    return NULL;
  return *remote == '[' ? g_strndup (remote + 1, strcspn (remote + 1, "]")) : g_strndup (remote, end - remote);
}

static void
on_ready (gpointer data)
{
  tell_waits (data, NULL);
}

void
pl_far_wait (PlFar *far, PlFarReady ready, gpointer user)
{
  Wait wait = { ready, user };

  g_array_append_val (far->waits, wait);
  if (pl_far_is_up (far))
    pl_env_arm (far->net->env, &far->ready_timer, 0, on_ready, far);
  else
    far_connect (far);
}

void
pl_far_cancel_wait (PlFarNet *net, gpointer user)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, net->fars);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PlFar *far = value;

      for (guint i = far->waits->len; i-- > 0;)
        if (g_array_index (far->waits, Wait, i).user == user)
          g_array_remove_index (far->waits, i);
    }
}
