/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/app.h"

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "ice/agent/agent.h"
#include "overlay/ident/key.h"
#include "proxy/settings.h"
#include "proxy/control.h"
#include "proxy/home.h"
#include "proxy/membership.h"
#include "proxy/network.h"
#include "proxy/notify.h"
#include "proxy/power.h"
#include "proxy/paths.h"
#include "proxy/diagnose.h"
#include "proxy/report.h"
#include "proxy/media/edges.h"
#include "proxy/resolver/overlay.h"
#include "sip/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct PlApp {
  PlPaths *paths;
  char *config_path;
  char *log_level;
  PlSettings *config;
  GMainLoop *main_loop;
  PlLoop *loop;
  int lock;
  GPtrArray *memberships; /* PlMembership */
  GPtrArray *problems;    /* what is wrong now, each with its next step */
  PlOverlayResolver *resolver;
  PlEdges *edges;
  char *edge_turn[2];     /* lent to it */
  PlSip *sip;
  PlControl *control;
  PlPower *power;
  PlNetwork *network;
  const char *unlocking;  /* whose passphrase this is, while it is tried */
  const char *passphrase;
  guint locked;           /* identities whose key waits for one */
  guint stopping; /* memberships that still leave */
  gboolean stopped;
};

/* --- configuration --- */

static gboolean
apply_log_level (PlApp *app, GError **error)
{
  static const char *const names[] = { "error", "warning", "notice", "info", "debug" };

  if (!app->log_level)
    {
      pl_log_set_level (app->config->log_level);
      return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i], app->log_level))
      {
        pl_log_set_level ((PlLogLevel) i);
        return TRUE;
      }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--log must be error, warning, notice, info or debug");
  return FALSE;
}

PlApp *
pl_app_new (const char *log_level, GError **error)
{
  g_autoptr (PlApp) app = g_new0 (PlApp, 1);

  app->lock = -1;
  app->log_level = g_strdup (log_level);
  app->paths = pl_paths_new (error);
  if (!app->paths)
    return NULL;
  app->config_path = pl_paths_dup_config_file (app->paths);
  app->config = pl_settings_load (app->config_path, error);
  if (!app->config || !apply_log_level (app, error))
    return NULL;
  app->main_loop = g_main_loop_new (NULL, FALSE);
  app->memberships = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_membership_free);
  app->problems = g_ptr_array_new_with_free_func (g_free);
  return g_steal_pointer (&app);
}

const char *
pl_app_config_path (PlApp *app)
{
  return app->config_path;
}

/* --- one daemon per home --- */

