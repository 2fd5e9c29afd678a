/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of this room share: GnuTLS behind the opaque types, algorithm codes, and a
 * bounded table of what was used last.
 */
#pragma once
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include "overlay/ident/cert.h"
#include "overlay/wire/data.h"

#define PL_SHA256_LEN 32
#define PL_RSA_BITS_MIN 2048

G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_crt_t, gnutls_x509_crt_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_privkey_t, gnutls_x509_privkey_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_privkey_t, gnutls_privkey_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_pubkey_t, gnutls_pubkey_deinit, NULL)

/* Borrowed. */
gnutls_pubkey_t pl_cert_pubkey (const PlCert *cert);
/* A fresh import of the DER; NULL on error. Not kept in PlCert: it takes some 20 kB. */
gnutls_x509_crt_t pl_crt_import (GBytes *der, GError **error);

/* What we sign and verify with a key: P-256 or RSA of at least 2048 bits, SHA-256. The TLS
 * SignatureAlgorithm code (PL_SIGN_...), or 0 for any other key. */
guint8 pl_pubkey_sign_alg (gnutls_pubkey_t key);
gnutls_sign_algorithm_t pl_sign_algorithm (guint8 sign_alg);

void pl_sha256 (const void *data, gsize len, guint8 *out);

/* --- least recently used: 32 byte keys; not for other rooms --- */

typedef struct PlLru PlLru;
/* `destroy` may be NULL. */
PlLru *pl_lru_new (guint max, GDestroyNotify destroy);
void pl_lru_free (PlLru *lru);
/* The value, which becomes the youngest; NULL when there is none. */
gpointer pl_lru_get (PlLru *lru, const guint8 *key);
/* Takes `value` (not NULL); the oldest goes when there are too many. */
void pl_lru_put (PlLru *lru, const guint8 *key, gpointer value);
/* For what is put later. */
void pl_lru_set_max (PlLru *lru, guint max);
void pl_lru_clear (PlLru *lru);
guint pl_lru_size (PlLru *lru);
