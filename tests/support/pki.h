/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One overlay's authority, document and any number of identities (P-256), made on the spot.
 */
#pragma once
#include "overlay/enroll/document.h"
#include "overlay/ident/identity.h"
#include "overlay/ident/trust.h"
#include "overlay/wire/store.h"

G_BEGIN_DECLS

typedef struct PlTestPki PlTestPki;

#define PL_TEST_OVERLAY "test.example.org"
/* Private Kinds of the document: single, array, dictionary with USER-MATCH; single with
 * NODE-MATCH; single with NODE-MULTIPLE up to 4. max-count 4, max-size 200. */
#define PL_TEST_KIND_SINGLE 0xf0000001u
#define PL_TEST_KIND_ARRAY 0xf0000002u
#define PL_TEST_KIND_DICTIONARY 0xf0000003u
#define PL_TEST_KIND_NODE 0xf0000004u
#define PL_TEST_KIND_MULTIPLE 0xf0000005u
#define PL_TEST_COUNT 4
#define PL_TEST_SIZE 200

/* `env` is borrowed: its wall clock dates the certificates. Fails the test on error. */
PlTestPki *pl_test_pki_new (PlEnv *env);
void pl_test_pki_free (PlTestPki *pki);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlTestPki, pl_test_pki_free)

/* For `aor` (canonical, or NULL), with a random Node-ID or this one. Own reference. */
PlIdentity *pl_test_pki_identity (PlTestPki *pki, const char *aor, const PlNodeId *node);
/* Another certificate for the key, user and Node-ID of an identity made here. Own reference. */
PlIdentity *pl_test_pki_renewed (PlTestPki *pki, PlIdentity *identity);
/* Borrowed; max-message-size 16384, reliability timer 1000 ms, reactive, clients permitted. May
 * be changed before it is used. */
PlDocument *pl_test_pki_document (PlTestPki *pki);
PlTrust *pl_test_pki_trust (PlTestPki *pki, PlEnv *env); /* caller's */
/* A PlModelFunc; `document` is a PlDocument. */
PlDataModel pl_test_model (guint32 kind, gpointer document);

G_END_DECLS
