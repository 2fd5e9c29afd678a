/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/siplinks.h"

#include "base/log.h"
#include "overlay/ident/cert.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct PlSipLinks {
  PlEnv *env;
  char *own, *state_dir, *overlay;
  GQueue links; /* FarLink */
};

/* A SIP link as the SIP side sees it. */
typedef struct {
  PlFarLink base;
  PlSipLinks *owner; /* NULL once that is gone */
  GList *member;
  PlAppLink *link;
  char *name; /* of the far device */
  gint64 since;
  PlFarLinkHandlers handlers;
  gpointer user;
} FarLink;

static void
on_message (gpointer user, PlAppLink *link, const guint8 *data, gsize len)
{
  FarLink *far = user;

  if (far->handlers.message)
    far->handlers.message (far->user, data, len);
}

static void
on_stalled (gpointer user, PlAppLink *link)
{
  FarLink *far = user;

  if (far->handlers.stalled)
    far->handlers.stalled (far->user);
}

static void
on_closed (gpointer user, PlAppLink *link, const char *reason)
{
  FarLink *far = user;

  if (far->handlers.closed)
    far->handlers.closed (far->user, reason);
}

static void
far_set_handlers (PlFarLink *base, const PlFarLinkHandlers *handlers, gpointer user)
{
  static const PlAppLinkHandlers app = { on_message, on_stalled, on_closed };
  FarLink *far = (FarLink *) base;

  far->handlers = *handlers;
  far->user = user;
  pl_app_link_set_handlers (far->link, &app, far);
}

static gboolean
far_send (PlFarLink *base, const guint8 *data, gsize len)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);

  return pl_app_link_send (((FarLink *) base)->link, bytes);
}

static gboolean
far_pending (PlFarLink *base, const guint8 *data, gsize len)
{
  return pl_app_link_pending (((FarLink *) base)->link, data, len);
}

static GPtrArray *
far_dup_unacknowledged (PlFarLink *base)
{
  return pl_app_link_dup_unacknowledged (((FarLink *) base)->link);
}

static void
far_info (PlFarLink *base, PlFarInfo *info)
{
  FarLink *far = (FarLink *) base;
  const PlCarrierInfo *carrier = pl_app_link_info (far->link);
  const char *aor = pl_cert_aor (carrier->cert);

  info->node = far->name;
  info->aor = aor ? aor : "";
  info->own = far->owner ? far->owner->own : "";
  info->path = carrier->description;
}

static void
far_free (PlFarLink *base)
{
  FarLink *far = (FarLink *) base;

  if (far->owner)
    g_queue_delete_link (&far->owner->links, far->member);
  pl_app_link_free (far->link);
  g_free (far->name);
  g_free (far);
}

/* Builds that write key logs also write which links are SIP, so that who reads a capture can
 * tell them from overlay links. */
static void
record_sip_link (PlSipLinks *owner, const PlCarrierInfo *info)
{
#ifdef PL_ENABLE_KEYLOG
  g_autofree char *path = g_build_filename (owner->state_dir, "sip-links", NULL);
  g_autofree char *line = g_strconcat (info->description ? info->description : "-", "\n", NULL);
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  if (fd < 0)
    return;
  if (write (fd, line, strlen (line)) < 0)
    pl_info ("siplinks", "sip-links not written", "path", path, NULL);
  close (fd);
#endif
}

char *
pl_sip_links_dup_name (PlSipLinks *owner, const PlNodeId *node)
{
  g_autofree char *hex = pl_node_id_dup_hex (node);

  return g_strconcat (hex, owner->overlay ? "@" : NULL, owner->overlay, NULL);
}

void
pl_sip_links_set_overlay (PlSipLinks *owner, const char *overlay)
{
  g_free (owner->overlay);
  owner->overlay = g_strdup (overlay);
}

PlFarLink *
pl_sip_links_wrap (PlSipLinks *owner, PlAppLink *link)
{
  static const PlFarLinkFuncs funcs = {
    far_set_handlers, far_send, far_pending, far_dup_unacknowledged, far_info, far_free,
  };
  const PlCarrierInfo *info = pl_app_link_info (link);
  FarLink *far = g_new0 (FarLink, 1);

  far->base.funcs = &funcs;
  far->owner = owner;
  far->link = link;
  far->name = pl_sip_links_dup_name (owner, &info->node);
  far->since = pl_env_now (owner->env);
  g_queue_push_tail (&owner->links, far);
  far->member = owner->links.tail;
  record_sip_link (owner, info);
  return &far->base;
}

GPtrArray *
pl_sip_links_dup_peers (PlSipLinks *owner)
{
  GPtrArray *peers = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_peer_info_free);

  for (GList *l = owner->links.head; l; l = l->next)
    {
      FarLink *far = l->data;
      const PlCarrierInfo *info = pl_app_link_info (far->link);
      PlPeerInfo *peer = g_new0 (PlPeerInfo, 1);

      peer->node = info->node;
      peer->aor = g_strdup (pl_cert_aor (info->cert));
      peer->role = "sip";
      peer->path = g_strdup (info->description);
      peer->rtt = info->rtt;
      peer->since = far->since;
      g_ptr_array_add (peers, peer);
    }
  return peers;
}

PlSipLinks *
pl_sip_links_new (PlEnv *env, const char *own, const char *state_dir)
{
  PlSipLinks *owner = g_new0 (PlSipLinks, 1);

  owner->env = env;
  owner->own = g_strdup (own);
  owner->state_dir = g_strdup (state_dir);
  g_queue_init (&owner->links);
  return owner;
}

void
pl_sip_links_free (PlSipLinks *owner)
{
  if (!owner)
    return;
  for (GList *l = owner->links.head; l; l = l->next)
    ((FarLink *) l->data)->owner = NULL;
  g_queue_clear (&owner->links);
  g_free (owner->own);
  g_free (owner->state_dir);
  g_free (owner->overlay);
  g_free (owner);
}