static gboolean
take_lock (PlApp *app, GError **error)
{
  g_autofree char *path = g_build_filename (app->paths->runtime, "lock", NULL);

  app->lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (app->lock >= 0 && flock (app->lock, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  if (app->lock >= 0 && errno == EWOULDBLOCK)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "peerlined is running already (%s); see 'peerline status'", path);
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot lock %s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
make_folders (PlApp *app, GError **error)
{
  return pl_file_make_dir (app->paths->state, error) && pl_file_make_dir (app->paths->runtime, error);
}

/* --- memberships --- */

static void
on_membership_state (gpointer user, PlMembership *membership)
{
  PlApp *app = user;

  if (app->control)
    pl_control_changed (app->control, "status");
}

static void
on_incoming_link (gpointer user, PlFarLink *link)
{
  PlApp *app = user;

  if (app->sip)
    pl_sip_add_link (app->sip, link);
  else
    link->funcs->free (link);
}

static PlMembership *
find_membership (PlApp *app, const PlHomeIdentity *home)
{
  for (guint i = 0; i < app->memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (app->memberships, i);

      if (g_str_equal (pl_membership_aor (membership), home->aor) && g_str_equal (pl_membership_overlay (membership), home->overlay))
        return membership;
    }
  return NULL;
}

/* Who listens on the overlay port: those the document sends newcomers to, and whoever made the
 * overlay alone; one per machine address, so the first. */
static gboolean
should_listen (PlApp *app, const PlHomeIdentity *home)
{
  g_autofree char *authority = pl_home_dup_authority_dir (app->paths, home->overlay);

  if (app->memberships->len > 0 || pl_home_is_incognito (home)) /* one port would tell that two are one */
    return FALSE;
  switch (app->config->role)
    {
    case PL_ROLE_BOOTSTRAP:
    case PL_ROLE_PEER:
      return TRUE;
    case PL_ROLE_CLIENT:
      return FALSE;
    case PL_ROLE_AUTO:
      return g_file_test (authority, G_FILE_TEST_IS_DIR);
    }
  return FALSE;
}

static void
add_problem (PlApp *app, const char *text)
{
  g_ptr_array_add (app->problems, g_strdup (text));
}

/* All but the first `told`, which were said otherwise. */
static void
log_problems (PlApp *app, guint told)
{
  for (guint i = told; i < app->problems->len; i++)
    pl_warn ("app", g_ptr_array_index (app->problems, i), NULL);
}

static void
add_membership (PlApp *app, const PlHomeIdentity *home)
{
  static const PlMembershipHandlers handlers = { on_membership_state, on_incoming_link };
  PlMembershipOptions options = {
    .loop = app->loop,
    .config = app->config,
    .state_dir = app->paths->state,
    .listen = should_listen (app, home),
    .passphrase = g_strcmp0 (app->unlocking, home->aor) == 0 ? app->passphrase : NULL,
    .handlers = &handlers,
    .user = app,
  };
  g_autoptr (GError) error = NULL;
  PlMembership *membership = pl_membership_new (home, &options, &error);

  if (!membership && error->domain == PL_KEY_ERROR)
    {
      app->locked++;
      g_clear_error (&error);
      error = g_error_new (PL_KEY_ERROR, PL_KEY_LOCKED, "the key of %s in overlay %s is locked: run 'peerline unlock %s'", home->aor,
                           home->overlay, home->aor);
    }
  if (!membership)
    {
      add_problem (app, error->message);
      return;
    }
  pl_node_set_reluctant (pl_membership_node (membership), app->power && pl_power_saving (app->power));
  g_ptr_array_add (app->memberships, membership);
  pl_membership_start (membership);
}

static void
apply_redirect (PlApp *app, PlMembership *membership, const PlHomeIdentity *home)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *target = pl_home_load_redirect (home, &error);
  g_autofree char *text = NULL;

  if (!error && pl_node_redirect (pl_membership_node (membership), home->aor, target))
    return;
  text = g_strdup_printf ("%s says no address that calls for %s can go to: 'peerline redirect %s TARGET' (or off) sets it anew",
                          home->redirect_path, home->aor, home->aor);
  add_problem (app, text);
}

/* There is no identity in `overlay`; where its authority is, one command makes one. */
static void
say_how_to_identify (PlApp *app, const PlHomeOverlay *overlay)
{
  g_autofree char *text = NULL;

  if (overlay->authority || (overlay->document && pl_document_mode (overlay->document) != PL_MODE_CERTIFICATES))
    text = g_strdup_printf ("you have no identity in overlay %s yet: 'peerline identity create you@example.org --overlay %s' makes one",
                            overlay->name, overlay->name);
  else
    text = g_strdup_printf ("you have no identity in overlay %s yet: send whoever runs it what 'peerline identity request "
                            "you@example.org --overlay %s' prints, and bring the answer in with 'peerline identity import FILE'",
                            overlay->name, overlay->name);
  add_problem (app, text);
}

static void
say_next_steps (PlApp *app)
{
  g_autoptr (GPtrArray) overlays = pl_home_list_overlays (app->paths, NULL);

  if (overlays->len > 0)
    {
      for (guint i = 0; i < overlays->len; i++)
        say_how_to_identify (app, g_ptr_array_index (overlays, i));
      return;
    }
  add_problem (app, "you are in no overlay yet: join one with 'peerline overlay join FILE' or make one with "
                    "'peerline overlay create NAME', then get an identity with 'peerline identity create you@example.org --overlay NAME'");
}

/* Keys without a certificate. One that was never there is awaited; one that is gone is missed.
 * Returns how many are awaited. */
static guint
load_requests (PlApp *app)
{
  g_autoptr (GPtrArray) requests = pl_home_list_requests (app->paths);
  guint awaited = 0;

  for (guint i = 0; i < requests->len; i++)
    {
      const PlHomeIdentity *home = g_ptr_array_index (requests, i);
      gboolean asked = g_file_test (home->request_path, G_FILE_TEST_EXISTS);
      g_autofree char *text = NULL;

      if (asked)
        text = g_strdup_printf ("the certificate of %s in overlay %s was asked for and is not here yet: bring it in with "
                                "'peerline identity import FILE'", home->aor, home->overlay);
      else
        text = g_strdup_printf ("the certificate of %s in overlay %s is missing (%s): bring it back, or get a new one with "
                                "'peerline identity request %s --overlay %s' and 'peerline identity import FILE'",
                                home->aor, home->overlay, home->cert_path, home->aor, home->overlay);
      add_problem (app, text);
      awaited += asked ? 1 : 0;
    }
  return awaited;
}

static int
compare_names (const PlSettings *config, const char *overlay_a, const char *overlay_b, const char *aor_a, const char *aor_b)
{
  int order = (int) pl_settings_rank (config, overlay_a) - (int) pl_settings_rank (config, overlay_b);

  if (order == 0)
    order = strcmp (overlay_a, overlay_b);
  return order ? order : strcmp (aor_a, aor_b);
}

static int
compare_homes (gconstpointer a, gconstpointer b, gpointer config)
{
  const PlHomeIdentity *first = *(PlHomeIdentity *const *) a, *second = *(PlHomeIdentity *const *) b;

  return compare_names (config, first->overlay, second->overlay, first->aor, second->aor);
}

static int
compare_memberships (gconstpointer a, gconstpointer b, gpointer config)
{
  PlMembership *first = *(PlMembership *const *) a, *second = *(PlMembership *const *) b;

  return compare_names (config, pl_membership_overlay (first), pl_membership_overlay (second), pl_membership_aor (first),
                        pl_membership_aor (second));
}

/* The order is the user's: look-ups believe the first. */
static void
arrange_memberships (PlApp *app)
{
  g_ptr_array_sort_with_data (app->memberships, compare_memberships, app->config);
  for (guint i = 0; i < app->memberships->len; i++)
    {
      PlMembership *membership = g_ptr_array_index (app->memberships, i);
      guint same = 0;

      for (guint k = 0; k < app->memberships->len; k++)
        same += g_str_equal (pl_membership_aor (membership), pl_membership_aor (g_ptr_array_index (app->memberships, k)));
      pl_membership_set_only (membership, same == 1);
    }
}

/* Brings memberships in line with what is on disk. Returns FALSE when there are identities and
 * none of them can be used, now or when its certificate comes; app->problems then says why. */
static gboolean
load_identities (PlApp *app)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) identities = pl_home_list_identities (app->paths, &problems);
  guint awaited;

  app->locked = 0;
  g_ptr_array_set_size (app->problems, 0);
  for (guint i = 0; problems && i < problems->len; i++)
    add_problem (app, g_ptr_array_index (problems, i));
  g_ptr_array_sort_with_data (identities, compare_homes, app->config);
  for (guint i = 0; i < identities->len; i++)
    {
      const PlHomeIdentity *home = g_ptr_array_index (identities, i);

      if (!find_membership (app, home))
        add_membership (app, home);
      if (find_membership (app, home))
        apply_redirect (app, find_membership (app, home), home);
    }
  arrange_memberships (app);
  awaited = load_requests (app);
  if (app->memberships->len > 0 || awaited > 0 || app->locked > 0)
    return TRUE;
  if (app->problems->len > 0)
    return FALSE;
  say_next_steps (app);
  return TRUE;
}

