/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/support/pki.h"

#include "overlay/enroll/authority.h"
#include "tests/support/test.h"

struct PlTestPki {
  PlEnv *env;
  PlAuthority *authority;
  PlDocument *document;
  GHashTable *requests;   /* of identities, by the DER of their certificate */
};

static void
no_error (const GError *error)
{
  ck_assert_msg (error == NULL, "%s", error ? error->message : "");
}

static void
add_kind (GArray *kinds, guint32 id, PlDataModel model, PlAccess access, guint32 max_count)
{
  PlKind kind = { .id = id, .model = model, .access = access, .max_count = max_count, .max_size = PL_TEST_SIZE };

  for (guint i = 0; i < kinds->len; i++)
    if (g_array_index (kinds, PlKind, i).id == id)
      {
        g_array_index (kinds, PlKind, i).max_size = 8192; /* room for messages of many fragments */
        return;
      }
  kind.max_node_multiple = access == PL_ACCESS_NODE_MULTIPLE ? 4 : 0;
  g_array_append_val (kinds, kind);
}

static PlDocument *
document_new (PlAuthority *authority)
{
  PlDocument *document = pl_document_new (PL_TEST_OVERLAY);

  document->max_message_size = 16384;
  document->reliability_timer = 1000;
  document->chord_reactive = TRUE;
  document->clients_permitted = TRUE;
  g_ptr_array_add (document->root_certs, g_bytes_ref (pl_authority_cert_der (authority)));
  add_kind (document->kinds, PL_KIND_SIP_REGISTRATION, PL_DATA_DICTIONARY, PL_ACCESS_USER_NODE_MATCH, 16);
  add_kind (document->kinds, PL_KIND_CERTIFICATE_BY_NODE, PL_DATA_ARRAY, PL_ACCESS_NODE_MATCH, 16);
  add_kind (document->kinds, PL_KIND_CERTIFICATE_BY_USER, PL_DATA_ARRAY, PL_ACCESS_USER_MATCH, 16);
  add_kind (document->kinds, PL_KIND_TURN_SERVICE, PL_DATA_SINGLE, PL_ACCESS_NODE_MULTIPLE, 1);
  add_kind (document->kinds, PL_TEST_KIND_SINGLE, PL_DATA_SINGLE, PL_ACCESS_USER_MATCH, 1);
  add_kind (document->kinds, PL_TEST_KIND_ARRAY, PL_DATA_ARRAY, PL_ACCESS_USER_MATCH, PL_TEST_COUNT);
  add_kind (document->kinds, PL_TEST_KIND_DICTIONARY, PL_DATA_DICTIONARY, PL_ACCESS_USER_MATCH, PL_TEST_COUNT);
  add_kind (document->kinds, PL_TEST_KIND_NODE, PL_DATA_SINGLE, PL_ACCESS_NODE_MATCH, 1);
  add_kind (document->kinds, PL_TEST_KIND_MULTIPLE, PL_DATA_SINGLE, PL_ACCESS_NODE_MULTIPLE, 1);
  return document;
}

PlTestPki *
pl_test_pki_new (PlEnv *env)
{
  PlTestPki *pki = g_new0 (PlTestPki, 1);
  g_autoptr (GError) error = NULL;

  pki->env = env;
  pki->authority = pl_authority_new (env, PL_TEST_OVERLAY, &error);
  no_error (error);
  pki->document = document_new (pki->authority);
  pki->requests = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, g_free);
  return pki;
}

void
pl_test_pki_free (PlTestPki *pki)
{
  if (!pki)
    return;
  pl_document_free (pki->document);
  g_hash_table_unref (pki->requests);
  pl_authority_free (pki->authority);
  g_free (pki);
}

PlIdentity *
pl_test_pki_identity (PlTestPki *pki, const char *aor, const PlNodeId *node)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *key = pl_key_make (&error);
  g_autofree char *request = key ? pl_request_make (key, aor ? aor : "nobody@example.invalid", PL_TEST_OVERLAY, &error) : NULL;
  g_autofree char *cert = request ? pl_authority_issue (pki->authority, request, aor, node, &error) : NULL;
  PlIdentity *identity = cert ? pl_identity_new (key, cert, &error) : NULL;

  no_error (error);
  g_hash_table_insert (pki->requests, g_bytes_ref (pl_cert_der (pl_identity_cert (identity))), g_steal_pointer (&request));
  return identity;
}

PlIdentity *
pl_test_pki_renewed (PlTestPki *pki, PlIdentity *identity)
{
  PlCert *old = pl_identity_cert (identity);
  const char *request = g_hash_table_lookup (pki->requests, pl_cert_der (old));
  g_autoptr (GError) error = NULL;
  g_autofree char *cert = pl_authority_issue (pki->authority, request, pl_cert_aor (old), pl_identity_node_id (identity), &error);
  PlIdentity *renewed = cert ? pl_identity_with_cert (identity, cert, &error) : NULL;

  no_error (error);
  return renewed;
}

PlDocument *
pl_test_pki_document (PlTestPki *pki)
{
  return pki->document;
}

PlTrust *
pl_test_pki_trust (PlTestPki *pki, PlEnv *env)
{
  g_autoptr (GError) error = NULL;
  PlTrust *trust = pl_document_trust_new (pki->document, env, &error);

  no_error (error);
  return trust;
}

PlDataModel
pl_test_model (guint32 kind, gpointer document)
{
  const PlKind *def = pl_document_kind (document, kind);

  return def ? def->model : 0;
}
