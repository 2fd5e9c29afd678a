/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For targets over formats with one encoding: what is taken must write back the same bytes.
 */
#pragma once
#include <glib.h>
#include "tests/fuzz/fuzz.h"

/* Stops the run when `written` is NULL or other bytes than `data`. */
void pl_fuzz_same (const uint8_t *data, size_t size, GBytes *written);
