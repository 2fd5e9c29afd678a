/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A fuzz target is one file with this function. `make check` links it with replay.c and feeds
 * it tests/fuzz/corpus/<target>/; with clang the same file is linked with -fsanitize=fuzzer.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len);
