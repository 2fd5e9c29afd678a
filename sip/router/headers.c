/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/headers.h"

#include "base/aor.h"
#include "base/hex.h"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <string.h>

#define NODE_LEN 16
#define DESTINATION_NODE 1   /* RFC 6940, 6.3.2.2 */
#define DESTINATIONS_MAX 8   /* entries of a GRUU we follow */
#define GR_MAX 512           /* characters */
#define FORWARDS_DEFAULT 70  /* RFC 3261, 8.1.1.6 */

/* --- addresses --- */

char *
pl_url_dup_text (const url_t *url)
{
  char *text = url ? url_as_string (NULL, url) : NULL;
  char *out = g_strdup (text);

  su_free (NULL, text);
  return out;
}

char *
pl_url_dup_aor (const url_t *url)
{
  g_autofree char *text = NULL;

  if (!url || (url->url_type != url_sip && url->url_type != url_sips))
    return NULL;
  text = pl_url_dup_text (url);
  return pl_aor_canonical (text);
}

/* Past a display name in quotes, or `text` itself. */
static const char *
skip_quoted (const char *text)
{
  if (*text != '"')
    return text;
  for (text++; *text && *text != '"'; text++)
    if (*text == '\\' && text[1])
      text++;
  return text;
}

/* The first URI of a header line as it was received. */
static char *
first_uri (const char *data, gsize len)
{
  g_autofree char *line = g_strndup (data, len);
  const char *at = strchr (line, ':'), *open, *close;

  if (!at)
    return NULL;
  at = skip_quoted (at + 1 + strspn (at + 1, " \t"));
  open = strchr (at, '<');
  close = open ? strchr (open, '>') : NULL;
  if (open)
    return close ? g_strndup (open + 1, close - open - 1) : NULL;
  return g_strndup (at, strcspn (at, ";, \t\r\n"));
}

char *
pl_contact_dup_text (const sip_contact_t *contact)
{
  g_autofree char *raw = NULL;
  g_autofree char *printed = NULL;
  g_autofree char *reread = NULL;
  url_t *url;

  if (!contact)
    return NULL;
  printed = pl_url_dup_text (contact->m_url);
  if (!contact->m_common->h_data || contact->m_common->h_len == 0)
    return g_steal_pointer (&printed);
  raw = first_uri (contact->m_common->h_data, contact->m_common->h_len);
  if (!raw || strpbrk (raw, "\r\n"))
    return g_steal_pointer (&printed);
  url = url_make (NULL, raw);
  reread = pl_url_dup_text (url);
  su_free (NULL, url);
  return g_strcmp0 (reread, printed) == 0 ? g_steal_pointer (&raw) : g_steal_pointer (&printed);
}

/* --- GRUU --- */

char *
pl_gruu_make (const char *aor, const char *node)
{
  guint8 list[2 + NODE_LEN] = { DESTINATION_NODE, NODE_LEN };
  g_autofree char *text = NULL;
  g_autofree char *uri = NULL;

  if (!node || !pl_hex_parse (node, list + 2, NODE_LEN))
    return NULL;
  text = g_base64_encode (list, sizeof list);
  uri = pl_aor_uri (aor);
  return g_strdup_printf ("%s;gr=%s", uri, g_strdelimit (text, "=", '~'));
}

/* A node that no one can be: zero is invalid and all ones means everybody (RFC 6940, 6.3.2.2). */
static gboolean
is_reserved (const guint8 *node)
{
  guint8 all = 0xff, any = 0;

  for (guint i = 0; i < NODE_LEN; i++)
    {
      all &= node[i];
      any |= node[i];
    }
  return all == 0xff || any == 0;
}

/* The Node-ID that ends a destination list, NULL when the list is none. */
static const guint8 *
last_node (const guint8 *list, gsize len)
{
  const guint8 *node = NULL;

  for (guint n = 0; len > 0; n++)
    {
      gsize entry = list[0] & 0x80 || len < 2 ? 2 : 2 + (gsize) list[1];

      if (entry > len || n == DESTINATIONS_MAX)
        return NULL;
      node = list[0] == DESTINATION_NODE && entry == 2 + NODE_LEN ? list + 2 : NULL;
      list += entry;
      len -= entry;
    }
  return node && !is_reserved (node) ? node : NULL;
}

static gboolean
is_base64 (const char *text)
{
  gsize digits = strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  gsize pads = strspn (text + digits, "=");

  return digits > 0 && text[digits + pads] == '\0' && pads <= 2 && (pads == 0 || (digits + pads) % 4 == 0);
}

static char *
gr_dup_node (const char *gr)
{
  g_autoptr (GString) text = g_string_new (gr);
  g_autofree guint8 *list = NULL;
  const guint8 *node;
  gsize len;

  g_strdelimit (text->str, "~", '=');
  if (!is_base64 (text->str))
    return NULL;
  while (text->len % 4)
    g_string_append_c (text, '=');
  list = g_base64_decode (text->str, &len);
  node = last_node (list, len);
  return node ? pl_hex_dup (node, NODE_LEN) : NULL;
}

/* The value of a URI parameter; NULL when it is not there, empty, or longer than max. */
static char *
url_dup_param (const url_t *url, const char *name, gsize max)
{
  g_autofree char *value = g_malloc0 (max + 2);
  gsize len = url && url->url_params ? (gsize) url_param (url->url_params, name, value, max + 2) : 0;

  /* the length includes the NUL */
  return len > 1 && len <= max + 1 ? g_strdup (value) : NULL;
}

