/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proxy/cli/decode-models.h"

#include <string.h>
#include "overlay/wire/store.h"

struct PlDecodeModels {
  GHashTable *known;  /* Kind -> PlDataModel; 0: no model fits */
  gboolean asked;     /* a Kind that is not known came up while reading */
  guint32 unknown;    /* the first such */
};

PlDecodeModels *
pl_decode_models_new (void)
{
  static const guint32 vector_kinds[] = { 0xf0000001, 0xf0000002, 0xf0000003 };
  PlDecodeModels *models = g_new0 (PlDecodeModels, 1);

  models->known = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (vector_kinds); i++)
    g_hash_table_insert (models->known, GUINT_TO_POINTER (vector_kinds[i]), GUINT_TO_POINTER (PL_DATA_SINGLE + i));
  return models;
}

void
pl_decode_models_free (PlDecodeModels *models)
{
  g_hash_table_unref (models->known);
  g_free (models);
}

gboolean
pl_decode_models_add (PlDecodeModels *models, const char *text)
{
  static const char *const names[] = { "SINGLE", "ARRAY", "DICTIONARY" };
  g_auto (GStrv) parts = g_strsplit (text, ":", 2);
  char *end;
  guint64 kind;

  if (g_strv_length (parts) != 2)
    return FALSE;
  kind = g_ascii_strtoull (parts[0], &end, 0);
  if (end == parts[0] || *end || kind > G_MAXUINT32)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (parts[1], names[i]) == 0)
      {
        g_hash_table_insert (models->known, GUINT_TO_POINTER ((guint) kind), GUINT_TO_POINTER (PL_DATA_SINGLE + i));
        return TRUE;
      }
  return FALSE;
}

PlDataModel
pl_decode_models_of (guint32 kind, gpointer data)
{
  PlDecodeModels *models = data;
  gpointer model;

  if (g_hash_table_lookup_extended (models->known, GUINT_TO_POINTER (kind), NULL, &model))
    return (PlDataModel) GPOINTER_TO_UINT (model);
  if (pl_kind_standard_model (kind, NULL))
    return pl_kind_standard_model (kind, NULL);
  if (!models->asked)
    models->unknown = kind;
  models->asked = TRUE;
  return 0;
}

static PlWireStatus
read_once (PlDecodeModels *models, const PlBodyType *type, GBytes *body, gpointer out)
{
  models->asked = FALSE;
  return pl_body_read (type, body, pl_decode_models_of, models, out);
}

/* Finds the model under which the whole body still reads. */
static void
settle (PlDecodeModels *models, const PlBodyType *type, GBytes *body, guint32 kind)
{
  g_autofree gpointer trial = g_malloc0 (MAX (type->size, 1));

  for (guint model = PL_DATA_SINGLE; model <= PL_DATA_DICTIONARY; model++)
    {
      PlWireStatus status;

      g_hash_table_insert (models->known, GUINT_TO_POINTER (kind), GUINT_TO_POINTER (model));
      status = read_once (models, type, body, trial);
      pl_body_clear (type, trial);
      if (status == PL_WIRE_OK)
        return;
    }
  g_hash_table_insert (models->known, GUINT_TO_POINTER (kind), NULL);
}

PlWireStatus
pl_decode_body_read (PlDecodeModels *models, const PlBodyType *type, GBytes *body, gpointer out)
{
  PlWireStatus status = read_once (models, type, body, out);

  while (status == PL_WIRE_OK && models->asked)
    {
      guint32 kind = models->unknown;

      pl_body_clear (type, out);
      settle (models, type, body, kind);
      g_printerr ("peerline decode: Kind %u is not known here; its data model is taken from the bytes (--kind gives it)\n", kind);
      status = read_once (models, type, body, out);
    }
  return status;
}
