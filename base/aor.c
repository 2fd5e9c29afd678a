/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "base/aor.h"

#include <gio/gio.h>
#include <string.h>

#define HOST_MAX 253  /* RFC 1035, section 2.3.4, without the root's dot */
#define LABEL_MAX 63

/* Stays escaped: decoded, it would end the user part, start an escape or hide at an end. */
static const char kept[] = "%:<>\"\\ ";

static gboolean
take_scheme (const char **text)
{
  for (const char *const *scheme = (const char *const[]){ "sip:", "sips:", NULL }; *scheme; scheme++)
    if (g_ascii_strncasecmp (*text, *scheme, strlen (*scheme)) == 0)
      {
        *text += strlen (*scheme);
        return TRUE;
      }
  return FALSE;
}

/* The inside of <...>, or the text itself; NULL when the brackets don't fit. */
static char *
dup_inside (const char *text)
{
  const char *end;

  if (*text != '<')
    return g_strdup (text);
  end = strchr (text, '>');
  if (!end || (end[1] != '\0' && end[1] != ';'))
    return NULL;
  return g_strndup (text + 1, end - text - 1);
}

static gboolean
is_visible (const char *text)
{
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    switch (g_unichar_type (g_utf8_get_char (p)))
      {
      case G_UNICODE_CONTROL:
      case G_UNICODE_FORMAT:
      case G_UNICODE_LINE_SEPARATOR:
      case G_UNICODE_PARAGRAPH_SEPARATOR:
      case G_UNICODE_SURROGATE:
      case G_UNICODE_UNASSIGNED:
        return FALSE;
      default:
        break;
      }
  return TRUE;
}

/* One character of a user part, advancing; -1 when it is none. */
static int
take_char (const char **text, const char *end)
{
  int high, low;

  if (**text != '%')
    return (guchar) * (*text)++;
  if (end - *text < 3)
    return -1;
  high = g_ascii_xdigit_value ((*text)[1]);
  low = g_ascii_xdigit_value ((*text)[2]);
  *text += 3;
  return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

static gboolean
append_user (GString *out, const char *text, const char *end)
{
  while (text < end)
    {
      gboolean raw = *text != '%';
      int c = take_char (&text, end);

      if (c < 0 || (raw && strchr (kept, c)))
        return FALSE;
      if (strchr (kept, c))
        g_string_append_printf (out, "%%%02x", (guint) c);
      else
        g_string_append_c (out, g_ascii_tolower (c));
    }
  return out->len > 0 && g_utf8_validate_len (out->str, out->len, NULL) && is_visible (out->str);
}

static gboolean
is_host_name (const char *host)
{
  gsize label = 0, len = strlen (host);

  if (len == 0 || len > HOST_MAX)
    return FALSE;
  for (const char *p = host; *p; p++)
    {
      if (*p == '.' ? label == 0 : !g_ascii_isalnum (*p) && *p != '-' && *p != '_')
        return FALSE;
      label = *p == '.' ? 0 : label + 1;
      if (label > LABEL_MAX)
        return FALSE;
    }
  return label > 0;
}

static char *
canonical_name (const char *text, gsize len)
{
  g_autofree char *host = g_strndup (text, len);
  g_autofree char *ascii = NULL;
  g_autofree char *lower = NULL;

  if (!g_utf8_validate (host, -1, NULL) || !is_visible (host))
    return NULL;
  if (len > 1 && host[len - 1] == '.')
    host[len - 1] = '\0';
  ascii = g_hostname_to_ascii (host);
  if (!ascii)
    return NULL;
  lower = g_ascii_strdown (ascii, -1);
  return is_host_name (lower) ? g_steal_pointer (&lower) : NULL;
}

static char *
canonical_ipv6 (const char *text, gsize len)
{
  g_autofree char *inside = g_strndup (text, len);
  g_autofree char *printed = NULL;
  g_autoptr (GInetAddress) address = NULL;

  if (strchr (inside, '%'))
    return NULL;
  address = g_inet_address_new_from_string (inside);
  if (!address || g_inet_address_get_family (address) != G_SOCKET_FAMILY_IPV6)
    return NULL;
  printed = g_inet_address_to_string (address);
  return g_strdup_printf ("[%s]", printed);
}

/* What may follow a host: port, parameters, headers. */
static gboolean
is_host_end (const char *text)
{
  gsize digits;

  if (*text == ':')
    {
      digits = strspn (text + 1, "0123456789");
      if (digits == 0 || digits > 5)
        return FALSE;
      text += 1 + digits;
    }
  return *text == '\0' || *text == ';' || *text == '?';
}

static char *
canonical_host (const char *text)
{
  const char *end;
  gsize len;

  if (*text == '[')
    {
      end = strchr (text, ']');
      return end && is_host_end (end + 1) ? canonical_ipv6 (text + 1, end - text - 1) : NULL;
    }
  len = strcspn (text, ":;?");
  return is_host_end (text + len) ? canonical_name (text, len) : NULL;
}

/* In a URI a raw @ stands once only: readers disagree about which of two counts. A bare
 * address is split at the last one, as its canonical form may hold decoded ones. */
static const char *
find_at (const char *text, gboolean uri)
{
  const char *at = strrchr (text, '@');

  return uri && at != strchr (text, '@') ? NULL : at;
}

char *
pl_aor_canonical (const char *text)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_autofree char *inside = NULL;
  g_autofree char *host = NULL;
  const char *user, *at, *password;
  gboolean uri;

  if (!text || strnlen (text, PL_AOR_TEXT_MAX + 1) > PL_AOR_TEXT_MAX)
    return NULL;
  user = inside = dup_inside (text);
  if (!inside)
    return NULL;
  uri = take_scheme (&user);
  at = find_at (user, uri);
  if (!at)
    return NULL;
  password = uri ? memchr (user, ':', at - user) : NULL;
  host = canonical_host (at + 1);
  if (!host || !append_user (out, user, password ? password : at))
    return NULL;
  g_string_append_printf (out, "@%s", host);
  return out->len <= PL_AOR_MAX ? g_strdup (out->str) : NULL;
}

char *
pl_aor_uri (const char *canonical)
{
  const char *at = strrchr (canonical, '@');
  GString *out = g_string_new ("sip:");

  for (const char *p = canonical; at && p < at; p++)
    if (g_ascii_isalnum (*p) || *p == '%' || strchr ("-_.!~*'()&=+$,;?/", *p))
      g_string_append_c (out, *p);
    else
      g_string_append_printf (out, "%%%02X", (guchar) *p);
  g_string_append (out, at ? at : canonical);
  return g_string_free (out, FALSE);
}
