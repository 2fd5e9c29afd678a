/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/sip.h"

#include <string.h>

gboolean
pl_sip_registration_read (PlReader *reader, PlSipRegistration *registration)
{
  PlReader child, list;

  memset (registration, 0, sizeof *registration);
  registration->type = pl_reader_u8 (reader);
  pl_reader_open (reader, &child, 2);
  switch (registration->type)
    {
    case PL_SIP_REGISTRATION_URI:
      registration->uri = pl_reader_opaque (&child, 2);
      break;
    case PL_SIP_REGISTRATION_ROUTE:
      registration->contact_prefs = pl_reader_opaque (&child, 2);
      pl_reader_open (&child, &list, 2);
      registration->destination_list = pl_destination_list_read (&list);
      pl_reader_close (&list);
      break;
    default:
      pl_reader_fail (&child, PL_WIRE_TYPE);
      break;
    }
  pl_reader_close (&child);
  return pl_reader_ok (reader);
}

void
pl_sip_registration_write (PlWriter *writer, const PlSipRegistration *registration)
{
  pl_writer_u8 (writer, registration->type);
  pl_writer_open (writer, 2);
  if (registration->type == PL_SIP_REGISTRATION_URI)
    pl_writer_opaque (writer, registration->uri, 2);
  else
    {
      pl_writer_opaque (writer, registration->contact_prefs, 2);
      pl_writer_open (writer, 2);
      pl_destination_list_write (writer, registration->destination_list);
      pl_writer_close (writer);
    }
  pl_writer_close (writer);
}

void
pl_sip_registration_clear (PlSipRegistration *registration)
{
  g_clear_pointer (&registration->uri, g_bytes_unref);
  g_clear_pointer (&registration->contact_prefs, g_bytes_unref);
  g_clear_pointer (&registration->destination_list, g_array_unref);
}
