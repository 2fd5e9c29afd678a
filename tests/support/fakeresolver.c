/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/fakeresolver.h"

#include <string.h>

#define STALL (2 * PL_USEC_PER_SEC)

typedef struct FakeLink FakeLink;

typedef struct {
  FakeLink *link;       /* the sender's end */
  GBytes *sent, *arrives;
  PlTimer *timer;
} Flight;

struct FakeLink {
  PlFarLink base;
  PlFakeNet *net;
  PlFakeDaemon *daemon, *far;
  FakeLink *peer;
  char *aor;            /* certified name of the far side */
  char *reason;
  PlFarLinkHandlers handlers;
  gpointer user;
  GPtrArray *flights;
  PlTimer *stall, *closing;
  gboolean closed;
};

/* An answer that is due. */
typedef struct {
  PlFakeDaemon *daemon;
  char *name;           /* AoR or Node-ID */
  PlResolveFunc resolve;
  PlConnectFunc connect;
  gpointer user;
  PlTimer *timer;
} Job;

struct PlFakeDaemon {
  PlFakeNet *net;
  char *aor, *node, *certified;
  PlResolver resolver;
  void (*add_link) (gpointer sip, PlFarLink *link);
  gpointer sip;
  gboolean attached, owns_all;
  char *prefs;          /* NULL: no phone is registered */
  GPtrArray *got;
};

struct PlFakeNet {
  PlEnv *env;
  GPtrArray *daemons, *links, *jobs;
  GHashTable *results;      /* AoR -> PlResolveResult */
  GHashTable *redirects;    /* AoR -> AoR */
  GHashTable *unreachable;  /* Node-ID */
  gint64 resolve, connect, message;
  const char *path;
  PlFakeTamper tamper;
  gpointer tamper_user;
  gboolean cut;
  guint messages;
};

/* --- links --- */

static void
flight_free (gpointer data)
{
  Flight *flight = data;

  pl_timer_clear (&flight->timer);
  g_bytes_unref (flight->sent);
  g_clear_pointer (&flight->arrives, g_bytes_unref);
  g_free (flight);
}

static void
link_destroy (gpointer data)
{
  FakeLink *link = data;

  pl_timer_clear (&link->stall);
  pl_timer_clear (&link->closing);
  g_ptr_array_unref (link->flights);
  if (link->peer)
    link->peer->peer = NULL;
  g_free (link->aor);
  g_free (link->reason);
  g_free (link);
}

static void
link_say_closed (gpointer data)
{
  FakeLink *link = data;

  if (link->handlers.closed)
    link->handlers.closed (link->user, link->reason);
}

static void
link_close (FakeLink *link, const char *reason)
{
  if (link->closed)
    return;
  link->closed = TRUE;
  link->reason = g_strdup (reason);
  pl_timer_clear (&link->stall);
  g_ptr_array_set_size (link->flights, 0);
  pl_env_arm (link->net->env, &link->closing, 0, link_say_closed, link);
}

static void
link_free (PlFarLink *base)
{
  FakeLink *link = (FakeLink *) base;

  if (link->peer)
    link_close (link->peer, "the far side closed the link");
  g_ptr_array_remove (link->net->links, link);
}

static void
deliver (Flight *flight, FakeLink *to)
{
  g_autoptr (GBytes) bytes = g_steal_pointer (&flight->arrives);
  gsize len;
  const guint8 *data;

  g_ptr_array_remove (flight->link->flights, flight);
  if (!bytes)
    return;
  data = g_bytes_get_data (bytes, &len);
  if (to->handlers.message)
    to->handlers.message (to->user, data, len);
  else
    g_ptr_array_add (to->daemon->got, g_strndup ((const char *) data, len));
}

static void
flight_lands (gpointer data)
{
  Flight *flight = data;
  FakeLink *link = flight->link, *to = link->peer;

  if (!to || to->closed)
    return;
  if (to->daemon->attached && !to->handlers.message)
    {
      pl_env_arm (link->net->env, &flight->timer, link->net->message, flight_lands, flight);
      return;
    }
  pl_timer_clear (&link->stall);
  deliver (flight, to);
}

static void
link_stalls (gpointer data)
{
  FakeLink *link = data;

  if (link->flights->len && link->handlers.stalled)
    link->handlers.stalled (link->user);
}

