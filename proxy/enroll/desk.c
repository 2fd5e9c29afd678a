/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/enroll/desk.h"

#include <string.h>

#include "base/aor.h"
#include "base/hex.h"
#include "base/secret.h"

#define HOUR 3600
#define CODE_LEN 10            /* of 32 letters: 50 bits */
#define CODE_TEXT_MAX 64
#define LINK_BYTES 16
#define SALT_BYTES 16
#define RENEW_SHARE 3          /* renewed once less than this part of the life is left */

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static const char FAILED[] = "failed_authentication";
static const char NO_NAME[] = "username_not_available";
static const char NO_NODES[] = "Node-IDs_not_available";
static const char BAD_CSR[] = "bad_CSR";

struct PlDesk {
  PlEnv *env;
  PlStore *store;
  PlAuthority *authority;
  const char *overlay;
  const PlPolicy *policy;
  PlDeskMail mail;
  gpointer mail_data;
  PlDeskJudge judge;
  gpointer judge_data;
};

/* What was read of a request. */
typedef struct {
  const PlAsk *ask;
  char *aor, *csr, *key_id;
  guint node_ids;
  gint64 now;
} Visit;

static void
visit_clear (Visit *visit)
{
  g_free (visit->aor);
  g_free (visit->csr);
  g_free (visit->key_id);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Visit, visit_clear)

PlDesk *
pl_desk_new (PlEnv *env, PlStore *store, PlAuthority *authority, const char *overlay, const PlPolicy *policy)
{
  PlDesk *desk = g_new0 (PlDesk, 1);

  *desk = (PlDesk) { .env = env, .store = store, .authority = authority, .overlay = overlay, .policy = policy };
  return desk;
}

void
pl_desk_free (PlDesk *desk)
{
  g_free (desk);
}

void
pl_desk_set_mail (PlDesk *desk, PlDeskMail mail, gpointer data)
{
  desk->mail = mail;
  desk->mail_data = data;
}

void
pl_desk_set_judge (PlDesk *desk, PlDeskJudge judge, gpointer data)
{
  desk->judge = judge;
  desk->judge_data = data;
}

static const PlGrant *
grant_of (PlDesk *desk, const char *aor)
{
  GArray *grants = desk->policy->grants;

  for (guint i = 0; grants && i < grants->len; i++)
    if (g_pattern_match_simple (g_array_index (grants, PlGrant, i).pattern, aor))
      return &g_array_index (grants, PlGrant, i);
  return &desk->policy->grant;
}

/* --- codes --- */

static char *
random_hex (PlDesk *desk, gsize len)
{
  guint8 bytes[32];

  pl_env_random (desk->env, bytes, len);
  return pl_hex_dup (bytes, len);
}

static char *
make_code (PlDesk *desk)
{
  guint8 bytes[CODE_LEN];
  char code[CODE_LEN + 1] = "";

  pl_env_random (desk->env, bytes, sizeof bytes);
  for (guint i = 0; i < CODE_LEN; i++)
    code[i] = letters[bytes[i] % 32];
  return g_strdup (code);
}

/* As people type it. */
static char *
plain_code (const char *text)
{
  GString *out = g_string_new (NULL);

  for (; *text && out->len < CODE_TEXT_MAX; text++)
    if (!strchr (" -\r\n\t", *text))
      g_string_append_c (out, g_ascii_toupper (*text));
  return g_string_free (out, FALSE);
}

static char *
hash_code (const char *salt, const char *code)
{
  return g_compute_hmac_for_string (G_CHECKSUM_SHA256, (const guint8 *) salt, strlen (salt), code, -1);
}

static gboolean
same (const char *a, const char *b)
{
  g_autoptr (PlSecret) left = pl_secret_new (a, strlen (a));
  g_autoptr (PlSecret) right = pl_secret_new (b, strlen (b));

  return pl_secret_equal (left, right);
}

static gboolean
may_mail (PlDesk *desk, Visit *visit, const PlCode *code, GError **error)
{
  gint64 since = visit->now - HOUR;
  int to, by;

  if (code && visit->now - code->made < PL_CODE_RESEND)
    return FALSE;
  to = pl_store_count_mails (desk->store, "aor", visit->aor, since, error);
  by = to < 0 ? -1 : pl_store_count_mails (desk->store, "client", visit->ask->client, since, error);
  return by >= 0 && (guint) to < desk->policy->mails_per_address && (guint) by < desk->policy->mails_per_client;
}

