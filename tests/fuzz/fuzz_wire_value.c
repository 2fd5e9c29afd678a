/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What lies inside other fields: the first byte chooses the structure.
 */
#include "config.h"

#include "overlay/wire/attach.h"
#include "overlay/wire/routing.h"
#include "overlay/wire/sip.h"
#include "tests/fuzz/same.h"

typedef union {
  PlSipRegistration registration;
  PlTurnServer server;
  PlChordLeaveData leave;
} Value;

static gboolean
value_read (guint8 choice, PlReader *reader, Value *value)
{
  switch (choice)
    {
    case 0:
      return pl_sip_registration_read (reader, &value->registration);
    case 1:
      return pl_turn_server_read (reader, &value->server);
    default:
      return pl_chord_leave_data_read (reader, &value->leave);
    }
}

static void
value_write (guint8 choice, PlWriter *writer, const Value *value)
{
  switch (choice)
    {
    case 0:
      pl_sip_registration_write (writer, &value->registration);
      break;
    case 1:
      pl_turn_server_write (writer, &value->server);
      break;
    default:
      pl_chord_leave_data_write (writer, &value->leave);
      break;
    }
}

static void
value_clear (guint8 choice, Value *value)
{
  if (choice == 0)
    pl_sip_registration_clear (&value->registration);
  else if (choice != 1)
    pl_chord_leave_data_clear (&value->leave);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (PlWriter) writer = { 0 };
  g_autoptr (GBytes) written = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GArray) kinds = NULL;
  PlReader reader;
  Value value = { 0 };
  guint8 choice = size > 0 ? data[0] % 4 : 0;

  if (size == 0)
    return 0;
  bytes = g_bytes_new (data + 1, size - 1);
  if (choice == 3)
    {
      kinds = pl_unknown_kinds_read (bytes);
      written = kinds ? pl_unknown_kinds_write (kinds) : NULL;
      if (kinds)
        pl_fuzz_same (data + 1, size - 1, written);
      return 0;
    }
  pl_writer_init (&writer);
  pl_reader_init_bytes (&reader, bytes);
  value_read (choice, &reader, &value);
  if (pl_reader_finish (&reader) == PL_WIRE_OK)
    {
      value_write (choice, &writer, &value);
      written = pl_writer_finish (&writer);
      pl_fuzz_same (data + 1, size - 1, written);
    }
  value_clear (choice, &value);
  return 0;
}
