/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/pins.h"

#include <string.h>

#include "base/file.h"
#include "base/hex.h"

#define FILE_MAX_LEN (4 * 1024 * 1024)
#define REFUSED_EVERY 60 /* s: no more often is a refusal written */

static const char *const hows[] = { "dialled", "called us", "accepted" };

void
pl_pin_free (PlPin *pin)
{
  if (!pin)
    return;
  g_free (pin->aor);
  g_free (pin->key);
  g_strfreev (pin->others);
  g_free (pin);
}

/* --- the file --- */

static GKeyFile *
load (const char *path, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GBytes) bytes = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&file);
  bytes = pl_file_read (path, FILE_MAX_LEN, error);
  if (!bytes)
    return NULL;
  if (g_bytes_get_size (bytes) == 0 || g_key_file_load_from_bytes (file, bytes, G_KEY_FILE_NONE, error))
    return g_steal_pointer (&file);
  g_prefix_error (error, "%s: ", path);
  return NULL;
}

static gboolean
save (GKeyFile *file, const char *path, GError **error)
{
  gsize len = 0;
  g_autofree char *text = g_key_file_to_data (file, &len, NULL);
  g_autofree char *dir = g_path_get_dirname (path);

  return pl_file_make_dir (dir, error) && pl_file_write (path, text, len, 0600, error);
}

static PlPin *
get (GKeyFile *file, const char *aor)
{
  PlPin *pin = g_new0 (PlPin, 1);
  g_autofree char *how = g_key_file_get_string (file, aor, "how", NULL);

  pin->aor = g_strdup (aor);
  pin->key = g_key_file_get_string (file, aor, "key", NULL);
  pin->others = g_key_file_get_string_list (file, aor, "others", NULL, NULL);
  pin->since = g_key_file_get_int64 (file, aor, "since", NULL);
  pin->refused = g_key_file_get_int64 (file, aor, "refused", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (hows); i++)
    if (g_strcmp0 (how, hows[i]) == 0)
      pin->how = (PlPinHow) i;
  return pin;
}

/* An address can hold what a group's name can't. */
static gboolean
can_be_group (const char *aor)
{
  return aor[0] && !strpbrk (aor, "[]\n\r");
}

/* --- change --- */

static void
pin (GKeyFile *file, const char *aor, const char *key, PlPinHow how, gint64 now)
{
  g_key_file_remove_group (file, aor, NULL);
  g_key_file_set_string (file, aor, "key", key);
  g_key_file_set_string (file, aor, "how", hows[how]);
  g_key_file_set_int64 (file, aor, "since", now);
}

/* TRUE: it is worth writing down; not when the same is tried again and again. */
static gboolean
note_other (GKeyFile *file, const char *aor, const char *key, gint64 now)
{
  gint64 before = g_key_file_get_int64 (file, aor, "refused", NULL);
  gsize n = 0;
  g_auto (GStrv) others = g_key_file_get_string_list (file, aor, "others", &n, NULL);
  const char *all[PL_PINS_OTHERS_MAX + 1];

  if (n < PL_PINS_OTHERS_MAX && !(others && g_strv_contains ((const char *const *) others, key)))
    {
      for (gsize i = 0; i < n; i++)
        all[i] = others[i];
      all[n] = key;
      g_key_file_set_string_list (file, aor, "others", all, n + 1);
    }
  else if (now - before < REFUSED_EVERY && now >= before)
    return FALSE;
  g_key_file_set_int64 (file, aor, "refused", now);
  return TRUE;
}

static gboolean
has_room (GKeyFile *file, PlPinHow how)
{
  gsize n = 0;
  g_auto (GStrv) names = g_key_file_get_groups (file, &n);
  gsize from_outside = 0;

  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *text = g_key_file_get_string (file, names[i], "how", NULL);

      from_outside += g_strcmp0 (text, hows[PL_PIN_CALLED_US]) == 0;
    }
  return n < PL_PINS_MAX && (how != PL_PIN_CALLED_US || from_outside < PL_PINS_MAX / 4);
}

static void
say_changed (const char *aor, const char *known, const char *key, GError **error)
{
  g_autofree char *before = pl_pins_show (known);
  g_autofree char *now = pl_pins_show (key);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "the key of %s is not the one it was at first contact (%.11s..., now %.11s...): somebody else may speak in that "
               "name. Ask them on another way whether they have a new key; 'peerline trust show %s' has both, 'peerline trust "
               "accept %s' takes the new one", aor, before, now, aor, aor);
}

static void
say_several (const char *aor, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "several keys say that they are %s, and none is known: 'peerline trust show %s' has them; ask which is theirs, then "
               "'peerline trust accept %s --key FINGERPRINT'", aor, aor, aor);
}