/* The answer is the same whether a mail goes out or not; it goes out after the answer's commit. */
static gboolean
send_code (PlDesk *desk, Visit *visit, const PlCode *old, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autofree char *text = NULL;
  g_autofree char *link = NULL;
  g_autofree char *link_hash = NULL;
  g_autoptr (PlCode) code = NULL;

  if (!may_mail (desk, visit, old, &why))
    {
      if (!why)
        return pl_store_commit (desk->store, error);
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  text = make_code (desk);
  link = random_hex (desk, LINK_BYTES);
  link_hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, link, -1);
  code = g_new0 (PlCode, 1);
  code->salt = random_hex (desk, SALT_BYTES);
  code->hash = hash_code (code->salt, text);
  code->made = visit->now;
  code->expires = visit->now + desk->policy->code_seconds;
  if (!pl_store_put_code (desk->store, visit->aor, visit->key_id, code, link_hash, error)
      || !pl_store_put_mail (desk->store, visit->aor, visit->ask->client, visit->now, visit->now - HOUR, error)
      || !pl_store_commit (desk->store, error))
    return FALSE;
  if (desk->mail)
    desk->mail (visit->aor, text, link, visit->key_id, desk->mail_data);
  pl_wipe (text, strlen (text));
  return TRUE;
}

/* A wrong try is counted and stays counted. */
static gboolean
check_code (PlDesk *desk, Visit *visit, const PlCode *code, gboolean *right, GError **error)
{
  g_autofree char *text = plain_code (visit->ask->password);
  g_autofree char *hash = hash_code (code ? code->salt : "", text);
  gboolean alive = code && code->expires > visit->now && code->tries < PL_CODE_TRIES;

  *right = same (hash, code ? code->hash : "") && alive;
  if (*right || !alive)
    return TRUE;
  return pl_store_set_code (desk->store, visit->aor, visit->key_id, code->state, code->tries + 1, error);
}

/* --- certificates --- */

/* With the Node-IDs it had, and as many more as are wanted. */
static char *
make_certificate (PlDesk *desk, Visit *visit, const PlIssued *last)
{
  g_autoptr (PlCert) old = last ? pl_cert_new_from_pem (last->pem, NULL) : NULL;
  PlNodeId kept[PL_AUTHORITY_NODE_IDS_MAX];
  guint n = 0;

  for (; old && n < MIN (pl_cert_n_node_ids (old), G_N_ELEMENTS (kept)); n++)
    kept[n] = *pl_cert_node_id (old, n);
  pl_authority_set_lifetime (desk->authority, grant_of (desk, visit->aor)->lifetime);
  return pl_authority_issue_several (desk->authority, visit->csr, visit->aor, kept, n, MAX (n, visit->node_ids), NULL);
}

static char *
issue (PlDesk *desk, Visit *visit, const PlIssued *last, const char **token, GError **error)
{
  int devices = pl_store_count_devices (desk->store, visit->aor, visit->now, error);
  gboolean renewal = last && last->expires > visit->now;
  g_autofree char *pem = NULL;
  g_autoptr (PlCert) cert = NULL;
  g_autofree char *node = NULL;
  PlIssued record = { 0 };

  if (devices < 0)
    return NULL;
  if (!renewal && (guint) devices >= grant_of (desk, visit->aor)->devices)
    return *token = NO_NODES, NULL;
  pem = make_certificate (desk, visit, last);
  cert = pem ? pl_cert_new_from_pem (pem, NULL) : NULL;
  if (!cert)
    return *token = BAD_CSR, NULL;
  node = pl_node_id_dup_hex (pl_cert_node_id (cert, 0));
  record = (PlIssued) { .aor = visit->aor, .key_id = visit->key_id, .node_id = node, .pem = pem,
                        .issued = visit->now, .expires = pl_cert_not_after (cert) };
  if (!pl_store_put_issued (desk->store, &record, error)
      || !pl_store_set_code (desk->store, visit->aor, visit->key_id, PL_CODE_USED, 0, error))
    return NULL;
  return g_steal_pointer (&pem);
}

/* The one there is, or its successor when its time is nearly over. */
static char *
again (PlDesk *desk, Visit *visit, const PlIssued *last, const char **token, GError **error)
{
  if ((last->expires - visit->now) * RENEW_SHARE > last->expires - last->issued + PL_AUTHORITY_BACKDATE)
    return g_strdup (last->pem);
  return issue (desk, visit, last, token, error);
}

