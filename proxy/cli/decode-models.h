/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Data models of Kinds for `peerline decode`: the registered ones, those of the test vectors,
 * those given with --kind, and for others the one model that fits the bytes.
 */
#pragma once
#include "overlay/wire/body.h"

G_BEGIN_DECLS

typedef struct PlDecodeModels PlDecodeModels;

PlDecodeModels *pl_decode_models_new (void);
void pl_decode_models_free (PlDecodeModels *models);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlDecodeModels, pl_decode_models_free)

/* "0xF0000001:SINGLE" (or :ARRAY, :DICTIONARY, number of any base). */
gboolean pl_decode_models_add (PlDecodeModels *models, const char *text);

/* A PlModelFunc over `data`, a PlDecodeModels. */
PlDataModel pl_decode_models_of (guint32 kind, gpointer data);

/* As pl_body_read, trying models for Kinds that are not known. What fits none stays marked
 * unknown. Clear `out` also after an error. */
PlWireStatus pl_decode_body_read (PlDecodeModels *models, const PlBodyType *type, GBytes *body, gpointer out);

G_END_DECLS