gboolean
pl_gruu_parse (const url_t *url, char **aor, char **node)
{
  g_autofree char *gr = url_dup_param (url, "gr", GR_MAX);
  g_autofree char *far = gr ? gr_dup_node (url_unescape (gr, gr)) : NULL;
  g_autofree char *who = far ? pl_url_dup_aor (url) : NULL;

  if (!who)
    return FALSE;
  if (aor)
    *aor = g_steal_pointer (&who);
  if (node)
    *node = g_steal_pointer (&far);
  return TRUE;
}

/* --- our Record-Route URI --- */

char *
pl_route_uri (const char *listen, gboolean tcp, const char *node, const char *token)
{
  return g_strdup_printf ("sip:%s@%s;lr%s;pl=%s", node, listen, tcp ? ";transport=tcp" : "", token);
}

char *
pl_route_token (const url_t *url, char **node)
{
  g_autofree char *token = url_dup_param (url, "pl", PL_TOKEN_TEXT_MAX);
  guint8 id[NODE_LEN];

  if (!token || !url->url_user || !pl_hex_parse (url->url_user, id, NODE_LEN))
    return NULL;
  for (const char *p = token; *p; p++)
    if (!g_ascii_isalnum (*p) && *p != '-' && *p != '_')
      return NULL;
  if (node)
    *node = pl_hex_dup (id, NODE_LEN);
  return g_steal_pointer (&token);
}

/* --- changes --- */

/* What only a registrar is told, or what tells two identities of one phone together. */
static gboolean
is_private_param (const char *param)
{
  static const char *const names[] = { "expires", "q", "+sip.instance", "reg-id", "pub-gruu", "temp-gruu", "received", NULL };

  for (const char *const *name = names; *name; name++)
    {
      gsize len = strlen (*name);

      if (g_ascii_strncasecmp (param, *name, len) == 0 && (param[len] == '=' || param[len] == '\0'))
        return TRUE;
    }
  return FALSE;
}

gboolean
pl_contact_replace (msg_t *msg, sip_t *sip, const char *uri)
{
  g_autoptr (GString) text = g_string_new (NULL);
  sip_contact_t *contact;

  if (!sip->sip_contact)
    return FALSE;
  g_string_printf (text, "<%s>", uri);
  for (msg_param_t const *param = sip->sip_contact->m_params; param && *param; param++)
    if (!is_private_param (*param))
      g_string_append_printf (text, ";%s", *param);
  contact = sip_contact_make (msg_home (msg), text->str);
  if (!contact)
    return FALSE;
  msg_header_remove_all (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_contact);
  return msg_header_insert (msg, (msg_pub_t *) sip, (msg_header_t *) contact) >= 0;
}

gboolean
pl_record_route_add (msg_t *msg, sip_t *sip, const char *uri)
{
  sip_record_route_t *route = sip_record_route_format (msg_home (msg), "<%s>", uri);

  return route && msg_header_insert (msg, (msg_pub_t *) sip, (msg_header_t *) route) >= 0;
}

void
pl_route_pop (msg_t *msg, sip_t *sip)
{
  if (sip->sip_route)
    msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) sip->sip_route);
}

gboolean
pl_max_forwards_decrement (msg_t *msg, sip_t *sip)
{
  sip_max_forwards_t *forwards = sip->sip_max_forwards;

  if (!forwards)
    {
      forwards = sip_max_forwards_format (msg_home (msg), "%u", FORWARDS_DEFAULT);
      return forwards && msg_header_insert (msg, (msg_pub_t *) sip, (msg_header_t *) forwards) >= 0;
    }
  if (forwards->mf_count == 0)
    return FALSE;
  forwards->mf_count--;
  msg_fragment_clear (forwards->mf_common);
  return TRUE;
}

/* sofia decodes some escapes as it reads; the parts as they were written print as written. */
static void
keep_raw (url_t *url, char *text)
{
  char *rest = strchr (text, ':'), *at, *end;

  if (!rest)
    return;
  *rest++ = '\0';
  url->url_scheme = text;
  at = strchr (rest, '@');
  url->url_password = NULL;
  url->url_user = at ? rest : NULL;
  if (at)
    {
      *at = '\0';
      rest = at + 1;
    }
  url->url_host = rest;
  end = *rest == '[' && strchr (rest, ']') ? strchr (rest, ']') : rest;
  end += strcspn (end, ":;?");
  url->url_port = *end == ':' ? end + 1 : NULL;
  if (*end == ':')
    {
      *end++ = '\0';
      end += strcspn (end, ";?");
    }
  url->url_params = *end == ';' ? end + 1 : NULL;
  if (*end == ';')
    {
      *end++ = '\0';
      end += strcspn (end, "?");
    }
  url->url_headers = *end == '?' ? end + 1 : NULL;
  *end = '\0';
}

gboolean
pl_request_uri_set (msg_t *msg, sip_t *sip, const char *uri)
{
  url_t *url = url_make (msg_home (msg), uri);
  char *copy = su_strdup (msg_home (msg), uri);

  if (!url || !copy || !sip->sip_request || (url->url_type != url_sip && url->url_type != url_sips) || strpbrk (uri, " \t\r\n<>"))
    return FALSE;
  keep_raw (url, copy);
  sip->sip_request->rq_url[0] = *url;
  msg_fragment_clear (sip->sip_request->rq_common);
  return TRUE;
}
