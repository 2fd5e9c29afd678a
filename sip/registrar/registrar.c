/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/registrar/registrar.h"

#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "sip/router/prefs.h"

#define ROOM "registrar"
#define FILE_MAX (1024 * 1024)
#define FILE_VERSION 1

struct PlRegistrar {
  PlEnv *env;
  char *path;
  PlRegistrarHandlers handlers;
  gpointer user;
  GPtrArray *bindings;  /* PlBinding, oldest first */
  GHashTable *told;     /* AoR -> prefs as presence was told */
  PlTimer *expiry_timer;
  PlTimer *start_timer;
};

static void
binding_free (gpointer data)
{
  PlBinding *binding = data;

  g_free (binding->aor);
  g_free (binding->contact);
  g_free (binding->flow);
  g_free (binding->user_agent);
  g_free (binding->prefs);
  g_free (binding->instance);
  g_free (binding->call_id);
  g_free (binding);
}

static char *
dup_or_empty (const char *text)
{
  return g_strdup (text ? text : "");
}

static PlBinding *
binding_copy (const PlBinding *from)
{
  PlBinding *binding = g_new0 (PlBinding, 1);

  binding->aor = dup_or_empty (from->aor);
  binding->contact = dup_or_empty (from->contact);
  binding->flow = dup_or_empty (from->flow);
  binding->user_agent = dup_or_empty (from->user_agent);
  binding->prefs = dup_or_empty (from->prefs);
  binding->instance = dup_or_empty (from->instance);
  binding->call_id = dup_or_empty (from->call_id);
  binding->cseq = from->cseq;
  binding->expires = from->expires;
  return binding;
}

/* --- on disk --- */

static void
save (PlRegistrar *registrar)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize len;

  g_key_file_set_integer (file, "registrar", "version", FILE_VERSION);
  for (guint i = 0; i < registrar->bindings->len; i++)
    {
      const PlBinding *binding = registrar->bindings->pdata[i];
      g_autofree char *group = g_strdup_printf ("binding%u", i);

      g_key_file_set_string (file, group, "aor", binding->aor);
      g_key_file_set_string (file, group, "contact", binding->contact);
      g_key_file_set_string (file, group, "flow", binding->flow);
      g_key_file_set_string (file, group, "user-agent", binding->user_agent);
      g_key_file_set_string (file, group, "prefs", binding->prefs);
      g_key_file_set_string (file, group, "instance", binding->instance);
      g_key_file_set_string (file, group, "call-id", binding->call_id);
      g_key_file_set_uint64 (file, group, "cseq", binding->cseq);
      g_key_file_set_int64 (file, group, "expires", binding->expires);
    }
  text = g_key_file_to_data (file, &len, NULL);
  if (!pl_file_write (registrar->path, text, len, 0600, &error))
    pl_warn (ROOM, "bindings cannot be saved", "reason", error->message, NULL);
}

static void
load_binding (PlRegistrar *registrar, GKeyFile *file, const char *group)
{
  PlBinding *binding = g_new0 (PlBinding, 1);

  binding->aor = g_key_file_get_string (file, group, "aor", NULL);
  binding->contact = g_key_file_get_string (file, group, "contact", NULL);
  binding->flow = g_key_file_get_string (file, group, "flow", NULL);
  binding->user_agent = g_key_file_get_string (file, group, "user-agent", NULL);
  binding->prefs = g_key_file_get_string (file, group, "prefs", NULL);
  if (!binding->prefs)
    binding->prefs = g_strdup (""); /* of an earlier version */
  binding->instance = g_key_file_get_string (file, group, "instance", NULL);
  binding->call_id = g_key_file_get_string (file, group, "call-id", NULL);
  binding->cseq = g_key_file_get_uint64 (file, group, "cseq", NULL);
  binding->expires = g_key_file_get_int64 (file, group, "expires", NULL);
  if (binding->aor && binding->contact && binding->flow && binding->user_agent && binding->instance && binding->call_id
      && registrar->bindings->len < PL_BINDINGS_MAX)
    g_ptr_array_add (registrar->bindings, binding);
  else
    binding_free (binding);
}

