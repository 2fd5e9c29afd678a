/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/destination.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

#define TOP_BIT 0x80
#define COMPACT_LEN 2

static void
read_compact (PlReader *reader, PlDestination *destination, guint8 first)
{
  destination->type = PL_DESTINATION_OPAQUE;
  destination->compact = TRUE;
  destination->opaque_id.len = COMPACT_LEN;
  destination->opaque_id.b[0] = first;
  destination->opaque_id.b[1] = pl_reader_u8 (reader);
}

static void
read_data (PlReader *child, PlDestination *destination)
{
  switch (destination->type)
    {
    case 0:
      pl_reader_fail (child, PL_WIRE_DESTINATION);
      break;
    case PL_DESTINATION_NODE:
      if (pl_reader_left (child) != PL_NODE_ID_LEN)
        pl_reader_fail (child, PL_WIRE_DESTINATION);
      pl_reader_node_id (child, &destination->node_id);
      break;
    case PL_DESTINATION_RESOURCE:
    case PL_DESTINATION_OPAQUE:
      pl_reader_resource_id (child, &destination->opaque_id);
      if (pl_reader_ok (child) && destination->opaque_id.len == 0)
        pl_reader_fail (child, PL_WIRE_DESTINATION);
      break;
    default: /* can be skipped by its length (6.3.2.2) */
      destination->opaque_id.len = (guint8) pl_reader_left (child);
      pl_reader_raw (child, destination->opaque_id.b, destination->opaque_id.len);
      break;
    }
}

gboolean
pl_destination_read (PlReader *reader, PlDestination *destination)
{
  PlReader child;
  guint8 type;

  memset (destination, 0, sizeof *destination);
  type = pl_reader_u8 (reader);
  if (type & TOP_BIT)
    {
      read_compact (reader, destination, type);
      return pl_reader_ok (reader);
    }
  destination->type = type;
  pl_reader_open (reader, &child, 1);
  if (pl_reader_ok (&child))
    read_data (&child, destination);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_destination_write (PlWriter *writer, const PlDestination *destination)
{
  if (destination->compact)
    {
      pl_writer_u8 (writer, destination->opaque_id.b[0] | TOP_BIT);
      pl_writer_u8 (writer, destination->opaque_id.b[1]);
      return;
    }
  if (destination->type & TOP_BIT)
    pl_writer_fail (writer, PL_WIRE_DESTINATION);
  pl_writer_u8 (writer, destination->type);
  pl_writer_open (writer, 1);
  if (destination->type == PL_DESTINATION_NODE)
    pl_writer_node_id (writer, &destination->node_id);
  else if (destination->type == PL_DESTINATION_RESOURCE || destination->type == PL_DESTINATION_OPAQUE)
    pl_writer_resource_id (writer, &destination->opaque_id);
  else
    pl_writer_raw (writer, destination->opaque_id.b, destination->opaque_id.len);
  pl_writer_close (writer);
}

gboolean
pl_destination_equal (const PlDestination *a, const PlDestination *b)
{
  if (a->type != b->type)
    return FALSE;
  if (a->type == PL_DESTINATION_NODE)
    return pl_node_id_equal (&a->node_id, &b->node_id);
  return pl_resource_id_equal (&a->opaque_id, &b->opaque_id);
}

PlDestination
pl_destination_node (const PlNodeId *id)
{
  PlDestination destination = { .type = PL_DESTINATION_NODE, .node_id = *id };

  return destination;
}

PlDestination
pl_destination_resource (const PlResourceId *id)
{
  PlDestination destination = { .type = PL_DESTINATION_RESOURCE, .resource_id = *id };

  return destination;
}

PlDestination
pl_destination_compact (guint16 id)
{
  PlDestination destination = { .type = PL_DESTINATION_OPAQUE, .compact = TRUE };

  destination.opaque_id.len = COMPACT_LEN;
  destination.opaque_id.b[0] = (guint8) (id >> 8 | TOP_BIT);
  destination.opaque_id.b[1] = (guint8) id;
  return destination;
}

GArray *
pl_destination_list_new (void)
{
  return pl_wire_list_new (sizeof (PlDestination), NULL);
}

GArray *
pl_destination_list_dup (GArray *list)
{
  GArray *copy = pl_destination_list_new ();

  if (list && list->len > 0)
    g_array_append_vals (copy, list->data, list->len);
  return copy;
}

GArray *
pl_destination_list_read (PlReader *reader)
{
  GArray *list = pl_destination_list_new ();

  pl_wire_list_read (reader, list, PL_DESTINATIONS_MAX, (PlWireReadFunc) pl_destination_read);
  return list;
}

void
pl_destination_list_write (PlWriter *writer, GArray *list)
{
  pl_wire_list_write (writer, list, (PlWireWriteFunc) pl_destination_write);
}
