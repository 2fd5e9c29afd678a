/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "overlay/wire/turn.h"

#include <string.h>

/* Both end up in the configuration of phones and in STUN attributes. */
static char *
read_word (PlReader *reader)
{
  g_autoptr (GBytes) bytes = pl_reader_opaque (reader, 1);
  gsize len = 0;
  const char *data = bytes ? g_bytes_get_data (bytes, &len) : NULL;

  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isgraph (data[i]) || data[i] == '@')
      len = 0;
  if (len > 0)
    return g_strndup (data, len);
  pl_reader_fail (reader, PL_WIRE_TYPE);
  return NULL;
}

static void
write_word (PlWriter *writer, const char *word)
{
  pl_writer_open (writer, 1);
  pl_writer_raw (writer, word, strlen (word));
  pl_writer_close (writer);
}

gboolean
pl_turn_access_read (PlReader *reader, PlTurnAccess *access)
{
  memset (access, 0, sizeof *access);
  pl_ip_address_port_read (reader, &access->server);
  access->username = read_word (reader);
  access->password = read_word (reader);
  access->lifetime = pl_reader_u32 (reader);
  if (access->server.type == 0 || access->server.port == 0)
    pl_reader_fail (reader, PL_WIRE_ADDRESS);
  return pl_reader_ok (reader);
}

void
pl_turn_access_write (PlWriter *writer, const PlTurnAccess *access)
{
  pl_ip_address_port_write (writer, &access->server);
  write_word (writer, access->username);
  write_word (writer, access->password);
  pl_writer_u32 (writer, access->lifetime);
}

void
pl_turn_access_clear (PlTurnAccess *access)
{
  g_clear_pointer (&access->username, g_free);
  g_clear_pointer (&access->password, g_free);
}

char *
pl_turn_access_dup_uri (const PlTurnAccess *access)
{
  g_autoptr (GInetAddress) inet = pl_ip_address_port_dup_inet (&access->server);
  g_autofree char *host = inet ? g_inet_address_to_string (inet) : g_strdup ("");
  g_autofree char *name = g_uri_escape_string (access->username, NULL, FALSE);

  return g_strdup_printf (strchr (host, ':') ? "%s:%s@[%s]:%u" : "%s:%s@%s:%u", name, access->password, host, access->server.port);
}
