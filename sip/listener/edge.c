/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/listener/edge.h"

#include <string.h>
#include "sip/listener/lines-priv.h"

#define TRANSPORT_MAX 8              /* "TLS-SCTP" */
#define TRANSPORT_PARAM "pl-tp"      /* what the flow called its transport */
#define MADDR_PARAM "pl-ma"          /* its maddr, to which nta would send answers (RFC 3261, 18.2.2) */

/* The first Via value: [start, end) within the message; the parts point into it. */
typedef struct {
  const char *start, *end;
  const char *transport, *transport_end;
  const char *sent_by, *sent_by_end;
  const char *params; /* the first ';', or end */
} Via;

/* `p` stands at a line; the value when it is a Via header, else NULL. */
static const char *
via_value (const char *p, const char *end)
{
  if (end - p >= 3 && g_ascii_strncasecmp (p, "via", 3) == 0)
    p += 3;
  else if (p < end && (*p == 'v' || *p == 'V'))
    p += 1;
  else
    return NULL;
  while (p < end && (*p == ' ' || *p == '\t'))
    p++;
  return p < end && *p == ':' ? p + 1 : NULL;
}

/* The first of several values in one header ends at a comma that is not quoted. */
static const char *
element_end (const char *p, const char *end)
{
  gboolean quoted = FALSE;

  for (; p < end; p++)
    {
      if (quoted && *p == '\\' && p + 1 < end)
        p++;
      else if (*p == '"')
        quoted = !quoted;
      else if (*p == ',' && !quoted)
        break;
    }
  return p;
}

static gboolean
via_parse (Via *via)
{
  const char *p = via->start, *end = via->end;

  for (int slashes = 0; slashes < 2; slashes++)
    {
      p = memchr (p, '/', end - p);
      if (!p)
        return FALSE;
      p++;
    }
  p = via->transport = skip_space (p, end);
  while (p < end && !is_space (*p) && *p != ';')
    p++;
  via->transport_end = p;
  p = via->sent_by = skip_space (p, end);
  while (p < end && *p != ';')
    p++;
  via->params = p;
  while (p > via->sent_by && is_space (p[-1]))
    p--;
  via->sent_by_end = p;
  return via->transport_end > via->transport && via->transport_end - via->transport <= TRANSPORT_MAX
         && via->sent_by_end > via->sent_by;
}

static gboolean
via_find (const guint8 *data, gsize len, Via *via)
{
  const char *p = (const char *) data, *end = p + len;

  for (p = next_line (p, end); p < end && *p != '\r' && *p != '\n'; p = next_line (p, end))
    {
      const char *value = via_value (p, end);

      if (!value)
        continue;
      via->start = skip_space (value, end);
      via->end = value_end (value, end);
      if (via->end <= via->start)
        return FALSE;
      via->end = element_end (via->start, via->end);
      return via_parse (via);
    }
  return FALSE;
}

/* Calls for each parameter: [name, name_end) and [name, param_end). */
static const char *
param_end (const char *p, const char *end)
{
  gboolean quoted = FALSE;

  for (; p < end; p++)
    {
      if (*p == '"')
        quoted = !quoted;
      else if (*p == ';' && !quoted)
        break;
    }
  return p;
}

static gboolean
param_is (const char *p, const char *end, const char *name, const char **value, const char **value_stop)
{
  gsize n = strlen (name);

  p = skip_space (p, end);
  if ((gsize) (end - p) < n || g_ascii_strncasecmp (p, name, n) != 0)
    return FALSE;
  p = skip_space (p + n, end);
  if (p < end && *p != '=')
    return FALSE;
  *value = p < end ? skip_space (p + 1, end) : end;
  *value_stop = end;
  while (*value_stop > *value && is_space ((*value_stop)[-1]))
    (*value_stop)--;
  return TRUE;
}

PlEdgeKind
pl_edge_kind (const guint8 *data, gsize len)
{
  const char *p = (const char *) data, *end = p + len, *line, *version;

  if (len < 16 || len > PL_EDGE_MESSAGE_MAX)
    return PL_EDGE_NONE;
  if (g_ascii_strncasecmp (p, "SIP/2.0 ", 8) == 0)
    return PL_EDGE_RESPONSE;
  if ((!g_ascii_isalnum (*p) && !strchr ("-.!%*_+`'~", *p)) || !memchr (p, '\n', len))
    return PL_EDGE_NONE;
  line = version = first_line_end (p, end);
  while (version > p && version[-1] != ' ')
    version--;
  return version - p >= 4 && line - version > 4 && g_ascii_strncasecmp (version, "SIP/", 4) == 0 ? PL_EDGE_REQUEST : PL_EDGE_NONE;
}