/* New memberships learn of the phones that are registered already. */
static void
register_bindings (PlApp *app)
{
  g_autoptr (GPtrArray) bindings = app->sip ? pl_sip_dup_bindings (app->sip) : g_ptr_array_new ();

  for (guint i = 0; i < bindings->len; i++)
    pl_sip_retell (app->sip, ((PlBindingInfo *) g_ptr_array_index (bindings, i))->aor);
}

/* --- control --- */

static GVariant *
control_status (gpointer user, GError **error)
{
  PlApp *app = user;

  return pl_report_status (app->memberships, app->sip, app->problems);
}

static GVariant *
control_peers (gpointer user, GError **error)
{
  return pl_report_peers (((PlApp *) user)->memberships, pl_loop_env (((PlApp *) user)->loop));
}

static GVariant *
control_registrations (gpointer user, GError **error)
{
  return pl_report_registrations (((PlApp *) user)->sip);
}

static GVariant *
control_calls (gpointer user, GError **error)
{
  return pl_report_calls (((PlApp *) user)->sip);
}

static GVariant *
control_turn (gpointer user, GError **error)
{
  PlApp *app = user;

  return pl_report_turn (app->memberships, app->config->turn[0] != NULL);
}

static gboolean
control_reload (gpointer user, GError **error)
{
  return pl_app_reload (user, error);
}

