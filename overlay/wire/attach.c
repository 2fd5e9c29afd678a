/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/attach.h"

#include <string.h>
#include "overlay/wire/wire-priv.h"

#define IPV4_LEN 4
#define IPV6_LEN 16

/* --- addresses (6.3.1.1) --- */

static gsize
address_len (guint8 type)
{
  return type == PL_ADDRESS_IPV4 ? IPV4_LEN : type == PL_ADDRESS_IPV6 ? IPV6_LEN : 0;
}

gboolean
pl_ip_address_port_read (PlReader *reader, PlIpAddressPort *address)
{
  PlReader child;
  gsize len;

  memset (address, 0, sizeof *address);
  address->type = pl_reader_u8 (reader);
  len = address_len (address->type);
  pl_reader_open (reader, &child, 1);
  if (pl_reader_ok (&child) && (len == 0 || pl_reader_left (&child) != len + 2))
    pl_reader_fail (&child, PL_WIRE_ADDRESS);
  pl_reader_raw (&child, address->addr, len);
  address->port = pl_reader_u16 (&child);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_ip_address_port_write (PlWriter *writer, const PlIpAddressPort *address)
{
  if (address_len (address->type) == 0)
    pl_writer_fail (writer, PL_WIRE_ADDRESS);
  pl_writer_u8 (writer, address->type);
  pl_writer_open (writer, 1);
  pl_writer_raw (writer, address->addr, address_len (address->type));
  pl_writer_u16 (writer, address->port);
  pl_writer_close (writer);
}

gboolean
pl_ip_address_port_equal (const PlIpAddressPort *a, const PlIpAddressPort *b)
{
  return a->type == b->type && a->port == b->port && memcmp (a->addr, b->addr, address_len (a->type)) == 0;
}

void
pl_ip_address_port_set (PlIpAddressPort *address, GInetAddress *inet, guint16 port)
{
  gboolean v4 = g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV4;

  memset (address, 0, sizeof *address);
  address->type = v4 ? PL_ADDRESS_IPV4 : PL_ADDRESS_IPV6;
  memcpy (address->addr, g_inet_address_to_bytes (inet), address_len (address->type));
  address->port = port;
}

GInetAddress *
pl_ip_address_port_dup_inet (const PlIpAddressPort *address)
{
  if (address_len (address->type) == 0)
    return NULL;
  return g_inet_address_new_from_bytes (address->addr, address->type == PL_ADDRESS_IPV4 ? G_SOCKET_FAMILY_IPV4
                                                                                        : G_SOCKET_FAMILY_IPV6);
}

/* --- candidates (6.5.1.1) --- */

static gboolean
extension_read (PlReader *reader, PlIceExtension *extension)
{
  extension->name = pl_reader_opaque (reader, 2);
  extension->value = pl_reader_opaque (reader, 2);
  return pl_reader_ok (reader);
}

static void
extension_write (PlWriter *writer, const PlIceExtension *extension)
{
  pl_writer_opaque (writer, extension->name, 2);
  pl_writer_opaque (writer, extension->value, 2);
}

static void
extension_clear (PlIceExtension *extension)
{
  g_clear_pointer (&extension->name, g_bytes_unref);
  g_clear_pointer (&extension->value, g_bytes_unref);
}

static GArray *
extension_list_new (void)
{
  return pl_wire_list_new (sizeof (PlIceExtension), (GDestroyNotify) extension_clear);
}

static gboolean
has_related_address (guint8 type)
{
  return type == PL_CAND_SRFLX || type == PL_CAND_RELAY;
}

gboolean
pl_ice_candidate_read (PlReader *reader, PlIceCandidate *candidate)
{
  PlReader child;

  memset (candidate, 0, sizeof *candidate);
  pl_ip_address_port_read (reader, &candidate->addr_port);
  candidate->overlay_link = pl_reader_u8 (reader);
  candidate->foundation = pl_reader_opaque (reader, 1);
  candidate->priority = pl_reader_u32 (reader);
  candidate->type = pl_reader_u8 (reader);
  if (candidate->type != PL_CAND_HOST && !has_related_address (candidate->type))
    pl_reader_fail (reader, PL_WIRE_TYPE); /* nothing tells how long its address is */
  if (candidate->overlay_link == 0)
    pl_reader_fail (reader, PL_WIRE_TYPE);
  if (has_related_address (candidate->type))
    pl_ip_address_port_read (reader, &candidate->rel_addr_port);
  candidate->extensions = extension_list_new ();
  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, candidate->extensions, PL_ICE_EXTENSIONS_MAX, (PlWireReadFunc) extension_read);
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_ice_candidate_write (PlWriter *writer, const PlIceCandidate *candidate)
{
  pl_ip_address_port_write (writer, &candidate->addr_port);
  pl_writer_u8 (writer, candidate->overlay_link);
  pl_writer_opaque (writer, candidate->foundation, 1);
  pl_writer_u32 (writer, candidate->priority);
  pl_writer_u8 (writer, candidate->type);
  if (has_related_address (candidate->type))
    pl_ip_address_port_write (writer, &candidate->rel_addr_port);
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, candidate->extensions, (PlWireWriteFunc) extension_write);
  pl_writer_close (writer);
}

void
pl_ice_candidate_clear (PlIceCandidate *candidate)
{
  g_clear_pointer (&candidate->foundation, g_bytes_unref);
  g_clear_pointer (&candidate->extensions, g_array_unref);
}

