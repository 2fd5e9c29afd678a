/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "peerline-overlay"
#include "config.h"

#include "overlay/overlay.h"

#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "overlay/local.h"
#include "overlay/node.h"
#include "overlay/wire/routing.h"

G_STATIC_ASSERT (PL_OVERLAY_NODE_ID_LEN == PL_NODE_ID_LEN && PL_OVERLAY_APPEND == PL_ARRAY_APPEND);
G_STATIC_ASSERT ((int) PL_OVERLAY_ERROR_NO_ANSWER == PL_USAGE_ERROR_NO_ANSWER
                 && (int) PL_OVERLAY_ERROR_FORBIDDEN == PL_ERROR_FORBIDDEN
                 && (int) PL_OVERLAY_ERROR_INVALID_MESSAGE == PL_ERROR_INVALID_MESSAGE);

struct PlOverlay {
  PlLoop *loop;
  PlDocument *document;
  PlTrust *trust;
  PlIdentity *identity;
  PlStore *store;
  PlNode *node;              /* NULL before it joins */
  PlOverlayRole role;
  char *address, *records;
  guint16 port;
  PlOverlayStateFunc state_func;
  gpointer state_user;
  PlOverlayState state;      /* as last told */
  GPtrArray *calls;          /* Call, under way */
};

/* A request of the application. */
typedef struct {
  PlOverlay *overlay;
  GTask *task;
} Call;

struct PlOverlayValue {
  PlStoredDataValue value;
  PlCert *signer_cert;
  PlNodeId signer;
  guint64 time;
};

GQuark
pl_overlay_error_quark (void)
{
  return PL_USAGE_ERROR;
}

/* --- life --- */

/* Nothing a far node does is a warning of the program that uses us. */
static void
log_line (PlLogLevel level, const char *line, gpointer data)
{
  static const GLogLevelFlags levels[] = { G_LOG_LEVEL_MESSAGE, G_LOG_LEVEL_MESSAGE, G_LOG_LEVEL_INFO, G_LOG_LEVEL_INFO, G_LOG_LEVEL_DEBUG };

  g_log (G_LOG_DOMAIN, levels[level], "%s", line);
}

static void
set_log (void)
{
  pl_log_set_sink (log_line, NULL);
  if (!g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN))
    pl_log_set_level (PL_LOG_DEBUG);
}

static gboolean
check_files (PlOverlay *overlay, GError **error)
{
  PlEnv *env = pl_loop_env (overlay->loop);

  overlay->trust = pl_document_trust_new (overlay->document, env, error);
  return overlay->trust && pl_document_verify (overlay->document, overlay->trust, NULL, error)
         && pl_document_check_supported (overlay->document, error) && pl_document_check_time (overlay->document, env, error)
         && pl_trust_check_cert (overlay->trust, pl_identity_cert (overlay->identity), error);
}

PlOverlay *
pl_overlay_new (GBytes *document, const char *key, const char *certificate, GError **error)
{
  g_autoptr (PlOverlay) overlay = NULL;

  g_return_val_if_fail (document && key && certificate, NULL);
  set_log ();
  overlay = g_new0 (PlOverlay, 1);
  overlay->loop = pl_loop_new (g_main_context_get_thread_default ());
  overlay->calls = g_ptr_array_new ();
  overlay->document = pl_document_parse (document, NULL, error);
  overlay->identity = overlay->document ? pl_identity_new (key, certificate, error) : NULL;
  return overlay->identity && check_files (overlay, error) ? g_steal_pointer (&overlay) : NULL;
}

static Call *
call_new (PlOverlay *overlay, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user)
{
  Call *call = g_new0 (Call, 1);

  call->overlay = overlay;
  call->task = g_task_new (NULL, cancellable, callback, user);
  g_ptr_array_add (overlay->calls, call);
  return call;
}

/* The task outlives the call; whoever gets it answers it. */
static GTask *
call_end (Call *call)
{
  GTask *task = call->task;

  g_ptr_array_remove_fast (call->overlay->calls, call);
  g_free (call);
  return task;
}

void
pl_overlay_free (PlOverlay *overlay)
{
  if (!overlay)
    return;
  g_clear_pointer (&overlay->node, pl_node_free);
  while (overlay->calls->len > 0)
    {
      g_autoptr (GTask) task = call_end (g_ptr_array_index (overlay->calls, overlay->calls->len - 1));

      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the node was freed");
    }
  g_ptr_array_unref (overlay->calls);
  g_clear_pointer (&overlay->store, pl_store_free);
  g_clear_pointer (&overlay->identity, pl_identity_unref);
  g_clear_pointer (&overlay->trust, pl_trust_free);
  g_clear_pointer (&overlay->document, pl_document_free);
  g_clear_pointer (&overlay->loop, pl_loop_free);
  g_free (overlay->address);
  g_free (overlay->records);
  g_free (overlay);
}