static void
control_lookup (gpointer user, const char *aor, GDBusMethodInvocation *invocation)
{
  pl_report_lookup (((PlApp *) user)->memberships, pl_loop_env (((PlApp *) user)->loop), aor, invocation);
}

static void
control_ping (gpointer user, const char *target, GDBusMethodInvocation *invocation)
{
  pl_diagnose_ping (((PlApp *) user)->memberships, target, invocation);
}

static void
control_trace (gpointer user, const char *target, GDBusMethodInvocation *invocation)
{
  pl_diagnose_trace (((PlApp *) user)->memberships, target, invocation);
}

/* A wrong one leaves what is locked as it is. */
static gboolean
control_unlock (gpointer user, const char *aor, const char *passphrase, GError **error)
{
  PlApp *app = user;
  guint before = app->locked;

  if (before == 0 || app->stopped)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no key of %s waits for a passphrase", aor);
      return FALSE;
    }
  app->unlocking = aor;
  app->passphrase = passphrase;
  load_identities (app);
  app->unlocking = app->passphrase = NULL;
  if (app->locked == before)
    {
      g_set_error (error, PL_KEY_ERROR, PL_KEY_WRONG, "it unlocks no key of %s", aor);
      return FALSE;
    }
  register_bindings (app);
  pl_control_changed (app->control, "status");
  return TRUE;
}

static gboolean
open_control (PlApp *app, GError **error)
{
  static const PlControlFuncs funcs = {
    control_status, control_peers, control_registrations, control_calls, control_turn, control_reload, control_lookup,
    control_ping, control_trace, control_unlock,
  };
  g_autofree char *path = pl_paths_dup_control (app->paths);

  app->control = pl_control_new (path, &funcs, app, error);
  return app->control != NULL;
}

/* --- SIP --- */

static void
on_calls_changed (gpointer user)
{
  PlApp *app = user;

  if (app->control)
    pl_control_changed (app->control, "calls");
}

static void
on_bindings_changed (gpointer user)
{
  PlApp *app = user;

  if (app->control)
    pl_control_changed (app->control, "registrations");
}

static PlMembership *
membership_of (PlApp *app, const char *own)
{
  for (guint i = 0; i < app->memberships->len; i++)
    if (g_str_equal (pl_membership_aor (g_ptr_array_index (app->memberships, i)), own))
      return g_ptr_array_index (app->memberships, i);
  return NULL;
}

