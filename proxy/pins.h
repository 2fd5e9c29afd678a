/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which key a name had at first contact, for overlays whose names nobody certifies (RFC 6940 11.3.1).
 * A name that has a key is only that key's until the user says otherwise; others are kept beside it to
 * be shown. Newcomers never put out who is there. One file of an overlay, read at each question: the
 * daemon and the command line share it.
 */
#pragma once
#include "overlay/ident/cert.h"

G_BEGIN_DECLS

#define PL_PINS_MAX 4096          /* names; who calls us first gets at most a quarter */
#define PL_PINS_OTHERS_MAX 8      /* other keys of a name */
#define PL_PIN_HEX_LEN (2 * PL_KEY_FINGERPRINT_LEN)

typedef enum { PL_PIN_DIALLED, PL_PIN_CALLED_US, PL_PIN_ACCEPTED } PlPinHow;

/* A name. `key`: in hexadecimal, NULL: none is believed yet. */
typedef struct {
  char *aor, *key;
  char **others;                  /* hexadecimal, refused */
  gint64 since, refused;          /* seconds since 1970; `refused`: last time of one of the others, 0: never */
  PlPinHow how;
} PlPin;
void pl_pin_free (PlPin *pin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlPin, pl_pin_free)

/* TRUE: `key` (PL_KEY_FINGERPRINT_LEN bytes) is the name's, or it had none, and has this one now.
 * Otherwise it is noted and `error` says what happened and what to do. What can't be written is not
 * believed. */
gboolean pl_pins_meet (const char *path, const char *aor, const guint8 *key, PlPinHow how, gint64 now, GError **error);
/* For a look-up, with nothing proven: takes out of `keys` (hexadecimal) those that may not be dialled.
 * All go when a name without a key shows several. FALSE with `error` when none is left and there was one. */
gboolean pl_pins_filter (const char *path, const char *aor, GPtrArray *keys, gint64 now, GError **error);

/* NULL without error: the name is not known. */
PlPin *pl_pins_find (const char *path, const char *aor, GError **error);
/* PlPin, by name; never NULL. */
GPtrArray *pl_pins_list (const char *path, GError **error);
/* From now on it is this key's (hexadecimal). */
gboolean pl_pins_accept (const char *path, const char *aor, const char *key, gint64 now, GError **error);
/* FALSE with `error` also when it is not known. */
gboolean pl_pins_forget (const char *path, const char *aor, GError **error);
/* "12:34:..." of a hexadecimal key, caller's. */
char *pl_pins_show (const char *key);

G_END_DECLS
