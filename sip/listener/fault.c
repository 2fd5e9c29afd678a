/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/fault.h"

#include "sip/listener/edge.h"
#include "sip/listener/lines-priv.h"

#define SIP_VERSION "SIP/2.0"
#define CSEQ_MAX G_MAXINT32 /* RFC 3261, 8.1.1.5: less than 2^31 */

/* What every request has (RFC 3261, 8.1.1) and a response copies (8.2.6.2). */
static const struct { const char *name, *compact, *missing; } required[] = {
  { "Via", "v", "Via Missing" }, { "From", "f", "From Missing" }, { "To", "t", "To Missing" },
  { "Call-ID", "i", "Call-ID Missing" }, { "CSeq", "", "CSeq Missing" },
};

typedef struct { const char *name, *name_end, *value, *value_end; } Header;

/* The header that begins at *p, which moves on; FALSE: there is none. */
static gboolean
next_header (const char **p, const char *end, Header *header)
{
  const char *line_end = next_line (*p, end), *colon;

  if (*p >= end || **p == '\r' || **p == '\n')
    return FALSE;
  colon = memchr (*p, ':', line_end - *p);
  header->name = *p;
  header->value_end = value_end (*p, end);
  header->value = colon ? skip_space (colon + 1, header->value_end) : header->value_end;
  header->name_end = colon ? colon : *p;
  while (header->name_end > *p && is_space (header->name_end[-1]))
    header->name_end--;
  for (*p = line_end; *p < end && (**p == ' ' || **p == '\t');)
    *p = next_line (*p, end);
  return TRUE;
}

static gboolean
is_named (const Header *header, guint which)
{
  gsize len = header->name_end - header->name;
  const char *compact = required[which].compact;

  return (len == strlen (required[which].name) && g_ascii_strncasecmp (header->name, required[which].name, len) == 0)
         || (len == 1 && g_ascii_tolower (*header->name) == *compact);
}

/* An address of IPv6 without its brackets (RFC 5118, 4.2): a host has one colon at most, before the
 * port. */
static gboolean
is_bare_ipv6 (const char *uri, const char *end)
{
  const char *host = uri, *stop;
  guint colons = 0;

  for (const char *p = uri; p < end; p++)
    if (*p == '@')
      host = p + 1;
  if (host == uri && end - uri > 4 && g_ascii_strncasecmp (uri, "sip", 3) == 0)
    host = uri + (uri[3] == ':' ? 4 : uri[3] == 's' && uri[4] == ':' ? 5 : 0);
  for (stop = host; stop < end && !strchr (";?", *stop); stop++)
    colons += *stop == ':';
  return host > uri && host < end && *host != '[' && colons > 1;
}

/* METHOD, one space, a URI without white space, one space, version; several spaces between pass
 * (RFC 4475, lwsstart), as the transaction layer takes them. */
static guint
fault_of_start (const char *p, const char *end, const char **phrase)
{
  const char *line = first_line_end (p, end), *version = line;
  const char *uri = memchr (p, ' ', line - p), *uri_end;

  while (version > p && version[-1] != ' ')
    version--;
  if (line - version != sizeof SIP_VERSION - 1 || g_ascii_strncasecmp (version, SIP_VERSION, sizeof SIP_VERSION - 1) != 0)
    {
      *phrase = "Version Not Supported";
      return 505;
    }
  if (!g_ascii_isalnum (*p))
    {
      *phrase = "Method Not Implemented";
      return 501;
    }
  *phrase = "Bad Request Line";
  uri = uri ? skip_space (uri, line) : line;
  uri_end = memchr (uri, ' ', line - uri);
  if (!uri_end || skip_space (uri_end, line) != version || (line < end && *line == ' '))
    return 400;
  *phrase = "Bad Request-URI";
  return is_bare_ipv6 (uri, uri_end) ? 400 : 0;
}

/* An empty element or parameter (RFC 4475, badinv01). */
static gboolean
has_gaps (const Header *via)
{
  char before = ',';

  for (const char *p = via->value; p < via->value_end; p++)
    {
      if (is_space (*p))
        continue;
      if ((*p == ',' || *p == ';') && (before == ',' || before == ';'))
        return TRUE;
      before = *p;
    }
  return before == ',' || before == ';';
}

static gboolean
is_cseq (const Header *cseq)
{
  guint64 number = 0;
  const char *p = cseq->value;

  for (; p < cseq->value_end && g_ascii_isdigit (*p) && number <= CSEQ_MAX; p++)
    number = number * 10 + (guint64) (*p - '0');
  return p > cseq->value && number <= CSEQ_MAX && p < cseq->value_end && is_space (*p);
}

static guint
fault_of_headers (const char *p, const char *end, const char **phrase)
{
  gboolean seen[G_N_ELEMENTS (required)] = { FALSE };
  Header header;

  while (next_header (&p, end, &header))
    for (guint i = 0; i < G_N_ELEMENTS (required); i++)
      {
        if (!is_named (&header, i))
          continue;
        seen[i] = TRUE;
        *phrase = i == 0 ? "Bad Via" : "Bad CSeq";
        if ((i == 0 && has_gaps (&header)) || (i == 4 && !is_cseq (&header)))
          return 400;
      }
  for (guint i = 0; i < G_N_ELEMENTS (required); i++)
    if (!seen[i])
      {
        *phrase = required[i].missing;
        return 400;
      }
  return 0;
}

guint
pl_fault_of (const guint8 *data, gsize len, const char **phrase)
{
  const char *p = (const char *) data, *end = p + len;
  guint status;

  if (pl_edge_kind (data, len) != PL_EDGE_REQUEST || g_ascii_strncasecmp (p, "ACK ", 4) == 0)
    return 0;
  status = fault_of_start (p, end, phrase);
  return status ? status : fault_of_headers (next_line (p, end), end, phrase);
}

GBytes *
pl_fault_answer (const guint8 *data, gsize len, guint status, const char *phrase)
{
  const char *p = (const char *) data, *end = p + len;
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean via = FALSE;
  Header header;

  g_string_printf (text, SIP_VERSION " %u %s\r\n", status, phrase);
  for (p = next_line (p, end); next_header (&p, end, &header);)
    for (guint i = 0; i < G_N_ELEMENTS (required); i++)
      {
        if (!is_named (&header, i))
          continue;
        via |= i == 0;
        g_string_append_printf (text, "%s: ", required[i].name);
        g_string_append_len (text, header.value, header.value_end - header.value);
        g_string_append (text, "\r\n");
      }
  g_string_append (text, "Content-Length: 0\r\n\r\n");
  return via && text->len <= PL_FAULT_ANSWER_MAX ? g_string_free_to_bytes (g_steal_pointer (&text)) : NULL;
}