static const char *const *
edge_stun (gpointer user, const char *own)
{
  PlMembership *membership = membership_of (user, own);

  return membership ? pl_membership_stun (membership) : NULL;
}

/* The user's own servers, or the one that the overlay offers. */
static const char *const *
edge_turn (gpointer user, const char *own)
{
  PlApp *app = user;
  PlMembership *membership = membership_of (app, own);
  PlNode *node = membership ? pl_membership_node (membership) : NULL;
  const PlTurnAccess *access = NULL;

  if (app->config->turn[0] || !node || pl_node_turn (node, &access, NULL) != PL_TURN_FOUND)
    return (const char *const *) app->config->turn;
  g_free (app->edge_turn[0]);
  app->edge_turn[0] = pl_turn_access_dup_uri (access);
  return (const char *const *) app->edge_turn;
}

static gboolean
edge_allowed (gpointer user, const char *own)
{
  return pl_settings_allow_edge (((PlApp *) user)->config, own);
}

static PlIceTell
edge_tell (gpointer user)
{
  return ((PlApp *) user)->config->tell;
}

static void
open_edges (PlApp *app)
{
  g_autofree char *folder = g_build_filename (app->paths->runtime, "edges", NULL);
  PlEdgesOptions options = { .folder = folder, .stun = edge_stun, .turn = edge_turn, .allowed = edge_allowed, .tell = edge_tell, .user = app };

  app->edges = pl_edges_new (app->loop, &options);
}

static gboolean
open_sip (PlApp *app, GError **error)
{
  static const PlSipHandlers handlers = { on_calls_changed, on_bindings_changed };
  PlSipOptions options = {
    .listen = (const char *const *) app->config->sip_listen,
    .uid = geteuid (),
    .state_dir = app->paths->state,
    .far_rate = app->config->far_rate,
    .tell = app->config->tell,
  };
  g_autofree char *people = g_build_filename (app->paths->state, "people", NULL);
  g_autofree char *passwords = g_build_filename (app->paths->config, "phone-passwords", NULL);
  g_autoptr (GArray) sockets = pl_notify_take_sockets ();

  options.passwords = passwords;
  options.sockets = (const int *) (gpointer) sockets->data;
  options.n_sockets = sockets->len;
  open_edges (app);
  options.media = pl_edges_media (app->edges);
  app->resolver = pl_overlay_resolver_new (pl_loop_env (app->loop), app->memberships, people);
  app->sip = pl_sip_new (pl_loop_env (app->loop), pl_loop_context (app->loop),
                         pl_overlay_resolver_interface (app->resolver), &options, &handlers, app, error);
  if (!app->sip)
    return FALSE;
  for (const char *const *address = pl_sip_listening (app->sip); *address; address++)
    pl_notice ("app", "phones may use this as outbound proxy and registrar", "address", *address, NULL);
  return TRUE;
}

/* --- life --- */

static void
on_power (gpointer user, gboolean saving)
{
  PlApp *app = user;

  for (guint i = 0; i < app->memberships->len; i++)
    pl_node_set_reluctant (pl_membership_node (g_ptr_array_index (app->memberships, i)), saving);
}

static void
on_network (gpointer user, PlNetworkNews news)
{
  PlApp *app = user;
  const char *const *addresses = news == PL_NETWORK_SLEPT ? NULL : pl_network_addresses (app->network);

  for (guint i = 0; news != PL_NETWORK_MOVED && i < app->memberships->len; i++)
    pl_node_network_changed (pl_membership_node (g_ptr_array_index (app->memberships, i)), addresses);
  if (news != PL_NETWORK_CHANGED)
    pl_sip_network_changed (app->sip);
}

