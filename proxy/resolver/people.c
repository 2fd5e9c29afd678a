/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/resolver/people.h"

#include "base/file.h"
#include "base/log.h"

#include <glib/gstdio.h>
#include <string.h>

#define HEAD "peerline-people 1"
#define FILE_MAX (PL_PEOPLE_MAX * 1024)
#define NAME_MAX_LEN 640               /* overlay and address */
#define SAVE_DELAY (5 * PL_USEC_PER_SEC)

/* One node of one person. */
typedef struct {
  char *name;      /* "overlay aor"; no canonical address has a space */
  PlNodeId node;
  gint64 reached;  /* seconds since 1970 */
} Place;

struct PlPeople {
  PlEnv *env;
  char *path;
  GPtrArray *places; /* Place, the last reached first */
  PlTimer *save;
};

static void
place_free (gpointer data)
{
  g_free (((Place *) data)->name);
  g_free (data);
}

static char *
name_of (const char *overlay, const char *aor)
{
  return g_strconcat (overlay, " ", aor, NULL);
}

/* --- disk --- */

/* "overlay aor node seconds" */
static gboolean
read_place (const char *line, Place *place)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 5);
  guint64 reached;

  if (g_strv_length (words) != 4 || !words[0][0] || !words[1][0] || strlen (line) > NAME_MAX_LEN
      || !pl_node_id_parse (words[2], &place->node)
      || !g_ascii_string_to_unsigned (words[3], 10, 0, G_MAXINT64, &reached, NULL))
    return FALSE;
  place->reached = (gint64) reached;
  place->name = name_of (words[0], words[1]);
  return TRUE;
}

static gboolean
read_places (PlPeople *people, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", PL_PEOPLE_MAX + 2);
  guint n = g_strv_length (lines);

  if (n < 2 || !g_str_equal (lines[0], HEAD) || lines[n - 1][0])
    return FALSE;
  for (guint i = 1; i < n - 1; i++)
    {
      Place place = { 0 };

      if (!read_place (lines[i], &place))
        return FALSE;
      g_ptr_array_add (people->places, g_memdup2 (&place, sizeof place));
    }
  return TRUE;
}

static void
load (PlPeople *people)
{
  g_autofree char *aside = g_strconcat (people->path, ".corrupt", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = pl_file_read (people->path, FILE_MAX, &error);
  g_autofree char *text = NULL;

  if (!bytes && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return;
  if (bytes)
    text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (text && read_places (people, text))
    return;
  g_ptr_array_set_size (people->places, 0);
  pl_notice ("resolver", "the file of people called before can't be used and was set aside", "file", aside, NULL);
  if (g_rename (people->path, aside) != 0)
    pl_notice ("resolver", "it can't even be renamed", "file", people->path, NULL);
}

static void
save (gpointer data)
{
  PlPeople *people = data;
  g_autoptr (GString) text = g_string_new (HEAD "\n");
  g_autoptr (GError) error = NULL;

  pl_timer_clear (&people->save);
  for (guint i = 0; i < people->places->len; i++)
    {
      const Place *place = g_ptr_array_index (people->places, i);
      g_autofree char *node = pl_node_id_dup_hex (&place->node);

      g_string_append_printf (text, "%s %s %" G_GINT64_FORMAT "\n", place->name, node, place->reached);
    }
  if (!pl_file_write (people->path, text->str, text->len, 0600, &error))
    pl_notice ("resolver", "people called before can't be kept", "file", people->path, "reason", error->message, NULL);
}

static void
changed (PlPeople *people)
{
  if (people->path && !people->save)
    pl_env_arm (people->env, &people->save, SAVE_DELAY, save, people);
}

/* --- public --- */

PlPeople *
pl_people_new (PlEnv *env, const char *path)
{
  PlPeople *people = g_new0 (PlPeople, 1);

  people->env = env;
  people->path = g_strdup (path);
  people->places = g_ptr_array_new_with_free_func (place_free);
  if (path)
    load (people);
  return people;
}

void
pl_people_free (PlPeople *people)
{
  if (!people)
    return;
  if (people->save)
    save (people);
  g_ptr_array_unref (people->places);
  g_free (people->path);
  g_free (people);
}

void
pl_people_reached (PlPeople *people, const char *overlay, const char *aor, const PlNodeId *node)
{
  Place *place = g_new0 (Place, 1);
  guint same = 0;

  place->name = name_of (overlay, aor);
  place->node = *node;
  place->reached = pl_env_wall (people->env) / PL_USEC_PER_SEC;
  for (guint i = 0; i < people->places->len;)
    {
      const Place *other = g_ptr_array_index (people->places, i);

      if (g_str_equal (other->name, place->name)
          && (pl_node_id_equal (&other->node, node) || ++same >= PL_PEOPLE_NODES_MAX))
        g_ptr_array_remove_index (people->places, i);
      else
        i++;
    }
  g_ptr_array_insert (people->places, 0, place);
  if (people->places->len > PL_PEOPLE_MAX)
    g_ptr_array_set_size (people->places, PL_PEOPLE_MAX);
  changed (people);
}

static gboolean
has_node (const GArray *nodes, const PlNodeId *node)
{
  for (guint i = 0; nodes && i < nodes->len; i++)
    if (pl_node_id_equal (&g_array_index (nodes, PlFoundNode, i).node, node))
      return TRUE;
  return FALSE;
}

void
pl_people_looked_up (PlPeople *people, const char *overlay, const char *aor, const GArray *nodes)
{
  g_autofree char *name = name_of (overlay, aor);

  for (guint i = people->places->len; i > 0; i--)
    {
      const Place *place = g_ptr_array_index (people->places, i - 1);

      if (!g_str_equal (place->name, name) || has_node (nodes, &place->node))
        continue;
      g_ptr_array_remove_index (people->places, i - 1);
      changed (people);
    }
}

guint
pl_people_find (PlPeople *people, const char *overlay, const char *aor, PlNodeId nodes[PL_PEOPLE_NODES_MAX])
{
  g_autofree char *name = name_of (overlay, aor);
  gint64 now = pl_env_wall (people->env) / PL_USEC_PER_SEC;
  guint n = 0;

  for (guint i = 0; i < people->places->len && n < PL_PEOPLE_NODES_MAX; i++)
    {
      const Place *place = g_ptr_array_index (people->places, i);

      if (g_str_equal (place->name, name) && ABS (now - place->reached) <= PL_PEOPLE_AGE_MAX)
        nodes[n++] = place->node;
    }
  return n;
}