void
pl_overlay_set_role (PlOverlay *overlay, PlOverlayRole role)
{
  overlay->role = role;
}

void
pl_overlay_set_listen (PlOverlay *overlay, const char *address, guint16 port)
{
  g_free (overlay->address);
  overlay->address = g_strdup (address);
  overlay->port = port;
}

void
pl_overlay_set_records (PlOverlay *overlay, const char *path)
{
  g_free (overlay->records);
  overlay->records = g_strdup (path);
}

void
pl_overlay_set_state_func (PlOverlay *overlay, PlOverlayStateFunc func, gpointer user)
{
  overlay->state_func = func;
  overlay->state_user = user;
}

static PlOverlayState
state_of (PlNodeState state)
{
  switch (state)
    {
    case PL_NODE_OFFLINE:
    case PL_NODE_CONNECTING:
    case PL_NODE_LEAVING:
      return PL_OVERLAY_OUTSIDE;
    case PL_NODE_CLIENT:
    case PL_NODE_JOINING:
      return PL_OVERLAY_CLIENT;
    case PL_NODE_PEER:
      return PL_OVERLAY_PEER;
    case PL_NODE_LEFT:
      return PL_OVERLAY_LEFT;
    }
  return PL_OVERLAY_OUTSIDE;
}

static void
on_state_changed (gpointer user, PlNodeState state)
{
  PlOverlay *overlay = user;
  PlOverlayState now = state_of (state);

  if (now == overlay->state)
    return;
  overlay->state = now;
  if (overlay->state_func)
    overlay->state_func (overlay, now, overlay->state_user);
}

static void
refuse_link (gpointer user, PlAppLink *link)
{
  pl_app_link_free (link);
}

gboolean
pl_overlay_join (PlOverlay *overlay, GError **error)
{
  static const PlNodeHandlers handlers = { on_state_changed, refuse_link };
  PlEnv *env = pl_loop_env (overlay->loop);
  g_autoptr (GPtrArray) stun = NULL;
  PlNodeOptions node = { .role = overlay->role == PL_OVERLAY_ROLE_PEER ? PL_ROLE_PEER : PL_ROLE_CLIENT,
                         .find_turn = TRUE };
  PlTransportOptions options = {
    .listen_address = overlay->address, .listen_port = overlay->port, .max_message = overlay->document->max_message_size,
    .no_ice = overlay->document->no_ice,
  };
  PlTransport *transport;

  if (overlay->node)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "the node was started before");
      return FALSE;
    }
  if (!overlay->store)
    overlay->store = pl_store_new (env, overlay->document, overlay->trust, overlay->records, error);
  stun = pl_document_dup_stun (overlay->document, NULL);
  options.stun = (const char *const *) stun->pdata;
  transport = overlay->store ? pl_transport_real_new (env, pl_loop_context (overlay->loop), overlay->identity, overlay->trust, &options, error) : NULL;
  if (!transport)
    return FALSE;
  node.may_start_ring = overlay->port && pl_local_remove_self (overlay->document, overlay->port);
  overlay->node = pl_node_new (env, overlay->document, overlay->identity, overlay->trust, transport, overlay->store,
                               &node, &handlers, overlay);
  pl_node_start (overlay->node);
  return TRUE;
}

static void
on_left (gpointer data)
{
  g_autoptr (GTask) task = call_end (data);

  g_task_return_boolean (task, TRUE);
}

void
pl_overlay_leave_async (PlOverlay *overlay, GAsyncReadyCallback callback, gpointer user)
{
  g_return_if_fail (overlay->node && pl_node_state (overlay->node) < PL_NODE_LEAVING);
  pl_node_stop (overlay->node, on_left, call_new (overlay, NULL, callback, user));
}

gboolean
pl_overlay_leave_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- what it is --- */

PlOverlayState
pl_overlay_state (PlOverlay *overlay)
{
  return overlay->state;
}

const char *
pl_overlay_name (PlOverlay *overlay)
{
  return overlay->document->instance_name;
}

const char *
pl_overlay_user (PlOverlay *overlay)
{
  return pl_cert_aor (pl_identity_cert (overlay->identity));
}

const guint8 *
pl_overlay_node_id (PlOverlay *overlay)
{
  return pl_identity_node_id (overlay->identity)->b;
}

/* --- store and fetch --- */

void
pl_overlay_resource (const void *name, gsize len, guint8 *resource)
{
  PlResourceId id;

  pl_resource_id_from_name (&id, name, len);
  memcpy (resource, id.b, PL_OVERLAY_NODE_ID_LEN);
}