static gboolean
link_send (PlFarLink *base, const guint8 *data, gsize len)
{
  FakeLink *link = (FakeLink *) base;
  PlFakeNet *net = link->net;
  Flight *flight;

  if (link->closed)
    return FALSE;
  flight = g_new0 (Flight, 1);
  flight->link = link;
  flight->sent = g_bytes_new (data, len);
  flight->arrives = g_bytes_ref (flight->sent);
  if (net->tamper)
    flight->arrives = net->tamper (net->tamper_user, link->daemon->node, link->far->node, flight->arrives);
  net->messages++;
  g_ptr_array_add (link->flights, flight);
  if (!net->cut)
    pl_env_arm (net->env, &flight->timer, net->message, flight_lands, flight);
  if (!link->stall)
    pl_env_arm (net->env, &link->stall, STALL, link_stalls, link);
  return TRUE;
}

static gboolean
link_pending (PlFarLink *base, const guint8 *data, gsize len)
{
  FakeLink *link = (FakeLink *) base;
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, len);

  for (guint i = 0; i < link->flights->len; i++)
    if (g_bytes_equal (((Flight *) link->flights->pdata[i])->sent, bytes))
      return TRUE;
  return FALSE;
}

static GPtrArray *
link_dup_unacknowledged (PlFarLink *base)
{
  FakeLink *link = (FakeLink *) base;
  GPtrArray *out = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (guint i = 0; i < link->flights->len; i++)
    g_ptr_array_add (out, g_bytes_ref (((Flight *) link->flights->pdata[i])->sent));
  return out;
}

static void
link_info (PlFarLink *base, PlFarInfo *info)
{
  FakeLink *link = (FakeLink *) base;

  *info = (PlFarInfo){ .node = link->far->node, .aor = link->aor, .own = link->daemon->aor, .path = link->net->path };
}

static void
link_set_handlers (PlFarLink *base, const PlFarLinkHandlers *handlers, gpointer user)
{
  FakeLink *link = (FakeLink *) base;

  link->handlers = handlers ? *handlers : (PlFarLinkHandlers){ 0 };
  link->user = user;
}

static const PlFarLinkFuncs link_funcs = {
  .set_handlers = link_set_handlers, .send = link_send, .pending = link_pending,
  .dup_unacknowledged = link_dup_unacknowledged, .info = link_info, .free = link_free,
};

static FakeLink *
link_new (PlFakeDaemon *daemon, PlFakeDaemon *far)
{
  FakeLink *link = g_new0 (FakeLink, 1);

  link->base.funcs = &link_funcs;
  link->net = daemon->net;
  link->daemon = daemon;
  link->far = far;
  link->aor = g_strdup (far->certified);
  link->flights = g_ptr_array_new_with_free_func (flight_free);
  g_ptr_array_add (daemon->net->links, link);
  return link;
}

/* Both ends of a link; the far one is handed over, the near one is the caller's. */
static FakeLink *
link_pair (PlFakeDaemon *from, PlFakeDaemon *to)
{
  FakeLink *near = link_new (from, to), *far = link_new (to, from);

  near->peer = far;
  far->peer = near;
  if (to->add_link)
    to->add_link (to->sip, &far->base);
  return near;
}

/* --- resolver --- */

static void
job_free (gpointer data)
{
  Job *job = data;

  pl_timer_clear (&job->timer);
  g_free (job->name);
  g_free (job);
}

static PlFakeDaemon *
find_node (PlFakeNet *net, const char *node)
{
  for (guint i = 0; i < net->daemons->len; i++)
    if (g_str_equal (((PlFakeDaemon *) net->daemons->pdata[i])->node, node))
      return net->daemons->pdata[i];
  return NULL;
}

static PlResolveResult
look_up (PlFakeNet *net, const char *aor, GArray *found)
{
  const char *target = g_hash_table_lookup (net->redirects, aor);
  PlResolveResult result = PL_RESOLVE_UNKNOWN;

  for (guint i = 0; i < net->daemons->len; i++)
    {
      PlFakeDaemon *daemon = net->daemons->pdata[i];
      PlResolved each = { daemon->node, daemon->aor, daemon->prefs ? daemon->prefs : "" };

      if (!g_str_equal (daemon->aor, target ? target : aor))
        continue;
      if (daemon->prefs || !daemon->attached)
        g_array_append_val (found, each);
      result = found->len ? PL_RESOLVE_FOUND : PL_RESOLVE_OFFLINE;
    }
  if (g_hash_table_contains (net->results, aor))
    result = GPOINTER_TO_UINT (g_hash_table_lookup (net->results, aor));
  return result;
}