GArray *
pl_ice_candidate_list_new (void)
{
  return pl_wire_list_new (sizeof (PlIceCandidate), (GDestroyNotify) pl_ice_candidate_clear);
}

void
pl_ice_candidate_add_extension (PlIceCandidate *candidate, const char *name, const char *value)
{
  PlIceExtension extension = { g_bytes_new (name, strlen (name)), g_bytes_new (value, strlen (value)) };

  if (!candidate->extensions)
    candidate->extensions = extension_list_new ();
  g_array_append_val (candidate->extensions, extension);
}

gboolean
pl_ice_candidate_find_extension (const PlIceCandidate *candidate, const char *name, GBytes **value)
{
  g_autoptr (GBytes) wanted = g_bytes_new_static (name, strlen (name));

  for (guint i = 0; candidate->extensions && i < candidate->extensions->len; i++)
    {
      PlIceExtension *extension = &g_array_index (candidate->extensions, PlIceExtension, i);

      if (pl_wire_bytes_equal (extension->name, wanted))
        {
          *value = extension->value;
          return TRUE;
        }
    }
  return FALSE;
}

/* --- bodies --- */

static void
read_candidates (PlReader *reader, PlAttachReqAns *attach)
{
  PlReader child;

  attach->role = pl_reader_opaque (reader, 1);
  attach->candidates = pl_ice_candidate_list_new ();
  pl_reader_open (reader, &child, 2);
  pl_wire_list_read (&child, attach->candidates, PL_CANDIDATES_MAX, (PlWireReadFunc) pl_ice_candidate_read);
  pl_reader_close (&child);
}

static void
write_candidates (PlWriter *writer, const PlAttachReqAns *attach)
{
  pl_writer_opaque (writer, attach->role, 1);
  pl_writer_open (writer, 2);
  pl_wire_list_write (writer, attach->candidates, (PlWireWriteFunc) pl_ice_candidate_write);
  pl_writer_close (writer);
}

gboolean
pl_attach_req_ans_read (PlReader *reader, PlAttachReqAns *attach)
{
  memset (attach, 0, sizeof *attach);
  attach->ufrag = pl_reader_opaque (reader, 1);
  attach->password = pl_reader_opaque (reader, 1);
  read_candidates (reader, attach);
  attach->send_update = pl_reader_boolean (reader);
  return pl_reader_ok (reader);
}

void
pl_attach_req_ans_write (PlWriter *writer, const PlAttachReqAns *attach)
{
  pl_writer_opaque (writer, attach->ufrag, 1);
  pl_writer_opaque (writer, attach->password, 1);
  write_candidates (writer, attach);
  pl_writer_boolean (writer, attach->send_update);
}

gboolean
pl_app_attach_read (PlReader *reader, PlAttachReqAns *attach)
{
  memset (attach, 0, sizeof *attach);
  attach->ufrag = pl_reader_opaque (reader, 1);
  attach->password = pl_reader_opaque (reader, 1);
  attach->application = pl_reader_u16 (reader);
  read_candidates (reader, attach);
  return pl_reader_ok (reader);
}

void
pl_app_attach_write (PlWriter *writer, const PlAttachReqAns *attach)
{
  pl_writer_opaque (writer, attach->ufrag, 1);
  pl_writer_opaque (writer, attach->password, 1);
  pl_writer_u16 (writer, attach->application);
  write_candidates (writer, attach);
}

void
pl_attach_req_ans_clear (PlAttachReqAns *attach)
{
  g_clear_pointer (&attach->ufrag, g_bytes_unref);
  g_clear_pointer (&attach->password, g_bytes_unref);
  g_clear_pointer (&attach->role, g_bytes_unref);
  g_clear_pointer (&attach->candidates, g_array_unref);
}

static void
candidate_copy (PlIceCandidate *copy, const PlIceCandidate *candidate)
{
  *copy = *candidate;
  copy->foundation = pl_wire_bytes_ref (candidate->foundation);
  copy->extensions = extension_list_new ();
  for (guint i = 0; candidate->extensions && i < candidate->extensions->len; i++)
    {
      PlIceExtension extension = g_array_index (candidate->extensions, PlIceExtension, i);

      extension.name = pl_wire_bytes_ref (extension.name);
      extension.value = pl_wire_bytes_ref (extension.value);
      g_array_append_val (copy->extensions, extension);
    }
}

void
pl_attach_req_ans_copy (PlAttachReqAns *copy, const PlAttachReqAns *attach)
{
  *copy = *attach;
  copy->ufrag = pl_wire_bytes_ref (attach->ufrag);
  copy->password = pl_wire_bytes_ref (attach->password);
  copy->role = pl_wire_bytes_ref (attach->role);
  copy->candidates = pl_ice_candidate_list_new ();
  for (guint i = 0; attach->candidates && i < attach->candidates->len; i++)
    {
      PlIceCandidate candidate;

      candidate_copy (&candidate, &g_array_index (attach->candidates, PlIceCandidate, i));
      g_array_append_val (copy->candidates, candidate);
    }
}

/* --- TURN (9) --- */

gboolean
pl_turn_server_read (PlReader *reader, PlTurnServer *server)
{
  server->iteration = pl_reader_u8 (reader);
  return pl_ip_address_port_read (reader, &server->server_address);
}

void
pl_turn_server_write (PlWriter *writer, const PlTurnServer *server)
{
  pl_writer_u8 (writer, server->iteration);
  pl_ip_address_port_write (writer, &server->server_address);
}
