/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/stack.h"

#include <signal.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "sip/echo/echo.h"
#include "sip/router/router.h"
#include <sofia-sip/msg.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/su_glib.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#define ROOM "sip"
#define DATAGRAM_MAX 65000  /* loopback carries it in one piece: nta never looks for TCP */

struct PlSip {
  PlEnv *env;
  PlSipHandlers handlers;
  gpointer user;
  const PlResolver *resolver; /* the echo's */
  PlEcho *echo;
  su_root_t *root;
  GSource *source;      /* the root's own, borrowed */
  nta_agent_t *agent;
  gboolean inited;
  PlHub *hub;
  PlListener *listener;
  PlFarNet *fars;
  PlDigest *digest;
  PlRegistrar *registrar;
  PlCalls *calls;
  PlTokenKey *key;
  PlRouter *router;
};

static void
on_calls_changed (gpointer user)
{
  PlSip *sip = user;

  if (sip->handlers.calls_changed)
    sip->handlers.calls_changed (sip->user);
}

static void
on_bindings_changed (gpointer user)
{
  PlSip *sip = user;

  if (sip->handlers.bindings_changed)
    sip->handlers.bindings_changed (sip->user);
}

static void
on_presence (gpointer user, const char *aor, const char *prefs)
{
  PlSip *sip = user;

  sip->resolver->funcs->registered (sip->resolver->impl, aor, prefs);
}

static gboolean
far_in_use (gpointer user, const char *own, const char *node)
{
  return pl_calls_with (((PlSip *) user)->calls, own, node);
}

/* A flow of before the restart is wanted again. */
static void
on_revive (gpointer user, const char *name)
{
  PlSip *sip = user;

  if (g_str_has_prefix (name, "far:"))
    pl_far_net_revive (sip->fars, name);
  else
    pl_listener_phone (sip->listener, name);
}

/* The sofia library prints on its own; what it has to say is for developers. */
static void
quiet_log (void *stream, char const *format, va_list arguments)
{
}

static guint16
inner_port (nta_agent_t *agent)
{
  tport_t *tport = tport_primaries (nta_agent_tports (agent));
  const tp_name_t *name = tport ? tport_name (tport) : NULL;
  guint64 port;

  return name && g_ascii_string_to_unsigned (name->tpn_port, 10, 1, G_MAXUINT16, &port, NULL) ? port : 0;
}

static gboolean
start_agent (PlSip *sip, GMainContext *context, GError **error)
{
  su_init ();
  sip->inited = TRUE;
  signal (SIGPIPE, SIG_IGN);
  su_log_redirect (NULL, quiet_log, NULL);
  sip->root = su_glib_root_create (NULL);
  sip->source = sip->root ? su_glib_root_gsource (sip->root) : NULL;
  if (sip->source)
    g_source_attach (sip->source, context);
  if (sip->source)
    sip->agent = nta_agent_create (sip->root, (url_string_t *) -1, pl_router_on_message, sip->router, NTATAG_UA (0),
                                   NTATAG_CANCEL_487 (0), NTATAG_PASS_100 (1), NTATAG_MERGE_482 (0), NTATAG_CLIENT_RPORT (1),
                                   NTATAG_SERVER_RPORT (2), NTATAG_UDP_MTU (DATAGRAM_MAX), NTATAG_USE_NAPTR (0),
                                   NTATAG_USE_SRV (0), NTATAG_SIPFLAGS (MSG_DO_CANONIC | MSG_DO_EXTRACT_COPY), TAG_END ());
  if (!sip->agent
      || nta_agent_add_tport (sip->agent, URL_STRING_MAKE ("sip:127.0.0.1:*;transport=udp"), TPTAG_MTU (DATAGRAM_MAX),
                              TAG_END ()) < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "starting the SIP transaction layer failed");
      return FALSE;
    }
  pl_router_set_agent (sip->router, sip->agent);
  return pl_hub_set_stack (sip->hub, inner_port (sip->agent), error);
}

static char *
state_path (const PlSipOptions *options, const char *name)
{
  return g_build_filename (options->state_dir, name, NULL);
}

static gboolean
start_parts (PlSip *sip, GMainContext *context, const PlSipOptions *options, GError **error)
{
  static const PlRegistrarHandlers registrar_handlers = { on_presence, on_bindings_changed };
  g_autofree char *flows = state_path (options, "flows");
  g_autofree char *listen = state_path (options, "listen");
  g_autofree char *bindings = state_path (options, "bindings");
  g_autofree char *key = state_path (options, "token-key");
  PlListenerOptions listener = { options->listen, options->uid, listen, options->sockets, options->n_sockets };

  if (!pl_file_make_dir (options->state_dir, error))
    return FALSE;
  sip->calls = pl_calls_new (sip->env, on_calls_changed, sip);
  sip->key = pl_token_key_load (sip->env, key, error);
  sip->hub = sip->key ? pl_hub_new (sip->env, context, flows, error) : NULL;
  if (!sip->hub)
    return FALSE;
  sip->fars = pl_far_net_new (sip->env, sip->hub, sip->resolver, far_in_use, sip);
  pl_hub_set_revive (sip->hub, on_revive, sip);
  sip->listener = pl_listener_new (sip->env, context, sip->hub, &listener, error);
  if (!sip->listener)
    return FALSE;
  sip->registrar = pl_registrar_new (sip->env, bindings, &registrar_handlers, sip);
  sip->digest = options->passwords ? pl_digest_new (sip->env, options->passwords) : NULL;
  sip->router = pl_router_new (&(PlRouterParts) { sip->env, sip->hub, sip->listener, sip->fars, sip->registrar, sip->calls,
                                                  sip->key, sip->resolver, options->media, sip->digest, options->far_rate,
                                                  options->tell });
  return TRUE;
}