gboolean
pl_app_start (PlApp *app, GError **error)
{
  if (!pl_ice_check_linkage (error) || !make_folders (app, error) || !take_lock (app, error))
    return FALSE;
  app->loop = pl_loop_new (NULL);
  if (!load_identities (app))
    {
      log_problems (app, 1);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no identity can be used: %s",
                   (const char *) g_ptr_array_index (app->problems, 0));
      return FALSE;
    }
  log_problems (app, 0);
  if (!open_sip (app, error) || !open_control (app, error))
    return FALSE;
  app->power = pl_power_new (NULL, on_power, app);
  app->network = pl_network_new (app->loop, on_network, app);
  pl_notify ("READY=1");
  return TRUE;
}

void
pl_app_run (PlApp *app)
{
  g_main_loop_run (app->main_loop);
}

static void
on_left (gpointer data)
{
  PlApp *app = data;

  if (--app->stopping == 0)
    g_main_loop_quit (app->main_loop);
}

void
pl_app_stop (PlApp *app)
{
  if (app->stopped)
    return;
  app->stopped = TRUE;
  pl_notify ("STOPPING=1");
  app->stopping = app->memberships->len + 1; /* one for ourselves, so that it ends after the loop below */
  for (guint i = 0; i < app->memberships->len; i++)
    pl_membership_stop (g_ptr_array_index (app->memberships, i), on_left, app);
  on_left (app);
}

/* An identity whose files went away leaves its overlay, one with a new certificate makes room
 * for it; their links are SIP's to end. */
static void
drop_removed (PlApp *app)
{
  g_autoptr (GPtrArray) identities = pl_home_list_identities (app->paths, NULL);

  for (guint i = app->memberships->len; i-- > 0;)
    {
      PlMembership *membership = g_ptr_array_index (app->memberships, i);
      gboolean present = FALSE;

      for (guint k = 0; k < identities->len; k++)
        present = present || (find_membership (app, g_ptr_array_index (identities, k)) == membership
                              && pl_membership_is_current (membership, g_ptr_array_index (identities, k)));
      if (present)
        continue;
      pl_overlay_resolver_drop (app->resolver, membership);
      g_ptr_array_remove_index (app->memberships, i);
    }
}

gboolean
pl_app_reload (PlApp *app, GError **error)
{
  g_autoptr (PlSettings) config = NULL;

  if (app->stopped)
    return TRUE;
  config = pl_settings_load (app->config_path, error);
  if (!config)
    return FALSE;
  if (!g_strv_equal ((const char *const *) config->sip_listen, (const char *const *) app->config->sip_listen))
    pl_notice ("app", "another [sip] listen takes effect at the next start", NULL);
  pl_settings_free (app->config);
  app->config = g_steal_pointer (&config);
  if (!apply_log_level (app, error))
    return FALSE;
  drop_removed (app);
  load_identities (app);
  log_problems (app, 0);
  register_bindings (app);
  if (app->control)
    pl_control_changed (app->control, "status");
  return TRUE;
}

void
pl_app_free (PlApp *app)
{
  if (!app)
    return;
  g_clear_pointer (&app->control, pl_control_free);
  g_clear_pointer (&app->sip, pl_sip_free);
  g_clear_pointer (&app->edges, pl_edges_free);
  g_free (app->edge_turn[0]);
  g_clear_pointer (&app->resolver, pl_overlay_resolver_free);
  g_clear_pointer (&app->power, pl_power_free);
  g_clear_pointer (&app->network, pl_network_free);
  g_clear_pointer (&app->memberships, g_ptr_array_unref);
  g_clear_pointer (&app->problems, g_ptr_array_unref);
  g_clear_pointer (&app->loop, pl_loop_free);
  g_clear_pointer (&app->config, pl_settings_free);
  g_clear_pointer (&app->main_loop, g_main_loop_unref);
  g_clear_pointer (&app->paths, pl_paths_free);
  if (app->lock >= 0)
    close (app->lock);
  g_free (app->config_path);
  g_free (app->log_level);
  g_free (app);
}