static void
load (PlRegistrar *registrar)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = pl_file_read (registrar->path, FILE_MAX, &error);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;

  if (!bytes && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return;
  if (!bytes || !g_key_file_load_from_bytes (file, bytes, G_KEY_FILE_NONE, NULL)
      || g_key_file_get_integer (file, "registrar", "version", NULL) != FILE_VERSION)
    {
      pl_notice (ROOM, "the saved bindings cannot be read; phones come back when they register again", NULL);
      return;
    }
  groups = g_key_file_get_groups (file, NULL);
  for (char **group = groups; *group; group++)
    if (g_str_has_prefix (*group, "binding"))
      load_binding (registrar, file, *group);
}

/* --- state --- */

static guint
count_of (PlRegistrar *registrar, const char *aor)
{
  guint n = 0;

  for (guint i = 0; i < registrar->bindings->len; i++)
    n += strcmp (((PlBinding *) registrar->bindings->pdata[i])->aor, aor) == 0;
  return n;
}

/* What is published of the phones that are there; NULL: there is none. */
static char *
dup_prefs (PlRegistrar *registrar, const char *aor)
{
  const PlBinding *only = NULL;
  guint n = 0, q = 0;

  for (guint i = 0; i < registrar->bindings->len; i++)
    {
      const PlBinding *binding = registrar->bindings->pdata[i];

      if (strcmp (binding->aor, aor) != 0)
        continue;
      n++;
      only = binding;
      q = MAX (q, pl_prefs_q (binding->prefs));
    }
  if (n < 2)
    return only ? pl_prefs_public (only->prefs) : NULL;
  return q < PL_PREFS_Q_MAX ? g_strdup_printf ("q=0.%03u", q) : g_strdup ("");
}

static void
tell_presence (PlRegistrar *registrar, const char *aor)
{
  g_autofree char *own = g_strdup (aor); /* of a binding that may go */
  g_autofree char *prefs = dup_prefs (registrar, own);

  if (g_strcmp0 (g_hash_table_lookup (registrar->told, own), prefs) == 0)
    return;
  if (prefs)
    g_hash_table_replace (registrar->told, g_strdup (own), g_strdup (prefs));
  else
    g_hash_table_remove (registrar->told, own);
  if (registrar->handlers.presence)
    registrar->handlers.presence (registrar->user, own, prefs);
}

void
pl_registrar_retell (PlRegistrar *registrar, const char *aor)
{
  g_hash_table_remove (registrar->told, aor);
  tell_presence (registrar, aor);
}

static void on_expiry (gpointer data);

static void
arm_expiry (PlRegistrar *registrar)
{
  gint64 first = G_MAXINT64;

  for (guint i = 0; i < registrar->bindings->len; i++)
    first = MIN (first, ((PlBinding *) registrar->bindings->pdata[i])->expires);
  if (first == G_MAXINT64)
    pl_timer_clear (&registrar->expiry_timer);
  else
    pl_env_arm (registrar->env, &registrar->expiry_timer, first - pl_env_wall (registrar->env), on_expiry, registrar);
}

/* After any change: disk, timer, and whoever listens (last). */
static void
changed (PlRegistrar *registrar)
{
  save (registrar);
  arm_expiry (registrar);
  if (registrar->handlers.changed)
    registrar->handlers.changed (registrar->user);
}

static void
on_expiry (gpointer data)
{
  PlRegistrar *registrar = data;
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func (g_free);
  gint64 now = pl_env_wall (registrar->env);

  for (guint i = registrar->bindings->len; i-- > 0;)
    {
      const PlBinding *binding = registrar->bindings->pdata[i];

      if (binding->expires > now)
        continue;
      g_ptr_array_add (gone, g_strdup (binding->aor));
      g_ptr_array_remove_index (registrar->bindings, i);
    }
  for (guint i = 0; i < gone->len; i++)
    tell_presence (registrar, gone->pdata[i]);
  if (gone->len > 0)
    changed (registrar);
  else
    arm_expiry (registrar);
}

