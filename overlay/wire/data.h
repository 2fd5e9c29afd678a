/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signatures, stored values and their metadata (RFC 6940, sections 6.3.4, 7, 7.1, 7.2 and
 * 7.4.3.2), and the exact bytes signatures are made over.
 *
 * In all structs: GBytes are owned, NULL is empty; GArrays are owned, NULL is empty when
 * written, never NULL after a good read. _read returns FALSE with the reader's error set and
 * leaves a struct that _clear takes. _clear also takes a zeroed struct.
 */
#pragma once
#include "overlay/wire/reader.h"
#include "overlay/wire/writer.h"

G_BEGIN_DECLS

/* TLS registries (RFC 5246, section 7.4.1.4.1); only sha256 is accepted in signatures. */
enum { PL_HASH_NONE = 0, PL_HASH_SHA1 = 2, PL_HASH_SHA256 = 4, PL_HASH_SHA384 = 5, PL_HASH_SHA512 = 6 };
enum { PL_SIGN_ANONYMOUS = 0, PL_SIGN_RSA = 1, PL_SIGN_ECDSA = 3 };

typedef enum {
  PL_SIGNER_CERT_HASH = 1,
  PL_SIGNER_CERT_HASH_NODE_ID = 2,
  PL_SIGNER_NONE = 3,
} PlSignerIdentityType;

typedef struct {
  guint8 type;       /* PlSignerIdentityType; of another the value is kept in `hash` */
  guint8 hash_alg;
  GBytes *hash;      /* certificate_hash or certificate_node_id_hash */
} PlSignerIdentity;

gboolean pl_signer_identity_read (PlReader *reader, PlSignerIdentity *identity);
void pl_signer_identity_write (PlWriter *writer, const PlSignerIdentity *identity);
void pl_signer_identity_clear (PlSignerIdentity *identity);
void pl_signer_identity_copy (PlSignerIdentity *copy, const PlSignerIdentity *identity);

typedef struct {
  guint8 hash_alg;   /* algorithm */
  guint8 sign_alg;
  PlSignerIdentity identity;
  GBytes *value;     /* signature_value */
} PlSignature;

gboolean pl_signature_read (PlReader *reader, PlSignature *signature);
void pl_signature_write (PlWriter *writer, const PlSignature *signature);
void pl_signature_clear (PlSignature *signature);
void pl_signature_copy (PlSignature *copy, const PlSignature *signature);
/* {0, 0}, identity none, empty: for values that don't exist (7.4.2.2). */
void pl_signature_init_none (PlSignature *signature);
gboolean pl_signature_is_none (const PlSignature *signature);

typedef struct {
  gboolean exists;
  GBytes *value;
} PlDataValue;

typedef struct {
  PlDataModel model;
  guint32 index;     /* array; PL_ARRAY_APPEND puts it at the end */
  GBytes *key;       /* dictionary */
  PlDataValue value;
} PlStoredDataValue;

#define PL_ARRAY_APPEND 0xffffffffu

gboolean pl_stored_data_value_read (PlReader *reader, PlDataModel model, PlStoredDataValue *value);
void pl_stored_data_value_write (PlWriter *writer, const PlStoredDataValue *value);
void pl_stored_data_value_clear (PlStoredDataValue *value);
void pl_stored_data_value_copy (PlStoredDataValue *copy, const PlStoredDataValue *value);
/* Same place: single always, array by index, dictionary by key. */
gboolean pl_stored_data_value_same_entry (const PlStoredDataValue *a, const PlStoredDataValue *b);

typedef struct {
  guint64 storage_time;      /* milliseconds since 1970 */
  guint32 lifetime;          /* seconds from receipt */
  PlStoredDataValue value;
  PlSignature signature;
  GBytes *value_bytes;       /* the encoding of `value` as received; NULL when made here. Clear
                              * it after changing `value`. */
} PlStoredData;

gboolean pl_stored_data_read (PlReader *reader, PlDataModel model, PlStoredData *data);
void pl_stored_data_write (PlWriter *writer, const PlStoredData *data);
void pl_stored_data_clear (PlStoredData *data);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlStoredData, pl_stored_data_clear)
void pl_stored_data_copy (PlStoredData *copy, const PlStoredData *data);
/* Bytes of the value alone, as quotas count them. */
gsize pl_stored_data_size (const PlStoredData *data);

typedef struct {
  PlDataModel model;
  guint32 index;
  GBytes *key;
  gboolean exists;
  guint32 value_length;
  guint8 hash_algorithm;
  GBytes *hash_value;
} PlMetaDataValue;

typedef struct {
  guint64 storage_time;
  guint32 lifetime;
  PlMetaDataValue metadata;
} PlStoredMetaData;

gboolean pl_stored_meta_data_read (PlReader *reader, PlDataModel model, PlStoredMetaData *data);
void pl_stored_meta_data_write (PlWriter *writer, const PlStoredMetaData *data);
void pl_stored_meta_data_clear (PlStoredMetaData *data);
/* What Stat says of a value: SHA-256 over its four length bytes and the value (7.4.3.2). */
void pl_stored_meta_data_from (PlStoredMetaData *meta, const PlStoredData *data);

/* --- signature inputs --- */

/* overlay || transaction_id || MessageContents || SignerIdentity (6.3.4). Caller's. */
GBytes *pl_message_signature_input (guint32 overlay, guint64 transaction_id, const guint8 *contents, gsize len,
                                    const PlSignerIdentity *identity);
/* resource_id || kind || storage_time || StoredDataValue || SignerIdentity (7.1), the Resource-ID
 * without its length byte, the value as received. PL_ARRAY_APPEND counts as index 0; with
 * `zero_index` every array index does, for values that were appended and fetched with the
 * index they got (7.4.2.2): verify with FALSE first, then with TRUE. Caller's. */
GBytes *pl_value_signature_input (const PlResourceId *resource, guint32 kind, const PlStoredData *data,
                                  const PlSignerIdentity *identity, gboolean zero_index);

/* --- Kinds every node knows (14.6; RFC 7904) --- */

#define PL_KIND_SIP_REGISTRATION 1u
#define PL_KIND_TURN_SERVICE 2u
#define PL_KIND_CERTIFICATE_BY_NODE 3u
#define PL_KIND_CERTIFICATE_BY_USER 16u
/* A PlModelFunc for these four; `data` is ignored. */
PlDataModel pl_kind_standard_model (guint32 kind, gpointer data);

G_END_DECLS