/* Parameters of a request's Via as they go in: no claims of where it came from. */
static void
append_params_in (GString *out, const Via *via)
{
  const char *value, *stop;

  for (const char *p = via->params; p < via->end;)
    {
      const char *name = p + 1, *next = param_end (p + 1, via->end);

      if (param_is (name, next, "rport", &value, &stop))
        g_string_append (out, ";rport");
      else if (param_is (name, next, "maddr", &value, &stop))
        g_string_append_printf (out, ";" MADDR_PARAM "=%.*s", (int) (stop - value), value);
      else if (!param_is (name, next, "received", &value, &stop) && !param_is (name, next, MADDR_PARAM, &value, &stop)
               && !param_is (name, next, TRANSPORT_PARAM, &value, &stop))
        g_string_append_len (out, p, next - p);
      p = next;
    }
}

GBytes *
pl_edge_in (const guint8 *data, gsize len)
{
  const char *begin = (const char *) data;
  GString *out;
  Via via;
  gboolean request = pl_edge_kind (data, len) == PL_EDGE_REQUEST;
  gboolean udp;

  if (!via_find (data, len, &via))
    return NULL;
  udp = via.transport_end - via.transport == 3 && g_ascii_strncasecmp (via.transport, "UDP", 3) == 0;
  out = g_string_sized_new (len + 32);
  g_string_append_len (out, begin, via.transport - begin);
  g_string_append (out, "UDP");
  g_string_append_c (out, ' ');
  g_string_append_len (out, via.sent_by, via.sent_by_end - via.sent_by);
  if (request)
    append_params_in (out, &via);
  else
    g_string_append_len (out, via.params, via.end - via.params);
  if (request && !udp)
    {
      g_string_append (out, ";" TRANSPORT_PARAM "=");
      g_string_append_len (out, via.transport, via.transport_end - via.transport);
    }
  g_string_append_len (out, via.end, begin + len - via.end);
  return g_string_free_to_bytes (out);
}

/* The Via of a request of ours as the flow shall see it. */
static void
append_request_via (GString *text, const Via *via, const PlEdgeOut *out)
{
  g_string_append (text, out->transport);
  g_string_append_c (text, ' ');
  g_string_append (text, out->sent_by);
  g_string_append_len (text, via->params, via->end - via->params);
}

/* The flow's own Via in our response. */
static void
append_response_via (GString *text, const Via *via, const PlEdgeOut *out)
{
  g_autoptr (GString) params = g_string_new (NULL);
  const char *transport = via->transport, *transport_end = via->transport_end;
  const char *value, *stop;

  for (const char *p = via->params; p < via->end;)
    {
      const char *name = p + 1, *next = param_end (p + 1, via->end);

      if (param_is (name, next, TRANSPORT_PARAM, &value, &stop))
        {
          transport = value;
          transport_end = stop;
        }
      else if (param_is (name, next, MADDR_PARAM, &value, &stop))
        g_string_append_printf (params, ";maddr=%.*s", (int) (stop - value), value);
      else if (param_is (name, next, "rport", &value, &stop))
        {
          if (out->received)
            g_string_append_printf (params, ";rport=%u", out->port);
          else
            g_string_append (params, ";rport");
        }
      else if (!param_is (name, next, "received", &value, &stop))
        g_string_append_len (params, p, next - p);
      p = next;
    }
  if (out->received)
    g_string_append_printf (params, ";received=%s", out->received);
  g_string_append_len (text, transport, transport_end - transport);
  g_string_append_c (text, ' ');
  g_string_append_len (text, via->sent_by, via->sent_by_end - via->sent_by);
  g_string_append_len (text, params->str, params->len);
}

GBytes *
pl_edge_out (const guint8 *data, gsize len, const PlEdgeOut *out)
{
  const char *begin = (const char *) data;
  GString *text;
  Via via;

  if (!via_find (data, len, &via))
    return NULL;
  text = g_string_sized_new (len + 64);
  g_string_append_len (text, begin, via.transport - begin);
  if (pl_edge_kind (data, len) == PL_EDGE_RESPONSE)
    append_response_via (text, &via, out);
  else
    append_request_via (text, &via, out);
  g_string_append_len (text, via.end, begin + len - via.end);
  return g_string_free_to_bytes (text);
}

GBytes *
pl_edge_push_via (const guint8 *data, gsize len, const char *via)
{
  const char *begin = (const char *) data, *headers = next_line (begin, begin + len);
  GString *text = g_string_sized_new (len + strlen (via) + 16);

  g_string_append_len (text, begin, headers - begin);
  g_string_append_printf (text, "Via: %s\r\n", via);
  g_string_append_len (text, headers, begin + len - headers);
  return g_string_free_to_bytes (text);
}