static void
on_start (gpointer data)
{
  PlRegistrar *registrar = data;

  for (guint i = 0; i < registrar->bindings->len; i++)
    tell_presence (registrar, ((PlBinding *) registrar->bindings->pdata[i])->aor);
  on_expiry (registrar);
}

PlRegistrar *
pl_registrar_new (PlEnv *env, const char *path, const PlRegistrarHandlers *handlers, gpointer user)
{
  PlRegistrar *registrar = g_new0 (PlRegistrar, 1);

  registrar->env = env;
  registrar->path = g_strdup (path);
  registrar->handlers = *handlers;
  registrar->user = user;
  registrar->told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  registrar->bindings = g_ptr_array_new_with_free_func (binding_free);
  load (registrar);
  pl_env_arm (env, &registrar->start_timer, 0, on_start, registrar);
  return registrar;
}

void
pl_registrar_free (PlRegistrar *registrar)
{
  if (!registrar)
    return;
  pl_timer_clear (&registrar->start_timer);
  pl_timer_clear (&registrar->expiry_timer);
  g_ptr_array_unref (registrar->bindings);
  g_hash_table_unref (registrar->told);
  g_free (registrar->path);
  g_free (registrar);
}

/* The same Contact, or the same phone with a new one. */
static gboolean
is_same (const PlBinding *a, const PlBinding *b)
{
  if (strcmp (a->aor, b->aor) != 0)
    return FALSE;
  return strcmp (a->contact, b->contact) == 0
         || (a->instance && b->instance && *a->instance && strcmp (a->instance, b->instance) == 0);
}

static gboolean
is_stale (const PlBinding *old, const char *call_id, guint32 cseq)
{
  return strcmp (old->call_id, call_id) == 0 && cseq <= old->cseq;
}

PlRegisterResult
pl_registrar_update (PlRegistrar *registrar, const PlBinding *binding, guint expires)
{
  guint i;

  for (i = 0; i < registrar->bindings->len; i++)
    if (is_same (registrar->bindings->pdata[i], binding))
      break;
  if (i < registrar->bindings->len)
    {
      if (is_stale (registrar->bindings->pdata[i], binding->call_id, binding->cseq))
        return PL_REGISTER_STALE;
      g_ptr_array_remove_index (registrar->bindings, i);
    }
  else if (expires > 0
           && (registrar->bindings->len >= PL_BINDINGS_MAX || count_of (registrar, binding->aor) >= PL_BINDINGS_PER_AOR))
    return PL_REGISTER_TOO_MANY;
  if (expires > 0)
    {
      PlBinding *copy = binding_copy (binding);

      copy->expires = pl_env_wall (registrar->env) + expires * PL_USEC_PER_SEC;
      g_ptr_array_add (registrar->bindings, copy);
    }
  tell_presence (registrar, binding->aor);
  changed (registrar);
  return PL_REGISTERED;
}

PlRegisterResult
pl_registrar_remove_all (PlRegistrar *registrar, const char *aor, const char *call_id, guint32 cseq)
{
  for (guint i = 0; i < registrar->bindings->len; i++)
    {
      const PlBinding *binding = registrar->bindings->pdata[i];

      if (strcmp (binding->aor, aor) == 0 && is_stale (binding, call_id, cseq))
        return PL_REGISTER_STALE;
    }
  for (guint i = registrar->bindings->len; i-- > 0;)
    if (strcmp (((PlBinding *) registrar->bindings->pdata[i])->aor, aor) == 0)
      g_ptr_array_remove_index (registrar->bindings, i);
  tell_presence (registrar, aor);
  changed (registrar);
  return PL_REGISTERED;
}

GPtrArray *
pl_registrar_list (PlRegistrar *registrar, const char *aor)
{
  GPtrArray *list = g_ptr_array_new ();
  gint64 now = pl_env_wall (registrar->env);

  for (guint i = registrar->bindings->len; i-- > 0;)
    {
      PlBinding *binding = registrar->bindings->pdata[i];

      if (binding->expires > now && (!aor || strcmp (binding->aor, aor) == 0))
        g_ptr_array_add (list, binding);
    }
  return list;
}

gint64
pl_registrar_wall (PlRegistrar *registrar)
{
  return pl_env_wall (registrar->env);
}