gboolean
pl_pins_meet (const char *path, const char *aor, const guint8 *key, PlPinHow how, gint64 now, GError **error)
{
  g_autoptr (GKeyFile) file = load (path, error);
  g_autofree char *hex = pl_hex_dup (key, PL_KEY_FINGERPRINT_LEN);
  g_autoptr (PlPin) known = file && can_be_group (aor) ? get (file, aor) : NULL;

  if (!known)
    {
      if (file)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "a name as '%s' can't be kept", aor);
      return FALSE;
    }
  if (known->key && strcmp (known->key, hex) == 0)
    return TRUE;
  if (known->key || known->others)
    {
      if (note_other (file, aor, hex, now))
        save (file, path, NULL);
      if (known->key)
        say_changed (aor, known->key, hex, error);
      else
        say_several (aor, error);
      return FALSE;
    }
  if (!has_room (file, how))
    {
      if (how != PL_PIN_CALLED_US) /* strangers who call are strangers again next time */
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "too many names are known: 'peerline trust forget' some");
      return how == PL_PIN_CALLED_US;
    }
  pin (file, aor, hex, how, now);
  return save (file, path, error);
}

/* --- look-ups --- */

/* A name without a key: one may be dialled, and several are for the user to choose from. */
static gboolean
filter_unknown (GKeyFile *file, const char *path, const PlPin *known, GPtrArray *keys, gint64 now, GError **error)
{
  const char *first = g_ptr_array_index (keys, 0), *aor = known->aor;
  gboolean several = known->others != NULL;

  for (guint i = 1; i < keys->len; i++)
    several |= strcmp (first, g_ptr_array_index (keys, i)) != 0;
  if (!several)
    return TRUE;
  for (guint i = 0; i < keys->len; i++)
    note_other (file, aor, g_ptr_array_index (keys, i), now);
  save (file, path, NULL);
  g_ptr_array_set_size (keys, 0);
  say_several (aor, error);
  return FALSE;
}

gboolean
pl_pins_filter (const char *path, const char *aor, GPtrArray *keys, gint64 now, GError **error)
{
  g_autoptr (GKeyFile) file = load (path, error);
  g_autoptr (PlPin) known = file && can_be_group (aor) ? get (file, aor) : NULL;
  g_autofree char *other = NULL;
  gboolean changed = FALSE;

  if (!known)
    {
      g_ptr_array_set_size (keys, 0);
      return FALSE;
    }
  if (keys->len == 0 || !known->key)
    return keys->len == 0 || filter_unknown (file, path, known, keys, now, error);
  for (guint i = keys->len; i > 0; i--)
    {
      const char *key = g_ptr_array_index (keys, i - 1);

      if (strcmp (key, known->key) == 0)
        continue;
      changed |= note_other (file, aor, key, now);
      g_free (other);
      other = g_strdup (key);
      g_ptr_array_remove_index (keys, i - 1);
    }
  if (changed)
    save (file, path, NULL);
  if (keys->len == 0)
    say_changed (aor, known->key, other, error);
  return keys->len > 0;
}

/* --- the user --- */

PlPin *
pl_pins_find (const char *path, const char *aor, GError **error)
{
  g_autoptr (GKeyFile) file = load (path, error);

  return file && g_key_file_has_group (file, aor) ? get (file, aor) : NULL;
}

GPtrArray *
pl_pins_list (const char *path, GError **error)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) pl_pin_free);
  g_autoptr (GKeyFile) file = load (path, error);
  g_auto (GStrv) names = file ? g_key_file_get_groups (file, NULL) : NULL;

  for (guint i = 0; names && names[i]; i++)
    g_ptr_array_add (list, get (file, names[i]));
  return list;
}

gboolean
pl_pins_accept (const char *path, const char *aor, const char *key, gint64 now, GError **error)
{
  g_autoptr (GKeyFile) file = load (path, error);

  if (!file || !can_be_group (aor))
    return FALSE;
  pin (file, aor, key, PL_PIN_ACCEPTED, now);
  return save (file, path, error);
}

gboolean
pl_pins_forget (const char *path, const char *aor, GError **error)
{
  g_autoptr (GKeyFile) file = load (path, error);

  return file && g_key_file_remove_group (file, aor, error) && save (file, path, error);
}

char *
pl_pins_show (const char *key)
{
  GString *out = g_string_new (NULL);

  for (gsize i = 0; key[i] && key[i + 1]; i += 2)
    g_string_append_printf (out, "%s%c%c", i ? ":" : "", g_ascii_toupper (key[i]), g_ascii_toupper (key[i + 1]));
  return g_string_free (out, FALSE);
}
