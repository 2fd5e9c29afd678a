/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/sanitize.h"

#include "sip/router/headers.h"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <string.h>

/* Names that sofia's parser does not know by default; compact forms of RFC 4474 are y and n. */
static const char *const unwanted[] = {
  "P-Asserted-Identity", "P-Preferred-Identity", "P-Called-Party-ID", "P-Associated-URI", "P-Asserted-Service",
  "Remote-Party-ID", "Identity", "y", "Identity-Info", "n", "Diversion", "History-Info", "Path", "Service-Route",
  "Route", "Alert-Info", "Call-Info", "Error-Info", "Answer-Mode", "Priv-Answer-Mode", "P-Auto-Answer",
  "WWW-Authenticate", "Proxy-Authenticate", NULL,
};

static void
drop_all (msg_t *msg, sip_t *sip, gpointer header)
{
  if (header)
    msg_header_remove_all (msg, (msg_pub_t *) sip, header);
}

static gboolean
is_unwanted (const char *name)
{
  gsize len = name ? strcspn (name, " \t\r\n") : 0;

  for (const char *const *each = unwanted; *each; each++)
    if (strlen (*each) == len && g_ascii_strncasecmp (*each, name, len) == 0)
      return TRUE;
  return FALSE;
}

static void
drop_unknown (msg_t *msg, sip_t *sip)
{
  sip_unknown_t *next;

  for (sip_unknown_t *header = sip->sip_unknown; header; header = next)
    {
      next = header->un_next;
      if (is_unwanted (header->un_name))
        msg_header_remove (msg, (msg_pub_t *) sip, (msg_header_t *) header);
    }
}

static void
drop_known (msg_t *msg, sip_t *sip)
{
  drop_all (msg, sip, sip->sip_route);
  drop_all (msg, sip, sip->sip_path);
  drop_all (msg, sip, sip->sip_service_route);
  drop_all (msg, sip, sip->sip_call_info);
  drop_all (msg, sip, sip->sip_error_info);
  drop_all (msg, sip, sip->sip_www_authenticate);
  drop_all (msg, sip, sip->sip_proxy_authenticate);
  drop_all (msg, sip, sip->sip_error);
  /* in case the message class was extended */
  drop_all (msg, sip, sip_p_asserted_identity (sip));
  drop_all (msg, sip, sip_p_preferred_identity (sip));
  drop_all (msg, sip, sip_remote_party_id (sip));
  drop_all (msg, sip, sip_alert_info (sip));
}

/* --- display names --- */

/* Without quotes and backslashes, in compatibility form, so that full-width and small signs
 * become what a person takes them for. NULL when it is no UTF-8. */
static char *
plain (const char *display)
{
  g_autoptr (GString) out = g_string_new (NULL);
  gsize len = strlen (display);
  gboolean quoted = len >= 2 && display[0] == '"' && display[len - 1] == '"';

  for (gsize i = quoted; i < len - quoted; i++)
    {
      if (quoted && display[i] == '\\' && i + 1 < len - quoted)
        i++;
      g_string_append_c (out, display[i]);
    }
  return g_utf8_normalize (out->str, out->len, G_NORMALIZE_ALL_COMPOSE);
}

/* Characters that hide, reorder or imitate, beside those that normalising shows. */
static gboolean
is_tricky (gunichar c)
{
  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_UNASSIGNED:
      return TRUE;
    default:
      return c == 0x24d0 /* a in a circle */ || c == 0x24b6 || c == 0xe0040 /* tag @ */;
    }
}

gboolean
pl_display_is_honest (const char *display, const char *aor)
{
  g_autofree char *text = NULL;
  g_autofree char *lower = NULL;

  if (!display || *display == '\0')
    return TRUE;
  if (strlen (display) > PL_DISPLAY_MAX)
    return FALSE;
  /* before normalising, which would turn a circled a into a plain one */
  if (!g_utf8_validate (display, -1, NULL))
    return FALSE;
  for (const char *p = display; *p; p = g_utf8_next_char (p))
    if (is_tricky (g_utf8_get_char (p)))
      return FALSE;
  text = plain (display);
  if (!text || strstr (text, "=?"))
    return FALSE;
  lower = g_ascii_strdown (text, -1);
  if (g_str_equal (g_strstrip (lower), aor))
    return TRUE;
  return !strchr (lower, '@') && !strstr (lower, "sip:") && !strstr (lower, "sips:") && !strstr (lower, "%40");
}

static char *
quote (su_home_t *home, const char *aor)
{
  g_autoptr (GString) out = g_string_new ("\"");

  for (const char *p = aor; *p; p++)
    {
      if (*p == '"' || *p == '\\')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *p);
    }
  g_string_append_c (out, '"');
  return su_strdup (home, out->str);
}

/* From and To are the same type. */
static void
mend_display (msg_t *msg, sip_addr_t *address, const char *aor)
{
  if (!address || pl_display_is_honest (address->a_display, aor))
    return;
  address->a_display = quote (msg_home (msg), aor);
  msg_fragment_clear (address->a_common);
}

void
pl_sanitize_from_link (msg_t *msg, sip_t *sip, const char *certified_aor)
{
  drop_known (msg, sip);
  drop_unknown (msg, sip);
  mend_display (msg, sip->sip_request ? sip->sip_from : sip->sip_to, certified_aor);
  for (sip_contact_t *contact = sip->sip_contact; contact; contact = contact->m_next)
    if (!pl_display_is_honest (contact->m_display, certified_aor))
      {
        contact->m_display = NULL;
        msg_fragment_clear (contact->m_common);
      }
}

/* --- route sets --- */

static gboolean
is_same_route (const sip_record_route_t *route, const url_t *own)
{
  g_autofree char *a = pl_route_token (route->r_url, NULL);
  g_autofree char *b = pl_route_token (own, NULL);

  return a && g_strcmp0 (a, b) == 0;
}

void
pl_record_route_ensure (msg_t *msg, sip_t *sip, const char *own)
{
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func (g_free);
  url_t *url = url_make (msg_home (msg), own);

  for (sip_record_route_t *route = sip->sip_record_route; route && others->len < PL_FAR_ROUTES_MAX; route = route->r_next)
    if (!is_same_route (route, url))
      g_ptr_array_add (others, pl_url_dup_text (route->r_url));
  drop_all (msg, sip, sip->sip_record_route);
  /* each goes on top of the ones before */
  pl_record_route_add (msg, sip, own);
  for (guint i = others->len; i > 0; i--)
    pl_record_route_add (msg, sip, others->pdata[i - 1]);
}