static void
job_done (gpointer data)
{
  Job *job = data;
  PlFakeNet *net = job->daemon->net;
  g_autofree char *name = g_steal_pointer (&job->name);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (PlResolved));
  g_autoptr (GError) error = NULL;
  Job copy = *job;
  PlFakeDaemon *to;
  PlResolveResult result;

  g_ptr_array_remove (net->jobs, job);
  if (copy.resolve)
    {
      result = look_up (net, name, found);
      copy.resolve (copy.user, result, (const PlResolved *) found->data, result == PL_RESOLVE_FOUND ? found->len : 0);
      return;
    }
  to = find_node (net, name);
  if (to && !g_hash_table_contains (net->unreachable, name))
    {
      copy.connect (copy.user, &link_pair (copy.daemon, to)->base, NULL);
      return;
    }
  error = g_error_new (G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "no way to node %s", name);
  copy.connect (copy.user, NULL, error);
}

static Job *
job_new (PlFakeDaemon *daemon, const char *name, gint64 delay)
{
  Job *job = g_new0 (Job, 1);

  job->daemon = daemon;
  job->name = g_strdup (name);
  g_ptr_array_add (daemon->net->jobs, job);
  pl_env_arm (daemon->net->env, &job->timer, delay, job_done, job);
  return job;
}

static gpointer
resolver_resolve (gpointer impl, const char *own, const char *aor, PlResolveFunc func, gpointer user)
{
  PlFakeDaemon *daemon = impl;
  Job *job = job_new (daemon, aor, daemon->net->resolve);

  job->resolve = func;
  job->user = user;
  return job;
}

static gpointer
resolver_connect (gpointer impl, const char *own, const char *node, PlConnectFunc func, gpointer user)
{
  PlFakeDaemon *daemon = impl;
  Job *job = job_new (daemon, node, daemon->net->connect);

  job->connect = func;
  job->user = user;
  return job;
}

static void
resolver_cancel (gpointer impl, gpointer handle)
{
  g_ptr_array_remove (((PlFakeDaemon *) impl)->net->jobs, handle);
}

static gboolean
resolver_is_ours (gpointer impl, const char *aor)
{
  return ((PlFakeDaemon *) impl)->owns_all || g_str_equal (((PlFakeDaemon *) impl)->aor, aor);
}

static const char *
resolver_own_node (gpointer impl, const char *aor, const char *far)
{
  (void) far;
  return resolver_is_ours (impl, aor) ? ((PlFakeDaemon *) impl)->node : NULL;
}

static void
resolver_registered (gpointer impl, const char *aor, const char *prefs)
{
  PlFakeDaemon *daemon = impl;

  if (!resolver_is_ours (impl, aor))
    return;
  g_free (daemon->prefs);
  daemon->prefs = g_strdup (prefs);
}

static const PlResolverFuncs resolver_funcs = {
  .resolve = resolver_resolve, .connect = resolver_connect, .cancel = resolver_cancel,
  .is_ours = resolver_is_ours, .own_node = resolver_own_node, .registered = resolver_registered,
};

/* --- daemons --- */

static void
daemon_free (gpointer data)
{
  PlFakeDaemon *daemon = data;

  g_ptr_array_unref (daemon->got);
  g_free (daemon->aor);
  g_free (daemon->node);
  g_free (daemon->certified);
  g_free (daemon->prefs);
  g_free (daemon);
}

PlFakeDaemon *
pl_fake_daemon_new (PlFakeNet *net, const char *aor, const char *node)
{
  PlFakeDaemon *daemon = g_new0 (PlFakeDaemon, 1);

  daemon->net = net;
  daemon->aor = g_strdup (aor);
  daemon->node = g_strdup (node);
  daemon->certified = g_strdup (aor);
  daemon->resolver = (PlResolver){ .funcs = &resolver_funcs, .impl = daemon };
  daemon->got = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (net->daemons, daemon);
  return daemon;
}

const PlResolver *
pl_fake_daemon_resolver (PlFakeDaemon *daemon)
{
  return &daemon->resolver;
}

void
pl_fake_daemon_attach (PlFakeDaemon *daemon, void (*add_link) (gpointer sip, PlFarLink *link), gpointer sip)
{
  daemon->add_link = add_link;
  daemon->sip = sip;
  daemon->attached = TRUE;
  pl_fake_net_set_reachable (daemon->net, daemon->node, add_link != NULL);
  for (guint i = 0; !add_link && i < daemon->net->links->len; i++)
    {
      FakeLink *link = daemon->net->links->pdata[i];

      if (link->daemon == daemon)
        link->handlers = (PlFarLinkHandlers){ 0 };
      else if (link->far == daemon)
        link_close (link, "the far side died");
    }
}