static void
to_resource (const guint8 *bytes, PlResourceId *resource)
{
  resource->len = PL_OVERLAY_NODE_ID_LEN;
  memcpy (resource->b, bytes, PL_OVERLAY_NODE_ID_LEN);
}

/* NULL when it cannot be asked; the task has failed then. */
static Call *
begin (PlOverlay *overlay, guint32 kind, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user)
{
  Call *call = call_new (overlay, cancellable, callback, user);
  g_autoptr (GTask) task = NULL;

  if (overlay->node && pl_document_kind (overlay->document, kind))
    return call;
  task = call_end (call);
  if (!overlay->node)
    g_task_return_new_error (task, PL_OVERLAY_ERROR, PL_OVERLAY_ERROR_NO_ANSWER, "the node has not joined yet");
  else
    g_task_return_new_error (task, PL_OVERLAY_ERROR, PL_OVERLAY_ERROR_UNKNOWN_KIND, "the overlay has no Kind 0x%08x", kind);
  return NULL;
}

static void
on_stored (gpointer user, const GError *error)
{
  g_autoptr (GTask) task = call_end (user);

  if (error)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_boolean (task, TRUE);
}

void
pl_overlay_store_async (PlOverlay *overlay, const guint8 *resource, guint32 kind, const PlOverlayValue *value,
                        guint32 lifetime, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user)
{
  PlResourceId id;
  PlStoredDataValue data = value->value;
  Call *call = begin (overlay, kind, cancellable, callback, user);

  if (!call)
    return;
  data.model = pl_document_kind (overlay->document, kind)->model;
  to_resource (resource, &id);
  pl_node_store (overlay->node, &id, kind, &data, lifetime, on_stored, call);
}

gboolean
pl_overlay_store_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static PlOverlayValue *
value_of (const PlFetched *fetched)
{
  PlOverlayValue *value = g_new0 (PlOverlayValue, 1);

  pl_stored_data_value_copy (&value->value, &fetched->data->value);
  value->signer_cert = pl_cert_ref (fetched->signer_cert);
  value->signer = fetched->signer;
  value->time = fetched->data->storage_time;
  return value;
}

static void
on_fetched (gpointer user, const GPtrArray *values, const GError *error)
{
  g_autoptr (GTask) task = call_end (user);
  GPtrArray *found;

  if (error)
    {
      g_task_return_error (task, g_error_copy (error));
      return;
    }
  found = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_overlay_value_free);
  for (guint i = 0; i < values->len; i++)
    {
      const PlFetched *fetched = g_ptr_array_index (values, i);

      if (fetched->data->value.value.exists)
        g_ptr_array_add (found, value_of (fetched));
    }
  g_task_return_pointer (task, found, (GDestroyNotify) g_ptr_array_unref);
}

void
pl_overlay_fetch_async (PlOverlay *overlay, const guint8 *resource, guint32 kind, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user)
{
  PlResourceId id;
  Call *call = begin (overlay, kind, cancellable, callback, user);

  if (!call)
    return;
  to_resource (resource, &id);
  pl_node_fetch (overlay->node, &id, kind, on_fetched, call);
}

GPtrArray *
pl_overlay_fetch_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- values --- */

PlOverlayValue *
pl_overlay_value_new (GBytes *data)
{
  PlOverlayValue *value = g_new0 (PlOverlayValue, 1);

  value->value.index = PL_ARRAY_APPEND;
  value->value.value.exists = data != NULL;
  value->value.value.value = data ? g_bytes_ref (data) : NULL;
  return value;
}

void
pl_overlay_value_free (PlOverlayValue *value)
{
  if (!value)
    return;
  pl_stored_data_value_clear (&value->value);
  g_clear_pointer (&value->signer_cert, pl_cert_unref);
  g_free (value);
}

void
pl_overlay_value_set_index (PlOverlayValue *value, guint32 index)
{
  value->value.index = index;
}

void
pl_overlay_value_set_key (PlOverlayValue *value, GBytes *key)
{
  GBytes *own = g_bytes_ref (key);

  g_clear_pointer (&value->value.key, g_bytes_unref);
  value->value.key = own;
}

GBytes *
pl_overlay_value_data (const PlOverlayValue *value)
{
  return value->value.value.value;
}

guint32
pl_overlay_value_index (const PlOverlayValue *value)
{
  return value->value.index;
}

GBytes *
pl_overlay_value_key (const PlOverlayValue *value)
{
  return value->value.key;
}

const char *
pl_overlay_value_user (const PlOverlayValue *value)
{
  return value->signer_cert ? pl_cert_aor (value->signer_cert) : NULL;
}

const guint8 *
pl_overlay_value_node_id (const PlOverlayValue *value)
{
  return value->signer.b;
}

guint64
pl_overlay_value_time (const PlOverlayValue *value)
{
  return value->time;
}
