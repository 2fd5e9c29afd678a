/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/registrar/request.h"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <string.h>
#include "sip/router/headers.h"
#include "sip/router/prefs.h"

#define AGENT_MAX 128

static gboolean
refuse (PlRegisterReply *reply, int status, const char *phrase)
{
  reply->status = status;
  reply->phrase = phrase;
  return FALSE;
}

/* Seconds as asked for this Contact, bounded above. */
static guint
expires_of (const sip_t *sip, const sip_contact_t *contact)
{
  guint64 value = PL_EXPIRES_DEFAULT;

  if (contact && contact->m_expires)
    {
      if (!g_ascii_string_to_unsigned (contact->m_expires, 10, 0, G_MAXUINT32, &value, NULL))
        value = PL_EXPIRES_DEFAULT; /* RFC 3261, 20.10: malformed counts as 3600 */
    }
  else if (sip->sip_expires)
    value = sip->sip_expires->ex_delta;
  return MIN (value, PL_EXPIRES_MAX);
}

static gboolean
check_contact (const sip_t *sip, const sip_contact_t *contact, const char *uri, PlRegisterReply *reply)
{
  guint expires = expires_of (sip, contact);

  if (contact->m_url->url_type != url_sip && contact->m_url->url_type != url_sips)
    return refuse (reply, 400, "Contact Is No SIP URI");
  if (!uri || strlen (uri) > PL_CONTACT_MAX)
    return refuse (reply, 400, "Contact Too Long");
  if (expires > 0 && expires < PL_EXPIRES_MIN)
    {
      reply->min_expires = PL_EXPIRES_MIN;
      return refuse (reply, 423, "Interval Too Brief");
    }
  return TRUE;
}

static gboolean
check_all (const sip_t *sip, PlRegisterReply *reply)
{
  guint n = 0;

  for (const sip_contact_t *contact = sip->sip_contact; contact; contact = contact->m_next, n++)
    {
      g_autofree char *uri = pl_contact_dup_text (contact);

      if (n >= PL_BINDINGS_PER_AOR)
        return refuse (reply, 400, "Too Many Contacts");
      if (!check_contact (sip, contact, uri, reply))
        return FALSE;
    }
  return TRUE;
}

static gboolean
apply_result (PlRegisterResult result, PlRegisterReply *reply)
{
  switch (result)
    {
    case PL_REGISTERED:
      return TRUE;
    case PL_REGISTER_STALE:
      return refuse (reply, 500, "Older Than the Registration It Would Change");
    case PL_REGISTER_TOO_MANY:
      return refuse (reply, 403, "Too Many Phones");
    }
  return FALSE;
}

static gboolean
update_all (PlRegistrar *registrar, const sip_t *sip, const char *aor, const char *flow, PlRegisterReply *reply)
{
  g_autofree char *agent = sip->sip_user_agent ? g_strndup (sip->sip_user_agent->g_string, AGENT_MAX) : NULL;
  PlBinding binding = { .aor = (char *) aor, .flow = (char *) flow, .user_agent = agent,
                        .call_id = (char *) sip->sip_call_id->i_id, .cseq = sip->sip_cseq->cs_seq };

  for (const sip_contact_t *contact = sip->sip_contact; contact; contact = contact->m_next)
    {
      g_autofree char *uri = pl_contact_dup_text (contact);
      g_autofree char *prefs = pl_prefs_of_contact (contact);
      const char *instance = msg_header_find_param (contact->m_common, "+sip.instance=");

      binding.contact = uri;
      binding.prefs = prefs;
      binding.instance = (char *) (instance ? instance : "");
      if (!apply_result (pl_registrar_update (registrar, &binding, expires_of (sip, contact)), reply))
        return FALSE;
    }
  return TRUE;
}

static gboolean
process (PlRegistrar *registrar, const sip_t *sip, const char *aor, const char *flow, PlRegisterReply *reply)
{
  const sip_contact_t *contact = sip->sip_contact;

  if (!contact)
    return TRUE; /* a question */
  if (contact->m_url->url_type == url_any)
    {
      if (contact->m_next || !sip->sip_expires || sip->sip_expires->ex_delta != 0)
        return refuse (reply, 400, "Contact * Needs Expires 0");
      return apply_result (pl_registrar_remove_all (registrar, aor, sip->sip_call_id->i_id, sip->sip_cseq->cs_seq), reply);
    }
  return check_all (sip, reply) && update_all (registrar, sip, aor, flow, reply);
}

void
pl_registrar_request (PlRegistrar *registrar, const sip_t *sip, const char *aor, const char *flow, PlRegisterReply *reply)
{
  g_autoptr (GPtrArray) list = NULL;
  g_autoptr (GString) contacts = g_string_new (NULL);
  gint64 now;

  memset (reply, 0, sizeof *reply);
  if (!process (registrar, sip, aor, flow, reply))
    return;
  reply->status = 200;
  reply->phrase = "OK";
  list = pl_registrar_list (registrar, aor);
  now = pl_registrar_wall (registrar);
  for (guint i = 0; i < list->len; i++)
    {
      const PlBinding *binding = list->pdata[i];

      g_string_append_printf (contacts, "%s<%s>;expires=%" G_GINT64_FORMAT, i ? ", " : "", binding->contact,
                              (binding->expires - now + PL_USEC_PER_SEC / 2) / PL_USEC_PER_SEC);
    }
  if (contacts->len > 0)
    reply->contacts = g_strdup (contacts->str);
}

void
pl_register_reply_clear (PlRegisterReply *reply)
{
  g_clear_pointer (&reply->contacts, g_free);
}
