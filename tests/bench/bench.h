/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What benchmarks share: time of the processor, the time spent in signatures, one line a result.
 */
#pragma once
#include <glib.h>
#include <time.h>

G_BEGIN_DECLS

/* Microseconds that a process has computed: of CLOCK_PROCESS_CPUTIME_ID or another's clock. */
double pl_bench_cpu (clockid_t clock);
/* Signatures made and verified so far in this process, certificates verified, and the microseconds
 * they took. */
typedef struct { guint signs, verifications, certs; double sign_usec, verify_usec, cert_usec; } PlBenchCrypto;
extern PlBenchCrypto pl_bench_crypto;
/* "name value unit". */
void pl_bench_print (const char *name, double value, const char *unit);
/* Sorts. */
double pl_bench_median (double *values, guint n);

G_END_DECLS
