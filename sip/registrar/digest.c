/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sip/registrar/digest.h"

#include <string.h>
#include "base/aor.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"

#define SECRET_LEN 32
#define TIME_DIGITS 16 /* of the nonce: microseconds in hex, a random number, and a seal over both */

struct PlDigest {
  PlEnv *env;
  char *path;
  guint8 secret[SECRET_LEN]; /* of our nonces, for this run */
};

PlDigest *
pl_digest_new (PlEnv *env, const char *path)
{
  PlDigest *digest = g_new0 (PlDigest, 1);

  digest->env = env;
  digest->path = g_strdup (path);
  pl_env_random (env, digest->secret, sizeof digest->secret);
  return digest;
}

void
pl_digest_free (PlDigest *digest)
{
  if (!digest)
    return;
  pl_wipe (digest->secret, sizeof digest->secret);
  g_free (digest->path);
  g_free (digest);
}

/* --- passwords --- */

#define OLD ";md5"

/* The password in this line of `aor`; NULL: it is of somebody else. */
static char *
password_of_line (const char *line, const char *aor, gboolean *old)
{
  gsize len = strcspn (line, " \t");
  g_autofree char *name = g_strndup (line, len);
  g_autofree char *canonical = NULL;

  *old = g_str_has_suffix (name, OLD);
  if (*old)
    name[strlen (name) - strlen (OLD)] = '\0';
  canonical = *line == '#' ? NULL : pl_aor_canonical (name);

  line += len + strspn (line + len, " \t");
  return canonical && strcmp (canonical, aor) == 0 && *line ? g_strndup (line, strcspn (line, "\r")) : NULL;
}

/* FALSE: it cannot be known. `password` NULL: there is none; `old`: for a phone that knows MD5 alone. */
static gboolean
find_password (PlDigest *digest, const char *aor, char **password, gboolean *old)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = pl_file_read_private (digest->path, PL_DIGEST_FILE_MAX, &error);
  g_autofree char *text = NULL;

  *password = NULL;
  if (!bytes)
    {
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        return TRUE;
      pl_notice ("registrar", "no phone can register", "reason", error->message, NULL);
      return FALSE;
    }
  text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  for (char *line = text, *next; line && !*password; line = next)
    {
      next = strchr (line, '\n');
      if (next)
        *next++ = '\0';
      *password = password_of_line (line, aor, old);
    }
  pl_wipe (text, g_bytes_get_size (bytes));
  return TRUE;
}

/* --- nonces: nothing is kept --- */

static char *
seal (const PlDigest *digest, const char *text)
{
  return g_compute_hmac_for_string (G_CHECKSUM_SHA256, digest->secret, sizeof digest->secret, text, -1);
}

static char *
make_nonce (PlDigest *digest)
{
  g_autofree char *head = g_strdup_printf ("%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x", (guint64) pl_env_now (digest->env),
                                           pl_env_random64 (digest->env));
  g_autofree char *end = seal (digest, head);

  return g_strconcat (head, end, NULL);
}

static gboolean
is_our_nonce (const PlDigest *digest, const char *nonce)
{
  g_autofree char *head = g_strndup (nonce, 2 * TIME_DIGITS);
  g_autofree char *end = seal (digest, head);

  return strlen (nonce) > 2 * TIME_DIGITS && strcmp (nonce + 2 * TIME_DIGITS, end) == 0;
}

static gboolean
is_fresh (const PlDigest *digest, const char *nonce)
{
  g_autofree char *head = g_strndup (nonce, TIME_DIGITS);
  guint64 made = g_ascii_strtoull (head, NULL, 16);

  return (guint64) pl_env_now (digest->env) - made < PL_DIGEST_NONCE_TIME;
}

/* --- the answer --- */

/* Without quotes; NULL: not there, or too long. */
static char *
dup_param (const char *const *params, const char *name)
{
  gsize len = strlen (name);

  for (; params && *params; params++)
    {
      const char *value = *params + len + 1;
      gsize size;

      if (g_ascii_strncasecmp (*params, name, len) != 0 || (*params)[len] != '=')
        continue;
      size = strlen (value);
      if (size > PL_DIGEST_PARAM_MAX)
        return NULL;
      return size >= 2 && *value == '"' && value[size - 1] == '"' ? g_strndup (value + 1, size - 2) : g_strdup (value);
    }
  return NULL;
}