static char *
decide (PlDesk *desk, Visit *visit, const char **token, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (PlIssued) last = pl_store_find_issued (desk->store, visit->aor, visit->key_id, &why);
  g_autoptr (PlCode) code = why ? NULL : pl_store_find_code (desk->store, visit->aor, visit->key_id, &why);
  gboolean valid = last && last->expires > visit->now;
  gboolean right = FALSE;

  *token = FAILED;
  if (why)
    return g_propagate_error (error, g_steal_pointer (&why)), NULL;
  if (last && last->revoked)
    return NULL;
  if (visit->ask->password && *visit->ask->password)
    {
      if (!check_code (desk, visit, code, &right, error) || !right)
        return NULL;
      if (code->state != PL_CODE_USED)
        return issue (desk, visit, last, token, error);
      return valid ? again (desk, visit, last, token, error) : NULL;
    }
  if (valid)
    return again (desk, visit, last, token, error);
  if (code && code->state == PL_CODE_CONFIRMED && code->expires > visit->now)
    return issue (desk, visit, last, token, error);
  send_code (desk, visit, code, error);
  return NULL;
}

/* --- reading the request --- */

static char *
csr_pem (GBytes *csr)
{
  gsize len = 0;
  const char *data = csr ? g_bytes_get_data (csr, &len) : NULL;
  g_autofree char *base64 = NULL;

  if (len == 0 || len > PL_REQUEST_MAX)
    return NULL;
  if (data[0] == '-')
    return g_strndup (data, len);
  base64 = g_base64_encode ((const guint8 *) data, len);
  return g_strdup_printf ("-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n", base64);
}

static gboolean
matches (char **patterns, const char *aor)
{
  for (guint i = 0; patterns && patterns[i]; i++)
    if (g_pattern_match_simple (patterns[i], aor))
      return TRUE;
  return FALSE;
}

/* An address that mail can be sent to as it is, and that the policy lets in. */
static gboolean
name_allowed (PlDesk *desk, const char *aor)
{
  const PlPolicy *policy = desk->policy;

  for (const char *p = aor; *p; p++)
    if (!g_ascii_isalnum (*p) && !strchr ("@.!#$&'*+/=?^_{|}~-", *p))
      return FALSE;
  if (aor[0] == '-' || matches (policy->deny, aor))
    return FALSE;
  return !policy->allow || !policy->allow[0] || matches (policy->allow, aor);
}

/* How many are wanted; none said is one. */
static gboolean
read_node_ids (const char *text, guint most, guint *n)
{
  guint64 number = 1;

  if (text && *text && !g_ascii_string_to_unsigned (text, 10, 1, most, &number, NULL))
    return FALSE;
  *n = number;
  return TRUE;
}

/* NULL when all is well, else the token. */
static const char *
read_ask (PlDesk *desk, Visit *visit)
{
  const PlAsk *ask = visit->ask;
  g_autofree char *wish = NULL;
  g_autofree char *overlay = NULL;

  visit->csr = csr_pem (ask->csr);
  if (!visit->csr || !pl_request_read (visit->csr, &wish, &overlay, NULL))
    return BAD_CSR;
  visit->key_id = pl_request_dup_key_id (visit->csr, NULL);
  if (!visit->key_id || (overlay && !g_str_equal (overlay, desk->overlay)))
    return BAD_CSR;
  visit->aor = ask->username ? pl_aor_canonical (ask->username) : NULL;
  if (!visit->aor || (wish && !g_str_equal (wish, visit->aor)) || !name_allowed (desk, visit->aor))
    return NO_NAME;
  if (!read_node_ids (ask->nodeids, grant_of (desk, visit->aor)->node_ids, &visit->node_ids))
    return NO_NODES;
  if (desk->judge && !desk->judge (visit->aor, ask->client, visit->key_id, desk->judge_data))
    return NO_NAME;
  return NULL;
}

char *
pl_desk_ask (PlDesk *desk, const PlAsk *ask, const char **token, GError **error)
{
  g_auto (Visit) visit = { .ask = ask, .now = pl_env_wall (desk->env) / PL_USEC_PER_SEC };
  g_autoptr (GError) why = NULL;
  g_autofree char *pem = NULL;

  *token = read_ask (desk, &visit);
  if (*token || !pl_store_begin (desk->store, error))
    return NULL;
  pem = decide (desk, &visit, token, &why);
  /* Also what was refused leaves a trace: the try is counted. */
  if (!why && (!pl_store_in_step (desk->store) || pl_store_commit (desk->store, &why)))
    return g_steal_pointer (&pem);
  pl_store_rollback (desk->store);
  if (why)
    g_propagate_error (error, g_steal_pointer (&why));
  return NULL;
}

char *
pl_desk_link (PlDesk *desk, const char *link, gboolean confirm, char **fingerprint, GError **error)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, link, -1);
  g_autofree char *aor = pl_store_find_link (desk->store, hash, pl_env_wall (desk->env) / PL_USEC_PER_SEC, fingerprint, error);

  if (aor && confirm && !pl_store_set_code (desk->store, aor, *fingerprint, PL_CODE_CONFIRMED, 0, error))
    return NULL;
  return g_steal_pointer (&aor);
}