PlSip *
pl_sip_new (PlEnv *env, GMainContext *context, const PlResolver *resolver, const PlSipOptions *options,
            const PlSipHandlers *handlers, gpointer user, GError **error)
{
  g_autoptr (PlSip) sip = g_new0 (PlSip, 1);

  sip->env = env;
  sip->echo = pl_echo_new (env, resolver, options->media);
  sip->resolver = pl_echo_resolver (sip->echo);
  sip->handlers = handlers ? *handlers : (PlSipHandlers){ 0 };
  sip->user = user;
  if (!start_parts (sip, context, options, error) || !start_agent (sip, context, error))
    {
      g_prefix_error (error, "SIP: ");
      return NULL;
    }
  return g_steal_pointer (&sip);
}

/* The order of sofia: agent, source, root (FACTS: anything else asserts). */
void
pl_sip_free (PlSip *sip)
{
  if (!sip)
    return;
  memset (&sip->handlers, 0, sizeof sip->handlers);
  pl_router_free (sip->router);
  if (sip->agent)
    nta_agent_destroy (sip->agent);
  if (sip->source)
    g_source_destroy (sip->source);
  if (sip->root)
    su_root_destroy (sip->root);
  if (sip->inited)
    su_deinit ();
  pl_hub_free (sip->hub);
  pl_far_net_free (sip->fars);
  pl_echo_free (sip->echo);
  pl_listener_free (sip->listener);
  pl_registrar_free (sip->registrar);
  pl_digest_free (sip->digest);
  pl_token_key_free (sip->key);
  pl_calls_free (sip->calls);
  g_free (sip);
}

void
pl_sip_add_link (PlSip *sip, PlFarLink *link)
{
  pl_far_net_add_link (sip->fars, link);
}

void
pl_sip_network_changed (PlSip *sip)
{
  pl_router_network_changed (sip->router);
}

const char *const *
pl_sip_listening (PlSip *sip)
{
  return pl_listener_listening (sip->listener);
}

void
pl_call_info_free (PlCallInfo *info)
{
  if (!info)
    return;
  g_free (info->id);
  g_free (info->from);
  g_free (info->to);
  g_free (info->redirected);
  g_free (info->far_node);
  g_free (info);
}

void
pl_sip_retell (PlSip *sip, const char *aor)
{
  pl_registrar_retell (sip->registrar, aor);
}

GPtrArray *
pl_sip_dup_calls (PlSip *sip)
{
  g_autoptr (GPtrArray) list = pl_calls_list (sip->calls);
  GPtrArray *out = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_call_info_free);

  for (guint i = 0; i < list->len; i++)
    {
      const PlCall *call = list->pdata[i];
      PlCallInfo *info = g_new0 (PlCallInfo, 1);

      info->id = g_strdup (call->id);
      info->from = g_strdup (call->from);
      info->to = g_strdup (call->to);
      info->redirected = g_strdup (call->redirected);
      info->state = pl_call_state_text (call->state);
      info->media = pl_call_media_text (call->media);
      info->edge = pl_call_edge_text (call->edge);
      info->far_node = g_strdup (call->far_node);
      info->since = call->since;
      info->lookup = call->lookup;
      info->connect = call->connect;
      info->invite = call->invite;
      g_ptr_array_add (out, info);
    }
  return out;
}

void
pl_binding_info_free (PlBindingInfo *info)
{
  if (!info)
    return;
  g_free (info->aor);
  g_free (info->contact);
  g_free (info->user_agent);
  g_free (info);
}

GPtrArray *
pl_sip_dup_bindings (PlSip *sip)
{
  g_autoptr (GPtrArray) list = pl_registrar_list (sip->registrar, NULL);
  GPtrArray *out = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_binding_info_free);

  for (guint i = 0; i < list->len; i++)
    {
      const PlBinding *binding = list->pdata[i];
      PlBindingInfo *info = g_new0 (PlBindingInfo, 1);

      info->aor = g_strdup (binding->aor);
      info->contact = g_strdup (binding->contact);
      info->user_agent = g_strdup (binding->user_agent);
      info->expires = binding->expires;
      g_ptr_array_add (out, info);
    }
  return out;
}
