/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/wire-priv.h"

#include <string.h>

GArray *
pl_wire_list_new (gsize size, GDestroyNotify clear)
{
  GArray *list = g_array_new (FALSE, TRUE, (guint) size);

  if (clear)
    g_array_set_clear_func (list, clear);
  return list;
}

gpointer
pl_wire_list_add (PlReader *reader, GArray *list, guint max)
{
  if (list->len >= max)
    {
      pl_reader_fail (reader, PL_WIRE_TOO_MANY);
      return NULL;
    }
  g_array_set_size (list, list->len + 1);
  return list->data + (gsize) (list->len - 1) * g_array_get_element_size (list);
}

void
pl_wire_list_read (PlReader *reader, GArray *list, guint max, PlWireReadFunc read)
{
  while (pl_reader_more (reader))
    {
      gpointer item = pl_wire_list_add (reader, list, max);

      if (item)
        read (reader, item);
    }
}

void
pl_wire_list_write (PlWriter *writer, GArray *list, PlWireWriteFunc write)
{
  for (guint i = 0; list && i < list->len; i++)
    write (writer, list->data + (gsize) i * g_array_get_element_size (list));
}

GPtrArray *
pl_wire_bytes_list_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
}

void
pl_wire_bytes_list_read (PlReader *reader, GPtrArray *list, guint max)
{
  while (pl_reader_more (reader))
    {
      GBytes *bytes;

      if (list->len >= max)
        {
          pl_reader_fail (reader, PL_WIRE_TOO_MANY);
          break;
        }
      bytes = pl_reader_opaque (reader, 2);
      g_ptr_array_add (list, bytes ? bytes : g_bytes_new (NULL, 0));
    }
}

void
pl_wire_bytes_list_write (PlWriter *writer, GPtrArray *list)
{
  for (guint i = 0; list && i < list->len; i++)
    pl_writer_opaque (writer, g_ptr_array_index (list, i), 2);
}

GBytes *
pl_wire_bytes_ref (GBytes *bytes)
{
  return bytes ? g_bytes_ref (bytes) : NULL;
}

gboolean
pl_wire_bytes_equal (GBytes *a, GBytes *b)
{
  gsize a_len = a ? g_bytes_get_size (a) : 0;
  gsize b_len = b ? g_bytes_get_size (b) : 0;

  if (a_len != b_len)
    return FALSE;
  return a_len == 0 || memcmp (g_bytes_get_data (a, NULL), g_bytes_get_data (b, NULL), a_len) == 0;
}

PlDataModel
pl_wire_model (PlReader *reader, guint32 kind)
{
  PlDataModel model = reader->models ? reader->models (kind, reader->models_data) : 0;

  return model >= PL_DATA_SINGLE && model <= PL_DATA_DICTIONARY ? model : 0;
}