void
pl_fake_daemon_own_all (PlFakeDaemon *daemon)
{
  daemon->owns_all = TRUE;
}

const char *
pl_fake_daemon_registered (PlFakeDaemon *daemon)
{
  return daemon->prefs;
}

const char *
pl_fake_daemon_got (PlFakeDaemon *daemon, guint n)
{
  return n < daemon->got->len ? daemon->got->pdata[n] : NULL;
}

void
pl_fake_daemon_certify (PlFakeDaemon *daemon, const char *aor)
{
  g_free (daemon->certified);
  daemon->certified = g_strdup (aor);
}

/* --- the net --- */

PlFakeNet *
pl_fake_net_new (PlEnv *env)
{
  PlFakeNet *net = g_new0 (PlFakeNet, 1);

  net->env = env;
  net->path = "test";
  net->daemons = g_ptr_array_new_with_free_func (daemon_free);
  net->links = g_ptr_array_new_with_free_func (link_destroy);
  net->jobs = g_ptr_array_new_with_free_func (job_free);
  net->results = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  net->redirects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  net->unreachable = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  pl_fake_net_set_delays (net, PL_USEC_PER_MSEC, PL_USEC_PER_MSEC, PL_USEC_PER_MSEC);
  return net;
}

void
pl_fake_net_free (PlFakeNet *net)
{
  g_ptr_array_unref (net->jobs);
  g_ptr_array_unref (net->links);
  g_ptr_array_unref (net->daemons);
  g_hash_table_unref (net->results);
  g_hash_table_unref (net->redirects);
  g_hash_table_unref (net->unreachable);
  g_free (net);
}

void
pl_fake_net_set_result (PlFakeNet *net, const char *aor, PlResolveResult result)
{
  g_hash_table_replace (net->results, g_strdup (aor), GUINT_TO_POINTER (result));
}

void
pl_fake_net_redirect (PlFakeNet *net, const char *aor, const char *target)
{
  g_hash_table_replace (net->redirects, g_strdup (aor), g_strdup (target));
}

void
pl_fake_net_set_reachable (PlFakeNet *net, const char *node, gboolean reachable)
{
  if (reachable)
    g_hash_table_remove (net->unreachable, node);
  else
    g_hash_table_add (net->unreachable, g_strdup (node));
}

void
pl_fake_net_set_path (PlFakeNet *net, const char *path)
{
  net->path = path;
}

void
pl_fake_net_set_delays (PlFakeNet *net, gint64 resolve, gint64 connect, gint64 message)
{
  net->resolve = resolve;
  net->connect = connect;
  net->message = message;
}

void
pl_fake_net_set_tamper (PlFakeNet *net, PlFakeTamper tamper, gpointer user)
{
  net->tamper = tamper;
  net->tamper_user = user;
}

void
pl_fake_net_set_cut (PlFakeNet *net, gboolean cut)
{
  net->cut = cut;
  for (guint i = 0; i < net->links->len; i++)
    {
      FakeLink *link = net->links->pdata[i];

      for (guint k = 0; k < link->flights->len; k++)
        {
          Flight *flight = link->flights->pdata[k];

          pl_timer_clear (&flight->timer);
          if (!cut)
            pl_env_arm (net->env, &flight->timer, net->message, flight_lands, flight);
        }
    }
}

void
pl_fake_net_close_links (PlFakeNet *net, const char *reason)
{
  for (guint i = 0; i < net->links->len; i++)
    link_close (net->links->pdata[i], reason);
}

void
pl_fake_net_inject (PlFakeNet *net, PlFakeDaemon *from, PlFakeDaemon *to, const char *message)
{
  FakeLink *link = NULL;

  for (guint i = net->links->len; !link && i > 0; i--)
    {
      FakeLink *each = net->links->pdata[i - 1];

      if (each->daemon == from && each->far == to && !each->closed && each->peer)
        link = each;
    }
  if (!link)
    link = link_pair (from, to);
  link_send (&link->base, (const guint8 *) message, strlen (message));
}

guint
pl_fake_net_links (PlFakeNet *net)
{
  guint count = 0;

  for (guint i = 0; i < net->links->len; i++)
    count += !((FakeLink *) net->links->pdata[i])->closed;
  return (count + 1) / 2;
}

guint
pl_fake_net_messages (PlFakeNet *net)
{
  return net->messages;
}
