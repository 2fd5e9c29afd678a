/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/router/prefs.h"

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_util.h>
#include <string.h>

#define SCORE_MAX 1000
#define ACCEPTS_MAX 16   /* Accept-Contact and Reject-Contact values looked at, each */

/* RFC 3840, section 10 and its registry, without the prefix "sip." */
static const char *const base_tags[] = {
  "audio", "automata", "class", "duplex", "data", "control", "mobility", "events", "priority", "methods", "extensions",
  "schemes", "application", "video", "language", "type", "isfocus", "actor", "text", NULL,
};

static gboolean
is_named (const char *param, const char *name)
{
  gsize len = strlen (name);

  return g_ascii_strncasecmp (param, name, len) == 0 && (param[len] == '=' || param[len] == '\0');
}

static gboolean
is_base_tag (const char *param)
{
  for (const char *const *tag = base_tags; *tag; tag++)
    if (is_named (param, *tag))
      return TRUE;
  return is_named (param, "q");
}

static gboolean
is_said (const char *param)
{
  return is_base_tag (param) || is_named (param, "description") || (*param == '+' && !is_named (param, "+sip.instance"));
}

static char *
join (const sip_contact_t *contact, gboolean (*wanted) (const char *param))
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (msg_param_t const *param = contact ? contact->m_params : NULL; param && *param; param++)
    if (wanted (*param))
      g_string_append_printf (text, "%s%s", text->len ? ";" : "", *param);
  for (gsize i = 0; i < text->len; i++)
    if (!g_ascii_isprint (text->str[i]))
      return g_strdup ("");
  return text->len > PL_PREFS_MAX ? g_strdup ("") : g_strdup (text->str);
}

/* As a Contact again. What came from the overlay may be anything; NULL when it is none. */
static sip_contact_t *
parse (su_home_t *home, const char *prefs)
{
  g_autofree char *text = g_strdup_printf ("<sip:any@any.invalid>;%s", prefs);

  if (*prefs == '\0' || strlen (prefs) > PL_PREFS_MAX)
    return NULL;
  for (const char *p = prefs; *p; p++)
    if (!g_ascii_isprint (*p))
      return NULL;
  return sip_contact_make (home, text);
}

char *
pl_prefs_of_contact (const sip_contact_t *contact)
{
  return join (contact, is_said);
}

char *
pl_prefs_public (const char *prefs)
{
  su_home_t *home = su_home_new (sizeof *home);
  char *text = join (parse (home, prefs), is_base_tag);

  su_home_unref (home);
  return text;
}

guint
pl_prefs_q (const char *prefs)
{
  su_home_t *home = su_home_new (sizeof *home);
  const sip_contact_t *contact = parse (home, prefs);
  double q = contact && contact->m_q ? g_ascii_strtod (contact->m_q, NULL) : 1;

  su_home_unref (home);
  return q >= 0 && q <= 1 ? (guint) (q * PL_PREFS_Q_MAX + 0.5) : PL_PREFS_Q_MAX;
}

static gboolean
is_rejected (const sip_contact_t *contact, const sip_reject_contact_t *reject)
{
  guint n = 0;

  for (; reject && n < ACCEPTS_MAX; reject = reject->cp_next, n++)
    if (sip_contact_reject (contact, reject))
      return TRUE;
  return FALSE;
}

/* One Accept-Contact. FALSE: such a device is not wanted at all. */
static gboolean
accepts (const sip_contact_t *contact, const sip_accept_contact_t *accept, guint *score)
{
  unsigned said = 0, asked = 0;
  int error = 0;
  gboolean matches = sip_contact_accept (contact, accept, &said, &asked, &error) && !error;

  *score = matches && asked > 0 ? said * SCORE_MAX / asked : matches ? SCORE_MAX : 0;
  if (matches && accept->cp_explicit && said < asked)
    {
      *score = 0;
      matches = FALSE;
    }
  return matches || !accept->cp_require;
}

static gboolean
is_wanted (const sip_contact_t *contact, const sip_t *request, guint *score)
{
  guint n = 0, sum = 0;

  if (is_rejected (contact, request->sip_reject_contact))
    return FALSE;
  for (const sip_accept_contact_t *accept = request->sip_accept_contact; accept && n < ACCEPTS_MAX; accept = accept->cp_next, n++)
    {
      guint one;

      if (!accepts (contact, accept, &one))
        return FALSE;
      sum += one;
    }
  *score = n > 0 ? sum / n : SCORE_MAX;
  return TRUE;
}

gboolean
pl_prefs_wanted (const char *prefs, const sip_t *request, guint *score)
{
  su_home_t *home = su_home_new (sizeof *home);
  const sip_contact_t *contact = parse (home, prefs);
  gboolean wanted = TRUE;

  *score = SCORE_MAX;
  if (contact && !sip_contact_is_immune (contact))
    wanted = is_wanted (contact, request, score);
  su_home_unref (home);
  return wanted;
}