static char *
hash_of (GChecksumType type, const char *first, ...)
{
  g_autoptr (GChecksum) sum = g_checksum_new (type);
  va_list more;

  va_start (more, first);
  g_checksum_update (sum, (const guchar *) first, -1);
  for (const char *next; (next = va_arg (more, const char *));)
    {
      g_checksum_update (sum, (const guchar *) ":", 1);
      g_checksum_update (sum, (const guchar *) next, -1);
    }
  va_end (more);
  return g_strdup (g_checksum_get_string (sum));
}

/* RFC 7616, 3.4.1; without qop as in RFC 2069, which old phones do. */
static gboolean
proves (const char *const *params, GChecksumType type, const char *method, const char *password)
{
  g_autofree char *user = dup_param (params, "username");
  g_autofree char *uri = dup_param (params, "uri");
  g_autofree char *nonce = dup_param (params, "nonce");
  g_autofree char *said = dup_param (params, "response");
  g_autofree char *qop = dup_param (params, "qop");
  g_autofree char *cnonce = dup_param (params, "cnonce");
  g_autofree char *nc = dup_param (params, "nc");
  g_autofree char *who = NULL;
  g_autofree char *what = NULL;
  g_autofree char *wanted = NULL;
  gboolean good;

  if (!user || !uri || !nonce || !said || (qop && (g_ascii_strcasecmp (qop, "auth") != 0 || !cnonce || !nc)))
    return FALSE;
  who = hash_of (type, user, PL_DIGEST_REALM, password, NULL);
  what = hash_of (type, method, uri, NULL);
  wanted = qop ? hash_of (type, who, nonce, nc, cnonce, qop, what, NULL) : hash_of (type, who, nonce, what, NULL);
  good = g_ascii_strcasecmp (wanted, said) == 0;
  pl_wipe (who, strlen (who));
  return good;
}

/* The name in front of the @, or all of it. */
static gboolean
is_user (const char *const *params, const char *aor)
{
  g_autofree char *user = dup_param (params, "username");
  g_autofree char *name = g_strndup (aor, strcspn (aor, "@"));

  return user && (g_ascii_strcasecmp (user, aor) == 0 || g_ascii_strcasecmp (user, name) == 0);
}

static PlDigestResult
judge (PlDigest *digest, const char *aor, const char *method, const char *const *params, const char *password)
{
  g_autofree char *algorithm = dup_param (params, "algorithm");
  g_autofree char *realm = dup_param (params, "realm");
  g_autofree char *nonce = dup_param (params, "nonce");
  gboolean sha = algorithm && g_ascii_strcasecmp (algorithm, "SHA-256") == 0;

  if (!params || g_strcmp0 (realm, PL_DIGEST_REALM) != 0)
    return PL_DIGEST_MISSING;
  if (!nonce || !is_user (params, aor) || (algorithm && !sha && g_ascii_strcasecmp (algorithm, "MD5") != 0)
      || !proves (params, sha ? G_CHECKSUM_SHA256 : G_CHECKSUM_MD5, method, password))
    return PL_DIGEST_WRONG;
  return is_our_nonce (digest, nonce) && is_fresh (digest, nonce) ? PL_DIGEST_GOOD : PL_DIGEST_STALE;
}

PlDigestResult
pl_digest_check (PlDigest *digest, const char *aor, const char *method, const char *const *params)
{
  char *password = NULL;
  gboolean old;
  PlDigestResult result;

  if (!find_password (digest, aor, &password, &old))
    return PL_DIGEST_BROKEN;
  if (!password)
    return PL_DIGEST_FREE;
  result = judge (digest, aor, method, params, password);
  pl_wipe_text (password);
  return result;
}

char *
pl_digest_dup_challenge (PlDigest *digest, const char *aor, gboolean stale)
{
  static const char *const algorithms[] = { "SHA-256", "MD5" };
  GString *out = g_string_new (NULL);
  char *password = NULL;
  gboolean old = FALSE;

  find_password (digest, aor, &password, &old);
  pl_wipe_text (password);
  for (guint i = old; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_autofree char *nonce = make_nonce (digest);

      g_string_append_printf (out, "WWW-Authenticate: Digest realm=\"" PL_DIGEST_REALM "\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s\r\n",
                              nonce, algorithms[i], stale ? ", stale=true" : "");
    }
  return g_string_free (out, FALSE);
}
