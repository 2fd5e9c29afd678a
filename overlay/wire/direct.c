/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/direct.h"

#define MODE_DRR 1

void
pl_direct_response_write (PlForwardingOption *option, const PlDirectResponse *response)
{
  PlDestination node = pl_destination_node (&response->node);
  g_auto (PlWriter) writer;

  pl_writer_init (&writer);
  pl_writer_u8 (&writer, MODE_DRR);
  pl_writer_u8 (&writer, response->transport);
  pl_ip_address_port_write (&writer, &response->address);
  pl_writer_open (&writer, 1);
  pl_destination_write (&writer, &node);
  pl_writer_close (&writer);
  *option = (PlForwardingOption) { PL_OPTION_EXTENSIVE_ROUTING, PL_OPTION_IGNORE_STATE_KEEPING, pl_writer_finish (&writer) };
}

static gboolean
read_option (GBytes *bytes, PlDirectResponse *response)
{
  PlReader reader, list;
  PlDestination node = { 0 };
  guint8 mode;

  pl_reader_init_bytes (&reader, bytes);
  mode = pl_reader_u8 (&reader);
  response->transport = pl_reader_u8 (&reader);
  pl_ip_address_port_read (&reader, &response->address);
  pl_reader_open (&reader, &list, 1);
  pl_destination_read (&list, &node);
  pl_reader_close (&list);
  response->node = node.node_id;
  return pl_reader_finish (&reader) == PL_WIRE_OK && mode == MODE_DRR && node.type == PL_DESTINATION_NODE;
}

gboolean
pl_direct_response_find (const GArray *options, PlDirectResponse *response)
{
  for (guint i = 0; i < options->len; i++)
    {
      const PlForwardingOption *option = &g_array_index (options, PlForwardingOption, i);

      if (option->type == PL_OPTION_EXTENSIVE_ROUTING)
        return option->option && read_option (option->option, response);
    }
  return FALSE;
}
